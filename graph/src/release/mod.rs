//! A release: from the handles of a session to records, to candidates, and to the bag that the rule
//! of classes chooses of them.
//!
//! The sorted handles are merged with the index of the session's table; the records that come of
//! it, and the digital IDs ever released to the group, with the snapshot, in one pass. What is live
//! is decided by the conditions of the group alone, so that no list and no terms change it. The bag
//! is sorted by value: nothing tells which digital IDs belong together. Everything spilled is
//! sealed.

mod candidates;
pub mod history;
mod told;

use std::collections::BTreeMap;

use classes::{Counts, Rule};
use protocol::digital_id::DigitalId as Entry;
use protocol::error::Bug;
use protocol::seed::KeyDerivation;
use protocol::terms::LinkFilter;

use crate::GraphError;
use crate::bundles::BundleId;
use crate::release::candidates::Seen;
use crate::release::history::{History, Releases};
use crate::release::told::{Attributes, DEVICE_UNKNOWN, Gathered};
use normalize::digital::{AGE_BUCKETS, DEVICE_CLASSES, DigitalId, DigitalKind, name_of};
use store::output::Output;
use store::record::{BigEndian, Record as _, U16, record};
use store::spill::Workspace;
use store::spill::{VarSorted, VarSorter};
use tabular::write::{Cell, TableColumn, write_table};

pub use candidates::{Candidates, LookedUp, ReleaseSource, departing};

/// Conditions of a group on the digital IDs that may be live.
#[derive(Debug, Clone)]
pub struct ReleaseConditions {
    /// Names of types of advertising ids and of cookie namespaces, with their numbers.
    pub namespaces: BTreeMap<String, u16>,
    /// Digital IDs of one record, at most.
    pub ids_per_record_max: u16,
    /// Days that a delivered digital ID may be used, at most.
    pub ids_valid_days: u16,
    /// Conditions on links.
    pub filter: LinkFilter,
    /// True if each digital ID carries its own expiry; else all of them have the same, and one
    /// that ends earlier is not live.
    pub own_expiry: bool,
    /// Days since 1970.
    pub today: u32,
}

impl ReleaseConditions {
    /// Number of the namespace and days of use left of an ID that may be delivered.
    fn admit(&self, one: &BundleId) -> Option<(u16, u16)> {
        let namespace = *self.namespaces.get(one.id.listed_as())?;
        if one.evidence & self.filter.evidence_mask == 0
            || one.devices & self.filter.device_mask == 0
        {
            return None;
        }
        let end = u64::from(one.last_day) + u64::from(self.filter.max_age_days);
        // An ID whose time is over has no days left.
        let left = u16::try_from(end.saturating_sub(self.today.into()));
        let days = left.map_or(self.ids_valid_days, |left| left.min(self.ids_valid_days));
        let least = if self.own_expiry { 1 } else { self.ids_valid_days.max(1) };
        (days >= least).then_some((namespace, days))
    }

    /// The live ones among the digital IDs of a record: the newest, up to the cap.
    pub(crate) fn select<'b>(&self, ids: &'b [BundleId]) -> Vec<Option<Seen<'b>>> {
        let seen = |one: &'b BundleId| {
            self.admit(one).map(|(namespace, days_valid)| Seen {
                namespace,
                value: one.id.value().as_bytes(),
                last_day: one.last_day,
                days_valid,
                devices: one.devices,
                evidence: one.evidence & self.filter.evidence_mask,
            })
        };
        let mut live: Vec<Option<Seen<'b>>> = ids.iter().map(seen).collect();
        let most = usize::from(self.ids_per_record_max);
        if live.iter().flatten().count() > most {
            let mut newest: Vec<(&BundleId, &mut Option<Seen<'b>>)> =
                ids.iter().zip(&mut live).filter(|(_, live)| live.is_some()).collect();
            newest.sort_by(|(a, _), (b, _)| (b.last_day, &a.id).cmp(&(a.last_day, &b.id)));
            newest.into_iter().skip(most).for_each(|(_, live)| *live = None);
        }
        live
    }
}

/// Decision on one release, before anything of it is on disk.
#[derive(Debug)]
pub struct Decided {
    /// The history after it.
    pub releases: Releases,
    /// Counts for the operator; never on the wire.
    pub counts: Counts,
    bag: VarSorted,
}

