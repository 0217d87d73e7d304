//! The instructions of AVX-512 with IFMA, on eight words of 64 bits.

use core::arch::x86_64::*;

use super::Ifma;
use crate::lanes::{Fused, LANES_MAX, Vector, Words};

/// One lane of three operands, fifteen limbs, on two cache lines.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(crate) struct Row([[u64; 8]; 2]);

impl Vector for Ifma {
    type Word = __m512i;

    const LANES: usize = 8;

    #[inline(always)]
    fn broadcast(self, word: u64) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_set1_epi64(word.cast_signed()) }
    }

    #[inline(always)]
    fn pack(self, lanes: &[u64; LANES_MAX]) -> __m512i {
        self.read(lanes)
    }

    #[inline(always)]
    fn unpack(self, a: __m512i) -> [u64; LANES_MAX] {
        let mut lanes = [0u64; LANES_MAX];
        // SAFETY: `self` exists only where detection found AVX-512F, and the array is valid for
        // the 64 bytes written, which need no alignment.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), a) };
        lanes
    }

    #[inline(always)]
    fn plus(self, a: __m512i, b: __m512i) -> __m512i {
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

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn left<const BITS: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_sll_epi64(a, _mm_cvtsi32_si128(BITS)) }
    }

    #[inline(always)]
    fn right<const BITS: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_srl_epi64(a, _mm_cvtsi32_si128(BITS)) }
    }

    #[inline(always)]
    fn blend(self, mask: u8, yes: __m512i, no: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_mask_blend_epi64(mask, no, yes) }
    }

    #[inline(always)]
    fn zeros(self, a: __m512i) -> u8 {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_testn_epi64_mask(a, a) }
    }
}

impl Fused for Ifma {
    type Row = Row;

    #[inline(always)]
    fn low(self, onto: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512 IFMA.
        unsafe { _mm512_madd52lo_epu64(onto, a, b) }
    }

    #[inline(always)]
    fn whole(self, onto: __m512i, a: __m512i, b: __m512i) -> __m512i {
        self.low(onto, a, b)
    }

    #[inline(always)]
    fn high(self, onto: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512 IFMA.
        unsafe { _mm512_madd52hi_epu64(onto, a, b) }
    }

    #[inline(always)]
    fn scatter(self, columns: [__m512i; 15], rows: &mut [Row]) {
        for (at, column) in columns.into_iter().enumerate() {
            for (row, word) in rows[..8].iter_mut().zip(self.unpack(column)) {
                row.0[at / 8][at % 8] = word;
            }
        }
    }

    #[inline(always)]
    fn gather(self, rows: &[&Row]) -> [__m512i; 15] {
        let [a0, a1, a2, a3, a4, b0, b1, b2] = self.transposed(rows, 0);
        let [b3, b4, c0, c1, c2, c3, c4, _] = self.transposed(rows, 1);
        [a0, a1, a2, a3, a4, b0, b1, b2, b3, b4, c0, c1, c2, c3, c4]
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
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        self.plus(a, b)
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
        self.right::<RIGHT>(a)
    }

    #[inline(always)]
    fn pick(self, mask: u8, yes: __m512i, no: __m512i) -> __m512i {
        self.blend(mask, yes, no)
    }
}

impl Ifma {
    /// Word i of one line of every row in vector i: an 8 by 8 transpose in registers.
    #[inline(always)]
    fn transposed(self, rows: &[&Row], line: usize) -> [__m512i; 8] {
        let (r0, r1) = (self.read(&rows[0].0[line]), self.read(&rows[1].0[line]));
        let (r2, r3) = (self.read(&rows[2].0[line]), self.read(&rows[3].0[line]));
        let (r4, r5) = (self.read(&rows[4].0[line]), self.read(&rows[5].0[line]));
        let (r6, r7) = (self.read(&rows[6].0[line]), self.read(&rows[7].0[line]));
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

    /// The three-input function whose truth table is `TABLE`.
    #[inline(always)]
    fn combine<const TABLE: i32>(self, a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F.
        unsafe { _mm512_ternarylogic_epi64::<TABLE>(a, b, c) }
    }

    #[inline(always)]
    fn read(self, words: &[u64; 8]) -> __m512i {
        // SAFETY: `self` exists only where detection found AVX-512F, and the reference is valid
        // for the 64 bytes read, which need no alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }
}
