//! The command line; its words are texts by id.

use std::path::PathBuf;
use std::sync::OnceLock;

use clap::{Args, Parser, Subcommand};
use protocol::suite::PROTOCOL_VERSION;

/// Command line of the auditor.
#[derive(Debug, Parser)]
#[command(name = "auditor", version, long_version = version_in_full())]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Commands of the auditor.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judgement of sessions, one by one.
    Verify(Verify),
    /// Account of a session.
    Show(Show),
    /// Packages against each other.
    Compare(Compare),
    /// Party of an identity line.
    Party {
        /// Identity line, a file with one, or `-`.
        #[arg(value_name = "LINE|FILE")]
        identity: String,
    },
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// Sessions.
    #[arg(required = true)]
    pub packages: Vec<PathBuf>,
    /// Expected advertiser.
    #[arg(long, value_name = "PARTY")]
    pub advertiser: Option<String>,
    /// Expected provider.
    #[arg(long, value_name = "PARTY")]
    pub provider: Option<String>,
    /// Names of parties, and the report.
    #[command(flatten)]
    pub report: Report,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Sessions.
    #[arg(required = true, num_args = 2..)]
    pub packages: Vec<PathBuf>,
    /// Names of parties, and the report.
    #[command(flatten)]
    pub report: Report,
}

/// Names of parties, and the report.
#[derive(Debug, Args)]
pub struct Report {
    /// Names of parties.
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// Place for the verdict.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Leave to replace a file.
    #[arg(long, requires = "json")]
    pub overwrite: bool,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// Session.
    pub package: PathBuf,
    /// Names of parties.
    #[arg(long, value_name = "FILE")]
    pub names: Option<PathBuf>,
    /// Messages instead of the account.
    #[arg(long)]
    pub messages: bool,
}

/// The answer to `--version`; the arithmetic here is always the portable one.
fn version_in_full() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            "{}\ncommit      {}\ncompiler    {}\narithmetic  portable\n\
             protocol    {PROTOCOL_VERSION}",
            env!("CARGO_PKG_VERSION"),
            env!("VEILMATCH_COMMIT"),
            env!("VEILMATCH_COMPILER"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_option_has_its_words() {
        assert_eq!(report::cli::faults::<Cli>(&report::Reader::LOG), Vec::<String>::new());
    }
}
