//! `cargo xtask package`: every crate can be packaged, and builds from what its package holds.
//!
//! A file that a crate reads at build time has to lie inside it. The packages are made without a
//! registry, unpacked side by side, and checked as a workspace of their own that takes our crates
//! from there alone. Nothing outside is downloaded or built again that is there already.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tool::{self, Context, Done};

/// Packages, unpacks, and checks.
pub(crate) fn run() -> Result<Done, String> {
    if !tool::answers(Command::new("tar").arg("--version")) {
        return Ok(Done::NotRun("tar is not installed".to_owned()));
    }
    let members = members(&tool::metadata()?)?;
    let arguments =
        ["package", "--workspace", "--no-verify", "--allow-dirty", "--exclude-lockfile", "--quiet"];
    let mut command = tool::cargo(&arguments);
    for tool in TOOLS {
        command.args(["--exclude", tool]);
    }
    tool::succeed(&mut command)?;
    let packages = tool::target_directory()?.join("package");
    let place = packages.join("unpacked");
    if place.exists() {
        fs::remove_dir_all(&place).at("remove", &place)?;
    }
    fs::create_dir_all(&place).at("create", &place)?;
    for (name, version) in &members {
        let archive = packages.join(format!("{name}-{version}.crate"));
        let mut tar = Command::new("tar");
        // With the times of today: cargo gives every file of a package the same old one, and would
        // take what was built from an earlier package for this one.
        tool::succeed(tar.arg("-xmzf").arg(&archive).arg("-C").arg(&place))?;
    }
    let root = tool::root();
    let manifest = root.join("Cargo.toml");
    let ours = fs::read_to_string(&manifest).at("read", &manifest)?;
    let manifest = place.join("Cargo.toml");
    fs::write(&manifest, workspace(&members, &ours)).at("write", &manifest)?;
    let lock = root.join("Cargo.lock");
    fs::copy(&lock, place.join("Cargo.lock")).at("copy", &lock)?;
    check(&manifest)?;
    say!("package: {} packages build from what they hold", members.len());
    Ok(Done::Passed)
}

/// Checks the unpacked workspace; what it uses from outside is what was built for ours.
fn check(manifest: &Path) -> Result<(), String> {
    let mut command = tool::cargo(&["check", "--workspace", "--quiet", "--manifest-path"]);
    command.arg(manifest).arg("--target-dir").arg(tool::target_directory()?);
    tool::succeed(&mut command)
}

/// Names and versions of the packages.
fn members(metadata: &Value) -> Result<Vec<(String, String)>, String> {
    let packages = metadata.get("packages").and_then(Value::as_array);
    let packages = packages.ok_or("cargo metadata lists no packages")?;
    let text = |package: &Value, name: &str| {
        package.get(name).and_then(Value::as_str).map(str::to_owned).ok_or("a package has no name")
    };
    let mut members = Vec::new();
    for package in packages {
        let name = text(package, "name")?;
        if !TOOLS.contains(&name.as_str()) {
            members.push((name, text(package, "version")?));
        }
    }
    Ok(members)
}

/// The manifest of a workspace of the packages, with the profiles of ours.
fn workspace(members: &[(String, String)], ours: &str) -> String {
    let mut text = String::from("[workspace]\nresolver = \"3\"\nmembers = [\n");
    for (name, version) in members {
        text.push_str(&format!("    \"{name}-{version}\",\n"));
    }
    text.push_str("]\n\n[patch.crates-io]\n");
    for (name, version) in members {
        text.push_str(&format!("{name} = {{ path = \"{name}-{version}\" }}\n"));
    }
    let mut profile = false;
    for line in ours.lines() {
        if line.starts_with('[') {
            profile = line.starts_with("[profile.");
        }
        if profile {
            text.push_str(&format!("{line}\n"));
        }
    }
    text
}

/// Crates that are used in this tree alone.
const TOOLS: &[&str] = &["interop", "xtask"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_takes_our_crates_from_their_packages() {
        let members = [("veilmatch-a".to_owned(), "0.1.0".to_owned())];
        let ours = "[workspace]\nmembers = [\"a\"]\n[profile.dev]\ndebug = 1\n\n[other]\nx = 1\n";
        let text = workspace(&members, ours);
        assert!(text.contains("members = [\n    \"veilmatch-a-0.1.0\",\n]"));
        assert!(text.contains("veilmatch-a = { path = \"veilmatch-a-0.1.0\" }"));
        assert!(text.contains("[profile.dev]\ndebug = 1\n") && !text.contains("[other]"));
    }
}
