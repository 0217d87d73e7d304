//! Outputs: where a command writes what it found, checked before anything is sent.
//!
//! Every path that an operator names for a result passes [`Outputs::claim`] first. It refuses an
//! input, a file of a node, a file that is there already, and a place that cannot be written. What
//! passes is an [`Output`]: a file that appears whole, with mode 0600; or something that is no
//! regular file, such as a pipe, which is written through and never replaced; or, named `-`,
//! standard output.
//!
//! A partial file outside the node's directory is noted inside it before it is made. A process
//! that dies leaves the note, and whoever next has the lock of the node removes the partial file;
//! no other file there is touched.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use report::{Arg, Diagnose as _, Text};
use sha2::{Digest as _, Sha256};

use crate::os::{self, Action, OsError, Place};

/// The outputs of one command, and what none of them may be.
#[derive(Debug)]
pub struct Outputs {
    overwrite: bool,
    inputs: Vec<FileId>,
    taken: Vec<PathBuf>,
    standard: bool,
    notes: Option<PathBuf>,
    /// Mode and group of what is written.
    pub access: Access,
    replaceable: Vec<FileId>,
}

impl Outputs {
    /// No output yet; `overwrite` allows them to replace files that are no input and no node's.
    #[must_use]
    pub fn new(overwrite: bool) -> Self {
        let (inputs, taken, replaceable) = (Vec::new(), Vec::new(), Vec::new());
        let (standard, notes, access) = (false, None, PRIVATE);
        Self { overwrite, inputs, taken, standard, notes, access, replaceable }
    }

    /// Keeps notes of partial files in the directory of a node, whose lock the caller holds.
    #[must_use]
    pub fn noted_in(self, node: &Path) -> Self {
        Self { notes: Some(node.join(NOTES)), ..self }
    }

    /// Lets outputs replace this file, which an earlier try of the same command wrote.
    pub fn may_replace(&mut self, path: &Path) {
        self.replaceable.extend(fs::metadata(path).ok().map(|found| FileId::of(&found)));
    }

    /// Tells of a file that the command reads; `-` is standard input.
    pub fn reads(&mut self, path: &Path) {
        let named = path.as_os_str() != STANDARD;
        let found = if named { fs::metadata(path) } else { standard_file(io::stdin()) };
        // What cannot be found is no file yet, and the command will say so.
        self.inputs.extend(found.ok().filter(Metadata::is_file).map(|found| FileId::of(&found)));
    }

