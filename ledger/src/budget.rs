//! Budgets of a partner and its group, in windows that slide: evaluations, telephone numbers that
//! terms declare, and privacy loss.
//!
//! Runs that take persons out of what was delivered earlier have an allowance of their own, so that
//! an objection never waits for a budget that matches have spent, and matches never use theirs
//! [L-16].

use protocol::error::{Bug, Refusal};
use protocol::ledger::LedgerEntry;
use protocol::limits::{
    REMOVAL_EPSILON_EPOCH_MILLI, REMOVAL_EPSILON_MILLI, REMOVAL_ROWS_MAX, REMOVAL_SPAN_S,
};
use protocol::message::{Control, HelloA};
use protocol::purpose::Purpose;
use protocol::terms::MatchTerms;
use rusqlite::{Connection, params};

use super::error::Refused;
use super::{Ledger, LedgerError, Partner, sortable};
use crate::evidence::SessionEvidence;

/// Most that a group may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Evaluations in any span of an epoch's length.
    pub evaluations_max_per_epoch: u64,
    /// Evaluations in any span of a day's length.
    pub evaluations_max_per_day: u64,
    /// Telephone numbers that terms declare, in any span of an epoch's length.
    pub phones_max_per_epoch: u64,
    /// Telephone numbers that terms declare, in any span of a day's length.
    pub phones_max_per_day: u64,
    /// Privacy loss in any span of an epoch's length, in thousandths.
    pub epsilon_milli_max_per_epoch: u32,
    /// Length of an epoch.
    pub epoch_s: u64,
}

/// Allowance that a run is charged to, by the purpose of its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// Runs that match.
    Match,
    /// Runs that take persons out of what was delivered earlier.
    Removal,
}

impl Allowance {
    /// The allowance of a purpose.
    #[must_use]
    pub const fn of(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Remove => Self::Removal,
            _ => Self::Match,
        }
    }

    /// Number in the ledger.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Match => 0,
            Self::Removal => 1,
        }
    }
}

/// Sums that a session asks for, by the messages it follows from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) allowance: Allowance,
    evaluations: u64,
    /// Rows, padding included.
    rows: u64,
    pub(super) phones: u64,
    epsilon_milli: u32,
    /// Privacy loss of an epoch that both parties signed.
    epsilon_epoch_milli: u32,
}

impl Charge {
    /// The charge of an entry, whose session began with these messages.
    pub(super) fn of(entry: &LedgerEntry, opening: &SessionEvidence) -> Result<Self, Bug> {
        let (hello, terms) = asked(opening)?;
        Ok(Self {
            allowance: Allowance::of(terms.purpose),
            evaluations: entry.evaluations,
            rows: hello.row_slots,
            phones: terms.phone_evaluations_max,
            epsilon_milli: entry.epsilon_milli,
            epsilon_epoch_milli: terms.epsilon_epoch_milli,
        })
    }
}

/// HELLO_A and the terms of a session.
fn asked(opening: &SessionEvidence) -> Result<(HelloA, MatchTerms), Bug> {
    match (Control::decode(&opening.hello_a), Control::decode(&opening.terms)) {
        (Ok(Control::HelloA(hello)), Ok(Control::Terms(message))) => Ok((hello, message.terms)),
        _ => Err(Bug::invariant()),
    }
}

/// A sum that must not pass a limit in any span of a length.
#[derive(Clone, Copy)]
struct Window {
    refusal: Refusal,
    most: u64,
    span_s: u64,
    asked: u64,
    of: fn(&Spending) -> u64,
}

impl Budget {
    /// Nothing if the charge fits, or else the time after which it will.
    pub(super) fn admit(
        &self,
        spendings: &[Spending],
        charge: &Charge,
        now: u64,
    ) -> Result<Result<(), Refused>, Bug> {
        let windows = match charge.allowance {
            Allowance::Match => self.windows(charge).to_vec(),
            Allowance::Removal => {
                if charge.rows > REMOVAL_ROWS_MAX {
                    return Ok(Err(Refused::never(Refusal::BudgetExceeded)));
                }
                if charge.epsilon_milli > REMOVAL_EPSILON_MILLI {
                    return Ok(Err(Refused::never(Refusal::EpsilonExceeded)));
                }
                self.windows_of_removal(charge).to_vec()
            }
        };
        admit(&windows, &of_allowance(spendings, charge.allowance), now)
    }

    fn left(&self, spendings: &[Spending], now: u64) -> Result<Left, Bug> {
        let all = Charge { epsilon_epoch_milli: u32::MAX, ..Charge::NONE };
        let [epoch, day, _, _, epsilon] = &self.windows(&all);
        let spendings = of_allowance(spendings, Allowance::Match);
        let left = |window: &Window| {
            // A budget that was lowered may be overspent.
            total(within(&spendings, window.span_s, now), window.of)
                .map(|spent| window.most.saturating_sub(spent))
        };
        Ok(Left {
            evaluations: left(epoch)?.min(left(day)?),
            epsilon_milli: u32::try_from(left(epsilon)?).map_err(|_| Bug::invariant())?,
        })
    }

