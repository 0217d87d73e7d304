//! The summary of a run for a script.

use std::time::Duration;

use node::driver::{Ended, Stage};
use protocol::disclosure::{MatchCount, Outcome, Rate};
use serde_json::{Map, Value, json};

use super::outcome::{file_rate, text};
use super::session::Run;

/// Everything a script may want of a run; counts are the released ones, or null.
pub(super) fn summary(run: &Run<'_>, ended: &Ended, total: Duration) -> Value {
    let counts = run.input.counts();
    let stages: Vec<Value> = ended
        .figures
        .stages
        .iter()
        .map(|Stage { name, seconds, cpu_seconds }| {
            json!({"name": name, "seconds": seconds, "cpu_seconds": cpu_seconds})
        })
        .collect();
    let spent = ended.figures.tasks.iter();
    let tasks: Map<String, Value> = spent
        .map(|(name, spent)| {
            let value = json!({
                "seconds": spent.seconds, "arithmetic_seconds": spent.arithmetic_seconds,
                "elements": spent.elements,
            });
            ((*name).to_owned(), value)
        })
        .collect();
    let mut summary = json!({
        "profile": run.request.profile.name(),
        "purpose": run.input.purpose().name(),
        "consent_max_age_days": run.input.consent_max_age_days(),
        "rows": counts.rows,
        "eligible": counts.eligible,
        "populations": counts,
        "distinct_identifiers": run.input.distinct(),
        "row_width": run.shape.width.get(),
        "elements": run.shape.elements,
        "changed_rows": run.committed.nearest(),
        "stages": stages,
        "tasks": tasks,
        "seconds_total": total.as_secs_f64(),
        "bytes_sent": ended.figures.bytes_sent,
        "bytes_received": ended.figures.bytes_received,
        "transcript_dir": ended.directory,
        "backend": run.engine.backend(),
        "session_id": node::hex(&ended.sid),
        "outcome": kind(&ended.outcome),
        "outcome_text": text(&ended.outcome),
    });
    if let Some(summary) = summary.as_object_mut() {
        summary.extend(result(&ended.outcome, counts.eligible, counts.rows));
    }
    summary
}

/// The figures of an outcome under names that every profile has.
fn result(outcome: &Outcome, eligible: u64, rows: u64) -> Map<String, Value> {
    let (mut matched, mut rate, mut file, mut ids, mut suppressed) =
        (Value::Null, Value::Null, Value::Null, Value::Null, Value::Null);
    let mut count: Option<&MatchCount> = None;
    match outcome {
        Outcome::Rows(found) => {
            let percent = |of: u64| 100.0 * found.matched() as f64 / of.max(1) as f64;
            matched = found.matched().into();
            rate = json!({"percent": percent(eligible), "over": false});
            file = json!({"percent": percent(rows), "over": false});
        }
        Outcome::Count(found) => count = Some(found),
        Outcome::Handles(activated) => count = Some(activated.count()),
        Outcome::DigitalIds(found) => {
            count = Some(found.count());
            ids = found.ids().into();
            suppressed = found.suppressed().into();
        }
        Outcome::Withheld(_) | Outcome::Served | Outcome::Released(_) => {}
    }
    if let Some(count) = count {
        matched = json!(count.matched());
        rate = shown(count.rate());
        file = json!(
            file_rate(count, eligible, rows)
                .map(|percent| { json!({"percent": percent, "over": false}) })
        );
    }
    let interval = count.and_then(MatchCount::interval).map(
        |interval| json!({"low": interval.low, "high": shown(interval.high), "confidence": 95}),
    );
    let fields = [
        ("matched", matched),
        ("rate", rate),
        ("file_rate", file),
        ("rows_asked", json!(count.map(MatchCount::rows))),
        ("interval", json!(interval)),
        ("rows_by_hits", json!(count.map(MatchCount::rows_by_hits))),
        ("digital_ids", ids),
        ("ids_suppressed", suppressed),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn shown(rate: Rate) -> serde_json::Value {
    match rate {
        Rate::Percent(percent) => json!({"percent": percent, "over": false}),
        Rate::Over(cap) => json!({"percent": cap, "over": true}),
    }
}

const fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Rows(_) => "rows",
        Outcome::Count(_) => "count",
        Outcome::Handles(_) => "handles",
        Outcome::DigitalIds(_) => "digital-ids",
        Outcome::Withheld(_) => "withheld",
        Outcome::Served | Outcome::Released(_) => "served",
    }
}
