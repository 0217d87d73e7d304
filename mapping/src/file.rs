//! The mapping file: what it may say, and what is wrong with it, all at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use normalize::{Country, EmailPrehash, PhonePrehash};
use report::{Arg, Text, shown};
use serde_json::{Map as Members, Value, json};
use tabular::{
    CsvOptions, Dates, Delimiter, Encoding, Field, Format, Ignore, Need, Reading, Schema, cell,
    is_tag,
};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::dates;
use crate::digest::{MapDigest, canonical};
use crate::error::{MapError, MapFaults};
use crate::field::{self, FieldRules, Named, Values};
use crate::pattern::Pattern;
use crate::scan::{Node, Scan, nearby, other};

/// A map: how the columns of each input become our fields.
#[derive(Debug, Clone)]
pub struct Map {
    /// Sections, one for each kind of input, in the order of the file.
    pub inputs: Vec<InputMap>,
    canonical: String,
    digest: MapDigest,
}

/// A section of a map.
#[derive(Debug, Clone)]
pub struct InputMap {
    /// The line of the map on which it begins.
    pub line: usize,
    /// Source of the rows.
    pub tag: Option<String>,
    /// Names of the files that it fits.
    pub files: Vec<Pattern>,
    /// Reason why these people agreed to the purpose, in the words of its owner.
    pub statement: Option<String>,
    /// Reading of such a file.
    pub reading: Arc<Reading>,
}

impl Map {
    /// Reads a map for files of this schema.
    ///
    /// # Errors
    ///
    /// [`MapFaults`]: every fault, and every question that is open.
    pub fn parse(text: &str, schema: &'static Schema) -> Result<Self, MapFaults> {
        let mut scan = Scan::new(text);
        let mut inputs = Vec::new();
        let mut said = Vec::new();
        if let Some(document) = scan.document() {
            let document = document.get_ref();
            scan.keys(document, &["map", "input"], "map");
            version(&mut scan, document);
            for section in sections(&mut scan, document) {
                let (input, json) = Section::read(&mut scan, section, schema);
                inputs.push(input);
                said.push(json);
            }
            reachable(&mut scan, &inputs);
        }
        scan.end()?;
        let canonical = canonical(&json!({ "map": 1, "input": said }));
        let digest = MapDigest::of(&canonical);
        Ok(Self { inputs, canonical, digest })
    }

