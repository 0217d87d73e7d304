//! `run`: one match with one provider.

use std::path::Path;
use std::time::Instant;

use ::session::disclosure::Outcome;
use crm::{Departures, GateRules, InputRules, PreparedInput, WidelyShared};
use ledger::Ledger;
use mapping::MapDigest;
use node::console::{OutputOptions, Progress, Terminal};
use node::driver::{Ended, Stage, Stopwatch};
use node::engine::BatchEngine;
use node::engine::Engine;
use node::failure::{Failure, TooFewRows};
use node::invite::Invitation;
use node::status;
use node::stop::Stop;
use normalize::{Normalizer, PhonePrehash};
use protocol::identifier::IdentifierKind;
use protocol::suite::Profile;
use report::{Arg, Code, Text};
use store::os::{Clock as _, SystemClock};
use store::results::{About, Results};
use tabular::{Input, Watched};
use tokio::runtime::Runtime;

use self::approval::Approval;
use self::session::{Finish, Kept, Run};
use crate::Home;
use crate::answer::{Answer, Figures};
use crate::cli::{Allowed, Mapped, RunOptions};
use crate::departures;
use crate::partner::{invitation, kinds, rules_must_agree};
use crate::places::{self, Named, Places};
use crate::policy::Policy;
use crate::request::Request;
use crate::runs::{NamedRun, Runs};

mod approval;
mod keep;
mod patience;
mod removal;
mod session;
mod summary;

pub(crate) fn run(
    dir: &Path,
    options: &RunOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let request = Request::parse(&options.profile, options.sample)?;
    let approval = Approval::decide(request.profile, options.approve)?;
    check_outputs(options, request)?;
    let runtime = runtime()?;
    let stop = Stop::on_signals(&runtime, terminal)?;
    let done = matched(dir, options, (request, approval), output, terminal, (&runtime, &stop));
    // A name that is still being looked up holds nobody up.
    runtime.shutdown_background();
    done
}

