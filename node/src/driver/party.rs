//! Both roles as the driver sees them: a session, and duties that the role alone has.
//!
//! A duty of one role does not exist for the other, so a call that it cannot serve does not
//! compile.

use ledger::evidence::SessionEvidence;
use protocol::digital_id::DigitalId;
use protocol::error::{Bug, Error};
use protocol::ledger::{LedgerEntry, Reservation};
use protocol::message::Control;
use session::advertiser::{AdvertiserSession, KnownKey};
use session::disclosure::{MatchCount, Outcome, Resolution};
use session::provider::ProviderSession;
use session::{Input, Outbox, Output, RowSlot, SpillName, Stage};
use std::path::Path;

use ledger::LedgerError;
use protocol::codec::{RawFrame, StreamId};
use store::spill::{FixedSorted, SpillStore};

use super::{ChargeError, DriveError, Shown};
use crate::failure::Failure;

/// Duties of either party, beside the wire.
pub trait Duties: Send {
    /// The next frame of the table: the prepared one (provider) or the received one (advertiser).
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn table_frame(&mut self, session: &Path) -> Result<RawFrame, Failure>;

    /// Writes the hold or the reserve, with the messages it follows from, and that the key of the
    /// session is spent; has all of it on disk.
    ///
    /// # Errors
    ///
    /// [`ChargeError`], by policy or of storage.
    fn reserve(
        &mut self,
        entry: &LedgerEntry,
        opening: &SessionEvidence,
    ) -> Result<Reservation, ChargeError>;

    /// Writes an entry that joined the chain, with the frame that carried the peer's signature, and
    /// has both on disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    fn ledger(&mut self, entry: &LedgerEntry, evidence: &RawFrame) -> Result<(), LedgerError>;
}

/// Duties of an advertiser.
pub trait AdvertiserDuties: Duties {
    /// At most so many further identifiers of the committed input; empty at its end.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn rows(&mut self, identifiers_max: usize) -> Result<Vec<RowSlot>, Failure>;

    /// True if the answer to the question that these terms ask of what a provider shows is kept, so
    /// that there is nothing to ask.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn knows_answer(&mut self, terms: &RawFrame, shown: &Shown) -> Result<bool, Failure>;

    /// Writes that an answer under a key is here, and has it on disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    fn key_answered(&mut self, key: &KnownKey) -> Result<(), LedgerError>;

    /// Asks the operator for the release, and has on disk what has to be remembered of one that is
    /// approved.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn approve(&mut self, count: &MatchCount) -> Result<bool, Failure>;

    /// Keeps the result of a session with the records in its spills, and has both on disk.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn keep_result(&mut self, outcome: &Outcome, spills: &mut SpillStore) -> Result<(), Failure>;

    /// Keeps our receipt before it leaves, and has it on disk.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    fn receipt(&mut self, sid: &[u8; 32], receipt: &RawFrame) -> Result<(), LedgerError>;
}

/// Duties of a provider.
pub trait ProviderDuties: Duties {
    /// Hears of the key that the session offers.
    fn offered(&mut self, key: &KnownKey);

    /// Counts an opening of this partner, and has it on disk.
    ///
    /// # Errors
    ///
    /// [`ChargeError`], by policy or of storage.
    fn count_opening(&mut self) -> Result<(), ChargeError>;

    /// Looks up a batch of handles of 16 bytes, in increasing order.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn resolve(&mut self, handles: FixedSorted) -> Result<Resolution, Failure>;

    /// Writes that the records behind the handles are released in this session, and has it on
    /// disk.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn record_release(&mut self) -> Result<(), Failure>;

    /// The next digital IDs of these records, strictly increasing, and true if they are the last.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn digital_ids(&mut self) -> Result<(Vec<DigitalId>, bool), Failure>;
}

/// A role: its session, its duties, and the outputs that only its session has.
pub trait Party {
    /// The session.
    type Session: Send;
    /// The duties.
    type Duties<'d>: Duties + ?Sized + 'd;

    /// Advances the session by one input.
    ///
    /// # Errors
    ///
    /// [`Error`]; the session is over.
    fn handle(
        session: Self::Session,
        now: u64,
        input: Input,
        out: &mut Outbox,
    ) -> Result<Self::Session, Error>;

    /// A session that accepts nothing more.
    fn closed() -> Self::Session;

    /// True if frames of a bulk stream may be read now.
    fn accepts(session: &Self::Session, stream: StreamId) -> bool;

    /// The stage of the session.
    fn stage(session: &Self::Session) -> Stage;

