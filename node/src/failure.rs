//! Everything that can end a command of a node.
//!
//! Commands return a [`Failure`] of the crate `report`.

use protocol::error::{Bug, Error, Refusal, RefuseCode};
use report::{Arg, Code, Diagnose, Exit, Signal, Text, Whose};
pub use report::{Failure, Reader};
use session::disclosure::Withheld;

use crate::driver::DriveError;
use channel::TransportError;

/// A command that a signal ended.
#[derive(Debug)]
pub struct Stopped(pub Signal);

impl Diagnose for Stopped {
    fn code(&self) -> Code {
        Code::of_signal(self.0)
    }

    fn text(&self) -> Text {
        Text::new("stopped").with("signal", self.0.name())
    }
}

impl std::error::Error for Stopped {}
report::told_in_english!(Stopped);

/// Too few eligible rows, told before the provider is contacted.
#[derive(Debug)]
pub struct TooFewRows {
    /// Rows that may be used.
    pub eligible: u64,
    /// The minimum.
    pub n_min: u32,
}

impl Diagnose for TooFewRows {
    fn code(&self) -> Code {
        Code::TooFewRows
    }

    fn text(&self) -> Text {
        let Self { eligible, n_min } = self;
        Text::new("few-rows").with("eligible", *eligible).with("n_min", *n_min)
    }
}

impl std::error::Error for TooFewRows {}
report::told_in_english!(TooFewRows);

/// A result that may not be shown or released; the same words whatever the true count [D-05].
#[derive(Debug)]
pub struct WithheldResult(pub Withheld);

impl Diagnose for WithheldResult {
    fn code(&self) -> Code {
        match self.0 {
            Withheld::BelowMatchMinimum { .. } => Code::BelowMatchMinimum,
            Withheld::AboveHandlesMaximum => Code::TooManyMatched,
            Withheld::Implausible => Code::Implausible,
            Withheld::Declined | Withheld::ByAdvertiser => Code::ReleaseDeclined,
            Withheld::Refused(why) => Code::of(why.into()),
        }
    }

    fn text(&self) -> Text {
        match self.0 {
            Withheld::BelowMatchMinimum { k_min } => {
                Text::new("withheld-below-match-minimum").with("k_min", k_min)
            }
            Withheld::AboveHandlesMaximum => Text::new("withheld-above-handles-maximum"),
            Withheld::Implausible => IMPLAUSIBLE.text(),
            Withheld::Declined => Text::new("withheld-declined"),
            Withheld::Refused(why) => refused(why).text(),
            Withheld::ByAdvertiser => Text::new("withheld-by-advertiser"),
        }
    }

    fn whose(&self) -> Whose {
        match self.0 {
            Withheld::Refused(why) => refused(why).whose(),
            Withheld::Implausible => IMPLAUSIBLE.whose(),
            _ => Whose::You,
        }
    }

    fn exit(&self) -> Exit {
        match self.0 {
            // Something to look into, and not an end that a schedule should expect.
            Withheld::Implausible => Code::Implausible.exit(),
            _ => Exit::Withheld,
        }
    }

    fn note(&self) -> Option<Text> {
        match self.0 {
            Withheld::Refused(why) => refused(why).note(),
            Withheld::Implausible => IMPLAUSIBLE.note(),
            _ => None,
        }
    }

    fn advice(&self) -> Option<Text> {
        match self.0 {
            Withheld::Refused(why) => refused(why).advice(),
            Withheld::Implausible => IMPLAUSIBLE.advice(),
            _ => None,
        }
    }
}

/// Our own refusal to release at a rate above the cap.
const IMPLAUSIBLE: Error = Error::Refused(Refusal::Implausible);

/// The refusal of a release by the peer.
const fn refused(why: RefuseCode) -> Error {
    Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] }
}

impl std::error::Error for WithheldResult {}
report::told_in_english!(WithheldResult);

