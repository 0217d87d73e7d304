//! Legal groups: partners that are one towards every budget and every release.
//!
//! A partner belongs to a group from its first session on, and its spendings with it, whatever
//! becomes of its policy, its keys or its directory. Groups only grow: a partner that is named for
//! another group brings its own along, and a name that was united leads to the other one for ever
//! [L-14].

use protocol::error::Bug;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::Step;
use super::{Ledger, LedgerError, Partner};

/// Relation of a partner to the group that its policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The partner belongs to this group already.
    Member(String),
    /// The partner belongs to no group yet; the name leads to this one.
    New(String),
    /// The partner belongs to another group, which has to be united with that of the name.
    Divided {
        /// Group that the partner belongs to.
        own: String,
        /// Group that the name leads to.
        named: String,
    },
}

impl Ledger {
    /// Relation of a partner to the group of a name.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn membership(&self, partner: &Partner, name: &str) -> Result<Membership, LedgerError> {
        self.read(|connection| {
            let named = root(connection, name)?;
            Ok(match group_of(connection, partner)? {
                Some(own) if own == named => Membership::Member(named),
                Some(own) => Membership::Divided { own, named },
                None => Membership::New(named),
            })
        })
    }

    /// Makes a partner that belongs to no group a member of this one.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn join_group(&self, partner: &Partner, name: &str) -> Result<(), LedgerError> {
        self.transact(|tx| {
            if group_of(tx, partner)?.is_some() {
                return Ok(());
            }
            let group = root(tx, name)?;
            self.checks.write(tx, "members", "partner = ?1", params![partner], |tx| {
                tx.prepare_cached("INSERT INTO members (partner, name) VALUES (?1, ?2)")?
                    .execute(params![partner, group])?;
                Ok(())
            })
        })
        .map(|_| ())
    }

    /// Unites a group with another: its members and its name become those of the other one. Changes
    /// nothing unless both stand for themselves.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn unite_groups(&self, from: &str, into: &str) -> Result<(), LedgerError> {
        self.transact(|tx| {
            if from == into || root(tx, from)? != from || root(tx, into)? != into {
                return Ok(());
            }
            for member in members(tx, from)? {
                self.checks.write(tx, "members", "partner = ?1", params![member], |tx| {
                    tx.prepare_cached("UPDATE members SET name = ?2 WHERE partner = ?1")?
                        .execute(params![member, into])?;
                    Ok(())
                })?;
            }
            let mut names = united_into(tx, from)?;
            names.push(from.to_owned());
            for name in names {
                self.checks.write(tx, "unions", "name = ?1", params![name], |tx| {
                    tx.prepare_cached(
                        "INSERT OR REPLACE INTO unions (name, into_name) VALUES (?1, ?2)",
                    )?
                    .execute(params![name, into])?;
                    Ok(())
                })?;
            }
            Ok(())
        })
        .map(|_| ())
    }

    /// The group of a partner, if it belongs to one.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn group_of(&self, partner: &Partner) -> Result<Option<String>, LedgerError> {
        self.read(|connection| Ok(group_of(connection, partner)?))
    }

    /// The members of a group.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn members_of(&self, group: &str) -> Result<Vec<Partner>, LedgerError> {
        self.read(|connection| Ok(members(connection, group)?))
    }

    /// Names of the groups that were united into this one, and of those united into them.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn united_into(&self, group: &str) -> Result<Vec<String>, LedgerError> {
        self.read(|connection| Ok(united_into(connection, group)?))
    }
}

/// Group that a name leads to: itself, unless it was united.
fn root(connection: &Connection, name: &str) -> Result<String, Step> {
    let into: Option<String> = connection
        .prepare_cached("SELECT into_name FROM unions WHERE name = ?1")?
        .query_row(params![name], |row| row.get(0))
        .optional()?;
    // Unions lead straight to their end.
    match into {
        None => Ok(name.to_owned()),
        Some(into) if into != name => Ok(into),
        Some(_) => Err(Bug::invariant().into()),
    }
}

fn group_of(connection: &Connection, partner: &Partner) -> Result<Option<String>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT name FROM members WHERE partner = ?1")?
        .query_row(params![partner], |row| row.get(0))
        .optional()
}

fn members(connection: &Connection, group: &str) -> Result<Vec<Partner>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT partner FROM members WHERE name = ?1 ORDER BY partner")?
        .query_map(params![group], |row| row.get(0))?
        .collect()
}

fn united_into(connection: &Connection, group: &str) -> Result<Vec<String>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT name FROM unions WHERE into_name = ?1 ORDER BY name")?
        .query_map(params![group], |row| row.get(0))?
        .collect()
}
