//! Everything that can end a command of a node.
//!
//! Commands return a [`Failure`] of the crate `report`. The errors of this crate are told here in
//! exhaustive matches, so that a new kind of error forces a decision.

use protocol::error::{Error, RefuseCode};
use report::{Arg, Code, Diagnose, Text, Whose};
pub use report::{Failure, Reader};
use session::disclosure::Withheld;
use store::StoreError;

use crate::data::DataError;
use crate::driver::DriveError;
use crate::error::Report;
use crate::exit::{Exit, Signal};
use crate::home::HomeError;
use crate::invite::InvitationError;
use crate::room::NoRoom;
use crate::seal::SealError;
use crate::world::WorldError;
use channel::TransportError;

/// Failures whose sentences stand where they happen.
pub trait Inline: Sized {
    /// A row of the table with a sentence and its advice.
    fn inline(code: Code, what: &str, try_this: &str) -> Self;

    /// A command line that does not make sense.
    #[must_use]
    fn usage(what: &str, try_this: &str) -> Self {
        Self::inline(Code::Usage, what, try_this)
    }

    /// Something the operator has to do first.
    #[must_use]
    fn operator(what: &str, try_this: &str) -> Self {
        Self::inline(Code::ToDoFirst, what, try_this)
    }

    /// An output that is refused or was not written.
    #[must_use]
    fn output(what: &str, try_this: &str) -> Self {
        Self::inline(Code::Output, what, try_this)
    }

    /// Done in part; what is left is listed where `try_this` says.
    #[must_use]
    fn partly(what: &str, try_this: &str) -> Self {
        Self::inline(Code::Partly, what, try_this)
    }

    /// Local storage.
    #[must_use]
    fn storage(what: &str) -> Self {
        let advice = "check the disk, its free space, and the permissions of the node's directory";
        Self::inline(Code::Storage, what, advice)
    }

    /// Nothing is wrong, but not now.
    #[must_use]
    fn try_later(what: &str, try_this: &str) -> Self {
        Self::inline(Code::SnapshotShown, what, try_this)
    }

    /// A file of ledger entries that proves nothing.
    #[must_use]
    fn evidence(what: &str, try_this: &str) -> Self {
        Self::inline(Code::Evidence, what, try_this)
    }

    /// The input is not the committed one any more.
    #[must_use]
    fn input_changed() -> Self {
        let what = "the input is not the committed one any more";
        Self::inline(Code::InputChanged, what, "run again; if it happens twice, check the disk")
    }
}

impl Inline for Failure {
    fn inline(code: Code, what: &str, try_this: &str) -> Self {
        Sentence { code, what: what.to_owned(), try_this: try_this.to_owned() }.into()
    }
}

/// A failure with its sentences.
#[derive(Debug)]
struct Sentence {
    code: Code,
    what: String,
    try_this: String,
}

impl Diagnose for Sentence {
    fn code(&self) -> Code {
        self.code
    }

    fn text(&self) -> Text {
        inline(&self.what)
    }

    fn advice(&self) -> Option<Text> {
        Some(inline(&self.try_this))
    }
}

impl std::error::Error for Sentence {}
report::told_in_english!(Sentence);

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
            Withheld::Declined => Text::new("withheld-declined"),
            Withheld::Refused(why) => refused(why).text(),
            Withheld::ByAdvertiser => Text::new("withheld-by-advertiser"),
        }
    }

    fn whose(&self) -> Whose {
        match self.0 {
            Withheld::Refused(why) => refused(why).whose(),
            _ => Whose::You,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Withheld
    }

    fn note(&self) -> Option<Text> {
        match self.0 {
            Withheld::Refused(why) => refused(why).note(),
            _ => None,
        }
    }

    fn advice(&self) -> Option<Text> {
        match self.0 {
            Withheld::Refused(why) => refused(why).advice(),
            _ => None,
        }
    }
}

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

fn inline(what: &str) -> Text {
    Text::new("inline").with("what", Arg::Word(what.to_owned()))
}

/// The row of a number in print and a status.
fn row(number: &str, exit: Exit) -> Code {
    let same = |code: &&Code| code.shown() == number;
    let exact = Code::ALL.iter().filter(same).find(|code| code.exit() == exit);
    exact.or_else(|| Code::ALL.iter().find(same)).copied().unwrap_or(Code::Defect)
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
            Self::Silent { .. } | Self::Panicked(_) | Self::Stopped(_) => None,
        }
    }
}