    /// Reads the map in a file.
    ///
    /// # Errors
    ///
    /// [`MapError`], for the author of the map.
    pub fn read(path: &Path, schema: &'static Schema) -> Result<Self, MapError> {
        let unreadable = |source| MapError::Unreadable { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAP_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let not_text = || MapError::NotText { path: path.to_path_buf() };
        if bytes.len() as u64 > MAP_BYTES_MAX {
            return Err(not_text());
        }
        let text = String::from_utf8(bytes).map_err(|_| not_text())?;
        // Editors of one system begin a file with this mark.
        let text = text.trim_start_matches('\u{FEFF}');
        Self::parse(text, schema).map_err(|faults| MapError::faulty(path, faults))
    }

    /// Digest of what the map says.
    #[must_use]
    pub const fn digest(&self) -> MapDigest {
        self.digest
    }

    /// Canonical JSON of what the map says [C-20].
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// Checks the line `map = 1`.
fn version(scan: &mut Scan<'_>, document: &DeTable<'_>) {
    let Some((_, value)) = document.iter().find(|(key, _)| key.get_ref() == "map") else {
        scan.fault_of_all(Text::new("map-no-version"));
        return;
    };
    let first = matches!(value.get_ref(), DeValue::Integer(number) if number.as_str() == "1");
    if !first {
        scan.fault(&value.span(), Text::new("map-version"));
    }
}

/// The sections of a map.
fn sections<'n, 't>(scan: &mut Scan<'t>, document: &'n DeTable<'t>) -> Vec<&'n Node<'t>> {
    let Some((key, value)) = document.iter().find(|(key, _)| key.get_ref() == "input") else {
        scan.fault_of_all(Text::new("map-no-input"));
        return Vec::new();
    };
    match value.get_ref() {
        DeValue::Array(sections) => {
            if sections.is_empty() {
                scan.fault(&key.span(), Text::new("map-no-input"));
            }
            sections.iter().collect()
        }
        _ => {
            scan.fault(&key.span(), Text::new("map-no-section"));
            Vec::new()
        }
    }
}

/// Refuses sections that no file could choose, and tags that stand twice.
fn reachable(scan: &mut Scan<'_>, inputs: &[InputMap]) {
    let mut tags = BTreeSet::new();
    for input in inputs {
        if inputs.len() > 1 && input.tag.is_none() && input.files.is_empty() {
            scan.fault_on(input.line, Text::new("map-section-unnamed"));
        }
        if let Some(tag) = &input.tag
            && !tags.insert(tag)
        {
            scan.fault_on(input.line, Text::new("map-tag-twice").with("tag", tag));
        }
    }
}

/// A section while it is read.
struct Section<'a, 't> {
    scan: &'a mut Scan<'t>,
    table: &'a DeTable<'t>,
    schema: &'static Schema,
    reading: Reading,
    /// Canonical form of what the section says.
    said: Members<String, Value>,
}

impl<'a, 't> Section<'a, 't> {
    fn read(
        scan: &'a mut Scan<'t>,
        node: &'a Node<'t>,
        schema: &'static Schema,
    ) -> (InputMap, Value) {
        let line = scan.line(&node.span());
        let mut input = InputMap {
            line,
            tag: None,
            files: Vec::new(),
            statement: None,
            reading: Arc::default(),
        };
        let Some(table) = scan.table("input", node) else { return (input, Value::Null) };
        scan.keys(table, &KEYS, "input");
        let reading = Reading::default();
        let mut section = Self { scan, table, schema, reading, said: Members::new() };
        input.tag = section.tag();
        input.files = section.files();
        section.form();
        section.times();
        section.rows();
        section.digests();
        let named = section.fields();
        section.ignore(&named);
        section.declared(&named, &node.span());
        input.statement = section.statement(&named, &node.span());
        let Section { reading, said, .. } = section;
        input.reading = Arc::new(reading);
        (input, Value::Object(said))
    }

    fn get(&self, name: &str) -> Option<&'a Node<'t>> {
        self.table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value)
    }

    fn say(&mut self, name: &str, value: Value) {
        self.said.insert(name.to_owned(), value);
    }

    /// The text of a key, read by `parse`, whose refusal is told by the text of this id.
    fn parsed<T>(
        &mut self,
        name: &str,
        question: &Text,
        parse: impl FnOnce(&str) -> Result<T, Text>,
    ) -> Option<T> {
        let node = self.get(name)?;
        let text = self.scan.text(name, node, question)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(what) => {
                self.scan.fault(&node.span(), what);
                None
            }
        }
    }

    fn tag(&mut self) -> Option<String> {
        let tag = self.parsed("tag", &other("tag"), |text| {
            let fault = || Text::new("map-tag").with("tag", shown(text));
            is_tag(text).then(|| text.to_owned()).ok_or_else(fault)
        })?;
        self.say("tag", json!(tag));
        Some(tag)
    }

    fn files(&mut self) -> Vec<Pattern> {
        let Some(node) = self.get("files") else { return Vec::new() };
        let mut patterns = BTreeSet::new();
        for (text, span) in self.scan.list("files", node) {
            match Pattern::new(&text) {
                Some(pattern) => {
                    patterns.insert(pattern);
                }
                None => self.scan.fault(&span, Text::new("map-files").with("text", shown(&text))),
            }
        }
        self.say("files", patterns.iter().map(|pattern| json!(pattern.as_str())).collect());
        patterns.into_iter().collect()
    }

    /// Reads the form of the file.
    fn form(&mut self) {
        const FORMATS: [Format; 3] = [Format::Csv, Format::Ndjson, Format::Parquet];
        let format = self.parsed("format", &other("format"), |text| {
            let known = FORMATS.into_iter().find(|format| format.name() == text);
            known.ok_or_else(|| Text::new("map-format"))
        });
        if let Some(format) = format {
            self.reading.format = Some(format);
            self.say("format", json!(format.name()));
        }
        let encoding = self.parsed("encoding", &other("encoding"), |text| {
            let names = Encoding::ALL.map(Encoding::name);
            let fault = || nearby(Text::new("map-encoding"), text, &names);
            Encoding::parse(text).ok_or_else(fault)
        });
        let delimiter = self.parsed_delimiter();
        let csv = CsvOptions::default();
        if let Some(encoding) = encoding.filter(|encoding| *encoding != csv.encoding) {
            self.reading.csv.encoding = encoding;
            self.say("encoding", json!(encoding.name()));
        }
        if let Some(delimiter) = delimiter.filter(|delimiter| *delimiter != csv.delimiter) {
            self.reading.csv.delimiter = delimiter;
            self.say("delimiter", json!(delimiter.character().to_string()));
        }
    }

