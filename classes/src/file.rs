//! The class file of a group: each digital ID ever released to it, and what became of it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use protocol::error::Bug;
use protocol::release::ClassFileDigest;

/// Keyed name of a digital ID, [`protocol::release::class_id`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(pub [u8; 16]);

impl fmt::Debug for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClassId(..)")
    }
}

/// The history of releases to one group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassFile {
    /// Day of the last release, 0 before the first.
    pub(crate) last_day: u32,
    /// Number of the next new class.
    pub(crate) next_class: u32,
    /// Persons delivered at the last release.
    pub(crate) persons_delivered: u64,
    /// Entries, one for each digital ID, strictly increasing.
    pub(crate) entries: Vec<Entry>,
}

/// State of one digital ID between two releases.
///
/// A closed digital ID has nothing but its name and its mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: ClassId,
    /// Number of the class, 0 if the digital ID is closed.
    pub(crate) class: u32,
    /// Person when it was last live, numbered by first appearance in the file, from 1; 0 if closed.
    pub(crate) person: u32,
    /// Days for which no snapshot of a release listed the digital ID, plus 1; 0 if the last did.
    pub(crate) absent: u16,
    /// Days since the first release that did not want the digital ID, plus 1, [`UNWANTED_MAX`] at
    /// most; 0 if the last release wanted it.
    pub(crate) unwanted: u8,
    pub(crate) marks: Marks,
}

/// Most that [`Entry::unwanted`] counts: more days than any delay has.
pub(crate) const UNWANTED_MAX: u8 = 40;

/// Marks of an entry, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks(u8);

impl Marks {
    pub(crate) const NONE: Self = Self(0);
    /// Never released again.
    pub(crate) const CLOSED: Self = Self(1);
    /// Delivered by the bag of the last release.
    pub(crate) const DELIVERED: Self = Self(2);
    /// Seen live and unwanted while the list wanted K persons of its class, and not wanted since.
    pub(crate) const DROPPED: Self = Self(4);
    /// Leaves at the next release, for a reason of rights at the advertiser.
    pub(crate) const DEPARTING: Self = Self(8);

    const ALL: u8 = 15;

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn set(self, other: Self, on: bool) -> Self {
        if on { Self(self.0 | other.0) } else { Self(self.0 & !other.0) }
    }
}

/// Reasons for which bytes are no class file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFault {
    /// Another format, or a length that is no whole number of entries.
    Form,
    /// Entries out of order, or one that no rule writes.
    Entry,
}

/// Result of a batch of departures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Departing {
    /// Digital IDs newly marked.
    pub marked: u64,
    /// Digital IDs that were never released, closed, or marked before.
    pub unchanged: u64,
}

impl ClassFile {
    /// Day of the last release in days since 1970, `None` before the first.
    #[must_use]
    pub const fn last_day(&self) -> Option<u32> {
        if self.last_day == 0 { None } else { Some(self.last_day) }
    }

    /// Digital IDs in the file.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// True before the first release, and when everything released is forgotten.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// True if the digital ID has a history here.
    #[must_use]
    pub fn knows(&self, id: &ClassId) -> bool {
        self.entries.binary_search_by(|entry| entry.id.cmp(id)).is_ok()
    }

    /// Marks digital IDs whose persons departed for a reason of rights at the advertiser; they
    /// leave at the next release.
    ///
    /// # Errors
    ///
    /// [`Bug`] for more of them than a count holds.
    pub fn depart(&mut self, ids: impl IntoIterator<Item = ClassId>) -> Result<Departing, Bug> {
        let mut departing = Departing::default();
        for id in ids {
            let found = self.entries.binary_search_by(|entry| entry.id.cmp(&id)).ok();
            let entry = found.and_then(|at| self.entries.get_mut(at));
            let fresh = Marks(Marks::CLOSED.0 | Marks::DEPARTING.0);
            match entry.filter(|entry| !entry.marks.has(fresh)) {
                Some(entry) => {
                    entry.marks = entry.marks.set(Marks::DEPARTING, true);
                    grow(&mut departing.marked, 1)?;
                }
                None => grow(&mut departing.unchanged, 1)?,
            }
        }
        Ok(departing)
    }

