//! Four field elements in AVX2 registers, nine limbs of 29 bits each.
//!
//! The multiplier takes 32 bits by 32 bits; limbs of 29 bits leave room for nine products in a
//! column of 64, with a subtraction and an addition or two on top, and 2^261 = 1216 folds the
//! high half of a product. Limb bounds: an [`Operand`] has limbs below 2^29, limb 1 below
//! 2^29 + 2^17, limb 8 below 2^23. A [`Wide`] has exact limbs below 2^64. `model.rs` repeats this
//! file in plain integers and checks the bounds.

use core::arch::x86_64::*;

use super::Avx2;
use crate::lanes::{Constant, LANES_MAX, Lanes, Words};

/// An exact sum of products.
#[derive(Clone, Copy)]
pub(crate) struct Wide([__m256i; 9]);

/// A carried value, fit to be multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Operand([__m256i; 9]);

/// One lane of three operands, 27 limbs, on two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Row([[u32; 4]; 8]);

/// Adds the limb products of two operands, without the first column's start, to their columns.
macro_rules! accumulate {
    ($f:ident, $c:ident, $a:expr, $b:expr; $(($i:literal: $($j:literal)+)),+) => {
        $($( $c[$i + $j] = $f.add_words($c[$i + $j], $f.times($a[$i], $b[$j])); )+)+
    };
}

impl Lanes for Avx2 {
    type Wide = Wide;
    type Operand = Operand;
    type Fixed = Operand;
    type Row = Row;

    const LANES: usize = 4;

    #[inline(always)]
    fn constant(self, value: Constant) -> Operand {
        Operand(self.broadcast_each(limbs(value.0)))
    }

    #[inline(always)]
    fn mul(self, a: &Operand, b: &Operand) -> Wide {
        self.mul_onto([self.broadcast(0); 9], a, b)
    }

    #[inline(always)]
    fn mul_minuend(self, a: &Operand, b: &Operand) -> Wide {
        self.mul_onto(self.broadcast_each(BIAS), a, b)
    }

    #[inline(always)]
    fn square(self, a: &Operand) -> Wide {
        self.square_onto([self.broadcast(0); 9], a)
    }

    #[inline(always)]
    fn square_minuend(self, a: &Operand) -> Wide {
        self.square_onto(self.broadcast_each(BIAS), a)
    }

    #[inline(always)]
    fn fix(self, a: &Operand) -> Operand {
        *a
    }

    #[inline(always)]
    fn mul_fixed(self, a: &Operand, b: &Operand) -> Wide {
        self.mul(a, b)
    }

    #[inline(always)]
    fn mul_small(self, onto: Wide, a: &Operand, factor: u32) -> Wide {
        let factor = core::hint::black_box(self.broadcast(u64::from(factor)));
        let mut c = onto;
        for (column, limb) in c.0.iter_mut().zip(a.0) {
            *column = self.add_words(*column, self.times(limb, factor));
        }
        c
    }

    #[inline(always)]
    fn widen(self, a: &Operand) -> Wide {
        Wide(a.0)
    }

    #[inline(always)]
    fn minuend(self, a: &Operand) -> Wide {
        self.add(Wide(a.0), Wide(self.broadcast_each(BIAS)))
    }

    #[inline(always)]
    fn add(self, a: Wide, b: Wide) -> Wide {
        let mut sum = a;
        for (limb, b) in sum.0.iter_mut().zip(b.0) {
            *limb = self.add_words(*limb, b);
        }
        sum
    }

    #[inline(always)]
    fn sub(self, a: Wide, b: Wide) -> Wide {
        let mut difference = a;
        for (limb, b) in difference.0.iter_mut().zip(b.0) {
            *limb = self.minus(*limb, b);
        }
        difference
    }

    #[inline(always)]
    fn carry(self, a: Wide) -> Operand {
        let mut c = a.0;
        let limb = self.opaque(&LIMBS);
        for i in 0..8 {
            c[i + 1] = self.add_words(c[i + 1], self.right::<29>(c[i]));
            c[i] = self.and(c[i], limb);
        }
        let top = self.right::<23>(c[8]);
        c[8] = self.and(c[8], self.opaque(&TOPS));
        // 19 times a value above 32 bits: as 16 + 2 + 1.
        let small = self.add_words(top, self.add_words(top, top));
        c[0] = self.add_words(c[0], self.add_words(self.left::<4>(top), small));
        c[1] = self.add_words(c[1], self.right::<29>(c[0]));
        c[0] = self.and(c[0], limb);
        Operand(c)
    }

