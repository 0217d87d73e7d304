//! `cargo xtask bench kernel --native`: our backends against curve25519-dalek's native build.
//!
//! curve25519-dalek chooses its backend when it is compiled, so the comparison takes two binaries
//! of the bench `paired`: the default build measures our backends and nothing else, the native
//! build measures curve25519-dalek and nothing else. Both stay alive and are asked in turns, A B
//! A B; each round gives one ratio, and the median over the rounds is what is quoted. Before the
//! rounds of a pass, the digests of what both have written are compared.
//!
//! The native build has a target directory of its own, so that neither build evicts the other,
//! and no overflow checks, which the release profile of this workspace turns on and the one that
//! a user of curve25519-dalek gets by default does not.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::tool::{self, Context};

/// Measures every pass of every backend, prints the table as it grows, and adds the figures to
/// what the bench has written about the same backend and pass in `report`.
pub(crate) fn run(rounds: usize, report: &mut Value) -> Result<(), String> {
    let directory = tool::target_directory()?.join("native");
    let mut ours = Server::start(&build(None)?)?;
    let mut native = Server::start(&build(Some(&directory))?)?;
    say!("");
    say!("native     curve25519-dalek with `{NATIVE}`, backend {}", native.dalek_backend);
    say!("rounds     {rounds} per pass, medians, us per element");
    say!("");
    say!("{:<12} {:<18} {:>9} {:>9} {:>7}", "backend", "pass", "us", "native us", "ratio");
    report["native"] = json!({
        "dalek_backend": native.dalek_backend,
        "rustflags": NATIVE,
        "overflow_checks": false,
        "rounds": rounds,
    });
    for backend in ours.backends.clone() {
        for pass in PASSES {
            let figures = Figures::of(&mut ours, &mut native, &backend, pass, rounds)?;
            say!(
                "{backend:<12} {pass:<18} {:>9.3} {:>9.3} {:>7.2}",
                figures.us,
                figures.dalek_us,
                figures.ratio
            );
            report["backends"][&backend][pass]["native"] = json!({
                "us": rounded(figures.us),
                "dalek_us": rounded(figures.dalek_us),
                "ratio": rounded(figures.ratio),
            });
        }
    }
    Ok(())
}

/// Rounds to as many digits as the bench itself writes.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Medians of one pass; times in microseconds per element.
#[derive(Debug, PartialEq)]
struct Figures {
    us: f64,
    dalek_us: f64,
    /// Median of the ratios of the rounds, not the ratio of the medians.
    ratio: f64,
}

impl Figures {
    fn of(
        ours: &mut Server,
        native: &mut Server,
        backend: &str,
        pass: &str,
        rounds: usize,
    ) -> Result<Self, String> {
        // Fills caches too.
        let (ours_wrote, native_wrote) = (ours.ask(backend, pass)?, native.ask("dalek", pass)?);
        if ours_wrote.digest != native_wrote.digest {
            return Err(format!("{backend} {pass}: the two binaries wrote different bytes"));
        }
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            times.push((ours.ask(backend, pass)?.us, native.ask("dalek", pass)?.us));
        }
        Ok(Self::medians(&times))
    }

    /// The medians of rounds, each our time and the other.
    fn medians(times: &[(f64, f64)]) -> Self {
        let of = |part: fn(&(f64, f64)) -> f64| median(times.iter().map(part).collect());
        Figures {
            us: of(|(us, _)| *us),
            dalek_us: of(|(_, dalek_us)| *dalek_us),
            ratio: of(|(us, dalek_us)| dalek_us / us),
        }
    }
}

/// The middle value; of an even number, the upper one of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A running bench that measures on request; it ends when it is dropped.
struct Server {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The backend that its curve25519-dalek takes.
    dalek_backend: String,
    /// Ours, fastest first.
    backends: Vec<String>,
}

