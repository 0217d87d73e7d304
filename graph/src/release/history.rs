//! The history of releases to a group on disk: class file, head, and bags that are under way.
//!
//! Head and class file stand in one sealed file, so that neither is newer than the other. A bag is
//! a file of its own from before anything of it leaves until its session ends.

use std::path::{Path, PathBuf};

use classes::ClassFile;
use protocol::release;
use store::hex;
use store::os as world;
use store::seal::{SealError, SealedWriter, StorageKey};
use store::sealed::{open_sealed, verify_sealed};
use store::spill::VarSorted;
use store::verified::VerifiedFiles;
use zeroize::Zeroizing;

use crate::GraphError;

/// Secret of a group in the digests of its class file, without which a head tells nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct DigestSecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for DigestSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DigestSecret(..)")
    }
}

/// Head and class file of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Releases {
    /// Secret of the digests, of the operating system, made once with the class file.
    secret: DigestSecret,
    /// Head of the chain of releases.
    pub head: [u8; 32],
    /// The digital IDs ever released, by classes.
    pub file: ClassFile,
}

impl Releases {
    /// The history before the first release.
    fn begin() -> Result<Self, GraphError> {
        let secret = DigestSecret(Zeroizing::new(world::entropy()?));
        Ok(Self { secret, head: [0; 32], file: ClassFile::default() })
    }

    /// The history after one more session, whose class file is `after`.
    #[must_use]
    pub fn followed_by(&self, after: ClassFile, sid: &[u8; 32]) -> Self {
        let secret = &self.secret.0;
        let (old, new) = (self.file.digest(secret), after.digest(secret));
        let head = release::head(&self.head, &old, &new, sid);
        Self { secret: self.secret.clone(), head, file: after }
    }
}

/// The history of one group, in the directory of the group.
#[derive(Debug, Clone)]
pub struct History {
    directory: PathBuf,
    /// Directories of groups that became part of this one.
    united: Vec<PathBuf>,
    key: StorageKey,
}

impl History {
    /// The history in `directory`, and in those of the groups that were united into this one.
    #[must_use]
    pub fn at(directory: PathBuf, united: &[PathBuf], key: &StorageKey) -> Self {
        Self { directory, united: united.to_vec(), key: key.clone() }
    }

    /// The secret key of the names in class files, one for all groups of this node.
    ///
    /// # Errors
    ///
    /// [`GraphError`] of sealing.
    pub fn names(&self) -> Result<Zeroizing<[u8; 32]>, GraphError> {
        Ok(Zeroizing::new(self.key.keyed_hash(NAMES)?.of(&[])))
    }

    /// Reads the history, unless it was verified and not touched since: damage is found before a
    /// session depends on it.
    ///
    /// # Errors
    ///
    /// [`GraphError`] names the file.
    pub fn verify(&self) -> Result<(), GraphError> {
        for directory in self.united.iter().chain([&self.directory]) {
            let path = directory.join(CLASSES);
            if !path.exists() {
                continue;
            }
            match VERIFIED.of(&path, || verify_sealed(&path, &self.key, CLASSES)) {
                // Somebody took it over meanwhile.
                Err(_) if !path.exists() => {}
                verified => verified.map(drop)?,
            }
        }
        Ok(())
    }

    /// Reads the history; united ones are part of it from the first reading on. The caller holds
    /// all of these directories, until it has written what follows.
    ///
    /// # Errors
    ///
    /// [`GraphError`], also for a history that another group took over: then nothing may be
    /// released.
    pub fn read(&self) -> Result<Releases, GraphError> {
        let united = self.directory.join(UNITED);
        let mut releases = match self.read_from(&self.directory)? {
            Some(releases) => releases,
            // A group that is part of another one is not without a history.
            None if united.try_exists().map_err(GraphError::io(&united))? => {
                return Err(GraphError::contradiction(&united));
            }
            None => Releases::begin()?,
        };
        for directory in &self.united {
            let Some(other) = self.read_from(directory)? else { continue };
            let file = releases.file.clone().unite(other.file)?;
            releases = releases.followed_by(file, &other.head);
            self.write(&releases)?;
            let (from, to) = (directory.join(CLASSES), directory.join(UNITED));
            std::fs::rename(&from, &to).map_err(GraphError::io(&from))?;
        }
        Ok(releases)
    }

    fn read_from(&self, directory: &Path) -> Result<Option<Releases>, GraphError> {
        let path = directory.join(CLASSES);
        if !path.try_exists().map_err(GraphError::io(&path))? {
            return Ok(None);
        }
        let mut reader = open_sealed(&path, &self.key, CLASSES)?;
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(block) = reader.next_block().map_err(GraphError::sealed(&path))? {
            bytes.extend_from_slice(block);
        }
        let damaged = || GraphError::contradiction(&path);
        let (secret, rest) = bytes.split_first_chunk().ok_or_else(damaged)?;
        let (head, file) = rest.split_first_chunk().ok_or_else(damaged)?;
        let secret = DigestSecret(Zeroizing::new(*secret));
        let file = ClassFile::from_bytes(file).map_err(|_| damaged())?;
        Ok(Some(Releases { secret, head: *head, file }))
    }

    /// Has the history on disk.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; nothing may leave then.
    pub fn write(&self, releases: &Releases) -> Result<(), GraphError> {
        let path = self.directory.join(CLASSES);
        Ok(world::publish_atomically(&path, world::PRIVATE_MODE, |out| {
            let mut sealed = SealedWriter::new(out, &self.key, CLASSES)?;
            sealed.append(&*releases.secret.0)?;
            sealed.append(&releases.head)?;
            let mut failed: Option<SealError> = None;
            releases.file.write(|part| {
                if failed.is_none() {
                    failed = sealed.append(part).err();
                }
            });
            if let Some(failed) = failed {
                return Err(failed.into());
            }
            sealed.finish()?.flush()
        })?)
    }

