//! Release by classes, as it concerns whoever plans a run: who waits, who stays, what small lists
//! lose.

use node::invite::Invitation;
use protocol::limits::GROUP_MIN_DEFAULT;
use protocol::suite::Profile;
use report::{Arg, Line, Text};
use serde_json::{Value, json};
use store::results::About;

use crate::answer::Answer;

/// Classes that a provider releases by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Classes {
    /// Least persons of a class.
    group_min: u32,
    /// Days that who left the list stays delivered, at most.
    drop_delay_days: u32,
}

impl Classes {
    /// The classes of a provider whose invitation has a profile with handles.
    pub(crate) fn of(invitation: &Invitation) -> Option<Self> {
        let named = |profile: Profile| {
            profile.sends_handles() && invitation.profiles.iter().any(|one| one == profile.name())
        };
        let any = named(Profile::DigitalIds) || named(Profile::Activation);
        any.then(|| Self {
            group_min: invitation.group_min.max(GROUP_MIN_DEFAULT),
            drop_delay_days: invitation.guardrails.drop_delay_days,
        })
    }

    /// Persons that are released together at first.
    pub(crate) fn first_batch(&self) -> u64 {
        self.group_min.into()
    }

    /// Fate of newcomers in the next release, of whom a file may have so many.
    pub(crate) fn next(&self, new_rows: Option<u64>) -> Text {
        let (first, later) = (self.first_batch(), self.first_batch() * LATER_BATCHES);
        let text = match new_rows {
            Some(rows) => Text::new("classes-new-rows").with("rows", rows),
            None => Text::new("classes-newcomers"),
        };
        text.with("first", first).with("later", later)
    }

    /// Reading of a plan: for so many eligible rows, of which some may be new.
    pub(crate) fn lines(&self, eligible: u64, new_rows: Option<u64>) -> Vec<Line> {
        let least = self.first_batch() * COMFORTABLE;
        let leavers = Text::new("classes-leavers");
        let leavers = leavers.with("days", Arg::Number(self.drop_delay_days.into()));
        let mut lines = vec![Line::under(self.next(new_rows)), Line::under(leavers)];
        // How many match nobody knows before; fewer rows than that cannot.
        if eligible < least {
            lines.push(Line::under(Text::new("classes-small").with("persons", least)));
        }
        lines
    }

    pub(crate) fn json(&self, new_rows: Option<u64>) -> Value {
        json!({
            "class_persons_min": self.group_min,
            "new_rows": new_rows,
            "batch_min": self.first_batch(),
            "batch_max": self.first_batch() * LATER_BATCHES,
            "drop_delay_days": self.drop_delay_days,
            "comfortable_persons": self.first_batch() * COMFORTABLE,
        })
    }
}

/// Day up to which the bag of a result may be used.
pub(crate) fn until(about: &About<Answer>) -> Arg {
    Arg::Time(about.kept_until)
}

/// Classes of newcomers that a batch is at most, once there was a release.
const LATER_BATCHES: u64 = 10;
/// Classes of matched persons below which a list may lose a fifth.
const COMFORTABLE: u64 = 20;

#[cfg(test)]
mod tests {
    use report::Reader;

    use super::*;

    #[test]
    fn small_lists_are_advised_and_newcomers_counted() {
        let classes = Classes { group_min: 100, drop_delay_days: 9 };
        let told = |eligible, new| {
            let lines = classes.lines(eligible, new);
            lines.iter().map(|line| line.render(&Reader::LOG)).collect::<Vec<_>>().join("\n")
        };
        let small = told(1_999, Some(157));
        for part in ["157 new rows", "100", "1,000", "9 days", "2,000 matched persons"] {
            assert!(small.contains(part), "no {part:?} in {small}");
        }
        assert!(!told(2_000, None).contains("matched persons"));
    }
}
