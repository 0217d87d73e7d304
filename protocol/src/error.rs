//! Errors of a session, sorted by who must act.
//!
//! A variant of [`Error`] stands for one thing that its reader can do; the small enums below name
//! the rule. On the wire an error is a code, a stream and an index, never text, and nothing here
//! can hold an identifier, digest, element, tag, handle or key [S-02]. `Display` writes the names
//! of the specification, for logs; the crate `report` tells an error to people.

use core::fmt;
use core::panic::Location as Place;

use crate::codec::StreamId;
use crate::limits::CLOCK_SKEW_S_MAX;

/// End of a session before its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The peer broke a rule; the transcript is evidence, and the run is not repeated.
    PeerMisbehaved {
        /// The rule that was broken.
        violation: Violation,
        /// Place on the wire.
        at: Location,
    },
    /// The two nodes cannot work together as configured.
    PeerIncompatible(Incompatibility),
    /// We refuse, by policy, budget or threshold. Not a failure.
    Refused(Refusal),
    /// The peer refused, and says when to try again.
    RefusedByPeer {
        /// The peer's reason.
        why: RefuseCode,
        /// Seconds after which the same request may succeed; 0 means never.
        retry_after_s: u32,
        /// Head of the peer's ledger with us.
        ledger_head: [u8; 32],
    },
    /// The peer ended the session with a code of its own.
    AbortedByPeer {
        /// The peer's account of what happened; a violation is one it ascribes to us.
        code: WireCode,
        /// Place on the wire.
        at: Location,
        /// True if the peer's signature under it holds; without one it proves nothing.
        signed: bool,
    },
    /// The two clocks differ by more than a session tolerates, or one of them has jumped.
    ClocksDiffer {
        /// Both times.
        clocks: Clocks,
        /// True if the peer found it, and refused.
        by_peer: bool,
    },
    /// Veilmatch itself is wrong.
    Bug(Bug),
}

impl Error {
    /// Violation at a place on the wire.
    #[must_use]
    pub fn peer(violation: Violation, stream: u8, index: u32) -> Self {
        Self::PeerMisbehaved { violation, at: Location { stream, index } }
    }

    /// Party that must act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::PeerMisbehaved { .. } => Blame::Peer,
            Self::PeerIncompatible(_) => Blame::Both,
            Self::Refused(_) => Blame::Policy,
            Self::ClocksDiffer { .. } => Blame::Both,
            Self::RefusedByPeer { why, .. } => match why {
                RefuseCode::Refusal(_) => Blame::Policy,
                RefuseCode::Incompatibility(_) => Blame::Both,
            },
            // Nobody knows who said it, or about what.
            Self::AbortedByPeer { signed: false, .. } => Blame::Both,
            Self::AbortedByPeer { code, .. } => match code {
                WireCode::Violation(_) => Blame::Both,
                WireCode::Incompatibility(_) => Blame::Both,
                WireCode::Refusal(_) => Blame::Policy,
                WireCode::Operator | WireCode::Bug => Blame::Peer,
            },
            Self::Bug(_) => Blame::Local,
        }
    }

    /// The refusal behind this error, ours or the peer's; `None` for anything but a refusal.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused(why)
            | Self::RefusedByPeer { why: RefuseCode::Refusal(why), .. }
            | Self::AbortedByPeer { code: WireCode::Refusal(why), .. } => Some(*why),
            Self::ClocksDiffer { .. } => Some(Refusal::ClocksDiffer),
            _ => None,
        }
    }

    /// The code this error has on the wire, and the place it names there.
    ///
    /// Errors that came from the peer are not sent back; they map to their own code for display.
    #[must_use]
    pub fn wire(&self) -> (WireCode, Location) {
        match self {
            Self::PeerMisbehaved { violation, at } => (WireCode::Violation(*violation), *at),
            Self::PeerIncompatible(why) => (WireCode::Incompatibility(*why), Location::NONE),
            Self::Refused(why) => (WireCode::Refusal(*why), Location::NONE),
            Self::RefusedByPeer { why, .. } => ((*why).into(), Location::NONE),
            Self::AbortedByPeer { code, at, .. } => (*code, *at),
            Self::ClocksDiffer { .. } => (WireCode::Refusal(Refusal::ClocksDiffer), Location::NONE),
            Self::Bug(_) => (WireCode::Bug, Location::NONE),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::PeerMisbehaved { .. } => "PeerMisbehaved",
            Self::PeerIncompatible(_) => "PeerIncompatible",
            Self::Refused(_) => "Refused",
            Self::RefusedByPeer { .. } => "RefusedByPeer",
            Self::AbortedByPeer { .. } => "AbortedByPeer",
            Self::ClocksDiffer { clocks, .. } => {
                return write!(f, "ClocksDiffer: {} s", clocks.difference());
            }
            Self::Bug(bug) => return bug.fmt(f),
        };
        let (code, at) = self.wire();
        write!(f, "{kind}: {code}")?;
        if at == Location::NONE { Ok(()) } else { write!(f, " ({at})") }
    }
}

