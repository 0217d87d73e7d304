//! The advertiser's states, in protocol order.
//!
//! Read from top to bottom this is the advertiser's half of a match: say hello with everything
//! committed, accept the provider's key and table, sign terms, blind, check every evaluation,
//! look up, sign the receipt. What each state waits for is its name.

use alloc::sync::Arc;
use alloc::vec::Vec;

pub use crate::close::ExpectReceipt;
pub use crate::delivery::ExpectIds;
pub use crate::evaluations::ExpectEvaluations;
use crate::evaluations::Phase;
pub use crate::shuffled::ExpectAnswers;
use crate::wire::{Identity, Received, Wire, refused_by_peer};
use crate::{Input, Outbox, Output, VerifiedPeer, hello, unexpected};
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::commitment::InputRoot;
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::{LedgerEntry, LedgerHead, Reservation};
use protocol::limits::{
    AUDIT_WINDOW_S_DEFAULT, FRAMES_IN_FLIGHT_MAX, Limits, TERMS_LIFETIME_S_MAX,
};
pub use protocol::manifest::{KnownKey, MetKey};
use protocol::message::{
    Control, HelloA, HelloP, Program, SessionBinding, TableDescriptor, Terms, TermsAccept,
};
use protocol::rows::{RowWidth, accept_shape};
use protocol::seed::{SessionKeys, SessionSeed, Stream};
use protocol::suite::{PROTOCOL_VERSION, Profile, SuiteId};
use protocol::table::TableReader;
use protocol::terms::{self, MatchTerms, SignedTerms, TermsRejected};
use protocol::transcript::Role;

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
    /// Slots of a row in shuffled order, at least as many as the widest row of the input has;
    /// one in aligned order.
    pub row_width: RowWidth,
    /// Rows to draw for a `match-rate` forecast; 0 asks for all.
    pub sample_rows: u64,
    /// Rows in which the input differs from the most similar one that was committed for this
    /// provider in the audit window, if any differs at all.
    pub nearest_input: Option<u64>,
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
    /// The table we hold from an earlier session, to skip its transfer.
    pub cached_table: Option<TableDescriptor>,
    /// Keys of this provider that terms of ours have spent.
    pub known_keys: Vec<MetKey>,
    /// Frames to have unanswered; at most [`FRAMES_IN_FLIGHT_MAX`].
    pub frames_in_flight: u32,
    /// Our program, as HELLO_A states it.
    pub program: Program,
    /// Unix time.
    pub now: u64,
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
    /// Blinded rows go out, then answers come back in an order of their own.
    ExpectAnswers(ExpectAnswers),
    /// Handles go out; digital IDs come back.
    ExpectIds(ExpectIds),
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
    /// [`Refusal::SizeOutOfRange`] for an empty input or sample, one below `n_min` or above the
    /// limit, [`Refusal::DeltaTooSmall`] for one too close to an earlier input, and
    /// [`Refusal::PurposeNotAllowed`] for a purpose that cannot be run. Ours to mend.
    pub fn open(config: AdvertiserConfig, out: &mut Outbox) -> Result<Self, Error> {
        // [G42]
        if config.drawn() < u64::from(config.terms.n_min.max(config.limits.n_min_floor)) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        config.differs_enough(config.terms.group_min.max(config.limits.group_min_floor))?;
        if !config.terms.purpose.is_runnable() {
            return Err(Refusal::PurposeNotAllowed.into());
        }
        let hello = HelloA {
            protocol_min: PROTOCOL_VERSION,
            protocol_max: PROTOCOL_VERSION,
            suite: config.profile.suite().code(),
            profile: config.profile.code(),
            row_width: config.row_width.get(),
            row_slots: config.padded_rows().ok_or(Refusal::SizeOutOfRange)?,
            sample_rows: config.sample_rows,
            attestation_key: config.key.public(),
            seed_commitment: config.seed.commitment(),
            input_commitment: config.input.seal(&config.seed.input_salt()),
            rules_digest: config.rules_digest,
            suppression_epoch: config.suppression_epoch,
            ledger_head: config.ledger.hash,
            sent_at: config.now,
            program: config.program.with_limits(&config.limits),
            signature: Signature::NONE,
        }
        .signed(&config.key, &config.peer.channel().exporter)?;
        out.at(config.now);
        accept_shape(config.profile, &hello, &config.limits)?;
        let elements = hello.elements().ok_or(Refusal::SizeOutOfRange)?;
        let hello_a = out.send_control(&Control::HelloA(hello))?;
        let wire = Wire::new(Role::Advertiser, config.limits, &config.peer);
        let now = config.now;
        Ok(Self::ExpectHello(ExpectHello { config, wire, hello_a, elements, now }))
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
            Self::ExpectReservation(state) => state.handle(input, out),
            Self::ExpectTerms(state) => state.handle(input, out),
            Self::ExpectTable(state) => state.handle(input, out),
            Self::ExpectEvaluations(state) => state.handle(input, out),
            Self::ExpectAnswers(state) => state.handle(input, out),
            Self::ExpectIds(state) => state.handle(input, out),
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
            (Self::ExpectTable(_), StreamId::Table) => true,
            (Self::ExpectEvaluations(state), StreamId::Eval) => {
                state.finalizing < state.core.frames_in_flight
            }
            (Self::ExpectAnswers(state), StreamId::Eval) => state.accepts_answers(),
            (Self::ExpectIds(state), StreamId::Ids) => state.accepts_ids(),
            _ => false,
        }
    }

    /// The session id, once it is computed and until the close.
    #[must_use]
    pub const fn sid(&self) -> Option<&[u8; 32]> {
        match self {
            Self::ExpectHello(_) | Self::Closed => None,
            Self::ExpectReservation(state) => Some(&state.core.sid),
            Self::ExpectTerms(state) => Some(&state.core.sid),
            Self::ExpectTable(state) => Some(&state.core.sid),
            Self::ExpectEvaluations(state) => Some(&state.core.sid),
            Self::ExpectAnswers(state) => Some(&state.core.sid),
            Self::ExpectIds(state) => Some(&state.core.sid),
            Self::ExpectReceipt(state) => Some(&state.core.sid),
        }
    }

    /// Name of the state, for progress and diagnostics.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self {
            Self::ExpectHello(_) => "hello",
            Self::ExpectReservation(_) | Self::ExpectTerms(_) => "terms",
            Self::ExpectTable(_) => "table",
            Self::ExpectEvaluations(state) => match state.phase {
                Phase::Exchange => "match",
                _ => "look-up",
            },
            Self::ExpectAnswers(state) => state.stage(),
            Self::ExpectIds(state) => state.stage(),
            Self::ExpectReceipt(_) => "receipt",
            Self::Closed => "closed",
        }
    }
}

