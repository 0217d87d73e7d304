//! Both nodes and the auditor as separate processes, driven as their operators would.
//!
//! This is the one place that knows the programs' command lines. Each party has a directory of
//! its own under the working directory; they share the invitation and one UDP port on the
//! loopback interface. The outcome is compared with an answer computed without them, and both
//! transcripts go to the auditor.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::{self, Profile, Quality, Results};
use crate::process::{Cost, Ended, Running};
use crate::tool::{self, Context, Interrupt};
use sample::{CrmFile, NAMESPACES, Sample, Truth};

/// The three programs, built.
pub(crate) struct Programs {
    advertiser: PathBuf,
    provider: PathBuf,
    auditor: PathBuf,
    /// Directory in which they lie.
    directory: PathBuf,
}

impl Programs {
    /// Builds them in a profile of cargo; the build's own output stays visible.
    pub(crate) fn build(profile: BuildProfile, stop: &Interrupt) -> Result<Self, String> {
        let packages = [ADVERTISER, PROVIDER, AUDITOR].map(|name| format!("-pveilmatch-{name}"));
        let profile = profile.name();
        let mut command = tool::cargo(&["build", "--profile", profile]);
        command.args(packages);
        say!("build       the three programs");
        let started = Instant::now();
        let built = tool::succeed(&mut command);
        // Ctrl-C reaches cargo too; then the interruption is the reason, not the build.
        stop.check()?;
        built?;
        tell(&tool::shown(&command), started.elapsed().as_secs_f64());
        let directory = tool::target_directory()?.join(profile);
        let found = |name: &str| {
            let path = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
            if path.is_file() { Ok(path) } else { Err(format!("{} is missing", path.display())) }
        };
        let (advertiser, provider) = (found(ADVERTISER)?, found(PROVIDER)?);
        let auditor = found(AUDITOR)?;
        Ok(Self { advertiser, provider, auditor, directory })
    }

    /// The provider's program, or the advertiser's.
    pub(crate) fn program(&self, provider: bool) -> &Path {
        if provider { &self.provider } else { &self.advertiser }
    }
}

/// Profile of cargo in which the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuildProfile {
    /// Built once to run once: its hot paths are optimised, the rest is compiled quickly.
    Demo,
    /// The release build, which is what is measured.
    Release,
}

impl BuildProfile {
    const fn name(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Release => "release",
        }
    }
}

/// Runs to drive, one after the other on one set-up.
pub(crate) struct Pair<'a> {
    /// The programs.
    pub(crate) programs: &'a Programs,
    /// An existing directory, absolute, empty; everything is written under it.
    pub(crate) work: &'a Path,
    /// Sample to match.
    pub(crate) sample: &'a Sample,
    /// Release profiles, in turn.
    pub(crate) profiles: &'a [Profile],
    /// Longest time of any one step.
    pub(crate) limit: Duration,
    /// Looked at all the time.
    pub(crate) stop: &'a Interrupt,
}

/// Outcome of the runs.
pub(crate) struct Report {
    /// The known answer.
    pub(crate) truth: Truth,
    /// One entry per process, and one per run for the provider's service, beside its start.
    pub(crate) steps: Vec<Step>,
    /// The runs in order.
    pub(crate) runs: Vec<Run>,
    /// Seconds from the first program's start to the last verdict.
    pub(crate) wall_s: f64,
}

/// One run and what became of it.
pub(crate) struct Run {
    /// Release profile: the rule of who learns what.
    pub(crate) profile: Profile,
    /// Summary of the advertiser's node.
    pub(crate) summary: Summary,
    /// Differences of the result from the known answer; empty if it is right.
    pub(crate) differences: Vec<String>,
    /// Recall and precision, where a result names rows or digital IDs.
    pub(crate) quality: Option<Quality>,
    /// The auditor on the advertiser's transcript, then on the provider's.
    pub(crate) verdicts: Vec<Verdict>,
    /// The advertiser's result.
    pub(crate) result: PathBuf,
    /// Times of the provider's tasks, if its node tells them.
    pub(crate) served: Option<Served>,
}

/// One thing a party did.
pub(crate) struct Step {
    /// Party that took the step.
    pub(crate) party: &'static str,
    /// Name of the step, such as `ingest`.
    pub(crate) name: &'static str,
    /// In which run, if in one.
    pub(crate) profile: Option<Profile>,
    /// At what cost; a service's session counts from the moment it was ready.
    pub(crate) cost: Cost,
}

