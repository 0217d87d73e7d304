//! Comma-separated files, read as a stream in bounded memory, with a guard before the parser.
//!
//! A parser alone turns one stray quote into one record as long as the file, without an error.
//! The guard checks quoting strictly (RFC 4180), caps a record at 64 KiB, counts lines for every
//! kind of line end, and drops blank lines; the parser behind it only ever sees sound records.
//!
//! Every value is text: no type is inferred, so zeros at the front stay. A field of any length is
//! delivered; the normalizer refuses those over its own limit, row by row.
//!
//! Errors hold lines, columns and counts, and at most the escaped and capped name of a column,
//! never the content of a field. A header that looks like data is refused before any of its
//! fields can be taken for a name.

use core::fmt;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::mem;

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord, Terminator};

use crate::error::{Astray, Found, InputError};
use crate::names::{ColumnName, looks_like_data, near_misses};
use crate::text::{Decoder, Encoding, TextFailure};

/// Form of a CSV file, as the settings declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// The encoding; UTF-8 if nothing is declared.
    pub encoding: Encoding,
    /// The character between fields; a comma if nothing is declared.
    pub delimiter: Delimiter,
    /// True if the last line may lack the line end that others have. An export that is still being
    /// written, or was cut, looks the same, and its last field may be somebody else's.
    pub open_last_line: bool,
}

/// The character between fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Delimiter {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// The tab character.
    Tab,
    /// `|`
    Pipe,
}

impl Delimiter {
    /// Reads a declared delimiter: the character itself, or `tab`; `None` for any other.
    #[must_use]
    pub fn parse(declared: &str) -> Option<Self> {
        match declared {
            "," => Some(Self::Comma),
            ";" => Some(Self::Semicolon),
            "\t" | "tab" | "\\t" => Some(Self::Tab),
            "|" => Some(Self::Pipe),
            _ => None,
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The character itself.
    #[must_use]
    pub const fn character(self) -> char {
        self.byte() as char
    }
}

/// Reads the records of one file.
///
/// After an error of a single row ([`InputError::Ragged`], [`InputError::InvalidEncoding`]) the
/// next record can be read; after any other, every further call gives the same error.
pub struct CsvReader<R: Read> {
    reader: Reader<Guard<R>>,
    columns: Vec<String>,
    spare: ByteRecord,
    record: StringRecord,
    line: u64,
    encoding: Encoding,
    failure: Option<InputError>,
}

impl<R: Read> CsvReader<R> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`InputError`]; the owner of the file has to act.
    pub fn new(source: R, options: CsvOptions) -> Result<Self, InputError> {
        let guard = Guard::new(source, options);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(options.delimiter.byte())
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(BUFFER_BYTES)
            .from_reader(guard);
        let mut opened = Self {
            reader,
            columns: Vec::new(),
            spare: ByteRecord::new(),
            record: StringRecord::new(),
            line: 0,
            encoding: options.encoding,
            failure: None,
        };
        if opened.read_any()?.is_none() {
            return Err(InputError::Empty);
        }
        opened.columns = header(&opened.record, options.delimiter)?;
        Ok(opened)
    }

    /// The names of the columns, in file order, without white space around them.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// True if the file has ended with a line that has no line end, which the options allowed.
    #[must_use]
    pub fn ended_open(&self) -> bool {
        self.reader.get_ref().ended_open
    }

    /// The position of a column, if the file has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The position of a column that must exist.
    ///
    /// # Errors
    /// [`InputError::Columns`], with the names that come near.
    pub fn column(&self, name: &str) -> Result<usize, InputError> {
        let near = || near_misses(name, self.columns.iter().map(String::as_str));
        self.find(name).ok_or_else(|| InputError::missing(Astray::new(name, near())))
    }

