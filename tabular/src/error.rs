//! Refusals of files and of single rows.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::names::ColumnName;
use crate::text::Encoding;

/// Refusal of an input file, by its name.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file that cannot be used as it is.
    #[error("{}: {source}", file.display())]
    Input {
        /// The file.
        file: PathBuf,
        /// The fault, its place, and the remedy.
        source: InputError,
    },
    /// A file that cannot be opened.
    #[error("cannot open {}: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Names of columns in the settings that cannot be applied.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

impl SourceError {
    /// The refusal of a file for a fault in it.
    pub fn input(file: &Path) -> impl Fn(InputError) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Input { file: file.clone(), source }
    }

    /// The refusal of a file that the system does not open.
    pub fn open(file: &Path) -> impl Fn(io::Error) -> Self {
        let file = file.to_path_buf();
        move |source| Self::Open { file: file.clone(), source }
    }
}

/// Fault in the names of columns that the settings give; for the operator to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A name on our side that is no column.
    #[error("`[columns]` names {name}, which is no column")]
    NoColumn {
        /// The name.
        name: ColumnName,
    },
    /// One column of the file for two of ours.
    #[error("`[columns]` names `{name}` twice")]
    Twice {
        /// Its name.
        name: ColumnName,
    },
}

/// Fault of a file, or of one row of it. Always for the owner of the file to mend.
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
    /// A column is neither known nor listed as ignored.
    UnknownColumn {
        /// The line it appeared on; `None` for one of the header.
        line: Option<u64>,
        /// Its name.
        name: ColumnName,
        /// Known names that come near, the nearest first.
        near: Vec<ColumnName>,
    },
    /// A row has no id.
    NoRowId {
        /// Its line.
        line: u64,
    },
    /// The id of a row is longer than 1,024 bytes.
    LongRowId {
        /// Its line.
        line: u64,
    },
    /// The id of a row is a number out of a column of decimal numbers, such as `1.23457E+15`.
    NumberForRowId {
        /// Its line.
        line: u64,
    },
    /// The last line of a text file has no line end, while others do.
    OpenLastLine {
        /// Its line.
        line: u64,
    },
    /// A line of an NDJSON file is not one JSON object.
    Json {
        /// The line.
        line: u64,
        /// What it is.
        found: &'static str,
    },
    /// A member of a JSON object cannot be read as text.
    JsonMember {
        /// Its line.
        line: u64,
        /// Its name.
        name: ColumnName,
        /// What it is.
        found: &'static str,
    },
    /// A Parquet file cannot be read.
    Parquet {
        /// What it is.
        found: &'static str,
    },
    /// A column of a Parquet file cannot be read as text.
    ParquetColumn {
        /// Its name.
        name: ColumnName,
        /// What it holds.
        found: &'static str,
    },
    /// A field of a Parquet file cannot be read as text.
    ParquetField {
        /// Its row, from 1.
        row: u64,
        /// The name of its column.
        name: ColumnName,
        /// What it is.
        found: &'static str,
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
            Self::UnknownColumn { .. } => "unknown_column",
            Self::NoRowId { .. } => "no_row_id",
            Self::LongRowId { .. } => "long_row_id",
            Self::NumberForRowId { .. } => "number_for_row_id",
            Self::OpenLastLine { .. } => "open_last_line",
            Self::Json { .. } => "json",
            Self::JsonMember { .. } => "json_member",
            Self::Parquet { .. } => "parquet",
            Self::ParquetColumn { .. } => "parquet_column",
            Self::ParquetField { .. } => "parquet_field",
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
            | Self::NoRowId { line }
            | Self::LongRowId { line }
            | Self::NumberForRowId { line }
            | Self::OpenLastLine { line }
            | Self::Json { line, .. }
            | Self::JsonMember { line, .. }
            | Self::ParquetField { row: line, .. }
            | Self::Parser { line } => Some(*line),
            Self::UnknownColumn { line, .. } => *line,
            Self::UnclosedQuote { opened, .. } => Some(*opened),
            Self::NotText { .. }
            | Self::WrongEncoding { .. }
            | Self::Empty
            | Self::SeparatorLine
            | Self::HeaderIsData { .. }
            | Self::UnnamedColumn { .. }
            | Self::DuplicateColumn { .. }
            | Self::WrongDelimiter { .. }
            | Self::MissingColumn { .. }
            | Self::Parquet { .. }
            | Self::ParquetColumn { .. } => None,
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
            Self::Read { line, kind } => {
                format!("the file cannot be read after line {line}: {kind}")
            }
            Self::NotText { found } => format!("the file is {found}, not text"),
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
            Self::UnknownColumn { line: None, name, .. } => {
                format!("the column `{name}` is not known")
            }
            Self::UnknownColumn { line: Some(line), name, .. } => {
                format!("line {line}: the column `{name}` is not known")
            }
            Self::NoRowId { line } => {
                format!("line {line}: the row has no id, or a null marker for one")
            }
            Self::LongRowId { line } => {
                format!("line {line}: the id of the row is longer than 1024 bytes")
            }
            Self::NumberForRowId { line } => {
                format!("line {line}: the id of the row is a number that was rounded on its way")
            }
            Self::OpenLastLine { line } => {
                format!("line {line}, the last one, has no line end: the file may be cut short")
            }
            Self::Json { line, found } => format!("line {line} is {found}, not one JSON object"),
            Self::JsonMember { line, name, found } => format!("line {line}: `{name}` is {found}"),
            Self::Parquet { found } => format!("the file is {found}"),
            Self::ParquetColumn { name, found } => format!("column `{name}` holds {found}"),
            Self::ParquetField { row, name, found } => {
                format!("row {row}, column `{name}`: {found}")
            }
            Self::Parser { line } => format!("the parser stopped near line {line}"),
        }
    }

    /// What to try, in one line.
    #[must_use]
    pub fn try_this(&self) -> String {
        match self {
            Self::Read { .. } => {
                "check the file, its disk and its compression, then run again".to_owned()
            }
            Self::NotText { .. } => "export it as CSV or NDJSON in UTF-8, or as Parquet".to_owned(),
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
                "export the file again; a NUL byte means that it is damaged or is not text"
                    .to_owned()
            }
            Self::Empty => "check that the export ran and that this is its file".to_owned(),
            Self::SeparatorLine => {
                "remove that line and declare the `delimiter` in the settings".to_owned()
            }
            Self::HeaderIsData { .. } => {
                "add a first line with the names of the columns".to_owned()
            }
            Self::UnnamedColumn { .. } => {
                "name the column, or remove the delimiter at the end of the line".to_owned()
            }
            Self::DuplicateColumn { .. } => "rename or remove one of the two columns".to_owned(),
            Self::WrongDelimiter { likely } => {
                format!("declare the {likely} as `delimiter`, or export with another one")
            }
            Self::MissingColumn { name, near } => match near.as_slice() {
                [] => format!("add `{name}`, or say under `[columns]` what yours is called"),
                near => {
                    format!(
                        "did you mean {}? Map it under `[columns]` in the settings",
                        any_of(near)
                    )
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
            Self::Ragged { .. } => {
                "check line ends inside fields, and the end of the row".to_owned()
            }
            Self::Parser { .. } => "report this: it is a defect of the program".to_owned(),
            _ => self.try_other(),
        }
    }

    /// What to try against an error that every form of file has, or that CSV does not.
    fn try_other(&self) -> String {
        let text = match self {
            Self::UnknownColumn { name, near, .. } => {
                let first = match near.as_slice() {
                    [] => "rename it".to_owned(),
                    near => format!("did you mean {}? Rename it", any_of(near)),
                };
                return format!(
                    "{first} under `[columns]` in the settings, or list `{name}` under `ignore`"
                );
            }
            Self::NoRowId { .. } => {
                "give every row an id, which never changes and is the same in every file"
            }
            Self::LongRowId { .. } => "check that the right column is the row id",
            Self::NumberForRowId { .. } => {
                "export the ids as text: spreadsheets and decimal columns write 1.23457E+15 or 12.0"
            }
            Self::OpenLastLine { .. } => {
                "wait until the export has ended, or export again; if the file is whole, end its \
                 last line, or say `--allow open-last-line` to a command that has the option"
            }
            Self::Json { .. } => {
                "write one object a line, such as {\"row_id\":\"C-1\"}, and no comma after it"
            }
            Self::JsonMember { .. } => {
                "write the value as text in quotes, so that it stays as it is; lists may be arrays \
                 of texts, absent values null"
            }
            Self::Parquet { .. } => {
                "write it again as Parquet with snappy or zstd, without encryption, or as CSV"
            }
            Self::ParquetColumn { .. } => {
                "write the column as STRING (of numbers the digits alone, without `.0`), DATE, \
                 TIMESTAMP in UTC, BOOLEAN or LIST of STRING"
            }
            _ => "correct the value and write the file again",
        };
        text.to_owned()
    }
}

/// Names joined for a question.
fn any_of(names: &[ColumnName]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}

impl fmt::Display for InputError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what())
    }
}

impl std::error::Error for InputError {}
