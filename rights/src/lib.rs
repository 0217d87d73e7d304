//! Rights of persons: objections that a node keeps, and the evidence of consent on a link.
//!
//! [`objections`] turns feeds into tombstones, keyed digests that name nobody, and answers for an
//! identifier or a digital ID if its person objected; both nodes show each other the version of
//! theirs. [`consent`] judges the form of evidence and keeps a digest of it.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod consent;
mod error;
pub mod objections;

pub use error::RightsError;
