//! The messages of a transcript read as one session, as far as they are one.
//!
//! Reading stops at the first record that does not belong in its place: the records before it are
//! a session that ended early, and are checked like any other.

use alloc::vec::Vec;

use protocol::attestation::Signature;
use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Bug, WireCode};
use protocol::last_word::{Ground, LastWord as _};
use protocol::message::{
    Checkpoint, Control, HelloA, HelloP, ReceiptAck, Released, SessionBlind, SignedReceipt, Terms,
    TermsAccept,
};
use protocol::suite::SuiteId;
use protocol::transcript::merkle::{Hash, Tree};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Record, Role, Transcript};

use crate::account::Place;
use crate::evidence::Evidence;
use crate::finding::Finding;

/// A session, message by message, up to its end or its first fault.
pub(crate) struct Outline {
    /// The party whose transcript it is.
    role: Role,
    exporter: [u8; 32],
    /// Control messages so far: the advertiser's, then the provider's.
    sent: [u32; 2],
    pub(crate) hello_a: Option<(HelloA, RawFrame)>,
    pub(crate) hello_p: Option<(HelloP, RawFrame)>,
    pub(crate) terms: Option<Terms>,
    pub(crate) accept: Option<TermsAccept>,
    /// The advertiser's commitment to its blind, in shuffled order.
    pub(crate) blind: Option<SessionBlind>,
    /// CHECKPOINT and CHECKPOINT_ACK; true for the sender's.
    pub(crate) checkpoints: Vec<(Checkpoint, bool)>,
    /// The provider's answer to the handles.
    pub(crate) released: Option<Released>,
    /// True if the provider refused to release anything for the handles.
    pub(crate) refused: bool,
    pub(crate) last_words: Vec<Spoken>,
    pub(crate) receipt: Option<SignedReceipt>,
    pub(crate) acknowledgement: Option<ReceiptAck>,
    pub(crate) streams: Vec<(StreamId, StreamRecord)>,
    /// The last record that belongs in its place.
    pub(crate) last: Option<Place>,
    /// The signatures that hold.
    pub(crate) evidence: Evidence,
}

/// REFUSE or ABORT of a session.
pub(crate) struct Spoken {
    pub(crate) message: Control,
    /// Everything both sides shared then, over which it is signed.
    pub(crate) ground: Ground,
    pub(crate) by: Role,
}

impl Spoken {
    /// Heads of streams that the word lists.
    pub(crate) fn heads(&self) -> &[StreamHead] {
        match &self.message {
            Control::Refuse(refuse) => refuse.streams(),
            Control::Abort(abort) => abort.streams(),
            _ => &[],
        }
    }

    /// The reason, as the code on the wire.
    pub(crate) const fn code(&self) -> u16 {
        match &self.message {
            Control::Refuse(refuse) => refuse.code,
            Control::Abort(abort) => abort.code,
            _ => 0,
        }
    }
}

/// Length of the part of the records that is one session.
pub(crate) enum Read {
    /// To its end.
    Complete,
    /// To their own end: they begin a session.
    Prefix,
    /// To a REFUSE or ABORT.
    Ended,
    /// To a record that does not belong in its place.
    Broken(Finding),
}

/// Reason to read no further record.
enum Stop {
    Ended,
    Broken(Finding),
    Defect(Bug),
}

impl From<Finding> for Stop {
    fn from(why: Finding) -> Self {
        Self::Broken(why)
    }
}

impl From<Bug> for Stop {
    fn from(bug: Bug) -> Self {
        Self::Defect(bug)
    }
}

/// Record of one bulk frame.
pub(crate) struct FrameRecord {
    pub(crate) header: FrameHeader,
    pub(crate) leaf: Hash,
    pub(crate) signature: Signature,
}

/// Record of one bulk stream.
#[derive(Default)]
pub(crate) struct StreamRecord {
    tree: Tree,
    pub(crate) frames: Vec<FrameRecord>,
    /// Number of the frames.
    pub(crate) count: u32,
    elements: u64,
    pub(crate) ended: bool,
}

