//! The field in five limbs of 52 bits, for processors with fused multiplication.
//!
//! The multiplier takes bits 0 to 51 of its inputs and ignores the rest, so carries leave
//! garbage above bit 51 where it is and need no masks, and 2^260 = 608 folds the high half of a
//! product with the same instruction. Limb bounds: an [`Operand`] has any value in bits 0 to 51
//! of limbs 0 to 3 and garbage above; limb 4 is exact and below 2^47 + 2^13. A [`Wide`] has
//! exact limbs below 2^64.

use super::vector::{Fused, Vector};
use super::{Constant, Lanes, Words};

/// The field over a token with fused multiplication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Radix52<T>(pub(crate) T);

/// An exact sum of products.
#[derive(Clone, Copy)]
pub(crate) struct Wide<W>([W; 5]);

/// A carried value, fit to be multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Operand<W>([W; 5]);

/// The multiples x·2^(52·i) of one operand.
#[derive(Clone, Copy)]
pub(crate) struct Fixed<W>([Operand<W>; 5]);

/// Adds the low and the high halves of the listed limb products to the columns they belong to.
macro_rules! accumulate {
    ($f:ident, $c:ident, $a:expr, $b:expr; $(($i:literal: $($j:literal)+)),+) => {
        $($(
            $c[$i + $j] = $f.low($c[$i + $j], $a[$i], $b[$j]);
            $c[$i + $j + 1] = $f.high($c[$i + $j + 1], $a[$i], $b[$j]);
        )+)+
    };
}

impl<T: Fused + Words> Lanes for Radix52<T> {
    type Wide = Wide<<T as Vector>::Word>;
    type Operand = Operand<<T as Vector>::Word>;
    type Fixed = Fixed<<T as Vector>::Word>;
    type Row = T::Row;
    type Hasher = T;

    const LANES: usize = T::LANES;

    #[inline(always)]
    fn constant(self, value: Constant) -> Self::Operand {
        let [w0, w1, w2, w3] = value.0;
        Operand(self.broadcast_each([
            w0 & LIMB,
            (w0 >> 52 | w1 << 12) & LIMB,
            (w1 >> 40 | w2 << 24) & LIMB,
            (w2 >> 28 | w3 << 36) & LIMB,
            w3 >> 16,
        ]))
    }

