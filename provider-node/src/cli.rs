//! The command line; its words are messages of `report`, by the names of commands and options.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::console::{OutputOptions, Terminal, Told};
use node::exchange::LedgerOptions;
use node::failure::Failure;
use node::program::CommandLine;
use protocol::transcript::Role;

use crate::command;

/// Command line of the program.
#[derive(Debug, Parser)]
#[command(name = "provider-node", version, long_version = version_in_full())]
pub(crate) struct Cli {
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
    CheckConfig {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        #[arg(long)]
        overwrite: bool,
    },
    Invite(InviteOptions),
    Ingest {
        #[arg(long)]
        dir: PathBuf,
        file: PathBuf,
    },
    Object {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
    },
    Serve(ServeOptions),
    Ledger(LedgerOptions),
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
            Self::CheckConfig { json, overwrite, .. } => ("check-config", json.clone(), *overwrite),
            Self::Invite(_) => ("invite", None, false),
            Self::Ingest { .. } => ("ingest", None, false),
            Self::Object { .. } => ("object", None, false),
            Self::Serve(_) => ("serve", None, false),
            Self::Ledger(_) => ("ledger", None, false),
            Self::Status { .. } => ("status", None, false),
        };
        Told { command, json, overwrite, spared: Vec::new() }
    }
}

/// Options of `invite`.
#[derive(Debug, clap::Args)]
pub(crate) struct InviteOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
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
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// Risks that an operator accepts by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Allowed {
    WideBudget,
}

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeOptions {
    #[arg(long)]
    pub(crate) dir: PathBuf,
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
