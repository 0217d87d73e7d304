//! `plan`: what a run would do, before anything leaves the machine.
//!
//! Reads the files and prepares the input as `run` does, so that what it says is what will be:
//! terms and whose they are, who learns what, the shape that both sides see, cost, and time.

use crm::{Shape, Unmatchable, WidelyShared};
use std::path::Path;
use std::time::Instant;

use ledger::{Allowance, Ledger};
use mapping::MapDigest;
use node::console::{Object, OutputOptions, Progress, Terminal};
use node::failure::Failure;
use node::invite::Invitation;
use node::status;
use protocol::purpose::Purpose;
use protocol::suite::{Profile, SuiteId};
use report::{Code, Line, Text};
use serde_json::{Value, json};
use store::os::{Clock as _, SystemClock};

use super::forecast::{Forecast, decimal};
use super::history::Budgets;
use super::run::{enough_rows, prepare};
use crate::Home;
use crate::budget;
use crate::classes::Classes;
use crate::cli::{Allowed, PlanOptions};
use crate::departures;
use crate::learn::{Learned, PUBLIC, learned};
use crate::partner::{invitation, kinds, rules_must_agree};
use crate::places::outputs;
use crate::policy::{Policy, Rule};
use crate::request::Request;

pub(crate) fn run(
    dir: &Path,
    options: &PlanOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let request = Request::parse(&options.profile, options.sample)?;
    let home = Home::open(dir)?;
    let _lock = home.lock()?;
    let mut outputs = outputs(&home, &options.inputs.reads()?, output);
    let json = output.claim_json(&mut outputs)?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let invitation = invitation(&home, options.provider.as_deref())?;
    request.allowed_by(&invitation)?;
    rules_must_agree(&home, &invitation)?;
    let policy = Policy::of(&home, &invitation, request.profile)?;
    let progress = Progress::new(output, terminal);
    let started = Instant::now();
    let max_age_days = policy.consent_max_age_days();
    let mapped = options.inputs.read(&home)?;
    let departures = departures::open(&home)?;
    let asked = (max_age_days, &departures, None);
    let input = prepare(&home, &mapped, (&invitation, request), asked, &progress)?;
    enough_rows(&input, policy.n_min())?;
    let shape = request.shape(&input)?;
    let provider = invitation.provider.party().0;
    let now = SystemClock::new().now_unix();
    let prepared_s = started.elapsed().as_secs_f64();
    let asked = (request.profile, shape);
    let forecast = Forecast::make(&home, Some(&invitation), asked, prepared_s, &progress)?;
    let ledger = status::ledger(&home)?;
    let (terms, sizes) = (policy.on(&input), (input.counts(), &shape));
    let no_room = budget::check((ledger.as_ref(), &provider), &terms, sizes, now).err();
    let spent = spent(ledger.as_ref(), &provider, now)?;
    let budgets = Budgets::read(ledger.as_ref(), &provider, now)?;
    progress.finish();
    let kinds = kinds(&invitation);
    let takes = departures::sendable(&home, &invitation, &kinds);
    let leavers = departures.leavers(&provider, &takes, now)?;
    let plan = Plan {
        profile: request.profile,
        eligible: input.counts().eligible,
        unmatchable: Unmatchable::find(input.counts()),
        shared: WidelyShared::find(input.counts()),
        purpose: input.purpose(),
        map: mapped.map.digest(),
        policy,
        shape,
        spent,
        budgets,
        classes: Classes::of(&invitation).filter(|_| request.profile.sends_handles()),
        new_rows: departures.new_rows(&provider, &input)?,
        leaving: if leavers.due { leavers.persons } else { 0 },
        forecast,
        invitation,
    };
    let allowed = options.inputs.allows(Allowed::SharedIdentifiers);
    let refused = plan.refused(allowed).or(no_room);
    if let Some(json) = &json {
        let told = refused.as_ref().map(|refused| refused.json(terminal.reader()));
        let warnings = plan.policy.no_cookie(plan.profile).into_iter();
        let object = Object::done("plan", output).with(plan.json());
        let object = warnings.fold(object, |object, one| object.warns(one.to_string()));
        let object = object.with(json!({ "refused": told }));
        let object = match &refused {
            Some(refused) => {
                object.ended("refused", refused.exit()).failed(refused, terminal.reader())
            }
            None => object,
        };
        json.publish_text(&object.pretty())?;
    }
    outputs.done();
    terminal.list(mapped.map.told(&crm::SCHEMA).map(Line::of));
    terminal.list(plan.lines());
    refused.map_or(Ok(()), Err)
}

