//! The bytes of an input: a file or standard input, unpacked as they are read.
//!
//! The first bytes of a file, not its name, show its nature. An archive is unpacked as a stream:
//! however much it holds, no more than a buffer of it is in memory.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use crate::watch::{Counted, FileWatch, Watched};

/// Nature of an input, as its first bytes show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Text,
    Parquet,
}

/// An input that was opened.
pub(crate) struct Opened {
    pub(crate) nature: Nature,
    /// True if the text, unpacked, begins like a JSON object.
    pub(crate) object: bool,
    /// True if the input can be opened again from its start.
    pub(crate) again: bool,
    pub(crate) bytes: Box<dyn Read>,
}

/// Opens a file, or standard input where `path` is `-`.
pub(crate) fn open(path: &Path) -> io::Result<Opened> {
    open_watched(path, &FileWatch::new(&Watched::default()))
}

/// Opens a file as [`open`] does; its bytes are counted as they are read.
pub(crate) fn open_watched(path: &Path, watch: &FileWatch) -> io::Result<Opened> {
    let watch = watch.clone();
    if is_standard_input(path) {
        return inspect(Box::new(Counted { from: io::stdin().lock(), watch }));
    }
    let file = File::open(path)?;
    let found = file.metadata()?;
    if found.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Opened { again: found.is_file(), ..inspect(Box::new(Counted { from: file, watch }))? })
}

/// True if a path means standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn inspect(source: Box<dyn Read>) -> io::Result<Opened> {
    let (head, source) = peek(source)?;
    let bytes: Box<dyn Read> = if head.starts_with(&GZIP) {
        Box::new(flate2::read::MultiGzDecoder::new(BufReader::with_capacity(BUFFER, source)))
    } else if is_zstd(&head) {
        let mut decoder = zstd::stream::read::Decoder::new(source)?;
        decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
        Box::new(Zstd(decoder))
    } else {
        let nature = if head.starts_with(PARQUET) || head.starts_with(PARQUET_ENCRYPTED) {
            Nature::Parquet
        } else {
            Nature::Text
        };
        return Ok(Opened { nature, object: begins_object(&head), again: false, bytes: source });
    };
    // A damaged archive shows when it is read, with its line.
    let (head, bytes) = match peek(bytes) {
        Ok(peeked) => peeked,
        Err(error) => (Vec::new(), Box::new(Failing(Some(error))) as Box<dyn Read>),
    };
    Ok(Opened { nature: Nature::Text, object: begins_object(&head), again: false, bytes })
}

/// The first bytes of a source, and the whole source.
fn peek(mut source: Box<dyn Read>) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    source.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Box::new(Cursor::new(head).chain(source))))
}

/// True for a frame of zstd, and for a skippable one, with which pzstd begins its files.
fn is_zstd(head: &[u8]) -> bool {
    let skippable = head.first().is_some_and(|byte| byte & 0xF0 == 0x50);
    head.starts_with(&ZSTD) || (skippable && head.get(1..4) == Some(&ZSTD_SKIPPABLE))
}

/// Unpacks zstd; a window above the bound is an error of kind [`io::ErrorKind::Unsupported`].
struct Zstd<R>(R);

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|error| match error.to_string().as_str() {
            ZSTD_LONG_WINDOW => io::ErrorKind::Unsupported.into(),
            _ => error,
        })
    }
}

fn begins_object(head: &[u8]) -> bool {
    let text = head.strip_prefix(&BOM).unwrap_or(head);
    text.trim_ascii_start().starts_with(b"{")
}

/// Gives its error once.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
const ZSTD_SKIPPABLE: [u8; 3] = [0x2A, 0x4D, 0x18];

/// Logarithm of the largest window: 8 MiB, which RFC 8878 asks every decoder to have.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Words of the decoder for a window above the bound.
const ZSTD_LONG_WINDOW: &str = "Frame requires too much memory for decoding";

const PARQUET: &[u8] = b"PAR1";
const PARQUET_ENCRYPTED: &[u8] = b"PARE";
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];
const HEAD_BYTES: usize = 64;
const BUFFER: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn opened(bytes: Vec<u8>) -> Opened {
        inspect(Box::new(Cursor::new(bytes))).unwrap()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn archives_are_unpacked_whatever_their_members() {
        let text = b"row_id,email\n1,a@exemple.fr\n";
        let twice = [gzip(&text[..9]), gzip(&text[9..])].concat();
        let frames =
            [&text[..9], &text[9..]].map(|part| zstd::encode_all(part, 0).unwrap()).concat();
        for bytes in [text.to_vec(), gzip(text), twice, frames] {
            let mut out = Vec::new();
            opened(bytes).bytes.read_to_end(&mut out).unwrap();
            assert_eq!(out, text);
        }
    }

    #[test]
    fn what_a_file_is_shows_in_its_first_bytes() {
        assert_eq!(opened(b"PAR1...".to_vec()).nature, Nature::Parquet);
        assert!(opened(gzip(b"\n {\"a\":1}")).object);
        assert!(!opened(gzip(b"a,b")).object);
        assert!(!opened(Vec::new()).object);
    }

    /// Frames to be skipped stand first, between, and last: pzstd writes the size of the next
    /// frame into one, and seekable archives end with a table in one.
    #[test]
    fn skippable_frames_of_zstd_are_skipped_wherever_they_stand() {
        let text = b"row_id,email\n1,a@exemple.fr\n";
        let frame = |part: &[u8]| zstd::encode_all(part, 0).unwrap();
        for magic in [0x50, 0x5E, 0x5F] {
            let skipped = [&[magic, 0x2A, 0x4D, 0x18, 3, 0, 0, 0], &b"\0\x01\x02"[..]].concat();
            let parts = [&skipped, &frame(&text[..9]), &skipped, &skipped, &frame(&text[9..])];
            let bytes = [parts.map(Vec::as_slice).concat(), skipped.clone()].concat();
            let mut out = Vec::new();
            opened(bytes).bytes.read_to_end(&mut out).unwrap();
            assert_eq!(out, text);
        }
        let mut bytes = vec![0x50, 0x2A, 0x4D, 0x18, 0xFF, 0xFF, 0xFF, 0xFF];
        bytes.extend([0; 100]);
        assert!(opened(bytes).bytes.read_to_end(&mut Vec::new()).is_err(), "cut in the skipped");
    }

    #[test]
    fn a_window_above_eight_mebibytes_is_told_apart() {
        let frame = |log| {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.window_log(log).unwrap();
            encoder.write_all(&vec![b'a'; 1 << 16]).unwrap();
            encoder.finish().unwrap()
        };
        let read = opened(frame(23)).bytes.read_to_end(&mut Vec::new());
        assert_eq!(read.unwrap(), 1 << 16);
        let error = opened(frame(24)).bytes.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }

    /// Much more text than its archive: read in buffers, never held.
    #[test]
    fn a_bomb_is_a_stream() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![b' '; 1 << 20];
        for _ in 0..64 {
            encoder.write_all(&zeros).unwrap();
        }
        let bomb = encoder.finish().unwrap();
        assert!(bomb.len() < 1 << 17);
        let read = io::copy(&mut opened(bomb).bytes, &mut io::sink()).unwrap();
        assert_eq!(read, 64 << 20);
    }

    #[test]
    fn a_cut_archive_is_an_error_of_reading() {
        let mut bytes = gzip(b"row_id,email\n1,a@exemple.fr\n");
        bytes.truncate(bytes.len() - 12);
        let read = opened(bytes).bytes.read_to_end(&mut Vec::new());
        assert!(read.is_err());
    }
}
