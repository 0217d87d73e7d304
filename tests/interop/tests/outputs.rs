//! Outputs destroy nothing, and what was paid for is never lost: through the released programs.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Done, Pair, borrowed, crm, links, node_command, numbered, run};

const ROWS: usize = 1_200;

/// 1,200 rows, of which every third is known.
fn rows() -> String {
    crm(borrowed(&numbered(ROWS, |i| format!("customer.{i}@exemple.fr"))))
}

fn graph() -> String {
    let persons: Vec<(String, String)> =
        (0..400).map(|i| (format!("p{i}"), format!("customer.{}@exemple.fr", i * 3))).collect();
    links(borrowed(&persons))
}

fn expected() -> String {
    let rows = (0..ROWS).step_by(3).map(|i| format!("r{i:05},email.strict\n"));
    std::iter::once("row_id,kinds\n".to_owned()).chain(rows).collect()
}

/// A provider that serves every profile, and the file of the advertiser.
fn serving() -> Pair {
    let mut pair = Pair::offering_all(&graph());
    pair.serve();
    pair.write("crm.csv", &rows());
    pair
}

/// A `run` of `matched-rows` with these further arguments.
fn matched(pair: &Pair, more: &[&str]) -> Done {
    let input = pair.path("crm.csv");
    let args = ["run", "--profile", "matched-rows", &input];
    pair.advertiser(&[&args[..], more].concat())
}

/// Entries of the advertiser's chain: a reserve and its settle are one charge.
fn entries(pair: &Pair, node: &str) -> i64 {
    let ledger = pair.path(&format!("{node}/ledger.sqlite"));
    let connection = rusqlite::Connection::open(ledger).unwrap();
    connection.query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).unwrap()
}

