//! Two nodes that know each other, with a relay between them, and data of a known answer.
//!
//! Every second customer is known to the provider. Each trial matches rows of its own, so that no
//! result of an earlier trial answers it, and so many others that no rule finds them too close.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::relay::Relay;
use crate::answer::Profile;
use crate::pair::{Programs, with_setting};
use crate::process::{Ended, Running};
use crate::tool::{Context, Interrupt};
use sample::Day;

/// Both nodes, the service running.
pub(super) struct Stand<'a> {
    programs: &'a Programs,
    work: PathBuf,
    stop: &'a Interrupt,
    address: SocketAddr,
    /// The path between the nodes.
    pub(super) relay: Relay,
    service: Option<Running>,
    starts: u32,
}

/// Side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Advertiser,
    Provider,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Provider => "provider",
        }
    }
}

/// Evaluations that both ledgers say were charged to the advertiser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charged {
    pub(super) advertiser: u64,
    pub(super) provider: u64,
}

impl<'a> Stand<'a> {
    /// Makes both nodes in `work` and starts the service.
    pub(super) fn set_up(
        programs: &'a Programs,
        work: &Path,
        trials: usize,
        stop: &'a Interrupt,
    ) -> Result<Self, String> {
        let work = crate::pair::prepare_directory(work)?;
        let port = UdpSocket::bind(("127.0.0.1", 0)).and_then(|socket| socket.local_addr());
        let address = port.map_err(|error| format!("cannot find a free UDP port: {error}"))?;
        let relay = Relay::start(address)?;
        let mut stand = Self { programs, work, stop, address, relay, service: None, starts: 0 };
        stand.write_data(trials)?;
        stand.introduce()?;
        stand.serve()?;
        Ok(stand)
    }

    /// The rows of each trial, and the graph that knows every second customer of all of them.
    fn write_data(&self, trials: usize) -> Result<(), String> {
        for trial in 0..trials {
            let mut crm = String::from(
                "row_id,email,consent_purposes,consent_ref,consent_at,consent_notice\n",
            );
            for i in customers(trial) {
                let _ = writeln!(
                    crm,
                    "r{i:06},customer.{i}@exemple.fr,ads.match,R-{i},2026-03-02T10:14:00Z,N-1"
                );
            }
            self.write(&input(trial), &crm)?;
        }
        let mut links = String::from(
            "person_ref,persona_ref,type,value,class,id_type,id_namespace,id_value,evidence,day\n",
        );
        let last = customers(trials.saturating_sub(1)).end;
        for i in (0..last).step_by(2) {
            let _ = writeln!(
                links,
                "H-{i},P-{i},email,customer.{i}@exemple.fr,tablet,cookie,exemple-regie.fr,{},\
                 login,{}",
                digital_id(i),
                Day::today()
            );
        }
        self.write("links.csv", &links)
    }

    fn introduce(&self) -> Result<(), String> {
        self.command(Side::Provider, "init", &["init", "--dir", "provider"])?;
        self.command(Side::Provider, "ingest", &["ingest", "--dir", "provider", "links.csv"])?;
        self.command(Side::Advertiser, "init", &["init", "--dir", "advertiser"])?;
        let relay = self.relay.address().to_string();
        let mut arguments = vec!["invite", "--dir", "provider", PARTNER, "--rows", "1200"];
        arguments.extend(["--identity", "advertiser/identity.txt", "--legal-entity", "Retailer A"]);
        arguments.extend(["--address", &relay, "--output", "invitation.toml"]);
        for profile in Profile::ALL {
            arguments.extend(["--profile", profile.name()]);
        }
        arguments.extend(["--allow", "wide-budget"]);
        self.command(Side::Provider, "invite", &arguments)?;
        // Trials follow each other within minutes, on lists that share most of their rows.
        let policy = format!("provider/partners/{PARTNER}/partner.toml");
        let mut text = self.read(&policy)?;
        for (name, value) in [
            ("group_min", "50"),
            ("evaluations_per_day", "1073741824"),
            ("evaluations_per_epoch", "1073741824"),
            ("phones_per_day", "1073741824"),
            ("phones_per_epoch", "1073741824"),
            // More runs than an epoch of privacy loss has.
            ("epsilon_milli", "0"),
        ] {
            text = with_setting(&text, name, value);
        }
        self.write(&policy, &text)?;
        arguments.push("--overwrite");
        self.command(Side::Provider, "invite-again", &arguments)?;
        let settings = self.read("advertiser/advertiser.toml")?;
        self.write(
            "advertiser/advertiser.toml",
            &format!("{settings}\ngroup_min = 50\nepsilon_milli = 0\n"),
        )?;
        let accept = ["accept", "--dir", "advertiser", "invitation.toml"];
        self.command(Side::Advertiser, "accept", &accept).map(drop)
    }

