//! Builds a partner's tag table: filter the snapshot, evaluate, sort, encode.
//!
//! A table whose profile discloses handles comes with an index from handle to record, sealed
//! beside its frames and written from the same pass.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use protocol::codec::{FrameHeader, RawFrame};
use protocol::error::Bug;
use protocol::group::BatchArithmetic;
use protocol::identifier::PrfInput;
use protocol::limits::Limits;
use protocol::message::TableDescriptor;
use protocol::oprf::{MatchTag, PrfKey, PrfOutput};
use protocol::purpose::Purpose;
use protocol::seed::KeyDerivation;
use protocol::suite::{Order, Shuffled};
use protocol::table::{TableWriter, padded_tags};
use protocol::terms::LinkFilter;
use protocol::transcript::merkle::{Tree, leaf_hash};
use report::{Arg, Text};
use store::StoreError;

use crate::GraphError;
use crate::StoredSnapshot;
use crate::handles::{HandleEntry, write_handles};
use store::os as world;
use store::seal::StorageKey;
use store::spill::Workspace;
use store::spill::{Sorted, Sorter};
use store::verified::VerifiedFiles;

/// Conditions of one partner: which leaves its table holds.
#[derive(Debug, Clone)]
pub struct TableConditions {
    /// Conditions on links.
    pub filter: LinkFilter,
    /// Kinds of identifiers, increasing.
    pub kinds: Vec<u8>,
    /// Purpose that the persons behind the links agreed to.
    pub purpose: Purpose,
    /// Unix time of the snapshot's day.
    pub at: u64,
    /// Records of persons who objected since the snapshot.
    pub left_out: BTreeSet<u64>,
}

/// Key a table is made under, and what its padding derives from.
#[derive(Debug)]
pub struct TableKey<'a, O: Order> {
    /// The PRF key.
    pub key: &'a PrfKey<O>,
    /// Derivation of the key.
    pub derivation: &'a KeyDerivation,
    /// Noise elements whose tags the table holds, beside padding: those that may hit in the widest
    /// session that the policy allows [E-08].
    pub noise: Option<NoiseTags<'a>>,
}

/// Noise elements of a table of shuffled order.
#[derive(Debug, Clone, Copy)]
pub struct NoiseTags<'a> {
    /// The PRF key.
    pub key: &'a PrfKey<Shuffled>,
    /// Number U of them.
    pub count: u64,
}

/// Files of a table.
#[derive(Debug, Clone, Copy)]
pub struct TableFiles<'a> {
    /// Frames of the table.
    pub frames: &'a Path,
    /// The index from handle to record, and the key that seals it; none for profiles that disclose
    /// no handles.
    pub handles: Option<(&'a Path, &'a StorageKey)>,
}

