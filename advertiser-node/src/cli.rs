//! The command line; its words are messages of `report`, by the names of commands and options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use mapping::MapOfCommand;
use node::console::{OutputOptions, Terminal, Told};
use node::exchange::LedgerOptions;
use node::failure::Failure;
use node::pages::{CompletionsOptions, PagesOptions};
use node::program::{CommandLine, NodePlace};
use protocol::transcript::Role;
use report::{Code, Text};
use tabular::{Format, Input, InputFile, parts};

use crate::Home;
use crate::command;
use crate::command::map::MapOptions;

/// Command line of the program.
#[derive(Debug, Parser)]
#[command(name = "advertiser-node", version, long_version = version_in_full())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: NodePlace,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl CommandLine for Cli {
    const ROLE: Role = Role::Advertiser;

    fn output(&self) -> &OutputOptions {
        &self.output
    }

    fn told(&self) -> Told {
        self.command.told()
    }

    fn run_id(&self) -> Option<&str> {
        match &self.command {
            Command::Run(options) => options.run_id.as_deref(),
            _ => None,
        }
    }

    fn carry_out(self, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
        command::run(self.command, &self.place, output, terminal)
    }
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init,
    Accept(AcceptOptions),
    CheckConfig,
    Map(MapOptions),
    Check(CheckOptions),
    Plan(PlanOptions),
    Run(RunOptions),
    Result(ResultOptions),
    History(HistoryOptions),
    Ledger(LedgerOptions),
    Normalize(NormalizeOptions),
    Status,
    Completions(CompletionsOptions),
    /// Pages for packages.
    #[command(hide = true)]
    Pages(PagesOptions),
}

impl Command {
    /// The command, as machines are told of it.
    pub(crate) fn told(&self) -> Told {
        let command = match self {
            Self::Init => "init",
            Self::Accept(_) => "accept",
            Self::CheckConfig => "check-config",
            Self::Map(_) => "map",
            Self::Check(_) => "check",
            Self::Plan(_) => "plan",
            Self::Run(_) => "run",
            Self::Result(_) => "result",
            Self::History(_) => "history",
            Self::Ledger(_) => "ledger",
            Self::Normalize(_) => "normalize",
            Self::Status => "status",
            Self::Completions(_) => "completions",
            Self::Pages(_) => "pages",
        };
        let (inputs, output) = match self {
            Self::Check(options) => (Some(&options.inputs), options.rejects.as_ref()),
            Self::Plan(options) => (Some(&options.inputs), None),
            Self::Run(options) => (Some(&options.inputs), options.output.as_ref()),
            Self::Result(options) => (None, options.output.as_ref()),
            _ => (None, None),
        };
        let inputs = inputs.into_iter().flat_map(Inputs::paths);
        let mut spared: Vec<PathBuf> = inputs.chain(output.cloned()).collect();
        if let Self::Map(options) = self {
            spared.extend(options.paths());
        }
        Told { command, spared }
    }
}

/// CRM files of a run, and how they are read.
#[derive(Debug, clap::Args)]
pub(crate) struct Inputs {
    #[arg(required = true, value_name = "[TAG=]FILE")]
    files: Vec<OsString>,
    #[arg(long, value_name = "FILE", env = "VEILMATCH_MAP")]
    pub(crate) map: Option<PathBuf>,
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    #[arg(long, value_enum, value_name = "REASON")]
    allow: Vec<Allowed>,
}

