//! Columns that a kind of file may have, and their names in one file.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::InputError;
use crate::error::{Found, MappingError};
use crate::names::{ColumnName, looks_like_data, near_misses};

/// The columns that a kind of file may have.
#[derive(Debug)]
pub struct Schema {
    /// Every column by name; its position here is its position in a [`crate::Row`].
    pub columns: &'static [Column],
    /// Beginnings of names that are accepted and not used in this version.
    pub families: &'static [&'static str],
}

/// One column of a [`Schema`].
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Name of the column.
    pub name: &'static str,
    /// Need of the column in a file.
    pub need: Need,
    /// True if the column holds a list: separated by `|` in text, an array elsewhere.
    pub list: bool,
    /// True if the column may hold a flag, so that 0 and 1 may stand there as numbers.
    pub flag: bool,
}

impl Column {
    /// A column that must be there.
    #[must_use]
    pub const fn required(name: &'static str) -> Self {
        Self { name, need: Need::Required, list: false, flag: false }
    }

    /// A column that may be there.
    #[must_use]
    pub const fn optional(name: &'static str) -> Self {
        Self { name, need: Need::Optional, list: false, flag: false }
    }

    /// A column that is accepted and not used in this version.
    #[must_use]
    pub const fn unused(name: &'static str) -> Self {
        Self { name, need: Need::Unused, list: false, flag: false }
    }

    /// The same column, holding a list.
    #[must_use]
    pub const fn list(self) -> Self {
        Self { list: true, ..self }
    }

    /// The same column, which may hold a flag.
    #[must_use]
    pub const fn flag(self) -> Self {
        Self { flag: true, ..self }
    }
}

/// Need of a column in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Must be there.
    Required,
    /// May be there.
    Optional,
    /// May be there and is not read.
    Unused,
}

/// Role of a column of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Read, as the column at this position of the [`Schema`].
    Used(usize),
    /// Known and not used in this version.
    Unused,
    /// Ignored, as the settings say.
    Ignored,
}

/// The names of one file's columns: those of the schema, renamed as the settings say.
#[derive(Debug)]
pub(crate) struct Names {
    schema: &'static Schema,
    roles: HashMap<String, Role>,
}

impl Names {
    /// Applies a mapping (ours = yours) and the names to ignore.
    pub(crate) fn new(
        schema: &'static Schema,
        mapping: &BTreeMap<String, String>,
        ignored: &[String],
    ) -> Result<Self, MappingError> {
        let family = |name: &str| schema.families.iter().any(|start| name.starts_with(start));
        let mut theirs = BTreeSet::new();
        for (ours, name) in mapping {
            let shown = ColumnName::new(ours);
            if !family(ours) && !schema.columns.iter().any(|column| column.name == ours) {
                return Err(MappingError::NoColumn { name: shown });
            }
            if !theirs.insert(name) {
                return Err(MappingError::Twice { name: ColumnName::new(name) });
            }
        }
        let mut roles = HashMap::new();
        for (position, column) in schema.columns.iter().enumerate() {
            let name = mapping.get(column.name).map_or(column.name, String::as_str);
            let unused = column.need == Need::Unused;
            let role = if unused { Role::Unused } else { Role::Used(position) };
            // A name of ours that stands for another column of theirs means theirs.
            if name != column.name || !theirs.contains(&column.name.to_owned()) {
                roles.insert(name.to_owned(), role);
            }
        }
        for (_, name) in mapping.iter().filter(|(ours, _)| family(ours)) {
            roles.insert(name.clone(), Role::Unused);
        }
        roles.extend(ignored.iter().map(|name| (name.clone(), Role::Ignored)));
        Ok(Self { schema, roles })
    }

