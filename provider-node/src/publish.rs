//! The snapshot of the day: one for all partners, signed, chained to the one before.
//!
//! A snapshot that nobody has been shown may be replaced the same day; one that has been shown
//! stands until the next day, so that no two partners can be shown different data of one day.

use std::path::{Path, PathBuf};
use std::time::Duration;

use graph::GraphError;
use graph::{GraphRules, LineReasons, StoredSnapshot};
use node::failure::Failure;
use protocol::manifest::{SignedSnapshot, SnapshotBody};
use report::{Code, Text};
use store::StoreError;
use store::os::{self, Action, OsError};
use tabular::Input;

use crate::Home;

/// A snapshot on disk with its signature.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) stored: StoredSnapshot,
    pub(crate) signed: SignedSnapshot,
    /// Name of its directory, which names tables made from it too.
    pub(crate) name: String,
    directory: PathBuf,
}

impl Published {
    /// Reads graph files and makes them the snapshot of `day`; `reasons` gets what is left out.
    pub(crate) fn ingest(
        home: &Home,
        inputs: &[Input],
        rules: &GraphRules<'_>,
        day: u32,
        reasons: Option<&mut dyn LineReasons>,
    ) -> Result<Self, Failure> {
        let graph = home.private_dir("graph")?;
        let _lock = os::DirectoryLock::acquire(&graph)?;
        remove_unsigned(&graph);
        // Told before the work; decided after it, when nobody can be shown anything meanwhile.
        Self::predecessor(Self::current(home)?.as_ref(), day)?;
        let name = format!("{day}-{}", node::random_name()?);
        let directory = graph.join(&name);
        let workspace = home.workspace()?;
        let discard = || drop(std::fs::remove_dir_all(&directory));
        let stored =
            StoredSnapshot::ingest(inputs, rules, &directory, &home.storage, &workspace, reasons)
                .inspect_err(|_| discard())?;
        let _publishing = Self::hold_showing(home)?;
        let current = Self::current(home)?;
        let previous = Self::predecessor(current.as_ref(), day).inspect_err(|_| discard())?;
        let body = SnapshotBody {
            provider: home.identity.party().0,
            day,
            // One that nobody has been shown is replaced as if it had never been.
            edition: 0,
            commitment: stored.root().commitment(),
            previous,
        };
        let signed = SignedSnapshot::sign(body, &home.identity.attestation_key())?;
        let bytes = signed.encode()?;
        os::publish_atomically(&directory.join(SIGNED), os::PRIVATE_MODE, |out| {
            out.write_all(&bytes)
        })?;
        os::publish_atomically(&graph.join(CURRENT), os::PRIVATE_MODE, |out| {
            out.write_all(name.as_bytes())
        })?;
        if let Some(old) = current.filter(|old| old.signed.body.day == day) {
            // Nobody has seen it; what fails to go is only in the way of nothing.
            let _ = std::fs::remove_dir_all(&old.directory);
        }
        Ok(Self { stored, signed, name, directory })
    }

    /// Keeps the current snapshot current, and shown or not shown as it is, while it is held.
    ///
    /// Without it a partner could be shown one snapshot of a day just before another replaces it.
    pub(crate) fn hold_showing(home: &Home) -> Result<os::DirectoryLock, Failure> {
        let directory = home.private_dir("graph/showing")?;
        let mut attempt = 0_u32;
        loop {
            match os::DirectoryLock::acquire(&directory) {
                Ok(lock) => return Ok(lock),
                Err(error) if attempt == HOLD_ATTEMPTS => return Err(error.into()),
                Err(_) => attempt = attempt.saturating_add(1),
            }
            std::thread::sleep(HOLD_EVERY);
        }
    }

    /// Hash of the snapshot that one of `day` follows.
    fn predecessor(current: Option<&Self>, day: u32) -> Result<[u8; 32], Failure> {
        match current {
            Some(published) if published.signed.body.day == day => {
                if published.is_shown() {
                    return Err(Failure::new(Code::SnapshotShown, Text::new("snapshot-stands")));
                }
                Ok(published.signed.body.previous)
            }
            Some(published) => Ok(published.signed.body.hash()?),
            None => Ok([0; 32]),
        }
    }

    /// The snapshot in force, if there is one.
    pub(crate) fn current(home: &Home) -> Result<Option<Self>, Failure> {
        let graph = home.path("graph");
        let name = match std::fs::read_to_string(graph.join(CURRENT)) {
            Ok(name) => name,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => String::new(),
            Err(source) => {
                let path = graph.join(CURRENT);
                return Err(OsError::Io { action: Action::Read, path, source }.into());
            }
        };
        let directory = graph.join(&name);
        if name.is_empty() || !directory.is_dir() {
            let how = Text::new("snapshot-not-here");
            return Err(
                GraphError::Store(StoreError::Damaged { path: graph.join(CURRENT), how }).into()
            );
        }
        let path = directory.join(SIGNED);
        let bytes = std::fs::read(&path).map_err(|source| OsError::Io {
            action: Action::Read,
            path: path.clone(),
            source,
        })?;
        let signed = SignedSnapshot::decode(&bytes).map_err(|_| {
            let how = Text::new("snapshot-not-signed");
            GraphError::Store(StoreError::Damaged { path: path.clone(), how })
        })?;
        let stored = StoredSnapshot::open(&directory, &home.storage)?;
        // Everybody who is shown it verifies this; so do we, before anybody is.
        let ours = signed.body.provider == home.identity.party().0
            && signed.verify(&home.identity.attestation_key().public()).is_ok()
            && signed.body.commitment == stored.root().commitment();
        if !ours {
            let how = Text::new("snapshot-not-ours");
            return Err(GraphError::Store(StoreError::Damaged { path, how }).into());
        }
        Ok(Some(Self { stored, signed, name, directory }))
    }

    /// Notes that a partner is about to be shown this snapshot.
    pub(crate) fn mark_shown(&self) -> Result<(), Failure> {
        if self.is_shown() {
            return Ok(());
        }
        let path = self.directory.join(SHOWN);
        Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |_| Ok(()))?)
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.directory.join(SHOWN).exists()
    }
}

/// Removes what an ingest that was killed left; what fails to go is only in the way of nothing.
fn remove_unsigned(graph: &Path) {
    for entry in std::fs::read_dir(graph).into_iter().flatten().flatten() {
        let path = entry.path();
        let named = entry.file_name().to_string_lossy().starts_with(|c: char| c.is_ascii_digit());
        let kept = [SIGNED, SHOWN].iter().any(|name| path.join(name).exists());
        if named && path.is_dir() && !kept {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

const CURRENT: &str = "current";
const SIGNED: &str = "snapshot.signed";
const SHOWN: &str = "shown";
/// The other holder writes three small files.
const HOLD_EVERY: Duration = Duration::from_millis(20);
const HOLD_ATTEMPTS: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshot_of_an_ingest_that_was_killed_goes_with_the_next_one() {
        let dir = tempfile::tempdir().unwrap();
        let (left, whole) = (dir.path().join("20000-a"), dir.path().join("20000-b"));
        for path in [&left, &whole] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("leaves"), "sealed").unwrap();
        }
        std::fs::write(whole.join(SIGNED), "signed").unwrap();
        std::fs::create_dir(dir.path().join("other")).unwrap();
        remove_unsigned(dir.path());
        assert!(!left.exists() && whole.exists() && dir.path().join("other").exists());
    }
}
