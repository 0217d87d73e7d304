//! Limits that the provider sets for an advertiser, and the keys and tables that are ready.

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::error::{Error, Incompatibility, Refusal};
use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_DEFAULT, COUNT_ROUNDING_DEFAULT,
    EVALUATIONS_PER_KEY_MAX, IDS_PER_RECORD_DEFAULT, IDS_VALID_DAYS_DEFAULT, RATE_CAP_DEFAULT,
    RATE_PRECISION_DEFAULT, ROWS_SHUFFLED_MAX,
};
use protocol::manifest::{SignedManifest, SignedSnapshot};
use protocol::message::TableDescriptor;
use protocol::oprf::PrfKey;
use protocol::purpose::Purpose;
use protocol::suite::{Aligned, Profile, Shuffled, SuiteId};
use protocol::terms::{LinkFilter, MatchTerms, Offer};

/// Limits that the partner policy sets for an advertiser.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Profiles it may run.
    pub profiles: Vec<Profile>,
    /// Purposes it may run them for.
    pub purposes: Vec<Purpose>,
    /// Padded elements of one session, at most.
    pub elements_max: u64,
    /// Minima and budget, as they stand in HELLO_P.
    pub offer: Offer,
    /// Precision and size of a result at most.
    pub guardrails: Guardrails,
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
    /// The key, of the order that the profile's suite has.
    pub key: MatchKey,
    /// Manifest of the key.
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
    pub purpose: Purpose,
}

/// A key of either order; which one a session may use follows from its profile.
#[derive(Debug, Clone)]
pub enum MatchKey {
    /// The key of an epoch.
    Aligned(Arc<PrfKey<Aligned>>),
    /// The key of one run.
    Shuffled(Arc<PrfKey<Shuffled>>),
}

impl MatchKey {
    /// The suite whose sessions the key may serve.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        match self {
            Self::Aligned(_) => SuiteId::Aligned,
            Self::Shuffled(_) => SuiteId::Shuffled,
        }
    }
}

/// Greatest precision of a result and greatest size of a release; terms may be stricter
/// than this and never less strict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guardrails {
    /// Least step of released rates, in percent points.
    pub rate_precision: u8,
    /// Rates above this many percent are not released.
    pub rate_cap: u8,
    /// Least step of released counts.
    pub count_rounding: u32,
    /// Least matched rows in a breakdown cell.
    pub cell_min: u32,
    /// Most days after which a consent is no longer taken.
    pub consent_max_age_days: u16,
    /// Most telephone numbers that one run may ask for.
    pub phone_evaluations_max: u64,
    /// Most days that a delivered digital ID may be used.
    pub ids_valid_days: u16,
    /// Most digital IDs of one record.
    pub ids_per_record_max: u16,
    /// Most handles of one session.
    pub handles_max: u64,
    /// Namespaces of digital IDs that may be asked for, increasing.
    pub namespaces: Vec<u16>,
    /// True if attributes of digital IDs may be asked for.
    pub attributes: bool,
}

impl Guardrails {
    /// The guardrails of the product, without namespaces.
    pub const DEFAULT: Self = Self {
        rate_precision: RATE_PRECISION_DEFAULT,
        rate_cap: RATE_CAP_DEFAULT,
        count_rounding: COUNT_ROUNDING_DEFAULT,
        cell_min: CELL_MIN_DEFAULT,
        consent_max_age_days: CONSENT_MAX_AGE_DAYS_DEFAULT,
        phone_evaluations_max: EVALUATIONS_PER_KEY_MAX,
        ids_valid_days: IDS_VALID_DAYS_DEFAULT,
        ids_per_record_max: IDS_PER_RECORD_DEFAULT,
        handles_max: ROWS_SHUFFLED_MAX,
        namespaces: Vec::new(),
        attributes: false,
    };

    /// Tells if terms are at least as strict [D-15].
    #[must_use]
    pub fn allow(&self, terms: &MatchTerms, profile: Profile) -> bool {
        let counts = terms.rate_precision >= self.rate_precision
            && terms.rate_cap <= self.rate_cap
            && terms.count_rounding >= self.count_rounding
            && terms.cell_min >= self.cell_min;
        let release = terms.ids_valid_days <= self.ids_valid_days
            && terms.ids_per_record_max <= self.ids_per_record_max
            && terms.handles_max <= self.handles_max
            && terms.namespaces.iter().all(|namespace| self.namespaces.contains(namespace))
            && (self.attributes || terms.flags == 0);
        let persons = terms.consent_max_age_days <= self.consent_max_age_days
            && terms.phone_evaluations_max <= self.phone_evaluations_max;
        persons
            && (profile == Profile::MatchedRows || counts)
            && (!profile.sends_handles() || release)
    }
}

impl Policy {
    /// Terms must ask for the table that is ready, for a purpose, contract and audit that are
    /// allowed.
    pub(crate) fn check(&self, prepared: &Prepared, terms: &MatchTerms) -> Result<(), Error> {
        if !self.guardrails.allow(terms, prepared.profile) {
            return Err(Incompatibility::Parameters.into());
        }
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
        // Times of the peer's: a sum beyond all times is as good as the last one.
        let kept_until_max = terms.expires_at.saturating_add(self.audit_window_s_max);
        (terms.auditor == [0; 32] || self.auditors.contains(&terms.auditor))
            && terms.audit_levels & !self.audit_levels == 0
            && terms.audit_sample_max <= self.audit_sample_max
            && terms.audit_until <= kept_until_max
    }
}
