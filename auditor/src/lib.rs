//! Verifies a session from its transcript and frames, without a secret of either party.
//!
//! The auditor is the smallest program of the tree: no network, no clock, no randomness, and the
//! portable arithmetic, so that what a fast engine produced is re-derived by other code. It trusts
//! nobody: every line of its checklist is recomputed from the bytes in the package.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod finding;
pub mod moment;
pub mod output;
pub mod parties;
pub mod source;
pub mod statement;
