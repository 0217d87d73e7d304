//! Patience of a run: time before it asks again, and the end of waiting.

use std::time::Duration;

use channel::TransportError;
use node::failure::{Failure, channel_error, session_error};
use protocol::error::{Error, Refusal};

/// The waiting time of one run, as it is spent.
#[derive(Debug)]
pub(super) struct Patience {
    /// Longest wait in all.
    most: Duration,
    waited: Duration,
    /// Tries that found no place, one after the other.
    crowded: u32,
}

impl Patience {
    /// Patience for so long in all.
    pub(super) const fn of(most: Duration) -> Self {
        Self { most, waited: Duration::ZERO, crowded: 0 }
    }

    /// Time to wait before the same is asked again; `None` if that would not help, or if the
    /// run has waited enough.
    ///
    /// Only for a session in which nothing is charged. `drawn` is random: advertisers who were
    /// turned away together do not come back together.
    pub(super) fn after(&mut self, failure: &Failure, drawn: u32) -> Option<Duration> {
        let wait = match (session_error(failure), channel_error(failure)) {
            // Found here: the provider hears of it now, and takes the next key.
            (Some(Error::Refused(Refusal::KeySpent)), _) => KEY_SPENT,
            (Some(refused @ Error::RefusedByPeer { retry_after_s, .. }), _)
                if *retry_after_s > 0
                    && matches!(
                        refused.refusal(),
                        Some(Refusal::TableNotReady | Refusal::SessionBusy | Refusal::KeySpent)
                    ) =>
            {
                self.crowded = 0;
                Duration::from_secs((*retry_after_s).into())
            }
            (_, Some(error)) if TransportError::is_overload(error) => {
                let doubled = FIRST.saturating_mul(1_u32.checked_shl(self.crowded)?);
                self.crowded = self.crowded.saturating_add(1).min(CROWDED_MAX);
                let half = doubled.min(LONGEST) / 2;
                half + half.mul_f64(f64::from(drawn) / f64::from(u32::MAX))
            }
            _ => return None,
        };
        self.waited = self.waited.saturating_add(wait);
        (self.waited <= self.most).then_some(wait)
    }
}

/// Long enough for the provider to take the next key.
const KEY_SPENT: Duration = Duration::from_secs(1);
/// Waits for a place at the provider's door: doubled from the first to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);
const CROWDED_MAX: u32 = 8;

#[cfg(test)]
mod tests {
    use node::failure::TooFewRows;

    use super::*;

    const WAIT_MAX: Duration = Duration::from_secs(1_800);
    use channel::Close;
    use protocol::error::RefuseCode;

    fn closed(why: Close) -> Failure {
        TransportError::Closed(why).into()
    }

    fn refused(why: Refusal, retry_after_s: u32) -> Failure {
        let why = RefuseCode::Refusal(why);
        Error::RefusedByPeer { why, retry_after_s, ledger_head: [0; 32] }.into()
    }

    #[test]
    fn crowd_at_the_door_is_waited_out_with_longer_and_uneven_breaks() {
        for why in [Close::Overloaded, Close::TooManyConnections, Close::ShuttingDown] {
            let mut patience = Patience::of(WAIT_MAX);
            let waits: Vec<u128> = [0, u32::MAX, u32::MAX / 2, 0, u32::MAX, u32::MAX, u32::MAX]
                .iter()
                .map(|drawn| patience.after(&closed(why), *drawn).unwrap().as_millis())
                .collect();
            assert_eq!(waits[..2], [250, 1_000]);
            assert!((1_499..=1_501).contains(&waits[2]), "{waits:?}");
            assert_eq!(waits[3..], [2_000, 8_000, 10_000, 10_000]);
        }
    }

    #[test]
    fn spent_key_is_no_reason_to_give_up() {
        let mut patience = Patience::of(WAIT_MAX);
        let found = Error::Refused(Refusal::KeySpent).into();
        assert_eq!(patience.after(&found, 0), Some(KEY_SPENT));
        let told = refused(Refusal::KeySpent, 5);
        assert_eq!(patience.after(&told, 0), Some(Duration::from_secs(5)));
    }

    #[test]
    fn waiting_has_an_end() {
        let mut patience = Patience::of(WAIT_MAX);
        let tries = std::iter::from_fn(|| patience.after(&closed(Close::Overloaded), 0));
        let all: Duration = tries.take(100_000).sum();
        assert!(all <= WAIT_MAX && all > WAIT_MAX - LONGEST, "{all:?}");
        let mut patience = Patience::of(WAIT_MAX);
        assert!(patience.after(&refused(Refusal::TableNotReady, 1_800), 0).is_some());
        assert_eq!(patience.after(&refused(Refusal::TableNotReady, 1), 0), None);
    }

    #[test]
    fn only_what_passes_by_itself_is_waited_out() {
        let mut patience = Patience::of(WAIT_MAX);
        let five = Some(Duration::from_secs(5));
        assert_eq!(patience.after(&refused(Refusal::SessionBusy, 5), 0), five);
        for failure in [
            refused(Refusal::SessionBusy, 0),
            refused(Refusal::BudgetExceeded, 5),
            refused(Refusal::TooManyHellos, 5),
            closed(Close::Unpinned),
            closed(Close::Error),
            closed(Close::Dropped),
            TooFewRows { eligible: 1, n_min: 2 }.into(),
        ] {
            assert_eq!(patience.after(&failure, 0), None, "{failure:?}");
        }
    }
}
