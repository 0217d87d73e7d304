//! The advertiser's states, in protocol order.
//!
//! Read from top to bottom this is the advertiser's half of a match: say hello with everything
//! committed, accept the provider's key and table, sign terms, blind, check every evaluation,
//! look up, sign the receipt. What each state waits for is its name.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::attestation::AttestationKey;
use crate::codec::{RawFrame, StreamId};
use crate::commitment::InputRoot;
use crate::disclosure::{self, AlignedEvidence, Outcome, Withheld};
use crate::error::{Bug, Error, Incompatibility, Refusal, Violation};
use crate::ledger::{LedgerEntry, LedgerHead, Reservation};
use crate::limits::{
    AUDIT_WINDOW_S_DEFAULT, ELEMENTS_ALIGNED_MAX, FRAMES_IN_FLIGHT_MAX, Limits,
    TERMS_LIFETIME_S_MAX,
};
use crate::message::{Control, HelloA, HelloP, SessionBinding, SignedReceipt, Terms, TermsAccept};
use crate::seed::{SessionKeys, SessionSeed};
use crate::session::blinder::{Blinder, Plan};
use crate::session::lookup::{Found, Lookup, Progress};
use crate::session::task::{BlindedFrame, Done, FinalizeTask};
use crate::session::wire::{Identity, Received, Wire};
use crate::session::{Input, Outbox, Output, RunName, Task, VerifiedPeer, hello, unexpected};
use crate::suite::{self, PROTOCOL_VERSION, Profile, h};
use crate::table::TableReader;
use crate::terms::{self, MatchTerms, SignedTerms, TermsRejected};
use crate::transcript::Role;
use crate::transcript::receipt::Receipt;

/// Everything a session of the advertiser starts from; the driver's facts and the party's choices.
#[derive(Debug)]
pub struct AdvertiserConfig {
    /// Sizes in force.
    pub limits: Limits,
    /// Profile of the run.
    pub profile: Profile,
    /// Our attestation key.
    pub key: Arc<AttestationKey>,
    /// The provider at the other end of the channel.
    pub peer: VerifiedPeer,
    /// Seed of this session, fresh from the operating system.
    pub seed: SessionSeed,
    /// The committed input.
    pub input: InputRoot,
    /// Distinct identifiers of the input; the elements of an aligned session.
    pub distinct: u64,
    /// The terms we want, without times.
    pub terms: MatchTerms,
    /// Digest of our normalization rules.
    pub rules_digest: [u8; 32],
    /// Head of our objection list.
    pub suppression_epoch: [u8; 32],
    /// Head of our ledger with this provider.
    pub ledger: LedgerHead,
    /// Largest table we accept: our own cap, and growth against the last table of this partner.
    pub table_tags_max: u64,
    /// Root of the table we hold from an earlier session, to skip its transfer.
    pub cached_table: Option<[u8; 32]>,
    /// Keys we have met from this provider, with the hash of their manifest.
    pub known_keys: Vec<KnownKey>,
    /// Frames to have unanswered; at most [`FRAMES_IN_FLIGHT_MAX`].
    pub frames_in_flight: u32,
    /// Unix time.
    pub now: u64,
}

/// A key met in an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub key_id: [u8; 16],
    /// The public key K.
    pub public_key: [u8; 32],
}

/// A session of the advertiser; see the module for the order of its states.
#[derive(Debug)]
pub enum AdvertiserSession {
    /// HELLO_A is sent.
    ExpectHello(ExpectHello),
    /// The hold is being written.
    ExpectReservation(ExpectReservation),
    /// TERMS is sent.
    ExpectTerms(ExpectTerms),
    /// The table is coming.
    ExpectTable(ExpectTable),
    /// Blinded elements go out, evaluations come back.
    ExpectEvaluations(ExpectEvaluations),
    /// RECEIPT is sent.
    ExpectReceipt(ExpectReceipt),
    /// Both signed; nothing may follow.
    Closed,
}