impl AdvertiserConfig {
    /// Rows asked for in shuffled order: all, or the sample.
    fn drawn(&self) -> u64 {
        if self.sample_rows == 0 { self.input.rows } else { self.sample_rows }
    }

    /// Padded rows n̂, which in aligned order are padded identifiers; `None` for what no session
    /// may have.
    fn padded_rows(&self) -> Option<u64> {
        match self.profile.suite() {
            SuiteId::Aligned => self.limits.padded(self.distinct),
            SuiteId::Shuffled if self.sample_rows >= self.input.rows => None,
            SuiteId::Shuffled => RowWidth::padded_rows(self.drawn(), &self.limits),
        }
    }

    /// A result of few changed rows is theirs alone: only `matched-rows`, which is about rows
    /// anyway, may run on an input this close to an earlier one [D-14].
    fn differs_enough(&self, group_min: u32) -> Result<(), Refusal> {
        let near = self.nearest_input.is_some_and(|rows| rows > 0 && rows < u64::from(group_min));
        // [G44]
        if near && self.profile != Profile::MatchedRows {
            return Err(Refusal::DeltaTooSmall);
        }
        Ok(())
    }
}

/// Waits for the provider's nonce, key, table and offer.
#[derive(Debug)]
pub struct ExpectHello {
    config: AdvertiserConfig,
    wire: Wire,
    hello_a: RawFrame,
    /// Padded elements E.
    elements: u64,
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
                Received::Control(Control::Refuse(refuse), _) => {
                    Err(refused_by_peer(&refuse, self.now))
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }

