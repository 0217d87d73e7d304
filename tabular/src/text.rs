//! Encodings of input files: what a file says it is, what it looks like, and UTF-8 out of it.
//!
//! An encoding is declared or it is UTF-8; it is never guessed, because a wrong guess makes
//! values that match nothing and nobody notices. What can be recognised for certain (a
//! byte-order mark, an archive, a workbook, UTF-8 under another name) is refused with its name.

use core::cmp::Ordering;
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
    /// Windows code page 1250, of Central Europe.
    Windows1250,
    /// Windows code page 1251, Cyrillic.
    Windows1251,
    /// Windows code page 1252, of Western Europe.
    Windows1252,
    /// Windows code page 1253, Greek.
    Windows1253,
    /// Windows code page 1254, Turkish.
    Windows1254,
    /// Windows code page 1257, Baltic.
    Windows1257,
    /// ISO 8859-1, Latin-1.
    Iso8859_1,
    /// ISO 8859-2, Latin-2.
    Iso8859_2,
    /// ISO 8859-15, Latin-9.
    Iso8859_15,
    /// Mac OS Roman, as spreadsheets on a Mac write it.
    Macintosh,
    /// UTF-16 with a byte-order mark.
    Utf16,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

impl Encoding {
    /// Every encoding that a mapping file may declare.
    pub const ALL: [Self; 14] = [
        Self::Utf8,
        Self::Windows1250,
        Self::Windows1251,
        Self::Windows1252,
        Self::Windows1253,
        Self::Windows1254,
        Self::Windows1257,
        Self::Iso8859_1,
        Self::Iso8859_2,
        Self::Iso8859_15,
        Self::Macintosh,
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
            Self::Windows1250 => "windows-1250",
            Self::Windows1251 => "windows-1251",
            Self::Windows1252 => "windows-1252",
            Self::Windows1253 => "windows-1253",
            Self::Windows1254 => "windows-1254",
            Self::Windows1257 => "windows-1257",
            Self::Iso8859_1 => "iso-8859-1",
            Self::Iso8859_2 => "iso-8859-2",
            Self::Iso8859_15 => "iso-8859-15",
            Self::Macintosh => "macintosh",
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
        match self {
            Self::Utf8 => out.extend_from_slice(text.as_bytes()),
            Self::Utf16 | Self::Utf16Le => {
                out.extend(text.encode_utf16().flat_map(u16::to_le_bytes))
            }
            Self::Utf16Be => out.extend(text.encode_utf16().flat_map(u16::to_be_bytes)),
            _ => {
                let table = self.table();
                let byte = |c: char| (0..=u8::MAX).find(|byte| table.get(*byte) == Some(c));
                out.extend(text.chars().map(|c| byte(c).unwrap_or(b'?')));
            }
        }
    }

    const fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf16Le | Self::Utf16Be)
    }

    /// The characters of an encoding whose characters are bytes; of ASCII alone for the others.
    fn table(self) -> Table {
        Table::new(
            match self {
                Self::Utf8 | Self::Utf16 | Self::Utf16Le | Self::Utf16Be => None,
                Self::Windows1250 => Some(encoding_rs::WINDOWS_1250),
                Self::Windows1251 => Some(encoding_rs::WINDOWS_1251),
                // The half above the control characters is that of ISO 8859-1.
                Self::Windows1252 | Self::Iso8859_1 => Some(encoding_rs::WINDOWS_1252),
                Self::Windows1253 => Some(encoding_rs::WINDOWS_1253),
                Self::Windows1254 => Some(encoding_rs::WINDOWS_1254),
                Self::Windows1257 => Some(encoding_rs::WINDOWS_1257),
                Self::Iso8859_2 => Some(encoding_rs::ISO_8859_2),
                Self::Iso8859_15 => Some(encoding_rs::ISO_8859_15),
                Self::Macintosh => Some(encoding_rs::MACINTOSH),
            },
            self == Self::Iso8859_1,
        )
    }

    /// The encoding, other than UTF-8, that the bytes of a record most likely are in.
    ///
    /// It is a hint for a message, not a ground to read the file by: a text has few characters that
    /// tell encodings apart.
    pub(crate) fn likely(record: &[u8]) -> Option<Self> {
        let high = || record.iter().filter(|byte| !byte.is_ascii());
        high().next()?;
        let usual = |encoding: Self, usual: &str| {
            let table = encoding.table();
            high().filter(|byte| table.get(**byte).is_some_and(|c| usual.contains(c))).count()
        };
        let windows = usual(Self::Windows1252, USUAL);
        let mac = usual(Self::Macintosh, USUAL);
        match windows.cmp(&mac) {
            Ordering::Less => Some(Self::Macintosh),
            Ordering::Equal if windows == 0 => None,
            _ => Some(Self::Windows1252),
        }
    }
}

