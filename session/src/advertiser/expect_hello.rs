//! The advertiser's judgement of HELLO_P, before anything of its own follows.

use alloc::boxed::Box;

use crate::advertiser::{
    AdvertiserConfig, AdvertiserSession, Asking, ExpectReservation, MetKey, Next,
};
use crate::order::{InSession, Offered, in_order};
use crate::state::{Core, State};
use crate::wire::{Wire, refused_by_peer};
use crate::{Outbox, Output, Stage};
use protocol::attestation::PartyId;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Clocks, Error, Incompatibility, Refusal, Violation};
use protocol::group::Element;
use protocol::ledger::LedgerEntry;
use protocol::limits::{
    AUDIT_WINDOW_S_DEFAULT, FRAMES_IN_FLIGHT_MAX, TABLE_TAGS_MAX, TERMS_LIFETIME_S_MAX,
};
use protocol::manifest::KnownKey;
use protocol::message::{Control, HelloP, Refuse, Terms};
use protocol::suite::{PROTOCOL_VERSION, SuiteId};
use protocol::terms::{self, MatchTerms};

/// Waits for the provider's nonce, key, table and offer.
#[derive(Debug)]
pub struct ExpectHello {
    pub(crate) config: AdvertiserConfig,
    pub(crate) wire: Wire,
    pub(crate) hello_a: RawFrame,
    /// Padded elements E.
    pub(crate) elements: u64,
}

impl State for ExpectHello {
    type Session = AdvertiserSession;

    fn stage(&self) -> Stage {
        Stage::Hello
    }

    /// Judges HELLO_P, computes the sid, and asks for a hold of the evaluations.
    fn hello_p(self, hello: Box<HelloP>, frame: RawFrame, out: &mut Outbox) -> Next {
        let Self { config, mut wire, hello_a, elements } = self;
        let (hello, now) = (*hello, out.now());
        accept_provider(&config, &hello, elements, now)?;
        let terms = terms_for(&config, &hello, elements, now)?;
        let drawn = config.drawn();
        if drawn < config.least_rows(terms.n_min) {
            return Err(Refusal::SizeOutOfRange.into());
        }
        terms.check(config.profile, &hello.offer, &config.limits, now)?;
        let sid = wire.sid_of(&hello_a, &frame, &terms)?;
        wire.bind(sid);
        let entry = LedgerEntry::reserve(&config.ledger, &sid, config.profile, &terms, elements)?;
        let signature = terms::sign_sid(&config.key, &sid);
        let message = Terms { terms, sid, signature };
        // Encoded here because the hold keeps the very bytes that will be sent.
        let planned = Control::Terms(message.clone()).encode(StreamId::ControlAdvertiser, 1)?;
        out.push(Output::Reserve { entry: entry.clone(), terms: planned });
        let own = Asking {
            keys: config.seed.session_keys(&sid),
            sample_stream: (config.sample_rows > 0)
                .then(|| config.seed.sample_stream(&hello.nonce)),
            hello,
            distinct: config.distinct,
            rows: config.input.rows,
            drawn,
            frames_in_flight: config.frames_in_flight.clamp(1, FRAMES_IN_FLIGHT_MAX),
            high_rate: config.high_rate,
        };
        let (profile, width) = (config.profile, config.row_width);
        let core = Core { wire, profile, elements, width, own };
        Ok(ExpectReservation { core, message, entry }.into())
    }

    fn refuse(self, refuse: Refuse, _frame: RawFrame, out: &mut Outbox) -> Next {
        Err(refused_by_peer(&refuse, out.now()))
    }
}

