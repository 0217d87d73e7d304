//! Shuffled order by rows: constant width, filler, strict order, and numbers of hits.
//!
//! A row crosses the wire as w elements whatever it holds, so its size says nothing. Inside a row
//! the encodings are strictly increasing, and rows are strictly increasing by their first encoding:
//! the order follows from the elements alone and *is* the shuffle [M-41]. Nothing random has to be
//! got right, and anybody with the frames can check it.

use crate::error::{Error, Incompatibility, Refusal, Violation};
use crate::group::Encoded;
use crate::limits::{
    ELEMENTS_ALIGNED_MAX, Limits, ROW_WIDTH_MAX, ROWS_PER_CANARY_ROW, ROWS_SHUFFLED_MAX,
};
use crate::message::HelloA;
use crate::suite::{Profile, SuiteId};

/// Identifier slots of every row of a session, 1 to 8; public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowWidth(u8);

impl RowWidth {
    /// One slot, the width of aligned order.
    pub const ONE: Self = Self(1);

    /// A width within the limit.
    #[must_use]
    pub const fn new(slots: u8) -> Option<Self> {
        if slots >= 1 && slots <= ROW_WIDTH_MAX { Some(Self(slots)) } else { None }
    }

    /// Slots of a row.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Slots of a row, as an index.
    #[must_use]
    pub const fn slots(self) -> usize {
        self.0 as usize
    }

    /// Bytes of a row of encodings.
    #[must_use]
    pub const fn row_len(self) -> usize {
        self.0 as usize * 32
    }

    /// Whole rows in a full frame: `floor(frame elements / w)`.
    #[must_use]
    pub const fn frame_rows(self, limits: &Limits) -> u32 {
        limits.frame_elements / self.0 as u32
    }

    /// Elements in a full frame of BLIND or EVAL.
    #[must_use]
    pub const fn frame_elements(self, limits: &Limits) -> u32 {
        self.frame_rows(limits) * self.0 as u32
    }

    /// Padded rows n̂ of `rows` real ones: room for the least number of canary rows, rounded up to
    /// a class [M-46]. `None` above the limit.
    #[must_use]
    pub fn padded_rows(rows: u64, limits: &Limits) -> Option<u64> {
        let canaries = limits.canary_rows_min.max(rows.div_ceil(ROWS_PER_CANARY_ROW));
        let padded = limits.padded(rows.checked_add(canaries)?)?;
        (padded <= ROWS_SHUFFLED_MAX).then_some(padded)
    }

    /// Sorts the encodings inside each row; `encodings` holds whole rows.
    pub fn sort_inside(self, encodings: &mut [Encoded]) {
        for row in encodings.chunks_mut(self.slots()) {
            row.sort_unstable();
        }
    }
}

/// Checks that rows come in strict order, across frames too.
///
/// Strict order stops a repeated element next to itself or at the head of two rows; that *all*
/// elements of a session differ is checked on its frames (T0-22).
#[derive(Debug, Clone)]
pub struct RowOrder {
    width: RowWidth,
    last_first: Option<Encoded>,
}

impl RowOrder {
    /// Expects the first row.
    #[must_use]
    pub const fn new(width: RowWidth) -> Self {
        Self { width, last_first: None }
    }

    /// Checks the next rows; `encodings` holds whole rows.
    ///
    /// # Errors
    ///
    /// [`Violation::OrderNotStrict`], the sender's fault [M-41]; [`Violation::FrameMalformed`] for
    /// a part of a row.
    pub fn check(&mut self, encodings: &[Encoded]) -> Result<(), Violation> {
        if !encodings.len().is_multiple_of(self.width.slots()) {
            return Err(Violation::FrameMalformed);
        }
        for row in encodings.chunks(self.width.slots()) {
            let first = row.first().ok_or(Violation::FrameMalformed)?;
            let after = self.last_first.is_none_or(|last| last < *first);
            // [G11] [G12]
            if !after || !row.is_sorted_by(|a, b| a < b) {
                return Err(Violation::OrderNotStrict);
            }
            self.last_first = Some(*first);
        }
        Ok(())
    }
}

/// Rows by how many of their slots hit the table: the count of a shuffled session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Rows with 0, 1, … 8 hits.
    bins: [u64; ROW_WIDTH_MAX as usize + 1],
}

impl Histogram {
    /// Counts `rows` rows of which none has been seen to hit yet.
    #[must_use]
    pub const fn of_rows(rows: u64) -> Self {
        let mut bins = [0; ROW_WIDTH_MAX as usize + 1];
        let [first, ..] = &mut bins;
        *first = rows;
        Self { bins }
    }

    /// Moves one row from "no hit" to `hits`; `None` if there is no such row or no such bin.
    pub fn hit(&mut self, hits: usize) -> Option<()> {
        let [none, some @ ..] = &mut self.bins;
        let bin = some.get_mut(hits.checked_sub(1)?)?;
        *none = none.checked_sub(1)?;
        *bin = bin.checked_add(1)?;
        Some(())
    }

    /// Rows with 0 to w hits.
    #[must_use]
    pub fn bins(&self, width: RowWidth) -> &[u64] {
        // A width is at most 8, and there are 9 bins.
        let (bins, _) = self.bins.split_at(width.slots() + 1);
        bins
    }

