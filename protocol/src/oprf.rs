//! Blind, evaluate, finalize: RFC 9497 under its own names, one element at a time.
//!
//! These functions are the definition. A frame of a session is the same functions in order, done
//! by `session::task` on a batch engine; a property test holds the two together. The
//! order is a type parameter, so a key or element of one order cannot meet one of the other.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::batch_hash::{self, BatchHash};
use crate::bytes::part;
use crate::error::{Bug, Violation};
use crate::group::{self, BadElement, BatchArithmetic, Element, Encoded, SecretScalar};
use crate::identifier::PrfInput;
use crate::seed::KeyDerivation;
use crate::suite::{self, FINALIZE, KEY_INFO, Order, RfcFunction, Shuffled, h64};

/// The provider's PRF key for one partner and one order; secret.
#[derive(Clone)]
pub struct PrfKey<O: Order> {
    scalar: SecretScalar,
    public: Encoded,
    order: PhantomData<O>,
}

impl<O: Order> PrfKey<O> {
    /// `DeriveKeyPair` of RFC 9497 over a committed seed [K-05].
    ///
    /// `info = "VEILMATCH-1" ‖ u16 suite ‖ provider ‖ partner ‖ key_id`, so a seed can never give
    /// the same key to two partners or to two orders.
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] after 256 refused candidates, which does not happen.
    pub fn derive(
        derivation: &KeyDerivation,
        provider: &[u8; 32],
        partner: &[u8; 32],
        key_id: &[u8; 16],
    ) -> Result<Self, Bug> {
        let suite = O::SUITE.code().to_le_bytes();
        let info = [KEY_INFO, &suite, provider, partner, key_id].concat();
        let seed = derivation.prf_key_seed();
        let scalar = derive_key_pair::<O>(&seed, &info)?;
        Ok(Self::from_scalar(scalar))
    }

    pub(crate) fn from_scalar(scalar: SecretScalar) -> Self {
        let public = Element::multiply_base(&scalar).encode();
        Self { scalar, public, order: PhantomData }
    }

    /// The public key K, encoded.
    #[must_use]
    pub const fn public(&self) -> &Encoded {
        &self.public
    }

    /// Evaluates one blinded element under this key; `BlindEvaluate` of RFC 9497.
    ///
    /// The element hides its input from us: by a fresh blind in aligned order, under DDH in
    /// shuffled order. It was decoded strictly, so it is canonical and not the identity [M-03].
    ///
    /// Each call answers one static Diffie-Hellman query of the peer's choosing. The session
    /// counts calls against the reserved budget, and the key retires with its epoch [K-05].
    #[must_use]
    pub fn evaluate(&self, element: &BlindedElement<O>) -> EvaluatedElement<O> {
        EvaluatedElement { element: element.element.multiply(&self.scalar), order: PhantomData }
    }

    /// [`PrfKey::evaluate`] of many encodings at once, decoded strictly on the way.
    ///
    /// # Errors
    ///
    /// [`BadElement`] for the first that is no element; the sender is to blame.
    pub fn evaluate_each(
        &self,
        arithmetic: &dyn BatchArithmetic,
        blinded: &[Encoded],
        evaluated: &mut [Encoded],
    ) -> Result<(), BadElement> {
        arithmetic.multiply(&self.scalar, blinded, evaluated)
    }

    /// The PRF output of an input that the holder of the key knows; its tags fill the table.
    #[must_use]
    pub fn output(&self, input: &PrfInput) -> PrfOutput<O> {
        let unblinded = hash_to_group::<O>(input).multiply(&self.scalar).encode();
        PrfOutput::of(input, &self.public, &unblinded)
    }

    /// [`PrfKey::output`] of many inputs at once, in their order.
    #[must_use]
    pub fn outputs(
        &self,
        arithmetic: &dyn BatchArithmetic,
        inputs: &[PrfInput],
    ) -> Vec<PrfOutput<O>> {
        let mut unblinded = Zeroizing::new(alloc::vec![[0; 32]; inputs.len()]);
        let dst = O::SUITE.dst(RfcFunction::HashToGroup);
        arithmetic.hash_multiply(&self.scalar, dst, inputs, &mut unblinded);
        let mut outputs = Vec::with_capacity(inputs.len());
        let push = |(), bytes: &[u8; 64]| {
            outputs.push(PrfOutput { bytes: *bytes, order: PhantomData });
        };
        let pairs = inputs.iter().zip(unblinded.iter());
        match O::SUITE {
            suite::SuiteId::Aligned => {
                let items = pairs.map(|(input, element)| ((), input, element));
                finalize_hash_each(arithmetic, items, push);
            }
            suite::SuiteId::Shuffled => {
                let items = pairs.map(|(_, element)| ((), element));
                shuffled_hash_each(arithmetic, &self.public, items, push);
            }
        }
        outputs
    }

    pub(crate) const fn scalar(&self) -> &SecretScalar {
        &self.scalar
    }
}

