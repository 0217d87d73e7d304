//! The command line; the doc comments are the manual.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::telemetry::OutputOptions;

/// Matches a CRM file with an onboarding provider, without handing identifiers over.
#[derive(Debug, Parser)]
#[command(name = "advertiser-node", version)]
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
    /// Checks a CRM file before a run: what is used, what is left out and why, what it will cost.
    ///
    /// Nothing leaves the machine, and no value is printed. Exits 65 if no row may be used.
    Check(CheckOptions),
    /// Runs a match and writes its result.
    Run(RunOptions),
    /// Shows what the rules make of values: the only command that prints normalized values.
    ///
    /// Reads one value a line and writes one JSON object a line to standard output: the outcome
    /// `ok` with the identifiers, `reject` with a reason code, or `absent`. For your own values on
    /// your own machine: it needs no node, keeps nothing and sends nothing. Of a digest it shows
    /// the kinds and never the digest.
    Normalize(NormalizeOptions),
    /// Shows the node, its providers, and the last sessions.
    ///
    /// Reads beside a running `run` and changes nothing.
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
pub(crate) struct CheckOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The CRM file.
    #[arg(long)]
    pub(crate) input: PathBuf,
    /// Also write the report as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also write the reason for each value and row left out, by row id, for you alone to read.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// The provider, when several are accepted.
    #[arg(long)]
    pub(crate) provider: Option<String>,
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

#[derive(Debug, clap::Args)]
pub(crate) struct NormalizeOptions {
    /// What the values are.
    #[arg(long, value_enum)]
    pub(crate) kind: ValueKind,
    /// Country of telephone numbers, as a country column would hold it, such as `FR`.
    #[arg(long, value_name = "COUNTRY")]
    pub(crate) region: Option<String>,
    /// Post code of telephone numbers, which tells French overseas numbers, such as `97400`.
    #[arg(long)]
    pub(crate) postcode: Option<String>,
    /// The rules to apply, `crm-fr/1` or `crm-intl/1`, with their default options.
    #[arg(long, default_value = "crm-fr/1")]
    pub(crate) ruleset: String,
    /// The rules that made digests, such as `plain` or `phone-e164`; needed for digests.
    #[arg(long, value_name = "RULE")]
    pub(crate) declared: Option<String>,
    /// The values, one a line, in UTF-8; `-` for standard input.
    pub(crate) file: PathBuf,
}

/// What a line of `normalize` holds.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ValueKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// SHA-256 of an e-mail address, in hexadecimal or Base64.
    #[value(name = "email_sha256")]
    EmailSha256,
    /// SHA-256 of a telephone number, in hexadecimal or Base64.
    #[value(name = "phone_sha256")]
    PhoneSha256,
}
