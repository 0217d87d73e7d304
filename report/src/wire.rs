//! Errors of a session, told to the operator of one of its two nodes.
//!
//! The message of a code carries in its argument `by` who says it: `own`, this node; `peer`, a
//! refusal of the peer; `ended`, the peer's reason to end the session; `none`, the bare meaning.

use protocol::codec::StreamId;
use protocol::error::{
    Blame, Bug, BugKind, Clocks, Error, Location, Refusal, RefuseCode, WireCode,
};
use protocol::limits::CLOCK_SKEW_S_MAX;

use crate::code::{Code, Whose};
use crate::diagnose::Diagnose;
use crate::exit::Exit;
use crate::text::{Arg, Text};

impl Diagnose for Error {
    fn code(&self) -> Code {
        match self {
            Self::Bug(bug) if bug.kind() == BugKind::StoredDataChanged => Code::Damaged,
            // A set that this node itself finds too small or too large is a matter of the file.
            Self::Refused(Refusal::SizeOutOfRange) => Code::TooFewRows,
            error => Code::of(error.wire().0),
        }
    }

    fn text(&self) -> Text {
        let (code, at) = self.wire();
        match self {
            Self::PeerMisbehaved { .. } => placed(said(code, "own"), at),
            Self::PeerIncompatible(_) | Self::Refused(_) => said(code, "own"),
            Self::RefusedByPeer { .. } => said(code, "peer"),
            Self::AbortedByPeer { signed: false, .. } => Text::new("abort-unsigned")
                .with("code", format!("{:04X}", code.code()))
                .with("told", meaning(code)),
            Self::AbortedByPeer { .. } => match code {
                WireCode::Violation(_) => placed(said(code, "ended"), at),
                WireCode::Bug => Text::new("peer-defect").with("by", "ended"),
                _ => said(code, "ended"),
            },
            Self::ClocksDiffer { clocks, .. } => clocks_differ(*clocks),
            Self::Bug(bug) => defect(*bug),
        }
    }

    fn whose(&self) -> Whose {
        match (self.blame(), self.refusal()) {
            (Blame::Peer, _) => Whose::Peer,
            (Blame::Policy, Some(refusal)) => whose(refusal, matches!(self, Self::Refused(_))),
            // One of the two clocks is wrong, and nobody knows which.
            (Blame::Both, _) if !matches!(self, Self::ClocksDiffer { .. }) => Whose::YouAndPeer,
            _ => self.code().whose(),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            // No provider answers a question with that: no status of success without a result.
            Self::RefusedByPeer { why: RefuseCode::Refusal(Refusal::NothingToAsk), .. } => {
                Exit::Peer
            }
            // An unsigned word proves nothing, and two nodes that fit do not say it.
            Self::AbortedByPeer { signed: false, .. } => Exit::Incompatible,
            error => error.code().exit(),
        }
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::RefusedByPeer { why: RefuseCode::Refusal(Refusal::CannotServe), .. } => None,
            Self::RefusedByPeer { why: RefuseCode::Refusal(refusal), retry_after_s, .. }
                if *retry_after_s > 0 =>
            {
                Some(later(*refusal, (*retry_after_s).into()))
            }
            _ => None,
        }
    }

    fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RefusedByPeer { retry_after_s, .. } if *retry_after_s > 0 => {
                Some((*retry_after_s).into())
            }
            _ => None,
        }
    }
}

/// A defect or changed storage outside a session.
impl Diagnose for Bug {
    fn code(&self) -> Code {
        Error::Bug(*self).code()
    }

    fn text(&self) -> Text {
        Error::Bug(*self).text()
    }
}

/// The bare meaning of a code, as it stands in other sentences.
pub(crate) fn meaning(code: WireCode) -> Text {
    let meaning = match code {
        WireCode::Bug => Text::new("peer-defect").with("by", "none"),
        code => said(code, "none"),
    };
    meaning.with("stream", "none")
}

/// The message of a code, with who says it.
fn said(code: WireCode, by: &'static str) -> Text {
    Text::new(Code::of(code).id()).with("by", by)
}

