//! Commitments of a receipt to a result [T-12] and to a report [T-13].

use crate::suite::{self, LabelledHash, Profile, h};

/// Commitment to the result of a session, fed piece by piece.
///
/// Only the advertiser can open it: the salt is derived from the seed of the session.
#[derive(Debug, Clone)]
pub struct ResultCommitment(LabelledHash);

impl ResultCommitment {
    /// Begins the commitment to a result that was released.
    #[must_use]
    pub fn released(salt: &[u8; 32], profile: Profile) -> Self {
        Self::new(salt, profile, 1)
    }

    /// The commitment of a session whose result stays withheld.
    #[must_use]
    pub fn withheld(salt: &[u8; 32], profile: Profile) -> [u8; 32] {
        Self::new(salt, profile, 2).finish()
    }

    /// Adds the next bytes of the result.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The commitment to everything that was added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize()
    }

    fn new(salt: &[u8; 32], profile: Profile, kind: u8) -> Self {
        let mut hash = LabelledHash::new(h::RESULT);
        hash.update(salt);
        hash.update(&profile.code().to_le_bytes());
        hash.update(&[kind]);
        Self(hash)
    }
}

/// Commitment to the report of a session, which this version does not write.
#[must_use]
pub fn report_commitment(salt: &[u8; 32]) -> [u8; 32] {
    suite::hash(h::REPORT, &[salt])
}
