//! One advertiser: its identity, its policy, its keys and tables.
//!
//! Everything of a tenant lies in a directory of its own, so that two tenants cannot share a key, a
//! table or a quota by mistake [I-10].

use std::path::{Path, PathBuf};

use channel::identity::PublicIdentity;
use node::failure::Failure;
use node::toml_file::Fault;
use protocol::error::Bug;
use report::{Code, Text};
use store::keyring::{Keyring, KeyringError};
use store::os;

use crate::Home;
use crate::group;
use crate::partners::{self, Partners};
use crate::policy::PartnerPolicy;

/// A partner on this node.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    pub(crate) identity: PublicIdentity,
    pub(crate) policy: PartnerPolicy,
    directory: PathBuf,
    /// The file that the policy was read from, byte for byte.
    text: String,
}

impl Tenant {
    /// Opens a tenant for a new partner, or renews the policy of one that has this name; nothing is
    /// written before [`Self::save`].
    ///
    /// # Errors
    ///
    /// [`Failure`] for an identity that another partner has, in one of its keys or both; for a name
    /// with another identity; and for a file of this name that cannot be read.
    pub(crate) fn open(home: &Home, policy: PartnerPolicy, daily: bool) -> Result<Self, Failure> {
        let name = policy.name.clone();
        if !is_name(&name) {
            return Err(Failure::new(Code::Usage, Text::new("invite-name")));
        }
        let identity = PublicIdentity::parse(&policy.identity).map_err(|error| {
            let text = Text::new("invite-not-an-identity").with("why", error.text());
            Failure::new(Code::Usage, text)
        })?;
        let partners = Partners::read(home)?;
        partners.refuse_known(&name, &identity)?;
        let directory = directory(home, &name);
        let policy = match Self::read(&directory, &name) {
            Ok(Some(known)) => known.policy.invited_again(policy, daily),
            Ok(None) => policy,
            Err(fault) => return Err(unusable(&directory, &fault)),
        };
        Self { name, identity, policy, directory, text: String::new() }.with_text()
    }

    /// The same under the conditions of its group, and the partner that they were taken from; none
    /// if it has them already, or nothing is released to its group.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage, and if its profiles do not go with the conditions.
    pub(crate) fn in_its_group(&self, home: &Home) -> Result<Option<(Self, String)>, Failure> {
        let (partners, ledger) = (Partners::read(home)?, partners::ledger(home));
        let kin = group::kin(home, ledger.as_ref(), &partners.tenants, self)?;
        let Some(one) = kin.into_iter().find(|one| one.policy.releases()) else { return Ok(None) };
        let Some(policy) = self.policy.in_group_of(&one.policy) else { return Ok(None) };
        let moved = Self { policy, ..self.clone() }.with_text()?;
        Ok(Some((moved, one.name.clone())))
    }

    /// The same with the text of its policy.
    fn with_text(self) -> Result<Self, Failure> {
        let text = self.policy.text().map_err(|_| Bug::invariant())?;
        // Whatever is written can be read again.
        PartnerPolicy::parse(&text, &self.name)
            .map_err(|fault| unusable(&self.directory, &fault))?;
        Ok(Self { text, ..self })
    }

    /// Writes the policy.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage.
    pub(crate) fn save(&self, home: &Home) -> Result<(), Failure> {
        home.private_dir("partners")?;
        os::create_private_dir(&self.directory)?;
        let path = self.directory.join(POLICY);
        let text = self.text.as_bytes();
        Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |out| out.write_all(text))?)
    }

    /// Reads the policy of a directory; none if it has no policy.
    ///
    /// # Errors
    ///
    /// [`Fault`] of the file, for its author.
    pub(crate) fn read(directory: &Path, name: &str) -> Result<Option<Self>, Fault> {
        Self::read_file(directory, name, POLICY)
    }

    /// Reads the policy of the last good load; none if there was none, or it is of no use.
    pub(crate) fn read_good(directory: &Path, name: &str) -> Option<Self> {
        Self::read_file(directory, name, GOOD).ok().flatten()
    }

    /// Keeps this policy as that of the last good load, unless it is kept already.
    pub(crate) fn keep_good(&self) -> Result<(), Failure> {
        let (text, path) = (self.text.as_bytes(), self.directory.join(GOOD));
        if std::fs::read(&path).is_ok_and(|kept| kept == text) {
            return Ok(());
        }
        Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |out| out.write_all(text))?)
    }

    /// A partner whose policy cannot be read and never could: it may do nothing.
    pub(crate) fn without_policy(home: &Home, name: &str, identity: PublicIdentity) -> Self {
        let policy = PartnerPolicy::nothing(name, &identity);
        let (name, directory) = (name.to_owned(), directory(home, name));
        Self { name, identity, policy, directory, text: String::new() }
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

    /// Directory of this partner's tables, made or not.
    pub(crate) fn tables_path(&self) -> PathBuf {
        self.directory.join("tables")
    }

    /// Directory of this partner's tables; made if absent.
    pub(crate) fn tables(&self) -> Result<PathBuf, Failure> {
        let directory = self.tables_path();
        os::create_private_dir(&directory)?;
        Ok(directory)
    }

    fn read_file(directory: &Path, name: &str, file: &str) -> Result<Option<Self>, Fault> {
        let path = directory.join(file);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Fault::new(Text::new("policy-unreadable").with("why", &error)));
            }
        };
        let (policy, identity) = PartnerPolicy::parse(&text, name)?;
        let directory = directory.to_path_buf();
        Ok(Some(Self { name: name.to_owned(), identity, policy, directory, text }))
    }
}

