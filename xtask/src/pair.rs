//! Both nodes and the auditor as separate processes, driven as their operators would.
//!
//! This is the one place that knows the programs' command lines. Each party has a directory of
//! its own under the working directory; they share the invitation and one UDP port on the
//! loopback interface. The outcome is compared with an answer computed without them, and both
//! transcripts go to the auditor.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::{Cost, Ended, Running};
use crate::sample::{Sample, Truth};
use crate::tool::{self, Context, Interrupt};

/// The three programs, built.
pub(crate) struct Programs {
    advertiser: PathBuf,
    provider: PathBuf,
    auditor: PathBuf,
}

impl Programs {
    /// Builds them in release; the build's own output stays visible.
    pub(crate) fn build(stop: &Interrupt) -> Result<Self, String> {
        let packages = ["-p", ADVERTISER, "-p", PROVIDER, "-p", AUDITOR];
        let built = tool::succeed(tool::cargo(&["build", "--release"]).args(packages));
        // Ctrl-C reaches cargo too; then the interruption is the reason, not the build.
        stop.check()?;
        built?;
        let release = tool::target_directory()?.join("release");
        let found = |name: &str| {
            let path = release.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if path.is_file() { Ok(path) } else { Err(format!("{} is missing", path.display())) }
        };
        let (advertiser, provider) = (found(ADVERTISER)?, found(PROVIDER)?);
        Ok(Self { advertiser, provider, auditor: found(AUDITOR)? })
    }
}

/// One run to drive.
pub(crate) struct Pair<'a> {
    /// The programs.
    pub(crate) programs: &'a Programs,
    /// An existing directory, absolute, empty; everything is written under it.
    pub(crate) work: &'a Path,
    /// What to match.
    pub(crate) sample: &'a Sample,
    /// Who learns what.
    pub(crate) profile: &'a str,
    /// How long any one step may take.
    pub(crate) limit: Duration,
    /// Looked at all the time.
    pub(crate) stop: &'a Interrupt,
}

/// What a run showed.
pub(crate) struct Report {
    /// The known answer.
    pub(crate) truth: Truth,
    /// One entry per process, and two for the provider's service.
    pub(crate) steps: Vec<Step>,
    /// What the advertiser's node says.
    pub(crate) summary: Summary,
    /// Where the result differs from the known answer; empty if it is right.
    pub(crate) differences: Vec<String>,
    /// The auditor on the advertiser's transcript, then on the provider's.
    pub(crate) verdicts: [Verdict; 2],
    /// The advertiser's result.
    pub(crate) result: PathBuf,
    /// Seconds from the first program's start to the last verdict.
    pub(crate) wall_s: f64,
}

/// One thing a party did.
pub(crate) struct Step {
    /// Who.
    pub(crate) party: &'static str,
    /// What, a name such as `ingest`.
    pub(crate) name: &'static str,
    /// At what cost; a service's session counts from the moment it was ready.
    pub(crate) cost: Cost,
}

/// The advertiser's summary of its run.
pub(crate) struct Summary {
    /// Rows read.
    pub(crate) rows: u64,
    /// Rows that entered the run.
    pub(crate) eligible: u64,
    /// Rows that matched.
    pub(crate) matched: u64,
    /// Stages of the run in order, with their seconds.
    pub(crate) stages: Vec<(String, f64)>,
    /// Bytes from advertiser to provider.
    pub(crate) bytes_sent: u64,
    /// Bytes from provider to advertiser.
    pub(crate) bytes_received: u64,
    /// The kind of arithmetic used.
    pub(crate) backend: String,
    /// Name of the session.
    pub(crate) session_id: String,
    /// The advertiser's transcript.
    pub(crate) transcript_dir: PathBuf,
}

/// What the auditor said about one transcript.
pub(crate) struct Verdict {
    /// Whose transcript.
    pub(crate) party: &'static str,
    /// Where it lies.
    pub(crate) transcript: PathBuf,
    /// Its exit status; nothing if a signal ended it.
    pub(crate) status: Option<i32>,
    /// The end of what it wrote, if it did not accept.
    pub(crate) complaint: String,
}

impl Verdict {
    /// Whether every check passed.
    pub(crate) fn accepted(&self) -> bool {
        self.status == Some(0)
    }
}

