//! The legal group of a partner: owner of budgets, and of what was released [L-14].
//!
//! A group has a directory, `groups/GROUP`, that outlives tenants, their keys and their removal;
//! the ledger remembers its members. A partner belongs to the group of its legal entity, under a
//! name that no policy can name: invited again under another name or with other keys, it is where
//! it was. The group that its policy names is united with that one, and so is any group that the
//! partner belonged to before; groups are never divided. What was united stays in its own
//! directory, for whoever reads the history of a group to join it to that of the other one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use graph::release::history::History;
use ledger::{Ledger, Membership};
use node::failure::Failure;
use normalize::entity::{are_near, letters};
use protocol::error::Bug;
use report::{Arg, Code, Text};
use store::os::{self, DirectoryLock, OsError};

use crate::tenant::Tenant;
use crate::{Home, delivery, drafts};

/// The group of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    name: String,
    directory: PathBuf,
    /// Directories of the groups that were united into this one.
    united: Vec<PathBuf>,
}

impl Group {
    /// The group of a partner, which the partner is a member of from now on.
    ///
    /// A partner that was a member of another group than its policy names unites both, as soon as
    /// no release of either is under way.
    ///
    /// # Errors
    ///
    /// [`Failure`] of storage; [`Code::SessionBusy`] if a release goes on for too long.
    pub(crate) fn of(ledger: &Ledger, home: &Home, tenant: &Tenant) -> Result<Self, Failure> {
        let mut name = Self::join(ledger, home, tenant, of_entity(home, tenant)?)?;
        if let Some(group) = &tenant.policy.group {
            name = Self::join(ledger, home, tenant, group.clone())?;
        }
        Self::named(ledger, home, name)
    }

    /// Has a partner belong to the group of a name, with all of the group that it belongs to.
    fn join(
        ledger: &Ledger,
        home: &Home,
        tenant: &Tenant,
        name: String,
    ) -> Result<String, Failure> {
        let partner = tenant.identity.party().0;
        for _ in 0..TRIES {
            match ledger.membership(&partner, &name)? {
                Membership::Member(group) => return Ok(group),
                Membership::New(_) => ledger.join_group(&partner, &name)?,
                Membership::Divided { own, named } => {
                    // The name that stays is one that somebody gave, if either is.
                    let (from, into) = match is_unnamed(&named) {
                        true => (named, own),
                        false => (own, named),
                    };
                    let _both = (lock(home, (&from).min(&into))?, lock(home, (&from).max(&into))?);
                    ledger.unite_groups(&from, &into)?;
                    tracing::info!(target: "veilmatch::session", from, into, "groups united");
                }
            }
        }
        // Others change the groups all the time.
        Err(Bug::invariant().into())
    }

    /// Takes the group of a partner for a release: from reading what was released to writing what
    /// is.
    ///
    /// Groups may have been united since the session began: this is then the group that the partner
    /// belongs to now. It stays so as long as the lock is held, for a union takes it too.
    ///
    /// # Errors
    ///
    /// [`Code::SessionBusy`] if another release goes on for too long; [`Failure`] of storage.
    pub(crate) fn lock(
        &mut self,
        ledger: &Ledger,
        home: &Home,
        partner: &[u8; 32],
    ) -> Result<GroupLock, Failure> {
        for _ in 0..TRIES {
            // In one order for whoever takes several.
            let mut directories: Vec<&PathBuf> = self.directories().collect();
            directories.sort();
            let locks = directories.iter().map(|one| lock_directory(&self.name, one));
            let lock = locks.collect::<Result<_, _>>().map(GroupLock)?;
            let name = ledger.group_of(partner)?.ok_or(Bug::invariant())?;
            let now = Self::named(ledger, home, name)?;
            if now == *self {
                return Ok(lock);
            }
            *self = now;
        }
        // Others change the groups all the time.
        Err(Bug::invariant().into())
    }

    /// Name of the group.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A path inside the directory of the group.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Directories of the groups that were united into this one. Nothing is written there any more:
    /// what they hold is part of the history of this group.
    pub(crate) fn united(&self) -> &[PathBuf] {
        &self.united
    }

    /// The directory of the group, and those of the groups that were united into it.
    pub(crate) fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        self.united.iter().chain([&self.directory])
    }

    fn named(ledger: &Ledger, home: &Home, name: String) -> Result<Self, Failure> {
        let united = ledger.united_into(&name)?;
        let united = united.iter().map(|name| make_directory(home, name));
        Ok(Self {
            directory: make_directory(home, &name)?,
            united: united.collect::<Result<_, _>>()?,
            name,
        })
    }
}