    /// Checks an output; nothing is written to it yet.
    ///
    /// # Errors
    ///
    /// [`OutputError::Refused`] and [`OutputError::Place`] for a path that must not or cannot be
    /// written; [`OutputError::StandardTwice`] and [`OutputError::Twice`] for a second claim.
    pub fn claim(&mut self, path: &Path) -> Result<Output, OutputError> {
        if path.as_os_str() == STANDARD || is_standard_output(path) {
            let twice = std::mem::replace(&mut self.standard, true);
            let output = Output { named: STANDARD.into(), to: To::Standard };
            return if twice { Err(OutputError::StandardTwice) } else { Ok(output) };
        }
        let found = match fs::metadata(path) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unwritable(path, error)),
        };
        let to = match found {
            Some(found) if is_stream(&found) => To::Through,
            Some(found) if !found.is_file() => {
                let why = if found.is_dir() { Refusal::Directory } else { Refusal::NoFile };
                return Err(refused(path, why));
            }
            found => self.file(path, found.as_ref())?,
        };
        Ok(Output { named: path.to_path_buf(), to })
    }

    /// Checks the file that goes with an output, whose name is longer by `suffix`; nothing goes
    /// with what is no file.
    ///
    /// # Errors
    ///
    /// As [`Self::claim`].
    pub fn claim_beside(
        &mut self,
        output: &Output,
        suffix: &str,
    ) -> Result<Option<Output>, OutputError> {
        let To::File(_) = &output.to else { return Ok(None) };
        let mut name = output.named.clone().into_os_string();
        name.push(suffix);
        self.claim(Path::new(&name)).map(Some)
    }

    /// True if standard output is an output, so that text for people belongs to standard error.
    #[must_use]
    pub const fn take_standard_output(&self) -> bool {
        self.standard
    }

    /// Everything is written: no file is an interrupted command's any more.
    pub fn done(&self) {
        for (path, _) in self.notes.iter().flat_map(|notes| Note::all(notes)) {
            let _ = fs::remove_file(path);
        }
    }

    fn file(&mut self, path: &Path, found: Option<&Metadata>) -> Result<To, OutputError> {
        // Through links, so that a file is itself under every name.
        let target = match found {
            Some(_) => fs::canonicalize(path),
            None if fs::symlink_metadata(path).is_ok() => {
                return Err(refused(path, Refusal::DeadLink));
            }
            None => fs::canonicalize(os::parent(path)).and_then(|dir| {
                let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
                Ok(dir.join(name))
            }),
        };
        let target = target.map_err(|error| unwritable(path, error))?;
        if found.is_some_and(|found| self.inputs.contains(&FileId::of(found))) {
            return Err(refused(path, Refusal::Input));
        }
        if let Some(node) = target.ancestors().skip(1).find(|above| is_node(above)) {
            return Err(refused(path, Refusal::InNode { node: node.to_path_buf() }));
        }
        if self.taken.contains(&target) {
            return Err(OutputError::Twice { path: path.to_path_buf() });
        }
        let ours = |found| self.notes.as_deref().is_some_and(|at| Note::owns(at, &target, found));
        let own = |found| self.replaceable.contains(&FileId::of(found)) || ours(found);
        let place = match found {
            Some(found) if !self.overwrite && !own(found) => {
                return Err(refused(path, Refusal::Exists));
            }
            Some(_) => Place::Replace,
            None => Place::New,
        };
        probe(&target, self.access).map_err(|error| unwritable(path, error))?;
        self.taken.push(target.clone());
        let (notes, access) = (self.notes.clone(), self.access);
        Ok(To::File(Target { path: target, place, notes, own: false, access }))
    }
}

/// Mode of the files that a command writes, and the group they are given to.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// Number of the group; that of the process if none is named.
    pub group: Option<u32>,
}

impl Access {
    /// The group comes first: nobody of another one ever reads.
    fn give(self, file: &File) -> io::Result<()> {
        std::os::unix::fs::fchown(file, None, self.group)?;
        file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        file.sync_all()
    }
}

/// A checked place for one result.
#[derive(Debug, Clone)]
pub struct Output {
    named: PathBuf,
    to: To,
}

impl Output {
    /// A file of a node itself, inside its directory, which replaces one that is there.
    #[must_use]
    pub fn of_node(node: &Path, path: PathBuf) -> Self {
        let notes = Some(node.join(NOTES));
        let (place, access) = (Place::Replace, PRIVATE);
        let target = Target { path: path.clone(), place, notes, own: true, access };
        Self { named: path, to: To::File(target) }
    }

