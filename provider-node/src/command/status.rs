//! `status`: the node, its partners, and the last sessions, read beside a running `serve`.

use std::collections::BTreeMap;
use std::path::Path;

use node::failure::Failure;
use node::ledger::Ledger;
use node::status::{self, Sessions};
use node::telemetry::Terminal;
use node::world::{Clock, SystemClock};
use protocol::suite::Profile;
use serde_json::{Value, json};

use crate::Home;
use crate::publish::Published;
use crate::tables::{self, State};
use crate::tenant::Tenant;

pub(crate) fn run(dir: &Path, as_json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let now = SystemClock::new().now_unix();
    let ledger = status::ledger(&home)?;
    let snapshot = Published::current(&home)?;
    let tenants = Tenant::all(&home)?;
    let partners = tenants
        .iter()
        .map(|tenant| PartnerShown::read(&home, tenant, snapshot.as_ref(), ledger.as_ref(), now))
        .collect::<Result<Vec<_>, _>>()?;
    let names: BTreeMap<_, _> =
        tenants.iter().map(|tenant| (tenant.identity.party().0, tenant.name.clone())).collect();
    let sessions = Sessions::last(ledger.as_ref(), names)?;
    let identity = home.identity.public();
    let day = snapshot.map(|snapshot| status::day(snapshot.signed.body.day));
    if as_json {
        let partners: Vec<Value> = partners.iter().map(PartnerShown::json).collect();
        let shown = json!({
            "identity": identity.to_string(),
            "party": status::short(&identity.party().0),
            "snapshot_day": day,
            "partners": partners,
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
    if partners.is_empty() {
        terminal.line("no partner yet; open one with `provider-node invite`");
    }
    for line in partners.iter().flat_map(PartnerShown::lines).chain(sessions.lines()) {
        terminal.line(&line);
    }
    Ok(())
}

/// One partner as the operator sees it.
struct PartnerShown<'a> {
    tenant: &'a Tenant,
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
            "partner {}: party {}, profiles {}",
            self.tenant.name,
            status::short(&self.tenant.identity.party().0),
            policy.profiles.join(", "),
        );
        let spent = format!(
            "  evaluations spent: {} in 24 hours, {} in 30 days; {} may be spent now",
            of(self.spent_day, policy.evaluations_per_day),
            of(self.spent_epoch, policy.evaluations_per_epoch),
            self.left,
        );
        std::iter::once(partner).chain(self.tables.iter().map(table)).chain([spent]).collect()
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
        json!({
            "name": self.tenant.name,
            "party": status::short(&self.tenant.identity.party().0),
            "profiles": policy.profiles,
            "tables": self.tables.iter().map(table).collect::<Vec<Value>>(),
            "evaluations": {
                "spent_day": self.spent_day,
                "max_per_day": policy.evaluations_per_day,
                "spent_epoch": self.spent_epoch,
                "max_per_epoch": policy.evaluations_per_epoch,
                "left": self.left,
            },
        })
    }
}

const DAY_S: u64 = 86_400;
