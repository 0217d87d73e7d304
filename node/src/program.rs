//! Description of this program, as its HELLOs carry it, and its course from arguments to status.

use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::OnceLock;

use normalize::Ruleset;
use protocol::message::Program;
use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::{BuildFlags, Role};
use report::{Failure, Reader};
use sha2::{Digest, Sha256};

use channel::identity;

use crate::console::{OutputOptions, Terminal, Told, tell_failure};

/// Command line of a node's program.
pub trait CommandLine: clap::Parser {
    /// Role of the node.
    const ROLE: Role;

    /// Options on what is printed.
    fn output(&self) -> &OutputOptions;

    /// The command, as machines are told of it.
    fn told(&self) -> Told;

    /// Carries the command out.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the command.
    fn carry_out(self, terminal: &Terminal) -> Result<(), Failure>;
}

/// Runs a program on the arguments of the process, to its end.
#[must_use]
pub fn run<C: CommandLine>() -> ExitCode {
    let terminal = Terminal::for_reader(Reader::detect(Some(C::ROLE)));
    let line: C = match report::cli::parse(terminal.reader()) {
        Ok(line) => line,
        Err(unparsed) => return unparsed.end(|failure| terminal.failure(failure)).into(),
    };
    let (output, told) = (line.output().clone(), line.told());
    match crate::start(&output).and_then(|()| line.carry_out(&terminal)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell_failure(&failure, &output, &told, &terminal);
            failure.exit().into()
        }
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
    fn the_program_says_its_version_and_the_digest_of_its_executable() {
        let program = running(Role::Provider);
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!((program.role, program.flags, program.digest), (1, 0, digest));
        let (major, minor, patch) = program.version_parts();
        assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
    }
}
