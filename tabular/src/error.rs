//! Refusals of files and of single rows.

use std::io;
use std::path::{Path, PathBuf};

use report::{Arg, Code, Diagnose, Lang, Text, told_in_english};

use crate::names::ColumnName;
use crate::parts::PartsFault;
use crate::text::{Encoding, Form};

/// Refusal of an input file, by its name.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file that cannot be used as it is.
    Input {
        /// The file.
        file: PathBuf,
        /// The fault, its place, and the remedy.
        source: InputError,
    },
    /// A file that cannot be opened.
    Open {
        /// The file.
        file: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A directory that is no table of part files.
    Parts {
        /// The directory.
        directory: PathBuf,
        /// The fault.
        fault: PartsFault,
    },
    /// Names of columns in the settings that cannot be applied.
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

impl Diagnose for SourceError {
    fn code(&self) -> Code {
        match self {
            Self::Input { source, .. } => source.code(),
            Self::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Code::InputAbsent
            }
            Self::Open { .. } => Code::Storage,
            Self::Parts { fault, .. } => fault.code(),
            Self::Mapping(error) => error.code(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Input { file, source } => {
                Text::new("source-input").with("file", file).with("fault", source.text())
            }
            Self::Open { file, source } => {
                Text::new("source-open").with("file", file).with("error", source)
            }
            Self::Parts { directory, fault } => fault.text().with("directory", directory),
            Self::Mapping(error) => error.text(),
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Input { file, source } => Some(source.cure(Some(file))),
            Self::Parts { fault, .. } => Some(fault.text().attribute("try")),
            Self::Open { .. } | Self::Mapping(_) => None,
        }
    }
}

/// Fault in the fields that a map gives; for its owner to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// A field that must be there has no source.
    NoField {
        /// Our name of the field.
        name: &'static str,
    },
    /// A column that a field is from is ignored too.
    Ignored {
        /// Name of the column.
        name: ColumnName,
    },
}

impl Diagnose for MappingError {
    fn code(&self) -> Code {
        Code::DigestsUndeclared
    }

    fn text(&self) -> Text {
        match self {
            Self::NoField { name } => Text::new("mapping-no-field").with("name", *name),
            Self::Ignored { name } => Text::new("mapping-ignored").with("name", name),
        }
    }
}

told_in_english!(SourceError, MappingError, InputError);

/// Fault of a file, or of one row of it. Always for the owner of the file to mend.
///
/// Lines and columns count from 1. No variant holds the content of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file could not be read.
    Read {
        /// The line reached.
        line: u64,
        /// The system's answer.
        kind: io::ErrorKind,
    },
    /// The file is not text.
    NotText {
        /// The thing found.
        found: Found,
    },
    /// The file is text in another encoding than declared.
    WrongEncoding {
        /// The declared encoding.
        declared: Encoding,
        /// The encoding or form found.
        found: Form,
    },
    /// A row holds bytes that the declared encoding does not define.
    InvalidEncoding {
        /// The line of the first such byte.
        line: u64,
        /// Number of the column.
        column: usize,
        /// The declared encoding.
        declared: Encoding,
        /// The encoding that the row is likely in, if it shows one.
        likely: Option<Encoding>,
    },
    /// The file holds a NUL byte.
    NulByte {
        /// Number of the line.
        line: u64,
        /// Number of the column.
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
        /// Position of the column.
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
        /// The delimiter that the file probably uses.
        likely: Found,
    },
    /// No column has a name of ours.
    ForeignColumns {
        /// Names of the columns.
        columns: Vec<ColumnName>,
        /// Product whose export has such columns, if it is known.
        like: Option<&'static str>,
        /// Program whose command `map` makes a map of them.
        program: &'static str,
    },
    /// Columns are missing, or nothing says what they are.
    Columns(Box<ColumnFaults>),
    /// A quote stands inside a field that does not begin with one.
    StrayQuote {
        /// Number of the line.
        line: u64,
        /// Number of the column.
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
        /// Number of the line.
        line: u64,
        /// The fields of the header.
        expected: usize,
        /// The fields of the row.
        found: usize,
    },
    /// A column that is used stands in the name of a directory, `key=value`, and not in the file.
    InPath {
        /// Name of the column.
        name: ColumnName,
    },
    /// A row has no id.
    NoRowId {
        /// Number of the line.
        line: u64,
    },
    /// The id of a row is longer than 1,024 bytes.
    LongRowId {
        /// Number of the line.
        line: u64,
    },
    /// The id of a row is a number out of a column of decimal numbers, such as `1.23457E+15`.
    NumberForRowId {
        /// Number of the line.
        line: u64,
    },
    /// The last line of a text file has no line end, while others do.
    OpenLastLine {
        /// Number of the line.
        line: u64,
    },
    /// A line of an NDJSON file is not one JSON object.
    Json {
        /// The line.
        line: u64,
        /// The thing found.
        found: Found,
    },
    /// A member of a JSON object cannot be read as text.
    JsonMember {
        /// Number of the line.
        line: u64,
        /// Name of the column.
        name: ColumnName,
        /// The thing found.
        found: Found,
    },
    /// A Parquet file cannot be read.
    Parquet {
        /// The thing found.
        found: Found,
    },
    /// A column of a Parquet file cannot be read as text.
    ParquetColumn {
        /// Name of the column.
        name: ColumnName,
        /// The content found.
        found: Found,
    },
    /// A field of a Parquet file cannot be read as text.
    ParquetField {
        /// Number of the row, from 1.
        row: u64,
        /// The name of its column.
        name: ColumnName,
        /// The thing found.
        found: Found,
    },
    /// The parser refused what the guard had passed; a defect of ours.
    Parser {
        /// The line reached.
        line: u64,
    },
}

