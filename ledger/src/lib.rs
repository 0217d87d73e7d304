//! The ledger of a node: what was reserved, settled and spent with each partner, in one SQLite
//! file.
//!
//! The rules of the chain are `protocol::ledger`'s; this file makes them last. Every change is one
//! transaction, committed and synced before the caller hears of it, and the whole of every chain
//! is checked when the file is opened. A [`Reservation`] is made in one place here, after the
//! commit, so that nothing is evaluated that a power loss could make unspent [L-01].
//!
//! With each reserve are kept the signed messages that it follows from, so that either side can
//! give the other what it lost ([`proofs`]). Beside the chains stand the small facts a node must
//! remember about a partner: holds, keys it has met, HELLOs of the day, the last table, and one row
//! per session for `status`; all of them are under a check ([`checks`]). The heads stand in a file
//! of their own too ([`anchor`]), so that an older ledger, or none, is noticed.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[macro_use(diagnose)]
extern crate report;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::error::Bug;
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use store::os::{self, OsError};

mod anchor;
mod budget;
mod chain;
mod checks;
mod error;
pub mod evidence;
mod groups;
mod partners;
mod place;
mod proofs;
mod sessions;

use self::anchor::Anchor;
pub use self::budget::{Allowance, Budget, EPOCH_S, Left, Spent};
use self::checks::RowChecks;
pub use self::error::{LedgerError, ReserveError};
use self::error::{Refused, Step};
pub use self::groups::Membership;
pub use self::partners::SeenTable;
pub use self::place::LedgerPlace;
pub use self::proofs::{Adopted, SignedBy, StoredEntry};
pub use self::sessions::{SessionRow, SessionState};

/// A partner, by its party id.
pub type Partner = [u8; 32];

/// The ledger of a node with all of its partners; threads may share it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
    checks: RowChecks,
    anchor: Anchor,
    /// Partners whose chain is not the one that the anchor names.
    behind: Mutex<BTreeMap<Partner, LedgerHead>>,
}

impl Ledger {
    /// Opens the ledger, or makes it for a node that has none, and checks everything in it.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Gone`] if there is none where sessions, marks or the anchor say that there
    /// was one; [`LedgerError::Chain`] names the partner and the first entry that is missing or
    /// altered; [`LedgerError::Altered`] the table of another row that was; [`LedgerError::Os`]
    /// if others can read the file; [`LedgerError::Version`] if it is of another version of this
    /// program; [`LedgerError::Storage`].
    pub fn open(place: &LedgerPlace) -> Result<Self, LedgerError> {
        if let Some(trace) = place.trace_of_lost()? {
            return Err(LedgerError::Gone { path: place.file.clone(), trace });
        }
        Self::open_or_make(place)
    }

    /// Opens the ledger, or makes one in the place of a lost one, for entries to be adopted into.
    ///
    /// # Errors
    ///
    /// As [`Self::open`], but for [`LedgerError::Gone`].
    pub fn open_anew(place: &LedgerPlace) -> Result<Self, LedgerError> {
        Self::open_or_make(place)
    }

