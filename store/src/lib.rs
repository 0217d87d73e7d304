//! Storage of a node: private and sealed files, spills, keys, results, journals.
//!
//! `os` is the only way to the system: time, randomness, locks, and files that are whole or absent.
//! Above it everything that lies on disk is sealed, signed or under a check, so that a bit that
//! flipped, an older copy and a torn end are noticed. Nothing here knows what a row or a link is.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

// Layouts are declared here as everywhere else.
extern crate self as store;
#[macro_use(diagnose)]
extern crate report;

#[macro_use]
mod told;

pub mod error;
pub mod journal;
pub mod keyring;
pub mod os;
pub mod output;
pub mod record;
pub mod results;
pub mod seal;
pub mod sealed;
pub mod spill;
pub mod verified;

pub use error::StoreError;

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// Bytes of lower-case hexadecimal that is as long as they need.
#[must_use]
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}
