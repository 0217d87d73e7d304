//! The standing policy of one partner: the file `partner.toml`, read strictly and written with its
//! meaning beside each number.

use std::collections::BTreeSet;

use channel::identity::PublicIdentity;
use node::invite::InvitedGuardrails;
use node::settings::allowed;
use node::toml_file::{self, Fault, Refused};
use normalize::digital::{deserialize_names, is_listed_name};
use protocol::identifier::IdentifierKind;
use protocol::limits::{
    EVALUATIONS_PER_KEY_MAX, GROUP_MIN_DEFAULT, K_MIN_DEFAULT, Limits, N_MIN_DEFAULT,
    TERMS_LIST_MAX,
};
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use protocol::terms::LinkFilter;
use report::Text;
use serde::{Deserialize, Serialize};
use session::provider::Guardrails;
use store::ledger::Budget;

use crate::budget::Allowance;
use crate::namespaces::Namespaces;

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
    /// Days that a table key lives, at most.
    #[serde(default = "guardrails::scope_days")]
    pub(crate) scope_days: u16,
    /// Form of the delivery files of `activation`.
    #[serde(default)]
    pub(crate) delivery_form: DeliveryForm,
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
            ..Guardrails::DEFAULT
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
            ("n_min", least(self.n_min, floors.n_min_floor)),
            ("k_min", least(self.k_min, floors.k_min_floor)),
            ("group_min", least(self.group_min, floors.group_min_floor)),
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

    pub(crate) const fn budget(&self) -> Budget {
        Budget {
            // A key lives no longer than this window and serves no more than this.
            evaluations_max_per_epoch: if self.evaluations_per_epoch < EVALUATIONS_PER_KEY_MAX {
                self.evaluations_per_epoch
            } else {
                EVALUATIONS_PER_KEY_MAX
            },
            epoch_s: 30 * 86_400,
            evaluations_max_per_day: self.evaluations_per_day,
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
    ("group", "Kept for rules on groups of companies; nothing depends on it yet."),
    (
        "rows",
        "Rows of the partner's customer file, as it declared them: `invite` makes the budget.",
    ),
    ("purpose", "Purpose of its runs: \"ads.match\" or \"ads.suppress\"."),
    ("profiles", "What it may run."),
    ("n_min", "Least values of its terms."),
    ("elements_max", "Most identifiers of one run, padding included: one full run of its file."),
    ("evaluations_per_epoch", "Budget in 30 days: four full runs of each profile, or 35 if daily."),
    ("evaluations_per_day", "Budget in a day: two full runs."),
    ("max_age_days", "Days since the last evidence of a link, at most."),
    ("rate_precision", "How precise counts are, and what a delivery may hold."),
    ("consent_max_age_days", "Days since consent was given, at most."),
];
