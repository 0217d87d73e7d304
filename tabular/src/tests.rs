//! The same rows out of every form, and an error with its place out of every fault.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::prelude::*;

use crate::testing::{Holds as Of, Table, advice, gzip, zstd};
use crate::*;

mod mapped;

static SCHEMA: Schema = Schema {
    columns: &[
        Column::required("row_id", Holds::Name),
        Column::optional("email", Holds::Email),
        Column::optional("purposes", Holds::Purposes),
        Column::optional("at", Holds::Time),
        Column::unused("city"),
    ],
    families: &["custom."],
    one_of: &[],
    program: "advertiser-node",
};

fn read(name: &str, bytes: &[u8], reading: &Reading) -> Result<Vec<Vec<String>>, SourceError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let input = Input { file: InputFile::new(&path), reading: Arc::new(reading.clone()) };
    let mut source = RowSource::open(&input, &SCHEMA, &Watched::default())?;
    let mut rows = Vec::new();
    let refuse = |source| SourceError::Input { file: path.clone(), source };
    while let Some(row) = source.next_row().map_err(refuse)? {
        rows.push((0..4).map(|at| row.text(at).into_owned()).collect());
    }
    Ok(rows)
}

/// Fields of a map, each from one column.
fn own(columns: &[(usize, &str)]) -> BTreeMap<usize, Field> {
    let field = |name: &str| Field::of(FieldSource::Columns(vec![name.to_owned()]));
    columns.iter().map(|(at, name)| (*at, field(name))).collect()
}

fn rows(name: &str, bytes: &[u8]) -> Vec<Vec<String>> {
    read(name, bytes, &Reading::default()).unwrap()
}

