//! The advertiser's longest state, aligned order: blind, check every answer, look up, close.

use alloc::collections::BTreeMap;

use crate::advertiser::{AdvertiserSession, Core};
use crate::blinder::{Blinder, Plan};
use crate::close::Closing;
use crate::disclosure::{self, AlignedEvidence, Outcome};
use crate::lookup::{Found, Lookup, Progress, Spilled};
use crate::merge::spill;
use crate::task::{BlindedFrame, Done, FinalizeTask, OWN_TAG_LEN};
use crate::wire::Received;
use crate::{Input, Outbox, Output, RunName, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Refusal, Violation};
use protocol::ledger::Reservation;
use protocol::terms::SignedTerms;

/// Waits until every blinded frame has come back evaluated, then looks up.
///
/// Holds the blinds of the frames in flight. Leaves to [`crate::advertiser::ExpectReceipt`] when
/// the announced number of frames has arrived, each one is proved, and both sides have signed both
/// streams. A short, long, or unproved frame aborts the session and is the peer's fault [M-11].
#[derive(Debug)]
pub struct ExpectEvaluations {
    pub(crate) core: Core,
    terms: SignedTerms,
    reservation: Reservation,
    blinder: Blinder,
    /// Frames whose answer has not come, by index.
    in_flight: BTreeMap<u32, BlindedFrame>,
    /// Frames whose answer is being checked.
    pub(crate) finalizing: u32,
    evidence: AlignedEvidence,
    /// Records spilled as [`RunName::OwnTags`].
    own_tags: u64,
    pub(crate) phase: Phase,
}

#[derive(Debug)]
pub(crate) enum Phase {
    Exchange,
    LookUp(Lookup),
    Found(Found),
}

impl ExpectEvaluations {
    pub(crate) fn start(
        mut core: Core,
        terms: SignedTerms,
        reservation: Reservation,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let frame_elements = core.wire.limits().frame_elements;
        core.wire.open(StreamId::Blind, frame_elements);
        core.wire.open(StreamId::Eval, frame_elements);
        let plan = Plan {
            elements: core.elements,
            distinct: core.distinct,
            rows: core.rows,
            ruleset: core.ruleset,
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
            own_tags: 0,
            phase: Phase::Exchange,
        }
        .advance(out)
    }

    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
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
                    let tags = frame.tags.len() / OWN_TAG_LEN;
                    self.own_tags = self.own_tags.saturating_add(tags as u64);
                    spill(RunName::OwnTags, frame.tags, out);
                }
                _ => return Err(Bug::misuse().into()),
            },
            Input::Run(chunk) => match self.phase {
                Phase::LookUp(lookup) => {
                    self.phase = lookup.take(chunk, out)?.into();
                }
                _ => return Err(Bug::misuse().into()),
            },
            _ => return Err(Bug::misuse().into()),
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
        self.core.note_answer(&frame, out)?;
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
            let spilled = Spilled { own_tags: self.own_tags, placements: self.blinder.placements };
            self.phase = Lookup::start(table, self.core.rows, &spilled, &salt, out)?.into();
        }
        if let Phase::Found(_) = self.phase {
            return self.close(out);
        }
        Ok(AdvertiserSession::ExpectEvaluations(self))
    }

    /// Sends blinded frames in order, then the checkpoint.
    fn send_ready(&mut self, out: &mut Outbox) -> Result<(), Error> {
        while let Some(frame) = self.blinder.ready.remove(&self.blinder.next_to_send) {
            if self.core.now >= self.terms.terms().expires_at {
                return Err(Refusal::TermsExpired.into());
            }
            let last = frame.frame == self.blinder.last_frame;
            let elements = u32::try_from(frame.blinded.len()).map_err(|_| Bug::invariant())?;
            let payload = frame.blinded.as_flattened().to_vec();
            let raw = RawFrame::bulk(StreamId::Blind, frame.frame, last, elements, payload)?;
            self.core.wire.send_bulk(raw, out)?;
            self.blinder.next_to_send = self.blinder.next_to_send.saturating_add(1);
            self.in_flight.insert(frame.frame, frame);
            if last {
                self.core.send_checkpoint(StreamId::Blind, out)?;
            }
        }
        Ok(())
    }

    /// Releases the outcome to our own operator, and signs the receipt.
    fn close(self, out: &mut Outbox) -> Result<AdvertiserSession, Error> {
        let Phase::Found(found) = self.phase else {
            return Err(Bug::invariant().into());
        };
        let outcome =
            disclosure::release_rows(&self.terms, &self.reservation, &self.evidence, found.counts)?;
        let closing = match outcome {
            Outcome::Withheld(why) => Closing::withheld(&self.core, why),
            outcome => Closing::without_handles(found.result_commitment, outcome),
        };
        self.core.close(&self.terms, &self.reservation, closing, out)
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
