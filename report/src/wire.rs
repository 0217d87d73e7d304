//! Errors of a session, told to the operator of one of its two nodes.

use protocol::codec::StreamId;
use protocol::error::{Bug, Clocks, Error, Location, Refusal, RefuseCode, WireCode};

use crate::code::{Code, Whose};
use crate::diagnose::Diagnose;
use crate::exit::Exit;
use crate::text::{Arg, Text};

impl Diagnose for Error {
    fn code(&self) -> Code {
        match self {
            Self::Bug(Bug::StoredDataChanged) => Code::Damaged,
            // A set that this node itself finds too small or too large is a matter of the file.
            Self::Refused(Refusal::SizeOutOfRange) => Code::TooFewRows,
            error => Code::of(error.wire().0),
        }
    }

    fn text(&self) -> Text {
        let (code, _) = self.wire();
        let why = || Text::new(Code::of(code).id());
        match self {
            Self::PeerMisbehaved { at, .. } => {
                Text::new("peer-misbehaved").with("what", why()).with("place", place(*at, true))
            }
            Self::PeerIncompatible(_) => Text::new("incompatible").with("why", why()),
            Self::Refused(_) => Text::new("refused-here").with("why", why()),
            Self::RefusedByPeer { why: RefuseCode::Incompatibility(_), .. } => {
                Text::new("incompatible-there").with("why", why())
            }
            Self::RefusedByPeer { why: RefuseCode::Refusal(Refusal::CannotServe), .. } => {
                Text::new("cannot-serve-there")
            }
            Self::RefusedByPeer { .. } => Text::new("refused-there").with("why", why()),
            Self::AbortedByPeer { signed: false, .. } => {
                let number = format!("{:04X}", code.code());
                Text::new("aborted-unsigned").with("number", number).with("why", why())
            }
            Self::AbortedByPeer { at, .. } => match code {
                WireCode::Violation(_) => Text::new("aborted-over-violation")
                    .with("why", why())
                    .with("place", place(*at, false)),
                WireCode::Operator => Text::new("peer-operator"),
                WireCode::Bug => Text::new("aborted-by-defect"),
                WireCode::Incompatibility(_) | WireCode::Refusal(_) => {
                    Text::new("aborted").with("why", why())
                }
            },
            Self::ClocksDiffer { clocks, by_peer } => {
                let Clocks { local, peer } = *clocks;
                Text::new(if *by_peer { "clocks-differ-there" } else { "clocks-differ" })
                    .with("local", Arg::Instant(local))
                    .with("theirs", Arg::Instant(peer))
                    .with("seconds", local.abs_diff(peer))
            }
            Self::Bug(Bug::StoredDataChanged) => Text::new("stored-data-changed"),
            Self::Bug(bug) => Text::new("defect").with("what", bug.to_string()),
        }
    }

