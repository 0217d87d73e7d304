//! Request of the operator, and the shape it gives a session: rows, slots, elements.
//!
//! The shape is public to both sides. It follows from the number of rows and from what the files
//! could hold by their columns, never from what a row does hold.

use crm::{PreparedInput, Shape};
use node::failure::Failure;
use node::invite::Invitation;
use protocol::error::{Error, Refusal};
use protocol::limits::{Limits, ROW_WIDTH_MAX};
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

    /// Identifiers of a row, at most: in shuffled order as many as the provider takes.
    pub(crate) fn slots(&self, invitation: Option<&Invitation>) -> u8 {
        match invitation.filter(|_| self.profile.suite() == SuiteId::Shuffled) {
            Some(invitation) => invitation.guardrails.row_width_max,
            None => ROW_WIDTH_MAX,
        }
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
        let rows = (eligible, self.sample);
        Ok(Shape::of(self.profile.suite(), rows, distinct, row_identifiers_max)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(profile: &str, sample: Option<u64>, eligible: u64, longest: usize) -> Shape {
        let request = Request::parse(profile, sample).unwrap();
        request.shape_of(eligible, eligible * 2, longest).unwrap()
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
        let refused = request.shape_of(1 << 24, 1 << 24, 1).unwrap_err();
        assert_eq!(refused.exit().code(), 65);
    }
}
