//! NDJSON: one JSON object a line, each member a column.
//!
//! Every value becomes the text that CSV would have ([`physical`](crate::physical)): a number is
//! its digits as they are written, whatever their number, true and false are words, and a member
//! that is null or left out is absent. A list is an array of such values, or one text with `|`
//! between its entries.

use core::fmt;
use std::io::Read;

use csv::StringRecord;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::csv::{CsvOptions, Record};
use crate::error::{Found, InputError};
use crate::names::{ColumnName, looks_like_data};
use crate::physical::Json;
use crate::plan::{Want, Wanted};
use crate::text::{Decoder, Encoding, TextFailure};

/// Reads the objects of one file.
///
/// A record has the members that are wanted, in the order of their first appearance in the file: a
/// member that appears late has the next place, which earlier records do not have.
pub(crate) struct NdjsonReader<R> {
    lines: Lines<R>,
    members: Members,
    values: Vec<Option<String>>,
    record: StringRecord,
    failure: Option<InputError>,
}

impl<R: Read> NdjsonReader<R> {
    /// Makes a reader; the options for CSV alone are not used.
    pub(crate) fn new(source: R, options: CsvOptions) -> Self {
        Self {
            lines: Lines::new(source, options),
            members: Members::default(),
            values: Vec::new(),
            record: StringRecord::new(),
            failure: None,
        }
    }

    /// Takes names of members that are known beforehand.
    pub(crate) fn expect(
        &mut self,
        names: &[String],
        wanted: &impl Wanted,
    ) -> Result<(), InputError> {
        names.iter().try_for_each(|name| self.members.find(name, wanted, None).map(drop))
    }

    /// Names of all members so far, in the order of their first appearance.
    pub(crate) fn columns(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.known.iter().map(|member| member.name.as_str())
    }

    /// Place of a member in a record, if it is wanted and known.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.members.known.iter().find(|member| member.name == name)?.kept.map(|(place, _)| place)
    }

    /// Reads the next object; false at the end of the file.
    pub(crate) fn advance(&mut self, wanted: &impl Wanted) -> Result<bool, InputError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let read = self.read(wanted);
        self.failure = read.as_ref().err().cloned();
        read
    }

    /// True if the file has ended with a line that has no line end, which the options allowed.
    pub(crate) const fn ended_open(&self) -> bool {
        self.lines.ended_open
    }

    /// The object read last.
    pub(crate) const fn current(&self) -> Record<'_> {
        Record::of(self.lines.line, &self.record)
    }

    /// Exchanges the record read last for another, whose room serves the next ones; its line.
    pub(crate) const fn swap(&mut self, record: &mut StringRecord) -> u64 {
        core::mem::swap(&mut self.record, record);
        self.lines.line
    }

    fn read(&mut self, wanted: &impl Wanted) -> Result<bool, InputError> {
        let Some((line, text)) = self.lines.next_line()? else { return Ok(false) };
        self.values.clear();
        self.values.resize(self.members.places, None);
        let mut failure = None;
        let (members, values) = (&mut self.members, &mut self.values);
        parse(text, Object { wanted, members, values, line, failure: &mut failure })
            .map_err(|error| failure.take().unwrap_or(InputError::Json { line, found: error }))?;
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.record.clear();
        for value in &self.values {
            self.record.push_field(value.as_deref().unwrap_or_default());
        }
        Ok(true)
    }
}

/// The members of a file that appeared so far.
#[derive(Default)]
struct Members {
    known: Vec<Member>,
    /// Number of those that are wanted.
    places: usize,
}

struct Member {
    name: String,
    /// Place in a record, and what it is wanted for; `None` if it is not looked at.
    kept: Option<(usize, Want)>,
}

impl Members {
    /// The place of a member and what it is wanted for; a name that is new gets the next place.
    fn find(
        &mut self,
        name: &str,
        wanted: &impl Wanted,
        line: Option<u64>,
    ) -> Result<Option<(usize, Want)>, InputError> {
        if let Some(member) = self.known.iter().find(|member| member.name == name) {
            return Ok(member.kept);
        }
        let want = wanted.want(name, line)?;
        if let (Some(line), true) = (line, self.known.len() >= COLUMNS_MAX) {
            return Err(InputError::Json { line, found: Found::TOO_MANY_MEMBERS });
        }
        let kept = want.map(|want| (self.places, want));
        self.places += usize::from(kept.is_some());
        self.known.push(Member { name: name.to_owned(), kept });
        Ok(kept)
    }
}

/// The names of all members of a file, in the order of their first appearance.
pub(crate) fn header(source: impl Read, options: CsvOptions) -> Result<Vec<String>, InputError> {
    let mut lines = Lines::new(source, options);
    let mut names = Vec::new();
    while let Some((line, text)) = lines.next_line()? {
        parse(text, Names(&mut names)).map_err(|found| InputError::Json { line, found })?;
        if names.iter().any(|name| looks_like_data(name)) {
            return Err(InputError::Json { line, found: Found::DATA_FOR_NAMES });
        }
        if names.len() > COLUMNS_MAX {
            return Err(InputError::Json { line, found: Found::TOO_MANY_MEMBERS });
        }
    }
    if names.is_empty() { Err(InputError::Empty) } else { Ok(names) }
}

