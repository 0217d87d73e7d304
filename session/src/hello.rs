//! What each side demands of the other's HELLO, before anything of its own follows.

use crate::advertiser::AdvertiserConfig;
use crate::provider::ProviderConfig;
use protocol::attestation::PartyId;
use protocol::codec::StreamId;
use protocol::error::{Clocks, Error, Incompatibility, Refusal, Violation};
use protocol::group::Element;
use protocol::limits::TABLE_TAGS_MAX;
use protocol::manifest::{KnownKey, MetKey};
use protocol::message::{HelloA, HelloP};
use protocol::rows::{RowWidth, accept_shape};
use protocol::suite::{PROTOCOL_VERSION, Profile, SuiteId};

/// What the advertiser asks for, once it is known to be allowed.
pub(crate) struct Asked {
    pub(crate) profile: Profile,
    pub(crate) width: RowWidth,
    /// Padded elements E.
    pub(crate) elements: u64,
}

/// Accepts or refuses what the advertiser asks for.
pub(crate) fn accept_advertiser(
    config: &ProviderConfig,
    hello: &HelloA,
    now: u64,
) -> Result<Asked, Error> {
    let at = |violation| Error::peer(violation, StreamId::ControlAdvertiser.code(), 0);
    if !(hello.protocol_min..=hello.protocol_max).contains(&PROTOCOL_VERSION) {
        return Err(Incompatibility::Version.into());
    }
    // [G28]
    if PartyId::of(&hello.attestation_key).0 != *config.peer.party() {
        return Err(at(Violation::SessionBindingMismatch));
    }
    // [G28]
    hello.verify(&config.peer.channel().exporter).map_err(at)?;
    Clocks { local: now, peer: hello.sent_at }.check()?;
    let profile = Profile::from_code(hello.profile).ok_or(Incompatibility::Profile)?;
    // [G32] The suite follows from the profile; there is no fallback.
    if hello.suite != profile.suite().code() {
        return Err(Incompatibility::Suite.into());
    }
    if !config.policy.profiles.contains(&profile) {
        return Err(Refusal::ProfileNotAllowed.into());
    }
    let width = accept_shape(profile, hello, &config.limits)?;
    let elements = hello.elements().ok_or(Refusal::SizeOutOfRange)?;
    // [G45]
    if elements > config.policy.elements_max {
        return Err(Refusal::SizeOutOfRange.into());
    }
    // [G52]
    if hello.rules_digest != config.rules_digest {
        return Err(Incompatibility::Ruleset.into());
    }
    if hello.ledger_head != config.ledger.hash {
        return Err(Incompatibility::LedgerHeadsDiffer.into());
    }
    // [G46]
    if elements > config.policy.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(Asked { profile, width, elements })
}

/// Accepts or refuses what the provider announces, before anything of ours follows.
pub(crate) fn accept_provider(
    config: &AdvertiserConfig,
    hello: &HelloP,
    elements: u64,
    now: u64,
) -> Result<(), Error> {
    let at = |violation| Error::peer(violation, StreamId::ControlProvider.code(), 0);
    if hello.protocol != PROTOCOL_VERSION {
        return Err(Incompatibility::Version.into());
    }
    // [G28]
    if PartyId::of(&hello.attestation_key).0 != *config.peer.party() {
        return Err(at(Violation::SessionBindingMismatch));
    }
    // [G28]
    hello.verify(&config.peer.channel().exporter).map_err(at)?;
    // Before any time of the provider is judged: a slow clock here is no fault there.
    Clocks { local: now, peer: hello.sent_at }.check()?;
    hello.manifest.verify(&hello.attestation_key).map_err(at)?;
    hello.snapshot.verify(&hello.attestation_key).map_err(at)?;
    let manifest = &hello.manifest.body;
    // [G20] [G22]
    let fits = manifest.provider == *config.peer.party()
        && manifest.partner == config.key.party().0
        && manifest.suite == config.profile.suite().code()
        && manifest.is_within_bounds()
        && manifest.is_valid_at(hello.sent_at)
        && hello.snapshot.body.provider == *config.peer.party();
    if !fits {
        return Err(at(Violation::ManifestMismatch));
    }
    Element::decode(&manifest.public_key).map_err(at)?;
    accept_key(&config.known_keys, config.profile.suite(), &hello.manifest.known_key()?)?;
    let padded = hello.table.tag_count.is_multiple_of(u64::from(config.limits.frame_elements));
    let tags_max = config.table_tags_max.min(TABLE_TAGS_MAX);
    // [G45]
    if hello.table.tag_count == 0 || !padded || hello.table.tag_count > tags_max {
        return Err(Refusal::SizeOutOfRange.into());
    }
    // [G52]
    if hello.rules_digest != config.rules_digest {
        return Err(Incompatibility::Ruleset.into());
    }
    if hello.ledger_head != config.ledger.hash {
        return Err(Incompatibility::LedgerHeadsDiffer.into());
    }
    // [G46]
    if elements > manifest.evaluations_max {
        return Err(Refusal::KeyExhausted.into());
    }
    if elements > hello.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(())
}

/// Accepts a key that is new, or that may come back [K-12].
///
/// # Errors
///
/// [`Violation::KeyReused`] for a key under which an answer is here, and for an aligned one under
/// another name or manifest; [`Refusal::KeySpent`] for a run key that only terms have spent.
fn accept_key(met: &[MetKey], suite: SuiteId, offered: &KnownKey) -> Result<(), Error> {
    let reused = Error::peer(Violation::KeyReused, StreamId::ControlProvider.code(), 0);
    let mut spent = false;
    for MetKey { key, answered } in met {
        match suite {
            // [G21] An aligned key may come back, but only under the manifest it first had.
            SuiteId::Aligned if key.contradicts(offered) => return Err(reused),
            SuiteId::Aligned => {}
            // [G21] A key of shuffled order serves one run.
            SuiteId::Shuffled if key.shares_with(offered) && *answered => return Err(reused),
            SuiteId::Shuffled => spent |= key.shares_with(offered),
        }
    }
    if spent { Err(Refusal::KeySpent.into()) } else { Ok(()) }
}
