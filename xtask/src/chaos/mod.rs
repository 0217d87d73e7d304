//! `cargo xtask chaos`: kills and cuts in the middle of runs, each followed by a run that has to
//! succeed by itself.
//!
//! A trial starts a run, waits until a node has written a certain record of its transcript, and
//! then kills a node without warning or cuts the path. Afterwards the same run is started again,
//! as a scheduler would, and must end with the right result. Its result is charged once, or not at
//! all where the interrupted run had paid for it; what an interrupted run was charged without a
//! result is counted and printed.

mod relay;
mod stand;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use sha2::{Digest, Sha256};

use self::stand::{Charged, Side, Stand};
use crate::answer::Profile;
use crate::demo::Workplace;
use crate::pair::{BuildProfile, Programs};
use crate::tool::Interrupt;

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Trials that kill a node.
    #[arg(long, default_value_t = 60)]
    pub(crate) kills: usize,
    /// Trials that cut the path between the nodes.
    #[arg(long, default_value_t = 40)]
    pub(crate) cuts: usize,
    /// Source of the points; the same seed gives the same ones.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Pairs of nodes at work side by side.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) jobs: u8,
    /// Keep everything in this directory, which must be new or empty.
    #[arg(long)]
    pub(crate) out: Option<std::path::PathBuf>,
}

/// One interruption.
#[derive(Clone, Copy, Debug)]
struct Trial {
    number: usize,
    profile: Profile,
    act: Act,
    /// Side whose transcript is watched.
    watched: Side,
    /// The record after which to act.
    record: usize,
    /// Time from that record to the act.
    delay: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Kill(Side),
    Cut,
}

/// Course of a trial.
struct Outcome {
    trial: Trial,
    /// End of the interrupted run: an exit status, `killed`, or `done` if it was done before.
    first: String,
    /// True if the interrupted run was charged and left no result.
    charged_for_nothing: bool,
    /// True if the next run was answered from the store.
    stored: bool,
    /// Fault of the trial, if there was one.
    fault: Option<String>,
}

/// Runs all trials and prints what became of them.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let stop = Interrupt::watch()?;
    let seed = options.seed.unwrap_or_else(crate::nightly::fresh_seed);
    say!(
        "chaos: again with `cargo xtask chaos --kills {} --cuts {} --seed {seed}`",
        options.kills,
        options.cuts
    );
    let programs = Programs::build(BuildProfile::Demo, &stop)?;
    let workplace = Workplace::new(options.out.as_deref())?;
    let trials = trials(options.kills, options.cuts, seed);
    let started = Instant::now();
    let outcomes = all(&programs, workplace.path(), &trials, options.jobs, &stop)?;
    report(&outcomes, started.elapsed())
}

/// The trials of a seed: profiles and acts in turn, points at random over the whole session.
fn trials(kills: usize, cuts: usize, seed: u64) -> Vec<Trial> {
    let draw = |number: usize, what: u8| {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update((number as u64).to_le_bytes());
        hash.update([what]);
        let bytes: [u8; 32] = hash.finalize().into();
        bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let acts = std::iter::repeat_n(true, kills).chain(std::iter::repeat_n(false, cuts));
    let mut trials = Vec::new();
    for (number, kill) in acts.enumerate() {
        let side = if draw(number, 0) % 2 == 0 { Side::Advertiser } else { Side::Provider };
        let watched = if draw(number, 1) % 2 == 0 { Side::Advertiser } else { Side::Provider };
        // A kill right after a record of the victim's own is the point that its journal decides.
        let exact = draw(number, 2) % 2 == 0;
        let delay = if exact { 0 } else { draw(number, 3) % DELAY_MS_MAX };
        trials.push(Trial {
            number,
            profile: Profile::ALL[number % Profile::ALL.len()],
            act: if kill { Act::Kill(side) } else { Act::Cut },
            watched: if kill && exact { side } else { watched },
            record: 1 + usize::try_from(draw(number, 4) % RECORDS).unwrap_or(0),
            delay: Duration::from_millis(delay),
        });
    }
    trials
}

/// Every trial on some stand, a few to each, several stands side by side.
fn all(
    programs: &Programs,
    work: &Path,
    trials: &[Trial],
    jobs: u8,
    stop: &Interrupt,
) -> Result<Vec<Outcome>, String> {
    let groups: Vec<&[Trial]> = trials.chunks(TRIALS_OF_A_STAND).collect();
    let (next, outcomes, failed) =
        (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..usize::from(jobs).min(groups.len()) {
            scope.spawn(|| {
                while let Some(group) = groups.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let first = group.first().map_or(0, |trial| trial.number);
                    let dir = work.join(format!("stand-{first}"));
                    match on_a_stand(programs, &dir, group, stop) {
                        Ok(mut found) => lock(&outcomes).append(&mut found),
                        Err(reason) => lock(&failed).push(format!("stand {first}: {reason}")),
                    }
                }
            });
        }
    });
    stop.check()?;
    if let Some(reason) = lock(&failed).first() {
        return Err(reason.clone());
    }
    let mut outcomes = std::mem::take(&mut *lock(&outcomes));
    outcomes.sort_by_key(|outcome: &Outcome| outcome.trial.number);
    Ok(outcomes)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The trials of one stand, one after the other.
