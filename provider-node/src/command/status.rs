//! `status`: the node, its partners, and the last sessions, read beside a running `serve`.

use std::collections::BTreeMap;
use std::path::Path;

use node::console::Terminal;
use node::failure::Failure;
use node::ledger::Ledger;
use node::status::{self, Sessions};
use node::world::{Clock, SystemClock};
use protocol::suite::Profile;
use serde_json::{Value, json};

use crate::Home;
use crate::budget::Share;
use crate::command::invite::{shares, tests_numbers};
use crate::partners::{Partners, Quarantined};
use crate::publish::Published;
use crate::tables::{self, State};
use crate::tenant::{POLICY, Tenant};

pub(crate) fn run(dir: &Path, as_json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let ledger = status::ledger(&home)?;
    let snapshot = Published::current(&home)?;
    let loaded = Partners::load(&home)?;
    let mut attention: Vec<Attention> = loaded.quarantined.iter().map(Attention::from).collect();
    let mut partners = Vec::new();
    for tenant in &loaded.tenants {
        match PartnerShown::read(&home, tenant, snapshot.as_ref(), ledger.as_ref(), now) {
            Ok(partner) => partners.push(partner),
            // What is wrong with one partner's keys or tables hides nobody else.
            Err(failure) => attention.push(Attention::unreadable(tenant, &failure)),
        }
    }
    let told = loaded.quarantined.iter().filter_map(|one| one.tenant.as_ref());
    let names: BTreeMap<_, _> = told
        .chain(&loaded.tenants)
        .map(|tenant| (tenant.identity.party().0, tenant.name.clone()))
        .collect();
    let sessions = Sessions::last(ledger.as_ref(), names, home.is_in_use())?;
    let identity = home.identity.public();
    let day = snapshot.map(|snapshot| status::day(snapshot.signed.body.day));
    if as_json {
        let partners: Vec<Value> = partners.iter().map(PartnerShown::json).collect();
        let shown = json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "snapshot_day": day,
            "partners": partners,
            "attention": attention.iter().map(Attention::json).collect::<Vec<_>>(),
            "sessions": sessions.json(),
        });
        terminal.line(&format!("{shown:#}"));
        return Ok(());
    }
    terminal.line(&format!("identity: {identity}"));
    terminal.line(&format!("party: {}", status::short(&identity.party().0)));
    terminal.line(&match &day {
        Some(day) => format!("snapshot of {day}"),
        None => "no graph yet; read one with `provider-node ingest`".to_owned(),
    });
    if !attention.is_empty() {
        terminal.line("attention:");
    }
    for Attention { text, try_this, .. } in &attention {
        terminal.line(&format!("  {text}"));
        terminal.line(&format!("    try: {try_this}"));
    }
    if partners.is_empty() && attention.is_empty() {
        terminal.line("no partner yet; open one with `provider-node invite`");
    }
    for line in partners.iter().flat_map(PartnerShown::lines).chain(sessions.lines()) {
        terminal.line(&line);
    }
    Ok(())
}

/// A partner that needs its operator's attention.
struct Attention {
    partner: String,
    /// The file of a policy with a mistake, and the line if one is known.
    policy: Option<Option<usize>>,
    text: String,
    try_this: String,
}

impl From<&Quarantined> for Attention {
    fn from(one: &Quarantined) -> Self {
        let (partner, policy) = (one.name.clone(), Some(one.fault.line));
        Self { partner, policy, text: one.line(), try_this: one.fault.try_this.clone() }
    }
}

impl Attention {
    /// A partner whose keys, tables or budget cannot be looked at.
    fn unreadable(tenant: &Tenant, failure: &Failure) -> Self {
        let partner = tenant.name.clone();
        let text = format!("{partner}: {failure}");
        Self { partner, policy: None, text, try_this: failure.advice().to_string() }
    }

    /// The same for a script.
    fn json(&self) -> Value {
        json!({
            "partner": self.partner,
            "file": self.policy.map(|_| POLICY),
            "line": self.policy.flatten(),
            "text": self.text,
            "try": self.try_this,
        })
    }
}

/// One partner as the operator sees it.
struct PartnerShown<'a> {
    tenant: &'a Tenant,
    /// Identifiers of the graph, if there is one.
    identifiers: Option<u64>,
    /// The tables of the current snapshot, one for each profile it may run.
    tables: Vec<(Profile, State)>,
    spent_day: u64,
    spent_epoch: u64,
    left: u64,
}

