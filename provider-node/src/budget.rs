//! Budgets that follow from the size of list that a partner declared.
//!
//! The unit is a full run: the padded rows of the whole list times the widest row. A budget is what
//! limits guessing, so it is told as a share of what there is to guess.

use node::failure::Failure;
use protocol::limits::{ELEMENTS_ALIGNED_MAX, Limits, ROW_WIDTH_MAX, ROWS_SHUFFLED_MAX};
use protocol::rows::RowWidth;
use protocol::suite::{Profile, SuiteId};
use report::{Arg, Code, Text};

/// The budget of a partner, as its policy states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Elements of one session, at most: a full run.
    pub(crate) session: u64,
    /// Evaluations in a day: two full runs.
    pub(crate) day: u64,
    /// Evaluations in 30 days.
    pub(crate) epoch: u64,
    /// Telephone numbers that the terms of one session may declare: two for each row.
    pub(crate) phones_session: u64,
    /// Telephone numbers that terms may declare in a day.
    pub(crate) phones_day: u64,
    /// Telephone numbers that terms may declare in 30 days.
    pub(crate) phones_epoch: u64,
}

impl Allowance {
    /// The budget for a declared number of rows and the profiles a partner may run.
    ///
    /// An epoch holds four full runs for `matched-rows`, and four for each shuffled profile, or 35
    /// where it is run daily.
    pub(crate) fn of(rows: u64, profiles: &[Profile], daily: bool) -> Self {
        let unit = full_run(rows);
        let runs = |profile: &Profile| match profile.suite() {
            SuiteId::Shuffled if daily => RUNS_DAILY,
            _ => RUNS,
        };
        let runs: u64 = profiles.iter().map(runs).sum();
        let epoch_runs = runs.max(RUNS_PER_DAY);
        let phones = unit / u64::from(ROW_WIDTH_MAX) * PHONES_PER_ROW;
        // Runs of fewer slots than the widest row fit more often than full ones.
        let half = unit / 2;
        Self {
            session: unit,
            day: RUNS_PER_DAY * unit,
            epoch: epoch_runs * unit,
            phones_session: phones,
            phones_day: RUNS_PER_DAY * half,
            phones_epoch: epoch_runs * half,
        }
    }
}

/// Refuses a declared size that no list has.
pub(crate) fn check_rows(rows: u64) -> Result<(), Failure> {
    if (1..=ROWS_MAX).contains(&rows) {
        return Ok(());
    }
    let text = Text::new("invite-rows").with("rows", Arg::Number(rows));
    Err(Failure::new(Code::Usage, text.with("most", Arg::Number(ROWS_MAX))))
}

/// Elements of a run over a whole list: padded rows, each of the widest row.
fn full_run(rows: u64) -> u64 {
    let limits = Limits::STANDARD;
    let padded = RowWidth::padded_rows(rows, &limits)
        // More rows than a shuffled session takes are matched in aligned order.
        .or_else(|| limits.padded(rows))
        .unwrap_or(ROWS_SHUFFLED_MAX);
    (padded * u64::from(ROW_WIDTH_MAX)).min(ELEMENTS_ALIGNED_MAX)
}

/// The part of something that a number of evaluations can test, in tenths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share(u64);

impl Share {
    /// The share of the national plan of mobile numbers, the largest set that can be counted
    /// through.
    pub(crate) fn of_plan(evaluations: u64) -> Self {
        Self::of(evaluations, MOBILE_NUMBERS)
    }

    /// The share of so many identifiers, all of it at most.
    pub(crate) fn of(evaluations: u64, identifiers: u64) -> Self {
        let tenths = (u128::from(evaluations) * 1_000 + u128::from(identifiers) / 2)
            .checked_div(u128::from(identifiers))
            .unwrap_or(1_000);
        Self(u64::try_from(tenths.min(1_000)).unwrap_or(1_000))
    }

    /// True if a second flag has to be given for it: it is shown as more than 1.0 %.
    pub(crate) const fn is_wide(self) -> bool {
        self.0 > 10
    }

