//! Files that say that a release was made: drafts until the history says so too, so that a full
//! disk leaves neither a history without them nor them without a history.
//!
//! The draft of the annex is the first of a release and the last to go: as long as it is there, so
//! may be a delivery and the draft of its manifest.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use node::failure::Failure;
use serde_json::Value;
use store::os::{self, Action, OsError};

/// Name of a file until its release is in the history.
pub(crate) fn draft_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(DRAFT);
    name.into()
}

/// Completes the files of the release of a group that its history ends with, and removes those of
/// releases that were never made; the caller holds the group.
///
/// # Errors
///
/// [`Failure`] of storage, or of the history if there is a draft.
pub(crate) fn settle(
    node: &Path,
    group: &Path,
    head: impl Fn() -> Result<Option<[u8; 32]>, Failure>,
) -> Result<(), Failure> {
    for annex in names(&group.join(ANNEXES))? {
        let Some(sid) = annex.to_str().and_then(|name| name.strip_suffix(&format!(".json{DRAFT}")))
        else {
            continue;
        };
        let annex = group.join(ANNEXES).join(format!("{sid}.json"));
        let text = std::fs::read(draft_of(&annex)).map_err(os::at(Action::Read, &annex))?;
        let told = serde_json::from_slice(&text).ok();
        let is_of = |head: [u8; 32]| {
            told.is_some_and(|told: Value| told["release_head"] == store::hex(&head))
        };
        let made = head()?.is_some_and(is_of);
        for partner in names(&node.join("partners"))? {
            let deliveries = node.join("partners").join(partner).join(DELIVERIES);
            let manifest = deliveries.join(format!("{sid}.manifest.json"));
            if made {
                complete(&manifest)?;
                continue;
            }
            for extension in ["csv", "parquet"] {
                remove(&deliveries.join(format!("{sid}.{extension}")))?;
            }
            remove(&draft_of(&manifest))?;
        }
        match made {
            true => complete(&annex)?,
            false => remove(&draft_of(&annex))?,
        }
    }
    Ok(())
}

/// Gives a draft the name of its file, if there is one.
fn complete(file: &Path) -> Result<(), OsError> {
    match there(std::fs::rename(draft_of(file), file)).map_err(os::at(Action::Name, file))? {
        true => os::sync_dir(os::parent(file)),
        false => Ok(()),
    }
}

fn remove(file: &Path) -> Result<(), OsError> {
    there(std::fs::remove_file(file)).map(drop).map_err(os::at(Action::Remove, file))
}

/// True for what was done, false where there was nothing to do it with.
fn there(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        done => done.map(|()| true),
    }
}

/// Names in a directory; none in one that is not there.
pub(crate) fn names(directory: &Path) -> Result<Vec<OsString>, OsError> {
    match std::fs::read_dir(directory) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<_>>()
            .map_err(os::at(Action::Read, directory)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(os::at(Action::Read, directory)(error)),
    }
}

/// Annexes of a group, one for each release.
pub(crate) const ANNEXES: &str = "annexes";
/// Delivery files of a partner.
pub(crate) const DELIVERIES: &str = "deliveries";
const DRAFT: &str = ".draft";
