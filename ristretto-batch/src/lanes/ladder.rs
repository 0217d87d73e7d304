//! The Montgomery ladder, one scalar for all lanes or one for each.
//!
//! x-only, with the affine point as fixed difference: no tables, no secret addresses, no secret
//! branches, and 253 equal steps whatever the scalar. A scalar reaches it as one mask for each
//! step, saying in which lanes the two running points change roles.

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::ristretto::doubling;
use super::{Constant, Decoded, Doubling, Kernel, LANES_MAX, Lanes};
use crate::scalar::Words;

/// The bits of half scalars, as masks over the lanes; erased when dropped.
#[derive(ZeroizeOnDrop)]
pub(crate) struct Bits {
    /// Bit i XOR bit i + 1 of each lane's scalar.
    flips: [u8; SCALAR_BITS],
    /// Bit 0 of each lane's scalar.
    last: u8,
}

impl Bits {
    /// The same scalar in every lane.
    pub(crate) fn one(scalar: &Words) -> Self {
        Self::each([scalar; LANES_MAX])
    }

    /// Lane i has scalar i.
    pub(crate) fn each(scalars: [&Words; LANES_MAX]) -> Self {
        let mut columns = [0u8; SCALAR_BITS + 1];
        for (lane, scalar) in scalars.iter().enumerate() {
            for (columns, word) in columns.chunks_mut(64).zip(*scalar) {
                for (bit, column) in columns.iter_mut().enumerate() {
                    *column |= ((word >> bit & 1) as u8) << lane;
                }
            }
        }
        let flips = core::array::from_fn(|i| columns[i] ^ columns[i + 1]);
        let bits = Bits { flips, last: columns[0] };
        columns.zeroize();
        bits
    }
}

/// Multiplies each lane's point by its scalar and prepares the doubled product for encoding.
///
/// Right for every scalar but 0 and ±1 and every point but those of small order; such a lane
/// gives zeros, or another point, and spoils no other lane.
#[inline(always)]
pub(crate) fn half_product<F: Kernel>(f: F, point: &Decoded<F>, bits: &Bits) -> Doubling<F> {
    let u = f.fix(&point.u);
    let one = f.constant(Constant::ONE);
    // Sum and difference of the projective coordinates, of the neutral point and of the point.
    let mut doubled = (one, one);
    let mut added = (f.sum(&point.u, &one), f.difference(&point.u, &one));
    for i in (0..SCALAR_BITS).rev() {
        // The barrier keeps the optimizer from knowing anything about a mask.
        let flip = core::hint::black_box(bits.flips[i]);
        (doubled, added) = step(f, &u, flip, &doubled, &added);
    }
    let doubled = unmixed(f, &doubled);
    let added = unmixed(f, &added);
    let last = core::hint::black_box(bits.last);
    let product = select(f, last, &added, &doubled);
    let next = select(f, last, &doubled, &added);
    recovered(f, point, &product, &next)
}

/// Doubles one of the running points, chosen by `flip`, and adds the two.
#[inline(always)]
fn step<F: Lanes>(
    f: F,
    u: &F::Fixed,
    flip: u8,
    (a, b): &Pair<F>,
    (c, d): &Pair<F>,
) -> (Pair<F>, Pair<F>) {
    // The doubling and the addition are independent of each other. They are written in turns,
    // because a processor looks ahead by about one multiplication only.
    let (p, q) = select(f, flip, &(*c, *d), &(*a, *b));
    let da = f.mul_minuend(d, a);
    let pp = f.square_minuend(&p);
    let cb = f.mul(c, b);
    let qq = f.square(&q);
    let sum = f.carry(f.add(da, cb));
    let apart = f.carry(f.sub(pp, qq));
    let difference = f.carry(f.sub(da, cb));
    // The doubled Z is E·(PP + 121665·E), with E = PP − QQ.
    let scaled = f.carry(f.mul_small(pp, &apart, A_MINUS_2_QUARTER));
    let difference_squared = f.squared(&difference);
    let doubled_x = f.mul_minuend(&f.carry(pp), &f.carry(qq));
    let added_x = f.square_minuend(&sum);
    let doubled_z = f.mul(&apart, &scaled);
    let added_z = f.mul_fixed(&difference_squared, u);
    (mixed(f, doubled_x, doubled_z), mixed(f, added_x, added_z))
}

/// Sum and difference of two products, the first with room for the second.
#[inline(always)]
fn mixed<F: Lanes>(f: F, x: F::Wide, z: F::Wide) -> Pair<F> {
    (f.carry(f.add(x, z)), f.carry(f.sub(x, z)))
}

/// Projective X and Z, both times 2, from their sum and difference.
#[inline(always)]
fn unmixed<F: Lanes>(f: F, (sum, difference): &Pair<F>) -> Pair<F> {
    (f.sum(sum, difference), f.difference(sum, difference))
}

#[inline(always)]
fn select<F: Lanes>(f: F, mask: u8, yes: &Pair<F>, no: &Pair<F>) -> Pair<F> {
    (f.select(mask, &yes.0, &no.0), f.select(mask, &yes.1, &no.1))
}

/// Recovers the missing coordinate by the formula of Okeya and Sakurai, from the point P, the
/// product Q and P + Q, and goes back to Edwards coordinates.
#[inline(always)]
fn recovered<F: Kernel>(
    f: F,
    point: &Decoded<F>,
    (x, z): &Pair<F>,
    (next_x, next_z): &Pair<F>,
) -> Doubling<F> {
    let uz = f.mul(&point.u, z);
    let difference = f.carry(f.sub(f.minuend(x), uz));
    let twice_az = f.mul_small(f.widen(&f.constant(Constant::ZERO)), z, TWICE_A);
    let sum = f.carry(f.add(f.add(f.widen(x), uz), twice_az));
    let cross = f.carry(f.add(f.mul(&point.u, x), f.widen(z)));
    let left = f.sub(f.mul_minuend(&sum, &cross), f.mul(&f.carry(twice_az), z));
    let right = f.mul(&f.call_square(&difference), next_x);
    let montgomery_y = f.carry(f.sub(f.mul_minuend(&f.carry(left), next_z), right));
    let scale = f.call_product(&f.call_product(&f.sum(&point.v, &point.v), z), next_z);
    let montgomery_x = f.mul_minuend(&scale, x);
    let montgomery_z = f.mul(&scale, z);
    let plus = f.carry(f.add(montgomery_x, montgomery_z));
    let minus = f.carry(f.sub(montgomery_x, montgomery_z));
    doubling(f, &f.carry(montgomery_x), &montgomery_y, &plus, &minus)
}

/// Two operands that belong together.
type Pair<F> = (<F as Lanes>::Operand, <F as Lanes>::Operand);

/// Scalars are below ℓ, so below 2^253.
const SCALAR_BITS: usize = 253;

/// (A − 2)/4 of curve25519, where A = 486662.
const A_MINUS_2_QUARTER: u32 = 121_665;

const TWICE_A: u32 = 973_324;
