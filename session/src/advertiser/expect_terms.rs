//! The advertiser's wait for the provider's agreement to the terms.

use crate::advertiser::{AdvertiserSession, Asking, ExpectTable, Next};
use crate::state::{Agreed, Core, State};
use crate::wire::refused_by_peer;
use crate::{Outbox, Output, Stage};
use protocol::attestation::Signature;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Error, Violation};
use protocol::group::Element;
use protocol::ledger::Reservation;
use protocol::message::{Control, Refuse, SessionBlind, TermsAccept};
use protocol::suite::SuiteId;
use protocol::terms::{MatchTerms, SignedTerms};

/// Waits for the provider's signature under the terms.
#[derive(Debug)]
pub struct ExpectTerms {
    pub(crate) core: Core<Asking>,
    pub(crate) terms: MatchTerms,
    pub(crate) signature: Signature,
    pub(crate) reservation: Reservation,
}

impl State for ExpectTerms {
    type Session = AdvertiserSession;

    fn stage(&self) -> Stage {
        Stage::Terms
    }

    fn terms_accept(self, accept: TermsAccept, frame: RawFrame, out: &mut Outbox) -> Next {
        let Self { core, terms, signature, reservation } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlProvider.code(), frame.header.index)
        };
        let (wire, sid) = (&core.wire, *core.wire.bound()?);
        // [G27]
        if accept.sid != sid {
            return Err(at(Violation::SessionBindingMismatch));
        }
        let own_key = wire.key().public();
        let signed = SignedTerms::verify(
            terms,
            core.profile,
            sid,
            (&own_key, &signature),
            (wire.peer().key(), &accept.signature),
        )
        .map_err(at)?;
        let entry = reservation.entry().clone();
        out.push(Output::Ledger { entry, evidence: frame });
        let core = Agreed::new(core, signed, reservation);
        if core.profile.suite() == SuiteId::Shuffled {
            let k_a = Element::multiply_base(&core.own.keys.session_blind()?).encode();
            let blind = SessionBlind::sign(k_a, core.wire.key(), &sid);
            out.send_control(&Control::SessionBlind(blind))?;
        }
        match core.terms.terms().table_delivery {
            0 => core.start_match(out),
            _ => Ok(ExpectTable::start(core).into()),
        }
    }

    fn refuse(self, refuse: Refuse, _frame: RawFrame, out: &mut Outbox) -> Next {
        Err(refused_by_peer(&refuse, out.now()))
    }
}
