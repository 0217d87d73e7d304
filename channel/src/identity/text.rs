//! Identities as text: the line for people, its proof, and the code that two parties compare.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32m, Hrp};
use protocol::attestation::{AttestationKey, PartyId};
use protocol::identity::KeyProof;
use protocol::transcript::Role;
use report::{Arg, Code, Diagnose, Text};
use sha2::{Digest, Sha256};

use super::tls::SPKI_ED25519;

/// Both public keys of a node, in one line of text.
///
/// The text is bech32m with the human-readable part `vmid` over attestation key ‖ SPKI hash [K-11].
/// The line is not secret, but whoever can replace it in transit replaces the partner: both sides
/// compare a code over a second path once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicIdentity {
    /// Ed25519 key that signs terms, checkpoints and receipts.
    pub attestation_key: [u8; 32],
    /// SHA-256 of the SubjectPublicKeyInfo of the TLS key.
    pub spki: [u8; 32],
}

impl PublicIdentity {
    /// Reads the line of text; upper case and white space around it are forgiven.
    ///
    /// # Errors
    ///
    /// [`IdentityTextError`], with the likely cause.
    pub fn parse(text: &str) -> Result<Self, IdentityTextError> {
        let bytes = LINE.decode(text)?;
        let (&[attestation_key, spki], []) = bytes.as_chunks::<32>() else {
            return Err(IdentityTextError::Checksum);
        };
        Ok(Self { attestation_key, spki })
    }

    /// The party of this identity.
    #[must_use]
    pub fn party(&self) -> PartyId {
        PartyId::of(&self.attestation_key)
    }

    fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        let (key, spki) = bytes.split_at_mut(32);
        key.copy_from_slice(&self.attestation_key);
        spki.copy_from_slice(&self.spki);
        bytes
    }
}

impl fmt::Display for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&LINE.encode(&self.bytes()))
    }
}

impl FromStr for PublicIdentity {
    type Err = IdentityTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// An identity with the proof that one party holds both of its keys; `identity.txt`.
///
/// Nothing makes one from text but [`Introduction::parse`], which verifies the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction {
    identity: PublicIdentity,
    proof: KeyProof,
}

impl Introduction {
    /// Signs both keys over each other, for a role.
    #[must_use]
    pub fn make(role: Role, attestation: &AttestationKey, tls: &AttestationKey) -> Self {
        let proof = KeyProof::make(role, attestation, tls);
        let spki = spki_of(&proof.tls_key);
        let identity = PublicIdentity { attestation_key: attestation.public(), spki };
        Self { identity, proof }
    }

    /// The identity, whose keys are one party's.
    #[must_use]
    pub const fn identity(&self) -> PublicIdentity {
        self.identity
    }

    /// The proof as a line of text.
    #[must_use]
    pub fn proof_line(&self) -> String {
        PROOF.encode(&self.proof.to_bytes())
    }

    /// Reads both lines and verifies the proof for a role [K-11].
    ///
    /// # Errors
    ///
    /// [`IdentityTextError`], with the likely cause; a proof that does not hold is one.
    pub fn parse(text: &str, role: Role) -> Result<Self, IdentityTextError> {
        let mut lines = text
            .lines()
            .map(|line| line.trim().trim_start_matches("identity:").trim())
            .filter(|line| !line.is_empty());
        let identity = PublicIdentity::parse(lines.next().unwrap_or_default())?;
        let proof = lines.next().ok_or(IdentityTextError::ProofMissing)?;
        match lines.next() {
            Some(_) => Err(IdentityTextError::MoreLines),
            None => Self::verify(identity, proof, role),
        }
    }

    /// Verifies the line of a proof for an identity and a role [K-11].
    ///
    /// # Errors
    ///
    /// The same as of [`Self::parse`].
    pub fn verify(
        identity: PublicIdentity,
        proof: &str,
        role: Role,
    ) -> Result<Self, IdentityTextError> {
        let proof = KeyProof::from_bytes(&PROOF.decode(proof)?).ok_or(IdentityTextError::Proof)?;
        if proof.role != role {
            return Err(IdentityTextError::Role { is: proof.role });
        }
        if spki_of(&proof.tls_key) != identity.spki {
            return Err(IdentityTextError::Proof);
        }
        proof.verify(&identity.attestation_key, role).map_err(|_| IdentityTextError::Proof)?;
        Ok(Self { identity, proof })
    }
}

