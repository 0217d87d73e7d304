//! Telephone: E.164, after a cleaning that both sides share and before any library sees a digit.
//!
//! The cleaning refuses what libphonenumber would silently turn into another number: a second
//! number, an extension, letters, the zero after a decimal point, the notation of spreadsheets.
//! The region of a national number is inferred from the row, never guessed: from the post code of
//! a French row, then from its country, then from the options. French overseas numbers are invalid
//! under region `FR` [trap-06].

use rlibphonenumber::{
    PHONE_NUMBER_UTIL, PhoneNumber, PhoneNumberFormat, PhoneNumberType, Region,
    get_national_significant_number_owned,
};
use zeroize::Zeroizing;

use super::country::{self, Country, PostCode, RecordCountry};
use super::decode::{self, Miss};
use super::generic;
use super::options::{FixedLine, Options, Ruleset};
use super::reason::{Reason, Repair};
use super::shape;
use super::{Canonical, Draft, Kind, Level, Line};

/// The other columns of a row that a telephone number is read with; has no `Debug`.
#[derive(Clone, Copy, Default)]
pub struct PhoneContext<'a> {
    /// The country column, if the file has one.
    pub country: Option<&'a str>,
    /// The post code column, if the file has one.
    pub postcode: Option<&'a str>,
}

/// Inputs of the telephone rules beside the value.
pub(super) struct Rules<'a> {
    pub(super) ruleset: Ruleset,
    pub(super) options: &'a Options,
    /// True if the list of placeholders applies.
    pub(super) lists: bool,
    /// True if the form without `+` is emitted too, for peers with pre-hashed columns.
    pub(super) digits: bool,
}

/// Normalizes one number by section 5 of the rules.
pub(super) fn normalize(
    raw: &str,
    context: &PhoneContext<'_>,
    rules: &Rules<'_>,
) -> Result<Vec<Draft>, Miss> {
    let (cleaned, text_mark) = clean(decode::checked(raw)?)?;
    if cleaned.trim_start_matches('+').len() > DIGITS_MAX {
        return Err(Reason::PhoneTooLong.into());
    }
    let postcode = context.postcode.and_then(|code| PostCode::parse(code, rules.options.pad4));
    let country = country::record_country(rules.ruleset, context.country, postcode.as_ref());
    let evidence =
        country::post_code_region(rules.ruleset, rules.options, country, postcode.as_ref());

    let (number, repair) = if cleaned.starts_with('+') {
        international(&cleaned, evidence)?
    } else {
        (national(&cleaned, country, evidence, rules.options)?, None)
    };
    let line = match PHONE_NUMBER_UTIL.get_number_type(&number) {
        PhoneNumberType::TollFree
        | PhoneNumberType::PremiumRate
        | PhoneNumberType::SharedCost
        | PhoneNumberType::UAN
        | PhoneNumberType::VoiceMail
        | PhoneNumberType::Pager => return Err(Reason::PhoneNotPersonal.into()),
        PhoneNumberType::Mobile => Line::Mobile,
        PhoneNumberType::FixedLine => Line::Fixed,
        _ => Line::Unknown,
    };
    if line == Line::Fixed && rules.options.fixed_line == FixedLine::Exclude {
        return Err(Reason::PhoneFixedExcluded.into());
    }
    let formatted = PHONE_NUMBER_UTIL.format(&number, PhoneNumberFormat::E164);
    let canonical = Canonical::new(formatted.into_owned());
    let nsn = Zeroizing::new(get_national_significant_number_owned(&number));
    if rules.lists && generic::is_generic_phone(&canonical, &nsn) {
        return Err(Reason::GenericValue.into());
    }
    Ok(drafts(canonical, line, repair.or(text_mark), rules.digits))
}

/// True if a value is a telephone number in clear, wherever it may be from.
///
/// Used on pre-hashed columns, where only the shape counts.
pub(super) fn looks_like_number(value: &str) -> bool {
    match clean(value) {
        Ok((digits, _)) => digits.len() <= PLAINTEXT_DIGITS_MAX,
        Err(reason) => matches!(reason, Reason::PhoneDecimal | Reason::PhoneScientific),
    }
}

