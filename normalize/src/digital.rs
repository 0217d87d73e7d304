//! Digital IDs: cookies and advertising ids in canonical form.
//!
//! A provider holds them in clear, because it delivers them; they are kept sealed and printed
//! nowhere.

use std::borrow::Cow;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
pub use protocol::digital_id::DigitalKind;
use protocol::digital_id::MalformedId;
use report::{Code, Diagnose, Text, told_in_english};
use serde::de::{Deserialize as _, Deserializer, Error as _};

/// A digital ID in canonical form; opaque when printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigitalId {
    /// `type ‖ 0 ‖ namespace ‖ 0 ‖ value`.
    bytes: Vec<u8>,
    kind: DigitalKind,
    /// Start of the value.
    value_at: usize,
}

impl DigitalId {
    /// Brings a declared type, namespace and value into canonical form; the type is never guessed.
    ///
    /// The result passes [`DigitalKind::check`], the one validator that delivery and receipt ask
    /// too [W-13].
    ///
    /// # Errors
    ///
    /// The reason code to count the value under.
    pub fn parse(kind: &str, namespace: &str, value: &str) -> Result<Self, &'static str> {
        let kind = DigitalKind::from_name(kind.trim()).ok_or("digital_id_type_unknown")?;
        let (namespace, value) = match kind {
            DigitalKind::Aaid | DigitalKind::Idfa => (String::new(), advertising_id(value)),
            DigitalKind::Cookie => {
                let namespace = self::namespace(namespace)?;
                if value == namespace {
                    return Err("cookie_malformed");
                }
                (namespace, Cow::Borrowed(value))
            }
        };
        kind.check(value.as_bytes()).map_err(MalformedId::code)?;
        Ok(Self::of(kind, &namespace, &value))
    }

    fn of(kind: DigitalKind, namespace: &str, value: &str) -> Self {
        let parts = [kind.name().as_bytes(), &[0], namespace.as_bytes(), &[0], value.as_bytes()];
        let bytes = parts.concat();
        let value_at = bytes.len() - value.len();
        Self { bytes, kind, value_at }
    }

    /// The type of the digital ID.
    #[must_use]
    pub const fn kind(&self) -> DigitalKind {
        self.kind
    }

    /// The namespace of a cookie; empty for an advertising id.
    #[must_use]
    pub fn namespace(&self) -> &str {
        let (start, end) = (self.kind.name().len() + 1, self.value_at - 1);
        self.bytes.get(start..end).and_then(text).unwrap_or("")
    }

    /// The name under which a partner policy lists it: the type, or the namespace of a cookie.
    #[must_use]
    pub fn listed_as(&self) -> &str {
        match self.kind {
            DigitalKind::Cookie => self.namespace(),
            kind => kind.name(),
        }
    }

    /// The value, visible ASCII of 255 bytes at most.
    #[must_use]
    pub fn value(&self) -> &str {
        self.bytes.get(self.value_at..).and_then(text).unwrap_or("")
    }

    /// `type ‖ 0 ‖ namespace ‖ 0 ‖ value`: what a snapshot commits to.
    #[must_use]
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }

    /// Reads [`Self::encoded`] back.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.split(|byte| *byte == 0);
        let mut next = || text(parts.next()?);
        let (kind, namespace, value) = (DigitalKind::from_name(next()?)?, next()?, next()?);
        if parts.next().is_some() || kind.check(value.as_bytes()).is_err() {
            return None;
        }
        Some(Self::of(kind, namespace, value))
    }
}

impl fmt::Debug for DigitalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigitalId(..)")
    }
}

/// The canonical form of a cookie's namespace: lower case, without outer space and outer dots.
///
/// A registrable domain or a platform code, so that `.AdNXS.example` and `adnxs.example` are one
/// wherever two of them are compared.
///
/// # Errors
///
/// The reason code: there is none, it is not in the form of [W-13], or it is the name of a type.
pub fn namespace(written: &str) -> Result<String, &'static str> {
    let name = written.trim();
    let name = name.strip_prefix('.').unwrap_or(name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    if name.is_empty() {
        return Err("cookie_no_namespace");
    }
    let taken = DigitalKind::NAMES.contains(&name.as_str());
    let sound = name.len() <= NAMESPACE_BYTES_MAX && name.bytes().all(plain) && !taken;
    if sound { Ok(name) } else { Err("cookie_namespace_malformed") }
}

/// The canonical form of a name in a list of what a delivery may hold: a type of advertising id,
/// or the namespace of a cookie.
///
/// # Errors
///
/// The reason codes of [`namespace`].
pub fn listed_name(written: &str) -> Result<String, &'static str> {
    let kind = DigitalKind::from_name(written.trim());
    match kind.filter(|kind| kind.number().is_some()) {
        Some(kind) => Ok(kind.name().to_owned()),
        None => namespace(written),
    }
}

/// True if a name is in the canonical form of [`listed_name`].
#[must_use]
pub fn is_listed_name(name: &str) -> bool {
    listed_name(name).as_deref() == Ok(name)
}

/// Fault in a list of names of digital IDs in the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamesError {
    /// A name that [`listed_name`] refuses.
    Malformed,
    /// A name that is there twice.
    Twice,
}

impl Diagnose for NamesError {
    fn code(&self) -> Code {
        Code::Node
    }

    fn text(&self) -> Text {
        Text::new(match self {
            Self::Malformed => "names-malformed",
            Self::Twice => "names-twice",
        })
    }
}

told_in_english!(NamesError);