impl Report {
    /// Whether the result is right and the auditor accepts both transcripts.
    pub(crate) fn passed(&self) -> Result<(), String> {
        let mut reasons: Vec<String> = self
            .differences
            .first()
            .map(|first| format!("the result is wrong: {first}"))
            .into_iter()
            .collect();
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.accepted()) {
            reasons.push(format!(
                "the auditor does not accept the {}'s transcript: {}",
                verdict.party, verdict.complaint
            ));
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }

    /// Everything as a machine reads it.
    pub(crate) fn to_json(&self, pair: &Pair<'_>) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        let stages: Vec<Value> = self
            .summary
            .stages
            .iter()
            .map(|(name, seconds)| json!({ "name": name, "seconds": seconds }))
            .collect();
        let verdicts: Vec<Value> = self
            .verdicts
            .iter()
            .map(|verdict| {
                json!({
                    "party": verdict.party, "status": verdict.status,
                    "accepted": verdict.accepted(),
                })
            })
            .collect();
        let summary = &self.summary;
        json!({
            "passed": self.passed().is_ok(),
            "profile": pair.profile,
            "seed": pair.sample.seed,
            "as_of": pair.sample.as_of.to_string(),
            "identifiers": pair.sample.identifiers,
            "persons": self.truth.persons,
            "links": self.truth.links,
            "expected": {
                "rows": self.truth.rows, "eligible": self.truth.eligible,
                "matched": expected_matched(pair.profile, &self.truth),
            },
            "found": {
                "rows": summary.rows, "eligible": summary.eligible, "matched": summary.matched,
            },
            "differences": self.differences,
            "verdicts": verdicts,
            "session_id": summary.session_id,
            "backend": summary.backend,
            "bytes_sent": summary.bytes_sent,
            "bytes_received": summary.bytes_received,
            "stages": stages,
            "processes": steps,
            "wall_seconds": self.wall_s,
        })
    }
}

impl Step {
    fn to_json(&self) -> Value {
        json!({
            "party": self.party, "name": self.name, "wall_seconds": self.cost.wall_s,
            "cpu_seconds": self.cost.cpu_s, "peak_rss_bytes": self.cost.peak_kib * 1_024,
        })
    }
}