impl core::error::Error for Error {}

impl From<Bug> for Error {
    fn from(bug: Bug) -> Self {
        Self::Bug(bug)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Incompatibility> for Error {
    fn from(why: Incompatibility) -> Self {
        Self::PeerIncompatible(why)
    }
}

/// Times of two clocks at the same moment, in Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Time of this node.
    pub local: u64,
    /// Time of the peer.
    pub peer: u64,
}

impl Clocks {
    /// Accepts two times that differ by no more than [`CLOCK_SKEW_S_MAX`].
    ///
    /// # Errors
    ///
    /// [`Error::ClocksDiffer`]; neither side is to blame before somebody compares both with a third
    /// clock.
    pub fn check(self) -> Result<(), Error> {
        // [G36]
        match self.difference() <= CLOCK_SKEW_S_MAX {
            true => Ok(()),
            false => Err(Error::ClocksDiffer { clocks: self, by_peer: false }),
        }
    }

    /// Seconds between them.
    #[must_use]
    pub const fn difference(&self) -> u64 {
        self.local.abs_diff(self.peer)
    }
}

/// Party that must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The other node.
    Peer,
    /// Both operators together.
    Both,
    /// Nobody: a policy says no.
    Policy,
    /// We: this node or its operator.
    Local,
}

/// A place on the wire: a stream and the index of a frame in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location {
    /// Stream number of the frame header; 0 when no stream is meant.
    pub stream: u8,
    /// Frame or element index.
    pub index: u32,
}

impl Location {
    /// No place: the error is about the session.
    pub const NONE: Self = Self { stream: 0, index: 0 };
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stream, index } = self;
        match StreamId::from_code(*stream) {
            None => f.write_str("session"),
            Some(stream) => write!(f, "{} {index}", stream.name()),
        }
    }
}

