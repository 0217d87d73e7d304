//! Days of the Gregorian calendar, as counts since 1970.

/// A calendar day, as a count of days since 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub(super) u64);

impl Day {
    /// 21 November 2026.
    pub const DEFAULT: Self = Self(20_778);

    /// Today in UTC by this machine's clock, as the programs see it.
    pub fn today() -> Self {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self(since.as_secs() / 86_400)
    }

    /// The day so many days earlier.
    pub(super) fn before(self, days: u64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Year, month, day of the Gregorian calendar.
    fn civil(self) -> (u64, u64, u64) {
        // Counted from 1 March of year 0, so that the leap day ends its year.
        let days = self.0 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + u64::from(month <= 2), month, day)
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.civil();
        write!(out, "{year:04}-{month:02}-{day:02}")
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    /// Reads `2026-11-21`; days before 1970 do not exist here.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a day such as 2026-11-21");
        let parts: Vec<u64> = text.split('-').filter_map(|part| part.parse().ok()).collect();
        let &[year, month, day] = parts.as_slice() else {
            return Err(wrong());
        };
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) {
            return Err(wrong());
        }
        let shifted = if month > 2 { year } else { year - 1 };
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day;
        let of_era = (shifted % 400) * 365 + (shifted % 400) / 4 - (shifted % 400) / 100;
        let days = (shifted / 400) * 146_097 + of_era + of_year;
        let found = days.checked_sub(719_469).map(Self).ok_or_else(wrong)?;
        // A day that does not exist, such as 31 February, comes back as another one.
        if found.to_string() == text { Ok(found) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(Day::DEFAULT.to_string(), "2026-11-21");
        for text in ["1970-01-01", "2000-02-29", "2026-11-21", "2027-05-31", "2028-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        for text in ["", "2026-11", "2026-02-31", "1969-12-31", "2026-13-01", "2026-1-1", "x-y-z"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