    #[inline(always)]
    fn mul(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide {
        self.mul_onto([self.0.broadcast(0); 5], a, b)
    }

    #[inline(always)]
    fn mul_minuend(self, a: &Self::Operand, b: &Self::Operand) -> Self::Wide {
        self.mul_onto(self.bias(BIAS_SHIFT), a, b)
    }

    #[inline(always)]
    fn square(self, a: &Self::Operand) -> Self::Wide {
        let zero = [self.0.broadcast(0); 5];
        self.square_onto(zero, zero, a)
    }

    #[inline(always)]
    fn square_minuend(self, a: &Self::Operand) -> Self::Wide {
        self.square_onto(self.bias(BIAS_SHIFT), self.bias(BIAS_SHIFT - 1), a)
    }

    #[inline(always)]
    fn fix(self, a: &Self::Operand) -> Self::Fixed {
        let mut rows = [*a; 5];
        for i in 1..5 {
            // Times 2^52: limb 4 comes round as 608 times itself.
            let f = self.0;
            let fold = f.broadcast(FOLD);
            let [x0, x1, x2, x3, x4] = self.widen(&rows[i - 1]).0;
            let wrapped = f.low(f.broadcast(0), x4, fold);
            rows[i] = self.carry(Wide([wrapped, f.high(x0, x4, fold), x1, x2, x3]));
        }
        Fixed(rows)
    }

    #[inline(always)]
    fn mul_fixed(self, a: &Self::Operand, b: &Self::Fixed) -> Self::Wide {
        let f = self.0;
        let mut c = [f.broadcast(0); 6];
        for i in 0..5 {
            let (digit, row) = (a.0[i], &b.0[i].0);
            for j in 0..5 {
                c[j] = f.low(c[j], digit, row[j]);
                c[j + 1] = f.high(c[j + 1], digit, row[j]);
            }
        }
        // Column 5 has five high halves of 52 by 47 bits, so no carry has to leave it.
        let [c0, c1, c2, c3, c4, c5] = c;
        let fold = f.broadcast(FOLD);
        Wide([f.low(c0, c5, fold), f.high(c1, c5, fold), c2, c3, c4])
    }

    #[inline(always)]
    fn mul_small(self, onto: Self::Wide, a: &Self::Operand, factor: u32) -> Self::Wide {
        let f = self.0;
        let factor = f.broadcast(u64::from(factor));
        let mut c = onto.0;
        for i in 0..4 {
            c[i] = f.low(c[i], a.0[i], factor);
            c[i + 1] = f.high(c[i + 1], a.0[i], factor);
        }
        c[4] = f.low(c[4], a.0[4], factor);
        let top = f.high(f.broadcast(0), a.0[4], factor);
        c[0] = f.whole(c[0], top, f.broadcast(FOLD));
        Wide(c)
    }

    #[inline(always)]
    fn widen(self, a: &Self::Operand) -> Self::Wide {
        let mut limbs = a.0;
        for limb in &mut limbs[..4] {
            *limb = self.0.and(*limb, self.0.broadcast(LIMB));
        }
        Wide(limbs)
    }

    #[inline(always)]
    fn minuend(self, a: &Self::Operand) -> Self::Wide {
        self.add(self.widen(a), Wide(self.bias(BIAS_SHIFT)))
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
        let [mut c0, mut c1, mut c2, mut c3, mut c4] = a.0;
        // What limb 4 has from bit 255 on goes to limb 0 first: the carries that follow make
        // limb 4 only a little larger.
        let top = f.right::<47>(c4);
        c4 = f.and(c4, f.broadcast(TOP));
        c0 = f.whole(c0, top, f.broadcast(19));
        c1 = f.plus(c1, f.right::<52>(c0));
        c2 = f.plus(c2, f.right::<52>(c1));
        c3 = f.plus(c3, f.right::<52>(c2));
        c4 = f.plus(c4, f.right::<52>(c3));
        Operand([c0, c1, c2, c3, c4])
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
        let f = self.0;
        let [a0, a1, a2, a3, a4] = self.canonical(a);
        f.zeros(f.or(f.or(f.or(a0, a1), f.or(a2, a3)), a4))
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
            f.and(f.or(f.right::<52>(w0), f.left::<12>(w1)), limb),
            f.and(f.or(f.right::<40>(w1), f.left::<24>(w2)), limb),
            f.and(f.or(f.right::<28>(w2), f.left::<36>(w3)), limb),
            f.and(f.right::<16>(w3), f.broadcast(TOP)),
        ])
    }

    #[inline(always)]
    fn store(self, a: &Self::Operand, bytes: &mut [[u8; 32]]) {
        let f = self.0;
        let [a0, a1, a2, a3, a4] = self.canonical(a);
        let words = [
            f.or(a0, f.left::<52>(a1)),
            f.or(f.right::<12>(a1), f.left::<40>(a2)),
            f.or(f.right::<24>(a2), f.left::<28>(a3)),
            f.or(f.right::<36>(a3), f.left::<16>(a4)),
        ];
        super::bytes_of(f, words, bytes);
    }

    #[inline(always)]
    fn scatter(self, operands: [&Self::Operand; 3], rows: &mut [Self::Row]) {
        let [[a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4], [c0, c1, c2, c3, c4]] =
            [operands[0].0, operands[1].0, operands[2].0];
        self.0.scatter([a0, a1, a2, a3, a4, b0, b1, b2, b3, b4, c0, c1, c2, c3, c4], rows);
    }

    #[inline(always)]
    fn gather(self, rows: &[&Self::Row]) -> [Self::Operand; 3] {
        let [a0, a1, a2, a3, a4, b0, b1, b2, b3, b4, c0, c1, c2, c3, c4] = self.0.gather(rows);
        let (a, b) = (Operand([a0, a1, a2, a3, a4]), Operand([b0, b1, b2, b3, b4]));
        [a, b, Operand([c0, c1, c2, c3, c4])]
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

impl<T: Fused> Radix52<T> {
    /// 50 multiplications and the fold.
    #[inline(always)]
    fn mul_onto(
        self,
        start: [T::Word; 5],
        a: &Operand<T::Word>,
        b: &Operand<T::Word>,
    ) -> Wide<T::Word> {
        let f = self.0;
        let zero = f.broadcast(0);
        let [c0, c1, c2, c3, c4] = start;
        let mut c = [c0, c1, c2, c3, c4, zero, zero, zero, zero, zero];
        accumulate!(f, c, a.0, b.0;
            (0: 0 1 2 3 4), (1: 0 1 2 3 4), (2: 0 1 2 3 4), (3: 0 1 2 3 4), (4: 0 1 2 3 4));
        self.fold(c)
    }

    /// 30 multiplications: the mixed products once, and doubled as sums, because a doubled limb
    /// would lose its top bit in the multiplier. Limb 4 has room, so it is doubled first.
    ///
    /// The start is given whole, for column 0, and halved, for the columns that are doubled.
    #[inline(always)]
    fn square_onto(
        self,
        start: [T::Word; 5],
        half: [T::Word; 5],
        a: &Operand<T::Word>,
    ) -> Wide<T::Word> {
        let f = self.0;
        let zero = f.broadcast(0);
        let [a0, a1, a2, a3, a4] = a.0;
        let [_, h1, h2, h3, h4] = half;
        let mut c = [start[0], h1, h2, h3, h4, zero, zero, zero, zero, zero];
        accumulate!(f, c, a.0, a.0; (0: 1 2 3), (1: 2 3), (2: 3));
        for column in &mut c[1..7] {
            *column = f.plus(*column, *column);
        }
        let doubled = [a0, a1, a2, a3, f.plus(a4, a4)];
        accumulate!(f, c, a.0, doubled; (0: 4), (1: 4), (2: 4), (3: 4));
        accumulate!(f, c, a.0, a.0; (0: 0), (1: 1), (2: 2), (3: 3), (4: 4));
        self.fold(c)
    }

    /// Brings columns 5 to 9 down: carried among themselves, then times 608.
    #[inline(always)]
    fn fold(self, c: [T::Word; 10]) -> Wide<T::Word> {
        let f = self.0;
        let [mut c0, mut c1, mut c2, mut c3, mut c4, c5, mut c6, mut c7, mut c8, mut c9] = c;
        let fold = f.broadcast(FOLD);
        c6 = f.plus(c6, f.right::<52>(c5));
        c7 = f.plus(c7, f.right::<52>(c6));
        c8 = f.plus(c8, f.right::<52>(c7));
        c9 = f.plus(c9, f.right::<52>(c8));
        c0 = f.low(c0, c5, fold);
        c1 = f.low(f.high(c1, c5, fold), c6, fold);
        c2 = f.low(f.high(c2, c6, fold), c7, fold);
        c3 = f.low(f.high(c3, c7, fold), c8, fold);
        // Column 9 is one high half of two limbs 4, so 608 times it has no high half.
        c4 = f.whole(f.high(c4, c8, fold), c9, fold);
        Wide([c0, c1, c2, c3, c4])
    }

    /// The limbs below 2^52 and the value below p.
    #[inline(always)]
    fn canonical(self, a: &Operand<T::Word>) -> [T::Word; 5] {
        let f = self.0;
        let limb = f.broadcast(LIMB);
        let mut c = a.0;
        for digit in &mut c[..4] {
            *digit = f.and(*digit, limb);
        }
        // The value is below 2p; adding 19 reaches bit 255 exactly from p on.
        let mut carry = f.right::<52>(f.plus(c[0], f.broadcast(19)));
        for digit in &c[1..4] {
            carry = f.right::<52>(f.plus(*digit, carry));
        }
        let quotient = f.right::<47>(f.plus(c[4], carry));
        c[0] = f.whole(c[0], quotient, f.broadcast(19));
        for i in 0..4 {
            c[i + 1] = f.plus(c[i + 1], f.right::<52>(c[i]));
            c[i] = f.and(c[i], limb);
        }
        c[4] = f.and(c[4], f.broadcast(TOP));
        c
    }

    /// 2^`shift`·p, limb by limb; 512·p exceeds each limb of any single product.
    #[inline(always)]
    fn bias(self, shift: u32) -> [T::Word; 5] {
        self.broadcast_each([
            (LIMB - 18) << shift,
            LIMB << shift,
            LIMB << shift,
            LIMB << shift,
            TOP << shift,
        ])
    }

    /// Each limb in every lane.
    #[inline(always)]
    fn broadcast_each(self, limbs: [u64; 5]) -> [T::Word; 5] {
        let mut words = [self.0.broadcast(0); 5];
        for (word, limb) in words.iter_mut().zip(limbs) {
            *word = self.0.broadcast(limb);
        }
        words
    }
}

const BIAS_SHIFT: u32 = 9;

/// 2^260 modulo p.
const FOLD: u64 = 608;

const LIMB: u64 = (1 << 52) - 1;

/// Limb 4 of a value below 2^255.
const TOP: u64 = (1 << 47) - 1;
