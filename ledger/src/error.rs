//! Failures of the ledger.

use std::path::{Path, PathBuf};

use protocol::error::{Bug, Error, Refusal};
use report::{Arg, Code, Diagnose, Text};

use store::os::OsError;

/// The ledger cannot be read, written, or trusted.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file itself.
    Os(#[from] OsError),
    /// SQLite failed.
    Storage {
        /// The file.
        path: PathBuf,
        /// Reason SQLite gives.
        source: rusqlite::Error,
    },
    /// An entry is missing or altered.
    Chain {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// The first entry that is not as it was.
        seq: u64,
    },
    /// The file is not a sound database.
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A row beside the chains was changed, added or removed by something else.
    Altered {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// There is no ledger, and there was one.
    Gone {
        /// The file.
        path: PathBuf,
        /// File or directory that shows it.
        trace: String,
    },
    /// The chain with a partner lacks entries that it had.
    Behind {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// Number of its last entry.
        seq: u64,
        /// Number of the entry that the anchor names.
        anchored: u64,
    },
    /// The anchor is damaged.
    Anchor {
        /// The file.
        path: PathBuf,
    },
    /// Two entries of one number differ, and a signed one is not taken back.
    Contradiction {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// The first entry that differs.
        seq: u64,
    },
    /// The file was written by another version.
    Version {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        version: i64,
    },
    /// The place of the file cannot keep commits.
    NotDurable {
        /// The file.
        path: PathBuf,
    },
    /// An entry does not follow the chain.
    Follow {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// Number of the entry.
        seq: u64,
    },
    /// A defect of ours.
    Bug(#[from] Bug),
}

diagnose! { LedgerError: inner [Bug], within [Os => SessionStorage];
    Self::Storage { path, source } =>
        SessionStorage, "ledger-storage" { path: path, why: source.to_string() };
    Self::Chain { partner, seq } =>
        SessionStorage, "ledger-chain" { partner: partner, seq: number(*seq) };
    Self::Damaged { path } => SessionStorage, "ledger-damaged" { path: path };
    Self::Altered { path, table } =>
        SessionStorage, "ledger-altered" { path: path, table: *table };
    Self::Gone { path, trace } => LedgerGone, "ledger-gone" { path: path, trace: trace };
    Self::Behind { partner, seq, anchored } => LedgerGone,
        "ledger-behind" { partner: partner, seq: number(*seq), anchored: number(*anchored) };
    Self::Anchor { path } => SessionStorage, "ledger-anchor" { path: path };
    Self::Contradiction { partner, seq } =>
        LedgerHeadsDiffer, "ledger-contradiction" { partner: partner, seq: number(*seq) };
    Self::Version { path, version } =>
        SessionStorage, "ledger-version" { path: path, version: version.to_string() };
    Self::NotDurable { path } => SessionStorage, "ledger-not-durable" { path: path };
    Self::Follow { partner, seq } =>
        SessionStorage, "ledger-follow" { partner: partner, seq: number(*seq) };
}

/// A reserve was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Budget or chain do not allow it; nothing failed.
    Refused {
        /// Reason for the peer.
        refusal: Refusal,
        /// Seconds after which the same request may succeed, 0 for never.
        retry_after_s: u32,
    },
    /// The ledger failed.
    Storage(#[from] LedgerError),
}

impl Diagnose for ReserveError {
    fn code(&self) -> Code {
        match self {
            Self::Refused { refusal, .. } => Error::Refused(*refusal).code(),
            Self::Storage(error) => error.code(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Refused { refusal, .. } => Error::Refused(*refusal).text(),
            Self::Storage(error) => error.text(),
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Refused { retry_after_s, .. } if *retry_after_s > 0 => {
                Some((*retry_after_s).into())
            }
            _ => None,
        }
    }
}

report::told_in_english!(ReserveError);

/// A reserve that is not allowed.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) retry_after_s: u32,
}

impl Refused {
    pub(super) const fn never(refusal: Refusal) -> Self {
        Self { refusal, retry_after_s: 0 }
    }
}

/// Number that is never grouped, such as that of an entry.
fn number(number: u64) -> Arg {
    Arg::Number(number)
}

/// Failure of a step of a transaction, before the file is named.
#[derive(Debug)]
pub(super) enum Step {
    Sql(rusqlite::Error),
    Ledger(LedgerError),
    Altered(&'static str),
}

impl Step {
    pub(super) fn at(self, path: &Path) -> LedgerError {
        match self {
            // A value that no write of ours leaves there.
            Self::Sql(
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..),
            ) => LedgerError::Damaged { path: path.into() },
            Self::Sql(source) => LedgerError::Storage { path: path.into(), source },
            Self::Ledger(error) => error,
            Self::Altered(table) => LedgerError::Altered { path: path.into(), table },
        }
    }
}

impl From<rusqlite::Error> for Step {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sql(source)
    }
}

impl From<LedgerError> for Step {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<Bug> for Step {
    fn from(bug: Bug) -> Self {
        Self::Ledger(bug.into())
    }
}
