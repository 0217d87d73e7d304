//! Forms of times in a column, found from its cells.

use std::collections::BTreeMap;

/// Count of the cells of a column by the form of their time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    forms: BTreeMap<Form, u64>,
    /// Greatest first and second number of a day written `03/04/2026`.
    first: u32,
    second: u32,
    naive: u64,
    zoned: u64,
    clocked: u64,
}

/// Form of a time, as one cell shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Form of ISO 8601, which needs no declaration.
    Iso,
    /// A pattern of strftime.
    Pattern(&'static str),
    /// Two numbers of which either may be the day: pattern with the day first, and the month first.
    Either(&'static str, &'static str),
    /// A year of two digits, which is refused.
    ShortYear,
    Unix,
    UnixMillis,
}

/// Form of the times of a whole column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dates {
    /// Form of ISO 8601, which needs no declaration.
    Iso,
    /// Pattern that a map declares.
    Declared(String),
    /// Day first or month first, which the data do not settle.
    Either {
        /// Pattern with the day first.
        day_first: String,
        /// Pattern with the month first.
        month_first: String,
    },
    /// Years of two digits, which no map can declare.
    ShortYear,
}

/// Order of day and month, where data settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

impl Times {
    /// Takes note of a cell, which is trimmed and not empty.
    pub(crate) fn note(&mut self, cell: &str) {
        let Some((form, zone, clock, numbers)) = form(cell) else { return };
        *self.forms.entry(form).or_default() += 1;
        if let Form::Either(..) = form {
            self.first = self.first.max(numbers.0);
            self.second = self.second.max(numbers.1);
        }
        match (zone, form) {
            (true, _) | (_, Form::Unix | Form::UnixMillis) => self.zoned += 1,
            (false, _) => self.naive += 1,
        }
        self.clocked += u64::from(clock);
    }

    /// True if a cell is a time by its shape, and not a mere number.
    pub(crate) fn is_time(cell: &str) -> bool {
        form(cell).is_some_and(|(form, ..)| !form.is_number())
    }

    /// Form of the column if nine of ten filled cells are times; `numbers` says if a number by
    /// itself may be one, which only the name of the column tells.
    pub(crate) fn dates(&self, filled: u64, numbers: bool) -> Option<Dates> {
        let counts = |form: &Form| numbers || !form.is_number();
        let known = self.forms.iter().filter(|(form, _)| counts(form));
        let (form, count) = known.max_by_key(|(form, count)| (**count, **form))?;
        if count.checked_mul(10)? < filled.checked_mul(9)? {
            return None;
        }
        Some(match form {
            Form::Iso => Dates::Iso,
            Form::Pattern(pattern) => Dates::Declared((*pattern).to_owned()),
            Form::Unix => Dates::Declared("unix".to_owned()),
            Form::UnixMillis => Dates::Declared("unix-ms".to_owned()),
            Form::ShortYear => Dates::ShortYear,
            Form::Either(day, month) => match self.order() {
                Some(Order::DayFirst) => Dates::Declared((*day).to_owned()),
                Some(Order::MonthFirst) => Dates::Declared((*month).to_owned()),
                None => {
                    Dates::Either { day_first: (*day).to_owned(), month_first: (*month).to_owned() }
                }
            },
        })
    }

    /// Order of day and month, if a number above 12 settles it.
    pub(crate) fn order(&self) -> Option<Order> {
        match (self.first > 12, self.second > 12) {
            (true, false) => Some(Order::DayFirst),
            (false, true) => Some(Order::MonthFirst),
            _ => None,
        }
    }

    /// True if some time states no zone, so that a clock has to be named.
    pub(crate) fn needs_zone(&self, dates: &Dates) -> bool {
        match dates {
            // A day by itself is read as it stands, without a clock.
            Dates::Iso => self.naive > 0 && self.clocked > 0,
            Dates::Declared(form) if form.starts_with("unix") => false,
            Dates::Declared(_) | Dates::Either { .. } | Dates::ShortYear => self.naive > 0,
        }
    }
}

