//! Names that may stand in few places, and lines of Rust.

use super::shape::PURE;
use super::words::{unquoted, words};
use crate::source::{Source, has_word};

/// Rules for each line of Rust.
pub(super) fn lines(source: &Source) -> Vec<String> {
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
pub(super) fn places(source: &Source) -> Vec<String> {
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
        if has_word(line, "RowSource") && !PLAINTEXT.iter().any(|place| path.starts_with(place)) {
            refuse("RowSource", "the places where plaintext may be");
        }
        let prints = PRINTS.iter().any(|name| line.contains(&format!("{name}!")));
        if prints && !path.starts_with("xtask/") && !path.ends_with("build.rs") {
            refuse("a print macro", "xtask");
        }
        if source.room().is_some_and(|room| PURE.contains(&room))
            && line.contains("extern crate std")
        {
            refuse("`extern crate std`", "tests");
        }
    }
    findings
}

/// Facts from the world: each asserted in exactly one place.
pub(super) fn assertions(sources: &[Source]) -> Vec<String> {
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

/// Longest line of Rust.
const COLUMNS_MAX: usize = 100;

/// Spelt so that this file does not hold it itself.
const UNSAFE: &str = "unsafe";

/// Macros that write past the one writer.
const PRINTS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Places where rows, and identifiers in clear, are read.
const PLAINTEXT: &[&str] =
    &["tabular/src/", "rights/src/", "node/src/data/", "crm/src/", "graph/src/"];

/// Types made from facts of the world.
const ASSERTED: &[&str] = &["VerifiedPeer", "Reservation"];

#[cfg(test)]
mod tests {
    use super::super::words::FORBIDDEN;
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
        let raw = "use tabular::RowSource;\n";
        assert_eq!(found("tabular/src/csv.rs", raw), 0);
        assert_eq!(found("crm/src/scan.rs", raw), 0);
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
    fn long_lines_and_wrong_words_are_found() {
        assert_eq!(found("node/src/a.rs", &format!("// {}\n", "x".repeat(97))), 0);
        assert_eq!(found("node/src/a.rs", &format!("// {}\n", "x".repeat(98))), 1);
        let (word, _) = FORBIDDEN[0];
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
}
