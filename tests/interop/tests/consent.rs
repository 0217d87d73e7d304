//! The page on mapping and consent, in both languages: its example through the program, its claims,
//! and the tests that it names.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Done, Pair, borrowed, crm, days_ago, links, numbered, run};

const PAGES: [&str; 2] = ["docs/dpo/mapping.md", "docs/dpo/mapping.fr.md"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The blocks of a page in this language, in their order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    let after = page.split(opening.as_str()).skip(1);
    after.map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// The digests of 64 digits on a page, each once.
fn digests(page: &str) -> Vec<String> {
    let hex = |word: &&str| {
        word.len() == 64 && word.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
    };
    let mut found: Vec<String> =
        page.split(|c: char| !c.is_ascii_alphanumeric()).filter(hex).map(str::to_owned).collect();
    found.dedup();
    found
}

/// A node of its own, and the example of the page beside it.
struct Example {
    dir: tempfile::TempDir,
    page: String,
}

impl Example {
    fn of(name: &str) -> Self {
        let page = page(name);
        let example = Self { dir: tempfile::tempdir().unwrap(), page };
        run("advertiser-node", &["init", "--dir", &example.path("node")]).expect(0);
        let day = days_ago(200);
        let (year, month, day) = (&day[..4], &day[5..7], &day[8..10]);
        let rows = blocks(&example.page, "csv").swap_remove(0);
        assert!(rows.contains("12/03/2026"), "{rows}");
        // Consent on the page grows too old.
        example
            .write("crm_2026-11.csv", &rows.replace("12/03/2026", &[day, month, year].join("/")));
        example.write("crm.map.toml", &example.map());
        example
    }

    fn map(&self) -> String {
        blocks(&self.page, "toml").swap_remove(0)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn check(&self, more: &[&str]) -> Done {
        let paths = ["node", "rejects.csv", "check.json", "crm_2026-11.csv"];
        let [node, rejects, json, file] = paths.map(|name| self.path(name));
        let args = ["check", "--dir", &node, "--rejects", &rejects, "--json", &json, &file];
        run("advertiser-node", &[&args[..], &["--overwrite"], more].concat())
    }

    fn check_by(&self, map: &str) -> Done {
        self.check(&["--map", &self.path(map)])
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(self.path("check.json")).unwrap()).unwrap()
    }
}

#[test]
fn every_test_that_the_pages_name_exists() {
    let named = |name: &str| {
        let page = page(name);
        let comments = page.lines().filter_map(|line| line.strip_prefix("<!-- held by "));
        let tests = comments.map(|rest| rest.strip_suffix(" -->").unwrap().to_owned());
        tests.collect::<Vec<_>>()
    };
    let [english, french] = PAGES.map(named);
    assert_eq!(english, french);
    assert!(english.len() >= 10, "{english:?}");
    for comment in english {
        let (file, test) = comment.split_once(": ").unwrap();
        let source = fs::read_to_string(root().join(file)).unwrap();
        assert!(
            source.contains(&format!("#[test]\nfn {test}()"))
                || source.contains(&format!("#[test]\n    fn {test}()")),
            "no {test} in {file}"
        );
    }
}

#[test]
fn the_example_of_the_page_does_what_the_page_says() {
    let [english, french] = PAGES.map(page);
    for language in ["toml", "csv"] {
        assert_eq!(blocks(&english, language), blocks(&french, language));
    }
    for name in PAGES {
        let example = Example::of(name);
        let done = example.check_by("crm.map.toml").expect(0);
        let [digest] = digests(&example.page).try_into().unwrap();
        assert!(done.stdout.contains(&digest[..16]), "{digest}: {}", done.stdout);
        assert_eq!(example.json()["populations"]["eligible"], 2, "{}", example.json());
        let rejects = fs::read_to_string(example.path("rejects.csv")).unwrap();
        let told: Vec<(&str, &str)> = rejects
            .lines()
            .skip(1)
            .map(|line| (line.split_once(',').unwrap().0, line.rsplit_once(',').unwrap().1))
            .collect();
        let rows: Vec<(&str, &str)> = example
            .page
            .lines()
            .filter_map(|line| line.strip_prefix("| 10"))
            .map(|row| (&row[..2], row.split('`').nth(1).unwrap()))
            .collect();
        assert_eq!(rows.len(), 6);
        let rows: Vec<(String, &str)> =
            rows.iter().map(|(row, why)| (format!("10{row}"), *why)).collect();
        let told: Vec<(String, &str)> =
            told.iter().map(|(row, why)| ((*row).to_owned(), *why)).collect();
        assert_eq!(told, rows, "{name}");
    }
}

#[test]
fn a_map_without_a_statement_is_refused_as_a_whole() {
    let example = Example::of(PAGES[0]);
    let map = example.map();
    let (before, after) = map.split_once("statement = ").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    for (name, statement) in
        [("none", ""), ("short", "statement = \"ok\"\n"), ("open", "statement = \"?\"\n")]
    {
        example.write(name, &format!("{before}{statement}{after}"));
        example.check_by(name).expect(78).says(&["ads.match"]);
    }
}

#[test]
fn another_map_than_the_pinned_one_is_refused() {
    let example = Example::of(PAGES[0]);
    let settings = blocks(&example.page, "toml").swap_remove(1);
    let file = example.path("node/advertiser.toml");
    let text = fs::read_to_string(&file).unwrap();
    // The settings of the page stand before the first table; a map lies beside them.
    fs::write(&file, format!("{settings}{text}")).unwrap();
    let beside = example.path("node/crm.map.toml");
    fs::write(&beside, format!("# signed on paper\n{}", example.map())).unwrap();
    example.check(&[]).expect(0);
    let [digest] = digests(&example.page).try_into().unwrap();
    for (was, is) in [
        ("OUI = [\"ads.match\"]", "OUI = [\"ads.match\"], Y = [\"ads.match\"]"),
        ("crm_*.csv", "*.csv"),
        ("Z. Modèle", "A. Modèle"),
    ] {
        let other = example.map().replacen(was, is, 1);
        assert_ne!(other, example.map());
        fs::write(&beside, other).unwrap();
        example.check(&[]).expect(78).says(&[&digest]);
    }
}

#[test]
fn runs_and_checks_tell_the_digest_and_the_provider_gets_nothing() {
    let persons = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::serving(&links(borrowed(&persons)));
    pair.write("crm.csv", &crm(borrowed(&persons)));
    pair.write("map.toml", "map = 1\n[[input]]\ntag = \"crm\"\nnulls = [\"sans objet\"]\n");
    let [file, map, json] = ["crm.csv", "map.toml", "told.json"].map(|name| pair.path(name));
    let digest_in = |report: &str, done: &Done| {
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        let digest = report["map"].as_str().unwrap().to_owned();
        assert_eq!(digest.len(), 64, "{report}");
        assert!(done.stdout.contains(&digest[..16]), "{}", done.stdout);
        digest
    };
    let args = ["--map", &map, "--json", &json, "--overwrite", &file];
    let told = |command: &[&str]| {
        let done = pair.advertiser(&[command, &args].concat()).expect(0);
        digest_in(&pair.read("told.json"), &done)
    };
    let checked = told(&["check"]);
    assert_eq!(told(&["plan", "--profile", "matched-rows"]), checked);
    let done = pair.run_with(&["--map", &map]).expect(0);
    assert_eq!(digest_in(&pair.read("summary.json"), &done), checked);
    pair.stop();

    // Nothing that the provider or the session keeps holds it, as digits or as bytes, but the
    // opening that the advertiser may hand to an auditor.
    let bytes: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&checked[at..at + 2], 16).unwrap())
        .collect();
    let mut seen = 0;
    for place in [pair.path("p"), pair.path("serve.log"), pair.path("a/sessions")] {
        each_file(Path::new(&place), &mut |path, held| {
            let has = |part: &[u8]| held.windows(part.len()).any(|window| window == part);
            let opening = path.file_name().is_some_and(|name| name == "input.opening");
            assert_eq!(has(&bytes), opening, "{}", path.display());
            assert!(!has(&checked.as_bytes()[..16]), "{}", path.display());
            seen += 1;
        });
    }
    assert!(seen > 10, "{seen} files");
}

fn each_file(path: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap().flatten();
        entries.for_each(|entry| each_file(&entry.path(), look));
    } else if path.is_file() {
        look(path, &fs::read(path).unwrap());
    }
}