    /// Rows with at least one hit.
    #[must_use]
    pub fn matched(&self) -> u64 {
        let [_, some @ ..] = &self.bins;
        // Rows are moved between bins and never made, so that no sum exceeds their number.
        some.iter().sum()
    }
}

/// Row width of a HELLO whose width, sample and padded size its order and profile may have.
///
/// # Errors
///
/// [`Incompatibility::Parameters`] or [`Refusal::SizeOutOfRange`]; nobody broke a rule of the wire.
pub fn accept_shape(profile: Profile, hello: &HelloA, limits: &Limits) -> Result<RowWidth, Error> {
    let width = RowWidth::new(hello.row_width).ok_or(Incompatibility::Parameters)?;
    let (rows_max, sized) = match profile.suite() {
        SuiteId::Aligned if width != RowWidth::ONE || hello.sample_rows != 0 => {
            return Err(Incompatibility::Parameters.into());
        }
        SuiteId::Aligned => (ELEMENTS_ALIGNED_MAX, true),
        SuiteId::Shuffled if hello.sample_rows == 0 => (ROWS_SHUFFLED_MAX, true),
        SuiteId::Shuffled => {
            let enough = hello.sample_rows >= limits.sample_rows_min;
            if profile != Profile::MatchRate || !enough {
                return Err(Incompatibility::Parameters.into());
            }
            let padded = RowWidth::padded_rows(hello.sample_rows, limits);
            (ROWS_SHUFFLED_MAX, padded == Some(hello.row_slots))
        }
    };
    let whole = hello.row_slots.is_multiple_of(u64::from(limits.frame_elements));
    // [G45]
    if hello.row_slots == 0 || !whole || !sized || hello.row_slots > rows_max {
        return Err(Refusal::SizeOutOfRange.into());
    }
    Ok(width)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn encoded(byte: u8) -> Encoded {
        [byte; 32]
    }

    fn width(slots: u8) -> RowWidth {
        RowWidth::new(slots).unwrap()
    }

    #[test]
    fn widths_are_one_to_eight() {
        assert_eq!(RowWidth::new(0), None);
        assert_eq!(RowWidth::new(9), None);
        for slots in 1..=8 {
            assert_eq!(width(slots).get(), slots);
        }
    }

    #[test]
    fn frames_hold_whole_rows() {
        assert_eq!(width(1).frame_elements(&Limits::STANDARD), 32_768);
        assert_eq!(width(3).frame_rows(&Limits::STANDARD), 10_922);
        assert_eq!(width(3).frame_elements(&Limits::STANDARD), 32_766);
        assert_eq!(width(8).frame_elements(&Limits::STANDARD), 32_768);
    }

    #[test]
    fn padding_leaves_room_for_a_thousand_canary_rows_or_one_for_64() {
        let padded = |rows| RowWidth::padded_rows(rows, &Limits::STANDARD);
        assert_eq!(padded(1), Some(32_768));
        assert_eq!(padded(31_768), Some(32_768));
        assert_eq!(padded(31_769), Some(65_536));
        // Above 64,000 rows the share decides: 31·32,768 rows hold 1,000,180 and 15,628 canaries.
        assert_eq!(padded(64_000), Some(65_536));
        assert_eq!(padded(1_000_180), Some(31 * 32_768));
        assert_eq!(padded(1_000_181), Some(32 * 32_768));
        assert_eq!(padded((1 << 24) * 64 / 65), Some(1 << 24));
        assert_eq!(padded((1 << 24) * 64 / 65 + 1), None);
        assert_eq!(padded(u64::MAX), None);
    }

    #[test]
    fn order_is_strict_inside_rows_between_them_and_across_frames() {
        // M6, M7
        let ok = |rows: &[&[u8]]| {
            let mut order = RowOrder::new(width(2));
            rows.iter().try_for_each(|frame| {
                let frame: Vec<Encoded> = frame.iter().copied().map(encoded).collect();
                order.check(&frame)
            })
        };
        assert_eq!(ok(&[&[1, 9, 2, 3], &[4, 5]]), Ok(()));
        // Second elements of rows are free between rows.
        assert_eq!(ok(&[&[1, 9, 2, 9]]), Ok(()));
        for bad in [[1, 1, 2, 3], [2, 1, 3, 4], [2, 3, 1, 4], [1, 2, 1, 3]] {
            assert_eq!(ok(&[&bad]), Err(Violation::OrderNotStrict), "{bad:?}");
            let (first, second) = bad.split_at(2);
            assert_eq!(ok(&[first, second]), Err(Violation::OrderNotStrict), "{bad:?} in two");
        }
        assert_eq!(ok(&[&[1, 2, 3]]), Err(Violation::FrameMalformed));
    }

    #[test]
    fn histogram_moves_rows_and_never_invents_them() {
        let mut histogram = Histogram::of_rows(2);
        histogram.hit(3).unwrap();
        histogram.hit(1).unwrap();
        assert_eq!(histogram.bins(width(3)), [0, 1, 0, 1]);
        assert_eq!(histogram.matched(), 2);
        assert_eq!(histogram.hit(1), None);
        assert_eq!(Histogram::of_rows(1).hit(0), None);
        assert_eq!(Histogram::of_rows(1).hit(9), None);
    }
}
