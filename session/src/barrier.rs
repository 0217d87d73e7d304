//! The provider's longest state, shuffled order: table out, rows in, nothing out before the last.
//!
//! Rows are evaluated as they come, which uses the time the advertiser needs to blind the next
//! ones; what comes out of it waits, sorted, outside memory. Only when every row is here and both
//! sides have signed the head of BLIND does the first answer leave [M-43]: an answer before the
//! barrier would let the advertiser choose its rows by the answers to others.

use alloc::sync::Arc;

use zeroize::Zeroizing;

use crate::handles::ExpectHandles;
use crate::merge::{Framer, RowsChanged, SortedRows};
use crate::provider::{Closing, Core, ExpectReceipt, MatchKey, ProviderSession};
use crate::row_task::RowsDone;
use crate::task::{Done, EvaluateRowsTask};
use crate::wire::Received;
use crate::{Input, Outbox, Output, RunContent, RunName, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::Reservation;
use protocol::rows::RowOrder;
use protocol::terms::SignedTerms;

/// Sends the table, takes every blinded row, then answers with all rows in an order of their own.
///
/// Holds no row; sends no answer before the last row has come and its stream is signed by both.
/// Leaves to [`ExpectReceipt`], or to [`ExpectHandles`] in the profiles that have handles.
#[derive(Debug)]
pub struct ExpectRows {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    order: RowOrder,
    /// Frames being evaluated.
    pending: u32,
    /// Rows given to the driver.
    spilled: u64,
    answers: Option<Answers>,
}

/// The answers on their way out.
#[derive(Debug)]
struct Answers {
    rows: SortedRows,
    framer: Framer,
}

impl ExpectRows {
    pub(crate) fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let frame_elements = core.width.frame_elements(core.wire.limits());
        core.start_table(&terms, out);
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        let order = RowOrder::new(core.width);
        Ok(ProviderSession::ExpectRows(Self {
            core,
            terms,
            reservation,
            order,
            pending: 0,
            spilled: 0,
            answers: None,
        }))
    }

    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        match input {
            Input::Time(now) => self.core.now = now,
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(control, frame) => self.core.take_control(control, &frame)?,
                Received::Bulk(frame) => self.take_rows(frame, out)?,
            },
            Input::Run(chunk) => match (chunk.run, chunk.content) {
                (RunName::Table, RunContent::Frame(frame)) if !self.table_sent() => {
                    self.core.send_table(frame, out)?;
                }
                (run, RunContent::Records(rows)) if run == self.run() => {
                    self.answer(&rows, chunk.last, out)?;
                }
                _ => return Err(Bug::misuse().into()),
            },
            Input::Computed(computed) => match computed.0? {
                Done::RowsEvaluated(rows) => self.keep(&rows, out),
                _ => return Err(Bug::misuse().into()),
            },
            _ => return Err(Bug::misuse().into()),
        }
        self.advance(out)
    }

    fn run(&self) -> RunName {
        RunName::EvaluatedRows(self.core.width)
    }

    fn take_rows(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        self.core.admit_blinds(&frame, &self.terms)?;
        self.order.check(frame.encodings()).map_err(at)?;
        let MatchKey::Shuffled(key) = &self.core.prepared.key else {
            return Err(Bug::invariant().into());
        };
        let (key, width) = (Arc::clone(key), self.core.width);
        self.pending = self.pending.saturating_add(1);
        let task = EvaluateRowsTask { blinded: frame, width, key };
        out.push(Output::Compute(Task::EvaluateRows(task)));
        Ok(())
    }

    fn keep(&mut self, rows: &RowsDone, out: &mut Outbox) {
        self.pending = self.pending.saturating_sub(1);
        let count = rows.encodings.len() / self.core.width.slots();
        self.spilled = self.spilled.saturating_add(count as u64);
        let records = Zeroizing::new(rows.encodings.as_flattened().to_vec());
        out.push(Output::Spill { run: self.run(), records });
    }

    fn table_sent(&self) -> bool {
        self.core.table_sent(&self.terms)
    }

    /// Whether a further frame may be read now.
    pub(crate) fn accepts_blinds(&self) -> bool {
        self.table_sent() && self.pending < self.core.frames_pending_max
    }

    pub(crate) fn stage(&self) -> &'static str {
        match (self.table_sent(), self.core.wire.elements(StreamId::Blind)) {
            (false, _) => "table",
            // The advertiser blinds every row before the first one leaves.
            (true, 0) => "rows",
            (true, _) => "match",
        }
    }

    /// Sends the next answers, in the order that follows from them alone.
    fn answer(&mut self, rows: &[u8], last: bool, out: &mut Outbox) -> Result<(), Error> {
        if self.core.now >= self.terms.terms().expires_at {
            return Err(Refusal::TermsExpired.into());
        }
        let run = self.run();
        let answers = self.answers.as_mut().ok_or(Bug::misuse())?;
        answers.rows.take(rows, last).map_err(|changed| match changed {
            // Evaluation keeps elements apart: what is twice here was twice in BLIND.
            RowsChanged::Repeated => {
                Error::peer(Violation::OrderNotStrict, StreamId::Blind.code(), 0)
            }
            RowsChanged::Storage(bug) => bug.into(),
        })?;
        let wire = &mut self.core.wire;
        answers.framer.push(rows, last, |frame| wire.send_bulk(frame, out))?;
        if last {
            return self.core.send_checkpoint(StreamId::Eval, out);
        }
        out.push(Output::WantRun(run));
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Result<ProviderSession, Error> {
        if self.pending == 0 {
            self.core.settle_checkpoint(StreamId::Blind, out)?;
        }
        let wire = &self.core.wire;
        let barrier = wire.is_settled(StreamId::Blind) && wire.all_settled();
        if barrier && self.answers.is_none() {
            let frame_elements = self.core.width.frame_elements(self.core.wire.limits());
            self.answers = Some(Answers {
                rows: SortedRows::new(self.core.width, self.spilled),
                framer: Framer::new(StreamId::Eval, 32, frame_elements),
            });
            out.push(Output::WantRun(self.run()));
        }
        if !self.core.wire.is_complete(StreamId::Eval) {
            return Ok(ProviderSession::ExpectRows(self));
        }
        let Self { core, terms, reservation, .. } = self;
        if core.profile.sends_handles() {
            return Ok(ProviderSession::ExpectHandles(ExpectHandles::new(
                core,
                terms,
                reservation,
            )));
        }
        let closing = Closing::served();
        Ok(ProviderSession::ExpectReceipt(ExpectReceipt { core, terms, reservation, closing }))
    }
}