/// Characters of an encoding whose characters are bytes.
struct Table([Option<char>; 128]);

impl Table {
    fn new(of: Option<&'static encoding_rs::Encoding>, latin_1: bool) -> Self {
        let mut table = Self([None; 128]);
        for (byte, slot) in (0x80..=u8::MAX).zip(&mut table.0) {
            let bytes = [byte];
            let text =
                of.and_then(|of| of.decode_without_bom_handling_and_without_replacement(&bytes));
            // The tables of the web give a control character to a byte that has no other.
            let c = text.and_then(|text| text.chars().next()).filter(|c| !c.is_control());
            *slot = c.filter(|_| !latin_1 || byte >= 0xA0);
        }
        table
    }

    fn get(&self, byte: u8) -> Option<char> {
        match byte.checked_sub(0x80) {
            None => Some(char::from(byte)),
            Some(at) => self.0.get(usize::from(at)).copied().flatten(),
        }
    }
}

/// Sign that a text in an encoding of single bytes is UTF-8 in truth.
///
/// A file is taken for UTF-8 if all its bytes are valid UTF-8 and it holds two different
/// characters of those that names and addresses are written in, or one of them eight times. In an
/// encoding of single bytes each such character would be a capital letter or `â` with a sign behind
/// it, as `Ã©` or `â€™`, and no letter in the whole file could have a plain one behind it, as every
/// text with accents has: `é`, followed by a letter, a space or a comma, is not valid UTF-8.
#[derive(Default)]
struct Disguise {
    /// True once a byte was found that is not UTF-8.
    refuted: bool,
    /// Bytes of a character whose rest is not read yet.
    open: Zeroizing<Vec<u8>>,
    first: Option<char>,
    times: u32,
    shown: bool,
}

impl Disguise {
    /// Looks at the next bytes of the file.
    fn look(&mut self, bytes: &[u8]) {
        if self.refuted || (self.open.is_empty() && bytes.is_ascii()) {
            return;
        }
        self.open.extend_from_slice(bytes);
        let (text, rest) = match core::str::from_utf8(&self.open) {
            Ok(text) => (text, 0),
            Err(error) if error.error_len().is_some() => {
                *self = Self { refuted: true, ..Self::default() };
                return;
            }
            Err(error) => {
                let (valid, rest) = self.open.split_at(error.valid_up_to());
                (core::str::from_utf8(valid).unwrap_or_default(), rest.len())
            }
        };
        for c in text.chars().filter(|c| is_written(*c)) {
            self.times = self.times.checked_add(1).unwrap_or(WRITTEN_MANY);
            self.shown |= *self.first.get_or_insert(c) != c || self.times >= WRITTEN_MANY;
        }
        let read = self.open.len() - rest;
        self.open.drain(..read);
    }

    /// True if the file, which has ended, is UTF-8.
    fn is_utf8(&self) -> bool {
        !self.refuted && self.open.is_empty() && self.shown
    }
}

