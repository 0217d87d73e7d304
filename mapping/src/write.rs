//! The text of a proposed map, as its owner reads, edits and signs it.
//!
//! An open part is `"?"`, with its question as a comment above. The same draft always gives the
//! same text.

use report::{Reader, Text};

use crate::draft::{Draft, Field, Meaning, Section, Slot, Source, Value};
use crate::questions;

impl Draft {
    /// The text of the map, with comments for this reader.
    #[must_use]
    pub fn write(&self, reader: &Reader) -> String {
        let mut page = Page { reader, text: String::new() };
        page.remark(&Text::new("map-file-head"));
        page.line("map = 1");
        for section in &self.sections {
            page.section(self, section);
        }
        page.text
    }
}

/// A text in the making.
struct Page<'a> {
    reader: &'a Reader,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Writes a message as a comment, cut into lines.
    fn remark(&mut self, text: &Text) {
        let mut line = String::from("#");
        for word in text.render(self.reader).split([' ', '\n']) {
            if line.chars().count() + word.chars().count() >= COMMENT_CHARACTERS && line.len() > 1 {
                self.line(&line);
                line = String::from("#");
            }
            line.push(' ');
            line.push_str(word);
        }
        self.line(&line);
    }

    /// Writes a question as a comment, what it leaves to choose from, and how to write the answer.
    fn ask(&mut self, question: &Text, answer: &'static str, of: &[Text]) {
        self.remark(question);
        of.iter().for_each(|line| self.remark(line));
        self.remark(&Text::new(answer));
    }

    fn slot(&mut self, key: &str, slot: &Slot<String>) {
        let value = match slot {
            Slot::Settled(text) => quoted(text),
            Slot::Open => OPEN.to_owned(),
        };
        self.line(&format!("{key} = {value}"));
    }

    fn section(&mut self, draft: &Draft, section: &Section) {
        self.line("");
        self.line("[[input]]");
        if let Some(name) = section.preset {
            self.remark(&Text::new("map-file-preset").with("name", name));
        }
        self.line(&format!("tag = {}", quoted(&section.tag)));
        self.line(&format!("files = {}", list(&section.files)));
        if let Some(encoding) = &section.encoding {
            if encoding.is_open() {
                self.ask(&questions::encoding(section), "map-answer-encoding", &[]);
            }
            self.slot("encoding", encoding);
        }
        if let Some(delimiter) = &section.delimiter {
            self.line(&format!("delimiter = {}", quoted(delimiter)));
        }
        if let Some(dates) = &section.dates {
            if dates.is_open() {
                self.ask_for_dates(section);
            }
            self.slot("dates", dates);
        }
        if let Some(zone) = &section.zone {
            if zone.is_open() {
                self.ask(&Text::new("map-question-zone"), "map-answer-zone", &[]);
            }
            self.slot("zone", zone);
        }
        if let Some(region) = &section.region {
            if region.is_open() {
                self.ask(&Text::new("map-question-region"), "map-answer-region", &[]);
            }
            self.slot("region", region);
        }
        if let Some(prefix) = &section.row_prefix {
            if prefix.is_open() {
                self.ask(&questions::alike(draft, section), "map-answer-alike", &[]);
            }
            self.slot("row_prefix", prefix);
        }
        if !section.empty.is_empty() {
            let names = section.empty.iter().map(|name| questions::name(name));
            let names = names.collect::<Vec<_>>().join(", ");
            self.remark(&Text::new("map-file-empty").with("columns", names));
        }
        self.ignore(section);
        self.digests(section);
        if let Some(statement) = &section.statement {
            if statement.is_open() {
                self.ask(&questions::statement(section), "map-answer-statement", &[]);
            }
            self.slot("statement", statement);
        }
        self.fields(section);
    }

    fn ask_for_dates(&mut self, section: &Section) {
        let Some((column, [day, month])) = &section.either else { return };
        let forms = Text::new("map-answer-dates-forms").with("day", day).with("month", month);
        self.ask(&questions::dates(column), "map-answer-dates", &[forms]);
    }

    fn ignore(&mut self, section: &Section) {
        let names: Vec<String> = section.ignored.iter().chain(&section.empty).cloned().collect();
        if names.len() > IGNORED_NAMES_MAX {
            self.remark(&Text::new("map-file-others"));
            self.line("ignore = \"*\"");
        } else if !names.is_empty() {
            self.line(&format!("ignore = {}", list(&names)));
        }
    }

    fn digests(&mut self, section: &Section) {
        if section.digests.is_empty() {
            return;
        }
        let mut rules = Vec::new();
        for (field, rule) in &section.digests {
            if rule.is_open() {
                let answer = match *field {
                    "email_sha256" => "map-answer-digests-email",
                    _ => "map-answer-digests-phone",
                };
                self.ask(&questions::digests(section, field), answer, &[]);
            }
            let rule = match rule {
                Slot::Settled(rule) => quoted(rule),
                Slot::Open => OPEN.to_owned(),
            };
            rules.push(format!("{field} = {rule}"));
        }
        self.line(&format!("digests = {{ {} }}", rules.join(", ")));
    }

    fn fields(&mut self, section: &Section) {
        self.line("");
        self.line("[input.fields]");
        // Fields with a table of their own come last: whatever stands below one belongs to it.
        let (tables, lines): (Vec<&Field>, Vec<&Field>) =
            section.fields.iter().partition(|field| !field.values.is_empty());
        for field in lines {
            self.field(section, field);
        }
        for field in tables {
            self.table(section, field);
        }
    }

    /// Writes a field on one line.
    fn field(&mut self, section: &Section, field: &Field) {
        if field.source == Source::Open {
            self.ask_for_column(field);
        }
        if field.source == Source::Constant(Slot::Open) {
            let answer = match field.name {
                "consent_purposes" => "map-answer-everybody",
                _ => "map-answer-notice",
            };
            self.ask(&questions::constant(field), answer, &[]);
        }
        if field.dates.as_ref().is_some_and(Slot::is_open) {
            self.ask_for_dates(section);
        }
        let mut parts = match &field.source {
            Source::Open => {
                self.line(&format!("{} = {OPEN}", field.name));
                return;
            }
            Source::Column(column) if field.dates.is_none() => {
                self.line(&format!("{} = {}", field.name, quoted(column)));
                return;
            }
            Source::Columns(columns) => {
                self.line(&format!("{} = {}", field.name, list(columns)));
                return;
            }
            Source::Column(column) => vec![format!("column = {}", quoted(column))],
            Source::Joined(columns, join) => {
                vec![format!("columns = {}", list(columns)), format!("join = {}", quoted(join))]
            }
            Source::Constant(Slot::Settled(text)) => vec![format!("const = {}", quoted(text))],
            Source::Constant(Slot::Open) => vec![format!("const = {OPEN}")],
        };
        match &field.dates {
            Some(Slot::Settled(form)) => parts.push(format!("dates = {}", quoted(form))),
            Some(Slot::Open) => parts.push(format!("dates = {OPEN}")),
            None => {}
        }
        self.line(&format!("{} = {{ {} }}", field.name, parts.join(", ")));
    }

    fn ask_for_column(&mut self, field: &Field) {
        let names: Vec<String> =
            field.candidates.iter().map(|name| questions::name(name)).collect();
        let mut of = Vec::new();
        if !names.is_empty() {
            of.push(Text::new("map-answer-candidates").with("columns", names.join(", ")));
        }
        let answer = match field.name {
            "objections" => "map-answer-objections",
            "consent_at" => "map-answer-consent-at",
            "consent_purposes" => "map-answer-consent",
            _ => "map-answer-column",
        };
        self.ask(&questions::column(field), answer, &of);
    }

    /// Writes a field with the meanings of its values.
    fn table(&mut self, section: &Section, field: &Field) {
        self.line("");
        self.line(&format!("[input.fields.{}]", field.name));
        if let Some(column) = field.column() {
            self.line(&format!("column = {}", quoted(column)));
        }
        if field.values.iter().any(|value| value.ours.is_open()) {
            let answer = match field.name {
                "consent_purposes" => "map-answer-values",
                "objections" => "map-answer-values-objections",
                _ => "map-answer-words",
            };
            self.ask(&questions::values(field), answer, &[]);
        }
        let rows = field.values.iter().map(|value| {
            Text::new("map-file-value").with("value", &value.theirs).with("rows", value.rows)
        });
        let rows = Text::new("map-file-values").with("values", report::Arg::List(rows.collect()));
        self.remark(&rows);
        let values = field.values.iter().map(value).collect::<Vec<_>>().join(", ");
        self.line(&format!("values = {{ {values} }}"));
        debug_assert!(section.has(field.name));
    }
}

