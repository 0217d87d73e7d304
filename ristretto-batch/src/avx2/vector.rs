//! The instructions of AVX2, on four words of 64 bits.

use core::arch::x86_64::*;

use super::Avx2;
use crate::lanes::{Halves, LANES_MAX, Opaque, Vector, Words};

/// One lane of three operands, 27 limbs, on two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Row([[u32; 4]; 8]);

impl Vector for Avx2 {
    type Word = __m256i;

    const LANES: usize = 4;

    #[inline(always)]
    fn broadcast(self, word: u64) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_set1_epi64x(word.cast_signed()) }
    }

    #[inline(always)]
    fn pack(self, lanes: &[u64; LANES_MAX]) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2, and the reference is valid for
        // the 32 bytes read, which need no alignment.
        unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) }
    }

    #[inline(always)]
    fn unpack(self, a: __m256i) -> [u64; LANES_MAX] {
        let mut lanes = [0u64; LANES_MAX];
        // SAFETY: `self` exists only where detection found AVX2, and the array is valid for the
        // 32 bytes written, which need no alignment.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), a) };
        lanes
    }

    #[inline(always)]
    fn plus(self, a: __m256i, b: __m256i) -> __m256i {
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
    fn left<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_slli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn right<const BITS: i32>(self, a: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_srli_epi64::<BITS>(a) }
    }

    #[inline(always)]
    fn blend(self, mask: u8, yes: __m256i, no: __m256i) -> __m256i {
        self.merge(self.spread(mask), yes, no)
    }

    #[inline(always)]
    fn zeros(self, a: __m256i) -> u8 {
        let zero = self.broadcast(0);
        // SAFETY: `self` exists only where detection found AVX2.
        let lanes = unsafe { _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(a, zero))) };
        lanes as u8
    }
}

impl Halves for Avx2 {
    type Row = Row;

    #[inline(always)]
    fn times(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_mul_epu32(a, b) }
    }

    /// Knowing a mask, the optimizer proves that a limb has 32 bits, drops the truncation in a
    /// product as useless, forgets the proof, and multiplies 64 bits by 64. Knowing a factor, it
    /// multiplies by shifts and additions. Together they cost more than half the speed.
    #[inline(always)]
    fn opaque(self, constant: Opaque) -> __m256i {
        let vector = match constant {
            Opaque::Limb => &LIMBS,
            Opaque::Top => &TOPS,
            Opaque::Fold => &FOLDS,
        };
        // SAFETY: the reference is valid and aligned for reading 32 bytes; a token exists only
        // where detection found AVX2, so they fit a register.
        unsafe { core::ptr::read_volatile(vector) }
    }

    #[inline(always)]
    fn scatter(self, columns: [__m256i; 27], rows: &mut [Row]) {
        for (at, column) in columns.into_iter().enumerate() {
            for (row, word) in rows[..4].iter_mut().zip(self.unpack(column)) {
                // Limbs are below 2^30.
                row.0[at / 4][at % 4] = word as u32;
            }
        }
    }

    #[inline(always)]
    fn gather(self, rows: &[&Row]) -> [__m256i; 27] {
        let mut columns = [self.broadcast(0); 27];
        for (quarter, columns) in columns.chunks_mut(4).enumerate() {
            let words = self.transposed(rows, quarter);
            columns.copy_from_slice(&words[..columns.len()]);
        }
        columns
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
        self.pack(lanes)
    }

    #[inline(always)]
    fn repeat(self, word: u64) -> __m256i {
        self.broadcast(word)
    }

    #[inline(always)]
    fn lanes(self, word: __m256i) -> [u64; LANES_MAX] {
        self.unpack(word)
    }

    #[inline(always)]
    fn add(self, a: __m256i, b: __m256i) -> __m256i {
        self.plus(a, b)
    }

    #[inline(always)]
    fn xor(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        self.differ(self.differ(a, b), c)
    }

    #[inline(always)]
    fn choose(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        self.merge(a, b, c)
    }

    #[inline(always)]
    fn majority(self, a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        // Where a and b differ, c decides.
        self.merge(self.differ(a, b), c, b)
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
        self.blend(mask, yes, no)
    }
}

impl Avx2 {
    /// Limbs 4·`quarter` to 4·`quarter` + 3 of every row: a 4 by 4 transpose in registers.
    #[inline(always)]
    fn transposed(self, rows: &[&Row], quarter: usize) -> [__m256i; 4] {
        let (r0, r1) = (self.read(&rows[0].0[quarter]), self.read(&rows[1].0[quarter]));
        let (r2, r3) = (self.read(&rows[2].0[quarter]), self.read(&rows[3].0[quarter]));
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
    fn spread(self, mask: u8) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe {
            let bits = _mm256_setr_epi64x(1, 2, 4, 8);
            _mm256_cmpeq_epi64(self.and(self.broadcast(u64::from(mask)), bits), bits)
        }
    }

    /// Bits of `yes` where `mask` has ones, else of `no`.
    #[inline(always)]
    fn merge(self, mask: __m256i, yes: __m256i, no: __m256i) -> __m256i {
        self.differ(self.and(self.differ(yes, no), mask), no)
    }

    #[inline(always)]
    fn differ(self, a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: `self` exists only where detection found AVX2.
        unsafe { _mm256_xor_si256(a, b) }
    }

    #[inline(always)]
    fn read(self, words: &[u32; 4]) -> __m128i {
        // SAFETY: `self` exists only where detection found AVX2, and the reference is valid for
        // the 16 bytes read, which need no alignment.
        unsafe { _mm_loadu_si128(words.as_ptr().cast()) }
    }
}

static LIMBS: __m256i = in_every_lane(Opaque::Limb);

static TOPS: __m256i = in_every_lane(Opaque::Top);

static FOLDS: __m256i = in_every_lane(Opaque::Fold);

const fn in_every_lane(constant: Opaque) -> __m256i {
    // SAFETY: both types are 32 bytes of plain data; no processor feature is involved.
    unsafe { core::mem::transmute([constant.word(); 4]) }
}
