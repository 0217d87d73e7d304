//! The ledger on disk: what was reserved, settled and spent with each partner, in one SQLite file.
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

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::codec::{FrameHeader, RawFrame};
use protocol::error::{Bug, Error, Refusal};
use protocol::ledger::evidence::SessionEvidence;
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::suite::SuiteId;
use report::{Arg, Code, Diagnose, Text};
use rusqlite::params;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior};
use session::advertiser::{KnownKey, MetKey};

use crate::os::{self, OsError};

mod anchor;
mod checks;
mod place;
mod proofs;

use self::anchor::Anchor;
use self::checks::RowChecks;
pub use self::place::LedgerPlace;
pub use self::proofs::{Adopted, SignedBy, StoredEntry};

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

    /// Writes the advertiser's hold: the reserve that the provider is about to write, with what it
    /// follows from; and spends the key of the session, in the same commit [K-12].
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
        opening: &SessionEvidence,
    ) -> Result<Reservation, LedgerError> {
        let committed = self.transact(|tx| {
            if entry.kind != LedgerEntry::RESERVE {
                return Err(Bug::misuse().into());
            }
            if is_head(tx, partner, entry)? {
                return Ok(());
            }
            check_joins(tx, partner, entry)?;
            self.insert_hold(tx, partner, entry)?;
            self.insert_proof(tx, partner, &entry.sid, opening)?;
            self.spend_key_of(tx, partner, opening, entry.at)
        })?;
        Ok(reserved(committed, entry))
    }

    /// Decides on a reserve of the provider's, and writes it, in one transaction.
    ///
    /// Windows are judged by our own clock, not by the times in the entry, and slide: no span of
    /// an epoch's or a day's length ever holds more than the budget. To reserve again what is
    /// the head changes nothing, so a session is charged once [L-03]. The key of the session is
    /// spent in the same commit [K-12].
    ///
    /// # Errors
    ///
    /// [`ReserveError::Refused`] with [`Refusal::BudgetExceeded`] and the time after which the
    /// same request fits (0 for never), [`Refusal::SessionBusy`] if another session moved the
    /// chain since this one began, [`Refusal::KeySpent`] if the run key of this one was spent
    /// before, [`Refusal::ResumeExpired`] if later terms build on this reserve;
    /// [`ReserveError::Storage`].
    pub fn reserve(
        &self,
        partner: &Partner,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
        budget: &Budget,
        now: u64,
    ) -> Result<Reservation, ReserveError> {
        let decided = self.transact(|tx| {
            if entry.kind != LedgerEntry::RESERVE {
                return Err(Bug::misuse().into());
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
            let (key, suite) = opening.key().map_err(|_| Bug::invariant())?;
            if suite == SuiteId::Shuffled && is_key_met(tx, partner, &key)? {
                let refusal = Refusal::KeySpent;
                return Ok(Err(Refused { refusal, retry_after_s: SPENT_RETRY_S }));
            }
            let spendings = spendings(tx, partner, 0)?;
            if let Err(refused) = budget.admit(&spendings, entry.evaluations, now) {
                return Ok(Err(refused));
            }
            self.insert_entry(tx, partner, entry, now)?;
            self.insert_proof(tx, partner, &entry.sid, opening)?;
            self.spend_key_of(tx, partner, opening, now)?;
            Ok(Ok(()))
        })?;
        let allowed = decided.allowed()?;
        self.anchor.raise(partner, LedgerHead::of(entry).map_err(LedgerError::from)?)?;
        Ok(reserved(allowed, entry))
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
            self.insert_entry(tx, partner, entry, entry.at)?;
            self.add_to_proof(tx, partner, &entry.sid, evidence)?;
            self.drop_holds_below(tx, partner, entry.seq)
        })?;
        self.anchor.raise(partner, LedgerHead::of(entry)?)
    }

    /// Records that an answer under a key of this partner is here: offered once more, the key is a
    /// violation and no longer an accident [K-12].
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn mark_key_answered(&self, partner: &Partner, key: &KnownKey) -> Result<(), LedgerError> {
        self.transact(|tx| {
            let filter = "partner = ?1 AND key_id = ?2 AND public_key = ?3 AND manifest = ?4";
            let values = params![partner, key.key_id, key.public_key, key.manifest];
            self.checks.write(tx, "keys_used", filter, values, |tx| {
                tx.prepare_cached(&format!("UPDATE keys_used SET answered = 1 WHERE {filter}"))?
                    .execute(values)?;
                Ok(())
            })
        })
        .map(|_| ())
    }

    /// Openings of this partner on a day (days since 1970), so far.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn hellos(&self, partner: &Partner, day: u32) -> Result<u32, LedgerError> {
        self.read(|connection| {
            let count = connection
                .prepare_cached("SELECT count FROM hellos WHERE partner = ?1 AND day = ?2")?
                .query_row(params![partner, day], |row| row.get(0))
                .optional()?;
            Ok(count.unwrap_or(0))
        })
    }

    /// Counts one more HELLO of this partner on a day (days since 1970) and gives the count.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn count_hello(&self, partner: &Partner, day: u32) -> Result<u32, LedgerError> {
        let counted = self.transact(|tx| {
            self.checks.write(tx, "hellos", "partner = ?1", params![partner], |tx| {
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
            })
        })?;
        Ok(counted.0)
    }

    /// Remembers the last table accepted from this partner, which bounds the growth of the next.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn record_table(&self, partner: &Partner, table: &SeenTable) -> Result<(), LedgerError> {
        self.transact(|tx| {
            self.checks.write(tx, "tables_seen", "partner = ?1", params![partner], |tx| {
                tx.prepare_cached(
                    "INSERT INTO tables_seen (partner, tag_count, root) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE
                     SET tag_count = excluded.tag_count, root = excluded.root",
                )?
                .execute(params![
                    partner,
                    table.tag_count.cast_signed(),
                    table.root
                ])?;
                Ok(())
            })
        })
        .map(|_| ())
    }

    /// Writes the row of a session, over the one it had.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn record_session(&self, session: &SessionRow) -> Result<(), LedgerError> {
        self.transact(|tx| {
            self.checks.write(tx, "sessions", "sid = ?1", params![session.sid], |tx| {
                tx.prepare_cached(
                    "INSERT OR REPLACE INTO sessions
                     (sid, partner, profile, state, started_at, ended_at, elements, outcome)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                )?
                .execute(params![
                    session.sid,
                    session.partner,
                    session.profile,
                    session.state,
                    clamp(session.started_at),
                    session.ended_at.map(clamp),
                    session.elements.cast_signed(),
                    session.outcome,
                ])?;
                Ok(())
            })
        })
        .map(|_| ())
    }

    /// Marks sessions that a program left running when it died; for the holder of the node's lock.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn interrupt_sessions(&self) -> Result<(), LedgerError> {
        self.transact(|tx| {
            let sids: Vec<[u8; 32]> = tx
                .prepare_cached("SELECT sid FROM sessions WHERE state = ?1")?
                .query_map([SessionRow::RUNNING], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for sid in sids {
                self.checks.write(tx, "sessions", "sid = ?1", params![sid], |tx| {
                    tx.prepare_cached("UPDATE sessions SET state = ?1 WHERE sid = ?2")?
                        .execute(params![SessionRow::INTERRUPTED, sid])?;
                    Ok(())
                })?;
            }
            Ok(())
        })
        .map(|_| ())
    }

    /// The latest time that stands in a chain, if any does: what is kept until a time is removed
    /// by this one, which no single reading of a clock moves.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn latest_time(&self) -> Result<Option<u64>, LedgerError> {
        self.read(|connection| {
            let latest: Option<i64> = connection
                .prepare_cached("SELECT max(at) FROM entries")?
                .query_row([], |row| row.get(0))?;
            Ok(latest.map(i64::cast_unsigned))
        })
    }

    /// Head of the chain with a partner.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn head(&self, partner: &Partner) -> Result<LedgerHead, LedgerError> {
        self.read(|connection| head_of(last_entry(connection, partner)?.as_ref()))
    }

    /// Head of the chain with a partner, for a session to begin on.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Behind`] if the anchor names a later one, or one of another chain: entries
    /// were lost, and the partner has them; [`LedgerError::Storage`].
    pub fn session_head(&self, partner: &Partner) -> Result<LedgerHead, LedgerError> {
        let head = self.head(partner)?;
        let behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        match behind.get(partner) {
            None => Ok(head),
            Some(anchored) => Err(LedgerError::Behind {
                partner: short(partner),
                seq: head.seq,
                anchored: anchored.seq,
            }),
        }
    }

    /// Number of the entry of a chain that has this hash; 0 for the hash of an empty chain.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn position_of(
        &self,
        partner: &Partner,
        hash: &[u8; 32],
    ) -> Result<Option<u64>, LedgerError> {
        if *hash == LedgerHead::EMPTY.hash {
            return Ok(Some(0));
        }
        self.read(|connection| {
            let seq = connection
                .prepare_cached("SELECT seq FROM entries WHERE partner = ?1 AND hash = ?2")?
                .query_row(params![partner, hash], |row| row.get::<_, i64>(0))
                .optional()?;
            Ok(seq.map(i64::cast_unsigned))
        })
    }

    /// One entry of a chain.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn entry(&self, partner: &Partner, seq: u64) -> Result<Option<LedgerEntry>, LedgerError> {
        self.read(|connection| {
            let entry = connection
                .prepare_cached("SELECT * FROM entries WHERE partner = ?1 AND seq = ?2")?
                .query_row(params![partner, seq.cast_signed()], entry_of)
                .optional()?;
            Ok(entry)
        })
    }

    /// Holds that may still become the next entry; an advertiser with one resumes it first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn open_holds(&self, partner: &Partner) -> Result<Vec<LedgerEntry>, LedgerError> {
        self.read(|connection| Ok(holds(connection, partner)?))
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

    /// Keys of this partner that terms were signed for, oldest first.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn known_keys(&self, partner: &Partner) -> Result<Vec<MetKey>, LedgerError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key_id, public_key, manifest, answered FROM keys_used WHERE partner = ?1
                 ORDER BY at, key_id",
            )?;
            let keys = statement.query_map(params![partner], |row| {
                let (key_id, public_key) = (row.get(0)?, row.get(1)?);
                let key = KnownKey { key_id, public_key, manifest: row.get(2)? };
                Ok(MetKey { key, answered: row.get(3)? })
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

    fn verify_chains(&self, connection: &Connection) -> Result<(), Step> {
        {
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
        }
    }

    /// Heads of all chains.
    fn heads(&self) -> Result<anchor::Heads, LedgerError> {
        self.partners()?.into_iter().map(|one| Ok((one, self.head(&one)?))).collect()
    }

    /// Partners there is a chain with.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn partners(&self) -> Result<Vec<Partner>, LedgerError> {
        self.read(|connection| {
            let partners: Result<_, _> = connection
                .prepare_cached("SELECT DISTINCT partner FROM entries ORDER BY partner")?
                .query_map([], |row| row.get(0))?
                .collect();
            Ok(partners?)
        })
    }

    /// Notes the partners whose chain lacks the entry that the anchor names.
    fn compare_with(&self, anchored: anchor::Heads) -> Result<(), LedgerError> {
        let mut behind = BTreeMap::new();
        for (partner, head) in anchored {
            let found = self.entry(&partner, head.seq)?;
            if head.seq > 0 && found.map(|entry| entry.hash()).transpose()? != Some(head.hash) {
                behind.insert(partner, head);
            }
        }
        *self.behind.lock().unwrap_or_else(PoisonError::into_inner) = behind;
        Ok(())
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
    Os(#[from] OsError),
    /// SQLite failed.
    Storage {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
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
        /// What shows it.
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
        /// Its version.
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

impl Diagnose for LedgerError {
    fn code(&self) -> Code {
        match self {
            Self::Gone { .. } | Self::Behind { .. } => Code::LedgerGone,
            Self::Contradiction { .. } => Code::LedgerHeadsDiffer,
            Self::Os(_)
            | Self::Storage { .. }
            | Self::Chain { .. }
            | Self::Damaged { .. }
            | Self::Altered { .. }
            | Self::Anchor { .. }
            | Self::Version { .. }
            | Self::NotDurable { .. }
            | Self::Follow { .. } => Code::SessionStorage,
            Self::Bug(bug) => bug.code(),
        }
    }

    fn text(&self) -> Text {
        let number = |number: &u64| Arg::Number(*number);
        match self {
            Self::Os(error) => error.text(),
            Self::Storage { path, source } => {
                Text::new("ledger-storage").with("path", path).with("why", source.to_string())
            }
            Self::Chain { partner, seq } => {
                Text::new("ledger-chain").with("partner", partner).with("seq", number(seq))
            }
            Self::Damaged { path } => Text::new("ledger-damaged").with("path", path),
            Self::Altered { path, table } => {
                Text::new("ledger-altered").with("path", path).with("table", *table)
            }
            Self::Gone { path, trace } => {
                Text::new("ledger-gone").with("path", path).with("trace", trace)
            }
            Self::Behind { partner, seq, anchored } => Text::new("ledger-behind")
                .with("partner", partner)
                .with("seq", number(seq))
                .with("anchored", number(anchored)),
            Self::Anchor { path } => Text::new("ledger-anchor").with("path", path),
            Self::Contradiction { partner, seq } => {
                Text::new("ledger-contradiction").with("partner", partner).with("seq", number(seq))
            }
            Self::Version { path, version } => {
                Text::new("ledger-version").with("path", path).with("version", version.to_string())
            }
            Self::NotDurable { path } => Text::new("ledger-not-durable").with("path", path),
            Self::Follow { partner, seq } => {
                Text::new("ledger-follow").with("partner", partner).with("seq", number(seq))
            }
            Self::Bug(bug) => bug.text(),
        }
    }
}
report::told_in_english!(LedgerError);

/// A reserve was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// Budget or chain do not allow it; nothing failed.
    Refused {
        /// Why.
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
#[derive(Debug)]
enum Step {
    Sql(rusqlite::Error),
    Ledger(LedgerError),
    Altered(&'static str),
}

impl Step {
    fn at(self, path: &Path) -> LedgerError {
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

/// Reserves of ours that the provider may or may not have written.
fn holds(connection: &Connection, partner: &Partner) -> Result<Vec<LedgerEntry>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT * FROM holds WHERE partner = ?1 ORDER BY seq, sid")?
        .query_map(params![partner], entry_of)?
        .collect()
}

/// Whether a key shares its id, public key or manifest with one that was met.
fn is_key_met(
    connection: &Connection,
    partner: &Partner,
    key: &KnownKey,
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT 1 FROM keys_used
             WHERE partner = ?1 AND (key_id = ?2 OR public_key = ?3 OR manifest = ?4)",
        )?
        .exists(params![partner, key.key_id, key.public_key, key.manifest])
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
/// Another table is prepared ahead, or soon.
const SPENT_RETRY_S: u32 = 5;
const HELLO_DAYS_KEPT: u32 = 7;
/// A writer waits this long for another process, such as `status`.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What SQLite calls FULL.
const SYNCHRONOUS_FULL: i64 = 2;
const CHECKS: &str = "ledger-rows";
/// The version of the protocol whose entries it holds.
const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = "
CREATE TABLE entries (
    partner BLOB NOT NULL, seq INTEGER NOT NULL, previous BLOB NOT NULL, sid BLOB NOT NULL,
    kind INTEGER NOT NULL, profile INTEGER NOT NULL, evaluations INTEGER NOT NULL,
    handles INTEGER NOT NULL, ids INTEGER NOT NULL, epsilon_milli INTEGER NOT NULL,
    at INTEGER NOT NULL, hash BLOB NOT NULL, recorded_at INTEGER NOT NULL,
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
CREATE TABLE checks (
    name TEXT PRIMARY KEY NOT NULL, rows INTEGER NOT NULL, sum BLOB NOT NULL, mac BLOB NOT NULL
) STRICT;
PRAGMA user_version = 2;
";

#[cfg(test)]
mod tests;
