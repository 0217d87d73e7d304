//! Persons of a graph file: lines that share a reference, an identifier or a digital ID are one
//! person's, through however many others.
//!
//! Everything that the file says joins, before anything is left out of it: personas that are not
//! published, what is beyond the caps, and lines whose evidence has no meaning. There are two ways
//! to join. Releases and noise count *persons*, whom anything at all joins, since joining too much
//! only makes the count smaller. An objection concerns a *subject*, whom references of
//! persons and personas and personal identifiers join; devices and fixed lines are shared in
//! households.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::people::{self, Concerned};
use crate::{GraphError, first_half, persons};
use protocol::error::Bug;
use store::record::{BigEndian, Record as _, U32, record};
use store::seal::StorageKey;
use store::sealed::SealedOut;
use store::spill::{SealedLog, SealedRecords, Sorted, Sorter, Workspace};

/// Name of a person or persona by reference, from which nobody learns the reference.
pub(crate) type Holder = [u8; 16];

record! {
    /// Something that a line says of its holder; lines of equal marks are one person's.
    #[derive(PartialOrd, Ord)]
    pub(crate) struct Tie {
        pub(crate) holder: Holder,
        pub(crate) kind: u8,
        pub(crate) mark: [u8; 16],
    }
}

impl Tie {
    /// Persona, by [`persona_name`].
    pub(crate) const PERSONA: u8 = 0;
    /// Identifier of an individual, by its tombstone.
    pub(crate) const PERSONAL: u8 = 1;
    /// Identifier of a household, by its tombstone.
    pub(crate) const HOUSEHOLD: u8 = 2;
    /// Digital ID, by its tombstone.
    pub(crate) const DIGITAL_ID: u8 = 3;
}

/// Name of a person in a snapshot.
pub(crate) fn person_name(reference: &[u8]) -> Holder {
    first_half(Sha256::digest(reference).into())
}

/// Name of a persona among marks, and of the holder of a line that names no person.
pub(crate) fn persona_name(reference: &[u8]) -> Holder {
    // No reference holds a zero byte.
    let hash = Sha256::new().chain_update(b"persona\0").chain_update(reference).finalize();
    first_half(hash.into())
}

record! {
    /// A tie with the number of its holder.
    struct Numbered {
        kind: u8,
        mark: [u8; 16],
        holder: U32<BigEndian>,
    }
}

record! {
    /// A record of the snapshot with its holder.
    pub(crate) struct Held {
        pub(crate) holder: Holder,
        pub(crate) record: U32<BigEndian>,
    }
}

/// Place of a snapshot under way.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) key: &'a StorageKey,
    pub(crate) workspace: &'a Workspace,
}

impl Place<'_> {
    pub(crate) fn sorter<R: store::record::Record>(self) -> Result<Sorter<R>, GraphError> {
        Ok(Sorter::new(&self.workspace.directory, self.workspace.memory_bytes)?)
    }
}

/// Reach of the objections that were there before a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    /// Holders whose subject objected, each with true if by an identifier of its own.
    pub(crate) holders: BTreeMap<Holder, bool>,
    /// Digital IDs of these subjects that others have too, by tombstones.
    pub(crate) ids: BTreeSet<[u8; 16]>,
}

record! {
    /// A holder with its person and subject.
    struct Known {
        holder: Holder,
        person: U32<BigEndian>,
        subject: U32<BigEndian>,
    }
}

/// Holders of a graph file, joined.
pub(crate) struct Joined {
    /// [`Known`] one after the other, by holder.
    holders: SealedRecords,
    /// Reach of the objections.
    pub(crate) objected: Reach,
    /// Holders of the largest subject.
    pub(crate) largest: u32,
}

