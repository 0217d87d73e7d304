//! Encodings of input files: what a file says it is, what it looks like, and UTF-8 out of it.
//!
//! An encoding is declared or it is UTF-8; it is never guessed, because a wrong guess makes
//! values that match nothing and nobody notices. What can be recognised for certain (a
//! byte-order mark, an archive, a workbook) is refused with its name.

use core::fmt;
use std::io::{self, ErrorKind, Read};

use report::{Arg, Text};
use zeroize::Zeroizing;

use crate::error::Found;

/// The declared encoding of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    #[default]
    Utf8,
    /// Windows code page 1252.
    Windows1252,
    /// ISO 8859-1, Latin-1.
    Iso8859_1,
    /// ISO 8859-15, Latin-9.
    Iso8859_15,
    /// UTF-16 with a byte-order mark.
    Utf16,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

impl Encoding {
    /// Every encoding that a mapping file may declare.
    pub const ALL: [Self; 7] = [
        Self::Utf8,
        Self::Windows1252,
        Self::Iso8859_1,
        Self::Iso8859_15,
        Self::Utf16,
        Self::Utf16Le,
        Self::Utf16Be,
    ];

    /// Reads a declared name such as `windows-1252`, in any case; `None` if unknown.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|encoding| encoding.name().eq_ignore_ascii_case(name))
    }

    /// The name in mapping files and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Windows1252 => "windows-1252",
            Self::Iso8859_1 => "iso-8859-1",
            Self::Iso8859_15 => "iso-8859-15",
            Self::Utf16 => "utf-16",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
        }
    }

    /// The bytes that a file of this encoding begins with where it needs them to be read.
    #[must_use]
    pub const fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16 => &[0xFF, 0xFE],
            _ => &[],
        }
    }

    /// Appends a text in this encoding, as it is read back; a character that the encoding does not
    /// have becomes a question mark.
    pub fn encode_into(self, text: &str, out: &mut Vec<u8>) {
        let mut legacy = |table: fn(u8) -> Option<char>| {
            let byte = |c: char| (0..=u8::MAX).find(|byte| table(*byte) == Some(c));
            out.extend(text.chars().map(|c| byte(c).unwrap_or(b'?')));
        };
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Windows1252 => legacy(windows_1252),
            Self::Iso8859_1 => legacy(iso_8859_1),
            Self::Iso8859_15 => legacy(iso_8859_15),
            Self::Utf16 | Self::Utf16Le => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes))
            }
            Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
        }
    }

    const fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf16Le | Self::Utf16Be)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Encoding or form of a text file, as its first bytes show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An encoding that can be declared.
    Encoding(Encoding),
    /// UTF-32, which cannot.
    Utf32,
    /// No byte-order mark.
    Unmarked,
}

impl Form {
    /// The form in a message.
    pub(crate) fn arg(self) -> Arg {
        match self {
            Self::Encoding(encoding) => encoding.name().into(),
            Self::Utf32 => "utf-32".into(),
            Self::Unmarked => Text::new("found-unmarked").into(),
        }
    }
}

/// Failure to read a file as text at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFailure {
    /// The file could not be read.
    Read(ErrorKind),
    /// The file is not text; names what it is.
    NotText(Found),
    /// The file is text in another encoding than declared; names it.
    Encoding(Form),
}

/// Streams a source as UTF-8, in bounded memory.
///
/// Bytes that the declared encoding does not define come out as 0xFF, which no UTF-8 text
/// holds; of a UTF-8 source every byte comes out as it is. The reader of records finds both,
/// with their line.
pub(crate) struct Decoder<R> {
    source: R,
    encoding: Encoding,
    opened: bool,
    ended: bool,
    /// Bytes read and not decoded yet: the start of the file, or part of a UTF-16 character.
    raw: Zeroizing<Vec<u8>>,
    decoded: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl<R: Read> Decoder<R> {
    pub(crate) fn new(source: R, encoding: Encoding) -> Self {
        Self {
            source,
            encoding,
            opened: false,
            ended: false,
            raw: Zeroizing::new(Vec::with_capacity(CHUNK_BYTES)),
            decoded: Zeroizing::new(Vec::with_capacity(3 * CHUNK_BYTES)),
            taken: 0,
        }
    }

    /// The decoded bytes at hand; empty at the end of the source only.
    pub(crate) fn fill(&mut self) -> Result<&[u8], TextFailure> {
        while self.taken >= self.decoded.len() && !self.ended {
            self.decoded.clear();
            self.taken = 0;
            self.read_chunk()?;
            if !self.opened {
                self.open()?;
                self.opened = true;
            }
            self.decode();
        }
        Ok(self.decoded.get(self.taken..).unwrap_or_default())
    }

    /// Marks bytes of the last [`Self::fill`] as read.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.taken += bytes;
    }

