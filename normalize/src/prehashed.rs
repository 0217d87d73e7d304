//! Pre-hashed columns: SHA-256 digests made elsewhere, under rules that the column declares.
//!
//! The decoded 32 bytes enter the protocol as they are. They meet a canonical identifier only
//! if the source's rules give the same string; validity, role mailboxes, typing errors and the
//! line of a telephone can no longer be judged, and the report says so.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::decode::{self, Miss};
use super::generic;
use super::phone;
use super::reason::{Reason, Repair};
use super::shape;
use super::{IdentifierDigest, Kind};

/// The rules an e-mail column was made by before hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailPrehash {
    /// Trimmed and lower-cased, nothing else.
    Plain,
    /// Rules that drop dots and tags of Gmail addresses: `uid2`, `euid`, `ttd`.
    Uid2,
    /// The rules of the Google libraries, `google-java` or `google-python`.
    Google,
    /// Tags dropped for every domain.
    Tiktok,
    /// Only letters, digits, dot and hyphen kept.
    Amazon,
    /// Our own strict form.
    Strict,
    /// Our own Gmail form.
    Gmail,
}

impl EmailPrehash {
    /// Reads the declaration of a column, such as `uid2` or `crm-fr/1`; `None` if unknown.
    ///
    /// A column in the Gmail form of our own rules is declared as `crm-fr/1 email.gmail`.
    #[must_use]
    pub fn parse(declared: &str) -> Option<Self> {
        match declared.trim() {
            "plain" => Some(Self::Plain),
            "uid2" | "euid" | "ttd" => Some(Self::Uid2),
            "google-java" | "google-python" => Some(Self::Google),
            "tiktok" => Some(Self::Tiktok),
            "amazon" => Some(Self::Amazon),
            "crm-fr/1" | "crm-intl/1" | "crm-fr/1 email.strict" | "crm-intl/1 email.strict" => {
                Some(Self::Strict)
            }
            "crm-fr/1 email.gmail" | "crm-intl/1 email.gmail" => Some(Self::Gmail),
            _ => None,
        }
    }

    /// The kinds a digest of this column is emitted as.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Plain | Self::Tiktok | Self::Amazon | Self::Strict => &[Kind::EmailStrict],
            Self::Uid2 | Self::Google => &[Kind::EmailStrict, Kind::EmailGmail],
            Self::Gmail => &[Kind::EmailGmail],
        }
    }
}

/// The rules a telephone column was made by before hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhonePrehash {
    /// E.164 with `+`.
    E164,
    /// The digits of E.164, without `+`.
    Digits,
}

impl PhonePrehash {
    /// Reads the declaration of a column, such as `phone-e164`; `None` if unknown.
    #[must_use]
    pub fn parse(declared: &str) -> Option<Self> {
        match declared.trim() {
            "phone-e164" | "crm-fr/1" | "crm-intl/1" => Some(Self::E164),
            "phone-digits" => Some(Self::Digits),
            _ => None,
        }
    }

    /// The kind a digest of this column is emitted as.
    #[must_use]
    pub const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::E164 => &[Kind::Phone],
            Self::Digits => &[Kind::PhoneDigits],
        }
    }
}

/// Decodes one digest by section 10.1 of the rules.
///
/// Lists are those of placeholders, by digest.
pub(super) fn decode(raw: &str, lists: bool) -> Result<(IdentifierDigest, Option<Repair>), Miss> {
    let value = decode::trim(decode::checked(raw)?);
    let digits = without_hex_prefix(value);
    let repair = (digits.len() < value.len()).then_some(Repair::HexPrefix);
    let digest = from_hex(digits).or_else(|| from_base64(value));
    let digest = digest.ok_or_else(|| refusal(value))?;
    if lists && generic::is_generic_digest(&digest) {
        return Err(Reason::PrehashGenericValue.into());
    }
    Ok((IdentifierDigest::from_bytes(*digest), repair))
}

/// Removes the mark by which databases write bytes in hexadecimal: `\x`, `0x`.
pub(super) fn without_hex_prefix(value: &str) -> &str {
    let marks = ["\\x", "\\X", "0x", "0X"];
    match marks.into_iter().find_map(|mark| value.strip_prefix(mark)) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => digits,
        _ => value,
    }
}

/// True if a value is Base64 of 32 bytes, of their hexadecimal text, or of 16 or 20 bytes with
/// the padding, without which a word may look like it.
pub(super) fn is_base64(value: &str) -> bool {
    let padded = |bytes: &mut [u8]| value.ends_with('=') && base64(value, bytes).is_some();
    from_base64(value).is_some()
        || is_base64_of_hex(value)
        || padded(Zeroizing::new([0; 16]).as_mut_slice())
        || padded(Zeroizing::new([0; 20]).as_mut_slice())
}

