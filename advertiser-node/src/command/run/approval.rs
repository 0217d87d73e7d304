//! The operator's word between the count and the release, in the profiles that release something.

use node::console::{Terminal, is_yes, somebody_answers};
use node::failure::Failure;
use node::stop::Stop;
use protocol::suite::Profile;
use report::{Code, Text};
use session::disclosure::MatchCount;

use crate::answer::Count;
use crate::learn::{Learned, learned};

/// The side that decides about a release.
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
        Self::decide_at(profile, approve, somebody_answers())
    }

    fn decide_at(profile: Profile, approve: bool, terminal: bool) -> Result<Self, Failure> {
        match (profile.sends_handles() && !approve, terminal) {
            (false, _) => Ok(Self::Given),
            (true, true) => Ok(Self::Ask),
            (true, false) => {
                let text = Text::new("approval-needed").with("profile", profile.name());
                Err(Failure::new(Code::Usage, text))
            }
        }
    }

    /// Tells if the release may go on; a signal ends the question, and with it the session.
    pub(super) fn of(
        self,
        profile: Profile,
        count: &MatchCount,
        terminal: &Terminal,
        stop: &Stop,
    ) -> bool {
        if self == Self::Given {
            return true;
        }
        for line in question(profile, count) {
            terminal.ask(&line);
        }
        answer(stop, || is_yes(&mut std::io::stdin().lock()))
    }
}

/// The answer that `read` gives, or no once somebody asks to stop.
///
/// Reading cannot be interrupted, so it has a thread of its own, which is left behind.
fn answer(stop: &Stop, read: impl FnOnce() -> bool + Send + 'static) -> bool {
    let (answered, first) = std::sync::mpsc::channel();
    let stopped = answered.clone();
    std::thread::spawn(move || answered.send(read()));
    let stop = stop.clone();
    let watching = tokio::spawn(async move {
        stop.wait().await;
        stopped.send(false)
    });
    let answer = first.recv().unwrap_or(false);
    watching.abort();
    answer
}

fn question(profile: Profile, count: &MatchCount) -> [Text; 4] {
    let Learned { advertiser, provider } = learned(profile);
    let question = match count.matched() {
        Some(matched) => Text::new("approval-question").with("handles", matched),
        None => Text::new("approval-question-uncounted"),
    };
    [
        Text::new("approval-matched").with("count", Count::from(count).told()),
        Text::new("approval-provider").with("learned", provider),
        Text::new("approval-advertiser").with("learned", advertiser),
        question.with("profile", profile.name()),
    ]
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

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn question_ends_with_the_answer_or_with_the_wish_to_stop() {
        use report::Signal;
        let stop = Stop::new();
        assert!(answer(&stop, || true));
        assert!(!answer(&stop, || false));
        // Nobody answers.
        let (silent, typed) = std::sync::mpsc::channel::<()>();
        stop.request(Signal::Interrupt);
        assert!(!answer(&stop, move || typed.recv().is_ok()));
        drop(silent);
    }
}
