//! `history`: releases, budgets by this node's own count, and what a next release would hold back.

use std::path::Path;

use crm::Removals;
use ledger::{Allowance, Ledger, Spent};
use node::console::{Object, OutputOptions, Terminal};
use node::failure::Failure;
use node::invite::Invitation;
use node::status;
use protocol::limits::{EPSILON_EPOCH_MILLI_MAX, HELLOS_PER_DAY_MAX};
use protocol::suite::Profile;
use report::{Arg, Code, Line, Text};
use serde_json::{Value, json};
use store::os::{Clock as _, SystemClock};
use store::results::{About, Results};

use crate::Home;
use crate::answer::{Answer, Figures};
use crate::classes::{Classes, until};
use crate::cli::HistoryOptions;
use crate::departures;
use crate::partner::providers;

pub(crate) fn run(
    dir: &Path,
    options: &HistoryOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let since = options.since.as_deref().map(day).transpose()?;
    let place = output.claim_json(&mut output.outputs())?;
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let ledger = status::ledger(&home)?;
    // Nothing is removed by looking.
    let results = Results::open(&home.path(""), &home.storage, None)?;
    let all = results.all::<Answer>()?;
    let departures = departures::open(&home)?;
    let mut shown = Vec::new();
    for (name, path) in providers(&home) {
        let wanted = options.provider.as_ref().is_none_or(|wanted| name.starts_with(wanted));
        let Some(invitation) = wanted.then(|| Invitation::read(&path).ok()).flatten() else {
            continue;
        };
        let party = invitation.provider.party().0;
        let of_party = |about: &&About<Answer>| {
            let asked = about.answer.asked.as_ref();
            asked.is_some_and(|asked| asked.provider == party)
                && since.is_none_or(|since| about.sealed_at >= since)
        };
        let releases: Vec<About<Answer>> =
            all.iter().map(|kept| &kept.about).filter(of_party).rev().cloned().collect();
        shown.push(PartyShown {
            name,
            budgets: Budgets::read(ledger.as_ref(), &party, now)?,
            releases,
            removals: departures.removals(&party)?,
            classes: Classes::of(&invitation),
        });
    }
    if let (Some(wanted), true) = (&options.provider, shown.is_empty()) {
        let text = Text::new("provider-unknown").with("name", wanted);
        let names: Vec<String> = providers(&home).into_iter().map(|(name, _)| name).collect();
        return Err(Failure::new(Code::Usage, text.with("names", Arg::Word(names.join(", ")))));
    }
    if let Some(place) = place {
        let parties: Vec<Value> = shown.iter().map(PartyShown::json).collect();
        let object = Object::done("history", output).with(json!({ "providers": parties }));
        place.publish_text(&object.pretty())?;
    }
    if shown.is_empty() {
        terminal.say(&Text::new("status-no-provider"));
    }
    terminal.list(shown.iter().flat_map(PartyShown::lines));
    Ok(())
}

/// Budgets with a provider, as this node counts them.
pub(super) struct Budgets {
    epoch: Spent,
    /// Openings since the day began.
    openings: u64,
}

impl Budgets {
    pub(super) fn read(
        ledger: Option<&Ledger>,
        party: &[u8; 32],
        now: u64,
    ) -> Result<Self, Failure> {
        let Some(ledger) = ledger else {
            return Ok(Self { epoch: Spent::default(), openings: 0 });
        };
        // A clock that shows a time before that has seen no session.
        let since = now.checked_sub(30 * DAY_S).map_or(0, |since| since);
        let today = now / DAY_S;
        let openings = ledger.sessions(SESSIONS)?.into_iter().filter(|session| {
            session.partner == *party && session.started_at / DAY_S == today && session.elements > 0
        });
        let openings = openings.count() as u64;
        Ok(Self { epoch: ledger.spent(party, Allowance::Match, since)?, openings })
    }