/// The reason for a value that is not a digest.
fn refusal(value: &str) -> Reason {
    let hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    if shape::is_formula(value) {
        Reason::SpreadsheetFormula
    } else if is_base64_of_hex(value) {
        Reason::PrehashBase64OfHex
    } else if hex && matches!(value.len(), 32 | 40) {
        Reason::PrehashAlgorithmRefused
    } else if value.contains('@') || phone::looks_like_number(value) {
        Reason::PrehashIsPlaintext
    } else {
        Reason::PrehashMalformed
    }
}

/// Base64 of the 64 hexadecimal characters instead of the 32 bytes [trap-13].
fn is_base64_of_hex(value: &str) -> bool {
    let mut decoded = Zeroizing::new([0; 64]);
    (86..=88).contains(&value.len())
        && base64(value, decoded.as_mut_slice()).is_some()
        && decoded.iter().all(u8::is_ascii_hexdigit)
}

fn from_hex(value: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut digest = Zeroizing::new([0; 32]);
    if value.len() != 2 * digest.len() {
        return None;
    }
    HEXLOWER_PERMISSIVE.decode_mut(value.as_bytes(), digest.as_mut_slice()).ok()?;
    Some(digest)
}

fn from_base64(value: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut digest = Zeroizing::new([0; 32]);
    base64(value, digest.as_mut_slice())?;
    Some(digest)
}

