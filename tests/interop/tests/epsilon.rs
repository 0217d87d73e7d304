//! Privacy loss: charged by both sides, shared by a group, and told with the time it renews.

use serde_json::Value;

use crate::support::{Done, Pair, borrowed, crm, links, numbered, run};

/// A count of the advertiser in `dir`, asked anew, with its summary.
fn counted(pair: &Pair, dir: &str) -> (Done, Value) {
    let (home, input, json) = (pair.path(dir), pair.path("crm.csv"), pair.path("summary.json"));
    let _ = std::fs::remove_dir_all(format!("{home}/results"));
    let args = ["run", "--dir", &home, "--profile", "match-rate", &input, "--json", &json];
    let done = run("advertiser-node", &[&args[..], &["--overwrite"]].concat());
    let told =
        std::fs::read_to_string(&json).ok().and_then(|text| serde_json::from_str(&text).ok());
    (done, told.unwrap_or_default())
}

/// Has the partner's runs cost a quarter, in an epoch that has room for two of them.
fn limit(pair: &Pair, name: &str) {
    let policy = format!("p/partners/{name}/partner.toml");
    let text = pair.read(&policy);
    let lines = text.lines().map(|line| match line.split_once(" = ").map(|(name, _)| name) {
        Some("epsilon_milli") => "epsilon_milli = 250\n".to_owned(),
        Some("epsilon_epoch_milli") => "epsilon_epoch_milli = 500\n".to_owned(),
        _ => format!("{line}\n"),
    });
    pair.write(&policy, &format!("group = \"retail\"\n{}", lines.collect::<String>()));
}

#[test]
fn epoch_of_a_group_ends_runs_on_both_sides_with_the_time_it_renews() {
    let mut pair = Pair::introduced();
    let persons = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    pair.write("links.csv", &links(borrowed(&persons)));
    let customers = numbered(1_200, |i| format!("customer.{i}@exemple.fr"));
    pair.write("crm.csv", &crm(borrowed(&customers)));
    run("advertiser-node", &["init", "--dir", &pair.path("b")]).expect(0);
    for (name, dir) in [("retailer", "a"), ("second", "b")] {
        let profile = ["--profile", "match-rate"];
        pair.invite(name, dir, &profile).expect(0);
        limit(&pair, name);
        // The invitation has the values of the policy as it is now.
        let (identity, output) =
            (pair.path(&format!("{dir}/identity.txt")), pair.path("invitation.toml"));
        let company = format!("Enseigne {name} SAS");
        let who = ["invite", name, "--identity", &identity, "--legal-entity", &company];
        let more = ["--rows", "50000", "--address", &pair.address, "--output", &output];
        let again = [&who[..], &more, &["--overwrite"], &profile].concat();
        let invited = pair.provider(&again).expect(0).stdout;
        assert!(invited.contains("(epsilon) of 0.250 a run, 0.500 in 30 days"), "{invited}");
        let (home, invitation) = (pair.path(dir), pair.path("invitation.toml"));
        run("advertiser-node", &["accept", "--dir", &home, &invitation, "--yes"]).expect(0);
    }
    pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
    pair.serve();
    counted(&pair, "a").0.expect(0);
    counted(&pair, "b").0.expect(0);
    // The second partner has spent a quarter by its own count, and the group all of it.
    let (refused, _) = counted(&pair, "b");
    refused.expect(82).says(&["V0313"]);
    let (refused, _) = counted(&pair, "a");
    refused.expect(82).says(&["V0313"]);
    let status = pair.provider(&["status"]).expect(0).stdout;
    assert_eq!(
        status.matches("(epsilon) in 30 days: 0.500 of 0.500; 0.000 ").count(),
        2,
        "{status}"
    );
    let own = run("advertiser-node", &["status", "--dir", &pair.path("a")]).expect(0).stdout;
    assert!(own.contains("privacy loss (epsilon) in 30 days: 0.250"), "{own}");
    // A stricter setting of the advertiser's is full by its own count, before anybody is asked.
    pair.stop();
    let settings = pair.read("a/advertiser.toml");
    let strict = settings.replace("[guardrails]\n", "[guardrails]\nepsilon_epoch_milli = 250\n");
    assert_ne!(strict, settings);
    pair.write("a/advertiser.toml", &strict);
    let (refused, told) = counted(&pair, "a");
    refused.expect(82).says(&["V0313", "0.250", "run again after "]);
    assert_eq!(told["error"]["code"], "V0313");
    assert!(told["error"]["renews_at"].is_string(), "{told}");
}
