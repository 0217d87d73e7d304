//! Digital IDs as they travel: cookies and mobile advertising IDs of matched records, in one sorted
//! bag without rows and without records.
//!
//! Their one validator stands here too [W-13]: a provider asks it of every line of its graph, so
//! that what it accepted there can be delivered, and an advertiser of every entry that comes.

use alloc::vec::Vec;
use core::fmt;

use crate::limits::DIGITAL_ID_MAX;

/// The type of a digital ID, in the order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigitalKind {
    /// Android advertising id.
    Aaid,
    /// Cookie of a namespace.
    Cookie,
    /// Advertising id of Apple devices.
    Idfa,
}

impl DigitalKind {
    /// Every type, in the order of the names.
    pub const ALL: [Self; 3] = [Self::Aaid, Self::Cookie, Self::Idfa];
    /// The least number of a cookie namespace.
    pub const COOKIE_NAMESPACE_MIN: u16 = 0x0100;
    /// Names that no cookie namespace may have: those of types, the reserved ones included.
    pub const NAMES: [&str; 12] = [
        "aaid", "cookie", "ctv", "euid", "firstid", "id5", "idfa", "netid", "pair", "rampid",
        "uid2", "utiq",
    ];

    /// The name in files, policies and invitations.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aaid => "aaid",
            Self::Cookie => "cookie",
            Self::Idfa => "idfa",
        }
    }

    /// The type with this name, in whatever case; `None` for a reserved or unknown one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The type of what a number on the wire names; `None` for a reserved or unknown number.
    #[must_use]
    pub const fn of_namespace(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Idfa),
            2 => Some(Self::Aaid),
            Self::COOKIE_NAMESPACE_MIN.. => Some(Self::Cookie),
            _ => None,
        }
    }

    /// The number on the wire of an advertising id; cookies have one for each namespace.
    #[must_use]
    pub const fn number(self) -> Option<u16> {
        match self {
            Self::Idfa => Some(1),
            Self::Aaid => Some(2),
            Self::Cookie => None,
        }
    }

    /// Checks that a value is a digital ID of this type in canonical form [W-13].
    ///
    /// # Errors
    ///
    /// [`MalformedId`], which says what it is not; it holds nothing of the value.
    pub fn check(self, value: &[u8]) -> Result<(), MalformedId> {
        match self {
            Self::Aaid | Self::Idfa => advertising_id(value),
            Self::Cookie => cookie(value),
        }
    }
}

/// Fault of a value that is no digital ID; shown by its reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.code())]
pub enum MalformedId {
    /// No advertising id in lower case with hyphens.
    Advertising,
    /// Zeros, which a device gives when its owner opted out.
    AdvertisingZero,
    /// No value of a cookie: too short or long, zeros only, or other than visible ASCII.
    Cookie,
    /// A word that platforms write in place of a cookie when its owner opted out.
    CookieOptOut,
}

impl MalformedId {
    /// The reason code under which the fault is counted.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Advertising => "maid_malformed",
            Self::AdvertisingZero => "maid_zero",
            Self::Cookie => "cookie_malformed",
            Self::CookieOptOut => "cookie_optout",
        }
    }
}

/// A UUID in lower case with hyphens that is not zeros.
fn advertising_id(value: &[u8]) -> Result<(), MalformedId> {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let sound = value.len() == ADVERTISING_ID_BYTES
        && value.iter().enumerate().all(|(at, byte)| match hyphen(at) {
            true => *byte == b'-',
            false => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        });
    if !sound {
        return Err(MalformedId::Advertising);
    }
    match value.iter().all(|byte| matches!(byte, b'0' | b'-')) {
        true => Err(MalformedId::AdvertisingZero),
        false => Ok(()),
    }
}

/// Visible ASCII of 8 to 255 bytes that is not zeros.
fn cookie(value: &[u8]) -> Result<(), MalformedId> {
    if OPTED_OUT.iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return Err(MalformedId::CookieOptOut);
    }
    let lengths = COOKIE_BYTES_MIN..=usize::from(DIGITAL_ID_MAX);
    let sound = lengths.contains(&value.len())
        && value.iter().all(u8::is_ascii_graphic)
        && value.iter().any(|byte| *byte != b'0');
    if sound { Ok(()) } else { Err(MalformedId::Cookie) }
}

/// One entry of an IDS frame; personal data of the provider's, so `Debug` shows its size only.
#[derive(Clone, PartialEq, Eq)]
pub struct DigitalId {
    /// Kind of the value: 1 IDFA, 2 AAID, from 0x0100 cookies by namespace.
    pub namespace: u16,
    /// Class of the device, 0 unless the terms ask for attributes.
    pub device_class: u8,
    /// Bucket of the time since the value was seen, 0 unless the terms ask for attributes.
    pub age_bucket: u8,
    /// Days for which the value may be used, 0 unless the terms ask for attributes.
    pub days_valid: u16,
    /// The value in the form of its type, at most 255 bytes.
    pub value: Vec<u8>,
}

impl DigitalId {
    /// Bytes of an entry beside its value.
    pub const OVERHEAD: usize = 7;

    /// Appends `BE u16 namespace ‖ u8 class ‖ u8 bucket ‖ BE u16 days ‖ u8 len ‖ value`.
    ///
    /// `None`, with nothing appended, for a value that [`Self::is_sound`] refuses. Entries are
    /// ordered by these bytes.
    pub fn encode_into(&self, out: &mut Vec<u8>) -> Option<()> {
        if !self.is_sound() {
            return None;
        }
        let len = u8::try_from(self.value.len()).ok()?;
        out.extend_from_slice(&self.namespace.to_be_bytes());
        out.extend_from_slice(&[self.device_class, self.age_bucket]);
        out.extend_from_slice(&self.days_valid.to_be_bytes());
        out.push(len);
        out.extend_from_slice(&self.value);
        Some(())
    }

