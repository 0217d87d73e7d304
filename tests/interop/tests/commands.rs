//! Commands beside the match itself: `normalize`, `check` and `status`, as a user runs them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::support::{Done, Pair, borrowed, crm, links, node_command, numbered, run};

/// Occurs in every value of the dirty file, and must occur in nothing that is printed of it.
const TOKEN: &str = "canary5d20e7b9";

#[test]
fn normalize_shows_outcomes_and_needs_no_node() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("list"), "Jane.Doe@Gmail.com\r\nnobody\r\n\r\n").unwrap();
    let done = run("advertiser-node", &["normalize", "--kind", "email", &path("list")]).expect(0);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "{\"line\":1,\"outcome\":\"ok\",\"identifiers\":[{\"kind\":\"email.strict\",\
             \"normalized\":\"jane.doe@gmail.com\",\"level\":\"individual\",\"warnings\":[]},\
             {\"kind\":\"email.gmail\",\"normalized\":\"janedoe@gmail.com\",\
             \"level\":\"individual\",\"warnings\":[]}]}",
            "{\"line\":2,\"outcome\":\"reject\",\"reason\":\"email_no_at\"}",
            "{\"line\":3,\"outcome\":\"absent\"}",
        ]
    );

    std::fs::write(path("latin1"), b"jane@exemple.fr\nren\xE9@exemple.fr\n").unwrap();
    let args = ["normalize", "--kind", "email", &path("latin1")];
    run("advertiser-node", &args).expect(65).says(&["line 2"]);
    let args = ["normalize", "--kind", "email", "--region", "FR", &path("list")];
    run("advertiser-node", &args).expect(2).says(&["--kind phone"]);

    // From standard input, into a pipe that is closed after the first line.
    let mut child = node_command("advertiser-node")
        .args(["normalize", "--kind", "phone", "--postcode", "97400", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    for _ in 0..100_000 {
        if stdin.write_all(b"0692 12 34 56\n").is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.as_ref()), (Some(0), ""));
}

#[test]
fn numbers_that_no_table_holds_are_told_and_never_sent() {
    let pair = Pair::introduced();
    let mut text = "row_id,email,phone,country,consent_purposes,consent_ref,consent_at,\
                    consent_notice\n"
        .to_owned();
    for i in 0..1_000 {
        let (phone, country) = match i {
            0..12 => (format!("(415) 555-26{i:02}"), "US"),
            12..20 => (format!("01 99 00 12 {i:02}"), "FR"),
            20..25 => (format!("06 41 23 45 {i:02}"), "FR"),
            _ => (String::new(), ""),
        };
        let _ = writeln!(
            text,
            "r{i},customer.{i}@exemple.fr,{phone},{country},ads.match,R-1,2026-03-02T10:14:00Z,N-1"
        );
    }
    pair.write("crm.csv", &text);
    let (input, json) = (pair.path("crm.csv"), pair.path("plan.json"));
    let mexico = "cannot match, so not used: 12 telephone numbers whose plan does not tell mobile";
    let fixed = "cannot match, so not used: 8 fixed lines";
    let check = pair.advertiser(&["check", &input]).expect(0).stdout;
    let identifiers = "identifiers of eligible rows: email.strict 1,000, phone 5; 1,005 distinct";
    for part in [mexico, fixed, identifiers, "phone: 5 valid, 975 absent"] {
        assert!(check.contains(part), "no {part:?} in:\n{check}");
    }
    let args = ["plan", "--profile", "matched-rows", &input, "--json", &json];
    let plan = pair.advertiser(&args).expect(0).stdout;
    assert!(plan.contains(mexico) && plan.contains(fixed), "{plan}");
    let json = pair.read("plan.json");
    for part in ["\"household_not_in_terms\": 8", "\"phone_mobile_unknown\": 12"] {
        assert!(json.contains(part), "no {part:?} in:\n{json}");
    }
}