    fn open_or_make(place: &LedgerPlace) -> Result<Self, LedgerError> {
        let path = &place.file;
        match os::create_private(path) {
            Ok(_) => os::sync_dir(os::parent(path))?,
            Err(OsError::Exists { .. }) => {
                drop(os::open_private(path, OpenOptions::new().read(true))?);
            }
            Err(error) => return Err(error.into()),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut ledger = Self::connect(place, flags)?;
        // Read first: a commit of another process between the two must not look like a loss.
        let anchored = ledger.anchor.read()?;
        ledger.set_up()?;
        ledger.verify()?;
        match anchored {
            Some(heads) => ledger.compare_with(heads)?,
            None => ledger.anchor.write(&ledger.heads()?)?,
        }
        Ok(ledger)
    }

    /// Opens the ledger for reading, beside a program that may be writing to it; checks as
    /// [`Self::open`] does, and refuses every change.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; the file must be there.
    pub fn open_read_only(place: &LedgerPlace) -> Result<Self, LedgerError> {
        let path = &place.file;
        if let Some(trace) = place.trace_of_lost()? {
            return Err(LedgerError::Gone { path: path.clone(), trace });
        }
        drop(os::open_private(path, OpenOptions::new().read(true))?);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let ledger = Self::connect(place, flags)?;
        let at = |source: rusqlite::Error| Step::Sql(source).at(path);
        let anchored = ledger.anchor.read()?;
        let version: i64 = {
            let connection = ledger.lock();
            connection.busy_timeout(BUSY_TIMEOUT).map_err(at)?;
            connection.pragma_update(None, "trusted_schema", "OFF").map_err(at)?;
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(at)?
        };
        if version != SCHEMA_VERSION {
            return Err(LedgerError::Version { path: path.into(), version });
        }
        ledger.verify()?;
        ledger.compare_with(anchored.unwrap_or_default())?;
        Ok(ledger)
    }

    fn connect(place: &LedgerPlace, flags: OpenFlags) -> Result<Self, LedgerError> {
        let path = &place.file;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| Step::Sql(source).at(path))?;
        let hash = place.key.keyed_hash(CHECKS).map_err(|_| Bug::invariant())?;
        Ok(Self {
            path: path.clone(),
            connection: Mutex::new(connection),
            checks: RowChecks::new(hash),
            anchor: Anchor::at(&place.anchor, &place.key)?,
            behind: Mutex::default(),
        })
    }

