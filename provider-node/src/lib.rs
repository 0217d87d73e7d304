//! `provider-node`: serves matches on an identity graph to many advertisers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use node::console::Terminal;
use protocol::transcript::Role;
use report::Reader;

mod admission;
mod budget;
mod cli;
mod command;
mod delivery;
mod namespaces;
mod partners;
mod policy;
mod publish;
pub mod settings;
mod tables;
mod tenant;

/// The directory of a provider's node.
pub(crate) type Home = node::home::Home<crate::settings::ProviderSettings>;

/// Runs the program on the arguments of the process, to its end.
#[must_use]
pub fn program() -> ExitCode {
    let terminal = Terminal::for_reader(Reader::detect(Some(Role::Provider)));
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
