//! The neutral delivery file of `digital-ids`: one row for each digital ID, and a manifest beside
//! it.
//!
//! Rows are ordered by type, namespace and value, never by person or by how they came, so that the
//! order says nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use protocol::digital_id::DigitalId as Entry;
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use serde_json::json;

use crate::data::columns::{self, Cell, TableColumn};
use crate::data::digital::{DigitalId as CanonicalId, DigitalKind};
use crate::data::release::{AGE_BUCKETS, DEVICE_CLASSES, digest_of, name_of};
use crate::data::sealed::hex;
use crate::data::{DataError, Workspace};
use crate::runs::{SealedRecords, VarSorter};
use crate::world;

/// What a delivery file says of the run it comes from.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The session.
    pub sid: &'a [u8; 32],
    /// Its profile.
    pub profile: Profile,
    /// Purpose the digital IDs may be used for.
    pub purpose: Purpose,
    /// The advertiser's own name for the segment.
    pub segment: Option<&'a str>,
    /// Day of the delivery, in days since 1970.
    pub day: i32,
    /// Days that a digital ID may be used, unless it says less itself.
    pub valid_days: u16,
    /// Names of the types of advertising ids and of cookie namespaces, by their numbers.
    pub namespaces: &'a BTreeMap<u16, String>,
    /// Digest of the normalization rules.
    pub rules_digest: &'a [u8; 32],
}

/// Why digital IDs cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Local storage.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An entry that no provider may deliver; the peer is to blame.
    #[error("a digital ID is not in canonical form")]
    NotCanonical,
}

/// Writes digital IDs as CSV or Parquet, by the name of the file, and the manifest beside it; the
/// number of rows.
///
/// # Errors
///
/// [`DeliveryError`]; `path` then holds what it held before.
pub fn write_digital_ids(
    path: &Path,
    delivery: &Delivery<'_>,
    records: &SealedRecords,
    workspace: &Workspace,
) -> Result<u64, DeliveryError> {
    let mut sorter =
        VarSorter::new(&workspace.directory, workspace.memory_bytes).map_err(DataError::from)?;
    let mut reader = records.read().map_err(DataError::from)?;
    while let Some(mut rest) = reader.next_record().map_err(DataError::from)? {
        while let Some((id, after)) = Entry::decode(rest) {
            let row = Row::of(&id, delivery.namespaces).ok_or(DeliveryError::NotCanonical)?;
            sorter.push(&row.encode()).map_err(DataError::from)?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(DeliveryError::NotCanonical);
        }
    }
    let mut sorted = sorter.finish().map_err(DataError::from)?;
    let run_id = run_id(delivery.sid);
    let mut seq = 0_i64;
    columns::write_table(path, &COLUMNS, |table| {
        while let Some(bytes) = sorted.next_record().map_err(DataError::from)? {
            let row = Row::decode(bytes).ok_or_else(|| DataError::contradiction(path))?;
            seq += 1;
            let days = match row.days_valid {
                0 => delivery.valid_days,
                days => days.min(delivery.valid_days),
            };
            let text = |text| if str::is_empty(text) { Cell::Absent } else { Cell::Text(text) };
            table.row(&[
                Cell::Text(&run_id),
                Cell::Number(seq),
                Cell::Text("add"),
                delivery.segment.map_or(Cell::Absent, Cell::Text),
                Cell::Text(row.id_type),
                text(row.namespace),
                Cell::Text(row.value),
                Cell::Day(delivery.day.saturating_add(i32::from(days))),
                text(name_of(DEVICE_CLASSES, row.device_class)),
                text(name_of(AGE_BUCKETS, row.age_bucket)),
            ])?;
        }
        Ok::<(), DeliveryError>(())
    })?;
    let rows = u64::try_from(seq).unwrap_or(0);
    write_manifest(path, delivery, rows)?;
    Ok(rows)
}

/// Where the manifest of a delivery file lies: its name with `.manifest.json` after it.
#[must_use]
pub fn manifest_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".manifest.json");
    name.into()
}

