//! Evidence in a graph file: for any cell outside its vocabulary the link
//! is not published.

use proptest::prelude::*;
use protocol::commitment::SnapshotLeaf;
use protocol::purpose::Purpose;
use protocol::terms::LinkFilter;

use super::StoredSnapshot;
use super::tests::{ingest, ingest_file, leaves, line};
use crate::GraphError;
use rights::objections::Objections;
use store::seal::StorageKey;
use tabular::write::csv_text;

const HEADER: &str = "person_ref,persona_ref,type,value,class,id_type,id_namespace,id_value,\
                      evidence,day,consent_scheme,consent_string,captured_at\n";
const TC_STRING: &str = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA";

/// A graph of one line that is always good, so that there is a snapshot, and of others.
fn with(lines: &[String]) -> (tempfile::TempDir, StoredSnapshot) {
    let good = fields(&[]);
    let text = format!("{HEADER}{good}{}", lines.concat());
    let none = Objections::none(&StorageKey::from_bytes([7; 32])).unwrap();
    let (dir, snapshot) = ingest_file("links.csv", text.as_bytes(), &none);
    (dir, snapshot.unwrap())
}

/// A good line with other cells at some places.
fn fields(other: &[(usize, &str)]) -> String {
    let mut cells = [
        "H-1",
        "P-1",
        "email",
        "one@exemple.fr",
        "tablet",
        "cookie",
        "a.example",
        "AbCd1234",
        "login",
        "2026-11-18",
        "receipt",
        "K-2026-5521",
        "2026-08-02T09:30:00Z",
    ];
    for (at, cell) in other {
        cells[*at] = cell;
    }
    cells.map(csv_text).join(",") + "\n"
}

/// A line of another person, so that it is published if anything of it is.
fn other(cells: &[(usize, &str)]) -> String {
    let person = [(0, "H-2"), (1, "P-2"), (3, "two@exemple.fr"), (7, "EfGh5678")];
    fields(&[&person[..], cells].concat())
}

/// Reason why a line of another person is left out; `None` if it is published.
fn dropped(cells: &[(usize, &str)]) -> Option<String> {
    let counts = with(&[other(cells)]).1.counts().clone();
    assert_eq!(counts.records + counts.lines_dropped.values().sum::<u64>(), 2);
    assert!(counts.first_dropped.values().all(|lines| lines == &[3]));
    counts.lines_dropped.into_keys().next()
}

const DAY: usize = 9;
const SCHEME: usize = 10;
const STRING: usize = 11;
const CAPTURED: usize = 12;

#[test]
fn a_line_is_published_only_with_evidence_in_its_form() {
    for cells in [
        &[][..],
        &[(SCHEME, "TCF"), (STRING, TC_STRING)],
        &[(2, " Email "), (5, "COOKIE"), (8, "Login")],
        &[(DAY, "2026-12-01")],
    ] {
        assert_eq!(dropped(cells), None, "{cells:?}");
    }
    for (cells, reason) in [
        (&[(STRING, "NULL")][..], "consent_missing"),
        (&[(STRING, "REFUSED-EVERYTHING")], "consent_refused"),
        (&[(SCHEME, "tcf"), (STRING, "REFUSED-EVERYTHING")], "consent_malformed"),
        (&[(SCHEME, "none")], "consent_missing"),
        (&[(SCHEME, "iab")], "consent_scheme_unknown"),
        (&[(CAPTURED, "")], "consent_time_missing"),
        (&[(CAPTURED, "hier")], "consent_time_malformed"),
        (&[(CAPTURED, "2126-03-02T10:14:00Z")], "consent_time_future"),
        (&[(CAPTURED, "1999-03-02")], "consent_time_early"),
        (&[(DAY, "hier")], "day_malformed"),
        (&[(DAY, "")], "day_malformed"),
        (&[(DAY, "20261118")], "day_malformed"),
        (&[(STRING, "2026-11-18")], "consent_malformed"),
        (&[(DAY, "2026-12-02")], "day_future"),
        (&[(DAY, "2126-11-18")], "day_future"),
        (&[(DAY, "1999-11-18")], "day_early"),
        (&[(0, "NULL")], "reference_missing"),
        (&[(1, "#N/A")], "reference_missing"),
        (&[(0, "1.23457E+15")], "reference_rounded"),
        (&[(1, " 1001.0")], "reference_rounded"),
        (&[(7, "1.2345678901234568e+18")], "reference_rounded"),
        (&[(7, "short")], "cookie_malformed"),
        (&[(6, "idfa")], "cookie_namespace_malformed"),
    ] {
        assert_eq!(dropped(cells).as_deref(), Some(reason), "{cells:?}");
    }
}