/// The message with a place on the wire: a frame of a stream, or a message of a role.
fn placed(text: Text, at: Location) -> Text {
    let stream = match StreamId::from_code(at.stream) {
        None => return text.with("stream", "none"),
        Some(StreamId::ControlAdvertiser) => "control-advertiser",
        Some(StreamId::ControlProvider) => "control-provider",
        Some(StreamId::Table) => "table",
        Some(StreamId::Blind) => "blind",
        Some(StreamId::Eval) => "eval",
        Some(StreamId::Handles) => "handles",
        Some(StreamId::Ids) => "ids",
    };
    text.with("stream", stream).with("index", Arg::Number(at.index.into()))
}

/// Both times, so that whoever reads them sees which clock is wrong; nobody is accused.
fn clocks_differ(clocks: Clocks) -> Text {
    Text::new("clocks-differ")
        .with("seconds", clocks.difference())
        .with("limit", Arg::Number(CLOCK_SKEW_S_MAX))
        .with("local", Arg::Instant(clocks.local))
        .with("theirs", Arg::Instant(clocks.peer))
}

/// Defect and the line of the source that raised it; changed storage is the operator's matter.
fn defect(bug: Bug) -> Text {
    let kind = match bug.kind() {
        BugKind::ApiMisuse => "misuse",
        BugKind::InternalInvariant => "invariant",
        BugKind::StoredDataChanged => return Text::new("stored-data-changed"),
    };
    let place = format!("{}:{}", bug.place().file(), bug.place().line());
    Text::new("defect").with("kind", kind).with("place", place)
}

/// Party whose move a refusal leaves, by whether this node refused.
const fn whose(refusal: Refusal, by_us: bool) -> Whose {
    let refusing = match by_us {
        true => Whose::You,
        false => Whose::Peer,
    };
    match refusal {
        Refusal::PartnerUnknown
        | Refusal::ProfileNotAllowed
        | Refusal::PurposeNotAllowed
        | Refusal::CannotServe
        | Refusal::Implausible
        | Refusal::ReleaseDeclined => refusing,
        Refusal::SizeOutOfRange | Refusal::TermsExpired | Refusal::ResumeExpired => {
            Whose::Advertiser
        }
        Refusal::ClocksDiffer => Whose::YouOrPeer,
        Refusal::AuditChallengeStale => Whose::Auditor,
        Refusal::BudgetExceeded
        | Refusal::EpsilonExceeded
        | Refusal::KeyExhausted
        | Refusal::TooManyHellos
        | Refusal::BelowMatchMinimum
        | Refusal::SessionBusy
        | Refusal::TableNotReady
        | Refusal::KeySpent
        | Refusal::NothingToAsk => Whose::Nobody,
    }
}

/// Time to ask again; a run waits for what passes in minutes, and for no budget.
fn later(refusal: Refusal, seconds: u64) -> Text {
    if matches!(refusal, Refusal::SessionBusy | Refusal::TableNotReady) {
        return Text::new("try-again-soon").with("seconds", Arg::Number(seconds));
    }
    let minutes = seconds.div_ceil(60);
    let rest = Arg::Number(minutes % 60);
    let span = match minutes / 60 {
        0 => Text::new("span-minutes").with("minutes", rest),
        hours => Text::new("span-hours").with("hours", Arg::Number(hours)).with("minutes", rest),
    };
    Text::new("try-again-later").with("span", span)
}

#[cfg(test)]
mod tests {
    use protocol::error::{Incompatibility, Violation};
    use protocol::transcript::Role;

    use super::*;
    use crate::{Failure, Lang, Reader};

    fn told(error: Error, own: Role, lang: Lang) -> String {
        Failure::from(error).lines(&Reader { lang, own: Some(own), plain: false })
    }

    fn codes() -> Vec<WireCode> {
        let mut codes: Vec<WireCode> = Vec::new();
        codes.extend(Violation::ALL.iter().copied().map(WireCode::Violation));
        codes.extend(Incompatibility::ALL.iter().copied().map(WireCode::Incompatibility));
        codes.extend(Refusal::ALL.iter().copied().map(WireCode::Refusal));
        codes.extend([WireCode::Operator, WireCode::Bug]);
        codes
    }

