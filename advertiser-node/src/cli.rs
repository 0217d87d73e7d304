//! The command line; the doc comments are the manual.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use node::data::source::{Format, InputFile, SourceOptions};
use node::exchange::LedgerOptions;
use node::failure::{Failure, Inline as _};
use node::telemetry::OutputOptions;

use crate::Home;

/// Matches a CRM file with an onboarding provider, without handing identifiers over.
#[derive(Debug, Parser)]
#[command(name = "advertiser-node", version, long_version = version_in_full())]
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
    /// Tells what a run would do: terms and whose they are, who learns what, what it will cost.
    ///
    /// Reads the files as `run` does and compares them with earlier ones; nothing leaves the
    /// machine.
    Plan(PlanOptions),
    /// Runs a match and writes its result.
    Run(RunOptions),
    /// Writes a stored result again; contacts nobody, and nothing is charged.
    ///
    /// Results are kept sealed from before the receipt leaves until the audit window ends, digital
    /// IDs for as long as they may be used.
    Result(ResultOptions),
    /// Shows the ledger with a provider, and mends it from the provider's entries.
    Ledger(LedgerOptions),
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

/// The CRM files of a run.
#[derive(Debug, clap::Args)]
pub(crate) struct Inputs {
    /// A CRM file: CSV, NDJSON (both also packed by gzip or zstd) or Parquet; `-` is standard
    /// input.
    ///
    /// May be given several times: rows of one id become one row. `TAG=PATH` names the source of
    /// the rows in counts; without a tag it is the name of the file.
    #[arg(long, required = true, value_name = "[TAG=]PATH")]
    input: Vec<OsString>,
    /// The form of every input, where names and first bytes shall not decide.
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    /// Accepts one risk, on record: `open-last-line`, a text file whose last line has no line end.
    #[arg(long, value_enum, value_name = "REASON")]
    allow: Vec<Allowed>,
}

impl Inputs {
    /// The files, in the order they were named.
    pub(crate) fn files(&self) -> Result<Vec<InputFile>, Failure> {
        let files: Vec<InputFile> =
            self.input.iter().map(|argument| InputFile::from_argument(argument)).collect();
        if files.iter().filter(|file| file.is_standard_input()).count() > 1 {
            return Err(Failure::usage(
                "standard input can be read once",
                "name `-` once, and the other inputs as files",
            ));
        }
        Ok(files)
    }

    /// The settings of the node, with what the command line says.
    pub(crate) fn source(&self, home: &Home) -> SourceOptions {
        let format = self.format.map(|format| match format {
            InputFormat::Csv => Format::Csv,
            InputFormat::Ndjson => Format::Ndjson,
            InputFormat::Parquet => Format::Parquet,
        });
        let mut source = home.config.common.source();
        source.csv.open_last_line = self.allow.contains(&Allowed::OpenLastLine);
        SourceOptions { format, ..source }
    }
}

/// A risk that the operator accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Allowed {
    /// The last line of a text file may lack the line end that others have.
    OpenLastLine,
}

/// The form of an input.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum InputFormat {
    /// Comma-separated text with a header.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Also write the report as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also write the reason for each value and row left out, by row id, for you alone to read.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Let outputs replace files that exist; never an input, and never a file of a node.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The provider, when several are accepted.
    #[arg(long)]
    pub(crate) provider: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlanOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// What is to be learned by whom: match-rate, matched-rows, digital-ids or activation.
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Rows to draw for a forecast by `match-rate`, at least 100,000.
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    /// Also write the plan as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Let outputs replace files that exist; never an input, and never a file of a node.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// The provider, when several are accepted.
    #[arg(long)]
    pub(crate) provider: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// What is to be learned by whom: match-rate, matched-rows, digital-ids or activation.
    #[arg(long, default_value = "match-rate")]
    pub(crate) profile: String,
    #[command(flatten)]
    pub(crate) inputs: Inputs,
    /// Where to write the result: Parquet if its name ends with `.parquet`, else CSV; `-` is
    /// standard output.
    ///
    /// `matched-rows` and `digital-ids` need it; the others write their counts.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Let outputs replace files that exist; never an input, and never a file of a node.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Draw so many rows for a forecast by `match-rate`, at least 100,000.
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<u64>,
    /// Your own name of the audience, for the delivery file of `digital-ids`; it is not sent.
    #[arg(long, value_name = "NAME")]
    pub(crate) segment: Option<String>,
    /// Also write a summary as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The provider, when several are accepted.
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Runs although one identifier is in more than 0.5 % of the rows.
    #[arg(long)]
    pub(crate) accept_shared: bool,
    /// Releases results that need approval without asking.
    #[arg(long)]
    pub(crate) approve: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResultOptions {
    /// Directory of the node.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// The session: the first digits of its id, its directory, or `last`.
    pub(crate) session: PathBuf,
    /// Where to write the result: Parquet if its name ends with `.parquet`, else CSV; `-` is
    /// standard output.
    ///
    /// `matched-rows` and `digital-ids` need it; the others write their counts.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Also write its summary as JSON; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Let outputs replace files that exist; never a file of a node.
    #[arg(long)]
    pub(crate) overwrite: bool,
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

/// The answer to `--version`.
fn version_in_full() -> &'static str {
    node::program::version_in_full(env!("VEILMATCH_COMMIT"), env!("VEILMATCH_COMPILER"))
}
