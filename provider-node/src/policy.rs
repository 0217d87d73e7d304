//! The standing policy of one partner: the file `partner.toml`, read strictly and written with its
//! meaning beside each number.

use std::collections::BTreeSet;

use channel::identity::PublicIdentity;
use disclosure::noise::Noise;
use graph::release::ReleaseConditions;
use ledger::{Budget, EPOCH_S};
use node::invite::InvitedGuardrails;
use node::settings::allowed;
use node::toml_file::{self, Fault, Refused};
use normalize::digital::{deserialize_names, is_listed_name};
use protocol::identifier::IdentifierKind;
use protocol::limits::{
    DROP_DELAY_DAYS_MAX, EVALUATIONS_PER_KEY_MAX, GROUP_MIN_DEFAULT, K_MIN_DEFAULT, Limits,
    N_MIN_DEFAULT, OBJECTION_COVER_FLOOR, TERMS_LIST_MAX,
};
use protocol::purpose::Purpose;
use protocol::rows::RowWidth;
use protocol::suite::{Profile, SuiteId};
use protocol::terms::LinkFilter;
use report::Text;
use serde::{Deserialize, Serialize};
use session::provider::Guardrails;

use crate::budget::Allowance;
use crate::namespaces::Namespaces;
use crate::tenant::is_name;

/// The standing file of one partner: what it may agree to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerPolicy {
    /// Name of the partner on this node, as its directory has it.
    pub(crate) name: String,
    /// The partner's identity line.
    pub(crate) identity: String,
    /// The company behind it.
    pub(crate) legal_entity: String,
    /// The group of companies that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// Rows of its customer file, as it declared them.
    pub(crate) rows: u64,
    /// Purpose of its runs.
    #[serde(default = "guardrails::purpose")]
    pub(crate) purpose: String,
    /// Profiles it may run.
    pub(crate) profiles: Vec<String>,
    /// Kinds of identifiers in its tables.
    pub(crate) kinds: Vec<String>,
    /// Least eligible rows.
    pub(crate) n_min: u32,
    /// Least matched rows.
    pub(crate) k_min: u32,
    /// Least difference to an earlier set.
    pub(crate) group_min: u32,
    /// Padded identifiers of one session, at most.
    pub(crate) elements_max: u64,
    /// Evaluations in 30 days.
    pub(crate) evaluations_per_epoch: u64,
    /// Evaluations in a day.
    pub(crate) evaluations_per_day: u64,
    /// Telephone numbers of one session, as its terms declare them.
    #[serde(default = "guardrails::phones_per_run")]
    pub(crate) phones_per_run: u64,
    /// Telephone numbers in 30 days, as terms declare them.
    #[serde(default = "guardrails::phones")]
    pub(crate) phones_per_epoch: u64,
    /// Telephone numbers in a day, as terms declare them.
    #[serde(default = "guardrails::phones")]
    pub(crate) phones_per_day: u64,
    /// Privacy loss of one run at most, in thousandths; 0 if a run may have no noise.
    #[serde(default = "guardrails::epsilon_milli")]
    pub(crate) epsilon_milli: u32,
    /// Privacy loss in 30 days, in thousandths.
    #[serde(default = "guardrails::epsilon_epoch_milli")]
    pub(crate) epsilon_epoch_milli: u32,
    /// Identifiers of one person that noise hides.
    #[serde(default = "guardrails::noise_unit")]
    pub(crate) noise_unit: u8,
    /// Identifiers of one row, at most: tables are made for noise rows of this width.
    #[serde(default = "guardrails::row_width_max")]
    pub(crate) row_width_max: u8,
    /// Days since the last evidence on a link, at most.
    pub(crate) max_age_days: u16,
    /// Least step of released rates, in percent points.
    #[serde(default = "guardrails::rate_precision")]
    pub(crate) rate_precision: u8,
    /// Rates above this many percent are not released.
    #[serde(default = "guardrails::rate_cap")]
    pub(crate) rate_cap: u8,
    /// Least step of released counts.
    #[serde(default = "guardrails::count_rounding")]
    pub(crate) count_rounding: u32,
    /// Least matched rows in a breakdown cell.
    #[serde(default = "guardrails::cell_min")]
    pub(crate) cell_min: u32,
    /// Digital IDs of one record in a delivery, at most.
    #[serde(default = "guardrails::ids_per_person")]
    pub(crate) ids_per_person: u16,
    /// Days that a delivered digital ID may be used, at most.
    #[serde(default = "guardrails::ids_valid_days")]
    pub(crate) ids_valid_days: u16,
    /// Types of advertising ids and cookie namespaces that a delivery may hold.
    #[serde(default = "guardrails::namespaces", deserialize_with = "deserialize_names")]
    pub(crate) namespaces: Vec<String>,
    /// Days since consent was given, at most.
    #[serde(default = "guardrails::consent_max_age_days")]
    pub(crate) consent_max_age_days: u16,
    /// True if device class, age and validity of digital IDs may be told.
    #[serde(default)]
    pub(crate) attributes: bool,
    /// Days that a person who left the list stays in deliveries, at most.
    #[serde(default = "release::drop_delay_days")]
    pub(crate) drop_delay_days: u32,
    /// False if who leaves the list leaves deliveries at once and without cover.
    #[serde(default = "release::drop_cover")]
    pub(crate) drop_cover: bool,
    /// Persons who leave together when one of them objects at the partner.
    #[serde(default = "release::objection_cover")]
    pub(crate) objection_cover: u32,
    /// Days that a table key lives, at most.
    #[serde(default = "guardrails::scope_days")]
    pub(crate) scope_days: u16,
    /// Form of the delivery files of `activation`.
    #[serde(default)]
    pub(crate) delivery_form: DeliveryForm,
}