impl Server {
    fn start(bench: &Path) -> Result<Self, String> {
        let mut command = Command::new(bench);
        command.args(["--bench", "--serve"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().at("start", bench)?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(format!("{} has no pipes", bench.display()));
        };
        let mut server = Server {
            child,
            requests,
            answers: BufReader::new(answers),
            dalek_backend: String::new(),
            backends: Vec::new(),
        };
        let first = server.line()?;
        let mut names = first.split_whitespace().map(str::to_owned);
        server.dalek_backend = names.next().ok_or("a bench names no backend")?;
        server.backends = names.collect();
        Ok(server)
    }

    /// Has one pass measured, on a backend or with `dalek`.
    fn ask(&mut self, side: &str, pass: &str) -> Result<Answer, String> {
        writeln!(self.requests, "{side} {pass}")
            .and_then(|()| self.requests.flush())
            .map_err(|error| format!("a bench takes no request: {error}"))?;
        let line = self.line()?;
        Answer::parse(&line).ok_or_else(|| format!("a bench answers `{line}`"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err("a bench ended early; its reason stands above".to_owned()),
            Ok(_) => Ok(line.trim_end().to_owned()),
            Err(error) => Err(format!("a bench does not answer: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It holds no state, and it may be in the middle of a measurement that nobody wants.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One measurement.
#[derive(Debug, PartialEq)]
struct Answer {
    /// Microseconds per element.
    us: f64,
    /// Digest of everything that was written.
    digest: String,
}

impl Answer {
    fn parse(line: &str) -> Option<Self> {
        let (us, digest) = line.split_once(' ')?;
        let us = us.parse().ok().filter(|us: &f64| us.is_finite() && *us > 0.0)?;
        Some(Answer { us, digest: digest.to_owned() })
    }
}

/// Builds the bench and gives its path: the default build, or the native one in this directory.
fn build(native: Option<&Path>) -> Result<PathBuf, String> {
    let mut command = tool::cargo(&["bench", "-p", "ristretto-batch", "--bench", BENCH]);
    command.args(["--no-run", "--message-format=json-render-diagnostics"]);
    if let Some(directory) = native {
        command.args(["--config", "profile.bench.overflow-checks=false", "--target-dir"]);
        command.arg(directory).env_remove("CARGO_ENCODED_RUSTFLAGS").env("RUSTFLAGS", NATIVE);
    }
    let messages = tool::output(command.stderr(Stdio::inherit()))?;
    executable(&messages).ok_or_else(|| format!("cargo names no executable of the bench `{BENCH}`"))
}

/// The path of the bench among the messages of cargo, one JSON object a line.
fn executable(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let ours = message.get("target")?.get("name")?.as_str()? == BENCH;
        let path = message.get("executable")?.as_str()?;
        ours.then(|| PathBuf::from(path))
    })
}

const BENCH: &str = "paired";

/// The flags of the native build, in place of whatever flags the caller has set.
const NATIVE: &str = "-C target-cpu=native";

const PASSES: [&str; 3] = ["hash_mul_encode", "decode_mul_encode", "msm"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_over_the_rounds() {
        let rounds = [(10.0, 50.0), (20.0, 40.0), (10.0, 30.0)];
        let expected = Figures { us: 10.0, dalek_us: 40.0, ratio: 3.0 };
        assert_eq!(Figures::medians(&rounds), expected);
        assert!(Figures::medians(&[]).ratio.is_nan());
    }

    #[test]
    fn answers_without_a_time_are_refused() {
        let answer = Answer { us: 6.5, digest: "00ff".to_owned() };
        assert_eq!(Answer::parse("6.5000 00ff"), Some(answer));
        for line in ["", "6.5", "NaN 00", "0.0 00", "-1.0 00", "fast 00"] {
            assert_eq!(Answer::parse(line), None, "{line}");
        }
    }

    #[test]
    fn the_bench_is_found_among_the_messages_of_cargo() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"sha2"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"kernel"},"executable":"/t/kernel-1"}
{"reason":"compiler-artifact","target":{"name":"paired"},"executable":"/t/paired-2"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/paired-2")));
        assert_eq!(executable(""), None);
    }
}
