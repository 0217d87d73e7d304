//! The seams to the operating system: time, randomness, and files that are whole or absent.
//!
//! Everything here is small and boring on purpose, and nothing else in the tree asks the system
//! for these: a test that replaces a clock, or makes every storage operation fail in turn, then
//! covers all callers. A file that this module publishes is complete under its name or not there;
//! a private file is read only if nobody else can read it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand::TryRng;
use rand::rngs::SysRng;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};
use rustix::time::ClockId;
use tempfile::{NamedTempFile, TempDir, TempPath};
use zeroize::Zeroizing;

use crate::told::number;

#[cfg(any(test, feature = "testing"))]
pub(crate) use testing::fault_point;
#[cfg(any(test, feature = "testing"))]
use testing::note_dir_sync;

/// Time as a session's driver sees it.
pub trait Clock: Send + Sync {
    /// Seconds since 1970, as signed times and the ledger use them; may jump.
    fn now_unix(&self) -> u64;

    /// Time since some fixed moment of this process; never goes back. Deadlines use it `[D17]`.
    fn monotonic(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_unix(&self) -> u64 {
        // A machine whose clock stands before 1970 has not set it; every signed time then fails.
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Draws bytes from the operating system; the only source of randomness of both programs.
///
/// # Errors
///
/// [`OsError::Entropy`]; the machine is to blame, and nothing may go on without.
pub fn entropy<const N: usize>() -> Result<[u8; N], OsError> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).map_err(OsError::Entropy)?;
    Ok(bytes)
}

/// Processor time that this process has used so far, on all threads.
#[must_use]
pub fn process_cpu() -> Duration {
    cpu(ClockId::ProcessCPUTime)
}

/// Processor time that this thread has used so far.
#[must_use]
pub fn thread_cpu() -> Duration {
    cpu(ClockId::ThreadCPUTime)
}

fn cpu(clock: ClockId) -> Duration {
    // No clock of processor time runs below zero.
    rustix::time::clock_gettime(clock).try_into().unwrap_or_default()
}

/// Writes a file that is absent or complete under `path`, replacing one that is there.
///
/// The content goes to a file of its own beside `path`, is synced, then renamed, and the
/// directory is synced. A process that dies in between leaves a `.partial` file that no reader
/// looks at; [`DirectoryLock::sweep`] removes it. Writes are not buffered here, so that secrets
/// pass through no buffer that nobody erases.
///
/// # Errors
///
/// [`OsError::Io`] with the step that failed. The new content is then not under `path`, except
/// when syncing the directory failed: then it is there, but may not survive a power loss.
pub fn publish_atomically(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), OsError> {
    publish_as(path, &unique_name()?, mode, Place::Replace, write, |_| Ok(()))
}

/// Writes a file as [`publish_atomically`] does, but never over one that is there.
///
/// # Errors
///
/// [`OsError::Exists`] if `path` exists, and as [`publish_atomically`].
pub fn publish_new(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> Result<(), OsError> {
    publish_as(path, &unique_name()?, mode, Place::New, write, |_| Ok(()))
}

/// Reads a small file that only its owner can read, such as a key.
///
/// # Errors
///
/// An error that names the exact fix if the file is a link, not a regular file, another user's,
/// or open to others; [`OsError::TooLarge`] above a mebibyte.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, OsError> {
    let file = open_private(path, OpenOptions::new().read(true))?;
    let mut bytes = Zeroizing::new(Vec::new());
    // The capacity is set first, so that no copy of a secret is left behind by growing.
    bytes.reserve_exact(PRIVATE_BYTES_MAX + 1);
    (&file)
        .take(PRIVATE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(at(Action::Read, path))?;
    if bytes.len() > PRIVATE_BYTES_MAX {
        return Err(OsError::TooLarge { path: path.into() });
    }
    Ok(bytes)
}

/// Makes a directory that only its owner can enter, and those above it; one that is there must
/// be private already.
///
/// # Errors
///
/// As [`read_private`].
pub fn create_private_dir(path: &Path) -> Result<(), OsError> {
    fault_point().map_err(at(Action::Create, path))?;
    let made = DirBuilder::new().mode(PRIVATE_DIR_MODE).create(path);
    match made {
        Ok(()) => return sync_dir(parent(path)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && parent(path) != path => {
            create_private_dir(parent(path))?;
            return create_private_dir(path);
        }
        Err(error) => return Err(at(Action::Create, path)(error)),
    }
    let found = fs::symlink_metadata(path).map_err(at(Action::LookAt, path))?;
    if found.is_symlink() {
        return Err(OsError::Symlink { path: path.into() });
    }
    if !found.is_dir() {
        return Err(OsError::NotDirectory { path: path.into() });
    }
    check_owner_and_mode(path, &found, PRIVATE_DIR_MODE)
}

/// A private directory being filled, which gets its name when all of it is on disk.
///
/// One that is dropped before that is removed; one of a killed process keeps a `.partial` name that
/// no reader looks at.
#[derive(Debug)]
#[must_use]
pub struct DraftDir(TempDir);

impl DraftDir {
    /// An empty directory inside `dir`, whose name begins with a dot and `label`.
    ///
    /// # Errors
    ///
    /// [`OsError::Io`] with the step that failed.
    pub fn create(dir: &Path, label: &str) -> Result<Self, OsError> {
        fault_point().map_err(at(Action::Create, dir))?;
        let made = tempfile::Builder::new()
            .prefix(&format!(".{label}."))
            .suffix(PARTIAL_SUFFIX)
            .permissions(Permissions::from_mode(PRIVATE_DIR_MODE))
            .tempdir_in(dir)
            // The library says the name once more, which is of no use to anybody.
            .map_err(|error| at(Action::Create, dir)(error.kind().into()))?;
        sync_dir(dir)?;
        Ok(Self(made))
    }

    /// A path inside it, for now.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Gives it its name beside where it is; what it holds must be synced already.
    ///
    /// # Errors
    ///
    /// [`OsError::Io`] with the step that failed, also if the name is taken.
    pub fn publish(self, name: &str) -> Result<(), OsError> {
        let dir = parent(self.0.path()).to_path_buf();
        let path = dir.join(name);
        sync_dir(self.0.path())?;
        fault_point().map_err(at(Action::Name, &path))?;
        fs::rename(self.0.path(), &path).map_err(at(Action::Name, &path))?;
        // Nothing is under its first name any more, to be removed.
        let _ = self.0.keep();
        sync_dir(&dir)
    }
}

/// Makes the names in a directory survive a power loss.
///
/// # Errors
///
/// [`OsError::Io`].
pub fn sync_dir(path: &Path) -> Result<(), OsError> {
    fault_point().map_err(at(Action::Sync, path))?;
    #[cfg(any(test, feature = "testing"))]
    note_dir_sync(path);
    File::open(path).and_then(|dir| dir.sync_all()).map_err(at(Action::Sync, path))
}

/// Bytes that this user may still write to the disk that holds a directory, if the system tells.
#[must_use]
pub fn free_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

/// Keeps this process from leaving a core file, and others from reading its memory.
///
/// # Errors
///
/// [`OsError::CoreDumps`]; the programs start without it only if told to.
pub fn forbid_core_dumps() -> Result<(), OsError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)
        .map_err(|errno| OsError::CoreDumps(errno.into()))?;
    // A limit of zero does not stop a core handler that is a pipe; this does.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|errno| OsError::CoreDumps(errno.into()))?;
    Ok(())
}

/// Sole use of a directory, for as long as this lives; the kernel ends it with the process.
#[derive(Debug)]
#[must_use]
pub struct DirectoryLock {
    dir: PathBuf,
    _held: File,
}

impl DirectoryLock {
    /// Takes the lock or fails at once.
    ///
    /// The lock is on the open file, not in its content: a file left by a killed process holds
    /// nobody up.
    ///
    /// # Errors
    ///
    /// [`OsError::Locked`] if another process, or another part of this one, has it.
    pub fn acquire(dir: &Path) -> Result<Self, OsError> {
        let path = dir.join(LOCK_NAME);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_MODE)
            .custom_flags(open_flags())
            .open(&path)
            .map_err(at(Action::Open, &path))?;
        // [G55]
        match file.try_lock() {
            Ok(()) => Ok(Self { dir: dir.into(), _held: file }),
            Err(TryLockError::WouldBlock) => Err(OsError::Locked { path: dir.into() }),
            Err(TryLockError::Error(error)) => Err(at(Action::Lock, &path)(error)),
        }
    }

