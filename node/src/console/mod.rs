//! The console of a program: results, errors, progress, and the log.
//!
//! Text for people goes through one [`Terminal`] that survives a closed pipe; the standard print
//! macros end a process that cannot write, so nothing here or above uses them. The log goes to
//! standard error through `tracing`, and a lost line never stops a run. Neither holds a value of
//! anybody's data.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use report::{Exit, Failure};
use serde_json::Value;

mod access;
mod confirm;
mod log;
mod object;
mod progress;
mod terminal;

pub use confirm::{confirm, is_yes, somebody_answers};
pub use log::start_log;
pub use object::Object;
pub use progress::{Progress, Unit};
pub(crate) use progress::{tell_end, tell_start};
pub use terminal::Terminal;

use store::output::{Access, Output, OutputError, Outputs, is_published};

/// Options of every command of both programs on what it prints and writes.
#[derive(Debug, Clone, clap::Args)]
pub struct OutputOptions {
    /// Level of the log.
    #[arg(long, global = true, value_enum, default_value = "warn", value_name = "LEVEL")]
    #[arg(env = "VEILMATCH_LOG")]
    pub log: LogLevel,
    /// True for a log of JSON objects.
    #[arg(long, global = true, env = "VEILMATCH_LOG_JSON")]
    #[arg(value_parser = clap::builder::FalseyValueParser::new())]
    pub log_json: bool,
    /// Form of progress on standard error.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "FORM")]
    #[arg(env = "VEILMATCH_PROGRESS")]
    pub progress: ProgressForm,
    /// True if nothing but errors and the log is printed.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Use of colour.
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    pub color: ColorUse,
    /// Place of the object for machines.
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// True if outputs may replace files.
    #[arg(long, global = true)]
    pub overwrite: bool,
    /// Permission bits of the files that are written.
    #[arg(long, global = true, value_name = "MODE", value_parser = access::mode)]
    #[arg(default_value = "600")]
    pub mode: u32,
    /// Group of the files that are written.
    #[arg(long, global = true, value_name = "GROUP", value_parser = access::group)]
    pub group: Option<u32>,
    /// Name of the run: the one that an operator gave it, or the time.
    #[arg(skip)]
    pub run_id: String,
    /// True if an operator gave the run its name.
    #[arg(skip)]
    pub run_is_named: bool,
}

impl OutputOptions {
    /// The outputs of the command; none is claimed yet.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        let mut outputs = Outputs::new(self.overwrite);
        outputs.access = Access { mode: self.mode, group: self.group };
        outputs
    }

    /// True if the object for machines goes to standard output.
    pub(crate) fn takes_standard_output(&self) -> bool {
        let mut outputs = Outputs::new(true);
        self.claim_json(&mut outputs).is_ok() && outputs.take_standard_output()
    }

    /// Refuses a place of the object for machines, for a command that has no other output, before
    /// anything is done.
    ///
    /// # Errors
    ///
    /// [`OutputError`] of [`Outputs::claim`].
    pub fn look_at_json(&self) -> Result<(), OutputError> {
        self.claim_json(&mut self.outputs()).map(drop)
    }

    /// Claims the place of the object for machines, if one is named.
    ///
    /// # Errors
    ///
    /// [`OutputError`] of [`Outputs::claim`].
    pub fn claim_json(&self, outputs: &mut Outputs) -> Result<Option<Output>, OutputError> {
        let Some(path) = self.json.as_deref() else { return Ok(None) };
        if self.run_is_named && is_of_run(path, &self.run_id) {
            outputs.may_replace(path);
        }
        outputs.claim(path).map(Some)
    }
}

impl Default for OutputOptions {
    /// The options of a command line without any.
    fn default() -> Self {
        Self {
            log: LogLevel::Warn,
            log_json: false,
            progress: ProgressForm::Auto,
            quiet: false,
            color: ColorUse::Auto,
            json: None,
            overwrite: false,
            mode: store::os::PRIVATE_MODE,
            group: None,
            run_id: String::new(),
            run_is_named: false,
        }
    }
}

/// Use of colour, which is never the only sign of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorUse {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
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
    /// Inputs and other outputs of the command, which the file of `--json` never replaces.
    pub spared: Vec<PathBuf>,
}

impl Told {
    /// A command that reads and writes no file that an operator names.
    #[must_use]
    pub const fn of(command: &'static str) -> Self {
        Self { command, spared: Vec::new() }
    }
}

