//! The provider's graph, flat form: scan, digest, group by persona, resolve conflicts, commit.
//!
//! A record is a persona. An identifier found under two persons names nobody and is not published;
//! a persona without a live digital ID is not published either, nor is any of a person who
//! objected, nor a digital ID that such a person has with others. What consent strings allow, and
//! link rules, are judged by later versions: a file that carries the consent columns publishes only
//! lines whose evidence has the form of its scheme, a file without them is published on the
//! provider's own word.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use protocol::commitment::{SnapshotCommitter, SnapshotLeaf, SnapshotRoot, identifier_from_parts};
use protocol::error::Bug;
use protocol::purpose::Purpose;
use protocol::seed::SnapshotSeed;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bundles::{BUNDLES, Bundle, BundleId, BundleWriter, StoredBundles};
use crate::people::{PEOPLE, SHARED, StoredPeople};
use crate::persons::{PERSONS, StoredPersons, by_identifiers};
use crate::ties::{Held, Joined, Place, Reach};
use normalize::Normalizer;
use normalize::digital::DigitalId;
use protocol::group::BatchArithmetic;
use rights::objections::Objections;
use store::os as world;
use store::record::{BigEndian, U16, U32, U64, record};
use store::seal::{self, StorageKey};
use store::sealed::LEAVES_AT_ONCE;
use store::sealed::{SealedFile, SealedOut, verify_sealed};
use store::spill::Workspace;
use store::spill::{Sorter, VarSorter};
use store::verified::VerifiedFiles;
use tabular::tally::add;
use tabular::tally::add_all;
use tabular::{Input, Step, Watched};

pub mod bundles;
mod error;
#[cfg(test)]
mod evidence;
pub mod handles;
mod lines;
#[cfg(test)]
mod mapped;
pub mod people;
pub mod persons;
pub mod release;
pub mod table;
mod ties;

pub use error::GraphError;
pub use lines::SCHEMA;

use self::lines::{EVIDENCE_LOGIN, Identifier, Kept, Scanned, SortedLine, scan};

/// Knowledge that the scan of a graph file needs.
pub struct GraphRules<'a> {
    /// Rules that turn values into digests.
    pub normalizer: &'a Normalizer,
    /// Objections, whose persons are left out.
    pub objections: &'a Objections,
    /// Arithmetic that hashes leaves.
    pub arithmetic: &'a dyn BatchArithmetic,
    /// Unix time: a later date is no evidence.
    pub now: u64,
    /// Watch over the work.
    pub watched: &'a Watched,
    /// Digest of the map of the files, if there is one; kept with the snapshot.
    pub map: Option<[u8; 32]>,
}

/// Counts of a file's lines, by what became of them; no value of any line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GraphCounts {
    /// Lines in the file.
    pub lines_read: u64,
    /// Lines left out, by reason.
    pub lines_dropped: BTreeMap<String, u64>,
    /// The numbers of the first lines left out for each reason.
    #[serde(default)]
    pub first_dropped: BTreeMap<String, Vec<u64>>,
    /// Lines kept, by the scheme of their consent; none where the file has no such columns.
    #[serde(default)]
    pub consent: BTreeMap<String, u64>,
    /// Personas in the file.
    pub personas: u64,
    /// Personas published.
    pub records: u64,
    /// Personas not published, by reason.
    pub personas_dropped: BTreeMap<String, u64>,
    /// Identifiers published.
    pub identifiers: u64,
    /// Identifiers of a household among these: in no table of individuals.
    #[serde(default)]
    pub household: u64,
    /// Identifiers under two persons, hence not published.
    pub identifier_conflicts: u64,
    /// Values by reason code.
    pub identifiers_rejected: BTreeMap<String, u64>,
    /// Digital IDs kept.
    pub digital_ids: u64,
    /// Identifiers and digital IDs left out because their persona has too many.
    pub surplus: u64,
    /// Digital IDs of personas left out because somebody who objected has them too.
    #[serde(default)]
    pub ids_objected: u64,
    /// Persons who have 1, 2, … identifiers published, in the last place those with more.
    #[serde(default)]
    pub persons_by_identifiers: Vec<u64>,
    /// References of the largest subject, all of which one objection takes out.
    #[serde(default)]
    pub largest_subject: u64,
    /// Cells that count as absent, by reason.
    #[serde(default)]
    pub warnings: BTreeMap<String, u64>,
}

/// Takes the reason for each line and value that is left out, for the owner of the files.
pub trait LineReasons {
    /// Notes one reason; `column` is empty for a reason of the whole line.
    ///
    /// # Errors
    ///
    /// An error ends the scan.
    fn note(&mut self, source: &str, line: u64, column: &str, reason: &str) -> std::io::Result<()>;
}

impl GraphCounts {
    /// Number of persons of whom more identifiers are published than noise of this unit is made
    /// for: their privacy loss is proportionally larger.
    #[must_use]
    pub fn persons_above(&self, noise_unit: u8) -> u64 {
        self.persons_by_identifiers.iter().skip(noise_unit.into()).sum()
    }

    /// Adds what the scan of further lines counted.
    fn absorb(&mut self, other: Self) {
        self.lines_read += other.lines_read;
        self.surplus += other.surplus;
        add_all(&mut self.warnings, other.warnings);
        add_all(&mut self.lines_dropped, other.lines_dropped);
        add_all(&mut self.identifiers_rejected, other.identifiers_rejected);
        add_all(&mut self.consent, other.consent);
        for (reason, numbers) in other.first_dropped {
            numbers.into_iter().for_each(|number| self.note_dropped(&reason, number));
        }
    }

    /// Counts a line that is left out; its number, if it is that of one file alone.
    fn drop_line(&mut self, reason: &str, number: Option<u64>) {
        add(&mut self.lines_dropped, reason);
        if let Some(number) = number {
            self.note_dropped(reason, number);
        }
    }

    fn note_dropped(&mut self, reason: &str, number: u64) {
        if !self.first_dropped.contains_key(reason) {
            self.first_dropped.insert(reason.to_owned(), Vec::new());
        }
        let first = self.first_dropped.get_mut(reason);
        if let Some(first) = first.filter(|first| first.len() < FIRST_DROPPED) {
            first.push(number);
        }
    }