impl Pair<'_> {
    /// Generates the data, runs everything, compares, audits; an error if a program failed.
    pub(crate) fn drive(&self) -> Result<Report, String> {
        say!("generate    {} rows, {} persons", self.sample.rows, self.sample.persons);
        let truth = self.sample.generate(self.work, self.stop)?;
        let started = Instant::now();
        let mut steps = Vec::new();
        let address = self.introduce(&mut steps)?;
        say!("provider    reads {} lines of links", truth.links);
        self.provider(
            &mut steps,
            "ingest",
            &["ingest", "--dir", "provider", path(&truth.links_file)?],
        )?;

        say!("provider    starts to serve on {address}");
        let (mut service, ready) = self.serve(&address)?;
        steps.push(Step { party: "provider", name: "start", cost: ready });
        say!("advertiser  runs {}", self.profile);
        let result = self.work.join("result.csv");
        let ended = self.run(&truth.crm, &result, &mut service)?;
        steps.push(Step { party: "advertiser", name: "run", cost: ended.cost });
        let summary = Summary::read(&self.work.join("summary.json"), self.work)?;
        let served = service.stop(STOP_LIMIT)?.expect_success()?;
        let session = Cost {
            wall_s: served.cost.wall_s - ready.wall_s,
            cpu_s: served.cost.cpu_s - ready.cpu_s,
            peak_kib: served.cost.peak_kib,
        };
        steps.push(Step { party: "provider", name: "session", cost: session });

        say!("compare     the result with the known answer");
        let differences = self.compare(&truth, &summary, &result)?;
        let advertiser = self.audit("advertiser", summary.transcript_dir.clone(), &mut steps)?;
        let kept = self.work.join("provider").join("sessions").join(&summary.session_id);
        let provider = self.audit("provider", kept, &mut steps)?;
        let verdicts = [advertiser, provider];
        let wall_s = started.elapsed().as_secs_f64();
        Ok(Report { truth, steps, summary, differences, verdicts, result, wall_s })
    }

    /// Lets the parties meet: two identities, one invitation; returns the provider's address.
    fn introduce(&self, steps: &mut Vec<Step>) -> Result<String, String> {
        say!("provider    makes its identity");
        self.provider(steps, "init", &["init", "--dir", "provider"])?;
        say!("advertiser  makes its identity");
        let ended = self.advertiser(steps, "init", &["init", "--dir", "advertiser"])?;
        let identity = read_identity(&ended.stdout, &self.work.join("advertiser/identity.txt"))?;
        // Both the invitation and the service need the port before either exists.
        let probe = UdpSocket::bind(("127.0.0.1", 0))
            .and_then(|socket| socket.local_addr())
            .map_err(|error| format!("cannot find a free UDP port: {error}"))?;
        let address = probe.to_string();
        say!("provider    invites {identity}");
        self.provider(
            steps,
            "invite",
            &[
                "invite",
                "--dir",
                "provider",
                "--identity",
                &identity,
                "--name",
                "demo-advertiser",
                "--address",
                &address,
                "--profile",
                self.profile,
                "--out",
                "invitation.toml",
            ],
        )?;
        say!("advertiser  accepts the invitation");
        self.advertiser(steps, "accept", &["accept", "--dir", "advertiser", "invitation.toml"])?;
        Ok(address)
    }

    /// Starts the service and waits until it is ready; also what that has cost.
    fn serve(&self, address: &str) -> Result<(Running, Cost), String> {
        let ready = self.work.join("provider.ready");
        let arguments =
            ["serve", "--dir", "provider", "--listen", address, "--ready-file", path(&ready)?];
        let mut service =
            Running::start("provider-serve", &self.programs.provider, &arguments, self.work)?;
        let deadline = Instant::now() + self.limit;
        loop {
            if let Some(ended) = service.poll()? {
                return Err(ended.unexpected("ended before it was ready"));
            }
            self.stop.check()?;
            let bound = fs::read_to_string(&ready).unwrap_or_default();
            match bound.trim().parse::<SocketAddr>() {
                Ok(bound) if bound.to_string() == address => break,
                Ok(bound) => return Err(format!("the provider listens on {bound}, not {address}")),
                // Absent, or not yet written to its end.
                Err(_) if Instant::now() < deadline => std::thread::sleep(READY_POLL),
                Err(_) => {
                    let seconds = self.limit.as_secs();
                    return Err(format!("the provider was not ready within {seconds} s"));
                }
            }
        }
        let cost = service.cost();
        Ok((service, cost))
    }

    /// The advertiser's run, while the service lives.
    fn run(&self, crm: &Path, result: &Path, service: &mut Running) -> Result<Ended, String> {
        let arguments = [
            "run",
            "--dir",
            "advertiser",
            "--profile",
            self.profile,
            "--input",
            path(crm)?,
            "--output",
            path(result)?,
            "--json",
            "summary.json",
            "--approve",
        ];
        let program = &self.programs.advertiser;
        let running = Running::start("advertiser-run", program, &arguments, self.work)?;
        let ended = running.wait(self.limit, self.stop, Some(&mut *service))?;
        if ended.status.success() {
            return Ok(ended);
        }
        // The other side often knows why.
        let seen = service.tail();
        Err(format!("{}{seen}", ended.unexpected("failed")))
    }

    /// Lets the auditor judge one transcript.
    fn audit(
        &self,
        party: &'static str,
        transcript: PathBuf,
        steps: &mut Vec<Step>,
    ) -> Result<Verdict, String> {
        say!("auditor     verifies the {party}'s transcript");
        if !transcript.is_dir() {
            let complaint = format!("{} does not exist", transcript.display());
            return Ok(Verdict { party, transcript, status: None, complaint });
        }
        let json = format!("verdict-{party}.json");
        let arguments = ["verify", path(&transcript)?, "--json", &json];
        let name = format!("auditor-{party}");
        let running = Running::start(&name, &self.programs.auditor, &arguments, self.work)?;
        let ended = running.wait(self.limit, self.stop, None)?;
        let name = if party == "advertiser" { "advertiser's" } else { "provider's" };
        steps.push(Step { party: "auditor", name, cost: ended.cost });
        let status = ended.status.code();
        let complaint =
            if status == Some(0) { String::new() } else { ended.unexpected("did not accept") };
        Ok(Verdict { party, transcript, status, complaint })
    }

    /// Where result and summary differ from the known answer; the first few places.
    fn compare(
        &self,
        truth: &Truth,
        summary: &Summary,
        result: &Path,
    ) -> Result<Vec<String>, String> {
        let mut differences = Vec::new();
        for (name, found, expected) in [
            ("rows", summary.rows, truth.rows),
            ("eligible rows", summary.eligible, truth.eligible),
            ("matched rows", summary.matched, expected_matched(self.profile, truth)),
        ] {
            if found != expected {
                differences.push(format!("{found} {name}, expected {expected}"));
            }
        }
        // The other profiles tell the advertiser a count and no rows.
        if self.profile == MATCHED_ROWS {
            differences.extend(compare_lines(result, &truth.matched_rows)?);
        }
        Ok(differences)
    }

    /// One command of the provider's node, to its end.
    fn provider(
        &self,
        steps: &mut Vec<Step>,
        name: &'static str,
        arguments: &[&str],
    ) -> Result<Ended, String> {
        let ended = self.command(&self.programs.provider, "provider", name, arguments)?;
        steps.push(Step { party: "provider", name, cost: ended.cost });
        Ok(ended)
    }

    /// One command of the advertiser's node, to its end.
    fn advertiser(
        &self,
        steps: &mut Vec<Step>,
        name: &'static str,
        arguments: &[&str],
    ) -> Result<Ended, String> {
        let ended = self.command(&self.programs.advertiser, "advertiser", name, arguments)?;
        steps.push(Step { party: "advertiser", name, cost: ended.cost });
        Ok(ended)
    }

    fn command(
        &self,
        program: &Path,
        party: &str,
        name: &str,
        arguments: &[&str],
    ) -> Result<Ended, String> {
        let running = Running::start(&format!("{party}-{name}"), program, arguments, self.work)?;
        running.wait(self.limit, self.stop, None)?.expect_success()
    }
}

