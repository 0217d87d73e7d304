//! The checks that need no frame: signatures, binding, terms, counts, receipt, ledger.
//!
//! Each check runs as far as its messages are there, so that a session without a receipt still
//! shows what went wrong in it. What is missing makes a check *not made*, never *passed*.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::attestation::PartyId;
use crate::codec::StreamId;
use crate::group::Element;
use crate::ledger::{LedgerEntry, LedgerHead};
use crate::limits::{ELEMENTS_ALIGNED_MAX, Limits, TABLE_TAGS_MAX};
use crate::message::{Checkpoint, HelloA, HelloP, SessionBinding, SignedReceipt, Terms};
use crate::session::verify_checkpoint;
use crate::suite::{PROTOCOL_VERSION, Profile};
use crate::terms::SignedTerms;
use crate::transcript::Transcript;
use crate::transcript::receipt::{Receipt, StreamHead};
use crate::transcript::verify::outline::Outline;
use crate::transcript::verify::{Expected, Parties};

/// Why a check did not pass.
pub(super) enum Finding {
    /// What it needs is not in the package.
    Absent(&'static str),
    /// The rule is broken.
    Failed(String),
}

impl From<String> for Finding {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

pub(super) type Checked = Result<(), Finding>;

impl Outline {
    /// Who signed, as far as they have introduced themselves.
    pub(super) fn parties(&self, transcript: &Transcript) -> Parties {
        let opening = &transcript.opening;
        Parties {
            advertiser: self.hello_a.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            provider: self.hello_p.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            spki_advertiser: opening.spki_advertiser,
            spki_provider: opening.spki_provider,
        }
    }

    pub(super) fn check_parties(
        &self,
        parties: &Parties,
        expected: &Expected,
        limits: &Limits,
    ) -> Checked {
        for (found, wanted, name) in [
            (parties.advertiser, expected.advertiser, "advertiser"),
            (parties.provider, expected.provider, "provider"),
        ] {
            let other = found.zip(wanted).is_some_and(|(found, wanted)| found != wanted);
            ensure(!other, &format!("the {name} is not the expected party"))?;
        }
        let (hello_a, hello_p) = self.hellos()?;
        ensure(parties.advertiser != parties.provider, "one party on both sides")?;
        let profile = profile(hello_a)?;
        ensure(hello_a.suite == profile.suite().code(), "suite and profile do not fit")?;
        ensure(profile == Profile::MatchedRows, "the profile is not of this version")?;
        ensure(hello_a.row_width == 1 && hello_a.sample_rows == 0, "row width or sample")?;
        ensure(hello_p.protocol == PROTOCOL_VERSION, "protocol version")?;
        let spoken = hello_a.protocol_min..=hello_a.protocol_max;
        ensure(spoken.contains(&hello_p.protocol), "a protocol version that was not offered")?;
        for (name, count, most) in [
            ("elements", hello_a.row_slots, ELEMENTS_ALIGNED_MAX),
            ("tags", hello_p.table.tag_count, TABLE_TAGS_MAX),
        ] {
            ensure(count != 0 && count <= most, &format!("number of {name} out of range"))?;
            let whole = count.is_multiple_of(u64::from(limits.frame_elements));
            ensure(whole, &format!("number of {name} not padded to whole frames"))?;
        }
        ensure(hello_a.rules_digest == hello_p.rules_digest, "normalization rules differ")?;
        ensure(hello_a.ledger_head == hello_p.ledger_head, "ledger heads differ")
    }

    pub(super) fn check_manifest(&self) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
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
        ensure(body.is_within_bounds(), "the key lives or serves longer than a key may")?;
        ensure(hello_a.row_slots <= body.evaluations_max, "more evaluations than the key allows")?;
        Element::decode(&body.public_key).map_err(|why| why.to_string())?;
        let terms = &self.terms()?.terms;
        ensure(body.covers(terms), "the key is not valid for as long as the terms")
    }

    pub(super) fn check_binding(&self, transcript: &Transcript) -> Checked {
        let opening = &transcript.opening;
        let terms = self.terms()?;
        let (Some((_, hello_a)), Some((_, hello_p))) = (&self.hello_a, &self.hello_p) else {
            return Err(Finding::Absent("the session has no hellos"));
        };
        let sid = SessionBinding {
            hello_a: &hello_a.payload,
            hello_p: &hello_p.payload,
            spki_advertiser: &opening.spki_advertiser,
            spki_provider: &opening.spki_provider,
            exporter: &opening.exporter,
        }
        .sid(&terms.terms)
        .map_err(|why| why.to_string())?;
        ensure(sid == terms.sid, "the id in TERMS is not the session's")?;
        let accepted = self.accept.is_none_or(|accept| accept.sid == sid);
        ensure(accepted, "the id in TERMS_ACCEPT is not the session's")?;
        let closed = self.receipt.as_ref().is_none_or(|message| message.receipt.sid == sid);
        ensure(closed, "the id in the receipt is not the session's")
    }

