//! Marks that other programs leave on a value: formulas, scientific notation, labels, digests.
//!
//! A value that bears one is no identifier as it stands. Each mark has a reason of its own, so
//! that the owner of the file learns what to change in the export.

use super::decode;
use super::prehashed;

/// True if a trimmed value is a formula that yields a text: `="0637481596"`, `=HYPERLINK("...")`.
///
/// An equals sign alone is a letter of addresses.
pub(super) fn is_formula(trimmed: &str) -> bool {
    trimmed.starts_with('=') && trimmed.contains(['"', '('])
}

/// True if a trimmed value is a digest as databases and tools write them: hexadecimal of the
/// length of MD5, SHA-1 or a member of SHA-2, also behind `\x` or `0x`; Base64 of the length of
/// SHA-256, of MD5 or SHA-1 with their padding, or of the hexadecimal text of SHA-256.
pub(super) fn is_digest(trimmed: &str) -> bool {
    if !trimmed.contains(|c: char| c.is_ascii_alphabetic()) {
        return false;
    }
    let digits = prehashed::without_hex_prefix(trimmed);
    let hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hexadecimal && DIGEST_DIGITS.contains(&digits.len()) {
        return true;
    }
    prehashed::is_base64(trimmed)
}

/// True if a trimmed value is a number in the notation of science, whatever the language:
/// `3,36123E+10`, `3.36e10`, `3,36×10^10`.
pub(super) fn is_scientific(trimmed: &str) -> bool {
    let Some((mantissa, exponent)) = halves(trimmed) else {
        return false;
    };
    let mantissa = decode::trim(mantissa).trim_start_matches(['+', '-']);
    let fraction = mantissa.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = decode::trim(exponent).trim_start_matches(['+', '-', '\u{2212}']);
    let power = (1..=EXPONENT_DIGITS_MAX).contains(&exponent.len()) && digits(exponent);
    let point = ['.', ',', '\u{66B}'];
    let fraction_holds = fraction.is_empty()
        || fraction.starts_with(point) && digits(fraction.trim_start_matches(point));
    fraction.len() < mantissa.len() && fraction_holds && power
}

/// Mantissa and exponent, apart from the sign of the power of ten between them.
fn halves(text: &str) -> Option<(&str, &str)> {
    if let Some(halves) = text.split_once("10^") {
        let mantissa = decode::trim(halves.0).strip_suffix(['\u{D7}', 'x', 'X', '*'])?;
        return Some((mantissa, halves.1));
    }
    // The second pair is Cyrillic.
    text.split_once(['E', 'e', '\u{415}', '\u{435}'])
}

/// True if a number is in groups of three as spreadsheets show large numbers: `33,637,481,596`,
/// `33'637'481'596`.
pub(super) fn is_grouped(number: &str) -> bool {
    let mut groups = number.split([',', '\'', '\u{2019}']);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next().is_some_and(|text| (1..=3).contains(&text.len()) && digits(text));
    let mut threes = 0;
    let rest = groups.all(|text| {
        threes += 1;
        text.len() == 3 && digits(text)
    });
    first && rest && threes >= 2
}

/// True if words and a colon, or words and a space, stand before a number, as lead forms and
/// address books write it: `p:+33637481596`, `Mobile 06 37 48 15 96`.
pub(super) fn has_label(number: &str) -> bool {
    let Some(at) = number.find(|c: char| c.is_ascii_digit() || c == '+') else {
        return false;
    };
    let (label, rest) = number.split_at(at);
    let letters = label.chars().filter(|&c| decode::is_letter(c)).count();
    let colon = decode::trim(label).ends_with(':');
    let apart = label.ends_with(|c: char| c == '.' || c == ':' || decode::is_white_space(c));
    let labelled = letters > 0 && colon || letters > 1 && apart;
    labelled && !rest.chars().any(decode::is_letter)
}