impl<'a> PartnerShown<'a> {
    fn read(
        home: &Home,
        tenant: &'a Tenant,
        snapshot: Option<&Published>,
        ledger: Option<&Ledger>,
        now: u64,
    ) -> Result<Self, Failure> {
        let partner = tenant.identity.party().0;
        let budget = tenant.policy.budget();
        let state = |profile| tables::state(home, tenant, snapshot, profile, now);
        let tables = tenant
            .policy
            .profiles()
            .into_iter()
            .map(|profile| Ok((profile, state(profile)?)))
            .collect::<Result<_, Failure>>()?;
        let spent = |span_s: u64| {
            ledger.map_or(Ok(0), |ledger| ledger.spent(&partner, now.saturating_sub(span_s)))
        };
        let most = budget.evaluations_max_per_day.min(budget.evaluations_max_per_epoch);
        Ok(Self {
            tenant,
            identifiers: snapshot.map(|snapshot| snapshot.stored.counts().identifiers),
            tables,
            spent_day: spent(DAY_S)?,
            spent_epoch: spent(budget.epoch_s)?,
            left: ledger
                .map_or(Ok(most), |ledger| ledger.evaluations_left(&partner, &budget, now))?,
        })
    }

    fn lines(&self) -> Vec<String> {
        let policy = &self.tenant.policy;
        let table = |(profile, state): &(Profile, State)| {
            let state = match state {
                State::Ready(tags) => format!("ready, {tags} tags"),
                State::Building => "being built".to_owned(),
                State::Missing => "none; `ingest` or `serve` builds it".to_owned(),
            };
            format!("  table for {profile}: {state}")
        };
        let of = |spent: u64, most: u64| format!("{spent} of {most}");
        let partner = format!(
            "partner {}: {}, party {}, profiles {} for {}",
            self.tenant.name,
            policy.legal_entity,
            status::short(&self.tenant.identity.party().0),
            policy.profiles.join(", "),
            policy.purpose,
        );
        let spent = format!(
            "  evaluations spent: {} in 24 hours, {} in 30 days; {} may be spent now",
            of(self.spent_day, policy.evaluations_per_day),
            of(self.spent_epoch, policy.evaluations_per_epoch),
            self.left,
        );
        let share = format!("  it may test {}", shares(policy, self.identifiers));
        std::iter::once(partner)
            .chain(self.tables.iter().map(table))
            .chain([spent, share])
            .collect()
    }

    fn json(&self) -> Value {
        let policy = &self.tenant.policy;
        let table = |(profile, state): &(Profile, State)| {
            let (state, tags) = match state {
                State::Ready(tags) => ("ready", Some(tags)),
                State::Building => ("building", None),
                State::Missing => ("none", None),
            };
            json!({ "profile": profile.name(), "state": state, "tags": tags })
        };
        let numbers =
            |evaluations| tests_numbers(policy).then(|| Share::of_plan(evaluations).percent());
        let graph = |evaluations| Some(Share::of(evaluations, self.identifiers?).percent());
        json!({
            "name": self.tenant.name,
            "party": status::short(&self.tenant.identity.party().0),
            "legal_entity": policy.legal_entity,
            "group": policy.group,
            "rows": policy.rows,
            "purpose": policy.purpose,
            "profiles": policy.profiles,
            "tables": self.tables.iter().map(table).collect::<Vec<Value>>(),
            "evaluations": {
                "spent_day": self.spent_day,
                "max_per_day": policy.evaluations_per_day,
                "spent_epoch": self.spent_epoch,
                "max_per_epoch": policy.evaluations_per_epoch,
                "left": self.left,
            },
            "may_test_percent": {
                "numbering_plan_day": numbers(policy.evaluations_per_day),
                "numbering_plan_epoch": numbers(policy.evaluations_per_epoch),
                "graph_day": graph(policy.evaluations_per_day),
                "graph_epoch": graph(policy.evaluations_per_epoch),
            },
        })
    }
}

const DAY_S: u64 = 86_400;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use crate::tenant::tests::{create, home, policy};

    use super::*;

    /// What is written to it, sent on.
    struct Sent(mpsc::Sender<u8>);

    impl std::io::Write for Sent {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            bytes.iter().for_each(|byte| self.0.send(*byte).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn shown(dir: &Path, as_json: bool) -> String {
        let (to, text) = mpsc::channel();
        run(dir, as_json, &Terminal::to(Sent(to), std::io::sink())).unwrap();
        String::from_utf8(text.iter().collect()).unwrap()
    }

    #[test]
    fn partner_whose_keys_cannot_be_read_is_named_and_hides_nobody() {
        let (dir, home, identity) = home();
        let other = channel::identity::PublicIdentity { attestation_key: [1; 32], spki: [1; 32] };
        create(&home, policy("shop-a", identity, &[Profile::MatchRate])).unwrap();
        let broken = create(&home, policy("shop-b", other, &[Profile::MatchRate])).unwrap();
        std::fs::write(broken.path("keys"), "").unwrap();
        let node = dir.path().join("p");
        let text = shown(&node, false);
        assert!(text.contains("partner shop-a: "), "{text}");
        assert!(
            text.contains("attention:\n  shop-b: V0407 ") && text.contains("    try: "),
            "{text}"
        );
        let told: Value = serde_json::from_str(&shown(&node, true)).unwrap();
        assert_eq!(told["attention"][0]["partner"], "shop-b");
        assert_eq!(told["attention"][0]["file"], Value::Null);
        assert_eq!(told["partners"].as_array().unwrap().len(), 1);
    }
}
