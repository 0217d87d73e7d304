//! The provider's longest state, shuffled order: table out, rows in, nothing out before the last.
//!
//! Rows are evaluated as they come, which uses the time the advertiser needs to blind the next
//! ones; the evaluated rows wait, sorted, outside memory. Only when every row is here and both
//! sides have signed the head of BLIND does the first answer leave [M-43]: an answer before the
//! barrier would let the advertiser choose its rows by the answers to others.

use alloc::sync::Arc;

use zeroize::Zeroizing;

use crate::count::Count;
use crate::merge::{RowsOut, Sorted};
use crate::order::key_of;
use crate::provider::{ExpectHandles, ExpectReceipt, MatchKey, Next, ProviderSession, Serving};
use crate::spills::AskedElement;
use crate::state::{Agreed, State, unexpected};
use crate::task::{Computed, Done, EvaluateRowsTask, NoiseRowsTask};
use crate::{Outbox, Output, SpillChunk, SpillName, Stage, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Violation};
use protocol::message::SessionBlind;
use protocol::rows::RowOrder;

/// Sends the table, takes every blinded row, then answers with all rows in an order of their own.
///
/// Holds no row; sends no answer before the last row has come and its stream is signed by both.
/// Leaves to [`ExpectReceipt`], or to [`ExpectHandles`] in the profiles that have handles.
#[derive(Debug)]
pub struct ExpectRows {
    pub(crate) core: Agreed<Serving>,
    order: RowOrder,
    /// The advertiser's commitment to its blind; no row is read before it.
    blind: Option<SessionBlind>,
    /// Frames being evaluated, and tasks that make noise rows.
    pending: u32,
    /// Row at which the next noise rows begin.
    next_noise: u64,
    /// Rows given to the driver.
    spilled: u64,
    barrier: Barrier,
}

#[derive(Debug)]
enum Barrier {
    /// Rows are to come.
    Before,
    /// Every element that came is compared with its neighbour in their order.
    Comparing(Sorted<AskedElement>),
    /// The answers are on their way out.
    Past(RowsOut),
}

impl ExpectRows {
    pub(crate) fn start(mut core: Agreed<Serving>, out: &mut Outbox) -> Self {
        core.start_table(out);
        core.open_exchange();
        let order = RowOrder::new(core.width);
        let (blind, barrier) = (None, Barrier::Before);
        Self { core, order, blind, pending: 0, next_noise: 0, spilled: 0, barrier }
    }

    fn spill(&self) -> SpillName {
        SpillName::EvaluatedRows(self.core.width)
    }

    /// Starts tasks that make noise rows, once there is a blind to make them under.
    fn make_noise(&mut self, out: &mut Outbox) -> Result<(), Error> {
        let (Some(noise), Some(blind)) = (self.core.noise(), &self.blind) else {
            return Ok(());
        };
        let (width, rows, blind) = (self.core.width, self.core.noise_rows(), blind.k_a);
        while self.next_noise < rows && self.pending < self.core.own.frames_pending_max {
            let MatchKey::Shuffled(key, derivation) = &self.core.own.prepared.key else {
                return Err(Bug::invariant().into());
            };
            let (first_row, full) = (self.next_noise, width.frame_rows(self.core.wire.limits()));
            let left = rows.checked_sub(first_row).ok_or(Bug::invariant())?;
            let rows = u32::try_from(left).map_or(full, |left| left.min(full));
            let (key, derivation) = (Arc::clone(key), derivation.clone());
            let task = NoiseRowsTask { noise, width, first_row, rows, blind, key, derivation };
            self.next_noise.grow(u64::from(rows))?;
            self.pending.grow(1)?;
            out.push(Output::Compute(Task::NoiseRows(task)));
        }
        Ok(())
    }

