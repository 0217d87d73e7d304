//! Output of the report: its place is checked before the session is, and it replaces nothing that
//! it must not.
//!
//! The same rules as the nodes have for their outputs, without their code: a file appears whole
//! and for its owner alone; a pipe or device is written through; `-` is standard output.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use report::{Code, Failure, Text};

/// A checked place for one report.
#[derive(Debug)]
pub enum Output {
    /// Standard output.
    Standard,
    /// A pipe or a device.
    Stream(PathBuf),
    /// A file, through links; true if one that is there is replaced.
    File(PathBuf, bool),
}

impl Output {
    /// Checks a path; nothing is written to it yet.
    ///
    /// # Errors
    ///
    /// [`Failure`] for a file of the package or of a node, one that exists, unless `overwrite`
    /// allows to replace it, or a place that cannot be written.
    pub fn claim(path: &Path, packages: &[PathBuf], overwrite: bool) -> Result<Self, Failure> {
        if ["-", "/dev/stdout", "/dev/fd/1"].iter().any(|name| path == Path::new(name)) {
            return Ok(Self::Standard);
        }
        let refuse = |text: Text| Failure::new(Code::Output, text.with("path", path));
        let refused = |why| refuse(Text::new("audit-output").with("why", why));
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(path, &error)),
        };
        if let Some(found) = &found
            && !found.is_file()
        {
            return match found.is_dir() {
                true => Err(refused("directory")),
                false => Ok(Self::Stream(path.into())),
            };
        }
        let target = match &found {
            Some(_) => fs::canonicalize(path),
            None if fs::symlink_metadata(path).is_ok() => {
                return Err(refused("link"));
            }
            None => fs::canonicalize(parent(path))
                .and_then(|dir| Ok(dir.join(path.file_name().ok_or(io::ErrorKind::InvalidInput)?))),
        };
        let target = target.map_err(|error| failed(path, &error))?;
        if found.is_some() {
            if packages.iter().flat_map(|it| files_of(it)).any(|file| is_same(&file, path)) {
                return Err(refused("package"));
            }
            if !overwrite {
                return Err(refused("exists"));
            }
        }
        if let Some(node) = target.ancestors().skip(1).find(|above| is_node(above)) {
            return Err(refuse(Text::new("audit-output-node").with("node", node)));
        }
        Ok(Self::File(target, found.is_some()))
    }

    /// Writes a text, whole or not at all.
    ///
    /// # Errors
    ///
    /// The system's error.
    pub fn write(&self, text: &str) -> io::Result<()> {
        match self {
            Self::Standard => {
                let mut out = io::stdout();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
            Self::Stream(path) => {
                OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
            }
            Self::File(path, replace) => publish(path, *replace, text),
        }
    }
}

/// Failure to write a report, by the system's error.
#[must_use]
pub fn failed(path: &Path, error: &io::Error) -> Failure {
    let text = Text::new("audit-output-error").with("path", path).with("error", error);
    Failure::new(Code::Output, text)
}

fn publish(path: &Path, replace: bool, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let partial = parent(path).join(format!(".{name}.{}.partial", std::process::id()));
    let written = (|| {
        let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match replace {
            true => fs::rename(&partial, path),
            // Not over a file that came meanwhile.
            false => fs::hard_link(&partial, path),
        }
    })();
    // After a rename there is nothing under this name, and that is fine.
    let _ = fs::remove_file(&partial);
    written
}

/// True if two names lead to one file, hard links included where the system tells.
#[cfg(unix)]
fn is_same(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let id = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((id(one), id(other)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(not(unix))]
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| fs::canonicalize(path);
    matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}

/// For the owner alone, where the system knows owners.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// The transcript and frames of a package.
fn files_of(package: &Path) -> Vec<PathBuf> {
    let directory = if package.is_dir() { package } else { parent(package) };
    let mut files = vec![package.to_path_buf()];
    for dir in [directory.to_path_buf(), directory.join("frames")] {
        files.extend(fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()));
    }
    files
}

fn is_node(dir: &Path) -> bool {
    ["storage.key", "attestation.key"].iter().any(|key| dir.join("keys").join(key).exists())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_nothing_it_must_not() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let claim = |name: &str, overwrite| Output::claim(&at(name), &[at("package")], overwrite);
        for made in ["package/frames", "node/keys"] {
            fs::create_dir_all(at(made)).unwrap();
        }
        for file in ["package/RUN.transcript", "package/frames/EVAL", "node/keys/storage.key"] {
            fs::write(at(file), "kept").unwrap();
            for overwrite in [false, true] {
                claim(file, overwrite).unwrap_err();
            }
        }
        // The same file under another name is the same file.
        fs::hard_link(at("package/RUN.transcript"), at("alias")).unwrap();
        std::os::unix::fs::symlink(at("node/keys/storage.key"), at("link")).unwrap();
        for name in ["alias", "link", "node/report.json", "absent/report.json", "package"] {
            claim(name, true).unwrap_err();
        }
        fs::write(at("report.json"), "old").unwrap();
        assert!(claim("report.json", false).unwrap_err().to_string().contains("--overwrite"));
        claim("report.json", true).unwrap().write("new").unwrap();
        assert_eq!(fs::read_to_string(at("report.json")).unwrap(), "new");
        // A file that came after the check is left.
        let late = claim("late.json", false).unwrap();
        fs::write(at("late.json"), "other").unwrap();
        late.write("new").unwrap_err();
        assert_eq!(fs::read_to_string(at("late.json")).unwrap(), "other");
        assert!(
            fs::read_dir(dir.path())
                .unwrap()
                .flatten()
                .all(|entry| { !entry.file_name().to_string_lossy().ends_with(".partial") })
        );
        Output::claim(Path::new("/dev/null"), &[at("package")], false).unwrap().write("x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
