//! The provider's states, in protocol order.
//!
//! The provider's half of a match: judge the advertiser's hello, offer a key and a table, reserve
//! evaluations under signed terms, send the table, evaluate and prove frame by frame, countersign
//! the receipt. It learns the padded size of the advertiser's input and nothing about its content.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::advertiser::rejected;
pub use crate::answers::ExpectBlinds;
pub use crate::barrier::ExpectRows;
use crate::disclosure::Outcome;
pub use crate::handles::ExpectHandles;
pub use crate::policy::{Guardrails, MatchKey, Policy, Prepared};
use crate::wire::{Identity, Received, Wire};
use crate::{Input, Outbox, Output, RunName, VerifiedPeer, hello, unexpected};
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Clocks, Error, Incompatibility, Refusal, Violation};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::limits::Limits;
use protocol::message::{
    Control, HelloA, HelloP, Program, ReceiptAck, SessionBinding, SignedReceipt, Terms, TermsAccept,
};
use protocol::rows::RowWidth;
use protocol::suite::{PROTOCOL_VERSION, Profile, SuiteId};
use protocol::terms::{self, SignedTerms};
use protocol::transcript::Role;
use protocol::transcript::receipt::Receipt;

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
    /// What the partner policy allows.
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
    /// Whether this advertiser cannot be served now, whatever it asks for: the refusal, and the
    /// seconds after which it may try again.
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

impl ProviderSession {
    /// Waits for HELLO_A on a channel whose peer is verified.
    #[must_use]
    pub fn open(config: ProviderConfig) -> Self {
        let wire = Wire::new(Role::Provider, config.limits, &config.peer);
        let now = config.now;
        Self::ExpectHello(ExpectHello { config, wire, now })
    }

    /// Advances by one input.
    ///
    /// # Errors
    ///
    /// The session is over; see [`Error`] for who must act.
    pub fn handle(self, input: Input, out: &mut Outbox) -> Result<Self, Error> {
        if let Input::Time(now) = input {
            out.at(now);
        }
        match self {
            Self::ExpectHello(state) => state.handle(input, out),
            Self::ExpectTerms(state) => state.handle(input, out),
            Self::ExpectReservation(state) => state.handle(input, out),
            Self::ExpectBlinds(state) => state.handle(input, out),
            Self::ExpectRows(state) => state.handle(input, out),
            Self::ExpectHandles(state) => state.handle(input, out),
            Self::ExpectReceipt(state) => state.handle(input, out),
            Self::Closed => match input {
                Input::Time(_) => Ok(Self::Closed),
                Input::Frame(frame) => Err(unexpected(&frame)),
                _ => Err(Bug::misuse().into()),
            },
        }
    }

    /// Whether frames of a bulk stream may be read now.
    #[must_use]
    pub fn accepts(&self, stream: StreamId) -> bool {
        match (self, stream) {
            (Self::ExpectBlinds(state), StreamId::Blind) => state.accepts_blinds(),
            (Self::ExpectRows(state), StreamId::Blind) => state.accepts_blinds(),
            (Self::ExpectHandles(state), StreamId::Handles) => state.accepts_handles(),
            _ => false,
        }
    }

    /// The session id, once both sides have computed it and until the close.
    #[must_use]
    pub const fn sid(&self) -> Option<&[u8; 32]> {
        match self {
            Self::ExpectHello(_) | Self::ExpectTerms(_) | Self::Closed => None,
            Self::ExpectReservation(state) => Some(&state.core.sid),
            Self::ExpectBlinds(state) => Some(&state.core.sid),
            Self::ExpectRows(state) => Some(&state.core.sid),
            Self::ExpectHandles(state) => Some(&state.core.sid),
            Self::ExpectReceipt(state) => Some(&state.core.sid),
        }
    }

    /// Name of the state, for progress and diagnostics.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self {
            Self::ExpectHello(_) => "hello",
            Self::ExpectTerms(_) | Self::ExpectReservation(_) => "terms",
            Self::ExpectBlinds(state) => state.stage(),
            Self::ExpectRows(state) => state.stage(),
            Self::ExpectHandles(state) => state.stage(),
            // The advertiser looks up.
            Self::ExpectReceipt(_) => "closing",
            Self::Closed => "closed",
        }
    }
}

