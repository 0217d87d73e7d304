//! Line counts in ARCHITECTURE.md, written by `cargo xtask tidy --write` and compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::source::Source;
use crate::tool::Context;

/// Compares the table between the markers with the code, or writes it.
pub(super) fn figures(root: &Path, sources: &[Source], write: bool) -> Result<Vec<String>, String> {
    let path = root.join(FILE);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(Vec::new());
    };
    let Some((before, rest)) = text.split_once(BEGIN) else {
        return Ok(vec![format!("{FILE} has no line `{BEGIN}`")]);
    };
    let Some((old, after)) = rest.split_once(END) else {
        return Ok(vec![format!("{FILE} has no line `{END}`")]);
    };
    let lines = lines(sources);
    let (new, findings) = filled(old, &lines);
    if !findings.is_empty() {
        return Ok(findings);
    }
    if old == new {
        return Ok(Vec::new());
    }
    if write {
        let text = format!("{before}{BEGIN}{new}{END}{after}");
        fs::write(&path, text).at("write", &path)?;
        return Ok(Vec::new());
    }
    Ok(vec![format!("{FILE}: its line counts are old: run `cargo xtask tidy --write`")])
}

/// Lines of code by crate, tests apart.
pub(super) fn lines(sources: &[Source]) -> BTreeMap<&str, usize> {
    let mut lines = BTreeMap::new();
    for source in sources {
        if let Some(room) = source.room() {
            *lines.entry(room).or_default() += source.code_lines();
        }
    }
    lines.retain(|_, lines| *lines > 0);
    lines
}

/// The table with the last cell of every row written anew, and the crates that have no row or are
/// none.
fn filled(table: &str, lines: &BTreeMap<&str, usize>) -> (String, Vec<String>) {
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    let mut text = String::new();
    for row in table.split_inclusive('\n') {
        let cells: Vec<&str> = row.trim().trim_matches('|').split('|').map(str::trim).collect();
        let (first, rest) =
            cells.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let count = if first == TOTAL {
            Some(super::shape::AUDITED.iter().filter_map(|room| lines.get(room)).sum())
        } else {
            let names: Vec<&str> = first.split('`').skip(1).step_by(2).collect();
            named.extend(names.iter().copied());
            let counts: Vec<usize> =
                names.iter().filter_map(|name| lines.get(name)).copied().collect();
            if counts.len() < names.len() {
                findings.push(format!("{FILE}: {first} is no crate with code"));
            }
            (!names.is_empty()).then(|| counts.iter().sum())
        };
        match (count, rest) {
            (Some(count), [middle @ .., _]) => {
                let _ = write!(text, "| {first} | ");
                middle.iter().for_each(|cell| {
                    let _ = write!(text, "{cell} | ");
                });
                let _ = writeln!(text, "{} |", grouped(count));
            }
            _ => text.push_str(row),
        }
    }
    let missing = lines.keys().filter(|room| !named.contains(**room));
    findings.extend(missing.map(|room| format!("{FILE} has no row for `{room}`")));
    (text, findings)
}

/// A count with its thousands set apart.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The document.
const FILE: &str = "ARCHITECTURE.md";

/// The first cell of the row that adds up what the auditor links.
const TOTAL: &str = "what the auditor stands on";

/// Around the table.
const BEGIN: &str = "<!-- lines: written by `cargo xtask tidy --write` -->";
const END: &str = "<!-- end of lines -->";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_written_and_then_holds() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::new("node/src/a.rs".to_owned(), "fn f() {}\n".repeat(1_234));
        let sources = [source];
        let path = dir.path().join(FILE);
        fs::write(&path, "no markers").unwrap();
        assert_eq!(figures(dir.path(), &sources, true).unwrap().len(), 1);
        let page =
            |rows: &str| format!("a\n{BEGIN}\n| crate | lines |\n|---|---:|\n{rows}{END}\nb\n");
        fs::write(&path, page("")).unwrap();
        assert_eq!(figures(dir.path(), &sources, true).unwrap().len(), 1);
        fs::write(&path, page("| `node` | the world | |\n| `gone` | x | 1 |\n")).unwrap();
        assert_eq!(figures(dir.path(), &sources, true).unwrap().len(), 1);
        fs::write(&path, page("| `node` | the world | |\n")).unwrap();
        assert_eq!(figures(dir.path(), &sources, false).unwrap().len(), 1);
        assert_eq!(figures(dir.path(), &sources, true).unwrap().len(), 0);
        assert_eq!(figures(dir.path(), &sources, false).unwrap().len(), 0);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, page("| `node` | the world | 1,234 |\n"));
    }
}
