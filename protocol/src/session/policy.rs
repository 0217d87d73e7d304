//! What the provider's side of a partnership allows, and what it has ready for it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::{Error, Incompatibility, Refusal};
use crate::manifest::{SignedManifest, SignedSnapshot};
use crate::message::TableDescriptor;
use crate::oprf::PrfKey;
use crate::suite::{Aligned, Profile};
use crate::terms::{LinkFilter, MatchTerms, Offer};

/// What the partner policy allows this advertiser.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Profiles it may run.
    pub profiles: Vec<Profile>,
    /// Purposes it may run them for.
    pub purposes: Vec<u16>,
    /// Padded elements of one session, at most.
    pub elements_max: u64,
    /// Minima and budget, as they stand in HELLO_P.
    pub offer: Offer,
    /// Hash of the human contract that terms must name; with `None` they must name none.
    pub notice: Option<[u8; 32]>,
    /// Auditors that terms may name; they may always name none.
    pub auditors: Vec<[u8; 32]>,
    /// Levels of audit that terms may agree, bits T0 to T3.
    pub audit_levels: u8,
    /// Largest sample of a T1 audit that terms may agree.
    pub audit_sample_max: u32,
    /// Seconds after their expiry for which terms may ask that seeds and frames are kept.
    pub audit_window_s_max: u64,
}

/// A key and the table under it, ready for a session.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Profile it serves.
    pub profile: Profile,
    /// The key.
    pub key: Arc<PrfKey<Aligned>>,
    /// Its manifest.
    pub manifest: SignedManifest,
    /// The snapshot the table was made from.
    pub snapshot: SignedSnapshot,
    /// The table.
    pub table: TableDescriptor,
    /// Conditions the table was filtered by.
    pub filter: LinkFilter,
    /// Normalization rules of the identifiers in the table.
    pub ruleset: u8,
    /// Kinds of identifiers in the table, increasing.
    pub kinds: Vec<u8>,
    /// Purpose the table was filtered for.
    pub purpose: u16,
}

impl Policy {
    /// Terms must ask for the table that is ready, for a purpose, contract and audit that are
    /// allowed.
    pub(super) fn check(&self, prepared: &Prepared, terms: &MatchTerms) -> Result<(), Error> {
        if !self.purposes.contains(&terms.purpose) {
            return Err(Refusal::PurposeNotAllowed.into());
        }
        if terms.ruleset != prepared.ruleset {
            return Err(Incompatibility::Ruleset.into());
        }
        if terms.kinds != prepared.kinds {
            return Err(Incompatibility::Kinds.into());
        }
        if terms.notice != self.notice.unwrap_or_default() || !self.allows_audit(terms) {
            return Err(Incompatibility::Parameters.into());
        }
        // A session under a key that ends before it would outlive its own evidence.
        if !prepared.manifest.body.covers(terms) {
            return Err(Refusal::TermsExpired.into());
        }
        let same_table = terms.link_filter == prepared.filter && terms.purpose == prepared.purpose;
        if same_table { Ok(()) } else { Err(Refusal::TableNotReady.into()) }
    }

    fn allows_audit(&self, terms: &MatchTerms) -> bool {
        let kept_until_max = terms.expires_at.saturating_add(self.audit_window_s_max);
        (terms.auditor == [0; 32] || self.auditors.contains(&terms.auditor))
            && terms.audit_levels & !self.audit_levels == 0
            && terms.audit_sample_max <= self.audit_sample_max
            && terms.audit_until <= kept_until_max
    }
}
