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
//! 2. has [`Output::Reserve`], [`Output::Ledger`], [`Output::KeyAnswered`],
//!    [`Output::RecordRelease`] and [`Output::KeepResult`] on disk before it goes on to the next
//!    output, with the reserve also that the key of HELLO_P is spent, and answers `Reserve` with
//!    [`Input::Reserved`] or [`Input::ReserveRefused`], `Resolve` with [`Input::Resolved`],
//!    `WantApproval` with [`Input::Approved`] or [`Input::Declined`];
//! 3. runs each [`Task`] anywhere, in any order, and returns its [`Computed`];
//! 4. answers [`Output::WantRows`] with at most as many identifiers as asked, then
//!    [`Input::EndOfRows`];
//! 5. keeps [`Output::Spill`] under its name, and answers [`Output::WantRun`] with the next chunk
//!    of that run in increasing byte order, the last one marked; a run that was never spilled
//!    answers with one empty chunk, the last. Order and number of records are checked here, and
//!    the table and EVAL against their roots, so neither sorter nor storage is trusted;
//! 6. feeds [`Input::Time`] before other inputs, so that the session can judge expiry;
//! 7. reads a bulk stream only while `accepts` says so: flow control holds the peer back;
//! 8. after an error calls [`Outbox::close`], which records and sends the code the peer may see.
//!
//! Deadlines, retries and reconnecting belong to the driver.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::disclosure::{MatchCount, Outcome, Resolution};
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error, Location, Refusal, Violation, WireCode};
use protocol::identifier::Identifier;
use protocol::last_word::{Ground, LastWord};
use protocol::ledger::{LedgerEntry, Reservation};
use protocol::manifest::KnownKey;
use protocol::message::{Abort, Control, Refuse};
use protocol::rows::RowWidth;
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Record, Role};

pub mod advertiser;
pub mod disclosure;
pub mod provider;
pub mod task;

mod answers;
mod arranger;
mod barrier;
mod blinder;
mod canary;
mod close;
mod delivery;
mod evaluations;
mod handles;
mod hello;
mod lookup;
mod merge;
mod policy;
mod row_task;
mod shuffled;
mod tally;
mod wire;

pub use canary::CanariesAnswered;
pub use protocol::identity::{ChannelFacts, VerifiedPeer};
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
    /// What our node found out about the handles of the run [`RunName::Handles`].
    Resolved(Resolution),
    /// The operator approved the release.
    Approved,
    /// The operator declined the release.
    Declined,
}

/// What a session asks of its driver.
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
    /// Count an opening of the partner durably: what follows is HELLO_P, whose nonce fixes the
    /// sample, so whoever could drop it and ask again would choose one [D-17].
    Opening,
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
        records: Zeroizing<Vec<u8>>,
    },
    /// Give the next chunk of a run, sorted.
    WantRun(RunName),
    /// Set evaluations aside durably, and spend the key of HELLO_P with them; then answer.
    Reserve {
        /// The entry to reserve (provider) or hold (advertiser).
        entry: LedgerEntry,
        /// The TERMS frame the entry follows from.
        terms: RawFrame,
    },
    /// An entry joined the chain; write it durably, with what proves that the peer agreed.
    Ledger {
        /// The entry.
        entry: LedgerEntry,
        /// The frame with the peer's signature under it: TERMS_ACCEPT or RECEIPT_ACK on the
        /// advertiser's side, RECEIPT on the provider's, whose reserve comes with its TERMS frame
        /// in [`Output::Reserve`].
        evidence: RawFrame,
    },
    /// The first answer under the key of the session is here; write that durably.
    KeyAnswered(KnownKey),
    /// Ask the operator whether to go on to the release.
    WantApproval {
        /// How many rows matched, as far as the terms let it be shown.
        count: MatchCount,
    },
    /// Look up the handles of the run [`RunName::Handles`], apply objections, compare with earlier
    /// releases, and answer with [`Input::Resolved`].
    Resolve,
    /// The records behind the handles are about to be released; write that durably, since later
    /// releases are compared with this one.
    RecordRelease,
    /// The advertiser's result is known, and the receipt is about to leave: keep what it is and
    /// what lies in its runs durably, so that what is charged is never lost.
    KeepResult(Outcome),
    /// The session is over, with this outcome for our own operator.
    Finished(Outcome),
}

/// Shows kinds, places and sizes; what a frame or record holds is not for a log.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append { record: Record::Control(frame), .. } => {
                write!(f, "Append({})", name_of(frame))
            }
            Self::Append { record: Record::Bulk { header, .. }, .. } => {
                write!(f, "Append({} {})", header.stream.name(), header.index)
            }
            Self::Send(frame) => write!(f, "Send({})", name_of(frame)),
            Self::Opening => f.write_str("Opening"),
            Self::Compute(task) => write!(f, "Compute({task:?})"),
            Self::WantRows { identifiers_max } => write!(f, "WantRows({identifiers_max})"),
            Self::Spill { run, records } => {
                write!(f, "Spill({run:?}, {} bytes)", records.len())
            }
            Self::WantRun(run) => write!(f, "WantRun({run:?})"),
            Self::Reserve { entry, .. } => write!(f, "Reserve({entry:?})"),
            Self::Ledger { entry, .. } => write!(f, "Ledger({entry:?})"),
            Self::KeyAnswered(key) => write!(f, "KeyAnswered({key:?})"),
            Self::WantApproval { .. } => f.write_str("WantApproval(..)"),
            Self::Resolve => f.write_str("Resolve"),
            Self::RecordRelease => f.write_str("RecordRelease"),
            Self::KeepResult(_) => f.write_str("KeepResult(..)"),
            Self::Finished(_) => f.write_str("Finished(..)"),
        }
    }
}