    /// Counts what is worth counting of a line that is kept.
    fn keep(&mut self, kept: &Kept) {
        for (_, code) in &kept.rejected {
            add(&mut self.identifiers_rejected, code);
        }
        for (_, code) in &kept.warnings {
            add(&mut self.warnings, code);
        }
        if let Some(scheme) = kept.scheme {
            add(&mut self.consent, scheme.name());
        }
    }

    /// Reason why lines, personas and values were left out, the most frequent reason first.
    fn reasons(&self) -> Vec<(String, u64)> {
        let all = [&self.lines_dropped, &self.personas_dropped, &self.identifiers_rejected];
        let mut reasons: Vec<(String, u64)> =
            all.into_iter().flatten().map(|(reason, count)| (reason.clone(), *count)).collect();
        reasons.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        reasons
    }
}

/// One day's data, kept sealed in a directory of its own.
#[derive(Debug)]
pub struct StoredSnapshot {
    directory: PathBuf,
    key: StorageKey,
    meta: Meta,
}

impl StoredSnapshot {
    /// Reads graph files and keeps them as the snapshot in `directory`, which is created. `reasons`
    /// gets one note for each line and value that is left out.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; a file that cannot be used is named with line and column.
    pub fn ingest(
        inputs: &[Input],
        rules: &GraphRules<'_>,
        directory: &Path,
        key: &StorageKey,
        workspace: &Workspace,
        reasons: Option<&mut dyn LineReasons>,
    ) -> Result<Self, GraphError> {
        let Scanned { lines, ties, mut counts, namespaces, objected, .. } =
            scan(inputs, rules, workspace, reasons)?;
        rules.watched.began(Step::Sort, None);
        world::create_private_dir(directory)?;
        let place = Place { directory, key, workspace };
        let joined = Joined::of(ties, &objected, place)?;
        counts.largest_subject = joined.largest.into();
        let gathering = Gathering { rules, objected: &joined.objected };
        let Gathered { by_value, held } = gathering.personas(lines, place, &mut counts)?;
        joined.write_persons(held, place)?;
        let root = publish_leaves(by_value, place, rules, &mut counts)?;
        if root.leaves == 0 {
            let name = |input: &Input| input.file.shown().display().to_string();
            let files: Vec<String> = inputs.iter().map(name).collect();
            let (file, reasons) = (files.join(", ").into(), counts.reasons());
            return Err(GraphError::NothingPublished { file, reasons });
        }
        let meta = Meta {
            root: root.root,
            leaves: root.leaves,
            records: root.records,
            counts,
            namespaces,
            objections: rules.objections.recorded(),
            map: rules.map,
        };
        let text = serde_json::to_vec(&meta).map_err(|_| GraphError::contradiction(directory))?;
        let sealed = seal::seal_bytes(key, META, &text)?;
        let path = directory.join(META);
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        Ok(Self { directory: directory.to_path_buf(), key: key.clone(), meta })
    }

    /// Opens a snapshot that was ingested before.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if it is damaged or sealed under another key.
    pub fn open(directory: &Path, key: &StorageKey) -> Result<Self, GraphError> {
        let path = directory.join(META);
        let sealed = std::fs::read(&path).map_err(GraphError::io(&path))?;
        let text = seal::open_bytes(key, META, &sealed).map_err(GraphError::sealed(&path))?;
        let meta = serde_json::from_slice(&text).map_err(|_| GraphError::contradiction(&path))?;
        Ok(Self { directory: directory.to_path_buf(), key: key.clone(), meta })
    }

    /// The committed root.
    #[must_use]
    pub const fn root(&self) -> SnapshotRoot {
        let Meta { root, leaves, records, .. } = self.meta;
        SnapshotRoot { root, leaves, records }
    }

    /// Counts of the lines, by what became of them.
    #[must_use]
    pub const fn counts(&self) -> &GraphCounts {
        &self.meta.counts
    }

    /// Namespaces of the cookies in the file.
    #[must_use]
    pub const fn namespaces(&self) -> &BTreeSet<String> {
        &self.meta.namespaces
    }

    /// Objections that were in the store when the file was read.
    #[must_use]
    pub const fn objections(&self) -> u64 {
        self.meta.objections
    }

    /// Digest of the map by which the files were read, if there was one.
    #[must_use]
    pub const fn map(&self) -> Option<&[u8; 32]> {
        self.meta.map.as_ref()
    }

    /// The digital IDs of the records.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the sealed file does not open, as in snapshots of earlier versions.
    pub fn bundles(&self) -> Result<StoredBundles, GraphError> {
        StoredBundles::open(&self.directory, &self.key)
    }

    /// Reads everything that sessions and tables take from this snapshot: each file is as it was
    /// written. Files that were verified and not touched since are not read again.
    ///
    /// # Errors
    ///
    /// [`GraphError`] names the file.
    pub fn verify(&self) -> Result<(), GraphError> {
        let Self { directory, key, .. } = self;
        for (name, context) in [LEAVES, BUNDLES, PEOPLE, SHARED, PERSONS].map(|name| (name, name)) {
            let path = directory.join(name);
            VERIFIED.of(&path, || verify_sealed(&path, key, context))?;
        }
        let path = directory.join(SEED);
        let sealed = std::fs::read(&path).map_err(GraphError::io(&path))?;
        seal::open_bytes(key, SEED, &sealed).map_err(GraphError::sealed(&path))?;
        Ok(())
    }

    /// Subjects whom an objection concerns.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the sealed file does not open.
    pub fn people(&self) -> Result<StoredPeople, GraphError> {
        StoredPeople::open(&self.directory, &self.key)
    }

    /// The persons and subjects of the records.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the sealed file does not open.
    pub fn persons(&self) -> Result<StoredPersons, GraphError> {
        StoredPersons::open(&self.directory, &self.key)
    }

    /// The records that no table may hold any more, for objections that came after the snapshot:
    /// those of subjects who objected, and those whose digital IDs were all objected to.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if a sealed file is damaged.
    pub fn left_out(&self, late: &Objections) -> Result<BTreeSet<u64>, GraphError> {
        let mut records = BTreeSet::new();
        if late.is_empty() {
            return Ok(records);
        }
        let objected = self.people()?.objected(late)?;
        let (mut bundles, mut persons) = (self.bundles()?, self.persons()?);
        while let Some(bundle) = bundles.next_bundle()? {
            let bare = bundle.ids.iter().all(|one| objected.has_digital_id(&one.id));
            if objected.has_subject(persons.next_record()?.subject) || bare {
                records.insert(bundle.record);
            }
        }
        Ok(records)
    }