impl PrfKey<Shuffled> {
    /// Outputs of noise elements s·K, which no input is behind, in the order of the scalars
    /// [E-05].
    ///
    /// # Errors
    ///
    /// [`Bug::invariant`] for a public key that does not decode.
    pub fn noise_outputs(
        &self,
        arithmetic: &dyn BatchArithmetic,
        scalars: &[SecretScalar],
    ) -> Result<Vec<PrfOutput<Shuffled>>, Bug> {
        let keys = alloc::vec![self.public; scalars.len()];
        let mut elements = Zeroizing::new(alloc::vec![[0; 32]; scalars.len()]);
        arithmetic.multiply_each(scalars, &keys, &mut elements).map_err(|_| Bug::invariant())?;
        let mut outputs = Vec::with_capacity(scalars.len());
        let elements = elements.iter().map(|element| ((), element));
        PrfOutput::of_each_unblinded(arithmetic, &self.public, elements, |(), output| {
            outputs.push(output);
        });
        Ok(outputs)
    }
}

impl<O: Order> fmt::Debug for PrfKey<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrfKey(..)")
    }
}

/// A secret scalar that hides the advertiser's input from the provider.
#[derive(Clone)]
pub struct Blind<O: Order> {
    scalar: SecretScalar,
    order: PhantomData<O>,
}

impl<O: Order> Blind<O> {
    /// Wraps a scalar derived from the session seed.
    #[must_use]
    pub const fn from_scalar(scalar: SecretScalar) -> Self {
        Self { scalar, order: PhantomData }
    }

    /// Blinds one input; `Blind` of RFC 9497.
    #[must_use]
    pub fn blind(&self, input: &PrfInput) -> BlindedElement<O> {
        BlindedElement {
            element: hash_to_group::<O>(input).multiply(&self.scalar),
            order: PhantomData,
        }
    }

    /// Removes the blind from an evaluation and hashes; `Finalize` of RFC 9497 in aligned order.
    ///
    /// `public_key` enters the output in shuffled order only, where the input cannot be bound.
    #[must_use]
    pub fn finalize(
        &self,
        input: &PrfInput,
        evaluated: &EvaluatedElement<O>,
        public_key: &Encoded,
    ) -> PrfOutput<O> {
        let unblinded = evaluated.element.multiply(&self.scalar.invert()).encode();
        PrfOutput::of(input, public_key, &unblinded)
    }
}

impl<O: Order> fmt::Debug for Blind<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Blind(..)")
    }
}

/// An input hidden by a blind: the advertiser's question.
#[derive(Debug, Clone, Copy)]
pub struct BlindedElement<O: Order> {
    element: Element,
    order: PhantomData<O>,
}

/// A blinded element multiplied by the PRF key: the provider's answer.
#[derive(Debug, Clone, Copy)]
pub struct EvaluatedElement<O: Order> {
    element: Element,
    order: PhantomData<O>,
}

/// Encoding shared by the two kinds of elements that travel.
macro_rules! travels {
    ($name:ident) => {
        impl<O: Order> $name<O> {
            /// Decodes strictly.
            ///
            /// # Errors
            ///
            /// The violation, whose sender is to blame.
            pub fn decode(encoded: &Encoded) -> Result<Self, Violation> {
                Ok(Self { element: Element::decode(encoded)?, order: PhantomData })
            }

            /// The canonical encoding.
            #[must_use]
            pub fn encode(&self) -> Encoded {
                self.element.encode()
            }
        }
    };
}
travels!(BlindedElement);
travels!(EvaluatedElement);

/// F, 64 bytes; secret but for the part that becomes a tag of the table.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrfOutput<O: Order> {
    bytes: [u8; 64],
    #[zeroize(skip)]
    order: PhantomData<O>,
}

