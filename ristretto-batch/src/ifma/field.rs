//! Eight field elements in AVX-512-IFMA registers, five limbs of 52 bits each.
//!
//! The multiplier takes bits 0 to 51 of its inputs and ignores the rest, so carries leave
//! garbage above bit 51 where it is and need no masks, and 2^260 = 608 folds the high half of a
//! product with the same instruction. Limb bounds: an [`Operand`] has any value in bits 0 to 51
//! of limbs 0 to 3 and garbage above; limb 4 is exact and below 2^47 + 2^12. A [`Wide`] has
//! exact limbs below 2^63. `model.rs` repeats this file in plain integers and checks the bounds.

use core::arch::x86_64::*;

use super::Ifma;
use crate::lanes::{Constant, LANES_MAX, Lanes, Words};

/// An exact sum of products.
#[derive(Clone, Copy)]
pub(crate) struct Wide([__m512i; 5]);

/// A carried value, fit to be multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Operand([__m512i; 5]);

/// The multiples x·2^(52·i) of one operand.
#[derive(Clone, Copy)]
pub(crate) struct Fixed([Operand; 5]);

/// One lane of three operands, fifteen limbs, on two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Row([[u64; 8]; 2]);

/// Adds the low and the high halves of the listed limb products to the columns they belong to.
macro_rules! accumulate {
    ($f:ident, $c:ident, $a:expr, $b:expr; $(($i:literal, $j:literal)),+) => {
        $(
            $c[$i + $j] = $f.low($c[$i + $j], $a[$i], $b[$j]);
            $c[$i + $j + 1] = $f.high($c[$i + $j + 1], $a[$i], $b[$j]);
        )+
    };
}

impl Lanes for Ifma {
    type Wide = Wide;
    type Operand = Operand;
    type Fixed = Fixed;
    type Row = Row;

    const LANES: usize = 8;

    #[inline(always)]
    fn constant(self, value: Constant) -> Operand {
        self.broadcast_each(limbs(value.0), 0)
    }

    #[inline(always)]
    fn mul(self, a: &Operand, b: &Operand) -> Wide {
        self.mul_onto([self.broadcast(0); 5], a, b)
    }

    #[inline(always)]
    fn mul_minuend(self, a: &Operand, b: &Operand) -> Wide {
        self.mul_onto(self.bias::<9>(), a, b)
    }

    #[inline(always)]
    fn square(self, a: &Operand) -> Wide {
        self.square_onto([self.broadcast(0); 5], [self.broadcast(0); 5], a)
    }

    #[inline(always)]
    fn square_minuend(self, a: &Operand) -> Wide {
        self.square_onto(self.bias::<9>(), self.bias::<8>(), a)
    }

    #[inline(always)]
    fn fix(self, a: &Operand) -> Fixed {
        let mut rows = [*a; 5];
        for i in 1..5 {
            // Times 2^52: limb 4 comes round as 608 times itself.
            let [x0, x1, x2, x3, x4] = self.widen(&rows[i - 1]).0;
            let wrapped = self.low(self.broadcast(0), x4, self.broadcast(FOLD));
            let above = self.high(x0, x4, self.broadcast(FOLD));
            rows[i] = self.carry(Wide([wrapped, above, x1, x2, x3]));
        }
        Fixed(rows)
    }

    #[inline(always)]
    fn mul_fixed(self, a: &Operand, b: &Fixed) -> Wide {
        let zero = self.broadcast(0);
        let mut c = [zero; 6];
        for i in 0..5 {
            let (digit, row) = (a.0[i], &b.0[i].0);
            for j in 0..5 {
                c[j] = self.low(c[j], digit, row[j]);
                c[j + 1] = self.high(c[j + 1], digit, row[j]);
            }
        }
        let [mut c0, mut c1, c2, c3, c4, c5] = c;
        // Column 5 has five high halves of 52 by 47 bits: below 2^50.
        c0 = self.low(c0, c5, self.broadcast(FOLD));
        c1 = self.high(c1, c5, self.broadcast(FOLD));
        Wide([c0, c1, c2, c3, c4])
    }

