//! Reasons why the keys of this node cannot be used.

use std::path::PathBuf;

use protocol::error::Bug;
use report::{Code, Diagnose, Exit, Text, Whose};
use store::os::OsError;

/// Reason why this node's own keys cannot be used; the operator acts.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file or directory is not as it must be.
    Os(#[from] OsError),
    /// There is an identity already.
    Exists {
        /// The directory of the keys.
        path: PathBuf,
    },
    /// A file of the identity is absent.
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A key file is damaged or of another kind.
    KeyMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The certificate file is damaged.
    CertificateMalformed {
        /// The file.
        path: PathBuf,
    },
    /// The certificate is another key's.
    KeyMismatch {
        /// The certificate.
        path: PathBuf,
    },
    /// The certificate is no longer valid.
    Expired {
        /// The certificate.
        path: PathBuf,
    },
    /// The certificate is not valid yet.
    NotYetValid {
        /// The certificate.
        path: PathBuf,
    },
    /// The clock stands at a time that no certificate can name.
    Clock,
    /// The cryptographic library refused its own work.
    Library(String),
    /// A defect of ours.
    Bug(#[from] Bug),
}

impl IdentityError {
    /// The error inside that tells itself.
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Os(error) => Some(error),
            Self::Bug(bug) => Some(bug),
            _ => None,
        }
    }
}

impl Diagnose for IdentityError {
    fn code(&self) -> Code {
        match self {
            Self::Os(error) => error.code(),
            Self::Bug(bug) => bug.code(),
            Self::KeyMalformed { .. }
            | Self::KeyMismatch { .. }
            | Self::CertificateMalformed { .. } => Code::Damaged,
            Self::Exists { .. }
            | Self::Missing { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Clock
            | Self::Library(_) => Code::Node,
        }
    }

    fn text(&self) -> Text {
        let (id, path) = match self {
            Self::Os(error) => return error.text(),
            Self::Bug(bug) => return bug.text(),
            Self::Clock => return Text::new("identity-clock"),
            Self::Exists { path } => ("identity-exists", path),
            Self::Missing { path } => ("identity-missing", path),
            Self::KeyMalformed { path } => ("identity-key-malformed", path),
            Self::CertificateMalformed { path } => ("identity-certificate-malformed", path),
            Self::KeyMismatch { path } => ("identity-key-mismatch", path),
            Self::Expired { path } => ("identity-expired", path),
            Self::NotYetValid { path } => ("identity-not-yet-valid", path),
            Self::Library(why) => return Text::new("identity-library").with("why", why),
        };
        Text::new(id).with("path", path)
    }

    fn whose(&self) -> Whose {
        self.inner().map_or_else(|| self.code().whose(), Diagnose::whose)
    }

    fn exit(&self) -> Exit {
        self.inner().map_or_else(|| self.code().exit(), Diagnose::exit)
    }

    fn note(&self) -> Option<Text> {
        self.inner()?.note()
    }

    fn advice(&self) -> Option<Text> {
        self.inner()?.advice()
    }
}

report::told_in_english!(IdentityError);
