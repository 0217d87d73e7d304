//! Tables of partners: one per snapshot, key and conditions, built ahead of the sessions.

use std::path::PathBuf;

use node::data::table::{TableConditions, TableFiles, TableKey, build};
use node::engine::Engine;
use node::failure::Failure;
use node::home::Home;
use node::keyring::AlignedKey;
use node::world;
use protocol::limits::EVALUATIONS_PER_KEY_MAX;
use protocol::message::TableDescriptor;
use protocol::session::provider::Prepared;
use protocol::suite::Profile;
use serde::{Deserialize, Serialize};

use crate::publish::Published;
use crate::tenant::{PartnerPolicy, Tenant};

/// A table on disk, with what a session needs of it.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) prepared: Prepared,
    /// Its frames.
    pub(crate) frames: PathBuf,
}

/// The tenant's table of the current snapshot, if it is built.
pub(crate) fn ready(
    home: &Home,
    tenant: &Tenant,
    snapshot: &Published,
    now: u64,
) -> Result<Option<Ready>, Failure> {
    let key = tenant.aligned_key(home, now)?;
    let place = Place::of(tenant, snapshot, &key)?;
    let Ok(text) = std::fs::read_to_string(&place.descriptor) else {
        return Ok(None);
    };
    let Ok(stored) = serde_json::from_str::<Descriptor>(&text) else {
        return Ok(None);
    };
    if stored.conditions != Conditions::of(&tenant.policy) {
        return Ok(None);
    }
    let table = TableDescriptor { tag_count: stored.tag_count, root: stored.root };
    Ok(Some(Ready { prepared: prepared(tenant, snapshot, key, table, home), frames: place.frames }))
}

/// Tags of the tenant's table of this snapshot, if it is built; makes neither key nor directory.
pub(crate) fn tags(
    home: &Home,
    tenant: &Tenant,
    snapshot: &Published,
    now: u64,
) -> Result<Option<u64>, Failure> {
    let Some(key_id) = tenant.aligned_key_id(home, now)? else { return Ok(None) };
    let place = Place::at(tenant.tables_path(), snapshot, &key_id);
    let stored = std::fs::read_to_string(&place.descriptor)
        .ok()
        .and_then(|text| serde_json::from_str::<Descriptor>(&text).ok())
        .filter(|stored| stored.conditions == Conditions::of(&tenant.policy));
    Ok(stored.map(|stored| stored.tag_count))
}

/// Builds the tenant's table of the current snapshot unless it is there.
pub(crate) fn ensure(
    home: &Home,
    tenant: &Tenant,
    snapshot: &Published,
    engine: &Engine,
    now: u64,
    progress: &dyn Fn(u64),
) -> Result<(), Failure> {
    if ready(home, tenant, snapshot, now)?.is_some() {
        return Ok(());
    }
    let key = tenant.aligned_key(home, now)?;
    let place = Place::of(tenant, snapshot, &key)?;
    let conditions = TableConditions {
        filter: tenant.policy.link_filter(),
        kinds: tenant.policy.kind_codes(),
        purpose: PartnerPolicy::purpose(),
        at: u64::from(snapshot.signed.body.day).saturating_mul(86_400),
    };
    let table_key = TableKey { key: &key.key, derivation: &key.derivation };
    let workspace = home.workspace()?;
    let table = build(
        &snapshot.stored,
        &conditions,
        &table_key,
        engine,
        &TableFiles { frames: &place.frames, handles: None },
        &workspace,
        progress,
    )?;
    let descriptor = Descriptor {
        tag_count: table.tag_count,
        root: table.root,
        conditions: Conditions::of(&tenant.policy),
    };
    let text = serde_json::to_string(&descriptor)
        .map_err(|error| Failure::storage(&format!("cannot describe the table: {error}")))?;
    world::publish_atomically(&place.descriptor, world::PRIVATE_MODE, |out| {
        out.write_all(text.as_bytes())
    })?;
    place.retire_others(tenant)
}

fn prepared(
    tenant: &Tenant,
    snapshot: &Published,
    key: AlignedKey,
    table: TableDescriptor,
    home: &Home,
) -> Prepared {
    debug_assert!(key.manifest.body.evaluations_max <= EVALUATIONS_PER_KEY_MAX);
    Prepared {
        profile: Profile::MatchedRows,
        key: key.key,
        manifest: key.manifest,
        snapshot: snapshot.signed.clone(),
        table,
        filter: tenant.policy.link_filter(),
        kinds: tenant.policy.kind_codes(),
        purpose: PartnerPolicy::purpose(),
        ruleset: home.config.ruleset.code(),
    }
}

/// Files of one table.
struct Place {
    name: String,
    frames: PathBuf,
    descriptor: PathBuf,
}

impl Place {
    fn of(tenant: &Tenant, snapshot: &Published, key: &AlignedKey) -> Result<Self, Failure> {
        Ok(Self::at(tenant.tables()?, snapshot, &key.manifest.body.key_id))
    }

    fn at(directory: PathBuf, snapshot: &Published, key_id: &[u8; 16]) -> Self {
        let name = format!("{}-{}", snapshot.name, node::hex(key_id));
        Self {
            frames: directory.join(format!("{name}.frames")),
            descriptor: directory.join(format!("{name}.json")),
            name,
        }
    }

    /// Removes tables of earlier snapshots and keys. A session that reads one keeps its open file.
    fn retire_others(&self, tenant: &Tenant) -> Result<(), Failure> {
        for entry in std::fs::read_dir(tenant.tables()?).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with(&self.name) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Descriptor {
    tag_count: u64,
    root: [u8; 32],
    conditions: Conditions,
}

/// What a table was filtered by; another policy makes another table.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Conditions {
    kinds: Vec<u8>,
    max_age_days: u16,
    purpose: u16,
}

impl Conditions {
    fn of(policy: &PartnerPolicy) -> Self {
        Self {
            kinds: policy.kind_codes(),
            max_age_days: policy.max_age_days,
            purpose: PartnerPolicy::purpose(),
        }
    }
}
