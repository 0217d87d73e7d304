//! Looks at files: their form, encoding and columns, and what stands in each column.
//!
//! A file is read to its end, twice if it is text, in bounded memory whatever it holds: of each
//! column are kept at most 20 distinct values, counts, and a sample of hashes that shows repeated
//! values. Nothing of it is written down but what a proposal shows.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};

use tabular::look::{self, Sheet};
use tabular::{ColumnName, CsvOptions, Delimiter, Format, InputFile, SourceError, cell};

mod text;
mod times;

pub use self::text::Encodings;
pub use self::times::Dates;
pub(crate) use self::times::{Order, Times};

/// A file as it was found.
#[derive(Debug, Clone)]
pub struct Look {
    /// The file.
    pub file: InputFile,
    /// The form it is read as.
    pub format: Format,
    /// Encoding of a text file.
    pub encodings: Option<Encodings>,
    /// Delimiter of a CSV file.
    pub delimiter: Option<Delimiter>,
    /// Rows.
    pub rows: u64,
    /// Columns in the order of the file.
    pub columns: Vec<Column>,
    /// Names of columns that have no form as text.
    pub unread: Vec<String>,
}

impl Look {
    /// Reads a file to its end.
    ///
    /// # Errors
    ///
    /// [`SourceError`]; the owner of the file has to act.
    pub fn at(file: &InputFile, format: Option<Format>) -> Result<Self, SourceError> {
        let format = look::format(file, format)?;
        let (mut encodings, mut delimiter, mut csv) = (None, None, CsvOptions::default());
        if format != Format::Parquet {
            let found = text::find(look::bytes(file)?).map_err(SourceError::open(&file.shown()))?;
            csv.encoding = found.encodings.first();
            csv.open_last_line = true;
            encodings = Some(found.encodings);
            if format == Format::Csv {
                csv.delimiter = found.delimiter;
                delimiter = Some(found.delimiter);
            }
        }
        let mut unread: Vec<ColumnName> = Vec::new();
        loop {
            let mut look = Self {
                file: file.clone(),
                format,
                encodings: encodings.clone(),
                delimiter,
                rows: 0,
                columns: Vec::new(),
                unread: Vec::new(),
            };
            match look.read(csv, &unread) {
                Ok(()) => return Ok(look),
                // One column more is passed over each time, so that this ends.
                Err(error) => match look::unreadable_column(&error) {
                    Some(name) if !unread.contains(name) => unread.push(name.clone()),
                    _ => return Err(error),
                },
            }
        }
    }

    fn read(&mut self, csv: CsvOptions, unread: &[ColumnName]) -> Result<(), SourceError> {
        let mut sheet = Sheet::open(&self.file, self.format, csv, unread)?;
        let hashes = RandomState::new();
        self.columns = sheet.columns().iter().map(|name| Column::new(name)).collect();
        self.unread = sheet.unread().to_vec();
        while sheet.advance()? {
            self.rows += 1;
            for (column, text) in self.columns.iter_mut().zip(sheet.record()) {
                column.note(text, |cell| hashes.hash_one(cell));
            }
        }
        Ok(())
    }

    /// The column of this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }
}

/// A column as it was found.
#[derive(Debug, Clone)]
pub struct Column {
    /// Name of the column in the file.
    pub name: String,
    /// Cells that hold something.
    pub filled: u64,
    /// Distinct values with their counts, as long as there are no more than 20 and none is long.
    pub values: Option<BTreeMap<String, u64>>,
    /// Times found in it.
    pub(crate) times: Times,
    kinds: Kinds,
    repeats: Repeats,
}

/// Cells of a column by what they look like.
#[derive(Debug, Clone, Default)]
struct Kinds {
    emails: u64,
    international: u64,
    national: u64,
    /// Digits alone that may be a number with or without its country.
    bare: u64,
    digests: u64,
    countries: u64,
    purposes: u64,
}

