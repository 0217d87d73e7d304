//! Committed inputs, from files to roots.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use protocol::group::Portable;

use normalize::{EmailPrehash, Options, PhonePrehash, Ruleset};
use tabular::testing::{Holds, Table, gzip, zstd};
use tabular::{Field, FieldSource, Ignore, InputFile, Reading, SourceError};

use sha2::{Digest, Sha256};

use super::*;

mod mapped;
mod rights;

const HEADER: &str = "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n";

/// 2026-11-30T12:00:00Z.
const NOW: u64 = 1_796_040_000;

struct Bench {
    dir: tempfile::TempDir,
    key: StorageKey,
    normalizer: Normalizer,
    reading: Reading,
    kinds: Vec<u8>,
    level: u8,
    row_width: u8,
    shared: SharedLimits,
    not_for_purpose: Vec<String>,
    watched: Watched,
    purpose: Purpose,
    consent_max_age_days: u16,
    map: Option<[u8; 32]>,
}

impl Bench {
    fn new() -> Self {
        let ruleset = Ruleset::CrmFr1;
        Self {
            dir: tempfile::tempdir().unwrap(),
            key: StorageKey::from_bytes([7; 32]),
            normalizer: Normalizer::new(ruleset, Options::defaults(ruleset)),
            reading: Reading {
                phone_sha256: PhonePrehash::parse("phone-e164"),
                ..Reading::default()
            },
            kinds: vec![1, 2],
            level: 0,
            row_width: 8,
            shared: SharedLimits::default(),
            not_for_purpose: Vec::new(),
            watched: Watched::default(),
            purpose: Purpose::Match,
            consent_max_age_days: 1_095,
            map: None,
        }
    }

    fn prepare(&self, body: &str) -> Result<PreparedInput, CrmError> {
        self.prepare_files(&[("crm.csv", format!("{HEADER}{body}").into_bytes())])
    }

    fn prepare_files(&self, files: &[(&str, Vec<u8>)]) -> Result<PreparedInput, CrmError> {
        self.with(files, |files, rules, store, workspace| {
            PreparedInput::prepare(files, rules, store, &self.key, workspace, &Portable)
        })
    }

    fn survey(&self, text: &str, noted: &mut Noted) -> Survey {
        self.survey_files(&[("crm.csv", text.as_bytes().to_vec())], noted).unwrap()
    }

    fn survey_files(
        &self,
        files: &[(&str, Vec<u8>)],
        noted: &mut Noted,
    ) -> Result<Survey, CrmError> {
        self.with(files, |files, rules, store, workspace| {
            PreparedInput::survey(files, rules, store, &self.key, workspace, Some(noted))
        })
    }

