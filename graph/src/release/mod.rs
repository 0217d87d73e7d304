//! A release: from the handles of a session to records, and from records to digital IDs.
//!
//! The sorted handles are merged with the index of the session's table, the records that come of it
//! with the bundles of the snapshot, both in one pass. What is left after objections, conditions of
//! the terms and caps is sorted by value, so that an ID of two records is released once and nothing
//! tells which IDs belong together. Everything spilled is sealed.

pub mod releases;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use protocol::digital_id::DigitalId as Entry;
use protocol::error::Bug;
use protocol::oprf::Handle;
use protocol::terms::LinkFilter;
use session::disclosure::Resolution;

use crate::GraphError;
use crate::bundles::{Bundle, BundleId, Fingerprint, StoredBundles};
use crate::handles::{HandleEntry, StoredHandles};
use crate::people::{Person, StoredPeople};
use crate::release::releases::{Fingerprints, Releases};
use normalize::digital::{AGE_BUCKETS, DEVICE_CLASSES, DigitalId, DigitalKind, name_of};
use rights::objections::Objections;
use store::output::Output;
use store::record::{BigEndian, Record as _, U16, U32, U64, record};
use store::spill::Workspace;
use store::spill::{Sorted, Sorter, VarSorted, VarSorter};
use tabular::write::{Cell, TableColumn, write_table};

/// Conditions of the terms of a session on what is released.
#[derive(Debug, Clone)]
pub struct ReleaseConditions {
    /// Names of types of advertising ids and of cookie namespaces, with their numbers.
    pub namespaces: BTreeMap<String, u16>,
    /// Digital IDs of one record, at most.
    pub ids_per_record_max: u16,
    /// Days that a delivered digital ID may be used, at most.
    pub ids_valid_days: u16,
    /// Conditions on links.
    pub filter: LinkFilter,
    /// True if each digital ID carries its own expiry; else all of them have the same, and one
    /// that ends earlier is left out.
    pub own_expiry: bool,
    /// Days since 1970.
    pub today: u32,
}

impl ReleaseConditions {
    /// Number of the namespace and days of use left of an ID that may be delivered.
    fn admit(&self, one: &BundleId) -> Option<(u16, u16)> {
        let namespace = *self.namespaces.get(one.id.listed_as())?;
        if one.evidence & self.filter.evidence_mask == 0
            || one.devices & self.filter.device_mask == 0
        {
            return None;
        }
        let end = u64::from(one.last_day) + u64::from(self.filter.max_age_days);
        // An ID whose time is over has no days left.
        let left = u16::try_from(end.saturating_sub(self.today.into()));
        let days = left.map_or(self.ids_valid_days, |left| left.min(self.ids_valid_days));
        let least = if self.own_expiry { 1 } else { self.ids_valid_days.max(1) };
        (days >= least).then_some((namespace, days))
    }

    /// The IDs of a record that may be delivered: the newest, up to the cap.
    fn select<'b>(&self, ids: impl Iterator<Item = &'b BundleId>) -> Vec<Found> {
        let mut admitted: Vec<(&BundleId, u16, u16)> = ids
            .filter_map(|one| self.admit(one).map(|(namespace, days)| (one, namespace, days)))
            .collect();
        admitted.sort_by(|(a, ..), (b, ..)| (b.last_day, &a.id).cmp(&(a.last_day, &b.id)));
        admitted.truncate(usize::from(self.ids_per_record_max));
        admitted
            .into_iter()
            .map(|(one, namespace, days_valid)| Found {
                namespace,
                value: one.id.value().as_bytes().to_vec(),
                last_day: one.last_day,
                days_valid,
                devices: one.devices,
                evidence: one.evidence & self.filter.evidence_mask,
            })
            .collect()
    }
}

/// Sources in which a batch of handles is looked up.
#[derive(Debug)]
pub struct ReleaseSource<'a> {
    /// The index of the session's table.
    pub handles: StoredHandles,
    /// The digital IDs of the snapshot it was made from.
    pub bundles: &'a mut StoredBundles,
    /// Persons whom objections concern.
    pub people: StoredPeople,
    /// Objections that came after that snapshot.
    pub late: &'a Objections,
    /// Earlier releases to the partner.
    pub earlier: &'a Releases,
    /// Workspace for spills.
    pub workspace: &'a Workspace,
    /// Unix time.
    pub now: u64,
}

