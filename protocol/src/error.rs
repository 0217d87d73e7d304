//! Errors of a session, sorted by who must act.
//!
//! A variant of [`Error`] is what its reader can do about it; the small enums below name the rule.
//! On the wire an error is a code, a stream and an index, never text, and nothing here can hold an
//! identifier, digest, element, tag, handle or key [S-02].

use core::fmt;
use core::panic::Location as Place;

use crate::limits::CLOCK_SKEW_S_MAX;

/// Why a session ended before its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The peer broke a rule; the transcript is evidence, and the run is not repeated.
    #[error("the peer broke the protocol: {violation} ({at})")]
    PeerMisbehaved {
        /// The rule that was broken.
        violation: Violation,
        /// Where on the wire.
        at: Location,
    },
    /// The two nodes cannot work together as configured.
    #[error("the nodes are incompatible: {0}")]
    PeerIncompatible(Incompatibility),
    /// We refuse, by policy, budget or threshold. Not a failure.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The peer refused, and says when to try again.
    #[error("the peer refused: {why}")]
    RefusedByPeer {
        /// The peer's reason.
        why: RefuseCode,
        /// Seconds after which the same request may succeed; 0 means never.
        retry_after_s: u32,
        /// Head of the peer's ledger with us.
        ledger_head: [u8; 32],
    },
    /// The peer ended the session with a code of its own.
    #[error("the peer ended the session with {code} ({at})")]
    AbortedByPeer {
        /// What the peer says happened; a violation is one it ascribes to us.
        code: WireCode,
        /// Where on the wire.
        at: Location,
        /// Whether the peer's signature under it holds; without one it proves nothing.
        signed: bool,
    },
    /// The two clocks differ by more than a session tolerates, or one of them has jumped.
    #[error("the clocks of the two nodes differ by {} s", clocks.difference())]
    ClocksDiffer {
        /// What they showed.
        clocks: Clocks,
        /// Whether the peer found it, and refused.
        by_peer: bool,
    },
    /// Veilmatch itself is wrong.
    #[error("defect in Veilmatch: {0}")]
    Bug(Bug),
}

impl Error {
    /// Violation at a place on the wire.
    #[must_use]
    pub fn peer(violation: Violation, stream: u8, index: u32) -> Self {
        Self::PeerMisbehaved { violation, at: Location { stream, index } }
    }

    /// Who must act on this error.
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

/// What two clocks showed at the same moment, in Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// This node's.
    pub local: u64,
    /// The peer's.
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

/// Who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The other node.
    Peer,
    /// Both operators together.
    Both,
    /// Nobody: a policy says no.
    Policy,
    /// This node or its operator.
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
        let name = match self.stream {
            0 => return f.write_str("session"),
            1 => "control A->P",
            2 => "control P->A",
            16 => "TABLE",
            17 => "BLIND",
            18 => "EVAL",
            19 => "HANDLES",
            20 => "IDS",
            _ => "unknown stream",
        };
        write!(f, "{name}, frame {}", self.index)
    }
}

