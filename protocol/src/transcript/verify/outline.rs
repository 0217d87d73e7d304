//! The messages of a transcript read as one session, and the checks that need no frame.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::attestation::PartyId;
use crate::codec::{FrameHeader, RawFrame, StreamId};
use crate::group::Element;
use crate::ledger::{LedgerEntry, LedgerHead};
use crate::limits::{CLOCK_SKEW_S_MAX, Limits};
use crate::message::{
    Checkpoint, Control, HelloA, HelloP, ReceiptAck, SessionBinding, SignedReceipt, Terms,
    TermsAccept,
};
use crate::session::verify_checkpoint;
use crate::suite::{PROTOCOL_VERSION, Profile};
use crate::terms::SignedTerms;
use crate::transcript::merkle::{Hash, Tree};
use crate::transcript::receipt::{Receipt, StreamHead};
use crate::transcript::{Record, Transcript};

/// A complete session, message by message.
pub(super) struct Outline {
    pub(super) hello_a: HelloA,
    pub(super) hello_p: HelloP,
    pub(super) terms: Terms,
    accept: TermsAccept,
    hello_a_body: RawFrame,
    hello_p_body: RawFrame,
    checkpoints: Vec<(Checkpoint, bool)>,
    receipt: SignedReceipt,
    acknowledgement: ReceiptAck,
    pub(super) streams: Vec<(StreamId, StreamRecord)>,
}

#[derive(Default)]
pub(super) struct StreamRecord {
    tree: Tree,
    pub(super) leaves: Vec<Hash>,
    elements: u64,
    ended: bool,
}

impl Outline {
    /// Reads the records as one session: opening four messages, streams, close.
    pub(super) fn read(transcript: &Transcript) -> Result<Self, String> {
        let mut controls = Controls::default();
        let mut streams: Vec<(StreamId, StreamRecord)> = Vec::new();
        for record in &transcript.records {
            match record {
                Record::Control(frame) => controls.take(frame, &streams)?,
                Record::Bulk { header, leaf } => {
                    if !controls.is_open() {
                        return Err(format!(
                            "a {} frame outside the session",
                            header.stream.name()
                        ));
                    }
                    if header.stream == StreamId::Eval
                        && stream_len(&streams, StreamId::Blind) <= u64::from(header.index)
                    {
                        return Err("an EVAL frame before the frame it answers".to_string());
                    }
                    if header.stream == StreamId::Blind && table_is_open(&streams) {
                        return Err("a BLIND frame before the table is whole".to_string());
                    }
                    append(&mut streams, header, *leaf)?;
                }
            }
        }
        controls.finish(streams)
    }

    pub(super) fn check_parties(&self) -> Result<(), String> {
        let Self { hello_a, hello_p, .. } = self;
        let profile = self.profile()?;
        ensure(hello_a.suite == profile.suite().code(), "suite and profile do not fit")?;
        ensure(profile == Profile::MatchedRows, "the profile is not of this version")?;
        ensure(hello_a.row_width == 1 && hello_a.sample_rows == 0, "row width or sample")?;
        ensure(hello_p.protocol == PROTOCOL_VERSION, "protocol version")?;
        ensure(hello_a.rules_digest == hello_p.rules_digest, "normalization rules differ")?;
        ensure(hello_a.ledger_head == hello_p.ledger_head, "ledger heads differ")
    }

    pub(super) fn check_manifest(&self) -> Result<(), String> {
        let Self { hello_a, hello_p, terms, .. } = self;
        let (manifest, key) = (&hello_p.manifest, &hello_p.attestation_key);
        manifest.verify(key).map_err(|_| "the manifest's signature".to_string())?;
        hello_p.snapshot.verify(key).map_err(|_| "the snapshot's signature".to_string())?;
        let body = &manifest.body;
        let provider = PartyId::of(key).0;
        ensure(body.provider == provider, "the manifest names another provider")?;
        ensure(hello_p.snapshot.body.provider == provider, "the snapshot names another provider")?;
        let partner = PartyId::of(&hello_a.attestation_key).0;
        ensure(body.partner == partner, "the manifest names another partner")?;
        ensure(body.suite == hello_a.suite, "the manifest's key serves another suite")?;
        let opened = terms.terms.opened_at;
        let skew = CLOCK_SKEW_S_MAX;
        let valid = body.not_before <= opened.saturating_add(skew) && opened < body.not_after;
        ensure(valid, "the key was not valid when the terms were opened")?;
        ensure(hello_a.row_slots <= body.evaluations_max, "more evaluations than the key allows")?;
        Element::decode(&body.public_key).map(|_| ()).map_err(|why| why.to_string())
    }

