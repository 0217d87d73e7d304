//! `docs/start.md` holds: its `sh` blocks run one after the other in an empty directory, and each
//! prints exactly what the `text` block after it shows, or nothing.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::{free_address, programs, tool};

const PAGE: &str = include_str!("../../../docs/start.md");

#[test]
fn page_for_beginners_does_what_it_shows() {
    let dir = tempfile::tempdir().unwrap();
    let address = free_address();
    let (_, port) = address.rsplit_once(':').unwrap();
    let (work, logs) = (dir.path().join("start"), dir.path().join("logs"));
    std::fs::create_dir(&work).unwrap();
    std::fs::create_dir(&logs).unwrap();
    let steps = steps(PAGE);
    assert!(steps.len() > 10, "{}", steps.len());
    let mut script = String::new();
    for (at, Step { commands, .. }) in steps.iter().enumerate() {
        // Results and remarks in one file, as a terminal shows them.
        script.push_str(&format!("exec > '{}/{at}' 2>&1\n{commands}", logs.display()));
    }
    let mut shell = Shell::start(&script, &work, port);
    let status = shell.wait(Duration::from_secs(600));
    let mut wrong = String::new();
    for (at, Step { commands, shown }) in steps.iter().enumerate() {
        let printed = std::fs::read_to_string(logs.join(at.to_string())).unwrap_or_default();
        if !fits(&lines(&printed), &lines(shown)) {
            wrong.push_str(&format!("{commands}--- shown:\n{shown}--- printed:\n{printed}\n"));
        }
    }
    assert!(status.is_some_and(|status| status.success()), "{status:?}:\n{wrong}");
    assert!(wrong.is_empty(), "the page shows something else than is printed:\n{wrong}");
}

#[test]
fn nothing_more_and_nothing_less_than_is_shown_fits() {
    let all = |printed: &str, shown: &str| fits(&lines(printed), &lines(shown));
    for (printed, shown) in [
        ("", ""),
        ("a\nb\n", "a\nb\n"),
        ("a\nb\nc\n", "a\n…\nc\n"),
        ("a\nc\n", "a\n…\nc\n"),
        ("a\nc\nb\nc\n", "a\n…\nc\n"),
        ("code 1 2: compare\n", "code …: compare\n"),
        ("anything\n", "…\n"),
    ] {
        assert!(all(printed, shown), "{printed:?} {shown:?}");
    }
    for (printed, shown) in [
        ("a\n", ""),
        ("", "a\n"),
        ("a\nb\nc\n", "a\nc\n"),
        ("a\nc\nb\n", "a\n…\nc\n"),
        ("b\na\n", "a\nb\n"),
        ("a\n\n", "a\n"),
        ("code 1 2: compare it\n", "code …: compare\n"),
        ("a\nb\n", "a…b\n"),
    ] {
        assert!(!all(printed, shown), "{printed:?} {shown:?}");
    }
    let page = "x\n```sh\none\n```\n```sh\ntwo\n```\nThen:\n```text\n2\n```\n";
    let found: Vec<_> = steps(page).into_iter().map(|step| (step.commands, step.shown)).collect();
    let step = |commands: &str, shown: &str| (commands.to_owned(), shown.to_owned());
    assert_eq!(found, [step("one\n", ""), step("two\n", "2\n")]);
}

/// An `sh` block, and the `text` block that follows it before any other.
struct Step {
    commands: String,
    shown: String,
}

/// The steps of a page; blocks of other languages are for the reader alone.
fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut before = "";
    let mut rest = page.lines();
    while let Some(line) = rest.next() {
        let Some(language) = line.strip_prefix("```") else { continue };
        let block = rest.by_ref().take_while(|line| *line != "```");
        let block: String = block.flat_map(|line| [line, "\n"]).collect();
        match (language, steps.last_mut()) {
            ("sh", _) => steps.push(Step { commands: block, shown: String::new() }),
            ("text", Some(step)) if before == "sh" => step.shown = block,
            ("text", _) => panic!("nothing prints this:\n{block}"),
            _ => {}
        }
        before = language;
    }
    steps
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Whether the lines are those shown, in which a line `…` stands for any number of lines.
fn fits(lines: &[&str], shown: &[&str]) -> bool {
    match shown {
        [] => lines.is_empty(),
        ["…", shown @ ..] => (0..=lines.len()).any(|from| fits(&lines[from..], shown)),
        [shown, others @ ..] => match lines {
            [line, lines @ ..] => line_fits(line, shown) && fits(lines, others),
            [] => false,
        },
    }
}

/// Whether a line is the one shown, in which each `…` stands for anything.
fn line_fits(line: &str, shown: &str) -> bool {
    let Some((start, end)) = shown.split_once('…') else { return line == shown };
    let Some(rest) = line.strip_prefix(start) else { return false };
    // What follows the first ellipsis may begin anywhere in the rest.
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| line_fits(&rest[at..], end))
}

/// A shell in a process group of its own, which ends with it.
struct Shell(Child);

impl Shell {
    /// Runs `script` in `work`, with the programs on its path; the first command that fails ends
    /// it.
    fn start(script: &str, work: &Path, port: &str) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let child = tool("bash")
            .args(["-euc", script])
            .current_dir(work)
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("PORT", port)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
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
        let _ = tool("bash")
            .args(["-c", &format!("kill -KILL -- -{}", self.0.id())])
            .stderr(Stdio::null())
            .status();
        let _ = self.0.wait();
    }
}
