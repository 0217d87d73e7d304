//! Sessions as pure machines, and the contract of whoever drives one.
//!
//! A session is an enum with one struct per state. [`advertiser::AdvertiserSession::handle`] and
//! [`provider::ProviderSession::handle`] take the session, one [`Input`] and an [`Outbox`], and
//! return the next state; an error consumes the session, and its secrets with it.
//!
//! # The driver's contract
//!
//! After each call the driver takes the [`Output`]s in order and
//!
//! 1. writes [`Output::Append`] to the transcript, and the frame beside it, and has both on disk
//!    before it transmits the [`Output::Send`] that follows [T-01];
//! 2. has [`Output::Reserve`], [`Output::Ledger`] and [`Output::KeyUsed`] on disk before it goes
//!    on to the next output, and answers `Reserve` with [`Input::Reserved`] or
//!    [`Input::ReserveRefused`];
//! 3. runs each [`Task`] anywhere, in any order, and returns its [`Computed`];
//! 4. answers [`Output::WantRows`] with at most as many identifiers as asked, then
//!    [`Input::EndOfRows`];
//! 5. keeps [`Output::Spill`] under its name, and answers [`Output::WantRun`] with the next chunk
//!    of that run in increasing byte order, the last one marked; order is checked here, so the
//!    sorter is not trusted;
//! 6. feeds [`Input::Time`] before other inputs, so that the session can judge expiry;
//! 7. reads a bulk stream only while `accepts` says so: flow control holds the peer back;
//! 8. after an error calls [`Outbox::close`], which records and sends the code the peer may see.
//!
//! Deadlines, retries and reconnecting belong to the driver.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::attestation::AttestationKey;
use crate::codec::{RawFrame, StreamId};
use crate::disclosure::Outcome;
use crate::error::{Bug, Error, Refusal, Violation, WireCode};
use crate::identifier::Identifier;
use crate::ledger::{LedgerEntry, Reservation};
use crate::limits::Limits;
use crate::message::{Abort, Checkpoint, Control, Refuse};
use crate::suite::sig;
use crate::transcript::merkle::{self, Tree};
use crate::transcript::receipt::StreamHead;
use crate::transcript::{Record, Role};

pub mod advertiser;
pub mod provider;
pub mod task;

mod lookup;

pub use task::{Computed, Task};

/// What the driver gives a session.
#[derive(Debug)]
pub enum Input {
    /// The current Unix time.
    Time(u64),
    /// A frame from the peer, header checked, content opaque.
    Frame(RawFrame),
    /// Identifiers of the committed input, in (row, slot) order.
    Rows(Vec<RowSlot>),
    /// There are no further rows.
    EndOfRows,
    /// The result of a task.
    Computed(Computed),
    /// The next chunk of a run that was asked for.
    Run(RunChunk),
    /// The reserve (provider) or the hold for it (advertiser) is on disk.
    Reserved(Reservation),
    /// The budget does not allow the reserve.
    ReserveRefused {
        /// Why.
        refusal: Refusal,
        /// Seconds after which it may.
        retry_after_s: u32,
    },
    /// The operator approved the release.
    Approved,
    /// The operator declined the release.
    Declined,
}