    /// Starts the service and waits until it is ready.
    fn serve(&mut self) -> Result<(), String> {
        let ready = self.work.join("provider.ready");
        let _ = fs::remove_file(&ready);
        let listen = self.address.to_string();
        self.starts += 1;
        let arguments =
            ["serve", "--dir", "provider", "--listen", &listen, "--ready-file", "provider.ready"];
        let name = format!("serve-{}", self.starts);
        let mut service =
            Running::start(&name, self.programs.program(true), &arguments, &self.work)?;
        let deadline = Instant::now() + LIMIT;
        while !ready.is_file() {
            if let Some(ended) = service.poll()? {
                return Err(ended.unexpected("ended before it was ready"));
            }
            self.stop.check()?;
            if Instant::now() > deadline {
                return Err(format!("the provider was not ready in time{}", service.tail()));
            }
            std::thread::sleep(POLL);
        }
        self.service = Some(service);
        Ok(())
    }

    /// Kills the service as a power cut would, and starts it again as a supervisor would.
    pub(super) fn kill_service(&mut self) -> Result<(), String> {
        drop(self.service.take());
        self.serve()
    }

    /// Ends the stand; the service has to stop in order.
    pub(super) fn end(mut self) -> Result<(), String> {
        match self.service.take() {
            Some(service) => service.stop(LIMIT)?.expect_success().map(drop),
            None => Ok(()),
        }
    }

    /// Starts a run of one trial; `attempt` names its logs.
    pub(super) fn start_run(
        &self,
        trial: usize,
        profile: Profile,
        attempt: &str,
    ) -> Result<Running, String> {
        let (input, output) = (input(trial), output(trial));
        let summary = summary(trial, attempt);
        let mut arguments = vec!["run", "--dir", "advertiser", "--profile", profile.name()];
        arguments.extend([&input, "--json", &summary, "--approve", "--overwrite"]);
        if matches!(profile, Profile::MatchedRows | Profile::DigitalIds) {
            arguments.extend(["--output", &output]);
        }
        let name = format!("run-{trial}-{attempt}");
        Running::start(&name, self.programs.program(false), &arguments, &self.work)
    }

    /// Waits for a run while the service lives.
    pub(super) fn wait(&mut self, run: Running) -> Result<Ended, String> {
        run.wait(LIMIT, self.stop, self.service.as_mut())
    }

    /// Records of the transcript of the newest session of a side that is not among `known`.
    pub(super) fn records(&self, side: Side, known: &BTreeSet<String>) -> usize {
        let mut most = 0;
        for name in self.sessions(side).difference(known) {
            let file = self.work.join(side.name()).join("sessions").join(name);
            most = most.max(records(&fs::read(file.join("RUN.transcript")).unwrap_or_default()));
        }
        most
    }

