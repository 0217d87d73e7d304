//! `ledger`: the ledger with a partner, shown, given and mended.

use std::path::Path;

use node::console::{OutputOptions, Terminal};
use node::exchange::{Exchange, LedgerOptions};
use node::failure::Failure;
use protocol::transcript::Role;
use store::os::{Clock as _, SystemClock};

use crate::Home;
use crate::partners::Partners;
use crate::tenant::Tenant;

pub(crate) fn run(
    dir: &Path,
    options: &LedgerOptions,
    output: &OutputOptions,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let home = Home::open(dir)?;
    let partners = Partners::load(&home, None)?;
    // Entries are entries, whatever mistake is in the policy of today.
    let told = partners.quarantined.into_iter().filter_map(|one| one.tenant);
    let tenants: Vec<Tenant> = partners.tenants.into_iter().chain(told).collect();
    let known: Vec<_> =
        tenants.iter().map(|one| (one.name.clone(), one.identity.party().0)).collect();
    let (name, partner) = options.choose(&known)?;
    let exchange = Exchange {
        place: home.ledger(),
        role: Role::Provider,
        key: home.identity.attestation_key(),
        partner,
        name: name.clone(),
    };
    // Nobody knows here which keys the partner has met since.
    let retire = || {
        let tenant = tenants.iter().find(|tenant| tenant.name == name);
        if let Some(keyring) = tenant.map(|one| one.keyring_if_made(&home)).transpose()? {
            keyring.map_or(Ok(()), |keys| keys.retire_runs(SystemClock::new().now_unix()))?;
        }
        Ok(())
    };
    exchange.carry_out(&options.command, || home.lock(), retire, (output, terminal))
}