/// The records behind a batch of handles and the digital IDs to release for them.
#[derive(Debug)]
pub struct Resolved {
    records: Fingerprints,
    ids: VarSorted,
}

impl Resolved {
    /// Looks up strictly increasing handles.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn look_up(
        handles: Sorted<[u8; Handle::LEN]>,
        source: ReleaseSource<'_>,
        conditions: &ReleaseConditions,
    ) -> Result<(Resolution, Self), GraphError> {
        let Workspace { directory, memory_bytes } = source.workspace;
        let (known, unknown, records) =
            find_records(handles, source.handles, directory, *memory_bytes)?;
        let mut gathering = Gathering {
            conditions,
            late: source.late,
            objected: source.people.objected(source.late)?,
            records: Sorter::new(directory, *memory_bytes)?,
            ids: VarSorter::new(directory, *memory_bytes)?,
            suppressed: 0,
            bytes: Vec::new(),
        };
        let count = gathering.read(records, source.bundles)?;
        let suppressed = gathering.suppressed;
        let mut records = gathering.records.finish()?;
        let resolution = Resolution {
            handles_known: known,
            handles_unknown: unknown,
            records: count,
            ids_suppressed: suppressed,
            nearest_release: source.earlier.nearest(&mut records, source.now)?,
        };
        Ok((resolution, Self { records, ids: gathering.ids.finish()? }))
    }

    /// Has it on disk that these records are released, before anything of the release leaves; drops
    /// earlier ones whose time is over.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; nothing may leave then.
    pub fn record(
        &mut self,
        releases: &Releases,
        sid: &[u8; 32],
        now: u64,
        keep_until: u64,
    ) -> Result<(), GraphError> {
        releases.record(sid, &mut self.records, now, keep_until)?;
        releases.prune(now)
    }

    /// The entries of the IDS stream, in its order.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn entries(
        &mut self,
        conditions: &ReleaseConditions,
        attributes: bool,
        workspace: &Workspace,
    ) -> Result<Entries, GraphError> {
        let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut bytes = Vec::new();
        self.for_each(|found| {
            let entry = found.entry(attributes.then_some(conditions.today));
            bytes.clear();
            entry.encode_into(&mut bytes).ok_or(Bug::invariant())?;
            Ok(sorter.push(&bytes)?)
        })?;
        let sorted = sorter.finish()?;
        Ok(Entries { left: sorted.records(), sorted })
    }

    /// Writes the provider's own delivery file in the neutral format.
    ///
    /// The name of the output chooses the form: `.parquet` is Parquet, anything else CSV.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn write_delivery(
        &mut self,
        output: &Output,
        label: &DeliveryLabel<'_>,
        conditions: &ReleaseConditions,
        workspace: &Workspace,
    ) -> Result<DeliveryFile, GraphError> {
        let names: BTreeMap<u16, &str> =
            conditions.namespaces.iter().map(|(name, code)| (*code, name.as_str())).collect();
        let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut bytes = Vec::new();
        self.for_each(|found| {
            let id = found.digital_id(&names).ok_or(Bug::invariant())?;
            let key_len = Delivered::encode(&id, found, &mut bytes)?;
            Ok(sorter.push_keyed(&bytes, key_len)?)
        })?;
        let mut sorted = sorter.finish()?;
        let sha256 = write_table(output, &COLUMNS, |table| {
            let mut number = 0_i64;
            while let Some(record) = sorted.next_record()? {
                let delivered = Delivered::split(record).ok_or(Bug::invariant())?;
                number = number.checked_add(1).ok_or(Bug::invariant())?;
                table.row(&delivered.row(number, label, conditions.today)?)?;
            }
            Ok::<(), GraphError>(())
        })?;
        Ok(DeliveryFile { rows: sorted.records(), sha256 })
    }

    /// Calls `each` for every distinct ID; of two entries of one ID the newer stands.
    fn for_each(
        &mut self,
        mut each: impl FnMut(&Found) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.ids.rewind()?;
        let mut last: Option<Found> = None;
        while let Some(bytes) = self.ids.next_record()? {
            let found = Found::decode(bytes).ok_or(Bug::invariant())?;
            if let Some(last) = last.take().filter(|last| !last.is_same_id(&found)) {
                each(&last)?;
            }
            last = Some(found);
        }
        last.iter().try_for_each(each)
    }
}