    /// Takes elements of BLIND in their order: none may come twice, since one identifier in many
    /// rows would outweigh any noise [E-09].
    fn compare(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        let Barrier::Comparing(asked) = &mut self.barrier else {
            return Err(Bug::misuse().into());
        };
        let mut last = asked.last().map(|last| last.element);
        for next in asked.take(chunk)? {
            // [G11]
            if last.replace(next.element) == Some(next.element) {
                return Err(Error::peer(Violation::OrderNotStrict, StreamId::Blind.code(), 0));
            }
        }
        if asked.drain_or_want(out) {
            let (spill, core) = (SpillName::EvaluatedRows(self.core.width), &self.core);
            let answers = RowsOut::start(spill, StreamId::Eval, core, self.spilled, out);
            self.barrier = Barrier::Past(answers);
        }
        Ok(())
    }
}

impl State for ExpectRows {
    type Session = ProviderSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        match (self.core.table_sent(), self.core.wire.elements(StreamId::Blind)) {
            (false, _) => Stage::Table,
            // The advertiser blinds every row before the first one leaves.
            (true, 0) => Stage::Rows,
            (true, _) => Stage::Match,
        }
    }

    /// Takes the commitment to the blind, before any row.
    fn session_blind(mut self, blind: SessionBlind, frame: RawFrame, out: &mut Outbox) -> Next {
        if self.blind.is_some() {
            return Err(unexpected(&frame));
        }
        let at = (frame.header.stream.code(), frame.header.index);
        let wire = &self.core.wire;
        blind
            .verify(wire.peer().key(), wire.bound()?)
            .map_err(|violation| Error::peer(violation, at.0, at.1))?;
        self.blind = Some(blind);
        self.advance(out)
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Blind && self.blind.is_some() && self.core.accepts_blinds(self.pending)
    }

    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        if self.blind.is_none() {
            return Err(at(Violation::UnexpectedMessage));
        }
        self.core.admit_blinds(&frame, out)?;
        self.order.check(frame.encodings()).map_err(at)?;
        self.pending.grow(1)?;
        let asked = Zeroizing::new(frame.encodings().as_flattened().to_vec());
        out.push(Output::Spill { spill: SpillName::AskedElements, records: asked });
        let (key, width) = (key_of(&self.core)?, self.core.width);
        let task = EvaluateRowsTask { blinded: frame, width, key };
        out.push(Output::Compute(Task::EvaluateRows(task)));
        Ok(())
    }

    fn computed(&mut self, computed: Computed, out: &mut Outbox) -> Result<(), Error> {
        let (Done::RowsEvaluated(rows) | Done::NoiseRows(rows)) = computed.0? else {
            return Err(Bug::misuse().into());
        };
        self.pending.shrink(1)?;
        self.spilled.grow((rows.encodings.len() / self.core.width.slots()) as u64)?;
        let records = Zeroizing::new(rows.encodings.as_flattened().to_vec());
        out.push(Output::Spill { spill: self.spill(), records });
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        if chunk.spill == SpillName::AskedElements {
            return self.compare(chunk, out);
        }
        if chunk.spill != self.spill() {
            return self.core.send_table(chunk, out);
        }
        self.core.check_open(out)?;
        let Barrier::Past(answers) = &mut self.barrier else {
            return Err(Bug::misuse().into());
        };
        // Evaluation keeps elements apart, and those of BLIND and of noise were apart.
        answers.send(&chunk, &mut self.core.wire, Bug::invariant().into(), out)?;
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        self.make_noise(out)?;
        if self.pending == 0 {
            self.core.wire.settle_checkpoint(StreamId::Blind, out)?;
        }
        let wire = &self.core.wire;
        let all_here = wire.is_settled(StreamId::Blind) && wire.all_settled();
        if all_here && self.pending == 0 && matches!(self.barrier, Barrier::Before) {
            let asked = Sorted::new(self.core.elements);
            out.push(Output::WantSpill(SpillName::AskedElements));
            self.barrier = Barrier::Comparing(asked);
        }
        match (self.core.wire.is_complete(StreamId::Eval), self.core.profile.sends_handles()) {
            (false, _) => Ok(self.into()),
            (true, true) => Ok(ExpectHandles::start(self.core).into()),
            (true, false) => Ok(ExpectReceipt::served(self.core).into()),
        }
    }
}