/// The name of a run in delivery files.
#[must_use]
pub fn run_id(sid: &[u8; 32]) -> String {
    format!("r-{}", hex(sid.first_chunk::<8>().unwrap_or(&[0; 8])))
}

fn write_manifest(path: &Path, delivery: &Delivery<'_>, rows: u64) -> Result<(), DataError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let manifest = json!({
        "format": FORMAT,
        "name": name,
        "rows": rows,
        "sha256": hex(&digest_of(path)?),
        "run_id": run_id(delivery.sid),
        "session_id": hex(delivery.sid),
        "profile": delivery.profile.name(),
        "purpose": delivery.purpose.name(),
        "rules_digest": hex(delivery.rules_digest),
    });
    let text = format!("{manifest:#}\n");
    let target = manifest_path(path);
    world::publish_atomically(&target, world::PRIVATE_MODE, |out| out.write_all(text.as_bytes()))?;
    Ok(())
}

/// A row, as text; `Debug` is not there, because the value is a person's.
#[derive(PartialEq, Eq)]
struct Row<'a> {
    id_type: &'a str,
    namespace: &'a str,
    value: &'a str,
    device_class: u8,
    age_bucket: u8,
    days_valid: u16,
}

impl<'a> Row<'a> {
    /// `None` for a value that is not canonical, or a namespace without a name.
    fn of(id: &'a Entry, namespaces: &'a BTreeMap<u16, String>) -> Option<Self> {
        let value = str::from_utf8(&id.value).ok()?;
        let name = namespaces.get(&id.namespace)?.as_str();
        let advertising = [DigitalKind::Idfa, DigitalKind::Aaid].map(DigitalKind::name);
        let (id_type, namespace) = match advertising.contains(&name) {
            true => (name, ""),
            false => (DigitalKind::Cookie.name(), name),
        };
        let canonical = CanonicalId::parse(id_type, namespace, value).ok()?;
        // What a spreadsheet would calculate is no ID.
        let sound = canonical.value() == value && !value.starts_with(['=', '+', '@']);
        let Entry { device_class, age_bucket, days_valid, .. } = *id;
        sound.then_some(Self { id_type, namespace, value, device_class, age_bucket, days_valid })
    }

    /// `type ‖ 0 ‖ namespace ‖ 0 ‖ value ‖ 0 ‖ attributes`: sorts as the rows do.
    fn encode(&self) -> Vec<u8> {
        let [days_high, days_low] = self.days_valid.to_be_bytes();
        let text = [self.id_type, "\0", self.namespace, "\0", self.value, "\0"].concat();
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&[self.device_class, self.age_bucket, days_high, days_low]);
        bytes
    }

    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (text, attributes) = bytes.split_last_chunk::<4>()?;
        let [device_class, age_bucket, days_high, days_low] = *attributes;
        let mut parts = str::from_utf8(text).ok()?.split('\0');
        let (id_type, namespace, value) = (parts.next()?, parts.next()?, parts.next()?);
        let days_valid = u16::from_be_bytes([days_high, days_low]);
        Some(Self { id_type, namespace, value, device_class, age_bucket, days_valid })
    }
}

