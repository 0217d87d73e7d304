//! The ledger on disk: what was reserved, settled and spent with each partner, in one SQLite file.
//!
//! The rules of the chain are `protocol::ledger`'s; this file makes them last. Every change is one
//! transaction, committed and synced before the caller hears of it, and the whole of every chain
//! is checked when the file is opened. A [`Reservation`] is made in one place here, after the
//! commit, so that nothing is evaluated that a power loss could make unspent [L-01].
//!
//! Beside the chains stand the small facts a node must remember about a partner: holds, keys it
//! has met, HELLOs of the day, the last table, and one row per session for `status`.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::codec::{FrameHeader, RawFrame};
use protocol::error::{Bug, Refusal};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::session::advertiser::KnownKey;
use protocol::suite::SuiteId;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior};
use rusqlite::{named_params, params};

use crate::keyring::KeyringError;
use crate::world::{self, WorldError};

/// A partner, by its party id.
pub type Partner = [u8; 32];

/// The ledger of a node with all of its partners; threads may share it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Ledger {
    /// Opens or makes the ledger, and checks every chain in it.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Chain`] names the partner and the first entry that is missing or altered;
    /// [`LedgerError::World`] if others can read the file; [`LedgerError::Version`] if it is
    /// newer than this program; [`LedgerError::Storage`].
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        match world::create_private(path) {
            Ok(_) => world::sync_dir(world::parent(path))?,
            Err(WorldError::Exists { .. }) => {
                drop(world::open_private(path, OpenOptions::new().read(true))?);
            }
            Err(error) => return Err(error.into()),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| Step::Sql(source).at(path))?;
        let mut ledger = Self { path: path.into(), connection: Mutex::new(connection) };
        ledger.set_up()?;
        ledger.verify()?;
        Ok(ledger)
    }

    /// Opens the ledger for reading, beside a program that may be writing to it; checks as
    /// [`Self::open`] does, and refuses every change.
    ///
    /// # Errors
    ///
    /// As [`Self::open`]; the file must be there.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        drop(world::open_private(path, OpenOptions::new().read(true))?);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let at = |source: rusqlite::Error| Step::Sql(source).at(path);
        let connection = Connection::open_with_flags(path, flags).map_err(at)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(at)?;
        connection.pragma_update(None, "trusted_schema", "OFF").map_err(at)?;
        let version: i64 =
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(at)?;
        if version != SCHEMA_VERSION {
            return Err(LedgerError::Version { path: path.into(), version });
        }
        let ledger = Self { path: path.into(), connection: Mutex::new(connection) };
        ledger.verify()?;
        Ok(ledger)
    }

    /// Writes the advertiser's hold: the reserve that the provider is about to write.
    ///
    /// A hold stands outside the chain until [`Ledger::append`]. To hold again what is held, or
    /// what has become the head, changes nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Follow`] if the chain has moved on; [`LedgerError::Storage`].
    pub fn hold(
        &self,
        partner: &Partner,
        entry: &LedgerEntry,
        terms: &RawFrame,
    ) -> Result<Reservation, LedgerError> {
        let committed = self.transact(|tx| {
            if entry.kind != LedgerEntry::RESERVE {
                return Err(Bug::ApiMisuse.into());
            }
            if is_head(tx, partner, entry)? {
                return Ok(());
            }
            check_joins(tx, partner, entry)?;
            Ok(insert_hold(tx, partner, entry, terms)?)
        })?;
        Ok(reserved(committed, entry))
    }

    /// Decides on a reserve of the provider's, and writes it, in one transaction.
    ///
    /// Windows are judged by our own clock, not by the times in the entry, and slide: no span of
    /// an epoch's or a day's length ever holds more than the budget. To reserve again what is
    /// the head changes nothing, so a session is charged once [L-03].
    ///
    /// # Errors
    ///
    /// [`ReserveError::Refused`] with [`Refusal::BudgetExceeded`] and the time after which the
    /// same request fits (0 for never), [`Refusal::SessionBusy`] if another session moved the
    /// chain since this one began, [`Refusal::ResumeExpired`] if later terms build on this
    /// reserve; [`ReserveError::Storage`].
    pub fn reserve(
        &self,
        partner: &Partner,
        entry: &LedgerEntry,
        terms: &RawFrame,
        budget: &Budget,
        now: u64,
    ) -> Result<Reservation, ReserveError> {
        let decided = self.transact(|tx| {
            if entry.kind != LedgerEntry::RESERVE {
                return Err(Bug::ApiMisuse.into());
            }
            if is_head(tx, partner, entry)? {
                return Ok(Ok(()));
            }
            if has_reserve(tx, partner, &entry.sid)? {
                return Ok(Err(Refused::never(Refusal::ResumeExpired)));
            }
            if !joins(last_entry(tx, partner)?.as_ref(), entry)? {
                return Ok(Err(Refused {
                    refusal: Refusal::SessionBusy,
                    retry_after_s: BUSY_RETRY_S,
                }));
            }
            let spendings = spendings(tx, partner, 0)?;
            if let Err(refused) = budget.admit(&spendings, entry.evaluations, now) {
                return Ok(Err(refused));
            }
            insert_entry(tx, partner, entry, now, &frame_bytes(terms), &[])?;
            Ok(Ok(()))
        })?;
        Ok(reserved(decided.allowed()?, entry))
    }

    /// Appends an entry both sides have signed: a settle, or the advertiser's reserve once the
    /// provider has accepted. `evidence` is the frame that carried the partner's signature, and is
    /// kept with the entry.
    ///
    /// The hold of the entry becomes part of it; holds that can no longer join are dropped. To
    /// append again what is the head changes nothing.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Follow`] if the entry does not follow the head; [`LedgerError::Storage`].
    pub fn append(
        &self,
        partner: &Partner,
        entry: &LedgerEntry,
        evidence: &RawFrame,
    ) -> Result<(), LedgerError> {
        self.transact(|tx| {
            if is_head(tx, partner, entry)? {
                return Ok(());
            }
            check_joins(tx, partner, entry)?;
            let terms: Option<Vec<u8>> = tx
                .prepare_cached("SELECT terms_frame FROM holds WHERE partner = ?1 AND sid = ?2")?
                .query_row(params![partner, entry.sid], |row| row.get(0))
                .optional()?;
            let terms = terms.unwrap_or_default();
            insert_entry(tx, partner, entry, entry.at, &terms, &frame_bytes(evidence))?;
            tx.prepare_cached("DELETE FROM holds WHERE partner = ?1 AND seq <= ?2")?
                .execute(params![partner, entry.seq.cast_signed()])?;
            Ok(())
        })
        .map(|_| ())
    }

    /// Forgets a hold that the provider never turned into a reserve.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn drop_hold(&self, partner: &Partner, sid: &[u8; 32]) -> Result<(), LedgerError> {
        self.run("DELETE FROM holds WHERE partner = ?1 AND sid = ?2", params![partner, sid])
    }

    /// Records that a key of this partner is used, before anything evaluated under it leaves.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn mark_key_used(
        &self,
        partner: &Partner,
        key: &KnownKey,
        suite: SuiteId,
        now: u64,
    ) -> Result<(), LedgerError> {
        self.run(
            "INSERT INTO keys_used (partner, key_id, public_key, manifest, suite, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            params![partner, key.key_id, key.public_key, key.manifest, suite.code(), clamp(now)],
        )
    }

    /// Openings of this partner on a day (days since 1970), so far.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn hellos(&self, partner: &Partner, day: u32) -> Result<u32, LedgerError> {
        let counted = self.transact(|tx| {
            Ok(tx
                .prepare_cached("SELECT count FROM hellos WHERE partner = ?1 AND day = ?2")?
                .query_row(params![partner, day], |row| row.get(0))
                .optional()?
                .unwrap_or(0))
        })?;
        Ok(counted.0)
    }

    /// Counts one more HELLO of this partner on a day (days since 1970) and gives the count.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn count_hello(&self, partner: &Partner, day: u32) -> Result<u32, LedgerError> {
        let counted = self.transact(|tx| {
            tx.prepare_cached("DELETE FROM hellos WHERE partner = ?1 AND day < ?2")?
                .execute(params![partner, day.saturating_sub(HELLO_DAYS_KEPT)])?;
            let count = tx
                .prepare_cached(
                    "INSERT INTO hellos (partner, day, count) VALUES (?1, ?2, 1)
                     ON CONFLICT DO UPDATE SET count = min(count + 1, 4294967295)
                     RETURNING count",
                )?
                .query_row(params![partner, day], |row| row.get(0))?;
            Ok(count)
        })?;
        Ok(counted.0)
    }

    /// Remembers the last table accepted from this partner, which bounds the growth of the next.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn record_table(&self, partner: &Partner, table: &SeenTable) -> Result<(), LedgerError> {
        self.run(
            "INSERT INTO tables_seen (partner, tag_count, root) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET tag_count = excluded.tag_count, root = excluded.root",
            params![partner, table.tag_count.cast_signed(), table.root],
        )
    }

    /// Writes the row of a session, over the one it had.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn record_session(&self, session: &SessionRow) -> Result<(), LedgerError> {
        self.run(
            "INSERT OR REPLACE INTO sessions
             (sid, partner, profile, state, started_at, ended_at, elements, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                session.sid,
                session.partner,
                session.profile,
                session.state,
                clamp(session.started_at),
                session.ended_at.map(clamp),
                session.elements.cast_signed(),
                session.outcome,
            ],
        )
    }

    /// Marks sessions that a program left running when it died; for the holder of the node's lock.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn interrupt_sessions(&self) -> Result<(), LedgerError> {
        self.run(
            "UPDATE sessions SET state = ?1 WHERE state = ?2",
            params![SessionRow::INTERRUPTED, SessionRow::RUNNING],
        )
    }

    /// Head of the chain with a partner.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn head(&self, partner: &Partner) -> Result<LedgerHead, LedgerError> {
        self.read(|connection| head_of(last_entry(connection, partner)?.as_ref()))
    }

    /// One entry of a chain with its evidence.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn entry(&self, partner: &Partner, seq: u64) -> Result<Option<StoredEntry>, LedgerError> {
        self.read(|connection| {
            let stored = connection
                .prepare_cached("SELECT * FROM entries WHERE partner = ?1 AND seq = ?2")?
                .query_row(params![partner, seq.cast_signed()], |row| {
                    Ok(StoredEntry {
                        entry: entry_of(row)?,
                        terms_frame: row.get("terms_frame")?,
                        signatures: row.get("signatures")?,
                    })
                })
                .optional()?;
            Ok(stored)
        })
    }

    /// Holds that may still become the next entry; an advertiser with one resumes it first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn open_holds(&self, partner: &Partner) -> Result<Vec<Hold>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM holds WHERE partner = ?1 ORDER BY seq, sid")?;
            let mut rows = statement.query(params![partner])?;
            let mut holds = Vec::new();
            while let Some(row) = rows.next()? {
                let terms: Vec<u8> = row.get("terms_frame")?;
                holds.push(Hold {
                    entry: entry_of(row)?,
                    terms: parse_frame(&terms).ok_or(Bug::InternalInvariant)?,
                });
            }
            Ok(holds)
        })
    }

    /// Evaluations reserved since a moment, by our own clock; an unsettled reserve counts in full.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn spent(&self, partner: &Partner, since: u64) -> Result<u64, LedgerError> {
        self.read(|connection| {
            let spendings = spendings(connection, partner, since)?;
            Ok(total(&spendings))
        })
    }

    /// Evaluations that a session may reserve now.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn evaluations_left(
        &self,
        partner: &Partner,
        budget: &Budget,
        now: u64,
    ) -> Result<u64, LedgerError> {
        self.read(|connection| Ok(budget.left(&spendings(connection, partner, 0)?, now)))
    }

    /// Keys of this partner that were used, oldest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn known_keys(&self, partner: &Partner) -> Result<Vec<KnownKey>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key_id, public_key, manifest FROM keys_used WHERE partner = ?1
                 ORDER BY at, key_id",
            )?;
            let keys = statement.query_map(params![partner], |row| {
                Ok(KnownKey { key_id: row.get(0)?, public_key: row.get(1)?, manifest: row.get(2)? })
            })?;
            Ok(keys.collect::<Result<_, _>>()?)
        })
    }

    /// The last table accepted from this partner.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn last_table(&self, partner: &Partner) -> Result<Option<SeenTable>, LedgerError> {
        self.read(|connection| {
            let table = connection
                .prepare_cached("SELECT tag_count, root FROM tables_seen WHERE partner = ?1")?
                .query_row(params![partner], |row| {
                    Ok(SeenTable {
                        tag_count: row.get::<_, i64>(0)?.cast_unsigned(),
                        root: row.get(1)?,
                    })
                })
                .optional()?;
            Ok(table)
        })
    }

    /// Rows of the latest sessions with all partners, newest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn sessions(&self, most: u32) -> Result<Vec<SessionRow>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT * FROM sessions ORDER BY started_at DESC, sid LIMIT ?1")?;
            let rows = statement.query_map(params![most], |row| {
                Ok(SessionRow {
                    sid: row.get("sid")?,
                    partner: row.get("partner")?,
                    profile: row.get("profile")?,
                    state: row.get("state")?,
                    started_at: row.get::<_, i64>("started_at")?.cast_unsigned(),
                    ended_at: row.get::<_, Option<i64>>("ended_at")?.map(i64::cast_unsigned),
                    elements: row.get::<_, i64>("elements")?.cast_unsigned(),
                    outcome: row.get("outcome")?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
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
            0 => tx.execute_batch(SCHEMA).map_err(at)?,
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
            let mut statement =
                connection.prepare("SELECT * FROM entries ORDER BY partner, seq")?;
            let mut rows = statement.query([])?;
            let mut partner = Partner::default();
            let mut last: Option<LedgerEntry> = None;
            while let Some(row) = rows.next()? {
                let found: Partner = row.get("partner")?;
                if found != partner {
                    partner = found;
                    last = None;
                }
                let entry = entry_of(row)?;
                let stored: [u8; 32] = row.get("hash")?;
                // The stored hash holds the last entry, which no later one names yet.
                // [G62]
                if !joins(last.as_ref(), &entry)? || entry.hash()? != stored {
                    return Err(broken(&partner, last.as_ref()).into());
                }
                last = Some(entry);
            }
            Ok(())
        })
    }

    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), LedgerError> {
        self.transact(|tx| {
            tx.prepare_cached(sql)?.execute(values)?;
            Ok(())
        })
        .map(|_| ())
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

/// How many evaluations a partner may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In any span of an epoch's length.
    pub evaluations_max_per_epoch: u64,
    /// Length of an epoch.
    pub epoch_s: u64,
    /// In any span of a day's length.
    pub evaluations_max_per_day: u64,
}

