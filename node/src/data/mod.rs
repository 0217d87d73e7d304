//! Files in, prepared sets out: the reference data path.
//!
//! Plaintext identifiers exist inside the scans of [`input`] and [`graph`] and nowhere after them:
//! what leaves a scan is digests, sorted and spilled under a key that is never written, and kept
//! under the node's storage key in the order in which the protocol commits them. Memory is bounded
//! by configuration, whatever the number of rows.

use std::path::{Path, PathBuf};

use protocol::error::Bug;

use crate::data::columns::WriteError;
use crate::data::source::SourceError;
use rights::RightsError;
use store::StoreError;
use store::os::OsError;
use store::output::OutputError;
use store::seal::SealError;
use store::spill::SpillError;

pub use normalize::digital;
pub use tabular as source;
pub use tabular::cell;
pub use tabular::write as columns;

/// Why a set could not be prepared or read back.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The party's file cannot be used as it is, or not be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
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
    /// A file or set of this node.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Objections, or a feed of them.
    #[error(transparent)]
    Rights(#[from] RightsError),
}

impl From<WriteError> for DataError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Output(error) => error.into(),
            WriteError::Bug(error) => error.into(),
        }
    }
}

impl DataError {
    /// The error of a file of ours.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| StoreError::io(path)(source).into()
    }

    pub fn sealed(path: &Path) -> impl FnOnce(SealError) -> Self + '_ {
        move |error| StoreError::sealed(path)(error).into()
    }

    /// A stored set that contradicts itself.
    pub fn contradiction(path: &Path) -> Self {
        StoreError::contradiction(path).into()
    }
}

impl From<SpillError> for DataError {
    fn from(error: SpillError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SealError> for DataError {
    fn from(error: SealError) -> Self {
        Self::Store(error.into())
    }
}

impl From<OsError> for DataError {
    fn from(error: OsError) -> Self {
        Self::Store(error.into())
    }
}

impl From<Bug> for DataError {
    fn from(bug: Bug) -> Self {
        Self::Store(bug.into())
    }
}

/// Bounds of one preparation.
pub use store::spill::Workspace;
