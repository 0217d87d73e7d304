//! Release of a session whose profile discloses handles, and what is kept of it.
//!
//! In `digital-ids` the IDs go back to the advertiser; in `activation` they stay here, in a file
//! for the platforms that the provider activates the audience on. Either way the release is
//! recorded first.

use std::path::{Path, PathBuf};

use classes::{Counts, Rule};
use graph::GraphError;
use graph::bundles::StoredBundles;
use graph::handles::StoredHandles;
use graph::people::StoredPeople;
use graph::persons::StoredPersons;
use graph::release::history::{History, Releases};
use graph::release::{
    Bag, Candidates, Decided, DeliveryLabel, Entries, LookedUp, ReleaseConditions, ReleaseSession,
    ReleaseSource, departing,
};
use ledger::Ledger;
use node::failure::Failure;
use protocol::digital_id::DigitalId;
use protocol::error::Bug;
use protocol::limits::{AUDIT_WINDOW_S_DEFAULT, UNKNOWN_HANDLES_MAX};
use protocol::purpose::Purpose;
use protocol::seed::KeyDerivation;
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
use report::{Code, Text};
use rights::objections::Objections;
use serde_json::json;
use session::disclosure::Resolution;
use store::os;
use store::output::Output;
use store::seal::StorageKey;
use store::spill::FixedSorted;
use store::spill::Workspace;

use crate::Home;
use crate::command::object::OBJECTIONS;
use crate::drafts;
use crate::group::{Group, GroupLock};
use crate::namespaces::Namespaces;
use crate::partners::{Partners, Standing};
use crate::policy::{DeliveryForm, ReleasePolicy};
use crate::publish::Published;
use crate::tenant::Tenant;

/// Material of a partner's releases, opened before terms exist, so that nothing can fail
/// once evaluations are reserved.
#[derive(Debug)]
pub(crate) struct DeliveryDesk {
    /// Conditions of the group, the day aside.
    conditions: ReleaseConditions,
    policy: ReleasePolicy,
    storage: StorageKey,
    workspace: Workspace,
    objections: PathBuf,
    /// Objections that the snapshot leaves out already.
    objections_before: u64,
    bundles: StoredBundles,
    /// Persons of the records, and persons whom objections concern, until they are read.
    people: Option<(StoredPersons, StoredPeople)>,
    /// The partner, as it was when the session began.
    tenant: Tenant,
    /// Group of the partner, which earlier releases were made to.
    group: Group,
    history: History,
    /// The directory of the node, which notes files that are not whole yet.
    node: PathBuf,
}

impl DeliveryDesk {
    /// For one partner and snapshot.
    pub(crate) fn open(
        home: &Home,
        (tenant, group): (&Tenant, &Group),
        snapshot: &Published,
    ) -> Result<Self, Failure> {
        let history = History::at(group.path(""), group.united(), &home.storage);
        history.verify()?;
        snapshot.stored.verify()?;
        Ok(Self {
            conditions: tenant.policy.release_conditions(&Namespaces::read(home)?),
            policy: tenant.policy.release(),
            storage: home.storage.clone(),
            workspace: home.workspace()?,
            objections: home.path(OBJECTIONS),
            objections_before: snapshot.stored.objections(),
            bundles: snapshot.stored.bundles()?,
            people: Some((snapshot.stored.persons()?, snapshot.stored.people()?)),
            group: group.clone(),
            history,
            node: home.path(""),
            tenant: tenant.clone(),
        })
    }

    /// Takes the group for a release: the one that the partner belongs to now.
    fn lock_group(&mut self, home: &Home, ledger: &Ledger) -> Result<GroupLock, Failure> {
        let (before, party) = (self.group.clone(), self.tenant.identity.party().0);
        let lock = self.group.lock(ledger, home, &party)?;
        if self.group != before {
            // The conditions of this session may not be those of the group that it is now in.
            let same = match Partners::load(home, Some(ledger))?.standing(&party) {
                Standing::Served(now) => now.policy.differs_in(&self.tenant.policy).is_none(),
                Standing::Quarantined(_) | Standing::Unknown => false,
            };
            if !same {
                let text = Text::new("group-moved").with("partner", &self.tenant.name);
                return Err(Failure::new(Code::SessionBusy, text));
            }
            self.history = History::at(self.group.path(""), self.group.united(), &self.storage);
        }
        Ok(lock)
    }

