//! `docs/start.md` holds: its `sh` blocks run one after the other in an empty directory, and print
//! what its `text` blocks show.

mod support;

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use support::{free_address, programs};

const PAGE: &str = include_str!("../../../docs/start.md");

#[test]
fn page_for_beginners_does_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let (work, log) = (dir.path().join("start"), dir.path().join("log"));
    std::fs::create_dir(&work).unwrap();
    let mut shell = Shell::start(&blocks("sh").concat(), &work, &log, port);
    let status = shell.wait(Duration::from_secs(300));
    let printed = std::fs::read_to_string(&log).unwrap();
    assert!(status.is_some_and(|status| status.success()), "{status:?}:\n{printed}");

    let mut lines = printed.lines();
    for shown in blocks("text").concat().lines().filter(|line| *line != "…") {
        assert!(
            lines.any(|line| fits(line, shown)),
            "the page shows {shown:?}, and it is not printed, or not in this order:\n{printed}"
        );
    }
}

/// The fenced blocks of the page in this language.
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in PAGE.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(name)) => open = Some((name == language, String::new())),
            (None, None) => {}
            (Some(_), Some(_)) => {
                found.extend(open.take().filter(|(wanted, _)| *wanted).map(|(_, text)| text));
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    assert!(open.is_none() && !found.is_empty(), "{language}");
    found
}

/// Whether a line is the one shown, in which each `…` stands for anything.
fn fits(line: &str, shown: &str) -> bool {
    let Some((start, end)) = shown.split_once('…') else { return line == shown };
    let Some(rest) = line.strip_prefix(start) else { return false };
    // What follows the first ellipsis may begin anywhere in the rest.
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(&rest[at..], end))
}

/// A shell in a process group of its own, which ends with it.
struct Shell(Child);

impl Shell {
    /// Runs `script` in `work`, with the programs on its path and all it says in `log`; the first
    /// command that fails ends it.
    fn start(script: &str, work: &Path, log: &Path, port: &str) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let log = File::create(log).unwrap();
        let child = Command::new("bash")
            .args(["-euc", script])
            .current_dir(work)
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("PORT", port)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect("bash starts");
        Self(child)
    }

    /// How it ended, if it did within `limit`.
    fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < limit {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        None
    }
}

impl Drop for Shell {
    /// Ends the shell and whatever it left running.
    fn drop(&mut self) {
        let _ = Command::new("bash")
            .args(["-c", &format!("kill -KILL -- -{}", self.0.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.0.wait();
    }
}
