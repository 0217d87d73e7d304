//! The advertiser's CRM files: scan, gate, digest, order, commit.
//!
//! Rows are committed in the byte order of their row id, whatever the form and the number of the
//! files and the order of their rows, and an identifier that several rows hold is evaluated once.
//! Three external sorts find both without holding a file in memory; everything they spill is
//! sealed.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::path::{Path, PathBuf};

use protocol::commitment::{InputCommitter, InputLeaf, InputRoot, identifier_from_parts};
use protocol::error::Bug;
use protocol::group::BatchArithmetic;
use protocol::purpose::Purpose;
use protocol::seed::InputSeed;
use serde::{Deserialize, Serialize};
use session::RowSlot;
use store::StoreError;
use zeroize::Zeroize;

use normalize::{Level, Line, Normalized, Normalizer, Reason};
use store::hex;
use store::os as world;
use store::record::zerocopy::IntoBytes as _;
use store::record::{BigEndian, Erased, Record as _, U16, U64, record};
use store::seal::{self, StorageKey};
use store::sealed::LEAVES_AT_ONCE;
use store::sealed::{RawSealedFile, SealedFile, open_sealed, read_or_end};
use store::spill::{SealedRecords, Workspace};
use tabular::{Input, Step, Watched};

mod columns;
mod counts;
mod delivered;
mod departures;
mod error;
mod gate;
mod merge;
mod objectors;
mod order;
mod scan;
mod shape;
mod shared;
mod sources;
#[cfg(test)]
mod tests;
mod unmatchable;
mod words;

pub use self::columns::SCHEMA;
use self::columns::Values;
pub use self::counts::{
    ColumnCounts, ColumnUse, FileUse, InputCounts, SharedIdentifiers, SourceCounts, Survey,
};
pub use self::delivered::{CONSENT_ENDED_ELSEWHERE, Departures, Leavers, Removals, Sendable};
pub use self::departures::{Departed, Leaver, PersonHash, PersonHashes};
pub use self::error::{CrmError, Undeclared};
pub use self::gate::GateRules;
use self::order::{Gathered, gather};
use self::scan::Reasons;
pub use self::shape::Shape;
pub use self::shared::WidelyShared;
pub use self::unmatchable::Unmatchable;
pub use self::words::UnknownWords;

/// Knowledge that the scan of CRM files needs.
#[derive(Debug)]
pub struct InputRules<'a> {
    /// Rules that turn values into digests.
    pub normalizer: &'a Normalizer,
    /// Evidence that a row must carry.
    pub gate: GateRules,
    /// Kinds of identifiers that the terms will list; others are left out and counted.
    pub kinds: &'a [u8],
    /// Level of the links behind the tables, as [`protocol::terms::LinkFilter::level`] has it:
    /// with 0, numbers known to be no mobile numbers are left out and counted.
    pub level: u8,
    /// Identifiers of a row that the terms take, at most; those beyond are left out and counted.
    pub row_width: u8,
    /// Largest number of rows that may share an identifier.
    pub shared: SharedLimits,
    /// Columns of identifiers, by our names, whose values may not be used for the purpose.
    pub not_for_purpose: &'a [String],
    /// Watch over the work.
    pub watched: &'a Watched,
    /// Digest of the map of the files, if there is one; kept with the input.
    pub map: Option<[u8; 32]>,
    /// Persons who are in no input any more.
    pub departed: Option<&'a Departed>,
}

impl InputRules<'_> {
    /// Reason why an identifier can be in no table of these terms, if it cannot [N-27].
    ///
    /// A digest does not say which line it is of: it stays.
    fn unmatchable(&self, values: Values, found: &Normalized) -> Option<Reason> {
        if !self.kinds.contains(&found.kind().code()) {
            return Some(Reason::KindNotInTerms);
        }
        let household = values == Values::Phone && found.level() == Level::Household;
        (household && self.level == 0).then(|| match found.line() {
            Some(Line::Fixed) => Reason::HouseholdNotInTerms,
            _ => Reason::PhoneMobileUnknown,
        })
    }
}

/// Largest number of rows of an input that hold one identifier, by its kind; more are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedLimits {
    /// E-mail addresses.
    pub email: u32,
    /// Telephone numbers, fixed lines apart.
    pub phone: u32,
    /// Fixed lines, which a household shares.
    pub phone_fixed: u32,
}