/// True if a partner may have this name: what else lies in the directory of partners is none.
pub(crate) fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}

/// Directory of the partner of this name, made or not.
pub(crate) fn directory(home: &Home, name: &str) -> PathBuf {
    home.path("partners").join(name)
}

fn unusable(directory: &Path, fault: &Fault) -> Failure {
    let text = Text::new("policy-unusable")
        .with("path", &directory.join(POLICY))
        .with("fault", fault.text())
        .with("advice", fault.advice());
    Failure::new(Code::ToDoFirst, text)
}

/// The policy of a partner, which its operator edits.
pub(crate) const POLICY: &str = "partner.toml";
/// The policy of the last good load.
const GOOD: &str = "partner.good.toml";

#[cfg(test)]
pub(crate) mod tests {
    use node::invite::InvitedGuardrails;
    use protocol::purpose::Purpose;
    use protocol::suite::Profile;

    use crate::namespaces::Namespaces;
    use crate::policy::NewPartner;

    use super::*;

    /// The policy of a new partner of 20,000 rows.
    pub(crate) fn policy(
        name: &str,
        identity: PublicIdentity,
        profiles: &[Profile],
    ) -> PartnerPolicy {
        let policy = PartnerPolicy::of(&NewPartner {
            name,
            identity,
            legal_entity: "Enseigne A SAS",
            group: None,
            rows: 20_000,
            profiles,
            daily: false,
        });
        // Exact counts, and noise elements of narrow rows: a table of a test stays at one class.
        PartnerPolicy { epsilon_milli: 0, row_width_max: 2, ..policy }
    }

    /// Opens a tenant and writes its policy.
    pub(crate) fn create(home: &Home, policy: PartnerPolicy) -> Result<Tenant, Failure> {
        let tenant = Tenant::open(home, policy, false)?;
        tenant.save(home)?;
        Ok(tenant)
    }

    pub(crate) fn home() -> (tempfile::TempDir, Home, PublicIdentity) {
        let dir = tempfile::tempdir().unwrap();
        let advertiser = dir.path().join("a");
        let identity =
            node::home::Home::<node::settings::testing::OfAdvertiser>::create(&advertiser).unwrap();
        Home::create(&dir.path().join("p")).unwrap();
        let home = Home::open(&dir.path().join("p")).unwrap();
        (dir, home, identity)
    }

    #[test]
    fn new_partner_may_match_addresses_and_telephones() {
        let (_dir, home, identity) = home();
        let policy = policy("partner", identity, &[Profile::MatchedRows]);
        let tenant = create(&home, policy).unwrap();
        assert_eq!(tenant.policy.kinds, ["email.strict", "email.gmail", "phone"]);
        assert_eq!(tenant.policy.kind_codes(), [1, 2, 3]);
        assert_eq!(tenant.policy.link_filter().level, 0);
        assert_eq!(tenant.policy.purpose(), Purpose::Match);
    }

    #[test]
    fn written_policy_has_its_numbers_explained_and_is_read_again() {
        let (_dir, home, identity) = home();
        let policy = policy("partner", identity, &[Profile::MatchRate]);
        create(&home, policy).unwrap();
        let text = std::fs::read_to_string(home.path("partners/partner/partner.toml")).unwrap();
        for line in ["rows = 20000", "elements_max = 262144", "evaluations_per_epoch = 1048576"] {
            assert!(text.contains(&format!("\n{line}\n")), "{text}");
        }
        assert!(text.contains(
            "two in a day.\nevaluations_per_epoch = 1048576\nevaluations_per_day = 524288\n"
        ));
        let [read] = &Partners::read(&home).unwrap().tenants[..] else { panic!("one partner") };
        assert_eq!(read.policy.legal_entity, "Enseigne A SAS");
    }

