//! Line counts in ARCHITECTURE.md, written by `cargo xtask tidy --write` and compared.

use std::collections::BTreeMap;
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
    let new = table(sources);
    if old.trim() == new.trim() {
        return Ok(Vec::new());
    }
    if write {
        let text = format!("{before}{BEGIN}\n{new}{END}{after}");
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

/// The table.
fn table(sources: &[Source]) -> String {
    let lines = lines(sources);
    let mut text = String::from("| crate | lines of code |\n|---|---:|\n");
    for (room, lines) in &lines {
        let _ = writeln!(text, "| `{room}` | {} |", grouped(*lines));
    }
    let total = |rooms: &[&str]| -> usize { rooms.iter().filter_map(|room| lines.get(room)).sum() };
    let audited = grouped(total(super::shape::AUDITED));
    let _ = writeln!(text, "| what the auditor stands on, itself included | {audited} |");
    text
}

/// A count with its thousands set apart.
fn grouped(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The document.
const FILE: &str = "ARCHITECTURE.md";

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
        fs::write(&path, format!("a\n{BEGIN}\n{END}\nb\n")).unwrap();
        assert_eq!(figures(dir.path(), &sources, false).unwrap().len(), 1);
        assert_eq!(figures(dir.path(), &sources, true).unwrap().len(), 0);
        assert_eq!(figures(dir.path(), &sources, false).unwrap().len(), 0);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("| `node` | 1,234 |") && text.ends_with("\nb\n"));
    }
}
