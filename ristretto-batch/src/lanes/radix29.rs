//! The field in nine limbs of 29 bits, for processors that multiply 32 bits by 32 bits.
//!
//! Limbs of 29 bits leave room for nine products in a column of 64, with a subtraction and an
//! addition or two on top, and 2^261 = 1216 folds the high half of a product. Limb bounds: an
//! [`Operand`] has limbs below 2^29, limb 1 below 2^29 + 2^18, limb 8 below 2^23. A [`Wide`] has
//! exact limbs below 2^64.

use super::vector::{Halves, Opaque, Vector};
use super::{Constant, Lanes, Words};

/// The field over a token that multiplies halves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Radix29<T>(pub(crate) T);

/// An exact sum of products.
#[derive(Clone, Copy)]
pub(crate) struct Wide<W>([W; 9]);

/// A carried value, fit to be multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Operand<W>([W; 9]);

/// Adds the listed limb products to the columns they belong to.
macro_rules! accumulate {
    ($f:ident, $c:ident, $a:expr, $b:expr; $(($i:literal: $($j:literal)+)),+) => {
        $($( $c[$i + $j] = $f.plus($c[$i + $j], $f.times($a[$i], $b[$j])); )+)+
    };
}

impl<T: Halves + Words> Lanes for Radix29<T> {
    type Wide = Wide<<T as Vector>::Word>;
    type Operand = Operand<<T as Vector>::Word>;
    type Fixed = Operand<<T as Vector>::Word>;
    type Row = T::Row;
    type Hasher = T;

    const LANES: usize = T::LANES;

    #[inline(always)]
    fn constant(self, value: Constant) -> Self::Operand {
        let [w0, w1, w2, w3] = value.0;
        Operand(self.broadcast_each([
            w0 & LIMB,
            w0 >> 29 & LIMB,
            (w0 >> 58 | w1 << 6) & LIMB,
            w1 >> 23 & LIMB,
            (w1 >> 52 | w2 << 12) & LIMB,
            w2 >> 17 & LIMB,
            (w2 >> 46 | w3 << 18) & LIMB,
            w3 >> 11 & LIMB,
            w3 >> 40,
        ]))
    }