    fn with<T>(
        &self,
        files: &[(&str, Vec<u8>)],
        work: impl FnOnce(&[Input], &InputRules<'_>, &Path, &Workspace) -> Result<T, CrmError>,
    ) -> Result<T, CrmError> {
        let write = |(name, bytes): &(&str, Vec<u8>)| {
            let file = self.dir.path().join(name);
            std::fs::write(&file, bytes).unwrap();
            Input { file: InputFile::new(&file), reading: Arc::new(self.reading.clone()) }
        };
        let files: Vec<Input> = files.iter().map(write).collect();
        self.with_inputs(&files, work)
    }

    fn with_inputs<T>(
        &self,
        files: &[Input],
        work: impl FnOnce(&[Input], &InputRules<'_>, &Path, &Workspace) -> Result<T, CrmError>,
    ) -> Result<T, CrmError> {
        let rules = InputRules {
            normalizer: &self.normalizer,
            gate: GateRules {
                purpose: self.purpose,
                consent_max_age_days: self.consent_max_age_days,
                now: NOW,
            },
            kinds: &self.kinds,
            level: self.level,
            row_width: self.row_width,
            shared: self.shared,
            not_for_purpose: &self.not_for_purpose,
            watched: &self.watched,
            map: self.map,
            departed: None,
        };
        let workspace =
            Workspace { directory: self.dir.path().join("work"), memory_bytes: 1 << 20 };
        world::create_private_dir(&workspace.directory)?;
        let store = self.dir.path().join("inputs");
        work(files, &rules, &store, &workspace)
    }
}

#[test]
fn the_map_that_read_the_rows_is_in_the_commitment() {
    let mut bench = Bench::new();
    let body = row("r1", "a@exemple.fr", "ads.match");
    let own = bench.prepare(&body).unwrap().root();
    assert_eq!(own.map, [0; 32], "our own names need no map");
    bench.map = Some([5; 32]);
    let input = bench.prepare(&body).unwrap();
    assert_eq!((input.root().root, input.root().map), (own.root, [5; 32]));
    assert_ne!(input.root().seal(&[9; 32]), own.seal(&[9; 32]));
    let again = PreparedInput::open(&input.directory, &bench.key).unwrap();
    assert_eq!(again.root(), input.root());
}

/// Fields of a map: our name and the column of the file.
fn fields<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<usize, Field> {
    let one = |(ours, theirs): (&str, &str)| {
        (SCHEMA.find(ours).unwrap(), Field::of(FieldSource::Columns(vec![theirs.to_owned()])))
    };
    pairs.into_iter().map(one).collect()
}

#[derive(Default)]
struct Noted(Vec<String>);

impl RowReasons for Noted {
    fn note(
        &mut self,
        row_id: &str,
        line: u64,
        column: &str,
        reason: Reason,
    ) -> std::io::Result<()> {
        self.0.push(format!("{row_id} {line} {column} {}", reason.code()));
        Ok(())
    }
}

fn row(id: &str, email: &str, purposes: &str) -> String {
    format!("{id},{email},{purposes},R-1,2026-03-02T10:14:00Z,N-1\n")
}

fn all(input: &PreparedInput) -> Vec<RowSlot> {
    let mut reader = input.identifiers().unwrap();
    let mut all = Vec::new();
    loop {
        let chunk = reader.next_chunk(3).unwrap();
        if chunk.is_empty() {
            return all;
        }
        all.extend(chunk);
    }
}

fn contents(input: &PreparedInput) -> Vec<(u64, u8, u64, [u8; 32])> {
    let one = |at: &RowSlot| (at.row, at.slot, at.element, *at.identifier.digest.expose_bytes());
    all(input).iter().map(one).collect()
}

#[test]
fn layouts_of_an_input_that_is_kept_are_fixed() {
    let place = Place {
        row: 1.into(),
        slot: 2,
        element: 3.into(),
        kind: 4,
        digest: [5; 32],
        ruleset: 6,
        evidence: [7; 32],
        time: 8.into(),
    };
    let expected: [&[u8]; 8] = [
        &1_u64.to_be_bytes(),
        &[2],
        &3_u64.to_be_bytes(),
        &[4],
        &[5; 32],
        &[6],
        &[7; 32],
        &8_u64.to_be_bytes(),
    ];
    assert_eq!(place.bytes(), expected.concat());
    let known = KnownSeed { content: [1; 32], seed: [2; 32] };
    assert_eq!(known.bytes(), [[1; 32], [2; 32]].concat());
    assert_eq!(RowIdHead { len: 258.into() }.bytes(), [1, 2]);
}

#[test]
fn what_an_interrupted_preparation_left_goes_with_the_next_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("inputs");
    let left = store.join("staging-1");
    world::create_private_dir(&store).unwrap();
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join(ROWS), "sealed").unwrap();
    std::fs::create_dir(store.join("0123456789abcdef")).unwrap();
    let staging = Staging::create(&store).unwrap();
    assert!(!left.exists() && staging.directory.exists());
    drop(staging);
    assert_eq!(std::fs::read_dir(&store).unwrap().count(), 1, "the input that was whole");
}

