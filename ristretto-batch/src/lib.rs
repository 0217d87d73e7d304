//! Many ristretto255 multiplications at once.
//!
//! One secret scalar times a long run of elements, or one scalar for each element, over runs of
//! 32-byte encodings as [RFC 9496] defines them. An [`Engine`] picks the fastest backend that
//! the processor offers; every backend writes the bytes that curve25519-dalek would write, and
//! one element in 4,096 is recomputed with it while the program runs. The crate knows no
//! protocol: it decodes, hashes to the group, multiplies, sums, and encodes; and because an engine
//! hashes several messages side by side, it hashes for its callers too ([`Engine::hash_each`]).
//!
//! Running time and memory addresses do not depend on scalars, elements, keys or hashed inputs,
//! with three exceptions: lengths, the index of a bad element, and the functions whose name
//! starts with `vartime`, which take public values only.
//!
//! ```
//! use ristretto_batch::{Encoded, Engine, SecretScalar};
//!
//! let engine = Engine::detect();
//! let mut bytes = [0u8; 32];
//! bytes[0] = 7;
//! let seven = SecretScalar::from_canonical_bytes(bytes).expect("7 is not a refused scalar");
//!
//! let inputs: [&[u8]; 3] = [b"one", b"two", b"three"];
//! let mut elements: [Encoded; 3] = [[0; 32]; 3];
//! engine.hash_multiply(&seven, b"example-v1", &inputs, &mut elements);
//!
//! let mut products: [Encoded; 3] = [[0; 32]; 3];
//! engine.multiply(&seven, &elements, &mut products).expect("the kernel wrote these");
//! ```
//!
//! Scratch memory and scalars are erased when a call ends or a scalar is dropped; what the
//! compiler keeps of them in registers and on the stack is overwritten by later calls only.
//!
//! [RFC 9496]: https://www.rfc-editor.org/rfc/rfc9496

#![deny(missing_docs)]

#[cfg(target_arch = "x86_64")]
mod avx2;
mod check;
mod dalek;
mod dispatch;
mod expand;
mod hash;
#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(any(test, target_arch = "x86_64"))]
mod lanes;
#[cfg(test)]
mod model;
mod scalar;
#[cfg(any(test, target_arch = "x86_64"))]
mod wipe;

pub use dispatch::{Backend, Engine};
pub use hash::Hash;
pub use scalar::SecretScalar;

/// The 32-byte encoding of one group element, canonical or not.
pub type Encoded = [u8; 32];

/// The first element of a run that could not be used.
///
/// Elements come from whoever encoded them, so the fault is theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadElement {
    /// Position in the run, from 0.
    pub index: usize,
    /// Fault of the element.
    pub reason: BadReason,
}

/// Fault of a [`BadElement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadReason {
    /// The strict decoding of RFC 9496 refuses the bytes.
    NotCanonical,
    /// The bytes are 32 zeros, the identity: a valid encoding, but its product hides nothing.
    Identity,
}

impl core::fmt::Display for BadElement {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let reason = match self.reason {
            BadReason::NotCanonical => "not a canonical encoding",
            BadReason::Identity => "the identity",
        };
        write!(f, "element {} is {reason}", self.index)
    }
}

impl core::error::Error for BadElement {}