impl fmt::Display for Introduction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.identity, self.proof_line())
    }
}

/// The code that both operators read to each other, such as `48213 90567 11842 70359` [K-14].
#[must_use]
pub fn comparison_code(advertiser: &PublicIdentity, provider: &PublicIdentity) -> String {
    let groups = protocol::identity::comparison_code(&advertiser.bytes(), &provider.bytes());
    groups.map(|group| format!("{group:05}")).join(" ")
}

/// Reason why a text is not an identity; whoever typed it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentityTextError {
    /// The prefix is absent.
    NotAnIdentity,
    /// Another text where the proof should be.
    NotAProof,
    /// Sixty-four hexadecimal digits.
    Fingerprint,
    /// The end is missing.
    Truncated {
        /// The kind of line.
        line: LineKind,
        /// Characters that are missing.
        missing: usize,
        /// Characters of a whole line.
        length: usize,
    },
    /// Something follows.
    TooLong {
        /// The kind of line.
        line: LineKind,
        /// Characters that are too many.
        extra: usize,
    },
    /// A character that bech32 does not have.
    Character {
        /// The kind of line.
        line: LineKind,
        /// Position, from 1.
        at: usize,
        /// The character.
        found: char,
    },
    /// Every character is possible, but some are wrong.
    Checksum,
    /// The identity line is alone.
    ProofMissing,
    /// More follows after the proof.
    MoreLines,
    /// The proof is for the other role.
    Role {
        /// The role it is for.
        is: Role,
    },
    /// The signatures do not hold for these two keys.
    Proof,
}

impl IdentityTextError {
    /// The reason in words, for a message that names the file or the setting.
    pub fn text(&self) -> Text {
        let of_line = |id, line: LineKind| Text::new(id).with("line", line.name());
        match self {
            Self::NotAnIdentity => Text::new("identity-not-one"),
            Self::NotAProof => Text::new("identity-not-a-proof"),
            Self::Fingerprint => Text::new("identity-fingerprint"),
            Self::Truncated { line, missing, length } => of_line("identity-truncated", *line)
                .with("missing", *missing)
                .with("length", *length),
            Self::TooLong { line, extra } => {
                of_line("identity-too-long", *line).with("extra", *extra)
            }
            Self::Character { line, at, found } => of_line("identity-character", *line)
                .with("at", Arg::Number(*at as u64))
                .with("found", format!("{found:?}")),
            Self::Checksum => Text::new("identity-checksum"),
            Self::ProofMissing => Text::new("identity-proof-missing"),
            Self::MoreLines => Text::new("identity-more-lines"),
            Self::Role { is } => Text::new("identity-role").with("role", *is),
            Self::Proof => Text::new("identity-unproved"),
        }
    }
}

impl Diagnose for IdentityTextError {
    fn code(&self) -> Code {
        Code::Usage
    }

    fn text(&self) -> Text {
        Self::text(self)
    }
}

impl std::error::Error for IdentityTextError {}
report::told_in_english!(IdentityTextError);

/// Line of an identity: its keys, or their proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// The line of both public keys.
    Identity,
    /// The line that proves whose keys they are.
    Proof,
}

impl LineKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Proof => "proof",
        }
    }
}

/// Form of a line: bech32m under a human-readable part of its own.
struct Line {
    kind: LineKind,
    part: Hrp,
    /// Bytes of its content.
    bytes: usize,
    foreign: IdentityTextError,
}

impl Line {
    fn encode(&self, bytes: &[u8]) -> String {
        // Fails for lengths above 1,023 characters alone.
        bech32::encode::<Bech32m>(self.part, bytes).unwrap_or_default()
    }

    fn length(&self) -> usize {
        self.part.len() + 1 + (self.bytes * 8).div_ceil(5) + CHECKSUM
    }

