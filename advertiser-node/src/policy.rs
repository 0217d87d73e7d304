//! The terms a run asks for: of our settings and the provider's, the stricter value of each.
//!
//! A value of ours that is not set is the default of the product. So a partner alone can make a
//! run stricter than the default and never less strict: that takes the settings of both.

use crate::budget::declared;
use crate::guardrails::GuardrailSettings;
use crm::PreparedInput;
use node::failure::Failure;
use node::invite::{COOKIE_NAMESPACE_MIN, Invitation, InvitedGuardrails};
use protocol::error::{Error, Refusal};
use protocol::identifier::{IdentifierKind, RulesetId};
use protocol::limits::{
    CELL_MIN_DEFAULT, CONSENT_MAX_AGE_DAYS_DEFAULT, COUNT_ROUNDING_DEFAULT,
    EPSILON_EPOCH_MILLI_MAX, EPSILON_MILLI_DEFAULT, EVALUATIONS_PER_KEY_MAX, GROUP_MIN_DEFAULT,
    IDS_PER_RECORD_DEFAULT, IDS_VALID_DAYS_DEFAULT, K_MIN_DEFAULT, N_MIN_DEFAULT, RATE_CAP_DEFAULT,
    RATE_PRECISION_DEFAULT, REMOVAL_EPSILON_EPOCH_MILLI, REMOVAL_EPSILON_MILLI,
};
use protocol::purpose::Purpose;
use protocol::suite::{Profile, SuiteId};
use protocol::terms::MatchTerms;
use report::{Code, Text};
use serde_json::{Value, json};

use crate::Home;

/// The terms of a run and where each value comes from.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The terms without times, and without what an input decides.
    terms: MatchTerms,
    /// The values that apply to the profile, in the order of the manual.
    pub(crate) rules: Vec<Rule>,
}

/// One value in force.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    pub(crate) side: Side,
    /// True if it is less strict than the default, which both sides have set.
    pub(crate) relaxed: bool,
}

/// Side whose value is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Nobody set anything else.
    Default,
    /// Our settings.
    Ours,
    /// The invitation.
    Provider,
    /// Both say the same.
    Both,
}

impl Side {
    /// The name in the JSON of a plan.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Ours => "your settings",
            Self::Provider => "the provider",
            Self::Both => "both",
        }
    }
}

impl Side {
    /// The name that selects its words.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Ours => "ours",
            Self::Provider => "provider",
            Self::Both => "both",
        }
    }
}

impl Policy {
    /// Combines the settings of the node with the invitation.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the purpose of the settings is not allowed, or `digital-ids` has no namespace
    /// in common.
    pub(crate) fn of(
        home: &Home,
        invitation: &Invitation,
        profile: Profile,
    ) -> Result<Self, Failure> {
        let ruleset = RulesetId::from_code(home.config.common.ruleset.code())
            .ok_or_else(|| Failure::new(Code::ToDoFirst, Text::new("terms-ruleset-unknown")))?;
        let own = &home.config.guardrails;
        Self::combine(own, invitation, profile, ruleset, home.config.purpose)
    }

    /// The terms of a run on an input: they name the purpose that its rows were gated by and the
    /// age of evidence that was taken, whatever else was asked for [D-28].
    pub(crate) fn on(&self, input: &PreparedInput) -> MatchTerms {
        let terms = MatchTerms {
            purpose: input.purpose(),
            consent_max_age_days: input.consent_max_age_days(),
            phone_evaluations_max: declared(input.counts(), self.terms.phone_evaluations_max),
            ..self.terms.clone()
        };
        match terms.purpose.removes() {
            true => self.of_removal(terms),
            false => terms,
        }
    }

    /// Terms of persons who are to leave: with noise, unless both sides have it off, of an
    /// allowance of its own.
    fn of_removal(&self, terms: MatchTerms) -> MatchTerms {
        let noisy = terms.epsilon_milli > 0;
        let consent_max_age_days = self.terms.consent_max_age_days;
        MatchTerms {
            consent_max_age_days,
            epsilon_milli: if noisy { REMOVAL_EPSILON_MILLI } else { 0 },
            epsilon_epoch_milli: match noisy {
                true => REMOVAL_EPSILON_EPOCH_MILLI.min(terms.epsilon_epoch_milli),
                false => 0,
            },
            ..terms
        }
    }

    /// Least eligible rows.
    pub(crate) const fn n_min(&self) -> u32 {
        self.terms.n_min
    }