/// The advertiser's summary of its run.
pub(crate) struct Summary {
    /// Rows read.
    pub(crate) rows: u64,
    /// Rows that entered the run.
    pub(crate) eligible: u64,
    /// Rows that matched: exact in aligned order, else rounded, if it is released at all.
    pub(crate) matched: Option<u64>,
    /// The active match rate as it is released, at its precision.
    pub(crate) rate: String,
    /// Rows by identifiers that matched, from one up, as released; empty in aligned order.
    pub(crate) rows_by_hits: Vec<Option<u64>>,
    /// Rows by which noise moves a count, at most; none if there is no noise.
    pub(crate) clamp: Option<u64>,
    /// Digital IDs delivered.
    pub(crate) digital_ids: Option<u64>,
    /// Elements that the session multiplied, padding included.
    pub(crate) elements: Option<u64>,
    /// Stages of the run in order.
    pub(crate) stages: Vec<Stage>,
    /// Tasks of the advertiser's session.
    pub(crate) tasks: Vec<Task>,
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

/// Time that a stage of a run took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// Wall time.
    pub(crate) seconds: f64,
    /// Processor time of the advertiser.
    pub(crate) cpu_seconds: f64,
}

/// Time that one kind of task of a session took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) elements: u64,
    /// Processor time.
    pub(crate) seconds: f64,
    /// Share of it in the batch arithmetic: group operations and hashing to group.
    pub(crate) arithmetic_seconds: f64,
}

impl Stage {
    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            name: value.get("name")?.as_str()?.to_owned(),
            seconds: value.get("seconds")?.as_f64()?,
            cpu_seconds: value.get("cpu_seconds")?.as_f64()?,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds,
        })
    }
}

impl Task {
    fn read((name, value): (&String, &Value)) -> Option<Self> {
        Some(Self {
            name: name.clone(),
            elements: value.get("elements")?.as_u64()?,
            seconds: value.get("seconds")?.as_f64()?,
            arithmetic_seconds: value.get("arithmetic_seconds")?.as_f64()?,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "elements": self.elements, "cpu_seconds": self.seconds,
            "arithmetic_seconds": self.arithmetic_seconds,
        })
    }
}

/// Time that the tasks of a provider's session took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Served {
    /// Processor time.
    pub(crate) seconds: f64,
    /// Share of it in the batch arithmetic.
    pub(crate) arithmetic_seconds: f64,
}

impl Served {
    /// The line of a session in the provider's log.
    fn find(log: &str, session: &str) -> Option<Self> {
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut fields = lines.filter_map(|line| line.get("fields").cloned());
        let of = |fields: &Value| fields.get("session")?.as_str().map(str::to_owned);
        let fields = fields.find(|fields| {
            fields.get("message").is_some_and(|it| it == "served")
                && of(fields).as_deref() == Some(session)
        })?;
        let seconds = |key: &str| fields.get(key)?.as_f64();
        Some(Self {
            seconds: seconds("task_seconds")?,
            arithmetic_seconds: seconds("arithmetic_seconds")?,
        })
    }

    fn to_json(self) -> Value {
        json!({ "cpu_seconds": self.seconds, "arithmetic_seconds": self.arithmetic_seconds })
    }
}

/// Verdict of the auditor on one transcript.
pub(crate) struct Verdict {
    /// Party whose transcript was judged.
    pub(crate) party: &'static str,
    /// Place of the transcript.
    pub(crate) transcript: PathBuf,
    /// Exit status of the auditor; nothing if a signal ended it.
    pub(crate) status: Option<i32>,
    /// The end of what it wrote, if it did not accept.
    pub(crate) complaint: String,
    /// The checks that it made.
    pub(crate) checks: Vec<Check>,
}

/// A check of the auditor, as its file for machines has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// The check in a few words.
    pub(crate) title: String,
    /// Outcome: `passed`, `failed` or `not_checked`.
    pub(crate) result: String,
}

impl Check {
    /// Reads the checks of a verdict; none from a file that is absent or holds none.
    fn read(file: &Path) -> Vec<Self> {
        let verdict = fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let one = |check: &Value| {
            let text = |key: &str| check.get(key)?.as_str().map(str::to_owned);
            Some(Self { title: text("title")?, result: text("result")? })
        };
        let checks = verdict.as_ref().and_then(|verdict: &Value| verdict.get("checks")?.as_array());
        checks.into_iter().flatten().filter_map(one).collect()
    }
}

impl Verdict {
    /// True if every check passed.
    pub(crate) fn accepted(&self) -> bool {
        self.status == Some(0)
    }
}

impl Report {
    /// True if every result is right and the auditor accepts every transcript.
    pub(crate) fn passed(&self) -> Result<(), String> {
        let reasons: Vec<String> = self.runs.iter().flat_map(Run::reasons).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }

