//! The main job, as a user does it: match, verify, and every mistake on the way.

use crate::support::{Pair, borrowed, crm, free_address, links, node_command, numbered, run};

/// 1,200 rows, of which every third is known to the provider under another spelling.
fn rows() -> Vec<(String, String)> {
    numbered(1_200, |i| format!("Customer.{i}@Exemple-{}.fr", i % 7))
}

fn persons() -> Vec<(String, String)> {
    (0..2_000)
        .map(|i| {
            let customer = if i < 400 { i * 3 } else { 10_000 + i };
            (format!("p{i}"), format!("customer.{customer}@exemple-{}.fr", customer % 7))
        })
        .collect()
}

#[test]
fn match_is_right_and_both_transcripts_verify() {
    let mut pair = Pair::serving(&links(borrowed(&persons())));
    let rows = rows();
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let done = pair.run().expect(0);
    assert!(done.stdout.contains("matched 400 of 1,200"), "{}", done.stdout);

    let expected: String =
        rows.iter().step_by(3).map(|(id, _)| format!("{id},email.strict\n")).collect();
    assert_eq!(pair.read("result.csv"), format!("row_id,kinds\n{expected}"));

    for node in ["a", "p"] {
        let sessions = pair.sessions(node);
        assert_eq!(sessions.len(), 1, "{node}");
        let session = sessions[0].display().to_string();
        let verdict = run("auditor", &["verify", &session]).expect(0);
        assert!(verdict.stdout.contains("verdict: accepted"), "{}", verdict.stdout);
        let shown = run("auditor", &["show", &session, "--messages"]).expect(0);
        assert!(shown.stdout.contains("RECEIPT_ACK"), "{}", shown.stdout);
    }

    // Both packages say the same, in both languages.
    let [one, other] = ["a", "p"].map(|node| pair.sessions(node)[0].display().to_string());
    let compared = run("auditor", &["compare", &one, &other]).expect(0).stdout;
    assert!(compared.ends_with("verdict: the packages agree\n"), "{compared}");
    assert!(compared.contains("ok   EVAL, frames in common: 1"), "{compared}");
    let french = run("auditor", &["compare", &one, &other, "--lang", "fr"]).expect(0).stdout;
    assert!(french.ends_with("les dossiers concordent\n"), "{french}");

    // A second run over the same data: the same result, and no element in common on the wire.
    let first = std::fs::read(pair.sessions("a")[0].join("frames/BLIND")).unwrap();
    pair.run().expect(0);
    let second = pair
        .sessions("a")
        .iter()
        .map(|session| std::fs::read(session.join("frames/BLIND")).unwrap())
        .find(|frames| *frames != first)
        .unwrap();
    let elements = |frames: &[u8]| {
        let payload = frames.get(16..).unwrap().to_vec();
        payload.as_chunks::<32>().0.iter().copied().collect::<std::collections::BTreeSet<_>>()
    };
    assert!(elements(&first).is_disjoint(&elements(&second)));

    // The sessions follow each other, and each has its own verdict.
    let both: Vec<String> =
        pair.sessions("a").iter().map(|session| session.display().to_string()).collect();
    let compared = run("auditor", &["compare", &both[0], &both[1], "--json", "-"]).expect(0).stdout;
    let report: serde_json::Value = serde_json::from_str(&compared).unwrap();
    assert_eq!((&report["verdict"], &report["exit"]), (&"agrees".into(), &0.into()), "{report}");
    let items = report["compared"].as_array().unwrap().iter();
    let items: Vec<&str> = items.filter_map(|item| item["item"]["id"].as_str()).collect();
    assert_eq!(items, ["compare-keys", "compare-snapshots", "compare-ledger"]);
    let verdicts = run("auditor", &["verify", &both[0], &both[1], "--json", "-"]).expect(0);
    let report: serde_json::Value = serde_json::from_str(&verdicts.stdout).unwrap();
    assert_eq!(report["verdicts"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(pair.stop(), Some(0));
}

#[test]
fn altered_frame_or_transcript_is_found_by_the_auditor() {
    let pair = Pair::serving(&links(borrowed(&persons())));
    pair.write("crm.csv", &crm(borrowed(&rows())));
    pair.run().expect(0);
    let session = pair.sessions("a")[0].clone();
    let shown = session.display().to_string();
    for (file, at) in [("frames/EVAL", 40), ("frames/BLIND", 1_000), ("frames/TABLE", 99)] {
        let path = session.join(file);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let verdict = run("auditor", &["verify", &shown]).expect(1);
        assert!(verdict.stdout.contains("NOT accepted"), "{file}: {}", verdict.stdout);
        let nobody = "claimed by whoever holds this package";
        assert!(verdict.stdout.contains(nobody), "{file}: {}", verdict.stdout);
        assert!(!verdict.stdout.contains("inside what is"), "{file}: {}", verdict.stdout);
        let french = run("auditor", &["verify", &shown, "--lang", "fr"]).expect(1).stdout;
        assert!(french.contains("verdict\u{A0}: NON accepté, "), "{file}: {french}");
        assert!(french.contains("affirmé par le détenteur de ce dossier"), "{file}: {french}");
        std::fs::write(&path, &good).unwrap();
    }
    let french = run("auditor", &["verify", &shown, "--lang", "fr"]).expect(0).stdout;
    let accepted = "verdict\u{A0}: accepté, les 23 contrôles sont satisfaits\n";
    assert!(french.ends_with(accepted), "{french}");
    std::fs::remove_file(session.join("frames/EVAL")).unwrap();
    let verdict = run("auditor", &["verify", &shown]).expect(3);
    assert!(verdict.stdout.contains("not checked"), "{}", verdict.stdout);
    let incomplete = "verdict: incomplete, 4 of 23 checks could not be made; none failed\n";
    assert!(verdict.stdout.ends_with(incomplete), "{}", verdict.stdout);
    let french = run("auditor", &["verify", &shown, "--lang", "fr"]).expect(3).stdout;
    let incomplete = "verdict\u{A0}: incomplet, 4 contrôles sur 23 n’ont pas pu être faits\u{202F}\
                      ; aucun n’est en échec\n";
    assert!(french.ends_with(incomplete), "{french}");

    // A cut file is the beginning of a session; a damaged one says nothing about anybody.
    let path = session.join("RUN.transcript");
    let good = std::fs::read(&path).unwrap();
    for cut in [400, good.len() / 2, good.len() - 70, good.len() - 3] {
        std::fs::write(&path, &good[..cut]).unwrap();
        let verdict = run("auditor", &["verify", &shown]).expect(3);
        assert!(verdict.stdout.contains("verdict: interrupted"), "{cut}: {}", verdict.stdout);
    }
    let mut bad = good.clone();
    bad[500] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    run("auditor", &["verify", &shown]).expect(74).says(&["damaged", "nothing about either"]);
    let other = [&b"VEILMATCH-TRANSCRIPT-1"[..], &good[22..]].concat();
    std::fs::write(&path, &other).unwrap();
    run("auditor", &["verify", &shown]).expect(74).says(&["another version of the protocol"]);
    run("auditor", &["show", &shown]).expect(74).says(&["another version of the protocol"]);
}

#[test]
fn auditor_tells_a_session_and_its_parties_by_their_own_names() {
    let pair = Pair::serving(&links(borrowed(&persons())));
    pair.write("crm.csv", &crm(borrowed(&rows())));
    pair.run().expect(0);
    let session = pair.sessions("a")[0].display().to_string();
    let told = run("auditor", &["show", &session]).expect(0).stdout;
    let word = |label: &str| {
        let line = told.lines().find_map(|line| line.trim_start().strip_prefix(label));
        line.unwrap_or_else(|| panic!("{label}\n{told}")).trim().to_owned()
    };
    for words in
        ["purpose  ads.match  profile matched-rows  kinds email.strict", "n_min 1,000  k_min"]
    {
        assert!(told.contains(words), "{words}\n{told}");
    }
    for words in
        ["32,768 padded rows of 1 slot", "no handle, no digital ID", "signed by both parties"]
    {
        assert!(told.contains(words), "{words}\n{told}");
    }
    assert!(told.contains("relaxed: none"), "{told}");
    // The line of each party leads to the party id beside it.
    let identity = word("identity ");
    let printed = run("auditor", &["party", &identity]).expect(0).stdout;
    assert_eq!(printed.trim(), word("advertiser  party "));
    let file = pair.path("a/identity.txt");
    assert!(pair.read("a/identity.txt").starts_with(&identity), "{told}");
    assert_eq!(run("auditor", &["party", &file]).expect(0).stdout, printed);
    pair.write("names.toml", &format!("\"Enseigne A\" = \"{identity}\"\n"));
    let names = pair.path("names.toml");
    let json = pair.path("verdict.json");
    let arguments =
        ["verify", &session, "--names", &names, "--advertiser", "Enseigne A", "--json", &json];
    let verdict = run("auditor", &arguments).expect(0).stdout;
    assert!(verdict.contains("parties  Enseigne A (advertiser), "), "{verdict}");
    let report: serde_json::Value = serde_json::from_str(&pair.read("verdict.json")).unwrap();
    assert_eq!(report["verdict"], "accepted");
    assert_eq!(report["parties"]["advertiser"]["name"], "Enseigne A");
    assert_eq!(report["relaxations"], serde_json::json!([]));
    assert_eq!(report["signed"]["terms"], "both");
    assert_eq!(report["checks"][0]["rule"], "T0-01");
    // Nothing is replaced, least of all the package.
    run("auditor", &arguments).expect(73).says(&["it exists"]);
    let own = format!("{session}/RUN.transcript");
    let over = ["verify", &session, "--json", &own, "--overwrite"];
    run("auditor", &over).expect(73).says(&["a file of the package"]);
    let other = ["verify", &session, "--names", &names, "--provider", "Enseigne A"];
    let verdict = run("auditor", &other).expect(1).stdout;
    assert!(verdict.contains("the provider is not the expected party"), "{verdict}");
    let unknown = ["verify", &session, "--names", &names, "--provider", "Régie B"];
    run("auditor", &unknown).expect(2).says(&["--provider", "name of `--names`"]);
    let piped = run("auditor", &["verify", &session, "--json", "-"]).expect(0);
    let report: serde_json::Value = serde_json::from_str(&piped.stdout).unwrap();
    assert_eq!((report["exit"].as_u64(), report["verdict"].as_str()), (Some(0), Some("accepted")));
    assert!(piped.stderr.contains("verdict: accepted"), "{}", piped.stderr);
}

#[test]
fn result_below_the_minimum_is_withheld_and_says_no_count() {
    let pair = Pair::serving(&links(borrowed(&persons()[..10])));
    pair.write("crm.csv", &crm(borrowed(&rows())));
    let done = pair.run().expect(81).says(&["withheld", "k_min"]);
    assert!(!done.stderr.contains("10 ") && !done.stdout.contains("matched 10"));
    assert!(!std::path::Path::new(&pair.path("result.csv")).exists());
}

#[test]
fn mistakes_with_files_are_named_before_the_provider_is_contacted() {
    let pair = Pair::introduced();
    pair.run().expect(66).says(&["crm.csv"]);

    pair.write("crm.csv", &crm(borrowed(&rows())).replacen("row_id", "ID", 1));
    pair.run().expect(65).says(&["row_id"]);

    pair.write("crm.csv", &crm([]));
    pair.run().expect(65).says(&["crm.csv"]);

    pair.write("crm.csv", &crm(borrowed(&rows())).replace("ads.match", "newsletter"));
    pair.run().expect(65).says(&["consent"]);

    let ragged = crm(borrowed(&rows())).replacen("R-r00005,", "", 1);
    pair.write("crm.csv", &ragged);
    pair.run().expect(65).says(&["line 7"]);

    pair.write("crm.csv", &crm(borrowed(&rows())).replace(',', ";"));
    pair.run().expect(65).says(&["delimiter"]);

    let quote = crm(borrowed(&rows())).replacen("Customer.9@", "\"Customer.9@", 1);
    pair.write("crm.csv", &quote);
    pair.run().expect(65).says(&["quote"]);

    pair.write("crm.csv", &crm(borrowed(&rows()[..500])));
    pair.run().expect(65).says(&["1,000"]);
    assert!(!std::path::Path::new(&pair.path("result.csv")).exists());
}

#[test]
fn mistakes_with_the_set_up_say_what_to_do() {
    let pair = Pair::introduced();
    pair.advertiser(&["init"]).expect(78).says(&["identity"]);
    let nowhere = pair.path("nowhere");
    run("advertiser-node", &["accept", "--dir", &nowhere, "x"]).expect(78).says(&["init"]);
    pair.advertiser(&["accept", &pair.path("absent.toml")]).expect(78).says(&["absent.toml"]);
    pair.provider(&["serve", "--listen", "127.0.0.1:0"]).expect(78).says(&["ingest"]);
    pair.provider(&["ingest", &pair.path("absent.csv")]).expect(66).says(&["absent.csv"]);
    let out = pair.path("i.toml");
    let invite = |identity: &str, name: &str| {
        let who = ["invite", name, "--identity", identity, "--rows", "1000", "--output", &out];
        let more = ["--legal-entity", "Enseigne A SAS", "--address", "h:1"];
        pair.provider(&[&who[..], &more].concat())
    };
    invite("vmid1short", "x").expect(2).says(&["the file, not the line"]);
    invite(&pair.path("p/identity.txt"), "x").expect(2).says(&["provider role"]);
    invite(&pair.path("a/identity.txt"), "Retailer A").expect(2).says(&["name"]);

    let other = Pair::introduced();
    other.advertiser(&["accept", &pair.path("invitation.toml")]).expect(78).says(&["another"]);

    pair.write("crm.csv", &crm(borrowed(&rows())));
    let key = pair.path("a/keys/attestation.key");
    std::process::Command::new("chmod").args(["644", &key]).status().unwrap();
    pair.run().expect(78).says(&["chmod 600"]);
}

#[test]
fn provider_that_is_absent_wrong_or_does_not_know_us_is_told_apart() {
    // Nobody listens.
    let absent = Pair::introduced();
    absent.write("crm.csv", &crm(borrowed(&rows())));
    absent.run().expect(75).says(&[&absent.address]);

    // Somebody else answers: the pin says so.
    let mut real = Pair::serving(&links(borrowed(&persons())));
    let invitation = absent.read("invitation.toml").replace(&absent.address, &real.address);
    absent.write("invitation.toml", &invitation);
    absent.advertiser(&["accept", &absent.path("invitation.toml"), "--yes"]).expect(0);
    absent.run().expect(83).says(&[]);

    // The provider does not know us: it removed the partner.
    real.write("crm.csv", &crm(borrowed(&rows())));
    std::fs::remove_dir_all(real.path("p/partners/retailer")).unwrap();
    real.stop();
    real.serve();
    real.run().expect(83).says(&[]);
    assert!(real.sessions("p").is_empty());
    let _ = free_address();
}

#[test]
fn connection_that_drops_ends_both_sides_and_the_next_run_works() {
    let mut pair = Pair::serving(&links(borrowed(&persons())));
    let rows = numbered(40_000, |i| format!("customer.{i}@exemple-{}.fr", i % 7));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let (input, output) = (pair.path("crm.csv"), pair.path("result.csv"));
    let dir = pair.path("a");
    let running = node_command("advertiser-node")
        .args(["run", "--dir", &dir, "--profile", "matched-rows", &input])
        .args(["--output", &output])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Kill the provider once elements are on their way.
    let started = std::time::Instant::now();
    while !pair.sessions("a").iter().any(|s| s.join("frames/BLIND").exists()) {
        assert!(started.elapsed().as_secs() < 120, "no session began");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    pair.kill();
    let output = running.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(75), "{stderr}");
    assert!(stderr.contains("whose move:"), "{stderr}");
    assert!(!std::path::Path::new(&pair.path("result.csv")).exists());

    pair.serve();
    pair.run().expect(0);
    assert_eq!(pair.stop(), Some(0));
}
