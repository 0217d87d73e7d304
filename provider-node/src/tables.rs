//! Tables of partners, built ahead of the sessions: one for each profile that the policy allows.
//!
//! The aligned table serves an epoch under the epoch's key. Each shuffled profile has some prepared
//! tables, each under a key of its own that serves one run; when a key is spent another table is
//! prepared. Every bit of a table is verified before it is offered, and a damaged one is built
//! again. A table lies in a directory named by profile, snapshot and key, which gets its name
//! when all of it is on disk, so that no half of one table is ever served with half of another.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use graph::GraphError;
use graph::handles::StoredHandles;
use graph::table::{NoiseTags, StoredTable, TableConditions, TableFiles, TableKey, Workers, build};
use node::engine::Engine;
use node::failure::Failure;
use protocol::error::Bug;
use protocol::message::TableDescriptor;
use protocol::purpose::Purpose;
use protocol::suite::{Order, Profile, SuiteId};
use rights::objections::{Objections, recorded};
use serde::{Deserialize, Serialize};
use session::advertiser::MetKey;
use session::provider::{MatchKey, Prepared};
use store::StoreError;
use store::keyring::{AlignedKey, Keyring, RunKey};
use store::os::{self, DirectoryLock, DraftDir};

use crate::Home;
use crate::command::object::OBJECTIONS;
use crate::policy::PartnerPolicy;
use crate::publish::Published;
use crate::tenant::Tenant;

/// A table that may be offered, opened, so that its retirement does not reach a session.
#[derive(Debug)]
pub(crate) struct Ready {
    /// The profile it serves.
    pub(crate) profile: Profile,
    /// The key it was made under.
    pub(crate) key: ReadyKey,
    /// Size and root of the table.
    pub(crate) table: TableDescriptor,
    /// Frames of the table.
    pub(crate) frames: StoredTable,
    /// Records that its handles name, for profiles that disclose handles.
    pub(crate) handles: Option<StoredHandles>,
    /// Noise elements whose tags the table holds.
    noise_tags: u64,
}

/// The key of a table.
#[derive(Debug)]
pub(crate) enum ReadyKey {
    /// Key of the epoch.
    Aligned(AlignedKey),
    /// Key of one run.
    Run(RunKey),
}

impl Ready {
    /// Part of it that a session needs.
    pub(crate) fn prepared(&self, home: &Home, tenant: &Tenant, snapshot: &Published) -> Prepared {
        let (key, manifest) = match &self.key {
            ReadyKey::Aligned(key) => (MatchKey::Aligned(key.key.clone()), &key.manifest),
            ReadyKey::Run(key) => {
                (MatchKey::Shuffled(key.key.clone(), key.derivation.clone()), &key.manifest)
            }
        };
        Prepared {
            profile: self.profile,
            key,
            manifest: manifest.clone(),
            snapshot: snapshot.signed.clone(),
            table: self.table,
            filter: tenant.policy.link_filter(),
            kinds: tenant.policy.kind_codes(),
            purpose: tenant.policy.purpose(),
            ruleset: home.config.common.ruleset.code(),
            noise_tags: self.noise_tags,
        }
    }

    /// Id of its key.
    pub(crate) const fn key_id(&self) -> &[u8; 16] {
        match &self.key {
            ReadyKey::Aligned(key) => &key.manifest.body.key_id,
            ReadyKey::Run(key) => &key.manifest.body.key_id,
        }
    }
}

/// Progress of the table of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Table that may be offered, with its number of tags.
    Ready(u64),
    /// Somebody builds it.
    Building,
    /// Nobody does.
    Missing,
}

