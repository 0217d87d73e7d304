//! `auditor`: verify or show a session. The exit status is the verdict.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auditor::finding;
use auditor::source::{Package, PackageError};
use clap::{Parser, Subcommand};
use protocol::attestation::PartyId;
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::transcript::verify::{Expected, verify};

/// Verifies Veilmatch sessions offline, without secrets.
#[derive(Parser)]
#[command(name = "auditor", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks everything that a transcript and its frames show (level T0).
    ///
    /// Exits 0 if every check passed, 1 if one failed or could not be made, 74 if the package
    /// cannot be read. Whose session it is stands above the checklist: compare it with the party
    /// ids that both sides gave you, or give them here.
    Verify {
        /// Directory of the session, or its RUN.transcript.
        package: PathBuf,
        /// Party id the advertiser must have, 64 hexadecimal digits.
        #[arg(long, value_name = "PARTY", value_parser = party)]
        advertiser: Option<PartyId>,
        /// Party id the provider must have, 64 hexadecimal digits.
        #[arg(long, value_name = "PARTY", value_parser = party)]
        provider: Option<PartyId>,
        /// Also write the checklist to this file.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Lists the messages and streams of a session.
    Show {
        /// Directory of the session, or its RUN.transcript.
        package: PathBuf,
    },
}

fn main() -> ExitCode {
    let status = match Cli::parse().command {
        Command::Verify { package, advertiser, provider, json } => {
            run_verify(&package, &Expected { advertiser, provider }, json.as_deref())
        }
        Command::Show { package } => Package::open(&package)
            .map(|package| {
                say(&finding::outline(package.transcript()));
                ACCEPTED
            })
            .unwrap_or_else(|error| refuse(&error)),
    };
    ExitCode::from(status)
}

fn run_verify(path: &Path, expected: &Expected, json: Option<&Path>) -> u8 {
    let package = match Package::open(path) {
        Ok(package) => package,
        Err(error) => return refuse(&error),
    };
    let mut frames = package.frames();
    let transcript = package.transcript();
    let (arithmetic, limits) = (Portable, Limits::STANDARD);
    let verdict =
        verify(transcript, &mut frames, &arithmetic, &limits, ELEMENTS_PER_PASS, expected);
    say(&finding::checklist(&verdict));
    if let Some(file) = json {
        let report = finding::json(&verdict, finding::session_id(transcript).as_ref());
        if let Err(error) = std::fs::write(file, format!("{report:#}\n")) {
            complain(&format!(
                "error V0403: cannot write {}: {error}\n  whose move: yours\n  \
                 try: name a file in a directory you may write to\n",
                file.display()
            ));
            return STORAGE;
        }
    }
    if verdict.is_accepted() { ACCEPTED } else { FINDING }
}

fn refuse(error: &PackageError) -> u8 {
    let (status, advice) = match error {
        PackageError::Unreadable { .. } => {
            (STORAGE, "name the directory of a session, which holds RUN.transcript")
        }
        PackageError::OtherVersion { .. } => {
            (STORAGE, "use the auditor of that version, or have the session made anew")
        }
        PackageError::TooLarge { .. } => (FINDING, "ask the party for the transcript it signed"),
        PackageError::Damaged { .. } => {
            say("verdict: NOT accepted, the transcript is damaged\n");
            (FINDING, "ask the party for an undamaged copy; both parties hold one")
        }
    };
    complain(&format!("error V0402: {error}\n  whose move: yours\n  try: {advice}\n"));
    status
}

fn party(text: &str) -> Result<PartyId, &'static str> {
    finding::unhex(text).map(PartyId).ok_or("a party id has 64 hexadecimal digits")
}

/// Writes to standard output; a closed pipe is not an error of the audit.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

const ACCEPTED: u8 = 0;
const FINDING: u8 = 1;
const STORAGE: u8 = 74;
/// 4 million encodings, 128 MiB, at a time.
const ELEMENTS_PER_PASS: usize = 1 << 22;