/// Rule of releases to the partner's group, as its policy has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReleasePolicy {
    /// Days that a person who left the list stays, at most.
    pub(crate) drop_delay_days: u32,
    /// False if who leaves the list leaves at once and without cover.
    pub(crate) drop_cover: bool,
    /// Persons who leave together when one of them objects at the partner.
    pub(crate) objection_cover: u32,
}

/// Values of the rule of releases where the file says nothing.
mod release {
    use protocol::limits::{DROP_DELAY_DAYS_DEFAULT, OBJECTION_COVER_DEFAULT};

    pub(super) const fn drop_delay_days() -> u32 {
        DROP_DELAY_DAYS_DEFAULT
    }

    pub(super) const fn drop_cover() -> bool {
        true
    }

    pub(super) const fn objection_cover() -> u32 {
        OBJECTION_COVER_DEFAULT
    }
}

/// Form of a delivery file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeliveryForm {
    /// Text with commas.
    #[default]
    Csv,
    /// Columns.
    Parquet,
}

/// Values where a policy written by an earlier version says nothing.
mod guardrails {
    use node::invite::InvitedGuardrails;
    use protocol::limits::EVALUATIONS_PER_KEY_MAX;
    use protocol::purpose::Purpose;

    macro_rules! product {
        ($($name:ident: $type:ty),+ $(,)?) => { $(
            pub(super) fn $name() -> $type {
                InvitedGuardrails::default().$name
            }
        )+ };
    }
    product! {
        rate_precision: u8,
        rate_cap: u8,
        count_rounding: u32,
        cell_min: u32,
        ids_per_person: u16,
        ids_valid_days: u16,
        scope_days: u16,
        consent_max_age_days: u16,
        phones_per_run: u64,
        epsilon_milli: u32,
        epsilon_epoch_milli: u32,
        noise_unit: u8,
        row_width_max: u8,
    }

    /// Telephone numbers that no evaluation has room for.
    pub(super) const fn phones() -> u64 {
        EVALUATIONS_PER_KEY_MAX
    }

    pub(super) fn purpose() -> String {
        Purpose::Match.name().to_owned()
    }

    pub(super) fn namespaces() -> Vec<String> {
        vec!["aaid".to_owned(), "idfa".to_owned()]
    }
}