    /// Everything as a machine reads it.
    pub(crate) fn to_json(&self, pair: &Pair<'_>) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(Step::to_json).collect();
        let runs: Vec<Value> = self.runs.iter().map(Run::to_json).collect();
        json!({
            "passed": self.passed().is_ok(),
            "seed": pair.sample.seed,
            "as_of": pair.sample.as_of.to_string(),
            "identifiers": pair.sample.identifiers,
            "persons": self.truth.persons,
            "links": self.truth.links,
            "expected": {
                "rows": self.truth.rows, "eligible": self.truth.eligible,
                "matched": self.truth.matched,
                "matched_shuffled": self.truth.matched_shuffled(),
                "rows_by_hits": self.truth.rows_by_hits,
                "digital_ids": self.truth.digital_ids,
            },
            "runs": runs,
            "processes": steps,
            "wall_seconds": self.wall_s,
        })
    }
}

impl Run {
    /// Reasons why the run does not pass.
    fn reasons(&self) -> Vec<String> {
        let profile = self.profile.name();
        let first = self.differences.first();
        let mut reasons: Vec<String> = first
            .map(|first| format!("the result of {profile} is wrong: {first}"))
            .into_iter()
            .collect();
        for verdict in self.verdicts.iter().filter(|verdict| !verdict.accepted()) {
            reasons.push(format!(
                "the auditor does not accept the {}'s transcript of {profile}: {}",
                verdict.party, verdict.complaint
            ));
        }
        reasons
    }

    fn to_json(&self) -> Value {
        let stages: Vec<Value> = self.summary.stages.iter().map(Stage::to_json).collect();
        let tasks: Vec<Value> = self.summary.tasks.iter().map(Task::to_json).collect();
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
            "profile": self.profile.name(),
            "found": {
                "rows": summary.rows, "eligible": summary.eligible, "matched": summary.matched,
                "rate": summary.rate, "rows_by_hits": summary.rows_by_hits,
                "digital_ids": summary.digital_ids, "elements": summary.elements,
            },
            "quality": self.quality.as_ref().map(Quality::to_json),
            "differences": self.differences,
            "verdicts": verdicts,
            "session_id": summary.session_id,
            "backend": summary.backend,
            "bytes_sent": summary.bytes_sent,
            "bytes_received": summary.bytes_received,
            "stages": stages,
            "tasks": tasks,
            "provider_tasks": self.served.map(Served::to_json),
        })
    }
}

impl Step {
    fn to_json(&self) -> Value {
        json!({
            "party": self.party, "name": self.name,
            "profile": self.profile.map(Profile::name), "wall_seconds": self.cost.wall_s,
            "cpu_seconds": self.cost.cpu_s, "peak_rss_bytes": self.cost.peak_kib * 1_024,
        })
    }
}

