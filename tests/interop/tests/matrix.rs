//! Files as pandas, polars, DuckDB, pyarrow, fastparquet and Spark write them, each with the same
//! rows, and what must become of every one of them.
//!
//! `matrix/make.py` made the files and `matrix/manifest.json` says of each: read `as` the text file
//! beside it, to the same committed root; or `refused`, with words that name the cause. A file that
//! needs a map has one, and is refused with the words of `without_map` if it is not given.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Done, Pair, links, run};

#[test]
fn every_file_has_an_expectation_and_every_expectation_a_file() {
    for place in ["crm", "graph"] {
        let mut listed: Vec<String> = entries(place).into_iter().map(|entry| entry.file).collect();
        let names = std::fs::read_dir(matrix().join(place)).unwrap().flatten();
        let names = names.map(|file| file.file_name().into_string().unwrap());
        let mut found: Vec<String> = names.filter(|name| !name.starts_with("reference")).collect();
        listed.sort();
        found.sort();
        assert_eq!(listed, found);
    }
}

#[test]
fn rows_written_by_pyarrow_are_read_or_refused_by_their_cause() {
    rows_of("pyarrow-");
}

#[test]
fn rows_written_by_pandas_are_read_or_refused_by_their_cause() {
    rows_of("pandas-");
}

#[test]
fn rows_written_by_fastparquet_are_read_or_refused_by_their_cause() {
    rows_of("fastparquet-");
}

#[test]
fn rows_written_by_polars_are_read_or_refused_by_their_cause() {
    rows_of("polars-");
}

#[test]
fn rows_written_by_duckdb_are_read_or_refused_by_their_cause() {
    rows_of("duckdb-");
}

#[test]
fn rows_written_by_spark_are_read_or_refused_by_their_cause() {
    rows_of("spark-");
}

