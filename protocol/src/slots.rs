//! Slots of time at which work on matches may show, shuffled order.
//!
//! How long unblinding, look-up and count take depends a little on how many rows match, and an
//! operator decides faster about some counts than about others. The provider sees when the
//! acknowledgement of EVAL leaves and when the next frame does, so that frame leaves at a slot:
//! slots follow from sizes that both sides know, and from nothing else [M-52]. The provider's
//! look-up of handles takes longer the more of them are behind records and not behind noise: its
//! answer leaves at slots too [M-53].

use core::time::Duration;

use crate::error::Bug;
use crate::limits::Limits;

/// Slots of one session, counted from our acknowledgement of EVAL, or of HANDLES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Unit of slots in microseconds.
    unit: u64,
    /// Time for multiplications in microseconds.
    multiply: u64,
    /// Time for everything else in microseconds.
    other: u64,
}

impl Slots {
    /// Slots of a session with so many answers, against a table of so many tags.
    ///
    /// # Errors
    ///
    /// [`Bug`] for sizes that no session has.
    pub fn of(elements: u64, table_tags: u64, limits: &Limits) -> Result<Self, Bug> {
        let unblinding = elements.checked_mul(UNBLIND_ELEMENT_US).ok_or(Bug::invariant())?;
        let look_up = table_tags.div_ceil(LOOK_UP_TAGS_PER_US);
        Self::after(unblinding, look_up, limits)
    }

    /// The same slots, sooner where blinding took less than half of the time that is allowed for
    /// unblinding. The provider saw how long it took, and no match was known then.
    #[must_use]
    pub fn blinded_in(self, took: Duration) -> Self {
        let twice = u64::try_from(took.as_micros()).ok().and_then(|took| took.checked_mul(2));
        Self { multiply: twice.map_or(self.multiply, |twice| twice.min(self.multiply)), ..self }
    }

    /// Slots of a release in a session with so many rows of answers, against a table of so many
    /// tags.
    ///
    /// # Errors
    ///
    /// [`Bug`] for sizes that no session has.
    pub fn of_release(rows: u64, table_tags: u64, limits: &Limits) -> Result<Self, Bug> {
        let sizes = rows.checked_add(table_tags).ok_or(Bug::invariant())?;
        Self::after(0, sizes.checked_mul(RELEASE_US).ok_or(Bug::invariant())?, limits)
    }

    /// Slots from the first unit on in which work of so many microseconds fits.
    fn after(multiply: u64, other: u64, limits: &Limits) -> Result<Self, Bug> {
        let unit = u64::from(limits.slot_ms.max(1)).checked_mul(1_000).ok_or(Bug::invariant())?;
        Ok(Self { unit, multiply, other })
    }

    /// The slot of work that is done after so much time: the first one, or twice the one before.
    ///
    /// # Errors
    ///
    /// [`Bug`] for a time that no clock shows.
    pub fn next(&self, elapsed: Duration) -> Result<Duration, Bug> {
        let bound = self.multiply.checked_add(self.other).ok_or(Bug::invariant())?;
        let units = bound.max(1).div_ceil(self.unit);
        let first = units.checked_mul(self.unit).ok_or(Bug::invariant())?;
        let mut slot = Duration::from_micros(first);
        while slot < elapsed {
            slot = slot.checked_mul(2).ok_or(Bug::invariant())?;
        }
        Ok(slot)
    }
}

/// Microseconds to unblind, hash and sort an answer: twice what two cores with AVX2 take.
const UNBLIND_ELEMENT_US: u64 = 25;
/// Tags of the table that are compared in a microsecond, by half of what that machine does.
const LOOK_UP_TAGS_PER_US: u64 = 2;
/// Microseconds to look up a handle, and to judge an identifier of the snapshot in a release: five
/// times what two cores take.
const RELEASE_US: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{EVALUATIONS_PER_KEY_MAX, TABLE_TAGS_MAX};

    fn slots(elements: u64, table_tags: u64) -> Slots {
        Slots::of(elements, table_tags, &Limits::STANDARD).unwrap()
    }

    fn first(elements: u64, table_tags: u64) -> u64 {
        slots(elements, table_tags).next(Duration::ZERO).unwrap().as_secs()
    }

    #[test]
    fn first_slot_is_the_unit_that_the_padded_work_fits_in() {
        assert_eq!(first(32_768, 32_768), 5);
        // 4,980,725 µs and 19,275 µs, together five seconds; one tag more does not fit.
        assert_eq!(first(199_229, 38_550), 5);
        assert_eq!(first(199_229, 38_551), 10);
        assert_eq!(first(262_144, 131_072), 10);
        // Two million answers and a million tags: 51 seconds of work at these rates.
        assert_eq!(first(2_031_616, 1_015_808), 55);
        assert_eq!(first(0, 0), 5);
        assert_eq!(first(1 << 27, TABLE_TAGS_MAX), 4_430);
        // No size that a session may have is out of range.
        assert!(Slots::of(EVALUATIONS_PER_KEY_MAX, TABLE_TAGS_MAX, &Limits::STANDARD).is_ok());
    }

    #[test]
    fn a_machine_that_blinds_fast_shows_sooner_and_none_later() {
        let million = slots(2_031_616, 1_015_808);
        let after = |seconds| {
            let slots = million.blinded_in(Duration::from_secs(seconds));
            slots.next(Duration::ZERO).unwrap().as_secs()
        };
        // Twice the blinding, and half a second to look up.
        assert_eq!([0, 2, 3, 7].map(after), [5, 5, 10, 15]);
        assert_eq!([26, 60, u64::MAX].map(after), [55; 3]);
        assert_eq!(
            slots(32_768, 32_768)
                .blinded_in(Duration::ZERO)
                .next(Duration::ZERO)
                .unwrap()
                .as_secs(),
            5
        );
    }

    #[test]
    fn release_shows_at_slots_of_the_rows_and_the_table() {
        let first = |rows, tags| {
            let slots = Slots::of_release(rows, tags, &Limits::STANDARD).unwrap();
            slots.next(Duration::ZERO).unwrap().as_secs()
        };
        assert_eq!(first(32_768, 32_768), 5);
        assert_eq!(first(1_250_000, 1_250_000), 5);
        assert_eq!(first(1_250_000, 1_250_001), 10);
        assert_eq!(first(1_015_808, 1_015_808), 5);
        assert!(Slots::of_release(1 << 24, TABLE_TAGS_MAX, &Limits::STANDARD).is_ok());
    }

    #[test]
    fn later_work_shows_at_a_doubling_and_never_before_its_end() {
        let slots = slots(32_768, 32_768);
        let at = |ms| slots.next(Duration::from_millis(ms)).unwrap().as_millis();
        assert_eq!([0, 1, 4_999, 5_000].map(at), [5_000; 4]);
        assert_eq!([5_001, 9_999, 10_000].map(at), [10_000; 3]);
        assert_eq!([10_001, 20_001, 3_600_000].map(at), [20_000, 40_000, 5_120_000]);
        assert!(slots.next(Duration::MAX).is_err());
    }
}
