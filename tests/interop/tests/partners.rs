//! Two advertisers at one provider: each has its own keys, tables and budget and nothing of the
//! other, and what is wrong with one is no matter of the other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::support::{Done, Pair, borrowed, crm, links, numbered, run};

/// Every file under a directory, with its bytes.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(path) = pending.pop() {
        match path.is_dir() {
            true => {
                pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()))
            }
            false => found.push((path.clone(), std::fs::read(&path).unwrap())),
        }
    }
    found
}

fn holds(files: &[(PathBuf, Vec<u8>)], text: &str) -> bool {
    let text = text.as_bytes();
    files.iter().any(|(_, bytes)| bytes.windows(text.len()).any(|window| window == text))
}

/// Rows of every `step`-th person; those of the first 600 are known.
fn customers(step: usize) -> String {
    let rows = numbered(1_200, |i| format!("customer.{}@exemple.fr", i * step));
    crm(borrowed(&rows))
}

/// The result for them: each matched row, in order.
fn expected(step: usize) -> String {
    let rows = (0..600_usize.div_ceil(step)).map(|i| format!("r{i:05},email.strict\n"));
    core::iter::once("row_id,kinds\n".to_owned()).chain(rows).collect()
}

/// A match of the advertiser in `dir`.
fn matched(pair: &Pair, dir: &str) -> Done {
    let file = |name: &str| pair.path(&format!("{dir}-{name}"));
    let (home, input, output) = (pair.path(dir), file("crm.csv"), file("result.csv"));
    let args = ["run", "--dir", &home, "--profile", "matched-rows", &input];
    // An equal question is asked again.
    let _ = std::fs::remove_dir_all(format!("{home}/results"));
    run("advertiser-node", &[&args[..], &["--output", &output, "--overwrite"]].concat())
}

/// A second advertiser in `b`, invited for `matched-rows` as `second`.
fn join(pair: &Pair) {
    let (home, invitation) = (pair.path("b"), pair.path("invitation.toml"));
    run("advertiser-node", &["init", "--dir", &home]).expect(0);
    pair.invite("second", "b", &["--profile", "matched-rows"]).expect(0);
    run("advertiser-node", &["accept", "--dir", &home, &invitation]).expect(0);
}

/// Ingests 600 persons, and writes a file of customers for each advertiser.
fn prepare(pair: &Pair) {
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    pair.write("links.csv", &links(borrowed(&persons)));
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    pair.write("a-crm.csv", &customers(2));
    pair.write("b-crm.csv", &customers(3));
}

#[test]
fn mistake_in_the_file_of_one_partner_stops_that_one_and_is_told_to_both_sides() {
    let mut pair = Pair::introduced();
    join(&pair);
    prepare(&pair);
    pair.serve();
    let policy = "p/partners/second/partner.toml";
    let good = pair.read(policy);
    let line = 1 + good.lines().position(|line| line.starts_with("n_min")).unwrap();
    let broken = good.replace("n_min = 1000", "n_min = \"1000\"");
    assert_ne!(good, broken);
    pair.write(policy, &broken);
    // What an editor or a backup left is no partner.
    let copy = pair.path("p/partners/retailer.bak");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(pair.path("p/partners/retailer/partner.toml"), format!("{copy}/partner.toml"))
        .unwrap();

    let told = format!("second is not served: partner.toml line {line}: `n_min` is a number");
    let status = pair.provider(&["status"]).expect(0).stdout;
    assert!(status.contains(&told) && status.contains("try: write `n_min = 1000`"), "{status}");
    assert!(
        status.contains("partner retailer:") && !status.contains("partner second:"),
        "{status}"
    );
    let json = pair.provider(&["status", "--json", "-"]).expect(0).stdout;
    assert!(json.contains("\"attention\"") && json.contains("\"line\": "), "{json}");
    let cannot = ["V0315", "cannot serve you: its file for you has a mistake"];
    for restarted in [false, true] {
        matched(&pair, "b").expect(75).says(&cannot);
        matched(&pair, "a").expect(0);
        if !restarted {
            pair.stop();
            pair.serve();
        }
    }
    pair.provider(&["ingest", &pair.path("links.csv")]);
    // Inviting again does not take the mistake, nor what the operator has set, away.
    let again = pair.invite("second", "b", &["--profile", "matched-rows"]).expect(78);
    again.says(&[&format!("line {line}"), "`n_min` is a number"]);
    assert_eq!(pair.read(policy), broken);
    pair.write(policy, &good);
    matched(&pair, "b").expect(0);
    let status = pair.provider(&["status"]).expect(0).stdout;
    assert!(!status.contains("attention") && status.contains("partner second:"), "{status}");
}

