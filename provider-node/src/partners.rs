//! The partners of this node: those that are served, and those whose file has a mistake.
//!
//! A file with a mistake stops its own partner and nobody else. A policy that cannot be read may
//! have been meant as a restriction, so no session begins under it or under the one before it; the
//! policy of the last good load serves the sessions on that are in progress, keeps the partner
//! pinned, so that it is told why it is not served, and keeps its tables up to date.

use std::collections::BTreeMap;

use channel::identity::PublicIdentity;
use ledger::Ledger;
use node::failure::Failure;
use node::toml_file::Fault;
use report::{Arg, Code, Line, Text};
use store::os::{Action, OsError};

use crate::Home;
use crate::group;
use crate::tenant::{self, POLICY, Tenant};

/// Every partner of this node, by name.
#[derive(Debug, Default)]
pub(crate) struct Partners {
    /// Partners that may be served.
    pub(crate) tenants: Vec<Tenant>,
    /// Partners that are not served, and why.
    pub(crate) quarantined: Vec<Quarantined>,
}

/// A partner that is not served because of its file.
#[derive(Debug, Clone)]
pub(crate) struct Quarantined {
    /// Name of the partner, which is that of its directory.
    pub(crate) name: String,
    /// The mistake.
    pub(crate) fault: Fault,
    /// The partner under its last good policy, or under one that allows nothing; none if nobody
    /// can tell who it is.
    pub(crate) tenant: Option<Tenant>,
    /// True if there was a good load.
    had_policy: bool,
}

impl Quarantined {
    /// The mistake in one line, such as ``shop-b is not served: partner.toml line 7: …``.
    pub(crate) fn text(&self) -> Text {
        let text = match self.fault.line {
            Some(line) => Text::new("partner-not-served-line")
                .with("line", Arg::Number(line.try_into().unwrap_or(u64::MAX))),
            None => Text::new("partner-not-served"),
        };
        text.with("partner", &self.name).with("file", POLICY).with("what", self.fault.what.clone())
    }

    /// The partner under its last good policy.
    pub(crate) fn good(&self) -> Option<&Tenant> {
        self.tenant.as_ref().filter(|_| self.had_policy)
    }
}

/// A partner by its party.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Partner that is served.
    Served(Tenant),
    /// Partner whose file has a mistake.
    Quarantined(Tenant),
    /// There is no such partner.
    Unknown,
}

impl Partners {
    /// Reads every partner's file; a mistake in one is not an error of the others. Changes nothing.
    ///
    /// Directories whose name no partner can have, such as copies and hidden ones, are no partners;
    /// nor are those without a policy.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the directory of partners itself cannot be read, or the ledger.
    pub(crate) fn load(home: &Home, ledger: Option<&Ledger>) -> Result<Self, Failure> {
        let mut partners = Self::default();
        for name in names(home)? {
            let directory = tenant::directory(home, &name);
            match Tenant::read(&directory, &name) {
                Ok(None) => {}
                Ok(Some(tenant)) => partners.tenants.push(tenant),
                Err(fault) => partners.quarantined.push(quarantine(home, name, fault)),
            }
        }
        partners.part_equal_keys(home);
        partners.part_other_conditions(home, ledger)?;
        partners.quarantined.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(partners)
    }

