//! Signals: whoever is told to stop tells its peer, and leaves everything as the next run needs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Done, Pair, borrowed, crm, links, numbered, programs, run, tool};

/// A pair that serves, and a file of which half is known.
fn pair() -> Pair {
    let persons = numbered(600, |i| format!("customer.{i}@exemple.fr"));
    let pair = Pair::serving(&links(borrowed(&persons)));
    let rows = numbered(1_200, |i| format!("customer.{}@exemple.fr", i * 2));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    pair
}

/// Starts a program as a shell would in the foreground: no signal is ignored.
fn start(program: &str, args: &[&str], log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    tool("env")
        .arg("--default-signal=INT,HUP,TERM")
        .arg(programs().join(program))
        .args(args)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn start_run(pair: &Pair, more: &[&str]) -> Child {
    let (home, input, output) = (pair.path("a"), pair.path("crm.csv"), pair.path("result.csv"));
    let args = ["run", "--dir", &home, "--profile", "matched-rows", &input];
    let args = [&args[..], &["--output", &output], more].concat();
    start("advertiser-node", &args, Path::new(&pair.path("run.log")))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until something holds, and says what was missing if it never does.
#[track_caller]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The status with which a program ends, and how long that took.
fn ended(mut child: Child) -> (Option<i32>, Duration) {
    let started = Instant::now();
    wait_for("the program does not end", || child.try_wait().unwrap().is_some());
    (child.wait().unwrap().code(), started.elapsed())
}

/// A run whose session the provider has under way.
fn under_way(pair: &Pair) -> Child {
    // A question that was answered before is not asked again.
    pair.forget_results();
    let before = pair.sessions("p").len();
    let mut child = start_run(pair, &[]);
    wait_for("no session begins", || {
        assert!(child.try_wait().unwrap().is_none(), "{}", pair.read("run.log"));
        pair.sessions("p").len() > before
    });
    child
}

/// The log without what the libraries trace.
fn ours(log: &str) -> String {
    log.lines()
        .filter(|line| !line.contains("TRACE"))
        .fold(String::new(), |all, line| all + line + "\n")
}

fn unopened(pair: &Pair, node: &str) -> Vec<PathBuf> {
    let sessions = std::fs::read_dir(pair.path(&format!("{node}/sessions"))).unwrap();
    let paths = sessions.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().contains("unopened")).collect()
}

#[test]
fn run_that_is_interrupted_tells_the_provider_and_the_next_one_starts_at_once() {
    // D18
    let pair = pair();
    for (name, status) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let child = under_way(&pair);
        signal(&child, name);
        let (code, took) = ended(child);
        let said = pair.read("run.log");
        assert_eq!(code, Some(status), "{said}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(said.contains("error V0430") && said.contains("whose move:"), "{said}");
        assert!(!Path::new(&pair.path("result.csv")).exists());
        let shown = pair.advertiser(&["status"]).expect(0).stdout;
        assert!(shown.contains("interrupted"), "{shown}");

        // The provider was told: no time-out, and no "busy" for the next run.
        let next = pair.run_with(&["--progress", "json"]).expect(0);
        assert!(!next.stderr.contains("\"waiting\""), "{}", next.stderr);
        std::fs::remove_file(pair.path("result.csv")).unwrap();
    }
    let log = pair.log();
    let told = |line: &&str| line.contains("V0401") || line.contains("is stopping it");
    assert_eq!(log.lines().filter(told).count(), 3, "{}", ours(&log));
    for lost in ["V0424", "V030A", "error V01"] {
        assert!(!log.contains(lost), "{lost} in {}", ours(&log));
    }
}

#[test]
fn question_that_is_interrupted_ends_the_session_and_releases_nothing() {
    // D18
    let persons = numbered(1_300, |i| format!("customer.{i}@exemple.fr"));
    let mut pair = Pair::offering_all(&links(borrowed(&persons)));
    // Others besides: a list that matches whole is asked about before.
    let rows = numbered(2_000, |i| format!("customer.{i}@exemple.fr"));
    pair.write("crm.csv", &crm(borrowed(&rows)));
    pair.serve();
    let (input, output) = (pair.path("crm.csv"), pair.path("result.csv"));
    let args = ["run", "--profile", "digital-ids", &input, "--output", &output];
    // Ctrl-C at the question: the terminal makes a signal of it.
    let done = pair.advertiser_interrupted_at(&args, "[y/N]");
    assert_eq!(done.code, Some(130), "{}", done.stdout);
    assert!(done.stdout.contains("V0430"), "{}", done.stdout);
    assert!(!Path::new(&output).exists());
    wait_for("the provider does not hear of it", || pair.log().contains("V0401"));
    let shown = pair.provider(&["status"]).expect(0).stdout;
    assert!(shown.contains("V0401") && !shown.contains("running"), "{shown}");
}

#[test]
fn run_under_nohup_outlives_its_terminal() {
    // D18: a signal that was ignored when the program started stays ignored.
    let pair = pair();
    let (home, input, output) = (pair.path("a"), pair.path("crm.csv"), pair.path("result.csv"));
    let before = pair.sessions("p").len();
    let mut child = tool("env")
        .arg("--ignore-signal=HUP")
        .arg(programs().join("advertiser-node"))
        .args(["run", "--dir", &home, "--profile", "matched-rows", &input])
        .args(["--output", &output])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("no session begins", || pair.sessions("p").len() > before);
    signal(&child, "-HUP");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(Path::new(&output).exists());
}

#[test]
fn provider_lets_sessions_end_before_it_stops() {
    // D18
    let mut pair = pair();
    let child = under_way(&pair);
    assert!(Path::new(&pair.path("ready")).exists());
    pair.signal("-TERM");
    wait_for("it stays ready", || !Path::new(&pair.path("ready")).exists());
    // Nobody new is let in while the first session ends.
    assert_eq!(ended(child).0, Some(0), "{}", pair.read("run.log"));
    assert!(Path::new(&pair.path("result.csv")).exists());
    assert_eq!(pair.wait(), Some(0), "{}", ours(&pair.log()));
    assert!(pair.log().contains("to end: 1"), "{}", ours(&pair.log()));
    assert!(!Path::new(&pair.path("ready")).exists());
}

#[test]
fn provider_that_has_no_time_left_tells_the_advertiser_at_once() {
    // D18: the time of the settings is over, and a second signal.
    for (drain_s, signals) in [("0", 1), ("3600", 2)] {
        let mut pair = pair();
        pair.stop();
        let settings = pair.read("p/provider.toml");
        let changed = settings.replace("drain_s = 30", &format!("drain_s = {drain_s}"));
        assert_ne!(settings, changed);
        pair.write("p/provider.toml", &changed);
        pair.serve();
        let child = under_way(&pair);
        for _ in 0..signals {
            pair.signal("-TERM");
            wait_for("it goes on", || pair.log().contains("stopping"));
        }
        let (code, took) = ended(child);
        let said = pair.read("run.log");
        assert_eq!(code, Some(75), "{said}");
        assert!(said.contains("V0401") || said.contains("is stopping it"), "{said}");
        assert!(took < Duration::from_secs(8), "no time-out: {took:?}");
        assert_eq!(pair.wait(), Some(0), "{}", ours(&pair.log()));
        let shown = pair.provider(&["status"]).expect(0).stdout;
        assert!(shown.contains("interrupted"), "{shown}");
        // The next run needs nobody's help.
        pair.serve();
        pair.run().expect(0);
    }
}

#[test]
fn provider_reads_its_partners_again_when_told() {
    let mut pair = pair();
    pair.signal("-HUP");
    wait_for("nothing is read", || pair.log().contains("partners read again"));
    pair.run().expect(0);
    assert!(Path::new(&pair.path("ready")).exists());
    assert_eq!(pair.stop(), Some(0));
}

#[test]
fn ready_file_of_a_killed_service_is_not_believed() {
    let mut pair = pair();
    pair.kill();
    assert!(Path::new(&pair.path("ready")).exists(), "a killed service removes nothing");
    // A service that cannot start leaves no such file either.
    std::fs::rename(pair.path("p/graph"), pair.path("p/graph-away")).unwrap();
    let (home, ready) = (pair.path("p"), pair.path("ready"));
    let args = ["serve", "--dir", &home, "--listen", &pair.address, "--ready-file", &ready];
    run("provider-node", &args).expect(78);
    assert!(!Path::new(&ready).exists());
    // Nor is a file of somebody else's removed.
    std::fs::write(&ready, "not an address").unwrap();
    run("provider-node", &args).expect(73).says(&["no ready file"]);
    assert_eq!(pair.read("ready"), "not an address");
}

#[test]
fn run_that_could_not_connect_stands_in_status() {
    let mut pair = pair();
    pair.stop();
    pair.run().expect(75).says(&["V0422"]);
    let shown = pair.advertiser(&["status"]).expect(0).stdout;
    for part in ["unopened", "V0422", &pair.address, "matched-rows", "T"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    assert!(!shown.contains("running"), "{shown}");
    let json = pair.advertiser(&["status", "--json", "-"]).expect(0).stdout;
    assert!(json.contains("\"session\": null"), "{json}");
}

#[test]
fn session_of_a_killed_program_is_not_shown_as_running() {
    let pair = pair();
    let mut child = under_way(&pair);
    wait_for("no session is noted", || {
        pair.advertiser(&["status"]).expect(0).stdout.contains("running")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let shown = pair.advertiser(&["status"]).expect(0).stdout;
    assert!(shown.contains("interrupted") && !shown.contains("running"), "{shown}");
}

#[test]
fn come_back_later_leaves_nothing_behind() {
    let pair = pair();
    let child = under_way(&pair);
    // The same node in a copy of its directory: the provider is busy with it.
    let copied = Command::new("cp").args(["-a", &pair.path("a"), &pair.path("b")]).status();
    assert!(copied.unwrap().success());
    let (home, input, output) = (pair.path("b"), pair.path("crm.csv"), pair.path("second.csv"));
    let args = ["run", "--dir", &home, "--profile", "matched-rows", &input];
    let log = pair.path("second.log");
    let second = start(
        "advertiser-node",
        &[&args[..], &["--output", &output, "--progress", "json"]].concat(),
        Path::new(&log),
    );
    wait_for("it is not told to wait", || pair.read("second.log").contains("\"waiting\""));
    signal(&second, "-INT");
    assert_eq!(ended(second).0, Some(130), "{}", pair.read("second.log"));
    assert_eq!(ended(child).0, Some(0), "{}", pair.read("run.log"));
    wait_for("something is left", || {
        ["a", "b", "p"].iter().all(|node| unopened(&pair, node).is_empty())
    });
}

#[test]
fn disk_without_room_is_told_before_anything_is_charged() {
    // D10, D11
    let pair = pair();
    let small = |mib: u32| {
        let (home, input) = (pair.path("a"), pair.path("crm.csv"));
        let program = programs().join("advertiser-node").display().to_string();
        let script = format!(
            "mount -t tmpfs -o size={mib}m,mode=700 none {away} && cp -a {home}/. {away} && \
             {program} run --dir {away} --profile matched-rows {input} --output {out}; \
             code=$?; {program} status --dir {away}; exit $code",
            away = pair.path("away"),
            out = pair.path("result.csv"),
        );
        let output = tool("unshare").args(["-Urm", "sh", "-c", &script]).output().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    };
    std::fs::create_dir(pair.path("away")).unwrap();
    let possible = tool("unshare")
        .args(["-Urm", "sh", "-c", "mount -t tmpfs none /mnt"])
        .status()
        .is_ok_and(|status| status.success());
    if !possible {
        // The system lets nobody mount; the unit tests of the demand hold all the same.
        return;
    }
    let told = small(6).expect(74).says(&["V0432", "MiB free", "nothing was charged"]);
    assert!(told.stdout.contains("spent: 0 in 24 hours"), "{}", told.stdout);
    let shown = pair.provider(&["status"]).expect(0).stdout;
    assert!(shown.contains("spent: 0 of") && shown.contains("no session yet"), "{shown}");
    small(64).expect(0);
}
