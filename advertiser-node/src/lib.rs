//! `advertiser-node`: matches a CRM file with an onboarding provider, on the advertiser's premises.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod answer;
mod budget;
mod classes;
mod cli;
mod command;
pub mod delivery;
mod departures;
pub mod guardrails;
mod learn;
mod partner;
mod places;
mod policy;
mod request;
mod runs;
pub mod settings;

/// The directory of an advertiser's node.
pub(crate) type Home = node::home::Home<crate::settings::AdvertiserSettings>;

/// Runs the program on the arguments of the process, to its end.
#[must_use]
pub fn program() -> ExitCode {
    node::program::run::<cli::Cli>()
}
