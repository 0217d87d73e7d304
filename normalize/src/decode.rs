//! First steps of every rule: checks on raw text, and the Unicode functions all rules share.
//!
//! White space, categories, normalization and lower-casing all come from one version of
//! Unicode ([`UNICODE_VERSION`]); the standard library's own tables are not used, because they
//! change with the compiler.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_locale_core::LanguageIdentifier;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};
use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace,
};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};
use zeroize::Zeroizing;

use super::reason::{Reason, Repair};

/// Value that yields no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Miss {
    /// Empty, or a null marker.
    Absent,
    /// Refused by a rule.
    Reject(Reason),
}

impl From<Reason> for Miss {
    fn from(reason: Reason) -> Self {
        Self::Reject(reason)
    }
}

/// Carries out section 2 of the rules; gives the value without its byte-order mark, untrimmed.
///
/// Order decides the reason: double encoding, null markers, control characters, length.
pub(super) fn checked(raw: &str) -> Result<&str, Miss> {
    let value = raw.strip_prefix('\u{FEFF}').unwrap_or(raw);
    if !value.is_ascii() && is_mojibake(value) {
        return Err(Reason::EncodingMojibake.into());
    }
    if is_null_marker(trim(value)) {
        return Err(Miss::Absent);
    }
    let control = |c: char| is_control(c) && !matches!(c, '\t' | '\n' | '\r');
    if value.chars().any(control) {
        return Err(Reason::ControlCharacter.into());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(Reason::TooLong.into());
    }
    Ok(value)
}

/// Tells if a trimmed value stands for "nothing", whatever its ASCII case.
#[must_use]
pub fn is_null_marker(trimmed: &str) -> bool {
    NULL_MARKERS.iter().any(|marker| marker.eq_ignore_ascii_case(trimmed))
}

/// Removes Unicode `White_Space` at both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_white_space)
}

/// True if a character has the property `White_Space`.
pub(super) fn is_white_space(c: char) -> bool {
    if c.is_ascii() { matches!(c, '\t'..='\r' | ' ') } else { WHITE_SPACE.contains(c) }
}

/// True if a character is a letter, category L.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    GeneralCategoryGroup::Letter.contains(CATEGORY.get(c))
}

/// Removes format characters (category Cf) anywhere.
pub(super) fn without_format(text: &str) -> Zeroizing<String> {
    if text.is_ascii() {
        return Zeroizing::new(text.to_owned());
    }
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|&c| CATEGORY.get(c) != GeneralCategory::Format));
    kept
}

/// Removes invisible characters that come with copied text and belong to no address: soft hyphens,
/// zero-width spaces, word joiners, byte-order marks, and marks of direction.
pub(super) fn without_stray(text: &str) -> Zeroizing<String> {
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|&c| !is_stray(c)));
    kept
}

/// Removes one apostrophe before a value, by which spreadsheets mark text.
pub(super) fn without_text_mark(trimmed: &str) -> (&str, Option<Repair>) {
    match trimmed.strip_prefix('\'') {
        Some(rest) => (rest, Some(Repair::TextMark)),
        None => (trimmed, None),
    }
}

/// True if a number bears the mark of a column of decimal numbers, whose zero after the point
/// would become a digit: `1717654321.0`, `1717654321,00`, `1.717.654.321,0`, `1717654321.`.
///
/// Dots between groups are none, unless the last group is one digit.
pub(super) fn is_decimal(number: &str) -> bool {
    let Some((head, tail)) = number.rsplit_once(['.', ',']) else {
        return false;
    };
    let comma = number.as_bytes().get(head.len()) == Some(&b',');
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if tail.is_empty() {
        return !comma && digits(head) && !head.starts_with('0');
    }
    let one_digit = tail.len() == 1 && digits(tail);
    let zeros = tail.bytes().all(|byte| byte == b'0');
    let point = comma || !head.contains('.');
    let number = head.contains(|c: char| c.is_ascii_digit()) && !head.chars().any(is_letter);
    number && (one_digit || (zeros && point))
}

