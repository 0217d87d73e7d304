//! The last word of a side: signing and verifying of REFUSE and ABORT.
//!
//! Such a message is signed over its body and the *ground*: what both sides share of the session
//! when it is said. That is the sid once both know it; before, the hashes of the HELLOs that have
//! passed; before any, the channel. The body lists the heads of all streams the sender has sent and
//! received so far. So a refusal answers one HELLO and no other, an abort stands in one place of
//! one session, and what they prove is what their sender said, not that it is so [T-16].

use alloc::vec::Vec;

use crate::attestation::{AttestationKey, Signature};
use crate::codec::{self, StreamId};
use crate::error::{Bug, Violation};
use crate::limits::RECEIPT_STREAMS_MAX;
use crate::message::{Abort, Refuse};
use crate::suite::{self, Label, h, sig};
use crate::transcript::Role;
use crate::transcript::receipt::StreamHead;

/// Facts of a session that both sides share so far.
#[derive(Debug, Clone)]
pub struct Ground {
    exporter: [u8; 32],
    hello_a: Option<[u8; 32]>,
    hello_p: Option<[u8; 32]>,
    sid: Option<[u8; 32]>,
}

impl Ground {
    /// The channel alone.
    #[must_use]
    pub const fn new(exporter: [u8; 32]) -> Self {
        Self { exporter, hello_a: None, hello_p: None, sid: None }
    }

    /// A HELLO has passed, as these bytes; only the first of each side counts.
    pub fn hello(&mut self, from: Role, body: &[u8]) {
        let (place, label) = match from {
            Role::Advertiser => (&mut self.hello_a, h::HELLO_A),
            Role::Provider => (&mut self.hello_p, h::HELLO_P),
        };
        place.get_or_insert_with(|| suite::hash(label, &[body]));
    }

    /// TERMS with this sid have left or been accepted as fitting.
    pub const fn session(&mut self, sid: [u8; 32]) {
        self.sid = Some(sid);
    }

    /// True after HELLO_P and before TERMS: the one place where there may be nothing to ask.
    #[must_use]
    pub const fn is_offer(&self) -> bool {
        self.hello_p.is_some() && self.sid.is_none()
    }

    /// The bytes to sign after a body: the most that is shared.
    fn shared(&self) -> Vec<u8> {
        let [sid, hellos, hello] = self.exchanged();
        sid.or(hellos).or(hello).unwrap_or_else(|| self.exporter.to_vec())
    }

    /// Bytes that the other side may have signed over, most first: it may know less than we do.
    fn candidates(&self) -> impl Iterator<Item = Vec<u8>> {
        self.exchanged().into_iter().flatten().chain([self.exporter.to_vec()])
    }

    /// The sid, both HELLOs, and HELLO_A; `None` for what has not passed.
    fn exchanged(&self) -> [Option<Vec<u8>>; 3] {
        let hellos = self.hello_a.zip(self.hello_p).map(|(a, p)| [a, p].concat());
        [self.sid.map(|sid| sid.to_vec()), hellos, self.hello_a.map(|hello| hello.to_vec())]
    }
}

/// A message that ends something, without its signature.
pub trait LastWord: Sized {
    /// The label of its signature.
    const LABEL: Label;

    /// The signature of the message.
    fn signature(&self) -> &Signature;

    /// The heads that the message lists.
    fn streams(&self) -> &[StreamHead];

    /// The same message with this signature.
    fn with_signature(self, signature: Signature) -> Self;

    /// The encoding, the signature last.
    ///
    /// # Errors
    ///
    /// [`Bug`] above the limit of a control body.
    fn encoded(&self) -> Result<Vec<u8>, Bug>;

    /// Signs the message over the most that is shared.
    ///
    /// # Errors
    ///
    /// [`Bug`] if it does not encode.
    fn signed(self, key: &AttestationKey, ground: &Ground) -> Result<Self, Bug> {
        let body = self.encoded()?;
        let signature = key.sign(Self::LABEL, &[unsigned(&body), &ground.shared()]);
        Ok(self.with_signature(signature))
    }

