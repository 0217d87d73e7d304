//! `advertiser-node`: matches a CRM file with an onboarding provider, on the advertiser's premises.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use node::console::Terminal;
use protocol::transcript::Role;
use report::Reader;

mod answer;
mod cli;
mod command;
mod committed;
pub mod delivery;
pub mod guardrails;
pub mod history;
mod learn;
mod partner;
mod places;
mod policy;
mod request;
pub mod settings;
mod shared;
mod unmatchable;

/// The directory of an advertiser's node.
pub(crate) type Home = node::home::Home<crate::settings::AdvertiserSettings>;

/// Runs the program on the arguments of the process, to its end.
#[must_use]
pub fn program() -> ExitCode {
    let terminal = Terminal::for_reader(Reader::detect(Some(Role::Advertiser)));
    let cli: cli::Cli = match report::cli::parse(terminal.reader()) {
        Ok(cli) => cli,
        Err(unparsed) => return unparsed.end(|failure| terminal.failure(failure)).into(),
    };
    let told = cli.command.told();
    let done =
        node::start(&cli.output).and_then(|()| command::run(cli.command, &cli.output, &terminal));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            node::console::tell_failure(&failure, &cli.output, &told, &terminal);
            failure.exit().into()
        }
    }
}
