//! `plan`: what a run would do, before anything leaves the machine.
//!
//! Reads the files and prepares the input as `run` does, so that what it says is what will be:
//! terms and whose they are, who learns what, the shape that both sides see, cost, and time.

use std::time::Instant;

use node::engine::Engine;
use node::failure::Failure;
use node::invite::Invitation;
use node::status;
use node::telemetry::{OutputOptions, Progress, Terminal};
use node::world::{self, Clock as _, SystemClock};
use protocol::limits::Limits;
use protocol::suite::{Profile, SuiteId};
use serde_json::{Value, json};

use super::check::{MEASURE, TAG_BYTES, megabytes, not_the_input};
use super::run::{enough_rows, prepare, writable};
use crate::Home;
use crate::cli::PlanOptions;
use crate::committed::Committed;
use crate::learn::{Learned, PUBLIC, learned};
use crate::partner::{invitation, rules_must_agree};
use crate::policy::{Policy, Rule, no_cookie};
use crate::request::{Request, Shape};
use crate::shared::WidelyShared;
use crate::unmatchable::Unmatchable;

pub(crate) fn run(
    options: &PlanOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let request = Request::parse(&options.profile, options.sample)?;
    if let Some(json) = &options.json {
        for file in options.inputs.files()? {
            not_the_input(json, &file.path)?;
        }
        writable(json)?;
    }
    let home = Home::open(&options.dir)?;
    let _lock = home.lock()?;
    let invitation = invitation(&home, options.provider.as_deref())?;
    request.allowed_by(&invitation)?;
    rules_must_agree(&home, &invitation)?;
    let policy = Policy::of(&home, &invitation, request.profile)?;
    let progress = Progress::new(output);
    let started = Instant::now();
    progress.stage("prepare");
    let input = prepare(&home, &options.inputs, &invitation)?;
    enough_rows(&input, policy.terms.n_min)?;
    let shape = request.shape(&input)?;
    let provider = invitation.provider.party().0;
    let now = SystemClock::new().now_unix();
    let committed = Committed::compare(&home, &provider, &input, now)?;
    let prepared_s = started.elapsed().as_secs_f64();
    progress.stage("measure");
    let cost = Cost::estimate(&home, &provider, request.profile, shape, prepared_s, now)?;
    progress.finish();
    let plan = Plan {
        profile: request.profile,
        eligible: input.counts().eligible,
        unmatchable: Unmatchable::find(input.counts()),
        shared: WidelyShared::find(input.counts()),
        changed_rows: committed.nearest(),
        too_near: committed.is_too_near(request.profile, policy.terms.group_min),
        purpose: home.config.purpose.name().to_owned(),
        invitation,
        policy,
        shape,
        cost,
    };
    if let Some(path) = &options.json {
        let text = format!("{:#}\n", plan.json());
        world::publish_atomically(path, world::PRIVATE_MODE, |out| out.write_all(text.as_bytes()))?;
    }
    for line in plan.lines() {
        terminal.line(&line);
    }
    Ok(())
}

/// Everything a plan says.
struct Plan {
    profile: Profile,
    purpose: String,
    invitation: Invitation,
    policy: Policy,
    /// Eligible rows of the input.
    eligible: u64,
    shape: Shape,
    /// What the input holds that cannot match under the invitation.
    unmatchable: Unmatchable,
    /// What is odd about the identifiers of the input, if anything.
    shared: Option<WidelyShared>,
    /// Against the nearest other input this provider was told of.
    changed_rows: Option<u64>,
    /// Whether the run would be refused for it.
    too_near: bool,
    cost: Cost,
}

