//! A session on disk: its transcript, and the frames of its bulk streams beside it.
//!
//! `RUN.transcript` holds the records of `protocol::transcript`, `frames/BLIND` and its siblings
//! the frames as they were on the wire. Frames are written at once and records only by
//! [`SessionJournal::sync`], after the frames they stand for are on disk: so a record that can be
//! read proves its frame, and what a crash leaves behind is a torn end, never a hole. A message
//! may leave once `sync` has returned [T-01].
//!
//! IDS frames hold digital IDs and are never written: the transcript has their leaf hashes.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::Bug;
use protocol::identity::ChannelFacts;
use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::{Opening, Record, Role, Transcript, Unreadable, Writer, merkle};
use report::{Arg, Code, Diagnose, Text};
use sha2::{Digest, Sha256};

use crate::os::{self, Action, OsError, Storage};

/// The journal of one session, open for writing.
#[derive(Debug)]
pub struct SessionJournal {
    directory: PathBuf,
    transcript: File,
    writer: Writer,
    /// Records that no sync has written yet.
    pending: Vec<u8>,
    streams: BTreeMap<StreamId, Kept>,
    /// Whether a frame file was made since the last sync.
    names_changed: bool,
    failed: bool,
}

/// What is kept of a bulk stream.
#[derive(Debug)]
enum Kept {
    /// Every frame so far.
    Frames { file: File, frames: u32, changed: bool },
    /// No frame: they can be re-derived, or must not be on disk.
    LeavesOnly,
}

impl SessionJournal {
    /// Starts the journal of a session that has no id yet, by a new name in `sessions`.
    ///
    /// # Errors
    ///
    /// As [`unopened`] and [`SessionJournal::create`].
    pub fn begin(
        sessions: &Path,
        role: Role,
        channel: &ChannelFacts,
    ) -> Result<Self, JournalError> {
        let opening = Opening {
            protocol: PROTOCOL_VERSION,
            role,
            exporter: channel.exporter,
            spki_advertiser: channel.spki_advertiser,
            spki_provider: channel.spki_provider,
        };
        Self::create(&unopened(sessions)?, &opening)
    }

    /// Starts the journal of a session in a private directory of its own.
    ///
    /// # Errors
    ///
    /// [`JournalError::Os`], also if the directory has a transcript already.
    pub fn create(dir: &Path, opening: &Opening) -> Result<Self, JournalError> {
        let frames = dir.join(FRAMES_DIR);
        os::create_private_dir(dir)?;
        os::create_private_dir(&frames)?;
        let path = dir.join(TRANSCRIPT_NAME);
        let (writer, bytes) = Writer::open(opening)?;
        let mut journal = Self {
            directory: dir.into(),
            transcript: os::create_private(&path)?,
            writer,
            pending: bytes,
            streams: BTreeMap::new(),
            names_changed: true,
            failed: false,
        };
        journal.sync()?;
        // [G57]
        os::sync_dir(dir)?;
        Ok(journal)
    }

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
        let dropped_bytes = bytes.len().saturating_sub(len) as u64;
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

    /// Takes a record, and for a bulk record the frame to keep beside it.
    ///
    /// A stream is kept whole or not at all, as its first record decides; IDS frames never are.
    ///
    /// # Errors
    ///
    /// [`JournalError::Bug`] if the frame is not the record's; [`JournalError::Os`] if it
    /// cannot be written. The journal then takes nothing more.
    pub fn append(
        &mut self,
        record: &Record,
        frame: Option<&RawFrame>,
    ) -> Result<(), JournalError> {
        self.guarded(|journal| {
            match (record, frame) {
                (Record::Control(_), None) => {}
                (Record::Control(_), Some(_)) => return Err(Bug::misuse().into()),
                (Record::Bulk { header, .. }, frame) => journal.keep(header, frame)?,
            }
            let bytes = journal.writer.append(record)?;
            journal.pending.extend(bytes);
            if journal.pending.len() >= PENDING_BYTES_MAX {
                journal.flush()?;
            }
            Ok(())
        })
    }