impl AdvertiserSession {
    /// Opens a session: sends HELLO_A.
    ///
    /// The provider learns the padded size, the suite and profile, and sealed commitments.
    ///
    /// # Errors
    ///
    /// [`Refusal::SizeOutOfRange`] for an empty input, one below `n_min` or above the limit, and
    /// [`Incompatibility::Profile`] for a profile this build does not serve. Ours to mend.
    pub fn open(config: AdvertiserConfig, out: &mut Outbox) -> Result<Self, Error> {
        if config.profile != Profile::MatchedRows {
            return Err(Incompatibility::Profile.into());
        }
        let padded = config
            .limits
            .padded(config.distinct)
            .filter(|n| *n <= ELEMENTS_ALIGNED_MAX);
        let (Some(row_slots), true) = (padded, config.distinct > 0) else {
            return Err(Refusal::SizeOutOfRange.into());
        };
        // [G42]
        if config.input.rows < u64::from(config.terms.n_min.max(config.limits.n_min_floor)) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        let hello = HelloA {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            suite: config.profile.suite().code(),
            profile: config.profile.code(),
            row_width: 1,
            row_slots,
            sample_rows: 0,
            attestation_key: config.key.public(),
            seed_commitment: config.seed.commitment(),
            input_commitment: config.input.seal(&config.seed.input_salt()),
            rules_digest: config.rules_digest,
            suppression_epoch: config.suppression_epoch,
            ledger_head: config.ledger.hash,
        };
        let hello_a = out.send_control(&Control::HelloA(hello))?;
        let wire = Wire::new(Role::Advertiser, config.limits);
        let now = config.now;
        Ok(Self::ExpectHello(ExpectHello {
            config,
            wire,
            hello_a,
            row_slots,
            now,
        }))
    }

    /// Advances by one input.
    ///
    /// # Errors
    ///
    /// The session is over; see [`Error`] for who must act.
    pub fn handle(self, input: Input, out: &mut Outbox) -> Result<Self, Error> {
        match self {
            Self::ExpectHello(state) => state.handle(input, out),
            Self::ExpectReservation(state) => state.handle(input, out),
            Self::ExpectTerms(state) => state.handle(input, out),
            Self::ExpectTable(state) => state.handle(input, out),
            Self::ExpectEvaluations(state) => state.handle(input, out),
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
            (Self::ExpectTable(_), StreamId::Table) => true,
            (Self::ExpectEvaluations(state), StreamId::Eval) => {
                state.finalizing < state.core.frames_in_flight
            }
            _ => false,
        }
    }

    /// Name of the state, for progress and diagnostics.
    #[must_use]
    pub const fn stage(&self) -> &'static str {
        match self {
            Self::ExpectHello(_) => "hello",
            Self::ExpectReservation(_) | Self::ExpectTerms(_) => "terms",
            Self::ExpectTable(_) => "table",
            Self::ExpectEvaluations(state) => match state.phase {
                Phase::Exchange => "match",
                _ => "look-up",
            },
            Self::ExpectReceipt(_) => "receipt",
            Self::Closed => "closed",
        }
    }
}

/// Waits for the provider's nonce, key, table and offer.
#[derive(Debug)]
pub struct ExpectHello {
    config: AdvertiserConfig,
    wire: Wire,
    hello_a: RawFrame,
    row_slots: u64,
    now: u64,
}

