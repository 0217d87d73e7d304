//! Verifies a session from its transcript and frames, without a secret of either party.
//!
//! The auditor is the smallest program of the tree: no network, no clock, no randomness, and the
//! portable arithmetic, so that the work of a fast engine is re-derived by other code. It trusts
//! nobody: every line of its checklist is recomputed from the bytes in the package. The rules are
//! in `verify`, the words in `report`; here are the package, the parties and the page.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod arguments;
pub mod checklist;
pub mod command;
pub mod comparison;
pub mod machine;
pub mod outline;
pub mod output;
pub mod package;
mod page;
pub mod parties;
pub mod statement;
