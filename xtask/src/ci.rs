//! `cargo xtask ci [TIER]`: every check of a tier, in order, with a table at the end.
//!
//! Each step's own output stays visible. A step whose facility is missing is reported as *not
//! run* by its name and is never counted as passed; any failure makes the whole fail, after the
//! other steps have run, so that one round shows everything there is to repair.

use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};

use crate::tool::{self, Done};
use crate::{chaos, demo, floors, package, tidy, wasm};
use sample::Flavour;

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Occasion whose checks are made.
    #[arg(value_enum, default_value_t = Tier::P)]
    tier: Tier,
}

/// Occasion of a check, which decides how much is checked.
#[derive(Clone, Copy, ValueEnum)]
enum Tier {
    /// Every change request.
    P,
}

/// A step's name, its seconds, and its result.
type Row<'a> = (&'a str, f64, Result<Done, String>);

/// One check, by itself.
pub(crate) type Step<'a> = dyn Fn() -> Result<Done, String> + 'a;

/// Runs the tier.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let Tier::P = options.tier;
    let steps: [(&str, &Step<'_>); 12] = [
        ("fmt", &fmt),
        ("clippy", &clippy),
        ("rustdoc", &rustdoc),
        ("floors", &|| floors::run().map(|()| Done::Passed)),
        ("tidy", &|| tidy::run(&tidy::Options { write: false }).map(|()| Done::Passed)),
        ("deny", &deny),
        ("wasm", &wasm::run),
        ("package", &package::run),
        ("test", &test),
        ("forced", &forced),
        ("demo", &small_demo),
        ("chaos", &few_interruptions),
    ];
    run_steps("ci", &steps)
}

/// Runs all steps of a command, prints their table, and fails if one of them did.
pub(crate) fn run_steps(command: &str, steps: &[(&str, &Step<'_>)]) -> Result<(), String> {
    let mut results = Vec::new();
    for (name, step) in steps {
        say!("{command}: {name}");
        let started = Instant::now();
        let result = step();
        match &result {
            Ok(Done::Passed) => say!("{command}: {name} passed"),
            Ok(Done::NotRun(reason)) => say!("{command}: {name}: NOT RUN: {reason}"),
            Err(reason) => say!("{command}: {name} FAILED: {reason}"),
        }
        results.push((*name, started.elapsed().as_secs_f64(), result));
    }
    say!("");
    say!("{}", table(&results));
    judge(command, &results)
}

/// The results as a table.
fn table(results: &[Row<'_>]) -> String {
    let mut text = format!("{:<8} {:>8}  result", "step", "seconds");
    for (name, seconds, result) in results {
        let shown = match result {
            Ok(Done::Passed) => "passed".to_owned(),
            Ok(Done::NotRun(reason)) => format!("not run: {reason}"),
            Err(_) => "FAILED".to_owned(),
        };
        text.push_str(&format!("\n{name:<8} {seconds:>8.1}  {shown}"));
    }
    text
}

/// Fails with the names of the steps that failed.
fn judge(command: &str, results: &[Row<'_>]) -> Result<(), String> {
    let failed: Vec<&str> =
        results.iter().filter(|(.., result)| result.is_err()).map(|(name, ..)| *name).collect();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{command}: failed: {}", failed.join(", ")))
    }
}

fn fmt() -> Result<Done, String> {
    with("fmt", &["fmt", "--all", "--check"], |_| ())
}

fn clippy() -> Result<Done, String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    with("clippy", &arguments, |_| ())
}

/// The pages of every crate: a link to what is gone fails, one to a private item does not.
fn rustdoc() -> Result<Done, String> {
    with("rustdoc", &["doc", "--workspace", "--no-deps"], |command| {
        command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
    })
}

fn deny() -> Result<Done, String> {
    with("deny", &["deny", "check"], |_| ())
}

fn test() -> Result<Done, String> {
    tool::succeed(&mut tool::cargo(&["test"])).map(|()| Done::Passed)
}

/// The backends that the environment names, which only a build for tests looks at.
fn forced() -> Result<Done, String> {
    let arguments = ["test", "-p", "ristretto-batch", "--features", "force-backend"];
    let mut command = tool::cargo(&arguments);
    tool::succeed(command.args(["--test", "forced"])).map(|()| Done::Passed)
}

/// The demonstration, just large enough for the least sizes of the terms.
fn small_demo() -> Result<Done, String> {
    demo::run(&demo::Options {
        rows: 2_000,
        persons: 4_000,
        profile: "all".to_owned(),
        out: None,
        json: None,
        seed: 1,
        flavour: Flavour::Dirty,
        limit_s: None,
    })
    .map(|()| Done::Passed)
}

/// Kills and cuts in the middle of runs, a few; the nightly command makes many.
fn few_interruptions() -> Result<Done, String> {
    let options = chaos::Options { kills: 8, cuts: 4, seed: None, jobs: 3, out: None };
    chaos::run(&options).map(|()| Done::Passed)
}

/// Runs a cargo command that needs a component or an extension of this name.
pub(crate) fn with(
    name: &str,
    arguments: &[&str],
    prepare: impl FnOnce(&mut Command),
) -> Result<Done, String> {
    let present = match name {
        "rustdoc" => tool::answers(Command::new("rustdoc").arg("--version")),
        _ => tool::answers(&mut tool::cargo(&[name, "--version"])),
    };
    if !present {
        let extension = if name == "rustdoc" { name.to_owned() } else { format!("cargo-{name}") };
        return Ok(Done::NotRun(format!("{extension} is not installed")));
    }
    let mut command = tool::cargo(arguments);
    prepare(&mut command);
    tool::succeed(&mut command).map(|()| Done::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_facility_does_not_fail_and_a_failure_does() {
        let missing = ("deny", 0.1, Ok(Done::NotRun("cargo-deny is not installed".to_owned())));
        let passed = ("fmt", 1.0, Ok(Done::Passed));
        let results = [passed.clone(), missing.clone()];
        assert!(judge("ci", &results).is_ok());
        assert!(table(&results).contains("not run: cargo-deny is not installed"));
        let failed = ("test", 1.0, Err("no".to_owned()));
        let results = [passed, missing, failed];
        assert_eq!(judge("ci", &results), Err("ci: failed: test".to_owned()));
    }
}