impl ExpectHello {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => {
                self.now = now;
                Ok(AdvertiserSession::ExpectHello(self))
            }
            Input::Frame(frame) => match self.wire.receive(frame, out)? {
                Received::Control(Control::HelloP(hello), frame) => {
                    self.accept(*hello, &frame, out)
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::ApiMisuse.into()),
        }
    }

    /// Judges HELLO_P, computes the sid, and asks for a hold of the evaluations.
    fn accept(
        self,
        hello: HelloP,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        hello::accept_provider(&self.config, &hello, self.now)?;
        let config = self.config;
        let lifetime = TERMS_LIFETIME_S_MAX.min(DEFAULT_LIFETIME_S);
        let expires_at = self
            .now
            .saturating_add(lifetime)
            .min(hello.offer.expires_at);
        let cached = config.cached_table == Some(hello.table.root);
        let terms = MatchTerms {
            n_min: config.terms.n_min.max(hello.offer.n_min),
            k_min: config.terms.k_min.max(hello.offer.k_min),
            delta_min: config.terms.delta_min.max(hello.offer.delta_min),
            table_delivery: u8::from(!cached),
            opened_at: self.now,
            expires_at,
            audit_until: expires_at.saturating_add(AUDIT_WINDOW_S_DEFAULT),
            ..config.terms
        };
        if config.input.rows < u64::from(terms.n_min) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        terms
            .check(config.profile, &hello.offer, &config.limits, self.now)
            .map_err(rejected)?;
        let channel = config.peer.channel();
        let sid = SessionBinding {
            hello_a: &self.hello_a.payload,
            hello_p: &frame.payload,
            spki_advertiser: &channel.spki_advertiser,
            spki_provider: &channel.spki_provider,
            exporter: &channel.exporter,
        }
        .sid(&terms)?;
        let entry =
            LedgerEntry::reserve(&config.ledger, &sid, config.profile, &terms, self.row_slots)?;
        let signature = terms::sign_sid(&config.key, &sid);
        let message = Terms {
            terms: terms.clone(),
            sid,
            signature,
        };
        // Encoded here because the hold keeps the very bytes that will be sent.
        let planned = Control::Terms(message.clone()).encode(StreamId::ControlAdvertiser, 1)?;
        out.push(Output::Reserve {
            entry: entry.clone(),
            terms: planned,
        });
        let core = Core {
            identity: Identity {
                key: config.key,
                peer: config.peer,
            },
            peer_key: hello.attestation_key,
            wire: self.wire,
            sid,
            keys: config.seed.session_keys(&sid),
            hello,
            elements: self.row_slots,
            distinct: config.distinct,
            rows: config.input.rows,
            profile: config.profile,
            frames_in_flight: config.frames_in_flight.clamp(1, FRAMES_IN_FLIGHT_MAX),
            kinds: terms.kinds,
            now: self.now,
        };
        Ok(AdvertiserSession::ExpectReservation(ExpectReservation {
            core,
            message,
            entry,
        }))
    }
}

/// What every state after HELLO_P holds.
#[derive(Debug)]
struct Core {
    identity: Identity,
    peer_key: [u8; 32],
    wire: Wire,
    sid: [u8; 32],
    keys: SessionKeys,
    hello: HelloP,
    /// Padded elements E.
    elements: u64,
    distinct: u64,
    rows: u64,
    profile: Profile,
    frames_in_flight: u32,
    kinds: Vec<u8>,
    now: u64,
}

impl Core {
    /// Takes CHECKPOINT and CHECKPOINT_ACK, which may come whenever streams are open.
    fn take_control(&mut self, control: Control, frame: &RawFrame) -> Result<(), Error> {
        match control {
            Control::Checkpoint(checkpoint) => self.wire.take_checkpoint(checkpoint),
            Control::CheckpointAck(checkpoint) => {
                self.wire
                    .take_acknowledgement(&checkpoint, &self.peer_key, &self.sid)
            }
            _ => Err(unexpected(frame)),
        }
    }

    fn settle_checkpoint(&mut self, stream: StreamId, out: &mut Outbox) -> Result<bool, Error> {
        let key = &self.identity.key;
        self.wire
            .settle_checkpoint(stream, &self.peer_key, key, &self.sid, out)
    }
}

/// Waits until the hold of the evaluations is on disk.
#[derive(Debug)]
pub struct ExpectReservation {
    core: Core,
    message: Terms,
    entry: LedgerEntry,
}