    /// The share in percent, for a person.
    pub(crate) const fn told(self) -> Arg {
        Arg::Decimal(self.0, 1)
    }

    /// The share in percent, for a script.
    pub(crate) fn percent(self) -> serde_json::Number {
        let percent = f64::from(u32::try_from(self.0).unwrap_or(1_000)) / 10.0;
        serde_json::Number::from_f64(percent).unwrap_or_else(|| 100.into())
    }
}

/// Numbers that begin with 06 or 07 in the French plan.
const MOBILE_NUMBERS: u64 = 200_000_000;
/// Telephone numbers that a row of a customer file usually has at most.
const PHONES_PER_ROW: u64 = 2;
const RUNS: u64 = 4;
const RUNS_DAILY: u64 = 35;
const RUNS_PER_DAY: u64 = 2;
const ROWS_MAX: u64 = ELEMENTS_ALIGNED_MAX / ROW_WIDTH_MAX as u64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_is_a_full_run_of_the_declared_list() {
        let of = |rows| Allowance::of(rows, &[Profile::MatchRate], false);
        let least = Allowance {
            session: 262_144,
            day: 524_288,
            epoch: 1_048_576,
            phones_session: 65_536,
            phones_day: 262_144,
            phones_epoch: 524_288,
        };
        assert_eq!(of(1), least);
        assert_eq!(of(20_000), least);
        // 32,768 rows and their canaries fill two classes.
        assert_eq!(of(32_768).session, 524_288);
        assert_eq!(of(5_000_000).session, 5_079_040 * 8);
        assert_eq!(of(ROWS_MAX).session, 1 << 30);
    }

    #[test]
    fn epoch_has_four_runs_of_each_profile_or_35_where_shuffled_ones_are_daily() {
        let unit = 262_144;
        let epoch = |profiles: &[Profile], daily| Allowance::of(1, profiles, daily).epoch / unit;
        assert_eq!(epoch(&[Profile::MatchRate], false), 4);
        assert_eq!(epoch(&[Profile::MatchRate], true), 35);
        assert_eq!(epoch(&[Profile::MatchedRows], true), 4);
        assert_eq!(epoch(&Profile::ALL, false), 16);
        assert_eq!(epoch(&Profile::ALL, true), 4 + 3 * 35);
    }

    #[test]
    fn default_invitation_of_a_small_list_is_not_wide_and_its_budget_no_plan() {
        // The old default let 2^28 be tested in a day, the whole mobile plan.
        let usual = Allowance::of(20_000, &[Profile::MatchRate], false);
        assert_eq!(Share::of_plan(usual.epoch).told(), Arg::Decimal(5, 1));
        assert!(!Share::of_plan(usual.epoch).is_wide());
        let two = Allowance::of(20_000, &[Profile::MatchRate, Profile::DigitalIds], false);
        assert!(!Share::of_plan(two.epoch).is_wide());
        assert!(Share::of_plan(Allowance::of(20_000, &Profile::ALL, false).epoch).is_wide());
        assert!(Share::of_plan(Allowance::of(1, &[Profile::MatchRate], true).epoch).is_wide());
        assert!(Share::of_plan(1 << 28) == Share::of(1, 1));
    }

    #[test]
    fn shares_are_rounded_and_end_at_all() {
        for (share, tenths) in [
            (Share::of(1, 1_000), 1),
            (Share::of(149, 10_000), 15),
            (Share::of(9, 3), 1_000),
            (Share::of(9, 0), 1_000),
        ] {
            assert_eq!(share, Share(tenths));
        }
        assert_eq!(Share::of(1, 1_000).percent().to_string(), "0.1");
    }

    #[test]
    fn size_that_no_list_has_is_refused() {
        assert!(check_rows(0).is_err() && check_rows(ROWS_MAX + 1).is_err());
        assert!(check_rows(1).is_ok() && check_rows(ROWS_MAX).is_ok());
    }
}