    /// The name it was claimed under, which may choose its form; `-` for standard output.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.named
    }

    /// The name as a person reads it, in a message.
    #[must_use]
    pub fn told(&self) -> Arg {
        match self.to {
            To::Standard => Text::new("output-standard").into(),
            To::Through | To::File(_) => self.named.as_path().into(),
        }
    }

    /// The name as a log shows it.
    #[must_use]
    pub fn shown(&self) -> String {
        Text::new("word").with("word", self.told()).to_string()
    }

    /// Writes the whole output, and gives its SHA-256.
    ///
    /// A file appears under its name complete and synced, or not at all.
    ///
    /// # Errors
    ///
    /// [`OutputError`] with the output and what the system said.
    pub fn publish(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> Result<[u8; 32], OutputError> {
        let mut hash = Sha256::new();
        let hashed = |to: &mut (dyn Write + Send)| {
            let mut out = Hashed { to, hash: &mut hash };
            write(&mut out)?;
            out.flush()
        };
        match &self.to {
            To::Standard => hashed(&mut io::stdout()).map_err(self.failed())?,
            To::Through => {
                let opened = OpenOptions::new().append(true).open(&self.named);
                opened.and_then(|mut file| hashed(&mut file)).map_err(self.failed())?;
            }
            To::File(target) => target.publish(hashed).map_err(|error| self.unwritten(&error))?,
        }
        Ok(hash.finalize().into())
    }

    /// Writes a text as [`Self::publish`] does.
    ///
    /// # Errors
    ///
    /// As [`Self::publish`].
    pub fn publish_text(&self, text: &str) -> Result<(), OutputError> {
        self.publish(|out| out.write_all(text.as_bytes()))?;
        lock(&PUBLISHED).push(self.named.clone());
        Ok(())
    }

    /// Error of a write to this output, with the reason the system gives.
    pub fn failed(&self) -> impl Fn(io::Error) -> OutputError {
        let shown = self.told();
        move |error| OutputError::Write { shown: shown.clone(), why: (&error).into() }
    }

    fn unwritten(&self, error: &OsError) -> OutputError {
        let why = match error {
            OsError::Io { source, .. } => source.into(),
            OsError::Exists { .. } => Text::new("output-exists-by-now").into(),
            other => other.text().into(),
        };
        OutputError::Write { shown: self.told(), why }
    }
}

/// True if this process has written a text to an output of this name already.
#[must_use]
pub fn is_published(path: &Path) -> bool {
    // Standard output has one name here, whatever it was called.
    let name = if is_standard_output(path) { Path::new(STANDARD) } else { path };
    lock(&PUBLISHED).iter().any(|published| published == name)
}

/// Names of the outputs that this process wrote a text to: few, such as summaries for machines.
static PUBLISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An output that is refused or was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Two outputs claim standard output.
    StandardTwice,
    /// Two outputs claim one file.
    Twice {
        /// The name of the second.
        path: PathBuf,
    },
    /// The path must not be written.
    Refused {
        /// The path.
        path: PathBuf,
        /// Reason against it.
        why: Refusal,
    },
    /// The directory of the output cannot be written to.
    Place {
        /// The directory.
        dir: PathBuf,
        /// Reason the system gives.
        source: io::Error,
    },
    /// Writing failed.
    Write {
        /// The output.
        shown: Arg,
        /// Reason.
        why: Arg,
    },
}

diagnose! { OutputError: inner [];
    Self::StandardTwice => Usage, "output-standard-twice";
    Self::Twice { path } => Usage, "output-twice" { path: path };
    Self::Refused { path, why: Refusal::Directory } => Output, "output-directory" { path: path };
    Self::Refused { path, why: Refusal::NoFile } => Output, "output-no-file" { path: path };
    Self::Refused { path, why: Refusal::DeadLink } => Output, "output-dead-link" { path: path };
    Self::Refused { path, why: Refusal::Input } => Output, "output-input" { path: path };
    Self::Refused { path, why: Refusal::InNode { node } } =>
        Output, "output-in-node" { path: path, node: node };
    Self::Refused { path, why: Refusal::Exists } => Output, "output-exists" { path: path };
    Self::Place { dir, source } => Output, "output-place" { path: dir, why: source };
    Self::Write { shown, why } =>
        Output, "output-write" { path: shown.clone(), why: why.clone() };
}

/// Reason against writing to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A directory.
    Directory,
    /// A socket or block device.
    NoFile,
    /// A link whose target is missing.
    DeadLink,
    /// An input of the same command.
    Input,
    /// A file of a node.
    InNode {
        /// The node.
        node: PathBuf,
    },
    /// A file that is there already.
    Exists,
}

