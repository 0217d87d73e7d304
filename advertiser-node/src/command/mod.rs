//! One file per command.

use crm::CrmError;
use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::pages;
use node::program::NodePlace;
use protocol::transcript::Role;

use crate::cli::{Cli, Command};

mod accept;
mod check;
mod check_config;
mod forecast;
mod history;
mod init;
mod ledger;
pub(crate) mod map;
mod normalize;
mod plan;
mod result;
mod run;
mod status;

pub(crate) fn run(
    command: Command,
    place: &NodePlace,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let shows = match &command {
        Command::Init | Command::Accept(_) => false,
        Command::Run(options) => options.output.is_none(),
        Command::Result(options) => options.output.is_none(),
        Command::Check(_) | Command::Ledger(_) | Command::Normalize(_) | Command::Plan(_) => true,
        Command::CheckConfig | Command::History(_) | Command::Map(_) | Command::Status => true,
        Command::Completions(_) => true,
        Command::Pages(_) => false,
    };
    let dir = || place.directory(Role::Advertiser);
    match command {
        Command::Init => init::run(&dir()?, output, terminal),
        Command::Accept(options) => accept::run(&dir()?, &options, output, terminal),
        Command::CheckConfig => check_config::run(&dir()?, output, terminal),
        Command::Map(options) => map::run(&options, output, terminal),
        Command::Check(options) => check::run(&dir()?, &options, output, terminal),
        Command::Ledger(options) => ledger::run(&dir()?, &options, output, terminal),
        Command::Normalize(options) => {
            output.look_at_json()?;
            normalize::run(&options, terminal)
        }
        Command::Plan(options) => plan::run(&dir()?, &options, output, terminal),
        Command::History(options) => history::run(&dir()?, &options, output, terminal),
        Command::Result(options) => result::run(&dir()?, &options, output, terminal),
        Command::Run(options) => run::run(&dir()?, &options, output, terminal),
        Command::Status => status::run(&dir()?, output, terminal),
        Command::Completions(options) => {
            output.look_at_json()?;
            terminal.data(pages::completions::<Cli>(options, terminal.reader()).trim_end());
            Ok(())
        }
        Command::Pages(options) => pages::write::<Cli>(&options, output, terminal.reader()),
    }
    .map_err(likened)?;
    // What is shown is the result of these, and was not shown.
    if shows { terminal.written() } else { Ok(()) }
}

/// A failure that names the tool whose export a file looks like, if it is one that says that no
/// column has a name of ours.
fn likened(failure: Failure) -> Failure {
    let source = match failure.get::<CrmError>() {
        Some(CrmError::Source(error)) => mapping::presets::likened(error),
        _ => None,
    };
    source.map_or(failure, Failure::from)
}
