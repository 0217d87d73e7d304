//! Parts of a transcript under a signature that holds, and the signers.
//!
//! Everything else in a package is its holder's claim. A signature counts only over the session
//! id that follows from the HELLOs, the terms and the channel as they are recorded: under another
//! one it may be of another session.

use alloc::vec::Vec;
use core::cmp::Ordering;

use protocol::attestation::Signature;
use protocol::codec::StreamId;
use protocol::error::Violation;
use protocol::last_word::LastWord as _;
use protocol::message::{
    Checkpoint, Control, FramePlace, SessionBinding, SignedReceipt, verify_checkpoint,
};
use protocol::terms::verify_sid;
use protocol::transcript::merkle::{Hash, Tree};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Role, Transcript};

use crate::outline::{FrameRecord, Outline, Spoken, StreamRecord};
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
    /// The signatures of frames.
    pub(crate) frames: SignedFrames,
    /// The advertiser signed SESSION_BLIND, whatever it says.
    pub(crate) blind: Signers,
    /// The provider signed RELEASED, for the handles as they are recorded.
    pub(crate) released: Signers,
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
        if let Some(blind) = &outline.blind {
            let verified = blind.verify(key(Role::Advertiser), sid);
            let signed = verified != Err(Violation::SignatureInvalid);
            self.blind = Signers::only(Role::Advertiser, signed);
        }
        if let Some(released) = &outline.released {
            let root = outline.record(StreamId::Handles).map(|r| r.head(StreamId::Handles).root);
            let holds = |root| released.verify(key(Role::Provider), sid, &root).is_ok();
            self.released = Signers::only(Role::Provider, root.is_some_and(holds));
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

    /// The sender of a stream, if it signed the first so many of its frames as they are recorded.
    pub(crate) fn of_frames(&self, stream: StreamId, count: u32) -> Signers {
        Signers::only(sender(stream), count > 0 && count <= self.frames.of(stream))
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

    /// Signers of a stream that this head is none of: no state of it or, if `last`, not its end.
    pub(crate) fn of_other(&self, outline: &Outline, than: &StreamHead, last: bool) -> Signers {
        let other = |head: &StreamHead| {
            head.stream == than.stream && head != than && (last || head.frames == than.frames)
        };
        let signed = self.heads.iter().filter(|(_, head)| other(head));
        let by = signed.fold(Signers::NOBODY, |all, (role, _)| all.or(Signers::of(*role)));
        let stream = StreamId::from_code(than.stream);
        let record = stream.and_then(|stream| Some((stream, outline.record(stream)?)));
        record.map_or(by, |(stream, record)| {
            by.or(self.of_frames_of_other(stream, record, than, last))
        })
    }

    /// The sender of a stream, if it signed frames of another one than this head's.
    fn of_frames_of_other(
        &self,
        stream: StreamId,
        record: &StreamRecord,
        than: &StreamHead,
        last: bool,
    ) -> Signers {
        let bound = self.frames.of(stream);
        // Leaves are signed; headers beside them are as their holder wrote them, counts included.
        let other = match than.frames.cmp(&bound) {
            Ordering::Less if last => true,
            Ordering::Less | Ordering::Equal => {
                record.head_at(stream, than.frames).is_some_and(|own| own.root != than.root)
            }
            Ordering::Greater => false,
        };
        Signers::only(sender(stream), bound > 0 && other)
    }
}

/// Signatures of the frames of a session; each binds its stream through its frame, and the question
/// that the frame answers [T-20].
#[derive(Debug, Clone, Default)]
pub(crate) struct SignedFrames {
    /// Streams, each with the number of its first frames that the sender signed.
    bound: Vec<(StreamId, u32)>,
    /// The first frame that its sender did not sign as it is recorded.
    pub(crate) unsigned: Option<(StreamId, u32)>,
}

impl SignedFrames {
    pub(crate) fn read(outline: &Outline) -> Self {
        let mut all = Self::default();
        for (stream, record) in &outline.streams {
            let mut bound = 0;
            let mut tree = Tree::new();
            let mut question = Question::of(*stream, outline);
            let key = outline.key(stream.from_advertiser()).ok();
            for (count, frame) in (1_u32..).zip(&record.frames) {
                tree.push(frame.leaf);
                let (index, root) = (frame.header.index, tree.root());
                let answers = question.next();
                let sid = outline.evidence.sid.as_ref();
                let holds = sid.zip(answers).zip(key).is_some_and(|((sid, answers), key)| {
                    let place = FramePlace { sid, stream: *stream, index, root, answers };
                    place.verify(key, &frame.signature).is_ok()
                });
                match holds {
                    true => bound = count,
                    false => all.unsigned = all.unsigned.or(Some((*stream, index))),
                }
            }
            all.bound.push((*stream, bound));
        }
        all
    }

    fn of(&self, stream: StreamId) -> u32 {
        let bound = self.bound.iter().find(|(id, _)| *id == stream);
        bound.map_or(0, |(_, frames)| *frames)
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
    let by = sender(StreamId::from_code(checkpoint.stream)?);
    Some(if from_sender { by } else { by.peer() })
}

/// The party that sends a stream.
pub(crate) const fn sender(stream: StreamId) -> Role {
    if stream.from_advertiser() { Role::Advertiser } else { Role::Provider }
}

/// Roots that the frames of a stream answer, one after the other.
pub(crate) enum Question<'a> {
    /// Root for all of them; none while the stream that they answer has no end.
    Whole(Option<Hash>),
    /// Tree of BLIND, through the frame of each one's index.
    Through(Tree, core::slice::Iter<'a, FrameRecord>),
}

impl<'a> Question<'a> {
    pub(crate) fn of(stream: StreamId, outline: &'a Outline) -> Self {
        let record = |asked| outline.record(asked);
        let whole = |asked: StreamId| {
            let ended = record(asked).filter(|record| record.ended);
            Self::Whole(ended.map(|record| record.head(asked).root))
        };
        match stream {
            StreamId::Eval if outline.is_shuffled() => whole(StreamId::Blind),
            StreamId::Eval => {
                let frames = record(StreamId::Blind).map_or(&[][..], |record| &record.frames);
                Self::Through(Tree::new(), frames.iter())
            }
            StreamId::Handles => whole(StreamId::Eval),
            StreamId::Ids => whole(StreamId::Handles),
            _ => Self::Whole(Some([0; 32])),
        }
    }

    pub(crate) fn next(&mut self) -> Option<Hash> {
        match self {
            Self::Whole(root) => *root,
            Self::Through(tree, frames) => {
                tree.push(frames.next()?.leaf);
                Some(tree.root())
            }
        }
    }
}