    /// Settles what releases that were not recorded to their end left; the group is held.
    fn settle(&self) -> Result<(), Failure> {
        self.group.directories().try_for_each(|one| settle(&self.node, one, &self.storage))
    }

    /// Begins the release of a session under a run key; nothing is looked up yet.
    pub(crate) fn begin(
        self,
        (profile, sid): (Profile, &[u8; 32]),
        terms: &MatchTerms,
        (handles, key): (StoredHandles, KeyDerivation),
        now: u64,
    ) -> Result<Delivery, Bug> {
        let today = u32::try_from(now / 86_400).map_err(|_| Bug::invariant())?;
        // Terms cannot make us forget earlier.
        let window = AUDIT_WINDOW_S_DEFAULT.max(terms.audit_until.saturating_sub(now));
        Ok(Delivery {
            profile,
            sid: *sid,
            key,
            purpose: terms.purpose,
            attributes: terms.flags & 1 != 0,
            epsilon_milli: terms.epsilon_milli,
            rule: Rule {
                group_min: terms.group_min,
                drop_delay: self.policy.drop_delay_days,
                objection_cover: self.policy.objection_cover,
                forget_after: u32::try_from(window / 86_400).map_err(|_| Bug::invariant())?,
                ids_max: terms.ids_released_max().ok_or(Bug::invariant())?,
                covered: self.policy.drop_cover,
            },
            conditions: ReleaseConditions { today, ..self.conditions.clone() },
            handles: Some(handles),
            desk: self,
            pending: None,
            noise_handles: 0,
            lock: None,
            entries: None,
        })
    }
}

/// Settles what releases that were not recorded to their end left in the directory of a group,
/// which the caller holds.
pub(crate) fn settle(node: &Path, group: &Path, storage: &StorageKey) -> Result<(), Failure> {
    let history = History::at(group.to_path_buf(), &[], storage);
    drafts::settle(node, group, || Ok(history.head()?))
}

/// The release of one session.
#[derive(Debug)]
pub(crate) struct Delivery {
    desk: DeliveryDesk,
    profile: Profile,
    sid: [u8; 32],
    key: KeyDerivation,
    purpose: Purpose,
    attributes: bool,
    epsilon_milli: u32,
    rule: Rule,
    conditions: ReleaseConditions,
    /// The index of the session's table, until it is read.
    handles: Option<StoredHandles>,
    /// Decision that is not on disk yet.
    pending: Option<Pending>,
    /// Handles of noise rows that came.
    noise_handles: u64,
    /// The group while the release is made: nobody else reads or writes what was released to it.
    lock: Option<GroupLock>,
    entries: Option<Entries>,
}

/// A decision that waits for the session's word.
#[derive(Debug)]
enum Pending {
    /// Digital IDs are released.
    Release(Box<Decided>),
    /// Digital IDs leave at the next release.
    Departures(Releases),
}

impl Pending {
    const fn releases(&self) -> &Releases {
        match self {
            Self::Release(decided) => &decided.releases,
            Self::Departures(releases) => releases,
        }
    }
}

