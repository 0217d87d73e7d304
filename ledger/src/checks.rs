//! Checks of the rows of the ledger that no chain of hashes covers.
//!
//! Keys met, openings of a day, when an entry was recorded: they decide, and anybody who can write
//! to the file could change them with a tool. So every row carries a keyed hash of its columns, and
//! every table a keyed sum over its rows, under the node's storage key: a row that was changed,
//! added or removed by anything but this program is found when the ledger is opened [L-13].

use protocol::error::Bug;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, Transaction, params};

use super::error::Step;
use store::seal::KeyedHash;

/// Makes and verifies the checks.
#[derive(Debug)]
pub(super) struct RowChecks(KeyedHash);

/// The sum over the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tally {
    rows: i64,
    sum: [u8; 32],
}

impl RowChecks {
    pub(super) const fn new(hash: KeyedHash) -> Self {
        Self(hash)
    }

    /// Writes the sums of empty tables.
    pub(super) fn set_up(&self, tx: &Transaction<'_>) -> Result<(), Step> {
        for table in TABLES {
            self.keep(tx, table, &Tally { rows: 0, sum: [0; 32] })?;
        }
        Ok(())
    }

    /// Runs a write that changes rows of `table` which `filter` finds before it or after it, and
    /// brings their checks up to date.
    pub(super) fn write<T>(
        &self,
        tx: &Transaction<'_>,
        table: &'static str,
        filter: &str,
        values: impl Params + Clone,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, Step>,
    ) -> Result<T, Step> {
        let mut tally = self.kept(tx, table)?;
        for (_, mac) in self.rows(tx, table, filter, values.clone())? {
            tally.rows = tally.rows.checked_sub(1).ok_or(Bug::invariant())?;
            add(&mut tally.sum, &mac.verified(table)?);
        }
        let written = write(tx)?;
        for (rowid, mac) in self.rows(tx, table, filter, values)? {
            tx.prepare_cached(&format!("UPDATE {table} SET mac = ?1 WHERE rowid = ?2"))?
                .execute(params![mac.computed, rowid])?;
            tally.rows = tally.rows.checked_add(1).ok_or(Bug::invariant())?;
            add(&mut tally.sum, &mac.computed);
        }
        self.keep(tx, table, &tally)?;
        Ok(written)
    }

    /// Verifies every row of every table.
    pub(super) fn verify(&self, connection: &Connection) -> Result<(), Step> {
        for table in TABLES {
            let mut found = Tally { rows: 0, sum: [0; 32] };
            for (_, mac) in self.rows(connection, table, "1 = 1", [])? {
                found.rows = found.rows.checked_add(1).ok_or(Bug::invariant())?;
                add(&mut found.sum, &mac.verified(table)?);
            }
            if self.kept(connection, table)? != found {
                return Err(Step::Altered(table));
            }
        }
        Ok(())
    }

    /// Rows of a table by their number in the file, each with its check.
    fn rows(
        &self,
        connection: &Connection,
        table: &'static str,
        filter: &str,
        values: impl Params,
    ) -> Result<Vec<(i64, Mac)>, Step> {
        let sql = format!("SELECT rowid AS number, * FROM {table} WHERE {filter}");
        let mut statement = connection.prepare_cached(&sql)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query(values)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let stored: Vec<u8> = row.get("mac")?;
            let computed = self.of_row(table, &columns, row)?;
            found.push((row.get("number")?, Mac { stored, computed }));
        }
        Ok(found)
    }

    fn of_row(&self, table: &str, columns: &[String], row: &Row<'_>) -> Result<[u8; 32], Step> {
        let mut bytes = table.as_bytes().to_vec();
        for (at, column) in columns.iter().enumerate() {
            if column == "mac" || column == "number" {
                continue;
            }
            let (kind, value): (u8, Vec<u8>) = match row.get_ref(at)? {
                ValueRef::Null => (0, Vec::new()),
                ValueRef::Integer(number) => (1, number.to_le_bytes().to_vec()),
                ValueRef::Real(number) => (2, number.to_le_bytes().to_vec()),
                ValueRef::Text(text) => (3, text.to_vec()),
                ValueRef::Blob(blob) => (4, blob.to_vec()),
            };
            bytes.push(kind);
            bytes.extend_from_slice(&(column.len() as u64).to_le_bytes());
            bytes.extend_from_slice(column.as_bytes());
            bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&value);
        }
        Ok(self.0.of(&[b"row", &bytes]))
    }

    fn of_tally(&self, table: &str, tally: &Tally) -> [u8; 32] {
        self.0.of(&[b"table", table.as_bytes(), &tally.rows.to_le_bytes(), &tally.sum])
    }

    fn keep(&self, tx: &Transaction<'_>, table: &str, tally: &Tally) -> Result<(), Step> {
        tx.prepare_cached(
            "INSERT OR REPLACE INTO checks (name, rows, sum, mac) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![table, tally.rows, tally.sum, self.of_tally(table, tally)])?;
        Ok(())
    }

    fn kept(&self, connection: &Connection, table: &'static str) -> Result<Tally, Step> {
        let mut statement =
            connection.prepare_cached("SELECT rows, sum, mac FROM checks WHERE name = ?1")?;
        let mut rows = statement.query([table])?;
        let Some(row) = rows.next()? else { return Err(Step::Altered(table)) };
        let tally = Tally { rows: row.get(0)?, sum: row.get(1)? };
        let mac: [u8; 32] = row.get(2)?;
        if mac == self.of_tally(table, &tally) { Ok(tally) } else { Err(Step::Altered(table)) }
    }
}

/// The check of one row: as it stands there, and as it should.
struct Mac {
    stored: Vec<u8>,
    computed: [u8; 32],
}

impl Mac {
    fn verified(&self, table: &'static str) -> Result<[u8; 32], Step> {
        match self.stored == self.computed {
            true => Ok(self.computed),
            false => Err(Step::Altered(table)),
        }
    }
}

/// Adds or takes away: a sum of keyed hashes does not depend on the order of rows.
fn add(sum: &mut [u8; 32], mac: &[u8; 32]) {
    for (byte, other) in sum.iter_mut().zip(mac) {
        *byte ^= other;
    }
}

/// Every table of the ledger but the sums themselves.
pub(super) const TABLES: [&str; 9] = [
    "entries",
    "proofs",
    "holds",
    "keys_used",
    "hellos",
    "tables_seen",
    "sessions",
    "members",
    "unions",
];
