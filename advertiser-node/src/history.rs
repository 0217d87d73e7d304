//! Distance of an input from those that were committed before: what the rule of nearly equal inputs
//! is applied to.
//!
//! If today's file is yesterday's with three rows more, the difference of two results belongs to
//! three persons. So every input that a provider was told of leaves a sorted list of fingerprints
//! behind, one for each row, until the audit window of its session is over. A fingerprint is a
//! keyed hash of the row's identifiers, whatever the row is called: it means nothing without the
//! node's storage key, and the lists are sealed besides.
//!
//! Inputs for different purposes are compared too: the difference of two results belongs to the
//! same few persons, whatever each was for.
//!
//! **Changed rows** between two inputs are the rows of one that the other lacks, counted on the
//! side that has more of them. A row that was added, removed or edited counts once: counted on
//! both sides, 500 edited rows would pass for 1,000 changed ones.

use std::cmp::Ordering;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use session::RowSlot;
use zeroize::Zeroizing;

use crm::CrmError;
use crm::PreparedInput;
use store::hex;
use store::os;
use store::seal::{KeyedHash, StorageKey};
use store::sealed::{SealedFile, SealedOut};
use store::spill::Workspace;
use store::spill::{Sorted, Sorter};

/// Fingerprints of the inputs that one provider was told of.
#[derive(Debug)]
pub struct InputHistory {
    directory: PathBuf,
    key: StorageKey,
}

impl InputHistory {
    /// Opens the history with a provider under `store`, and forgets what no window covers any more.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system.
    pub fn open(
        store: &Path,
        provider: &[u8; 32],
        key: &StorageKey,
        now: u64,
    ) -> Result<Self, CrmError> {
        let directory = store.join(HISTORY).join(hex(provider));
        os::create_private_dir(&directory)?;
        let history = Self { directory, key: key.clone() };
        for entry in history.entries()? {
            if entry.kept_until <= now {
                fs::remove_file(&entry.path).map_err(CrmError::io(&entry.path))?;
            }
        }
        Ok(history)
    }

    /// The fingerprints of an input, in the order in which they are kept.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if the input is damaged or cannot be sorted.
    pub fn fingerprints(
        &self,
        input: &PreparedInput,
        workspace: &Workspace,
    ) -> Result<Fingerprints, CrmError> {
        let key = self.key.keyed_hash(HISTORY)?;
        let (directory, memory) = (&workspace.directory, workspace.memory_bytes);
        let mut sorter = Sorter::new(directory, memory)?;
        let mut identifiers = input.identifiers()?;
        // The last row so far, which may go on in the next chunk.
        let mut open: Vec<RowSlot> = Vec::new();
        loop {
            let chunk = identifiers.next_chunk(CHUNK_IDENTIFIERS)?;
            let mut rows: Vec<&[RowSlot]> = chunk.chunk_by(|a, b| a.row == b.row).collect();
            let same =
                |row: &&[RowSlot]| row.first().map(|it| it.row) == open.first().map(|it| it.row);
            if rows.first().is_some_and(same) {
                open.extend_from_slice(rows.remove(0));
            }
            if !open.is_empty() && (chunk.is_empty() || !rows.is_empty()) {
                sorter.push(&fingerprint(&key, &open))?;
                open.clear();
            }
            if chunk.is_empty() {
                return Ok(sorter.finish()?);
            }
            if let Some(last) = rows.pop() {
                open.extend_from_slice(last);
            }
            let fingerprints: Vec<Fingerprint> =
                rows.par_iter().map(|row| fingerprint(&key, row)).collect();
            sorter.extend(&fingerprints)?;
        }
    }

    /// Changed rows against the kept input that is nearest and not equal; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`CrmError`] if a kept list is damaged: the run must not go on as if it were not there.
    pub fn nearest(&self, fingerprints: &mut Fingerprints) -> Result<Option<u64>, CrmError> {
        let mut nearest: Option<u64> = None;
        for entry in self.entries()? {
            fingerprints.rewind()?;
            let kept = SealedFile::open(&entry.path, &self.key, HISTORY)?;
            let changed = changed_rows(fingerprints, kept)?;
            if changed > 0 {
                nearest = Some(nearest.map_or(changed, |nearest| nearest.min(changed)));
            }
        }
        Ok(nearest)
    }