    fn whose(&self) -> Whose {
        match self {
            Self::Refused(refusal) => whose(*refusal, true),
            Self::RefusedByPeer { why: RefuseCode::Refusal(refusal), .. }
            | Self::AbortedByPeer { code: WireCode::Refusal(refusal), signed: true, .. } => {
                whose(*refusal, false)
            }
            Self::AbortedByPeer { signed: false, .. }
            | Self::AbortedByPeer { code: WireCode::Violation(_), .. } => Whose::YouAndPeer,
            Self::AbortedByPeer { code: WireCode::Bug, .. } => Whose::Peer,
            error => error.code().whose(),
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

    fn note(&self) -> Option<Text> {
        let of = |id: &'static str| Some(Text::new(id).attribute("note"));
        match self {
            Self::Refused(_)
            | Self::RefusedByPeer { why: RefuseCode::Refusal(_), .. }
            | Self::AbortedByPeer { code: WireCode::Refusal(_), signed: true, .. } => {
                let note = Text::new(Code::of(self.wire().0).id()).attribute("note");
                note.exists(crate::Lang::En).then_some(note)
            }
            Self::AbortedByPeer { code: WireCode::Incompatibility(_), signed: true, .. } => None,
            Self::PeerIncompatible(_) => of("incompatible"),
            _ => None,
        }
    }

    fn advice(&self) -> Option<Text> {
        let of_code = || Some(Text::new(Code::of(self.wire().0).id()).attribute("try"));
        match self {
            Self::RefusedByPeer { why: RefuseCode::Refusal(Refusal::CannotServe), .. } => None,
            Self::RefusedByPeer { why: RefuseCode::Refusal(refusal), retry_after_s, .. }
                if *retry_after_s > 0 =>
            {
                Some(later(*refusal, (*retry_after_s).into()))
            }
            Self::PeerMisbehaved { .. }
            | Self::PeerIncompatible(_)
            | Self::Refused(_)
            | Self::RefusedByPeer { .. } => of_code(),
            Self::AbortedByPeer {
                code: WireCode::Incompatibility(_) | WireCode::Refusal(_),
                signed: true,
                ..
            } => of_code(),
            Self::AbortedByPeer { .. } | Self::ClocksDiffer { .. } | Self::Bug(_) => None,
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

/// Whose move a refusal leaves, by whether this node refused.
const fn whose(refusal: Refusal, by_us: bool) -> Whose {
    let whose = match by_us {
        true => Whose::You,
        false => Whose::Peer,
    };
    match refusal {
        Refusal::PartnerUnknown
        | Refusal::ProfileNotAllowed
        | Refusal::PurposeNotAllowed
        | Refusal::CannotServe
        | Refusal::ReleaseDeclined => whose,
        Refusal::SizeOutOfRange
        | Refusal::DeltaTooSmall
        | Refusal::TermsExpired
        | Refusal::ResumeExpired => Whose::Advertiser,
        Refusal::ClocksDiffer => Whose::YouOrPeer,
        Refusal::AuditChallengeStale => Whose::Auditor,
        Refusal::BudgetExceeded
        | Refusal::KeyExhausted
        | Refusal::TooManyHellos
        | Refusal::BelowMatchMinimum
        | Refusal::SessionBusy
        | Refusal::TableNotReady
        | Refusal::KeySpent
        | Refusal::NothingToAsk => Whose::Nobody,
    }
}

/// When to ask again; a run waits for what passes in minutes, and for no budget.
fn later(refusal: Refusal, seconds: u64) -> Text {
    if matches!(refusal, Refusal::SessionBusy | Refusal::TableNotReady) {
        return Text::new("later-by-itself").with("seconds", Arg::Number(seconds));
    }
    let minutes = seconds.div_ceil(60);
    let (hours, rest) = (minutes / 60, minutes % 60);
    match hours {
        0 => Text::new("later-minutes").with("minutes", Arg::Number(rest)),
        _ => Text::new("later-hours")
            .with("hours", Arg::Number(hours))
            .with("minutes", Arg::Number(rest)),
    }
}

/// Where on the wire, in words; messages are the peer's, or our own in what the peer says of us.
fn place(at: Location, of_peer: bool) -> Text {
    let stream = match StreamId::from_code(at.stream) {
        None => return Text::new("place-none"),
        Some(StreamId::ControlAdvertiser | StreamId::ControlProvider) => {
            let id = if of_peer { "place-message-peer" } else { "place-message-own" };
            return Text::new(id).with("index", Arg::Number(at.index.into()));
        }
        Some(StreamId::Table) => "stream-table",
        Some(StreamId::Blind) => "stream-blind",
        Some(StreamId::Eval) => "stream-eval",
        Some(StreamId::Handles) => "stream-handles",
        Some(StreamId::Ids) => "stream-ids",
    };
    Text::new("place-frame")
        .with("index", Arg::Number(at.index.into()))
        .with("stream", Text::new(stream))
}