const FORMAT: &str = "veilmatch-delivery-1";
const COLUMNS: [TableColumn; 10] = [
    TableColumn::text("run_id"),
    TableColumn::number("seq"),
    TableColumn::text("op"),
    TableColumn::text("segment").optional(),
    TableColumn::text("id_type"),
    TableColumn::text("namespace").optional(),
    TableColumn::text("id_value"),
    TableColumn::day("expires_on"),
    TableColumn::text("device_class").optional(),
    TableColumn::text("last_seen_bucket").optional(),
];

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use sha2::{Digest as _, Sha256};

    use crate::runs::SealedLog;
    use crate::world::tests::private_tempdir;

    use super::*;

    fn id(namespace: u16, value: &str) -> Entry {
        let value = value.as_bytes().to_vec();
        Entry { namespace, device_class: 0, age_bucket: 0, days_valid: 0, value }
    }

    fn deliver(dir: &Path, name: &str, ids: &[Entry]) -> Result<u64, DeliveryError> {
        let mut log = SealedLog::new(dir).unwrap();
        // Two frames.
        for half in ids.chunks(ids.len().div_ceil(2).max(1)) {
            let mut frame = Vec::new();
            half.iter().for_each(|id| id.encode_into(&mut frame).unwrap());
            log.push(&frame).unwrap();
        }
        let named = [(1, "idfa"), (2, "aaid"), (0x0100, "b.example"), (0x0101, "a.example")];
        let namespaces = named.map(|(code, name)| (code, name.to_owned())).into();
        let delivery = Delivery {
            sid: &[0xAB; 32],
            profile: Profile::DigitalIds,
            purpose: Purpose::Match,
            segment: Some("autumn"),
            day: 20_000,
            valid_days: 30,
            namespaces: &namespaces,
            rules_digest: &[1; 32],
        };
        let workspace = Workspace { directory: dir.to_path_buf(), memory_bytes: 1 << 20 };
        write_digital_ids(&dir.join(name), &delivery, &log.finish().unwrap(), &workspace)
    }

    const MAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

    #[test]
    fn rows_are_ordered_by_type_namespace_and_value() {
        let dir = private_tempdir();
        let mut told = id(2, MAID);
        (told.device_class, told.age_bucket, told.days_valid) = (2, 1, 7);
        let ids = [
            id(1, MAID),
            told,
            id(0x0100, "cookie-z"),
            id(0x0101, "cookie-b"),
            id(0x0101, "cookie-a"),
        ];
        assert_eq!(deliver(dir.path(), "ids.csv", &ids).unwrap(), 5);
        let text = std::fs::read_to_string(dir.path().join("ids.csv")).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(
            rows,
            [
                "run_id,seq,op,segment,id_type,namespace,id_value,expires_on,device_class,\
                 last_seen_bucket",
                &format!("r-abababababababab,1,add,autumn,aaid,,{MAID},2024-10-11,tablet,0-7"),
                "r-abababababababab,2,add,autumn,cookie,a.example,cookie-a,2024-11-03,,",
                "r-abababababababab,3,add,autumn,cookie,a.example,cookie-b,2024-11-03,,",
                "r-abababababababab,4,add,autumn,cookie,b.example,cookie-z,2024-11-03,,",
                &format!("r-abababababababab,5,add,autumn,idfa,,{MAID},2024-11-03,,"),
            ]
        );
    }

    #[test]
    fn the_manifest_holds_the_hash_of_the_file_as_it_lies_there() {
        let dir = private_tempdir();
        for name in ["ids.csv", "ids.parquet"] {
            deliver(dir.path(), name, &[id(1, MAID)]).unwrap();
            let file = dir.path().join(name);
            let manifest = std::fs::read_to_string(manifest_path(&file)).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
            let hash = hex(&Sha256::digest(std::fs::read(&file).unwrap()));
            assert_eq!(manifest["sha256"], hash.as_str());
            assert_eq!((&manifest["rows"], &manifest["name"]), (&json!(1), &json!(name)));
            for path in [&file, &manifest_path(&file)] {
                let mode = std::fs::metadata(path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        }
    }

    #[test]
    fn nothing_is_written_of_values_no_provider_may_deliver() {
        let dir = private_tempdir();
        for bad in [
            id(1, "6D92078A-8246-4BA4-AE5B-76104861E7DC"),
            id(2, "cookie-a"),
            id(0x0100, "short"),
            id(0x0100, "two words"),
            id(0x0100, "=cmd|'/c'!A1"),
            id(0x0100, "00000000"),
            id(0x0102, "cookie-a"),
            Entry { value: vec![0xFF; 9], ..id(0x0100, "") },
        ] {
            let done = deliver(dir.path(), "ids.csv", &[id(0x0100, "cookie-a"), bad]);
            assert!(matches!(done, Err(DeliveryError::NotCanonical)));
            assert!(!dir.path().join("ids.csv").exists());
        }
        assert_eq!(deliver(dir.path(), "ids.csv", &[]).unwrap(), 0);
    }
}