/// Statement of a delivery file about itself in every row.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryLabel<'a> {
    /// Names the run.
    pub run_id: &'a str,
    /// Names the audience; opaque to whoever receives the file.
    pub segment: &'a str,
}

/// A delivery file as its manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryFile {
    /// Rows, without the header.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// The entries of an IDS stream.
#[derive(Debug)]
pub struct Entries {
    sorted: VarSorted,
    left: u64,
}

impl Entries {
    /// The next entries, strictly increasing as byte strings, and whether they are the last.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn next_batch(&mut self) -> Result<(Vec<Entry>, bool), GraphError> {
        let mut batch = Vec::new();
        while batch.len() < ENTRIES_AT_ONCE {
            let Some(bytes) = self.sorted.next_record()? else { break };
            let (entry, _) = Entry::decode(bytes).ok_or(Bug::invariant())?;
            batch.push(entry);
            self.left = self.left.checked_sub(1).ok_or(Bug::invariant())?;
        }
        Ok((batch, self.left == 0))
    }
}

record! {
    /// Number of a record in the snapshot.
    struct RecordNumber {
        number: U64<BigEndian>,
    }
}

/// Merges handles with the index; known handles, unknown ones, and the records.
fn find_records(
    mut handles: Sorted<[u8; Handle::LEN]>,
    mut index: StoredHandles,
    directory: &Path,
    memory_bytes: usize,
) -> Result<(u64, u32, Sorted<RecordNumber>), GraphError> {
    let mut records = Sorter::new(directory, memory_bytes)?;
    let (mut known, mut unknown) = (0_u64, 0_u32);
    let mut entry: Option<HandleEntry> = index.next_entry()?;
    while let Some(handle) = handles.next_record()? {
        while entry.is_some_and(|entry| entry.handle < handle) {
            entry = index.next_entry()?;
        }
        match entry.filter(|entry| entry.handle == handle) {
            Some(entry) => {
                known = known.checked_add(1).ok_or(Bug::invariant())?;
                records.push(&RecordNumber { number: entry.record })?;
            }
            None => unknown = unknown.checked_add(1).ok_or(Bug::invariant())?,
        }
    }
    Ok((known, unknown, records.finish()?))
}

/// The digital IDs of matched records on their way into sorted sets.
struct Gathering<'a> {
    conditions: &'a ReleaseConditions,
    late: &'a Objections,
    objected: BTreeSet<Person>,
    records: Sorter<[u8; Fingerprint::LEN]>,
    ids: VarSorter,
    suppressed: u64,
    /// Room for an encoded ID.
    bytes: Vec<u8>,
}

impl Gathering<'_> {
    /// Reads the bundles of the records; how many distinct records there are.
    fn read(
        &mut self,
        mut records: Sorted<RecordNumber>,
        bundles: &mut StoredBundles,
    ) -> Result<u64, GraphError> {
        let (mut count, mut last) = (0, None);
        while let Some(RecordNumber { number }) = records.next_record()? {
            if last.replace(number) != Some(number) {
                count += 1;
                self.add(&bundles.find(number.get())?)?;
            }
        }
        Ok(count)
    }

    fn add(&mut self, bundle: &Bundle) -> Result<(), GraphError> {
        self.records.push(&bundle.fingerprint.0)?;
        let objected = self.objected.contains(&bundle.person);
        let (gone, kept): (Vec<&BundleId>, Vec<&BundleId>) =
            bundle.ids.iter().partition(|one| objected || self.late.has_digital_id(&one.id));
        let suppressed = self.conditions.select(gone.into_iter()).len();
        let suppressed = self.suppressed.checked_add(suppressed as u64);
        self.suppressed = suppressed.ok_or(Bug::invariant())?;
        for found in self.conditions.select(kept.into_iter()) {
            self.bytes.clear();
            found.encode_into(&mut self.bytes)?;
            self.ids.push_keyed(&self.bytes, found.key_len())?;
        }
        Ok(())
    }
}

