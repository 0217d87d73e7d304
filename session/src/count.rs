//! Counts that cannot overflow or fall below zero unless this crate is wrong.

use protocol::error::Bug;

/// A count whose overflow or underflow is a defect, found where it happens.
pub(crate) trait Count: Sized + Copy {
    /// Adds to the count.
    ///
    /// # Errors
    ///
    /// [`Bug`] at the caller's place above the greatest value.
    fn grow(&mut self, by: Self) -> Result<(), Bug>;

    /// Takes from the count.
    ///
    /// # Errors
    ///
    /// [`Bug`] at the caller's place below zero.
    fn shrink(&mut self, by: Self) -> Result<(), Bug>;
}

macro_rules! count {
    ($($number:ty),+) => { $(
        impl Count for $number {
            #[track_caller]
            fn grow(&mut self, by: Self) -> Result<(), Bug> {
                *self = self.checked_add(by).ok_or(Bug::invariant())?;
                Ok(())
            }

            #[track_caller]
            fn shrink(&mut self, by: Self) -> Result<(), Bug> {
                *self = self.checked_sub(by).ok_or(Bug::invariant())?;
                Ok(())
            }
        }
    )+ };
}
count!(u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_leaves_its_range_is_a_defect_at_the_callers_line() {
        let mut count = u32::MAX - 1;
        count.grow(1).unwrap();
        let (bug, line) = (count.grow(1).unwrap_err(), line!());
        assert_eq!((bug.place().line(), count), (line, u32::MAX));
        let mut none = 0_u64;
        let (bug, line) = (none.shrink(1).unwrap_err(), line!());
        assert_eq!(bug.place().line(), line);
        assert!(bug.place().file().ends_with("count.rs"));
    }
}
