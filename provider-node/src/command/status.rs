//! `status`: the node, its partners, and the last sessions, read beside a running `serve`.

use std::collections::BTreeMap;
use std::path::Path;

use node::failure::Failure;
use node::home::Home;
use node::ledger::Ledger;
use node::status::{self, Sessions};
use node::telemetry::Terminal;
use node::world::{Clock, SystemClock};
use protocol::transcript::Role;
use serde_json::{Value, json};

use crate::publish::Published;
use crate::tables;
use crate::tenant::Tenant;

pub(crate) fn run(dir: &Path, as_json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(dir, Role::Provider)?;
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
    /// Tags of its table of the current snapshot, if that is built.
    tags: Option<u64>,
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
        let tags = match snapshot {
            Some(snapshot) => tables::tags(home, tenant, snapshot, now)?,
            None => None,
        };
        let spent = |span_s: u64| {
            ledger.map_or(Ok(0), |ledger| ledger.spent(&partner, now.saturating_sub(span_s)))
        };
        let most = budget.evaluations_max_per_day.min(budget.evaluations_max_per_epoch);
        Ok(Self {
            tenant,
            tags,
            spent_day: spent(DAY_S)?,
            spent_epoch: spent(budget.epoch_s)?,
            left: ledger
                .map_or(Ok(most), |ledger| ledger.evaluations_left(&partner, &budget, now))?,
        })
    }

    fn lines(&self) -> Vec<String> {
        let policy = &self.tenant.policy;
        let table = match self.tags {
            Some(tags) => format!("built, {tags} tags"),
            None => "not built; `ingest` or `serve` builds it".to_owned(),
        };
        let of = |spent: u64, most: u64| format!("{spent} of {most}");
        vec![
            format!(
                "partner {}: party {}, profiles {}",
                self.tenant.name,
                status::short(&self.tenant.identity.party().0),
                policy.profiles.join(", "),
            ),
            format!("  table: {table}"),
            format!(
                "  evaluations spent: {} in 24 hours, {} in 30 days; {} may be spent now",
                of(self.spent_day, policy.evaluations_per_day),
                of(self.spent_epoch, policy.evaluations_per_epoch),
                self.left,
            ),
        ]
    }

    fn json(&self) -> Value {
        let policy = &self.tenant.policy;
        json!({
            "name": self.tenant.name,
            "party": status::short(&self.tenant.identity.party().0),
            "profiles": policy.profiles,
            "table": { "built": self.tags.is_some(), "tags": self.tags },
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