impl Plan {
    fn lines(&self) -> Vec<String> {
        let Learned { advertiser, provider } = learned(self.profile);
        let mut lines = vec![
            format!("profile: {}", self.profile.name()),
            format!("  you learn {advertiser}"),
            format!("  the provider learns {provider}"),
            format!("  {PUBLIC}"),
            format!("purpose: {}", self.purpose),
            format!("kinds: {}", self.invitation.kinds.join(", ")),
            format!("notice: {}", self.notice().unwrap_or_else(|| "none agreed".to_owned())),
            "terms, and whose value is in force:".to_owned(),
        ];
        lines.extend(self.policy.rules.iter().map(|rule| {
            let mark = if rule.relaxed { "; RELAXED by both sides" } else { "" };
            format!("  {} {} ({}{mark})", rule.name, rule.shown(), rule.side.name())
        }));
        lines.extend(no_cookie(self.profile, &self.policy.terms).map(str::to_owned));
        lines
            .push("  the provider may raise n_min, k_min and group_min when it answers".to_owned());
        lines.extend(self.shape_lines());
        lines.extend(self.cost.lines());
        lines.extend(self.file_lines());
        lines
    }

    fn shape_lines(&self) -> Vec<String> {
        let Shape { width, rows, padded_rows, elements, .. } = self.shape;
        let mut lines = vec![format!("rows: {} eligible, {rows} asked for", self.eligible)];
        lines.extend(self.unmatchable.lines());
        lines.push(match self.profile.suite() {
            SuiteId::Aligned => format!("  {elements} identifiers after padding"),
            SuiteId::Shuffled => format!(
                "  {padded_rows} rows after padding, {} slots each: {elements} elements",
                width.get()
            ),
        });
        lines.push(match (self.changed_rows, self.too_near) {
            (None, _) => "  no other input was shown to this provider in the audit window".into(),
            (Some(changed), false) => {
                format!("  {changed} rows changed since the nearest other input")
            }
            (Some(changed), true) => format!(
                "  REFUSED: {changed} rows changed since the nearest other input, fewer than \
                 group_min; repeat that input unchanged, or change more rows"
            ),
        });
        lines.push(match self.undetected() {
            None => "  every answer is proved; a wrong one is found surely".to_owned(),
            Some(share) => format!(
                "  {} canary rows: more than {:.3} % wrong answers would be found with 95 % \
                 confidence",
                self.shape.canary_rows(),
                share * 100.0
            ),
        });
        lines
    }

    fn file_lines(&self) -> Vec<String> {
        let result = match self.profile {
            Profile::MatchRate | Profile::Activation => "the counts, if --output names a file",
            Profile::MatchedRows => "matched rows, where --output says",
            Profile::DigitalIds => "digital IDs where --output says, and a manifest beside them",
        };
        let approval = if self.profile.sends_handles() {
            "the release needs --approve, or a yes on the terminal"
        } else {
            "nothing is released that needs an approval"
        };
        let mut lines = vec![
            format!("files: {result}; a summary with --json; sessions/ and inputs/ of the node"),
            approval.to_owned(),
        ];
        if let Some(shared) = &self.shared {
            lines.push(format!("the run needs --accept-shared: {shared}"));
        }
        lines
    }

    fn notice(&self) -> Option<String> {
        self.invitation.notice.map(|notice| node::hex(&notice))
    }

    /// The share of wrong answers that the canaries are likely to let pass: 3/q.
    fn undetected(&self) -> Option<f64> {
        let canaries = self.shape.canary_rows().max(1);
        (self.profile.suite() == SuiteId::Shuffled).then(|| 3.0 / canaries as f64)
    }

    fn json(&self) -> Value {
        let Learned { advertiser, provider } = learned(self.profile);
        let rule = |rule: &Rule| {
            let Rule { name, value, side, relaxed } = rule;
            let value = json!({ "value": value, "from": side.name(), "relaxed": relaxed });
            ((*name).to_owned(), value)
        };
        let rules: serde_json::Map<String, Value> = self.policy.rules.iter().map(rule).collect();
        json!({
            "profile": self.profile.name(),
            "learns": { "advertiser": advertiser, "provider": provider, "both": PUBLIC },
            "purpose": self.purpose,
            "kinds": self.invitation.kinds,
            "notice": self.notice(),
            "terms": rules,
            "eligible": self.eligible,
            "cannot_match": self.unmatchable.json(),
            "rows_asked": self.shape.rows,
            "row_width": self.shape.width.get(),
            "padded_rows": self.shape.padded_rows,
            "evaluations": self.shape.elements,
            "changed_rows": self.changed_rows,
            "refused": self.too_near,
            "undetected_share": self.undetected(),
            "needs_accept_shared": self.shared.is_some(),
            "needs_approval": self.profile.sends_handles(),
            "cost": self.cost.json(),
        })
    }
}