/// Objections show that each value was read as it is: a line with another value would stay.
#[test]
fn links_are_read_alike_from_every_tool() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (all, some) = (path("all"), path("some"));
    for node in [&all, &some] {
        run("provider-node", &["init", "--dir", node]).expect(0);
    }
    let graph = matrix().join("graph");
    let feed = path("objections.csv");
    std::fs::write(&feed, objections(&graph.join("reference.csv"))).unwrap();
    run("provider-node", &["object", "--dir", &some, &feed]).expect(0);
    let ingest = |name: &str| {
        let file = graph.join(name).display().to_string();
        [&all, &some].map(|node| {
            let done = run("provider-node", &["ingest", "--dir", node, &file]);
            let sizes = sizes(Path::new(node));
            (done.code, without_lines(&done.stdout), done.stderr, sizes)
        })
    };
    let expected = ingest("reference.csv");
    assert_eq!(expected[0].0, Some(0), "{expected:?}");
    assert!(expected[0].1.contains("20 identifiers and 20 digital IDs"), "{expected:?}");
    // Of the ten persons five object, and two have no digital ID left and one of a third is gone.
    assert!(expected[1].1.contains("3 published with 5 identifiers and 5 digital IDs"));
    assert!(expected[1].1.contains("digital_id_objected 5"), "{expected:?}");
    let mut wrong = Vec::new();
    for entry in entries("graph") {
        assert_eq!(entry.read_as(), "reference.csv");
        let found = ingest(&entry.file);
        if found != expected {
            wrong.push(format!("{}: {found:?}", entry.file));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

/// A text without the numbers of lines in it, which are other ones in a file without a header.
fn without_lines(text: &str) -> String {
    let mut parts = text.split(" (lines ");
    let head = parts.next().unwrap().to_owned();
    parts.fold(head, |head, part| head + part.split_once(')').unwrap().1)
}

/// A feed against the persons of the first ten lines by identifier, and the next five lines by
/// digital ID.
fn objections(reference: &Path) -> String {
    let text = std::fs::read_to_string(reference).unwrap();
    let mut feed = "type,value\n".to_owned();
    for (at, line) in text.lines().skip(1).take(15).enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        feed += &match at {
            0..10 => format!("{},{}\n", cells[2], cells[3]),
            _ => format!("cookie:{},{}\n", cells[6], cells[7]),
        };
    }
    feed
}

/// Sizes of the files of the node's snapshot, whose content is sealed; that of its description
/// depends on its random numbers.
fn sizes(node: &Path) -> BTreeMap<String, u64> {
    let Ok(current) = std::fs::read_to_string(node.join("graph/current")) else {
        return BTreeMap::new();
    };
    let files = std::fs::read_dir(node.join("graph").join(current.trim())).unwrap().flatten();
    let files = files.map(|file| (file.file_name(), file.metadata().unwrap().len()));
    let files = files.map(|(name, size)| (name.into_string().unwrap(), size));
    files.filter(|(name, _)| name != "snapshot.meta").collect()
}

/// Judges all files of CRM rows whose name begins so.
fn rows_of(tool: &str) {
    let entries: Vec<Entry> =
        entries("crm").into_iter().filter(|entry| entry.file.starts_with(tool)).collect();
    let references = entries.iter().filter_map(|entry| entry.text("as"));
    let node = Node::new(references.collect());
    assert!(entries.len() > 5, "{tool} has {} files", entries.len());
    let wrong: Vec<String> = entries.iter().filter_map(|entry| node.judge(entry)).collect();
    let (few, all) = (wrong.len(), entries.len());
    assert!(wrong.is_empty(), "{few} of {all} differ\n{}", wrong.join("\n"));
}

/// An advertiser's node with an invitation to runs that need more rows than these files have: a
/// plan ends when the rows are committed.
struct Node {
    pair: Pair,
    /// Root and eligible rows of each reference.
    references: BTreeMap<String, (String, u64)>,
    /// Counts of `check` for a reference, once it was asked.
    counts: RefCell<BTreeMap<String, Value>>,
}

impl Node {
    fn new(references: BTreeSet<String>) -> Self {
        let pair = Pair::offering_all(&links([("p", "personne@exemple.fr")]));
        // Evidence in the files must not grow too old before the project does.
        let invitation = pair.read("invitation.toml");
        let longest = invitation.replace("consent_max_age_days = 1095", LONGEST);
        assert_ne!(longest, invitation);
        pair.write("invitation.toml", &longest);
        pair.advertiser(&["accept", "--yes", &pair.path("invitation.toml")]).expect(0);
        let settings = pair.read("a/advertiser.toml");
        pair.write(
            "a/advertiser.toml",
            &settings.replace("[guardrails]", &{ format!("[guardrails]\n{LONGEST}") }),
        );
        let mut node =
            Self { pair, references: BTreeMap::new(), counts: RefCell::new(BTreeMap::new()) };
        for name in references {
            let read = node.commit(&[&file(&name)]).unwrap_or_else(|why| panic!("{name}: {why}"));
            node.references.insert(name, read);
        }
        // Each reference has rows of its own, or equality with one would show little.
        let roots: BTreeSet<_> = node.references.values().collect();
        assert_eq!(roots.len(), node.references.len());
        assert_eq!(node.references["reference.csv"].1, 12);
        node
    }

    /// Reason why a file was not dealt with as it must be.
    fn judge(&self, entry: &Entry) -> Option<String> {
        let path = file(&entry.file);
        let wrong = |why: String| Some(format!("{}: {why}", entry.file));
        if let Some(code) = entry.text("refused") {
            return self.refused(&path, &code, &entry.words("says")).and_then(wrong);
        }
        let words = entry.words("without_map");
        if !words.is_empty()
            && let Some(why) = self.refused(&path, "V04", &words)
        {
            return wrong(format!("without its map: {why}"));
        }
        let map = entry.text("map").map(|map| matrix().join("maps").join(map));
        let map = map.map(|map| map.display().to_string());
        let mut args = vec![path.as_str()];
        args.extend(map.iter().flat_map(|map| ["--map", map]));
        let expected = self.references.get(&entry.read_as())?;
        match self.commit(&args) {
            Err(why) => wrong(why),
            Ok(read) if read.1 != expected.1 => {
                wrong(format!("{} rows, not {}", read.1, expected.1))
            }
            Ok(read) if read.0 != expected.0 => wrong("other content".to_owned()),
            Ok(_) => self.counted(entry, &args).and_then(wrong),
        }
    }

    /// Root, as the store of inputs names it, and eligible rows.
    fn commit(&self, args: &[&str]) -> Result<(String, u64), String> {
        let before = self.inputs();
        assert!(before.is_empty(), "{before:?}");
        let done = self.pair.advertiser(&[&["plan", "--profile", "match-rate"], args].concat());
        let mut inputs = self.inputs();
        let root = inputs.pop().filter(|_| inputs.is_empty()).ok_or_else(|| brief(&done))?;
        std::fs::remove_dir_all(self.pair.path(&format!("a/inputs/{root}"))).unwrap();
        let eligible = done.stderr.split_once("error V0304: refused, ");
        let eligible = eligible.and_then(|(_, rest)| rest.split_once(' '));
        let eligible = eligible.and_then(|(count, _)| count.parse().ok());
        Ok((root, eligible.ok_or_else(|| brief(&done))?))
    }

    /// Inputs that the node keeps.
    fn inputs(&self) -> Vec<String> {
        let kept = std::fs::read_dir(self.pair.path("a/inputs")).into_iter().flatten().flatten();
        let names = kept.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name != "seeds").collect()
    }

    /// Reason why `check` does not count as it must, for a file whose counts are listed and for
    /// that of default settings: as the reference, but for the values listed.
    fn counted(&self, entry: &Entry, args: &[&str]) -> Option<String> {
        let rejected = entry.told.get("rejected").cloned();
        if rejected.is_none() && !entry.file.contains("-default.") {
            return None;
        }
        let reference = entry.read_as();
        let known = self.counts.borrow().get(&reference).cloned();
        let mut expected = match known {
            Some(known) => known,
            None => self.populations(&[&file(&reference)])?,
        };
        self.counts.borrow_mut().insert(reference, expected.clone());
        let found = self.populations(args)?;
        if let Some(rejected) = rejected {
            expected["identifiers_rejected"] = rejected;
            // What was rejected had been read, and what objects cannot be told by it.
            expected["values_read"] = found["values_read"].clone();
            expected["warnings"] = found["warnings"].clone();
        }
        (found != expected).then(|| format!("{found:#} and not {expected:#}"))
    }

    /// Populations of `check`, without the name of the source.
    fn populations(&self, args: &[&str]) -> Option<Value> {
        let json = self.pair.path("check.json");
        let check = ["check", "--json", &json, "--overwrite"];
        self.pair.advertiser(&[&check[..], args].concat()).expect(0);
        let mut report: Value = serde_json::from_str(&self.pair.read("check.json")).unwrap();
        let mut populations = report.get_mut("populations").map(Value::take)?;
        populations.as_object_mut()?.remove("sources")?;
        Some(populations)
    }

    /// Reason why `check` does not refuse a file by this code and these words.
    fn refused(&self, path: &str, code: &str, words: &[String]) -> Option<String> {
        let done = self.pair.advertiser(&["check", path]);
        if done.code != Some(65) {
            return Some(format!("not refused: {}", brief(&done)));
        }
        let code = format!("error {code}");
        let parts = ["whose move:", "try:"].into_iter().chain([code.as_str()]);
        let missing = parts.chain(words.iter().map(String::as_str));
        let told = format!("{}{}", done.stderr, done.stdout);
        let missing: Vec<&str> = missing.filter(|part| !told.contains(part)).collect();
        // Refusals name columns and lines, and no person.
        if told.contains("@exemple.fr") || told.contains("3363748") {
            return Some("it shows a value".to_owned());
        }
        (!missing.is_empty()).then(|| format!("no {missing:?} in {}", brief(&done)))
    }
}