/// Removes the bags of sessions that ended with the service, and settles what releases of theirs
/// left. A session that a service could resume would keep its bag; none is resumed yet.
///
/// A fault of one group is told in the log, and to whoever asks for a release to it.
///
/// # Errors
///
/// [`Failure`] if the groups cannot be listed.
pub(crate) fn sweep(home: &Home) -> Result<(), Failure> {
    for name in drafts::names(&home.path(GROUPS))? {
        let (directory, group) = (home.path(GROUPS).join(&name), name.to_string_lossy());
        let swept = || {
            let _lock = lock_directory(&group, &directory)?;
            History::at(directory.clone(), &[], &home.storage).forget_bags()?;
            delivery::settle(&home.path(""), &directory, &home.storage)
        };
        if let Err(failure) = swept() {
            let report = &failure;
            tracing::warn!(target: "veilmatch::session", %group, "not swept: {report}");
        }
    }
    Ok(())
}

/// Sole use of what a group was released, for as long as this lives.
#[derive(Debug)]
#[must_use]
pub(crate) struct GroupLock(#[expect(dead_code, reason = "held")] Vec<DirectoryLock>);

/// Numbers of the groups of partners, in their order: those with one number are one group, or will
/// be from the next session of one of them on. A partner of two groups unites them, whatever it may
/// run itself; without a ledger, what policies say decides alone.
pub(crate) fn numbers(
    home: &Home,
    ledger: Option<&Ledger>,
    tenants: &[&Tenant],
) -> Result<Vec<usize>, Failure> {
    let mut numbers = Vec::with_capacity(tenants.len());
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (at, tenant) in tenants.iter().enumerate() {
        numbers.push(at);
        for name in names(home, ledger, tenant)? {
            let other = *by_name.entry(name).or_insert(at);
            let united: Vec<usize> =
                [at, other].iter().filter_map(|one| numbers.get(*one).copied()).collect();
            let [own, theirs] = united[..] else { return Err(Bug::invariant().into()) };
            numbers.iter_mut().filter(|one| **one == own).for_each(|one| *one = theirs);
        }
    }
    Ok(numbers)
}

/// Others among these partners who are of one group with a partner.
pub(crate) fn kin<'t>(
    home: &Home,
    ledger: Option<&Ledger>,
    tenants: &'t [Tenant],
    one: &'t Tenant,
) -> Result<Vec<&'t Tenant>, Failure> {
    let mut all: Vec<&Tenant> = tenants.iter().filter(|other| other.name != one.name).collect();
    let others = all.clone();
    all.push(one);
    let numbers = numbers(home, ledger, &all)?;
    let own = numbers.last().copied();
    let kin = others.into_iter().zip(numbers).filter(|(_, number)| Some(*number) == own);
    Ok(kin.map(|(other, _)| other).collect())
}

/// Names of the groups that a partner belongs to, or will.
fn names(home: &Home, ledger: Option<&Ledger>, tenant: &Tenant) -> Result<Vec<String>, Failure> {
    let (mut names, party) = (Vec::new(), tenant.identity.party().0);
    for name in [Some(of_entity(home, tenant)?), tenant.policy.group.clone()].into_iter().flatten()
    {
        match ledger.map(|ledger| ledger.membership(&party, &name)).transpose()? {
            None => names.push(name),
            Some(Membership::Member(group) | Membership::New(group)) => names.push(group),
            Some(Membership::Divided { own, named }) => names.extend([own, named]),
        }
    }
    Ok(names)
}

/// Warnings of companies that may be that of a partner under another spelling and are not of its
/// group: those of known partners, and those whose group outlived them.
pub(crate) fn near(
    home: &Home,
    ledger: Option<&Ledger>,
    known: &[&Tenant],
    one: &Tenant,
) -> Result<Vec<Text>, Failure> {
    let own = letters(&one.policy.legal_entity);
    let (joined, party) = (names(home, ledger, one)?, one.identity.party().0);
    let (mut warnings, mut told) = (Vec::new(), Vec::new());
    for other in known.iter().filter(|other| other.name != one.name) {
        let entity = &other.policy.legal_entity;
        told.push(of_entity(home, other)?);
        let apart = !names(home, ledger, other)?.iter().any(|name| joined.contains(name));
        if apart && are_near(&own, &letters(entity)) {
            let text = Text::new("invite-near").with("partner", &other.name).with("entity", entity);
            warnings.push(match &other.policy.group {
                Some(group) => text.with("named", "yes").with("group", group),
                None => text.with("named", "no").with("group", ""),
            });
        }
    }
    for name in drafts::names(&home.path(GROUPS))? {
        let Some(name) = name.to_str().filter(|name| !told.iter().any(|one| one == name)) else {
            continue;
        };
        let Some((theirs, _)) = name.strip_prefix(ENTITY).and_then(|name| name.rsplit_once('-'))
        else {
            continue;
        };
        let group = match ledger.map(|ledger| ledger.membership(&party, name)).transpose()? {
            None => name.to_owned(),
            Some(Membership::Member(group) | Membership::New(group)) => group,
            Some(Membership::Divided { named, .. }) => named,
        };
        if !joined.contains(&group) && are_near(&shown(&own), theirs) {
            warnings.push(Text::new("invite-near-before").with("group", group));
        }
    }
    Ok(warnings)
}

