//! The command line; the doc comments are the manual.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::exchange::LedgerOptions;
use node::telemetry::OutputOptions;

/// Serves matches on an identity graph, without seeing the advertisers' identifiers.
#[derive(Debug, Parser)]
#[command(name = "provider-node", version, long_version = version_in_full())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: OutputOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a node: keys, settings, and the identity that partners pin.
    Init {
        /// Directory of the node; made if absent.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Opens a partner and writes its invitation.
    Invite(InviteOptions),
    /// Reads the identity graph and makes today's snapshot and the tables of all partners.
    Ingest {
        /// Directory of the node.
        #[arg(long)]
        dir: PathBuf,
        /// The graph, in the `flat_links` form.
        file: PathBuf,
    },
    /// Reads a feed of objections; the persons are left out of deliveries at once, and tables are
    /// made anew without them.
    ///
    /// What can be carried out is. If a line is left, the command names it and ends with 80.
    Object {
        /// Directory of the node.
        #[arg(long)]
        dir: PathBuf,
        /// The feed: columns `type`, `value`, `scope`, `recorded_at`.
        #[arg(long)]
        file: PathBuf,
        /// Where to write the lines that are not carried out, as a feed with line and reason; a
        /// file that exists is never replaced.
        #[arg(long, value_name = "FILE")]
        rejects: Option<PathBuf>,
    },
    /// Serves partners until it is stopped.
    Serve(ServeOptions),
    /// Shows the ledger with a partner, and mends it from the partner's entries.
    ///
    /// `adopt` needs the service stopped. Entries that were adopted show that a copy was put back:
    /// every prepared run key of the partner is retired then.
    Ledger(LedgerOptions),
    /// Shows the node, its partners with budgets and tables, and the last sessions.
    ///
    /// Reads beside a running `serve` and changes nothing.
    Status {
        /// Directory of the node.
        #[arg(long)]
        dir: PathBuf,
        /// Write one JSON object instead of text.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct InviteOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Name of the partner on this node: lower-case letters, digits and hyphens.
    pub(crate) name: String,
    /// The `identity.txt` of the advertiser's node, with the line and its proof.
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: PathBuf,
    /// Rows of the advertiser's customer file, as it declares them; the budget follows from them.
    #[arg(long, value_name = "N")]
    pub(crate) rows: u64,
    /// The company that the partner is, as the contract names it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) legal_entity: String,
    /// The group of companies that it belongs to, if it does.
    #[arg(long, value_name = "G")]
    pub(crate) legal_group: Option<String>,
    /// Address at which this node can be reached, `host:port`.
    #[arg(long)]
    pub(crate) address: String,
    /// Profiles the partner may run; may be given several times.
    #[arg(long, default_values = ["match-rate"])]
    pub(crate) profile: Vec<String>,
    /// Give a budget for a run of each shuffled profile every day.
    #[arg(long)]
    pub(crate) daily: bool,
    /// Accept one risk by name: `wide-budget`, a budget above 1 % of the mobile numbers of
    /// France.
    #[arg(long, value_name = "REASON")]
    pub(crate) allow: Vec<Allowed>,
    /// Where to write the invitation; NAME.invitation.toml unless it is given; `-` is
    /// standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Let the invitation replace a file that exists; never a file of a node.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

/// A risk that an operator accepts by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Allowed {
    /// A budget that lets more than 1 % of the mobile numbers of France be tested in 30 days.
    WideBudget,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "[::]:4433")]
    pub(crate) listen: SocketAddr,
    /// Written with the bound address once the node can be reached.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// The answer to `--version`.
fn version_in_full() -> &'static str {
    node::program::version_in_full(env!("VEILMATCH_COMMIT"), env!("VEILMATCH_COMPILER"))
}
