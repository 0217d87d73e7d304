//! Normalization: from a raw value to canonical identifiers, or to one reason code.
//!
//! Everything here is a pure function of the raw value, the ruleset, the options, and the named
//! context fields. No locale, clock, network or environment is read. Plaintext lives only until
//! the end of a call and is erased on drop; what leaves is a kind, a digest and a few
//! attributes. Intermediate copies inside the telephone and Unicode libraries are theirs and are
//! not erased.
//!
//! Equality of canonical strings is the only notion of a match; a canonical form is not a
//! printable or deliverable one.
//!
//! Built so far: e-mail, telephone, and pre-hashed columns of both. Names, postal addresses,
//! customer numbers and device ids have no rules yet, and no reason codes either.

#![forbid(unsafe_code)]

mod country;
mod decode;
pub mod digital;
mod email;
pub mod entity;
mod generic;
pub mod manifest;
mod options;
mod phone;
mod prehashed;
mod reason;
mod shape;

use core::fmt;
use core::ops::Deref;

use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

pub use self::country::Country;
use self::decode::Miss;
pub use self::decode::is_null_marker;
pub use self::options::{FixedLine, ListAction, Options, Ruleset};
pub use self::phone::PhoneContext;
pub use self::prehashed::{EmailPrehash, PhonePrehash};
pub use self::reason::{Reason, Repair, Warning};

/// One ruleset with its options, ready to use; cheap to share by reference between threads.
#[derive(Clone, Debug)]
pub struct Normalizer {
    ruleset: Ruleset,
    options: Options,
    lists: bool,
    phone_digits: bool,
}

impl Normalizer {
    /// Prepares a ruleset with its options.
    #[must_use]
    pub fn new(ruleset: Ruleset, options: Options) -> Self {
        Self { ruleset, options, lists: true, phone_digits: false }
    }

    /// Prepares a ruleset for conformance vectors, which are read without the lists of role
    /// mailboxes, throw-away domains and placeholders.
    #[must_use]
    pub fn for_vectors(ruleset: Ruleset, options: Options) -> Self {
        Self { lists: false, ..Self::new(ruleset, options) }
    }

    /// Also emits telephone numbers without `+`, for peers that hold pre-hashed digits.
    #[must_use]
    pub fn with_phone_digits(self) -> Self {
        Self { phone_digits: true, ..self }
    }

    /// The ruleset in use.
    #[must_use]
    pub fn ruleset(&self) -> Ruleset {
        self.ruleset
    }

    /// The options in use.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Normalizes an e-mail address in clear; gives up to two identifiers.
    pub fn email(&self, raw: &str) -> Outcome {
        Outcome::of(self.email_drafts(raw, false))
    }

    /// Normalizes an e-mail address of a row flagged synthetic, which may use the reserved
    /// domain of the truth test.
    pub fn email_synthetic(&self, raw: &str) -> Outcome {
        Outcome::of(self.email_drafts(raw, true))
    }

    /// Normalizes a telephone number in clear, with the columns that tell its region.
    pub fn phone(&self, raw: &str, context: &PhoneContext<'_>) -> Outcome {
        Outcome::of(self.phone_drafts(raw, context))
    }

    /// Reads a digest of an e-mail address, made under the declared rules.
    ///
    /// A column that declares no rules is refused value by value: nothing is guessed.
    pub fn email_sha256(&self, raw: &str, declared: Option<EmailPrehash>) -> Outcome {
        self.prehashed(raw, declared.map(EmailPrehash::kinds), Level::Individual, None)
    }

    /// Reads a digest of a telephone number, made under the declared rules.
    ///
    /// Neither the validity nor the line of the number is known, so its level is the household.
    pub fn phone_sha256(&self, raw: &str, declared: Option<PhonePrehash>) -> Outcome {
        let kinds = declared.map(PhonePrehash::kinds);
        self.prehashed(raw, kinds, Level::Household, Some(Line::Unknown))
    }

    /// Shows what [`Self::email`] does, canonical strings included.
    ///
    /// For the `normalize` command on the user's own machine only: the result holds plaintext.
    pub fn explain_email(&self, raw: &str) -> Explanation {
        Explanation::of(self.email_drafts(raw, false))
    }

    /// Shows what [`Self::phone`] does, canonical strings included.
    ///
    /// For the `normalize` command on the user's own machine only: the result holds plaintext.
    pub fn explain_phone(&self, raw: &str, context: &PhoneContext<'_>) -> Explanation {
        Explanation::of(self.phone_drafts(raw, context))
    }