/// True if a character is a letter or a number of any script.
pub(super) fn is_alphanumeric(c: char) -> bool {
    is_letter(c) || GeneralCategoryGroup::Number.contains(CATEGORY.get(c))
}

/// True if a character is a letter, a mark or a digit, visible, and none that stands for a
/// quotation mark.
pub(super) fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let category = CATEGORY.get(c);
    let word =
        [GeneralCategoryGroup::Letter, GeneralCategoryGroup::Mark, GeneralCategoryGroup::Number];
    word.into_iter().any(|group| group.contains(category))
        && category != GeneralCategory::OtherNumber
        && !IGNORABLE.contains(c)
        && !SPACING_MODIFIERS.contains(&c)
}

/// True if a character is punctuation that no domain name holds.
pub(super) fn is_foreign_punctuation(c: char) -> bool {
    !c.is_ascii()
        && GeneralCategoryGroup::Punctuation.contains(CATEGORY.get(c))
        && !DOMAIN_PUNCTUATION.contains(&c)
}

/// True if a character is a number of another kind than a decimal digit, such as `²` or `①`.
pub(super) fn is_odd_number(c: char) -> bool {
    !c.is_ascii() && CATEGORY.get(c) == GeneralCategory::OtherNumber
}

/// Normalization form C.
pub(super) fn nfc(text: &str) -> Zeroizing<String> {
    owned(if text.is_ascii() { Cow::Borrowed(text) } else { NFC.normalize(text) })
}

/// Normalization form KC.
pub(super) fn nfkc(text: &str) -> Zeroizing<String> {
    owned(if text.is_ascii() { Cow::Borrowed(text) } else { NFKC.normalize(text) })
}

/// The full default lower-case mapping, of no locale.
pub(super) fn lower(text: &str) -> Zeroizing<String> {
    if text.is_ascii() {
        return Zeroizing::new(text.to_ascii_lowercase());
    }
    owned(CaseMapper::new().lowercase_to_string(text, &LanguageIdentifier::UNKNOWN))
}

/// The value of a decimal digit of any script, category Nd.
pub(super) fn decimal_digit(c: char) -> Option<u8> {
    if c.is_ascii() {
        return u8::try_from(c.to_digit(10)?).ok();
    }
    let category = |code: u32| CATEGORY.get32(code) == GeneralCategory::DecimalNumber;
    let code = u32::from(c);
    if !category(code) {
        return None;
    }
    // Decimal digits are encoded as whole runs of ten, some runs side by side.
    let digit = |back: &u32| code.checked_sub(*back).is_some_and(category);
    let run = (1..=DIGIT_RUN_MAX).take_while(digit).count();
    u8::try_from(run % 10).ok()
}

/// True if the Unicode tables in this build are those of [`UNICODE_VERSION`].
///
/// Looks at one property that each table has since that version and not before: a category,
/// a compatibility decomposition, and a lower-case mapping.
pub(super) fn unicode_version_holds() -> bool {
    let category = CATEGORY.get('\u{1DB00}') == GeneralCategory::MathSymbol;
    let decomposition = *NFKD.normalize("\u{558}") == *"\u{567}";
    let lower_case = *lower("\u{A7DD}") != *"\u{A7DD}";
    category && decomposition && lower_case
}

/// True if text was decoded twice, as in `FranÃ§ois`, or lost characters on the way.
fn is_mojibake(text: &str) -> bool {
    let mut previous = ['\0'; 2];
    for c in text.chars() {
        let [before, last] = previous;
        let doubled = matches!(last, '\u{C2}' | '\u{C3}')
            && (matches!(c, '\u{80}'..='\u{BF}') || WINDOWS_1252.contains(c));
        let apostrophe = before == '\u{E2}' && last == '\u{20AC}' && c == '\u{2122}';
        if c == '\u{FFFD}' || doubled || apostrophe {
            return true;
        }
        previous = [last, c];
    }
    false
}

/// Category Cc, which never changes.
fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}')
}

fn is_stray(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{61C}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{FEFF}'
    )
}

fn owned(text: Cow<'_, str>) -> Zeroizing<String> {
    Zeroizing::new(text.into_owned())
}

