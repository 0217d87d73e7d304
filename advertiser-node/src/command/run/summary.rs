//! The summary of a run for a script.

use std::time::Duration;

use node::driver::{Ended, Stage};
use serde_json::{Map, Value, json};

use super::session::Run;
use crate::answer::Answer;

/// Everything a script may want of a run; counts are the released ones, or null.
pub(super) fn of_session(
    run: &Run<'_>,
    answer: &Answer,
    ended: &Ended,
    total: Duration,
) -> Map<String, Value> {
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
    let mut summary = answer.summary(&ended.sid);
    let figures = [
        ("stages", json!(stages)),
        ("tasks", json!(tasks)),
        ("seconds_total", json!(total.as_secs_f64())),
        ("bytes_sent", json!(ended.figures.bytes_sent)),
        ("bytes_received", json!(ended.figures.bytes_received)),
        ("transcript_dir", json!(ended.directory)),
        ("backend", json!(run.engine.backend())),
    ];
    summary.extend(figures.map(|(name, value)| (name.to_owned(), value)));
    summary
}

/// The summary of a run that was answered from the store: the figures are those of the session
/// that asked, whose kind of outcome stands beside `stored`.
pub(super) fn of_stored(answer: &Answer, sid: &[u8; 32]) -> Map<String, Value> {
    let mut summary = answer.summary(sid);
    let kind = summary.insert("outcome".to_owned(), "stored".into());
    summary.insert("stored_outcome".to_owned(), kind.unwrap_or(Value::Null));
    summary
}
