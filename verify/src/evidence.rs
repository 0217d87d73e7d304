//! Parts of a transcript under a signature that holds, and the signers.
//!
//! Everything else in a package is its holder's claim. A signature counts only over the session
//! id that follows from the HELLOs, the terms and the channel as they are recorded: under another
//! one it may be of another session.

use alloc::vec::Vec;

use protocol::attestation::Signature;
use protocol::codec::StreamId;
use protocol::last_word::LastWord as _;
use protocol::message::{Checkpoint, Control, SessionBinding, SignedReceipt, verify_checkpoint};
use protocol::terms::verify_sid;
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Role, Transcript};

use crate::outline::{Outline, Spoken};
use crate::signers::Signers;

/// The signatures of a transcript that hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    /// The advertiser signed its HELLO, for this channel or by the session id.
    pub(crate) hello_a: Signers,
    /// The provider signed its HELLO, for this channel or by the session id.
    pub(crate) hello_p: Signers,
    /// The id of this session, if TERMS states it.
    pub(crate) sid: Option<[u8; 32]>,
    /// Signers of the session id: hence of HELLOs, terms and channel.
    pub(crate) session: Signers,
    /// Heads of streams, each with a party that signed it over the session id.
    pub(crate) heads: Vec<(Role, StreamHead)>,
    /// Signers of the receipt of this session.
    pub(crate) receipt: Signers,
}

impl Evidence {
    pub(crate) fn of(outline: &Outline, transcript: &Transcript) -> Self {
        let exporter = &transcript.opening.exporter;
        let by_a = outline.hello_a.as_ref().is_some_and(|(m, _)| m.verify(exporter).is_ok());
        let by_p = outline.hello_p.as_ref().is_some_and(|(m, _)| m.verify(exporter).is_ok());
        let sid = sid_of(outline, transcript);
        let mut evidence = Self { sid, ..Self::default() };
        if let Some(sid) = sid {
            evidence.read_session(outline, &sid);
        }
        let session = evidence.session;
        evidence.hello_a = Signers::only(Role::Advertiser, by_a || session.advertiser);
        evidence.hello_p = Signers::only(Role::Provider, by_p || session.provider);
        evidence
    }

    /// Keeps the signatures over the session id, by the keys of the HELLOs.
    fn read_session(&mut self, outline: &Outline, sid: &[u8; 32]) {
        let (Some((hello_a, _)), Some((hello_p, _))) = (&outline.hello_a, &outline.hello_p) else {
            return;
        };
        let key = |role| match role {
            Role::Advertiser => &hello_a.attestation_key,
            Role::Provider => &hello_p.attestation_key,
        };
        let holds = |signature: &Signature, role| verify_sid(key(role), sid, signature).is_ok();
        let terms = outline.terms.as_ref();
        let accept = outline.accept.filter(|accept| accept.sid == *sid);
        self.session = Signers {
            advertiser: terms.is_some_and(|m| holds(&m.signature, Role::Advertiser)),
            provider: accept.is_some_and(|m| holds(&m.signature, Role::Provider)),
        };
        for (checkpoint, from_sender) in &outline.checkpoints {
            let Some(role) = signer(checkpoint, *from_sender) else { continue };
            if verify_checkpoint(checkpoint, key(role), sid).is_ok() {
                self.heads.push((role, checkpoint.head()));
            }
        }
        if let Some(SignedReceipt { receipt, signature }) = &outline.receipt {
            let own = receipt.sid == *sid;
            let by_a = receipt.verify(key(Role::Advertiser), signature).is_ok();
            let by_p = outline
                .acknowledgement
                .is_some_and(|ack| receipt.verify(key(Role::Provider), &ack.signature).is_ok());
            self.receipt = Signers { advertiser: own && by_a, provider: own && by_p };
        }
    }

    /// Signers of exactly this head of a stream.
    pub(crate) fn of_head(&self, wanted: &StreamHead) -> Signers {
        let signed = self.heads.iter().filter(|(_, head)| head == wanted);
        signed.fold(Signers::NOBODY, |all, (role, _)| all.or(Signers::of(*role)))
    }

    /// Signers of as many frames of a stream under another head.
    pub(crate) fn of_other_root(&self, than: &StreamHead) -> Signers {
        let other = |head: &StreamHead| {
            (head.stream, head.frames) == (than.stream, than.frames) && head != than
        };
        let signed = self.heads.iter().filter(|(_, head)| other(head));
        signed.fold(Signers::NOBODY, |all, (role, _)| all.or(Signers::of(*role)))
    }

    /// Signers of two heads of a stream.
    pub(crate) fn of_two_heads(&self, stream: u8) -> Signers {
        let twice = |role: Role| {
            let mut own =
                self.heads.iter().filter(|(by, head)| *by == role && head.stream == stream);
            let first = own.next();
            Signers::only(role, own.any(|other| first.is_some_and(|first| first.1 != other.1)))
        };
        twice(Role::Advertiser).or(twice(Role::Provider))
    }

    /// Signers of a head of a stream that differs from this one.
    pub(crate) fn of_other_head(&self, wanted: &StreamHead) -> Signers {
        let other =
            |(_, head): &&(Role, StreamHead)| head.stream == wanted.stream && head != wanted;
        let signed = self.heads.iter().filter(other);
        signed.fold(Signers::NOBODY, |all, (role, _)| all.or(Signers::of(*role)))
    }
}

/// True if a REFUSE or ABORT bears the signature of the key that its sender introduced.
pub(crate) fn is_signed(outline: &Outline, word: &Spoken) -> bool {
    let key = match word.by {
        Role::Advertiser => outline.hello_a.as_ref().map(|(hello, _)| hello.attestation_key),
        Role::Provider => outline.hello_p.as_ref().map(|(hello, _)| hello.attestation_key),
    };
    key.is_some_and(|key| match &word.message {
        Control::Refuse(refuse) => refuse.verify(&key, &word.ground).is_ok(),
        Control::Abort(abort) => abort.verify(&key, &word.ground).is_ok(),
        _ => false,
    })
}

/// The session id that follows from the messages, if it is the one in TERMS.
fn sid_of(outline: &Outline, transcript: &Transcript) -> Option<[u8; 32]> {
    let ((_, hello_a), (_, hello_p)) = outline.hello_a.as_ref().zip(outline.hello_p.as_ref())?;
    let terms = outline.terms.as_ref()?;
    let binding = SessionBinding {
        hello_a: &hello_a.payload,
        hello_p: &hello_p.payload,
        spki_advertiser: &transcript.opening.spki_advertiser,
        spki_provider: &transcript.opening.spki_provider,
        exporter: &transcript.opening.exporter,
    };
    binding.sid(&terms.terms).ok().filter(|sid| *sid == terms.sid)
}

fn signer(checkpoint: &Checkpoint, from_sender: bool) -> Option<Role> {
    let stream = StreamId::from_code(checkpoint.stream)?;
    let by_advertiser = stream.from_advertiser() == from_sender;
    Some(if by_advertiser { Role::Advertiser } else { Role::Provider })
}
