//! `object`: reads a feed of objections into the node's store.

use std::path::Path;

use mapping::MapOfCommand;
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use report::{Arg, Code, Diagnose, Text};
use rights::objections::{Feed, FeedRules, LeftLine, SCHEMA, import_feed};
use store::os::{Clock, SystemClock};
use store::output::Output;
use tabular::InputFile;

use crate::Home;
use crate::cli::{ObjectOptions, standard_input_once};

pub(crate) fn run(
    dir: &Path,
    options: &ObjectOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    // The map of the settings is one of graphs.
    let map = MapOfCommand::open(options.map.as_deref(), None, &SCHEMA)?;
    let files = options.files.iter().map(|file| InputFile::from_argument(file.as_os_str()));
    let files: Vec<InputFile> = files.collect();
    standard_input_once(&files)?;
    let inputs = map.inputs(&files)?;
    let mut outputs = output.outputs();
    inputs.iter().for_each(|input| outputs.reads(&input.file.path));
    options.map.iter().for_each(|map| outputs.reads(map));
    // Before anything is carried out: what is left must have a place.
    let rejects = options.rejects.as_deref().map(|path| outputs.claim(path)).transpose();
    let rejects = rejects.map_err(|error| not_begun(error.into()))?;
    output.claim_json(&mut outputs).map_err(|error| not_begun(error.into()))?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let now = SystemClock::new().now_unix();
    let normalizer = home.config.common.normalizer();
    let workspace = home.workspace()?;
    let rules = FeedRules { normalizer: &normalizer, spills: &workspace.directory };
    let feed = import_feed(&home.path(OBJECTIONS), &inputs, &rules, &home.storage, now)?;
    let counts = feed.counts();
    let read = Text::new("object-read")
        .with("read", counts.lines_read)
        .with("new", counts.new)
        .with("known", counts.known)
        .with("left", counts.left());
    terminal.say(&read);
    if counts.undated > 0 {
        terminal.say(&Text::new("object-undated").with("n", counts.undated));
    }
    if counts.new > 0 {
        terminal.say(&Text::new("object-effect"));
    }
    if counts.left() == 0 && feed.unread().is_empty() {
        terminal.say(&Text::new("object-destroy"));
        return Ok(());
    }
    let written = rejects.filter(|_| counts.left() > 0);
    if let Some(output) = &written {
        feed.write_left(output).map_err(|error| {
            let text = Text::new("object-not-written").with("left", left(&feed));
            Failure::new(Code::Output, text.with("why", error.text()))
        })?;
    }
    Err(Partly { left: left(&feed), advice: advice(dir, &feed, written.as_ref()) }.into())
}

/// A feed of which lines are left.
#[derive(Debug)]
struct Partly {
    left: Text,
    advice: Text,
}

impl Diagnose for Partly {
    fn code(&self) -> Code {
        Code::Partly
    }

    fn text(&self) -> Text {
        self.left.clone()
    }

    fn advice(&self) -> Option<Text> {
        Some(self.advice.clone())
    }
}

impl std::error::Error for Partly {}
report::told_in_english!(Partly);

/// The refusal of an output, with what holds of the feed.
fn not_begun(failure: Failure) -> Failure {
    match failure.code() {
        Code::Output => NotBegun(failure).into(),
        _ => failure,
    }
}

/// An output that is refused before anything of a feed is carried out.
#[derive(Debug)]
struct NotBegun(Failure);

impl Diagnose for NotBegun {
    fn code(&self) -> Code {
        self.0.code()
    }

    fn text(&self) -> Text {
        Text::new("object-not-begun").with("why", self.0.text())
    }

    fn advice(&self) -> Option<Text> {
        Some(self.0.advice())
    }
}

impl std::error::Error for NotBegun {}
report::told_in_english!(NotBegun);

/// The lines that are not carried out, and the place beyond which nothing was read.
fn left(feed: &Feed) -> Text {
    let counts = feed.counts();
    let unread = feed.unread().iter().map(Diagnose::text).collect::<Vec<_>>();
    let unread =
        (!unread.is_empty()).then(|| Text::new("object-unread").with("why", Arg::List(unread)));
    let lines = feed.first_left().iter().map(|LeftLine { file, line, reason }| {
        let id = if file.is_some() { "object-line-of" } else { "object-line" };
        let text = Text::new(id).with("line", Arg::Number(*line)).with("why", *reason);
        file.iter().fold(text, |text, file| text.with("file", file))
    });
    let lines: Vec<Text> = lines.collect();
    let more = counts.left().saturating_sub(lines.len() as u64);
    let id = if more > 0 { "object-left-more" } else { "object-left" };
    let left = Text::new(id)
        .with("left", counts.left())
        .with("read", counts.lines_read)
        .with("lines", Arg::List(lines))
        .with("more", more);
    match unread {
        Some(unread) if counts.left() > 0 => {
            Text::new("object-left-unread").with("left", left).with("unread", unread)
        }
        Some(unread) => unread,
        None => left,
    }
}

fn advice(dir: &Path, feed: &Feed, written: Option<&Output>) -> Text {
    match (feed.unread().first().and_then(Diagnose::advice), written) {
        (Some(advice), _) => Text::new("object-try-unread").with("try", advice),
        // Some of these lines are in the feed alone.
        (None, Some(_)) if !feed.left_is_whole() => Text::new("object-try-kept"),
        (None, Some(output)) => {
            let (dir, name) = (dir.display(), output.name().display());
            let command = format!("provider-node object --dir {dir} {name}");
            Text::new("object-try-written").with("output", output.told()).with("command", command)
        }
        (None, None) => Text::new("object-try-kept"),
    }
}

/// Directory of the store inside the node's.
pub(crate) const OBJECTIONS: &str = "objections";
