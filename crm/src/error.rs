//! Failures of reading CRM files and of the inputs made of them.

use std::path::{Path, PathBuf};

use normalize::Reason;
use protocol::error::Bug;
use report::{Arg, Code, Diagnose, Exit, Text, Whose};
use store::StoreError;
use store::os::OsError;
use store::seal::SealError;
use store::spill::SpillError;
use tabular::SourceError;

/// Reason why an input cannot be prepared or read back.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// The file cannot be used as it is, or not be opened.
    Source(#[from] SourceError),
    /// The files hold no row that may be used.
    Empty {
        /// The files.
        file: PathBuf,
        /// Distinct rows in them.
        rows: u64,
        /// Code of the reason that most rows were left out for, and their number.
        most: Option<(String, u64)>,
    },
    /// The files take out more delivered persons at once than files of customers do.
    ManyLeavers {
        /// Persons, or one more than are usual.
        persons: u64,
        /// Rows that were delivered.
        delivered: u64,
    },
    /// Somebody who leaves stands in further rows of a pipe, which cannot be read again.
    LeaverInPipe,
    /// The settings cannot be applied to the file.
    Declared(#[from] Undeclared),
    /// A file or set of this node.
    Store(#[from] StoreError),
}

/// Setting that is missing, or that no file of rows can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undeclared {
    /// A column holds digests, and nothing says which rules made them.
    Digests {
        /// Column.
        column: &'static str,
        /// Name of a rule.
        example: &'static str,
    },
    /// The column of objections is ignored.
    Objections,
    /// A column is kept from a purpose that holds no identifiers.
    Identifiers {
        /// Columns that do.
        columns: [&'static str; 7],
    },
    /// A limit on rows that share an identifier is out of range.
    Shared {
        /// Largest such number.
        most: u32,
    },
}

impl CrmError {
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
            Self::Store(error) => Some(error),
            Self::Empty { .. }
            | Self::ManyLeavers { .. }
            | Self::LeaverInPipe
            | Self::Declared(_) => None,
        }
    }
}

impl Diagnose for CrmError {
    fn code(&self) -> Code {
        match self {
            error if error.is_of_place() => Code::Storage,
            Self::Source(error) => error.code(),
            Self::Empty { .. } => Code::NoUsableRow,
            Self::ManyLeavers { .. } => Code::ToDoFirst,
            Self::LeaverInPipe => Code::InputChanged,
            Self::Declared(_) => Code::DigestsUndeclared,
            Self::Store(error) => error.code(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Source(error) => error.text(),
            Self::Empty { file, rows, most } => {
                let text = match most {
                    None => Text::new("crm-no-usable-row"),
                    Some((code, n)) => {
                        let text = Text::new("crm-no-usable-row-most").with("n", *n);
                        text.with("code", code)
                            .with("reason", Text::named(format!("reason-{code}")))
                    }
                };
                text.with("path", file).with("rows", *rows)
            }
            Self::ManyLeavers { persons, delivered } => {
                Text::new("departures-many").with("persons", *persons).with("delivered", *delivered)
            }
            Self::LeaverInPipe => Text::new("departures-in-a-pipe"),
            Self::Declared(undeclared) => undeclared.text(),
            Self::Store(error) => error.text(),
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
        match self {
            // Words that nobody explained are explained in a map.
            Self::Empty { file, most: Some((code, _)), .. } if is_unexplained(code) => {
                let files = file.display().to_string().replace(", ", " ");
                Some(Text::new("crm-no-usable-row-map").with("files", files))
            }
            _ => self.inner()?.advice(),
        }
    }
}

/// True for the code of a cell with a word that nobody explained.
fn is_unexplained(code: &str) -> bool {
    [Reason::ConsentValueUnknown, Reason::ObjectionValueUnknown].iter().any(|of| of.code() == code)
}

report::told_in_english!(CrmError);

impl Undeclared {
    fn text(self) -> Text {
        match self {
            Self::Digests { column, example } => {
                Text::new("crm-digests-undeclared").with("column", column).with("example", example)
            }
            Self::Objections => Text::new("crm-objections-ignored"),
            Self::Identifiers { columns } => {
                Text::new("crm-not-identifiers").with("columns", columns.join(", "))
            }
            Self::Shared { most } => {
                Text::new("crm-shared-out-of-range").with("most", Arg::Number(most.into()))
            }
        }
    }
}

impl std::error::Error for Undeclared {}

impl std::fmt::Display for Undeclared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.text().fmt(f)
    }
}

impl From<OsError> for CrmError {
    fn from(error: OsError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SealError> for CrmError {
    fn from(error: SealError) -> Self {
        Self::Store(error.into())
    }
}

impl From<SpillError> for CrmError {
    fn from(error: SpillError) -> Self {
        Self::Store(error.into())
    }
}

impl From<Bug> for CrmError {
    fn from(bug: Bug) -> Self {
        Self::Store(bug.into())
    }
}
