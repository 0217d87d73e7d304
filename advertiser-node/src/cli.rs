//! The command line; its words are messages of `report`, by the names of commands and options.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use node::console::{OutputOptions, Terminal, Told};
use node::exchange::LedgerOptions;
use node::failure::Failure;
use node::program::CommandLine;
use protocol::transcript::Role;
use report::{Code, Text};
use tabular::{Format, Input, InputFile, Reading, parts};

use crate::Home;
use crate::command;

/// Command line of the program.
#[derive(Debug, Parser)]
#[command(name = "advertiser-node", version, long_version = version_in_full())]
pub(crate) struct Cli {
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

    fn carry_out(self, terminal: &Terminal) -> Result<(), Failure> {
        command::run(self.command, &self.output, terminal)
    }
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init {
        #[arg(long)]
        dir: PathBuf,
    },
    Accept {
        #[arg(long)]
        dir: PathBuf,
        invitation: PathBuf,
    },
    CheckConfig {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        #[arg(long)]
        overwrite: bool,
    },
    Check(CheckOptions),
    Plan(PlanOptions),
    Run(RunOptions),
    Result(ResultOptions),
    Ledger(LedgerOptions),
    Normalize(NormalizeOptions),
    Status {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// The command, as machines are told of it.
    pub(crate) fn told(&self) -> Told {
        let (command, json, overwrite) = match self {
            Self::Init { .. } => ("init", None, false),
            Self::Accept { .. } => ("accept", None, false),
            Self::CheckConfig { json, overwrite, .. } => ("check-config", json.clone(), *overwrite),
            Self::Check(options) => ("check", options.json.clone(), options.overwrite),
            Self::Plan(options) => ("plan", options.json.clone(), options.overwrite),
            Self::Run(options) => ("run", options.json.clone(), options.overwrite),
            Self::Result(options) => ("result", options.json.clone(), options.overwrite),
            Self::Ledger(_) => ("ledger", None, false),
            Self::Normalize(_) => ("normalize", None, false),
            Self::Status { .. } => ("status", None, false),
        };
        let (inputs, output) = match self {
            Self::Check(options) => (Some(&options.inputs), options.rejects.as_ref()),
            Self::Plan(options) => (Some(&options.inputs), None),
            Self::Run(options) => (Some(&options.inputs), options.output.as_ref()),
            Self::Result(options) => (None, options.output.as_ref()),
            _ => (None, None),
        };
        let inputs = inputs.into_iter().flat_map(Inputs::paths);
        let spared = inputs.chain(output.cloned()).collect();
        Told { command, json, overwrite, spared }
    }
}

/// CRM files of a run, and how they are read.
#[derive(Debug, clap::Args)]
pub(crate) struct Inputs {
    #[arg(long, required = true, value_name = "[TAG=]PATH")]
    input: Vec<OsString>,
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    #[arg(long, value_enum, value_name = "REASON")]
    allow: Vec<Allowed>,
}

impl Inputs {
    /// Names of the files.
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.input.iter().map(|argument| InputFile::from_argument(argument).path)
    }

    /// The files, in the order they were named.
    pub(crate) fn files(&self) -> Result<Vec<InputFile>, Failure> {
        let files: Vec<InputFile> =
            self.input.iter().map(|argument| InputFile::from_argument(argument)).collect();
        if files.iter().filter(|file| file.is_standard_input()).count() > 1 {
            return Err(Failure::new(Code::Usage, Text::new("input-standard-once")));
        }
        Ok(parts::expand(&files)?)
    }

    /// The files, read as the settings of the node and the command line say.
    pub(crate) fn read(&self, home: &Home) -> Result<Vec<Input>, Failure> {
        let format = self.format.map(|format| match format {
            InputFormat::Csv => Format::Csv,
            InputFormat::Ndjson => Format::Ndjson,
            InputFormat::Parquet => Format::Parquet,
        });
        let mut reading = home.config.common.reading(&crm::SCHEMA);
        reading.csv.open_last_line = self.allow.contains(&Allowed::OpenLastLine);
        reading.phone_sha256 = home.config.phone_sha256;
        let reading = Arc::new(Reading { format, ..reading });
        let input = |file| Input { file, reading: Arc::clone(&reading) };
        Ok(self.files()?.into_iter().map(input).collect())
    }
}

/// Risks that an operator accepts by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Allowed {
    OpenLastLine,
}

/// Formats of an input.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InputFormat {
    Csv,
    Ndjson,
    Parquet,
}

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[arg(long)]
    pub(crate) provider: Option<String>,
}

/// Options of `plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[arg(long)]
    pub(crate) provider: Option<String>,
}

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[arg(long)]
    pub(crate) overwrite: bool,
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    #[arg(long, value_name = "NAME")]
    pub(crate) segment: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[arg(long)]
    pub(crate) provider: Option<String>,
    #[arg(long)]
    pub(crate) accept_shared: bool,
    #[arg(long)]
    pub(crate) approve: bool,
}

/// Options of `result`.
#[derive(Debug, clap::Args)]
pub(crate) struct ResultOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    pub(crate) session: PathBuf,
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    #[arg(long)]
    pub(crate) overwrite: bool,
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
