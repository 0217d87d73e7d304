//! What a person reads when something fails: three lines, and strings that cannot harm a terminal.
//!
//! A [`Report`] says what happened, whose move it is, and what to try. Every error of the protocol
//! and of the channel is told here in one exhaustive match each, so that a new one forces
//! sentences. No report holds an identifier, digest, element, tag, handle or key; counts, indices
//! and paths are allowed [S-02].

use std::borrow::Cow;
use std::fmt;

use protocol::codec::StreamId;
use protocol::error::{
    BugKind, Clocks, Error, Incompatibility, Location, Refusal, RefuseCode, Violation, WireCode,
};
use protocol::limits::CLOCK_SKEW_S_MAX;
use protocol::transcript::Role;

pub use report::shown;

/// An error in the three lines that every failure is printed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Number of the message: the wire code in hexadecimal, or V04xx for what stays on a machine.
    pub code: Cow<'static, str>,
    /// What happened.
    pub what: String,
    /// Who has to act, and what holds meanwhile.
    pub whose_move: String,
    /// What to do.
    pub try_this: String,
}

impl Report {
    /// A report about this node, its files or its settings.
    #[must_use]
    pub fn operator(
        code: &'static str,
        what: impl Into<String>,
        try_this: impl Into<String>,
    ) -> Self {
        let what = what.into();
        // Errors of storage end in advice of their own, which knows more than ours.
        let (what, try_this) = match what.split_once("; try: ") {
            Some((what, advice)) => (what.to_owned(), advice.to_owned()),
            None => (what, try_this.into()),
        };
        Self { code: code.into(), what, whose_move: "yours".into(), try_this }
    }

    fn wire(
        code: WireCode,
        what: impl Into<String>,
        whose_move: impl Into<String>,
        try_this: impl Into<String>,
    ) -> Self {
        Self {
            code: format!("V{:04X}", code.code()).into(),
            what: what.into(),
            whose_move: whose_move.into(),
            try_this: try_this.into(),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, what, whose_move, try_this } = self;
        write!(f, "error {code}: {what}\n  whose move: {whose_move}\n  try: {try_this}")
    }
}

/// Tells an error of a session to the operator of the node whose role is `own`.
#[must_use]
pub fn protocol_report(error: &Error, own: Role) -> Report {
    let peer = own.peer().name();
    let (code, _) = error.wire();
    match error {
        Error::PeerMisbehaved { violation, at } => Report::wire(
            code,
            format!("{}{}", violation_text(*violation, own), place(*at, peer)),
            format!(
                "the {peer}'s. The transcript up to there is kept; it proves what is signed in it"
            ),
            violation_advice(*violation, peer),
        ),
        Error::PeerIncompatible(why) => Report::wire(
            code,
            format!("the two nodes do not fit together: {why}"),
            format!("yours and the {peer}'s together. Nothing was compared"),
            incompatibility_advice(*why),
        ),
        Error::Refused(refusal) => Report::wire(
            code,
            format!("this node refused: {refusal}"),
            refusal_move(*refusal, own, own),
            refusal_advice(*refusal),
        ),
        Error::RefusedByPeer { why: RefuseCode::Incompatibility(why), .. } => Report::wire(
            code,
            format!("the {peer} refused, because the two nodes do not fit together: {why}"),
            format!("yours and the {peer}'s together. Nothing was compared"),
            incompatibility_advice(*why),
        ),
        Error::RefusedByPeer { why: RefuseCode::Refusal(Refusal::CannotServe), .. } => {
            Report::wire(
                code,
                format!("the {peer} cannot serve you: its file for you has a mistake"),
                format!("the {peer}'s. Nothing was compared, and nothing is counted"),
                format!("ask the {peer}'s operator, who sees it in `status`; then run again"),
            )
        }
        Error::RefusedByPeer { why: RefuseCode::Refusal(refusal), retry_after_s, .. } => {
            Report::wire(
                code,
                format!("the {peer} refused: {refusal}"),
                refusal_move(*refusal, own, own.peer()),
                match retry_after_s {
                    0 => refusal_advice(*refusal).to_owned(),
                    seconds => later(*refusal, *seconds, peer),
                },
            )
        }
        Error::AbortedByPeer { code: told, at, signed: true } => aborted(*told, *at, own),
        Error::AbortedByPeer { code: told, signed: false, .. } => unsigned_abort(*told, own),
        Error::ClocksDiffer { clocks, .. } => clocks_report(code, *clocks, own),
        Error::Bug(bug) if bug.kind() == BugKind::StoredDataChanged => Report::operator(
            "V0418",
            "what this node stored for the session is not what it reads back",
            "check the disk and who else writes to the node's directory, then run again",
        ),
        Error::Bug(bug) => Report::wire(
            code,
            format!("defect in Veilmatch: {bug}"),
            "the developers'. Nothing was published",
            "report it with the version (`--version`) and the last lines of the log; do not repeat \
             the run with real data until it is answered",
        ),
    }
}

