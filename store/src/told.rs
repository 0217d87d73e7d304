//! Errors of this crate, told by their English sentences.

use report::{Arg, Code, Diagnose, Text};

use crate::StoreError;
use crate::journal::JournalError;
use crate::keyring::KeyringError;
use crate::ledger::LedgerError;
use crate::os::OsError;
use crate::output::OutputError;
use crate::seal::SealError;
use crate::spill::SpillError;

fn inline(what: &str) -> Text {
    Text::new("inline").with("what", Arg::Word(what.to_owned()))
}

/// The sentence before an advice of its own.
fn fact(error: &impl std::fmt::Display) -> Text {
    let text = error.to_string();
    inline(text.split_once("; try: ").map_or(text.as_str(), |(what, _)| what))
}

/// The advice inside the sentence, or this one.
fn advice(error: &impl std::fmt::Display, other: &str) -> Option<Text> {
    let text = error.to_string();
    Some(inline(text.split_once("; try: ").map_or(other, |(_, advice)| advice)))
}

macro_rules! told {
    ($($error:ty => |$one:ident| $code:expr, $advice:expr;)+) => { $(
        impl Diagnose for $error {
            fn code(&self) -> Code {
                let $one = self;
                $code
            }

            fn text(&self) -> Text {
                fact(self)
            }

            fn advice(&self) -> Option<Text> {
                let $one = self;
                advice($one, $advice)
            }
        }
    )+ };
}

told! {
    StoreError => |error| match error {
        StoreError::Os(error) => error.code(),
        StoreError::Spill(error) => error.code(),
        StoreError::Seal(_) | StoreError::Io { .. } => Code::Storage,
        StoreError::Damaged { .. } => Code::Damaged,
        StoreError::Contradiction { .. } => Code::Contradiction,
        StoreError::Bug(bug) => bug.code(),
    }, match error {
        StoreError::Damaged { .. } => DAMAGED,
        StoreError::Contradiction { .. } => "prepare the set again; if it happens twice, check the disk",
        _ => DISK,
    };
    OsError => |error| match error {
        OsError::Locked { .. } => Code::InUse,
        OsError::Symlink { .. }
        | OsError::NotRegular { .. }
        | OsError::NotDirectory { .. }
        | OsError::Owner { .. }
        | OsError::Mode { .. }
        | OsError::Exists { .. } => Code::Node,
        _ => Code::Storage,
    }, DISK;
    SpillError => |_error| Code::Storage, DISK;
    SealError => |_error| Code::Storage, DISK;
    JournalError => |_error| Code::SessionStorage, DISK;
    OutputError => |error| match error {
        OutputError::StandardTwice | OutputError::Twice { .. } => Code::Usage,
        _ => Code::Output,
    }, error.try_this();
    LedgerError => |error| match error {
        LedgerError::Gone { .. } | LedgerError::Behind { .. } => Code::LedgerGone,
        LedgerError::Contradiction { .. } => Code::LedgerHeadsDiffer,
        _ => Code::SessionStorage,
    }, DISK;
    KeyringError => |error| match error {
        KeyringError::Seal(_) | KeyringError::Io { .. } => Code::Storage,
        KeyringError::Os(error) => error.code(),
        KeyringError::Bug(bug) => bug.code(),
        KeyringError::Used => Code::KeySpent,
        KeyringError::Damaged { .. } => Code::Damaged,
        KeyringError::ClockBehind => Code::ToDoFirst,
    }, match error {
        KeyringError::Used => "run again; the next run has a new key and table",
        KeyringError::Damaged { .. } => "keys/storage.key may not be the key it was sealed under: \
            restore the file from a copy; without one, move it away, and the partner gets a new key \
            and table",
        KeyringError::ClockBehind => "restore the key from your backup; without it the partner \
            needs a new table",
        _ => DISK,
    };
}

const DISK: &str = "check the disk, its free space, and the permissions of the node's directory";
const DAMAGED: &str = "check the disk and who else writes to the node's directory, and restore the \
    file from a copy; without one, move it away: inputs, tables and snapshots can be made again";
