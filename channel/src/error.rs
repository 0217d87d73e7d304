//! Reasons why a channel does not come about or ends.

use std::fmt;

use protocol::error::{Bug, Error, Incompatibility, Violation};
use report::{Arg, Code, Diagnose, Exit, Text, Whose};

use crate::identity::Check;

/// Reason why a channel did not come about or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// Nobody answered at the address.
    Unreachable {
        /// The address as configured.
        address: String,
        /// The cause, as far as it is known.
        why: Unreachable,
    },
    /// A check of the handshake failed.
    Refused {
        /// The side that checked.
        by: Side,
        /// The check.
        check: Check,
    },
    /// The connection ended without a word.
    Lost(Loss),
    /// The peer closed the connection.
    Closed(Close),
    /// The peer broke a rule of the wire format.
    Malformed {
        /// The rule.
        violation: Violation,
        /// Number of the stream; 0 when it is not known.
        stream: u8,
        /// Frames read from it before.
        index: u32,
    },
    /// The peer let a deadline pass.
    Deadline(Wait),
    /// The machine of this node, or its configuration, is in the way.
    Local {
        /// The step that failed.
        step: LocalStep,
        /// The words of the system or the library.
        why: String,
    },
    /// The channel was used wrongly.
    Bug(Bug),
}

impl TransportError {
    /// The session's error for this one, if the wire has a code for it.
    ///
    /// Losses, deadlines and local problems have none; the session simply ends.
    #[must_use]
    pub fn session_error(&self) -> Option<Error> {
        match self {
            Self::Refused { check, .. } if check.is_incompatibility() => {
                Some(Error::PeerIncompatible(Incompatibility::ChannelPolicy))
            }
            _ => self.of_session(),
        }
    }

    /// True if the peer had no place for a connection that had begun nothing yet.
    #[must_use]
    pub const fn is_overload(&self) -> bool {
        use Close::{Overloaded, ShuttingDown, TooManyConnections};
        matches!(self, Self::Closed(Overloaded | TooManyConnections | ShuttingDown))
    }

    /// The same as an error of the session, which tells it.
    fn of_session(&self) -> Option<Error> {
        match self {
            Self::Malformed { violation, stream, index } => {
                Some(Error::peer(*violation, *stream, *index))
            }
            Self::Bug(bug) => Some(Error::Bug(*bug)),
            _ => None,
        }
    }
}

impl Diagnose for TransportError {
    fn code(&self) -> Code {
        match self {
            Self::Unreachable { why, .. } => match why {
                Unreachable::Address => Code::Address,
                Unreachable::Name => Code::HostName,
                Unreachable::NoAnswer => Code::NoAnswer,
            },
            Self::Refused { check, .. } if check.is_incompatibility() => Code::OtherProtocol,
            Self::Refused { by: Side::Us, check: Check::Unpinned } => Code::WrongParty,
            Self::Refused { by: Side::Peer, check: Check::Unpinned }
            | Self::Closed(Close::Unpinned) => Code::UnknownThere,
            Self::Refused { .. } => Code::Certificate,
            Self::Lost(_) => Code::ConnectionLost,
            Self::Closed(_) => Code::ConnectionClosed,
            Self::Deadline(_) => Code::Deadline,
            Self::Local { .. } => Code::Socket,
            Self::Malformed { violation, .. } => Error::peer(*violation, 0, 0).code(),
            Self::Bug(bug) => bug.code(),
        }
    }

    fn text(&self) -> Text {
        match self {
            Self::Unreachable { address, why } => Text::new(match why {
                Unreachable::Address => "channel-no-address",
                Unreachable::Name => "channel-no-name",
                Unreachable::NoAnswer => "channel-no-answer",
            })
            .with("address", address),
            Self::Refused { by, check } => {
                let id = match check.is_incompatibility() {
                    true => "channel-other-protocol",
                    false => "channel-refused",
                };
                Text::new(id).with("by", by.name()).with("check", check.text())
            }
            Self::Lost(loss) => Text::new("channel-lost").with("why", loss.text()),
            Self::Closed(Close::TooManyConnections) => Text::new("channel-closed-too-many"),
            Self::Closed(Close::Unpinned) => Text::new("channel-closed-unpinned"),
            Self::Closed(close) => Text::new("channel-closed").with("why", close.text()),
            Self::Deadline(wait) => Text::new(match wait {
                Wait::Handshake => "channel-late-handshake",
                Wait::Close => "channel-late-close",
            }),
            Self::Local { step, why } => {
                Text::new("channel-local").with("step", step.text()).with("why", why)
            }
            Self::Malformed { violation, stream, index } => {
                Error::peer(*violation, *stream, *index).text()
            }
            Self::Bug(bug) => bug.text(),
        }
    }