/// What a session asks of its driver.
#[derive(Debug)]
pub enum Output {
    /// Write this record; for a bulk frame, write the frame beside it.
    Append {
        /// The record.
        record: Record,
        /// The frame a bulk record stands for.
        frame: Option<RawFrame>,
    },
    /// Transmit this frame, once everything before it is on disk.
    Send(RawFrame),
    /// Run this task.
    Compute(Task),
    /// Give identifiers, at most this many.
    WantRows {
        /// Most identifiers to give at once.
        identifiers_max: usize,
    },
    /// Keep fixed-width records outside memory under a run name.
    Spill {
        /// The run.
        run: RunName,
        /// Whole records, each [`RunName::record_len`] bytes; secret as the run's doc says.
        records: Vec<u8>,
    },
    /// Give the next chunk of a run, sorted.
    WantRun(RunName),
    /// Set evaluations aside durably, then answer.
    Reserve {
        /// The entry to reserve (provider) or hold (advertiser).
        entry: LedgerEntry,
        /// The TERMS frame the entry follows from.
        terms: RawFrame,
    },
    /// An entry joined the chain; write it durably.
    Ledger(LedgerEntry),
    /// The key of the session is used from now on; write that durably.
    KeyUsed {
        /// Its id.
        key_id: [u8; 16],
        /// The public key.
        public_key: [u8; 32],
    },
    /// Ask the operator whether to go on to the release.
    WantApproval {
        /// Matched rows.
        matched: u64,
    },
    /// The session is over, with this outcome for our own operator.
    Finished(Outcome),
}

/// Names of the runs a session spills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunName {
    /// The received table, chunk by chunk as frames, in stream order.
    Table,
    /// Own tags: tag [9] ‖ BE u64 element. PRF outputs, to be kept sealed.
    OwnTags,
    /// Where elements stand: BE u64 element ‖ BE u64 row ‖ u8 kind position.
    Placements,
    /// Elements that hit the table: BE u64 element.
    Hits,
    /// Matched placements: BE u64 row ‖ u8 kind position.
    RowHits,
    /// The outcome of `matched-rows`: BE u64 row ‖ BE u16 kinds, matched rows only.
    MatchedRows,
}

impl RunName {
    /// Bytes of a record; `None` for the table, whose chunks are frames.
    #[must_use]
    pub const fn record_len(self) -> Option<usize> {
        match self {
            Self::Table => None,
            Self::OwnTags | Self::Placements => Some(17),
            Self::Hits => Some(8),
            Self::RowHits => Some(9),
            Self::MatchedRows => Some(10),
        }
    }
}

/// The next chunk of a run.
#[derive(Debug)]
pub struct RunChunk {
    /// The run.
    pub run: RunName,
    /// Its content.
    pub content: RunContent,
    /// Whether nothing follows.
    pub last: bool,
}

/// Content of a chunk.
#[derive(Debug)]
pub enum RunContent {
    /// Whole records in increasing order.
    Records(Vec<u8>),
    /// A frame of the table.
    Frame(RawFrame),
}

/// One identifier of the committed input.
#[derive(Debug, Clone)]
pub struct RowSlot {
    /// Row in committed order.
    pub row: u64,
    /// Slot in its row.
    pub slot: u8,
    /// Position of this identifier among the distinct ones, counted by first occurrence in
    /// (row, slot) order. A repeated identifier has the number of its first occurrence.
    pub element: u64,
    /// The identifier.
    pub identifier: Identifier,
}

/// Facts of the authenticated channel, all of them inside the session id.
#[derive(Debug, Clone, Copy)]
pub struct ChannelFacts {
    /// The TLS exporter.
    pub exporter: [u8; 32],
    /// SHA-256 of the advertiser's SubjectPublicKeyInfo.
    pub spki_advertiser: [u8; 32],
    /// SHA-256 of the provider's SubjectPublicKeyInfo.
    pub spki_provider: [u8; 32],
}

/// The fact that the peer on this channel holds the TLS key pinned for a partner.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct VerifiedPeer {
    party: [u8; 32],
    channel: ChannelFacts,
}

impl VerifiedPeer {
    /// Asserts that the finished handshake proved the key pinned for `party`. Called in one place
    /// of `node`.
    pub const fn assertion(party: [u8; 32], channel: ChannelFacts) -> Self {
        Self { party, channel }
    }

    /// The party the pin belongs to.
    #[must_use]
    pub const fn party(&self) -> &[u8; 32] {
        &self.party
    }

    /// The channel.
    #[must_use]
    pub const fn channel(&self) -> &ChannelFacts {
        &self.channel
    }
}