/// What the peer did, in words that name its part of the exchange.
fn violation_text(violation: Violation, own: Role) -> String {
    let peer = own.peer().name();
    match violation {
        Violation::ProofInvalid => "the evaluations fail their proof".into(),
        Violation::CanaryMissing => {
            format!("the {peer} did not return a row whose answer was known beforehand")
        }
        Violation::TagHitTwice => "two different identifiers hit one tag of the table".into(),
        Violation::SessionBindingMismatch => {
            format!("the {peer} signed another session than this one, or somebody stands between")
        }
        Violation::UnknownHandles => {
            format!("the {peer} asked for records that no answer of ours leads to")
        }
        other => other.to_string(),
    }
}

/// Where on the wire, in words.
fn place(at: Location, peer: &str) -> String {
    let what = match StreamId::from_code(at.stream) {
        None => return String::new(),
        Some(StreamId::ControlAdvertiser | StreamId::ControlProvider) => {
            return format!(" (message {} of the {peer})", at.index);
        }
        Some(StreamId::Table) => "the tag table",
        Some(StreamId::Blind) => "the blinded elements",
        Some(StreamId::Eval) => "the evaluations",
        Some(StreamId::Handles) => "the handles",
        Some(StreamId::Ids) => "the digital IDs",
    };
    format!(" (frame {} of {what})", at.index)
}

fn violation_advice(violation: Violation, peer: &str) -> String {
    let evidence = format!("send the transcript and its frames to the {peer}'s operator");
    match violation {
        Violation::EncodingNotCanonical
        | Violation::UnexpectedMessage
        | Violation::FrameMalformed
        | Violation::FrameTooLarge
        | Violation::FrameOutOfSequence => format!(
            "compare the versions of both nodes (`--version`); if they are equal, {evidence}"
        ),
        Violation::ElementNotCanonical
        | Violation::ElementIdentity
        | Violation::ScalarNotCanonical
        | Violation::OrderNotStrict
        | Violation::CountMismatch => {
            format!("{evidence}; do not repeat the run before it answers")
        }
        Violation::ProofInvalid | Violation::CanaryMissing | Violation::TagHitTwice => format!(
            "{evidence}; do not repeat the run, the budget is already charged and the answers \
             cannot be trusted"
        ),
        Violation::TableMalformed | Violation::TableRootMismatch => {
            format!("ask the {peer} to build its table again, then run again; {evidence}")
        }
        Violation::SignatureInvalid | Violation::CommitmentMismatch => format!(
            "compare the identity of the {peer} over a second path; if it is right, {evidence}"
        ),
        Violation::SessionBindingMismatch => format!(
            "check that nothing terminates TLS between the nodes, and compare the {peer}'s \
             identity over a second path before any further run"
        ),
        Violation::ManifestMismatch | Violation::KeyReused => format!(
            "ask the {peer} for a new key and table (it may have restored an old backup); \
             {evidence}"
        ),
        Violation::CheckpointMismatch | Violation::LeafChanged | Violation::ReceiptMismatch => {
            format!("keep the run's directory; {evidence}, who compares it with its own")
        }
        Violation::HandleMalformed
        | Violation::UnknownHandles
        | Violation::SecondHandleBatch
        | Violation::IdListMalformed => {
            format!("{evidence}; nothing of this release may be used")
        }
    }
}

