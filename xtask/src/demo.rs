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
use crate::pair::{self, BuildProfile, Pair, Programs, Report, Run, Stage, Verdict};
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
    let programs = Programs::build(BuildProfile::Demo, &stop)?;
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
        show_run(run, report);
    }
    say!("");
    say!("  in all           {:.1} s", report.wall_s);
    if kept {
        say!("");
        left(report, pair).iter().for_each(|line| say!("{line}"));
    } else {
        say!("  files            removed at the end; --out DIR keeps them");
    }
    say!("");
}

/// Lines on what lies in the working directory, and where.
fn left(report: &Report, pair: &Pair<'_>) -> Vec<String> {
    let truth = &report.truth;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut add = |path: &Path, what: &str| files.push((path.to_owned(), what.to_owned()));
    for file in &truth.crm {
        add(&file.path, "advertiser's rows");
    }
    add(&truth.links_file, "provider's graph");
    add(&truth.graph_map, "how the provider reads it: the rules behind its digests");
    if let Some(feed) = &truth.objections {
        add(feed, "objections that the provider was told");
    }
    add(Path::new("truth"), "known answer, computed without the programs");
    for party in ["advertiser", "provider"] {
        add(Path::new(party), "node's directory: keys, settings, ledger, sessions");
    }
    add(Path::new("invitation.toml"), "invitation");
    for run in &report.runs {
        let name = run.profile.name();
        add(&run.result, &format!("result of {name}"));
        add(&pair.work.join(format!("summary-{name}.json")), &format!("summary of {name}"));
        for verdict in &run.verdicts {
            let party = verdict.party;
            add(&verdict.transcript, &format!("{party}'s transcript of {name}"));
            let file = format!("verdict-{party}-{name}.json");
            add(&pair.work.join(file), &format!("auditor's verdict on the {party}'s"));
        }
    }
    add(Path::new("logs"), "output of every program");
    let mut lines = vec![format!("  left in {}:", pair.work.display())];
    // Paths of the working directory may be relative to it or not.
    let there = files.iter().map(|(path, what)| (pair.work.join(path), what));
    lines.extend(there.filter(|(path, _)| path.exists()).filter_map(|(path, what)| {
        let here = path.strip_prefix(pair.work).ok()?;
        Some(format!("    {:<36} {what}", here.display()))
    }));
    lines
}

/// Prints one run: what was released, how good it is, what the auditor says.
fn show_run(run: &Run, report: &Report) {
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
        let passed = verdict.checks.iter().filter(|check| check.result == "passed").count();
        let (party, all) = (verdict.party, verdict.checks.len());
        say!("  auditor          {party}'s transcript: {passed} of {all} checks, status {status}");
    }
    checks(&run.verdicts).iter().for_each(|line| say!("{line}"));
    for difference in &run.differences {
        say!("  differs          {difference}");
    }
}

/// The auditor's checks, each with its outcome for every transcript.
fn checks(verdicts: &[Verdict]) -> Vec<String> {
    let mut titles: Vec<&str> = Vec::new();
    for check in verdicts.iter().flat_map(|verdict| &verdict.checks) {
        if !titles.contains(&check.title.as_str()) {
            titles.push(&check.title);
        }
    }
    let result = |verdict: &Verdict, title: &str| {
        let of = verdict.checks.iter().find(|check| check.title == title);
        of.map_or("absent".to_owned(), |check| check.result.replace('_', " "))
    };
    let line = |title: &str| {
        let results: Vec<String> = verdicts.iter().map(|of| result(of, title)).collect();
        format!("    {:<16} {title}", results.join(", "))
    };
    titles.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pair::Check;

    #[test]
    fn every_check_stands_once_with_its_outcome_for_each_transcript() {
        let verdict = |party, checks: &[(&str, &str)]| {
            let check = |(title, result): &(&str, &str)| Check {
                title: (*title).to_owned(),
                result: (*result).to_owned(),
            };
            let (transcript, complaint) = (PathBuf::new(), String::new());
            let checks = checks.iter().map(check).collect();
            Verdict { party, transcript, status: Some(0), complaint, checks }
        };
        let both = [
            verdict("advertiser", &[("form", "passed"), ("proofs", "passed")]),
            verdict("provider", &[("form", "failed"), ("terms", "not_checked")]),
        ];
        let lines: Vec<String> =
            checks(&both).iter().map(|line| line.trim().replace("  ", "")).collect();
        assert_eq!(lines[0], "passed, failed form");
        assert!(lines[1].starts_with("passed, absent") && lines[1].ends_with("proofs"));
        assert!(lines[2].starts_with("absent, not checked") && lines.len() == 3);
    }

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