    /// Puts everything taken so far on disk; what it records may be sent from then on.
    ///
    /// # Errors
    ///
    /// [`JournalError::Os`]. The journal then takes nothing more: after a failed sync the
    /// system may have forgotten what it could not write, and a second sync would lie.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.guarded(Self::flush)
    }

    /// Reads the frames kept of a stream, from the first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Os`], also if the stream is not kept.
    pub fn read_frames(&self, stream: StreamId) -> Result<Frames, JournalError> {
        Frames::open(&self.directory, stream)
    }

    /// Moves the journal to a directory of another name on the same disk, which must be free.
    ///
    /// # Errors
    ///
    /// [`JournalError::Os`]; the journal then takes nothing more.
    pub fn rename(&mut self, to: &Path) -> Result<(), JournalError> {
        self.guarded(|journal| {
            if to.symlink_metadata().is_ok() {
                return Err(OsError::Exists { path: to.into() }.into());
            }
            os::fault_point()
                .and_then(|()| std::fs::rename(&journal.directory, to))
                .map_err(os::at(Action::Name, to))?;
            let from = std::mem::replace(&mut journal.directory, to.into());
            // [G57]
            os::sync_dir(os::parent(to))?;
            if os::parent(&from) != os::parent(to) {
                os::sync_dir(os::parent(&from))?;
            }
            Ok(())
        })
    }

    /// Removes the journal: nothing came of the session, and nobody will ask for its record.
    ///
    /// What cannot be removed stays; it is in nobody's way.
    pub fn discard(self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::debug!(target: "veilmatch::session", %error, "an unopened session stays");
        }
    }

    /// Where the journal lies.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs a step after which, if it fails, nothing is taken any more.
    fn guarded(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        if self.failed {
            return Err(JournalError::Failed);
        }
        self.failed = true;
        step(self)?;
        self.failed = false;
        Ok(())
    }

    /// Writes a frame beside the transcript, if its stream is kept.
    fn keep(&mut self, header: &FrameHeader, frame: Option<&RawFrame>) -> Result<(), JournalError> {
        let stream = header.stream;
        let frame = frame.filter(|_| stream != StreamId::Ids);
        if !self.streams.contains_key(&stream) {
            let kept = match frame {
                None => Kept::LeavesOnly,
                Some(_) => {
                    self.names_changed = true;
                    Kept::Frames {
                        file: os::create_private(&frame_path(&self.directory, stream))?,
                        frames: 0,
                        changed: false,
                    }
                }
            };
            self.streams.insert(stream, kept);
        }
        match (self.streams.get_mut(&stream), frame) {
            (Some(Kept::LeavesOnly), None) => Ok(()),
            (Some(Kept::Frames { file, frames, changed }), Some(frame))
                if frame.header == *header && header.index == *frames =>
            {
                let path = frame_path(&self.directory, stream);
                *changed = true;
                *frames = frames.saturating_add(1);
                let mut storage = Storage(file);
                storage
                    .write_all(&header.encode())
                    .and_then(|()| storage.write_all(&frame.payload))
                    .map_err(os::at(Action::Write, &path))?;
                Ok(())
            }
            _ => Err(Bug::misuse().into()),
        }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        // Frames first: a record on disk then always has its frame.
        for (stream, kept) in &mut self.streams {
            if let Kept::Frames { file, changed, .. } = kept
                && *changed
            {
                let path = frame_path(&self.directory, *stream);
                Storage(file).sync().map_err(os::at(Action::Sync, &path))?;
                *changed = false;
            }
        }
        if self.names_changed {
            // [G57]
            os::sync_dir(&self.directory.join(FRAMES_DIR))?;
            self.names_changed = false;
        }
        if self.pending.is_empty() {
            return Ok(());
        }
        let path = self.directory.join(TRANSCRIPT_NAME);
        let mut storage = Storage(&self.transcript);
        storage.write_all(&self.pending).map_err(os::at(Action::Write, &path))?;
        storage.sync().map_err(os::at(Action::Sync, &path))?;
        self.pending.clear();
        Ok(())
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

/// Frames of one stream, read in order.
#[derive(Debug)]
pub struct Frames {
    path: PathBuf,
    stream: StreamId,
    file: BufReader<File>,
    next: u32,
    /// Bytes of the frames given so far.
    read_bytes: u64,
    ended: bool,
}

impl Frames {
    /// Opens the frames kept of a stream in the directory of a journal.
    ///
    /// # Errors
    ///
    /// [`JournalError::Os`], also if the stream is not kept.
    pub fn open(dir: &Path, stream: StreamId) -> Result<Self, JournalError> {
        let path = frame_path(dir, stream);
        let file = os::open_private(&path, OpenOptions::new().read(true))?;
        Ok(Self {
            path,
            stream,
            file: BufReader::with_capacity(READ_BUFFER_LEN, file),
            next: 0,
            read_bytes: 0,
            ended: false,
        })
    }

    fn read(&mut self) -> Result<Option<RawFrame>, JournalError> {
        let damaged = || JournalError::FrameDamaged { path: self.path.clone(), index: self.next };
        let mut header = [0; FrameHeader::LEN];
        match fill(&mut self.file, &mut header).map_err(os::at(Action::Read, &self.path))? {
            0 => return Ok(None),
            FrameHeader::LEN => {}
            _ => return Err(damaged()),
        }
        let header = FrameHeader::parse(&header).map_err(|_| damaged())?;
        if header.stream != self.stream || header.index != self.next {
            return Err(damaged());
        }
        // At most a frame, as the header was checked against the limits.
        let len = usize::try_from(header.payload_len).map_err(|_| damaged())?;
        let mut payload = vec![0; len];
        let read = fill(&mut self.file, &mut payload).map_err(os::at(Action::Read, &self.path))?;
        if read < len {
            return Err(damaged());
        }
        let frame = RawFrame::new(header, payload.into()).map_err(|_| damaged())?;
        self.next = self.next.saturating_add(1);
        self.read_bytes =
            self.read_bytes.saturating_add((FrameHeader::LEN as u64).saturating_add(len as u64));
        Ok(Some(frame))
    }
}

impl Iterator for Frames {
    type Item = Result<RawFrame, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let frame = self.read().transpose();
        self.ended = !matches!(frame, Some(Ok(_)));
        frame
    }
}

