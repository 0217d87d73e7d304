//! One advertiser: its identity, what its policy allows, its keys and tables.
//!
//! Everything of a tenant lies in a directory of its own, so that two tenants cannot share a key, a
//! table or a quota by mistake [I-10].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use node::failure::Failure;
use node::guardrails::RENAMED;
use node::identity::PublicIdentity;
use node::invite::InvitedGuardrails;
use node::keyring::{Keyring, KeyringError};
use node::ledger::Budget;
use node::{toml_file, world};
use protocol::identifier::IdentifierKind;
use protocol::limits::{
    EVALUATIONS_PER_KEY_MAX, GROUP_MIN_DEFAULT, K_MIN_DEFAULT, N_MIN_DEFAULT, TERMS_LIST_MAX,
};
use protocol::purpose::Purpose;
use protocol::session::provider::Guardrails;
use protocol::suite::Profile;
use protocol::terms::LinkFilter;
use serde::{Deserialize, Serialize};

use crate::Home;
use crate::namespaces::Namespaces;

/// The standing file of one partner: what it may agree to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerPolicy {
    /// The partner's identity line.
    pub(crate) identity: String,
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
    /// Days after which a consent behind the partner's rows is no longer taken, at most.
    #[serde(default = "guardrails::consent_max_age_days")]
    pub(crate) consent_max_age_days: u16,
    /// Digital IDs of one record in a delivery, at most.
    #[serde(default = "guardrails::ids_per_person")]
    pub(crate) ids_per_person: u16,
    /// Days that a delivered digital ID may be used, at most.
    #[serde(default = "guardrails::ids_valid_days")]
    pub(crate) ids_valid_days: u16,
    /// Types of advertising ids and cookie namespaces that a delivery may hold.
    #[serde(default = "guardrails::namespaces")]
    pub(crate) namespaces: Vec<String>,
    /// Whether device class, age and validity of digital IDs may be told.
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

/// What holds where a policy written by an earlier version says nothing.
mod guardrails {
    use node::invite::InvitedGuardrails;

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
        consent_max_age_days: u16,
        ids_per_person: u16,
        ids_valid_days: u16,
        scope_days: u16,
    }

    pub(super) fn namespaces() -> Vec<String> {
        vec!["aaid".to_owned(), "idfa".to_owned()]
    }
}

impl PartnerPolicy {
    /// The defaults of the product for a new partner.
    pub(crate) fn defaults(identity: &PublicIdentity, profiles: &[Profile]) -> Self {
        Self {
            identity: identity.to_string(),
            profiles: profiles.iter().map(|profile| profile.name().to_owned()).collect(),
            kinds: KINDS.iter().map(|kind| kind.name().to_owned()).collect(),
            n_min: N_MIN_DEFAULT,
            k_min: K_MIN_DEFAULT,
            group_min: GROUP_MIN_DEFAULT,
            elements_max: 1 << 27,
            evaluations_per_epoch: 1 << 30,
            evaluations_per_day: 1 << 28,
            max_age_days: LinkFilter::DEFAULT.max_age_days,
            rate_precision: guardrails::rate_precision(),
            rate_cap: guardrails::rate_cap(),
            count_rounding: guardrails::count_rounding(),
            cell_min: guardrails::cell_min(),
            consent_max_age_days: guardrails::consent_max_age_days(),
            ids_per_person: guardrails::ids_per_person(),
            ids_valid_days: guardrails::ids_valid_days(),
            namespaces: guardrails::namespaces(),
            attributes: false,
            scope_days: guardrails::scope_days(),
            delivery_form: DeliveryForm::default(),
        }
    }