impl Form {
    const fn is_number(&self) -> bool {
        match self {
            Self::Unix | Self::UnixMillis => true,
            // The only pattern without a character between its numbers.
            Self::Pattern(pattern) => pattern.len() == COMPACT.len(),
            _ => false,
        }
    }
}

/// Form of a cell, if it states a zone, if it has a time of day, and its first two numbers.
fn form(cell: &str) -> Option<(Form, bool, bool, (u32, u32))> {
    if !(8..=40).contains(&cell.len()) || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if cell.bytes().all(|byte| byte.is_ascii_digit()) {
        return number(cell).map(|form| (form, false, false, (0, 0)));
    }
    let parts = parts(cell)?;
    let shape = parts.shape.as_str();
    let (form, zone, clock) = match FORMS.iter().find(|(known, ..)| *known == shape) {
        Some((_, form, clock)) => (*form, false, *clock),
        None => iso(cell)?,
    };
    // Days of ISO 8601 have two digits for a month; others need a pattern.
    let form = match form {
        Form::Iso if !zone && iso(cell).is_none() => {
            Form::Pattern(if clock { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d" })
        }
        form => form,
    };
    Some((form, zone, clock, parts.numbers))
}

fn number(cell: &str) -> Option<Form> {
    let value: u64 = cell.parse().ok()?;
    let two = |from: usize| cell.get(from..from.checked_add(2)?)?.parse::<u32>().ok();
    match cell.len() {
        8 => {
            let century = matches!(two(0)?, 19 | 20);
            let day = (1..=12).contains(&two(4)?) && (1..=31).contains(&two(6)?);
            (century && day).then_some(Form::Pattern(COMPACT))
        }
        // From 2001 to 2065.
        10 => (1_000_000_000..3_000_000_000).contains(&value).then_some(Form::Unix),
        13 => (1_000_000_000_000..3_000_000_000_000).contains(&value).then_some(Form::UnixMillis),
        _ => None,
    }
}

/// True forms of ISO 8601 [N-61]: the form, if there is a zone, and if there is a time of day.
fn iso(cell: &str) -> Option<(Form, bool, bool)> {
    let (day, rest) = cell.split_at_checked(10)?;
    like(day, "0000-00-00").then_some(())?;
    if rest.is_empty() {
        return Some((Form::Iso, false, false));
    }
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = clock.split_at_checked(8)?;
    like(time, "00:00:00").then_some(())?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let zone = rest.trim_start();
    let offset = |zone: &str| {
        ["+00", "+0000", "+00:00"].iter().any(|form| like(&zone.replace('-', "+"), form))
    };
    let known = zone.is_empty() || matches!(zone, "Z" | "z" | "UTC") || offset(zone);
    // A blank before an offset is no form of [N-61].
    let spaced = zone.len() < rest.len() && zone != "UTC";
    if known && spaced {
        return Some((Form::Pattern("%Y-%m-%d %H:%M:%S %z"), true, true));
    }
    known.then_some((Form::Iso, !zone.is_empty(), true))
}

fn like(text: &str, form: &str) -> bool {
    text.len() == form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
}

/// A cell with `n` for a number of one or two digits, `Y` for one of four, `b` for the short name
/// of a month and `p` for a half of the day; its first two numbers.
struct Parts {
    shape: String,
    numbers: (u32, u32),
}

fn parts(cell: &str) -> Option<Parts> {
    let mut shape = String::new();
    let mut numbers = Vec::new();
    let mut rest = cell;
    while let Some(first) = rest.chars().next() {
        let same = |c: char| match first {
            first if first.is_ascii_digit() => c.is_ascii_digit(),
            first if first.is_ascii_alphabetic() => c.is_ascii_alphabetic(),
            _ => false,
        };
        let end = rest.find(|c| !same(c)).map_or(rest.len(), |end| end.max(first.len_utf8()));
        let (run, later) = rest.split_at_checked(end)?;
        rest = later;
        match (run.len(), first) {
            (1 | 2, first) if first.is_ascii_digit() => {
                numbers.push(run.parse().ok()?);
                shape.push('n');
            }
            (4, first) if first.is_ascii_digit() => shape.push('Y'),
            (2, 'A' | 'P' | 'a' | 'p') if run.ends_with(['M', 'm']) => shape.push('p'),
            (3, _) if MONTHS.iter().any(|month| month.eq_ignore_ascii_case(run)) => shape.push('b'),
            (1, 'T') => shape.push('T'),
            // A zone, which only [`iso`] reads.
            (1, 'Z' | 'z' | 't') => shape.push('z'),
            (3, 'U') if run == "UTC" => shape.push('z'),
            (_, first) if first.is_ascii_alphanumeric() => return None,
            (_, first) => shape.push(first),
        }
    }
    let mut numbers = numbers.into_iter();
    let numbers = (numbers.next().map_or(0, |n| n), numbers.next().map_or(0, |n| n));
    Some(Parts { shape, numbers })
}

const COMPACT: &str = "%Y%m%d";

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Forms by the shape of a cell; the last says if there is a time of day.
const FORMS: [(&str, Form, bool); 31] = [
    ("Y-n-n", Form::Iso, false),
    ("Y-n-n n:n:n", Form::Iso, true),
    ("Y-n-nTn:n:n", Form::Iso, true),
    ("Y-n-n n:n", Form::Pattern("%Y-%m-%d %H:%M"), true),
    ("Y-n-nTn:n", Form::Pattern("%Y-%m-%dT%H:%M"), true),
    ("Y/n/n", Form::Pattern("%Y/%m/%d"), false),
    ("Y/n/n n:n", Form::Pattern("%Y/%m/%d %H:%M"), true),
    ("Y/n/n n:n:n", Form::Pattern("%Y/%m/%d %H:%M:%S"), true),
    ("n/n/Y", Form::Either("%d/%m/%Y", "%m/%d/%Y"), false),
    ("n/n/Y n:n", Form::Either("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"), true),
    ("n/n/Y n:n:n", Form::Either("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S"), true),
    ("n/n/Y n:n p", Form::Either("%d/%m/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"), true),
    ("n/n/Y, n:n p", Form::Either("%d/%m/%Y, %I:%M %p", "%m/%d/%Y, %I:%M %p"), true),
    ("n/n/Y n:n:n p", Form::Either("%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"), true),
    ("n-n-Y", Form::Either("%d-%m-%Y", "%m-%d-%Y"), false),
    ("n-n-Y n:n", Form::Either("%d-%m-%Y %H:%M", "%m-%d-%Y %H:%M"), true),
    ("n-n-Y n:n:n", Form::Either("%d-%m-%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S"), true),
    ("n.n.Y", Form::Pattern("%d.%m.%Y"), false),
    ("n.n.Y n:n", Form::Pattern("%d.%m.%Y %H:%M"), true),
    ("n.n.Y n:n:n", Form::Pattern("%d.%m.%Y %H:%M:%S"), true),
    ("n b Y", Form::Pattern("%d %b %Y"), false),
    ("n b Y n:n", Form::Pattern("%d %b %Y %H:%M"), true),
    ("n b Y n:n:n", Form::Pattern("%d %b %Y %H:%M:%S"), true),
    ("n-b-Y", Form::Pattern("%d-%b-%Y"), false),
    ("b n, Y", Form::Pattern("%b %d, %Y"), false),
    ("b n, Y n:n p", Form::Pattern("%b %d, %Y %I:%M %p"), true),
    ("n/n/n", Form::ShortYear, false),
    ("n/n/n n:n", Form::ShortYear, true),
    ("n/n/n n:n:n", Form::ShortYear, true),
    ("n-n-n", Form::ShortYear, false),
    ("n.n.n", Form::ShortYear, false),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(cells: &[&str]) -> Option<Dates> {
        let mut times = Times::default();
        cells.iter().for_each(|cell| times.note(cell));
        times.dates(cells.len() as u64, true)
    }

    fn declared(pattern: &str) -> Option<Dates> {
        Some(Dates::Declared(pattern.to_owned()))
    }

    #[test]
    fn a_number_above_12_settles_day_and_month() {
        assert_eq!(dates(&["03/04/2026", "25/12/2025"]), declared("%d/%m/%Y"));
        assert_eq!(dates(&["03/04/2026", "12/25/2025"]), declared("%m/%d/%Y"));
        let open = dates(&["03/04/2026", "5/6/2026"]);
        assert!(matches!(open, Some(Dates::Either { .. })), "{open:?}");
        let mixed = dates(&["25/12/2025", "12/25/2025"]);
        assert!(matches!(mixed, Some(Dates::Either { .. })), "{mixed:?}");
    }

    #[test]
    fn forms_that_need_no_declaration_are_told_from_those_that_do() {
        for cell in ["2026-03-02", "2026-03-02 10:14:00", "2026-03-02T10:14:00.5+01:00"] {
            assert_eq!(dates(&[cell]), Some(Dates::Iso), "{cell}");
        }
        for (cell, pattern) in [
            ("2026-3-2", "%Y-%m-%d"),
            ("2026-03-02 10:14", "%Y-%m-%d %H:%M"),
            ("2026-03-02 10:14:00 +0100", "%Y-%m-%d %H:%M:%S %z"),
            ("02.03.2026 10:14", "%d.%m.%Y %H:%M"),
            ("13/01/2026 9:05 PM", "%d/%m/%Y %I:%M %p"),
            ("Mar 2, 2026", "%b %d, %Y"),
            ("20260302", "%Y%m%d"),
            ("1772446440", "unix"),
            ("1772446440000", "unix-ms"),
        ] {
            assert_eq!(dates(&[cell]), declared(pattern), "{cell}");
        }
        assert_eq!(dates(&["02/03/26"]), Some(Dates::ShortYear));
    }

    #[test]
    fn what_is_no_time_has_no_form() {
        for cell in ["hier", "0612345678", "12345678", "75011 Paris", "2026-13", "a@exemple.fr"] {
            assert_eq!(dates(&[cell]), None, "{cell}");
        }
        assert_eq!(dates(&["2026-03-02", "hier", "demain"]), None, "one of three");
    }

    #[test]
    fn a_clock_is_asked_for_only_where_a_time_has_no_zone() {
        let needs = |cell: &str| {
            let mut times = Times::default();
            times.note(cell);
            times.needs_zone(&times.dates(1, true).unwrap())
        };
        let naive = ["2026-03-02 10:14:00", "02/03/2026", "20260302", "02.03.2026 10:14"];
        assert!(naive.into_iter().all(needs));
        let settled =
            ["2026-03-02", "2026-03-02T10:14:00Z", "2026-03-02 10:14:00+01", "1772446440"];
        assert!(!settled.into_iter().any(needs));
    }

    #[test]
    fn every_pattern_reads_a_cell_of_its_shape() {
        for (shape, form, _) in FORMS {
            let patterns = match form {
                Form::Pattern(one) => vec![one],
                Form::Either(one, other) => vec![one, other],
                _ => continue,
            };
            let cell = shape.replace("b", "Mar").replace("Y", "2026").replace("n", "03");
            let cell = cell.replace('p', "PM");
            for pattern in patterns {
                let read = jiff::fmt::strtime::parse(pattern, &cell);
                assert!(read.is_ok_and(|time| time.to_date().is_ok()), "{pattern} on {cell}");
            }
        }
    }
}
