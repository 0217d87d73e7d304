//! A journal read back after an interruption, as a resumed session will; the tests of what a crash
//! leaves behind use it, and no release yet.

use std::io::{Seek, SeekFrom};

use protocol::transcript::merkle;
use sha2::{Digest, Sha256};

use super::*;
use crate::record::{LittleEndian, Record as _, U32, U64, record};

impl SessionJournal {
    /// Opens the journal of an interrupted session, as far as it had got.
    ///
    /// A torn end of the transcript is cut off, and frames that no record stands for with it:
    /// nothing was sent on the strength of either.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`] if a record is bad and a good one follows, or if the opening is
    /// bad; [`JournalError::FrameDamaged`] if a recorded frame is missing or altered;
    /// [`JournalError::Os`].
    pub fn recover(dir: &Path) -> Result<Recovered, JournalError> {
        let path = dir.join(TRANSCRIPT_NAME);
        let mut file = os::open_private(&path, OpenOptions::new().read(true).write(true))?;
        let bytes = read_transcript(&path, &file)?;
        let (transcript, len) = parse_whole_records(&path, &bytes)?;
        let dropped_bytes = (bytes.len() - len) as u64;
        if dropped_bytes > 0 {
            cut(&path, &mut file, len as u64)?;
        }
        file.seek(SeekFrom::End(0)).map_err(os::at(Action::Read, &path))?;
        let (mut writer, _) = Writer::open(&transcript.opening)?;
        for record in &transcript.records {
            writer.append(record)?;
        }
        let streams = recover_frames(dir, &transcript)?;
        let journal = Self {
            directory: dir.into(),
            transcript: file,
            writer,
            pending: Vec::new(),
            streams,
            names_changed: false,
            failed: false,
        };
        Ok(Recovered { journal, transcript, dropped_bytes })
    }
}

/// A journal read back after an interruption.
#[derive(Debug)]
pub struct Recovered {
    /// The journal, to go on with.
    pub journal: SessionJournal,
    /// Everything it holds.
    pub transcript: Transcript,
    /// Bytes of a torn end that were cut off.
    pub dropped_bytes: u64,
}

/// The records before a torn end, and how many bytes they are.
fn parse_whole_records(path: &Path, bytes: &[u8]) -> Result<(Transcript, usize), JournalError> {
    let damaged = |record| JournalError::Damaged { path: path.into(), record };
    let bad = match Transcript::parse(bytes) {
        Ok(transcript) => return Ok((transcript, bytes.len())),
        Err(Unreadable::Damaged(bad)) => bad.record,
        Err(why @ Unreadable::OtherVersion) => return Err(unreadable(path, why)),
    };
    let (whole, torn) = records_end(bytes, bad)
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or_else(|| damaged(bad))?;
    // [G56]
    if holds_record_from(bad, torn) {
        return Err(damaged(bad));
    }
    let transcript = Transcript::parse(whole).map_err(|why| unreadable(path, why))?;
    Ok((transcript, whole.len()))
}

/// Start of record `count`, by the lengths of the sound ones before it; `None` for the opening,
/// which was synced before anything else and is never torn.
pub(super) fn records_end(bytes: &[u8], count: u64) -> Option<usize> {
    if count == 0 {
        return None;
    }
    // The magic is the only line of the file.
    let mut end = bytes.iter().position(|byte| *byte == b'\n')?.checked_add(1)?;
    for _ in 0..count {
        let len = record_len(bytes.get(end..)?)?;
        end = end.checked_add(len)?;
    }
    Some(end)
}

/// True if a sound record of number `from` or later stands anywhere in `bytes`.
///
/// A write that was torn leaves nothing sound behind it; damage in the middle does.
fn holds_record_from(from: u64, bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| bytes.get(at..).is_some_and(|rest| is_record_from(from, rest)))
}

fn is_record_from(from: u64, bytes: &[u8]) -> bool {
    // No more records than bytes; this keeps the search linear, as few places pass it.
    let is_later =
        |seq: u64| seq.checked_sub(from).is_some_and(|after| after <= bytes.len() as u64);
    if !RecordHead::split(bytes).is_some_and(|(head, _)| is_later(head.seq.get())) {
        return false;
    }
    record_len(bytes)
        .and_then(|len| bytes.get(..len))
        .and_then(|record| record.split_last_chunk::<CHECKSUM_LEN>())
        .is_some_and(|(content, sum)| Sha256::digest(content).starts_with(sum))
}

record! {
    /// Start of a record of a transcript; its body and a checksum follow.
    struct RecordHead {
        body_len: U32<LittleEndian>,
        kind: u8,
        seq: U64<LittleEndian>,
    }
}

/// Bytes of the record that starts here.
fn record_len(bytes: &[u8]) -> Option<usize> {
    let body_len = usize::try_from(RecordHead::split(bytes)?.0.body_len.get()).ok()?;
    body_len.checked_add(RecordHead::LEN + CHECKSUM_LEN)
}

const CHECKSUM_LEN: usize = 8;

/// Compares every frame file with the records, and cuts off what no record stands for.
fn recover_frames(
    dir: &Path,
    transcript: &Transcript,
) -> Result<BTreeMap<StreamId, Kept>, JournalError> {
    let mut streams = BTreeMap::new();
    for stream in StreamId::BULK {
        let leaves = transcript.records.iter().filter_map(|record| match record {
            Record::Bulk { header, leaf, .. } if header.stream == stream => Some((header, leaf)),
            _ => None,
        });
        let path = frame_path(dir, stream);
        let recorded = leaves.clone().next().is_some();
        let kept = path.try_exists().map_err(os::at(Action::LookAt, &path))?;
        match (kept, recorded) {
            (true, true) => {
                streams.insert(stream, recover_stream(dir, stream, leaves)?);
            }
            (true, false) => {
                std::fs::remove_file(&path).map_err(os::at(Action::Remove, &path))?;
            }
            (false, true) => {
                streams.insert(stream, Kept::LeavesOnly);
            }
            (false, false) => {}
        }
    }
    Ok(streams)
}

fn recover_stream<'a>(
    dir: &Path,
    stream: StreamId,
    leaves: impl Iterator<Item = (&'a FrameHeader, &'a merkle::Hash)>,
) -> Result<Kept, JournalError> {
    let path = frame_path(dir, stream);
    let mut frames = Frames::open(dir, stream)?;
    let mut recorded = 0;
    for (header, leaf) in leaves {
        recorded += FrameHeader::LEN as u64 + u64::from(header.payload_len);
        let frame = match frames.next() {
            Some(Err(error @ JournalError::Os(_))) => return Err(error),
            Some(Ok(frame)) => Some(frame),
            _ => None,
        };
        let sound = frame.is_some_and(|frame| {
            let found = merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]);
            frame.header == *header && found == *leaf
        });
        // [G56]
        if !sound {
            return Err(JournalError::FrameDamaged { path, index: header.index });
        }
    }
    let mut file = os::open_private(&path, OpenOptions::new().read(true).write(true))?;
    let len = file.seek(SeekFrom::End(0)).map_err(os::at(Action::Read, &path))?;
    if len > recorded {
        cut(&path, &mut file, recorded)?;
    }
    Ok(Kept::Frames { file, frames: frames.next, changed: false })
}

/// Shortens a file to its sound part and stands at its end.
fn cut(path: &Path, file: &mut File, len: u64) -> Result<(), JournalError> {
    file.set_len(len)
        .and_then(|()| Storage(file).sync())
        .and_then(|()| file.seek(SeekFrom::End(0)))
        .map_err(os::at(Action::Shorten, path))?;
    Ok(())
}