#[test]
fn damaged_keys_of_one_partner_leave_the_tables_of_the_others() {
    let mut pair = Pair::introduced();
    join(&pair);
    pair.write("p/partners/second/keys", "");
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    pair.write("links.csv", &links(borrowed(&persons)));
    pair.write("a-crm.csv", &customers(2));
    let done = pair.provider(&["ingest", &pair.path("links.csv")]);
    assert!(done.code != Some(0) && done.stderr.contains("partners/second"), "{}", done.stderr);
    for line in ["tables ready for 1 partner", "no tables for second"] {
        assert!(done.stdout.lines().any(|said| said == line), "{}", done.stdout);
    }
    pair.serve();
    matched(&pair, "a").expect(0);
    assert_eq!(pair.read("a-result.csv"), expected(2));
}

#[test]
fn one_party_is_one_partner_and_both_of_its_keys_are_proved() {
    let pair = Pair::introduced();
    run("advertiser-node", &["init", "--dir", &pair.path("b")]).expect(0);
    let known = pair.invite("second", "a", &[]).expect(78);
    known.says(&["that of the partner retailer"]);
    // The line of one party with the proof of another, and without one.
    let (own, other) = (pair.read("a/identity.txt"), pair.read("b/identity.txt"));
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap().to_owned();
    std::fs::create_dir(pair.path("c")).unwrap();
    pair.write("c/identity.txt", &format!("{}\n{}\n", line(&own, 0), line(&other, 1)));
    pair.invite("third", "c", &[]).expect(2).says(&["not proved to be one party's", "telephone"]);
    pair.write("c/identity.txt", &line(&other, 0));
    pair.invite("third", "c", &[]).expect(2).says(&["without the line `vmproof1"]);
    assert!(!Path::new(&pair.path("p/partners/third")).exists());

    let invited = pair.invite("second", "b", &[]).expect(0).stdout;
    let home = pair.path("b");
    let accept = ["accept", "--dir", &home, &pair.path("invitation.toml")];
    let accepted = run("advertiser-node", &accept).expect(0).stdout;
    let code = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("code ")).unwrap().to_owned();
        assert!(line.ends_with(": compare it by telephone"), "{line}");
        line
    };
    assert_eq!(code(&invited), code(&accepted));
    assert!(invited.contains("may run: match-rate for ads.match"), "{invited}");
    assert!(
        invited.contains("0.5 % of the mobile numbers of France a day, 1.0 % in 30"),
        "{invited}"
    );
    // Neither a file that is there nor one of the node is written over.
    let identity = pair.path("b/identity.txt");
    let who = ["invite", "second", "--identity", &identity, "--rows", "50000", "--address", "h:1"];
    for (output, said) in [("invitation.toml", "exists"), ("p/x.toml", "lies in the node")] {
        let output = pair.path(output);
        let more = ["--legal-entity", "Enseigne A SAS", "--output", &output];
        pair.provider(&[&who[..], &more].concat()).expect(73).says(&[said]);
    }
    let all = ["--profile", "match-rate", "--profile", "matched-rows"];
    let wide = pair.invite("second", "b", &[&all[..], &["--daily"]].concat()).expect(2);
    wide.says(&["above 1 %", "--allow wide-budget"]);
    let more = [&all[..], &["--daily", "--allow", "wide-budget"]].concat();
    let invited = pair.invite("second", "b", &more).expect(0).stdout;
    assert!(invited.contains("advice: matched-rows"), "{invited}");
    assert!(!invited.contains("the bag itself is exact"), "{invited}");
    let more = [&more[..], &["--profile", "digital-ids"]].concat();
    let with_bag = pair.invite("second", "b", &more).expect(0).stdout;
    assert!(with_bag.contains("in digital-ids the bag itself is exact"), "{with_bag}");
    pair.invite("second", "b", &more[..more.len() - 2]).expect(0);
    let policy = pair.read("p/partners/second/partner.toml");
    assert!(policy.contains(&format!("\nevaluations_per_epoch = {}\n", 39 * 524_288)), "{policy}");
}