impl InputError {
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
            Self::Columns(faults) => faults.line,
            Self::UnclosedQuote { opened, .. } => Some(*opened),
            Self::NotText { .. }
            | Self::WrongEncoding { .. }
            | Self::Empty
            | Self::SeparatorLine
            | Self::HeaderIsData { .. }
            | Self::UnnamedColumn { .. }
            | Self::DuplicateColumn { .. }
            | Self::WrongDelimiter { .. }
            | Self::ForeignColumns { .. }
            | Self::InPath { .. }
            | Self::Parquet { .. }
            | Self::ParquetColumn { .. } => None,
        }
    }
}

impl Diagnose for InputError {
    fn code(&self) -> Code {
        match self {
            Self::Empty => Code::InputAbsent,
            Self::Parser { .. } => Code::Defect,
            Self::Read { kind, .. } => match kind {
                // A decoder's words about an archive that is cut or damaged.
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::InvalidData
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::Other => Code::InputForm,
                _ => Code::Storage,
            },
            _ => Code::InputForm,
        }
    }

    fn text(&self) -> Text {
        let text = Text::new(self.id());
        let text = match self.line() {
            Some(line) => text.with("line", Arg::Number(line)),
            None => text,
        };
        match self {
            Self::Read { kind, .. } => text.with("error", kind.to_string()),
            Self::WrongEncoding { declared, found } => {
                let known = matches!(found, Form::Encoding(_));
                text.with("declared", declared.name())
                    .with("found", found.arg())
                    .with("known", if known { "yes" } else { "no" })
            }
            Self::InvalidEncoding { column, declared, likely, .. } => text
                .with("column", position(*column))
                .with("declared", declared.name())
                .with("likely", likely.map_or("none", Encoding::name)),
            Self::NulByte { column, .. }
            | Self::HeaderIsData { column }
            | Self::UnnamedColumn { column }
            | Self::StrayQuote { column, .. }
            | Self::UnclosedQuote { column, .. } => text.with("column", position(*column)),
            Self::TextAfterQuote { opened, column, .. } => {
                text.with("column", position(*column)).with("opened", Arg::Number(*opened))
            }
            Self::DuplicateColumn { name, first, second } => text
                .with("name", name)
                .with("first", position(*first))
                .with("second", position(*second)),
            Self::InPath { name } => text.with("name", name),
            Self::WrongDelimiter { likely } => {
                text.with("likely", Text::new(likely.0)).with("sign", likely.sign())
            }
            Self::ForeignColumns { columns, like, program } => text
                .with("columns", columns.len())
                .with("known", if like.is_some() { "yes" } else { "no" })
                .with("like", like.map_or("", |like| like))
                .with("program", *program)
                .with("file", FILE),
            Self::Columns(faults) => faults.told(text),
            Self::Ragged { expected, found, .. } => {
                let more = if found > expected { "more" } else { "fewer" };
                text.with("expected", *expected).with("found", *found).with("relation", more)
            }
            Self::NotText { found } | Self::Json { found, .. } | Self::Parquet { found } => {
                text.with("found", Text::new(found.0))
            }
            Self::JsonMember { name, found, .. }
            | Self::ParquetColumn { name, found }
            | Self::ParquetField { name, found, .. } => {
                text.with("name", name).with("found", Text::new(found.0))
            }
            Self::Empty
            | Self::SeparatorLine
            | Self::RecordTooLong { .. }
            | Self::NoRowId { .. }
            | Self::LongRowId { .. }
            | Self::NumberForRowId { .. }
            | Self::OpenLastLine { .. }
            | Self::Parser { .. } => text,
        }
    }

