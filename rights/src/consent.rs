//! The evidence of consent on a link: its scheme from a closed list, and the form of its string.
//!
//! The strings of the two frameworks are taken apart to their last bit, so that nothing that only
//! looks like one passes; what they allow, and whom, is judged by a later version. A string is
//! read in bounded time, and nothing of it is kept but a digest.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tabular::cell::{self, TimeFault};

mod bits;

use self::bits::Bits;

/// Scheme by which consent was asked for and recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// A TC string of the Transparency and Consent Framework, version 2.
    Tcf,
    /// A string of the Global Privacy Platform.
    Gpp,
    /// A reference to a record of the provider's own.
    Receipt,
}

impl Scheme {
    /// The name in files and counts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcf => "tcf",
            Self::Gpp => "gpp",
            Self::Receipt => "receipt",
        }
    }

    /// `Ok(None)` for the scheme that says that there is no consent.
    fn parse(name: &str) -> Result<Option<Self>, &'static str> {
        let schemes = [Self::Tcf, Self::Gpp, Self::Receipt];
        if cell::is_null(name) || name.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        let found = schemes.into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name));
        found.map(Some).ok_or("consent_scheme_unknown")
    }
}

/// Judges the evidence of a link: its scheme, and a digest that commits to it.
///
/// # Errors
///
/// The reason code under which the link is left out.
pub fn judge(scheme: &str, string: &str, now: u64) -> Result<(Scheme, [u8; 32]), &'static str> {
    let string = string.trim();
    let scheme = Scheme::parse(scheme.trim())?.ok_or("consent_missing")?;
    if cell::is_null(string) {
        return Err("consent_missing");
    }
    match scheme {
        Scheme::Tcf => tcf(string, now)?,
        Scheme::Gpp => gpp(string, now).ok_or("consent_malformed")?,
        Scheme::Receipt => receipt(string, now)?,
    }
    Ok((scheme, evidence(scheme.name(), string)))
}

/// Checks the time at which the evidence was captured, where a file tells it.
///
/// # Errors
///
/// The reason code under which the link is left out.
pub fn captured(time: Result<Timestamp, TimeFault>) -> Result<(), &'static str> {
    time.map(drop).map_err(|fault| match fault {
        TimeFault::Absent => "consent_time_missing",
        TimeFault::Unreadable => "consent_time_malformed",
        TimeFault::Early => "consent_time_early",
        TimeFault::Future => "consent_time_future",
    })
}

/// Digest that a leaf commits to where a file has no columns of consent.
#[must_use]
pub fn no_evidence() -> [u8; 32] {
    evidence("", "")
}

fn evidence(scheme: &str, string: &str) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [scheme, string] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A reference of 8 to 255 visible characters, a digit among them, no word of which refuses, and
/// that is no time.
///
/// The digit keeps words of any language out, which no list could: a reference names one record.
fn receipt(text: &str, now: u64) -> Result<(), &'static str> {
    let visible = |c: char| !c.is_whitespace() && !c.is_control();
    let characters = text.chars().count();
    let words = text.split(|c: char| !c.is_alphabetic());
    let mut refusals = words.filter(|word| {
        let word = word.to_lowercase();
        REFUSALS.iter().any(|stem| word.starts_with(stem)) || MARKERS.contains(&word.as_str())
    });
    if refusals.next().is_some() {
        return Err("consent_refused");
    }
    let sound = (RECEIPT_CHARACTERS_MIN..=RECEIPT_CHARACTERS_MAX).contains(&characters)
        && text.chars().all(visible)
        && text.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
        && cell::reference(text).is_some()
        && cell::time(text, now) == Err(TimeFault::Unreadable);
    if sound { Ok(()) } else { Err("consent_malformed") }
}