    /// Carries out an output that only this role has, and gives the input it leads to.
    ///
    /// # Errors
    ///
    /// [`DriveError`] of the duty; a defect for an output of the other role.
    fn serve<'d>(
        output: Output,
        duties: &mut Self::Duties<'d>,
        spills: &mut SpillStore,
    ) -> Result<Option<Input>, DriveError>;

    /// The next digital IDs for the session.
    ///
    /// # Errors
    ///
    /// [`DriveError`] of the duty; a defect where the role gives none.
    fn digital_ids<'d>(duties: &mut Self::Duties<'d>)
    -> Result<(Vec<DigitalId>, bool), DriveError>;

    /// True if the question of these terms needs no answer any more.
    ///
    /// # Errors
    ///
    /// [`Failure`] of the party's data.
    fn knows_answer<'d>(
        duties: &mut Self::Duties<'d>,
        terms: &RawFrame,
        shown: &Shown,
    ) -> Result<bool, Failure>;

    /// Hears of the key in a HELLO_P that goes by.
    fn offered<'d>(duties: &mut Self::Duties<'d>, key: &KnownKey);

    /// Keeps a frame that may be lost on its way, before it leaves.
    ///
    /// # Errors
    ///
    /// [`LedgerError`].
    fn leaving<'d>(
        duties: &mut Self::Duties<'d>,
        sid: Option<&[u8; 32]>,
        frame: &RawFrame,
    ) -> Result<(), LedgerError>;
}

/// The advertiser.
#[derive(Debug)]
pub enum Advertiser {}

/// The provider.
#[derive(Debug)]
pub enum Provider {}

impl Party for Advertiser {
    type Session = AdvertiserSession;
    type Duties<'d> = dyn AdvertiserDuties + 'd;

    fn handle(
        session: AdvertiserSession,
        now: u64,
        input: Input,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        session.handle(now, input, out)
    }

    fn closed() -> AdvertiserSession {
        AdvertiserSession::Closed
    }

    fn accepts(session: &AdvertiserSession, stream: StreamId) -> bool {
        session.accepts(stream)
    }

    fn stage(session: &AdvertiserSession) -> Stage {
        session.stage()
    }

    fn serve<'d>(
        output: Output,
        duties: &mut Self::Duties<'d>,
        spills: &mut SpillStore,
    ) -> Result<Option<Input>, DriveError> {
        Ok(match output {
            Output::WantRows { identifiers_max } => {
                let rows = duties.rows(identifiers_max)?;
                Some(if rows.is_empty() { Input::EndOfRows } else { Input::Rows(rows) })
            }
            Output::KeyAnswered(key) => {
                duties.key_answered(&key)?;
                None
            }
            Output::WantApproval { count } => {
                Some(if duties.approve(&count)? { Input::Approved } else { Input::Declined })
            }
            Output::KeepResult(outcome) => {
                duties.keep_result(&outcome, spills)?;
                None
            }
            _ => return Err(Error::from(Bug::invariant()).into()),
        })
    }

    fn digital_ids<'d>(
        _duties: &mut Self::Duties<'d>,
    ) -> Result<(Vec<DigitalId>, bool), DriveError> {
        Err(Error::from(Bug::invariant()).into())
    }

    fn knows_answer<'d>(
        duties: &mut Self::Duties<'d>,
        terms: &RawFrame,
        shown: &Shown,
    ) -> Result<bool, Failure> {
        duties.knows_answer(terms, shown)
    }

    fn offered<'d>(_duties: &mut Self::Duties<'d>, _key: &KnownKey) {}

    /// Has the receipt kept in the ledger too before it leaves: its answer may be lost.
    fn leaving<'d>(
        duties: &mut Self::Duties<'d>,
        sid: Option<&[u8; 32]>,
        frame: &RawFrame,
    ) -> Result<(), LedgerError> {
        let control = frame.header.stream == StreamId::ControlAdvertiser;
        match (control, sid, Control::decode(frame)) {
            (true, Some(sid), Ok(Control::Receipt(_))) => duties.receipt(sid, frame),
            _ => Ok(()),
        }
    }
}

impl Party for Provider {
    type Session = ProviderSession;
    type Duties<'d> = dyn ProviderDuties + 'd;

    fn handle(
        session: ProviderSession,
        now: u64,
        input: Input,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        session.handle(now, input, out)
    }

    fn closed() -> ProviderSession {
        ProviderSession::Closed
    }

    fn accepts(session: &ProviderSession, stream: StreamId) -> bool {
        session.accepts(stream)
    }

    fn stage(session: &ProviderSession) -> Stage {
        session.stage()
    }

    fn serve<'d>(
        output: Output,
        duties: &mut Self::Duties<'d>,
        spills: &mut SpillStore,
    ) -> Result<Option<Input>, DriveError> {
        Ok(match output {
            Output::Opening => {
                duties.count_opening()?;
                None
            }
            Output::Resolve => {
                let handles = spills.take(SpillName::Handles)?;
                Some(Input::Resolved(duties.resolve(handles)?))
            }
            Output::RecordRelease => {
                duties.record_release()?;
                None
            }
            _ => return Err(Error::from(Bug::invariant()).into()),
        })
    }

    fn digital_ids<'d>(
        duties: &mut Self::Duties<'d>,
    ) -> Result<(Vec<DigitalId>, bool), DriveError> {
        Ok(duties.digital_ids()?)
    }

    fn knows_answer<'d>(
        _duties: &mut Self::Duties<'d>,
        _terms: &RawFrame,
        _shown: &Shown,
    ) -> Result<bool, Failure> {
        Ok(false)
    }

    fn offered<'d>(duties: &mut Self::Duties<'d>, key: &KnownKey) {
        duties.offered(key);
    }

    fn leaving<'d>(
        _duties: &mut Self::Duties<'d>,
        _sid: Option<&[u8; 32]>,
        _frame: &RawFrame,
    ) -> Result<(), LedgerError> {
        Ok(())
    }
}
