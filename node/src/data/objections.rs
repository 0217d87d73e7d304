//! Objections: identifiers and digital IDs whose persons must not be matched or delivered.
//!
//! A feed in clear becomes *tombstones*: keyed digests under a key kept for this use only, so that
//! the store serves no other purpose and reveals nobody. It is sealed, only grows, and is named by
//! the head of a keyed chain over its entries, which a session shows to its partner. An import into
//! the graph leaves the persons out; a release looks at those that came after the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::data::DataError;
use crate::data::cell;
use crate::data::csv::{CsvOptions, CsvReader, Record};
use crate::data::digital::DigitalId;
use crate::data::sealed::{SealedFile, fill, open_sealed, read_or_end};
use crate::normalize::{EmailPrehash, Normalizer, Outcome, PhoneContext};
use crate::seal::{KeyedHash, SealedWriter, StorageKey};
use crate::world::{self, DirectoryLock};

/// A keyed digest of an identifier or a digital ID.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tombstone(pub [u8; Tombstone::LEN]);

impl Tombstone {
    /// Bytes of a tombstone.
    pub const LEN: usize = 16;
}

/// Opaque: whoever has the node's key can test it.
impl fmt::Debug for Tombstone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tombstone(..)")
    }
}

/// Makes tombstones.
#[derive(Debug)]
pub struct Mason(KeyedHash);

impl Mason {
    /// For the store under this key.
    ///
    /// # Errors
    ///
    /// [`DataError::Seal`] if the key cannot be derived.
    pub fn new(key: &StorageKey) -> Result<Self, DataError> {
        Ok(Self(key.keyed_hash("objection")?))
    }

    /// The tombstone of an identifier. The ruleset is not in it, so that a change of rules loses no
    /// objection.
    #[must_use]
    pub fn identifier(&self, kind: u8, digest: &[u8; 32]) -> Tombstone {
        self.of(&[&[0, kind], digest])
    }

    /// The tombstone of a digital ID.
    #[must_use]
    pub fn digital_id(&self, id: &DigitalId) -> Tombstone {
        self.of(&[&[1], id.encoded()])
    }

    fn of(&self, parts: &[&[u8]]) -> Tombstone {
        let hash = self.0.of(parts);
        Tombstone(hash.first_chunk().copied().unwrap_or_default())
    }
}

/// What the scan of an objection feed needs to know.
#[derive(Debug)]
pub struct FeedRules<'a> {
    /// Rules that turn values into digests.
    pub normalizer: &'a Normalizer,
    /// Form of the file.
    pub csv: CsvOptions,
    /// Rules that made values of type `email_sha256`; none means such values are refused.
    pub email_sha256: Option<EmailPrehash>,
}

/// What became of a feed's lines; no value of any line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FeedCounts {
    /// Lines in the feed.
    pub lines_read: u64,
    /// Tombstones that were not in the store before.
    pub added: u64,
    /// Values that could not be used, by reason: these objections are not carried out.
    pub rejected: BTreeMap<String, u64>,
}

/// Objections in force, or those after a point in time, ready to be asked.
#[derive(Debug)]
pub struct Objections {
    mason: Mason,
    sorted: Vec<Tombstone>,
    recorded: u64,
}

impl Objections {
    /// None at all.
    ///
    /// # Errors
    ///
    /// [`DataError::Seal`] if the key cannot be derived.
    pub fn none(key: &StorageKey) -> Result<Self, DataError> {
        Ok(Self { mason: Mason::new(key)?, sorted: Vec::new(), recorded: 0 })
    }

    #[cfg(test)]
    pub(crate) fn of(key: &StorageKey, tombstones: &[Tombstone]) -> Self {
        let mut these = Self::none(key).unwrap();
        these.sorted = tombstones.to_vec();
        these.sorted.sort_unstable();
        these
    }

    /// Every objection of the store in `directory`, which may not exist yet.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the store is damaged.
    pub fn all(directory: &Path, key: &StorageKey) -> Result<Self, DataError> {
        Self::since(directory, key, 0)
    }