/// Waits for what the advertiser wants and has committed to.
#[derive(Debug)]
pub struct ExpectHello {
    config: ProviderConfig,
    wire: Wire,
    now: u64,
}

impl ExpectHello {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => {
                self.now = now;
                Ok(ProviderSession::ExpectHello(self))
            }
            Input::Frame(frame) => match self.wire.receive(frame, out)? {
                Received::Control(Control::HelloA(hello), frame) => self.accept(hello, frame, out),
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }

    fn accept(
        self,
        hello: HelloA,
        hello_a: RawFrame,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let Self { config, wire, now } = self;
        if let Some((refusal, retry_after_s)) = config.busy {
            out.retry_after(retry_after_s);
            return Err(refusal.into());
        }
        let asked = hello::accept_advertiser(&config, &hello, now)?;
        let profile = asked.profile;
        let prepared = config
            .prepared
            .into_iter()
            .find(|prepared| prepared.profile == profile)
            .ok_or(Refusal::TableNotReady)?;
        let manifest = &prepared.manifest.body;
        // A manifest of ours that no advertiser may accept, or a key of the other order.
        let suite = profile.suite();
        let fits = manifest.suite == suite.code() && prepared.key.suite() == suite;
        if !manifest.is_within_bounds() || !fits {
            return Err(Bug::misuse().into());
        }
        if !manifest.is_valid_at(now) {
            return Err(Refusal::TableNotReady.into());
        }
        if asked.elements > manifest.evaluations_max {
            return Err(Refusal::KeyExhausted.into());
        }
        let answer = HelloP {
            protocol: PROTOCOL_VERSION,
            attestation_key: config.key.public(),
            nonce: config.nonce,
            manifest: prepared.manifest.clone(),
            snapshot: prepared.snapshot.clone(),
            table: prepared.table,
            rules_digest: config.rules_digest,
            suppression_epoch: config.suppression_epoch,
            ledger_head: config.ledger.hash,
            offer: config.policy.offer,
            sent_at: now,
            program: config.program.with_limits(wire.limits()),
            signature: Signature::NONE,
        }
        .signed(&config.key, &config.peer.channel().exporter)?;
        out.push(Output::Opening);
        let hello_p = out.send_control(&Control::HelloP(alloc::boxed::Box::new(answer)))?;
        let core = Core {
            identity: Identity { key: config.key, peer: config.peer },
            peer_key: hello.attestation_key,
            wire,
            sid: [0; 32],
            elements: asked.elements,
            width: asked.width,
            profile,
            prepared,
            frames_pending_max: config.frames_pending_max.max(1),
            now,
        };
        Ok(ProviderSession::ExpectTerms(ExpectTerms {
            core,
            hello_a,
            hello_p,
            policy: config.policy,
            ledger: config.ledger,
        }))
    }
}

/// What every state after HELLO_A holds.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) identity: Identity,
    pub(crate) peer_key: [u8; 32],
    pub(crate) wire: Wire,
    pub(crate) sid: [u8; 32],
    /// Padded elements E, announced in HELLO_A.
    pub(crate) elements: u64,
    pub(crate) width: RowWidth,
    pub(crate) profile: Profile,
    pub(crate) prepared: Prepared,
    pub(crate) frames_pending_max: u32,
    pub(crate) now: u64,
}

impl Core {
    /// Opens TABLE and asks for its first frame, unless the advertiser holds the table.
    pub(crate) fn start_table(&mut self, terms: &SignedTerms, out: &mut Outbox) {
        if terms.terms().table_delivery == 1 {
            let frame_elements = self.wire.limits().frame_elements;
            self.wire.open(StreamId::Table, frame_elements);
            out.push(Output::WantRun(RunName::Table));
        }
    }

    /// Whether the advertiser has the whole table: it held it, or the last frame is sent.
    pub(crate) fn table_sent(&self, terms: &SignedTerms) -> bool {
        terms.terms().table_delivery == 0 || self.wire.is_complete(StreamId::Table)
    }

