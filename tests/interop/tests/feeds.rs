//! Objection feeds and digital IDs as a provider has them: through the programs, to the file that
//! the advertiser gets.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::{Pair, borrowed, crm, days_ago, links, numbered, run};

/// A provider's node of its own beside the files of a case, with its days moved to the same
/// distance from today.
fn provider(case: &str) -> (tempfile::TempDir, impl Fn(&str) -> String) {
    let dir = tempfile::tempdir().unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(case);
    for file in std::fs::read_dir(&files).unwrap().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let text = text.replace("2026-11-30", &days_ago(0)).replace("2026-11-20", &days_ago(10));
        std::fs::write(dir.path().join(file.file_name()), text).unwrap();
    }
    let root = dir.path().to_path_buf();
    let path = move |name: &str| root.join(name).display().to_string();
    run("provider-node", &["init", "--dir", &path("node")]).expect(0);
    (dir, path)
}

#[test]
fn case_34_a_feed_of_which_a_line_is_left_says_so() {
    let (_dir, path) = provider("34-objection-feed-not-carried-out");
    let node = path("node");
    run("provider-node", &["ingest", "--dir", &node, &path("graph.csv")]).expect(0);
    let (feed, left) = (path("feed.csv"), path("left.csv"));
    let object = ["object", "--dir", &node];
    let with_rejects = [&object[..], &[&feed, "--rejects", &left]].concat();
    let done = run("provider-node", &with_rejects).expect(80).says(&[
        "V0429",
        "1 of 3 not carried out: line 4 phone_",
        "mend ",
        "left.csv",
    ]);
    // `Email` and `EMAIL` are read as `email`; nothing is to be destroyed yet.
    assert!(done.stdout.contains("3 read: 2 new, 0 known, 1 not carried out"), "{}", done.stdout);
    assert!(!done.stdout.contains("destroy"), "{}", done.stdout);
    for told in [&done.stdout, &done.stderr] {
        assert!(!told.contains("0692123456") && !told.contains("exemple.fr"), "{told}");
    }
    let text = std::fs::read_to_string(&left).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 2, "{text}");
    assert_eq!(rows[0], "type,value,scope,recorded_at,line,reason");
    assert!(rows[1].starts_with("phone,0692123456,all,,4,phone_"), "{text}");
    let mode = std::fs::metadata(&left).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // A file that is there is not replaced, and nothing is done then.
    let more = path("more.csv");
    std::fs::write(&more, "type,value\nemail,p.2@exemple.fr\n").unwrap();
    let again = [&object[..], &[&more, "--rejects", &left]].concat();
    run("provider-node", &again).expect(73).says(&["left.csv", "nothing was carried out"]);
    assert_eq!(std::fs::read_to_string(&left).unwrap(), text);

    // What was carried out holds: one person is left.
    let done = run("provider-node", &["ingest", "--dir", &node, &path("graph.csv")]).expect(0);
    assert!(done.stdout.contains("1 published with 1 identifiers"), "{}", done.stdout);
    assert!(done.stdout.contains("person_objected 2"), "{}", done.stdout);

    // Mended, the file of what is left is a feed like any other.
    std::fs::write(&left, text.replace("0692123456", "+262692123456")).unwrap();
    let done = run("provider-node", &[&object[..], &[&left]].concat()).expect(0);
    assert!(done.stdout.contains("1 read: 1 new, 0 known, 0 not carried out"), "{}", done.stdout);
    assert!(done.stdout.contains("destroy it"), "{}", done.stdout);
}

#[test]
fn a_feed_that_breaks_off_is_carried_out_as_far_as_it_goes() {
    let (_dir, path) = provider("34-objection-feed-not-carried-out");
    let (node, feed) = (path("node"), path("feed.csv"));
    std::fs::write(&feed, "type,value\nemail,p.0@exemple.fr\nemail,p.1\"@exemple.fr\n").unwrap();
    let done = run("provider-node", &["object", "--dir", &node, &feed])
        .expect(80)
        .says(&["line 3", "the whole feed again"]);
    assert!(done.stdout.contains("1 read: 1 new"), "{}", done.stdout);
    run("provider-node", &["ingest", "--dir", &node, &path("graph.csv")]).expect(0);
    // Two read of one spelling, dates that nobody can read: both hold.
    std::fs::write(
        &feed,
        "type,value,scope,recorded_at\nCookie:ADNXS.example,5727816213491965001,x,2126-01-01\n\
         email,P.2@Exemple.fr,,hier\n",
    )
    .unwrap();
    let done = run("provider-node", &["object", "--dir", &node, &feed]).expect(0);
    assert!(done.stdout.contains("2 of a date that cannot be read"), "{}", done.stdout);
    // Nobody is left: one line by its digital ID, in another spelling of its namespace.
    let done = run("provider-node", &["ingest", "--dir", &node, &path("graph.csv")]).expect(65);
    assert!(done.stderr.contains("digital_id_objected 1"), "{}", done.stderr);
}

