//! Builds a partner's tag table: filter the snapshot, evaluate, sort, encode.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use protocol::codec::{FrameHeader, RawFrame};
use protocol::identifier::PrfInput;
use protocol::limits::Limits;
use protocol::message::TableDescriptor;
use protocol::oprf::{MatchTag, PrfKey};
use protocol::seed::KeyDerivation;
use protocol::suite::Aligned;
use protocol::table::{TableWriter, padded_tags};
use protocol::terms::LinkFilter;

use crate::data::graph::StoredSnapshot;
use crate::data::{DataError, Workspace};
use crate::engine::Engine;
use crate::runs::{FixedSorted, FixedSorter};
use crate::world;

/// Conditions of one partner: which leaves its table holds.
#[derive(Debug, Clone)]
pub struct TableConditions {
    /// Conditions on links.
    pub filter: LinkFilter,
    /// Kinds of identifiers, increasing.
    pub kinds: Vec<u8>,
    /// Purpose code.
    pub purpose: u16,
    /// Unix time of the snapshot's day.
    pub at: u64,
}

/// Key a table is made under, and what its padding derives from.
#[derive(Debug)]
pub struct TableKey<'a> {
    /// The PRF key.
    pub key: &'a PrfKey<Aligned>,
    /// Its derivation.
    pub derivation: &'a KeyDerivation,
}

/// Evaluates every leaf that passes the conditions, and writes the table's frames to `path`.
///
/// `progress` hears how many tags are done. The file appears whole or not at all.
///
/// # Errors
///
/// [`DataError`].
pub fn build(
    snapshot: &StoredSnapshot,
    conditions: &TableConditions,
    key: &TableKey<'_>,
    engine: &Engine,
    path: &Path,
    workspace: &Workspace,
    progress: &dyn Fn(u64),
) -> Result<TableDescriptor, DataError> {
    let limits = Limits::STANDARD;
    let mut tags = FixedSorter::new(&workspace.directory, MatchTag::LEN, workspace.memory_bytes)?;
    let mut count = 0_u64;
    let mut leaves = snapshot.leaves()?;
    let mut inputs = Vec::with_capacity(INPUTS_AT_ONCE);
    loop {
        let leaf = leaves.next_leaf()?;
        let ended = leaf.is_none();
        if let Some(leaf) = leaf {
            let TableConditions { filter, kinds, purpose, at } = conditions;
            if leaf.passes(filter, kinds, *purpose, *at) {
                inputs.push(PrfInput::of(&leaf.identifier));
            }
        }
        if inputs.len() == INPUTS_AT_ONCE || ended {
            for tag in evaluate(key.key, engine, &inputs) {
                tags.push(&tag.0)?;
            }
            count += inputs.len() as u64;
            progress(count);
            inputs.clear();
        }
        if ended {
            break;
        }
    }
    let mut tags = tags.finish()?;
    let distinct = for_each_distinct(&mut tags, |_| Ok(()))?;
    let total = padded_tags(distinct, &limits).ok_or_else(|| DataError::contradiction(path))?;
    let padding = padding_tags(key, engine, total.saturating_sub(distinct), &mut tags)?;
    write(&mut tags, padding, total, path, &limits)
}

/// Frames of a stored table, in order.
#[derive(Debug)]
pub struct StoredTable {
    reader: BufReader<File>,
    path: PathBuf,
}

impl StoredTable {
    /// Opens the table at `path`.
    ///
    /// # Errors
    ///
    /// [`DataError::Io`].
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path))?;
        Ok(Self { reader: BufReader::with_capacity(1 << 20, file), path: path.to_path_buf() })
    }

    /// The next frame, if any.
    ///
    /// # Errors
    ///
    /// [`DataError::Contradiction`] for a damaged file.
    pub fn next_frame(&mut self) -> Result<Option<RawFrame>, DataError> {
        let mut header = [0; FrameHeader::LEN];
        match self.reader.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(source) => return Err(DataError::Io { path: self.path.clone(), source }),
        }
        let damaged = || DataError::contradiction(&self.path);
        let header = FrameHeader::parse(&header).map_err(|_| damaged())?;
        let mut payload = vec![0; usize::try_from(header.payload_len).map_err(|_| damaged())?];
        self.reader.read_exact(&mut payload).map_err(|_| damaged())?;
        RawFrame::new(header, payload.into()).map(Some).map_err(|_| damaged())
    }
}

/// Tags of the inputs, on all threads.
fn evaluate(key: &PrfKey<Aligned>, engine: &Engine, inputs: &[PrfInput]) -> Vec<MatchTag> {
    let share = inputs.len().div_ceil(engine.threads().max(1)).max(1);
    thread::scope(|scope| {
        let running: Vec<_> = inputs
            .chunks(share)
            .map(|part| {
                scope.spawn(move || {
                    let outputs = key.outputs(engine.arithmetic(), part);
                    outputs.iter().map(|output| output.tag()).collect::<Vec<MatchTag>>()
                })
            })
            .collect();
        // A thread that panicked has found a defect; its panic goes on here.
        running
            .into_iter()
            .flat_map(|thread| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// Padding tags, the next one in place of any that is there already [M-21].
fn padding_tags(
    key: &TableKey<'_>,
    engine: &Engine,
    needed: u64,
    tags: &mut FixedSorted,
) -> Result<BTreeSet<MatchTag>, DataError> {
    let mut padding = BTreeSet::new();
    let mut next = 0_u64;
    loop {
        while (padding.len() as u64) < needed {
            let missing = needed.saturating_sub(padding.len() as u64);
            let numbers = next..next.saturating_add(missing);
            next = numbers.end;
            let inputs: Vec<PrfInput> = numbers.map(|m| key.derivation.table_padding(m)).collect();
            padding.extend(evaluate(key.key, engine, &inputs));
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
    tags: &mut FixedSorted,
    padding: BTreeSet<MatchTag>,
    total: u64,
    path: &Path,
    limits: &Limits,
) -> Result<TableDescriptor, DataError> {
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
                push(other).map_err(DataError::io(path))?;
            }
            push(*tag).map_err(DataError::io(path))
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
    tags: &mut FixedSorted,
    mut each: impl FnMut(&MatchTag) -> Result<(), DataError>,
) -> Result<u64, DataError> {
    tags.rewind()?;
    let (mut last, mut count) = (None, 0_u64);
    while let Some(chunk) = tags.next_chunk(CHUNK_BYTES)? {
        for bytes in chunk.as_chunks::<{ MatchTag::LEN }>().0 {
            let tag = MatchTag(*bytes);
            if last != Some(tag) {
                last = Some(tag);
                count = count.saturating_add(1);
                each(&tag)?;
            }
        }
    }
    Ok(count)
}

const INPUTS_AT_ONCE: usize = 1 << 15;
const CHUNK_BYTES: usize = 1 << 20;