impl Budget {
    /// Whether this many more fit, or when they will.
    fn admit(&self, spendings: &[Spending], evaluations: u64, now: u64) -> Result<(), Refused> {
        let mut wait_s = 0;
        for (most, span_s) in self.windows() {
            let Some(room) = most.checked_sub(evaluations) else {
                return Err(Refused::never(Refusal::BudgetExceeded));
            };
            let recent = within(spendings, span_s, now);
            let mut spent = total(recent);
            for spending in recent {
                if spent <= room {
                    break;
                }
                spent = spent.saturating_sub(spending.evaluations);
                let leaves_at = spending.at.saturating_add(span_s);
                wait_s = wait_s.max(leaves_at.saturating_sub(now).max(1));
            }
        }
        if wait_s == 0 {
            return Ok(());
        }
        Err(Refused {
            refusal: Refusal::BudgetExceeded,
            retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX),
        })
    }

    fn left(&self, spendings: &[Spending], now: u64) -> u64 {
        self.windows()
            .into_iter()
            .map(|(most, span_s)| most.saturating_sub(total(within(spendings, span_s, now))))
            .min()
            .unwrap_or(0)
    }

    const fn windows(&self) -> [(u64, u64); 2] {
        [(self.evaluations_max_per_epoch, self.epoch_s), (self.evaluations_max_per_day, DAY_S)]
    }
}