/// Facts of a session that its release depends on.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseSession<'a> {
    /// Session id.
    pub sid: &'a [u8; 32],
    /// Derivations of its run key, the source of every draw.
    pub key: &'a KeyDerivation,
    /// Epsilon of its counts in thousandths, 0 without noise.
    pub epsilon_milli: u32,
    /// True if attributes are told.
    pub attributes: bool,
}

impl Decided {
    /// Applies the rule to the candidates of a session.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn on(
        mut candidates: Candidates,
        before: &Releases,
        rule: &Rule,
        conditions: &ReleaseConditions,
        session: ReleaseSession<'_>,
        workspace: &Workspace,
    ) -> Result<Self, GraphError> {
        let hold = Rule::hold(session.epsilon_milli, &session.key.release_hold(session.sid));
        let release = rule.release(
            before.file.clone(),
            conditions.today,
            &candidates.sightings,
            hold.ok_or(Bug::misuse())?,
            &mut session.key.release_choices(session.sid),
        )?;
        let mut gathered = Gathered::default();
        let each = |candidates: &mut Candidates, each: &mut EachOfBag<'_>| {
            let mut bag = release.bag.iter().peekable();
            let mut at = 0_usize;
            candidates.for_each(|sighting, seen| {
                if let Some(one) = bag.next_if(|one| one.sighting == at) {
                    each(one.class, sighting.person, seen.ok_or(Bug::invariant())?)?;
                }
                at = at.checked_add(1).ok_or(Bug::invariant())?;
                Ok(())
            })
        };
        let attributes = |seen: Seen<'_>| Attributes {
            device_class: device_class(seen.devices),
            age_bucket: age_bucket(seen.last_day, conditions.today),
            days_valid: seen.days_valid,
        };
        if session.attributes {
            each(&mut candidates, &mut |class, person, seen| {
                gathered.add(class, person, attributes(seen));
                Ok(())
            })?;
        }
        let least = usize::try_from(rule.group_min).map_err(|_| Bug::invariant())?;
        let told = gathered.told(least);
        let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut bytes = Vec::new();
        each(&mut candidates, &mut |class, _, seen| {
            let own = attributes(seen);
            let told = if session.attributes { told.of(class, own) } else { Some(own) };
            bytes.clear();
            Found::of(seen, told.ok_or(Bug::invariant())?).encode_into(&mut bytes)?;
            Ok(sorter.push(&bytes)?)
        })?;
        Ok(Self {
            releases: before.followed_by(release.file, session.sid),
            counts: release.counts,
            bag: sorter.finish()?,
        })
    }

    /// Has the bag on disk, before the history says that it was released.
    ///
    /// # Errors
    ///
    /// [`GraphError`]; nothing may leave then.
    pub fn write_bag(&mut self, history: &History, sid: &[u8; 32]) -> Result<(), GraphError> {
        history.write_bag(sid, &mut self.bag)
    }
}

/// Takes the class and the person of a digital ID of a bag, and what was seen of it.
type EachOfBag<'a> = dyn FnMut(u32, u32, Seen<'_>) -> Result<(), GraphError> + 'a;

/// The bag of one session on disk.
#[derive(Debug, Clone, Copy)]
pub struct Bag<'a> {
    /// The history that it is part of.
    pub history: &'a History,
    /// Session id.
    pub sid: &'a [u8; 32],
}

impl Bag<'_> {
    /// The entries of the IDS stream, in its order.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn entries(&self, attributes: bool, workspace: &Workspace) -> Result<Entries, GraphError> {
        let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut bytes = Vec::new();
        self.for_each(|found| {
            bytes.clear();
            found.entry(attributes).encode_into(&mut bytes).ok_or(Bug::invariant())?;
            Ok(sorter.push(&bytes)?)
        })?;
        let sorted = sorter.finish()?;
        Ok(Entries { left: sorted.records(), sorted })
    }

    /// Writes the provider's own delivery file in the neutral format.
    ///
    /// The name of the output chooses the form: `.parquet` is Parquet, anything else CSV.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn write_delivery(
        &self,
        output: &Output,
        label: &DeliveryLabel<'_>,
        conditions: &ReleaseConditions,
        workspace: &Workspace,
    ) -> Result<DeliveryFile, GraphError> {
        let names: BTreeMap<u16, &str> =
            conditions.namespaces.iter().map(|(name, code)| (*code, name.as_str())).collect();
        let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
        let mut bytes = Vec::new();
        self.for_each(|found| {
            let id = found.digital_id(&names).ok_or(Bug::invariant())?;
            let key_len = Delivered::encode(&id, found, &mut bytes)?;
            Ok(sorter.push_keyed(&bytes, key_len)?)
        })?;
        let mut sorted = sorter.finish()?;
        let sha256 = write_table(output, &COLUMNS, |table| {
            let mut number = 0_i64;
            while let Some(record) = sorted.next_record()? {
                let delivered = Delivered::split(record).ok_or(Bug::invariant())?;
                number = number.checked_add(1).ok_or(Bug::invariant())?;
                table.row(&delivered.row(number, label, conditions.today)?)?;
            }
            Ok::<(), GraphError>(())
        })?;
        Ok(DeliveryFile { rows: sorted.records(), sha256 })
    }

    fn for_each(
        &self,
        mut each: impl FnMut(&Found<'_>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.history
            .read_bag(self.sid, |bytes| each(&Found::decode(bytes).ok_or(Bug::invariant())?))
    }
}

