//! Fields that the columns of one file feed, by our own names or by a map.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::error::{Astray, ColumnFaults, Found, InputError, MappingError};
use crate::names::{ColumnName, looks_like_data, near_misses};
use crate::reading::{Dates, Field, FieldSource, Ignore, Reading};
use crate::schema::{Column, Holds, Need, Role, Schema};

/// Wish for a column that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    /// True if several entries may stand in a cell.
    pub(crate) list: bool,
    /// True if a decimal number stays as it is written, `33612345678.0`.
    pub(crate) keep_decimals: bool,
}

/// Answers a reader which columns are looked at.
pub(crate) trait Wanted {
    /// The wish for a column, `None` for one that is not looked at.
    ///
    /// A column that appears on a line, where no header named it before, may be refused.
    fn want(&self, name: &str, line: Option<u64>) -> Result<Option<Want>, InputError>;
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    name: String,
    role: Role,
    feeds: Vec<usize>,
}

impl FileColumn {
    /// The name, as it may be printed.
    #[must_use]
    pub fn name(&self) -> ColumnName {
        ColumnName::new(&self.name)
    }

    /// The role of it.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Positions of the fields that it feeds.
    #[must_use]
    pub fn feeds(&self) -> &[usize] {
        &self.feeds
    }
}

/// The columns of a file in the order of their first appearance.
pub(crate) type Seen = Vec<FileColumn>;

/// Names of columns, and the fields that each of them feeds.
#[derive(Debug)]
pub(crate) struct Plan {
    schema: &'static Schema,
    reading: Arc<Reading>,
    feeds: HashMap<String, Vec<usize>>,
    /// True if rows may leave columns out, so that one that no row has may be none that is lost.
    sparse: bool,
}

impl Plan {
    pub(crate) fn new(
        schema: &'static Schema,
        reading: Arc<Reading>,
    ) -> Result<Self, MappingError> {
        let mut feeds: HashMap<String, Vec<usize>> = HashMap::new();
        let ignored = |name: &str| match &reading.ignore {
            Ignore::Named(names) => names.contains(name),
            Ignore::Others => false,
        };
        match &reading.fields {
            None => {
                let columns = schema.columns.iter().enumerate();
                for (at, column) in columns.filter(|(_, column)| !ignored(column.name)) {
                    feeds.insert(column.name.to_owned(), vec![at]);
                }
            }
            Some(fields) => {
                let required = schema.columns.iter().enumerate();
                let mut required = required.filter(|(_, column)| column.need == Need::Required);
                let none = required.find(|(at, _)| !fields.contains_key(at)).map(|(at, _)| at);
                let any = schema.one_of.iter().any(|at| fields.contains_key(at));
                let one_of = schema.one_of.first().filter(|_| !any).copied();
                if let Some(at) = none.or(one_of) {
                    return Err(MappingError::NoField { name: schema.name(at) });
                }
                for (at, field) in fields {
                    for name in field.source.columns() {
                        if ignored(name) {
                            return Err(MappingError::Ignored { name: ColumnName::new(name) });
                        }
                        feeds.entry(name.clone()).or_default().push(*at);
                    }
                }
            }
        }
        Ok(Self { schema, reading, feeds, sparse: false })
    }

    /// The same plan for a form of file whose rows may leave columns out.
    pub(crate) fn sparse(self) -> Self {
        Self { sparse: true, ..self }
    }

    /// The column of a name; `None` if nothing says what it is.
    fn column(&self, name: &str) -> Option<FileColumn> {
        let column = |role, feeds: &[usize]| {
            Some(FileColumn { name: name.to_owned(), role, feeds: feeds.to_vec() })
        };
        if let Some(feeds) = self.feeds.get(name) {
            let need = |at: &usize| self.schema.columns.get(*at).map(|column| column.need);
            let unused = feeds.iter().all(|at| need(at) == Some(Need::Unused));
            return column(if unused { Role::Unused } else { Role::Used }, feeds);
        }
        let ignored = match &self.reading.ignore {
            Ignore::Named(names) => names.contains(name),
            Ignore::Others => true,
        };
        if ignored {
            return column(Role::Ignored, &[]);
        }
        let own = self.reading.fields.is_none();
        if own && self.schema.families.iter().any(|start| name.starts_with(start)) {
            return column(Role::Unused, &[]);
        }
        None
    }