    /// The next record, or `None` at the end of the file.
    ///
    /// # Errors
    /// [`InputError`]; the owner of the file has to act.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, InputError> {
        Ok(if self.advance()? { Some(self.current()) } else { None })
    }

    /// Reads the next record; false at the end of the file.
    ///
    /// # Errors
    /// [`InputError`]; the owner of the file has to act.
    pub fn advance(&mut self) -> Result<bool, InputError> {
        let expected = self.columns.len();
        loop {
            let Some(line) = self.read_any()? else {
                return Ok(false);
            };
            self.line = line;
            let found = self.record.len();
            if found == expected {
                return Ok(true);
            }
            let blank = found == 1 && self.record.iter().all(|field| field.trim().is_empty());
            if !blank {
                return Err(InputError::Ragged { line, expected, found });
            }
        }
    }

    /// The record read last.
    #[must_use]
    pub const fn current(&self) -> Record<'_> {
        Record { line: self.line, fields: &self.record }
    }

    /// Exchanges the record read last for another, whose room serves the next ones; its line.
    pub(crate) const fn swap(&mut self, record: &mut StringRecord) -> u64 {
        mem::swap(&mut self.record, record);
        self.line
    }

    /// Reads a record of any width and gives the line it began on.
    fn read_any(&mut self) -> Result<Option<u64>, InputError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut bytes = mem::take(&mut self.spare);
        let read = self.reader.read_byte_record(&mut bytes);
        let guard = self.reader.get_mut();
        let line = match read {
            Ok(false) => return Ok(None),
            Ok(true) => {
                let line = guard.scanner.line;
                guard.scanner.lines.pop_front().ok_or(InputError::Parser { line })?
            }
            Err(_) => {
                let line = guard.scanner.line;
                let failure = guard.failure.take().unwrap_or(InputError::Parser { line });
                self.failure = Some(failure.clone());
                return Err(failure);
            }
        };
        match StringRecord::from_byte_record(bytes) {
            Ok(record) => {
                self.spare = mem::replace(&mut self.record, record).into_byte_record();
                Ok(Some(line))
            }
            Err(refused) => {
                let field = refused.utf8_error().field();
                let valid = refused.utf8_error().valid_up_to();
                self.spare = refused.into_byte_record();
                let line = line + line_ends_before(&self.spare, field, valid);
                let column = field + 1;
                let record = self.spare.as_slice();
                Err(InputError::invalid_encoding(line, column, self.encoding, record))
            }
        }
    }
}

impl<R: Read> fmt::Debug for CsvReader<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CsvReader({} columns)", self.columns.len())
    }
}

/// One record: its fields as text, and the line it began on.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    line: u64,
    fields: &'a StringRecord,
}

impl<'a> Record<'a> {
    /// The fields of a record that another reader made.
    #[must_use]
    pub const fn of(line: u64, fields: &'a StringRecord) -> Self {
        Self { line, fields }
    }

    /// The line the record began on, from 1; the header is a line too.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A field by the position of its column.
    #[must_use]
    #[inline]
    pub fn get(&self, column: usize) -> Option<&'a str> {
        self.fields.get(column)
    }

    /// The number of fields, which is that of the header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// True if there are no fields, which never happens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields in file order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + 'a {
        self.fields.iter()
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Record(line {}, {} fields)", self.line, self.fields.len())
    }
}

/// Passes sound records on to the parser and stops at the first unsound one.
struct Guard<R> {
    decoder: Decoder<R>,
    declared: Encoding,
    scanner: Scanner,
    may_end_open: bool,
    ended_open: bool,
    failure: Option<InputError>,
}

impl<R: Read> Guard<R> {
    fn new(source: R, options: CsvOptions) -> Self {
        Self {
            decoder: Decoder::new(source, options.encoding),
            declared: options.encoding,
            scanner: Scanner::new(options.delimiter),
            may_end_open: options.open_last_line,
            ended_open: false,
            failure: None,
        }
    }