impl<O: Order> PrfOutput<O> {
    /// Hashes an unblinded evaluation into the output of its order.
    pub(crate) fn of(input: &PrfInput, public_key: &Encoded, unblinded: &Encoded) -> Self {
        let bytes = match O::SUITE {
            suite::SuiteId::Aligned => finalize_hash(INPUT_LEN, input.as_ref(), unblinded),
            suite::SuiteId::Shuffled => shuffled_hash(public_key, unblinded),
        };
        Self { bytes, order: PhantomData }
    }

    /// The 72 bits that are compared, public once they stand in a table.
    #[must_use]
    pub fn tag(&self) -> MatchTag {
        MatchTag::of(&self.bytes)
    }

    /// The secret name of a match.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(part::<16, { Handle::LEN }, 64>(&self.bytes))
    }

    /// All 64 bytes; they can be re-tested against later tables, so they are as secret as inputs.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; 64] {
        &self.bytes
    }
}

impl PrfOutput<Shuffled> {
    /// Output of an unblinded element whose input is not known, shuffled order.
    #[must_use]
    pub fn of_unblinded(public_key: &Encoded, unblinded: &Encoded) -> Self {
        Self { bytes: shuffled_hash(public_key, unblinded), order: PhantomData }
    }

    /// [`PrfOutput::of_unblinded`] of each element, handed to `take` with what comes with it.
    pub fn of_each_unblinded<'a, T>(
        arithmetic: &dyn BatchArithmetic,
        public_key: &Encoded,
        unblinded: impl Iterator<Item = (T, &'a Encoded)>,
        mut take: impl FnMut(T, Self),
    ) {
        shuffled_hash_each(arithmetic, public_key, unblinded, |item, bytes| {
            take(item, Self { bytes: *bytes, order: PhantomData });
        });
    }
}

impl<O: Order> fmt::Debug for PrfOutput<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrfOutput(..)")
    }
}

/// First 72 bits of a PRF output; compared as a byte string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchTag(pub [u8; MatchTag::LEN]);

impl MatchTag {
    /// Bytes of a tag.
    pub const LEN: usize = 9;

    /// Tags of unblinded evaluations in aligned order; `take` gets each with what comes with it.
    pub fn finalize_each<'a, T>(
        arithmetic: &dyn BatchArithmetic,
        items: impl Iterator<Item = (T, &'a PrfInput, &'a Encoded)>,
        mut take: impl FnMut(T, Self),
    ) {
        finalize_hash_each(arithmetic, items, |item, output| take(item, Self::of(output)));
    }

    /// The first bytes of a PRF output.
    fn of(output: &[u8; 64]) -> Self {
        Self(part::<0, { Self::LEN }, 64>(output))
    }
}

/// Opaque, since an own tag can be tested against every table.
impl fmt::Debug for MatchTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MatchTag(..)")
    }
}

/// Bytes 16 to 32 of a PRF output: names a match, and is secret until it is sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Zeroize, ZeroizeOnDrop)]
pub struct Handle([u8; Handle::LEN]);

impl Handle {
    /// Bytes of a handle.
    pub const LEN: usize = 16;

    /// Wraps 16 bytes of a HANDLES frame or of sealed storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes; they name a person's record at the provider.
    #[must_use]
    pub const fn expose_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(..)")
    }
}

/// `HashToGroup` under the context string of the order.
fn hash_to_group<O: Order>(input: &PrfInput) -> Element {
    Element::hash(O::SUITE.dst(RfcFunction::HashToGroup), input.as_ref())
}

/// `Finalize` of RFC 9497 after unblinding, of an input of `len` bytes.
pub(crate) fn finalize_hash(len: u16, input: &[u8], unblinded: &Encoded) -> [u8; 64] {
    let mut hasher = Sha512::new();
    finalize_message(len, input, unblinded, |part| hasher.update(part));
    hasher.finalize().into()
}

/// [`finalize_hash`] for each item, an input and its unblinded evaluation, and what comes with
/// them to `take`.
fn finalize_hash_each<'a, T>(
    arithmetic: &dyn BatchArithmetic,
    items: impl Iterator<Item = (T, &'a PrfInput, &'a Encoded)>,
    mut take: impl FnMut(T, &[u8; 64]),
) {
    batch_hash::hash_each(
        arithmetic,
        BatchHash::Sha512,
        items,
        |(_, input, unblinded), message| {
            finalize_message(INPUT_LEN, input.as_ref(), unblinded, |part| message.write(&[part]));
        },
        |(item, ..), hash| take(item, hash),
    );
}