    /// Reads every partner's file for a command that needs no ledger: groups are those that it
    /// remembers, or that policies name where it cannot be read.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub(crate) fn read(home: &Home) -> Result<Self, Failure> {
        Self::load(home, ledger(home).as_ref())
    }

    /// Keeps the policies of this load as the last good ones.
    ///
    /// A policy that cannot be written is no matter of the others, and its own partner is served
    /// under the file as it is: it is told in the log, until it can be.
    pub(crate) fn keep_good(&self) {
        for tenant in &self.tenants {
            if let Err(failure) = tenant.keep_good() {
                let (partner, report) = (&tenant.name, &failure);
                tracing::warn!(target: "veilmatch::session", partner, "policy not kept: {report}");
            }
        }
    }

    /// Identities to pin: of those that are served, and of those that are to be told that they are
    /// not.
    pub(crate) fn identities(&self) -> impl Iterator<Item = PublicIdentity> {
        let told = self.quarantined.iter().filter_map(|one| one.tenant.as_ref());
        // A key of two partners is pinned for the one that is served.
        told.chain(&self.tenants).map(|tenant| tenant.identity)
    }

    /// Partners whose tables are built: those served, and those that were until a mistake.
    pub(crate) fn with_tables(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.iter().chain(self.quarantined.iter().filter_map(Quarantined::good))
    }

    /// Partners that are served, and those of which it is known who they are.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Tenant> {
        let quarantined = self.quarantined.iter().filter_map(|one| one.tenant.as_ref());
        self.tenants.iter().chain(quarantined)
    }

    /// Two lines for each partner that is not served: the mistake and what to try.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Line> {
        self.quarantined.iter().flat_map(|one| {
            let advice = Text::new("failure-try").with("advice", one.fault.advice());
            [Line::of(one.text()), Line::under(advice)]
        })
    }

    /// The partner that a connection is of.
    pub(crate) fn standing(self, party: &[u8; 32]) -> Standing {
        let is = |tenant: &Tenant| tenant.identity.party().0 == *party;
        if let Some(tenant) = self.tenants.into_iter().find(is) {
            return Standing::Served(tenant);
        }
        let told = self.quarantined.into_iter().filter_map(|one| one.tenant).find(is);
        told.map_or(Standing::Unknown, Standing::Quarantined)
    }

    /// Refuses an identity for a new partner of which another one has a key, and one that is not
    /// the identity of the partner with this name.
    ///
    /// # Errors
    ///
    /// [`Failure`], which names both partners.
    pub(crate) fn refuse_known(
        &self,
        name: &str,
        identity: &PublicIdentity,
    ) -> Result<(), Failure> {
        for known in self.known() {
            if known.name == name && known.identity != *identity {
                let text = Text::new("partner-other-identity").with("partner", name);
                return Err(Failure::new(Code::ToDoFirst, text));
            }
            if known.name != name
                && let Some(key) = common_key(&known.identity, identity)
            {
                let text = Text::new("partner-same-key").with("key", key.name());
                let text = text.with("partner", &known.name);
                return Err(Failure::new(Code::ToDoFirst, text));
            }
        }
        Ok(())
    }

    /// The differences to an earlier load, one for each partner; empty if nothing changed.
    pub(crate) fn changes(&self, before: &Self) -> Vec<Change> {
        let (now, then) = (self.states(), before.states());
        let mut changes = Vec::new();
        for (name, state) in &now {
            let id = match then.get(name) {
                Some(earlier) if earlier == state => continue,
                Some(_) => "partner-changed",
                None => "partner-new",
            };
            changes.push(match state {
                State::Served(_) => Change::told(id, name),
                State::Faulty(text) => Change { text: text.clone(), faulty: true },
            });
        }
        let gone = then.keys().filter(|name| !now.contains_key(*name));
        changes.extend(gone.map(|name| Change::told("partner-removed", name)));
        changes
    }

    fn states(&self) -> BTreeMap<&str, State> {
        let served = self.tenants.iter().map(|tenant| {
            (tenant.name.as_str(), State::Served(tenant.policy.text().unwrap_or_default()))
        });
        let faulty =
            self.quarantined.iter().map(|one| (one.name.as_str(), State::Faulty(one.text())));
        served.chain(faulty).collect()
    }

    /// Quarantines partners that have a key of another one: those that came later.
    fn part_equal_keys(&mut self, home: &Home) {
        // A partner that was served before the mistake stays; among equals the names decide.
        let served_before = |tenant: &Tenant| {
            Tenant::read_good(&tenant.path(""), &tenant.name)
                .is_some_and(|good| good.identity == tenant.identity)
        };
        let mut pending = std::mem::take(&mut self.tenants);
        pending.sort_by_key(|tenant| !served_before(tenant));
        for tenant in pending {
            let equal = self.tenants.iter().find_map(|earlier| {
                Some((earlier, common_key(&earlier.identity, &tenant.identity)?))
            });
            let Some((earlier, key)) = equal else {
                self.tenants.push(tenant);
                continue;
            };
            let what = Text::new("policy-key-of-other")
                .with("key", key.name())
                .with("partner", &earlier.name);
            let text = std::fs::read_to_string(tenant.path(POLICY)).unwrap_or_default();
            let fault = Fault::new(what).at(&text, "identity");
            self.quarantined.push(quarantine(home, tenant.name, fault));
        }
        self.tenants.sort_by(|one, other| one.name.cmp(&other.name));
        // A mistake in one file must not pin anything under a key of a partner that is served.
        for one in &mut self.quarantined {
            let serves = |tenant: &Tenant| {
                self.tenants
                    .iter()
                    .any(|served| common_key(&served.identity, &tenant.identity).is_some())
            };
            if one.tenant.as_ref().is_some_and(serves) {
                one.tenant = None;
            }
        }
    }
}

