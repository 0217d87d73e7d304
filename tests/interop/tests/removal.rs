//! Persons who were delivered and then object: the node names them to the provider by itself, and
//! they are in no input and in no bag from then on.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Pair, borrowed, days_ago, links, numbered};

/// Two nodes whose partner has digital IDs and nothing else; 600 of 1,200 rows are known.
fn serving() -> Pair {
    let persons = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    serving_graph(&links(borrowed(&persons)))
}

/// The same with another graph.
fn serving_graph(graph: &str) -> Pair {
    let mut pair = Pair::offering_all(graph);
    let policy = "p/partners/retailer/partner.toml";
    let text = pair.read(policy);
    let (before, rest) = text.split_once("\nprofiles = [").unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    pair.write(policy, &format!("{before}\nprofiles = [\"digital-ids\"]{after}"));
    pair.serve();
    pair
}

/// A list of objections under ids of its own.
fn objections(emails: &[String]) -> String {
    let mut text =
        "row_id,email,objections,consent_purposes,consent_ref,consent_at,consent_notice\n"
            .to_owned();
    for (i, email) in emails.iter().enumerate() {
        let _ = writeln!(text, "opp-{i},{email},all,,,,");
    }
    text
}

/// Rows of every second person from the first on, with what they say of objections and of the
/// purposes they agree to.
fn customers(said: impl Fn(usize) -> (&'static str, &'static str)) -> String {
    let mut text =
        "row_id,email,objections,consent_purposes,consent_ref,consent_at,consent_notice\n"
            .to_owned();
    let day = days_ago(270);
    for i in 0..1_200 {
        let (objections, purposes) = said(i);
        let email = format!("customer.{}@exemple.fr", i * 2);
        let _ = writeln!(text, "r{i:05},{email},{objections},{purposes},R-{i},{day},N-1");
    }
    text
}

#[test]
fn an_objection_after_a_delivery_goes_through_the_match_before_the_next_run() {
    let pair = serving();
    let (input, output, json) = (pair.path("crm.csv"), pair.path("out.csv"), pair.path("s.json"));
    let listed = pair.path("opp.csv");
    pair.write("opp.csv", &objections(&["nobody@exemple.fr".to_owned()]));
    let run = || {
        let args = ["run", &input, &listed, "--profile", "digital-ids", "--approve", "--overwrite"];
        pair.advertiser(&[&args[..], &["--output", &output, "--json", &json]].concat())
    };
    let bag = || -> BTreeSet<String> {
        let text = pair.read("out.csv");
        let rows = text.lines().skip(1).filter_map(|row| row.split(',').nth(6));
        rows.map(str::to_owned).collect()
    };
    let session = || -> String {
        let summary: Value = serde_json::from_str(&pair.read("s.json")).unwrap();
        summary["session_id"].as_str().unwrap().to_owned()
    };
    pair.write("crm.csv", &customers(|_| ("", "ads.match")));
    run().expect(0);
    let (before, first) = (bag(), session());
    assert!(before.len() > 300, "{}", before.len());

    // Two of those who were delivered, and one unknown: one by an objection that a list of its own
    // has under another id, one by withdrawal, one by an objection in the row.
    let known: Vec<usize> =
        (0..600).filter(|i| before.contains(&format!("cookie-of-r{:05}", i * 2))).take(2).collect();
    let left = |i: usize| match i {
        1_100 => ("erased", "ads.match"),
        _ if i == known[1] => ("", "ads.suppress"),
        _ => ("", "ads.match"),
    };
    pair.write("crm.csv", &customers(left));
    pair.write("opp.csv", &objections(&[format!("customer.{}@exemple.fr", known[0] * 2)]));
    let plan = pair.advertiser(&["plan", &input, "--profile", "digital-ids"]).expect(0);
    for part in ["release by classes", "the bag itself is exact"] {
        assert!(plan.stdout.contains(part), "no {part:?} in:\n{}", plan.stdout);
    }
    let done = run().expect(0);
    let all = format!("{}{}", done.stdout, done.stderr);
    for part in ["3 persons who objected", "older bags of this provider"] {
        assert!(all.contains(part), "no {part:?} in:\n{all}");
    }
    for i in &known {
        assert!(!bag().contains(&format!("cookie-of-r{:05}", i * 2)), "{i} is still delivered");
    }
    // The older bag is gone; the session that named them says no count.
    pair.advertiser(&["result", &first, "--output", &pair.path("old.csv")]).expect(78);
    let status = pair.advertiser(&["status"]).expect(0);
    assert!(status.stdout.contains("persons who left were named"), "{}", status.stdout);

    // Whatever the files say later, they are out; and nobody is named twice in a day.
    pair.write("crm.csv", &customers(|_| ("", "ads.match")));
    pair.write("opp.csv", &objections(&["nobody@exemple.fr".to_owned()]));
    let plan = pair.advertiser(&["plan", &input, "--profile", "digital-ids"]).expect(0);
    assert!(plan.stdout.contains("rows: 1,197 eligible"), "{}", plan.stdout);
    let check = pair.advertiser(&["check", &input, "--profile", "digital-ids"]).expect(0);
    assert!(check.stdout.contains("1,197"), "{}", check.stdout);
    let done = run().expect(0);
    let all = format!("{}{}", done.stdout, done.stderr);
    // It is the input of before, and so is its answer.
    assert!(all.contains("the same was asked") && !all.contains("went through the"), "{all}");
    for i in &known {
        assert!(!bag().contains(&format!("cookie-of-r{:05}", i * 2)), "{i} came back");
    }
    let history = pair.advertiser(&["history"]).expect(0);
    for part in ["digital-ids", "openings today 3 of 16", "newcomers that match wait"] {
        assert!(history.stdout.contains(part), "no {part:?} in:\n{}", history.stdout);
    }
}