/// Prepares the input, runs the session, writes the result.
fn matched(
    dir: &Path,
    options: &RunOptions,
    (request, approval): (Request, Approval),
    output: &OutputOptions,
    terminal: &Terminal,
    (runtime, stop): (&Runtime, &Stop),
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let _lock = home.lock()?;
    let runs = Runs::open(&home)?;
    let known = options.run_id.as_deref().map(|name| runs.read(name)).transpose()?.flatten();
    let own = known.map_or_else(Vec::new, |run| run.own_files());
    let named = Named { result: options.output.as_deref(), options: output, own: &own };
    let places = Places::claim(&home, &options.inputs.reads()?, request.profile, named, terminal)?;
    let ledger = Ledger::open(&home.ledger())?;
    // Nobody else has the directory, so what is noted as running is not.
    ledger.interrupt_sessions()?;
    let invitation = invitation(&home, options.provider.as_deref())?;
    request.allowed_by(&invitation)?;
    let rules = rules_must_agree(&home, &invitation)?;
    let policy = Policy::of(&home, &invitation, request.profile)?;
    if let Some(warning) = policy.no_cookie(request.profile) {
        terminal.tell(&warning);
    }
    let progress = Progress::new(output, terminal);
    let (started, mut watch) = (Instant::now(), Stopwatch::start());
    let max_age_days = policy.consent_max_age_days();
    let mapped = options.inputs.read(&home)?;
    let departures = departures::open(&home)?;
    let now = SystemClock::new().now_unix();
    let many_allowed = options.inputs.allows(Allowed::ManyDepartures);
    let keep_out = Some((many_allowed, now));
    let asked = (max_age_days, &departures, keep_out);
    let prepared = prepare(&home, &mapped, (&invitation, request), asked, &progress);
    let leavers = removal::leavers(&home, &departures, &invitation, now)?;
    let (input, unusable) = match prepared {
        Ok(input) => (input, None),
        // Persons who leave wait for no row of a list, and for nobody who looks at its columns.
        Err(failure) if leavers.due && STANDS_ASIDE.contains(&failure.code()) => {
            (removal::input(&home, &leavers)?, Some(failure))
        }
        Err(failure) => return Err(failure),
    };
    if let Some(rows) = input.counts().warnings.get(crm::CONSENT_ENDED_ELSEWHERE) {
        terminal.tell(&Text::new("departures-doubtful").with("rows", *rows));
    }
    let shape = request.shape(&input)?;
    let results = Results::open(&home.path(""), &home.storage, ledger.latest_time()?)?;
    let run = Run {
        home: &home,
        invitation: &invitation,
        request,
        shape,
        policy,
        rules_digest: rules.rules_digest(),
        input: &input,
        results: &results,
        segment: options.segment.as_deref(),
        wait: options.wait,
        output,
        ledger: &ledger,
        engine: Engine::start(home.config.common.threads),
        progress: &progress,
        terminal,
        approval,
        high_rate: options.inputs.allows(Allowed::HighRate),
        stop,
        departures: &departures,
    };
    if let Some(failure) = unusable {
        stop.heed();
        removal::before(&run, &leavers, runtime, now)?;
        return Err(failure);
    }
    let bound = match &options.run_id {
        None => None,
        Some(name) => {
            let named = runs.bind(name, run.asked())?;
            Some((name.as_str(), named))
        }
    };
    if let Some((name, named)) = &bound
        && let Some(known) = run.known(name, named)?
    {
        progress.finish();
        let done = again(&run, &known, &places, terminal);
        note_end(&runs, bound, known.about.sid, done.is_ok().then_some(&places));
        return done;
    }
    let prepared = watch.lap("prepare");
    // From here on the peer is told before this program ends, and what was paid for is written.
    stop.heed();
    // Persons who leave wait for no size of a list, and for no budget of matches.
    removal::before(&run, &leavers, runtime, now)?;
    enough_rows(&input, run.policy.n_min())?;
    let allowed = options.inputs.allows(Allowed::SharedIdentifiers);
    if let Some(shared) = WidelyShared::find(input.counts()).filter(|_| !allowed) {
        return Err(Failure::new(Code::ToDoFirst, shared.told()));
    }
    run.refuse_spent(now)?;
    let finish = runtime.block_on(run.until_done())?;
    progress.finish();
    let (sid, done) = match finish {
        Finish::Ended(ended, kept) => {
            let sid = kept.as_ref().map(|kept| kept.about.sid);
            (sid, end(&run, *ended, kept.as_deref(), &places, (prepared, started)))
        }
        Finish::Stored(known) => (Some(known.about.sid), again(&run, &known, &places, terminal)),
    };
    if let Some(sid) = sid {
        note_end(&runs, bound, sid, done.is_ok().then_some(&places));
    }
    done
}

/// Notes the session and the files of a run that has a name; the result itself says which run it
/// is of, so that nothing but the leave to replace the files hangs on it. Without `written` places
/// its files stay those of before: what stands there now may be somebody else's.
fn note_end(
    runs: &Runs<'_>,
    bound: Option<(&str, NamedRun)>,
    sid: [u8; 32],
    written: Option<&Places>,
) {
    let Some((name, named)) = bound else { return };
    let files = written.map_or_else(|| named.own_files(), Places::files);
    if let Err(failure) = runs.end(name, named, sid, &files) {
        let report = &failure;
        tracing::warn!(target: "veilmatch::runs", "end of a run not noted: {report}");
    }
}