/// Parses one object and nothing else; what the line is if it is no such thing.
///
/// The words of the parser itself are left out, for they may quote the line.
fn parse<'de>(text: &'de str, seed: impl DeserializeSeed<'de, Value = ()>) -> Result<(), Found> {
    let mut parser = serde_json::Deserializer::from_str(text);
    seed.deserialize(&mut parser).and_then(|()| parser.end()).map_err(|_| not_an_object(text))
}

/// The lines of a file that are not blank.
struct Lines<R> {
    decoder: Decoder<R>,
    declared: Encoding,
    line: u64,
    may_end_open: bool,
    ended_open: bool,
    buffer: Zeroizing<Vec<u8>>,
}

impl<R: Read> Lines<R> {
    fn new(source: R, options: CsvOptions) -> Self {
        Self {
            decoder: Decoder::new(source, options.encoding),
            declared: options.encoding,
            line: 0,
            may_end_open: options.open_last_line,
            ended_open: false,
            buffer: Zeroizing::new(Vec::new()),
        }
    }

    /// The next line with its number; `None` at the end of the file.
    fn next_line(&mut self) -> Result<Option<(u64, &str)>, InputError> {
        while self.read_line()? {
            if !self.buffer.trim_ascii().is_empty() {
                let (line, declared) = (self.line, self.declared);
                return match core::str::from_utf8(&self.buffer) {
                    Ok(text) => Ok(Some((line, text))),
                    Err(_) => Err(InputError::invalid_encoding(line, 1, declared, &self.buffer)),
                };
            }
        }
        Ok(None)
    }

    /// Reads one line without its end; false at the end of the file.
    fn read_line(&mut self) -> Result<bool, InputError> {
        self.buffer.clear();
        self.line += 1;
        let line = self.line;
        let mut any = false;
        loop {
            let chunk = match self.decoder.fill() {
                Ok(chunk) => chunk,
                Err(TextFailure::Read(kind)) => return Err(InputError::Read { line, kind }),
                Err(TextFailure::NotText(found)) => return Err(InputError::NotText { found }),
                Err(TextFailure::Encoding(found)) => {
                    return Err(InputError::WrongEncoding { declared: self.declared, found });
                }
            };
            if chunk.is_empty() {
                self.ended_open = line > 1 && !self.buffer.trim_ascii().is_empty();
                if self.ended_open && !self.may_end_open {
                    return Err(InputError::OpenLastLine { line });
                }
                return Ok(any);
            }
            any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or_default();
            let taken = part.len() + usize::from(end.is_some());
            if self.buffer.len() + part.len() > LINE_BYTES_MAX {
                return Err(InputError::RecordTooLong { line });
            }
            self.buffer.extend_from_slice(part);
            self.decoder.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }
}

/// Nature of a line that is no object.
fn not_an_object(text: &str) -> Found {
    match text.trim().bytes().next() {
        Some(b'{') => Found::BROKEN_OBJECT,
        Some(b'[') => Found::ARRAY,
        _ => Found::OTHER_TEXT,
    }
}

/// Reads one object into the values of its columns.
struct Object<'a, W> {
    wanted: &'a W,
    members: &'a mut Members,
    values: &'a mut Vec<Option<String>>,
    line: u64,
    /// The fault, told beside the parser's own error.
    failure: &'a mut Option<InputError>,
}

impl<W: Wanted> Object<'_, W> {
    fn keep(&mut self, name: &str, at: usize, column: usize, text: Json) -> Result<(), InputError> {
        let line = self.line;
        let member = |found| InputError::JsonMember { line, name: ColumnName::new(name), found };
        let text = match text {
            Json::Absent => return Ok(()),
            Json::Of(text) => text,
            Json::No(found) => return Err(member(found)),
        };
        if text.contains('\0') {
            return Err(InputError::NulByte { line, column });
        }
        if at >= self.values.len() {
            self.values.resize(at + 1, None);
        }
        match self.values.get_mut(at) {
            Some(slot @ None) => {
                *slot = Some(text);
                Ok(())
            }
            _ => Err(member(Found::TWICE)),
        }
    }
}

impl<'de, W: Wanted> DeserializeSeed<'de> for Object<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, W: Wanted> Visitor<'de> for Object<'_, W> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut column = 0_usize;
        while let Some(name) = map.next_key::<String>()? {
            column += 1;
            let kept = match self.members.find(&name, self.wanted, Some(self.line)) {
                Ok(Some((at, want))) => {
                    let value: &RawValue = map.next_value()?;
                    self.keep(&name, at, column, Json::of(value.get(), want))
                }
                Ok(None) => {
                    map.next_value::<IgnoredAny>()?;
                    Ok(())
                }
                // All that are unknown are told at once.
                Err(InputError::Columns(faults)) => {
                    map.next_value::<IgnoredAny>()?;
                    match &mut *self.failure {
                        Some(InputError::Columns(known)) => known.unknown.extend(faults.unknown),
                        failure => *failure = Some(InputError::Columns(faults)),
                    }
                    Ok(())
                }
                Err(failure) => Err(failure),
            };
            if let Err(failure) = kept {
                *self.failure = Some(failure);
                return Err(serde::de::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

/// Gathers the names of members.
struct Names<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((name, _)) = map.next_entry::<String, IgnoredAny>()? {
            if !self.0.contains(&name) {
                self.0.push(name);
            }
        }
        Ok(())
    }
}

/// The longest line, without its end.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Distinct names of members in one file.
const COLUMNS_MAX: usize = 4096;
