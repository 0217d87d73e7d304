//! Forms of times that a map may declare: `iso`, `unix`, `unix-ms`, or a pattern of strftime.
//!
//! A pattern holds year, month and day, each once, and a year has four digits: of two, nobody can
//! say the century for certain, and a consent would be a century off.

use jiff::civil;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use tabular::Dates;

/// Fault of a declared form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatesFault {
    /// A year of two digits.
    ShortYear,
    /// The name of a zone, which abbreviations do not give for certain.
    ZoneName,
    /// Something after `%` that is not read.
    Unknown,
    /// A part of the day is missing.
    NoDay,
    /// A part stands twice.
    Twice,
    /// A part of the time without the larger ones before it, or hours of 12 without their half.
    NoHour,
    /// Times of this pattern would not be read back.
    Unreadable,
}

impl DatesFault {
    /// The id of its text.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::ShortYear => "map-dates-short-year",
            Self::ZoneName => "map-dates-zone-name",
            Self::Unknown => "map-dates-unknown",
            Self::NoDay => "map-dates-no-day",
            Self::Twice => "map-dates-twice",
            Self::NoHour => "map-dates-no-hour",
            Self::Unreadable => "map-dates-unreadable",
        }
    }
}

/// Reads a declared form.
pub(crate) fn parse(text: &str) -> Result<Dates, DatesFault> {
    match text {
        "iso" => return Ok(Dates::Iso),
        "unix" => return Ok(Dates::Unix),
        "unix-ms" => return Ok(Dates::UnixMillis),
        _ => {}
    }
    let mut parts = Parts::default();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        rest = parts.take(after)?;
    }
    parts.check()?;
    reads_back(text).then(|| Dates::Pattern(text.to_owned())).ok_or(DatesFault::Unreadable)
}

/// The canonical text of a form.
pub(crate) fn written(dates: &Dates) -> &str {
    match dates {
        Dates::Iso => "iso",
        Dates::Unix => "unix",
        Dates::UnixMillis => "unix-ms",
        Dates::Pattern(pattern) => pattern,
    }
}

/// Parts of a time that a pattern holds, each as often as it stands there.
#[derive(Default)]
struct Parts {
    year: u8,
    month: u8,
    day: u8,
    hour: u8,
    /// Hours of 12, which need the half of the day.
    half: bool,
    half_of_day: u8,
    minute: u8,
    second: u8,
    fraction: u8,
    zone: u8,
    weekday: u8,
}

impl Parts {
    /// Takes one directive, which stands after its `%`; the text after it.
    fn take<'a>(&mut self, after: &'a str) -> Result<&'a str, DatesFault> {
        for (directive, count) in [(".f", &mut self.fraction), (":z", &mut self.zone)] {
            if let Some(rest) = after.strip_prefix(directive) {
                *count += 1;
                return Ok(rest);
            }
        }
        // `%-d` and `%_d` are days without a zero in front.
        let bare = match after.strip_prefix(['-', '_']) {
            Some(bare) => bare,
            None => after,
        };
        let letter = bare.chars().next().ok_or(DatesFault::Unknown)?;
        let counts: &mut [&mut u8] = match letter {
            '%' | 'n' | 't' if bare.len() == after.len() => &mut [],
            'Y' => &mut [&mut self.year],
            'm' | 'B' | 'b' | 'h' => &mut [&mut self.month],
            'd' | 'e' => &mut [&mut self.day],
            'F' => &mut [&mut self.year, &mut self.month, &mut self.day],
            'H' | 'k' => &mut [&mut self.hour],
            'I' | 'l' => {
                self.half = true;
                &mut [&mut self.hour]
            }
            'p' | 'P' => &mut [&mut self.half_of_day],
            'M' => &mut [&mut self.minute],
            'S' => &mut [&mut self.second],
            'R' => &mut [&mut self.hour, &mut self.minute],
            'T' => &mut [&mut self.hour, &mut self.minute, &mut self.second],
            'f' => &mut [&mut self.fraction],
            'z' => &mut [&mut self.zone],
            'A' | 'a' => &mut [&mut self.weekday],
            'y' | 'D' | 'g' | 'C' => return Err(DatesFault::ShortYear),
            'Z' | 'Q' => return Err(DatesFault::ZoneName),
            _ => return Err(DatesFault::Unknown),
        };
        for count in counts {
            **count = count.checked_add(1).ok_or(DatesFault::Twice)?;
        }
        bare.get(letter.len_utf8()..).ok_or(DatesFault::Unknown)
    }

    fn check(&self) -> Result<(), DatesFault> {
        let counts = [
            self.year,
            self.month,
            self.day,
            self.hour,
            self.half_of_day,
            self.minute,
            self.second,
            self.fraction,
            self.zone,
            self.weekday,
        ];
        if counts.iter().any(|count| *count > 1) {
            return Err(DatesFault::Twice);
        }
        if self.year == 0 || self.month == 0 || self.day == 0 {
            return Err(DatesFault::NoDay);
        }
        let clock = [self.hour, self.minute, self.second, self.fraction];
        let whole = clock.is_sorted_by(|larger, smaller| larger >= smaller);
        let halves = self.half == (self.half_of_day == 1);
        if whole && halves { Ok(()) } else { Err(DatesFault::NoHour) }
    }
}