impl Default for SharedLimits {
    fn default() -> Self {
        Self { email: 5, phone: 5, phone_fixed: 10 }
    }
}

/// Takes the reason for each value or row that is left out, for the owner of the file.
pub trait RowReasons {
    /// Notes one reason; `column` is empty for a reason of the whole row.
    ///
    /// # Errors
    ///
    /// An error ends the scan.
    fn note(
        &mut self,
        row_id: &str,
        line: u64,
        column: &str,
        reason: Reason,
    ) -> std::io::Result<()>;
}

/// A committed input, kept sealed in a directory of its own.
#[derive(Debug)]
pub struct PreparedInput {
    directory: PathBuf,
    key: StorageKey,
    root: InputRoot,
    purpose: Purpose,
    consent_max_age_days: u16,
    /// Digest of the map of the files.
    map: Option<[u8; 32]>,
    distinct: u64,
    counts: InputCounts,
    row_identifiers_max: Option<usize>,
}

/// Rows of CRM files, judged and in their order, before anything is committed to.
struct GatheredInput<'a> {
    inputs: &'a [Input],
    rules: &'a InputRules<'a>,
    store: &'a Path,
    key: &'a StorageKey,
    staging: Staging,
    gathered: Gathered,
}

impl<'a> GatheredInput<'a> {
    /// Reads CRM files, and keeps their rows until they are committed to or dropped.
    ///
    /// # Errors
    ///
    /// [`CrmError`]; a file that cannot be used is named with line and column.
    fn read(
        inputs: &'a [Input],
        rules: &'a InputRules<'a>,
        store: &'a Path,
        key: &'a StorageKey,
        workspace: &Workspace,
    ) -> Result<Self, CrmError> {
        let staging = Staging::create(store)?;
        let gathered = gather(inputs, rules, &staging, key, workspace, &mut Reasons(None))?;
        Ok(Self { inputs, rules, store, key, staging, gathered })
    }

    /// Rows that were left out for a reason of rights.
    const fn left_out(&self) -> &SealedRecords {
        &self.gathered.left_out
    }

    /// The time by which they were judged.
    const fn now(&self) -> u64 {
        self.rules.gate.now
    }

    /// The purpose that the rows were judged for.
    const fn purpose(&self) -> Purpose {
        self.rules.gate.purpose
    }

    /// Ids of the rows that may be used, in their order.
    fn row_ids(&self) -> Result<RowIds, CrmError> {
        RowIds::open(&self.staging.directory, self.key)
    }

    /// The rows that may be used, in their order, with the times of their consents.
    fn usable_rows(&self) -> Result<UsableRows, CrmError> {
        let path = self.staging.directory.join(IDENTIFIERS);
        let places = SealedFile::open(&path, self.key, IDENTIFIERS)?;
        Ok(UsableRows { ids: self.row_ids()?, places, next: 0 })
    }

    /// True if a row that may be used is of somebody who left, by its id or by an identifier that
    /// it may be matched by.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    fn holds(&self, departed: &Departed) -> Result<bool, CrmError> {
        let path = self.staging.directory.join(IDENTIFIERS);
        let mut places = SealedFile::<Place>::open(&path, self.key, IDENTIFIERS)?;
        while let Some(place) = places.next_record()? {
            if departed.holds(&[], [(place.kind, &place.digest)]) {
                return Ok(true);
            }
        }
        let mut ids = self.row_ids()?;
        while let Some(id) = ids.next_id()? {
            if departed.holds(&id, []) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts rows under the code of a warning.
    fn warn(&mut self, code: &str, rows: u64) {
        if rows > 0 {
            self.gathered.counts.warnings.insert(code.to_owned(), rows);
        }
    }

    /// Commits to the rows, as one input under the directory of inputs.
    ///
    /// The same content under the same rules gives the same root and directory, whatever the form
    /// of the files, their number, and the order of their rows.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if no row may be used, or of the file system.
    fn commit(self, arithmetic: &dyn BatchArithmetic) -> Result<PreparedInput, CrmError> {
        let Self { inputs, rules, store, key, staging, gathered } = self;
        let Gathered { content, counts, distinct, files: uses, .. } = gathered;
        let widest = uses.iter().map(|file| file.row_identifiers_max).max();
        let row_identifiers_max = widest.map(|widest| widest.min(rules.row_width.into()));
        if counts.eligible == 0 {
            return Err(counts.empty(inputs));
        }
        let seed = seed_of(store, &content, key)?;
        rules.watched.began(Step::Commit, Some(counts.identifiers.values().sum()));
        let committed = commit(&staging.directory, key, &seed, (arithmetic, rules.watched))?;
        let root = committed.finish(counts.eligible, map_or_none(rules.map));
        let meta = Meta {
            root: root.root,
            leaves: root.leaves,
            rows: root.rows,
            purpose: rules.gate.purpose.code(),
            consent_max_age_days: rules.gate.consent_max_age_days,
            map: rules.map,
            distinct,
            counts,
        };
        let directory = meta.publish(staging, store, key)?;
        Ok(PreparedInput { row_identifiers_max, ..PreparedInput::open(&directory, key)? })
    }
}

impl PreparedInput {
    /// Reads CRM files and keeps them as one committed input under `store`.
    ///
    /// # Errors
    ///
    /// [`CrmError`]; a file that cannot be used is named with line and column.
    pub fn prepare(
        inputs: &[Input],
        rules: &InputRules<'_>,
        store: &Path,
        key: &StorageKey,
        workspace: &Workspace,
        arithmetic: &dyn BatchArithmetic,
    ) -> Result<Self, CrmError> {
        GatheredInput::read(inputs, rules, store, key, workspace)?.commit(arithmetic)
    }

