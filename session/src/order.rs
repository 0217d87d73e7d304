//! Differences between aligned and shuffled order, and the only place that matches suites.

use alloc::sync::Arc;

use crate::advertiser::canary::CanariesAnswered;
use crate::advertiser::{AdvertiserConfig, Asking, ExpectAnswers, ExpectEvaluations, MetKey};
use crate::disclosure::AlignedEvidence;
use crate::provider::{ExpectBlinds, ExpectRows, MatchKey, Serving};
use crate::state::Agreed;
use crate::{Outbox, advertiser, provider};
use protocol::error::Bug;
use protocol::manifest::KnownKey;
use protocol::oprf::PrfKey;
use protocol::rows::RowWidth;
use protocol::suite::{Aligned, Order, Shuffled};

/// Session of one order: its key, evidence, output, longest states and their tasks.
pub(crate) trait InSession: Order {
    /// Evidence that answers were made under the committed key.
    type Evidence: Evidence;

    /// The provider's key, if it is one of this order.
    fn key(key: &MatchKey) -> Option<&Arc<PrfKey<Self>>>;

    /// Padded rows n̂ of an input; `None` for an input that no session may have.
    fn padded_rows(config: &AdvertiserConfig) -> Option<u64>;

    /// Judges an offered key by one that the advertiser has met [K-12].
    fn judge_key(met: &MetKey, offered: &KnownKey) -> Offered;

    /// The advertiser's longest state.
    fn ask(core: Agreed<Asking>, out: &mut Outbox) -> advertiser::Next;

    /// The provider's longest state.
    fn serve(core: Agreed<Serving>, out: &mut Outbox) -> provider::Next;
}

/// Evidence of an order about the answers of a whole session.
pub(crate) trait Evidence {
    /// Tells if the evidence covers all elements that were sent.
    fn covers(&self, elements: u64) -> bool;
}

/// Verdict about an offered key, from the side of one key that was met before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offered {
    /// Nothing speaks against it.
    Free,
    /// Terms have spent it, and no answer is here.
    Spent,
    /// Offering it again breaks the protocol.
    Reused,
}

impl InSession for Aligned {
    type Evidence = AlignedEvidence;

    fn key(key: &MatchKey) -> Option<&Arc<PrfKey<Self>>> {
        match key {
            MatchKey::Aligned(key) => Some(key),
            MatchKey::Shuffled(..) => None,
        }
    }

    /// Padded rows are padded identifiers here.
    fn padded_rows(config: &AdvertiserConfig) -> Option<u64> {
        config.limits.padded(config.distinct)
    }

    /// A key may come back, but only under the manifest it first had.
    fn judge_key(met: &MetKey, offered: &KnownKey) -> Offered {
        // [G21]
        if met.key.contradicts(offered) { Offered::Reused } else { Offered::Free }
    }

    fn ask(core: Agreed<Asking>, out: &mut Outbox) -> advertiser::Next {
        ExpectEvaluations::start(core, out)
    }

    fn serve(core: Agreed<Serving>, out: &mut Outbox) -> provider::Next {
        Ok(ExpectBlinds::start(core, out).into())
    }
}

impl InSession for Shuffled {
    type Evidence = CanariesAnswered;

    fn key(key: &MatchKey) -> Option<&Arc<PrfKey<Self>>> {
        match key {
            MatchKey::Shuffled(key, _) => Some(key),
            MatchKey::Aligned(_) => None,
        }
    }

    fn padded_rows(config: &AdvertiserConfig) -> Option<u64> {
        if config.sample_rows >= config.input.rows {
            return None;
        }
        RowWidth::padded_rows(config.drawn(), &config.limits)
    }

    /// A key serves one run.
    fn judge_key(met: &MetKey, offered: &KnownKey) -> Offered {
        match (met.key.shares_with(offered), met.answered) {
            (false, _) => Offered::Free,
            (true, false) => Offered::Spent,
            // [G21]
            (true, true) => Offered::Reused,
        }
    }

    fn ask(core: Agreed<Asking>, out: &mut Outbox) -> advertiser::Next {
        ExpectAnswers::start(core, out)
    }

    fn serve(core: Agreed<Serving>, out: &mut Outbox) -> provider::Next {
        Ok(ExpectRows::start(core, out).into())
    }
}

/// Evaluates an expression for the order `$order` that a suite has.
macro_rules! in_order {
    ($suite:expr, $order:ident => $value:expr) => {
        match $suite {
            protocol::suite::SuiteId::Aligned => {
                type $order = protocol::suite::Aligned;
                $value
            }
            protocol::suite::SuiteId::Shuffled => {
                type $order = protocol::suite::Shuffled;
                $value
            }
        }
    };
}
pub(crate) use in_order;

/// The provider's key for the order of the state that asks; the session began with one of it.
pub(crate) fn key_of<O: InSession>(core: &Agreed<Serving>) -> Result<Arc<PrfKey<O>>, Bug> {
    O::key(&core.own.prepared.key).cloned().ok_or(Bug::invariant())
}
