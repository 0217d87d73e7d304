//! The receiving half of the wire, and the trees of every bulk stream of a session.
//!
//! Every frame that comes or goes passes here once: sequence and full-frame rules are checked, the
//! leaf is appended, the record is written, and only then may a state look at it.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::count::Count;
use crate::{ChannelFacts, Outbox, Output, VerifiedPeer};
use protocol::attestation::AttestationKey;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Clocks, Error, Location, Refusal, RefuseCode, Violation, WireCode};
use protocol::last_word::LastWord;
use protocol::limits::Limits;
use protocol::message::{
    Abort, Checkpoint, Control, FramePlace, Refuse, SessionBinding, verify_checkpoint,
};
use protocol::terms::MatchTerms;
use protocol::transcript::merkle::{self, Tree};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Record, Role};

/// Receiving half of the wire, and the trees of every bulk stream of the session.
#[derive(Debug)]
pub(crate) struct Wire {
    role: Role,
    limits: Limits,
    /// Our attestation key.
    key: Arc<AttestationKey>,
    peer: VerifiedPeer,
    sid: Option<[u8; 32]>,
    control_received: u32,
    streams: Vec<StreamState>,
    /// Roots of BLIND through each frame that is not answered yet; none in shuffled order.
    unanswered: Option<VecDeque<merkle::Hash>>,
}

/// State of a bulk stream.
#[derive(Debug)]
struct StreamState {
    stream: StreamId,
    tree: Tree,
    frames: u32,
    elements: u64,
    /// Elements of a full frame; every frame but the last has as many.
    frame_elements: u32,
    complete: bool,
    /// CHECKPOINT of the sender, kept until the stream is complete.
    pending_checkpoint: Option<Checkpoint>,
    checkpointed: bool,
    acknowledged: bool,
}

/// Kinds of received frames that a state judges.
#[derive(Debug)]
pub(crate) enum Received {
    Control(Control, RawFrame),
    Bulk(RawFrame),
}

impl Wire {
    pub(crate) const fn new(
        role: Role,
        limits: Limits,
        key: Arc<AttestationKey>,
        peer: VerifiedPeer,
    ) -> Self {
        Self {
            role,
            limits,
            key,
            peer,
            sid: None,
            control_received: 0,
            streams: Vec::new(),
            unanswered: None,
        }
    }

    /// Our attestation key.
    pub(crate) fn key(&self) -> &AttestationKey {
        &self.key
    }

    /// The party at the other end of the channel.
    pub(crate) const fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// Session id, once it is computed.
    pub(crate) const fn sid(&self) -> Option<&[u8; 32]> {
        self.sid.as_ref()
    }

    /// Session id of a session that must have one.
    #[track_caller]
    pub(crate) fn bound(&self) -> Result<&[u8; 32], Bug> {
        self.sid.as_ref().ok_or(Bug::invariant())
    }

    /// Computes the session id from both HELLOs as they were sent, the terms and the channel.
    pub(crate) fn sid_of(
        &self,
        hello_a: &RawFrame,
        hello_p: &RawFrame,
        terms: &MatchTerms,
    ) -> Result<[u8; 32], Bug> {
        let ChannelFacts { exporter, spki_advertiser, spki_provider } = self.peer.channel();
        let (hello_a, hello_p) = (&hello_a.payload, &hello_p.payload);
        SessionBinding { hello_a, hello_p, spki_advertiser, spki_provider, exporter }.sid(terms)
    }

    /// Binds the session to its id.
    pub(crate) const fn bind(&mut self, sid: [u8; 32]) {
        self.sid = Some(sid);
    }

