//! `cargo xtask nightly`: what is too slow for every change request.
//!
//! A hundred runs that are killed or cut; the tests of ristretto-batch in release mode with
//! millions of elements on each path of each backend and a seed of their own; the timing bench with
//! its threshold; the plain-integer model under Miri; Python libraries against our normalizer, and
//! Python tools on our results; a month of daily runs with real arithmetic. The same random points,
//! elements and values can be had again by the
//! printed commands.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::ci::{self, Step};
use crate::tool::{self, Done};
use crate::{chaos, python};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Steps to run, all unless some are named: chaos, kernel, timing, miri, oracles, readback,
    /// month.
    steps: Vec<String>,
    /// Elements on each path of each backend, at least.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    elements: u32,
    /// Values that the normalizer is compared on.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    values: u32,
    /// Seed of the random elements and values, from the clock unless given.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs every step, whatever became of the one before.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let steps: [(&str, &Step<'_>); 7] = [
        ("chaos", &interruptions),
        ("kernel", &|| kernel(seed, options.elements)),
        ("timing", &timing),
        ("miri", &miri),
        ("oracles", &|| python::oracles(seed, options.values)),
        ("readback", &python::readback),
        ("month", &month),
    ];
    let names = steps.map(|(name, _)| name);
    if let Some(unknown) = options.steps.iter().find(|step| !names.contains(&step.as_str())) {
        return Err(format!("`{unknown}` is none of the steps {}", names.join(", ")));
    }
    let chosen = |name: &str| options.steps.is_empty() || options.steps.iter().any(|it| it == name);
    let steps: Vec<_> = steps.into_iter().filter(|(name, _)| chosen(name)).collect();
    ci::run_steps("nightly", &steps)
}

/// Runs that are killed and cut in every profile, each followed by one that has to succeed.
fn interruptions() -> Result<Done, String> {
    let options = chaos::Options { kills: 60, cuts: 40, seed: None, jobs: 3, out: None };
    chaos::run(&options).map(|()| Done::Passed)
}

/// The tests of the kernel, with a build in which they can force a backend.
fn kernel(seed: u64, elements: u32) -> Result<Done, String> {
    say!("nightly: again with `cargo xtask nightly kernel --elements {elements} --seed {seed}`");
    let mut command = tool::cargo(&["test", "--release", "-p", "ristretto-batch"]);
    command.args(["--features", "force-backend"]);
    command.env("RISTRETTO_BATCH_RUNS", elements.div_ceil(RUN).to_string());
    command.env("RISTRETTO_BATCH_SEED", seed.to_string());
    tool::succeed(&mut command).map(|()| Done::Passed)
}

/// Measures if running time depends on secrets.
fn timing() -> Result<Done, String> {
    let mut command = tool::cargo(&["bench", "-p", "ristretto-batch", "--bench", "timing", "--"]);
    command.args(["--samples", "4000", "--fail-above", "10"]);
    tool::succeed(&mut command).map(|()| Done::Passed)
}

/// A month of daily runs with real arithmetic.
fn month() -> Result<Done, String> {
    let mut command = tool::cargo(&["test", "--release", "-p", "veilmatch-session"]);
    command.args(["--test", "month", "--", "--ignored", "--nocapture"]);
    tool::succeed(&mut command).map(|()| Done::Passed)
}

/// The arithmetic of the vector backends in plain integers, under an interpreter that finds
/// undefined behaviour.
fn miri() -> Result<Done, String> {
    let arguments = ["miri", "test", "-p", "ristretto-batch", "--lib", "model"];
    ci::with("miri", &arguments, |_| ())
}

/// A seed that nobody has used before; it need not be hard to guess.
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs().wrapping_mul(1_000_000_007) ^ u64::from(since.subsec_nanos())
}

/// Elements that one run of a random test draws, as in its `tests/common`.
const RUN: u32 = 4_003;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_is_none_is_named_before_anything_runs() {
        let steps = vec!["oracles".to_owned(), "chaoss".to_owned()];
        let options = Options { steps, elements: 1, values: 1_000, seed: None };
        assert!(run(&options).unwrap_err().starts_with("`chaoss` is none of the steps chaos, "));
    }
}
