//! SHA-512 of one message in each lane, and what is built of it: HMAC, and `expand_message_xmd` of
//! RFC 9380.
//!
//! Messages of one operand may differ in length: the state of a lane stops changing after the
//! lane's own last block. A second hash starts from registers and costs no byte handling.

use sha2::block_api::compress512;
use zeroize::Zeroizing;

use super::{Kernel, LANES_MAX, Lanes};
use crate::hash::{BLOCK, Hasher};

/// Words of 64 bits, one in each lane.
pub(crate) trait Words: Copy {
    type Word: Copy;

    fn word(self, lanes: &[u64; LANES_MAX]) -> Self::Word;
    fn repeat(self, word: u64) -> Self::Word;
    fn lanes(self, word: Self::Word) -> [u64; LANES_MAX];
    /// The sum modulo 2^64.
    fn add(self, a: Self::Word, b: Self::Word) -> Self::Word;
    fn xor(self, a: Self::Word, b: Self::Word, c: Self::Word) -> Self::Word;
    /// Bits of `b` where `a` has ones, else of `c`.
    fn choose(self, a: Self::Word, b: Self::Word, c: Self::Word) -> Self::Word;
    fn majority(self, a: Self::Word, b: Self::Word, c: Self::Word) -> Self::Word;
    /// Rotates right by `RIGHT` bits; `LEFT` is 64 − `RIGHT`.
    fn rotate<const RIGHT: i32, const LEFT: i32>(self, a: Self::Word) -> Self::Word;
    fn shift<const RIGHT: i32>(self, a: Self::Word) -> Self::Word;
    fn pick(self, mask: u8, yes: Self::Word, no: Self::Word) -> Self::Word;
}

/// Recipe of a hash that is made of one or two runs of SHA-512.
pub(crate) struct Recipe {
    over_message: Pass,
    /// For a hash of a hash.
    over_digest: Option<Pass>,
}

/// One run of SHA-512: what comes before the bytes that it is about, and what comes after them.
struct Pass {
    /// The state after what comes before.
    state: Zeroizing<[u64; 8]>,
    /// Bytes that led to that state.
    before: usize,
    tail: Tail,
}

impl Recipe {
    pub(crate) fn new(hasher: &Hasher) -> Self {
        match hasher {
            Hasher::Sha512 => {
                let over_message = Pass::new(INITIAL, 0, Tail::new(&[], &[]));
                Recipe { over_message, over_digest: None }
            }
            Hasher::HmacSha512(key) => {
                let [inner, outer] = key.blocks().each_ref().map(|block| {
                    let mut pass = Pass::new(INITIAL, BLOCK, Tail::new(&[], &[]));
                    compress512(&mut pass.state, core::slice::from_ref(block));
                    pass
                });
                Recipe { over_message: inner, over_digest: Some(outer) }
            }
            Hasher::ExpandXmd(dst) => Recipe {
                over_message: Pass::new(AFTER_ZEROS, BLOCK, Tail::new(&[0, 64, 0], dst.as_bytes())),
                over_digest: Some(Pass::new(INITIAL, 0, Tail::new(&[1], dst.as_bytes()))),
            },
        }
    }
}

impl Pass {
    fn new(state: [u64; 8], before: usize, tail: Tail) -> Self {
        Pass { state: Zeroizing::new(state), before, tail }
    }
}

/// Hashes a run of messages, lane by lane and the rest of them in fewer lanes.
pub(crate) fn hash_each<F: Kernel, I: AsRef<[u8]>>(
    f: F,
    recipe: &Recipe,
    messages: &[I],
    out: &mut [[u8; 64]],
) {
    for (group, out) in messages.chunks(F::LANES).zip(out.chunks_mut(F::LANES)) {
        let mut lanes: [&[u8]; LANES_MAX] = [&[]; LANES_MAX];
        for (lane, message) in lanes.iter_mut().zip(group) {
            *lane = message.as_ref();
        }
        f.hash(&lanes[..group.len()], recipe, out);
    }
}

/// Hashes one message for each lane, or for the first few, to 64 bytes each.
#[inline(always)]
pub(crate) fn hash<F: Lanes>(f: F, messages: &[&[u8]], recipe: &Recipe, out: &mut [[u8; 64]]) {
    let f = f.hasher();
    let mut state = hash_messages(f, messages, &recipe.over_message);
    if let Some(pass) = &recipe.over_digest {
        state = hash_digests(f, &state, pass);
    }
    for (at, word) in state.into_iter().enumerate() {
        for (out, word) in out.iter_mut().zip(f.lanes(word)) {
            out[8 * at..8 * at + 8].copy_from_slice(&word.to_be_bytes());
        }
    }
}