/// Statement of a delivery file about itself in every row.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryLabel<'a> {
    /// Names the run.
    pub run_id: &'a str,
    /// Names the audience; opaque to whoever receives the file.
    pub segment: &'a str,
}

/// A delivery file as its manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryFile {
    /// Rows, without the header.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// The entries of an IDS stream.
#[derive(Debug)]
pub struct Entries {
    sorted: VarSorted,
    left: u64,
}

impl Entries {
    /// The next entries, strictly increasing as byte strings, and whether they are the last.
    ///
    /// # Errors
    ///
    /// [`GraphError`].
    pub fn next_batch(&mut self) -> Result<(Vec<Entry>, bool), GraphError> {
        let mut batch = Vec::new();
        while batch.len() < ENTRIES_AT_ONCE {
            let Some(bytes) = self.sorted.next_record()? else { break };
            let (entry, _) = Entry::decode(bytes).ok_or(Bug::invariant())?;
            batch.push(entry);
            self.left = self.left.checked_sub(1).ok_or(Bug::invariant())?;
        }
        Ok((batch, self.left == 0))
    }
}

record! {
    /// Start of a digital ID of a bag.
    struct FoundHead {
        namespace: U16<BigEndian>,
        len: u8,
    }
}

record! {
    /// Attributes of a digital ID, behind its value.
    struct FoundTail {
        device_class: u8,
        age_bucket: u8,
        days_valid: U16<BigEndian>,
        evidence: U16<BigEndian>,
    }
}

/// A digital ID of a bag.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Found<'v> {
    namespace: u16,
    value: &'v [u8],
    attributes: Attributes,
    evidence: u16,
}

impl<'v> Found<'v> {
    fn of(seen: Seen<'v>, attributes: Attributes) -> Self {
        let Seen { namespace, evidence, value, .. } = seen;
        Self { namespace, value, attributes, evidence }
    }

    /// A [`FoundHead`], the value, a [`FoundTail`].
    fn encode_into(&self, out: &mut Vec<u8>) -> Result<(), Bug> {
        // At most 255 bytes by the canonical form.
        let len = u8::try_from(self.value.len()).map_err(|_| Bug::invariant())?;
        let head = FoundHead { namespace: self.namespace.into(), len };
        let Attributes { device_class, age_bucket, days_valid } = self.attributes;
        let (days_valid, evidence) = (days_valid.into(), self.evidence.into());
        let tail = FoundTail { device_class, age_bucket, days_valid, evidence };
        [head.bytes(), self.value, tail.bytes()].into_iter().for_each(|part| out.extend(part));
        Ok(())
    }

    fn decode(bytes: &'v [u8]) -> Option<Self> {
        let (head, rest) = FoundHead::split(bytes)?;
        let (value, rest) = rest.split_at_checked(head.len.into())?;
        let tail = FoundTail::read(rest)?;
        Some(Self {
            namespace: head.namespace.get(),
            value,
            attributes: Attributes {
                device_class: tail.device_class,
                age_bucket: tail.age_bucket,
                days_valid: tail.days_valid.get(),
            },
            evidence: tail.evidence.get(),
        })
    }

    /// The entry of the IDS stream.
    fn entry(&self, attributes: bool) -> Entry {
        let (namespace, value) = (self.namespace, self.value.to_vec());
        let Attributes { device_class, age_bucket, days_valid } = match attributes {
            true => self.attributes,
            false => Attributes { device_class: 0, age_bucket: 0, days_valid: 0 },
        };
        Entry { namespace, device_class, age_bucket, days_valid, value }
    }