impl PartnerPolicy {
    /// The defaults of the product for a new partner.
    pub(crate) fn of(new: &NewPartner<'_>) -> Self {
        let allowance = Allowance::of(new.rows, new.profiles, new.daily);
        Self {
            name: new.name.to_owned(),
            identity: new.identity.to_string(),
            legal_entity: new.legal_entity.to_owned(),
            group: new.group.map(str::to_owned),
            rows: new.rows,
            purpose: guardrails::purpose(),
            profiles: new.profiles.iter().map(|profile| profile.name().to_owned()).collect(),
            kinds: KINDS.iter().map(|kind| kind.name().to_owned()).collect(),
            n_min: N_MIN_DEFAULT,
            k_min: K_MIN_DEFAULT,
            group_min: GROUP_MIN_DEFAULT,
            elements_max: allowance.session,
            evaluations_per_epoch: allowance.epoch,
            evaluations_per_day: allowance.day,
            phones_per_run: allowance.phones_session,
            phones_per_epoch: allowance.phones_epoch,
            phones_per_day: allowance.phones_day,
            epsilon_milli: guardrails::epsilon_milli(),
            epsilon_epoch_milli: guardrails::epsilon_epoch_milli(),
            noise_unit: guardrails::noise_unit(),
            row_width_max: guardrails::row_width_max(),
            max_age_days: LinkFilter::DEFAULT.max_age_days,
            rate_precision: guardrails::rate_precision(),
            rate_cap: guardrails::rate_cap(),
            count_rounding: guardrails::count_rounding(),
            cell_min: guardrails::cell_min(),
            ids_per_person: guardrails::ids_per_person(),
            ids_valid_days: guardrails::ids_valid_days(),
            namespaces: guardrails::namespaces(),
            consent_max_age_days: guardrails::consent_max_age_days(),
            attributes: false,
            drop_delay_days: release::drop_delay_days(),
            drop_cover: release::drop_cover(),
            objection_cover: release::objection_cover(),
            scope_days: guardrails::scope_days(),
            delivery_form: DeliveryForm::default(),
        }
    }

    /// A policy that allows nothing, for a partner whose file cannot be read.
    pub(crate) fn nothing(name: &str, identity: &PublicIdentity) -> Self {
        let (identity, profiles) = (*identity, &[][..]);
        let new = NewPartner {
            name,
            identity,
            legal_entity: "",
            group: None,
            rows: 1,
            profiles,
            daily: false,
        };
        Self { elements_max: 0, evaluations_per_epoch: 0, evaluations_per_day: 0, ..Self::of(&new) }
    }

    /// The same policy with what an invitation decides anew: who, how large, and which profiles.
    ///
    /// The budget of a partner that declares the same as before stays as its operator set it,
    /// unless a daily one is asked for.
    pub(crate) fn invited_again(self, new: Self, daily: bool) -> Self {
        let same = self.rows == new.rows && self.profiles() == new.profiles();
        let new = match same && !daily {
            true => Self {
                elements_max: self.elements_max,
                evaluations_per_epoch: self.evaluations_per_epoch,
                evaluations_per_day: self.evaluations_per_day,
                phones_per_run: self.phones_per_run,
                phones_per_epoch: self.phones_per_epoch,
                phones_per_day: self.phones_per_day,
                ..new
            },
            false => new,
        };
        Self {
            legal_entity: new.legal_entity,
            group: new.group.or(self.group),
            rows: new.rows,
            profiles: new.profiles,
            elements_max: new.elements_max,
            evaluations_per_epoch: new.evaluations_per_epoch,
            evaluations_per_day: new.evaluations_per_day,
            phones_per_run: new.phones_per_run,
            phones_per_epoch: new.phones_per_epoch,
            phones_per_day: new.phones_per_day,
            ..self
        }
    }

    /// Reads the file of the partner in the directory `name`.
    ///
    /// # Errors
    ///
    /// [`Fault`], with its line and what to write.
    pub(crate) fn parse(text: &str, name: &str) -> Result<(Self, PublicIdentity), Fault> {
        let policy: Self = toml_file::parse(text, FOREIGN)?;
        let identity = PublicIdentity::parse(&policy.identity).map_err(|error| {
            let what = Text::new("policy-identity").with("why", error.text());
            Fault::new(what).at(text, "identity")
        })?;
        if policy.name != name {
            let what = Text::new("policy-name").with("name", name);
            return Err(Fault::new(what).at(text, "name"));
        }
        match policy.wrong() {
            None => Ok((policy, identity)),
            Some((name, what)) => Err(Fault::new(what.with("name", name)).at(text, name)),
        }
    }

