//! The signed conditions of one session.
//!
//! Terms restate nothing that a HELLO carries: the session id hashes both HELLOs and the terms, and
//! both parties sign the session id. [`SignedTerms`] exists only when both signatures verified.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::attestation::{AttestationKey, PartyId, Signature};
use crate::codec::{self, Checked};
use crate::error::{Clocks, Error, Incompatibility, Refusal, Violation};
use crate::identifier::{IdentifierKind, RulesetId};
use crate::limits::{
    AUDIT_SAMPLE_DEFAULT, CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_DEFAULT, CONSENT_MAX_AGE_DAYS_MAX,
    COUNT_ROUNDING_DEFAULT, EPSILON_EPOCH_MILLI_MAX, EPSILON_MILLI, EPSILON_MILLI_DEFAULT,
    EVALUATIONS_PER_KEY_MAX, GROUP_MIN_DEFAULT, IDS_PER_RECORD_DEFAULT, IDS_PER_RECORD_MAX,
    IDS_VALID_DAYS_DEFAULT, K_MIN_DEFAULT, Limits, N_MIN_DEFAULT, NOISE_UNIT_DEFAULT,
    NOISE_UNIT_MAX, RATE_CAP_DEFAULT, RATE_PRECISION_DEFAULT, ROWS_SHUFFLED_MAX,
    TERMS_LIFETIME_S_MAX, TERMS_LIST_MAX,
};
use crate::purpose::Purpose;
use crate::rows::RowWidth;
use crate::suite::{Profile, SuiteId, sig};

/// Offer of a provider in HELLO_P: minima that terms may raise, and the budget's rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Least eligible rows.
    pub n_min: u32,
    /// Least matched rows or records.
    pub k_min: u32,
    /// Least difference to an earlier set.
    pub group_min: u32,
    /// Privacy budget left in the epoch, in thousandths.
    pub epsilon_left_milli: u32,
    /// Evaluations left in the partner's budget.
    pub evaluations_left: u64,
    /// Unix time at which the offer ends.
    pub expires_at: u64,
}

/// Every condition of a session; about 195 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchTerms {
    /// Purpose of the run, and of the rows in it [D-28].
    pub purpose: Purpose,
    /// Bit 0: attributes of digital IDs are delivered. Others 0.
    pub flags: u32,
    /// Party of the auditor, zeros for none.
    pub auditor: [u8; 32],
    /// Normalization rules.
    pub ruleset: u8,
    /// Kinds of identifiers, increasing.
    #[serde(deserialize_with = "codec::list::<_, _, TERMS_LIST_MAX>")]
    pub kinds: Vec<u8>,
    /// Least eligible rows.
    pub n_min: u32,
    /// Least matched rows or records.
    pub k_min: u32,
    /// Least difference to an earlier set.
    pub group_min: u32,
    /// Privacy loss of the run, in thousandths; 0 in this version, which adds no noise.
    pub epsilon_milli: u32,
    /// Privacy loss in an epoch, at most, in thousandths; 0 in this version.
    pub epsilon_epoch_milli: u32,
    /// Identifiers of one person that noise hides; 0 in this version.
    pub noise_unit: u8,
    /// Precision of released rates, in percent points.
    pub rate_precision: u8,
    /// Rates above this many percent are shown as "over".
    pub rate_cap: u8,
    /// Released counts are rounded to this.
    pub count_rounding: u32,
    /// Least matched rows in a breakdown cell.
    pub cell_min: u32,
    /// Filter of the snapshot leaves that the table holds.
    pub link_filter: LinkFilter,
    /// Days after which a consent behind a row is no longer taken.
    pub consent_max_age_days: u16,
    /// Days a delivered digital ID may be used.
    pub ids_valid_days: u16,
    /// Handles the advertiser may send, 0 in profiles without handles.
    pub handles_max: u64,
    /// Digital IDs a record may yield.
    pub ids_per_record_max: u16,
    /// Namespaces of digital IDs, increasing.
    #[serde(deserialize_with = "codec::list::<_, _, TERMS_LIST_MAX>")]
    pub namespaces: Vec<u16>,
    /// 0: the advertiser holds the table already; 1: the provider sends it.
    pub table_delivery: u8,
    /// Unix time the terms were made.
    pub opened_at: u64,
    /// Unix time after which no frame may be sent under them.
    pub expires_at: u64,
    /// Unix time until which seeds and frames are kept for audit.
    pub audit_until: u64,
    /// Levels of audit agreed, bits T0 to T3.
    pub audit_levels: u8,
    /// Largest sample of a T1 audit.
    pub audit_sample_max: u32,
    /// Telephone numbers the run may ask for; 0 without a kind of them.
    pub phone_evaluations_max: u64,
    /// Hash of the human contract.
    pub notice: [u8; 32],
}

