//! Failures of what a node keeps.

use std::path::{Path, PathBuf};

use protocol::error::Bug;

use crate::os::OsError;
use crate::seal::SealError;
use crate::spill::SpillError;

/// A file or set of this node that cannot be written, read, or trusted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Sorting or spilling failed.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// A sealed file cannot be written, or does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The file system.
    #[error(transparent)]
    Os(#[from] OsError),
    /// A file of ours cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Reason the system gives.
        source: std::io::Error,
    },
    /// A stored file is not what was written.
    #[error("{} is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Sign of the damage.
        what: String,
    },
    /// A stored set contradicts itself: damaged, or written by another version.
    #[error("{} does not hold what it should", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
    },
    /// A defect of ours.
    #[error(transparent)]
    Bug(#[from] Bug),
}

impl StoreError {
    /// Names the file of an I/O error.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// Names the sealed file that does not open.
    pub fn sealed(path: &Path) -> impl FnOnce(SealError) -> Self + '_ {
        move |error| match error {
            SealError::Io(source) => Self::Io { path: path.to_path_buf(), source },
            SealError::Os(error) => error.into(),
            error => Self::Damaged { path: path.to_path_buf(), what: error.to_string() },
        }
    }

    /// A stored set that contradicts itself.
    #[must_use]
    pub fn contradiction(path: &Path) -> Self {
        Self::Contradiction { path: path.to_path_buf() }
    }
}
