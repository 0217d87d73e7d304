//! The provider's states, in protocol order.
//!
//! The provider's half of a match: judge the advertiser's hello, offer a key and a table, reserve
//! evaluations under signed terms, send the table, evaluate and prove frame by frame, countersign
//! the receipt. It learns the padded size of the advertiser's input and nothing about its content.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::attestation::AttestationKey;
use crate::codec::{RawFrame, StreamId};
use crate::disclosure::Outcome;
use crate::error::{Bug, Error, Refusal, Violation};
use crate::ledger::{LedgerEntry, LedgerHead, Reservation};
use crate::limits::{CLOCK_SKEW_S_MAX, Limits};
use crate::message::{
    Control, HelloA, HelloP, ReceiptAck, SessionBinding, SignedReceipt, Terms, TermsAccept,
};
pub use crate::session::policy::{Policy, Prepared};
use crate::session::task::{Done, EvaluateTask, EvaluatedFrame};
use crate::session::wire::{Identity, Received, Wire};
use crate::session::{
    Input, Outbox, Output, RunContent, RunName, Task, VerifiedPeer, hello, unexpected,
};
use crate::suite::{PROTOCOL_VERSION, Profile};
use crate::terms::{self, SignedTerms, TermsRejected};
use crate::transcript::Role;
use crate::transcript::receipt::Receipt;

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
    /// Every evaluation is sent.
    ExpectReceipt(ExpectReceipt),
    /// Both signed; nothing may follow.
    Closed,
}

impl ProviderSession {
    /// Waits for HELLO_A on a channel whose peer is verified.
    #[must_use]
    pub fn open(config: ProviderConfig) -> Self {
        let wire = Wire::new(Role::Provider, config.limits);
        let now = config.now;
        Self::ExpectHello(ExpectHello { config, wire, now })
    }

    /// Advances by one input.
    ///
    /// # Errors
    ///
    /// The session is over; see [`Error`] for who must act.
    pub fn handle(self, input: Input, out: &mut Outbox) -> Result<Self, Error> {
        match self {
            Self::ExpectHello(state) => state.handle(input, out),
            Self::ExpectTerms(state) => state.handle(input, out),
            Self::ExpectReservation(state) => state.handle(input, out),
            Self::ExpectBlinds(state) => state.handle(input, out),
            Self::ExpectReceipt(state) => state.handle(input, out),
            Self::Closed => match input {
                Input::Time(_) => Ok(Self::Closed),
                Input::Frame(frame) => Err(unexpected(&frame)),
                _ => Err(Bug::ApiMisuse.into()),
            },
        }
    }

    /// Whether frames of a bulk stream may be read now.
    #[must_use]
    pub fn accepts(&self, stream: StreamId) -> bool {
        match (self, stream) {
            (Self::ExpectBlinds(state), StreamId::Blind) => {
                state.table_sent && state.unanswered() < state.core.frames_pending_max
            }
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
            Self::ExpectReceipt(state) => Some(&state.core.sid),
        }
    }