    fn email_drafts(&self, raw: &str, synthetic: bool) -> Result<Vec<Draft>, Miss> {
        let context = email::Context { options: &self.options, lists: self.lists, synthetic };
        email::normalize(raw, &context)
    }

    fn phone_drafts(&self, raw: &str, context: &PhoneContext<'_>) -> Result<Vec<Draft>, Miss> {
        let rules = phone::Rules {
            ruleset: self.ruleset,
            options: &self.options,
            lists: self.lists,
            digits: self.phone_digits,
        };
        phone::normalize(raw, context, &rules)
    }

    fn prehashed(
        &self,
        raw: &str,
        kinds: Option<&[Kind]>,
        level: Level,
        line: Option<Line>,
    ) -> Outcome {
        let read = match (prehashed::decode(raw, self.lists), kinds) {
            (Err(Miss::Absent), _) => Err(Miss::Absent),
            (_, None) => Err(Reason::PrehashRulesetMissing.into()),
            (Err(miss), Some(_)) => Err(miss),
            (Ok(read), Some(kinds)) => Ok((read, kinds)),
        };
        match read {
            Err(miss) => Outcome::of(Err(miss)),
            Ok(((digest, mut repair), kinds)) => {
                let identifier = |&kind| Normalized {
                    kind,
                    digest: digest.clone(),
                    level,
                    line,
                    warnings: Vec::new(),
                    repair: repair.take(),
                };
                Outcome::Ok(kinds.iter().map(identifier).collect())
            }
        }
    }
}

/// The outcome of one value: identifiers, one reason code, or nothing at all.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    /// At least one identifier, in the order of the kinds.
    Ok(Vec<Normalized>),
    /// No identifier, counted under the reason.
    Reject(Reason),
    /// An empty field or a null marker, counted apart.
    Absent,
}

impl Outcome {
    /// The code to count a value under that gave no identifier; `absent` for an absent one.
    #[must_use]
    pub fn reason_code(&self) -> Option<&'static str> {
        match self {
            Self::Ok(_) => None,
            Self::Reject(reason) => Some(reason.code()),
            Self::Absent => Some(ABSENT),
        }
    }

    fn of(drafts: Result<Vec<Draft>, Miss>) -> Self {
        match drafts {
            Ok(drafts) => Self::Ok(drafts.into_iter().map(Draft::into_normalized).collect()),
            Err(Miss::Reject(reason)) => Self::Reject(reason),
            Err(Miss::Absent) => Self::Absent,
        }
    }
}

/// One identifier of a value: its kind, its digest, and attributes that are never sent.
#[derive(Debug)]
pub struct Normalized {
    kind: Kind,
    digest: IdentifierDigest,
    level: Level,
    line: Option<Line>,
    warnings: Vec<Warning>,
    repair: Option<Repair>,
}

impl Normalized {
    /// The typed domain of the identifier.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// SHA-256 of the canonical string; personal data.
    #[must_use]
    pub fn digest(&self) -> &IdentifierDigest {
        &self.digest
    }

    /// Level of the identifier: a person or a household.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The line of a telephone number; `None` for other kinds.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        self.line
    }

    /// Warnings about the value, on its first identifier only, so that sums count values.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The repair made on the value, on its first identifier only.
    #[must_use]
    pub fn repair(&self) -> Option<Repair> {
        self.repair
    }
}

/// An outcome with its canonical strings, for the user's own eyes.
#[derive(Debug)]
#[must_use]
pub enum Explanation {
    /// At least one identifier, in the order of the kinds.
    Ok(Vec<Explained>),
    /// No identifier, counted under the reason.
    Reject(Reason),
    /// An empty field or a null marker, counted apart.
    Absent,
}

impl Explanation {
    /// The identifiers, if there are any.
    #[must_use]
    pub fn into_found(self) -> Option<Vec<Explained>> {
        match self {
            Self::Ok(found) => Some(found),
            Self::Reject(_) | Self::Absent => None,
        }
    }

    fn of(drafts: Result<Vec<Draft>, Miss>) -> Self {
        match drafts {
            Ok(drafts) => Self::Ok(drafts.into_iter().map(Draft::into_explained).collect()),
            Err(Miss::Reject(reason)) => Self::Reject(reason),
            Err(Miss::Absent) => Self::Absent,
        }
    }
}

/// One identifier with its canonical string; holds plaintext, which is erased on drop.
#[derive(Debug)]
pub struct Explained {
    normalized: Normalized,
    canonical: Canonical,
}

impl Explained {
    /// The typed domain of the identifier.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.normalized.kind
    }

    /// The canonical string, in clear; for the terminal of its owner and nothing else.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The identifier as every other part of the program sees it.
    #[must_use]
    pub fn normalized(&self) -> &Normalized {
        &self.normalized
    }
}