/// True for characters above ASCII of which names and addresses are made.
const fn is_written(c: char) -> bool {
    match c {
        '×' | '÷' => false,
        // Latin, Greek and Cyrillic letters; dashes and quotes.
        '\u{C0}'..='\u{17F}' | '\u{386}'..='\u{3CE}' | '\u{401}'..='\u{45F}' => true,
        _ => matches!(c, '\u{2010}'..='\u{2026}'),
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
    /// The characters of an encoding of single bytes.
    table: Table,
    disguise: Disguise,
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
            table: encoding.table(),
            disguise: Disguise::default(),
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
        if self.taken >= self.decoded.len() && self.disguise.is_utf8() {
            return Err(TextFailure::Encoding(UTF_8));
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
                // A window of zstd above the bound; nothing else gives this kind.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    return Err(TextFailure::NotText(Found::LONG_WINDOW));
                }
                Err(error) => return Err(TextFailure::Read(error.kind())),
            }
        }
        Ok(())
    }

    /// Judges the start of the file and removes its byte-order mark.
    fn open(&mut self) -> Result<(), TextFailure> {
        let start: &[u8] = &self.raw;
        if let Some(found) = other_form(start) {
            return Err(TextFailure::NotText(found));
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
            Encoding::Utf16 | Encoding::Utf16Le => {
                decode_utf16(&self.raw, &mut self.decoded, u16::from_le_bytes, self.ended)
            }
            Encoding::Utf16Be => {
                decode_utf16(&self.raw, &mut self.decoded, u16::from_be_bytes, self.ended)
            }
            _ => {
                self.disguise.look(&self.raw);
                decode_bytes(&self.raw, &mut self.decoded, &self.table);
                0
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

fn decode_bytes(raw: &[u8], out: &mut Vec<u8>, table: &Table) {
    let mut buffer = [0; 4];
    for &byte in raw {
        match table.get(byte) {
            Some(c) => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
            None => out.push(UNDEFINED),
        }
    }
}

/// Recognises a file that is no table of text.
fn other_form(start: &[u8]) -> Option<Found> {
    if let Some((_, found)) = SIGNATURES.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        let has = |name: &[u8]| start.windows(name.len()).any(|part| part == name);
        let workbook = *found == Found::ZIP && OFFICE.iter().any(|name| has(name));
        return Some(if workbook { Found::WORKBOOK } else { *found });
    }
    if let [b'B', b'Z', b'h', b'1'..=b'9', block @ ..] = start
        && BZIP2_BLOCKS.iter().any(|mark| block.starts_with(mark))
    {
        return Some(Found::BZIP2);
    }
    let control = |byte: &u8| matches!(byte, 0..=8 | 0x0E..=0x1F);
    if start.starts_with(b"ORC") && start.iter().any(control) {
        return Some(Found::ORC);
    }
    let text = start.strip_prefix(BOM).unwrap_or(start).trim_ascii_start();
    let is = |tag: &[u8]| text.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag));
    if MARKUP.iter().any(|tag| is(tag)) {
        return Some(Found::MARKUP);
    }
    let entries = text.strip_prefix(b"[")?.trim_ascii_start();
    entries.starts_with(b"{").then_some(Found::JSON_ARRAY)
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

/// Stands for a byte without a meaning; never part of UTF-8.
const UNDEFINED: u8 = 0xFF;

/// Bytes read from the source at a time.
const CHUNK_BYTES: usize = 16 * 1024;

/// Bytes looked at when a file opens.
const SNIFFED_BYTES: usize = 128;

/// Characters above ASCII that are usual in Western Europe, by which [`Encoding::likely`] goes.
const USUAL: &str = "àâäáãåæçèéêëíîïìñóôöõòøœùúûüÿßÀÂÄÁÇÈÉÊËÎÏÔÖŒÙÛÜÑ’“”«»–—…€°";

/// Times that one written character must occur where there is no other.
const WRITTEN_MANY: u32 = 8;

const BOM: &[u8] = &[0xEF, 0xBB, 0xBF];

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
const SIGNATURES: [(&[u8], Found); 15] = [
    (b"PK\x03\x04", Found::ZIP),
    (b"PK\x05\x06", Found::ZIP),
    (&[0xD0, 0xCF, 0x11, 0xE0], Found::OLD_WORKBOOK),
    (&[0x1F, 0x8B], Found::GZIP),
    (&[0x28, 0xB5, 0x2F, 0xFD], Found::ZSTD),
    (&[0xFD, b'7', b'z', b'X', b'Z', 0], Found::XZ),
    (&[0x04, 0x22, 0x4D, 0x18], Found::LZ4),
    (&[b'7', b'z', 0xBC, 0xAF, 0x27, 0x1C], Found::ARCHIVE),
    (b"Rar!\x1A\x07", Found::ARCHIVE),
    (b"PAR1", Found::PARQUET),
    (b"ARROW1\0\0", Found::ARROW),
    (b"FEA1", Found::ARROW),
    (b"Obj\x01", Found::AVRO),
    (b"SQLite format 3\0", Found::SQLITE),
    (b"%PDF-", Found::PDF),
];

/// Marks of a block of bzip2, and of the end of an archive without any.
const BZIP2_BLOCKS: [&[u8]; 2] = [b"1AY&SY", &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

/// Names that the first entry of an office document has.
const OFFICE: [&[u8]; 5] = [
    b"[Content_Types].xml",
    b"_rels/",
    b"docProps/",
    b"xl/",
    b"mimetypeapplication/vnd.oasis.opendocument",
];

/// Beginnings of pages and of spreadsheets written as such.
const MARKUP: [&[u8]; 4] = [b"<!doctype", b"<html", b"<?xml", b"<table"];

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
        assert_eq!(text(b"\xA3\xF3d\x9F", Encoding::Windows1250), "Łódź");
        assert_eq!(text(b"\xA3\xF3d\xBC", Encoding::Iso8859_2), "Łódź");
        assert_eq!(text(b"\xCA\xE8\xE5\xE2", Encoding::Windows1251), "Киев");
        assert_eq!(text(b"\xC1\xE8\xDE\xED\xE1", Encoding::Windows1253), "Αθήνα");
        assert_eq!(text(b"\xDD\xFE\xF0", Encoding::Windows1254), "İşğ");
        assert_eq!(text(b"\xD0i\xEFuliai", Encoding::Windows1257), "Šiļuliai");
        assert_eq!(text(b"L\xD5\x8Et\x8E", Encoding::Macintosh), "L’été");
    }

    #[test]
    fn bytes_without_a_character_are_never_guessed() {
        let undefined = |encoding: Encoding| -> Vec<u8> {
            let table = encoding.table();
            (0..=u8::MAX).filter(|byte| table.get(*byte).is_none()).collect()
        };
        assert_eq!(undefined(Encoding::Windows1252), [0x81, 0x8D, 0x8F, 0x90, 0x9D]);
        let controls: Vec<u8> = (0x80..0xA0).collect();
        for latin in [Encoding::Iso8859_1, Encoding::Iso8859_2, Encoding::Iso8859_15] {
            assert_eq!(undefined(latin), controls, "{latin}");
            assert_eq!(decode(b"a\x92", latin).unwrap(), b"a\xFF");
        }
        assert_eq!(undefined(Encoding::Windows1250), [0x81, 0x83, 0x88, 0x90, 0x98]);
        assert!(undefined(Encoding::Macintosh).is_empty());
        assert!(undefined(Encoding::Windows1253).contains(&0xFF));
    }

    #[test]
    fn what_is_written_in_an_encoding_is_read_back() {
        for encoding in Encoding::ALL {
            let table = encoding.table();
            let high: String = (0..=u8::MAX).filter_map(|byte| table.get(byte)).collect();
            let text = format!("row_id;ville\n1;Lyon\n2;{}\n", high.replace('\0', ""));
            let mut bytes = encoding.mark().to_vec();
            encoding.encode_into(&text, &mut bytes);
            assert_eq!(decode(&bytes, encoding).unwrap(), text.as_bytes(), "{encoding}");
        }
    }

    #[test]
    fn utf8_under_another_name_is_refused_and_real_text_never_is() {
        let legacy = [
            Encoding::Windows1252,
            Encoding::Windows1250,
            Encoding::Iso8859_15,
            Encoding::Macintosh,
        ];
        for text in [
            "nom\nHélène\nFrançois\n",
            "nom\nGérard\nRémi\nAndré\nÉric,José,Zoé,Chloé,Timothée,Théo\n",
            "note\nl’été\n",
        ] {
            for declared in legacy {
                let read = decode(text.as_bytes(), declared);
                assert_eq!(read, Err(TextFailure::Encoding(UTF_8)), "{text}");
            }
        }
        // One character of a kind, signs, and text that is what it says.
        for text in ["nom\nGérard\nRémi\n", "prix\n3 €\n4 €\n5 ©, 6 ®\n", "nom\nMarie\n"] {
            assert!(decode(text.as_bytes(), Encoding::Windows1252).is_ok(), "{text}");
        }
        for text in [
            "nom\nHélène\nFrançois\nLe «\u{a0}CAFÉ\u{a0}» d’Été\n",
            "nom\nSOCIÉTÉ»\nÀ L’ÉTÉ’\n",
            "CAFÉ®,CAFÉ»,DÉJÀ©,MOITIÉ’,É”",
        ] {
            let mut bytes = Vec::new();
            Encoding::Windows1252.encode_into(text, &mut bytes);
            assert_eq!(decode(&bytes, Encoding::Windows1252).unwrap(), text.as_bytes());
        }
        let mixed = ["nom\nHélène,François\n".as_bytes(), b"Andr\xE9\n"].concat();
        assert!(decode(&mixed, Encoding::Windows1252).is_ok(), "not all of it is UTF-8");
    }

    #[test]
    fn the_likely_encoding_of_a_row_is_that_of_its_accents() {
        for (text, likely) in [
            ("Hélène,Crème brûlée", Encoding::Windows1252),
            ("l’été,12 €", Encoding::Windows1252),
            ("Hélène,François", Encoding::Macintosh),
            ("l’été", Encoding::Macintosh),
        ] {
            let mut bytes = Vec::new();
            likely.encode_into(text, &mut bytes);
            assert_eq!(Encoding::likely(&bytes), Some(likely), "{text}");
        }
        assert_eq!(Encoding::likely(b"plain"), None);
        assert_eq!(Encoding::likely(b"\x81\x81"), None);
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
        for (bytes, what) in [
            (&b"BZh91AY&SY\x01"[..], Found::BZIP2),
            (b"BZh1\x17\x72\x45\x38\x50\x90", Found::BZIP2),
            (b"PK\x03\x04\x14\0\x06\0\x08\0[Content_Types].xml", Found::WORKBOOK),
            (b"PK\x03\x04\x14\0\0\0\0\0crm.csv", Found::ZIP),
            (b"ORC\x0A\x03\0\0\0", Found::ORC),
            (b"\xEF\xBB\xBF[\r\n  {\"row_id\":\"1\"}\n]", Found::JSON_ARRAY),
            (b"[{\"row_id\":\"1\"}]", Found::JSON_ARRAY),
            (b"\n<!DOCTYPE html><html>", Found::MARKUP),
            (b"<HTML>", Found::MARKUP),
        ] {
            for declared in [Encoding::Utf8, Encoding::Windows1252] {
                assert_eq!(decode(bytes, declared), Err(TextFailure::NotText(what)));
            }
        }
        for text in ["ORCID,row_id\n", "[id],[mail]\n", "BZhello\n", "Obj,x\n", "<tag>,x\n"] {
            assert!(decode(text.as_bytes(), Encoding::Utf8).is_ok(), "{text}");
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
