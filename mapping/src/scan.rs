//! Reading of a map's TOML: every fault with its line, every `"?"` as an open question.

use std::ops::Range;

use report::{Text, shown};
use tabular::near_misses;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::error::{MapFault, MapFaults, OpenQuestion};

/// Value with its place in the text.
pub(crate) type Node<'t> = Spanned<DeValue<'t>>;

/// A text while it is read, and everything that is wrong with it so far.
pub(crate) struct Scan<'t> {
    text: &'t str,
    found: MapFaults,
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, found: MapFaults::default() }
    }

    /// The document; `None` if its form leaves nothing to judge.
    pub(crate) fn document(&mut self) -> Option<Spanned<DeTable<'t>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut whole = true;
        for error in &errors {
            whole &= error.message() == DUPLICATE;
            self.syntax(error);
        }
        whole.then_some(table)
    }

    fn syntax(&mut self, error: &Error) {
        let span = error.span();
        let what = if error.message() == DUPLICATE {
            let name = span.clone().and_then(|span| self.text.get(span)).map_or("", |name| name);
            Text::new("map-twice").with("name", shown(name))
        } else {
            let why = error.message().lines().next().map_or("", |line| line);
            Text::new("map-not-toml").with("why", shown(why))
        };
        let line = span.map(|span| self.line(&span));
        // What follows an error on its line is often but its echo.
        if !self.found.faults.iter().any(|fault| fault.line == line) {
            self.found.faults.push(MapFault { line, what });
        }
    }

    /// The line on which a place begins.
    pub(crate) fn line(&self, span: &Range<usize>) -> usize {
        self.text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
    }

    pub(crate) fn fault(&mut self, span: &Range<usize>, what: Text) {
        let line = Some(self.line(span));
        self.found.faults.push(MapFault { line, what });
    }

    pub(crate) fn fault_on(&mut self, line: usize, what: Text) {
        self.found.faults.push(MapFault { line: Some(line), what });
    }

    /// A fault of the map as a whole.
    pub(crate) fn fault_of_all(&mut self, what: Text) {
        self.found.faults.push(MapFault { line: None, what });
    }

    /// Notes an open question, once a line.
    pub(crate) fn ask(&mut self, span: &Range<usize>, question: Text) {
        let open = OpenQuestion { line: self.line(span), question };
        if !self.found.open.contains(&open) {
            self.found.open.push(open);
        }
    }

    /// All that was found, in the order of the lines.
    pub(crate) fn end(mut self) -> Result<(), MapFaults> {
        if self.found.faults.is_empty() && self.found.open.is_empty() {
            return Ok(());
        }
        self.found.faults.sort_by_key(|fault| fault.line);
        self.found.open.sort_by_key(|open| open.line);
        Err(self.found)
    }

    /// Refuses keys that a table may not have.
    pub(crate) fn keys(&mut self, table: &DeTable<'_>, known: &[&str], of: &'static str) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let what = Text::new("map-unknown-key").with("of", of);
            self.unknown(what, key, known);
        }
    }

    /// Refuses a name, with those that come near.
    pub(crate) fn unknown(&mut self, what: Text, name: &Spanned<impl AsRef<str>>, known: &[&str]) {
        let shown_name = shown(name.get_ref().as_ref());
        let what = nearby(what.with("name", shown_name), name.get_ref().as_ref(), known);
        self.fault(&name.span(), what);
    }

    /// A text; an empty one is refused, and `"?"` is an open question.
    pub(crate) fn text(&mut self, name: &str, node: &Node<'_>, question: &Text) -> Option<String> {
        let span = node.span();
        match node.get_ref() {
            DeValue::String(text) if text.as_ref() == OPEN => {
                self.ask(&span, question.clone());
                None
            }
            DeValue::String(text) if text.trim().is_empty() => {
                self.fault(&span, Text::new("map-empty").with("name", shown(name)));
                None
            }
            DeValue::String(text) => Some(text.to_string()),
            _ => {
                self.fault(&span, Text::new("map-no-text").with("name", shown(name)));
                None
            }
        }
    }

    /// Texts of a list, or one that stands alone, each with its place; an empty list is refused.
    pub(crate) fn texts(
        &mut self,
        name: &str,
        node: &Node<'_>,
        question: &Text,
    ) -> Vec<(String, Range<usize>)> {
        let DeValue::Array(entries) = node.get_ref() else {
            let alone = self.text(name, node, question);
            return alone.map(|text| (text, node.span())).into_iter().collect();
        };
        if entries.is_empty() {
            self.fault(&node.span(), Text::new("map-empty").with("name", shown(name)));
        }
        let mut texts: Vec<(String, Range<usize>)> = Vec::new();
        for entry in entries.iter() {
            let Some(text) = self.text(name, entry, question) else { continue };
            if texts.iter().any(|(known, _)| *known == text) {
                let what = Text::new("map-listed-twice").with("name", shown(name));
                self.fault(&entry.span(), what.with("text", shown(&text)));
            } else {
                texts.push((text, entry.span()));
            }
        }
        texts
    }

    /// Texts of a list; a text that stands alone is refused.
    pub(crate) fn list(&mut self, name: &str, node: &Node<'_>) -> Vec<(String, Range<usize>)> {
        match node.get_ref() {
            DeValue::Array(_) => self.texts(name, node, &other(name)),
            DeValue::String(text) if text.as_ref() == OPEN => {
                self.ask(&node.span(), other(name));
                Vec::new()
            }
            _ => {
                self.fault(&node.span(), Text::new("map-no-list").with("name", shown(name)));
                Vec::new()
            }
        }
    }

    /// A table.
    pub(crate) fn table<'n, 'd>(
        &mut self,
        name: &str,
        node: &'n Node<'d>,
    ) -> Option<&'n DeTable<'d>> {
        match node.get_ref() {
            DeValue::Table(table) => Some(table),
            DeValue::String(text) if text.as_ref() == OPEN => {
                self.ask(&node.span(), other(name));
                None
            }
            _ => {
                self.fault(&node.span(), Text::new("map-no-table").with("name", shown(name)));
                None
            }
        }
    }

    /// True if a value is an open question, which is noted.
    pub(crate) fn asks(&mut self, node: &Node<'_>, question: Text) -> bool {
        let open = matches!(node.get_ref(), DeValue::String(text) if text.as_ref() == OPEN);
        if open {
            self.ask(&node.span(), question);
        }
        open
    }
}

/// The text with the names that come near, and with their number.
pub(crate) fn nearby(text: Text, name: &str, known: &[&str]) -> Text {
    let near = near_misses(name, known.iter().copied());
    let count = match near.len() {
        0 => "none",
        1 => "one",
        2 => "two",
        _ => "three",
    };
    let at = |at: usize| near.get(at).map_or("", |name| name.as_str()).to_owned();
    text.with("near", count).with("a", at(0)).with("b", at(1)).with("c", at(2))
}

/// Question about a key that has none of its own.
pub(crate) fn other(name: &str) -> Text {
    Text::new("map-question-other").with("name", shown(name))
}

/// The answer that is still to be given.
const OPEN: &str = "?";

/// The library's words for a key that is set twice.
const DUPLICATE: &str = "duplicate key";
