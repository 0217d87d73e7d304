//! Backends, and the choice among them.

use core::fmt;

#[cfg(target_arch = "x86_64")]
use crate::avx2::Avx2;
use crate::dalek::{self, Scalars};
use crate::hash::{Hash, Hasher};
#[cfg(target_arch = "x86_64")]
use crate::ifma::Ifma;
#[cfg(target_arch = "x86_64")]
use crate::lanes::{self, Radix29, Radix52, Recipe};
use crate::{BadElement, Encoded, SecretScalar, check};

/// One implementation of the arithmetic; all of them write the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// Eight elements at once on processors with AVX-512 IFMA.
    Avx512Ifma,
    /// Four elements at once on processors with AVX2.
    Avx2,
    /// curve25519-dalek with batch encoding; available everywhere.
    Portable,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Avx512Ifma => "avx512-ifma",
            Backend::Avx2 => "avx2",
            Backend::Portable => "portable",
        })
    }
}

/// Batch arithmetic on one backend; cheap to copy and to share between threads.
#[derive(Clone, Copy)]
pub struct Engine {
    kernel: AnyKernel,
}

/// The token of each backend, which proves that the processor runs it.
#[derive(Clone, Copy)]
enum AnyKernel {
    #[cfg(target_arch = "x86_64")]
    Ifma(Radix52<Ifma>),
    #[cfg(target_arch = "x86_64")]
    Avx2(Radix29<Avx2>),
    Portable,
}

/// Runs one expression with the token of the vector backend in use, or another without one.
macro_rules! on {
    ($engine:expr, $f:ident => $vector:expr, portable => $portable:expr) => {
        match $engine.kernel {
            #[cfg(target_arch = "x86_64")]
            AnyKernel::Ifma($f) => $vector,
            #[cfg(target_arch = "x86_64")]
            AnyKernel::Avx2($f) => $vector,
            AnyKernel::Portable => $portable,
        }
    };
}

impl Engine {
    /// Picks the fastest backend that this processor runs.
    ///
    /// With the feature `force-backend`, the environment variable `RISTRETTO_BATCH_BACKEND`
    /// overrides the choice, and a name that is not available here panics.
    pub fn detect() -> Self {
        #[cfg(feature = "force-backend")]
        if let Ok(name) = std::env::var("RISTRETTO_BATCH_BACKEND") {
            let forced = Self::runnable().find(|engine| engine.backend().to_string() == name);
            return forced.expect("RISTRETTO_BATCH_BACKEND names a backend of this processor");
        }
        Self::runnable().next().unwrap_or(Self::portable())
    }

    /// The backend that runs everywhere.
    pub fn portable() -> Self {
        Engine { kernel: AnyKernel::Portable }
    }

    /// The chosen backend, if this processor runs it.
    pub fn with_backend(backend: Backend) -> Option<Self> {
        Self::runnable().find(|engine| engine.backend() == backend)
    }

    /// Every backend that this processor runs, fastest first.
    pub fn available() -> Vec<Backend> {
        Self::runnable().map(|engine| engine.backend()).collect()
    }

