//! The advertiser's wait for the tag table.

use crate::advertiser::{AdvertiserSession, Asking, Next};
use crate::state::{Agreed, State};
use crate::{Outbox, Stage};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Error, Violation};
use protocol::table::TableReader;

/// Waits for the whole tag table, and blinds nothing before it is the announced one.
#[derive(Debug)]
pub struct ExpectTable {
    pub(crate) core: Agreed<Asking>,
    table: TableReader,
}

impl ExpectTable {
    pub(crate) fn start(mut core: Agreed<Asking>) -> Self {
        core.open(StreamId::Table);
        let table = TableReader::new(&core.own.hello.table);
        Self { core, table }
    }
}

impl State for ExpectTable {
    type Session = AdvertiserSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        Stage::Table
    }

    fn accepts(&self, stream: StreamId) -> bool {
        stream == StreamId::Table
    }

    fn bulk(&mut self, frame: RawFrame, _out: &mut Outbox) -> Result<(), Error> {
        // The driver keeps the frame; it comes back when tags are looked up.
        self.table.read(&frame)?;
        Ok(())
    }

    fn advance(mut self, out: &mut Outbox) -> Next {
        let (table, announced) = (StreamId::Table, self.core.own.hello.table.root);
        let root = self.core.wire.head(table).map(|head| head.root);
        // Before its checkpoint is signed: our signature never stands under another table.
        if self.core.wire.is_complete(table) && root != Some(announced) {
            return Err(Error::peer(Violation::TableRootMismatch, table.code(), 0));
        }
        match self.core.wire.settle_checkpoint(table, out)? {
            true => self.core.start_match(out),
            false => Ok(self.into()),
        }
    }
}