/// A table of the tenant's of the current snapshot for a profile, if one is built, whole, and may
/// be offered; none under a run key that `spent` names.
pub(crate) fn ready(
    home: &Home,
    tenant: &Tenant,
    snapshot: &Published,
    profile: Profile,
    spent: &[MetKey],
    now: u64,
) -> Result<Option<Ready>, Failure> {
    let objections = recorded(&home.path(OBJECTIONS), &home.storage)?;
    let found = find(tenant, &tenant.keyring(home)?, (snapshot, objections), profile, now)?;
    for found in found {
        let of_run = profile.suite() == SuiteId::Shuffled;
        if of_run && spent.iter().any(|met| met.key.key_id == found.key_id) {
            // Terms were signed for it, whatever its mark says.
            tenant.keyring(home)?.retire_run(&found.key_id, now)?;
            continue;
        }
        if let Some(ready) = open(home, tenant, profile, found, now)? {
            return Ok(Some(ready));
        }
    }
    Ok(None)
}

/// Opens a table that was found, if it still may be offered and is whole.
fn open(
    home: &Home,
    tenant: &Tenant,
    profile: Profile,
    found: Found,
    now: u64,
) -> Result<Option<Ready>, Failure> {
    let keyring = tenant.keyring(home)?;
    let signer = home.identity.attestation_key();
    let partner = tenant.identity.party().0;
    let key = match profile.suite() {
        SuiteId::Aligned => {
            let key = keyring.aligned(&signer, &partner, now)?;
            (key.manifest.body.key_id == found.key_id).then_some(ReadyKey::Aligned(key))
        }
        SuiteId::Shuffled => {
            keyring.prepared_run(&signer, &partner, &found.key_id, now)?.map(ReadyKey::Run)
        }
    };
    let Some(key) = key else { return Ok(None) };
    if !found.is_whole(home, profile)? {
        return Ok(None);
    }
    let described = found.described();
    let frames = StoredTable::open_verified(&found.directory.join(FRAMES), &described);
    let Some(frames) = unless_gone(frames)? else { return Ok(None) };
    let index = found.directory.join(HANDLES);
    let handles = match profile.sends_handles() {
        true => unless_gone(StoredHandles::open(&index, &home.storage))?,
        false => None,
    };
    if handles.is_some() != profile.sends_handles() {
        return Ok(None);
    }
    let noise_tags = found.stored.conditions.noise_tags;
    Ok(Some(Ready { profile, key, table: described, frames, handles, noise_tags }))
}

/// Progress of the tenant's table for a profile; makes neither key nor directory.
pub(crate) fn state(
    home: &Home,
    tenant: &Tenant,
    snapshot: Option<&Published>,
    profile: Profile,
    now: u64,
) -> Result<State, Failure> {
    let objections = recorded(&home.path(OBJECTIONS), &home.storage)?;
    let found = match (snapshot, tenant.keyring_if_made(home)?) {
        (Some(snapshot), Some(keyring)) => {
            find(tenant, &keyring, (snapshot, objections), profile, now)?
        }
        _ => Vec::new(),
    };
    if let Some(found) = found.first() {
        return Ok(State::Ready(found.stored.tag_count));
    }
    let directory = tenant.tables_path();
    let prefix = format!(".{}.", profile.name());
    let drafted = names(&directory).iter().any(|name| name.starts_with(&prefix));
    Ok(match drafted && DirectoryLock::is_held(&directory) {
        true => State::Building,
        false => State::Missing,
    })
}