    /// The sums that are spent, in a line.
    pub(super) fn text(&self) -> Text {
        Text::new("history-budgets")
            .with("evaluations", self.epoch.evaluations)
            .with("epsilon", Arg::Decimal(self.epoch.epsilon_milli, 3))
            .with("most", Arg::Decimal(EPSILON_EPOCH_MILLI_MAX.into(), 3))
            .with("openings", self.openings)
            .with("day", u64::from(HELLOS_PER_DAY_MAX))
    }

    pub(super) fn json(&self) -> Value {
        let left = u64::from(EPSILON_EPOCH_MILLI_MAX).checked_sub(self.epoch.epsilon_milli);
        json!({
            "evaluations": { "spent": self.epoch.evaluations },
            "phones": { "spent": self.epoch.phones },
            "epsilon_milli": {
                "spent": self.epoch.epsilon_milli, "limit": EPSILON_EPOCH_MILLI_MAX, "left": left,
            },
            "openings": { "spent": self.openings, "limit": HELLOS_PER_DAY_MAX },
        })
    }
}

struct PartyShown {
    name: String,
    budgets: Budgets,
    /// The latest first.
    releases: Vec<About<Answer>>,
    removals: Removals,
    /// Classes of an invitation with a profile that releases something.
    classes: Option<Classes>,
}

impl PartyShown {
    fn lines(&self) -> Vec<Line> {
        let head = Text::new("history-provider").with("provider", &self.name);
        let mut lines = vec![Line::of(head.with("budgets", self.budgets.text()))];
        lines.extend(self.releases.iter().map(|about| {
            let text = Text::new("history-release")
                .with("day", Arg::Time(about.sealed_at))
                .with("profile", &about.answer.profile)
                .with("run", &about.answer.run_id)
                .with("outcome", about.answer.figures.text());
            Line::under(match about.answer.figures {
                Figures::DigitalIds { .. } => {
                    Text::new("history-until").with("release", text).with("until", until(about))
                }
                _ => text,
            })
        }));
        if self.releases.is_empty() {
            lines.push(Line::under(Text::new("history-nothing")));
        }
        if self.removals.waiting > 0 {
            let text = Text::new("history-waiting").with("persons", self.removals.waiting);
            lines.push(Line::under(text.with("day", Arg::Time(self.removals.waiting_since))));
        }
        if self.removals.release_due {
            lines.push(Line::under(Text::new("removal-release-due")));
        }
        lines.extend(self.classes.iter().map(|classes| Line::under(classes.next(None))));
        lines
    }

    fn json(&self) -> Value {
        let release = |about: &About<Answer>| {
            let digital = about.answer.profile == Profile::DigitalIds.name();
            json!({
                "session": store::hex(&about.sid),
                "run_id": about.answer.run_id,
                "profile": about.answer.profile,
                "at": about.sealed_at,
                "until": digital.then_some(about.kept_until),
                "text": about.answer.figures.text().to_string(),
            })
        };
        json!({
            "name": self.name,
            "releases": self.releases.iter().map(release).collect::<Vec<_>>(),
            "release_due": self.removals.release_due,
            "persons_to_remove": self.removals.waiting,
            "held_at_least": self.classes.as_ref().map(Classes::first_batch),
            "budgets": self.budgets.json(),
        })
    }
}

/// Unix time at which a day begins.
fn day(text: &str) -> Result<u64, Failure> {
    let wrong = || Failure::new(Code::Usage, Text::new("history-day").with("day", text));
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| wrong())?;
    u64::try_from(start.timestamp().as_second()).map_err(|_| wrong())
}

const DAY_S: u64 = 86_400;
/// Sessions of a day that are looked at, at most.
const SESSIONS: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day("1970-01-02").unwrap(), 86_400);
        for text in ["2026-02-30", "yesterday", "1969-12-31", ""] {
            assert_eq!(day(text).unwrap_err().exit().code(), 2, "{text}");
        }
    }
}
