//! Cells that decide about a person: what stands for nothing, what says yes or no, and what is a
//! time.
//!
//! Every vocabulary here is closed, and compared without case and without outer space. A text
//! outside it is never taken for the answer that lets a row through: no reference, no time, no
//! "no objection" [N-62].

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Span, Timestamp};

use normalize::is_null_marker;

use crate::reading::Dates;

/// True if a cell stands for nothing: a null marker of identifiers [N-10], or one of those that
/// databases and spreadsheets write besides [N-60].
pub fn is_null(cell: &str) -> bool {
    let cell = cell.trim();
    is_null_marker(cell) || is_one_of(cell, &FURTHER_NULLS)
}

/// The text of a cell that must name something: a reference, a notice, the id of a row; `None`
/// for a null marker, a mere yes or no, and a text without a letter or a digit other than 0.
pub fn reference(cell: &str) -> Option<&str> {
    let cell = cell.trim();
    let names = cell.chars().any(|c| c.is_alphanumeric() && c != '0');
    let answers = cell.len() > 1 && answer(cell).is_some();
    (names && !answers && !is_null(cell)).then_some(cell)
}

/// True if a text is a number that went through a column of decimal numbers, `1.23457E+15` or
/// `1001.0`: it lost digits on the way, or was given some, and names another row elsewhere or none.
pub fn is_rounded_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    if !digits(whole) || !fraction.is_none_or(digits) {
        return false;
    }
    match (fraction, exponent) {
        (None, None) => false,
        (Some(fraction), None) => fraction.bytes().all(|byte| byte == b'0'),
        // `12E5` may be a code; a program that writes a number this way writes a sign or a point.
        (fraction, Some(exponent)) => {
            let signed = exponent.strip_prefix(['+', '-']);
            digits(signed.unwrap_or(exponent)) && (signed.is_some() || fraction.is_some())
        }
    }
}

/// The answer of a cell that is a flag: yes or no. `None` for every other text, null markers
/// included.
pub fn answer(cell: &str) -> Option<bool> {
    if is_one_of(cell.trim(), &YES) {
        return Some(true);
    }
    is_one_of(cell.trim(), &NO).then_some(false)
}

/// True if a cell says that nothing was recorded. Narrower than [`is_null`]: a text that says
/// that something is not known, or that a formula failed, does not say that there is nothing.
pub fn says_nothing(cell: &str) -> bool {
    is_one_of(cell.trim(), &NOTHING_RECORDED)
}

/// Fault of a cell that is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFault {
    /// A null marker, or nothing but zeros and signs.
    Absent,
    /// No form of [N-61].
    Unreadable,
    /// Before the year 2000.
    Early,
    /// More than 300 s ahead of the clock.
    Future,
}

/// A time as a cell has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The instant.
    pub at: Timestamp,
    /// True if the instant is known: the cell states a zone, or a zone is declared and its clocks
    /// showed the time once. Else it may be hours off.
    pub zoned: bool,
    /// The last instant that it may mean, to the microsecond: of a day, of an hour and of a minute
    /// its end.
    pub until: Timestamp,
}

impl Time {
    const fn instant(at: Timestamp, zoned: bool) -> Self {
        Self { at, zoned, until: at }
    }
}

/// Reads a time in one of the forms of [N-61]: RFC 3339, `2026-11-15 17:00:00` with or without a
/// fraction and a zone, or a day, which is its first instant. Without a zone it is UTC.
///
/// `now` is in seconds since 1970. A time is kept whole, to the nanosecond.
///
/// # Errors
///
/// [`TimeFault`] if the cell is no time.
pub fn time(cell: &str, now: u64) -> Result<Timestamp, TimeFault> {
    time_as(cell, now, &Dates::Iso, None).map(|time| time.at)
}