    /// The backend in use.
    pub fn backend(&self) -> Backend {
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            AnyKernel::Ifma(_) => Backend::Avx512Ifma,
            #[cfg(target_arch = "x86_64")]
            AnyKernel::Avx2(_) => Backend::Avx2,
            AnyKernel::Portable => Backend::Portable,
        }
    }

    /// Writes `by` times each element.
    ///
    /// Elements are decoded strictly, in the same pass. Products are never the identity, since
    /// neither factor is zero.
    ///
    /// # Errors
    ///
    /// The first element that is not canonical or is the identity, whoever sent it; `out` is
    /// then all zeros.
    ///
    /// # Panics
    ///
    /// If `out` is not as long as `elements`.
    pub fn multiply(
        &self,
        by: &SecretScalar,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        self.multiply_by(Scalars::One(by), elements, out)
    }

    /// Writes each element times the scalar of the same position.
    ///
    /// # Errors
    ///
    /// As [`multiply`](Self::multiply).
    ///
    /// # Panics
    ///
    /// If the three lengths differ.
    pub fn multiply_each(
        &self,
        by: &[SecretScalar],
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        assert_eq!(by.len(), elements.len(), "one scalar for each element");
        self.multiply_by(Scalars::Each(by), elements, out)
    }

    /// Hashes each input to the group and writes `by` times the result.
    ///
    /// The hash is `expand_message_xmd` of RFC 9380 over SHA-512 to 64 bytes, then the one-way
    /// map of RFC 9496. `dst` should hold at least one byte; one over 255 bytes is hashed first,
    /// as RFC 9380 says. An input that hashes to the identity, which nobody can find, gives 32
    /// zero bytes.
    ///
    /// # Panics
    ///
    /// If `out` is not as long as `inputs`.
    pub fn hash_multiply<I: AsRef<[u8]>>(
        &self,
        by: &SecretScalar,
        dst: &[u8],
        inputs: &[I],
        out: &mut [Encoded],
    ) {
        self.hash_multiply_by(Scalars::One(by), dst, inputs, out);
    }

    /// Hashes each input to the group and writes it times the scalar of the same position.
    ///
    /// # Panics
    ///
    /// If the three lengths differ.
    pub fn hash_multiply_each<I: AsRef<[u8]>>(
        &self,
        by: &[SecretScalar],
        dst: &[u8],
        inputs: &[I],
        out: &mut [Encoded],
    ) {
        assert_eq!(by.len(), inputs.len(), "one scalar for each input");
        self.hash_multiply_by(Scalars::Each(by), dst, inputs, out);
    }

    /// Maps 64 uniform bytes to the group, by the one-way map of RFC 9496, and writes `by` times
    /// the result.
    ///
    /// For callers with a hash of their own; [`hash_multiply`](Self::hash_multiply) is the whole
    /// construction.
    ///
    /// # Panics
    ///
    /// If `out` is not as long as `uniform`.
    pub fn map_multiply(&self, by: &SecretScalar, uniform: &[[u8; 64]], out: &mut [Encoded]) {
        assert_eq!(uniform.len(), out.len(), "one place for each product");
        on!(self,
            f => lanes::map_multiply(f, by, uniform, out),
            portable => dalek::map_multiply(by, uniform, out)
        )
    }

    /// Sums public elements, each times its public weight, in variable time.
    ///
    /// Weights are taken modulo the group order. The sum may be the identity, 32 zero bytes.
    ///
    /// # Errors
    ///
    /// As [`multiply`](Self::multiply).
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn vartime_sum(
        &self,
        weights: &[[u8; 32]],
        elements: &[Encoded],
    ) -> Result<Encoded, BadElement> {
        assert_eq!(weights.len(), elements.len(), "one weight for each element");
        self.vartime_sums(weights, [elements]).map(|[sum]| sum)
    }

    /// Two sums of public elements under the same weights, in variable time.
    ///
    /// The same as [`vartime_sum`](Self::vartime_sum) of `first` and then of `second`, cheaper
    /// where a backend can share the work on the weights.
    ///
    /// # Errors
    ///
    /// The first bad element; the index counts through `first` and on through `second`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn vartime_sum_pair(
        &self,
        weights: &[[u8; 32]],
        first: &[Encoded],
        second: &[Encoded],
    ) -> Result<[Encoded; 2], BadElement> {
        assert_eq!(weights.len(), first.len(), "one weight for each element of the first run");
        assert_eq!(weights.len(), second.len(), "one weight for each element of the second run");
        self.vartime_sums(weights, [first, second])
    }

    fn vartime_sums<const RUNS: usize>(
        &self,
        weights: &[[u8; 32]],
        runs: [&[Encoded]; RUNS],
    ) -> Result<[Encoded; RUNS], BadElement> {
        let result = on!(self,
            f => lanes::vartime_sums(f, weights, runs),
            portable => dalek::vartime_sums(weights, runs)
        );
        if let Ok(sums) = &result {
            check::summed(self.backend(), weights, runs, sums);
        }
        result
    }

    /// Hashes each message to 64 bytes.
    ///
    /// Messages may differ in length; which length each has is not hidden, all else is. The
    /// vector backends are at their best where neighbours are of one length.
    ///
    /// # Panics
    ///
    /// If `out` is not as long as `messages`.
    pub fn hash_each<I: AsRef<[u8]>>(&self, hash: Hash<'_>, messages: &[I], out: &mut [[u8; 64]]) {
        assert_eq!(messages.len(), out.len(), "one place for each hash");
        let hasher = Hasher::new(hash);
        on!(self,
            f => lanes::hash_each(f, &Recipe::new(&hasher), messages, out),
            portable => {
                for (message, out) in messages.iter().zip(out.iter_mut()) {
                    *out = *hasher.hash(message.as_ref());
                }
            }
        );
        check::digested(self.backend(), &hasher, messages, out);
    }

    /// An engine for every backend that runs here, fastest first.
    fn runnable() -> impl Iterator<Item = Self> {
        let portable = core::iter::once(AnyKernel::Portable);
        #[cfg(target_arch = "x86_64")]
        let vectors = [Ifma::detect().map(AnyKernel::Ifma), Avx2::detect().map(AnyKernel::Avx2)];
        #[cfg(not(target_arch = "x86_64"))]
        let vectors: [Option<AnyKernel>; 0] = [];
        let kernels = vectors.into_iter().flatten().chain(portable);
        kernels.map(|kernel| Engine { kernel })
    }

    fn multiply_by(
        &self,
        by: Scalars<'_>,
        elements: &[Encoded],
        out: &mut [Encoded],
    ) -> Result<(), BadElement> {
        assert_eq!(elements.len(), out.len(), "one place for each product");
        let result = on!(self,
            f => lanes::multiply(f, by, elements, out),
            portable => dalek::multiply(by, elements, out)
        );
        match result {
            Ok(()) => check::multiplied(self.backend(), by, elements, out),
            Err(_) => out.fill([0; 32]),
        }
        result
    }

    fn hash_multiply_by<I: AsRef<[u8]>>(
        &self,
        by: Scalars<'_>,
        dst: &[u8],
        inputs: &[I],
        out: &mut [Encoded],
    ) {
        assert_eq!(inputs.len(), out.len(), "one place for each product");
        let hasher = Hasher::new(Hash::ExpandXmd { dst });
        on!(self,
            f => lanes::hash_multiply(f, by, &Recipe::new(&hasher), inputs, out),
            portable => dalek::hash_multiply(by, &hasher, inputs, out)
        );
        check::hashed(self.backend(), by, &hasher, inputs, out);
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({})", self.backend())
    }
}
