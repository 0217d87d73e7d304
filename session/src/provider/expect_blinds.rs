//! The provider's longest state, aligned order: table out, then frame by frame evaluated and
//! proved, in the order in which they were asked.

use alloc::collections::BTreeMap;

use crate::count::Count;
use crate::order::key_of;
use crate::provider::{ExpectReceipt, Next, ProviderSession, Serving};
use crate::state::{Agreed, State};
use crate::task::{Computed, Done, EvaluateTask, EvaluatedFrame};
use crate::{Outbox, Output, SpillChunk, Stage, Task};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};

/// Sends the table, then evaluates and proves each blinded frame.
///
/// Holds no state per frame but its place in the order of answers. Leaves to [`ExpectReceipt`] when
/// every announced element is answered.
#[derive(Debug)]
pub struct ExpectBlinds {
    pub(crate) core: Agreed<Serving>,
    /// Frames whose answer is not sent.
    unanswered: u32,
    ready: BTreeMap<u32, EvaluatedFrame>,
    next_to_send: u32,
}

impl ExpectBlinds {
    pub(crate) fn start(mut core: Agreed<Serving>, out: &mut Outbox) -> Self {
        core.start_table(out);
        core.open_exchange();
        Self { core, unanswered: 0, ready: BTreeMap::new(), next_to_send: 0 }
    }
}

impl State for ExpectBlinds {
    type Session = ProviderSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        if self.core.table_sent() { Stage::Match } else { Stage::Table }
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Blind && self.core.accepts_blinds(self.unanswered)
    }

    fn bulk(&mut self, frame: RawFrame, out: &mut Outbox) -> Result<(), Error> {
        self.core.admit_blinds(&frame, out)?;
        self.unanswered.grow(1)?;
        let (key, sid) = (key_of(&self.core)?, *self.core.wire.bound()?);
        out.push(Output::Compute(Task::Evaluate(EvaluateTask { blinded: frame, key, sid })));
        Ok(())
    }

    fn computed(&mut self, computed: Computed, _out: &mut Outbox) -> Result<(), Error> {
        let Done::Evaluated(frame) = computed.0? else {
            return Err(Bug::misuse().into());
        };
        self.ready.insert(frame.frame, frame);
        Ok(())
    }

    fn spilled(&mut self, chunk: SpillChunk, out: &mut Outbox) -> Result<(), Error> {
        self.core.send_table(chunk, out)
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        let wire = &mut self.core.wire;
        wire.settle_checkpoint(StreamId::Blind, out)?;
        while let Some(frame) = self.ready.remove(&self.next_to_send) {
            self.next_to_send.grow(1)?;
            self.unanswered.shrink(1)?;
            let EvaluatedFrame { frame, last, elements, payload } = frame;
            let raw = RawFrame::bulk(StreamId::Eval, frame, last, elements, payload)?;
            wire.send_bulk(raw, out)?;
            if last {
                wire.send_checkpoint(StreamId::Eval, out)?;
            }
        }
        match wire.is_complete(StreamId::Eval) && wire.is_settled(StreamId::Blind) {
            true => Ok(ExpectReceipt::served(self.core).into()),
            false => Ok(self.into()),
        }
    }
}
