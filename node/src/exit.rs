//! Exit statuses of the programs; the numbers stand here and nowhere else.
//!
//! A status says whose move it is, so that a scheduler can act on it: repeat on 75 and after a
//! signal, wait on 66 and 82, be content with 81, wake somebody on 69, 76 and 83, open a ticket for
//! the rest. A status of 0 means a verified result, nothing less.

use protocol::error::{Bug, BugKind, Error, Refusal, RefuseCode, WireCode};

use crate::identity::{Check, IdentityError};
use crate::transport::{Close, TransportError, Unreachable};
use crate::world::WorldError;

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Exit {
    /// A verified result is published; for the auditor, every check passed.
    Done = 0,
    /// The auditor has at least one finding.
    Finding = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The auditor found nothing wrong and could not check everything.
    Unchecked = 3,
    /// Input data was refused.
    Input = 65,
    /// An input is absent or empty: the export is late.
    Absent = 66,
    /// The two nodes do not fit together: version, suite, rules, ledgers, channel.
    Incompatible = 69,
    /// A defect in Veilmatch.
    Bug = 70,
    /// An output was refused or could not be written; a result that was paid for is kept.
    Output = 73,
    /// Local storage: an I/O error, stored data that contradict their check.
    Storage = 74,
    /// Not now: network lost or too slow, peer busy, a lock held, a table or key not ready.
    TryAgain = 75,
    /// What the peer sent breaks the protocol; the transcript is kept.
    Peer = 76,
    /// A policy, a suspension, a clock or a certificate says no.
    Refused = 77,
    /// The configuration or the key files of this node, or something to do first.
    Configuration = 78,
    /// Done in part; the rest is listed.
    Partly = 80,
    /// The result is withheld, or its release was declined: charged, no result.
    Withheld = 81,
    /// A budget is spent: evaluations, openings.
    Budget = 82,
    /// The peer is not the pinned party, or does not know us.
    Party = 83,
    /// The input is too close to an earlier one.
    TooNear = 84,
    /// SIGHUP ended the program; the peer was told.
    Hangup = 129,
    /// SIGINT ended the program; the peer was told.
    Interrupt = 130,
    /// SIGTERM ended the program; the peer was told.
    Terminate = 143,
}

impl Exit {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 22] = [
        Self::Done,
        Self::Finding,
        Self::Usage,
        Self::Unchecked,
        Self::Input,
        Self::Absent,
        Self::Incompatible,
        Self::Bug,
        Self::Output,
        Self::Storage,
        Self::TryAgain,
        Self::Peer,
        Self::Refused,
        Self::Configuration,
        Self::Partly,
        Self::Withheld,
        Self::Budget,
        Self::Party,
        Self::TooNear,
        Self::Hangup,
        Self::Interrupt,
        Self::Terminate,
    ];

    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The meaning in one line, for the manual.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "verified result published; auditor: every check passed",
            Self::Finding => "auditor: at least one finding",
            Self::Usage => "command line",
            Self::Unchecked => "auditor: nothing failed, not all could be checked",
            Self::Input => "input data refused",
            Self::Absent => "an input is absent or empty",
            Self::Incompatible => "version, suite, ruleset, ledgers or channel differ",
            Self::Bug => "defect in Veilmatch",
            Self::Output => "output refused or unwritten; a paid result is kept",
            Self::Storage => "local storage, own data damaged",
            Self::TryAgain => "not now: network, busy, lock, table or key not ready",
            Self::Peer => "the peer broke the protocol; the transcript is kept",
            Self::Refused => "policy, suspension, clock or certificate says no",
            Self::Configuration => "configuration, key files, something to do first",
            Self::Partly => "done in part, the rest is listed",
            Self::Withheld => "withheld or declined: charged, no result",
            Self::Budget => "a budget is spent",
            Self::Party => "not the pinned party, or we are unknown there",
            Self::TooNear => "too close to an earlier input",
            Self::Hangup => "ended by SIGHUP",
            Self::Interrupt => "ended by SIGINT",
            Self::Terminate => "ended by SIGTERM",
        }
    }
}

