//! The one table of codes: number, exit status, whose move it is, id of the text.
//!
//! `docs/reference/errors.md` is generated from it. A number that goes is withdrawn and never used
//! again: V0404, V0406 and V0419 are.

use protocol::error::WireCode;

use crate::exit::{Exit, Signal};
use crate::text::Text;

/// Party that has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// The operator who reads this.
    You,
    /// The operator of the other node.
    Peer,
    /// Either of the two operators.
    YouOrPeer,
    /// Both operators together.
    YouAndPeer,
    /// The advertiser, whoever reads this.
    Advertiser,
    /// The provider, whoever reads this.
    Provider,
    /// The auditor.
    Auditor,
    /// The person who gave a package to the auditor.
    Giver,
    /// The developers of Veilmatch.
    Developers,
    /// Nobody: it passes by itself, or a policy stands.
    Nobody,
}

impl Whose {
    /// Every party, for tests of the texts.
    pub const ALL: [Self; 10] = [
        Self::You,
        Self::Peer,
        Self::YouOrPeer,
        Self::YouAndPeer,
        Self::Advertiser,
        Self::Provider,
        Self::Auditor,
        Self::Giver,
        Self::Developers,
        Self::Nobody,
    ];

    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Peer => "peer",
            Self::YouOrPeer => "you_or_peer",
            Self::YouAndPeer => "you_and_peer",
            Self::Advertiser => "advertiser",
            Self::Provider => "provider",
            Self::Auditor => "auditor",
            Self::Giver => "giver",
            Self::Developers => "developers",
            Self::Nobody => "nobody",
        }
    }

    /// The words.
    pub fn text(self) -> Text {
        Text::new(match self {
            Self::You => "whose-you",
            Self::Peer => "whose-peer",
            Self::YouOrPeer => "whose-you-or-peer",
            Self::YouAndPeer => "whose-you-and-peer",
            Self::Advertiser => "whose-advertiser",
            Self::Provider => "whose-provider",
            Self::Auditor => "whose-auditor",
            Self::Giver => "whose-giver",
            Self::Developers => "whose-developers",
            Self::Nobody => "whose-nobody",
        })
    }
}

/// Declares the table.
macro_rules! codes {
    ($($name:ident = $number:literal, $exit:ident, $whose:ident, $id:literal;)+) => {
        /// A row of the table: one situation that a program ends with.
        ///
        /// A few situations share a number and differ in their status, as the two ends of a refusal
        /// or the three signals do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $id] $name),+ }

        impl Code {
            /// Every row, in the order of the manual.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The number.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number),+ }
            }

            /// The exit status.
            #[must_use]
            pub const fn exit(self) -> Exit {
                match self { $(Self::$name => Exit::$exit),+ }
            }

            /// Party whose move it is.
            #[must_use]
            pub const fn whose(self) -> Whose {
                match self { $(Self::$name => Whose::$whose),+ }
            }

            /// The id of the text that says what it means.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }
        }
    };
}

