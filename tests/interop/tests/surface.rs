//! Rules that hold for every command: names, places and forms of what is read and written.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{Done, Pair, borrowed, crm, links, node_command, numbered, run};

const ROWS: usize = 1_200;

fn address(i: usize) -> String {
    format!("customer.{i}@exemple.fr")
}

/// A provider that serves every profile to an advertiser with a file.
fn pair() -> Pair {
    let persons = (0..400).map(|i| (format!("p{i}"), address(i * 3))).collect::<Vec<_>>();
    let mut pair = Pair::offering_all(&links(borrowed(&persons)));
    pair.serve();
    pair.write("crm.csv", &crm(borrowed(&numbered(ROWS, address))));
    pair
}

fn entries(pair: &Pair) -> i64 {
    let connection = rusqlite::Connection::open(pair.path("a/ledger.sqlite")).unwrap();
    connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap()
}

fn object(pair: &Pair, name: &str) -> Value {
    serde_json::from_str(&pair.read(name)).unwrap()
}

/// The names that every object for machines begins with.
fn begins(text: &str, command: &str, exit: i32) {
    let head = ["schema", "version", "command", "exit", "outcome", "run_id", "session", "warnings"];
    let names = text.lines().filter_map(|line| line.strip_prefix("  \"")?.split('"').next());
    assert!(names.take(8).eq(head), "{text}");
    let object: Value = serde_json::from_str(text).unwrap();
    assert_eq!(object["schema"], format!("veilmatch.{command}/1"));
    assert_eq!((&object["command"], &object["exit"]), (&command.into(), &exit.into()));
    assert!(object["run_id"].as_str().is_some_and(|id| !id.is_empty()), "{text}");
}

#[test]
fn a_named_run_is_answered_from_the_store_without_network_and_charges_nothing() {
    let mut pair = pair();
    let (input, result, json) =
        (pair.path("crm.csv"), pair.path("result.csv"), pair.path("run.json"));
    let named = |more: &[&str]| {
        let args = ["run", &input, "-o", &result, "--json", &json, "--run-id", "nightly-1"];
        pair.advertiser(&[&args[..], &["--profile", "matched-rows"], more].concat())
    };
    named(&[]).expect(0);
    begins(&pair.read("run.json"), "run", 0);
    let (first, charged) = (object(&pair, "run.json"), entries(&pair));
    assert_eq!((&first["run_id"], &first["outcome"]), (&"nightly-1".into(), &"rows".into()));
    let rows = pair.read("result.csv");

    // Nobody serves any more, and the files of the same run make room.
    pair.stop();
    let named = |more: &[&str]| {
        let args = ["run", &input, "-o", &result, "--json", &json, "--run-id", "nightly-1"];
        pair.advertiser(&[&args[..], &["--profile", "matched-rows"], more].concat())
    };
    std::fs::remove_file(&result).unwrap();
    named(&[]).expect(0);
    named(&[]).expect(0);
    let again = object(&pair, "run.json");
    assert_eq!((&again["outcome"], &again["stored_outcome"]), (&"stored".into(), &"rows".into()));
    assert_eq!((&again["session"], &again["matched"]), (&first["session"], &first["matched"]));
    assert_eq!((pair.read("result.csv"), entries(&pair)), (rows.clone(), charged));

    // What somebody changed stays, as does a file of nobody's.
    pair.write("result.csv", "edited");
    named(&[]).expect(73).says(&["--overwrite"]);
    assert_eq!(pair.read("result.csv"), "edited");
    let shown = pair.advertiser(&["result", "nightly-1", "-o", "-"]).expect(0);
    assert_eq!(shown.stdout, rows);

    // Another input or profile under that name is refused before anything is sent.
    let other = crm(borrowed(&numbered(ROWS + 5, address)));
    pair.write("other.csv", &other);
    let (other, out) = (pair.path("other.csv"), pair.path("out.csv"));
    let args = ["run", &other, "--run-id", "nightly-1", "-o", &out];
    pair.advertiser(&[&args[..], &["--profile", "matched-rows"]].concat())
        .expect(65)
        .says(&["nightly-1 is known here, with another input"]);
    let args = ["run", &input, "--run-id", "nightly-1"];
    pair.advertiser(&args).expect(65).says(&["another profile"]);
    for bad in ["last", "a/b", ""] {
        pair.advertiser(&["run", &input, "--run-id", bad]).expect(2).says(&["--run-id"]);
    }

    // A name whose record is lost answers its own question from the store and no other, which has
    // to ask the provider.
    let record = pair.path("a/runs/nightly-1.run");
    let other_question = ["run", &other, "--run-id", "nightly-1", "-o", &out];
    std::fs::remove_file(&record).unwrap();
    let rows_of_it = ["--profile", "matched-rows", "--wait", "1s"];
    pair.advertiser(&[&other_question[..], &rows_of_it].concat()).expect(75);
    std::fs::remove_file(&record).unwrap();
    named(&["--overwrite"]).expect(0);
    assert_eq!((pair.read("result.csv"), entries(&pair)), (rows, charged));

    // A result that is gone is not paid for again under its name.
    std::fs::remove_dir_all(pair.path("a/results")).unwrap();
    named(&["--overwrite", "--wait", "1s"]).expect(78).says(&["nightly-1 is kept no more"]);
    assert_eq!(entries(&pair), charged);
}

