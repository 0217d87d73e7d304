//! Relaxations: values of signed terms that are less strict than those the product proposes.

use alloc::vec::Vec;

use protocol::identifier::RulesetId;
use protocol::limits::{
    AUDIT_WINDOW_S_DEFAULT, EPSILON_EPOCH_MILLI_MAX, EPSILON_MILLI_DEFAULT, NOISE_UNIT_DEFAULT,
};
use protocol::suite::{Profile, SuiteId};
use protocol::terms::{LinkFilter as Links, MatchTerms};

/// One value of terms that is less strict than its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relaxation {
    /// Name of the field.
    pub name: &'static str,
    /// The value in the terms.
    pub value: u64,
    /// The default of the product for the profile.
    pub default: u64,
}

/// Lists the values that are less strict than the product's defaults for a profile, in the order of
/// the fields.
///
/// The fields are taken apart by name, here and in the link filter, so that a new one does not
/// compile before somebody has decided what is strict about it.
#[must_use]
pub fn relaxations(terms: &MatchTerms, profile: Profile) -> Vec<Relaxation> {
    let MatchTerms {
        // Facts of the run; nothing is stricter than another.
        purpose: _,
        ruleset: _,
        kinds: _,
        namespaces: _,
        table_delivery: _,
        // Contract and auditor: the default names none.
        auditor: _,
        notice: _,
        // Compared together: one of them switches the noise off.
        epsilon_milli: _,
        epsilon_epoch_milli: _,
        noise_unit: _,
        // Both at their maximum by default: the session's size bounds them.
        handles_max: _,
        phone_evaluations_max: _,
        // Time of the run; how long it may take bounds nobody's data.
        opened_at: _,
        flags,
        n_min,
        k_min,
        group_min,
        rate_precision,
        rate_cap,
        count_rounding,
        cell_min,
        link_filter,
        consent_max_age_days,
        ids_valid_days,
        ids_per_record_max,
        expires_at,
        audit_until,
        audit_levels,
        audit_sample_max,
    } = terms;
    let default = MatchTerms::defaults(profile, RulesetId::CRM_FR_1, &[]);
    let mut found = Found(Vec::new());
    found.above("attributes of digital IDs", *flags, default.flags);
    found.below("n_min", *n_min, default.n_min);
    found.below("k_min", *k_min, default.k_min);
    found.below("group_min", *group_min, default.group_min);
    found.noise(terms, noise_default(profile));
    found.below("rate_precision", *rate_precision, default.rate_precision);
    found.above("rate_cap", *rate_cap, default.rate_cap);
    found.below("count_rounding", *count_rounding, default.count_rounding);
    found.below("cell_min", *cell_min, default.cell_min);
    found.links(link_filter, &default.link_filter);
    let days = default.consent_max_age_days;
    found.above("consent_max_age_days", *consent_max_age_days, days);
    found.above("ids_valid_days", *ids_valid_days, default.ids_valid_days);
    found.above("ids_per_record_max", *ids_per_record_max, default.ids_per_record_max);
    // Terms whose audits end before they expire have no window.
    let window = audit_until.saturating_sub(*expires_at);
    found.below("audit window in seconds", window, AUDIT_WINDOW_S_DEFAULT);
    // Levels are agreed bit by bit.
    let levels = audit_levels & default.audit_levels;
    found.below("audit_levels", levels, default.audit_levels);
    found.below("audit_sample_max", *audit_sample_max, default.audit_sample_max);
    found.0
}

/// Privacy loss of a run and of an epoch, and identifiers of a person that noise hides, by default.
const fn noise_default(profile: Profile) -> (u32, u32, u8) {
    match profile.suite() {
        SuiteId::Aligned => (0, 0, 0),
        SuiteId::Shuffled => (EPSILON_MILLI_DEFAULT, EPSILON_EPOCH_MILLI_MAX, NOISE_UNIT_DEFAULT),
    }
}

struct Found(Vec<Relaxation>);

impl Found {
    /// A lower bound, stricter the higher it is.
    fn below(&mut self, name: &'static str, value: impl Into<u64>, default: impl Into<u64>) {
        let (value, default) = (value.into(), default.into());
        if value < default {
            self.0.push(Relaxation { name, value, default });
        }
    }

    /// An upper bound, stricter the lower it is.
    fn above(&mut self, name: &'static str, value: impl Into<u64>, default: impl Into<u64>) {
        let (value, default) = (value.into(), default.into());
        if value > default {
            self.0.push(Relaxation { name, value, default });
        }
    }

    /// Classes accepted, stricter the fewer they are.
    fn beyond(&mut self, name: &'static str, value: u16, default: u16) {
        if value & !default != 0 {
            self.0.push(Relaxation { name, value: value.into(), default: default.into() });
        }
    }

    /// Noise, in an order that has it: switched off, or less of it than by default.
    fn noise(&mut self, terms: &MatchTerms, (epsilon, epoch, unit): (u32, u32, u8)) {
        if epsilon == 0 {
            return;
        }
        if terms.epsilon_milli == 0 {
            let (name, default) = ("epsilon_milli", epsilon.into());
            self.0.push(Relaxation { name, value: 0, default });
            return;
        }
        self.above("epsilon_milli", terms.epsilon_milli, epsilon);
        self.above("epsilon_epoch_milli", terms.epsilon_epoch_milli, epoch);
        self.below("noise_unit", terms.noise_unit, unit);
    }