    /// Makes commits last, and the tables if there are none.
    fn set_up(&mut self) -> Result<(), LedgerError> {
        let path = &self.path;
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let at = |source: rusqlite::Error| Step::Sql(source).at(path);
        connection.busy_timeout(BUSY_TIMEOUT).map_err(at)?;
        let journal: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(at)?;
        // In WAL mode a commit is on disk when it returns only with FULL or more.
        connection.pragma_update(None, "synchronous", "FULL").map_err(at)?;
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).map_err(at)?;
        if journal != "wal" || synchronous != SYNCHRONOUS_FULL {
            return Err(LedgerError::NotDurable { path: path.clone() });
        }
        for (name, value) in [("fullfsync", "ON"), ("trusted_schema", "OFF")] {
            connection.pragma_update(None, name, value).map_err(at)?;
        }
        let tx =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(at)?;
        match tx.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(at)? {
            0 => {
                tx.execute_batch(SCHEMA).map_err(at)?;
                self.checks.set_up(&tx).map_err(|step| step.at(path))?;
            }
            SCHEMA_VERSION => {}
            version => {
                return Err(LedgerError::Version { path: path.clone(), version });
            }
        }
        tx.commit().map_err(at)
    }

    /// Recomputes every chain.
    fn verify(&self) -> Result<(), LedgerError> {
        self.read(|connection| {
            let check: String =
                connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
            if check != "ok" {
                return Err(LedgerError::Damaged { path: self.path.clone() }.into());
            }
            self.verify_chains(connection)?;
            self.checks.verify(connection)
        })
    }

    /// Runs one transaction that others see whole or not at all, and that is on disk afterwards.
    fn transact<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Step>,
    ) -> Result<Committed<T>, LedgerError> {
        let mut connection = self.lock();
        let run = || {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            // [G40]
            tx.commit()?;
            Ok(Committed(value))
        };
        run().map_err(|step: Step| step.at(&self.path))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Step>) -> Result<T, LedgerError> {
        work(&self.lock()).map_err(|step| step.at(&self.path))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked left no open transaction: dropping one rolls it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asserts the reservation of an entry that a commit has just put on disk, or found there.
fn reserved(_committed: Committed<()>, entry: &LedgerEntry) -> Reservation {
    Reservation::assertion(entry.clone())
}

/// Outcome of a transaction that is on disk.
struct Committed<T>(T);

impl Committed<Result<(), Refused>> {
    /// The commit, if what it holds is a permission.
    fn allowed(self) -> Result<Committed<()>, ReserveError> {
        match self.0 {
            Ok(()) => Ok(Committed(())),
            Err(Refused { refusal, retry_after_s }) => {
                Err(ReserveError::Refused { refusal, retry_after_s })
            }
        }
    }
}

/// Time or count that is compared in SQL, where a wrapped one would sort wrongly: what a partner
/// signed beyond SQLite's numbers is the greatest of them.
fn sortable(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn short(partner: &Partner) -> String {
    let [a, b, c, d, ..] = *partner;
    store::hex(&[a, b, c, d])
}

/// A writer waits this long for another process, such as `status`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Number that stands for FULL in SQLite.
const SYNCHRONOUS_FULL: i64 = 2;
const CHECKS: &str = "ledger-rows";
/// The version of the protocol whose entries it holds.
const SCHEMA_VERSION: i64 = 3;
const SCHEMA: &str = "
CREATE TABLE entries (
    partner BLOB NOT NULL, seq INTEGER NOT NULL, previous BLOB NOT NULL, sid BLOB NOT NULL,
    kind INTEGER NOT NULL, profile INTEGER NOT NULL, evaluations INTEGER NOT NULL,
    handles INTEGER NOT NULL, ids INTEGER NOT NULL, epsilon_milli INTEGER NOT NULL,
    at INTEGER NOT NULL, hash BLOB NOT NULL, recorded_at INTEGER NOT NULL,
    allowance INTEGER NOT NULL, phones INTEGER NOT NULL,
    mac BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (partner, seq), UNIQUE (partner, sid, kind)
) STRICT;
CREATE TABLE proofs (
    partner BLOB NOT NULL, sid BLOB NOT NULL, hello_a BLOB NOT NULL, hello_p BLOB NOT NULL,
    terms BLOB NOT NULL, accept BLOB, receipt BLOB, receipt_ack BLOB,
    spki_advertiser BLOB NOT NULL, spki_provider BLOB NOT NULL, exporter BLOB NOT NULL,
    mac BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (partner, sid)
) STRICT;
CREATE TABLE holds (
    partner BLOB NOT NULL, seq INTEGER NOT NULL, previous BLOB NOT NULL, sid BLOB NOT NULL,
    kind INTEGER NOT NULL, profile INTEGER NOT NULL, evaluations INTEGER NOT NULL,
    handles INTEGER NOT NULL, ids INTEGER NOT NULL, epsilon_milli INTEGER NOT NULL,
    at INTEGER NOT NULL, mac BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (partner, sid)
) STRICT;
CREATE TABLE keys_used (
    partner BLOB NOT NULL, key_id BLOB NOT NULL, public_key BLOB NOT NULL,
    manifest BLOB NOT NULL, suite INTEGER NOT NULL, at INTEGER NOT NULL,
    answered INTEGER NOT NULL DEFAULT 0, mac BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (partner, key_id, public_key, manifest)
) STRICT;
CREATE TABLE hellos (
    partner BLOB NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
    mac BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (partner, day)
) STRICT;
CREATE TABLE tables_seen (
    partner BLOB PRIMARY KEY NOT NULL, tag_count INTEGER NOT NULL, root BLOB NOT NULL,
    mac BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE sessions (
    sid BLOB PRIMARY KEY NOT NULL, partner BLOB NOT NULL, profile INTEGER NOT NULL,
    state TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    elements INTEGER NOT NULL, outcome TEXT, mac BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE members (
    partner BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL, mac BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE unions (
    name TEXT PRIMARY KEY NOT NULL, into_name TEXT NOT NULL, mac BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE checks (
    name TEXT PRIMARY KEY NOT NULL, rows INTEGER NOT NULL, sum BLOB NOT NULL, mac BLOB NOT NULL
) STRICT;
PRAGMA user_version = 3;
";

#[cfg(test)]
mod tests;
