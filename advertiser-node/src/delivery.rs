//! The neutral delivery file of `digital-ids`: one row for each digital ID, and a manifest beside
//! it.
//!
//! Rows are ordered by type, namespace and value, never by person or by how they came, so that the
//! order says nothing. Every value that the session took is written: it was checked as it came
//! [W-13], and nothing is refused here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::digital_id::DigitalId as Entry;
use protocol::purpose::Purpose;
use protocol::suite::Profile;
use serde_json::json;
use zeroize::Zeroizing;

use normalize::digital::DigitalKind;
use normalize::digital::{AGE_BUCKETS, DEVICE_CLASSES, name_of};
use report::Failure;
use store::hex;
use store::output::{Output, Outputs};
use store::spill::VarSorter;
use store::spill::Workspace;
use tabular::write::{Cell, TableColumn};

/// Statement of a delivery file about the run it comes from.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The session.
    pub sid: &'a [u8; 32],
    /// Profile of the run.
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

/// Writes digital IDs as CSV or Parquet, by the name of the output, and the manifest beside it if
/// it is a file; the number of rows.
///
/// `records` gives the frames of the stream IDS, one after another.
///
/// # Errors
///
/// [`Failure`] of this machine; no file is then there in part.
pub fn write_digital_ids(
    output: &DeliveryOutput,
    delivery: &Delivery<'_>,
    mut records: impl FnMut() -> Result<Option<Zeroizing<Vec<u8>>>, Failure>,
    workspace: &Workspace,
) -> Result<u64, Failure> {
    let mut sorter = VarSorter::new(&workspace.directory, workspace.memory_bytes)?;
    while let Some(record) = records()? {
        let mut rest = record.as_slice();
        while let Some((id, after)) = Entry::decode(rest) {
            sorter.push(&encode_row(&id, delivery.namespaces).ok_or_else(damaged)?)?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(damaged());
        }
    }
    let mut sorted = sorter.finish()?;
    let run_id = run_id(delivery.sid);
    let mut seq = 0_i64;
    let file = &output.file;
    let sha256 = tabular::write::write_table(file, &COLUMNS, |table| {
        while let Some(bytes) = sorted.next_record()? {
            let row = Row::decode(bytes).ok_or_else(damaged)?;
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
        Ok::<(), Failure>(())
    })?;
    let rows = u64::try_from(seq).unwrap_or(0);
    if let Some(manifest) = &output.manifest {
        write_manifest(manifest, file.name(), delivery, rows, &sha256)?;
    }
    Ok(rows)
}

/// Place of a delivery: its file, and the manifest beside it.
#[derive(Debug, Clone)]
pub struct DeliveryOutput {
    file: Output,
    /// Named as the file with `.manifest.json` after it; nothing lies beside a pipe.
    manifest: Option<Output>,
}

impl DeliveryOutput {
    /// Claims both for one path.
    ///
    /// # Errors
    ///
    /// Errors of [`Outputs::claim`].
    pub fn claim(outputs: &mut Outputs, path: &Path) -> Result<Self, Failure> {
        let file = outputs.claim(path)?;
        let manifest = outputs.claim_beside(&file, MANIFEST)?;
        Ok(Self { file, manifest })
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &Output {
        &self.file
    }

    /// Names of the file and its manifest.
    #[must_use]
    pub fn names(&self) -> Vec<PathBuf> {
        let both = [Some(&self.file), self.manifest.as_ref()];
        both.into_iter().flatten().map(|output| output.name().to_path_buf()).collect()
    }
}

/// The name of a run in delivery files.
#[must_use]
pub fn run_id(sid: &[u8; 32]) -> String {
    format!("r-{}", hex(sid.first_chunk::<8>().unwrap_or(&[0; 8])))
}

fn write_manifest(
    output: &Output,
    file: &Path,
    delivery: &Delivery<'_>,
    rows: u64,
    sha256: &[u8; 32],
) -> Result<(), Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let manifest = json!({
        "format": FORMAT,
        "name": name,
        "rows": rows,
        "sha256": hex(sha256),
        "run_id": run_id(delivery.sid),
        "session_id": hex(delivery.sid),
        "profile": delivery.profile.name(),
        "purpose": delivery.purpose.name(),
        "rules_digest": hex(delivery.rules_digest),
    });
    Ok(output.publish_text(&format!("{manifest:#}\n"))?)
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

/// An entry as `type ‖ 0 ‖ namespace ‖ 0 ‖ value ‖ 0 ‖ attributes`, which sorts as the rows do.
///
/// `None` for bytes that no session takes. A namespace that the invitation does not name any more
/// is written by its number.
fn encode_row(id: &Entry, namespaces: &BTreeMap<u16, String>) -> Option<Vec<u8>> {
    let value = str::from_utf8(&id.value).ok()?;
    let kind = DigitalKind::of_namespace(id.namespace)?;
    let namespace = match (kind.number(), namespaces.get(&id.namespace)) {
        (Some(_), _) => String::new(),
        (None, Some(name)) => name.clone(),
        (None, None) => format!("0x{:04x}", id.namespace),
    };
    let [days_high, days_low] = id.days_valid.to_be_bytes();
    let text = [kind.name(), "\0", &namespace, "\0", value, "\0"].concat();
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&[id.device_class, id.age_bucket, days_high, days_low]);
    Some(bytes)
}

/// Sealed frames that are not what the session took.
fn damaged() -> Failure {
    protocol::error::Bug::stored_data_changed().into()
}

impl<'a> Row<'a> {
    fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (text, attributes) = bytes.split_last_chunk::<4>()?;
        let [device_class, age_bucket, days_high, days_low] = *attributes;
        let mut parts = str::from_utf8(text).ok()?.split('\0');
        let (id_type, namespace, value) = (parts.next()?, parts.next()?, parts.next()?);
        let days_valid = u16::from_be_bytes([days_high, days_low]);
        Some(Self { id_type, namespace, value, device_class, age_bucket, days_valid })
    }
}