/// Removes the partial files of commands that died; for the holder of the node's lock.
///
/// # Errors
///
/// [`OsError::Io`] of the node's directory.
pub fn sweep(node: &Path) -> Result<(), OsError> {
    for (path, note) in Note::all(&node.join(NOTES)) {
        // Nothing but a partial file of ours is ever removed, whatever a note says.
        if let Some(note) = &note
            && os::is_partial(note.partial.file_name().map_or(Path::new(""), Path::new))
        {
            match fs::remove_file(&note.partial) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    // Told each time, until it is gone; it holds up no run.
                    let path = note.partial.display();
                    tracing::warn!(target: "veilmatch::output", %path, %error, "not removed");
                    continue;
                }
                _ => {}
            }
        }
        let stands = note.as_ref().is_some_and(|note| {
            fs::metadata(&note.target).is_ok_and(|found| note.stamp == Some(Stamp::of(&found)))
        });
        if !stands {
            fs::remove_file(&path).map_err(os::at(Action::Remove, &path))?;
        }
    }
    Ok(())
}

/// Tells if this path names standard output.
fn is_standard_output(path: &Path) -> bool {
    ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path == Path::new(name))
}

/// Tells if a file takes bytes one after another and has no content to lose.
fn is_stream(found: &Metadata) -> bool {
    let kind = found.file_type();
    kind.is_fifo() || kind.is_char_device()
}

/// Tells if a directory holds the keys of a node.
fn is_node(dir: &Path) -> bool {
    ["storage.key", "attestation.key"].iter().any(|key| dir.join("keys").join(key).exists())
}

/// Finds out whether a file can be made beside this one.
fn probe(target: &Path, access: Access) -> Result<(), io::Error> {
    let name = format!(".veilmatch-probe-{}{}", std::process::id(), os::PARTIAL_SUFFIX);
    let path = os::parent(target).join(name);
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let given = access.give(&file);
    fs::remove_file(&path).and(given)
}

fn standard_file(stream: impl std::os::fd::AsFd) -> io::Result<Metadata> {
    File::from(stream.as_fd().try_clone_to_owned()?).metadata()
}

fn refused(path: &Path, why: Refusal) -> OutputError {
    OutputError::Refused { path: path.to_path_buf(), why }
}

fn unwritable(path: &Path, source: io::Error) -> OutputError {
    OutputError::Place { dir: os::parent(path).to_path_buf(), source }
}

#[derive(Debug, Clone)]
enum To {
    Standard,
    Through,
    File(Target),
}

#[derive(Debug, Clone)]
struct Target {
    /// Through links.
    path: PathBuf,
    place: Place,
    notes: Option<PathBuf>,
    /// A file of the node needs no note any more once it is there.
    own: bool,
    access: Access,
}

impl Target {
    fn publish(
        &self,
        write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    ) -> Result<(), OsError> {
        let unique = os::unique_name()?;
        let partial = os::partial_path(&self.path, &unique)?;
        let note = match &self.notes {
            None => None,
            Some(notes) => {
                os::create_private_dir(notes)?;
                let note = Note { partial, target: self.path.clone(), stamp: None };
                note.write(&notes.join(&unique))?;
                Some((notes.join(&unique), note))
            }
        };
        let own = self.own.then(|| note.as_ref().map(|(path, _)| path.clone())).flatten();
        let whole = |file: &File| {
            self.access.give(file).map_err(os::at(Action::SetMode, &self.path))?;
            let Some((path, note)) = note.filter(|_| !self.own) else { return Ok(()) };
            let found = file.metadata().map_err(os::at(Action::LookAt, &self.path))?;
            Note { stamp: Some(Stamp::of(&found)), ..note }.write(&path)
        };
        os::publish_as(&self.path, &unique, os::PRIVATE_MODE, self.place, write, whole)?;
        own.map_or(Ok(()), |path| fs::remove_file(&path).map_err(os::at(Action::Remove, &path)))
    }
}

/// A partial file outside the node's directory, and where it was to go.
#[derive(Debug)]
struct Note {
    partial: PathBuf,
    target: PathBuf,
    /// The file as it was when it got its name.
    stamp: Option<Stamp>,
}

