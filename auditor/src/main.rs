//! `auditor`: verify or show a session. The exit status is the verdict.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use auditor::output::Output;
use auditor::parties::{self, Names};
use auditor::source::{Package, PackageError};
use auditor::{finding, statement};
use clap::{Args, Parser, Subcommand};
use protocol::attestation::PartyId;
use protocol::group::Portable;
use protocol::limits::Limits;
use protocol::suite::PROTOCOL_VERSION;
use serde_json::{Value, json};
use verify::{Account, Conclusion, Expected, Verdict, verify};

/// Verifies Veilmatch sessions offline, without secrets.
#[derive(Parser)]
#[command(name = "auditor", version, long_version = version_in_full())]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a session; say what is signed and what is only claimed.
    ///
    /// Checks everything that a transcript and its frames show (level T0). Exits 0 if every check
    /// passed, 1 if one failed, 3 if none failed in a session that ended early or could not be
    /// checked in full, 74 if the package cannot be read. Whose session it is stands above the
    /// checklist: compare it with what both sides gave you, or give that here.
    Verify(Verify),
    /// Say who, when, why, how much, under which terms; nothing is judged.
    Show {
        /// Directory of the session, or its RUN.transcript.
        package: PathBuf,
        /// Names of parties, one `name = "PARTY"` a line.
        #[arg(long, value_name = "FILE")]
        names: Option<PathBuf>,
        /// List the messages and streams in order instead.
        #[arg(long)]
        messages: bool,
    },
    /// Print the party id of an identity line.
    Party {
        /// Identity line `vmid1…`, a file with one, or `-` for standard input.
        #[arg(value_name = "LINE|FILE")]
        identity: String,
    },
}

#[derive(Args)]
struct Verify {
    /// Directory of the session, or its RUN.transcript.
    package: PathBuf,
    /// Party the advertiser must be: a party id, an identity line, or a name of `--names`.
    #[arg(long, value_name = "PARTY")]
    advertiser: Option<String>,
    /// Party the provider must be, in the same forms.
    #[arg(long, value_name = "PARTY")]
    provider: Option<String>,
    /// Names of parties, one `name = "PARTY"` a line.
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Also write the verdict to this file; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Let the file of `--json` replace one that is there.
    #[arg(long, requires = "json")]
    overwrite: bool,
}

fn main() -> ExitCode {
    let status = match Cli::parse().command {
        Command::Verify(arguments) => run_verify(&arguments),
        Command::Show { package, names, messages } => show(&package, names.as_deref(), messages),
        Command::Party { identity } => party(&identity),
    };
    ExitCode::from(status.unwrap_or_else(|refusal| refusal.tell()))
}

fn run_verify(arguments: &Verify) -> Result<u8, Refusal> {
    let output = arguments.json.as_deref().map(|file| {
        Output::claim(file, &arguments.package, arguments.overwrite).map_err(Refusal::output)
    });
    let output = output.transpose()?;
    let (status, text, mut report) = match judge(arguments) {
        Ok((verdict, names, torn)) => {
            let status = match verdict.conclusion() {
                Conclusion::Accepted => ACCEPTED,
                Conclusion::NotAccepted => FINDING,
                Conclusion::Interrupted | Conclusion::Incomplete => UNCHECKED,
            };
            let text = finding::checklist(&verdict, &names, torn);
            (status, text, finding::json(&verdict, &names, torn))
        }
        Err(refusal) => (refusal.tell(), String::new(), refusal.json()),
    };
    if let Some(object) = report.as_object_mut() {
        object.insert("exit".to_string(), status.into());
    }
    let report = format!("{report:#}\n");
    // Standard output is the report's, if it claimed it.
    match output {
        Some(Output::Standard) => complain(&text),
        _ => say(&text),
    }
    if let Some(output) = output {
        output
            .write(&report)
            .map_err(|error| Refusal::output(format!("cannot write the verdict: {error}")))?;
    }
    Ok(status)
}

/// The verdict, the reader's names, and the record that the transcript is cut in.
fn judge(arguments: &Verify) -> Result<(Verdict, Names, Option<u64>), Refusal> {
    let names = names(arguments.names.as_deref())?;
    let expected = Expected {
        advertiser: expected(arguments.advertiser.as_deref(), "--advertiser", &names)?,
        provider: expected(arguments.provider.as_deref(), "--provider", &names)?,
    };
    let package = Package::open(&arguments.package)?;
    let mut frames = package.frames();
    let (transcript, arithmetic, limits) = (package.transcript(), Portable, Limits::STANDARD);
    let verdict =
        verify(transcript, &mut frames, &arithmetic, &limits, ELEMENTS_PER_PASS, &expected);
    match frames.trouble() {
        Some(trouble) => Err(trouble.into()),
        None => Ok((verdict, names, package.torn())),
    }
}

