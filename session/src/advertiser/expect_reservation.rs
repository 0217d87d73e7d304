//! The advertiser's hold: no terms are sent before the evaluations they ask for are on disk.

use crate::advertiser::{AdvertiserSession, Asking, ExpectTerms, Next};
use crate::state::{Core, Reserved, State};
use crate::{Outbox, Stage};
use protocol::error::Bug;
use protocol::ledger::LedgerEntry;
use protocol::message::{Control, Terms};

/// Waits until the hold of the evaluations is on disk.
#[derive(Debug)]
pub struct ExpectReservation {
    pub(crate) core: Core<Asking>,
    pub(crate) message: Terms,
    pub(crate) entry: LedgerEntry,
}

impl State for ExpectReservation {
    type Session = AdvertiserSession;

    fn stage(&self) -> Stage {
        Stage::Terms
    }

    fn reserved(self, reserved: Reserved, out: &mut Outbox) -> Next {
        let Self { core, message, entry } = self;
        let reservation = reserved.map_err(|(refusal, _)| refusal)?;
        if *reservation.entry() != entry {
            return Err(Bug::misuse().into());
        }
        let (terms, signature) = (message.terms.clone(), message.signature);
        out.send_control(&Control::Terms(message))?;
        Ok(ExpectTerms { core, terms, signature, reservation }.into())
    }
}
