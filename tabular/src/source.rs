//! Rows out of a file of any accepted form: CSV, NDJSON or Parquet, packed or not.
//!
//! A [`RowSource`] gives rows of text by the fields of a [`Schema`], whatever the order of the
//! columns in the file and whatever the file calls them. Every value is text: an absent field is
//! empty, a list has `|` between its entries, a day is `2026-11-21`, a time ends with `Z`. The same
//! table therefore gives the same rows in every form.
//!
//! Memory is bounded whatever the file holds: a record has 64 KiB at most, archives are unpacked
//! as they are read, and Parquet is decoded a few rows at a time after a look at its pages.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use csv::StringRecord;

use crate::bytes::{self, Nature};
use crate::csv::{CsvOptions, CsvReader};
use crate::error::{Found, InputError, STANDARD_INPUT, SourceError};
use crate::names::ColumnName;
use crate::ndjson::{self, NdjsonReader};
use crate::parts;
use crate::plan::{Fields, FileColumn, Origin, Plan, Seen, TypedTimes, Wanted};
use crate::reading::Input;
use crate::row::Row;
use crate::rowgroups::ParquetReader;
use crate::schema::Schema;
use crate::watch::{FileWatch, Share, Watched};

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
    pub(crate) fn of_name(path: &Path) -> Option<Self> {
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

/// A file or standard input, and the tag of its rows.
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
        if self.is_standard_input() { STANDARD_INPUT.into() } else { self.path.clone() }
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
    plan: Plan,
    format: Format,
    has_header: bool,
    seen: Seen,
    rows: Rows,
    /// The fields as far as the columns that appeared give them.
    pub(crate) fields: Arc<Fields>,
    /// Progress through a Parquet file.
    share: Option<Share>,
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
    /// [`SourceError`]; the owner of the file or of its map has to act.
    pub fn open(
        input: &Input,
        schema: &'static Schema,
        watched: &Watched,
    ) -> Result<Self, SourceError> {
        let Input { file, reading } = input;
        let plan = Plan::new(schema, Arc::clone(reading))?;
        let shown = file.shown();
        let open = SourceError::open(&shown);
        let refuse = SourceError::input(&shown);
        let used = |key: &ColumnName| matches!(plan.want(key.as_str(), None), Ok(Some(_)));
        if let Some(name) = parts::partition_keys(&file.path).find(used) {
            return Err(refuse(InputError::InPath { name }));
        }
        let watch = FileWatch::new(watched);
        let opened = bytes::open_watched(&file.path, &watch).map_err(&open)?;
        let format = match (reading.format, opened.nature) {
            (Some(format), _) => format,
            (None, Nature::Parquet) => Format::Parquet,
            (None, Nature::Text) => Format::of_name(&file.path).unwrap_or(if opened.object {
                Format::Ndjson
            } else {
                Format::Csv
            }),
        };
        let text = reading.csv;
        match format {
            Format::Csv => Self::of_csv(plan, opened.bytes, text).map_err(&refuse),
            Format::Ndjson => {
                if !opened.again {
                    return Self::of_ndjson(plan, opened.bytes, text, None).map_err(&refuse);
                }
                watch.reads_twice();
                let header = ndjson::header(opened.bytes, text).map_err(&refuse)?;
                let opened = bytes::open_watched(&file.path, &watch).map_err(&open)?;
                Self::of_ndjson(plan, opened.bytes, text, Some(&header)).map_err(&refuse)
            }
            Format::Parquet if !opened.again => {
                Err(refuse(InputError::Parquet { found: Found::STREAM }))
            }
            Format::Parquet if opened.nature != Nature::Parquet => {
                Err(refuse(InputError::Parquet { found: Found::NOT_PARQUET }))
            }
            Format::Parquet => {
                let handle = File::open(&file.path).map_err(&open)?;
                let bytes = handle.metadata().map_err(&open)?.len();
                Self::of_parquet(plan, handle, (watch, bytes)).map_err(&refuse)
            }
        }
    }

    fn of_csv(plan: Plan, bytes: Box<dyn Read>, options: CsvOptions) -> Result<Self, InputError> {
        let reader = CsvReader::new(bytes, options)?;
        let seen = plan.header(reader.columns().iter().map(String::as_str))?;
        Ok(Self::new(plan, Format::Csv, seen, Rows::Csv(Box::new(reader))))
    }

    fn of_parquet(
        plan: Plan,
        file: File,
        (watch, bytes): (FileWatch, u64),
    ) -> Result<Self, InputError> {
        let mut reader = ParquetReader::open(file)?;
        let seen = plan.header(reader.columns().iter().map(String::as_str))?;
        reader.select(&plan)?;
        let share = Some(Share::new(watch, bytes, reader.rows()));
        let source = Self::new(plan, Format::Parquet, seen, Rows::Parquet(Box::new(reader)));
        Ok(Self { share, ..source })
    }

    fn of_ndjson(
        plan: Plan,
        bytes: Box<dyn Read>,
        options: CsvOptions,
        header: Option<&[String]>,
    ) -> Result<Self, InputError> {
        let plan = plan.sparse();
        let mut reader = NdjsonReader::new(bytes, options);
        let mut seen = Seen::new();
        if let Some(header) = header {
            seen = plan.header(header.iter().map(String::as_str))?;
            reader.expect(header, &plan)?;
        }
        let source = Self::new(plan, Format::Ndjson, seen, Rows::Ndjson(Box::new(reader)));
        Ok(Self { has_header: header.is_some(), ..source })
    }

    fn new(plan: Plan, format: Format, seen: Seen, rows: Rows) -> Self {
        let fields = Arc::new(rows.fields(&plan, &seen));
        Self { plan, format, has_header: true, seen, rows, fields, share: None }
    }

    /// The form the file is read as.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The columns of the file, in its order, and what they are; without a header those seen yet.
    #[must_use]
    pub fn columns(&self) -> &[FileColumn] {
        &self.seen
    }

    /// True if the file has a column for a field of the schema, or the map a constant; without a
    /// header, if it was seen yet.
    #[must_use]
    pub fn has(&self, position: usize) -> bool {
        self.fields.get(position).is_some_and(|plan| !matches!(plan.origin, Origin::Absent))
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

    /// True if the file has a field, or may have it still.
    #[must_use]
    pub fn may_have(&self, position: usize) -> bool {
        self.has(position) || !self.has_header
    }

    /// The error for a field that this file needs and does not have.
    #[must_use]
    pub fn missing(&self, position: usize) -> InputError {
        self.plan.lacks(position)
    }

    /// The next row, or `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// [`InputError`]; the owner of the file has to act.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, InputError> {
        Ok(if self.advance()? { Some(self.current()) } else { None })
    }

    /// The row read last.
    #[must_use]
    pub fn current(&self) -> Row<'_> {
        let record = match &self.rows {
            Rows::Csv(reader) => reader.current(),
            Rows::Ndjson(reader) => reader.current(),
            Rows::Parquet(reader) => reader.current(),
        };
        Row { record, fields: &self.fields }
    }

    /// Reads the next record; false at the end of the file.
    ///
    /// # Errors
    ///
    /// [`InputError`]; the owner of the file has to act.
    pub fn advance(&mut self) -> Result<bool, InputError> {
        let more = match &mut self.rows {
            Rows::Csv(reader) => reader.advance()?,
            Rows::Ndjson(reader) => {
                let more = reader.advance(&self.plan)?;
                if reader.columns().len() > self.seen.len() {
                    for name in reader.columns().skip(self.seen.len()) {
                        self.plan.add(name, &mut self.seen);
                    }
                    self.fields = Arc::new(self.rows.fields(&self.plan, &self.seen));
                }
                more
            }
            Rows::Parquet(reader) => {
                let more = reader.advance()?;
                if let Some(share) = &self.share {
                    share.read(reader.current().line(), !more);
                }
                more
            }
        };
        if !more {
            if self.seen.is_empty() {
                return Err(InputError::Empty);
            }
            self.plan.complete(&self.seen)?;
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

impl Rows {
    fn fields(&self, plan: &Plan, seen: &Seen) -> Fields {
        match self {
            Self::Csv(reader) => plan.fields(seen, |name| reader.find(name), |_| TypedTimes::None),
            Self::Ndjson(reader) => {
                plan.fields(seen, |name| reader.place(name), |_| TypedTimes::None)
            }
            Self::Parquet(reader) => {
                let typed = |place| reader.times(place);
                plan.fields(seen, |name| reader.place(name), typed)
            }
        }
    }
}

impl fmt::Debug for RowSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RowSource({}, {} columns)", self.format.name(), self.seen.len())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crate::batch::look_ahead;
    use crate::reading::Reading;
    use crate::schema::{Column, Holds};

    use super::*;

    static SCHEMA: Schema = Schema {
        columns: &[
            Column::required("row_id", Holds::Name),
            Column::optional("email", Holds::Email),
            Column::optional("phone", Holds::Phone),
        ],
        families: &[],
        one_of: &[],
        program: "advertiser-node",
    };

    /// A stream whose columns nobody knows beforehand.
    fn stream(text: String) -> RowSource {
        let plan = Plan::new(&SCHEMA, Arc::new(Reading::default())).unwrap();
        let bytes = Box::new(io::Cursor::new(text.into_bytes()));
        RowSource::of_ndjson(plan, bytes, CsvOptions::default(), None).unwrap()
    }

    #[test]
    fn columns_of_a_stream_may_appear_late() {
        let mut text = String::new();
        for at in 0..2_000 {
            let late = match at {
                0..1_000 => String::new(),
                1_000..1_500 => format!(",\"phone\":\"{at}\""),
                _ => format!(",\"email\":\"e{at}\""),
            };
            text += &format!("{{\"row_id\":\"{at}\"{late}}}\n");
        }
        let expected = |at: usize| match at {
            0..1_000 => format!("{at}//"),
            1_000..1_500 => format!("{at}//{at}"),
            _ => format!("{at}/e{at}/"),
        };
        let shown = |row: &Row<'_>| [0, 1, 2].map(|field| row.text(field).into_owned()).join("/");
        let mut source = stream(text.clone());
        assert!(!source.has(1) && source.may_have(1));
        let mut rows = Vec::new();
        while let Some(row) = source.next_row().unwrap() {
            rows.push(shown(&row));
        }
        assert!(source.has(1) && source.has(2));
        assert_eq!(rows, (0..2_000).map(expected).collect::<Vec<_>>());
        let mut ahead = Vec::new();
        let look = |batch: &crate::batch::RowBatch| batch.rows().map(|row| shown(&row)).collect();
        look_ahead(
            &mut stream(text),
            |error| error,
            look,
            |rows: Vec<String>| {
                ahead.extend(rows);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(ahead, rows);
    }

    #[test]
    fn what_is_unknown_in_an_object_of_a_stream_is_told_at_once_with_its_line() {
        let mut source = stream("{\"row_id\":\"1\"}\n{\"a\":1,\"row_id\":\"2\",\"b\":{}}\n".into());
        assert!(source.advance().unwrap());
        let error = source.advance().unwrap_err();
        assert_eq!(error.to_string(), "line 2: the columns `a`, `b` are not known");
        let mut source = stream("{\"email\":\"1\"}\n".into());
        assert!(source.advance().unwrap());
        assert_eq!(source.advance().unwrap_err().to_string(), "there is no column `row_id`");
    }
}