impl Column {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            filled: 0,
            values: Some(BTreeMap::new()),
            times: Times::default(),
            kinds: Kinds::default(),
            repeats: Repeats::default(),
        }
    }

    fn note(&mut self, text: &str, hash: impl Fn(&str) -> u64) {
        let text = text.trim();
        if cell::is_null(text) {
            return;
        }
        self.filled += 1;
        self.repeats.note(|| hash(text));
        self.times.note(text);
        self.kinds.note(text);
        let Some(values) = &mut self.values else { return };
        if let Some(count) = values.get_mut(text) {
            *count += 1;
        } else if values.len() < VALUES_MAX && text.len() <= VALUE_BYTES_MAX {
            values.insert(text.to_owned(), 1);
        } else {
            self.values = None;
        }
    }

    /// True if no cell holds anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// True if no two of its cells were seen to be equal.
    ///
    /// If there are more than 65,536 distinct values a sample of them is compared, chosen by their
    /// hashes: of the sampled ones every repetition is seen.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        !self.repeats.found
    }

    /// True if nine of ten cells are addresses.
    #[must_use]
    pub fn has_emails(&self) -> bool {
        self.mostly(self.kinds.emails)
    }

    /// True if nine of ten cells can be telephone numbers.
    #[must_use]
    pub fn has_phones(&self) -> bool {
        let Kinds { international, national, bare, .. } = self.kinds;
        self.mostly(international + national + bare)
    }

    /// True if nine of ten cells are telephone numbers with their country.
    #[must_use]
    pub fn has_international_phones(&self) -> bool {
        self.mostly(self.kinds.international)
    }

    /// True if some cell is a telephone number that does not tell its country.
    #[must_use]
    pub const fn has_national_phones(&self) -> bool {
        self.kinds.national > 0
    }

    /// True if nine of ten cells are digests.
    #[must_use]
    pub fn has_digests(&self) -> bool {
        self.mostly(self.kinds.digests)
    }

    /// True if every cell is the code of a country.
    #[must_use]
    pub const fn has_countries(&self) -> bool {
        self.filled > 0 && self.kinds.countries == self.filled
    }

    /// True if every cell is a list of purposes by our own codes.
    #[must_use]
    pub const fn has_purposes(&self) -> bool {
        self.filled > 0 && self.kinds.purposes == self.filled
    }

    /// Form of its times, if it has times. `named` says that its name speaks of a time, so that
    /// numbers by themselves are.
    #[must_use]
    pub fn dates(&self, named: bool) -> Option<Dates> {
        self.times.dates(self.filled, named)
    }

    /// The name as a message shows it.
    #[must_use]
    pub fn shown(&self) -> String {
        ColumnName::new(&self.name).as_str().to_owned()
    }

    fn mostly(&self, count: u64) -> bool {
        let needed = self.filled.checked_mul(9);
        self.filled > 0
            && count.checked_mul(10).zip(needed).is_some_and(|(has, needs)| has >= needs)
    }
}

impl Kinds {
    fn note(&mut self, text: &str) {
        self.emails += u64::from(is_email(text));
        self.digests += u64::from(is_digest(text));
        self.countries += u64::from(is_country(text));
        self.purposes += u64::from(is_purposes(text));
        match phone(text) {
            Some(Phone::International) => self.international += 1,
            Some(Phone::National) => self.national += 1,
            Some(Phone::Bare) => self.bare += 1,
            None => {}
        }
    }
}

/// Sample of the hashes of a column, chosen by the hashes themselves, so that equal values are in
/// it together or not at all.
#[derive(Debug, Clone, Default)]
struct Repeats {
    found: bool,
    /// Low bits that are zero in every hash of the sample.
    level: u32,
    sample: BTreeSet<u64>,
}