/// Typed domain of an identifier; one byte inside the PRF input, so that kinds never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// E-mail address, strict form.
    EmailStrict,
    /// E-mail address of the Gmail family, dots and tag removed.
    EmailGmail,
    /// Telephone number in E.164.
    Phone,
    /// Telephone number without `+`, for pre-hashed columns.
    PhoneDigits,
}

impl Kind {
    /// Every kind that has rules in this version, in the order of their codes.
    pub const ALL: [Self; 4] =
        [Self::EmailStrict, Self::EmailGmail, Self::Phone, Self::PhoneDigits];

    /// The byte in the PRF input.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::EmailStrict => 1,
            Self::EmailGmail => 2,
            Self::Phone => 3,
            Self::PhoneDigits => 4,
        }
    }

    /// The name used in terms, files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EmailStrict => "email.strict",
            Self::EmailGmail => "email.gmail",
            Self::Phone => "phone",
            Self::PhoneDigits => "phone.digits",
        }
    }
}

/// Level of an identifier: a person or a household.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// One person.
    Individual,
    /// Everybody behind one door or one line.
    Household,
}

impl Level {
    /// The name used in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Individual => "individual",
            Self::Household => "household",
        }
    }
}

/// Kind of line of a telephone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Line {
    /// A mobile number.
    Mobile,
    /// A fixed line.
    Fixed,
    /// Not told by the number.
    Unknown,
}

impl Line {
    /// The name used in files and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mobile => "mobile",
            Self::Fixed => "fixed",
            Self::Unknown => "unknown",
        }
    }
}

/// SHA-256 of a canonical string: personal data, erased on drop, without a readable `Debug`.
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
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdentifierDigest(..)")
    }
}

/// A canonical string, erased on drop.
struct Canonical(Zeroizing<String>);

impl Canonical {
    fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl Deref for Canonical {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Canonical {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Canonical(..)")
    }
}

/// An identifier before it is hashed.
struct Draft {
    kind: Kind,
    canonical: Canonical,
    level: Level,
    line: Option<Line>,
    warnings: Vec<Warning>,
    repair: Option<Repair>,
}

impl Draft {
    fn into_normalized(self) -> Normalized {
        self.into_explained().normalized
    }

    fn into_explained(self) -> Explained {
        let digest = Sha256::digest(self.canonical.as_bytes());
        let normalized = Normalized {
            kind: self.kind,
            digest: IdentifierDigest::from_bytes(digest.into()),
            level: self.level,
            line: self.line,
            warnings: self.warnings,
            repair: self.repair,
        };
        Explained { normalized, canonical: self.canonical }
    }
}

/// The code that absent values are counted under.
pub const ABSENT: &str = "absent";

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer() -> Normalizer {
        Normalizer::new(Ruleset::CrmFr1, Options::defaults(Ruleset::CrmFr1))
    }

    #[test]
    fn nothing_printed_holds_a_value_or_a_digest() {
        let normalizer = normalizer();
        let raw = "canary.token@exemple.fr";
        let context = PhoneContext { country: Some("FR"), postcode: Some("75001") };
        let printed = [
            format!("{:?}", normalizer.email(raw)),
            format!("{:?}", normalizer.explain_email(raw)),
            format!("{:?}", normalizer.phone("0199001234", &context)),
            format!("{:?}", normalizer.explain_phone("0199001234", &context)),
            format!("{normalizer:?}"),
        ];
        let Outcome::Ok(found) = normalizer.email(raw) else { panic!("not accepted") };
        let digest: String =
            found[0].digest().expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        for text in printed {
            assert!(!text.contains("canary") && !text.contains("199001234"), "{text}");
            assert!(!text.contains(&digest) && !text.contains("digest: ["), "{text}");
        }
    }

    #[test]
    fn digest_is_sha256_of_the_canonical_string() {
        let explained = normalizer().explain_email("Marie.Exemple+Promo@GMail.com");
        let found = explained.into_found().unwrap();
        let hex: String = found[0]
            .normalized()
            .digest()
            .expose_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // The digest part of the PRF input printed in the rules, section 13.
        assert_eq!(hex, "c34aab1ea62b2711e687b2928492f1eca5b52cc7542df841649abad691c0e0bc");
    }

    #[test]
    fn a_normalizer_is_shared_between_threads() {
        fn shared<T: Send + Sync>(_: &T) {}
        shared(&normalizer());
    }

    #[test]
    fn kinds_keep_their_codes() {
        let codes: Vec<u8> = Kind::ALL.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4]);
        assert_eq!(Kind::PhoneDigits.name(), "phone.digits");
    }
}
