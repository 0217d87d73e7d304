//! Failures of reading a graph, of its tables, and of releases.

use std::path::{Path, PathBuf};

use protocol::error::Bug;
use report::{Arg, Code, Diagnose, Exit, Text, Whose};
use rights::RightsError;
use store::StoreError;
use store::os::OsError;
use store::output::OutputError;
use store::seal::SealError;
use store::spill::SpillError;
use tabular::SourceError;
use tabular::write::WriteError;

/// Reason why a snapshot, a table or a release cannot be made or read back.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The file cannot be used as it is, or not be opened.
    Source(#[from] SourceError),
    /// Every line of a graph was left out.
    NothingPublished {
        /// The file.
        file: PathBuf,
        /// Reasons with the number of lines, personas or values, the most frequent first.
        reasons: Vec<(String, u64)>,
    },
    /// An output was not written.
    Output(#[from] OutputError),
    /// A file or set of this node.
    Store(#[from] StoreError),
    /// Objections, or a feed of them.
    Rights(#[from] RightsError),
}

impl GraphError {
    /// The error of a file of ours.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| StoreError::io(path)(source).into()
    }

    /// The error of a sealed file of ours.
    pub fn sealed(path: &Path) -> impl FnOnce(SealError) -> Self + '_ {
        move |error| StoreError::sealed(path)(error).into()
    }

    /// A stored set that contradicts itself.
    #[must_use]
    pub fn contradiction(path: &Path) -> Self {
        StoreError::contradiction(path).into()
    }

    /// True for a place of this node's own that cannot keep the set, which is storage here.
    const fn is_of_place(&self) -> bool {
        match self {
            Self::Store(StoreError::Os(error)) => !matches!(error, OsError::Locked { .. }),
            _ => false,
        }
    }

    /// The error inside that tells itself.
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Source(error) => Some(error),
            Self::Output(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Rights(error) => Some(error),
            Self::NothingPublished { .. } => None,
        }
    }
}

impl Diagnose for GraphError {
    fn code(&self) -> Code {
        if self.is_of_place() {
            return Code::Storage;
        }
        self.inner().map_or(Code::NoUsableRow, Diagnose::code)
    }

    fn text(&self) -> Text {
        match self {
            Self::NothingPublished { file, reasons } => {
                let most = reasons.iter().take(REASONS_SHOWN).map(|(reason, count)| {
                    Text::new("graph-reason").with("reason", reason).with("count", *count)
                });
                Text::new("graph-nothing-published")
                    .with("path", file)
                    .with("reasons", Arg::List(most.collect()))
            }
            Self::Source(error) => error.text(),
            Self::Output(error) => error.text(),
            Self::Store(error) => error.text(),
            Self::Rights(error) => error.text(),
        }
    }

    fn whose(&self) -> Whose {
        self.inner().map_or_else(|| self.code().whose(), Diagnose::whose)
    }

    fn exit(&self) -> Exit {
        if self.is_of_place() {
            return Code::Storage.exit();
        }
        self.inner().map_or_else(|| self.code().exit(), Diagnose::exit)
    }

    fn note(&self) -> Option<Text> {
        self.inner()?.note()
    }

    fn advice(&self) -> Option<Text> {
        self.inner()?.advice()
    }
}

report::told_in_english!(GraphError);

impl From<WriteError> for GraphError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Output(error) => error.into(),
            WriteError::Bug(bug) => bug.into(),
        }
    }
}

impl From<OsError> for GraphError {
    fn from(error: OsError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SealError> for GraphError {
    fn from(error: SealError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SpillError> for GraphError {
    fn from(error: SpillError) -> Self {
        Self::Store(error.into())
    }
}

impl From<Bug> for GraphError {
    fn from(bug: Bug) -> Self {
        Self::Store(bug.into())
    }
}

/// Reasons that are told; the rest is in the counts.
const REASONS_SHOWN: usize = 5;