    #[inline(always)]
    fn select(self, mask: u8, yes: &Operand, no: &Operand) -> Operand {
        let mask = self.mask(mask);
        let mut chosen = *no;
        for (limb, yes) in chosen.0.iter_mut().zip(yes.0) {
            *limb = self.blend(mask, yes, *limb);
        }
        chosen
    }

    #[inline(always)]
    fn zeros(self, a: &Operand) -> u8 {
        let c = self.canonical(a);
        let mut any = c[0];
        for limb in &c[1..] {
            any = self.or(any, *limb);
        }
        self.equal(any, self.broadcast(0))
    }

    #[inline(always)]
    fn negatives(self, a: &Operand) -> u8 {
        let one = self.broadcast(1);
        self.equal(self.and(self.canonical(a)[0], one), one)
    }

    #[inline(always)]
    fn load(self, bytes: &[[u8; 32]]) -> Operand {
        let mut columns = [[0u64; 4]; 9];
        for (lane, bytes) in bytes[..4].iter().enumerate() {
            let words = core::array::from_fn(|at| {
                u64::from_le_bytes(core::array::from_fn(|byte| bytes[8 * at + byte]))
            });
            for (column, limb) in columns.iter_mut().zip(limbs(words)) {
                column[lane] = limb;
            }
        }
        let mut operand = [self.broadcast(0); 9];
        for (limb, column) in operand.iter_mut().zip(&columns) {
            *limb = self.pack(column);
        }
        Operand(operand)
    }

    #[inline(always)]
    fn store(self, a: &Operand, bytes: &mut [[u8; 32]]) {
        let canonical = self.canonical(a);
        let mut columns = [[0u64; 4]; 9];
        for (column, limb) in columns.iter_mut().zip(canonical) {
            *column = self.unpack(limb);
        }
        for (lane, bytes) in bytes[..4].iter_mut().enumerate() {
            let c: [u64; 9] = core::array::from_fn(|i| columns[i][lane]);
            let words = [
                c[0] | c[1] << 29 | c[2] << 58,
                c[2] >> 6 | c[3] << 23 | c[4] << 52,
                c[4] >> 12 | c[5] << 17 | c[6] << 46,
                c[6] >> 18 | c[7] << 11 | c[8] << 40,
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
                let column = 9 * i + j;
                for (row, word) in rows[..4].iter_mut().zip(self.unpack(limb)) {
                    // Limbs are below 2^30.
                    row.0[column / 4][column % 4] = word as u32;
                }
            }
        }
    }

    #[inline(always)]
    fn gather(self, rows: &[&Row]) -> [Operand; 3] {
        let mut columns = [self.broadcast(0); 28];
        for (quarter, columns) in columns.chunks_mut(4).enumerate() {
            columns.copy_from_slice(&self.transposed(rows, quarter));
        }
        let mut operands = [Operand([columns[0]; 9]); 3];
        for (operand, columns) in operands.iter_mut().zip(columns.chunks(9)) {
            operand.0.copy_from_slice(columns);
        }
        operands
    }

