//! Release of a session whose profile discloses handles, and what is kept of it.
//!
//! In `digital-ids` the IDs go back to the advertiser; in `activation` they stay here, in a file
//! for the platforms that the provider activates the audience on. Either way the release is
//! recorded first.

use std::collections::BTreeMap;
use std::path::PathBuf;

use graph::GraphError;
use graph::bundles::StoredBundles;
use graph::handles::StoredHandles;
use graph::people::StoredPeople;
use graph::release::releases::Releases;
use graph::release::{DeliveryLabel, Entries, ReleaseConditions, ReleaseSource, Resolved};
use node::failure::Failure;
use protocol::digital_id::DigitalId;
use protocol::error::Bug;
use protocol::limits::AUDIT_WINDOW_S_DEFAULT;
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use protocol::terms::MatchTerms;
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
use crate::namespaces::Namespaces;
use crate::policy::DeliveryForm;
use crate::publish::Published;
use crate::tenant::Tenant;

/// Material of a partner's releases, opened before terms exist, so that nothing can fail
/// once evaluations are reserved.
#[derive(Debug)]
pub(crate) struct DeliveryDesk {
    names: BTreeMap<u16, String>,
    storage: StorageKey,
    workspace: Workspace,
    objections: PathBuf,
    /// Objections that the snapshot leaves out already.
    objections_before: u64,
    bundles: StoredBundles,
    /// Persons whom objections concern, until they are read.
    people: Option<StoredPeople>,
    releases: Releases,
    /// The directory of the node, which notes files that are not whole yet.
    node: PathBuf,
    deliveries: PathBuf,
    form: DeliveryForm,
}

impl DeliveryDesk {
    /// For one partner and snapshot.
    pub(crate) fn open(
        home: &Home,
        tenant: &Tenant,
        snapshot: &Published,
    ) -> Result<Self, Failure> {
        let releases = Releases::at(tenant.path("releases"), &home.storage);
        releases.verify()?;
        snapshot.stored.verify()?;
        Ok(Self {
            names: Namespaces::read(home)?.by_code(),
            storage: home.storage.clone(),
            workspace: home.workspace()?,
            objections: home.path(OBJECTIONS),
            objections_before: snapshot.stored.objections(),
            bundles: snapshot.stored.bundles()?,
            people: Some(snapshot.stored.people()?),
            releases,
            node: home.path(""),
            deliveries: tenant.path("deliveries"),
            form: tenant.policy.delivery_form,
        })
    }

    /// Begins the release of a session; nothing is looked up yet.
    pub(crate) fn begin(
        self,
        profile: Profile,
        sid: &[u8; 32],
        terms: &MatchTerms,
        handles: StoredHandles,
        now: u64,
    ) -> Delivery {
        let named = |code: &u16| Some((self.names.get(code)?.clone(), *code));
        let attributes = terms.flags & 1 != 0;
        let conditions = ReleaseConditions {
            namespaces: terms.namespaces.iter().filter_map(named).collect(),
            ids_per_record_max: terms.ids_per_record_max,
            ids_valid_days: terms.ids_valid_days,
            filter: terms.link_filter,
            own_expiry: attributes || profile == Profile::Activation,
            today: u32::try_from(now / 86_400).unwrap_or(u32::MAX),
        };
        Delivery {
            profile,
            sid: *sid,
            purpose: terms.purpose,
            attributes,
            conditions,
            // Terms cannot make us forget a release earlier.
            keep_until: terms.audit_until.max(now.saturating_add(AUDIT_WINDOW_S_DEFAULT)),
            handles: Some(handles),
            desk: self,
            resolved: None,
            entries: None,
        }
    }
}

/// The release of one session.
#[derive(Debug)]
pub(crate) struct Delivery {
    desk: DeliveryDesk,
    profile: Profile,
    sid: [u8; 32],
    purpose: Purpose,
    attributes: bool,
    conditions: ReleaseConditions,
    keep_until: u64,
    /// The index of the session's table, until it is read.
    handles: Option<StoredHandles>,
    resolved: Option<Resolved>,
    entries: Option<Entries>,
}