/// 1,100 rows, 1,000 of them in order, and one of every defect that `check` tells.
fn dirty() -> String {
    let mut text = "row_id,email,email_2,consent_purposes,consent_ref,consent_at,consent_notice,\
                    objections,city\n"
        .to_owned();
    let mut row = |id: &str, emails: [&str; 2], purposes: &str, objections: &str| {
        let [first, second] = emails;
        let _ = writeln!(
            text,
            "{id},{first},{second},{purposes},R-{TOKEN},2026-03-02T10:14:00Z,N-1,{objections},\
             {TOKEN}"
        );
    };
    for i in 0..1_000 {
        row(&format!("r{i:05}"), [&format!("{TOKEN}.{i}@exemple.fr"), ""], "ads.match", "");
    }
    for i in 0..40 {
        let shared = format!("{TOKEN}.shared@exemple.fr");
        row(&format!("s{i:05}"), [&shared, &format!("{TOKEN} no address {i}")], "ads.match", "");
    }
    for i in 0..30 {
        row(&format!("t{i:05}"), [&format!("{TOKEN}.t{i}@exemple.fr"), ""], "other", "");
    }
    for i in 0..20 {
        row(&format!("u{i:05}"), [&format!("{TOKEN}.u{i}@exemple.fr"), ""], "ads.match", "all");
    }
    for i in 0..10 {
        row(&format!("v{i:05}"), [&format!("{TOKEN}{i}"), "n/a"], "ads.match", "");
    }
    row("r00000", [&format!("{TOKEN}.again@gmail.con"), ""], "ads.match", "");
    text
}

fn clean(done: &Done) {
    for text in [&done.stdout, &done.stderr] {
        assert!(!text.to_lowercase().contains(TOKEN), "{text}");
    }
}

#[test]
fn check_counts_what_is_wrong_and_prints_no_value() {
    let pair = Pair::introduced();
    pair.write("crm.csv", &dirty());
    let (input, json, rejects) = (pair.path("crm.csv"), pair.path("c.json"), pair.path("r.csv"));
    let args = ["check", &input, "--json", &json, "--rejects", &rejects];
    let done = pair.advertiser(&[&args[..], &["--log", "trace"]].concat()).expect(0);
    clean(&done);
    for part in [
        "  email: e-mail address",
        "  objections: purposes objected to",
        "columns ignored: city",
        "rows: 1,101 read, 1 merged into another of the same id, 1,100 distinct",
        "30 without consent evidence, 20 objected, 50 without usable identifier",
        "rows eligible: 1,000",
        "values read: 1,141",
        "email_no_at 50 (4.4 %)",
        "email_typo_domain 1",
        "shared_identifier 40 (3.5 %)",
        "email.strict 1,000; 1,000 distinct",
        "identifiers refused, held by too many rows: email.strict 1 (by at most 40 rows)",
        "(email.strict) is in 40 rows, more than 0.5 % of the 1,000 eligible",
        "--allow",
        "shared-identifiers",
        "32,768 rows of 2 slots",
        "elements a second",
    ] {
        assert!(done.stdout.contains(part), "no {part:?} in:\n{}", done.stdout);
    }
    let report = pair.read("c.json");
    assert!(report.contains("\"eligible\": 1000") && !report.contains(TOKEN), "{report}");

    let reasons = pair.read("r.csv");
    assert!(!reasons.contains(TOKEN) && !reasons.contains('@'), "{reasons}");
    assert!(reasons.starts_with("row_id,line,column,reason\n"), "{reasons}");
    for row in [
        "s00000,1002,email_2,email_no_at",
        "t00000,1042,,consent_value_unknown",
        "r00000,2,,row_dupl",
    ] {
        assert!(reasons.contains(row), "no {row:?} in:\n{reasons}");
    }
    // Fifty values, thirty, twenty and ten rows, the one that was replaced, and forty values that
    // are shared by too many with the rows that hold nothing else.
    assert_eq!(reasons.lines().count(), 1 + 50 + 30 + 20 + 10 + 1 + 40 + 40);
    let mode = std::fs::metadata(&rejects).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Nothing is kept, and the report never takes the place of the file.
    assert_eq!(std::fs::read_dir(pair.path("a/inputs")).unwrap().count(), 0);
    let args = ["check", &input, "--rejects", &input];
    clean(&pair.advertiser(&args).expect(73).says(&["it is an input"]));
    pair.write("crm.csv", &dirty().replace("ads.match", "other"));
    let done = pair.advertiser(&["check", &input]).expect(65).says(&["consent"]);
    assert!(done.stdout.contains("1,080 without consent evidence"), "{}", done.stdout);
    clean(&done);
}