    fn advice(&self) -> Option<Text> {
        Some(self.cure(None))
    }
}

impl InputError {
    /// The refusal of a record that is not text in its declared encoding.
    #[must_use]
    pub fn invalid_encoding(line: u64, column: usize, declared: Encoding, record: &[u8]) -> Self {
        let likely = match declared {
            Encoding::Utf8 => Encoding::likely(record),
            // Bytes of control characters there, of signs and quotes here.
            Encoding::Iso8859_1 | Encoding::Iso8859_15 => Some(Encoding::Windows1252),
            Encoding::Iso8859_2 => Some(Encoding::Windows1250),
            _ => None,
        };
        Self::InvalidEncoding { line, column, declared, likely }
    }

    /// The remedy, with the file in the shell line where there is one.
    fn cure(&self, file: Option<&Path>) -> Text {
        if let Self::NotText { found }
        | Self::Parquet { found }
        | Self::JsonMember { found, .. }
        | Self::ParquetColumn { found, .. }
        | Self::ParquetField { found, .. } = self
        {
            let own = Text::new(found.0).attribute("try");
            if own.exists(Lang::En) {
                let file = file.map_or_else(String::new, shell_word);
                return own.with("file", file).with("command", command());
            }
        }
        let text = self.text();
        let text = if let Some(file) = file { text.with("file", file) } else { text };
        text.attribute("try")
    }

    /// The id of the text, which names the fault.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::Read { .. } => "input-read",
            Self::NotText { .. } => "input-not-text",
            Self::WrongEncoding { .. } => "input-wrong-encoding",
            Self::InvalidEncoding { .. } => "input-invalid-encoding",
            Self::NulByte { .. } => "input-nul-byte",
            Self::Empty => "input-empty",
            Self::SeparatorLine => "input-separator-line",
            Self::HeaderIsData { .. } => "input-header-is-data",
            Self::UnnamedColumn { .. } => "input-unnamed-column",
            Self::DuplicateColumn { .. } => "input-duplicate-column",
            Self::WrongDelimiter { .. } => "input-wrong-delimiter",
            Self::ForeignColumns { .. } => "input-foreign-columns",
            Self::Columns(faults) => faults.id(),
            Self::StrayQuote { .. } => "input-stray-quote",
            Self::TextAfterQuote { .. } => "input-text-after-quote",
            Self::UnclosedQuote { .. } => "input-unclosed-quote",
            Self::RecordTooLong { .. } => "input-record-too-long",
            Self::Ragged { .. } => "input-ragged",
            Self::InPath { .. } => "input-in-path",
            Self::NoRowId { .. } => "input-no-row-id",
            Self::LongRowId { .. } => "input-long-row-id",
            Self::NumberForRowId { .. } => "input-number-for-row-id",
            Self::OpenLastLine { .. } => "input-open-last-line",
            Self::Json { .. } => "input-json",
            Self::JsonMember { .. } => "input-json-member",
            Self::Parquet { .. } => "input-parquet",
            Self::ParquetColumn { .. } => "input-parquet-column",
            Self::ParquetField { .. } => "input-parquet-field",
            Self::Parser { .. } => "input-parser",
        }
    }
}

/// A file as a word of a shell line, with the space before it; nothing for standard input.
fn shell_word(file: &Path) -> String {
    let name = file.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/+=:@%,-".contains(c);
    if file == Path::new(STANDARD_INPUT) {
        String::new()
    } else if name.chars().all(plain) && !name.starts_with('-') {
        format!(" {name}")
    } else {
        let guard = if name.starts_with('-') { "./" } else { "" };
        format!(" '{guard}{}'", name.replace('\'', "'\\''"))
    }
}

/// The command in a shell line: that of the program which reads tables here.
fn command() -> &'static str {
    let program = std::env::args_os().next();
    let name = program.as_deref().map(Path::new).and_then(Path::file_stem);
    if name.is_some_and(|name| name == "provider-node") {
        "provider-node ingest"
    } else {
        "advertiser-node check"
    }
}

