//! `object`: reads a feed of objections into the node's store.

use std::path::Path;

use node::console::Terminal;
use node::failure::{Failure, Inline as _};
use node::output::{Output, Outputs};
use node::world::{Clock, SystemClock};
use report::{Code, Diagnose, Text};
use rights::objections::{Feed, FeedRules, import_feed};

use crate::Home;

pub(crate) fn run(
    dir: &Path,
    file: &Path,
    rejects: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let mut outputs = Outputs::new_only();
    outputs.reads(file);
    // Before anything is carried out: what is left must have a place.
    let rejects = rejects.map(|path| outputs.claim(path)).transpose();
    let rejects = rejects.map_err(|error| not_begun(error.into()))?;
    if outputs.take_standard_output() {
        terminal.put_text_aside();
    }
    let now = SystemClock::new().now_unix();
    let normalizer = home.config.common.normalizer();
    let workspace = home.workspace()?;
    let rules = FeedRules {
        normalizer: &normalizer,
        csv: home.config.common.csv,
        email_sha256: home.config.common.email_sha256,
        spills: &workspace.directory,
    };
    let feed = import_feed(&home.path(OBJECTIONS), file, &rules, &home.storage, now)?;
    let counts = feed.counts();
    terminal.line(&format!(
        "{} read: {} new, {} known, {} not carried out",
        counts.lines_read,
        counts.new,
        counts.known,
        counts.left(),
    ));
    if counts.undated > 0 {
        terminal.line(&format!(
            "{} of a date that cannot be read: they hold as if they had always been there",
            counts.undated
        ));
    }
    if counts.new > 0 {
        terminal.line(
            "Deliveries leave these persons out from now on, and tables are made anew without \
             them.",
        );
    }
    if counts.left() == 0 && feed.unread().is_none() {
        terminal.line("The feed holds personal data: destroy it.");
        return Ok(());
    }
    let written = rejects.filter(|_| counts.left() > 0);
    if let Some(output) = &written {
        feed.write_left(output).map_err(|error| {
            let what = format!("{}; {error}", left(&feed));
            let try_this = "give the same feed again, with `--rejects` on a disk that has room";
            Failure::output(&what, try_this)
        })?;
    }
    Err(Failure::partly(&left(&feed), &advice(dir, &feed, written.as_ref())))
}

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

/// What is not carried out, by line.
fn left(feed: &Feed) -> String {
    let counts = feed.counts();
    let mut parts = Vec::new();
    if counts.left() > 0 {
        let listed: Vec<String> =
            feed.first_left().iter().map(|(line, why)| format!("line {line} {why}")).collect();
        let more = counts.left().saturating_sub(listed.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let of = counts.lines_read;
        parts.push(format!(
            "{} of {of} not carried out: {}{more}",
            counts.left(),
            listed.join(", ")
        ));
    }
    if let Some(why) = feed.unread() {
        parts.push(format!("nothing was read beyond an unreadable place: {why}"));
    }
    parts.join("; ")
}

fn advice(dir: &Path, feed: &Feed, written: Option<&Output>) -> String {
    let command = format!("provider-node object --dir {} --file", dir.display());
    match (feed.unread(), written) {
        (Some(why), _) => {
            format!("{}, then give the whole feed again", why.text().attribute("try"))
        }
        (None, Some(output)) => {
            let (shown, name) = (output.shown(), output.name().display());
            format!("mend {shown}, which has these lines, then `{command} {name}`")
        }
        (None, None) => {
            "keep the feed, mend these lines and give it again; `--rejects FILE` writes them to a \
             file of their own"
                .to_owned()
        }
    }
}

/// Directory of the store inside the node's.
pub(crate) const OBJECTIONS: &str = "objections";
