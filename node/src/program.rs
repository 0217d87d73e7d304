//! Description of this program, as its HELLOs carry it, and its course from arguments to status.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::time::Duration;

use normalize::Ruleset;
use protocol::message::Program;
use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::{BuildFlags, Role};
use report::{Code, Failure, Reader, Text};
use sha2::{Digest, Sha256};

use channel::identity;

use crate::console::{OutputOptions, Terminal, Told, tell_done, tell_failure};
use crate::console::{tell_end, tell_start};

/// Command line of a node's program.
pub trait CommandLine: clap::Parser {
    /// Role of the node.
    const ROLE: Role;

    /// Options on what is printed.
    fn output(&self) -> &OutputOptions;

    /// The command, as machines are told of it.
    fn told(&self) -> Told;

    /// The name that the operator gave this run.
    fn run_id(&self) -> Option<&str> {
        None
    }

    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the command.
    fn carry_out(self, output: &OutputOptions, terminal: &Terminal) -> Result<(), Failure>;
}

/// Runs a program on the arguments of the process, to its end.
#[must_use]
pub fn run<C: CommandLine>() -> ExitCode {
    let terminal = Terminal::for_reader(Reader::detect(Some(C::ROLE)));
    let line: C = match report::cli::parse(terminal.reader()) {
        Ok(line) => line,
        Err(unparsed) => return unparsed.end(|failure| terminal.failure(failure)).into(),
    };
    let told = line.told();
    let mut output = OutputOptions { run_id: run_id_of_now(), ..line.output().clone() };
    if let Some(named) = line.run_id() {
        (output.run_id, output.run_is_named) = (named.to_owned(), true);
    }
    if output.quiet {
        terminal.be_quiet();
    }
    if output.takes_standard_output() {
        terminal.put_text_aside();
    }
    tell_start(&output, told.command, &terminal);
    let done = crate::start(&output)
        .and_then(|()| line.carry_out(&output, &terminal))
        .and_then(|()| tell_done(&output, &told));
    match done {
        Ok(()) => {
            tracing::info!(target: "veilmatch::command", command = told.command, exit = 0, "done");
            tell_end(&output, None, &terminal);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            tell_failure(&failure, &output, &told, &terminal);
            tell_end(&output, Some(&failure), &terminal);
            failure.exit().into()
        }
    }
}

/// The name of a run that nobody named: the time, to the millisecond.
fn run_id_of_now() -> String {
    jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S.%3fZ").to_string()
}

/// Reads the name of a run: 1 to 64 letters, digits, `.`, `-` and `_`; `last` means another one.
///
/// # Errors
///
/// The part that is wrong.
pub fn run_id(text: &str) -> Result<String, &'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match text.chars().all(plain) && (1..=64).contains(&text.len()) && text != "last" {
        true => Ok(text.to_owned()),
        false => Err("name"),
    }
}

/// Reads a time such as `90s`, `30m` or `2h`.
///
/// # Errors
///
/// The part that is wrong.
pub fn span(text: &str) -> Result<Duration, &'static str> {
    let time = text.parse::<jiff::SignedDuration>().map_err(|_| "time")?;
    Duration::try_from(time).map_err(|_| "sign")
}

/// The place of a node, as the command line or the environment has it.
#[derive(Debug, Clone, clap::Args)]
pub struct NodePlace {
    /// Directory of the node.
    #[arg(long, global = true, value_name = "DIR", env = "VEILMATCH_DIR")]
    dir: Option<PathBuf>,
}

impl NodePlace {
    /// The directory of the node: the one that is named, else the usual one of its role.
    ///
    /// # Errors
    ///
    /// [`Code::Usage`] where there is no usual one, because nobody's home is known.
    pub fn directory(&self, role: Role) -> Result<PathBuf, Failure> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from);
        let usual = || usual_directory(role, variable("XDG_DATA_HOME"), variable("HOME"));
        let unknown = || Failure::new(Code::Usage, Text::new("dir-unknown"));
        self.dir.clone().or_else(usual).ok_or_else(unknown)
    }
}

