//! Rows by a map, in every form of file.

use std::collections::BTreeSet;

use crate::cell::{Time, TimeFault};
use crate::write::csv_text;

use super::*;

/// 2026-11-30T12:00:00Z.
const NOW: u64 = 1_796_040_000;

const COLUMNS: [&str; 9] =
    ["ID", "MAIL_1", "MAIL_2", "SAYS", "WHEN", "LISTS", "CITY", "ZIP", "OTHER"];

fn from(columns: &[&str]) -> Field {
    Field::of(FieldSource::Columns(columns.iter().map(|name| (*name).to_owned()).collect()))
}

fn values(of: &[(&str, &str)]) -> Option<ValueMap> {
    Some(of.iter().map(|(theirs, ours)| ((*theirs).to_owned(), (*ours).to_owned())).collect())
}

static MAPPED: Schema = Schema {
    columns: &[
        Column::required("row_id", Holds::Name),
        Column::optional("email", Holds::Email),
        Column::optional("email_2", Holds::Email).further(),
        Column::optional("purposes", Holds::Purposes),
        Column::optional("objections", Holds::Objections),
        Column::optional("at", Holds::Time),
        Column::optional("place", Holds::Text),
        Column::optional("notice", Holds::Name),
        Column::unused("segments"),
    ],
    families: &[],
    one_of: &[1, 2],
    program: "advertiser-node",
};

/// Every way in which a field has its text.
fn reading() -> Reading {
    let says = [("yes", "ads.match"), ("no", ""), ("stop", "")];
    let joined =
        FieldSource::Joined { columns: vec!["CITY".into(), "ZIP".into()], join: " ".into() };
    let fields = [
        (0, from(&["ID"])),
        (1, from(&["MAIL_1", "MAIL_2"])),
        (3, Field { values: values(&says), ..from(&["SAYS"]) }),
        (
            4,
            Field {
                values: values(&[("a", "all"), ("m", "ads.match"), ("none", "")]),
                split: Some(",".into()),
                ..from(&["LISTS"])
            },
        ),
        (5, from(&["WHEN"])),
        (6, Field::of(joined)),
        (7, Field::of(FieldSource::Constant("N-1".into()))),
        (8, from(&["LISTS"])),
    ];
    Reading {
        fields: Some(fields.into()),
        ignore: Ignore::Others,
        nulls: BTreeSet::from(["(leer)".to_owned()]),
        ..Reading::default()
    }
}

fn table(rows: &[[&str; 9]]) -> Table {
    let columns = COLUMNS.map(|name| (name, Of::Text)).into();
    let rows = rows.iter().map(|row| row.map(str::to_owned).into()).collect();
    Table { columns, rows }
}

