//! Digital IDs: cookies and advertising ids in canonical form.
//!
//! A provider holds them in clear, because it delivers them; they are kept sealed and printed
//! nowhere.

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use protocol::limits::DIGITAL_ID_MAX;

/// Type of a digital ID, in the order of the names in a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigitalKind {
    /// Android advertising id.
    Aaid,
    /// Cookie of a namespace.
    Cookie,
    /// Advertising id of Apple devices.
    Idfa,
}

impl DigitalKind {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aaid => "aaid",
            Self::Cookie => "cookie",
            Self::Idfa => "idfa",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Aaid, Self::Cookie, Self::Idfa].into_iter().find(|kind| kind.name() == name)
    }
}

/// A digital ID in canonical form; opaque when printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigitalId {
    /// `type ‖ 0 ‖ namespace ‖ 0 ‖ value`.
    bytes: Vec<u8>,
    kind: DigitalKind,
    /// Where the value begins.
    value_at: usize,
}

impl DigitalId {
    /// Brings a declared type, namespace and value into canonical form; the type is never guessed.
    ///
    /// # Errors
    ///
    /// The reason code to count the value under.
    pub fn parse(kind: &str, namespace: &str, value: &str) -> Result<Self, &'static str> {
        let kind = DigitalKind::parse(kind).ok_or("digital_id_type_unknown")?;
        let (namespace, value) = match kind {
            DigitalKind::Aaid | DigitalKind::Idfa => ("", advertising_id(value)?),
            DigitalKind::Cookie => (namespace, cookie(namespace, value)?),
        };
        Ok(Self::of(kind, namespace, &value))
    }

    fn of(kind: DigitalKind, namespace: &str, value: &str) -> Self {
        let parts = [kind.name().as_bytes(), &[0], namespace.as_bytes(), &[0], value.as_bytes()];
        let bytes = parts.concat();
        let value_at = bytes.len().saturating_sub(value.len());
        Self { bytes, kind, value_at }
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> DigitalKind {
        self.kind
    }

    /// The namespace of a cookie; empty for an advertising id.
    #[must_use]
    pub fn namespace(&self) -> &str {
        let end = self.value_at.saturating_sub(1);
        let start = self.kind.name().len().saturating_add(1);
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

    /// The value, 1 to 64 visible ASCII characters.
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
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.split(|byte| *byte == 0);
        let mut next = || text(parts.next()?);
        let (kind, namespace, value) = (DigitalKind::parse(next()?)?, next()?, next()?);
        if parts.next().is_some() || value.is_empty() {
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

/// Lower case with hyphens; zeros mean that the person opted out on the device.
fn advertising_id(value: &str) -> Result<String, &'static str> {
    let composed = match value.is_ascii() {
        true => value.to_owned(),
        false => ComposingNormalizerBorrowed::new_nfkc().normalize(value).into_owned(),
    };
    let value = composed.trim().trim_matches(['{', '}']).to_ascii_lowercase();
    let groups: Vec<usize> = value.split('-').map(str::len).collect();
    let hex = value.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if groups != [8, 4, 4, 4, 12] || !hex {
        return Err("maid_malformed");
    }
    if value.bytes().all(|byte| byte == b'-' || byte == b'0') {
        return Err("maid_zero");
    }
    Ok(value)
}

fn cookie(namespace: &str, value: &str) -> Result<String, &'static str> {
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if namespace.is_empty() {
        return Err("cookie_no_namespace");
    }
    if namespace.len() > NAMESPACE_BYTES_MAX || !visible(namespace) {
        return Err("cookie_namespace_malformed");
    }
    if OPTED_OUT.iter().any(|constant| value.eq_ignore_ascii_case(constant)) {
        return Err("cookie_optout");
    }
    let zeros = value.bytes().all(|byte| byte == b'0');
    let lengths = COOKIE_BYTES_MIN..=usize::from(DIGITAL_ID_MAX);
    if !lengths.contains(&value.len()) || !visible(value) || zeros || value == namespace {
        return Err("cookie_malformed");
    }
    Ok(value.to_owned())
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// What platforms write in place of a cookie's value when the person opted out.
const OPTED_OUT: [&str; 5] = ["optout", "opt_out", "opt-out", "0", "-1"];
const COOKIE_BYTES_MIN: usize = 8;
/// Bytes of a namespace, which an invitation has to hold.
const NAMESPACE_BYTES_MAX: usize = 64;

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
        let long = "x".repeat(65);
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
            ("ctv", "", "12345678", "digital_id_type_unknown"),
        ] {
            assert_eq!(DigitalId::parse(kind, namespace, value).unwrap_err(), reason);
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
    }
}
