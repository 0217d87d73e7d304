//! The form in which a count may be shown: rounding, cells, intervals, and noise that the counting
//! side cannot remove.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod count;
pub mod noise;