/// Decodes Base64 of exactly `out.len()` bytes, 64 at most: standard or URL alphabet, not both;
/// padding whole or absent; unused bits zero.
fn base64(value: &str, out: &mut [u8]) -> Option<()> {
    let encoding = match (value.contains(['-', '_']), value.ends_with('=')) {
        (false, false) => BASE64_NOPAD,
        (false, true) => BASE64,
        (true, false) => BASE64URL_NOPAD,
        (true, true) => BASE64URL,
    };
    // Padding stands at the end alone, not after a part of the value too.
    if value.trim_end_matches('=').contains('=') {
        return None;
    }
    // Before padding is looked at, it counts as bytes.
    let mut decoded = Zeroizing::new([0; 66]);
    let room = decoded.get_mut(..encoding.decode_len(value.len()).ok()?)?;
    let len = encoding.decode_mut(value.as_bytes(), room).ok()?;
    if len != out.len() {
        return None;
    }
    out.copy_from_slice(decoded.get(..len)?);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Normalizer, Options, Outcome, Ruleset};
    use super::*;

    const HEX: &str = "29216885b4d83bf7a8cb36f9fbe941d8e73fa78105e8b4ebd2a6ba07f9ab4d31";
    const BASE64: &str = "KSFohbTYO/eoyzb5++lB2Oc/p4EF6LTr0qa6B/mrTTE=";

    fn normalizer() -> Normalizer {
        Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1))
    }

    fn email(raw: &str) -> Outcome {
        normalizer().email_sha256(raw, Some(EmailPrehash::Plain))
    }

    fn digest(raw: &str) -> [u8; 32] {
        let Outcome::Ok(found) = email(raw) else { panic!("not accepted") };
        *found[0].digest().expose_bytes()
    }

    fn encode(bytes: &[u8]) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let mut group = [0; 3];
            group[..chunk.len()].copy_from_slice(chunk);
            let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
            for position in 0..4 {
                let digit = (bits >> (18 - 6 * position)) & 63;
                let padding = position > chunk.len();
                text.push(if padding { '=' } else { ALPHABET[digit as usize] as char });
            }
        }
        text
    }

    #[test]
    fn accepts_every_encoding_of_the_same_bytes() {
        let expected = digest(HEX);
        assert_eq!(expected[..4], [0x29, 0x21, 0x68, 0x85]);
        let url = BASE64.replace('+', "-").replace('/', "_");
        let spellings = [
            HEX.to_uppercase(),
            format!(" {HEX}\t"),
            BASE64.to_owned(),
            BASE64.trim_end_matches('=').to_owned(),
            url.trim_end_matches('=').to_owned(),
            url,
        ];
        for raw in spellings {
            assert_eq!(digest(&raw), expected, "{raw}");
        }
    }

    #[test]
    fn marks_of_hexadecimal_are_removed_and_counted() {
        for mark in ["\\x", "0x", "0X"] {
            let Outcome::Ok(found) = email(&format!("{mark}{HEX}")) else { panic!("{mark}") };
            assert_eq!(*found[0].digest().expose_bytes(), digest(HEX), "{mark}");
            assert_eq!(found[0].repair(), Some(Repair::HexPrefix), "{mark}");
        }
        let marked = format!("\\x{HEX}");
        let Outcome::Ok(found) = normalizer().email_sha256(&marked, EmailPrehash::parse("uid2"))
        else {
            panic!()
        };
        let repairs: Vec<_> = found.iter().map(|form| form.repair()).collect();
        assert_eq!(repairs, [Some(Repair::HexPrefix), None]);
    }

    #[test]
    fn digest_of_a_plaintext_column_is_the_same() {
        let Outcome::Ok(found) = normalizer().email("Camille.Exemple@example.net") else {
            panic!("not accepted")
        };
        assert_eq!(*found[0].digest().expose_bytes(), digest(HEX));
    }

    #[test]
    fn every_refusal_has_its_code() {
        let base64_of_hex = encode(HEX.as_bytes());
        assert!(base64_of_hex.starts_with("MjkyMTY4ODViNGQ4") && base64_of_hex.len() == 88);
        let no_padding = base64_of_hex.trim_end_matches('=');
        let mixed = BASE64.replace('+', "-");
        let loose_bits = BASE64.replace("TTE=", "TTF=");
        let prefixed = format!("\\x{HEX}{HEX}");
        let formula = format!("=\"{HEX}\"");
        let md5 = &HEX[..32];
        let sha1 = &HEX[..40];
        let digits = "12345678901234567890123456789012";
        // Two pieces with padding of their own are 32 bytes together.
        let pieces = format!("{}{}", encode(&[1]), encode(&[2; 31]));
        let pieces_of_hex = format!("{}{}", encode(&[b'a'; 32]), encode(&[b'a'; 32]));
        let cases: [(&str, &str); 20] = [
            (&formula, "spreadsheet_formula"),
            (&pieces, "prehash_malformed"),
            (&pieces_of_hex, "prehash_malformed"),
            (&base64_of_hex, "prehash_base64_of_hex"),
            (no_padding, "prehash_base64_of_hex"),
            (md5, "prehash_algorithm_refused"),
            (sha1, "prehash_algorithm_refused"),
            (digits, "prehash_algorithm_refused"),
            (&prefixed, "prehash_malformed"),
            (&HEX[..63], "prehash_malformed"),
            (&mixed, "prehash_malformed"),
            (&loose_bits, "prehash_malformed"),
            ("hello", "prehash_malformed"),
            ("jane@exemple.fr", "prehash_is_plaintext"),
            ("01 99 00 12 34", "prehash_is_plaintext"),
            ("+33199001234", "prehash_is_plaintext"),
            // The empty string, and a placeholder, as an export hashes them.
            (
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "prehash_generic_value",
            ),
            (
                "f660ab912ec121d1b1e928a0bb4bc61b15f5ad44d5efdc4e1c92a25e99b8e44a",
                "prehash_generic_value",
            ),
            ("null", "absent"),
            ("", "absent"),
        ];
        for (raw, expected) in cases {
            assert_eq!(email(raw).reason_code(), Some(expected), "{raw}");
        }
    }

    #[test]
    fn column_must_declare_its_rules() {
        let normalizer = normalizer();
        assert_eq!(
            normalizer.email_sha256(HEX, None).reason_code(),
            Some("prehash_ruleset_missing")
        );
        assert_eq!(
            normalizer.phone_sha256(HEX, None).reason_code(),
            Some("prehash_ruleset_missing")
        );
        // An empty field is absent whatever the column declares.
        assert_eq!(normalizer.email_sha256("", None).reason_code(), Some("absent"));
        assert_eq!(EmailPrehash::parse("guess"), None);
        assert_eq!(PhonePrehash::parse("uid2"), None);
    }

    #[test]
    fn declared_rules_decide_the_kinds() {
        let kinds = |declared| {
            let declared = EmailPrehash::parse(declared);
            let Outcome::Ok(found) = normalizer().email_sha256(HEX, declared) else { panic!() };
            found.iter().map(|form| form.kind()).collect::<Vec<_>>()
        };
        assert_eq!(kinds("plain"), [Kind::EmailStrict]);
        assert_eq!(kinds("uid2"), [Kind::EmailStrict, Kind::EmailGmail]);
        assert_eq!(kinds("google-java"), [Kind::EmailStrict, Kind::EmailGmail]);
        assert_eq!(kinds("crm-fr/1 email.gmail"), [Kind::EmailGmail]);
        let phone = |declared| {
            let declared = PhonePrehash::parse(declared);
            let Outcome::Ok(found) = normalizer().phone_sha256(HEX, declared) else { panic!() };
            found[0].kind()
        };
        assert_eq!(phone("phone-e164"), Kind::Phone);
        assert_eq!(phone("phone-digits"), Kind::PhoneDigits);
    }

    proptest! {
        #[test]
        fn any_digest_decodes_from_hex_and_base64(bytes in any::<[u8; 32]>()) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let from_hex = decode(&hex, false).unwrap().0;
            let from_base64 = decode(&encode(&bytes), false).unwrap().0;
            prop_assert_eq!(from_hex.expose_bytes(), &bytes);
            prop_assert_eq!(from_base64.expose_bytes(), &bytes);
        }

        #[test]
        fn arbitrary_text_never_panics(raw in "\\PC{0,100}", ascii in "[A-Za-z0-9+/_=-]{0,90}") {
            let _ = email(&raw);
            let _ = email(&ascii);
        }
    }
}