fn error(name: &str, bytes: &[u8]) -> InputError {
    match read(name, bytes, &Reading::default()) {
        Err(SourceError::Input { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

fn table(rows: Vec<Vec<String>>) -> Table {
    use Of::{List, Text, Time};
    let columns = vec![("row_id", Text), ("email", Text), ("purposes", List), ("at", Time)];
    Table { columns, rows }
}

fn sample() -> Table {
    let row = |fields: [&str; 4]| fields.map(str::to_owned).to_vec();
    table(vec![
        row(["0612", "a@exemple.fr", "ads.match|ads.suppress", "2026-03-02T10:14:00Z"]),
        row(["00123", "", "", "2026-03-02T10:14:00.5Z"]),
        row(["é,\"x\"", "b@exemple.fr", "ads.match", ""]),
    ])
}

#[test]
fn a_table_reads_the_same_in_every_form() {
    let table = sample();
    let forms = [
        ("t.csv", table.csv()),
        ("t.ndjson", table.ndjson()),
        ("t.jsonl", table.ndjson()),
        ("t", table.ndjson()),
        ("t", table.csv()),
        ("t.csv.gz", gzip(&table.csv())),
        ("t.csv", zstd(&table.csv())),
        ("t.ndjson.zst", zstd(&table.ndjson())),
        ("t", gzip(&table.ndjson())),
        ("t.parquet", table.parquet(2, true)),
        ("t", table.parquet(9, false)),
        ("t.csv", table.parquet(1, false)),
    ];
    for (name, bytes) in forms {
        assert_eq!(rows(name, &bytes), table.rows, "{name}");
    }
}

/// Makes a codec, with its usual level.
type Codec = fn() -> Compression;

const CODECS: [Codec; 7] = [
    || Compression::UNCOMPRESSED,
    || Compression::SNAPPY,
    || Compression::GZIP(GzipLevel::default()),
    || Compression::BROTLI(BrotliLevel::default()),
    || Compression::LZ4,
    || Compression::LZ4_RAW,
    || Compression::ZSTD(ZstdLevel::default()),
];

/// Pages in a codec, in the second version of their form or the first.
fn packed(codec: Compression, second: bool) -> WriterProperties {
    let version = if second { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    WriterProperties::builder().set_compression(codec).set_writer_version(version).build()
}

#[test]
fn parquet_is_read_in_every_codec_and_both_versions_of_pages() {
    let table = sample();
    for codec in CODECS {
        for second in [false, true] {
            let bytes = table.parquet_as(2, packed(codec(), second));
            assert_eq!(rows("t.parquet", &bytes), table.rows, "{:?} {second}", codec());
        }
    }
}

#[test]
fn an_option_says_the_form_where_the_name_is_wrong() {
    let options = Reading { format: Some(Format::Ndjson), ..Reading::default() };
    assert_eq!(read("t.csv", &sample().ndjson(), &options).unwrap(), sample().rows);
    let options = Reading { format: Some(Format::Parquet), ..Reading::default() };
    let Err(SourceError::Input { source, .. }) = read("t.csv", b"row_id\n", &options) else {
        panic!("CSV read as Parquet")
    };
    assert_eq!(source.to_string(), "the file is not a Parquet file");
}

#[test]
fn columns_are_renamed_or_ignored_in_every_form() {
    let mut table = sample();
    table.columns[1].0 = "MAIL";
    table.columns.extend([("city", Of::Text), ("note", Of::Text)]);
    for row in &mut table.rows {
        row.extend(["Lyon".to_owned(), "x".to_owned()]);
    }
    let options = Reading {
        fields: Some(own(&[(0, "row_id"), (1, "MAIL"), (2, "purposes"), (3, "at")])),
        ignore: Ignore::Named(["note", "city"].map(str::to_owned).into()),
        ..Reading::default()
    };
    for (name, bytes) in [
        ("t.csv", table.csv()),
        ("t.ndjson", table.ndjson()),
        ("t.parquet", table.parquet(2, true)),
    ] {
        assert_eq!(read(name, &bytes, &options).unwrap(), sample().rows, "{name}");
        let unknown = error(name, &bytes);
        assert_eq!(unknown.to_string(), "the columns `MAIL`, `note` are not known", "{name}");
        assert!(advice(&unknown).contains("`advertiser-node map FILE`"), "{unknown}");
    }
}

#[test]
fn a_column_in_the_name_of_a_directory_is_no_column() {
    let dir = tempfile::tempdir().unwrap();
    let open = |partition: &str| {
        let path = dir.path().join(partition);
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("part-0.csv"), "row_id,email\n1,a@exemple.fr\n").unwrap();
        let files = parts::expand(&[InputFile::new(&path)]).unwrap();
        {
            let input = Input { file: files[0].clone(), reading: Arc::default() };
            RowSource::open(&input, &SCHEMA, &Watched::default()).map(drop)
        }
    };
    assert!(open("day=2026-11-21").is_ok(), "a name that is no column of ours");
    let told = open("purposes=ads.match/day=2026-11-21").unwrap_err().to_string();
    assert!(told.contains("`purposes` stands in the name of a directory"), "{told}");
}

#[test]
fn a_missing_column_is_named_in_every_form() {
    let mut table = sample();
    table.columns[0].0 = "city";
    for (name, bytes) in [
        ("t.csv", table.csv()),
        ("t.ndjson", table.ndjson()),
        ("t.parquet", table.parquet(2, true)),
    ] {
        assert_eq!(error(name, &bytes).to_string(), "there is no column `row_id`", "{name}");
    }
}

#[test]
fn faults_of_ndjson_have_their_line() {
    let long = format!("{{\"row_id\":\"{}\"}}", "a".repeat(64 * 1024));
    let faults: [(&[u8], &str, Option<u64>); 16] = [
        (b"{\"row_id\":\"1\"}\n\n{\"row_id\":{}}\n", "input-json-member", Some(3)),
        (b"{\"row_id\":\"1\"}\n{\"row_id\":[\"2\"]}\n", "input-json-member", Some(2)),
        (b"{\"row_id\":\"1\",\"row_id\":\"2\"}", "input-json-member", Some(1)),
        (b"{\"row_id\":{\"a\":1}}", "input-json-member", Some(1)),
        (b"{\"row_id\":\"1\",\"purposes\":[\"a|b\"]}", "input-json-member", Some(1)),
        (b"{\"row_id\":\"1\",\"purposes\":[[1]]}", "input-json-member", Some(1)),
        (b"{\"row_id\":\"1\"},\n", "input-json", Some(1)),
        (b"[{\"row_id\":\"1\"}]", "input-not-text", None),
        (b"{\"row_id\":\"1\"}\n[{\"row_id\":\"1\"}]\n", "input-json", Some(2)),
        (b"{\"row_id\":\"1\"}\nrow_id,email\n", "input-json", Some(2)),
        (b"{\"row_id\":\"a\\u0000\"}", "input-nul-byte", Some(1)),
        (b"{\"row_id\":\"1\"}\n{\"row_id\":\"\xE9\"}\n", "input-invalid-encoding", Some(2)),
        (b"{\"row_id\":\"1\",\"emial\":\"x\"}", "input-unknown-column", None),
        (b"{\"canary@exemple.fr\":\"x\"}", "input-json", Some(1)),
        (b"\n\n", "input-empty", None),
        (long.as_bytes(), "input-record-too-long", Some(1)),
    ];
    for (bytes, code, line) in faults {
        let error = error("t.ndjson", bytes);
        assert_eq!((error.id(), error.line()), (code, line), "{error}");
        let printed = format!("{error} {error:?} {}", advice(&error));
        assert!(!printed.contains("canary") && !printed.contains("exemple"), "{printed}");
    }
}

#[test]
fn a_last_line_without_an_end_is_refused_unless_it_is_allowed() {
    let open = |text: &str| text.trim_end_matches('\n').as_bytes().to_vec();
    let csv = open("row_id,email\n1,a@exemple.fr\n2,b@exemple.fr\n");
    let ndjson = open("{\"row_id\":\"1\"}\n{\"row_id\":\"2\"}\n");
    let quoted = open("row_id,email\r\n1,\"a\nb\"\r\n2,\"c\"");
    for (name, bytes, line) in [("t.csv", &csv, 3), ("t.ndjson", &ndjson, 2), ("t.csv", &quoted, 4)]
    {
        let refused = error(name, bytes);
        assert_eq!((refused.id(), refused.line()), ("input-open-last-line", Some(line)), "{name}");
        let csv = CsvOptions { open_last_line: true, ..CsvOptions::default() };
        let options = Reading { csv, ..Reading::default() };
        assert_eq!(read(name, bytes, &options).unwrap().len(), 2, "{name}");
        let whole = [bytes.as_slice(), b"\n"].concat();
        assert_eq!(rows(name, &whole).len(), 2, "{name}");
        assert_eq!(rows(name, &[&whole[..], b"\n \n"].concat()).len(), 2, "{name}");
    }
    assert_eq!(error("t.csv", &gzip(&csv)).id(), "input-open-last-line");
    // A single line has no others that it differs from.
    assert_eq!(rows("t.csv", b"row_id,email").len(), 0);
    assert_eq!(rows("t.ndjson", b"{\"row_id\":\"1\"}").len(), 1);
}

#[test]
fn ndjson_is_read_in_the_declared_encoding() {
    let csv = CsvOptions { encoding: Encoding::Utf16, ..CsvOptions::default() };
    let options = Reading { csv, ..Reading::default() };
    let units = "\u{FEFF}{\"row_id\":\"é\"}".encode_utf16();
    let bytes: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    assert_eq!(read("t.ndjson", &bytes, &options).unwrap()[0][0], "é");
    assert_eq!(error("t.ndjson", &bytes).id(), "input-wrong-encoding");
}

#[test]
fn damaged_parquet_is_refused_wherever_it_is_cut() {
    let bytes = sample().parquet(2, true);
    for cut in 4..bytes.len() {
        assert!(read("t.parquet", &bytes[..cut], &Reading::default()).is_err(), "{cut}");
    }
    let mut encrypted = bytes.clone();
    let end = encrypted.len() - 4;
    encrypted[end..].copy_from_slice(b"PARE");
    assert_eq!(error("t.parquet", &encrypted).to_string(), "the file is an encrypted Parquet file");
}

/// Two thousand long rows in one page, which packs to almost nothing.
#[test]
fn a_page_that_unpacks_beyond_its_bound_is_refused_before_it_is() {
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::writer::SerializedFileWriter;
    let schema = "message t { required binary row_id (STRING); }";
    let schema = parquet::schema::parser::parse_message_type(schema).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_dictionary_enabled(false)
        .set_data_page_size_limit(1 << 30)
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema.into(), properties.into()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let value: ByteArray = "x".repeat(60_000).as_str().into();
    let values = vec![value; 2_000];
    column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let bytes = file.into_inner().unwrap();
    assert!(bytes.len() < 1 << 20, "{}", bytes.len());
    assert_eq!(
        error("t.parquet", &bytes).to_string(),
        "the file is a Parquet file with a page above 64 MiB"
    );
}

#[test]
fn a_cut_archive_is_an_error_with_its_line() {
    for (name, bytes) in [("t.csv", gzip(&sample().csv())), ("t.ndjson", zstd(&sample().ndjson()))]
    {
        let cut = &bytes[..bytes.len() - 6];
        assert_eq!(error(name, cut).id(), "input-read", "{name}");
    }
}

#[test]
fn arguments_are_paths_with_or_without_a_tag() {
    let of = |text: &str| {
        let file = InputFile::from_argument(OsStr::new(text));
        (file.tag, file.path.display().to_string())
    };
    assert_eq!(of("shop=data/crm.csv"), ("shop".into(), "data/crm.csv".into()));
    assert_eq!(of("data/crm.csv"), ("crm.csv".into(), "data/crm.csv".into()));
    assert_eq!(of("./a=b.csv"), ("a=b.csv".into(), "./a=b.csv".into()));
    assert_eq!(of("-"), ("stdin".into(), "-".into()));
    assert_eq!(of("web=-"), ("web".into(), "-".into()));
}

proptest! {
    /// Random tables read the same in every form.
    #[test]
    fn random_tables_read_the_same(
        rows in prop::collection::vec((
            "[a-z0-9é,\" ]{0,7}[a-z]",
            "[a-z@.]{0,8}",
            prop::collection::vec("[a-z.]{1,4}", 0..3),
            prop::option::of(0_i64..4_000_000_000_000),
        ), 1..40),
        group in 1_usize..20,
    ) {
        let table = table(rows.into_iter().map(|(id, email, purposes, at)| {
            let at = at.map(|at| jiff::Timestamp::from_millisecond(at).unwrap().to_string());
            vec![id, email, purposes.join("|"), at.unwrap_or_default()]
        }).collect());
        prop_assert_eq!(&super::tests::rows("t.csv", &table.csv()), &table.rows);
        prop_assert_eq!(&super::tests::rows("t.ndjson", &table.ndjson()), &table.rows);
        let parquet = table.parquet(group, group % 2 == 0);
        prop_assert_eq!(&super::tests::rows("t.parquet", &parquet), &table.rows);
    }

    /// Any bytes at all as NDJSON: no panic, and an end.
    #[test]
    fn arbitrary_lines_never_panic(
        bytes in prop::collection::vec(
            prop::sample::select(b"{}[]\":,\\u0row_id1n\n\r \xE9\xC3\xA9".to_vec()), 0..200)
    ) {
        let _ = read("t.ndjson", &bytes, &Reading::default());
    }

    /// A Parquet file with any bytes changed: no panic, an end, and rows or an error.
    #[test]
    fn altered_parquet_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        codec in 0_usize..CODECS.len(),
        second in any::<bool>(),
    ) {
        let mut bytes = sample().parquet_as(2, packed(CODECS[codec](), second));
        for (at, value) in changes {
            let at = 4 + at.index(bytes.len() - 4);
            bytes[at] = value;
        }
        let _ = read("t.parquet", &bytes, &Reading::default());
    }

    /// An archive with any bytes changed, or cut: no panic, and an end.
    #[test]
    fn altered_archives_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
        of_gzip in any::<bool>(),
    ) {
        let text = sample().csv().repeat(20);
        let mut bytes = if of_gzip { gzip(&text) } else { zstd(&text) };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = read("t.csv", &bytes, &Reading::default());
    }
}