    pub(crate) const fn columns(&self) -> &'static [Column] {
        self.schema.columns
    }

    /// Role of a column of the file; an error if nothing says.
    pub(crate) fn role(&self, name: &str, line: Option<u64>) -> Result<Role, InputError> {
        if let Some(role) = self.roles.get(name) {
            return Ok(*role);
        }
        if self.schema.families.iter().any(|start| name.starts_with(start)) {
            return Ok(Role::Unused);
        }
        if let (Some(line), true) = (line, looks_like_data(name)) {
            return Err(InputError::Json { line, found: Found::DATA_FOR_NAMES });
        }
        let known = self.schema.columns.iter().map(|column| column.name);
        Err(InputError::UnknownColumn {
            line,
            name: ColumnName::new(name),
            near: near_misses(name, known),
        })
    }

    /// Roles of the columns of a header.
    ///
    /// A column that must be there and is not is told before one that is not known, which may be
    /// the same under another name.
    pub(crate) fn roles<'a>(
        &self,
        header: impl Iterator<Item = &'a str>,
    ) -> Result<Seen, InputError> {
        let mut unknown = Ok(());
        let mut seen = Seen::new();
        for name in header {
            let role = self.role(name, None).unwrap_or_else(|error| {
                if unknown.is_ok() {
                    unknown = Err(error);
                }
                Role::Ignored
            });
            seen.push((name.to_owned(), role));
        }
        self.required(&seen)?;
        unknown.map(|()| seen)
    }

    /// Checks that every column is there that must be.
    pub(crate) fn required(&self, seen: &Seen) -> Result<(), InputError> {
        let there = |at: usize| seen.iter().any(|(_, role)| *role == Role::Used(at));
        let needed = |(_, column): &(usize, &Column)| column.need == Need::Required;
        let mut missing = self.columns().iter().enumerate().filter(needed);
        missing.find(|(at, _)| !there(*at)).map_or(Ok(()), |(at, _)| Err(self.missing(at, seen)))
    }

    /// The error for a column that must be there and is not.
    pub(crate) fn missing(&self, position: usize, seen: &Seen) -> InputError {
        let ours = self.schema.columns.get(position).map_or("", |column| column.name);
        let others = seen.iter().map(|(name, _)| name.as_str());
        let others = others.filter(|name| !self.roles.contains_key(*name));
        InputError::MissingColumn { name: ColumnName::new(ours), near: near_misses(ours, others) }
    }
}

/// Names of columns in the order of their first appearance, and what they are.
pub(crate) type Seen = Vec<(String, Role)>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::advice;

    const SCHEMA: Schema = Schema {
        columns: &[Column::required("row_id"), Column::optional("email"), Column::unused("city")],
        families: &["custom."],
    };

    fn names(mapping: &[(&str, &str)], ignored: &[&str]) -> Result<Names, MappingError> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        let ignored: Vec<String> = ignored.iter().map(ToString::to_string).collect();
        Names::new(&SCHEMA, &mapping.iter().map(own).collect(), &ignored)
    }

    #[test]
    fn columns_are_used_renamed_unused_or_ignored() {
        let names = names(&[("email", "MAIL"), ("custom.x", "CARD")], &["note"]).unwrap();
        assert_eq!(names.role("MAIL", None), Ok(Role::Used(1)));
        assert_eq!(names.role("row_id", None), Ok(Role::Used(0)));
        for unused in ["city", "CARD", "custom.fr.shop"] {
            assert_eq!(names.role(unused, None), Ok(Role::Unused));
        }
        assert_eq!(names.role("note", None), Ok(Role::Ignored));
        assert!(names.role("email", None).is_err(), "the settings say that it is `MAIL`");
    }

    #[test]
    fn names_may_be_swapped() {
        let names = names(&[("email", "row_id"), ("row_id", "email")], &[]).unwrap();
        assert_eq!(names.role("row_id", None), Ok(Role::Used(1)));
        assert_eq!(names.role("email", None), Ok(Role::Used(0)));
    }

    #[test]
    fn unknown_columns_say_what_to_do() {
        let error = names(&[], &[]).unwrap().role("emial", Some(3)).unwrap_err();
        assert_eq!(error.to_string(), "line 3: the column `emial` is not known");
        assert!(advice(&error).starts_with("did you mean `email`?"));
        assert!(advice(&error).contains("`ignore`"));
        let error = names(&[], &[]).unwrap().role("xyz", None).unwrap_err();
        assert!(advice(&error).contains("list `xyz` under `ignore`"));
    }

    #[test]
    fn a_mapping_of_no_column_or_of_one_name_twice_is_refused() {
        for mapping in [&[("emial", "MAIL")][..], &[("email", "X"), ("row_id", "X")]] {
            assert!(matches!(
                names(mapping, &[]),
                Err(MappingError::NoColumn { .. } | MappingError::Twice { .. })
            ));
        }
    }
}