/// Name of the group of a partner's legal entity.
fn of_entity(home: &Home, tenant: &Tenant) -> Result<String, Failure> {
    let letters = letters(&tenant.policy.legal_entity);
    let [a, b, c, d, ..] = home.storage.keyed_hash(ENTITIES)?.of(&[letters.as_bytes()]);
    Ok(format!("{ENTITY}{}-{}", shown(&letters), store::hex(&[a, b, c, d])))
}

/// Letters of a legal entity in the name of its group.
fn shown(letters: &str) -> String {
    letters.chars().filter(char::is_ascii_alphanumeric).take(ENTITY_SHOWN).collect()
}

/// True for the name of a group that nobody named: that of a legal entity.
pub(crate) fn is_unnamed(name: &str) -> bool {
    name.starts_with(ENTITY)
}

fn make_directory(home: &Home, name: &str) -> Result<PathBuf, Failure> {
    let directory = home.private_dir(GROUPS)?.join(name);
    os::create_private_dir(&directory)?;
    Ok(directory)
}

fn lock(home: &Home, name: &str) -> Result<DirectoryLock, Failure> {
    lock_directory(name, &make_directory(home, name)?)
}

fn lock_directory(name: &str, directory: &Path) -> Result<DirectoryLock, Failure> {
    match DirectoryLock::wait_at_most(directory, PATIENCE) {
        Ok(held) => Ok(held),
        Err(OsError::Locked { .. }) => {
            let text = Text::new("group-busy").with("group", Arg::Word(name.to_owned()));
            Err(Failure::new(Code::SessionBusy, text))
        }
        Err(error) => Err(error.into()),
    }
}