/// Standard input, in the place of a file's name.
pub(crate) const STANDARD_INPUT: &str = "standard input";

/// The place of a column, which is a number that nobody groups.
fn position(column: usize) -> Arg {
    Arg::Number(column as u64)
}

/// Columns of a file that are amiss, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnFaults {
    /// The line on which they appeared; `None` for those of the whole file.
    pub line: Option<u64>,
    /// Names that the file lacks, ours or the map's, with those of the file that come near.
    pub missing: Vec<Astray>,
    /// Names of the file that are not known, with ours or the map's that come near.
    pub unknown: Vec<Astray>,
    /// True if a map names the columns.
    pub mapped: bool,
    /// Program whose command `map` makes a map of them.
    pub program: &'static str,
}

/// A name that is not where it should be, and those that come near, the nearest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// The name.
    pub name: ColumnName,
    /// Names that come near.
    pub near: Vec<ColumnName>,
}

impl Astray {
    pub(crate) fn new(name: &str, near: Vec<ColumnName>) -> Self {
        Self { name: ColumnName::new(name), near }
    }
}

impl ColumnFaults {
    fn id(&self) -> &'static str {
        match (self.missing.as_slice(), self.line) {
            ([], None) => "input-unknown-column",
            ([], Some(_)) => "input-unknown-member",
            _ if self.unknown.is_empty() => "input-missing-column",
            _ => "input-wrong-columns",
        }
    }

    fn told(&self, text: Text) -> Text {
        let shown = |all: &[Astray]| {
            let named = |one: &Astray| Text::new("column-named").with("name", &one.name);
            let mut names: Vec<Text> = all.iter().take(SHOWN_MAX).map(named).collect();
            if let Some(more) = all.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
                names.push(Text::new("columns-more").with("more", more));
            }
            Arg::List(names)
        };
        // The names of the file first.
        let of_missing = self.missing.iter().filter_map(|one| Some((one.near.first()?, &one.name)));
        let of_unknown = self.unknown.iter().filter_map(|one| Some((&one.name, one.near.first()?)));
        let mut pairs: Vec<(&ColumnName, &ColumnName)> = of_missing.collect();
        for pair in of_unknown {
            if !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        let pair = |(theirs, ours): &(&ColumnName, &ColumnName)| {
            Text::new("columns-near").with("theirs", *theirs).with("ours", *ours)
        };
        let near: Vec<Text> = pairs.iter().take(SHOWN_MAX).map(pair).collect();
        text.with("missing", self.missing.len())
            .with("missing_names", shown(&self.missing))
            .with("unknown", self.unknown.len())
            .with("unknown_names", shown(&self.unknown))
            .with("near", near.len())
            .with("near_names", Arg::List(near))
            .with("mapped", if self.mapped { "yes" } else { "no" })
            .with("program", self.program)
            .with("file", FILE)
    }
}

impl InputError {
    /// The error for one column that must be there and is not.
    pub(crate) fn missing(column: Astray) -> Self {
        Self::Columns(Box::new(ColumnFaults {
            line: None,
            missing: vec![column],
            unknown: Vec::new(),
            mapped: false,
            program: "provider-node",
        }))
    }
}

/// Name of a file where none is known.
const FILE: &str = "FILE";

/// Names of columns that one message shows.
const SHOWN_MAX: usize = 200;

impl From<&ColumnName> for Arg {
    fn from(name: &ColumnName) -> Self {
        name.as_str().into()
    }
}

/// Thing that stands where another is expected, by the id of its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found(&'static str);

/// Things found in place of text, each with a remedy of its own.
impl Found {
    pub(crate) const ZIP: Self = Self("found-zip");
    pub(crate) const WORKBOOK: Self = Self("found-workbook");
    pub(crate) const OLD_WORKBOOK: Self = Self("found-old-workbook");
    pub(crate) const GZIP: Self = Self("found-gzip");
    pub(crate) const ZSTD: Self = Self("found-zstd");
    pub(crate) const LONG_WINDOW: Self = Self("found-long-window");
    pub(crate) const BZIP2: Self = Self("found-bzip2");
    pub(crate) const XZ: Self = Self("found-xz");
    pub(crate) const LZ4: Self = Self("found-lz4");
    pub(crate) const ARCHIVE: Self = Self("found-archive");
    pub(crate) const PARQUET: Self = Self("found-parquet");
    pub(crate) const ARROW: Self = Self("found-arrow");
    pub(crate) const AVRO: Self = Self("found-avro");
    pub(crate) const ORC: Self = Self("found-orc");
    pub(crate) const SQLITE: Self = Self("found-sqlite");
    pub(crate) const PDF: Self = Self("found-pdf");
    pub(crate) const MARKUP: Self = Self("found-markup");
    pub(crate) const JSON_ARRAY: Self = Self("found-json-array");
}

