//! Makes a cheating peer stand by what it altered: HELLOs are signed anew, and refusals answer what
//! the session behind them has seen.

use protocol::attestation::Signature;
use protocol::codec::RawFrame;
use protocol::message::Control;

use super::{advertiser_signing_key, bytes, h, provider_signing_key, sign};

/// What the advertiser's session knows of a session whose frames are altered on the way.
pub(crate) struct Words {
    /// The exporters of advertiser and provider.
    exporters: [[u8; 32]; 2],
    altered: bool,
    hello_a: Vec<u8>,
    hello_p: Vec<u8>,
    sid: Vec<u8>,
}

type Altered = Option<Vec<Vec<u8>>>;

impl Words {
    pub(crate) fn new(exporters: [[u8; 32]; 2]) -> Self {
        let none = Vec::new();
        let (hello_a, hello_p, sid) = (none.clone(), none.clone(), none);
        Self { exporters, altered: false, hello_a, hello_p, sid }
    }

    /// What to deliver for a frame that was sent and, perhaps, altered.
    pub(crate) fn stand_by(&mut self, sent: &RawFrame, altered: Altered) -> Altered {
        self.altered |= altered.is_some();
        if !sent.header.stream.is_control() {
            return altered;
        }
        match sent.header.kind {
            1 => {
                let altered = self.sign_hello(sent, altered);
                self.hello_a = h("hello-a", &[&sent.payload]).to_vec();
                altered
            }
            2 => {
                let altered = self.sign_hello(sent, altered);
                let delivered = altered.as_ref().and_then(|all| all.first()).cloned();
                let delivered = delivered.unwrap_or_else(|| bytes(sent));
                self.hello_p = h("hello-p", &[delivered.get(16..).unwrap_or_default()]).to_vec();
                altered
            }
            3 => {
                if let Ok(Control::Terms(terms)) = Control::decode(sent) {
                    self.sid = terms.sid.to_vec();
                }
                altered
            }
            5 if self.altered && altered.is_none() => Some(vec![self.sign_refuse(sent)]),
            _ => altered,
        }
    }

    /// Signs an edited HELLO; one whose signature was changed too is left as it is.
    fn sign_hello(&self, sent: &RawFrame, altered: Altered) -> Altered {
        let [edited] = altered.as_deref()? else { return altered };
        let Ok(frame) = super::parse(edited) else { return altered };
        let signature = |message: &Control| match message {
            Control::HelloA(hello) => Some(hello.signature),
            Control::HelloP(hello) => Some(hello.signature),
            _ => None,
        };
        let (Ok(before), Ok(mut message)) = (Control::decode(sent), Control::decode(&frame)) else {
            return altered;
        };
        if signature(&before) != signature(&message) {
            return altered;
        }
        match &mut message {
            Control::HelloA(hello) => {
                let (key, exporter) = (advertiser_signing_key(), self.exporters[0]);
                hello.signature = sign_over(&key, "sign-hello", &frame.payload, &exporter);
            }
            Control::HelloP(hello) => {
                let (key, exporter) = (provider_signing_key(), self.exporters[1]);
                hello.signature = sign_over(&key, "sign-hello", &frame.payload, &exporter);
            }
            _ => return altered,
        }
        Some(vec![bytes(&message.encode(frame.header.stream, frame.header.index).unwrap())])
    }

    /// The refusal as it would be of a provider that saw what the advertiser sent.
    fn sign_refuse(&self, sent: &RawFrame) -> Vec<u8> {
        let Ok(Control::Refuse(mut refuse)) = Control::decode(sent) else {
            return bytes(sent);
        };
        refuse.streams.clear();
        let shared = match self.sid.is_empty() {
            true => [&self.hello_a[..], &self.hello_p].concat(),
            false => self.sid.clone(),
        };
        let (stream, index) = (sent.header.stream, sent.header.index);
        let unsigned = Control::Refuse(refuse.clone()).encode(stream, index).unwrap();
        let key = provider_signing_key();
        refuse.signature = sign_over(&key, "sign-refuse", &unsigned.payload, &shared);
        bytes(&Control::Refuse(refuse).encode(stream, index).unwrap())
    }
}

/// A signature over a body without its last 64 bytes, and what is shared.
pub(crate) fn sign_over(
    key: &ed25519_dalek::SigningKey,
    label: &str,
    body: &[u8],
    shared: &[u8],
) -> Signature {
    sign(key, label, &[&body[..body.len() - 64], shared])
}
