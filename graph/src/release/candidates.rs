//! The digital IDs that a release decides on: those that matched records yield, and those that were
//! ever released to the group.

use std::collections::BTreeSet;
use std::path::Path;

use classes::{ClassFile, ClassId, Sighting, Standing};
use protocol::error::Bug;
use protocol::oprf::Handle;
use protocol::release::class_id;

use crate::bundles::{Bundle, BundleId, StoredBundles};
use crate::handles::{HandleEntry, StoredHandles};
use crate::people::{Objected, StoredPeople};
use crate::persons::{Owner, StoredPersons};
use crate::release::ReleaseConditions;
use crate::{GraphError, RecordNumber};
use rights::objections::Objections;
use store::record::{BigEndian, Record as _, U16, U32, record};
use store::spill::{Sorted, Sorter, VarSorted, VarSorter, Workspace};

/// Sources in which a batch of handles is looked up.
#[derive(Debug)]
pub struct ReleaseSource<'a> {
    /// The index of the session's table.
    pub handles: StoredHandles,
    /// The digital IDs of the snapshot it was made from.
    pub bundles: &'a mut StoredBundles,
    /// The persons and subjects of its records.
    pub persons: StoredPersons,
    /// Subjects whom objections concern.
    pub people: StoredPeople,
    /// Objections that came after that snapshot.
    pub late: &'a Objections,
    /// Secret key of the names in class files.
    pub names: &'a [u8; 32],
    /// Workspace for spills.
    pub workspace: &'a Workspace,
}

/// Counts of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookedUp {
    /// Handles of this table.
    pub handles_known: u64,
    /// Other handles.
    pub handles_unknown: u32,
    /// Known handles of noise rows, which name no record.
    pub noise: u64,
    /// Distinct records behind the known handles.
    pub records: u64,
}

/// Candidates of one release, sorted by name.
#[derive(Debug)]
pub struct Candidates {
    sorted: VarSorted,
    /// Sightings, one for each name, in the order of the names.
    pub(crate) sightings: Vec<Sighting>,
}

/// A live digital ID with what may be said of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen<'v> {
    pub(crate) namespace: u16,
    pub(crate) value: &'v [u8],
    pub(crate) last_day: u32,
    pub(crate) days_valid: u16,
    pub(crate) devices: u16,
    pub(crate) evidence: u16,
}

impl Candidates {
    /// Looks up strictly increasing handles, and finds the candidates in the snapshot.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn look_up(
        handles: Sorted<[u8; Handle::LEN]>,
        mut source: ReleaseSource<'_>,
        conditions: &ReleaseConditions,
        released: &ClassFile,
    ) -> Result<(LookedUp, Self), GraphError> {
        let Workspace { directory, memory_bytes } = source.workspace;
        let (counts, mut records) =
            find_records(handles, source.handles, directory, *memory_bytes)?;
        let mut gathering = Gathering {
            conditions,
            released,
            names: source.names,
            objected: source.people.objected(source.late)?,
            found: VarSorter::new(directory, *memory_bytes)?,
            bytes: Vec::new(),
        };
        let mut matched = records.next_record()?;
        while let Some(bundle) = source.bundles.next_bundle()? {
            let owner = source.persons.next_record()?;
            let wanted = matched.is_some_and(|one| one.number.get() == bundle.record);
            if wanted {
                matched = records.next_record()?;
            }
            gathering.add(&bundle, owner, wanted)?;
        }
        if matched.is_some() {
            // A record of the index that the snapshot does not have.
            return Err(GraphError::contradiction(directory));
        }
        let mut candidates = Self { sorted: gathering.found.finish()?, sightings: Vec::new() };
        let mut sightings = Vec::new();
        candidates.for_each(|sighting, _| {
            sightings.push(*sighting);
            Ok(())
        })?;
        candidates.sightings = sightings;
        Ok((counts, candidates))
    }

    /// Calls `each` for every name, with the newest sighting of a live one.
    pub(crate) fn for_each(
        &mut self,
        mut each: impl FnMut(&Sighting, Option<Seen<'_>>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.sorted.rewind()?;
        let mut last: Option<Sighting> = None;
        // An encoded [`Seen`], or nothing.
        let mut newest = Vec::new();
        while let Some(bytes) = self.sorted.next_record()? {
            let (next, seen) = Candidate::decode(bytes).ok_or(Bug::invariant())?;
            match &mut last {
                Some(one) if one.id == next.id => {
                    one.standing = match (one.standing, next.standing) {
                        (Standing::Objected, _) | (_, Standing::Objected) => Standing::Objected,
                        (Standing::Live, _) | (_, Standing::Live) => Standing::Live,
                        (Standing::Resting, Standing::Resting) => Standing::Resting,
                    };
                    one.wanted |= next.wanted;
                    let day = |seen: Seen<'_>| (seen.last_day, seen.devices, seen.evidence);
                    if Seen::decode(&newest).map(day) >= Seen::decode(seen).map(day) {
                        continue;
                    }
                }
                last => {
                    if let Some(one) = last.replace(next) {
                        each(&one, Seen::decode(&newest))?;
                    }
                }
            }
            newest.clear();
            newest.extend(seen);
        }
        last.iter().try_for_each(|one| each(one, Seen::decode(&newest)))
    }
}