    fn windows(&self, charge: &Charge) -> [Window; 5] {
        let budget = Refusal::BudgetExceeded;
        let epsilon = self.epsilon_milli_max_per_epoch.min(charge.epsilon_epoch_milli);
        let window = |refusal, most, span_s, asked, of| Window { refusal, most, span_s, asked, of };
        let (evaluations, phones) = (charge.evaluations, charge.phones);
        [
            window(budget, self.evaluations_max_per_epoch, self.epoch_s, evaluations, EVALUATIONS),
            window(budget, self.evaluations_max_per_day, DAY_S, evaluations, EVALUATIONS),
            window(budget, self.phones_max_per_epoch, self.epoch_s, phones, PHONES),
            window(budget, self.phones_max_per_day, DAY_S, phones, PHONES),
            Window {
                asked: charge.epsilon_milli.into(),
                ..window(Refusal::EpsilonExceeded, epsilon.into(), self.epoch_s, 0, EPSILON)
            },
        ]
    }

    fn windows_of_removal(&self, charge: &Charge) -> [Window; 2] {
        [
            Window {
                refusal: Refusal::BudgetExceeded,
                most: 1,
                span_s: REMOVAL_SPAN_S,
                asked: 1,
                of: |spending| u64::from(spending.own),
            },
            Window {
                refusal: Refusal::EpsilonExceeded,
                most: charge.removal_epoch().into(),
                span_s: self.epoch_s,
                asked: charge.epsilon_milli.into(),
                of: EPSILON,
            },
        ]
    }
}

impl Charge {
    /// Privacy loss of removals in an epoch: the least that anybody named.
    fn removal_epoch(&self) -> u32 {
        REMOVAL_EPSILON_EPOCH_MILLI.min(self.epsilon_epoch_milli)
    }

    /// Charge of nothing, as of an entry whose messages are not here.
    pub(super) const NONE: Self = Self {
        allowance: Allowance::Match,
        evaluations: 0,
        rows: 0,
        phones: 0,
        epsilon_milli: 0,
        epsilon_epoch_milli: 0,
    };
}

/// Nothing if a charge fits into every window, or else the refusal of the one that lasts longest,
/// and the time after which all of them let it pass.
fn admit(windows: &[Window], spendings: &[Spending], now: u64) -> Result<Result<(), Refused>, Bug> {
    let (mut refusal, mut wait_s) = (Refusal::BudgetExceeded, 0);
    for window in windows.iter().filter(|window| window.asked > 0) {
        let Some(room) = window.most.checked_sub(window.asked) else {
            return Ok(Err(Refused::never(window.refusal)));
        };
        let recent = within(spendings, window.span_s, now);
        let mut spent = total(recent, window.of)?;
        for spending in recent {
            if spent <= room {
                break;
            }
            spent = spent.checked_sub((window.of)(spending)).ok_or(Bug::invariant())?;
            // What still counts leaves later than now.
            let leaves_at = u128::from(spending.at) + u128::from(window.span_s);
            let left_s = leaves_at.checked_sub(now.into()).ok_or(Bug::invariant())?;
            if left_s > wait_s {
                (refusal, wait_s) = (window.refusal, left_s);
            }
        }
    }
    if wait_s == 0 {
        return Ok(Ok(()));
    }
    // The longest wait that can be told stands for every longer one.
    let retry_after_s = u32::try_from(wait_s).unwrap_or(u32::MAX);
    Ok(Err(Refused { refusal, retry_after_s }))
}

impl Ledger {
    /// Sums reserved since a moment by the group of a partner, by our own clock; an unsettled
    /// reserve counts in full.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn spent(
        &self,
        partner: &Partner,
        allowance: Allowance,
        since: u64,
    ) -> Result<Spent, LedgerError> {
        self.read(|connection| {
            let spendings = of_allowance(&spendings(connection, partner, since)?, allowance);
            Ok(Spent {
                runs: spendings.len() as u64,
                evaluations: total(&spendings, EVALUATIONS)?,
                phones: total(&spendings, PHONES)?,
                epsilon_milli: total(&spendings, EPSILON)?,
            })
        })
    }

    /// Rest of a budget after all that the group of a partner did.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn left(&self, partner: &Partner, budget: &Budget, now: u64) -> Result<Left, LedgerError> {
        self.read(|connection| Ok(budget.left(&spendings(connection, partner, 0)?, now)?))
    }

    /// Unix time from which on the privacy loss of a run fits into that of an epoch, on our own
    /// count; `None` if it fits now or never will.
    ///
    /// # Errors
    ///
    /// [`LedgerError::Storage`].
    pub fn epsilon_renews_at(
        &self,
        partner: &Partner,
        (asked, most): (u32, u32),
        now: u64,
    ) -> Result<Option<u64>, LedgerError> {
        self.read(|connection| {
            let spendings = spendings(connection, partner, 0)?;
            let refused = admit_epsilon(&spendings, Allowance::Match, (asked, most), now)?.err();
            let wait_s = refused.map_or(0, |refused| refused.retry_after_s);
            Ok(if wait_s > 0 { now.checked_add(wait_s.into()) } else { None })
        })
    }
}

