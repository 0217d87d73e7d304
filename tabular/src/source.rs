//! Rows out of a file of any accepted form: CSV, NDJSON or Parquet, packed or not.
//!
//! A [`RowSource`] gives records of text in the order of a [`Schema`], whatever the order of the
//! columns in the file and whatever the file calls them. Every value is text: an absent field is
//! empty, a list has `|` between its entries, a day is `2026-11-21`, a time ends with `Z`. The same
//! table therefore gives the same rows in every form.
//!
//! Memory is bounded whatever the file holds: a record has 64 KiB at most, archives are unpacked
//! as they are read, and Parquet is decoded a few rows at a time after a look at its pages.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::StringRecord;

use crate::bytes::{self, Nature};
use crate::csv::{CsvOptions, CsvReader, Record};
use crate::error::{Found, InputError, SourceError};
use crate::names::ColumnName;
use crate::ndjson::{self, NdjsonReader};
use crate::rowgroups::ParquetReader;
use crate::schema::{Names, Role, Schema, Seen};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// The name in options and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }

    /// Form that the name of a file states, an ending of an archive left out.
    fn of_name(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
        match Path::new(name).extension()?.to_str()? {
            "csv" | "tsv" => Some(Self::Csv),
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Settings for the reading of files.
#[derive(Debug, Clone, Default)]
pub struct SourceOptions {
    /// Encoding of text files, and form of CSV.
    pub csv: CsvOptions,
    /// The form of every file, where its name and first bytes shall not decide.
    pub format: Option<Format>,
    /// Names of our columns in the files: ours, theirs.
    pub columns: BTreeMap<String, String>,
    /// Columns of files that are not looked at.
    pub ignore: Vec<String>,
}

/// One input of a run: a file or standard input, and the tag of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// Origin of the rows, unless their column `source` says: the name of the file if the
    /// operator gave no tag.
    pub tag: String,
}

impl InputFile {
    /// A file under its own name.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let tag = if bytes::is_standard_input(path) { "stdin".into() } else { name };
        Self { path: path.to_path_buf(), tag: ColumnName::new(&tag).as_str().to_owned() }
    }

    /// Reads an argument: `PATH`, or `TAG=PATH` with a tag of letters, digits, `-` and `_`.
    #[must_use]
    pub fn from_argument(argument: &OsStr) -> Self {
        let tagged = argument.to_str().and_then(|text| text.split_once('='));
        match tagged {
            Some((tag, path)) if is_tag(tag) && !path.is_empty() => {
                Self { path: path.into(), tag: tag.to_owned() }
            }
            _ => Self::new(Path::new(argument)),
        }
    }

    /// True if this is standard input.
    #[must_use]
    pub fn is_standard_input(&self) -> bool {
        bytes::is_standard_input(&self.path)
    }

    /// The file as errors name it.
    #[must_use]
    pub fn shown(&self) -> PathBuf {
        if self.is_standard_input() { "standard input".into() } else { self.path.clone() }
    }
}

/// True if a text may be a tag: letters, digits, `-` and `_`, 32 at most.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=32).contains(&text.len()) && text.bytes().all(plain)
}

/// Reads the rows of one file.
///
/// After any error the file stays refused, but for the errors of single rows that CSV knows.
pub struct RowSource {
    names: Names,
    format: Format,
    has_header: bool,
    seen: Seen,
    rows: Rows,
    /// Place of each column of the schema in a record.
    pub(crate) places: Arc<[Option<usize>]>,
}

enum Rows {
    Csv(Box<CsvReader<Box<dyn Read>>>),
    Ndjson(Box<NdjsonReader<Box<dyn Read>>>),
    Parquet(Box<ParquetReader>),
}

impl RowSource {
    /// Opens a file and finds its columns.
    ///
    /// An NDJSON file is read twice, for its columns and for its rows. On standard input its
    /// columns are known only at the end: a required one that no object has is an error there.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the owner of the file or of the settings has to act.
    pub fn open(
        file: &InputFile,
        schema: &'static Schema,
        options: &SourceOptions,
    ) -> Result<Self, SourceError> {
        let names = Names::new(schema, &options.columns, &options.ignore)?;
        let shown = file.shown();
        let open = SourceError::open(&shown);
        let refuse = SourceError::input(&shown);
        let opened = bytes::open(&file.path).map_err(&open)?;
        let format = match (options.format, opened.nature) {
            (Some(format), _) => format,
            (None, Nature::Parquet) => Format::Parquet,
            (None, Nature::Text) => Format::of_name(&file.path).unwrap_or(if opened.object {
                Format::Ndjson
            } else {
                Format::Csv
            }),
        };
        match format {
            Format::Csv => Self::of_csv(names, opened.bytes, options.csv).map_err(&refuse),
            Format::Ndjson => {
                let text = options.csv;
                if !opened.again {
                    return Ok(Self::of_ndjson(names, opened.bytes, text, None));
                }
                let header = ndjson::header(opened.bytes, text);
                let seen = header.and_then(|header| names.roles(header.iter().map(String::as_str)));
                let opened = bytes::open(&file.path).map_err(&open)?;
                Ok(Self::of_ndjson(names, opened.bytes, text, Some(seen.map_err(&refuse)?)))
            }
            Format::Parquet if !opened.again => {
                Err(refuse(InputError::Parquet { found: Found::STREAM }))
            }
            Format::Parquet if opened.nature != Nature::Parquet => {
                Err(refuse(InputError::Parquet { found: Found::NOT_PARQUET }))
            }
            Format::Parquet => {
                let handle = File::open(&file.path).map_err(&open)?;
                Self::of_parquet(names, handle).map_err(&refuse)
            }
        }
    }