    #[inline(always)]
    fn mul(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide {
        self.mul_onto([self.0.broadcast(0); 9], a, b)
    }

    #[inline(always)]
    fn mul_minuend(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide {
        self.mul_onto(self.broadcast_each(BIAS), a, b)
    }

    #[inline(always)]
    fn square(self, a: &Self::Operand) -> Self::Wide {
        self.square_onto([self.0.broadcast(0); 9], a)
    }

    #[inline(always)]
    fn square_minuend(self, a: &Self::Operand) -> Self::Wide {
        self.square_onto(self.broadcast_each(BIAS), a)
    }

    #[inline(always)]
    fn fix(self, a: &Self::Operand) -> Self::Operand {
        *a
    }

    #[inline(always)]
    fn mul_fixed(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide {
        self.mul(a, b)
    }

    #[inline(always)]
    fn mul_small(self, onto: Self::Wide, a: &Self::Operand, factor: u32) -> Self::Wide {
        let f = self.0;
        // The barrier keeps the product a product, as in `Halves::opaque`.
        let factor = core::hint::black_box(f.broadcast(u64::from(factor)));
        let mut c = onto;
        for (column, limb) in c.0.iter_mut().zip(a.0) {
            *column = f.plus(*column, f.times(limb, factor));
        }
        c
    }

    #[inline(always)]
    fn widen(self, a: &Self::Operand) -> Self::Wide {
        Wide(a.0)
    }

    #[inline(always)]
    fn minuend(self, a: &Self::Operand) -> Self::Wide {
        self.add(Wide(a.0), Wide(self.broadcast_each(BIAS)))
    }

    #[inline(always)]
    fn add(self, a: Self::Wide, b: Self::Wide) -> Self::Wide {
        let mut sum = a;
        for (limb, b) in sum.0.iter_mut().zip(b.0) {
            *limb = self.0.plus(*limb, b);
        }
        sum
    }

    #[inline(always)]
    fn sub(self, a: Self::Wide, b: Self::Wide) -> Self::Wide {
        let mut difference = a;
        for (limb, b) in difference.0.iter_mut().zip(b.0) {
            *limb = self.0.minus(*limb, b);
        }
        difference
    }

    #[inline(always)]
    fn carry(self, a: Self::Wide) -> Self::Operand {
        let f = self.0;
        let mut c = a.0;
        let limb = f.opaque(Opaque::Limb);
        for i in 0..8 {
            c[i + 1] = f.plus(c[i + 1], f.right::<29>(c[i]));
            c[i] = f.and(c[i], limb);
        }
        let top = f.right::<23>(c[8]);
        c[8] = f.and(c[8], f.opaque(Opaque::Top));
        // 19 times a value that may have more than 32 bits: as 16 + 2 + 1.
        let thrice = f.plus(top, f.plus(top, top));
        c[0] = f.plus(c[0], f.plus(f.left::<4>(top), thrice));
        c[1] = f.plus(c[1], f.right::<29>(c[0]));
        c[0] = f.and(c[0], limb);
        Operand(c)
    }

    #[inline(always)]
    fn select(self, mask: u8, yes: &Self::Operand, no: &Self::Operand) -> Self::Operand {
        let mut chosen = *no;
        for (limb, yes) in chosen.0.iter_mut().zip(yes.0) {
            *limb = self.0.blend(mask, yes, *limb);
        }
        chosen
    }

    #[inline(always)]
    fn zeros(self, a: &Self::Operand) -> u8 {
        let c = self.canonical(a);
        let mut any = c[0];
        for limb in &c[1..] {
            any = self.0.or(any, *limb);
        }
        self.0.zeros(any)
    }

    #[inline(always)]
    fn negatives(self, a: &Self::Operand) -> u8 {
        let [a0, ..] = self.canonical(a);
        !self.0.zeros(self.0.and(a0, self.0.broadcast(1)))
    }

    #[inline(always)]
    fn load(self, bytes: &[[u8; 32]]) -> Self::Operand {
        let f = self.0;
        let [w0, w1, w2, w3] = super::words_of(f, bytes);
        let limb = f.broadcast(LIMB);
        Operand([
            f.and(w0, limb),
            f.and(f.right::<29>(w0), limb),
            f.and(f.or(f.right::<58>(w0), f.left::<6>(w1)), limb),
            f.and(f.right::<23>(w1), limb),
            f.and(f.or(f.right::<52>(w1), f.left::<12>(w2)), limb),
            f.and(f.right::<17>(w2), limb),
            f.and(f.or(f.right::<46>(w2), f.left::<18>(w3)), limb),
            f.and(f.right::<11>(w3), limb),
            f.and(f.right::<40>(w3), f.broadcast(TOP)),
        ])
    }

    #[inline(always)]
    fn store(self, a: &Self::Operand, bytes: &mut [[u8; 32]]) {
        let f = self.0;
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = self.canonical(a);
        let words = [
            f.or(f.or(a0, f.left::<29>(a1)), f.left::<58>(a2)),
            f.or(f.or(f.right::<6>(a2), f.left::<23>(a3)), f.left::<52>(a4)),
            f.or(f.or(f.right::<12>(a4), f.left::<17>(a5)), f.left::<46>(a6)),
            f.or(f.or(f.right::<18>(a6), f.left::<11>(a7)), f.left::<40>(a8)),
        ];
        super::bytes_of(f, words, bytes);
    }

    #[inline(always)]
    fn scatter(self, operands: [&Self::Operand; 3], rows: &mut [Self::Row]) {
        let mut columns = [operands[0].0[0]; 27];
        for (columns, operand) in columns.chunks_mut(9).zip(operands) {
            columns.copy_from_slice(&operand.0);
        }
        self.0.scatter(columns, rows);
    }

    #[inline(always)]
    fn gather(self, rows: &[&Self::Row]) -> [Self::Operand; 3] {
        let columns = self.0.gather(rows);
        let mut operands = [Operand([columns[0]; 9]); 3];
        for (operand, columns) in operands.iter_mut().zip(columns.chunks(9)) {
            operand.0.copy_from_slice(columns);
        }
        operands
    }

    #[inline(always)]
    fn prefetch(self, row: &Self::Row) {
        self.0.prefetch(row);
    }

    #[inline(always)]
    fn hasher(self) -> T {
        self.0
    }
}

impl<T: Halves> Radix29<T> {
    /// 81 products and the fold.
    #[inline(always)]
    fn mul_onto(
        self,
        start: [T::Word; 9],
        a: &Operand<T::Word>,
        b: &Operand<T::Word>,
    ) -> Wide<T::Word> {
        let f = self.0;
        let mut c = self.columns(start);
        accumulate!(f, c, a.0, b.0;
            (0: 0 1 2 3 4 5 6 7 8),
            (1: 0 1 2 3 4 5 6 7 8),
            (2: 0 1 2 3 4 5 6 7 8),
            (3: 0 1 2 3 4 5 6 7 8),
            (4: 0 1 2 3 4 5 6 7 8),
            (5: 0 1 2 3 4 5 6 7 8),
            (6: 0 1 2 3 4 5 6 7 8),
            (7: 0 1 2 3 4 5 6 7 8),
            (8: 0 1 2 3 4 5 6 7 8));
        self.fold(c)
    }

    /// 45 products, the mixed ones of a doubled limb, and the fold.
    #[inline(always)]
    fn square_onto(self, start: [T::Word; 9], a: &Operand<T::Word>) -> Wide<T::Word> {
        let f = self.0;
        let mut c = self.columns(start);
        let mut doubled = a.0;
        for limb in &mut doubled[1..] {
            *limb = f.plus(*limb, *limb);
        }
        accumulate!(f, c, a.0, a.0;
            (0: 0), (1: 1), (2: 2), (3: 3), (4: 4), (5: 5), (6: 6), (7: 7), (8: 8));
        accumulate!(f, c, a.0, doubled;
            (0: 1 2 3 4 5 6 7 8),
            (1: 2 3 4 5 6 7 8),
            (2: 3 4 5 6 7 8),
            (3: 4 5 6 7 8),
            (4: 5 6 7 8),
            (5: 6 7 8),
            (6: 7 8),
            (7: 8));
        self.fold(c)
    }

    /// Written out, because the compiler would call `memset` for an array of zeros.
    #[inline(always)]
    fn columns(self, start: [T::Word; 9]) -> [T::Word; 17] {
        let z = self.0.broadcast(0);
        let [c0, c1, c2, c3, c4, c5, c6, c7, c8] = start;
        [c0, c1, c2, c3, c4, c5, c6, c7, c8, z, z, z, z, z, z, z, z]
    }

    /// Brings columns 9 to 16 down: carried among themselves, then times 1216.
    #[inline(always)]
    fn fold(self, mut c: [T::Word; 17]) -> Wide<T::Word> {
        let f = self.0;
        let (limb, fold) = (f.opaque(Opaque::Limb), f.opaque(Opaque::Fold));
        for i in 9..16 {
            c[i + 1] = f.plus(c[i + 1], f.right::<29>(c[i]));
            c[i] = f.and(c[i], limb);
        }
        let top = f.right::<29>(c[16]);
        c[16] = f.and(c[16], limb);
        let mut low = [top; 9];
        for i in 0..8 {
            low[i] = f.plus(c[i], f.times(c[i + 9], fold));
        }
        low[8] = f.plus(c[8], f.times(top, fold));
        Wide(low)
    }

    /// The limbs below 2^29 and the value below p.
    #[inline(always)]
    fn canonical(self, a: &Operand<T::Word>) -> [T::Word; 9] {
        let f = self.0;
        let (limb, nineteen) = (f.broadcast(LIMB), f.broadcast(19));
        let mut c = a.0;
        // The value is below 2p; adding 19 reaches bit 255 exactly from p on.
        let mut carry = f.right::<29>(f.plus(c[0], nineteen));
        for digit in &c[1..8] {
            carry = f.right::<29>(f.plus(*digit, carry));
        }
        let quotient = f.right::<23>(f.plus(c[8], carry));
        c[0] = f.plus(c[0], f.times(quotient, nineteen));
        for i in 0..8 {
            c[i + 1] = f.plus(c[i + 1], f.right::<29>(c[i]));
            c[i] = f.and(c[i], limb);
        }
        c[8] = f.and(c[8], f.broadcast(TOP));
        c
    }

    /// Each limb in every lane.
    #[inline(always)]
    fn broadcast_each(self, [l0, l1, l2, l3, l4, l5, l6, l7, l8]: [u64; 9]) -> [T::Word; 9] {
        let f = self.0;
        let (l0, l1, l2) = (f.broadcast(l0), f.broadcast(l1), f.broadcast(l2));
        let (l3, l4, l5) = (f.broadcast(l3), f.broadcast(l4), f.broadcast(l5));
        let (l6, l7, l8) = (f.broadcast(l6), f.broadcast(l7), f.broadcast(l8));
        [l0, l1, l2, l3, l4, l5, l6, l7, l8]
    }
}

/// A multiple of p whose limbs exceed those of any single product: 2^62 in every limb, and what
/// makes the value divisible.
const BIAS: [u64; 9] = [
    (1 << 62) + 0x1fff_b3ed,
    (1 << 62) + 0x1fff_b3ff,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x1fff_ffef,
    (1 << 62) + 0x007f_ffef,
];

const LIMB: u64 = Opaque::Limb.word();

/// Limb 8 of a value below 2^255.
const TOP: u64 = Opaque::Top.word();