impl Summary {
    /// Reads the JSON file; a relative transcript directory counts from `work`.
    fn read(file: &Path, work: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).at("read", file)?;
        let value: Value = serde_json::from_str(&text).at("read", file)?;
        let missing = |key: &str| format!("{} has no usable `{key}`", file.display());
        let number = |key: &str| value.get(key).and_then(Value::as_u64).ok_or_else(|| missing(key));
        let text = |key: &str| {
            value.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(key))
        };
        let stages = value.get("stages").and_then(Value::as_array).ok_or_else(|| missing("stages"));
        let stages = stages?
            .iter()
            .map(|stage| {
                let name = stage.get("name")?.as_str()?.to_owned();
                Some((name, stage.get("seconds")?.as_f64()?))
            })
            .collect::<Option<Vec<_>>>();
        Ok(Self {
            rows: number("rows")?,
            eligible: number("eligible")?,
            matched: number("matched")?,
            stages: stages.ok_or_else(|| missing("stages"))?,
            bytes_sent: number("bytes_sent")?,
            bytes_received: number("bytes_received")?,
            backend: text("backend")?,
            session_id: text("session_id")?,
            transcript_dir: work.join(text("transcript_dir")?),
        })
    }
}

/// Matched rows by the rule of the profile's order.
pub(crate) fn expected_matched(profile: &str, truth: &Truth) -> u64 {
    if profile == MATCHED_ROWS { truth.matched } else { truth.matched_shuffled }
}

/// Makes a directory given by the user, which must be new or empty, and returns it absolute.
pub(crate) fn prepare_directory(dir: &Path) -> Result<PathBuf, String> {
    fs::create_dir_all(dir).at("create", dir)?;
    if fs::read_dir(dir).at("read", dir)?.next().is_some() {
        return Err(format!("{} is not empty; nothing is overwritten", dir.display()));
    }
    dir.canonicalize().at("find", dir)
}

/// Writes the machine's summary.
pub(crate) fn write_json(file: &Path, value: &Value) -> Result<(), String> {
    fs::write(file, format!("{value:#}\n")).at("write", file)
}