    /// The delimiter, which may be a tab: the one key whose text may be white space.
    fn parsed_delimiter(&mut self) -> Option<Delimiter> {
        let node = self.get("delimiter")?;
        if let DeValue::String(text) = node.get_ref()
            && let Some(delimiter) = Delimiter::parse(text)
        {
            return Some(delimiter);
        }
        self.parsed("delimiter", &other("delimiter"), |_| Err(Text::new("map-delimiter")))
    }

    /// Reads form and zone of times.
    fn times(&mut self) {
        if let Some(node) = self.get("dates")
            && let Some(dates) = read_dates(self.scan, node, "")
        {
            if dates != Dates::Iso {
                self.say("dates", json!(dates::written(&dates)));
            }
            self.reading.dates = dates;
        }
        if let Some(node) = self.get("zone")
            && let Some((name, zone)) = read_zone(self.scan, node)
        {
            self.say("zone", json!(name));
            self.reading.zone = Some(zone);
        }
    }

    /// Reads what holds of rows: region, prefix, further words for an absent value.
    fn rows(&mut self) {
        let region = self.parsed("region", &Text::new("map-question-region"), |text| {
            let upper = text.to_ascii_uppercase();
            let known = Country::from_code(&upper).is_some();
            let fault = Text::new(if known { "map-region-case" } else { "map-region" });
            Country::from_code(text).ok_or_else(|| fault.with("code", shown(&upper)))
        });
        if let Some(region) = region {
            self.reading.region = Some(region);
            self.say("region", json!(region.as_str()));
        }
        let prefix = self.parsed("row_prefix", &other("row_prefix"), |text| {
            let long = text.len() > ROW_PREFIX_BYTES_MAX || text.chars().any(char::is_control);
            if long { Err(Text::new("map-row-prefix")) } else { Ok(text.to_owned()) }
        });
        if let (Some(node), None) = (self.get("row_prefix"), self.schema.find("row_id")) {
            self.scan.fault(&node.span(), Text::new("map-row-prefix-graph"));
        }
        if let Some(prefix) = prefix {
            self.say("row_prefix", json!(prefix));
            self.reading.row_prefix = prefix;
        }
        if let Some(node) = self.get("nulls") {
            for (text, span) in self.scan.list("nulls", node) {
                let folded = field::fold(&text);
                if says_something(&folded) {
                    let what = Text::new("map-nulls").with("text", shown(&text));
                    self.scan.fault(&span, what);
                }
                self.reading.nulls.insert(folded);
            }
            self.say("nulls", json!(self.reading.nulls));
        }
    }

