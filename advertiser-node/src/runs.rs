//! Runs that operators gave names: what was asked under a name, what came of it, and which files
//! it wrote.
//!
//! A name is bound to its question on disk before anything of it is sent, so that a second try of
//! the same is known, and another question under that name is refused.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use node::failure::Failure;
use report::{Code, Text};
use serde::{Deserialize, Serialize};
use store::os::{self, Action};
use store::seal;

use crate::Home;

/// Names of runs that this node knows.
#[derive(Debug)]
pub(crate) struct Runs<'a> {
    home: &'a Home,
    directory: PathBuf,
}

/// Question of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Root of the input.
    pub(crate) input: [u8; 32],
    /// Digest of the map it was read by, if there was one.
    pub(crate) map: Option<[u8; 32]>,
    pub(crate) provider: [u8; 32],
    pub(crate) profile: String,
    pub(crate) sample_rows: u64,
}

/// A run that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NamedRun {
    asked: Asked,
    /// Session whose stored result answers it, once there is one.
    pub(crate) session: Option<[u8; 32]>,
    files: Vec<Written>,
}

/// A file as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    path: PathBuf,
    dev: u64,
    ino: u64,
    len: u64,
    changed: (i64, i64),
}

impl Written {
    fn of(path: &Path) -> Option<Self> {
        let path = fs::canonicalize(path).ok()?;
        let found = fs::metadata(&path).ok()?;
        let changed = (found.mtime(), found.mtime_nsec());
        Some(Self { path, dev: found.dev(), ino: found.ino(), len: found.len(), changed })
    }
}

impl NamedRun {
    /// The files that the run wrote and nobody has touched since.
    pub(crate) fn own_files(&self) -> Vec<PathBuf> {
        let stands = |file: &&Written| Written::of(&file.path).as_ref() == Some(*file);
        self.files.iter().filter(stands).map(|file| file.path.clone()).collect()
    }
}

impl<'a> Runs<'a> {
    pub(crate) fn open(home: &'a Home) -> Result<Self, Failure> {
        Ok(Self { home, directory: home.private_dir("runs")? })
    }

    /// The run of this name, if there was one.
    pub(crate) fn read(&self, name: &str) -> Result<Option<NamedRun>, Failure> {
        let path = self.path(name);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(os::at(Action::Read, &path)(error).into()),
        };
        let damaged = || {
            let text = Text::new("run-id-damaged").with("path", &path);
            Failure::new(Code::Storage, text)
        };
        let opened = seal::open_bytes(&self.home.storage, &context(name), &sealed);
        let opened = opened.map_err(|_| damaged())?;
        serde_json::from_slice(&opened).map(Some).map_err(|_| damaged())
    }

    /// Binds a name to a question, on disk, unless it is bound to it already.
    ///
    /// # Errors
    ///
    /// [`Code::InputChanged`] if it is bound to another question.
    pub(crate) fn bind(&self, name: &str, asked: Asked) -> Result<NamedRun, Failure> {
        match self.read(name)? {
            Some(known) if known.asked == asked => Ok(known),
            Some(known) => {
                let differs = [
                    (known.asked.map != asked.map, "map"),
                    (known.asked.provider != asked.provider, "provider"),
                    (known.asked.profile != asked.profile, "profile"),
                    (known.asked.sample_rows != asked.sample_rows, "sample"),
                ];
                let what = differs.into_iter().find(|(differs, _)| *differs);
                let what = what.map_or("input", |(_, what)| what);
                let text = Text::new("run-id-bound").with("run", name).with("what", what);
                Err(Failure::new(Code::InputChanged, text))
            }
            None => {
                let run = NamedRun { asked, session: None, files: Vec::new() };
                self.write(name, &run)?;
                Ok(run)
            }
        }
    }

    /// Notes that a run ended with the result of this session, in these files.
    pub(crate) fn end(
        &self,
        name: &str,
        run: NamedRun,
        sid: [u8; 32],
        files: &[PathBuf],
    ) -> Result<(), Failure> {
        let files = files.iter().filter_map(|path| Written::of(path)).collect();
        self.write(name, &NamedRun { session: Some(sid), files, ..run })
    }

    fn write(&self, name: &str, run: &NamedRun) -> Result<(), Failure> {
        let text = serde_json::to_vec(run).map_err(|_| protocol::error::Bug::invariant())?;
        let sealed = seal::seal_bytes(&self.home.storage, &context(name), &text)?;
        let path = self.path(name);
        Ok(os::publish_atomically(&path, os::PRIVATE_MODE, |out| out.write_all(&sealed))?)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.run"))
    }
}

/// A record is of no use under another name.
fn context(name: &str) -> String {
    format!("run {name}")
}

#[cfg(test)]
mod tests {
    use node::settings::Settings as _;
    use store::os::testing::private_tempdir;

    use super::*;

    fn asked(profile: &str) -> Asked {
        let (input, provider) = ([1; 32], [2; 32]);
        Asked { input, map: None, provider, profile: profile.to_owned(), sample_rows: 0 }
    }

    #[test]
    fn a_name_is_bound_to_one_question_and_knows_its_files() {
        let dir = private_tempdir();
        let node = dir.path().join("a");
        Home::create(&node).unwrap();
        let home = Home::open(&node).unwrap();
        assert_eq!(
            crate::settings::AdvertiserSettings::ROLE,
            protocol::transcript::Role::Advertiser
        );
        let runs = Runs::open(&home).unwrap();
        assert_eq!(runs.read("nightly").unwrap(), None);
        let run = runs.bind("nightly", asked("match-rate")).unwrap();
        assert_eq!(runs.bind("nightly", asked("match-rate")).unwrap(), run);
        for other in [
            asked("matched-rows"),
            Asked { input: [9; 32], ..asked("match-rate") },
            Asked { provider: [9; 32], ..asked("match-rate") },
            Asked { map: Some([9; 32]), ..asked("match-rate") },
            Asked { sample_rows: 9, ..asked("match-rate") },
        ] {
            let refused = runs.bind("nightly", other).unwrap_err();
            assert_eq!(refused.exit().code(), 65);
        }
        let (kept, edited) = (dir.path().join("kept.csv"), dir.path().join("edited.csv"));
        for file in [&kept, &edited] {
            fs::write(file, "ours").unwrap();
        }
        runs.end("nightly", run, [7; 32], &[kept.clone(), edited.clone()]).unwrap();
        fs::write(&edited, "somebody's").unwrap();
        let run = runs.read("nightly").unwrap().unwrap();
        assert_eq!((run.session, run.own_files()), (Some([7; 32]), vec![kept]));
        // A record under another name is none.
        fs::copy(runs.path("nightly"), runs.path("other")).unwrap();
        assert_eq!(runs.read("other").unwrap_err().exit().code(), 74);
    }
}
