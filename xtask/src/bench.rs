//! `cargo xtask bench`: what a complete run costs each party, and what the arithmetic costs.
//!
//! `bench run` is here; `bench check` is in [`crate::check`], `bench kernel` in [`crate::kernel`].
//!
//! The same driver as the demonstration on clean data with exactly the identifiers asked for.
//! The result must be right and the auditor content here too: a wrong answer has no speed.
//! Figures of different machines, or of different runs on a busy one, are not comparable; a
//! claim is a ratio from one run with its command. From a million rows on,
//! `cargo run --release -p xtask -- bench run` makes the data faster; what is measured is the
//! same release build of the programs either way.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::answer::Profile;
use crate::check::{self, CheckOptions};
use crate::demo::{Workplace, limit};
use crate::kernel::{self, KernelOptions};
use crate::pair::{self, BuildProfile, Pair, Programs, Report, Run, Served, Stage, Step, Task};
use crate::tool::Interrupt;
use sample::{Day, Flavour, Sample};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

/// Measurement to make.
#[derive(Subcommand)]
enum What {
    /// Two nodes over loopback and the auditor, on generated data.
    Run(RunOptions),
    /// Cost of `check`, beside another build of the program if there is one.
    Check(CheckOptions),
    /// The arithmetic: each backend and curve25519-dalek in turns, on one core.
    Kernel(KernelOptions),
}

/// Options of `bench run`.
#[derive(Args)]
struct RunOptions {
    /// Rows of the advertiser's file.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Persons of the provider's graph.
    #[arg(long, default_value_t = 100_000)]
    persons: u64,
    /// Identifiers per row and per person, 1 to 3.
    #[arg(long, default_value_t = 1)]
    identifiers: u8,
    /// Release profile: match-rate, digital-ids, matched-rows, activation, or `all` for the first
    /// three in turn.
    #[arg(long, default_value = "matched-rows")]
    profile: String,
    /// Keep everything in this directory, which must be new or empty.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write a summary for machines to this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// The same seed gives the same data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds that any one program may take.
    #[arg(long)]
    limit_s: Option<u64>,
}

/// Runs the measurement.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    match &options.what {
        What::Run(options) => complete_run(options),
        What::Check(options) => check::run(options),
        What::Kernel(options) => kernel::run(options),
    }
}

/// Drives both nodes and the auditor.
fn complete_run(options: &RunOptions) -> Result<(), String> {
    let profiles = Profile::several(&options.profile)?;
    let stop = Interrupt::watch()?;
    let programs = Programs::build(BuildProfile::Release, &stop)?;
    let workplace = Workplace::new(options.out.as_deref())?;
    let sample = Sample {
        identifiers: options.identifiers,
        flavour: Flavour::Bench,
        as_of: Day::today(),
        ..Sample::new(options.rows, options.persons, options.seed)
    };
    let pair = Pair {
        programs: &programs,
        work: workplace.path(),
        sample: &sample,
        profiles: &profiles,
        limit: limit(options.limit_s, &sample),
        stop: &stop,
    };
    let report = pair.drive()?;
    let elements = Elements::of(&sample, &report);
    if let Some(file) = &options.json {
        let mut value = report.to_json(&pair);
        value["elements"] = elements.to_json();
        for (at, run) in report.runs.iter().enumerate() {
            let use_of = UseOf::processors(&report, run);
            value["runs"][at]["processors"] = json!(use_of.map(|use_of| use_of.to_json()));
        }
        pair::write_json(file, &value)?;
    }
    show(&report, &elements);
    report.passed()
}

/// Counts that a cost is divided by.
struct Elements {
    /// Identifiers of the rows.
    rows: u64,
    /// Identifiers of the persons.
    persons: u64,
    /// Slots of all rows after padding, of which each is multiplied in shuffled order.
    slots: u64,
}

impl Elements {
    fn of(sample: &Sample, report: &Report) -> Self {
        let identifiers = u64::from(sample.identifiers);
        let (rows, persons) = (sample.rows * identifiers, sample.persons * identifiers);
        Self { rows, persons, slots: report.truth.slots() }
    }

    /// Elements that a run works through.
    fn of_run(&self, profile: Profile) -> u64 {
        if profile.is_shuffled() { self.slots } else { self.rows }
    }

    /// The side that a step works through; none for steps that do not depend on size.
    fn divisor(&self, step: &Step) -> Option<u64> {
        match (step.party, step.name, step.profile) {
            ("provider", "ingest" | "start", _) => Some(self.persons),
            (_, _, Some(profile)) => Some(self.of_run(profile)),
            _ => None,
        }
    }

    fn to_json(&self) -> Value {
        json!({ "rows": self.rows, "persons": self.persons, "slots": self.slots })
    }
}