    /// Names of the session directories of a side.
    pub(super) fn sessions(&self, side: Side) -> BTreeSet<String> {
        let entries = fs::read_dir(self.work.join(side.name()).join("sessions"));
        let entries = entries.into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The evaluations charged so far, as both nodes tell them.
    pub(super) fn charged(&self) -> Result<Charged, String> {
        let spent = |side: Side, list: &str| {
            let arguments = ["status", "--dir", side.name(), "--json", "-"];
            let ended = self.command(side, "status", &arguments)?;
            let text = fs::read_to_string(&ended.stdout).at("read", &ended.stdout)?;
            let value: Value = serde_json::from_str(&text).at("read", &ended.stdout)?;
            value[list][0]["evaluations"]["spent_day"]
                .as_u64()
                .ok_or_else(|| format!("the {} does not tell what was spent", side.name()))
        };
        Ok(Charged {
            advertiser: spent(Side::Advertiser, "providers")?,
            provider: spent(Side::Provider, "partners")?,
        })
    }

    /// Checks a finished run against the known answer; says whether it came from the store.
    pub(super) fn judge(
        &self,
        trial: usize,
        profile: Profile,
        attempt: &str,
    ) -> Result<bool, String> {
        let text = self.read(&summary(trial, attempt))?;
        let value: Value = serde_json::from_str(&text).at("read", Path::new(attempt))?;
        let rows = customers(trial);
        let known: BTreeSet<String> = rows.clone().filter(|i| i % 2 == 0).map(digital_id).collect();
        if value["matched"].as_u64() != Some(ROWS / 2) {
            return Err(format!("{} rows matched, not {}", value["matched"], ROWS / 2));
        }
        match profile {
            Profile::MatchRate | Profile::Activation => {}
            Profile::DigitalIds => {
                let file = self.read(&output(trial))?;
                let column = file
                    .lines()
                    .next()
                    .and_then(|header| header.split(',').position(|name| name == "id_value"));
                let column = column.ok_or("the delivery has no column id_value")?;
                let ids = file.lines().skip(1).filter_map(|line| line.split(',').nth(column));
                let ids: BTreeSet<String> = ids.map(str::to_owned).collect();
                // Whoever was delivered may stay a while, and a part of those who are new waits.
                let earlier: BTreeSet<String> = (0..=trial)
                    .flat_map(|trial| customers(trial).filter(|i| i % 2 == 0))
                    .map(digital_id)
                    .collect();
                if !ids.is_subset(&earlier) || known.difference(&ids).count() > WAITING_MAX {
                    return Err("the delivery holds other digital IDs".to_owned());
                }
            }
            Profile::MatchedRows => {
                let file = self.read(&output(trial))?;
                let matched = file.lines().skip(1).filter_map(|line| line.split(',').next());
                let found: BTreeSet<_> = matched.map(str::to_owned).collect();
                let expected: BTreeSet<_> =
                    rows.filter(|i| i % 2 == 0).map(|i| format!("r{i:06}")).collect();
                if found != expected {
                    return Err("the result names other rows".to_owned());
                }
            }
        }
        Ok(value["outcome"].as_str() == Some("stored"))
    }

    fn command(&self, side: Side, name: &str, arguments: &[&str]) -> Result<Ended, String> {
        let program = self.programs.program(side == Side::Provider);
        let running =
            Running::start(&format!("{}-{name}", side.name()), program, arguments, &self.work)?;
        running.wait(LIMIT, self.stop, None)?.expect_success()
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let path = self.work.join(name);
        fs::read_to_string(&path).at("read", &path)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.work.join(name);
        fs::write(&path, text).at("write", &path)
    }
}

/// Whole records of a transcript, whatever follows them.
fn records(bytes: &[u8]) -> usize {
    let Some(mut rest) = bytes.iter().position(|byte| *byte == b'\n').map(|at| &bytes[at + 1..])
    else {
        return 0;
    };
    let mut whole = 0;
    while let Some((length, _)) = rest.split_first_chunk::<4>() {
        let body = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some(next) = body.checked_add(RECORD_FRAME_BYTES).and_then(|end| rest.get(end..))
        else {
            break;
        };
        rest = next;
        whole += 1;
    }
    whole
}

/// The customers of a trial, by number.
fn customers(trial: usize) -> std::ops::Range<u64> {
    let first = trial as u64 * STEP;
    first..first + ROWS
}

fn digital_id(customer: u64) -> String {
    format!("cookie-{customer}")
}

fn input(trial: usize) -> String {
    format!("crm-{trial}.csv")
}

fn output(trial: usize) -> String {
    format!("result-{trial}.csv")
}

fn summary(trial: usize, attempt: &str) -> String {
    format!("summary-{trial}-{attempt}.json")
}

/// Rows of a trial.
const ROWS: u64 = 1_200;

/// Customers between the first of one trial and the first of the next.
const STEP: u64 = 400;

/// Bytes of a record beside its body: length, type, number and checksum.
const RECORD_FRAME_BYTES: usize = 4 + 1 + 8 + 8;

/// Name of the partner at the provider.
const PARTNER: &str = "retailer-a";

/// Longest time of any one step.
const LIMIT: Duration = Duration::from_secs(180);

/// Time between two looks for a file.
const POLL: Duration = Duration::from_millis(20);

/// Persons who wait in a release, at most.
const WAITING_MAX: usize = 110;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_records_are_counted_and_a_torn_one_is_not() {
        let mut file = b"VEILMATCH-TRANSCRIPT-3\n".to_vec();
        assert_eq!(records(&file), 0);
        for body in [100_u32, 0, 48] {
            file.extend(body.to_le_bytes());
            file.extend(vec![0; body as usize + 17]);
        }
        assert_eq!(records(&file), 3);
        assert_eq!(records(&file[..file.len() - 1]), 2);
        assert_eq!(records(b"no line"), 0);
    }

    #[test]
    fn trials_differ_by_enough_rows() {
        let (a, b) = (customers(0), customers(1));
        assert_eq!(a.end - b.start, ROWS - STEP);
        // Rows on either side, and the records of half of them.
        const { assert!(STEP >= 50 && STEP / 2 >= 50) };
    }
}
