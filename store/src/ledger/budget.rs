//! Evaluations that a partner may spend, in windows that slide.

use protocol::error::{Bug, Refusal};
use protocol::ledger::LedgerEntry;
use rusqlite::{Connection, params};

use super::error::Refused;
use super::{Ledger, LedgerError, Partner, sortable};

/// Evaluations that a partner may spend.
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
    /// Nothing if this many more fit, or else the time after which they will.
    pub(super) fn admit(
        &self,
        spendings: &[Spending],
        evaluations: u64,
        now: u64,
    ) -> Result<Result<(), Refused>, Bug> {
        let refusal = Refusal::BudgetExceeded;
        let mut wait_s = 0;
        for (most, span_s) in self.windows() {
            let Some(room) = most.checked_sub(evaluations) else {
                return Ok(Err(Refused::never(refusal)));
            };
            let recent = within(spendings, span_s, now);
            let mut spent = total(recent)?;
            for spending in recent {
                if spent <= room {
                    break;
                }
                spent = spent.checked_sub(spending.evaluations).ok_or(Bug::invariant())?;
                // What still counts leaves later than now.
                let leaves_at = u128::from(spending.at) + u128::from(span_s);
                let left_s = leaves_at.checked_sub(now.into()).ok_or(Bug::invariant())?;
                wait_s = wait_s.max(left_s);
            }
        }
        if wait_s == 0 {
            return Ok(Ok(()));
        }
        // The longest wait that can be told stands for every longer one.
        let retry_after_s = u32::try_from(wait_s).unwrap_or(u32::MAX);
        Ok(Err(Refused { refusal, retry_after_s }))
    }

    fn left(&self, spendings: &[Spending], now: u64) -> Result<u64, Bug> {
        let left = |(most, span_s): (u64, u64)| {
            // A budget that was lowered may be overspent.
            total(within(spendings, span_s, now)).map(|spent| most.saturating_sub(spent))
        };
        let [epoch, day] = self.windows().map(left);
        Ok(epoch?.min(day?))
    }

    const fn windows(&self) -> [(u64, u64); 2] {
        [(self.evaluations_max_per_epoch, self.epoch_s), (self.evaluations_max_per_day, DAY_S)]
    }
}

impl Ledger {
    /// Evaluations reserved since a moment, by our own clock; an unsettled reserve counts in full.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn spent(&self, partner: &Partner, since: u64) -> Result<u64, LedgerError> {
        self.read(|connection| {
            let spendings = spendings(connection, partner, since)?;
            Ok(total(&spendings)?)
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
        self.read(|connection| Ok(budget.left(&spendings(connection, partner, 0)?, now)?))
    }
}

/// Evaluations set aside at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spending {
    at: u64,
    evaluations: u64,
}

/// Reserves of a partner since a moment, oldest first.
pub(super) fn spendings(
    connection: &Connection,
    partner: &Partner,
    since: u64,
) -> Result<Vec<Spending>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT recorded_at, evaluations FROM entries
             WHERE partner = ?1 AND kind = ?2 AND recorded_at >= ?3 ORDER BY recorded_at",
        )?
        .query_map(params![partner, LedgerEntry::RESERVE, sortable(since)], |row| {
            Ok(Spending {
                at: row.get::<_, i64>(0)?.cast_unsigned(),
                evaluations: row.get::<_, i64>(1)?.cast_unsigned(),
            })
        })?
        .collect()
}

/// Spendings that still count at `now`; one from the future, after a clock went back, does.
fn within(spendings: &[Spending], span_s: u64, now: u64) -> &[Spending] {
    let over = now
        .checked_sub(span_s)
        .map_or(0, |start| spendings.partition_point(|spending| spending.at <= start));
    spendings.get(over..).unwrap_or_default()
}

fn total(spendings: &[Spending]) -> Result<u64, Bug> {
    let sum = |sum: u64, spending: &Spending| sum.checked_add(spending.evaluations);
    spendings.iter().try_fold(0, sum).ok_or(Bug::invariant())
}

pub(super) const DAY_S: u64 = 86_400;
