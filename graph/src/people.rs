//! Persons whom an objection concerns: the tombstones that their identifiers would have, sealed.
//!
//! All identifiers of a graph file are here, those of lines and personas that are not published
//! too, because an objection by any of them concerns the whole person. Tables and releases look
//! here for objections that came after the snapshot.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::GraphError;
use crate::bundles::Bundle;
use rights::objections::{Objections, Tombstone};
use store::seal::StorageKey;
use store::sealed::{
    RawSealedFile as SealedFile, create_sealed, finish_sealed, open_sealed, read_or_end,
};
use store::spill::FixedSorter;

/// A name of a person within a snapshot.
pub type Person = [u8; Bundle::PERSON_LEN];

/// Bytes of an entry: a tombstone, then the person.
pub(super) const ENTRY_LEN: usize = Tombstone::LEN + Bundle::PERSON_LEN;

/// Writes sorted entries of [`ENTRY_LEN`] bytes into `directory`, each once.
pub(crate) fn write_people(
    entries: FixedSorter,
    directory: &Path,
    key: &StorageKey,
) -> Result<(), GraphError> {
    let path = directory.join(PEOPLE);
    let mut out = create_sealed(&path, key, PEOPLE)?;
    let mut sorted = entries.finish()?;
    let mut last = None;
    while let Some(chunk) = sorted.next_chunk(CHUNK_BYTES)? {
        for entry in chunk.as_chunks::<ENTRY_LEN>().0 {
            if last.replace(*entry) != Some(*entry) {
                out.append(entry)?;
            }
        }
    }
    Ok(finish_sealed(out, &path)?)
}

/// The people of a snapshot, read from their start.
#[derive(Debug)]
pub struct StoredPeople {
    reader: SealedFile,
    path: PathBuf,
}

impl StoredPeople {
    pub(crate) fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let path = directory.join(PEOPLE);
        Ok(Self { reader: open_sealed(&path, key, PEOPLE)?, path })
    }

    /// Persons with an identifier that was objected to.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the file is damaged.
    pub fn objected(mut self, objections: &Objections) -> Result<BTreeSet<Person>, GraphError> {
        let mut objected = BTreeSet::new();
        if objections.is_empty() {
            return Ok(objected);
        }
        let mut entry = [0; ENTRY_LEN];
        while read_or_end(&mut self.reader, &mut entry, &self.path)? {
            let (tombstone, person) = entry.split_at(Tombstone::LEN);
            if let (Ok(tombstone), Ok(person)) = (tombstone.try_into(), person.try_into())
                && objections.has(Tombstone(tombstone))
            {
                objected.insert(person);
            }
        }
        Ok(objected)
    }
}

pub(crate) const PEOPLE: &str = "people";
const CHUNK_BYTES: usize = 1 << 20;