    /// Reads the first of several entries, and returns the bytes after it.
    ///
    /// `None` for a cut entry, or a value that [`Self::is_sound`] refuses.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = bytes.split_first_chunk::<{ Self::OVERHEAD }>()?;
        let [n0, n1, device_class, age_bucket, d0, d1, len] = *head;
        let (value, rest) = rest.split_at_checked(usize::from(len))?;
        let id = Self {
            namespace: u16::from_be_bytes([n0, n1]),
            device_class,
            age_bucket,
            days_valid: u16::from_be_bytes([d0, d1]),
            value: value.to_vec(),
        };
        id.is_sound().then_some((id, rest))
    }

    /// True if the namespace is of a known type, and the value in the form of that type [W-13].
    #[must_use]
    pub fn is_sound(&self) -> bool {
        DigitalKind::of_namespace(self.namespace)
            .is_some_and(|kind| kind.check(&self.value).is_ok())
    }

    /// Bytes of the entry.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        Self::OVERHEAD + self.value.len()
    }

    /// True if the entry says anything beside namespace and value.
    #[must_use]
    pub const fn has_attributes(&self) -> bool {
        self.device_class != 0 || self.age_bucket != 0 || self.days_valid != 0
    }
}

impl fmt::Debug for DigitalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigitalId({} bytes)", self.value.len())
    }
}

/// Words that platforms write in place of a cookie's value when the person opted out.
const OPTED_OUT: [&[u8]; 5] = [b"optout", b"opt_out", b"opt-out", b"0", b"-1"];
const COOKIE_BYTES_MIN: usize = 8;
const ADVERTISING_ID_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::*;

    const MAID: &[u8] = b"6d92078a-8246-4ba4-ae5b-76104861e7dc";

    fn id(len: usize) -> DigitalId {
        DigitalId {
            namespace: 0x0102,
            device_class: 3,
            age_bucket: 4,
            days_valid: 0x0506,
            value: vec![b'+'; len],
        }
    }

    #[test]
    fn entries_round_trip_and_what_follows_is_returned() {
        for len in [8, 64, 65, 255] {
            let mut bytes = Vec::new();
            id(len).encode_into(&mut bytes).unwrap();
            assert_eq!(bytes.len(), id(len).encoded_len());
            bytes.push(9);
            assert_eq!(DigitalId::decode(&bytes), Some((id(len), &[9][..])));
        }
    }

    #[test]
    fn empty_short_long_and_cut_entries_are_refused() {
        let mut bytes = Vec::new();
        for len in [0, 1, 7, 256] {
            assert_eq!(id(len).encode_into(&mut bytes), None);
        }
        assert!(bytes.is_empty());
        id(10).encode_into(&mut bytes).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(DigitalId::decode(&bytes[..len]), None);
        }
        for wrong in [0, 7] {
            let mut altered = bytes.clone();
            altered[6] = wrong;
            assert_eq!(DigitalId::decode(&altered), None);
        }
    }

    #[test]
    fn values_are_checked_in_the_form_of_their_type() {
        let upper = MAID.to_ascii_uppercase();
        for (kind, value, why) in [
            (DigitalKind::Idfa, upper.as_slice(), MalformedId::Advertising),
            (DigitalKind::Aaid, &MAID[1..], MalformedId::Advertising),
            (DigitalKind::Aaid, b"6d92078a-82464-ba4-ae5b-76104861e7dc", MalformedId::Advertising),
            (
                DigitalKind::Aaid,
                b"00000000-0000-0000-0000-000000000000",
                MalformedId::AdvertisingZero,
            ),
            (DigitalKind::Cookie, b"1234567", MalformedId::Cookie),
            (DigitalKind::Cookie, b"1234 5678", MalformedId::Cookie),
            (DigitalKind::Cookie, b"00000000", MalformedId::Cookie),
            (DigitalKind::Cookie, "\u{e9}2345678".as_bytes(), MalformedId::Cookie),
            (DigitalKind::Cookie, b"Opt_Out", MalformedId::CookieOptOut),
            (DigitalKind::Cookie, b"-1", MalformedId::CookieOptOut),
        ] {
            assert_eq!(kind.check(value), Err(why));
        }
        for value in
            [&b"=cmd|'/c'!A1"[..], b"+3312345678", b"@12345678", b"-12345678", b"a,b\";c'd"]
        {
            assert_eq!(DigitalKind::Cookie.check(value), Ok(()));
        }
        assert_eq!(DigitalKind::Idfa.check(MAID), Ok(()));
    }

    #[test]
    fn numbers_and_names_name_one_type_each() {
        for kind in DigitalKind::ALL {
            assert_eq!(DigitalKind::from_name(&kind.name().to_uppercase()), Some(kind));
            assert_eq!(
                kind.number().and_then(DigitalKind::of_namespace),
                kind.number().map(|_| kind)
            );
            assert!(DigitalKind::NAMES.contains(&kind.name()));
        }
        for reserved in [0, 3, 0x000B, 0x00FF] {
            assert_eq!(DigitalKind::of_namespace(reserved), None);
            let entry = DigitalId { namespace: reserved, value: MAID.to_vec(), ..id(8) };
            assert!(!entry.is_sound());
        }
        assert_eq!(DigitalKind::of_namespace(0x0100), Some(DigitalKind::Cookie));
        assert_eq!(DigitalKind::from_name("uid2"), None);
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", id(10)), "DigitalId(10 bytes)");
    }
}
