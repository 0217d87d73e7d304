//! `cargo xtask tidy`: the shape of the code, the places of dangerous names, and the words.
//!
//! Rules a compiler does not know: lengths of lines, functions, and files; which file may touch
//! which crate; facts from the world asserted in one place; words of the glossary; exceptions
//! of the supply chain that are past their date. Every finding names file and line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::source::{Source, has_word};
use crate::tool::{self, Context};
use sample::Day;

/// Checks every file and names each finding.
pub(crate) fn run() -> Result<(), String> {
    let root = tool::root();
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(root.join(&path)) else {
            continue;
        };
        findings.extend(every_text(&path, &text));
        if path.ends_with(".md") {
            findings.extend(document(&path, &text));
        } else if path == "deny.toml" {
            findings.extend(exceptions(&path, &text, Day::today()));
        } else if path.ends_with(".rs") {
            sources.push(Source::new(path, text));
        }
    }
    let test_files: BTreeSet<String> = sources.iter().flat_map(Source::test_files).collect();
    for source in sources.iter_mut().filter(|source| test_files.contains(&source.path)) {
        source.set_test();
    }
    for source in &sources {
        findings.extend(lines(source));
        findings.extend(places(source));
    }
    findings.extend(assertions(&sources));
    findings.extend(shape(&sources));
    report(&sources);
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        say!("tidy: {finding}");
    }
    Err(format!("tidy: {} findings", findings.len()))
}

/// Files of the tree by their paths with forward slashes, in order.
fn walk(root: &Path, under: &str, files: &mut Vec<String>) -> Result<(), String> {
    let dir = root.join(under);
    let mut names: Vec<(String, bool)> = fs::read_dir(&dir)
        .at("read", &dir)?
        .flatten()
        .filter_map(|entry| {
            let kind = entry.file_type().ok()?;
            Some((entry.file_name().into_string().ok()?, kind.is_dir()))
        })
        .collect();
    names.sort();
    for (name, is_dir) in names {
        let path = if under.is_empty() { name.clone() } else { format!("{under}/{name}") };
        let hidden = name.starts_with('.') && !matches!(name.as_str(), ".ci" | ".github");
        if is_dir && name != "target" && !hidden {
            walk(root, &path, files)?;
        } else if !is_dir {
            files.push(path);
        }
    }
    Ok(())
}

/// Rules for everything that people write in a language with comments.
fn every_text(path: &str, text: &str) -> Vec<String> {
    let script = path.starts_with(".ci/");
    let comment = match path.rsplit_once('.') {
        Some((_, "rs")) => "//",
        Some((_, "toml" | "yml" | "py")) => "#",
        _ if script => "#",
        _ => return Vec::new(),
    };
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in UNFINISHED {
            if line.contains(word) {
                findings.push(format!("{path}:{}: `{word}`", index + 1));
            }
        }
        if is_banner(line, comment) {
            findings.push(format!("{path}:{}: a banner instead of a sentence", index + 1));
        }
    }
    findings
}

/// Whether a comment line draws a line.
fn is_banner(line: &str, comment: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix(comment) else {
        return false;
    };
    let rest = rest.trim_start_matches(['/', '!']).trim();
    let full = line.trim().len() >= 6 && line.trim().chars().all(|c| c == '/' || c == '#');
    let drawn = rest.chars().next().is_some_and(|first| {
        BANNERS.contains(first) && rest.chars().take_while(|c| *c == first).count() >= 4
    });
    full || drawn
}

/// Rules on words for a document; quotations, code, and tables may name what not to say.
fn document(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") {
            fenced = !fenced;
        }
        if fenced || start.starts_with('|') || start.starts_with('>') {
            continue;
        }
        let plain = unquoted(line, &[('`', '`'), ('"', '"'), ('“', '”'), ('«', '»')]);
        findings.extend(words(path, index + 1, &plain));
    }
    findings
}

/// Words that say the wrong thing.
fn words(path: &str, number: usize, line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
    found.map(|(word, say)| format!("{path}:{number}: `{word}`; say {say}")).collect()
}

/// The line without what stands between such pairs.
fn unquoted(line: &str, pairs: &[(char, char)]) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((at, close)) = rest.char_indices().find_map(|(at, c)| {
        pairs.iter().find(|(open, _)| *open == c).map(|(_, close)| (at, *close))
    }) {
        let (before, quoted) = rest.split_at(at);
        out.push_str(before);
        let mut inner = quoted.chars();
        let open = inner.next();
        match inner.as_str().split_once(close) {
            Some((_, after)) => rest = after,
            None => {
                out.extend(open);
                rest = inner.as_str();
            }
        }
    }
    out.push_str(rest);
    out
}

