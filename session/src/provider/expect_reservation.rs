//! The provider's reserve: no terms are accepted before their evaluations are on disk.

use crate::provider::{Next, ProviderSession, Serving};
use crate::state::{Agreed, Core, Reserved, State};
use crate::{Outbox, Stage};
use protocol::error::Bug;
use protocol::ledger::LedgerEntry;
use protocol::message::{Control, TermsAccept};
use protocol::terms::SignedTerms;

/// Waits until the reserve is on disk.
#[derive(Debug)]
pub struct ExpectReservation {
    pub(crate) core: Core<Serving>,
    pub(crate) terms: SignedTerms,
    pub(crate) entry: LedgerEntry,
    pub(crate) accept: TermsAccept,
}

impl State for ExpectReservation {
    type Session = ProviderSession;

    fn stage(&self) -> Stage {
        Stage::Terms
    }

    fn reserved(self, reserved: Reserved, out: &mut Outbox) -> Next {
        let Self { core, terms, entry, accept } = self;
        let reservation = reserved.map_err(|(refusal, retry_after_s)| {
            out.retry_after(retry_after_s);
            refusal
        })?;
        // [G39]
        if *reservation.entry() != entry {
            return Err(Bug::misuse().into());
        }
        out.send_control(&Control::TermsAccept(accept))?;
        Agreed::new(core, terms, reservation).start_match(out)
    }
}
