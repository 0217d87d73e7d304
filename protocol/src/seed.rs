//! The secrets a party draws, their commitments, and every value derived from them.
//!
//! Apart from the four seeds here and the provider's nonce nothing in a session is random: each
//! choice is a function of a seed that was committed before the peer's contribution was known, so
//! an auditor can re-derive the run [K-03]. Seeds come from the operating system, drawn by `node`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::batch_hash::Message;
use crate::bytes::part;
use crate::error::Bug;
use crate::group::{BatchArithmetic, Encoded, SecretScalar};
use crate::identifier::PrfInput;
use crate::suite::{self, Label, Prk, SALT_INPUT, SALT_SNAPSHOT, h, kdf};

/// Declares a 32-byte seed with its opaque `Debug`.
///
/// The bytes stay at one place on the heap: a session is moved from state to state, and a move
/// leaves a copy behind that nobody wipes.
macro_rules! seed {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name(Box<Zeroizing<[u8; 32]>>);

        impl $name {
            /// Wraps 32 bytes drawn from the operating system, or read back from sealed storage.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(Box::new(Zeroizing::new(bytes)))
            }

            /// The bytes, for sealed storage only.
            #[must_use]
            pub fn expose_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

seed! {
    /// Source of every choice the advertiser makes in one session.
    ///
    /// Aligned order hides the advertiser's identifiers for as long as this stays secret.
    SessionSeed
}
seed! {
    /// Source of the leaf salts of one committed input; kept per content, so that equal data has
    /// one root.
    InputSeed
}
seed! {
    /// Source of one PRF key; committed in the key manifest.
    KeySeed
}
seed! {
    /// Source of the leaf salts of one daily snapshot.
    SnapshotSeed
}

impl SessionSeed {
    /// The commitment in HELLO_A, sent before the provider's nonce exists.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        suite::hash(h::SEED, &[self.expose_bytes()])
    }

    /// The salt that seals the input root for this session, so that the provider cannot tell
    /// whether two sessions used one input [T-06].
    #[must_use]
    pub fn input_salt(&self) -> Zeroizing<[u8; 32]> {
        Prk::extract(SALT_INPUT, self.expose_bytes()).expand(kdf::INPUT_SALT, &[])
    }

    /// The draw of a `match-rate` sample, fixed by the provider's nonce before the terms exist.
    #[must_use]
    pub fn sample_stream(&self, nonce_provider: &[u8; 32]) -> Stream {
        let prk = Arc::new(Prk::extract(nonce_provider, self.expose_bytes()));
        Stream::new(prk, kdf::SAMPLE, 0)
    }

    /// The session's derivation key, bound to its sid.
    #[must_use]
    pub fn session_keys(&self, sid: &[u8; 32]) -> SessionKeys {
        SessionKeys(Arc::new(Prk::extract(sid, self.expose_bytes())))
    }
}

impl InputSeed {
    /// The derivation of leaf salts of this input.
    #[must_use]
    pub fn leaf_salts(&self) -> LeafSalts {
        LeafSalts(Prk::extract(SALT_INPUT, self.expose_bytes()))
    }
}

impl SnapshotSeed {
    /// The derivation of leaf salts of this snapshot.
    #[must_use]
    pub fn leaf_salts(&self) -> LeafSalts {
        LeafSalts(Prk::extract(SALT_SNAPSHOT, self.expose_bytes()))
    }
}

impl KeySeed {
    /// The commitment in the key manifest.
    #[must_use]
    pub fn commitment(&self) -> [u8; 32] {
        suite::hash(h::KEY_SEED, &[self.expose_bytes()])
    }

    /// The derivation key of one PRF key, bound to its name and its two parties.
    #[must_use]
    pub fn key_derivation(
        &self,
        key_id: &[u8; 16],
        provider: &[u8; 32],
        partner: &[u8; 32],
    ) -> KeyDerivation {
        let mut salt = [0_u8; 80];
        let (id, parties) = salt.split_at_mut(16);
        id.copy_from_slice(key_id);
        let (first, second) = parties.split_at_mut(32);
        first.copy_from_slice(provider);
        second.copy_from_slice(partner);
        KeyDerivation(Arc::new(Prk::extract(&salt, self.expose_bytes())))
    }
}