#[test]
fn rows_are_committed_by_row_id_whatever_the_order_of_the_file() {
    let bench = Bench::new();
    let rows = [
        row("b", "bob@exemple.fr", "ads.match"),
        row("a", "alice.x@gmail.com", "ads.match|ads.suppress"),
        row("c", "bob@exemple.fr", "ads.match"),
    ];
    let first = bench.prepare(&rows.concat()).unwrap();
    let reversed: String = rows.iter().rev().cloned().collect();
    let second = bench.prepare(&reversed).unwrap();
    assert_eq!(first.root(), second.root());
    let mut ids = first.row_ids().unwrap();
    for expected in [b"a", b"b", b"c"] {
        assert_eq!(ids.next_id().unwrap().unwrap(), expected);
    }
    assert_eq!(ids.next_id().unwrap(), None);
    // a: strict and Gmail form; b and c: one shared identifier.
    assert_eq!((first.root().leaves, first.root().rows, first.distinct()), (4, 3, 3));
}

#[test]
fn elements_are_numbered_by_first_occurrence() {
    let bench = Bench::new();
    let body: String = (0..200)
        .map(|i| row(&format!("r{i:03}"), &format!("u{}@exemple.fr", i % 70), "ads.match"))
        .collect();
    let input = bench.prepare(&body).unwrap();
    assert_eq!(input.distinct(), 70);
    let mut first_seen: BTreeMap<[u8; 32], u64> = BTreeMap::new();
    let mut last = None;
    for slot in all(&input) {
        assert!(last < Some((slot.row, slot.slot)));
        last = Some((slot.row, slot.slot));
        let next = first_seen.len() as u64;
        let digest = *slot.identifier.digest.expose_bytes();
        assert_eq!(*first_seen.entry(digest).or_insert(next), slot.element);
    }
    let numbers: BTreeSet<u64> = first_seen.values().copied().collect();
    assert_eq!(numbers, (0..70).collect());
}

#[test]
fn refused_and_repeated_identifiers_leave_no_gap_in_the_numbers() {
    let bench = Bench::new();
    // Of thirteen rows one has an address of too many rows, and four share two between them.
    let address = |i: usize| match i % 13 {
        3 => format!("shop{}@exemple.fr", i / 1_300),
        4 | 9 => format!("home{}@exemple.fr", i / 13),
        5 | 11 => format!("desk{}@exemple.fr", i / 26),
        _ => format!("u{i}@exemple.fr"),
    };
    let rows = 9_000;
    let body: String =
        (0..rows).map(|i| row(&format!("r{i:05}"), &address(i), "ads.match")).collect();
    let input = bench.prepare(&body).unwrap();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let kept: Vec<u64> = (0..rows)
        .map(address)
        .filter(|address| !address.starts_with("shop"))
        .map(|address| {
            let next = numbers.len() as u64;
            *numbers.entry(address).or_insert(next)
        })
        .collect();
    let slots = all(&input);
    assert!(slots.iter().map(|slot| slot.element).eq(kept));
    assert!(slots.iter().map(|slot| slot.row).eq(0..slots.len() as u64));
    assert_eq!(input.distinct(), numbers.len() as u64);
}

#[test]
fn long_rows_end_a_batch_early_and_no_row_is_lost() {
    let bench = Bench::new();
    let notice = |i: usize| if i.is_multiple_of(7) { "n".repeat(9_000) } else { "N".to_owned() };
    let body: String = (0..1_500)
        .map(|i| {
            let plain = row(&format!("r{i:05}"), &format!("u{i}@exemple.fr"), "ads.match");
            let (start, _) = plain.trim_end().rsplit_once(',').unwrap();
            format!("{start},{}\n", notice(i))
        })
        .collect();
    let input = bench.prepare(&body).unwrap();
    assert_eq!((input.counts().rows_read, input.counts().eligible), (1_500, 1_500));
    let mut ids = input.row_ids().unwrap();
    for i in 0..1_500 {
        assert_eq!(ids.next_id().unwrap(), Some(format!("r{i:05}").into_bytes()));
    }
}

#[test]
fn the_first_error_of_a_file_is_told_whatever_was_read_ahead_of_it() {
    let bench = Bench::new();
    for (first, rest) in [(20, 6_000), (4_100, 4_101), (5_000, 5_300), (8_191, 8_192)] {
        let body: String = (0..9_000)
            .map(|i| match i {
                _ if i == first => row("", "a@exemple.fr", "ads.match"),
                _ if i == rest => "r,too,few\n".to_owned(),
                _ => row(&format!("r{i:05}"), &format!("u{i}@exemple.fr"), "ads.match"),
            })
            .collect();
        let error = bench.prepare(&body).unwrap_err().to_string();
        assert!(error.contains(&format!("line {}", first + 2)), "{error}");
    }
}

