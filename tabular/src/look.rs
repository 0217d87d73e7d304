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

/// Every column and row of a file as text.
pub struct Sheet {
    shown: PathBuf,
    columns: Vec<String>,
    unread: Vec<String>,
    all: All,
    rows: Rows,
}

enum Rows {
    Csv(Box<CsvReader<Box<dyn Read>>>),
    Ndjson(Box<NdjsonReader<Box<dyn Read>>>),
    Parquet(Box<ParquetReader>),
}

impl Sheet {
    /// Opens a file in a form and finds its columns, but for those that were found to hold what has
    /// no form as text.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the owner of the file has to act.
    pub fn open(
        file: &InputFile,
        format: Format,
        csv: CsvOptions,
        unread: &[ColumnName],
    ) -> Result<Self, SourceError> {
        let shown = file.shown();
        let refuse = SourceError::input(&shown);
        let all = All { unread: unread.to_vec() };
        let (columns, unread, rows) = match format {
            Format::Csv => {
                let reader = CsvReader::new(bytes(file)?, csv).map_err(&refuse)?;
                (reader.columns().to_vec(), Vec::new(), Rows::Csv(Box::new(reader)))
            }
            Format::Ndjson => {
                let header = ndjson::header(bytes(file)?, csv).map_err(&refuse)?;
                let mut reader = NdjsonReader::new(bytes(file)?, csv);
                reader.expect(&header, &all).map_err(&refuse)?;
                let read = |name: &String| reader.place(name).is_some();
                let (columns, unread) = header.into_iter().partition(read);
                (columns, unread, Rows::Ndjson(Box::new(reader)))
            }
            Format::Parquet => {
                let handle = File::open(&file.path).map_err(SourceError::open(&shown))?;
                let mut reader = ParquetReader::open(handle).map_err(&refuse)?;
                // A column of a type that is not read is refused before it is selected.
                let (columns, unread) = reader
                    .columns()
                    .into_iter()
                    .partition(|name| !all.passes_over(name) && reader.select(&Only(name)).is_ok());
                (columns, unread, Rows::Parquet(Box::new(reader)))
            }
        };
        Ok(Self { shown: file.shown(), columns, unread, all, rows })
    }

    /// The names of columns that have no form as text, such as objects within objects: they can
    /// only be ignored.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
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

/// The column whose cell has no form as text, if that is the fault.
#[must_use]
pub const fn unreadable_column(error: &SourceError) -> Option<&ColumnName> {
    match error {
        SourceError::Input {
            source:
                InputError::JsonMember { name, .. }
                | InputError::ParquetField { name, .. }
                | InputError::ParquetColumn { name, .. },
            ..
        } => Some(name),
        _ => None,
    }
}

/// Wishes for every column but some.
struct All {
    unread: Vec<ColumnName>,
}

impl All {
    fn passes_over(&self, name: &str) -> bool {
        self.unread.contains(&ColumnName::new(name))
    }
}

impl Wanted for All {
    fn want(&self, name: &str, _: Option<u64>) -> Result<Option<Want>, InputError> {
        Ok((!self.passes_over(name)).then_some(WANT))
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
        let mut unread = Vec::new();
        loop {
            match read(&file, format, &unread) {
                Ok(found) => return found,
                Err(error) => unread.push(unreadable_column(&error).unwrap().clone()),
            }
        }
    }

    fn read(
        file: &InputFile,
        format: Format,
        unread: &[ColumnName],
    ) -> Result<Vec<Vec<String>>, SourceError> {
        let options = CsvOptions { open_last_line: true, ..CsvOptions::default() };
        let mut sheet = Sheet::open(file, format, options, unread)?;
        let mut found = vec![sheet.columns().to_vec()];
        while sheet.advance()? {
            found.push(sheet.record().map(str::to_owned).collect());
        }
        assert_eq!(sheet.unread().len(), unread.len());
        Ok(found)
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