/// Where a session puts what it wants done; also the sending half of its wire.
#[derive(Debug)]
pub struct Outbox {
    role: Role,
    queue: VecDeque<Output>,
    control_sent: u32,
}

impl Outbox {
    /// An empty outbox of one party.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            queue: VecDeque::new(),
            control_sent: 0,
        }
    }

    /// Takes the outputs in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.queue.drain(..)
    }

    /// Records and sends the code of an error, if the peer is to see one.
    ///
    /// A refusal of ours before terms are signed is a REFUSE, anything else an ABORT; an error that
    /// the peer sent is not sent back.
    pub fn close(&mut self, error: &Error, ledger_head: [u8; 32], retry_after_s: u32) {
        let (code, at) = error.wire();
        let message = match error {
            Error::RefusedByPeer { .. } | Error::AbortedByPeer { .. } => return,
            Error::Refused(_) | Error::PeerIncompatible(_) if self.role == Role::Provider => {
                Control::Refuse(Refuse {
                    code: code.code(),
                    retry_after: retry_after_s,
                    ledger_head,
                })
            }
            _ => {
                // The true index of a canary or a doubly hit tag would tell the peer which it was.
                let index = match code {
                    WireCode::Violation(Violation::CanaryMissing | Violation::TagHitTwice) => 0,
                    _ => at.index,
                };
                Control::Abort(Abort {
                    code: code.code(),
                    stream: at.stream,
                    index,
                })
            }
        };
        // Encoding a fixed-size message cannot fail; if it did, the connection would just close.
        let _ = self.send_control(&message);
    }

    /// Records and sends that our own machine or operator has a problem; nobody is blamed.
    pub fn close_for_operator(&mut self) {
        let code = WireCode::Operator.code();
        let _ = self.send_control(&Control::Abort(Abort {
            code,
            stream: 0,
            index: 0,
        }));
    }

    pub(crate) fn send_control(&mut self, message: &Control) -> Result<RawFrame, Bug> {
        let stream = match self.role {
            Role::Advertiser => StreamId::ControlAdvertiser,
            Role::Provider => StreamId::ControlProvider,
        };
        let frame = message.encode(stream, self.control_sent)?;
        self.control_sent = self
            .control_sent
            .checked_add(1)
            .ok_or(Bug::InternalInvariant)?;
        self.queue.push_back(Output::Append {
            record: Record::Control(frame.clone()),
            frame: None,
        });
        self.queue.push_back(Output::Send(frame.clone()));
        Ok(frame)
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }
}

/// Receiving half of the wire, and the trees of every bulk stream of the session.
#[derive(Debug)]
pub(crate) struct Wire {
    role: Role,
    limits: Limits,
    control_received: u32,
    streams: Vec<StreamState>,
}

/// One bulk stream so far.
#[derive(Debug)]
struct StreamState {
    stream: StreamId,
    tree: Tree,
    elements: u64,
    /// Elements of a full frame; every frame but the last has as many.
    frame_elements: u32,
    complete: bool,
    /// CHECKPOINT of the sender, kept until the stream is complete.
    pending_checkpoint: Option<Checkpoint>,
    checkpointed: bool,
    acknowledged: bool,
}

/// What a received frame turned out to be.
#[derive(Debug)]
pub(crate) enum Received {
    Control(Control, RawFrame),
    Bulk(RawFrame),
}

