//! Limits that a provider sets for an advertiser, and the keys and tables that are ready for it.
//!
//! Terms are judged by a policy in a pure function, apart from the session that asks.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;

use alloc::sync::Arc;
use alloc::vec::Vec;

use protocol::error::{Error, Incompatibility, Refusal};
use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_DEFAULT, COUNT_ROUNDING_DEFAULT,
    EPSILON_EPOCH_MILLI_MAX, EPSILON_MILLI_DEFAULT, EVALUATIONS_PER_KEY_MAX,
    IDS_PER_RECORD_DEFAULT, IDS_VALID_DAYS_DEFAULT, NOISE_UNIT_DEFAULT, RATE_CAP_DEFAULT,
    RATE_PRECISION_DEFAULT, ROW_WIDTH_MAX, ROWS_SHUFFLED_MAX,
};
use protocol::manifest::{SignedManifest, SignedSnapshot};
use protocol::message::TableDescriptor;
use protocol::oprf::PrfKey;
use protocol::purpose::Purpose;
use protocol::seed::KeyDerivation;
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
    /// Noise elements whose tags the table holds [E-08].
    pub noise_tags: u64,
}

/// A key of either order; which one a session may use follows from its profile.
#[derive(Debug, Clone)]
pub enum MatchKey {
    /// The key of an epoch.
    Aligned(Arc<PrfKey<Aligned>>),
    /// The key of one run, and the derivation that its noise comes from.
    Shuffled(Arc<PrfKey<Shuffled>>, KeyDerivation),
}

impl MatchKey {
    /// The suite whose sessions the key may serve.
    #[must_use]
    pub const fn suite(&self) -> SuiteId {
        match self {
            Self::Aligned(_) => SuiteId::Aligned,
            Self::Shuffled(..) => SuiteId::Shuffled,
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
    /// Privacy loss of one run at most, in thousandths; 0 if a run may have no noise.
    pub epsilon_milli: u32,
    /// Privacy loss of an epoch at most, in thousandths.
    pub epsilon_epoch_milli: u32,
    /// Identifiers of one person that noise hides: tables are made for this number.
    pub noise_unit: u8,
    /// Slots of a row, at most: tables are made for noise rows of this width.
    pub row_width_max: u8,
    /// Most days that a delivered digital ID may be used.
    pub ids_valid_days: u16,
    /// Digital IDs of one record at most, exactly so in terms.
    pub ids_per_record_max: u16,
    /// Most handles of one session, exactly so in terms of as many rows.
    pub handles_max: u64,
    /// Namespaces of digital IDs that are asked for, increasing.
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
        epsilon_milli: EPSILON_MILLI_DEFAULT,
        epsilon_epoch_milli: EPSILON_EPOCH_MILLI_MAX,
        noise_unit: NOISE_UNIT_DEFAULT,
        row_width_max: ROW_WIDTH_MAX,
        ids_valid_days: IDS_VALID_DAYS_DEFAULT,
        ids_per_record_max: IDS_PER_RECORD_DEFAULT,
        handles_max: ROWS_SHUFFLED_MAX,
        namespaces: Vec::new(),
        attributes: false,
    };

    /// Tells if terms of so many padded rows are at least as strict [D-15], and a release under the
    /// very conditions of the group: narrower ones would tell persons apart, and so would a
    /// number of handles that the asking side chooses.
    #[must_use]
    pub fn allow(&self, terms: &MatchTerms, profile: Profile, rows: u64) -> bool {
        let counts = terms.rate_precision >= self.rate_precision
            && terms.rate_cap <= self.rate_cap
            && terms.count_rounding >= self.count_rounding
            && terms.cell_min >= self.cell_min;
        let release = terms.ids_valid_days <= self.ids_valid_days
            && terms.ids_per_record_max == self.ids_per_record_max
            && terms.handles_max == self.handles_max.min(rows)
            && terms.namespaces == self.namespaces
            && (self.attributes || terms.flags == 0);
        let persons = terms.consent_max_age_days <= self.consent_max_age_days
            && terms.phone_evaluations_max <= self.phone_evaluations_max;
        persons
            && (profile == Profile::MatchedRows || (counts && self.allow_noise(terms)))
            && (!profile.sends_handles() || release)
    }

    /// Noise is the only strictness that may be off, and only where both parties say so; where it
    /// is on, a run costs at most what either of them lets it.
    const fn allow_noise(&self, terms: &MatchTerms) -> bool {
        let off_allowed = self.epsilon_milli == 0;
        if terms.epsilon_milli == 0 {
            return off_allowed;
        }
        (off_allowed || terms.epsilon_milli <= self.epsilon_milli)
            && terms.epsilon_epoch_milli <= self.epsilon_epoch_milli
            && terms.noise_unit == self.noise_unit
    }
}

impl Policy {
    /// True for the profile by which persons leave: every partner to whom something is released
    /// may have them removed from it [D-31].
    #[must_use]
    pub fn may_remove(&self, profile: Profile) -> bool {
        profile == Profile::Activation && self.profiles.iter().any(|one| one.sends_handles())
    }

