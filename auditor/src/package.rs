//! Reads an audit package: a transcript and the frames beside it, in bounded memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::commitment::InputOpening;
use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::{Damaged, Transcript, Unreadable};
use report::{Arg, Code, Diagnose, Text, Whose, told_in_english};
use verify::{FrameSource, FrameUnreadable};

/// A package on disk: `RUN.transcript` and, where they were kept, `frames/`.
#[derive(Debug)]
pub struct Package {
    directory: PathBuf,
    transcript: Transcript,
    torn: Option<u64>,
    opening: Option<Vec<u8>>,
}

impl Package {
    /// Opens a package by its directory, or by the path of its transcript.
    ///
    /// # Errors
    ///
    /// [`PackageError`], which names the file and its fault.
    pub fn open(path: &Path) -> Result<Self, PackageError> {
        let (directory, file) = places(path);
        let bytes = read(&file, TRANSCRIPT_BYTES_MAX)?;
        if bytes.len() as u64 > TRANSCRIPT_BYTES_MAX {
            return Err(PackageError::TooLarge { path: file });
        }
        let (transcript, torn) = Transcript::parse_prefix(&bytes).map_err(|why| match why {
            Unreadable::OtherVersion => PackageError::OtherVersion { path: file.clone() },
            Unreadable::Damaged(source) => PackageError::Damaged { path: file.clone(), source },
        })?;
        drop(bytes);
        let place = directory.join(InputOpening::FILE);
        let opening = match read(&place, InputOpening::LEN as u64) {
            Ok(bytes) => Some(bytes),
            Err(PackageError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self { directory, transcript, torn, opening })
    }

    /// The record that the transcript ends in the middle of, as one does whose writer was cut.
    #[must_use]
    pub const fn torn(&self) -> Option<u64> {
        self.torn
    }

    /// The transcript.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The frames of the package, and what lies beside them.
    #[must_use]
    pub fn frames(&self) -> Frames {
        let (directory, opening) = (self.directory.join(FRAMES), self.opening.clone());
        Frames { directory, streams: HashMap::new(), opening, trouble: None }
    }

    /// The file of the opening of the input commitment, if it is there.
    #[must_use]
    pub fn opening(&self) -> Option<&[u8]> {
        self.opening.as_deref()
    }
}

/// A file, and one byte more than it may have.
fn read(file: &Path, most: u64) -> Result<Vec<u8>, PackageError> {
    let mut bytes = Vec::new();
    let handle = File::open(file);
    let read = handle.and_then(|handle| handle.take(most + 1).read_to_end(&mut bytes));
    let unreadable = |source| PackageError::Unreadable { path: file.into(), source };
    read.map(|_| bytes).map_err(unreadable)
}

/// Directory and transcript of a package, which is named by either.
fn places(package: &Path) -> (PathBuf, PathBuf) {
    match package.is_dir() {
        true => (package.to_path_buf(), package.join(TRANSCRIPT)),
        false => {
            (package.parent().map(Path::to_path_buf).unwrap_or_default(), package.to_path_buf())
        }
    }
}

/// Fault of a package that cannot be read.
#[derive(Debug)]
pub enum PackageError {
    /// The transcript file cannot be opened or read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Words of the system.
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
    /// The transcript file is altered. This says nothing about either party.
    Damaged {
        /// The file.
        path: PathBuf,
        /// The first bad record.
        source: Damaged,
    },
}

impl Diagnose for PackageError {
    fn code(&self) -> Code {
        Code::Package
    }

    fn text(&self) -> Text {
        match self {
            Self::Unreadable { path, source } => {
                Text::new("audit-package-unreadable").with("path", path).with("error", source)
            }
            Self::TooLarge { path } => Text::new("audit-package-large")
                .with("path", path)
                .with("most", Arg::Number(TRANSCRIPT_BYTES_MAX >> 20)),
            Self::OtherVersion { path } => Text::new("audit-package-version")
                .with("path", path)
                .with("version", Arg::Number(PROTOCOL_VERSION.into())),
            Self::Damaged { path, source } => Text::new("audit-package-damaged")
                .with("path", path)
                .with("record", Arg::Number(source.record)),
        }
    }