    #[inline(always)]
    fn mul_small(self, onto: Wide, a: &Operand, factor: u32) -> Wide {
        let factor = self.broadcast(u64::from(factor));
        let mut c = onto.0;
        for i in 0..4 {
            c[i] = self.low(c[i], a.0[i], factor);
            c[i + 1] = self.high(c[i + 1], a.0[i], factor);
        }
        c[4] = self.low(c[4], a.0[4], factor);
        let top = self.high(self.broadcast(0), a.0[4], factor);
        c[0] = self.low(c[0], top, self.broadcast(FOLD));
        Wide(c)
    }

    #[inline(always)]
    fn widen(self, a: &Operand) -> Wide {
        let mut limbs = a.0;
        for limb in &mut limbs[..4] {
            *limb = self.and(*limb, self.broadcast(LIMB));
        }
        Wide(limbs)
    }

    #[inline(always)]
    fn minuend(self, a: &Operand) -> Wide {
        self.add(self.widen(a), Wide(self.bias::<9>()))
    }

    #[inline(always)]
    fn add(self, a: Wide, b: Wide) -> Wide {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (a.0, b.0);
        let (c0, c1, c2) = (self.add_words(a0, b0), self.add_words(a1, b1), self.add_words(a2, b2));
        Wide([c0, c1, c2, self.add_words(a3, b3), self.add_words(a4, b4)])
    }

    #[inline(always)]
    fn sub(self, a: Wide, b: Wide) -> Wide {
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (a.0, b.0);
        let (c0, c1, c2) = (self.minus(a0, b0), self.minus(a1, b1), self.minus(a2, b2));
        Wide([c0, c1, c2, self.minus(a3, b3), self.minus(a4, b4)])
    }

    #[inline(always)]
    fn carry(self, a: Wide) -> Operand {
        let [mut c0, mut c1, mut c2, mut c3, mut c4] = a.0;
        // What limb 4 has from bit 255 on goes to limb 0 first: the carries that follow make
        // limb 4 only a little larger.
        let top = self.right::<47>(c4);
        c4 = self.and(c4, self.broadcast(TOP));
        c0 = self.low(c0, top, self.broadcast(19));
        c1 = self.add_words(c1, self.right::<52>(c0));
        c2 = self.add_words(c2, self.right::<52>(c1));
        c3 = self.add_words(c3, self.right::<52>(c2));
        c4 = self.add_words(c4, self.right::<52>(c3));
        Operand([c0, c1, c2, c3, c4])
    }

    #[inline(always)]
    fn select(self, mask: u8, yes: &Operand, no: &Operand) -> Operand {
        Operand(core::array::from_fn(|i| self.blend(mask, yes.0[i], no.0[i])))
    }

    #[inline(always)]
    fn zeros(self, a: &Operand) -> u8 {
        let [a0, a1, a2, a3, a4] = self.canonical(a);
        let any = self.or(self.or(self.or(a0, a1), self.or(a2, a3)), a4);
        !self.any_bits(any, any)
    }

    #[inline(always)]
    fn negatives(self, a: &Operand) -> u8 {
        let [a0, ..] = self.canonical(a);
        self.any_bits(a0, self.broadcast(1))
    }

