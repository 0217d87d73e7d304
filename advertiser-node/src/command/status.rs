//! `status`: the node, its providers, and the last sessions, read beside a running `run`.

use std::collections::BTreeMap;
use std::path::Path;

use ledger::{Allowance, Ledger, Spent};
use node::console::{Object, OutputOptions, Terminal};
use node::failure::Failure;
use node::invite::{Invitation, InvitationError};
use node::status::{self, Sessions};
use report::{Arg, Diagnose as _, Line, Text};
use serde_json::{Value, json};
use store::os::{Clock, SystemClock};

use crate::Home;
use crate::partner::providers;

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    let place = output.claim_json(&mut output.outputs())?;
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let ledger = status::ledger(&home)?;
    let (mut accepted, mut faults) = (Vec::new(), Vec::new());
    for (name, path) in providers(&home) {
        match Invitation::read(&path) {
            Ok(invitation) => {
                accepted.push(ProviderShown::read(name, invitation, ledger.as_ref(), now)?);
            }
            // A file with a mistake hides its own provider and nothing else.
            Err(error) => faults.push((name, error)),
        }
    }
    let names: BTreeMap<_, _> = accepted
        .iter()
        .map(|provider| (provider.invitation.provider.party().0, provider.name.clone()))
        .collect();
    let sessions = Sessions::last(ledger.as_ref(), names, home.is_in_use())?;
    let identity = home.identity.public();
    if let Some(place) = place {
        let accepted: Vec<Value> = accepted.iter().map(ProviderShown::json).collect();
        let shown = Object::done("status", output).with(json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "providers": accepted,
            "attention": attention(&faults),
            "sessions": sessions.json(),
        }));
        place.publish_text(&shown.pretty())?;
    }
    terminal.say(&Text::new("status-identity").with("identity", identity.to_string()));
    terminal.say(&Text::new("status-party").with("party", status::short(&identity.party().0)));
    if !faults.is_empty() {
        terminal.say(&Text::new("status-attention"));
    }
    for (name, error) in &faults {
        let fault = Text::new("status-provider-unusable").with("provider", name);
        let advice = Text::new("failure-try").with("advice", report::advice(error));
        let fault = fault.with("why", error.text());
        terminal.list([Line::under(fault), Line::under(advice).deeper()]);
    }
    if accepted.is_empty() && faults.is_empty() {
        terminal.say(&Text::new("status-no-provider"));
    }
    terminal.list(accepted.iter().flat_map(ProviderShown::lines));
    terminal.list(sessions.lines());
    Ok(())
}

/// Invitations with a mistake, for a script.
fn attention(faults: &[(String, InvitationError)]) -> Vec<Value> {
    let told = faults.iter().map(|(name, error)| {
        let advice = report::advice(error).to_string();
        json!({ "provider": name, "text": error.to_string(), "try": advice })
    });
    told.collect()
}

/// One provider as the operator sees it.
struct ProviderShown {
    /// Name that `--provider` takes.
    name: String,
    invitation: Invitation,
    spent_day: Spent,
    spent_epoch: Spent,
    /// Tags of the last table accepted from it.
    tags: Option<u64>,
}

impl ProviderShown {
    fn read(
        name: String,
        invitation: Invitation,
        ledger: Option<&Ledger>,
        now: u64,
    ) -> Result<Self, Failure> {
        let partner = invitation.provider.party().0;
        let spent = |days: u64| {
            let since = now.saturating_sub(days.saturating_mul(86_400));
            let of_matches = |ledger: &Ledger| ledger.spent(&partner, Allowance::Match, since);
            ledger.map_or(Ok(Spent::default()), of_matches)
        };
        let tags = match ledger {
            Some(ledger) => ledger.last_table(&partner)?.map(|table| table.tag_count),
            None => None,
        };
        Ok(Self { name, spent_day: spent(1)?, spent_epoch: spent(30)?, tags, invitation })
    }

    fn lines(&self) -> [Line; 4] {
        let provider = Text::new("status-provider")
            .with("provider", &self.name)
            .with("party", status::short(&self.invitation.provider.party().0))
            .with("address", &self.invitation.address)
            .with("profiles", Arg::Word(self.invitation.profiles.join(", ")));
        let table = match self.tags {
            Some(tags) => Text::new("status-last-table").with("tags", tags),
            None => Text::new("status-no-table"),
        };
        let spent = Text::new("status-provider-spent").with("day", self.spent_day.evaluations);
        let spent = spent.with("month", self.spent_epoch.evaluations);
        let epsilon = Arg::Decimal(self.spent_epoch.epsilon_milli, 3);
        let privacy = Text::new("status-provider-epsilon").with("spent", epsilon);
        [Line::of(provider), Line::under(table), Line::under(spent), Line::under(privacy)]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "party": status::short(&self.invitation.provider.party().0),
            "address": self.invitation.address,
            "profiles": self.invitation.profiles,
            "last_table_tags": self.tags,
            "evaluations": {
                "spent_day": self.spent_day.evaluations,
                "spent_epoch": self.spent_epoch.evaluations,
            },
            "epsilon_milli": { "spent_epoch": self.spent_epoch.epsilon_milli },
        })
    }
}