    /// Reads CRM files as [`Self::prepare`] does, tells what they hold, and keeps nothing.
    ///
    /// Files without an eligible row are no error here. `reasons` gets one note for each value and
    /// row that is left out.
    ///
    /// # Errors
    ///
    /// [`CrmError`]; a file that cannot be used is named with line and column.
    pub fn survey(
        inputs: &[Input],
        rules: &InputRules<'_>,
        store: &Path,
        key: &StorageKey,
        workspace: &Workspace,
        reasons: Option<&mut dyn RowReasons>,
    ) -> Result<Survey, CrmError> {
        // Removed when it is dropped.
        let staging = Staging::create(store)?;
        let Gathered { counts, columns, distinct, files, unknown, .. } =
            gather(inputs, rules, &staging, key, workspace, &mut Reasons(reasons))?;
        Ok(Survey { files, counts, columns, distinct, unknown })
    }

    /// Opens an input that was prepared before.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if it is damaged or sealed under another key.
    pub fn open(directory: &Path, key: &StorageKey) -> Result<Self, CrmError> {
        let path = directory.join(META);
        let sealed = std::fs::read(&path).map_err(CrmError::io(&path))?;
        let text = seal::open_bytes(key, META, &sealed).map_err(CrmError::sealed(&path))?;
        let meta: Meta =
            serde_json::from_slice(&text).map_err(|_| CrmError::contradiction(&path))?;
        Ok(Self {
            directory: directory.to_path_buf(),
            key: key.clone(),
            root: InputRoot {
                root: meta.root,
                leaves: meta.leaves,
                rows: meta.rows,
                map: map_or_none(meta.map),
            },
            purpose: Purpose::from_code(meta.purpose)
                .ok_or_else(|| CrmError::contradiction(&path))?,
            consent_max_age_days: meta.consent_max_age_days,
            map: meta.map,
            distinct: meta.distinct,
            counts: meta.counts,
            row_identifiers_max: None,
        })
    }

    /// The committed root.
    #[must_use]
    pub const fn root(&self) -> InputRoot {
        self.root
    }

    /// The purpose that every row consents to; terms for this input name it and no other [D-28].
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Days up to which the evidence of every row counted.
    #[must_use]
    pub const fn consent_max_age_days(&self) -> u16 {
        self.consent_max_age_days
    }

    /// Digest of the map by which the files were read, if there was one.
    #[must_use]
    pub const fn map(&self) -> Option<&[u8; 32]> {
        self.map.as_ref()
    }

    /// Distinct identifiers.
    #[must_use]
    pub const fn distinct(&self) -> u64 {
        self.distinct
    }

    /// Identifiers that a row can have at most, by the columns of the files and the agreed kinds
    /// alone and whatever the rows hold; `None` for an input that was opened again.
    #[must_use]
    pub const fn row_identifiers_max(&self) -> Option<usize> {
        self.row_identifiers_max
    }

    /// Populations.
    #[must_use]
    pub const fn counts(&self) -> &InputCounts {
        &self.counts
    }

