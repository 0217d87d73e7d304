//! Pace at which somebody may come: so many at once, and then one in each stretch of time.

use std::time::{Duration, Instant};

/// Coming of one party so far, in the memory of one time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Time at which all that came would have come one by one.
    due: Option<Instant>,
}

/// Rule for a [`Pace`].
#[derive(Debug, Clone, Copy)]
pub struct PaceLimits {
    /// Number that may come without time between them.
    pub at_once: u32,
    /// Time after which one more may come.
    pub every: Duration,
}

impl Pace {
    /// Counts one that comes now; otherwise the time after which one may come, and nothing is
    /// counted.
    ///
    /// # Errors
    ///
    /// The time to wait.
    pub fn step(&mut self, now: Instant, limits: PaceLimits) -> Result<(), Duration> {
        let due = self.due.map_or(now, |due| due.max(now));
        let with_this = due.duration_since(now) + limits.every;
        match with_this.checked_sub(limits.every * limits.at_once) {
            None | Some(Duration::ZERO) => {
                self.due = due.checked_add(limits.every);
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }

    /// Takes back one that was counted.
    pub fn take_back(&mut self, limits: PaceLimits) {
        self.due = self.due.and_then(|due| due.checked_sub(limits.every));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits = PaceLimits { at_once: 64, every: Duration::from_secs(1) };

    fn come(pace: &mut Pace, now: Instant, times: u32) -> usize {
        (0..times).filter(|_| pace.step(now, LIMITS).is_ok()).count()
    }

    #[test]
    fn nobody_comes_more_often_than_the_pace_however_often_they_try() {
        let begun = Instant::now();
        let second = |n| begun + Duration::from_secs(n);
        let mut pace = Pace::default();
        assert_eq!(come(&mut pace, begun, 1_000), 64);
        let kept: usize = (1..=600).map(|n| come(&mut pace, second(n), 10)).sum();
        assert_eq!(kept, 600);
        assert_eq!(come(&mut Pace::default(), begun, 1), 1, "another party");
        assert_eq!(come(&mut pace, second(3_600), 1_000), 64, "nothing is saved up beyond that");
    }

    #[test]
    fn whoever_is_stopped_hears_how_long_and_may_come_then() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        come(&mut pace, begun, 64);
        let later = begun + Duration::from_millis(300);
        let wait = pace.step(later, LIMITS).unwrap_err();
        assert_eq!(wait, Duration::from_millis(700));
        assert!(pace.step(later + wait - Duration::from_millis(1), LIMITS).is_err());
        assert!(pace.step(later + wait, LIMITS).is_ok());
        pace.take_back(LIMITS);
        assert_eq!(come(&mut pace, later + wait, 5), 1, "the one that was taken back");
    }
}
