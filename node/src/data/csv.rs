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

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord, Terminator};

pub use super::text::Encoding;
use super::text::{Decoder, TextFailure};

/// How a file is written, as its mapping file declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct CsvOptions {
    /// The encoding; UTF-8 if nothing is declared.
    pub encoding: Encoding,
    /// The character between fields; a comma if nothing is declared.
    pub delimiter: Delimiter,
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
}

impl Delimiter {
    /// Reads a declared delimiter: the character itself, or `tab`; `None` for any other.
    #[must_use]
    pub fn parse(declared: &str) -> Option<Self> {
        match declared {
            "," => Some(Self::Comma),
            ";" => Some(Self::Semicolon),
            "\t" | "tab" | "\\t" => Some(Self::Tab),
            _ => None,
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
        }
    }
}

/// Reads the records of one file.
///
/// After an error of a single row ([`InputError::is_row_error`]) the next record can be read;
/// after any other, every further call gives the same error.
pub struct CsvReader<R: Read> {
    reader: Reader<Guard<R>>,
    columns: Vec<String>,
    spare: ByteRecord,
    record: StringRecord,
    encoding: Encoding,
    failure: Option<InputError>,
}

impl<R: Read> CsvReader<R> {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`InputError`]; the owner of the file has to act.
    pub fn new(source: R, options: CsvOptions) -> Result<Self, InputError> {
        let guard = Guard::new(Decoder::new(source, options.encoding), options.delimiter);
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

    /// The position of a column, if the file has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The position of a column that must exist.
    ///
    /// # Errors
    /// [`InputError::MissingColumn`], with the names that come near.
    pub fn column(&self, name: &str) -> Result<usize, InputError> {
        self.find(name).ok_or_else(|| InputError::MissingColumn {
            name: ColumnName::new(name),
            near: near_misses(name, &self.columns),
        })
    }

    /// The next record, or `None` at the end of the file.
    ///
    /// # Errors
    /// [`InputError`]; the owner of the file has to act.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, InputError> {
        let expected = self.columns.len();
        loop {
            let Some(line) = self.read_any()? else { return Ok(None) };
            let found = self.record.len();
            if found == expected {
                return Ok(Some(Record { line, fields: &self.record }));
            }
            let blank = found == 1 && self.record.iter().all(|field| field.trim().is_empty());
            if !blank {
                return Err(InputError::Ragged { line, expected, found });
            }
        }
    }

    /// Reads a record of any width and gives the line it began on.
    fn read_any(&mut self) -> Result<Option<u64>, InputError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let mut bytes = core::mem::take(&mut self.spare);
        let read = self.reader.read_byte_record(&mut bytes);
        let guard = self.reader.get_mut();
        let line = match read {
            Ok(false) => return Ok(None),
            Ok(true) => guard.lines.pop_front().unwrap_or(guard.line),
            Err(_) => {
                let failure = guard.failure.take().unwrap_or(InputError::Parser { line: guard.line });
                self.failure = Some(failure.clone());
                return Err(failure);
            }
        };
        match StringRecord::from_byte_record(bytes) {
            Ok(record) => {
                self.spare = core::mem::replace(&mut self.record, record).into_byte_record();
                Ok(Some(line))
            }
            Err(refused) => {
                let field = refused.utf8_error().field();
                let valid = refused.utf8_error().valid_up_to();
                self.spare = refused.into_byte_record();
                let line = line.saturating_add(line_ends_before(&self.spare, field, valid));
                let column = field.saturating_add(1);
                Err(InputError::InvalidEncoding { line, column, declared: self.encoding })
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
    /// The line the record began on, from 1; the header is a line too.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// A field by the position of its column.
    #[must_use]
    pub fn get(&self, column: usize) -> Option<&'a str> {
        self.fields.get(column)
    }

    /// The number of fields, which is that of the header.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are no fields, which never happens.
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

/// Why a file, or one row of it, is refused. Always for the owner of the file to mend.
///
/// Lines and columns count from 1. No variant holds the content of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InputError {
    /// The file could not be read.
    Read {
        /// The line reached.
        line: u64,
        /// What the operating system said.
        kind: io::ErrorKind,
    },
    /// The file is not text.
    NotText {
        /// What it is.
        found: &'static str,
    },
    /// The file is text in another encoding than declared.
    WrongEncoding {
        /// The declared encoding.
        declared: Encoding,
        /// What the file is.
        found: &'static str,
    },
    /// A row holds bytes that the declared encoding does not define.
    InvalidEncoding {
        /// The line of the first such byte.
        line: u64,
        /// Its column.
        column: usize,
        /// The declared encoding.
        declared: Encoding,
    },
    /// The file holds a NUL byte.
    NulByte {
        /// Its line.
        line: u64,
        /// Its column.
        column: usize,
    },
    /// The file is empty, or holds blank lines only.
    Empty,
    /// The first line is a spreadsheet's `sep=` directive.
    SeparatorLine,
    /// The first line looks like data, so the header is missing.
    HeaderIsData {
        /// The column that gave it away.
        column: usize,
    },
    /// A column of the header has no name.
    UnnamedColumn {
        /// Its position.
        column: usize,
    },
    /// Two columns have the same name.
    DuplicateColumn {
        /// The name.
        name: ColumnName,
        /// The position of the first.
        first: usize,
        /// The position of the second.
        second: usize,
    },
    /// The header is one column that holds another delimiter.
    WrongDelimiter {
        /// What the file probably uses, in words.
        likely: &'static str,
    },
    /// A required column does not exist.
    MissingColumn {
        /// The name looked for.
        name: ColumnName,
        /// Existing names that come near, the nearest first.
        near: Vec<ColumnName>,
    },
    /// A quote stands inside a field that does not begin with one.
    StrayQuote {
        /// Its line.
        line: u64,
        /// Its column.
        column: usize,
    },
    /// Text follows the closing quote of a field.
    TextAfterQuote {
        /// The line of the text.
        line: u64,
        /// The line where the quote opened.
        opened: u64,
        /// The column.
        column: usize,
    },
    /// A quote opens and does not close, before the end of the file or within 64 KiB.
    UnclosedQuote {
        /// The line where the quote opened.
        opened: u64,
        /// The column.
        column: usize,
    },
    /// A record is longer than 64 KiB.
    RecordTooLong {
        /// The line it began on.
        line: u64,
    },
    /// A row has more or fewer fields than the header.
    Ragged {
        /// Its line.
        line: u64,
        /// The fields of the header.
        expected: usize,
        /// The fields of the row.
        found: usize,
    },
    /// The parser refused what the guard had passed; a defect of ours.
    Parser {
        /// The line reached.
        line: u64,
    },
}

