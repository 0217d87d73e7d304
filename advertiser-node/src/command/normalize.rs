//! `normalize`: shows what the rules make of values, one a line, on the user's own machine.
//!
//! The only command that prints normalized values. It opens no node, writes no file, and sends
//! nothing. Memory does not grow with the file: a line is cut at a limit that no value may reach.
//! The meaning of the codes in its answers, and the remedy, follow on standard error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use node::console::Terminal;
use node::failure::Failure;
use normalize::{
    Country, EmailPrehash, Explanation, Normalizer, Options, Outcome, PhoneContext, PhonePrehash,
    Reason, Repair, Ruleset, Warning,
};
use protocol::error::Bug;
use report::{Arg, Code, Line, Text as Told};
use serde::Serialize;
use tabular::{Encoding, InputError, SourceError};

use crate::cli::{NormalizeOptions, ValueKind};

pub(crate) fn run(options: &NormalizeOptions, terminal: &Terminal) -> Result<(), Failure> {
    let rules = Rules::of(options)?;
    let file = &options.file;
    if file.as_os_str() == "-" {
        let source = BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock());
        return convert(source, Path::new("standard input"), &rules, terminal);
    }
    let opened = File::open(file).map_err(SourceError::open(file))?;
    convert(BufReader::with_capacity(BUFFER_BYTES, opened), file, &rules, terminal)
}

/// The options, checked.
struct Rules {
    normalizer: Normalizer,
    value: Value,
}

enum Value {
    Email,
    Phone { region: Option<String>, postcode: Option<String> },
    EmailSha256(EmailPrehash),
    PhoneSha256(PhonePrehash),
}

impl Rules {
    fn of(options: &NormalizeOptions) -> Result<Self, Failure> {
        let ruleset = Ruleset::parse(&options.ruleset).ok_or_else(|| {
            usage(Told::new("normalize-no-ruleset").with("ruleset", &options.ruleset))
        })?;
        let declared = options.declared.as_deref();
        let phone = matches!(options.kind, ValueKind::Phone);
        if !phone && (options.region.is_some() || options.postcode.is_some()) {
            return Err(usage(Told::new("normalize-region")));
        }
        if matches!(options.kind, ValueKind::Email | ValueKind::Phone) && declared.is_some() {
            return Err(usage(Told::new("normalize-declared")));
        }
        let value = match options.kind {
            ValueKind::Email => Value::Email,
            ValueKind::Phone => phone_place(options)?,
            ValueKind::EmailSha256 => Value::EmailSha256(
                declared.and_then(EmailPrehash::parse).ok_or_else(|| undeclared(EMAIL_RULES))?,
            ),
            ValueKind::PhoneSha256 => Value::PhoneSha256(
                declared.and_then(PhonePrehash::parse).ok_or_else(|| undeclared(PHONE_RULES))?,
            ),
        };
        Ok(Self { normalizer: Normalizer::new(ruleset, Options::defaults(ruleset)), value })
    }

    fn apply(&self, line: u64, raw: &str) -> Shown {
        match &self.value {
            Value::Email => explained(line, self.normalizer.explain_email(raw)),
            Value::Phone { region, postcode } => {
                let context =
                    PhoneContext { country: region.as_deref(), postcode: postcode.as_deref() };
                explained(line, self.normalizer.explain_phone(raw, &context))
            }
            Value::EmailSha256(rules) => {
                digested(line, self.normalizer.email_sha256(raw, Some(*rules)))
            }
            Value::PhoneSha256(rules) => {
                digested(line, self.normalizer.phone_sha256(raw, Some(*rules)))
            }
        }
    }
}

/// Region and post code as the row of a file would give them; a mistake in them is told at once.
fn phone_place(options: &NormalizeOptions) -> Result<Value, Failure> {
    let region = options.region.as_ref().map(|region| region.to_ascii_uppercase());
    if let Some(region) = region.as_ref().filter(|code| Country::from_code(code).is_none()) {
        return Err(usage(Told::new("normalize-no-country").with("country", region)));
    }
    let french = region.as_deref().is_none_or(|region| region == "FR");
    let five_digits = |code: &String| code.len() == 5 && code.bytes().all(|c| c.is_ascii_digit());
    if french && options.postcode.as_ref().is_some_and(|code| !five_digits(code)) {
        return Err(usage(Told::new("normalize-postcode")));
    }
    Ok(Value::Phone { region, postcode: options.postcode.clone() })
}

fn undeclared(rules: &'static str) -> Failure {
    usage(Told::new("normalize-undeclared").with("rules", Told::new(rules)))
}

fn usage(text: Told) -> Failure {
    Failure::new(Code::Usage, text)
}

