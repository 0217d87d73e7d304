//! Skeleton of both parties' sessions: the state, the core of all states, and the close.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use crate::disclosure::{Outcome, Resolution};
use crate::spills::SpillChunk;
use crate::task::Computed;
use crate::wire::{Received, Wire};
use crate::{Input, Outbox, RowSlot, Stage};
use ::disclosure::noise::Noise;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::Reservation;
use protocol::message::{
    Control, HelloA, HelloP, ReceiptAck, Refuse, Released, SessionBlind, SignedReceipt, Terms,
    TermsAccept,
};
use protocol::rows::RowWidth;
use protocol::suite::{Profile, SuiteId};
use protocol::terms::SignedTerms;
use protocol::transcript::receipt::Receipt;

/// Next state, or the error that ends the session.
pub(crate) type Next<S> = Result<<S as State>::Session, Error>;

/// Reservation that is on disk, or the refusal of it and the seconds after which it may succeed.
pub(crate) type Reserved = Result<Reservation, (Refusal, u32)>;

/// Declares the control messages that states may accept: refused by each that does not list them.
macro_rules! messages {
    ($($kind:ident $name:ident($message:ty);)+) => {
        $(
            fn $name(self, _: $message, frame: RawFrame, _out: &mut Outbox) -> Next<Self> {
                Err(unexpected(&frame))
            }
        )+

        /// Hands a control message to whoever accepts it.
        fn control(mut self, message: Control, frame: RawFrame, out: &mut Outbox) -> Next<Self> {
            match message {
                $(Control::$kind(message) => self.$name(message, frame, out),)+
                Control::Checkpoint(checkpoint) if Self::STREAMS_OPEN => {
                    self.wire_mut().take_checkpoint(checkpoint)?;
                    self.advance(out)
                }
                Control::CheckpointAck(checkpoint) if Self::STREAMS_OPEN => {
                    self.wire_mut().take_acknowledgement(&checkpoint)?;
                    self.advance(out)
                }
                Control::Checkpoint(_) | Control::CheckpointAck(_) | Control::Abort(_) => {
                    Err(unexpected(&frame))
                }
            }
        }
    };
}

/// A state of a session.
///
/// A state lists what it accepts. Everything else is refused here: a frame as a breach of the
/// protocol by the peer, anything else as a defect of the driver.
pub(crate) trait State: OnWire + Sized + Into<Self::Session> {
    /// Session of the party whose state it is.
    type Session;

    /// True while bulk streams are open, so that checkpoints may come.
    const STREAMS_OPEN: bool = false;

    /// Stage of the session in this state.
    fn stage(&self) -> Stage;

    /// Tells if frames of a bulk stream may be read now.
    fn accepts(&self, _stream: StreamId) -> bool {
        false
    }

    messages! {
        HelloA hello_a(HelloA);
        HelloP hello_p(Box<HelloP>);
        Refuse refuse(Refuse);
        Terms terms(Terms);
        TermsAccept terms_accept(TermsAccept);
        Released released(Released);
        SessionBlind session_blind(SessionBlind);
        Receipt receipt(SignedReceipt);
        ReceiptAck receipt_ack(ReceiptAck);
    }

    /// Takes a frame of a bulk stream.
    fn bulk(&mut self, frame: RawFrame, _out: &mut Outbox) -> Result<(), Error> {
        Err(unexpected(&frame))
    }

    /// Takes identifiers of the committed input.
    fn rows(&mut self, _rows: Vec<RowSlot>, _out: &mut Outbox) -> Result<(), Error> {
        Err(Bug::misuse().into())
    }

    /// Notes that there are no further identifiers.
    fn end_of_rows(&mut self) -> Result<(), Error> {
        Err(Bug::misuse().into())
    }

    /// Takes the result of a task.
    fn computed(&mut self, _computed: Computed, _out: &mut Outbox) -> Result<(), Error> {
        Err(Bug::misuse().into())
    }

    /// Takes the next chunk of a spill.
    fn spilled(&mut self, _chunk: SpillChunk, _out: &mut Outbox) -> Result<(), Error> {
        Err(Bug::misuse().into())
    }

    /// Takes the reserve or the hold.
    fn reserved(self, _reserved: Reserved, _out: &mut Outbox) -> Next<Self> {
        Err(Bug::misuse().into())
    }

    /// Takes the facts about a batch of handles.
    fn resolved(self, _resolved: Resolution, _out: &mut Outbox) -> Next<Self> {
        Err(Bug::misuse().into())
    }