/// Builds the tenant's tables for a profile until `wanted` are there and whole, and removes those
/// that can no longer be offered. In aligned order there is one.
///
/// One process at a time builds for a tenant; another one waits, and finds the tables built.
pub(crate) fn ensure(
    home: &Home,
    tenant: &Tenant,
    snapshot: &Published,
    (profile, wanted): (Profile, u8),
    engine: &Engine,
    now: u64,
    progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    let keyring = tenant.keyring(home)?;
    let objections = recorded(&home.path(OBJECTIONS), &home.storage)?;
    let whole = || {
        let mut whole = 0_usize;
        for found in find(tenant, &keyring, (snapshot, objections), profile, now)? {
            whole = whole.saturating_add(usize::from(found.is_whole(home, profile)?));
        }
        Ok::<_, Failure>(whole)
    };
    // What tables are made from, and releases are taken from, is looked at before either.
    snapshot.stored.verify()?;
    let wanted = match profile.suite() {
        SuiteId::Aligned => 1,
        SuiteId::Shuffled => usize::from(wanted.max(1)),
    };
    if whole()? >= wanted {
        return Ok(());
    }
    let tables = tenant.tables()?;
    let lock = DirectoryLock::wait(&tables)?;
    lock.sweep()?;
    let signer = home.identity.attestation_key();
    let partner = tenant.identity.party().0;
    let build = Build { home, tenant, snapshot, profile, engine, progress };
    for _ in whole()?..wanted {
        match profile.suite() {
            SuiteId::Aligned => {
                let key = keyring.aligned(&signer, &partner, now)?;
                let id = key.manifest.body.key_id;
                let (key, derivation) = (&*key.key, &key.derivation);
                build.table(&TableKey { key, derivation, noise: None }, &id)?;
            }
            SuiteId::Shuffled => {
                let key = keyring.make_run(&signer, &partner, now)?;
                let id = key.manifest.body.key_id;
                let (key, derivation) = (&*key.key, &key.derivation);
                let noise = Some(NoiseTags { key, count: tenant.policy.noise_tags(profile) });
                build.table(&TableKey { key, derivation, noise }, &id)?;
            }
        }
    }
    keyring.sweep_runs(now)?;
    retire(tenant, &keyring, (snapshot, objections), now)
}

/// Material that one table is built from.
struct Build<'a> {
    home: &'a Home,
    tenant: &'a Tenant,
    snapshot: &'a Published,
    profile: Profile,
    engine: &'a Engine,
    progress: &'a dyn Fn(u64),
}

impl Build<'_> {
    fn table<O: Order>(&self, key: &TableKey<'_, O>, key_id: &[u8; 16]) -> Result<(), Failure> {
        let Self { home, tenant, snapshot, profile, engine, progress } = *self;
        let late =
            Objections::since(&home.path(OBJECTIONS), &home.storage, snapshot.stored.objections())?;
        let conditions = TableConditions {
            filter: tenant.policy.link_filter(),
            kinds: tenant.policy.kind_codes(),
            purpose: tenant.policy.purpose(),
            at: u64::from(snapshot.signed.body.day).saturating_mul(86_400),
            left_out: snapshot.stored.left_out(&late)?,
        };
        let draft = DraftDir::create(&tenant.tables()?, profile.name())?;
        let (frames, handles) = (draft.path(FRAMES), draft.path(HANDLES));
        let files = TableFiles {
            frames: &frames,
            handles: profile.sends_handles().then_some((handles.as_path(), &home.storage)),
        };
        let workspace = home.workspace()?;
        let workers = Workers { arithmetic: engine.arithmetic(), threads: engine.threads() };
        let table =
            build(&snapshot.stored, &conditions, key, workers, &files, &workspace, progress)?;
        let stored = Stored {
            tag_count: table.tag_count,
            root: table.root,
            objections: late.recorded(),
            conditions: Conditions::of(&tenant.policy, profile),
        };
        let text = serde_json::to_string(&stored).map_err(|_| Bug::invariant())?;
        os::publish_atomically(&draft.path(TABLE), os::PRIVATE_MODE, |out| {
            out.write_all(text.as_bytes())
        })?;
        let name = format!("{}{}", prefix(profile, snapshot), store::hex(key_id));
        // One of the same key may be there that was made for other conditions, or is not whole.
        let _ = std::fs::remove_dir_all(tenant.tables_path().join(&name));
        Ok(draft.publish(&name)?)
    }
}

/// A table on disk.
struct Found {
    directory: PathBuf,
    key_id: [u8; 16],
    stored: Stored,
}

impl Found {
    fn described(&self) -> TableDescriptor {
        TableDescriptor { tag_count: self.stored.tag_count, root: self.stored.root }
    }

