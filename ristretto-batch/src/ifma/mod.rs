//! The AVX-512-IFMA backend: eight elements at once.

mod vector;

use crate::lanes::Radix52;

/// The token of this backend: whoever holds one runs on a processor with AVX-512 F, IFMA, VL,
/// BW and DQ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ifma {
    _detected: (),
}

impl Ifma {
    /// A token, if the processor and the operating system offer the features.
    pub(crate) fn detect() -> Option<Radix52<Self>> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        found.then_some(Radix52(Ifma { _detected: () }))
    }
}

crate::lanes::kernel!(Radix52<Ifma>, "avx512f,avx512ifma,avx512vl,avx512bw,avx512dq");