    /// Reads the rules that made digests.
    fn digests(&mut self) {
        let Some(node) = self.get("digests") else { return };
        let Some(table) = self.scan.table("digests", node) else { return };
        let phones = self.schema.find(PHONE_SHA256).is_some();
        let known: &[&str] = if phones { &[EMAIL_SHA256, PHONE_SHA256] } else { &[EMAIL_SHA256] };
        self.scan.keys(table, known, "digests");
        let mut said = Members::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                continue;
            }
            let Some(rule) = self.scan.text(name, value, &other(name)) else { continue };
            let rule = rule.trim();
            let read = if name == EMAIL_SHA256 {
                self.reading.email_sha256 = EmailPrehash::parse(rule);
                self.reading.email_sha256.is_some()
            } else {
                self.reading.phone_sha256 = PhonePrehash::parse(rule);
                self.reading.phone_sha256.is_some()
            };
            if read {
                said.insert(name.to_owned(), json!(rule));
            } else {
                self.scan.fault(&value.span(), Text::new("map-digests").with("name", name));
            }
        }
        if !said.is_empty() {
            self.say("digests", Value::Object(said));
        }
    }

    /// Reads the fields; the columns that each of them names.
    fn fields(&mut self) -> Vec<Named> {
        let Some(node) = self.get("fields") else { return Vec::new() };
        let Some(table) = self.scan.table("fields", node) else { return Vec::new() };
        let known = field::names(self.schema);
        let family = |name: &str| self.schema.families.iter().any(|start| name.starts_with(start));
        let mut named = Vec::new();
        let mut fields = BTreeMap::new();
        let mut said = Members::new();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let position = known.contains(&name).then(|| self.schema.find(name)).flatten();
            if position.is_none() && !family(name) {
                self.refuse_field(key, &known);
                continue;
            }
            let column = position.and_then(|at| self.schema.columns.get(at));
            let mut field = Named {
                field: name.to_owned(),
                rules: FieldRules::of(column),
                columns: Vec::new(),
                decides: false,
            };
            // A field that is asked for, or at fault, is not missing.
            if let Some(read) = field::read(self.scan, &mut field, value) {
                said.insert(name.to_owned(), read.said);
                if let Some(position) = position {
                    fields.insert(position, read.field);
                }
            }
            named.push(field);
        }
        for column in self.schema.columns.iter().filter(|column| column.need == Need::Required) {
            if !named.iter().any(|field| field.field == column.name) {
                let what = Text::new("map-field-missing").with("name", column.name);
                self.scan.fault(&node.span(), what);
            }
        }
        let one_of = self.schema.one_of.iter().map(|at| self.schema.name(*at));
        let one_of: Vec<&str> = one_of.filter(|name| known.contains(name)).collect();
        if !one_of.is_empty() && !named.iter().any(|field| one_of.contains(&&*field.field)) {
            let names = one_of.iter().map(|name| Text::new("map-name").with("name", *name));
            let what = Text::new("map-field-none-of").with("names", Arg::List(names.collect()));
            self.scan.fault(&node.span(), what);
        }
        self.nulls_and_values(&fields, &node.span());
        self.reading.fields = Some(fields);
        self.say("fields", Value::Object(said));
        named
    }

    /// Refuses a name that is no field: unknown, or a further column of one.
    fn refuse_field(&mut self, key: &Spanned<Cow<'_, str>>, known: &[&str]) {
        let name = key.get_ref().as_ref();
        let at = self.schema.find(name);
        let before = |at: usize| {
            let columns = self.schema.columns.get(..at)?;
            columns.iter().rev().find(|column| !column.further)
        };
        match at.and_then(before) {
            Some(first) => {
                let what = Text::new("map-field-further").with("name", name);
                self.scan.fault(&key.span(), what.with("first", first.name));
            }
            None => self.scan.unknown(Text::new("map-unknown-field"), key, known),
        }
    }

    /// Refuses a word that stands for nothing here and for something in a list of values.
    fn nulls_and_values(&mut self, fields: &BTreeMap<usize, Field>, span: &Range<usize>) {
        for values in fields.values().filter_map(|field| field.values.as_ref()) {
            if let Some(word) = values.keys().find(|word| self.reading.nulls.contains(*word)) {
                let what = Text::new("map-null-listed").with("text", shown(word));
                self.scan.fault(span, what);
            }
        }
    }

    /// Reads the columns that are not looked at.
    fn ignore(&mut self, named: &[Named]) {
        let used: BTreeSet<&str> =
            named.iter().flat_map(|named| named.columns.iter().map(String::as_str)).collect();
        let mut ignored = BTreeSet::new();
        let mut others = false;
        if let Some(node) = self.get("ignore") {
            let alone = matches!(node.get_ref(), DeValue::String(text) if text.as_ref() == "*");
            if alone {
                others = true;
                self.say("ignore", json!("*"));
            } else {
                for (text, span) in self.scan.list("ignore", node) {
                    let what = match text.as_str() {
                        "*" => Text::new("map-ignore-star"),
                        "objections" => Text::new("map-ignore-objections"),
                        name if used.contains(name) => Text::new("map-ignore-used"),
                        _ => {
                            ignored.insert(text);
                            continue;
                        }
                    };
                    self.scan.fault(&span, what.with("name", shown(&text)));
                }
                self.say("ignore", json!(ignored));
            }
        }
        // Fields of families are accepted and not used in this version.
        let family = |named: &&Named| self.schema.find(&named.field).is_none();
        let used: BTreeSet<&String> =
            named.iter().filter(|named| !family(named)).flat_map(|named| &named.columns).collect();
        let unused = named.iter().filter(family).flat_map(|named| &named.columns);
        ignored.extend(unused.filter(|column| !used.contains(column)).cloned());
        self.reading.ignore = if others { Ignore::Others } else { Ignore::Named(ignored) };
    }

    /// Refuses columns of digests whose rules nobody declares.
    fn declared(&mut self, named: &[Named], span: &Range<usize>) {
        let missing = [
            (EMAIL_SHA256, self.reading.email_sha256.is_none(), "plain"),
            (PHONE_SHA256, self.reading.phone_sha256.is_none(), "phone-e164"),
        ];
        let said = self.get("digests").map(|node| node.get_ref());
        for (name, missing, example) in missing {
            // A rule that is asked for, or at fault, is told as such.
            let told = match said {
                None => false,
                Some(DeValue::Table(rules)) => rules.keys().any(|key| key.get_ref() == name),
                Some(_) => true,
            };
            if missing && !told && named.iter().any(|named| named.field == name) {
                let what = Text::new("map-digests-missing").with("name", name);
                self.scan.fault(span, what.with("example", example));
            }
        }
    }

    /// Reads the statement, which values of consent need.
    fn statement(&mut self, named: &[Named], span: &Range<usize>) -> Option<String> {
        let consent = named.iter().find(|named| named.rules.values == Values::Consent);
        let column = consent.and_then(|consent| consent.columns.first()).map_or("", String::as_str);
        let question = field::question_of_statement(column);
        let Some(node) = self.get("statement") else {
            if consent.is_some_and(|consent| consent.decides) {
                self.scan
                    .fault(span, Text::new("map-statement-missing").with("question", question));
            }
            return None;
        };
        let text = self.scan.text("statement", node, &question)?;
        let text = text.trim();
        if !is_sentence(text) {
            let what = Text::new("map-statement-short").with("question", question);
            self.scan.fault(&node.span(), what);
            return None;
        }
        self.say("statement", json!(text));
        Some(text.to_owned())
    }
}

