//! `auditor`: verify or show a session. The exit status is the verdict.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use auditor::arguments::Cli;
use auditor::command;
use report::Reader;

fn main() -> ExitCode {
    let reader = Reader::detect(None);
    match report::cli::parse::<Cli>(&reader) {
        Ok(cli) => command::run(cli.command, &reader).into(),
        Err(unparsed) => command::unparsed(&unparsed, &reader),
    }
}