    /// Tells if every bit of the table is as it was built; one that is not is removed, with a line
    /// in the log, and another is built in its place.
    fn is_whole(&self, home: &Home, profile: Profile) -> Result<bool, Failure> {
        let frames = StoredTable::open_verified(&self.directory.join(FRAMES), &self.described());
        let verified = frames.and_then(|_| match profile.sends_handles() {
            true => StoredHandles::verify(&self.directory.join(HANDLES), &home.storage),
            false => Ok(()),
        });
        match unless_gone(verified) {
            Ok(found) => Ok(found.is_some()),
            Err(
                GraphError::Store(StoreError::Damaged { .. })
                | GraphError::Store(StoreError::Contradiction { .. }),
            ) => {
                tracing::warn!(
                    target: "veilmatch::table",
                    "the table in {} is damaged and is built again",
                    self.directory.display()
                );
                // What fails to go is damaged the next time too.
                let _ = std::fs::remove_dir_all(&self.directory);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The table of this name, if it is whole, of the tenant's conditions, and without everybody
    /// who has objected.
    fn read(tenant: &Tenant, state: Graph<'_>, profile: Profile, name: &str) -> Option<Self> {
        let (snapshot, objections) = state;
        let key_id = name.strip_prefix(&prefix(profile, snapshot)).and_then(from_hex)?;
        let directory = tenant.tables_path().join(name);
        let text = std::fs::read_to_string(directory.join(TABLE)).ok()?;
        let stored: Stored = serde_json::from_str(&text).ok()?;
        let current = stored.conditions == Conditions::of(&tenant.policy, profile)
            && stored.objections == objections;
        let whole = directory.join(FRAMES).exists()
            && (!profile.sends_handles() || directory.join(HANDLES).exists());
        (current && whole).then_some(Self { directory, key_id, stored })
    }
}

/// The snapshot in force, and how many objections there are.
type Graph<'a> = (&'a Published, u64);

/// The tables that may be offered now, if they are whole.
fn find(
    tenant: &Tenant,
    keyring: &Keyring,
    state: Graph<'_>,
    profile: Profile,
    now: u64,
) -> Result<Vec<Found>, Failure> {
    let mut tables = Vec::new();
    for name in names(&tenant.tables_path()) {
        let Some(found) = Found::read(tenant, state, profile, &name) else { continue };
        let offered = match profile.suite() {
            SuiteId::Aligned => keyring.aligned_id(now)? == Some(found.key_id),
            SuiteId::Shuffled => keyring.is_run_prepared(&found.key_id, now)?,
        };
        if offered {
            tables.push(found);
        }
    }
    Ok(tables)
}

/// Removes every table that may not be offered any more. A session that reads one has it open.
fn retire(tenant: &Tenant, keyring: &Keyring, state: Graph<'_>, now: u64) -> Result<(), Failure> {
    let mut kept = Vec::new();
    for profile in tenant.policy.served_profiles() {
        let found = find(tenant, keyring, state, profile, now)?;
        kept.extend(found.into_iter().map(|found| found.directory));
    }
    let directory = tenant.tables_path();
    for name in names(&directory) {
        let path = directory.join(&name);
        // What fails to go is only in the way of nothing.
        if path.is_dir() && !kept.contains(&path) {
            let _ = std::fs::remove_dir_all(path);
        }
    }
    Ok(())
}

/// Opened table; none if another process retired it since it was found.
fn unless_gone<T>(opened: Result<T, GraphError>) -> Result<Option<T>, GraphError> {
    match opened {
        Err(GraphError::Store(StoreError::Io { source, .. }))
            if source.kind() == ErrorKind::NotFound =>
        {
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

/// Names in a directory, sorted; none if there is no directory.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The name of a table's directory up to the id of its key.
fn prefix(profile: Profile, snapshot: &Published) -> String {
    format!("{}-{}-", profile.name(), snapshot.name)
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    let value = u128::from_str_radix(text, 16).ok()?;
    let id = value.to_be_bytes();
    (store::hex(&id) == text).then_some(id)
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    tag_count: u64,
    root: [u8; 32],
    /// Number of objections it was made without: a later one makes it out of date.
    objections: u64,
    conditions: Conditions,
}

/// Conditions a table was filtered by; another policy makes another table.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conditions {
    kinds: Vec<u8>,
    max_age_days: u16,
    purpose: Purpose,
    /// Noise elements whose tags it holds.
    noise_tags: u64,
}

impl Conditions {
    fn of(policy: &PartnerPolicy, profile: Profile) -> Self {
        Self {
            kinds: policy.kind_codes(),
            max_age_days: policy.max_age_days,
            purpose: policy.purpose(),
            noise_tags: policy.noise_tags(profile),
        }
    }
}

const TABLE: &str = "table.json";
const FRAMES: &str = "frames";
const HANDLES: &str = "handles";

#[cfg(test)]
pub(crate) mod tests {
    use graph::GraphRules;
    use rights::objections::Objections;

    use super::*;

    pub(crate) const NOW: u64 = 1_793_577_600;
    const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

    /// A provider with one partner and a graph.
    pub(crate) struct World {
        pub(crate) dir: tempfile::TempDir,
        pub(crate) home: Home,
        pub(crate) tenant: Tenant,
        pub(crate) snapshot: Published,
        engine: std::sync::Arc<Engine>,
    }

    impl World {
        fn new() -> Self {
            Self::with(&format!("p,a,email,one@exemple.fr,aaid,,{AAID},login,2026-11-01\n"))
        }

        /// Lines are of person, persona, type, value, type of ID, namespace, ID, evidence, day.
        pub(crate) fn with(lines: &str) -> Self {
            Self::at(lines, NOW)
        }

        /// The same, ingested at another time.
        pub(crate) fn at(lines: &str, now: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let identity = node::home::Home::<node::settings::testing::OfAdvertiser>::create(
                &dir.path().join("a"),
            )
            .unwrap();
            Home::create(&dir.path().join("p")).unwrap();
            let home = Home::open(&dir.path().join("p")).unwrap();
            let policy = crate::tenant::tests::policy("partner", identity, &Profile::ALL);
            let tenant = crate::tenant::tests::create(&home, policy).unwrap();
            let file = dir.path().join("links.csv");
            let header = "person_ref,persona_ref,type,value,id_type,id_namespace,id_value,\
                          evidence,day";
            std::fs::write(&file, format!("{header}\n{lines}")).unwrap();
            let normalizer = home.config.common.normalizer();
            let objections = Objections::none(&home.storage).unwrap();
            let arithmetic = protocol::group::Portable;
            let rules = GraphRules {
                normalizer: &normalizer,
                objections: &objections,
                arithmetic: &arithmetic,
                now,
                watched: &tabular::Watched::default(),
                map: None,
            };
            let day = u32::try_from(now / 86_400).unwrap();
            let snapshot =
                Published::ingest(&home, &[tabular::Input::own(&file)], &rules, day, None).unwrap();
            Self { dir, home, tenant, snapshot, engine: Engine::start(1) }
        }

        /// The group of the partner.
        pub(crate) fn group(&self) -> crate::group::Group {
            crate::group::Group::of(&self.ledger(), &self.home, &self.tenant).unwrap()
        }

        pub(crate) fn ledger(&self) -> ledger::Ledger {
            ledger::Ledger::open_anew(&self.home.ledger()).unwrap()
        }

        pub(crate) fn ready(&self, profile: Profile) -> Option<Ready> {
            ready(&self.home, &self.tenant, &self.snapshot, profile, &[], NOW).unwrap()
        }

        fn state(&self, profile: Profile) -> State {
            state(&self.home, &self.tenant, Some(&self.snapshot), profile, NOW).unwrap()
        }

        pub(crate) fn ensure(&self, profile: Profile) {
            let Self { home, tenant, snapshot, engine, .. } = self;
            ensure(home, tenant, snapshot, (profile, 1), engine, NOW, &|_| {}).unwrap();
        }

        fn tables(&self) -> usize {
            names(&self.tenant.tables_path()).iter().filter(|name| *name != "lock").count()
        }
    }

    #[test]
    fn each_profile_has_a_table_under_a_key_of_its_own() {
        let world = World::new();
        let mut keys = std::collections::BTreeSet::new();
        for profile in Profile::ALL {
            assert_eq!(world.state(profile), State::Missing);
            world.ensure(profile);
            assert_eq!(world.state(profile), State::Ready(32_768));
            let ready = world.ready(profile).unwrap();
            assert_eq!(ready.handles.is_some(), profile.sends_handles());
            keys.insert(*ready.key_id());
        }
        assert_eq!((keys.len(), world.tables()), (4, 4));
        assert!(world.dir.path().exists());
    }

    #[test]
    fn used_table_is_never_offered_again_and_another_is_prepared() {
        let world = World::new();
        world.ensure(Profile::DigitalIds);
        let used = world.ready(Profile::DigitalIds).unwrap();
        // Offered again as long as no terms were signed for its key.
        assert_eq!(world.ready(Profile::DigitalIds).unwrap().key_id(), used.key_id());
        let keyring = world.tenant.keyring(&world.home).unwrap();
        keyring.mark_run_used(used.key_id(), NOW).unwrap();
        assert!(world.ready(Profile::DigitalIds).is_none());
        assert_eq!(world.state(Profile::DigitalIds), State::Missing);
        world.ensure(Profile::DigitalIds);
        assert_ne!(world.ready(Profile::DigitalIds).unwrap().key_id(), used.key_id());
        assert_eq!(world.tables(), 1);
        // The session of the retired table reads on.
        let mut frames = used.frames;
        assert!(frames.next_frame().unwrap().is_some());
        assert!(used.handles.unwrap().next_entry().unwrap().is_some());
    }

    /// Files below a directory.
    fn files(directory: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for name in names(directory) {
            let path = directory.join(name);
            match path.is_dir() {
                true => found.extend(files(&path)),
                false => found.push(path),
            }
        }
        found
    }

    #[test]
    fn flipped_bit_in_any_stored_file_is_mended_or_named() {
        let world = World::new();
        let profiles = [Profile::DigitalIds, Profile::MatchedRows];
        profiles.into_iter().for_each(|profile| world.ensure(profile));
        let offer = || -> Result<(), Failure> {
            let World { home, tenant, engine, .. } = &world;
            let Some(snapshot) = Published::current(home)? else { panic!("a snapshot") };
            for profile in profiles {
                ensure(home, tenant, &snapshot, (profile, 1), engine, NOW, &|_| {})?;
                let mut ready = ready(home, tenant, &snapshot, profile, &[], NOW)?.unwrap();
                let table = ready.table;
                let mut tags = 0_u64;
                while let Some(frame) = ready.frames.next_frame()? {
                    tags += u64::from(frame.header.elements);
                }
                assert_eq!(tags, table.tag_count);
            }
            crate::delivery::DeliveryDesk::open(home, (tenant, &world.group()), &snapshot).map(drop)
        };
        offer().unwrap();
        let (graph, tenant) = (world.home.path("graph"), &world.tenant);
        let stored = [graph, tenant.path("keys"), tenant.tables_path()];
        let flip = |kind: &str| {
            let all: Vec<PathBuf> = stored.iter().flat_map(|directory| files(directory)).collect();
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
            let path = all.iter().find(|path| name(path).starts_with(kind)).unwrap();
            let whole = std::fs::read(path).unwrap();
            let mut altered = whole.clone();
            let middle = altered.len() / 2;
            altered[middle] ^= 1;
            std::fs::write(path, altered).unwrap();
            let offered = offer();
            if let Err(failure) = &offered {
                assert_eq!(failure.exit().code(), 74, "{kind}");
                let report = failure.lines(&node::failure::Reader::LOG);
                assert!(report.contains(&name(path)), "{kind}: {report}");
                std::fs::write(path, whole).unwrap();
                offer().unwrap();
            }
            offered.is_ok()
        };
        for kind in ["run-", "frames", "handles", "table.json"] {
            assert!(flip(kind), "{kind} is not mended");
        }
        let snapshot = ["leaves", "digital-ids", "people", "snapshot.meta", "snapshot.seed"];
        for kind in snapshot.into_iter().chain(["snapshot.signed", "current", "aligned-"]) {
            assert!(!flip(kind), "{kind} is not named");
        }
        let aside = files(&tenant.path("keys"));
        let aside = aside.iter().filter(|path| path.extension().is_some_and(|it| it == "damaged"));
        assert_eq!(aside.count(), 1, "the run key was put aside");
    }

    #[test]
    fn table_that_changes_while_it_is_sent_is_not_sent() {
        let world = World::new();
        world.ensure(Profile::MatchedRows);
        let found = names(&world.tenant.tables_path()).into_iter().find(|name| name != "lock");
        let path = world.tenant.tables_path().join(found.unwrap()).join(FRAMES);
        let mut ready = world.ready(Profile::MatchedRows).unwrap();
        let mut altered = std::fs::read(&path).unwrap();
        let last = altered.len() - 1;
        altered[last] ^= 1;
        std::fs::write(&path, altered).unwrap();
        assert!(matches!(
            ready.frames.next_frame(),
            Err(GraphError::Store(StoreError::Damaged { .. }))
        ));
    }

    #[test]
    fn several_tables_are_prepared_and_a_spent_one_is_passed_over() {
        let world = World::new();
        let World { home, tenant, snapshot, engine, .. } = &world;
        let prepare = || {
            ensure(home, tenant, snapshot, (Profile::MatchRate, 2), engine, NOW, &|_| {}).unwrap()
        };
        prepare();
        assert_eq!(world.tables(), 2);
        let first = world.ready(Profile::MatchRate).unwrap();
        // The ledger remembers it, although its mark is lost.
        let ReadyKey::Run(key) = &first.key else { panic!("a run key") };
        let met = MetKey { key: key.manifest.known_key().unwrap(), answered: false };
        let second = ready(home, tenant, snapshot, Profile::MatchRate, &[met], NOW);
        assert_ne!(second.unwrap().unwrap().key_id(), first.key_id());
        assert_ne!(world.ready(Profile::MatchRate).unwrap().key_id(), first.key_id(), "retired");
        prepare();
        assert_eq!(world.tables(), 2);
    }

    #[test]
    fn table_of_narrower_noise_is_not_offered() {
        let mut world = World::new();
        let profile = Profile::MatchRate;
        (world.tenant.policy.noise_unit, world.tenant.policy.row_width_max) = (1, 1);
        world.ensure(profile);
        // 111 draws apart at most at 0.125, whatever the policy's own loss is.
        let noise_tags = |world: &World| {
            let World { home, tenant, snapshot, .. } = world;
            world.ready(profile).map(|it| it.prepared(home, tenant, snapshot).noise_tags)
        };
        assert_eq!(noise_tags(&world), Some(111 * 2));
        for (unit, width, tags) in [(1, 2, 111 * 6), (2, 1, 233 * 2)] {
            let policy = &mut world.tenant.policy;
            (policy.noise_unit, policy.row_width_max) = (unit, width);
            assert_eq!(noise_tags(&world), None);
            assert_eq!(world.state(profile), State::Missing);
            world.ensure(profile);
            assert_eq!(noise_tags(&world), Some(tags));
        }
    }

    #[test]
    fn half_of_a_table_is_not_offered() {
        let mut world = World::new();
        let tables = world.tenant.tables().unwrap();
        let lock = DirectoryLock::acquire(&tables).unwrap();
        std::mem::forget(DraftDir::create(&tables, "match-rate").unwrap());
        assert_eq!(world.state(Profile::MatchRate), State::Building);
        assert_eq!(world.state(Profile::DigitalIds), State::Missing);
        drop(lock);
        assert_eq!(world.state(Profile::MatchRate), State::Missing);
        world.ensure(Profile::MatchedRows);
        assert_eq!(world.tables(), 1);
        // Other conditions under the same key take the place of the first.
        world.tenant.policy.max_age_days = 30;
        assert!(world.ready(Profile::MatchedRows).is_none());
        world.ensure(Profile::MatchedRows);
        assert!(world.ready(Profile::MatchedRows).is_some());
        assert_eq!(world.tables(), 1);
        let directory = tables.join(names(&tables).into_iter().find(|n| n != "lock").unwrap());
        std::fs::remove_file(directory.join(FRAMES)).unwrap();
        assert!(world.ready(Profile::MatchedRows).is_none());
        world.ensure(Profile::MatchedRows);
        assert!(world.ready(Profile::MatchedRows).is_some());
    }
}