impl Joined {
    /// Joins the holders of ties, and writes whom objections will concern.
    ///
    /// Memory is that of three numbers for each holder, beside two sorters and the reach of
    /// objections by the holders in `objected`.
    pub(crate) fn of(
        ties: Sorter<Tie>,
        objected: &BTreeSet<Holder>,
        place: Place<'_>,
    ) -> Result<Self, GraphError> {
        let mut holders = Holders { ties: ties.finish()?, last: None, number: 0 };
        let mut marks = place.sorter::<Numbered>()?;
        let (mut count, mut direct) = (0, Vec::new());
        while let Some((number, tie)) = holders.next_tie()? {
            let holder = U32::new(number);
            marks.push(&Numbered { kind: tie.kind, mark: tie.mark, holder })?;
            if count <= number {
                count = number.checked_add(1).ok_or(Bug::invariant())?;
                if objected.contains(&tie.holder) {
                    direct.push(number);
                }
            }
        }
        let (mut persons, mut subjects) = (Roots::new(count), Roots::new(count));
        let mut marks = marks.finish()?;
        let mut last: Option<Numbered> = None;
        while let Some(next) = marks.next_record()? {
            let same = |last: &Numbered| (last.kind, last.mark) == (next.kind, next.mark);
            match last.filter(same) {
                Some(last) => {
                    let (one, two) = (last.holder.get(), next.holder.get());
                    persons.join(one, two)?;
                    if matches!(next.kind, Tie::PERSONA | Tie::PERSONAL) {
                        subjects.join(one, two)?;
                    }
                }
                None => last = Some(next),
            }
        }
        let mut reached = BTreeSet::new();
        for number in direct {
            reached.insert(subjects.root(number)?);
        }
        let ids = write_shared(marks, &mut subjects, &reached, place)?;
        let mut reach = Reach { holders: BTreeMap::new(), ids };
        let mut people = place.sorter::<Concerned>()?;
        let mut known = SealedLog::new(&place.workspace.directory)?;
        let mut last = None;
        let (mut sizes, mut largest) = (Roots(vec![0; count as usize]), 0);
        holders.rewind()?;
        while let Some((number, Tie { holder, kind, mark })) = holders.next_tie()? {
            let subject = subjects.root(number)?;
            if matches!(kind, Tie::PERSONAL | Tie::HOUSEHOLD) {
                people.push(&Concerned { tombstone: mark, subject: subject.into() })?;
            }
            if last.replace(number) != Some(number) {
                let size = sizes.place(subject)?;
                *size = size.checked_add(1).ok_or(Bug::invariant())?;
                largest = largest.max(*size);
                let (person, subject) = (persons.root(number)?.into(), subject.into());
                known.push(Known { holder, person, subject }.bytes())?;
                if reached.contains(&subject.get()) {
                    reach.holders.insert(holder, objected.contains(&holder));
                }
            }
        }
        people::write_people(people, place)?;
        Ok(Self { holders: known.finish()?, objected: reach, largest })
    }

    /// Writes the persons and subjects of the records, whose holders are among those of the ties.
    pub(crate) fn write_persons(
        self,
        records: Sorter<Held>,
        place: Place<'_>,
    ) -> Result<(), GraphError> {
        let mut by_record = place.sorter::<persons::ByRecord>()?;
        let mut records = records.finish()?;
        let mut holders = self.holders.read()?;
        let mut known: Option<Known> = None;
        while let Some(Held { holder, record }) = records.next_record()? {
            while known.is_none_or(|known| known.holder < holder) {
                let next = holders.next_record()?.and_then(Known::read).ok_or(Bug::invariant())?;
                known = Some(*next);
            }
            let known = known.filter(|known| known.holder == holder);
            let Known { person, subject, .. } = known.ok_or(Bug::invariant())?;
            by_record.push(&persons::ByRecord { record, person, subject })?;
        }
        persons::write_persons(by_record, place)
    }
}

/// Writes the digital IDs of several subjects with each of these; those of subjects that are
/// reached by objections come back.
fn write_shared(
    mut marks: Sorted<Numbered>,
    subjects: &mut Roots,
    reached: &BTreeSet<u32>,
    place: Place<'_>,
) -> Result<BTreeSet<[u8; 16]>, GraphError> {
    let path = place.directory.join(people::SHARED);
    let mut out = SealedOut::<Concerned>::create(&path, place.key, people::SHARED)?;
    let mut objected = BTreeSet::new();
    marks.rewind()?;
    let mut next = marks.next_record()?;
    while let Some(first) = next {
        let mut of = BTreeSet::new();
        while let Some(one) = next.filter(|one| (one.kind, one.mark) == (first.kind, first.mark)) {
            if one.kind == Tie::DIGITAL_ID {
                of.insert(subjects.root(one.holder.get())?);
            }
            next = marks.next_record()?;
        }
        if of.len() > 1 {
            for subject in &of {
                out.push(&Concerned { tombstone: first.mark, subject: (*subject).into() })?;
            }
            if !of.is_disjoint(reached) {
                objected.insert(first.mark);
            }
        }
    }
    out.finish()?;
    Ok(objected)
}

/// Ties, each once, with the numbers of their holders.
struct Holders {
    ties: Sorted<Tie>,
    last: Option<Tie>,
    number: u32,
}

impl Holders {
    fn next_tie(&mut self) -> Result<Option<(u32, Tie)>, GraphError> {
        while let Some(tie) = self.ties.next_record()? {
            match self.last.replace(tie) {
                Some(last) if last == tie => continue,
                Some(last) if last.holder != tie.holder => {
                    self.number = self.number.checked_add(1).ok_or(Bug::invariant())?;
                }
                _ => {}
            }
            return Ok(Some((self.number, tie)));
        }
        Ok(None)
    }

    fn rewind(&mut self) -> Result<(), GraphError> {
        (self.last, self.number) = (None, 0);
        Ok(self.ties.rewind()?)
    }
}

/// For each number another one of its set, the least one for itself.
struct Roots(Vec<u32>);

impl Roots {
    fn new(count: u32) -> Self {
        Self((0..count).collect())
    }

    fn join(&mut self, one: u32, two: u32) -> Result<(), Bug> {
        let (one, two) = (self.root(one)?, self.root(two)?);
        *self.place(one.max(two))? = one.min(two);
        Ok(())
    }

    /// The least number of a set, so far; shortens the way to it.
    fn root(&mut self, mut number: u32) -> Result<u32, Bug> {
        loop {
            let parent = *self.place(number)?;
            if parent == number {
                return Ok(number);
            }
            let above = *self.place(parent)?;
            *self.place(number)? = above;
            number = above;
        }
    }

