//! Graph files that a map reads: several links of a line, and files each read their own way.

use std::collections::{BTreeMap, BTreeSet};

use rights::objections::Objections;
use store::seal::StorageKey;
use tabular::testing::{Holds, Table};
use tabular::{Dates, Field, FieldSource, Ignore, Reading, ValueMap};

use super::tests::{ingest_inputs, leaves};
use super::{LineReasons, SCHEMA, StoredSnapshot};

const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

const COLUMNS: [&str; 10] =
    ["PERSON", "DEVICE_OF", "MAIL", "MAIL_2", "TEL", "OS", "MAID", "ORIGIN", "SEEN", "MODEL"];

fn from(columns: &[&str]) -> Field {
    Field::of(FieldSource::Columns(columns.iter().map(|name| (*name).to_owned()).collect()))
}

fn listed(column: &str, values: &[(&str, &str)]) -> Field {
    let of = |(theirs, ours): &(&str, &str)| ((*theirs).to_owned(), (*ours).to_owned());
    let values: ValueMap = values.iter().map(of).collect();
    Field { values: Some(values), ..from(&[column]) }
}

fn reading(more: &[(&str, Field)]) -> Reading {
    let fields = [
        ("person_ref", from(&["PERSON"])),
        ("persona_ref", from(&["DEVICE_OF"])),
        ("email", from(&["MAIL", "MAIL_2"])),
        ("phone", from(&["TEL"])),
        ("id_type", listed("OS", &[("android", "aaid"), ("ios", "idfa")])),
        ("id_value", from(&["MAID"])),
        ("evidence", listed("ORIGIN", &[("web", "login"), ("shop", "purchase")])),
        ("day", from(&["SEEN"])),
        ("class", listed("MODEL", &[("phone", "smartphone")])),
    ];
    let one = |(name, field): &(&str, Field)| (SCHEMA.find(name).unwrap(), field.clone());
    let fields: BTreeMap<usize, Field> = fields.iter().chain(more).map(one).collect();
    Reading {
        fields: Some(fields),
        ignore: Ignore::Others,
        region: normalize::Country::from_code("FR"),
        ..Reading::default()
    }
}

fn line(changes: &[(&str, &str)]) -> Vec<String> {
    let field = |name: &&str| {
        let changed = changes.iter().find(|(changed, _)| changed == name);
        let usual = match *name {
            "PERSON" => "p1",
            "DEVICE_OF" => "a1",
            "MAIL" => "one@exemple.fr",
            "OS" => "Android",
            "MAID" => AAID,
            "ORIGIN" => "WEB",
            "SEEN" => "2026-11-01",
            "MODEL" => "phone",
            _ => "",
        };
        changed.map_or(usual, |(_, value)| value).to_owned()
    };
    COLUMNS.iter().map(field).collect()
}

fn table(rows: Vec<Vec<String>>) -> Table {
    Table { columns: COLUMNS.map(|name| (name, Holds::Text)).into(), rows }
}

#[derive(Default)]
struct Noted(Vec<String>);

impl LineReasons for Noted {
    fn note(&mut self, source: &str, line: u64, column: &str, reason: &str) -> std::io::Result<()> {
        self.0.push(format!("{source} {line} {column} {reason}"));
        Ok(())
    }
}

fn ingest(files: &[(&str, &[u8], Reading)]) -> (Option<StoredSnapshot>, Vec<String>) {
    let objections = Objections::none(&StorageKey::from_bytes([7; 32])).unwrap();
    let mut noted = Noted::default();
    let (dir, result) = ingest_inputs(files, &objections, Some(&mut noted));
    // Its files are read below.
    let _ = dir.keep();
    (result.ok(), noted.0)
}

#[test]
fn columns_of_identifiers_are_links_of_one_line_in_every_form() {
    let table = table(vec![line(&[("MAIL_2", "two@exemple.fr"), ("TEL", "06 12 34 99 12")])]);
    let mut contents = BTreeSet::new();
    for (name, bytes) in [
        ("g.csv", table.csv()),
        ("g.ndjson", table.ndjson()),
        ("g.parquet", table.parquet(2, true)),
    ] {
        let (snapshot, noted) = ingest(&[(name, &bytes, reading(&[]))]);
        let found = leaves(&snapshot.unwrap());
        let kinds: Vec<u8> = found.iter().map(|leaf| leaf.identifier.kind.code()).collect();
        assert_eq!(kinds, [1, 1, 3], "{name}");
        assert!(found.iter().all(|leaf| leaf.logins == 1 && leaf.devices == 1), "{name}");
        assert!(noted.is_empty(), "{noted:?}");
        contents.insert(
            found.iter().map(|leaf| *leaf.identifier.digest.expose_bytes()).collect::<Vec<_>>(),
        );
    }
    assert_eq!(contents.len(), 1);
}

#[test]
fn values_that_no_list_holds_leave_lines_out_or_are_told() {
    let table = table(vec![
        line(&[]),
        line(&[("ORIGIN", "mail")]),
        line(&[("OS", "windows")]),
        line(&[("MODEL", "fridge")]),
        line(&[("MAIL_2", "no address")]),
    ]);
    let (snapshot, noted) = ingest(&[("g.csv", &table.csv(), reading(&[]))]);
    let snapshot = snapshot.unwrap();
    let counts = snapshot.counts();
    assert_eq!((counts.lines_read, counts.warnings.get("column_value_unknown")), (5, Some(&1)));
    assert_eq!(counts.lines_dropped.values().sum::<u64>(), 2);
    assert_eq!(counts.first_dropped["evidence_unknown"], [3]);
    assert!(noted.contains(&"g.csv 3  evidence_unknown".to_owned()), "{noted:?}");
    assert!(noted.contains(&"g.csv 5 MODEL column_value_unknown".to_owned()), "{noted:?}");
    assert!(noted.contains(&"g.csv 6 MAIL_2 email_no_at".to_owned()), "{noted:?}");
    assert_eq!(noted.len(), 4);
}