record! {
    /// Start of an ID on its way into the sorted set.
    struct FoundHead {
        namespace: U16<BigEndian>,
        len: u8,
    }
}

record! {
    /// Attributes of an ID, behind its value.
    struct FoundTail {
        last_day: U32<BigEndian>,
        days_valid: U16<BigEndian>,
        devices: U16<BigEndian>,
        evidence: U16<BigEndian>,
    }
}

/// A digital ID to be released.
#[derive(Clone, PartialEq, Eq)]
struct Found {
    namespace: u16,
    value: Vec<u8>,
    last_day: u32,
    days_valid: u16,
    devices: u16,
    evidence: u16,
}

impl Found {
    /// A [`FoundHead`], the value, a [`FoundTail`]: an ID is named by what stands before the day,
    /// and the newest of one name comes last.
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), Bug> {
        // At most 255 bytes by the canonical form.
        let len = u8::try_from(self.value.len()).map_err(|_| Bug::invariant())?;
        let head = FoundHead { namespace: self.namespace.into(), len };
        let tail = FoundTail {
            last_day: self.last_day.into(),
            days_valid: self.days_valid.into(),
            devices: self.devices.into(),
            evidence: self.evidence.into(),
        };
        [head.bytes(), &self.value, tail.bytes()].into_iter().for_each(|part| out.extend(part));
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = FoundHead::split(bytes)?;
        let (value, rest) = rest.split_at_checked(head.len.into())?;
        let tail = FoundTail::read(rest)?;
        Some(Self {
            namespace: head.namespace.get(),
            value: value.to_vec(),
            last_day: tail.last_day.get(),
            days_valid: tail.days_valid.get(),
            devices: tail.devices.get(),
            evidence: tail.evidence.get(),
        })
    }

    fn key_len(&self) -> usize {
        FoundHead::LEN + self.value.len()
    }

    fn is_same_id(&self, other: &Self) -> bool {
        (self.namespace, &self.value) == (other.namespace, &other.value)
    }

    /// The entry of the IDS stream; attributes are told as of a day, or not at all.
    fn entry(&self, attributes_on: Option<u32>) -> Entry {
        let value = self.value.clone();
        let (namespace, bare) = (self.namespace, (0, 0, 0));
        let (device_class, age_bucket, days_valid) = attributes_on.map_or(bare, |today| {
            (device_class(self.devices), age_bucket(self.last_day, today), self.days_valid)
        });
        Entry { namespace, device_class, age_bucket, days_valid, value }
    }

    fn digital_id(&self, names: &BTreeMap<u16, &str>) -> Option<DigitalId> {
        let kind = DigitalKind::of_namespace(self.namespace)?;
        let value = std::str::from_utf8(&self.value).ok()?;
        DigitalId::parse(kind.name(), names.get(&self.namespace)?, value).ok()
    }
}

/// A digital ID as the delivery file has it.
struct Delivered<'b> {
    kind: &'b str,
    namespace: &'b str,
    value: &'b str,
    found: Found,
}

impl<'b> Delivered<'b> {
    /// The ID by which the file is sorted, a zero, and what was found of it; the length of the ID.
    fn encode(id: &DigitalId, found: &Found, out: &mut Vec<u8>) -> Result<usize, Bug> {
        let key = id.encoded();
        out.clear();
        out.extend(key);
        out.push(0);
        found.encode_into(out)?;
        Ok(key.len())
    }

    fn split(record: &'b [u8]) -> Option<Self> {
        // Types, namespaces and values hold no zero.
        let mut parts = record.splitn(4, |byte| *byte == 0);
        let mut text = || std::str::from_utf8(parts.next()?).ok();
        let (kind, namespace, value) = (text()?, text()?, text()?);
        Some(Self { kind, namespace, value, found: Found::decode(parts.next()?)? })
    }