/// True if times that are written by a pattern are read by it as the same days.
fn reads_back(pattern: &str) -> bool {
    [(2026, 11, 21, 17, 4, 5), (2001, 2, 3, 0, 0, 0)].into_iter().all(|(y, m, d, h, min, s)| {
        let same = || {
            let civil = civil::DateTime::new(y, m, d, h, min, s, 0).ok()?;
            let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
            let text = strtime::format(pattern, &zoned).ok()?;
            let read = strtime::parse(pattern, &text).ok()?.to_date().ok()?;
            Some(read == civil.date())
        };
        same() == Some(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_named_or_patterns_with_a_whole_day() {
        assert_eq!(parse("iso"), Ok(Dates::Iso));
        assert_eq!(parse("unix"), Ok(Dates::Unix));
        assert_eq!(parse("unix-ms"), Ok(Dates::UnixMillis));
        for pattern in [
            "%Y-%m-%d",
            "%d/%m/%Y %H:%M",
            "%Y-%m-%d %H:%M:%S",
            "%-d.%-m.%Y",
            "%b %d, %Y %I:%M:%S %p",
            "%Y-%m-%dT%H:%M:%S%.f%:z",
            "%Y%m%d%H%M%S",
            "le %d/%m/%Y à %Hh%M",
            "%F %T",
            "%F%n%R",
            "%A %e %B %Y",
            "100%% %F",
        ] {
            assert_eq!(parse(pattern), Ok(Dates::Pattern(pattern.to_owned())), "{pattern}");
        }
    }

    #[test]
    fn short_years_names_of_zones_and_half_times_are_refused() {
        use DatesFault::*;
        for (pattern, fault) in [
            ("%d/%m/%y", ShortYear),
            ("%D", ShortYear),
            ("%C%Y-%m-%d", ShortYear),
            ("%d/%m/%Y %H:%M %Z", ZoneName),
            ("%F %Q", ZoneName),
            ("%F %q", Unknown),
            ("%F %", Unknown),
            ("%F %é", Unknown),
            ("%s", Unknown),
            ("%Y-%j", Unknown),
            ("%G-%V-%u", Unknown),
            ("%m/%Y", NoDay),
            ("", NoDay),
            ("iso8601", NoDay),
            ("YYYY-MM-DD", NoDay),
            ("%Y-%m-%d %d", Twice),
            ("%F %m", Twice),
            ("%Y-%m-%d %M", NoHour),
            ("%F %H:%S", NoHour),
            ("%F %I:%M", NoHour),
            ("%F %H:%M %p", NoHour),
        ] {
            assert_eq!(parse(pattern), Err(fault), "{pattern}");
        }
    }
}