    #[test]
    fn every_error_of_the_protocol_is_told() {
        let at = Location { stream: 18, index: 12 };
        let mut errors: Vec<Error> = Vec::new();
        for signed in [true, false] {
            let aborted = |code| Error::AbortedByPeer { code, at, signed };
            errors.extend(codes().into_iter().map(aborted));
        }
        let clocks = Clocks { local: 1_800_000_000, peer: 1_799_999_000 };
        errors.extend([true, false].map(|by_peer| Error::ClocksDiffer { clocks, by_peer }));
        errors.extend(Violation::ALL.iter().map(|v| Error::peer(*v, 18, 12)));
        errors.extend(Violation::ALL.iter().map(|v| Error::peer(*v, 0, 0)));
        errors.extend(Incompatibility::ALL.iter().map(|why| Error::PeerIncompatible(*why)));
        errors.extend(Refusal::ALL.iter().map(|why| Error::Refused(*why)));
        let refusals = Refusal::ALL.iter().copied().map(RefuseCode::Refusal);
        let others = Incompatibility::ALL.iter().copied().map(RefuseCode::Incompatibility);
        for why in refusals.chain(others) {
            for retry_after_s in [0, 30, 3_700] {
                let ledger_head = [0xAB; 32];
                errors.push(Error::RefusedByPeer { why, retry_after_s, ledger_head });
            }
        }
        errors.extend([Error::Bug(Bug::misuse()), Error::Bug(Bug::invariant())]);
        for error in errors {
            let number = format!("V{:04X}", error.wire().0.code());
            for role in [Role::Advertiser, Role::Provider] {
                let english = told(error, role, Lang::En);
                let french = told(error, role, Lang::Fr);
                assert!(english.starts_with(&format!("error {number}: ")), "{english}");
                assert!(french.starts_with(&format!("erreur {number}\u{A0}: ")), "{french}");
                for text in [english, french] {
                    assert_eq!(text.lines().count(), 3, "{text}");
                    assert!(!text.contains("abab") && !text.contains("171"), "{text}");
                    // No variable, message or variant is left open.
                    assert!(!text.contains(['{', '}', '$']) && !text.contains("  ("), "{text}");
                    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
                    let nameless = ["other node", "autre nœud"];
                    assert!(!nameless.iter().any(|one| text.contains(one)), "{text}");
                }
            }
        }
    }

    #[test]
    fn every_code_has_a_bare_meaning() {
        for code in codes() {
            for lang in Lang::ALL {
                let text = meaning(code).render(&Reader { lang, ..Reader::LOG });
                assert!(!text.is_empty() && !text.contains(['{', '(']), "{text}");
            }
        }
    }

    #[test]
    fn a_defect_is_told_with_its_place() {
        let bug = Bug::invariant();
        let text = told(bug.into(), Role::Provider, Lang::En);
        let place = format!("({}:{})\n", file!(), bug.place().line());
        let first = "error V0501: defect in Veilmatch: an internal invariant does not hold ";
        assert!(text.starts_with(&format!("{first}{place}")), "{text}");
    }

    #[test]
    fn changed_storage_is_the_operators() {
        let error = Error::Bug(Bug::stored_data_changed());
        assert_eq!((error.code().number(), error.whose()), (0x0418, Whose::You));
        assert_eq!(error.exit(), Exit::Storage);
    }

    #[test]
    fn a_failed_proof_says_where_and_what_not_to_do() {
        let error = Error::peer(Violation::ProofInvalid, 18, 12);
        assert_eq!(
            told(error, Role::Advertiser, Lang::En),
            "error V010B: the evaluations fail their proof (frame 12 of the evaluations)\n  \
             whose move: the provider's. The transcript up to there is kept; it proves what is \
             signed in it\n  \
             try: send the transcript and its frames to the provider's operator; do not repeat \
             the run, the budget is already charged and the answers cannot be trusted"
        );
        assert_eq!(
            told(error, Role::Advertiser, Lang::Fr),
            "erreur V010B\u{A0}: la preuve des évaluations n’est pas valide (trame 12 des \
             évaluations)\n  \
             à qui d’agir\u{A0}: au prestataire. La transcription jusqu’à ce point est conservée\
             \u{202F}; elle prouve ce qui y est signé\n  \
             essayez\u{A0}: envoyez la transcription et ses trames à l’exploitant du prestataire\
             \u{202F}; ne relancez pas, le budget est déjà débité et les réponses ne sont pas \
             fiables"
        );
    }

