//! `provider-node`: serves matches on an identity graph to many advertisers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    provider_node::program()
}
