//! One program run as a separate process: its output kept in files, its cost read from /proc.
//!
//! A process that ends is looked at once more while it is a zombie, so its CPU time is exact;
//! its peak memory is the kernel's own high-water mark, read every few milliseconds. A value of
//! [`Running`] that is dropped kills its process: no path out of a task leaves one behind.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::tool::{Context, Interrupt};

/// A process under way.
pub(crate) struct Running {
    name: String,
    child: Child,
    started: Instant,
    peak_kib: u64,
    stdout: PathBuf,
    stderr: PathBuf,
    ended: bool,
}

/// Cost of a process so far, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Cost {
    /// Seconds since it was started.
    pub(crate) wall_s: f64,
    /// Seconds of processor time, user and system, all threads.
    pub(crate) cpu_s: f64,
    /// Most memory resident at once, in KiB.
    pub(crate) peak_kib: u64,
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// Name for messages.
    pub(crate) name: String,
    /// Cost of the process.
    pub(crate) cost: Cost,
    /// Exit status of the process.
    pub(crate) status: ExitStatus,
    /// File with its standard output.
    pub(crate) stdout: PathBuf,
    /// File with its standard error.
    pub(crate) stderr: PathBuf,
}

impl Running {
    /// Starts a program in `work`; its output goes to `work/logs/NAME.{stdout,stderr}`.
    pub(crate) fn start<S: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: &[S],
        work: &Path,
    ) -> Result<Self, String> {
        let logs = work.join("logs");
        fs::create_dir_all(&logs).at("create", &logs)?;
        let stdout = logs.join(format!("{name}.stdout"));
        let stderr = logs.join(format!("{name}.stderr"));
        let child = Command::new(program)
            .args(arguments)
            .current_dir(work)
            .env("VEILMATCH_LANG", "en")
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).at("create", &stdout)?)
            .stderr(File::create(&stderr).at("create", &stderr)?)
            .spawn()
            .at("start", program)?;
        let name = name.to_owned();
        Ok(Self { name, child, started: Instant::now(), peak_kib: 0, stdout, stderr, ended: false })
    }

    /// Looks once: the end of the process if it has ended, nothing if it still runs.
    pub(crate) fn poll(&mut self) -> Result<Option<Ended>, String> {
        // Before asking whether it has ended: a zombie has no memory left to look at.
        self.peak_kib = self.peak_kib.max(peak_kib(self.child.id()).unwrap_or(0));
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let seen = waitid(WaitId::Pid(Pid::from_child(&self.child)), options)
            .map_err(|error| format!("cannot wait for {}: {error}", self.name))?;
        if seen.is_none() {
            return Ok(None);
        }
        let cost = self.cost();
        let waited = self.child.wait();
        let status = waited.map_err(|error| format!("cannot wait for {}: {error}", self.name))?;
        self.ended = true;
        let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
        Ok(Some(Ended { name: self.name.clone(), cost, status, stdout, stderr }))
    }

    /// Waits for the end, at most so long; `other` must keep running meanwhile.
    pub(crate) fn wait(
        mut self,
        limit: Duration,
        stop: &Interrupt,
        mut other: Option<&mut Running>,
    ) -> Result<Ended, String> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(ended) = self.poll()? {
                return Ok(ended);
            }
            stop.check()?;
            if let Some(other) = other.as_deref_mut()
                && let Some(ended) = other.poll()?
            {
                return Err(ended.unexpected("ended while it was needed"));
            }
            if Instant::now() > deadline {
                let reason = format!("{} did not end within {} s", self.name, limit.as_secs());
                return Err(format!("{reason}{}", tail(&self.stderr)));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks the process to stop and waits; it has to end by itself within the limit.
    pub(crate) fn stop(self, limit: Duration) -> Result<Ended, String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| format!("cannot stop {}: {error}", self.name))?;
        self.wait(limit, &Interrupt::never(), None)
    }

    /// The last lines it wrote to standard error.
    pub(crate) fn tail(&self) -> String {
        tail(&self.stderr)
    }

    /// Cost of the process until now.
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            wall_s: self.started.elapsed().as_secs_f64(),
            cpu_s: cpu_s(self.child.id()).unwrap_or(0.0),
            peak_kib: self.peak_kib,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// Fails unless the exit status is 0.
    pub(crate) fn expect_success(self) -> Result<Self, String> {
        if self.status.success() { Ok(self) } else { Err(self.unexpected("failed")) }
    }

    /// A message with the exit status and the last lines the program wrote.
    pub(crate) fn unexpected(&self, what: &str) -> String {
        let Self { name, status, .. } = self;
        let (stdout, stderr) = (tail(&self.stdout), tail(&self.stderr));
        format!("{name} {what} ({status}){stderr}{stdout}")
    }
}

/// The last lines of a file, indented under its name; nothing if it is empty.
fn tail(path: &Path) -> String {
    let Ok(bytes) = fs::read(path) else {
        return String::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return String::new();
    }
    let shown = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("\n  end of {name}:\n    {}", shown.join("\n    "))
}

/// The kernel's high-water mark of resident memory, while the process has memory.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// User and system time of all threads, also of a zombie.
fn cpu_s(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so count fields after it.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / rustix::param::clock_ticks_per_second() as f64)
}

/// Time between two looks at a running process.
const POLL: Duration = Duration::from_millis(10);

/// Lines shown of a failed program's output.
const TAIL_LINES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, work: &Path) -> Running {
        Running::start("shell", Path::new("/bin/sh"), &["-c", script], work).unwrap()
    }

    #[test]
    fn reports_status_and_the_end_of_the_output() {
        let work = tempfile::tempdir().unwrap();
        let script = "for i in $(seq 30); do echo line $i >&2; done; exit 3";
        let running = shell(script, work.path());
        let ended = running.wait(Duration::from_secs(20), &Interrupt::never(), None).unwrap();
        assert_eq!(ended.status.code(), Some(3));
        let message = ended.expect_success().unwrap_err();
        assert!(message.contains("line 30") && !message.contains("line 9\n"), "{message}");
    }

    #[test]
    fn counts_processor_time() {
        let work = tempfile::tempdir().unwrap();
        let running = shell("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", work.path());
        let ended = running.wait(Duration::from_secs(60), &Interrupt::never(), None).unwrap();
        assert!(ended.cost.cpu_s > 0.0);
        assert!(ended.cost.peak_kib > 0);
    }

    #[test]
    fn stops_on_request_and_gives_up_on_the_deaf() {
        let work = tempfile::tempdir().unwrap();
        let script = "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done";
        let mut running = shell(script, work.path());
        while fs::read_to_string(&running.stdout).unwrap().is_empty() {
            assert!(running.poll().unwrap().is_none());
        }
        assert!(running.stop(Duration::from_secs(20)).unwrap().status.success());
        let deaf = shell("trap '' TERM; while :; do sleep 0.01; done", work.path());
        let pid = deaf.child.id();
        assert!(deaf.wait(Duration::from_millis(200), &Interrupt::never(), None).is_err());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn notices_that_a_needed_process_has_gone() {
        let work = tempfile::tempdir().unwrap();
        let mut other = shell("exit 70", work.path());
        let running =
            Running::start("sleep", Path::new("/bin/sleep"), &["30"], work.path()).unwrap();
        let limit = Duration::from_secs(20);
        let reason = running.wait(limit, &Interrupt::never(), Some(&mut other)).unwrap_err();
        assert!(reason.contains("ended while it was needed"), "{reason}");
    }
}
