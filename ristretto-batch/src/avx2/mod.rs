//! The AVX2 backend: four elements at once, for processors without AVX-512-IFMA.

mod vector;

use crate::lanes::Radix29;

/// The token of this backend: whoever holds one runs on a processor with AVX2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2 {
    _detected: (),
}

impl Avx2 {
    /// A token, if the processor and the operating system offer AVX2.
    pub(crate) fn detect() -> Option<Radix29<Self>> {
        is_x86_feature_detected!("avx2").then_some(Radix29(Avx2 { _detected: () }))
    }
}

crate::lanes::kernel!(Radix29<Avx2>, "avx2");
