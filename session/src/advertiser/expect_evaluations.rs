//! The advertiser's longest state, aligned order: blind, check every answer, look up, close.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::advertiser::blinder::Blinder;
use crate::advertiser::lookup::{Found, Lookup, Spilled};
use crate::advertiser::{AdvertiserSession, Asking, Next};
use crate::count::Count;
use crate::disclosure::{self, AlignedEvidence, Outcome};
use crate::state::{Agreed, State};
use crate::task::{BlindedFrame, Computed, Done, FinalizeTask};
use crate::{Outbox, Output, RowSlot, SpillChunk, Stage, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Violation};

/// Waits until every blinded frame has come back evaluated, then looks up.
///
/// Holds the blinds of the frames in flight. Leaves to [`crate::advertiser::ExpectReceipt`] when
/// the announced number of frames has arrived, each one is proved, and both sides have signed both
/// streams. A short, long, or unproved frame aborts the session and is the peer's fault [M-11].
#[derive(Debug)]
pub struct ExpectEvaluations {
    pub(crate) core: Agreed<Asking>,
    blinder: Blinder,
    /// Frames whose answer has not come, by index.
    in_flight: BTreeMap<u32, BlindedFrame>,
    /// Frames whose answer is being checked.
    finalizing: u32,
    evidence: AlignedEvidence,
    /// Tags that were spilled.
    own_tags: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Exchange,
    LookUp(Lookup),
    Found(Found),
}

impl ExpectEvaluations {
    pub(crate) fn start(mut core: Agreed<Asking>, out: &mut Outbox) -> Next {
        core.open_exchange();
        let blinder = Blinder::new(&core)?;
        Self {
            core,
            blinder,
            in_flight: BTreeMap::new(),
            finalizing: 0,
            evidence: AlignedEvidence::default(),
            own_tags: 0,
            phase: Phase::Exchange,
        }
        .advance(out)
    }

    /// Sends blinded frames in order, then the checkpoint.
    fn send_ready(&mut self, out: &mut Outbox) -> Result<(), Error> {
        while let Some(frame) = self.blinder.ready.remove(&self.blinder.next_to_send) {
            self.core.check_open(out)?;
            let last = frame.frame == self.blinder.last_frame;
            let elements = u32::try_from(frame.blinded.len()).map_err(|_| Bug::invariant())?;
            let payload = frame.blinded.as_flattened().to_vec();
            let raw = RawFrame::bulk(StreamId::Blind, frame.frame, last, elements, payload)?;
            self.core.wire.send_bulk(raw, out)?;
            self.blinder.next_to_send.grow(1)?;
            self.in_flight.insert(frame.frame, frame);
            if last {
                self.core.wire.send_checkpoint(StreamId::Blind, out)?;
            }
        }
        Ok(())
    }

    /// Frames that were sent and whose answer is not checked.
    fn unanswered(&self) -> Result<u32, Bug> {
        let mut frames = u32::try_from(self.in_flight.len()).map_err(|_| Bug::invariant())?;
        frames.grow(self.finalizing)?;
        Ok(frames)
    }

    /// Releases the outcome to our own operator, and signs the receipt.
    fn close(self, found: &Found, out: &mut Outbox) -> Next {
        let Self { core, evidence, .. } = self;
        let outcome =
            disclosure::release_rows(&core.terms, &core.reservation, &evidence, found.counts)?;
        match outcome {
            Outcome::Withheld(why) => core.withhold(why, out),
            outcome => core.complete(outcome, found.result, out),
        }
    }
}

impl State for ExpectEvaluations {
    type Session = AdvertiserSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        match self.phase {
            Phase::Exchange => Stage::Match,
            Phase::LookUp(_) | Phase::Found(_) => Stage::LookUp,
        }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Eval && self.finalizing < self.core.own.frames_in_flight
    }

    /// Takes one frame of answers to the frame of the same index.
    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
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
        self.finalizing.grow(1)?;
        let (public_key, sid) = (self.core.own.public_key(), *self.core.wire.bound()?);
        let task = FinalizeTask { blinded, evaluated: frame, public_key, sid };
        out.push(Output::Compute(Task::Finalize(task)));
        Ok(())
    }

    fn rows(&mut self, rows: Vec<RowSlot>, out: &mut Outbox) -> Result<(), Error> {
        Ok(self.blinder.take(rows, out)?)
    }

    fn end_of_rows(&mut self) -> Result<(), Error> {
        Ok(self.blinder.end_rows()?)
    }

    fn computed(&mut self, computed: Computed, out: &mut Outbox) -> Result<(), Error> {
        match computed.0? {
            Done::Blinded(frame) => {
                self.blinder.ready.insert(frame.frame, frame);
            }
            Done::Finalized(frame) => {
                self.finalizing.shrink(1)?;
                self.evidence.add(&frame.evidence)?;
                self.own_tags.grow(frame.tags.count())?;
                frame.tags.spill(out);
            }
            _ => return Err(Bug::misuse().into()),
        }
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        let Phase::LookUp(lookup) = &mut self.phase else {
            return Err(Bug::misuse().into());
        };
        if let Some(found) = lookup.take(chunk, out)? {
            self.phase = Phase::Found(found);
        }
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        self.send_ready(out)?;
        self.blinder.go_on(self.unanswered()?, self.core.own.frames_in_flight, out)?;
        self.core.wire.settle_checkpoint(StreamId::Eval, out)?;
        let exchanged = self.core.wire.is_settled(StreamId::Blind)
            && self.core.wire.is_settled(StreamId::Eval)
            && self.blinder.is_fed()
            && self.finalizing == 0;
        match self.phase {
            Phase::Exchange if exchanged => {
                let Asking { keys, hello, rows, .. } = &self.core.own;
                let spilled =
                    Spilled { own_tags: self.own_tags, placements: self.blinder.placements };
                let lookup =
                    Lookup::start(&hello.table, *rows, &spilled, &keys.result_salt(), out)?;
                self.phase = Phase::LookUp(lookup);
                Ok(self.into())
            }
            Phase::Found(ref found) => {
                let found = *found;
                self.close(&found, out)
            }
            Phase::Exchange | Phase::LookUp(_) => Ok(self.into()),
        }
    }
}