    /// Terms of so many padded rows must ask for the table that is ready, with the `noise_tags`
    /// that their noise may hit, for a purpose, contract and audit that are allowed.
    ///
    /// # Errors
    ///
    /// [`Error`] of class `PeerIncompatible` or `Refused`: terms are the advertiser's to mend.
    pub fn check(
        &self,
        prepared: &Prepared,
        terms: &MatchTerms,
        rows: u64,
        noise_tags: u64,
    ) -> Result<(), Error> {
        if !self.guardrails.allow(terms, prepared.profile, rows) {
            return Err(Incompatibility::Parameters.into());
        }
        let removes = terms.purpose.removes() && self.may_remove(Profile::Activation);
        if !removes && !self.purposes.contains(&terms.purpose) {
            return Err(Refusal::PurposeNotAllowed.into());
        }
        // K of releases is the group's: a number that terms choose would ask about its classes.
        if prepared.profile.sends_handles() && terms.group_min != self.offer.group_min {
            return Err(Incompatibility::Parameters.into());
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
        // Whoever was delivered for a purpose leaves by the table of that purpose.
        let same_purpose = removes || terms.purpose == prepared.purpose;
        // With fewer tags the noise of the count would be less than the terms say [E-08].
        let same_noise = noise_tags <= prepared.noise_tags;
        let same_table = terms.link_filter == prepared.filter && same_purpose && same_noise;
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

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::identifier::{IdentifierKind, RulesetId};

    #[test]
    fn noise_is_off_by_both_parties_and_else_as_strict_as_the_stricter_one() {
        // Loss of a run, of an epoch, identifiers of a person, in policy and terms; the verdict.
        let cases = [
            ([0, 8_000, 4], [0, 0, 0], true),
            ([250, 8_000, 4], [0, 0, 0], false),
            ([250, 8_000, 4], [250, 8_000, 4], true),
            ([250, 8_000, 4], [125, 1_000, 4], true),
            ([250, 8_000, 4], [500, 8_000, 4], false),
            ([250, 2_000, 4], [250, 2_001, 4], false),
            ([250, 2_000, 4], [250, 2_000, 4], true),
            ([250, 8_000, 4], [250, 8_000, 3], false),
            ([250, 8_000, 4], [250, 8_000, 5], false),
            ([0, 8_000, 4], [1_000, 8_000, 4], true),
            ([0, 8_000, 4], [1_000, 8_000, 2], false),
        ];
        for (policy, terms, allowed) in cases {
            let guardrails = Guardrails {
                epsilon_milli: policy[0],
                epsilon_epoch_milli: policy[1],
                noise_unit: policy[2] as u8,
                ..Guardrails::DEFAULT
            };
            let of = |profile| {
                let kinds = [IdentifierKind::EMAIL_STRICT];
                let mut wanted = MatchTerms::defaults(profile, RulesetId::CRM_FR_1, &kinds);
                (wanted.epsilon_milli, wanted.epsilon_epoch_milli) = (terms[0], terms[1]);
                wanted.noise_unit = terms[2] as u8;
                guardrails.allow(&wanted, profile, ROWS_SHUFFLED_MAX)
            };
            assert_eq!(of(Profile::MatchRate), allowed, "{policy:?} {terms:?}");
            assert_eq!(of(Profile::Activation), allowed, "{policy:?} {terms:?}");
            // In aligned order there is no noise to be off.
            assert!(of(Profile::MatchedRows));
        }
    }

    #[test]
    fn handles_are_as_many_as_rows_and_policy_let_and_no_other_number() {
        let allows = |most: u64, terms: u64, rows: u64| {
            let guardrails = Guardrails { handles_max: most, ..Guardrails::DEFAULT };
            let kinds = [IdentifierKind::EMAIL_STRICT];
            [Profile::Activation, Profile::DigitalIds].map(|profile| {
                let mut wanted = MatchTerms::defaults(profile, RulesetId::CRM_FR_1, &kinds);
                wanted.handles_max = terms;
                guardrails.allow(&wanted, profile, rows)
            })
        };
        for (most, terms, rows, allowed) in [
            (100_000, 32_768, 32_768, true),
            (100_000, 1, 32_768, false),
            (100_000, 32_767, 32_768, false),
            (100_000, 32_769, 32_768, false),
            (100_000, 100_000, 131_072, true),
            (100_000, 131_072, 131_072, false),
        ] {
            assert_eq!(allows(most, terms, rows), [allowed; 2], "{most} {terms} {rows}");
        }
    }
}