fn on_a_stand(
    programs: &Programs,
    dir: &Path,
    group: &[Trial],
    stop: &Interrupt,
) -> Result<Vec<Outcome>, String> {
    let mut stand = Stand::set_up(programs, dir, group.len(), stop)?;
    let mut outcomes = Vec::new();
    for (at, trial) in group.iter().enumerate() {
        let outcome = one(&mut stand, at, *trial)?;
        say!("chaos: {}", line(&outcome));
        outcomes.push(outcome);
    }
    stand.end()?;
    Ok(outcomes)
}

/// One trial. An error is a failure of the stand; a fault of the nodes stands in the outcome.
fn one(stand: &mut Stand<'_>, at: usize, trial: Trial) -> Result<Outcome, String> {
    let before = stand.charged()?;
    let first = interrupt(stand, at, trial)?;
    let between = stand.charged()?;
    let next = stand.start_run(at, trial.profile, "next")?;
    let ended = stand.wait(next)?;
    let after = stand.charged()?;
    let mut outcome =
        Outcome { trial, first, charged_for_nothing: false, stored: false, fault: None };
    if matches!(outcome.first.as_str(), "69" | "70" | "76" | "78" | "83") {
        outcome.fault = Some(format!("the interrupted run ended with {}", outcome.first));
    } else if !ended.status.success() {
        outcome.fault = Some(ended.unexpected("did not end well"));
    } else {
        match stand.judge(at, trial.profile, "next") {
            Err(reason) => outcome.fault = Some(reason),
            Ok(stored) => {
                outcome.stored = stored;
                let unit = unit(trial.profile);
                outcome.charged_for_nothing =
                    !stored && between.provider.saturating_sub(before.provider) >= unit;
                outcome.fault = miscounted(before, between, after, unit, stored).err();
            }
        }
    }
    Ok(outcome)
}

/// Starts a run and interrupts it; returns how it ended.
fn interrupt(stand: &mut Stand<'_>, at: usize, trial: Trial) -> Result<String, String> {
    let known = stand.sessions(trial.watched);
    let mut run = stand.start_run(at, trial.profile, "first")?;
    let deadline = Instant::now() + WATCH_LIMIT;
    while stand.records(trial.watched, &known) < trial.record {
        if let Some(ended) = run.poll()? {
            // The session had fewer records.
            return Ok(status(&ended));
        }
        if Instant::now() > deadline {
            return Err(format!("record {} was never written{}", trial.record, run.tail()));
        }
        std::thread::sleep(WATCH_POLL);
    }
    std::thread::sleep(trial.delay);
    match trial.act {
        Act::Kill(Side::Advertiser) => {
            drop(run);
            Ok("killed".to_owned())
        }
        Act::Kill(Side::Provider) => {
            stand.kill_service()?;
            stand.wait(run).map(|ended| status(&ended))
        }
        Act::Cut => {
            stand.relay.set_cut(true);
            let ended = stand.wait(run);
            stand.relay.set_cut(false);
            ended.map(|ended| status(&ended))
        }
    }
}

fn status(ended: &crate::process::Ended) -> String {
    match ended.status.code() {
        Some(0) => "done".to_owned(),
        Some(code) => code.to_string(),
        None => "killed".to_owned(),
    }
}

/// Fault of a trial whose charges are not those of one result.
fn miscounted(
    before: Charged,
    between: Charged,
    after: Charged,
    unit: u64,
    stored: bool,
) -> Result<(), String> {
    let first = between.provider.saturating_sub(before.provider);
    let next = after.provider.saturating_sub(between.provider);
    if first > unit {
        return Err(format!("the interrupted run was charged {first}, more than {unit}"));
    }
    let due = if stored { 0 } else { unit };
    if next != due {
        return Err(format!("the next run was charged {next}, not {due}"));
    }
    // The rows of a trial are its own: only its first run can have paid for them.
    if stored && first != unit {
        return Err("a result came from the store that nobody paid for".to_owned());
    }
    if !stored && after.advertiser != after.provider {
        return Err(format!(
            "the ledgers differ: {} at the advertiser, {} at the provider",
            after.advertiser, after.provider
        ));
    }
    Ok(())
}