#[test]
fn status_tells_both_nodes_what_was_run() {
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::introduced();
    pair.advertiser(&["status"]).expect(0);
    let fresh = pair.provider(&["status"]).expect(0);
    for part in ["identity: vmid1", "no graph yet", "partner retailer:", ": none; ", "no session"] {
        assert!(fresh.stdout.contains(part), "no {part:?} in:\n{}", fresh.stdout);
    }
    pair.write("links.csv", &links(borrowed(&persons)));
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    pair.serve();
    let rows = numbered(1_200, |i| format!("customer.{}@exemple.fr", i * 2));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    pair.run().expect(0);

    // While the provider serves.
    let provider = pair.provider(&["status"]).expect(0);
    for part in [
        "snapshot of ",
        "ready, ",
        "32,768 of ",
        "done",
        "matched-rows",
        "32768 elements",
        "served",
    ] {
        assert!(provider.stdout.contains(part), "no {part:?} in:\n{}", provider.stdout);
    }
    let json = pair.provider(&["status", "--json", "-"]).expect(0).stdout;
    assert!(!provider.stdout.contains("matched ") && !json.contains("matched "), "{json}");
    assert!(
        json.contains("\"state\": \"done\"") && json.contains("\"state\": \"ready\""),
        "{json}"
    );

    let advertiser = pair.advertiser(&["status"]).expect(0);
    for part in ["profiles matched-rows", "32,768 in 24 hours", "done", "matched 300", "last table"]
    {
        assert!(advertiser.stdout.contains(part), "no {part:?} in:\n{}", advertiser.stdout);
    }
    let json = pair.advertiser(&["status", "--json", "-"]).expect(0).stdout;
    assert!(json.contains("\"outcome\": \"matched 300\""), "{json}");

    // A failed session is shown with the number of its error, on the node that has one.
    pair.write("crm.csv", &crm(borrowed(&rows[..500])));
    pair.run().expect(65);
    pair.stop();
    pair.provider(&["status"]).expect(0);
    run("provider-node", &["status", "--dir", &pair.path("a")]).expect(78).says(&["VEILMATCH_DIR"]);

    // The forecast now knows the table.
    let done = pair.advertiser(&["check", &pair.path("crm.csv")]).expect(0);
    for (part, said) in [("at least 1,000 eligible rows", true), ("size is not known yet", false)] {
        assert_eq!(done.stdout.contains(part), said, "{part:?} in:\n{}", done.stdout);
    }
}

#[test]
fn person_who_objected_is_left_out_of_the_next_snapshot() {
    let persons = numbered(50, |i| format!("customer.{i}@exemple.fr"));
    // One of them has more addresses than noise is made for.
    let many = (0..5).map(|i| ("r00008".to_owned(), format!("customer.8.{i}@exemple.fr")));
    let persons: Vec<_> = persons.into_iter().chain(many).collect();
    let pair = Pair::introduced();
    pair.write("links.csv", &links(borrowed(&persons)));
    let feed = "type,value,scope,recorded_at\n\
                email,Customer.7@exemple.fr,all,2026-11-20\n\
                fax,12,all,2026-11-20\n";
    pair.write("objections.csv", feed);
    let object = ["object", &pair.path("objections.csv")];
    let done = pair.provider(&object).expect(80).says(&["line 3 type_unknown"]);
    assert!(done.stdout.contains("2 read: 1 new, 0 known, 1 not"), "{}", done.stdout);
    let again = pair.provider(&object).expect(80);
    assert!(again.stdout.contains("2 read: 0 new, 1 known, 1 not"), "{}", again.stdout);
    let done = pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    for part in ["49 published", "person_objected 1", "1 person has more than 4 identifiers"] {
        assert!(done.stdout.contains(part), "no {part:?} in:\n{}", done.stdout);
    }
    pair.write("objections.csv", "type;value\n");
    pair.provider(&object).expect(65);
}