const MANIFEST: &str = ".manifest.json";
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
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use normalize::digital::DigitalId as CanonicalId;
    use store::os::testing::private_tempdir;

    use super::*;

    fn id(namespace: u16, value: &str) -> Entry {
        let value = value.as_bytes().to_vec();
        Entry { namespace, device_class: 0, age_bucket: 0, days_valid: 0, value }
    }

    fn deliver(dir: &Path, name: &str, ids: &[Entry]) -> Result<u64, Failure> {
        let named = [(1, "idfa"), (2, "aaid"), (0x0100, "b.example"), (0x0101, "a.example")];
        deliver_under(dir, name, ids, &named.map(|(code, name)| (code, name.to_owned())).into())
    }

    fn deliver_under(
        dir: &Path,
        name: &str,
        ids: &[Entry],
        namespaces: &BTreeMap<u16, String>,
    ) -> Result<u64, Failure> {
        // Two frames.
        let frames = ids.chunks(ids.len().div_ceil(2).max(1)).map(|half| {
            let mut frame = Vec::new();
            half.iter().for_each(|id| id.encode_into(&mut frame).unwrap());
            Zeroizing::new(frame)
        });
        let mut frames = frames.collect::<Vec<_>>().into_iter();
        let delivery = Delivery {
            sid: &[0xAB; 32],
            profile: Profile::DigitalIds,
            purpose: Purpose::Match,
            segment: Some("autumn"),
            day: 20_000,
            valid_days: 30,
            namespaces,
            rules_digest: &[1; 32],
        };
        let workspace = Workspace { directory: dir.to_path_buf(), memory_bytes: 1 << 20 };
        let output = DeliveryOutput::claim(&mut Outputs::new(true), &dir.join(name)).unwrap();
        write_digital_ids(&output, &delivery, || Ok(frames.next()), &workspace)
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
            let beside = dir.path().join(format!("{name}.manifest.json"));
            let manifest = std::fs::read_to_string(&beside).unwrap();
            let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
            let hash = hex(&Sha256::digest(std::fs::read(&file).unwrap()));
            assert_eq!(manifest["sha256"], hash.as_str());
            assert_eq!((&manifest["rows"], &manifest["name"]), (&json!(1), &json!(name)));
            for path in [&file, &beside] {
                let mode = std::fs::metadata(path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600);
            }
        }
    }

    #[test]
    fn a_namespace_that_the_invitation_names_no_more_is_written_by_its_number() {
        let dir = private_tempdir();
        assert_eq!(deliver(dir.path(), "ids.csv", &[id(0x0102, "cookie-a")]).unwrap(), 1);
        let text = std::fs::read_to_string(dir.path().join("ids.csv")).unwrap();
        assert!(text.contains(",cookie,0x0102,cookie-a,"), "{text}");
        assert_eq!(deliver(dir.path(), "ids.csv", &[]).unwrap(), 0);
    }

    /// Type, namespace and value of the rows of a file.
    fn read_back(path: &Path) -> Vec<[String; 3]> {
        let file = std::fs::File::open(path).unwrap();
        if !tabular::write::is_parquet(path) {
            let mut reader = csv::Reader::from_reader(file);
            let rows = reader.records().map(Result::unwrap);
            return rows.map(|row| [4, 5, 6].map(|at| row[at].to_owned())).collect();
        }
        let reader = SerializedFileReader::new(file).unwrap();
        let rows = reader.get_row_iter(None).unwrap().map(Result::unwrap);
        rows.map(|row| {
            let fields: Vec<Field> = row.into_columns().into_iter().map(|one| one.1).collect();
            [4, 5, 6].map(|at| match &fields[at] {
                Field::Str(text) => text.clone(),
                _ => String::new(),
            })
        })
        .collect()
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_quoted_and_comes_back() {
        let dir = private_tempdir();
        let values = ["=cmd|'/c'!A1", "+3312345678", "-12345678", "@12345678", "a\"b;c,d|e"];
        let ids = values.map(|value| id(0x0100, value));
        assert_eq!(deliver(dir.path(), "ids.csv", &ids).unwrap(), 5);
        let text = std::fs::read_to_string(dir.path().join("ids.csv")).unwrap();
        for value in &values[..4] {
            assert!(text.contains(&format!(",\"{value}\",")), "{text}");
        }
        let mut written = values.to_vec();
        written.sort_unstable();
        let back = read_back(&dir.path().join("ids.csv"));
        assert!(back.iter().map(|[.., value]| value).eq(written), "{back:?}");
    }

    fn any_id() -> impl Strategy<Value = (String, String, String)> {
        let kind = prop::sample::select(vec!["cookie", "idfa", "aaid", "Cookie", " IDFA"]);
        let namespace = prop_oneof!["[.A-Za-z0-9_-]{0,20}", "\\PC{0,8}", Just("idfa".to_owned())];
        let maid = "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
        let value = prop_oneof![
            "[-=+@'\"|;,\t !-~]{0,40}",
            "[!-~]{7,9}",
            "[!-~]{250,258}",
            maid,
            "\\PC{0,12}"
        ];
        (kind.prop_map(str::to_owned), namespace, value)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever ingest accepts can be delivered, and whatever is delivered is in the file.
        #[test]
        fn what_ingest_accepts_is_delivered_and_read_back_equal(
            lines in prop::collection::vec(any_id(), 1..40),
        ) {
            let accepted: BTreeSet<CanonicalId> = lines
                .iter()
                .filter_map(|(kind, name, value)| CanonicalId::parse(kind, name, value).ok())
                .collect();
            let mut numbers: BTreeMap<String, u16> =
                BTreeMap::from([("idfa".to_owned(), 1), ("aaid".to_owned(), 2)]);
            let (mut entries, mut expected) = (Vec::new(), Vec::new());
            for id in &accepted {
                let next = 0x0100 + u16::try_from(numbers.len()).unwrap();
                let number = *numbers.entry(id.listed_as().to_owned()).or_insert(next);
                let entry = self::id(number, id.value());
                let mut bytes = Vec::new();
                prop_assert!(entry.encode_into(&mut bytes).is_some());
                prop_assert_eq!(Entry::decode(&bytes), Some((entry.clone(), &[][..])));
                entries.push(entry);
                expected.push([id.kind().name(), id.namespace(), id.value()].map(str::to_owned));
            }
            expected.sort();
            let named = numbers.into_iter().map(|(name, number)| (number, name)).collect();
            for name in ["ids.csv", "ids.parquet"] {
                let dir = private_tempdir();
                let rows = deliver_under(dir.path(), name, &entries, &named).unwrap();
                prop_assert_eq!(rows, expected.len() as u64);
                prop_assert_eq!(&read_back(&dir.path().join(name)), &expected);
            }
        }
    }
}
