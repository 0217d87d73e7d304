//! Identifiers as far as the protocol knows them: kind, ruleset, digest.
//!
//! Plaintext never enters this crate. A digest is still personal data: it has no readable `Debug`
//! and is wiped when dropped.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Typed domain of an identifier; one byte inside the PRF input, so kinds never meet [M-02].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierKind(u8);

impl IdentifierKind {
    /// E-mail address, strict form.
    pub const EMAIL_STRICT: Self = Self(0x01);
    /// E-mail address of the Gmail family, dots and tag removed.
    pub const EMAIL_GMAIL: Self = Self(0x02);
    /// Telephone number in E.164.
    pub const PHONE: Self = Self(0x03);
    /// Telephone number without `+`, for pre-hashed columns.
    pub const PHONE_DIGITS: Self = Self(0x04);
    /// Postal composite: name, street, post code.
    pub const POST_NPA: Self = Self(0x05);
    /// Postal composite: name, post code.
    pub const POST_NPZ: Self = Self(0x06);
    /// Postal composite of a household.
    pub const POST_HHA: Self = Self(0x07);
    /// Customer or loyalty number.
    pub const CUSTOM: Self = Self(0x08);
    /// Apple advertising id used as a match identifier.
    pub const MAID_IDFA: Self = Self(0x09);
    /// Android advertising id used as a match identifier.
    pub const MAID_AAID: Self = Self(0x0A);
    /// Cookie used as a match identifier.
    pub const COOKIE: Self = Self(0x0B);

    /// The kind with this code, if the code names one that terms may list.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x01..=0x0B | 0xF0..=0xFF => Some(Self(code)),
            _ => None,
        }
    }

    /// The byte on the wire and in the PRF input.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The name used in terms, files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x01 => "email.strict",
            0x02 => "email.gmail",
            0x03 => "phone",
            0x04 => "phone.digits",
            0x05 => "post.npa",
            0x06 => "post.npz",
            0x07 => "post.hha",
            0x08 => "custom",
            0x09 => "maid.idfa",
            0x0A => "maid.aaid",
            0x0B => "cookie",
            _ => "test",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (0x01..=0x0B).map(Self).find(|kind| kind.name() == name)
    }
}

impl fmt::Display for IdentifierKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A complete, numbered set of normalization rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RulesetId(u8);

impl RulesetId {
    /// `crm-fr/1`.
    pub const CRM_FR_1: Self = Self(0x01);
    /// `crm-intl/1`.
    pub const CRM_INTL_1: Self = Self(0x02);

    /// The ruleset with this code; 0 is reserved by the protocol.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0x01 | 0x02 => Some(Self(code)),
            _ => None,
        }
    }

    /// The byte in the terms and in the PRF input.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The name used in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x01 => "crm-fr/1",
            _ => "crm-intl/1",
        }
    }
}

/// SHA-256 of a normalized identifier; personal data, and secret from everybody but its owner.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct IdentifierDigest([u8; 32]);

impl IdentifierDigest {
    /// Wraps the 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, which must not be logged, sent or stored unsealed.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for IdentifierDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentifierDigest(..)")
    }
}

/// One identifier of a party: kind, ruleset and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identifier {
    /// Typed domain of the identifier.
    pub kind: IdentifierKind,
    /// The rules that made its canonical form.
    pub ruleset: RulesetId,
    /// SHA-256 of that form.
    pub digest: IdentifierDigest,
}

/// The 45 bytes that the PRF is computed on [M-02].
///
/// `"VEILMATCH-1" ‖ u8 kind ‖ u8 ruleset ‖ digest`. Kind 0 is never a person: row dummies have
/// ruleset 0, table padding has ruleset 1.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PrfInput([u8; PrfInput::LEN]);

impl PrfInput {
    /// Bytes of every PRF input.
    pub const LEN: usize = 45;

    /// Input of a real identifier.
    #[must_use]
    pub fn of(identifier: &Identifier) -> Self {
        Self::raw(identifier.kind.code(), identifier.ruleset.code(), &identifier.digest.0)
    }

    /// Input of a filler slot of a real row.
    #[must_use]
    pub fn row_dummy(digest: &[u8; 32]) -> Self {
        Self::raw(0, 0, digest)
    }

    /// Input of a padding tag of a table.
    #[must_use]
    pub fn table_padding(digest: &[u8; 32]) -> Self {
        Self::raw(0, 1, digest)
    }

    /// The bytes, as secret as the digest inside.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    fn raw(kind: u8, ruleset: u8, digest: &[u8; 32]) -> Self {
        let mut bytes = [0; Self::LEN];
        let (head, tail) = bytes.split_at_mut(PREFIX.len());
        head.copy_from_slice(PREFIX);
        if let [at_kind, at_ruleset, at_digest @ ..] = tail {
            *at_kind = kind;
            *at_ruleset = ruleset;
            at_digest.copy_from_slice(digest);
        }
        Self(bytes)
    }
}

impl AsRef<[u8]> for PrfInput {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrfInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrfInput(..)")
    }
}

const PREFIX: &[u8; 11] = b"VEILMATCH-1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prf_input_of_the_worked_example() {
        // SHA-256 of "marie.exemple+promo@gmail.com", crm-fr/1: spec/normalization.md.
        let digest = [
            0xc3, 0x4a, 0xab, 0x1e, 0xa6, 0x2b, 0x27, 0x11, 0xe6, 0x87, 0xb2, 0x92, 0x84, 0x92,
            0xf1, 0xec, 0xa5, 0xb5, 0x2c, 0xc7, 0x54, 0x2d, 0xf8, 0x41, 0x64, 0x9a, 0xba, 0xd6,
            0x91, 0xc0, 0xe0, 0xbc,
        ];
        let input = PrfInput::of(&Identifier {
            kind: IdentifierKind::EMAIL_STRICT,
            ruleset: RulesetId::CRM_FR_1,
            digest: IdentifierDigest::from_bytes(digest),
        });
        assert_eq!(&input.expose_bytes()[..13], b"VEILMATCH-1\x01\x01");
        assert_eq!(&input.expose_bytes()[13..], &digest);
    }

    #[test]
    fn debug_shows_no_digest() {
        let identifier = Identifier {
            kind: IdentifierKind::PHONE,
            ruleset: RulesetId::CRM_FR_1,
            digest: IdentifierDigest::from_bytes([0xAB; 32]),
        };
        let shown = format!("{identifier:?} {:?}", PrfInput::of(&identifier));
        assert!(!shown.contains("171") && !shown.to_lowercase().contains("abab"));
    }

    #[test]
    fn kind_names_round_trip() {
        for code in 0..=255 {
            if let Some(kind) = IdentifierKind::from_code(code) {
                assert_eq!(kind.code(), code);
                assert!(code >= 0xF0 || IdentifierKind::from_name(kind.name()) == Some(kind));
            }
        }
        assert_eq!(IdentifierKind::from_code(0), None);
        assert_eq!(IdentifierKind::from_code(0x0C), None);
    }
}
