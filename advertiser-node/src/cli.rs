//! The command line; the doc comments are the manual.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::telemetry::OutputOptions;

/// Matches a CRM file with an onboarding provider, without handing identifiers over.
#[derive(Debug, Parser)]
#[command(name = "advertiser-node", version, about)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a node: keys, settings, and the identity to give to providers.
    Init {
        /// Directory of the node; made if absent.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Accepts a provider's invitation and pins its identity.
    Accept {
        /// Directory of the node.
        #[arg(long)]
        dir: PathBuf,
        /// The invitation file.
        invitation: PathBuf,
    },
    /// Runs a match and writes its result.
    Run(RunOptions),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// What is to be learned by whom; `matched-rows` is built.
    #[arg(long)]
    pub(crate) profile: String,
    /// The CRM file.
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Where to write the result.
    #[arg(long)]
    pub(crate) output: PathBuf,
    /// Also write a summary as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The provider, when several are accepted.
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Releases results that need approval without asking.
    #[arg(long)]
    pub(crate) approve: bool,
}