/// A TC string: a core segment of version 2, then further segments of distinct types, whose days
/// have passed.
fn tcf(string: &str, now: u64) -> Result<(), &'static str> {
    let core = string.split('.').next().unwrap_or_default();
    let (created, updated) =
        tc_string(string).and_then(|()| days(core)).ok_or("consent_malformed")?;
    for deciseconds in [created, updated] {
        let seconds = i64::try_from(deciseconds / 10).map_err(|_| "consent_malformed")?;
        let time = Timestamp::from_second(seconds).map_err(|_| "consent_malformed")?;
        captured(cell::time(&time.to_string(), now))?;
    }
    Ok(())
}

/// Times at which a core segment was created and last updated, in tenths of a second since 1970.
fn days(core: &str) -> Option<(u64, u64)> {
    let mut bits = Bits::new(core)?;
    bits.number(6)?;
    Some((bits.number(36)?, bits.number(36)?))
}

fn tc_string(string: &str) -> Option<()> {
    if string.len() > STRING_BYTES_MAX {
        return None;
    }
    let mut segments = string.split('.');
    core(segments.next()?)?;
    let mut seen = [false; 4];
    for segment in segments {
        let mut bits = Bits::new(segment)?;
        let kind = bits.number(3)?;
        let seen = seen.get_mut(usize::try_from(kind).ok()?)?;
        if std::mem::replace(seen, true) {
            return None;
        }
        match kind {
            // Vendors that were disclosed, and vendors that are allowed.
            1 | 2 => vendors(&mut bits)?,
            3 => {
                bits.skip(24 + 24)?;
                let custom = usize::try_from(bits.number(6)?).ok()?;
                bits.skip(2 * custom)?;
            }
            _ => return None,
        }
        bits.end()?;
    }
    Some(())
}

/// The core segment of a TC string: every field of version 2 is there, and nothing after them.
fn core(segment: &str) -> Option<()> {
    let mut bits = Bits::new(segment)?;
    let version = bits.number(6)?;
    let (created, updated) = (bits.number(36)?, bits.number(36)?);
    // Consent manager and its version, screen.
    bits.skip(12 + 12 + 6)?;
    letters(&mut bits)?;
    // Version of the vendor list, of the policy; two flags; special features; purposes by consent
    // and by legitimate interest; treatment of the first purpose.
    bits.skip(12 + 6 + 2 + 12 + 24 + 24 + 1)?;
    letters(&mut bits)?;
    vendors(&mut bits)?;
    vendors(&mut bits)?;
    for _ in 0..bits.number(12)? {
        // A purpose, and what the publisher restricts it to.
        let (purpose, restriction) = (bits.number(6)?, bits.number(2)?);
        if purpose == 0 || restriction == 3 {
            return None;
        }
        ranges(&mut bits, u64::from(u16::MAX))?;
    }
    bits.end()?;
    (version == 2 && updated >= created).then_some(())
}

/// Two letters of 6 bits each.
fn letters(bits: &mut Bits<'_>) -> Option<()> {
    (bits.number(6)? < 26 && bits.number(6)? < 26).then_some(())
}

/// A set of vendors, bit by bit or in ranges.
fn vendors(bits: &mut Bits<'_>) -> Option<()> {
    let most = bits.number(16)?;
    match bits.number(1)? {
        0 => bits.skip(usize::try_from(most).ok()?),
        _ => ranges(bits, most),
    }
}

/// Ranges of vendors, none above `most`.
fn ranges(bits: &mut Bits<'_>, most: u64) -> Option<()> {
    for _ in 0..bits.number(12)? {
        let is_range = bits.number(1)? == 1;
        let first = bits.number(16)?;
        let last = if is_range { bits.number(16)? } else { first };
        if first == 0 || last < first || last > most {
            return None;
        }
    }
    Some(())
}