    /// Sends the next frame of the table.
    pub(crate) fn send_table(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let last = frame.header.is_last();
        self.wire.send_bulk(frame, out)?;
        if !last {
            out.push(Output::WantRun(RunName::Table));
            return Ok(());
        }
        let sent = self.wire.head(StreamId::Table);
        let announced = &self.prepared.table;
        // The stored table is not the one we announced: nothing of it may count.
        if sent.map(|head| (head.elements, head.root))
            != Some((announced.tag_count, announced.root))
        {
            return Err(Bug::invariant().into());
        }
        self.send_checkpoint(StreamId::Table, out)
    }

    pub(crate) fn send_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        self.wire.send_checkpoint(stream, &self.identity.key, &self.sid, out)
    }

    pub(crate) fn settle_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<bool, Error> {
        let key = &self.identity.key;
        self.wire.settle_checkpoint(stream, &self.peer_key, key, &self.sid, out)
    }

    /// Checks that the table is sent, the number of blinded elements, and the time.
    pub(crate) fn admit_blinds(
        &mut self,
        frame: &RawFrame,
        terms: &SignedTerms,
    ) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        if !self.table_sent(terms) {
            return Err(at(Violation::UnexpectedMessage));
        }
        let received = self.wire.elements(StreamId::Blind);
        let complete = received == self.elements;
        // [G06]
        if received > self.elements || frame.header.is_last() != complete {
            return Err(at(Violation::CountMismatch));
        }
        if self.now >= terms.terms().expires_at {
            return Err(Refusal::TermsExpired.into());
        }
        Ok(())
    }

    pub(crate) fn take_control(&mut self, control: Control, frame: &RawFrame) -> Result<(), Error> {
        match control {
            Control::Checkpoint(checkpoint) => self.wire.take_checkpoint(checkpoint),
            Control::CheckpointAck(checkpoint) => {
                self.wire.take_acknowledgement(&checkpoint, &self.peer_key, &self.sid)
            }
            _ => Err(unexpected(frame)),
        }
    }
}

/// Waits for the advertiser's signature under all conditions.
#[derive(Debug)]
pub struct ExpectTerms {
    core: Core,
    hello_a: RawFrame,
    hello_p: RawFrame,
    policy: Policy,
    ledger: LedgerHead,
}

impl ExpectTerms {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(ProviderSession::ExpectTerms(self))
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::Terms(message), frame) => {
                    self.accept(message, frame, out)
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }

    fn accept(
        self,
        message: Terms,
        frame: RawFrame,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let Self { mut core, hello_a, hello_p, policy, ledger } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlAdvertiser.code(), frame.header.index)
        };
        let channel = core.identity.peer.channel();
        let sid = SessionBinding {
            hello_a: &hello_a.payload,
            hello_p: &hello_p.payload,
            spki_advertiser: &channel.spki_advertiser,
            spki_provider: &channel.spki_provider,
            exporter: &channel.exporter,
        }
        .sid(&message.terms)?;
        // [G27]
        if sid != message.sid {
            return Err(at(Violation::SessionBindingMismatch));
        }
        core.sid = sid;
        out.ground().session(sid);
        let limits = *core.wire.limits();
        message.terms.check(core.profile, &policy.offer, &limits, core.now).map_err(rejected)?;
        // One handle names one row at most.
        let rows = core.elements / u64::from(core.width.get());
        if message.terms.handles_max > rows || message.terms.phone_evaluations_max > core.elements {
            return Err(Incompatibility::Parameters.into());
        }
        policy.check(&core.prepared, &message.terms)?;
        // Our own signature is made here and sent once the reserve is on disk.
        let signature = terms::sign_sid(&core.identity.key, &sid);
        let own_key = core.identity.key.public();
        let terms = SignedTerms::verify(
            message.terms,
            core.profile,
            sid,
            (&core.peer_key, &message.signature),
            (&own_key, &signature),
        )
        .map_err(at)?;
        let entry =
            LedgerEntry::reserve(&ledger, &sid, core.profile, terms.terms(), core.elements)?;
        out.push(Output::Reserve { entry: entry.clone(), terms: frame });
        let accept = TermsAccept { sid, signature };
        Ok(ProviderSession::ExpectReservation(ExpectReservation { core, terms, entry, accept }))
    }
}