    /// The identifiers in (row, slot) order.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if the sealed file does not open.
    pub fn identifiers(&self) -> Result<Identifiers, CrmError> {
        let path = self.directory.join(IDENTIFIERS);
        Ok(Identifiers(SealedFile::open(&path, &self.key, IDENTIFIERS)?))
    }

    /// The row ids in committed order.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if the sealed file does not open.
    pub fn row_ids(&self) -> Result<RowIds, CrmError> {
        RowIds::open(&self.directory, &self.key)
    }
}

/// Identifiers of a committed input, read from its sealed file.
#[derive(Debug)]
pub struct Identifiers(SealedFile<Place>);

impl Identifiers {
    /// At most `identifiers_max` further identifiers; empty at the end.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if the file is damaged.
    pub fn next_chunk(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, CrmError> {
        let mut chunk = Vec::new();
        while chunk.len() < identifiers_max {
            let Some(place) = self.0.next_record()? else { break };
            let damaged = || CrmError::contradiction(self.0.path());
            let identifier = identifier_from_parts(place.kind, place.ruleset, place.digest)
                .ok_or_else(damaged)?;
            let Place { row, slot, element, .. } = place;
            chunk.push(RowSlot { row: row.get(), slot, element: element.get(), identifier });
        }
        Ok(chunk)
    }
}

/// Row ids of a committed input, read from its sealed file.
#[derive(Debug)]
pub struct RowIds {
    reader: RawSealedFile,
    path: PathBuf,
}

impl RowIds {
    fn open(directory: &Path, key: &StorageKey) -> Result<Self, CrmError> {
        let path = directory.join(ROWS);
        Ok(Self { reader: open_sealed(&path, key, ROWS)?, path })
    }