    /// Name of the state, for progress and diagnostics.
    #[must_use]
    pub const fn stage(&self) -> &'static str {
        match self {
            Self::ExpectHello(_) => "hello",
            Self::ExpectTerms(_) | Self::ExpectReservation(_) => "terms",
            Self::ExpectBlinds(state) => {
                if state.table_sent {
                    "match"
                } else {
                    "table"
                }
            }
            Self::ExpectReceipt(_) => "receipt",
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
            _ => Err(Bug::ApiMisuse.into()),
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
        let profile = hello::accept_advertiser(&config, &hello)?;
        let prepared = config
            .prepared
            .into_iter()
            .find(|prepared| prepared.profile == profile)
            .ok_or(Refusal::TableNotReady)?;
        let manifest = &prepared.manifest.body;
        // A manifest of ours that no advertiser may accept.
        if !manifest.is_within_bounds() {
            return Err(Bug::ApiMisuse.into());
        }
        if !manifest.is_valid_at(now) {
            return Err(Refusal::TableNotReady.into());
        }
        if hello.row_slots > manifest.evaluations_max {
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
        };
        let hello_p = out.send_control(&Control::HelloP(alloc::boxed::Box::new(answer)))?;
        let core = Core {
            identity: Identity { key: config.key, peer: config.peer },
            peer_key: hello.attestation_key,
            wire,
            sid: [0; 32],
            elements: hello.row_slots,
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
struct Core {
    identity: Identity,
    peer_key: [u8; 32],
    wire: Wire,
    sid: [u8; 32],
    /// Padded elements E, announced in HELLO_A.
    elements: u64,
    profile: Profile,
    prepared: Prepared,
    frames_pending_max: u32,
    now: u64,
}

impl Core {
    fn take_control(&mut self, control: Control, frame: &RawFrame) -> Result<(), Error> {
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
            _ => Err(Bug::ApiMisuse.into()),
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
        let limits = *core.wire.limits();
        message.terms.check(core.profile, &policy.offer, &limits, core.now).map_err(
            |why| match why {
                TermsRejected::Incompatible(why) => Error::from(why),
                TermsRejected::Refused(why) => why.into(),
            },
        )?;
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
                ExpectBlinds::start(self.core, self.terms, reservation, out)
            }
            Input::ReserveRefused { refusal, retry_after_s } => {
                out.retry_after(retry_after_s);
                Err(refusal.into())
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::ApiMisuse.into()),
        }
    }
}

/// Sends the table, then evaluates and proves each blinded frame.
///
/// Holds no state per frame but its place in the order of answers. Leaves to [`ExpectReceipt`] when
/// every announced element is answered.
#[derive(Debug)]
pub struct ExpectBlinds {
    core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    table_sent: bool,
    /// Frames being evaluated.
    pending: u32,
    ready: BTreeMap<u32, EvaluatedFrame>,
    next_to_send: u32,
    key_used: bool,
}

impl ExpectBlinds {
    fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let frame_elements = core.wire.limits().frame_elements;
        let table_sent = terms.terms().table_delivery == 0;
        if !table_sent {
            core.wire.open(StreamId::Table, frame_elements);
            out.push(Output::WantRun(RunName::Table));
        }
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        Ok(ProviderSession::ExpectBlinds(Self {
            core,
            terms,
            reservation,
            table_sent,
            pending: 0,
            ready: BTreeMap::new(),
            next_to_send: 0,
            key_used: false,
        }))
    }

    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_blinds(frame, out)?,
            },
            Input::Run(chunk) => match (chunk.run, chunk.content) {
                (RunName::Table, RunContent::Frame(frame)) if !self.table_sent => {
                    self.send_table(frame, out)?;
                }
                _ => return Err(Bug::ApiMisuse.into()),
            },
            Input::Computed(computed) => match computed.0? {
                Done::Evaluated(frame) => {
                    self.pending = self.pending.saturating_sub(1);
                    self.ready.insert(frame.frame, frame);
                }
                Done::Blinded(_) | Done::Finalized(_) => return Err(Bug::ApiMisuse.into()),
            },
            _ => return Err(Bug::ApiMisuse.into()),
        }
        self.advance(out)
    }

    fn send_table(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let last = frame.header.is_last();
        self.core.wire.send_bulk(frame, out)?;
        if !last {
            out.push(Output::WantRun(RunName::Table));
            return Ok(());
        }
        let heads = self.core.wire.heads();
        let sent = heads.iter().find(|head| head.stream == StreamId::Table.code());
        let announced = &self.core.prepared.table;
        // The stored table is not the one we announced: nothing of it may count.
        if sent.map(|head| (head.elements, head.root))
            != Some((announced.tag_count, announced.root))
        {
            return Err(Bug::InternalInvariant.into());
        }
        self.table_sent = true;
        let Core { wire, identity, sid, .. } = &mut self.core;
        wire.send_checkpoint(StreamId::Table, &identity.key, sid, out)
    }

    fn take_blinds(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        if !self.table_sent {
            return Err(at(Violation::UnexpectedMessage));
        }
        let received = self.core.wire.elements(StreamId::Blind);
        let complete = received == self.core.elements;
        // [G06]
        if received > self.core.elements || frame.header.is_last() != complete {
            return Err(at(Violation::CountMismatch));
        }
        if self.core.now >= self.terms.terms().expires_at {
            return Err(Refusal::TermsExpired.into());
        }
        if !self.key_used {
            self.key_used = true;
            out.push(Output::KeyUsed(self.core.prepared.manifest.known_key()?));
        }
        self.pending = self.pending.saturating_add(1);
        let key = Arc::clone(&self.core.prepared.key);
        let task = EvaluateTask { blinded: frame, key, sid: self.core.sid };
        out.push(Output::Compute(Task::Evaluate(task)));
        Ok(())
    }

    /// Frames that wait for their evaluation, or for their turn to be answered.
    fn unanswered(&self) -> u32 {
        let ready = u32::try_from(self.ready.len()).unwrap_or(u32::MAX);
        self.pending.saturating_add(ready)
    }

    fn advance(mut self, out: &mut Outbox) -> Result<ProviderSession, Error> {
        let Core { wire, identity, sid, peer_key, .. } = &mut self.core;
        wire.settle_checkpoint(StreamId::Blind, peer_key, &identity.key, sid, out)?;
        while let Some(frame) = self.ready.remove(&self.next_to_send) {
            self.next_to_send = self.next_to_send.saturating_add(1);
            let EvaluatedFrame { frame, last, elements, payload } = frame;
            let raw = RawFrame::bulk(StreamId::Eval, frame, last, elements, payload)?;
            wire.send_bulk(raw, out)?;
            if last {
                wire.send_checkpoint(StreamId::Eval, &identity.key, sid, out)?;
            }
        }
        if !wire.is_complete(StreamId::Eval) || !wire.is_settled(StreamId::Blind) {
            return Ok(ProviderSession::ExpectBlinds(self));
        }
        let Self { core, terms, reservation, .. } = self;
        Ok(ProviderSession::ExpectReceipt(ExpectReceipt { core, terms, reservation }))
    }
}