    /// The canonical bytes: a head, then one entry after the other.
    pub fn write(&self, mut sink: impl FnMut(&[u8])) {
        sink(FORMAT);
        sink(&self.last_day.to_le_bytes());
        sink(&self.next_class.to_le_bytes());
        sink(&self.persons_delivered.to_le_bytes());
        self.entries.iter().for_each(|entry| sink(&entry.bytes()));
    }

    /// The canonical bytes in one piece.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(|part| bytes.extend_from_slice(part));
        bytes
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    ///
    /// [`FileFault`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FileFault> {
        let rest = bytes.strip_prefix(FORMAT).ok_or(FileFault::Form)?;
        let (last_day, rest) = rest.split_first_chunk().ok_or(FileFault::Form)?;
        let (next_class, rest) = rest.split_first_chunk().ok_or(FileFault::Form)?;
        let (persons, rest) = rest.split_first_chunk().ok_or(FileFault::Form)?;
        let (entries, []) = rest.as_chunks::<ENTRY_LEN>() else { return Err(FileFault::Form) };
        let file = Self {
            last_day: u32::from_le_bytes(*last_day),
            next_class: u32::from_le_bytes(*next_class),
            persons_delivered: u64::from_le_bytes(*persons),
            entries: entries.iter().map(Entry::read).collect(),
        };
        let none = file.entries.is_empty() && file.persons_delivered == 0;
        let head = file.last_day > 0 || (none && file.next_class <= 1);
        let len = u64::try_from(entries.len()).map_err(|_| FileFault::Form)?;
        let sorted = file.entries.is_sorted_by(|one, next| one.id < next.id);
        let mut persons = 0_u32;
        let numbered = file.entries.iter().filter(|entry| entry.person > 0).all(|entry| {
            let fine = entry.person - 1 <= persons;
            persons = persons.max(entry.person);
            fine
        });
        let fine = head && file.persons_delivered <= len && sorted && numbered;
        if fine && file.entries.iter().all(|entry| entry.is_fine(file.next_class)) {
            Ok(file)
        } else {
            Err(FileFault::Entry)
        }
    }

    /// Digest of the canonical bytes under the group's secret.
    #[must_use]
    pub fn digest(&self, secret: &[u8; 32]) -> [u8; 32] {
        let mut digest = ClassFileDigest::new(secret);
        self.write(|part| digest.update(part));
        digest.finish()
    }

    /// The history of two groups that became one: digital IDs are told apart if either history
    /// tells them apart.
    ///
    /// # Errors
    ///
    /// [`Bug`] if there are more classes than numbers.
    pub fn unite(self, other: Self) -> Result<Self, Bug> {
        let (mut classes, mut persons) = (BTreeMap::new(), BTreeMap::new());
        let mut entries = Vec::with_capacity(self.entries.len());
        let (mut ours, mut theirs) = (self.entries.into_iter(), other.entries.into_iter());
        let (mut one, mut two) = (ours.next(), theirs.next());
        loop {
            let (from_one, from_two) = match (one, two) {
                (None, None) => break,
                (Some(a), Some(b)) => (a.id <= b.id, b.id <= a.id),
                (a, b) => (a.is_some(), b.is_some()),
            };
            let (a, b) = (one.filter(|_| from_one), two.filter(|_| from_two));
            if from_one {
                one = ours.next();
            }
            if from_two {
                two = theirs.next();
            }
            let both = [a, b];
            let known = || both.iter().flatten();
            let any = |mark| known().any(|entry| entry.marks.has(mark));
            let id = a.or(b).ok_or(Bug::invariant())?.id;
            if any(Marks::CLOSED) {
                entries.push(Entry::closed(id));
                continue;
            }
            let class = both.map(|entry| entry.map_or(0, |entry| entry.class));
            let person = both.map(|entry| entry.map_or(0, |entry| entry.person));
            let joined = Entry {
                id,
                class: number(&mut classes, class)?,
                person: number(&mut persons, person)?,
                absent: known().map(|entry| entry.absent).fold(u16::MAX, u16::min),
                unwanted: known().map(|entry| entry.unwanted).fold(0, u8::max),
                marks: Marks::NONE
                    .set(Marks::DROPPED, any(Marks::DROPPED))
                    .set(Marks::DEPARTING, any(Marks::DEPARTING)),
            };
            entries.push(joined);
        }
        let next = u32::try_from(classes.len()).ok().and_then(|len| len.checked_add(1));
        Ok(Self {
            last_day: self.last_day.max(other.last_day),
            next_class: next.ok_or(Bug::invariant())?,
            persons_delivered: self.persons_delivered.max(other.persons_delivered),
            entries,
        })
    }
}

