//! Control messages, one struct each, fields in wire order.
//!
//! A decoded message is within its limits and has one encoding; whether it may come now, and
//! whether its content fits the session, is for the states to say. "Body" in hashes and signatures
//! is the encoding here, without frame header and without the structure's own signature.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::attestation::{AttestationKey, Signature};
use crate::codec::{self, Checked, FrameHeader, RawFrame, StreamId};
use crate::error::{Bug, RefuseCode, Violation, WireCode};
use crate::group::Element;
use crate::last_word::{are_heads, unsigned};
use crate::limits::{Limits, RECEIPT_STREAMS_MAX};
use crate::manifest::{SignedManifest, SignedSnapshot};
use crate::suite::{self, h, sig};
use crate::terms::{MatchTerms, Offer};
use crate::transcript::receipt::{Receipt, StreamHead};
use crate::transcript::{BuildFlags, Role};

/// Opens a session; sent before the provider's nonce exists, so nothing in it can depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloA {
    /// Lowest protocol version the advertiser speaks.
    pub protocol_min: u16,
    /// Highest protocol version the advertiser speaks.
    pub protocol_max: u16,
    /// Suite asked for.
    pub suite: u16,
    /// Profile asked for.
    pub profile: u16,
    /// Slots of a row; 1 in aligned order.
    pub row_width: u8,
    /// Padded rows n̂.
    pub row_slots: u64,
    /// Rows drawn for a sampled run; 0 for all.
    pub sample_rows: u64,
    /// The advertiser's attestation key.
    pub attestation_key: [u8; 32],
    /// Commitment to the session seed.
    pub seed_commitment: [u8; 32],
    /// Sealed root of the input.
    pub input_commitment: [u8; 32],
    /// Digest of the normalization rules and their self-test.
    pub rules_digest: [u8; 32],
    /// Head of the advertiser's signed objection list.
    pub suppression_epoch: [u8; 32],
    /// Head of the ledger with this provider.
    pub ledger_head: [u8; 32],
    /// Unix time by the advertiser's clock.
    pub sent_at: u64,
    /// The program that speaks.
    pub program: Program,
    /// `Sig("sign-hello"; fields above ‖ exporter)` of the advertiser.
    pub signature: Signature,
}

/// The provider's answer: its nonce, its key, its data of the day, and what it offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloP {
    /// Protocol version of the session.
    pub protocol: u16,
    /// The provider's attestation key.
    pub attestation_key: [u8; 32],
    /// 32 bytes of randomness.
    pub nonce: [u8; 32],
    /// The key of this session.
    pub manifest: SignedManifest,
    /// The snapshot of the day.
    pub snapshot: SignedSnapshot,
    /// The table of that snapshot under that key.
    pub table: TableDescriptor,
    /// Digest of the normalization rules and their self-test.
    pub rules_digest: [u8; 32],
    /// Head of the provider's signed objection list.
    pub suppression_epoch: [u8; 32],
    /// Head of the ledger with this advertiser.
    pub ledger_head: [u8; 32],
    /// Minima and budget.
    pub offer: Offer,
    /// Unix time by the provider's clock.
    pub sent_at: u64,
    /// The program that speaks.
    pub program: Program,
    /// `Sig("sign-hello"; fields above ‖ exporter)` of the provider.
    pub signature: Signature,
}

/// The program of one side, as its HELLO states it and the session id binds it.
///
/// Only its owner knows that it is true; a test build shows itself here [T-02].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// 0 advertiser, 1 provider.
    pub role: u8,
    /// Test-only features of the build, as [`BuildFlags::bits`].
    pub flags: u16,
    /// Version: major · 2^24 + minor · 2^16 + patch.
    pub version: u32,
    /// SHA-256 of the executable that runs; zeros if it cannot be read.
    pub digest: [u8; 32],
}

impl Program {
    /// A program of one side.
    #[must_use]
    pub const fn new(role: Role, build: BuildFlags, version: u32, digest: [u8; 32]) -> Self {
        Self { role: role.code(), flags: build.bits(), version, digest }
    }

    /// The program with the flag of the limits that its session runs with.
    #[must_use]
    pub fn with_limits(self, limits: &Limits) -> Self {
        let small = BuildFlags { small_limits: true, classical_kx: false }.bits();
        let flags = match *limits == Limits::STANDARD {
            true => self.flags & !small,
            false => self.flags | small,
        };
        Self { flags, ..self }
    }

