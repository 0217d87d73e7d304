//! The advertiser's close: a receipt over everything that happened, and the provider's signature.

use crate::advertiser::{AdvertiserSession, Core};
use crate::disclosure::{Outcome, Withheld};
use crate::wire::Received;
use crate::{Input, Outbox, Output, unexpected};
use protocol::codec::StreamId;
use protocol::error::{Bug, Error};
use protocol::ledger::Reservation;
use protocol::message::{Control, SignedReceipt};
use protocol::terms::SignedTerms;
use protocol::transcript::receipt::Receipt;
use protocol::transcript::result::{ResultCommitment, report_commitment};

/// What a receipt says beside what every session has, and what our operator is told.
#[derive(Debug)]
pub(crate) struct Closing {
    /// [`Receipt::COMPLETED`] or [`Receipt::WITHHELD`].
    pub(crate) code: u16,
    pub(crate) result_commitment: [u8; 32],
    pub(crate) handles_known: u64,
    pub(crate) handles_unknown: u32,
    pub(crate) ids_suppressed: u64,
    pub(crate) outcome: Outcome,
}

impl Closing {
    /// A completed session that released nothing for handles.
    pub(crate) const fn without_handles(result_commitment: [u8; 32], outcome: Outcome) -> Self {
        Self {
            code: Receipt::COMPLETED,
            result_commitment,
            handles_known: 0,
            handles_unknown: 0,
            ids_suppressed: 0,
            outcome,
        }
    }

    /// A session whose result stays withheld. In the profiles without handles the receipt does not
    /// say so: the provider is not to learn whether a threshold held.
    pub(crate) fn withheld(core: &Core, why: Withheld) -> Self {
        let salt = core.keys.result_salt();
        let result_commitment = ResultCommitment::withheld(&salt, core.profile);
        let told = core.profile.sends_handles();
        let code = if told { Receipt::WITHHELD } else { Receipt::COMPLETED };
        let outcome = Outcome::Withheld(why);
        Self { code, ..Self::without_handles(result_commitment, outcome) }
    }
}

impl Core {
    /// Signs the receipt over everything that happened, and waits for the provider's signature.
    pub(crate) fn close(
        self,
        terms: &SignedTerms,
        reservation: &Reservation,
        closing: Closing,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        let closed_at = self.now.max(terms.terms().opened_at);
        let salt = self.keys.result_salt();
        let handles = self.wire.elements(StreamId::Handles);
        let ids_returned = self.wire.elements(StreamId::Ids);
        let receipt = Receipt {
            sid: self.sid,
            outcome: closing.code,
            streams: self.wire.heads(),
            result_commitment: closing.result_commitment,
            report_commitment: report_commitment(&salt),
            handles_known: closing.handles_known,
            handles_unknown: closing.handles_unknown,
            ids_returned,
            ids_suppressed: closing.ids_suppressed,
            ledger: reservation.entry().settle(handles, ids_returned, closed_at)?,
            closed_at,
        };
        out.push(Output::KeepResult(closing.outcome.clone()));
        let signature = receipt.sign(&self.identity.key)?;
        let message = SignedReceipt { receipt: receipt.clone(), signature };
        out.send_control(&Control::Receipt(message))?;
        let outcome = closing.outcome;
        Ok(AdvertiserSession::ExpectReceipt(ExpectReceipt { core: self, receipt, outcome }))
    }
}

/// Waits for the provider's signature under the receipt.
#[derive(Debug)]
pub struct ExpectReceipt {
    pub(crate) core: Core,
    pub(crate) receipt: Receipt,
    pub(crate) outcome: Outcome,
}

impl ExpectReceipt {
    pub(crate) fn handle(
        mut self,
        input: Input,
        out: &mut Outbox,
    ) -> Result<AdvertiserSession, Error> {
        match input {
            Input::Time(now) => {
                self.core.now = now;
                Ok(AdvertiserSession::ExpectReceipt(self))
            }
            Input::Frame(frame) => match self.core.wire.receive(frame, out)? {
                Received::Control(Control::ReceiptAck(ack), frame) => {
                    self.receipt.verify(&self.core.peer_key, &ack.signature).map_err(
                        |violation| {
                            let stream = StreamId::ControlProvider.code();
                            Error::peer(violation, stream, frame.header.index)
                        },
                    )?;
                    out.push(Output::Ledger { entry: self.receipt.ledger, evidence: frame });
                    out.push(Output::Finished(self.outcome));
                    Ok(AdvertiserSession::Closed)
                }
                Received::Control(_, frame) | Received::Bulk(frame) => Err(unexpected(&frame)),
            },
            _ => Err(Bug::misuse().into()),
        }
    }
}