/// Evaluates every leaf that passes the conditions, and writes the table's files.
///
/// `progress` hears how many tags are done. A file appears whole or not at all.
///
/// # Errors
///
/// [`GraphError`].
pub fn build<O: Order>(
    snapshot: &StoredSnapshot,
    conditions: &TableConditions,
    key: &TableKey<'_, O>,
    workers: Workers<'_>,
    files: &TableFiles<'_>,
    workspace: &Workspace,
    progress: &dyn Fn(u64),
) -> Result<TableDescriptor, GraphError> {
    let limits = Limits::STANDARD;
    let mut tags = Sorter::new(&workspace.directory, workspace.memory_bytes)?;
    let mut handles = match files.handles {
        Some(_) => Some(Sorter::new(&workspace.directory, workspace.memory_bytes)?),
        None => None,
    };
    let mut count = 0_u64;
    let mut leaves = snapshot.leaves()?;
    let mut inputs = Vec::with_capacity(INPUTS_AT_ONCE);
    let mut records = Vec::with_capacity(INPUTS_AT_ONCE);
    loop {
        let leaf = leaves.next_leaf()?;
        let ended = leaf.is_none();
        if let Some(leaf) = leaf {
            let TableConditions { filter, kinds, purpose, at, left_out } = conditions;
            if leaf.passes(filter, kinds, *purpose, *at) && !left_out.contains(&leaf.record) {
                inputs.push(PrfInput::of(&leaf.identifier));
                records.push(leaf.record);
            }
        }
        if inputs.len() == INPUTS_AT_ONCE || ended {
            let outputs = evaluate(key.key, workers, &inputs);
            for (output, record) in outputs.iter().flatten().zip(&records) {
                tags.push(&output.tag().0)?;
                if let Some(handles) = &mut handles {
                    let handle = *output.handle().expose_bytes();
                    handles.push(&HandleEntry { handle, record: (*record).into() })?;
                }
            }
            count += inputs.len() as u64;
            progress(count);
            inputs.clear();
            records.clear();
        }
        if ended {
            break;
        }
    }
    let noise = key.noise.map_or(0, |noise| noise.count);
    for first in (0..noise).step_by(INPUTS_AT_ONCE) {
        let end = noise.min(first.checked_add(INPUTS_AT_ONCE as u64).ok_or(Bug::invariant())?);
        for output in noise_outputs(key, workers, first..end)? {
            tags.push(&output.tag().0)?;
            if let Some(handles) = &mut handles {
                let handle = *output.handle().expose_bytes();
                handles.push(&HandleEntry { handle, record: HandleEntry::NO_RECORD.into() })?;
            }
        }
    }
    if let (Some(handles), Some((path, storage))) = (handles, files.handles) {
        write_handles(handles.finish()?, path, storage)?;
    }
    let mut tags = tags.finish()?;
    let distinct = for_each_distinct(&mut tags, |_| Ok(()))?;
    let contradiction = || GraphError::contradiction(files.frames);
    let total = padded_tags(distinct, &limits).ok_or_else(contradiction)?;
    let needed = total.checked_sub(distinct).ok_or(Bug::invariant())?;
    let padding = padding_tags(key, workers, needed, &mut tags)?;
    write(&mut tags, padding, total, files.frames, &limits)
}

/// Arithmetic of a table, and the threads it runs on.
#[derive(Clone, Copy)]
pub struct Workers<'a> {
    /// Arithmetic of one thread.
    pub arithmetic: &'a dyn BatchArithmetic,
    /// Number of threads.
    pub threads: usize,
}

/// Sorted tags of a table.
type Tags = Sorted<[u8; MatchTag::LEN]>;

/// Frames of a stored table, in order.
#[derive(Debug)]
pub struct StoredTable {
    reader: BufReader<File>,
    path: PathBuf,
    /// Leaf hashes of its frames, if it was verified.
    leaves: Option<Arc<[Hash]>>,
    next: usize,
}

type Hash = [u8; 32];

/// Tables that are whole, with what each frame of them must hash to.
pub(crate) static VERIFIED: VerifiedFiles<(TableDescriptor, Arc<[Hash]>)> = VerifiedFiles::new();

