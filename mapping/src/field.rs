//! Fields of a map: the source of each, and how its cells are read.

use std::collections::BTreeSet;

use report::{Text, shown};
use serde_json::{Map as Members, Value, json};
use tabular::{Column, Dates, Field, FieldSource, Holds, Need, Schema, ValueMap, cell};
use toml::de::{DeTable, DeValue};

use crate::dates;
use crate::file::{read_dates, read_zone};
use crate::scan::{Node, Scan, other};

/// Purposes that a map may name, as right sides of values.
pub(crate) const PURPOSES: [&str; 4] =
    ["ads.match", "ads.suppress", "ads.measure", "site.personalise"];

/// Objection to every purpose.
const ALL: &str = "all";

/// Values that a map may list for a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Values {
    /// None: a text that stands for another would be a constant by another name.
    None,
    /// Purposes consented to.
    Consent,
    /// Purposes objected to, or all of them.
    Objections,
    /// Any text.
    Text,
}

/// Rules of what a map may say of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldRules {
    /// True if several columns may feed it, by preference.
    several: bool,
    /// True if the same text may stand for every row.
    constant: bool,
    pub(crate) values: Values,
    /// True if one cell may hold several entries.
    split: bool,
    /// True if it is a time or a day.
    time: bool,
    /// True if two texts that differ must not become one.
    names: bool,
}

impl FieldRules {
    /// Rules of a field of the schema, or of a field of a family.
    pub(crate) fn of(column: Option<&Column>) -> Self {
        let unused = Self {
            several: false,
            constant: true,
            values: Values::Text,
            split: true,
            time: true,
            names: false,
        };
        let Some(column) = column.filter(|column| column.need != Need::Unused) else {
            return unused;
        };
        let holds = column.holds;
        let time = matches!(holds, Holds::Time | Holds::Day);
        // What names a person, a proof or its time is read from the file, or is not there.
        let read = holds.is_identifier() || holds == Holds::Name || time;
        let values = match holds {
            Holds::Purposes => Values::Consent,
            Holds::Objections => Values::Objections,
            _ if read => Values::None,
            _ => Values::Text,
        };
        Self {
            several: holds.is_identifier(),
            constant: !read,
            values,
            split: holds.is_list() || holds.is_identifier(),
            time,
            names: holds == Holds::Name,
        }
    }
}

/// Names of the fields that a map may have.
pub(crate) fn names(schema: &'static Schema) -> Vec<&'static str> {
    schema.columns.iter().filter(|column| !column.further).map(|column| column.name).collect()
}

/// Field of a map with the columns that it names.
pub(crate) struct Named {
    pub(crate) field: String,
    pub(crate) rules: FieldRules,
    pub(crate) columns: Vec<String>,
    /// True if the map itself says what stands for a purpose.
    pub(crate) decides: bool,
}

/// A field that was read, and what it says in canonical form.
pub(crate) struct Read {
    pub(crate) field: Field,
    pub(crate) said: Value,
}

/// Reads what a map says of a field, which is noted in `named`; `None` if it is at fault or asks.
pub(crate) fn read(scan: &mut Scan<'_>, named: &mut Named, node: &Node<'_>) -> Option<Read> {
    let empty = DeTable::new();
    let table = match node.get_ref() {
        DeValue::Table(table) => table,
        DeValue::String(_) | DeValue::Array(_) => &empty,
        _ => {
            scan.fault(&node.span(), Text::new("map-field").with("name", shown(&named.field)));
            return None;
        }
    };
    scan.keys(table, &KEYS, "field");
    let mut said = Members::new();
    let whole = matches!(node.get_ref(), DeValue::Table(_));
    let source = if whole {
        source(scan, named, table, node, &mut said)
    } else {
        let columns = scan.texts(&named.field, node, &question(&named.field));
        columns_of(scan, named, columns, None, node, &mut said)
    };
    let column = named.columns.first().map_or_else(String::new, Clone::clone);
    let values = get(table, "values").map(|values| {
        named.decides = true;
        value_map(scan, named, values, &column, &mut said)
    });
    let split = get(table, "split").map(|split| split_text(scan, named, split, &mut said));
    let times = [get(table, "dates"), get(table, "zone")];
    if !named.rules.time
        && let Some(node) = times.iter().flatten().next()
    {
        let what = Text::new("map-field-no-time").with("name", shown(&named.field));
        scan.fault(&node.span(), what);
    }
    let dates = times[0].map(|node| read_dates(scan, node, &column));
    let zone = times[1].map(|node| read_zone(scan, node));
    if let Some(Some(dates)) = &dates {
        said.insert("dates".to_owned(), json!(dates::written(dates)));
    }
    if let Some(Some((name, _))) = &zone {
        said.insert("zone".to_owned(), json!(name));
    }
    let field = Field {
        source: source?,
        values: told(values)?,
        split: told(split)?,
        dates: told::<Dates>(dates)?,
        zone: told(zone)?.map(|(_, zone)| zone),
    };
    Some(Read { field, said: Value::Object(said) })
}

/// A part of a field: absent, or read; `None` if it is at fault or asks.
fn told<T>(part: Option<Option<T>>) -> Option<Option<T>> {
    match part {
        None => Some(None),
        Some(None) => None,
        Some(read) => Some(read),
    }
}

fn get<'n, 't>(table: &'n DeTable<'t>, name: &str) -> Option<&'n Node<'t>> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
}