#[test]
fn a_file_without_any_consent_takes_everybody_out_only_if_that_is_meant() {
    let pair = serving();
    let (input, output) = (pair.path("crm.csv"), pair.path("out.csv"));
    let run = |more: &[&str]| {
        let args = ["run", &input, "--profile", "digital-ids", "--approve", "--overwrite"];
        pair.advertiser(&[&args[..], &["--output", &output], more].concat())
    };
    pair.write("crm.csv", &customers(|_| ("", "ads.match")));
    run(&[]).expect(0);
    // The column of consents is empty: nothing is removed over it, and nothing is kept.
    pair.write("crm.csv", &customers(|_| ("", "")));
    let refused = run(&[]).expect(78);
    assert!(refused.stderr.contains("--allow many-departures"), "{}", refused.stderr);
    pair.write("crm.csv", &customers(|_| ("", "ads.match")));
    let again = run(&[]).expect(0);
    assert!(again.stdout.contains("the same was asked"), "{}", again.stdout);
    // Meant, they are named although no row of the list may be used.
    pair.write("crm.csv", &customers(|_| ("", "")));
    let done = run(&["--allow", "many-departures"]).expect(65);
    let all = format!("{}{}", done.stdout, done.stderr);
    assert!(all.contains("1,200 persons who objected"), "{all}");
    // What was delivered to nobody's use any more is not given out again.
    let kept = pair.advertiser(&["result", "last", "--output", &pair.path("old.csv")]).expect(78);
    assert!(kept.stderr.contains("may hold persons who left"), "{}", kept.stderr);
    let history = pair.advertiser(&["history"]).expect(0);
    assert!(history.stdout.contains("run digital-ids on the same list"), "{}", history.stdout);
}

/// Rows of a pair share a fixed line, which the provider has as the second one's.
#[test]
fn who_shares_a_fixed_line_with_one_who_objects_is_not_named() {
    let persons = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    let line = |pair: usize| format!("+33 1 99 00 {:02} {:02}", pair / 100, pair % 100);
    let mut graph = links(borrowed(&persons));
    // Rows 2 and 3 of a pair of rows are persons 4 and 6.
    let of_second = numbered(1_200, |i| line(i / 4));
    let second = of_second.into_iter().enumerate().filter(|(i, _)| i % 4 == 2);
    let fixed: Vec<(String, String)> = second.map(|(_, line)| line).collect();
    let fixed = links(borrowed(&fixed)).replace(",email,", ",phone,");
    graph.push_str(fixed.split_once('\n').unwrap().1);
    let pair = serving_graph(&graph);
    let (input, output) = (pair.path("crm.csv"), pair.path("out.csv"));
    let run = || {
        let args = ["run", &input, "--profile", "digital-ids", "--approve", "--overwrite"];
        pair.advertiser(&[&args[..], &["--output", &output]].concat())
    };
    let customers = |objects: usize| {
        let day = days_ago(270);
        let header = "row_id,email,phone,objections,consent_purposes,consent_ref,consent_at,\
                      consent_notice\n";
        let rows = (0..1_200).map(|i| {
            let said = if i == objects { "all" } else { "" };
            let (email, phone) = (format!("customer.{}@exemple.fr", i * 2), line(i / 2));
            format!("r{i:05},{email},{phone},{said},ads.match,R-{i},{day},N-1\n")
        });
        header.to_owned() + &rows.collect::<String>()
    };
    let delivered =
        |row: usize| pair.read("out.csv").contains(&format!(",cookie-of-r{:05},", row * 2));
    pair.write("crm.csv", &customers(usize::MAX));
    run().expect(0);
    let both = (0..300).map(|pair| pair * 2).find(|row| delivered(*row) && delivered(row + 1));
    let objects = both.expect("of 600 persons a tenth waits");
    pair.write("crm.csv", &customers(objects));
    let plan = pair.advertiser(&["plan", &input, "--profile", "digital-ids"]).expect(0);
    assert!(plan.stdout.contains("rows: 1,199 eligible"), "{}", plan.stdout);
    let done = run().expect(0);
    let all = format!("{}{}", done.stdout, done.stderr);
    assert!(all.contains("1 person who objected"), "{all}");
    assert!(!delivered(objects));
    // One digital ID is marked, that of the one who objects. The other may be drawn as cover.
    let log = pair.log();
    let departures: Vec<&str> = log.lines().filter(|line| line.contains("departures")).collect();
    let [marked] = departures[..] else { panic!("one removal in:\n{log}") };
    assert!(marked.contains("marked=1 ") && marked.contains("unchanged=0"), "{marked}");
}
