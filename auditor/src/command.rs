//! The commands: verify, show, compare, party.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use protocol::attestation::PartyId;
use protocol::group::Portable;
use protocol::limits::Limits;
use report::cli::Unparsed;
use report::{Arg, Code, Exit, Failure, Reader, Text};
use serde_json::Value;
use verify::rules::T0;
use verify::{Account, Conclusion, Expected, Verdict};

use crate::arguments::{Command, Compare, Report, Show, Verify};
use crate::comparison::{self, Comparison, Sum};
use crate::output::{self, Output};
use crate::package::Package;
use crate::parties::{self, Names, NamesFault};
use crate::{checklist, machine, outline, statement};

/// Runs a command; the exit status is the verdict.
#[must_use]
pub fn run(command: Command, reader: &Reader) -> Exit {
    let done = match command {
        Command::Verify(arguments) => verify(&arguments, reader),
        Command::Show(arguments) => show(&arguments, reader),
        Command::Compare(arguments) => compare(&arguments, reader),
        Command::Party { identity } => party(&identity),
    };
    done.unwrap_or_else(|failure| tell(&failure, reader))
}

/// Ends a program whose command line was not parsed: help, version, or a mistake.
#[must_use]
pub fn unparsed(unparsed: &Unparsed, reader: &Reader) -> ExitCode {
    match unparsed {
        Unparsed::Shown(shown) => {
            let _ = shown.print();
            u8::try_from(shown.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Unparsed::Mistake(failure) => tell(failure, reader).into(),
    }
}

/// Judges packages one after the other; one that cannot be read leaves the others their verdict.
fn verify(arguments: &Verify, reader: &Reader) -> Result<Exit, Failure> {
    let output = claim(&arguments.report, &arguments.packages)?;
    let (mut exits, mut texts, mut reports) = (Vec::new(), String::new(), Vec::new());
    for package in &arguments.packages {
        let (exit, text, mut report) = match judge(package, arguments) {
            Ok((verdict, names, torn)) => {
                let exit = match verdict.conclusion() {
                    Conclusion::Accepted => Exit::Done,
                    Conclusion::NotAccepted => Exit::Finding,
                    Conclusion::Interrupted | Conclusion::Incomplete => Exit::Unchecked,
                };
                let text = checklist::checklist(&verdict, &names, torn, reader);
                (exit, text, machine::verdict(&verdict, &names, torn))
            }
            Err(failure) => {
                let report = machine::failure("verify", machine::SCHEMA, &failure);
                (tell(&failure, reader), String::new(), report)
            }
        };
        if arguments.packages.len() > 1 {
            texts.push_str(&format!("{}\n", package.display()));
            set(&mut report, "package", package.display().to_string().into());
        }
        set(&mut report, "exit", exit.code().into());
        texts.push_str(&text);
        exits.push(exit);
        reports.push(report);
    }
    // A breach outweighs a package that could not be read, and that one what was not checked.
    let weight = |exit: &&Exit| match exit {
        Exit::Done => 0,
        Exit::Unchecked => 1,
        Exit::Finding => 3,
        _ => 2,
    };
    let exit = exits.iter().max_by_key(weight).copied().unwrap_or(Exit::Usage);
    let report = match reports.len() {
        1 => reports.remove(0),
        _ => machine::verdicts(reports),
    };
    deliver(&arguments.report, output, exit, &texts, report)
}

fn compare(arguments: &Compare, reader: &Reader) -> Result<Exit, Failure> {
    let output = claim(&arguments.report, &arguments.packages)?;
    let compared = names(arguments.report.names.as_deref())
        .and_then(|names| Ok((Comparison::of(&arguments.packages)?, names)));
    let (exit, text, report) = match compared {
        Ok((comparison, names)) => {
            let exit = match comparison.sum() {
                Sum::Agrees => Exit::Done,
                Sum::Contradicts => Exit::Finding,
                Sum::Incomplete => Exit::Unchecked,
            };
            (exit, comparison.text(&names, reader), comparison.json(&names))
        }
        Err(failure) => {
            let report = machine::failure("compare", comparison::SCHEMA, &failure);
            (tell(&failure, reader), String::new(), report)
        }
    };
    deliver(&arguments.report, output, exit, &text, report)
}

/// The place of the report, before anything is read.
fn claim(report: &Report, packages: &[PathBuf]) -> Result<Option<Output>, Failure> {
    let claim = |file| Output::claim(file, packages, report.overwrite);
    report.json.as_deref().map(claim).transpose()
}

/// Prints a text and writes its report.
fn deliver(
    arguments: &Report,
    output: Option<Output>,
    exit: Exit,
    text: &str,
    mut report: Value,
) -> Result<Exit, Failure> {
    set(&mut report, "exit", exit.code().into());
    // Standard output is the report's, if it claimed it.
    match output {
        Some(Output::Standard) => complain(text),
        _ => say(text),
    }
    if let (Some(output), Some(path)) = (output, &arguments.json) {
        let written = output.write(&format!("{report:#}\n"));
        written.map_err(|error| output::failed(path, &error))?;
    }
    Ok(exit)
}

fn set(report: &mut Value, name: &str, value: Value) {
    if let Some(object) = report.as_object_mut() {
        object.insert(name.to_string(), value);
    }
}

/// The verdict, the reader's names, and the record that the transcript is cut in.
fn judge(package: &Path, arguments: &Verify) -> Result<(Verdict, Names, Option<u64>), Failure> {
    let names = names(arguments.report.names.as_deref())?;
    let expected = Expected {
        advertiser: expected(arguments.advertiser.as_deref(), "--advertiser", &names)?,
        provider: expected(arguments.provider.as_deref(), "--provider", &names)?,
    };
    let package = Package::open(package)?;
    let mut frames = package.frames();
    let verdict = verify::verify(
        &T0,
        package.transcript(),
        &mut frames,
        &Portable,
        &Limits::STANDARD,
        ELEMENTS_PER_PASS,
        &expected,
    )?;
    match frames.trouble() {
        Some(trouble) => Err(trouble.into()),
        None => Ok((verdict, names, package.torn())),
    }
}

fn show(arguments: &Show, reader: &Reader) -> Result<Exit, Failure> {
    let names = names(arguments.names.as_deref())?;
    let package = Package::open(&arguments.package)?;
    let account = Account::of(package.transcript(), package.opening())?;
    if arguments.messages {
        outline::outline(package.transcript(), account.terms.as_ref(), reader, say);
    } else {
        let end = statement::end(&account, package.torn(), reader);
        say(&(statement::head(&account, &names, reader) + &end));
    }
    Ok(Exit::Done)
}

fn party(identity: &str) -> Result<Exit, Failure> {
    let is_line = identity.trim().to_ascii_lowercase().starts_with("vmid1");
    let text = if is_line { identity.to_string() } else { read_text(Path::new(identity))? };
    // An identity file has a second line, which proves whose keys the first one names.
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let party = parties::of_line(lines.next().unwrap_or_default())
        .map_err(|why| usage(Text::new("audit-identity").with("why", why.name())))?;
    say(&format!("{}\n", statement::hex(&party.0)));
    Ok(Exit::Done)
}

fn names(file: Option<&Path>) -> Result<Names, Failure> {
    let Some(file) = file else {
        return Ok(Names::default());
    };
    Names::parse(&read_text(file)?).map_err(|NamesFault { line, why }| {
        let text = Text::new("audit-names").with("why", why.name()).with("path", file);
        usage(text.with("line", Arg::Number(line)))
    })
}

fn expected(
    text: Option<&str>,
    option: &'static str,
    names: &Names,
) -> Result<Option<PartyId>, Failure> {
    let party = text.map(|text| names.party(text)).transpose();
    party.map_err(|why| {
        usage(Text::new("audit-expected").with("why", why.name()).with("option", option))
    })
}

/// A small text file, or standard input.
fn read_text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(TEXT_BYTES_MAX + 1).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text))
    };
    let fault = match read {
        Err(error) => Text::new("audit-text-unreadable").with("error", &error),
        // A file that is cut here would be another file, with other names.
        Ok(bytes) if bytes as u64 > TEXT_BYTES_MAX => Text::new("audit-text-large"),
        Ok(_) => return Ok(text),
    };
    Err(Failure::new(Code::Storage, fault.with("path", file)))
}

fn usage(text: Text) -> Failure {
    Failure::new(Code::Usage, text)
}

fn tell(failure: &Failure, reader: &Reader) -> Exit {
    complain(&format!("{}\n", failure.lines(reader)));
    failure.exit()
}

/// Writes to standard output; a closed pipe is not an error of the audit.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

fn complain(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Elements whose fingerprints are sorted at a time, 16 bytes each.
const ELEMENTS_PER_PASS: usize = 1 << 22;
/// A names file or an identity is far smaller.
const TEXT_BYTES_MAX: u64 = 1 << 20;