/// True if a number ends with digits in parentheses, which are a line behind it or a second one.
pub(super) fn ends_in_parentheses(number: &str) -> bool {
    let Some((head, tail)) = number.strip_suffix(')').and_then(|open| open.rsplit_once('(')) else {
        return false;
    };
    let inside = !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit());
    inside && head.contains(|c: char| c.is_ascii_digit())
}

/// True if a cell holds more than one number, by what stands between them.
///
/// A slash stands between a city and a line too, as in `0664/1234567`.
pub(super) fn holds_several(number: &str) -> bool {
    if number.contains([';', ',', '|', '&', '\n', '\r']) {
        return true;
    }
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    let parted = |(at, sign): (usize, &str)| {
        let (before, after) = number.split_at(at);
        let after = decode::trim(after.trim_start_matches(sign));
        match sign {
            "+" => digits(before) >= NUMBER_DIGITS_MIN && digits(after) >= NUMBER_DIGITS_MIN,
            _ => {
                let begins = after.trim_start_matches('(').starts_with(['0', '+']);
                begins && digits(before) >= WITH_CITY_MIN && digits(after) >= WITH_CITY_MIN
            }
        }
    };
    number.match_indices(['+', '/']).any(parted) || ends_in_alternative(number)
}

/// True if a number ends with a slash and the last digits of a second one, as in `030 123456/57`.
fn ends_in_alternative(number: &str) -> bool {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    number.split_once('/').is_some_and(|(head, tail)| {
        let alone = !tail.contains('/') && (1..=ALTERNATIVE_DIGITS_MAX).contains(&digits(tail));
        alone && digits(head) >= WITH_CITY_MIN
    })
}

/// True if a value is a day as files write it: `2026-11-21`, `21/11/2026`, `21.11.2026`.
///
/// In plans of eight digits many a day would be a number.
pub(super) fn is_day(trimmed: &str) -> bool {
    let parts: Vec<&str> = trimmed.split(['-', '/', '.']).collect();
    let [first, month, last] = parts.as_slice() else {
        return false;
    };
    let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
    let within = |text: &str, length: usize, range: core::ops::RangeInclusive<u16>| {
        text.len() == length && text.parse().is_ok_and(|number: u16| range.contains(&number))
    };
    // Some write the month first.
    let day_and_month = within(day, 2, 1..=31) && within(month, 2, 1..=31);
    let one_is_month = within(day, 2, 1..=12) || within(month, 2, 1..=12);
    within(year, 4, 1900..=2099) && day_and_month && one_is_month
}

