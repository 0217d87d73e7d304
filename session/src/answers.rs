//! The provider's longest state, aligned order: table out, then frame by frame evaluated and
//! proved, in the order in which they were asked.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;

use crate::provider::{Closing, Core, ExpectReceipt, MatchKey, ProviderSession};
use crate::task::{Done, EvaluateTask, EvaluatedFrame};
use crate::wire::Received;
use crate::{Input, Outbox, Output, RunContent, RunName, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};
use protocol::ledger::Reservation;
use protocol::terms::SignedTerms;

/// Sends the table, then evaluates and proves each blinded frame.
///
/// Holds no state per frame but its place in the order of answers. Leaves to [`ExpectReceipt`] when
/// every announced element is answered.
#[derive(Debug)]
pub struct ExpectBlinds {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    /// Frames being evaluated.
    pending: u32,
    ready: BTreeMap<u32, EvaluatedFrame>,
    next_to_send: u32,
}

impl ExpectBlinds {
    pub(crate) fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<ProviderSession, Error> {
        let frame_elements = core.wire.limits().frame_elements;
        core.start_table(&terms, out);
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        Ok(ProviderSession::ExpectBlinds(Self {
            core,
            terms,
            reservation,
            pending: 0,
            ready: BTreeMap::new(),
            next_to_send: 0,
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
                Received::Bulk(frame) => self.take_blinds(frame, out)?,
            },
            Input::Run(chunk) => match (chunk.run, chunk.content) {
                (RunName::Table, RunContent::Frame(frame)) if !self.table_sent() => {
                    self.core.send_table(frame, out)?;
                }
                _ => return Err(Bug::misuse().into()),
            },
            Input::Computed(computed) => match computed.0? {
                Done::Evaluated(frame) => {
                    self.pending = self.pending.saturating_sub(1);
                    self.ready.insert(frame.frame, frame);
                }
                _ => return Err(Bug::misuse().into()),
            },
            _ => return Err(Bug::misuse().into()),
        }
        self.advance(out)
    }

    fn take_blinds(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        self.core.admit_blinds(&frame, &self.terms)?;
        self.pending = self.pending.saturating_add(1);
        let MatchKey::Aligned(key) = &self.core.prepared.key else {
            return Err(Bug::invariant().into());
        };
        let key = Arc::clone(key);
        let task = EvaluateTask { blinded: frame, key, sid: self.core.sid };
        out.push(Output::Compute(Task::Evaluate(task)));
        Ok(())
    }

    fn table_sent(&self) -> bool {
        self.core.table_sent(&self.terms)
    }

    /// Whether a further frame may be read now.
    pub(crate) fn accepts_blinds(&self) -> bool {
        self.table_sent() && self.unanswered() < self.core.frames_pending_max
    }

    pub(crate) fn stage(&self) -> &'static str {
        if self.table_sent() { "match" } else { "table" }
    }

    /// Frames that wait for their evaluation, or for their turn to be answered.
    fn unanswered(&self) -> u32 {
        let ready = u32::try_from(self.ready.len()).unwrap_or(u32::MAX);
        self.pending.saturating_add(ready)
    }

    fn advance(mut self, out: &mut Outbox) -> Result<ProviderSession, Error> {
        self.core.settle_checkpoint(StreamId::Blind, out)?;
        while let Some(frame) = self.ready.remove(&self.next_to_send) {
            self.next_to_send = self.next_to_send.saturating_add(1);
            let EvaluatedFrame { frame, last, elements, payload } = frame;
            let raw = RawFrame::bulk(StreamId::Eval, frame, last, elements, payload)?;
            self.core.wire.send_bulk(raw, out)?;
            if last {
                self.core.send_checkpoint(StreamId::Eval, out)?;
            }
        }
        let wire = &self.core.wire;
        if !wire.is_complete(StreamId::Eval) || !wire.is_settled(StreamId::Blind) {
            return Ok(ProviderSession::ExpectBlinds(self));
        }
        let Self { core, terms, reservation, .. } = self;
        Ok(ProviderSession::ExpectReceipt(ExpectReceipt {
            core,
            terms,
            reservation,
            closing: Closing::served(),
        }))
    }
}