/// The identity from the program's output, which has to equal the one in its file.
fn read_identity(stdout: &Path, file: &Path) -> Result<String, String> {
    let shown = fs::read_to_string(stdout).at("read", stdout)?;
    let identity = shown
        .lines()
        .find_map(|line| line.trim().strip_prefix("identity:"))
        .map(|rest| rest.trim().to_owned())
        .ok_or("`advertiser-node init` prints no line `identity: vmid1...`")?;
    let kept = fs::read_to_string(file).at("read", file)?;
    if !identity.starts_with("vmid1") || !kept.contains(&identity) {
        return Err("the printed identity is not the one in identity.txt".to_owned());
    }
    Ok(identity)
}

/// Where two text files differ, line by line; the first few places and a count.
fn compare_lines(found: &Path, expected: &Path) -> Result<Vec<String>, String> {
    let open = |path: &Path| Ok::<_, String>(BufReader::new(File::open(path).at("read", path)?));
    let (mut left, mut right) = (open(found)?.lines(), open(expected)?.lines());
    let mut differences = Vec::new();
    let mut count = 0_u64;
    for number in 1_u64.. {
        let (left, right) = (left.next().transpose(), right.next().transpose());
        let (left, right) = (left.at("read", found)?, right.at("read", expected)?);
        if left.is_none() && right.is_none() {
            break;
        }
        if left == right {
            continue;
        }
        count += 1;
        if differences.len() < DIFFERENCES_SHOWN {
            let show = |line: Option<String>| line.map_or("nothing".into(), |l| format!("`{l}`"));
            differences.push(format!("line {number}: {}, expected {}", show(left), show(right)));
        }
    }
    if count > differences.len() as u64 {
        differences.push(format!("{count} lines differ in all"));
    }
    Ok(differences)
}

/// A path as an argument.
fn path(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not a UTF-8 path", path.display()))
}

/// The profile whose result names rows.
pub(crate) const MATCHED_ROWS: &str = "matched-rows";

/// The programs' names.
const ADVERTISER: &str = "advertiser-node";
const PROVIDER: &str = "provider-node";
const AUDITOR: &str = "auditor";

/// The promise on SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// How often the ready file is looked for.
const READY_POLL: Duration = Duration::from_millis(10);

/// Differing lines shown.
const DIFFERENCES_SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_files_do_not_differ_and_others_are_named_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let truth = file("truth", "row_id,kinds\nC-1,email.strict\nC-2,email.gmail\n");
        assert!(compare_lines(&truth, &truth).unwrap().is_empty());
        let short = file("short", "row_id,kinds\nC-1,email.strict\n");
        let differences = compare_lines(&short, &truth).unwrap();
        assert_eq!(differences, ["line 3: nothing, expected `C-2,email.gmail`"]);
        let empty = compare_lines(&file("empty", ""), &truth).unwrap();
        assert_eq!(empty.len(), 3);
        let many = file("many", &"x\n".repeat(50));
        let differences = compare_lines(&many, &truth).unwrap();
        assert_eq!(differences.len(), DIFFERENCES_SHOWN + 1);
        assert_eq!(differences[DIFFERENCES_SHOWN], "50 lines differ in all");
    }

    #[test]
    fn summary_without_a_key_is_refused_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("summary.json");
        let mut value = json!({
            "profile": "matched-rows", "rows": 3, "eligible": 2, "matched": 1,
            "stages": [{ "name": "blind", "seconds": 0.5 }], "bytes_sent": 10,
            "bytes_received": 20, "transcript_dir": "advertiser/sessions/00",
            "backend": "dalek", "session_id": "00",
        });
        write_json(&file, &value).unwrap();
        let summary = Summary::read(&file, dir.path()).unwrap();
        assert_eq!(summary.stages, [("blind".to_owned(), 0.5)]);
        assert_eq!(summary.transcript_dir, dir.path().join("advertiser/sessions/00"));
        value.as_object_mut().unwrap().remove("eligible");
        write_json(&file, &value).unwrap();
        let reason = Summary::read(&file, dir.path()).err().unwrap();
        assert!(reason.contains("`eligible`"), "{reason}");
    }

    /// Programs that keep to the command lines and copy the known answer.
    const FAKE_ADVERTISER: &str = r#"
        number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" truth/counts.json; }
        case $1 in
        init) mkdir advertiser; echo vmid1abc >advertiser/identity.txt; echo identity: vmid1abc ;;
        accept) test -f "$4" ;;
        run)
            test "$5" = matched-rows && test -f "$7" || exit 2
            cp truth/matched-rows.csv "$9"
            mkdir -p advertiser/runs/5f provider/sessions/5f
            cat >"${11}" <<END
            { "profile": "$5", "rows": $(number rows), "eligible": $(number eligible),
              "matched": $(number matched), "stages": [{ "name": "blind", "seconds": 0.1 }],
              "bytes_sent": 1, "bytes_received": 2, "transcript_dir": "advertiser/runs/5f",
              "backend": "none", "session_id": "5f" }