/// A session cannot be recorded, or its record cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or directory.
    Os(#[from] OsError),
    /// A record is altered or missing, and others follow it.
    Damaged {
        /// The transcript.
        path: PathBuf,
        /// Number of the first bad record.
        record: u64,
    },
    /// A transcript of another version of the protocol.
    OtherVersion {
        /// The transcript.
        path: PathBuf,
    },
    /// A recorded frame is altered or missing.
    FrameDamaged {
        /// The frames.
        path: PathBuf,
        /// Number of the first bad frame.
        index: u32,
    },
    /// A transcript is larger than any session's.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// An earlier write failed.
    Failed,
    /// A defect of ours: a frame came without its record, a stream was kept in part, or there are
    /// more records than a transcript counts.
    Bug(#[from] Bug),
}

impl Diagnose for JournalError {
    fn code(&self) -> Code {
        match self {
            Self::Os(_)
            | Self::Damaged { .. }
            | Self::OtherVersion { .. }
            | Self::FrameDamaged { .. }
            | Self::TooLarge { .. }
            | Self::Failed => Code::SessionStorage,
            Self::Bug(bug) => bug.code(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Os(error) => error.text(),
            Self::Damaged { path, record } => {
                Text::new("journal-damaged").with("path", path).with("record", Arg::Number(*record))
            }
            Self::OtherVersion { path } => Text::new("journal-other-version").with("path", path),
            Self::FrameDamaged { path, index } => Text::new("journal-frame-damaged")
                .with("path", path)
                .with("index", Arg::Number((*index).into())),
            Self::TooLarge { path } => Text::new("journal-too-large").with("path", path),
            Self::Failed => Text::new("journal-failed"),
            Self::Bug(bug) => bug.text(),
        }
    }
}
report::told_in_english!(JournalError);

/// Name of the transcript in the directory of a run.
pub const TRANSCRIPT_NAME: &str = "RUN.transcript";

/// Reads the transcript of a session that has ended; its frames are not looked at.
///
/// # Errors
///
/// [`JournalError::Damaged`] at the first record that is torn or altered, and as
/// [`SessionJournal::recover`] for the file itself.
pub fn read_ended(dir: &Path) -> Result<Transcript, JournalError> {
    let path = dir.join(TRANSCRIPT_NAME);
    let file = os::open_private(&path, OpenOptions::new().read(true))?;
    let bytes = read_transcript(&path, &file)?;
    Transcript::parse(&bytes).map_err(|why| unreadable(&path, why))
}

/// A new name for a session that has no id yet; the oldest such sessions are removed.
///
/// A session that ends before its terms has agreed to nothing, and a peer can open as many as it
/// likes: the last ones are kept to look at, not all of them.
///
/// # Errors
///
/// [`JournalError::Os`] without randomness.
fn unopened(sessions: &Path) -> Result<PathBuf, JournalError> {
    let mut found: Vec<(std::time::SystemTime, PathBuf)> = std::fs::read_dir(sessions)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(UNOPENED))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    let surplus = found.len().saturating_sub(UNOPENED_KEPT);
    // A young one may be open at this moment, and be another partner's, however many came since.
    let ended = |time: &std::time::SystemTime| time.elapsed().is_ok_and(|age| age >= UNOPENED_OPEN);
    for (_, path) in found.into_iter().take(surplus).take_while(|(time, _)| ended(time)) {
        let _ = std::fs::remove_dir_all(path);
    }
    let name = crate::hex(&os::entropy::<8>()?);
    Ok(sessions.join(format!("{UNOPENED}{name}")))
}

const UNOPENED: &str = "unopened-";
/// Sessions without an id that are kept.
const UNOPENED_KEPT: usize = 256;
/// Longer than a session can be without an id: the waits for HELLO_P and TERMS are shorter.
const UNOPENED_OPEN: std::time::Duration = std::time::Duration::from_secs(300);

/// Name of the directory of frames in the directory of a run.
pub const FRAMES_DIR: &str = "frames";

fn frame_path(dir: &Path, stream: StreamId) -> PathBuf {
    dir.join(FRAMES_DIR).join(stream.name())
}

fn read_transcript(path: &Path, file: &File) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    file.take(TRANSCRIPT_BYTES_MAX.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(os::at(Action::Read, path))?;
    if bytes.len() as u64 > TRANSCRIPT_BYTES_MAX {
        return Err(JournalError::TooLarge { path: path.into() });
    }
    Ok(bytes)
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

fn unreadable(path: &Path, why: Unreadable) -> JournalError {
    match why {
        Unreadable::OtherVersion => JournalError::OtherVersion { path: path.into() },
        Unreadable::Damaged(bad) => JournalError::Damaged { path: path.into(), record: bad.record },
    }
}

/// Where record `count` starts, by the lengths of the sound ones before it; `None` for the opening,
/// which was synced before anything else and is never torn.
fn records_end(bytes: &[u8], count: u64) -> Option<usize> {
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

/// Whether a sound record of number `from` or later stands anywhere in `bytes`.
///
/// A write that was torn leaves nothing sound behind it; damage in the middle does.
fn holds_record_from(from: u64, bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|at| bytes.get(at..).is_some_and(|rest| is_record_from(from, rest)))
}

fn is_record_from(from: u64, bytes: &[u8]) -> bool {
    let Some(seq) = bytes.get(5..).and_then(|rest| rest.first_chunk()) else {
        return false;
    };
    // No more records than bytes; this keeps the search linear, as few places pass it.
    let seq = u64::from_le_bytes(*seq);
    if !(from..=from.saturating_add(bytes.len() as u64)).contains(&seq) {
        return false;
    }
    record_len(bytes)
        .and_then(|len| bytes.get(..len))
        .and_then(|record| record.split_last_chunk::<CHECKSUM_LEN>())
        .is_some_and(|(content, sum)| Sha256::digest(content).starts_with(sum))
}

/// Bytes of the record that starts here: `u32 length ‖ u8 type ‖ u64 sequence ‖ body ‖ checksum`.
fn record_len(bytes: &[u8]) -> Option<usize> {
    let body_len = usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()?;
    body_len.checked_add(RECORD_HEAD_LEN + CHECKSUM_LEN)
}

/// Compares every frame file with the records, and cuts off what no record stands for.
fn recover_frames(
    dir: &Path,
    transcript: &Transcript,
) -> Result<BTreeMap<StreamId, Kept>, JournalError> {
    let mut streams = BTreeMap::new();
    for stream in StreamId::BULK {
        let leaves = transcript.records.iter().filter_map(|record| match record {
            Record::Bulk { header, leaf } if header.stream == stream => Some((header, leaf)),
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
    for (header, leaf) in leaves {
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
    if len > frames.read_bytes {
        cut(&path, &mut file, frames.read_bytes)?;
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

/// Reads until `out` is full or nothing is left, and says how much it was.
fn fill(file: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled: usize = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => filled = filled.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Records are written without being asked above this, so that memory stays bounded.
const PENDING_BYTES_MAX: usize = 1 << 20;
const READ_BUFFER_LEN: usize = 1 << 16;
/// Above any session: two bulk streams of 32,768 frames are 5 MB.
const TRANSCRIPT_BYTES_MAX: u64 = 1 << 28;
const RECORD_HEAD_LEN: usize = 13;
const CHECKSUM_LEN: usize = 8;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;
    use crate::os::testing::{dirs_synced_in, private_tempdir, with_fault};

    fn opening() -> Opening {
        Opening {
            protocol: PROTOCOL_VERSION,
            role: Role::Advertiser,
            exporter: [1; 32],
            spki_advertiser: [2; 32],
            spki_provider: [3; 32],
        }
    }

    fn frame(stream: StreamId, index: u32, elements: u32, last: bool) -> RawFrame {
        let (kind, payload) = if stream.is_control() {
            (9, vec![index as u8; 40])
        } else {
            let payload = (0..elements * 32).map(|at| (at * 7 + index) as u8);
            (u8::from(last), payload.collect())
        };
        let header =
            FrameHeader { stream, kind, elements, index, payload_len: payload.len() as u32 };
        RawFrame::new(header, payload.into()).unwrap()
    }

    fn record(frame: &RawFrame) -> Record {
        if frame.header.stream.is_control() {
            return Record::Control(frame.clone());
        }
        Record::Bulk {
            header: frame.header,
            leaf: merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]),
        }
    }

    /// A short session as it reaches the journal.
    fn session() -> Vec<RawFrame> {
        vec![
            frame(StreamId::ControlAdvertiser, 0, 0, false),
            frame(StreamId::ControlProvider, 0, 0, false),
            frame(StreamId::Blind, 0, 3, false),
            frame(StreamId::Eval, 0, 3, false),
            frame(StreamId::Blind, 1, 2, true),
            frame(StreamId::Eval, 1, 2, true),
            frame(StreamId::ControlAdvertiser, 1, 0, false),
        ]
    }

    fn take(journal: &mut SessionJournal, frame: &RawFrame) -> Result<(), JournalError> {
        let beside = (!frame.header.stream.is_control()).then_some(frame);
        journal.append(&record(frame), beside)
    }

    /// A synced journal of the whole session.
    fn written(dir: &Path) {
        let mut journal = SessionJournal::create(dir, &opening()).unwrap();
        for frame in session() {
            take(&mut journal, &frame).unwrap();
        }
        journal.sync().unwrap();
    }

    fn records() -> Vec<Record> {
        session().iter().map(record).collect()
    }

    fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
        [TRANSCRIPT_NAME, "frames/BLIND", "frames/EVAL"]
            .iter()
            .map(|name| (name.to_string(), fs::read(dir.join(name)).unwrap()))
            .collect()
    }

    #[test]
    fn crowd_of_unopened_sessions_removes_none_that_may_be_open() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = dir.path();
        let before = |seconds: u64| {
            let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
            let name = unopened(sessions).unwrap();
            fs::create_dir(&name).unwrap();
            File::open(&name).unwrap().set_modified(time).unwrap();
            name
        };
        let ended = before(301);
        let open = before(200);
        for _ in 0..UNOPENED_KEPT + 10 {
            fs::create_dir(unopened(sessions).unwrap()).unwrap();
        }
        assert!(open.exists(), "somebody's session may be about to get its id");
        assert!(!ended.exists());
    }

    #[test]
    fn journal_reads_back_and_everything_is_private() {
        let dir = private_tempdir();
        let run = dir.path().join("5f0c");
        written(&run);
        let bytes = fs::read(run.join(TRANSCRIPT_NAME)).unwrap();
        let transcript = Transcript::parse(&bytes).unwrap();
        assert_eq!(transcript.opening, opening());
        assert_eq!(transcript.records, records());
        let blinds: Vec<RawFrame> =
            Frames::open(&run, StreamId::Blind).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(blinds, [session()[2].clone(), session()[4].clone()]);
        let (header, payload) = (blinds[0].header.encode(), &blinds[0].payload);
        let (_, file) = &files(&run)[1];
        assert!(file.starts_with(&[&header[..], payload].concat()));
        for (name, mode) in [
            ("", 0o700),
            ("frames", 0o700),
            (TRANSCRIPT_NAME, 0o600),
            ("frames/BLIND", 0o600),
            ("frames/EVAL", 0o600),
        ] {
            let found = fs::metadata(run.join(name)).unwrap().mode() & 0o7777;
            assert_eq!(found, mode, "{name}");
        }
        assert!(Frames::open(&run, StreamId::Table).is_err(), "not kept");
        assert!(SessionJournal::create(&run, &opening()).is_err());
    }

    #[test]
    fn names_of_new_files_are_synced_once() {
        // G57
        let dir = private_tempdir();
        let run = dir.path().join("run");
        let frames = run.join(FRAMES_DIR);
        let synced = dirs_synced_in(|| written(&run));
        assert_eq!(synced.iter().filter(|dir| **dir == frames).count(), 2);
        // Once for the name of `frames`, once for that of the transcript.
        assert_eq!(synced.iter().filter(|dir| **dir == run).count(), 2);
        assert!(synced.contains(&dir.path().into()));
    }

    #[test]
    fn digital_ids_are_never_written() {
        let dir = private_tempdir();
        let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
        let header =
            FrameHeader { stream: StreamId::Ids, kind: 1, elements: 1, index: 0, payload_len: 20 };
        let ids = RawFrame::new(header, [0x5a; 20].into()).unwrap();
        take(&mut journal, &ids).unwrap();
        journal.sync().unwrap();
        drop(journal);
        assert_eq!(fs::read_dir(dir.path().join(FRAMES_DIR)).unwrap().count(), 0);
        let transcript = fs::read(dir.path().join(TRANSCRIPT_NAME)).unwrap();
        assert!(!transcript.windows(20).any(|window| window == [0x5a; 20]));
        let recovered = SessionJournal::recover(dir.path()).unwrap();
        assert_eq!(recovered.transcript.records, [record(&ids)]);
    }

    #[test]
    fn unsynced_records_are_gone_after_a_crash_and_the_session_goes_on() {
        let (dir, other) = (private_tempdir(), private_tempdir());
        let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
        let session = session();
        for (at, frame) in session.iter().enumerate() {
            take(&mut journal, frame).unwrap();
            if at == 2 {
                journal.sync().unwrap();
            }
        }
        drop(journal);
        let mut recovered = SessionJournal::recover(dir.path()).unwrap();
        assert_eq!(recovered.transcript.records, records()[..3]);
        assert_eq!(recovered.dropped_bytes, 0);
        for frame in &session[3..] {
            take(&mut recovered.journal, frame).unwrap();
        }
        recovered.journal.sync().unwrap();
        let evals = recovered.journal.read_frames(StreamId::Eval).unwrap();
        assert_eq!(evals.count(), 2);
        written(other.path());
        assert_eq!(files(dir.path()), files(other.path()), "as if nothing happened");
        // Nothing is left to cut off, and a stream keeps being kept whole.
        let again = SessionJournal::recover(dir.path()).unwrap();
        assert_eq!(again.transcript.records, records());
    }

    #[test]
    fn torn_tail_is_dropped_at_every_length() {
        // D13
        let dir = private_tempdir();
        written(dir.path());
        let files = files(dir.path());
        let whole = &files[0].1;
        let mut lengths = Vec::new();
        for cut in 0..whole.len() {
            fs::write(dir.path().join(TRANSCRIPT_NAME), &whole[..cut]).unwrap();
            for (name, bytes) in &files[1..] {
                os::publish_atomically(&dir.path().join(name), 0o600, |out| out.write_all(bytes))
                    .unwrap();
            }
            match SessionJournal::recover(dir.path()) {
                Err(JournalError::Damaged { record, .. }) => assert_eq!(record, 0, "{cut}"),
                Err(error) => panic!("{cut}: {error}"),
                Ok(recovered) => {
                    let found = recovered.transcript.records;
                    assert_eq!(found, records()[..found.len()]);
                    let left = fs::metadata(dir.path().join(TRANSCRIPT_NAME)).unwrap().len();
                    assert_eq!(left + recovered.dropped_bytes, cut as u64);
                    lengths.push(found.len());
                }
            }
        }
        assert!(lengths.is_sorted());
        assert_eq!((lengths.first(), lengths.last()), (Some(&0), Some(&6)));
    }

    #[test]
    fn flipped_bits_and_zeroed_pages_are_never_misread() {
        // D13, G56
        let dir = private_tempdir();
        written(dir.path());
        let path = dir.path().join(TRANSCRIPT_NAME);
        let whole = fs::read(&path).unwrap();
        let ends: Vec<usize> = (1..=8).map(|count| records_end(&whole, count).unwrap()).collect();
        // Only an end in which nothing sound is left may be taken for torn.
        let check = |altered: &[u8], damage: std::ops::Range<usize>| {
            fs::write(&path, altered).unwrap();
            if let Ok(recovered) = SessionJournal::recover(dir.path()) {
                let found = recovered.transcript.records;
                assert_eq!(found, records()[..found.len()], "{damage:?}");
                assert!(found.len() < records().len(), "{damage:?} goes unnoticed");
                for lost in ends.windows(2).skip(found.len()) {
                    assert!(damage.start < lost[1] && lost[0] < damage.end, "{damage:?}");
                }
            }
            restore(dir.path());
        };
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            check(&altered, at..at + 1);
        }
        for start in (0..whole.len()).step_by(5) {
            let mut altered = whole.clone();
            let end = (start + 64).min(whole.len());
            altered[start..end].fill(0);
            check(&altered, start..end);
        }
    }

    /// Puts the whole session back.
    fn restore(dir: &Path) {
        fs::remove_dir_all(dir.join(FRAMES_DIR)).unwrap();
        fs::remove_file(dir.join(TRANSCRIPT_NAME)).unwrap();
        written(dir);
    }

    #[test]
    fn altered_or_missing_recorded_frames_are_refused() {
        // G56
        let dir = private_tempdir();
        written(dir.path());
        let path = dir.path().join("frames/BLIND");
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1 << (at % 8);
            for damaged in [&altered[..], &whole[..at]] {
                fs::write(&path, damaged).unwrap();
                let outcome = SessionJournal::recover(dir.path());
                assert!(matches!(outcome, Err(JournalError::FrameDamaged { .. })), "byte {at}");
            }
        }
        // A frame that was written but not recorded is cut off.
        fs::write(&path, [&whole[..], &whole].concat()).unwrap();
        assert!(SessionJournal::recover(dir.path()).is_ok());
        assert_eq!(fs::read(&path).unwrap(), whole);
        // Without its file a stream counts as not kept.
        fs::remove_file(&path).unwrap();
        assert!(SessionJournal::recover(dir.path()).is_ok());
    }

    #[test]
    fn every_failing_storage_operation_keeps_what_was_synced() {
        // D10
        for at in 0.. {
            let dir = private_tempdir();
            let mut synced = None;
            let (outcome, reached) = with_fault(at, || {
                let mut journal = SessionJournal::create(dir.path(), &opening())?;
                synced = Some(0);
                for (number, frame) in session().iter().enumerate() {
                    let step = take(&mut journal, frame).and_then(|()| journal.sync());
                    if let Err(error) = step {
                        let after = journal.sync();
                        assert!(matches!(after, Err(JournalError::Failed)));
                        return Err(error);
                    }
                    synced = Some(number + 1);
                }
                Ok(())
            });
            assert_eq!(outcome.is_err(), reached, "operation {at}");
            if let Some(synced) = synced {
                let found = SessionJournal::recover(dir.path()).unwrap();
                let found = found.transcript.records;
                assert!(found.len() >= synced, "operation {at}");
                assert_eq!(found, records()[..found.len()]);
            }
            if !reached {
                assert!(at > 20, "{at} operations");
                break;
            }
        }
    }

    #[test]
    fn stream_is_kept_whole_or_not_at_all() {
        let dir = private_tempdir();
        let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
        let session = session();
        take(&mut journal, &session[2]).unwrap();
        let gap = journal.append(&record(&session[4]), None);
        assert!(matches!(gap, Err(JournalError::Bug(_))));
        assert!(matches!(take(&mut journal, &session[4]), Err(JournalError::Failed)));
        let dir = private_tempdir();
        let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
        journal.append(&record(&session[2]), None).unwrap();
        journal.append(&record(&session[4]), None).unwrap();
        journal.sync().unwrap();
        let other = journal.append(&record(&session[3]), Some(&session[5]));
        assert!(matches!(other, Err(JournalError::Bug(_))));
    }

    #[test]
    fn journal_moves_to_a_free_name_and_goes_on_there() {
        let dir = private_tempdir();
        let (early, run) = (dir.path().join("early"), dir.path().join("5f0c"));
        let mut journal = SessionJournal::create(&early, &opening()).unwrap();
        take(&mut journal, &session()[2]).unwrap();
        let synced = dirs_synced_in(|| journal.rename(&run).unwrap());
        assert_eq!(synced, [dir.path()]);
        assert_eq!(journal.directory(), run);
        take(&mut journal, &session()[3]).unwrap();
        journal.sync().unwrap();
        assert!(!early.exists());
        let found = SessionJournal::recover(&run).unwrap().transcript.records;
        assert_eq!(found, records()[2..4]);
        let mut other = SessionJournal::create(&early, &opening()).unwrap();
        assert!(other.rename(&run).is_err());
    }

    #[test]
    fn many_records_are_written_without_being_asked() {
        let dir = private_tempdir();
        let mut journal = SessionJournal::create(dir.path(), &opening()).unwrap();
        for index in 0..20_000 {
            let frame = frame(StreamId::ControlAdvertiser, index, 0, false);
            take(&mut journal, &frame).unwrap();
            assert!(journal.pending.len() < PENDING_BYTES_MAX);
        }
    }
}