    #[inline(always)]
    fn load(self, bytes: &[[u8; 32]]) -> Operand {
        let mut columns = [[0u64; 8]; 5];
        for (lane, bytes) in bytes[..8].iter().enumerate() {
            let words = core::array::from_fn(|at| {
                u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * at + byte]))
            });
            for (column, limb) in columns.iter_mut().zip(limbs(words)) {
                column[lane] = limb;
            }
        }
        let [c0, c1, c2, c3, c4] = &columns;
        let (c0, c1, c2) = (self.pack(c0), self.pack(c1), self.pack(c2));
        Operand([c0, c1, c2, self.pack(c3), self.pack(c4)])
    }

    #[inline(always)]
    fn store(self, a: &Operand, bytes: &mut [[u8; 32]]) {
        let [a0, a1, a2, a3, a4] = self.canonical(a);
        let (a0, a1, a2) = (self.unpack(a0), self.unpack(a1), self.unpack(a2));
        let (a3, a4) = (self.unpack(a3), self.unpack(a4));
        for (lane, bytes) in bytes[..8].iter_mut().enumerate() {
            let words = [
                a0[lane] | a1[lane] << 52,
                a1[lane] >> 12 | a2[lane] << 40,
                a2[lane] >> 24 | a3[lane] << 28,
                a3[lane] >> 36 | a4[lane] << 16,
            ];
            for (part, word) in bytes.chunks_mut(8).zip(words) {
                part.copy_from_slice(&word.to_le_bytes());
            }
        }
    }

    #[inline(always)]
    fn scatter(self, operands: [&Operand; 3], rows: &mut [Row]) {
        for (i, operand) in operands.into_iter().enumerate() {
            for (j, limb) in operand.0.into_iter().enumerate() {
                let column = 5 * i + j;
                for (row, word) in rows[..8].iter_mut().zip(self.unpack(limb)) {
                    row.0[column / 8][column % 8] = word;
                }
            }
        }
    }

    #[inline(always)]
    fn gather(self, rows: &[&Row]) -> [Operand; 3] {
        let [a0, a1, a2, a3, a4, b0, b1, b2] = self.transposed(rows, 0);
        let [b3, b4, c0, c1, c2, c3, c4, _] = self.transposed(rows, 1);
        let (a, b) = (Operand([a0, a1, a2, a3, a4]), Operand([b0, b1, b2, b3, b4]));
        [a, b, Operand([c0, c1, c2, c3, c4])]
    }

    #[inline(always)]
    fn prefetch(self, row: &Row) {
        for line in &row.0 {
            // SAFETY: a prefetch has no effect that a program can see, and the address is that
            // of a borrowed row; the instruction belongs to the base features of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
}

impl Words for Ifma {
    type Word = __m512i;

    #[inline(always)]
    fn word(self, lanes: &[u64; LANES_MAX]) -> __m512i {
        self.pack(lanes)
    }

    #[inline(always)]
    fn repeat(self, word: u64) -> __m512i {
        self.broadcast(word)
    }

    #[inline(always)]
    fn lanes(self, word: __m512i) -> [u64; LANES_MAX] {
        self.unpack(word)
    }

    #[inline(always)]
    fn plus(self, a: __m512i, b: __m512i) -> __m512i {
        self.add_words(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        self.combine::<0x96>(a, b, c)
    }

    #[inline(always)]
    fn choose(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        self.combine::<0xca>(a, b, c)
    }

    #[inline(always)]
    fn majority(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        self.combine::<0xe8>(a, b, c)
    }

    #[inline(always)]
    fn rotate<const RIGHT: i32, const LEFT: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_ror_epi64::<RIGHT>(a) }
    }

    #[inline(always)]
    fn shift<const RIGHT: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_srl_epi64(a, _mm_cvtsi32_si128(RIGHT)) }
    }

    #[inline(always)]
    fn pick(self, mask: u8, yes: __m512i, no: __m512i) -> __m512i {
        self.blend(mask, yes, no)
    }
}

impl Ifma {
    /// 50 multiplications and the fold.
    #[inline(always)]
    fn mul_onto(self, start: [__m512i; 5], a: &Operand, b: &Operand) -> Wide {
        let zero = self.broadcast(0);
        let [c0, c1, c2, c3, c4] = start;
        let mut c = [c0, c1, c2, c3, c4, zero, zero, zero, zero, zero];
        accumulate!(self, c, a.0, b.0;
            (0, 0), (0, 1), (0, 2), (0, 3), (0, 4),
            (1, 0), (1, 1), (1, 2), (1, 3), (1, 4),
            (2, 0), (2, 1), (2, 2), (2, 3), (2, 4),
            (3, 0), (3, 1), (3, 2), (3, 3), (3, 4),
            (4, 0), (4, 1), (4, 2), (4, 3), (4, 4));
        self.fold(c)
    }

