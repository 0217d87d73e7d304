//! `cargo xtask tidy`: the shape of the code, the places of dangerous names, and the words.
//!
//! Rules a compiler does not know: lengths of lines, functions, and files; which file may touch
//! which crate; facts from the world asserted in one place; words of the glossary; exceptions
//! of the supply chain that are past their date. Every finding names file and line.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Args;
use sample::Day;

use crate::source::Source;
use crate::tool::{self, Context};

mod callers;
mod exceptions;
mod falling;
mod figures;
mod places;
mod shape;
mod texts;
mod words;

/// Options of the command.
#[derive(Args)]
pub(crate) struct Options {
    /// Write down the counts that fell, and the line counts of ARCHITECTURE.md.
    #[arg(long)]
    pub(crate) write: bool,
}

/// Checks every file and names each finding.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let root = tool::root();
    let mut files = Vec::new();
    walk(&root, "", &mut files)?;
    let mut findings = Vec::new();
    let mut sources = Vec::new();
    let mut texts = Vec::new();
    for path in files {
        let Ok(text) = fs::read_to_string(root.join(&path)) else {
            continue;
        };
        findings.extend(words::every_text(&path, &text));
        if path.ends_with(".md") {
            findings.extend(words::document(&path, &text));
        } else if path == "deny.toml" {
            findings.extend(exceptions::exceptions(&path, &text, Day::today()));
        } else if path.ends_with(".rs") {
            sources.push(Source::new(path, text));
        } else if path.ends_with(".ftl") {
            texts.push((path, text));
        }
    }
    let test_files: BTreeSet<String> = sources.iter().flat_map(Source::test_files).collect();
    for source in sources.iter_mut().filter(|source| test_files.contains(&source.path)) {
        source.set_test();
    }
    for source in &sources {
        findings.extend(places::lines(source));
        findings.extend(places::places(source));
    }
    findings.extend(places::assertions(&sources));
    findings.extend(shape::shape(&sources));
    findings.extend(callers::uncalled(&sources));
    findings.extend(texts::texts(&texts, &sources));
    findings.extend(falling::falling(&root, &sources, options.write)?);
    findings.extend(figures::figures(&root, &sources, options.write)?);
    shape::report(&sources);
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