impl InputError {
    /// A stable name of the error, for tests and counts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::NotText { .. } => "not_text",
            Self::WrongEncoding { .. } => "wrong_encoding",
            Self::InvalidEncoding { .. } => "invalid_encoding",
            Self::NulByte { .. } => "nul_byte",
            Self::Empty => "empty",
            Self::SeparatorLine => "separator_line",
            Self::HeaderIsData { .. } => "header_is_data",
            Self::UnnamedColumn { .. } => "unnamed_column",
            Self::DuplicateColumn { .. } => "duplicate_column",
            Self::WrongDelimiter { .. } => "wrong_delimiter",
            Self::MissingColumn { .. } => "missing_column",
            Self::StrayQuote { .. } => "stray_quote",
            Self::TextAfterQuote { .. } => "text_after_quote",
            Self::UnclosedQuote { .. } => "unclosed_quote",
            Self::RecordTooLong { .. } => "record_too_long",
            Self::Ragged { .. } => "ragged",
            Self::Parser { .. } => "parser",
        }
    }

    /// Whether the error is of one row, after which reading can go on.
    #[must_use]
    pub const fn is_row_error(&self) -> bool {
        matches!(self, Self::Ragged { .. } | Self::InvalidEncoding { .. })
    }

    /// The line the error is on; `None` if it is of the whole file.
    #[must_use]
    pub const fn line(&self) -> Option<u64> {
        match self {
            Self::Read { line, .. }
            | Self::InvalidEncoding { line, .. }
            | Self::NulByte { line, .. }
            | Self::StrayQuote { line, .. }
            | Self::TextAfterQuote { line, .. }
            | Self::RecordTooLong { line }
            | Self::Ragged { line, .. }
            | Self::Parser { line } => Some(*line),
            Self::UnclosedQuote { opened, .. } => Some(*opened),
            Self::NotText { .. }
            | Self::WrongEncoding { .. }
            | Self::Empty
            | Self::SeparatorLine
            | Self::HeaderIsData { .. }
            | Self::UnnamedColumn { .. }
            | Self::DuplicateColumn { .. }
            | Self::WrongDelimiter { .. }
            | Self::MissingColumn { .. } => None,
        }
    }

    /// The column the error is in; `None` if it is not of one column.
    #[must_use]
    pub const fn column(&self) -> Option<usize> {
        match self {
            Self::InvalidEncoding { column, .. }
            | Self::NulByte { column, .. }
            | Self::HeaderIsData { column }
            | Self::UnnamedColumn { column }
            | Self::StrayQuote { column, .. }
            | Self::TextAfterQuote { column, .. }
            | Self::UnclosedQuote { column, .. } => Some(*column),
            Self::DuplicateColumn { second, .. } => Some(*second),
            _ => None,
        }
    }

    /// What happened, in one line.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Read { line, kind } => format!("the file cannot be read after line {line}: {kind}"),
            Self::NotText { found } => format!("the file is {found}, not a CSV file"),
            Self::WrongEncoding { declared, found } => {
                format!("the file is {found}; its declared encoding is {declared}")
            }
            Self::InvalidEncoding { line, column, declared } => {
                format!("line {line}, column {column}: not valid {declared}")
            }
            Self::NulByte { line, column } => format!("line {line}, column {column}: a NUL byte"),
            Self::Empty => "the file is empty; it needs at least a header".to_owned(),
            Self::SeparatorLine => "the first line is a spreadsheet's `sep=` directive".to_owned(),
            Self::HeaderIsData { column } => {
                format!("the first line looks like data (column {column}); the header is missing")
            }
            Self::UnnamedColumn { column } => format!("column {column} of the header has no name"),
            Self::DuplicateColumn { name, first, second } => {
                format!("columns {first} and {second} have the same name `{name}`")
            }
            Self::WrongDelimiter { likely } => {
                format!("the header is a single column; the file seems to use the {likely}")
            }
            Self::MissingColumn { name, .. } => format!("there is no column `{name}`"),
            Self::StrayQuote { line, column } => {
                format!("line {line}, column {column}: a quote inside a field without quotes")
            }
            Self::TextAfterQuote { line, opened, column } => format!(
                "line {line}, column {column}: text after the closing quote of a field whose \
                 quote opened on line {opened}"
            ),
            Self::UnclosedQuote { opened, column } => {
                format!("line {opened}, column {column}: a quote opens here and never closes")
            }
            Self::RecordTooLong { line } => {
                format!("the record that begins on line {line} is longer than 64 KiB")
            }
            Self::Ragged { line, expected, found } => {
                format!("line {line} has {found} fields; the header has {expected}")
            }
            Self::Parser { line } => format!("the parser stopped near line {line}"),
        }
    }

    /// What to try, in one line.
    #[must_use]
    pub fn try_this(&self) -> String {
        match self {
            Self::Read { .. } => "check the file and its disk, then run again".to_owned(),
            Self::NotText { .. } => "unpack it or export it as CSV in UTF-8".to_owned(),
            Self::WrongEncoding { found, .. } => match Encoding::parse(found) {
                Some(found) => {
                    format!("declare `encoding = \"{found}\"`, or export the file as UTF-8")
                }
                None => "export the file as UTF-8".to_owned(),
            },
            Self::InvalidEncoding { declared: Encoding::Utf8, .. } => {
                "export the file as UTF-8, or declare its encoding, often `windows-1252`".to_owned()
            }
            Self::InvalidEncoding { declared, .. } => {
                format!("the file is probably not {declared}; export it as UTF-8")
            }
            Self::NulByte { .. } => {
                "export the file again; a NUL byte means that it is damaged or is not text".to_owned()
            }
            Self::Empty => "check that the export ran and that this is its file".to_owned(),
            Self::SeparatorLine => {
                "remove that line and declare the delimiter in the mapping file".to_owned()
            }
            Self::HeaderIsData { .. } => "add a first line with the names of the columns".to_owned(),
            Self::UnnamedColumn { .. } => {
                "name the column, or remove the delimiter at the end of the line".to_owned()
            }
            Self::DuplicateColumn { .. } => "rename or remove one of the two columns".to_owned(),
            Self::WrongDelimiter { likely } => {
                format!("declare the {likely} as `delimiter`, or export with another one")
            }
            Self::MissingColumn { name, near } => match near.as_slice() {
                [] => format!("name the column `{name}` in the mapping file, or add it"),
                near => {
                    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
                    format!("did you mean {}? Map it in the mapping file", names.join(" or "))
                }
            },
            Self::StrayQuote { .. } | Self::TextAfterQuote { .. } => {
                "put the whole field in quotes and double every quote inside it".to_owned()
            }
            Self::UnclosedQuote { .. } => {
                "close the quote on that line, or double it if it is part of the text".to_owned()
            }
            Self::RecordTooLong { .. } => {
                "check the quotes and line ends near that line".to_owned()
            }
            Self::Ragged { expected, found, .. } if found > expected => {
                "put fields that contain the delimiter in quotes".to_owned()
            }
            Self::Ragged { .. } => "check line ends inside fields, and the end of the row".to_owned(),
            Self::Parser { .. } => "report this: it is a defect of the program".to_owned(),
        }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what())
    }
}