fn incompatibility_advice(why: Incompatibility) -> &'static str {
    match why {
        Incompatibility::Version => {
            "compare `--version` of both nodes and upgrade the older one: versions of the protocol \
             do not mix"
        }
        Incompatibility::Suite | Incompatibility::Profile => {
            "agree on a profile that both versions have; `--version` of both nodes tells"
        }
        Incompatibility::Ruleset => {
            "use the same ruleset, options and version on both nodes, and accept a new invitation"
        }
        Incompatibility::Kinds => {
            "compare the kinds of identifiers in the invitation with the columns of your file"
        }
        Incompatibility::Parameters => {
            "compare the terms on both nodes: one names a value or flag the other does not know"
        }
        Incompatibility::LedgerHeadsDiffer => {
            "compare the ledgers of both nodes for this partner: one was restored from an older \
             backup, or lost its last entry"
        }
        Incompatibility::ChannelPolicy => {
            "check that both are Veilmatch nodes of this version, with nothing between them that \
             terminates TLS"
        }
    }
}

/// Whose policy said no, and what that means.
fn refusal_move(refusal: Refusal, own: Role, by: Role) -> String {
    let yours = if by == own { "yours" } else { "the other side's" };
    match refusal {
        Refusal::PartnerUnknown => {
            format!("{}. Nothing was compared", if by == own { "yours" } else { "the peer's" })
        }
        Refusal::ProfileNotAllowed | Refusal::PurposeNotAllowed => {
            format!("{yours}. The partner policy decides, and it is in the invitation")
        }
        Refusal::SizeOutOfRange => {
            "the advertiser's. A set lies between n_min and what the partner policy allows".into()
        }
        Refusal::BudgetExceeded | Refusal::KeyExhausted | Refusal::TooManyHellos => {
            "nobody's until the period is over. The budget protects the identity graph".into()
        }
        Refusal::DeltaTooSmall => {
            "the advertiser's. Two nearly equal sets would single out the difference".into()
        }
        Refusal::BelowMatchMinimum => {
            "nobody's. k_min protects the few who matched; the count itself is not shown".into()
        }
        Refusal::TermsExpired => "the advertiser's. Terms hold for at most seven days".into(),
        Refusal::SessionBusy | Refusal::TableNotReady | Refusal::KeySpent => {
            "nobody's. It passes by itself".into()
        }
        Refusal::CannotServe => format!("{yours}. Nothing was compared, and nothing is counted"),
        Refusal::ClocksDiffer => "of whoever's clock is wrong. Nothing was compared".into(),
        Refusal::NothingToAsk => "nobody's. The stored result answers the question".into(),
        Refusal::ResumeExpired => "the advertiser's. What was charged stays charged".into(),
        Refusal::ReleaseDeclined => format!("{yours}. Nothing was released"),
        Refusal::AuditChallengeStale => "the auditor's".into(),
    }
}

/// When to ask again; a run waits for what passes in minutes, and for no budget.
fn later(refusal: Refusal, seconds: u32, peer: &str) -> String {
    if matches!(refusal, Refusal::SessionBusy | Refusal::TableNotReady) {
        return format!("again after {seconds} s, as the {peer} asks; `run` waits by itself");
    }
    let minutes = seconds.div_ceil(60);
    let span = match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    };
    format!("again in {span}, as the {peer} says; `run` does not wait for it")
}

