//! Releases by classes: the digital IDs that leave, chosen so that no list tells fewer than K
//! persons apart.
//!
//! A class is the set of digital IDs with one history of releases to a group. A list can bring in a
//! class of K persons, divide one into parts of K persons, or switch a whole one on and off; a
//! change that concerns fewer waits, or leaves together with others who cover it. Everything here
//! is a function of the [`ClassFile`], the day, the sightings of the snapshot and seeds, so that an
//! auditor computes the same (`spec/release.md`).
//!
//! The observer is whoever has all bags of the group. Two digital IDs are told apart by the lists
//! if a bag holds one of them and not the other while both are live; that a digital ID ends, comes
//! back or is objected to is no choice of a list, and shows as such.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;

mod file;
mod members;
mod rule;

pub use file::{ClassFile, ClassId, Departing, FileFault};
pub use rule::{Counts, Delivered, Release, Rule, Sighting, Standing};