impl Wire {
    pub(crate) fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            control_received: 0,
            streams: Vec::new(),
        }
    }

    /// Checks a frame's place in its stream, records it, and decodes a control message.
    ///
    /// REFUSE and ABORT become errors here, since they may come in every state.
    pub(crate) fn receive(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<Received, Error> {
        let stream = frame.header.stream;
        let from_peer = stream.from_advertiser() != (self.role == Role::Advertiser);
        let fail = |violation| Error::peer(violation, stream.code(), frame.header.index);
        if !from_peer {
            return Err(fail(Violation::UnexpectedMessage));
        }
        if !stream.is_control() {
            self.record_bulk(&frame, out)?;
            return Ok(Received::Bulk(frame));
        }
        // [G15]
        if frame.header.index != self.control_received {
            return Err(fail(Violation::FrameOutOfSequence));
        }
        self.control_received = self.control_received.saturating_add(1);
        let message = Control::decode(&frame).map_err(fail)?;
        out.push(Output::Append {
            record: Record::Control(frame.clone()),
            frame: None,
        });
        match message {
            Control::Refuse(refuse) => Err(refused_by_peer(&refuse)),
            Control::Abort(abort) => Err(aborted_by_peer(&abort)),
            message => Ok(Received::Control(message, frame)),
        }
    }

    /// Appends a frame of ours to its tree, records it and sends it.
    pub(crate) fn send_bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        self.record_bulk(&frame, out)?;
        out.push(Output::Send(frame));
        Ok(())
    }

    /// Opens a bulk stream whose full frames have `frame_elements` elements.
    pub(crate) fn open(&mut self, stream: StreamId, frame_elements: u32) {
        self.streams.push(StreamState {
            stream,
            tree: Tree::new(),
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

    /// Whether a stream's last frame has been sent or received.
    pub(crate) fn is_complete(&self, stream: StreamId) -> bool {
        self.state(stream).is_some_and(|state| state.complete)
    }

    /// Whether both checkpoint signatures over a stream are in.
    pub(crate) fn is_settled(&self, stream: StreamId) -> bool {
        self.state(stream)
            .is_some_and(|state| state.checkpointed && state.acknowledged)
    }

    /// Elements of a stream so far.
    pub(crate) fn elements(&self, stream: StreamId) -> u64 {
        self.state(stream).map_or(0, |state| state.elements)
    }

    /// Heads of all streams, by increasing stream number, as the receipt lists them.
    pub(crate) fn heads(&self) -> Vec<StreamHead> {
        let mut heads: Vec<StreamHead> = self.streams.iter().map(StreamState::head).collect();
        heads.sort_unstable_by_key(|head| head.stream);
        heads
    }

    /// Sends the CHECKPOINT of a finished stream of ours.
    pub(crate) fn send_checkpoint(
        &mut self,
        stream: StreamId,
        key: &AttestationKey,
        sid: &[u8; 32],
        out: &mut Outbox,
    ) -> Result<(), Error> {
        let state = self.state_mut(stream).ok_or(Bug::InternalInvariant)?;
        state.checkpointed = true;
        let checkpoint = sign_checkpoint(&state.head(), key, sid);
        out.send_control(&Control::Checkpoint(checkpoint))?;
        Ok(())
    }

    /// Takes the peer's CHECKPOINT of a stream; one that overtook its frames waits for them.
    pub(crate) fn take_checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, checkpoint.stream, 0);
        let stream = StreamId::from_code(checkpoint.stream)
            .filter(|stream| stream.from_advertiser() != (self.role == Role::Advertiser))
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        let state = self
            .state_mut(stream)
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
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
        peer_key: &[u8; 32],
        key: &AttestationKey,
        sid: &[u8; 32],
        out: &mut Outbox,
    ) -> Result<bool, Error> {
        let Some(state) = self.state_mut(stream).filter(|state| state.complete) else {
            return Ok(false);
        };
        let Some(checkpoint) = state.pending_checkpoint.take() else {
            return Ok(false);
        };
        let fail = |violation| Error::peer(violation, stream.code(), 0);
        let own = sign_checkpoint(&state.head(), key, sid);
        // [G16] [G17]
        if !checkpoint.same_head(&own) {
            return Err(fail(Violation::CheckpointMismatch));
        }
        verify_checkpoint(&checkpoint, peer_key, sid).map_err(fail)?;
        state.checkpointed = true;
        state.acknowledged = true;
        out.send_control(&Control::CheckpointAck(own))?;
        Ok(true)
    }

    /// Takes the peer's CHECKPOINT_ACK of a stream of ours.
    pub(crate) fn take_acknowledgement(
        &mut self,
        checkpoint: &Checkpoint,
        peer_key: &[u8; 32],
        sid: &[u8; 32],
    ) -> Result<(), Error> {
        let fail = |violation| Error::peer(violation, checkpoint.stream, 0);
        let state = StreamId::from_code(checkpoint.stream)
            .filter(|stream| stream.from_advertiser() == (self.role == Role::Advertiser))
            .and_then(|stream| self.state_mut(stream))
            .filter(|state| state.checkpointed && !state.acknowledged)
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        let head = state.head();
        let same = (head.stream, head.frames, head.elements, head.root)
            == (
                checkpoint.stream,
                checkpoint.frames,
                checkpoint.elements,
                checkpoint.root,
            );
        if !same {
            return Err(fail(Violation::CheckpointMismatch));
        }
        verify_checkpoint(checkpoint, peer_key, sid).map_err(fail)?;
        state.acknowledged = true;
        Ok(())
    }

    /// Checks sequence, full-frame rule and last flag, then appends the leaf.
    fn record_bulk(&mut self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let header = frame.header;
        let fail = |violation| Error::peer(violation, header.stream.code(), header.index);
        let state = self
            .state_mut(header.stream)
            .ok_or_else(|| fail(Violation::UnexpectedMessage))?;
        if state.complete {
            return Err(fail(Violation::FrameMalformed));
        }
        // [G15]
        if u64::from(header.index) != state.tree.leaves() {
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
        state.elements = state
            .elements
            .checked_add(u64::from(header.elements))
            .ok_or_else(|| fail(Violation::CountMismatch))?;
        state.complete = header.is_last();
        let record = Record::Bulk { header, leaf };
        out.push(Output::Append {
            record,
            frame: Some(frame.clone()),
        });
        Ok(())
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
            // Frame counts fit u32 by the sequence check on a u32 index.
            frames: u32::try_from(self.tree.leaves()).unwrap_or(u32::MAX),
            elements: self.elements,
            root: self.tree.root(),
        }
    }
}