    pub(super) fn check_binding(&self, transcript: &Transcript) -> Result<(), String> {
        let opening = &transcript.opening;
        let sid = SessionBinding {
            hello_a: &self.hello_a_body.payload,
            hello_p: &self.hello_p_body.payload,
            spki_advertiser: &opening.spki_advertiser,
            spki_provider: &opening.spki_provider,
            exporter: &opening.exporter,
        }
        .sid(&self.terms.terms)
        .map_err(|why| why.to_string())?;
        ensure(sid == self.terms.sid, "the id in TERMS is not the session's")?;
        ensure(sid == self.accept.sid, "the id in TERMS_ACCEPT is not the session's")?;
        ensure(sid == self.receipt.receipt.sid, "the id in the receipt is not the session's")
    }

    pub(super) fn check_terms_signed(&self) -> Result<(), String> {
        SignedTerms::verify(
            self.terms.terms.clone(),
            self.profile()?,
            self.terms.sid,
            (&self.hello_a.attestation_key, &self.terms.signature),
            (&self.hello_p.attestation_key, &self.accept.signature),
        )
        .map(|_| ())
        .map_err(|_| "a signature over the session id".to_string())
    }

    pub(super) fn check_terms(&self, limits: &Limits) -> Result<(), String> {
        let terms = &self.terms.terms;
        terms
            .check(self.profile()?, &self.hello_p.offer, limits, terms.opened_at)
            .map_err(|why| format!("{why:?}"))?;
        let left = self.hello_p.offer.evaluations_left;
        ensure(self.hello_a.row_slots <= left, "more evaluations than the offer leaves")
    }

    pub(super) fn check_streams(&self, limits: &Limits) -> Result<(), String> {
        let sent = self.terms.terms.table_delivery == 1;
        let expected: &[StreamId] = match sent {
            true => &[StreamId::Table, StreamId::Blind, StreamId::Eval],
            false => &[StreamId::Blind, StreamId::Eval],
        };
        let present: Vec<StreamId> = self.heads().iter().map(|(stream, _)| *stream).collect();
        ensure(present == expected, "streams other than the profile's were sent")?;
        for (stream, record) in &self.streams {
            let elements = match stream {
                StreamId::Table => self.hello_p.table.tag_count,
                _ => self.hello_a.row_slots,
            };
            let name = stream.name();
            ensure(record.ended, &format!("{name} has no last frame"))?;
            ensure(record.elements == elements, &format!("{name} has another count"))?;
            let class = u64::from(limits.frame_elements);
            ensure(
                elements.is_multiple_of(class),
                &format!("{name} is not padded to whole frames"),
            )?;
            let frames = elements.checked_div(class);
            ensure(frames == Some(record.tree.leaves()), &format!("{name} has short frames"))?;
        }
        if sent {
            let root = self.record(StreamId::Table).map(|record| record.tree.root());
            ensure(root == Some(self.hello_p.table.root), "the table is not the announced one")?;
        }
        Ok(())
    }

    pub(super) fn check_checkpoints(&self) -> Result<(), String> {
        for (stream, head) in self.heads() {
            for from_sender in [true, false] {
                let role = if from_sender { "sender" } else { "receiver" };
                let missing = || format!("{} lacks its {role}'s signature", stream.name());
                let mut signed = self
                    .checkpoints
                    .iter()
                    .filter(|(c, sender)| c.stream == stream.code() && *sender == from_sender);
                let (checkpoint, _) = signed.next().ok_or_else(missing)?;
                ensure(signed.next().is_none(), "a stream was signed twice")?;
                let same = (checkpoint.frames, checkpoint.elements, checkpoint.root)
                    == (head.frames, head.elements, head.root);
                ensure(same, &format!("{}: the {role} signed another head", stream.name()))?;
                let key = self.key(stream.from_advertiser() == from_sender);
                verify_checkpoint(checkpoint, key, &self.terms.sid).map_err(|_| missing())?;
            }
        }
        Ok(())
    }

