//! The person and the subject of each record, sealed, in increasing order of records.
//!
//! Releases count persons and not records, so that nobody counts as several; an objection concerns
//! a subject. How records are joined to either is told where [ties](crate::ties) are.

use std::path::Path;

use crate::ties::Place;
use crate::{GraphError, RecordNumber};
use protocol::error::Bug;
use protocol::limits::NOISE_UNIT_MAX;
use store::record::{BigEndian, U32, record};
use store::seal::StorageKey;
use store::sealed::{SealedFile, SealedOut};
use store::spill::Sorter;

record! {
    /// Person and subject of a record, by numbers; the next entry is of the next record.
    struct Entry {
        person: U32<BigEndian>,
        subject: U32<BigEndian>,
    }
}

record! {
    /// An entry with its record.
    pub(crate) struct ByRecord {
        pub(crate) record: U32<BigEndian>,
        pub(crate) person: U32<BigEndian>,
        pub(crate) subject: U32<BigEndian>,
    }
}

/// Writes the persons of all records.
pub(crate) fn write_persons(
    by_record: Sorter<ByRecord>,
    place: Place<'_>,
) -> Result<(), GraphError> {
    let mut out = SealedOut::create(&place.directory.join(PERSONS), place.key, PERSONS)?;
    let mut sorted = by_record.finish()?;
    let mut next = 0_u32;
    while let Some(ByRecord { record, person, subject }) = sorted.next_record()? {
        if record.get() != next {
            return Err(Bug::invariant().into());
        }
        next = next.checked_add(1).ok_or(Bug::invariant())?;
        out.push(&Entry { person, subject })?;
    }
    Ok(out.finish()?)
}

/// Owner of a record, by numbers within the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Person, for everything that is counted.
    pub person: u32,
    /// Subject, whom an objection concerns.
    pub subject: u32,
}

/// The persons of a snapshot's records, read from their start.
#[derive(Debug)]
pub struct StoredPersons {
    file: SealedFile<Entry>,
    /// The same from its start, for a second reading.
    again: Option<SealedFile<Entry>>,
    /// Number of the next record.
    next: u64,
}

impl StoredPersons {
    pub(crate) fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let file = || SealedFile::open(&directory.join(PERSONS), key, PERSONS);
        Ok(Self { file: file()?, again: Some(file()?), next: 0 })
    }

    /// Starts again with the first record, once.
    pub(crate) fn rewind(&mut self) -> Result<(), Bug> {
        (self.file, self.next) = (self.again.take().ok_or(Bug::misuse())?, 0);
        Ok(())
    }

    /// Owner of a record, which must be above the one asked for before.
    pub(crate) fn find(&mut self, record: u64) -> Result<Owner, GraphError> {
        while self.next < record {
            self.next_record()?;
        }
        if self.next > record {
            return Err(Bug::misuse().into());
        }
        self.next_record()
    }

    /// Person and subject of the next record.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the file is damaged or ends before the records do.
    pub fn next_record(&mut self) -> Result<Owner, GraphError> {
        let Entry { person, subject } = self.file.require()?;
        self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
        Ok(Owner { person: person.get(), subject: subject.get() })
    }
}

/// Numbers of persons who have 1, 2, … published identifiers, in the last place those who have more
/// than noise can be made for; `published` has the record of each identifier.
pub(crate) fn by_identifiers(
    published: Sorter<RecordNumber>,
    place: Place<'_>,
) -> Result<Vec<u64>, GraphError> {
    let mut persons = StoredPersons::open(place.directory, place.key)?;
    let mut by_person = place.sorter::<Person>()?;
    let mut records = published.finish()?;
    let mut next = records.next_record()?;
    while let Some(record) = next {
        let person = persons.find(record.number.get())?.person.into();
        while next == Some(record) {
            by_person.push(&Person { person })?;
            next = records.next_record()?;
        }
    }
    let mut counts = vec![0_u64; usize::from(NOISE_UNIT_MAX) + 1];
    let mut by_person = by_person.finish()?;
    let mut next = by_person.next_record()?;
    while let Some(person) = next {
        let mut identifiers = 0_usize;
        while next == Some(person) {
            identifiers = identifiers.checked_add(1).ok_or(Bug::invariant())?;
            next = by_person.next_record()?;
        }
        let at = identifiers.min(counts.len()).checked_sub(1).ok_or(Bug::invariant())?;
        let count = counts.get_mut(at).ok_or(Bug::invariant())?;
        *count = count.checked_add(1).ok_or(Bug::invariant())?;
    }
    Ok(counts)
}

record! {
    /// Person of an identifier.
    struct Person {
        person: U32<BigEndian>,
    }
}

/// Snapshots of earlier versions have `persons`, without subjects.
pub(crate) const PERSONS: &str = "persons-2";
