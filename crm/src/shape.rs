//! Shape of a session on an input: rows, slots, elements.
//!
//! The shape is public to both sides, and follows from the number of rows and from what the files
//! could hold by their columns, never from what a row does hold.

use protocol::error::{Error, Refusal};
use protocol::limits::{Limits, ROW_WIDTH_MAX};
use protocol::rows::RowWidth;
use protocol::suite::SuiteId;

/// Size of a session as both sides see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Identifier slots of a row.
    pub width: RowWidth,
    /// Rows to draw; 0 for all of them.
    pub sample_rows: u64,
    /// Rows asked for: all that are eligible, or the sample.
    pub rows: u64,
    /// Rows after padding; in aligned order these are identifiers.
    pub padded_rows: u64,
    /// Elements, which are the evaluations charged.
    pub elements: u64,
}

impl Shape {
    /// The shape of a session on so many eligible rows, of which some may be drawn, with so many
    /// distinct identifiers, where a row can have so many by the columns of its file.
    ///
    /// # Errors
    ///
    /// [`Refusal::SizeOutOfRange`] for an input that is too large.
    pub fn of(
        suite: SuiteId,
        (eligible, sample): (u64, Option<u64>),
        distinct: u64,
        row_identifiers_max: usize,
    ) -> Result<Self, Error> {
        let too_large = || Error::from(Refusal::SizeOutOfRange);
        let limits = Limits::STANDARD;
        if suite == SuiteId::Aligned {
            let elements = limits.padded(distinct).ok_or_else(too_large)?;
            let (width, rows) = (RowWidth::ONE, eligible);
            return Ok(Self { width, sample_rows: 0, rows, padded_rows: elements, elements });
        }
        let width = u8::try_from(row_identifiers_max).unwrap_or(ROW_WIDTH_MAX);
        let width = RowWidth::new(width.clamp(1, ROW_WIDTH_MAX)).ok_or_else(too_large)?;
        let sample_rows = sample.filter(|sample| *sample < eligible).unwrap_or(0);
        let rows = if sample_rows == 0 { eligible } else { sample_rows };
        let padded_rows = RowWidth::padded_rows(rows, &limits).ok_or_else(too_large)?;
        let elements = padded_rows.saturating_mul(u64::from(width.get()));
        Ok(Self { width, sample_rows, rows, padded_rows, elements })
    }

    /// Rows of the session that are canaries, all of which must be answered rightly.
    #[must_use]
    pub const fn canary_rows(&self) -> u64 {
        self.padded_rows.saturating_sub(self.rows)
    }
}
