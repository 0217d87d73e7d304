//! Words of the programs for people and machines: codes, exit statuses, and texts by id.
//!
//! A failure has one [`Code`] in one table, and its sentences stand under an id in
//! `texts/en` and `texts/fr`; no sentence stands in the code. Every room from the third floor up
//! implements [`Diagnose`] for its errors, and a program prints a [`Failure`] as three lines in the
//! language of its reader, or as one JSON object for a scheduler. Nothing here can hold customer
//! data: an argument is a count, an index, a path, or a word that the caller escaped [S-02].

#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "clap")]
pub mod cli;
mod code;
mod diagnose;
mod exit;
mod format;
mod lang;
mod shown;
mod text;
mod wire;

pub use code::{Code, Whose};
pub use diagnose::{Diagnose, Failure, Said, advice};
pub use exit::{Exit, Signal};
pub use format::{decimal, instant};
pub use lang::{Lang, Reader};
pub use shown::{shown, shown_long};
pub use text::{Arg, FILES, Line, Text};
