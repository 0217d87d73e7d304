//! One file per command.

use node::console::{OutputOptions, Terminal};
use node::failure::Failure;

use crate::cli::Command;

mod check_config;
mod ingest;
mod init;
pub(crate) mod invite;
mod ledger;
pub(crate) mod object;
mod serve;
mod status;

pub(crate) fn run(
    command: Command,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    match command {
        Command::Init { dir } => init::run(&dir, terminal),
        Command::CheckConfig { dir, json, overwrite } => {
            check_config::run(&dir, json.as_ref(), overwrite, terminal)
                .and_then(|()| terminal.written())
        }
        Command::Invite(options) => invite::run(&options, terminal),
        Command::Ingest { dir, file } => ingest::run(&dir, &file, output, terminal),
        Command::Object { dir, file, rejects } => {
            object::run(&dir, &file, rejects.as_deref(), terminal)
        }
        Command::Ledger(options) => {
            ledger::run(&options, terminal).and_then(|()| terminal.written())
        }
        Command::Serve(options) => serve::run(&options, output, terminal),
        Command::Status { dir, json } => {
            status::run(&dir, json, terminal).and_then(|()| terminal.written())
        }
    }
}