impl Outline {
    /// Reads the records as far as they are one session: opening four messages, streams, close.
    ///
    /// # Errors
    ///
    /// [`Bug`] if a counter overflows, which the lengths of records exclude.
    pub(crate) fn read(transcript: &Transcript) -> Result<(Self, Read), Bug> {
        let mut outline = Self {
            role: transcript.opening.role,
            exporter: transcript.opening.exporter,
            sent: [0; 2],
            hello_a: None,
            hello_p: None,
            terms: None,
            accept: None,
            blind: None,
            checkpoints: Vec::new(),
            released: None,
            refused: false,
            last_words: Vec::new(),
            receipt: None,
            acknowledgement: None,
            streams: Vec::new(),
            last: None,
            evidence: Evidence::default(),
        };
        let in_order = transcript.records.iter().try_for_each(|record| match record {
            Record::Control(frame) => outline.take_control(frame),
            Record::Bulk { header, leaf, signature } => outline.take_bulk(FrameRecord {
                header: *header,
                leaf: *leaf,
                signature: *signature,
            }),
        });
        let read = match in_order {
            Err(Stop::Defect(bug)) => return Err(bug),
            Err(Stop::Ended) => Read::Ended,
            Err(Stop::Broken(why)) => Read::Broken(why),
            Ok(()) if outline.acknowledgement.is_some() => Read::Complete,
            Ok(()) => Read::Prefix,
        };
        outline.evidence = Evidence::of(&outline, transcript);
        Ok((outline, read))
    }

    /// The record of a stream, if any frame of it is there.
    pub(crate) fn record(&self, stream: StreamId) -> Option<&StreamRecord> {
        self.streams.iter().find(|(id, _)| *id == stream).map(|(_, record)| record)
    }

    /// Heads of all streams, by increasing stream number.
    pub(crate) fn heads(&self) -> Vec<(StreamId, StreamHead)> {
        let mut heads: Vec<(StreamId, StreamHead)> =
            self.streams.iter().map(|(stream, record)| (*stream, record.head(*stream))).collect();
        heads.sort_unstable_by_key(|(stream, _)| *stream);
        heads
    }

    /// Bulk frames and checkpoints may stand between TERMS_ACCEPT and RECEIPT.
    const fn is_open(&self) -> bool {
        self.accept.is_some() && self.receipt.is_none()
    }

    /// A shuffled session is agreed, and the advertiser has not committed to its blind yet.
    fn may_commit_blind(&self) -> bool {
        self.is_open()
            && self.is_shuffled()
            && self.blind.is_none()
            && self.record(StreamId::Blind).is_none()
    }

    pub(crate) fn is_shuffled(&self) -> bool {
        self.hello_a.as_ref().is_some_and(|(hello, _)| hello.suite == SuiteId::Shuffled.code())
    }

    /// The batch of handles is whole, acknowledged, and has no answer yet.
    fn may_answer_handles(&self) -> bool {
        let signed = [StreamId::Eval, StreamId::Handles]
            .into_iter()
            .all(|stream| self.is_signed(stream, false));
        self.is_open() && signed && self.released.is_none() && !self.refused
    }

    /// True if the CHECKPOINT (by the sender) or CHECKPOINT_ACK of a stream is there.
    fn is_signed(&self, stream: StreamId, by_sender: bool) -> bool {
        let code = stream.code();
        self.checkpoints.iter().any(|(c, sender)| c.stream == code && *sender == by_sender)
    }