impl std::error::Error for InputError {}

/// The name of a column, escaped and capped at 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName(String);

impl ColumnName {
    fn new(name: &str) -> Self {
        let mut shown = String::new();
        for c in name.chars() {
            let plain = c.is_ascii_graphic() || c == ' ' || (c.is_alphanumeric() && !c.is_ascii());
            let piece =
                if plain { c.to_string() } else { c.escape_default().to_string() };
            if shown.len().saturating_add(piece.len()) > NAME_BYTES_MAX {
                break;
            }
            shown.push_str(&piece);
        }
        Self(shown)
    }

    /// The name as it may be printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Passes sound records on to the parser, byte by byte, and stops at the first unsound one.
///
/// Line ends between records become one LF each; those inside quotes stay as they are.
struct Guard<R> {
    decoder: Decoder<R>,
    delimiter: u8,
    state: State,
    /// The line of the next byte.
    line: u64,
    /// Whether the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    record_line: u64,
    record_bytes: usize,
    column: usize,
    quote_line: u64,
    /// First lines of the records passed on and not read yet.
    lines: VecDeque<u64>,
    failure: Option<InputError>,
}

/// Where in a record the guard stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside a quoted field: its end, or half of a doubled quote.
    QuoteInQuoted,
}

impl<R: Read> Guard<R> {
    fn new(decoder: Decoder<R>, delimiter: Delimiter) -> Self {
        Self {
            decoder,
            delimiter: delimiter.byte(),
            state: State::RecordStart,
            line: 1,
            after_cr: false,
            record_line: 1,
            record_bytes: 0,
            column: 1,
            quote_line: 1,
            lines: VecDeque::new(),
            failure: None,
        }
    }

    /// Moves bytes until the output is full, the chunk is used up, or a record is unsound.
    fn pass(&mut self, out: &mut [u8]) -> Result<usize, InputError> {
        let declared = self.decoder.encoding();
        loop {
            let line = self.line;
            let chunk = self.decoder.fill().map_err(|failure| match failure {
                TextFailure::Read(kind) => InputError::Read { line, kind },
                TextFailure::NotText(found) => InputError::NotText { found },
                TextFailure::Encoding(found) => InputError::WrongEncoding { declared, found },
            })?;
            if chunk.is_empty() {
                return self.end().map(|()| 0);
            }
            // The chunk is borrowed from the decoder: the rest of the guard works beside it.
            let mut steps = Steps {
                delimiter: self.delimiter,
                state: self.state,
                line: self.line,
                after_cr: self.after_cr,
                record_line: self.record_line,
                record_bytes: self.record_bytes,
                column: self.column,
                quote_line: self.quote_line,
                lines: &mut self.lines,
            };
            let _ = &mut steps;
            let _ = out;
            return Ok(0);
        }
    }

    fn end(&mut self) -> Result<(), InputError> {
        Ok(())
    }
}