impl Note {
    /// Every note, with the file it lies in; one that cannot be read says nothing.
    fn all(notes: &Path) -> Vec<(PathBuf, Option<Self>)> {
        let entries = fs::read_dir(notes).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let whole = paths
            .filter(|path| path.file_name().is_some_and(|name| !os::is_partial(Path::new(name))));
        whole.map(|path| (path.clone(), Self::read(&path))).collect()
    }

    /// Tells if a file is what an interrupted command wrote under this name.
    fn owns(notes: &Path, target: &Path, found: &Metadata) -> bool {
        let stamp = Some(Stamp::of(found));
        let mut all = Self::all(notes).into_iter().filter_map(|(_, note)| note);
        all.any(|note| note.target == target && note.stamp == stamp)
    }

    fn write(&self, path: &Path) -> Result<(), OsError> {
        let stamp = match self.stamp {
            None => String::new(),
            Some(Stamp { dev, ino, len, changed }) => format!("{dev} {ino} {len} {changed}"),
        };
        let (partial, target) = (self.partial.as_os_str(), self.target.as_os_str());
        let parts = [partial.as_bytes(), target.as_bytes(), stamp.as_bytes()];
        os::publish_atomically(path, os::PRIVATE_MODE, |out| out.write_all(&parts.join(&0)))
    }

    fn read(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let mut parts = bytes.split(|byte| *byte == 0);
        let mut path = || Some(PathBuf::from(std::ffi::OsString::from_vec(parts.next()?.to_vec())));
        let (partial, target) = (path()?, path()?);
        let numbers = str::from_utf8(parts.next()?).ok()?;
        let mut numbers = numbers.split(' ').map(|number| number.parse::<i128>().ok());
        let mut next = || numbers.next().flatten();
        let stamp =
            (|| Some(Stamp { dev: next()?, ino: next()?, len: next()?, changed: next()? }))();
        Some(Self { partial, target, stamp })
    }
}

/// A file as it was at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    dev: i128,
    ino: i128,
    len: i128,
    /// Nanoseconds since 1970 at which its content last changed.
    changed: i128,
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            dev: found.dev().into(),
            ino: found.ino().into(),
            len: found.len().into(),
            changed: i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec()),
        }
    }
}

/// A file, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId {
    dev: u64,
    ino: u64,
}

impl FileId {
    fn of(found: &Metadata) -> Self {
        Self { dev: found.dev(), ino: found.ino() }
    }
}

/// Passes bytes on and hashes what was taken.
struct Hashed<'a> {
    to: &'a mut (dyn Write + Send),
    hash: &'a mut Sha256,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.to.write(bytes)?;
        let (taken_bytes, _) = bytes.split_at_checked(taken).ok_or(io::ErrorKind::InvalidData)?;
        self.hash.update(taken_bytes);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Name of standard input and output.