    /// The columns of a header; everything that is amiss with them is told at once.
    pub(crate) fn header<'a>(
        &self,
        header: impl Iterator<Item = &'a str>,
    ) -> Result<Seen, InputError> {
        let mut seen = Seen::new();
        let mut unknown = Vec::new();
        for name in header {
            match self.column(name) {
                Some(column) => seen.push(column),
                None => unknown.push(name),
            }
        }
        let used = |column: &FileColumn| column.role == Role::Used;
        if self.reading.fields.is_none() && !seen.iter().any(used) {
            let known = seen.iter().map(FileColumn::name);
            let columns = known.chain(unknown.iter().map(|name| ColumnName::new(name))).collect();
            let program = self.schema.program;
            return Err(InputError::ForeignColumns { columns, like: None, program });
        }
        self.judge(&seen, &unknown, None)?;
        Ok(seen)
    }

    /// The columns that appeared, with one more; an error if nothing says what that is.
    pub(crate) fn add(&self, name: &str, seen: &mut Seen) {
        // A reader shows names only that it was allowed.
        seen.extend(self.column(name));
    }

    /// Checks that every column is there that must be.
    pub(crate) fn complete(&self, seen: &Seen) -> Result<(), InputError> {
        self.judge(seen, &[], None)
    }

    fn judge(&self, seen: &Seen, unknown: &[&str], line: Option<u64>) -> Result<(), InputError> {
        let missing = match line {
            None => self.missing(seen),
            Some(_) => Vec::new(),
        };
        if missing.is_empty() && unknown.is_empty() {
            return Ok(());
        }
        let known = || self.feeds.keys().map(String::as_str);
        let astray = |name: &&str| Astray::new(name, near_misses(name, known()));
        let of_missing =
            |name: &&str| Astray::new(name, near_misses(name, unknown.iter().copied()));
        Err(InputError::Columns(Box::new(ColumnFaults {
            line,
            missing: missing.iter().map(of_missing).collect(),
            unknown: unknown.iter().map(astray).collect(),
            mapped: self.reading.fields.is_some(),
            program: self.schema.program,
        })))
    }

    /// The error for a field that a file needs and does not have.
    pub(crate) fn lacks(&self, position: usize) -> InputError {
        InputError::Columns(Box::new(ColumnFaults {
            line: None,
            missing: vec![Astray::new(self.schema.name(position), Vec::new())],
            unknown: Vec::new(),
            mapped: self.reading.fields.is_some(),
            program: self.schema.program,
        }))
    }

    /// Names that the file lacks: ours if columns have our own names, else those of the map.
    fn missing(&self, seen: &Seen) -> Vec<&str> {
        let has = |name: &str| seen.iter().any(|column| column.name == name);
        let mut missing: Vec<&str> = Vec::new();
        let Some(fields) = &self.reading.fields else {
            let required = |column: &&Column| column.need == Need::Required;
            let names = self.schema.columns.iter().filter(required).map(|column| column.name);
            missing.extend(names.filter(|name| !has(name)));
            let one_of = self.schema.one_of;
            if !one_of.iter().any(|at| has(self.schema.name(*at))) {
                missing.extend(one_of.first().map(|at| self.schema.name(*at)));
            }
            return missing;
        };
        let must = |at: &usize| {
            let column = self.schema.columns.get(*at);
            column.is_some_and(|column| match column.need {
                Need::Required => true,
                // Whoever renames the column of objections must be told.
                Need::Optional => !self.sparse || column.holds == Holds::Objections,
                Need::Unused => false,
            })
        };
        for name in
            fields.iter().filter(|(at, _)| must(at)).flat_map(|(_, field)| field.source.columns())
        {
            if !has(name) && !missing.contains(&name.as_str()) {
                missing.push(name);
            }
        }
        missing
    }

    /// The fields, as far as the columns that appeared give them. The places of the columns in a
    /// record are told by `place`, and the times that a column holds by its type by `typed`.
    pub(crate) fn fields(
        &self,
        seen: &Seen,
        place: impl Fn(&str) -> Option<usize>,
        typed: impl Fn(usize) -> TypedTimes,
    ) -> Fields {
        let own = |name: &'static str| FieldSource::Columns(vec![name.to_owned()]);
        let used = |name: &str| {
            let column = seen.iter().find(|column| column.name == name);
            column.is_some_and(|column| column.role == Role::Used)
        };
        let place = |name: &String| place(name).filter(|_| used(name));
        let of = self.schema.columns.iter().enumerate().map(|(at, column)| {
            let (source, field) = match &self.reading.fields {
                None => (Some(own(column.name)), None),
                Some(fields) => {
                    let field = fields.get(&at).filter(|_| column.need != Need::Unused);
                    (field.map(|field| field.source.clone()), field.cloned())
                }
            };
            let origin = match source {
                None => Origin::Absent,
                Some(FieldSource::Constant(text)) => Origin::Constant(text),
                Some(FieldSource::Joined { columns, join }) => {
                    match columns.iter().map(place).collect() {
                        Some(places) => Origin::Joined { places, join },
                        None => Origin::Absent,
                    }
                }
                Some(FieldSource::Columns(columns)) => {
                    let places = columns.iter().enumerate();
                    let places = places.filter_map(|(which, name)| Some((which, place(name)?)));
                    let places: Vec<(usize, usize)> = places.collect();
                    match places.as_slice() {
                        [] => Origin::Absent,
                        [(0, place)] => Origin::Place(*place),
                        _ => Origin::Places(places),
                    }
                }
            };
            let typed = match origin {
                Origin::Place(place) => typed(place),
                _ => TypedTimes::None,
            };
            let nulls = column.holds != Holds::Objections && !self.reading.nulls.is_empty();
            FieldPlan { origin, typed, list: column.holds.is_list(), nulls, field }
        });
        Fields { of: of.collect(), reading: Arc::clone(&self.reading) }
    }
}

