//! Makes a cheating peer stand by what it altered: HELLOs and bulk frames are signed anew, and
//! refusals answer what the session behind them has seen.

use std::collections::BTreeMap;

use protocol::attestation::{AttestationKey, Signature};
use protocol::codec::{RawFrame, StreamId};
use protocol::message::{Control, FramePlace};
use protocol::transcript::merkle::{Tree, leaf_hash};

use super::{
    advertiser_key, advertiser_signing_key, bytes, h, provider_key, provider_signing_key, sign,
};

/// What the advertiser's session knows of a session whose frames are altered on the way.
pub(crate) struct Words {
    /// The exporters of advertiser and provider.
    exporters: [[u8; 32]; 2],
    altered: bool,
    hello_a: Vec<u8>,
    hello_p: Vec<u8>,
    sid: Vec<u8>,
    /// Bulk streams as they were sent, and the roots of BLIND through each of its frames.
    sent: BTreeMap<StreamId, Tree>,
    blind: Vec<[u8; 32]>,
    /// Bulk streams as they are delivered.
    delivered: BTreeMap<StreamId, Tree>,
    /// Answers come frame by frame.
    aligned: bool,
    /// Frame that comes with another signature than its own.
    pub(crate) spoil: Option<(StreamId, u32)>,
}

type Altered = Option<Vec<Vec<u8>>>;

impl Words {
    pub(crate) fn new(exporters: [[u8; 32]; 2]) -> Self {
        let none = Vec::new();
        let (hello_a, hello_p, sid) = (none.clone(), none.clone(), none);
        Self {
            exporters,
            altered: false,
            hello_a,
            hello_p,
            sid,
            sent: BTreeMap::new(),
            blind: Vec::new(),
            delivered: BTreeMap::new(),
            aligned: false,
            spoil: None,
        }
    }

    /// Bytes and signatures to deliver for a frame that was sent and, perhaps, altered.
    pub(crate) fn deliver(
        &mut self,
        sent: &RawFrame,
        altered: Altered,
    ) -> Vec<(Vec<u8>, Signature)> {
        if let Ok(Control::HelloA(hello)) = Control::decode(sent)
            && sent.header.stream.is_control()
        {
            self.aligned = hello.suite == 1;
        }
        if !sent.header.stream.is_control() {
            let tree = self.sent.entry(sent.header.stream).or_default();
            tree.push(leaf_hash(&[&sent.header.encode(), &sent.payload]));
            if sent.header.stream == StreamId::Blind {
                self.blind.push(tree.root());
            }
        }
        let all = self.stand_by(sent, altered).unwrap_or_else(|| vec![bytes(sent)]);
        all.into_iter().map(|bytes| (bytes.clone(), self.sign_frame(sent, &bytes))).collect()
    }

    /// Signature of the sender under a frame as it is delivered, for a peer that knows its own
    /// streams as it sent them.
    fn sign_frame(&mut self, sent: &RawFrame, bytes: &[u8]) -> Signature {
        let Ok(frame) = super::parse(bytes) else { return sent.signature };
        let (stream, index) = (frame.header.stream, frame.header.index);
        if stream.is_control() {
            return Signature::NONE;
        }
        let tree = self.delivered.entry(stream).or_default();
        tree.push(leaf_hash(&[&frame.header.encode(), &frame.payload]));
        let root = tree.root();
        if self.spoil == Some((stream, index)) {
            let Signature { r, s } = sent.signature;
            return Signature { r: s, s: r };
        }
        let whole = |stream| self.sent.get(&stream).map_or([0; 32], Tree::root);
        let answers = match stream {
            StreamId::Eval if self.aligned => self.blind.get(index as usize).copied(),
            StreamId::Eval => Some(whole(StreamId::Blind)),
            StreamId::Handles => Some(whole(StreamId::Eval)),
            StreamId::Ids => Some(whole(StreamId::Handles)),
            _ => Some([0; 32]),
        };
        let (Some(answers), Ok(sid)) = (answers, <[u8; 32]>::try_from(&self.sid[..])) else {
            return sent.signature;
        };
        let key: AttestationKey =
            if stream.from_advertiser() { advertiser_key() } else { provider_key() };
        let signature = FramePlace { sid: &sid, stream, index, root, answers }.sign(&key);
        if !self.altered {
            assert_eq!(signature, sent.signature, "a frame that nobody altered");
        }
        signature
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
            13 => self.sign_released(sent, altered),
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

    /// Signs what a provider that edits it says that it released.
    fn sign_released(&self, sent: &RawFrame, altered: Altered) -> Altered {
        let [edited] = altered.as_deref()? else { return altered };
        let Ok(frame) = super::parse(edited) else { return altered };
        let (Ok(Control::Released(before)), Ok(Control::Released(mut released))) =
            (Control::decode(sent), Control::decode(&frame))
        else {
            return altered;
        };
        if before.signature != released.signature {
            return altered;
        }
        let handles = self.sent.get(&StreamId::Handles).map_or([0; 32], Tree::root);
        let parts = [&self.sid[..], &handles, &frame.payload[..frame.payload.len() - 64]];
        released.signature = sign(&provider_signing_key(), "sign-released", &parts);
        let message = Control::Released(released);
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