/// Declares a u16-coded enum with its texts, so that code, name and text cannot drift apart.
macro_rules! coded {
    (
        $(#[$meta:meta])* $name:ident {
            $($(#[$vmeta:meta])* $variant:ident = $code:literal, $text:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name { $(#[doc = $text] $(#[$vmeta])* $variant = $code,)+ }

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
                f.write_str(match self { $(Self::$variant => $text,)+ })
            }
        }
    };
}

coded! {
    /// Rules whose breach is the peer's fault, wire codes 0x0101 and up.
    Violation {
        EncodingNotCanonical = 0x0101, "a control message is not in its one canonical encoding";
        UnexpectedMessage = 0x0102, "a message is not allowed in this state";
        FrameMalformed = 0x0103, "a frame header or length is malformed";
        FrameTooLarge = 0x0104, "a frame is larger than the limit";
        FrameOutOfSequence = 0x0105, "a frame index has a gap";
        ElementNotCanonical = 0x0106, "an element is not a canonical encoding";
        ElementIdentity = 0x0107, "an element is the identity";
        ScalarNotCanonical = 0x0108, "a proof scalar is zero or not canonical";
        OrderNotStrict = 0x0109, "elements are not in strict order";
        CountMismatch = 0x010A, "fewer or more elements than announced";
        ProofInvalid = 0x010B, "a frame of evaluations fails its proof";
        CanaryMissing = 0x010C, "a canary row did not come back";
        TableMalformed = 0x010D, "the tag table is malformed";
        TableRootMismatch = 0x010E, "the tag table is not the announced one";
        TagHitTwice = 0x010F, "one table tag was hit by two elements";
        SignatureInvalid = 0x0110, "a signature is invalid";
        CommitmentMismatch = 0x0111, "a commitment does not open";
        SessionBindingMismatch = 0x0112, "the session id differs: relay, replay or other terms";
        ManifestMismatch = 0x0113, "the key manifest does not fit the session";
        KeyReused = 0x0114, "a key was offered under another manifest or a second time";
        CheckpointMismatch = 0x0115, "a checkpoint differs from the stream";
        LeafChanged = 0x0116, "a re-sent frame differs from the first one";
        HandleMalformed = 0x0117, "handles are out of order or too many";
        UnknownHandles = 0x0118, "too many unknown handles";
        SecondHandleBatch = 0x0119, "a second batch of handles";
        IdListMalformed = 0x011A, "the list of digital IDs is malformed";
        ReceiptMismatch = 0x011B, "the receipt differs from the session";
    }
}

coded! {
    /// Reasons for which two honest nodes cannot work together, wire codes 0x0201 and up.
    Incompatibility {
        Version = 0x0201, "no common protocol version";
        Suite = 0x0202, "the suite is not supported";
        Profile = 0x0203, "the profile is not supported";
        Ruleset = 0x0204, "the normalization rules differ";
        Kinds = 0x0205, "the kinds of identifiers do not fit";
        Parameters = 0x0206, "a parameter or flag is not supported";
        LedgerHeadsDiffer = 0x0207, "the two ledgers have different heads";
        ChannelPolicy = 0x0208, "the channel does not meet the policy";
    }
}

coded! {
    /// Reasons for which a policy says no, wire codes 0x0301 and up.
    Refusal {
        PartnerUnknown = 0x0301, "the partner is not known here";
        ProfileNotAllowed = 0x0302, "the partner policy does not allow this profile";
        PurposeNotAllowed = 0x0303, "the partner policy does not allow this purpose";
        SizeOutOfRange = 0x0304, "a set is too small or too large";
        BudgetExceeded = 0x0305, "the evaluation budget is spent";
        KeyExhausted = 0x0306, "the key has no evaluations left";
        DeltaTooSmall = 0x0307, "the set is too close to an earlier one";
        BelowMatchMinimum = 0x0308, "fewer matched records than k_min";
        TermsExpired = 0x0309, "the terms have expired or are not yet valid";
        SessionBusy = 0x030A, "another session of this pair is live";
        TableNotReady = 0x030B, "the table for this run is not ready";
        ResumeExpired = 0x030C, "the session can no longer be resumed";
        ReleaseDeclined = 0x030D, "the operator declined the release";
        AuditChallengeStale = 0x030E, "the audit challenge is stale";
        TooManyHellos = 0x030F, "too many sessions were opened today";
        KeySpent = 0x0310, "the offered key was spent by earlier terms";
        ClocksDiffer = 0x0311, "the clocks of the two nodes differ by more than 300 s";
        NothingToAsk = 0x0314, "the same question was answered before";
        CannotServe = 0x0315, "the file for this partner has a mistake";
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

impl fmt::Debug for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}:{}", self.kind, self.place.file(), self.place.line())
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at {}:{}", self.kind, self.place.file(), self.place.line())
    }
}

impl core::error::Error for Bug {}

/// Kinds of defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BugKind {
    /// The driver called a session out of order.
    #[error("the session was driven out of order")]
    ApiMisuse,
    /// A state that the design excludes is reached.
    #[error("an internal invariant does not hold")]
    InternalInvariant,
    /// A table or spill that the driver kept is not as the session gave it.
    #[error("what the driver kept has changed")]
    StoredDataChanged,
}

/// What a REFUSE may carry: a policy that says no, or two nodes that do not fit.
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

    /// The refusal, if it is one.
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

/// An error code as it stands on the wire.
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
            Self::Operator => f.write_str("a problem on its own machine"),
            Self::Bug => f.write_str("a defect it found in itself"),
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
        assert_eq!(bug.to_string(), format!("an internal invariant does not hold, at {place}"));
        assert_eq!(format!("{bug:?}"), format!("InternalInvariant at {place}"));
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
    fn codes_are_in_the_order_of_the_specification() {
        // Codes of rules on noise that this version does not have.
        let gaps = [0x0312, 0x0313];
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
