//! The provider's judgement of HELLO_A, and its offer.

use alloc::boxed::Box;

use crate::order::{InSession, in_order};
use crate::provider::{ExpectTerms, Next, ProviderConfig, ProviderSession, Serving};
use crate::state::{Core, State};
use crate::wire::Wire;
use crate::{Outbox, Output, Stage};
use protocol::attestation::{PartyId, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Clocks, Error, Incompatibility, Refusal, Violation};
use protocol::message::{Control, HelloA, HelloP};
use protocol::rows::{RowWidth, accept_shape};
use protocol::suite::{PROTOCOL_VERSION, Profile, SuiteId};

/// Waits for the wishes and the commitments of the advertiser.
#[derive(Debug)]
pub struct ExpectHello {
    pub(crate) config: ProviderConfig,
    pub(crate) wire: Wire,
}

impl State for ExpectHello {
    type Session = ProviderSession;

    fn stage(&self) -> Stage {
        Stage::Hello
    }

    fn hello_a(self, hello: HelloA, hello_a: RawFrame, out: &mut Outbox) -> Next {
        let (Self { config, wire }, now) = (self, out.now());
        if let Some((refusal, retry_after_s)) = config.busy {
            out.retry_after(retry_after_s);
            return Err(refusal.into());
        }
        let Asked { profile, width, elements } = accept_advertiser(&config, &hello, now)?;
        let prepared = config
            .prepared
            .into_iter()
            .find(|prepared| prepared.profile == profile)
            .ok_or(Refusal::TableNotReady)?;
        let manifest = &prepared.manifest.body;
        // A manifest of ours that no advertiser may accept, or a key of the other order.
        let suite = profile.suite();
        let fits = manifest.suite == suite.code()
            && in_order!(suite, O => O::key(&prepared.key).is_some());
        if !manifest.is_within_bounds() || !fits {
            return Err(Bug::misuse().into());
        }
        if !manifest.is_valid_at(now) {
            return Err(Refusal::TableNotReady.into());
        }
        if elements > manifest.evaluations_max {
            return Err(Refusal::KeyExhausted.into());
        }
        let answer = HelloP {
            protocol: PROTOCOL_VERSION,
            attestation_key: config.key.public(),
            nonce: config.nonce,
            manifest: prepared.manifest.clone(),
            snapshot: prepared.snapshot.clone(),
            table: prepared.table,
            rules_digest: config.rules_digest,
            suppression_epoch: config.suppression_epoch,
            ledger_head: config.ledger.hash,
            offer: config.policy.offer,
            sent_at: now,
            program: config.program.with_limits(wire.limits()),
            signature: Signature::NONE,
        }
        .signed(&config.key, &config.peer.channel().exporter)?;
        out.push(Output::Opening);
        let hello_p = out.send_control(&Control::HelloP(Box::new(answer)))?;
        let own = Serving { prepared, frames_pending_max: config.frames_pending_max.max(1) };
        let core = Core { wire, profile, elements, width, own };
        let (policy, ledger) = (config.policy, config.ledger);
        Ok(ExpectTerms { core, hello_a, hello_p, policy, ledger }.into())
    }
}

/// Request of the advertiser, once it is known to be allowed.
struct Asked {
    profile: Profile,
    width: RowWidth,
    /// Padded elements E.
    elements: u64,
}

/// Accepts or refuses what the advertiser asks for.
fn accept_advertiser(config: &ProviderConfig, hello: &HelloA, now: u64) -> Result<Asked, Error> {
    let at = |violation| Error::peer(violation, StreamId::ControlAdvertiser.code(), 0);
    if !(hello.protocol_min..=hello.protocol_max).contains(&PROTOCOL_VERSION) {
        return Err(Incompatibility::Version.into());
    }
    // [G28]
    if PartyId::of(&hello.attestation_key).0 != *config.peer.party() {
        return Err(at(Violation::SessionBindingMismatch));
    }
    // [G28]
    hello.verify(&config.peer.channel().exporter).map_err(at)?;
    Clocks { local: now, peer: hello.sent_at }.check()?;
    let profile = Profile::from_code(hello.profile).ok_or(Incompatibility::Profile)?;
    // [G32] The suite follows from the profile; there is no fallback.
    if hello.suite != profile.suite().code() {
        return Err(Incompatibility::Suite.into());
    }
    // Wider noise rows would hit tags that no table of the policy holds.
    let width_max = config.policy.guardrails.row_width_max;
    if profile.suite() == SuiteId::Shuffled && hello.row_width > width_max {
        return Err(Incompatibility::Parameters.into());
    }
    // What a removal is for the terms say.
    if !config.policy.profiles.contains(&profile) && !config.policy.may_remove(profile) {
        return Err(Refusal::ProfileNotAllowed.into());
    }
    let width = accept_shape(profile, hello, &config.limits)?;
    let elements = hello.elements().ok_or(Refusal::SizeOutOfRange)?;
    // [G45]
    if elements > config.policy.elements_max {
        return Err(Refusal::SizeOutOfRange.into());
    }
    // [G52]
    if hello.rules_digest != config.rules_digest {
        return Err(Incompatibility::Ruleset.into());
    }
    if hello.ledger_head != config.ledger.hash {
        return Err(Incompatibility::LedgerHeadsDiffer.into());
    }
    // [G46] A removal has an allowance of its own: the reserve is judged by it.
    let removes = config.policy.may_remove(profile);
    if !removes && elements > config.policy.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(Asked { profile, width, elements })
}
