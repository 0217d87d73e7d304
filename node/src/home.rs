//! A node's directory: where its keys, records and prepared sets lie.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use protocol::suite::PROTOCOL_VERSION;
use protocol::transcript::Role;
use report::{Arg, Code, Diagnose, Text};

use crate::settings::{ConfigError, Settings};
use channel::identity::{IdentityError, NodeIdentity, PublicIdentity};
use ledger::LedgerPlace;
use store::os::{self, Action, DirectoryLock, OsError};
use store::output;
use store::seal::{SealError, StorageKey};
use store::spill::Workspace;

/// An opened node directory; the type of its settings says the role.
#[derive(Debug)]
pub struct Home<S> {
    directory: PathBuf,
    /// The node's keys.
    pub identity: NodeIdentity,
    /// The key that seals what it keeps.
    pub storage: StorageKey,
    /// Settings of the node.
    pub config: S,
}

impl<S: Settings> Home<S> {
    /// Makes a node: keys, storage key, configuration, and the identity to show to partners.
    ///
    /// # Errors
    ///
    /// [`HomeError`]; a directory that holds a node already is left as it is.
    pub fn create(directory: &Path) -> Result<PublicIdentity, HomeError> {
        Self::refuse_other_role(directory)?;
        os::create_private_dir(directory)?;
        let config = directory.join(config_name(S::ROLE));
        // Settings of a node that lost its keys are still somebody's work.
        if config.exists() && !directory.join("keys").exists() {
            return Err(OsError::Exists { path: config }.into());
        }
        let identity = NodeIdentity::create(directory)?.public();
        StorageKey::create(&directory.join("keys").join(STORAGE_KEY))?;
        let template = S::template();
        os::publish_new(&config, os::PRIVATE_MODE, |out| out.write_all(template.as_bytes()))?;
        let format = format!("{PROTOCOL_VERSION}\n");
        os::publish_new(&directory.join(FORMAT), os::PRIVATE_MODE, |out| {
            out.write_all(format.as_bytes())
        })?;
        let shown = format!("{}\n", NodeIdentity::introduction(directory, S::ROLE)?);
        os::publish_new(&directory.join(IDENTITY), 0o644, |out| out.write_all(shown.as_bytes()))?;
        Ok(identity)
    }

    /// Opens a node's directory.
    ///
    /// # Errors
    ///
    /// [`HomeError`], which says the exact fix.
    pub fn open(directory: &Path) -> Result<Self, HomeError> {
        let config = S::read(&Self::settings_path(directory)?)?;
        Self::open_with(directory, config)
    }

    /// The file of the settings of a node of this role and version.
    ///
    /// # Errors
    ///
    /// [`HomeError::NotANode`] or [`HomeError::OtherVersion`].
    pub fn settings_path(directory: &Path) -> Result<PathBuf, HomeError> {
        Self::refuse_other_role(directory)?;
        let config = directory.join(config_name(S::ROLE));
        if !config.exists() {
            return Err(HomeError::NotANode { path: directory.to_path_buf(), role: S::ROLE });
        }
        // Before anything else of it is read: no other file needs to know.
        if !is_of_this_version(directory)? {
            return Err(HomeError::OtherVersion { path: directory.to_path_buf(), role: S::ROLE });
        }
        Ok(config)
    }

    /// Refuses the directory of a node of the other role, which has its settings there.
    fn refuse_other_role(directory: &Path) -> Result<(), HomeError> {
        let other = match S::ROLE {
            Role::Advertiser => Role::Provider,
            Role::Provider => Role::Advertiser,
        };
        let (path, role) = (directory.to_path_buf(), S::ROLE);
        match directory.join(config_name(other)).exists() {
            true => Err(HomeError::OtherRole { path, role }),
            false => Ok(()),
        }
    }

    /// Opens a node's directory under settings that were read before.
    ///
    /// # Errors
    ///
    /// [`HomeError`] of its keys.
    pub fn open_with(directory: &Path, config: S) -> Result<Self, HomeError> {
        start_threads(config.common().threads).map_err(os::at(Action::StartThreads, directory))?;
        let identity = NodeIdentity::load(directory)?;
        Self::compare_with_shown(directory)?;
        Ok(Self {
            directory: directory.to_path_buf(),
            identity,
            storage: StorageKey::load(&directory.join("keys").join(STORAGE_KEY))?,
            config,
        })
    }

    /// Compares the keys with the identity that was shown to partners: a key in which a bit flipped
    /// is a key too, and the partner would take it for somebody else's.
    fn compare_with_shown(directory: &Path) -> Result<(), HomeError> {
        let path = directory.join(IDENTITY);
        let shown = match std::fs::read_to_string(&path) {
            Ok(shown) => shown,
            // Whoever moved it away has the partners' word for it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(os::at(Action::Read, &path)(error).into()),
        };
        let own = NodeIdentity::introduction(directory, S::ROLE)?.to_string();
        if shown.trim() == own.trim() { Ok(()) } else { Err(HomeError::Changed { path }) }
    }

    /// Takes the directory for a run or a service; a second holder is told at once.
    ///
    /// # Errors
    ///
    /// [`HomeError::Os`].
    pub fn lock(&self) -> Result<DirectoryLock, HomeError> {
        let lock = DirectoryLock::acquire(&self.directory)?;
        // What a killed process left half-written is nobody's now.
        lock.sweep()?;
        output::sweep(&self.directory)?;
        Ok(lock)
    }

    /// Place of the ledger.
    #[must_use]
    pub fn ledger(&self) -> LedgerPlace {
        LedgerPlace::of(&self.directory, &self.storage)
    }

