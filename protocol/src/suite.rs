//! Suites, orders, profiles, and every context string in one table.
//!
//! All hashing, key derivation and signing of the protocol goes through the labelled functions
//! here, so that no two uses can meet [K-01]: our labels carry a length byte and the product name,
//! RFC 9497 strings start with `OPRFV1-`, and Merkle trees use another hash function.

use alloc::vec::Vec;
use core::fmt;

use hkdf::Hkdf;
use sha2::{Digest, Sha512, Sha512_256};
use zeroize::{Zeroize, Zeroizing};

use crate::batch_hash::{self, BatchHash, Message};
use crate::group::BatchArithmetic;

/// The one cryptographic choice of a session, named in HELLO_A and hashed into the session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SuiteId {
    /// R255-SHA512-ALIGNED: answers in the order asked, each frame proved.
    Aligned = 0x0001,
    /// R255-SHA512-SHUFFLED: answers re-sorted by rows, canaries as evidence.
    Shuffled = 0x0002,
}

impl SuiteId {
    /// The suite with this code; reserved codes name none.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            0x0001 => Some(Self::Aligned),
            0x0002 => Some(Self::Shuffled),
            _ => None,
        }
    }

    /// The u16 on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Domain of `HashToGroup` under the suite, RFC 9497 4.
    #[must_use]
    pub const fn hash_to_group(self) -> &'static [u8] {
        self.dst(RfcFunction::HashToGroup)
    }

    pub(crate) const fn dst(self, function: RfcFunction) -> &'static [u8] {
        use RfcFunction::{DeriveKeyPair, HashToGroup, HashToScalar, Seed};
        match (self, function) {
            (Self::Aligned, HashToGroup) => b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512",
            (Self::Aligned, HashToScalar) => b"HashToScalar-OPRFV1-\x01-ristretto255-SHA512",
            (Self::Aligned, DeriveKeyPair) => b"DeriveKeyPairOPRFV1-\x01-ristretto255-SHA512",
            (Self::Aligned, Seed) => b"Seed-OPRFV1-\x01-ristretto255-SHA512",
            (Self::Shuffled, HashToGroup) => {
                b"HashToGroup-VEILMATCH-1-SHUFFLED-ristretto255-SHA512"
            }
            (Self::Shuffled, HashToScalar) => {
                b"HashToScalar-VEILMATCH-1-SHUFFLED-ristretto255-SHA512"
            }
            (Self::Shuffled, DeriveKeyPair) => {
                b"DeriveKeyPairVEILMATCH-1-SHUFFLED-ristretto255-SHA512"
            }
            (Self::Shuffled, Seed) => b"Seed-VEILMATCH-1-SHUFFLED-ristretto255-SHA512",
        }
    }
}

// One byte states the length of a tag in `expand_message_xmd`.
const _: () = assert!(has_short_tags(SuiteId::Aligned) && has_short_tags(SuiteId::Shuffled));

const fn has_short_tags(suite: SuiteId) -> bool {
    suite.dst(RfcFunction::HashToGroup).len() < 256
        && suite.dst(RfcFunction::HashToScalar).len() < 256
        && suite.dst(RfcFunction::DeriveKeyPair).len() < 256
}

/// Functions of RFC 9497 that have a domain separation tag of their own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RfcFunction {
    HashToGroup,
    HashToScalar,
    DeriveKeyPair,
    /// Used with the RFC's own vectors only; frame proofs have a seed of ours.
    #[cfg_attr(not(any(test, feature = "hazmat")), expect(dead_code))]
    Seed,
}

/// Order in which answers come back; a type, so that keys and elements of two never mix.
///
/// An aligned element under a shuffled key does not compile:
///
/// ```compile_fail
/// use protocol::oprf::{BlindedElement, PrfKey};
/// use protocol::suite::{Aligned, Shuffled};
/// fn mix(key: &PrfKey<Shuffled>, element: &BlindedElement<Aligned>) {
///     let _ = key.evaluate(element);
/// }
/// ```
pub trait Order: sealed::Sealed + Copy + fmt::Debug + Send + Sync + 'static {
    /// The suite of this order.
    const SUITE: SuiteId;
}

/// Answers in the order asked; every frame proved to the advertiser.
#[derive(Debug, Clone, Copy)]
pub enum Aligned {}

/// Answers re-sorted by rows; known-answer rows as evidence.
#[derive(Debug, Clone, Copy)]
pub enum Shuffled {}

impl Order for Aligned {
    const SUITE: SuiteId = SuiteId::Aligned;
}

impl Order for Shuffled {
    const SUITE: SuiteId = SuiteId::Shuffled;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Aligned {}
    impl Sealed for super::Shuffled {}
}