/// Hexadecimal digits of MD5, SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512.
const DIGEST_DIGITS: [usize; 6] = [32, 40, 56, 64, 96, 128];
const ALTERNATIVE_DIGITS_MAX: usize = 3;
const EXPONENT_DIGITS_MAX: usize = 3;
/// Fewest digits of a number.
const NUMBER_DIGITS_MIN: usize = 5;
/// Fewest digits of a number with its city, without which none is valid.
const WITH_CITY_MIN: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "039937e1bb79178632b8e4af3f0caa3f0a9fc196e8ce71ae9eeacb5d9d132337";

    #[test]
    fn scientific_notation_is_known_in_every_language() {
        for text in [
            "3,36123E+10",
            "3.36123E+10",
            "3,36E+10",
            "3,36e+10",
            "3.3637481596e10",
            "+3,36E+10",
            "-3,36E+10",
            "3E10",
            "3,36 E+10",
            "3,36E+010",
            "3\u{66B}36E+10",
            "3,36\u{415}+10",
            "3,36\u{D7}10^10",
            "3.36 * 10^10",
            "33637481596e0",
        ] {
            assert!(is_scientific(text), "{text}");
        }
        for text in
            ["0637481596", "E+10", "3,3,6E+10", "3.36E", "3.36E+1234", "3 36E+10", "36ext12"]
        {
            assert!(!is_scientific(text), "{text}");
        }
    }

    #[test]
    fn digests_are_known_however_a_tool_writes_them() {
        let short = [32, 40, 56].map(|length| DIGEST[..length].to_owned());
        let long = [32, 64].map(|more| format!("{DIGEST}{}", &DIGEST[..more]));
        let marked = ["\\x", "0x", "\\X", "0X"].map(|mark| format!("{mark}{DIGEST}"));
        for text in short.iter().chain(&long).chain(&marked) {
            assert!(is_digest(text), "{text}");
        }
        for text in [
            DIGEST,
            &DIGEST.to_uppercase(),
            "KSFohbTYO/eoyzb5++lB2Oc/p4EF6LTr0qa6B/mrTTE=",
            "KSFohbTYO_eoyzb5--lB2Oc_p4EF6LTr0qa6B_mrTTE",
            "1B2M2Y8AsgTpgAmY7PhCfg==",
            "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
        ] {
            assert!(is_digest(text), "{text}");
        }
        for text in
            ["0637481596", "jane.roux", &DIGEST[..63], &"1".repeat(32), "1B2M2Y8AsgTpgAmY7PhCfg"]
        {
            assert!(!is_digest(text), "{text}");
        }
    }

    #[test]
    fn labels_are_told_from_letters_in_a_number() {
        for text in
            ["p:+33637481596", "Tel.: 0637481596", "Mobile 06 37 48 15 96", "Tél. 0637481596"]
        {
            assert!(has_label(text), "{text}");
        }
        for text in
            ["O637481596", "O6 37 48 15 96", "0637481596 bureau", "sans", "x12", "0637481596"]
        {
            assert!(!has_label(text), "{text}");
        }
    }

    #[test]
    fn cells_with_several_numbers_are_told_from_numbers_with_a_slash() {
        for text in [
            "0637481596;0142868326",
            "0637481596 & 0142868326",
            "0637481596\n0142868326",
            "0637481596 +33142868326",
            "0637481596+33142868326",
            "01 12345/01 54321",
            "0637481596 / (01) 42868326",
            "030 123456/57",
            "030 123456 / -57",
        ] {
            assert!(holds_several(text), "{text}");
        }
        for text in [
            "0664/1234567",
            "0049 7755/911555",
            "0470/12.34.57",
            "030/123",
            "+49 (0)7755/9115555",
            "01/99/00/12/34",
            "+33/1/99/00/12/34",
            "00+33637481596",
            "++33637481596",
        ] {
            assert!(!holds_several(text), "{text}");
        }
    }

    #[test]
    fn digits_in_parentheses_at_the_end_are_no_part_of_a_number() {
        for text in ["030 123456 (12)", "+33637481596 (2)"] {
            assert!(ends_in_parentheses(text), "{text}");
        }
        for text in ["(415) 555-2671", "+33 (0)637481596", "(0637481596)", "06 37 ()"] {
            assert!(!ends_in_parentheses(text), "{text}");
        }
    }

    #[test]
    fn days_are_told_from_numbers_with_the_same_marks() {
        for text in ["2026-11-21", "21/11/2026", "11/21/2026", "01.02.1999", "2026/11/21"] {
            assert!(is_day(text), "{text}");
        }
        for text in
            ["20-26-11-21", "21.11.20.26", "2611-2026", "2026-31-31", "0664-12-2026", "1.2.2026"]
        {
            assert!(!is_day(text), "{text}");
        }
    }

    #[test]
    fn groups_of_three_are_a_large_number() {
        for text in ["33,637,481,596", "33'637'481'596", "637,481,596"] {
            assert!(is_grouped(text), "{text}");
        }
        for text in ["0637481596,0142868326", "637,481", "33,6374,815", "06,37,48,15,96", ""] {
            assert!(!is_grouped(text), "{text}");
        }
    }

    #[test]
    fn formulas_are_told_from_addresses_with_an_equals_sign() {
        assert!(is_formula("=\"0637481596\"") && is_formula("=HYPERLINK(A1)"));
        assert!(!is_formula("=jane@exemple.fr") && !is_formula("a=\"b\""));
    }
}