/// Declares a u16-coded enum whose names are those of the specification.
macro_rules! coded {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$vmeta:meta])* $variant:ident = $code:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name { $($(#[$vmeta])* $variant = $code,)+ }

        impl $name {
            /// Every variant, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The wire code.
            #[must_use]
            pub const fn code(self) -> u16 {
                self as u16
            }

            /// The variant with this wire code.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The name used in the specification.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

coded! {
    /// Rules whose breach is the peer's fault, wire codes 0x0101 and up.
    Violation {
        /// Control message that is not in its one canonical encoding.
        EncodingNotCanonical = 0x0101;
        /// Message that is not allowed in this state.
        UnexpectedMessage = 0x0102;
        /// Frame header or length that is malformed.
        FrameMalformed = 0x0103;
        /// Frame above the limit.
        FrameTooLarge = 0x0104;
        /// Gap in the indices of frames.
        FrameOutOfSequence = 0x0105;
        /// Element that is not a canonical encoding.
        ElementNotCanonical = 0x0106;
        /// Element that is the identity.
        ElementIdentity = 0x0107;
        /// Proof scalar that is zero or not canonical.
        ScalarNotCanonical = 0x0108;
        /// Elements that are not in strict order.
        OrderNotStrict = 0x0109;
        /// Fewer or more elements than announced.
        CountMismatch = 0x010A;
        /// Frame of evaluations that fails its proof.
        ProofInvalid = 0x010B;
        /// Canary row that did not come back.
        CanaryMissing = 0x010C;
        /// Tag table that is malformed.
        TableMalformed = 0x010D;
        /// Tag table that is not the announced one.
        TableRootMismatch = 0x010E;
        /// Table tag that two elements hit.
        TagHitTwice = 0x010F;
        /// Signature that does not verify.
        SignatureInvalid = 0x0110;
        /// Commitment that does not open.
        CommitmentMismatch = 0x0111;
        /// Other session id than ours: relay, replay or other terms.
        SessionBindingMismatch = 0x0112;
        /// Key manifest that does not fit the session.
        ManifestMismatch = 0x0113;
        /// Key that was offered under another manifest or a second time.
        KeyReused = 0x0114;
        /// Checkpoint that differs from the stream.
        CheckpointMismatch = 0x0115;
        /// Re-sent frame that differs from the first one.
        LeafChanged = 0x0116;
        /// Handles out of order, or too many of them.
        HandleMalformed = 0x0117;
        /// Too many unknown handles.
        UnknownHandles = 0x0118;
        /// Second batch of handles.
        SecondHandleBatch = 0x0119;
        /// List of digital IDs that is malformed.
        IdListMalformed = 0x011A;
        /// Receipt that differs from the session.
        ReceiptMismatch = 0x011B;
    }
}

coded! {
    /// Reasons for which two honest nodes cannot work together, wire codes 0x0201 and up.
    Incompatibility {
        /// No common version of the protocol.
        Version = 0x0201;
        /// Suite that is not supported.
        Suite = 0x0202;
        /// Profile that is not supported.
        Profile = 0x0203;
        /// Normalization rules that differ.
        Ruleset = 0x0204;
        /// Kinds of identifiers that do not fit.
        Kinds = 0x0205;
        /// Parameter or flag that is not supported.
        Parameters = 0x0206;
        /// Heads of the two ledgers that differ.
        LedgerHeadsDiffer = 0x0207;
        /// Channel that does not meet the policy.
        ChannelPolicy = 0x0208;
    }
}

coded! {
    /// Reasons for which a policy says no, wire codes 0x0301 and up.
    Refusal {
        /// Partner that is not known here.
        PartnerUnknown = 0x0301;
        /// Profile that the partner policy does not allow.
        ProfileNotAllowed = 0x0302;
        /// Purpose that the partner policy does not allow.
        PurposeNotAllowed = 0x0303;
        /// Set that is too small or too large.
        SizeOutOfRange = 0x0304;
        /// Evaluation budget that is spent.
        BudgetExceeded = 0x0305;
        /// Key without evaluations left.
        KeyExhausted = 0x0306;
        /// Fewer matched records than k_min.
        BelowMatchMinimum = 0x0308;
        /// Terms that have expired or are not yet valid.
        TermsExpired = 0x0309;
        /// Another session of this pair is live.
        SessionBusy = 0x030A;
        /// Table for this run that is not ready.
        TableNotReady = 0x030B;
        /// Session that can no longer be resumed.
        ResumeExpired = 0x030C;
        /// Release that the operator declined.
        ReleaseDeclined = 0x030D;
        /// Audit challenge that is stale.
        AuditChallengeStale = 0x030E;
        /// Too many sessions were opened today.
        TooManyHellos = 0x030F;
        /// Offered key that earlier terms spent.
        KeySpent = 0x0310;
        /// Clocks of the two nodes that differ by more than 300 s.
        ClocksDiffer = 0x0311;
        /// Matched rows above the cap: is the other side's table real?
        Implausible = 0x0312;
        /// Budget of privacy loss that is spent.
        EpsilonExceeded = 0x0313;
        /// Question that was answered before.
        NothingToAsk = 0x0314;
        /// Mistake in the provider's file for this partner.
        CannotServe = 0x0315;
    }
}

/// A defect of this program and the line of its source that found it; 0x0501 on the wire.
///
/// Holds no data. Two defects are equal if their kinds are: a place moves with every edit.
#[derive(Clone, Copy)]
pub struct Bug {
    kind: BugKind,
    place: &'static Place<'static>,
}

impl Bug {
    /// Defect of the driver: it called a session out of order.
    #[must_use]
    #[track_caller]
    pub const fn misuse() -> Self {
        Self { kind: BugKind::ApiMisuse, place: Place::caller() }
    }

    /// State that the design excludes, such as a zero scalar out of a derivation.
    #[must_use]
    #[track_caller]
    pub const fn invariant() -> Self {
        Self { kind: BugKind::InternalInvariant, place: Place::caller() }
    }

    /// Table or spill that comes back other than the session gave it to the driver to keep.
    #[must_use]
    #[track_caller]
    pub const fn stored_data_changed() -> Self {
        Self { kind: BugKind::StoredDataChanged, place: Place::caller() }
    }

    /// Kind of the defect, which decides whose matter it is.
    #[must_use]
    pub const fn kind(&self) -> BugKind {
        self.kind
    }

    /// Place in the source where the defect was raised; its file is relative to the workspace.
    #[must_use]
    pub const fn place(&self) -> &'static Place<'static> {
        self.place
    }
}

impl PartialEq for Bug {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Bug {}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}:{}", self.kind, self.place.file(), self.place.line())
    }
}

impl fmt::Debug for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Bug {}

/// Kinds of defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BugKind {
    /// The driver called a session out of order.
    ApiMisuse,
    /// A state that the design excludes is reached.
    InternalInvariant,
    /// A table or spill that the driver kept is not as the session gave it.
    StoredDataChanged,
}

/// Reason in a REFUSE: a policy that says no, or two nodes that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefuseCode {
    /// A policy says no.
    Refusal(Refusal),
    /// Both operators must act.
    Incompatibility(Incompatibility),
}