    /// Checks a frame's place in its stream, records it, and decodes a control message.
    ///
    /// A message that does not decode is recorded all the same: it is the evidence. ABORT becomes
    /// an error here, since it may come in every state; one whose signature does not hold is told
    /// as such and proves nothing [T-16].
    pub(crate) fn receive(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<Received, Error> {
        let stream = frame.header.stream;
        let from_peer = stream.from_advertiser() != (self.role == Role::Advertiser);
        let fail = |violation| Error::peer(violation, stream.code(), frame.header.index);
        if !from_peer {
            return Err(fail(Violation::UnexpectedMessage));
        }
        if !stream.is_control() {
            let (answers, root) = self.record_bulk(&frame, out)?;
            let (sid, index) = (self.bound()?, frame.header.index);
            // [G60]
            FramePlace { sid, stream, index, root, answers }
                .verify(self.peer.key(), &frame.signature)
                .map_err(fail)?;
            return Ok(Received::Bulk(frame));
        }
        // [G15]
        if frame.header.index != self.control_received {
            return Err(fail(Violation::FrameOutOfSequence));
        }
        self.control_received.grow(1)?;
        out.push(Output::Append { record: Record::Control(frame.clone()), frame: None });
        // As it came, decodable or not: a refusal of it is signed over these bytes.
        if matches!((self.role, frame.header.kind), (Role::Provider, 1) | (Role::Advertiser, 2)) {
            out.ground().hello(self.role.peer(), &frame.payload);
        }
        let message = Control::decode(&frame).map_err(fail)?;
        if self.is_misplaced(&message, out) {
            return Err(fail(Violation::UnexpectedMessage));
        }
        match message {
            Control::Abort(abort) => Err(aborted_by_peer(&abort, self.holds(&abort, out))),
            // [G60]
            Control::Refuse(refuse)
                if self.role == Role::Advertiser && !self.holds(&refuse, out) =>
            {
                Err(fail(Violation::SignatureInvalid))
            }
            message => Ok(Received::Control(message, frame)),
        }
    }

    /// Tells if a last word says that there is nothing to ask where something is: an advertiser
    /// says so to an offer, and nobody else. Its receiver counts that as no failure, and so it must
    /// not stand for a result that never came.
    fn is_misplaced(&self, message: &Control, out: &mut Outbox) -> bool {
        let code = match message {
            Control::Abort(abort) => abort.code,
            Control::Refuse(refuse) => refuse.code,
            _ => return false,
        };
        let expected = self.role == Role::Provider && out.ground().is_offer();
        code == Refusal::NothingToAsk.code() && !expected
    }

    /// Tells if the peer signed its last word on ground that we share, and about streams as we know
    /// them.
    fn holds(&self, word: &impl LastWord, out: &mut Outbox) -> bool {
        let known = |head: &StreamHead| {
            let stream = StreamId::from_code(head.stream);
            let ours =
                stream.is_some_and(|s| s.from_advertiser() == (self.role == Role::Advertiser));
            let Some(own) = stream.and_then(|stream| self.head(stream)) else { return !ours };
            // Frames may be on their way, of either side.
            match own.frames.cmp(&head.frames) {
                Ordering::Equal => own == *head,
                Ordering::Less => !ours,
                Ordering::Greater => ours,
            }
        };
        word.streams().iter().all(known) && word.verify(self.peer.key(), out.ground()).is_ok()
    }

    /// Appends a frame of ours to its tree, signs and records it, and sends it [T-20].
    pub(crate) fn send_bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let (stream, index) = (frame.header.stream, frame.header.index);
        let (leaf, root, answers) = self.grow(&frame, out)?;
        let place = FramePlace { sid: self.bound()?, stream, index, root, answers };
        let frame = frame.with_signature(place.sign(&self.key));
        append(&frame, leaf, out);
        out.push(Output::Send(frame));
        Ok(())
    }

    /// Has every frame of EVAL answer the frame of BLIND that has its index.
    pub(crate) fn answer_by_frame(&mut self) {
        self.unanswered = Some(VecDeque::new());
    }