    /// The text of the file, with the meaning of its numbers.
    ///
    /// # Errors
    ///
    /// The encoder's words.
    pub(crate) fn text(&self) -> Result<String, String> {
        let plain = toml::to_string_pretty(self).map_err(|error| error.to_string())?;
        let mut text =
            format!("# Policy of the partner {}. Unknown names are refused.\n", self.name);
        for line in plain.lines() {
            let name = line.split_once(" = ").map_or("", |(name, _)| name);
            if let Some((_, comment)) = COMMENTS.iter().find(|(of, _)| *of == name) {
                text.push_str(&format!("\n# {comment}\n"));
            }
            text.push_str(line);
            text.push('\n');
        }
        Ok(text)
    }

    /// The guardrails as the invitation carries them.
    pub(crate) const fn invited(&self) -> InvitedGuardrails {
        InvitedGuardrails {
            rate_precision: self.rate_precision,
            rate_cap: self.rate_cap,
            count_rounding: self.count_rounding,
            cell_min: self.cell_min,
            ids_per_person: self.ids_per_person,
            ids_valid_days: self.ids_valid_days,
            attributes: self.attributes,
            scope_days: self.scope_days,
            consent_max_age_days: self.consent_max_age_days,
            phones_per_run: self.phones_per_run,
            epsilon_milli: self.epsilon_milli,
            epsilon_epoch_milli: self.epsilon_epoch_milli,
            noise_unit: self.noise_unit,
            row_width_max: self.row_width_max,
            drop_delay_days: self.drop_delay_days,
        }
    }

    /// Noise elements that may hit in a session of this policy: those of the widest row, at the
    /// least privacy loss [E-08]. None in aligned order, which has no noise.
    pub(crate) fn noise_tags(&self, profile: Profile) -> u64 {
        match (profile.suite(), RowWidth::new(self.row_width_max)) {
            (SuiteId::Shuffled, Some(width)) => {
                Noise::widest(self.noise_unit).map_or(0, |noise| noise.hits_max(width))
            }
            _ => 0,
        }
    }

    /// The guardrails as sessions check terms against them.
    pub(crate) fn guardrails(&self, namespaces: &Namespaces) -> Guardrails {
        let mut codes: Vec<u16> =
            self.namespaces.iter().filter_map(|name| namespaces.code(name)).collect();
        codes.sort_unstable();
        Guardrails {
            rate_precision: self.rate_precision,
            rate_cap: self.rate_cap,
            count_rounding: self.count_rounding,
            cell_min: self.cell_min,
            consent_max_age_days: self.consent_max_age_days,
            ids_valid_days: self.ids_valid_days,
            ids_per_record_max: self.ids_per_person,
            namespaces: codes,
            attributes: self.attributes,
            phone_evaluations_max: self.phones_per_run,
            epsilon_milli: self.epsilon_milli,
            epsilon_epoch_milli: self.epsilon_epoch_milli,
            noise_unit: self.noise_unit,
            row_width_max: self.row_width_max,
            ..Guardrails::DEFAULT
        }
    }

    /// Conditions of releases to its group, as of no day: the same in every profile, so that what
    /// is live in one is live in the other.
    pub(crate) fn release_conditions(&self, namespaces: &Namespaces) -> ReleaseConditions {
        let numbered = |name: &String| Some((name.clone(), namespaces.code(name)?));
        ReleaseConditions {
            namespaces: self.namespaces.iter().filter_map(numbered).collect(),
            ids_per_record_max: self.ids_per_person,
            ids_valid_days: self.ids_valid_days,
            filter: self.link_filter(),
            own_expiry: self.attributes,
            today: 0,
        }
    }