fn sign_checkpoint(head: &StreamHead, key: &AttestationKey, sid: &[u8; 32]) -> Checkpoint {
    let StreamHead {
        stream,
        frames,
        elements,
        root,
    } = *head;
    let unsigned = Checkpoint {
        stream,
        frames,
        elements,
        root,
        signature: crate::attestation::Signature {
            r: [0; 32],
            s: [0; 32],
        },
    };
    let signature = key.sign(sig::CHECKPOINT, &[sid, &unsigned.signed_bytes()]);
    Checkpoint {
        signature,
        ..unsigned
    }
}

/// Verifies one party's signature over the head of a stream.
pub(crate) fn verify_checkpoint(
    checkpoint: &Checkpoint,
    key: &[u8; 32],
    sid: &[u8; 32],
) -> Result<(), Violation> {
    checkpoint
        .signature
        .verify(key, sig::CHECKPOINT, &[sid, &checkpoint.signed_bytes()])
}

fn refused_by_peer(refuse: &Refuse) -> Error {
    match WireCode::from_code(refuse.code) {
        Some(WireCode::Refusal(refusal)) => Error::RefusedByPeer {
            refusal,
            retry_after_s: refuse.retry_after,
            ledger_head: refuse.ledger_head,
        },
        Some(WireCode::Incompatibility(why)) => Error::PeerIncompatible(why),
        // `Refuse` decodes with a code of these two classes only.
        _ => Error::peer(Violation::EncodingNotCanonical, 0, 0),
    }
}

fn aborted_by_peer(abort: &Abort) -> Error {
    let code = WireCode::from_code(abort.code).unwrap_or(WireCode::Bug);
    let at = crate::error::Location {
        stream: abort.stream,
        index: abort.index,
    };
    Error::AbortedByPeer { code, at }
}

/// Facts both roles hold for the life of a session.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) key: Arc<AttestationKey>,
    pub(crate) peer: VerifiedPeer,
}
