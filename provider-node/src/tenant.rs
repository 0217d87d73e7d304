//! One advertiser: its identity, what its policy allows, its keys and tables.
//!
//! Everything of a tenant lies in a directory of its own, so that two tenants cannot share a key, a
//! table or a quota by mistake [I-10].

use std::path::{Path, PathBuf};

use node::failure::Failure;
use node::home::Home;
use node::identity::PublicIdentity;
use node::keyring::{Keyring, KeyringError};
use node::ledger::Budget;
use node::world;
use protocol::identifier::IdentifierKind;
use protocol::limits::{DELTA_MIN_DEFAULT, EVALUATIONS_PER_KEY_MAX, K_MIN_DEFAULT, N_MIN_DEFAULT};
use protocol::suite::Profile;
use protocol::terms::{LinkFilter, PURPOSE_ADVERTISING_MATCH};
use serde::{Deserialize, Serialize};

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
    pub(crate) delta_min: u32,
    /// Padded identifiers of one session, at most.
    pub(crate) elements_max: u64,
    /// Evaluations in 30 days.
    pub(crate) evaluations_per_epoch: u64,
    /// Evaluations in a day.
    pub(crate) evaluations_per_day: u64,
    /// Days since the last evidence on a link, at most.
    pub(crate) max_age_days: u16,
}

impl PartnerPolicy {
    /// The defaults of the product for a new partner.
    pub(crate) fn defaults(identity: &PublicIdentity, profiles: &[Profile]) -> Self {
        Self {
            identity: identity.to_string(),
            profiles: profiles.iter().map(|profile| profile.name().to_owned()).collect(),
            kinds: [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL]
                .iter()
                .map(|kind| kind.name().to_owned())
                .collect(),
            n_min: N_MIN_DEFAULT,
            k_min: K_MIN_DEFAULT,
            delta_min: DELTA_MIN_DEFAULT,
            elements_max: 1 << 27,
            evaluations_per_epoch: 1 << 30,
            evaluations_per_day: 1 << 28,
            max_age_days: LinkFilter::DEFAULT.max_age_days,
        }
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
    pub(crate) const fn purpose() -> u16 {
        PURPOSE_ADVERTISING_MATCH
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
        Keyring::open(&self.directory.join("keys"), &home.storage)
    }

    /// The keys of this partner, if it has any; makes no directory.
    pub(crate) fn keyring_if_made(&self, home: &Home) -> Result<Option<Keyring>, Failure> {
        match self.directory.join("keys").exists() {
            true => Ok(Some(self.keyring(home)?)),
            false => Ok(None),
        }
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
            toml::from_str(&text).map_err(|error| invalid(error.message()))?;
        let identity =
            PublicIdentity::parse(&policy.identity).map_err(|error| invalid(&error.to_string()))?;
        if policy.kind_codes().len() != policy.kinds.len() {
            return Err(invalid("a kind of identifier is unknown or named twice"));
        }
        Ok(Self { name: name.to_owned(), identity, policy, directory: directory.to_path_buf() })
    }
}

const POLICY: &str = "partner.toml";