    /// Moves bytes until the output is full or the chunk at hand is used up.
    ///
    /// Gives the bytes written, which are zero at the end of the file only; an unsound record
    /// leaves its error behind, after the bytes before it.
    fn pass(&mut self, out: &mut [u8]) -> usize {
        let mut written = 0_usize;
        while written == 0 && self.failure.is_none() {
            let chunk = match self.decoder.fill() {
                Ok(chunk) => chunk,
                Err(failure) => {
                    self.failure = Some(self.unreadable(failure));
                    break;
                }
            };
            if chunk.is_empty() {
                self.ended_open = self.scanner.is_in_open_line();
                self.failure = self.scanner.end(self.may_end_open).err();
                break;
            }
            let (mut rest, mut room) = (chunk, &mut *out);
            // A byte is read only if there is room for what it may give.
            while let (Some((&byte, later)), false) = (rest.split_first(), room.is_empty()) {
                let plain = self.scanner.plain(rest.get(..room.len()).unwrap_or(rest));
                if let Some((run, later)) = rest.split_at_checked(plain).filter(|_| plain > 0)
                    && let Some((slots, left)) = mem::take(&mut room).split_at_mut_checked(plain)
                {
                    slots.copy_from_slice(run);
                    (rest, room) = (later, left);
                    continue;
                }
                rest = later;
                match self.scanner.step(byte) {
                    Ok(None) => {}
                    Ok(Some(passed)) => {
                        if let Some((slot, left)) = mem::take(&mut room).split_first_mut() {
                            *slot = passed;
                            room = left;
                        }
                    }
                    Err(failure) => {
                        self.failure = Some(failure);
                        break;
                    }
                }
            }
            let (read, left) = (chunk.len() - rest.len(), room.len());
            written = out.len() - left;
            self.decoder.consume(read);
        }
        written
    }

    fn unreadable(&self, failure: TextFailure) -> InputError {
        match failure {
            TextFailure::Read(kind) => InputError::Read { line: self.scanner.line, kind },
            TextFailure::NotText(found) => InputError::NotText { found },
            TextFailure::Encoding(found) => {
                InputError::WrongEncoding { declared: self.declared, found }
            }
        }
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let written = if self.failure.is_none() { self.pass(out) } else { 0 };
        match &self.failure {
            // The reader takes the error itself from the guard; this only stops the parser.
            Some(_) if written == 0 => Err(io::Error::from(io::ErrorKind::InvalidData)),
            _ => Ok(written),
        }
    }
}

/// Follows the quoting of a file byte by byte.
///
/// Line ends between records become one LF each, blank lines vanish, and line ends inside
/// quotes stay as they are.
struct Scanner {
    delimiter: u8,
    state: State,
    /// The line of the next byte.
    line: u64,
    /// True if the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    record_line: u64,
    record_bytes: usize,
    column: usize,
    quote_line: u64,
    /// First lines of the records passed on and not read yet.
    lines: VecDeque<u64>,
}

/// Place of the scanner in a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or half of a doubled quote.
    QuoteInQuoted,
}

impl Scanner {
    fn new(delimiter: Delimiter) -> Self {
        Self {
            delimiter: delimiter.byte(),
            state: State::RecordStart,
            line: 1,
            after_cr: false,
            record_line: 1,
            record_bytes: 0,
            column: 1,
            quote_line: 1,
            lines: VecDeque::new(),
        }
    }

    /// Takes the next bytes that pass as they are and leave the scanner in its state; their number.
    fn plain(&mut self, bytes: &[u8]) -> usize {
        if !matches!(self.state, State::Plain | State::Quoted) {
            return 0;
        }
        let special = |byte: u8| matches!(byte, 0 | b'\r' | b'\n' | b'"') || byte == self.delimiter;
        let room = RECORD_BYTES_MAX.saturating_sub(self.record_bytes);
        let plain = bytes.iter().take(room).take_while(|&&byte| !special(byte)).count();
        self.record_bytes += plain;
        self.after_cr &= plain == 0;
        plain
    }

