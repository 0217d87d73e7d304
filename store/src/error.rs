//! Failures of what a node keeps.

use std::path::{Path, PathBuf};

use protocol::error::Bug;
use report::{Diagnose as _, Text};

use crate::os::OsError;
use crate::seal::SealError;
use crate::spill::SpillError;

/// A file or set of this node that cannot be written, read, or trusted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Sorting or spilling failed.
    Spill(#[from] SpillError),
    /// A sealed file cannot be written, or does not open.
    Seal(#[from] SealError),
    /// The file system.
    Os(#[from] OsError),
    /// A file of ours cannot be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// Reason the system gives.
        source: std::io::Error,
    },
    /// A stored file is not what was written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Sign of the damage.
        how: Text,
    },
    /// A stored set contradicts itself: damaged, or written by another version.
    Contradiction {
        /// The file.
        path: PathBuf,
    },
    /// A defect of ours.
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
            error => Self::Damaged { path: path.to_path_buf(), how: error.text() },
        }
    }

    /// A stored set that contradicts itself.
    #[must_use]
    pub fn contradiction(path: &Path) -> Self {
        Self::Contradiction { path: path.to_path_buf() }
    }
}

diagnose! { StoreError: inner [Spill, Seal, Os, Bug];
    Self::Io { path, source } => Storage, "store-io" { path: path, why: source };
    Self::Damaged { path, how } => Damaged, "store-damaged" { path: path, how: how.clone() };
    Self::Contradiction { path } => Contradiction, "store-contradiction" { path: path };
}