#[test]
fn a_scheme_without_its_string_and_a_string_without_its_scheme_are_no_evidence() {
    for (name, cell) in [("consent_scheme", "receipt"), ("consent_string", "K-2026-5521")] {
        let body = line("p1", "a", "one@exemple.fr", "2026-11-01");
        let header = "person_ref,persona_ref,type,value,id_type,id_namespace,id_value,class,\
                      evidence,day";
        let text = format!("{header},{name}\n{},{cell}\n", body.trim_end());
        let none = Objections::none(&StorageKey::from_bytes([7; 32])).unwrap();
        let (_dir, result) = ingest_file("links.csv", text.as_bytes(), &none);
        let Err(GraphError::NothingPublished { reasons, .. }) = result else { panic!("{name}") };
        assert_eq!(reasons, [("consent_missing".to_owned(), 1)]);
    }
}

#[test]
fn schemes_are_counted_and_a_file_without_them_is_told_apart() {
    let lines = [other(&[(SCHEME, "tcf"), (STRING, TC_STRING)]), other(&[(STRING, "NULL")])];
    let counts = with(&lines).1.counts().clone();
    let schemes: Vec<(&str, u64)> =
        counts.consent.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    assert_eq!(schemes, [("receipt", 1), ("tcf", 1)]);
    let (_dir, snapshot) = ingest(&line("p1", "a", "one@exemple.fr", "2026-11-01"));
    assert!(snapshot.unwrap().counts().consent.is_empty());
}

#[test]
fn leaves_are_good_for_the_purposes_that_can_be_run_and_no_others() {
    let (_dir, snapshot) = with(&[]);
    let leaf: SnapshotLeaf = leaves(&snapshot).remove(0);
    let kinds = [leaf.identifier.kind.code()];
    let passes = |purpose| leaf.passes(&LinkFilter::DEFAULT, &kinds, purpose, 1_796_040_000);
    for purpose in Purpose::ALL {
        assert_eq!(passes(purpose), purpose.is_runnable(), "{purpose}");
    }
    // No bit of a purpose that has no name yet.
    assert_eq!(leaf.purposes, Purpose::Match.bit() | Purpose::Suppress.bit());
}

#[test]
fn persons_of_null_references_are_not_one_person() {
    let lines = [
        other(&[(0, "NULL"), (3, "three@exemple.fr")]),
        other(&[(0, "NULL"), (1, "P-3"), (3, "four@exemple.fr")]),
    ];
    let counts = with(&lines).1.counts().clone();
    assert_eq!((counts.records, counts.lines_dropped.get("reference_missing")), (1, Some(&2)));
}

/// A text in which nobody would see consent, a day or a reference.
fn outside() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "",
        "NULL",
        "null",
        "\\N",
        "#N/A",
        "-",
        "0",
        "none",
        "hier",
        "oui",
        "yes",
        "REFUSED",
        "refuse",
        "2126-01-01",
        "1999-12-31",
        "00/00/0000",
        "1970-01-01",
        "n/a",
        "20261118",
    ]);
    prop_oneof![word.prop_map(str::to_owned), "[a-zA-Z ]{0,20}", "\\PC{0,7}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// One column after the other: for any cell outside its vocabulary the line is not published.
    #[test]
    fn a_cell_outside_its_vocabulary_publishes_nothing(cell in outside()) {
        let readable = cell.trim().starts_with("20");
        prop_assume!(!readable);
        let known =
            |names: &[&str]| names.iter().any(|name| cell.trim().eq_ignore_ascii_case(name));
        for at in [DAY, SCHEME, STRING, CAPTURED] {
            if at == SCHEME && known(&["tcf", "gpp", "receipt"]) {
                continue;
            }
            prop_assert!(dropped(&[(at, &cell)]).is_some(), "column {at}");
        }
        let string = [(SCHEME, "tcf"), (STRING, cell.as_str())];
        prop_assert!(dropped(&string).is_some());
    }
}
