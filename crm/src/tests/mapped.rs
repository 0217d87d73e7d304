//! Exports that a map reads: rows of several inputs, each with a reading of its own.

use jiff::tz::TimeZone;
use tabular::{Dates, InputError, ValueMap};

use super::*;

fn paris() -> Option<TimeZone> {
    Some(TimeZone::get("Europe/Paris").unwrap())
}

fn from(columns: &[&str]) -> Field {
    Field::of(FieldSource::Columns(columns.iter().map(|name| (*name).to_owned()).collect()))
}

fn listed(column: &str, values: &[(&str, &str)]) -> Field {
    let of = |(theirs, ours): &(&str, &str)| ((*theirs).to_owned(), (*ours).to_owned());
    let values: ValueMap = values.iter().map(of).collect();
    Field { values: Some(values), ..from(&[column]) }
}

fn joined(columns: &[&str]) -> Field {
    let columns = columns.iter().map(|name| (*name).to_owned()).collect();
    Field::of(FieldSource::Joined { columns, join: "/".into() })
}

fn constant(text: &str) -> Field {
    Field::of(FieldSource::Constant(text.into()))
}

fn mapped(fields: &[(&str, Field)]) -> Option<BTreeMap<usize, Field>> {
    let one = |(name, field): &(&str, Field)| (SCHEMA.find(name).unwrap(), field.clone());
    Some(fields.iter().map(one).collect())
}

/// Columns of a French CRM of our own making.
const COLUMNS: [&str; 13] = [
    "CLIENT",
    "EMAIL1",
    "EMAIL2",
    "EMAIL3",
    "EMAIL4",
    "MOBILE",
    "MAISON",
    "PAYS",
    "OPTIN",
    "OPTIN_LE",
    "OPPOSITION",
    "MAJ",
    "VILLE",
];

fn crm() -> Reading {
    let maj = Field { dates: Some(Dates::Pattern("%d/%m/%Y %H:%M".into())), ..from(&["MAJ"]) };
    Reading {
        fields: mapped(&[
            ("row_id", from(&["CLIENT"])),
            ("email", from(&["EMAIL1", "EMAIL2", "EMAIL3", "EMAIL4"])),
            ("phone", from(&["MOBILE", "MAISON"])),
            ("country", listed("PAYS", &[("france", "FR"), ("belgique", "BE")])),
            ("consent_purposes", listed("OPTIN", &[("oui", "ads.match"), ("non", "")])),
            ("consent_ref", joined(&["CLIENT", "OPTIN_LE"])),
            ("consent_at", from(&["OPTIN_LE"])),
            ("consent_notice", constant("MI-2026-02")),
            ("objections", listed("OPPOSITION", &[("oui", "all"), ("non", "")])),
            ("updated_at", maj),
        ]),
        ignore: Ignore::Others,
        nulls: BTreeSet::from(["sans".to_owned()]),
        row_prefix: "crm:".into(),
        region: normalize::Country::from_code("FR"),
        dates: Dates::Pattern("%d/%m/%Y".into()),
        zone: paris(),
        ..Reading::default()
    }
}

/// A row with these fields changed.
fn client(id: &str, changes: &[(&str, &str)]) -> Vec<String> {
    let field = |name: &&str| {
        let changed = changes.iter().find(|(changed, _)| changed == name);
        changed.map_or_else(
            || match *name {
                "CLIENT" => id.to_owned(),
                "EMAIL1" => format!("client{id}@exemple.fr"),
                "PAYS" => "France".to_owned(),
                "OPTIN" => " Oui ".to_owned(),
                "OPTIN_LE" => "02/03/2026".to_owned(),
                "OPPOSITION" => "NON".to_owned(),
                "MAJ" => "01/11/2026 10:00".to_owned(),
                _ => String::new(),
            },
            |(_, value)| (*value).to_owned(),
        )
    };
    COLUMNS.iter().map(field).collect()
}

fn table(rows: Vec<Vec<String>>) -> Table {
    Table { columns: COLUMNS.map(|name| (name, Holds::Text)).into(), rows }
}

