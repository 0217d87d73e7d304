//! Figures, sizes and times as people of either language read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::lang::Lang;

/// A whole number with its thousands apart.
pub(crate) fn grouped(number: u64, lang: Lang) -> String {
    let separator = match lang {
        Lang::En => ',',
        Lang::Fr => '\u{202F}',
    };
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// A number of `places` decimals, given as a whole number of its last place.
#[must_use]
pub fn decimal(scaled: u64, places: u32, lang: Lang) -> String {
    let one = 10_u64.pow(places.min(18));
    let whole = grouped(scaled / one, lang);
    if places == 0 {
        return whole;
    }
    let point = match lang {
        Lang::En => '.',
        Lang::Fr => ',',
    };
    let width = usize::try_from(places).unwrap_or(18);
    format!("{whole}{point}{:0width$}", scaled % one)
}

/// A number of bytes, in the largest unit that keeps it at one or above.
pub(crate) fn size(bytes: u64, lang: Lang) -> String {
    let (letter, bytes_word) = match lang {
        Lang::En => ('B', " bytes"),
        Lang::Fr => ('o', "\u{A0}octets"),
    };
    let space = match lang {
        Lang::En => ' ',
        Lang::Fr => '\u{A0}',
    };
    let units: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{}{bytes_word}", grouped(bytes, lang)),
        Some((unit, name)) => {
            let tenth = unit / 10;
            let tenths = bytes / tenth + u64::from(bytes % tenth >= tenth / 2);
            format!("{}{space}{name}{letter}", decimal(tenths, 1, lang))
        }
    }
}

/// A Unix time as a date and time in UTC.
pub(crate) fn time(unix: u64, lang: Lang) -> String {
    let Some(zoned) = zoned(unix) else {
        return grouped(unix, lang);
    };
    let (hour, minute) = (zoned.hour(), zoned.minute());
    match lang {
        Lang::En => format!("{}, {hour:02}:{minute:02} UTC", day(unix, lang)),
        Lang::Fr => format!("{}, {hour}\u{A0}h\u{A0}{minute:02} UTC", day(unix, lang)),
    }
}

/// The date of a Unix time in UTC.
pub(crate) fn day(unix: u64, lang: Lang) -> String {
    let Some(zoned) = zoned(unix) else {
        return grouped(unix, lang);
    };
    let month = usize::try_from(zoned.month()).unwrap_or(1).clamp(1, 12) - 1;
    let (day, year) = (zoned.day(), zoned.year());
    match lang {
        Lang::En => format!("{day} {} {year}", MONTHS_EN[month]),
        Lang::Fr if day == 1 => format!("1er {} {year}", MONTHS_FR[month]),
        Lang::Fr => format!("{day} {} {year}", MONTHS_FR[month]),
    }
}

/// A Unix time to the second as ISO 8601 writes it, for files, machines and evidence.
#[must_use]
pub fn instant(unix: u64) -> String {
    zoned(unix).map_or_else(|| unix.to_string(), |zoned| zoned.timestamp().to_string())
}

fn zoned(unix: u64) -> Option<jiff::Zoned> {
    let timestamp = Timestamp::from_second(i64::try_from(unix).ok()?).ok()?;
    Some(timestamp.to_zoned(TimeZone::UTC))
}

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_FR: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_language() {
        assert_eq!(grouped(1_200, Lang::En), "1,200");
        assert_eq!(grouped(1_402_300, Lang::Fr), "1\u{202F}402\u{202F}300");
        assert_eq!(grouped(999, Lang::Fr), "999");
        assert_eq!(
            (decimal(4, 1, Lang::En), decimal(4, 1, Lang::Fr)),
            ("0.4".into(), "0,4".into())
        );
        assert_eq!(decimal(123_405, 2, Lang::En), "1,234.05");
        assert_eq!(size(1_000_000, Lang::En), "1.0 MB");
        assert_eq!(size(1_049_999, Lang::Fr), "1,0\u{A0}Mo");
        assert_eq!(
            (size(32, Lang::En), size(32, Lang::Fr)),
            ("32 bytes".into(), "32\u{A0}octets".into())
        );
    }

    #[test]
    fn times_are_those_of_the_language() {
        let unix = 1_772_375_400;
        assert_eq!(time(unix, Lang::En), "1 March 2026, 14:30 UTC");
        assert_eq!(time(unix, Lang::Fr), "1er mars 2026, 14\u{A0}h\u{A0}30 UTC");
        assert_eq!(day(unix + 86_400, Lang::Fr), "2 mars 2026");
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(u64::MAX), u64::MAX.to_string());
    }
}