const GROUPS: &str = "groups";
/// Begin of the name of the group of a legal entity; a name that a policy gives has no such sign.
const ENTITY: &str = "entity.";
const ENTITIES: &str = "legal-entities";
/// Letters of an entity in the name of its directory, for whoever looks there.
const ENTITY_SHOWN: usize = 40;
/// Time to wait for another release of the group.
const PATIENCE: Duration = match cfg!(test) {
    true => Duration::from_millis(300),
    false => Duration::from_secs(60),
};
const TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use channel::identity::PublicIdentity;
    use protocol::suite::Profile;

    use crate::tenant::tests::{create, home, policy};

    use super::*;

    struct Node {
        _dir: tempfile::TempDir,
        home: Home,
        ledger: Ledger,
    }

    impl Node {
        fn new() -> Self {
            let (dir, home, _) = home();
            let ledger = Ledger::open(&home.ledger()).unwrap();
            Self { _dir: dir, home, ledger }
        }

        /// A partner whose policy names this group.
        fn tenant(&self, name: &str, key: u8, group: Option<&str>) -> Tenant {
            let identity = PublicIdentity { attestation_key: [key; 32], spki: [key; 32] };
            let mut policy = policy(name, identity, &[Profile::MatchRate]);
            policy.group = group.map(str::to_owned);
            policy.legal_entity = format!("{name} SA");
            create(&self.home, policy).unwrap()
        }

        /// The same, of this legal entity.
        fn of_entity(&self, name: &str, key: u8, entity: &str) -> Group {
            let mut tenant = self.tenant(name, key, None);
            tenant.policy.legal_entity = entity.to_owned();
            self.group(&tenant)
        }

        fn group(&self, tenant: &Tenant) -> Group {
            Group::of(&self.ledger, &self.home, tenant).unwrap()
        }

        fn lock(&self, group: &mut Group, tenant: &Tenant) -> Result<GroupLock, Failure> {
            group.lock(&self.ledger, &self.home, &tenant.identity.party().0)
        }
    }

    #[test]
    fn partner_without_a_group_is_one_that_no_policy_can_name() {
        let node = Node::new();
        let alone = node.group(&node.tenant("shop-a", 1, None));
        let named = node.group(&node.tenant("shop-b", 2, Some("shop-a")));
        assert_ne!(alone.name(), named.name());
        assert_ne!(alone.path("classes"), named.path("classes"));
        assert!(alone.path("").is_dir() && named.path("").is_dir());
        let mut policy = node.tenant("shop-c", 3, None).policy;
        for group in [alone.name(), "", "..", "a/b", "A", "a b"] {
            policy.group = Some(group.to_owned());
            assert!(create(&node.home, policy.clone()).is_err(), "{group}");
        }
    }

    #[test]
    fn group_outlives_policy_keys_name_and_directory_of_its_partner() {
        let node = Node::new();
        let first = node.of_entity("shop-a", 1, "Enseigne A SAS");
        // Invited again with other keys; under another name; under both, and a sloppier spelling.
        for (name, key, entity) in [
            ("shop-a", 2, "Enseigne A SAS"),
            ("shop-y", 1, "Enseigne A SAS"),
            ("shop-z", 3, "ENSEIGNE A S.A.S. "),
        ] {
            for gone in ["shop-a", "shop-y", "shop-z"] {
                let _ = std::fs::remove_dir_all(crate::tenant::directory(&node.home, gone));
            }
            assert_eq!(node.of_entity(name, key, entity).name(), first.name(), "{name}");
        }
        let members = node.ledger.members_of(first.name()).unwrap();
        assert_eq!(members.len(), 3);
        let reopened = Ledger::open(&node.home.ledger()).unwrap();
        assert_eq!(reopened.members_of(first.name()).unwrap(), members);
        assert_ne!(node.of_entity("shop-b", 4, "Enseigne B SAS").name(), first.name());
        // The same keys under the name of another company bring their group along.
        let _ = std::fs::remove_dir_all(crate::tenant::directory(&node.home, "shop-z"));
        let moved = node.of_entity("shop-c", 3, "Enseigne C SAS");
        assert_eq!(moved.name(), node.of_entity("shop-d", 5, "Enseigne A SAS").name());
    }

    #[test]
    fn spelling_of_a_company_makes_no_other_group() {
        let node = Node::new();
        let spellings = [
            "Société Générale Straße SA",
            "Socie\u{301}te\u{301} Ge\u{301}ne\u{301}rale Strasse SA",
            "SOCIETE GENERALE STRASSE, S.A.",
        ];
        let groups: Vec<Group> = (1..)
            .zip(spellings)
            .map(|(key, entity)| node.of_entity(&format!("shop-{key}"), key, entity))
            .collect();
        assert!(groups.iter().all(|group| group == &groups[0]), "{groups:?}");
        assert!(groups[0].name().starts_with("entity.societegeneralestrassesa-"));
    }

    #[test]
    fn company_that_may_be_a_known_one_is_told_with_its_group() {
        let node = Node::new();
        let tenant = |name: &str, key: u8, entity: &str, group: Option<&str>| {
            let mut tenant = node.tenant(name, key, group);
            tenant.policy.legal_entity = entity.to_owned();
            tenant
        };
        let a = tenant("shop-a", 1, "Enseigne A SAS", Some("retail"));
        let b = tenant("shop-b", 2, "Boutique B", None);
        let (of_a, of_b) = (node.group(&a), node.group(&b));
        let near = |known: &[&Tenant], new: &Tenant| -> Vec<String> {
            let warnings = near(&node.home, Some(&node.ledger), known, new).unwrap();
            warnings.iter().map(ToString::to_string).collect()
        };
        let new = tenant("shop-c", 3, "Enseigne A SA", None);
        let told = near(&[&a, &b], &new);
        let [told] = &told[..] else { panic!("{told:?}") };
        for part in ["shop-a", "Enseigne A SAS", "--legal-group retail"] {
            assert!(told.contains(part), "{told}");
        }
        // The group outlives the partner; the ledger knows where it went.
        let told = near(&[&b], &new);
        assert!(told.len() == 1 && told[0].contains(of_a.name()), "{told:?}");
        let told = near(&[&a], &tenant("shop-d", 4, "Boutiques B", None));
        assert!(told.len() == 1 && told[0].contains(of_b.name()), "{told:?}");
        // Neither one of the group, nor one of quite another name.
        assert!(near(&[&a, &b], &tenant("shop-c", 3, "Enseigne A SA", Some("retail"))).is_empty());
        assert!(near(&[&a, &b], &tenant("shop-c", 3, "enseigne a s.a.s", None)).is_empty());
        assert!(near(&[&a, &b], &tenant("shop-c", 3, "Magasin C", None)).is_empty());
    }

    #[test]
    fn groups_are_united_and_never_divided() {
        let node = Node::new();
        let [a, b] = [("shop-a", 1), ("shop-b", 2)].map(|(name, key)| node.tenant(name, key, None));
        let (alone_a, alone_b) = (node.group(&a), node.group(&b));
        let named = |tenant: &Tenant, group: Option<&str>| {
            let mut tenant = tenant.clone();
            tenant.policy.group = group.map(str::to_owned);
            node.group(&tenant)
        };
        let both = named(&a, Some("retail"));
        assert_eq!((both.name(), both.united()), ("retail", &[alone_a.path("")][..]));
        assert_eq!(node.group(&b).name(), alone_b.name());
        assert_eq!(named(&b, Some("retail")).united(), [alone_a.path(""), alone_b.path("")]);
        // Neither taking the name away nor another one divides them.
        assert_eq!(named(&a, None).name(), "retail");
        assert_eq!(named(&b, Some("other")).name(), "other");
        assert_eq!(named(&a, Some("retail")).name(), "other");
        assert_eq!(node.group(&a).name(), "other");
        assert_eq!(node.ledger.members_of("other").unwrap().len(), 2);
        // One of the same company brings its own group along, or comes to that of the company.
        assert_eq!(node.of_entity("shop-d", 4, "shop-a SA").name(), "other");
        // A new partner that is named for the old name comes to the same group.
        assert_eq!(node.group(&node.tenant("shop-c", 3, Some("retail"))).name(), "other");
    }

    #[test]
    fn one_release_of_a_group_goes_on_at_a_time_and_no_union_meanwhile() {
        let node = Node::new();
        let (a, b) = (node.tenant("shop-a", 1, Some("g")), node.tenant("shop-b", 2, Some("g")));
        let (mut of_a, mut of_b) = (node.group(&a), node.group(&b));
        let held = node.lock(&mut of_a, &a).unwrap();
        let busy = node.lock(&mut of_b, &b).unwrap_err();
        assert_eq!((busy.exit().code(), busy.code()), (75, Code::SessionBusy));
        let mut moved = b.clone();
        moved.policy.group = Some("h".to_owned());
        let busy = Group::of(&node.ledger, &node.home, &moved).unwrap_err();
        assert_eq!(busy.code(), Code::SessionBusy);
        assert_eq!(node.group(&b).name(), "g");
        let barrier = Barrier::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                barrier.wait();
                node.lock(&mut of_b, &b).map(drop)
            });
            barrier.wait();
            drop(held);
            waiting.join().unwrap().unwrap();
        });
        assert_eq!(node.group(&moved).name(), "h");
    }

    #[test]
    fn bags_of_sessions_that_ended_are_removed_in_all_groups() {
        let node = Node::new();
        let a = node.tenant("shop-a", 1, None);
        let alone = node.group(&a).path("bags");
        let mut named = a.clone();
        named.policy.group = Some("retail".to_owned());
        let bags = [alone, node.group(&named).path("bags")];
        for directory in &bags {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("00"), "sealed").unwrap();
        }
        sweep(&node.home).unwrap();
        assert!(bags.iter().all(|bag| !bag.exists()));
        // Nobody is held up.
        drop(node.lock(&mut node.group(&a), &a).unwrap());
    }

    #[test]
    fn group_of_a_session_that_began_before_a_union_is_the_united_one() {
        let node = Node::new();
        let a = node.tenant("shop-a", 1, None);
        let mut begun = node.group(&a);
        let before = begun.path("");
        let mut named = a.clone();
        named.policy.group = Some("retail".to_owned());
        node.group(&named);
        let held = node.lock(&mut begun, &a).unwrap();
        assert_eq!((begun.name(), begun.united()), ("retail", &[before.clone()][..]));
        // Nobody else has what is taken over, nor joins another group meanwhile.
        assert!(DirectoryLock::is_held(&before) && DirectoryLock::is_held(&begun.path("")));
        let other = node.tenant("shop-b", 2, Some("other"));
        node.group(&other);
        named.policy.group = Some("other".to_owned());
        let busy = Group::of(&node.ledger, &node.home, &named).unwrap_err();
        assert_eq!(busy.code(), Code::SessionBusy);
        drop(held);
        node.group(&named);
        drop(node.lock(&mut begun, &a).unwrap());
        assert_eq!((begun.name(), begun.united().len()), ("other", 3));
    }
}