impl Repeats {
    fn note(&mut self, hash: impl FnOnce() -> u64) {
        if self.found {
            return;
        }
        let hash = hash();
        if hash.trailing_zeros() < self.level {
            return;
        }
        if !self.sample.insert(hash) {
            self.found = true;
            self.sample = BTreeSet::new();
        } else if self.sample.len() > SAMPLE_MAX {
            self.level += 1;
            let level = self.level;
            self.sample.retain(|hash| hash.trailing_zeros() >= level);
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && normalize::Country::from_code(&text.to_ascii_uppercase()).is_some()
}

fn is_purposes(text: &str) -> bool {
    let mut parts = text.split('|').map(str::trim);
    parts.all(|part| OUR_PURPOSES.iter().any(|code| code.eq_ignore_ascii_case(part)))
}

enum Phone {
    International,
    National,
    Bare,
}

/// Form of a telephone number; spreadsheets put an apostrophe before it.
fn phone(text: &str) -> Option<Phone> {
    let text = text.trim_start_matches('\'');
    let plain =
        |c: char| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '(' | ')' | '/' | '+');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    if !text.chars().all(|c| plain(c) || matches!(c, '\u{A0}' | '\u{202F}')) {
        return None;
    }
    if !(8..=17).contains(&digits) || Times::is_time(text) {
        return None;
    }
    let first = text.trim_start_matches(['(', ' ']);
    Some(match first {
        first if first.starts_with('+') || first.starts_with("00") => Phone::International,
        first if first.starts_with('0') || digits < text.chars().count() => Phone::National,
        _ => Phone::Bare,
    })
}

const VALUES_MAX: usize = 20;
const VALUE_BYTES_MAX: usize = 64;
const SAMPLE_MAX: usize = 1 << 16;
const OUR_PURPOSES: [&str; 5] =
    ["ads.match", "ads.suppress", "ads.measure", "site.personalise", "ads.remove"];

#[cfg(test)]
mod tests {
    use super::*;

    fn look(text: &str) -> Look {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.csv");
        std::fs::write(&path, text).unwrap();
        Look::at(&InputFile::new(&path), None).unwrap()
    }

    #[test]
    fn columns_show_what_stands_in_them() {
        let look = look(
            "id;mail;tel;opt;vide;pays;hash\n\
             1;a@exemple.fr;06 99 00 12 34;OUI;;FR;NULL\n\
             2;b@exemple.fr;+33 6 99 00 12 35;NON;;be;\n\
             3;;0699001236;OUI;n/a;FR;\n",
        );
        assert_eq!((look.rows, look.delimiter), (3, Some(Delimiter::Semicolon)));
        let column = |name: &str| look.column(name).unwrap();
        assert!(column("id").is_unique() && column("id").filled == 3);
        assert!(column("mail").has_emails() && column("mail").filled == 2);
        assert!(column("tel").has_phones() && column("tel").has_national_phones());
        assert!(!column("tel").has_international_phones());
        let values: Vec<_> = column("opt").values.clone().unwrap().into_iter().collect();
        assert_eq!(values, [("NON".to_owned(), 1), ("OUI".to_owned(), 2)]);
        assert!(!column("opt").is_unique());
        assert!(column("vide").is_empty() && column("hash").is_empty());
        assert!(column("pays").has_countries());
    }

    #[test]
    fn memory_stays_bounded_and_repetitions_are_still_seen() {
        let mut column = Column::new("id");
        let hashes = RandomState::new();
        let hash = |cell: &str| hashes.hash_one(cell);
        for id in 0..300_000_u32 {
            column.note(&id.to_string(), hash);
            assert!(column.repeats.sample.len() <= SAMPLE_MAX);
        }
        assert!(column.is_unique() && column.repeats.level >= 2 && column.values.is_none());
        // One in eight of the values at most is compared, so one of these is.
        for id in 0..200_u32 {
            column.note(&id.to_string(), hash);
        }
        assert!(!column.is_unique());
        assert!(column.repeats.sample.is_empty());
    }

    #[test]
    fn a_number_is_told_from_a_day_and_from_a_reference() {
        let is = |text: &str| phone(text).is_some();
        for number in ["+33612345678", "06.12.34.56.78", "(0)6 12 34 56 78", "'+31612345678"] {
            assert!(is(number), "{number}");
        }
        for other in ["12/03/2026", "2026-03-02", "C-0001234567", "1234567", "a@exemple.fr"] {
            assert!(!is(other), "{other}");
        }
    }
}