/// A GPP string: a header that lists sections, then as many sections, each in its form.
fn gpp(string: &str, now: u64) -> Option<()> {
    if string.len() > STRING_BYTES_MAX {
        return None;
    }
    let mut parts = string.split('~');
    let mut bits = Bits::new(parts.next()?)?;
    if (bits.number(6)?, bits.number(6)?) != (3, 1) {
        return None;
    }
    let mut last = 0_u64;
    for _ in 0..bits.number(12)? {
        let is_range = bits.number(1)? == 1;
        let first = last.checked_add(bits.fibonacci()?)?;
        last = if is_range { first.checked_add(bits.fibonacci()?)? } else { first };
        if last > SECTION_MAX {
            return None;
        }
        for section in first..=last {
            self::section(section, parts.next()?, now)?;
        }
    }
    bits.end()?;
    // A string without a section says nothing.
    (last > 0 && parts.next().is_none()).then_some(())
}

/// A section of a GPP string. What is in those of the states is judged no further than that they
/// are text of the right alphabet.
fn section(number: u64, text: &str, now: u64) -> Option<()> {
    match number {
        TCF_EU_V2 => tcf(text, now).ok(),
        US_PRIVACY => {
            let [version, rest @ ..] = text.as_bytes() else { return None };
            let answers = rest.iter().all(|byte| matches!(byte, b'Y' | b'N' | b'-'));
            (*version == b'1' && rest.len() == 3 && answers).then_some(())
        }
        _ => text.split('.').try_for_each(|segment| Bits::new(segment).map(drop)),
    }
}