    /// The first setting of the conditions of releases in which it differs from another partner of
    /// its group: conditions of one run that another one does not have would tell persons apart,
    /// and a smaller K would divide the classes of a larger one.
    pub(crate) fn differs_in(&self, other: &Self) -> Option<&'static str> {
        if !self.releases() || !other.releases() {
            return None;
        }
        let both = self.conditions().into_iter().zip(other.conditions());
        both.into_iter().find(|(own, theirs)| own != theirs).map(|((name, _), _)| name)
    }

    /// True if digital IDs are released to it.
    pub(crate) fn releases(&self) -> bool {
        self.profiles().iter().any(|one| one.sends_handles())
    }

    /// The settings that are those of its whole group, by name.
    fn conditions(&self) -> [(&'static str, String); 9] {
        let names: BTreeSet<&str> = self.namespaces.iter().map(String::as_str).collect();
        [
            ("namespaces", names.into_iter().collect::<Vec<_>>().join(" ")),
            ("ids_per_person", self.ids_per_person.to_string()),
            ("ids_valid_days", self.ids_valid_days.to_string()),
            ("attributes", self.attributes.to_string()),
            ("max_age_days", self.max_age_days.to_string()),
            ("group_min", self.group_min.to_string()),
            ("drop_delay_days", self.drop_delay_days.to_string()),
            ("drop_cover", self.drop_cover.to_string()),
            ("objection_cover", self.objection_cover.to_string()),
        ]
    }

    /// The same policy with the settings that another partner of its group has; none if it has them
    /// already.
    pub(crate) fn in_group_of(&self, other: &Self) -> Option<Self> {
        let same = self.conditions() == other.conditions();
        (!same).then(|| Self {
            namespaces: other.namespaces.clone(),
            ids_per_person: other.ids_per_person,
            ids_valid_days: other.ids_valid_days,
            attributes: other.attributes,
            max_age_days: other.max_age_days,
            group_min: other.group_min,
            drop_delay_days: other.drop_delay_days,
            drop_cover: other.drop_cover,
            objection_cover: other.objection_cover,
            ..self.clone()
        })
    }

    /// The rule of releases to its group.
    pub(crate) const fn release(&self) -> ReleasePolicy {
        ReleasePolicy {
            drop_delay_days: self.drop_delay_days,
            drop_cover: self.drop_cover,
            objection_cover: self.objection_cover,
        }
    }

    /// The first value that no policy may have: its name, and the problem.
    fn wrong(&self) -> Option<(&'static str, Text)> {
        let distinct: BTreeSet<&String> = self.namespaces.iter().collect();
        let purpose = self.purpose.parse::<Purpose>();
        let floors = Limits::STANDARD;
        let least = |value: u32, least: u32| (value >= least, "policy-out-of-range", Some(least));
        let rules = [
            ("purpose", (purpose.is_ok_and(Purpose::is_runnable), "policy-purpose", None)),
            (
                "kinds",
                (
                    !self.kinds.is_empty() && self.kind_codes().len() == self.kinds.len(),
                    "policy-kinds",
                    None,
                ),
            ),
            (
                "profiles",
                (
                    !self.profiles.is_empty() && self.profiles().len() == self.profiles.len(),
                    "policy-profiles",
                    None,
                ),
            ),
            ("group", (self.group.as_deref().is_none_or(is_name), "policy-group", None)),
            ("n_min", least(self.n_min, floors.n_min_floor)),
            ("k_min", least(self.k_min, floors.k_min_floor)),
            ("group_min", least(self.group_min, floors.group_min_floor)),
            ("objection_cover", least(self.objection_cover, OBJECTION_COVER_FLOOR)),
            (
                "drop_delay_days",
                (self.drop_delay_days <= DROP_DELAY_DAYS_MAX, "policy-drop-delay", None),
            ),
            (
                "drop_cover",
                (
                    self.drop_cover
                        || (self.drop_delay_days == 0
                            && !self.profiles().contains(&Profile::DigitalIds)),
                    "policy-drop-cover",
                    None,
                ),
            ),
            (
                "namespaces",
                (
                    distinct.len() == self.namespaces.len()
                        && self.namespaces.len() <= TERMS_LIST_MAX,
                    "policy-namespaces",
                    None,
                ),
            ),
            (
                "namespaces",
                (
                    self.namespaces.iter().all(|name| is_listed_name(name)),
                    "policy-namespace-unknown",
                    None,
                ),
            ),
        ];
        let broken = rules.into_iter().find(|(_, (allowed, ..))| !allowed);
        broken
            .map(|(name, (_, id, least))| {
                let text = Text::new(id);
                (
                    name,
                    least.map_or(text.clone(), |most| text.with("allowed", allowed::least(most))),
                )
            })
            .or_else(|| {
                let (name, allowed) = self.invited().wrong()?;
                Some((name, Text::new("policy-out-of-range").with("allowed", allowed)))
            })
    }

    /// Conditions on the links of its tables.
    pub(crate) fn link_filter(&self) -> LinkFilter {
        LinkFilter { max_age_days: self.max_age_days, ..LinkFilter::DEFAULT }
    }

    /// Kinds of identifiers in its tables, as codes, increasing.
    pub(crate) fn kind_codes(&self) -> Vec<u8> {
        let mut codes: Vec<u8> = self
            .kinds
            .iter()
            .filter_map(|name| IdentifierKind::from_name(name))
            .map(IdentifierKind::code)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        codes
    }

    /// The profiles it may run, each once.
    pub(crate) fn profiles(&self) -> Vec<Profile> {
        let listed = |profile: &Profile| self.profiles.iter().any(|name| name == profile.name());
        Profile::ALL.into_iter().filter(listed).collect()
    }

    /// The profiles that tables are kept for: whoever has digital IDs delivered may have persons
    /// removed by `activation`, and run nothing else of it.
    pub(crate) fn served_profiles(&self) -> Vec<Profile> {
        let (listed, releases) = (self.profiles(), self.releases());
        let served = |profile: &Profile| {
            listed.contains(profile) || (releases && *profile == Profile::Activation)
        };
        Profile::ALL.into_iter().filter(served).collect()
    }

    pub(crate) const fn budget(&self) -> Budget {
        Budget {
            // A key lives no longer than this window and serves no more than this.
            evaluations_max_per_epoch: if self.evaluations_per_epoch < EVALUATIONS_PER_KEY_MAX {
                self.evaluations_per_epoch
            } else {
                EVALUATIONS_PER_KEY_MAX
            },
            evaluations_max_per_day: self.evaluations_per_day,
            phones_max_per_epoch: self.phones_per_epoch,
            phones_max_per_day: self.phones_per_day,
            epsilon_milli_max_per_epoch: self.epsilon_epoch_milli,
            epoch_s: EPOCH_S,
        }
    }

    /// Purpose that its tables are filtered for and its terms carry.
    pub(crate) fn purpose(&self) -> Purpose {
        // A name that is no purpose does not pass `parse`.
        self.purpose.parse().unwrap_or(Purpose::Match)
    }
}

