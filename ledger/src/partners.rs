//! Small facts about a partner: keys it has met, openings of the day, its last table.

use crate::evidence::SessionEvidence;
use protocol::error::Bug;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use session::advertiser::{KnownKey, MetKey};

use super::error::Step;
use super::{Ledger, LedgerError, Partner, sortable};

/// The last table accepted from a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTable {
    /// Number of its tags.
    pub tag_count: u64,
    /// Root over its tags.
    pub root: [u8; 32],
}

impl Ledger {
    /// Records that an answer under a key of this partner is here: offered once more, the key is a
    /// violation and no longer an accident [K-12].
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn mark_key_answered(&self, partner: &Partner, key: &KnownKey) -> Result<(), LedgerError> {
        self.transact(|tx| self.answer_key(tx, partner, key)).map(|_| ())
    }

    /// Openings of this partner and its group on a day (days since 1970), so far.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn hellos(&self, partner: &Partner, day: u32) -> Result<u32, LedgerError> {
        self.read(|connection| Ok(openings(connection, partner, day)?))
    }

    /// Counts one more opening of this partner on a day (days since 1970) and gives the count of
    /// its group; counts nothing, and gives none, where the group has had the most there may be.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn count_hello(
        &self,
        partner: &Partner,
        day: u32,
        most: u32,
    ) -> Result<Option<u32>, LedgerError> {
        let counted = self.transact(|tx| {
            if openings(tx, partner, day)? >= most {
                return Ok(None);
            }
            self.checks.write(tx, "hellos", "partner = ?1", params![partner], |tx| {
                tx.prepare_cached("DELETE FROM hellos WHERE partner = ?1 AND day + ?3 < ?2")?
                    .execute(params![partner, day, HELLO_DAYS_KEPT])?;
                tx.prepare_cached(
                    "INSERT INTO hellos (partner, day, count) VALUES (?1, ?2, 1)
                     ON CONFLICT DO UPDATE SET count = min(count + 1, 4294967295)",
                )?
                .execute(params![partner, day])?;
                Ok(())
            })?;
            Ok(Some(openings(tx, partner, day)?))
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

    /// Notes that the key of a session is spent.
    pub(super) fn spend_key_of(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        proof: &SessionEvidence,
        now: u64,
    ) -> Result<(), Step> {
        let (key, suite) = proof.key().map_err(|_| Bug::invariant())?;
        let place = params![partner, key.key_id, key.public_key, key.manifest];
        self.checks.write(tx, "keys_used", KEY, place, |tx| {
            tx.prepare_cached(
                "INSERT INTO keys_used (partner, key_id, public_key, manifest, suite, at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                partner,
                key.key_id,
                key.public_key,
                key.manifest,
                suite.code(),
                sortable(now)
            ])?;
            Ok(())
        })
    }

    /// Notes that an answer under a key is here.
    pub(super) fn answer_key(
        &self,
        tx: &Transaction<'_>,
        partner: &Partner,
        key: &KnownKey,
    ) -> Result<(), Step> {
        let place = params![partner, key.key_id, key.public_key, key.manifest];
        self.checks.write(tx, "keys_used", KEY, place, |tx| {
            tx.prepare_cached(&format!("UPDATE keys_used SET answered = 1 WHERE {KEY}"))?
                .execute(place)?;
            Ok(())
        })
    }
}

/// Openings of a partner and its group on a day.
fn openings(connection: &Connection, partner: &Partner, day: u32) -> Result<u32, rusqlite::Error> {
    let count: i64 = connection
        .prepare_cached(
            "SELECT coalesce(sum(count), 0) FROM hellos
             WHERE (partner = ?1 OR partner IN (SELECT partner FROM members
                    WHERE name = (SELECT name FROM members WHERE partner = ?1)))
             AND day = ?2",
        )?
        .query_row(params![partner, day], |row| row.get(0))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Tells if a key shares its id, public key or manifest with one that was met.
pub(super) fn is_key_met(
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

/// Condition for one key of a partner.
const KEY: &str = "partner = ?1 AND key_id = ?2 AND public_key = ?3 AND manifest = ?4";
const HELLO_DAYS_KEPT: u32 = 7;