/// The names of all digital IDs of the subjects of the records that strictly increasing handles
/// name, in whatever record and whatever their standing: these departed for a reason of rights
///
///
/// # Errors
///
/// [`GraphError`].
pub fn departing(
    handles: Sorted<[u8; Handle::LEN]>,
    mut source: ReleaseSource<'_>,
) -> Result<(LookedUp, Vec<ClassId>), GraphError> {
    let Workspace { directory, memory_bytes } = source.workspace;
    let (counts, mut records) = find_records(handles, source.handles, directory, *memory_bytes)?;
    let mut subjects = BTreeSet::new();
    while let Some(RecordNumber { number }) = records.next_record()? {
        subjects.insert(source.persons.find(number.get())?.subject);
    }
    source.persons.rewind()?;
    let mut names = Vec::new();
    while let Some(bundle) = source.bundles.next_bundle()? {
        if !subjects.contains(&source.persons.next_record()?.subject) {
            continue;
        }
        for one in bundle.ids {
            names.push(name(source.names, &one)?);
        }
    }
    names.sort_unstable();
    names.dedup();
    Ok((counts, names))
}

/// Merges handles with the index; counts, and the records, each once.
///
/// Handles of noise rows are in the index and name no record.
fn find_records(
    mut handles: Sorted<[u8; Handle::LEN]>,
    mut index: StoredHandles,
    directory: &Path,
    memory_bytes: usize,
) -> Result<(LookedUp, Distinct), GraphError> {
    let mut records = Sorter::new(directory, memory_bytes)?;
    let (mut known, mut unknown, mut noise) = (0_u64, 0_u32, 0_u64);
    let mut entry: Option<HandleEntry> = index.next_entry()?;
    while let Some(handle) = handles.next_record()? {
        while entry.is_some_and(|entry| entry.handle < handle) {
            entry = index.next_entry()?;
        }
        match entry.filter(|entry| entry.handle == handle) {
            Some(entry) => {
                known = known.checked_add(1).ok_or(Bug::invariant())?;
                if entry.record.get() == HandleEntry::NO_RECORD {
                    noise = noise.checked_add(1).ok_or(Bug::invariant())?;
                } else {
                    records.push(&RecordNumber { number: entry.record })?;
                }
            }
            None => unknown = unknown.checked_add(1).ok_or(Bug::invariant())?,
        }
    }
    let mut sorted = records.finish()?;
    let (mut records, mut last) = (0_u64, None);
    while let Some(RecordNumber { number }) = sorted.next_record()? {
        if last.replace(number) != Some(number) {
            records = records.checked_add(1).ok_or(Bug::invariant())?;
        }
    }
    sorted.rewind()?;
    let counts = LookedUp { handles_known: known, handles_unknown: unknown, noise, records };
    Ok((counts, Distinct { sorted, last: None }))
}

/// Sorted records, each once.
struct Distinct {
    sorted: Sorted<RecordNumber>,
    last: Option<RecordNumber>,
}

impl Distinct {
    fn next_record(&mut self) -> Result<Option<RecordNumber>, GraphError> {
        while let Some(next) = self.sorted.next_record()? {
            if self.last.replace(next) != Some(next) {
                return Ok(Some(next));
            }
        }
        Ok(None)
    }
}