/// Reads the source of a field that is a table.
fn source(
    scan: &mut Scan<'_>,
    named: &mut Named,
    table: &DeTable<'_>,
    node: &Node<'_>,
    said: &mut Members<String, Value>,
) -> Option<FieldSource> {
    let question = question(&named.field);
    let join = get(table, "join");
    let sources = ["column", "columns", "const"].map(|name| get(table, name));
    match sources {
        [Some(column), None, None] => {
            let text = scan.text("column", column, &question)?;
            if let Some(join) = join {
                scan.fault(&join.span(), Text::new("map-join-alone"));
                return None;
            }
            columns_of(scan, named, vec![(text, column.span())], None, column, said)
        }
        [None, Some(columns), None] => {
            let list = scan.texts("columns", columns, &question);
            let join = match join {
                None => None,
                // A join of nothing is a join; one of white space too.
                Some(node) => match node.get_ref() {
                    DeValue::String(text) if !scan.asks(node, other("join")) => {
                        Some(text.to_string())
                    }
                    DeValue::String(_) => return None,
                    _ => {
                        scan.fault(&node.span(), Text::new("map-no-text").with("name", "join"));
                        return None;
                    }
                },
            };
            columns_of(scan, named, list, join, columns, said)
        }
        [None, None, Some(constant)] => constant_of(scan, named, constant, said),
        _ => {
            scan.fault(&node.span(), Text::new("map-field").with("name", shown(&named.field)));
            None
        }
    }
}

/// The source that is one column or several.
fn columns_of(
    scan: &mut Scan<'_>,
    named: &mut Named,
    columns: Vec<(String, std::ops::Range<usize>)>,
    join: Option<String>,
    node: &Node<'_>,
    said: &mut Members<String, Value>,
) -> Option<FieldSource> {
    let columns: Vec<String> = columns.into_iter().map(|(column, _)| column).collect();
    named.columns.clone_from(&columns);
    if let Some(join) = join {
        if columns.len() < 2 {
            scan.fault(&node.span(), Text::new("map-join-alone"));
            return None;
        }
        // With one part absent the whole is, and an objection in the other part would be lost.
        if named.rules.values == Values::Objections {
            scan.fault(&node.span(), Text::new("map-join-objections"));
            return None;
        }
        // Without it `1` and `23` would be `12` and `3`.
        let apart = join.chars().any(|c| !c.is_alphanumeric());
        if join.chars().any(char::is_control) || (named.rules.names && !apart) {
            scan.fault(&node.span(), Text::new("map-join-unfit"));
            return None;
        }
        said.insert("columns".to_owned(), json!(columns));
        said.insert("join".to_owned(), json!(join));
        return Some(FieldSource::Joined { columns, join });
    }
    match columns.as_slice() {
        [] => return None,
        [column] => {
            said.insert("column".to_owned(), json!(column));
        }
        _ if named.rules.several => {
            said.insert("columns".to_owned(), json!(columns));
        }
        _ => {
            let what = Text::new("map-field-one-column").with("name", shown(&named.field));
            scan.fault(&node.span(), what);
            return None;
        }
    }
    Some(FieldSource::Columns(columns))
}

/// The source that is the same text in every row.
fn constant_of(
    scan: &mut Scan<'_>,
    named: &mut Named,
    node: &Node<'_>,
    said: &mut Members<String, Value>,
) -> Option<FieldSource> {
    named.decides = true;
    if !named.rules.constant {
        let what = Text::new("map-field-no-constant").with("name", shown(&named.field));
        scan.fault(&node.span(), what);
        return None;
    }
    let text = match named.rules.values {
        Values::Consent | Values::Objections => {
            let purposes = right_side(scan, named, node, &question(&named.field))?;
            if purposes.is_empty() {
                scan.fault(&node.span(), Text::new("map-empty").with("name", "const"));
                return None;
            }
            said.insert("const".to_owned(), json!(purposes));
            joined(&purposes)
        }
        Values::None | Values::Text => {
            let text = scan.text("const", node, &question(&named.field))?;
            if cell::is_null(&text) {
                let what = Text::new("map-const-null").with("text", shown(&text));
                scan.fault(&node.span(), what);
                return None;
            }
            said.insert("const".to_owned(), json!(text));
            text
        }
    };
    Some(FieldSource::Constant(text))
}