    /// Takes the operator's decision about a release.
    fn decided(self, _approved: bool, _out: &mut Outbox) -> Next<Self> {
        Err(Bug::misuse().into())
    }

    /// Goes on at the slot that was asked for.
    fn at_slot(self, _out: &mut Outbox) -> Next<Self> {
        Err(Bug::misuse().into())
    }

    /// Goes on as far as it can after something was taken.
    fn advance(self, _out: &mut Outbox) -> Next<Self> {
        Ok(self.into())
    }

    /// Advances by one input.
    fn handle(mut self, input: Input, out: &mut Outbox) -> Next<Self> {
        match input {
            Input::Frame(frame) => match self.wire_mut().receive(frame, out)? {
                Received::Control(message, frame) => return self.control(message, frame, out),
                Received::Bulk(frame) => self.bulk(frame, out)?,
            },
            Input::Rows(rows) => self.rows(rows, out)?,
            Input::EndOfRows => self.end_of_rows()?,
            Input::Computed(computed) => self.computed(computed, out)?,
            Input::Spilled(chunk) => self.spilled(chunk, out)?,
            Input::Reserved(reservation) => return self.reserved(Ok(reservation), out),
            Input::ReserveRefused { refusal, retry_after_s } => {
                return self.reserved(Err((refusal, retry_after_s)), out);
            }
            Input::Resolved(resolution) => return self.resolved(resolution, out),
            Input::Approved => return self.decided(true, out),
            Input::Declined => return self.decided(false, out),
            Input::Slot => return self.at_slot(out),
        }
        self.advance(out)
    }
}

/// Access to the wire, which every state holds.
pub(crate) trait OnWire {
    fn wire(&self) -> &Wire;
    fn wire_mut(&mut self) -> &mut Wire;
}

/// Declares the states of a session and where each holds its wire.
macro_rules! session {
    ($session:ident: $($state:ident($($wire:ident).+),)+) => {
        impl $session {
            /// Advances by one input at a Unix time.
            ///
            /// # Errors
            ///
            /// The session is over; see [`Error`] for who must act.
            pub fn handle(self, now: u64, input: Input, out: &mut Outbox) -> Result<Self, Error> {
                out.at(now);
                match self {
                    $(Self::$state(state) => state.handle(input, out),)+
                    Self::Closed => Err($crate::state::after_close(&input)),
                }
            }

            /// Tells if frames of a bulk stream may be read now.
            #[must_use]
            pub fn accepts(&self, stream: StreamId) -> bool {
                match self {
                    $(Self::$state(state) => state.accepts(stream),)+
                    Self::Closed => false,
                }
            }

            /// Session id, from its computation to the close.
            #[must_use]
            pub fn sid(&self) -> Option<&[u8; 32]> {
                match self {
                    $(Self::$state(state) => state.wire().sid(),)+
                    Self::Closed => None,
                }
            }

            /// Stage of the session, for deadlines, progress and diagnostics.
            #[must_use]
            pub fn stage(&self) -> Stage {
                match self {
                    $(Self::$state(state) => state.stage(),)+
                    Self::Closed => Stage::Closed,
                }
            }
        }

        $(
            impl From<$state> for $session {
                fn from(state: $state) -> Self {
                    Self::$state(state)
                }
            }

            impl $crate::state::OnWire for $state {
                fn wire(&self) -> &Wire {
                    &self.$($wire).+
                }

                fn wire_mut(&mut self) -> &mut Wire {
                    &mut self.$($wire).+
                }
            }
        )+
    };
}
pub(crate) use session;

/// Common part of all states from both HELLOs on; `P` is known to one party alone.
#[derive(Debug)]
pub(crate) struct Core<P> {
    pub(crate) wire: Wire,
    pub(crate) profile: Profile,
    /// Padded elements E, announced in HELLO_A.
    pub(crate) elements: u64,
    pub(crate) width: RowWidth,
    pub(crate) own: P,
}

impl<P> Core<P> {
    /// Padded rows n̂.
    pub(crate) const fn padded_rows(&self) -> u64 {
        self.elements / self.width.get() as u64
    }

    /// Elements of a full frame of BLIND or EVAL, which holds whole rows.
    pub(crate) const fn row_frame(&self) -> u32 {
        self.width.frame_elements(self.wire.limits())
    }
}

/// Core of a session whose terms both parties signed and whose evaluations are reserved.
#[derive(Debug)]
pub(crate) struct Agreed<P> {
    core: Core<P>,
    pub(crate) terms: SignedTerms,
    pub(crate) reservation: Reservation,
}