    fn place(&mut self, number: u32) -> Result<&mut u32, Bug> {
        let at = usize::try_from(number).map_err(|_| Bug::invariant())?;
        self.0.get_mut(at).ok_or(Bug::invariant())
    }
}

#[cfg(test)]
mod tests {
    use rights::objections::{Objections, Tombstone};

    use super::*;
    use crate::people::StoredPeople;
    use crate::persons::StoredPersons;

    /// Persons and subjects of records whose holders are 1, 2, …, by what the holders are said to
    /// have; `objected` are holders whose own identifier was objected to.
    fn join(
        ties: &[(u8, u8, u8)],
        records: &[u8],
        objected: &[u8],
        late: &[u8],
    ) -> (Vec<[u32; 2]>, Reach, Vec<u32>) {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let workspace = Workspace { directory: dir.path().join("work"), memory_bytes: 1 << 16 };
        let place = Place { directory: dir.path(), key: &key, workspace: &workspace };
        let (mut sorter, mut held) = (place.sorter().unwrap(), place.sorter().unwrap());
        for (holder, kind, mark) in ties {
            let tie = Tie { holder: [*holder; 16], kind: *kind, mark: [*mark; 16] };
            // Every line of a file says its own again.
            sorter.extend(&[tie, tie]).unwrap();
        }
        for (record, holder) in (0..).zip(records) {
            held.push(&Held { holder: [*holder; 16], record: U32::new(record) }).unwrap();
        }
        let objected = objected.iter().map(|holder| [*holder; 16]).collect();
        let mut joined = Joined::of(sorter, &objected, place).unwrap();
        let reach = std::mem::take(&mut joined.objected);
        joined.write_persons(held, place).unwrap();
        let mut persons = StoredPersons::open(dir.path(), &key).unwrap();
        let owners = records.iter().map(|_| persons.next_record().unwrap());
        let owners = owners.map(|owner| [owner.person, owner.subject]).collect();
        let late: Vec<Tombstone> = late.iter().map(|mark| Tombstone([*mark; 16])).collect();
        let late = Objections::of(&key, &late).unwrap();
        let people = StoredPeople::open(dir.path(), &key).unwrap().objected(&late).unwrap();
        let reached = (0..=u32::from(u8::MAX)).filter(|subject| people.has_subject(*subject));
        (owners, reach, reached.collect())
    }

    #[test]
    fn anything_joins_persons_and_only_what_is_personal_joins_subjects() {
        let ties = [
            // 1 and 2 share an address, 2 and 3 a persona.
            (1, Tie::PERSONAL, 50),
            (2, Tie::PERSONAL, 50),
            (2, Tie::PERSONA, 60),
            (3, Tie::PERSONA, 60),
            // 3 and 4 share a fixed line, 4 and 5 a device, and 6 has what 5 has.
            (3, Tie::HOUSEHOLD, 51),
            (4, Tie::HOUSEHOLD, 51),
            (4, Tie::DIGITAL_ID, 70),
            (5, Tie::DIGITAL_ID, 70),
            (5, Tie::DIGITAL_ID, 71),
            (6, Tie::DIGITAL_ID, 71),
            // Of another kind an equal mark is nothing shared.
            (7, Tie::DIGITAL_ID, 50),
            (7, Tie::PERSONAL, 71),
        ];
        let (owners, reach, _) = join(&ties, &[7, 6, 5, 4, 3, 2, 1, 6], &[], &[]);
        let expected = [[6, 6], [0, 5], [0, 4], [0, 3], [0, 0], [0, 0], [0, 0], [0, 5]];
        assert_eq!(owners, expected);
        assert!(reach.holders.is_empty() && reach.ids.is_empty());
    }

    #[test]
    fn objection_reaches_a_subject_and_what_it_shares_with_others() {
        let ties = [
            (1, Tie::PERSONAL, 50),
            (2, Tie::PERSONAL, 50),
            (1, Tie::PERSONAL, 52),
            (2, Tie::DIGITAL_ID, 70),
            (3, Tie::DIGITAL_ID, 70),
            (3, Tie::DIGITAL_ID, 71),
            (4, Tie::DIGITAL_ID, 71),
            (2, Tie::HOUSEHOLD, 51),
            (4, Tie::HOUSEHOLD, 51),
        ];
        // By an identifier of 1 alone, before the snapshot or after it.
        let (_, reach, late) = join(&ties, &[1, 2, 3, 4], &[1], &[52]);
        assert_eq!(reach.holders, BTreeMap::from([([1; 16], true), ([2; 16], false)]));
        assert_eq!(reach.ids, BTreeSet::from([[70; 16]]));
        assert_eq!(late, [0]);
        // By a fixed line: of everybody who has it.
        let (.., late) = join(&ties, &[1], &[], &[51]);
        assert_eq!(late, [0, 3]);
        // A digital ID is no identifier of anybody.
        let (.., late) = join(&ties, &[1], &[], &[70]);
        assert!(late.is_empty());
    }
}