    /// The leaves in committed order.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the sealed file does not open.
    pub fn leaves(&self) -> Result<Leaves, GraphError> {
        let path = self.directory.join(LEAVES);
        Ok(Leaves(SealedFile::open(&path, &self.key, LEAVES)?))
    }
}

/// Files of snapshots that are whole.
pub(crate) static VERIFIED: VerifiedFiles<()> = VerifiedFiles::new();

/// Leaves of a snapshot, read from its sealed file.
#[derive(Debug)]
pub struct Leaves(SealedFile<StoredLeaf>);

impl Leaves {
    /// The next leaf, if any.
    ///
    /// # Errors
    ///
    /// [`GraphError`] if the file is damaged.
    pub fn next_leaf(&mut self) -> Result<Option<SnapshotLeaf>, GraphError> {
        match self.0.next_record()? {
            None => Ok(None),
            Some(stored) => {
                let leaf = stored.leaf().map(Some);
                leaf.ok_or_else(|| GraphError::contradiction(self.0.path()))
            }
        }
    }
}

/// Sighting of a digital ID with a persona: time and manner.
#[derive(Clone, Copy, Default)]
struct Seen {
    last_day: u32,
    devices: u16,
    evidence: u16,
}

/// A persona being gathered from its lines.
struct Persona {
    reference: Vec<u8>,
    person: [u8; 16],
    evidence: u16,
    devices: u16,
    last_day: u32,
    login_days: BTreeSet<u32>,
    consent: [u8; 32],
    identifiers: BTreeSet<Identifier>,
    ids: BTreeMap<DigitalId, Seen>,
    two_persons: bool,
    /// Identifiers and digital IDs beyond what one persona may hold.
    surplus: u64,
}

impl Persona {
    /// The persona of a line; `None` if its digital ID is none.
    fn start(line: &SortedLine<'_>) -> Option<Self> {
        let mut persona = Self {
            reference: line.persona.to_vec(),
            person: line.head.person,
            evidence: 0,
            devices: 0,
            last_day: 0,
            login_days: BTreeSet::new(),
            consent: line.head.consent,
            identifiers: BTreeSet::new(),
            ids: BTreeMap::new(),
            two_persons: false,
            surplus: 0,
        };
        persona.add(line)?;
        Some(persona)
    }

    /// Adds another line of the persona; `None` if its digital ID is none.
    fn add(&mut self, line: &SortedLine<'_>) -> Option<()> {
        let digital_id = DigitalId::decode(line.digital_id)?;
        let (day, device) = (line.head.day.get(), line.head.device.get());
        let evidence = line.head.evidence.get();
        self.two_persons |= line.head.person != self.person;
        self.evidence |= evidence;
        self.devices |= device;
        if evidence & EVIDENCE_LOGIN != 0 && self.login_days.len() < usize::from(u8::MAX) {
            self.login_days.insert(day);
        }
        if day >= self.last_day {
            self.last_day = day;
            self.consent = line.head.consent;
        }
        for identifier in line.identifiers {
            if self.identifiers.len() < PER_PERSONA_MAX {
                self.identifiers.insert(*identifier);
            } else if !self.identifiers.contains(identifier) {
                self.surplus += 1;
            }
        }
        if self.ids.len() >= PER_PERSONA_MAX && !self.ids.contains_key(&digital_id) {
            self.surplus += 1;
            let oldest = self.ids.iter().min_by_key(|(_, seen)| seen.last_day);
            match oldest.map(|(id, seen)| (id.clone(), seen.last_day)) {
                Some((id, oldest)) if oldest < day => self.ids.remove(&id),
                _ => return Some(()),
            };
        }
        let seen = self.ids.entry(digital_id).or_default();
        seen.last_day = seen.last_day.max(day);
        seen.devices |= device;
        seen.evidence |= evidence;
        Some(())
    }
}

/// Rules by which personas are gathered.
struct Gathering<'a> {
    rules: &'a GraphRules<'a>,
    objected: &'a Reach,
}

/// Yield of gathering.
struct Gathered {
    /// Identifiers of records, to be sorted by value.
    by_value: Sorter<StoredLeaf>,
    /// Records with their persons.
    held: Sorter<Held>,
}

