//! `ledger`: the ledger with a provider, shown, given and mended.

use node::exchange::{Exchange, LedgerCommand, LedgerOptions};
use node::failure::Failure;
use node::invite::Invitation;
use node::telemetry::Terminal;
use protocol::transcript::Role;

use crate::Home;
use crate::partner::providers;

pub(crate) fn run(options: &LedgerOptions, terminal: &Terminal) -> Result<(), Failure> {
    let home = Home::open(options.directory()?)?;
    let known = providers(&home)
        .into_iter()
        .map(|(name, path)| Ok((name, Invitation::read(&path)?.provider.party().0)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let (name, partner) = options.choose(&known)?;
    let exchange = Exchange {
        place: home.ledger(),
        role: Role::Advertiser,
        key: home.identity.attestation_key(),
        partner,
        name,
    };
    let lines = match &options.command {
        LedgerCommand::Show => exchange.show()?,
        LedgerCommand::Export { file } => exchange.export(file)?,
        LedgerCommand::Compare { file } => exchange.compare(file)?,
        LedgerCommand::Adopt { file } => {
            let _lock = home.lock()?;
            // The keys met come with the entries.
            exchange.adopt(file, || Ok(()))?
        }
    };
    lines.iter().for_each(|line| terminal.line(line));
    Ok(())
}