/// Reads a list of names of settings in canonical form; none of them may be there twice.
///
/// # Errors
///
/// The deserializer's, for a name that [`listed_name`] refuses, and for one twice.
pub fn deserialize_names<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<String>, D::Error> {
    let mut names: Vec<String> = Vec::new();
    for written in Vec::<String>::deserialize(source)? {
        let name = listed_name(&written).map_err(|_| D::Error::custom(NamesError::Malformed))?;
        if names.contains(&name) {
            return Err(D::Error::custom(NamesError::Twice));
        }
        names.push(name);
    }
    Ok(names)
}

/// Lower case without braces and outer space.
fn advertising_id(value: &str) -> Cow<'static, str> {
    let composed = match value.is_ascii() {
        true => Cow::Borrowed(value),
        false => ComposingNormalizerBorrowed::new_nfkc().normalize(value),
    };
    Cow::Owned(composed.trim().trim_matches(['{', '}']).to_ascii_lowercase())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Bytes of a namespace, which an invitation has to hold.
const NAMESPACE_BYTES_MAX: usize = 64;

/// The name of a code on the wire, which counts from 1; empty for a code without a name.
#[must_use]
pub fn name_of(names: &'static [&'static str], code: u8) -> &'static str {
    usize::from(code).checked_sub(1).and_then(|at| names.get(at)).copied().unwrap_or("")
}

/// Device classes in the order of their codes on the wire.
pub const DEVICE_CLASSES: &[&str] = &["smartphone", "tablet", "desktop", "ctv", "other", "unknown"];
/// Days since a digital ID was seen, in the order of their codes on the wire.
pub const AGE_BUCKETS: &[&str] = &["0-7", "8-30", "31-90", "unknown"];

#[cfg(test)]
mod tests {
    use super::*;

    const AAID: &str = "6d92078a-8246-4ba4-ae5b-76104861e7dc";

    #[test]
    fn advertising_ids_have_one_form() {
        for written in [
            AAID,
            "6D92078A-8246-4BA4-AE5B-76104861E7DC",
            "{6d92078a-8246-4ba4-ae5b-76104861e7dc}",
            "６d92078a-8246-4ba4-ae5b-76104861e7dc",
        ] {
            let id = DigitalId::parse("idfa", "ignored", written).unwrap();
            assert_eq!((id.value(), id.namespace(), id.listed_as()), (AAID, "", "idfa"));
            assert_eq!(DigitalId::decode(id.encoded()).unwrap(), id);
        }
        assert_ne!(DigitalId::parse("idfa", "", AAID), DigitalId::parse("aaid", "", AAID));
    }

    #[test]
    fn unusable_values_are_refused_by_reason() {
        let long = "x".repeat(256);
        for (kind, namespace, value, reason) in [
            ("aaid", "", "00000000-0000-0000-0000-000000000000", "maid_zero"),
            ("aaid", "", "6d92078a82464ba4ae5b76104861e7dc", "maid_malformed"),
            ("aaid", "", "6d92078a-8246-4ba4-ae5b-76104861e7dg", "maid_malformed"),
            ("idfa", "", "", "maid_malformed"),
            ("cookie", "", "12345678", "cookie_no_namespace"),
            ("cookie", "a b", "12345678", "cookie_namespace_malformed"),
            ("cookie", "a.example", "1234567", "cookie_malformed"),
            ("cookie", "a.example", "1234 5678", "cookie_malformed"),
            ("cookie", "a.example", "00000000", "cookie_malformed"),
            ("cookie", "a.example", "a.example", "cookie_malformed"),
            ("cookie", "a.example", &long, "cookie_malformed"),
            ("cookie", "a.example", "OPT_OUT", "cookie_optout"),
            ("cookie", "idfa", "12345678", "cookie_namespace_malformed"),
            ("cookie", "UID2", "12345678", "cookie_namespace_malformed"),
            ("cookie", ".", "12345678", "cookie_no_namespace"),
            ("ctv", "", "12345678", "digital_id_type_unknown"),
        ] {
            assert_eq!(DigitalId::parse(kind, namespace, value).unwrap_err(), reason);
        }
    }

    #[test]
    fn namespace_has_one_canonical_form_and_the_type_no_case() {
        for written in ["adnxs.example", "AdNXS.example", " .adnxs.Example. "] {
            assert_eq!(namespace(written).as_deref(), Ok("adnxs.example"));
            let id = DigitalId::parse(" Cookie", written, "AbCd1234").unwrap();
            assert_eq!(id, DigitalId::parse("cookie", "adnxs.example", "AbCd1234").unwrap());
        }
        assert_eq!(listed_name("IDFA").as_deref(), Ok("idfa"));
        assert_eq!(listed_name(" A.Example").as_deref(), Ok("a.example"));
        for name in ["cookie", "uid2", "r\u{e9}gie.example", "a b", "a/b", "..", ""] {
            assert!(listed_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn cookie_keeps_its_case_and_its_namespace() {
        let id = DigitalId::parse("cookie", "a.example", "AbCd1234").unwrap();
        assert_eq!(
            (id.namespace(), id.listed_as(), id.value()),
            ("a.example", "a.example", "AbCd1234")
        );
        assert_eq!(DigitalId::decode(id.encoded()).unwrap(), id);
        assert_eq!(format!("{id:?}"), "DigitalId(..)");
        assert!(DigitalId::decode(b"cookie\0a.example").is_none());
        assert!(DigitalId::decode(b"cookie\0a.example\0short").is_none());
    }
}