    /// Takes one byte and gives what the parser shall see of it.
    fn step(&mut self, byte: u8) -> Result<Option<u8>, InputError> {
        let line_end = matches!(byte, b'\r' | b'\n');
        let half = byte == b'\n' && mem::take(&mut self.after_cr);
        self.after_cr = byte == b'\r';
        if line_end && self.state != State::Quoted {
            return Ok(self.line_end(half));
        }
        if self.state == State::RecordStart {
            self.record_line = self.line;
            self.lines.push_back(self.line);
            self.column = 1;
            self.record_bytes = 0;
            self.state = State::FieldStart;
        }
        // A record without a cap would grow as long as the file.
        self.record_bytes += 1;
        if self.record_bytes > RECORD_BYTES_MAX {
            return Err(self.too_long());
        }
        if byte == 0 {
            return Err(InputError::NulByte { line: self.line, column: self.column });
        }
        self.state = self.next_state(byte)?;
        if line_end && !half {
            self.line += 1;
        }
        Ok(Some(byte))
    }

    /// Ends a record, or drops a blank line, or the second half of a CRLF.
    fn line_end(&mut self, half: bool) -> Option<u8> {
        if half {
            return None;
        }
        self.line += 1;
        let blank = self.state == State::RecordStart;
        self.state = State::RecordStart;
        (!blank).then_some(b'\n')
    }

    fn next_state(&mut self, byte: u8) -> Result<State, InputError> {
        let (line, column) = (self.line, self.column);
        let delimiter = byte == self.delimiter;
        match self.state {
            State::Quoted if byte == b'"' => Ok(State::QuoteInQuoted),
            State::Quoted => Ok(State::Quoted),
            _ if delimiter => {
                self.column += 1;
                Ok(State::FieldStart)
            }
            State::RecordStart | State::FieldStart if byte == b'"' => {
                self.quote_line = line;
                Ok(State::Quoted)
            }
            State::QuoteInQuoted if byte == b'"' => Ok(State::Quoted),
            State::QuoteInQuoted => {
                Err(InputError::TextAfterQuote { line, opened: self.quote_line, column })
            }
            State::Plain if byte == b'"' => Err(InputError::StrayQuote { line, column }),
            State::RecordStart | State::FieldStart | State::Plain => Ok(State::Plain),
        }
    }

    /// The error of a record over the cap: an open quote explains it, if there is one.
    fn too_long(&self) -> InputError {
        match self.state {
            State::Quoted => {
                InputError::UnclosedQuote { opened: self.quote_line, column: self.column }
            }
            _ => InputError::RecordTooLong { line: self.record_line },
        }
    }

    /// True if the line at hand has text and no line end, and an earlier line has one.
    fn is_in_open_line(&self) -> bool {
        self.state != State::RecordStart && self.line > 1
    }

    /// Judges the end of the file.
    fn end(&self, may_be_open: bool) -> Result<(), InputError> {
        match self.state {
            State::Quoted => Err(self.too_long()),
            _ if self.is_in_open_line() && !may_be_open => {
                Err(InputError::OpenLastLine { line: self.line })
            }
            _ => Ok(()),
        }
    }
}

