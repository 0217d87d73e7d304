//! The partners of this node.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use protocol::attestation::PartyId;

use super::PublicIdentity;
use crate::held;

/// The partners this node accepts, by the SPKI hash of their TLS key.
///
/// Clones share one set. A change holds for the next handshake; connections that stand are closed
/// by [`close_unpinned`].
///
/// [`close_unpinned`]: crate::quic::ProviderEndpoint::close_unpinned
#[derive(Clone, Default)]
pub struct Pins(Arc<PinSet>);

#[derive(Default)]
struct PinSet {
    /// Attestation keys by the hash of the TLS key.
    keys: Mutex<BTreeMap<[u8; 32], [u8; 32]>>,
    verifier_calls: AtomicU64,
}

impl Pins {
    /// Pins these identities.
    #[must_use]
    pub fn new(identities: impl IntoIterator<Item = PublicIdentity>) -> Self {
        let pins = Self::default();
        pins.replace(identities);
        pins
    }

    /// Pins these identities and no other.
    pub fn replace(&self, identities: impl IntoIterator<Item = PublicIdentity>) {
        let keys = identities.into_iter().map(|one| (one.spki, one.attestation_key)).collect();
        *held(&self.0.keys) = keys;
    }

    /// The party whose TLS key has this SPKI hash.
    #[must_use]
    pub fn party(&self, spki: &[u8; 32]) -> Option<PartyId> {
        self.attestation_key(spki).map(|key| PartyId::of(&key))
    }

    /// The attestation key of that party.
    #[must_use]
    pub fn attestation_key(&self, spki: &[u8; 32]) -> Option<[u8; 32]> {
        held(&self.0.keys).get(spki).copied()
    }

    /// Number of checks of a certificate against this set; equals the number of handshakes that
    /// came that far, because nothing is resumed (N21).
    #[must_use]
    pub fn verifier_calls(&self) -> u64 {
        self.0.verifier_calls.load(Ordering::Relaxed)
    }

    pub(super) fn count_check(&self) {
        self.0.verifier_calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = held(&self.0.keys).len();
        write!(f, "Pins({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> PublicIdentity {
        PublicIdentity { attestation_key: [7; 32], spki: [9; 32] }
    }

    #[test]
    fn pins_change_for_every_holder() {
        let pins = Pins::new([fixed()]);
        let held = pins.clone();
        assert_eq!(held.party(&[9; 32]), Some(fixed().party()));
        pins.replace([]);
        assert_eq!(held.party(&[9; 32]), None);
        assert_eq!(format!("{held:?}"), "Pins(0)");
    }
}