    /// 30 multiplications: the mixed products once, and doubled as sums, because a doubled limb
    /// would lose its top bit in the multiplier. Limb 4 has room, so it is doubled first.
    ///
    /// The start is given whole, for column 0, and halved, for the columns that are doubled.
    #[inline(always)]
    fn square_onto(self, start: [__m512i; 5], half: [__m512i; 5], a: &Operand) -> Wide {
        let zero = self.broadcast(0);
        let [a0, a1, a2, a3, a4] = a.0;
        let [_, h1, h2, h3, h4] = half;
        let mut c = [start[0], h1, h2, h3, h4, zero, zero, zero, zero, zero];
        accumulate!(self, c, a.0, a.0; (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3));
        for column in &mut c[1..7] {
            *column = self.add_words(*column, *column);
        }
        let doubled = [a0, a1, a2, a3, self.add_words(a4, a4)];
        accumulate!(self, c, a.0, doubled; (0, 4), (1, 4), (2, 4), (3, 4));
        accumulate!(self, c, a.0, a.0; (0, 0), (1, 1), (2, 2), (3, 3), (4, 4));
        self.fold(c)
    }

    /// Brings columns 5 to 9 down: carried among themselves, then times 608.
    #[inline(always)]
    fn fold(self, c: [__m512i; 10]) -> Wide {
        let [mut c0, mut c1, mut c2, mut c3, mut c4, c5, mut c6, mut c7, mut c8, mut c9] = c;
        let fold = self.broadcast(FOLD);
        c6 = self.add_words(c6, self.right::<52>(c5));
        c7 = self.add_words(c7, self.right::<52>(c6));
        c8 = self.add_words(c8, self.right::<52>(c7));
        c9 = self.add_words(c9, self.right::<52>(c8));
        c0 = self.low(c0, c5, fold);
        c1 = self.low(self.high(c1, c5, fold), c6, fold);
        c2 = self.low(self.high(c2, c6, fold), c7, fold);
        c3 = self.low(self.high(c3, c7, fold), c8, fold);
        // Column 9 is one high half of two limbs 4, so 608 times it has no high half.
        c4 = self.low(self.high(c4, c8, fold), c9, fold);
        Wide([c0, c1, c2, c3, c4])
    }

    /// Word i of one line of every row in vector i: an 8 by 8 transpose in registers.
    #[inline(always)]
    fn transposed(self, rows: &[&Row], line: usize) -> [__m512i; 8] {
        let row = |at: usize| self.pack(&rows[at].0[line]);
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        let (r4, r5, r6, r7) = (row(4), row(5), row(6), row(7));
        let (e0, o0) = (self.evens(r0, r1), self.odds(r0, r1));
        let (e1, o1) = (self.evens(r2, r3), self.odds(r2, r3));
        let (e2, o2) = (self.evens(r4, r5), self.odds(r4, r5));
        let (e3, o3) = (self.evens(r6, r7), self.odds(r6, r7));
        // Now 128 bits belong together; two rounds bring every fourth of them side by side.
        let (e02, e13) = (self.pairs::<0x88>(e0, e1), self.pairs::<0xdd>(e0, e1));
        let (e46, e57) = (self.pairs::<0x88>(e2, e3), self.pairs::<0xdd>(e2, e3));
        let (o02, o13) = (self.pairs::<0x88>(o0, o1), self.pairs::<0xdd>(o0, o1));
        let (o46, o57) = (self.pairs::<0x88>(o2, o3), self.pairs::<0xdd>(o2, o3));
        [
            self.pairs::<0x88>(e02, e46),
            self.pairs::<0x88>(o02, o46),
            self.pairs::<0x88>(e13, e57),
            self.pairs::<0x88>(o13, o57),
            self.pairs::<0xdd>(e02, e46),
            self.pairs::<0xdd>(o02, o46),
            self.pairs::<0xdd>(e13, e57),
            self.pairs::<0xdd>(o13, o57),
        ]
    }

