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

use normalize::digital::DigitalId;
use protocol::error::Bug;
use store::StoreError;
use store::os;
use store::record::{BigEndian, Record as _, U64, record};
use store::seal::{self, KeyedHash, StorageKey};
use store::sealed::{SealedFile, SealedOut};

use crate::RightsError;

mod feed;

pub use self::feed::{Feed, FeedCounts, FeedRules, LeftLine, SCHEMA, import_feed};

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
    /// A mason for the store under this key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Seal`] if the key cannot be derived.
    pub fn new(key: &StorageKey) -> Result<Self, RightsError> {
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
        let mut first = [0; Tombstone::LEN];
        for (to, from) in first.iter_mut().zip(self.0.of(parts)) {
            *to = from;
        }
        Tombstone(first)
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
    /// An empty set.
    ///
    /// # Errors
    ///
    /// [`StoreError::Seal`] if the key cannot be derived.
    pub fn none(key: &StorageKey) -> Result<Self, RightsError> {
        Ok(Self { mason: Mason::new(key)?, sorted: Vec::new(), recorded: 0 })
    }

    /// Exactly these, for tests of what asks for them.
    #[cfg(any(test, feature = "testing"))]
    pub fn of(key: &StorageKey, tombstones: &[Tombstone]) -> Result<Self, RightsError> {
        let mut sorted = tombstones.to_vec();
        sorted.sort_unstable();
        Ok(Self { sorted, ..Self::none(key)? })
    }

    /// Every objection of the store in `directory`, which may not exist yet.
    ///
    /// # Errors
    ///
    /// [`RightsError`] if the store is damaged, cannot be read, or lacks what its anchor names.
    pub fn all(directory: &Path, key: &StorageKey) -> Result<Self, RightsError> {
        Self::since(directory, key, 0)
    }

    /// Every objection of the store in `directory`, which has `at_least` so many.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::since`].
    pub fn complete(
        directory: &Path,
        key: &StorageKey,
        at_least: u64,
    ) -> Result<Self, RightsError> {
        let these = Self::all(directory, key)?;
        whole(directory, these.recorded, at_least).map(|()| these)
    }

    /// The objections that were recorded after the first `recorded` ones.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::all`]; and if the store has fewer than these, because then it was
    /// lost or taken back to an earlier state, and whoever objected in between would come back.
    pub fn since(directory: &Path, key: &StorageKey, recorded: u64) -> Result<Self, RightsError> {
        let mut these = Self::none(key)?;
        if let Some(mut store) = Store::open(directory, key)? {
            let mut position = 0_u64;
            while let Some(entry) = store.next_entry()? {
                if position >= recorded {
                    these.sorted.push(Tombstone(entry.tombstone));
                }
                position = position.checked_add(1).ok_or(Bug::invariant())?;
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

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The maker of tombstones that can be compared with these.
    #[must_use]
    pub const fn mason(&self) -> &Mason {
        &self.mason
    }

    /// True if this tombstone is among them.
    #[must_use]
    pub fn has(&self, tombstone: Tombstone) -> bool {
        self.sorted.binary_search(&tombstone).is_ok()
    }

    /// True if a digital ID was objected to.
    #[must_use]
    pub fn has_digital_id(&self, id: &DigitalId) -> bool {
        !self.is_empty() && self.has(self.mason.digital_id(id))
    }
}

/// The head of the store: zeros without any objection. It reveals nothing without the node's key.
///
/// # Errors
///
/// [`RightsError`] if the store is damaged.
pub fn suppression_epoch(directory: &Path, key: &StorageKey) -> Result<[u8; 32], RightsError> {
    Ok(Store::open(directory, key)?.map_or([0; 32], |store| store.head))
}

/// Number of objections in the store in `directory`.
///
/// # Errors
///
/// [`RightsError`] if the store is damaged.
pub fn recorded(directory: &Path, key: &StorageKey) -> Result<u64, RightsError> {
    Ok(Store::open(directory, key)?.map_or(0, |store| store.left))
}

record! {
    /// Head of the store, and what its anchor says of it.
    struct Head {
        /// Head of the keyed chain over the entries.
        chain: [u8; 32],
        /// Number of entries.
        count: U64<BigEndian>,
    }
}

record! {
    /// A tombstone as the store holds it.
    struct Entry {
        tombstone: [u8; Tombstone::LEN],
        /// Unix time at which this node took it; the date of the feed is not kept.
        taken_at: U64<BigEndian>,
    }
}

/// The store on disk: its head, then entries in the order they were recorded.
struct Store {
    entries: SealedFile<Entry>,
    head: [u8; 32],
    left: u64,
}

impl Store {
    /// Opens the store; none if there never was one. A store that cannot be read is not none.
    fn open(directory: &Path, key: &StorageKey) -> Result<Option<Self>, RightsError> {
        // First the anchor: a store that is written meanwhile goes further than it says.
        let anchor = read_anchor(directory, key)?;
        let least = anchor.map_or(0, |anchor| anchor.count.get());
        let path = directory.join(STORE);
        let mut file = match SealedFile::<Head>::open(&path, key, STORE) {
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return whole(directory, 0, least).map(|()| None);
            }
            opened => opened?,
        };
        let head = file.require()?;
        whole(directory, head.count.get(), least)?;
        if anchor.is_some_and(|anchor| anchor.count == head.count && anchor.chain != head.chain) {
            return Err(StoreError::contradiction(&path).into());
        }
        Ok(Some(Self { entries: file.then(), head: head.chain, left: head.count.get() }))
    }

    fn next_entry(&mut self) -> Result<Option<Entry>, RightsError> {
        match (self.entries.next_record()?, self.left.checked_sub(1)) {
            (None, None) => Ok(None),
            (Some(entry), Some(left)) => {
                self.left = left;
                Ok(Some(entry))
            }
            _ => Err(StoreError::contradiction(self.entries.path()).into()),
        }
    }
}

/// Replaces the store by itself and further entries, its head moved over each of these.
fn write(directory: &Path, key: &StorageKey, added: &[Entry]) -> Result<(), RightsError> {
    let mut earlier = Store::open(directory, key)?;
    let keyed = key.keyed_hash("objection-epoch")?;
    let mut chain = earlier.as_ref().map_or([0; 32], |store| store.head);
    for entry in added {
        chain = keyed.of(&[&chain, entry.bytes()]);
    }
    let kept = earlier.as_ref().map_or(0, |store| store.left);
    let count = kept.checked_add(added.len() as u64).ok_or(Bug::invariant())?;
    let head = Head { chain, count: count.into() };
    let mut failed = None;
    let path = directory.join(STORE);
    os::publish_atomically(&path, os::PRIVATE_MODE, |out| {
        let write = || {
            let mut sealed = SealedOut::<Head, _>::over(out, key, STORE)?;
            sealed.push(&head)?;
            let mut sealed = sealed.then::<Entry>();
            while let Some(entry) = earlier.as_mut().map_or(Ok(None), Store::next_entry)? {
                sealed.push(&entry)?;
            }
            added.iter().try_for_each(|entry| sealed.push(entry))?;
            sealed.into_inner()?;
            Ok::<(), RightsError>(())
        };
        write().map_err(|error| {
            failed = Some(error);
            ErrorKind::Other.into()
        })
    })
    .map_err(|error| failed.take().unwrap_or_else(|| error.into()))?;
    write_anchor(directory, key, &head)
}

/// Place of the anchor, beside the directory of the store.
///
/// The anchor says how far the store went. It is written after the store, so that it may lag by an
/// import after a crash and is never ahead.
fn anchor_path(directory: &Path) -> PathBuf {
    directory.with_extension(ANCHOR)
}

fn read_anchor(directory: &Path, key: &StorageKey) -> Result<Option<Head>, RightsError> {
    let path = anchor_path(directory);
    let sealed = match std::fs::read(&path) {
        Ok(sealed) => sealed,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::Io { path, source }.into()),
    };
    let bytes =
        seal::open_bytes(key, ANCHOR_CONTEXT, &sealed).map_err(StoreError::sealed(&path))?;
    let head = Head::read(&bytes).ok_or_else(|| StoreError::contradiction(&path))?;
    Ok(Some(*head))
}

fn write_anchor(directory: &Path, key: &StorageKey, head: &Head) -> Result<(), RightsError> {
    let sealed = seal::seal_bytes(key, ANCHOR_CONTEXT, head.bytes())?;
    let path = anchor_path(directory);
    Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |out| out.write_all(&sealed))?)
}

/// Refuses a store that has fewer objections than this node is known to have taken.
fn whole(directory: &Path, found: u64, least: u64) -> Result<(), RightsError> {
    match found < least {
        true => Err(RightsError::Lost { path: directory.join(STORE), found, least }),
        false => Ok(()),
    }
}

const ANCHOR: &str = "anchor";
const ANCHOR_CONTEXT: &str = "objections-anchor";
const STORE: &str = "objections";
/// Most objections of a node; 16 bytes of memory each while a graph is read.
const OBJECTIONS_MAX: u64 = 1 << 23;
