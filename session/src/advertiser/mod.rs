//! The advertiser's states, in protocol order.
//!
//! Read from top to bottom this is the advertiser's half of a match: say hello with everything
//! committed, accept the provider's key and table, sign terms, blind, check every evaluation,
//! look up, sign the receipt. Each state is named after the input it waits for, and each file after
//! its state.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::order::{InSession, in_order};
use crate::state::{Agreed, OnWire, State, session};
use crate::wire::Wire;
use crate::{Input, Outbox, Output, Stage, VerifiedPeer};
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::commitment::InputRoot;
use protocol::error::{Error, Refusal};
use protocol::group::Encoded;
use protocol::ledger::LedgerHead;
use protocol::limits::Limits;
pub use protocol::manifest::{KnownKey, MetKey};
use protocol::message::{Control, HelloA, HelloP, Program, TableDescriptor};
use protocol::rows::{RowWidth, accept_shape};
use protocol::seed::{SessionKeys, SessionSeed, Stream};
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::MatchTerms;
use protocol::transcript::Role;

mod expect_hello;
mod expect_reservation;
mod expect_table;
mod expect_terms;
// Aligned order, then shuffled order.
mod expect_answers;
mod expect_evaluations;
mod expect_ids;
mod expect_receipt;

pub(crate) mod canary;

mod arranger;
mod blinder;
mod intake;
mod lookup;
mod tally;

pub use expect_answers::ExpectAnswers;
pub use expect_evaluations::ExpectEvaluations;
pub use expect_hello::ExpectHello;
pub use expect_ids::ExpectIds;
pub use expect_receipt::ExpectReceipt;
pub use expect_reservation::ExpectReservation;
pub use expect_table::ExpectTable;
pub use expect_terms::ExpectTerms;

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
    /// True if our operator says by name that a rate above the cap of the terms is meant.
    pub high_rate: bool,
    /// The table we hold from an earlier session, to skip its transfer.
    pub cached_table: Option<TableDescriptor>,
    /// Keys of this provider that terms of ours have spent.
    pub known_keys: Vec<MetKey>,
    /// Frames to have unanswered; at most [`protocol::limits::FRAMES_IN_FLIGHT_MAX`].
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

/// Next state, or the error that ends the session.
pub(crate) type Next = Result<AdvertiserSession, Error>;

session! { AdvertiserSession:
    ExpectHello(wire),
    ExpectReservation(core.wire),
    ExpectTerms(core.wire),
    ExpectTable(core.wire),
    ExpectEvaluations(core.wire),
    ExpectAnswers(core.wire),
    ExpectIds(core.wire),
    ExpectReceipt(core.wire),
}

impl AdvertiserSession {
    /// Opens a session: sends HELLO_A.
    ///
    /// The provider learns the padded size, the suite and profile, and sealed commitments.
    ///
    /// # Errors
    ///
    /// [`Refusal::SizeOutOfRange`] for an empty input or sample, one below `n_min` or above the
    /// limit, and [`Refusal::PurposeNotAllowed`] for a purpose that cannot be run. Ours to mend.
    pub fn open(config: AdvertiserConfig, out: &mut Outbox) -> Result<Self, Error> {
        // [G42]
        if config.drawn() < config.least_rows(config.terms.n_min.max(config.limits.n_min_floor)) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        if !config.terms.purpose.runs_as(config.profile) {
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
        let (key, peer) = (Arc::clone(&config.key), config.peer);
        let wire = Wire::new(Role::Advertiser, config.limits, key, peer);
        Ok(ExpectHello { config, wire, hello_a, elements }.into())
    }
}

impl AdvertiserConfig {
    /// Rows asked for in shuffled order: all, or the sample.
    pub(crate) fn drawn(&self) -> u64 {
        if self.sample_rows == 0 { self.input.rows } else { self.sample_rows }
    }

    /// Least rows of the input: a minimum of people would keep those in who are to leave [D-31].
    pub(crate) fn least_rows(&self, n_min: u32) -> u64 {
        if self.terms.purpose.removes() { 1 } else { n_min.into() }
    }

    /// Padded rows n̂; `None` for an input that no session may have.
    fn padded_rows(&self) -> Option<u64> {
        in_order!(self.profile.suite(), O => O::padded_rows(self))
    }
}

/// State of the advertiser alone, from HELLO_P on.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) keys: SessionKeys,
    /// The draw of the sample, if there is one and it has not begun.
    pub(crate) sample_stream: Option<Stream>,
    pub(crate) hello: HelloP,
    pub(crate) distinct: u64,
    /// Rows of the committed input.
    pub(crate) rows: u64,
    /// Rows asked for: all of them, or the sample.
    pub(crate) drawn: u64,
    pub(crate) frames_in_flight: u32,
    /// True if handles may be sent at a rate above the cap.
    pub(crate) high_rate: bool,
}

impl Asking {
    /// Tells if fewer rows were asked for than were committed.
    pub(crate) const fn is_sampled(&self) -> bool {
        self.drawn < self.rows
    }

    /// The provider's key of the session.
    pub(crate) const fn public_key(&self) -> Encoded {
        self.hello.manifest.body.public_key
    }
}

impl Agreed<Asking> {
    /// Goes on in the order of the profile's suite, once the table is here.
    fn start_match(self, out: &mut Outbox) -> Next {
        in_order!(self.profile.suite(), O => O::ask(self, out))
    }

    /// Has it noted, with the first answer, that the key is answered: from then on nobody may
    /// offer it for another run [K-12].
    fn note_answer(&self, frame: &RawFrame, out: &mut Outbox) -> Result<(), Error> {
        if frame.header.index == 0 {
            out.push(Output::KeyAnswered(self.own.hello.manifest.known_key()?));
        }
        Ok(())
    }
}