    /// The guardrails as the invitation carries them.
    pub(crate) const fn invited(&self) -> InvitedGuardrails {
        InvitedGuardrails {
            rate_precision: self.rate_precision,
            rate_cap: self.rate_cap,
            count_rounding: self.count_rounding,
            cell_min: self.cell_min,
            consent_max_age_days: self.consent_max_age_days,
            ids_per_person: self.ids_per_person,
            ids_valid_days: self.ids_valid_days,
            attributes: self.attributes,
            scope_days: self.scope_days,
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

    /// What is wrong with the values that a person may have written.
    fn wrong(&self) -> Option<String> {
        if self.kind_codes().len() != self.kinds.len() {
            return Some("a kind of identifier is unknown or named twice".to_owned());
        }
        if self.profiles().len() != self.profiles.len() {
            return Some("a profile is unknown".to_owned());
        }
        if let Some((name, fix)) = self.invited().wrong() {
            return Some(format!("{name} is out of range: {fix}"));
        }
        let distinct: BTreeSet<&String> = self.namespaces.iter().collect();
        if distinct.len() != self.namespaces.len() || self.namespaces.len() > TERMS_LIST_MAX {
            return Some("namespaces lists more than 16, or one twice".to_owned());
        }
        let plain = |name: &&String| {
            (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let odd = self.namespaces.iter().any(|name| !plain(&name));
        odd.then(|| "a namespace is not 1 to 64 visible characters".to_owned())
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

    pub(crate) fn profiles(&self) -> Vec<Profile> {
        self.profiles.iter().filter_map(|name| Profile::from_name(name)).collect()
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

    /// Purposes its tables are filtered for.
    pub(crate) const fn purpose() -> Purpose {
        Purpose::Match
    }
}

/// A partner on this node.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) identity: PublicIdentity,
    pub(crate) policy: PartnerPolicy,
    directory: PathBuf,
}

impl Tenant {
    /// Opens a tenant for a new partner, or renews the identity of one that has this name.
    pub(crate) fn create(home: &Home, name: &str, policy: PartnerPolicy) -> Result<Self, Failure> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
            return Err(Failure::usage(
                "a partner's name has 1 to 64 lower-case letters, digits or hyphens",
                "choose another --name, for example retailer-fr",
            ));
        }
        let partners = home.private_dir("partners")?;
        let directory = partners.join(name);
        let policy = match Self::read(&directory, name) {
            Ok(known) if known.identity.to_string() != policy.identity => {
                return Err(Failure::operator(
                    &format!("there is a partner {name} with another identity"),
                    "choose another --name; a partner that changed its keys is a new tenant",
                ));
            }
            // Inviting again keeps what the operator has set, and changes the profiles.
            Ok(known) => PartnerPolicy { profiles: policy.profiles, ..known.policy },
            Err(_) => policy,
        };
        world::create_private_dir(&directory)?;
        let text = toml::to_string_pretty(&policy)
            .map_err(|error| Failure::storage(&format!("cannot write the policy: {error}")))?;
        world::publish_atomically(&directory.join(POLICY), world::PRIVATE_MODE, |out| {
            out.write_all(text.as_bytes())
        })?;
        Self::read(&directory, name)
    }

    /// Every partner of this node, by name.
    pub(crate) fn all(home: &Home) -> Result<Vec<Self>, Failure> {
        let Ok(entries) = std::fs::read_dir(home.path("partners")) else {
            return Ok(Vec::new());
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter(|entry| entry.path().join(POLICY).exists())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names.iter().map(|name| Self::read(&home.path("partners").join(name), name)).collect()
    }

    /// The keys of this partner.
    pub(crate) fn keyring(&self, home: &Home) -> Result<Keyring, KeyringError> {
        let keyring = Keyring::open(&self.directory.join("keys"), &home.storage)?;
        Ok(keyring.with_epoch_days(self.policy.scope_days))
    }

    /// The keys of this partner, if it has any; makes no directory.
    pub(crate) fn keyring_if_made(&self, home: &Home) -> Result<Option<Keyring>, Failure> {
        match self.directory.join("keys").exists() {
            true => Ok(Some(self.keyring(home)?)),
            false => Ok(None),
        }
    }

    /// A path inside this partner's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where this partner's tables lie, or will.
    pub(crate) fn tables_path(&self) -> PathBuf {
        self.directory.join("tables")
    }

    /// Where this partner's tables lie; made if absent.
    pub(crate) fn tables(&self) -> Result<PathBuf, Failure> {
        let directory = self.tables_path();
        world::create_private_dir(&directory)?;
        Ok(directory)
    }

    fn read(directory: &Path, name: &str) -> Result<Self, Failure> {
        let path = directory.join(POLICY);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::storage(&format!("cannot read {}: {error}", path.display()))
        })?;
        let invalid = |what: &str| {
            Failure::operator(
                &format!("{} cannot be used: {what}", path.display()),
                "mend the file, or write it anew with `provider-node invite`",
            )
        };
        let policy: PartnerPolicy =
            toml_file::parse(&text, RENAMED).map_err(|fault| invalid(&fault.text()))?;
        let identity =
            PublicIdentity::parse(&policy.identity).map_err(|error| invalid(&error.to_string()))?;
        if let Some(what) = policy.wrong() {
            return Err(invalid(&what));
        }
        Ok(Self { name: name.to_owned(), identity, policy, directory: directory.to_path_buf() })
    }
}

/// Kinds that tables have unless the operator says otherwise.
const KINDS: [IdentifierKind; 3] =
    [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL, IdentifierKind::PHONE];
const POLICY: &str = "partner.toml";

#[cfg(test)]
mod tests {
    use protocol::transcript::Role;

    use super::*;

    fn home() -> (tempfile::TempDir, Home, PublicIdentity) {
        let dir = tempfile::tempdir().unwrap();
        let identity =
            node::home::Home::<node::config::AdvertiserSettings>::create(&dir.path().join("a"))
                .unwrap();
        Home::create(&dir.path().join("p")).unwrap();
        let home = Home::open(&dir.path().join("p")).unwrap();
        (dir, home, identity)
    }

    #[test]
    fn new_partner_may_match_addresses_and_telephones() {
        let (_dir, home, identity) = home();
        let policy = PartnerPolicy::defaults(&identity, &[Profile::MatchedRows]);
        let tenant = Tenant::create(&home, "partner", policy).unwrap();
        assert_eq!(tenant.policy.kinds, ["email.strict", "email.gmail", "phone"]);
        assert_eq!(tenant.policy.kind_codes(), [1, 2, 3]);
        assert_eq!(tenant.policy.link_filter().level, 0);
    }

    #[test]
    fn policy_of_an_earlier_version_has_the_guardrails_of_the_product() {
        let (_dir, home, identity) = home();
        let policy = PartnerPolicy::defaults(&identity, &[Profile::MatchedRows]);
        let tenant = Tenant::create(&home, "partner", policy).unwrap();
        let path = home.path("partners/partner/partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let earlier: String = text
            .lines()
            .take_while(|line| !line.starts_with("rate_precision"))
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(&path, earlier).unwrap();
        let [read] = &Tenant::all(&home).unwrap()[..] else { panic!("one partner") };
        assert_eq!(read.policy.invited(), InvitedGuardrails::default());
        assert_eq!(read.policy.invited(), tenant.policy.invited());
        let codes = read.policy.guardrails(&Namespaces::read(&home).unwrap()).namespaces;
        assert_eq!(codes, [1, 2]);
    }

    #[test]
    fn the_old_name_of_a_setting_is_refused_by_name() {
        let (_dir, home, identity) = home();
        let policy = PartnerPolicy::defaults(&identity, &[Profile::MatchedRows]);
        Tenant::create(&home, "partner", policy).unwrap();
        let path = home.path("partners/partner/partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let line = 1 + text.lines().position(|line| line.starts_with("group_min")).unwrap();
        std::fs::write(&path, text.replace("group_min", "delta_min")).unwrap();
        let failure = Tenant::all(&home).unwrap_err();
        let report = failure.report(Role::Provider).to_string();
        let told = format!("line {line}: `delta_min` is called `group_min` now");
        assert!(report.contains(&told), "{report}");
        assert_eq!(failure.exit().code(), 78);
    }

    #[test]
    fn guardrails_are_not_relaxed_by_a_file() {
        let (_dir, home, identity) = home();
        let wrong: [fn(&mut PartnerPolicy); 5] = [
            |policy| policy.rate_cap = 86,
            |policy| policy.count_rounding = 10,
            |policy| policy.ids_per_person = 11,
            |policy| policy.namespaces = vec!["a b".to_owned()],
            |policy| policy.namespaces = vec!["idfa".to_owned(); 2],
        ];
        for change in wrong {
            let mut policy = PartnerPolicy::defaults(&identity, &[Profile::MatchedRows]);
            change(&mut policy);
            let refused = Tenant::create(&home, "partner", policy).unwrap_err();
            assert!(matches!(refused, Failure::Operator { .. }));
        }
    }
}