/// Derivations of the advertiser for one session, all from [`SessionSeed`] and the sid.
///
/// Clones share one key, which is wiped with the last of them.
#[derive(Debug, Clone)]
pub struct SessionKeys(Arc<Prk>);

impl SessionKeys {
    /// Blind of the element at `position` of the padded sequence, aligned order.
    ///
    /// Hedged by the sid and by the input itself: a cloned machine cannot repeat a blind on other
    /// data.
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] if the derived scalar is one that [`SecretScalar`] refuses, which
    /// happens with probability 2^-249 and is never retried.
    pub fn element_blind(&self, position: u64, input: &PrfInput) -> Result<SecretScalar, Bug> {
        self.scalar(kdf::ELEMENT_BLIND, &[&position.to_le_bytes(), bound_part(input)])
    }

    /// [`SessionKeys::element_blind`] of many elements at once, in their order.
    ///
    /// # Errors
    ///
    /// As [`SessionKeys::element_blind`].
    pub fn element_blinds<'a>(
        &self,
        arithmetic: &dyn BatchArithmetic,
        elements: impl Iterator<Item = (u64, &'a PrfInput)>,
    ) -> Result<Vec<SecretScalar>, Bug> {
        self.scalars(arithmetic, kdf::ELEMENT_BLIND, elements, |(position, input), context| {
            context.write(&[&position.to_le_bytes(), bound_part(input)]);
        })
    }

    /// The one blind of a shuffled session.
    ///
    /// # Errors
    ///
    /// As [`SessionKeys::element_blind`].
    pub fn session_blind(&self) -> Result<SecretScalar, Bug> {
        self.scalar(kdf::SESSION_BLIND, &[])
    }

    /// Scalar of the canary, or padding element, at `position`.
    ///
    /// # Errors
    ///
    /// As [`SessionKeys::element_blind`].
    pub fn canary(&self, position: u64) -> Result<SecretScalar, Bug> {
        self.scalar(kdf::CANARY, &[&position.to_le_bytes()])
    }

    /// [`SessionKeys::canary`] of many positions at once, in their order.
    ///
    /// # Errors
    ///
    /// As [`SessionKeys::element_blind`].
    pub fn canaries(
        &self,
        arithmetic: &dyn BatchArithmetic,
        positions: impl Iterator<Item = u64>,
    ) -> Result<Vec<SecretScalar>, Bug> {
        self.scalars(arithmetic, kdf::CANARY, positions, |position, context| {
            context.write(&[&position.to_le_bytes()]);
        })
    }

    /// Digest of the filler in `slot` of committed row `row`, shuffled order.
    #[must_use]
    pub fn row_dummy(&self, row: u64, slot: u8) -> PrfInput {
        let digest: Zeroizing<[u8; 32]> =
            self.0.expand(kdf::ROW_DUMMY, &[&row.to_le_bytes(), &[slot]]);
        PrfInput::row_dummy(&digest)
    }

    /// [`SessionKeys::row_dummy`] of many fillers at once, in their order; each is a row and a
    /// slot.
    #[must_use]
    pub fn row_dummies(
        &self,
        arithmetic: &dyn BatchArithmetic,
        fillers: impl Iterator<Item = (u64, u8)>,
    ) -> Vec<PrfInput> {
        let mut dummies = Vec::with_capacity(fillers.size_hint().0);
        self.0.expand_each(
            arithmetic,
            kdf::ROW_DUMMY,
            fillers,
            |(row, slot), context| context.write(&[&row.to_le_bytes(), &[*slot]]),
            |_, bytes| {
                let digest = Zeroizing::new(part::<0, 32, 64>(bytes));
                dummies.push(PrfInput::row_dummy(&digest));
            },
        );
        dummies
    }

    /// Salt of the result and report commitments.
    #[must_use]
    pub fn result_salt(&self) -> Zeroizing<[u8; 32]> {
        self.0.expand(kdf::RESULT_SALT, &[])
    }

    /// The draw that spreads padding among real elements, aligned order.
    #[must_use]
    pub fn padding_stream(&self) -> Stream {
        Stream::new(Arc::clone(&self.0), kdf::PADDING, 0)
    }

    fn scalar(&self, label: Label, context: &[&[u8]]) -> Result<SecretScalar, Bug> {
        scalar(&self.0, label, context)
    }

    /// `Scalar(prk, label; ctx)` for each item, in their order.
    fn scalars<T>(
        &self,
        arithmetic: &dyn BatchArithmetic,
        label: Label,
        items: impl Iterator<Item = T>,
        context: impl FnMut(&T, &mut Message<'_>),
    ) -> Result<Vec<SecretScalar>, Bug> {
        scalars(&self.0, arithmetic, label, items, context)
    }
}