/// Feeds what `Finalize` hashes.
fn finalize_message(len: u16, input: &[u8], unblinded: &Encoded, mut sink: impl FnMut(&[u8])) {
    sink(&len.to_be_bytes());
    sink(input);
    sink(&32_u16.to_be_bytes());
    sink(unblinded);
    sink(FINALIZE);
}

fn shuffled_hash(public_key: &Encoded, unblinded: &Encoded) -> [u8; 64] {
    suite::hash64(h64::SHUFFLED_OUTPUT, &[public_key, unblinded])
}

/// [`shuffled_hash`] of each element, and what comes with it to `take`.
fn shuffled_hash_each<'a, T>(
    arithmetic: &dyn BatchArithmetic,
    public_key: &Encoded,
    unblinded: impl Iterator<Item = (T, &'a Encoded)>,
    mut take: impl FnMut(T, &[u8; 64]),
) {
    suite::hash64_each(
        arithmetic,
        h64::SHUFFLED_OUTPUT,
        unblinded,
        |(_, element), message| message.write(&[public_key, *element]),
        |(item, _), hash| take(item, hash),
    );
}

/// `DeriveKeyPair` of RFC 9497 3.2.1 under the context string of the order.
pub(crate) fn derive_key_pair<O: Order>(seed: &[u8; 32], info: &[u8]) -> Result<SecretScalar, Bug> {
    let dst = O::SUITE.dst(RfcFunction::DeriveKeyPair);
    let info_len = u16::try_from(info.len()).map_err(|_| Bug::misuse())?.to_be_bytes();
    (0..=u8::MAX)
        .find_map(|counter| group::hash_to_secret_scalar(dst, &[seed, &info_len, info, &[counter]]))
        .ok_or(Bug::invariant())
}

/// Length of every input of a session, as `Finalize` hashes it.
const INPUT_LEN: u16 = PrfInput::LEN as u16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Portable;
    use crate::seed::KeySeed;
    use crate::suite::Aligned;

    fn key<O: Order>() -> PrfKey<O> {
        let derivation = KeySeed::from_bytes([5; 32]).key_derivation(&[1; 16], &[2; 32], &[3; 32]);
        PrfKey::derive(&derivation, &[2; 32], &[3; 32], &[1; 16]).unwrap()
    }

    fn exchange_equals_direct_output<O: Order>() {
        let key = key::<O>();
        let blind = Blind::<O>::from_scalar(SecretScalar::from_wide_bytes(&[9; 64]).unwrap());
        let input = PrfInput::row_dummy(&[4; 32]);
        let sent = BlindedElement::<O>::decode(&blind.blind(&input).encode()).unwrap();
        let answer = EvaluatedElement::<O>::decode(&key.evaluate(&sent).encode()).unwrap();
        let output = blind.finalize(&input, &answer, key.public());
        assert_eq!(output.expose_bytes(), key.output(&input).expose_bytes());
        let [batch] = &key.outputs(&Portable, &[input])[..] else { panic!("one output") };
        assert_eq!(batch.expose_bytes(), output.expose_bytes());
        let inputs: Vec<PrfInput> = (0..40).map(|i| PrfInput::row_dummy(&[i; 32])).collect();
        let outputs = key.outputs(&Portable, &inputs);
        assert_eq!(outputs.len(), inputs.len());
        for (input, output) in inputs.iter().zip(&outputs) {
            assert_eq!(output.expose_bytes(), key.output(input).expose_bytes());
        }
    }

    #[test]
    fn blinded_evaluation_equals_direct_output_in_both_orders() {
        exchange_equals_direct_output::<Aligned>();
        exchange_equals_direct_output::<Shuffled>();
    }

    #[test]
    fn one_seed_gives_unrelated_keys_to_the_two_orders() {
        assert_ne!(key::<Aligned>().public(), key::<Shuffled>().public());
    }

    #[test]
    fn secrets_print_their_type_only() {
        let key = key::<Aligned>();
        let output = key.output(&PrfInput::row_dummy(&[4; 32]));
        assert_eq!(
            format!("{key:?} {output:?} {:?}", output.handle()),
            "PrfKey(..) PrfOutput(..) Handle(..)"
        );
    }
}
