//! What each side demands of the other's HELLO, before anything of its own follows.

use crate::attestation::PartyId;
use crate::codec::StreamId;
use crate::error::{Error, Incompatibility, Refusal, Violation};
use crate::group::Element;
use crate::limits::{ELEMENTS_ALIGNED_MAX, TABLE_TAGS_MAX};
use crate::message::{HelloA, HelloP};
use crate::session::advertiser::AdvertiserConfig;
use crate::session::provider::ProviderConfig;
use crate::suite::{PROTOCOL_VERSION, Profile};

/// Accepts or refuses what the advertiser asks for; the profile of the session.
pub(super) fn accept_advertiser(config: &ProviderConfig, hello: &HelloA) -> Result<Profile, Error> {
    let at = |violation| Error::peer(violation, StreamId::ControlAdvertiser.code(), 0);
    if !(hello.protocol_min..=hello.protocol_max).contains(&PROTOCOL_VERSION) {
        return Err(Incompatibility::Version.into());
    }
    // [G28]
    if PartyId::of(&hello.attestation_key).0 != *config.peer.party() {
        return Err(at(Violation::SessionBindingMismatch));
    }
    let profile = Profile::from_code(hello.profile).ok_or(Incompatibility::Profile)?;
    // [G32] The suite follows from the profile; there is no fallback.
    if hello.suite != profile.suite().code() {
        return Err(Incompatibility::Suite.into());
    }
    if !config.policy.profiles.contains(&profile) {
        return Err(Refusal::ProfileNotAllowed.into());
    }
    if hello.row_width != 1 || hello.sample_rows != 0 {
        return Err(Incompatibility::Parameters.into());
    }
    let whole = hello.row_slots.is_multiple_of(u64::from(config.limits.frame_elements));
    let size_max = config.policy.elements_max.min(ELEMENTS_ALIGNED_MAX);
    // [G45]
    if hello.row_slots == 0 || !whole || hello.row_slots > size_max {
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
    if hello.row_slots > config.policy.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(profile)
}

/// Accepts or refuses what the provider announces, before anything of ours follows.
pub(super) fn accept_provider(
    config: &AdvertiserConfig,
    hello: &HelloP,
    row_slots: u64,
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
    hello.manifest.verify(&hello.attestation_key).map_err(at)?;
    hello.snapshot.verify(&hello.attestation_key).map_err(at)?;
    let manifest = &hello.manifest.body;
    // [G20] [G22]
    let fits = manifest.provider == *config.peer.party()
        && manifest.partner == config.key.party().0
        && manifest.suite == config.profile.suite().code()
        && manifest.is_within_bounds()
        && manifest.is_valid_at(now)
        && hello.snapshot.body.provider == *config.peer.party();
    if !fits {
        return Err(at(Violation::ManifestMismatch));
    }
    Element::decode(&manifest.public_key).map_err(at)?;
    // [G21] An aligned key may come back, but only under the manifest it first had.
    let offered = hello.manifest.known_key()?;
    if config.known_keys.iter().any(|known| known.contradicts(&offered)) {
        return Err(at(Violation::KeyReused));
    }
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
    if row_slots > manifest.evaluations_max {
        return Err(Refusal::KeyExhausted.into());
    }
    if row_slots > hello.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(())
}