impl Gathering<'_> {
    /// Groups lines by persona, writes the digital IDs of each, and sorts identifiers by value.
    fn personas(
        &self,
        lines: VarSorter,
        place: Place<'_>,
        counts: &mut GraphCounts,
    ) -> Result<Gathered, GraphError> {
        let mut bundles = BundleWriter::create(place.directory, place.key)?;
        let mut gathered = Gathered { by_value: place.sorter()?, held: place.sorter()? };
        let mut sorted = lines.finish()?;
        let mut current: Option<Persona> = None;
        while let Some(bytes) = sorted.next_record()? {
            let line = SortedLine::split(bytes).ok_or(Bug::invariant())?;
            match current.as_mut().filter(|persona| persona.reference == line.persona) {
                Some(persona) => persona.add(&line).ok_or(Bug::invariant())?,
                None => {
                    let next = Persona::start(&line).ok_or(Bug::invariant())?;
                    if let Some(persona) = current.replace(next) {
                        self.close(persona, &mut bundles, &mut gathered, counts)?;
                    }
                }
            }
        }
        if let Some(persona) = current {
            self.close(persona, &mut bundles, &mut gathered, counts)?;
        }
        bundles.finish()?;
        Ok(gathered)
    }

    /// Reason why the persona is not published, if it is not.
    fn dropped(&self, persona: &Persona) -> Option<&'static str> {
        if persona.two_persons {
            Some("persona_of_two_persons")
        } else if let Some(by_own) = self.objected.holders.get(&persona.person) {
            Some(if *by_own { "person_objected" } else { "person_objected_elsewhere" })
        } else if persona.identifiers.is_empty() {
            Some("no_usable_identifier")
        } else if persona.ids.is_empty() {
            Some("no_digital_id")
        } else {
            None
        }
    }

    fn close(
        &self,
        mut persona: Persona,
        bundles: &mut BundleWriter,
        Gathered { by_value, held }: &mut Gathered,
        counts: &mut GraphCounts,
    ) -> Result<(), GraphError> {
        counts.personas += 1;
        let listed = persona.ids.len();
        if !self.objected.ids.is_empty() {
            let mason = self.rules.objections.mason();
            persona.ids.retain(|id, _| !self.objected.ids.contains(&mason.digital_id(id).0));
        }
        let objected = listed.checked_sub(persona.ids.len()).ok_or(Bug::invariant())?;
        if let Some(reason) = self.dropped(&persona) {
            add(&mut counts.personas_dropped, reason);
            return Ok(());
        }
        let record = counts.records;
        counts.records += 1;
        counts.digital_ids += persona.ids.len() as u64;
        counts.surplus += persona.surplus;
        counts.ids_objected += objected as u64;
        let number = u32::try_from(record).map_err(|_| Bug::invariant())?;
        held.push(&Held { holder: persona.person, record: number.into() })?;
        bundles.push(&Bundle {
            record,
            ids: persona
                .ids
                .iter()
                .map(|(id, Seen { last_day, devices, evidence })| BundleId {
                    id: id.clone(),
                    last_day: *last_day,
                    devices: *devices,
                    evidence: *evidence,
                })
                .collect(),
        })?;
        let ids_digest = ids_digest(&persona.ids);
        let logins = u8::try_from(persona.login_days.len()).map_err(|_| Bug::invariant())?;
        for Identifier { kind, digest, level } in &persona.identifiers {
            let leaf = StoredLeaf {
                level: *level,
                kind: *kind,
                ruleset: self.rules.normalizer.ruleset().code(),
                digest: *digest,
                person: persona.person,
                record: record.into(),
                last_seen: (u64::from(persona.last_day) * 86_400).into(),
                evidence: persona.evidence.into(),
                devices: persona.devices.into(),
                logins,
                persons: 1,
                purposes: covered_purposes().into(),
                ids_digest,
                consent: persona.consent,
            };
            by_value.push(&leaf)?;
        }
        Ok(())
    }
}

/// The first half of a hash, by which persons and personas are named.
const fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let [half @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = hash;
    half
}

/// The purposes that a published link is good for, as bits of [`Purpose::bit`]: those that can be
/// run, which the provider's evidence has to cover before it publishes a link.
///
/// What the evidence of one link allows is not judged in this version, so that all leaves have the
/// same; a purpose that cannot be run, or has no name yet, is in none.
fn covered_purposes() -> u32 {
    let runnable = Purpose::ALL.into_iter().filter(|purpose| purpose.is_runnable());
    runnable.fold(0, |bits, purpose| bits | purpose.bit())
}

/// Digest of the digital IDs of a record, for its leaf: each ID with its length, and the last
/// day it was seen.
fn ids_digest(ids: &BTreeMap<DigitalId, Seen>) -> [u8; 32] {
    let mut bundle = Sha256::new();
    for (id, seen) in ids {
        let id = id.encoded();
        bundle.update((id.len() as u64).to_be_bytes());
        bundle.update(id);
        bundle.update(seen.last_day.to_be_bytes());
    }
    bundle.finalize().into()
}

/// Leaves out identifiers of two persons, keeps the first record of one person, and commits.
fn publish_leaves(
    by_value: Sorter<StoredLeaf>,
    place: Place<'_>,
    rules: &GraphRules<'_>,
    counts: &mut GraphCounts,
) -> Result<SnapshotRoot, GraphError> {
    let Place { directory, key, .. } = place;
    let path = directory.join(LEAVES);
    let mut out = SealedOut::<StoredLeaf>::create(&path, key, LEAVES)?;
    let seed = world::entropy::<32>()?;
    let sealed = seal::seal_bytes(key, SEED, &seed)?;
    let seed_path = directory.join(SEED);
    world::publish_atomically(&seed_path, world::PRIVATE_MODE, |file| file.write_all(&sealed))?;
    let mut committer = SnapshotCommitter::new(SnapshotSeed::from_bytes(seed).leaf_salts());
    let mut leaves: Vec<SnapshotLeaf> = Vec::with_capacity(LEAVES_AT_ONCE);
    let mut published = place.sorter()?;
    let mut publish = |group: Option<SameValue>, counts: &mut GraphCounts| {
        let Some(SameValue { first, two_persons }) = group else { return Ok(()) };
        if two_persons {
            counts.identifier_conflicts += 1;
        } else {
            counts.identifiers += 1;
            counts.household += u64::from(first.level);
            leaves.push(first.leaf().ok_or_else(|| GraphError::contradiction(&path))?);
            if leaves.len() == LEAVES_AT_ONCE {
                committer.extend(rules.arithmetic, &leaves);
                rules.watched.done(counts.identifiers);
                leaves.clear();
            }
            out.push(&first)?;
            published.push(&RecordNumber { number: first.record })?;
        }
        Ok::<(), GraphError>(())
    };
    let mut group: Option<SameValue> = None;
    let mut sorted = by_value.finish()?;
    rules.watched.began(Step::Commit, None);
    while let Some(leaf) = sorted.next_record()? {
        match group.as_mut().filter(|group| group.first.is_same_value(&leaf)) {
            Some(group) => group.two_persons |= leaf.person != group.first.person,
            None => {
                let next = SameValue { first: leaf, two_persons: false };
                publish(group.replace(next), counts)?;
            }
        }
    }
    publish(group, counts)?;
    committer.extend(rules.arithmetic, &leaves);
    out.finish()?;
    counts.persons_by_identifiers = by_identifiers(published, place)?;
    Ok(committer.finish(counts.records))
}

record! {
    /// Number of a record in the snapshot.
    struct RecordNumber {
        number: U64<BigEndian>,
    }
}

record! {
    /// A snapshot leaf as the sealed file holds it; sorts by kind and digest.
    struct StoredLeaf {
        kind: u8,
        digest: [u8; 32],
        record: U64<BigEndian>,
        ruleset: u8,
        person: [u8; 16],
        last_seen: U64<BigEndian>,
        evidence: U16<BigEndian>,
        devices: U16<BigEndian>,
        level: u8,
        logins: u8,
        persons: u8,
        purposes: U32<BigEndian>,
        ids_digest: [u8; 32],
        consent: [u8; 32],
    }
}