impl Delivery {
    /// Looks up the one batch of handles, and decides what is released for it. Nothing of it is on
    /// disk yet, and the group stays taken until it is, or until the session ends.
    pub(crate) fn resolve(
        &mut self,
        (home, ledger): (&Home, &Ledger),
        handles: FixedSorted,
    ) -> Result<Resolution, Failure> {
        let desk = &mut self.desk;
        self.lock = Some(desk.lock_group(home, ledger)?);
        desk.settle()?;
        let late = Objections::since(&desk.objections, &desk.storage, desk.objections_before)?;
        let (persons, people) = desk.people.take().ok_or(Bug::misuse())?;
        let names = desk.history.names()?;
        let source = ReleaseSource {
            handles: self.handles.take().ok_or(Bug::misuse())?,
            bundles: &mut desk.bundles,
            persons,
            people,
            late: &late,
            names: &names,
            workspace: &desk.workspace,
        };
        let before = desk.history.read()?;
        let handles = handles.try_into()?;
        let (looked_up, pending) = if self.purpose == Purpose::Remove {
            let (looked_up, names) = departing(handles, source)?;
            let mut file = before.file.clone();
            let marked = file.depart(names)?;
            tracing::info!(
                target: "veilmatch::session",
                marked = marked.marked,
                unchanged = marked.unchanged,
                "departures"
            );
            (looked_up, Pending::Departures(before.followed_by(file, &self.sid)))
        } else {
            let (looked_up, candidates) =
                Candidates::look_up(handles, source, &self.conditions, &before.file)?;
            let session = ReleaseSession {
                sid: &self.sid,
                key: &self.key,
                epsilon_milli: self.epsilon_milli,
                attributes: self.attributes && self.profile == Profile::DigitalIds,
            };
            let (rule, conditions) = (&self.rule, &self.conditions);
            let decided =
                Decided::on(candidates, &before, rule, conditions, session, &desk.workspace)?;
            (looked_up, Pending::Release(Box::new(decided)))
        };
        let LookedUp { handles_known, handles_unknown, noise, records } = looked_up;
        // For the operator and T2, who recomputes how many were drawn: nothing on the wire says so.
        tracing::info!(target: "veilmatch::session", noise, "handles of noise rows");
        self.noise_handles = noise;
        let release_head = pending.releases().head;
        // A batch that is refused changes nothing.
        if handles_unknown <= UNKNOWN_HANDLES_MAX {
            self.pending = Some(pending);
        } else {
            self.lock = None;
        }
        Ok(Resolution { handles_known, handles_unknown, records, release_head })
    }

    /// Has bag and history on disk; in `activation` writes what is delivered.
    pub(crate) fn record_release(&mut self) -> Result<(), Failure> {
        match self.pending.take().ok_or(Bug::misuse())? {
            Pending::Departures(releases) => self.desk.history.write(&releases)?,
            Pending::Release(mut decided) => {
                decided.write_bag(&self.desk.history, &self.sid)?;
                self.draft_annex(&decided)?;
                if self.profile == Profile::Activation {
                    self.draft_delivery()?;
                }
                self.desk.history.write(&decided.releases)?;
                let head = Some(decided.releases.head);
                drafts::settle(&self.desk.node, &self.desk.group.path(""), || Ok(head))?;
                let Counts { delivered, held, kept, covered, closed } = decided.counts;
                tracing::info!(
                    target: "veilmatch::session",
                    delivered, held, kept, covered, closed,
                    "release by classes"
                );
            }
        }
        self.lock = None;
        Ok(())
    }