    pub(super) fn check_receipt(&self) -> Result<(), String> {
        let SignedReceipt { receipt, signature } = &self.receipt;
        for (key, signature) in
            [(self.key(true), signature), (self.key(false), &self.acknowledgement.signature)]
        {
            receipt.verify(key, signature).map_err(|_| "a signature of the receipt".to_string())?;
        }
        let heads: Vec<StreamHead> = self.heads().into_iter().map(|(_, head)| head).collect();
        ensure(receipt.streams == heads, "the receipt lists other streams")?;
        ensure(receipt.outcome == Receipt::COMPLETED, "the outcome is not of this profile")?;
        let counts = (receipt.handles_known, receipt.handles_unknown, receipt.ids_returned);
        ensure(counts == (0, 0, 0), "the profile returns no handles or digital IDs")?;
        ensure(receipt.ids_suppressed == 0, "the profile returns no digital IDs")?;
        ensure(receipt.report_commitment != [0; 32], "no report commitment")?;
        let terms = &self.terms.terms;
        ensure(receipt.closed_at >= terms.opened_at, "closed before it was opened")
    }

    pub(super) fn check_ledger(&self) -> Result<(), String> {
        let settle = &self.receipt.receipt.ledger;
        let reserve_seq = settle.seq.checked_sub(1).ok_or("the ledger entry has no reserve")?;
        let before = reserve_seq.checked_sub(1).ok_or("the reserve has no place in the chain")?;
        let head = LedgerHead { seq: before, hash: self.hello_a.ledger_head };
        let empty = head.seq == 0;
        ensure(empty == (head.hash == [0; 32]), "the chain does not start with zeros")?;
        let reserve = LedgerEntry::reserve(
            &head,
            &self.terms.sid,
            self.profile()?,
            &self.terms.terms,
            self.hello_a.row_slots,
        )
        .map_err(|why| why.to_string())?;
        let expected =
            reserve.settle(0, 0, self.receipt.receipt.closed_at).map_err(|why| why.to_string())?;
        ensure(*settle == expected, "the settle is not the one of this session")
    }

    fn profile(&self) -> Result<Profile, String> {
        Profile::from_code(self.hello_a.profile).ok_or_else(|| "unknown profile".to_string())
    }

    fn key(&self, of_advertiser: bool) -> &[u8; 32] {
        match of_advertiser {
            true => &self.hello_a.attestation_key,
            false => &self.hello_p.attestation_key,
        }
    }

    pub(super) fn record(&self, stream: StreamId) -> Option<&StreamRecord> {
        self.streams.iter().find(|(id, _)| *id == stream).map(|(_, record)| record)
    }

    fn heads(&self) -> Vec<(StreamId, StreamHead)> {
        let mut heads: Vec<(StreamId, StreamHead)> = self
            .streams
            .iter()
            .map(|(stream, record)| {
                let head = StreamHead {
                    stream: stream.code(),
                    frames: u32::try_from(record.tree.leaves()).unwrap_or(u32::MAX),
                    elements: record.elements,
                    root: record.tree.root(),
                };
                (*stream, head)
            })
            .collect();
        heads.sort_unstable_by_key(|(stream, _)| *stream);
        heads
    }
}

/// Control messages collected while the records are read.
#[derive(Default)]
struct Controls {
    sent: [u32; 2],
    hello_a: Option<(HelloA, RawFrame)>,
    hello_p: Option<(HelloP, RawFrame)>,
    terms: Option<Terms>,
    accept: Option<TermsAccept>,
    checkpoints: Vec<(Checkpoint, bool)>,
    receipt: Option<SignedReceipt>,
    acknowledgement: Option<ReceiptAck>,
}

impl Controls {
    /// Bulk frames may stand between TERMS_ACCEPT and RECEIPT.
    fn is_open(&self) -> bool {
        self.accept.is_some() && self.receipt.is_none()
    }