codes! {
    EncodingNotCanonical = 0x0101, Peer, Peer, "violation-encoding-not-canonical";
    UnexpectedMessage = 0x0102, Peer, Peer, "violation-unexpected-message";
    FrameMalformed = 0x0103, Peer, Peer, "violation-frame-malformed";
    FrameTooLarge = 0x0104, Peer, Peer, "violation-frame-too-large";
    FrameOutOfSequence = 0x0105, Peer, Peer, "violation-frame-out-of-sequence";
    ElementNotCanonical = 0x0106, Peer, Peer, "violation-element-not-canonical";
    ElementIdentity = 0x0107, Peer, Peer, "violation-element-identity";
    ScalarNotCanonical = 0x0108, Peer, Peer, "violation-scalar-not-canonical";
    OrderNotStrict = 0x0109, Peer, Peer, "violation-order-not-strict";
    CountMismatch = 0x010A, Peer, Peer, "violation-count-mismatch";
    ProofInvalid = 0x010B, Peer, Peer, "violation-proof-invalid";
    CanaryMissing = 0x010C, Peer, Peer, "violation-canary-missing";
    TableMalformed = 0x010D, Peer, Peer, "violation-table-malformed";
    TableRootMismatch = 0x010E, Peer, Peer, "violation-table-root-mismatch";
    TagHitTwice = 0x010F, Peer, Peer, "violation-tag-hit-twice";
    SignatureInvalid = 0x0110, Peer, Peer, "violation-signature-invalid";
    CommitmentMismatch = 0x0111, Peer, Peer, "violation-commitment-mismatch";
    SessionBindingMismatch = 0x0112, Peer, Peer, "violation-session-binding-mismatch";
    ManifestMismatch = 0x0113, Peer, Peer, "violation-manifest-mismatch";
    KeyReused = 0x0114, Peer, Peer, "violation-key-reused";
    CheckpointMismatch = 0x0115, Peer, Peer, "violation-checkpoint-mismatch";
    LeafChanged = 0x0116, Peer, Peer, "violation-leaf-changed";
    HandleMalformed = 0x0117, Peer, Peer, "violation-handle-malformed";
    UnknownHandles = 0x0118, Peer, Peer, "violation-unknown-handles";
    SecondHandleBatch = 0x0119, Peer, Peer, "violation-second-handle-batch";
    IdListMalformed = 0x011A, Peer, Peer, "violation-id-list-malformed";
    ReceiptMismatch = 0x011B, Peer, Peer, "violation-receipt-mismatch";
    Version = 0x0201, Incompatible, YouAndPeer, "incompatibility-version";
    Suite = 0x0202, Incompatible, YouAndPeer, "incompatibility-suite";
    Profile = 0x0203, Incompatible, YouAndPeer, "incompatibility-profile";
    Ruleset = 0x0204, Incompatible, YouAndPeer, "incompatibility-ruleset";
    Kinds = 0x0205, Incompatible, YouAndPeer, "incompatibility-kinds";
    Parameters = 0x0206, Incompatible, YouAndPeer, "incompatibility-parameters";
    LedgerHeadsDiffer = 0x0207, Incompatible, YouAndPeer, "incompatibility-ledger-heads-differ";
    ChannelPolicy = 0x0208, Incompatible, YouAndPeer, "incompatibility-channel-policy";
    PartnerUnknown = 0x0301, Party, Peer, "refusal-partner-unknown";
    ProfileNotAllowed = 0x0302, Refused, YouOrPeer, "refusal-profile-not-allowed";
    PurposeNotAllowed = 0x0303, Refused, YouOrPeer, "refusal-purpose-not-allowed";
    SizeOutOfRange = 0x0304, Refused, Advertiser, "refusal-size-out-of-range";
    BudgetExceeded = 0x0305, Budget, Nobody, "refusal-budget-exceeded";
    KeyExhausted = 0x0306, TryAgain, Nobody, "refusal-key-exhausted";
    BelowMatchMinimum = 0x0308, Withheld, Nobody, "refusal-below-match-minimum";
    TermsExpired = 0x0309, Refused, Advertiser, "refusal-terms-expired";
    SessionBusy = 0x030A, TryAgain, Nobody, "refusal-session-busy";
    TableNotReady = 0x030B, TryAgain, Nobody, "refusal-table-not-ready";
    ResumeExpired = 0x030C, Refused, Advertiser, "refusal-resume-expired";
    ReleaseDeclined = 0x030D, Withheld, YouOrPeer, "refusal-release-declined";
    AuditChallengeStale = 0x030E, Refused, Auditor, "refusal-audit-challenge-stale";
    TooManyHellos = 0x030F, Budget, Nobody, "refusal-too-many-hellos";
    KeySpent = 0x0310, TryAgain, Nobody, "refusal-key-spent";
    ClocksDiffer = 0x0311, Refused, YouOrPeer, "refusal-clocks-differ";
    Implausible = 0x0312, Refused, YouOrPeer, "refusal-implausible";
    EpsilonExceeded = 0x0313, Budget, Nobody, "refusal-epsilon-exceeded";
    NothingToAsk = 0x0314, Done, Nobody, "refusal-nothing-to-ask";
    CannotServe = 0x0315, TryAgain, Provider, "refusal-cannot-serve";
    PeerOperator = 0x0401, TryAgain, Peer, "peer-operator";
    TooFewRows = 0x0304, Input, You, "too-few-rows";
    TooManyMatched = 0x0304, Withheld, You, "too-many-matched";
    Usage = 0x0400, Usage, You, "code-usage";
    ToDoFirst = 0x0402, Configuration, You, "code-to-do-first";
    Output = 0x0403, Output, You, "code-output";
    InputChanged = 0x0405, Input, You, "code-input-changed";
    Node = 0x0407, Configuration, You, "code-node";
    Invitation = 0x0408, Configuration, You, "code-invitation";
    RulesBroken = 0x0409, Bug, You, "code-rules-broken";
    InputForm = 0x0410, Input, You, "code-input-form";
    InputAbsent = 0x0411, Absent, You, "code-input-absent";
    NoUsableRow = 0x0412, Input, You, "code-no-usable-row";
    DigestsUndeclared = 0x0413, Configuration, You, "code-digests-undeclared";
    Storage = 0x0414, Storage, You, "code-storage";
    Contradiction = 0x0415, Storage, You, "code-contradiction";
    Silent = 0x0416, TryAgain, YouOrPeer, "code-silent";
    SessionStorage = 0x0417, Storage, You, "code-session-storage";
    Damaged = 0x0418, Storage, You, "code-damaged";
    Address = 0x0420, Configuration, You, "code-address";
    HostName = 0x0421, TryAgain, You, "code-host-name";
    NoAnswer = 0x0422, TryAgain, YouOrPeer, "code-no-answer";
    Certificate = 0x0423, Refused, YouAndPeer, "code-certificate";
    ConnectionLost = 0x0424, TryAgain, YouOrPeer, "code-connection-lost";
    ConnectionClosed = 0x0425, TryAgain, YouOrPeer, "code-connection-closed";
    Deadline = 0x0426, TryAgain, YouOrPeer, "code-deadline";
    Socket = 0x0427, Configuration, You, "code-socket";
    LedgerGone = 0x0428, Storage, You, "code-ledger-gone";
    Partly = 0x0429, Partly, You, "code-partly";
    Hangup = 0x0430, Hangup, You, "code-stopped";
    Interrupt = 0x0430, Interrupt, You, "code-stopped";
    Terminate = 0x0430, Terminate, You, "code-stopped";
    Evidence = 0x0431, Input, You, "code-evidence";
    NoRoom = 0x0432, Storage, You, "code-no-room";
    Package = 0x0433, Storage, Giver, "code-package";
    SnapshotShown = 0x0434, TryAgain, Nobody, "code-snapshot-shown";
    WrongParty = 0x0435, Party, YouAndPeer, "code-wrong-party";
    UnknownThere = 0x0436, Party, Peer, "code-unknown-there";
    OtherProtocol = 0x0437, Incompatible, YouAndPeer, "code-other-protocol";
    InUse = 0x0438, TryAgain, Nobody, "code-in-use";
    Map = 0x0439, Configuration, You, "code-map";
    Defect = 0x0501, Bug, Developers, "code-defect";
}