fn start(pair: &Pair, args: &[&str]) -> Child {
    let (command, rest) = args.split_first().unwrap();
    node_command("advertiser-node")
        .args([command, "--dir", &pair.path("a")])
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(120), "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn fifo(path: &str) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Whole files of results that the advertiser keeps.
fn results(pair: &Pair) -> Vec<PathBuf> {
    let dirs = |at: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(at).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let kept = dirs(Path::new(&pair.path("a/results"))).into_iter().flat_map(|party| dirs(&party));
    kept.filter(|path| !path.to_string_lossy().ends_with(".partial")).collect::<Vec<_>>()
}

#[test]
fn outputs_over_inputs_node_files_and_existing_files_are_refused_before_anything_is_sent() {
    // Nobody serves: what is refused is refused before a connection is tried.
    let pair = Pair::offering_all(&graph());
    pair.write("crm.csv", &rows());
    let input = pair.path("crm.csv");
    std::fs::hard_link(&input, pair.path("alias.csv")).unwrap();
    std::os::unix::fs::symlink(&input, pair.path("link.csv")).unwrap();
    std::os::unix::fs::symlink(pair.path("nowhere.csv"), pair.path("dangling.csv")).unwrap();
    pair.write("old.csv", "somebody's");
    let key = std::fs::read(pair.path("a/keys/storage.key")).unwrap();
    for (name, overwrite, words) in [
        ("crm.csv", true, "it is an input"),
        ("alias.csv", true, "it is an input"),
        ("link.csv", true, "it is an input"),
        ("a/keys/storage.key", true, "it lies in the node"),
        ("a/new.csv", true, "it lies in the node"),
        ("p/keys/storage.key", true, "it lies in the node"),
        ("p/graph/../../p/new.csv", true, "it lies in the node"),
        ("old.csv", false, "--overwrite"),
        ("dangling.csv", true, "a link to nothing"),
        ("absent/new.csv", true, "cannot write to"),
        ("a", true, "it is a directory"),
    ] {
        let path = pair.path(name);
        let more = if overwrite { &["--overwrite"][..] } else { &[] };
        matched(&pair, &[&["--output", &path], more].concat()).expect(73).says(&[words]);
        let summary = pair.path("new.csv");
        let args = ["--output", &summary, "--json", &path];
        matched(&pair, &[&args[..], more].concat()).expect(73).says(&[words]);
        for command in ["check", "plan"] {
            let args = [command, &input, "--json", &path];
            pair.advertiser(&[&args[..], more].concat()).expect(73).says(&[words]);
        }
        let args = ["check", &input, "--rejects", &path];
        pair.advertiser(&[&args[..], more].concat()).expect(73).says(&[words]);
        let identity = pair.path("a/identity.txt");
        if !words.contains("input") {
            let args = ["invite", "new", "--identity", &identity, "--rows", "50000"];
            let entity = ["--legal-entity", "Enseigne A SAS", "--address", "h:1"];
            let args = [&args[..], &entity, &["--output", &path], more].concat();
            pair.provider(&args).expect(73).says(&[words]);
            assert!(!Path::new(&pair.path("p/partners/new")).exists(), "a tenant without a place");
        }
    }
    assert_eq!(pair.read("crm.csv"), rows());
    assert_eq!(pair.read("old.csv"), "somebody's");
    assert_eq!(std::fs::read(pair.path("a/keys/storage.key")).unwrap(), key);
    assert!(!Path::new(&pair.path("new.csv")).exists());

    // The input on standard input is an input too, and two claims on one place make no sense.
    let file = std::fs::File::open(&input).unwrap();
    let args = ["--dir", &pair.path("a"), "--profile", "matched-rows", "-"];
    let done = node_command("advertiser-node")
        .arg("run")
        .args(args)
        .args(["--output", &input, "--overwrite"])
        .stdin(file)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(73), "{}", String::from_utf8_lossy(&done.stderr));
    matched(&pair, &["--output", "-", "--json", "-"]).expect(2).says(&["standard output"]);
    let new = pair.path("new.csv");
    matched(&pair, &["--output", &new, "--json", &new]).expect(2).says(&["two outputs"]);

    // What a provider's commands write has no other rules.
    pair.write("feed.csv", "type,value,scope,recorded_at\nfax,1,all,\n");
    let feed = pair.path("feed.csv");
    for (name, words) in [
        ("feed.csv", "it is an input"),
        ("old.csv", "--overwrite"),
        ("p/left.csv", "it lies in the node"),
        ("a/left.csv", "it lies in the node"),
    ] {
        let path = pair.path(name);
        let done = pair.provider(&["object", &feed, "--rejects", &path]).expect(73);
        done.says(&[words, "nothing was carried out"]);
        if name != "feed.csv" {
            pair.provider(&["ledger", "export", "-o", &path]).expect(73).says(&[words]);
        }
    }
    let done = pair.provider(&["object", &feed, "--rejects", "-"]).expect(80);
    assert!(
        done.stdout.starts_with("type,value,scope,recorded_at,line,reason\nfax,1,"),
        "{done:?}"
    );
    assert_eq!(done.stdout.lines().count(), 2);

    // What is only shown is a result too.
    for (program, node, command) in [
        ("advertiser-node", "a", &["status"][..]),
        ("advertiser-node", "a", &["check", &input]),
        ("advertiser-node", "a", &["plan", &input]),
        ("provider-node", "p", &["status", "--json", "-"]),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let done = node_command(program)
            .args(command)
            .args(["--dir", &pair.path(node)])
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(73), "{command:?}: {done:?}");
    }

    // The ready file replaces one of its kind, and nothing else.
    let ready = ["serve", "--listen", "127.0.0.1:0", "--ready-file", &input];
    pair.provider(&ready).expect(73).says(&["no ready file"]);
    assert_eq!(pair.read("crm.csv"), rows());
}