/// Facts about a new partner that its invitation is given for.
pub(crate) struct NewPartner<'a> {
    /// Name of the partner on this node.
    pub(crate) name: &'a str,
    /// Identity of the partner.
    pub(crate) identity: PublicIdentity,
    /// The company behind it.
    pub(crate) legal_entity: &'a str,
    /// The group of companies that it belongs to.
    pub(crate) group: Option<&'a str>,
    /// Rows of its customer file.
    pub(crate) rows: u64,
    /// Profiles it may run.
    pub(crate) profiles: &'a [Profile],
    /// True if shuffled profiles are run every day.
    pub(crate) daily: bool,
}

/// Kinds that tables have unless the operator says otherwise.
const KINDS: [IdentifierKind; 3] =
    [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];

/// Names that belong elsewhere, with the words for them.
const FOREIGN: &[Refused] = &[
    foreign("not_for_purpose"),
    foreign("shared"),
    foreign("table_tags_max"),
    Refused { name: "guardrails", text: "policy-guardrails" },
    toml_file::LEFT[0],
];

const fn foreign(name: &'static str) -> Refused {
    Refused { name, text: "policy-of-advertiser" }
}

/// Lines above settings of the file.
const COMMENTS: &[(&str, &str)] = &[
    (
        "group",
        "Its group: budgets and releases are those of the whole group, and stay so for good.",
    ),
    (
        "rows",
        "Rows of the partner's customer file, as it declared them: `invite` makes the budget.",
    ),
    ("purpose", "Purpose of its runs: \"ads.match\" or \"ads.suppress\"."),
    ("profiles", "What it may run."),
    ("n_min", "Least values of its terms."),
    ("elements_max", "Most identifiers of one run, padding included: one full run of its file."),
    (
        "evaluations_per_epoch",
        "Budgets: four full runs of each profile in 30 days, or 35 if daily; two in a day.",
    ),
    (
        "phones_per_run",
        "Telephone numbers that terms declare; privacy losses in thousandths, 0 for no noise.",
    ),
    ("max_age_days", "Days since the last evidence of a link, at most."),
    ("rate_precision", "How precise counts are, and what a delivery may hold."),
    ("consent_max_age_days", "Days since consent was given, at most."),
    (
        "drop_delay_days",
        "Days for which a person who left the list may stay in deliveries (0 to 30).",
    ),
    (
        "objection_cover",
        "Persons who leave deliveries together when one of them objects at the partner.",
    ),
];
