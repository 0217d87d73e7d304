//! A map in the making: what is settled, and what is still open.

use std::collections::BTreeMap;

/// A part of a map that a question may leave open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot<T> {
    /// Settled by the data, a preset or an answer.
    Settled(T),
    /// Asked for.
    Open,
}

impl<T> Slot<T> {
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Side whose files a map is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Rows of a CRM.
    Advertiser,
    /// Lines of an identity graph.
    Provider,
}

/// A map in the making.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Sections of the map.
    pub sections: Vec<Section>,
}

/// A section for files of one form.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Source of the rows.
    pub tag: String,
    /// Patterns of the names of the files.
    pub files: Vec<String>,
    /// Name of the preset.
    pub preset: Option<&'static str>,
    /// Encoding, if it is not UTF-8.
    pub encoding: Option<Slot<String>>,
    /// Encodings between which nothing decides.
    pub encodings: Vec<String>,
    /// Delimiter, if it is no comma.
    pub delimiter: Option<String>,
    /// Form of times.
    pub dates: Option<Slot<String>>,
    /// Both forms that times may have, and a column that has them, where that is open.
    pub either: Option<(String, [String; 2])>,
    /// Zone of times without one.
    pub zone: Option<Slot<String>>,
    /// Country of national numbers.
    pub region: Option<Slot<String>>,
    /// Text before row ids.
    pub row_prefix: Option<Slot<String>>,
    /// All columns of the files, each with its values if they are few.
    pub columns: Vec<(String, Option<Vec<Value>>)>,
    /// Columns that hold nothing in any row.
    pub empty: Vec<String>,
    /// Other columns that nothing reads.
    pub ignored: Vec<String>,
    /// Reason why these people agreed.
    pub statement: Option<Slot<String>>,
    /// Rules of digests, by field.
    pub digests: BTreeMap<&'static str, Slot<String>>,
    /// Fields in the order in which they are written.
    pub fields: Vec<Field>,
}

impl Section {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(crate) fn field_mut(&mut self, name: &str) -> Option<&mut Field> {
        self.fields.iter_mut().find(|field| field.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }
}

/// A field of a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Our own name of it.
    pub name: &'static str,
    /// Origin of its text.
    pub source: Source,
    /// Meaning of each value, with the number of rows that have it.
    pub values: Vec<Value>,
    /// Form of its times, if it is another one than the section's.
    pub dates: Option<Slot<String>>,
    /// Columns that may feed it, where that is open.
    pub candidates: Vec<String>,
}

impl Field {
    pub(crate) fn of(name: &'static str, source: Source) -> Self {
        Self { name, source, values: Vec::new(), dates: None, candidates: Vec::new() }
    }

    pub(crate) fn open(name: &'static str, candidates: Vec<String>) -> Self {
        Self { candidates, ..Self::of(name, Source::Open) }
    }

    /// The one column that feeds it.
    pub(crate) fn column(&self) -> Option<&str> {
        match &self.source {
            Source::Column(column) => Some(column),
            _ => None,
        }
    }
}

/// Origin of a field's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A column.
    Column(String),
    /// Several columns of identifiers, by preference.
    Columns(Vec<String>),
    /// Several columns, with a text between two of them.
    Joined(Vec<String>, &'static str),
    /// The same text in every row.
    Constant(Slot<String>),
    /// A question.
    Open,
}

/// A value of a column and its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The value in the file.
    pub theirs: String,
    /// Rows that have it.
    pub rows: u64,
    /// The meaning.
    pub ours: Slot<Meaning>,
}

/// Meaning of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: no purpose agreed or objected to.
    Nothing,
    /// The purpose of matching.
    Match,
    /// Every use.
    All,
    /// A text of our own.
    Text(String),
}