    fn take_control(&mut self, frame: &RawFrame) -> Result<(), Stop> {
        let from_advertiser = frame.header.stream.from_advertiser();
        let [by_advertiser, by_provider] = &mut self.sent;
        let next = if from_advertiser { by_advertiser } else { by_provider };
        ensure(frame.header.index == *next, "verify-message-gap")?;
        *next = next.checked_add(1).ok_or(Bug::invariant())?;
        let message = Control::decode(frame)
            .map_err(|why| Finding::new("verify-undecodable").because(WireCode::Violation(why)))?;
        let name = message.name();
        ensure(self.acknowledgement.is_none(), "verify-after-close")?;
        if matches!(message, Control::Refuse(_) | Control::Abort(_)) {
            let by = if from_advertiser { Role::Advertiser } else { Role::Provider };
            let ground = self.ground();
            self.last_words.push(Spoken { message: message.clone(), ground, by });
        }
        let opened = self.accept.is_some();
        match (message, from_advertiser) {
            (Control::HelloA(m), true) if self.hello_a.is_none() => {
                self.hello_a = Some((m, frame.clone()));
            }
            (Control::HelloP(m), false) if self.hello_a.is_some() && self.hello_p.is_none() => {
                self.hello_p = Some((*m, frame.clone()));
            }
            (Control::Terms(m), true) if self.hello_p.is_some() && self.terms.is_none() => {
                self.terms = Some(m);
            }
            (Control::TermsAccept(m), false) if self.terms.is_some() && !opened => {
                self.accept = Some(m);
            }
            (Control::SessionBlind(m), true) if self.may_commit_blind() => self.blind = Some(m),
            (Control::Checkpoint(m), _) if self.is_open() => {
                ensure(sends(&m) == Some(from_advertiser), "verify-checkpoint-by-receiver")?;
                self.push_checkpoint(m, true)?;
            }
            (Control::CheckpointAck(m), _) if self.is_open() => {
                ensure(sends(&m) == Some(!from_advertiser), "verify-ack-by-sender")?;
                let whole = self.streams.iter().any(|(s, r)| s.code() == m.stream && r.ended);
                ensure(whole, "verify-ack-early")?;
                self.push_checkpoint(m, false)?;
            }
            (Control::Released(m), false) if self.may_answer_handles() => self.released = Some(m),
            (Control::Refuse(_), false) if self.may_answer_handles() => self.refused = true,
            (Control::Receipt(m), true) if self.is_open() => self.receipt = Some(m),
            (Control::ReceiptAck(m), false) if self.receipt.is_some() => {
                self.acknowledgement = Some(m);
            }
            (Control::Abort(_), _) => return Err(Stop::Ended),
            (Control::Refuse(_), false) if self.hello_a.is_some() && !opened => {
                return Err(Stop::Ended);
            }
            _ => return Err(Finding::new("verify-out-of-place").with("message", name).into()),
        }
        self.last = Some(Place::message(name));
        Ok(())
    }

    /// Keeps a checkpoint; the second of one kind shows all that further ones could.
    fn push_checkpoint(&mut self, checkpoint: Checkpoint, by_sender: bool) -> Result<(), Finding> {
        let same = |(other, sender): &&(Checkpoint, bool)| {
            other.stream == checkpoint.stream && *sender == by_sender
        };
        let few = self.checkpoints.iter().filter(same).count() < 2;
        ensure(few, "verify-signed-again")?;
        self.checkpoints.push((checkpoint, by_sender));
        Ok(())
    }

    /// Everything both sides share so far.
    fn ground(&self) -> Ground {
        let mut ground = Ground::new(self.exporter);
        if let Some((_, frame)) = &self.hello_a {
            ground.hello(Role::Advertiser, &frame.payload);
        }
        if let Some((_, frame)) = &self.hello_p {
            ground.hello(Role::Provider, &frame.payload);
        }
        if let Some(terms) = &self.terms {
            ground.session(terms.sid);
        }
        ground
    }

