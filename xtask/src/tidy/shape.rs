//! Sizes of crates, files and functions, and files that no module names.

use std::collections::BTreeSet;

use super::figures;
use crate::source::Source;

/// Sizes of crates, of files and functions in the pure crates, and files that no module names.
pub(super) fn shape(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    let pure = |source: &&Source| source.room().is_some_and(|room| PURE.contains(&room));
    for source in sources.iter().filter(pure) {
        let code = source.code_lines();
        if code > FILE_MAX {
            findings.push(format!("{}: {code} lines of code, at most {FILE_MAX}", source.path));
        }
        for function in source.functions().into_iter().filter(|one| one.lines > FUNCTION_MAX) {
            let (path, line, lines) = (&source.path, function.line, function.lines);
            let name = function.name;
            findings
                .push(format!("{path}:{line}: {name} has {lines} lines, at most {FUNCTION_MAX}"));
        }
    }
    let lines = figures::lines(sources);
    for (room, lines) in &lines {
        if *lines > CRATE_MAX {
            findings.push(format!("{room}: {lines} lines of code, at most {CRATE_MAX}"));
        }
    }
    let audited: usize = AUDITED.iter().filter_map(|room| lines.get(room)).sum();
    if audited > AUDITED_MAX {
        findings.push(format!(
            "the auditor stands on {audited} lines of code, at most {AUDITED_MAX}: {}",
            AUDITED.join(", ")
        ));
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

/// Prints the size of each crate, its largest file, and its longest function.
pub(super) fn report(sources: &[Source]) {
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
        let long = functions.iter().filter(|lines| **lines > FUNCTION_MAX).count();
        say!(
            "tidy: {name:<16} {total:>5} lines of code, largest file {largest:>4}, longest \
             function {:>3}, over {FUNCTION_MAX} lines {long} of {}",
            functions.iter().max().unwrap_or(&0),
            functions.len()
        );
    }
}

/// Crates that neither touch the world nor need it.
pub(super) const PURE: &[&str] =
    &["protocol", "disclosure", "policy", "session", "verify", "classes"];

/// Longest function and file of the pure crates; tests do not count.
const FUNCTION_MAX: usize = 70;
const FILE_MAX: usize = 500;

/// Largest crate; a larger one has a second crate in it.
const CRATE_MAX: usize = 5_000;

/// The auditor and what a careful reader of its verdict has to trust.
pub(super) const AUDITED: &[&str] = &["auditor", "report", "verify", "disclosure", "protocol"];

/// Largest size of all that together: 6,500 is wanted, and nothing may be added meanwhile.
///
/// Signatures of frames, comparisons and the opening of an input took 900 lines, the sizes of
/// noise, which are `disclosure`, 400, and their words in the protocol 300; evidence of the
/// ledger, 300, left it.
const AUDITED_MAX: usize = 10_900;

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(path.to_owned(), text.to_owned())
    }

    #[test]
    fn sizes_are_bounded() {
        let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_MAX));
        let lib = || source("protocol/src/lib.rs", "mod a;\n");
        assert_eq!(shape(&[lib(), source("protocol/src/a.rs", &long)]).len(), 1);
        let big = "const A: u8 = 1;\n".repeat(FILE_MAX + 1);
        assert_eq!(shape(&[lib(), source("protocol/src/a.rs", &big)]).len(), 1);
        assert_eq!(shape(&[lib(), source("protocol/src/b.rs", "")]).len(), 1);
        assert_eq!(shape(&[lib(), source("protocol/src/a/mod.rs", "")]).len(), 0);
        let huge = "const A: u8 = 1;\n".repeat(CRATE_MAX);
        let lib = || source("store/src/lib.rs", "mod a;\n");
        assert_eq!(shape(&[lib(), source("store/src/a.rs", &huge)]).len(), 1);
    }
}