    /// Takes the lock as soon as nobody else has it.
    ///
    /// # Errors
    ///
    /// [`OsError::Io`].
    pub fn wait(dir: &Path) -> Result<Self, OsError> {
        loop {
            match Self::acquire(dir) {
                Err(OsError::Locked { .. }) => std::thread::sleep(LOCK_EVERY),
                other => return other,
            }
        }
    }

    /// Takes the lock as soon as nobody else has it, within a time.
    ///
    /// # Errors
    ///
    /// [`OsError::Locked`] when the time is over; [`OsError::Io`].
    pub fn wait_at_most(dir: &Path, time: Duration) -> Result<Self, OsError> {
        let began = Instant::now();
        loop {
            match Self::acquire(dir) {
                Err(OsError::Locked { .. }) if began.elapsed() < time => {
                    std::thread::sleep(LOCK_EVERY);
                }
                other => return other,
            }
        }
    }

    /// Tells if somebody has the lock; makes no file.
    #[must_use]
    pub fn is_held(dir: &Path) -> bool {
        let opened =
            OpenOptions::new().read(true).custom_flags(open_flags()).open(dir.join(LOCK_NAME));
        opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Removes what interrupted publications left in the directory; nobody else can be writing.
    ///
    /// # Errors
    ///
    /// [`OsError::Io`].
    pub fn sweep(&self) -> Result<(), OsError> {
        let entries = fs::read_dir(&self.dir).map_err(at(Action::Read, &self.dir))?;
        for entry in entries {
            let entry = entry.map_err(at(Action::Read, &self.dir))?;
            if is_partial(Path::new(&entry.file_name())) {
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let removed = match is_dir {
                    true => fs::remove_dir_all(entry.path()),
                    false => fs::remove_file(entry.path()),
                };
                removed.map_err(at(Action::Remove, &entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Something between this program and its machine does not work, or is not safe to use.
#[derive(Debug, thiserror::Error)]
pub enum OsError {
    /// No randomness.
    Entropy(#[source] rand::rngs::SysError),
    /// A step on a file or directory failed.
    Io {
        /// Step that was tried.
        action: Action,
        /// File or directory.
        path: PathBuf,
        /// Reason the system gives.
        source: io::Error,
    },
    /// A private file or directory is a link.
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A private file is a device, pipe, or directory.
    NotRegular {
        /// Path that was named.
        path: PathBuf,
    },
    /// A private directory is something else.
    NotDirectory {
        /// Path that was named.
        path: PathBuf,
    },
    /// A private file or directory belongs to somebody else.
    Owner {
        /// The file.
        path: PathBuf,
        /// Owner of the file.
        owner: u32,
        /// User of this process.
        ours: u32,
    },
    /// A private file or directory is open to others.
    Mode {
        /// The file.
        path: PathBuf,
        /// Permission bits it has.
        mode: u32,
        /// Permission bits it should have.
        fix: u32,
    },
    /// A private file is larger than any key.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file that must be new is there.
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another run works in this directory.
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The system keeps core dumps on.
    CoreDumps(#[source] io::Error),
}

diagnose! { OsError: inner [];
    Self::Entropy(_) => Storage, "os-entropy";
    Self::Io { action, path, source } =>
        Storage, "os-io" { action: action.name(), path: path, why: source };
    Self::Symlink { path } => Node, "os-symlink" { path: path };
    Self::NotRegular { path } => Node, "os-not-regular" { path: path };
    Self::NotDirectory { path } => Node, "os-not-directory" { path: path };
    Self::Owner { path, owner, ours } =>
        Node, "os-owner" { path: path, owner: number(*owner), ours: number(*ours) };
    Self::Mode { path, mode, fix } =>
        Node, "os-mode" { path: path, mode: format!("{mode:o}"), fix: format!("{fix:o}") };
    Self::TooLarge { path } => Node, "os-too-large" { path: path };
    Self::Exists { path } => Node, "os-exists" { path: path };
    Self::Locked { path } => InUse, "os-locked" { path: path };
    Self::CoreDumps(source) => Storage, "os-core-dumps" { why: source };
}

/// Step on a file or directory that the system can refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Making it.
    Create,
    /// Opening it.
    Open,
    /// Reading it.
    Read,
    /// Asking the system about it.
    LookAt,
    /// Writing it.
    Write,
    /// Cutting off its end.
    Shorten,
    /// Setting its permission bits.
    SetMode,
    /// Having it on disk.
    Sync,
    /// Giving it its name.
    Name,
    /// Taking its name away while it is used.
    Unlink,
    /// Removing it.
    Remove,
    /// Locking it.
    Lock,
    /// Starting threads that work for it.
    StartThreads,
}

impl Action {
    /// The word that selects the text.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Open => "open",
            Self::Read => "read",
            Self::LookAt => "look-at",
            Self::Write => "write",
            Self::Shorten => "shorten",
            Self::SetMode => "set-mode",
            Self::Sync => "sync",
            Self::Name => "name",
            Self::Unlink => "unlink",
            Self::Remove => "remove",
            Self::Lock => "lock",
            Self::StartThreads => "start-threads",
        }
    }
}

/// Permission bits of a file that only its owner can use.
pub const PRIVATE_MODE: u32 = 0o600;

/// Permission bits of a directory that only its owner can use.
pub const PRIVATE_DIR_MODE: u32 = 0o700;

/// Opens a file that must be private, without following a link or waiting for a pipe.
///
/// # Errors
///
/// As [`read_private`].
pub fn open_private(path: &Path, options: &mut OpenOptions) -> Result<File, OsError> {
    let opened = options.custom_flags(open_flags()).open(path);
    let file = match opened {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(OsError::Symlink { path: path.into() });
        }
        other => other.map_err(at(Action::Open, path))?,
    };
    let found = file.metadata().map_err(at(Action::LookAt, path))?;
    if !found.is_file() {
        return Err(OsError::NotRegular { path: path.into() });
    }
    check_owner_and_mode(path, &found, PRIVATE_MODE)?;
    Ok(file)
}

/// Makes a private file that must not be there yet, for reading and writing.
///
/// # Errors
///
/// [`OsError::Exists`] if it is there, [`OsError::Io`].
pub fn create_private(path: &Path) -> Result<File, OsError> {
    fault_point().map_err(at(Action::Create, path))?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE_MODE)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => OsError::Exists { path: path.into() },
            _ => at(Action::Create, path)(error),
        })
}

/// A file to which every write is a storage operation of its own.
#[derive(Debug)]
pub struct Storage<'a>(pub &'a File);

impl Storage<'_> {
    /// Makes the content survive a power loss.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        fault_point()?;
        self.0.sync_data()
    }
}

