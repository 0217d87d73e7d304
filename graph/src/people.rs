//! Subjects whom an objection concerns: the tombstones that their identifiers would have, sealed.
//!
//! All identifiers of a graph file are here, those of lines and personas that are not published
//! too, because an objection by any of them concerns the whole subject. Beside them stand
//! the digital IDs of several subjects: one that is also of somebody who objected is delivered
//! through nobody. Tables and releases look here for objections that came after the snapshot.

use std::collections::BTreeSet;
use std::path::Path;

use normalize::digital::DigitalId;

use crate::GraphError;
use crate::ties::Place;
use rights::objections::{Objections, Tombstone};
use store::record::{BigEndian, U32, record};
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut};
use store::spill::Sorter;

record! {
    /// A tombstone of an identifier or a digital ID, and a subject who has it.
    pub(crate) struct Concerned {
        pub(crate) tombstone: [u8; Tombstone::LEN],
        pub(crate) subject: U32<BigEndian>,
    }
}

/// Writes the subjects of identifiers, each once.
pub(crate) fn write_people(people: Sorter<Concerned>, place: Place<'_>) -> Result<(), GraphError> {
    let mut out = SealedOut::create(&place.directory.join(PEOPLE), place.key, PEOPLE)?;
    let mut sorted = people.finish()?;
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
pub struct StoredPeople {
    identifiers: SealedFile<Concerned>,
    shared: SealedFile<Concerned>,
}

impl StoredPeople {
    pub(crate) fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let file = |name| SealedFile::open(&directory.join(name), key, name);
        Ok(Self { identifiers: file(PEOPLE)?, shared: file(SHARED)? })
    }

    /// Reach of objections: the subjects of identifiers that were objected to, and what is theirs.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if a file is damaged.
    pub fn objected(mut self, objections: &Objections) -> Result<Objected<'_>, GraphError> {
        let mut objected = Objected { objections, subjects: BTreeSet::new(), ids: BTreeSet::new() };
        if objections.is_empty() {
            return Ok(objected);
        }
        while let Some(Concerned { tombstone, subject }) = self.identifiers.next_record()? {
            if objections.has(Tombstone(tombstone)) {
                objected.subjects.insert(subject.get());
            }
        }
        while let Some(Concerned { tombstone, subject }) = self.shared.next_record()? {
            if objected.subjects.contains(&subject.get()) {
                objected.ids.insert(tombstone);
            }
        }
        Ok(objected)
    }
}

/// Reach of objections that came after a snapshot.
#[derive(Debug)]
pub struct Objected<'a> {
    objections: &'a Objections,
    subjects: BTreeSet<u32>,
    /// Digital IDs that subjects who objected have with others.
    ids: BTreeSet<[u8; Tombstone::LEN]>,
}

impl Objected<'_> {
    /// True if the subject of a record objected.
    #[must_use]
    pub fn has_subject(&self, subject: u32) -> bool {
        self.subjects.contains(&subject)
    }

    /// True if a digital ID was objected to, or is also of a subject who objected.
    #[must_use]
    pub fn has_digital_id(&self, id: &DigitalId) -> bool {
        if self.objections.is_empty() {
            return false;
        }
        let tombstone = self.objections.mason().digital_id(id);
        self.objections.has(tombstone) || self.ids.contains(&tombstone.0)
    }
}

/// Snapshots of earlier versions have `people`, in which a subject is one reference.
pub(crate) const PEOPLE: &str = "people-2";
pub(crate) const SHARED: &str = "shared-ids";

#[cfg(test)]
mod tests {
    use store::spill::Workspace;

    use super::*;

    #[test]
    fn file_holds_a_tombstone_of_a_subject_once() {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let workspace = Workspace { directory: dir.path().join("work"), memory_bytes: 1 << 16 };
        let place = Place { directory: dir.path(), key: &key, workspace: &workspace };
        let mut sorter = place.sorter().unwrap();
        for (tombstone, subject) in [(4, 1), (2, 3), (4, 1), (2, 2)] {
            let tombstone = [tombstone; 16];
            sorter.push(&Concerned { tombstone, subject: U32::new(subject) }).unwrap();
        }
        write_people(sorter, place).unwrap();
        let (two, three, one) = ([0, 0, 0, 2], [0, 0, 0, 3], [0, 0, 0, 1]);
        let expected: [&[u8]; 6] = [&[2; 16], &two, &[2; 16], &three, &[4; 16], &one];
        let path = dir.path().join(PEOPLE);
        assert_eq!(crate::tests::unsealed(&path, &key, PEOPLE), expected.concat());
    }
}