impl ExpectReservation {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(AdvertiserSession::ExpectReservation(self))
            }
            Input::Reserved(reservation) if *reservation.entry() == self.entry => {
                let terms = self.message.terms.clone();
                out.send_control(&Control::Terms(self.message.clone()))?;
                let signature = self.message.signature;
                let Self { core, .. } = self;
                Ok(AdvertiserSession::ExpectTerms(ExpectTerms {
                    core,
                    terms,
                    signature,
                    reservation,
                }))
            }
            Input::ReserveRefused { refusal, .. } => Err(refusal.into()),
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::ApiMisuse.into()),
        }
    }
}

/// Waits for the provider's signature under the terms.
#[derive(Debug)]
pub struct ExpectTerms {
    core: Core,
    terms: MatchTerms,
    signature: crate::attestation::Signature,
    reservation: Reservation,
}

impl ExpectTerms {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(AdvertiserSession::ExpectTerms(self))
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::TermsAccept(accept), frame) => {
                    self.accept(&accept, &frame, out)
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::ApiMisuse.into()),
        }
    }

    fn accept(
        self,
        accept: &TermsAccept,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let Self {
            mut core,
            terms,
            signature,
            reservation,
        } = self;
        let at = |violation| {
            Error::peer(
                violation,
                StreamId::ControlProvider.code(),
                frame.header.index,
            )
        };
        // [G27]
        if accept.sid != core.sid {
            return Err(at(Violation::SessionBindingMismatch));
        }
        let own_key = core.identity.key.public();
        let signed = SignedTerms::verify(
            terms,
            core.profile,
            core.sid,
            (&own_key, &signature),
            (&core.peer_key, &accept.signature),
        )
        .map_err(at)?;
        out.push(Output::Ledger(reservation.entry().clone()));
        let frame_elements = core.wire.limits().frame_elements;
        if signed.terms().table_delivery == 0 {
            return ExpectEvaluations::start(core, signed, reservation, out);
        }
        core.wire.open(StreamId::Table, frame_elements);
        let table = TableReader::new(&core.hello.table);
        Ok(AdvertiserSession::ExpectTable(ExpectTable {
            core,
            terms: signed,
            reservation,
            table,
        }))
    }
}

/// Waits for the whole tag table, and blinds nothing before it is the announced one.
#[derive(Debug)]
pub struct ExpectTable {
    core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    table: TableReader,
}

impl ExpectTable {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                // The driver keeps the frame; it comes back when tags are looked up.
                Received::Bulk(frame) => drop(self.table.read(&frame)?),
            },
            _ => return Err(Bug::ApiMisuse.into()),
        }
        if !self.core.settle_checkpoint(StreamId::Table, out)? {
            return Ok(AdvertiserSession::ExpectTable(self));
        }
        let root = self
            .core
            .wire
            .heads()
            .iter()
            .find(|s| s.stream == 16)
            .map(|s| s.root);
        if root != Some(self.core.hello.table.root) {
            return Err(Error::peer(
                Violation::TableRootMismatch,
                StreamId::Table.code(),
                0,
            ));
        }
        ExpectEvaluations::start(self.core, self.terms, self.reservation, out)
    }
}

/// Waits until every blinded frame has come back evaluated, then looks up.
///
/// Holds the blinds of the frames in flight. Leaves to [`ExpectReceipt`] when the announced number
/// of frames has arrived, each one is proved, and both sides have signed both streams. A short,
/// long, or unproved frame aborts the session and is the peer's fault [M-11].
#[derive(Debug)]
pub struct ExpectEvaluations {
    core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    blinder: Blinder,
    /// Frames whose answer has not come, by index.
    in_flight: BTreeMap<u32, BlindedFrame>,
    /// Frames whose answer is being checked.
    finalizing: u32,
    evidence: AlignedEvidence,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Exchange,
    LookUp(Lookup),
    Found(Found),
}