const TCF_EU_V2: u64 = 2;
const US_PRIVACY: u64 = 6;
/// Sections that a header may name; some twenty are in use.
const SECTION_MAX: u64 = 4_095;
const STRING_BYTES_MAX: usize = 16 << 10;
const RECEIPT_CHARACTERS_MIN: usize = 8;
const RECEIPT_CHARACTERS_MAX: usize = 255;
/// Beginnings of words that say that there is no consent.
const REFUSALS: [&str; 18] = [
    "refus",
    "denied",
    "deny",
    "reject",
    "declin",
    "withdr",
    "revok",
    "retir",
    "object",
    "oppos",
    "optout",
    "unsubscri",
    "désinscri",
    "desinscri",
    "désabonn",
    "desabonn",
    "noconsent",
    "expire",
];
/// Words that stand for nothing inside a reference.
const MARKERS: [&str; 7] = ["null", "none", "nan", "undefined", "unknown", "inconnu", "missing"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-30T12:00:00Z.
    const NOW: u64 = 1_796_040_000;
    /// Strings of the specification of the framework, version 2: a core alone, and one with
    /// segments.
    const CORE: &str = "COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA";
    const SEGMENTS: &str = "\
        COvFyGBOvFyGBAbAAAENAPCAAOAAAAAAAAAAAEEUACCKAAA.IFoEUQQgAIQwgIwQABAEAAAAOIAACAIAAAAQAI\
        AgEAACEAAAAAgAQBAAAAAAAGBAAgAAAAAAAFAAECAAAgAAQARAEQAAAAAJAAIAAgAAAYQEAAAQmAgBC3ZAYzUw";
    /// Strings of the specification of the platform: TCF for the EU, and with US privacy after it.
    const GPP: &str = "DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";
    const GPP_TWO: &str = "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN";

    fn reason(scheme: &str, string: &str) -> Option<&'static str> {
        judge(scheme, string, NOW).err()
    }

    #[test]
    fn strings_of_the_specifications_have_their_form() {
        for (scheme, string) in [
            ("tcf", CORE),
            ("TCF", SEGMENTS),
            (" Gpp ", GPP),
            ("gpp", GPP_TWO),
            ("tcf", &format!("{CORE}.ZAAgH9794ulA")),
            ("tcf", &SEGMENTS.replace(".I", ".ZAAgH9794ulA.I")),
            ("gpp", &format!("DBABM~{SEGMENTS}")),
            ("gpp", "DBABDA~BPXuQIAPXuQIAAfKABENB-CgAAAAAAAAAAAAAAAA.YAAAAAAAAAA"),
            ("gpp", "DBABLA~BVVVVVVVVWA.YA"),
            ("receipt", "K-2026-5521"),
            ("Receipt", "0b1e7b1c-8f1d-4c55-9d0e-3c6a7f2b9e11"),
        ] {
            assert_eq!(reason(scheme, string), None, "{scheme} {string}");
        }
        assert_ne!(judge("tcf", CORE, NOW).unwrap().1, judge("tcf", SEGMENTS, NOW).unwrap().1);
    }

    #[test]
    fn what_is_no_evidence_is_told_apart() {
        for (scheme, string, expected) in [
            ("", "", "consent_missing"),
            ("none", "K-2026-5521", "consent_missing"),
            ("NULL", "K-2026-5521", "consent_missing"),
            ("receipt", "NULL", "consent_missing"),
            ("receipt", "\\N", "consent_missing"),
            ("tcf", " - ", "consent_missing"),
            ("iab", CORE, "consent_scheme_unknown"),
            ("tcf2", CORE, "consent_scheme_unknown"),
            ("receipt", "REFUSED-EVERYTHING", "consent_refused"),
            ("receipt", "refused-2026-11-02", "consent_refused"),
            ("receipt", "K-2026-optout-1", "consent_refused"),
            ("receipt", "null-2026-0001", "consent_refused"),
            ("receipt", "K-5521", "consent_malformed"),
            ("receipt", "00000000", "consent_malformed"),
            ("receipt", "consentement-oui", "consent_malformed"),
            ("receipt", "K 2026 5521", "consent_malformed"),
            ("tcf", "REFUSED-EVERYTHING", "consent_malformed"),
            ("tcf", "K-2026-5521", "consent_malformed"),
            ("tcf", GPP, "consent_malformed"),
            ("gpp", CORE, "consent_malformed"),
            ("gpp", "DBABMA", "consent_malformed"),
            ("gpp", "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "consent_malformed"),
            (
                "gpp",
                "DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNX",
                "consent_malformed",
            ),
        ] {
            assert_eq!(reason(scheme, string), Some(expected), "{scheme} {string}");
        }
    }

    #[test]
    fn a_string_of_a_framework_is_read_to_its_end() {
        // The last character is filling.
        for len in 0..CORE.len() - 1 {
            assert_eq!(tc_string(&CORE[..len]), None, "{len}");
        }
        for altered in [
            format!("{CORE}."),
            format!("{CORE}B"),
            format!("{CORE}AAAAAAAA"),
            format!("{CORE}.{CORE}"),
            format!("{SEGMENTS}.{}", SEGMENTS.split('.').nth(1).unwrap()),
            // Version 1, and a character of the other alphabet.
            format!("B{}", &CORE[1..]),
            CORE.replacen('A', "+", 1),
        ] {
            assert_eq!(tc_string(&altered), None, "{altered}");
        }
    }

    #[test]
    fn days_of_a_string_have_passed_and_are_not_of_another_age() {
        // 2020 in the string.
        assert_eq!(judge("tcf", CORE, 1_500_000_000).err(), Some("consent_time_future"));
        for (time, expected) in [
            ("2026-08-02T09:30:00Z", None),
            ("2026-08-02 09:30:00", None),
            ("", Some("consent_time_missing")),
            ("hier", Some("consent_time_malformed")),
            ("1999-12-31", Some("consent_time_early")),
            ("2126-03-02T10:14:00Z", Some("consent_time_future")),
        ] {
            assert_eq!(captured(cell::time(time, NOW)).err(), expected, "{time}");
        }
    }

    proptest! {
        /// No text that a person or an export would put there has the form of a framework.
        #[test]
        fn other_texts_are_no_strings_of_a_framework(text in "[ -~]{0,60}|\\PC{0,30}") {
            prop_assert!(judge("tcf", &text, NOW).is_err());
            prop_assert!(judge("gpp", &text, NOW).is_err());
        }

        #[test]
        fn a_scheme_outside_the_list_is_no_evidence(scheme in "\\PC{0,12}") {
            let known = ["tcf", "gpp", "receipt"];
            let name = scheme.trim().to_ascii_lowercase();
            prop_assume!(!known.contains(&name.as_str()));
            prop_assert!(judge(&scheme, "K-2026-5521", NOW).is_err());
        }
    }
}