    fn decode(&self, text: &str) -> Result<Vec<u8>, IdentityTextError> {
        let line = self.kind;
        let text = text.trim().to_ascii_lowercase();
        let code = text.strip_prefix(self.part.as_str()).and_then(|rest| rest.strip_prefix('1'));
        let Some(code) = code else {
            let hexadecimal = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
            return Err(if hexadecimal { IdentityTextError::Fingerprint } else { self.foreign });
        };
        let before = self.part.len() + 1;
        if let Some((at, found)) = code.chars().enumerate().find(|(_, c)| !CHARACTERS.contains(*c))
        {
            return Err(IdentityTextError::Character { line, at: at + before + 1, found });
        }
        let (have, length) = (text.len(), self.length());
        if have < length {
            return Err(IdentityTextError::Truncated { line, missing: length - have, length });
        }
        if have > length {
            return Err(IdentityTextError::TooLong { line, extra: have - length });
        }
        let checked = CheckedHrpstring::new::<Bech32m>(&text);
        let bytes: Vec<u8> =
            checked.map_err(|_| IdentityTextError::Checksum)?.byte_iter().collect();
        // Bits that pad the last character are zero: one identity has one text.
        if self.encode(&bytes) == text { Ok(bytes) } else { Err(IdentityTextError::Checksum) }
    }
}

fn spki_of(tls_key: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update(SPKI_ED25519).chain_update(tls_key).finalize().into()
}