#[inline(always)]
fn hash_messages<F: Words>(f: F, messages: &[&[u8]], pass: &Pass) -> [F::Word; 8] {
    let blocks = |message: &&[u8]| pass.tail.blocks(message.len());
    let most = messages.iter().map(blocks).max().unwrap_or(0);
    let mut state = repeated(f, &pass.state);
    for block in 0..most {
        let mut columns = Zeroizing::new([[0u64; LANES_MAX]; 16]);
        let mut open = 0u8;
        for (lane, message) in messages.iter().enumerate() {
            open |= u8::from(block < blocks(message)) << lane;
            let mut bytes = Zeroizing::new([0u8; BLOCK]);
            pass.tail.fill(&mut bytes, block, message, pass.before);
            for (at, column) in columns.iter_mut().enumerate() {
                column[lane] = big_endian(&bytes, at);
            }
        }
        let before = state;
        let mut words = [f.repeat(0); 16];
        for (word, column) in words.iter_mut().zip(columns.iter()) {
            *word = f.word(column);
        }
        compress(f, &mut state, words);
        for (after, before) in state.iter_mut().zip(before) {
            *after = f.pick(open, *after, before);
        }
    }
    state
}

/// Hashes the digest of each lane, as it lies in registers.
#[inline(always)]
fn hash_digests<F: Words>(f: F, digests: &[F::Word; 8], pass: &Pass) -> [F::Word; 8] {
    let mut state = repeated(f, &pass.state);
    for block in 0..pass.tail.blocks(64) {
        let mut bytes = [0u8; BLOCK];
        pass.tail.fill(&mut bytes, block, &[0; 64], pass.before);
        let mut words = [f.repeat(0); 16];
        for (at, word) in words.iter_mut().enumerate() {
            *word = f.repeat(big_endian(&bytes, at));
        }
        if block == 0 {
            words[..8].copy_from_slice(digests);
        }
        compress(f, &mut state, words);
    }
    state
}

#[inline(always)]
fn repeated<F: Words>(f: F, state: &[u64; 8]) -> [F::Word; 8] {
    let mut words = [f.repeat(0); 8];
    for (word, &value) in words.iter_mut().zip(state) {
        *word = f.repeat(value);
    }
    words
}

/// One application of the compression function.
#[inline(always)]
fn compress<F: Words>(f: F, state: &mut [F::Word; 8], mut words: [F::Word; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f_, mut g, mut h] = *state;
    for (sixteen, constants) in ROUNDS.chunks(16).enumerate() {
        for i in 0..16 {
            if sixteen > 0 {
                words[i] = schedule(f, &words, i);
            }
            let sum = f.xor(f.rotate::<14, 50>(e), f.rotate::<18, 46>(e), f.rotate::<41, 23>(e));
            let input = f.add(f.add(h, f.repeat(constants[i])), words[i]);
            let first = f.add(f.add(input, sum), f.choose(e, f_, g));
            let sum = f.xor(f.rotate::<28, 36>(a), f.rotate::<34, 30>(a), f.rotate::<39, 25>(a));
            let second = f.add(sum, f.majority(a, b, c));
            (h, g, f_, e) = (g, f_, e, f.add(d, first));
            (d, c, b, a) = (c, b, a, f.add(first, second));
        }
    }
    for (old, new) in state.iter_mut().zip([a, b, c, d, e, f_, g, h]) {
        *old = f.add(*old, new);
    }
}

/// The word that replaces word `i` sixteen rounds later.
#[inline(always)]
fn schedule<F: Words>(f: F, words: &[F::Word; 16], i: usize) -> F::Word {
    let (old, recent) = (words[(i + 1) % 16], words[(i + 14) % 16]);
    let s0 = f.xor(f.rotate::<1, 63>(old), f.rotate::<8, 56>(old), f.shift::<7>(old));
    let s1 = f.xor(f.rotate::<19, 45>(recent), f.rotate::<61, 3>(recent), f.shift::<6>(recent));
    f.add(f.add(words[i], s0), f.add(words[(i + 9) % 16], s1))
}

/// Bytes that follow the hashed ones: perhaps a few bytes and a tag, and the padding.
struct Tail {
    bytes: [u8; 3 + 256 + 1],
    len: usize,
}

impl Tail {
    fn new(first: &[u8], tag: &[u8]) -> Self {
        let mut bytes = [0u8; 3 + 256 + 1];
        let len = first.len() + tag.len();
        bytes[..first.len()].copy_from_slice(first);
        bytes[first.len()..len].copy_from_slice(tag);
        bytes[len] = 0x80;
        Tail { bytes, len }
    }

    /// Blocks taken by a message of `len` bytes, this tail, and the 128-bit length.
    fn blocks(&self, len: usize) -> usize {
        (len + self.len + 17).div_ceil(BLOCK)
    }

