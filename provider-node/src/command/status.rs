//! `status`: the node, its partners, and the last sessions, read beside a running `serve`.

use std::collections::BTreeMap;
use std::path::Path;

use node::console::{Object, OutputOptions, Terminal};
use node::failure::Failure;
use node::status::{self, Sessions};
use protocol::suite::Profile;
use report::{Arg, Line, Text};
use serde_json::{Value, json};
use store::ledger::Ledger;
use store::os::{Clock, SystemClock};

use crate::Home;
use crate::budget::Share;
use crate::command::invite::{shares, tests_numbers};
use crate::partners::{Partners, Quarantined};
use crate::publish::Published;
use crate::tables::{self, State};
use crate::tenant::{POLICY, Tenant};

pub(crate) fn run(dir: &Path, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
    let place = output.claim_json(&mut output.outputs())?;
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
    let day = snapshot.map(|snapshot| snapshot.signed.body.day);
    if let Some(place) = place {
        let partners: Vec<Value> = partners.iter().map(PartnerShown::json).collect();
        let shown = Object::done("status", output).with(json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "snapshot_day": day.map(status::day),
            "partners": partners,
            "attention": attention.iter().map(Attention::json).collect::<Vec<_>>(),
            "sessions": sessions.json(),
        }));
        place.publish_text(&shown.pretty())?;
    }
    terminal.say(&Text::new("status-identity").with("identity", identity.to_string()));
    terminal.say(&Text::new("status-party").with("party", status::short(&identity.party().0)));
    terminal.say(&match day {
        Some(day) => {
            Text::new("status-snapshot").with("day", Arg::Day(u64::from(day).saturating_mul(DAY_S)))
        }
        None => Text::new("status-no-graph"),
    });
    if !attention.is_empty() {
        terminal.say(&Text::new("status-attention"));
    }
    terminal.list(attention.iter().flat_map(Attention::lines));
    if partners.is_empty() && attention.is_empty() {
        terminal.say(&Text::new("status-no-partner"));
    }
    terminal.list(partners.iter().flat_map(PartnerShown::lines));
    terminal.list(sessions.lines());
    Ok(())
}

/// A partner that needs its operator's attention.
struct Attention {
    partner: String,
    /// The file of a policy with a mistake, and the line if one is known.
    policy: Option<Option<usize>>,
    text: Text,
    advice: Text,
}

impl From<&Quarantined> for Attention {
    fn from(one: &Quarantined) -> Self {
        let (partner, policy) = (one.name.clone(), Some(one.fault.line));
        Self { partner, policy, text: one.text(), advice: one.fault.advice() }
    }
}

impl Attention {
    /// A partner whose keys, tables or budget cannot be looked at.
    fn unreadable(tenant: &Tenant, failure: &Failure) -> Self {
        let partner = tenant.name.clone();
        let text = Text::new("status-unreadable")
            .with("partner", &partner)
            .with("code", failure.code().shown())
            .with("what", failure.text());
        Self { partner, policy: None, text, advice: failure.advice() }
    }

    /// The same in two lines.
    fn lines(&self) -> [Line; 2] {
        let advice = Text::new("failure-try").with("advice", self.advice.clone());
        [Line::under(self.text.clone()), Line::under(advice).deeper()]
    }

    /// The same for a script.
    fn json(&self) -> Value {
        json!({
            "partner": self.partner,
            "file": self.policy.map(|_| POLICY),
            "line": self.policy.flatten(),
            "text": self.text.to_string(),
            "try": self.advice.to_string(),
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

    fn lines(&self) -> Vec<Line> {
        let policy = &self.tenant.policy;
        let table = |(profile, state): &(Profile, State)| {
            let text = match state {
                State::Ready(tags) => Text::new("status-table-ready").with("tags", *tags),
                State::Building => Text::new("status-table-building"),
                State::Missing => Text::new("status-table-none"),
            };
            Line::under(text.with("profile", profile.name()))
        };
        let partner = Text::new("status-partner")
            .with("partner", &self.tenant.name)
            .with("entity", &policy.legal_entity)
            .with("party", status::short(&self.tenant.identity.party().0))
            .with("profiles", Arg::Word(policy.profiles.join(", ")))
            .with("purpose", &policy.purpose);
        let spent = Text::new("status-spent")
            .with("day", self.spent_day)
            .with("day_max", policy.evaluations_per_day)
            .with("month", self.spent_epoch)
            .with("month_max", policy.evaluations_per_epoch)
            .with("left", self.left);
        let shares = shares(policy, self.identifiers);
        let share = Text::new("status-may-test").with("shares", shares);
        std::iter::once(Line::of(partner))
            .chain(self.tables.iter().map(table))
            .chain([Line::under(spent), Line::under(share)])
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
    use std::path::PathBuf;
    use std::sync::mpsc;

    use crate::tenant::tests::{create, home, policy};

    use super::*;

    /// Bytes written, sent on.
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

    fn shown(dir: &Path, json: Option<PathBuf>) -> String {
        let (to, text) = mpsc::channel();
        let output = OutputOptions { json, ..OutputOptions::default() };
        run(dir, &output, &Terminal::to(Sent(to), std::io::sink())).unwrap();
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
        let text = shown(&node, None);
        assert!(text.contains("partner shop-a: "), "{text}");
        assert!(
            text.contains("attention:\n  shop-b: V0407 ") && text.contains("    try: "),
            "{text}"
        );
        let file = dir.path().join("status.json");
        shown(&node, Some(file.clone()));
        let told: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(told["attention"][0]["partner"], "shop-b");
        assert_eq!(told["attention"][0]["file"], Value::Null);
        assert_eq!(told["partners"].as_array().unwrap().len(), 1);
    }
}