/// Conditions on the links behind a table; a pure function of a snapshot leaf applies them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFilter {
    /// Days since the last evidence, at most.
    pub max_age_days: u16,
    /// Evidence classes accepted, as bits.
    pub evidence_mask: u16,
    /// Device classes accepted, as bits.
    pub device_mask: u16,
    /// 0: individual level only; 1: household level too.
    pub level: u8,
    /// Least number of days with a login.
    pub min_logins: u8,
    /// Persons on one device, at most.
    pub max_persons: u8,
}

impl LinkFilter {
    /// Ninety days, every evidence class but imports, every device, individual level.
    pub const DEFAULT: Self = Self {
        max_age_days: 90,
        evidence_mask: 0x000F,
        device_mask: 0xFFFF,
        level: 0,
        min_logins: 0,
        max_persons: u8::MAX,
    };
}

impl MatchTerms {
    /// Digital IDs of one release, at most.
    ///
    /// A bound of the terms, not of the handles: digital IDs that stay with their class are in it.
    #[must_use]
    pub fn ids_released_max(&self) -> Option<u64> {
        self.handles_max.checked_mul(u64::from(self.ids_per_record_max))
    }

    /// Terms with the defaults of the product for one profile.
    #[must_use]
    pub fn defaults(profile: Profile, ruleset: RulesetId, kinds: &[IdentifierKind]) -> Self {
        let mut kinds: Vec<u8> = kinds.iter().map(|kind| kind.code()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let handles = profile.sends_handles();
        let phones = kinds.iter().any(|code| is_phone(*code));
        let noise = profile.suite() == SuiteId::Shuffled;
        Self {
            purpose: Purpose::Match,
            flags: 0,
            auditor: [0; 32],
            ruleset: ruleset.code(),
            kinds,
            n_min: N_MIN_DEFAULT,
            k_min: K_MIN_DEFAULT,
            group_min: GROUP_MIN_DEFAULT,
            epsilon_milli: if noise { EPSILON_MILLI_DEFAULT } else { 0 },
            epsilon_epoch_milli: if noise { EPSILON_EPOCH_MILLI_MAX } else { 0 },
            noise_unit: if noise { NOISE_UNIT_DEFAULT } else { 0 },
            rate_precision: RATE_PRECISION_DEFAULT,
            rate_cap: RATE_CAP_DEFAULT,
            count_rounding: COUNT_ROUNDING_DEFAULT,
            cell_min: CELL_MIN_DEFAULT,
            link_filter: LinkFilter::DEFAULT,
            consent_max_age_days: CONSENT_MAX_AGE_DAYS_DEFAULT,
            ids_valid_days: if handles { IDS_VALID_DAYS_DEFAULT } else { 0 },
            handles_max: if handles { ROWS_SHUFFLED_MAX } else { 0 },
            ids_per_record_max: if handles { IDS_PER_RECORD_DEFAULT } else { 0 },
            namespaces: Vec::new(),
            table_delivery: 1,
            opened_at: 0,
            expires_at: 0,
            audit_until: 0,
            audit_levels: 0b0000_0001,
            audit_sample_max: AUDIT_SAMPLE_DEFAULT,
            phone_evaluations_max: if phones { EVALUATIONS_PER_KEY_MAX } else { 0 },
            notice: [0; 32],
        }
    }

    /// Handles of a session with so many noise rows, at most: one of each row, or all of a
    /// person who leaves.
    #[must_use]
    pub fn handles_cap(&self, noise_rows: u64, width: RowWidth) -> Option<u64> {
        let of_row = if self.purpose.removes() { width.get() } else { 1 };
        self.handles_max.checked_add(noise_rows)?.checked_mul(of_row.into())
    }

    /// Checks the terms against a profile, an offer, the limits and a clock; both sides call it.
    ///
    /// `now` is the clock of whoever accepts the terms, which may differ from that of whoever
    /// opened them by a few minutes ([`Clocks`]); an auditor, who has no clock, gives `opened_at`.
    ///
    /// # Errors
    ///
    /// [`TermsRejected`]; a value below the offer or outside the rules of `spec/terms.md` is the
    /// advertiser's to mend, expiry nobody's.
    pub fn check(
        &self,
        profile: Profile,
        offer: &Offer,
        limits: &Limits,
        now: u64,
    ) -> Result<(), TermsRejected> {
        let handles = profile.sends_handles();
        let parameters = self.is_within_limits()
            && self.flags <= u32::from(profile == Profile::DigitalIds)
            && RulesetId::from_code(self.ruleset).is_some()
            && self.rate_precision >= 1
            && self.rate_precision <= 100
            && self.rate_cap <= 100
            && self.count_rounding >= 1
            && (handles || (self.handles_max == 0 && self.ids_per_record_max == 0))
            && (!handles || (self.handles_max >= 1 && self.ids_per_record_max >= 1))
            && self.ids_per_record_max <= IDS_PER_RECORD_MAX
            && self.audit_levels & 0b1111_0000 == 0;
        if !parameters || !self.bounds_noise(profile) {
            return Err(TermsRejected::Incompatible(Incompatibility::Parameters));
        }
        if !self.purpose.runs_as(profile) {
            return Err(TermsRejected::Refused(Refusal::PurposeNotAllowed));
        }
        if self.kinds.is_empty()
            || self.kinds.iter().any(|code| IdentifierKind::from_code(*code).is_none())
        {
            return Err(TermsRejected::Incompatible(Incompatibility::Kinds));
        }
        let minima = self.n_min >= offer.n_min.max(limits.n_min_floor)
            && self.k_min >= offer.k_min.max(limits.k_min_floor)
            && self.group_min >= offer.group_min.max(limits.group_min_floor);
        if !minima || !self.bounds_persons() {
            return Err(TermsRejected::Incompatible(Incompatibility::Parameters));
        }
        // A removal has an allowance of its own.
        if !self.purpose.removes() && self.epsilon_milli > offer.epsilon_left_milli {
            return Err(TermsRejected::Refused(Refusal::EpsilonExceeded));
        }
        self.check_times(offer, now)
    }

    /// Noise is off, or in shuffled order one of the shipped losses, for up to eight identifiers of
    /// a person and within a budget.
    fn bounds_noise(&self, profile: Profile) -> bool {
        let Self { epsilon_milli, epsilon_epoch_milli, noise_unit, .. } = *self;
        if epsilon_milli == 0 {
            return epsilon_epoch_milli == 0 && noise_unit == 0;
        }
        profile.suite() == SuiteId::Shuffled
            && EPSILON_MILLI.contains(&epsilon_milli)
            && (epsilon_milli..=EPSILON_EPOCH_MILLI_MAX).contains(&epsilon_epoch_milli)
            && (1..=NOISE_UNIT_MAX).contains(&noise_unit)
    }

    /// The age of consents and the number of telephone numbers have a bound that means something.
    fn bounds_persons(&self) -> bool {
        let age = (1..=CONSENT_MAX_AGE_DAYS_MAX).contains(&self.consent_max_age_days);
        let phones = self.kinds.iter().any(|code| is_phone(*code));
        let numbers = if phones { 1..=EVALUATIONS_PER_KEY_MAX } else { 0..=0 };
        age && numbers.contains(&self.phone_evaluations_max)
    }

    fn check_times(&self, offer: &Offer, now: u64) -> Result<(), TermsRejected> {
        // The clock of whoever judges stands in the place of the local one.
        let clocks = Clocks { local: now, peer: self.opened_at };
        if clocks.check().is_err() {
            return Err(TermsRejected::Clocks(clocks));
        }
        let lifetime = self.expires_at.checked_sub(self.opened_at);
        // [G36]
        // Judged at the opening too, which is all that an auditor can do: who signs by a clock that
        // is behind must not sign what an auditor calls expired.
        let first = now.max(self.opened_at);
        let in_time = first < self.expires_at
            && lifetime.is_some_and(|seconds| seconds <= TERMS_LIFETIME_S_MAX)
            && self.audit_until >= self.expires_at
            && first < offer.expires_at;
        if in_time { Ok(()) } else { Err(TermsRejected::Refused(Refusal::TermsExpired)) }
    }
}

impl Checked for MatchTerms {
    fn is_within_limits(&self) -> bool {
        self.kinds.len() <= TERMS_LIST_MAX
            && self.namespaces.len() <= TERMS_LIST_MAX
            && self.kinds.is_sorted_by(|a, b| a < b)
            && self.namespaces.is_sorted_by(|a, b| a < b)
            && self.table_delivery <= 1
            && self.link_filter.level <= 1
    }
}

/// Reason why terms do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermsRejected {
    /// The two sides cannot agree as configured.
    Incompatible(Incompatibility),
    /// A policy or a time says no.
    Refused(Refusal),
    /// The terms were opened by another clock than that of whoever judges them.
    Clocks(Clocks),
}