    /// The objections that were recorded after the first `recorded` ones.
    ///
    /// # Errors
    ///
    /// As [`Self::all`].
    pub fn since(directory: &Path, key: &StorageKey, recorded: u64) -> Result<Self, DataError> {
        let mut these = Self::none(key)?;
        if let Some(mut store) = Store::open(directory, key)? {
            let mut position = 0_u64;
            while let Some(entry) = store.next_entry()? {
                if position >= recorded {
                    these.sorted.push(entry.tombstone);
                }
                position = position.saturating_add(1);
            }
            these.recorded = position;
        }
        these.sorted.sort_unstable();
        Ok(these)
    }

    /// Objections in the store, those before the point in time included.
    #[must_use]
    pub const fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// What makes tombstones comparable with these.
    #[must_use]
    pub const fn mason(&self) -> &Mason {
        &self.mason
    }

    /// Whether one of them is this.
    #[must_use]
    pub fn has(&self, tombstone: Tombstone) -> bool {
        self.sorted.binary_search(&tombstone).is_ok()
    }

    /// Whether the person behind an identifier objected.
    #[must_use]
    pub fn has_identifier(&self, kind: u8, digest: &[u8; 32]) -> bool {
        !self.is_empty() && self.has(self.mason.identifier(kind, digest))
    }

    /// Whether a digital ID was objected to.
    #[must_use]
    pub fn has_digital_id(&self, id: &DigitalId) -> bool {
        !self.is_empty() && self.has(self.mason.digital_id(id))
    }
}

/// The head of the store: zeros without any objection. It reveals nothing without the node's key.
///
/// # Errors
///
/// [`DataError`] if the store is damaged.
pub fn suppression_epoch(directory: &Path, key: &StorageKey) -> Result<[u8; 32], DataError> {
    Ok(Store::open(directory, key)?.map_or([0; 32], |store| store.head))
}

/// Reads a feed of `type, value, scope, recorded_at` into the store in `directory`.
///
/// A scope narrower than the provider as a whole is taken as the whole, which errs on the side of
/// the person. The store is replaced whole or not at all.
///
/// # Errors
///
/// [`DataError`]; a feed that cannot be read is named with line and column.
pub fn import_feed(
    directory: &Path,
    file: &Path,
    rules: &FeedRules<'_>,
    key: &StorageKey,
    now: u64,
) -> Result<FeedCounts, DataError> {
    world::create_private_dir(directory)?;
    let _lock = DirectoryLock::acquire(directory)?;
    let known = Objections::all(directory, key)?;
    let (added, counts) = scan(file, rules, &known, now)?;
    if !added.is_empty() {
        write(directory, key, &added)?;
    }
    Ok(counts)
}

/// Tombstones that are not in the store yet, in the order of the feed.
fn scan(
    file: &Path,
    rules: &FeedRules<'_>,
    known: &Objections,
    now: u64,
) -> Result<(Vec<Entry>, FeedCounts), DataError> {
    let input = |source| DataError::Input { file: file.to_path_buf(), source };
    let handle =
        File::open(file).map_err(|source| DataError::Open { file: file.to_path_buf(), source })?;
    let mut reader = CsvReader::new(BufReader::new(handle), rules.csv).map_err(input)?;
    let columns = Columns {
        kind: reader.column("type").map_err(input)?,
        value: reader.column("value").map_err(input)?,
        recorded_at: reader.find("recorded_at"),
    };
    let mut counts = FeedCounts::default();
    let (mut added, mut fresh) = (Vec::new(), BTreeSet::new());
    while let Some(record) = reader.next_record().map_err(input)? {
        counts.lines_read += 1;
        match tombstones(&record, &columns, rules, known.mason()) {
            Ok(tombstones) => {
                let at = columns.recorded_at.and_then(|column| record.get(column));
                let recorded_at = cell::time(at.unwrap_or(""), now)
                    .map_or(now, |at| u64::try_from(at.as_second()).unwrap_or(now));
                for tombstone in tombstones {
                    if !known.has(tombstone) && fresh.insert(tombstone) {
                        added.push(Entry { tombstone, recorded_at });
                    }
                }
            }
            Err(reason) => *counts.rejected.entry(reason.to_owned()).or_default() += 1,
        }
        if known.recorded().saturating_add(added.len() as u64) > OBJECTIONS_MAX {
            return Err(DataError::Declared {
                what: format!("this node keeps at most {OBJECTIONS_MAX} objections"),
                try_this: "leave the persons out of the graph file instead".to_owned(),
            });
        }
    }
    counts.added = added.len() as u64;
    Ok((added, counts))
}