    /// Adds to the raw bytes; enough of them, or the end of the source, when the file opens.
    fn read_chunk(&mut self) -> Result<(), TextFailure> {
        let wanted = if self.opened { 1 } else { SNIFFED_BYTES };
        let mut chunk = Zeroizing::new([0; CHUNK_BYTES]);
        let mut added = 0;
        while added < wanted {
            match self.source.read(chunk.as_mut_slice()) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => {
                    self.raw.extend_from_slice(chunk.get(..read).unwrap_or_default());
                    added += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(TextFailure::Read(error.kind())),
            }
        }
        Ok(())
    }

    /// Judges the start of the file and removes its byte-order mark.
    fn open(&mut self) -> Result<(), TextFailure> {
        let start: &[u8] = &self.raw;
        if let Some((_, what)) = SIGNATURES.iter().find(|(bytes, _)| start.starts_with(bytes)) {
            return Err(TextFailure::NotText(*what));
        }
        let mark = MARKS.iter().find(|(bytes, _)| start.starts_with(bytes));
        let found = match mark {
            Some((_, found)) => Some(*found),
            None if self.encoding.is_utf16() => None,
            None => unmarked_utf16(start),
        };
        self.encoding = match (self.encoding, found) {
            (Encoding::Utf16, None) => return Err(TextFailure::Encoding(Form::Unmarked)),
            (declared, None) => declared,
            (Encoding::Utf8, Some(UTF_8)) => Encoding::Utf8,
            (Encoding::Utf16 | Encoding::Utf16Le, Some(UTF_16LE)) => Encoding::Utf16Le,
            (Encoding::Utf16 | Encoding::Utf16Be, Some(UTF_16BE)) => Encoding::Utf16Be,
            (_, Some(found)) => return Err(TextFailure::Encoding(found)),
        };
        if let Some((bytes, _)) = mark {
            self.raw.drain(..bytes.len());
        }
        Ok(())
    }

    /// Decodes the raw bytes, but for part of a UTF-16 character at their end.
    fn decode(&mut self) {
        let kept = match self.encoding {
            Encoding::Utf8 => {
                core::mem::swap(&mut self.raw, &mut self.decoded);
                0
            }
            Encoding::Windows1252 => decode_bytes(&self.raw, &mut self.decoded, windows_1252),
            Encoding::Iso8859_1 => decode_bytes(&self.raw, &mut self.decoded, iso_8859_1),
            Encoding::Iso8859_15 => decode_bytes(&self.raw, &mut self.decoded, iso_8859_15),
            Encoding::Utf16 | Encoding::Utf16Le => {
                decode_utf16(&self.raw, &mut self.decoded, u16::from_le_bytes, self.ended)
            }
            Encoding::Utf16Be => {
                decode_utf16(&self.raw, &mut self.decoded, u16::from_be_bytes, self.ended)
            }
        };
        let done = self.raw.len() - kept;
        self.raw.drain(..done);
    }
}

/// Recognises UTF-16 without a mark: ASCII text with a zero beside each character.
fn unmarked_utf16(start: &[u8]) -> Option<Form> {
    let start = start.get(..start.len().min(SNIFFED_BYTES) & !1)?;
    if start.len() < 4 {
        return None;
    }
    let every = |wanted: fn(&[u8; 2]) -> bool| {
        start.chunks_exact(2).all(|pair| pair.try_into().is_ok_and(|pair| wanted(&pair)))
    };
    if every(|[low, high]| *low != 0 && *high == 0) {
        return Some(UTF_16LE);
    }
    every(|[high, low]| *high == 0 && *low != 0).then_some(UTF_16BE)
}

fn decode_bytes(raw: &[u8], out: &mut Vec<u8>, table: fn(u8) -> Option<char>) -> usize {
    let mut buffer = [0; 4];
    for &byte in raw {
        match table(byte) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
            None => out.push(UNDEFINED),
        }
    }
    0
}