/// Everything a plan says.
struct Plan {
    profile: Profile,
    purpose: Purpose,
    /// Digest of the map of the files.
    map: Option<MapDigest>,
    invitation: Invitation,
    policy: Policy,
    /// Eligible rows of the input.
    eligible: u64,
    shape: Shape,
    /// Identifiers of the input that cannot match under the invitation.
    unmatchable: Unmatchable,
    /// An identifier of the input that is oddly common, if there is one.
    shared: Option<WidelyShared>,
    /// Evaluations spent with this provider in a day and in 30 days.
    spent: [u64; 2],
    budgets: Budgets,
    /// Classes that a release goes by, in a profile that has one.
    classes: Option<Classes>,
    /// Rows that were in no delivery, if there was one.
    new_rows: Option<u64>,
    /// Persons who left and are named to the provider first.
    leaving: u64,
    forecast: Forecast,
}

impl Plan {
    /// The end that a run would come to before it contacts the provider.
    fn refused(&self, shared_allowed: bool) -> Option<Failure> {
        let shared = self.shared.as_ref().filter(|_| !shared_allowed);
        shared.map(|shared| Failure::new(Code::ToDoFirst, shared.told()))
    }

    fn lines(&self) -> Vec<Line> {
        let Learned { advertiser, provider } = learned(self.profile);
        let notice = match self.notice() {
            Some(notice) => Text::new("plan-notice").with("notice", notice),
            None => Text::new("plan-no-notice"),
        };
        let mut lines = vec![
            Line::of(Text::new("plan-profile").with("profile", self.profile.name())),
            Line::under(Text::new("plan-you-learn").with("learned", advertiser)),
            Line::under(Text::new("plan-provider-learns").with("learned", provider)),
            Line::under(PUBLIC),
            Line::of(Text::new("plan-purpose").with("purpose", self.purpose.name())),
            Line::of(Text::new("plan-kinds").with("kinds", self.invitation.kinds.join(", "))),
            Line::of(notice),
            Line::of(Text::new("plan-terms")),
        ];
        lines.extend(self.policy.rules.iter().map(|rule| {
            let text = Text::new("plan-term")
                .with("name", rule.name)
                .with("value", rule.shown())
                .with("side", rule.side.id())
                .with("relaxed", if rule.relaxed { "yes" } else { "no" });
            Line::under(text)
        }));
        lines.extend(self.policy.no_cookie(self.profile).map(Line::of));
        lines.push(Line::under(Text::new("plan-may-raise")));
        lines.extend(self.shape_lines());
        let [day, month] = self.spent;
        let budget = Text::new("plan-budget")
            .with("elements", self.shape.elements)
            .with("day", day)
            .with("month", month);
        lines.push(Line::of(budget));
        lines.push(Line::under(self.budgets.text()));
        if self.leaving > 0 {
            lines.push(Line::of(Text::new("plan-removal").with("persons", self.leaving)));
        }
        if let Some(classes) = &self.classes {
            let profile = self.profile.name();
            lines.push(Line::of(Text::new("plan-classes").with("profile", profile)));
            lines.extend(classes.lines(self.eligible, self.new_rows));
        }
        lines.extend(self.forecast.plan_lines());
        lines.extend(self.file_lines());
        lines
    }

