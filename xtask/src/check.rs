//! `cargo xtask bench check`: what `check` costs, by itself or beside another build of the program.
//!
//! One file of clean rows, read again and again: each build in its turn, so that a slow stretch of
//! a shared machine falls on both. The least processor time counts, since whatever else runs adds
//! to it and nothing takes from it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::demo::Workplace;
use crate::pair::{self, BuildProfile, Programs};
use crate::process::{Cost, Ended, Running};
use crate::tool::{Context, Interrupt};
use sample::{Day, Flavour, Sample};

/// Options of `bench check`.
#[derive(Args)]
pub(crate) struct CheckOptions {
    /// Rows of the advertiser's file.
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Another build of advertiser-node to compare with, in turns.
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// Turns of each build.
    #[arg(long, default_value_t = 5)]
    turns: u32,
    /// Write a summary for machines to this file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Measures, and prints the least of each build.
pub(crate) fn run(options: &CheckOptions) -> Result<(), String> {
    let stop = Interrupt::watch()?;
    let own = Programs::build(BuildProfile::Release, &stop)?.program(false).to_owned();
    let mut builds = vec![("this", own)];
    if let Some(other) = &options.against {
        builds.push(("against", other.canonicalize().at("find", other)?));
    }
    let place = Workplace::new(None)?;
    let sample =
        Sample { flavour: Flavour::Bench, as_of: Day::today(), ..Sample::new(options.rows, 1, 1) };
    let truth = sample.generate(place.path(), &|| stop.check())?;
    let file = truth.crm.first().ok_or("the sample has no file of rows")?;
    let file = file.path.to_str().ok_or("the sample's path is not UTF-8")?;
    let work = Turns { work: place.path(), file, stop: &stop };
    for (name, program) in &builds {
        work.step(name, program, &["init", "--dir", name])?.expect_success()?;
    }
    let mut least = vec![None; builds.len()];
    for turn in 1..=options.turns {
        for ((name, program), least) in builds.iter().zip(&mut least) {
            let cost = work.check(name, program)?;
            say!("{turn:>3}  {name:<8} {:.2} CPU-s  {} MiB", cost.cpu_s, cost.peak_kib / 1_024);
            *least = Some(least.map_or(cost, |least: Cost| least.less(cost)));
        }
    }
    show(&builds, &least, options)
}

/// Turns of several builds over one file.
struct Turns<'a> {
    work: &'a Path,
    file: &'a str,
    stop: &'a Interrupt,
}

impl Turns<'_> {
    /// One `check`; an older build takes its file with an option.
    fn check(&self, name: &str, program: &Path) -> Result<Cost, String> {
        let new = self.step(name, program, &["check", "--dir", name, self.file])?;
        if new.status.code() != Some(2) {
            return Ok(new.expect_success()?.cost);
        }
        let old = self.step(name, program, &["check", "--dir", name, "--input", self.file])?;
        Ok(old.expect_success()?.cost)
    }

    fn step(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<Ended, String> {
        let running = Running::start(&format!("check-{name}"), program, arguments, self.work)?;
        running.wait(LIMIT, self.stop, None)
    }
}

impl Cost {
    /// The least of each figure.
    fn less(self, other: Self) -> Self {
        Self {
            wall_s: self.wall_s.min(other.wall_s),
            cpu_s: self.cpu_s.min(other.cpu_s),
            peak_kib: self.peak_kib.min(other.peak_kib),
        }
    }
}

/// Prints the least of each build and their ratio.
fn show(
    builds: &[(&str, PathBuf)],
    least: &[Option<Cost>],
    options: &CheckOptions,
) -> Result<(), String> {
    let costs: Vec<(&str, Cost)> =
        builds.iter().zip(least).filter_map(|((name, _), cost)| Some((*name, (*cost)?))).collect();
    say!("");
    for (name, cost) in &costs {
        say!("least  {name:<8} {:.2} CPU-s  {} MiB", cost.cpu_s, cost.peak_kib / 1_024);
    }
    let ratio = match costs.as_slice() {
        [(_, this), (_, other)] => Some(this.cpu_s / other.cpu_s),
        _ => None,
    };
    if let Some(ratio) = ratio {
        say!("ratio  {ratio:.3} of the processor time");
    }
    let Some(file) = &options.json else { return Ok(()) };
    let one = |(name, cost): &(&str, Cost)| {
        json!({
            "build": name, "cpu_seconds": cost.cpu_s, "wall_seconds": cost.wall_s,
            "peak_rss_bytes": cost.peak_kib * 1_024,
        })
    };
    let builds: Vec<_> = costs.iter().map(one).collect();
    pair::write_json(file, &json!({ "rows": options.rows, "builds": builds, "ratio": ratio }))
}

/// Longest time of one turn.
const LIMIT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn an_older_build_is_given_its_file_as_it_takes_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, stop) = ("crm.csv", Interrupt::never());
        let work = Turns { work: dir.path(), file, stop: &stop };
        let new = script(dir.path(), "new", r#"test "$4" = crm.csv"#);
        let old =
            script(dir.path(), "old", r#"test "$4" = --input && test "$5" = crm.csv || exit 2"#);
        assert!(work.check("new", &new).is_ok() && work.check("old", &old).is_ok());
        let broken = script(dir.path(), "broken", "echo no room >&2; exit 74");
        assert!(work.check("broken", &broken).unwrap_err().contains("no room"));
    }

    #[test]
    fn the_least_of_each_figure_counts() {
        let cost = |wall_s, cpu_s, peak_kib| Cost { wall_s, cpu_s, peak_kib };
        assert_eq!(cost(3.0, 1.0, 7).less(cost(2.0, 2.0, 5)), cost(2.0, 1.0, 5));
    }
}