/// Reads a time in a declared form; one that states no zone is one of the declared zone, if there
/// is any [N-69].
///
/// # Errors
///
/// [`TimeFault`] if the cell is no time of this form.
pub fn time_as(
    cell: &str,
    now: u64,
    dates: &Dates,
    zone: Option<&TimeZone>,
) -> Result<Time, TimeFault> {
    let cell = cell.trim();
    if !cell.bytes().any(|byte| matches!(byte, b'1'..=b'9')) {
        // Some databases have `0000-00-00 00:00:00` for none.
        let nothing = is_null(cell) || !cell.chars().any(char::is_alphabetic);
        return Err(if nothing { TimeFault::Absent } else { TimeFault::Unreadable });
    }
    let time = match dates {
        Dates::Iso => iso(cell, zone),
        Dates::Unix => unix(cell, 0),
        Dates::UnixMillis => unix(cell, 3),
        Dates::Pattern(pattern) => by_pattern(cell, pattern, zone),
    };
    let time = time.ok_or(TimeFault::Unreadable)?;
    let seconds = time.at.as_second();
    if seconds < EARLIEST {
        return Err(TimeFault::Early);
    }
    let latest = i128::from(now) + AHEAD_S_MAX;
    if i128::from(seconds) > latest { Err(TimeFault::Future) } else { Ok(time) }
}

fn iso(cell: &str, zone: Option<&TimeZone>) -> Option<Time> {
    let at = read(cell)?;
    if has_zone(cell) {
        return Some(Time::instant(at, true));
    }
    by_clock(Offset::UTC.to_datetime(at), is_day(cell), zone)
}

/// Reads a number of seconds since 1970, counted in units of `10^-places` s.
fn unix(cell: &str, places: usize) -> Option<Time> {
    let (whole, fraction) = match cell.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (cell, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let scale = u32::try_from(NANO_PLACES.checked_sub(places)?).ok()?;
    let fraction: String =
        fraction.iter().flat_map(|text| text.chars()).take(scale as usize).collect();
    let missing = scale.checked_sub(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let nanos = whole.parse::<i64>().map(i128::from).ok()? * 10_i128.pow(scale);
    let at = Timestamp::from_nanosecond(nanos + fraction * 10_i128.pow(missing)).ok()?;
    Some(Time::instant(at, true))
}

fn by_pattern(cell: &str, pattern: &str, zone: Option<&TimeZone>) -> Option<Time> {
    let time = BrokenDownTime::parse(pattern, cell).ok()?;
    let is_day = time.hour().is_none();
    // A clock shows for so long what the pattern holds of a time.
    let shown = match (time.hour(), time.minute(), time.second()) {
        (None, ..) => Span::new().hours(24),
        (_, None, _) => Span::new().hours(1),
        (_, _, None) => Span::new().minutes(1),
        _ => Span::new().microseconds(1),
    };
    let last =
        |at: Timestamp| at.checked_add(shown).ok()?.checked_sub(Span::new().microseconds(1)).ok();
    if let Ok(at) = time.to_timestamp() {
        return Some(Time { at, zoned: true, until: last(at)? });
    }
    let civil = match is_day {
        true => time.to_date().ok()?.to_datetime(jiff::civil::Time::midnight()),
        false => time.to_datetime().ok()?,
    };
    // Of a year in two digits nobody knows the century.
    if civil.year() < 1000 {
        return None;
    }
    let time = by_clock(civil, is_day, zone)?;
    if is_day { Some(time) } else { Some(Time { until: last(time.at)?, ..time }) }
}

/// The time that a clock showed, in the declared zone or in none.
fn by_clock(civil: DateTime, is_day: bool, zone: Option<&TimeZone>) -> Option<Time> {
    let time = |civil| match zone {
        Some(zone) => local(civil, is_day, zone),
        None => Some(Time::instant(Offset::UTC.to_timestamp(civil).ok()?, false)),
    };
    let first = time(civil)?;
    if !is_day {
        return Some(first);
    }
    let next = time(civil.checked_add(Span::new().days(1)).ok()?)?;
    let until = next.at.checked_sub(Span::new().microseconds(1)).ok()?;
    Some(Time { until, ..first })
}

/// The instant at which the clocks of a zone showed a time.
///
/// A time that they skipped is the first instant after it. One that they showed twice is the
/// earlier of both, and not known for sure; a day that begins twice begins with the first.
fn local(civil: DateTime, is_day: bool, zone: &TimeZone) -> Option<Time> {
    let known = |at| Some(Time::instant(at, true));
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { offset } => known(offset.to_timestamp(civil).ok()?),
        AmbiguousOffset::Fold { .. } => Some(Time::instant(ambiguous.earlier().ok()?, is_day)),
        AmbiguousOffset::Gap { .. } => {
            // By the offset after the gap the time lies before it.
            let before = ambiguous.earlier().ok()?;
            known(zone.following(before).next()?.timestamp())
        }
    }
}

/// True if a cell that [`time`] reads states a zone.
pub fn has_zone(cell: &str) -> bool {
    let clock = cell.trim().get(DAY.len() + 1 + TIME.len()..).unwrap_or_default();
    !clock.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit()).is_empty()
}

