use std::collections::BTreeSet;
use std::path::PathBuf;

use classes::ClassFile;
use protocol::seed::KeySeed;
use rights::objections::{Mason, Objections, Tombstone};
use sha2::{Digest as _, Sha256};
use store::output::Outputs;
use store::seal::StorageKey;
use store::spill::Sorter;

use super::*;
use crate::bundles::{Bundle, BundleId, BundleWriter, StoredBundles};
use crate::handles::{HandleEntry, StoredHandles, write_handles};
use crate::people::StoredPeople;
use crate::persons::StoredPersons;
use crate::ties::{Held, Joined, Place, Tie};

const TODAY: u32 = 20_000;
/// Records enough for K persons to be released, however many wait.
const RECORDS: usize = 260;
const K: usize = 100;

#[test]
fn found_id_is_namespace_length_value_and_attributes() {
    let id = DigitalId::parse("cookie", "a.example", "value-01").unwrap();
    let found = Found {
        namespace: 0x0102,
        value: b"value-01",
        attributes: Attributes { device_class: 3, age_bucket: 4, days_valid: 0x0708 },
        evidence: 0x0b0c,
    };
    let expected = b"\x01\x02\x08value-01\x03\x04\x07\x08\x0b\x0c";
    let mut bytes = Vec::new();
    found.encode_into(&mut bytes).unwrap();
    assert_eq!(bytes, expected);
    assert!(Found::decode(&bytes) == Some(found));
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
    history: History,
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

fn rule() -> Rule {
    Rule {
        group_min: K as u32,
        drop_delay: 14,
        objection_cover: 20,
        forget_after: 90,
        ids_max: 100_000,
        covered: true,
    }
}

/// Bytes of a handle that names a record, or none.
fn handle(number: usize) -> [u8; 16] {
    (number as u128).to_be_bytes()
}

impl World {
    /// Records 0, 1, … with these digital IDs; handle `n` names record `n`, and handle `1,000 + n`
    /// too.
    fn new(records: &[Vec<BundleId>]) -> Self {
        Self::with(records, &[])
    }

    /// The same, and what lines that are not published say.
    fn with(records: &[Vec<BundleId>], unpublished: &[Tie]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        let work = dir.path().join("work");
        let workspace = Workspace { directory: work.clone(), memory_bytes: 1 << 16 };
        let mut bundles = BundleWriter::create(dir.path(), &key).unwrap();
        let place = Place { directory: dir.path(), key: &key, workspace: &workspace };
        let (mut ties, mut held) = (place.sorter().unwrap(), place.sorter().unwrap());
        let mason = Mason::new(&key).unwrap();
        let mut handles = Sorter::new(&work, 1 << 16).unwrap();
        for (record, ids) in records.iter().enumerate() {
            let (holder, number) = (handle(record), record as u64);
            bundles.push(&Bundle { record: number, ids: ids.clone() }).unwrap();
            ties.push(&Tie { holder, kind: Tie::PERSONAL, mark: holder }).unwrap();
            for one in ids {
                let mark = mason.digital_id(&one.id).0;
                ties.push(&Tie { holder, kind: Tie::DIGITAL_ID, mark }).unwrap();
            }
            held.push(&Held { holder, record: u32::try_from(record).unwrap().into() }).unwrap();
            for handle in [handle(record), handle(1_000 + record)] {
                handles.push(&HandleEntry { handle, record: number.into() }).unwrap();
            }
        }
        bundles.finish().unwrap();
        ties.extend(unpublished).unwrap();
        let joined = Joined::of(ties, &BTreeSet::new(), place).unwrap();
        joined.write_persons(held, place).unwrap();
        let index = dir.path().join("handles");
        write_handles(handles.finish().unwrap(), &index, &key).unwrap();
        let group = dir.path().join("group");
        std::fs::create_dir(&group).unwrap();
        Self {
            history: History::at(group, &[], &key),
            late: Objections::none(&key).unwrap(),
            workspace,
            key,
            dir,
        }
    }

    fn source<'a>(
        &'a self,
        bundles: &'a mut StoredBundles,
        names: &'a [u8; 32],
    ) -> ReleaseSource<'a> {
        ReleaseSource {
            handles: StoredHandles::open(&self.dir.path().join("handles"), &self.key).unwrap(),
            bundles,
            persons: StoredPersons::open(self.dir.path(), &self.key).unwrap(),
            people: StoredPeople::open(self.dir.path(), &self.key).unwrap(),
            late: &self.late,
            names,
            workspace: &self.workspace,
        }
    }

    fn look_up(
        &self,
        handles: impl IntoIterator<Item = usize>,
        conditions: &ReleaseConditions,
        released: &ClassFile,
    ) -> (LookedUp, Candidates) {
        let mut sorter = Sorter::new(&self.workspace.directory, 1 << 16).unwrap();
        handles.into_iter().for_each(|number| sorter.push(&handle(number)).unwrap());
        let mut bundles = StoredBundles::open(self.dir.path(), &self.key).unwrap();
        let names = self.history.names().unwrap();
        let source = self.source(&mut bundles, &names);
        Candidates::look_up(sorter.finish().unwrap(), source, conditions, released).unwrap()
    }

    /// Releases for handles in the session of a number, and has it on disk.
    fn release(
        &self,
        handles: impl IntoIterator<Item = usize>,
        conditions: &ReleaseConditions,
        (sid, attributes): (u8, bool),
    ) -> Counts {
        let before = self.history.read().unwrap();
        let (_, candidates) = self.look_up(handles, conditions, &before.file);
        let sid = [sid; 32];
        let key = KeySeed::from_bytes(sid).key_derivation(&[0; 16], &sid, &sid);
        let session = ReleaseSession { sid: &sid, key: &key, epsilon_milli: 0, attributes };
        let workspace = &self.workspace;
        let mut decided =
            Decided::on(candidates, &before, &rule(), conditions, session, workspace).unwrap();
        decided.write_bag(&self.history, &sid).unwrap();
        self.history.write(&decided.releases).unwrap();
        assert_eq!(self.history.read().unwrap(), decided.releases);
        decided.counts
    }

    fn entries(&self, (sid, attributes): (u8, bool)) -> Vec<Entry> {
        let bag = Bag { history: &self.history, sid: &[sid; 32] };
        let mut entries = bag.entries(attributes, &self.workspace).unwrap();
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

/// Records with one cookie each, `value-000` and so on.
fn plain() -> Vec<Vec<BundleId>> {
    (0..RECORDS).map(|record| vec![cookie(&format!("value-{record:03}"), 1)]).collect()
}

#[test]
fn handles_name_distinct_records_and_unknown_ones_are_counted() {
    let world = World::new(&plain());
    let none = ClassFile::default();
    let (counts, candidates) =
        world.look_up([0, 1, 50, 1_000, 1_001, 5_000, 6_000], &conditions(), &none);
    assert_eq!((counts.handles_known, counts.handles_unknown, counts.records), (5, 2, 3));
    assert_eq!(candidates.sightings.len(), 3);
    let (counts, candidates) = world.look_up([], &conditions(), &none);
    assert_eq!((counts.handles_known, counts.records, candidates.sightings.len()), (0, 0, 0));
}

#[test]
fn only_digital_ids_under_the_conditions_are_live_and_each_once() {
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
    let live = |conditions: &ReleaseConditions| {
        let (_, mut candidates) = world.look_up([0, 1], conditions, &ClassFile::default());
        let mut live = Vec::new();
        candidates
            .for_each(|sighting, seen| {
                // Both records share a digital ID.
                assert_eq!((sighting.person, sighting.wanted), (0, true));
                let seen = seen.unwrap();
                live.push((String::from_utf8(seen.value.to_vec()).unwrap(), seen.last_day));
                Ok(())
            })
            .unwrap();
        live.sort();
        live
    };
    let of = |value: &str, days_ago| (value.to_owned(), TODAY - days_ago);
    // An ID of two records is told once, as it was seen last.
    let shared = [of("lasts-30", 60), of("value-a1", 1), of("value-a2", 2), of("value-a3", 3)];
    assert_eq!(live(&conditions()), shared);
    let own = ReleaseConditions { own_expiry: true, ids_per_record_max: 64, ..conditions() };
    let mut all = shared.to_vec();
    all.extend([of("lasts-29", 61), of("value-a4", 4)]);
    all.sort();
    assert_eq!(live(&own), all);
}

#[test]
fn a_bag_is_of_the_group_s_conditions_and_the_same_for_the_same_list() {
    let world = World::new(&plain());
    let counts = world.release(0..RECORDS, &conditions(), (1, false));
    let first = world.entries((1, false));
    assert_eq!(counts.delivered as usize, first.len());
    assert_eq!(counts.held as usize, RECORDS - first.len());
    assert!(first.len() >= RECORDS - 110);
    assert!(first.iter().all(|entry| entry.namespace == 0x0100 && !entry.has_attributes()));
    // One row less: the person stays with the class. Half of them: the other half leaves.
    world.release(1..RECORDS, &conditions(), (2, false));
    assert!(world.entries((2, false)) == first);
    let half = world.release(0..RECORDS / 2, &conditions(), (3, false));
    assert!(half.delivered == 0 || half.delivered as usize >= K);
    world.release(0..RECORDS, &conditions(), (4, false));
    assert!(world.entries((4, false)) == first);
    world.history.forget_bag(&[4; 32]).unwrap();
    world.history.forget_bag(&[4; 32]).unwrap();
    let bag = Bag { history: &world.history, sid: &[4; 32] };
    assert!(bag.entries(false, &world.workspace).is_err());
}

#[test]
fn entries_come_in_batches_of_which_the_last_is_known() {
    let records: Vec<Vec<BundleId>> = (0..RECORDS)
        .map(|record| (0..40).map(|id| cookie(&format!("v-{record:03}-{id:03}"), 1)).collect())
        .collect();
    let world = World::new(&records);
    let all = ReleaseConditions { ids_per_record_max: 64, ..conditions() };
    let counts = world.release(0..RECORDS, &all, (1, false));
    let bag = Bag { history: &world.history, sid: &[1; 32] };
    let mut entries = bag.entries(false, &world.workspace).unwrap();
    let (mut ids, mut ended) = (0, false);
    while !ended {
        let (batch, last) = entries.next_batch().unwrap();
        assert!(batch.len() == ENTRIES_AT_ONCE || last);
        ids += batch.len();
        ended = last;
    }
    assert_eq!(ids as u64, 40 * counts.delivered);
}

#[test]
fn late_objections_are_left_out_at_once() {
    let mut world = World::new(&plain());
    world.release(0..RECORDS, &conditions(), (1, false));
    let first = world.entries((1, false));
    let mason = Mason::new(&world.key).unwrap();
    let device = mason.digital_id(&cookie("value-007", 1).id);
    world.late = Objections::of(&world.key, &[Tombstone(handle(3)), device]).unwrap();
    world.release(0..RECORDS, &conditions(), (2, false));
    let left = world.entries((2, false));
    let mut expected = values_of(&first);
    expected.retain(|value| !["value-003", "value-007"].contains(value));
    assert_eq!(values_of(&left), expected);
    // The objection is not forgotten with its tombstone.
    world.late = Objections::none(&world.key).unwrap();
    world.release(0..RECORDS, &conditions(), (3, false));
    assert_eq!(values_of(&world.entries((3, false))), expected);
}

/// Its holder has no record: a line says so that is not published.
#[test]
fn digital_id_of_somebody_who_objected_is_delivered_through_nobody() {
    let mut records = plain();
    records[8].push(cookie("value-008-too", 1));
    let holder = handle(900);
    let own = Tie { holder, kind: Tie::PERSONAL, mark: holder };
    let mason = Mason::new(&StorageKey::from_bytes([1; 32])).unwrap();
    let mark = mason.digital_id(&cookie("value-008", 1).id).0;
    let mut world = World::with(&records, &[own, Tie { holder, kind: Tie::DIGITAL_ID, mark }]);
    world.release(0..RECORDS, &conditions(), (1, false));
    let first = world.entries((1, false));
    let late = world.late;
    world.late = Objections::of(&world.key, &[Tombstone(handle(900))]).unwrap();
    world.release(0..RECORDS, &conditions(), (2, false));
    let mut expected = values_of(&first);
    expected.retain(|value| *value != "value-008");
    assert_eq!(values_of(&world.entries((2, false))), expected);
    world.late = late;
    world.release(0..RECORDS, &conditions(), (3, false));
    assert_eq!(values_of(&world.entries((3, false))), expected);
}

#[test]
fn departures_name_every_digital_id_of_the_subjects() {
    // Record 4 and record 200 have an address together, record 5 has a device of record 3.
    let mut records = plain();
    records[5].push(cookie("value-003", 1));
    let same = Tie { holder: handle(200), kind: Tie::PERSONAL, mark: handle(4) };
    let world = World::with(&records, &[same]);
    world.release(0..RECORDS, &conditions(), (1, false));
    let first = world.entries((1, false));
    let mut sorter = Sorter::new(&world.workspace.directory, 1 << 16).unwrap();
    (0..5).for_each(|number| sorter.push(&handle(number)).unwrap());
    let mut bundles = StoredBundles::open(world.dir.path(), &world.key).unwrap();
    let names = world.history.names().unwrap();
    let source = world.source(&mut bundles, &names);
    let (counts, departing) = departing(sorter.finish().unwrap(), source).unwrap();
    let gone = ["value-000", "value-001", "value-002", "value-003", "value-004", "value-200"];
    let name = |value: &str| protocol::release::class_id(&names, "a.example", value.as_bytes());
    let mut expected = gone.map(|value| classes::ClassId(name(value).unwrap()));
    expected.sort_unstable();
    assert_eq!((counts.records, &departing[..]), (5, &expected[..]));
    let mut releases = world.history.read().unwrap();
    let marked = releases.file.depart(departing).unwrap().marked;
    world.history.write(&releases).unwrap();
    world.release(5..RECORDS, &conditions(), (2, false));
    let left = world.entries((2, false));
    // One who leaves may own another digital ID, by the device; 20 persons leave.
    assert!(marked >= 1 && (20..=22).contains(&(first.len() - left.len())));
    assert!(values_of(&left).iter().all(|value| !gone.contains(value)));
}

#[test]
fn attributes_of_few_persons_are_unknown() {
    let mut records = plain();
    for (record, ids) in records.iter_mut().enumerate() {
        ids[0].devices = if record < 20 { 1 } else { 2 };
        ids[0].last_day = TODAY - if record % 2 == 0 { 1 } else { 9 };
    }
    let world = World::new(&records);
    let own = ReleaseConditions { own_expiry: true, ..conditions() };
    world.release(0..RECORDS, &own, (1, true));
    let entries = world.entries((1, true));
    let count = |is: &dyn Fn(&Entry) -> bool| entries.iter().filter(|entry| is(entry)).count();
    assert_eq!(count(&|entry| entry.device_class == 1), 0);
    assert!(entries.iter().all(|entry| entry.days_valid == 30));
    for value in 0..=6 {
        let of = [
            count(&|entry| entry.device_class == value),
            count(&|entry| entry.age_bucket == value),
        ];
        assert!(of.iter().all(|count| *count == 0 || *count >= K), "{value}: {of:?}");
    }
    // Without attributes nothing is told.
    world.release(0..RECORDS, &own, (2, false));
    assert!(world.entries((2, false)).iter().all(|entry| !entry.has_attributes()));
}

#[test]
fn whatever_a_graph_may_hold_is_in_the_file_and_in_the_entries() {
    let long = "~".repeat(255);
    let values = ["=cmd|'/c'!A1", "+3312345678", "-12345678", "@12345678", "a\"b,c;d|", &long];
    let mut records = plain();
    // In the first record and in every other one: somebody of them does not wait.
    records
        .iter_mut()
        .step_by(2)
        .for_each(|ids| *ids = values.map(|value| cookie(value, 1)).into());
    let all = ReleaseConditions { ids_per_record_max: 64, ..conditions() };
    // The records that share are one person's: as many others are needed.
    records.extend((0..RECORDS).map(|record| vec![cookie(&format!("other-{record:03}"), 1)]));
    let world = World::new(&records);
    world.release(0..records.len(), &all, (1, false));
    let entries = world.entries((1, false));
    let told: Vec<&str> =
        values_of(&entries).into_iter().filter(|value| values.contains(value)).collect();
    let path = world.path("delivery.csv");
    let output = Outputs::new(false).claim(&path).unwrap();
    let label = DeliveryLabel { run_id: "r-1", segment: "S1" };
    let bag = Bag { history: &world.history, sid: &[1; 32] };
    bag.write_delivery(&output, &label, &all, &world.workspace).unwrap();
    let mut reader = csv::Reader::from_path(&path).unwrap();
    let written: Vec<String> = reader.records().map(|row| row.unwrap()[6].to_owned()).collect();
    let mut sorted = values_of(&entries);
    sorted.sort_unstable();
    assert_eq!(written, sorted);
    // The one person with all of them waits or does not.
    assert!(told.is_empty() || told.len() == values.len());
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
    let mut records = plain();
    records.iter_mut().for_each(|ids| ids[0].last_day = TODAY - 80);
    records.iter_mut().take(RECORDS / 2).for_each(|ids| ids[0].last_day = TODAY);
    records[7].push(aaid);
    let world = World::new(&records);
    let own = ReleaseConditions { own_expiry: true, ..conditions() };
    let counts = world.release(0..RECORDS, &own, (1, false));
    let label = DeliveryLabel { run_id: "r-1", segment: "S1" };
    let path = world.path("delivery.csv");
    let output = Outputs::new(false).claim(&path).unwrap();
    let bag = Bag { history: &world.history, sid: &[1; 32] };
    let file = bag.write_delivery(&output, &label, &own, &world.workspace).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let header = "run_id,seq,op,segment,id_type,namespace,id_value,expires_on,device_class,\
                  level,last_seen_bucket,evidence,group_id,consent_ref";
    assert_eq!(lines.next(), Some(header));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let rest = match cells[6] {
            "6d92078a-8246-4ba4-ae5b-76104861e7dc" => {
                assert_eq!(cells[4..6], ["aaid", ""]);
                "2024-11-03,unknown,individual,8-30,email_click,,"
            }
            value if value < "value-130" => "2024-11-03,tablet,individual,0-7,login,,",
            _ => "2024-10-14,tablet,individual,31-90,login,,",
        };
        assert_eq!(cells[7..].join(","), rest);
        assert_eq!((cells[0], cells[2], cells[3]), ("r-1", "add", "S1"));
    }
    assert!(file.rows == counts.delivered || file.rows == counts.delivered + 1);
    assert_eq!(file.sha256, <[u8; 32]>::from(Sha256::digest(&text)));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
