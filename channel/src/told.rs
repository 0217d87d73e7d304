//! Errors of this crate, told by their English sentences.

use report::{Arg, Code, Diagnose, Text};

use crate::identity::{Check, IdentityError};
use crate::{Close, TransportError, Unreachable};

impl Diagnose for TransportError {
    fn code(&self) -> Code {
        if let Some(error) = self.session_error() {
            return error.code();
        }
        match self {
            Self::Unreachable { why: Unreachable::Address, .. } => Code::Address,
            Self::Unreachable { why: Unreachable::Name, .. } => Code::HostName,
            Self::Unreachable { why: Unreachable::NoAnswer, .. } => Code::NoAnswer,
            Self::Refused { check, .. } if check.is_incompatibility() => Code::OtherProtocol,
            Self::Refused { check: Check::Unpinned, .. } => Code::WrongParty,
            Self::Refused { .. } => Code::Certificate,
            Self::Lost(_) => Code::ConnectionLost,
            Self::Closed(Close::Unpinned) => Code::UnknownThere,
            Self::Closed(_) => Code::ConnectionClosed,
            Self::Deadline(_) => Code::Deadline,
            Self::Local { .. } => Code::Socket,
            Self::Malformed { .. } | Self::Bug(_) => Code::Defect,
        }
    }

    fn text(&self) -> Text {
        Text::new("inline").with("what", Arg::Word(report::shown_long(&self.to_string())))
    }
}

impl Diagnose for IdentityError {
    fn code(&self) -> Code {
        Code::Node
    }

    fn text(&self) -> Text {
        Text::new("inline").with("what", Arg::Word(self.to_string()))
    }
}
