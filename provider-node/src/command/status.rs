//! `status`: the node, its partners, and the last sessions, read beside a running `serve`.

use std::collections::BTreeMap;
use std::path::Path;

use graph::GraphCounts;
use ledger::{Allowance, Ledger, Left, Spent};
use node::console::{Object, OutputOptions, Terminal};
use node::failure::Failure;
use node::status::{self, Sessions};
use protocol::limits::HELLOS_PER_DAY_MAX;
use protocol::suite::Profile;
use report::{Arg, Line, Text};
use serde_json::{Value, json};
use store::os::{Clock, SystemClock};

use crate::Home;
use crate::budget::Share;
use crate::command::ingest::persons_above;
use crate::command::invite::{adds_noise, milli, shares, tests_numbers};
use crate::command::serve::day_of;
use crate::door_book::{Connections, DoorBook};
use crate::group::is_unnamed;
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
    let loaded = Partners::load(&home, ledger.as_ref())?;
    let door = DoorBook::read(&home);
    let today = day_of(now);
    let mut attention: Vec<Attention> = loaded.quarantined.iter().map(Attention::from).collect();
    let mut partners = Vec::new();
    for tenant in &loaded.tenants {
        match PartnerShown::read(&home, tenant, snapshot.as_ref(), ledger.as_ref(), now) {
            Ok(partner) => partners.push(partner.with(door.of(&tenant.identity.party().0, today))),
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
    let day = snapshot.as_ref().map(|snapshot| snapshot.signed.body.day);
    if let Some(place) = place {
        let partners: Vec<Value> = partners.iter().map(PartnerShown::json).collect();
        let shown = Object::done("status", output).with(json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "snapshot_day": day.map(status::day),
            "partners": partners,
            "handshakes_today": {
                "failed": if door.day == today { door.failed } else { 0 },
                "turned_away": if door.day == today { door.turned_away } else { 0 },
            },
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
    if door.day == today && (door.failed > 0 || door.turned_away > 0) {
        let handshakes = Text::new("status-handshakes").with("failed", door.failed);
        terminal.say(&handshakes.with("turned_away", door.turned_away));
    }
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
    /// Counts of the graph, if there is one.
    counts: Option<&'a GraphCounts>,
    /// The tables of the current snapshot, one for each profile it may run.
    tables: Vec<(Profile, State)>,
    spent_day: Spent,
    spent_epoch: Spent,
    removals: Spent,
    left: Left,
    /// Name of the group, if it is one of several or has a name of its own.
    group: Option<String>,
    /// Partners of the group that ever had a session.
    members: usize,
    /// Openings and connections of the day.
    openings: u32,
    connections: Connections,
}

impl<'a> PartnerShown<'a> {
    fn with(self, connections: Connections) -> Self {
        Self { connections, ..self }
    }

    fn read(
        home: &Home,
        tenant: &'a Tenant,
        snapshot: Option<&'a Published>,
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
        let spent = |allowance, span_s: u64| match ledger {
            Some(ledger) => ledger.spent(&partner, allowance, now.saturating_sub(span_s)),
            None => Ok(Spent::default()),
        };
        let all = Left {
            evaluations: budget.evaluations_max_per_day.min(budget.evaluations_max_per_epoch),
            epsilon_milli: budget.epsilon_milli_max_per_epoch,
        };
        let (mut group, mut members) = (tenant.policy.group.clone(), 1);
        if let Some(ledger) = ledger
            && let Some(name) = ledger.group_of(&partner)?
        {
            members = ledger.members_of(&name)?.len();
            group = (members > 1 || !is_unnamed(&name)).then_some(name);
        }
        Ok(Self {
            tenant,
            counts: snapshot.map(|snapshot| snapshot.stored.counts()),
            tables,
            spent_day: spent(Allowance::Match, DAY_S)?,
            spent_epoch: spent(Allowance::Match, budget.epoch_s)?,
            removals: spent(Allowance::Removal, budget.epoch_s)?,
            left: ledger.map_or(Ok(all), |ledger| ledger.left(&partner, &budget, now))?,
            group,
            members,
            openings: ledger.map_or(Ok(0), |ledger| ledger.hellos(&partner, day_of(now)))?,
            connections: Connections::default(),
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
            .with("day", self.spent_day.evaluations)
            .with("day_max", policy.evaluations_per_day)
            .with("month", self.spent_epoch.evaluations)
            .with("month_max", policy.evaluations_per_epoch)
            .with("left", self.left.evaluations);
        let shares = shares(policy, self.counts.map(|counts| counts.identifiers));
        let share = Text::new("status-may-test").with("shares", shares);
        let group = self.group.as_ref().map(|group| {
            let text = Text::new("status-group").with("group", group);
            Line::under(text.with("partners", self.members))
        });
        let connections = Text::new("status-connections")
            .with("openings", self.openings)
            .with("openings_max", HELLOS_PER_DAY_MAX)
            .with("admitted", self.connections.admitted)
            .with("come_back", self.connections.come_back)
            .with("refused", self.connections.refused);
        std::iter::once(Line::of(partner))
            .chain(group)
            .chain(self.tables.iter().map(table))
            .chain([Line::under(spent), Line::under(share)])
            .chain(self.phones().map(Line::under))
            .chain(self.privacy().map(Line::under))
            .chain(self.above().map(Line::under))
            .chain(self.removed().map(Line::under))
            .chain([Line::under(connections)])
            .collect()
    }

    /// Telephone numbers that terms declared, where its tables hold any.
    fn phones(&self) -> Option<Text> {
        let policy = &self.tenant.policy;
        tests_numbers(policy).then(|| {
            Text::new("status-phones")
                .with("day", self.spent_day.phones)
                .with("day_max", policy.phones_per_day)
                .with("month", self.spent_epoch.phones)
                .with("month_max", policy.phones_per_epoch)
        })
    }

    /// Privacy loss, where a profile of its can have noise.
    fn privacy(&self) -> Option<Text> {
        let policy = &self.tenant.policy;
        adds_noise(policy).then(|| {
            Text::new("status-epsilon")
                .with("spent", milli(self.spent_epoch.epsilon_milli))
                .with("most", milli(policy.epsilon_epoch_milli.into()))
                .with("left", milli(self.left.epsilon_milli.into()))
        })
    }

    /// Persons with more identifiers than its noise is made for.
    fn above(&self) -> Option<Text> {
        let policy = &self.tenant.policy;
        persons_above(self.counts.filter(|_| adds_noise(policy))?, policy.noise_unit)
    }

    /// Runs that took persons out, if there were any.
    fn removed(&self) -> Option<Text> {
        (self.removals.runs > 0).then(|| {
            Text::new("status-removals")
                .with("runs", self.removals.runs)
                .with("epsilon", milli(self.removals.epsilon_milli))
        })
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
        let identifiers = self.counts.map(|counts| counts.identifiers);
        let graph = |evaluations| Some(Share::of(evaluations, identifiers?).percent());
        json!({
            "name": self.tenant.name,
            "party": status::short(&self.tenant.identity.party().0),
            "legal_entity": policy.legal_entity,
            "group": self.group,
            "group_partners": self.members,
            "rows": policy.rows,
            "purpose": policy.purpose,
            "profiles": policy.profiles,
            "tables": self.tables.iter().map(table).collect::<Vec<Value>>(),
            "evaluations": {
                "spent_day": self.spent_day.evaluations,
                "max_per_day": policy.evaluations_per_day,
                "spent_epoch": self.spent_epoch.evaluations,
                "max_per_epoch": policy.evaluations_per_epoch,
                "left": self.left.evaluations,
            },
            "phones_declared": {
                "spent_day": self.spent_day.phones,
                "max_per_day": policy.phones_per_day,
                "spent_epoch": self.spent_epoch.phones,
                "max_per_epoch": policy.phones_per_epoch,
            },
            "epsilon_milli": {
                "per_run": policy.epsilon_milli,
                "spent_epoch": self.spent_epoch.epsilon_milli,
                "max_per_epoch": policy.epsilon_epoch_milli,
                "left": self.left.epsilon_milli,
                "noise_unit": policy.noise_unit,
                "persons_above_unit":
                    self.counts.map(|counts| counts.persons_above(policy.noise_unit)),
            },
            "removals": {
                "runs_epoch": self.removals.runs,
                "epsilon_milli_epoch": self.removals.epsilon_milli,
            },
            "today": {
                "openings": self.openings,
                "max_openings": HELLOS_PER_DAY_MAX,
                "connections": self.connections.admitted,
                "asked_to_come_back": self.connections.come_back,
                "closed_at_once": self.connections.refused,
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
    fn persons_with_more_identifiers_than_noise_is_made_for_are_counted() {
        let of = |person: &str, identifiers: u32| -> String {
            let line = |n| {
                let email = format!("{person}.{n}@exemple.fr");
                format!("{person},{person},email,{email},cookie,a.example,value-{person},")
            };
            (0..identifiers).map(|n| line(n) + "login,2026-11-01\n").collect()
        };
        let world =
            crate::tables::tests::World::with(&(of("anne", 4) + &of("eric", 5) + &of("lea", 9)));
        let node = world.dir.path().join("p");
        let text = shown(&node, None);
        assert!(text.contains("  2 persons have more than 4 identifiers: noise is made"), "{text}");
        let file = world.dir.path().join("status.json");
        shown(&node, Some(file.clone()));
        let told: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(told["partners"][0]["epsilon_milli"]["persons_above_unit"], 2);
        let policy = node.join("partners/partner").join(POLICY);
        let set = |unit: u8| {
            let text = std::fs::read_to_string(&policy).unwrap();
            let line = text.lines().find(|line| line.starts_with("noise_unit")).unwrap();
            std::fs::write(&policy, text.replace(line, &format!("noise_unit = {unit}"))).unwrap();
            shown(&node, None)
        };
        let text = set(8);
        assert!(text.contains("1 person has more than 8 identifiers"), "{text}");
        let text = set(3);
        assert!(text.contains("3 persons have more than 3 identifiers"), "{text}");
        assert!(!shown(&node, None).contains("more than 4"), "{text}");
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
