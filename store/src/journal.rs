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
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::Bug;
use protocol::identity::ChannelFacts;
use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::{Opening, Record, Role, Transcript, Unreadable, Writer};

use crate::os::{self, Action, OsError, Storage};
use crate::told::number;

/// The journal of one session, open for writing.
#[derive(Debug)]
pub struct SessionJournal {
    directory: PathBuf,
    transcript: File,
    writer: Writer,
    /// Records that no sync has written yet.
    pending: Vec<u8>,
    streams: BTreeMap<StreamId, Kept>,
    /// True if a frame file was made since the last sync.
    names_changed: bool,
    failed: bool,
}

/// Part of a bulk stream that is kept.
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

    /// Directory of the journal.
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
                *frames = frames.checked_add(1).ok_or(Bug::invariant())?;
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

/// Frames of one stream, read in order.
#[derive(Debug)]
pub struct Frames {
    path: PathBuf,
    stream: StreamId,
    file: BufReader<File>,
    next: u32,
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
            ended: false,
        })
    }

    fn read(&mut self) -> Result<Option<RawFrame>, JournalError> {
        let damaged = || JournalError::FrameDamaged { path: self.path.clone(), index: self.next };
        let mut header = [0; FrameHeader::LEN];
        match os::read_full(&mut self.file, &mut header)
            .map_err(os::at(Action::Read, &self.path))?
        {
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
        let read = os::read_full(&mut self.file, &mut payload)
            .map_err(os::at(Action::Read, &self.path))?;
        if read < len {
            return Err(damaged());
        }
        let frame = RawFrame::new(header, payload.into()).map_err(|_| damaged())?;
        self.next = self.next.checked_add(1).ok_or(Bug::invariant())?;
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

diagnose! { JournalError: inner [Bug], within [Os => SessionStorage];
    Self::Damaged { path, record } =>
        SessionStorage, "journal-damaged" { path: path, record: number(*record) };
    Self::OtherVersion { path } => SessionStorage, "journal-other-version" { path: path };
    Self::FrameDamaged { path, index } =>
        SessionStorage, "journal-frame-damaged" { path: path, index: number(*index) };
    Self::TooLarge { path } => SessionStorage, "journal-too-large" { path: path };
    Self::Failed => SessionStorage, "journal-failed";
}

/// Name of the transcript in the directory of a run.
pub const TRANSCRIPT_NAME: &str = "RUN.transcript";

/// Reads the transcript of a session that has ended; its frames are not looked at.
///
/// # Errors
///
/// [`JournalError::Damaged`] at the first record that is torn or altered, and the errors of opening
/// the file.
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
    // None while there are fewer.
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
    file.take(TRANSCRIPT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(os::at(Action::Read, path))?;
    if bytes.len() as u64 > TRANSCRIPT_BYTES_MAX {
        return Err(JournalError::TooLarge { path: path.into() });
    }
    Ok(bytes)
}

fn unreadable(path: &Path, why: Unreadable) -> JournalError {
    match why {
        Unreadable::OtherVersion => JournalError::OtherVersion { path: path.into() },
        Unreadable::Damaged(bad) => JournalError::Damaged { path: path.into(), record: bad.record },
    }
}

/// Records are written without being asked above this, so that memory stays bounded.
const PENDING_BYTES_MAX: usize = 1 << 20;
const READ_BUFFER_LEN: usize = 1 << 16;
/// Above any session: two bulk streams of 32,768 frames are 5 MB.
const TRANSCRIPT_BYTES_MAX: u64 = 1 << 28;

#[cfg(test)]
mod recovery;
#[cfg(test)]
mod tests;
