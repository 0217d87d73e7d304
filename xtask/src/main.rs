//! Project tasks, run as `cargo xtask COMMAND`; one file per command.
//!
//! Nothing here is part of a release. `demo` and `bench` drive the three programs as a user
//! would; `ci`, `nightly`, `floors`, `tidy`, `wasm` and `package` hold the tree to its written
//! rules; `sample` writes the fictional data they run on. Output goes through `say!`, which
//! survives a closed pipe, so the workspace's ban on print macros needs no exception here.

#![forbid(unsafe_code)]

/// Writes one line to standard output and goes on when nobody reads it any more.
macro_rules! say {
    ($($part:tt)*) => { $crate::tool::line(&format!($($part)*)) };
}

mod answer;
mod bench;
mod chaos;
mod check;
mod ci;
mod demo;
mod floors;
mod kernel;
mod native;
mod nightly;
mod package;
mod pages;
mod pair;
mod process;
mod python;
mod sample_files;
mod source;
mod tidy;
mod tool;
mod wasm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use tool::Done;

/// Runs one command; exit status 0 when it passed or could not be run here, 1 when it failed.
fn main() -> ExitCode {
    let outcome = match Xtask::parse().command {
        Command::Demo(options) => demo::run(&options).map(|()| Done::Passed),
        Command::Bench(options) => bench::run(&options).map(|()| Done::Passed),
        Command::Sample(options) => sample_files::run(&options).map(|()| Done::Passed),
        Command::Ci(options) => ci::run(&options).map(|()| Done::Passed),
        Command::Nightly(options) => nightly::run(&options).map(|()| Done::Passed),
        Command::Chaos(options) => chaos::run(&options).map(|()| Done::Passed),
        Command::Floors => floors::run().map(|()| Done::Passed),
        Command::Tidy(options) => tidy::run(&options).map(|()| Done::Passed),
        Command::Wasm => wasm::run(),
        Command::Package => package::run(),
        Command::Pages(options) => pages::run(&options),
    };
    match outcome {
        Ok(Done::Passed | Done::NotRun(_)) => ExitCode::SUCCESS,
        Err(reason) => {
            tool::complain(&format!("xtask: {reason}"));
            ExitCode::FAILURE
        }
    }
}

/// Project tasks of Veilmatch.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

/// The commands.
#[derive(Subcommand)]
enum Command {
    /// Run both nodes and the auditor on sample data, ending in the verdict.
    Demo(demo::Options),
    /// Measure a run of both nodes on generated data, or the arithmetic alone.
    Bench(bench::Options),
    /// Write sample data and its known answer.
    Sample(sample_files::Options),
    /// Run every check of one tier.
    Ci(ci::Options),
    /// Test for as long as a change request cannot wait: interruptions, and the kernel.
    Nightly(nightly::Options),
    /// Kill nodes and cut the path in the middle of runs; the next run has to succeed.
    Chaos(chaos::Options),
    /// Compare dependencies with the table of what may depend on what.
    Floors,
    /// Check the shape of the code and the words of the documents.
    Tidy(tidy::Options),
    /// Prove that verification needs nothing from its host: a wasm build without imports.
    Wasm,
    /// Package every crate and build it from its package.
    Package,
    /// Writes pages of the manual and completions for shells.
    Pages(pages::Options),
}