    fn take_bulk(&mut self, frame: FrameRecord) -> Result<(), Stop> {
        let header = frame.header;
        let of_stream = |id| Finding::new(id).with("stream", header.stream.name());
        ensure(self.is_open(), of_stream("verify-frame-outside"))?;
        match header.stream {
            StreamId::Eval => {
                let asked = self.record(StreamId::Blind).map_or(0, |record| record.count);
                // In shuffled order noise rows may fill further frames, all past the barrier.
                let early = !self.is_shuffled() && header.index >= asked;
                ensure(!early, "verify-eval-early")?;
                self.check_barrier()?;
            }
            StreamId::Blind => {
                let committed = self.blind.is_some() || !self.is_shuffled();
                ensure(committed, "verify-blind-uncommitted")?;
                self.check_table_came_first()?;
            }
            StreamId::Handles => {
                let answered = self.record(StreamId::Eval).is_some_and(|record| record.ended);
                let signed = self.is_signed(StreamId::Eval, true);
                ensure(answered && signed, "verify-handles-early")?;
            }
            StreamId::Ids => ensure(self.released.is_some(), "verify-ids-early")?,
            _ => {}
        }
        if self.record(header.stream).is_none() {
            self.streams.push((header.stream, StreamRecord::default()));
        }
        let record = self.streams.iter_mut().find(|(stream, _)| *stream == header.stream);
        let (_, record) = record.ok_or(Bug::invariant())?;
        ensure(!record.ended, of_stream("verify-frame-after-last"))?;
        ensure(record.count == header.index, of_stream("verify-frame-gap"))?;
        record.push(frame)?;
        self.last = Some(Place::frame(header.stream, header.index));
        Ok(())
    }

    /// In shuffled order no answer leaves before every row has come and both have signed them.
    ///
    /// The advertiser may receive the acknowledgement later: the streams of a connection overtake
    /// each other.
    fn check_barrier(&self) -> Result<(), Finding> {
        if !self.is_shuffled() {
            return Ok(());
        }
        let whole = self.record(StreamId::Blind).is_some_and(|record| record.ended);
        ensure(whole, "verify-eval-before-last-row")?;
        let shown = self.is_signed(StreamId::Blind, false) || self.role == Role::Advertiser;
        ensure(shown, "verify-eval-before-ack")
    }

    /// Nothing is blinded before the table is there, and the advertiser has said that it is.
    ///
    /// The provider may receive the acknowledgement later: the streams of a connection overtake
    /// each other.
    fn check_table_came_first(&self) -> Result<(), Finding> {
        if self.terms.as_ref().is_none_or(|terms| terms.terms.table_delivery == 0) {
            return Ok(());
        }
        let whole = self.record(StreamId::Table).is_some_and(|record| record.ended);
        ensure(whole, "verify-blind-before-table")?;
        let shown = self.is_signed(StreamId::Table, false) || self.role == Role::Provider;
        ensure(shown, "verify-blind-before-ack")
    }
}

impl StreamRecord {
    fn push(&mut self, frame: FrameRecord) -> Result<(), Bug> {
        self.tree.push(frame.leaf);
        self.count = self.count.checked_add(1).ok_or(Bug::invariant())?;
        let elements = self.elements.checked_add(frame.header.elements.into());
        self.elements = elements.ok_or(Bug::invariant())?;
        self.ended = frame.header.is_last();
        self.frames.push(frame);
        Ok(())
    }

    /// The head after so many frames; `None` if there are not as many.
    pub(crate) fn head_at(&self, stream: StreamId, frames: u32) -> Option<StreamHead> {
        let first = self.frames.get(..usize::try_from(frames).ok()?)?;
        let mut tree = Tree::new();
        first.iter().for_each(|frame| tree.push(frame.leaf));
        let elements = first.iter().map(|frame| u64::from(frame.header.elements)).sum();
        Some(StreamHead { stream: stream.code(), frames, elements, root: tree.root() })
    }

    pub(crate) fn head(&self, stream: StreamId) -> StreamHead {
        StreamHead {
            stream: stream.code(),
            frames: self.count,
            elements: self.elements,
            root: self.tree.root(),
        }
    }
}

/// True if the advertiser sends the stream of a checkpoint.
fn sends(checkpoint: &Checkpoint) -> Option<bool> {
    StreamId::from_code(checkpoint.stream).map(StreamId::from_advertiser)
}

fn ensure(holds: bool, otherwise: impl Into<Finding>) -> Result<(), Finding> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