/// The store of objections is lost, and no snapshot knows that there was one.
#[test]
fn lost_objections_stop_the_next_ingest() {
    let (_dir, path) = provider("34-objection-feed-not-carried-out");
    let node = path("node");
    std::fs::write(path("feed.csv"), "type,value\nemail,p.0@exemple.fr\n").unwrap();
    let feed = path("feed.csv");
    let object = || run("provider-node", &["object", "--dir", &node, &feed]);
    let ingest = || run("provider-node", &["ingest", "--dir", &node, &path("graph.csv")]);
    ingest().expect(0);
    object().expect(0);
    std::fs::remove_dir_all(path("node/objections")).unwrap();
    ingest().expect(74).says(&["V0415", "has 0 objections, but this node took 1"]);
    object().expect(74).says(&["V0415"]);
    // Whoever has no copy says so, and gives every feed again.
    std::fs::remove_file(path("node/objections.anchor")).unwrap();
    object().expect(0);
    ingest().expect(0);
}

#[test]
fn what_is_no_evidence_is_left_out_with_its_lines() {
    let (_dir, path) = provider("34-objection-feed-not-carried-out");
    let (today, captured) = (days_ago(0), days_ago(100));
    let mut text =
        "person_ref,persona_ref,type,value,class,id_type,id_namespace,id_value,evidence,\
                    day,consent_scheme,consent_string,captured_at\n"
            .to_owned();
    for (at, (day, consent)) in [
        (today.as_str(), "receipt,K-2026-5521"),
        (&today, "tcf,COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA"),
        (&today, "receipt,NULL"),
        (&today, "tcf,REFUSED-EVERYTHING"),
        (&today, "receipt,REFUSED-EVERYTHING"),
        ("2126-01-01", "receipt,K-2026-5521"),
    ]
    .into_iter()
    .enumerate()
    {
        let _ = writeln!(
            text,
            "H-{at},P-{at},email,p.{at}@exemple.fr,tablet,cookie,a.example,cookie-{at}{at},login,\
             {day},{consent},{captured}"
        );
    }
    std::fs::write(path("graph.csv"), text).unwrap();
    let args = ["ingest", "--dir", &path("node"), &path("graph.csv")];
    let done = run("provider-node", &args).expect(0);
    for told in [
        "2 published",
        "consent_missing 1 (line 4)",
        "consent_malformed 1 (line 5)",
        "consent_refused 1 (line 6)",
        "day_future 1 (line 7)",
        "consent: receipt 1, tcf 1; the form of each was checked, and not which purposes it allows",
    ] {
        assert!(done.stdout.contains(told), "no {told:?} in:\n{}", done.stdout);
    }
}

/// Digital IDs that a spreadsheet would take for formulas lost a whole delivery.
#[test]
fn digital_ids_like_formulas_are_delivered_and_read_back() {
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    let first = ["=", "+", "-", "@", "\"", ",", "'"];
    let value = |person: &str| {
        let number: usize =
            person.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        format!("{}cmd|A1-{number}", first[number % first.len()])
    };
    let mut expected = BTreeSet::new();
    let mut graph = String::new();
    for line in links(borrowed(&persons)).lines() {
        let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
        if cells[8] != "id_value" && !graph.is_empty() {
            let id = value(&cells[0]);
            expected.insert(id.clone());
            cells[7] = "Exemple-Regie.FR".to_owned();
            cells[8] = format!("\"{}\"", id.replace('"', "\"\""));
        }
        let _ = writeln!(graph, "{}", cells.join(","));
    }
    let mut pair = Pair::offering_all(&graph);
    let rows = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    pair.serve();
    let (input, output) = (pair.path("crm.csv"), pair.path("ids.csv"));
    let args = ["run", "--profile", "digital-ids", &input, "--output", &output];
    pair.advertiser(&[&args[..], &["--approve"]].concat()).expect(0);
    let text = pair.read("ids.csv");
    let delivered: BTreeSet<String> = text
        .lines()
        .skip(1)
        .map(|line| {
            let row = fields(line);
            assert_eq!((row[4].as_str(), row[5].as_str()), ("cookie", "exemple-regie.fr"));
            row[6].clone()
        })
        .collect();
    // A random part of those who are new waits: at most 110 of them, at this privacy loss.
    assert!(delivered.is_subset(&expected));
    assert!(delivered.len() + 110 >= expected.len(), "{} digital IDs", delivered.len());
    for first in first {
        assert!(delivered.iter().any(|id| id.starts_with(first)), "none begins with {first}");
    }
    assert!(text.contains(",\"=cmd|A1-"), "formulas are quoted");
}

/// The fields of a line of CSV that has no line end in a field.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let (mut quoted, mut characters) = (false, line.chars().peekable());
    while let Some(c) = characters.next() {
        let field = fields.last_mut().unwrap();
        match c {
            '"' if quoted && characters.peek() == Some(&'"') => field.extend(characters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    fields
}
