//! A row: the text of its fields, as the file's own names or a map give it.

use std::borrow::Cow;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::Offset;

use crate::cell::{self, Time, TimeFault};
use crate::csv::Record;
use crate::plan::{FieldPlan, Fields, Origin, TypedTimes};
use crate::reading::ValueMap;

/// A row: its fields by their position in the schema, and its place in the file.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    pub(crate) record: Record<'a>,
    pub(crate) fields: &'a Fields,
}

/// Text of a field once the list of values that the map has for it is applied.
#[derive(Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Absent,
    /// Text, in our own words where there is a list of values.
    Text(Cow<'a, str>),
    /// A value that the list does not hold.
    Unlisted,
}

impl<'a> Cell<'a> {
    /// The text; empty for all else.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::Unlisted => "".into(),
        }
    }
}

impl fmt::Debug for Cell<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "Absent",
            Self::Text(_) => "Text",
            Self::Unlisted => "Unlisted",
        })
    }
}

impl<'a> Row<'a> {
    /// The line the row began on, from 1; of a Parquet file, the number of the row.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.record.line()
    }

    /// The text of a field as it stands in the file, joined where the map joins; empty if absent.
    #[must_use]
    #[inline]
    pub fn text(&self, position: usize) -> Cow<'a, str> {
        match self.fields.get(position) {
            None | Some(FieldPlan { origin: Origin::Absent, .. }) => "".into(),
            Some(FieldPlan { origin: Origin::Place(place), nulls, .. }) => {
                self.at(*nulls, *place).into()
            }
            Some(plan) => self.composed(plan),
        }
    }

    /// The text of a field that is not of one column alone.
    fn composed(&self, plan: &'a FieldPlan) -> Cow<'a, str> {
        match &plan.origin {
            Origin::Absent => "".into(),
            Origin::Place(place) => self.at(plan.nulls, *place).into(),
            Origin::Places(places) => {
                places.first().map_or("", |(_, place)| self.at(plan.nulls, *place)).into()
            }
            Origin::Constant(text) => text.as_str().into(),
            Origin::Joined { places, join } => {
                let part = |place: &usize| self.at(plan.nulls, *place).trim();
                let parts: Vec<&str> = places.iter().map(part).collect();
                let absent = parts.iter().any(|part| cell::is_null(part));
                if absent { "".into() } else { parts.join(join).into() }
            }
        }
    }

    /// True if the text of a field is, or was joined of, a number that went through a column of
    /// decimal numbers, so that it may be somebody else's.
    #[must_use]
    pub fn is_rounded(&self, position: usize) -> bool {
        let rounded = |place: &usize| {
            self.record.get(*place).is_some_and(|text| cell::is_rounded_number(text.trim()))
        };
        match self.fields.get(position).map(|plan| &plan.origin) {
            None | Some(Origin::Absent | Origin::Constant(_)) => false,
            Some(Origin::Place(place)) => rounded(place),
            Some(Origin::Places(places)) => places.iter().any(|(_, place)| rounded(place)),
            Some(Origin::Joined { places, .. }) => places.iter().any(rounded),
        }
    }

    /// The text of a field by the values that the map lists for it, and with `|` between the
    /// entries of a list.
    #[must_use]
    pub fn cell(&self, position: usize) -> Cell<'a> {
        let text = self.text(position);
        let plan = self.fields.get(position);
        let of_map = plan.and_then(|plan| Some((plan, plan.field.as_ref()?)));
        let Some((plan, field)) = of_map else {
            return if text.is_empty() { Cell::Absent } else { Cell::Text(text) };
        };
        match (&field.values, &field.split) {
            // A constant is in our words.
            (Some(values), split) if !matches!(plan.origin, Origin::Constant(_)) => {
                meaning(values, &text, plan.list, split.as_deref())
            }
            _ if text.trim().is_empty() => Cell::Absent,
            (_, Some(split)) if plan.list => Cell::Text(text.replace(split.as_str(), "|").into()),
            _ => Cell::Text(text),
        }
    }

    /// The time of a field, by the form and the zone that are declared for it.
    ///
    /// # Errors
    ///
    /// [`TimeFault`] if the cell holds none.
    pub fn time(&self, position: usize, now: u64) -> Result<Time, TimeFault> {
        let text = self.text(position);
        let plan = self.fields.get(position).ok_or(TimeFault::Absent)?;
        let time = cell::time_as(&text, now, self.fields.dates(plan), self.fields.zone(plan))?;
        // A declared zone may be of the other times of the file.
        Ok(Time { zoned: time.zoned && plan.typed != TypedTimes::Int96, ..time })
    }

    /// The day of a field: that of the declared zone, or of UTC where none is.
    ///
    /// # Errors
    ///
    /// [`TimeFault`] if the cell holds no time or day.
    pub fn day(&self, position: usize, now: u64) -> Result<Date, TimeFault> {
        let at = self.time(position, now)?.at;
        let zone = self.fields.get(position).and_then(|plan| self.fields.zone(plan));
        Ok(zone.map_or_else(|| Offset::UTC.to_datetime(at), |zone| zone.to_datetime(at)).date())
    }

    /// The entries of a field of identifiers, each with the number of its column among those of
    /// the field.
    pub fn values(&self, position: usize) -> impl Iterator<Item = (usize, Cow<'a, str>)> + use<'a> {
        let row = *self;
        let plan = self.fields.get(position);
        let (one, many): (Option<Cow<'a, str>>, &'a [(usize, usize)]) =
            match plan.map(|plan| &plan.origin) {
                None | Some(Origin::Absent) => (None, &[]),
                Some(Origin::Places(places)) => (None, places),
                Some(_) => (Some(row.text(position)), &[]),
            };
        let split = plan.and_then(|plan| plan.field.as_ref()?.split.as_deref());
        let many = many.iter().map(move |(which, place)| (*which, row.at(true, *place).into()));
        one.map(|text| (0, text))
            .into_iter()
            .chain(many)
            .flat_map(move |(which, text)| Entries::of(text, split).map(move |one| (which, one)))
    }

    /// The text at a place of the record; empty for the words that the map has for an absent
    /// value, where they hold.
    #[inline]
    fn at(&self, with_nulls: bool, place: usize) -> &'a str {
        let text = self.record.get(place).unwrap_or_default();
        if with_nulls && self.is_null(text) { "" } else { text }
    }

    fn is_null(&self, text: &str) -> bool {
        self.fields.reading.nulls.contains(&text.trim().to_lowercase())
    }
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Row(line {})", self.line())
    }
}