    fn digital_id(&self, names: &BTreeMap<u16, &str>) -> Option<DigitalId> {
        let kind = DigitalKind::of_namespace(self.namespace)?;
        let value = std::str::from_utf8(self.value).ok()?;
        DigitalId::parse(kind.name(), names.get(&self.namespace)?, value).ok()
    }
}

/// A digital ID as the delivery file has it.
struct Delivered<'b> {
    kind: &'b str,
    namespace: &'b str,
    value: &'b str,
    found: Found<'b>,
}

impl<'b> Delivered<'b> {
    /// The ID by which the file is sorted, a zero, and what was found of it; the length of the ID.
    fn encode(id: &DigitalId, found: &Found<'_>, out: &mut Vec<u8>) -> Result<usize, Bug> {
        let key = id.encoded();
        out.clear();
        out.extend(key);
        out.push(0);
        found.encode_into(out)?;
        Ok(key.len())
    }

    fn split(record: &'b [u8]) -> Option<Self> {
        // Types, namespaces and values hold no zero.
        let mut parts = record.splitn(4, |byte| *byte == 0);
        let mut text = || std::str::from_utf8(parts.next()?).ok();
        let (kind, namespace, value) = (text()?, text()?, text()?);
        Some(Self { kind, namespace, value, found: Found::decode(parts.next()?)? })
    }

    /// The row of the delivery file.
    fn row(
        &self,
        number: i64,
        label: &DeliveryLabel<'b>,
        today: u32,
    ) -> Result<[Cell<'b>; COLUMNS.len()], Bug> {
        let Self { kind, namespace, value, found } = self;
        let expires = today.checked_add(found.attributes.days_valid.into());
        let expires = expires.and_then(|day| i32::try_from(day).ok()).ok_or(Bug::invariant())?;
        let evidence = EVIDENCE.get(found.evidence.trailing_zeros() as usize);
        Ok([
            Cell::Text(label.run_id),
            Cell::Number(number),
            Cell::Text("add"),
            Cell::Text(label.segment),
            Cell::Text(kind),
            if namespace.is_empty() { Cell::Absent } else { Cell::Text(namespace) },
            Cell::Text(value),
            Cell::Day(expires),
            Cell::Text(name_of(DEVICE_CLASSES, found.attributes.device_class)),
            Cell::Text("individual"),
            Cell::Text(name_of(AGE_BUCKETS, found.attributes.age_bucket)),
            Cell::Text(evidence.ok_or(Bug::invariant())?),
            Cell::Absent,
            Cell::Absent,
        ])
    }
}

/// Code of a device class on the wire; what was seen as several is unknown.
fn device_class(devices: u16) -> u8 {
    (1..DEVICE_UNKNOWN).find(|code| devices == 1 << (code - 1)).unwrap_or(DEVICE_UNKNOWN)
}

/// Code of the days since an ID was seen on the wire.
const fn age_bucket(last_day: u32, today: u32) -> u8 {
    match today.saturating_sub(last_day) {
        0..=7 => 1,
        8..=30 => 2,
        _ => 3,
    }
}

const _: () = assert!(DEVICE_CLASSES.len() == DEVICE_UNKNOWN as usize);
const _: () = assert!(AGE_BUCKETS.len() == told::AGE_UNKNOWN as usize);
/// By bit, the strongest first.
const EVIDENCE: &[&str] = &["login", "purchase", "loyalty", "email_click", "form", "crm_import"];
const COLUMNS: [TableColumn; 14] = [
    TableColumn::text("run_id"),
    TableColumn::number("seq"),
    TableColumn::text("op"),
    TableColumn::text("segment"),
    TableColumn::text("id_type"),
    TableColumn::text("namespace").optional(),
    TableColumn::text("id_value"),
    TableColumn::day("expires_on"),
    TableColumn::text("device_class"),
    TableColumn::text("level"),
    TableColumn::text("last_seen_bucket"),
    TableColumn::text("evidence"),
    TableColumn::text("group_id").optional(),
    TableColumn::text("consent_ref").optional(),
];
const ENTRIES_AT_ONCE: usize = 4_096;

/// Has every stored file verified again before it is next offered: after one of them could not be
/// read as it was written, though nothing had touched it since.
pub fn verify_anew() {
    crate::table::VERIFIED.forget();
    [&crate::handles::VERIFIED, &crate::VERIFIED, &history::VERIFIED]
        .into_iter()
        .for_each(store::verified::VerifiedFiles::forget);
}

#[cfg(test)]
mod tests;
