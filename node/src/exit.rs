//! Exit statuses of the programs; the numbers stand here and nowhere else.
//!
//! A status says whose move it is, so that a scheduler can act on it: repeat on 75, wake somebody
//! on 76, change something on 77 and 78. A status of 0 means a verified result, nothing less.

use protocol::error::{Bug, Error, Refusal, RefuseCode, WireCode};

use crate::identity::IdentityError;
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
    /// Input data was refused.
    Input = 65,
    /// The two nodes do not fit together: version, suite, rules, channel.
    Incompatible = 69,
    /// A defect in Veilmatch.
    Bug = 70,
    /// Local storage: an I/O error, a lock held, stored data that contradict their check.
    Storage = 74,
    /// Try again: network lost or too slow, peer busy.
    TryAgain = 75,
    /// What the peer sent breaks the protocol; the transcript is kept.
    Peer = 76,
    /// A policy, budget, threshold, pin or certificate says no.
    Refused = 77,
    /// The configuration or the key files of this node.
    Configuration = 78,
}

impl Exit {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 11] = [
        Self::Done,
        Self::Finding,
        Self::Usage,
        Self::Input,
        Self::Incompatible,
        Self::Bug,
        Self::Storage,
        Self::TryAgain,
        Self::Peer,
        Self::Refused,
        Self::Configuration,
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
            Self::Input => "input data refused",
            Self::Incompatible => "version, suite, ruleset or channel differ",
            Self::Bug => "defect in Veilmatch",
            Self::Storage => "local storage",
            Self::TryAgain => "try again: network lost or too slow, peer busy",
            Self::Peer => "the peer broke the protocol; the transcript is kept",
            Self::Refused => "policy, budget, threshold or identity says no",
            Self::Configuration => "configuration, key files",
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
            Error::Refused(refusal) => (*refusal).into(),
            Error::RefusedByPeer { why, .. } => match why {
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
        match bug {
            Bug::StoredDataChanged => Self::Storage,
            Bug::ApiMisuse | Bug::InternalInvariant => Self::Bug,
        }
    }
}

impl From<Refusal> for Exit {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SessionBusy | Refusal::TableNotReady | Refusal::KeySpent => Self::TryAgain,
            _ => Self::Refused,
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
            TransportError::Refused { .. } | TransportError::Closed(Close::Unpinned) => {
                Self::Refused
            }
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
            _ => Self::Storage,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Check;
    use crate::transport::{Loss, Side};
    use protocol::error::{Incompatibility, Violation};

    #[test]
    fn numbers_are_those_of_the_manual() {
        let numbers = Exit::ALL.map(Exit::code);
        assert_eq!(numbers, [0, 1, 2, 65, 69, 70, 74, 75, 76, 77, 78]);
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
        for refusal in Refusal::ALL {
            let again = matches!(
                refusal,
                Refusal::SessionBusy | Refusal::TableNotReady | Refusal::KeySpent
            );
            let expected = if again { Exit::TryAgain } else { Exit::Refused };
            assert_eq!(Exit::from(&Error::Refused(*refusal)), expected);
            let why = RefuseCode::Refusal(*refusal);
            let by_peer = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] };
            assert_eq!(Exit::from(&by_peer), expected);
        }
        assert_eq!(Exit::from(&Error::Bug(Bug::ApiMisuse)), Exit::Bug);
        assert_eq!(Exit::from(&Error::Bug(Bug::StoredDataChanged)), Exit::Storage);
        let refused = |check| TransportError::Refused { by: Side::Us, check };
        for (error, expected) in [
            (refused(Check::Unpinned), Exit::Refused),
            (refused(Check::Expired), Exit::Refused),
            (refused(Check::Alpn), Exit::Incompatible),
            (TransportError::Lost(Loss::Idle), Exit::TryAgain),
            (
                TransportError::Unreachable { address: "a:1".into(), why: Unreachable::NoAnswer },
                Exit::TryAgain,
            ),
            (TransportError::Closed(Close::Unpinned), Exit::Refused),
            (TransportError::Local { action: "bind", why: "taken".into() }, Exit::Configuration),
        ] {
            assert_eq!(Exit::from(&error), expected, "{error}");
        }
    }
}
