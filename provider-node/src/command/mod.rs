//! One file per command.

use node::console::{OutputOptions, Terminal};
use node::failure::Failure;
use node::pages;
use node::program::NodePlace;
use protocol::transcript::Role;

use crate::cli::{Cli, Command};

mod check_config;
mod ingest;
mod init;
pub(crate) mod invite;
mod ledger;
pub(crate) mod map;
pub(crate) mod object;
mod serve;
mod status;

pub(crate) fn run(
    command: Command,
    place: &NodePlace,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let dir = || place.directory(Role::Provider);
    match command {
        Command::Init => init::run(&dir()?, output, terminal),
        Command::CheckConfig => {
            check_config::run(&dir()?, output, terminal).and_then(|()| terminal.written())
        }
        Command::Map(options) => {
            map::run(&options, output, terminal).and_then(|()| terminal.written())
        }
        Command::Invite(options) => invite::run(&dir()?, &options, output, terminal),
        Command::Ingest(options) => ingest::run(&dir()?, &options, output, terminal),
        Command::Object(options) => object::run(&dir()?, &options, output, terminal),
        Command::Ledger(options) => {
            ledger::run(&dir()?, &options, output, terminal).and_then(|()| terminal.written())
        }
        Command::Serve(options) => serve::run(&dir()?, &options, output, terminal),
        Command::Status => status::run(&dir()?, output, terminal).and_then(|()| terminal.written()),
        Command::Completions(options) => {
            output.look_at_json()?;
            terminal.data(pages::completions::<Cli>(options, terminal.reader()).trim_end());
            terminal.written()
        }
        Command::Pages(options) => pages::write::<Cli>(&options, output, terminal.reader()),
    }
}