const LINE: Line = Line {
    kind: LineKind::Identity,
    part: Hrp::parse_unchecked("vmid"),
    bytes: 64,
    foreign: IdentityTextError::NotAnIdentity,
};
const PROOF: Line = Line {
    kind: LineKind::Proof,
    part: Hrp::parse_unchecked("vmproof"),
    bytes: KeyProof::BYTES,
    foreign: IdentityTextError::NotAProof,
};
const CHARACTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Characters of a checksum.
const CHECKSUM: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use report::{Failure, Lang, Reader};

    fn fixed() -> PublicIdentity {
        PublicIdentity { attestation_key: [7; 32], spki: [9; 32] }
    }

    fn introduction(role: Role, seed: u8) -> Introduction {
        let key = |seed| AttestationKey::from_bytes(&[seed; 32]);
        Introduction::make(role, &key(seed), &key(seed + 100))
    }

    #[test]
    fn text_form_round_trips_and_is_fixed() {
        let text = fixed().to_string();
        assert_eq!(text.len(), 114);
        assert_eq!(text, FIXED);
        assert_eq!(PublicIdentity::parse(&text), Ok(fixed()));
        assert_eq!(PublicIdentity::parse(&format!("  {}\n", text.to_uppercase())), Ok(fixed()));
        let proof = introduction(Role::Provider, 1).proof_line();
        assert_eq!((proof.len(), &proof[..8]), (272, "vmproof1"));
    }

    #[test]
    fn parse_guesses_what_was_meant() {
        let text = fixed().to_string();
        let parse = |text: &str| PublicIdentity::parse(text).expect_err("refused");
        assert_eq!(parse("advertiser.example"), IdentityTextError::NotAnIdentity);
        assert_eq!(parse(""), IdentityTextError::NotAnIdentity);
        assert_eq!(parse(&"0f".repeat(32)), IdentityTextError::Fingerprint);
        let cut =
            IdentityTextError::Truncated { line: LineKind::Identity, missing: 14, length: 114 };
        assert_eq!(parse(&text[..100]), cut);
        let long = IdentityTextError::TooLong { line: LineKind::Identity, extra: 2 };
        assert_eq!(parse(&format!("{text}aa")), long);
        let one = format!("vmid1b{}", &text[6..]);
        let odd = IdentityTextError::Character { line: LineKind::Identity, at: 6, found: 'b' };
        assert_eq!(parse(&one), odd);
        for at in 5..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(parse(&changed), IdentityTextError::Checksum, "{at}");
        }
        // Bech32 without the m is another checksum.
        let older = bech32::encode::<bech32::Bech32>(LINE.part, &fixed().bytes()).expect("text");
        assert_eq!(parse(&older), IdentityTextError::Checksum);
    }

    #[test]
    fn introductions_prove_both_keys_in_their_role() {
        let ours = introduction(Role::Advertiser, 1);
        let text = ours.to_string();
        assert_eq!(Introduction::parse(&text, Role::Advertiser), Ok(ours));
        let pasted = format!("\nidentity: {}\r\n  {}\n\n", ours.identity(), ours.proof_line());
        assert_eq!(Introduction::parse(&pasted, Role::Advertiser), Ok(ours));
        let refused = |text: &str, role| Introduction::parse(text, role).expect_err("refused");
        let other_role = IdentityTextError::Role { is: Role::Advertiser };
        assert_eq!(refused(&text, Role::Provider), other_role);
        let alone = ours.identity().to_string();
        assert_eq!(refused(&alone, Role::Advertiser), IdentityTextError::ProofMissing);
        let twice = format!("{alone}\n{alone}");
        assert_eq!(refused(&twice, Role::Advertiser), IdentityTextError::NotAProof);
        let more = format!("{text}\nmore");
        assert_eq!(refused(&more, Role::Advertiser), IdentityTextError::MoreLines);
    }

    #[test]
    fn identity_of_ones_own_key_and_a_competitors_is_refused() {
        let (ours, theirs) = (introduction(Role::Advertiser, 1), introduction(Role::Advertiser, 2));
        let (own, other) = (ours.identity(), theirs.identity());
        for mixed in
            [PublicIdentity { spki: other.spki, ..own }, PublicIdentity { spki: own.spki, ..other }]
        {
            for proof in [ours.proof_line(), theirs.proof_line()] {
                let text = format!("{mixed}\n{proof}");
                let refused = Introduction::parse(&text, Role::Advertiser);
                assert_eq!(refused, Err(IdentityTextError::Proof));
            }
        }
    }

    #[test]
    fn every_refusal_has_its_words_in_both_languages() {
        let line = LineKind::Identity;
        for error in [
            IdentityTextError::NotAnIdentity,
            IdentityTextError::NotAProof,
            IdentityTextError::Fingerprint,
            IdentityTextError::Truncated { line, missing: 1, length: 114 },
            IdentityTextError::Truncated { line: LineKind::Proof, missing: 2, length: 272 },
            IdentityTextError::TooLong { line, extra: 1 },
            IdentityTextError::Character { line, at: 6, found: 'b' },
            IdentityTextError::Checksum,
            IdentityTextError::ProofMissing,
            IdentityTextError::MoreLines,
            IdentityTextError::Role { is: Role::Provider },
            IdentityTextError::Proof,
        ] {
            for lang in Lang::ALL {
                let reader = Reader { lang, own: Some(Role::Provider), plain: false };
                assert_eq!(Failure::from(error).lines(&reader).lines().count(), 3, "{error:?}");
            }
        }
        let cut = IdentityTextError::Truncated { line, missing: 14, length: 114 };
        let shown = "this identity is cut short: 14 of 114 characters are missing at the end";
        assert_eq!(cut.to_string(), shown);
    }

    #[test]
    fn example_of_the_specification_holds() {
        // [K-11], [K-14]
        let key = |seed| AttestationKey::from_bytes(&[seed; 32]);
        let advertiser = Introduction::make(Role::Advertiser, &key(1), &key(2)).identity();
        let provider = Introduction::make(Role::Provider, &key(0x11), &key(0x12)).identity();
        let page = include_str!("../../../spec/keys.md");
        let code = comparison_code(&advertiser, &provider);
        for line in [
            format!("advertiser  {advertiser}"),
            format!("provider    {provider}"),
            format!("code        {code}"),
        ] {
            assert!(page.lines().any(|shown| shown == line), "{line}");
        }
    }

    #[test]
    fn comparison_code_is_four_groups_of_five_digits() {
        let (advertiser, provider) = (fixed(), introduction(Role::Provider, 3).identity());
        let code = comparison_code(&advertiser, &provider);
        let groups: Vec<&str> = code.split(' ').collect();
        assert_eq!(groups.len(), 4);
        assert!(groups.iter().all(|group| group.len() == 5 && group.parse::<u32>().is_ok()));
        assert_ne!(code, comparison_code(&provider, &advertiser));
    }

    /// Made by an implementation of BIP 350 of its own.
    const FIXED: &str = "\
        vmid1qurswpc8qurswpc8qurswpc8qurswpc8qurswpc8qurswpc8qurs\
        jzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgssus2y";
}
