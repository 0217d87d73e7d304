//! Files of this node that were read whole, found as they should be, and not written since.
//!
//! What is offered to a partner is verified first, so that a bit that flipped here is never told as
//! a fault of ours by the other side, nor as a defect. Reading a large file for every session would
//! take longer than the session; so the result is remembered with what the file system says of the
//! file, and a file that was touched is read again.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::StoreError;

/// Findings in files that were verified in this process.
#[derive(Debug)]
pub struct VerifiedFiles<T>(Mutex<BTreeMap<PathBuf, (Stamp, T)>>);

/// Device, number, length and the last change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp([i64; 7]);

impl Stamp {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let found = std::fs::metadata(path).map_err(StoreError::io(path))?;
        Ok(Self([
            found.dev().cast_signed(),
            found.ino().cast_signed(),
            found.len().cast_signed(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ]))
    }
}

impl<T: Clone> VerifiedFiles<T> {
    /// Nothing verified yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "statics are made of it")]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Content of the file, from `verify` unless that has seen the file as it is now.
    ///
    /// # Errors
    ///
    /// That of `verify`, or [`StoreError::Io`].
    pub fn of<E: From<StoreError>>(
        &self,
        path: &Path,
        verify: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let stamp = Stamp::of(path)?;
        let known = self.lock().get(path).filter(|(seen, _)| *seen == stamp).cloned();
        if let Some((_, found)) = known {
            return Ok(found);
        }
        let found = verify()?;
        let mut files = self.lock();
        // Tables are retired run by run; what is gone need not be remembered.
        files.retain(|path, _| path.exists());
        files.insert(path.to_path_buf(), (stamp, found.clone()));
        Ok(found)
    }

    /// Has every file verified again, whatever the file system says of it: bits that rot change no
    /// date.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (Stamp, T)>> {
        // An entry is inserted whole or not at all.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_verified_once_until_it_is_touched_or_in_doubt() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"as it was").unwrap();
        let files = VerifiedFiles::new();
        let mut read = 0;
        let mut verified = |times: usize| {
            for _ in 0..times {
                let verify = || {
                    read += 1;
                    Ok::<_, StoreError>(())
                };
                files.of(&path, verify).unwrap();
            }
            read
        };
        assert_eq!(verified(3), 1);
        files.forget();
        assert_eq!(verified(3), 2);
        std::fs::write(&path, b"as it is not").unwrap();
        assert_eq!(verified(3), 3);
    }
}