    #[test]
    fn absent_guardrails_are_those_of_the_product() {
        let (_dir, home, identity) = home();
        let policy = policy("partner", identity, &[Profile::MatchedRows]);
        let tenant = create(&home, policy).unwrap();
        let path = home.path("partners/partner/partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let earlier: String = text
            .lines()
            .take_while(|line| !line.starts_with("rate_precision"))
            .filter(|line| {
                !["phones", "epsilon", "noise", "row_width"].iter().any(|of| line.starts_with(of))
            })
            .map(|line| format!("{line}\n"))
            .collect();
        std::fs::write(&path, earlier).unwrap();
        let [read] = &Partners::read(&home).unwrap().tenants[..] else { panic!("one partner") };
        assert_eq!(read.policy.invited(), InvitedGuardrails::default());
        let InvitedGuardrails { phones_per_run, epsilon_milli, row_width_max, .. } =
            read.policy.invited();
        let set = tenant.policy.invited();
        let expected = InvitedGuardrails { phones_per_run, epsilon_milli, row_width_max, ..set };
        assert_eq!(read.policy.invited(), expected);
        let codes = read.policy.guardrails(&Namespaces::read(&home).unwrap()).namespaces;
        assert_eq!(codes, [1, 2]);
    }

    #[test]
    fn inviting_again_keeps_what_the_operator_set_and_takes_the_new_size() {
        let (_dir, home, identity) = home();
        create(&home, policy("partner", identity, &[Profile::MatchRate])).unwrap();
        let path = home.path("partners/partner/partner.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let set = text
            .replace("evaluations_per_day = 524288", "evaluations_per_day = 40000")
            .replace("k_min = 100", "k_min = 250")
            .replace("ads.match\"", "ads.suppress\"");
        std::fs::write(&path, set).unwrap();
        let same = policy("partner", identity, &[Profile::MatchRate]);
        let again = create(&home, same.clone()).unwrap().policy;
        assert_eq!((again.k_min, again.evaluations_per_day), (250, 40_000));
        let daily = Tenant::open(&home, same, true).unwrap().policy;
        assert_eq!(daily.evaluations_per_day, 524_288);
        let larger = NewPartner {
            name: "partner",
            identity,
            legal_entity: "Enseigne A SA",
            group: Some("a"),
            rows: 40_000,
            profiles: &[Profile::MatchRate, Profile::DigitalIds],
            daily: false,
        };
        let again = create(&home, PartnerPolicy::of(&larger)).unwrap().policy;
        assert_eq!((again.k_min, again.purpose()), (250, Purpose::Suppress));
        assert_eq!((again.rows, again.profiles.len()), (40_000, 2));
        assert_eq!(again.evaluations_per_epoch, 8 * 65_536 * 8);
        assert_eq!(
            (again.legal_entity.as_str(), again.group.as_deref()),
            ("Enseigne A SA", Some("a"))
        );
    }

    #[test]
    fn guardrails_are_not_relaxed_by_a_file() {
        let (_dir, home, identity) = home();
        let wrong: [fn(&mut PartnerPolicy); 12] = [
            |policy| policy.rate_cap = 86,
            |policy| policy.count_rounding = 10,
            |policy| policy.ids_per_person = 11,
            |policy| policy.consent_max_age_days = 3_651,
            |policy| policy.k_min = 49,
            |policy| policy.purpose = "ads.measure".to_owned(),
            |policy| policy.purpose = "email.newsletter".to_owned(),
            |policy| policy.profiles.clear(),
            |policy| policy.profiles = vec!["match-rate".to_owned(); 2],
            |policy| policy.kinds.push("shoe-size".to_owned()),
            |policy| policy.namespaces = vec!["a b".to_owned()],
            |policy| policy.namespaces = vec!["idfa".to_owned(); 2],
        ];
        for change in wrong {
            let mut policy = policy("partner", identity, &[Profile::MatchedRows]);
            change(&mut policy);
            let refused = create(&home, policy).unwrap_err();
            assert_eq!(refused.exit().code(), 78);
        }
        assert!(Partners::read(&home).unwrap().tenants.is_empty());
    }

    #[test]
    fn restrictions_that_a_policy_does_not_know_are_refused_by_name() {
        let (_dir, _home, identity) = home();
        let text = policy("partner", identity, &[Profile::MatchRate]).text().unwrap();
        let left = text.replace("group_min = 100", "delta_min = 100");
        let fault = PartnerPolicy::parse(&left, "partner").unwrap_err();
        assert_eq!(fault.what.to_string(), "`delta_min` is called `group_min` now");
        for line in ["not_for_purpose = [\"email\"]", "table_tags_max = 5"] {
            let fault = PartnerPolicy::parse(&format!("{line}\n{text}"), "partner").unwrap_err();
            let name = line.split_once(" =").unwrap().0;
            assert_eq!(
                fault.text().to_string(),
                format!("line 1: `{name}` is a setting of the advertiser's node")
            );
        }
        let fault = PartnerPolicy::parse(&text, "other").unwrap_err();
        assert_eq!(fault.what.to_string(), "`name` is not other, the name of the directory");
        let typo = text.replace("n_min = 1000", "n_min = \"1000\"");
        let fault = PartnerPolicy::parse(&typo, "partner").unwrap_err();
        assert_eq!(
            [fault.what.to_string(), fault.advice().to_string()],
            ["`n_min` is a number", "write `n_min = 1000`"]
        );
    }
}