impl Write for Storage<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault_point()?;
        (&mut &*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads until `out` is full or nothing is left, and returns the number of bytes.
pub(crate) fn read_full(from: &mut impl Read, out: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        match from.read(room) {
            Ok(0) => break,
            // At most the length of `out`.
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Names a step and a path in an I/O error.
#[must_use = "it makes an error of another"]
pub fn at(action: Action, path: &Path) -> impl Fn(io::Error) -> OsError {
    move |source| OsError::Io { action, path: path.into(), source }
}

/// The directory a path lies in.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir.as_os_str().is_empty() => Path::new("."),
        Some(dir) => dir,
        None => path,
    }
}

/// A name that nobody else has.
///
/// # Errors
///
/// [`OsError::Entropy`].
pub fn unique_name() -> Result<String, OsError> {
    Ok(format!("{:032x}", u128::from_le_bytes(entropy()?)))
}

/// Before every storage operation; tests make it fail.
#[cfg(not(any(test, feature = "testing")))]
#[expect(clippy::unnecessary_wraps, reason = "fails in tests")]
pub(crate) const fn fault_point() -> io::Result<()> {
    Ok(())
}

/// Treatment of a file that is there under the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The file is replaced.
    Replace,
    /// The file is left, and that is an error.
    New,
}