    /// Writes one block, over zeros; `before` bytes were hashed already.
    #[inline(always)]
    fn fill(&self, bytes: &mut [u8; BLOCK], block: usize, message: &[u8], before: usize) {
        overlay(bytes, block * BLOCK, message, 0);
        overlay(bytes, block * BLOCK, &self.bytes[..=self.len], message.len());
        if block + 1 == self.blocks(message.len()) {
            let bits = 8 * (before + message.len() + self.len) as u128;
            bytes[BLOCK - 16..].copy_from_slice(&bits.to_be_bytes());
        }
    }
}

/// Copies the part of `piece`, which lies at offset `at` of a string, that falls into the block
/// at offset `start` of it.
#[inline(always)]
fn overlay(block: &mut [u8; BLOCK], start: usize, piece: &[u8], at: usize) {
    let from = start.max(at);
    let to = (start + BLOCK).min(at + piece.len());
    if from < to {
        block[from - start..to - start].copy_from_slice(&piece[from - at..to - at]);
    }
}

#[inline(always)]
fn big_endian(block: &[u8; BLOCK], word: usize) -> u64 {
    u64::from_be_bytes(core::array::from_fn(|byte| block[8 * word + byte]))
}

/// The initial state of FIPS 180-4.
const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908,
    0xbb67_ae85_84ca_a73b,
    0x3c6e_f372_fe94_f82b,
    0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1,
    0x9b05_688c_2b3e_6c1f,
    0x1f83_d9ab_fb41_bd6b,
    0x5be0_cd19_137e_2179,
];

/// The state after one block of zeros, which starts every `expand_message_xmd`.
const AFTER_ZEROS: [u64; 8] = [
    0xcf78_81d5_774a_cbe8,
    0x5333_62e0_fbc7_8070,
    0x0267_639d_8746_0eda,
    0x3086_cb40_e859_31b0,
    0x717d_c952_88a0_23a3,
    0x96ba_b2c1_4ce0_b5e0,
    0x6fc4_fe04_eae3_3e0b,
    0x91f4_d80c_bd66_8bee,
];

/// The round constants of FIPS 180-4.
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22,
    0x7137_4491_23ef_65cd,
    0xb5c0_fbcf_ec4d_3b2f,
    0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538,
    0x59f1_11f1_b605_d019,
    0x923f_82a4_af19_4f9b,
    0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242,
    0x1283_5b01_4570_6fbe,
    0x2431_85be_4ee4_b28c,
    0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f,
    0x80de_b1fe_3b16_96b1,
    0x9bdc_06a7_25c7_1235,
    0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2,
    0xefbe_4786_384f_25e3,
    0x0fc1_9dc6_8b8c_d5b5,
    0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275,
    0x4a74_84aa_6ea6_e483,
    0x5cb0_a9dc_bd41_fbd4,
    0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab,
    0xa831_c66d_2db4_3210,
    0xb003_27c8_98fb_213f,
    0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2,
    0xd5a7_9147_930a_a725,
    0x06ca_6351_e003_826f,
    0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc,
    0x2e1b_2138_5c26_c926,
    0x4d2c_6dfc_5ac4_2aed,
    0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de,
    0x766a_0abb_3c77_b2a8,
    0x81c2_c92e_47ed_aee6,
    0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364,
    0xa81a_664b_bc42_3001,
    0xc24b_8b70_d0f8_9791,
    0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218,
    0xd699_0624_5565_a910,
    0xf40e_3585_5771_202a,
    0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8,
    0x1e37_6c08_5141_ab53,
    0x2748_774c_df8e_eb99,
    0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63,
    0x4ed8_aa4a_e341_8acb,
    0x5b9c_ca4f_7763_e373,
    0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc,
    0x78a5_636f_4317_2f60,
    0x84c8_7814_a1f0_ab72,
    0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28,
    0xa450_6ceb_de82_bde9,
    0xbef9_a3f7_b2c6_7915,
    0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c,
    0xd186_b8c7_21c0_c207,
    0xeada_7dd6_cde0_eb1e,
    0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba,
    0x0a63_7dc5_a2c8_98a6,
    0x113f_9804_bef9_0dae,
    0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84,
    0x32ca_ab7b_40c7_2493,
    0x3c9e_be0a_15c9_bebc,
    0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6,
    0x597f_299c_fc65_7e2a,
    0x5fcb_6fab_3ad6_faec,
    0x6c44_198c_4a47_5817,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_after_zeros_is_right() {
        let mut state = INITIAL;
        compress512(&mut state, &[[0; BLOCK]]);
        assert_eq!(state, AFTER_ZEROS);
    }
}
