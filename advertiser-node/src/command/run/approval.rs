//! The operator's word between the count and the release, in the profiles that release something.

use std::io::{BufRead, IsTerminal as _};

use node::failure::Failure;
use node::telemetry::Terminal;
use protocol::disclosure::MatchCount;
use protocol::suite::Profile;

use crate::answer::Count;
use crate::learn::{Learned, learned};

/// Who decides about a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    /// The operator has approved it on the command line, or nothing is released.
    Given,
    /// The operator is asked.
    Ask,
}

impl Approval {
    /// Decides who will, before anything is read or sent: a run of hours must not end with a
    /// question that nobody can answer.
    pub(super) fn decide(profile: Profile, approve: bool) -> Result<Self, Failure> {
        let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        Self::decide_at(profile, approve, terminal)
    }

    fn decide_at(profile: Profile, approve: bool, terminal: bool) -> Result<Self, Failure> {
        match (profile.sends_handles() && !approve, terminal) {
            (false, _) => Ok(Self::Given),
            (true, true) => Ok(Self::Ask),
            (true, false) => Err(Failure::usage(
                &format!("{} needs --approve or a terminal to ask on", profile.name()),
                "add --approve if the release is approved, or run it in a terminal",
            )),
        }
    }

    /// Whether the release may go on.
    pub(super) fn of(self, profile: Profile, count: &MatchCount, terminal: &Terminal) -> bool {
        if self == Self::Given {
            return true;
        }
        for line in question(profile, count) {
            terminal.error(&line);
        }
        is_yes(&mut std::io::stdin().lock())
    }
}

fn question(profile: Profile, count: &MatchCount) -> Vec<String> {
    let Learned { advertiser, provider } = learned(profile);
    let handles = match count.matched() {
        Some(matched) => format!("about {matched} handles"),
        None => "the handles of the matched rows".to_owned(),
    };
    vec![
        format!("matched: {}", Count::from(count).shown()),
        format!("the provider will learn: {provider}"),
        format!("we get: {advertiser}"),
        format!("release {handles} of `{}`? [y/N]", profile.name()),
    ]
}

/// Anything but a clear yes is a no, as is the end of the input.
fn is_yes(from: &mut impl BufRead) -> bool {
    let mut line = String::new();
    let read = from.read_line(&mut line);
    read.is_ok() && ["y", "yes"].contains(&line.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_decides_is_known_before_the_run() {
        use Profile::{Activation, DigitalIds, MatchRate, MatchedRows};
        for profile in [MatchRate, MatchedRows] {
            let decided = Approval::decide_at(profile, false, false).unwrap();
            assert_eq!(decided, Approval::Given);
        }
        for profile in [Activation, DigitalIds] {
            assert_eq!(Approval::decide_at(profile, true, false).unwrap(), Approval::Given);
            assert_eq!(Approval::decide_at(profile, false, true).unwrap(), Approval::Ask);
            let refused = Approval::decide_at(profile, false, false).unwrap_err();
            assert_eq!(refused.exit().code(), 2);
        }
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (line, expected) in [
            ("y\n", true),
            (" Yes \n", true),
            ("\n", false),
            ("", false),
            ("n\n", false),
            ("yes please\n", false),
        ] {
            assert_eq!(is_yes(&mut line.as_bytes()), expected, "{line:?}");
        }
        assert!(!is_yes(&mut [0xFF, b'y', b'\n'].as_slice()));
    }
}