/// Normalizes every line; output is written when input pauses, so that a person sees it at once.
fn convert(
    source: BufReader<impl Read>,
    name: &Path,
    rules: &Rules,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let mut lines = Lines { source, line: 0, kept: Vec::new() };
    let mut ready = String::new();
    let mut codes = Codes::default();
    loop {
        let next = lines.next(name).map_err(Failure::from);
        let ended = !matches!(next, Ok(Some(_)));
        if let Ok(Some(text)) = &next {
            let line = lines.line;
            let shown = match text {
                Text::Value(at) => rules.apply(line, lines.text(*at)),
                Text::TooLong => Shown::reject(line, Reason::TooLong),
            };
            codes.note(&shown);
            let json = serde_json::to_string(&shown).map_err(|_| Bug::invariant())?;
            if !ready.is_empty() {
                ready.push('\n');
            }
            ready.push_str(&json);
        }
        if !ready.is_empty() && (ended || ready.len() > BUFFER_BYTES || lines.pauses()) {
            terminal.data(&ready);
            ready.clear();
        }
        // A reader that had enough, such as `head`, ends the work.
        if terminal.is_closed() {
            break;
        }
        if next?.is_none() {
            break;
        }
    }
    for line in codes.lines() {
        terminal.error(&line.render(terminal.reader()));
    }
    terminal.written()
}