/// Names of the runs a session spills or asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunName {
    /// The received table, chunk by chunk as frames, in stream order.
    Table,
    /// Own tags: 9 bytes of tag ‖ BE u64 element. PRF outputs, to be kept sealed.
    OwnTags,
    /// Where elements stand: BE u64 element ‖ BE u64 row ‖ u8 kind position.
    Placements,
    /// Elements that hit the table: BE u64 element.
    Hits,
    /// Matched placements: BE u64 row ‖ u8 kind position.
    RowHits,
    /// The outcome of `matched-rows`: BE u64 row ‖ BE u16 kinds, matched rows only.
    MatchedRows,
    /// Shuffled order, the advertiser's: rows of blinded encodings, canary rows among them. Which
    /// record came when is secret.
    BlindedRows(RowWidth),
    /// Shuffled order, the advertiser's: the received EVAL, as frames, in stream order.
    Evaluations,
    /// Shuffled order, the advertiser's: 9 bytes of tag ‖ BE u64 row of the answers ‖ 16 bytes of
    /// handle. PRF outputs, to be kept sealed.
    ResponseTags,
    /// Shuffled order, the advertiser's: BE u64 row of the answers ‖ 16 bytes of handle, of hits.
    RowHandles,
    /// Shuffled order, the advertiser's: one handle of each matched row.
    MatchedHandles,
    /// Shuffled order, the provider's: rows of evaluated encodings. Which record came when is the
    /// permutation, which only an auditor may see.
    EvaluatedRows(RowWidth),
    /// The provider's: handles received, in increasing order as they come.
    Handles,
    /// Digital IDs. The provider's node gives them as [`RunContent::Ids`], strictly increasing by
    /// their encoding; the advertiser's session spills them in that order, encoded one after the
    /// other, to be kept as they come.
    DigitalIds,
}

impl RunName {
    /// Bytes of a record; `None` for frames and for digital IDs, which vary.
    #[must_use]
    pub const fn record_len(self) -> Option<usize> {
        match self {
            Self::Table | Self::Evaluations | Self::DigitalIds => None,
            Self::OwnTags | Self::Placements => Some(17),
            Self::Hits => Some(8),
            Self::RowHits => Some(9),
            Self::MatchedRows => Some(10),
            Self::BlindedRows(width) | Self::EvaluatedRows(width) => Some(width.row_len()),
            Self::ResponseTags => Some(33),
            Self::RowHandles => Some(24),
            Self::MatchedHandles | Self::Handles => Some(16),
        }
    }

    /// Whether equal records may stand in the run.
    pub(crate) const fn repeats(self) -> bool {
        // A row may hold one identifier twice, or two of one kind that both match.
        matches!(self, Self::Placements | Self::RowHits)
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
pub enum RunContent {
    /// Whole records in increasing order.
    Records(Zeroizing<Vec<u8>>),
    /// A frame of the table or of EVAL.
    Frame(RawFrame),
    /// Digital IDs, strictly increasing by their encoding.
    Ids(Vec<DigitalId>),
}

/// Shows sizes only: records are PRF outputs or say which rows matched.
impl fmt::Debug for RunContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(records) => write!(f, "Records({} bytes)", records.len()),
            Self::Frame(frame) => write!(f, "Frame({})", name_of(frame)),
            Self::Ids(ids) => write!(f, "Ids({})", ids.len()),
        }
    }
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

/// Where a session puts what it wants done; also the sending half of its wire.
///
/// It outlives the session, so it holds what our last word is signed with and over.
#[derive(Debug)]
pub struct Outbox {
    role: Role,
    key: Arc<AttestationKey>,
    ground: Ground,
    /// Heads of all bulk streams so far, by increasing stream number.
    heads: Vec<StreamHead>,
    /// Unix time of the last input.
    now: u64,
    queue: VecDeque<Output>,
    control_sent: u32,
    /// Whether TERMS_ACCEPT has gone out: from then on nothing is refused any more.
    terms_accepted: bool,
    /// Seconds that a refusal of the session itself names; 0 leaves it to the driver.
    retry_after_s: u32,
}

impl Outbox {
    /// An empty outbox of one party, which signs by `key`, on a channel with this exporter.
    #[must_use]
    pub const fn new(role: Role, key: Arc<AttestationKey>, exporter: [u8; 32]) -> Self {
        Self {
            role,
            key,
            ground: Ground::new(exporter),
            heads: Vec::new(),
            now: 0,
            queue: VecDeque::new(),
            control_sent: 0,
            terms_accepted: false,
            retry_after_s: 0,
        }
    }