impl RefuseCode {
    /// The u16 of REFUSE.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Refusal(why) => why.code(),
            Self::Incompatibility(why) => why.code(),
        }
    }

    /// The meaning of a u16 in REFUSE, if it may stand there.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        match WireCode::from_code(code)? {
            WireCode::Refusal(why) => Some(Self::Refusal(why)),
            WireCode::Incompatibility(why) => Some(Self::Incompatibility(why)),
            WireCode::Violation(_) | WireCode::Operator | WireCode::Bug => None,
        }
    }

    /// The refusal; `None` for an incompatibility.
    #[must_use]
    pub const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Refusal(why) => Some(why),
            Self::Incompatibility(_) => None,
        }
    }
}

impl fmt::Display for RefuseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refusal(why) => why.fmt(f),
            Self::Incompatibility(why) => why.fmt(f),
        }
    }
}

impl From<RefuseCode> for WireCode {
    fn from(why: RefuseCode) -> Self {
        match why {
            RefuseCode::Refusal(why) => Self::Refusal(why),
            RefuseCode::Incompatibility(why) => Self::Incompatibility(why),
        }
    }
}

/// An error code of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireCode {
    /// The sender says that the receiver broke a rule.
    Violation(Violation),
    /// Both must act.
    Incompatibility(Incompatibility),
    /// A policy says no.
    Refusal(Refusal),
    /// The sender's operator or machine has a problem.
    Operator,
    /// The sender found a defect in itself.
    Bug,
}

impl WireCode {
    /// The u16 of ABORT and REFUSE.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Violation(violation) => violation.code(),
            Self::Incompatibility(why) => why.code(),
            Self::Refusal(why) => why.code(),
            Self::Operator => 0x0401,
            Self::Bug => 0x0501,
        }
    }

    /// The meaning of a u16, if it has one.
    #[must_use]
    pub fn from_code(code: u16) -> Option<Self> {
        Violation::from_code(code)
            .map(Self::Violation)
            .or_else(|| Incompatibility::from_code(code).map(Self::Incompatibility))
            .or_else(|| Refusal::from_code(code).map(Self::Refusal))
            .or(match code {
                0x0401 => Some(Self::Operator),
                0x0501 => Some(Self::Bug),
                _ => None,
            })
    }
}

impl fmt::Display for WireCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(violation) => violation.fmt(f),
            Self::Incompatibility(why) => why.fmt(f),
            Self::Refusal(why) => why.fmt(f),
            Self::Operator => f.write_str("Operator"),
            Self::Bug => f.write_str("Bug"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_defect_names_the_line_where_it_was_raised() {
        let (bug, line) = (Bug::invariant(), line!());
        assert_eq!((bug.place().file(), bug.place().line()), (file!(), line));
        assert!(!bug.place().file().starts_with('/'), "{bug}");
        let place = format!("{}:{line}", file!());
        assert_eq!(bug.to_string(), format!("InternalInvariant at {place}"));
        assert_eq!(format!("{bug:?}"), bug.to_string());
        assert_eq!(bug, Bug::invariant());
        assert_ne!(bug, Bug::misuse());
    }

    #[test]
    fn a_defect_behind_a_conversion_keeps_its_line() {
        let raise = || -> Result<(), Error> { None.ok_or(Bug::misuse())? };
        let Err(Error::Bug(bug)) = raise() else { panic!("not a defect") };
        assert_eq!(bug.place().line(), line!() - 2);
    }

    #[test]
    fn errors_are_shown_by_the_names_of_the_specification() {
        let misbehaved = Error::peer(Violation::ProofInvalid, StreamId::Eval.code(), 12);
        assert_eq!(misbehaved.to_string(), "PeerMisbehaved: ProofInvalid (EVAL 12)");
        assert_eq!(Error::from(Refusal::SessionBusy).to_string(), "Refused: SessionBusy");
        let (clocks, by_peer) = (Clocks { local: 400, peer: 0 }, true);
        assert_eq!(Error::ClocksDiffer { clocks, by_peer }.to_string(), "ClocksDiffer: 400 s");
    }

    #[test]
    fn codes_are_in_the_order_of_the_specification() {
        // Withdrawn: `DeltaTooSmall`.
        let gaps = [0x0307];
        for (range, codes) in [
            (0x0101, Violation::ALL.iter().map(|v| v.code()).collect::<Vec<_>>()),
            (0x0201, Incompatibility::ALL.iter().map(|v| v.code()).collect()),
            (0x0301, Refusal::ALL.iter().map(|v| v.code()).collect()),
        ] {
            let numbers = (range..).filter(|code| !gaps.contains(code));
            for (number, code) in numbers.zip(codes) {
                assert_eq!(code, number);
                let wire = WireCode::from_code(code).expect("every code has a meaning");
                assert_eq!(wire.code(), code);
            }
        }
        assert_eq!(WireCode::from_code(0x011C), None);
        assert_eq!(WireCode::from_code(0), None);
    }
}
