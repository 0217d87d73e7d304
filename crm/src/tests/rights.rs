//! Rights of persons: whatever stands in a cell that decides, a row is let through by the closed
//! vocabulary alone, and an objection reaches whom it is of.
//!
//! The vocabularies and the rules are stated a second time here, on purpose.

use super::*;

const EVIDENCE: &str = "R-1,2026-03-02T10:14:00Z,N-1";

/// Cells as people, databases and spreadsheets write them, and anything else.
fn cell() -> impl Strategy<Value = String> {
    let known = [
        "",
        " ",
        "all",
        "ALL",
        "ads.match",
        "Ads.Match ",
        "ads.suppress",
        "ads.match|ads.suppress",
        "ads.suppress|ads.measure",
        "ads.match,ads.suppress",
        "oui",
        "yes",
        "1",
        "true",
        "x",
        "non",
        "no",
        "0",
        "FALSE",
        "f",
        "NULL",
        "\\N",
        "#N/A",
        "#REF!",
        "-",
        "?",
        "unknown",
        "nan",
        "none",
        "hier",
        "2026-03-02",
        "2026-03-02 10:14:00",
        "2026-03-02T10:14:00Z",
        "2126-03-02T10:14:00Z",
        "1999-12-31",
        "2023-11-29T10:00:00Z",
        "2026-11-30T12:06:00Z",
        "0000-00-00",
        "1793577600",
        "R-1",
        "N-1",
        "refused",
        "ads.match|",
        "|",
        "email.newsletter",
        "*",
        "tout",
        "opt-out",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(known.to_vec())
            .prop_map(|known| format!("{known} ").to_uppercase()),
        2 => "[a-zA-Z0-9|.,;#/ é-]{0,12}",
        1 => "\\PC{0,8}",
    ]
}

/// The ids of an input, in committed order.
fn ids(input: &PreparedInput) -> Vec<String> {
    let mut rows = input.row_ids().unwrap();
    std::iter::from_fn(|| rows.next_id().unwrap())
        .map(|id| String::from_utf8(id).unwrap())
        .collect()
}