#[test]
fn a_second_try_of_a_named_run_replaces_the_object_of_the_first() {
    let mut pair = pair();
    pair.stop();
    let (input, json) = (pair.path("crm.csv"), pair.path("run.json"));
    let args = ["run", &input, "--json", &json, "--run-id", "n.2", "--wait", "1s"];
    pair.advertiser(&args).expect(75).says(&["V0422"]);
    begins(&pair.read("run.json"), "run", 75);
    assert_eq!(object(&pair, "run.json")["error"]["code"], "V0422");
    pair.serve();
    let (input, json) = (pair.path("crm.csv"), pair.path("run.json"));
    pair.advertiser(&["run", &input, "--json", &json, "--run-id", "n.3"]).expect(73);
    pair.advertiser(&["run", &input, "--json", &json, "--run-id", "n.2"]).expect(0);
    assert_eq!(object(&pair, "run.json")["outcome"], "count");
    // A log in which every line says which run it is of.
    let args = ["run", &input, "--run-id", "n.4", "--log", "debug", "--log-json", "--quiet"];
    let done = pair.advertiser(&args).expect(0);
    assert_eq!(done.stdout, "");
    let lines = done.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(lines.map(|line| line["run_id"].clone()).all(|id| id == "n.4"), "{}", done.stderr);
}

#[test]
fn plan_ends_as_the_run_would_before_contact() {
    let pair = Pair::introduced();
    let mut rows = numbered(ROWS, address);
    rows.iter_mut().take(4).for_each(|row| row.1 = address(0));
    rows.extend((0..9).map(|i| (format!("s{i}"), "shop@exemple.fr".to_owned())));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    let (input, json) = (pair.path("crm.csv"), pair.path("plan.json"));
    let plan = |more: &[&str]| {
        let args = ["plan", &input, "--profile", "matched-rows", "--json", &json, "--overwrite"];
        pair.advertiser(&[&args[..], more].concat())
    };
    let refused = plan(&[]).expect(78).says(&["--allow shared-identifiers"]);
    assert!(refused.stdout.contains("profile: matched-rows"), "{}", refused.stdout);
    begins(&pair.read("plan.json"), "plan", 78);
    let told = object(&pair, "plan.json");
    assert_eq!((&told["refused"]["code"], &told["outcome"]), (&"V0402".into(), &"refused".into()));
    plan(&["--allow", "shared-identifiers"]).expect(0);
    assert_eq!(object(&pair, "plan.json")["refused"], Value::Null);
    pair.write("few.csv", &crm(borrowed(&numbered(9, address))));
    let few = pair.path("few.csv");
    pair.advertiser(&["plan", &few, "--profile", "matched-rows"]).expect(65);
    pair.advertiser(&["run", &few, "--profile", "matched-rows", "-o", "-"]).expect(65);
}

/// Runs a program without any variable of ours but these.
fn with(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command = node_command(program);
    for name in ["DIR", "LOG", "LOG_JSON", "PROGRESS", "PROVIDER", "MAP"] {
        command.env_remove(format!("VEILMATCH_{name}"));
    }
    let output = command.args(args).envs(variables.iter().copied()).output().unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn a_node_lies_where_option_variable_or_custom_say() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let data = at("data");
    let usual = [("XDG_DATA_HOME", data.as_str())];
    with("advertiser-node", &["init"], &usual).expect(0);
    assert!(dir.path().join("data/veilmatch/advertiser/advertiser.toml").exists());
    with("provider-node", &["init"], &usual).expect(0);
    with("advertiser-node", &["init"], &usual).expect(78);
    let named = at("named");
    let variable = [usual[0], ("VEILMATCH_DIR", named.as_str())];
    with("advertiser-node", &["status"], &variable).expect(78).says(&[&named]);
    with("advertiser-node", &["init"], &variable).expect(0);
    // The option goes before the variable, and an empty variable is none.
    let other = at("data/veilmatch/provider");
    for program in ["provider-node", "advertiser-node"] {
        let done = with(program, &["status", "--dir", &other], &variable);
        done.expect(if program == "provider-node" { 0 } else { 78 });
    }
    let refused = with("advertiser-node", &["init", "--dir", &other], &[]).expect(78);
    refused.says(&["the directory of a node of the other role"]);
    with("advertiser-node", &["status"], &[usual[0], ("VEILMATCH_DIR", "")]).expect(0);
    // A value in a variable is told by the variable.
    let wrong = with("advertiser-node", &["status"], &[usual[0], ("VEILMATCH_LOG", "loud")]);
    wrong.expect(2).says(&["VEILMATCH_LOG cannot be loud"]);
    let json = with("advertiser-node", &["status"], &[usual[0], ("VEILMATCH_LOG_JSON", "no")]);
    json.expect(0);
}

