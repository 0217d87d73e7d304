//! Files without a name, in which sealed spills lie one after the other.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use protocol::error::Bug;

use super::SpillError;
use crate::os::{self, Action, Storage};
use crate::seal::{SealedReader, SealedWriter, StorageKey};

/// Fills `out`, or says that nothing was left; part of it is an error.
pub(super) fn fill(
    reader: &mut SealedReader<Section>,
    mut out: &mut [u8],
) -> Result<bool, SpillError> {
    let mut started = false;
    while !out.is_empty() {
        match reader.read_some(out)? {
            0 if started => return Err(SpillError::Failed),
            0 => return Ok(false),
            read => out = out.get_mut(read..).ok_or(Bug::invariant())?,
        }
        started = true;
    }
    Ok(true)
}

/// A sorted spill inside a scratch file.
#[derive(Debug)]
pub(super) struct Spill {
    pub(super) file: Arc<File>,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Spill {
    pub(super) fn open(&self, key: &StorageKey) -> Result<SealedReader<Section>, SpillError> {
        let section = Section { file: Arc::clone(&self.file), at: self.start, end: self.end };
        Ok(SealedReader::new(section, key, CONTEXT)?)
    }
}

/// Writes one spill to the end of a scratch file.
pub(super) struct SpillWriter {
    pub(super) writer: SealedWriter<ScratchWriter>,
    pub(super) start: u64,
}

impl SpillWriter {
    pub(super) fn new(
        scratch: ScratchWriter,
        key: &StorageKey,
        block_len: usize,
    ) -> Result<Self, SpillError> {
        let start = scratch.written;
        let writer = SealedWriter::with_block_len(scratch, key, CONTEXT, block_len)?;
        Ok(Self { writer, start })
    }

    pub(super) fn finish(self, spills: &mut Vec<Spill>) -> Result<ScratchWriter, SpillError> {
        let scratch = self.writer.finish()?;
        spills.push(Spill {
            file: Arc::clone(&scratch.file),
            start: self.start,
            end: scratch.written,
        });
        Ok(scratch)
    }
}

/// Opens a file without a name: it ends with its last user, however that ends.
pub(super) fn scratch_file(dir: &Path) -> Result<Arc<File>, SpillError> {
    let path = dir.join(format!("{}.spill", os::unique_name()?));
    let file = os::create_private(&path)?;
    fs::remove_file(&path).map_err(os::at(Action::Unlink, &path))?;
    Ok(Arc::new(file))
}

/// Appends to a scratch file.
#[derive(Debug)]
pub(super) struct ScratchWriter {
    pub(super) file: Arc<File>,
    pub(super) written: u64,
}

impl ScratchWriter {
    pub(super) fn new(file: &Arc<File>) -> Self {
        Self { file: Arc::clone(file), written: 0 }
    }
}

impl Write for ScratchWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = Storage(&self.file).write(bytes)?;
        self.written = counted(self.written, written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Part of a scratch file, read from its own place: many spills share one descriptor.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) file: Arc<File>,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl Read for Section {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.end.checked_sub(self.at).ok_or_else(|| defect(Bug::invariant()))?;
        let most = usize::try_from(left).map_or(out.len(), |left| left.min(out.len()));
        let (out, _) = out.split_at_mut(most);
        let read = self.file.read_at(out, self.at)?;
        self.at = counted(self.at, read)?;
        Ok(read)
    }
}

/// Place in a file after so many more bytes.
fn counted(at: u64, bytes: usize) -> io::Result<u64> {
    at.checked_add(bytes as u64).ok_or_else(|| defect(Bug::invariant()))
}

/// Defect of ours inside an operation of the system.
fn defect(bug: Bug) -> io::Error {
    io::Error::other(bug)
}

pub(super) const CONTEXT: &str = "spilled records";