/// Section 5.1: one run of ASCII digits, with an optional `+` before it.
fn clean(value: &str) -> Result<(Zeroizing<String>, Option<Repair>), Reason> {
    // NFKC would make a digit of a mark such as a footnote's.
    if value.chars().any(decode::is_odd_number) {
        return Err(Reason::PhoneBadCharacter);
    }
    let text = ascii_digits(&decode::without_format(&decode::nfkc(value)));
    let (trimmed, text_mark) = decode::without_text_mark(decode::trim(&text));
    let number = match trimmed.get(..TEL.len()) {
        Some(scheme) if scheme.eq_ignore_ascii_case(TEL) => trimmed.get(TEL.len()..),
        _ => None,
    };
    let number = number.unwrap_or(trimmed);
    if number.starts_with('=') {
        return Err(Reason::SpreadsheetFormula);
    }
    if shape::is_digest(number) {
        return Err(Reason::PhoneIsDigest);
    }
    if shape::is_scientific(number) {
        return Err(Reason::PhoneScientific);
    }
    if shape::is_day(number) {
        return Err(Reason::PhoneIsDate);
    }
    // Out of a column of 32 bits that a number with its country code does not fit into: what is
    // left without the sign may be another subscriber's.
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if number.strip_prefix('-').is_some_and(digits) {
        return Err(Reason::PhoneBadCharacter);
    }
    if decode::is_decimal(number) || shape::is_grouped(number) {
        return Err(Reason::PhoneDecimal);
    }
    if has_extension(number) || shape::ends_in_parentheses(number) {
        return Err(Reason::PhoneHasExtension);
    }
    if shape::holds_several(number) {
        return Err(Reason::PhoneMultipleValues);
    }
    if shape::has_label(number) {
        return Err(Reason::PhoneHasLabel);
    }
    if number.chars().any(decode::is_letter) {
        return Err(Reason::PhoneHasLetters);
    }
    Ok((dialled(number)?, text_mark))
}

/// A number without its separators, `+` for a leading `00`.
fn dialled(number: &str) -> Result<Zeroizing<String>, Reason> {
    let mut kept = Zeroizing::new(String::with_capacity(number.len() + 1));
    for c in number.chars() {
        match c {
            '0'..='9' => kept.push(c),
            '+' if kept.is_empty() => kept.push(c),
            '-' | '\u{2010}'..='\u{2015}' | '.' | '/' | '(' | ')' => {}
            c if decode::is_white_space(c) => {}
            _ => return Err(Reason::PhoneBadCharacter),
        }
    }
    let digits = kept.trim_start_matches('+');
    if digits.is_empty() {
        return Err(Reason::PhoneBadCharacter);
    }
    if digits.len() < DIGITS_MIN || digits.bytes().all(|digit| digit == b'0') {
        return Err(Reason::PhoneTooShort);
    }
    match kept.strip_prefix("00") {
        Some(rest) => Ok(with_plus(rest)),
        None => Ok(kept),
    }
}

/// Replaces the decimal digits of every script by ASCII digits [trap-08].
fn ascii_digits(text: &str) -> Zeroizing<String> {
    let mut replaced = Zeroizing::new(String::with_capacity(text.len()));
    for c in text.chars() {
        match decode::decimal_digit(c) {
            Some(digit) => replaced.push(char::from(b'0' + digit)),
            None => replaced.push(c),
        }
    }
    replaced
}

/// True if a number ends with an extension marker and digits.
fn has_extension(number: &str) -> bool {
    let head = number.trim_end_matches(|c: char| c.is_ascii_digit());
    if head.len() == number.len() {
        return false;
    }
    let head = head.trim_end_matches(|c| matches!(c, '.' | '=') || decode::is_white_space(c));
    let ends_with = |marker: &&str| {
        let parts = head.len().checked_sub(marker.len()).and_then(|at| head.split_at_checked(at));
        parts.is_some_and(|(number, tail)| {
            tail.eq_ignore_ascii_case(marker) && number.contains(|c: char| c.is_ascii_digit())
        })
    };
    EXTENSION_MARKERS.iter().any(ends_with)
}

/// Parses a value with a calling code, without any default region [trap-07], and mends `+33`
/// before an overseas number where the post code of the row proves the region.
fn international(
    cleaned: &str,
    evidence: Option<&str>,
) -> Result<(PhoneNumber, Option<Repair>), Reason> {
    if let Some(number) = valid(cleaned, None) {
        return Ok((number, None));
    }
    let repaired = cleaned.strip_prefix("+33").zip(evidence).and_then(|(rest, region)| {
        if !OVERSEAS.contains(&region) {
            return None;
        }
        // The zero of `+33 (0)690 ...` is the trunk zero that is about to be added.
        let mut national = Zeroizing::new(String::with_capacity(rest.len() + 1));
        national.push('0');
        national.push_str(rest.strip_prefix('0').unwrap_or(rest));
        valid(&national, Some(region))
    });
    repaired.map(|number| (number, Some(Repair::PhoneOverseas))).ok_or(Reason::PhoneInvalid)
}