/// Writes the result of a session, from its place in the store.
fn end(
    run: &Run<'_>,
    mut ended: Ended,
    kept: Option<&Kept>,
    places: &Places,
    (prepared, started): (Stage, Instant),
) -> Result<(), Failure> {
    let mut watch = Stopwatch::start();
    let (sid, dir) = (ended.sid, run.home.path(""));
    let paid = |failure: Failure| match kept {
        Some(_) => places::kept(&failure, &sid, &dir),
        None => failure,
    };
    if let Some(kept) = kept {
        places.write(run.home, kept, None).map_err(paid)?;
    }
    let answer = match kept {
        Some(kept) => kept.about.answer.clone(),
        None => {
            let days = run.policy.ids_valid_days();
            run.answer(Figures::of(&ended.outcome), days, places::now())
        }
    };
    ended.figures.stages.insert(0, prepared);
    ended.figures.stages.push(watch.lap("write"));
    let summary = summary::of_session(run, &answer, &ended, started.elapsed());
    places.write_summary(&summary).map_err(paid)?;
    places.done();
    if let Err(failure) = run.remember_table(&ended) {
        // The result is written: what only bounds the growth of the next table is no failure of it.
        let report = &failure;
        tracing::warn!(target: "veilmatch::table", "size not remembered: {report}");
    }
    if let Outcome::Withheld(why) = ended.outcome {
        return Err(node::failure::WithheldResult(why).into());
    }
    // Only what was released takes the place of older bags.
    removal::after(run, &ended.sid)?;
    show(run.terminal, &answer, places);
    run.terminal.say(&Text::new("run-transcript").with("path", &ended.directory));
    Ok(())
}

/// Ends a run whose question was answered before: nothing was asked, and nothing is charged.
fn again(run: &Run<'_>, known: &Kept, places: &Places, terminal: &Terminal) -> Result<(), Failure> {
    let About { sid, sealed_at, answer, .. } = &known.about;
    departures::refuse_left(run.departures, known)?;
    let paid = |failure: Failure| places::kept(&failure, sid, &run.home.path(""));
    places.write(run.home, known, run.segment).map_err(paid)?;
    places.write_summary(&summary::of_stored(run, answer, *sid)).map_err(paid)?;
    places.done();
    let asked = Text::new("run-known").with("time", Arg::Time(*sealed_at));
    terminal.say(&asked.with("session", status::short(sid)));
    show(terminal, answer, places);
    Ok(())
}

/// Refuses outputs that cannot be written, before anything else is done.
fn check_outputs(options: &RunOptions, request: Request) -> Result<(), Failure> {
    let profile = request.profile.name();
    if request.needs_output() && options.output.is_none() {
        let text = Text::new("output-needed").with("profile", profile);
        return Err(Failure::new(Code::Usage, text));
    }
    let delivers = request.profile == Profile::DigitalIds;
    if let Some(segment) = &options.segment {
        if !delivers {
            let text = Text::new("segment-without-file").with("profile", profile);
            return Err(Failure::new(Code::Usage, text));
        }
        check_segment(segment)?;
    }
    Ok(())
}

/// A name stands in every row of the file, so it is plain: no formula, no control character.
fn check_segment(segment: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_alphanumeric() || " ._-".contains(c);
    let starts = segment.chars().next().is_some_and(char::is_alphanumeric);
    if starts && segment.len() <= SEGMENT_BYTES_MAX && segment.chars().all(plain) {
        return Ok(());
    }
    Err(Failure::new(Code::Usage, Text::new("segment-not-plain")))
}

/// Too few rows are told before the provider is contacted.
pub(super) fn enough_rows(input: &PreparedInput, n_min: u32) -> Result<(), Failure> {
    let eligible = input.counts().eligible;
    if eligible < u64::from(n_min) { Err(TooFewRows { eligible, n_min }.into()) } else { Ok(()) }
}

/// The result for a person, and where it lies.
pub(super) fn show(terminal: &Terminal, answer: &Answer, places: &Places) {
    terminal.list(answer.lines());
    let counts = &answer.populations;
    let rows = Text::new("run-rows")
        .with("rows", counts.rows)
        .with("consent", counts.excluded_consent)
        .with("unusable", counts.excluded_no_usable_identifier)
        .with("objected", counts.excluded_optout + counts.excluded_optout_by_identifier);
    terminal.say(&rows);
    if !counts.identifiers_rejected.is_empty() {
        let reasons = counts
            .identifiers_rejected
            .iter()
            .map(|(code, count)| Text::new("code-and-count").with("code", code).with("n", *count));
        let reasons = Arg::List(reasons.collect());
        terminal.say(&Text::new("check-rejected").with("reasons", reasons));
    }
    if let Some(map) = answer.map {
        let digest = Arg::Word(MapDigest::from(map).short());
        terminal.say(&Text::new("map-used").with("digest", digest));
    }
    if let Some(output) = places.told() {
        terminal.say(&Text::new("run-result").with("output", output));
    }
}