fn refusal_advice(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::CannotServe => "mend the partner's file: `status` names the line",
        Refusal::PartnerUnknown => {
            "have the provider invite this identity, then accept the new invitation"
        }
        Refusal::ProfileNotAllowed => "choose a profile that the invitation lists",
        Refusal::PurposeNotAllowed => {
            "choose a purpose that the invitation lists, or have the policy changed"
        }
        Refusal::SizeOutOfRange => {
            "look at why rows were left out, by reason, and bring a set inside the limits"
        }
        Refusal::BudgetExceeded => "wait for the next period, or agree on a larger budget",
        Refusal::KeyExhausted => "wait until the provider has made its next key and table",
        Refusal::DeltaTooSmall => "repeat an earlier set unchanged, or change it by more rows",
        Refusal::BelowMatchMinimum => "match a larger or another file",
        Refusal::TermsExpired => {
            "start a new run; if it happens at once, compare the clocks of both machines"
        }
        Refusal::SessionBusy => "again once the other session of this pair has ended",
        Refusal::TableNotReady => "again in some minutes; the provider is building the table",
        Refusal::ResumeExpired => "start a new run",
        Refusal::ReleaseDeclined => "agree with the other operator, then start a new run",
        Refusal::AuditChallengeStale => "ask the auditor for a new challenge",
        Refusal::KeySpent => "again in some minutes; the provider prepares another key and table",
        Refusal::ClocksDiffer => "set the wrong clock, by NTP, then run again",
        Refusal::NothingToAsk => "`advertiser-node result` writes the stored result again",
        Refusal::TooManyHellos => {
            "after midnight UTC; sixteen sessions a day can be opened, and `run` does not wait"
        }
    }
}

/// Both times, so that whoever reads them sees which clock is wrong; nobody is accused.
fn clocks_report(code: WireCode, clocks: Clocks, own: Role) -> Report {
    let peer = own.peer().name();
    let Clocks { local, peer: theirs } = clocks;
    Report::wire(
        code,
        format!(
            "the clocks of the two nodes differ by {} s, more than {CLOCK_SKEW_S_MAX}: {} here, {} \
             at the {peer}",
            clocks.difference(),
            utc(local),
            utc(theirs),
        ),
        refusal_move(Refusal::ClocksDiffer, own, own),
        format!(
            "compare both times with a third clock, set the wrong one (NTP keeps it right), then \
             run again; if yours is right, tell the {peer}'s operator both times"
        ),
    )
}

/// A Unix time as people read it.
fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(|| format!("{seconds} s after 1970"), |time| time.to_string())
}

/// The peer ended the session, and its signature under that does not hold for this session.
fn unsigned_abort(told: WireCode, own: Role) -> Report {
    let peer = own.peer().name();
    Report::wire(
        told,
        format!(
            "the {peer} ended the session with {:04X} ({told}), and its signature under that does \
             not hold for this session",
            told.code()
        ),
        format!("yours and the {peer}'s together. The message proves nothing about either"),
        "compare the versions of both nodes (`--version`), then run again; if it happens twice, \
         compare the transcripts of both",
    )
}