impl ExpectEvaluations {
    fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let frame_elements = core.wire.limits().frame_elements;
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        let manifest = &core.hello.manifest.body;
        let (key_id, public_key) = (manifest.key_id, manifest.public_key);
        out.push(Output::KeyUsed { key_id, public_key });
        let plan = Plan {
            elements: core.elements,
            distinct: core.distinct,
            rows: core.rows,
            kinds: core.kinds.clone(),
            keys: core.keys.clone(),
        };
        let blinder = Blinder::new(plan, core.wire.limits())?;
        Self {
            core,
            terms,
            reservation,
            blinder,
            in_flight: BTreeMap::new(),
            finalizing: 0,
            evidence: AlignedEvidence::default(),
            phase: Phase::Exchange,
        }
        .advance(out)
    }

    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_evaluations(frame, out)?,
            },
            Input::Rows(rows) => self.blinder.take(rows, out)?,
            Input::EndOfRows => self.blinder.end_rows()?,
            Input::Computed(computed) => match computed.0? {
                Done::Blinded(frame) => {
                    self.blinder.ready.insert(frame.frame, frame);
                }
                Done::Finalized(frame) => {
                    self.finalizing = self.finalizing.saturating_sub(1);
                    self.evidence.add(&frame.evidence);
                    spill_tags(&frame.tags, out);
                }
                Done::Evaluated(_) => return Err(Bug::ApiMisuse.into()),
            },
            Input::Run(chunk) => match self.phase {
                Phase::LookUp(lookup) => {
                    self.phase = lookup.take(chunk, out)?.into();
                }
                _ => return Err(Bug::ApiMisuse.into()),
            },
            _ => return Err(Bug::ApiMisuse.into()),
        }
        self.advance(out)
    }

    /// Takes one frame of answers to the frame of the same index.
    fn take_evaluations(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Eval.code(), frame.header.index);
        // An answer to a frame we have not sent.
        let blinded = self
            .in_flight
            .remove(&frame.header.index)
            .ok_or_else(|| at(Violation::CountMismatch))?;
        let is_last = frame.header.index == self.blinder.last_frame;
        // [G06]
        if frame.header.elements as usize != blinded.blinded.len()
            || frame.header.is_last() != is_last
        {
            return Err(at(Violation::CountMismatch));
        }
        self.finalizing = self.finalizing.saturating_add(1);
        let task = FinalizeTask {
            blinded,
            evaluated: frame,
            public_key: self.core.hello.manifest.body.public_key,
            sid: self.core.sid,
        };
        out.push(Output::Compute(Task::Finalize(task)));
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        self.send_ready(out)?;
        let open = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        let open = open.saturating_add(self.finalizing);
        self.blinder.go_on(open, self.core.frames_in_flight, out)?;
        self.core.settle_checkpoint(StreamId::Eval, out)?;
        let exchanged = self.core.wire.is_settled(StreamId::Blind)
            && self.core.wire.is_settled(StreamId::Eval)
            && self.blinder.rows_ended
            && self.finalizing == 0;
        if matches!(self.phase, Phase::Exchange) && exchanged {
            let salt = self.core.keys.result_salt();
            let table = &self.core.hello.table;
            self.phase = Lookup::start(table, self.core.rows, &salt, out)?.into();
        }
        if let Phase::Found(_) = self.phase {
            return self.close(out);
        }
        Ok(AdvertiserSession::ExpectEvaluations(self))
    }

    /// Sends blinded frames in order, then the checkpoint.
    fn send_ready(&mut self, out: &mut Outbox) -> Result<(), Error> {
        while let Some(frame) = self.blinder.ready.remove(&self.blinder.next_to_send) {
            let last = frame.frame == self.blinder.last_frame;
            let elements =
                u32::try_from(frame.blinded.len()).map_err(|_| Bug::InternalInvariant)?;
            let payload = frame.blinded.as_flattened().to_vec();
            let raw = RawFrame::bulk(StreamId::Blind, frame.frame, last, elements, payload)?;
            self.core.wire.send_bulk(raw, out)?;
            self.blinder.next_to_send = self.blinder.next_to_send.saturating_add(1);
            self.in_flight.insert(frame.frame, frame);
            if last {
                let Core {
                    wire,
                    identity,
                    sid,
                    ..
                } = &mut self.core;
                wire.send_checkpoint(StreamId::Blind, &identity.key, sid, out)?;
            }
        }
        Ok(())
    }

    /// Releases the outcome to our own operator, and signs the receipt.
    fn close(self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        let Phase::Found(found) = self.phase else {
            return Err(Bug::InternalInvariant.into());
        };
        let outcome =
            disclosure::release_rows(&self.terms, &self.reservation, &self.evidence, found.counts)?;
        let salt = self.core.keys.result_salt();
        let result_commitment = match outcome {
            Outcome::Withheld(Withheld::BelowMatchMinimum { .. } | Withheld::Declined) => {
                let profile = self.core.profile.code().to_le_bytes();
                suite::hash(h::RESULT, &[&*salt, &profile, &[2]])
            }
            Outcome::Rows(_) | Outcome::Served => found.result_commitment,
        };
        let closed_at = self.core.now.max(self.terms.terms().opened_at);
        let receipt = Receipt {
            sid: self.core.sid,
            outcome: Receipt::COMPLETED,
            streams: self.core.wire.heads(),
            result_commitment,
            report_commitment: suite::hash(h::REPORT, &[&*salt]),
            handles_known: 0,
            handles_unknown: 0,
            ids_returned: 0,
            ids_suppressed: 0,
            ledger: self.reservation.entry().settle(0, 0, closed_at)?,
            closed_at,
        };
        let signature = receipt.sign(&self.core.identity.key)?;
        let message = SignedReceipt {
            receipt: receipt.clone(),
            signature,
        };
        out.send_control(&Control::Receipt(message))?;
        Ok(AdvertiserSession::ExpectReceipt(ExpectReceipt {
            core: self.core,
            receipt,
            outcome,
        }))
    }
}