pub const STANDARD: &str = "-";
/// For the owner alone.
const PRIVATE: Access = Access { mode: os::PRIVATE_MODE, group: None };
/// Notes of partial files, inside the node's directory.
const NOTES: &str = "outputs";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::testing::{private_tempdir, with_fault};

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn claim(node: &Path, path: &Path, overwrite: bool) -> Result<Output, OutputError> {
        Outputs::new(overwrite).noted_in(node).claim(path)
    }

    #[test]
    fn an_output_is_absent_or_whole_at_every_failure_and_replaces_nothing_in_part() {
        let (node, dir) = (private_tempdir(), private_tempdir());
        let path = dir.path().join("ids.csv");
        for old in [None, Some("old")] {
            for at in 0.. {
                if let Some(old) = old {
                    fs::write(&path, old).unwrap();
                }
                let output = claim(node.path(), &path, true).unwrap();
                let (done, reached) = with_fault(at, || output.publish_text("new"));
                sweep(node.path()).unwrap();
                let content = fs::read_to_string(&path).ok();
                assert_eq!(names(dir.path()).len(), usize::from(content.is_some()), "{at}");
                if !reached {
                    done.unwrap();
                    assert_eq!(content.as_deref(), Some("new"));
                    break;
                }
                // The last sync of the directory may fail after the name is given.
                assert!([old, Some("new")].contains(&content.as_deref()), "{at}");
                let _ = fs::remove_file(&path);
            }
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_file_that_comes_after_the_check_is_left() {
        let (node, dir) = (private_tempdir(), private_tempdir());
        let path = dir.path().join("result.csv");
        let output = claim(node.path(), &path, false).unwrap();
        fs::write(&path, "somebody's").unwrap();
        let error = output.publish_text("ours").unwrap_err();
        assert!(error.to_string().contains("exists by now"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        assert_eq!(names(dir.path()), ["result.csv"]);
    }

    #[test]
    fn what_an_interrupted_command_wrote_is_its_own_until_a_command_ends_or_somebody_writes_it() {
        let (node, dir) = (private_tempdir(), private_tempdir());
        let path = dir.path().join("result.csv");
        let outputs = Outputs::new(false).noted_in(node.path());
        claim(node.path(), &path, false).unwrap().publish_text("ours").unwrap();
        // The command dies here; the next one has swept.
        sweep(node.path()).unwrap();
        claim(node.path(), &path, false).unwrap().publish_text("again").unwrap();
        sweep(node.path()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "again");
        fs::write(&path, "edited").unwrap();
        claim(node.path(), &path, false).unwrap_err();
        claim(node.path(), &path, true).unwrap().publish_text("ours").unwrap();
        outputs.done();
        assert!(names(&node.path().join(NOTES)).is_empty());
        claim(node.path(), &path, false).unwrap_err();
    }

    #[test]
    fn a_sweep_removes_what_is_noted_and_nothing_else() {
        let (node, dir) = (private_tempdir(), private_tempdir());
        let notes = node.path().join(NOTES);
        fs::create_dir(&notes).unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in [".ids.csv.0a.partial", ".other.csv.0b.partial", "crm.csv"] {
            fs::write(at(name), "text").unwrap();
        }
        for (noted, partial) in [("0a", ".ids.csv.0a.partial"), ("0c", "crm.csv")] {
            let note = Note { partial: at(partial), target: at("ids.csv"), stamp: None };
            note.write(&notes.join(noted)).unwrap();
        }
        fs::write(notes.join("0d"), "no note").unwrap();
        sweep(node.path()).unwrap();
        assert_eq!(names(dir.path()), [".other.csv.0b.partial", "crm.csv"]);
        assert!(names(&notes).is_empty());
    }

    #[test]
    fn a_file_of_the_node_keeps_its_note_no_longer_than_it_is_in_part() {
        let node = private_tempdir();
        let path = node.path().join("delivery.csv");
        for text in ["one", "two"] {
            Output::of_node(node.path(), path.clone()).publish_text(text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert!(names(&node.path().join(NOTES)).is_empty());
    }

    #[test]
    fn what_a_process_wrote_is_known_by_every_name_of_standard_output() {
        let dir = private_tempdir();
        let path = dir.path().join("object.json");
        let output = claim(dir.path(), &path, false).unwrap();
        assert!(!is_published(&path));
        output.publish_text("{}").unwrap();
        assert!(is_published(&path));
        let standard = claim(dir.path(), Path::new("/dev/stdout"), false).unwrap();
        standard.publish_text("").unwrap();
        for name in ["-", "/dev/stdout", "/dev/fd/1"] {
            assert!(is_published(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn hash_is_that_of_the_bytes_that_were_written() {
        let dir = private_tempdir();
        let output = claim(dir.path(), &dir.path().join("a"), false).unwrap();
        let hash = output.publish(|out| out.write_all(b"abc")).unwrap();
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(b"abc")));
    }
}