#[test]
fn streams_are_written_through_and_text_for_people_makes_room() {
    let pair = serving();
    let (input, pipe) = (pair.path("crm.csv"), pair.path("pipe"));
    let fresh = || pair.forget_results();
    let done = matched(&pair, &["--output", "-"]).expect(0);
    assert_eq!(done.stdout, expected());
    assert!(done.stderr.contains("matched 400 of 1,200"), "{}", done.stderr);
    fresh();
    let done = matched(&pair, &["--output", "/dev/stdout"]).expect(0);
    assert_eq!(done.stdout, expected());

    // A pipe is filled and stays a pipe.
    fresh();
    fifo(&pipe);
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    matched(&pair, &["--output", &pipe]).expect(0);
    assert_eq!(reader.join().unwrap(), expected());
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());

    // A summary alone on standard output is one JSON object, and nothing around it.
    let plan = pair.advertiser(&["plan", &input, "--json", "-"]).expect(0);
    assert!(plan.stdout.starts_with("{\n") && plan.stdout.ends_with("}\n"), "{}", plan.stdout);
    assert!(plan.stderr.contains("profile: match-rate"), "{}", plan.stderr);

    // Digital IDs through a pipe have no manifest beside it.
    let args = ["run", "--profile", "digital-ids", "--approve", &input, "--output", "-"];
    let done = pair.advertiser(&args).expect(0);
    assert_some_wait(&done.stdout);
    assert!(!Path::new("-.manifest.json").exists());

    // The null device takes everything and stays what it is.
    fresh();
    matched(&pair, &["--output", "/dev/null", "--json", "/dev/null"]).expect(0);
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());

    // A ledger that is given away is an output too.
    for (bad, words) in [(&input, "it exists"), (&pair.path("a/new.ledger"), "it lies in the node")]
    {
        pair.advertiser(&["ledger", "export", "-o", bad]).expect(73).says(&[words]);
    }
    assert_eq!(pair.read("crm.csv"), rows());

    // The auditor keeps the same rules.
    let session = pair.sessions("a")[0].display().to_string();
    let verify = |json: &str| run("auditor", &["verify", &session, "--json", json]);
    let done = verify("-").expect(0);
    assert!(done.stdout.starts_with('{') && done.stderr.contains("verdict: accepted"));
    for bad in [&format!("{session}/RUN.transcript"), &input, &pair.path("a/verdict.json")] {
        verify(bad).expect(73).says(&["is not written"]);
    }
}

#[test]
fn a_full_output_loses_no_result_and_is_charged_once() {
    let pair = serving();
    let full = matched(&pair, &["--output", "/dev/full"]).expect(73);
    let full =
        full.says(&["V0403", "No space left", "paid for and kept", "advertiser-node result"]);
    // The message names the very command.
    let line = full.stderr.lines().find(|line| line.contains("try: `")).unwrap();
    let command = line.split('`').nth(1).unwrap();
    let output = pair.path("result.csv");
    let words: Vec<&str> =
        command.split(' ').map(|w| if w == "FILE" { &output } else { w }).collect();
    run(words[0], &words[1..]).expect(0);
    assert_eq!(pair.read("result.csv"), expected());
    assert_eq!((entries(&pair, "a"), entries(&pair, "p")), (2, 2));

    // A directory that becomes unwritable between the check and the end, by going away.
    pair.forget_results();
    std::fs::create_dir(pair.path("out")).unwrap();
    let (input, gone) = (pair.path("crm.csv"), pair.path("out/result.csv"));
    let args = ["run", "--profile", "matched-rows", &input, "--output", &gone];
    let child = start(&pair, &args);
    wait_until("a session", || pair.sessions("a").len() == 2);
    std::fs::remove_dir_all(pair.path("out")).unwrap();
    let done = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(73), "{stderr}");
    assert!(stderr.contains("advertiser-node result"), "{stderr}");
    pair.advertiser(&["result", "last", "-o", &pair.path("again.csv")]).expect(0);
    assert_eq!(pair.read("again.csv"), expected());
    assert_eq!(entries(&pair, "a"), 4);
}