/// A signal that ends a program in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// The terminal went away.
    Hangup,
    /// Somebody pressed Ctrl-C.
    Interrupt,
    /// The system or an operator ends the program.
    Terminate,
}

impl Signal {
    /// The name in the manual of the system.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

impl From<Signal> for Exit {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Hangup => Self::Hangup,
            Signal::Interrupt => Self::Interrupt,
            Signal::Terminate => Self::Terminate,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        match error {
            Error::PeerMisbehaved { .. } => Self::Peer,
            Error::PeerIncompatible(_) => Self::Incompatible,
            // A set that this node itself finds too small or too large is a matter of the file.
            Error::Refused(Refusal::SizeOutOfRange) => Self::Input,
            Error::Refused(refusal) => (*refusal).into(),
            Error::RefusedByPeer { why, .. } => match why {
                // No provider answers a question with that: no status of success without a result.
                RefuseCode::Refusal(Refusal::NothingToAsk) => Self::Peer,
                RefuseCode::Refusal(refusal) => (*refusal).into(),
                RefuseCode::Incompatibility(_) => Self::Incompatible,
            },
            // What it says proves nothing, and two nodes that fit do not say it.
            Error::AbortedByPeer { signed: false, .. } => Self::Incompatible,
            Error::AbortedByPeer { code, .. } => match code {
                // One of the two broke a rule; the transcripts of both say which.
                WireCode::Violation(_) => Self::Peer,
                WireCode::Incompatibility(_) => Self::Incompatible,
                WireCode::Refusal(refusal) => (*refusal).into(),
                WireCode::Operator => Self::TryAgain,
                WireCode::Bug => Self::Bug,
            },
            Error::ClocksDiffer { .. } => Refusal::ClocksDiffer.into(),
            Error::Bug(bug) => (*bug).into(),
        }
    }
}

impl From<Bug> for Exit {
    fn from(bug: Bug) -> Self {
        match bug.kind() {
            BugKind::StoredDataChanged => Self::Storage,
            BugKind::ApiMisuse | BugKind::InternalInvariant => Self::Bug,
        }
    }
}

impl From<Refusal> for Exit {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SessionBusy
            | Refusal::TableNotReady
            | Refusal::KeyExhausted
            | Refusal::KeySpent
            | Refusal::CannotServe => Self::TryAgain,
            Refusal::PartnerUnknown => Self::Party,
            Refusal::BudgetExceeded | Refusal::TooManyHellos => Self::Budget,
            Refusal::DeltaTooSmall => Self::TooNear,
            Refusal::BelowMatchMinimum | Refusal::ReleaseDeclined => Self::Withheld,
            // The question was answered before, and the answer is in the store.
            Refusal::NothingToAsk => Self::Done,
            Refusal::ProfileNotAllowed
            | Refusal::PurposeNotAllowed
            | Refusal::SizeOutOfRange
            | Refusal::TermsExpired
            | Refusal::ResumeExpired
            | Refusal::AuditChallengeStale
            | Refusal::ClocksDiffer => Self::Refused,
        }
    }
}

impl From<&TransportError> for Exit {
    fn from(error: &TransportError) -> Self {
        match error {
            TransportError::Unreachable { why: Unreachable::Address, .. }
            | TransportError::Local { .. } => Self::Configuration,
            TransportError::Unreachable { .. }
            | TransportError::Lost(_)
            | TransportError::Deadline(_) => Self::TryAgain,
            TransportError::Refused { check, .. } if check.is_incompatibility() => {
                Self::Incompatible
            }
            TransportError::Refused { check: Check::Unpinned, .. }
            | TransportError::Closed(Close::Unpinned) => Self::Party,
            TransportError::Refused { .. } => Self::Refused,
            TransportError::Closed(_) => Self::TryAgain,
            TransportError::Malformed { .. } => Self::Peer,
            TransportError::Bug(bug) => (*bug).into(),
        }
    }
}