    /// Major, minor and patch of the version.
    #[must_use]
    pub const fn version_parts(&self) -> (u8, u8, u16) {
        let [major, minor, high, low] = self.version.to_be_bytes();
        (major, minor, u16::from_be_bytes([high, low]))
    }

    /// True if the fields have a meaning and the program is of this side.
    const fn is_of(&self, role: Role) -> bool {
        self.role == role.code() && BuildFlags::from_bits(self.flags).is_some()
    }
}

/// Size and root of a tag table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDescriptor {
    /// Tags T, padding included.
    pub tag_count: u64,
    /// Merkle root over its frames.
    pub root: [u8; 32],
}

/// All conditions of the session, signed by the advertiser over the sid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The conditions.
    pub terms: MatchTerms,
    /// The session id, which both sides compute.
    pub sid: [u8; 32],
    /// `Sig("sign-terms"; sid)` of the advertiser.
    pub signature: Signature,
}

/// The provider's signature over the same sid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsAccept {
    /// The session id.
    pub sid: [u8; 32],
    /// `Sig("sign-terms"; sid)` of the provider.
    pub signature: Signature,
}

/// A refusal by policy; not a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// Wire code of the reason.
    pub code: u16,
    /// Seconds after which to try again; 0 means never.
    pub retry_after: u32,
    /// Head of the sender's ledger with the receiver.
    pub ledger_head: [u8; 32],
    /// Unix time by the sender's clock.
    pub sent_at: u64,
    /// Heads of all streams sent and received so far, by increasing stream number.
    #[serde(deserialize_with = "codec::list::<_, _, RECEIPT_STREAMS_MAX>")]
    pub streams: Vec<StreamHead>,
    /// `Sig("sign-refuse"; fields above ‖ what both sides share)`.
    pub signature: Signature,
}

/// The signed head of a finished bulk stream; CHECKPOINT from its sender, CHECKPOINT_ACK from its
/// receiver over the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Stream number.
    pub stream: u8,
    /// Frames in the stream.
    pub frames: u32,
    /// Elements in the stream.
    pub elements: u64,
    /// Merkle root over the frames.
    pub root: [u8; 32],
    /// `Sig("sign-checkpoint"; sid ‖ stream ‖ frames ‖ elements ‖ root)`.
    pub signature: Signature,
}

/// The advertiser's signed close of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedReceipt {
    /// The account of the session.
    pub receipt: Receipt,
    /// `Sig("sign-receipt"; H("receipt"; body))` of the advertiser.
    pub signature: Signature,
}

/// The provider's signature over the same receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptAck {
    /// `Sig("sign-receipt"; H("receipt"; body))` of the provider.
    pub signature: Signature,
}

/// Ends the session with a code; never text, never data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abort {
    /// Wire code.
    pub code: u16,
    /// Stream number, 0 for none.
    pub stream: u8,
    /// Frame index; 0 for canaries and tags hit twice, whose true index would disclose something.
    pub index: u32,
    /// Heads of all streams sent and received so far, by increasing stream number.
    #[serde(deserialize_with = "codec::list::<_, _, RECEIPT_STREAMS_MAX>")]
    pub streams: Vec<StreamHead>,
    /// `Sig("sign-abort"; fields above ‖ what both sides share)`.
    pub signature: Signature,
}

/// Numbers of handles that the provider knew and did not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Handles with a record.
    pub handles_known: u64,
    /// Handles without one.
    pub handles_unknown: u32,
    /// Head of the provider's chain of releases to the advertiser's group, this one included.
    pub release_head: [u8; 32],
    /// `Sig("sign-released"; sid ‖ root of HANDLES ‖ fields above)` of the provider.
    pub signature: Signature,
}

/// The advertiser's commitment to the one blind of a shuffled session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionBlind {
    /// K_a = a·G, encoded; not the identity.
    pub k_a: [u8; 32],
    /// `Sig("sign-blind"; sid ‖ K_a)` of the advertiser.
    pub signature: Signature,
}

/// A decoded control message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Control {
    HelloA(HelloA),
    HelloP(Box<HelloP>),
    Terms(Terms),
    TermsAccept(TermsAccept),
    Refuse(Refuse),
    Checkpoint(Checkpoint),
    CheckpointAck(Checkpoint),
    Receipt(SignedReceipt),
    ReceiptAck(ReceiptAck),
    Abort(Abort),
    Released(Released),
    SessionBlind(SessionBlind),
}