fn forms(table: &Table) -> [(&'static str, Vec<u8>); 3] {
    [
        ("crm.csv", table.csv()),
        ("crm.ndjson", table.ndjson()),
        ("crm.parquet", table.parquet(3, true)),
    ]
}

fn ids(input: &PreparedInput) -> Vec<String> {
    let mut reader = input.row_ids().unwrap();
    let next = || reader.next_id().unwrap().map(|id| String::from_utf8(id).unwrap());
    std::iter::from_fn(next).collect()
}

/// A bench whose files are of the CRM.
fn bench() -> Bench {
    Bench { reading: crm(), kinds: vec![1, 3], ..Bench::new() }
}

#[test]
fn a_crm_with_columns_of_its_own_gives_the_same_rows_in_every_form() {
    let table = table(vec![
        client(
            "1",
            &[
                ("EMAIL2", "deux@exemple.fr"),
                ("EMAIL4", "quatre@exemple.fr"),
                ("MOBILE", "06 12 34 99 12"),
                ("MAISON", "sans"),
            ],
        ),
        client("2", &[("OPTIN", "NON")]),
        client("3", &[("OPTIN", "peut-être")]),
        client("4", &[("OPPOSITION", "oui")]),
        client("5", &[("OPPOSITION", "?")]),
        client("6", &[("PAYS", "Perdu"), ("MOBILE", "0612349913")]),
        client("7", &[("OPTIN_LE", "")]),
        client("8", &[("MAJ", "hier")]),
        client("9", &[("PAYS", ""), ("MOBILE", "0612349914"), ("EMAIL1", "pas d'adresse")]),
    ]);
    let mut roots = BTreeSet::new();
    for (name, bytes) in forms(&table) {
        let bench = bench();
        let input = bench.prepare_files(&[(name, bytes.clone())]).unwrap();
        assert_eq!(ids(&input), ["crm:1", "crm:6", "crm:8", "crm:9"], "{name}");
        roots.insert((contents(&input).len(), contents(&input)));
        let mut noted = Noted::default();
        let survey = bench.survey_files(&[(name, bytes)], &mut noted).unwrap();
        let left = &survey.counts.rows_left_out;
        let expected = [
            ("consent_ref_missing", 1),
            ("consent_value_unknown", 1),
            ("objection_value_unknown", 1),
            ("row_no_consent", 1),
            ("row_optout", 1),
        ];
        let expected = expected.map(|(code, n)| (code.to_owned(), n));
        assert_eq!(left, &BTreeMap::from(expected), "{name}");
        let warnings = &survey.counts.warnings;
        assert_eq!(warnings.get("column_value_unknown"), Some(&1), "{name}");
        assert_eq!(warnings.get("updated_at_unreadable"), Some(&1), "{name}");
        // The fourth address and three numbers; counted under the names of the file.
        let valid = |column: &str| survey.columns.get(column).map(|counts| counts.valid);
        assert_eq!((valid("EMAIL4"), valid("MOBILE")), (Some(1), Some(3)), "{name}");
        assert_eq!(survey.columns["EMAIL1"].rejected["email_no_at"], 1, "{name}");
        let line = |line: u64| if name == "crm.csv" { line + 1 } else { line };
        for (id, at, column, reason) in [
            ("crm:3", 3, "", "consent_value_unknown"),
            ("crm:5", 5, "", "objection_value_unknown"),
            ("crm:6", 6, "PAYS", "column_value_unknown"),
            ("crm:9", 9, "EMAIL1", "email_no_at"),
        ] {
            let note = format!("{id} {} {column} {reason}", line(at));
            assert!(noted.0.contains(&note), "{name}: {note} in {:?}", noted.0);
        }
    }
    assert_eq!(roots.len(), 1);
}

#[test]
fn columns_cost_slots_by_the_map_alone_and_empty_ones_are_told() {
    let bench = bench();
    let mut widths = BTreeSet::new();
    for rows in [
        vec![client("1", &[("EMAIL2", "b.b@exemple.fr")])],
        vec![
            client("1", &[]),
            client("2", &[("MOBILE", "0612349912"), ("EMAIL3", "c.c@exemple.fr")]),
        ],
    ] {
        let files = [("crm.csv", table(rows).csv())];
        let survey = bench.survey_files(&files, &mut Noted::default()).unwrap();
        widths.insert(survey.files[0].row_identifiers_max);
        assert_eq!(bench.prepare_files(&files).unwrap().row_identifiers_max(), Some(6));
        assert!(survey.columns["EMAIL4"].is_always_empty());
        assert!(!survey.columns["EMAIL1"].is_always_empty());
        let slots: Vec<usize> = survey.columns.values().map(|counts| counts.slots).collect();
        assert_eq!(slots, [1; 6]);
        let meant = |column: &&ColumnUse| column.meaning.is_some();
        assert_eq!(survey.files[0].columns.iter().filter(meant).count(), 12, "but the town");
    }
    assert_eq!(widths, BTreeSet::from([6]));
}

#[test]
fn identifiers_beyond_the_slots_are_left_out_in_the_order_of_the_map() {
    let five = ["EMAIL4", "EMAIL1", "EMAIL2", "EMAIL3", "VILLE"];
    let mut reading = crm();
    let fields = reading.fields.as_mut().unwrap();
    fields.insert(SCHEMA.find("email").unwrap(), from(&five));
    let bench = Bench { reading, kinds: vec![1, 2, 3], ..Bench::new() };
    let mut row = client("1", &[("MOBILE", "0612349912")]);
    for (at, name) in COLUMNS.iter().enumerate().filter(|(_, name)| five.contains(name)) {
        row[at] = format!("{}.x@gmail.com", name.to_lowercase());
    }
    let mut noted = Noted::default();
    let files = [("crm.csv", table(vec![row]).csv())];
    let survey = bench.survey_files(&files, &mut noted).unwrap();
    // Ten of addresses and one of a number, of which the first four addresses have room.
    assert_eq!(survey.files[0].row_identifiers_max, 12);
    assert_eq!(survey.counts.eligible, 1);
    assert_eq!(survey.counts.identifiers_rejected["identifier_beyond_width"], 3);
    let beyond = |column: &str| survey.columns[column].rejected.get("identifier_beyond_width");
    assert_eq!((beyond("VILLE"), beyond("MOBILE"), beyond("EMAIL3")), (Some(&2), Some(&1), None));
    assert!(noted.0.contains(&"crm:1 2 VILLE identifier_beyond_width".to_owned()));
    // Of a provider that takes narrower rows the first four stay.
    let narrow = Bench { row_width: 4, ..bench };
    let input = narrow.prepare_files(&files).unwrap();
    assert_eq!(input.row_identifiers_max(), Some(4));
    assert_eq!(input.counts().identifiers_rejected["identifier_beyond_width"], 7);
}

#[test]
fn several_addresses_in_one_cell_have_as_many_slots_as_the_map_gives_the_column() {
    let mut reading = crm();
    let fields = reading.fields.as_mut().unwrap();
    let split = Field { split: Some(";".into()), ..from(&["EMAIL1"]) };
    fields.insert(SCHEMA.find("email").unwrap(), split);
    fields.remove(&SCHEMA.find("phone").unwrap());
    let bench = Bench { reading, kinds: vec![1], ..Bench::new() };
    for (cell, distinct, beyond) in [
        ("a.a@exemple.fr", 1, None),
        ("a.a@exemple.fr; b.b@exemple.fr;", 2, None),
        ("a.a@exemple.fr;b.b@exemple.fr;c.c@exemple.fr;d.d@exemple.fr", 3, Some(&1)),
    ] {
        let file = [("crm.csv", table(vec![client("1", &[("EMAIL1", cell)])]).csv())];
        let survey = bench.survey_files(&file, &mut Noted::default()).unwrap();
        assert_eq!(survey.files[0].row_identifiers_max, 3, "whatever the cell holds");
        assert_eq!(survey.distinct, distinct, "{cell}");
        assert_eq!(survey.counts.identifiers_rejected.get("identifier_beyond_width"), beyond);
    }
}

#[test]
fn inputs_of_one_run_are_each_read_their_own_way() {
    let bench = bench();
    let write = |name: &str, bytes: &[u8], reading: Reading| {
        let file = bench.dir.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        Input { file: InputFile::new(&file), reading: Arc::new(reading) }
    };
    let digest = hex(&Sha256::digest("trois@exemple.fr"));
    let header = HEADER.replace("email", "email_sha256");
    let web = format!("{header}{}", row("1", &digest, "ads.match"));
    let of_crm = table(vec![client("1", &[]), client("2", &[])]).ndjson();
    let prepare = |email_sha256| {
        let plain = Reading { email_sha256, ..Reading::default() };
        let inputs = [write("crm.ndjson", &of_crm, crm()), write("web.csv", web.as_bytes(), plain)];
        bench.with_inputs(&inputs, |inputs, rules, store, workspace| {
            PreparedInput::prepare(inputs, rules, store, &bench.key, workspace, &Portable)
        })
    };
    let both = prepare(EmailPrehash::parse("plain")).unwrap();
    assert_eq!(ids(&both), ["1", "crm:1", "crm:2"]);
    assert_eq!(both.counts().sources["web.csv"].eligible, 1);
    let refused = prepare(None).map(drop);
    assert!(matches!(refused, Err(CrmError::Declared(Undeclared::Digests { .. }))));
}

/// An objection of the CRM, by the clocks of Paris, and a later or earlier consent.
#[test]
fn times_of_a_declared_zone_are_known_instants_when_rows_are_merged() {
    let used = |objected: &str, dates: &str, agreed: &str| {
        let mut reading = crm();
        reading.row_prefix = String::new();
        let fields = reading.fields.as_mut().unwrap();
        let maj = Field { dates: Some(Dates::Pattern(dates.into())), ..from(&["MAJ"]) };
        fields.insert(SCHEMA.find("updated_at").unwrap(), maj);
        let bench = bench();
        let write = |name: &str, bytes: &[u8], reading: Reading| {
            let file = bench.dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Input { file: InputFile::new(&file), reading: Arc::new(reading) }
        };
        let crm = table(vec![client("1", &[("OPPOSITION", "oui"), ("MAJ", objected)])]).csv();
        let header = HEADER.trim_end();
        let line = row("1", "client1@exemple.fr", "ads.match");
        let web = format!("{header},updated_at\n{},{agreed}\n", line.trim_end());
        let inputs =
            [write("crm.csv", &crm, reading), write("web.csv", web.as_bytes(), Reading::default())];
        let survey = bench.with_inputs(&inputs, |inputs, rules, store, workspace| {
            PreparedInput::survey(inputs, rules, store, &bench.key, workspace, None)
        });
        survey.unwrap().counts.eligible == 1
    };
    let minutes = "%d/%m/%Y %H:%M";
    assert!(used("01/06/2026 18:00", minutes, "2026-06-01T16:01:00Z"));
    assert!(!used("01/06/2026 18:00", minutes, "2026-06-01T16:00:59Z"));
    // Half past two was twice that night, at 0:30 and at 1:30 in UTC.
    assert!(!used("26/10/2025 02:30", minutes, "2025-10-26T01:30:01Z"));
    assert!(used("26/10/2025 02:30", minutes, "2025-10-26T14:31:00Z"));
    // A day that states its zone ends there too.
    assert!(!used("2026-06-01+0200", "%Y-%m-%d%z", "2026-06-01T21:59:59Z"));
    assert!(used("2026-06-01+0200", "%Y-%m-%d%z", "2026-06-01T22:00:00Z"));
    // The day ends at ten in the evening in UTC.
    assert!(!used("01/06/2026", "%d/%m/%Y", "2026-06-01T21:59:59Z"));
    assert!(used("01/06/2026", "%d/%m/%Y", "2026-06-01T22:00:00Z"));
}

/// The answer of a survey of one input, whose column `VILLE` feeds this field.
fn survey_of(name: &str, field: Field, rows: Vec<Vec<String>>) -> Result<Survey, CrmError> {
    let mut reading = crm();
    reading.fields.as_mut().unwrap().insert(SCHEMA.find(name).unwrap(), field);
    let bench = Bench { reading, ..bench() };
    bench.survey_files(&[("crm.csv", table(rows).csv())], &mut Noted::default())
}

#[test]
fn a_notice_that_the_map_has_for_none_or_does_not_list_is_no_evidence() {
    let notice = listed("VILLE", &[("texte 1", "MI-2026-02"), ("texte 0", "")]);
    let rows = ["Texte 1", "texte 0", "texte 7", ""];
    let rows = rows.iter().enumerate();
    let rows = rows.map(|(at, text)| client(&format!("{}", at + 1), &[("VILLE", text)])).collect();
    let counts = survey_of("consent_notice", notice, rows).unwrap().counts;
    assert_eq!((counts.eligible, counts.rows_left_out["consent_notice_missing"]), (1, 3));
    assert_eq!(counts.warnings["column_value_unknown"], 1);
}

#[test]
fn a_column_of_objections_is_not_passed_over_with_all_others() {
    for name in ["objections", "Objections"] {
        let mut table = table(vec![client("1", &[("OPPOSITION", "oui")])]);
        for (column, _) in table.columns.iter_mut().filter(|(column, _)| *column == "OPPOSITION") {
            *column = name;
        }
        for (file, bytes) in forms(&table) {
            let mut reading = crm();
            reading.fields.as_mut().unwrap().remove(&SCHEMA.find("objections").unwrap());
            let bench = Bench { reading, ..bench() };
            let refused = bench.survey_files(&[(file, bytes)], &mut Noted::default());
            let refused = refused.map(drop).unwrap_err();
            let why = refused.to_string();
            assert!(matches!(refused, CrmError::Declared(Undeclared::Objections)), "{file}: {why}");
        }
    }
    // Under any other name nobody can tell what it is.
    let mut reading = crm();
    reading.fields.as_mut().unwrap().remove(&SCHEMA.find("objections").unwrap());
    let file = [("crm.csv", table(vec![client("1", &[])]).csv())];
    assert!(Bench { reading, ..bench() }.survey_files(&file, &mut Noted::default()).is_ok());
}

#[test]
fn a_rounded_number_is_no_part_of_an_id() {
    let refused = |id: &str| {
        let row = client(id, &[("VILLE", "FR"), ("OPTIN_LE", "02/03/2026")]);
        let found = survey_of("row_id", joined(&["CLIENT", "VILLE"]), vec![row]);
        match found.map(|survey| survey.counts.eligible) {
            Ok(eligible) => {
                assert_eq!(eligible, 1);
                false
            }
            Err(CrmError::Source(SourceError::Input { source, .. })) => {
                assert_eq!(source, InputError::NumberForRowId { line: 2 });
                true
            }
            Err(other) => panic!("{other}"),
        }
    };
    assert!(!refused("1001") && !refused("C-1.0"));
    assert!(refused("1.23457E+15") && refused("1001.0") && refused("9007199254740992.0"));
}

#[test]
fn a_row_of_more_identifiers_than_can_be_kept_is_refused_with_its_line() {
    let split = Field { split: Some(";".into()), ..from(&["EMAIL1"]) };
    let read = |addresses: usize| {
        let cell: Vec<String> = (0..addresses).map(|at| format!("p{at}.x@exemple.fr")).collect();
        let rows = vec![client("1", &[]), client("2", &[("EMAIL1", &cell.join(";"))])];
        survey_of("email", split.clone(), rows)
    };
    assert_eq!(read(1_000).unwrap().counts.eligible, 2);
    let Err(CrmError::Source(SourceError::Input { source, .. })) = read(3_000).map(drop) else {
        panic!("no error of the file")
    };
    assert_eq!(source, InputError::RecordTooLong { line: 3 });
}

#[test]
fn constants_stand_for_columns_that_an_export_does_not_have() {
    let mut reading = crm();
    let fields = reading.fields.as_mut().unwrap();
    fields.insert(SCHEMA.find("consent_purposes").unwrap(), constant("ads.match"));
    let bench = Bench { reading, ..bench() };
    let file = [("crm.csv", table(vec![client("1", &[("OPTIN", "NON")])]).csv())];
    assert_eq!(ids(&bench.prepare_files(&file).unwrap()), ["crm:1"]);
    let other = Bench { purpose: Purpose::Suppress, ..bench };
    assert!(matches!(other.prepare_files(&file), Err(CrmError::Empty { .. })));
}

#[test]
fn the_country_of_a_row_prevails_over_the_region_of_its_input() {
    let bench = bench();
    let file = [(
        "crm.csv",
        table(vec![
            client("1", &[("MOBILE", "0612349912"), ("PAYS", "")]),
            client("2", &[("MOBILE", "0470123456"), ("PAYS", "Belgique")]),
        ])
        .csv(),
    )];
    let survey = bench.survey_files(&file, &mut Noted::default()).unwrap();
    assert_eq!(survey.columns["MOBILE"].valid, 2);
    let mut reading = crm();
    reading.region = normalize::Country::from_code("BE");
    let bench = Bench { reading, ..bench };
    let survey = bench.survey_files(&file, &mut Noted::default()).unwrap();
    assert_eq!(survey.columns["MOBILE"].valid, 1, "a French number is none of Belgium");
}

#[test]
fn a_row_id_counts_with_its_prefix() {
    let bench = bench();
    let file = |len: usize| {
        [("crm.csv", table(vec![client(&"7".repeat(len), &[("EMAIL1", "a.a@exemple.fr")])]).csv())]
    };
    assert!(bench.prepare_files(&file(1_020)).is_ok());
    let refused = bench.prepare_files(&file(1_021));
    assert!(matches!(refused, Err(CrmError::Source(SourceError::Input { .. }))));
}

#[test]
fn a_map_without_objections_is_warned_of_once_for_each_input() {
    let mut reading = crm();
    let told = |reading: &Reading| {
        let bench = Bench { reading: reading.clone(), ..bench() };
        let file = [("crm.csv", table(vec![client("1", &[]), client("2", &[])]).csv())];
        let survey = bench.survey_files(&file, &mut Noted::default()).unwrap();
        survey.counts.warnings.get("objections_not_mapped").copied()
    };
    assert_eq!(told(&reading), None);
    reading.fields.as_mut().unwrap().remove(&SCHEMA.find("objections").unwrap());
    assert_eq!(told(&reading), Some(1));
}
