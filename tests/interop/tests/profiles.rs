//! The four profiles from the advertiser's side: what is refused without a provider, what `plan`
//! says, and what a run releases.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Pair, borrowed, crm, links, numbered};

/// A provider with 600 of these customers, and an advertiser with 1,200 rows.
fn pair() -> Pair {
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    let pair = Pair::offering_all(&links(borrowed(&persons)));
    pair.write("crm.csv", &customers(0..1_200));
    pair
}

/// Rows of every second person from the first on; half of the first 600 are known.
fn customers(range: std::ops::Range<usize>) -> String {
    let rows: Vec<_> =
        range.map(|i| (format!("r{i:05}"), format!("customer.{}@exemple.fr", i * 2))).collect();
    crm(borrowed(&rows))
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_read() {
    let pair = pair();
    let (input, output) = (pair.path("crm.csv"), pair.path("out.csv"));
    let run = |args: &[&str]| pair.advertiser(&[&["run", &input][..], args].concat());
    run(&["--profile", "rate"]).expect(2).says(&["choose match-rate"]);
    run(&["--sample", "99999"]).expect(2).says(&["at least 100000"]);
    run(&["--profile", "matched-rows", "--sample", "100000", "--output", &output])
        .expect(2)
        .says(&["forecast"]);
    run(&["--profile", "matched-rows"]).expect(2).says(&["--output"]);
    run(&["--profile", "digital-ids", "--approve"]).expect(2).says(&["--output"]);
    // Standard input is no terminal here.
    run(&["--profile", "activation"]).expect(2).says(&["--approve or a terminal"]);
    run(&["--profile", "digital-ids", "--output", &output]).expect(2).says(&["--approve"]);
    run(&["--segment", "autumn"]).expect(2).says(&["--segment"]);
    let ids = ["--profile", "digital-ids", "--approve", "--output", &output];
    run(&[&ids[..], &["--segment", "=1+1"]].concat()).expect(2).says(&["plain"]);

    // Of the settings and the invitation.
    let settings = pair.read("a/advertiser.toml");
    for (line, code, words) in [
        ("k_min = 10", 78, "guardrails.k_min"),
        ("n_min = 5000", 65, "at least 5,000"),
        ("namespaces = [\"other.example\"]", 78, "alone"),
    ] {
        pair.write("a/advertiser.toml", &format!("{settings}\n{line}\n"));
        run(&ids).expect(code).says(&[words]);
    }
    pair.write("a/advertiser.toml", &settings);
    let shared = Pair::introduced();
    shared.write("crm.csv", "row_id\n");
    let input = shared.path("crm.csv");
    shared.advertiser(&["run", &input]).expect(77).says(&["V0302"]);
    shared.advertiser(&["plan", &input]).expect(77).says(&["V0302"]);
    assert!(!std::fs::exists(&output).unwrap());
}

#[test]
fn rows_wider_than_their_slots_lose_their_last_identifiers_and_say_so() {
    let pair = pair();
    pair.write("a/crm.map.toml", "map = 1\n[[input]]\ndigests = { email_sha256 = \"plain\" }\n");
    let settings = pair.read("a/advertiser.toml");
    pair.write("a/advertiser.toml", &format!("map = \"crm.map.toml\"\n{settings}"));

    // Three addresses of two forms each, two telephones, and a digest: nine.
    let mut text = "row_id,email,email_2,email_3,email_sha256,phone,phone_2,country,\
                    consent_purposes,consent_ref,consent_at,consent_notice\n"
        .to_owned();
    for i in 0..1_100 {
        let more = match i < 3 {
            true => format!(
                "jane.b{i}@gmail.com,jane.c{i}@gmail.com,{i:064x},06 12 34 5{i} 78,06 98 76 5{i} 32"
            ),
            false => ",,,,".to_owned(),
        };
        text += &format!("r{i},jane.a{i}@gmail.com,{more},FR,ads.match,R,2026-03-02,N\n");
    }
    pair.write("crm.csv", &text);
    let input = pair.path("crm.csv");
    // The provider takes rows of two.
    let done = pair.advertiser(&["check", &input]).expect(0);
    assert!(done.stdout.contains("identifier_beyond_width 21"), "{}", done.stdout);
    // Aligned order has no rows to fill.
    let aligned = ["check", &input, "--profile", "matched-rows"];
    let done = pair.advertiser(&aligned).expect(0);
    assert!(done.stdout.contains("identifier_beyond_width 3"), "{}", done.stdout);
    pair.advertiser(&["plan", &input, "--profile", "matched-rows"]).expect(0);
    let done = pair.advertiser(&["plan", &input]).expect(0);
    assert!(done.stdout.contains("2 slots each: 65,536 elements"), "{}", done.stdout);
}

#[test]
fn plan_tells_terms_shape_and_cost_without_a_provider() {
    let pair = pair();
    let settings = pair.read("a/advertiser.toml");
    pair.write("a/advertiser.toml", &format!("{settings}\nk_min = 250\nids_valid_days = 7\n"));
    let (input, json) = (pair.path("crm.csv"), pair.path("plan.json"));
    let args = ["plan", &input, "--profile", "digital-ids", "--json", &json];
    let done = pair.advertiser(&[&args[..], &["--log", "trace"]].concat()).expect(0);
    for part in [
        "the provider learns which of its records matched, not through which row",
        "purpose: ads.match",
        "notice: none agreed",
        "k_min 250 (your settings)",
        "n_min 1000 (default)",
        "ids_valid_days 7 (your settings)",
        "namespaces idfa, aaid, exemple-regie.fr (the provider)",
        "rows: 1,200 eligible, 1,200 asked for",
        "32,768 rows after padding",
        "31,568 canary rows: more than 0.010 %",
        "evaluations are charged; spent before: 0 in 24 hours",
        "of handles",
        "elements a second",
        "a manifest beside them",
        "needs --approve",
    ] {
        assert!(done.stdout.contains(part), "no {part:?} in:\n{}", done.stdout);
    }
    assert!(!done.stdout.contains('@') && !done.stderr.contains("customer."), "{}", done.stderr);
    let json = pair.read("plan.json");
    assert!(json.contains("\"refused\": null") && json.contains("\"from\": \"default\""), "{json}");

    let rows = pair.advertiser(&["plan", &input, "--profile", "matched-rows"]).expect(0);
    assert!(rows.stdout.contains("every answer is proved"), "{}", rows.stdout);
    assert!(!rows.stdout.contains("rate_cap"), "{}", rows.stdout);
    let args = ["plan", &input, "--sample", "100000"];
    pair.advertiser(&args).expect(0);
    pair.write("few.csv", &customers(0..900));
    pair.advertiser(&["plan", &pair.path("few.csv")]).expect(65).says(&["V0304"]);
}

#[test]
fn count_with_noise_says_so_and_an_equal_question_draws_nothing_anew() {
    let mut pair = pair();
    for settings in ["a/advertiser.toml", "p/partners/retailer/partner.toml"] {
        let text = pair.read(settings);
        pair.write(settings, &text.replace("epsilon_milli = 0\n", "epsilon_milli = 250\n"));
    }
    pair.serve();
    let (input, json) = (pair.path("crm.csv"), pair.path("s.json"));
    let run = || {
        let done = pair.advertiser(&["run", &input, "--json", &json, "--overwrite"]).expect(0);
        (done.stdout, serde_json::from_str::<serde_json::Value>(&pair.read("s.json")).unwrap())
    };
    let spent = || {
        let status = pair.advertiser(&["status", "--json", "-"]).expect(0).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status.pointer("/providers/0/epsilon_milli/spent_epoch").cloned()
    };
    let (told, first) = run();
    let noise = "the count carries noise: within 48 rows in 95 of 100 runs (epsilon 0.250, delta 1 \
                 in 1,000,000, for a person of up to 4 identifiers)";
    assert!(told.contains(noise), "{told}");
    assert_eq!(first["epsilon"]["epsilon"], 0.25);
    assert_eq!(first["epsilon"]["noise_unit"], 4);
    // 300 of 1,200: within the clamp, and the step to which counts are rounded.
    let clamp = first["epsilon"]["clamp_rows"].as_u64().unwrap();
    let matched = first["matched"].as_u64().unwrap();
    assert!(clamp == 244 && matched.abs_diff(300) <= clamp + 50, "{matched}");
    assert_eq!(first["interval"]["confidence"], 95);
    assert_eq!(spent(), Some(250.into()));
    let (told, second) = run();
    assert!(told.contains(noise), "{told}");
    assert_eq!(second["matched"], first["matched"]);
    assert_eq!(spent(), Some(250.into()), "an equal question costs nothing");
}

#[test]
fn counts_and_digital_ids_are_released_as_the_terms_say() {
    let mut pair = pair();
    pair.serve();
    let (input, output, json) = (pair.path("crm.csv"), pair.path("out.csv"), pair.path("s.json"));
    let run = |profile: &str, more: &[&str]| {
        let args = ["run", &input, "--profile", profile, "--json", &json];
        pair.advertiser(&[&args[..], &["--overwrite"], more].concat())
    };
    // 300 of 1,200.
    let done = run("match-rate", &[]).expect(0);
    for part in ["matched about 300 of 1,200 eligible rows (25 %)", "file match rate: about 25 %"] {
        assert!(done.stdout.contains(part), "no {part:?} in:\n{}", done.stdout);
    }
    let summary = pair.read("s.json");
    for part in ["\"outcome\": \"count\"", "\"matched\": 300", "\"percent\": 25"] {
        assert!(summary.contains(part), "no {part:?} in:\n{summary}");
    }

    let ids = ["--approve", "--segment", "autumn", "--output", &output];
    let done = run("digital-ids", &ids).expect(0);
    // All but those who wait for the next release, whose number is drawn: 0 to 110.
    let summary: serde_json::Value = serde_json::from_str(&pair.read("s.json")).unwrap();
    let delivered = summary["digital_ids"].as_u64().unwrap();
    assert!((190..=300).contains(&delivered), "{delivered}");
    assert!(done.stdout.contains(&format!("digital IDs: {delivered}\n")), "{}", done.stdout);
    let file = pair.read("out.csv");
    assert_eq!(file.lines().count() as u64, delivered + 1);
    assert!(file.contains(",1,add,autumn,cookie,exemple-regie.fr,cookie-of-"), "{file}");
    // Nothing beside the ID unless the terms agree on attributes.
    assert!(!file.contains("customer.") && !file.contains("tablet"), "{file}");
    assert!(file.lines().skip(1).all(|line| line.ends_with(",,")), "{file}");
    let manifest = pair.read("out.csv.manifest.json");
    let rows = format!("\"rows\": {delivered}");
    assert!(manifest.contains(&rows) && manifest.contains("sha256"), "{manifest}");
    let mode = std::fs::metadata(&output).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = pair.advertiser(&["status"]).expect(0);
    let told = format!("matched about 300 of 1,200 eligible rows (25 %), {delivered} digital IDs");
    for part in [&*told, "match-rate"] {
        assert!(status.stdout.contains(part), "no {part:?} in:\n{}", status.stdout);
    }

    let done = run("activation", &["--approve"]).expect(0);
    assert!(done.stdout.contains("the provider activates"), "{}", done.stdout);
    assert!(pair.read("s.json").contains("\"outcome\": \"handles\""));

    // One row more is a list like any other: a refusal would be an answer.
    pair.write("crm.csv", &customers(0..1_201));
    pair.advertiser(&["plan", &input]).expect(0);
    run("match-rate", &[]).expect(0);
    run("matched-rows", &["--output", &output]).expect(0);

    // Too few matches: the same words whatever the count, and no file.
    std::fs::remove_file(&output).unwrap();
    pair.write("crm.csv", &customers(280..3_000));
    let done = run("digital-ids", &ids).expect(81).says(&["V0308", "k_min"]);
    assert!(!done.stderr.contains(" 20 ") && done.stdout.is_empty(), "{}", done.stdout);
    assert!(!std::fs::exists(&output).unwrap());
    let summary = pair.read("s.json");
    assert!(summary.contains("\"outcome\": \"withheld\""), "{summary}");
    assert!(summary.contains("\"matched\": null"), "{summary}");
}