/// An entry as it is kept, with what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The entry.
    pub entry: LedgerEntry,
    /// The TERMS frame it follows from, header and body; empty for a settle.
    pub terms_frame: Vec<u8>,
    /// The frame with the peer's signature, as it was given.
    pub signatures: Vec<u8>,
}

/// A reserve of the advertiser's that the provider may or may not have written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The reserve.
    pub entry: LedgerEntry,
    /// The TERMS frame, as it was sent and will be sent again.
    pub terms: RawFrame,
}

/// The last table accepted from a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTable {
    /// Its tags.
    pub tag_count: u64,
    /// Its root.
    pub root: [u8; 32],
}

/// One session, as `status` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub sid: [u8; 32],
    /// The partner.
    pub partner: Partner,
    /// Code of the profile.
    pub profile: u16,
    /// Where it stands.
    pub state: String,
    /// Unix time of its start.
    pub started_at: u64,
    /// Unix time of its end.
    pub ended_at: Option<u64>,
    /// Padded elements.
    pub elements: u64,
    /// How it ended, without figures that the profile hides.
    pub outcome: Option<String>,
}

impl SessionRow {
    /// State of a session whose reserve or hold is written.
    pub const RUNNING: &str = "running";
    /// State of a session that ended as it should.
    pub const DONE: &str = "done";
    /// State of a session that an error ended.
    pub const FAILED: &str = "failed";
    /// State of a session whose program died, or was told to stop.
    pub const INTERRUPTED: &str = "interrupted";
    /// State of a run that came to no session: its row has an id that is drawn, and no elements.
    pub const UNOPENED: &str = "unopened";

    /// The row of a session whose reserve or hold has just been written.
    #[must_use]
    pub fn begun(partner: Partner, entry: &LedgerEntry, now: u64) -> Self {
        Self {
            sid: entry.sid,
            partner,
            profile: entry.profile,
            state: Self::RUNNING.to_owned(),
            started_at: now,
            ended_at: None,
            elements: entry.evaluations,
            outcome: None,
        }
    }

    /// The row of the session once it has ended.
    #[must_use]
    pub fn ended(self, state: &str, outcome: &str, now: u64) -> Self {
        let (state, outcome) = (state.to_owned(), Some(outcome.to_owned()));
        Self { state, outcome, ended_at: Some(now), ..self }
    }
}