    /// Keeps the fingerprints of an input that a provider is told of, under its root.
    ///
    /// # Errors
    ///
    /// [`CrmError`] of the file system; the provider must then not be told.
    pub fn record(
        &self,
        root: &[u8; 32],
        fingerprints: &mut Fingerprints,
        kept_until: u64,
    ) -> Result<(), CrmError> {
        let root = hex(root);
        let target = self.directory.join(format!("{kept_until}-{root}"));
        let known = self.entries()?.into_iter().find(|entry| entry.root == root);
        if let Some(known) = known {
            // The same input again: only its window moves, and never back.
            if known.kept_until < kept_until {
                fs::rename(&known.path, &target).map_err(CrmError::io(&known.path))?;
                os::sync_dir(&self.directory)?;
            }
            return Ok(());
        }
        fingerprints.rewind()?;
        let mut failure: Option<CrmError> = None;
        let published = os::publish_new(&target, os::PRIVATE_MODE, |out| {
            let write = || -> Result<(), CrmError> {
                let mut sealed = SealedOut::over(out, &self.key, HISTORY)?;
                while let Some(fingerprint) = fingerprints.next_record()? {
                    sealed.push(&fingerprint)?;
                }
                sealed.into_inner()?;
                Ok(())
            };
            write().map_err(|error| {
                failure = Some(error);
                io::ErrorKind::Other.into()
            })
        });
        match (failure, published) {
            (Some(failure), _) => Err(failure),
            (None, published) => Ok(published?),
        }
    }

    /// The kept lists; a name that is not ours is passed over.
    fn entries(&self) -> Result<Vec<Entry>, CrmError> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.directory).map_err(CrmError::io(&self.directory))? {
            let path = file.map_err(CrmError::io(&self.directory))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let Some((until, root)) = name.and_then(|name| name.split_once('-')) else { continue };
            let Ok(kept_until) = until.parse() else { continue };
            if root.len() == 64 {
                entries.push(Entry { kept_until, root: root.to_owned(), path });
            }
        }
        Ok(entries)
    }
}

/// One kept list.
struct Entry {
    kept_until: u64,
    root: String,
    path: PathBuf,
}

type Fingerprint = [u8; FINGERPRINT_LEN];

/// Fingerprints of the rows of an input, in order.
pub type Fingerprints = Sorted<Fingerprint>;

/// The fingerprint of the identifiers of one row, whatever columns they stand in.
fn fingerprint(key: &KeyedHash, row: &[RowSlot]) -> Fingerprint {
    let mut held: Zeroizing<Vec<[u8; 33]>> = Zeroizing::new(Vec::with_capacity(row.len()));
    held.extend(row.iter().map(|slot| {
        let mut value = [0; 33];
        let [kind, digest @ ..] = &mut value;
        *kind = slot.identifier.kind.code();
        *digest = *slot.identifier.digest.expose_bytes();
        value
    }));
    held.sort_unstable();
    let hash = key.of(&[held.as_flattened()]);
    hash.first_chunk().copied().unwrap_or_default()
}

