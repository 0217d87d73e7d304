//! Files in, prepared sets out: the reference data path.
//!
//! Plaintext identifiers exist inside the scans of [`input`] and [`graph`] and nowhere after them:
//! what leaves a scan is digests, sorted and spilled under a key that is never written, and kept
//! under the node's storage key in the order in which the protocol commits them. Memory is bounded
//! by configuration, whatever the number of rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::error::Bug;

use crate::data::source::InputError;
use crate::output::OutputError;
use crate::runs::RunsError;
use crate::seal::SealError;
use crate::world::WorldError;

pub mod bundles;
mod cell;
pub mod columns;
mod consent;
pub mod csv;
pub mod delivery;
pub use normalize::digital;
pub mod graph;
pub mod handles;
pub mod history;
pub mod input;
pub mod objections;
pub mod people;
pub mod release;
pub mod releases;
mod sealed;
pub(crate) use sealed::{
    SealedFile, SealedOut, create_sealed, finish_sealed, hex, open_sealed, read_or_end,
    verify_sealed,
};
pub mod source;
pub mod table;
mod text;
mod verified;

/// Why a set could not be prepared or read back.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The party's file cannot be used as it is.
    #[error("{}: {source}", file.display())]
    Input {
        /// The file.
        file: PathBuf,
        /// What is wrong, where, and what to do.
        source: InputError,
    },
    /// The party's file cannot be opened.
    #[error("cannot open {}: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds nothing that may be used.
    #[error("{}: no eligible row", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// Every line of a graph was left out.
    #[error("{}: no line that may be published", file.display())]
    NothingPublished {
        /// The file.
        file: PathBuf,
        /// Reasons with the number of lines, personas or values, the most frequent first.
        reasons: Vec<(String, u64)>,
    },
    /// An output was not written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// What the party declared cannot be applied.
    #[error("{what}")]
    Declared {
        /// What is wrong.
        what: String,
        /// What to do.
        try_this: String,
    },
    /// Sorting or spilling failed.
    #[error(transparent)]
    Runs(#[from] RunsError),
    /// A sealed file cannot be written, or does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The file system.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A file of ours cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A stored file is not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it shows.
        what: String,
    },
    /// A stored set contradicts itself: damaged, or written by another version.
    #[error("{} does not hold what it should", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
    },
    /// The store of objections has fewer than this node took.
    #[error(
        "{} has {found} objections, but this node took {least}: it was lost, or an older copy was \
         put back",
        path.display()
    )]
    ObjectionsLost {
        /// The store.
        path: PathBuf,
        /// Objections in it.
        found: u64,
        /// Objections that were in it.
        least: u64,
    },
    /// A defect of ours.
    #[error(transparent)]
    Bug(#[from] Bug),
}

impl DataError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// What a sealed file of ours gives that does not open.
    pub(crate) fn sealed(path: &Path) -> impl FnOnce(SealError) -> Self + '_ {
        move |error| match error {
            SealError::Io(source) => Self::Io { path: path.to_path_buf(), source },
            SealError::World(error) => error.into(),
            error => Self::Damaged { path: path.to_path_buf(), what: error.to_string() },
        }
    }

    pub(crate) fn contradiction(path: &Path) -> Self {
        Self::Contradiction { path: path.to_path_buf() }
    }
}

/// Has every stored file verified again before it is next offered: after one of them could not be
/// read as it was written, though nothing had touched it since.
pub fn verify_anew() {
    table::VERIFIED.forget();
    [&handles::VERIFIED, &graph::VERIFIED, &releases::VERIFIED]
        .into_iter()
        .for_each(verified::VerifiedFiles::forget);
}

/// Bounds of one preparation.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Private directory for sealed spills.
    pub directory: PathBuf,
    /// Bytes a sorter may hold in memory.
    pub memory_bytes: usize,
}

/// Adds one under a code.
fn add(counts: &mut BTreeMap<String, u64>, code: &str) {
    match counts.get_mut(code) {
        Some(count) => *count += 1,
        None => drop(counts.insert(code.to_owned(), 1)),
    }
}

/// Adds what was counted elsewhere, code by code.
fn add_all(to: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>) {
    for (code, count) in from {
        *to.entry(code).or_default() += count;
    }
}

/// Leaves that are hashed together.
const LEAVES_AT_ONCE: usize = 1 << 10;
