//! Outbox of a session, and the last word that it can still say.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::Output;
use crate::count::Count;
use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error, Location, Violation, WireCode};
use protocol::last_word::{Ground, LastWord};
use protocol::message::{Abort, Control, Refuse};
use protocol::transcript::receipt::StreamHead;
use protocol::transcript::{Record, Role};

/// Queue of the outputs of a session; also the sending half of its wire.
///
/// Outlives the session, and so holds the key and the ground that our last word is signed with.
#[derive(Debug)]
pub struct Outbox {
    role: Role,
    key: Arc<AttestationKey>,
    ground: Ground,
    /// Heads of all bulk streams so far, by increasing stream number.
    heads: Vec<StreamHead>,
    /// Unix time of the last input.
    now: u64,
    queue: VecDeque<Output>,
    control_sent: u32,
    /// TERMS_ACCEPT has gone out: from then on nothing is refused any more.
    terms_accepted: bool,
    /// Seconds that a refusal of the session itself names; 0 leaves it to the driver.
    retry_after_s: u32,
}

impl Outbox {
    /// An empty outbox of one party, which signs by `key`, on a channel with this exporter.
    #[must_use]
    pub const fn new(role: Role, key: Arc<AttestationKey>, exporter: [u8; 32]) -> Self {
        Self {
            role,
            key,
            ground: Ground::new(exporter),
            heads: Vec::new(),
            now: 0,
            queue: VecDeque::new(),
            control_sent: 0,
            terms_accepted: false,
            retry_after_s: 0,
        }
    }

    /// Takes the outputs in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Output> + '_ {
        self.queue.drain(..)
    }

    /// Records and sends the code of an error, if the peer is to see one.
    ///
    /// A refusal or incompatibility that the provider finds before it accepts the terms is a
    /// REFUSE, anything else an ABORT; an error that the peer sent is not sent back. A time to try
    /// again that the session knows of takes the place of `retry_after_s`.
    pub fn close(&mut self, error: &Error, ledger_head: [u8; 32], retry_after_s: u32) {
        let (code, at) = error.wire();
        // Encoding and signing a message of this size cannot fail; if it did, the connection would
        // just close.
        let _ = match error {
            Error::RefusedByPeer { .. }
            | Error::AbortedByPeer { .. }
            | Error::ClocksDiffer { by_peer: true, .. } => return,
            Error::Refused(_) | Error::PeerIncompatible(_) | Error::ClocksDiffer { .. }
                if self.may_refuse() =>
            {
                let own = self.retry_after_s;
                let retry_after = if own == 0 { retry_after_s } else { own };
                self.refuse(code.code(), retry_after, ledger_head)
            }
            _ => {
                // The true index of a canary or a doubly hit tag would tell the peer which it was.
                // In aligned order, where answers are proved in place, no tag is hit twice but by
                // a driver that gives one identifier two numbers: that is a defect of ours.
                let index = match code {
                    WireCode::Violation(Violation::CanaryMissing | Violation::TagHitTwice) => 0,
                    _ => at.index,
                };
                self.abort(code, Location { index, ..at })
            }
        };
    }

    /// Records and sends that our own machine or operator has a problem; nobody is blamed.
    pub fn close_for_operator(&mut self) {
        let _ = self.abort(WireCode::Operator, Location::NONE);
    }

    /// Signs and sends a REFUSE.
    pub(crate) fn refuse(
        &mut self,
        code: u16,
        retry_after: u32,
        ledger_head: [u8; 32],
    ) -> Result<(), Bug> {
        let (sent_at, streams, signature) = (self.now, self.heads.clone(), Signature::NONE);
        let refuse = Refuse { code, retry_after, ledger_head, sent_at, streams, signature };
        let refuse = refuse.signed(&self.key, &self.ground)?;
        self.send_control(&Control::Refuse(refuse)).map(drop)
    }

    fn abort(&mut self, code: WireCode, at: Location) -> Result<(), Bug> {
        let (code, streams, signature) = (code.code(), self.heads.clone(), Signature::NONE);
        let Location { stream, index } = at;
        let abort = Abort { code, stream, index, streams, signature };
        let abort = abort.signed(&self.key, &self.ground)?;
        self.send_control(&Control::Abort(abort)).map(drop)
    }

    /// Ground that our last word would be signed over.
    pub(crate) const fn ground(&mut self) -> &mut Ground {
        &mut self.ground
    }

    /// Notes the Unix time of an input.
    pub(crate) const fn at(&mut self, now: u64) {
        self.now = now;
    }

    /// Unix time of the last input.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// Notes the head of a stream that has grown.
    pub(crate) fn grown(&mut self, head: StreamHead) {
        match self.heads.binary_search_by_key(&head.stream, |known| known.stream) {
            Ok(at) => self.heads.iter_mut().skip(at).take(1).for_each(|known| *known = head),
            Err(at) => self.heads.insert(at, head),
        }
    }

    /// Sets the seconds after which the request that is being refused may succeed.
    pub(crate) const fn retry_after(&mut self, seconds: u32) {
        self.retry_after_s = seconds;
    }

    /// REFUSE answers HELLO_A and TERMS, and nothing later.
    fn may_refuse(&self) -> bool {
        self.role == Role::Provider && !self.terms_accepted
    }

    pub(crate) fn send_control(&mut self, message: &Control) -> Result<RawFrame, Bug> {
        let stream = match self.role {
            Role::Advertiser => StreamId::ControlAdvertiser,
            Role::Provider => StreamId::ControlProvider,
        };
        let frame = message.encode(stream, self.control_sent)?;
        self.control_sent.grow(1)?;
        match message {
            Control::HelloA(_) | Control::HelloP(_) => {
                self.ground.hello(self.role, &frame.payload);
            }
            Control::Terms(terms) => self.ground.session(terms.sid),
            Control::TermsAccept(_) => self.terms_accepted = true,
            _ => {}
        }
        self.queue
            .push_back(Output::Append { record: Record::Control(frame.clone()), frame: None });
        self.queue.push_back(Output::Send(frame.clone()));
        Ok(frame)
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }
}