    #[test]
    fn a_peer_that_accuses_says_so_of_this_node() {
        let code = WireCode::Violation(Violation::UnexpectedMessage);
        let at = Location { stream: 2, index: 3 };
        let error = Error::AbortedByPeer { code, at, signed: true };
        assert_eq!(
            told(error, Role::Provider, Lang::En),
            "error V0102: the advertiser ended the session and says that this node broke a rule: a \
             message is not allowed in this state (message 3 of the provider)\n  \
             whose move: yours and the advertiser's together. Both transcripts show who is \
             right\n  \
             try: compare the versions of both nodes; if they are equal, report it with the \
             transcript"
        );
        let unsigned = Error::AbortedByPeer { code, at, signed: false };
        assert_eq!(unsigned.exit(), Exit::Incompatible);
        let text = told(unsigned, Role::Provider, Lang::En);
        let first = "error V0102: the advertiser ended the session with 0102 (a message is not \
                     allowed in this state), and its signature under that does not hold for this \
                     session";
        assert_eq!(text.lines().next(), Some(first));
    }

    #[test]
    fn a_refusal_that_passes_says_when() {
        let refused = |why, retry_after_s| {
            let why = RefuseCode::Refusal(why);
            Error::RefusedByPeer { why, retry_after_s, ledger_head: [0; 32] }
        };
        let advice = |error| {
            let text = told(error, Role::Advertiser, Lang::En);
            text.lines().nth(2).unwrap_or_default().trim().to_owned()
        };
        let busy = refused(Refusal::SessionBusy, 30);
        let soon = "try: again after 30 s, as the provider asks; `run` waits by itself";
        assert_eq!(advice(busy), soon);
        assert_eq!(busy.retry_after_s(), Some(30));
        assert_eq!(
            advice(refused(Refusal::BudgetExceeded, 3_661)),
            "try: again in 1 h 2 min, as the provider says; `run` does not wait for it"
        );
        assert_eq!(
            advice(refused(Refusal::BudgetExceeded, 0)),
            "try: wait for the next period, or agree on a larger budget"
        );
        let advice_to_ask = "try: ask the provider's operator, who sees it in `status`; then run \
                             again";
        assert_eq!(advice(refused(Refusal::CannotServe, 30)), advice_to_ask);
    }

    #[test]
    fn clocks_are_shown_and_nobody_is_accused() {
        let clocks = Clocks { local: 1_800_000_000, peer: 1_799_998_000 };
        let error = Error::ClocksDiffer { clocks, by_peer: true };
        let text = told(error, Role::Advertiser, Lang::En);
        let first = "error V0311: the clocks of the two nodes differ by 2,000 s, more than 300: \
                     2027-01-15T08:00:00Z here, 2027-01-15T07:26:40Z at the provider";
        assert_eq!(text.lines().next(), Some(first));
        assert_eq!((error.whose(), error.exit()), (Whose::YouOrPeer, Exit::Refused));
    }

    #[test]
    fn status_follows_the_class() {
        // N8, N18, N19, N26, F9: no failure maps to 0.
        for violation in Violation::ALL {
            assert_eq!(Error::peer(*violation, 0, 0).exit(), Exit::Peer);
        }
        for why in Incompatibility::ALL {
            assert_eq!(Error::PeerIncompatible(*why).exit(), Exit::Incompatible);
        }
        let numbers = [
            (0x0301, 83),
            (0x0302, 77),
            (0x0303, 77),
            (0x0304, 77),
            (0x0305, 82),
            (0x0306, 75),
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
            (0x0312, 77),
            (0x0313, 82),
            (0x0314, 0),
            (0x0315, 75),
        ];
        for refusal in Refusal::ALL {
            let code = WireCode::Refusal(*refusal).code();
            let (_, expected) = numbers.iter().find(|(number, _)| *number == code).unwrap();
            let why = RefuseCode::Refusal(*refusal);
            let by_peer = Error::RefusedByPeer { why, retry_after_s: 0, ledger_head: [0; 32] };
            let told = if *refusal == Refusal::NothingToAsk { 76 } else { *expected };
            assert_eq!(by_peer.exit().code(), told, "V{code:04X}");
            let own = if *refusal == Refusal::SizeOutOfRange { 65 } else { *expected };
            assert_eq!(Error::Refused(*refusal).exit().code(), own, "V{code:04X}");
        }
        assert_eq!(Error::Bug(Bug::misuse()).exit(), Exit::Bug);
        assert_eq!(Error::Bug(Bug::stored_data_changed()).exit(), Exit::Storage);
    }
}