/// Profile of disclosure: a value in the terms, never a code path of its own [D-01].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Profile {
    /// The advertiser learns how many rows matched.
    MatchRate = 1,
    /// The advertiser learns which of its own rows matched, and by which kinds.
    MatchedRows = 2,
    /// The advertiser learns the rate; the provider learns and activates the matched records.
    Activation = 3,
    /// The advertiser learns the rate and one unlinked bag of digital IDs.
    DigitalIds = 4,
}

impl Profile {
    /// Every profile of this version.
    pub const ALL: [Self; 4] =
        [Self::MatchRate, Self::MatchedRows, Self::Activation, Self::DigitalIds];

    /// The profile with this code; codes 5 to 7 are reserved and name none.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::MatchRate),
            2 => Some(Self::MatchedRows),
            3 => Some(Self::Activation),
            4 => Some(Self::DigitalIds),
            _ => None,
        }
    }

    /// The profile with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The u16 on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The name used on the command line, in files and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MatchRate => "match-rate",
            Self::MatchedRows => "matched-rows",
            Self::Activation => "activation",
            Self::DigitalIds => "digital-ids",
        }
    }

    /// The suite that carries this profile; nothing negotiates another one [M-01].
    #[must_use]
    pub const fn suite(self) -> SuiteId {
        match self {
            Self::MatchedRows => SuiteId::Aligned,
            Self::MatchRate | Self::Activation | Self::DigitalIds => SuiteId::Shuffled,
        }
    }

    /// True if the advertiser sends handles of matched rows.
    #[must_use]
    pub const fn sends_handles(self) -> bool {
        matches!(self, Self::Activation | Self::DigitalIds)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Label of one use of a hash, derivation or signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    text: &'static str,
    /// Bytes of the product's prefix and the text.
    len: u8,
}

/// `H(label; x)` over commitments and identifiers.
pub(crate) mod h {
    use super::Label;
    pub(crate) const PARTY: Label = Label::new("party");
    pub(crate) const SEED: Label = Label::new("seed");
    pub(crate) const KEY_SEED: Label = Label::new("key-seed");
    pub(crate) const INPUT_ROOT: Label = Label::new("input-root");
    pub(crate) const SNAPSHOT_ROOT: Label = Label::new("snapshot-root");
    pub(crate) const MANIFEST: Label = Label::new("manifest");
    pub(crate) const SNAPSHOT: Label = Label::new("snapshot");
    pub(crate) const HELLO_A: Label = Label::new("hello-a");
    pub(crate) const HELLO_P: Label = Label::new("hello-p");
    pub(crate) const TERMS: Label = Label::new("terms");
    pub(crate) const SID: Label = Label::new("sid");
    pub(crate) const LEDGER: Label = Label::new("ledger");
    pub(crate) const RESULT: Label = Label::new("result");
    pub(crate) const REPORT: Label = Label::new("report");
    pub(crate) const RECEIPT: Label = Label::new("receipt");
    pub(crate) const COMPARISON: Label = Label::new("comparison");
    pub(crate) const CLASS_ID: Label = Label::new("class-id");
    pub(crate) const CLASS_FILE: Label = Label::new("class-file");
    pub(crate) const RELEASE: Label = Label::new("release");
}

/// `H64(label; x)`.
pub(crate) mod h64 {
    use super::Label;
    pub(crate) const SHUFFLED_OUTPUT: Label = Label::new("shuffled-output");
    pub(crate) const FRAME_PROOF: Label = Label::new("frame-proof");
}

/// `KDF(prk, label; ctx)`.
pub(crate) mod kdf {
    use super::Label;
    pub(crate) const INPUT_SALT: Label = Label::new("input-salt");
    pub(crate) const SAMPLE: Label = Label::new("sample");
    pub(crate) const PADDING: Label = Label::new("padding");
    pub(crate) const ELEMENT_BLIND: Label = Label::new("element-blind");
    pub(crate) const SESSION_BLIND: Label = Label::new("session-blind");
    pub(crate) const ROW_DUMMY: Label = Label::new("row-dummy");
    pub(crate) const CANARY: Label = Label::new("canary");
    pub(crate) const RESULT_SALT: Label = Label::new("result-salt");
    pub(crate) const PRF_KEY: Label = Label::new("prf-key");
    pub(crate) const TABLE_PAD: Label = Label::new("table-pad");
    pub(crate) const LEAF_SALT: Label = Label::new("leaf-salt");
    pub(crate) const DLEQ_NONCE: Label = Label::new("dleq-nonce");
    pub(crate) const RELEASE_CHOICE: Label = Label::new("release-choice");
    pub(crate) const RELEASE_HOLD: Label = Label::new("release-hold");
    pub(crate) const NOISE_DRAW: Label = Label::new("noise-draw");
    pub(crate) const NOISE_HIT: Label = Label::new("noise-hit");
    pub(crate) const NOISE_MISS: Label = Label::new("noise-miss");
}

