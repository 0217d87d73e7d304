//! The chains with the partners: holds, reserves, entries and heads.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use crate::evidence::SessionEvidence;
use protocol::codec::RawFrame;
use protocol::error::{Bug, Refusal};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::suite::SuiteId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::budget::{Budget, Charge, admit_own, spendings};
use super::error::{Refused, Step};
use super::partners::is_key_met;
use super::proofs::proof_of;
use super::{Ledger, LedgerError, Partner, ReserveError, anchor, reserved, short, sortable};

impl Ledger {
    /// Writes the advertiser's hold: the reserve that the provider is about to write, with what it
    /// follows from; and spends the key of the session, in the same commit [K-12].
    ///
    /// A hold stands outside the chain until [`Ledger::append`]. To hold again what is held, or
    /// what has become the head, changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReserveError::Refused`] with [`Refusal::EpsilonExceeded`] if the privacy loss of the epoch
    /// is spent on our own count; [`LedgerError::Follow`] if the chain has moved on;
    /// [`LedgerError::Storage`].
    pub fn hold(
        &self,
        partner: &Partner,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ReserveError> {
        let decided = self.transact(|tx| {
            if entry.kind != LedgerEntry::RESERVE {
                return Err(Bug::misuse().into());
            }
            if is_head(tx, partner, entry)? {
                return Ok(Ok(()));
            }
            check_joins(tx, partner, entry)?;
            if let Err(refused) = admit_own(tx, partner, &Charge::of(entry, opening)?, entry.at)? {
                return Ok(Err(refused));
            }
            self.insert_hold(tx, partner, entry)?;
            self.insert_proof(tx, partner, &entry.sid, opening)?;
            self.spend_key_of(tx, partner, opening, entry.at)?;
            Ok(Ok(()))
        })?;
        Ok(reserved(decided.allowed()?, entry))
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
    /// [`ReserveError::Refused`] with [`Refusal::BudgetExceeded`] or [`Refusal::EpsilonExceeded`],
    /// and the time after which the same request fits (0 for never), [`Refusal::SessionBusy`] if
    /// another session moved the chain since this one began, [`Refusal::KeySpent`] if the run key
    /// of this one was spent before, [`Refusal::ResumeExpired`] if later terms build on this
    /// reserve; [`ReserveError::Storage`].
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
            if let Err(refused) = budget.admit(&spendings, &Charge::of(entry, opening)?, now)? {
                return Ok(Err(refused));
            }
            self.insert_proof(tx, partner, &entry.sid, opening)?;
            self.insert_entry(tx, partner, entry, now)?;
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

    /// Entry of this number in a chain.
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

    /// Heads of all chains.
    pub(super) fn heads(&self) -> Result<anchor::Heads, LedgerError> {
        self.partners()?.into_iter().map(|one| Ok((one, self.head(&one)?))).collect()
    }

    /// Notes the partners whose chain lacks the entry that the anchor names.
    pub(super) fn compare_with(&self, anchored: anchor::Heads) -> Result<(), LedgerError> {
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

    pub(super) fn verify_chains(&self, connection: &Connection) -> Result<(), Step> {
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

    /// Forgets that a chain was behind its anchor once it no longer is.
    pub(super) fn leaves_behind(&self, partner: &Partner) -> Result<(), LedgerError> {
        let anchored = self.behind.lock().unwrap_or_else(PoisonError::into_inner).remove(partner);
        let Some(anchored) = anchored else { return Ok(()) };
        let found = self.entry(partner, anchored.seq)?;
        if found.map(|entry| entry.hash()).transpose()? != Some(anchored.hash) {
            let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = behind.insert(*partner, anchored);
        }
        Ok(())
    }

    /// Writes an entry of the chain, once the messages of its session are kept.
    pub(super) fn insert_entry(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        entry: &LedgerEntry,
        recorded_at: u64,
    ) -> Result<(), Step> {
        let place = params![partner, entry.seq.cast_signed()];
        let hash = entry.hash()?;
        let charge = match proof_of(tx, partner, &entry.sid)? {
            Some(opening) => Charge::of(entry, &opening)?,
            None => Charge::NONE,
        };
        let mut row = columns(partner, entry);
        row.extend([
            ("hash", Value::Blob(hash.to_vec())),
            ("recorded_at", Value::Integer(sortable(recorded_at))),
            ("allowance", Value::Integer(charge.allowance.code().into())),
            ("phones", Value::Integer(sortable(charge.phones))),
        ]);
        self.checks.write(tx, "entries", "partner = ?1 AND seq = ?2", place, |tx| {
            insert(tx, "INSERT INTO entries", row)
        })
    }

    /// Writes a hold, over one of its session.
    pub(super) fn insert_hold(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        entry: &LedgerEntry,
    ) -> Result<(), Step> {
        let place = params![partner, entry.sid];
        self.checks.write(tx, "holds", "partner = ?1 AND sid = ?2", place, |tx| {
            insert(tx, "INSERT OR REPLACE INTO holds", columns(partner, entry))
        })
    }

    /// Drops holds that can no longer join the chain, and their messages but for those of entries.
    pub(super) fn drop_holds_below(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        seq: u64,
    ) -> Result<(), Step> {
        for hold in holds(tx, partner)?.into_iter().filter(|hold| hold.seq <= seq) {
            let place = params![partner, hold.sid];
            let filter = "partner = ?1 AND sid = ?2";
            for table in ["holds", "proofs"] {
                let joined = table == "proofs"
                    && tx
                        .prepare_cached("SELECT 1 FROM entries WHERE partner = ?1 AND sid = ?2")?
                        .exists(place)?;
                if !joined {
                    self.checks.write(tx, table, filter, place, |tx| {
                        tx.prepare_cached(&format!("DELETE FROM {table} WHERE {filter}"))?
                            .execute(place)?;
                        Ok(())
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// Tells if an entry may come after the last one: by number and hash, and a settle after its own
/// reserve only.
pub(super) fn joins(last: Option<&LedgerEntry>, entry: &LedgerEntry) -> Result<bool, Bug> {
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

pub(super) fn check_joins(
    connection: &Connection,
    partner: &Partner,
    entry: &LedgerEntry,
) -> Result<(), Step> {
    if joins(last_entry(connection, partner)?.as_ref(), entry)? {
        return Ok(());
    }
    Err(Step::Ledger(LedgerError::Follow { partner: short(partner), seq: entry.seq }))
}

pub(super) fn is_head(
    connection: &Connection,
    partner: &Partner,
    entry: &LedgerEntry,
) -> Result<bool, Step> {
    Ok(last_entry(connection, partner)?.as_ref() == Some(entry))
}

pub(super) fn has_reserve(
    connection: &Connection,
    partner: &Partner,
    sid: &[u8; 32],
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached("SELECT 1 FROM entries WHERE partner = ?1 AND sid = ?2 AND kind = ?3")?
        .exists(params![partner, sid, LedgerEntry::RESERVE])
}

pub(super) fn last_entry(
    connection: &Connection,
    partner: &Partner,
) -> Result<Option<LedgerEntry>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT * FROM entries WHERE partner = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row(params![partner], entry_of)
        .optional()
}

pub(super) fn head_of(last: Option<&LedgerEntry>) -> Result<LedgerHead, Step> {
    Ok(last.map_or(Ok(LedgerHead::EMPTY), LedgerHead::of)?)
}

pub(super) fn broken(partner: &Partner, last: Option<&LedgerEntry>) -> LedgerError {
    LedgerError::Chain {
        partner: short(partner),
        // Whatever number an altered entry claims.
        seq: last.map_or(0, |entry| entry.seq).wrapping_add(1),
    }
}

/// Reserves of ours that the provider may or may not have written.
pub(super) fn holds(
    connection: &Connection,
    partner: &Partner,
) -> Result<Vec<LedgerEntry>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT * FROM holds WHERE partner = ?1 ORDER BY seq, sid")?
        .query_map(params![partner], entry_of)?
        .collect()
}

/// Columns of an entry and their values; numbers keep their bits, as SQLite has no unsigned ones.
fn columns(partner: &Partner, entry: &LedgerEntry) -> Vec<(&'static str, Value)> {
    let blob = |bytes: &[u8]| Value::Blob(bytes.to_vec());
    let number = |number: u64| Value::Integer(number.cast_signed());
    vec![
        ("partner", blob(partner)),
        ("seq", number(entry.seq)),
        ("previous", blob(&entry.previous)),
        ("sid", blob(&entry.sid)),
        ("kind", number(entry.kind.into())),
        ("profile", number(entry.profile.into())),
        ("evaluations", number(entry.evaluations)),
        ("handles", number(entry.handles)),
        ("ids", number(entry.ids)),
        ("epsilon_milli", number(entry.epsilon_milli.into())),
        ("at", number(entry.at)),
    ]
}

fn insert(tx: &Transaction<'_>, into: &str, row: Vec<(&str, Value)>) -> Result<(), Step> {
    let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!("{into} ({}) VALUES ({marks})", names.join(", "));
    tx.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(())
}

/// Reads [`columns`].
pub(super) fn entry_of(row: &Row<'_>) -> Result<LedgerEntry, rusqlite::Error> {
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

/// Another session of the pair is live; its terms last longer, but it may well be done by then.
pub(super) const BUSY_RETRY_S: u32 = 60;
/// Another table is prepared ahead, or soon.
pub(super) const SPENT_RETRY_S: u32 = 5;