impl Wanted for Plan {
    fn want(&self, name: &str, line: Option<u64>) -> Result<Option<Want>, InputError> {
        let Some(column) = self.column(name) else {
            return match line {
                None => Ok(None),
                Some(line) if looks_like_data(name) => {
                    Err(InputError::Json { line, found: Found::DATA_FOR_NAMES })
                }
                Some(_) => self.judge(&Seen::new(), &[name], line).map(|()| None),
            };
        };
        if column.role != Role::Used {
            return Ok(None);
        }
        let holds = |at: &usize| self.schema.columns.get(*at).map(|column| column.holds);
        let any = |test: fn(Holds) -> bool| column.feeds.iter().filter_map(holds).any(test);
        let split = |at: &usize| {
            let field = self.reading.fields.as_ref().and_then(|fields| fields.get(at));
            field.is_some_and(|field| field.split.is_some())
        };
        Ok(Some(Want {
            list: any(Holds::is_list) || column.feeds.iter().any(split),
            keep_decimals: any(Holds::may_be_phone),
        }))
    }
}

impl FieldSource {
    /// Columns of the file that the text is from.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Columns(columns) | Self::Joined { columns, .. } => columns,
            Self::Constant(_) => &[],
        }
    }
}

/// The fields of a schema as a file gives them.
#[derive(Debug)]
pub(crate) struct Fields {
    of: Vec<FieldPlan>,
    pub(crate) reading: Arc<Reading>,
}

impl Fields {
    #[inline]
    pub(crate) fn get(&self, position: usize) -> Option<&FieldPlan> {
        self.of.get(position)
    }

    /// Form of the times of a field.
    pub(crate) fn dates<'a>(&'a self, plan: &'a FieldPlan) -> &'a Dates {
        if plan.typed != TypedTimes::None {
            return &Dates::Iso;
        }
        let own = plan.field.as_ref().and_then(|field| field.dates.as_ref());
        own.unwrap_or(&self.reading.dates)
    }

    /// Zone of the times of a field that state none.
    pub(crate) fn zone<'a>(&'a self, plan: &'a FieldPlan) -> Option<&'a TimeZone> {
        let own = plan.field.as_ref().and_then(|field| field.zone.as_ref());
        own.or(self.reading.zone.as_ref())
    }
}

/// Times that a column holds by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypedTimes {
    /// None: the cells are text.
    None,
    /// Times or days, with a zone or expressly without one.
    Stated,
    /// Times of INT96: some programs write them in UTC and some in the time of their place, and the
    /// file does not say which.
    Int96,
}

/// A field as a file gives it.
#[derive(Debug)]
pub(crate) struct FieldPlan {
    pub(crate) origin: Origin,
    /// Times that the column holds, as the file itself says.
    pub(crate) typed: TypedTimes,
    /// True if a cell may hold several entries.
    pub(crate) list: bool,
    /// True if the map has further words for an absent value and they hold here. Of an objection
    /// they would make none [C-11].
    pub(crate) nulls: bool,
    /// Statement of a map on it.
    pub(crate) field: Option<Field>,
}

/// Places in a record that the text of a field is from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// None: the file does not have it, or has not shown it yet.
    Absent,
    /// A place.
    Place(usize),
    /// Several, each with its number among the columns of the field.
    Places(Vec<(usize, usize)>),
    /// Several whose texts are joined.
    Joined {
        /// The places.
        places: Vec<usize>,
        /// Text between two of them.
        join: String,
    },
    /// A text that is the same in every row.
    Constant(String),
}