/// Reads the names of the columns, and refuses a header that is none.
fn header(record: &StringRecord, delimiter: Delimiter) -> Result<Vec<String>, InputError> {
    let names: Vec<&str> = record.iter().map(str::trim).collect();
    if names.first().is_some_and(|first| first.starts_with("sep=")) {
        return Err(InputError::SeparatorLine);
    }
    // A header that is data must be found before any of its fields is named in an error.
    if let Some(position) = names.iter().position(|name| looks_like_data(name)) {
        return Err(InputError::HeaderIsData { column: position + 1 });
    }
    if let [name] = names.as_slice()
        && let Some(likely) = other_delimiter(name, delimiter)
    {
        return Err(InputError::WrongDelimiter { likely });
    }
    if let Some(position) = names.iter().position(|name| name.is_empty()) {
        return Err(InputError::UnnamedColumn { column: position + 1 });
    }
    let mut sorted: Vec<(&str, usize)> = names.iter().copied().zip(1..).collect();
    sorted.sort_unstable();
    let twins = sorted.windows(2).find_map(|pair| match pair {
        [(name, first), (other, second)] if name == other => Some((*name, *first, *second)),
        _ => None,
    });
    if let Some((name, first, second)) = twins {
        return Err(InputError::DuplicateColumn { name: ColumnName::new(name), first, second });
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The delimiter that a single column seems to hold, in words.
fn other_delimiter(name: &str, delimiter: Delimiter) -> Option<Found> {
    let candidates =
        [(b';', Found::SEMICOLON), (b'\t', Found::TAB), (b',', Found::COMMA), (b'|', Found::BAR)];
    let count = |wanted: u8| name.bytes().filter(|&byte| byte == wanted).count();
    let others = candidates.into_iter().filter(|(byte, _)| *byte != delimiter.byte());
    let most = others.max_by_key(|(byte, _)| count(*byte))?;
    (count(most.0) > 0).then_some(most.1)
}

/// The line ends of a record before a byte of one of its fields.
fn line_ends_before(record: &ByteRecord, field: usize, valid: usize) -> u64 {
    let mut ends = 0_u64;
    for (position, bytes) in record.iter().enumerate().take(field + 1) {
        let bytes = if position == field { bytes.get(..valid) } else { Some(bytes) };
        let mut after_cr = false;
        for &byte in bytes.into_iter().flatten() {
            let counts = byte == b'\r' || (byte == b'\n' && !after_cr);
            ends += u64::from(counts);
            after_cr = byte == b'\r';
        }
    }
    ends
}

/// The longest record, without its line end.
const RECORD_BYTES_MAX: usize = 64 * 1024;

/// Bytes that the parser reads at a time.
const BUFFER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::advice;

    /// True after an error that leaves the next record readable.
    fn is_of_a_row(error: &InputError) -> bool {
        matches!(error, InputError::Ragged { .. } | InputError::InvalidEncoding { .. })
    }

    fn open(text: &[u8]) -> Result<CsvReader<&[u8]>, InputError> {
        CsvReader::new(text, CsvOptions::default())
    }

    fn rows(text: &[u8]) -> Result<Vec<(u64, Vec<String>)>, InputError> {
        let mut reader = open(text)?;
        let mut rows = Vec::new();
        while let Some(record) = reader.next_record()? {
            rows.push((record.line(), record.iter().map(str::to_owned).collect()));
        }
        Ok(rows)
    }

    fn error(text: &[u8]) -> InputError {
        rows(text).unwrap_err()
    }

    #[test]
    fn columns_are_found_by_name() {
        let reader = open(b" id , email\n1,x\n").unwrap();
        assert_eq!(reader.columns(), ["id", "email"]);
        assert_eq!(reader.column("email"), Ok(1));
        assert_eq!(reader.find("phone"), None);
    }

    #[test]
    fn missing_column_names_what_comes_near() {
        let near = |header: &[u8], name| match open(header).unwrap().column(name) {
            Err(InputError::Columns(faults)) => {
                let near = &faults.missing[0].near;
                near.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(near(b"row_id,E-Mail,phone\n", "email"), ["E-Mail"]);
        assert_eq!(near(b"ROW ID,emial\n", "row_id"), ["ROW ID"]);
        assert_eq!(near(b"row_id,emial\n", "email"), ["emial"]);
        assert_eq!(near(b"id,name\n", "consent_purposes"), [""; 0]);
        let advice = advice(&open(b"id,E-Mail\n").unwrap().column("email").unwrap_err());
        assert!(advice.starts_with("did you mean `E-Mail` for `email`?"), "{advice}");
    }

    #[test]
    fn lines_are_counted_for_every_kind_of_line_end() {
        let text = b"id,x\r\n1,\"a\r\nb\"\r\n\r\n2,\"c\rd\"\n3,e\r4,\"f\ng\"\n\n5,h\n";
        let lines: Vec<u64> = rows(text).unwrap().iter().map(|row| row.0).collect();
        assert_eq!(lines, [2, 5, 7, 8, 11]);
        assert_eq!(rows(text).unwrap()[0].1, ["1", "a\r\nb"]);
    }

    #[test]
    fn a_stray_quote_is_named_where_it_opened() {
        let mut text = b"id,x\n1,a\n2,\"b\n".to_vec();
        for row in 0..100_000 {
            text.extend(format!("{row},value\n").bytes());
        }
        let opened = InputError::UnclosedQuote { opened: 3, column: 2 };
        assert_eq!(error(&text), opened);
        assert_eq!(error(b"id,x\n1,a\n2,\"b\n"), opened);
        assert_eq!(
            error(b"id,x\n1,\"a\n2,\"b\"\n"),
            InputError::TextAfterQuote { line: 3, opened: 2, column: 2 }
        );
    }

    #[test]
    fn records_before_an_unsound_one_are_delivered() {
        let mut reader = open(b"id,x\n1,a\n2,b\n3,c\"d\n4,e\n").unwrap();
        assert_eq!(reader.next_record().unwrap().unwrap().line(), 2);
        assert_eq!(reader.next_record().unwrap().unwrap().line(), 3);
        let stray = InputError::StrayQuote { line: 4, column: 2 };
        assert_eq!(reader.next_record().unwrap_err(), stray);
        assert_eq!(reader.next_record().unwrap_err(), stray, "the file stays refused");
    }

    #[test]
    fn row_errors_do_not_stop_the_file() {
        let mut reader = open(b"id,x\n1\n2,b\n3,\"c\nd\",e\n4,\xE9\n5,f\n").unwrap();
        let mut seen = Vec::new();
        loop {
            match reader.next_record() {
                Ok(None) => break,
                Ok(Some(record)) => seen.push(format!("{}", record.line())),
                Err(error) => {
                    assert!(is_of_a_row(&error));
                    seen.push(format!("{} {}", error.line().unwrap(), error.id()));
                }
            }
        }
        assert_eq!(
            seen,
            ["2 input-ragged", "3", "4 input-ragged", "6 input-invalid-encoding", "7"]
        );
    }

    #[test]
    fn invalid_bytes_have_their_line_and_column() {
        assert_eq!(
            error(b"id,x,y\n1,\"a\r\nb\",\"c\n\xE9\"\n"),
            InputError::InvalidEncoding {
                line: 4,
                column: 3,
                declared: Encoding::Utf8,
                likely: Some(Encoding::Windows1252)
            }
        );
    }

    #[test]
    fn record_cap_is_exact() {
        let record =
            |bytes: usize| format!("id,x\n1,{}\n2,b\n", "a".repeat(bytes - 2)).into_bytes();
        assert_eq!(rows(&record(RECORD_BYTES_MAX)).unwrap().len(), 2);
        assert_eq!(error(&record(RECORD_BYTES_MAX + 1)), InputError::RecordTooLong { line: 2 });
    }

    #[test]
    fn long_fields_are_not_the_file_s_error() {
        let text = format!("id,x\n1,{}\n", "a".repeat(5_000));
        assert_eq!(rows(text.as_bytes()).unwrap()[0].1[1].len(), 5_000);
    }

    #[test]
    fn a_header_that_is_data_is_never_quoted_back() {
        for text in ["1,canary@exemple.fr\n", "0199001234,x\n2,y\n", "canary@exemple.fr;x\n"] {
            let error = error(text.as_bytes());
            assert!(matches!(error, InputError::HeaderIsData { .. }));
            let printed = format!("{error} {error:?} {}", advice(&error));
            assert!(!printed.contains("canary") && !printed.contains("0199"), "{printed}");
        }
    }

    #[test]
    fn nothing_printed_holds_a_field() {
        let texts: [&[u8]; 7] = [
            b"id,x\ncanary\n",
            b"id,x\ncanary,\"canary\n",
            b"id,x\ncanary,can\"ary\n",
            b"id,x\ncanary,\"can\"ary\n",
            b"id,x\ncanary,\xE9\n",
            b"id,x\ncanary,\0\n",
            b"id,x\ncanary,canary,canary\n",
        ];
        for text in texts {
            let error = error(text);
            let printed = format!("{error} {error:?} {}", advice(&error));
            assert!(!printed.contains("canary") && !printed.contains("ary"), "{printed}");
        }
        let mut reader = open(b"id,x\n1,canary\n").unwrap();
        assert_eq!(format!("{reader:?}"), "CsvReader(2 columns)");
        let record = reader.next_record().unwrap().unwrap();
        assert_eq!(format!("{record:?}"), "Record(line 2, 2 fields)");
    }

    /// A file of 64 MiB that is one open quote, in memory that does not grow with it.
    #[test]
    fn memory_stays_bounded_on_one_endless_record() {
        for byte in [b'x', b'\n', b'"', b','] {
            let start: &[u8] = b"id,x\n1,\"";
            let endless = start.chain(io::repeat(byte).take(1 << 26));
            let mut reader = CsvReader::new(endless, CsvOptions::default()).unwrap();
            let mut rows = 0_u32;
            let end = loop {
                match reader.next_record() {
                    Ok(Some(_)) => rows += 1,
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            assert!(end.is_some() && rows == 0);
            assert!(reader.reader.get_ref().scanner.lines.len() <= 2);
        }
    }

    proptest! {
        /// Any table comes back, whatever the line ends, the quoting and the delimiter.
        #[test]
        fn written_tables_read_back(
            table in prop::collection::vec(
                prop::collection::vec("[a-zé0-9 ,;\t\"\r\n]{0,8}", 3), 0..8),
            quote_all in any::<bool>(),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 8),
            delimiter in prop::sample::select(vec![
                Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab]),
            last_end in any::<bool>(),
        ) {
            let mark = char::from(delimiter.byte());
            let field = |text: &String| {
                let needed = text.contains(['"', '\r', '\n', ',', ';', '\t']);
                // An empty first field alone would look like a blank line in one column only.
                if quote_all || needed {
                    format!("\"{}\"", text.replace('"', "\"\""))
                } else {
                    text.clone()
                }
            };
            let mut text = format!("a{mark}b{mark}c\n");
            for (row, end) in table.iter().zip(&ends) {
                let fields: Vec<String> = row.iter().map(field).collect();
                text.push_str(&fields.join(&mark.to_string()));
                text.push_str(end);
            }
            if !last_end {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
            let options = CsvOptions { delimiter, open_last_line: true, ..CsvOptions::default() };
            let mut reader = CsvReader::new(text.as_bytes(), options).unwrap();
            let mut read = Vec::new();
            while let Some(record) = reader.next_record().unwrap() {
                read.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
            }
            prop_assert_eq!(read, table);
        }

        /// Any bytes at all: no panic, an end, and lines that never go back.
        #[test]
        fn arbitrary_bytes_never_panic(
            bytes in prop::collection::vec(
                prop::sample::select(b"a1,;\t\"\r\n @\0\xE9\xC3\xA9\xFF\xFE".to_vec()), 0..200)
        ) {
            for encoding in Encoding::ALL {
                let options = CsvOptions { encoding, ..CsvOptions::default() };
                let Ok(mut reader) = CsvReader::new(bytes.as_slice(), options) else { continue };
                let mut last = 1;
                loop {
                    match reader.next_record() {
                        Ok(Some(record)) => {
                            prop_assert!(record.line() > last);
                            last = record.line();
                        }
                        Ok(None) => break,
                        Err(error) if is_of_a_row(&error) => {}
                        Err(error) => {
                            prop_assert_ne!(error.id(), "input-parser");
                            break;
                        }
                    }
                }
            }
        }
    }
}
