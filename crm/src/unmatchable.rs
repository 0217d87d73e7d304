//! Identifiers that cannot match under the invitation: left out, counted, and told in words.

use normalize::Reason;
use report::Text;
use serde_json::Value;

use crate::InputCounts;

/// Identifiers left out of an input because no table of the invitation holds it.
#[derive(Debug)]
pub struct Unmatchable(Vec<(&'static str, u64, &'static str)>);

impl Unmatchable {
    /// Looks among the values that were left out.
    #[must_use]
    pub fn find(counts: &InputCounts) -> Self {
        let one = |(reason, why): &(Reason, &'static str)| {
            let count = counts.identifiers_rejected.get(reason.code())?;
            Some((reason.code(), *count, *why))
        };
        Self(WHY.iter().filter_map(one).collect())
    }

    /// A sentence for each reason.
    pub fn lines(&self) -> impl Iterator<Item = Text> {
        self.0.iter().map(|(code, count, id)| Text::new(id).with("n", *count).with("code", *code))
    }

    /// Counts by reason code.
    #[must_use]
    pub fn json(&self) -> Value {
        let counts = self.0.iter().map(|(code, count, _)| ((*code).to_owned(), (*count).into()));
        Value::Object(counts.collect())
    }
}

/// The reasons that lie in the invitation, and not in the values.
const WHY: [(Reason, &str); 3] = [
    (Reason::KindNotInTerms, "unmatchable-kind"),
    (Reason::HouseholdNotInTerms, "unmatchable-household"),
    (Reason::PhoneMobileUnknown, "unmatchable-mobile-unknown"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_reason_of_the_invitation_is_told_with_its_count() {
        let rejected = [("phone_mobile_unknown", 12), ("kind_not_in_terms", 3), ("email_no_at", 7)];
        let rejected = rejected.map(|(code, count)| (code.to_owned(), count));
        let counts = InputCounts {
            identifiers_rejected: BTreeMap::from(rejected),
            ..InputCounts::default()
        };
        let found = Unmatchable::find(&counts);
        let lines: Vec<String> = found.lines().map(|line| line.to_string()).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].contains(" 3 identifiers") && lines[0].ends_with("(kind_not_in_terms)"));
        assert!(lines[1].contains(" 12 telephone numbers"), "{lines:?}");
        let json = serde_json::json!({ "kind_not_in_terms": 3, "phone_mobile_unknown": 12 });
        assert_eq!(found.json(), json);
        assert_eq!(Unmatchable::find(&InputCounts::default()).lines().count(), 0);
    }
}