/// Reads the meaning of each value of a field.
fn value_map(
    scan: &mut Scan<'_>,
    named: &Named,
    node: &Node<'_>,
    column: &str,
    said: &mut Members<String, Value>,
) -> Option<ValueMap> {
    let question = Text::new("map-question-values").with("column", shown(column));
    if scan.asks(node, question.clone()) {
        return None;
    }
    if named.rules.values == Values::None {
        let what = Text::new("map-field-no-values").with("name", shown(&named.field));
        scan.fault(&node.span(), what);
        return None;
    }
    let table = scan.table("values", node)?;
    if table.is_empty() {
        scan.fault(&node.span(), Text::new("map-empty").with("name", "values"));
        return None;
    }
    let mut values = ValueMap::new();
    let mut listed = Members::new();
    let mut whole = true;
    for (key, right) in table {
        let word = fold(key.get_ref());
        if word.is_empty() {
            scan.fault(&key.span(), Text::new("map-value-empty"));
            whole = false;
            continue;
        }
        let (text, canonical) = match named.rules.values {
            Values::Consent | Values::Objections => {
                let Some(purposes) = right_side(scan, named, right, &question) else {
                    whole = false;
                    continue;
                };
                // An absent answer agrees to nothing, whatever it is written as.
                if named.rules.values == Values::Consent
                    && !purposes.is_empty()
                    && cell::is_null(&word)
                {
                    let what = Text::new("map-value-null").with("text", shown(&word));
                    scan.fault(&key.span(), what);
                    whole = false;
                    continue;
                }
                (joined(&purposes), json!(purposes))
            }
            Values::None | Values::Text => {
                let nothing = matches!(right.get_ref(), DeValue::Array(none) if none.is_empty());
                let text = if nothing {
                    Some(String::new())
                } else {
                    scan.text("values", right, &question)
                };
                let Some(text) = text else {
                    whole = false;
                    continue;
                };
                let canonical = json!(text);
                (text, canonical)
            }
        };
        if values.insert(word.clone(), text).is_some() {
            let what = Text::new("map-value-twice").with("text", shown(&word));
            scan.fault(&key.span(), what);
            whole = false;
        }
        listed.insert(word, canonical);
    }
    said.insert("values".to_owned(), Value::Object(listed));
    whole.then_some(values)
}

/// Purposes on the right side of a value, or as a constant, sorted.
fn right_side(
    scan: &mut Scan<'_>,
    named: &Named,
    node: &Node<'_>,
    question: &Text,
) -> Option<BTreeSet<String>> {
    let objections = named.rules.values == Values::Objections;
    let texts = match node.get_ref() {
        DeValue::Array(none) if none.is_empty() => return Some(BTreeSet::new()),
        _ => scan.texts("values", node, question),
    };
    if texts.is_empty() {
        return None;
    }
    let mut purposes = BTreeSet::new();
    let mut whole = true;
    for (text, span) in texts {
        if PURPOSES.contains(&text.as_str()) || (objections && text == ALL) {
            purposes.insert(text);
        } else {
            let id = match (objections, text.as_str()) {
                (false, ALL) => "map-purpose-all",
                (false, _) => "map-purpose",
                (true, _) => "map-objection",
            };
            scan.fault(&span, Text::new(id).with("text", shown(&text)));
            whole = false;
        }
    }
    // A list of which one entry is open or at fault says less than its owner meant.
    let entries = match node.get_ref() {
        DeValue::Array(entries) => entries.len(),
        _ => 1,
    };
    (whole && purposes.len() == entries).then_some(purposes)
}

/// Purposes as a cell of our own has them.
fn joined(purposes: &BTreeSet<String>) -> String {
    purposes.iter().map(String::as_str).collect::<Vec<_>>().join("|")
}

/// Reads the text between the entries of a list in one cell, which may be white space.
fn split_text(
    scan: &mut Scan<'_>,
    named: &Named,
    node: &Node<'_>,
    said: &mut Members<String, Value>,
) -> Option<String> {
    if !named.rules.split {
        let what = Text::new("map-field-no-split").with("name", shown(&named.field));
        scan.fault(&node.span(), what);
        return None;
    }
    let split = match node.get_ref() {
        DeValue::String(_) if scan.asks(node, other("split")) => return None,
        DeValue::String(text) if !text.is_empty() => text.to_string(),
        _ => scan.text("split", node, &other("split"))?,
    };
    said.insert("split".to_owned(), json!(split));
    Some(split)
}

/// A value as it is compared: without case and without outer space.
pub(crate) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Question about the source of a field.
fn question(name: &str) -> Text {
    match name {
        "objections" => Text::new("map-question-objections"),
        "row_id" => Text::new("map-question-row-id"),
        _ => other(name),
    }
}

/// Question about a form of days: of an input, or of the field with this column.
pub(crate) fn question_of_dates(column: &str) -> Text {
    Text::new("map-question-dates")
        .with("known", if column.is_empty() { "no" } else { "yes" })
        .with("column", shown(column))
}

/// Question about the words to which people agreed.
pub(crate) fn question_of_statement(column: &str) -> Text {
    Text::new("map-question-statement")
        .with("known", if column.is_empty() { "no" } else { "yes" })
        .with("column", shown(column))
}

/// Keys of a field.
const KEYS: [&str; 8] = ["column", "columns", "join", "const", "values", "split", "dates", "zone"];
