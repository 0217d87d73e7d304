//! The advertiser's close: a receipt over everything that happened, and the provider's signature.

use crate::advertiser::{AdvertiserSession, Asking, Next};
use crate::disclosure::{Outcome, Withheld};
use crate::state::{Agreed, Closing, Commitments, State};
use crate::{Outbox, Output, Stage};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::Error;
use protocol::message::{Control, ReceiptAck, SignedReceipt};
use protocol::transcript::receipt::Receipt;
use protocol::transcript::result::{ResultCommitment, report_commitment};

/// Waits for the provider's signature under the receipt.
#[derive(Debug)]
pub struct ExpectReceipt {
    pub(crate) core: Agreed<Asking>,
    receipt: Receipt,
    outcome: Outcome,
}

impl Agreed<Asking> {
    /// Closes a session that released its result, and nothing for handles.
    pub(crate) fn complete(self, outcome: Outcome, result: [u8; 32], out: &mut Outbox) -> Next {
        self.close(Closing::completed(outcome), result, out)
    }

    /// Closes a session whose result stays withheld. In the profiles without handles the receipt
    /// does not say so: the provider is not to learn if a threshold held.
    pub(crate) fn withhold(self, why: Withheld, out: &mut Outbox) -> Next {
        let result = ResultCommitment::withheld(&self.own.keys.result_salt(), self.profile);
        let outcome = Outcome::Withheld(why);
        let closing = match self.profile.sends_handles() {
            true => Closing::withheld(outcome),
            false => Closing::completed(outcome),
        };
        self.close(closing, result, out)
    }

    /// Signs the receipt over everything that happened, and waits for the provider's signature.
    pub(crate) fn close(self, closing: Closing, result: [u8; 32], out: &mut Outbox) -> Next {
        let closed_at = out.now().max(self.terms.terms().opened_at);
        let report = report_commitment(&self.own.keys.result_salt());
        let receipt = self.receipt(&closing, Commitments { result, report }, closed_at)?;
        let outcome = closing.outcome;
        out.push(Output::KeepResult(outcome.clone()));
        let signature = receipt.sign(self.wire.key())?;
        let message = SignedReceipt { receipt: receipt.clone(), signature };
        out.send_control(&Control::Receipt(message))?;
        Ok(ExpectReceipt { core: self, receipt, outcome }.into())
    }
}

impl State for ExpectReceipt {
    type Session = AdvertiserSession;

    fn stage(&self) -> Stage {
        Stage::Receipt
    }

    fn receipt_ack(self, ack: ReceiptAck, frame: RawFrame, out: &mut Outbox) -> Next {
        let Self { core, receipt, outcome } = self;
        receipt.verify(core.wire.peer().key(), &ack.signature).map_err(|violation| {
            Error::peer(violation, StreamId::ControlProvider.code(), frame.header.index)
        })?;
        out.push(Output::Ledger { entry: receipt.ledger, evidence: frame });
        out.push(Output::Finished(outcome));
        Ok(AdvertiserSession::Closed)
    }
}