/// `Sig(label; x)`.
pub(crate) mod sig {
    use super::Label;
    pub(crate) const MANIFEST: Label = Label::new("sign-manifest");
    pub(crate) const SNAPSHOT: Label = Label::new("sign-snapshot");
    pub(crate) const TERMS: Label = Label::new("sign-terms");
    pub(crate) const CHECKPOINT: Label = Label::new("sign-checkpoint");
    pub(crate) const RECEIPT: Label = Label::new("sign-receipt");
    pub(crate) const IDENTITY: Label = Label::new("sign-identity");
    pub(crate) const HELLO: Label = Label::new("sign-hello");
    pub(crate) const REFUSE: Label = Label::new("sign-refuse");
    pub(crate) const ABORT: Label = Label::new("sign-abort");
    pub(crate) const FRAME: Label = Label::new("sign-frame");
    pub(crate) const BLIND: Label = Label::new("sign-blind");
    pub(crate) const RELEASED: Label = Label::new("sign-released");
}

/// Prefix of every label, so that no label of another product is one of ours.
const PRODUCT: &[u8] = b"VEILMATCH-1-";
/// Salts of `Extract`, and the strings that TLS carries.
pub(crate) const SALT_INPUT: &[u8] = b"VEILMATCH-1-input";
pub(crate) const SALT_SNAPSHOT: &[u8] = b"VEILMATCH-1-snapshot";
/// First bytes of the `info` of DeriveKeyPair.
pub(crate) const KEY_INFO: &[u8] = b"VEILMATCH-1";
/// Domain of `Finalize`, of composites and of challenges in RFC 9497.
pub(crate) const FINALIZE: &[u8] = b"Finalize";
pub(crate) const COMPOSITE: &[u8] = b"Composite";
pub(crate) const CHALLENGE: &[u8] = b"Challenge";

/// ALPN of every connection.
pub const ALPN: &[u8] = b"veilmatch/3";
/// Label of the TLS exporter whose 32 bytes enter the session id; its context is empty.
pub const EXPORTER_LABEL: &[u8] = b"EXPORTER-VEILMATCH-1";
/// Version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 3;