/// Terms that both sides' minima allow, open from now on.
fn terms_for(
    config: &AdvertiserConfig,
    hello: &HelloP,
    elements: u64,
    now: u64,
) -> Result<MatchTerms, Bug> {
    let (offered, valid) = (hello.offer.expires_at, hello.manifest.body.not_after);
    let latest = now.checked_add(LIFETIME_S).ok_or(Bug::invariant())?;
    let expires_at = latest.min(offered).min(valid);
    let audit_until = expires_at.checked_add(AUDIT_WINDOW_S_DEFAULT).ok_or(Bug::invariant())?;
    let rows = config.padded_rows().ok_or(Bug::invariant())?;
    let wanted = &config.terms;
    Ok(MatchTerms {
        handles_max: wanted.handles_max.min(rows),
        phone_evaluations_max: wanted.phone_evaluations_max.min(elements),
        n_min: wanted.n_min.max(hello.offer.n_min),
        k_min: wanted.k_min.max(hello.offer.k_min),
        group_min: wanted.group_min.max(hello.offer.group_min),
        table_delivery: u8::from(config.cached_table != Some(hello.table)),
        opened_at: now,
        expires_at,
        audit_until,
        ..wanted.clone()
    })
}

/// Accepts or refuses the announcements of the provider.
fn accept_provider(
    config: &AdvertiserConfig,
    hello: &HelloP,
    elements: u64,
    now: u64,
) -> Result<(), Error> {
    let at = |violation| Error::peer(violation, StreamId::ControlProvider.code(), 0);
    if hello.protocol != PROTOCOL_VERSION {
        return Err(Incompatibility::Version.into());
    }
    // [G28]
    if PartyId::of(&hello.attestation_key).0 != *config.peer.party() {
        return Err(at(Violation::SessionBindingMismatch));
    }
    // [G28]
    hello.verify(&config.peer.channel().exporter).map_err(at)?;
    // Before any time of the provider is judged: a slow clock here is no fault there.
    Clocks { local: now, peer: hello.sent_at }.check()?;
    hello.manifest.verify(&hello.attestation_key).map_err(at)?;
    hello.snapshot.verify(&hello.attestation_key).map_err(at)?;
    let manifest = &hello.manifest.body;
    // [G20] [G22]
    let fits = manifest.provider == *config.peer.party()
        && manifest.partner == config.key.party().0
        && manifest.suite == config.profile.suite().code()
        && manifest.is_within_bounds()
        && manifest.is_valid_at(hello.sent_at)
        && hello.snapshot.body.provider == *config.peer.party();
    if !fits {
        return Err(at(Violation::ManifestMismatch));
    }
    Element::decode(&manifest.public_key).map_err(at)?;
    accept_key(&config.known_keys, config.profile.suite(), &hello.manifest.known_key()?)?;
    let padded = hello.table.tag_count.is_multiple_of(u64::from(config.limits.frame_elements));
    // [G45]
    if hello.table.tag_count == 0 || !padded || hello.table.tag_count > TABLE_TAGS_MAX {
        return Err(Refusal::SizeOutOfRange.into());
    }
    if hello.table.tag_count > config.table_tags_max {
        return Err(Refusal::Implausible.into());
    }
    // [G52]
    if hello.rules_digest != config.rules_digest {
        return Err(Incompatibility::Ruleset.into());
    }
    if hello.ledger_head != config.ledger.hash {
        return Err(Incompatibility::LedgerHeadsDiffer.into());
    }
    // [G46]
    if elements > manifest.evaluations_max {
        return Err(Refusal::KeyExhausted.into());
    }
    if !config.terms.purpose.removes() && elements > hello.offer.evaluations_left {
        return Err(Refusal::BudgetExceeded.into());
    }
    Ok(())
}

/// Accepts a key that is new, or that may come back [K-12].
///
/// # Errors
///
/// [`Violation::KeyReused`] for a key under which an answer is here, and for an aligned one under
/// another name or manifest; [`Refusal::KeySpent`] for a run key that only terms have spent.
fn accept_key(met: &[MetKey], suite: SuiteId, offered: &KnownKey) -> Result<(), Error> {
    let judge = |met| in_order!(suite, O => O::judge_key(met, offered));
    let is = |verdict| met.iter().any(|met| judge(met) == verdict);
    if is(Offered::Reused) {
        return Err(Error::peer(Violation::KeyReused, StreamId::ControlProvider.code(), 0));
    }
    if is(Offered::Spent) { Err(Refusal::KeySpent.into()) } else { Ok(()) }
}

/// Seconds that terms are open for by default: a day, or the most that terms may be.
const LIFETIME_S: u64 = if TERMS_LIFETIME_S_MAX < 86_400 { TERMS_LIFETIME_S_MAX } else { 86_400 };
