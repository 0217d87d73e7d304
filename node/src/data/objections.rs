//! Objections: identifiers and digital IDs whose persons must not be matched or delivered.
//!
//! A feed in clear becomes *tombstones*: keyed digests under a key kept for this use only, so that
//! the store serves no other purpose and reveals nobody. It is sealed, only grows, and is named by
//! the head of a keyed chain over its entries, which a session shows to its partner. An import into
//! the graph leaves the persons out; tables and releases look at those that came after the
//! snapshot. An entry has no date that could make it weaker: it holds from the moment it is there.
//!
//! Beside the store lies its anchor, which says how far it went: a store that is gone, or was taken
//! back to an earlier state, would bring persons back who objected, and is refused.

use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use store::StoreError;

use crate::data::DataError;
use crate::data::digital::DigitalId;
use crate::data::sealed::{SealedFile, fill, open_sealed, read_or_end};
use crate::seal::{self, KeyedHash, SealedWriter, StorageKey};
use crate::world;

mod feed;

pub use self::feed::{Feed, FeedCounts, FeedRules, import_feed};

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
    /// [`StoreError::Seal`] if the key cannot be derived.
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
    /// [`StoreError::Seal`] if the key cannot be derived.
    pub fn none(key: &StorageKey) -> Result<Self, DataError> {
        Ok(Self { mason: Mason::new(key)?, sorted: Vec::new(), recorded: 0 })
    }

    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn of(key: &StorageKey, tombstones: &[Tombstone]) -> Self {
        let mut these = Self::none(key).unwrap();
        these.sorted = tombstones.to_vec();
        these.sorted.sort_unstable();
        these
    }

    /// Every objection of the store in `directory`, which may not exist yet.
    ///
    /// # Errors
    ///
    /// [`DataError`] if the store is damaged, cannot be read, or lacks what its anchor names.
    pub fn all(directory: &Path, key: &StorageKey) -> Result<Self, DataError> {
        Self::since(directory, key, 0)
    }

    /// Every objection of the store in `directory`, which has `at_least` so many.
    ///
    /// # Errors
    ///
    /// As [`Self::since`].
    pub fn complete(directory: &Path, key: &StorageKey, at_least: u64) -> Result<Self, DataError> {
        let these = Self::all(directory, key)?;
        whole(directory, these.recorded, at_least).map(|()| these)
    }

    /// The objections that were recorded after the first `recorded` ones.
    ///
    /// # Errors
    ///
    /// As [`Self::all`]; and if the store has fewer than these, because then it was lost or taken
    /// back to an earlier state, and whoever objected in between would come back.
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
        whole(directory, these.recorded, recorded)?;
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

/// How many objections the store in `directory` has.
///
/// # Errors
///
/// [`DataError`] if the store is damaged.
pub fn recorded(directory: &Path, key: &StorageKey) -> Result<u64, DataError> {
    Ok(Store::open(directory, key)?.map_or(0, |store| store.left))
}

/// A tombstone as the store holds it.
struct Entry {
    tombstone: Tombstone,
    /// Unix time at which this node took it; what the feed says of its date is not kept.
    taken_at: u64,
}

impl Entry {
    const LEN: usize = Tombstone::LEN + 8;

    fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        fill(&mut bytes, &[&self.tombstone.0, &self.taken_at.to_be_bytes()]);
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
    /// Opens the store; none if there never was one. A store that cannot be read is not none.
    fn open(directory: &Path, key: &StorageKey) -> Result<Option<Self>, DataError> {
        // First the anchor: a store that is written meanwhile goes further than it says.
        let anchor = Anchor::read(directory, key)?;
        let least = anchor.as_ref().map_or(0, |anchor| anchor.count);
        let path = directory.join(STORE);
        let mut reader = match open_sealed(&path, key, STORE) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return whole(directory, 0, least).map(|()| None);
            }
            opened => opened?,
        };
        let mut header = [0; 40];
        let read = read_or_end(&mut reader, &mut header, &path)?;
        let parts = header.split_first_chunk::<32>().filter(|_| read);
        let (head, count) = parts.ok_or_else(|| DataError::contradiction(&path))?;
        let count = count.try_into().map_err(|_| DataError::contradiction(&path))?;
        let count = u64::from_be_bytes(count);
        whole(directory, count, least)?;
        if anchor.is_some_and(|anchor| anchor.count == count && anchor.head != *head) {
            return Err(DataError::contradiction(&path));
        }
        Ok(Some(Self { reader, head: *head, left: count, path }))
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
                let taken_at = u64::from_be_bytes(at);
                Ok(Some(Entry { tombstone: Tombstone(*tombstone), taken_at }))
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
    .map_err(|error| failed.take().unwrap_or_else(|| error.into()))?;
    Anchor { head, count }.write(directory, key)
}

/// How far the store went, kept outside its directory. It is written after the store, so that it
/// may lag by an import after a crash and is never ahead.
struct Anchor {
    head: [u8; 32],
    count: u64,
}

impl Anchor {
    fn path(directory: &Path) -> PathBuf {
        directory.with_extension(ANCHOR)
    }

    fn read(directory: &Path, key: &StorageKey) -> Result<Option<Self>, DataError> {
        let path = Self::path(directory);
        let sealed = match std::fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataError::Store(StoreError::Io { path, source })),
        };
        let bytes =
            seal::open_bytes(key, ANCHOR_CONTEXT, &sealed).map_err(DataError::sealed(&path))?;
        let (head, count) =
            bytes.split_first_chunk().ok_or_else(|| DataError::contradiction(&path))?;
        let count = count.try_into().map_err(|_| DataError::contradiction(&path))?;
        Ok(Some(Self { head: *head, count: u64::from_be_bytes(count) }))
    }

    fn write(&self, directory: &Path, key: &StorageKey) -> Result<(), DataError> {
        let mut bytes = [0; 40];
        fill(&mut bytes, &[&self.head, &self.count.to_be_bytes()]);
        let sealed = seal::seal_bytes(key, ANCHOR_CONTEXT, &bytes)?;
        let path = Self::path(directory);
        Ok(world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?)
    }
}

/// Refuses a store that has fewer objections than this node is known to have taken.
fn whole(directory: &Path, found: u64, least: u64) -> Result<(), DataError> {
    match found < least {
        true => Err(DataError::ObjectionsLost { path: directory.join(STORE), found, least }),
        false => Ok(()),
    }
}

const ANCHOR: &str = "anchor";
const ANCHOR_CONTEXT: &str = "objections-anchor";
const STORE: &str = "objections";
/// They are held in memory while a graph is read: 16 bytes each.
const OBJECTIONS_MAX: u64 = 1 << 23;