impl Partners {
    /// Quarantines partners with other conditions of releases than one of their group.
    ///
    /// Those who were served under theirs stay, then those who were served at all; among equals the
    /// names decide.
    fn part_other_conditions(
        &mut self,
        home: &Home,
        ledger: Option<&Ledger>,
    ) -> Result<(), Failure> {
        let rank = |tenant: &Tenant| {
            let good = Tenant::read_good(&tenant.path(""), &tenant.name);
            let good = good.filter(|good| good.policy.releases());
            let same = |good: &Tenant| good.policy.differs_in(&tenant.policy).is_none();
            (!good.as_ref().is_some_and(same), good.is_none())
        };
        let groups = group::numbers(home, ledger, &self.tenants.iter().collect::<Vec<_>>())?;
        let mut pending: Vec<_> =
            std::mem::take(&mut self.tenants).into_iter().zip(groups).collect();
        pending.sort_by_cached_key(|(tenant, _)| rank(tenant));
        let mut stay: Vec<(Tenant, usize)> = Vec::new();
        for (tenant, group) in pending {
            let other = stay.iter().filter(|(_, of)| *of == group).find_map(|(earlier, _)| {
                Some((&earlier.name, tenant.policy.differs_in(&earlier.policy)?))
            });
            let Some((earlier, setting)) = other else {
                stay.push((tenant, group));
                continue;
            };
            let what =
                Text::new("policy-of-company").with("name", setting).with("partner", earlier);
            let text = std::fs::read_to_string(tenant.path(POLICY)).unwrap_or_default();
            let fault = Fault::new(what).at(&text, setting);
            self.quarantined.push(quarantine(home, tenant.name, fault));
        }
        self.tenants = stay.into_iter().map(|(tenant, _)| tenant).collect();
        self.tenants.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(())
    }
}

/// The ledger of a node, for a command that can do without: a ledger that is not there, or cannot
/// be read, is told by what needs it.
pub(crate) fn ledger(home: &Home) -> Option<Ledger> {
    node::status::ledger(home).ok().flatten()
}

/// A difference between two loads.
#[derive(Debug)]
pub(crate) struct Change {
    /// The partner and how it is now.
    pub(crate) text: Text,
    /// True if it is not served.
    pub(crate) faulty: bool,
}

impl Change {
    /// A change of a partner, by the id of its text, that is no mistake.
    fn told(id: &'static str, partner: &str) -> Self {
        Self { text: Text::new(id).with("partner", partner), faulty: false }
    }
}

/// A partner as a reload compares it.
#[derive(PartialEq)]
enum State {
    Served(String),
    Faulty(Text),
}

fn quarantine(home: &Home, name: String, fault: Fault) -> Quarantined {
    let directory = tenant::directory(home, &name);
    let good = Tenant::read_good(&directory, &name);
    let had_policy = good.is_some();
    let tenant = good.or_else(|| {
        let text = std::fs::read(directory.join(POLICY)).unwrap_or_default();
        let identity = identity_in(&String::from_utf8_lossy(&text))?;
        Some(Tenant::without_policy(home, &name, identity))
    });
    Quarantined { name, fault, tenant, had_policy }
}

/// The identity line in a file that may not be TOML.
fn identity_in(text: &str) -> Option<PublicIdentity> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("identity"));
    let values = lines.filter_map(|rest| rest.trim().strip_prefix('='));
    values.filter_map(|value| PublicIdentity::parse(value.trim().trim_matches('"')).ok()).next()
}

