//! Persons whom an objection concerns: the tombstones that their identifiers would have, sealed.
//!
//! All identifiers of a graph file are here, those of lines and personas that are not published
//! too, because an objection by any of them concerns the whole person. Tables and releases look
//! here for objections that came after the snapshot.

use std::collections::BTreeSet;
use std::path::Path;

use crate::GraphError;
use crate::bundles::Bundle;
use rights::objections::{Objections, Tombstone};
use store::record::record;
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut};
use store::spill::Sorter;

/// A name of a person within a snapshot.
pub type Person = [u8; Bundle::PERSON_LEN];

record! {
    /// A tombstone of a person.
    pub(crate) struct Entry {
        pub(crate) tombstone: [u8; Tombstone::LEN],
        pub(crate) person: Person,
    }
}

/// Writes sorted entries into `directory`, each once.
pub(crate) fn write_people(
    entries: Sorter<Entry>,
    directory: &Path,
    key: &StorageKey,
) -> Result<(), GraphError> {
    let mut out = SealedOut::create(&directory.join(PEOPLE), key, PEOPLE)?;
    let mut sorted = entries.finish()?;
    let mut last = None;
    while let Some(entry) = sorted.next_record()? {
        if last.replace(entry) != Some(entry) {
            out.push(&entry)?;
        }
    }
    Ok(out.finish()?)
}

/// The people of a snapshot, read from their start.
#[derive(Debug)]
pub struct StoredPeople(SealedFile<Entry>);

impl StoredPeople {
    pub(crate) fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        Ok(Self(SealedFile::open(&directory.join(PEOPLE), key, PEOPLE)?))
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
        while let Some(Entry { tombstone, person }) = self.0.next_record()? {
            if objections.has(Tombstone(tombstone)) {
                objected.insert(person);
            }
        }
        Ok(objected)
    }
}

pub(crate) const PEOPLE: &str = "people";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_holds_a_tombstone_of_a_person_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let mut sorter = Sorter::new(&dir.path().join("work"), 1 << 16).unwrap();
        for (tombstone, person) in [(4, 1), (2, 3), (4, 1), (2, 2)] {
            sorter.push(&Entry { tombstone: [tombstone; 16], person: [person; 16] }).unwrap();
        }
        write_people(sorter, dir.path(), &key).unwrap();
        let expected = [[2; 16], [2; 16], [2; 16], [3; 16], [4; 16], [1; 16]].concat();
        let path = dir.path().join(PEOPLE);
        assert_eq!(crate::tests::unsealed(&path, &key, PEOPLE), expected);
    }
}