    /// Days for which evidence of consent counts.
    pub(crate) const fn consent_max_age_days(&self) -> u16 {
        self.terms.consent_max_age_days
    }

    /// Days a delivered digital ID may be used.
    pub(crate) const fn ids_valid_days(&self) -> u16 {
        self.terms.ids_valid_days
    }

    /// Told where the terms let no cookie be delivered, which the operator may not have meant.
    pub(crate) fn no_cookie(&self, profile: Profile) -> Option<Text> {
        no_cookie(profile, &self.terms)
    }

    fn combine(
        own: &GuardrailSettings,
        invitation: &Invitation,
        profile: Profile,
        ruleset: RulesetId,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let kinds: Vec<IdentifierKind> =
            invitation.kinds.iter().filter_map(|name| IdentifierKind::from_name(name)).collect();
        let mut rules = Vec::new();
        // The purpose that gates rows is the one that is signed [D-28].
        let mut terms = MatchTerms {
            purpose,
            link_filter: invitation.link_filter,
            notice: invitation.notice.unwrap_or_default(),
            ..MatchTerms::defaults(profile, ruleset, &kinds)
        };
        if !invitation.purposes.contains(&terms.purpose) {
            return Err(Error::from(Refusal::PurposeNotAllowed).into());
        }
        combine_minima(own, invitation, &mut terms, &mut rules);
        terms.consent_max_age_days = combine_consent(own, Some(invitation), &mut rules);
        if terms.phone_evaluations_max > 0 {
            combine_phones(own, invitation, &mut terms, &mut rules);
        }
        if profile.suite() == SuiteId::Shuffled {
            combine_counts(own, invitation, &mut terms, &mut rules);
            combine_noise(own, invitation, &mut terms, &mut rules);
        }
        if profile.sends_handles() {
            combine_release(own, invitation, &mut terms, &mut rules);
            combine_conditions(invitation, &mut terms, &mut rules);
        }
        if profile == Profile::DigitalIds {
            combine_attributes(own, invitation, &mut terms, &mut rules);
            if terms.namespaces.is_empty() {
                return Err(Failure::new(Code::ToDoFirst, Text::new("terms-no-namespace")));
            }
        }
        Ok(Self { terms, rules })
    }
}

fn no_cookie(profile: Profile, terms: &MatchTerms) -> Option<Text> {
    let cookies = terms.namespaces.iter().any(|code| *code >= COOKIE_NAMESPACE_MIN);
    (profile == Profile::DigitalIds && !cookies).then_some(Text::new("terms-no-cookie"))
}

impl Rule {
    /// The value as the operator reads it.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Array(names) => {
                let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
                names.join(", ")
            }
            value => value.to_string(),
        }
    }
}

fn combine_minima(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let mut most = |name, default, own: Option<u32>, provider| {
        stricter(rules, name, default, own, provider, Ord::max)
    };
    terms.n_min = most("n_min", N_MIN_DEFAULT, own.n_min, invitation.n_min);
    terms.k_min = most("k_min", K_MIN_DEFAULT, own.k_min, invitation.k_min);
    terms.group_min = most("group_min", GROUP_MIN_DEFAULT, own.group_min, invitation.group_min);
}

/// Days for which evidence of consent counts, with the provider of an invitation or with none.
pub(crate) fn consent_max_age_days(
    own: &GuardrailSettings,
    invitation: Option<&Invitation>,
) -> u16 {
    combine_consent(own, invitation, &mut Vec::new())
}

fn combine_consent(
    own: &GuardrailSettings,
    invitation: Option<&Invitation>,
    rules: &mut Vec<Rule>,
) -> u16 {
    let default = CONSENT_MAX_AGE_DAYS_DEFAULT;
    let offered = |of: &Invitation| of.guardrails.consent_max_age_days;
    let provider = invitation.map_or(default, offered);
    stricter(rules, "consent_max_age_days", default, own.consent_max_age_days, provider, Ord::min)
}