/// Our words for a text, if the list has them for all of it.
fn meaning<'a>(values: &ValueMap, text: &str, list: bool, split: Option<&str>) -> Cell<'a> {
    let ours = |text: &str| values.get(&text.trim().to_lowercase());
    if let Some(ours) = ours(text) {
        return Cell::Text(ours.clone().into());
    }
    if cell::says_nothing(text) {
        return Cell::Absent;
    }
    if !list {
        return Cell::Unlisted;
    }
    let mut joined = String::new();
    for entry in Entries::of(text.into(), split.or(Some("|"))) {
        match ours(&entry) {
            Some(ours) if joined.is_empty() || ours.is_empty() => joined.push_str(ours),
            Some(ours) => {
                joined.push('|');
                joined.push_str(ours);
            }
            None if cell::says_nothing(&entry) => {}
            None => return Cell::Unlisted,
        }
    }
    Cell::Text(joined.into())
}

/// The entries of a cell: all of it, or, where a text between entries is declared, those that it
/// separates; an array of the file has `|` between them.
struct Entries<'a> {
    rest: Option<Cow<'a, str>>,
    split: Option<&'a str>,
}

impl<'a> Entries<'a> {
    const fn of(text: Cow<'a, str>, split: Option<&'a str>) -> Self {
        Self { rest: Some(text), split }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let rest = self.rest.take()?;
        let Some(split) = self.split else { return Some(rest) };
        let found = |end: &&str| rest.find(*end).map(|at| (at, at + end.len()));
        let Some((at, after)) = [split, "|"].iter().filter_map(found).min() else {
            return Some(rest);
        };
        let (entry, later) = match rest {
            Cow::Borrowed(text) => (text.get(..at)?.into(), text.get(after..)?.into()),
            Cow::Owned(text) => {
                (text.get(..at)?.to_owned().into(), text.get(after..)?.to_owned().into())
            }
        };
        self.rest = Some(later);
        Some(entry)
    }
}