/// Parses a value without a calling code in the region the row gives.
fn national(
    cleaned: &str,
    country: RecordCountry,
    evidence: Option<&str>,
    options: &Options,
) -> Result<PhoneNumber, Reason> {
    let default_region = options.default_phone_region();
    let stated = match country {
        RecordCountry::Known(country) => Some(country),
        RecordCountry::Unstated => default_region,
        RecordCountry::Invalid => return Err(Reason::CountryInvalid),
    };
    let Some(region) = evidence.or(stated.as_ref().map(Country::as_str)) else {
        return Err(Reason::PhoneRegionMissing);
    };
    in_region(cleaned, region)?.ok_or_else(|| {
        let overseas = || UNPROVED.iter().any(|region| valid(cleaned, Some(region)).is_some());
        if evidence.is_none() && overseas() {
            Reason::PhoneRegionMissing
        } else if cleaned.len() >= FOREIGN_DIGITS_MIN && valid(&with_plus(cleaned), None).is_some()
        {
            Reason::PhonePlusMissing
        } else {
            Reason::PhoneInvalid
        }
    })
}

/// Parses a value without `+` in a region: as a national number or, if it begins with the calling
/// code of the region, as an export may leave it that drops the `+`.
///
/// In most plans one reading alone is valid. Where numbers have no fixed length, such as Germany,
/// both may be: `491717654321` is a mobile number, or a fixed line of a place whose code is 049.
fn in_region(cleaned: &str, region: &str) -> Result<Option<PhoneNumber>, Reason> {
    let national = valid(cleaned, Some(region));
    let code = Region::from_code(region).ok();
    let code = code.and_then(|region| PHONE_NUMBER_UTIL.get_country_code_for_region(region));
    if !code.is_some_and(|code| cleaned.starts_with(&code.to_string())) {
        return Ok(national);
    }
    match (national, valid(&with_plus(cleaned), None)) {
        (Some(one), Some(other)) if e164(&one) != e164(&other) => Err(Reason::PhoneAmbiguousPrefix),
        (one, other) => Ok(one.or(other)),
    }
}

fn with_plus(digits: &str) -> Zeroizing<String> {
    let mut number = Zeroizing::new(String::with_capacity(digits.len() + 1));
    number.push('+');
    number.push_str(digits);
    number
}

/// Parses a number and keeps it only if it is valid.
fn valid(cleaned: &str, region: Option<&str>) -> Option<PhoneNumber> {
    let region = match region {
        Some(code) => Some(Region::from_code(code).ok()?),
        None => None,
    };
    let number = PHONE_NUMBER_UTIL.parse(cleaned, region).ok()?;
    // Some numbering plans hold numbers longer than E.164 allows.
    let fits = e164(&number).len() <= E164_BYTES_MAX;
    (fits && PHONE_NUMBER_UTIL.is_valid_number(&number)).then_some(number)
}

fn e164(number: &PhoneNumber) -> Zeroizing<String> {
    Zeroizing::new(PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).into_owned())
}

fn drafts(canonical: Canonical, line: Line, repair: Option<Repair>, digits: bool) -> Vec<Draft> {
    let level = match line {
        Line::Mobile => Level::Individual,
        Line::Fixed | Line::Unknown => Level::Household,
    };
    let draft = |kind, canonical, repair| Draft {
        kind,
        canonical,
        level,
        line: Some(line),
        warnings: Vec::new(),
        repair,
    };
    let without_plus = canonical.trim_start_matches('+').to_owned();
    let without_plus = digits.then(|| Canonical::new(without_plus));
    let mut found = vec![draft(Kind::Phone, canonical, repair)];
    if let Some(canonical) = without_plus {
        found.push(draft(Kind::PhoneDigits, canonical, None));
    }
    found
}

/// The version of the numbering plans in the library, for the manifest.
pub(super) const METADATA_VERSION: &str = "9.0.42";

const TEL: &str = "tel:";
const DIGITS_MIN: usize = 5;
/// Digits of E.164, a zero of national calls and one more; two numbers in a row have more.
const DIGITS_MAX: usize = 17;
/// Fewest digits that are looked at as a number of another country.
const FOREIGN_DIGITS_MIN: usize = 10;
/// `+` and 15 digits.
const E164_BYTES_MAX: usize = 16;
const PLAINTEXT_DIGITS_MAX: usize = 20;
const EXTENSION_MARKERS: [&str; 6] = ["poste", "extension", "ext", "x", "p", "#"];