impl Control {
    /// Decodes the body of a control frame by the kind in its header [W-03].
    ///
    /// # Errors
    ///
    /// [`Violation::EncodingNotCanonical`] for an unknown kind or body; the sender is to blame.
    pub fn decode(frame: &RawFrame) -> Result<Self, Violation> {
        let body = &frame.payload;
        Ok(match frame.header.kind {
            1 => Self::HelloA(codec::decode(body)?),
            2 => Self::HelloP(Box::new(codec::decode(body)?)),
            3 => Self::Terms(codec::decode(body)?),
            4 => Self::TermsAccept(codec::decode(body)?),
            5 => Self::Refuse(codec::decode(body)?),
            6 => Self::Checkpoint(codec::decode(body)?),
            7 => Self::CheckpointAck(codec::decode(body)?),
            8 => Self::Receipt(codec::decode(body)?),
            9 => Self::ReceiptAck(codec::decode(body)?),
            12 => Self::Abort(codec::decode(body)?),
            13 => Self::Released(codec::decode(body)?),
            14 => Self::SessionBlind(codec::decode(body)?),
            _ => return Err(Violation::EncodingNotCanonical),
        })
    }

    /// Encodes the message as frame `index` of a control stream.
    ///
    /// # Errors
    ///
    /// [`Bug`] above the control limit, which no message of ours reaches.
    pub fn encode(&self, stream: StreamId, index: u32) -> Result<RawFrame, Bug> {
        let body = self.body()?;
        let payload_len = u32::try_from(body.len()).map_err(|_| Bug::invariant())?;
        let header = FrameHeader { stream, kind: self.kind(), elements: 0, index, payload_len };
        Ok(RawFrame { header, payload: Arc::from(body), signature: Signature::NONE })
    }

    /// The kind in the frame header.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::HelloA(_) => 1,
            Self::HelloP(_) => 2,
            Self::Terms(_) => 3,
            Self::TermsAccept(_) => 4,
            Self::Refuse(_) => 5,
            Self::Checkpoint(_) => 6,
            Self::CheckpointAck(_) => 7,
            Self::Receipt(_) => 8,
            Self::ReceiptAck(_) => 9,
            Self::Abort(_) => 12,
            Self::Released(_) => 13,
            Self::SessionBlind(_) => 14,
        }
    }

    /// The name used in the specification and in diagnostics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::HelloA(_) => "HELLO_A",
            Self::HelloP(_) => "HELLO_P",
            Self::Terms(_) => "TERMS",
            Self::TermsAccept(_) => "TERMS_ACCEPT",
            Self::Refuse(_) => "REFUSE",
            Self::Checkpoint(_) => "CHECKPOINT",
            Self::CheckpointAck(_) => "CHECKPOINT_ACK",
            Self::Receipt(_) => "RECEIPT",
            Self::ReceiptAck(_) => "RECEIPT_ACK",
            Self::Abort(_) => "ABORT",
            Self::Released(_) => "RELEASED",
            Self::SessionBlind(_) => "SESSION_BLIND",
        }
    }

    fn body(&self) -> Result<Vec<u8>, Bug> {
        match self {
            Self::HelloA(message) => codec::encode(message),
            Self::HelloP(message) => codec::encode(message.as_ref()),
            Self::Terms(message) => codec::encode(message),
            Self::TermsAccept(message) => codec::encode(message),
            Self::Refuse(message) => codec::encode(message),
            Self::Checkpoint(message) | Self::CheckpointAck(message) => codec::encode(message),
            Self::Receipt(message) => codec::encode(message),
            Self::ReceiptAck(message) => codec::encode(message),
            Self::Abort(message) => codec::encode(message),
            Self::Released(message) => codec::encode(message),
            Self::SessionBlind(message) => codec::encode(message),
        }
    }
}

/// Everything that the session id binds beside the terms: both HELLOs as sent, both certificates,
/// the channel.
#[derive(Debug, Clone, Copy)]
pub struct SessionBinding<'a> {
    /// Body of HELLO_A.
    pub hello_a: &'a [u8],
    /// Body of HELLO_P.
    pub hello_p: &'a [u8],
    /// SHA-256 of the advertiser's SubjectPublicKeyInfo.
    pub spki_advertiser: &'a [u8; 32],
    /// SHA-256 of the provider's SubjectPublicKeyInfo.
    pub spki_provider: &'a [u8; 32],
    /// The TLS exporter of the connection.
    pub exporter: &'a [u8; 32],
}