fn combine_counts(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let offered = &invitation.guardrails;
    terms.rate_precision = stricter(
        rules,
        "rate_precision",
        RATE_PRECISION_DEFAULT,
        own.rate_precision,
        offered.rate_precision,
        Ord::max,
    );
    terms.rate_cap =
        stricter(rules, "rate_cap", RATE_CAP_DEFAULT, own.rate_cap, offered.rate_cap, Ord::min);
    terms.count_rounding = stricter(
        rules,
        "count_rounding",
        COUNT_ROUNDING_DEFAULT,
        own.count_rounding,
        offered.count_rounding,
        Ord::max,
    );
    terms.cell_min =
        stricter(rules, "cell_min", CELL_MIN_DEFAULT, own.cell_min, offered.cell_min, Ord::max);
}

/// Telephone numbers of one run; without a setting as many as the provider allows.
fn combine_phones(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let (all, offered) = (EVALUATIONS_PER_KEY_MAX, invitation.guardrails.phones_per_run);
    terms.phone_evaluations_max =
        stricter(rules, "phones_per_run", all, own.phones_per_run, offered, Ord::min);
}

/// Noise is on unless both sides say that it is off; then the smaller loss holds. Tables are made
/// for the identifiers of a person that the provider names.
fn combine_noise(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let InvitedGuardrails { epsilon_milli, epsilon_epoch_milli, noise_unit, .. } =
        invitation.guardrails;
    let default = EPSILON_MILLI_DEFAULT;
    terms.epsilon_milli =
        stricter(rules, "epsilon_milli", default, own.epsilon_milli, epsilon_milli, less_epsilon);
    if terms.epsilon_milli == 0 {
        (terms.epsilon_epoch_milli, terms.noise_unit) = (0, 0);
        return;
    }
    terms.epsilon_epoch_milli = stricter(
        rules,
        "epsilon_epoch_milli",
        EPSILON_EPOCH_MILLI_MAX,
        own.epsilon_epoch_milli,
        epsilon_epoch_milli,
        Ord::min,
    );
    terms.noise_unit = noise_unit;
}

/// The smaller of two privacy losses, of which 0 is none of a run but that of noise being off.
const fn less_epsilon(one: u32, other: u32) -> u32 {
    match (one, other) {
        (0, loss) | (loss, 0) => loss,
        (one, other) if one < other => one,
        (_, other) => other,
    }
}

fn combine_release(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let offered = &invitation.guardrails;
    terms.ids_valid_days = stricter(
        rules,
        "ids_valid_days",
        IDS_VALID_DAYS_DEFAULT,
        own.ids_valid_days,
        offered.ids_valid_days,
        Ord::min,
    );
}

/// Conditions of digital IDs are the provider's, for a whole group: narrower ones of one run would
/// tell persons apart, and the provider refuses them.
fn combine_conditions(invitation: &Invitation, terms: &mut MatchTerms, rules: &mut Vec<Rule>) {
    let most = invitation.guardrails.ids_per_person;
    terms.ids_per_record_max = most;
    let side = if most == IDS_PER_RECORD_DEFAULT { Side::Default } else { Side::Provider };
    rules.push(Rule { name: "ids_per_person", value: json!(most), side, relaxed: false });
    let mut named: Vec<(u16, &String)> =
        invitation.namespaces.iter().map(|(name, code)| (*code, name)).collect();
    named.sort_unstable();
    terms.namespaces = named.iter().map(|(code, _)| *code).collect();
    let names: Vec<&String> = named.into_iter().map(|(_, name)| name).collect();
    let (name, value) = ("namespaces", json!(names));
    rules.push(Rule { name, value, side: Side::Provider, relaxed: false });
}

fn combine_attributes(
    own: &GuardrailSettings,
    invitation: &Invitation,
    terms: &mut MatchTerms,
    rules: &mut Vec<Rule>,
) {
    let offered = invitation.guardrails.attributes;
    let both = own.attributes == Some(true) && offered;
    let side = match (own.attributes, offered) {
        (None, _) => Side::Default,
        (Some(own), offered) if own == offered => Side::Both,
        (Some(true), _) => Side::Provider,
        (Some(false), _) => Side::Ours,
    };
    terms.flags = u32::from(both);
    rules.push(Rule { name: "attributes", value: json!(both), side, relaxed: both });
}