/// Names of directories that a partner can have, sorted.
fn names(home: &Home) -> Result<Vec<String>, Failure> {
    let path = home.path("partners");
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(OsError::Io { action: Action::Read, path, source }.into()),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| tenant::is_name(name))
        .collect();
    names.sort();
    Ok(names)
}

/// A key of an identity.
#[derive(Debug, Clone, Copy)]
enum Key {
    Attestation,
    Tls,
}

impl Key {
    const fn name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Tls => "tls",
        }
    }
}

/// The key that two identities have in common.
fn common_key(one: &PublicIdentity, other: &PublicIdentity) -> Option<Key> {
    if one.attestation_key == other.attestation_key {
        Some(Key::Attestation)
    } else if one.spki == other.spki {
        Some(Key::Tls)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use protocol::suite::Profile;

    use crate::tenant::tests::{create, home, policy};

    use super::*;

    struct Node {
        _dir: tempfile::TempDir,
        home: Home,
    }

    impl Node {
        /// A node with the partners a, b and c.
        fn new() -> Self {
            let (dir, home, _) = home();
            for (at, name) in (1_u8..).zip(["shop-a", "shop-b", "shop-c"]) {
                let identity = identity(at, at);
                create(&home, policy(name, identity, &[Profile::MatchRate])).unwrap();
            }
            Self { _dir: dir, home }
        }

        fn load(&self) -> Partners {
            Partners::read(&self.home).unwrap()
        }

        fn file(&self, name: &str) -> std::path::PathBuf {
            tenant::directory(&self.home, name).join(POLICY)
        }

        fn change(&self, name: &str, change: impl FnOnce(String) -> String) {
            let text = std::fs::read_to_string(self.file(name)).unwrap();
            std::fs::write(self.file(name), change(text)).unwrap();
        }
    }

    fn identity(attestation: u8, spki: u8) -> PublicIdentity {
        PublicIdentity { attestation_key: [attestation; 32], spki: [spki; 32] }
    }

    fn served(partners: &Partners) -> Vec<&str> {
        partners.tenants.iter().map(|tenant| tenant.name.as_str()).collect()
    }

    #[test]
    fn mistake_stops_its_own_partner_and_is_named_with_line_and_remedy() {
        let node = Node::new();
        node.load().keep_good();
        node.change("shop-b", |text| text.replace("n_min = 1000", "n_min = \"1000\""));
        let partners = node.load();
        assert_eq!(served(&partners), ["shop-a", "shop-c"]);
        let [faulty] = &partners.quarantined[..] else { panic!("{partners:?}") };
        let at = std::fs::read_to_string(node.file("shop-b"))
            .unwrap()
            .lines()
            .position(|line| line.starts_with("n_min"))
            .unwrap()
            + 1;
        let told = format!("shop-b is not served: partner.toml line {at}: `n_min` is a number");
        assert_eq!(
            [faulty.text().to_string(), faulty.fault.advice().to_string()],
            [told.as_str(), "write `n_min = 1000`"]
        );
        // It is pinned, so that it can be told, and its tables are kept.
        assert_eq!(partners.identities().count(), 3);
        assert_eq!(partners.with_tables().count(), 3);
        let standing = partners.standing(&identity(2, 2).party().0);
        assert!(matches!(standing, Standing::Quarantined(tenant) if tenant.policy.n_min == 1_000));
    }

    #[test]
    fn mistake_before_any_good_load_allows_nothing_and_is_told_too() {
        let node = Node::new();
        for (at, text) in [
            |text: String| text.replace("n_min = 1000\n", ""),
            |text: String| format!("{text}\nnot toml"),
            |text: String| text.replace("\"match-rate\"", "\"everything\""),
            |text: String| text.replace("ads.match", "email.newsletter"),
        ]
        .into_iter()
        .enumerate()
        {
            let kept = std::fs::read_to_string(node.file("shop-a")).unwrap();
            node.change("shop-a", text);
            let partners = node.load();
            assert_eq!(served(&partners), ["shop-b", "shop-c"], "{at}");
            assert_eq!(partners.with_tables().count(), 2);
            let Standing::Quarantined(tenant) = partners.standing(&identity(1, 1).party().0) else {
                panic!("{at}")
            };
            assert!(tenant.policy.profiles().is_empty() && tenant.policy.elements_max == 0);
            std::fs::write(node.file("shop-a"), kept).unwrap();
        }
        // A file with a mistake pins nothing under a key of another partner.
        let (own, mixed) = (identity(1, 1).to_string(), identity(2, 1).to_string());
        let kept = std::fs::read_to_string(node.file("shop-a")).unwrap();
        node.change("shop-a", |text| text.replace(&own, &mixed).replace("k_min", "k_mim"));
        let partners = node.load();
        assert_eq!(partners.identities().count(), 2);
        std::fs::write(node.file("shop-a"), kept).unwrap();
        // Nobody can tell whose this is.
        std::fs::write(node.file("shop-a"), [0xFF, 0xFE]).unwrap();
        let partners = node.load();
        assert_eq!((partners.tenants.len(), partners.quarantined.len()), (2, 1));
        assert!(matches!(partners.standing(&identity(1, 1).party().0), Standing::Unknown));
    }

    #[test]
    fn copies_and_hidden_directories_are_no_partners() {
        let node = Node::new();
        for name in ["shop-a.bak", ".shop-a", "Shop-A", "shop-a~", "shop a"] {
            let copy = node.home.path("partners").join(name);
            std::fs::create_dir(&copy).unwrap();
            std::fs::copy(node.file("shop-a"), copy.join(POLICY)).unwrap();
        }
        std::fs::create_dir(node.home.path("partners/empty")).unwrap();
        std::fs::write(node.home.path("partners/file"), "").unwrap();
        std::fs::copy(node.file("shop-a"), node.file("shop-a").with_extension("toml.bak")).unwrap();
        let partners = node.load();
        assert_eq!(served(&partners), ["shop-a", "shop-b", "shop-c"]);
        assert!(partners.quarantined.is_empty(), "{:?}", partners.quarantined);
        // A copy under a name that a partner can have says whose copy it is.
        let copy = node.home.path("partners/shop-d");
        std::fs::create_dir(&copy).unwrap();
        std::fs::copy(node.file("shop-a"), copy.join(POLICY)).unwrap();
        let partners = node.load();
        assert_eq!(served(&partners).len(), 3);
        let line = partners.quarantined[0].text().to_string();
        assert!(line.contains("`name` is not shop-d"), "{line}");
    }

    #[test]
    fn one_key_is_one_partner_at_load() {
        for (spki, key) in [(1, "attestation key"), (9, "attestation key")] {
            let node = Node::new();
            let line = identity(1, spki).to_string();
            let own = identity(3, 3).to_string();
            node.change("shop-c", |text| text.replace(&own, &line));
            let partners = node.load();
            assert_eq!(served(&partners), ["shop-a", "shop-b"]);
            let told = partners.quarantined[0].text().to_string();
            assert!(told.starts_with("shop-c is not served: partner.toml line "), "{told}");
            assert!(told.ends_with(&format!("the {key} is also that of the partner shop-a")));
            // The pin is that of the partner that is served.
            assert_eq!(partners.identities().count(), 2);
        }
        let node = Node::new();
        // The one that was served before stays, whatever the names say.
        node.load().keep_good();
        let (own, theirs) = (identity(1, 1).to_string(), identity(7, 3).to_string());
        node.change("shop-a", |text| text.replace(&own, &theirs));
        let partners = node.load();
        assert_eq!(served(&partners), ["shop-b", "shop-c"]);
        assert!(
            partners.quarantined[0]
                .text()
                .to_string()
                .ends_with("the TLS key is also that of the partner shop-c")
        );
    }

    #[test]
    fn one_key_is_one_partner_at_invite() {
        let node = Node::new();
        for (attestation, spki) in [(1, 1), (1, 9), (9, 1)] {
            let identity = identity(attestation, spki);
            let new = policy("shop-d", identity, &[Profile::MatchRate]);
            let refused = create(&node.home, new).unwrap_err();
            let report = refused.lines(&node::failure::Reader::LOG);
            assert!(report.contains("that of the partner shop-a"), "{report}");
        }
        let other = policy("shop-a", identity(9, 9), &[Profile::MatchRate]);
        assert!(create(&node.home, other).is_err());
        let same = policy("shop-a", identity(1, 1), &[Profile::MatchRate]);
        assert!(create(&node.home, same).is_ok());
    }

    #[test]
    fn policy_that_cannot_be_kept_is_no_matter_of_the_others() {
        let node = Node::new();
        std::fs::create_dir(node.file("shop-a").with_file_name("partner.good.toml")).unwrap();
        node.load().keep_good();
        assert!(node.file("shop-c").with_file_name("partner.good.toml").is_file());
        assert_eq!(served(&node.load()), ["shop-a", "shop-b", "shop-c"]);
    }

    #[test]
    fn invite_does_not_overwrite_a_file_with_a_mistake() {
        let node = Node::new();
        node.change("shop-a", |text| text.replace("k_min = 100", "k_min = many"));
        let before = std::fs::read_to_string(node.file("shop-a")).unwrap();
        let again = policy("shop-a", identity(1, 1), &[Profile::MatchRate]);
        assert!(create(&node.home, again).is_err());
        assert_eq!(std::fs::read_to_string(node.file("shop-a")).unwrap(), before);
    }

    #[test]
    fn reload_tells_what_changed_and_what_is_faulty() {
        let node = Node::new();
        let before = node.load();
        assert!(node.load().changes(&before).is_empty());
        node.change("shop-a", |text| text.replace("k_min = 100", "k_min = 200"));
        node.change("shop-b", |text| text.replace("k_min = 100", "k_min = 2"));
        std::fs::remove_dir_all(node.home.path("partners/shop-c")).unwrap();
        create(&node.home, policy("shop-d", identity(4, 4), &[Profile::MatchRate])).unwrap();
        let changes = node.load().changes(&before);
        assert_eq!(changes.len(), 4, "{changes:?}");
        let lines: Vec<String> = changes.iter().map(|change| change.text.to_string()).collect();
        assert_eq!(lines[0], "shop-a: changed, served");
        assert!(lines[1].starts_with("shop-b is not served: partner.toml line"), "{}", lines[1]);
        assert_eq!(lines[2..], ["shop-d: new, served", "shop-c: removed"]);
        assert!(changes[1].faulty && !changes[0].faulty);
    }

    /// A node of partners that digital IDs are released to: name, key, legal entity, group.
    fn releasing(partners: &[(&str, u8, &str, Option<&str>)]) -> Node {
        let (dir, home, _) = home();
        let node = Node { _dir: dir, home };
        for (name, key, entity, group) in partners {
            node.invite(name, *key, entity, *group);
        }
        node
    }

    impl Node {
        fn open(&self, name: &str, key: u8, entity: &str, group: Option<&str>) -> Tenant {
            let mut policy = policy(name, identity(key, key), &[Profile::DigitalIds]);
            policy.legal_entity = entity.to_owned();
            policy.group = group.map(str::to_owned);
            Tenant::open(&self.home, policy, false).unwrap()
        }

        fn invite(&self, name: &str, key: u8, entity: &str, group: Option<&str>) -> Tenant {
            let tenant = self.open(name, key, entity, group);
            tenant.save(&self.home).unwrap();
            tenant
        }

        fn set(&self, name: &str, setting: &str, value: &str) {
            self.change(name, |text| {
                let mut policy: toml::Table = text.parse().unwrap();
                let value: toml::Table = format!("{setting} = {value}").parse().unwrap();
                policy.extend(value);
                policy.to_string()
            });
        }

        /// The only partner that is not served, and the setting in which it differs from whom.
        fn parted(&self) -> (String, String) {
            let partners = self.load();
            let [one] = &partners.quarantined[..] else { panic!("{partners:?}") };
            (one.name.clone(), one.fault.what.to_string())
        }
    }

    #[test]
    fn conditions_of_releases_are_those_of_the_whole_group() {
        let node = releasing(&[("shop-a", 1, "A", None), ("shop-b", 2, "a.", None)]);
        assert_eq!(served(&node.load()), ["shop-a", "shop-b"]);
        for (setting, value) in [
            ("namespaces", "[\"idfa\"]"),
            ("ids_per_person", "9"),
            ("ids_valid_days", "29"),
            ("attributes", "true"),
            ("max_age_days", "89"),
            ("group_min", "101"),
            ("drop_delay_days", "13"),
            ("objection_cover", "21"),
        ] {
            let kept = std::fs::read_to_string(node.file("shop-b")).unwrap();
            node.set("shop-b", setting, value);
            let (name, what) = node.parted();
            let told =
                format!("`{setting}` differs from that of shop-a, of the same company or group");
            assert_eq!((name.as_str(), what), ("shop-b", told));
            std::fs::write(node.file("shop-b"), kept).unwrap();
        }
        // Other partners are free.
        node.invite("shop-c", 3, "C", None);
        node.set("shop-c", "group_min", "200");
        assert!(node.load().quarantined.is_empty());
    }

    /// One of no releases joins two groups, and so does the ledger's memory of one.
    #[test]
    fn partners_that_another_one_joins_are_compared() {
        let node = releasing(&[("shop-b", 2, "X", None), ("shop-c", 3, "C", Some("g"))]);
        node.set("shop-c", "group_min", "200");
        assert!(node.load().quarantined.is_empty());
        let bridge = node.invite("shop-a", 1, "X", Some("g"));
        node.set("shop-a", "profiles", "[\"match-rate\"]");
        assert_eq!(node.parted().0, "shop-c");
        // Nothing that is done to the bridge divides what it joined.
        let ledger = Ledger::open(&node.home.ledger()).unwrap();
        group::Group::of(&ledger, &node.home, &bridge).unwrap();
        std::fs::remove_dir_all(node.home.path("partners/shop-a")).unwrap();
        assert_eq!(node.parted().0, "shop-c");
    }

    #[test]
    fn partner_of_another_name_and_entity_is_of_the_group_that_the_ledger_remembers() {
        let node = releasing(&[("shop-a", 1, "X", None), ("shop-b", 2, "X", None)]);
        let ledger = Ledger::open(&node.home.ledger()).unwrap();
        for tenant in node.load().tenants {
            group::Group::of(&ledger, &node.home, &tenant).unwrap();
        }
        node.set("shop-b", "legal_entity", "\"Other\"");
        node.set("shop-b", "objection_cover", "30");
        assert_eq!(node.parted().0, "shop-b");
    }

    #[test]
    fn who_was_served_under_its_conditions_stays() {
        let node = releasing(&[("shop-b", 2, "X", None), ("shop-c", 3, "X", None)]);
        node.load().keep_good();
        node.invite("aaa", 1, "X", None);
        node.set("aaa", "ids_per_person", "9");
        assert_eq!(node.parted().0, "aaa", "though it is the first by name");
        std::fs::remove_dir_all(node.home.path("partners/aaa")).unwrap();
        // A change holds once all files have it.
        node.set("shop-b", "ids_per_person", "9");
        assert_eq!(node.parted().0, "shop-b");
        node.set("shop-c", "ids_per_person", "9");
        assert_eq!(served(&node.load()), ["shop-b", "shop-c"]);
    }

    #[test]
    fn invited_partner_takes_the_conditions_of_its_group() {
        let node = releasing(&[("shop-b", 2, "X", None)]);
        node.set("shop-b", "namespaces", "[\"idfa\"]");
        node.set("shop-b", "group_min", "150");
        let alone = node.invite("shop-c", 3, "C", None);
        assert!(alone.in_its_group(&node.home).unwrap().is_none());
        let new = node.open("aaa", 1, "X", None);
        let (new, like) = new.in_its_group(&node.home).unwrap().unwrap();
        assert_eq!((new.policy.group_min, like.as_str()), (150, "shop-b"));
        new.save(&node.home).unwrap();
        assert_eq!(served(&node.load()), ["aaa", "shop-b", "shop-c"]);
        assert!(new.in_its_group(&node.home).unwrap().is_none());
    }
}