struct Columns {
    kind: usize,
    value: usize,
    recorded_at: Option<usize>,
}

fn tombstones(
    record: &Record<'_>,
    columns: &Columns,
    rules: &FeedRules<'_>,
    mason: &Mason,
) -> Result<Vec<Tombstone>, &'static str> {
    let kind = record.get(columns.kind).unwrap_or("").trim();
    let value = record.get(columns.value).unwrap_or("").trim();
    let digital = |kind, namespace| {
        DigitalId::parse(kind, namespace, value).map(|id| vec![mason.digital_id(&id)])
    };
    let outcome = match kind {
        "email" => rules.normalizer.email(value),
        "phone" => {
            let context = PhoneContext { country: None, postcode: None };
            rules.normalizer.phone(value, &context)
        }
        "email_sha256" => rules.normalizer.email_sha256(value, rules.email_sha256),
        "idfa" | "aaid" => return digital(kind, ""),
        _ => match kind.strip_prefix("cookie:") {
            Some(namespace) => return digital("cookie", namespace.trim()),
            None => return Err("type_unknown"),
        },
    };
    match outcome {
        Outcome::Ok(found) => Ok(found
            .iter()
            .map(|one| mason.identifier(one.kind().code(), one.digest().expose_bytes()))
            .collect()),
        Outcome::Reject(reason) => Err(reason.code()),
        Outcome::Absent => Err("absent"),
    }
}

/// A tombstone as the store holds it.
struct Entry {
    tombstone: Tombstone,
    /// Unix time.
    recorded_at: u64,
}

impl Entry {
    const LEN: usize = Tombstone::LEN + 8;

    fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        fill(&mut bytes, &[&self.tombstone.0, &self.recorded_at.to_be_bytes()]);
        bytes
    }
}

/// The store on disk: `head ‖ u64 count ‖ entries` in the order they were recorded.
struct Store {
    reader: SealedFile,
    path: PathBuf,
    head: [u8; 32],
    left: u64,
}

impl Store {
    fn open(directory: &Path, key: &StorageKey) -> Result<Option<Self>, DataError> {
        let path = directory.join(STORE);
        if !path.exists() {
            return Ok(None);
        }
        let mut reader = open_sealed(&path, key, STORE)?;
        let mut header = [0; 40];
        let read = read_or_end(&mut reader, &mut header, &path)?;
        let parts = header.split_first_chunk::<32>().filter(|_| read);
        let (head, count) = parts.ok_or_else(|| DataError::contradiction(&path))?;
        let count = count.try_into().map_err(|_| DataError::contradiction(&path))?;
        Ok(Some(Self { reader, head: *head, left: u64::from_be_bytes(count), path }))
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, DataError> {
        let mut bytes = [0; Entry::LEN];
        let read = read_or_end(&mut self.reader, &mut bytes, &self.path)?;
        let parts = bytes.split_first_chunk().filter(|_| read);
        match (parts, self.left.checked_sub(1)) {
            (None, None) => Ok(None),
            (Some((tombstone, at)), Some(left)) => {
                self.left = left;
                let at = at.try_into().map_err(|_| DataError::contradiction(&self.path))?;
                let recorded_at = u64::from_be_bytes(at);
                Ok(Some(Entry { tombstone: Tombstone(*tombstone), recorded_at }))
            }
            _ => Err(DataError::contradiction(&self.path)),
        }
    }
}

/// Replaces the store by itself and further entries, its head moved over each of these.
fn write(directory: &Path, key: &StorageKey, added: &[Entry]) -> Result<(), DataError> {
    let mut earlier = Store::open(directory, key)?;
    let chain = key.keyed_hash("objection-epoch")?;
    let mut head = earlier.as_ref().map_or([0; 32], |store| store.head);
    for entry in added {
        head = chain.of(&[&head, &entry.encode()]);
    }
    let kept = earlier.as_ref().map_or(0, |store| store.left);
    let count = kept.saturating_add(added.len() as u64);
    let mut failed = None;
    let path = directory.join(STORE);
    world::publish_atomically(&path, world::PRIVATE_MODE, |out| {
        let write = || {
            let mut sealed = SealedWriter::new(out, key, STORE)?;
            sealed.append(&head)?;
            sealed.append(&count.to_be_bytes())?;
            while let Some(entry) = earlier.as_mut().map_or(Ok(None), Store::next_entry)? {
                sealed.append(&entry.encode())?;
            }
            added.iter().try_for_each(|entry| sealed.append(&entry.encode()))?;
            sealed.finish()?;
            Ok::<(), DataError>(())
        };
        write().map_err(|error| {
            failed = Some(error);
            std::io::ErrorKind::Other.into()
        })
    })
    .map_err(|error| failed.take().unwrap_or_else(|| error.into()))
}

const STORE: &str = "objections";
/// They are held in memory while a graph is read: 16 bytes each.
const OBJECTIONS_MAX: u64 = 1 << 23;

#[cfg(test)]
mod tests {
    use crate::normalize::{Options, Ruleset};