/// Reads the form of times of an input or of a field with this column.
pub(crate) fn read_dates(scan: &mut Scan<'_>, node: &Node<'_>, column: &str) -> Option<Dates> {
    let text = scan.text("dates", node, &field::question_of_dates(column))?;
    match dates::parse(&text) {
        Ok(dates) => Some(dates),
        Err(fault) => {
            scan.fault(&node.span(), Text::new(fault.id()));
            None
        }
    }
}

/// Reads the zone of times, by the database that the program carries.
pub(crate) fn read_zone(scan: &mut Scan<'_>, node: &Node<'_>) -> Option<(String, TimeZone)> {
    let name = scan.text("zone", node, &Text::new("map-question-zone"))?;
    let zones = TimeZoneDatabase::bundled();
    if let Ok(zone) = zones.get(&name)
        && zone.iana_name() == Some(name.as_str())
        && !zone.is_unknown()
    {
        return Some((name, zone));
    }
    let known: Vec<String> = zones.available().map(|known| known.as_str().to_owned()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let what = nearby(Text::new("map-zone").with("name", shown(&name)), &name, &known);
    scan.fault(&node.span(), what);
    None
}

/// True if a word may not stand for an absent value: an agreement, an objection, a purpose.
fn says_something(folded: &str) -> bool {
    cell::answer(folded) == Some(true) || folded == "all" || field::PURPOSES.contains(&folded)
}

/// True if a statement says something: several words, and letters in them.
fn is_sentence(text: &str) -> bool {
    let words = text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic));
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    !cell::is_null(text) && words.count() >= STATEMENT_WORDS_MIN && letters >= STATEMENT_LETTERS_MIN
}

/// Keys of a section.
const KEYS: [&str; 14] = [
    "tag",
    "files",
    "format",
    "encoding",
    "delimiter",
    "dates",
    "zone",
    "region",
    "row_prefix",
    "nulls",
    "ignore",
    "digests",
    "statement",
    "fields",
];

const EMAIL_SHA256: &str = "email_sha256";
const PHONE_SHA256: &str = "phone_sha256";

/// The largest map that is read.
const MAP_BYTES_MAX: u64 = 1 << 20;

const ROW_PREFIX_BYTES_MAX: usize = 64;
const STATEMENT_WORDS_MIN: usize = 3;
const STATEMENT_LETTERS_MIN: usize = 12;
