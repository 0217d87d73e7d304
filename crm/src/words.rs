//! Words of a consent or objection column that nobody explained.
//!
//! A file whose column says `SUBSCRIBED` where a purpose should stand has no eligible row, and its
//! owner has to see why. A value of such a column may still be about a person in a broken file, so
//! only words of a short list are ever shown, to the owner alone, and kept nowhere.

use std::collections::BTreeMap;

use report::{Arg, Text};

use super::columns;

/// Words of a column that are in nobody's list of meanings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWords {
    /// The field, by our name.
    pub field: &'static str,
    /// The most frequent words, each with its rows.
    pub words: Vec<(String, u64)>,
    /// Rows whose cell nobody explained.
    pub rows: u64,
}

impl UnknownWords {
    /// Sentence that names the words.
    pub fn told(&self) -> Text {
        let word = |(word, n): &(String, u64)| {
            Text::new("crm-unknown-word").with("word", word).with("n", *n)
        };
        let text = Text::new(match self.field == columns::name(columns::OBJECTIONS) {
            true => "crm-unknown-objections",
            false => "crm-unknown-purposes",
        });
        text.with("column", self.field)
            .with("words", Arg::List(self.words.iter().map(word).collect()))
            .with("n", self.rows)
    }
}

/// Unknown words of one column, as far as they are few.
#[derive(Debug, Default)]
pub(super) struct Words {
    rows: u64,
    words: BTreeMap<String, u64>,
    /// True if there are too many different words for a list that people chose.
    many: bool,
}

impl Words {
    /// Counts a cell; its text is kept only if it can be shown.
    pub(super) fn note(&mut self, cell: &str) {
        self.rows += 1;
        if self.many || !is_word(cell) {
            return;
        }
        match self.words.get_mut(cell) {
            Some(rows) => *rows += 1,
            None => {
                self.words.insert(cell.to_owned(), 1);
                self.limit();
            }
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        self.rows += other.rows;
        self.many |= other.many;
        for (word, rows) in other.words {
            *self.words.entry(word).or_default() += rows;
        }
        self.limit();
    }

    fn limit(&mut self) {
        if self.many || self.words.len() > DIFFERENT_MAX {
            self.many = true;
            self.words.clear();
        }
    }

    /// The words that are shown: frequent ones of a short list.
    pub(super) fn shown(self, field: &'static str) -> Option<UnknownWords> {
        let rows = self.rows;
        let frequent = |(_, of): &(String, u64)| *of >= ROWS_MIN || *of == rows;
        let mut words: Vec<(String, u64)> = self.words.into_iter().filter(frequent).collect();
        words.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        words.truncate(SHOWN_MAX);
        (!words.is_empty()).then_some(UnknownWords { field, words, rows })
    }
}

/// True for a word of a list that people choose from: short, of letters and few digits, no address.
fn is_word(cell: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let length = cell.chars().count();
    (1..=LETTERS_MAX).contains(&length) && cell.chars().all(plain) && digits <= DIGITS_MAX
}

const LETTERS_MAX: usize = 24;
const DIGITS_MAX: usize = 5;
/// Different words of a column that people chose; more are free text.
const DIFFERENT_MAX: usize = 20;
/// Rows that a word must stand in, unless it stands in all.
const ROWS_MIN: u64 = 20;
const SHOWN_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn words(cells: &[(&str, u64)]) -> Words {
        let mut words = Words::default();
        for (cell, rows) in cells {
            (0..*rows).for_each(|_| words.note(cell));
        }
        words
    }

    #[test]
    fn the_most_frequent_words_of_a_short_list_are_shown() {
        let mut of = words(&[("SUBSCRIBED", 40), ("UNSUBSCRIBED", 25), ("rare", 19)]);
        of.absorb(words(&[("NEVER_SUBSCRIBED", 20), ("À confirmer", 30), ("SUBSCRIBED", 1)]));
        let shown = of.shown("consent_purposes").unwrap();
        let expected = [("SUBSCRIBED", 41), ("À confirmer", 30), ("UNSUBSCRIBED", 25)];
        assert_eq!(shown.words, expected.map(|(word, n)| (word.to_owned(), n)));
        assert_eq!(shown.rows, 135);
        let text = shown.told().to_string();
        assert!(text.contains("`SUBSCRIBED` (41)") && text.contains("consent_purposes"), "{text}");
        // Of a small file the one word of all rows.
        assert_eq!(words(&[("oui", 3)]).shown("objections").unwrap().words.len(), 1);
    }

    #[test]
    fn nothing_about_a_person_is_ever_shown() {
        for cell in [
            "someone@exemple.fr",
            "+33612345678",
            "0612345678",
            "06 12 34 56 78",
            "12 rue de la Paix, Paris",
            "a word of more than 24 letters",
            "",
        ] {
            assert_eq!(words(&[(cell, 100)]).shown("consent_purposes"), None, "{cell}");
        }
        // Names of people are many different words.
        let mut of = Words::default();
        for at in 0..1_000_u32 {
            of.note(&format!("Camille {}", char::from_u32(0x61 + at % 26).unwrap()));
        }
        assert_eq!(of.shown("consent_purposes"), None);
        let mut other = words(&[("SUBSCRIBED", 100)]);
        let names: Vec<String> = (b'a'..=b'z').map(|c| char::from(c).to_string()).collect();
        let many = names.iter().map(|name| (name.as_str(), 50)).collect::<Vec<_>>();
        other.absorb(words(&many));
        assert_eq!(other.shown("consent_purposes"), None);
    }
}