impl Diagnose for DriveError {
    fn code(&self) -> Code {
        match self {
            // Spills, journal and ledger of a session that is going on.
            Self::Spill(_) => Code::SessionStorage,
            Self::Silent { .. } => Code::Silent,
            Self::Panicked(_) => Code::Defect,
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
            Self::Panicked(_) => Text::new("task-panicked"),
            error => error.inner().map_or(Text::new("task-panicked"), Diagnose::text),
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

/// Tells errors by the sentences of this crate.
macro_rules! told {
    ($($error:ty => |$one:ident| $report:expr, $exit:expr;)+) => { $(
        impl Diagnose for $error {
            fn code(&self) -> Code {
                let $one = self;
                row(&$report.code, $exit)
            }

            fn text(&self) -> Text {
                let $one = self;
                inline(&$report.what)
            }

            #[allow(unused_variables, reason = "some errors have one status")]
            fn exit(&self) -> Exit {
                let $one = self;
                $exit
            }

            fn advice(&self) -> Option<Text> {
                let $one = self;
                Some(inline(&$report.try_this))
            }
        }
    )+ };
}

told! {
    DataError => |error| data_report(error), data_exit(error);
    HomeError => |error| home_report(error), home_exit(error);
    InvitationError => |error| Report::operator("V0408", error.to_string(), error.try_this()),
        Exit::Configuration;
    NoRoom => |error| no_room_report(error), Exit::Storage;
}

fn data_exit(error: &DataError) -> Exit {
    match error {
        DataError::Source(error) => error.exit(),
        DataError::Empty { .. } | DataError::NothingPublished { .. } => Exit::Input,
        DataError::Declared { .. } => Exit::Configuration,
        DataError::Store(StoreError::Bug(_)) => Exit::Bug,
        DataError::Output(_) => Exit::Output,
        DataError::Store(StoreError::Os(WorldError::Locked { .. })) => Exit::TryAgain,
        DataError::Rights(error) => error.exit(),
        DataError::Store(_) => Exit::Storage,
    }
}

fn home_exit(error: &HomeError) -> Exit {
    match error {
        HomeError::World(error @ (WorldError::Locked { .. } | WorldError::Exists { .. })) => {
            error.exit()
        }
        HomeError::World(_) => Exit::Storage,
        HomeError::Identity(error) => error.exit(),
        error if is_damaged(error) => Exit::Storage,
        HomeError::NotANode { .. }
        | HomeError::OtherVersion { .. }
        | HomeError::Changed { .. }
        | HomeError::Seal(_)
        | HomeError::Config(_) => Exit::Configuration,
    }
}

/// Whether a key of this node is not what it was, rather than missing or not yet made.
const fn is_damaged(error: &HomeError) -> bool {
    matches!(error, HomeError::Changed { .. } | HomeError::Seal(SealError::NotAKey { .. }))
}

fn data_report(error: &DataError) -> Report {
    let (code, what, try_this): (_, String, String) = match error {
        DataError::Source(error) => return report_of(error),
        DataError::Empty { file } => (
            "V0412",
            format!("{} has no row that may be used", file.display()),
            "mend the consent columns and the identifiers; `check` counts every reason".into(),
        ),
        DataError::NothingPublished { file, reasons } => {
            let reasons: Vec<String> =
                reasons.iter().take(5).map(|(reason, count)| format!("{reason} {count}")).collect();
            (
                "V0412",
                format!("{} has no line that may be published", file.display()),
                format!("mend what is left out most: {}", reasons.join(", ")),
            )
        }
        DataError::Declared { what, try_this } => ("V0413", what.clone(), try_this.clone()),
        DataError::Output(error) => return report_of(error),
        DataError::Store(error) => return report_of(error),
        DataError::Rights(error) => return report_of(error),
    };
    Report::operator(code, what, try_this)
}

fn home_advice(error: &HomeError) -> String {
    match error {
        HomeError::NotANode { role, path } => {
            format!("make one with `{}-node init --dir {}`", role.name(), path.display())
        }
        HomeError::OtherVersion { role, .. } => format!(
            "make the node anew with `{}-node init` in an empty directory, and exchange identities \
             and invitations again",
            role.name()
        ),
        HomeError::Identity(_) | HomeError::Changed { .. } => "see the file named above".to_owned(),
        HomeError::Seal(_) => "restore the storage key from your backup".to_owned(),
        HomeError::Config(error) => error.try_this(),
        HomeError::World(_) => {
            "check that the directory exists and is yours alone, and that no other run uses it"
                .to_owned()
        }
    }
}

fn home_report(error: &HomeError) -> Report {
    let number = match error {
        HomeError::Identity(error) => return report_of(error),
        error if is_damaged(error) => "V0418",
        HomeError::World(WorldError::Locked { .. }) => "V0438",
        _ => "V0407",
    };
    Report::operator(number, error.to_string(), home_advice(error))
}

/// The words of an error that tells itself.
fn report_of(error: &dyn Diagnose) -> Report {
    let own = error.text().attribute("try");
    let of_code = || error.code().meaning().attribute("try").with_all_of(&error.text());
    let advice = error.advice().or_else(|| own.exists(report::Lang::En).then_some(own));
    let advice = advice.unwrap_or_else(of_code).to_string();
    Report {
        code: error.code().shown().into(),
        ..Report::operator("", error.text().to_string(), advice)
    }
}

fn no_room_report(error: &NoRoom) -> Report {
    let advice = "free some space there, then run again; nothing was charged";
    Report::operator("V0432", error.to_string(), advice)
}

#[cfg(test)]
mod tests {
    use protocol::error::{Incompatibility, Refusal, RefuseCode};

    use super::*;

    #[test]
    fn every_withheld_result_ends_with_one_status_and_three_lines() {
        for why in [
            Withheld::BelowMatchMinimum { k_min: 100 },
            Withheld::AboveHandlesMaximum,
            Withheld::Declined,
            Withheld::Refused(RefuseCode::Refusal(Refusal::DeltaTooSmall)),
            Withheld::Refused(RefuseCode::Incompatibility(Incompatibility::Parameters)),
            Withheld::ByAdvertiser,
        ] {
            let failure = Failure::from(WithheldResult(why));
            assert_eq!(failure.exit().code(), 81);
            let text = failure.lines(&Reader::LOG);
            assert_eq!(text.lines().count(), 3, "{text}");
        }
    }
}