/// Decodes UTF-16 and tells how many raw bytes wait for the rest of their character.
fn decode_utf16(raw: &[u8], out: &mut Vec<u8>, order: fn([u8; 2]) -> u16, ended: bool) -> usize {
    let unit = |at: usize| Some(order(raw.get(at..at.checked_add(2)?)?.try_into().ok()?));
    let mut buffer = [0; 4];
    let mut at = 0_usize;
    while let Some(first) = unit(at) {
        let second = unit(at + 2);
        let high = (0xD800..0xDC00).contains(&first);
        if high && second.is_none() && !ended {
            break;
        }
        let units = core::iter::once(first).chain(second.filter(|_| high));
        let units = if let Some(Ok(c)) = char::decode_utf16(units).next() {
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
            c.len_utf16()
        } else {
            out.push(UNDEFINED);
            1
        };
        at += 2 * units;
    }
    let kept = raw.len() - at;
    if ended && kept > 0 {
        out.push(UNDEFINED);
        return 0;
    }
    kept
}

fn iso_8859_1(byte: u8) -> Option<char> {
    Some(char::from(byte))
}

fn iso_8859_15(byte: u8) -> Option<char> {
    Some(match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        _ => char::from(byte),
    })
}

fn windows_1252(byte: u8) -> Option<char> {
    match byte.checked_sub(0x80) {
        Some(position) if position < 0x20 => {
            WINDOWS_1252.chars().nth(usize::from(position)).filter(|&c| c != '\u{FFFD}')
        }
        _ => Some(char::from(byte)),
    }
}

/// Code points 0x80 to 0x9F of code page 1252; U+FFFD where none is defined.
const WINDOWS_1252: &str = "\
    €\u{FFFD}‚ƒ„…†‡ˆ‰Š‹Œ\u{FFFD}Ž\u{FFFD}\
    \u{FFFD}‘’“”•–—˜™š›œ\u{FFFD}žŸ";

/// Stands for a byte without a meaning; never part of UTF-8.
const UNDEFINED: u8 = 0xFF;

/// Bytes read from the source at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes looked at when a file opens.
const SNIFFED_BYTES: usize = 64;

const UTF_8: Form = Form::Encoding(Encoding::Utf8);
const UTF_16LE: Form = Form::Encoding(Encoding::Utf16Le);
const UTF_16BE: Form = Form::Encoding(Encoding::Utf16Be);

/// Byte-order marks; the longer ones first, because they begin with the shorter.
const MARKS: [(&[u8], Form); 5] = [
    (&[0xFF, 0xFE, 0x00, 0x00], Form::Utf32),
    (&[0x00, 0x00, 0xFE, 0xFF], Form::Utf32),
    (&[0xEF, 0xBB, 0xBF], UTF_8),
    (&[0xFF, 0xFE], UTF_16LE),
    (&[0xFE, 0xFF], UTF_16BE),
];