    #[inline(always)]
    fn evens(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_unpacklo_epi64(a, b) }
    }

    #[inline(always)]
    fn odds(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_unpackhi_epi64(a, b) }
    }

    /// Two of the 128-bit parts of each input, as `PARTS` says.
    #[inline(always)]
    fn pairs<const PARTS: i32>(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_shuffle_i64x2::<PARTS>(a, b) }
    }

    /// The limbs below 2^52 and the value below p.
    #[inline(always)]
    fn canonical(self, a: &Operand) -> [__m512i; 5] {
        let [mut a0, mut a1, mut a2, mut a3, mut a4] = self.widen(a).0;
        // The value is below 2p; adding 19 reaches bit 255 exactly from p on.
        let mut carry = self.right::<52>(self.add_words(a0, self.broadcast(19)));
        carry = self.right::<52>(self.add_words(a1, carry));
        carry = self.right::<52>(self.add_words(a2, carry));
        carry = self.right::<52>(self.add_words(a3, carry));
        let quotient = self.right::<47>(self.add_words(a4, carry));
        a0 = self.low(a0, quotient, self.broadcast(19));
        a1 = self.add_words(a1, self.right::<52>(a0));
        a2 = self.add_words(a2, self.right::<52>(a1));
        a3 = self.add_words(a3, self.right::<52>(a2));
        a4 = self.and(self.add_words(a4, self.right::<52>(a3)), self.broadcast(TOP));
        self.widen(&Operand([a0, a1, a2, a3, a4])).0
    }

    /// 2^SHIFT·p, limb by limb; 512·p exceeds each limb of any single product.
    #[inline(always)]
    fn bias<const SHIFT: u32>(self) -> [__m512i; 5] {
        self.broadcast_each([LIMB - 18, LIMB, LIMB, LIMB, TOP], SHIFT).0
    }

    /// Each limb, shifted left, in every lane.
    #[inline(always)]
    fn broadcast_each(self, [l0, l1, l2, l3, l4]: [u64; 5], shift: u32) -> Operand {
        let (l0, l1) = (self.broadcast(l0 << shift), self.broadcast(l1 << shift));
        let (l2, l3) = (self.broadcast(l2 << shift), self.broadcast(l3 << shift));
        Operand([l0, l1, l2, l3, self.broadcast(l4 << shift)])
    }

    #[inline(always)]
    fn low(self, onto: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512 IFMA.
        unsafe { _mm512_madd52lo_epu64(onto, a, b) }
    }

    #[inline(always)]
    fn high(self, onto: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512 IFMA.
        unsafe { _mm512_madd52hi_epu64(onto, a, b) }
    }

    #[inline(always)]
    fn add_words(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_add_epi64(a, b) }
    }

    #[inline(always)]
    fn minus(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_sub_epi64(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_and_si512(a, b) }
    }

    /// The three-input function whose truth table is `TABLE`.
    #[inline(always)]
    fn combine<const TABLE: i32>(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_ternarylogic_epi64::<TABLE>(a, b, c) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn right<const BITS: u32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_srli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn broadcast(self, word: u64) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_set1_epi64(word.cast_signed()) }
    }

    #[inline(always)]
    fn blend(self, mask: u8, yes: __m512i, no: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_mask_blend_epi64(mask, no, yes) }
    }

    /// Bits of the lanes where `a` and `b` have a bit in common.
    #[inline(always)]
    fn any_bits(self, a: __m512i, b: __m512i) -> u8 {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_test_epi64_mask(a, b) }
    }

    #[inline(always)]
    fn pack(self, words: &[u64; 8]) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F, and the reference is valid
        // for the 64 bytes read, which need no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn unpack(self, a: __m512i) -> [u64; 8] {
        let mut words = [0u64; 8];
        // SAFETY: `self` exists only where detection found AVX-512F, and the array is valid for
        // the 64 bytes written, which need no alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), a) };
        words
    }
}

/// The low 255 bits of four words in limbs of 52 bits.
#[inline(always)]
fn limbs([w0, w1, w2, w3]: [u64; 4]) -> [u64; 5] {
    [
        w0 & LIMB,
        (w0 >> 52 | w1 << 12) & LIMB,
        (w1 >> 40 | w2 << 24) & LIMB,
        (w2 >> 28 | w3 << 36) & LIMB,
        w3 >> 16 & TOP,
    ]
}

/// 2^260 modulo p.
const FOLD: u64 = 608;

const LIMB: u64 = (1 << 52) - 1;

/// Limb 4 of a value below 2^255.
const TOP: u64 = (1 << 47) - 1;
