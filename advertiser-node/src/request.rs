//! Request of the operator, and the shape it gives a session: rows, slots, elements.
//!
//! The shape is public to both sides. It follows from the number of rows and from what the files
//! could hold by their columns, never from what a row does hold.

use crm::PreparedInput;
use node::failure::Failure;
use node::invite::Invitation;
use protocol::error::{Error, Refusal};
use protocol::limits::{Limits, ROW_WIDTH_MAX};
use protocol::rows::RowWidth;
use protocol::suite::{Profile, SuiteId};
use report::{Arg, Code, Text};

/// A profile and what belongs to it, as the command line has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    pub(crate) profile: Profile,
    /// Rows to draw, for a forecast.
    sample: Option<u64>,
}

impl Request {
    /// Reads the options; nothing of the node is looked at.
    pub(crate) fn parse(profile: &str, sample: Option<u64>) -> Result<Self, Failure> {
        let usage = |text| Failure::new(Code::Usage, text);
        let unknown = || usage(Text::new("request-no-profile").with("profile", profile));
        let profile = Profile::from_name(profile).ok_or_else(unknown)?;
        let least = Limits::STANDARD.sample_rows_min;
        match sample {
            Some(_) if profile != Profile::MatchRate => {
                let text = Text::new("request-sample-delivers");
                Err(usage(text.with("profile", profile.name())))
            }
            Some(rows) if rows < least => {
                let text = Text::new("request-sample-small").with("rows", rows);
                Err(usage(text.with("least", Arg::Number(least))))
            }
            _ => Ok(Self { profile, sample }),
        }
    }

    /// Refuses a profile that the invitation does not list, before anything is sent [D-09].
    pub(crate) fn allowed_by(&self, invitation: &Invitation) -> Result<(), Failure> {
        if invitation.profiles.iter().any(|allowed| allowed == self.profile.name()) {
            return Ok(());
        }
        Err(Error::from(Refusal::ProfileNotAllowed).into())
    }

    /// True if the result is a file that cannot do without `--output`.
    pub(crate) fn needs_output(&self) -> bool {
        matches!(self.profile, Profile::MatchedRows | Profile::DigitalIds)
    }

    /// The shape of a session on an input.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the input is too large.
    pub(crate) fn shape(&self, input: &PreparedInput) -> Result<Shape, Failure> {
        // Without the files at hand nothing is known of their columns: the widest rows there are.
        let longest = input.row_identifiers_max().unwrap_or(usize::from(ROW_WIDTH_MAX));
        self.shape_of(input.counts().eligible, input.distinct(), longest)
    }

    /// The shape of a session on an input of so many rows and distinct identifiers, of which a row
    /// can have so many by the columns of its file.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the input is too large.
    pub(crate) fn shape_of(
        &self,
        eligible: u64,
        distinct: u64,
        row_identifiers_max: usize,
    ) -> Result<Shape, Failure> {
        Shape::of(*self, eligible, distinct, row_identifiers_max)
    }
}

/// Size of a session as both sides see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Identifier slots of a row.
    pub(crate) width: RowWidth,
    /// Rows to draw; 0 for all of them.
    pub(crate) sample_rows: u64,
    /// Rows asked for: all that are eligible, or the sample.
    pub(crate) rows: u64,
    /// Rows after padding; in aligned order these are identifiers.
    pub(crate) padded_rows: u64,
    /// Elements, which are the evaluations charged.
    pub(crate) elements: u64,
}

impl Shape {
    fn of(
        request: Request,
        eligible: u64,
        distinct: u64,
        row_identifiers_max: usize,
    ) -> Result<Self, Failure> {
        let too_large = || Failure::from(Error::from(Refusal::SizeOutOfRange));
        let limits = Limits::STANDARD;
        if request.profile.suite() == SuiteId::Aligned {
            let elements = limits.padded(distinct).ok_or_else(too_large)?;
            let (width, rows) = (RowWidth::ONE, eligible);
            return Ok(Self { width, sample_rows: 0, rows, padded_rows: elements, elements });
        }
        let width = u8::try_from(row_identifiers_max).unwrap_or(ROW_WIDTH_MAX);
        let width = RowWidth::new(width.clamp(1, ROW_WIDTH_MAX)).ok_or_else(too_large)?;
        let sample_rows = request.sample.filter(|sample| *sample < eligible).unwrap_or(0);
        let rows = if sample_rows == 0 { eligible } else { sample_rows };
        let padded_rows = RowWidth::padded_rows(rows, &limits).ok_or_else(too_large)?;
        let elements = padded_rows.saturating_mul(u64::from(width.get()));
        Ok(Self { width, sample_rows, rows, padded_rows, elements })
    }

    /// Rows of the session that are canaries, all of which must be answered rightly.
    pub(crate) const fn canary_rows(&self) -> u64 {
        self.padded_rows.saturating_sub(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(profile: &str, sample: Option<u64>, eligible: u64, longest: usize) -> Shape {
        let request = Request::parse(profile, sample).unwrap();
        Shape::of(request, eligible, eligible * 2, longest).unwrap()
    }

    #[test]
    fn aligned_order_pads_identifiers_and_shuffled_order_rows() {
        let aligned = shape("matched-rows", None, 20_000, 3);
        assert_eq!((aligned.width.get(), aligned.elements), (1, 65_536));
        let rate = shape("match-rate", None, 20_000, 3);
        assert_eq!((rate.width.get(), rate.padded_rows, rate.elements), (3, 32_768, 98_304));
        assert_eq!(rate.canary_rows(), 12_768);
        let widest = shape("digital-ids", None, 32_768, 40);
        assert_eq!((widest.width.get(), widest.elements), (8, 8 * 65_536));
    }

    #[test]
    fn a_sample_as_large_as_the_input_is_the_input() {
        let drawn = |eligible| {
            let shape = shape("match-rate", Some(100_000), eligible, 1);
            (shape.sample_rows, shape.rows)
        };
        assert_eq!(drawn(100_001), (100_000, 100_000));
        assert_eq!(drawn(100_000), (0, 100_000));
        assert_eq!(drawn(5_000), (0, 5_000));
    }

    #[test]
    fn what_makes_no_sense_is_refused_on_the_command_line() {
        for (profile, sample) in [
            ("match_rate", None),
            ("match-rate", Some(99_999)),
            ("matched-rows", Some(100_000)),
            ("digital-ids", Some(100_000)),
        ] {
            assert_eq!(Request::parse(profile, sample).unwrap_err().exit().code(), 2);
        }
    }

    #[test]
    fn too_many_rows_are_a_size_out_of_range() {
        let request = Request::parse("match-rate", None).unwrap();
        assert_eq!(Shape::of(request, 1 << 24, 1 << 24, 1).unwrap_err().exit().code(), 65);
    }
}