    #[inline(always)]
    fn prefetch(self, row: &Row) {
        for line in [&row.0[0], &row.0[4]] {
            // SAFETY: a prefetch has no effect that a program can see, and the address is that
            // of a borrowed row; the instruction belongs to the base features of x86-64.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
}

impl Words for Avx2 {
    type Word = __m256i;

    #[inline(always)]
    fn word(self, lanes: &[u64; LANES_MAX]) -> __m256i {
        self.pack(&[lanes[0], lanes[1], lanes[2], lanes[3]])
    }

    #[inline(always)]
    fn repeat(self, word: u64) -> __m256i {
        self.broadcast(word)
    }

    #[inline(always)]
    fn lanes(self, word: __m256i) -> [u64; LANES_MAX] {
        let [w0, w1, w2, w3] = self.unpack(word);
        [w0, w1, w2, w3, 0, 0, 0, 0]
    }

    #[inline(always)]
    fn plus(self, a: __m256i, b: __m256i) -> __m256i {
        self.add_words(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        self.differ(self.differ(a, b), c)
    }

    #[inline(always)]
    fn choose(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        self.blend(a, b, c)
    }

    #[inline(always)]
    fn majority(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        // Where a and b differ, c decides.
        self.blend(self.differ(a, b), c, b)
    }

    #[inline(always)]
    fn rotate<const RIGHT: i32, const LEFT: i32>(self, a: __m256i) -> __m256i {
        self.or(self.right::<RIGHT>(a), self.left::<LEFT>(a))
    }

    #[inline(always)]
    fn shift<const RIGHT: i32>(self, a: __m256i) -> __m256i {
        self.right::<RIGHT>(a)
    }

    #[inline(always)]
    fn pick(self, mask: u8, yes: __m256i, no: __m256i) -> __m256i {
        self.blend(self.mask(mask), yes, no)
    }
}

impl Avx2 {
    /// 81 products and the fold.
    #[inline(always)]
    fn mul_onto(self, start: [__m256i; 9], a: &Operand, b: &Operand) -> Wide {
        let mut c = self.columns(start);
        accumulate!(self, c, a.0, b.0;
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
    fn square_onto(self, start: [__m256i; 9], a: &Operand) -> Wide {
        let mut c = self.columns(start);
        let mut d = a.0;
        for limb in &mut d[1..] {
            *limb = self.add_words(*limb, *limb);
        }
        accumulate!(self, c, a.0, a.0;
            (0: 0), (1: 1), (2: 2), (3: 3), (4: 4), (5: 5), (6: 6), (7: 7), (8: 8));
        accumulate!(self, c, a.0, d;
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

    #[inline(always)]
    fn columns(self, start: [__m256i; 9]) -> [__m256i; 17] {
        let mut c = [self.broadcast(0); 17];
        c[..9].copy_from_slice(&start);
        c
    }

    /// Brings columns 9 to 16 down: carried among themselves, then times 1216.
    #[inline(always)]
    fn fold(self, mut c: [__m256i; 17]) -> Wide {
        let (limb, fold) = (self.opaque(&LIMBS), self.opaque(&FOLDS));
        for i in 9..16 {
            c[i + 1] = self.add_words(c[i + 1], self.right::<29>(c[i]));
            c[i] = self.and(c[i], limb);
        }
        let top = self.right::<29>(c[16]);
        c[16] = self.and(c[16], limb);
        let mut low = [top; 9];
        for i in 0..8 {
            low[i] = self.add_words(c[i], self.times(c[i + 9], fold));
        }
        low[8] = self.add_words(c[8], self.times(top, fold));
        Wide(low)
    }

    /// The limbs below 2^29 and the value below p.
    #[inline(always)]
    fn canonical(self, a: &Operand) -> [__m256i; 9] {
        let mut c = a.0;
        let (limb, nineteen) = (self.broadcast(LIMB), self.broadcast(19));
        // The value is below 2p; adding 19 reaches bit 255 exactly from p on.
        let mut carry = self.right::<29>(self.add_words(c[0], nineteen));
        for column in &c[1..8] {
            carry = self.right::<29>(self.add_words(*column, carry));
        }
        let quotient = self.right::<23>(self.add_words(c[8], carry));
        c[0] = self.add_words(c[0], self.times(quotient, nineteen));
        for i in 0..8 {
            c[i + 1] = self.add_words(c[i + 1], self.right::<29>(c[i]));
            c[i] = self.and(c[i], limb);
        }
        c[8] = self.and(c[8], self.broadcast(TOP));
        c
    }

    /// Limbs 4·`quarter` to 4·`quarter` + 3 of every row: a 4 by 4 transpose in registers.
    #[inline(always)]
    fn transposed(self, rows: &[&Row], quarter: usize) -> [__m256i; 4] {
        let row = |at: usize| self.pack_half(&rows[at].0[quarter]);
        let (r0, r1, r2, r3) = (row(0), row(1), row(2), row(3));
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe {
            let (low01, high01) = (_mm_unpacklo_epi32(r0, r1), _mm_unpackhi_epi32(r0, r1));
            let (low23, high23) = (_mm_unpacklo_epi32(r2, r3), _mm_unpackhi_epi32(r2, r3));
            [
                _mm256_cvtepu32_epi64(_mm_unpacklo_epi64(low01, low23)),
                _mm256_cvtepu32_epi64(_mm_unpackhi_epi64(low01, low23)),
                _mm256_cvtepu32_epi64(_mm_unpacklo_epi64(high01, high23)),
                _mm256_cvtepu32_epi64(_mm_unpackhi_epi64(high01, high23)),
            ]
        }
    }

    /// All ones in the lanes of `mask`.
    #[inline(always)]
    fn mask(self, mask: u8) -> __m256i {
        let bits = self.pack(&[1, 2, 4, 8]);
        let set = self.and(self.broadcast(u64::from(mask)), bits);
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_cmpeq_epi64(set, bits) }
    }

    /// Bits of `yes` where `mask` has ones, else of `no`.
    #[inline(always)]
    fn blend(self, mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        self.differ(self.and(self.differ(yes, no), mask), no)
    }

    /// Bits of the lanes where `a` equals `b`.
    #[inline(always)]
    fn equal(self, a: __m256i, b: __m256i) -> u8 {
        // SAFETY: `self` exists only where detection found AVX2.
        let lanes = unsafe { _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, b))) };
        lanes as u8
    }

    /// The product of the low 32 bits.
    #[inline(always)]
    fn times(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_mul_epu32(a, b) }
    }

    #[inline(always)]
    fn add_words(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_add_epi64(a, b) }
    }

    #[inline(always)]
    fn minus(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_sub_epi64(a, b) }
    }