impl From<TermsRejected> for Error {
    fn from(why: TermsRejected) -> Self {
        match why {
            TermsRejected::Incompatible(why) => why.into(),
            TermsRejected::Refused(why) => why.into(),
            TermsRejected::Clocks(clocks) => Self::ClocksDiffer { clocks, by_peer: false },
        }
    }
}

/// Terms that both parties signed; what every later step asks for.
#[derive(Debug, Clone)]
#[must_use]
pub struct SignedTerms {
    terms: MatchTerms,
    profile: Profile,
    sid: [u8; 32],
    advertiser: PartyId,
    provider: PartyId,
}

impl SignedTerms {
    /// Verifies both signatures over the session id; the only maker of this token [D-02].
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`].
    pub fn verify(
        terms: MatchTerms,
        profile: Profile,
        sid: [u8; 32],
        advertiser: (&[u8; 32], &Signature),
        provider: (&[u8; 32], &Signature),
    ) -> Result<Self, Violation> {
        // [G25]
        for (key, signature) in [advertiser, provider] {
            signature.verify(key, sig::TERMS, &[&sid])?;
        }
        let advertiser = PartyId::of(advertiser.0);
        let provider = PartyId::of(provider.0);
        Ok(Self { terms, profile, sid, advertiser, provider })
    }

    /// The conditions.
    #[must_use]
    pub const fn terms(&self) -> &MatchTerms {
        &self.terms
    }

    /// The profile of HELLO_A, which the session id binds.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The session id.
    #[must_use]
    pub const fn sid(&self) -> &[u8; 32] {
        &self.sid
    }

    /// The advertiser.
    #[must_use]
    pub const fn advertiser(&self) -> PartyId {
        self.advertiser
    }

    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> PartyId {
        self.provider
    }
}

/// True for a kind of identifiers that can be counted through: telephone numbers.
fn is_phone(kind: u8) -> bool {
    [IdentifierKind::PHONE, IdentifierKind::PHONE_DIGITS].iter().any(|phone| phone.code() == kind)
}

/// Signs a session id as one party's agreement to the terms it binds.
#[must_use]
pub fn sign_sid(key: &AttestationKey, sid: &[u8; 32]) -> Signature {
    key.sign(sig::TERMS, &[sid])
}

/// Verifies a party's agreement to the terms that a session id binds.
///
/// # Errors
///
/// [`Violation::SignatureInvalid`].
pub fn verify_sid(key: &[u8; 32], sid: &[u8; 32], signature: &Signature) -> Result<(), Violation> {
    signature.verify(key, sig::TERMS, &[sid])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: Offer = Offer {
        n_min: 1_000,
        k_min: 100,
        group_min: 100,
        epsilon_left_milli: 0,
        evaluations_left: 1 << 20,
        expires_at: 2_000,
    };

    fn terms() -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT];
        MatchTerms {
            opened_at: 1_000,
            expires_at: 1_500,
            audit_until: 9_000,
            ..MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds)
        }
    }

    fn check(terms: &MatchTerms, now: u64) -> Result<(), TermsRejected> {
        terms.check(Profile::MatchedRows, &OFFER, &Limits::STANDARD, now)
    }

    #[test]
    fn default_terms_hold_against_the_default_offer() {
        assert_eq!(check(&terms(), 1_000), Ok(()));
    }

    #[test]
    fn minima_below_the_offer_or_the_floor_are_refused() {
        let parameters = Err(TermsRejected::Incompatible(Incompatibility::Parameters));
        assert_eq!(check(&MatchTerms { n_min: 999, ..terms() }, 1_000), parameters);
        assert_eq!(check(&MatchTerms { k_min: 99, ..terms() }, 1_000), parameters);
        assert_eq!(check(&MatchTerms { group_min: 99, ..terms() }, 1_000), parameters);
        let low = Offer { n_min: 1, k_min: 1, group_min: 1, ..OFFER };
        let under_floor = MatchTerms { k_min: 49, ..terms() };
        let result = under_floor.check(Profile::MatchedRows, &low, &Limits::STANDARD, 1_000);
        assert_eq!(result, parameters);
    }

    #[test]
    fn expired_and_future_terms_are_refused() {
        let expired = Err(TermsRejected::Refused(Refusal::TermsExpired));
        let short = MatchTerms { expires_at: 1_200, ..terms() };
        assert_eq!(check(&short, 1_200), expired);
        // By a clock that is behind: an auditor would judge them at their opening.
        let at_once = MatchTerms { opened_at: 1_500, ..terms() };
        assert_eq!(check(&at_once, 1_400), expired);
        let clocks = |local| Err(TermsRejected::Clocks(Clocks { local, peer: 1_000 }));
        assert_eq!(check(&terms(), 700), Ok(()));
        assert_eq!(check(&terms(), 699), clocks(699));
        // Opened longer ago than two clocks may differ, though not yet expired.
        assert_eq!(check(&terms(), 1_300), Ok(()));
        assert_eq!(check(&terms(), 1_301), clocks(1_301));
        let endless = MatchTerms { expires_at: 1_001 + TERMS_LIFETIME_S_MAX, ..terms() };
        assert_eq!(check(&endless, 1_000), expired);
    }

    #[test]
    fn lists_above_their_maximum_do_not_decode() {
        let decode = |kinds: u8, namespaces: u16| {
            let (kinds, namespaces) = ((1..=kinds).collect(), (1..=namespaces).collect());
            let terms = MatchTerms { kinds, namespaces, ..terms() };
            codec::decode::<MatchTerms>(&codec::encode(&terms).unwrap()).map(|back| back == terms)
        };
        assert_eq!(decode(16, 16), Ok(true));
        assert_eq!(decode(0, 0), Ok(true));
        assert_eq!(decode(17, 16), Err(Violation::EncodingNotCanonical));
        assert_eq!(decode(16, 17), Err(Violation::EncodingNotCanonical));
    }

    #[test]
    fn reserved_flags_levels_and_unsorted_lists_are_refused() {
        let parameters = Err(TermsRejected::Incompatible(Incompatibility::Parameters));
        assert_eq!(check(&MatchTerms { flags: 1, ..terms() }, 1_000), parameters);
        assert_eq!(check(&MatchTerms { audit_levels: 0x10, ..terms() }, 1_000), parameters);
        assert_eq!(check(&MatchTerms { kinds: vec![2, 1], ..terms() }, 1_000), parameters);
        let kinds = Err(TermsRejected::Incompatible(Incompatibility::Kinds));
        assert_eq!(check(&MatchTerms { kinds: vec![], ..terms() }, 1_000), kinds);
        assert_eq!(check(&MatchTerms { kinds: vec![0x0C], ..terms() }, 1_000), kinds);
    }
}