/// Threads for the channel; arithmetic has its own.
fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(
        |error| {
            let text = Text::new("runtime-not-started").with("why", &error);
            Failure::new(Code::Storage, text)
        },
    )
}

/// Reads the files and commits to their rows. With `keep_out`, which says whether many may leave,
/// and the time, whoever leaves by these files is kept out of them and all later ones.
pub(super) fn prepare(
    home: &Home,
    mapped: &Mapped,
    (invitation, request): (&Invitation, Request),
    (consent_max_age_days, departures, keep_out): (u16, &Departures, Option<(bool, u64)>),
    progress: &Progress,
) -> Result<PreparedInput, Failure> {
    let kinds = kinds(invitation);
    let inputs = &mapped.inputs;
    let normalizer = normalizer(home, &kinds, inputs);
    let slots = (invitation.link_filter.level, request.slots(Some(invitation)));
    let watched = progress.watched();
    let (store, workspace) = (home.private_dir("inputs")?, home.workspace()?);
    let departed = departures.departed()?;
    let rules = InputRules {
        map: mapped.map.digest().map(|digest| *digest.as_bytes()),
        departed: Some(&departed),
        ..input_rules(home, &normalizer, &kinds, slots, consent_max_age_days, &watched)
    };
    let engine = BatchEngine::detect();
    let stored = (&*store, &workspace);
    Ok(match keep_out {
        Some(many_and_now) => departures.prepare(inputs, &rules, stored, &engine, many_and_now)?,
        None => {
            let key = &home.storage;
            PreparedInput::prepare(inputs, &rules, &store, key, &workspace, &engine)?
        }
    })
}

/// Rules by which this node normalizes values of CRM files.
pub(crate) fn normalizer(home: &Home, kinds: &[u8], inputs: &[Input]) -> Normalizer {
    let normalizer = home.config.common.normalizer();
    // Telephone numbers without `+` are of use to a provider that holds digests of them, and to
    // find the numbers in clear of a person who objects by such a digest.
    let digits = |input: &Input| input.reading.phone_sha256 == Some(PhonePrehash::Digits);
    if inputs.iter().any(digits) || kinds.contains(&IdentifierKind::PHONE_DIGITS.code()) {
        return normalizer.with_phone_digits();
    }
    normalizer
}

/// Rules by which this node reads CRM files.
pub(crate) fn input_rules<'a>(
    home: &'a Home,
    normalizer: &'a Normalizer,
    kinds: &'a [u8],
    (level, row_width): (u8, u8),
    consent_max_age_days: u16,
    watched: &'a Watched,
) -> InputRules<'a> {
    InputRules {
        normalizer,
        gate: GateRules {
            purpose: home.config.purpose,
            consent_max_age_days,
            now: SystemClock::new().now_unix(),
        },
        kinds,
        level,
        row_width,
        shared: home.config.shared,
        not_for_purpose: &home.config.not_for_purpose,
        watched,
        map: None,
        departed: None,
    }
}

const SEGMENT_BYTES_MAX: usize = 64;
/// Failures of an input that hold up nobody who leaves.
const STANDS_ASIDE: [Code; 2] = [Code::NoUsableRow, Code::ToDoFirst];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments_are_plain() {
        for name in ["autumn 2026", "Été_1.b-2", &"a".repeat(64)] {
            check_segment(name).unwrap();
        }
        for name in ["", "=1+1", "-1", "a,b", "a\n", "a|b", &"a".repeat(65)] {
            assert_eq!(check_segment(name).unwrap_err().exit().code(), 2, "{name:?}");
        }
    }
}