/// Path of the content of `path` before it is whole.
pub(crate) fn partial_path(path: &Path, unique: &str) -> Result<PathBuf, OsError> {
    let name = path
        .file_name()
        .ok_or_else(|| at(Action::Create, path)(io::ErrorKind::InvalidInput.into()))?;
    let mut partial_name = std::ffi::OsString::from(".");
    partial_name.push(name);
    partial_name.push(format!(".{unique}{PARTIAL_SUFFIX}"));
    Ok(parent(path).join(partial_name))
}

/// Publishes through [`partial_path`]; `whole` sees the synced content before it gets its name.
pub(crate) fn publish_as(
    path: &Path,
    unique: &str,
    mode: u32,
    place: Place,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
    whole: impl FnOnce(&File) -> Result<(), OsError>,
) -> Result<(), OsError> {
    let beside = partial_path(path, unique)?;
    // Its whole name is ours, so that it could be noted before; it goes unless it gets another.
    let name = TempPath::try_from_path(&beside).map_err(at(Action::Create, &beside))?;
    let partial = NamedTempFile::from_parts(create_private(&beside)?, name);
    let file = partial.as_file();
    write(&mut Storage(file)).map_err(at(Action::Write, path))?;
    // Widened only now: at no time can more people read it than at the end.
    file.set_permissions(Permissions::from_mode(mode)).map_err(at(Action::SetMode, path))?;
    fault_point().and_then(|()| file.sync_all()).map_err(at(Action::Sync, path))?;
    whole(file)?;
    fault_point().map_err(at(Action::Name, path))?;
    let named = match place {
        Place::Replace => partial.persist(path),
        Place::New => partial.persist_noclobber(path),
    };
    named.map_err(|failed| match (place, failed.error.kind()) {
        (Place::New, io::ErrorKind::AlreadyExists) => OsError::Exists { path: path.into() },
        _ => at(Action::Name, path)(failed.error),
    })?;
    // [G57]
    sync_dir(parent(path))
}

