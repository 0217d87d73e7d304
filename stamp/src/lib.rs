//! Commit and compiler of a build, for `--version`.
//!
//! Called by the build scripts of the three programs and linked into none of them. The commit is
//! read from the files of the repository, so that a build needs no `git`; a package made by cargo
//! brings its commit along; a tree without either has none. Nothing here fails a build, and only
//! the programs themselves are built again after a commit.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tells cargo the variables `VEILMATCH_COMMIT` and `VEILMATCH_COMPILER` of the package whose
/// build script calls this, and the files on which they depend.
///
/// # Errors
///
/// Standard output cannot be written.
pub fn emit() -> io::Result<()> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let found = commit(&package);
    let mut out = io::stdout().lock();
    writeln!(out, "cargo:rerun-if-changed=build.rs")?;
    for file in &found.watched {
        writeln!(out, "cargo:rerun-if-changed={}", file.display())?;
    }
    writeln!(out, "cargo:rustc-env=VEILMATCH_COMMIT={}", found.shown())?;
    writeln!(out, "cargo:rustc-env=VEILMATCH_COMPILER={}", compiler())
}

/// A commit, and the files that say which one it is.
#[derive(Default)]
struct Commit {
    /// The number in full.
    number: Option<String>,
    /// True if a package was made of files that no commit holds.
    changed: bool,
    watched: Vec<PathBuf>,
}

impl Commit {
    /// The number as `--version` tells it.
    fn shown(&self) -> String {
        match self.number.as_deref().and_then(|number| number.get(..SHOWN)) {
            Some(number) if self.changed => format!("{number}, changed"),
            Some(number) => number.to_owned(),
            None => "unknown".to_owned(),
        }
    }
}

/// The commit of a package: of the file cargo put into it, or of the repository it lies in.
fn commit(package: &Path) -> Commit {
    let brought = package.join(".cargo_vcs_info.json");
    if let Ok(text) = fs::read_to_string(&brought) {
        let number = text.split_once("\"sha1\"").and_then(|(_, rest)| rest.split('"').nth(1));
        return Commit {
            number: number.and_then(whole),
            changed: text.contains("\"dirty\": true"),
            watched: vec![brought],
        };
    }
    // A repository around somebody else's copy of the sources says nothing about them: ours has
    // the workspace at its root, and this package right below.
    package.parent().map(of_repository).unwrap_or_default()
}

/// The commit that is checked out in a directory.
fn of_repository(root: &Path) -> Commit {
    let mut found = Commit::default();
    let Some((own, common)) = git_directories(root) else {
        return found;
    };
    let head = own.join("HEAD");
    let Ok(text) = fs::read_to_string(&head) else {
        return found;
    };
    found.watched.push(head);
    let Some(name) = text.trim().strip_prefix("ref: ") else {
        found.number = whole(text.trim());
        return found;
    };
    let (loose, packed) = (common.join(name), common.join("packed-refs"));
    if let Ok(text) = fs::read_to_string(&loose) {
        found.number = whole(text.trim());
        found.watched.push(loose);
    } else if let Ok(text) = fs::read_to_string(&packed) {
        let line = text.lines().find(|line| line.split(' ').nth(1) == Some(name));
        found.number = line.and_then(|line| whole(line.split(' ').next().unwrap_or_default()));
        // The next commit of this branch writes a file of its own beside the others.
        found.watched.extend([packed, common.join("refs").join("heads")]);
    }
    found
}

/// The git directory of a work tree, and the one that holds the branches of all work trees.
fn git_directories(root: &Path) -> Option<(PathBuf, PathBuf)> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some((git.clone(), git));
    }
    let text = fs::read_to_string(git).ok()?;
    let own = root.join(text.trim().strip_prefix("gitdir: ")?);
    let common = match fs::read_to_string(own.join("commondir")) {
        Ok(text) => own.join(text.trim()),
        Err(_) => own.clone(),
    };
    Some((own, common))
}

/// The text if it is a commit number in full.
fn whole(text: &str) -> Option<String> {
    let digits = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| text.to_owned())
}

/// Name and version of the compiler that builds the package.
fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let line = text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default().trim();
    if line.is_empty() { "unknown".to_owned() } else { line.to_owned() }
}

/// Digits of a commit number that are shown.
const SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_commit_is_read_from_every_form_of_a_repository() {
        let root = tempfile::tempdir().unwrap();
        let package = root.path().join("auditor");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let shown = || commit(&package).shown();
        assert_eq!(shown(), "unknown");
        write(".git/HEAD", "ref: refs/heads/main\n");
        assert_eq!(shown(), "unknown");
        write(".git/packed-refs", &format!("# pack-refs\n{NUMBER} refs/heads/main\n"));
        assert_eq!(shown(), "0123456789ab");
        write(".git/refs/heads/main", &NUMBER.replace('0', "f"));
        assert_eq!(shown(), "f123456789ab");
        write(".git/HEAD", NUMBER);
        assert_eq!(shown(), "0123456789ab");
        let json = format!("{{\n \"git\": {{\n \"sha1\": \"{NUMBER}\",\n \"dirty\": true }} }}");
        write("auditor/.cargo_vcs_info.json", &json);
        assert_eq!(shown(), "0123456789ab, changed");
        write("auditor/.cargo_vcs_info.json", "{}");
        assert_eq!(shown(), "unknown");
    }

    #[test]
    fn a_second_work_tree_is_followed_to_its_branch() {
        let root = tempfile::tempdir().unwrap();
        let (main, second) = (root.path().join("main/.git"), root.path().join("second"));
        fs::create_dir_all(main.join("worktrees/second")).unwrap();
        fs::create_dir_all(main.join("refs/heads")).unwrap();
        fs::create_dir_all(&second).unwrap();
        let place = main.join("worktrees/second");
        fs::write(second.join(".git"), format!("gitdir: {}\n", place.display())).unwrap();
        fs::write(place.join("HEAD"), "ref: refs/heads/side\n").unwrap();
        fs::write(place.join("commondir"), "../..\n").unwrap();
        fs::write(main.join("refs/heads/side"), NUMBER).unwrap();
        let found = commit(&second.join("auditor"));
        assert_eq!((found.shown().as_str(), found.watched.len()), ("0123456789ab", 2));
    }
}