/// The ledger cannot be read, written, or trusted.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file itself.
    #[error(transparent)]
    World(#[from] WorldError),
    /// SQLite failed.
    #[error("cannot read or write the ledger {}: {source}; try: check space and health of the disk",
        path.display())]
    Storage {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// An entry is missing or altered.
    #[error(
        "the ledger with {partner} is broken at entry {seq}; try: restore it from a copy, or \
             adopt the partner's entries"
    )]
    Chain {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// The first entry that is not as it was.
        seq: u64,
    },
    /// The file is not a sound database.
    #[error("the ledger {} is damaged; try: restore it from a copy", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version.
    #[error(
        "the ledger {} has version {version}, this program reads {SCHEMA_VERSION}; try: make the \
             node anew",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// The place of the file cannot keep commits.
    #[error("commits do not last at {}; try: a local disk", path.display())]
    NotDurable {
        /// The file.
        path: PathBuf,
    },
    /// An entry does not follow the chain.
    #[error(
        "entry {seq} does not follow the ledger with {partner}; try: compare ledgers with the \
             partner"
    )]
    Follow {
        /// First 8 hexadecimal digits of the party id.
        partner: String,
        /// Number of the entry.
        seq: u64,
    },
    /// The key of a run cannot be marked as used, or is used already.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// A defect of ours.
    #[error(transparent)]
    Bug(#[from] Bug),
}

/// A reserve was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Budget or chain do not allow it; nothing failed.
    #[error("{refusal}")]
    Refused {
        /// Why.
        refusal: Refusal,
        /// Seconds after which the same request may succeed, 0 for never.
        retry_after_s: u32,
    },
    /// The ledger failed.
    #[error(transparent)]
    Storage(#[from] LedgerError),
}

/// Asserts the reservation of an entry that a commit has just put on disk, or found there.
fn reserved(_committed: Committed<()>, entry: &LedgerEntry) -> Reservation {
    Reservation::assertion(entry.clone())
}

/// What a transaction left behind, once it is on disk.
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

/// A reserve that is not allowed.
struct Refused {
    refusal: Refusal,
    retry_after_s: u32,
}

impl Refused {
    const fn never(refusal: Refusal) -> Self {
        Self { refusal, retry_after_s: 0 }
    }
}

/// Why a step of a transaction failed, before the file is named.
enum Step {
    Sql(rusqlite::Error),
    Ledger(LedgerError),
}