    /// The row of the delivery file.
    fn row(
        &self,
        number: i64,
        label: &DeliveryLabel<'b>,
        today: u32,
    ) -> Result<[Cell<'b>; COLUMNS.len()], Bug> {
        let Self { kind, namespace, value, found } = self;
        let expires = today.checked_add(found.days_valid.into());
        let expires = expires.and_then(|day| i32::try_from(day).ok()).ok_or(Bug::invariant())?;
        let evidence = EVIDENCE.get(found.evidence.trailing_zeros() as usize);
        Ok([
            Cell::Text(label.run_id),
            Cell::Number(number),
            Cell::Text("add"),
            Cell::Text(label.segment),
            Cell::Text(kind),
            if namespace.is_empty() { Cell::Absent } else { Cell::Text(namespace) },
            Cell::Text(value),
            Cell::Day(expires),
            Cell::Text(name_of(DEVICE_CLASSES, device_class(found.devices))),
            Cell::Text("individual"),
            Cell::Text(name_of(AGE_BUCKETS, age_bucket(found.last_day, today))),
            Cell::Text(evidence.ok_or(Bug::invariant())?),
            Cell::Absent,
            Cell::Absent,
        ])
    }
}

/// Code of a device class on the wire; what was seen as several is unknown.
fn device_class(devices: u16) -> u8 {
    (1..DEVICE_UNKNOWN).find(|code| devices == 1 << (code - 1)).unwrap_or(DEVICE_UNKNOWN)
}

/// Code of the days since an ID was seen on the wire.
const fn age_bucket(last_day: u32, today: u32) -> u8 {
    match today.saturating_sub(last_day) {
        0..=7 => 1,
        8..=30 => 2,
        _ => 3,
    }
}

/// Code of the last of [`DEVICE_CLASSES`].
const DEVICE_UNKNOWN: u8 = 6;
const _: () = assert!(DEVICE_CLASSES.len() == DEVICE_UNKNOWN as usize);
/// By bit, the strongest first.
const EVIDENCE: &[&str] = &["login", "purchase", "loyalty", "email_click", "form", "crm_import"];
const COLUMNS: [TableColumn; 14] = [
    TableColumn::text("run_id"),
    TableColumn::number("seq"),
    TableColumn::text("op"),
    TableColumn::text("segment"),
    TableColumn::text("id_type"),
    TableColumn::text("namespace").optional(),
    TableColumn::text("id_value"),
    TableColumn::day("expires_on"),
    TableColumn::text("device_class"),
    TableColumn::text("level"),
    TableColumn::text("last_seen_bucket"),
    TableColumn::text("evidence"),
    TableColumn::text("group_id").optional(),
    TableColumn::text("consent_ref").optional(),
];
const ENTRIES_AT_ONCE: usize = 4_096;

