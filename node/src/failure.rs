//! Everything that can end a command, with its exit status and its three lines.
//!
//! Commands return a [`Failure`]; what a person reads and what a script gets are decided here, in
//! one exhaustive match, so that a new kind of error forces a decision.

use protocol::error::{Bug, Error, Violation};
use protocol::transcript::Role;
use session::disclosure::Withheld;
use store::StoreError;

use crate::config::ConfigError;
use crate::data::DataError;
use crate::data::source::{InputError, SourceError};
use crate::driver::DriveError;
use crate::engine::TaskPanicked;
use crate::error::{Report, protocol_report, transport_report};
use crate::exit::{Exit, Signal};
use crate::home::HomeError;
use crate::identity::IdentityError;
use crate::invite::InvitationError;
use crate::journal::JournalError;
use crate::keyring::KeyringError;
use crate::ledger::LedgerError;
use crate::normalize::manifest::{Difference, ManifestError};
use crate::output::OutputError;
use crate::room::NoRoom;
use crate::runs::RunsError;
use crate::seal::SealError;
use crate::transport::TransportError;
use crate::world::WorldError;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line does not make sense; exit 2.
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        try_this: String,
    },
    /// Configuration, keys, or something the operator has to do first; exit 78.
    Operator {
        /// What is wrong.
        what: String,
        /// What to do.
        try_this: String,
    },
    /// An output that is refused or was not written; exit 73.
    Output {
        /// What is wrong.
        what: String,
        /// What to do.
        try_this: String,
    },
    /// Local storage; exit 74.
    Storage {
        /// What is wrong.
        what: String,
    },
    /// Nothing is wrong, but not now; exit 75.
    Later {
        /// Why.
        what: String,
        /// When.
        try_this: String,
    },
    /// The two nodes normalize by different rules; exit 69.
    RulesDiffer {
        /// The first line that differs.
        line: String,
    },
    /// Done in part; what is left is listed; exit 80.
    Partly {
        /// What was done and what was not.
        what: String,
        /// What to do about the rest.
        try_this: String,
    },
    /// A signal ended the command; exit 129, 130 or 143.
    Stopped(Signal),
    /// The result may not be shown or released; exit 81.
    Withheld(Withheld),
    /// Too few eligible rows, told before the provider is contacted; exit 65.
    TooFewRows {
        /// Rows that may be used.
        eligible: u64,
        /// The minimum.
        n_min: u32,
    },
    /// The two ledgers end differently, and what we signed does not lead from one to the other;
    /// exit 69.
    LedgersDiffer {
        /// Where each of them ends, as far as it is known.
        what: String,
        /// Whose entries go to whom.
        try_this: String,
    },
    /// A file of ledger entries that proves nothing; exit 65.
    Evidence {
        /// What is wrong with it.
        what: String,
        /// What to do.
        try_this: String,
    },
    /// The input is not the committed one any more; exit 65.
    InputChanged,
    /// The party's data.
    Data(DataError),
    /// A session.
    Drive(DriveError),
    /// The channel.
    Transport(TransportError),
    /// The directory of the node.
    Home(HomeError),
    /// The invitation.
    Invitation(InvitationError),
    /// The normalization rules.
    Manifest(ManifestError),
}