    fn of_csv(names: Names, bytes: Box<dyn Read>, options: CsvOptions) -> Result<Self, InputError> {
        let reader = CsvReader::new(bytes, options)?;
        let seen = names.roles(reader.columns().iter().map(String::as_str))?;
        let mut places = vec![None; names.columns().len()];
        for (place, (_, role)) in seen.iter().enumerate() {
            if let Role::Used(at) = role
                && let Some(slot) = places.get_mut(*at)
            {
                *slot = Some(place);
            }
        }
        let rows = Rows::Csv(Box::new(reader));
        Ok(Self { names, format: Format::Csv, has_header: true, seen, rows, places: places.into() })
    }

    fn of_parquet(names: Names, file: File) -> Result<Self, InputError> {
        let (reader, seen) = ParquetReader::open(file, &names)?;
        let rows = Rows::Parquet(Box::new(reader));
        Ok(Self::in_order(names, Format::Parquet, seen, rows))
    }

    fn of_ndjson(
        names: Names,
        bytes: Box<dyn Read>,
        options: CsvOptions,
        header: Option<Seen>,
    ) -> Self {
        let rows = Rows::Ndjson(Box::new(NdjsonReader::new(bytes, options)));
        let has_header = header.is_some();
        let seen = header.unwrap_or_default();
        Self { has_header, ..Self::in_order(names, Format::Ndjson, seen, rows) }
    }

    /// A source whose records come in the order of the schema.
    fn in_order(names: Names, format: Format, seen: Seen, rows: Rows) -> Self {
        let places = (0..names.columns().len()).map(Some).collect();
        Self { names, format, has_header: true, seen, rows, places }
    }

    /// The form the file is read as.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The columns of the file, in its order, and what they are; without a header those seen yet.
    pub fn columns(&self) -> impl Iterator<Item = (ColumnName, Role)> {
        self.seen.iter().map(|(name, role)| (ColumnName::new(name), *role))
    }

    /// True if the file has a column of the schema; without a header, if it was seen yet.
    #[must_use]
    pub fn has(&self, position: usize) -> bool {
        self.seen.iter().any(|(_, role)| *role == Role::Used(position))
    }

    /// True if a text file has ended with a line that has no line end, which the options allowed.
    #[must_use]
    pub fn ended_open(&self) -> bool {
        match &self.rows {
            Rows::Csv(reader) => reader.ended_open(),
            Rows::Ndjson(reader) => reader.ended_open(),
            Rows::Parquet(_) => false,
        }
    }

    /// True if the columns are known before the rows: of all but NDJSON on standard input.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        self.has_header
    }

    /// The position in a [`Row`] of a column that the file has, or may have.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        let at = self.names.columns().iter().position(|column| column.name == name)?;
        (self.has(at) || !self.has_header()).then_some(at)
    }

    /// The position in a [`Row`] of a column that must be there.
    ///
    /// # Errors
    ///
    /// [`InputError::MissingColumn`], with the names that come near.
    pub fn column(&self, name: &str) -> Result<usize, InputError> {
        self.find(name).ok_or_else(|| {
            let columns = self.names.columns();
            let position = columns.iter().position(|column| column.name == name);
            self.missing(position.unwrap_or(columns.len()))
        })
    }

    /// The error for a column that must be there and is not.
    #[must_use]
    pub fn missing(&self, position: usize) -> InputError {
        self.names.missing(position, &self.seen)
    }

    /// The next row, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// [`InputError`]; the owner of the file has to act.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, InputError> {
        if !self.advance()? {
            return Ok(None);
        }
        let record = match &self.rows {
            Rows::Csv(reader) => reader.current(),
            Rows::Ndjson(reader) => reader.current(),
            Rows::Parquet(reader) => reader.current(),
        };
        Ok(Some(Row { record, places: &self.places }))
    }

    /// Reads the next record; false at the end of the file.
    pub(crate) fn advance(&mut self) -> Result<bool, InputError> {
        let more = match &mut self.rows {
            Rows::Csv(reader) => reader.advance()?,
            Rows::Ndjson(reader) => reader.advance(&self.names, &mut self.seen)?,
            Rows::Parquet(reader) => reader.advance()?,
        };
        if !more {
            if self.seen.is_empty() {
                return Err(InputError::Empty);
            }
            self.names.required(&self.seen)?;
        }
        Ok(more)
    }

    /// Exchanges the record read last for another, whose room serves the next ones; its line.
    pub(crate) fn swap(&mut self, record: &mut StringRecord) -> u64 {
        match &mut self.rows {
            Rows::Csv(reader) => reader.swap(record),
            Rows::Ndjson(reader) => reader.swap(record),
            Rows::Parquet(reader) => reader.swap(record),
        }
    }
}

impl fmt::Debug for RowSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RowSource({}, {} columns)", self.format.name(), self.seen.len())
    }
}

/// One row: its fields as text by their position in the schema, and its place in the file.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) places: &'a [Option<usize>],
}

impl<'a> Row<'a> {
    /// The line the row began on, from 1; of a Parquet file, the number of the row.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.record.line()
    }

    /// A field by the position of its column in the schema; empty if absent.
    #[must_use]
    pub fn get(&self, position: usize) -> &'a str {
        let place = self.places.get(position).copied().flatten();
        place.and_then(|place| self.record.get(place)).unwrap_or_default()
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Row(line {})", self.line())
    }
}