impl Pair<'_> {
    /// Generates the data, runs everything, compares, audits; an error if a program failed.
    pub(crate) fn drive(&self) -> Result<Report, String> {
        say!("generate    {} rows, {} persons", self.sample.rows, self.sample.persons);
        let truth = self.sample.generate(self.work, &|| self.stop.check())?;
        say!("            each command with the seconds it took, where it ran");
        let programs = quoted(path(&self.programs.directory)?);
        say!("  $ cd {} && PATH={programs}:$PATH", quoted(path(self.work)?));
        let started = Instant::now();
        let mut steps = Vec::new();
        let address = self.introduce(&mut steps)?;
        if let Some(feed) = &truth.objections {
            say!("provider    reads objections");
            let arguments = ["object", "--dir", "provider", self.here(feed)?];
            self.provider(&mut steps, "object", &arguments)?;
        }
        say!("provider    reads {} lines of links", truth.links);
        let (map, links) = (self.here(&truth.graph_map)?, self.here(&truth.links_file)?);
        let arguments = ["ingest", "--dir", "provider", "--map", map, links];
        self.provider(&mut steps, "ingest", &arguments)?;

        say!("provider    starts to serve on {address}");
        let (mut service, ready) = self.serve(&address)?;
        steps.push(step("provider", "start", None, ready));
        let mut runs = Vec::new();
        for profile in self.profiles {
            runs.push(self.turn(*profile, &truth, &mut service, &mut steps)?);
        }
        say!("provider    is asked to stop, and lets nobody down");
        let asked = Instant::now();
        let ended = service.stop(STOP_LIMIT)?.expect_success()?;
        tell("kill %1", asked.elapsed().as_secs_f64());
        let log = fs::read_to_string(&ended.stderr).at("read", &ended.stderr)?;
        for run in &mut runs {
            run.served = Served::find(&log, &run.summary.session_id);
            self.audit_both(run, &mut steps)?;
        }
        let wall_s = started.elapsed().as_secs_f64();
        Ok(Report { truth, steps, runs, wall_s })
    }

    /// One run and its comparison, while the service lives.
    fn turn(
        &self,
        profile: Profile,
        truth: &Truth,
        service: &mut Running,
        steps: &mut Vec<Step>,
    ) -> Result<Run, String> {
        let name = profile.name();
        say!("advertiser  runs {name}");
        let result = self.work.join(format!("result-{name}.csv"));
        let before = service.cost();
        let ended = self.run(profile, &truth.crm, &result, service)?;
        steps.push(step("advertiser", "run", Some(profile), ended.cost));
        let after = service.cost();
        let session = Cost {
            wall_s: after.wall_s - before.wall_s,
            cpu_s: after.cpu_s - before.cpu_s,
            peak_kib: after.peak_kib,
        };
        steps.push(step("provider", "session", Some(profile), session));
        let summary =
            Summary::read(&self.work.join(format!("summary-{name}.json")), profile, self.work)?;
        say!("compare     the result of {name} with the known answer");
        let delivery = self.delivery(&summary.session_id);
        let results = Results {
            advertiser: &result,
            provider: delivery.as_deref().filter(|file| file.is_file()),
        };
        let differences = answer::compare(profile, truth, &summary, &results)?;
        let quality = Quality::of(profile, truth, &results)?;
        Ok(Run {
            profile,
            summary,
            differences,
            quality,
            verdicts: Vec::new(),
            result,
            served: None,
        })
    }

    /// Path of the file to which the provider writes the delivery of a session.
    fn delivery(&self, session: &str) -> Option<PathBuf> {
        let directory = self.work.join("provider/partners").join(PARTNER).join("deliveries");
        Some(directory.join(format!("{session}.csv")))
    }

    /// Has both parties' transcripts of a run judged.
    fn audit_both(&self, run: &mut Run, steps: &mut Vec<Step>) -> Result<(), String> {
        let kept = self.work.join("provider").join("sessions").join(&run.summary.session_id);
        for (party, transcript) in
            [("advertiser", run.summary.transcript_dir.clone()), ("provider", kept)]
        {
            run.verdicts.push(self.audit(party, run.profile, transcript, steps)?);
        }
        Ok(())
    }

    /// Lets the parties meet: two identities, one invitation; returns the provider's address.
    fn introduce(&self, steps: &mut Vec<Step>) -> Result<String, String> {
        say!("provider    makes its identity");
        self.provider(steps, "init", &["init", "--dir", "provider"])?;
        say!("advertiser  makes its identity");
        let ended = self.advertiser(steps, "init", &["init", "--dir", "advertiser"])?;
        let identity = read_identity(&ended.stdout, &self.work.join("advertiser/identity.txt"))?;
        let rows = self.sample.rows.to_string();
        // Both the invitation and the service need the port before either exists.
        let probe = UdpSocket::bind(("127.0.0.1", 0))
            .and_then(|socket| socket.local_addr())
            .map_err(|error| format!("cannot find a free UDP port: {error}"))?;
        let address = probe.to_string();
        say!("provider    invites {identity}");
        let mut arguments = vec![
            "invite",
            PARTNER,
            "--dir",
            "provider",
            "--identity",
            "advertiser/identity.txt",
            "--rows",
            &rows,
            "--legal-entity",
            "Enseigne A SAS",
            "--allow",
            "wide-budget",
            "--address",
            &address,
            "--output",
            "invitation.toml",
        ];
        for profile in self.profiles {
            arguments.extend(["--profile", profile.name()]);
        }
        self.provider(steps, "invite", &arguments)?;
        say!("provider    sets what the partner may have, and invites again");
        let policy = self.work.join("provider/partners").join(PARTNER).join("partner.toml");
        let text = fs::read_to_string(&policy).at("read", &policy)?;
        let policed = self.policy(&text);
        fs::write(&policy, &policed).at("write", &policy)?;
        say!("  # in {}:", self.here(&policy)?);
        let changed = |line: &&str| !text.lines().any(|old| old == *line);
        policed.lines().filter(changed).for_each(|line| say!("  #     {line}"));
        arguments.push("--overwrite");
        self.provider(steps, "invite", &arguments)?;
        say!("advertiser  accepts the invitation");
        self.advertiser(steps, "accept", &["accept", "--dir", "advertiser", "invitation.toml"])?;
        Ok(address)
    }

    /// The partner policy with the kinds of identifiers of the sample, and with namespaces of
    /// which one that the graph has is left out.
    fn policy(&self, text: &str) -> String {
        let mut kinds = vec!["email.strict", "email.gmail"];
        if self.sample.has_phones() {
            kinds.push("phone");
        }
        let namespaces: Vec<&str> = ["aaid", "idfa"].into_iter().chain(NAMESPACES).collect();
        let listed = |names: &[&str]| format!("{names:?}");
        let text = with_setting(text, "kinds", &listed(&kinds));
        with_setting(&text, "namespaces", &listed(&namespaces))
    }

    /// Starts the service and waits until it is ready; also what that has cost.
    fn serve(&self, address: &str) -> Result<(Running, Cost), String> {
        let ready = self.work.join("provider.ready");
        let mut arguments = vec![
            "serve",
            "--dir",
            "provider",
            "--listen",
            address,
            "--ready-file",
            self.here(&ready)?,
        ];
        arguments.extend(["--log", "info", "--log-json"]);
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
        let command = format!("{} 2> serve.log &", shown(PROVIDER, &arguments));
        tell(&command, cost.wall_s);
        Ok((service, cost))
    }

    /// The advertiser's run, while the service lives.
    fn run(
        &self,
        profile: Profile,
        crm: &[CrmFile],
        result: &Path,
        service: &mut Running,
    ) -> Result<Ended, String> {
        let name = profile.name();
        let summary = format!("summary-{name}.json");
        let mut arguments =
            vec!["run", "--dir", "advertiser", "--profile", name, "--output", self.here(result)?];
        // In a small sample the number of a shop is in more than one row of two hundred.
        arguments.extend(["--json", &summary, "--approve", "--allow", "shared-identifiers"]);
        let mut inputs = Vec::new();
        for CrmFile { tag, path: file } in crm {
            let file = self.here(file)?;
            inputs.push(tag.map_or(file.to_owned(), |tag| format!("{tag}={file}")));
        }
        arguments.extend(inputs.iter().map(String::as_str));
        let program = &self.programs.advertiser;
        let running =
            Running::start(&format!("advertiser-run-{name}"), program, &arguments, self.work)?;
        let ended = running.wait(self.limit, self.stop, Some(&mut *service))?;
        if ended.status.success() {
            tell(&shown(ADVERTISER, &arguments), ended.cost.wall_s);
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
        profile: Profile,
        transcript: PathBuf,
        steps: &mut Vec<Step>,
    ) -> Result<Verdict, String> {
        say!("auditor     verifies the {party}'s transcript of {}", profile.name());
        if !transcript.is_dir() {
            let complaint = format!("{} does not exist", transcript.display());
            return Ok(Verdict { party, transcript, status: None, complaint, checks: Vec::new() });
        }
        let json = format!("verdict-{party}-{}.json", profile.name());
        let arguments = ["verify", self.here(&transcript)?, "--json", &json, "--overwrite"];
        let name = format!("auditor-{party}-{}", profile.name());
        let running = Running::start(&name, &self.programs.auditor, &arguments, self.work)?;
        let ended = running.wait(self.limit, self.stop, None)?;
        tell(&shown(AUDITOR, &arguments), ended.cost.wall_s);
        let name = if party == "advertiser" { "advertiser's" } else { "provider's" };
        steps.push(step("auditor", name, Some(profile), ended.cost));
        let checks = Check::read(&self.work.join(&json));
        let status = ended.status.code();
        let complaint =
            if status == Some(0) { String::new() } else { ended.unexpected("did not accept") };
        Ok(Verdict { party, transcript, status, complaint, checks })
    }

    /// One command of the provider's node, to its end.
    fn provider(
        &self,
        steps: &mut Vec<Step>,
        name: &'static str,
        arguments: &[&str],
    ) -> Result<Ended, String> {
        let ended = self.command(&self.programs.provider, "provider", name, arguments)?;
        steps.push(step("provider", name, None, ended.cost));
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
        steps.push(step("advertiser", name, None, ended.cost));
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
        let ended = running.wait(self.limit, self.stop, None)?.expect_success()?;
        tell(&shown(&format!("{party}-node"), arguments), ended.cost.wall_s);
        Ok(ended)
    }

    /// A path of the working directory, as the programs that run in it are given it.
    fn here<'p>(&self, path: &'p Path) -> Result<&'p str, String> {
        match path.strip_prefix(self.work) {
            Ok(inside) => self::path(inside),
            Err(_) => self::path(path),
        }
    }
}