END
        esac"#;
    const FAKE_PROVIDER: &str = r#"
        case $1 in
        init) mkdir provider ;;
        invite) test "$5" = vmid1abc && echo "$9" >address && echo x >"${13}" ;;
        ingest) test -f "$4" ;;
        serve)
            trap 'exit 0' TERM
            test "$(cat address)" = "$5" || exit 2
            echo "$5" >"$7"
            while :; do sleep 0.01; done
        esac"#;
    const FAKE_AUDITOR: &str = r#"test -d "$2" && echo '{}' >"$4""#;

    fn drive(advertiser: &str, provider: &str, auditor: &str) -> Result<Report, String> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let programs = Programs {
            advertiser: script("advertiser", advertiser),
            provider: script("provider", provider),
            auditor: script("auditor", auditor),
        };
        let work = prepare_directory(&dir.path().join("work")).unwrap();
        let pair = Pair {
            programs: &programs,
            work: &work,
            sample: &Sample::new(300, 200, 1),
            profile: MATCHED_ROWS,
            limit: Duration::from_secs(60),
            stop: &Interrupt::never(),
        };
        let report = pair.drive()?;
        assert_eq!(report.to_json(&pair)["passed"], report.passed().is_ok());
        Ok(report)
    }

    #[test]
    fn programs_that_keep_the_contract_pass() {
        let report = drive(FAKE_ADVERTISER, FAKE_PROVIDER, FAKE_AUDITOR).unwrap();
        assert_eq!(report.passed(), Ok(()));
        assert_eq!(report.steps.len(), 10);
        assert!(report.steps.iter().all(|step| step.cost.wall_s >= 0.0));
    }

    #[test]
    fn a_missing_line_and_a_refusing_auditor_are_told() {
        let short = FAKE_ADVERTISER.replace("cp truth", "sed '$d' truth").replace("\"$9\"", ">$9");
        let report = drive(&short, FAKE_PROVIDER, FAKE_AUDITOR).unwrap();
        assert_eq!(report.differences.len(), 1);
        assert!(report.passed().unwrap_err().contains("the result is wrong"));
        let refusing = "echo finding: T-04; exit 1";
        let report = drive(FAKE_ADVERTISER, FAKE_PROVIDER, refusing).unwrap();
        assert!(report.differences.is_empty());
        let reason = report.passed().unwrap_err();
        assert!(reason.matches("finding: T-04").count() == 2, "{reason}");
    }

    #[test]
    fn a_failing_program_is_named_with_its_last_words() {
        let refused = FAKE_ADVERTISER.replace("cp truth", "echo too few rows >&2; exit 77; cp x");
        let reason = drive(&refused, FAKE_PROVIDER, FAKE_AUDITOR).err().unwrap();
        assert!(reason.contains("advertiser-run failed"), "{reason}");
        assert!(reason.contains("77") && reason.contains("too few rows"), "{reason}");
        let dying = FAKE_PROVIDER.replace("while :; do sleep 0.01; done", "sleep 0.1; exit 70");
        let waiting = FAKE_ADVERTISER.replace("cp truth", "exec sleep 30; cp truth");
        let reason = drive(&waiting, &dying, FAKE_AUDITOR).err().unwrap();
        assert!(reason.contains("provider-serve ended while it was needed"), "{reason}");
        let unready = FAKE_PROVIDER.replace("echo \"$5\"", "exit 78; echo \"$5\"");
        let reason = drive(FAKE_ADVERTISER, &unready, FAKE_AUDITOR).err().unwrap();
        assert!(reason.contains("ended before it was ready"), "{reason}");
    }

    #[test]
    fn a_directory_with_content_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(prepare_directory(&dir.path().join("new")).is_ok());
        assert!(prepare_directory(dir.path()).is_err());
    }
}