#[test]
fn two_advertisers_at_once_have_nothing_of_each_other() {
    let mut pair = Pair::introduced();
    join(&pair);
    // The second has a budget for one session and not for two.
    let policy = "p/partners/second/partner.toml";
    let text = pair.read(policy);
    let small = text.replace("evaluations_per_day = 1048576", "evaluations_per_day = 40000");
    assert_ne!(text, small);
    pair.write(policy, &small);

    prepare(&pair);
    pair.serve();
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(|| matched(&pair, "b"));
        (matched(&pair, "a"), other.join().unwrap())
    });
    first.expect(0);
    second.expect(0);
    assert_eq!(pair.read("a-result.csv"), expected(2));
    assert_eq!(pair.read("b-result.csv"), expected(3));

    // The budget of one is not that of the other.
    matched(&pair, "b").expect(82).says(&["V0305"]);
    matched(&pair, "a").expect(0);
    pair.stop();

    let (a, b) = (files(Path::new(&pair.path("a"))), files(Path::new(&pair.path("b"))));
    let tenant = |name: &str| files(Path::new(&pair.path(&format!("p/partners/{name}"))));
    let (retailer, other) = (tenant("retailer"), tenant("second"));
    let line = |text: String| text.lines().next().unwrap().to_owned();
    let identity = |dir: &str| line(pair.read(&format!("{dir}/identity.txt")));
    let (of_a, of_b) = (identity("a"), identity("b"));
    assert!(
        holds(&a, &of_a) && holds(&b, &of_b) && holds(&retailer, &of_a) && holds(&other, &of_b)
    );
    for (mine, theirs) in [(&a, &of_b), (&b, &of_a), (&retailer, &of_b), (&other, &of_a)] {
        assert!(!holds(mine, theirs));
    }
    assert!(pair.sessions("a").iter().all(|own| !pair.sessions("b").contains(own)));
    // No key, table or quota is common to them.
    let contents = |files: &[(PathBuf, Vec<u8>)]| -> BTreeSet<Vec<u8>> {
        files.iter().map(|(_, bytes)| bytes.clone()).filter(|bytes| bytes.len() > 16).collect()
    };
    let (retailer, other) = (contents(&retailer), contents(&other));
    assert!(retailer.len() > 2 && other.len() > 2);
    assert!(retailer.is_disjoint(&other));
}

#[test]
fn companies_of_one_group_have_one_budget_whatever_becomes_of_their_directories() {
    let mut pair = Pair::introduced();
    join(&pair);
    prepare(&pair);
    // Each has a budget for one session and not for two, and so has the group.
    let in_group = |name: &str| {
        let policy = format!("p/partners/{name}/partner.toml");
        let text = pair.read(&policy);
        let small = text.replace("evaluations_per_day = 1048576", "evaluations_per_day = 40000");
        assert_ne!(text, small);
        pair.write(&policy, &format!("group = \"retail\"\n{small}"));
    };
    in_group("retailer");
    in_group("second");
    pair.serve();
    matched(&pair, "a").expect(0);
    matched(&pair, "b").expect(82).says(&["V0305"]);
    let status = pair.provider(&["status"]).expect(0).stdout;
    assert_eq!(status.matches("group retail, of 2 partners").count(), 2, "{status}");
    let json: serde_json::Value =
        serde_json::from_str(&pair.provider(&["status", "--json", "-"]).expect(0).stdout).unwrap();
    for partner in json["partners"].as_array().unwrap() {
        assert_eq!(
            (&partner["group"], &partner["evaluations"]["spent_day"]),
            (&"retail".into(), &32_768.into())
        );
    }
    pair.stop();
    // Gone and invited again, without the name of the group: it stays where it was.
    std::fs::remove_dir_all(pair.path("p/partners/second")).unwrap();
    let invited = pair.invite("second", "b", &["--profile", "matched-rows"]).expect(0).stdout;
    assert!(invited.contains("telephone numbers that its terms may declare"), "{invited}");
    let policy = "p/partners/second/partner.toml";
    let small = pair.read(policy).replace("_per_day = 1048576", "_per_day = 40000");
    pair.write(policy, &small);
    let (home, invitation) = (pair.path("b"), pair.path("invitation.toml"));
    run("advertiser-node", &["accept", "--dir", &home, &invitation, "--yes"]).expect(0);
    pair.provider(&["ingest", &pair.path("links.csv")]);
    pair.serve();
    matched(&pair, "b").expect(82).says(&["V0305"]);
}