impl Step {
    fn at(self, path: &Path) -> LedgerError {
        match self {
            Self::Sql(source) => LedgerError::Storage { path: path.into(), source },
            Self::Ledger(error) => error,
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

/// Evaluations set aside at a moment.
#[derive(Debug, Clone, Copy)]
struct Spending {
    at: u64,
    evaluations: u64,
}

/// Reserves of a partner since a moment, oldest first.
fn spendings(
    connection: &Connection,
    partner: &Partner,
    since: u64,
) -> Result<Vec<Spending>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT recorded_at, evaluations FROM entries
             WHERE partner = ?1 AND kind = ?2 AND recorded_at >= ?3 ORDER BY recorded_at",
        )?
        .query_map(params![partner, LedgerEntry::RESERVE, clamp(since)], |row| {
            Ok(Spending {
                at: row.get::<_, i64>(0)?.cast_unsigned(),
                evaluations: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?
        .collect()
}

/// Those that still count at `now`; one from the future, after a clock went back, does.
fn within(spendings: &[Spending], span_s: u64, now: u64) -> &[Spending] {
    let over = spendings.partition_point(|spending| spending.at.saturating_add(span_s) <= now);
    spendings.get(over..).unwrap_or(&[])
}

fn total(spendings: &[Spending]) -> u64 {
    spendings.iter().fold(0, |sum: u64, spending| sum.saturating_add(spending.evaluations))
}

/// Whether an entry may come after the last one: by number and hash, and a settle after its own
/// reserve only.
fn joins(last: Option<&LedgerEntry>, entry: &LedgerEntry) -> Result<bool, Bug> {
    let closes = |reserve: &LedgerEntry| {
        reserve.kind == LedgerEntry::RESERVE
            && reserve.sid == entry.sid
            && reserve.profile == entry.profile
            && reserve.evaluations == entry.evaluations
    };
    let in_place = match entry.kind {
        LedgerEntry::SETTLE => last.is_some_and(closes),
        _ => true,
    };
    let head = last.map_or(Ok(LedgerHead::EMPTY), LedgerHead::of)?;
    // [G62]
    Ok(in_place && entry.follows(&head))
}

fn check_joins(
    connection: &Connection,
    partner: &Partner,
    entry: &LedgerEntry,
) -> Result<(), Step> {
    if joins(last_entry(connection, partner)?.as_ref(), entry)? {
        return Ok(());
    }
    Err(Step::Ledger(LedgerError::Follow { partner: short(partner), seq: entry.seq }))
}

fn is_head(connection: &Connection, partner: &Partner, entry: &LedgerEntry) -> Result<bool, Step> {
    Ok(last_entry(connection, partner)?.as_ref() == Some(entry))
}

fn has_reserve(
    connection: &Connection,
    partner: &Partner,
    sid: &[u8; 32],
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT 1 FROM entries WHERE partner = ?1 AND sid = ?2 AND kind = ?3")?
        .exists(params![partner, sid, LedgerEntry::RESERVE])
}

fn last_entry(
    connection: &Connection,
    partner: &Partner,
) -> Result<Option<LedgerEntry>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT * FROM entries WHERE partner = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row(params![partner], entry_of)
        .optional()
}

fn head_of(last: Option<&LedgerEntry>) -> Result<LedgerHead, Step> {
    Ok(last.map_or(Ok(LedgerHead::EMPTY), LedgerHead::of)?)
}

fn broken(partner: &Partner, last: Option<&LedgerEntry>) -> LedgerError {
    LedgerError::Chain {
        partner: short(partner),
        seq: last.map_or(0, |entry| entry.seq).saturating_add(1),
    }
}

fn insert_entry(
    connection: &Connection,
    partner: &Partner,
    entry: &LedgerEntry,
    recorded_at: u64,
    terms_frame: &[u8],
    signatures: &[u8],
) -> Result<(), Step> {
    connection
        .prepare_cached(
            "INSERT INTO entries (partner, seq, previous, sid, kind, profile, evaluations, handles,
             ids, epsilon_milli, at, hash, recorded_at, terms_frame, signatures)
             VALUES (:partner, :seq, :previous, :sid, :kind, :profile, :evaluations, :handles,
             :ids, :epsilon_milli, :at, :hash, :recorded_at, :terms_frame, :signatures)",
        )?
        .execute(named_params! {
            ":partner": partner,
            ":seq": entry.seq.cast_signed(),
            ":previous": entry.previous,
            ":sid": entry.sid,
            ":kind": entry.kind,
            ":profile": entry.profile,
            ":evaluations": entry.evaluations.cast_signed(),
            ":handles": entry.handles.cast_signed(),
            ":ids": entry.ids.cast_signed(),
            ":epsilon_milli": entry.epsilon_milli,
            ":at": entry.at.cast_signed(),
            ":hash": entry.hash()?,
            ":recorded_at": clamp(recorded_at),
            ":terms_frame": terms_frame,
            ":signatures": signatures,
        })?;
    Ok(())
}

fn insert_hold(
    connection: &Connection,
    partner: &Partner,
    entry: &LedgerEntry,
    terms: &RawFrame,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO holds (partner, seq, previous, sid, kind, profile, evaluations,
             handles, ids, epsilon_milli, at, terms_frame)
             VALUES (:partner, :seq, :previous, :sid, :kind, :profile, :evaluations,
             :handles, :ids, :epsilon_milli, :at, :terms_frame)",
        )?
        .execute(named_params! {
            ":partner": partner,
            ":seq": entry.seq.cast_signed(),
            ":previous": entry.previous,
            ":sid": entry.sid,
            ":kind": entry.kind,
            ":profile": entry.profile,
            ":evaluations": entry.evaluations.cast_signed(),
            ":handles": entry.handles.cast_signed(),
            ":ids": entry.ids.cast_signed(),
            ":epsilon_milli": entry.epsilon_milli,
            ":at": entry.at.cast_signed(),
            ":terms_frame": frame_bytes(terms),
        })?;
    Ok(())
}

/// Reads the columns of an entry; numbers keep their bits, since SQLite has no unsigned ones.
fn entry_of(row: &Row<'_>) -> Result<LedgerEntry, rusqlite::Error> {
    let number = |name: &str| row.get::<_, i64>(name).map(i64::cast_unsigned);
    Ok(LedgerEntry {
        seq: number("seq")?,
        previous: row.get("previous")?,
        sid: row.get("sid")?,
        kind: row.get("kind")?,
        profile: row.get("profile")?,
        evaluations: number("evaluations")?,
        handles: number("handles")?,
        ids: number("ids")?,
        epsilon_milli: row.get("epsilon_milli")?,
        at: number("at")?,
    })
}

fn frame_bytes(frame: &RawFrame) -> Vec<u8> {
    [&frame.header.encode()[..], &frame.payload].concat()
}

fn parse_frame(bytes: &[u8]) -> Option<RawFrame> {
    let (header, payload) = bytes.split_first_chunk::<{ FrameHeader::LEN }>()?;
    let header = FrameHeader::parse(header).ok()?;
    RawFrame::new(header, payload.into()).ok()
}

/// A time or count that is compared in SQL, where a wrapped one would sort wrongly.
fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn short(partner: &Partner) -> String {
    partner.iter().take(4).fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

const DAY_S: u64 = 86_400;
/// Another session of the pair is live; its terms last longer, but it may well be done by then.
const BUSY_RETRY_S: u32 = 60;
const HELLO_DAYS_KEPT: u32 = 7;
/// A writer waits this long for another process, such as `status`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What SQLite calls FULL.
const SYNCHRONOUS_FULL: i64 = 2;
/// The version of the protocol whose entries it holds.
const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = "
CREATE TABLE entries (
    partner BLOB NOT NULL, seq INTEGER NOT NULL, previous BLOB NOT NULL, sid BLOB NOT NULL,
    kind INTEGER NOT NULL, profile INTEGER NOT NULL, evaluations INTEGER NOT NULL,
    handles INTEGER NOT NULL, ids INTEGER NOT NULL, epsilon_milli INTEGER NOT NULL,
    at INTEGER NOT NULL, hash BLOB NOT NULL,
    recorded_at INTEGER NOT NULL, terms_frame BLOB NOT NULL, signatures BLOB NOT NULL,
    PRIMARY KEY (partner, seq), UNIQUE (partner, sid, kind)
) STRICT;
CREATE TABLE holds (
    partner BLOB NOT NULL, seq INTEGER NOT NULL, previous BLOB NOT NULL, sid BLOB NOT NULL,
    kind INTEGER NOT NULL, profile INTEGER NOT NULL, evaluations INTEGER NOT NULL,
    handles INTEGER NOT NULL, ids INTEGER NOT NULL, epsilon_milli INTEGER NOT NULL,
    at INTEGER NOT NULL,
    terms_frame BLOB NOT NULL,
    PRIMARY KEY (partner, sid)
) STRICT;
CREATE TABLE keys_used (
    partner BLOB NOT NULL, key_id BLOB NOT NULL, public_key BLOB NOT NULL,
    manifest BLOB NOT NULL, suite INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (partner, key_id, public_key, manifest)
) STRICT;
CREATE TABLE hellos (
    partner BLOB NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (partner, day)
) STRICT;
CREATE TABLE tables_seen (
    partner BLOB PRIMARY KEY NOT NULL, tag_count INTEGER NOT NULL, root BLOB NOT NULL
) STRICT;
CREATE TABLE sessions (
    sid BLOB PRIMARY KEY NOT NULL, partner BLOB NOT NULL, profile INTEGER NOT NULL,
    state TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    elements INTEGER NOT NULL, outcome TEXT
) STRICT;
PRAGMA user_version = 2;
";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::sync::Barrier;

    use protocol::codec::StreamId;
    use protocol::identifier::{IdentifierKind, RulesetId};
    use protocol::suite::Profile;
    use protocol::terms::MatchTerms;

    use super::*;
    use crate::world::tests::private_tempdir;

    const ONE: Partner = [0xa1; 32];
    const OTHER: Partner = [0xb2; 32];
    const E: u64 = 32_768;
    const NOW: u64 = 1_700_000_000;
    const ROOMY: Budget = Budget {
        evaluations_max_per_epoch: 1 << 40,
        epoch_s: 30 * DAY_S,
        evaluations_max_per_day: 1 << 40,
    };

    fn reserve_after(head: &LedgerHead, session: u8) -> LedgerEntry {
        let kinds = [IdentifierKind::EMAIL_STRICT];
        let mut terms = MatchTerms::defaults(Profile::MatchedRows, RulesetId::CRM_FR_1, &kinds);
        terms.opened_at = NOW;
        LedgerEntry::reserve(head, &[session; 32], Profile::MatchedRows, &terms, E).unwrap()
    }

    fn frame(byte: u8) -> RawFrame {
        let header = FrameHeader {
            stream: StreamId::ControlAdvertiser,
            kind: 3,
            elements: 0,
            index: 1,
            payload_len: 4,
        };
        RawFrame::new(header, [byte; 4].into()).unwrap()
    }

    fn ledger() -> (tempfile::TempDir, PathBuf, Ledger) {
        let dir = private_tempdir();
        let path = dir.path().join("ledger.db");
        let ledger = Ledger::open(&path).unwrap();
        (dir, path, ledger)
    }

    /// Sessions 1 to `count` with a partner, each reserved and settled.
    fn fill(ledger: &Ledger, partner: &Partner, count: u8) {
        for session in 1..=count {
            let entry = reserve_after(&ledger.head(partner).unwrap(), session);
            let reservation =
                ledger.reserve(partner, &entry, &frame(session), &ROOMY, NOW).unwrap();
            assert_eq!(reservation.entry(), &entry);
            let settle = entry.settle(3, 0, NOW + 9).unwrap();
            ledger.append(partner, &settle, &frame(9)).unwrap();
        }
    }

    fn refusal(outcome: Result<Reservation, ReserveError>) -> (Refusal, u32) {
        match outcome {
            Err(ReserveError::Refused { refusal, retry_after_s }) => (refusal, retry_after_s),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_written_is_there_after_opening_again() {
        // G40
        let (_dir, path, ledger) = ledger();
        fill(&ledger, &ONE, 2);
        fill(&ledger, &OTHER, 1);
        let head = ledger.head(&ONE).unwrap();
        assert_eq!(head.seq, 4);
        // Another process sees it while this one still has it open: it was committed.
        let reader = Ledger::open(&path).unwrap();
        assert_eq!(reader.head(&ONE).unwrap(), head);
        drop((reader, ledger));
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.head(&ONE).unwrap(), head);
        assert_eq!(ledger.head(&OTHER).unwrap().seq, 2);
        assert_eq!(ledger.head(&[0; 32]).unwrap(), LedgerHead::EMPTY);
        let stored = ledger.entry(&ONE, 3).unwrap().unwrap();
        assert_eq!(stored.entry.sid, [2; 32]);
        assert_eq!(parse_frame(&stored.terms_frame).unwrap(), frame(2));
        assert_eq!(ledger.entry(&ONE, 4).unwrap().unwrap().signatures, frame_bytes(&frame(9)));
        assert_eq!(ledger.entry(&ONE, 5).unwrap(), None);
    }

    #[test]
    fn commits_are_synced_and_the_file_is_private() {
        // G40, G54
        let (_dir, path, ledger) = ledger();
        let connection = ledger.lock();
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(synchronous, SYNCHRONOUS_FULL);
        for suffix in ["", "-wal", "-shm"] {
            let path = PathBuf::from(format!("{}{suffix}", path.display()));
            let mode = std::fs::metadata(&path).unwrap().mode() & 0o7777;
            assert_eq!(mode, 0o600, "{}", path.display());
        }
        drop(connection);
        drop(ledger);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Ledger::open(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn chain_with_a_removed_or_altered_entry_is_refused() {
        // G62, A46
        for (change, seq) in [
            ("DELETE FROM entries WHERE seq = 1", 1),
            ("DELETE FROM entries WHERE seq = 3", 3),
            ("DELETE FROM entries WHERE seq IN (2, 3)", 2),
            ("UPDATE entries SET evaluations = 1 WHERE seq = 2", 2),
            ("UPDATE entries SET sid = zeroblob(32) WHERE seq = 4", 4),
            ("UPDATE entries SET handles = 2 WHERE seq = 6", 6),
            ("UPDATE entries SET hash = zeroblob(32) WHERE seq = 3", 3),
            ("UPDATE entries SET seq = 9 WHERE seq = 6", 6),
        ] {
            let (_dir, path, ledger) = ledger();
            fill(&ledger, &OTHER, 1);
            fill(&ledger, &ONE, 3);
            let only = format!("{change} AND partner = ?1");
            let changed = ledger.lock().execute(&only, params![ONE]).unwrap();
            assert!(changed > 0);
            drop(ledger);
            match Ledger::open(&path) {
                Err(LedgerError::Chain { partner, seq: at }) => {
                    assert_eq!((partner.as_str(), at), ("a1a1a1a1", seq), "{change}");
                }
                other => panic!("{change}: {other:?}"),
            }
        }
    }

    #[test]
    fn settle_closes_its_own_reserve_in_full_and_nothing_else() {
        // G41
        let (_dir, _path, ledger) = ledger();
        let entry = reserve_after(&LedgerHead::EMPTY, 1);
        let early = entry.settle(0, 0, NOW).unwrap();
        assert!(matches!(ledger.append(&ONE, &early, &frame(7)), Err(LedgerError::Follow { .. })));
        let _ = ledger.reserve(&ONE, &entry, &frame(1), &ROOMY, NOW).unwrap();
        for settle in [
            LedgerEntry { evaluations: E - 1, ..early.clone() },
            LedgerEntry { sid: [9; 32], ..early.clone() },
            LedgerEntry { kind: 3, ..early.clone() },
        ] {
            assert!(ledger.append(&ONE, &settle, &frame(7)).is_err());
        }
        ledger.append(&ONE, &early, &frame(9)).unwrap();
        ledger.append(&ONE, &early, &frame(9)).unwrap();
        assert_eq!(ledger.head(&ONE).unwrap().seq, 2);
        let twice = LedgerEntry { seq: 3, previous: early.hash().unwrap(), ..early };
        assert!(ledger.append(&ONE, &twice, &frame(7)).is_err());
    }

    #[test]
    fn session_is_charged_once_and_a_superseded_one_is_dead() {
        // A45
        let (_dir, _path, ledger) = ledger();
        let first = reserve_after(&LedgerHead::EMPTY, 1);
        for _ in 0..3 {
            let _ = ledger.reserve(&ONE, &first, &frame(1), &ROOMY, NOW).unwrap();
        }
        assert_eq!(ledger.spent(&ONE, 0).unwrap(), E);
        // Terms that build on an unsettled reserve leave it spent and its session dead.
        let second = reserve_after(&ledger.head(&ONE).unwrap(), 2);
        let _ = ledger.reserve(&ONE, &second, &frame(2), &ROOMY, NOW).unwrap();
        let again = ledger.reserve(&ONE, &first, &frame(1), &ROOMY, NOW);
        assert_eq!(refusal(again), (Refusal::ResumeExpired, 0));
        assert_eq!(ledger.spent(&ONE, 0).unwrap(), 2 * E);
        let late = reserve_after(&LedgerHead::EMPTY, 3);
        let busy = ledger.reserve(&ONE, &late, &frame(3), &ROOMY, NOW);
        assert_eq!(refusal(busy), (Refusal::SessionBusy, BUSY_RETRY_S));
        let settle = first.settle(0, 0, NOW).unwrap();
        assert!(ledger.reserve(&ONE, &settle, &frame(1), &ROOMY, NOW).is_err());
    }

    #[test]
    fn budget_counts_reserves_in_full_in_sliding_windows() {
        // A44
        let (_dir, _path, ledger) = ledger();
        let budget = Budget {
            evaluations_max_per_epoch: 3 * E,
            epoch_s: 10 * DAY_S,
            evaluations_max_per_day: 2 * E,
        };
        let mut session = 0;
        let mut reserve = |now: u64| {
            session += 1;
            let entry = reserve_after(&ledger.head(&ONE).unwrap(), session);
            ledger.reserve(&ONE, &entry, &frame(1), &budget, now)
        };
        assert!(reserve(NOW).is_ok());
        assert!(reserve(NOW + 100).is_ok());
        let left = |now| ledger.evaluations_left(&ONE, &budget, now).unwrap();
        assert_eq!(left(NOW + 200), 0);
        assert_eq!(refusal(reserve(NOW + 200)), (Refusal::BudgetExceeded, 86_400 - 200));
        assert_eq!(left(NOW + DAY_S), E);
        // The time in the entry is the peer's; ours counts.
        assert!(reserve(NOW + DAY_S).is_ok());
        assert_eq!(refusal(reserve(NOW + 3 * DAY_S)), (Refusal::BudgetExceeded, 7 * 86_400));
        // A clock that goes back frees nothing.
        assert!(reserve(NOW - 5 * DAY_S).is_err());
        assert!(reserve(NOW + 10 * DAY_S).is_ok());
        assert_eq!(ledger.spent(&ONE, NOW + DAY_S).unwrap(), 2 * E);
        assert_eq!(ledger.spent(&OTHER, 0).unwrap(), 0);
        let small = Budget { evaluations_max_per_day: E - 1, ..budget };
        let entry = reserve_after(&LedgerHead::EMPTY, 1);
        let never = ledger.reserve(&OTHER, &entry, &frame(1), &small, NOW);
        assert_eq!(refusal(never), (Refusal::BudgetExceeded, 0));
    }

    #[test]
    fn last_budget_goes_to_exactly_one_of_eight_threads() {
        let (_dir, path, shared) = ledger();
        fill(&shared, &ONE, 1);
        let budget = Budget { evaluations_max_per_epoch: 2 * E, ..ROOMY };
        let barrier = Barrier::new(8);
        let won: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    let (shared, path, barrier) = (&shared, &path, &barrier);
                    scope.spawn(move || {
                        // Half of them have a connection of their own, as another process would.
                        let own = (thread % 2 == 0).then(|| Ledger::open(path).unwrap());
                        let ledger = own.as_ref().unwrap_or(shared);
                        barrier.wait();
                        loop {
                            let head = ledger.head(&ONE).unwrap();
                            let entry = reserve_after(&head, 10 + thread);
                            let outcome = ledger.reserve(&ONE, &entry, &frame(1), &budget, NOW + 1);
                            match outcome {
                                Ok(_) => return 1,
                                Err(ReserveError::Refused {
                                    refusal: Refusal::SessionBusy,
                                    ..
                                }) => {}
                                Err(ReserveError::Refused { refusal, .. }) => {
                                    assert_eq!(refusal, Refusal::BudgetExceeded);
                                    return 0;
                                }
                                Err(error) => panic!("{error}"),
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|one| one.join().unwrap()).sum()
        });
        assert_eq!(won, 1);
        assert_eq!(shared.spent(&ONE, 0).unwrap(), 2 * E);
        assert_eq!(shared.evaluations_left(&ONE, &budget, NOW + 1).unwrap(), 0);
        drop(shared);
        assert_eq!(Ledger::open(&path).unwrap().head(&ONE).unwrap().seq, 3);
    }

    #[test]
    fn ledger_is_read_beside_its_writer_and_after_it() {
        let (_dir, path, writer) = ledger();
        let entry = reserve_after(&LedgerHead::EMPTY, 1);
        let _ = writer.hold(&ONE, &entry, &frame(1)).unwrap();
        writer.append(&ONE, &entry, &frame(8)).unwrap();
        let reader = Ledger::open_read_only(&path).unwrap();
        let row = SessionRow::begun(ONE, &entry, NOW);
        writer.record_session(&row).unwrap();
        assert_eq!(reader.sessions(10).unwrap(), std::slice::from_ref(&row));
        assert!(reader.record_session(&row).is_err(), "nothing can be changed");
        writer.interrupt_sessions().unwrap();
        assert_eq!(reader.sessions(10).unwrap()[0].state, SessionRow::INTERRUPTED);
        let done = row.ended(SessionRow::DONE, "served", NOW + 1);
        writer.record_session(&done).unwrap();
        writer.interrupt_sessions().unwrap();
        drop((reader, writer));
        let reader = Ledger::open_read_only(&path).unwrap();
        assert_eq!(reader.sessions(10).unwrap(), [done]);
        assert_eq!(reader.head(&ONE).unwrap().seq, 1);
        assert!(Ledger::open_read_only(&path.with_extension("absent")).is_err());
    }

    #[test]
    fn hold_lasts_until_its_reserve_joins_the_chain() {
        let (_dir, path, ledger) = ledger();
        let lost = reserve_after(&LedgerHead::EMPTY, 1);
        let entry = reserve_after(&LedgerHead::EMPTY, 2);
        assert_eq!(ledger.hold(&ONE, &lost, &frame(1)).unwrap().entry(), &lost);
        let _ = ledger.hold(&ONE, &entry, &frame(2)).unwrap();
        let _ = ledger.hold(&ONE, &entry, &frame(2)).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        let holds = ledger.open_holds(&ONE).unwrap();
        assert_eq!(holds.len(), 2);
        assert_eq!((&holds[1].entry, &holds[1].terms), (&entry, &frame(2)));
        assert_eq!(ledger.head(&ONE).unwrap(), LedgerHead::EMPTY, "outside the chain");
        assert!(ledger.open_holds(&OTHER).unwrap().is_empty());
        ledger.append(&ONE, &entry, &frame(8)).unwrap();
        let stored = ledger.entry(&ONE, 1).unwrap().unwrap();
        assert_eq!(parse_frame(&stored.terms_frame).unwrap(), frame(2));
        assert!(ledger.open_holds(&ONE).unwrap().is_empty(), "neither can join");
        assert!(matches!(ledger.hold(&ONE, &lost, &frame(1)), Err(LedgerError::Follow { .. })));
        let next = reserve_after(&ledger.head(&ONE).unwrap(), 3);
        let _ = ledger.hold(&ONE, &next, &frame(3)).unwrap();
        ledger.drop_hold(&ONE, &next.sid).unwrap();
        assert!(ledger.open_holds(&ONE).unwrap().is_empty());
    }

    #[test]
    fn numbers_keep_their_bits() {
        let (_dir, path, ledger) = ledger();
        let entry = LedgerEntry {
            handles: u64::MAX,
            ids: 1 << 63,
            at: u64::MAX - 1,
            ..reserve_after(&LedgerHead::EMPTY, 1)
        };
        ledger.append(&ONE, &entry, &frame(7)).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        assert_eq!(ledger.entry(&ONE, 1).unwrap().unwrap().entry, entry);
    }

    #[test]
    fn small_facts_are_remembered() {
        let (_dir, path, ledger) = ledger();
        let key = |id: u8, public: u8| KnownKey {
            key_id: [id; 16],
            public_key: [public; 32],
            manifest: [id; 32],
        };
        for (key, now) in [(key(2, 2), 1), (key(1, 1), 2), (key(2, 2), 3), (key(1, 9), 4)] {
            ledger.mark_key_used(&ONE, &key, SuiteId::Aligned, now).unwrap();
        }
        for day in [5, 5, 6] {
            ledger.count_hello(&ONE, day).unwrap();
        }
        assert_eq!(ledger.last_table(&ONE).unwrap(), None);
        for tag_count in [7, 9] {
            let table = SeenTable { tag_count, root: [tag_count as u8; 32] };
            ledger.record_table(&ONE, &table).unwrap();
        }
        let mut session = SessionRow {
            sid: [1; 32],
            partner: ONE,
            profile: 2,
            state: "blind".into(),
            started_at: 10,
            ended_at: None,
            elements: E,
            outcome: None,
        };
        ledger.record_session(&session).unwrap();
        session.ended_at = Some(20);
        session.outcome = Some("completed".into());
        ledger.record_session(&session).unwrap();
        let newer = SessionRow { sid: [2; 32], started_at: 11, ..session.clone() };
        ledger.record_session(&newer).unwrap();
        drop(ledger);
        let ledger = Ledger::open(&path).unwrap();
        let keys = ledger.known_keys(&ONE).unwrap();
        assert_eq!(keys, [key(2, 2), key(1, 1), key(1, 9)]);
        assert_eq!((ledger.hellos(&ONE, 5).unwrap(), ledger.hellos(&ONE, 7).unwrap()), (2, 0));
        assert_eq!(ledger.count_hello(&ONE, 5).unwrap(), 3);
        assert_eq!(ledger.count_hello(&ONE, 6).unwrap(), 2);
        assert_eq!(ledger.count_hello(&OTHER, 6).unwrap(), 1);
        assert_eq!(ledger.count_hello(&ONE, 20).unwrap(), 1);
        assert_eq!(ledger.last_table(&ONE).unwrap().unwrap().tag_count, 9);
        assert_eq!(ledger.sessions(10).unwrap(), [newer.clone(), session]);
        assert_eq!(ledger.sessions(1).unwrap(), [newer]);
    }

    #[test]
    fn another_version_is_refused() {
        // D19
        let (_dir, path, ledger) = ledger();
        ledger.lock().pragma_update(None, "user_version", 1).unwrap();
        drop(ledger);
        assert!(matches!(Ledger::open(&path), Err(LedgerError::Version { version: 1, .. })));
    }

    #[test]
    fn damaged_file_is_refused_or_reads_as_it_was() {
        // D13
        let (_dir, path, ledger) = ledger();
        fill(&ledger, &ONE, 3);
        let head = ledger.head(&ONE).unwrap();
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        let mut refused = 0;
        for at in (0..whole.len()).step_by(whole.len() / 300) {
            let mut altered = whole.clone();
            altered[at] ^= 0x10;
            std::fs::write(&path, &altered).unwrap();
            match Ledger::open(&path).and_then(|ledger| ledger.head(&ONE)) {
                Ok(found) => assert_eq!(found, head, "byte {at}"),
                Err(_) => refused += 1,
            }
            for suffix in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
            }
        }
        assert!(refused > 10, "{refused}");
        for cut in (0..whole.len()).step_by(whole.len() / 60) {
            std::fs::write(&path, &whole[..cut]).unwrap();
            if let Ok(found) = Ledger::open(&path).and_then(|ledger| ledger.head(&ONE)) {
                // A file of no bytes is a new ledger, whose head the partner will not share.
                let expected = if cut == 0 { LedgerHead::EMPTY } else { head };
                assert_eq!(found, expected, "cut at {cut}");
            }
        }
    }
}
