//! Exit statuses of the programs; the numbers stand here and nowhere else.
//!
//! A status says whose move it is, so that a scheduler can act on it: repeat on 75 and after a
//! signal, wait on 66 and 82, be content with 81, wake somebody on 69, 76 and 83, open a ticket for
//! the rest. A status of 0 means a verified result, nothing less.

/// End of a program, as the system sees it.
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
    /// The peer broke the protocol; the transcript is kept.
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
    /// SIGHUP ended the program; the peer was told.
    Hangup = 129,
    /// SIGINT ended the program; the peer was told.
    Interrupt = 130,
    /// SIGTERM ended the program; the peer was told.
    Terminate = 143,
}

impl Exit {
    /// Every status, in the order of the numbers.
    pub const ALL: [Self; 21] = [
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
        Self::Hangup,
        Self::Interrupt,
        Self::Terminate,
    ];

    /// The number the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Id of the meaning in one line, for the manual.
    pub fn meaning(self) -> crate::Text {
        crate::Text::named(format!("exit-{}", self.code()))
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_manual() {
        let numbers = Exit::ALL.map(Exit::code);
        let expected =
            [0, 1, 2, 3, 65, 66, 69, 70, 73, 74, 75, 76, 77, 78, 80, 81, 82, 83, 129, 130, 143];
        assert_eq!(numbers, expected);
    }
}