/// Leaves of one identifier.
struct SameValue {
    /// The one of the lowest record.
    first: StoredLeaf,
    two_persons: bool,
}

impl StoredLeaf {
    fn is_same_value(&self, other: &Self) -> bool {
        self.kind == other.kind && self.digest == other.digest
    }

    fn leaf(&self) -> Option<SnapshotLeaf> {
        Some(SnapshotLeaf {
            record: self.record.get(),
            identifier: identifier_from_parts(self.kind, self.ruleset, self.digest)?,
            ids_digest: self.ids_digest,
            last_seen: self.last_seen.get(),
            evidence: self.evidence.get(),
            devices: self.devices.get(),
            level: self.level,
            logins: self.logins,
            persons: self.persons,
            purposes: self.purposes.get(),
            objection_scope: [0; 32],
            consent_evidence: self.consent,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    root: [u8; 32],
    leaves: u64,
    records: u64,
    counts: GraphCounts,
    #[serde(default)]
    namespaces: BTreeSet<String>,
    #[serde(default)]
    objections: u64,
    map: Option<[u8; 32]>,
}

const META: &str = "snapshot.meta";
/// Snapshots of earlier versions have `leaves`, in which no leaf has its level.
const LEAVES: &str = "leaves-2";
const SEED: &str = "snapshot.seed";
/// Identifiers or digital IDs that one persona may hold; further ones are left out.
const PER_PERSONA_MAX: usize = 64;
/// Namespaces of cookies that a graph may have.
const NAMESPACES_MAX: usize = 4_096;
/// Lines left out that are named for each reason.
const FIRST_DROPPED: usize = 5;

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use protocol::identifier::IdentifierKind;
    use protocol::purpose::Purpose;
    use protocol::terms::LinkFilter;

    use normalize::{EmailPrehash, Options, Ruleset};
    use rights::objections::{FeedRules, import_feed};
    use tabular::{InputFile, Reading};

    use super::*;

    /// 2026-11-30T12:00:00Z.
    pub(super) const NOW: u64 = 1_796_040_000;
    const HEADER: &str = "person_ref,persona_ref,type,value,id_type,id_namespace,id_value,\
                          class,evidence,day\n";
    const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";
    const ZEROS: &str = "00000000-0000-0000-0000-000000000000";

    /// Everything in a sealed file, as it was before it was sealed.
    pub(crate) fn unsealed(path: &Path, key: &StorageKey, context: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut reader = store::sealed::open_sealed(path, key, context).unwrap();
        std::io::Read::read_to_end(&mut reader, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn half_of_a_hash_is_its_first_bytes() {
        let hash: [u8; 32] = std::array::from_fn(|at| at as u8);
        assert_eq!(first_half(hash)[..], hash[..16]);
    }

    fn day_of(text: &str) -> Option<u32> {
        let day: jiff::civil::Date = text.parse().ok()?;
        let since = day - jiff::civil::date(1970, 1, 1);
        u32::try_from(since.get_days()).ok()
    }

    pub(crate) fn ingest(body: &str) -> (tempfile::TempDir, Result<StoredSnapshot, GraphError>) {
        let key = StorageKey::from_bytes([7; 32]);
        ingest_without(body, &Objections::none(&key).unwrap())
    }

    pub(crate) fn ingest_without(
        body: &str,
        objections: &Objections,
    ) -> (tempfile::TempDir, Result<StoredSnapshot, GraphError>) {
        ingest_file("links.csv", format!("{HEADER}{body}").as_bytes(), objections)
    }

    pub(super) fn ingest_file(
        name: &str,
        bytes: &[u8],
        objections: &Objections,
    ) -> (tempfile::TempDir, Result<StoredSnapshot, GraphError>) {
        let email_sha256 = EmailPrehash::parse("plain");
        let reading = Reading { email_sha256, ..Reading::default() };
        ingest_inputs(&[(name, bytes, reading)], objections, None)
    }

    /// Ingests files, each read its own way.
    pub(super) fn ingest_inputs(
        files: &[(&str, &[u8], Reading)],
        objections: &Objections,
        reasons: Option<&mut dyn LineReasons>,
    ) -> (tempfile::TempDir, Result<StoredSnapshot, GraphError>) {
        let dir = tempfile::tempdir().unwrap();
        let write = |(name, bytes, reading): &(&str, &[u8], Reading)| {
            let file = dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Input { file: InputFile::new(&file), reading: Arc::new(reading.clone()) }
        };
        let inputs: Vec<Input> = files.iter().map(write).collect();
        let ruleset = Ruleset::CrmFr1;
        let normalizer = Normalizer::new(ruleset, Options::defaults(ruleset));
        let rules = GraphRules {
            normalizer: &normalizer,
            objections,
            arithmetic: &protocol::group::Portable,
            now: NOW,
            watched: &Watched::default(),
            map: None,
        };
        let workspace = Workspace { directory: dir.path().join("work"), memory_bytes: 1 << 20 };
        world::create_private_dir(&workspace.directory).unwrap();
        let key = StorageKey::from_bytes([7; 32]);
        let directory = dir.path().join("snapshot");
        let result = StoredSnapshot::ingest(&inputs, &rules, &directory, &key, &workspace, reasons);
        (dir, result)
    }

    pub(crate) fn line(person: &str, persona: &str, email: &str, day: &str) -> String {
        format!("{person},{persona},email,{email},aaid,,{AAID},tablet,login,{day}\n")
    }

    pub(super) fn leaves(snapshot: &StoredSnapshot) -> Vec<SnapshotLeaf> {
        let mut reader = snapshot.leaves().unwrap();
        std::iter::from_fn(|| reader.next_leaf().unwrap()).collect()
    }

    #[test]
    fn layout_of_a_leaf_is_fixed() {
        let leaf = StoredLeaf {
            kind: 1,
            digest: [2; 32],
            record: 3.into(),
            ruleset: 4,
            person: [5; 16],
            last_seen: 6.into(),
            evidence: 7.into(),
            devices: 8.into(),
            level: 9,
            logins: 10,
            persons: 11,
            purposes: 12.into(),
            ids_digest: [13; 32],
            consent: [14; 32],
        };
        let expected: [&[u8]; 12] = [
            &[1],
            &[2; 32],
            &3_u64.to_be_bytes(),
            &[4],
            &[5; 16],
            &6_u64.to_be_bytes(),
            &7_u16.to_be_bytes(),
            &8_u16.to_be_bytes(),
            &[9, 10, 11],
            &12_u32.to_be_bytes(),
            &[13; 32],
            &[14; 32],
        ];
        assert_eq!(store::record::Record::bytes(&leaf), expected.concat());
    }

    #[test]
    fn lines_of_a_persona_become_one_record() {
        let body = [
            line("p1", "a", "one@exemple.fr", "2026-11-01"),
            line("p1", "a", "one@exemple.fr", "2026-11-03"),
            line("p1", "a", "two@exemple.fr", "2026-11-02"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        let leaves = leaves(&snapshot);
        assert_eq!((leaves.len(), snapshot.root().records), (2, 1));
        assert_eq!(snapshot.root().leaves, 2);
        for leaf in leaves {
            assert_eq!((leaf.record, leaf.logins, leaf.evidence, leaf.devices), (0, 3, 1, 0b10));
            assert_eq!(leaf.last_seen, 86_400 * u64::from(day_of("2026-11-03").unwrap()));
        }
    }

    #[test]
    fn a_graph_has_one_content_in_every_form() {
        use tabular::testing::{Holds, Table, gzip, zstd};
        let names = HEADER.trim().split(',');
        let columns = names.map(|name| (name, Holds::Text)).collect();
        let row = |at: u8| {
            let email = format!("u{}@exemple.fr", at % 7);
            let text = line(&format!("p{}", at % 7), &format!("a{}", at % 7), &email, "2026-11-01");
            text.trim_end().split(',').map(str::to_owned).collect()
        };
        let table = Table { columns, rows: (0..20).map(row).collect() };
        let forms = [
            ("links.csv", table.csv()),
            ("links.ndjson", table.ndjson()),
            ("links.parquet", table.parquet(6, true)),
            ("links.csv.gz", gzip(&table.csv())),
            ("links.ndjson", zstd(&table.ndjson())),
        ];
        let mut found = Vec::new();
        for (name, bytes) in forms {
            let none = Objections::none(&StorageKey::from_bytes([7; 32])).unwrap();
            let (_dir, snapshot) = ingest_file(name, &bytes, &none);
            let snapshot = snapshot.unwrap();
            let identifiers: Vec<_> = leaves(&snapshot)
                .iter()
                .map(|leaf| *leaf.identifier.digest.expose_bytes())
                .collect();
            found.push((snapshot.counts().clone(), identifiers));
        }
        // Leaves come in the order of keyed references, which differ between snapshots.
        for (_, identifiers) in &mut found {
            identifiers.sort_unstable();
        }
        assert!(found[0].1.len() > 2);
        assert!(found.iter().all(|one| *one == found[0]));
    }

    #[test]
    fn identifier_of_two_persons_is_not_published() {
        let body = [
            line("p1", "a", "shared@exemple.fr", "2026-11-01"),
            line("p2", "b", "shared@exemple.fr", "2026-11-01"),
            line("p1", "a2", "shared@exemple.fr", "2026-11-01"),
            line("p2", "b", "own@exemple.fr", "2026-11-01"),
            line("p3", "c", "twice@exemple.fr", "2026-11-01"),
            line("p3", "c2", "twice@exemple.fr", "2026-11-01"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.counts().identifier_conflicts, 1);
        assert_eq!(leaves(&snapshot).len(), 2);
    }

    #[test]
    fn fixed_line_names_a_household_and_is_in_no_table_of_individuals() {
        let phone =
            |number: &str| format!("p1,a,phone,{number},aaid,,{AAID},tablet,login,2026-11-01\n");
        let body = [
            line("p1", "a", "one@exemple.fr", "2026-11-01"),
            phone("+33 1 99 00 12 34"),
            phone("+33 6 41 23 45 79"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        let counts = snapshot.counts();
        assert_eq!((counts.records, counts.identifiers, counts.household), (1, 3, 1));
        let kinds = [IdentifierKind::EMAIL_STRICT.code(), IdentifierKind::PHONE.code()];
        let at = 86_400 * u64::from(day_of("2026-11-02").unwrap());
        let in_table = |level| {
            let filter = LinkFilter { level, ..LinkFilter::DEFAULT };
            let purpose = Purpose::Match;
            leaves(&snapshot).iter().filter(|one| one.passes(&filter, &kinds, purpose, at)).count()
        };
        assert_eq!((in_table(0), in_table(1)), (2, 3));
        let levels = leaves(&snapshot);
        let mut levels: Vec<u8> = levels.iter().map(|leaf| leaf.level).collect();
        levels.sort_unstable();
        assert_eq!(levels, [0, 0, 1]);
    }

    #[test]
    fn unusable_lines_and_ids_are_counted_by_reason() {
        let body = [
            line("p1", "a", "one@exemple.fr", "2026-11-01"),
            line("p2", "b", "two@exemple.fr", "yesterday"),
            line("p3", "c", "contact@exemple.fr", "2026-11-01"),
            format!("p4,d,email,four@exemple.fr,aaid,,{ZEROS},,login,2026-11-01\n"),
            "p5,e,email,five@exemple.fr,cookie,,12345678,,login,2026-11-01\n".to_owned(),
            format!("p6,f,fax,six,aaid,,{AAID},,login,2026-11-01\n"),
            format!("p7,g,email,seven@exemple.fr,aaid,,{AAID},,guess,2026-11-01\n"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let counts = snapshot.unwrap().counts().clone();
        let reasons: Vec<&str> = counts.lines_dropped.keys().map(String::as_str).collect();
        assert_eq!(
            reasons,
            [
                "cookie_no_namespace",
                "day_malformed",
                "evidence_unknown",
                "maid_zero",
                "type_unknown"
            ]
        );
        assert_eq!(counts.personas_dropped.get("no_usable_identifier"), Some(&1));
        assert_eq!((counts.lines_read, counts.records), (7, 1));
        assert_eq!(counts.first_dropped.get("maid_zero"), Some(&vec![5]));
    }

    fn bundles(snapshot: &StoredSnapshot) -> Vec<Bundle> {
        let mut reader = snapshot.bundles().unwrap();
        std::iter::from_fn(|| reader.next_bundle().unwrap()).collect()
    }

    #[test]
    fn record_keeps_its_digital_ids_and_its_name_across_snapshots() {
        let cookie = |day: &str, class: &str| {
            format!("p2,b,email,two@exemple.fr,cookie,a.example,AbCd1234,{class},form,{day}\n")
        };
        let body = [
            line("p2", "b", "two@exemple.fr", "2026-11-01"),
            cookie("2026-11-05", "tablet"),
            cookie("2026-11-04", "desktop"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.namespaces().iter().collect::<Vec<_>>(), ["a.example"]);
        let [bundle] = &bundles(&snapshot)[..] else { panic!("one record") };
        let [aaid, cookie] = &bundle.ids[..] else { panic!("two IDs") };
        assert_eq!((aaid.id.listed_as(), aaid.evidence, aaid.devices), ("aaid", 1, 0b10));
        assert_eq!(cookie.id.value(), "AbCd1234");
        assert_eq!((cookie.evidence, cookie.devices), (0b1_0000, 0b110));
        assert_eq!(Some(cookie.last_day), day_of("2026-11-05"));
        let mut ids = BTreeMap::new();
        for one in &bundle.ids {
            let seen = Seen { last_day: one.last_day, ..Seen::default() };
            ids.insert(one.id.clone(), seen);
        }
        assert!(leaves(&snapshot).iter().all(|leaf| leaf.ids_digest == ids_digest(&ids)));
    }

    #[test]
    fn newest_digital_ids_of_a_persona_are_kept() {
        let one = |n: u32| {
            let day = 1 + n % 28;
            format!(
                "p,a,email,one@exemple.fr,cookie,a.example,value-{n:04},,login,2026-10-{day:02}\n"
            )
        };
        let body: String = (0..84).map(one).collect();
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        assert_eq!((snapshot.counts().digital_ids, snapshot.counts().surplus), (64, 20));
        let [bundle] = &bundles(&snapshot)[..] else { panic!("one record") };
        let oldest = bundle.ids.iter().map(|id| id.last_day).min();
        assert_eq!(oldest, day_of("2026-10-07"));
    }

    /// Objections of a feed.
    fn objections(feed: &str) -> Objections {
        let dir = tempfile::tempdir().unwrap();
        let key = StorageKey::from_bytes([7; 32]);
        let file = dir.path().join("feed.csv");
        std::fs::write(&file, format!("type,value\n{feed}")).unwrap();
        let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
        let work = dir.path().join("work");
        let rules = FeedRules { normalizer: &normalizer, spills: &work };
        let store = dir.path().join("objections");
        let input = Input { file: InputFile::new(&file), reading: Arc::default() };
        import_feed(&store, &[input], &rules, &key, 1).unwrap();
        Objections::all(&store, &key).unwrap()
    }

    /// A line with a cookie.
    fn cookie_line(persons: &str, identifier: &str, value: &str) -> String {
        format!("{persons},{identifier},cookie,a.example,value-{value},,login,2026-11-01\n")
    }

    /// Persons and subjects of the records, whose personas are in the order of their references.
    fn owners(snapshot: &StoredSnapshot) -> Vec<persons::Owner> {
        let mut persons = snapshot.persons().unwrap();
        (0..snapshot.counts().records).map(|_| persons.next_record().unwrap()).collect()
    }

    #[test]
    fn personas_that_are_not_published_join_persons() {
        let two = [
            cookie_line("p1,a", "email,one@exemple.fr", "001"),
            cookie_line("p1,a", "email,one@exemple.fr", "003"),
            cookie_line("p2,b", "email,two@exemple.fr", "002"),
            cookie_line("p2,b", "email,two@exemple.fr", "004"),
        ]
        .concat();
        let is_one = |bridge: &str, objections: &Objections| {
            let (_dir, snapshot) = ingest_without(&format!("{two}{bridge}"), objections);
            let owners = owners(&snapshot.unwrap());
            assert_ne!(owners[0].subject, owners[1].subject, "a device joins no subjects");
            owners[0].person == owners[1].person
        };
        let none = objections("");
        assert!(!is_one("", &none));
        let line = cookie_line;
        let no_identifier = ["001", "002"].map(|value| line("p3,c", "email,none", value)).concat();
        let of_two_persons = line("p3,c", "email,three@exemple.fr", "001")
            + &line("p4,c", "email,four@exemple.fr", "002");
        let of_no_person = line(",c", "email,three@exemple.fr", "001")
            + &line(",c", "email,four@exemple.fr", "002");
        let no_evidence = of_two_persons.replace("login", "guess");
        let by_identifier = line("p3,c", "email,one@exemple.fr", "005").replace("login", "guess")
            + &line("p3,c", "phone,+33 1 99 00 12 34", "005").replace("login", "guess")
            + &line("p2,d", "phone,+33 1 99 00 12 34", "006").replace("login", "guess");
        for bridge in [no_identifier, of_two_persons, of_no_person, no_evidence, by_identifier] {
            assert!(is_one(&bridge, &none), "{bridge}");
            let first = bridge.split_inclusive('\n').next().unwrap();
            assert!(!is_one(first, &none), "{first}");
        }
        // Of somebody who objected, and beyond what one persona may hold.
        let bridge = ["001", "002"].map(|value| line("p3,c", "email,three@exemple.fr", value));
        assert!(is_one(&bridge.concat(), &objections("email,three@exemple.fr\n")));
        let newer = (100..164).map(|n| line("p3,c", "email,three@exemple.fr", &n.to_string()));
        let older = bridge.concat().replace("2026-11-01", "2026-10-01");
        assert!(is_one(&newer.chain([older]).collect::<String>(), &none));
    }

    #[test]
    fn rounded_references_join_nobody() {
        let body = [
            cookie_line("p1,a", "email,one@exemple.fr", "001"),
            cookie_line("p2,b", "email,two@exemple.fr", "002"),
            cookie_line("1.2E+15,c", "email,one@exemple.fr", "003"),
            cookie_line("1.2E+15,d", "email,two@exemple.fr", "004"),
            cookie_line("p1,1001.0", "email,one@exemple.fr", "005"),
            cookie_line("p2,1001.0", "email,two@exemple.fr", "006"),
        ]
        .concat();
        let (_dir, snapshot) = ingest(&body);
        let owners = owners(&snapshot.unwrap());
        assert!(owners[0].person != owners[1].person && owners[0].subject != owners[1].subject);
    }

    #[test]
    fn persons_are_counted_by_the_identifiers_that_are_published_of_them() {
        let mail = |person: &str, n: u32, value: &str| {
            cookie_line(person, &format!("email,m{n}@exemple.fr"), value)
        };
        // Two references of one person, who share a device, have five together; one is shared with
        // somebody else and names nobody.
        let body: String = (0..3).map(|n| mail("p1,a", n, "001")).collect::<String>()
            + &(3..5).map(|n| mail("p2,b", n, "001")).collect::<String>()
            + &mail("p3,c", 6, "002")
            + &mail("p4,d", 7, "003")
            + &mail("p4,d", 8, "003")
            + &(10..30).map(|n| mail("p5,e", n, "004")).collect::<String>();
        let (_dir, snapshot) = ingest(&body);
        let counts = snapshot.unwrap().counts().clone();
        assert_eq!(counts.persons_by_identifiers, [1, 1, 0, 0, 1, 0, 0, 0, 1]);
        let above: Vec<u64> = (0..=9).map(|unit| counts.persons_above(unit)).collect();
        assert_eq!(above, [4, 3, 2, 2, 2, 1, 1, 1, 1, 0]);
        let more = mail("p3,c", 0, "002");
        let (_dir, snapshot) = ingest(&format!("{body}{more}"));
        // The address of two references of different devices is in no table, and joins them.
        let counts = snapshot.unwrap().counts().clone();
        assert_eq!(counts.persons_by_identifiers, [0, 1, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(counts.largest_subject, 2);
    }

    #[test]
    fn person_who_objected_is_not_published_under_any_identifier() {
        let objected = "0f5a1c5e-0000-4000-8000-000000000001";
        let body = [
            line("p1", "a", "one@exemple.fr", "2026-11-01"),
            line("p1", "a2", "other@exemple.fr", "2026-11-01"),
            // Shares the device of the one who objected, and has another.
            line("p2", "b", "two@exemple.fr", "2026-11-01"),
            cookie_line("p2,b", "email,two@exemple.fr", "002"),
            format!("p3,c,email,three@exemple.fr,aaid,,{objected},,login,2026-11-01\n"),
        ]
        .concat();
        let objections = objections(&format!("email,one@exemple.fr\naaid,{objected}\n"));
        let (_dir, snapshot) = ingest_without(&body, &objections);
        let snapshot = snapshot.unwrap();
        let counts = snapshot.counts();
        assert_eq!(counts.records, 1);
        assert_eq!(counts.personas_dropped.get("person_objected"), Some(&2));
        assert_eq!(counts.lines_dropped.get("digital_id_objected"), Some(&1));
        assert_eq!((counts.ids_objected, counts.digital_ids), (1, 1));
        assert_eq!(bundles(&snapshot)[0].ids[0].id.value(), "value-002");
        assert_eq!(snapshot.objections(), objections.recorded());
    }

    /// Before the snapshot or after it: who is out, and which digital IDs of others.
    #[test]
    fn objection_reaches_who_shares_an_address_and_no_one_s_household() {
        let phone = "phone,+33 6 41 23 45 79";
        let body = [
            cookie_line("p1,a", phone, "001"),
            cookie_line("p1,a", "email,one@exemple.fr", "001"),
            // One person under another reference, by the address.
            cookie_line("p2,b", "email,one@exemple.fr", "002"),
            cookie_line("p2,b", "email,two@exemple.fr", "002"),
            // Has a digital ID of that one, and one that only a line left out says to be theirs.
            cookie_line("p3,c", "email,three@exemple.fr", "002"),
            cookie_line("p3,c", "email,three@exemple.fr", "003"),
            cookie_line("p3,c", "email,three@exemple.fr", "004"),
            cookie_line("p2,d", "email,none", "003").replace("login", "guess"),
            // Shares a fixed line.
            cookie_line("p1,a", "phone,+33 1 99 00 12 34", "001"),
            cookie_line("p4,e", "phone,+33 1 99 00 12 34", "005"),
            cookie_line("p4,e", "email,four@exemple.fr", "005"),
            // Has nothing that is not also theirs.
            cookie_line("p5,f", "email,five@exemple.fr", "002"),
        ]
        .concat();
        let feed = objections(&format!("{}\n", phone));
        assert_eq!(feed.recorded(), 1);
        let (_dir, snapshot) = ingest_without(&body, &feed);
        let snapshot = snapshot.unwrap();
        let dropped = &snapshot.counts().personas_dropped;
        let reasons = ["person_objected", "person_objected_elsewhere", "no_digital_id"];
        assert_eq!(reasons.map(|reason| dropped.get(reason)), [Some(&1); 3]);
        let left: Vec<Vec<String>> = bundles(&snapshot)
            .iter()
            .map(|bundle| bundle.ids.iter().map(|one| one.id.value().to_owned()).collect())
            .collect();
        assert_eq!(left, [["value-004"], ["value-005"]]);
        let (_dir, snapshot) = ingest(&body);
        let snapshot = snapshot.unwrap();
        assert_eq!(snapshot.left_out(&feed).unwrap(), BTreeSet::from([0, 1, 4]));
        let objected = snapshot.people().unwrap().objected(&feed).unwrap();
        let values = ["001", "002", "003", "004", "005"];
        let kept = values.map(|value| {
            let id = DigitalId::parse("cookie", "a.example", &format!("value-{value}")).unwrap();
            objected.has_digital_id(&id)
        });
        // The first is of nobody else.
        assert_eq!(kept, [false, true, true, false, false]);
    }

    #[test]
    fn graph_without_published_identifier_is_refused() {
        let (_dir, result) = ingest(&line("p1", "a", "no address", "2026-11-01"));
        let Err(GraphError::NothingPublished { reasons, .. }) = result else {
            panic!("nothing is published")
        };
        assert!(!reasons.is_empty());
    }
}