/// Delimiters in place of the declared one.
impl Found {
    pub(crate) const SEMICOLON: Self = Self("delimiter-semicolon");
    pub(crate) const TAB: Self = Self("delimiter-tab");
    pub(crate) const COMMA: Self = Self("delimiter-comma");
    pub(crate) const BAR: Self = Self("delimiter-bar");

    /// The delimiter as a map declares it.
    fn sign(self) -> &'static str {
        match self {
            Self::SEMICOLON => ";",
            Self::TAB => "tab",
            Self::BAR => "|",
            _ => ",",
        }
    }
}

/// Things found in NDJSON.
impl Found {
    pub(crate) const BROKEN_OBJECT: Self = Self("json-broken-object");
    pub(crate) const ARRAY: Self = Self("json-array");
    pub(crate) const OTHER_TEXT: Self = Self("json-other-text");
    pub(crate) const DATA_FOR_NAMES: Self = Self("json-data-for-names");
    pub(crate) const TOO_MANY_MEMBERS: Self = Self("json-too-many-members");
    pub(crate) const TWICE: Self = Self("json-twice");
    pub(crate) const OBJECT: Self = Self("json-object");
    pub(crate) const LIST_OF_OTHERS: Self = Self("json-list-of-others");
    pub(crate) const BROKEN_TEXT: Self = Self("json-broken-text");
}

/// Things found in NDJSON and Parquet.
impl Found {
    pub(crate) const LIST: Self = Self("found-list");
    pub(crate) const BAR_IN_ENTRY: Self = Self("found-bar-in-entry");
}

/// Things found in Parquet.
impl Found {
    pub(crate) const NOT_PARQUET: Self = Self("parquet-not");
    pub(crate) const STREAM: Self = Self("parquet-stream");
    pub(crate) const DAMAGED: Self = Self("parquet-damaged");
    pub(crate) const ENCRYPTED: Self = Self("parquet-encrypted");
    pub(crate) const COMPRESSION: Self = Self("parquet-compression");
    pub(crate) const LONG_PAGE: Self = Self("parquet-long-page");
    pub(crate) const LONG_DESCRIPTION: Self = Self("parquet-long-description");
    pub(crate) const NAME_TWICE: Self = Self("parquet-name-twice");
    pub(crate) const DATA_FOR_NAMES_OF_COLUMNS: Self = Self("parquet-data-for-names");
    pub(crate) const SEVERAL_VALUES: Self = Self("parquet-several-values");
    pub(crate) const NESTED: Self = Self("parquet-nested");
    pub(crate) const LEVELS: Self = Self("parquet-levels");
    pub(crate) const LONG_FIELD: Self = Self("parquet-long-field");
    pub(crate) const BSON: Self = Self("parquet-bson");
    pub(crate) const INTERVAL: Self = Self("parquet-interval");
    pub(crate) const FLOAT16: Self = Self("parquet-float16");
    pub(crate) const VARIANT: Self = Self("parquet-variant");
    pub(crate) const GEOMETRY: Self = Self("parquet-geometry");
    pub(crate) const OTHER_TYPE: Self = Self("parquet-other-type");
    pub(crate) const NOT_NOTHING: Self = Self("parquet-not-nothing");
    pub(crate) const NOT_TEXT: Self = Self("parquet-not-text");
    pub(crate) const NOT_UTF8: Self = Self("parquet-not-utf8");
    pub(crate) const NUL: Self = Self("parquet-nul");
    pub(crate) const OUT_OF_RANGE: Self = Self("parquet-out-of-range");
}

#[cfg(test)]
mod tests {
    use report::{Lang, Reader};

    use super::*;

    #[test]
    fn a_fault_is_told_with_its_file_in_both_languages() {
        let fault = InputError::Ragged { line: 7, expected: 6, found: 5 };
        let text = SourceError::input(Path::new("crm.csv"))(fault).text();
        assert_eq!(text.to_string(), "crm.csv: line 7 has 5 fields; the header has 6");
        let french = Reader { lang: Lang::Fr, ..Reader::LOG };
        assert_eq!(
            text.render(&french),
            "crm.csv\u{a0}: la ligne 7 a 5 champs\u{202f}; l’en-tête en a 6"
        );
    }