impl StoredTable {
    /// Opens the table at `path`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn open(path: &Path) -> Result<Self, GraphError> {
        let file = File::open(path).map_err(GraphError::io(path))?;
        let (reader, path) = (BufReader::with_capacity(1 << 20, file), path.to_path_buf());
        Ok(Self { reader, path, leaves: None, next: 0 })
    }

    /// Opens the table at `path` if it is the described one in every bit; each frame is compared
    /// once more as it is read. A table that was verified and not touched since is not read twice.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] if it is another one; [`StoreError::Io`].
    pub fn open_verified(path: &Path, described: &TableDescriptor) -> Result<Self, GraphError> {
        let opened = Self::open(path)?;
        let (found, leaves) = VERIFIED.of(path, || {
            let (mut tree, mut leaves, mut tags) = (Tree::new(), Vec::new(), 0_u64);
            let mut table = Self::open(path)?;
            while let Some(frame) = table.next_frame()? {
                let leaf = leaf_hash(&[&frame.header.encode(), &frame.payload]);
                tree.push(leaf);
                leaves.push(leaf);
                let more = tags.checked_add(frame.header.elements.into());
                tags = more.ok_or_else(|| GraphError::contradiction(path))?;
            }
            let table = TableDescriptor { tag_count: tags, root: tree.root() };
            Ok::<_, GraphError>((table, leaves.into()))
        })?;
        if found != *described {
            let how = Text::new("table-not-built");
            return Err(GraphError::Store(StoreError::Damaged { path: path.to_path_buf(), how }));
        }
        Ok(Self { leaves: Some(leaves), ..opened })
    }

    /// The next frame, if any.
    ///
    /// # Errors
    ///
    /// [`StoreError::Contradiction`] for a damaged file.
    pub fn next_frame(&mut self) -> Result<Option<RawFrame>, GraphError> {
        let mut header = [0; FrameHeader::LEN];
        match self.reader.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(source) => {
                return Err(GraphError::Store(StoreError::Io { path: self.path.clone(), source }));
            }
        }
        let damaged = || GraphError::contradiction(&self.path);
        let header = FrameHeader::parse(&header).map_err(|_| damaged())?;
        let mut payload = vec![0; usize::try_from(header.payload_len).map_err(|_| damaged())?];
        self.reader.read_exact(&mut payload).map_err(|_| damaged())?;
        let frame = RawFrame::new(header, payload.into()).map_err(|_| damaged())?;
        if let Some(leaves) = &self.leaves {
            let leaf = leaf_hash(&[&frame.header.encode(), &frame.payload]);
            if leaves.get(self.next) != Some(&leaf) {
                let how = Text::new("table-frame-not-built");
                let how = how.with("frame", Arg::Number(self.next as u64));
                return Err(GraphError::Store(StoreError::Damaged {
                    path: self.path.clone(),
                    how,
                }));
            }
            self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
        }
        Ok(Some(frame))
    }
}

/// Outputs of the inputs in their order, on all threads, a part from each: outputs that moved would
/// leave copies behind that nobody erases.
fn evaluate<O: Order>(
    key: &PrfKey<O>,
    workers: Workers<'_>,
    inputs: &[PrfInput],
) -> Vec<Vec<PrfOutput<O>>> {
    let share = inputs.len().div_ceil(workers.threads.max(1)).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = inputs
            .chunks(share)
            .map(|part| scope.spawn(move || key.outputs(workers.arithmetic, part)))
            .collect();
        // A thread that panicked has found a defect; its panic goes on here.
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// Outputs of noise elements with these numbers, on all threads.
fn noise_outputs<O: Order>(
    key: &TableKey<'_, O>,
    workers: Workers<'_>,
    numbers: Range<u64>,
) -> Result<Vec<PrfOutput<Shuffled>>, Bug> {
    let Some(noise) = key.noise else { return Ok(Vec::new()) };
    let arithmetic = workers.arithmetic;
    let scalars = key.derivation.noise_scalars(arithmetic, true, numbers)?;
    let share = scalars.len().div_ceil(workers.threads.max(1)).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = scalars
            .chunks(share)
            .map(|part| scope.spawn(move || noise.key.noise_outputs(arithmetic, part)))
            .collect();
        let mut outputs = Vec::with_capacity(scalars.len());
        for thread in running {
            let part = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            outputs.extend(part?);
        }
        Ok(outputs)
    })
}