/// Number of a pair of numbers, by first appearance from 1.
fn number(numbers: &mut BTreeMap<[u32; 2], u32>, pair: [u32; 2]) -> Result<u32, Bug> {
    let next = u32::try_from(numbers.len()).ok().and_then(|len| len.checked_add(1));
    Ok(*numbers.entry(pair).or_insert(next.ok_or(Bug::invariant())?))
}

/// Bytes of an entry: id ‖ u32 class ‖ u32 person ‖ u16 absent ‖ u8 unwanted ‖ u8 marks.
const ENTRY_LEN: usize = 28;

/// First bytes of a class file, format 3.
const FORMAT: &[u8] = b"veilmatch classes 3\n";

impl Entry {
    pub(crate) const fn closed(id: ClassId) -> Self {
        Self { id, class: 0, person: 0, absent: 0, unwanted: 0, marks: Marks::CLOSED }
    }

    fn bytes(&self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        let numbers = [self.class, self.person].into_iter().flat_map(u32::to_le_bytes);
        let all = self.id.0.into_iter().chain(numbers).chain(self.absent.to_le_bytes());
        let all = all.chain([self.unwanted, self.marks.0]);
        bytes.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        bytes
    }

    fn read(bytes: &[u8; ENTRY_LEN]) -> Self {
        let [id @ .., _, _, _, _, _, _, _, _, _, _, _, _] = *bytes;
        let [.., c0, c1, c2, c3, p0, p1, p2, p3, a0, a1, unwanted, marks] = *bytes;
        Self {
            id: ClassId(id),
            class: u32::from_le_bytes([c0, c1, c2, c3]),
            person: u32::from_le_bytes([p0, p1, p2, p3]),
            absent: u16::from_le_bytes([a0, a1]),
            unwanted,
            marks: Marks(marks),
        }
    }

    /// True if a release can have written the entry.
    fn is_fine(&self, next_class: u32) -> bool {
        let marks = self.marks;
        if marks.has(Marks::CLOSED) {
            return *self == Self::closed(self.id);
        }
        marks.0 & !Marks::ALL == 0
            && (1..next_class).contains(&self.class)
            && self.person > 0
            && self.unwanted <= UNWANTED_MAX
            // Who was wanted, or is in a bag, was listed.
            && (self.absent == 0 || (self.unwanted > 0 && !marks.has(Marks::DELIVERED)))
            && (self.unwanted > 0 || !marks.has(Marks::DROPPED))
    }
}

#[track_caller]
pub(crate) fn grow(count: &mut u64, by: usize) -> Result<(), Bug> {
    let by = u64::try_from(by).map_err(|_| Bug::invariant())?;
    *count = count.checked_add(by).ok_or(Bug::invariant())?;
    Ok(())
}