/// What `look` sees of every row, which is the same in every form.
fn seen<T: PartialEq + std::fmt::Debug>(
    table: &Table,
    reading: &Reading,
    look: impl Fn(&Row<'_>) -> T,
) -> Vec<T> {
    let mut first = None;
    for (name, bytes) in [
        ("t.csv", table.csv()),
        ("t.ndjson", table.ndjson()),
        ("t.parquet", table.parquet(2, true)),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let input = Input { file: InputFile::new(&path), reading: Arc::new(reading.clone()) };
        let mut source = RowSource::open(&input, &MAPPED, &Watched::default()).unwrap();
        let rows: Vec<T> =
            std::iter::from_fn(|| source.next_row().unwrap().map(|row| look(&row))).collect();
        match &first {
            None => first = Some(rows),
            Some(first) => assert_eq!(first, &rows, "{name}"),
        }
    }
    first.unwrap()
}

#[test]
fn text_comes_from_one_column_from_several_joined_or_from_none() {
    let table = table(&[
        ["1", "a@b.fr", "", "", "", "", "Lyon", " 69001 ", "x"],
        ["2", "(Leer)", "c@d.fr", "", "", "", "Lyon", "(leer)", ""],
        ["3", "", "", "", "", "", "N/A", "69001", ""],
    ]);
    let texts = seen(&table, &reading(), |row| {
        let values: Vec<_> = row.values(1).map(|(which, text)| format!("{which} {text}")).collect();
        let texts = [0, 6, 7, 8].map(|at| row.text(at).into_owned());
        (texts.join("|"), values.join("|"))
    });
    let expected =
        [("1|Lyon 69001|N-1|", "0 a@b.fr|1 "), ("2||N-1|", "0 |1 c@d.fr"), ("3||N-1|", "0 |1 ")];
    let told = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    assert_eq!(texts, expected.map(told));
}

#[test]
fn a_list_of_values_is_closed_and_says_nothing_of_what_it_does_not_list() {
    let cells = [
        ("YES", "ads.match"),
        (" no ", ""),
        ("", "Absent"),
        ("NULL", "Absent"),
        ("perhaps", "Unlisted"),
        ("unknown", "Unlisted"),
        ("ads.match", "Unlisted"),
    ];
    let rows = cells.map(|(cell, _)| ["1", "", "", cell, "", "", "", "", ""]);
    let found = seen(&table(&rows), &reading(), |row| match row.cell(3) {
        Cell::Text(text) => text.into_owned(),
        other => format!("{other:?}"),
    });
    assert_eq!(found, cells.map(|(_, expected)| expected));
}

#[test]
fn entries_of_a_list_have_their_meanings_one_by_one() {
    let cells = [
        ("m", "ads.match"),
        ("M, a", "ads.match|all"),
        ("m|a", "ads.match|all"),
        ("none,m,", "ads.match"),
        ("none", ""),
        ("m,x", "Unlisted"),
        ("", "Absent"),
    ];
    let rows = cells.map(|(cell, _)| ["1", "", "", "", "", cell, "", "", ""]);
    let found = seen(&table(&rows), &reading(), |row| match row.cell(4) {
        Cell::Text(text) => text.into_owned(),
        other => format!("{other:?}"),
    });
    assert_eq!(found, cells.map(|(_, expected)| expected));
}

#[test]
fn a_cell_of_several_identifiers_is_cut_where_the_map_says() {
    let mut reading = reading();
    let fields = reading.fields.as_mut().unwrap();
    fields.insert(1, Field { split: Some("; ".into()), ..from(&["MAIL_1", "MAIL_2"]) });
    let row = ["1", "a@b.fr; c@d.fr", "e@f.fr", "", "", "m", "", "", ""];
    let found = seen(&table(&[row]), &reading, |row| {
        row.values(1).map(|(which, text)| (which, text.into_owned())).collect::<Vec<_>>()
    });
    let expected = [(0, "a@b.fr"), (0, "c@d.fr"), (1, "e@f.fr")];
    assert_eq!(found, [expected.map(|(which, text)| (which, text.to_owned())).to_vec()]);
}

/// An array is cut too, wherever several entries may stand.
#[test]
fn arrays_are_lists_of_a_field_that_is_cut() {
    let mut reading = reading();
    let fields = reading.fields.as_mut().unwrap();
    fields.insert(1, Field { split: Some(";".into()), ..from(&["MAIL_1"]) });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.ndjson");
    let members: String = COLUMNS.iter().skip(2).map(|name| format!(",\"{name}\":null")).collect();
    let line = format!("{{\"ID\":\"1\",\"MAIL_1\":[\"a@b.fr\",\"c@d.fr\"]{members}}}\n");
    std::fs::write(&path, line).unwrap();
    let input = Input { file: InputFile::new(&path), reading: Arc::new(reading) };
    let mut source = RowSource::open(&input, &MAPPED, &Watched::default()).unwrap();
    let row = source.next_row().unwrap().unwrap();
    let texts: Vec<_> = row.values(1).map(|(_, text)| text.into_owned()).collect();
    assert_eq!(texts, ["a@b.fr", "c@d.fr"]);
}

#[test]
fn times_have_the_form_and_the_zone_of_their_field_or_else_of_the_input() {
    let paris = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    let mut reading = reading();
    reading.dates = Dates::Pattern("%d/%m/%Y %H:%M".into());
    reading.zone = Some(paris);
    let cells = ["01/06/2026 18:00", "2026-06-01T16:00:00Z", "1/6/26 18:00", ""];
    let rows = cells.map(|cell| ["1", "", "", "", cell, "", "", "", ""]);
    let found = seen(&table(&rows), &reading, |row| row.time(5, NOW));
    let at = "2026-06-01T16:00:00Z".parse().unwrap();
    let known = Time { at, zoned: true, until: at };
    let (unreadable, absent) = (Err(TimeFault::Unreadable), Err(TimeFault::Absent));
    // A clock without seconds shows a minute as long as it lasts.
    let until = "2026-06-01T16:00:59.999999Z".parse().unwrap();
    assert_eq!(found, [Ok(Time { until, ..known }), unreadable, unreadable, absent]);
    let own = Field { dates: Some(Dates::Iso), ..from(&["WHEN"]) };
    reading.fields.as_mut().unwrap().insert(5, own);
    let found = seen(&table(&rows), &reading, |row| row.time(5, NOW));
    assert_eq!(found, [unreadable, Ok(known), unreadable, absent]);
}

/// The type of a column says more than the form that a map has for text.
#[test]
fn typed_times_are_read_as_what_they_are() {
    let mut typed = table(&[["1", "", "", "", "2026-06-01T16:00:00Z", "", "", "", ""]]);
    typed.columns[4].1 = Of::Time;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.parquet");
    std::fs::write(&path, typed.parquet(1, false)).unwrap();
    let dates = Dates::Pattern("%d/%m/%Y".into());
    let reading = Arc::new(Reading { dates, ..reading() });
    let input = Input { file: InputFile::new(&path), reading };
    let mut source = RowSource::open(&input, &MAPPED, &Watched::default()).unwrap();
    let row = source.next_row().unwrap().unwrap();
    let time = row.time(5, NOW).unwrap();
    assert_eq!((time.at.to_string(), time.zoned), ("2026-06-01T16:00:00Z".into(), true));
}

fn refused(name: &str, bytes: &[u8], schema: &'static Schema, reading: &Reading) -> SourceError {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let input = Input { file: InputFile::new(&path), reading: Arc::new(reading.clone()) };
    RowSource::open(&input, schema, &Watched::default()).unwrap_err()
}

#[test]
fn all_columns_that_are_amiss_are_told_at_once_in_every_form() {
    let mut renamed = table(&[["1"; 9]]);
    for (at, name) in [(0, "Id"), (3, "ANSWER"), (8, "NOTE")] {
        renamed.columns[at].0 = name;
    }
    let mut strict = reading();
    strict.ignore = Ignore::Named(BTreeSet::new());
    let all = "there are no columns `ID`, `SAYS`; the columns `Id`, `ANSWER`, `NOTE` are not known";
    // Rows of NDJSON may leave columns out that need not be there.
    let sparse = "there is no column `ID`; the columns `ANSWER`, `Id`, `NOTE` are not known";
    for (name, bytes, told) in [
        ("t.csv", renamed.csv(), all),
        ("t.ndjson", renamed.ndjson(), sparse),
        ("t.parquet", renamed.parquet(1, false), all),
    ] {
        let error = refused(name, &bytes, &MAPPED, &strict);
        let text = report::Diagnose::text(&error).to_string();
        assert!(text.ends_with(told), "{name}: {text}");
        assert!(advice(&error).starts_with("did you mean `Id` for `ID`?"), "{}", advice(&error));
        // What nothing names is not looked at where the map says so; what it names must be there.
        let error = refused(name, &bytes, &MAPPED, &reading());
        let text = report::Diagnose::text(&error).to_string();
        assert!(text.ends_with(told.split_once(';').unwrap().0), "{name}: {text}");
        let foreign = refused(name, &bytes, &MAPPED, &Reading::default());
        let text = report::Diagnose::text(&foreign).to_string();
        assert!(text.ends_with("none of 9 columns has a name known here"), "{text}");
        assert!(advice(&foreign).starts_with("advertiser-node map "), "{}", advice(&foreign));
    }
    let own = b"row_id,city,emial,fone\n";
    let text = refused("t.csv", own, &MAPPED, &Reading::default()).to_string();
    assert!(
        text.ends_with("no column `email`; the columns `city`, `emial`, `fone` are not known"),
        "{text}"
    );
}

/// An export that leaves members out has no column without a value; but that of objections must
/// be there.
#[test]
fn members_that_no_object_has_are_absent_but_for_objections() {
    let row = ["1", "a@b.fr", "", "", "", "m", "", "", ""];
    let found = seen_in("t.ndjson", &table(&[row]).ndjson(), |row| row.values(1).count());
    assert_eq!(found, Ok(vec![1]));
    let row = ["1", "a@b.fr", "", "", "", "", "", "", ""];
    let refused = seen_in("t.ndjson", &table(&[row]).ndjson(), |row| row.values(1).count());
    assert!(refused.unwrap_err().ends_with("there is no column `LISTS`"));
}

fn seen_in<T>(name: &str, bytes: &[u8], look: impl Fn(&Row<'_>) -> T) -> Result<Vec<T>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let input = Input { file: InputFile::new(&path), reading: Arc::new(reading()) };
    let mut source =
        RowSource::open(&input, &MAPPED, &Watched::default()).map_err(|error| error.to_string())?;
    Ok(std::iter::from_fn(|| source.next_row().unwrap().map(|row| look(&row))).collect())
}

#[test]
fn maps_that_contradict_themselves_are_refused_before_a_file_is_looked_at() {
    let mut twice = reading();
    twice.ignore = Ignore::Named(BTreeSet::from(["MAIL_2".to_owned()]));
    let error = refused("t.csv", b"", &MAPPED, &twice);
    assert!(error.to_string().contains("`MAIL_2`"), "{error}");
    for (at, name) in [(0, "`row_id`"), (1, "`email`")] {
        let mut without = reading();
        without.fields.as_mut().unwrap().remove(&at);
        let error = refused("t.csv", b"", &MAPPED, &without);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_column_feeds_several_fields_and_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("t.csv");
    std::fs::write(&path, format!("{}\n", COLUMNS.map(csv_text).join(","))).unwrap();
    let mut reading = reading();
    reading.fields.as_mut().unwrap().insert(4, from(&["SAYS"]));
    let input = Input { file: InputFile::new(&path), reading: Arc::new(reading) };
    let source = RowSource::open(&input, &MAPPED, &Watched::default()).unwrap();
    let of = |name: &str| {
        let column = source.columns().iter().find(|column| column.name().as_str() == name);
        column.map(|column| (column.role(), column.feeds().to_vec())).unwrap()
    };
    assert_eq!(of("SAYS"), (Role::Used, vec![3, 4]));
    assert_eq!(of("LISTS"), (Role::Unused, vec![8]));
    assert_eq!(of("OTHER"), (Role::Ignored, vec![]));
    assert!(source.has(7) && !source.has(2) && !source.has(8));
}