impl Delivery {
    /// Looks up the one batch of handles.
    pub(crate) fn resolve(
        &mut self,
        handles: FixedSorted,
        now: u64,
    ) -> Result<Resolution, GraphError> {
        let desk = &mut self.desk;
        let late = Objections::since(&desk.objections, &desk.storage, desk.objections_before)?;
        let source = ReleaseSource {
            handles: self.handles.take().ok_or(Bug::misuse())?,
            bundles: &mut desk.bundles,
            people: desk.people.take().ok_or(Bug::misuse())?,
            late: &late,
            earlier: &desk.releases,
            workspace: &desk.workspace,
            now,
        };
        let (resolution, resolved) =
            Resolved::look_up(handles.try_into()?, source, &self.conditions)?;
        self.resolved = Some(resolved);
        Ok(resolution)
    }

    /// Has it on disk that the records are released; in `activation` writes what is delivered.
    pub(crate) fn record_release(&mut self, now: u64) -> Result<(), GraphError> {
        let resolved = self.resolved.as_mut().ok_or(Bug::misuse())?;
        resolved.record(&self.desk.releases, &self.sid, now, self.keep_until)?;
        if self.profile == Profile::Activation {
            self.write_file()?;
        }
        Ok(())
    }

    /// The next digital IDs, and whether they are the last.
    pub(crate) fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), GraphError> {
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                let resolved = self.resolved.as_mut().ok_or(Bug::misuse())?;
                let made =
                    resolved.entries(&self.conditions, self.attributes, &self.desk.workspace)?;
                self.entries.insert(made)
            }
        };
        entries.next_batch()
    }

    /// Writes the delivery file, then the manifest that names it.
    fn write_file(&mut self) -> Result<(), GraphError> {
        os::create_private_dir(&self.desk.deliveries)?;
        let run_id = store::hex(&self.sid);
        let extension = match self.desk.form {
            DeliveryForm::Csv => "csv",
            DeliveryForm::Parquet => "parquet",
        };
        let name = format!("{run_id}.{extension}");
        let segment = format!("S-{}", run_id.get(..8).unwrap_or_default());
        let label = DeliveryLabel { run_id: &run_id, segment: &segment };
        let file_of =
            |name: &str| Output::of_node(&self.desk.node, self.desk.deliveries.join(name));
        let output = file_of(&name);
        let resolved = self.resolved.as_mut().ok_or(Bug::misuse())?;
        let file =
            resolved.write_delivery(&output, &label, &self.conditions, &self.desk.workspace)?;
        let manifest = json!({
            "format": 1,
            "name": name,
            "rows": file.rows,
            "sha256": store::hex(&file.sha256),
            "profile": self.profile.name(),
            "purpose": self.purpose.name(),
        });
        let beside = file_of(&format!("{run_id}.manifest.json"));
        Ok(beside.publish_text(&format!("{manifest:#}\n"))?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use protocol::identifier::{IdentifierKind, PrfInput, RulesetId};
    use rights::RightsError;
    use rights::objections::{FeedRules, import_feed};
    use store::spill::FixedSorter;

    use crate::tables::tests::{NOW, World};
    use crate::tables::{Ready, ReadyKey};

    use super::*;

    const PERSONS: u64 = 6;

    fn world() -> World {
        let lines: String = (0..PERSONS)
            .map(|n| {
                let identifier = format!("p{n},a{n},email,n{n}@exemple.fr");
                format!("{identifier},cookie,a.example,value-{n:03},login,2026-11-01\n")
            })
            .collect();
        let world = World::with(&lines);
        Namespaces::learn(&world.home, world.snapshot.stored.namespaces()).unwrap();
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
        world.ensure(profile);
        session_under(world, world.ready(profile).unwrap(), sid, matched)
    }

    /// The same under a table that a session opened before.
    fn session_under(
        world: &World,
        ready: Ready,
        sid: u8,
        matched: usize,
    ) -> (Delivery, Resolution) {
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
        let desk = DeliveryDesk::open(&world.home, &world.tenant, &world.snapshot).unwrap();
        let index = ready.handles.unwrap();
        let mut delivery = desk.begin(profile, &[sid; 32], &terms(profile), index, NOW);
        let resolution = delivery.resolve(handles.finish().unwrap(), NOW).unwrap();
        (delivery, resolution)
    }

    #[test]
    fn matched_records_yield_their_digital_ids_once_recorded() {
        let world = world();
        let (mut delivery, resolution) = session(&world, Profile::DigitalIds, 1, 4);
        assert_eq!((resolution.handles_known, resolution.handles_unknown), (4, 0));
        assert_eq!((resolution.records, resolution.nearest_release), (4, None));
        delivery.record_release(NOW).unwrap();
        let (ids, last) = delivery.digital_ids().unwrap();
        assert_eq!((ids.len(), last), (4, true));
        assert!(ids.iter().all(|id| id.namespace == 0x0100 && !id.has_attributes()));
        // Another run has another key and table; the records are known again.
        let (_, next) = session(&world, Profile::DigitalIds, 2, 3);
        assert_eq!(next.nearest_release, Some(1));
        let (mut other, of_other) = session(&world, Profile::Activation, 3, 4);
        assert_eq!(of_other.nearest_release, None);
        other.record_release(NOW).unwrap();
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
        world.ensure(Profile::DigitalIds);
        let ready = world.ready(Profile::DigitalIds).unwrap();
        object(&world, "Email,N0@exemple.fr\ncookie:A.example,value-001\n");
        assert!(world.ready(Profile::DigitalIds).is_none(), "nobody is offered that table now");
        let all = usize::try_from(PERSONS).unwrap();
        let (mut delivery, resolution) = session_under(&world, ready, 1, all);
        assert_eq!((resolution.records, resolution.ids_suppressed), (PERSONS, 2));
        let (ids, _) = delivery.digital_ids().unwrap();
        let values: Vec<&[u8]> = ids.iter().map(|id| id.value.as_slice()).collect();
        assert_eq!(values, [b"value-002", b"value-003", b"value-004", b"value-005"]);
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
        let world = World::with(&format!("{lines}{more}"));
        Namespaces::learn(&world.home, world.snapshot.stored.namespaces()).unwrap();
        world.ensure(Profile::DigitalIds);
        let ready = world.ready(Profile::DigitalIds).unwrap();
        object(&world, "email,unseen@exemple.fr\nemail,other@exemple.fr\n");
        let all = usize::try_from(PERSONS).unwrap();
        let (_, resolution) = session_under(&world, ready, 1, all);
        assert_eq!((resolution.records, resolution.ids_suppressed), (PERSONS, 2));
        // The next table does not have them at all.
        let (_, resolution) = session(&world, Profile::DigitalIds, 2, all);
        assert_eq!((resolution.handles_known, resolution.records), (PERSONS - 2, PERSONS - 2));
    }

    /// Also those that came after the snapshot, which does not know of them.
    #[test]
    fn lost_objections_stop_tables_and_releases() {
        let world = world();
        object(&world, "email,n0@exemple.fr\n");
        world.ensure(Profile::DigitalIds);
        let index = world.ready(Profile::DigitalIds).unwrap().handles.unwrap();
        let World { home, tenant, snapshot, .. } = &world;
        assert_eq!(snapshot.stored.objections(), 0);
        std::fs::remove_dir_all(home.path(OBJECTIONS)).unwrap();
        let lost = crate::tables::ready(home, tenant, snapshot, Profile::DigitalIds, &[], NOW);
        assert_eq!(lost.unwrap_err().exit().code(), 74);
        let desk = DeliveryDesk::open(home, tenant, snapshot).unwrap();
        let terms = terms(Profile::DigitalIds);
        let mut delivery = desk.begin(Profile::DigitalIds, &[1; 32], &terms, index, NOW);
        let none = FixedSorter::new(&world.dir.path().join("work"), 16, 1 << 16).unwrap();
        let refused = delivery.resolve(none.finish().unwrap(), NOW);
        assert!(matches!(
            refused,
            Err(GraphError::Rights(RightsError::Lost { found: 0, least: 1, .. }))
        ));
    }

    #[test]
    fn activation_keeps_a_private_file_with_its_manifest() {
        let mut world = world();
        for (form, sid) in [(DeliveryForm::Csv, 1), (DeliveryForm::Parquet, 2)] {
            world.tenant.policy.delivery_form = form;
            let (mut delivery, _) = session(&world, Profile::Activation, sid, 4);
            delivery.record_release(NOW).unwrap();
        }
        let deliveries = world.tenant.path("deliveries");
        for (sid, extension) in [([1; 32], "csv"), ([2; 32], "parquet")] {
            let path = deliveries.join(format!("{}.{extension}", store::hex(&sid)));
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let manifest = deliveries.join(format!("{}.manifest.json", store::hex(&sid)));
            let text = std::fs::read_to_string(manifest).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(manifest["rows"], 4);
            assert_eq!(manifest["profile"], "activation");
            assert_eq!(manifest["purpose"], "ads.match");
            assert_eq!(manifest["name"], path.file_name().unwrap().to_str().unwrap());
        }
        let csv = deliveries.join(format!("{}.csv", store::hex(&[1; 32])));
        assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count(), 5);
    }
}