#[test]
fn files_that_are_written_have_the_mode_that_is_asked_for() {
    let pair = Pair::introduced();
    pair.write("crm.csv", &crm(borrowed(&numbered(ROWS, address))));
    let input = pair.path("crm.csv");
    for (mode, expected) in [(None, 0o600), (Some("640"), 0o640), (Some("0664"), 0o664)] {
        let (json, rejects) = (pair.path("c.json"), pair.path("r.csv"));
        let mut args = vec!["check", &input, "--json", &json, "--rejects", &rejects];
        args.push("--overwrite");
        args.extend(mode.into_iter().flat_map(|mode| ["--mode", mode]));
        pair.advertiser(&args).expect(0);
        begins(&pair.read("c.json"), "check", 0);
        for file in [&json, &rejects] {
            let mode = std::fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, expected, "{file}");
        }
    }
    let json = pair.path("new.json");
    for bad in [["--mode", "755"], ["--mode", "440"], ["--group", "no-such-group-here"]] {
        let args = ["check", &input, "--json", &json, bad[0], bad[1]];
        pair.advertiser(&args).expect(2).says(&[bad[0]]);
    }
    assert!(!Path::new(&json).exists());
    // A quiet command prints nothing, and still writes.
    let done = pair.advertiser(&["check", &input, "--json", &json, "--quiet"]).expect(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    assert!(Path::new(&json).exists());
}

#[test]
fn every_command_has_its_object_and_leaves_standard_output_to_it() {
    let pair = Pair::introduced();
    pair.write("links.csv", &links([("p", "p@exemple.fr")]));
    for (provider, args) in [
        (true, &["ingest", &pair.path("links.csv")][..]),
        (true, &["status"]),
        (true, &["check-config"]),
        (false, &["accept", &pair.path("invitation.toml"), "--name", "regie"]),
        (false, &["status"]),
        (false, &["check-config"]),
    ] {
        let args = [args, &["--json", "-"]].concat();
        let done = if provider { pair.provider(&args) } else { pair.advertiser(&args) }.expect(0);
        begins(&done.stdout, args[0], 0);
        assert!(!done.stderr.is_empty(), "{args:?}");
    }
    // An invitation that says something else is accepted on purpose.
    let other = pair.read("invitation.toml").replace(&pair.address, "h.example.net:1");
    pair.write("other.toml", &other);
    let accept = ["accept", &pair.path("other.toml"), "--name", "regie"];
    let asked = pair.advertiser(&accept).expect(2).says(&["--yes"]);
    assert!(asked.stdout.contains("h.example.net:1"), "{}", asked.stdout);
    assert!(pair.advertiser(&["status"]).expect(0).stdout.contains(&pair.address));
    pair.advertiser(&[&accept[..], &["--yes"]].concat()).expect(0);
    // The other name of the provider is gone with the invitation that it replaced.
    let names: Vec<_> = std::fs::read_dir(pair.path("a/providers")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let status = pair.advertiser(&["status"]).expect(0).stdout;
    assert!(status.contains("provider regie"), "{status}");
    let taken = pair.path("taken.json");
    pair.write("taken.json", "kept");
    let node = pair.path("new");
    run("provider-node", &["init", "--dir", &node, "--json", &taken]).expect(73);
    assert!(!Path::new(&node).exists(), "made without a place for its object");
}

#[test]
fn forms_of_earlier_versions_are_named() {
    for (args, words) in [
        (&["check", "--input", "crm.csv"][..], "check web=web.csv crm.csv"),
        (&["run", "crm.csv", "--accept-shared"], "--allow shared-identifiers"),
        (&["run", "crm.csv", "--out", "x.csv"], "--output FILE"),
        (&["status", "--json"], "--json"),
    ] {
        run("advertiser-node", args).expect(2).says(&[words]);
    }
    run("provider-node", &["object", "--file", "feed.csv"]).expect(2).says(&["crm.csv"]);
}
