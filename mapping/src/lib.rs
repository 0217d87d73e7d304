//! Maps: how the columns of somebody's exports become our fields.
//!
//! A map is a file that its owner can read, sign and pin by its digest. It says for each input its
//! encoding, delimiter, dates and zone, which column feeds which field, what the values of consent
//! and objection mean, and what is not looked at. It is read into a
//! [`tabular::Reading`] per input; a proposal for one is made from the files themselves.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod choose;
pub mod command;
mod dates;
pub mod dialogue;
mod digest;
pub mod draft;
mod error;
mod field;
mod file;
pub mod look;
mod names;
mod pattern;
pub mod presets;
mod propose;
pub mod questions;
mod scan;
mod used;
mod write;

pub use choose::own_names;
pub use digest::MapDigest;
pub use error::{ChoiceError, Listed, MapError, MapFault, MapFaults, OpenQuestion};
pub use file::{InputMap, Map};
pub use pattern::Pattern;
pub use propose::propose;
pub use used::MapOfCommand;

#[cfg(test)]
mod tests;