    /// Opens a bulk stream whose full frames have `frame_elements` elements.
    pub(crate) fn open(&mut self, stream: StreamId, frame_elements: u32) {
        self.streams.push(StreamState {
            stream,
            tree: Tree::new(),
            frames: 0,
            elements: 0,
            frame_elements,
            complete: false,
            pending_checkpoint: None,
            checkpointed: false,
            acknowledged: false,
        });
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Tells if a stream's last frame has been sent or received.
    pub(crate) fn is_complete(&self, stream: StreamId) -> bool {
        self.state(stream).is_some_and(|state| state.complete)
    }

    /// Tells if both checkpoint signatures over a stream are in.
    pub(crate) fn is_settled(&self, stream: StreamId) -> bool {
        self.state(stream).is_some_and(|state| state.checkpointed && state.acknowledged)
    }

    /// Tells if both checkpoint signatures over every stream that was sent are in.
    pub(crate) fn all_settled(&self) -> bool {
        let mut sent = self.streams.iter().filter(|state| state.frames > 0);
        sent.all(|state| state.checkpointed && state.acknowledged)
    }

    /// Elements of a stream so far.
    pub(crate) fn elements(&self, stream: StreamId) -> u64 {
        self.state(stream).map_or(0, |state| state.elements)
    }

    /// Head of a stream of which a frame was sent or received.
    pub(crate) fn head(&self, stream: StreamId) -> Option<StreamHead> {
        self.state(stream).filter(|state| state.frames > 0).map(StreamState::head)
    }

    /// Heads of all streams, by increasing stream number, as the receipt lists them.
    pub(crate) fn heads(&self) -> Vec<StreamHead> {
        // HANDLES may stay open without a frame: a stream that is not sent is not listed.
        let sent = self.streams.iter().filter(|state| state.frames > 0);
        let mut heads: Vec<StreamHead> = sent.map(StreamState::head).collect();
        heads.sort_unstable_by_key(|head| head.stream);
        heads
    }

    /// Sends the CHECKPOINT of a finished stream of ours.
    pub(crate) fn send_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let head = self.head(stream).ok_or(Bug::invariant())?;
        let checkpoint = Checkpoint::sign(&head, &self.key, self.bound()?);
        self.state_mut(stream).ok_or(Bug::invariant())?.checkpointed = true;
        out.send_control(&Control::Checkpoint(checkpoint))?;
        Ok(())
    }