/// Has every stored file verified again before it is next offered: after one of them could not be
/// read as it was written, though nothing had touched it since.
pub fn verify_anew() {
    crate::table::VERIFIED.forget();
    [&crate::handles::VERIFIED, &crate::VERIFIED, &releases::VERIFIED]
        .into_iter()
        .for_each(store::verified::VerifiedFiles::forget);
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use sha2::{Digest as _, Sha256};

    use crate::bundles::BundleWriter;
    use crate::handles::write_handles;
    use crate::people::write_people;
    use rights::objections::{Mason, Tombstone};
    use store::output::Outputs;
    use store::seal::StorageKey;

    use super::*;
    use crate::people;

    const TODAY: u32 = 20_000;

    #[test]
    fn record_number_is_big_endian() {
        let record = RecordNumber { number: 0x0102_0304_0506_0708.into() };
        assert_eq!(record.bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn found_id_is_namespace_length_value_and_attributes() {
        let id = DigitalId::parse("cookie", "a.example", "value-01").unwrap();
        let found = Found {
            namespace: 0x0102,
            value: b"value-01".to_vec(),
            last_day: 0x0304_0506,
            days_valid: 0x0708,
            devices: 0x090a,
            evidence: 0x0b0c,
        };
        let expected = b"\x01\x02\x08value-01\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c";
        let mut bytes = Vec::new();
        found.encode_into(&mut bytes).unwrap();
        assert_eq!(bytes, expected);
        assert_eq!(found.key_len(), b"\x01\x02\x08value-01".len());
        assert!(Found::decode(&bytes) == Some(found.clone()));
        assert!((0..bytes.len()).all(|len| Found::decode(&bytes[..len]).is_none()));
        bytes.push(0);
        assert!(Found::decode(&bytes).is_none());
        // In the delivery file's order it stands behind the ID in clear.
        let key_len = Delivered::encode(&id, &found, &mut bytes).unwrap();
        assert_eq!(bytes, [&b"cookie\0a.example\0value-01\0"[..], expected].concat());
        assert_eq!(&bytes[..key_len], b"cookie\0a.example\0value-01");
        let delivered = Delivered::split(&bytes).unwrap();
        let Delivered { kind, namespace, value, .. } = delivered;
        assert_eq!((kind, namespace, value), ("cookie", "a.example", "value-01"));
        assert!(delivered.found == found);
    }

    #[test]
    fn device_class_is_the_one_device_or_unknown() {
        for (devices, class) in
            [(0, 6), (1, 1), (2, 2), (16, 5), (32, 6), (64, 6), (3, 6), (1 << 15, 6)]
        {
            assert_eq!(device_class(devices), class, "{devices}");
        }
    }

    struct World {
        dir: tempfile::TempDir,
        key: StorageKey,
        workspace: Workspace,
        releases: Releases,
        late: Objections,
    }

    fn cookie(value: &str, days_ago: u32) -> BundleId {
        BundleId {
            id: DigitalId::parse("cookie", "a.example", value).unwrap(),
            last_day: TODAY - days_ago,
            devices: 0b10,
            evidence: 0b1001,
        }
    }

    fn conditions() -> ReleaseConditions {
        ReleaseConditions {
            namespaces: BTreeMap::from([("aaid".into(), 2), ("a.example".into(), 0x0100)]),
            ids_per_record_max: 3,
            ids_valid_days: 30,
            filter: LinkFilter::DEFAULT,
            own_expiry: false,
            today: TODAY,
        }
    }

    impl World {
        /// Records 0, 1, … with these digital IDs; handle `[n; 16]` names record `n`, and handle
        /// `[100 + n; 16]` too.
        fn new(records: &[Vec<BundleId>]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let key = StorageKey::from_bytes([1; 32]);
            let work = dir.path().join("work");
            let mut bundles = BundleWriter::create(dir.path(), &key).unwrap();
            let mut people = Sorter::new(&work, 1 << 16).unwrap();
            let mut handles = Sorter::new(&work, 1 << 16).unwrap();
            for (record, ids) in records.iter().enumerate() {
                let name = record as u8;
                bundles
                    .push(&Bundle {
                        record: record as u64,
                        fingerprint: Fingerprint([name; 16]),
                        // Records 0 and 1 are one person's, 2 and 3 another's, and so on.
                        person: [name / 2; 16],
                        ids: ids.clone(),
                    })
                    .unwrap();
                let (tombstone, person) = ([name; 16], [name / 2; 16]);
                people.push(&people::Entry { tombstone, person }).unwrap();
                for handle in [[name; 16], [100 + name; 16]] {
                    let entry = HandleEntry { handle, record: (record as u64).into() };
                    handles.push(&entry).unwrap();
                }
            }
            bundles.finish().unwrap();
            write_people(people, dir.path(), &key).unwrap();
            let index = dir.path().join("handles");
            write_handles(handles.finish().unwrap(), &index, &key).unwrap();
            Self {
                releases: Releases::at(dir.path().join("releases"), &key),
                late: Objections::none(&key).unwrap(),
                workspace: Workspace { directory: work, memory_bytes: 1 << 16 },
                key,
                dir,
            }
        }

        fn look_up(
            &self,
            handles: &[u8],
            conditions: &ReleaseConditions,
        ) -> (Resolution, Resolved) {
            let mut sorter = Sorter::new(&self.workspace.directory, 1 << 16).unwrap();
            for handle in handles {
                sorter.push(&[*handle; 16]).unwrap();
            }
            let mut bundles = StoredBundles::open(self.dir.path(), &self.key).unwrap();
            let source = ReleaseSource {
                handles: StoredHandles::open(&self.dir.path().join("handles"), &self.key).unwrap(),
                bundles: &mut bundles,
                people: StoredPeople::open(self.dir.path(), &self.key).unwrap(),
                late: &self.late,
                earlier: &self.releases,
                workspace: &self.workspace,
                now: 1_000,
            };
            Resolved::look_up(sorter.finish().unwrap(), source, conditions).unwrap()
        }

        fn entries(
            &self,
            resolved: &mut Resolved,
            conditions: &ReleaseConditions,
            attributes: bool,
        ) -> Vec<Entry> {
            let mut entries = resolved.entries(conditions, attributes, &self.workspace).unwrap();
            let (batch, last) = entries.next_batch().unwrap();
            assert!(last);
            let bytes = |entry: &Entry| {
                let mut bytes = Vec::new();
                entry.encode_into(&mut bytes).unwrap();
                bytes
            };
            assert!(batch.is_sorted_by(|a, b| bytes(a) < bytes(b)));
            batch
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }
    }

    fn values_of(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| std::str::from_utf8(&entry.value).unwrap()).collect()
    }

    #[test]
    fn handles_name_distinct_records_and_unknown_ones_are_counted() {
        let world = World::new(&[vec![cookie("value-a0", 1)], vec![cookie("value-b0", 1)], vec![]]);
        let (resolution, _) = world.look_up(&[0, 1, 50, 100, 101, 250], &conditions());
        assert_eq!((resolution.handles_known, resolution.handles_unknown), (4, 2));
        assert_eq!((resolution.records, resolution.nearest_release), (2, None));
        let (none, mut resolved) = world.look_up(&[], &conditions());
        assert_eq!((none.handles_known, none.records), (0, 0));
        assert!(world.entries(&mut resolved, &conditions(), false).is_empty());
    }

    #[test]
    fn only_ids_that_the_terms_allow_are_released_and_each_once() {
        let other = BundleId {
            id: DigitalId::parse("cookie", "b.example", "value-x0").unwrap(),
            ..cookie("unused-0", 1)
        };
        let imported = BundleId { evidence: 1 << 5, ..cookie("imported", 1) };
        let first = vec![
            cookie("value-a1", 1),
            cookie("value-a2", 2),
            cookie("value-a3", 3),
            cookie("value-a4", 4),
            other,
            imported,
        ];
        // Seen 60 days ago it lasts 30 more days, at 61 it does not.
        let second = vec![cookie("value-a1", 9), cookie("lasts-30", 60), cookie("lasts-29", 61)];
        let world = World::new(&[first, second]);
        let (_, mut resolved) = world.look_up(&[0, 1], &conditions());
        let entries = world.entries(&mut resolved, &conditions(), false);
        assert_eq!(values_of(&entries), ["lasts-30", "value-a1", "value-a2", "value-a3"]);
        assert!(entries.iter().all(|entry| entry.namespace == 0x0100 && !entry.has_attributes()));
        let own = ReleaseConditions { own_expiry: true, ids_per_record_max: 64, ..conditions() };
        let (_, mut resolved) = world.look_up(&[0, 1], &own);
        let entries = world.entries(&mut resolved, &own, true);
        // An ID of two records is told once, as it was seen last.
        assert_eq!(entries.len(), 6);
        let told = entries.iter().find(|entry| entry.value == b"value-a1").unwrap();
        assert_eq!((told.device_class, told.age_bucket, told.days_valid), (2, 1, 30));
        let told = entries.iter().find(|entry| entry.value == b"lasts-29").unwrap();
        assert_eq!((told.age_bucket, told.days_valid), (3, 29));
    }

    #[test]
    fn entries_come_in_batches_of_which_the_last_is_known() {
        let records: Vec<Vec<BundleId>> = (0..65)
            .map(|record| (0..64).map(|id| cookie(&format!("v-{record:03}-{id:03}"), 1)).collect())
            .collect();
        let world = World::new(&records);
        let all = ReleaseConditions { ids_per_record_max: 64, ..conditions() };
        let handles: Vec<u8> = (0..65).collect();
        let (_, mut resolved) = world.look_up(&handles, &all);
        let mut entries = resolved.entries(&all, false, &world.workspace).unwrap();
        let (first, last) = entries.next_batch().unwrap();
        assert_eq!((first.len(), last), (ENTRIES_AT_ONCE, false));
        let (second, last) = entries.next_batch().unwrap();
        assert_eq!((second.len(), last), (65 * 64 - ENTRIES_AT_ONCE, true));
    }

    #[test]
    fn late_objections_are_left_out_and_counted() {
        let mut world = World::new(&[
            vec![cookie("value-a0", 1), cookie("value-a1", 200)],
            vec![cookie("value-b0", 1)],
            vec![cookie("value-c0", 1), cookie("value-c1", 1)],
        ]);
        let mason = Mason::new(&world.key).unwrap();
        let device = mason.digital_id(&cookie("value-c1", 1).id);
        world.late = Objections::of(&world.key, &[Tombstone([0; 16]), device]).unwrap();
        // Record 1 is of the person behind record 0, who did not even match.
        let (resolution, mut resolved) = world.look_up(&[1, 2], &conditions());
        assert_eq!((resolution.records, resolution.ids_suppressed), (2, 2));
        assert_eq!(values_of(&world.entries(&mut resolved, &conditions(), false)), ["value-c0"]);
        // What would not have been released anyway was not suppressed.
        let (resolution, _) = world.look_up(&[0], &conditions());
        assert_eq!((resolution.records, resolution.ids_suppressed), (1, 1));
    }

    #[test]
    fn release_is_compared_with_the_last_ones() {
        let ids = |name: &str| vec![cookie(name, 1)];
        let world = World::new(&[ids("value-a0"), ids("value-b0"), ids("value-c0")]);
        let (_, mut resolved) = world.look_up(&[0, 1], &conditions());
        resolved.record(&world.releases, &[9; 32], 1_000, 2_000).unwrap();
        assert_eq!(world.look_up(&[0, 1], &conditions()).0.nearest_release, None);
        assert_eq!(world.look_up(&[0, 2], &conditions()).0.nearest_release, Some(2));
    }

    #[test]
    fn whatever_a_graph_may_hold_is_in_the_file_and_in_the_entries() {
        let long = "~".repeat(255);
        let values = ["=cmd|'/c'!A1", "+3312345678", "-12345678", "@12345678", "a\"b,c;d|", &long];
        let ids = values.map(|value| cookie(value, 1)).to_vec();
        let world = World::new(&[ids]);
        let all = ReleaseConditions { ids_per_record_max: 64, ..conditions() };
        let (_, mut resolved) = world.look_up(&[0], &all);
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let entries = world.entries(&mut resolved, &all, false);
        let mut told = values_of(&entries);
        told.sort_unstable();
        assert_eq!(told, sorted);
        let path = world.path("delivery.csv");
        let output = Outputs::new(false).claim(&path).unwrap();
        let label = DeliveryLabel { run_id: "r-1", segment: "S1" };
        resolved.write_delivery(&output, &label, &all, &world.workspace).unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let written: Vec<String> = reader.records().map(|row| row.unwrap()[6].to_owned()).collect();
        assert_eq!(written, sorted);
    }

    #[test]
    fn delivery_file_is_ordered_by_value_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let aaid = BundleId {
            id: DigitalId::parse("aaid", "", "6d92078a-8246-4ba4-ae5b-76104861e7dc").unwrap(),
            evidence: 0b1000,
            devices: 0b11,
            ..cookie("unused-0", 20)
        };
        let world = World::new(&[vec![cookie("value-b0", 80), aaid], vec![cookie("value-a0", 0)]]);
        let own = ReleaseConditions { own_expiry: true, ..conditions() };
        let (_, mut resolved) = world.look_up(&[0, 1], &own);
        let label = DeliveryLabel { run_id: "r-1", segment: "S1" };
        let path = world.path("delivery.csv");
        let output = Outputs::new(false).claim(&path).unwrap();
        let file = resolved.write_delivery(&output, &label, &own, &world.workspace).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "run_id,seq,op,segment,id_type,namespace,id_value,expires_on,device_class,\
                        level,last_seen_bucket,evidence,group_id,consent_ref\n\
                        r-1,1,add,S1,aaid,,6d92078a-8246-4ba4-ae5b-76104861e7dc,2024-11-03,\
                        unknown,individual,8-30,email_click,,\n\
                        r-1,2,add,S1,cookie,a.example,value-a0,2024-11-03,tablet,individual,0-7,\
                        login,,\n\
                        r-1,3,add,S1,cookie,a.example,value-b0,2024-10-14,tablet,individual,31-90,\
                        login,,\n";
        assert_eq!(text, expected);
        assert_eq!(file.rows, 3);
        assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&text)));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