/// Waits for the advertiser's receipt, and signs it if it says what happened.
#[derive(Debug)]
pub struct ExpectReceipt {
    core: Core,
    terms: SignedTerms,
    reservation: Reservation,
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
            _ => Err(Bug::ApiMisuse.into()),
        }
    }

    fn accept(
        self,
        message: SignedReceipt,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let Self { core, terms, reservation } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlAdvertiser.code(), frame.header.index)
        };
        let settled = [StreamId::Table, StreamId::Blind, StreamId::Eval]
            .into_iter()
            .filter(|stream| core.wire.heads().iter().any(|head| head.stream == stream.code()))
            .all(|stream| core.wire.is_settled(stream));
        let SignedReceipt { receipt, signature } = message;
        let closed_at = receipt.closed_at;
        let expected = Receipt {
            sid: core.sid,
            outcome: Receipt::COMPLETED,
            streams: core.wire.heads(),
            handles_known: 0,
            handles_unknown: 0,
            ids_returned: 0,
            ids_suppressed: 0,
            ledger: reservation.entry().settle(0, 0, closed_at)?,
            ..receipt.clone()
        };
        let in_time = closed_at >= terms.terms().opened_at
            && closed_at.abs_diff(core.now) <= CLOCK_SKEW_S_MAX;
        if receipt != expected || !in_time || !settled || receipt.report_commitment == [0; 32] {
            return Err(at(Violation::ReceiptMismatch));
        }
        receipt.verify(&core.peer_key, &signature).map_err(at)?;
        let signature = receipt.sign(&core.identity.key)?;
        out.push(Output::Ledger { entry: receipt.ledger, evidence: frame.clone() });
        out.send_control(&Control::ReceiptAck(ReceiptAck { signature }))?;
        out.push(Output::Finished(Outcome::Served));
        Ok(ProviderSession::Closed)
    }
}