/// Rules for each line of Rust.
fn lines(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX {
            findings.push(format!("{path}:{}: {columns} columns", index + 1));
        }
        findings.extend(words(path, index + 1, &unquoted(line, &[('`', '`')])));
    }
    findings
}

/// Names that may stand in few places.
fn places(source: &Source) -> Vec<String> {
    let path = source.path.as_str();
    let mut findings = Vec::new();
    let kernel = path.starts_with("ristretto-batch/");
    for (number, line) in source.all_code() {
        if has_word(line, UNSAFE) && !kernel {
            findings.push(format!("{path}:{number}: `{UNSAFE}` outside ristretto-batch"));
        }
    }
    for (number, line) in source.code() {
        let mut refuse = |what: &str, where_: &str| {
            findings.push(format!("{path}:{number}: {what} outside {where_}"));
        };
        if has_word(line, "curve25519_dalek") && !kernel && path != "protocol/src/group.rs" {
            refuse("curve25519-dalek", "protocol/src/group.rs");
        }
        if has_word(line, "bincode") && path != "protocol/src/codec.rs" {
            refuse("bincode", "protocol/src/codec.rs");
        }
        if has_word(line, "RawIdentifier") && !PLAINTEXT.iter().any(|place| path.starts_with(place))
        {
            refuse("RawIdentifier", "the places where plaintext may be");
        }
        let prints = PRINTS.iter().any(|name| line.contains(&format!("{name}!")));
        if prints && !path.starts_with("xtask/") && !path.ends_with("build.rs") {
            refuse("a print macro", "xtask");
        }
        if PURE.iter().any(|room| path.starts_with(room)) && line.contains("extern crate std") {
            refuse("`extern crate std`", "tests");
        }
    }
    findings
}

/// Facts from the world: each asserted in exactly one place.
fn assertions(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for name in ASSERTED {
        let call = format!("{name}::assertion(");
        let type_ = format!("struct {name}");
        let defined = sources.iter().any(|source| source.code().any(|(_, l)| l.contains(&type_)));
        let calls: Vec<String> = sources
            .iter()
            .flat_map(|source| {
                let hits = source.code().filter(|(_, line)| line.contains(&call));
                hits.map(|(number, _)| format!("{}:{number}", source.path))
            })
            .collect();
        if calls.len() > 1 {
            findings.push(format!("{call}..) is called at {}; one place only", calls.join(", ")));
        } else if calls.is_empty() && defined {
            findings.push(format!("{call}..) is called nowhere"));
        }
    }
    findings
}

/// Sizes of files and functions of the pure rooms, and files that no module names.
fn shape(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let pure =
        |source: &&Source| PURE.iter().any(|room| source.path.starts_with(&format!("{room}src/")));
    for source in sources.iter().filter(pure) {
        let code = source.code_lines();
        if code > PROTOCOL_FILE_MAX {
            let path = &source.path;
            findings.push(format!("{path}: {code} lines of code, at most {PROTOCOL_FILE_MAX}"));
        }
        for function in source.functions().into_iter().filter(|one| one.lines > FUNCTION_MAX) {
            let (path, line, lines) = (&source.path, function.line, function.lines);
            let name = function.name;
            findings
                .push(format!("{path}:{line}: {name} has {lines} lines, at most {FUNCTION_MAX}"));
        }
    }
    findings.extend(dead_files(sources));
    findings
}

/// Files under `src/` that no `mod` names, so that nothing compiles them.
fn dead_files(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        let Some((krate, inside)) = source.path.split_once("/src/") else {
            continue;
        };
        let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        let name = match parts.as_slice() {
            ["lib" | "main" | "build"] | ["bin", ..] => continue,
            [.., parent, "mod"] => parent,
            [.., name] => name,
            [] => continue,
        };
        let declared = sources.iter().any(|other| {
            other.path.starts_with(&format!("{krate}/src/"))
                && other.all_code().any(|(_, line)| {
                    line.split_once("mod ").is_some_and(|(_, rest)| {
                        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                        &rest[..end.unwrap_or(rest.len())] == *name
                    })
                })
        });
        if !declared {
            findings.push(format!("{}: no module names this file", source.path));
        }
    }
    findings
}

