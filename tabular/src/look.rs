//! Files without a schema: every column as text, for whoever proposes a map of them.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use crate::bytes::{self, Nature};
use crate::csv::{CsvOptions, CsvReader};
use crate::error::{InputError, SourceError};
use crate::names::ColumnName;
use crate::ndjson::{self, NdjsonReader};
use crate::plan::{Want, Wanted};
use crate::rowgroups::ParquetReader;
use crate::source::{Format, InputFile};

/// The form a file is read as: the declared one, or as its name and first bytes show.
///
/// # Errors
///
/// [`SourceError`]; the owner of the file has to act.
pub fn format(file: &InputFile, declared: Option<Format>) -> Result<Format, SourceError> {
    let opened = bytes::open(&file.path).map_err(SourceError::open(&file.shown()))?;
    Ok(match (declared, opened.nature) {
        (Some(format), _) => format,
        (None, Nature::Parquet) => Format::Parquet,
        (None, Nature::Text) => {
            let by_bytes = if opened.object { Format::Ndjson } else { Format::Csv };
            Format::of_name(&file.path).map_or(by_bytes, |format| format)
        }
    })
}

/// The bytes of a text file, unpacked.
///
/// # Errors
///
/// [`SourceError::Open`].
pub fn bytes(file: &InputFile) -> Result<Box<dyn Read>, SourceError> {
    let opened = bytes::open(&file.path).map_err(SourceError::open(&file.shown()))?;
    Ok(opened.bytes)
}

/// Every column and row of a file as text. Columns of a type that has no form as text are passed
/// over: they can only be ignored.
pub struct Sheet {
    shown: PathBuf,
    columns: Vec<String>,
    all: All,
    rows: Rows,
}

enum Rows {
    Csv(Box<CsvReader<Box<dyn Read>>>),
    Ndjson(Box<NdjsonReader<Box<dyn Read>>>),
    Parquet(Box<ParquetReader>),
}

impl Sheet {
    /// Opens a file in a form and finds its columns.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the owner of the file has to act.
    pub fn open(file: &InputFile, format: Format, csv: CsvOptions) -> Result<Self, SourceError> {
        let shown = file.shown();
        let refuse = SourceError::input(&shown);
        let mut all = All::default();
        let (columns, rows) = match format {
            Format::Csv => {
                let reader = CsvReader::new(bytes(file)?, csv).map_err(&refuse)?;
                (reader.columns().to_vec(), Rows::Csv(Box::new(reader)))
            }
            Format::Ndjson => {
                all.unread = unread(file, csv)?;
                let header = ndjson::header(bytes(file)?, csv).map_err(&refuse)?;
                let mut reader = NdjsonReader::new(bytes(file)?, csv);
                reader.expect(&header, &all).map_err(&refuse)?;
                let read = header.into_iter().filter(|name| reader.place(name).is_some());
                (read.collect(), Rows::Ndjson(Box::new(reader)))
            }
            Format::Parquet => {
                let handle = File::open(&file.path).map_err(SourceError::open(&shown))?;
                let mut reader = ParquetReader::open(handle).map_err(&refuse)?;
                let mut columns = reader.columns();
                // A column of a type that is not read is refused before it is selected.
                columns.retain(|name| reader.select(&Only(name)).is_ok());
                (columns, Rows::Parquet(Box::new(reader)))
            }
        };
        Ok(Self { shown: file.shown(), columns, all, rows })
    }

    /// The names of the columns, in the order of the file.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Reads the next row; false at the end of the file. Rows of another width than the header's,
    /// which `check` lists, are passed over.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the owner of the file has to act.
    pub fn advance(&mut self) -> Result<bool, SourceError> {
        loop {
            let read = match &mut self.rows {
                Rows::Csv(reader) => reader.advance(),
                Rows::Ndjson(reader) => reader.advance(&self.all),
                Rows::Parquet(reader) => reader.advance(),
            };
            match read {
                Err(InputError::Ragged { .. } | InputError::InvalidEncoding { .. })
                    if matches!(self.rows, Rows::Csv(_)) => {}
                read => return read.map_err(SourceError::input(&self.shown)),
            }
        }
    }

    /// The cells of the row read last, in the order of the columns.
    pub fn record(&self) -> impl Iterator<Item = &str> {
        let record = match &self.rows {
            Rows::Csv(reader) => reader.current(),
            Rows::Ndjson(reader) => reader.current(),
            Rows::Parquet(reader) => reader.current(),
        };
        (0..record.len()).filter_map(move |at| record.get(at))
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sheet({} columns)", self.columns.len())
    }
}

/// Members of a file of objects that have no form as text: objects within objects, for one.
fn unread(file: &InputFile, csv: CsvOptions) -> Result<Vec<ColumnName>, SourceError> {
    let mut all = All::default();
    loop {
        let mut reader = NdjsonReader::new(bytes(file)?, csv);
        loop {
            match reader.advance(&all) {
                Ok(true) => {}
                Ok(false) => return Ok(all.unread),
                // One more is passed over each time, so that this ends.
                Err(InputError::JsonMember { name, .. }) if !all.unread.contains(&name) => {
                    all.unread.push(name);
                    break;
                }
                Err(fault) => return Err(SourceError::input(&file.shown())(fault)),
            }
        }
    }
}

/// Wishes for every column but some.
#[derive(Default)]
struct All {
    unread: Vec<ColumnName>,
}

impl Wanted for All {
    fn want(&self, name: &str, _: Option<u64>) -> Result<Option<Want>, InputError> {
        Ok((!self.unread.contains(&ColumnName::new(name))).then_some(WANT))
    }
}

/// Wishes for one column alone.
struct Only<'a>(&'a str);

impl Wanted for Only<'_> {
    fn want(&self, name: &str, _: Option<u64>) -> Result<Option<Want>, InputError> {
        Ok((name == self.0).then_some(WANT))
    }
}

const WANT: Want = Want { list: true, keep_decimals: false };

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(name: &str, text: &str) -> Vec<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let file = InputFile::new(&dir.path().join(name));
        std::fs::write(&file.path, text).unwrap();
        let format = format(&file, None).unwrap();
        let options = CsvOptions { open_last_line: true, ..CsvOptions::default() };
        let mut sheet = Sheet::open(&file, format, options).unwrap();
        let mut found = vec![sheet.columns().to_vec()];
        while sheet.advance().unwrap() {
            found.push(sheet.record().map(str::to_owned).collect());
        }
        found
    }

    #[test]
    fn every_column_of_a_file_is_there_whatever_its_name() {
        let found = sheet("x.csv", "N° client,Optin\n1,OUI\n2\n3,NON\n");
        assert_eq!(found, [["N° client", "Optin"], ["1", "OUI"], ["3", "NON"]]);
    }

    #[test]
    fn members_that_are_no_text_are_passed_over() {
        let text = "{\"id\":\"1\",\"in\":{\"a\":\"b\"}}\n{\"id\":\"2\",\"late\":\"x\",\"in\":{}}\n";
        let found = sheet("x.ndjson", text);
        assert_eq!(found, [["id", "late"], ["1", ""], ["2", "x"]]);
    }
}