/// A line of the manifest.
struct Entry {
    file: String,
    told: Value,
}

impl Entry {
    fn of(told: Value) -> Self {
        Self { file: told["file"].as_str().unwrap().to_owned(), told }
    }

    fn text(&self, key: &str) -> Option<String> {
        Some(self.told.get(key)?.as_str().unwrap().to_owned())
    }

    fn words(&self, key: &str) -> Vec<String> {
        let words = self.told.get(key).and_then(Value::as_array).into_iter().flatten();
        words.map(|word| word.as_str().unwrap().to_owned()).collect()
    }

    /// Name of the text file with the same content.
    fn read_as(&self) -> String {
        self.text("as").unwrap()
    }
}

fn entries(place: &str) -> Vec<Entry> {
    let text = std::fs::read_to_string(matrix().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let entries = manifest[place].as_array().unwrap().iter().cloned();
    entries.map(Entry::of).collect()
}

fn file(name: &str) -> String {
    matrix().join("crm").join(name).display().to_string()
}

fn matrix() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("matrix")
}

/// Status and error of a program that ended.
fn brief(done: &Done) -> String {
    let head: Vec<&str> = done.stderr.lines().take(3).collect();
    format!("exit {:?}: {}", done.code, head.join(" / "))
}

/// The longest time for which evidence may count.
const LONGEST: &str = "consent_max_age_days = 3650";
