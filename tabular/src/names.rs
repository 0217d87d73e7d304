//! Names of columns: how they are shown, which come near, and which are data.

use core::fmt;

/// The name of a column, escaped and capped at 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName(String);

impl ColumnName {
    /// Escapes and caps a name.
    pub fn new(name: &str) -> Self {
        let mut shown = String::new();
        for c in name.chars() {
            let word = (c.is_alphanumeric() && !c.is_ascii()) || SIGNS.contains(c);
            let plain = c.is_ascii_graphic() || c == ' ' || word;
            let piece = if plain { c.to_string() } else { c.escape_default().to_string() };
            if shown.len() + piece.len() > NAME_BYTES_MAX {
                break;
            }
            shown.push_str(&piece);
        }
        Self(shown)
    }

    /// The name as it may be printed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ColumnName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The names that come near to a missing one, the nearest first, three at most.
#[must_use]
pub fn near_misses<'a>(name: &str, columns: impl IntoIterator<Item = &'a str>) -> Vec<ColumnName> {
    let wanted = folded(name);
    let mut near: Vec<(usize, &str)> = Vec::new();
    for column in columns {
        let candidate = folded(column);
        let within = |long: &[char], short: &[char]| {
            short.len() >= 4 && long.windows(short.len()).any(|part| part == short)
        };
        let contains = within(&candidate, &wanted) || within(&wanted, &candidate);
        let distance = distance(&wanted, &candidate);
        let allowed = if wanted.len() < 5 { 1 } else { 2 };
        if distance <= allowed || contains {
            near.push((distance, column));
        }
    }
    near.sort();
    near.into_iter().take(NEAR_MISSES_MAX).map(|(_, column)| ColumnName::new(column)).collect()
}

/// A name without case and separators, cut to a length that comparing can bear.
fn folded(name: &str) -> Vec<char> {
    let kept = name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    kept.take(FOLDED_CHARACTERS_MAX).collect()
}

/// Edit distance of two short names.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b) {
            let above = *slot;
            let changed = diagonal + usize::from(x != y);
            left = changed.min(above + 1).min(left + 1);
            *slot = left;
            diagonal = above;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// True if a name is an address, a telephone number or a digest.
pub(crate) fn looks_like_data(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let letters = name.chars().any(char::is_alphabetic);
    let digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.contains('@') || (digits >= 9 && !letters) || digest
}

/// The longest column name shown.
const NAME_BYTES_MAX: usize = 128;

/// Signs outside ASCII that headers are written with, each seen for what it is.
const SIGNS: &str = "°’«»€£–—·…";

const NEAR_MISSES_MAX: usize = 3;
const FOLDED_CHARACTERS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_names_are_escaped_and_capped() {
        assert_eq!(ColumnName::new("a\u{1b}[2Jb\u{202E}é").as_str(), "a\\u{1b}[2Jb\\u{202e}é");
        assert_eq!(ColumnName::new("N° d’abonné").as_str(), "N° d’abonné");
        assert!(ColumnName::new(&"\u{1b}".repeat(500)).as_str().len() <= NAME_BYTES_MAX);
        assert!(ColumnName::new(&"é".repeat(500)).as_str().len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn edit_distance_is_that_of_levenshtein() {
        let measure = |a: &str, b: &str| {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            distance(&a, &b)
        };
        assert_eq!(measure("email", "emial"), 2);
        assert_eq!(measure("kitten", "sitting"), 3);
        assert_eq!(measure("", "abc"), 3);
        assert_eq!(measure("abc", ""), 3);
        assert_eq!(measure("abc", "abc"), 0);
    }
}
