//! `cargo xtask nightly`: what is too slow for every change request.
//!
//! A hundred runs that are killed or cut; the tests of ristretto-batch in release mode with
//! millions of elements on each path of each backend and a seed of their own; the timing bench with
//! its threshold; the plain-integer model under Miri. The same random points and elements can be
//! had again by the printed commands.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use crate::chaos;
use crate::ci::{self, Step};
use crate::tool::{self, Done};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Elements on each path of each backend, at least.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    elements: u32,
    /// Seed of the random elements, from the clock unless given.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs every step, whatever became of the one before.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let steps: [(&str, &Step<'_>); 4] = [
        ("chaos", &interruptions),
        ("kernel", &|| kernel(options)),
        ("timing", &timing),
        ("miri", &miri),
    ];
    ci::run_steps("nightly", &steps)
}

/// Runs that are killed and cut in every profile, each followed by one that has to succeed.
fn interruptions() -> Result<Done, String> {
    let options = chaos::Options { kills: 60, cuts: 40, seed: None, jobs: 3, out: None };
    chaos::run(&options).map(|()| Done::Passed)
}

/// The tests of the kernel, with a build in which they can force a backend.
fn kernel(options: &Options) -> Result<Done, String> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    let elements = options.elements;
    say!("nightly: again with `cargo xtask nightly --elements {elements} --seed {seed}`");
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