    #[test]
    fn a_packed_file_is_told_with_the_line_that_unpacks_it() {
        let told = |file: &str, found| {
            let error = SourceError::input(Path::new(file))(InputError::NotText { found });
            (error.to_string(), error.advice().unwrap().to_string())
        };
        let (text, advice) = told("in/crm.csv.bz2", Found::BZIP2);
        assert_eq!(text, "in/crm.csv.bz2: the file is packed by bzip2, which is not read");
        assert_eq!(advice, "`bunzip2 -c in/crm.csv.bz2 | advertiser-node check -`");
        assert_eq!(
            told("l'été 1.csv.xz", Found::XZ).1,
            "`xz -dc 'l'\\''été 1.csv.xz' | advertiser-node check -`"
        );
        assert!(told("-x.zip", Found::ZIP).1.contains("unzip -p './-x.zip' |"));
        assert!(told(STANDARD_INPUT, Found::LZ4).1.contains("`lz4 -dc | advertiser-node"));
    }

    #[test]
    fn everything_found_in_place_of_text_has_a_remedy_of_its_own() {
        for found in [
            Found::ZIP,
            Found::WORKBOOK,
            Found::OLD_WORKBOOK,
            Found::GZIP,
            Found::ZSTD,
            Found::LONG_WINDOW,
            Found::BZIP2,
            Found::XZ,
            Found::LZ4,
            Found::ARCHIVE,
            Found::PARQUET,
            Found::ARROW,
            Found::AVRO,
            Found::ORC,
            Found::SQLITE,
            Found::PDF,
            Found::MARKUP,
            Found::JSON_ARRAY,
        ] {
            let own = Text::new(found.0).attribute("try");
            assert!(own.exists(Lang::En) && own.exists(Lang::Fr), "{found:?}");
        }
    }

    #[test]
    fn absent_empty_malformed_and_unreadable_files_end_apart() {
        let file = Path::new("crm.csv");
        let open = |kind: io::ErrorKind| SourceError::open(file)(kind.into()).code();
        let input = |fault| SourceError::input(file)(fault).code();
        let read = |kind| input(InputError::Read { line: 1, kind });
        assert_eq!(open(io::ErrorKind::NotFound), Code::InputAbsent);
        assert_eq!(input(InputError::Empty), Code::InputAbsent);
        assert_eq!(input(InputError::SeparatorLine), Code::InputForm);
        assert_eq!(read(io::ErrorKind::UnexpectedEof), Code::InputForm);
        assert_eq!(read(io::ErrorKind::StorageFull), Code::Storage);
        assert_eq!(open(io::ErrorKind::PermissionDenied), Code::Storage);
    }

    #[test]
    fn all_columns_that_are_amiss_are_told_at_once_with_those_that_come_near() {
        let astray = |name: &str, near: &[&str]| {
            Astray::new(name, near.iter().map(|near| ColumnName::new(near)).collect())
        };
        let faults = ColumnFaults {
            line: None,
            missing: vec![astray("row_id", &[]), astray("phone", &["fone"])],
            unknown: vec![astray("emial", &["email"]), astray("fone", &["phone"])],
            mapped: false,
            program: "advertiser-node",
        };
        let error = SourceError::input(Path::new("a.csv"))(InputError::Columns(Box::new(faults)));
        assert_eq!(
            error.text().to_string(),
            "a.csv: there are no columns `row_id`, `phone`; the columns `emial`, `fone` are not \
             known"
        );
        assert_eq!(
            error.advice().unwrap().to_string(),
            "did you mean `fone` for `phone`, `emial` for `email`? Write a map that says which \
             column is which: `advertiser-node map a.csv`"
        );
    }

    #[test]
    fn files_without_any_name_of_ours_are_led_to_a_map() {
        let columns = vec![ColumnName::new("Email"), ColumnName::new("Klaviyo ID")];
        let fault = InputError::ForeignColumns {
            columns,
            like: Some("Klaviyo"),
            program: "advertiser-node",
        };
        let error = SourceError::input(Path::new("klaviyo.csv"))(fault);
        assert_eq!(
            error.text().to_string(),
            "klaviyo.csv: none of 2 columns has a name known here; it looks like Klaviyo"
        );
        assert_eq!(error.advice().unwrap().to_string(), "advertiser-node map klaviyo.csv");
    }
}