impl Failure {
    /// A command line that does not make sense.
    #[must_use]
    pub fn usage(what: &str, try_this: &str) -> Self {
        Self::Usage { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// Something the operator has to do first.
    #[must_use]
    pub fn operator(what: &str, try_this: &str) -> Self {
        Self::Operator { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// An output that is refused or was not written.
    #[must_use]
    pub fn output(what: &str, try_this: &str) -> Self {
        Self::Output { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// Done in part; what is left is listed where `try_this` says.
    #[must_use]
    pub fn partly(what: &str, try_this: &str) -> Self {
        Self::Partly { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// Local storage.
    #[must_use]
    pub fn storage(what: &str) -> Self {
        Self::Storage { what: what.to_owned() }
    }

    /// Nothing is wrong, but not now.
    #[must_use]
    pub fn try_later(what: &str, try_this: &str) -> Self {
        Self::Later { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// The two nodes normalize by different rules.
    #[must_use]
    pub fn rules_differ(difference: &Difference) -> Self {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        Self::RulesDiffer {
            line: format!(
                "line {}: {} here, {} there",
                difference.line,
                side(&difference.ours),
                crate::error::shown(&side(&difference.theirs)),
            ),
        }
    }

    /// The result may not be shown or released.
    #[must_use]
    pub const fn withheld(why: Withheld) -> Self {
        Self::Withheld(why)
    }

    /// A file of ledger entries that proves nothing.
    #[must_use]
    pub fn evidence(what: &str, try_this: &str) -> Self {
        Self::Evidence { what: what.to_owned(), try_this: try_this.to_owned() }
    }

    /// The input is not the committed one any more.
    #[must_use]
    pub const fn input_changed() -> Self {
        Self::InputChanged
    }

    /// The exit status of the program.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Operator { .. } | Self::Invitation(_) => Exit::Configuration,
            Self::Output { .. } => Exit::Output,
            Self::Storage { .. } => Exit::Storage,
            Self::Later { .. } => Exit::TryAgain,
            Self::RulesDiffer { .. } | Self::LedgersDiffer { .. } => Exit::Incompatible,
            Self::Partly { .. } => Exit::Partly,
            Self::Stopped(signal) => (*signal).into(),
            Self::Withheld(_) => Exit::Withheld,
            Self::TooFewRows { .. } | Self::InputChanged | Self::Evidence { .. } => Exit::Input,
            Self::Data(error) => data_exit(error),
            Self::Drive(error) => drive_exit(error),
            Self::Transport(error) => Exit::from(error),
            Self::Home(error) => home_exit(error),
            Self::Manifest(_) => Exit::Bug,
        }
    }

    /// The three lines a person reads.
    #[must_use]
    pub fn report(&self, role: Role) -> Report {
        let yours = |code: &'static str, what: String, try_this: String| {
            Report::operator(code, what, try_this)
        };
        match self {
            Self::Usage { what, try_this } => yours("V0400", what.clone(), try_this.clone()),
            Self::Operator { what, try_this } => yours("V0402", what.clone(), try_this.clone()),
            Self::Output { what, try_this } => yours("V0403", what.clone(), try_this.clone()),
            Self::Storage { what } => yours(
                "V0414",
                what.clone(),
                "check the disk, its free space, and the permissions of the node's directory"
                    .into(),
            ),
            Self::Later { what, try_this } => yours("V0404", what.clone(), try_this.clone()),
            Self::RulesDiffer { line } => yours(
                "V0204",
                format!("the two nodes normalize by different rules, {line}"),
                "use the same ruleset, options and version on both nodes, and accept a new \
                 invitation"
                    .into(),
            ),
            Self::Evidence { what, try_this } => yours("V0431", what.clone(), try_this.clone()),
            Self::LedgersDiffer { what, try_this } => {
                yours("V0207", what.clone(), try_this.clone())
            }
            Self::Partly { what, try_this } => yours("V0429", what.clone(), try_this.clone()),
            Self::Stopped(signal) => yours(
                "V0430",
                format!("ended by {}", signal.name()),
                "start the command again when it may run".into(),
            ),
            Self::Withheld(why) => withheld_report(*why, role),
            Self::TooFewRows { eligible, n_min } => yours(
                "V0304",
                format!(
                    "refused, {eligible} eligible rows; a match needs at least {n_min} (n_min)"
                ),
                "`advertiser-node check` shows why rows were left out, by reason".into(),
            ),
            Self::InputChanged => yours(
                "V0405",
                "the input is not the committed one any more".into(),
                "run again; if it happens twice, check the disk".into(),
            ),
            Self::Data(error) => data_report(error),
            Self::Drive(error) => drive_report(error, role),
            Self::Transport(error) => transport_report(error, role),
            Self::Home(error) => yours(
                if is_damaged(error) { "V0418" } else { "V0407" },
                error.to_string(),
                home_advice(error),
            ),
            Self::Invitation(error) => yours("V0408", error.to_string(), error.try_this()),
            Self::Manifest(error) => yours(
                "V0409",
                error.to_string(),
                "reinstall this version; a node whose own rules fail their test does not run"
                    .into(),
            ),
        }
    }
}

/// The same words whatever the true count [D-05].
fn withheld_report(why: Withheld, role: Role) -> Report {
    let (code, what, try_this): (_, String, &str) = match why {
        Withheld::BelowMatchMinimum { k_min } => (
            "V0308",
            format!("withheld: fewer matched rows than the minimum of {k_min} (k_min)"),
            "match a larger or another file; the count itself is not shown",
        ),
        Withheld::AboveHandlesMaximum => (
            "V0304",
            "withheld: more matched rows than the terms let be released at once".into(),
            "match a smaller file; the count itself is not shown",
        ),
        Withheld::Declined => (
            "V030D",
            "withheld: the release was declined here; nothing was released to anybody".into(),
            "start a new run when it may be released",
        ),
        Withheld::Refused(why) => {
            let ledger_head = [0; 32];
            let error = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head };
            return protocol_report(&error, role);
        }
        Withheld::ByAdvertiser => (
            "V030D",
            "withheld by the advertiser, who sent no handles".into(),
            "nothing to do here",
        ),
    };
    Report::operator(code, what, try_this.to_owned())
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        DataError::from(error).into()
    }
}

fn data_exit(error: &DataError) -> Exit {
    match error {
        DataError::Source(error) => source_exit(error),
        DataError::Empty { .. } | DataError::NothingPublished { .. } => Exit::Input,
        DataError::Declared { .. } => Exit::Configuration,
        DataError::Store(StoreError::Bug(_)) => Exit::Bug,
        DataError::Output(_) => Exit::Output,
        DataError::Store(StoreError::Os(WorldError::Locked { .. })) => Exit::TryAgain,
        DataError::Store(_) | DataError::ObjectionsLost { .. } => Exit::Storage,
    }
}

fn source_exit(error: &SourceError) -> Exit {
    match error {
        SourceError::Input { source: InputError::Empty, .. } => Exit::Absent,
        SourceError::Input { .. } => Exit::Input,
        SourceError::Open { source, .. } => match source.kind() {
            std::io::ErrorKind::NotFound => Exit::Absent,
            _ => Exit::Storage,
        },
        SourceError::Mapping(_) => Exit::Configuration,
    }
}

fn drive_exit(error: &DriveError) -> Exit {
    match error {
        DriveError::Protocol(error) => Exit::from(error),
        DriveError::Transport(error) => Exit::from(error),
        DriveError::Silent { .. } => Exit::TryAgain,
        DriveError::Data(error) => data_exit(error),
        DriveError::Ledger(LedgerError::Contradiction { .. }) => Exit::Incompatible,
        DriveError::Runs(_)
        | DriveError::Journal(_)
        | DriveError::Ledger(_)
        | DriveError::Key(_) => Exit::Storage,
        DriveError::NoRoom(_) => Exit::Storage,
        DriveError::Panicked(_) => Exit::Bug,
        DriveError::Stopped(signal) => (*signal).into(),
    }
}

fn home_exit(error: &HomeError) -> Exit {
    match error {
        HomeError::World(error @ (WorldError::Locked { .. } | WorldError::Exists { .. })) => {
            Exit::from(error)
        }
        HomeError::World(_) => Exit::Storage,
        error if is_damaged(error) => Exit::Storage,
        HomeError::NotANode { .. }
        | HomeError::OtherVersion { .. }
        | HomeError::Identity(_)
        | HomeError::Changed { .. }
        | HomeError::Seal(_)
        | HomeError::Config(_) => Exit::Configuration,
    }
}

/// Whether a key of this node is not what it was, rather than missing or not yet made.
const fn is_damaged(error: &HomeError) -> bool {
    matches!(
        error,
        HomeError::Changed { .. }
            | HomeError::Identity(
                IdentityError::KeyMalformed { .. }
                    | IdentityError::KeyMismatch { .. }
                    | IdentityError::CertificateMalformed { .. }
            )
            | HomeError::Seal(SealError::NotAKey { .. })
    )
}

fn data_report(error: &DataError) -> Report {
    let (code, what, try_this): (_, String, String) = match error {
        DataError::Source(error @ SourceError::Input { source, .. }) => {
            ("V0410", error.to_string(), source.try_this())
        }
        DataError::Source(error @ SourceError::Open { .. }) => {
            ("V0411", error.to_string(), "name a file that exists and that you may read".into())
        }
        DataError::Source(error @ SourceError::Mapping(_)) => (
            "V0413",
            error.to_string(),
            "write `[columns]` as ours = \"yours\", for example `email = \"MAIL\"`".into(),
        ),
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
        DataError::Output(error) => ("V0403", error.to_string(), error.try_this().to_owned()),
        DataError::Store(
            StoreError::Spill(_) | StoreError::Os(_) | StoreError::Io { .. } | StoreError::Seal(_),
        ) => (
            "V0414",
            error.to_string(),
            "check the disk, its free space, and the permissions of the node's directory".into(),
        ),
        DataError::Store(StoreError::Damaged { .. }) => (
            "V0418",
            error.to_string(),
            "check the disk and who else writes to the node's directory, and restore the file from \
             a copy; without one, move it away: inputs, tables and snapshots can be made again"
                .into(),
        ),
        DataError::Store(StoreError::Contradiction { .. }) => (
            "V0415",
            error.to_string(),
            "prepare the set again; if it happens twice, check the disk".into(),
        ),
        DataError::ObjectionsLost { .. } => (
            "V0415",
            error.to_string(),
            "restore `objections/` from the latest copy and give later feeds again; without a \
             copy, move `objections.anchor` away and give every feed again before anything else"
                .into(),
        ),
        DataError::Store(StoreError::Bug(bug)) => {
            return protocol_report(&Error::Bug(*bug), Role::Advertiser);
        }
    };
    Report::operator(code, what, try_this)
}

fn drive_report(error: &DriveError, role: Role) -> Report {
    match error {
        DriveError::Protocol(error) => protocol_report(error, role),
        DriveError::Transport(error) => transport_report(error, role),
        DriveError::Silent { stage, seconds } => Report::operator(
            "V0416",
            format!("the {} sent nothing for {seconds} s in stage {stage}", role.peer().name()),
            "run again; if it happens twice, ask the other side's operator whether its node runs"
                .to_owned(),
        ),
        DriveError::Data(error) => data_report(error),
        DriveError::Runs(_)
        | DriveError::Journal(_)
        | DriveError::Ledger(_)
        | DriveError::Key(_) => Report::operator(
            match error {
                DriveError::Ledger(LedgerError::Gone { .. } | LedgerError::Behind { .. }) => {
                    "V0428"
                }
                DriveError::Ledger(LedgerError::Contradiction { .. }) => "V0207",
                _ => "V0417",
            },
            error.to_string(),
            "check the disk, its free space, and the permissions of the node's directory"
                .to_owned(),
        ),
        DriveError::NoRoom(error) => Report::operator(
            "V0432",
            error.to_string(),
            "free some space there, then run again; nothing was charged".to_owned(),
        ),
        DriveError::Panicked(TaskPanicked(bug)) => protocol_report(&Error::Bug(*bug), role),
        DriveError::Stopped(signal) => Failure::Stopped(*signal).report(role),
    }
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

/// Failures that come from one error type each.
macro_rules! from {
    ($($source:ty => $variant:ident),+ $(,)?) => { $(
        impl From<$source> for Failure {
            fn from(error: $source) -> Self {
                Self::$variant(error.into())
            }
        }
    )+ };
}
from! {
    DataError => Data,
    StoreError => Data,
    RunsError => Data,
    SealError => Data,
    WorldError => Data,
    Bug => Data,
    DriveError => Drive,
    Error => Drive,
    JournalError => Drive,
    NoRoom => Drive,
    LedgerError => Drive,
    TransportError => Transport,
    HomeError => Home,
    IdentityError => Home,
    ConfigError => Home,
    InvitationError => Invitation,
    ManifestError => Manifest,
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Self::Drive(Error::peer(violation, 0, 0).into())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        let (what, try_this) = (error.to_string(), error.try_this());
        match error {
            OutputError::StandardTwice | OutputError::Twice { .. } => Self::usage(&what, try_this),
            OutputError::Refused { .. } | OutputError::Place { .. } | OutputError::Write { .. } => {
                Self::output(&what, try_this)
            }
        }
    }
}

impl From<KeyringError> for Failure {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Seal(error) => error.into(),
            KeyringError::Os(error) => error.into(),
            KeyringError::Bug(bug) => bug.into(),
            KeyringError::Used => Self::try_later(
                "the key of this run is used already",
                "run again; the next run has a new key and table",
            ),
            KeyringError::Damaged { path } => StoreError::Damaged {
                path,
                what: "it is not a key of this node, or keys/storage.key is not the key it was \
                       sealed under; try: restore the file from a copy; without one, move it away, \
                       and the partner gets a new key and table"
                    .to_owned(),
            }
            .into(),
            KeyringError::Io { path, source } => StoreError::Io { path, source }.into(),
            KeyringError::ClockBehind => Self::Operator {
                what: error.to_string(),
                try_this: "restore the key from your backup; without it the partner needs a new \
                           table"
                    .to_owned(),
            },
        }
    }
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
            let failure = Failure::withheld(why);
            assert_eq!(failure.exit().code(), 81);
            let text = failure.report(Role::Advertiser).to_string();
            assert_eq!(text.lines().count(), 3, "{text}");
        }
    }
}
