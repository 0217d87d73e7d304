//! `cargo xtask demo`: the README's demonstration, from nothing to the auditor's verdict.
//!
//! Builds the programs, makes fictional data with a known answer, lets the two nodes match,
//! compares, and has both transcripts verified. It succeeds only if the result is right to the
//! line and the auditor accepts both sides. Without `--out` nothing is left behind, whatever
//! happens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::answer::{self, Profile};
use crate::pair::{self, Pair, Programs, Report, Run, Stage};
use crate::tool::{Context, Interrupt};
use sample::{Day, Flavour, Sample};

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Rows of the advertiser's file.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) rows: u64,
    /// Persons of the provider's graph.
    #[arg(long, default_value_t = 40_000)]
    pub(crate) persons: u64,
    /// Release profile: match-rate, digital-ids, matched-rows, activation, or `all` for the first
    /// three in turn.
    #[arg(long, default_value = "digital-ids")]
    pub(crate) profile: String,
    /// Keep everything in this directory, which must be new or empty.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Write a summary for machines to this file.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// The same seed gives the same data.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Tidiness of the data.
    #[arg(long, value_enum, default_value_t = Flavour::Dirty)]
    pub(crate) flavour: Flavour,
    /// Seconds that any one program may take.
    #[arg(long)]
    pub(crate) limit_s: Option<u64>,
}

/// Runs the demonstration.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let profiles = Profile::several(&options.profile)?;
    let stop = Interrupt::watch()?;
    say!("build       the three programs in release");
    let programs = Programs::build(&stop)?;
    let workplace = Workplace::new(options.out.as_deref())?;
    // Ages of evidence are counted from today, by the provider's clock.
    let sample = Sample {
        as_of: Day::today(),
        flavour: options.flavour,
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
    if let Some(file) = &options.json {
        pair::write_json(file, &report.to_json(&pair))?;
    }
    show(&report, &pair, options.out.is_some());
    report.passed()?;
    say!("verdict: every result is right, and the auditor accepts every transcript");
    Ok(())
}

/// Place of a run: the user's directory, or one that goes away with this value.
pub(crate) struct Workplace {
    path: PathBuf,
    _temporary: Option<tempfile::TempDir>,
}

impl Workplace {
    /// The given directory, or a temporary one.
    pub(crate) fn new(out: Option<&Path>) -> Result<Self, String> {
        if let Some(dir) = out {
            return Ok(Self { path: pair::prepare_directory(dir)?, _temporary: None });
        }
        let temporary = tempfile::Builder::new()
            .prefix("veilmatch-")
            .tempdir()
            .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        let path = temporary.path().canonicalize().at("find", temporary.path())?;
        Ok(Self { path, _temporary: Some(temporary) })
    }

    /// Absolute path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Longest time of one program: as asked, or generous for the slowest arithmetic.
pub(crate) fn limit(asked_s: Option<u64>, sample: &Sample) -> Duration {
    let elements = sample.rows.saturating_add(sample.persons) * u64::from(sample.identifiers);
    Duration::from_secs(asked_s.unwrap_or(120 + elements / 1_000))
}

/// Prints what a person wants to know.
fn show(report: &Report, pair: &Pair<'_>, kept: bool) {
    for run in &report.runs {
        show_run(run, report, kept);
    }
    say!("");
    say!("  in all           {:.1} s", report.wall_s);
    if kept {
        say!("  known answer     {}", pair.work.join("truth").display());
        say!("  logs             {}", pair.work.join("logs").display());
    } else {
        say!("  files            removed at the end; --out DIR keeps them");
    }
    say!("");
}

/// Prints one run: what was released, how good it is, what the auditor says.
fn show_run(run: &Run, report: &Report, kept: bool) {
    let summary = &run.summary;
    say!("");
    say!("  profile          {}", run.profile.name());
    say!("  session          {}", summary.session_id);
    say!("  rows             {}", summary.rows);
    say!("  eligible rows    {}", summary.eligible);
    let about = if run.profile.is_shuffled() { "about " } else { "" };
    match summary.matched {
        Some(matched) => say!("  matched rows     {about}{matched}"),
        None => say!("  matched rows     not told"),
    }
    say!("  active match rate {} of eligible rows", summary.rate);
    if run.profile.is_shuffled() {
        say!("  rows by hits     {}", answer::cells(&summary.rows_by_hits));
        let exact = report.truth.matched_shuffled();
        say!("  known answer     {exact} rows matched, {:?} by hits", report.truth.rows_by_hits);
    }
    if let Some(ids) = summary.digital_ids {
        say!("  digital IDs      {ids} delivered, {} expected", report.truth.digital_ids_text());
    }
    if let Some(quality) = &run.quality {
        let [recall, precision] = quality.lines();
        say!("  recall           {recall}");
        say!("  precision        {precision}");
        for (why, rows) in &quality.lost {
            say!("  missed           {rows} rows: {}", why.replace('_', " "));
        }
    }
    say!("  arithmetic       {}", summary.backend);
    say!("  sent             {} bytes, advertiser to provider", summary.bytes_sent);
    say!("  received         {} bytes, provider to advertiser", summary.bytes_received);
    for Stage { name, seconds, .. } in &summary.stages {
        say!("  {name:<16} {seconds:.2} s");
    }
    for verdict in &run.verdicts {
        let status = verdict.status.map_or("none".to_owned(), |status| status.to_string());
        say!("  auditor          {}'s transcript: exit status {status}", verdict.party);
        if kept {
            say!("  transcript       {} ({})", verdict.transcript.display(), verdict.party);
        }
    }
    if kept {
        say!("  result           {}", run.result.display());
    }
    for difference in &run.differences {
        say!("  differs          {difference}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_workplace_goes_away_and_a_given_one_stays() {
        let outer = tempfile::tempdir().unwrap();
        let given = outer.path().join("kept");
        let kept = Workplace::new(Some(&given)).unwrap();
        let temporary = Workplace::new(None).unwrap();
        let path = temporary.path().to_owned();
        assert!(path.is_dir());
        drop((kept, temporary));
        assert!(given.is_dir() && !path.exists());
    }
}
