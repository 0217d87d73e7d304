//! `provider-node`: serves matches on an identity graph to many advertisers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod admission;
mod budget;
mod cli;
mod command;
mod delivery;
mod door_book;
mod drafts;
mod group;
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
    node::program::run::<cli::Cli>()
}