#[test]
fn a_kill_between_the_seal_and_the_file_loses_nothing() {
    let mut pair = serving();
    let (input, pipe) = (pair.path("crm.csv"), pair.path("pipe"));
    // Nobody reads the pipe: the run is sealed and signed, and waits to write.
    fifo(&pipe);
    let args = ["run", "--profile", "digital-ids", "--approve", "--segment", "autumn"];
    let args = [&args[..], &[&input]].concat();
    let mut child = start(&pair, &[&args[..], &["--output", &pipe]].concat());
    wait_until("a result with its receipt", || {
        results(&pair).iter().any(|result| result.join("receipt").exists())
    });
    child.kill().unwrap();
    child.wait().unwrap();

    // Without the provider, to the byte what a run writes, any number of times.
    pair.stop();
    let (first, second) = (pair.path("first/ids.csv"), pair.path("second/ids.csv"));
    for dir in ["first", "second"] {
        std::fs::create_dir(pair.path(dir)).unwrap();
    }
    let sid = pair.sessions("a")[0].file_name().unwrap().to_string_lossy().into_owned();
    pair.advertiser(&["result", &sid[..8], "-o", &first]).expect(0);
    pair.advertiser(&["result", &format!("{}/", pair.sessions("a")[0].display()), "-o", &second])
        .expect(0);
    let ids = pair.read("first/ids.csv");
    assert_some_wait(&ids);
    assert!(ids.contains(",add,autumn,cookie,exemple-regie.fr,cookie-of-p"), "{ids}");
    assert_eq!(ids, pair.read("second/ids.csv"));
    let manifest = pair.read("first/ids.csv.manifest.json");
    assert_eq!(manifest, pair.read("second/ids.csv.manifest.json"));
    for file in ["first/ids.csv", "first/ids.csv.manifest.json"] {
        let mode = std::fs::metadata(pair.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    pair.advertiser(&["result", "last", "-o", &first]).expect(73).says(&["--overwrite"]);
    pair.advertiser(&["result", "ffffffff", "-o", &first]).expect(78).says(&["no result"]);
    pair.advertiser(&["result", "last"]).expect(2).says(&["--output"]);
    assert_eq!((entries(&pair, "a"), entries(&pair, "p")), (2, 2));

    // The same question again is answered from there: one charge, one result, the same file.
    pair.serve();
    let json = pair.path("summary.json");
    let third = pair.path("ids.csv");
    let done =
        pair.advertiser(&[&args[..], &["--output", &third, "--json", &json]].concat()).expect(0);
    assert!(done.stdout.contains("nothing is charged"), "{}", done.stdout);
    assert_eq!(pair.read("ids.csv"), ids);
    let summary = pair.read("summary.json");
    for part in ["\"outcome\": \"stored\"", "\"stored_outcome\": \"digital-ids\"", &sid] {
        assert!(summary.contains(part), "no {part:?} in:\n{summary}");
    }
    assert_eq!((entries(&pair, "a"), entries(&pair, "p")), (2, 2));
    // To the provider it is an opening, and no failure.
    wait_until("the provider's log", || pair.log().contains("nothing to ask"));
    assert!(!pair.log().contains("V0314"), "{}", pair.log());

    // Nothing that is sealed shows a digital ID.
    for result in results(&pair) {
        for file in std::fs::read_dir(result).unwrap().flatten() {
            let bytes = std::fs::read(file.path()).unwrap();
            assert!(!bytes.windows(10).any(|window| window == b"cookie-of-"));
        }
    }

    // A question that differs in its terms is another one.
    let settings = pair.read("a/advertiser.toml");
    pair.write("a/advertiser.toml", &format!("{settings}\nk_min = 250\n"));
    pair.advertiser(&[&args[..], &["--output", &third, "--overwrite"]].concat()).expect(0);
    assert_eq!(entries(&pair, "a"), 4);
}

#[test]
fn a_kill_as_soon_as_the_result_is_sealed_costs_nothing_further() {
    let mut pair = serving();
    let (input, output) = (pair.path("crm.csv"), pair.path("result.csv"));
    let args = ["run", "--profile", "matched-rows", &input, "--output", &output];
    for round in 1..=3 {
        // Sealed, and the receipt not sent, or sent and not answered, or answered.
        pair.forget_results();
        let mut child = start(&pair, &args);
        wait_until("a sealed result", || !results(&pair).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        let _ = std::fs::remove_file(&output);
        let reserves = reserves(&pair);
        assert_eq!(reserves, round);
        // Without anybody's help, one charge for one result.
        pair.advertiser(&args).expect(0);
        assert_eq!(pair.read("result.csv"), expected());
        assert_eq!(self::reserves(&pair), round);
        std::fs::remove_file(&output).unwrap();
    }
    pair.stop();
    pair.advertiser(&["result", "last", "--output", &output]).expect(0);
    assert_eq!(pair.read("result.csv"), expected());
}

/// Charges in the provider's chain.
fn reserves(pair: &Pair) -> i64 {
    let connection = rusqlite::Connection::open(pair.path("p/ledger.sqlite")).unwrap();
    let reserves = "SELECT count(*) FROM entries WHERE kind = 1";
    connection.query_row(reserves, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_killed_writer_leaves_no_digital_id_in_clear_once_the_node_runs_again() {
    let mut pair = serving();
    let input = pair.path("crm.csv");
    std::fs::create_dir(pair.path("out")).unwrap();
    let output = pair.path("out/ids.csv");
    let args = ["run", "--profile", "digital-ids", "--approve", &input];
    pair.advertiser(&[&args[..], &["--output", &output]].concat()).expect(0);
    let whole = pair.read("out/ids.csv");

    // As a kill in the middle of writing leaves them: a partial file, and the note of it.
    let partial = pair.path("out/.ids.csv.0123456789abcdef.partial");
    std::fs::write(&partial, &whole[..whole.len() / 2]).unwrap();
    let strange = pair.path("out/.other.csv.0123456789abcdef.partial");
    std::fs::write(&strange, "somebody else's").unwrap();
    let note = [partial.as_bytes(), output.as_bytes(), b""].join(&0);
    std::fs::create_dir_all(pair.path("a/outputs")).unwrap();
    let noted = pair.path("a/outputs/0123456789abcdef");
    std::fs::write(&noted, note).unwrap();
    // A note that names anything but a partial file of ours removes nothing.
    let lying = [input.as_bytes(), output.as_bytes(), b""].join(&0);
    std::fs::write(pair.path("a/outputs/fedcba9876543210"), lying).unwrap();
    pair.advertiser(&["result", "last", "-o", &pair.path("again.csv")]).expect(0);
    assert!(!Path::new(&partial).exists() && !Path::new(&noted).exists());
    assert!(Path::new(&strange).exists() && Path::new(&input).exists());
    assert_eq!(pair.read("again.csv"), whole);

    // A kill after the file got its name: it is that command's own, and is written again.
    pair.stop();
    pair.forget_results();
    pair.serve();
    std::fs::create_dir(pair.path("next")).unwrap();
    let next = pair.path("next/ids.csv");
    fifo(&pair.path("pipe"));
    let piped = ["--output", &next, "--json", &pair.path("pipe")];
    let mut child = start(&pair, &[&args[..], &piped].concat());
    wait_until("the manifest", || Path::new(&format!("{next}.manifest.json")).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    pair.write("summary.json", "somebody's");
    let summary = ["--json", &pair.path("summary.json")];
    let again = [&args[..], &["--output", &next]].concat();
    pair.advertiser(&[&again[..], &summary].concat()).expect(73).says(&["summary.json"]);
    pair.advertiser(&again).expect(0);
    // Whose command ended; from now on it is a file like any other.
    pair.advertiser(&again).expect(73).says(&["--overwrite"]);
    assert_some_wait(&pair.read("next/ids.csv"));
    let mut text = String::new();
    for name in ["out", "next"] {
        for entry in std::fs::read_dir(pair.path(name)).unwrap().flatten() {
            if entry.path() != Path::new(&strange) {
                text += &entry.file_name().to_string_lossy();
            }
        }
    }
    assert!(!text.contains("partial") && !text.contains("probe"), "{text}");
}

/// The file has a line of names and the digital IDs of 400 persons who are new, apart from the 110
/// at most who wait for the next batch.
fn assert_some_wait(file: &str) {
    let lines = file.lines().count();
    assert!((291..=401).contains(&lines), "{lines} lines");
}
