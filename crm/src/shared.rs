//! An identifier that too many rows hold: nearly always a defect of the export, such as a shop's
//! own address in the column of customers.
//!
//! A run stops there before anything leaves, until the operator says that it is meant. Counts and
//! the kind are told, never the value.

use report::Text;

use crate::InputCounts;

/// The identifier that most rows hold, where it is in more than 0.5 % of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WidelyShared {
    kind: String,
    /// Rows that hold it.
    rows: u64,
    /// Rows that may be used.
    eligible: u64,
}

impl WidelyShared {
    /// Looks among the identifiers that are used and those that were refused for being shared.
    #[must_use]
    pub fn find(counts: &InputCounts) -> Option<Self> {
        let shared = counts.shared.iter().chain(&counts.shared_refused);
        let (kind, most) = shared.max_by_key(|(_, shared)| shared.rows_max)?;
        let rows = most.rows_max;
        let many = rows > ROWS_USUAL && rows.saturating_mul(200) > counts.eligible;
        many.then(|| Self { kind: kind.clone(), rows, eligible: counts.eligible })
    }

    /// The identifier's kind and counts, in a sentence.
    pub fn told(&self) -> Text {
        let Self { kind, rows, eligible } = self;
        Text::new("widely-shared")
            .with("kind", kind)
            .with("rows", *rows)
            .with("eligible", *eligible)
    }
}

/// Rows of one household or one customer that nobody wonders about.
const ROWS_USUAL: u64 = 5;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::SharedIdentifiers;

    use super::*;

    fn counts(used: u64, refused: u64, eligible: u64) -> InputCounts {
        let by_kind = |kind: &str, rows_max| {
            let shared = SharedIdentifiers { identifiers: 1, rows_max };
            BTreeMap::from([(kind.to_owned(), shared)])
        };
        InputCounts {
            eligible,
            shared: by_kind("email.strict", used),
            shared_refused: by_kind("phone", refused),
            ..InputCounts::default()
        }
    }

    #[test]
    fn more_than_one_row_in_two_hundred_is_told_with_count_and_kind() {
        let found = WidelyShared::find(&counts(3, 11, 2_000)).unwrap();
        assert_eq!((found.kind.as_str(), found.rows), ("phone", 11));
        let text = found.told().to_string();
        for part in ["11 rows", "2,000 eligible"] {
            assert!(text.contains(part), "no {part:?} in {text}");
        }
        assert_eq!(WidelyShared::find(&counts(3, 10, 2_000)), None);
        // A household in a short file is nothing to wonder about.
        assert_eq!(WidelyShared::find(&counts(5, 0, 100)), None);
        assert_eq!(WidelyShared::find(&InputCounts::default()), None);
    }
}