/// Prints the two tables.
fn show(report: &Report, elements: &Elements) {
    say!("");
    say!(
        "{:<11} {:<26} {:>9} {:>9} {:>9} {:>11}",
        "party",
        "step",
        "wall s",
        "CPU s",
        "MiB",
        "CPU us/elem"
    );
    for step in &report.steps {
        let each = elements
            .divisor(step)
            .map_or(String::new(), |count| format!("{:.3}", step.cost.cpu_s * 1e6 / count as f64));
        let of = step.profile.map_or(String::new(), |profile| format!(" {}", profile.name()));
        say!(
            "{:<11} {:<26} {:>9.2} {:>9.2} {:>9.1} {:>11}",
            step.party,
            format!("{}{of}", step.name),
            step.cost.wall_s,
            step.cost.cpu_s,
            step.cost.peak_kib as f64 / 1_024.0,
            each
        );
    }
    for run in &report.runs {
        show_run(run, elements.of_run(run.profile));
        if let Some(use_of) = UseOf::processors(report, run) {
            use_of.show();
        }
    }
    let cpu: f64 = report
        .steps
        .iter()
        .filter(|step| step.party != "auditor")
        .map(|step| step.cost.cpu_s)
        .sum();
    say!("");
    say!("CPU        {cpu:.2} s, both parties together");
}

/// Processor time of a run, both parties together.
struct UseOf {
    /// Processor time.
    cpu_s: f64,
    /// Share of it in group arithmetic and hashing to group.
    arithmetic_s: f64,
    /// Wall time of the advertiser's run.
    wall_s: f64,
    cores: usize,
}

impl UseOf {
    fn processors(report: &Report, run: &Run) -> Option<Self> {
        let of_run = |step: &&Step| step.profile == Some(run.profile) && step.party != "auditor";
        let steps = || report.steps.iter().filter(of_run);
        let own: f64 = run.summary.tasks.iter().map(|task| task.arithmetic_seconds).sum();
        Some(Self {
            cpu_s: steps().map(|step| step.cost.cpu_s).sum(),
            arithmetic_s: own + run.served?.arithmetic_seconds,
            wall_s: steps().find(|step| step.party == "advertiser")?.cost.wall_s,
            cores: std::thread::available_parallelism().ok()?.get(),
        })
    }

    fn outside(&self) -> f64 {
        1.0 - self.arithmetic_s / self.cpu_s
    }

    fn busy(&self) -> f64 {
        self.cpu_s / self.wall_s / self.cores as f64
    }

    fn show(&self) {
        let percent = |share: f64| 100.0 * share;
        say!("outside    {:.1} % of CPU outside arithmetic", percent(self.outside()));
        say!("busy       {:.1} % of {} cores over the run", percent(self.busy()), self.cores);
    }

    fn to_json(&self) -> Value {
        json!({
            "cpu_seconds": self.cpu_s, "arithmetic_seconds": self.arithmetic_s,
            "outside_arithmetic": self.outside(), "cores": self.cores, "busy": self.busy(),
        })
    }
}

/// Prints the stages of a run.
fn show_run(run: &Run, elements: u64) {
    let summary = &run.summary;
    say!("");
    let each = |seconds: f64| seconds * 1e6 / elements as f64;
    say!("{:<26} {:>9} {:>9} {:>21}", run.profile.name(), "wall s", "CPU s", "wall us/elem");
    for Stage { name, seconds, cpu_seconds } in &summary.stages {
        say!("{name:<26} {seconds:>9.2} {cpu_seconds:>9.2} {:>21.3}", each(*seconds));
    }
    say!("");
    say!("{:<26} {:>9} {:>9} {:>21}", "tasks", "", "CPU s", "in arithmetic us/elem");
    for Task { name, seconds, arithmetic_seconds, .. } in &summary.tasks {
        say!("{name:<26} {:>9} {seconds:>9.2} {:>21.3}", "", each(*arithmetic_seconds));
    }
    if let Some(Served { seconds, arithmetic_seconds }) = run.served {
        let name = "evaluate, provider";
        say!("{name:<26} {:>9} {seconds:>9.2} {:>21.3}", "", each(arithmetic_seconds));
    }
    say!("");
    let matched = summary.matched.map_or("untold".to_owned(), |matched| matched.to_string());
    say!("elements   {elements}");
    say!("matched    {matched} of {} eligible rows", summary.eligible);
    if let Some(ids) = summary.digital_ids {
        say!("delivered  {ids} digital IDs");
    }
    say!("sent       {} bytes, advertiser to provider", summary.bytes_sent);
    say!("received   {} bytes, provider to advertiser", summary.bytes_received);
    say!("arithmetic {}", summary.backend);
}