impl From<&IdentityError> for Exit {
    fn from(error: &IdentityError) -> Self {
        match error {
            IdentityError::World(error) => error.into(),
            _ => Self::Configuration,
        }
    }
}

impl From<&WorldError> for Exit {
    fn from(error: &WorldError) -> Self {
        match error {
            WorldError::Symlink { .. }
            | WorldError::NotRegular { .. }
            | WorldError::NotDirectory { .. }
            | WorldError::Owner { .. }
            | WorldError::Mode { .. }
            | WorldError::Exists { .. } => Self::Configuration,
            WorldError::Locked { .. } => Self::TryAgain,
            _ => Self::Storage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{Loss, Side};
    use protocol::error::{Incompatibility, Violation};

    #[test]
    fn numbers_are_those_of_the_manual() {
        let numbers = Exit::ALL.map(Exit::code);
        let expected =
            [0, 1, 2, 3, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78, 80, 81, 82, 83, 84, 129, 130, 143];
        assert_eq!(numbers, expected);
        for exit in Exit::ALL {
            assert!(!exit.meaning().is_empty());
        }
    }

    #[test]
    fn status_follows_the_class() {
        // N8, N18, N19, N26, F9: no failure maps to 0.
        for violation in Violation::ALL {
            assert_eq!(Exit::from(&Error::peer(*violation, 0, 0)), Exit::Peer);
        }
        for why in Incompatibility::ALL {
            assert_eq!(Exit::from(&Error::PeerIncompatible(*why)), Exit::Incompatible);
        }
        let numbers = [
            (0x0301, 83),
            (0x0302, 77),
            (0x0303, 77),
            (0x0304, 77),
            (0x0305, 82),
            (0x0306, 75),
            (0x0307, 84),
            (0x0308, 81),
            (0x0309, 77),
            (0x030A, 75),
            (0x030B, 75),
            (0x030C, 77),
            (0x030D, 81),
            (0x030E, 77),
            (0x030F, 82),
            (0x0310, 75),
            (0x0311, 77),
            (0x0314, 0),
            (0x0315, 75),
        ];
        for refusal in Refusal::ALL {
            let code = WireCode::Refusal(*refusal).code();
            let (_, expected) = numbers.iter().find(|(number, _)| *number == code).unwrap();
            let why = RefuseCode::Refusal(*refusal);
            let by_peer = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] };
            let told = if *refusal == Refusal::NothingToAsk { 76 } else { *expected };
            assert_eq!(Exit::from(&by_peer).code(), told, "V{code:04X}");
            let own = if *refusal == Refusal::SizeOutOfRange { 65 } else { *expected };
            assert_eq!(Exit::from(&Error::Refused(*refusal)).code(), own, "V{code:04X}");
        }
        assert_eq!(Exit::from(&Error::Bug(Bug::misuse())), Exit::Bug);
        assert_eq!(Exit::from(&Error::Bug(Bug::stored_data_changed())), Exit::Storage);
        let refused = |check| TransportError::Refused { by: Side::Us, check };
        for (error, expected) in [
            (refused(Check::Unpinned), Exit::Party),
            (refused(Check::Expired), Exit::Refused),
            (refused(Check::Alpn), Exit::Incompatible),
            (TransportError::Lost(Loss::Idle), Exit::TryAgain),
            (
                TransportError::Unreachable { address: "a:1".into(), why: Unreachable::NoAnswer },
                Exit::TryAgain,
            ),
            (TransportError::Closed(Close::Unpinned), Exit::Party),
            (TransportError::Local { action: "bind", why: "taken".into() }, Exit::Configuration),
        ] {
            assert_eq!(Exit::from(&error), expected, "{error}");
        }
    }
}