    pub(super) fn check_terms_signed(&self) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = self.terms()?;
        let accept = self.accept.ok_or(Finding::Absent("the session has no TERMS_ACCEPT"))?;
        let signed = SignedTerms::verify(
            terms.terms.clone(),
            profile(hello_a)?,
            terms.sid,
            (&hello_a.attestation_key, &terms.signature),
            (&hello_p.attestation_key, &accept.signature),
        );
        ensure(signed.is_ok(), "a signature over the session id")
    }

    pub(super) fn check_terms(&self, limits: &Limits) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = &self.terms()?.terms;
        terms
            .check(profile(hello_a)?, &hello_p.offer, limits, terms.opened_at)
            .map_err(|why| format!("{why:?}"))?;
        let left = hello_p.offer.evaluations_left;
        ensure(hello_a.row_slots <= left, "more evaluations than the offer leaves")
    }

    pub(super) fn check_streams(&self, limits: &Limits) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let sent = self.terms()?.terms.table_delivery == 1;
        let expected: &[StreamId] = match sent {
            true => &[StreamId::Table, StreamId::Blind, StreamId::Eval],
            false => &[StreamId::Blind, StreamId::Eval],
        };
        let known = self.streams.iter().all(|(stream, _)| expected.contains(stream));
        ensure(known, "streams other than the profile's were sent")?;
        for (stream, record) in &self.streams {
            let name = stream.name();
            let full =
                record.frames.iter().all(|(header, _)| header.elements == limits.frame_elements);
            ensure(full, &format!("{name} has a frame that is not full"))?;
            let announced = match stream {
                StreamId::Table => hello_p.table.tag_count,
                _ => hello_a.row_slots,
            };
            let head = record.head(*stream);
            let fits = head.elements == announced || (!record.ended && head.elements < announced);
            ensure(fits, &format!("{name} has another count"))?;
            let announced = *stream != StreamId::Table || head.root == hello_p.table.root;
            ensure(announced || !record.ended, "the table is not the announced one")?;
        }
        for stream in expected {
            let whole = self.record(*stream).is_some_and(|record| record.ended);
            self.required(whole, || format!("{} has no last frame", stream.name()))?;
        }
        Ok(())
    }

    pub(super) fn check_checkpoints(&self) -> Checked {
        let heads = self.heads();
        for (stream, head) in &heads {
            for from_sender in [true, false] {
                let mut signed = self.signed(*stream, from_sender);
                if let Some(checkpoint) = signed.next() {
                    self.check_checkpoint(checkpoint, from_sender, *stream, head)?;
                }
                ensure(signed.next().is_none(), "a stream was signed twice")?;
            }
        }
        let sent = |code| heads.iter().any(|(stream, _)| stream.code() == code);
        let about_sent = self.checkpoints.iter().all(|(c, _)| sent(c.stream));
        self.required(about_sent, || "a checkpoint of a stream that was not sent".to_string())?;
        for (stream, _) in &heads {
            for from_sender in [true, false] {
                let signed = self.signed(*stream, from_sender).next().is_some();
                self.required(signed, || missing(*stream, from_sender))?;
            }
        }
        self.required(!heads.is_empty(), || "no stream was sent".to_string())
    }

    fn signed(&self, stream: StreamId, from_sender: bool) -> impl Iterator<Item = &Checkpoint> {
        let signed = self.checkpoints.iter();
        signed
            .filter(move |(c, sender)| c.stream == stream.code() && *sender == from_sender)
            .map(|(checkpoint, _)| checkpoint)
    }

    fn check_checkpoint(
        &self,
        checkpoint: &Checkpoint,
        from_sender: bool,
        stream: StreamId,
        head: &StreamHead,
    ) -> Checked {
        let (name, role) = (stream.name(), side(from_sender));
        // One that overtook its frames says nothing about a stream that never ended.
        if self.record(stream).is_some_and(|record| record.ended) {
            let same = (checkpoint.frames, checkpoint.elements, checkpoint.root)
                == (head.frames, head.elements, head.root);
            ensure(same, &format!("{name}: the {role} signed another head"))?;
        }
        let key = self.key(stream.from_advertiser() == from_sender)?;
        let signed = verify_checkpoint(checkpoint, key, &self.terms()?.sid);
        ensure(signed.is_ok(), &missing(stream, from_sender))
    }

    pub(super) fn check_receipt(&self) -> Checked {
        let SignedReceipt { receipt, signature } = self.receipt()?;
        let by_advertiser = receipt.verify(self.key(true)?, signature);
        ensure(by_advertiser.is_ok(), "the advertiser's signature of the receipt")?;
        let heads: Vec<StreamHead> = self.heads().into_iter().map(|(_, head)| head).collect();
        ensure(receipt.streams == heads, "the receipt lists other streams")?;
        ensure(receipt.outcome == Receipt::COMPLETED, "the outcome is not of this profile")?;
        let counts = (receipt.handles_known, receipt.handles_unknown, receipt.ids_returned);
        ensure(counts == (0, 0, 0), "the profile returns no handles or digital IDs")?;
        ensure(receipt.ids_suppressed == 0, "the profile returns no digital IDs")?;
        ensure(receipt.report_commitment != [0; 32], "no report commitment")?;
        let opened_at = self.terms()?.terms.opened_at;
        ensure(receipt.closed_at >= opened_at, "closed before it was opened")?;
        let acknowledged =
            self.acknowledgement.ok_or(Finding::Absent("the session has no RECEIPT_ACK"))?;
        let by_provider = receipt.verify(self.key(false)?, &acknowledged.signature);
        ensure(by_provider.is_ok(), "the provider's signature of the receipt")
    }

    pub(super) fn check_ledger(&self) -> Checked {
        let receipt = &self.receipt()?.receipt;
        let (hello_a, _) = self.hellos()?;
        let terms = self.terms()?;
        let settle = &receipt.ledger;
        let reserve_seq = settle.seq.checked_sub(1);
        let before = reserve_seq.and_then(|seq| seq.checked_sub(1));
        let seq = before.ok_or("the reserve has no place in the chain".to_string())?;
        let head = LedgerHead { seq, hash: hello_a.ledger_head };
        let empty = head.seq == 0;
        ensure(empty == (head.hash == [0; 32]), "the chain does not start with zeros")?;
        let profile = profile(hello_a)?;
        let expected =
            LedgerEntry::reserve(&head, &terms.sid, profile, &terms.terms, hello_a.row_slots)
                .and_then(|reserve| reserve.settle(0, 0, receipt.closed_at))
                .map_err(|why| why.to_string())?;
        ensure(*settle == expected, "the settle is not the one of this session")
    }

    pub(super) fn hellos(&self) -> Result<(&HelloA, &HelloP), Finding> {
        match (&self.hello_a, &self.hello_p) {
            (Some((hello_a, _)), Some((hello_p, _))) => Ok((hello_a, hello_p)),
            _ => Err(Finding::Absent("the session has no hellos")),
        }
    }

    pub(super) fn terms(&self) -> Result<&Terms, Finding> {
        self.terms.as_ref().ok_or(Finding::Absent("the session has no TERMS"))
    }

    fn receipt(&self) -> Result<&SignedReceipt, Finding> {
        self.receipt.as_ref().ok_or(Finding::Absent("the session has no RECEIPT"))
    }

    fn key(&self, of_advertiser: bool) -> Result<&[u8; 32], Finding> {
        let (hello_a, hello_p) = self.hellos()?;
        Ok(match of_advertiser {
            true => &hello_a.attestation_key,
            false => &hello_p.attestation_key,
        })
    }

    /// What a session with a receipt must have, and one that ended early may lack.
    pub(super) fn required(&self, holds: bool, otherwise: impl Fn() -> String) -> Checked {
        match (holds, &self.receipt) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(Finding::Failed(otherwise())),
            (false, None) => Err(Finding::Absent("the session ended before that")),
        }
    }
}

fn profile(hello: &HelloA) -> Result<Profile, String> {
    Profile::from_code(hello.profile).ok_or_else(|| "unknown profile".to_string())
}

fn missing(stream: StreamId, from_sender: bool) -> String {
    format!("{} lacks its {}'s signature", stream.name(), side(from_sender))
}

const fn side(from_sender: bool) -> &'static str {
    if from_sender { "sender" } else { "receiver" }
}

fn ensure(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(Finding::Failed(otherwise.to_string())) }
}