impl Summary {
    /// Reads the JSON file; a relative transcript directory counts from `work`.
    fn read(file: &Path, profile: Profile, work: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(file).at("read", file)?;
        let value: Value = serde_json::from_str(&text).at("read", file)?;
        let missing = |key: &str| format!("{} has no usable `{key}`", file.display());
        let number = |key: &str| value.get(key).and_then(Value::as_u64).ok_or_else(|| missing(key));
        let text = |key: &str| {
            value.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| missing(key))
        };
        let list = |key: &str| value.get(key).and_then(Value::as_array).ok_or_else(|| missing(key));
        let stages = list("stages")?.iter().map(Stage::read).collect::<Option<Vec<_>>>();
        let tasks = value.get("tasks").and_then(Value::as_object);
        let tasks = tasks.and_then(|tasks| tasks.iter().map(Task::read).collect());
        let (rows, eligible) = (number("rows")?, number("eligible")?);
        let released = if profile.is_shuffled() { Released::read(&value) } else { None };
        let released = match (profile.is_shuffled(), released) {
            (true, None) => return Err(missing("rate` or `rows_by_hits")),
            (true, Some(released)) => released,
            (false, _) => Released::exact(number("matched")?, eligible),
        };
        Ok(Self {
            rows,
            eligible,
            matched: released.matched,
            rate: released.rate,
            rows_by_hits: released.rows_by_hits,
            clamp: value.pointer("/epsilon/clamp_rows").and_then(Value::as_u64),
            digital_ids: value.get("digital_ids").and_then(Value::as_u64),
            elements: value.get("elements").and_then(Value::as_u64),
            stages: stages.ok_or_else(|| missing("stages"))?,
            tasks: tasks.ok_or_else(|| missing("tasks"))?,
            bytes_sent: number("bytes_sent")?,
            bytes_received: number("bytes_received")?,
            backend: text("backend")?,
            session_id: text("session_id")?,
            transcript_dir: work.join(text("transcript_dir")?),
        })
    }
}