    /// Takes the peer's CHECKPOINT of a stream; one that overtook its frames waits for them.
    pub(crate) fn take_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, checkpoint.stream, 0);
        let stream = StreamId::from_code(checkpoint.stream)
            .filter(|stream| stream.from_advertiser() != (self.role == Role::Advertiser))
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        let state = self.state_mut(stream).ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        if state.pending_checkpoint.is_some() || state.checkpointed {
            return Err(fail(Violation::UnexpectedMessage));
        }
        state.pending_checkpoint = Some(checkpoint);
        Ok(())
    }

    /// Verifies and countersigns the peer's CHECKPOINT once its stream is complete.
    ///
    /// True when that has just happened.
    pub(crate) fn settle_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<bool, Error> {
        let Some(state) = self.state_mut(stream).filter(|state| state.complete) else {
            return Ok(false);
        };
        let Some(checkpoint) = state.pending_checkpoint.take() else {
            return Ok(false);
        };
        let fail = |violation| Error::peer(violation, stream.code(), 0);
        let head = state.head();
        // [G16] [G17]
        if checkpoint.head() != head {
            return Err(fail(Violation::CheckpointMismatch));
        }
        let sid = self.bound()?;
        verify_checkpoint(&checkpoint, self.peer.key(), sid).map_err(fail)?;
        let own = Checkpoint::sign(&head, &self.key, sid);
        let state = self.state_mut(stream).ok_or(Bug::invariant())?;
        state.checkpointed = true;
        state.acknowledged = true;
        out.send_control(&Control::CheckpointAck(own))?;
        Ok(true)
    }

    /// Takes the peer's CHECKPOINT_ACK of a stream of ours.
    pub(crate) fn take_acknowledgement(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, checkpoint.stream, 0);
        let stream = StreamId::from_code(checkpoint.stream)
            .filter(|stream| stream.from_advertiser() == (self.role == Role::Advertiser))
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        let head = self
            .state(stream)
            .filter(|state| state.checkpointed && !state.acknowledged)
            .map(StreamState::head)
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        if checkpoint.head() != head {
            return Err(fail(Violation::CheckpointMismatch));
        }
        verify_checkpoint(checkpoint, self.peer.key(), self.bound()?).map_err(fail)?;
        self.state_mut(stream).ok_or(Bug::invariant())?.acknowledged = true;
        Ok(())
    }

    /// Takes a frame of the peer into its stream and records it as it came; gives the root of what
    /// it answers and that of its stream.
    fn record_bulk(
        &mut self,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<(merkle::Hash, merkle::Hash), Error> {
        let (leaf, root, answers) = self.grow(frame, out)?;
        append(frame, leaf, out);
        Ok((answers, root))
    }

    /// Checks sequence, full-frame rule and last flag, then appends the leaf; gives it, the root
    /// of the stream through it, and the root of the stream that the frame answers.
    fn grow(
        &mut self,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<(merkle::Hash, merkle::Hash, merkle::Hash), Error> {
        let header = frame.header;
        let fail = |violation| Error::peer(violation, header.stream.code(), header.index);
        let state =
            self.state_mut(header.stream).ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        if state.complete {
            // [G48]
            return Err(fail(match header.stream {
                StreamId::Handles => Violation::SecondHandleBatch,
                _ => Violation::FrameMalformed,
            }));
        }
        // [G15]
        if header.index != state.frames {
            return Err(fail(Violation::FrameOutOfSequence));
        }
        let full = header.elements == state.frame_elements;
        let within = header.elements <= state.frame_elements;
        // IDS frames may also close early, when the next entry would not fit.
        let may_be_short = header.is_last() || header.stream == StreamId::Ids;
        if !within || !(full || may_be_short) {
            return Err(fail(Violation::FrameMalformed));
        }
        let leaf = merkle::leaf_hash(&[&header.encode(), &frame.payload]);
        state.tree.push(leaf);
        state.frames = state.frames.checked_add(1).ok_or_else(|| fail(Violation::CountMismatch))?;
        state.elements = state
            .elements
            .checked_add(u64::from(header.elements))
            .ok_or_else(|| fail(Violation::CountMismatch))?;
        state.complete = header.is_last();
        let head = state.head();
        out.grown(head);
        let answers = self.answered(header.stream, head.root);
        let answers = answers.ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        Ok((leaf, head.root, answers))
    }

    /// Root of a stream whose last frame has been sent or received.
    fn whole(&self, stream: StreamId) -> Option<merkle::Hash> {
        self.head(stream).filter(|_| self.is_complete(stream)).map(|head| head.root)
    }

    /// Root of the stream that a frame of `stream` answers; none if there is nothing to answer.
    fn answered(&mut self, stream: StreamId, root: merkle::Hash) -> Option<merkle::Hash> {
        match stream {
            StreamId::Table => Some([0; 32]),
            StreamId::Blind => {
                if let Some(roots) = &mut self.unanswered {
                    roots.push_back(root);
                }
                Some([0; 32])
            }
            StreamId::Eval => match &mut self.unanswered {
                Some(roots) => roots.pop_front(),
                None => self.whole(StreamId::Blind),
            },
            StreamId::Handles => self.whole(StreamId::Eval),
            StreamId::Ids => self.whole(StreamId::Handles),
            StreamId::ControlAdvertiser | StreamId::ControlProvider => None,
        }
    }

    fn state(&self, stream: StreamId) -> Option<&StreamState> {
        self.streams.iter().find(|state| state.stream == stream)
    }

    fn state_mut(&mut self, stream: StreamId) -> Option<&mut StreamState> {
        self.streams.iter_mut().find(|state| state.stream == stream)
    }
}

impl StreamState {
    fn head(&self) -> StreamHead {
        StreamHead {
            stream: self.stream.code(),
            frames: self.frames,
            elements: self.elements,
            root: self.tree.root(),
        }
    }
}

/// Has a bulk frame recorded, and written beside its record.
fn append(frame: &RawFrame, leaf: merkle::Hash, out: &mut Outbox) {
    let record = Record::Bulk { header: frame.header, leaf, signature: frame.signature };
    // Digital IDs go to whom the terms name and to no transcript: their leaf is the evidence.
    let kept = (frame.header.stream != StreamId::Ids).then(|| frame.clone());
    out.push(Output::Append { record, frame: kept });
}

/// The error that a REFUSE stands for, in the two states of the advertiser that expect one.
pub(crate) fn refused_by_peer(refuse: &Refuse, now: u64) -> Error {
    let Refuse { code, retry_after: retry_after_s, ledger_head, sent_at, .. } = *refuse;
    match RefuseCode::from_code(code) {
        Some(RefuseCode::Refusal(Refusal::ClocksDiffer)) => {
            let clocks = Clocks { local: now, peer: sent_at };
            Error::ClocksDiffer { clocks, by_peer: true }
        }
        Some(why) => Error::RefusedByPeer { why, retry_after_s, ledger_head },
        // `Refuse` decodes with a code of these two classes only.
        None => Error::peer(Violation::EncodingNotCanonical, 0, 0),
    }
}

fn aborted_by_peer(abort: &Abort, signed: bool) -> Error {
    let at = Location { stream: abort.stream, index: abort.index };
    match WireCode::from_code(abort.code) {
        Some(code) => Error::AbortedByPeer { code, at, signed },
        // `Abort` decodes with a known code only.
        None => Error::peer(Violation::EncodingNotCanonical, 0, 0),
    }
}