/// Exceptions of the supply chain: each carries a date of review, and the date lies ahead.
fn exceptions(path: &str, text: &str, today: Day) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let exception = line.contains("\"RUSTSEC-");
        let date = line.split_once("review by ").map(|(_, rest)| rest.get(..10).unwrap_or(rest));
        match date.map(str::parse::<Day>) {
            None if exception => {
                findings.push(format!("{path}:{number}: an exception without `review by DATE`"));
            }
            Some(Err(reason)) => findings.push(format!("{path}:{number}: {reason}")),
            Some(Ok(day)) if day < today => {
                findings.push(format!("{path}:{number}: review was due by {day}"));
            }
            _ => {}
        }
    }
    findings
}

/// Prints the size of each crate, its largest file, and its longest function.
fn report(sources: &[Source]) {
    let crates: BTreeSet<&str> = sources
        .iter()
        .filter_map(|source| source.path.split_once("/src/").map(|(name, _)| name))
        .collect();
    for name in crates {
        let own: Vec<&Source> = sources
            .iter()
            .filter(|source| source.path.starts_with(&format!("{name}/src/")))
            .collect();
        let total: usize = own.iter().map(|source| source.code_lines()).sum();
        let largest = own.iter().map(|source| source.code_lines()).max().unwrap_or(0);
        let functions: Vec<usize> =
            own.iter().flat_map(|source| source.functions()).map(|one| one.lines).collect();
        let over = if name == "protocol" && total > PROTOCOL_BAR {
            format!(" (over the bar of {PROTOCOL_BAR})")
        } else {
            String::new()
        };
        let long = functions.iter().filter(|lines| **lines > FUNCTION_MAX).count();
        say!(
            "tidy: {name:<16} {total:>5} lines of code{over}, largest file {largest:>4}, longest \
             function {:>3}, over {FUNCTION_MAX} lines {long} of {}",
            functions.iter().max().unwrap_or(&0),
            functions.len()
        );
    }
}

/// Longest line of Rust.
const COLUMNS_MAX: usize = 100;

/// Rooms that touch nothing of the world, where sizes are bounded.
const PURE: &[&str] = &["protocol/", "session/", "verify/"];

/// Longest function and file of the pure rooms; tests do not count.
const FUNCTION_MAX: usize = 70;
const PROTOCOL_FILE_MAX: usize = 500;

/// All of `protocol` together: reported to reviewers, no gate.
const PROTOCOL_BAR: usize = 4_000;

/// Spelt so that this file does not hold them itself.
const UNSAFE: &str = "unsafe";
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!"),
    concat!("unimplemented", "!"),
];

/// What banners are drawn with.
const BANNERS: &str = "-=*~_#─═";

/// Words of the glossary that mean something else here, and what to say instead.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("anonym", "ous"), "pseudonymised, or what is meant"),
    (concat!("anonym", "ise"), "pseudonymised"),
    (concat!("anonym", "ize"), "pseudonymised"),
    (concat!("re-en", "crypt"), "evaluate"),
    (concat!("hit ", "rate"), "active match rate or file match rate"),
];

/// Macros that write past the one writer.
const PRINTS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Where identifiers may exist in clear.
const PLAINTEXT: &[&str] = &[
    "normalize/src",
    "node/src/data",
    "advertiser-node/src/command",
    "advertiser-node/src/platform",
    "provider-node/src/command",
];