    fn shape_lines(&self) -> Vec<Line> {
        let Shape { width, rows, padded_rows, elements, .. } = self.shape;
        let asked = Text::new("plan-rows").with("eligible", self.eligible).with("asked", rows);
        let mut lines = vec![Line::of(asked)];
        lines.extend(self.unmatchable.lines().map(Line::under));
        let padded = match self.profile.suite() {
            SuiteId::Aligned => Text::new("plan-padded-elements"),
            SuiteId::Shuffled => Text::new("plan-padded-rows")
                .with("rows", padded_rows)
                .with("slots", u32::from(width.get())),
        };
        lines.push(Line::under(padded.with("elements", elements)));
        lines.push(Line::under(match self.undetected() {
            None => Text::new("plan-proved"),
            Some(share) => Text::new("plan-canaries")
                .with("canaries", self.shape.canary_rows())
                .with("share", decimal(share * 100.0, 3)),
        }));
        lines
    }

    fn file_lines(&self) -> Vec<Line> {
        let files = match self.profile {
            Profile::MatchRate | Profile::Activation => "plan-files-counts",
            Profile::MatchedRows => "plan-files-rows",
            Profile::DigitalIds => "plan-files-digital-ids",
        };
        let approval = match self.profile.sends_handles() {
            true => "plan-needs-approval",
            false => "plan-no-approval",
        };
        let mut lines = vec![Line::of(Text::new(files)), Line::of(Text::new(approval))];
        if let Some(shared) = &self.shared {
            lines.push(Line::of(Text::new("plan-allow-shared").with("shared", shared.told())));
        }
        lines
    }

    fn notice(&self) -> Option<String> {
        self.invitation.notice.map(|notice| store::hex(&notice))
    }

    /// The share of wrong answers that the canaries are likely to let pass: 3/q.
    fn undetected(&self) -> Option<f64> {
        let canaries = self.shape.canary_rows().max(1);
        (self.profile.suite() == SuiteId::Shuffled).then(|| 3.0 / canaries as f64)
    }

    fn json(&self) -> Value {
        let Learned { advertiser, provider } = learned(self.profile);
        let [day, month] = self.spent;
        let rule = |rule: &Rule| {
            let Rule { name, value, side, relaxed } = rule;
            let value = json!({ "value": value, "from": side.name(), "relaxed": relaxed });
            ((*name).to_owned(), value)
        };
        let rules: serde_json::Map<String, Value> = self.policy.rules.iter().map(rule).collect();
        json!({
            "profile": self.profile.name(),
            "learns": {
                "advertiser": advertiser.to_string(),
                "provider": provider.to_string(),
                "both": PUBLIC.to_string(),
            },
            "purpose": self.purpose.name(),
            "map": self.map.map(|digest| digest.to_string()),
            "kinds": self.invitation.kinds,
            "notice": self.notice(),
            "terms": rules,
            "eligible": self.eligible,
            "cannot_match": self.unmatchable.json(),
            "rows_asked": self.shape.rows,
            "row_width": self.shape.width.get(),
            "padded_rows": self.shape.padded_rows,
            "evaluations": self.shape.elements,
            "undetected_share": self.undetected(),
            "needs_allow_shared_identifiers": self.shared.is_some(),
            "needs_approval": self.profile.sends_handles(),
            "budget": {
                "evaluations": self.shape.elements, "spent_day": day, "spent_epoch": month,
                "own_count": self.budgets.json(),
            },
            "release": self.classes.as_ref().map(|classes| classes.json(self.new_rows)),
            "persons_to_remove": self.leaving,
            "forecast": self.forecast.json(),
        })
    }
}

/// Evaluations spent with a provider in a day and in 30 days.
fn spent(ledger: Option<&Ledger>, provider: &[u8; 32], now: u64) -> Result<[u64; 2], Failure> {
    let Some(ledger) = ledger else { return Ok([0, 0]) };
    let since = |days: u64| now.saturating_sub(days * 86_400);
    let spent = |days| ledger.spent(provider, Allowance::Match, since(days));
    Ok([spent(1)?.evaluations, spent(30)?.evaluations])
}