/// Regions whose numbers share the French trunk format but not the calling code.
const OVERSEAS: [&str; 9] = ["GP", "MQ", "GF", "RE", "PM", "YT", "WF", "PF", "NC"];

/// Regions tried to explain a national number that is invalid where it stands.
const UNPROVED: [&str; 5] = ["GP", "MQ", "GF", "RE", "YT"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::{Normalizer, Outcome};
    use super::*;

    fn normalizer(ruleset: Ruleset) -> Normalizer {
        Normalizer::new(ruleset, Options::defaults(ruleset))
    }

    fn in_row<'a>(country: &'a str, postcode: &'a str) -> PhoneContext<'a> {
        PhoneContext { country: Some(country), postcode: Some(postcode) }
    }

    /// Canonical string and line, or the reason code.
    fn read(raw: &str, context: &PhoneContext<'_>) -> String {
        let normalizer = normalizer(Ruleset::CrmFr1);
        let outcome = normalizer.phone(raw, context).reason_code();
        let Some(found) = normalizer.explain_phone(raw, context).into_found() else {
            return outcome.unwrap().to_owned();
        };
        let form = &found[0];
        let line = form.normalized().line().unwrap();
        let repaired = if form.normalized().repair().is_some() { " repaired" } else { "" };
        format!("{} {}{repaired}", form.canonical(), line.name())
    }

    fn plain(raw: &str) -> String {
        read(raw, &PhoneContext::default())
    }

    #[test]
    fn examples_of_the_rules() {
        assert_eq!(plain("01 99 00 12 34"), "+33199001234 fixed");
        assert_eq!(plain("+33(0)1 99 00 12 34"), "+33199001234 fixed");
        assert_eq!(plain("0033 1 99 00 12 34"), "+33199001234 fixed");
        assert_eq!(read("0690 12 34 56", &in_row("FR", "97110")), "+590690123456 mobile");
        let repaired = read("+33 6 92 12 34 56", &in_row("FR", "97400"));
        assert_eq!(repaired, "+262692123456 mobile repaired");
        assert_eq!(plain("0039 02 1234 5678"), "+390212345678 fixed");
        assert_eq!(plain("0801 23 45 67"), "phone_not_personal");
        assert_eq!(plain("06 12 34 56 78;01 23 45 67 89"), "phone_multiple_values");
        assert_eq!(plain("6.12345678E8"), "phone_scientific");
        assert_eq!(plain("06 12 34 56 78 (bureau)"), "phone_has_letters");
        assert_eq!(plain("06 39 98 12 34"), "phone_invalid");
    }

    #[test]
    fn separators_and_schemes_do_not_matter() {
        let spellings = [
            "0199001234",
            "01.99.00.12.34",
            "01-99-00-12-34",
            "01/99/00/12/34",
            "(01) 99001234",
            "tel:+33199001234",
            "TEL:01 99 00 12 34",
            "01\u{2011}99\u{2013}00 12 34",
            "01\u{A0}99\u{202F}00\u{2009}12 34",
            "+33 (0) 1 99 00 12 34",
            "+330199001234",
            "00 33 1 99 00 12 34",
            "33199001234",
        ];
        for raw in spellings {
            assert_eq!(plain(raw), "+33199001234 fixed", "{raw}");
        }
    }

    #[test]
    fn zero_after_a_decimal_point_is_no_digit() {
        let german = in_row("DE", "");
        for raw in [
            "+436641234567.0",
            "0664 1234567.0",
            "+491717654321.0",
            "0171 7654321.0",
            "1717654321.0",
            "+390612345678.0",
            "33637481596.0",
            "33637481596.00",
            "33637481596,0",
            "33.637.481.596,00",
            "33,637,481,596.0",
            "33637481596.",
            "٣٣٦٣٧٤٨١٥٩٦.٠",
            "tel:33637481596.0",
        ] {
            assert_eq!(plain(raw), "phone_decimal", "{raw}");
            assert_eq!(read(raw, &german), "phone_decimal", "{raw}");
        }
        for raw in ["33,637,481,596", "33’637’481’596", "637,481,596"] {
            assert_eq!(plain(raw), "phone_decimal", "{raw}");
        }
        for raw in ["06.37.48.15.96", "06.37.48.15.96.", "0637481596.", "33637481596"] {
            assert_eq!(plain(raw), "+33637481596 mobile", "{raw}");
        }
        assert_eq!(plain("06.37.48.15.00"), "+33637481500 mobile");
        assert_eq!(plain("06 37 48 15 96²"), "phone_bad_character");
        // The post code of a float column proves nothing.
        assert_eq!(read("0690 12 34 56", &in_row("FR", "9711.0")), "phone_region_missing");
        assert_eq!(read("0690 12 34 56", &in_row("FR", "97.110")), "+590690123456 mobile");
    }

    #[test]
    fn scientific_notation_formulas_and_digests_are_named() {
        for raw in ["3,36123E+10", "3.36123E+10", "1,717654321e+11", "'3,36E+10", "٣٫٣٦E+١٠"]
        {
            assert_eq!(plain(raw), "phone_scientific", "{raw}");
            assert_eq!(read(raw, &in_row("DE", "")), "phone_scientific", "{raw}");
        }
        for raw in ["=\"0637481596\"", "=+33637481596", "'=\"0637481596\""] {
            assert_eq!(plain(raw), "spreadsheet_formula", "{raw}");
        }
        for raw in [
            "039937e1bb79178632b8e4af3f0caa3f0a9fc196e8ce71ae9eeacb5d9d132337",
            "\\x039937e1bb79178632b8e4af3f0caa3f0a9fc196e8ce71ae9eeacb5d9d132337",
            "039937e1bb79178632b8e4af3f0caa3f",
            "KSFohbTYO/eoyzb5++lB2Oc/p4EF6LTr0qa6B/mrTTE=",
        ] {
            assert_eq!(plain(raw), "phone_is_digest", "{raw}");
        }
        assert_eq!(plain("#33637481596"), "phone_bad_character");
    }

    #[test]
    fn number_of_another_country_without_plus_is_refused_by_name() {
        for raw in ["491717654321", "4915123836378", "447400123456"] {
            assert_eq!(plain(raw), "phone_plus_missing", "{raw}");
        }
        // Neither a mistyped national number nor one that no country has.
        for raw in ["01990012345", "99990012345", "637481"] {
            assert_eq!(plain(raw), "phone_invalid", "{raw}");
        }
    }

    #[test]
    fn calling_code_without_plus_is_read_in_one_way_or_refused() {
        let german = in_row("DE", "");
        for raw in ["491717654321", "4915123836378", "49 7755 91155"] {
            assert_eq!(read(raw, &german), "phone_ambiguous_prefix", "{raw}");
        }
        let one_way = [
            ("+491717654321", "DE", "+491717654321 mobile"),
            ("0171 7654321", "DE", "+491717654321 mobile"),
            ("49 (0) 171 7654321", "DE", "+491717654321 mobile"),
            ("1717654321", "DE", "+491717654321 mobile"),
            ("04917 123456", "DE", "+494917123456 fixed"),
            ("0812 3456 7890", "ID", "+6281234567890 mobile"),
            ("33637481596", "FR", "+33637481596 mobile"),
            ("14155552671", "US", "+14155552671 unknown"),
            ("390612345678", "IT", "+390612345678 fixed"),
            ("32470123457", "BE", "+32470123457 mobile"),
            ("34650123456", "ES", "+34650123456 mobile"),
            ("447400123456", "GB", "+447400123456 mobile"),
        ];
        for (raw, country, expected) in one_way {
            assert_eq!(read(raw, &in_row(country, "")), expected, "{raw} {country}");
        }
    }

    /// No mobile number of any plan becomes another number where its `+` is lost.
    #[test]
    fn lost_plus_never_gives_another_number() {
        let (mut same, mut refused) = (0, BTreeSet::new());
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            let kind = PhoneNumberType::Mobile;
            let example = PHONE_NUMBER_UTIL.get_example_number_for_type_and_region(region, kind);
            let Ok(example) = example else { continue };
            for step in 0..200 {
                let example = e164(&example);
                let number = format!("{}{:03}", &example[..example.len() - 3], step * 5);
                if valid(&number, None).is_none() {
                    continue;
                }
                match in_region(number.trim_start_matches('+'), &region.to_string()) {
                    Ok(read) => {
                        assert_eq!(*e164(&read.unwrap()), *number, "{region}");
                        same += 1;
                    }
                    Err(reason) => {
                        assert_eq!(reason, Reason::PhoneAmbiguousPrefix);
                        refused.insert(region.to_string());
                    }
                }
            }
        }
        assert!(same > 10_000, "{same}");
        assert_eq!(refused.into_iter().collect::<Vec<_>>(), ["DE", "ID", "XK"]);
    }

    #[test]
    fn mark_of_text_before_a_number_is_removed_and_counted() {
        let context = PhoneContext::default();
        let Outcome::Ok(found) = normalizer(Ruleset::CrmFr1).phone("'+33637481596", &context)
        else {
            panic!()
        };
        assert_eq!(found[0].repair(), Some(Repair::TextMark));
        assert_eq!(plain("''0637481596"), "phone_bad_character");
    }

    #[test]
    fn trap_t08_digits_of_other_scripts() {
        assert_eq!(plain("０１ ９９ ００ １２ ３４"), "+33199001234 fixed");
        assert_eq!(plain("٠١ ٩٩ ٠٠ ١٢ ٣٤"), "+33199001234 fixed");
        assert_eq!(plain("＋33 1 99 00 12 34"), "+33199001234 fixed");
    }

    #[test]
    fn trap_t09_second_numbers_extensions_and_words() {
        for raw in [
            "0199001234;0199001235",
            "0199001234,0199001235",
            "0199001234|5",
            "0199001234\n0199001235",
            "0199001234 & 0199001235",
            "0199001234 / 0199001235",
            "0199001234 +33199001235",
            "+33199001234,",
        ] {
            assert_eq!(plain(raw), "phone_multiple_values", "{raw}");
        }
        assert_eq!(plain("0199001234 0199001235"), "phone_too_long");
        // Last digits of a second line, and a day, would make another number where plans allow it.
        assert_eq!(read("030 123456/57", &in_row("DE", "")), "phone_multiple_values");
        assert_eq!(read("030/12345678", &in_row("DE", "")), "+493012345678 fixed");
        assert_eq!(read("20/11/2026", &in_row("DK", "")), "phone_is_date");
        assert_eq!(read("20 11 20 26", &in_row("DK", "")), "+4520112026 unknown");
        let extensions = [
            "tel:+33199001234;ext=12",
            "01 99 00 12 34 (12)",
            "01 99 00 12 34 poste 12",
            "01 99 00 12 34 POSTE. 12",
            "0199001234x12",
            "0199001234 ext.5",
            "0199001234 ext 5",
            "0199001234 extension 12",
            "0199001234#3",
            "0199001234 p. 7",
        ];
        for raw in extensions {
            assert_eq!(plain(raw), "phone_has_extension", "{raw}");
        }
        // Digits behind a German or Austrian number would make another one.
        assert_eq!(read("030 123456 (12)", &in_row("DE", "")), "phone_has_extension");
        assert_eq!(read("01 12345/01 54321", &in_row("AT", "")), "phone_multiple_values");
        // 33637481596 in 32 bits with a sign, and numbers behind the dash of a list.
        assert_eq!(plain("-722256772"), "phone_bad_character");
        assert_eq!(plain(" -0199001234 "), "phone_bad_character");
        assert_eq!(plain("- 01 99 00 12 34"), "+33199001234 fixed");
        for raw in ["p:+33637481596", "Tél. : 06 37 48 15 96", "Mobile 06 37 48 15 96"] {
            assert_eq!(plain(raw), "phone_has_label", "{raw}");
        }
        for raw in ["01 99 00 12 34 bureau", "0199OO1234", "poste 0199001234 jour", "sans"] {
            assert_eq!(plain(raw), "phone_has_letters", "{raw}");
        }
    }

    #[test]
    fn trap_t10_direction_marks_are_removed_anywhere() {
        assert_eq!(plain("\u{202A}01 99\u{202A} 00 12 34\u{202C}"), "+33199001234 fixed");
    }

    #[test]
    fn trap_t07_international_numbers_are_parsed_without_region() {
        // Golden values of the reference port of the same numbering plans.
        let golden = [
            ("+390212345678", "+390212345678 fixed"),
            ("+24106123456", "+24106123456 mobile"),
            ("+32470123456", "+32470123456 mobile"),
            ("+12015550123", "+12015550123 unknown"),
            ("+4915112345679", "+4915112345679 mobile"),
            ("+441632960961", "phone_invalid"),
            ("+590690123456", "+590690123456 mobile"),
            ("+33692123456", "phone_invalid"),
        ];
        for (raw, expected) in golden {
            assert_eq!(plain(raw), expected, "{raw}");
        }
    }

    #[test]
    fn trap_t06_overseas_numbers_need_evidence() {
        let numbers = [
            ("0690 12 34 56", "97110", "+590690123456 mobile"),
            ("0696 12 34 56", "97200", "+596696123456 mobile"),
            ("0694 12 34 56", "97300", "+594694123456 mobile"),
            ("0692 12 34 56", "97400", "+262692123456 mobile"),
            ("0639 01 23 45", "97600", "+262639012345 mobile"),
            ("0262 12 34 56", "97400", "+262262123456 fixed"),
            ("82 12 34", "98600", "+681821234 mobile"),
            ("75 12 34", "98800", "+687751234 mobile"),
            ("87 12 34 56", "98700", "+68987123456 mobile"),
        ];
        for (raw, code, expected) in numbers {
            assert_eq!(read(raw, &in_row("FR", code)), expected, "{raw} {code}");
        }
        assert_eq!(plain("0690 12 34 56"), "phone_region_missing");
        assert_eq!(read("0690 12 34 56", &in_row("FR", "75001")), "phone_invalid");
        assert_eq!(read("0690 12 34 56", &in_row("GP", "")), "+590690123456 mobile");
        assert_eq!(read("98 12 34 56", &in_row("FR", "98000")), "+37798123456 fixed");
        assert_eq!(read("98 12 34 56", &in_row("MC", "98000")), "+37798123456 fixed");
    }

    #[test]
    fn overseas_repair_needs_a_post_code_and_a_valid_result() {
        let context = in_row("RE", "97400");
        for raw in ["+33692123456", "+33 (0)692 12 34 56", "0033 692 12 34 56"] {
            assert_eq!(read(raw, &context), "+262692123456 mobile repaired", "{raw}");
        }
        assert_eq!(read("+33692123456", &in_row("FR", "75001")), "phone_invalid");
        assert_eq!(read("+33692123456", &in_row("RE", "")), "phone_invalid");
        assert_eq!(read("+33892123456", &context), "phone_not_personal");
        // Read as `00690...` this would be a number of Tokelau.
        assert_eq!(
            read("+33 (0)690 41 23 45", &in_row("FR", "97110")),
            "+590690412345 mobile repaired"
        );
    }

    #[test]
    fn region_comes_from_the_country_then_from_the_options() {
        assert_eq!(read("0470 12 34 57", &in_row("BE", "1000")), "+32470123457 mobile");
        assert_eq!(read("0199001234", &in_row("Frankreich", "")), "country_invalid");
        assert_eq!(read("+33199001234", &in_row("Frankreich", "")), "+33199001234 fixed");
        let mut options = Options::defaults(Ruleset::CrmIntl1);
        let number = "0470 12 34 57";
        let none = Normalizer::new(Ruleset::CrmIntl1, options.clone());
        let context = PhoneContext::default();
        for raw in [number, "0637481596", "33637481596", "12345"] {
            let code = none.phone(raw, &context).reason_code();
            assert_eq!(code, Some("phone_region_missing"), "{raw}");
        }
        assert!(matches!(none.phone("+33637481596", &context), Outcome::Ok(_)));
        options.set("default_phone_region", "BE").unwrap();
        let belgian = Normalizer::new(Ruleset::CrmIntl1, options);
        assert!(matches!(belgian.phone(number, &context), Outcome::Ok(_)));
    }

    #[test]
    fn international_ruleset_infers_nothing_from_post_codes() {
        let normalizer = normalizer(Ruleset::CrmIntl1);
        let code = |raw| normalizer.phone(raw, &in_row("FR", "97400")).reason_code();
        assert_eq!(code("0692 12 34 56"), Some("phone_region_missing"));
        assert_eq!(code("+33692123456"), Some("phone_invalid"));
    }

    #[test]
    fn every_refusal_has_its_code() {
        let cases = [
            ("0000000000", "phone_too_short"),
            ("3631", "phone_too_short"),
            ("+331", "phone_too_short"),
            ("0123", "phone_too_short"),
            ("*31*0199001234", "phone_bad_character"),
            ("++33199001234", "phone_bad_character"),
            ("0199+001234", "phone_bad_character"),
            ("()", "phone_bad_character"),
            ("+999199001234", "phone_invalid"),
            ("+49 802 000 000 000 000", "phone_invalid"),
            ("000199001234", "phone_invalid"),
            ("01990012345", "phone_invalid"),
            ("0836 65 65 65", "phone_not_personal"),
            ("+800 1234 5678", "phone_not_personal"),
            ("06 00 00 00 00", "generic_value"),
            ("06 66 66 66 66", "generic_value"),
            ("06 12 34 56 78", "generic_value"),
            ("01 23 45 67 89", "generic_value"),
            ("", "absent"),
            ("N/A", "absent"),
            ("01\u{0}99001234", "control_character"),
        ];
        for (raw, expected) in cases {
            assert_eq!(plain(raw), expected, "{raw:?}");
        }
        let mut options = Options::defaults(Ruleset::CrmFr1);
        options.set("fixed_line", "exclude").unwrap();
        let mobile_only = Normalizer::new(Ruleset::CrmFr1, options);
        let code = |raw| mobile_only.phone(raw, &PhoneContext::default()).reason_code();
        assert_eq!(code("01 99 00 12 34"), Some("phone_fixed_excluded"));
        assert_eq!(code("06 41 23 45 79"), None);
    }

    #[test]
    fn levels_follow_the_line() {
        let normalizer = normalizer(Ruleset::CrmFr1).with_phone_digits();
        let found = |raw| match normalizer.phone(raw, &PhoneContext::default()) {
            Outcome::Ok(found) => found,
            other => panic!("{other:?}"),
        };
        let fixed = found("01 99 00 12 34");
        assert_eq!(fixed[0].level(), Level::Household);
        assert_eq!((fixed[0].kind(), fixed[1].kind()), (Kind::Phone, Kind::PhoneDigits));
        assert_ne!(fixed[0].digest().expose_bytes(), fixed[1].digest().expose_bytes());
        assert_eq!(found("06 41 23 45 79")[0].level(), Level::Individual);
    }

    #[test]
    fn plaintext_numbers_are_recognised_by_shape() {
        for value in ["01 99 00 12 34", "+33199001234", "0033 (0)1.99"] {
            assert!(looks_like_number(value), "{value}");
        }
        assert!(!looks_like_number("0x1234567890"));
        assert!(!looks_like_number("not a number"));
    }

    /// Compiles every numbering plan of the library, so that none can fail for the first time
    /// on a customer's row.
    #[test]
    fn every_numbering_plan_of_the_library_works() {
        let mut valid_examples = 0;
        for region in PHONE_NUMBER_UTIL.get_supported_regions() {
            for number in ["0612345678", "5551234567", "21234567", "9012345", "100000000"] {
                if let Ok(number) = PHONE_NUMBER_UTIL.parse(number, Some(region)) {
                    let _ = PHONE_NUMBER_UTIL.get_number_type(&number);
                    valid_examples += usize::from(PHONE_NUMBER_UTIL.is_valid_number(&number));
                }
            }
        }
        assert!(valid_examples > 100, "{valid_examples}");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(raw in "\\PC{0,40}", code in "\\PC{0,8}") {
            let context = PhoneContext { country: Some("FR"), postcode: Some(&code) };
            let _ = normalizer(Ruleset::CrmFr1).phone(&raw, &context);
        }

        #[test]
        fn a_decimal_point_never_adds_a_digit(
            raw in "\\+?[1-9][0-9]{4,13}|0[0-9]{5,11}",
            point in "[.,]0{0,6}|[.,][0-9]",
            country in "DE|AT|IT|FR|US|ID|FI",
        ) {
            let normalizer = normalizer(Ruleset::CrmIntl1);
            let context = PhoneContext { country: Some(&country), postcode: None };
            let canonical = |raw: &str| {
                let found = normalizer.explain_phone(raw, &context).into_found();
                found.map(|found| found[0].canonical().to_owned())
            };
            if let Some(read) = canonical(&format!("{raw}{point}")) {
                prop_assert_eq!(Some(read), canonical(&raw));
            }
        }

        #[test]
        fn arbitrary_digits_never_panic_and_canonical_forms_are_stable(
            raw in "\\+?[0-9]{1,22}", country in "[A-Z]{2}"
        ) {
            let normalizer = normalizer(Ruleset::CrmIntl1);
            let context = PhoneContext { country: Some(&country), postcode: None };
            if let Some(found) = normalizer.explain_phone(&raw, &context).into_found() {
                let canonical = found[0].canonical();
                prop_assert!(canonical.len() <= 16, "at most 15 digits");
                let again = normalizer.explain_phone(canonical, &PhoneContext::default());
                let again = again.into_found();
                prop_assert!(again.is_some_and(|again| again[0].canonical() == canonical));
            }
        }
    }
}
