//! Failures of the store of objections and of its feeds.

use std::path::PathBuf;

use protocol::error::Bug;
use report::{Code, Diagnose, Exit, Text, Whose};
use store::StoreError;
use store::os::OsError;
use store::output::OutputError;
use store::seal::SealError;
use store::spill::SpillError;
use tabular::SourceError;

/// Reason why objections cannot be taken, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum RightsError {
    /// The feed cannot be used as it is, or not be opened.
    Source(#[from] SourceError),
    /// A file of this node.
    Store(#[from] StoreError),
    /// The file of what is left was not written.
    Output(#[from] OutputError),
    /// The store has fewer objections than this node took.
    Lost {
        /// The store.
        path: PathBuf,
        /// Objections in it.
        found: u64,
        /// Objections that were in it.
        least: u64,
    },
    /// The feed brings more objections than a node keeps.
    Full {
        /// The most that it keeps.
        most: u64,
    },
}

impl RightsError {
    /// The error inside that tells itself.
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Source(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Output(error) => Some(error),
            Self::Lost { .. } | Self::Full { .. } => None,
        }
    }
}

impl Diagnose for RightsError {
    fn code(&self) -> Code {
        match self {
            Self::Source(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Output(error) => error.code(),
            Self::Lost { .. } => Code::Contradiction,
            Self::Full { .. } => Code::ToDoFirst,
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Source(error) => error.text(),
            Self::Store(error) => error.text(),
            Self::Output(error) => error.text(),
            Self::Lost { path, found, least } => Text::new("objections-lost")
                .with("path", path)
                .with("found", *found)
                .with("least", *least),
            Self::Full { most } => Text::new("objections-full").with("most", *most),
        }
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

report::told_in_english!(RightsError);

impl From<OsError> for RightsError {
    fn from(error: OsError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SealError> for RightsError {
    fn from(error: SealError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SpillError> for RightsError {
    fn from(error: SpillError) -> Self {
        Self::Store(error.into())
    }
}

impl From<Bug> for RightsError {
    fn from(bug: Bug) -> Self {
        Self::Store(bug.into())
    }
}