/// `H(label; parts)`, SHA-512/256 with domain separation [K-01].
#[must_use]
pub fn hash(label: Label, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha512_256::new();
    label.write(|bytes| hasher.update(bytes));
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// `H64(label; parts)`, SHA-512 with domain separation [K-01].
#[must_use]
pub fn hash64(label: Label, parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = LabelledHash64::new(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// `H64(label; parts)` for each item: `parts` writes them, `take` is handed the hash.
pub(crate) fn hash64_each<T>(
    arithmetic: &dyn BatchArithmetic,
    label: Label,
    items: impl Iterator<Item = T>,
    mut parts: impl FnMut(&T, &mut Message<'_>),
    take: impl FnMut(T, &[u8; 64]),
) {
    let labelled = |item: &T, message: &mut Message<'_>| {
        label.write(|bytes| message.write(&[bytes]));
        parts(item, message);
    };
    batch_hash::hash_each(arithmetic, BatchHash::Sha512, items, labelled, take);
}

/// `H64` fed piece by piece, for inputs the size of a frame.
pub(crate) struct LabelledHash64(Sha512);

impl LabelledHash64 {
    pub(crate) fn new(label: Label) -> Self {
        let mut hasher = Sha512::new();
        label.write(|bytes| hasher.update(bytes));
        Self(hasher)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finalize(self) -> [u8; 64] {
        self.0.finalize().into()
    }
}

/// `H` fed piece by piece, for outcomes larger than memory.
#[derive(Clone)]
pub(crate) struct LabelledHash(Sha512_256);

impl fmt::Debug for LabelledHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LabelledHash(..)")
    }
}

impl LabelledHash {
    pub(crate) fn new(label: Label) -> Self {
        let mut hasher = Sha512_256::new();
        label.write(|bytes| hasher.update(bytes));
        Self(hasher)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl Label {
    const fn new(text: &'static str) -> Self {
        let len = PRODUCT.len() + text.len();
        assert!(len < 256, "one byte states the length");
        Self { text, len: len as u8 }
    }

    /// Feeds `u8(len(l)) ‖ l` with `l = "VEILMATCH-1-" ‖ label`.
    pub(crate) fn write(self, sink: impl FnMut(&[u8])) {
        self.parts(&[self.len]).into_iter().for_each(sink);
    }

    /// The parts of `u8(len(l)) ‖ l`, given its first.
    const fn parts(self, len: &[u8; 1]) -> [&[u8]; 3] {
        [len, PRODUCT, self.text.as_bytes()]
    }
}

/// A pseudorandom key out of HKDF-Extract-SHA512; secret.
///
/// The keyed hash state is kept beside the key, since a session expands it over and over.
#[derive(Clone)]
pub struct Prk {
    key: Zeroizing<[u8; 64]>,
    expand: Hkdf<Sha512>,
}

impl Prk {
    /// `Extract(salt, ikm)`, HKDF-Extract-SHA512 [K-02].
    #[must_use]
    pub fn extract(salt: &[u8], ikm: &[u8]) -> Self {
        let (mut prk, expand) = Hkdf::<Sha512>::extract(Some(salt), ikm);
        let mut key = Zeroizing::new([0; 64]);
        key.copy_from_slice(&prk);
        prk.as_mut_slice().zeroize();
        Self { key, expand }
    }

    /// `KDF(prk, label; ctx, N)`, HKDF-Expand-SHA512 [K-02].
    #[must_use]
    pub fn expand<const N: usize>(&self, label: Label, context: &[&[u8]]) -> Zeroizing<[u8; N]> {
        const { assert!(N <= 255 * 64, "HKDF-Expand-SHA512 yields at most 255 blocks") };
        let len = [label.len];
        let head = label.parts(&len);
        // Fed part by part, so no length of context is cut off and none is copied.
        let info: Vec<&[u8]> = head.into_iter().chain(context.iter().copied()).collect();
        let mut out = Zeroizing::new([0; N]);
        // N is below the limit asserted above, the only error `expand_multi_info` has.
        let expanded = self.expand.expand_multi_info(&info, out.as_mut_slice());
        debug_assert!(expanded.is_ok());
        out
    }

    /// [`Prk::expand`] to at most 64 bytes for each item: `context` writes `ctx`, and `take` is
    /// handed 64 bytes, the first N of which are `KDF(prk, label; ctx, N)`.
    pub(crate) fn expand_each<T>(
        &self,
        arithmetic: &dyn BatchArithmetic,
        label: Label,
        items: impl Iterator<Item = T>,
        mut context: impl FnMut(&T, &mut Message<'_>),
        take: impl FnMut(T, &[u8; 64]),
    ) {
        let hash = BatchHash::HmacSha512 { key: &self.key };
        let first_block = |item: &T, message: &mut Message<'_>| {
            // T(1) of RFC 5869: HMAC(prk, info ‖ 0x01).
            message.write(&label.parts(&[label.len]));
            context(item, message);
            message.write(&[&[1]]);
        };
        batch_hash::hash_each(arithmetic, hash, items, first_block, take);
    }
}

impl fmt::Debug for Prk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prk(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_has_one_suite_and_one_name() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_code(profile.code()), Some(profile));
            assert_eq!(Profile::from_name(profile.name()), Some(profile));
        }
        assert_eq!(Profile::from_code(5), None);
        assert_eq!(SuiteId::from_code(0x0101), None);
    }

    #[test]
    fn labels_separate() {
        let x = b"same input";
        assert_ne!(hash(h::SEED, &[x]), hash(h::KEY_SEED, &[x]));
        // The length byte keeps a label and its input apart.
        assert_ne!(hash(h::SEED, &[b"-tail"]), hash(Label::new("seed-tail"), &[]));
    }

    #[test]
    fn hash_states_are_wiped() {
        fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
        is_wiped::<Sha512>();
        is_wiped::<Sha512_256>();
    }

    #[test]
    fn no_length_of_context_is_cut_off() {
        let prk = Prk::extract(b"salt", b"ikm");
        let long = |last: u8| {
            let mut context = vec![7; 400];
            context.push(last);
            prk.expand::<32>(kdf::CANARY, &[&context])
        };
        assert_ne!(long(1), long(2));
    }

    #[test]
    fn a_split_input_hashes_like_a_whole_one() {
        assert_eq!(hash(h::RESULT, &[b"ab", b"c"]), hash(h::RESULT, &[b"abc"]));
        let prk = Prk::extract(b"salt", b"ikm");
        let whole: Zeroizing<[u8; 64]> = prk.expand(kdf::CANARY, &[b"abc"]);
        let split: Zeroizing<[u8; 64]> = prk.expand(kdf::CANARY, &[b"a", b"bc"]);
        assert_eq!(*whole, *split);
    }
}