    #[inline(always)]
    fn and(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_and_si256(a, b) }
    }

    #[inline(always)]
    fn or(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    fn differ(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn right<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_srli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn left<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_slli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn broadcast(self, word: u64) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_set1_epi64x(word.cast_signed()) }
    }

    /// A constant that the optimizer must not see through.
    ///
    /// Knowing a mask, it proves that a limb has 32 bits, drops the truncation in a product as
    /// useless, forgets the proof, and multiplies 64 bits by 64. Knowing a factor, it multiplies
    /// by shifts and additions. Both cost more than twice the time.
    #[inline(always)]
    fn opaque(self, constant: &'static __m256i) -> __m256i {
        // SAFETY: the reference is valid and aligned for reading 32 bytes; a token exists only
        // where detection found AVX2, so they fit a register.
        unsafe { core::ptr::read_volatile(constant) }
    }

    /// Each limb in every lane.
    #[inline(always)]
    fn broadcast_each(self, limbs: [u64; 9]) -> [__m256i; 9] {
        let mut vectors = [self.broadcast(0); 9];
        for (vector, limb) in vectors.iter_mut().zip(limbs) {
            *vector = self.broadcast(limb);
        }
        vectors
    }

    #[inline(always)]
    fn pack(self, words: &[u64; 4]) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2, and the reference is valid for
        // the 32 bytes read, which need no alignment.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn pack_half(self, words: &[u32; 4]) -> __m128i {
        // SAFETY: `self` exists only where detection found AVX2, and the reference is valid for
        // the 16 bytes read, which need no alignment.
        unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
    }

    #[inline(always)]
    fn unpack(self, a: __m256i) -> [u64; 4] {
        let mut words = [0u64; 4];
        // SAFETY: `self` exists only where detection found AVX2, and the array is valid for the
        // 32 bytes written, which need no alignment.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), a) };
        words
    }
}

/// The low 255 bits of four words in limbs of 29 bits.
#[inline(always)]
fn limbs([w0, w1, w2, w3]: [u64; 4]) -> [u64; 9] {
    [
        w0 & LIMB,
        w0 >> 29 & LIMB,
        (w0 >> 58 | w1 << 6) & LIMB,
        w1 >> 23 & LIMB,
        (w1 >> 52 | w2 << 12) & LIMB,
        w2 >> 17 & LIMB,
        (w2 >> 46 | w3 << 18) & LIMB,
        w3 >> 11 & LIMB,
        w3 >> 40 & TOP,
    ]
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

static LIMBS: __m256i = in_every_lane(LIMB);

static TOPS: __m256i = in_every_lane(TOP);

/// 2^261 modulo p.
static FOLDS: __m256i = in_every_lane(1_216);

const fn in_every_lane(word: u64) -> __m256i {
    // SAFETY: both types are 32 bytes of plain data; no processor feature is involved.
    unsafe { core::mem::transmute([word; 4]) }
}

const LIMB: u64 = (1 << 29) - 1;

/// Limb 8 of a value below 2^255.
const TOP: u64 = (1 << 23) - 1;
