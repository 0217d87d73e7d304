//! Nightly steps in Python: other people's libraries and tools against our programs.
//!
//! Each script under `xtask/oracles` has a list of pinned packages beside it, which are installed
//! in an environment of its own under the target directory, once for each list.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::demo;
use crate::pair::{BuildProfile, Programs};
use crate::tool::{self, Context, Done, Interrupt};
use sample::Flavour;

/// Compares the normalizer with the libraries that others use, over values of this seed.
pub(crate) fn oracles(seed: u64, values: u32) -> Result<Done, String> {
    say!("nightly: again with `cargo xtask nightly oracles --seed {seed} --values {values}`");
    let python = environment("normalize")?;
    let programs = Programs::build(BuildProfile::Demo, &Interrupt::never())?;
    let mut command = Command::new(python);
    command.arg(script("normalize", "py")).arg(programs.program(false));
    command.args(["--seed", &seed.to_string(), "--count", &values.to_string()]);
    tool::succeed(&mut command).map(|()| Done::Passed)
}

/// Lets the tools of data teams read the results of the demonstration.
pub(crate) fn readback() -> Result<Done, String> {
    let python = environment("readback")?;
    let place = tempfile::tempdir().map_err(|error| format!("no temporary directory: {error}"))?;
    let (out, json) = (place.path().join("demo"), place.path().join("demo.json"));
    demo::run(&demo::Options {
        rows: 2_000,
        persons: 4_000,
        profile: "all".to_owned(),
        out: Some(out.clone()),
        json: Some(json.clone()),
        seed: 1,
        flavour: Flavour::Dirty,
        limit_s: None,
    })?;
    let programs = Programs::build(BuildProfile::Demo, &Interrupt::never())?;
    let mut command = Command::new(python);
    command.arg(script("readback", "py")).arg(programs.program(false)).arg(out).arg(json);
    tool::succeed(&mut command).map(|()| Done::Passed)
}

/// Interpreter with the packages that a script needs, installed unless they are.
fn environment(name: &str) -> Result<PathBuf, String> {
    let place = tool::target_directory()?.join("python").join(name);
    let (list, installed) = (script(name, "txt"), place.join("installed.txt"));
    let python = place.join("bin/python");
    let wanted = fs::read(&list).at("read", &list)?;
    if fs::read(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    let needs = |what: &'static str| {
        move |error: String| format!("{error}\n  {what}; this step is never counted as passed")
    };
    let mut command = Command::new("python3");
    command.args(["-m", "venv", "--clear"]).arg(&place);
    tool::succeed(&mut command).map_err(needs("it needs Python 3.11 or later with venv"))?;
    let mut command = Command::new(&python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]);
    tool::succeed(command.arg(&list))
        .map_err(needs("it needs the network, to install packages from PyPI"))?;
    fs::copy(&list, &installed).at("write", &installed)?;
    Ok(python)
}

/// A file of the scripts.
fn script(name: &str, extension: &str) -> PathBuf {
    let scripts: &Path = &tool::root().join("xtask/oracles");
    scripts.join(name).with_extension(extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each kind of difference is judged by rules and reasons that the specification has.
    #[test]
    fn known_differences_cite_the_specification() {
        let rules = fs::read_to_string(tool::root().join("spec/normalization.md")).unwrap();
        let known = fs::read_to_string(script("known", "toml")).unwrap();
        let mut judged = 0;
        for line in known.lines() {
            let Some((key, value)) = line.split_once(" = ") else { continue };
            let value = value.trim_matches('"');
            match key {
                "rule" => {
                    judged += 1;
                    assert!(rules.contains(&format!("* **[{value}]**")), "{value}");
                }
                "ours" => {
                    let reason = value.rsplit(", ").next().unwrap();
                    let said = ["ok", "as cleaned", "*"].contains(&reason);
                    assert!(said || rules.contains(&format!("`{reason}`")), "{reason}");
                }
                _ => {}
            }
        }
        assert_eq!(judged, known.matches("[[kind]]").count());
        assert!(judged > 20);
    }
}