/// `Scalar(prk, label; ctx)` for each item, in their order.
fn scalars<T>(
    prk: &Prk,
    arithmetic: &dyn BatchArithmetic,
    label: Label,
    items: impl Iterator<Item = T>,
    context: impl FnMut(&T, &mut Message<'_>),
) -> Result<Vec<SecretScalar>, Bug> {
    // With room from the start: a vector that grows leaves its secrets behind unwiped.
    let mut scalars = Vec::with_capacity(items.size_hint().0);
    let mut refused = false;
    prk.expand_each(
        arithmetic,
        label,
        items,
        context,
        |_, wide| match SecretScalar::from_wide_bytes(wide) {
            Some(scalar) => scalars.push(scalar),
            None => refused = true,
        },
    );
    if refused { Err(Bug::invariant()) } else { Ok(scalars) }
}

/// Part of an input that its blind is bound to: kind ‖ ruleset ‖ digest, without the prefix.
fn bound_part(input: &PrfInput) -> &[u8] {
    let (_, tail) = input.expose_bytes().split_at(11);
    tail
}

/// Derivations of the provider for one PRF key.
#[derive(Debug, Clone)]
pub struct KeyDerivation(Arc<Prk>);

impl KeyDerivation {
    /// Seed of DeriveKeyPair.
    #[must_use]
    pub fn prf_key_seed(&self) -> Zeroizing<[u8; 32]> {
        self.0.expand(kdf::PRF_KEY, &[])
    }

    /// Input behind padding tag `index` of the table under this key [M-21].
    #[must_use]
    pub fn table_padding(&self, index: u64) -> PrfInput {
        let digest: Zeroizing<[u8; 32]> = self.0.expand(kdf::TABLE_PAD, &[&index.to_le_bytes()]);
        PrfInput::table_padding(&digest)
    }

    /// The draw of the persons who leave as cover or wait, in the release of one session.
    #[must_use]
    pub fn release_choices(&self, sid: &[u8; 32]) -> Stream {
        let seed: Zeroizing<[u8; 32]> = self.0.expand(kdf::RELEASE_CHOICE, &[]);
        Stream::new(Arc::new(Prk::extract(sid, &*seed)), kdf::RELEASE_CHOICE, 0)
    }

    /// Uniform bytes for the number of new persons who wait, in the release of one session.
    #[must_use]
    pub fn release_hold(&self, sid: &[u8; 32]) -> Zeroizing<[u8; 16]> {
        self.0.expand(kdf::RELEASE_HOLD, &[sid])
    }

    /// Uniform bytes behind the number of noise rows with at least `hits` hits, for an advertiser
    /// that has committed to its blind by `blind`, K_a [E-04].
    #[must_use]
    pub fn noise_draw(&self, hits: u8, blind: &Encoded) -> Zeroizing<[u8; 16]> {
        self.0.expand(kdf::NOISE_DRAW, &[&[hits], blind])
    }

    /// Scalars of noise elements with these numbers, in their order: those that hit, whose tags
    /// stand in the table, or those that do not [E-05].
    ///
    /// # Errors
    ///
    /// Errors of [`SessionKeys::element_blind`].
    pub fn noise_scalars(
        &self,
        arithmetic: &dyn BatchArithmetic,
        hits: bool,
        numbers: impl Iterator<Item = u64>,
    ) -> Result<Vec<SecretScalar>, Bug> {
        let label = if hits { kdf::NOISE_HIT } else { kdf::NOISE_MISS };
        scalars(&self.0, arithmetic, label, numbers, |number, context| {
            context.write(&[&number.to_le_bytes()]);
        })
    }
}

/// Salts of Merkle leaves: same data and seed, same root.
#[derive(Debug, Clone)]
pub struct LeafSalts(Prk);

impl LeafSalts {
    /// Salt of the leaf at `index`.
    #[must_use]
    pub fn salt(&self, index: u64) -> Zeroizing<[u8; 16]> {
        self.0.expand(kdf::LEAF_SALT, &[&index.to_le_bytes()])
    }

    /// Hands each leaf its [`LeafSalts::salt`]; the first has the given index.
    pub(crate) fn salt_each<T>(
        &self,
        arithmetic: &dyn BatchArithmetic,
        first: u64,
        leaves: impl Iterator<Item = T>,
        mut take: impl FnMut(T, &[u8; 16]),
    ) {
        self.0.expand_each(
            arithmetic,
            kdf::LEAF_SALT,
            (first..).zip(leaves),
            |(index, _), context| context.write(&[&index.to_le_bytes()]),
            |(_, leaf), bytes| take(leaf, &Zeroizing::new(part::<0, 16, 64>(bytes))),
        );
    }
}

/// `Scalar(prk, label; ctx)` [K-02]: 64 bytes of KDF reduced modulo the group order.
pub(crate) fn scalar(prk: &Prk, label: Label, context: &[&[u8]]) -> Result<SecretScalar, Bug> {
    let wide: Zeroizing<[u8; 64]> = prk.expand(label, context);
    SecretScalar::from_wide_bytes(&wide).ok_or(Bug::invariant())
}

/// Deterministic draws [K-04]: `KDF(prk, label; u8 z ‖ u64 i, 64)` read as u64 after u64.
#[derive(Clone)]
pub struct Stream {
    prk: Arc<Prk>,
    label: Label,
    purpose: u8,
    block_index: u64,
    /// Words of the block, the next one first.
    block: Zeroizing<[u64; BLOCK_WORDS]>,
    words_left: usize,
}

impl Stream {
    pub(crate) fn new(prk: Arc<Prk>, label: Label, purpose: u8) -> Self {
        let block = Zeroizing::new([0; BLOCK_WORDS]);
        Self { prk, label, purpose, block_index: 0, block, words_left: 0 }
    }

    /// An unbiased draw below `bound`, by rejection; 0 when `bound` is 0.
    pub fn uniform(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // 2^64 mod bound values at the top would be biased.
        let excess = (u64::MAX % bound).wrapping_add(1) % bound;
        loop {
            let word = self.next_word();
            if word <= u64::MAX.wrapping_sub(excess) {
                return word % bound;
            }
        }
    }

    fn next_word(&mut self) -> u64 {
        self.words_left = match self.words_left.checked_sub(1) {
            Some(left) => left,
            None => {
                self.next_block();
                BLOCK_WORDS - 1
            }
        };
        let [word, ..] = *self.block;
        self.block.rotate_left(1);
        word
    }

    fn next_block(&mut self) {
        let index = self.block_index.to_le_bytes();
        let bytes: Zeroizing<[u8; 64]> = self.prk.expand(self.label, &[&[self.purpose], &index]);
        for (word, bytes) in self.block.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        // No session draws 2^64 blocks.
        self.block_index = self.block_index.wrapping_add(1);
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream(..)")
    }
}

/// Words of one block of a stream.
const BLOCK_WORDS: usize = 8;

/// `Select(m, s)`: which `s` of `m` positions are taken, decided one position at a time [K-04].
#[derive(Debug, Clone)]
pub struct Select {
    stream: Stream,
    positions_left: u64,
    to_take: u64,
}

impl Select {
    /// Draws `take` of `positions`.
    #[must_use]
    pub const fn new(stream: Stream, positions: u64, take: u64) -> Self {
        Self { stream, positions_left: positions, to_take: take }
    }
}

impl Iterator for Select {
    type Item = bool;

    fn next(&mut self) -> Option<bool> {
        let left = self.positions_left;
        self.positions_left = left.checked_sub(1)?;
        let taken = self.stream.uniform(left) < self.to_take;
        if taken {
            self.to_take = self.to_take.checked_sub(1)?;
        }
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Portable;

    #[test]
    fn select_takes_exactly_as_many_as_asked() {
        let keys = SessionSeed::from_bytes([7; 32]).session_keys(&[9; 32]);
        for (positions, take) in [(1, 0), (1, 1), (64, 5), (1_000, 1_000), (32_768, 10)] {
            let taken = Select::new(keys.padding_stream(), positions, take);
            assert_eq!(taken.filter(|&t| t).count() as u64, take);
        }
    }

    #[test]
    fn many_at_once_equal_one_at_a_time() {
        let keys = SessionSeed::from_bytes([7; 32]).session_keys(&[9; 32]);
        let inputs: Vec<PrfInput> = (0..40).map(|i| PrfInput::row_dummy(&[i; 32])).collect();
        let blinds = keys.element_blinds(&Portable, (1 << 33..).zip(&inputs)).unwrap();
        let canaries = keys.canaries(&Portable, 9..49).unwrap();
        let dummies = keys.row_dummies(&Portable, (5..45).zip([0, 7].into_iter().cycle()));
        let salts = InputSeed::from_bytes([7; 32]).leaf_salts();
        let mut salted = Vec::new();
        salts.salt_each(&Portable, 3, 3..43, |index, salt| salted.push((index, *salt)));
        for (at, input) in (0..).zip(&inputs) {
            let blind = keys.element_blind((1 << 33) + at, input).unwrap();
            assert_eq!(blinds[at as usize].expose_bytes(), blind.expose_bytes());
            let canary = keys.canary(9 + at).unwrap();
            assert_eq!(canaries[at as usize].expose_bytes(), canary.expose_bytes());
            let slot = if at % 2 == 0 { 0 } else { 7 };
            assert_eq!(dummies[at as usize], keys.row_dummy(5 + at, slot));
            assert_eq!(salted[at as usize], (3 + at, *salts.salt(3 + at)));
        }
        assert_eq!([blinds.len(), canaries.len(), dummies.len(), salted.len()], [40; 4]);
    }

    #[test]
    fn one_seed_in_two_sessions_gives_different_blinds() {
        // A47
        let seed = SessionSeed::from_bytes([7; 32]);
        let input = PrfInput::row_dummy(&[1; 32]);
        let first = seed.session_keys(&[1; 32]).element_blind(0, &input).unwrap();
        let second = seed.session_keys(&[2; 32]).element_blind(0, &input).unwrap();
        assert_ne!(first.expose_bytes(), second.expose_bytes());
    }

    #[test]
    fn seeds_print_their_type_only() {
        let shown = format!(
            "{:?} {:?} {:?}",
            SessionSeed::from_bytes([0x77; 32]),
            KeySeed::from_bytes([0x77; 32]),
            SessionSeed::from_bytes([0x77; 32]).session_keys(&[0; 32]),
        );
        assert_eq!(shown, "SessionSeed(..) KeySeed(..) SessionKeys(Prk(..))");
    }
}