/// Codes that the answers hold, with the number of their lines and the first of them.
#[derive(Default)]
struct Codes(BTreeMap<&'static str, (u64, u64)>);

impl Codes {
    fn note(&mut self, shown: &Shown) {
        let of_identifiers = shown
            .identifiers
            .iter()
            .flat_map(|identifier| identifier.warnings.iter().copied().chain(identifier.repair));
        for code in shown.reason.into_iter().chain(of_identifiers) {
            let (lines, _) = self.0.entry(code).or_insert((0, shown.line));
            *lines += 1;
        }
    }

    /// Each code with its words and, for a reason, what to do.
    fn lines(&self) -> Vec<Line> {
        let mut told = Vec::new();
        for (code, (lines, first)) in &self.0 {
            let reason = Reason::from_code(code);
            let warning = Warning::ALL.into_iter().find(|warning| warning.code() == *code);
            let repair = Repair::ALL.into_iter().find(|repair| repair.code() == *code);
            // By the default options, which hold here, a code that may be either is a reason.
            let words = reason.map(Reason::text).or(warning.map(Warning::text));
            let Some(words) = words.or(repair.map(Repair::text)) else { continue };
            let line = Told::new("normalize-code").with("code", *code).with("n", *lines);
            told.push(Line::of(
                line.with("first", Arg::Number(*first)).with("fact", words.clone()),
            ));
            if reason.is_some() {
                let advice = words.attribute("try");
                told.push(Line::under(Told::new("failure-try").with("advice", advice)));
            }
        }
        told
    }
}

/// Lines of a text, in memory that is bounded whatever the file holds.
struct Lines<R> {
    source: BufReader<R>,
    /// The line read last, from 1.
    line: u64,
    kept: Vec<u8>,
}

/// A line that was read.
enum Text {
    /// A value: this many bytes of what was kept, after those to skip.
    Value((usize, usize)),
    /// Longer than any value may be.
    TooLong,
}

impl<R: Read> Lines<R> {
    fn next(&mut self, name: &Path) -> Result<Option<Text>, SourceError> {
        let input = SourceError::input(name);
        let unreadable =
            |line| move |error: io::Error| InputError::Read { line, kind: error.kind() };
        self.kept.clear();
        let line = self.line;
        let read = (&mut self.source)
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut self.kept)
            .map_err(unreadable(line))
            .map_err(&input)?;
        if read == 0 {
            return Ok(None);
        }
        self.line = self.line.saturating_add(1);
        let whole = self.kept.last() == Some(&b'\n');
        let too_long = !whole && read as u64 >= LINE_BYTES_MAX;
        if too_long {
            self.skip().map_err(unreadable(line)).map_err(&input)?;
        }
        let invalid =
            || input(InputError::invalid_encoding(self.line, 1, Encoding::Utf8, &self.kept));
        match std::str::from_utf8(&self.kept) {
            // A line that was cut may end inside a character.
            Err(error) if !(too_long && error.error_len().is_none()) => Err(invalid()),
            _ if too_long => Ok(Some(Text::TooLong)),
            Err(_) => Err(invalid()),
            Ok(text) => {
                let mark = if self.line == 1 && text.starts_with('\u{FEFF}') { 3 } else { 0 };
                let text = text.strip_suffix('\n').unwrap_or(text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Ok(Some(Text::Value((mark, text.len()))))
            }
        }
    }

    /// Reads to the end of the line and keeps nothing.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let held = self.source.fill_buf()?;
            if held.is_empty() {
                return Ok(());
            }
            let end = held.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(held.len(), |at| at.saturating_add(1));
            self.source.consume(used);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    /// True if the next line may have to be waited for.
    fn pauses(&self) -> bool {
        self.source.buffer().is_empty()
    }

    fn text(&self, (from, to): (usize, usize)) -> &str {
        let bytes = self.kept.get(from..to).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Printed form of one line.
#[derive(Serialize)]
struct Shown {
    line: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    identifiers: Vec<ShownIdentifier>,
}

#[derive(Serialize)]
struct ShownIdentifier {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    normalized: Option<String>,
    level: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'static str>,
    warnings: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<&'static str>,
}

impl ShownIdentifier {
    fn of(found: &normalize::Normalized, normalized: Option<String>) -> Self {
        Self {
            kind: found.kind().name(),
            normalized,
            level: found.level().name(),
            line: found.line().map(normalize::Line::name),
            warnings: found.warnings().iter().map(|warning| warning.code()).collect(),
            repair: found.repair().map(normalize::Repair::code),
        }
    }
}

impl Shown {
    fn reject(line: u64, reason: Reason) -> Self {
        Self { line, outcome: "reject", reason: Some(reason.code()), identifiers: Vec::new() }
    }

    fn absent(line: u64) -> Self {
        Self { line, outcome: "absent", reason: None, identifiers: Vec::new() }
    }

    fn ok(line: u64, identifiers: Vec<ShownIdentifier>) -> Self {
        Self { line, outcome: "ok", reason: None, identifiers }
    }
}

fn explained(line: u64, explanation: Explanation) -> Shown {
    match explanation {
        Explanation::Ok(found) => {
            let of = |one: &normalize::Explained| {
                ShownIdentifier::of(one.normalized(), Some(one.canonical().to_owned()))
            };
            Shown::ok(line, found.iter().map(of).collect())
        }
        Explanation::Reject(reason) => Shown::reject(line, reason),
        Explanation::Absent => Shown::absent(line),
    }
}

fn digested(line: u64, outcome: Outcome) -> Shown {
    match outcome {
        Outcome::Ok(found) => {
            Shown::ok(line, found.iter().map(|one| ShownIdentifier::of(one, None)).collect())
        }
        Outcome::Reject(reason) => Shown::reject(line, reason),
        Outcome::Absent => Shown::absent(line),
    }
}

const EMAIL_RULES: &str = "normalize-rules-email";
const PHONE_RULES: &str = "normalize-rules-phone";
/// More than any value may have, and than any value that is reported for another reason.
const LINE_BYTES_MAX: u64 = 16 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn options(args: &[&str]) -> NormalizeOptions {
        let args = [&["advertiser-node", "normalize"], args, &["-"]].concat();
        match Cli::try_parse_from(args).unwrap().command {
            Command::Normalize(options) => options,
            other => panic!("{other:?}"),
        }
    }

    fn convert_all(args: &[&str], text: &[u8]) -> (Vec<serde_json::Value>, Result<(), Failure>) {
        let kept = Kept::default();
        let terminal = Terminal::to(kept.clone(), io::sink());
        let rules = Rules::of(&options(args)).unwrap();
        let done = convert(BufReader::with_capacity(7, text), Path::new("x"), &rules, &terminal);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), done)
    }

    #[test]
    fn every_line_has_one_outcome() {
        let text = "\u{FEFF}Jane.Doe@Gmail.com\r\nnobody\n\nn/a\njane@exemple.fr";
        let (lines, done) = convert_all(&["--kind", "email"], text.as_bytes());
        done.unwrap();
        assert_eq!(
            lines[0].to_string(),
            serde_json::json!({"line": 1, "outcome": "ok", "identifiers": [
                {"kind": "email.strict", "normalized": "jane.doe@gmail.com",
                 "level": "individual", "warnings": []},
                {"kind": "email.gmail", "normalized": "janedoe@gmail.com",
                 "level": "individual", "warnings": []},
            ]})
            .to_string()
        );
        let reject = serde_json::json!({"line": 2, "outcome": "reject", "reason": "email_no_at"});
        assert_eq!(lines[1], reject);
        assert_eq!(lines[2], serde_json::json!({"line": 3, "outcome": "absent"}));
        assert_eq!(lines[3]["outcome"], "absent");
        assert_eq!(lines[4]["line"], 5);
        assert_eq!(lines.len(), 5);
    }

    #[test]
    fn every_code_is_told_in_words_with_its_cure() {
        let rules = Rules::of(&options(&["--kind", "phone"])).unwrap();
        let text = "3,36E+10\n'0637481596\n3.36E+10\n\n";
        let told = |lang: report::Lang| {
            let reader = report::Reader { lang, ..report::Reader::LOG };
            let mut lines =
                Lines { source: BufReader::new(text.as_bytes()), line: 0, kept: vec![] };
            let mut codes = Codes::default();
            while let Some(Text::Value(at)) = lines.next(Path::new("x")).unwrap() {
                codes.note(&rules.apply(lines.line, lines.text(at)));
            }
            codes.lines().iter().map(|line| line.render(&reader)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(
            told(report::Lang::En),
            "phone_scientific, 2 lines, first line 1: scientific notation of a spreadsheet, such \
             as `3,36E+10`: the last digits are lost\n  try: export the column again as text; \
             saving the spreadsheet once more does not bring the digits back\n\
             repaired_text_mark, line 2: an apostrophe before the value, by which spreadsheets \
             mark text, removed"
        );
        let french = told(report::Lang::Fr);
        assert!(french.contains("les derniers chiffres sont perdus\n  essayez\u{A0}:"), "{french}");
    }

    #[test]
    fn post_code_tells_the_region_of_a_number() {
        let args = ["--kind", "phone", "--region", "FR", "--postcode", "97400"];
        let (lines, done) = convert_all(&args, b"0692 12 34 56\n");
        done.unwrap();
        assert_eq!(lines[0]["identifiers"][0]["normalized"], "+262692123456");
        assert_eq!(lines[0]["identifiers"][0]["line"], "mobile");
    }

    #[test]
    fn number_that_may_be_a_fixed_line_is_shown_as_such() {
        let args = ["--kind", "phone", "--ruleset", "crm-intl/1", "--region", "US"];
        let (lines, done) = convert_all(&args, b"(415) 555-2671\n");
        done.unwrap();
        let found = &lines[0]["identifiers"][0];
        assert_eq!((&found["level"], &found["line"]), (&"household".into(), &"unknown".into()));
    }

    #[test]
    fn digests_are_not_repeated() {
        let digest = "c34aab1ea62b2711e687b2928492f1eca5b52cc7542df841649abad691c0e0bc";
        let args = ["--kind", "email_sha256", "--declared", "uid2"];
        let (lines, done) = convert_all(&args, format!("{digest}\nshort\n").as_bytes());
        done.unwrap();
        assert_eq!(lines[0]["identifiers"].as_array().unwrap().len(), 2);
        assert_eq!(lines[1]["reason"], "prehash_malformed");
        assert!(!format!("{lines:?}").contains("c34aab1e"));
    }

    #[test]
    fn long_lines_are_rejected_in_bounded_memory() {
        let mut text = b"jane@exemple.fr\n".to_vec();
        text.extend(std::iter::repeat_n("\u{e9}", 1 << 20).flat_map(str::bytes));
        text.extend(b"\nlast@exemple.fr\n");
        let (lines, done) = convert_all(&["--kind", "email"], &text);
        done.unwrap();
        assert_eq!((lines.len(), &lines[1]["reason"]), (3, &"too_long".into()));
        assert_eq!(lines[2]["line"], 3);
    }

    #[test]
    fn file_that_is_not_text_is_refused_with_its_line() {
        let (lines, done) = convert_all(&["--kind", "email"], b"jane@exemple.fr\n\xE9t\xE9@x\n");
        assert_eq!(lines.len(), 1);
        let failure = done.unwrap_err();
        assert_eq!(failure.exit().code(), 65);
        let report = failure.lines(&node::failure::Reader::LOG);
        assert!(report.contains("line 2"), "{report}");
    }

    #[test]
    fn closed_pipe_ends_the_work_without_an_error() {
        let terminal = Terminal::to(Closed, io::sink());
        let rules = Rules::of(&options(&["--kind", "email"])).unwrap();
        let endless = BufReader::new(io::repeat(b'\n'));
        convert(endless, Path::new("x"), &rules, &terminal).unwrap();
    }

    #[test]
    fn options_that_do_not_fit_are_usage_errors() {
        for args in [
            &["--kind", "email", "--region", "FR"][..],
            &["--kind", "email", "--declared", "plain"],
            &["--kind", "email_sha256"],
            &["--kind", "phone_sha256", "--declared", "plain"],
            &["--kind", "phone", "--region", "XX"],
            &["--kind", "phone", "--postcode", "9740"],
            &["--kind", "email", "--ruleset", "crm-de/1"],
        ] {
            let failure = Rules::of(&options(args)).err().unwrap();
            assert_eq!(failure.exit().code(), 2, "{args:?}");
        }
    }
}