/// Padding tags, the next one in place of any that is there already [M-21].
fn padding_tags<O: Order>(
    key: &TableKey<'_, O>,
    workers: Workers<'_>,
    needed: u64,
    tags: &mut Tags,
) -> Result<BTreeSet<MatchTag>, GraphError> {
    let mut padding = BTreeSet::new();
    let mut next = 0_u64;
    loop {
        while let Some(missing) = needed.checked_sub(padding.len() as u64).filter(|n| *n > 0) {
            let numbers = next..next.checked_add(missing).ok_or(Bug::invariant())?;
            next = numbers.end;
            let inputs: Vec<PrfInput> = numbers.map(|m| key.derivation.table_padding(m)).collect();
            let outputs = evaluate(key.key, workers, &inputs);
            padding.extend(outputs.iter().flatten().map(PrfOutput::tag));
        }
        let before = padding.len();
        for_each_distinct(tags, |tag| {
            padding.remove(tag);
            Ok(())
        })?;
        if padding.len() == before {
            return Ok(padding);
        }
    }
}

/// Merges real and padding tags into frames, published atomically.
fn write(
    tags: &mut Tags,
    padding: BTreeSet<MatchTag>,
    total: u64,
    path: &Path,
    limits: &Limits,
) -> Result<TableDescriptor, GraphError> {
    let mut writer = TableWriter::new(total, limits)?;
    let mut padding = padding.into_iter().peekable();
    let mut failed = None;
    world::publish_atomically(path, world::PRIVATE_MODE, |file| {
        let mut out = BufWriter::new(file);
        let mut push = |tag: MatchTag| {
            if let Some(frame) = writer.push(tag).map_err(|_| std::io::ErrorKind::InvalidData)? {
                out.write_all(&frame.header.encode())?;
                out.write_all(&frame.payload)?;
            }
            Ok::<(), std::io::Error>(())
        };
        let merged = for_each_distinct(tags, |tag| {
            while let Some(other) = padding.next_if(|other| other < tag) {
                push(other).map_err(GraphError::io(path))?;
            }
            push(*tag).map_err(GraphError::io(path))
        });
        if let Err(error) = merged {
            failed = Some(error);
            return Err(std::io::ErrorKind::Other.into());
        }
        padding.by_ref().try_for_each(push)?;
        out.flush()
    })
    .map_err(|error| failed.take().unwrap_or_else(|| error.into()))?;
    Ok(writer.finish()?)
}

/// Calls `each` for every distinct tag in order, from the start; how many there were.
fn for_each_distinct(
    tags: &mut Tags,
    mut each: impl FnMut(&MatchTag) -> Result<(), GraphError>,
) -> Result<u64, GraphError> {
    tags.rewind()?;
    let (mut last, mut count) = (None, 0_u64);
    while let Some(tag) = tags.next_record()?.map(MatchTag) {
        if last.replace(tag) != Some(tag) {
            count += 1;
            each(&tag)?;
        }
    }
    Ok(count)
}

