//! Sessions as pure machines, and the contract of whoever drives one.
//!
//! A session is an enum with one struct per state. [`advertiser::AdvertiserSession::handle`] and
//! [`provider::ProviderSession::handle`] take the session, the time, one [`Input`] and an
//! [`Outbox`], and return the next state; an error consumes the session, and its secrets with it.
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
//!    `WantApproval` with [`Input::Approved`] or [`Input::Declined`], and `WantSlot` with
//!    [`Input::Slot`] at the time that [`Slots::next`] names, counted from `StartSlots`, for slots
//!    that begin sooner where blinding was fast ([`Slots::blinded_in`]);
//! 3. runs each [`Task`] anywhere, in any order, and returns its [`Computed`];
//! 4. answers [`Output::WantRows`] with at most as many identifiers as asked, then
//!    [`Input::EndOfRows`];
//! 5. keeps [`Output::Spill`] under its name, and answers [`Output::WantSpill`] with the next chunk
//!    of that spill in increasing byte order, the last one marked; a spill without records answers
//!    with one empty chunk, the last. Order and number of records are checked here, and the table
//!    and EVAL against their roots, so neither sorter nor storage is trusted;
//! 6. gives the Unix time with every input, so that the session can judge expiry;
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

use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use protocol::codec::RawFrame;
use protocol::error::Refusal;
use protocol::identifier::Identifier;
use protocol::ledger::{LedgerEntry, Reservation};
use protocol::manifest::KnownKey;
use protocol::slots::Slots;
use protocol::transcript::Record;

pub mod advertiser;
pub mod disclosure;
pub mod provider;
pub mod spills;
pub mod task;

mod count;
mod merge;
mod order;
mod outbox;
mod row_task;
mod stage;
mod state;
mod wire;

pub use advertiser::canary::CanariesAnswered;
pub use outbox::Outbox;
pub use protocol::identity::{ChannelFacts, VerifiedPeer};
pub use spills::{SpillChunk, SpillContent, SpillName};
pub use stage::Stage;
pub use task::{Computed, Task};

use disclosure::{MatchCount, Outcome, Resolution};
use spills::name_of;

/// Input that the driver gives a session.
#[derive(Debug)]
pub enum Input {
    /// A frame from the peer, header checked, content opaque.
    Frame(RawFrame),
    /// Identifiers of the committed input, in (row, slot) order.
    Rows(Vec<RowSlot>),
    /// There are no further rows.
    EndOfRows,
    /// The result of a task.
    Computed(Computed),
    /// The next chunk of a spill that was asked for.
    Spilled(SpillChunk),
    /// The reserve (provider) or the hold for it (advertiser) is on disk.
    Reserved(Reservation),
    /// The budget does not allow the reserve.
    ReserveRefused {
        /// Reason.
        refusal: Refusal,
        /// Seconds after which it may.
        retry_after_s: u32,
    },
    /// Facts that our node found out about the handles of the spill [`SpillName::Handles`].
    Resolved(Resolution),
    /// The operator approved the release.
    Approved,
    /// The operator declined the release.
    Declined,
    /// The slot that was asked for has come.
    Slot,
}

/// Output of a session: the next thing that its driver is to do.
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
    /// Keep fixed-width records outside memory.
    Spill {
        /// Spill that they are of.
        spill: SpillName,
        /// Whole records, each [`SpillName::record_len`] bytes; secret as the name's doc says.
        records: Zeroizing<Vec<u8>>,
    },
    /// Give the next chunk of a spill, sorted.
    WantSpill(SpillName),
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
        /// Number of matched rows, as far as the terms let it be shown.
        count: MatchCount,
    },
    /// Start the clock of these slots: our acknowledgement of EVAL has left.
    StartSlots(Slots),
    /// Answer with [`Input::Slot`] at the next of the slots that were started: nothing of the work
    /// since then may show before [M-52].
    WantSlot,
    /// Look up the handles of the spill [`SpillName::Handles`], apply objections, compare with
    /// earlier releases, and answer with [`Input::Resolved`].
    Resolve,
    /// The records behind the handles are about to be released; write that durably, since later
    /// releases are compared with this one.
    RecordRelease,
    /// The advertiser's result is known, and the receipt is about to leave: keep the outcome and
    /// the records in its spills durably, so that nothing that is charged is lost.
    KeepResult(Outcome),
    /// The session is over, with this outcome for our own operator.
    Finished(Outcome),
}

/// Shows kinds, places and sizes; the content of a frame or record is not for a log.
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
            Self::Spill { spill, records } => {
                write!(f, "Spill({spill:?}, {} bytes)", records.len())
            }
            Self::WantSpill(spill) => write!(f, "WantSpill({spill:?})"),
            Self::Reserve { entry, .. } => write!(f, "Reserve({entry:?})"),
            Self::Ledger { entry, .. } => write!(f, "Ledger({entry:?})"),
            Self::KeyAnswered(key) => write!(f, "KeyAnswered({key:?})"),
            Self::WantApproval { .. } => f.write_str("WantApproval(..)"),
            Self::StartSlots(slots) => write!(f, "StartSlots({slots:?})"),
            Self::WantSlot => f.write_str("WantSlot"),
            Self::Resolve => f.write_str("Resolve"),
            Self::RecordRelease => f.write_str("RecordRelease"),
            Self::KeepResult(_) => f.write_str("KeepResult(..)"),
            Self::Finished(_) => f.write_str("Finished(..)"),
        }
    }
}

/// Identifier of the committed input and its place.
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