fn show(package: &Path, named: Option<&Path>, messages: bool) -> Result<u8, Refusal> {
    let names = names(named)?;
    let package = Package::open(package)?;
    let account = Account::of(package.transcript());
    let text = match messages {
        true => finding::outline(package.transcript(), account.terms.as_ref()),
        false => {
            let ended = statement::ending(&account, package.torn());
            format!("{}ended    {ended}\n", statement::head(&account, &names))
        }
    };
    say(&text);
    Ok(ACCEPTED)
}

fn party(identity: &str) -> Result<u8, Refusal> {
    let is_line = identity.trim().to_ascii_lowercase().starts_with("vmid1");
    let text = if is_line { identity.to_string() } else { read_text(Path::new(identity))? };
    // An identity file has a second line, which proves whose keys the first one names.
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let party = parties::of_line(lines.next().unwrap_or_default());
    let party = party.map_err(|why| Refusal {
        status: USAGE,
        text: format!("V0400: this is {why}"),
        whose: "yours",
        advice: "give the line `vmid1…` that the party sent, or its file".to_string(),
    })?;
    say(&format!("{}\n", finding::hex(&party.0)));
    Ok(ACCEPTED)
}

fn names(file: Option<&Path>) -> Result<Names, Refusal> {
    let Some(file) = file else {
        return Ok(Names::default());
    };
    Names::parse(&read_text(file)?).map_err(|why| Refusal {
        status: USAGE,
        text: format!("V0400: {}, {why}", file.display()),
        whose: "yours",
        advice: "write one `name = \"PARTY\"` a line, each name and party once".to_string(),
    })
}

fn expected(text: Option<&str>, option: &str, names: &Names) -> Result<Option<PartyId>, Refusal> {
    let Some(text) = text else {
        return Ok(None);
    };
    names.party(text).map(Some).map_err(|why| Refusal {
        status: USAGE,
        text: format!("V0400: {option} is {why}, nor a name of `--names`"),
        whose: "yours",
        advice: "give a party id, an identity line, or a name of the file of `--names`".to_string(),
    })
}

/// A small text file, or standard input.
fn read_text(file: &Path) -> Result<String, Refusal> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text))
    };
    // A file that is cut here would be another file, with other names.
    let read = read.and_then(|bytes| match bytes as u64 > TEXT_BYTES_MAX {
        true => Err(io::Error::other("it is larger than any list of names")),
        false => Ok(text),
    });
    read.map_err(|error| Refusal {
        status: STORAGE,
        text: format!("V0402: cannot read {}: {error}", file.display()),
        whose: "yours",
        advice: "name a text file that you may read".to_string(),
    })
}

/// Why the auditor ends without a verdict, in three lines.
struct Refusal {
    status: u8,
    text: String,
    whose: &'static str,
    advice: String,
}

impl Refusal {
    fn output(why: String) -> Self {
        Self {
            status: OUTPUT,
            text: format!("V0403: {why}"),
            whose: "yours",
            advice: "name another file, in a directory you may write to".to_string(),
        }
    }

    fn json(&self) -> Value {
        let (code, text) = self.text.split_once(": ").unwrap_or(("", &self.text));
        json!({
            "schema": finding::SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "verify",
            "error": {"code": code, "text": text, "whose_move": self.whose, "try": self.advice},
        })
    }

    fn tell(&self) -> u8 {
        let Self { status, text, whose, advice } = self;
        complain(&format!("error {text}\n  whose move: {whose}\n  try: {advice}\n"));
        *status
    }
}

impl From<PackageError> for Refusal {
    fn from(error: PackageError) -> Self {
        let (whose, advice) = match &error {
            PackageError::Unreadable { .. } => {
                ("yours", "name the directory of a session, which holds RUN.transcript")
            }
            PackageError::OtherVersion { .. } => {
                ("yours", "use the auditor of that version, or have the session made anew")
            }
            PackageError::TooLarge { .. } => (
                "that of whoever gave you the package",
                "ask for the transcript that the party's program wrote",
            ),
            PackageError::Damaged { .. } => (
                "that of whoever gave you the package",
                "ask for an undamaged copy; both parties hold one",
            ),
        };
        let text = format!("V0402: {error}");
        Self { status: STORAGE, text, whose, advice: advice.to_string() }
    }
}

/// The answer to `--version`; the arithmetic here is always the portable one.
fn version_in_full() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        format!(
            "{}\ncommit      {}\ncompiler    {}\narithmetic  portable\n\
             protocol    {PROTOCOL_VERSION}",
            env!("CARGO_PKG_VERSION"),
            env!("VEILMATCH_COMMIT"),
            env!("VEILMATCH_COMPILER"),
        )
    })
}

/// Writes to standard output; a closed pipe is not an error of the audit.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

const ACCEPTED: u8 = 0;
const FINDING: u8 = 1;
const USAGE: u8 = 2;
const UNCHECKED: u8 = 3;
const OUTPUT: u8 = 73;
const STORAGE: u8 = 74;
/// Elements whose encodings are sorted at a time, as far as they are spread evenly.
const ELEMENTS_PER_PASS: usize = 1 << 22;
/// A names file or an identity is far smaller.
const TEXT_BYTES_MAX: u64 = 1 << 20;