/// Rest of a budget, for one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Evaluations, in the epoch and in the day.
    pub evaluations: u64,
    /// Privacy loss, in thousandths.
    pub epsilon_milli: u32,
}

/// Sums of what was reserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Sessions.
    pub runs: u64,
    /// Evaluations.
    pub evaluations: u64,
    /// Telephone numbers that terms declared.
    pub phones: u64,
    /// Privacy loss, in thousandths.
    pub epsilon_milli: u64,
}

/// The advertiser's own count: the privacy loss that terms ask for, against that of an epoch which
/// they name.
pub(super) fn admit_own(
    connection: &Connection,
    partner: &Partner,
    charge: &Charge,
    now: u64,
) -> Result<Result<(), Refused>, super::error::Step> {
    let spendings = spendings(connection, partner, 0)?;
    let most = match charge.allowance {
        Allowance::Match => charge.epsilon_epoch_milli,
        Allowance::Removal => charge.removal_epoch(),
    };
    Ok(admit_epsilon(&spendings, charge.allowance, (charge.epsilon_milli, most), now)?)
}

fn admit_epsilon(
    spendings: &[Spending],
    allowance: Allowance,
    (asked, most): (u32, u32),
    now: u64,
) -> Result<Result<(), Refused>, Bug> {
    let window = Window {
        refusal: Refusal::EpsilonExceeded,
        most: most.into(),
        span_s: EPOCH_S,
        asked: asked.into(),
        of: EPSILON,
    };
    admit(&[window], &of_allowance(spendings, allowance), now)
}

/// Sums set aside at a moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spending {
    at: u64,
    /// True if the partner itself set them aside, and no other one of its group.
    own: bool,
    allowance: u8,
    evaluations: u64,
    phones: u64,
    epsilon_milli: u32,
}

/// Reserves of a partner and its group since a moment, oldest first.
pub(super) fn spendings(
    connection: &Connection,
    partner: &Partner,
    since: u64,
) -> Result<Vec<Spending>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT recorded_at, allowance, evaluations, phones, epsilon_milli, partner = ?1
             FROM entries
             WHERE (partner = ?1 OR partner IN (SELECT partner FROM members
                    WHERE name = (SELECT name FROM members WHERE partner = ?1)))
             AND kind = ?2 AND recorded_at >= ?3 ORDER BY recorded_at",
        )?
        .query_map(params![partner, LedgerEntry::RESERVE, sortable(since)], |row| {
            Ok(Spending {
                at: row.get::<_, i64>(0)?.cast_unsigned(),
                allowance: row.get(1)?,
                evaluations: row.get::<_, i64>(2)?.cast_unsigned(),
                phones: row.get::<_, i64>(3)?.cast_unsigned(),
                epsilon_milli: row.get(4)?,
                own: row.get(5)?,
            })
        })?
        .collect()
}

fn of_allowance(spendings: &[Spending], allowance: Allowance) -> Vec<Spending> {
    spendings.iter().filter(|one| one.allowance == allowance.code()).copied().collect()
}

/// Spendings that still count at `now`; one from the future, after a clock went back, does.
fn within(spendings: &[Spending], span_s: u64, now: u64) -> &[Spending] {
    let over = now
        .checked_sub(span_s)
        .map_or(0, |start| spendings.partition_point(|spending| spending.at <= start));
    spendings.get(over..).unwrap_or_default()
}

fn total(spendings: &[Spending], of: fn(&Spending) -> u64) -> Result<u64, Bug> {
    let sum = |sum: u64, spending: &Spending| sum.checked_add(of(spending));
    spendings.iter().try_fold(0, sum).ok_or(Bug::invariant())
}

const EVALUATIONS: fn(&Spending) -> u64 = |spending| spending.evaluations;
const PHONES: fn(&Spending) -> u64 = |spending| spending.phones;
const EPSILON: fn(&Spending) -> u64 = |spending| spending.epsilon_milli as u64;
pub(super) const DAY_S: u64 = 86_400;
/// Length of an epoch of privacy loss.
pub const EPOCH_S: u64 = 30 * DAY_S;
