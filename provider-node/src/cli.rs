//! The command line; its words are messages of `report`, by the names of commands and options.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::console::{OutputOptions, Terminal, Told};
use node::exchange::LedgerOptions;
use node::failure::Failure;
use node::pages::{CompletionsOptions, PagesOptions};
use node::program::{CommandLine, NodePlace};
use protocol::transcript::Role;
use report::{Code, Text};
use tabular::InputFile;

use crate::command;
use crate::command::map::MapOptions;

/// Command line of the program.
#[derive(Debug, Parser)]
#[command(name = "provider-node", version, long_version = version_in_full())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) place: NodePlace,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl CommandLine for Cli {
    const ROLE: Role = Role::Provider;

    fn output(&self) -> &OutputOptions {
        &self.output
    }

    fn told(&self) -> Told {
        self.command.told()
    }

    fn carry_out(self, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure> {
        command::run(self.command, &self.place, output, terminal)
    }
}

/// Commands of the program.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init,
    CheckConfig,
    Map(MapOptions),
    Invite(InviteOptions),
    Ingest(IngestOptions),
    Object(ObjectOptions),
    Serve(ServeOptions),
    Ledger(LedgerOptions),
    Status,
    Completions(CompletionsOptions),
    /// Pages for packages.
    #[command(hide = true)]
    Pages(PagesOptions),
}

impl Command {
    /// The command, as machines are told of it.
    pub(crate) fn told(&self) -> Told {
        let (command, files, rejects) = match self {
            Self::Init => ("init", None, None),
            Self::CheckConfig => ("check-config", None, None),
            Self::Map(_) => ("map", None, None),
            Self::Invite(_) => ("invite", None, None),
            Self::Ingest(options) => ("ingest", Some(&options.files), options.rejects.as_ref()),
            Self::Object(options) => ("object", Some(&options.files), options.rejects.as_ref()),
            Self::Serve(_) => ("serve", None, None),
            Self::Ledger(_) => ("ledger", None, None),
            Self::Status => ("status", None, None),
            Self::Completions(_) => ("completions", None, None),
            Self::Pages(_) => ("pages", None, None),
        };
        let map = match self {
            Self::Ingest(options) => options.map.clone(),
            Self::Object(options) => options.map.clone(),
            _ => None,
        };
        let files = files.into_iter().flatten();
        let files = files.map(|file| InputFile::from_argument(file.as_os_str()).path);
        let mut spared: Vec<PathBuf> = files.chain(rejects.cloned()).chain(map).collect();
        if let Self::Map(options) = self {
            spared.extend(options.paths());
        }
        Told { command, spared }
    }
}

/// Refuses standard input as more than one input.
pub(crate) fn standard_input_once(files: &[InputFile]) -> Result<(), Failure> {
    match files.iter().filter(|file| file.is_standard_input()).count() {
        0 | 1 => Ok(()),
        _ => Err(Failure::new(Code::Usage, Text::new("input-standard-once"))),
    }
}

/// Options of `ingest`.
#[derive(Debug, clap::Args)]
pub(crate) struct IngestOptions {
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[arg(long, value_name = "FILE", env = "VEILMATCH_MAP")]
    pub(crate) map: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// Options of `object`.
#[derive(Debug, clap::Args)]
pub(crate) struct ObjectOptions {
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// Options of `invite`.
#[derive(Debug, clap::Args)]
pub(crate) struct InviteOptions {
    pub(crate) name: String,
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: PathBuf,
    #[arg(long, value_name = "N")]
    pub(crate) rows: u64,
    #[arg(long, value_name = "TEXT")]
    pub(crate) legal_entity: String,
    #[arg(long, value_name = "G")]
    pub(crate) legal_group: Option<String>,
    #[arg(long)]
    pub(crate) address: String,
    #[arg(long, default_values = ["match-rate"])]
    pub(crate) profile: Vec<String>,
    #[arg(long)]
    pub(crate) daily: bool,
    #[arg(long, value_name = "REASON")]
    pub(crate) allow: Vec<Allowed>,
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Risks that an operator accepts by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Allowed {
    WideBudget,
}

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeOptions {
    #[arg(long, default_value = "[::]:4433")]
    pub(crate) listen: SocketAddr,
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
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