    fn whose(&self) -> Whose {
        match (self, self.of_session()) {
            (_, Some(error)) => error.whose(),
            (Self::Closed(Close::TooManyConnections), _) => Whose::You,
            _ => self.code().whose(),
        }
    }

    fn exit(&self) -> Exit {
        self.of_session().map_or_else(|| self.code().exit(), |error| error.exit())
    }

    fn note(&self) -> Option<Text> {
        self.of_session()?.note()
    }

    fn advice(&self) -> Option<Text> {
        match self {
            Self::Refused { by, check } => {
                let id = match check {
                    Check::Expired | Check::NotYetValid | Check::Validity => "channel-try-clocks",
                    Check::KeyType | Check::Certificate | Check::Signature | Check::Missing => {
                        "channel-try-keys"
                    }
                    Check::Unpinned
                    | Check::Alpn
                    | Check::KeyExchange
                    | Check::Version
                    | Check::Alert(_) => return None,
                };
                Some(Text::new(id).with("by", by.name()))
            }
            _ => self.of_session()?.advice(),
        }
    }
}

impl std::error::Error for TransportError {}
report::told_in_english!(TransportError);

/// Reason why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// The text is not `host:port`.
    Address,
    /// The name has no address.
    Name,
    /// Packets went out, none came back.
    NoAnswer,
}

/// Side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The node that reads this.
    Us,
    /// The other node.
    Peer,
}

impl Side {
    const fn name(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Peer => "peer",
        }
    }
}

/// A way in which a connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Nothing arrived for the idle timeout.
    Idle,
    /// The peer's host no longer knows the connection; it was restarted.
    Restarted,
    /// A QUIC error with this code.
    Quic(u64),
}

impl Loss {
    fn text(self) -> Text {
        match self {
            Self::Idle => Text::new("loss-idle"),
            Self::Restarted => Text::new("loss-restarted"),
            Self::Quic(code) => Text::new("loss-quic").with("number", format!("0x{code:x}")),
        }
    }
}

/// Reason why a peer closed a connection, as an application code of QUIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// No reason was given: its process ended, or its session was dropped.
    Dropped,
    /// The session is complete.
    Done,
    /// The session ended with an error, sent before.
    Error,
    /// The peer has as many connections with us as it allows.
    TooManyConnections,
    /// The operator of the peer is stopping it.
    ShuttingDown,
    /// The peer no longer pins our key.
    Unpinned,
    /// The peer has too many handshakes in progress.
    Overloaded,
    /// Another code.
    Other(u32),
}

impl Close {
    /// The reason with this application code.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Dropped,
            1 => Self::Done,
            2 => Self::Error,
            3 => Self::TooManyConnections,
            4 => Self::ShuttingDown,
            5 => Self::Unpinned,
            6 => Self::Overloaded,
            // The peer chose it; a code of more bits says no more than one of all of them.
            other => Self::Other(u32::try_from(other).unwrap_or(u32::MAX)),
        }
    }

    /// The application code.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Dropped => 0,
            Self::Done => 1,
            Self::Error => 2,
            Self::TooManyConnections => 3,
            Self::ShuttingDown => 4,
            Self::Unpinned => 5,
            Self::Overloaded => 6,
            Self::Other(code) => code,
        }
    }

    fn text(self) -> Text {
        Text::new(match self {
            Self::Dropped => "close-dropped",
            Self::Done => "close-done",
            Self::Error => "close-error",
            Self::TooManyConnections => "close-too-many",
            Self::ShuttingDown => "close-shutting-down",
            Self::Unpinned => "close-unpinned",
            Self::Overloaded => "close-overloaded",
            Self::Other(code) => {
                return Text::new("close-other").with("number", Arg::Number(code.into()));
            }
        })
    }
}

/// The reason in English, for logs.
impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

/// Act of the peer that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The handshake and the first stream.
    Handshake,
    /// The close after the last message.
    Close,
}

/// Step of this machine towards a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalStep {
    /// The timeouts of QUIC.
    Timeouts,
    /// The rules of TLS.
    Tls,
    /// The UDP socket and its address.
    Socket,
    /// QUIC on the socket.
    Endpoint,
    /// The address that the system gave.
    Address,
    /// The first packet.
    Start,
}