/// Types made from facts of the world.
const ASSERTED: &[&str] = &["VerifiedPeer", "Reservation"];

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.to_owned(), text.to_owned())
    }

    fn found(path: &str, text: &str) -> usize {
        let source = source(path, text);
        lines(&source).len() + places(&source).len()
    }

    #[test]
    fn names_are_refused_outside_their_places() {
        let dalek = "use curve25519_dalek::Scalar;\n";
        assert_eq!(found("protocol/src/group.rs", dalek), 0);
        assert_eq!(found("ristretto-batch/src/dalek.rs", dalek), 0);
        assert_eq!(found("protocol/src/oprf.rs", dalek), 1);
        assert_eq!(found("protocol/tests/oracle.rs", dalek), 0);
        let codec = "let used = bincode::serde::decode(x);\n";
        assert_eq!((found("protocol/src/codec.rs", codec), found("node/src/a.rs", codec)), (0, 1));
        let raw = "use crate::normalize::RawIdentifier;\n";
        assert_eq!(found("normalize/src/email.rs", raw), 0);
        assert_eq!(found("advertiser-node/src/command/run.rs", raw), 0);
        assert_eq!(found("node/src/driver.rs", raw), 1);
        let print = "fn f() {\n    println!(\"x\");\n}\n";
        assert_eq!((found("node/src/a.rs", print), found("xtask/src/a.rs", print)), (1, 0));
        assert_eq!(found("node/src/a.rs", "// println! is banned\n"), 0);
        let block = format!("fn f() {{ {UNSAFE} {{ g() }} }}\n");
        assert_eq!(found("node/tests/a.rs", &block), 1);
        assert_eq!(found("ristretto-batch/src/a.rs", &block), 0);
        let std = "#[cfg(test)]\nextern crate std;\n";
        assert_eq!(found("protocol/src/lib.rs", std), 0);
        assert_eq!(found("protocol/src/lib.rs", "extern crate std;\n"), 1);
    }

    #[test]
    fn long_lines_and_unfinished_work_are_found() {
        assert_eq!(found("node/src/a.rs", &format!("// {}\n", "x".repeat(97))), 0);
        assert_eq!(found("node/src/a.rs", &format!("// {}\n", "x".repeat(98))), 1);
        let later = format!("// {} later\n", UNFINISHED[0]);
        assert_eq!(every_text("node/src/a.rs", &later).len(), 1);
        assert_eq!(every_text("README.md", &later).len(), 0);
    }

    #[test]
    fn banners_are_found_and_headings_are_not() {
        for line in ["// ------", "//////////", "# ==== Group ====", "    //! *****"] {
            assert!(is_banner(line, if line.starts_with('#') { "#" } else { "//" }), "{line}");
        }
        for line in ["/// # Errors", "/// | --- | --- |", "// a - b", "let x = 4; // ok", "//"] {
            assert!(!is_banner(line, "//"), "{line}");
        }
    }

    #[test]
    fn words_are_found_outside_quotations_and_tables() {
        let (word, _) = FORBIDDEN[0];
        assert_eq!(document("a.md", &format!("The result is {word}.\n")).len(), 1);
        assert_eq!(document("a.md", &format!("Never say \"{word}\" or `{word}`.\n")).len(), 0);
        assert_eq!(document("a.md", &format!("| never say | {word} |\n> {word}\n")).len(), 0);
        assert_eq!(document("a.md", &format!("```\n{word}\n```\n{word}\n")).len(), 1);
        assert_eq!(found("node/src/a.rs", &format!("let x = \"{word}\";\n")), 1);
    }

    #[test]
    fn assertions_have_one_caller() {
        let call = "fn f() { VerifiedPeer::assertion(x) }\n";
        let type_ = source("protocol/src/lib.rs", "pub struct VerifiedPeer(());\n");
        let one = source("node/src/identity.rs", call);
        let two = source("node/src/other.rs", call);
        let test = source("node/tests/a.rs", call);
        assert_eq!(assertions(&[one, test]).len(), 0);
        let one = source("node/src/identity.rs", call);
        assert_eq!(assertions(&[one, two]).len(), 1);
        assert_eq!(assertions(&[type_]).len(), 1);
        assert_eq!(assertions(&[]).len(), 0);
    }

    #[test]
    fn sizes_of_protocol_are_bounded() {
        let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_MAX));
        let lib = || source("protocol/src/lib.rs", "mod a;\n");
        assert_eq!(shape(&[lib(), source("protocol/src/a.rs", &long)]).len(), 1);
        let big = "const A: u8 = 1;\n".repeat(PROTOCOL_FILE_MAX + 1);
        assert_eq!(shape(&[lib(), source("protocol/src/a.rs", &big)]).len(), 1);
        assert_eq!(shape(&[lib(), source("protocol/src/b.rs", "")]).len(), 1);
        assert_eq!(shape(&[lib(), source("protocol/src/a/mod.rs", "")]).len(), 0);
    }

    #[test]
    fn exceptions_expire() {
        let line = |date: &str| {
            format!("    {{ id = \"RUSTSEC-2025-0141\", reason = \"x; review by {date}\" }},\n")
        };
        let today: Day = "2026-11-21".parse().unwrap();
        assert_eq!(exceptions("deny.toml", &line("2027-05-31"), today).len(), 0);
        assert_eq!(exceptions("deny.toml", &line("2026-11-20"), today).len(), 1);
        assert_eq!(exceptions("deny.toml", &line("soon"), today).len(), 1);
        assert_eq!(exceptions("deny.toml", "ignore = [\"RUSTSEC-2025-0141\"]\n", today).len(), 1);
    }
}
