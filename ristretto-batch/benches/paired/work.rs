//! The work that is measured, on a backend and with curve25519-dalek, and the clock.

use std::hint::black_box;
use std::time::Duration;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ristretto_batch::{Encoded, Engine, SecretScalar};
use sha2::{Digest, Sha512};

/// One kind of work, as a session does it.
#[derive(Clone, Copy)]
pub(crate) enum Pass {
    HashMulEncode,
    DecodeMulEncode,
    Msm,
}

impl Pass {
    pub(crate) const ALL: [Self; 3] = [Pass::HashMulEncode, Pass::DecodeMulEncode, Pass::Msm];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Pass::HashMulEncode => "hash_mul_encode",
            Pass::DecodeMulEncode => "decode_mul_encode",
            Pass::Msm => "msm",
        }
    }

    pub(crate) fn elements(self) -> usize {
        match self {
            Pass::HashMulEncode | Pass::DecodeMulEncode => RUN,
            Pass::Msm => SUM,
        }
    }

    /// How many places the work writes.
    pub(crate) fn written(self) -> usize {
        match self {
            Pass::HashMulEncode | Pass::DecodeMulEncode => RUN,
            Pass::Msm => 1,
        }
    }

    /// The work on a backend; a pass over elements takes as many as there are places.
    pub(crate) fn on_engine(self, engine: &Engine, work: &Work, out: &mut [Encoded]) {
        let work = black_box(work);
        match self {
            Pass::HashMulEncode => {
                engine.hash_multiply(&work.by, DST, &work.inputs[..out.len()], out);
            }
            Pass::DecodeMulEncode => {
                engine.multiply(&work.by, &work.terms[..out.len()], out).expect("valid elements");
            }
            Pass::Msm => {
                out[0] = engine.vartime_sum(&work.weights, &work.terms).expect("valid elements");
            }
        }
    }

    /// The same work with curve25519-dalek alone.
    pub(crate) fn on_dalek(self, work: &Work, out: &mut [Encoded]) {
        let work = black_box(work);
        match self {
            Pass::HashMulEncode => {
                let expander = Expander::new();
                encode_doubled(&work.inputs, out, |input| {
                    work.half * RistrettoPoint::from_uniform_bytes(&expander.expand(input))
                });
            }
            Pass::DecodeMulEncode => {
                encode_doubled(&work.terms[..RUN], out, |element| work.half * decode(element));
            }
            Pass::Msm => {
                let weights = work.weights.iter().map(|bytes| Scalar::from_bytes_mod_order(*bytes));
                let points: Vec<RistrettoPoint> = work.terms.iter().map(decode).collect();
                let sum = RistrettoPoint::vartime_multiscalar_mul(weights, &points);
                out[0] = sum.compress().to_bytes();
            }
        }
    }
}

/// What both sides work on.
pub(crate) struct Work {
    by: SecretScalar,
    /// Half of `by`, for the side that doubles while it encodes.
    half: Scalar,
    inputs: Vec<[u8; 45]>,
    /// Elements of the sum; the second pass takes the first of them.
    terms: Vec<Encoded>,
    weights: Vec<[u8; 32]>,
}

impl Work {
    pub(crate) fn new() -> Self {
        let scalar = Scalar::from_bytes_mod_order([0x5a; 32]);
        let by = SecretScalar::from_canonical_bytes(scalar.to_bytes()).expect("not refused");
        let mut terms = vec![[0; 32]; SUM];
        Engine::detect().hash_multiply(&by, DST, &inputs(SUM), &mut terms);
        let base = Scalar::from_bytes_mod_order([0x77; 32]);
        let powers = core::iter::successors(Some(base), |power| Some(power * base));
        let weights = powers.take(SUM).map(|weight| weight.to_bytes()).collect();
        Work { by, half: scalar.div_by_2(), inputs: inputs(RUN), terms, weights }
    }
}

fn inputs(len: usize) -> Vec<[u8; 45]> {
    (0..len as u64)
        .map(|i| {
            let mut input = [7; 45];
            input[..8].copy_from_slice(&i.to_le_bytes());
            input
        })
        .collect()
}

fn decode(element: &Encoded) -> RistrettoPoint {
    CompressedRistretto(*element).decompress().expect("valid elements")
}

/// Writes twice what `half` makes of each item, encoded in batches.
fn encode_doubled<T>(items: &[T], out: &mut [Encoded], half: impl Fn(&T) -> RistrettoPoint) {
    let mut halves = Vec::with_capacity(CHUNK);
    for (items, out) in items.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
        halves.clear();
        halves.extend(items.iter().map(&half));
        for (slot, encoding) in
            out.iter_mut().zip(RistrettoPoint::double_and_compress_batch(&halves))
        {
            *slot = encoding.to_bytes();
        }
    }
}

/// `expand_message_xmd` of RFC 9380 over SHA-512 to 64 bytes, under [`DST`].
struct Expander {
    /// After the block of zeros, which every message starts with.
    padded: Sha512,
}

impl Expander {
    fn new() -> Self {
        Expander { padded: Sha512::new().chain_update([0u8; 128]) }
    }

    fn expand(&self, message: &[u8]) -> [u8; 64] {
        let tag_len = [DST.len() as u8];
        let first = self.padded.clone();
        let first = first.chain_update(message).chain_update([0, 64, 0]);
        let first = first.chain_update(DST).chain_update(tag_len).finalize();
        let only = Sha512::new().chain_update(first).chain_update([1]);
        only.chain_update(DST).chain_update(tag_len).finalize().into()
    }
}

/// Processor time that this thread has used.
#[cfg(unix)]
pub(crate) fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("no thread has used negative time")
}

/// Wall time, where the system tells no processor time.
#[cfg(not(unix))]
pub(crate) fn now() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// The backend that curve25519-dalek takes in this binary, on this processor.
///
/// The crate does not tell; these are the features by which its build script decides, and those
/// that it looks for at run time.
pub(crate) fn dalek_backend() -> &'static str {
    #[cfg(all(target_arch = "x86_64", target_feature = "avx512ifma", target_feature = "avx512vl"))]
    if is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("avx512vl") {
        return "avx512";
    }
    #[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
    if is_x86_feature_detected!("avx2") {
        return "avx2";
    }
    "serial"
}

/// Elements of a pass.
const RUN: usize = 4_096;

/// One frame of the largest size that a proof covers.
const SUM: usize = 32_768;

/// Elements that the other side encodes at once; ours take as many through their stages.
pub(crate) const CHUNK: usize = 512;

const DST: &[u8; 47] = b"kernel-v01-ristretto255_XMD:SHA-512_R255MAP_RO_";