impl SessionBinding<'_> {
    /// The session id [K-07].
    ///
    /// # Errors
    ///
    /// [`Bug`] if the terms do not encode.
    pub fn sid(&self, terms: &MatchTerms) -> Result<[u8; 32], Bug> {
        let hello_a = suite::hash(h::HELLO_A, &[self.hello_a]);
        let hello_p = suite::hash(h::HELLO_P, &[self.hello_p]);
        let terms = suite::hash(h::TERMS, &[&codec::encode(terms)?]);
        Ok(suite::hash(
            h::SID,
            &[&hello_a, &hello_p, &terms, self.spki_advertiser, self.spki_provider, self.exporter],
        ))
    }
}

impl Checkpoint {
    /// Signs the head of a stream within a session [T-03].
    #[must_use]
    pub fn sign(head: &StreamHead, key: &AttestationKey, sid: &[u8; 32]) -> Self {
        let StreamHead { stream, frames, elements, root } = *head;
        let unsigned = Self { stream, frames, elements, root, signature: Signature::NONE };
        let signature = key.sign(sig::CHECKPOINT, &[sid, &unsigned.signed_bytes()]);
        Self { signature, ..unsigned }
    }

    /// Head of the stream that the signature is over.
    #[must_use]
    pub const fn head(&self) -> StreamHead {
        let Self { stream, frames, elements, root, .. } = *self;
        StreamHead { stream, frames, elements, root }
    }

    /// The bytes that both sides sign after the sid.
    fn signed_bytes(&self) -> [u8; 45] {
        let mut bytes = [0; 45];
        let fields: [&[u8]; 4] =
            [&[self.stream], &self.frames.to_le_bytes(), &self.elements.to_le_bytes(), &self.root];
        let mut room = bytes.iter_mut();
        for byte in fields.into_iter().flatten() {
            if let Some(slot) = room.next() {
                *slot = *byte;
            }
        }
        bytes
    }
}

/// Verifies one party's signature over the head of a stream.
///
/// # Errors
///
/// [`Violation::SignatureInvalid`]; the signer is to blame.
pub fn verify_checkpoint(
    checkpoint: &Checkpoint,
    key: &[u8; 32],
    sid: &[u8; 32],
) -> Result<(), Violation> {
    checkpoint.signature.verify(key, sig::CHECKPOINT, &[sid, &checkpoint.signed_bytes()])
}

impl SessionBlind {
    /// Commits to the blind of a session [K-15].
    #[must_use]
    pub fn sign(k_a: [u8; 32], key: &AttestationKey, sid: &[u8; 32]) -> Self {
        Self { k_a, signature: key.sign(sig::BLIND, &[sid, &k_a]) }
    }

    /// Verifies the advertiser's signature, and that K_a is a canonical element other than the
    /// identity.
    ///
    /// # Errors
    ///
    /// [`Violation`]; the advertiser is to blame.
    pub fn verify(&self, key: &[u8; 32], sid: &[u8; 32]) -> Result<(), Violation> {
        self.signature.verify(key, sig::BLIND, &[sid, &self.k_a])?;
        Element::decode(&self.k_a).map(drop)
    }
}

impl Released {
    /// Signs what is released for a batch of handles, which its root names [T-21].
    ///
    /// # Errors
    ///
    /// [`Bug`] if it does not encode.
    pub fn signed(
        self,
        key: &AttestationKey,
        sid: &[u8; 32],
        handles: &[u8; 32],
    ) -> Result<Self, Bug> {
        let body = codec::encode(&self)?;
        let signature = key.sign(sig::RELEASED, &[sid, handles, unsigned(&body)]);
        Ok(Self { signature, ..self })
    }

    /// Verifies the provider's signature, for the batch of handles with this root.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; the provider is to blame.
    pub fn verify(
        &self,
        key: &[u8; 32],
        sid: &[u8; 32],
        handles: &[u8; 32],
    ) -> Result<(), Violation> {
        let body = codec::encode(self).map_err(|_| Violation::SignatureInvalid)?;
        self.signature.verify(key, sig::RELEASED, &[sid, handles, unsigned(&body)])
    }
}

