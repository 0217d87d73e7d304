//! Costs of a run, against what is left by our own count: privacy loss, and telephone numbers
//! that its terms declare.
//!
//! The provider counts too, over all partners of a group. Our own count holds whatever it says.

use crm::{InputCounts, Shape};
use ledger::{Ledger, Partner};
use node::failure::Failure;
use protocol::identifier::IdentifierKind;
use protocol::limits::Limits;
use protocol::terms::MatchTerms;
use report::{Arg, Code, Diagnose, Text};

/// Refuses a run that has no room in the epoch, or asks for more telephone numbers than its terms
/// will declare.
///
/// # Errors
///
/// [`Failure`], before anything is sent.
pub(crate) fn check(
    (ledger, provider): (Option<&Ledger>, &Partner),
    terms: &MatchTerms,
    (counts, shape): (&InputCounts, &Shape),
    now: u64,
) -> Result<(), Failure> {
    let phones = phones(counts).min(shape.elements);
    if phones > terms.phone_evaluations_max {
        let text = Text::new("run-phones").with("phones", phones);
        let text = text.with("most", terms.phone_evaluations_max);
        return Err(Failure::new(Code::ToDoFirst, text));
    }
    let asked = (terms.epsilon_milli, terms.epsilon_epoch_milli);
    let renews_at = match ledger {
        Some(ledger) => ledger.epsilon_renews_at(provider, asked, now)?,
        None => None,
    };
    match renews_at {
        None => Ok(()),
        Some(renews_at) => {
            Err(PrivacySpent { most: terms.epsilon_epoch_milli, renews_at, now }.into())
        }
    }
}

/// Telephone numbers that terms declare: those of the input, rounded up to whole frames so that
/// their number is not told, and at most as many as both sides allow.
pub(crate) fn declared(counts: &InputCounts, most: u64) -> u64 {
    let whole_frames = Limits::STANDARD.padded(phones(counts).max(1));
    whole_frames.map_or(most, |numbers| numbers.min(most))
}

/// Telephone numbers of the eligible rows.
fn phones(counts: &InputCounts) -> u64 {
    let kinds = [IdentifierKind::PHONE, IdentifierKind::PHONE_DIGITS];
    kinds.iter().filter_map(|kind| counts.identifiers.get(kind.name())).sum()
}

/// Privacy loss of an epoch that is spent by our own count.
#[derive(Debug, Clone, Copy)]
struct PrivacySpent {
    most: u32,
    renews_at: u64,
    now: u64,
}
report::told_in_english!(PrivacySpent);
impl std::error::Error for PrivacySpent {}

impl Diagnose for PrivacySpent {
    fn code(&self) -> Code {
        Code::EpsilonExceeded
    }

    fn text(&self) -> Text {
        Text::new("run-epsilon-spent")
            .with("most", Arg::Decimal(self.most.into(), 3))
            .with("time", Arg::Time(self.renews_at))
    }

    fn retry_after_s(&self) -> Option<u64> {
        self.renews_at.checked_sub(self.now)
    }

    fn renews_at(&self) -> Option<u64> {
        Some(self.renews_at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::identifier::RulesetId;
    use protocol::suite::Profile;

    use super::*;
    use crate::request::Request;

    #[test]
    fn run_that_holds_more_telephone_numbers_than_it_declares_is_not_sent() {
        let shape =
            Request::parse("match-rate", None).unwrap().shape_of(20_000, 40_000, 2).unwrap();
        let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE];
        let defaults = MatchTerms::defaults(Profile::MatchRate, RulesetId::CRM_FR_1, &kinds);
        let terms = MatchTerms { phone_evaluations_max: 9_000, ..defaults };
        let of = |phones: u64| {
            let identifiers =
                BTreeMap::from([("phone".to_owned(), phones), ("email.strict".to_owned(), 30_000)]);
            let counts = InputCounts { identifiers, ..InputCounts::default() };
            check((None, &[1; 32]), &terms, (&counts, &shape), 0)
        };
        of(9_000).unwrap();
        let refused = of(9_001).unwrap_err();
        assert_eq!(refused.exit().code(), 78);
        assert!(refused.text().to_string().contains("9,001"), "{refused}");
    }

    #[test]
    fn declared_numbers_are_whole_frames_within_what_both_allow() {
        let of = |phones: u64, most| {
            let identifiers = BTreeMap::from([("phone".to_owned(), phones)]);
            declared(&InputCounts { identifiers, ..InputCounts::default() }, most)
        };
        assert_eq!([of(0, 1 << 30), of(1, 1 << 30), of(32_768, 1 << 30)], [32_768; 3]);
        assert_eq!((of(32_769, 1 << 30), of(32_769, 40_000)), (65_536, 40_000));
        // Without a kind of them none may be declared.
        assert_eq!(of(0, 0), 0);
        assert_eq!(of(u64::MAX, 1 << 30), 1 << 30);
    }

    #[test]
    fn spent_epoch_is_told_with_the_time_it_renews() {
        let failure = Failure::from(PrivacySpent {
            most: 8_000,
            renews_at: 1_800_000_000,
            now: 1_799_999_000,
        });
        assert_eq!(failure.exit().code(), 82);
        let json = failure.json(&node::failure::Reader::LOG);
        assert_eq!(
            (json["code"].as_str(), json["retry_after_s"].as_u64()),
            (Some("V0313"), Some(1_000))
        );
        assert_eq!(json["renews_at"], "2027-01-15T08:00:00Z");
    }
}