/// The error of a session inside a failure, if there is one.
#[must_use]
pub fn session_error(failure: &Failure) -> Option<&Error> {
    match failure.get::<DriveError>() {
        Some(DriveError::Protocol(error)) => Some(error),
        Some(_) => None,
        None => failure.get::<Error>(),
    }
}

/// The error of the channel inside a failure, if there is one.
#[must_use]
pub fn channel_error(failure: &Failure) -> Option<&TransportError> {
    match failure.get::<DriveError>() {
        Some(DriveError::Transport(error)) => Some(error),
        Some(_) => None,
        None => failure.get::<TransportError>(),
    }
}

impl DriveError {
    /// The error inside that tells itself.
    fn inner(&self) -> Option<&dyn Diagnose> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Transport(error) => Some(error),
            Self::Duty(failure) => Some(failure.diagnosis()),
            Self::Spill(error) => Some(error),
            Self::Journal(error) => Some(error),
            Self::Ledger(error) => Some(error),
            Self::Key(error) => Some(error),
            Self::NoRoom(error) => Some(error),
            Self::Panicked(error) => Some(error),
            Self::Silent { .. } | Self::Stopped(_) => None,
        }
    }
}

impl Diagnose for DriveError {
    fn code(&self) -> Code {
        match self {
            // Spills, journal and ledger of a session that is going on.
            Self::Spill(_) => Code::SessionStorage,
            Self::Silent { .. } => Code::Silent,
            Self::Stopped(signal) => Code::of_signal(*signal),
            error => error.inner().map_or(Code::Defect, Diagnose::code),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Silent { stage, seconds } => Text::new("peer-silent")
                .with("seconds", Arg::Number(*seconds))
                .with("stage", *stage),
            Self::Stopped(signal) => Stopped(*signal).text(),
            error => error.inner().map_or_else(|| Bug::invariant().text(), Diagnose::text),
        }
    }

    fn whose(&self) -> Whose {
        self.inner().map_or(self.code().whose(), Diagnose::whose)
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Spill(_) => Exit::Storage,
            error => error.inner().map_or(error.code().exit(), Diagnose::exit),
        }
    }

    fn note(&self) -> Option<Text> {
        self.inner().and_then(Diagnose::note)
    }

    fn advice(&self) -> Option<Text> {
        self.inner().and_then(Diagnose::advice)
    }

    fn retry_after_s(&self) -> Option<u64> {
        self.inner().and_then(Diagnose::retry_after_s)
    }
}

#[cfg(test)]
mod tests {
    use protocol::error::{Incompatibility, Refusal, RefuseCode};

    use super::*;
    use crate::engine::TaskPanicked;

    #[test]
    fn a_panicked_task_is_told_as_a_defect_with_its_place() {
        let bug = Bug::invariant();
        let failure = Failure::from(DriveError::from(TaskPanicked(bug)));
        assert_eq!(failure.exit().code(), 70);
        let text = failure.lines(&Reader::LOG);
        assert!(text.contains(&format!("({}:{})", file!(), bug.place().line())), "{text}");
        assert!(text.contains("do not repeat the run with real data"), "{text}");
    }

    #[test]
    fn every_withheld_result_ends_with_one_status_and_three_lines() {
        for why in [
            Withheld::BelowMatchMinimum { k_min: 100 },
            Withheld::AboveHandlesMaximum,
            Withheld::Implausible,
            Withheld::Declined,
            Withheld::Refused(RefuseCode::Refusal(Refusal::TermsExpired)),
            Withheld::Refused(RefuseCode::Incompatibility(Incompatibility::Parameters)),
            Withheld::ByAdvertiser,
        ] {
            let failure = Failure::from(WithheldResult(why));
            let exit = if why == Withheld::Implausible { 77 } else { 81 };
            assert_eq!(failure.exit().code(), exit);
            let text = failure.lines(&Reader::LOG);
            assert_eq!(text.lines().count(), 3, "{text}");
        }
    }
}
