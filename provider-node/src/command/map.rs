//! `map`: proposes how columns become our fields, and asks what only the owner of the files knows.

use std::ffi::OsString;
use std::path::PathBuf;

use mapping::command::{Console, Order};
use mapping::draft::Side;
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use report::Text;
use tabular::InputFile;

/// Options of `map`.
#[derive(Debug, clap::Args)]
pub(crate) struct MapOptions {
    #[arg(required = true, value_name = "[TAG=]FILE")]
    files: Vec<OsString>,
    #[arg(short, long, value_name = "FILE", default_value = "graph.map.toml")]
    output: PathBuf,
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
}

impl MapOptions {
    /// Names of the files and of the map.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let files = self.files.iter().map(|argument| InputFile::from_argument(argument).path);
        files.chain([self.output.clone()])
    }
}

pub(crate) fn run(
    options: &MapOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    output.look_at_json()?;
    let files: Vec<InputFile> =
        options.files.iter().map(|argument| InputFile::from_argument(argument)).collect();
    let order = Order {
        files: &files,
        format: None,
        preset: options.preset.as_deref(),
        output: &options.output,
        side: Side::Provider,
        schema: &graph::SCHEMA,
        reader: terminal.reader(),
    };
    mapping::command::run(&order, output.outputs(), &Here(terminal))
}

/// The console of the program.
struct Here<'a>(&'a Terminal);

impl Console for Here<'_> {
    fn say(&self, text: &Text) {
        self.0.say(text);
    }

    fn ask(&self, text: &Text) {
        self.0.ask(text);
    }

    fn put_text_aside(&self) {
        self.0.put_text_aside();
    }
}
