//! Reads an audit package: a transcript and the frames beside it, in bounded memory.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::transcript::verify::{FrameSource, FrameUnreadable};
use protocol::transcript::{Damaged, Transcript, Unreadable};

/// A package on disk: `RUN.transcript` and, where they were kept, `frames/`.
#[derive(Debug)]
pub struct Package {
    directory: PathBuf,
    transcript: Transcript,
}

impl Package {
    /// Opens a package by its directory, or by the path of its transcript.
    ///
    /// # Errors
    ///
    /// [`PackageError`], which says what is missing or damaged.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        let (directory, file) = match path.is_dir() {
            true => (path.to_path_buf(), path.join(TRANSCRIPT)),
            false => (path.parent().map(Path::to_path_buf).unwrap_or_default(), path.to_path_buf()),
        };
        let unreadable = |source| PackageError::Unreadable { path: file.clone(), source };
        let mut bytes = Vec::new();
        let handle = File::open(&file).map_err(unreadable)?;
        handle.take(TRANSCRIPT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > TRANSCRIPT_BYTES_MAX {
            return Err(PackageError::TooLarge { path: file });
        }
        let transcript = Transcript::parse(&bytes).map_err(|why| match why {
            Unreadable::OtherVersion => PackageError::OtherVersion { path: file.clone() },
            Unreadable::Damaged(source) => PackageError::Damaged { path: file.clone(), source },
        })?;
        Ok(Self { directory, transcript })
    }

    /// The transcript.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The frames of the package.
    #[must_use]
    pub fn frames(&self) -> Frames {
        Frames { directory: self.directory.join("frames"), streams: HashMap::new() }
    }
}

/// Why a package cannot be read.
#[derive(Debug)]
pub enum PackageError {
    /// The transcript file cannot be opened or read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The transcript file is larger than any session's.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The transcript was written under another version of the protocol.
    OtherVersion {
        /// The file.
        path: PathBuf,
    },
    /// The transcript file is torn or altered. This is a finding about the package.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first bad record.
        source: Damaged,
    },
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } => {
                write!(f, "cannot read {}: {source}", path.display())
            }
            Self::TooLarge { path } => {
                write!(f, "{} is larger than any transcript", path.display())
            }
            Self::OtherVersion { path } => {
                write!(f, "{}: {}", path.display(), Unreadable::OtherVersion)
            }
            Self::Damaged { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for PackageError {}

/// Stored frames, found by index through the offsets of the headers.
#[derive(Debug)]
pub struct Frames {
    directory: PathBuf,
    streams: HashMap<StreamId, Option<StoredStream>>,
}

#[derive(Debug)]
struct StoredStream {
    file: File,
    len: u64,
    /// Offset of each header seen so far; the last is where the next header is expected.
    offsets: Vec<u64>,
}

impl FrameSource for Frames {
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        let path = self.directory.join(stream.name());
        let stored = self.streams.entry(stream).or_insert_with(|| StoredStream::open(&path));
        match stored {
            None => Ok(None),
            Some(stored) => stored.read(stream, index).map(Some).ok_or(FrameUnreadable),
        }
    }
}

impl StoredStream {
    fn open(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len();
        Some(Self { file, len, offsets: vec![0] })
    }

    fn read(&mut self, stream: StreamId, index: u32) -> Option<RawFrame> {
        let index = usize::try_from(index).ok()?;
        while self.offsets.len() <= index.checked_add(1)? {
            let at = *self.offsets.last()?;
            let header = self.header(at)?;
            let end = at.checked_add(HEADER_LEN)?.checked_add(u64::from(header.payload_len))?;
            if end > self.len {
                return None;
            }
            self.offsets.push(end);
        }
        let header = self.header(*self.offsets.get(index)?)?;
        // `header` checked the length against the limits, so this allocates at most a frame.
        let mut payload = vec![0; usize::try_from(header.payload_len).ok()?];
        self.file.read_exact(&mut payload).ok()?;
        (header.stream == stream).then_some(())?;
        RawFrame::new(header, payload.into()).ok()
    }

    /// Reads the header at an offset and leaves the file at its payload.
    fn header(&mut self, at: u64) -> Option<FrameHeader> {
        let mut bytes = [0; FrameHeader::LEN];
        self.file.seek(SeekFrom::Start(at)).ok()?;
        self.file.read_exact(&mut bytes).ok()?;
        FrameHeader::parse(&bytes).ok()
    }
}

const HEADER_LEN: u64 = FrameHeader::LEN as u64;
const TRANSCRIPT: &str = "RUN.transcript";
/// The largest session has about 100,000 frames of 70 bytes each; a billion elements fit ten times.
const TRANSCRIPT_BYTES_MAX: u64 = 1 << 28;
