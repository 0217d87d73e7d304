//! One file per command.

use node::console::{OutputOptions, Terminal};
use node::failure::Failure;

use crate::cli::Command;

mod accept;
mod check;
mod check_config;
mod init;
mod ledger;
mod normalize;
mod plan;
mod result;
mod run;
mod status;

pub(crate) fn run(
    command: Command,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let shows = match &command {
        Command::Init { .. } | Command::Accept { .. } => false,
        Command::Run(options) => options.output.is_none(),
        Command::Result(options) => options.output.is_none(),
        Command::Check(_) | Command::Ledger(_) | Command::Normalize(_) | Command::Plan(_) => true,
        Command::CheckConfig { .. } | Command::Status { .. } => true,
    };
    match command {
        Command::Init { dir } => init::run(&dir, terminal),
        Command::Accept { dir, invitation } => accept::run(&dir, &invitation, terminal),
        Command::CheckConfig { dir, json, overwrite } => {
            check_config::run(&dir, json.as_ref(), overwrite, terminal)
        }
        Command::Check(options) => check::run(&options, output, terminal),
        Command::Ledger(options) => ledger::run(&options, terminal),
        Command::Normalize(options) => normalize::run(&options, terminal),
        Command::Plan(options) => plan::run(&options, output, terminal),
        Command::Result(options) => result::run(&options, terminal),
        Command::Run(options) => run::run(&options, output, terminal),
        Command::Status { dir, json } => status::run(&dir, json, terminal),
    }?;
    // What is shown is the result of these, and was not shown.
    if shows { terminal.written() } else { Ok(()) }
}