impl Code {
    /// The row of a code on the wire.
    #[must_use]
    pub fn of(code: WireCode) -> Self {
        if let WireCode::Bug = code {
            return Self::Defect;
        }
        let of_wire = |row: &&Self| row.number() == code.code();
        Self::ALL.iter().find(of_wire).copied().unwrap_or(Self::Defect)
    }

    /// The row of a signal that ended a command.
    #[must_use]
    pub const fn of_signal(signal: Signal) -> Self {
        match signal {
            Signal::Hangup => Self::Hangup,
            Signal::Interrupt => Self::Interrupt,
            Signal::Terminate => Self::Terminate,
        }
    }

    /// The number as it is printed, such as `V0304`.
    #[must_use]
    pub fn shown(self) -> String {
        format!("V{:04X}", self.number())
    }

    /// The meaning, for the manual.
    pub fn meaning(self) -> Text {
        // Words of the wire say who says them, unless nobody does.
        Text::new(self.id()).with("by", "none").with("stream", "none")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::error::{Incompatibility, Refusal, Violation};

    use super::*;

    #[test]
    fn every_code_of_the_wire_has_its_row() {
        let violations = Violation::ALL.iter().copied().map(WireCode::Violation);
        let incompatibilities = Incompatibility::ALL.iter().copied().map(WireCode::Incompatibility);
        let refusals = Refusal::ALL.iter().copied().map(WireCode::Refusal);
        let others = [WireCode::Operator, WireCode::Bug];
        for code in violations.chain(incompatibilities).chain(refusals).chain(others) {
            assert_eq!(Code::of(code).number(), code.code(), "{code:?}");
        }
    }

    #[test]
    fn a_number_has_one_status_but_where_the_situation_differs() {
        let mut statuses: BTreeMap<u16, Vec<Exit>> = BTreeMap::new();
        for code in Code::ALL {
            statuses.entry(code.number()).or_default().push(code.exit());
        }
        statuses.retain(|_, exits| exits.len() > 1);
        assert_eq!(statuses.into_keys().collect::<Vec<_>>(), [0x0304, 0x0430]);
        for withdrawn in [0x0307, 0x0404, 0x0406, 0x0419] {
            assert!(Code::ALL.iter().all(|code| code.number() != withdrawn));
        }
    }

    #[test]
    fn only_the_stored_answer_is_no_failure() {
        let done: Vec<_> = Code::ALL.iter().filter(|code| code.exit() == Exit::Done).collect();
        assert_eq!(done, [&Code::NothingToAsk]);
    }
}