/// The ids that are left of a table, in a form of file.
fn left(bench: &Bench, table: &Table, name: &str) -> Vec<String> {
    let bytes = if name.ends_with("csv") { table.csv() } else { table.parquet(5, true) };
    match bench.prepare_files(&[(name, bytes)]) {
        Ok(input) => ids(&input),
        Err(CrmError::Empty { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// A table of one row for each cell, which stands in `column`; everything else is as it must be.
fn varied(column: &'static str, cells: &[String]) -> Table {
    let names = [
        "row_id",
        "email",
        "consent_purposes",
        "consent_ref",
        "consent_at",
        "consent_notice",
        "objections",
    ];
    let row = |(at, cell): (usize, &String)| {
        let good = |name: &str| match name {
            "row_id" => format!("id-{at}"),
            "email" => format!("some.body{at}@exemple.fr"),
            "consent_purposes" => "ads.match".to_owned(),
            "consent_ref" => "R-1".to_owned(),
            "consent_at" => "2026-03-02T10:14:00Z".to_owned(),
            "consent_notice" => "N-1".to_owned(),
            _ => String::new(),
        };
        names.map(|name| if name == column { cell.clone() } else { good(name) }).to_vec()
    };
    Table {
        columns: names.map(|name| (name, Holds::Text)).to_vec(),
        rows: cells.iter().enumerate().map(row).collect(),
    }
}

/// Whether a cell is in the vocabulary of a column that lets a row through.
fn lets_through(column: &str, cell: &str) -> bool {
    let plain = cell.trim().to_lowercase();
    let purposes = ["ads.match", "ads.suppress", "ads.measure", "site.personalise", "ads.remove"];
    let listed: Vec<&str> = plain.split('|').map(str::trim).collect();
    let known = listed.iter().all(|name| purposes.contains(name));
    let names_something = plain.chars().any(|c| c.is_alphanumeric() && c != '0');
    match column {
        "objections" => {
            let nothing = [
                "", "null", "none", "nil", "nan", "nat", "n/a", "na", "#n/a", "\\n", "(null)",
                "<null>", "<na>", "-", "--", "[]", "false", "f", "no", "n", "non", "faux", "0",
                "0.0",
            ];
            nothing.contains(&plain.as_str()) || (known && !listed.contains(&"ads.match"))
        }
        "consent_purposes" => known && listed.contains(&"ads.match"),
        "consent_at" => {
            ["2026-03-02", "2026-03-02 10:14:00", "2026-03-02t10:14:00z"].contains(&plain.as_str())
        }
        // No text without a name in it is a reference; of the others some are none either.
        _ => {
            names_something
                && !["null", "oui", "#n/a", "#ref!", "unknown", "\\n"].contains(&plain.as_str())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A cell outside the vocabulary of its column takes its row out of the run.
    #[test]
    fn a_cell_outside_its_vocabulary_takes_its_row_out(
        cells in prop::collection::vec(cell(), 1..40),
        column in prop::sample::select(vec![
            "objections", "consent_purposes", "consent_ref", "consent_at", "consent_notice"]),
    ) {
        let bench = Bench::new();
        let table = varied(column, &cells);
        let found = left(&bench, &table, "crm.csv");
        for (at, cell) in cells.iter().enumerate() {
            let in_run = found.contains(&format!("id-{at}"));
            prop_assert!(!in_run || lets_through(column, cell), "{} {:?}", column, cell);
            // Of references the test does not know every null marker.
            let exact = !["consent_ref", "consent_notice"].contains(&column);
            prop_assert!(in_run || !exact || !lets_through(column, cell), "{} {:?}", column, cell);
        }
        prop_assert_eq!(left(&bench, &table, "crm.parquet"), found);
    }

    /// Of rows of one id a restriction stands unless a later row overrules it, in whatever files
    /// and order they come.
    #[test]
    fn a_restriction_stands_unless_a_later_row_overrules_it(
        rows in prop::collection::vec((0..4_u8, 0..4_u8, 0..7_u8), 1..14),
        cut in any::<prop::sample::Index>(),
    ) {
        let ages = ["", "hier", "2126-01-01", "2026-06-01 09:00:00", "2026-06-01 17:00:00",
            "2026-06-02", "2026-06-01"];
        let header = "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice,\
            objections,updated_at\n";
        let line = |(at, (id, says, age)): (usize, &(u8, u8, u8))| {
            let (purposes, objections) = [
                ("ads.match", ""), ("ads.match", "all"), ("ads.match", "perhaps"), ("", ""),
            ][usize::from(*says)];
            let age = ages[usize::from(*age)];
            format!("C{id},some.body{at}@exemple.fr,{purposes},{EVIDENCE},{objections},{age}\n")
        };
        let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
        let (first, second) = lines.split_at(cut.index(rows.len()));
        let file = |lines: &[String]| format!("{header}{}", lines.concat()).into_bytes();
        let bench = Bench::new();
        let of = |files: &[(&str, Vec<u8>)]| match bench.prepare_files(files) {
            Ok(input) => ids(&input),
            Err(CrmError::Empty { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        let expected: Vec<String> = (0..4_u8).filter(|id| {
            let of_id = rows.iter().filter(|row| row.0 == *id);
            // A day allows from its first instant, and restricts to its last.
            let allows = |age: u8| [None, None, None, Some(6), Some(8), Some(10), Some(5)]
                [usize::from(age)];
            let restricts = |age: u8| [None, None, None, Some(6), Some(8), Some(11), Some(9)]
                [usize::from(age)];
            let latest = of_id.clone().filter(|row| row.1 == 0).map(|row| allows(row.2)).max();
            let overruled = |age: u8| match (restricts(age), latest.flatten()) {
                (Some(age), Some(latest)) => latest > age,
                _ => false,
            };
            latest.is_some() && of_id.clone().filter(|row| row.1 > 0).all(|row| overruled(row.2))
        }).map(|id| format!("C{id}")).collect();
        prop_assert_eq!(&of(&[("a.csv", file(first)), ("b.csv", file(second))]), &expected);
        prop_assert_eq!(&of(&[("a.csv", file(second)), ("b.csv", file(first))]), &expected);
    }

    /// An address or mobile number of a row that objects takes out every row that holds it, in
    /// whatever column and whether or not the terms list its kind; one step and no further.
    #[test]
    fn an_objection_takes_out_whoever_holds_what_the_objector_holds(
        rows in prop::collection::vec((0..7_u8, 0..5_u8, 0..4_u8, 0..5_u8, any::<bool>()), 1..24),
        phones_only in any::<bool>(),
    ) {
        let mobiles = ["", "06 12 34 99 10", "+33 6 12 34 99 11", "0612349912", "0612349913"];
        let fixed = ["", "01 44 55 66 70", "0144556671", "+33 1 44 55 66 72"];
        let address = |at: u8| format!("some.body{at}@exemple.fr");
        let header = "row_id,email,email_sha256,phone,phone_2,country,consent_purposes,\
            consent_ref,consent_at,consent_notice,objections\n";
        let mut text = header.to_owned();
        let mut expected = Vec::new();
        // One row in six objects, without consent; half of the addresses come as digests.
        let objects = |row: &(u8, u8, u8, u8, bool)| row.3 == 4;
        for (at, row) in rows.iter().enumerate() {
            let (email, mobile, line, _, digest) = *row;
            let clear = if email == 0 || digest { String::new() } else { address(email) };
            let hashed = match email {
                0 => String::new(),
                _ if digest => hex(&Sha256::digest(address(email))),
                _ => String::new(),
            };
            let (mobile, line) = (usize::from(mobile), usize::from(line));
            let (purposes, objections) = if objects(row) { ("", "yes") } else { ("ads.match", "") };
            text += &format!(
                "r{at:02},{clear},{hashed},{},{},FR,{purposes},{EVIDENCE},{objections}\n",
                mobiles[mobile], fixed[line],
            );
            let others = || rows.iter().filter(|other| objects(other));
            let hit = others().any(|other| {
                (row.0 > 0 && other.0 == row.0) || (row.1 > 0 && other.1 == row.1)
            });
            let line_taken = row.2 > 0 && others().any(|other| other.2 == row.2);
            let usable = (row.0 > 0 && !phones_only) || row.1 > 0 || (row.2 > 0 && !line_taken);
            if !objects(row) && !hit && usable {
                expected.push(format!("r{at:02}"));
            }
        }
        let kinds = if phones_only { vec![3] } else { vec![1, 2, 3] };
        let shared = SharedLimits { email: 1_000, phone: 1_000, phone_fixed: 1_000 };
        let email_sha256 = EmailPrehash::parse("plain");
        let reading = Reading { email_sha256, ..Reading::default() };
        let bench = Bench { kinds, shared, reading, level: 1, ..Bench::new() };
        let found = match bench.prepare_files(&[("crm.csv", text.into_bytes())]) {
            Ok(input) => ids(&input),
            Err(CrmError::Empty { .. }) => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn flags_and_numbers_of_typed_files_are_objections_as_texts_are() {
    let bench = Bench::new();
    for (holds, cells, expected) in [
        (Holds::Flag, ["true", "false", ""], vec!["id-1", "id-2"]),
        (Holds::Number, ["1", "0", "2"], vec!["id-1"]),
        (Holds::List, ["ads.suppress|all", "ads.suppress", "ads.suppress|?"], vec!["id-1"]),
    ] {
        let mut table = varied("objections", &cells.map(str::to_owned));
        table.columns[6].1 = holds;
        for (name, bytes) in [
            ("crm.csv", table.csv()),
            ("crm.ndjson", table.ndjson()),
            ("crm.parquet", table.parquet(2, true)),
        ] {
            let input = bench.prepare_files(&[(name, bytes)]).unwrap();
            assert_eq!(ids(&input), expected, "{name} {holds:?}");
        }
    }
}

#[test]
fn times_read_the_same_in_every_form_and_keep_their_time_of_day() {
    let mut table =
        varied("consent_at", &["2026-03-02T10:14:00.25", "2026-03-02T10:14:00"].map(str::to_owned));
    table.columns.push(("updated_at", Holds::LocalTime));
    table.columns[4].1 = Holds::LocalTime;
    for (row, at) in table.rows.iter_mut().zip(["2026-11-15T17:00:00", "2026-11-15T09:00:00"]) {
        row[0] = "one".to_owned();
        row.push(at.to_owned());
    }
    let bench = Bench::new();
    let spaced = String::from_utf8(table.csv()).unwrap().replace("T1", " 1").replace("T0", " 0");
    let zoned = spaced.replace(":00,", ":00+00:00,").replace(".25,", ".25+00,");
    let roots: Vec<[u8; 32]> = [
        ("a.csv", table.csv()),
        ("b.csv", spaced.into_bytes()),
        ("c.csv", zoned.into_bytes()),
        ("d.ndjson", table.ndjson()),
        ("e.parquet", table.parquet(1, false)),
    ]
    .into_iter()
    .map(|file| {
        let input = bench.prepare_files(&[file]).unwrap();
        let digest: [u8; 32] = Sha256::digest("some.body0@exemple.fr").into();
        assert_eq!(*all(&input)[0].identifier.digest.expose_bytes(), digest, "the evening");
        input.root().root
    })
    .collect();
    assert!(roots.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn evidence_counts_for_as_many_days_as_agreed() {
    let body = |at: &str| format!("a,x.y@exemple.fr,ads.match,R-1,{at},N-1\n");
    for (days, at, enough) in [
        (30, "2026-10-31T12:00:00Z", true),
        (30, "2026-10-31T11:59:59Z", false),
        (1_095, "2023-12-01T12:00:00Z", true),
        (3_650, "2016-12-02 12:00:00", true),
        (1, "2026-11-30", true),
    ] {
        let bench = Bench { consent_max_age_days: days, ..Bench::new() };
        let mut noted = Noted::default();
        let survey = bench.survey(&format!("{HEADER}{}", body(at)), &mut noted);
        assert_eq!(survey.counts.eligible == 1, enough, "{days} {at}");
        assert_eq!(survey.counts.rows_left_out.contains_key("consent_too_old"), !enough);
    }
}

#[test]
fn inputs_for_two_purposes_are_two_inputs_even_with_the_same_rows() {
    let body = row("a", "x.y@exemple.fr", "ads.match|ads.suppress");
    let bench = Bench::new();
    let for_match = bench.prepare(&body).unwrap();
    let again = bench.prepare(&body).unwrap();
    let bench = Bench { purpose: Purpose::Suppress, ..bench };
    let for_suppress = bench.prepare(&body).unwrap();
    assert_eq!(for_match.root(), again.root());
    assert_ne!(for_match.root(), for_suppress.root());
    let purposes = [for_match.purpose(), for_suppress.purpose()];
    assert_eq!(purposes, [Purpose::Match, Purpose::Suppress]);
    let store = bench.dir.path().join("inputs");
    let reopened =
        PreparedInput::open(&store.join(hex(&for_suppress.root().root[..8])), &bench.key);
    assert_eq!(reopened.unwrap().purpose(), Purpose::Suppress);
}

/// A result names rows by their ids, and an equal root is answered from it.
#[test]
fn rows_under_other_ids_are_another_input() {
    let bench = Bench::new();
    let of = |ids: [&str; 2]| {
        let [a, b] = ids.map(|id| row(id, &format!("n{}@exemple.fr", id.len()), "ads.match"));
        bench.prepare(&format!("{a}{b}")).unwrap()
    };
    let (before, after) = (of(["1", "23"]), of(["2", "33"]));
    assert_eq!(contents(&before), contents(&after));
    assert_ne!(before.root(), after.root());
    assert_eq!(before.root(), of(["1", "23"]).root());
}

/// Settings that would have the objections of a file passed over.
#[test]
fn objections_cannot_be_ignored() {
    let header = HEADER.replace("consent_notice", "consent_notice,OPT_OUT,objections");
    let text = format!("{header}a,x.y@exemple.fr,ads.match,R-1,2026-03-02,N-1,all,none\n");
    let prepare = |mapped: &[&str], ignore: &[&str]| {
        let mut bench = Bench::new();
        if let [mapped] = mapped {
            let columns = HEADER.trim_end().split(',').map(|name| (name, name));
            bench.reading.fields = Some(fields(columns.chain([("objections", *mapped)])));
        }
        bench.reading.ignore =
            Ignore::Named(ignore.iter().map(|name| (*name).to_owned()).collect());
        bench.prepare_files(&[("crm.csv", text.clone().into_bytes())]).map(drop)
    };
    let refused = prepare(&[], &["OPT_OUT", "objections"]);
    assert!(matches!(refused, Err(CrmError::Declared { .. })));
    let refused = prepare(&["OPT_OUT"], &["OPT_OUT", "objections"]);
    assert!(matches!(refused, Err(CrmError::Source(SourceError::Mapping(_)))));
    // A column of that name that holds something else may be.
    let objected = prepare(&["OPT_OUT"], &["objections"]);
    assert!(matches!(objected, Err(CrmError::Empty { .. })));
}

/// Nobody can look for an address that cannot be read, so that its owner has to be told.
#[test]
fn what_cannot_be_read_of_an_objector_is_told() {
    let header = HEADER.replace("consent_notice", "consent_notice,objections");
    let row =
        |id: &str, email: &str, says: &str| format!("{id},{email},ads.match,{EVIDENCE},{says}\n");
    let rows = [
        row("a", "jane@exemple.fr; j@exemple.fr", "all"),
        row("b", "no address", ""),
        row("c", "jane@exemple.fr", ""),
        row("d", "", "perhaps"),
    ];
    let survey = Bench::new().survey(&format!("{header}{}", rows.concat()), &mut Noted::default());
    assert_eq!(survey.counts.eligible, 1);
    assert_eq!(survey.counts.warnings.get("objector_identifier_unread"), Some(&1));
}

#[test]
fn a_local_time_overrules_a_zoned_one_only_where_no_zone_could_turn_them_round() {
    let header = "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice,\
                  objections,updated_at\n";
    let bench = Bench::new();
    let used = |consent: &str, objection: &str| {
        let row = |purposes, objections, age: &str| {
            format!("C,some.body@exemple.fr,{purposes},{EVIDENCE},{objections},{age}\n")
        };
        let (agrees, objects) = (row("ads.match", "", consent), row("", "all", objection));
        // Another row, so that the file is never empty.
        let other = format!("D,other.body@exemple.fr,ads.match,{EVIDENCE},,\n");
        let text = format!("{header}{objects}{agrees}{other}");
        ids(&bench.prepare_files(&[("crm.csv", text.into_bytes())]).unwrap()).len() == 2
    };
    // Half an hour later by the clock on the wall, half an hour earlier in Paris.
    assert!(!used("2026-06-01 18:00:00", "2026-06-01T17:30:00Z"));
    assert!(!used("2026-06-02 07:30:00", "2026-06-01T17:30:00Z"));
    assert!(used("2026-06-02 07:30:01", "2026-06-01T17:30:00Z"));
    assert!(!used("2026-06-02T07:30:00Z", "2026-06-01 17:30:00"));
    assert!(used("2026-06-02T07:30:01+00:00", "2026-06-01 17:30:00"));
    // Of one kind each the order is plain.
    assert!(used("2026-06-01 18:00:00", "2026-06-01 17:30:00"));
    assert!(used("2026-06-01T18:00:00+02:00", "2026-06-01T15:30:00Z"));
    assert!(!used("2026-06-01T18:00:00+02:00", "2026-06-01T16:30:00Z"));
}
