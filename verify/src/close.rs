//! The checks of the close: the receipt, and the entry that it adds to the ledger.

use alloc::vec::Vec;

use protocol::codec::StreamId;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::limits::UNKNOWN_HANDLES_MAX;
use protocol::message::SignedReceipt;
use protocol::purpose::Purpose;
use protocol::transcript::Role;
use protocol::transcript::receipt::{Receipt, StreamHead};

use crate::finding::{Checked, Finding, ensure, failed, require};
use crate::opening::{elements, lacks, profile};
use crate::outline::Outline;
use crate::signers::Signers;

impl Outline {
    /// Both parties signed a receipt that agrees with the session.
    pub(crate) fn check_receipt(&self) -> Checked {
        let SignedReceipt { receipt, signature } = self.receipt()?;
        let unsigned =
            |role: Role| Finding::new("verify-receipt-signature").with("party", role.name());
        let by_advertiser = receipt.verify(self.key(true)?, signature);
        ensure(by_advertiser.is_ok(), unsigned(Role::Advertiser))?;
        let heads: Vec<StreamHead> = self.heads().into_iter().map(|(_, head)| head).collect();
        let by = self.evidence.receipt;
        let other = receipt
            .streams
            .iter()
            .fold(Signers::NOBODY, |all, head| all.or(self.evidence.of_other(self, head, true)));
        require(by.and(other), receipt.streams == heads, "verify-receipt-streams")?;
        self.check_outcome(receipt)?;
        require(by, receipt.report_commitment != [0; 32], "verify-no-report")?;
        let opened_at = self.terms()?.terms.opened_at;
        let by = by.and(self.evidence.session);
        require(by, receipt.closed_at >= opened_at, "verify-closed-early")?;
        let acknowledged = self.acknowledgement.ok_or_else(|| lacks("RECEIPT_ACK"))?;
        let by_provider = receipt.verify(self.key(false)?, &acknowledged.signature);
        ensure(by_provider.is_ok(), unsigned(Role::Provider))
    }

    /// Outcome and counts of the receipt are those of the messages and streams.
    fn check_outcome(&self, receipt: &Receipt) -> Checked {
        let (hello_a, _) = self.hellos()?;
        let withheld = profile(hello_a)?.sends_handles() && self.released.is_none();
        let outcome = if withheld { Receipt::WITHHELD } else { Receipt::COMPLETED };
        ensure(receipt.outcome == outcome, "verify-outcome")?;
        let told = self.released.map_or((0, 0, [0; 32]), |released| {
            (released.handles_known, released.handles_unknown, released.release_head)
        });
        let listed = (receipt.handles_known, receipt.handles_unknown, receipt.release_head);
        let by = self.evidence.receipt;
        require(by.and(self.evidence.released), told == listed, "verify-receipt-handles")?;
        // From here on the receipt says the same as RELEASED, and lists the recorded streams.
        let same = receipt.ids_returned == self.stream_elements(StreamId::Ids);
        require(by, same, "verify-receipt-ids")?;
        if self.released.is_some() {
            let sent = self.stream_elements(StreamId::Handles);
            let answered = told.0.checked_add(u64::from(told.1));
            // Whoever signed RELEASED and the head of the handles that it answers.
            let asked = self.record(StreamId::Handles).map(|r| r.head(StreamId::Handles));
            let asked = asked.map_or(Signers::NOBODY, |head| self.evidence.of_head(&head));
            let by = by.or(self.evidence.released.and(asked));
            require(by, answered == Some(sent), "verify-released-handles")?;
            let by = by.or(self.evidence.released);
            // [G47]
            let few = told.1 <= UNKNOWN_HANDLES_MAX;
            require(by, few, "verify-unknown-handles")?;
            // [G43] A removal has no least number; every other batch is the advertiser's duty.
            let terms = &self.terms()?.terms;
            let enough = terms.purpose == Purpose::Remove || sent >= u64::from(terms.k_min);
            let by = asked.and(Signers::of(Role::Advertiser)).and(self.evidence.session);
            require(by, enough, "verify-below-minimum")?;
        }
        Ok(())
    }

    /// The provider signed what it released, for the handles that it was sent.
    pub(crate) fn check_released(&self) -> Checked {
        let unsigned = self.released.is_some() && self.evidence.released.is_nobody();
        ensure(!unsigned, "verify-released-unsigned")?;
        self.terms().map(drop)
    }

    /// The settle in the receipt is the one that follows from the session.
    pub(crate) fn check_ledger(&self) -> Checked {
        let receipt = &self.receipt()?.receipt;
        let (hello_a, _) = self.hellos()?;
        let terms = self.terms()?;
        let settle = &receipt.ledger;
        let by = self.evidence.receipt.and(self.evidence.session);
        let before = settle.seq.checked_sub(2);
        let seq = before.ok_or_else(|| failed(by, "verify-reserve-place"))?;
        let head = LedgerHead { seq, hash: hello_a.ledger_head };
        let starts = (head.seq == 0) == (head.hash == [0; 32]);
        require(by, starts, "verify-chain-start")?;
        let profile = profile(hello_a)?;
        let handles = self.stream_elements(StreamId::Handles);
        let ids = self.stream_elements(StreamId::Ids);
        let elements = elements(hello_a)?;
        // Numbers of the package that no ledger can hold are no defect.
        let expected = LedgerEntry::reserve(&head, &terms.sid, profile, &terms.terms, elements)
            .and_then(|reserve| reserve.settle(handles, ids, receipt.closed_at))
            .map_err(|_| Finding::new("verify-settle-impossible"))?;
        // The receipt's own list of streams has to say the same, or they are the holder's.
        let heads = self.heads();
        let listed = receipt.streams.iter().eq(heads.iter().map(|(_, head)| head));
        let by = if listed { by } else { Signers::NOBODY };
        require(by, *settle == expected, "verify-settle-other")
    }

    fn receipt(&self) -> Checked<&SignedReceipt> {
        self.receipt.as_ref().ok_or_else(|| lacks("RECEIPT"))
    }
}