/// Writes the object of a command that ended well and has no more to say, into the file of
/// `--json`.
///
/// # Errors
///
/// [`Failure`] of the output.
pub fn tell_done(options: &OutputOptions, told: &Told) -> Result<(), Failure> {
    if options.json.as_deref().is_none_or(is_published) {
        return Ok(());
    }
    Ok(publish(options, told, &Object::done(told.command, options))?)
}

/// True if a file is an object that a run of this id wrote before.
fn is_of_run(file: &Path, run_id: &str) -> bool {
    let Ok(found) = std::fs::metadata(file) else { return false };
    if !found.is_file() || found.len() > OBJECT_BYTES_MAX {
        return false;
    }
    let object = std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    object.is_some_and(|object: Value| {
        object["run_id"] == run_id && object["schema"] == "veilmatch.run/1"
    })
}

/// The objects of runs are far smaller.
const OBJECT_BYTES_MAX: u64 = 1 << 24;

fn publish(options: &OutputOptions, told: &Told, object: &Object) -> Result<(), OutputError> {
    let mut outputs = options.outputs();
    // The command may have failed because this very name is an input.
    told.spared.iter().for_each(|path| outputs.reads(path));
    if let Some(output) = options.claim_json(&mut outputs)? {
        output.publish_text(&object.pretty())?;
    }
    Ok(())
}

/// Tells a failure to whoever reads: three lines for people, or one JSON object with `--log-json`,
/// and the same object in the file of `--json`.
///
/// The object is one line on standard error; in a file, or on standard output as `-`, it has lines
/// of its own.
pub fn tell_failure(failure: &Failure, options: &OutputOptions, told: &Told, to: &Terminal) {
    let object = Object::done(told.command, options).ended("failed", failure.exit());
    let object = object.in_session(failure.session().copied()).failed(failure, to.reader());
    match options.log_json {
        true => to.error(&object.line()),
        false => to.failure(failure),
    }
    let file = options.json.as_deref().filter(|_| failure.exit() != Exit::Usage);
    // A command that wrote its own object, such as a result that is withheld, has told.
    if file.is_none_or(is_published) {
        return;
    }
    if let Err(error) = publish(options, told, &object) {
        // The failure itself is told already, and its status stands.
        tracing::warn!(target: "veilmatch::output", %error, "failure not written");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use report::{Code, Text};
    use serde_json::json;

    use super::terminal::tests::Kept;
    use super::*;

    fn options(log_json: bool) -> OutputOptions {
        OutputOptions { log_json, progress: ProgressForm::Off, ..OutputOptions::default() }
    }

    #[test]
    fn failure_is_one_object_for_machines() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out.json");
        let failure = || Failure::new(Code::Silent, Text::new("code-silent")).in_session([7; 32]);
        let (out, error) = (Kept::default(), Kept::default());
        let terminal = Terminal::to(out.clone(), error.clone());
        let told = Told::of("run");
        let to = |log_json| OutputOptions { json: Some(file.clone()), ..options(log_json) };
        tell_failure(&failure(), &to(true), &told, &terminal);
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
        tell_failure(&failure(), &to(false), &told, &terminal);
        assert_eq!(people.text().lines().count(), 3);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        // So does an input, whatever may be replaced.
        let told = Told { spared: vec![file.clone()], ..told };
        let over = OutputOptions { overwrite: true, ..to(true) };
        tell_failure(&failure(), &over, &told, &terminal);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        // The object of an earlier try of the same run makes room, that of another run does not.
        let told = Told::of("run");
        let named = |run_id: &str| OutputOptions {
            run_id: run_id.to_owned(),
            run_is_named: true,
            ..to(true)
        };
        // A name of its own each time, for a process publishes a file once.
        for (earlier, outcome) in [("a", "failed"), ("b", "before")] {
            let object =
                json!({ "schema": "veilmatch.run/1", "run_id": earlier, "outcome": "before" });
            let (failed, done) =
                (dir.path().join(format!("{earlier}.1")), dir.path().join(earlier));
            for file in [&failed, &done] {
                std::fs::write(file, object.to_string()).unwrap();
            }
            let to = |file: &PathBuf| OutputOptions { json: Some(file.clone()), ..named("a") };
            let outcome_of = |file: &PathBuf| {
                let object: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                object["outcome"].clone()
            };
            tell_failure(&failure(), &to(&failed), &told, &terminal);
            assert_eq!(outcome_of(&failed), outcome);
            assert_eq!(tell_done(&to(&done), &told).is_ok(), earlier == "a");
            assert_eq!(outcome_of(&done), if earlier == "a" { "done" } else { "before" });
        }
    }
}
