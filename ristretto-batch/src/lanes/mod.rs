//! The batch algorithms, written once for every vector backend.
//!
//! A backend gives a field with several independent elements in the lanes of its registers
//! ([`Lanes`]) and out-of-line copies of the stages compiled for its processor ([`Kernel`]). What
//! is here never looks into a register: it decodes, maps, multiplies and encodes by field
//! operations, the same for each lane, and so in time independent of every value.
//!
//! Two types carry the bounds. An [`Operand`](Lanes::Operand) may be multiplied and has no
//! addition; a [`Wide`](Lanes::Wide) is an uncarried sum of products, on which additions act. So
//! one adds first and carries once. A [`sub`](Lanes::sub) needs a left side made by one of the
//! functions that leave room, the `minuend`s, and a right side that is a single product or
//! widened operand. The plain-integer model checks each of these rules on every path.

mod constants;
mod edwards;
mod elligator;
mod invert;
mod kernel;
mod ladder;
mod radix29;
mod radix52;
mod ristretto;
mod sha512;
mod stages;
mod sum;
mod vector;

pub(crate) use constants::Constant;
pub(crate) use edwards::{Extended, add_points, double_point};
pub(crate) use elligator::{Mapped, affine, map};
pub(crate) use invert::{invert_batch, power_p58, square_times};
pub(crate) use kernel::{kernel, stage, stages};
pub(crate) use ladder::{Bits, half_product};
pub(crate) use radix29::Radix29;
pub(crate) use radix52::Radix52;
pub(crate) use ristretto::{Decoded, Doubling, decode, decode_rows, encode};
pub(crate) use sha512::{Recipe, Words, hash, hash_each};
pub(crate) use stages::{hash_multiply, map_multiply, multiply};
pub(crate) use sum::{
    Bucket, Stretches, Window, collect_buckets, encode_point, fill_buckets, merge, vartime_sums,
};
pub(crate) use vector::{Fused, Halves, LANES_MAX, Opaque, Vector};

use crate::Encoded;

/// Field arithmetic modulo 2^255 − 19, on one field element in each lane.
///
/// A value of the implementing type is a token: it exists only where the processor has the
/// features that its methods use.
pub(crate) trait Lanes: Copy {
    /// An exact sum of products, not carried.
    type Wide: Copy;
    /// A carried value below about 2^255, fit to be multiplied.
    type Operand: Copy;
    /// A multiplicand prepared for many multiplications.
    type Fixed: Copy;
    /// One lane of three operands, in memory.
    type Row: Copy + Default;
    /// The token for hashing messages in lanes.
    type Hasher: Words;

    /// Field elements in one operand, at most [`LANES_MAX`].
    const LANES: usize;