/// Merges two sorted lists, equal entries one against one.
fn changed_rows(
    own: &mut Fingerprints,
    mut kept: SealedFile<Fingerprint>,
) -> Result<u64, CrmError> {
    let (mut only_own, mut only_kept) = (0_u64, 0_u64);
    let (mut left, mut right) = (own.next_record()?, kept.next_record()?);
    loop {
        let order = match (&left, &right) {
            (None, None) => return Ok(only_own.max(only_kept)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.cmp(right),
        };
        match order {
            Ordering::Less => {
                only_own += 1;
                left = own.next_record()?;
            }
            Ordering::Greater => {
                only_kept += 1;
                right = kept.next_record()?;
            }
            Ordering::Equal => (left, right) = (own.next_record()?, kept.next_record()?),
        }
    }
}

/// Name of the directory, and what its files and its key are bound to.
const HISTORY: &str = "history";
/// Bytes of a fingerprint: two of a billion rows are equal by chance with probability 2^-69.
const FINGERPRINT_LEN: usize = 16;
const CHUNK_IDENTIFIERS: usize = 1 << 13;

#[cfg(test)]
mod tests {
    use crm::{GateRules, InputRules, SharedLimits};
    use normalize::{Normalizer, Options, Ruleset};
    use protocol::purpose::Purpose;
    use store::os::testing::private_tempdir;
    use tabular::Input;

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
        key: StorageKey,
    }

    impl Bench {
        fn new() -> Self {
            Self { dir: private_tempdir(), key: StorageKey::from_bytes([7; 32]) }
        }

        fn workspace(&self) -> Workspace {
            Workspace { directory: self.dir.path().join("work"), memory_bytes: 1 << 20 }
        }

        fn history(&self, now: u64) -> InputHistory {
            InputHistory::open(self.dir.path(), &[3; 32], &self.key, now).unwrap()
        }

        /// Prepares rows of (row id, address), and gives root and fingerprints.
        fn rows(&self, rows: &[(usize, usize)]) -> ([u8; 32], Fingerprints) {
            let rows: Vec<_> = rows.iter().map(|(id, address)| (*id, plain(*address))).collect();
            self.addresses(&rows)
        }

        fn addresses(&self, rows: &[(usize, String)]) -> ([u8; 32], Fingerprints) {
            let mut text =
                "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n".to_owned();
            for (id, address) in rows {
                text += &format!("r{id:04},{address},ads.match,R,2026-03-02,N\n");
            }
            let path = self.dir.path().join("crm.csv");
            fs::write(&path, text).unwrap();
            let file = Input::own(&path);
            let ruleset = Ruleset::parse("crm-fr/1").unwrap();
            let rules = InputRules {
                normalizer: &Normalizer::new(ruleset, Options::defaults(ruleset)),
                gate: GateRules {
                    purpose: Purpose::Match,
                    consent_max_age_days: 1_095,
                    now: 1_796_040_000,
                },
                kinds: &[1, 2],
                level: 0,
                shared: SharedLimits::default(),
                not_for_purpose: &[],
                watched: &tabular::Watched::default(),
                map: None,
            };
            let (store, workspace) = (self.dir.path().join("inputs"), self.workspace());
            os::create_private_dir(&store).unwrap();
            os::create_private_dir(&workspace.directory).unwrap();
            let input = PreparedInput::prepare(
                &[file],
                &rules,
                &store,
                &self.key,
                &workspace,
                &protocol::group::Portable,
            )
            .unwrap();
            let prints = self.history(0).fingerprints(&input, &workspace).unwrap();
            (input.root().root, prints)
        }
    }

    #[test]
    fn a_row_on_the_edge_of_two_chunks_has_one_fingerprint() {
        let bench = Bench::new();
        // Addresses of Gmail have two forms, so that an odd row lies across the edge.
        let address =
            |i: usize| if i.is_multiple_of(3) { format!("g.{i}@gmail.com") } else { plain(i) };
        let rows = |range: std::ops::Range<usize>| -> Vec<(usize, String)> {
            range.map(|i| (i, address(i))).collect()
        };
        let (root, mut prints) = bench.addresses(&rows(0..8_000));
        assert_eq!(prints.records(), 8_000);
        bench.history(0).record(&root, &mut prints, 1_000).unwrap();
        for first in [1, 2] {
            let (_, mut prints) = bench.addresses(&rows(first..8_000));
            let changed = bench.history(0).nearest(&mut prints).unwrap();
            assert_eq!(changed, Some(first as u64));
        }
    }

    fn plain(i: usize) -> String {
        format!("customer.{i}@exemple.fr")
    }

    fn same(range: std::ops::Range<usize>) -> Vec<(usize, usize)> {
        range.map(|i| (i, i)).collect()
    }

    #[test]
    fn rows_added_removed_and_edited_count_once_and_names_do_not_count() {
        let bench = Bench::new();
        let (root, mut prints) = bench.rows(&same(0..50));
        assert_eq!(bench.history(0).nearest(&mut prints).unwrap(), None);
        bench.history(0).record(&root, &mut prints, 1_000).unwrap();
        let nearest =
            |rows: &[(usize, usize)]| bench.history(0).nearest(&mut bench.rows(rows).1).unwrap();
        assert_eq!(nearest(&same(0..50)), None, "equal inputs");
        assert_eq!(nearest(&same(0..53)), Some(3), "added");
        assert_eq!(nearest(&same(4..50)), Some(4), "removed");
        assert_eq!(nearest(&same(4..53)), Some(4), "added and removed");
        let renamed: Vec<_> = (0..50).map(|i| (i + 900, i)).collect();
        assert_eq!(nearest(&renamed), None, "other row ids");
        let edited: Vec<_> = (0..50).map(|i| (i, if i < 5 { i + 700 } else { i })).collect();
        assert_eq!(nearest(&edited), Some(5), "edited");
        // A row twice is a row more.
        let twice: Vec<_> = (0..51).map(|i| (i, i % 50)).collect();
        assert_eq!(nearest(&twice), Some(1), "repeated");
    }

    #[test]
    fn the_nearest_of_several_counts_until_its_window_is_over() {
        let bench = Bench::new();
        for (rows, until) in [(same(0..40), 1_000), (same(0..48), 500)] {
            let (root, mut prints) = bench.rows(&rows);
            bench.history(0).record(&root, &mut prints, until).unwrap();
            // Telling a provider twice keeps one list, and no window becomes shorter.
            bench.history(0).record(&root, &mut prints, until - 100).unwrap();
        }
        let (_, mut prints) = bench.rows(&same(0..50));
        assert_eq!(bench.history(0).entries().unwrap().len(), 2);
        assert_eq!(bench.history(0).nearest(&mut prints).unwrap(), Some(2));
        assert_eq!(bench.history(500).nearest(&mut prints).unwrap(), Some(10));
        assert_eq!(bench.history(1_000).nearest(&mut prints).unwrap(), None);
    }

    #[test]
    fn lists_mean_nothing_under_another_key_and_damage_is_told() {
        let bench = Bench::new();
        let (root, mut prints) = bench.rows(&same(0..50));
        bench.history(0).record(&root, &mut prints, 1_000).unwrap();
        let other = Bench { key: StorageKey::from_bytes([8; 32]), ..Bench::new() };
        let mut of_other = other.rows(&same(0..50)).1;
        prints.rewind().unwrap();
        assert_ne!(prints.next_record().unwrap(), of_other.next_record().unwrap());
        let path = bench.history(0).entries().unwrap().remove(0).path;
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(bench.history(0).nearest(&mut prints).is_err());
    }
}