/// The directory of a role in the data of a user, by `XDG_DATA_HOME` or `HOME`.
fn usual_directory(role: Role, data: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // A relative path there is none, says the specification.
    let [data, home] = [data, home].map(|path| path.filter(|path| path.is_absolute()));
    let data = data.or_else(|| Some(home?.join(".local/share")))?;
    Some(data.join("veilmatch").join(role.name()))
}

/// The one file of a command that takes no more.
///
/// # Errors
///
/// [`Code::Usage`] if there are several.
pub fn only(files: &[PathBuf]) -> Result<&PathBuf, Failure> {
    match files {
        [one] => Ok(one),
        _ => Err(Failure::new(Code::Usage, Text::new("usage-one-file"))),
    }
}

/// The program that runs, in its role; its executable is read once.
#[must_use]
pub fn running(role: Role) -> Program {
    static DIGEST: OnceLock<[u8; 32]> = OnceLock::new();
    // An executable that cannot be read, such as one that was replaced, is told as zeros.
    let digest = *DIGEST.get_or_init(|| digest().unwrap_or([0; 32]));
    // The session itself says which limits it runs with.
    let build = BuildFlags { small_limits: false, classical_kx: identity::offers_classical() };
    Program::new(role, build, version(), digest)
}

/// The version of the package: major · 2^24 + minor · 2^16 + patch.
fn version() -> u32 {
    let part = |text: &str| text.parse().unwrap_or(0_u32);
    let (major, minor) = (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"));
    let patch = env!("CARGO_PKG_VERSION_PATCH");
    part(major) << 24 | part(minor) << 16 | part(patch)
}

/// The answer of a node to `--version`: all that two builds may differ in.
///
/// Commit and compiler are those of the program, which its build script tells.
#[must_use]
pub fn version_in_full(commit: &str, compiler: &str) -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let backend = ristretto_batch::Engine::detect().backend();
        let rulesets = Ruleset::ALL.map(Ruleset::name).join(", ");
        format!(
            "{}\ncommit      {commit}\ncompiler    {compiler}\narithmetic  {backend}\n\
             protocol    {PROTOCOL_VERSION}\nrulesets    {rulesets}",
            env!("CARGO_PKG_VERSION")
        )
    })
}

fn digest() -> io::Result<[u8; 32]> {
    // Where the system has it this is the very file that was started, also after an update.
    let mut file =
        File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_have_plain_names() {
        for text in ["nightly-2026-11-30", "a", "A_1.b", &"a".repeat(64), &run_id_of_now()] {
            assert_eq!(run_id(text).unwrap(), text);
        }
        for text in ["", "last", "a b", "a/b", "é", &"a".repeat(65)] {
            run_id(text).unwrap_err();
        }
        assert_eq!(run_id_of_now().len(), "20261130T054610.123Z".len());
    }

    #[test]
    fn times_to_wait_have_units() {
        for (text, seconds) in [("90s", 90), ("30m", 1_800), ("1h 30m", 5_400), ("0s", 0)] {
            assert_eq!(span(text).unwrap(), Duration::from_secs(seconds));
        }
        for text in ["", "30", "-5s", "soon"] {
            span(text).unwrap_err();
        }
    }

    #[test]
    fn a_node_lies_in_the_data_of_its_user_unless_it_is_named() {
        let path = |text: &str| Some(PathBuf::from(text));
        let usual = |data, home| usual_directory(Role::Provider, data, home);
        assert_eq!(usual(path("/d"), path("/h")), path("/d/veilmatch/provider"));
        for data in [None, path(""), path("d")] {
            assert_eq!(usual(data, path("/h")), path("/h/.local/share/veilmatch/provider"));
        }
        assert_eq!(usual(path("d"), path("h")), None);
        let named = NodePlace { dir: path("n") };
        assert_eq!(named.directory(Role::Advertiser).unwrap(), PathBuf::from("n"));
    }

    #[test]
    fn the_program_says_its_version_and_the_digest_of_its_executable() {
        let program = running(Role::Provider);
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!((program.role, program.flags, program.digest), (1, 0, digest));
        let (major, minor, patch) = program.version_parts();
        assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
    }
}