    /// The next row id, if any.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if the file is damaged.
    pub fn next_id(&mut self) -> Result<Option<Vec<u8>>, CrmError> {
        let mut head = RowIdHead { len: 0.into() };
        if !read_or_end(&mut self.reader, head.as_mut_bytes(), &self.path)? {
            return Ok(None);
        }
        let mut id = vec![0; head.len.get().into()];
        match read_or_end(&mut self.reader, &mut id, &self.path)? {
            true => Ok(Some(id)),
            false => Err(CrmError::contradiction(&self.path)),
        }
    }
}

/// Files as an error names them.
#[must_use]
pub fn shown(inputs: &[Input]) -> PathBuf {
    let name = |input: &Input| input.file.shown().display().to_string();
    let names: Vec<String> = inputs.iter().map(name).collect();
    names.join(", ").into()
}

/// The input seed of this content: kept, so that equal content has one root.
///
/// Seeds are kept in one sealed file, because the hash of a small file's content would let a thief
/// of the disk test guesses.
fn seed_of(store: &Path, content: &[u8; 32], key: &StorageKey) -> Result<InputSeed, CrmError> {
    let path = store.join(SEEDS);
    let mut seeds = match std::fs::read(&path) {
        Ok(sealed) => {
            seal::open_bytes(key, SEEDS, &sealed).map_err(CrmError::sealed(&path))?.to_vec()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(CrmError::Store(StoreError::Io { path, source })),
    };
    let entries = KnownSeed::slice(&seeds).ok_or_else(|| CrmError::contradiction(&path))?;
    let known = entries.iter().find(|entry| entry.content == *content).map(|entry| entry.seed);
    if let Some(seed) = known {
        seeds.zeroize();
        return Ok(InputSeed::from_bytes(seed));
    }
    let seed = world::entropy::<32>()?;
    seeds.extend_from_slice(Erased::from(KnownSeed { content: *content, seed }).bytes());
    let sealed = seal::seal_bytes(key, SEEDS, &seeds)?;
    seeds.zeroize();
    world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
    Ok(InputSeed::from_bytes(seed))
}

/// Reads the identifiers back and commits to them, leaf by leaf.
fn commit(
    directory: &Path,
    key: &StorageKey,
    seed: &InputSeed,
    (arithmetic, watched): (&dyn BatchArithmetic, &Watched),
) -> Result<InputCommitter, CrmError> {
    let path = directory.join(IDENTIFIERS);
    let mut reader = SealedFile::<Place>::open(&path, key, IDENTIFIERS)?;
    let mut committer = InputCommitter::new(seed.leaf_salts());
    let mut leaves = Vec::with_capacity(LEAVES_AT_ONCE);
    let mut done = 0;
    while let Some(place) = reader.next_record()? {
        let identifier = identifier_from_parts(place.kind, place.ruleset, place.digest)
            .ok_or_else(|| CrmError::contradiction(&path))?;
        leaves.push(InputLeaf {
            row: place.row.get(),
            slot: place.slot,
            identifier,
            consent_evidence: place.evidence,
            source_time: place.time.get(),
        });
        if leaves.len() == LEAVES_AT_ONCE {
            committer.extend(arithmetic, &leaves);
            done += leaves.len() as u64;
            watched.done(done);
            leaves.clear();
        }
    }
    committer.extend(arithmetic, &leaves);
    Ok(committer)
}

/// Digest of the map as the commitment has it: zeros for files that have our own names [T-06].
fn map_or_none(map: Option<[u8; 32]>) -> [u8; 32] {
    map.map_or([0; 32], |digest| digest)
}

/// Rows that may be used, as they are read.
struct UsableRows {
    ids: RowIds,
    places: SealedFile<Place>,
    /// Number of the next row.
    next: u64,
}

impl UsableRows {
    /// The next row: its id, and the Unix time of its consent.
    fn next_row(&mut self) -> Result<Option<(Vec<u8>, u64)>, CrmError> {
        while let Some(place) = self.places.next_record()? {
            // Every row has an identifier, and each of them the same consent.
            if place.row.get() == self.next {
                self.next += 1;
                let id = self.ids.next_id()?.ok_or(Bug::stored_data_changed())?;
                return Ok(Some((id, place.time.get())));
            }
        }
        Ok(None)
    }
}

record! {
    /// An identifier at its place, as the sealed file holds it.
    struct Place {
        row: U64<BigEndian>,
        slot: u8,
        element: U64<BigEndian>,
        kind: u8,
        digest: [u8; 32],
        ruleset: u8,
        evidence: [u8; 32],
        time: U64<BigEndian>,
    }
}

record! {
    /// Length of a row id, in front of it.
    struct RowIdHead {
        len: U16<BigEndian>,
    }
}

record! {
    /// Seed of an input, with the hash of its content.
    struct KnownSeed {
        content: [u8; 32],
        seed: [u8; 32],
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    root: [u8; 32],
    leaves: u64,
    rows: u64,
    purpose: u16,
    consent_max_age_days: u16,
    map: Option<[u8; 32]>,
    distinct: u64,
    counts: InputCounts,
}

impl Meta {
    /// Seals it, and gives the input its name.
    fn publish(
        &self,
        staging: Staging,
        store: &Path,
        key: &StorageKey,
    ) -> Result<PathBuf, CrmError> {
        let text =
            serde_json::to_vec(self).map_err(|_| CrmError::contradiction(&staging.directory))?;
        let sealed = seal::seal_bytes(key, META, &text)?;
        let path = staging.directory.join(META);
        world::publish_atomically(&path, world::PRIVATE_MODE, |out| out.write_all(&sealed))?;
        staging.publish(store, &self.root)
    }
}

/// A directory that becomes an input only when it is whole.
struct Staging {
    directory: PathBuf,
}

impl Staging {
    /// Starts one, and removes those that a kill or a signal left: whoever prepares an input holds
    /// the node's directory.
    fn create(store: &Path) -> Result<Self, CrmError> {
        world::create_private_dir(store)?;
        for entry in std::fs::read_dir(store).map_err(CrmError::io(store))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(STAGING) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let directory = store.join(format!("{STAGING}{}", std::process::id()));
        world::create_private_dir(&directory)?;
        Ok(Self { directory })
    }

    /// Gives the directory its name: the salted root, which says nothing about the content.
    fn publish(self, store: &Path, root: &[u8; 32]) -> Result<PathBuf, CrmError> {
        let target = store.join(hex(root.first_chunk::<8>().ok_or(Bug::invariant())?));
        let _ = std::fs::remove_dir_all(&target);
        std::fs::rename(&self.directory, &target).map_err(CrmError::io(&target))?;
        world::sync_dir(store)?;
        Ok(target)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After `publish` the directory is gone under this name.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const STAGING: &str = "staging-";
const META: &str = "input.meta";
const IDENTIFIERS: &str = "identifiers";
const ROWS: &str = "rows";
const SEEDS: &str = "seeds";
