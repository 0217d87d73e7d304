//! Digest of a map: SHA-256 of what it says, as canonical JSON [C-20].

use std::fmt;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Digest of a map. Comments, order of keys and forms of writing do not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MapDigest([u8; 32]);

impl MapDigest {
    /// Digest of canonical JSON.
    #[must_use]
    pub(crate) fn of(canonical: &str) -> Self {
        Self(Sha256::digest(canonical).into())
    }

    /// Reads 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        let mut digits = self.to_string();
        digits.truncate(SHORT_DIGITS);
        digits
    }
}

impl From<[u8; 32]> for MapDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// All 64 digits.
impl fmt::Display for MapDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Canonical form of JSON without numbers other than small integers: RFC 8785.
pub(crate) fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(entries) => {
            out.push('[');
            for (at, entry) in entries.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(entry, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            // The order of RFC 8785 is that of UTF-16.
            names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (at, name) in names.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(&Value::String(name.clone()), out);
                out.push(':');
                if let Some(member) = members.get(name) {
                    write(member, out);
                }
            }
            out.push('}');
        }
        // Texts and small integers are written as RFC 8785 has them.
        scalar => out.push_str(&scalar.to_string()),
    }
}

const SHORT_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_sorted_as_utf_16_and_texts_escaped_as_the_rfc_does() {
        let value = json!({
            "\u{FB33}": 1, "\u{1F600}": 2, "b": ["\u{1}\n\"\\/é", {}], "a": { "z": "", "y": [] },
        });
        // A character beyond the first plane begins with a surrogate, which sorts before U+FB33.
        let expected = "{\"a\":{\"y\":[],\"z\":\"\"},\"b\":[\"\\u0001\\n\\\"\\\\/é\",{}],\
            \"\u{1F600}\":2,\"\u{FB33}\":1}";
        assert_eq!(canonical(&value), expected);
    }

    #[test]
    fn digests_are_64_digits_in_lower_case_and_16_for_people() {
        let digest = MapDigest::of("{}");
        let text = digest.to_string();
        assert_eq!(text, "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        assert_eq!((MapDigest::parse(&text), digest.short()), (Some(digest), text[..16].into()));
        assert_eq!(MapDigest::parse(&text.to_uppercase()), None);
        assert_eq!(MapDigest::parse(&text[2..]), None);
    }
}