/// The peer ended the session and said why.
fn aborted(told: WireCode, at: Location, own: Role) -> Report {
    let peer = own.peer().name();
    match told {
        WireCode::Violation(violation) => Report::wire(
            told,
            format!(
                "the {peer} ended the session and says that this node broke a rule: {violation}{}",
                place(at, own.name())
            ),
            format!("yours and the {peer}'s together. Both transcripts show who is right"),
            "compare the versions of both nodes; if they are equal, report it with the transcript",
        ),
        WireCode::Incompatibility(why) => Report::wire(
            told,
            format!("the {peer} ended the session: {why}"),
            format!("yours and the {peer}'s together"),
            incompatibility_advice(why),
        ),
        WireCode::Refusal(refusal) => Report::wire(
            told,
            format!("the {peer} ended the session: {refusal}"),
            refusal_move(refusal, own, own.peer()),
            refusal_advice(refusal),
        ),
        WireCode::Operator => Report::wire(
            told,
            format!(
                "the {peer} ended the session: its operator stopped it, or it has a problem on its \
                 own machine"
            ),
            format!("the {peer}'s. The run can be repeated"),
            format!("run again in some minutes; if it happens twice, ask the {peer}'s operator"),
        ),
        WireCode::Bug => Report::wire(
            told,
            format!("the {peer} ended the session: it found a defect in itself"),
            format!("the {peer}'s, and the developers'"),
            format!("ask the {peer}'s operator to report it"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use protocol::error::Bug;

    use super::*;

    #[test]
    fn report_has_three_lines() {
        let report = Report {
            code: "V0304".into(),
            what: "refused, 812 eligible rows; a match needs at least 1,000 (n_min)".into(),
            whose_move: "yours. n_min is part of the terms and cannot go below 1,000".into(),
            try_this: "`advertiser-node check crm.toml` shows why".into(),
        };
        assert_eq!(
            report.to_string(),
            "error V0304: refused, 812 eligible rows; a match needs at least 1,000 (n_min)\n  \
             whose move: yours. n_min is part of the terms and cannot go below 1,000\n  \
             try: `advertiser-node check crm.toml` shows why"
        );
    }

    #[test]
    fn every_error_of_the_protocol_is_told() {
        let mut codes = Vec::new();
        codes.extend(Violation::ALL.iter().copied().map(WireCode::Violation));
        codes.extend(Incompatibility::ALL.iter().copied().map(WireCode::Incompatibility));
        codes.extend(Refusal::ALL.iter().copied().map(WireCode::Refusal));
        codes.extend([WireCode::Operator, WireCode::Bug]);
        let at = Location { stream: 18, index: 12 };
        let mut errors: Vec<Error> = Vec::new();
        for signed in [true, false] {
            let aborted = |code: &WireCode| Error::AbortedByPeer { code: *code, at, signed };
            errors.extend(codes.iter().map(aborted));
        }
        let clocks = Clocks { local: 1_800_000_000, peer: 1_799_999_000 };
        errors.extend([true, false].map(|by_peer| Error::ClocksDiffer { clocks, by_peer }));
        errors.extend(Violation::ALL.iter().map(|v| Error::peer(*v, 18, 12)));
        errors.extend(Incompatibility::ALL.iter().map(|why| Error::PeerIncompatible(*why)));
        errors.extend(Refusal::ALL.iter().map(|why| Error::Refused(*why)));
        let refusals = Refusal::ALL.iter().copied().map(RefuseCode::Refusal);
        let others = Incompatibility::ALL.iter().copied().map(RefuseCode::Incompatibility);
        for why in refusals.chain(others) {
            for retry_after_s in [0, 30] {
                let ledger_head = [0xAB; 32];
                errors.push(Error::RefusedByPeer { why, retry_after_s, ledger_head });
            }
        }
        errors.extend([Error::Bug(Bug::misuse()), Error::Bug(Bug::invariant())]);
        for error in errors {
            for role in [Role::Advertiser, Role::Provider] {
                let text = protocol_report(&error, role).to_string();
                let number = format!("error V{:04X}: ", error.wire().0.code());
                assert!(text.starts_with(&number), "{text}");
                assert_eq!(text.lines().count(), 3, "{text}");
                assert!(!text.contains("abab") && !text.contains("171"), "{text}");
                assert!(!text.contains("  whose move: \n") && !text.ends_with("try: "), "{text}");
            }
        }
    }

    #[test]
    fn a_defect_is_reported_with_its_place() {
        let bug = Bug::invariant();
        let text = protocol_report(&bug.into(), Role::Provider).to_string();
        let place = format!(", at {}:{}\n", file!(), bug.place().line());
        let first = "error V0501: defect in Veilmatch: an internal invariant does not hold";
        assert!(text.starts_with(&format!("{first}{place}")), "{text}");
    }

    #[test]
    fn changed_storage_is_the_operators() {
        let report = protocol_report(&Error::Bug(Bug::stored_data_changed()), Role::Provider);
        assert_eq!((&*report.code, &*report.whose_move), ("V0418", "yours"));
    }

    #[test]
    fn a_failed_proof_says_where_and_what_not_to_do() {
        let error = Error::peer(Violation::ProofInvalid, 18, 12);
        assert_eq!(
            protocol_report(&error, Role::Advertiser).to_string(),
            "error V010B: the evaluations fail their proof (frame 12 of the evaluations)\n  \
             whose move: the provider's. The transcript up to there is kept; it proves what is \
             signed in it\n  \
             try: send the transcript and its frames to the provider's operator; do not repeat \
             the run, the budget is already charged and the answers cannot be trusted"
        );
    }
}