impl<P> Agreed<P> {
    pub(crate) const fn new(core: Core<P>, terms: SignedTerms, reservation: Reservation) -> Self {
        Self { core, terms, reservation }
    }

    /// Checks that the terms have not expired.
    pub(crate) const fn check_open(&self, out: &Outbox) -> Result<(), Refusal> {
        if out.now() >= self.terms.terms().expires_at {
            return Err(Refusal::TermsExpired);
        }
        Ok(())
    }

    /// Noise of the session's counts.
    pub(crate) fn noise(&self) -> Option<Noise> {
        Noise::of_terms(self.terms.terms())
    }

    /// Noise rows M, which EVAL holds beside the padded ones [E-07].
    pub(crate) fn noise_rows(&self) -> u64 {
        self.noise().map_or(0, |noise| noise.rows(self.width))
    }

    /// Elements of EVAL.
    pub(crate) fn answers(&self) -> Result<u64, Bug> {
        let mut answers = self.noise_rows().checked_mul(self.width.get().into());
        answers = answers.and_then(|noise| noise.checked_add(self.elements));
        answers.ok_or(Bug::invariant())
    }

    /// Opens BLIND and EVAL.
    pub(crate) fn open_exchange(&mut self) {
        let frame_elements = self.row_frame();
        self.wire.open(StreamId::Blind, frame_elements);
        self.wire.open(StreamId::Eval, frame_elements);
        if self.profile.suite() == SuiteId::Aligned {
            self.wire.answer_by_frame();
        }
    }

    /// Opens a bulk stream whose full frames have as many elements as the limits say.
    pub(crate) fn open(&mut self, stream: StreamId) {
        let frame_elements = self.wire.limits().frame_elements;
        self.wire.open(stream, frame_elements);
    }

    /// Receipt over everything that happened on the wire, and over how the session ends.
    pub(crate) fn receipt(
        &self,
        closing: &Closing,
        commitments: Commitments,
        closed_at: u64,
    ) -> Result<Receipt, Bug> {
        let handles = self.wire.elements(StreamId::Handles);
        let ids_returned = self.wire.elements(StreamId::Ids);
        Ok(Receipt {
            sid: *self.wire.bound()?,
            outcome: closing.code,
            streams: self.wire.heads(),
            result_commitment: commitments.result,
            report_commitment: commitments.report,
            handles_known: closing.handles_known,
            handles_unknown: closing.handles_unknown,
            ids_returned,
            release_head: closing.release_head,
            ledger: self.reservation.entry().settle(handles, ids_returned, closed_at)?,
            closed_at,
        })
    }
}

impl<P> Deref for Agreed<P> {
    type Target = Core<P>;

    fn deref(&self) -> &Core<P> {
        &self.core
    }
}

impl<P> DerefMut for Agreed<P> {
    fn deref_mut(&mut self) -> &mut Core<P> {
        &mut self.core
    }
}

/// Commitments that only the advertiser can open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commitments {
    pub(crate) result: [u8; 32],
    pub(crate) report: [u8; 32],
}

/// End of a session: the receipt's part of it, and the outcome for our own operator.
#[derive(Debug)]
pub(crate) struct Closing {
    /// [`Receipt::COMPLETED`] or [`Receipt::WITHHELD`].
    pub(crate) code: u16,
    pub(crate) handles_known: u64,
    pub(crate) handles_unknown: u32,
    pub(crate) release_head: [u8; 32],
    pub(crate) outcome: Outcome,
}

impl Closing {
    /// End of a session that is complete and released nothing for handles.
    pub(crate) const fn completed(outcome: Outcome) -> Self {
        let code = Receipt::COMPLETED;
        Self { code, handles_known: 0, handles_unknown: 0, release_head: [0; 32], outcome }
    }

    /// End of a session whose receipt says that its result stays withheld.
    pub(crate) fn withheld(outcome: Outcome) -> Self {
        Self { code: Receipt::WITHHELD, ..Self::completed(outcome) }
    }
}

/// Breach by a peer that may not send this message now.
pub(crate) fn unexpected(frame: &RawFrame) -> Error {
    // [G33]
    Error::peer(Violation::UnexpectedMessage, frame.header.stream.code(), frame.header.index)
}

/// Refuses whatever comes to a session that both parties closed.
pub(crate) fn after_close(input: &Input) -> Error {
    match input {
        Input::Frame(frame) => unexpected(frame),
        _ => Bug::misuse().into(),
    }
}
