//! Runs the programs as a user would.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Directory of the debug programs, built once.
pub(crate) fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "-p", "veilmatch-advertiser-node"])
            .args(["-p", "veilmatch-provider-node", "-p", "veilmatch-auditor"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the programs do not build");
        // The test itself lies in <target>/debug/deps.
        let test = std::env::current_exe().expect("the test has a path");
        test.parent().and_then(Path::parent).expect("in a target directory").to_path_buf()
    })
}

/// A program of ours, which speaks English whatever the machine speaks.
pub(crate) fn node_command(program: &str) -> Command {
    let mut command = Command::new(programs().join(program));
    command.env("VEILMATCH_LANG", "en");
    command
}

/// A tool of the system that runs our programs, which then speak English.
pub(crate) fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("VEILMATCH_LANG", "en");
    command
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Done {
    let output =
        node_command(program).args(args).stdin(Stdio::null()).output().expect("the program starts");
    Done::of(output)
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Panics with what the program said unless it ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Panics unless the error has its three lines and mentions each of `words`.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for part in ["error V", "whose move:", "try:"].iter().chain(words) {
            assert!(self.stderr.contains(part), "no {part:?} in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }
}

/// A provider and an advertiser that know each other, in one temporary directory.
pub(crate) struct Pair {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) address: String,
    serving: Option<Child>,
}

impl Pair {
    /// Makes both nodes, invites for `matched-rows` alone and accepts.
    pub(crate) fn introduced() -> Self {
        let pair =
            Self { dir: tempfile::tempdir().unwrap(), address: free_address(), serving: None };
        pair.provider(&["init"]).expect(0);
        pair.advertiser(&["init"]).expect(0);
        pair.agree_to_exact_counts();
        pair.invite("retailer", "a", &["--profile", "matched-rows"]).expect(0);
        pair.advertiser(&["accept", &pair.path("invitation.toml")]).expect(0);
        pair
    }

    /// Both nodes with every profile allowed; this graph is ingested first, so that its namespaces
    /// are offered.
    pub(crate) fn offering_all(links: &str) -> Self {
        let pair =
            Self { dir: tempfile::tempdir().unwrap(), address: free_address(), serving: None };
        pair.provider(&["init"]).expect(0);
        pair.advertiser(&["init"]).expect(0);
        pair.agree_to_exact_counts();
        pair.write("links.csv", links);
        pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
        let mut more = vec!["--allow", "wide-budget"];
        for profile in ["match-rate", "matched-rows", "digital-ids", "activation"] {
            more.extend(["--profile", profile]);
        }
        pair.invite("retailer", "a", &more).expect(0);
        pair.advertiser(&["accept", &pair.path("invitation.toml")]).expect(0);
        pair
    }

    /// The advertiser's half of counts without noise; [`Pair::invite`] has the provider's.
    fn agree_to_exact_counts(&self) {
        let settings = self.read("a/advertiser.toml");
        self.write("a/advertiser.toml", &format!("{settings}\nepsilon_milli = 0\n"));
    }

    /// Invites the advertiser in a directory, which declares 50,000 rows, with these options; the
    /// invitation is `invitation.toml`.
    pub(crate) fn invite(&self, name: &str, dir: &str, more: &[&str]) -> Done {
        let identity = self.path(&format!("{dir}/identity.txt"));
        let invitation = self.path("invitation.toml");
        let who = ["invite", name, "--identity", &identity, "--rows", "50000"];
        // Each a company of its own: partners of one company share what they may spend.
        let company = format!("Enseigne {name} SAS");
        let entity = ["--legal-entity", &company, "--address", &self.address];
        let args = [&who[..], &entity, &["--overwrite", "--output", &invitation], more].concat();
        let policy = format!("p/partners/{name}/partner.toml");
        let again = Path::new(&self.path(&policy)).exists();
        let invited = self.provider(&args);
        if invited.code != Some(0) || again {
            return invited;
        }
        // Counts without noise, which both sides agree to, and one class of tags in a table.
        let text = self.read(&policy);
        let set = |text: String| {
            text.replace("epsilon_milli = 250\n", "epsilon_milli = 0\n")
                .replace("row_width_max = 8\n", "row_width_max = 2\n")
        };
        self.write(&policy, &set(text));
        self.write("invitation.toml", &set(self.read("invitation.toml")));
        invited
    }

    /// As [`Pair::introduced`], with this graph ingested and the provider serving.
    pub(crate) fn serving(links: &str) -> Self {
        let mut pair = Self::introduced();
        pair.write("links.csv", links);
        pair.provider(&["ingest", &pair.path("links.csv")]).expect(0);
        pair.serve();
        pair
    }

    pub(crate) fn serve(&mut self) {
        let ready = self.path("ready");
        let _ = std::fs::remove_file(&ready);
        let log = std::fs::File::create(self.path("serve.log")).unwrap();
        // As a shell starts it in the foreground: no signal is ignored.
        let child = tool("env")
            .arg("--default-signal=INT,HUP,TERM")
            .arg(programs().join("provider-node"))
            .args(["serve", "--dir", &self.path("p"), "--listen", &self.address])
            .args(["--ready-file", &ready, "--log", "trace"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the provider starts");
        self.serving = Some(child);
        let started = Instant::now();
        while !Path::new(&ready).exists() {
            assert!(started.elapsed() < Duration::from_secs(120), "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the provider with SIGTERM and gives its exit status.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let mut child = self.serving.take()?;
        let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        child.wait().ok()?.code()
    }

    /// Sends a signal to the provider, such as `-HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.serving.as_ref().expect("it serves").id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill runs").success());
    }

    /// The provider's exit status once it has ended by itself.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.serving.take()?.wait().ok()?.code()
    }

    /// Kills the provider at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.serving.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub(crate) fn log(&self) -> String {
        let mut text = String::new();
        if let Ok(mut file) = std::fs::File::open(self.path("serve.log")) {
            let _ = file.read_to_string(&mut text);
        }
        text
    }

    pub(crate) fn provider(&self, args: &[&str]) -> Done {
        self.node("provider-node", "p", args)
    }

    pub(crate) fn advertiser(&self, args: &[&str]) -> Done {
        self.node("advertiser-node", "a", args)
    }

    /// Runs the advertiser's program with a text on its standard input.
    pub(crate) fn advertiser_reading(&self, args: &[&str], text: &str) -> Done {
        let (command, rest) = args.split_first().expect("a command");
        let mut child = node_command("advertiser-node")
            .args([command, "--dir", &self.path("a")])
            .args(rest)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("a pipe");
        // A program that refuses its arguments does not read.
        let _ = stdin.write_all(text.as_bytes());
        drop(stdin);
        Done::of(child.wait_with_output().expect("the program ends"))
    }

    /// Runs the advertiser's program at a terminal, where this is typed; both streams as one.
    pub(crate) fn advertiser_at_terminal(&self, args: &[&str], typed: &str) -> Done {
        let (command, rest) = args.split_first().expect("a command");
        let program = programs().join("advertiser-node").display().to_string();
        let dir = self.path("a");
        let line = [&[program.as_str(), command, "--dir", &dir], rest].concat().join(" ");
        let mut child = tool("script")
            .args(["-qec", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("script runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        let _ = stdin.write_all(typed.as_bytes());
        // Open until the end: a terminal does not end when the line is typed.
        let done = Done::of(child.wait_with_output().expect("the program ends"));
        drop(stdin);
        done
    }

    /// Runs the advertiser's program at a terminal, and presses Ctrl-C when it has said this.
    pub(crate) fn advertiser_interrupted_at(&self, args: &[&str], said: &str) -> Done {
        let (command, rest) = args.split_first().expect("a command");
        let program = programs().join("advertiser-node").display().to_string();
        let dir = self.path("a");
        let line = [&[program.as_str(), command, "--dir", &dir], rest].concat().join(" ");
        let mut child = tool("env")
            .args(["--default-signal=INT,HUP", "script", "-qefc", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script runs");
        let (mut stdin, mut stdout) =
            (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let (mut text, mut part) = (Vec::new(), [0; 4_096]);
        let mut pressed = false;
        loop {
            let read = stdout.read(&mut part).expect("the terminal is read");
            if read == 0 {
                break;
            }
            text.extend_from_slice(&part[..read]);
            if !pressed && String::from_utf8_lossy(&text).contains(said) {
                pressed = true;
                stdin.write_all(b"\x03").expect("typed");
                stdin.flush().expect("typed");
            }
        }
        let code = child.wait().expect("the program ends").code();
        let stdout = String::from_utf8_lossy(&text).into_owned();
        Done { code, stdout, stderr: String::new() }
    }

    /// Runs a match on the file `crm.csv`, over the files of an earlier one.
    ///
    /// The question is asked anew: a result that is kept of an equal one is removed first.
    pub(crate) fn run(&self) -> Done {
        self.run_with(&[])
    }

    pub(crate) fn run_with(&self, more: &[&str]) -> Done {
        let (input, output) = (self.path("crm.csv"), self.path("result.csv"));
        let summary = self.path("summary.json");
        self.forget_results();
        let args = ["run", "--profile", "matched-rows", &input, "--output", &output];
        self.advertiser(&[&args[..], &["--json", &summary, "--overwrite"], more].concat())
    }

    /// Removes what the advertiser keeps of earlier runs, so that an equal question is asked again.
    pub(crate) fn forget_results(&self) {
        let _ = std::fs::remove_dir_all(self.path("a/results"));
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Directories of sessions that got an id.
    pub(crate) fn sessions(&self, node: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = std::fs::read_dir(self.path(&format!("{node}/sessions")))
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        found.retain(|path| !path.to_string_lossy().contains("unopened"));
        found.sort();
        found
    }

    fn node(&self, program: &str, dir: &str, args: &[&str]) -> Done {
        let dir = self.path(dir);
        let (command, rest) = args.split_first().expect("a command");
        run(program, &[&[*command, "--dir", &dir], rest].concat())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A loopback address nobody listens on, and no other test is given.
///
/// Its port is none of those that the system hands out to whoever asks for any, so that it stays
/// free while a provider is not up yet or is started again.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Suites that run side by side begin at places of their own.
    let first = std::process::id().wrapping_mul(257);
    loop {
        let at = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
        let address = format!("127.0.0.1:{}", FIRST_PORT + at);
        if UdpSocket::bind(&address).is_ok() {
            return address;
        }
    }
}

/// Ports below those that Linux gives to sockets without one.
const FIRST_PORT: u32 = 16_384;
const PORTS: u32 = 16_384;

/// A CRM file with these (row id, e-mail) pairs, all with evidence.
pub(crate) fn crm<'a>(rows: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text =
        "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n".to_owned();
    let day = days_ago(270);
    for (id, email) in rows {
        let _ = writeln!(text, "{id},{email},ads.match,R-{id},{day}T10:14:00Z,N-1");
    }
    text
}

/// A graph in which each of these persons has one e-mail and one digital ID, seen today.
pub(crate) fn links<'a>(persons: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = "person_ref,persona_ref,type,value,device_ref,class,id_type,id_namespace,\
                    id_value,evidence,day\n"
        .to_owned();
    let today = today();
    for (person, email) in persons {
        let _ = writeln!(
            text,
            "{person},{person},email,{email},d-{person},tablet,cookie,exemple-regie.fr,\
             cookie-of-{person},purchase,{today}"
        );
    }
    text
}

/// The current day.
fn today() -> String {
    days_ago(0)
}

/// A day so many days before today, as `date` prints it.
pub(crate) fn days_ago(days: u32) -> String {
    let before = format!("{days} days ago");
    let output = Command::new("date").args(["-u", "-d", &before, "+%F"]).output();
    let output = output.expect("date runs");
    String::from_utf8(output.stdout).expect("ASCII").trim().to_owned()
}

/// `count` pairs with row ids r0000… and addresses made by `email`.
pub(crate) fn numbered(count: usize, email: impl Fn(usize) -> String) -> Vec<(String, String)> {
    (0..count).map(|i| (format!("r{i:05}"), email(i))).collect()
}

pub(crate) fn borrowed(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(a, b)| (a.as_str(), b.as_str()))
}