const INPUTS_AT_ONCE: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use protocol::attestation::AttestationKey;
    use protocol::suite::{Aligned, Shuffled};
    use protocol::table::TableReader;

    use crate::handles::StoredHandles;
    use crate::tests::{ingest, line};
    use store::keyring::Keyring;

    use super::*;

    static STORAGE: StorageKey = StorageKey::from_bytes([7; 32]);

    struct Built {
        dir: tempfile::TempDir,
        snapshot: StoredSnapshot,
        tags: Vec<MatchTag>,
    }

    impl Built {
        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn inputs(&self) -> Vec<(PrfInput, u64)> {
            let mut leaves = self.snapshot.leaves().unwrap();
            std::iter::from_fn(|| leaves.next_leaf().unwrap())
                .map(|leaf| (PrfInput::of(&leaf.identifier), leaf.record))
                .collect()
        }
    }

    /// Two records with four identifiers, one of them shared.
    fn table<O: Order>(key: &TableKey<'_, O>, with_handles: bool) -> Built {
        let body = [
            line("p1", "a", "one@exemple.fr", "2026-11-01"),
            line("p1", "a", "two@exemple.fr", "2026-11-02"),
            line("p1", "b", "two@exemple.fr", "2026-11-02"),
            line("p1", "b", "three@exemple.fr", "2026-11-02"),
        ];
        let (dir, snapshot) = ingest(&body.concat());
        let (frames, handles) = (dir.path().join("frames"), dir.path().join("handles"));
        let conditions = TableConditions {
            filter: LinkFilter::DEFAULT,
            kinds: (0..=u8::MAX).collect(),
            purpose: Purpose::Match,
            at: 1_793_577_600,
            left_out: BTreeSet::new(),
        };
        let workspace = Workspace { directory: dir.path().join("work"), memory_bytes: 1 << 20 };
        let files = TableFiles {
            frames: &frames,
            handles: with_handles.then_some((handles.as_path(), &STORAGE)),
        };
        let snapshot = snapshot.unwrap();
        let arithmetic = protocol::group::Portable;
        let workers = Workers { arithmetic: &arithmetic, threads: 1 };
        let descriptor =
            build(&snapshot, &conditions, key, workers, &files, &workspace, &|_| {}).unwrap();
        let mut stored = StoredTable::open(&frames).unwrap();
        let mut reader = TableReader::new(&descriptor);
        let mut tags = Vec::new();
        while let Some(frame) = stored.next_frame().unwrap() {
            tags.extend(reader.read(&frame).unwrap());
        }
        assert!(reader.is_complete());
        Built { dir, snapshot, tags }
    }

    fn keyring(dir: &Path) -> (Keyring, AttestationKey) {
        let keyring = Keyring::open(&dir.join("keys"), &STORAGE).unwrap();
        (keyring, AttestationKey::from_bytes(&[2; 32]))
    }

    #[test]
    fn table_that_discloses_handles_has_an_index_of_its_records() {
        let dir = tempfile::tempdir().unwrap();
        let (keyring, signer) = keyring(dir.path());
        let run = keyring.make_run(&signer, &[3; 32], 1_000).unwrap();
        let noise = Some(NoiseTags { key: &run.key, count: 40 });
        let key = TableKey::<Shuffled> { key: &run.key, derivation: &run.derivation, noise };
        let built = table(&key, true);
        let mut expected: Vec<([u8; 16], u64)> = Vec::new();
        for (input, record) in built.inputs() {
            let output = run.key.output(&input);
            assert!(built.tags.contains(&output.tag()));
            expected.push((*output.handle().expose_bytes(), record));
        }
        // The scalars that may hit have their tag, and handles that name nobody.
        let arithmetic = protocol::group::Portable;
        let scalars = run.derivation.noise_scalars(&arithmetic, true, 0..41).unwrap();
        let mut noise = run.key.noise_outputs(&arithmetic, &scalars).unwrap();
        assert!(!built.tags.contains(&noise.pop().unwrap().tag()));
        for output in noise {
            assert!(built.tags.contains(&output.tag()));
            expected.push((*output.handle().expose_bytes(), HandleEntry::NO_RECORD));
        }
        expected.sort_unstable();
        let mut stored = StoredHandles::open(&built.path("handles"), &STORAGE).unwrap();
        let entries: Vec<_> = std::iter::from_fn(|| stored.next_entry().unwrap())
            .map(|entry| (entry.handle, entry.record.get()))
            .collect();
        // Padding tags, which are most of the table, have none.
        assert!(entries == expected);
        assert_eq!(entries.len(), 3 + 40);
        assert_eq!(built.tags.len(), 32_768);
    }

    #[test]
    fn aligned_table_has_the_tags_of_its_key_and_no_index() {
        let dir = tempfile::tempdir().unwrap();
        let (keyring, signer) = keyring(dir.path());
        let aligned = keyring.aligned(&signer, &[3; 32], 1_000).unwrap();
        let key =
            TableKey::<Aligned> { key: &aligned.key, derivation: &aligned.derivation, noise: None };
        let built = table(&key, false);
        for (input, _) in built.inputs() {
            assert!(built.tags.contains(&aligned.key.output(&input).tag()));
        }
        assert!(!built.path("handles").exists());
    }
}