#[test]
fn the_day_of_a_time_is_that_of_the_declared_zone_or_of_utc() {
    let day = |seen: &str, zone: Option<&str>, dates: Dates| {
        let zone = zone.map(|zone| jiff::tz::TimeZone::get(zone).unwrap());
        let reading = Reading { zone, dates, ..reading(&[]) };
        let csv = table(vec![line(&[("SEEN", seen)])]).csv();
        let (snapshot, _) = ingest(&[("g.csv", &csv, reading)]);
        snapshot.map(|snapshot| leaves(&snapshot)[0].last_seen / 86_400)
    };
    let first = 20_758; // 2026-11-01
    let paris = Some("Europe/Paris");
    for (seen, zone, expected) in [
        ("2026-11-01", None, first),
        ("2026-11-01", paris, first),
        ("2026-11-01 23:30:00", None, first),
        ("2026-11-01 00:30:00", paris, first),
        ("2026-11-01T23:30:00Z", None, first),
        ("2026-11-01T23:30:00Z", paris, first + 1),
    ] {
        assert_eq!(day(seen, zone, Dates::Iso), Some(expected), "{seen} {zone:?}");
    }
    assert_eq!(day("01/11/2026", paris, Dates::Pattern("%d/%m/%Y".into())), Some(first));
    assert_eq!(day("01/11/2026", paris, Dates::Iso), None);
}

#[test]
fn files_of_one_ingest_are_each_read_their_own_way() {
    let own = "person_ref,persona_ref,type,value,id_type,id_value,evidence,day\n\
               p2,a2,email,other@exemple.fr,aaid,0f5a1c5e-0000-4000-8000-000000000001,login,\
               2026-11-01\n\
               p3,a3,fax,12,aaid,0f5a1c5e-0000-4000-8000-000000000002,login,2026-11-01\n";
    let mapped = table(vec![line(&[])]).ndjson();
    let (snapshot, noted) = ingest(&[
        ("own.csv", own.as_bytes(), Reading::default()),
        ("mapped.ndjson", &mapped, reading(&[])),
    ]);
    let snapshot = snapshot.unwrap();
    assert_eq!((snapshot.counts().lines_read, leaves(&snapshot).len()), (3, 2));
    assert_eq!(noted, ["own.csv 3  type_unknown"]);
    // A number alone would be of either file.
    assert!(snapshot.counts().first_dropped.is_empty());
}

#[test]
fn a_line_gives_no_more_identifiers_than_a_persona_may_have() {
    let cells: Vec<String> = (0..100).map(|at| format!("p{at}.x@exemple.fr")).collect();
    let split = Field { split: Some(";".into()), ..from(&["MAIL"]) };
    let csv = table(vec![line(&[("MAIL", &cells.join(";"))])]).csv();
    let (snapshot, _) = ingest(&[("g.csv", &csv, reading(&[("email", split)]))]);
    let snapshot = snapshot.unwrap();
    assert_eq!((leaves(&snapshot).len(), snapshot.counts().surplus), (64, 36));
}

/// Zeros at its front were lost on the way, or the one behind the point would be a digit of it.
#[test]
fn a_number_with_a_fraction_is_no_telephone_number_whatever_names_its_kind() {
    let line = |value: &str, kind: &str| {
        format!(
            "{{\"person_ref\":\"p1\",\"persona_ref\":\"a1\",\"type\":\"{kind}\",\
             \"value\":{value},\"id_type\":\"aaid\",\"id_value\":\"{AAID}\",\
             \"evidence\":\"login\",\"day\":\"2026-11-01\"}}\n"
        )
    };
    let lines = ["612349912.0", "612349912", "\"0612349912\""].map(|value| line(value, "phone"));
    let text = line("\"a.a@exemple.fr\"", "email") + &lines.concat();
    let region = normalize::Country::from_code("FR");
    let reading = Reading { region, ..Reading::default() };
    let (snapshot, noted) = ingest(&[("g.ndjson", text.as_bytes(), reading)]);
    assert_eq!(leaves(&snapshot.unwrap()).len(), 2, "the address, and one number");
    assert_eq!(noted, ["g.ndjson 2 value phone_decimal"]);
}

#[test]
fn a_value_without_its_type_is_refused() {
    let typed = [("value", from(&["MAIL"]))];
    let csv = table(vec![line(&[])]).csv();
    assert!(ingest(&[("g.csv", &csv, reading(&typed))]).0.is_none());
    let with =
        [("value", from(&["MAIL_2"])), ("type", Field::of(FieldSource::Constant("email".into())))];
    assert!(ingest(&[("g.csv", &csv, reading(&with))]).0.is_some());
    let own = b"person_ref,persona_ref,value,id_type,id_value,evidence,day\n";
    assert!(ingest(&[("g.csv", own, Reading::default())]).0.is_none());
}