/// What a run will cost.
struct Cost {
    elements: u64,
    /// Evaluations spent with this provider in a day and in 30 days.
    spent: [u64; 2],
    /// Tags of the last table, if one was seen.
    tags: Option<u64>,
    bytes_sent: u64,
    bytes_received: u64,
    /// Handles, in the profiles that send them: at most.
    handles_bytes_max: u64,
    prepared_s: f64,
    elements_per_s: f64,
}

impl Cost {
    fn estimate(
        home: &Home,
        provider: &[u8; 32],
        profile: Profile,
        shape: Shape,
        prepared_s: f64,
        now: u64,
    ) -> Result<Self, Failure> {
        let ledger = status::ledger(home)?;
        let spent = |days: u64| {
            let since = now.saturating_sub(days.saturating_mul(86_400));
            ledger.as_ref().map_or(Ok(0), |ledger| ledger.spent(provider, since))
        };
        let tags = match &ledger {
            Some(ledger) => ledger.last_table(provider)?.map(|table| table.tag_count),
            None => None,
        };
        let frames = u64::from(Limits::STANDARD.frames(shape.elements).unwrap_or(u32::MAX));
        let blind = shape.elements.saturating_mul(ELEMENT_BYTES);
        let proofs = match profile.suite() {
            SuiteId::Aligned => frames.saturating_mul(PROOF_BYTES),
            SuiteId::Shuffled => 0,
        };
        let table = tags.unwrap_or(0).saturating_mul(TAG_BYTES);
        let handles = if profile.sends_handles() { shape.rows } else { 0 };
        Ok(Self {
            elements: shape.elements,
            spent: [spent(1)?, spent(30)?],
            tags,
            bytes_sent: blind,
            bytes_received: blind.saturating_add(proofs).saturating_add(table),
            handles_bytes_max: handles.saturating_mul(HANDLE_BYTES),
            prepared_s,
            elements_per_s: Engine::start(home.config.common.threads).measure(MEASURE),
        })
    }

    fn arithmetic_s(&self) -> f64 {
        self.elements as f64 / self.elements_per_s.max(1.0)
    }

    fn lines(&self) -> Vec<String> {
        let [day, month] = self.spent;
        let table = match self.tags {
            Some(tags) => format!("with a table of {tags} tags, as last seen"),
            None => "without the table, whose size is not known yet".to_owned(),
        };
        let mut lines = vec![
            format!(
                "budget: {} evaluations are charged; spent before: {day} in 24 hours, {month} in \
                 30 days; what is left the provider says when it answers",
                self.elements
            ),
            format!(
                "network: {} sent, {} received, {table}",
                megabytes(self.bytes_sent),
                megabytes(self.bytes_received)
            ),
        ];
        if self.handles_bytes_max > 0 {
            let handles = megabytes(self.handles_bytes_max);
            lines.push(format!("  and at most {handles} of handles, one for each matched row"));
        }
        lines.push(format!(
            "time: about {:.1} s of work here: {:.1} s to read the files, {:.1} s of arithmetic at \
             {:.0} elements a second; network and provider are not in it",
            self.prepared_s + self.arithmetic_s(),
            self.prepared_s,
            self.arithmetic_s(),
            self.elements_per_s
        ));
        lines
    }

    fn json(&self) -> Value {
        let [day, month] = self.spent;
        json!({
            "spent_day": day,
            "spent_epoch": month,
            "table_tags": self.tags,
            "bytes_sent": self.bytes_sent,
            "bytes_received": self.bytes_received,
            "handles_bytes_max": self.handles_bytes_max,
            "seconds_prepare": self.prepared_s,
            "seconds_arithmetic": self.arithmetic_s(),
            "elements_per_s": self.elements_per_s,
        })
    }
}

const ELEMENT_BYTES: u64 = 32;
const PROOF_BYTES: u64 = 64;
const HANDLE_BYTES: u64 = 16;