    /// Takes the outputs in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.queue.drain(..)
    }

    /// Records and sends the code of an error, if the peer is to see one.
    ///
    /// A refusal or incompatibility that the provider finds before it accepts the terms is a
    /// REFUSE, anything else an ABORT; an error that the peer sent is not sent back. A time to try
    /// again that the session knows of takes the place of `retry_after_s`.
    pub fn close(&mut self, error: &Error, ledger_head: [u8; 32], retry_after_s: u32) {
        let (code, at) = error.wire();
        // Encoding and signing a message of this size cannot fail; if it did, the connection would
        // just close.
        let _ = match error {
            Error::RefusedByPeer { .. }
            | Error::AbortedByPeer { .. }
            | Error::ClocksDiffer { by_peer: true, .. } => return,
            Error::Refused(_) | Error::PeerIncompatible(_) | Error::ClocksDiffer { .. }
                if self.may_refuse() =>
            {
                let own = self.retry_after_s;
                let retry_after = if own == 0 { retry_after_s } else { own };
                self.refuse(code.code(), retry_after, ledger_head)
            }
            _ => {
                // The true index of a canary or a doubly hit tag would tell the peer which it was.
                // In aligned order, where answers are proved in place, no tag is hit twice but by
                // a driver that gives one identifier two numbers: that is a defect of ours.
                let index = match code {
                    WireCode::Violation(Violation::CanaryMissing | Violation::TagHitTwice) => 0,
                    _ => at.index,
                };
                self.abort(code, Location { index, ..at })
            }
        };
    }

    /// Records and sends that our own machine or operator has a problem; nobody is blamed.
    pub fn close_for_operator(&mut self) {
        let _ = self.abort(WireCode::Operator, Location::NONE);
    }

    /// Signs and sends a REFUSE.
    pub(crate) fn refuse(
        &mut self,
        code: u16,
        retry_after: u32,
        ledger_head: [u8; 32],
    ) -> Result<(), Bug> {
        let (sent_at, streams, signature) = (self.now, self.heads.clone(), Signature::NONE);
        let refuse = Refuse { code, retry_after, ledger_head, sent_at, streams, signature };
        let refuse = refuse.signed(&self.key, &self.ground)?;
        self.send_control(&Control::Refuse(refuse)).map(drop)
    }

    fn abort(&mut self, code: WireCode, at: Location) -> Result<(), Bug> {
        let (code, streams, signature) = (code.code(), self.heads.clone(), Signature::NONE);
        let Location { stream, index } = at;
        let abort = Abort { code, stream, index, streams, signature };
        let abort = abort.signed(&self.key, &self.ground)?;
        self.send_control(&Control::Abort(abort)).map(drop)
    }

    /// What our last word would be signed over.
    pub(crate) const fn ground(&mut self) -> &mut Ground {
        &mut self.ground
    }

    /// Notes the time for what is said next.
    pub(crate) const fn at(&mut self, now: u64) {
        self.now = now;
    }

    /// Notes the head of a stream that has grown.
    pub(crate) fn grown(&mut self, head: StreamHead) {
        match self.heads.binary_search_by_key(&head.stream, |known| known.stream) {
            Ok(at) => self.heads.iter_mut().skip(at).take(1).for_each(|known| *known = head),
            Err(at) => self.heads.insert(at, head),
        }
    }

    /// Sets the seconds after which the request that is being refused may succeed.
    pub(crate) const fn retry_after(&mut self, seconds: u32) {
        self.retry_after_s = seconds;
    }

    /// REFUSE answers HELLO_A and TERMS, and nothing later.
    fn may_refuse(&self) -> bool {
        self.role == Role::Provider && !self.terms_accepted
    }

    pub(crate) fn send_control(&mut self, message: &Control) -> Result<RawFrame, Bug> {
        let stream = match self.role {
            Role::Advertiser => StreamId::ControlAdvertiser,
            Role::Provider => StreamId::ControlProvider,
        };
        let frame = message.encode(stream, self.control_sent)?;
        self.control_sent = self.control_sent.checked_add(1).ok_or(Bug::invariant())?;
        match message {
            Control::HelloA(_) | Control::HelloP(_) => {
                self.ground.hello(self.role, &frame.payload);
            }
            Control::Terms(terms) => self.ground.session(terms.sid),
            Control::TermsAccept(_) => self.terms_accepted = true,
            _ => {}
        }
        self.queue
            .push_back(Output::Append { record: Record::Control(frame.clone()), frame: None });
        self.queue.push_back(Output::Send(frame.clone()));
        Ok(frame)
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }
}

/// A message that its sender may not send now.
pub(crate) fn unexpected(frame: &RawFrame) -> Error {
    // [G33]
    Error::peer(Violation::UnexpectedMessage, frame.header.stream.code(), frame.header.index)
}

/// What a frame is and where it stands, without what it holds.
fn name_of(frame: &RawFrame) -> String {
    format!("{} {}", frame.header.stream.name(), frame.header.index)
}