    /// The next digital IDs, and whether they are the last.
    pub(crate) fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), GraphError> {
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                let bag = Bag { history: &self.desk.history, sid: &self.sid };
                let made = bag.entries(self.attributes, &self.desk.workspace)?;
                self.entries.insert(made)
            }
        };
        entries.next_batch()
    }

    /// Removes what only a session that goes on needs, however it ended: none is resumed.
    pub(crate) fn close(&mut self) -> Result<(), Failure> {
        self.desk.history.forget_bag(&self.sid)?;
        // Still held by a release that was not recorded to its end.
        match self.lock.take() {
            Some(_lock) => self.desk.settle(),
            None => Ok(()),
        }
    }

    /// Writes the counts of the release for the operator and the auditor.
    fn draft_annex(&self, decided: &Decided) -> Result<(), Failure> {
        let Counts { delivered, held, kept, covered, closed } = decided.counts;
        let directory = self.desk.group.path(drafts::ANNEXES);
        os::create_private_dir(&directory)?;
        let annex = json!({
            "format": 3,
            "session": store::hex(&self.sid),
            "day": self.conditions.today,
            "release_head": store::hex(&decided.releases.head),
            "persons_delivered": delivered,
            "persons_held": held,
            "persons_kept": kept,
            "persons_covered": covered,
            "digital_ids_closed": closed,
            "noise_handles": self.noise_handles,
        });
        let path = directory.join(format!("{}.json", store::hex(&self.sid)));
        let draft = Output::of_node(&self.desk.node, drafts::draft_of(&path));
        Ok(draft.publish_text(&format!("{annex:#}\n"))?)
    }

    /// Writes the delivery file, then the manifest that names it, without which it is none.
    fn draft_delivery(&mut self) -> Result<(), GraphError> {
        let deliveries = self.desk.tenant.path(drafts::DELIVERIES);
        os::create_private_dir(&deliveries)?;
        let run_id = store::hex(&self.sid);
        let extension = match self.desk.tenant.policy.delivery_form {
            DeliveryForm::Csv => "csv",
            DeliveryForm::Parquet => "parquet",
        };
        let name = format!("{run_id}.{extension}");
        let segment = format!("S-{}", run_id.get(..8).unwrap_or_default());
        let label = DeliveryLabel { run_id: &run_id, segment: &segment };
        let output = Output::of_node(&self.desk.node, deliveries.join(&name));
        let bag = Bag { history: &self.desk.history, sid: &self.sid };
        let file = bag.write_delivery(&output, &label, &self.conditions, &self.desk.workspace)?;
        let manifest = json!({
            "format": 1,
            "name": name,
            "rows": file.rows,
            "sha256": store::hex(&file.sha256),
            "profile": self.profile.name(),
            "purpose": self.purpose.name(),
        });
        let beside = drafts::draft_of(&deliveries.join(format!("{run_id}.manifest.json")));
        let beside = Output::of_node(&self.desk.node, beside);
        Ok(beside.publish_text(&format!("{manifest:#}\n"))?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Barrier;

    use channel::identity::PublicIdentity;
    use protocol::identifier::{IdentifierKind, PrfInput, RulesetId};
    use rights::RightsError;
    use rights::objections::{FeedRules, import_feed};
    use store::spill::FixedSorter;

    use crate::policy::PartnerPolicy;
    use crate::tables::tests::{NOW, World};
    use crate::tables::{Ready, ReadyKey};
    use crate::tenant::POLICY;

    use super::*;

    /// Persons enough for K of them to be released, however many wait.
    const PERSONS: u64 = 260;

    fn world() -> World {
        let lines: String = (0..PERSONS)
            .map(|n| {
                let identifier = format!("p{n},a{n},email,n{n}@exemple.fr");
                format!("{identifier},cookie,a.example,value-{n:03},login,2026-11-01\n")
            })
            .collect();
        world_of(&lines)
    }

    fn world_of(lines: &str) -> World {
        let mut world = World::with(lines);
        Namespaces::learn(&world.home, world.snapshot.stored.namespaces()).unwrap();
        world.tenant.policy.namespaces = vec!["a.example".to_owned()];
        world
    }

    fn terms(profile: Profile) -> MatchTerms {
        let kinds = [IdentifierKind::EMAIL_STRICT, IdentifierKind::EMAIL_GMAIL];
        let ruleset = RulesetId::from_code(1).unwrap();
        let mut terms = MatchTerms::defaults(profile, ruleset, &kinds);
        terms.namespaces = vec![0x0100];
        terms
    }

    /// A session in which the first `matched` leaves of the snapshot match.
    fn session(world: &World, profile: Profile, sid: u8, matched: usize) -> (Delivery, Resolution) {
        session_with(world, profile, sid, matched, |_| ())
    }

    /// The same with other terms.
    fn session_with(
        world: &World,
        profile: Profile,
        sid: u8,
        matched: usize,
        edit: impl Fn(&mut MatchTerms),
    ) -> (Delivery, Resolution) {
        world.ensure(profile);
        session_under(world, world.ready(profile).unwrap(), sid, matched, edit)
    }

    /// The same under a table that a session opened before.
    fn session_under(
        world: &World,
        ready: Ready,
        sid: u8,
        matched: usize,
        edit: impl Fn(&mut MatchTerms),
    ) -> (Delivery, Resolution) {
        let (mut delivery, handles) = begun(world, ready, sid, matched, edit);
        let resolution = delivery.resolve((&world.home, &world.ledger()), handles).unwrap();
        (delivery, resolution)
    }

    /// The same up to the batch of handles.
    fn begun(
        world: &World,
        ready: Ready,
        sid: u8,
        matched: usize,
        edit: impl Fn(&mut MatchTerms),
    ) -> (Delivery, FixedSorted) {
        let mut terms = terms(ready.profile);
        edit(&mut terms);
        let profile = ready.profile;
        let ReadyKey::Run(key) = &ready.key else { panic!("a run key") };
        let mut handles = FixedSorter::new(&world.dir.path().join("work"), 16, 1 << 16).unwrap();
        let mut leaves = world.snapshot.stored.leaves().unwrap();
        for _ in 0..matched {
            let leaf = leaves.next_leaf().unwrap().unwrap();
            let output = key.key.output(&PrfInput::of(&leaf.identifier));
            handles.push(output.handle().expose_bytes()).unwrap();
        }
        let keyring = world.tenant.keyring(&world.home).unwrap();
        keyring.mark_run_used(ready.key_id(), NOW).unwrap();
        let group = (&world.tenant, &world.group());
        let desk = DeliveryDesk::open(&world.home, group, &world.snapshot).unwrap();
        let source = (ready.handles.unwrap(), key.derivation.clone());
        let sid = [sid; 32];
        let delivery = desk.begin((profile, &sid), &terms, source, NOW).unwrap();
        (delivery, handles.finish().unwrap())
    }

    fn values(delivery: &mut Delivery) -> BTreeSet<Vec<u8>> {
        let (ids, last) = delivery.digital_ids().unwrap();
        assert!(last);
        assert!(ids.iter().all(|id| id.namespace == 0x0100 && !id.has_attributes()));
        ids.into_iter().map(|id| id.value).collect()
    }

    fn annex(world: &World, sid: u8) -> serde_json::Value {
        let name = format!("annexes/{}.json", store::hex(&[sid; 32]));
        serde_json::from_str(&std::fs::read_to_string(world.group().path(&name)).unwrap()).unwrap()
    }

    const ALL: usize = PERSONS as usize;

    #[test]
    fn matched_records_yield_a_bag_that_is_the_same_for_the_same_list() {
        let world = world();
        let (mut delivery, resolution) = session(&world, Profile::DigitalIds, 1, ALL);
        assert_eq!((resolution.handles_known, resolution.handles_unknown), (PERSONS, 0));
        assert_eq!(resolution.records, PERSONS);
        delivery.record_release().unwrap();
        let first = values(&mut delivery);
        let told = annex(&world, 1);
        assert_eq!(told["persons_delivered"], first.len());
        assert_eq!(told["persons_held"], ALL - first.len());
        assert_eq!(told["release_head"], store::hex(&resolution.release_head));
        assert!((ALL - 110..=ALL).contains(&first.len()));
        delivery.close().unwrap();
        // Another run has another key and table; without one row, which the class waits for.
        let (mut delivery, again) = session(&world, Profile::DigitalIds, 2, ALL - 1);
        assert_ne!(again.release_head, resolution.release_head);
        delivery.record_release().unwrap();
        assert_eq!(values(&mut delivery), first);
        // A few persons alone are never delivered.
        let (mut delivery, few) = session(&world, Profile::DigitalIds, 3, 20);
        assert_eq!(few.records, 20);
        delivery.record_release().unwrap();
        assert!(values(&mut delivery).is_empty());
        let (mut delivery, _) = session(&world, Profile::Activation, 4, ALL);
        delivery.record_release().unwrap();
        assert_eq!(annex(&world, 4)["persons_delivered"], first.len());
    }

    /// A partner whose group is united with another one while a session of it goes on.
    struct Union {
        world: World,
        /// Digital IDs that were delivered to it before.
        first: BTreeSet<Vec<u8>>,
        /// Directory of the group that the session was begun in.
        old: PathBuf,
    }

    impl Union {
        /// With the session, and one of a sibling, in which the same persons match.
        fn new(edit: impl Fn(&mut PartnerPolicy)) -> (Self, [(Delivery, FixedSorted); 2]) {
            let mut world = world();
            std::fs::write(world.tenant.path(POLICY), world.tenant.policy.text().unwrap()).unwrap();
            let (mut delivery, _) = session(&world, Profile::DigitalIds, 1, ALL);
            delivery.record_release().unwrap();
            let first = values(&mut delivery);
            let begun = |world: &World, sid| {
                world.ensure(Profile::DigitalIds);
                begun(world, world.ready(Profile::DigitalIds).unwrap(), sid, ALL, |_| ())
            };
            let (old, one) = (world.group().path(""), begun(&world, 2));
            let identity = PublicIdentity { attestation_key: [7; 32], spki: [7; 32] };
            let mut policy = PartnerPolicy {
                name: "sibling".to_owned(),
                identity: identity.to_string(),
                group: Some("retail".to_owned()),
                ..world.tenant.policy.clone()
            };
            edit(&mut policy);
            world.tenant = crate::tenant::tests::create(&world.home, policy).unwrap();
            assert_eq!(world.group().name(), "retail");
            let other = begun(&world, 3);
            (Self { world, first, old }, [one, other])
        }

        fn release(&self, session: (Delivery, FixedSorted)) -> BTreeSet<Vec<u8>> {
            let (mut delivery, handles) = session;
            delivery.resolve((&self.world.home, &self.world.ledger()), handles).unwrap();
            delivery.record_release().unwrap();
            values(&mut delivery)
        }

        /// Both releases are in one history: each bag is as before, and who waited waits.
        fn assert_one_history(&self, bags: &[BTreeSet<Vec<u8>>]) {
            assert!(bags.iter().all(|bag| *bag == self.first), "{bags:?}");
            assert!(!self.old.join("classes").exists() && self.old.join("classes.united").exists());
            let group = self.world.group();
            let history = History::at(group.path(""), group.united(), &self.world.home.storage);
            let head = store::hex(&history.read().unwrap().head);
            let heads = [2, 3].map(|sid| annex(&self.world, sid)["release_head"].clone());
            assert!(heads[0] != heads[1] && heads.contains(&head.into()));
        }
    }

    #[test]
    fn session_that_began_before_a_union_releases_into_the_united_history() {
        for sibling_first in [true, false] {
            let (union, mut sessions) = Union::new(|_| ());
            if sibling_first {
                sessions.reverse();
            }
            let bags = sessions.map(|session| union.release(session));
            union.assert_one_history(&bags);
        }
    }

    #[test]
    fn sessions_of_before_and_after_a_union_that_release_at_once_have_one_history() {
        let (union, sessions) = Union::new(|_| ());
        let barrier = Barrier::new(2);
        let bags = std::thread::scope(|scope| {
            let threads = sessions.map(|session| {
                scope.spawn(|| {
                    barrier.wait();
                    union.release(session)
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        union.assert_one_history(&bags);
    }

    #[test]
    fn session_under_other_conditions_than_the_united_group_releases_nothing() {
        let (union, [(mut delivery, handles), _]) = Union::new(|sibling| {
            sibling.name = "a-sibling".to_owned();
            sibling.ids_per_person = 9;
        });
        let node = (&union.world.home, &union.world.ledger());
        let refused = delivery.resolve(node, handles).unwrap_err();
        assert_eq!(refused.code(), Code::SessionBusy, "{refused}");
        assert!(union.old.join("classes").exists());
    }

    #[test]
    fn a_decision_that_is_not_recorded_changes_no_history() {
        let world = world();
        let (delivery, abandoned) = session(&world, Profile::DigitalIds, 1, ALL);
        drop(delivery);
        let (mut delivery, resolution) = session(&world, Profile::DigitalIds, 1, 5);
        assert_ne!(resolution.release_head, abandoned.release_head);
        delivery.record_release().unwrap();
        assert!(values(&mut delivery).is_empty());
    }

    /// Names of the files in the directories of annexes, deliveries and bags, without digits.
    fn files(world: &World) -> Vec<String> {
        let group = world.group();
        [group.path("annexes"), world.tenant.path("deliveries"), group.path("bags")]
            .iter()
            .flat_map(|directory| crate::drafts::names(directory).unwrap())
            .map(|name| name.to_str().unwrap()[64..].to_owned())
            .collect()
    }

    const WHOLE: [&str; 3] = [".json", ".csv", ".manifest.json"];

    #[test]
    fn release_without_annex_or_delivery_is_not_in_the_history() {
        for blocked in ["annexes", "deliveries", "classes"] {
            let world = world();
            let path = match blocked {
                "deliveries" => world.tenant.path(blocked),
                _ => world.group().path(blocked),
            };
            let (mut delivery, _) = session(&world, Profile::Activation, 1, ALL);
            match blocked {
                "classes" => std::fs::create_dir(&path).unwrap(),
                _ => std::fs::write(&path, "").unwrap(),
            }
            delivery.record_release().unwrap_err();
            if blocked == "classes" {
                assert_eq!(files(&world).len(), 4, "all of it is ready");
                std::fs::remove_dir(&path).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
            assert!(!world.group().path("classes").exists(), "{blocked}");
            delivery.close().unwrap();
            drop(delivery);
            assert!(files(&world).is_empty(), "{blocked}");
            // The next one is the first.
            let (mut delivery, _) = session(&world, Profile::Activation, 2, ALL);
            delivery.record_release().unwrap();
            delivery.close().unwrap();
            assert_eq!(files(&world), WHOLE);
        }
    }

    #[test]
    fn files_of_a_release_that_a_crash_cut_off_are_completed_if_the_history_has_it() {
        for made in [true, false] {
            let world = world();
            let (mut delivery, _) = session(&world, Profile::Activation, 1, ALL);
            delivery.record_release().unwrap();
            drop(delivery);
            let run = store::hex(&[1; 32]);
            let annex = world.group().path(&format!("annexes/{run}.json"));
            let manifest = world.tenant.path(&format!("deliveries/{run}.manifest.json"));
            // As before the last steps.
            for file in [&annex, &manifest] {
                std::fs::rename(file, drafts::draft_of(file)).unwrap();
            }
            if !made {
                std::fs::remove_file(world.group().path("classes")).unwrap();
            }
            assert_eq!(files(&world).len(), 4, "with a bag");
            crate::group::sweep(&world.home).unwrap();
            let left = if made { &WHOLE[..] } else { &[] };
            assert_eq!(files(&world), left);
        }
    }

    #[test]
    fn departures_leave_the_next_bag_with_their_cover() {
        let world = world();
        let (mut delivery, _) = session(&world, Profile::DigitalIds, 1, ALL);
        delivery.record_release().unwrap();
        let first = values(&mut delivery);
        let remove = |terms: &mut MatchTerms| terms.purpose = Purpose::Remove;
        let (mut delivery, _) = session_with(&world, Profile::Activation, 2, 20, remove);
        delivery.record_release().unwrap();
        assert!(!world.tenant.path("deliveries").exists(), "nothing is activated");
        let (mut delivery, _) = session(&world, Profile::DigitalIds, 3, ALL);
        delivery.record_release().unwrap();
        let left = values(&mut delivery);
        assert!(left.is_subset(&first) && first.len() - left.len() >= 20);
    }

    fn object(world: &World, feed: &str) {
        let file = world.dir.path().join("feed.csv");
        std::fs::write(&file, format!("type,value\n{feed}")).unwrap();
        let normalizer = world.home.config.common.normalizer();
        let workspace = world.home.workspace().unwrap();
        let rules = FeedRules { normalizer: &normalizer, spills: &workspace.directory };
        let input = tabular::Input {
            file: tabular::InputFile::new(&file),
            reading: std::sync::Arc::default(),
        };
        let store = world.home.path(OBJECTIONS);
        let feed = import_feed(&store, &[input], &rules, &world.home.storage, NOW).unwrap();
        assert_eq!(feed.counts().left(), 0);
    }

    #[test]
    fn objection_after_the_table_keeps_ids_back() {
        let world = world();
        let (mut delivery, _) = session(&world, Profile::DigitalIds, 1, ALL);
        delivery.record_release().unwrap();
        let first = values(&mut delivery);
        world.ensure(Profile::DigitalIds);
        let ready = world.ready(Profile::DigitalIds).unwrap();
        object(&world, "Email,N0@exemple.fr\ncookie:A.example,value-001\n");
        assert!(world.ready(Profile::DigitalIds).is_none(), "nobody is offered that table now");
        let (mut delivery, resolution) = session_under(&world, ready, 2, ALL, |_| ());
        assert_eq!(resolution.records, PERSONS);
        delivery.record_release().unwrap();
        let objected = [b"value-000".to_vec(), b"value-001".to_vec()];
        let left: BTreeSet<Vec<u8>> =
            first.into_iter().filter(|value| !objected.contains(value)).collect();
        assert_eq!(values(&mut delivery), left);
    }

    /// By a line that was not published: its evidence has no meaning, or its digital ID is none.
    #[test]
    fn objection_by_any_identifier_of_the_file_concerns_the_person() {
        let more = "p0,a0,email,unseen@exemple.fr,cookie,a.example,value-900,guess,2026-11-01\n\
                    p1,b1,email,other@exemple.fr,idfa,,zero,login,2026-11-01\n";
        let lines: String = (0..PERSONS)
            .map(|n| {
                let identifier = format!("p{n},a{n},email,n{n}@exemple.fr");
                format!("{identifier},cookie,a.example,value-{n:03},login,2026-11-01\n")
            })
            .collect();
        let world = world_of(&format!("{lines}{more}"));
        world.ensure(Profile::DigitalIds);
        let ready = world.ready(Profile::DigitalIds).unwrap();
        object(&world, "email,unseen@exemple.fr\nemail,other@exemple.fr\n");
        let (mut delivery, resolution) = session_under(&world, ready, 1, ALL, |_| ());
        assert_eq!(resolution.records, PERSONS);
        delivery.record_release().unwrap();
        let released = values(&mut delivery);
        assert!(released.iter().all(|value| value > &b"value-001".to_vec()));
        let told = annex(&world, 1);
        let held = told["persons_held"].as_u64().unwrap();
        assert_eq!(released.len() as u64 + held, PERSONS - 2);
        drop(delivery);
        // The next table does not have them at all.
        let (_, resolution) = session(&world, Profile::DigitalIds, 2, ALL);
        assert_eq!((resolution.handles_known, resolution.records), (PERSONS - 2, PERSONS - 2));
    }

    /// Also those that came after the snapshot, which does not know of them.
    #[test]
    fn lost_objections_stop_tables_and_releases() {
        let world = world();
        object(&world, "email,n0@exemple.fr\n");
        world.ensure(Profile::DigitalIds);
        let ready = world.ready(Profile::DigitalIds).unwrap();
        let ReadyKey::Run(key) = &ready.key else { panic!("a run key") };
        let source = (ready.handles.unwrap(), key.derivation.clone());
        let World { home, tenant, snapshot, .. } = &world;
        assert_eq!(snapshot.stored.objections(), 0);
        std::fs::remove_dir_all(home.path(OBJECTIONS)).unwrap();
        let lost = crate::tables::ready(home, tenant, snapshot, Profile::DigitalIds, &[], NOW);
        assert_eq!(lost.unwrap_err().exit().code(), 74);
        let desk = DeliveryDesk::open(home, (tenant, &world.group()), snapshot).unwrap();
        let terms = terms(Profile::DigitalIds);
        let session = (Profile::DigitalIds, &[1; 32]);
        let mut delivery = desk.begin(session, &terms, source, NOW).unwrap();
        let none = FixedSorter::new(&world.dir.path().join("work"), 16, 1 << 16).unwrap();
        let node = (home, &world.ledger());
        let refused = delivery.resolve(node, none.finish().unwrap()).unwrap_err();
        let lost = refused.get();
        assert!(matches!(lost, Some(RightsError::Lost { found: 0, least: 1, .. })), "{refused}");
    }

    #[test]
    fn activation_keeps_a_private_file_with_its_manifest() {
        let mut world = world();
        for (form, sid) in [(DeliveryForm::Csv, 1), (DeliveryForm::Parquet, 2)] {
            world.tenant.policy.delivery_form = form;
            let (mut delivery, _) = session(&world, Profile::Activation, sid, ALL);
            delivery.record_release().unwrap();
        }
        let deliveries = world.tenant.path("deliveries");
        for (sid, extension) in [([1; 32], "csv"), ([2; 32], "parquet")] {
            let path = deliveries.join(format!("{}.{extension}", store::hex(&sid)));
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let manifest = deliveries.join(format!("{}.manifest.json", store::hex(&sid)));
            let text = std::fs::read_to_string(manifest).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(manifest["rows"], annex(&world, sid[0])["persons_delivered"]);
            assert_eq!(manifest["profile"], "activation");
            assert_eq!(manifest["purpose"], "ads.match");
            assert_eq!(manifest["name"], path.file_name().unwrap().to_str().unwrap());
        }
        let csv = deliveries.join(format!("{}.csv", store::hex(&[1; 32])));
        let rows = annex(&world, 1)["persons_delivered"].as_u64().unwrap();
        assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count() as u64, rows + 1);
    }
}