/// One table as CSV, as NDJSON on standard input, packed, and in two overlapping files: the same
/// rows may be used, and a run on several inputs writes its result as Parquet.
#[test]
fn inputs_come_in_every_form_and_results_as_parquet() {
    let persons = numbered(1_050, |i| format!("{TOKEN}.{i}@exemple.fr"));
    let mut pair = Pair::introduced();
    let csv = crm(borrowed(&persons));
    pair.write("crm.csv", &csv);
    let mut ndjson = String::new();
    for (id, email) in &persons {
        let _ = writeln!(
            ndjson,
            "{{\"row_id\":\"{id}\",\"email\":\"{email}\",\"consent_purposes\":[\"ads.match\"],\
             \"consent_ref\":\"R-{id}\",\"consent_at\":\"2026-03-02T10:14:00.000Z\",\
             \"consent_notice\":\"N-1\",\"street\":null}}"
        );
    }
    let eligible = |done: &Done, more: &[&str]| {
        clean(done);
        for part in [&["rows eligible: 1,050"], more].concat() {
            assert!(done.stdout.contains(part), "no {part:?} in:\n{}", done.stdout);
        }
    };
    let done = pair.advertiser_reading(&["check", "-"], &ndjson).expect(0);
    eligible(&done, &["form: ndjson", "columns ignored: street (not used in this version)"]);
    let done = pair.advertiser_reading(&["check", "web=-", "--format", "csv"], &csv).expect(0);
    eligible(&done, &["form: csv"]);
    let wrong = ["check", "-", "--format", "ndjson"];
    clean(&pair.advertiser_reading(&wrong, &csv).expect(65).says(&["line 1", "JSON"]));
    let twice = ["check", "-", "-"];
    clean(&pair.advertiser_reading(&twice, &csv).expect(2).says(&["once"]));

    pair.write(
        "part.ndjson",
        &ndjson.lines().take(200).map(|line| format!("{line}\n")).collect::<String>(),
    );
    let (whole, part) = (pair.path("crm.csv"), format!("app={}", pair.path("part.ndjson")));
    let inputs = [whole.as_str(), &part];
    let done = pair.advertiser(&[&["check"], &inputs[..]].concat()).expect(0);
    eligible(
        &done,
        &[
            "rows: 1,250 read, 200 merged",
            "app: 200 read, 200 distinct, 200 eligible",
            "crm.csv: 1,050 read, 1,050 distinct, 1,050 eligible",
        ],
    );

    pair.write("links.csv", &links(borrowed(&persons)));
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    pair.serve();
    let result = pair.path("result.parquet");
    let run = ["run", "--profile", "matched-rows", "--output", &result];
    clean(&pair.advertiser(&[&run[..], &inputs].concat()).expect(0));
    let bytes = std::fs::read(&result).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let mode = std::fs::metadata(&result).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn every_program_tells_what_it_was_built_from() {
    for (program, rulesets) in
        [("advertiser-node", true), ("provider-node", true), ("auditor", false)]
    {
        let told = run(program, &["--version"]).expect(0).stdout;
        for (label, holds) in [
            ("commit", true),
            ("compiler    rustc 1.", true),
            ("arithmetic", true),
            ("protocol    3", true),
            ("rulesets    crm-fr/1, crm-intl/1", rulesets),
        ] {
            assert_eq!(told.lines().any(|line| line.starts_with(label)), holds, "{told}");
        }
        let short = run(program, &["-V"]).expect(0).stdout;
        assert_eq!(short.lines().count(), 1, "{short}");
        assert!(told.starts_with(short.trim_end()), "{told}{short}");
    }
}
