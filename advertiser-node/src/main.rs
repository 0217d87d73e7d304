//! `advertiser-node`: matches a CRM file with an onboarding provider, on the advertiser's premises.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    advertiser_node::program()
}
