//! Patterns of file names: `*` for any characters, `?` for one; nothing else is special.

/// Pattern of the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; `None` if it is empty, or could only fit a path.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = !text.is_empty() && !text.contains(['/', '\\']);
        plain.then(|| Self(text.to_owned()))
    }

    /// The pattern as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if the pattern fits a name, character by character.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        let (mut p, mut n) = (0, 0);
        // Place after the last star, and the first character that this star does not cover yet.
        let mut star: Option<(usize, usize)> = None;
        while let Some(c) = name.get(n) {
            match pattern.get(p) {
                Some('*') => {
                    p += 1;
                    star = Some((p, n));
                }
                Some(expected) if *expected == '?' || expected == c => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    // The last star takes one character more; an earlier one need never do.
                    let Some((after, covered)) = star else { return false };
                    star = Some((after, covered + 1));
                    (p, n) = (after, covered + 1);
                }
            }
        }
        pattern.iter().skip(p).all(|left| *left == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_fit_and_nothing_else_is_special() {
        for (pattern, name, fits) in [
            ("crm_*.csv", "crm_20261130.csv", true),
            ("crm_*.csv", "crm_.csv", true),
            ("crm_*.csv", "CRM_1.csv", false),
            ("klaviyo-*.csv*", "klaviyo-a.csv.gz", true),
            ("*", "", true),
            ("?", "é", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxcxxb", false),
            ("[ab].csv", "a.csv", false),
            ("[ab].csv", "[ab].csv", true),
            ("a.csv", "a.csvx", false),
            ("**x", "yyx", true),
        ] {
            assert_eq!(Pattern::new(pattern).unwrap().fits(name), fits, "{pattern} {name}");
        }
        for refused in ["", "in/*.csv", "in\\a.csv"] {
            assert_eq!(Pattern::new(refused), None);
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_product_of_the_lengths() {
        // A matcher that goes back to every star would not end.
        let pattern = Pattern::new(&"*a".repeat(100)).unwrap();
        assert!(!pattern.fits(&"a".repeat(99)));
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(60))).unwrap().fits(&"a".repeat(5_000)));
    }
}