    fn take(
        &mut self,
        frame: &RawFrame,
        streams: &[(StreamId, StreamRecord)],
    ) -> Result<(), String> {
        let from_advertiser = frame.header.stream.from_advertiser();
        let [by_advertiser, by_provider] = &mut self.sent;
        let next = if from_advertiser { by_advertiser } else { by_provider };
        ensure(frame.header.index == *next, "a control message is missing or repeated")?;
        *next = next.saturating_add(1);
        let message = Control::decode(frame).map_err(|why| why.to_string())?;
        let name = message.name();
        let misplaced = || format!("{name} out of place");
        ensure(self.acknowledgement.is_none(), "a message after the close")?;
        let opened = self.accept.is_some();
        match (message, from_advertiser) {
            (Control::HelloA(m), true) if self.hello_a.is_none() => {
                self.hello_a = Some((m, frame.clone()));
            }
            (Control::HelloP(m), false) if self.hello_a.is_some() && self.hello_p.is_none() => {
                self.hello_p = Some((*m, frame.clone()));
            }
            (Control::Terms(m), true) if self.hello_p.is_some() && self.terms.is_none() => {
                self.terms = Some(m);
            }
            (Control::TermsAccept(m), false) if self.terms.is_some() && !opened => {
                self.accept = Some(m);
            }
            (Control::Checkpoint(m), _) if self.is_open() => self.checkpoints.push((m, true)),
            (Control::CheckpointAck(m), _) if self.is_open() => {
                let whole = streams.iter().any(|(s, r)| s.code() == m.stream && r.ended);
                ensure(whole, "a stream was acknowledged before its last frame")?;
                self.checkpoints.push((m, false));
            }
            (Control::Receipt(m), true) if self.is_open() => self.receipt = Some(m),
            (Control::ReceiptAck(m), false) if self.receipt.is_some() => {
                self.acknowledgement = Some(m);
            }
            (Control::Abort(_), _) => return Err("the session was aborted".to_string()),
            (Control::Refuse(_), _) => return Err("the session was refused".to_string()),
            _ => return Err(misplaced()),
        }
        Ok(())
    }

    fn finish(self, streams: Vec<(StreamId, StreamRecord)>) -> Result<Outline, String> {
        let missing = |name: &str| format!("{name} is missing");
        let (hello_a, hello_a_body) = self.hello_a.ok_or_else(|| missing("HELLO_A"))?;
        let (hello_p, hello_p_body) = self.hello_p.ok_or_else(|| missing("HELLO_P"))?;
        Ok(Outline {
            hello_a,
            hello_p,
            terms: self.terms.ok_or_else(|| missing("TERMS"))?,
            accept: self.accept.ok_or_else(|| missing("TERMS_ACCEPT"))?,
            hello_a_body,
            hello_p_body,
            checkpoints: self.checkpoints,
            receipt: self.receipt.ok_or_else(|| missing("RECEIPT"))?,
            acknowledgement: self.acknowledgement.ok_or_else(|| missing("RECEIPT_ACK"))?,
            streams,
        })
    }
}

fn append(
    streams: &mut Vec<(StreamId, StreamRecord)>,
    header: &FrameHeader,
    leaf: Hash,
) -> Result<(), String> {
    if !streams.iter().any(|(stream, _)| *stream == header.stream) {
        streams.push((header.stream, StreamRecord::default()));
    }
    let record = streams.iter_mut().find(|(stream, _)| *stream == header.stream);
    let Some((_, record)) = record else {
        return Ok(());
    };
    let name = header.stream.name();
    ensure(!record.ended, &format!("a {name} frame after the last one"))?;
    let in_sequence = record.tree.leaves() == u64::from(header.index);
    ensure(in_sequence, &format!("{name} frames have a gap"))?;
    record.tree.push(leaf);
    record.leaves.push(leaf);
    record.elements = record.elements.saturating_add(u64::from(header.elements));
    record.ended = header.is_last();
    Ok(())
}

fn stream_len(streams: &[(StreamId, StreamRecord)], stream: StreamId) -> u64 {
    streams.iter().find(|(id, _)| *id == stream).map_or(0, |(_, record)| record.tree.leaves())
}

fn table_is_open(streams: &[(StreamId, StreamRecord)]) -> bool {
    streams.iter().any(|(stream, record)| *stream == StreamId::Table && !record.ended)
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_string()) }
}