impl From<Progress> for Phase {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Continue(lookup) => Self::LookUp(lookup),
            Progress::Finished(found) => Self::Found(found),
        }
    }
}

/// Waits for the provider's signature under the receipt.
#[derive(Debug)]
pub struct ExpectReceipt {
    core: Core,
    receipt: Receipt,
    outcome: Outcome,
}

impl ExpectReceipt {
    fn handle(mut self, input: Input, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(AdvertiserSession::ExpectReceipt(self))
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::ReceiptAck(ack), frame) => {
                    self.receipt
                        .verify(&self.core.peer_key, &ack.signature)
                        .map_err(|violation| {
                            let stream = StreamId::ControlProvider.code();
                            Error::peer(violation, stream, frame.header.index)
                        })?;
                    out.push(Output::Ledger(self.receipt.ledger));
                    out.push(Output::Finished(self.outcome));
                    Ok(AdvertiserSession::Closed)
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::ApiMisuse.into()),
        }
    }
}

fn rejected(why: TermsRejected) -> Error {
    match why {
        TermsRejected::Incompatible(why) => why.into(),
        TermsRejected::Refused(why) => why.into(),
    }
}

fn spill_tags(tags: &[(crate::oprf::MatchTag, u64)], out: &mut Outbox) {
    let mut records = Vec::with_capacity(tags.len().saturating_mul(17));
    for (tag, element) in tags {
        records.extend_from_slice(&tag.0);
        records.extend_from_slice(&element.to_be_bytes());
    }
    if !records.is_empty() {
        out.push(Output::Spill {
            run: RunName::OwnTags,
            records,
        });
    }
}

/// Seconds that terms are open for by default: a day.
const DEFAULT_LIFETIME_S: u64 = 86_400;