/// The digital IDs of a snapshot on their way into a sorted set.
struct Gathering<'a> {
    conditions: &'a ReleaseConditions,
    released: &'a ClassFile,
    names: &'a [u8; 32],
    objected: Objected<'a>,
    found: VarSorter,
    /// Room for an encoded candidate.
    bytes: Vec<u8>,
}

impl Gathering<'_> {
    fn add(&mut self, bundle: &Bundle, owner: Owner, matched: bool) -> Result<(), GraphError> {
        let Owner { person, subject } = owner;
        let subject_objected = self.objected.has_subject(subject);
        let mut ids = bundle.ids.iter();
        let some_objected =
            subject_objected || ids.any(|one| self.objected.has_digital_id(&one.id));
        if !matched && !some_objected && self.released.is_empty() {
            return Ok(());
        }
        let mut live = self.conditions.select(&bundle.ids);
        for (one, seen) in bundle.ids.iter().zip(live.drain(..)) {
            let objected = subject_objected || self.objected.has_digital_id(&one.id);
            let standing = match (objected, &seen) {
                (true, _) => Standing::Objected,
                (false, Some(_)) => Standing::Live,
                (false, None) => Standing::Resting,
            };
            let wanted = matched && standing == Standing::Live;
            // An objection by one of its records keeps a digital ID back from all of them.
            let always = wanted || objected;
            if !always && self.released.is_empty() {
                continue;
            }
            let id = name(self.names, one)?;
            if !always && !self.released.knows(&id) {
                continue;
            }
            let sighting = Sighting { id, person, standing, wanted };
            self.bytes.clear();
            Candidate::encode(&sighting, seen, &mut self.bytes)?;
            self.found.push(&self.bytes)?;
        }
        Ok(())
    }
}

/// The name of a digital ID in class files.
fn name(key: &[u8; 32], one: &BundleId) -> Result<ClassId, Bug> {
    let name = class_id(key, one.id.listed_as(), one.id.value().as_bytes());
    Ok(ClassId(name.ok_or(Bug::invariant())?))
}

record! {
    /// Start of a candidate.
    struct Candidate {
        name: [u8; 16],
        person: U32<BigEndian>,
        standing: u8,
        wanted: u8,
    }
}

record! {
    /// Attributes of a live digital ID, before its value.
    struct SeenHead {
        namespace: U16<BigEndian>,
        last_day: U32<BigEndian>,
        days_valid: U16<BigEndian>,
        devices: U16<BigEndian>,
        evidence: U16<BigEndian>,
    }
}

impl Candidate {
    fn encode(sighting: &Sighting, seen: Option<Seen<'_>>, out: &mut Vec<u8>) -> Result<(), Bug> {
        let head = Self {
            name: sighting.id.0,
            person: sighting.person.into(),
            standing: match sighting.standing {
                Standing::Live => 1,
                Standing::Resting => 2,
                Standing::Objected => 3,
            },
            wanted: sighting.wanted.into(),
        };
        out.extend(head.bytes());
        if let Some(seen) = seen {
            let head = SeenHead {
                namespace: seen.namespace.into(),
                last_day: seen.last_day.into(),
                days_valid: seen.days_valid.into(),
                devices: seen.devices.into(),
                evidence: seen.evidence.into(),
            };
            out.extend(head.bytes());
            out.extend(seen.value);
        }
        Ok(())
    }

    /// A sighting, and its encoded [`Seen`] if it is live.
    fn decode(bytes: &[u8]) -> Option<(Sighting, &[u8])> {
        let (head, rest) = Self::split(bytes)?;
        let sighting = Sighting {
            id: ClassId(head.name),
            person: head.person.get(),
            standing: match head.standing {
                1 => Standing::Live,
                2 => Standing::Resting,
                3 => Standing::Objected,
                _ => return None,
            },
            wanted: head.wanted == 1,
        };
        Some((sighting, rest))
    }
}

impl<'v> Seen<'v> {
    /// A [`SeenHead`] and the value; `None` for no bytes.
    fn decode(bytes: &'v [u8]) -> Option<Self> {
        SeenHead::split(bytes).map(|(head, value)| Self {
            namespace: head.namespace.get(),
            value,
            last_day: head.last_day.get(),
            days_valid: head.days_valid.get(),
            devices: head.devices.get(),
            evidence: head.evidence.get(),
        })
    }
}