fn check_owner_and_mode(path: &Path, found: &fs::Metadata, fix: u32) -> Result<(), OsError> {
    let ours = rustix::process::geteuid().as_raw();
    if found.uid() != ours {
        return Err(OsError::Owner { path: path.into(), owner: found.uid(), ours });
    }
    let mode = found.mode() & 0o7777;
    // [G54]
    if mode & 0o077 != 0 {
        return Err(OsError::Mode { path: path.into(), mode, fix });
    }
    Ok(())
}

/// Tells if a file of this name is one that a publication left behind.
#[must_use]
pub fn is_partial(name: &Path) -> bool {
    let name = name.as_os_str().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(PARTIAL_SUFFIX.as_bytes())
}

/// Not through links, and without waiting for the other end of a pipe.
fn open_flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed()
}

/// Name of the file in a directory that its holder locks.
pub const LOCK_NAME: &str = "lock";
/// End of the name of a file that is not whole.
pub const PARTIAL_SUFFIX: &str = ".partial";
/// Whoever has a lock that is waited for works for seconds at least.
const LOCK_EVERY: Duration = Duration::from_millis(100);
const PRIVATE_BYTES_MAX: usize = 1 << 20;

/// Storage that fails or dies at a chosen operation, for the tests of this crate and of those above
/// it; no release has the feature.
#[cfg(any(test, feature = "testing"))]
pub mod testing {
    use std::cell::{Cell, RefCell};
    use std::fs::Permissions;
    use std::io;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    use super::PRIVATE_DIR_MODE;

    thread_local! {
        static OPERATIONS: Cell<u64> = const { Cell::new(0) };
        static FAIL_AT: Cell<Option<u64>> = const { Cell::new(None) };
        static DIE_AT: Cell<Option<u64>> = const { Cell::new(None) };
        static DIRS_SYNCED: RefCell<Vec<PathBuf>> = const { RefCell::new(Vec::new()) };
    }

