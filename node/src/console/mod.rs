//! The console of a program: results, errors, progress, and the log.
//!
//! Text for people goes through one [`Terminal`] that survives a closed pipe; the standard print
//! macros end a process that cannot write, so nothing here or above uses them. The log goes to
//! standard error through `tracing`, and a lost line never stops a run. Neither holds a value of
//! anybody's data.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use report::{Exit, Failure};
use serde_json::{Value, json};

mod log;
mod progress;
mod terminal;

pub use log::start_log;
pub use progress::Progress;
pub use terminal::Terminal;

use store::output::{Outputs, is_published};

/// Options of both programs on what they print.
#[derive(Debug, Clone, clap::Args)]
pub struct OutputOptions {
    /// Level of the log.
    #[arg(long, global = true, value_enum, default_value = "warn", value_name = "LEVEL")]
    pub log: LogLevel,
    /// True for a log of JSON objects.
    #[arg(long, global = true)]
    pub log_json: bool,
    /// Form of progress on standard error.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "FORM")]
    pub progress: ProgressForm,
}

/// Level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogLevel {
    /// Failures.
    Error,
    /// Matters that need attention.
    Warn,
    /// One line for each session.
    Info,
    /// Steps of a session.
    Debug,
    /// Everything, libraries included.
    Trace,
}

/// Form of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ProgressForm {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// A line every 30 seconds, the first one after 30.
    Lines,
    /// One JSON object a line.
    Json,
    /// Nothing.
    Off,
}

/// A command, as machines are told of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Name of the command.
    pub command: &'static str,
    /// The file of `--json`, if it is given.
    pub json: Option<PathBuf>,
    /// True if that file may be replaced.
    pub overwrite: bool,
    /// Inputs and other outputs of the command, which that file never replaces.
    pub spared: Vec<PathBuf>,
}

/// Tells a failure to whoever reads: three lines for people, or one JSON object with `--log-json`,
/// and the same object in the file of `--json`.
///
/// The object is one line on standard error; in a file, or on standard output as `-`, it has lines
/// of its own.
pub fn tell_failure(failure: &Failure, options: &OutputOptions, told: &Told, to: &Terminal) {
    let object = object(failure, told.command, to);
    match options.log_json {
        true => to.error(&object.to_string()),
        false => to.failure(failure),
    }
    let Some(file) = told.json.as_deref().filter(|_| failure.exit() != Exit::Usage) else { return };
    // A command that wrote its own object, such as a result that is withheld, has told.
    if is_published(file) {
        return;
    }
    let mut outputs = Outputs::new(told.overwrite);
    // The command may have failed because this very name is an input.
    told.spared.iter().for_each(|path| outputs.reads(path));
    let text = format!("{object:#}\n");
    let written = outputs.claim(file).and_then(|output| output.publish_text(&text));
    if let Err(error) = written {
        // The failure itself is told already, and its status stands.
        tracing::warn!(target: "veilmatch::output", %error, "failure not written");
    }
}

fn object(failure: &Failure, command: &str, terminal: &Terminal) -> Value {
    json!({
        "schema": format!("veilmatch.{command}/1"),
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "exit": failure.exit().code(),
        "outcome": "failed",
        "session": failure.session().map(|sid| store::hex(sid)),
        "warnings": [],
        "error": failure.json(terminal.reader()),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use report::{Code, Text};

    use super::terminal::tests::Kept;
    use super::*;

    fn options(log_json: bool) -> OutputOptions {
        OutputOptions { log: LogLevel::Warn, log_json, progress: ProgressForm::Off }
    }

    #[test]
    fn failure_is_one_object_for_machines() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out.json");
        let failure = || Failure::new(Code::Silent, Text::new("code-silent")).in_session([7; 32]);
        let (out, error) = (Kept::default(), Kept::default());
        let terminal = Terminal::to(out.clone(), error.clone());
        let spared = Vec::new();
        let told = Told { command: "run", json: Some(file.clone()), overwrite: false, spared };
        tell_failure(&failure(), &options(true), &told, &terminal);
        let line: Value = serde_json::from_str(&error.text()).unwrap();
        assert_eq!(error.text().lines().count(), 1);
        assert_eq!(line["schema"], "veilmatch.run/1");
        assert_eq!((&line["exit"], &line["error"]["code"]), (&json!(75), &json!("V0416")));
        assert_eq!(line["error"]["whose_move"], "you_or_peer");
        assert_eq!(line["session"], "07".repeat(32));
        let written: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(written, line);
        // Three lines for people, and a file that is there stays.
        let people = Kept::default();
        let terminal = Terminal::to(out.clone(), people.clone());
        std::fs::write(&file, "kept").unwrap();
        tell_failure(&failure(), &options(false), &told, &terminal);
        assert_eq!(people.text().lines().count(), 3);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        // So does an input, whatever may be replaced.
        let told = Told { overwrite: true, spared: vec![file.clone()], ..told };
        tell_failure(&failure(), &options(true), &told, &terminal);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
    }
}