#[test]
fn rows_without_evidence_objected_or_unusable_are_left_out_and_counted() {
    let bench = Bench::new();
    let body = [
        row("a", "a.one@exemple.fr", "ads.match"),
        row("b", "b.one@exemple.fr", "ads.suppress"),
        row("c", "not an address", "ads.match"),
        row("a", "a.two@exemple.fr", "ads.match"),
    ]
    .concat();
    let input = bench.prepare(&body).unwrap();
    let counts = input.counts();
    assert_eq!((counts.rows_read, counts.rows_merged, counts.rows), (4, 1, 3));
    assert_eq!((counts.excluded_consent, counts.excluded_no_usable_identifier), (1, 1));
    assert_eq!(counts.eligible, 1);
    assert_eq!(counts.identifiers_rejected.values().sum::<u64>(), 1);
}

#[test]
fn survey_tells_reasons_and_sharing_and_keeps_nothing() {
    let bench = Bench::new();
    let body = [
        row("a", "a.one@gmail.con", "ads.match"),
        row("b", "b.one@exemple.fr", "other"),
        row("c", "not an address", "ads.match"),
        row("d", "shared@exemple.fr", "ads.match"),
        row("e", "Shared@exemple.fr", "ads.match"),
        row("f", "shared@EXEMPLE.fr", "ads.match"),
        row("a", "a.two@exemple.fr", "ads.match"),
    ]
    .concat();
    let text = format!("{HEADER}{body}").replace('\n', ",x\n").replacen(",x\n", ",city\n", 1);
    let mut noted = Noted::default();
    let survey = bench.survey(&text, &mut noted);
    let counts = &survey.counts;
    assert_eq!((counts.rows_read, counts.rows_merged, counts.eligible), (7, 1, 4));
    assert_eq!((counts.values_read, survey.distinct), (7, 2));
    assert_eq!(counts.identifiers["email.strict"], 4);
    let shared = SharedIdentifiers { identifiers: 1, rows_max: 3 };
    assert_eq!(counts.shared, BTreeMap::from([("email.strict".to_owned(), shared)]));
    let warnings: Vec<(&str, u64)> =
        counts.warnings.iter().map(|(code, count)| (code.as_str(), *count)).collect();
    assert_eq!(warnings, [("email_typo_domain", 1), ("email_unknown_tld", 1)]);
    let ignored: Vec<&str> = survey.files[0]
        .columns
        .iter()
        .filter(|column| column.meaning.is_none())
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!(ignored, ["city"]);
    let expected = [
        "b 3  consent_value_unknown",
        "c 4 email email_inner_space",
        "c 4  row_no_usable_identifier",
        "a 2  row_duplicate_id",
    ];
    assert_eq!(noted.0.len(), expected.len(), "{:?}", noted.0);
    assert!(noted.0.iter().all(|note| !note.contains('@')));
    for (note, expected) in noted.0.iter().zip(expected) {
        // Which reason applies first is the normalizer's.
        if !expected.contains("email_") {
            assert_eq!(note, expected);
        }
    }
    let store = bench.dir.path().join("inputs");
    assert_eq!(std::fs::read_dir(store).unwrap().count(), 0);
    let nothing = bench.survey(&format!("{HEADER}{}", row("a", "x", "y")), &mut noted);
    assert_eq!((nothing.counts.eligible, nothing.distinct), (0, 0));
}

#[test]
fn file_without_eligible_row_is_refused() {
    let bench = Bench::new();
    let error = bench.prepare(&row("a", "a@exemple.fr", "other")).unwrap_err();
    assert!(matches!(error, CrmError::Empty { .. }), "{error}");
}