/// True if a cell is a day without a time of day.
pub fn is_day(cell: &str) -> bool {
    like(cell.trim(), DAY)
}

fn read(cell: &str) -> Option<Timestamp> {
    let (date, clock) = match cell.split_at_checked(DAY.len())? {
        (date, "") => (date, None),
        (date, rest) => (date, Some(rest.strip_prefix(['T', 't', ' '])?)),
    };
    like(date, DAY).then_some(())?;
    let Some(clock) = clock else { return utc(date) };
    let zoned = clock.len() > TIME.len() && clock.get(..TIME.len()).is_some_and(is_clock);
    let rest = clock.get(TIME.len()..).unwrap_or_default();
    let fraction = match rest.strip_prefix('.') {
        Some(digits) => 1 + digits.bytes().take_while(u8::is_ascii_digit).count(),
        None => 0,
    };
    let zone = rest.get(fraction..)?;
    match zone {
        "" => (is_clock(clock.get(..TIME.len())?) && fraction != 1).then(|| utc(cell))?,
        // Written out by some databases.
        " UTC" => read(cell.strip_suffix(zone)?),
        // An annotation such as `[Europe/Paris]` would be a second opinion.
        _ if zoned && !zone.contains('[') => cell.parse().ok(),
        _ => None,
    }
}

fn utc(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(civil).ok()
}

fn is_clock(text: &str) -> bool {
    like(text, TIME)
}