/// First bytes of files that are often given instead of text.
const SIGNATURES: [(&[u8], Found); 7] = [
    (b"PK\x03\x04", Found::ZIP),
    (&[0xD0, 0xCF, 0x11, 0xE0], Found::OLD_WORKBOOK),
    (&[0x1F, 0x8B], Found::GZIP),
    (&[0x28, 0xB5, 0x2F, 0xFD], Found::ZSTD),
    (b"PAR1", Found::PARQUET),
    (b"SQLite format 3\0", Found::SQLITE),
    (b"%PDF-", Found::PDF),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes a few at a time, to split characters and marks.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(out.len());
            let (now, later) = self.0.split_at(count);
            out[..count].copy_from_slice(now);
            self.0 = later;
            Ok(count)
        }
    }

    fn decode(bytes: &[u8], encoding: Encoding) -> Result<Vec<u8>, TextFailure> {
        let mut results = Vec::new();
        for step in [1, 2, 3, 7, 4096] {
            let mut decoder = Decoder::new(Trickle(bytes, step), encoding);
            let mut out = Vec::new();
            loop {
                let chunk = decoder.fill()?.to_vec();
                if chunk.is_empty() {
                    break;
                }
                decoder.consume(chunk.len());
                out.extend(chunk);
            }
            results.push(out);
        }
        assert!(results.iter().all(|result| *result == results[0]), "depends on chunks");
        Ok(results.swap_remove(0))
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn names_read_back() {
        for encoding in Encoding::ALL {
            assert_eq!(Encoding::parse(&encoding.name().to_uppercase()), Some(encoding));
        }
        assert_eq!(Encoding::parse("latin-1"), None);
    }

    #[test]
    fn utf8_passes_and_loses_its_mark() {
        assert_eq!(decode("é,x\n".as_bytes(), Encoding::Utf8).unwrap(), "é,x\n".as_bytes());
        assert_eq!(decode(b"\xEF\xBB\xBFa", Encoding::Utf8).unwrap(), b"a");
        assert_eq!(decode(b"", Encoding::Utf8).unwrap(), b"");
        assert_eq!(decode(b"a\xE9b", Encoding::Utf8).unwrap(), b"a\xE9b");
    }

    #[test]
    fn single_byte_encodings_are_transcoded() {
        let text =
            |bytes: &[u8], encoding| String::from_utf8(decode(bytes, encoding).unwrap()).unwrap();
        assert_eq!(text(b"Fran\xE7ois \x80\x92", Encoding::Windows1252), "François €’");
        assert_eq!(text(b"Fran\xE7ois \xA4", Encoding::Iso8859_15), "François €");
        assert_eq!(text(b"Fran\xE7ois \xA4", Encoding::Iso8859_1), "François ¤");
        assert_eq!(text(b"\x9F\x8A\x9C\x9E", Encoding::Windows1252), "ŸŠœž");
        for byte in [0x81, 0x8D, 0x8F, 0x90, 0x9D] {
            assert_eq!(decode(&[b'a', byte], Encoding::Windows1252).unwrap(), [b'a', 0xFF]);
        }
        assert_eq!(WINDOWS_1252.chars().count(), 32);
    }

    #[test]
    fn declared_utf16_is_transcoded() {
        let text = "\u{FEFF}é,😀\r\nz";
        let expected = "é,😀\r\nz".as_bytes();
        let (low, high) = (utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes));
        assert_eq!(decode(&low, Encoding::Utf16).unwrap(), expected);
        assert_eq!(decode(&high, Encoding::Utf16).unwrap(), expected);
        assert_eq!(decode(&low, Encoding::Utf16Le).unwrap(), expected);
        assert_eq!(decode(&low[2..], Encoding::Utf16Le).unwrap(), expected);
        assert_eq!(decode(&high[2..], Encoding::Utf16Be).unwrap(), expected);
        assert_eq!(
            decode(&high, Encoding::Utf16Le),
            Err(TextFailure::Encoding(UTF_16BE)),
            "the mark contradicts"
        );
        assert_eq!(decode(&low[2..], Encoding::Utf16), Err(TextFailure::Encoding(Form::Unmarked)));
    }

    #[test]
    fn broken_utf16_leaves_a_byte_that_no_text_holds() {
        let lone = [b'a', 0, 0x00, 0xD8, b'b', 0];
        assert_eq!(decode(&lone, Encoding::Utf16Le).unwrap(), b"a\xFFb");
        assert_eq!(decode(&[b'a', 0, b'b'], Encoding::Utf16Le).unwrap(), b"a\xFF");
        assert_eq!(decode(&[b'a', 0, 0x3D, 0xD8], Encoding::Utf16Le).unwrap(), b"a\xFF");
        assert_eq!(decode(&[0, 0xDC], Encoding::Utf16Le).unwrap(), b"\xFF");
    }

    #[test]
    fn undeclared_utf16_is_named_with_and_without_its_mark() {
        let text = "id,email\n1,a@b.fr\n";
        let marked = format!("\u{FEFF}{text}");
        for (bytes, name) in [
            (utf16(&marked, u16::to_le_bytes), UTF_16LE),
            (utf16(&marked, u16::to_be_bytes), UTF_16BE),
            (utf16(text, u16::to_le_bytes), UTF_16LE),
            (utf16(text, u16::to_be_bytes), UTF_16BE),
            (b"\xFF\xFE\0\0i\0\0\0".to_vec(), Form::Utf32),
        ] {
            for declared in [Encoding::Utf8, Encoding::Windows1252] {
                assert_eq!(decode(&bytes, declared), Err(TextFailure::Encoding(name)));
            }
        }
        let utf8 = b"\xEF\xBB\xBFid\n";
        assert_eq!(decode(utf8, Encoding::Iso8859_1), Err(TextFailure::Encoding(UTF_8)));
    }

    #[test]
    fn files_that_are_not_text_are_named() {
        for (bytes, what) in SIGNATURES {
            let mut file = bytes.to_vec();
            file.extend([7; 100]);
            assert_eq!(decode(&file, Encoding::Utf8), Err(TextFailure::NotText(what)));
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let mut decoder = Decoder::new(io::repeat(0xE9).take(1 << 22), Encoding::Iso8859_1);
        let mut total = 0;
        loop {
            let length = decoder.fill().unwrap().len();
            if length == 0 {
                break;
            }
            assert!(length <= CHUNK_BYTES * 3 + SNIFFED_BYTES * 3);
            decoder.consume(length);
            total += length;
        }
        assert_eq!(total, 1 << 23);
    }
}