    /// Verifies the signature over anything that both sides shared before.
    ///
    /// # Errors
    ///
    /// [`Violation::SignatureInvalid`]; it proves nothing of the one who is said to have sent it.
    fn verify(&self, key: &[u8; 32], ground: &Ground) -> Result<(), Violation> {
        let body = self.encoded().map_err(|_| Violation::SignatureInvalid)?;
        let holds = |shared: Vec<u8>| {
            self.signature().verify(key, Self::LABEL, &[unsigned(&body), &shared]).is_ok()
        };
        match ground.candidates().any(holds) {
            true => Ok(()),
            false => Err(Violation::SignatureInvalid),
        }
    }
}

/// A message whose fields have the names of [`LastWord`].
macro_rules! last_word {
    ($name:ident, $label:expr) => {
        impl LastWord for $name {
            const LABEL: Label = $label;

            fn signature(&self) -> &Signature {
                &self.signature
            }

            fn streams(&self) -> &[StreamHead] {
                &self.streams
            }

            fn with_signature(self, signature: Signature) -> Self {
                Self { signature, ..self }
            }

            fn encoded(&self) -> Result<Vec<u8>, Bug> {
                codec::encode(self)
            }
        }
    };
}
last_word!(Refuse, sig::REFUSE);
last_word!(Abort, sig::ABORT);

/// The bytes of a message before its signature, which stands last.
pub(crate) fn unsigned(body: &[u8]) -> &[u8] {
    body.split_last_chunk::<{ Signature::LEN }>().map_or(&[], |(head, _)| head)
}

/// True for heads of bulk streams, each once, by increasing number.
pub(crate) fn are_heads(streams: &[StreamHead]) -> bool {
    let bulk = |head: &StreamHead| {
        StreamId::from_code(head.stream).is_some_and(|stream| !stream.is_control())
    };
    streams.len() <= RECEIPT_STREAMS_MAX
        && streams.iter().all(bulk)
        && streams.is_sorted_by(|a, b| a.stream < b.stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abort() -> Abort {
        let head = StreamHead { stream: 17, frames: 1, elements: 64, root: [3; 32] };
        let signature = Signature { r: [0; 32], s: [0; 32] };
        Abort { code: 0x0401, stream: 0, index: 0, streams: vec![head], signature }
    }

    fn grounds() -> Vec<Ground> {
        let channel = Ground::new([1; 32]);
        let mut asked = channel.clone();
        asked.hello(Role::Advertiser, b"hello a");
        let mut answered = asked.clone();
        answered.hello(Role::Provider, b"hello p");
        let mut session = answered.clone();
        session.session([2; 32]);
        vec![channel, asked, answered, session]
    }

    #[test]
    fn a_word_holds_for_whoever_shares_as_much_or_more() {
        let key = AttestationKey::from_bytes(&[1; 32]);
        let grounds = grounds();
        for (said, at) in grounds.iter().zip(0..) {
            let word = abort().signed(&key, said).unwrap();
            for (heard, heard_at) in grounds.iter().zip(0..) {
                let holds = word.verify(&key.public(), heard).is_ok();
                assert_eq!(holds, heard_at >= at, "said at {at}, heard at {heard_at}");
            }
        }
    }

    #[test]
    fn a_word_of_another_session_key_or_place_does_not_hold() {
        let key = AttestationKey::from_bytes(&[1; 32]);
        let ground = grounds().pop().unwrap();
        let word = abort().signed(&key, &ground).unwrap();
        let mut other = ground.clone();
        other.session([9; 32]);
        let mut altered = word.clone();
        altered.streams[0].frames = 2;
        let refused = Err(Violation::SignatureInvalid);
        assert_eq!(word.verify(&key.public(), &other), refused);
        assert_eq!(word.verify(&AttestationKey::from_bytes(&[2; 32]).public(), &ground), refused);
        assert_eq!(altered.verify(&key.public(), &ground), refused);
        assert_eq!(Abort { code: 0x0501, ..word }.verify(&key.public(), &ground), refused);
    }

    #[test]
    fn only_the_first_hello_of_a_side_counts() {
        let key = AttestationKey::from_bytes(&[1; 32]);
        let asked = grounds().swap_remove(1);
        let word = abort().signed(&key, &asked).unwrap();
        let mut twice = asked;
        twice.hello(Role::Advertiser, b"another");
        assert_eq!(word.verify(&key.public(), &twice), Ok(()));
    }
}