    /// True if a run or a service has the directory now.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        DirectoryLock::is_held(&self.directory)
    }

    /// A path inside the directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Place of the map of a command: the one that its option names, else the one of the settings,
    /// from the directory on.
    pub fn map(&self, option: Option<&Path>) -> Option<PathBuf> {
        let of_settings = || self.config.common().map.as_ref().map(|map| self.directory.join(map));
        option.map(Path::to_path_buf).or_else(of_settings)
    }

    /// A private directory inside, made if absent.
    ///
    /// # Errors
    ///
    /// [`HomeError::Os`].
    pub fn private_dir(&self, name: &str) -> Result<PathBuf, HomeError> {
        let path = self.path(name);
        os::create_private_dir(&path)?;
        Ok(path)
    }

    /// Bounds for preparing a set.
    ///
    /// # Errors
    ///
    /// [`HomeError::Os`].
    pub fn workspace(&self) -> Result<Workspace, HomeError> {
        let directory = self.private_dir("work")?;
        // At most three sorters hold or take records at once.
        Ok(Workspace { directory, memory_bytes: self.config.common().memory_bytes / 3 })
    }
}

/// A node's directory that cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// There is no node of this role.
    NotANode {
        /// The directory.
        path: PathBuf,
        /// The role asked for.
        role: Role,
    },
    /// The directory is that of a node of the other role.
    OtherRole {
        /// The directory.
        path: PathBuf,
        /// The role asked for.
        role: Role,
    },
    /// The directory was made for another version of the protocol.
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// The role asked for.
        role: Role,
    },
    /// Keys.
    Identity(#[from] IdentityError),
    /// The keys are not those of the identity that partners were shown.
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The storage key.
    Seal(#[from] SealError),
    /// The configuration.
    Config(#[from] ConfigError),
    /// The file system.
    Os(#[from] OsError),
}

impl HomeError {
    /// The error inside that tells itself.
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Identity(error) => Some(error),
            Self::Seal(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Os(error) => Some(error),
            Self::NotANode { .. } | Self::OtherRole { .. } => None,
            Self::OtherVersion { .. } | Self::Changed { .. } => None,
        }
    }
}

impl Diagnose for HomeError {
    fn code(&self) -> Code {
        match self {
            Self::Changed { .. } => Code::Damaged,
            Self::Os(error @ (OsError::Locked { .. } | OsError::Exists { .. })) => error.code(),
            // A place that is no directory, or not the node's alone, keeps nothing.
            Self::Os(_) => Code::Storage,
            error => error.inner().map_or(Code::Node, Diagnose::code),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::NotANode { path, role } => {
                Text::new("home-not-a-node").with("path", path).with("role", *role)
            }
            Self::OtherRole { path, role } => {
                Text::new("home-other-role").with("path", path).with("role", *role)
            }
            Self::OtherVersion { path, role } => Text::new("home-other-version")
                .with("path", path)
                .with("version", Arg::Number(PROTOCOL_VERSION.into()))
                .with("role", *role),
            Self::Changed { path } => Text::new("home-keys-changed").with("path", path),
            Self::Identity(error) => error.text(),
            Self::Seal(error) => error.text(),
            Self::Config(error) => error.text(),
            Self::Os(error) => error.text(),
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Seal(SealError::NotAKey { .. }) => Some(Text::new("try-restore-storage-key")),
            error => error.inner().and_then(Diagnose::advice),
        }
    }
}
report::told_in_english!(HomeError);

/// True if the directory carries the version of this program's protocol; without any it is older.
fn is_of_this_version(directory: &Path) -> Result<bool, HomeError> {
    let path = directory.join(FORMAT);
    match std::fs::read(&path) {
        Ok(text) => Ok(text == format!("{PROTOCOL_VERSION}\n").as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(os::at(Action::Read, &path)(error).into()),
    }
}

/// The threads that prepare files; those of an earlier call stay as they are.
fn start_threads(threads: usize) -> io::Result<()> {
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        // Only threads that the system refuses have a cause.
        Err(error) if error.source().is_some() => Err(io::Error::other(error)),
        _ => Ok(()),
    }
}

/// Name of the file of settings.
pub(crate) fn config_name(role: Role) -> String {
    format!("{}.toml", role.name())
}

const STORAGE_KEY: &str = "storage.key";
/// The version of the protocol whose records the directory holds.
const FORMAT: &str = "format";
const IDENTITY: &str = "identity.txt";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::settings::testing::{OfAdvertiser, OfProvider};
    use store::os::testing::private_tempdir;

    #[test]
    fn a_directory_of_another_version_is_refused_in_one_sentence() {
        let dir = private_tempdir();
        let node = dir.path().join("node");
        Home::<OfAdvertiser>::create(&node).unwrap();
        Home::<OfAdvertiser>::open(&node).unwrap();
        // Its role is looked at first, and a file it never had is no version.
        let other = Home::<OfProvider>::open(&node);
        assert!(matches!(other, Err(HomeError::OtherRole { .. })));
        let other = Home::<OfProvider>::create(&node);
        assert!(matches!(other, Err(HomeError::OtherRole { .. })));
        let none = Home::<OfProvider>::open(dir.path());
        assert!(matches!(none, Err(HomeError::NotANode { .. })));
        for format in [Some("2\n"), Some("4\n"), Some("3"), Some(""), None] {
            let path = node.join(FORMAT);
            match format {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            let error = Home::<OfAdvertiser>::open(&node).unwrap_err();
            assert!(matches!(error, HomeError::OtherVersion { .. }), "{format:?}");
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), 78);
            assert!(
                failure
                    .lines(&crate::failure::Reader::LOG)
                    .contains("anew with `advertiser-node init`")
            );
        }
    }
}
