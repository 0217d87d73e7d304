//! The provider's states, in protocol order.
//!
//! The provider's half of a match: judge the advertiser's hello, offer a key and a table, reserve
//! evaluations under signed terms, send the table, evaluate and prove frame by frame, countersign
//! the receipt. It learns the padded size of the advertiser's input and nothing about its content.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::order::{InSession, in_order};
use crate::state::{Agreed, OnWire, State, session};
use crate::wire::Wire;
use crate::{Input, Outbox, Output, SpillChunk, SpillContent, SpillName, Stage, VerifiedPeer};
use protocol::attestation::AttestationKey;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::LedgerHead;
use protocol::limits::Limits;
use protocol::message::Program;
use protocol::transcript::Role;

mod expect_hello;
mod expect_reservation;
mod expect_terms;
// Aligned order, then shuffled order.
mod expect_blinds;
mod expect_handles;
mod expect_receipt;
mod expect_rows;

pub use ::policy::{Guardrails, MatchKey, Policy, Prepared};
pub use expect_blinds::ExpectBlinds;
pub use expect_handles::ExpectHandles;
pub use expect_hello::ExpectHello;
pub use expect_receipt::ExpectReceipt;
pub use expect_reservation::ExpectReservation;
pub use expect_rows::ExpectRows;
pub use expect_terms::ExpectTerms;

/// Everything a session of the provider starts from.
#[derive(Debug)]
pub struct ProviderConfig {
    /// Sizes in force.
    pub limits: Limits,
    /// Our attestation key.
    pub key: Arc<AttestationKey>,
    /// The advertiser at the other end of the channel.
    pub peer: VerifiedPeer,
    /// 32 bytes from the operating system.
    pub nonce: [u8; 32],
    /// Limits that the partner policy sets.
    pub policy: Policy,
    /// Keys and tables that are ready, one per profile at most.
    pub prepared: Vec<Prepared>,
    /// Digest of our normalization rules.
    pub rules_digest: [u8; 32],
    /// Head of our objection list.
    pub suppression_epoch: [u8; 32],
    /// Head of our ledger with this advertiser.
    pub ledger: LedgerHead,
    /// Frames to evaluate at once; more are held back by flow control.
    pub frames_pending_max: u32,
    /// Refusal of whatever this advertiser asks for now, if it cannot be served, and the seconds
    /// after which it may try again.
    pub busy: Option<(Refusal, u32)>,
    /// Our program, as HELLO_P states it.
    pub program: Program,
    /// Unix time.
    pub now: u64,
}

/// A session of the provider; see the module for the order of its states.
#[derive(Debug)]
pub enum ProviderSession {
    /// The connection is up.
    ExpectHello(ExpectHello),
    /// HELLO_P is sent.
    ExpectTerms(ExpectTerms),
    /// The reserve is being written.
    ExpectReservation(ExpectReservation),
    /// The table goes out; blinded elements come in, evaluations go out.
    ExpectBlinds(ExpectBlinds),
    /// The table goes out; blinded rows come in until the barrier, then evaluated rows go out.
    ExpectRows(ExpectRows),
    /// Every evaluation is sent; handles, or a receipt without them, are to come.
    ExpectHandles(ExpectHandles),
    /// Everything is sent.
    ExpectReceipt(ExpectReceipt),
    /// Both signed; nothing may follow.
    Closed,
}

/// Next state, or the error that ends the session.
pub(crate) type Next = Result<ProviderSession, Error>;

session! { ProviderSession:
    ExpectHello(wire),
    ExpectTerms(core.wire),
    ExpectReservation(core.wire),
    ExpectBlinds(core.wire),
    ExpectRows(core.wire),
    ExpectHandles(core.wire),
    ExpectReceipt(core.wire),
}

impl ProviderSession {
    /// Waits for HELLO_A on a channel whose peer is verified.
    #[must_use]
    pub fn open(config: ProviderConfig) -> Self {
        let (key, peer) = (Arc::clone(&config.key), config.peer);
        let wire = Wire::new(Role::Provider, config.limits, key, peer);
        ExpectHello { config, wire }.into()
    }
}

/// State of the provider alone, from HELLO_A on.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) prepared: Prepared,
    frames_pending_max: u32,
}

impl Agreed<Serving> {
    /// Starts the longest state, in the order of the profile's suite.
    fn start_match(self, out: &mut Outbox) -> Next {
        in_order!(self.profile.suite(), O => O::serve(self, out))
    }

    /// Opens TABLE and asks for its first frame, unless the advertiser holds the table.
    fn start_table(&mut self, out: &mut Outbox) {
        if self.terms.terms().table_delivery == 1 {
            self.open(StreamId::Table);
            out.push(Output::WantSpill(SpillName::Table));
        }
    }

    /// Tells if the advertiser has the whole table: it held it, or the last frame is sent.
    fn table_sent(&self) -> bool {
        self.terms.terms().table_delivery == 0 || self.wire.is_complete(StreamId::Table)
    }

    /// Sends the next frame of the table.
    fn send_table(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        let SpillContent::Frame(frame) = chunk.content else {
            return Err(Bug::misuse().into());
        };
        if chunk.spill != SpillName::Table || self.table_sent() {
            return Err(Bug::misuse().into());
        }
        let last = frame.header.is_last();
        self.wire.send_bulk(frame, out)?;
        if !last {
            out.push(Output::WantSpill(SpillName::Table));
            return Ok(());
        }
        let sent = self.wire.head(StreamId::Table);
        let announced = &self.own.prepared.table;
        // The stored table is not the one we announced: nothing of it may count.
        if sent.map(|head| (head.elements, head.root))
            != Some((announced.tag_count, announced.root))
        {
            return Err(Bug::invariant().into());
        }
        self.wire.send_checkpoint(StreamId::Table, out)
    }

    /// Checks that the table is sent, the number of blinded elements, and the time.
    fn admit_blinds(&self, frame: &RawFrame, out: &Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        if !self.table_sent() {
            return Err(at(Violation::UnexpectedMessage));
        }
        let received = self.wire.elements(StreamId::Blind);
        let complete = received == self.elements;
        // [G06]
        if received > self.elements || frame.header.is_last() != complete {
            return Err(at(Violation::CountMismatch));
        }
        Ok(self.check_open(out)?)
    }

    /// Tells if a further frame of BLIND may be read while so many are unanswered.
    fn accepts_blinds(&self, unanswered: u32) -> bool {
        self.table_sent() && unanswered < self.own.frames_pending_max
    }
}