/// The figures of a result.
struct Released {
    matched: Option<u64>,
    rate: String,
    rows_by_hits: Vec<Option<u64>>,
}

impl Released {
    /// Reads the figures that a shuffled session lets out; a hidden one is null.
    fn read(summary: &Value) -> Option<Self> {
        let rate = summary.get("rate")?;
        let (percent, over) = (rate.get("percent")?.as_u64()?, rate.get("over")?.as_bool()?);
        let cells = summary.get("rows_by_hits")?.as_array()?;
        Some(Self {
            matched: summary.get("matched")?.as_u64(),
            rate: answer::rate(percent, over),
            rows_by_hits: cells.iter().map(Value::as_u64).collect(),
        })
    }

    /// Figures that an advertiser counts itself where it knows its rows.
    fn exact(matched: u64, eligible: u64) -> Self {
        let percent = matched as f64 * 100.0 / eligible.max(1) as f64;
        Self { matched: Some(matched), rate: format!("{percent:.1} %"), rows_by_hits: Vec::new() }
    }
}

fn step(party: &'static str, name: &'static str, profile: Option<Profile>, cost: Cost) -> Step {
    Step { party, name, profile, cost }
}

/// A TOML text with the value of a setting replaced, a list of several lines included.
pub(crate) fn with_setting(text: &str, name: &str, value: &str) -> String {
    let (mut changed, mut within) = (String::new(), false);
    for line in text.lines() {
        let old = line.strip_prefix(name).and_then(|rest| rest.trim_start().strip_prefix('='));
        if let Some(old) = old {
            changed.push_str(&format!("{name} = {value}\n"));
            within = old.trim_start().starts_with('[');
        }
        if within {
            within = !line.trim_end().ends_with(']');
        } else if old.is_none() {
            changed.push_str(line);
            changed.push('\n');
        }
    }
    changed
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

/// Prints a command as a user would type it, and the seconds it took.
fn tell(command: &str, seconds: f64) {
    say!("  $ {command}  # {seconds:.1} s");
}

/// Program and arguments as a shell reads them.
fn shown(program: &str, arguments: &[&str]) -> String {
    let words = arguments.iter().map(|word| quoted(word));
    [program.to_owned()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,%+@".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A path as an argument.
fn path(path: &Path) -> Result<&str, String> {
    path.to_str().ok_or_else(|| format!("{} is not a UTF-8 path", path.display()))
}

/// The programs' names.
const ADVERTISER: &str = "advertiser-node";
const PROVIDER: &str = "provider-node";
const AUDITOR: &str = "auditor";

/// Name of the advertiser at the provider.
const PARTNER: &str = "demo-advertiser";

/// The promise on SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// Time between two looks for the ready file.
const READY_POLL: Duration = Duration::from_millis(10);
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_without_a_key_is_refused_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("summary.json");
        let mut value = json!({
            "profile": "matched-rows", "rows": 3, "eligible": 2, "matched": 1,
            "bytes_sent": 10,
            "stages": [{ "name": "blind", "seconds": 0.5, "cpu_seconds": 0.75 }],
            "tasks": { "blind": { "seconds": 0.5, "arithmetic_seconds": 0.25, "elements": 3 } },
            "bytes_received": 20, "transcript_dir": "advertiser/sessions/00",
            "backend": "dalek", "session_id": "00",
        });
        write_json(&file, &value).unwrap();
        let summary = Summary::read(&file, Profile::MatchedRows, dir.path()).unwrap();
        let name = "blind".to_owned();
        assert_eq!(summary.stages, [Stage { name, seconds: 0.5, cpu_seconds: 0.75 }]);
        let [task] = summary.tasks.as_slice() else { panic!("{:?}", summary.tasks) };
        assert_eq!((task.elements, task.arithmetic_seconds), (3, 0.25));
        assert_eq!((summary.matched, summary.rate.as_str()), (Some(1), "50.0 %"));
        assert_eq!(summary.transcript_dir, dir.path().join("advertiser/sessions/00"));
        value.as_object_mut().unwrap().remove("eligible");
        write_json(&file, &value).unwrap();
        let reason = Summary::read(&file, Profile::MatchedRows, dir.path()).err().unwrap();
        assert!(reason.contains("`eligible`"), "{reason}");
        value["eligible"] = 2.into();
        write_json(&file, &value).unwrap();
        let reason = Summary::read(&file, Profile::MatchRate, dir.path()).err().unwrap();
        assert!(reason.contains("`rate`"), "{reason}");
        value["matched"] = Value::Null;
        value["rate"] = json!({ "percent": 85, "over": true });
        value["rows_by_hits"] = json!([100, null]);
        write_json(&file, &value).unwrap();
        let summary = Summary::read(&file, Profile::MatchRate, dir.path()).unwrap();
        assert_eq!((summary.matched, summary.rate.as_str()), (None, "over 85 %"));
        assert_eq!(summary.rows_by_hits, [Some(100), None]);
    }

    #[test]
    fn a_session_is_found_in_the_log_of_the_provider() {
        let line = |message: &str, session: &str| {
            let fields = json!({
                "message": message, "session": session, "task_seconds": 2.5,
                "arithmetic_seconds": 2.0,
            });
            json!({ "level": "INFO", "fields": fields }).to_string()
        };
        let log = ["serving on port 1", &line("lost", "aa"), &line("served", "bb")].join("\n");
        let found = Served { seconds: 2.5, arithmetic_seconds: 2.0 };
        assert_eq!(Served::find(&log, "bb"), Some(found));
        assert_eq!(Served::find(&log, "aa"), None);
    }

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let arguments = ["invite", "shop", "--legal-entity", "L'Enseigne A", "--rows", "1000"];
        let command = shown("printf '%s\\n'", &arguments);
        let read = std::process::Command::new("/bin/sh").args(["-c", &command]).output().unwrap();
        let words = String::from_utf8(read.stdout).unwrap();
        assert_eq!(words.lines().collect::<Vec<_>>(), arguments);
        assert_eq!(shown("auditor", &["verify", "a/b.json"]), "auditor verify a/b.json");
        assert_eq!((quoted("").as_str(), quoted("$HOME").as_str()), ("''", "'$HOME'"));
    }

    #[test]
    fn a_setting_is_replaced_whatever_its_lines() {
        let text = "kinds = [\n    \"email.strict\",\n]\nkinds_of = 1\nn_min = 1\n";
        let changed = with_setting(text, "kinds", "[\"phone\"]");
        assert_eq!(changed, "kinds = [\"phone\"]\nkinds_of = 1\nn_min = 1\n");
        assert_eq!(with_setting(&changed, "n_min", "2").lines().last(), Some("n_min = 2"));
    }

    /// Programs that keep to the command lines and tell the known answer.
    const FAKE_ADVERTISER: &str = r#"
        number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" truth/counts.json; }
        option() {
            for found in $arguments; do
                if [ "$before" = "$1" ]; then echo "$found"; fi
                before=$found
            done
        }
        hits() { grep -c ",1,[^,]*,$1," truth/rows.csv; }
        # Rows with three and four hits are fewer than fifty together, which hides those with two.
        rest() { echo $(($(hits 3) + $(hits 4))); }
        few() { test "$(hits $1)" -lt 50 || { test $1 = 2 && test "$(rest)" -lt 50; }; }
        cell() { if few $1; then echo null; else round "$(hits $1)"; fi; }
        round() { echo $((($1 + 50) / 100 * 100)); }
        arguments=$*
        case $1 in
        init) mkdir advertiser; echo vmid1abc >advertiser/identity.txt; echo identity: vmid1abc ;;
        accept) test -f "$4" ;;
        run)
            profile=$(option --profile)
            test "$(echo "$arguments" | tr ' ' '\n' | grep -c =)" = 4 || exit 2
            eligible=$(number eligible)
            matched=$(number matched_shuffled)
            case $profile in
            matched-rows)
                matched=$(number matched)
                cp truth/matched-rows.csv "$(option --output)" ;;
            digital-ids) cp truth/digital-ids.csv "$(option --output)" ;;
            activation)
                mkdir -p provider/partners/demo-advertiser/deliveries
                cp truth/activated-ids.csv \
                    provider/partners/demo-advertiser/deliveries/$profile.csv ;;
            esac
            test $profile = matched-rows || matched=$(round $matched)
            percent=$(((matched * 200 + eligible) / (eligible * 2)))
            mkdir -p advertiser/runs/$profile provider/sessions/$profile
            cat >"$(option --json)" <<END
            { "profile": "$profile", "rows": $(number rows), "eligible": $eligible,
              "matched": $matched, "tasks": {},
              "stages": [{ "name": "blind", "seconds": 0.1, "cpu_seconds": 0.1 }],
              "rate": { "percent": $percent, "over": false },
              "rows_by_hits": [$(cell 1), $(cell 2), $(cell 3), $(cell 4)],
              "bytes_sent": 1, "bytes_received": 2,
              "transcript_dir": "advertiser/runs/$profile",
              "elements": $(((eligible + 33767) / 32768 * 32768 * 4)),
              "backend": "none", "session_id": "$profile" }
