//! Place of the ledger of a node, and the traces that show that there was one.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::LedgerError;
use store::os::{self, Action};
use store::seal::StorageKey;

/// The files of a ledger inside a node's directory, and the key that checks them.
#[derive(Debug)]
pub struct LedgerPlace {
    pub(super) file: PathBuf,
    pub(super) anchor: PathBuf,
    pub(super) key: StorageKey,
    directory: PathBuf,
}

impl LedgerPlace {
    /// In the directory of a node.
    #[must_use]
    pub fn of(directory: &Path, key: &StorageKey) -> Self {
        Self {
            file: directory.join("ledger.sqlite"),
            anchor: directory.join("keys").join("ledger.anchor"),
            key: key.clone(),
            directory: directory.to_path_buf(),
        }
    }

    /// Tells if there is a ledger.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Os`] of the file system.
    pub fn exists(&self) -> Result<bool, LedgerError> {
        match std::fs::symlink_metadata(&self.file) {
            Ok(found) => Ok(found.len() > 0),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(os::at(Action::Read, &self.file)(error).into()),
        }
    }

    /// Trace that shows that a ledger that is not here, or empty, is lost and not new [L-12].
    ///
    /// # Errors
    ///
    /// As [`Self::exists`].
    pub fn trace_of_lost(&self) -> Result<Option<String>, LedgerError> {
        if self.exists()? {
            return Ok(None);
        }
        Ok(self.traces().map(|path| path.display().to_string()))
    }

    /// A file or directory that only sessions leave.
    fn traces(&self) -> Option<PathBuf> {
        // One that names no partner is written with an empty ledger.
        let anchored = std::fs::read(&self.anchor)
            .is_ok_and(|text| text.split(|byte| *byte == b'\n').count() != EMPTY_ANCHOR_LINES);
        if anchored {
            return Some(self.anchor.clone());
        }
        let session = |name: &OsStr| name.to_str().and_then(store::from_hex::<32>).is_some();
        let used = |name: &OsStr| name.to_string_lossy().ends_with(".used");
        let any = |_: &OsStr| true;
        // A group is made, and locked, before anything is released to it.
        let released = |name: &OsStr| name != store::os::LOCK_NAME;
        let sessions = within(&self.directory.join("sessions"), &session);
        let histories = entries(&self.directory.join("inputs").join("history"));
        let partners = entries(&self.directory.join("partners"));
        let groups = entries(&self.directory.join("groups"));
        sessions
            .or_else(|| histories.iter().find_map(|history| within(history, &any)))
            .or_else(|| partners.iter().find_map(|one| within(&one.join("keys"), &used)))
            .or_else(|| groups.iter().find_map(|one| within(one, &released)))
    }
}

/// The first path in a directory whose name is such a one.
fn within(directory: &Path, is: &dyn Fn(&OsStr) -> bool) -> Option<PathBuf> {
    entries(directory).into_iter().find(|path| path.file_name().is_some_and(is))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let read = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// A title, a check, and the end after the last line break.
const EMPTY_ANCHOR_LINES: usize = 3;
