//! Offers of a processor: the few instructions under the field arithmetic.
//!
//! The field code is written over these traits, so the plain-integer model runs the very same
//! formulas as the registers do and can follow the bounds of every limb through them.

/// Words of 64 bits, one in each lane, and the instructions common to all backends.
///
/// A value of the implementing type is a token: it exists only where the processor has the
/// features that its methods use.
pub(crate) trait Vector: Copy {
    type Word: Copy;

    /// Words in one vector, at most [`LANES_MAX`].
    const LANES: usize;

    fn broadcast(self, word: u64) -> Self::Word;
    fn pack(self, lanes: &[u64; LANES_MAX]) -> Self::Word;
    fn unpack(self, a: Self::Word) -> [u64; LANES_MAX];
    /// The sum; it fits 64 bits.
    fn plus(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// The difference; it is not negative.
    fn minus(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn and(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn or(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn left<const BITS: i32>(self, a: Self::Word) -> Self::Word;
    fn right<const BITS: i32>(self, a: Self::Word) -> Self::Word;
    /// In each lane `yes` where the bit of `mask` is set, else `no`.
    fn blend(self, mask: u8, yes: Self::Word, no: Self::Word) -> Self::Word;
    /// Bits of the lanes that are zero.
    fn zeros(self, a: Self::Word) -> u8;
}

/// Fused multiplication of 52-bit digits; bits 52 to 63 of the factors do not matter.
pub(crate) trait Fused: Vector {
    /// One lane of three operands, fifteen limbs, in memory.
    type Row: Copy + Default;

    /// `onto` plus the low 52 bits of the product.
    fn low(self, onto: Self::Word, a: Self::Word, b: Self::Word) -> Self::Word;
    /// `onto` plus the product, which has no more than 52 bits.
    fn whole(self, onto: Self::Word, a: Self::Word, b: Self::Word) -> Self::Word;
    /// `onto` plus the high 52 bits of the product.
    fn high(self, onto: Self::Word, a: Self::Word, b: Self::Word) -> Self::Word;
    fn scatter(self, columns: [Self::Word; 15], rows: &mut [Self::Row]);
    /// Reads each lane from its own row, in variable time.
    fn gather(self, rows: &[&Self::Row]) -> [Self::Word; 15];
    /// Asks the processor to have a row at hand.
    fn prefetch(self, row: &Self::Row);
}

/// Multiplication of 32-bit halves.
pub(crate) trait Halves: Vector {
    /// One lane of three operands, 27 limbs, in memory.
    type Row: Copy + Default;

    /// The product of two words below 2^32.
    fn times(self, a: Self::Word, b: Self::Word) -> Self::Word;
    /// A constant that the optimizer must not see through.
    fn opaque(self, constant: Opaque) -> Self::Word;
    fn scatter(self, columns: [Self::Word; 27], rows: &mut [Self::Row]);
    /// Reads each lane from its own row, in variable time.
    fn gather(self, rows: &[&Self::Row]) -> [Self::Word; 27];
    /// Asks the processor to have a row at hand.
    fn prefetch(self, row: &Self::Row);
}

/// Constants of the 29-bit radix that have to stay opaque.
#[derive(Clone, Copy)]
pub(crate) enum Opaque {
    Limb,
    Top,
    Fold,
}

impl Opaque {
    pub(crate) const fn word(self) -> u64 {
        match self {
            Opaque::Limb => (1 << 29) - 1,
            Opaque::Top => (1 << 23) - 1,
            Opaque::Fold => 1_216,
        }
    }
}

/// The most lanes that any backend has.
pub(crate) const LANES_MAX: usize = 8;
