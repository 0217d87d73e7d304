//! Reading of one input: by a map, or by our own names where there is no map.
//!
//! A map names a source for each field of a [`crate::Schema`]: one column of the file or several,
//! joined or in turn, or a constant. What stands in a cell is then read as the map says: by a
//! closed list of values, cut into entries, as a time of a declared form and zone. A map states
//! facts about a file; it never changes what a field means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
use normalize::{Country, EmailPrehash, PhonePrehash};

use crate::csv::CsvOptions;
use crate::source::{Format, InputFile};

/// Reading of one input. The default has our own names and no map.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The form of the file, where its name and first bytes shall not decide.
    pub format: Option<Format>,
    /// Encoding of text, and form of CSV.
    pub csv: CsvOptions,
    /// Fields by their position in the schema; `None` where columns have our own names.
    pub fields: Option<BTreeMap<usize, Field>>,
    /// Columns that are not looked at.
    pub ignore: Ignore,
    /// Further words for an absent value, in lower case, without outer space.
    pub nulls: BTreeSet<String>,
    /// Text in front of each row id.
    pub row_prefix: String,
    /// Country of telephone numbers in national form, where the row names none.
    pub region: Option<Country>,
    /// Form of times, where the field has none of its own.
    pub dates: Dates,
    /// Zone of times without one; none is declared if absent.
    pub zone: Option<TimeZone>,
    /// Rules that made the e-mail digests; without them such a column is refused.
    pub email_sha256: Option<EmailPrehash>,
    /// Rules that made the telephone digests; without them such a column is refused.
    pub phone_sha256: Option<PhonePrehash>,
}

/// Source of one field, and how its cells are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Origin of the text.
    pub source: FieldSource,
    /// Meaning of each value, if it is listed; a value outside the list is no meaning.
    pub values: Option<ValueMap>,
    /// Text between the entries of a list in one cell, in place of `|`.
    pub split: Option<String>,
    /// Form of the times of this field.
    pub dates: Option<Dates>,
    /// Zone of the times of this field.
    pub zone: Option<TimeZone>,
}

impl Field {
    /// A field with nothing declared but its source.
    #[must_use]
    pub const fn of(source: FieldSource) -> Self {
        Self { source, values: None, split: None, dates: None, zone: None }
    }
}

/// Origin of a field's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldSource {
    /// Columns of the file: one, or several of identifiers in the order of preference.
    Columns(Vec<String>),
    /// Columns of the file, their texts joined; absent if one of them is.
    Joined {
        /// The columns.
        columns: Vec<String>,
        /// Text between two of them.
        join: String,
    },
    /// The same text in every row.
    Constant(String),
}

/// Meanings of values: from a value, in lower case without outer space, to the text of our own that
/// it stands for; empty for nothing.
pub type ValueMap = BTreeMap<String, String>;

/// Columns of a file that are not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignore {
    /// Columns of these names; any other that nothing names is refused.
    Named(BTreeSet<String>),
    /// All that no field names.
    Others,
}

impl Default for Ignore {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

/// Form of times and days in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Dates {
    /// The forms of ISO 8601 that need no declaration [N-61].
    #[default]
    Iso,
    /// Seconds since 1970.
    Unix,
    /// Milliseconds since 1970.
    UnixMillis,
    /// A pattern of strftime.
    Pattern(String),
}

/// An input of a run: a file, and how it is read.
#[derive(Debug, Clone)]
pub struct Input {
    /// The file, and the tag of its rows.
    pub file: InputFile,
    /// Statements of a map about it.
    pub reading: Arc<Reading>,
}

impl Input {
    /// A file under its own name, with our own names for its columns.
    #[must_use]
    pub fn own(path: &Path) -> Self {
        Self { file: InputFile::new(path), reading: Arc::default() }
    }
}
