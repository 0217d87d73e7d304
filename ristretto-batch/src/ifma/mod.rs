//! The AVX-512-IFMA backend: eight elements at once.

mod field;

/// The token of this backend: whoever holds one runs on a processor with AVX-512 F, IFMA, VL,
/// BW and DQ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ifma {
    _detected: (),
}

impl Ifma {
    /// A token, if the processor and the operating system offer the features.
    pub(crate) fn detect() -> Option<Self> {
        let found = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        found.then_some(Ifma { _detected: () })
    }
}

crate::lanes::kernel!(Ifma, "avx512f,avx512ifma,avx512vl,avx512bw,avx512dq");