    /// Fails the storage operation whose turn it is, as a full disk would, and all after it.
    pub(crate) fn fault_point() -> io::Result<()> {
        let operation = OPERATIONS.get();
        OPERATIONS.set(operation + 1);
        if DIE_AT.get() == Some(operation) {
            // Silent, and nobody on this thread goes on.
            std::panic::resume_unwind(Box::new("killed"));
        }
        match FAIL_AT.get() {
            Some(at) if operation >= at => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    pub(super) fn note_dir_sync(path: &Path) {
        DIRS_SYNCED.with_borrow_mut(|dirs| dirs.push(path.into()));
    }

    /// Runs with the storage failing from operation `at` on; tells whether it got that far.
    pub fn with_fault<T>(at: u64, run: impl FnOnce() -> T) -> (T, bool) {
        OPERATIONS.set(0);
        FAIL_AT.set(Some(at));
        let outcome = run();
        FAIL_AT.set(None);
        (outcome, OPERATIONS.get() > at)
    }

    /// Runs until storage operation `at`, where the thread dies as if it were killed; what it gave,
    /// if it did not, and how many operations it had.
    pub fn dying_at<T>(at: Option<u64>, run: impl FnOnce() -> T) -> (Option<T>, u64) {
        OPERATIONS.set(0);
        DIE_AT.set(at);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        DIE_AT.set(None);
        let died = at.is_some_and(|at| OPERATIONS.get() > at);
        match outcome {
            Ok(outcome) => (Some(outcome), OPERATIONS.get()),
            Err(_) if died => (None, OPERATIONS.get()),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Directories synced by this thread during `run`.
    pub fn dirs_synced_in(run: impl FnOnce()) -> Vec<PathBuf> {
        DIRS_SYNCED.with_borrow_mut(Vec::clear);
        run();
        DIRS_SYNCED.with_borrow(Clone::clone)
    }

    /// A temporary directory that counts as private.
    pub fn private_tempdir() -> tempfile::TempDir {
        let private = Permissions::from_mode(PRIVATE_DIR_MODE);
        tempfile::Builder::new().permissions(private).tempdir().unwrap()
    }
}

#[cfg(test)]
mod tests {
    use report::Diagnose as _;

    use super::testing::{dirs_synced_in, private_tempdir, with_fault};
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn advice(error: &OsError) -> String {
        error.text().attribute("try").to_string()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_refused_file_is_named_once_and_not_by_its_partial_name() {
        let dir = private_tempdir();
        let absent = dir.path().join("absent").join("file");
        let error = publish_atomically(&absent, PRIVATE_MODE, |_| Ok(())).unwrap_err();
        assert!(error.to_string().ends_with("No such file or directory (os error 2)"), "{error}");
        let error = DraftDir::create(&dir.path().join("absent"), "x").unwrap_err();
        assert!(!error.to_string().contains(PARTIAL_SUFFIX), "{error}");
    }

    #[test]
    fn published_file_is_absent_or_complete_at_every_failure() {
        // D12
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("result.csv");
        let parts: [&[u8]; 3] = [b"one\n", b"two\n", b"three\n"];
        let publish = || {
            publish_atomically(&path, PRIVATE_MODE, |out| {
                parts.iter().try_for_each(|part| out.write_all(part))
            })
        };
        let mut failures = 0;
        for at in 0.. {
            let (outcome, reached) = with_fault(at, publish);
            let there = fs::read(&path).ok();
            assert!(names(dir.path()).len() <= 1, "no temporary file is left");
            if !reached {
                outcome.unwrap();
                assert_eq!(there.unwrap(), b"one\ntwo\nthree\n");
                break;
            }
            assert!(outcome.is_err());
            failures += 1;
            if let Some(bytes) = there {
                assert_eq!(bytes, b"one\ntwo\nthree\n");
                fs::remove_file(&path).unwrap();
            }
        }
        assert!(failures >= 7, "create, three writes, sync, rename, directory");
    }

    #[test]
    fn publishing_replaces_a_file_and_syncs_its_directory() {
        // G57
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(&path, b"a longer, older content").unwrap();
        let synced = dirs_synced_in(|| {
            publish_atomically(&path, 0o640, |out| out.write_all(b"new")).unwrap();
        });
        assert_eq!(synced, [dir.path()]);
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    }

    #[test]
    fn new_file_is_never_written_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        publish_new(&path, PRIVATE_MODE, |out| out.write_all(b"first")).unwrap();
        let second = publish_new(&path, PRIVATE_MODE, |out| out.write_all(b"second"));
        assert!(matches!(second, Err(OsError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn leftover_of_a_killed_process_is_ignored_and_swept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        fs::write(dir.path().join(".a.0123.partial"), b"half").unwrap();
        publish_atomically(&path, PRIVATE_MODE, |out| out.write_all(b"whole")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let lock = DirectoryLock::acquire(dir.path()).unwrap();
        lock.sweep().unwrap();
        assert_eq!(names(dir.path()), ["a", "lock"]);
    }

    #[test]
    fn private_file_must_be_private() {
        // D15, G54
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        publish_new(&path, PRIVATE_MODE, |out| out.write_all(b"secret")).unwrap();
        assert_eq!(read_private(&path).unwrap().as_slice(), b"secret");
        for mode in [0o640, 0o604, 0o620, 0o610, 0o777] {
            set_mode(&path, mode);
            let error = read_private(&path).unwrap_err();
            let fix = format!("chmod 600 {}", path.display());
            assert!(advice(&error).ends_with(&fix), "{error}");
        }
        set_mode(&path, 0o400);
        assert!(read_private(&path).is_ok());
    }

    #[test]
    fn private_file_must_be_a_file_itself() {
        // D15
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        publish_new(&path, PRIVATE_MODE, |out| out.write_all(b"secret")).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(read_private(&link), Err(OsError::Symlink { .. })));
        assert!(matches!(read_private(dir.path()), Err(OsError::NotRegular { .. })));
        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        assert!(matches!(read_private(&pipe), Err(OsError::NotRegular { .. })));
        let large = vec![0; PRIVATE_BYTES_MAX + 1];
        publish_atomically(&path, PRIVATE_MODE, |out| out.write_all(&large)).unwrap();
        assert!(matches!(read_private(&path), Err(OsError::TooLarge { .. })));
    }

    #[test]
    fn file_of_another_user_is_refused() {
        // D15; only a privileged user can give a file away, so others skip the second half.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        publish_new(&path, PRIVATE_MODE, |out| out.write_all(b"secret")).unwrap();
        let ours = rustix::process::geteuid().as_raw();
        if std::os::unix::fs::chown(&path, Some(ours + 1), None).is_ok() {
            let refused = read_private(&path);
            assert!(matches!(refused, Err(OsError::Owner { .. })));
        }
    }

    #[test]
    fn private_directory_is_made_with_its_parents_or_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs").join("5f0c");
        create_private_dir(&path).unwrap();
        for made in [&path, &dir.path().join("runs")] {
            assert_eq!(fs::metadata(made).unwrap().mode() & 0o7777, 0o700);
        }
        create_private_dir(&path).unwrap();
        set_mode(&path, 0o750);
        let error = create_private_dir(&path).unwrap_err();
        assert!(advice(&error).starts_with("chmod 700 "), "{error}");
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(create_private_dir(&file), Err(OsError::NotDirectory { .. })));
    }

    #[test]
    fn second_holder_of_a_directory_fails_at_once() {
        // D14, G55
        let dir = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(dir.path()).unwrap();
        let second = DirectoryLock::acquire(dir.path());
        assert!(matches!(second, Err(OsError::Locked { .. })));
        drop(first);
        // The file is still there, as after a kill; it holds nobody up.
        assert_eq!(names(dir.path()), ["lock"]);
        assert!(DirectoryLock::acquire(dir.path()).is_ok());
    }

    #[test]
    fn entropy_differs_from_call_to_call() {
        let first: [u8; 32] = entropy().unwrap();
        let second: [u8; 32] = entropy().unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn clock_moves_forward() {
        let clock = SystemClock::new();
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
        assert!(clock.now_unix() > 1_700_000_000);
    }

    #[test]
    fn core_dumps_are_off_after_asking() {
        forbid_core_dumps().unwrap();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!(limit.current, Some(0));
    }

    #[test]
    fn draft_directory_appears_whole_or_not_at_all() {
        let dir = private_tempdir();
        let draft = DraftDir::create(dir.path(), "table").unwrap();
        fs::write(draft.path("file"), b"content").unwrap();
        assert!(!dir.path().join("made").exists());
        draft.publish("made").unwrap();
        assert_eq!(fs::read(dir.path().join("made").join("file")).unwrap(), b"content");
        drop(DraftDir::create(dir.path(), "table").unwrap());
        // A killed process drops nothing; who next has the lock removes it.
        std::mem::forget(DraftDir::create(dir.path(), "table").unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        DirectoryLock::acquire(dir.path()).unwrap().sweep().unwrap();
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(dir.path().join("made").exists());
    }

    #[test]
    fn lock_is_seen_by_others_without_being_taken() {
        let dir = private_tempdir();
        assert!(!DirectoryLock::is_held(dir.path()));
        let lock = DirectoryLock::acquire(dir.path()).unwrap();
        assert!(DirectoryLock::is_held(dir.path()));
        drop(lock);
        assert!(!DirectoryLock::is_held(dir.path()));
    }
}
