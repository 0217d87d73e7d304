//! `status`: the node, its providers, and the last sessions, read beside a running `run`.

use std::collections::BTreeMap;
use std::path::Path;

use node::console::Terminal;
use node::failure::Failure;
use node::invite::{Invitation, InvitationError};
use node::ledger::Ledger;
use node::status::{self, Sessions};
use node::world::{Clock, SystemClock};
use report::shown;
use serde_json::{Value, json};

use crate::Home;
use crate::partner::providers;

pub(crate) fn run(dir: &Path, as_json: bool, terminal: &Terminal) -> Result<(), Failure> {
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
    if as_json {
        let accepted: Vec<Value> = accepted.iter().map(ProviderShown::json).collect();
        let shown = json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "providers": accepted,
            "attention": attention(&faults),
            "sessions": sessions.json(),
        });
        terminal.line(&format!("{shown:#}"));
        return Ok(());
    }
    terminal.line(&format!("identity: {identity}"));
    terminal.line(&format!("party: {}", status::short(&identity.party().0)));
    if !faults.is_empty() {
        terminal.line("attention:");
    }
    for (name, error) in &faults {
        terminal.line(&format!("  {name} cannot be used: {error}"));
        terminal.line(&format!("    try: {}", report::advice(error)));
    }
    if accepted.is_empty() && faults.is_empty() {
        terminal.line("no provider yet; accept one with `advertiser-node accept`");
    }
    for line in accepted.iter().flat_map(ProviderShown::lines).chain(sessions.lines()) {
        terminal.line(&line);
    }
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
    /// What `--provider` takes.
    name: String,
    invitation: Invitation,
    spent_day: u64,
    spent_epoch: u64,
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
            ledger.map_or(Ok(0), |ledger| ledger.spent(&partner, since))
        };
        let tags = match ledger {
            Some(ledger) => ledger.last_table(&partner)?.map(|table| table.tag_count),
            None => None,
        };
        Ok(Self { name, spent_day: spent(1)?, spent_epoch: spent(30)?, tags, invitation })
    }

    fn lines(&self) -> Vec<String> {
        let table = match self.tags {
            Some(tags) => format!("  last table: {tags} tags"),
            None => "  last table: none seen yet".to_owned(),
        };
        vec![
            format!(
                "provider {}: party {}, at {}, profiles {}",
                self.name,
                status::short(&self.invitation.provider.party().0),
                shown(&self.invitation.address),
                self.invitation.profiles.join(", "),
            ),
            table,
            format!(
                "  evaluations spent: {} in 24 hours, {} in 30 days",
                self.spent_day, self.spent_epoch
            ),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "party": status::short(&self.invitation.provider.party().0),
            "address": self.invitation.address,
            "profiles": self.invitation.profiles,
            "last_table_tags": self.tags,
            "evaluations": { "spent_day": self.spent_day, "spent_epoch": self.spent_epoch },
        })
    }
}