/// True if a text has a digit where the form has 0, and otherwise the same bytes.
fn like(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

/// True if a trimmed text is one of these words, which are in lower case.
pub fn is_one_of(text: &str, words: &[&str]) -> bool {
    if text.len() > WORD_BYTES_MAX {
        return false;
    }
    if text.is_ascii() {
        return words.iter().any(|word| word.eq_ignore_ascii_case(text));
    }
    let lower = text.to_lowercase();
    words.contains(&lower.as_str())
}

const DAY: &str = "0000-00-00";
const TIME: &str = "00:00:00";

/// The first second of the year 2000.
const EARLIEST: i64 = 946_684_800;

/// Decimal places of a second in nanoseconds.
const NANO_PLACES: usize = 9;

/// Seconds that a time may be ahead of our clock, for clocks differ.
const AHEAD_S_MAX: i128 = 300;

const WORD_BYTES_MAX: usize = 24;

/// Null markers besides those of identifiers.
const FURTHER_NULLS: [&str; 39] = [
    "\\n",
    "(null)",
    "<null>",
    "[null]",
    "<na>",
    "<none>",
    "(none)",
    "nat",
    "(nil)",
    "empty",
    "(empty)",
    "(blank)",
    "(vide)",
    "vide",
    "missing",
    "not available",
    "not applicable",
    "n.a.",
    "n.c.",
    "n/c",
    "n/d",
    "nd",
    "non renseigné",
    "non renseigne",
    "non communiqué",
    "non communique",
    "[]",
    "{}",
    // Errors of spreadsheets, in English and French.
    "#ref!",
    "#value!",
    "#valeur!",
    "#name?",
    "#nom?",
    "#num!",
    "#nombre!",
    "#null!",
    "#nul!",
    "#div/0!",
    "#n/d",
];

/// Words for yes in a column of flags, as databases, spreadsheets and mailing tools write them.
const YES: [&str; 24] = [
    "true",
    "t",
    "yes",
    "y",
    "oui",
    "o",
    "vrai",
    "1",
    "1.0",
    "x",
    "opt-out",
    "optout",
    "opt out",
    "opt_out",
    "opted out",
    "opted-out",
    "unsubscribed",
    "unsubscribe",
    "désinscrit",
    "desinscrit",
    "désabonné",
    "desabonne",
    "objected",
    "refused",
];

/// Words for no in a column of flags; nothing may be added whose meaning is not certain.
const NO: [&str; 8] = ["false", "f", "no", "n", "non", "faux", "0", "0.0"];

/// Null markers that say that nothing was recorded, and no more than that.
const NOTHING_RECORDED: [&str; 16] = [
    "", "null", "none", "nil", "nan", "nat", "n/a", "na", "#n/a", "\\n", "(null)", "<null>",
    "<na>", "-", "--", "[]",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-30T12:00:00Z.
    const NOW: u64 = 1_796_040_000;

    fn read_at_now(cell: &str) -> Result<String, TimeFault> {
        time(cell, NOW).map(|time| time.to_string())
    }

    #[test]
    fn a_time_keeps_its_time_of_day_in_every_form() {
        for (cell, expected) in [
            ("2026-11-15T17:00:00Z", "2026-11-15T17:00:00Z"),
            ("2026-11-15t17:00:00z", "2026-11-15T17:00:00Z"),
            ("2026-11-15T18:00:00+01:00", "2026-11-15T17:00:00Z"),
            ("2026-11-15 18:00:00+01", "2026-11-15T17:00:00Z"),
            ("2026-11-15T18:00:00.25+0100", "2026-11-15T17:00:00.25Z"),
            ("2026-11-15 17:00:00", "2026-11-15T17:00:00Z"),
            (" 2026-11-15 17:00:00.123456 ", "2026-11-15T17:00:00.123456Z"),
            ("2026-11-15T17:00:00.1", "2026-11-15T17:00:00.1Z"),
            ("2026-11-15 17:00:00 UTC", "2026-11-15T17:00:00Z"),
            ("2026-11-15", "2026-11-15T00:00:00Z"),
            ("2000-01-01", "2000-01-01T00:00:00Z"),
        ] {
            assert_eq!(read_at_now(cell).as_deref(), Ok(expected), "{cell}");
        }
    }

    /// Instant, last instant of it, and whether they are known.
    fn read_as(cell: &str, dates: &Dates, zone: Option<&str>) -> Result<[String; 3], TimeFault> {
        let zone = zone.map(|zone| TimeZone::get(zone).unwrap());
        let time = time_as(cell, NOW, dates, zone.as_ref())?;
        Ok([time.at.to_string(), time.until.to_string(), time.zoned.to_string()])
    }

    #[test]
    fn a_declared_zone_makes_the_time_of_a_clock_an_instant() {
        let paris = |cell: &str| read_as(cell, &Dates::Iso, Some("Europe/Paris")).unwrap();
        for (cell, at, until, zoned) in [
            ("2026-06-01 18:00:00", "2026-06-01T16:00:00Z", None, true),
            ("2026-01-01T18:00:00.5", "2026-01-01T17:00:00.5Z", None, true),
            ("2026-06-01 18:00:00Z", "2026-06-01T18:00:00Z", None, true),
            ("2026-06-01", "2026-05-31T22:00:00Z", Some("2026-06-01T21:59:59.999999Z"), true),
            // A day of 25 hours, and the hour that it has twice.
            ("2025-10-26", "2025-10-25T22:00:00Z", Some("2025-10-26T22:59:59.999999Z"), true),
            ("2025-10-26 02:30:00", "2025-10-26T00:30:00Z", None, false),
            // An hour that was skipped: the first instant after it.
            ("2026-03-29 02:30:00", "2026-03-29T01:00:00Z", None, true),
            ("2026-03-29 02:00:00", "2026-03-29T01:00:00Z", None, true),
        ] {
            let expected = [at, until.unwrap_or(at), if zoned { "true" } else { "false" }];
            assert_eq!(paris(cell), expected, "{cell}");
        }
        // Midnight itself was skipped, or twice.
        let beirut = read_as("2021-03-28", &Dates::Iso, Some("Asia/Beirut")).unwrap();
        assert_eq!((&*beirut[0], &*beirut[2]), ("2021-03-27T22:00:00Z", "true"));
        let havana = read_as("2025-11-02", &Dates::Iso, Some("America/Havana")).unwrap();
        assert_eq!((&*havana[0], &*havana[2]), ("2025-11-02T04:00:00Z", "true"));
        let none = read_as("2026-06-01", &Dates::Iso, None).unwrap();
        assert_eq!(none, ["2026-06-01T00:00:00Z", "2026-06-01T23:59:59.999999Z", "false"]);
    }

    #[test]
    fn times_are_read_in_the_declared_form_and_in_no_other() {
        use TimeFault::{Absent, Early, Future, Unreadable};
        let pattern = |text: &str| Dates::Pattern(text.to_owned());
        let (day, minute) = (pattern("%d/%m/%Y"), pattern("%d/%m/%Y %H:%M"));
        let offset = pattern("%Y-%m-%dT%H:%M:%S%z");
        for (cell, dates, expected) in [
            ("03/04/2026", &day, Ok("2026-04-03T00:00:00Z")),
            ("3/4/2026", &day, Ok("2026-04-03T00:00:00Z")),
            ("03/04/26", &day, Err(Unreadable)),
            ("31/02/2026", &day, Err(Unreadable)),
            ("2026-04-03", &day, Err(Unreadable)),
            ("03/04/2026 10:00", &day, Err(Unreadable)),
            ("03/04/2026 10:05", &minute, Ok("2026-04-03T10:05:00Z")),
            ("03/04/1999 10:05", &minute, Err(Early)),
            ("03/04/2027 10:05", &minute, Err(Future)),
            ("2026-04-03T10:00:00+0200", &offset, Ok("2026-04-03T08:00:00Z")),
            ("1775210400", &Dates::Unix, Ok("2026-04-03T10:00:00Z")),
            ("1775210400.25", &Dates::Unix, Ok("2026-04-03T10:00:00.25Z")),
            ("1775210400250", &Dates::UnixMillis, Ok("2026-04-03T10:00:00.25Z")),
            ("1775210400250", &Dates::Unix, Err(Unreadable)),
            ("1775210400", &Dates::UnixMillis, Err(Early)),
            ("-1775210400", &Dates::Unix, Err(Unreadable)),
            ("2026-04-03", &Dates::Unix, Err(Unreadable)),
            ("0", &Dates::Unix, Err(Absent)),
            ("NULL", &day, Err(Absent)),
        ] {
            let read = read_as(cell, dates, None).map(|[at, ..]| at);
            assert_eq!(read.as_deref().map_err(|fault| *fault), expected, "{cell}");
        }
    }

    #[test]
    fn what_is_no_time_is_never_1970() {
        use TimeFault::{Absent, Early, Future, Unreadable};
        for (cell, fault) in [
            ("", Absent),
            (" ", Absent),
            ("NULL", Absent),
            ("\\N", Absent),
            ("0", Absent),
            ("-", Absent),
            ("0000-00-00", Absent),
            ("0000-00-00 00:00:00", Absent),
            ("hier", Unreadable),
            ("yesterday", Unreadable),
            ("été", Unreadable),
            ("15/11/2026", Unreadable),
            ("20261115", Unreadable),
            ("1793577600", Unreadable),
            ("2026-02-30", Unreadable),
            ("2026-13-01", Unreadable),
            ("2026-11-15 25:00:00", Unreadable),
            ("2026-11-15 17:00", Unreadable),
            ("2026-11-15 17:00:00.", Unreadable),
            ("2026-11-15 17:00:00 CET", Unreadable),
            ("2026-11-15T17:00:00+01:00[Europe/Paris]", Unreadable),
            ("2026-11-15 x", Unreadable),
            ("2026-11-15é17:00:00", Unreadable),
            ("1999-12-31T23:59:59Z", Early),
            ("1970-01-01", Early),
            ("2126-03-02T10:14:00Z", Future),
            ("2026-11-30T12:05:01Z", Future),
        ] {
            assert_eq!(read_at_now(cell), Err(fault), "{cell}");
        }
        assert!(read_at_now("2026-11-30T12:05:00Z").is_ok(), "clocks differ");
    }

    #[test]
    fn null_markers_are_nothing_in_any_case_and_with_outer_space() {
        for marker in FURTHER_NULLS {
            let spelt = [marker.to_owned(), format!(" {} ", marker.to_uppercase())];
            assert!(
                spelt.iter().all(|cell| is_null(cell) && reference(cell).is_none()),
                "{marker}"
            );
        }
        for cell in ["", "NULL", "None", "#N/A", "-", "?", "Inconnu", "NaN"] {
            assert!(is_null(cell) && reference(cell).is_none(), "{cell}");
        }
        for cell in ["0", "00000", "0000-00-00", "***", "TRUE", "non", "\u{200b}", "false"] {
            assert_eq!(reference(cell), None, "{cell}");
        }
        for cell in ["R-1", " N-2026-02 ", "7", "x", "№ 3", "éà", "nullable", "C0"] {
            assert_eq!(reference(cell), Some(cell.trim()), "{cell}");
        }
    }

    #[test]
    fn numbers_out_of_decimal_columns_are_known_and_codes_are_left_alone() {
        for text in ["1.23457E+15", "1,23457E+15", "1e+15", "1E-05", "1.0E15", "-1.2e5", "1001.0"] {
            assert!(is_rounded_number(text), "{text}");
        }
        for text in ["12E5", "1E10", "1001", "1.2", "C-1.0", "E+15", "1.23457E+", "é", "", "1.2.0"]
        {
            assert!(!is_rounded_number(text), "{text}");
        }
    }

    #[test]
    fn words_are_distinct_and_no_word_says_two_things() {
        let lists = [&YES[..], &NO[..], &NOTHING_RECORDED[..]];
        let mut words: Vec<&str> = lists.concat();
        let count = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count);
        let all = [&words[..], &FURTHER_NULLS[..]].concat();
        assert!(
            all.iter().all(|word| word.len() <= WORD_BYTES_MAX && *word == word.to_lowercase())
        );
        assert!(NOTHING_RECORDED.iter().all(|word| is_null(word)));
        for unknown in ["unknown", "inconnu", "?", "#REF!", "undefined", "nc", "nein", "off"] {
            assert!(!says_nothing(unknown) && answer(unknown).is_none(), "{unknown}");
        }
    }

    proptest! {
        /// Whatever is read as a time is written the same way by its owner: the digits are there.
        #[test]
        fn a_text_that_is_read_begins_with_its_day(cell in ".{0,30}") {
            if time(&cell, u64::MAX).is_ok() {
                prop_assert!(like(cell.trim().get(..10).unwrap_or_default(), DAY));
            }
        }

        /// A time that is written as a database would is read back to the second.
        #[test]
        fn database_times_come_back(
            seconds in EARLIEST..4_000_000_000_i64,
            micros in 0..1_000_000_u32,
        ) {
            let time_of = Timestamp::new(seconds, i32::try_from(micros).unwrap() * 1_000).unwrap();
            let civil = Offset::UTC.to_datetime(time_of);
            let text = civil.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
            prop_assert_eq!(time(&text, u64::MAX), Ok(time_of));
        }
    }
}