END
        esac"#;
    const FAKE_PROVIDER: &str = r#"
        case $1 in
        init) mkdir provider ;;
        invite)
            test "$6" = advertiser/identity.txt && echo "${14}" >address && echo x >"${16}"
            mkdir -p provider/partners/demo-advertiser
            cd provider/partners/demo-advertiser
            test -f partner.toml ||
                printf 'kinds = [\n    "x",\n]\nnamespaces = []\n' >partner.toml ;;
        object) test -f "$4" ;;
        ingest)
            test -f "$5" && test -f "$6" || exit 2
            grep -q phone provider/partners/demo-advertiser/partner.toml ;;
        serve)
            trap 'exit 0' TERM
            test "$(cat address)" = "$5" || exit 2
            echo "$5" >"$7"
            while :; do sleep 0.01; done
        esac"#;
    const FAKE_AUDITOR: &str = r#"
        test -d "$2" && cat >"$4" <<END
        { "checks": [{ "rule": "T-01", "title": "whole", "result": "passed" }] }
END"#;

    fn drive(advertiser: &str, provider: &str, auditor: &str) -> Result<Report, String> {
        drive_all(&[Profile::MatchedRows], advertiser, provider, auditor)
    }

    fn drive_all(
        profiles: &[Profile],
        advertiser: &str,
        provider: &str,
        auditor: &str,
    ) -> Result<Report, String> {
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
            directory: dir.path().to_owned(),
        };
        let work = prepare_directory(&dir.path().join("work")).unwrap();
        let pair = Pair {
            programs: &programs,
            work: &work,
            sample: &Sample::new(1_600, 1_200, 1),
            profiles,
            limit: Duration::from_secs(60),
            stop: &Interrupt::never(),
        };
        let report = pair.drive()?;
        assert_eq!(report.to_json(&pair)["passed"], report.passed().is_ok());
        Ok(report)
    }

    #[test]
    fn programs_that_keep_the_contract_pass() {
        let report =
            drive_all(&Profile::ALL, FAKE_ADVERTISER, FAKE_PROVIDER, FAKE_AUDITOR).unwrap();
        assert_eq!(report.passed(), Ok(()));
        assert_eq!(report.steps.len(), 8 + 4 * 4);
        assert_eq!(report.runs.iter().filter(|run| run.quality.is_some()).count(), 2);
        assert!(report.steps.iter().all(|step| step.cost.wall_s >= 0.0));
        let whole = [Check { title: "whole".to_owned(), result: "passed".to_owned() }];
        let mut verdicts = report.runs.iter().flat_map(|run| &run.verdicts);
        assert!(verdicts.all(|verdict| verdict.accepted() && verdict.checks == whole));
    }

    #[test]
    fn a_missing_line_and_a_refusing_auditor_are_told() {
        let short = FAKE_ADVERTISER
            .replace("cp truth/matched-rows.csv", "sed '$d' truth/matched-rows.csv >");
        let report = drive(&short, FAKE_PROVIDER, FAKE_AUDITOR).unwrap();
        assert_eq!(report.runs[0].differences.len(), 1);
        assert!(report.passed().unwrap_err().contains("the result of matched-rows is wrong"));
        let refusing = "echo finding: T-04; exit 1";
        let report = drive(FAKE_ADVERTISER, FAKE_PROVIDER, refusing).unwrap();
        assert!(report.runs[0].differences.is_empty());
        let reason = report.passed().unwrap_err();
        assert!(reason.matches("finding: T-04").count() == 2, "{reason}");
    }

    #[test]
    fn a_failing_program_is_named_with_its_last_words() {
        let refused =
            FAKE_ADVERTISER.replace("eligible=", "echo too few rows >&2; exit 77; eligible=");
        let reason = drive(&refused, FAKE_PROVIDER, FAKE_AUDITOR).err().unwrap();
        assert!(reason.contains("advertiser-run-matched-rows failed"), "{reason}");
        assert!(reason.contains("77") && reason.contains("too few rows"), "{reason}");
        let dying = FAKE_PROVIDER.replace("while :; do sleep 0.01; done", "sleep 0.1; exit 70");
        let waiting = FAKE_ADVERTISER.replace("eligible=", "exec sleep 30; eligible=");
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
