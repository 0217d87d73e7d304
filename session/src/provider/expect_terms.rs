//! The provider's judgement of the terms.

use crate::provider::{ExpectReservation, Next, Policy, ProviderSession, Serving};
use crate::state::{Core, State};
use crate::{Outbox, Output, Stage};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Error, Incompatibility, Refusal, Violation};
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::message::{Terms, TermsAccept};
use protocol::terms::{self, SignedTerms};

/// Waits for the advertiser's signature under all conditions.
#[derive(Debug)]
pub struct ExpectTerms {
    pub(crate) core: Core<Serving>,
    pub(crate) hello_a: RawFrame,
    pub(crate) hello_p: RawFrame,
    pub(crate) policy: Policy,
    pub(crate) ledger: LedgerHead,
}

impl State for ExpectTerms {
    type Session = ProviderSession;

    fn stage(&self) -> Stage {
        Stage::Terms
    }

    fn terms(self, message: Terms, frame: RawFrame, out: &mut Outbox) -> Next {
        let Self { mut core, hello_a, hello_p, policy, ledger } = self;
        let at = |violation| {
            Error::peer(violation, StreamId::ControlAdvertiser.code(), frame.header.index)
        };
        let sid = core.wire.sid_of(&hello_a, &hello_p, &message.terms)?;
        // [G27]
        if sid != message.sid {
            return Err(at(Violation::SessionBindingMismatch));
        }
        core.wire.bind(sid);
        out.ground().session(sid);
        message.terms.check(core.profile, &policy.offer, core.wire.limits(), out.now())?;
        if message.terms.phone_evaluations_max > core.elements {
            return Err(Incompatibility::Parameters.into());
        }
        if !policy.profiles.contains(&core.profile) && !message.terms.purpose.removes() {
            return Err(Refusal::ProfileNotAllowed.into());
        }
        let noise_tags = ::disclosure::noise::Noise::tags(&message.terms, core.width);
        policy.check(&core.own.prepared, &message.terms, core.padded_rows(), noise_tags)?;
        // Our own signature is made here and sent once the reserve is on disk.
        let signature = terms::sign_sid(core.wire.key(), &sid);
        let terms = SignedTerms::verify(
            message.terms,
            core.profile,
            sid,
            (core.wire.peer().key(), &message.signature),
            (&core.wire.key().public(), &signature),
        )
        .map_err(at)?;
        let entry =
            LedgerEntry::reserve(&ledger, &sid, core.profile, terms.terms(), core.elements)?;
        out.push(Output::Reserve { entry: entry.clone(), terms: frame });
        let accept = TermsAccept { sid, signature };
        Ok(ExpectReservation { core, terms, entry, accept }.into())
    }
}