/// Waits until the reserve is on disk.
#[derive(Debug)]
pub struct ExpectReservation {
    core: Core,
    terms: SignedTerms,
    entry: LedgerEntry,
    accept: TermsAccept,
}

impl ExpectReservation {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(ProviderSession::ExpectReservation(self))
            }
            // [G39]
            Input::Reserved(reservation) if *reservation.entry() == self.entry => {
                out.send_control(&Control::TermsAccept(self.accept))?;
                match self.core.profile.suite() {
                    SuiteId::Aligned => {
                        ExpectBlinds::start(self.core, self.terms, reservation, out)
                    }
                    SuiteId::Shuffled => ExpectRows::start(self.core, self.terms, reservation, out),
                }
            }
            Input::ReserveRefused { refusal, retry_after_s } => {
                out.retry_after(retry_after_s);
                Err(refusal.into())
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }
}

/// Waits for the advertiser's receipt, and signs it if it says what happened.
#[derive(Debug)]
pub struct ExpectReceipt {
    pub(crate) core: Core,
    pub(crate) terms: SignedTerms,
    pub(crate) reservation: Reservation,
    pub(crate) closing: Closing,
}

/// What a receipt must say beside what every session has, and what our operator is told then.
#[derive(Debug)]
pub(crate) struct Closing {
    /// [`Receipt::COMPLETED`] or [`Receipt::WITHHELD`].
    pub(crate) code: u16,
    pub(crate) handles_known: u64,
    pub(crate) handles_unknown: u32,
    pub(crate) ids_suppressed: u64,
    pub(crate) outcome: Outcome,
}

impl Closing {
    /// Of a session that disclosed nothing to us.
    pub(crate) const fn served() -> Self {
        Self::without_handles(Receipt::COMPLETED, Outcome::Served)
    }

    /// Of a session that names no handles in its receipt.
    pub(crate) const fn without_handles(code: u16, outcome: Outcome) -> Self {
        Self { code, handles_known: 0, handles_unknown: 0, ids_suppressed: 0, outcome }
    }
}

impl ExpectReceipt {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(ProviderSession::ExpectReceipt(self))
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::Receipt(message), frame) => {
                    self.accept(message, &frame, out)
                }
                Received::Control(control, frame) => {
                    self.core.take_control(control, &frame)?;
                    Ok(ProviderSession::ExpectReceipt(self))
                }
                Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }

    /// Compares the receipt with what happened here, and signs it.
    pub(crate) fn accept(
        self,
        message: SignedReceipt,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let Self { core, terms, reservation, closing } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlAdvertiser.code(), frame.header.index)
        };
        let streams = core.wire.heads();
        let settled = core.wire.all_settled();
        let SignedReceipt { receipt, signature } = message;
        let closed_at = receipt.closed_at;
        let handles = core.wire.elements(StreamId::Handles);
        let ids = core.wire.elements(StreamId::Ids);
        let expected = Receipt {
            sid: core.sid,
            outcome: closing.code,
            streams,
            handles_known: closing.handles_known,
            handles_unknown: closing.handles_unknown,
            ids_returned: ids,
            ids_suppressed: closing.ids_suppressed,
            ledger: reservation.entry().settle(handles, ids, closed_at)?,
            ..receipt.clone()
        };
        let after = closed_at >= terms.terms().opened_at;
        if receipt != expected || !after || !settled || receipt.report_commitment == [0; 32] {
            return Err(at(Violation::ReceiptMismatch));
        }
        receipt.verify(&core.peer_key, &signature).map_err(at)?;
        Clocks { local: core.now, peer: closed_at }.check()?;
        let signature = receipt.sign(&core.identity.key)?;
        out.push(Output::Ledger { entry: receipt.ledger, evidence: frame.clone() });
        out.send_control(&Control::ReceiptAck(ReceiptAck { signature }))?;
        out.push(Output::Finished(closing.outcome));
        Ok(ProviderSession::Closed)
    }
}
