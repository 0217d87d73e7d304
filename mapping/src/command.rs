//! The command `map` of both nodes: looks at files, asks, and writes the proposal.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use report::{Code, Failure, Reader, Text};
use store::output::Outputs;
use tabular::{Format, InputFile, Schema};

use crate::dialogue::{self, Person};
use crate::draft::{Draft, Section, Side};
use crate::file::Map;
use crate::look::Look;
use crate::presets::{self, Preset};
use crate::propose::propose;

/// Order to make a map.
#[derive(Debug)]
pub struct Order<'a> {
    /// The files to be looked at.
    pub files: &'a [InputFile],
    /// The form of every file, where its name and first bytes shall not decide.
    pub format: Option<Format>,
    /// Name of the preset, where the header shall not decide.
    pub preset: Option<&'a str>,
    /// The file to write; `-` is standard output.
    pub output: &'a Path,
    /// Side of the node.
    pub side: Side,
    /// Fields of such files.
    pub schema: &'static Schema,
    /// Reader of questions and comments.
    pub reader: &'a Reader,
}

/// Place of what the command says.
pub trait Console {
    /// Says a part of the result.
    fn say(&self, text: &Text);

    /// Puts a line of a question, on standard error.
    fn ask(&self, text: &Text);

    /// Leaves standard output to the map itself.
    fn put_text_aside(&self);
}

/// Somebody who types answers on standard input.
struct Typist<'a, C>(&'a C);

impl<C: Console> Person for Typist<'_, C> {
    fn show(&mut self, line: &Text) {
        self.0.ask(line);
    }

    fn answer(&mut self) -> Option<String> {
        let mut line = String::new();
        // The end of the input, and an input that fails, both end the questions.
        let read = io::stdin().lock().read_line(&mut line).ok()?;
        (read > 0).then_some(line)
    }
}

/// Looks at the files, asks what is open, and writes the map.
///
/// # Errors
///
/// [`Failure`] for a file that cannot be read or an output that is refused; with [`Code::Partly`]
/// if the map is written and questions are open in it.
pub fn run(order: &Order<'_>, mut outputs: Outputs, console: &impl Console) -> Result<(), Failure> {
    let preset = order.preset.map(known).transpose()?;
    let files = tabular::parts::expand(order.files)?;
    if files.iter().any(InputFile::is_standard_input) {
        return Err(Failure::new(Code::Usage, Text::new("map-from-standard-input")));
    }
    files.iter().for_each(|file| outputs.reads(&file.path));
    let output = outputs.claim(order.output)?;
    if outputs.take_standard_output() {
        console.put_text_aside();
    }
    let mut looks = Vec::new();
    for file in &files {
        looks.push(Look::at(file, order.format)?);
    }
    let mut draft = propose(&looks, order.side, preset);
    for look in &looks {
        console.say(&looked(look, &draft));
    }
    console.say(&Text::new("map-questions").with("n", draft.open()));
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        dialogue::ask(&mut draft, &mut Typist(console));
    }
    let text = draft.write(order.reader);
    // Read before it is written: what is proposed is a map, but for what it asks.
    let read = Map::parse(&text, order.schema);
    output.publish_text(&text)?;
    let file = output.told();
    match read {
        Ok(map) => {
            let digest = map.digest().to_string();
            console.say(&Text::new("map-written").with("file", file).with("digest", digest));
            console.say(&Text::new("map-next").with("command", next(order)));
            Ok(())
        }
        Err(faults) if faults.faults.is_empty() => {
            console.say(&Text::new("map-written-open").with("file", file.clone()));
            let id = match order.side {
                Side::Advertiser => "map-open",
                Side::Provider => "map-open-provider",
            };
            let open = Text::new(id).with("n", draft.open()).with("file", file);
            Err(Failure::new(Code::Partly, open))
        }
        // Such as a file without any address: the map says so, and whoever made the export acts.
        Err(faults) => {
            let path = order.output.to_path_buf();
            Err(crate::MapError::Faulty { path, faults }.into())
        }
    }
}

fn known(name: &str) -> Result<&'static Preset, Failure> {
    Preset::named(name).ok_or_else(|| {
        let mut names: Vec<&str> = presets::names().collect();
        names.dedup();
        let text = Text::new("map-no-such-preset").with("name", name);
        Failure::new(Code::Usage, text.with("presets", names.join(", ")))
    })
}

/// Form, size and preset of a file.
fn looked(look: &Look, draft: &Draft) -> Text {
    let encoding = look.encodings.as_ref().map_or("", |found| found.first().name());
    let form = match (look.format, look.delimiter) {
        (Format::Csv, Some(delimiter)) => {
            let delimiter = match delimiter.character() {
                '\t' => Text::new("map-looked-tab").into(),
                c => report::Arg::Word(c.to_string()),
            };
            Text::new("map-looked-csv").with("encoding", encoding).with("delimiter", delimiter)
        }
        (Format::Parquet, _) => Text::new("map-looked-parquet"),
        (Format::Csv | Format::Ndjson, _) => {
            Text::new("map-looked-ndjson").with("encoding", encoding)
        }
    };
    let section = draft.sections.iter().find(|section| fits(section, look));
    let preset = section.and_then(|section| section.preset).map_or("none", |name| name);
    Text::new("map-looked")
        .with("file", look.file.shown().as_path())
        .with("form", form)
        .with("columns", look.columns.len())
        .with("rows", look.rows)
        .with("preset", preset)
}

fn fits(section: &Section, look: &Look) -> bool {
    let name = look.file.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let fits = |pattern: &String| {
        crate::Pattern::new(pattern).zip(name.as_ref()).is_some_and(|(p, name)| p.fits(name))
    };
    section.files.iter().any(fits)
}

/// The command that comes next, as a line to paste.
fn next(order: &Order<'_>) -> String {
    let [program, command] = match order.side {
        Side::Advertiser => ["advertiser-node", "check"],
        Side::Provider => ["provider-node", "ingest"],
    };
    let mut line = [program, command, "--map", &pasted(order.output)].join(" ");
    for file in order.files {
        let named = file.path.file_name().is_some_and(|name| name.to_string_lossy() == file.tag);
        let path = pasted(&file.path);
        line.push(' ');
        if !named && tabular::is_tag(&file.tag) {
            line.push_str(&file.tag);
            line.push('=');
        }
        line.push_str(&path);
    }
    line
}

/// A path as a shell takes it.
fn pasted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