    /// Has the bag of a session on disk, so that whoever resumes it sends the same.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; nothing may leave then.
    pub(crate) fn write_bag(&self, sid: &[u8; 32], bag: &mut VarSorted) -> Result<(), GraphError> {
        world::create_private_dir(&self.directory.join(BAGS))?;
        let mut failed = None;
        let path = self.bag(sid);
        bag.rewind()?;
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| {
            let write = || {
                let mut sealed = SealedWriter::new(out, &self.key, BAGS)?;
                while let Some(record) = bag.next_record()? {
                    let len = u32::try_from(record.len())
                        .map_err(|_| protocol::error::Bug::invariant())?;
                    sealed.append(&len.to_le_bytes())?;
                    sealed.append(record)?;
                }
                sealed.finish()?.flush().map_err(GraphError::io(&path))
            };
            write().map_err(|error| {
                failed = Some(error);
                std::io::ErrorKind::Other.into()
            })
        })
        .map_err(|error| failed.take().unwrap_or_else(|| error.into()))
    }

    /// Hands each entry of a stored bag to `each`.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if there is none, or it is damaged.
    pub(crate) fn read_bag(
        &self,
        sid: &[u8; 32],
        mut each: impl FnMut(&[u8]) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        let path = self.bag(sid);
        let mut reader = open_sealed(&path, &self.key, BAGS)?;
        let (mut len, mut record) = ([0; 4], Vec::new());
        while store::sealed::read_or_end(&mut reader, &mut len, &path)? {
            let len = usize::try_from(u32::from_le_bytes(len)).ok();
            let len = len.filter(|len| *len <= ENTRY_BYTES_MAX);
            record.resize(len.ok_or(GraphError::contradiction(&path))?, 0);
            if !store::sealed::read_or_end(&mut reader, &mut record, &path)? {
                return Err(GraphError::contradiction(&path));
            }
            each(&record)?;
        }
        Ok(())
    }

    /// Head of the releases in the directory of the group alone; none before the first.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn head(&self) -> Result<Option<[u8; 32]>, GraphError> {
        Ok(self.read_from(&self.directory)?.map(|releases| releases.head))
    }

    /// Removes the bags of all sessions, as none of those that ended is resumed.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn forget_bags(&self) -> Result<(), GraphError> {
        let path = self.directory.join(BAGS);
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(GraphError::io(&path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes the bag of a session that ended.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn forget_bag(&self, sid: &[u8; 32]) -> Result<(), GraphError> {
        let path = self.bag(sid);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(GraphError::io(&path)(error))
            }
            _ => Ok(()),
        }
    }

    fn bag(&self, sid: &[u8; 32]) -> PathBuf {
        self.directory.join(BAGS).join(hex(sid))
    }
}

/// Histories that are whole.
pub(crate) static VERIFIED: VerifiedFiles<()> = VerifiedFiles::new();

const CLASSES: &str = "classes";
/// Name of a class file that became part of that of another group.
const UNITED: &str = "classes.united";
const BAGS: &str = "bags";
const NAMES: &str = "class-names";
/// A digital ID has at most 255 bytes.
const ENTRY_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn history(directory: &Path, united: &[PathBuf]) -> History {
        std::fs::create_dir_all(directory).unwrap();
        History::at(directory.to_path_buf(), united, &StorageKey::from_bytes([1; 32]))
    }

    #[test]
    fn history_is_read_as_it_was_written_and_never_when_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let history = history(dir.path(), &[]);
        let none = history.read().unwrap();
        assert_eq!((none.head, &none.file), ([0; 32], &ClassFile::default()));
        let next = none.followed_by(ClassFile::default(), &[7; 32]);
        assert_ne!(next.head, none.head);
        history.write(&next).unwrap();
        assert_eq!(history.read().unwrap(), next);
        let path = dir.path().join(CLASSES);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert!(history.read().is_err() && history.verify().is_err());
    }

    #[test]
    fn head_of_a_release_of_nothing_does_not_say_so() {
        // All of it but the secret is known to the advertiser: empty files, and the sid.
        let heads: Vec<[u8; 32]> = ["one", "two"]
            .map(|group| {
                let dir = tempfile::tempdir().unwrap();
                let history = history(&dir.path().join(group), &[]);
                let first = history.read().unwrap().followed_by(ClassFile::default(), &[7; 32]);
                history.write(&first).unwrap();
                // The secret stays that of the group.
                let again = history.read().unwrap().followed_by(ClassFile::default(), &[8; 32]);
                assert_eq!(again, first.followed_by(ClassFile::default(), &[8; 32]));
                first.head
            })
            .to_vec();
        let open = ClassFile::default().digest(&[0; 32]);
        assert_ne!(heads[0], heads[1]);
        assert!(!heads.contains(&release::head(&[0; 32], &open, &open, &[7; 32])));
    }

    #[test]
    fn united_history_is_taken_over_once() {
        let dir = tempfile::tempdir().unwrap();
        let (own, other) = (dir.path().join("own"), dir.path().join("other"));
        let alone = history(&other, &[]);
        alone.write(&Releases { head: [3; 32], ..Releases::begin().unwrap() }).unwrap();
        let joined = history(&own, std::slice::from_ref(&other));
        let first = joined.read().unwrap();
        assert_ne!(first.head, [0; 32]);
        assert_eq!(joined.read().unwrap(), first);
        assert!(!other.join(CLASSES).exists() && other.join(UNITED).exists());
        // Whoever still stands in its directory does not begin anew.
        assert!(alone.read().is_err());
    }
}