impl Inputs {
    /// Names of the files, the map among them.
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let files = self.files.iter().map(|argument| InputFile::from_argument(argument).path);
        files.chain(self.map.clone())
    }

    /// The files and directories, in the order they were named.
    fn named(&self) -> Result<Vec<InputFile>, Failure> {
        let files: Vec<InputFile> =
            self.files.iter().map(|argument| InputFile::from_argument(argument)).collect();
        if files.iter().filter(|file| file.is_standard_input()).count() > 1 {
            return Err(Failure::new(Code::Usage, Text::new("input-standard-once")));
        }
        Ok(files)
    }

    /// Every file that is read, which no output may replace.
    pub(crate) fn reads(&self) -> Result<Vec<PathBuf>, Failure> {
        let parts = parts::expand(&self.named()?)?;
        Ok(parts.into_iter().map(|file| file.path).chain(self.map.clone()).collect())
    }

    /// The files, read as the map and the command line say.
    pub(crate) fn read(&self, home: &Home) -> Result<Mapped, Failure> {
        let path = home.map(self.map.as_deref());
        let pinned = home.config.common.map_digest;
        let map = MapOfCommand::open(path.as_deref(), pinned, &crm::SCHEMA)?;
        let mut inputs = map.inputs(&self.named()?)?;
        let format = self.format.map(|format| match format {
            InputFormat::Csv => Format::Csv,
            InputFormat::Ndjson => Format::Ndjson,
            InputFormat::Parquet => Format::Parquet,
        });
        let open_last_line = self.allows(Allowed::OpenLastLine);
        for input in inputs.iter_mut().filter(|_| format.is_some() || open_last_line) {
            let reading = Arc::make_mut(&mut input.reading);
            reading.format = format.or(reading.format);
            reading.csv.open_last_line = open_last_line;
        }
        Ok(Mapped { inputs, map })
    }

    /// True if the operator accepts this risk.
    pub(crate) fn allows(&self, risk: Allowed) -> bool {
        self.allow.contains(&risk)
    }
}

/// Files of a run with their readings, and the map that these are from.
pub(crate) struct Mapped {
    pub(crate) inputs: Vec<Input>,
    pub(crate) map: MapOfCommand,
}

/// Risks that an operator accepts by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Allowed {
    OpenLastLine,
    SharedIdentifiers,
    HighRate,
    ManyDepartures,
}

/// Formats of an input.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InputFormat {
    Csv,
    Ndjson,
    Parquet,
}

/// Options of `accept`.
#[derive(Debug, clap::Args)]
pub(crate) struct AcceptOptions {
    pub(crate) invitation: PathBuf,
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[arg(long, env = "VEILMATCH_PROVIDER")]
    pub(crate) provider: Option<String>,
}

/// Options of `plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanOptions {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    #[arg(long, env = "VEILMATCH_PROVIDER")]
    pub(crate) provider: Option<String>,
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    #[arg(long, value_name = "NAME")]
    pub(crate) segment: Option<String>,
    #[arg(long, env = "VEILMATCH_PROVIDER")]
    pub(crate) provider: Option<String>,
    #[arg(long)]
    pub(crate) approve: bool,
    #[arg(long, value_name = "KEY", value_parser = node::program::run_id)]
    pub(crate) run_id: Option<String>,
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = node::program::span)]
    pub(crate) wait: Duration,
}

/// Options of `result`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResultOptions {
    pub(crate) session: String,
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Options of `history`.
#[derive(Debug, clap::Args)]
pub(crate) struct HistoryOptions {
    pub(crate) provider: Option<String>,
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<String>,
}

/// Options of `normalize`.
#[derive(Debug, clap::Args)]
pub(crate) struct NormalizeOptions {
    #[arg(long, value_enum)]
    pub(crate) kind: ValueKind,
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) region: Option<String>,
    #[arg(long)]
    pub(crate) postcode: Option<String>,
    #[arg(long, default_value = "crm-fr/1")]
    pub(crate) ruleset: String,
    #[arg(long, value_name = "RULE")]
    pub(crate) declared: Option<String>,
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
}

/// Kinds of values that `normalize` reads.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ValueKind {
    Email,
    Phone,
    #[value(name = "email_sha256")]
    EmailSha256,
    #[value(name = "phone_sha256")]
    PhoneSha256,
}

/// The answer to `--version`.
fn version_in_full() -> &'static str {
    node::program::version_in_full(env!("VEILMATCH_COMMIT"), env!("VEILMATCH_COMPILER"))
}

#[cfg(test)]
mod tests {
    use report::Reader;

    use super::*;

    #[test]
    fn every_command_option_and_value_has_its_words() {
        assert_eq!(report::cli::faults::<Cli>(&Reader::LOG), Vec::<String>::new());
    }
}
