//! Levels of verification, as tables of rules.
//!
//! A rule is a line in a table: its id in `spec/transcript.md`, a name that never changes, and the
//! function that checks it. Another level is another table.

use protocol::limits::Limits;
use protocol::transcript::Transcript;

use crate::finding::{Checked, absent};
use crate::outline::{Outline, Read};
use crate::replay::FrameReplay;
use crate::{Expected, Input, Parties, finding};

/// Set of rules that are checked together.
#[derive(Debug, Clone, Copy)]
pub struct Level {
    /// Name of the level, `T0` and up.
    pub name: &'static str,
    /// The rules, in the order in which they are checked and told.
    pub rules: &'static [Rule],
}

/// Rule of a level.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Id in `spec/transcript.md`.
    pub id: &'static str,
    /// Stable name, which the texts of the rule carry too.
    pub name: &'static str,
    check: fn(&mut Case<'_>) -> Checked,
}

impl Rule {
    const fn new(
        id: &'static str,
        name: &'static str,
        check: fn(&mut Case<'_>) -> Checked,
    ) -> Self {
        Self { id, name, check }
    }

    pub(crate) fn check(&self, case: &mut Case<'_>) -> Checked {
        (self.check)(case)
    }
}

/// Session under judgement, with everything a rule may look at.
pub(crate) struct Case<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) outline: &'a Outline,
    pub(crate) read: Read,
    pub(crate) parties: Parties,
    pub(crate) input: Input,
    pub(crate) limits: &'a Limits,
    pub(crate) expected: &'a Expected,
    pub(crate) replay: FrameReplay<'a>,
}

/// Checks that need the transcript and its frames, and no secret of either party.
pub const T0: Level = Level {
    name: "T0",
    rules: &[
        Rule::new("T0-01", "programs", |c| c.outline.check_programs(c.transcript, c.limits)),
        Rule::new("T0-02", "sequence", |c| check_sequence(&c.read)),
        Rule::new("T0-03", "parties", |c| {
            c.outline.check_parties(&c.parties, c.expected, c.limits)
        }),
        Rule::new("T0-04", "manifest", |c| c.outline.check_manifest()),
        Rule::new("T0-05", "binding", |c| c.outline.check_binding()),
        Rule::new("T0-06", "terms-signed", |c| c.outline.check_terms_signed()),
        Rule::new("T0-07", "terms-kept", |c| c.outline.check_terms(c.limits)),
        Rule::new("T0-08", "streams", |c| c.outline.check_streams(c.limits)),
        Rule::new("T0-09", "checkpoints", |c| c.outline.check_checkpoints()),
        Rule::new("T0-10", "receipt", |c| c.outline.check_receipt()),
        Rule::new("T0-11", "ledger", |c| c.outline.check_ledger()),
        Rule::new("T0-12", "hellos-signed", |c| c.outline.check_hellos_signed(c.transcript)),
        Rule::new("T0-13", "last-words", |c| c.outline.check_last_words()),
        Rule::new("T0-14", "frames-signed", |c| c.outline.check_frames_signed()),
        Rule::new("T0-15", "blind-committed", |c| c.outline.check_blind()),
        Rule::new("T0-16", "release-signed", |c| c.outline.check_released()),
        Rule::new("T0-17", "input-opened", |c| {
            finding::ensure(c.input != Input::Other, "verify-opening-other")?;
            c.outline.hellos().map(drop)
        }),
        Rule::new("T0-20", "frames-recorded", |c| c.replay.check_match()),
        Rule::new("T0-21", "elements-canonical", |c| c.replay.check_canonical()),
        Rule::new("T0-22", "elements-distinct", |c| c.replay.check_distinct()),
        Rule::new("T0-23", "answers", |c| c.replay.check_answers()),
        Rule::new("T0-24", "table", |c| c.replay.check_table()),
        Rule::new("T0-25", "handles", |c| c.replay.check_handles()),
    ],
};

/// The records are one session to its end; a session that ended early is no failure of anybody.
fn check_sequence(read: &Read) -> Checked {
    match read {
        Read::Complete => Ok(()),
        Read::Prefix => Err(absent("verify-no-close")),
        Read::Ended => Err(absent("verify-ended-by-word")),
        Read::Broken(why) => finding::ensure(false, why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_of_rules_are_in_order_and_single() {
        assert!(T0.rules.is_sorted_by(|one, next| one.id < next.id));
        for (at, rule) in T0.rules.iter().enumerate() {
            assert!(rule.id.starts_with(T0.name));
            assert!(T0.rules.iter().skip(at + 1).all(|other| other.name != rule.name));
        }
    }
}
