//! The provider's longest state, shuffled order: table out, rows in, nothing out before the last.
//!
//! Rows are evaluated as they come, which uses the time the advertiser needs to blind the next
//! ones; the evaluated rows wait, sorted, outside memory. Only when every row is here and both
//! sides have signed the head of BLIND does the first answer leave [M-43]: an answer before the
//! barrier would let the advertiser choose its rows by the answers to others.

use zeroize::Zeroizing;

use crate::count::Count;
use crate::merge::RowsOut;
use crate::order::key_of;
use crate::provider::{ExpectHandles, ExpectReceipt, Next, ProviderSession, Serving};
use crate::state::{Agreed, State};
use crate::task::{Computed, Done, EvaluateRowsTask};
use crate::{Outbox, Output, SpillChunk, SpillName, Stage, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Violation};
use protocol::rows::RowOrder;

/// Sends the table, takes every blinded row, then answers with all rows in an order of their own.
///
/// Holds no row; sends no answer before the last row has come and its stream is signed by both.
/// Leaves to [`ExpectReceipt`], or to [`ExpectHandles`] in the profiles that have handles.
#[derive(Debug)]
pub struct ExpectRows {
    pub(crate) core: Agreed<Serving>,
    order: RowOrder,
    /// Frames being evaluated.
    pending: u32,
    /// Rows given to the driver.
    spilled: u64,
    /// The answers on their way out.
    answers: Option<RowsOut>,
}

impl ExpectRows {
    pub(crate) fn start(mut core: Agreed<Serving>, out: &mut Outbox) -> Self {
        core.start_table(out);
        core.open_exchange();
        let order = RowOrder::new(core.width);
        Self { core, order, pending: 0, spilled: 0, answers: None }
    }

    fn spill(&self) -> SpillName {
        SpillName::EvaluatedRows(self.core.width)
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

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Blind && self.core.accepts_blinds(self.pending)
    }

    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        let at = |violation| Error::peer(violation, StreamId::Blind.code(), frame.header.index);
        self.core.admit_blinds(&frame, out)?;
        self.order.check(frame.encodings()).map_err(at)?;
        self.pending.grow(1)?;
        let (key, width) = (key_of(&self.core)?, self.core.width);
        let task = EvaluateRowsTask { blinded: frame, width, key };
        out.push(Output::Compute(Task::EvaluateRows(task)));
        Ok(())
    }

    fn computed(&mut self, computed: Computed, out: &mut Outbox) -> Result<(), Error> {
        let Done::RowsEvaluated(rows) = computed.0? else {
            return Err(Bug::misuse().into());
        };
        self.pending.shrink(1)?;
        self.spilled.grow((rows.encodings.len() / self.core.width.slots()) as u64)?;
        let records = Zeroizing::new(rows.encodings.as_flattened().to_vec());
        out.push(Output::Spill { spill: self.spill(), records });
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        if chunk.spill != self.spill() {
            return self.core.send_table(chunk, out);
        }
        self.core.check_open(out)?;
        // Evaluation keeps elements apart: an element that is twice here was twice in BLIND.
        let twice = Error::peer(Violation::OrderNotStrict, StreamId::Blind.code(), 0);
        let answers = self.answers.as_mut().ok_or(Bug::misuse())?;
        answers.send(&chunk, &mut self.core.wire, twice, out)?;
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        if self.pending == 0 {
            self.core.wire.settle_checkpoint(StreamId::Blind, out)?;
        }
        let wire = &self.core.wire;
        let barrier = wire.is_settled(StreamId::Blind) && wire.all_settled();
        if barrier && self.answers.is_none() {
            let (spill, core) = (self.spill(), &self.core);
            self.answers = Some(RowsOut::start(spill, StreamId::Eval, core, self.spilled, out));
        }
        match (self.core.wire.is_complete(StreamId::Eval), self.core.profile.sends_handles()) {
            (false, _) => Ok(self.into()),
            (true, true) => Ok(ExpectHandles::start(self.core).into()),
            (true, false) => Ok(ExpectReceipt::served(self.core).into()),
        }
    }
}