/// Evaluations that a run of a trial is charged: 1,200 rows, padded, of two slots where they are
/// shuffled.
fn unit(profile: Profile) -> u64 {
    if profile.is_shuffled() { 2 * 32_768 } else { 32_768 }
}

fn line(outcome: &Outcome) -> String {
    let Trial { number, profile, act, watched, record, delay } = outcome.trial;
    let act = match act {
        Act::Kill(side) => format!("kill {}", side.name()),
        Act::Cut => "cut".to_owned(),
    };
    let at = format!("{}'s record {record} + {} ms", watched.name(), delay.as_millis());
    let next = match (&outcome.fault, outcome.stored) {
        (Some(fault), _) => format!("FAULT: {fault}"),
        (None, true) => "next run answered from the store".to_owned(),
        (None, false) => "next run computed".to_owned(),
    };
    let paid = if outcome.charged_for_nothing { ", charged without a result" } else { "" };
    format!("{number}: {} {act} at {at}: {}{paid}; {next}", profile.name(), outcome.first)
}

/// Prints the totals and fails if any trial did.
fn report(outcomes: &[Outcome], took: Duration) -> Result<(), String> {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in outcomes {
        *ends.entry(outcome.first.as_str()).or_default() += 1;
    }
    let count = |what: fn(&&Outcome) -> bool| outcomes.iter().filter(what).count();
    let kills = count(|outcome| matches!(outcome.trial.act, Act::Kill(_)));
    let ends: Vec<String> = ends.iter().map(|(end, times)| format!("{end}: {times}")).collect();
    say!("");
    say!("  trials            {} ({kills} kills, {} cuts)", outcomes.len(), outcomes.len() - kills);
    say!("  interrupted run   {}", ends.join(", "));
    say!("  charged for naught {}", count(|outcome| outcome.charged_for_nothing));
    say!("  from the store    {}", count(|outcome| outcome.stored));
    say!("  in all            {:.0} s", took.as_secs_f64());
    let faults: Vec<String> =
        outcomes.iter().filter(|outcome| outcome.fault.is_some()).map(line).collect();
    say!("  faults            {}", faults.len());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

/// Trials on one pair of nodes: a partner may open sixteen sessions a day.
const TRIALS_OF_A_STAND: usize = 4;

/// Records a session of a trial has, about; a point beyond the last is a run to its end.
const RECORDS: u64 = 26;

/// Longest time from a record to the act.
const DELAY_MS_MAX: u64 = 400;

/// Longest wait for a record.
const WATCH_LIMIT: Duration = Duration::from_secs(120);

/// Time between two looks at a transcript.
const WATCH_POLL: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_trials_over_all_profiles_and_acts() {
        let (one, again) = (trials(60, 40, 7), trials(60, 40, 7));
        assert_eq!(format!("{one:?}"), format!("{again:?}"));
        assert_ne!(format!("{one:?}"), format!("{:?}", trials(60, 40, 8)));
        assert_eq!(one.len(), 100);
        for profile in Profile::ALL {
            assert_eq!(one.iter().filter(|trial| trial.profile == profile).count(), 25);
        }
        for side in [Side::Advertiser, Side::Provider] {
            let killed =
                one.iter().filter(|trial| matches!(trial.act, Act::Kill(it) if it == side));
            assert!(killed.count() > 10);
        }
    }

    #[test]
    fn charges_of_more_than_one_result_are_found() {
        let at = |provider| Charged { advertiser: provider, provider };
        assert!(miscounted(at(0), at(0), at(10), 10, false).is_ok());
        assert!(miscounted(at(0), at(10), at(20), 10, false).is_ok());
        assert!(miscounted(at(0), at(10), at(10), 10, true).is_ok());
        assert!(miscounted(at(0), at(0), at(20), 10, false).is_err());
        assert!(miscounted(at(0), at(20), at(30), 10, false).is_err());
        assert!(miscounted(at(0), at(10), at(20), 10, true).is_err());
        assert!(miscounted(at(0), at(0), at(0), 10, true).is_err());
        let apart = Charged { advertiser: 20, provider: 10 };
        assert!(miscounted(at(0), at(0), apart, 10, false).is_err());
    }
}
