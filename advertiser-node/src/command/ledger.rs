//! `ledger`: the ledger with a provider, shown, given and mended.

use std::path::Path;

use node::console::{OutputOptions, Terminal};
use node::exchange::{Exchange, LedgerOptions};
use node::failure::Failure;
use node::invite::Invitation;
use protocol::transcript::Role;

use crate::Home;
use crate::partner::providers;

pub(crate) fn run(
    dir: &Path,
    options: &LedgerOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let mut known = Vec::new();
    for (name, path) in providers(&home) {
        match Invitation::read(&path) {
            Ok(invitation) => known.push((name, invitation.provider.party().0)),
            // A file with a mistake is in the way of its own provider and nobody else.
            Err(error) if options.party.as_ref().is_none_or(|wanted| *wanted == name) => {
                return Err(error.into());
            }
            Err(_) => {}
        }
    }
    let (name, partner) = options.choose(&known)?;
    let exchange = Exchange {
        place: home.ledger(),
        role: Role::Advertiser,
        key: home.identity.attestation_key(),
        partner,
        name,
    };
    // The keys met come with the entries.
    exchange.carry_out(&options.command, || home.lock(), || Ok(()), (output, terminal))
}