    /// Judges HELLO_P, computes the sid, and asks for a hold of the evaluations.
    fn accept(
        self,
        hello: HelloP,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        hello::accept_provider(&self.config, &hello, self.elements, self.now)?;
        let config = self.config;
        let lifetime = TERMS_LIFETIME_S_MAX.min(DEFAULT_LIFETIME_S);
        let (offered, valid) = (hello.offer.expires_at, hello.manifest.body.not_after);
        let expires_at = self.now.saturating_add(lifetime).min(offered).min(valid);
        let cached = config.cached_table == Some(hello.table);
        let drawn = config.drawn();
        let handles_max = config.terms.handles_max.min(config.padded_rows().unwrap_or(0));
        let terms = MatchTerms {
            handles_max,
            phone_evaluations_max: config.terms.phone_evaluations_max.min(self.elements),
            n_min: config.terms.n_min.max(hello.offer.n_min),
            k_min: config.terms.k_min.max(hello.offer.k_min),
            group_min: config.terms.group_min.max(hello.offer.group_min),
            table_delivery: u8::from(!cached),
            opened_at: self.now,
            expires_at,
            audit_until: expires_at.saturating_add(AUDIT_WINDOW_S_DEFAULT),
            ..config.terms.clone()
        };
        if drawn < u64::from(terms.n_min) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        config.differs_enough(terms.group_min)?;
        terms.check(config.profile, &hello.offer, &config.limits, self.now).map_err(rejected)?;
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
            LedgerEntry::reserve(&config.ledger, &sid, config.profile, &terms, self.elements)?;
        let signature = terms::sign_sid(&config.key, &sid);
        let message = Terms { terms: terms.clone(), sid, signature };
        // Encoded here because the hold keeps the very bytes that will be sent.
        let planned = Control::Terms(message.clone()).encode(StreamId::ControlAdvertiser, 1)?;
        out.push(Output::Reserve { entry: entry.clone(), terms: planned });
        let core = Core {
            identity: Identity { key: config.key, peer: config.peer },
            peer_key: hello.attestation_key,
            wire: self.wire,
            sid,
            keys: config.seed.session_keys(&sid),
            sample_stream: (config.sample_rows > 0)
                .then(|| config.seed.sample_stream(&hello.nonce)),
            hello,
            elements: self.elements,
            width: config.row_width,
            distinct: config.distinct,
            rows: config.input.rows,
            drawn,
            profile: config.profile,
            frames_in_flight: config.frames_in_flight.clamp(1, FRAMES_IN_FLIGHT_MAX),
            ruleset: terms.ruleset,
            kinds: terms.kinds,
            now: self.now,
        };
        Ok(AdvertiserSession::ExpectReservation(ExpectReservation { core, message, entry }))
    }
}

/// What every state after HELLO_P holds.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) identity: Identity,
    pub(crate) peer_key: [u8; 32],
    pub(crate) wire: Wire,
    pub(crate) sid: [u8; 32],
    pub(crate) keys: SessionKeys,
    /// The draw of the sample, if there is one and it has not begun.
    pub(crate) sample_stream: Option<Stream>,
    pub(crate) hello: HelloP,
    /// Padded elements E.
    pub(crate) elements: u64,
    pub(crate) width: RowWidth,
    pub(crate) distinct: u64,
    /// Rows of the committed input.
    pub(crate) rows: u64,
    /// Rows asked for: all of them, or the sample.
    pub(crate) drawn: u64,
    pub(crate) profile: Profile,
    pub(crate) frames_in_flight: u32,
    pub(crate) ruleset: u8,
    pub(crate) kinds: Vec<u8>,
    pub(crate) now: u64,
}