    fn constant(self, value: Constant) -> Self::Operand;
    fn mul(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide;
    /// A product that has room for one subtraction.
    fn mul_minuend(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide;
    fn square(self, a: &Self::Operand) -> Self::Wide;
    /// A square that has room for one subtraction.
    fn square_minuend(self, a: &Self::Operand) -> Self::Wide;
    fn fix(self, a: &Self::Operand) -> Self::Fixed;
    fn mul_fixed(self, a: &Self::Operand, b: &Self::Fixed) -> Self::Wide;
    /// `onto` plus `factor` times `a`; the factor is below 2^20.
    fn mul_small(self, onto: Self::Wide, a: &Self::Operand, factor: u32) -> Self::Wide;
    fn widen(self, a: &Self::Operand) -> Self::Wide;
    /// A widened operand that has room for one subtraction.
    fn minuend(self, a: &Self::Operand) -> Self::Wide;
    fn add(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn sub(self, a: Self::Wide, b: Self::Wide) -> Self::Wide;
    fn carry(self, a: Self::Wide) -> Self::Operand;
    /// In each lane `yes` where the bit of `mask` is set, else `no`.
    fn select(self, mask: u8, yes: &Self::Operand, no: &Self::Operand) -> Self::Operand;
    /// Bits of the lanes that hold zero modulo p.
    fn zeros(self, a: &Self::Operand) -> u8;
    /// Bits of the lanes whose canonical value is odd.
    fn negatives(self, a: &Self::Operand) -> u8;
    /// Reads little-endian values; bit 255 is ignored. Takes [`LANES`](Self::LANES) of them.
    fn load(self, bytes: &[[u8; 32]]) -> Self::Operand;
    /// Writes canonical little-endian values, one for each lane.
    fn store(self, a: &Self::Operand, bytes: &mut [[u8; 32]]);
    /// Writes each lane to its own row.
    fn scatter(self, operands: [&Self::Operand; 3], rows: &mut [Self::Row]);
    /// Reads each lane from its own row, in variable time.
    fn gather(self, rows: &[&Self::Row]) -> [Self::Operand; 3];
    /// Asks the processor to have a row at hand.
    fn prefetch(self, row: &Self::Row);
    fn hasher(self) -> Self::Hasher;

    /// The carried product.
    #[inline(always)]
    fn product(self, a: &Self::Operand, b: &Self::Operand) -> Self::Operand {
        self.carry(self.mul(a, b))
    }

    /// The carried square.
    #[inline(always)]
    fn squared(self, a: &Self::Operand) -> Self::Operand {
        self.carry(self.square(a))
    }

    /// The sum of two operands.
    #[inline(always)]
    fn sum(self, a: &Self::Operand, b: &Self::Operand) -> Self::Operand {
        self.carry(self.add(self.widen(a), self.widen(b)))
    }

    /// The difference of two operands.
    #[inline(always)]
    fn difference(self, a: &Self::Operand, b: &Self::Operand) -> Self::Operand {
        self.carry(self.sub(self.minuend(a), self.widen(b)))
    }

    /// The negated value in the lanes of `mask`.
    #[inline(always)]
    fn negate_if(self, mask: u8, a: &Self::Operand) -> Self::Operand {
        let negated = self.difference(&self.constant(Constant::ZERO), a);
        self.select(mask, &negated, a)
    }

    /// The non-negative one of `a` and `-a`.
    #[inline(always)]
    fn absolute(self, a: &Self::Operand) -> Self::Operand {
        self.negate_if(self.negatives(a), a)
    }
}

/// The stages of a batch, each compiled once, out of line, for the features of its backend.
pub(crate) trait Kernel: Lanes {
    /// The carried product, out of line: for code that runs once for a point.
    fn call_product(self, a: &Self::Operand, b: &Self::Operand) -> Self::Operand;
    /// The carried square, out of line.
    fn call_square(self, a: &Self::Operand) -> Self::Operand;
    fn square_times(self, values: &mut [Self::Operand], times: u32);
    fn power_p58(self, values: &mut Four<Self::Operand>);
    fn invert_batch(self, values: &mut [Self::Operand], prefixes: &mut [Self::Operand]);
    /// Decodes four operands' worth of encodings; returns the bits of the good ones.
    fn decode(self, encodings: &[Encoded], decoded: &mut Four<Decoded<Self>>) -> u32;
    /// Hashes one operand's worth of messages, or fewer, to 64 bytes each.
    fn hash(self, messages: &[&[u8]], recipe: &Recipe, out: &mut [[u8; 64]]);
    /// Maps two operands' worth of uniform bytes.
    fn map(self, uniform: &[[u8; 64]], mapped: &mut [Mapped<Self>]);
    fn affine(self, mapped: &Mapped<Self>, inverse: &Self::Operand) -> Decoded<Self>;
    fn half_product(self, point: &Decoded<Self>, bits: &Bits) -> Doubling<Self>;
    fn encode(self, double: &Doubling<Self>, inverse: &Self::Operand, out: &mut [Encoded]);
    fn add_points(self, a: &Extended<Self>, b: &Extended<Self>) -> Extended<Self>;
    fn double_point(self, a: &Extended<Self>) -> Extended<Self>;
    /// Decodes four operands' worth of public encodings to rows of a table.
    fn decode_rows(self, encodings: &[Encoded], rows: &mut [Self::Row]) -> u32;
    fn fill_buckets(self, table: &[Self::Row], window: &Window, buckets: &mut [Bucket<Self::Row>]);
    fn collect_buckets(self, buckets: &[Bucket<Self::Row>], bits: u32, sums: &mut Stretches<Self>);
    fn merge(self, sums: &Stretches<Self>, buckets: usize, total: &mut Extended<Self>);
    fn encode_point(self, point: &Extended<Self>, out: &mut [Encoded]);
}

/// Operands that pass through a long power together: their chains overlap.
pub(crate) type Four<T> = [T; 4];

/// [`Lanes::product`], for [`Kernel::call_product`].
#[inline(always)]
pub(crate) fn call_product<F: Lanes>(f: F, a: &F::Operand, b: &F::Operand) -> F::Operand {
    f.product(a, b)
}

/// [`Lanes::squared`], for [`Kernel::call_square`].
#[inline(always)]
pub(crate) fn call_square<F: Lanes>(f: F, a: &F::Operand) -> F::Operand {
    f.squared(a)
}

/// Four little-endian words of one 32-byte string for each lane.
#[inline(always)]
fn words_of<T: Vector>(f: T, bytes: &[[u8; 32]]) -> [T::Word; 4] {
    let mut columns = [[0u64; LANES_MAX]; 4];
    for (lane, bytes) in bytes[..T::LANES].iter().enumerate() {
        for (column, bytes) in columns.iter_mut().zip(bytes.as_chunks().0) {
            column[lane] = u64::from_le_bytes(*bytes);
        }
    }
    let [c0, c1, c2, c3] = &columns;
    [f.pack(c0), f.pack(c1), f.pack(c2), f.pack(c3)]
}

/// Writes four little-endian words of each lane.
#[inline(always)]
fn bytes_of<T: Vector>(f: T, [w0, w1, w2, w3]: [T::Word; 4], bytes: &mut [[u8; 32]]) {
    let columns = [f.unpack(w0), f.unpack(w1), f.unpack(w2), f.unpack(w3)];
    for (lane, bytes) in bytes[..T::LANES].iter_mut().enumerate() {
        for (column, bytes) in columns.iter().zip(bytes.as_chunks_mut().0) {
            *bytes = column[lane].to_le_bytes();
        }
    }
}