    fn links(&mut self, filter: &Links, default: &Links) {
        let Links { max_age_days, evidence_mask, device_mask, level, min_logins, max_persons } =
            *filter;
        self.above("link_filter.max_age_days", max_age_days, default.max_age_days);
        self.beyond("link_filter.evidence_mask", evidence_mask, default.evidence_mask);
        self.beyond("link_filter.device_mask", device_mask, default.device_mask);
        self.above("link_filter.level", level, default.level);
        self.below("link_filter.min_logins", min_logins, default.min_logins);
        self.above("link_filter.max_persons", max_persons, default.max_persons);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::identifier::IdentifierKind;

    const PROFILES: [Profile; 4] =
        [Profile::MatchRate, Profile::MatchedRows, Profile::Activation, Profile::DigitalIds];

    fn terms(profile: Profile) -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::PHONE];
        let (epsilon_milli, epsilon_epoch_milli, noise_unit) = noise_default(profile);
        MatchTerms {
            epsilon_milli,
            epsilon_epoch_milli,
            noise_unit,
            opened_at: 1_000,
            expires_at: 2_000,
            audit_until: 2_000 + AUDIT_WINDOW_S_DEFAULT,
            ..MatchTerms::defaults(profile, RulesetId::CRM_INTL_1, &kinds)
        }
    }

    #[test]
    fn default_terms_relax_nothing_in_any_profile() {
        for profile in PROFILES {
            assert_eq!(relaxations(&terms(profile), profile), []);
        }
    }

    #[test]
    fn noise_that_is_off_or_less_than_by_default_is_named_where_there_is_noise() {
        let noisy = |epsilon_milli, epsilon_epoch_milli, noise_unit| {
            let base = terms(Profile::MatchRate);
            MatchTerms { epsilon_milli, epsilon_epoch_milli, noise_unit, ..base }
        };
        for (terms, names) in [
            (noisy(0, 0, 0), &["epsilon_milli"][..]),
            (noisy(500, 8_000, 4), &["epsilon_milli"]),
            (noisy(250, 8_001, 4), &["epsilon_epoch_milli"]),
            (noisy(250, 8_000, 3), &["noise_unit"]),
            (noisy(1_000, 9_000, 1), &["epsilon_milli", "epsilon_epoch_milli", "noise_unit"]),
            (noisy(125, 4_000, 8), &[]),
            (noisy(250, 8_000, 4), &[]),
        ] {
            let mut found = Found(Vec::new());
            found.noise(&terms, (250, 8_000, 4));
            let named: Vec<_> = found.0.iter().map(|found| found.name).collect();
            assert_eq!(named, names);
            // Aligned order has none.
            let mut found = Found(Vec::new());
            found.noise(&terms, noise_default(Profile::MatchedRows));
            assert_eq!(found.0, []);
        }
    }

    #[test]
    fn every_field_is_named_when_it_is_less_strict_and_not_when_it_is_stricter() {
        type Edit = fn(&mut MatchTerms);
        let cases: &[(&str, Edit, Edit)] = &[
            ("attributes of digital IDs", |t| t.flags = 1, |_| {}),
            ("n_min", |t| t.n_min -= 1, |t| t.n_min += 1),
            ("k_min", |t| t.k_min -= 1, |t| t.k_min += 1),
            ("group_min", |t| t.group_min -= 1, |t| t.group_min += 1),
            ("rate_precision", |t| t.rate_precision = 0, |t| t.rate_precision = 5),
            ("rate_cap", |t| t.rate_cap = 100, |t| t.rate_cap = 50),
            ("count_rounding", |t| t.count_rounding = 1, |t| t.count_rounding = 1_000),
            ("cell_min", |t| t.cell_min = 0, |t| t.cell_min = 500),
            (
                "link_filter.max_age_days",
                |t| t.link_filter.max_age_days = 180,
                |t| t.link_filter.max_age_days = 30,
            ),
            (
                "link_filter.evidence_mask",
                |t| t.link_filter.evidence_mask = 0x0010,
                |t| t.link_filter.evidence_mask = 0x0001,
            ),
            ("link_filter.level", |t| t.link_filter.level = 1, |_| {}),
            (
                "consent_max_age_days",
                |t| t.consent_max_age_days += 1,
                |t| t.consent_max_age_days -= 1,
            ),
            ("ids_valid_days", |t| t.ids_valid_days += 1, |t| t.ids_valid_days -= 1),
            ("ids_per_record_max", |t| t.ids_per_record_max += 1, |t| t.ids_per_record_max = 1),
            ("audit window in seconds", |t| t.audit_until -= 1, |t| t.audit_until += 1),
            ("audit_levels", |t| t.audit_levels = 0b1110, |t| t.audit_levels = 0b1111),
            ("audit_sample_max", |t| t.audit_sample_max -= 1, |t| t.audit_sample_max += 1),
        ];
        for (name, relax, tighten) in cases {
            let (mut loose, mut strict) = (terms(Profile::DigitalIds), terms(Profile::DigitalIds));
            relax(&mut loose);
            tighten(&mut strict);
            let named: Vec<_> =
                relaxations(&loose, Profile::DigitalIds).iter().map(|found| found.name).collect();
            assert_eq!(named, [*name]);
            assert_eq!(relaxations(&strict, Profile::DigitalIds), [], "{name}");
        }
    }
}