impl Core {
    /// Padded rows n̂.
    pub(crate) const fn padded_rows(&self) -> u64 {
        self.elements / self.width.get() as u64
    }

    /// Whether fewer rows were asked for than were committed.
    pub(crate) const fn is_sampled(&self) -> bool {
        self.drawn < self.rows
    }

    /// The table is here: goes on in the order of the profile's suite.
    fn start_match(
        self,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        match self.profile.suite() {
            SuiteId::Aligned => ExpectEvaluations::start(self, terms, reservation, out),
            SuiteId::Shuffled => ExpectAnswers::start(self, terms, reservation, out),
        }
    }

    /// Has it noted, with the first answer, that the key is answered: from then on nobody may
    /// offer it for another run [K-12].
    pub(crate) fn note_answer(&self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        if frame.header.index == 0 {
            out.push(Output::KeyAnswered(self.hello.manifest.known_key()?));
        }
        Ok(())
    }

    pub(crate) fn send_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<(), Error> {
        self.wire.send_checkpoint(stream, &self.identity.key, &self.sid, out)
    }

    /// Takes CHECKPOINT and CHECKPOINT_ACK, which may come whenever streams are open.
    pub(crate) fn take_control(&mut self, control: Control, frame: &RawFrame) -> Result<(), Error> {
        match control {
            Control::Checkpoint(checkpoint) => self.wire.take_checkpoint(checkpoint),
            Control::CheckpointAck(checkpoint) => {
                self.wire.take_acknowledgement(&checkpoint, &self.peer_key, &self.sid)
            }
            _ => Err(unexpected(frame)),
        }
    }

    pub(crate) fn settle_checkpoint(
        &mut self,
        stream: StreamId,
        out: &mut Outbox,
    ) -> Result<bool, Error> {
        let key = &self.identity.key;
        self.wire.settle_checkpoint(stream, &self.peer_key, key, &self.sid, out)
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
            _ => Err(Bug::misuse().into()),
        }
    }
}

/// Waits for the provider's signature under the terms.
#[derive(Debug)]
pub struct ExpectTerms {
    core: Core,
    terms: MatchTerms,
    signature: Signature,
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
                Received::Control(Control::Refuse(refuse), _) => {
                    Err(refused_by_peer(&refuse, self.core.now))
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }

    fn accept(
        self,
        accept: &TermsAccept,
        frame: &RawFrame,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let Self { mut core, terms, signature, reservation } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlProvider.code(), frame.header.index)
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
        let entry = reservation.entry().clone();
        out.push(Output::Ledger { entry, evidence: frame.clone() });
        let frame_elements = core.wire.limits().frame_elements;
        if signed.terms().table_delivery == 0 {
            return core.start_match(signed, reservation, out);
        }
        core.wire.open(StreamId::Table, frame_elements);
        let table = TableReader::new(&core.hello.table);
        Ok(AdvertiserSession::ExpectTable(ExpectTable { core, terms: signed, reservation, table }))
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
            _ => return Err(Bug::misuse().into()),
        }
        let table = StreamId::Table;
        let root = self.core.wire.head(table).map(|head| head.root);
        // Before its checkpoint is signed: our signature never stands under another table.
        if self.core.wire.is_complete(table) && root != Some(self.core.hello.table.root) {
            return Err(Error::peer(Violation::TableRootMismatch, table.code(), 0));
        }
        if !self.core.settle_checkpoint(table, out)? {
            return Ok(AdvertiserSession::ExpectTable(self));
        }
        self.core.start_match(self.terms, self.reservation, out)
    }
}

pub(crate) fn rejected(why: TermsRejected) -> Error {
    match why {
        TermsRejected::Incompatible(why) => why.into(),
        TermsRejected::Refused(why) => why.into(),
        TermsRejected::Clocks(clocks) => Error::ClocksDiffer { clocks, by_peer: false },
    }
}

/// Seconds that terms are open for by default: a day.
const DEFAULT_LIFETIME_S: u64 = 86_400;
