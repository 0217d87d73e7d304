//! The provider's close: the advertiser's receipt, signed if it says what happened here too.

use crate::disclosure::Outcome;
use crate::provider::{Next, ProviderSession, Serving};
use crate::state::{Agreed, Closing, Commitments, State};
use crate::{Outbox, Output, Stage};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Clocks, Error, Violation};
use protocol::message::{Control, ReceiptAck, SignedReceipt};

/// Waits for the advertiser's receipt, and signs it if it is true.
#[derive(Debug)]
pub struct ExpectReceipt {
    pub(crate) core: Agreed<Serving>,
    pub(crate) closing: Closing,
}

impl ExpectReceipt {
    /// Waits for the receipt of a session that disclosed nothing to us.
    pub(crate) const fn served(core: Agreed<Serving>) -> Self {
        Self { core, closing: Closing::completed(Outcome::Served) }
    }
}

impl State for ExpectReceipt {
    type Session = ProviderSession;

    const STREAMS_OPEN: bool = true;

    fn stage(&self) -> Stage {
        // The advertiser looks up.
        Stage::Closing
    }

    /// Compares the receipt with the session as we know it, and signs it.
    fn receipt(self, message: SignedReceipt, frame: RawFrame, out: &mut Outbox) -> Next {
        let Self { core, closing } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlAdvertiser.code(), frame.header.index)
        };
        let SignedReceipt { receipt, signature } = message;
        let closed_at = receipt.closed_at;
        let (result, report) = (receipt.result_commitment, receipt.report_commitment);
        let expected = core.receipt(&closing, Commitments { result, report }, closed_at)?;
        let after = closed_at >= core.terms.terms().opened_at;
        let settled = core.wire.all_settled();
        if receipt != expected || !after || !settled || report == [0; 32] {
            return Err(at(Violation::ReceiptMismatch));
        }
        receipt.verify(core.wire.peer().key(), &signature).map_err(at)?;
        Clocks { local: out.now(), peer: closed_at }.check()?;
        let signature = receipt.sign(core.wire.key())?;
        out.push(Output::Ledger { entry: receipt.ledger, evidence: frame });
        out.send_control(&Control::ReceiptAck(ReceiptAck { signature }))?;
        out.push(Output::Finished(closing.outcome));
        Ok(ProviderSession::Closed)
    }
}