/// The stricter of our value and the provider's; an absent one of ours is the default.
fn stricter<T: Ord + Copy + serde::Serialize>(
    rules: &mut Vec<Rule>,
    name: &'static str,
    default: T,
    own: Option<T>,
    provider: T,
    strict: fn(T, T) -> T,
) -> T {
    let ours = own.unwrap_or(default);
    let value = strict(ours, provider);
    let side = match own {
        _ if ours != provider && value == provider => Side::Provider,
        None => Side::Default,
        Some(_) if ours == provider => Side::Both,
        Some(_) => Side::Ours,
    };
    let relaxed = strict(value, default) != value;
    rules.push(Rule { name, value: json!(value), side, relaxed });
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use channel::identity::PublicIdentity;
    use crm::{GateRules, InputRules, SharedLimits};
    use node::invite::InvitedGuardrails;
    use normalize::{Normalizer, Options, Ruleset};
    use protocol::terms::LinkFilter;
    use store::seal::StorageKey;
    use store::spill::Workspace;
    use tabular::Input;

    use super::*;

    fn invitation() -> Invitation {
        let identity = |byte| PublicIdentity { attestation_key: [byte; 32], spki: [byte; 32] };
        Invitation {
            address: "a:1".into(),
            provider: identity(1),
            provider_proof: String::new(),
            advertiser: identity(2),
            name: "retailer".into(),
            profiles: vec!["digital-ids".into()],
            purposes: vec![Purpose::Match],
            kinds: vec!["email.strict".into()],
            ruleset: "crm-fr/1".into(),
            rules_manifest: "rules".into(),
            namespaces: BTreeMap::from([("idfa".into(), 1), ("a.example".into(), 0x0100)]),
            n_min: 1_000,
            k_min: 100,
            group_min: GROUP_MIN_DEFAULT,
            link_filter: LinkFilter::DEFAULT,
            guardrails: InvitedGuardrails::default(),
            notice: None,
            table_tags: None,
        }
    }

    fn combine(
        own: &GuardrailSettings,
        invitation: &Invitation,
        profile: Profile,
    ) -> Result<Policy, Failure> {
        Policy::combine(own, invitation, profile, RulesetId::CRM_FR_1, Purpose::Match)
    }

    fn rule<'p>(policy: &'p Policy, name: &str) -> &'p Rule {
        policy.rules.iter().find(|rule| rule.name == name).unwrap()
    }

    #[test]
    fn without_settings_the_defaults_hold() {
        let none = GuardrailSettings::default();
        let policy = combine(&none, &invitation(), Profile::DigitalIds).unwrap();
        let defaults = MatchTerms::defaults(
            Profile::DigitalIds,
            RulesetId::CRM_FR_1,
            &[IdentifierKind::EMAIL_STRICT],
        );
        assert_eq!(policy.terms, MatchTerms { namespaces: vec![1, 0x0100], ..defaults });
        assert!(policy.rules.iter().all(|rule| !rule.relaxed));
        assert_eq!(rule(&policy, "k_min").side, Side::Default);
        assert_eq!(rule(&policy, "namespaces").shown(), "idfa, a.example");
        let rows = combine(&none, &invitation(), Profile::MatchedRows).unwrap();
        assert_eq!((rows.rules.len(), rows.terms.flags, rows.terms.namespaces.len()), (4, 0, 0));
    }

    #[test]
    fn noise_is_on_unless_both_sides_turn_it_off_and_the_smaller_loss_wins() {
        let of = |own: Option<u32>, provider: u32, epoch: (Option<u32>, u32)| {
            let own = GuardrailSettings {
                epsilon_milli: own,
                epsilon_epoch_milli: epoch.0,
                ..GuardrailSettings::default()
            };
            let offered = Invitation {
                guardrails: InvitedGuardrails {
                    epsilon_milli: provider,
                    epsilon_epoch_milli: epoch.1,
                    noise_unit: 3,
                    ..InvitedGuardrails::default()
                },
                ..invitation()
            };
            let policy = combine(&own, &offered, Profile::MatchRate).unwrap();
            let terms = policy.terms;
            [terms.epsilon_milli, terms.epsilon_epoch_milli, terms.noise_unit.into()]
        };
        let full = (None, 8_000);
        assert_eq!(of(Some(0), 0, full), [0, 0, 0]);
        assert_eq!(of(Some(0), 250, full), [250, 8_000, 3]);
        assert_eq!(of(Some(250), 0, full), [250, 8_000, 3]);
        assert_eq!(of(Some(125), 500, full), [125, 8_000, 3]);
        assert_eq!(of(Some(1_000), 500, full), [500, 8_000, 3]);
        assert_eq!(of(Some(250), 250, (Some(2_000), 4_000)), [250, 2_000, 3]);
        assert_eq!(of(Some(250), 250, (Some(4_000), 1_000)), [250, 1_000, 3]);
        // What is not set is the default of the product.
        let default = EPSILON_MILLI_DEFAULT;
        assert_eq!(of(None, 0, full)[0], default);
        assert_eq!(of(None, 125, full)[0], 125);
        // In aligned order there is none.
        let rows = combine(
            &GuardrailSettings { epsilon_milli: Some(250), ..GuardrailSettings::default() },
            &invitation(),
            Profile::MatchedRows,
        )
        .unwrap();
        assert_eq!((rows.terms.epsilon_milli, rows.terms.noise_unit), (0, 0));
    }

    #[test]
    fn terms_without_a_cookie_namespace_are_told() {
        let none = GuardrailSettings::default();
        let bare = Invitation {
            namespaces: BTreeMap::from([("idfa".into(), 1), ("aaid".into(), 2)]),
            ..invitation()
        };
        let told = |invitation: &Invitation, profile| {
            no_cookie(profile, &combine(&none, invitation, profile).unwrap().terms)
        };
        assert!(
            told(&bare, Profile::DigitalIds)
                .is_some_and(|text| text.to_string().contains("no cookie"))
        );
        assert_eq!(told(&bare, Profile::MatchRate), None);
        assert_eq!(told(&invitation(), Profile::DigitalIds), None);
    }

    #[test]
    fn the_stricter_side_wins_value_by_value() {
        let own = GuardrailSettings {
            k_min: Some(200),
            rate_cap: Some(80),
            count_rounding: Some(500),
            attributes: Some(true),
            ..GuardrailSettings::default()
        };
        let guardrails = InvitedGuardrails {
            rate_cap: 60,
            count_rounding: 200,
            ids_per_person: 4,
            attributes: true,
            ..InvitedGuardrails::default()
        };
        let invitation = Invitation { n_min: 5_000, guardrails, ..invitation() };
        let policy = combine(&own, &invitation, Profile::DigitalIds).unwrap();
        let MatchTerms { n_min, k_min, rate_cap, count_rounding, .. } = policy.terms;
        assert_eq!((n_min, k_min, rate_cap, count_rounding), (5_000, 200, 60, 500));
        for (name, side) in [
            ("n_min", Side::Provider),
            ("k_min", Side::Ours),
            ("rate_cap", Side::Provider),
            ("count_rounding", Side::Ours),
            ("ids_per_person", Side::Provider),
            ("cell_min", Side::Default),
            ("namespaces", Side::Provider),
            ("attributes", Side::Both),
        ] {
            assert_eq!(rule(&policy, name).side, side, "{name}");
        }
        assert_eq!((policy.terms.flags, policy.terms.namespaces), (1, vec![1, 0x0100]));
    }

    #[test]
    fn a_relaxation_needs_both_sides_and_is_marked() {
        let relaxed = Invitation { k_min: 50, ..invitation() };
        let alone = combine(&GuardrailSettings::default(), &relaxed, Profile::MatchRate).unwrap();
        assert_eq!(alone.terms.k_min, 100);
        assert_eq!(rule(&alone, "k_min").side, Side::Default);
        let own = GuardrailSettings { k_min: Some(60), ..GuardrailSettings::default() };
        let both = combine(&own, &relaxed, Profile::MatchRate).unwrap();
        assert_eq!(both.terms.k_min, 60);
        assert!(rule(&both, "k_min").relaxed);
        let ours = combine(&own, &invitation(), Profile::MatchRate).unwrap();
        assert_eq!((ours.terms.k_min, rule(&ours, "k_min").side), (100, Side::Provider));
    }

    #[test]
    fn a_bag_without_namespaces_and_another_purpose_are_refused() {
        let own = GuardrailSettings::default();
        let bare = Invitation { namespaces: BTreeMap::new(), ..invitation() };
        let refused = combine(&own, &bare, Profile::DigitalIds).unwrap_err();
        assert_eq!(refused.exit().code(), 78);
        combine(&own, &bare, Profile::MatchRate).unwrap();
        let purpose = Invitation { purposes: vec![Purpose::Suppress], ..invitation() };
        let refused =
            combine(&GuardrailSettings::default(), &purpose, Profile::MatchRate).unwrap_err();
        assert_eq!(refused.exit().code(), 77);
    }

    /// Prepares rows that consent to every set of purposes there is, for one purpose.
    fn prepare(purpose: Purpose, consent_max_age_days: u16) -> (Vec<Vec<Purpose>>, PreparedInput) {
        let sets: Vec<Vec<Purpose>> = (0..1_u32 << Purpose::ALL.len())
            .map(|set| Purpose::ALL.into_iter().enumerate().filter(move |at| set >> at.0 & 1 == 1))
            .map(|set| set.map(|(_, purpose)| purpose).collect())
            .collect();
        let mut text =
            "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n".to_owned();
        for (at, set) in sets.iter().enumerate() {
            let names: Vec<&str> = set.iter().map(|purpose| purpose.name()).collect();
            let names = names.join("|");
            text += &format!("r{at:02},some.body{at}@exemple.fr,{names},R-1,2026-03-02,N-1\n");
        }
        let dir = tempfile::tempdir().unwrap();
        let [file, store, work] = ["crm.csv", "inputs", "work"].map(|name| dir.path().join(name));
        std::fs::write(&file, text).unwrap();
        let ruleset = Ruleset::CrmFr1;
        let rules = InputRules {
            normalizer: &Normalizer::new(ruleset, Options::defaults(ruleset)),
            gate: GateRules { purpose, consent_max_age_days, now: 1_796_040_000 },
            kinds: &[1],
            level: 0,
            row_width: 8,
            shared: SharedLimits::default(),
            not_for_purpose: &[],
            watched: &tabular::Watched::default(),
            map: None,
            departed: None,
        };
        let workspace = Workspace { directory: work, memory_bytes: 1 << 20 };
        let key = StorageKey::from_bytes([7; 32]);
        let files = [Input::own(&file)];
        let input = PreparedInput::prepare(
            &files,
            &rules,
            &store,
            &key,
            &workspace,
            &protocol::group::Portable,
        )
        .unwrap();
        let mut ids = input.row_ids().unwrap();
        let mut rows = Vec::new();
        while let Some(id) = ids.next_id().unwrap() {
            let at: usize = String::from_utf8(id).unwrap()[1..].parse().unwrap();
            rows.push(sets[at].clone());
        }
        (rows, input)
    }

    /// Every set of purposes a row may consent to, under every purpose that can be run: a row is in
    /// a run only if it consents to the purpose that the terms of that run name.
    #[test]
    fn the_purpose_that_gates_rows_is_the_one_of_the_terms() {
        // D-28
        let own = GuardrailSettings::default();
        let both = Invitation { purposes: vec![Purpose::Match, Purpose::Suppress], ..invitation() };
        for asked in [Purpose::Match, Purpose::Suppress] {
            let (profile, ruleset) = (Profile::MatchRate, RulesetId::CRM_FR_1);
            let policy = Policy::combine(&own, &both, profile, ruleset, asked).unwrap();
            // Even an input that was prepared for another purpose than the one asked for.
            for gated in [Purpose::Match, Purpose::Suppress] {
                let (rows, input) = prepare(gated, 365);
                let terms = policy.on(&input);
                assert_eq!((terms.purpose, terms.consent_max_age_days), (gated, 365));
                assert_eq!(rows.len(), 16);
                assert!(rows.iter().all(|consented| consented.contains(&terms.purpose)));
            }
            let other = both.purposes.iter().copied().filter(|listed| *listed != asked);
            let without = Invitation { purposes: other.collect(), ..invitation() };
            let refused = Policy::combine(&own, &without, profile, ruleset, asked).unwrap_err();
            assert_eq!(refused.exit().code(), 77);
        }
    }

    #[test]
    fn of_two_ages_of_consent_the_stricter_holds() {
        let with = |days| {
            let guardrails =
                InvitedGuardrails { consent_max_age_days: days, ..InvitedGuardrails::default() };
            Invitation { guardrails, ..invitation() }
        };
        for (ours, theirs, agreed) in [
            (None, 1_095, 1_095),
            (None, 365, 365),
            (Some(730), 1_095, 730),
            (Some(730), 365, 365),
            // Beyond the default only where both sides say so.
            (None, 3_650, 1_095),
            (Some(3_650), 1_095, 1_095),
            (Some(3_650), 2_000, 2_000),
        ] {
            let own = GuardrailSettings { consent_max_age_days: ours, ..Default::default() };
            let policy = combine(&own, &with(theirs), Profile::MatchedRows).unwrap();
            assert_eq!(policy.terms.consent_max_age_days, agreed, "{ours:?} {theirs}");
        }
    }
}