impl LocalStep {
    fn text(self) -> Text {
        Text::new(match self {
            Self::Timeouts => "step-timeouts",
            Self::Tls => "step-tls",
            Self::Socket => "step-socket",
            Self::Endpoint => "step-endpoint",
            Self::Address => "step-address",
            Self::Start => "step-start",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::transcript::Role;
    use report::{Failure, Lang, Reader};

    const CHECKS: [Check; 12] = [
        Check::Unpinned,
        Check::Expired,
        Check::NotYetValid,
        Check::Validity,
        Check::KeyType,
        Check::Certificate,
        Check::Signature,
        Check::Missing,
        Check::Alpn,
        Check::KeyExchange,
        Check::Version,
        Check::Alert(80),
    ];

    fn all() -> Vec<TransportError> {
        let closes = (0..8).map(Close::from_code).map(TransportError::Closed);
        let refused = [Side::Us, Side::Peer].into_iter().flat_map(|by| {
            CHECKS.into_iter().map(move |check| TransportError::Refused { by, check })
        });
        let unreachable = [Unreachable::Address, Unreachable::Name, Unreachable::NoAnswer]
            .map(|why| TransportError::Unreachable { address: "a:1".into(), why });
        let steps = [
            LocalStep::Timeouts,
            LocalStep::Tls,
            LocalStep::Socket,
            LocalStep::Endpoint,
            LocalStep::Address,
            LocalStep::Start,
        ];
        let local = steps.map(|step| TransportError::Local { step, why: "taken".into() });
        let others = [
            TransportError::Lost(Loss::Idle),
            TransportError::Lost(Loss::Restarted),
            TransportError::Lost(Loss::Quic(7)),
            TransportError::Deadline(Wait::Handshake),
            TransportError::Deadline(Wait::Close),
            TransportError::Bug(Bug::misuse()),
            TransportError::Malformed { violation: Violation::FrameTooLarge, stream: 17, index: 3 },
        ];
        closes.chain(refused).chain(unreachable).chain(local).chain(others).collect()
    }

    fn lines(error: &TransportError, lang: Lang, own: Role) -> String {
        Failure::from(error.clone()).lines(&Reader { lang, own: Some(own), plain: false })
    }

    #[test]
    fn every_error_has_three_lines_in_both_languages() {
        for error in all() {
            for own in [Role::Advertiser, Role::Provider] {
                for (lang, start) in [(Lang::En, "error V0"), (Lang::Fr, "erreur V0")] {
                    let text = lines(&error, lang, own);
                    assert!(text.starts_with(start), "{text}");
                    assert_eq!(text.lines().count(), 3, "{text}");
                }
            }
        }
        let unpinned = TransportError::Refused { by: Side::Peer, check: Check::Unpinned };
        assert_eq!(
            lines(&unpinned, Lang::En, Role::Advertiser),
            "error V0436: the peer refused the connection: the TLS key is not pinned\n  \
             whose move: the provider's\n  try: give this node's identity line to the provider, \
             and have it pinned there"
        );
        let expired = TransportError::Refused { by: Side::Us, check: Check::Expired };
        let text = lines(&expired, Lang::Fr, Role::Advertiser);
        assert!(text.contains("renouvelez le certificat du prestataire"), "{text}");
    }

    #[test]
    fn status_says_whose_move_it_is() {
        // N8, N18, N19, N26
        let refused = |by, check| TransportError::Refused { by, check };
        for (error, code, exit) in [
            (refused(Side::Us, Check::Unpinned), 0x0435, Exit::Party),
            (refused(Side::Peer, Check::Unpinned), 0x0436, Exit::Party),
            (TransportError::Closed(Close::Unpinned), 0x0436, Exit::Party),
            (refused(Side::Us, Check::Expired), 0x0423, Exit::Refused),
            (refused(Side::Us, Check::Alpn), 0x0437, Exit::Incompatible),
            (TransportError::Lost(Loss::Idle), 0x0424, Exit::TryAgain),
            (TransportError::Closed(Close::Overloaded), 0x0425, Exit::TryAgain),
            (TransportError::Deadline(Wait::Close), 0x0426, Exit::TryAgain),
            (
                TransportError::Local { step: LocalStep::Socket, why: "taken".into() },
                0x0427,
                Exit::Configuration,
            ),
            (TransportError::Bug(Bug::misuse()), 0x0501, Exit::Bug),
        ] {
            assert_eq!((error.code().number(), error.exit()), (code, exit), "{error}");
        }
    }

    #[test]
    fn hostile_strings_cannot_reach_the_terminal() {
        // S16
        let address = format!("\u{1b}]0;{}", "x".repeat(9_000));
        let error = TransportError::Unreachable { address, why: Unreachable::Name };
        let text = lines(&error, Lang::En, Role::Advertiser);
        assert!(!text.contains('\u{1b}') && text.len() < 1_024, "{text}");
    }
}