/// Place of a bulk frame in a session, and the question it answers: what its signature is over
/// [T-20].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramePlace<'a> {
    /// The session.
    pub sid: &'a [u8; 32],
    /// The stream.
    pub stream: StreamId,
    /// Position in the stream.
    pub index: u32,
    /// Root of the stream through this frame.
    pub root: [u8; 32],
    /// Root of the peer's stream that the frame answers: of BLIND, through the frame of its own
    /// index in aligned order and whole in shuffled order, for EVAL; of EVAL for HANDLES, of
    /// HANDLES for IDS; zeros for TABLE and BLIND, which answer nothing.
    pub answers: [u8; 32],
}

impl FramePlace<'_> {
    /// Signs the frame at this place.
    #[must_use]
    pub fn sign(&self, key: &AttestationKey) -> Signature {
        let (stream, index) = ([self.stream.code()], self.index.to_le_bytes());
        key.sign(sig::FRAME, &[self.sid, &stream, &index, &self.root, &self.answers])
    }

    /// Verifies its sender's signature.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; whoever sent the frame is to blame.
    pub fn verify(&self, key: &[u8; 32], signature: &Signature) -> Result<(), Violation> {
        let (stream, index) = ([self.stream.code()], self.index.to_le_bytes());
        let parts: [&[u8]; 5] = [self.sid, &stream, &index, &self.root, &self.answers];
        signature.verify(key, sig::FRAME, &parts)
    }
}

/// Signing and verifying of a HELLO: over its fields and the channel it is sent on [K-13].
macro_rules! hello {
    ($name:ident) => {
        impl $name {
            /// Signs the HELLO for the channel with this exporter.
            ///
            /// # Errors
            ///
            /// [`Bug`] if it does not encode.
            pub fn signed(self, key: &AttestationKey, exporter: &[u8; 32]) -> Result<Self, Bug> {
                let body = codec::encode(&self)?;
                let signature = key.sign(sig::HELLO, &[unsigned(&body), exporter]);
                Ok(Self { signature, ..self })
            }

            /// Verifies the signature by the attestation key that the HELLO states.
            ///
            /// # Errors
            ///
            /// [`Violation::SignatureInvalid`]; the sender is to blame.
            pub fn verify(&self, exporter: &[u8; 32]) -> Result<(), Violation> {
                let body = codec::encode(self).map_err(|_| Violation::SignatureInvalid)?;
                let parts = [unsigned(&body), exporter];
                self.signature.verify(&self.attestation_key, sig::HELLO, &parts)
            }
        }
    };
}
hello!(HelloA);
hello!(HelloP);

impl HelloA {
    /// Padded elements E = n̂·w of the session; `None` above any limit.
    #[must_use]
    pub fn elements(&self) -> Option<u64> {
        self.row_slots.checked_mul(u64::from(self.row_width))
    }
}

impl Checked for HelloA {
    fn is_within_limits(&self) -> bool {
        self.protocol_min <= self.protocol_max && self.program.is_of(Role::Advertiser)
    }
}

impl Checked for HelloP {
    fn is_within_limits(&self) -> bool {
        self.program.is_of(Role::Provider)
    }
}

impl Checked for Terms {
    fn is_within_limits(&self) -> bool {
        self.terms.is_within_limits()
    }
}

impl Checked for TermsAccept {
    fn is_within_limits(&self) -> bool {
        true
    }
}

impl Checked for Refuse {
    fn is_within_limits(&self) -> bool {
        RefuseCode::from_code(self.code).is_some() && are_heads(&self.streams)
    }
}

impl Checked for Checkpoint {
    fn is_within_limits(&self) -> bool {
        StreamId::from_code(self.stream).is_some_and(|stream| !stream.is_control())
    }
}

impl Checked for SignedReceipt {
    fn is_within_limits(&self) -> bool {
        matches!(self.receipt.outcome, 1 | 2) && are_heads(&self.receipt.streams)
    }
}

impl Checked for ReceiptAck {
    fn is_within_limits(&self) -> bool {
        true
    }
}

impl Checked for Abort {
    fn is_within_limits(&self) -> bool {
        WireCode::from_code(self.code).is_some()
            && (self.stream == 0 || StreamId::from_code(self.stream).is_some())
            && are_heads(&self.streams)
    }
}

impl Checked for Released {
    fn is_within_limits(&self) -> bool {
        true
    }
}

impl Checked for SessionBlind {
    fn is_within_limits(&self) -> bool {
        true
    }
}