/// The version of Unicode of every table used here and by the domain rules.
pub(super) const UNICODE_VERSION: &str = "18.0.0";

/// The longest value read, in bytes.
const VALUE_BYTES_MAX: usize = 1_024;

/// Characters that windows-1252 has in place of U+0080 to U+009F.
const WINDOWS_1252: &str = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

/// Longest row of digits encoded side by side, less one.
const DIGIT_RUN_MAX: u32 = 59;

/// Values that stand for "nothing", in ASCII lower case.
pub(super) const NULL_MARKERS: [&str; 16] = [
    "",
    "null",
    "none",
    "nil",
    "nan",
    "n/a",
    "na",
    "nc",
    "#n/a",
    "undefined",
    "unknown",
    "inconnu",
    "-",
    "--",
    ".",
    "?",
];

/// Letters that look like apostrophes, primes and quotation marks.
const SPACING_MODIFIERS: core::ops::RangeInclusive<char> = '\u{2B0}'..='\u{2FF}';

/// Punctuation that rules for domain names admit in some context (RFC 5892, appendix A).
const DOMAIN_PUNCTUATION: [char; 5] = ['\u{B7}', '\u{375}', '\u{5F3}', '\u{5F4}', '\u{30FB}'];

static CATEGORY: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();
static WHITE_SPACE: CodePointSetDataBorrowed<'static> = CodePointSetData::new::<WhiteSpace>();
static IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();
static NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
static NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfkc();
static NFKD: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizerBorrowed::new_nfkd();

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    fn reason(raw: &str) -> Reason {
        match checked(raw) {
            Err(Miss::Reject(reason)) => reason,
            _ => panic!("not refused"),
        }
    }

    #[test]
    fn null_markers_are_absent_in_any_case() {
        for marker in NULL_MARKERS {
            let padded = format!(" \u{A0}{}\t", marker.to_uppercase());
            assert_eq!(checked(&padded), Err(Miss::Absent), "{marker}");
        }
        assert_eq!(checked("\u{FEFF}"), Err(Miss::Absent));
        assert!(checked("nope").is_ok());
    }

    #[test]
    fn double_encoding_is_refused_and_real_accents_are_not() {
        for raw in [
            "Fran\u{C3}\u{A7}ois",
            "\u{C3}\u{2030}ric@x",
            "\u{C3}\u{20AC}x",
            "\u{C2}\u{A0}x",
            "l\u{E2}\u{20AC}\u{2122}x",
            "a\u{FFFD}",
        ] {
            assert_eq!(reason(raw), Reason::EncodingMojibake);
        }
        for raw in ["François", "\u{C3}o", "\u{C2}me", "\u{E2}\u{20AC}", "JOSÉ\u{C3}"] {
            assert!(checked(raw).is_ok(), "{raw}");
        }
    }

    #[test]
    fn control_characters_and_length_have_their_codes() {
        for raw in ["a\0b", "a\u{7F}", "a\u{85}b", "\u{9F}x", "a\u{B}b"] {
            assert_eq!(reason(raw), Reason::ControlCharacter);
        }
        assert!(checked("a\tb\r\n").is_ok());
        assert!(checked(&"a".repeat(VALUE_BYTES_MAX)).is_ok());
        assert_eq!(reason(&"a".repeat(VALUE_BYTES_MAX + 1)), Reason::TooLong);
        // The first rule that applies gives the code.
        assert_eq!(reason(&"\0".repeat(VALUE_BYTES_MAX + 1)), Reason::ControlCharacter);
    }

    #[test]
    fn white_space_is_trimmed_and_format_characters_are_not() {
        assert_eq!(trim("\u{A0}\u{2003} a b\u{3000}\u{85}\t"), "a b");
        assert_eq!(trim("\u{200B}a"), "\u{200B}a");
        let text = "a\u{AD}\u{200B}\u{200E}\u{202A}\u{2060}\u{FEFF}b";
        assert_eq!(*without_format(text), "ab");
    }

    #[test]
    fn decimal_numbers_are_told_from_grouped_ones() {
        for text in [
            "33637481596.0",
            "+436641234567.0",
            "0664 1234567.0",
            "1717654321.00",
            "1717654321.000000",
            "1717654321,0",
            "1.717.654.321,00",
            "1,717,654,321.0",
            "1 717 654 321.0",
            "33.637.481.596.0",
            "-1717654321.0",
            "33637481596.",
            "33637481596.5",
        ] {
            assert!(is_decimal(text), "{text}");
        }
        for text in [
            "06.37.48.15.96",
            "06.37.48.15.00",
            "06.37.48.00.00",
            "0664.1234567",
            "0637481596",
            "0637481596.",
            "06 37 48 15 96.",
            "06.37.48.15.96.",
            "0637481596,",
            "0199001234 ext.5",
            ".0",
            ".",
            "",
        ] {
            assert!(!is_decimal(text), "{text}");
        }
    }

    #[test]
    fn letters_of_every_script_are_words_and_quotation_marks_are_not() {
        for c in "aZ9éßжあ々ー〇한\u{301}\u{94D}٣".chars() {
            assert!(is_word(c), "{c:?}");
        }
        let quotes = "«»“”„‘’‚‹›「」″′＇՚\u{2BC}\u{2BB}\u{2EE}\u{2B9}'`\"";
        let joiners = "\u{AD}\u{200B}\u{200C}\u{200D}\u{2060}";
        let fillers = "\u{34F}\u{115F}\u{180B}\u{3164}\u{FE0F}\u{E0100}";
        let others = " \u{A0}²①😀→€\u{E000}\u{378}()[]:\\,";
        for c in [quotes, joiners, fillers, others].iter().flat_map(|text| text.chars()) {
            assert!(!is_word(c), "{c:?}");
        }
    }

    #[test]
    fn lower_case_is_full_and_has_no_locale() {
        assert_eq!(*lower("ÉRIC"), "éric");
        assert_eq!(*lower("ΟΔΟΣ"), "οδος");
        assert_eq!(*lower("İ"), "i\u{307}");
        assert_eq!(*lower("STRAẞE"), "straße");
        assert_eq!(*lower("I"), "i");
    }

    #[test]
    fn decimal_digits_of_every_script_are_whole_runs_of_ten() {
        let runs = CATEGORY.iter_ranges_for_value(GeneralCategory::DecimalNumber);
        let mut seen = 0_u32;
        for run in runs {
            let length = run.end() - run.start() + 1;
            assert_eq!(length % 10, 0);
            assert!(length <= DIGIT_RUN_MAX + 1);
            for (position, code) in run.enumerate() {
                let digit = decimal_digit(char::from_u32(code).unwrap());
                assert_eq!(digit, Some(u8::try_from(position % 10).unwrap()));
                seen += 1;
            }
        }
        assert!(seen >= 760, "{seen}");
        assert_eq!(decimal_digit('٣'), Some(3));
        assert_eq!(decimal_digit('x'), None);
        assert_eq!(decimal_digit('½'), None);
    }

    /// The whole of Unicode as this build sees it: any update of the tables shows here, and is
    /// a change of the ruleset.
    #[test]
    fn unicode_tables_are_the_pinned_ones() {
        assert!(unicode_version_holds());
        let mut hasher = Sha256::new();
        for c in '\0'..=char::MAX {
            let mut buffer = [0; 4];
            let text: &str = c.encode_utf8(&mut buffer);
            let sets = [WHITE_SPACE, IGNORABLE].map(|set| u8::from(set.contains(c)));
            hasher.update([CATEGORY.get(c) as u8]);
            hasher.update(sets);
            for form in [NFC.normalize(text), NFKC.normalize(text), NFKD.normalize(text)] {
                hasher.update(form.as_bytes());
                hasher.update([0xFF]);
            }
            hasher.update(lower(text).as_bytes());
            hasher.update([0xFF]);
        }
        let digest: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "2ed5478c7c274be5dc8a266565f3b3a0bc850a1219d1af8b20896a596a1a1c85");
    }
}