fn value(value: &Value) -> String {
    let ours = match &value.ours {
        Slot::Open => OPEN.to_owned(),
        Slot::Settled(Meaning::Nothing) => "[]".to_owned(),
        Slot::Settled(Meaning::Match) => "[\"ads.match\"]".to_owned(),
        Slot::Settled(Meaning::All) => "[\"all\"]".to_owned(),
        Slot::Settled(Meaning::Text(text)) => quoted(text),
    };
    format!("{} = {ours}", key(&value.theirs))
}

/// A key: bare where it can be.
fn key(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(bare) { text.to_owned() } else { quoted(text) }
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// An open part.
const OPEN: &str = "\"?\"";
const COMMENT_CHARACTERS: usize = 98;
const IGNORED_NAMES_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use report::Lang;
    use tabular::{FieldSource, Ignore, InputFile};

    use super::*;
    use crate::draft::Side;
    use crate::file::Map;
    use crate::look::Look;
    use crate::propose::propose;
    use crate::tests::SCHEMA;

    #[test]
    fn texts_are_written_as_toml_reads_them() {
        for text in ["N° client", "a\"b\\c", "tab\there", "bell\u{7}", "", "é\u{85}", "🙂"] {
            let table: toml::Table = toml::from_str(&format!("x = {}", quoted(text))).unwrap();
            assert_eq!(table.get("x").and_then(toml::Value::as_str), Some(text));
            if !text.is_empty() {
                let table: toml::Table = toml::from_str(&format!("{} = 1", key(text))).unwrap();
                assert_eq!(table.keys().next().map(String::as_str), Some(text));
            }
        }
    }

    /// A file with these columns, each with its kind of cells.
    fn look(columns: &[(String, usize)], rows: usize) -> Look {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let names: Vec<String> = columns.iter().map(|(name, _)| quoted(name)).collect();
        let mut text = names.join(";") + "\n";
        for row in 0..rows {
            let cells = columns.iter().map(|(_, kind)| quoted(&cell(*kind, row)));
            text.push_str(&(cells.collect::<Vec<_>>().join(";") + "\n"));
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("export_20261130.csv");
        std::fs::write(&path, text).unwrap();
        Look::at(&InputFile::new(&path), None).unwrap()
    }

    fn cell(kind: usize, row: usize) -> String {
        match kind {
            0 => format!("C-{row}"),
            1 => format!("a{row}@exemple.fr"),
            2 => format!("06 39 98 00 {row:02}"),
            3 => ["OUI", "non", "Peut \"être\"", "#", "\\"][row % 5].to_owned(),
            4 => format!("0{}/04/2026", 1 + row % 9),
            5 => format!("2026-03-0{} 10:14:00", 1 + row % 9),
            6 => ["France", "Belgique"][row % 2].to_owned(),
            7 => format!("{row:064x}"),
            8 => String::new(),
            _ => format!("n {row}"),
        }
    }

    /// Answers every question, one way or another.
    fn answered(mut draft: Draft) -> Draft {
        for _ in 0..100 {
            let Some(question) = draft.questions().into_iter().next() else { break };
            let values = draft.values_of(&question);
            for (value, _) in &values {
                draft.answer_value(&question, value, "1").unwrap();
            }
            let answers = [
                "Box for partners, names it.",
                "1",
                "y",
                "Europe/Paris",
                "FR",
                "plain",
                "phone-e164",
            ];
            if values.is_empty() {
                let mut answers = answers.into_iter();
                let is_open = |draft: &Draft| draft.questions().contains(&question);
                while is_open(&draft) {
                    let answer = answers.next().expect("an answer");
                    let _ = draft.answer(&question, answer);
                }
            }
        }
        draft
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the columns, a proposal is a map: with its questions open it has no fault, and
        /// answered it is read back to what was meant, in either language.
        #[test]
        fn a_proposal_is_read_back_to_the_map_that_was_meant(
            named in proptest::collection::btree_map(
                "N° client|E-mail|Tél\\.|Optin partenaires|Date optin|Opposition|Date maj|Pays\
                 |[a-zé \"\\\\#=\\.]{1,12}[a-z]",
                0_usize..10,
                1..9,
            ),
            rows in 1_usize..12,
        ) {
            // A name that looks like data is refused as a header.
            let mut columns: Vec<(String, usize)> = named
                .into_iter()
                .map(|(name, kind)| (name.trim().to_owned(), kind))
                .collect();
            columns.dedup_by(|a, b| a.0 == b.0);
            let always = [("mail", 1), ("id client", 0), ("date optin web", 5), ("état", 6)];
            columns.extend(always.map(|(name, kind)| (name.to_owned(), kind)));
            let mut seen = std::collections::BTreeSet::new();
            columns.retain(|(name, _)| !name.is_empty() && seen.insert(name.clone()));
            let look = look(&columns, rows);
            let draft = propose(&[look], Side::Advertiser, None);
            let english = Reader::LOG;
            let french = Reader { lang: Lang::Fr, ..english };
            if draft.open() > 0 {
                let text = draft.write(&english);
                let faults = Map::parse(&text, &SCHEMA).map(|_| ()).unwrap_err();
                prop_assert!(faults.faults.is_empty(), "{text}\n{faults:?}");
                prop_assert!(faults.open.len() >= draft.open().min(1), "{text}");
            }
            let draft = answered(draft);
            let text = draft.write(&english);
            let map = Map::parse(&text, &SCHEMA).map_err(|faults| {
                TestCaseError::fail(format!("{text}\n{faults:?}"))
            })?;
            let again = Map::parse(&draft.write(&french), &SCHEMA).unwrap();
            prop_assert_eq!(map.digest(), again.digest());
            let section = &draft.sections[0];
            let reading = &map.inputs[0].reading;
            let fields = reading.fields.as_ref().unwrap();
            prop_assert_eq!(fields.len(), section.fields.len());
            for field in &section.fields {
                let read = &fields[&SCHEMA.find(field.name).unwrap()];
                let meant = match field.source.clone() {
                    Source::Column(column) => FieldSource::Columns(vec![column]),
                    Source::Columns(columns) => FieldSource::Columns(columns),
                    Source::Joined(columns, join) => {
                        FieldSource::Joined { columns, join: join.to_owned() }
                    }
                    Source::Constant(Slot::Settled(text)) => FieldSource::Constant(text),
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                prop_assert_eq!(&read.source, &meant);
                prop_assert_eq!(read.values.as_ref().map_or(0, |v| v.len()), field.values.len());
            }
            if let Ignore::Named(names) = &reading.ignore {
                prop_assert_eq!(names.len(), section.ignored.len() + section.empty.len());
            }
        }
    }
}
