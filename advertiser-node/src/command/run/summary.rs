//! The summary of a run for a script.

use std::time::Duration;

use node::console::Object;
use node::driver::{Ended, Stage};
use node::failure::{Failure, Reader, WithheldResult};
use report::Exit;
use serde_json::{Map, Value, json};
use session::disclosure::{Outcome, Withheld};

use super::session::Run;
use crate::answer::Answer;

/// Everything a script may want of a run; counts are the released ones, or null.
pub(super) fn of_session(run: &Run<'_>, answer: &Answer, ended: &Ended, total: Duration) -> Object {
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
    let object = answer.object("run", ended.sid, run.output).with(json!({
        "stages": stages,
        "tasks": tasks,
        "seconds_total": total.as_secs_f64(),
        "bytes_sent": ended.figures.bytes_sent,
        "bytes_received": ended.figures.bytes_received,
        "transcript_dir": ended.directory,
        "backend": run.engine.backend(),
    }));
    let warnings = run.policy.no_cookie(run.request.profile).into_iter();
    let object = warnings.fold(object, |object, one| object.warns(one.to_string()));
    match ended.outcome {
        Outcome::Withheld(why) => withheld(object, why),
        _ => object,
    }
}

/// The summary of a run that was answered from the store: the figures are those of the session
/// that asked, whose kind of outcome stands beside `stored`.
pub(super) fn of_stored(run: &Run<'_>, answer: &Answer, sid: [u8; 32]) -> Object {
    let kind = json!({ "stored_outcome": answer.figures.kind() });
    answer.object("run", sid, run.output).with(kind).ended("stored", Exit::Done)
}

/// The same for a result that is withheld.
fn withheld(object: Object, why: Withheld) -> Object {
    object.failed(&Failure::from(WithheldResult(why)), &Reader::LOG)
}