    fn whose(&self) -> Whose {
        match self {
            Self::Unreadable { .. } | Self::OtherVersion { .. } => Whose::You,
            Self::TooLarge { .. } | Self::Damaged { .. } => Whose::Giver,
        }
    }
}

impl std::error::Error for PackageError {}
told_in_english!(PackageError);

/// Stored frames, found by index through the offsets of the headers.
#[derive(Debug)]
pub struct Frames {
    directory: PathBuf,
    streams: HashMap<StreamId, Option<StoredStream>>,
    opening: Option<Vec<u8>>,
    trouble: Option<PackageError>,
}

impl Frames {
    /// The file that is there and that this machine could not read, if any.
    #[must_use]
    pub fn trouble(self) -> Option<PackageError> {
        self.trouble
    }

    fn open(&mut self, stream: StreamId) -> io::Result<Option<&mut StoredStream>> {
        if let Entry::Vacant(place) = self.streams.entry(stream) {
            place.insert(StoredStream::open(&self.directory.join(stream.name()))?);
        }
        Ok(self.streams.get_mut(&stream).and_then(Option::as_mut))
    }
}

#[derive(Debug)]
struct StoredStream {
    file: File,
    len: u64,
    /// Offset of each header seen so far; the last is where the next header is expected.
    offsets: Vec<u64>,
}

/// Reason not to read a frame.
enum Unread {
    /// The file ends before the frame does: frames are missing, or were cut while written.
    Missing,
    /// The bytes there are no frame of this stream.
    Malformed,
    /// The machine cannot read it.
    Machine(io::Error),
}

impl FrameSource for Frames {
    fn frame(&mut self, stream: StreamId, index: u32) -> Result<Option<RawFrame>, FrameUnreadable> {
        let read = match self.open(stream) {
            Ok(None) => return Ok(None),
            Ok(Some(stored)) => stored.read(stream, index),
            Err(source) => Err(Unread::Machine(source)),
        };
        match read {
            Ok(frame) => Ok(Some(frame)),
            Err(Unread::Missing) => Ok(None),
            Err(Unread::Malformed) => Err(FrameUnreadable),
            Err(Unread::Machine(source)) => {
                let path = self.directory.join(stream.name());
                self.trouble = Some(PackageError::Unreadable { path, source });
                Ok(None)
            }
        }
    }

    fn input_opening(&mut self) -> Option<Vec<u8>> {
        self.opening.clone()
    }
}

impl StoredStream {
    /// The frames of a stream; `None` if there is no such file.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        match File::open(path) {
            Ok(file) => {
                let len = file.metadata()?.len();
                Ok(Some(Self { file, len, offsets: vec![0] }))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&mut self, stream: StreamId, index: u32) -> Result<RawFrame, Unread> {
        let index = usize::try_from(index).map_err(|_| Unread::Missing)?;
        while self.offsets.len() <= index {
            let at = self.offsets.last().copied().ok_or(Unread::Missing)?;
            let header = self.header(at)?;
            self.offsets.push(self.end(at, header.payload_len)?);
        }
        let at = self.offsets.get(index).copied().ok_or(Unread::Missing)?;
        let header = self.header(at)?;
        self.end(at, header.payload_len)?;
        // `header` checked the length against the limits, so this allocates at most a frame.
        let len = usize::try_from(header.payload_len).map_err(|_| Unread::Malformed)?;
        let mut payload = vec![0; len];
        self.file.read_exact(&mut payload).map_err(Unread::Machine)?;
        match header.stream == stream {
            true => RawFrame::new(header, payload.into()).map_err(|_| Unread::Malformed),
            false => Err(Unread::Malformed),
        }
    }

    /// The end of a frame whose header is at an offset, if the file is that long.
    fn end(&self, at: u64, payload_len: u32) -> Result<u64, Unread> {
        let end = at.checked_add(HEADER_LEN).and_then(|end| end.checked_add(payload_len.into()));
        end.filter(|end| *end <= self.len).ok_or(Unread::Missing)
    }

    /// Reads the header at an offset and leaves the file at its payload.
    fn header(&mut self, at: u64) -> Result<FrameHeader, Unread> {
        self.end(at, 0)?;
        let mut bytes = [0; FrameHeader::LEN];
        self.file.seek(SeekFrom::Start(at)).map_err(Unread::Machine)?;
        self.file.read_exact(&mut bytes).map_err(Unread::Machine)?;
        FrameHeader::parse(&bytes).map_err(|_| Unread::Malformed)
    }
}

const HEADER_LEN: u64 = FrameHeader::LEN as u64;
const TRANSCRIPT: &str = "RUN.transcript";
const FRAMES: &str = "frames";
/// The largest session has less than 150,000 frames, with 133 bytes of transcript for each.
const TRANSCRIPT_BYTES_MAX: u64 = 1 << 25;
