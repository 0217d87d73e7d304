//! Times as dates in UTC; the auditor has no clock and needs no library of calendars for this.

/// A Unix time as `2026-11-30 05:45:12`, in UTC.
#[must_use]
pub fn text(unix: u64) -> String {
    let (year, month, day) = civil(unix / DAY);
    format!("{year:04}-{month:02}-{day:02} {}", clock(unix))
}

/// A span of two Unix times as `2026-11-30 05:45:12 to 05:47:31 UTC, 2 min 19 s`; the day is told
/// again where it is another one.
#[must_use]
pub fn span(from: u64, to: u64) -> String {
    let end = if from / DAY == to / DAY { clock(to) } else { text(to) };
    format!("{} to {end} UTC, {}", text(from), duration(to.saturating_sub(from)))
}

fn duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest} s"),
        _ => format!("{hours} h {minutes} min {rest} s"),
    }
}

fn clock(unix: u64) -> String {
    let second = unix % DAY;
    format!("{:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// Year, month and day of a number of days since 1970-01-01, by the Gregorian calendar.
///
/// Years begin in March here, so that a leap day ends one, and repeat after 400 of them.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let leaps = day_of_era / 1_460 + day_of_era / 146_096 - day_of_era / 36_524;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

const DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_told_as_dates() {
        for (unix, expected) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_799, "2000-02-29 23:59:59"),
            (1_796_017_512, "2026-11-30 05:45:12"),
            (1_800_000_000, "2027-01-15 08:00:00"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
        ] {
            assert_eq!(text(unix), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let is_leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(civil(days), (year, month, day));
            let last = match month {
                2 if is_leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day == last) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn every_number_has_a_text() {
        assert!(!text(u64::MAX).is_empty());
        assert!(!span(u64::MAX, 0).is_empty());
    }

    #[test]
    fn spans_tell_the_day_once_unless_it_changes() {
        let from = 1_796_017_512;
        assert_eq!(span(from, from + 139), "2026-11-30 05:45:12 to 05:47:31 UTC, 2 min 19 s");
        let next = span(from, from + 86_400);
        assert_eq!(next, "2026-11-30 05:45:12 to 2026-12-01 05:45:12 UTC, 24 h 0 min 0 s");
        assert!(span(from, from + 7).ends_with(", 7 s"));
    }
}