    use super::*;

    const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

    fn import(dir: &Path, body: &str) -> Result<FeedCounts, DataError> {
        let file = dir.join("feed.csv");
        std::fs::write(&file, format!("type,value,scope,recorded_at\n{body}")).unwrap();
        let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
        let rules = FeedRules {
            normalizer: &normalizer,
            csv: CsvOptions::default(),
            email_sha256: EmailPrehash::parse("plain"),
        };
        import_feed(&dir.join("objections"), &file, &rules, &StorageKey::from_bytes([1; 32]), 5_000)
    }

    fn open(dir: &Path, since: u64) -> Objections {
        let key = StorageKey::from_bytes([1; 32]);
        Objections::since(&dir.join("objections"), &key, since).unwrap()
    }

    fn epoch(dir: &Path) -> [u8; 32] {
        suppression_epoch(&dir.join("objections"), &StorageKey::from_bytes([1; 32])).unwrap()
    }

    #[test]
    fn feed_becomes_tombstones_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(epoch(dir.path()), [0; 32]);
        let body = format!(
            "email, One@Exemple.fr ,all,2026-11-01\nidfa,{AAID},,\ncookie:a.example,AbCd1234,,\n\
             email,no address,,\nfax,12,,\n"
        );
        let counts = import(dir.path(), &body).unwrap();
        assert_eq!(counts.lines_read, 5);
        let rejected: u64 = counts.rejected.values().sum();
        assert_eq!((rejected, counts.rejected.get("type_unknown")), (2, Some(&1)));
        let objections = open(dir.path(), 0);
        assert_eq!(objections.recorded(), counts.added);
        let idfa = DigitalId::parse("idfa", "", AAID).unwrap();
        let aaid = DigitalId::parse("aaid", "", AAID).unwrap();
        assert!(objections.has_digital_id(&idfa) && !objections.has_digital_id(&aaid));
        let normalizer = Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1));
        let Outcome::Ok(found) = normalizer.email("one@exemple.fr") else { panic!("an address") };
        for one in &found {
            assert!(objections.has_identifier(one.kind().code(), one.digest().expose_bytes()));
        }
        let bytes = std::fs::read(dir.path().join("objections").join(STORE)).unwrap();
        let digest = found.first().unwrap().digest().expose_bytes();
        assert!(!bytes.windows(32).any(|window| window == digest));
    }

    #[test]
    fn epoch_moves_with_new_objections_only() {
        let dir = tempfile::tempdir().unwrap();
        import(dir.path(), &format!("aaid,{AAID},,\n")).unwrap();
        let first = epoch(dir.path());
        assert_ne!(first, [0; 32]);
        assert_eq!(import(dir.path(), &format!("aaid,{AAID},,\n")).unwrap().added, 0);
        assert_eq!(epoch(dir.path()), first);
        assert_eq!(import(dir.path(), &format!("idfa,{AAID},,\n")).unwrap().added, 1);
        assert_ne!(epoch(dir.path()), first);
        let late = open(dir.path(), 1);
        assert!(late.has_digital_id(&DigitalId::parse("idfa", "", AAID).unwrap()));
        assert!(!late.has_digital_id(&DigitalId::parse("aaid", "", AAID).unwrap()));
        assert_eq!(late.recorded(), 2);
        assert!(open(dir.path(), 2).is_empty());
    }

    #[test]
    fn damaged_store_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        import(dir.path(), &format!("aaid,{AAID},,\n")).unwrap();
        let path = dir.path().join("objections").join(STORE);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let key = StorageKey::from_bytes([1; 32]);
        assert!(Objections::all(&dir.path().join("objections"), &key).is_err());
    }
}