#[test]
fn nothing_kept_holds_an_identifier_or_its_digest_in_clear() {
    let bench = Bench::new();
    let canary = "canary-7f3a91c4@exemple.fr";
    bench.prepare(&row("a", canary, "ads.match")).unwrap();
    let digest: [u8; 32] = Sha256::digest(canary).into();
    let mut searched = 0;
    let mut pending = vec![bench.dir.path().join("inputs"), bench.dir.path().join("work")];
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            continue;
        }
        searched += 1;
        let bytes = std::fs::read(&path).unwrap();
        for needle in [canary.as_bytes(), &digest, hex(&digest).as_bytes(), b"canary-7f3a91c4"] {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{}", path.display());
        }
    }
    assert!(searched >= 3);
}

/// A CRM of random rows: ids that repeat, values that are shared, absent and unusable.
fn crm(rows: &[(u8, u8, u8, u8, u32)]) -> Table {
    use Holds::{List, Text, Time};
    let columns = vec![
        ("row_id", Text),
        ("email", Text),
        ("phone", Text),
        ("country", Text),
        ("consent_purposes", List),
        ("consent_ref", Text),
        ("consent_at", Time),
        ("consent_notice", Text),
        ("updated_at", Time),
        ("city", Text),
    ];
    let row = |(id, email, phone, purpose, updated): &(u8, u8, u8, u8, u32)| {
        let ms = 1_780_000_000_000 + i64::from(*updated);
        let updated = jiff::Timestamp::from_millisecond(ms).unwrap();
        vec![
            format!("C-{:02}", id % 24),
            match email % 8 {
                0 => String::new(),
                1 => "not an address".to_owned(),
                _ => format!("user{}@exemple.fr", email % 40),
            },
            if phone % 3 == 0 { String::new() } else { format!("06 12 34 {:02} 12", phone % 50) },
            if phone % 2 == 0 { "FR".to_owned() } else { String::new() },
            ["ads.match", "ads.match|ads.suppress", "other", ""][usize::from(purpose % 4)]
                .to_owned(),
            "R-1".to_owned(),
            format!("2026-03-02T10:14:0{}Z", purpose % 10),
            "N-1".to_owned(),
            updated.to_string(),
            "Lyon".to_owned(),
        ]
    };
    Table { columns, rows: rows.iter().map(row).collect() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// One table has one root, in every form, packed, in several files, and in any order of rows.
    #[test]
    fn a_table_has_one_root_in_every_form(
        rows in prop::collection::vec(
            (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>(), 0_u32..4), 1..60),
        cut in any::<prop::sample::Index>(),
    ) {
        let bench = Bench { kinds: vec![1, 2, 3], ..Bench::new() };
        let table = crm(&rows);
        let reversed = Table { rows: table.rows.iter().rev().cloned().collect(), ..table.clone() };
        let (first, second) = table.rows.split_at(cut.index(rows.len()));
        let part = |rows: &[Vec<String>]| Table { rows: rows.to_vec(), ..table.clone() };
        let forms = [
            vec![("a.csv", reversed.csv())],
            vec![("b.ndjson", table.ndjson())],
            vec![("c.parquet", reversed.parquet(7, true))],
            vec![("d.parquet", table.parquet(100, false))],
            vec![("e.csv.gz", gzip(&table.csv()))],
            vec![("f.ndjson", zstd(&reversed.ndjson()))],
            vec![("g.csv", part(second).csv()), ("h.parquet", part(first).parquet(3, true))],
            vec![("i.csv", table.csv()), ("j.ndjson", table.ndjson())],
        ];
        let expected = bench.prepare_files(&[("crm.csv", table.csv())]);
        let expected = expected.as_ref().map(|input| (input.root(), contents(input))).ok();
        for form in forms {
            let input = bench.prepare_files(&form);
            let found = input.as_ref().map(|input| (input.root(), contents(input))).ok();
            prop_assert_eq!(&found, &expected, "{}", form[0].0);
        }
    }
}

#[test]
fn shared_values_are_refused_counted_and_rows_close_ranks() {
    let bench = Bench { kinds: vec![1, 2, 3], level: 1, ..Bench::new() };
    let header = HEADER.replace("email", "email,phone");
    let row =
        |id: &str, email: &str, phone: &str| row(id, &format!("{email},{phone}"), "ads.match");
    let mut body = String::new();
    for at in 0..6 {
        // A shop's own number, on six rows: five may share one that is not a fixed line.
        body += &row(&format!("a{at}"), &format!("u{at}@exemple.fr"), "06 12 34 99 12");
    }
    for at in 0..10 {
        // A fixed line may be shared by ten.
        body += &row(&format!("b{at}"), "", "01 44 55 66 77");
    }
    for at in 0..6 {
        // These hold nothing else, and are left out.
        body += &row(&format!("aa{at}"), "shared@exemple.fr", "");
    }
    let mut noted = Noted::default();
    let text = format!("{header}{body}");
    let survey = bench.survey(&text, &mut noted);
    let counts = &survey.counts;
    assert_eq!((counts.rows, counts.eligible), (22, 16));
    assert_eq!(counts.excluded_no_usable_identifier, 6);
    assert_eq!(counts.identifiers_rejected["shared_identifier"], 12);
    assert_eq!(survey.columns["phone"].rejected["shared_identifier"], 6);
    let refused = SharedIdentifiers { identifiers: 1, rows_max: 6 };
    assert_eq!(counts.shared_refused["phone"], refused);
    assert_eq!(counts.shared_refused["email.strict"], refused);
    assert_eq!(counts.shared["phone"], SharedIdentifiers { identifiers: 1, rows_max: 10 });
    assert_eq!(survey.distinct, 7);
    let notes = |reason: &str| noted.0.iter().filter(|note| note.ends_with(reason)).count();
    assert_eq!((notes(" phone shared_identifier"), notes(" email shared_identifier")), (6, 6));
    assert_eq!(notes(" row_no_usable_identifier"), 6);
    let input = bench.prepare_files(&[("crm.csv", text.into_bytes())]).unwrap();
    let rows: BTreeSet<u64> = all(&input).iter().map(|slot| slot.row).collect();
    assert_eq!(rows, (0..16).collect());
    let mut ids = input.row_ids().unwrap();
    let mut count = 0;
    while let Some(id) = ids.next_id().unwrap() {
        assert!(!id.starts_with(b"aa"));
        count += 1;
    }
    assert_eq!((count, input.root().rows), (16, 16));
}

#[test]
fn a_limit_of_shared_rows_is_the_operator_s() {
    let body: String =
        (0..3).map(|at| row(&format!("r{at}"), "x.y@exemple.fr", "ads.match")).collect();
    let strict = SharedLimits { email: 2, ..SharedLimits::default() };
    assert!(Bench::new().prepare(&body).is_ok());
    let refused = Bench { shared: strict, ..Bench::new() }.prepare(&body);
    assert!(matches!(refused, Err(CrmError::Empty { .. })));
    let none = SharedLimits { email: 0, ..SharedLimits::default() };
    let refused = Bench { shared: none, ..Bench::new() }.prepare(&body);
    assert!(matches!(refused, Err(CrmError::Declared { .. })));
}

#[test]
fn overlapping_sources_count_each_row_once_and_in_each_source() {
    let file = |rows: &[&str]| {
        let rows: Vec<String> =
            rows.iter().map(|id| row(id, &format!("{id}@exemple.fr"), "ads.match")).collect();
        format!("{HEADER}{}", rows.concat()).into_bytes()
    };
    let files = [
        ("shop.csv", file(&["ra", "rb", "rc"])),
        ("web.csv", file(&["rb", "rc", "rd"])),
        ("app.csv", file(&["rc", "rc"])),
        ("call.csv", file(&["ra", "re"])),
    ];
    let survey = Bench::new().survey_files(&files, &mut Noted::default()).unwrap();
    let counts = &survey.counts;
    assert_eq!((counts.rows_read, counts.rows_merged, counts.rows, counts.eligible), (10, 5, 5, 5));
    let of = |name: &str| {
        let SourceCounts { rows_read, rows, eligible } = counts.sources[name];
        (rows_read, rows, eligible)
    };
    assert_eq!(of("shop.csv"), (3, 3, 3));
    assert_eq!(of("web.csv"), (3, 3, 3));
    assert_eq!(of("app.csv"), (2, 1, 1));
    assert_eq!(of("call.csv"), (2, 2, 2));
}

#[test]
fn of_one_id_the_latest_row_counts_and_of_one_age_the_most_restrictive() {
    let header = HEADER.replace("consent_notice", "consent_notice,updated_at,objections");
    let row = |email: &str, updated: &str, objections: &str| {
        format!("a,{email},ads.match,R,2026-03-02T10:14:00Z,N,{updated},{objections}\n")
    };
    let rows = [
        row("new@exemple.fr", "2026-03-02T10:14:00.002Z", ""),
        row("old@exemple.fr", "2026-03-02T10:14:00.001Z", "all"),
    ];
    let bench = Bench::new();
    let text = format!("{header}{}", rows.concat()).into_bytes();
    let input = bench.prepare_files(&[("crm.csv", text)]).unwrap();
    let digest: [u8; 32] = Sha256::digest("new@exemple.fr").into();
    assert_eq!(*all(&input)[0].identifier.digest.expose_bytes(), digest);
    let rows = [row("x.y@exemple.fr", "", "all"), row("x.z@exemple.fr", "", "")];
    for rows in [rows.concat(), rows.iter().rev().cloned().collect()] {
        let survey = bench.survey(&format!("{header}{rows}"), &mut Noted::default());
        assert_eq!((survey.counts.excluded_optout, survey.counts.eligible), (1, 0));
    }
}

#[test]
fn phones_are_read_with_their_country_and_post_code() {
    let bench = Bench { kinds: vec![3], ..Bench::new() };
    let header = HEADER.replace("email", "phone,phone_2,phone_sha256,country,postcode");
    let digest = hex(&Sha256::digest("+33612349912"));
    let row = |id: &str, fields: &str| row(id, fields, "ads.match");
    let body = [
        row("a", "0690 12 34 56,,,FR,97110"),
        row("b", "0612349912,+33 6 12 34 99 12,,FR,69003"),
        row("c", &format!(",,{digest},,")),
        row("d", "0690 12 34 56,,,FR,69003"),
    ]
    .concat();
    let survey = bench.survey(&format!("{header}{body}"), &mut Noted::default());
    let counts = &survey.counts;
    assert_eq!((counts.eligible, survey.distinct), (3, 2), "{counts:?}");
    assert_eq!(counts.identifiers_rejected.values().sum::<u64>(), 1);
    assert_eq!(survey.columns["phone"].valid, 2);
    assert_eq!((survey.columns["phone_2"].valid, survey.columns["phone_2"].absent), (1, 3));
    let absent = bench
        .survey(&format!("{HEADER}{}", "a,x@exemple.fr,ads.match,R,,N\n"), &mut Noted::default());
    assert_eq!(absent.counts.identifiers_rejected["kind_not_in_terms"], 1);
}

#[test]
fn numbers_that_no_table_holds_are_left_out_and_counted() {
    let header = HEADER.replace("email", "phone,phone_2,phone_sha256,country");
    let digest = hex(&Sha256::digest("+14155552671"));
    let row = |id: &str, fields: &str| row(id, fields, "ads.match");
    let body = [
        row("us", "(415) 555-2671,,,US"),
        row("ca", "+16135550134,,,CA"),
        row("mx", "+525512345678,06 41 23 45 79,,FR"),
        row("fixed", "01 99 00 12 34,,,FR"),
        row("digest", &format!(",,{digest},US")),
    ]
    .concat();
    let text = format!("{header}{body}");
    let bench = Bench { kinds: vec![3], ..Bench::new() };
    let mut noted = Noted::default();
    let survey = bench.survey(&text, &mut noted);
    let counts = &survey.counts;
    // The mobile number of the third row, and the digest, of which nobody knows the line.
    assert_eq!((counts.eligible, survey.distinct), (2, 2), "{counts:?}");
    assert_eq!(counts.excluded_no_usable_identifier, 3);
    let rejected = [("household_not_in_terms", 1), ("phone_mobile_unknown", 3)];
    let rejected = BTreeMap::from(rejected.map(|(code, count)| (code.to_owned(), count)));
    assert_eq!(counts.identifiers_rejected, rejected);
    let lines = [("digest", 1), ("fixed", 1), ("mobile", 1), ("unknown", 3)];
    let lines = BTreeMap::from(lines.map(|(line, count)| (line.to_owned(), count)));
    assert_eq!(counts.line_types, lines);
    assert_eq!((survey.columns["phone"].valid, survey.columns["phone_2"].valid), (0, 1));
    assert!(noted.0.contains(&"us 2 phone phone_mobile_unknown".to_owned()), "{:?}", noted.0);
    let input = bench.prepare_files(&[("crm.csv", text.clone().into_bytes())]).unwrap();
    assert_eq!(all(&input).len(), 2);
    // Tables of households hold them all, and the number of the digest is that of the first row.
    let households = Bench { kinds: vec![3], level: 1, ..Bench::new() };
    let survey = households.survey(&text, &mut Noted::default());
    assert_eq!((survey.counts.eligible, survey.distinct), (5, 5));
    assert!(survey.counts.identifiers_rejected.is_empty());
}

#[test]
fn a_field_not_for_the_purpose_gives_no_identifier() {
    let bench = Bench { not_for_purpose: vec!["email".into()], ..Bench::new() };
    let mut noted = Noted::default();
    let text = format!("{HEADER}{}", row("a", "x.y@exemple.fr", "ads.match"));
    let survey = bench.survey(&text, &mut noted);
    assert_eq!(survey.counts.identifiers_rejected["field_not_allowed"], 1);
    assert_eq!((survey.counts.eligible, survey.distinct), (0, 0));
    let bench = Bench { not_for_purpose: vec!["city".into()], ..Bench::new() };
    assert!(matches!(bench.prepare("a"), Err(CrmError::Declared { .. })));
}

#[test]
fn a_row_without_an_id_is_an_error_with_its_line() {
    for id in ["", &"x".repeat(1025)] {
        let body = row("a", "x@exemple.fr", "ads.match") + &row(id, "y@exemple.fr", "ads.match");
        let Err(CrmError::Source(SourceError::Input { source, .. })) = Bench::new().prepare(&body)
        else {
            panic!("accepted")
        };
        assert_eq!(source.line(), Some(3));
    }
}

#[test]
fn a_row_keeps_eight_identifiers_in_the_order_of_its_columns() {
    let bench = Bench { kinds: vec![1, 2, 3], ..Bench::new() };
    let header = HEADER.replace("email", "email,email_2,email_3,phone,phone_2,phone_sha256");
    let digest = hex(&Sha256::digest("+33612349912"));
    let fields =
        format!("a.a@gmail.com,b.b@gmail.com,c.c@gmail.com,0612349913,0612349914,{digest}");
    let text = format!("{header}{}", row("a", &fields, "ads.match"));
    let survey = bench.survey(&text, &mut Noted::default());
    assert_eq!(survey.counts.identifiers_rejected["identifier_beyond_width"], 1);
    assert_eq!(survey.columns["phone_sha256"].rejected["identifier_beyond_width"], 1);
    assert_eq!(survey.distinct, 8);
}

#[test]
fn sealed_records_have_their_bytes() {
    let place = Place {
        row: 0x0102_0304_0506_0708.into(),
        slot: 3,
        element: 9.into(),
        kind: 2,
        digest: [0xdd; 32],
        ruleset: 4,
        evidence: [0xee; 32],
        time: 0x1112_1314_1516_1718.into(),
    };
    let expected = [
        &[1, 2, 3, 4, 5, 6, 7, 8, 3, 0, 0, 0, 0, 0, 0, 0, 9, 2][..],
        &[0xdd; 32],
        &[4],
        &[0xee; 32],
        &[0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18],
    ];
    assert_eq!(place.bytes(), expected.concat());
    assert_eq!(RowIdHead { len: 0x0102.into() }.bytes(), [1, 2]);
    let seed = KnownSeed { content: [0xcc; 32], seed: [0x55; 32] };
    assert_eq!(seed.bytes(), [[0xcc; 32], [0x55; 32]].concat());
}
