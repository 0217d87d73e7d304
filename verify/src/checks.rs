//! The checks that need no frame: signatures, binding, terms, counts, receipt, ledger.
//!
//! Each check runs as far as its messages are there, so that a session without a receipt still
//! shows what went wrong in it. What is missing makes a check *not made*, never *passed*.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::evidence::is_signed;
use crate::outline::Outline;
use crate::shape::{Announced, Shape};
use crate::signers::Signers;
use crate::{Expected, Parties};
use protocol::attestation::PartyId;
use protocol::codec::StreamId;
use protocol::group::Element;
use protocol::last_word::LastWord;
use protocol::ledger::{LedgerEntry, LedgerHead};
use protocol::limits::{Limits, TABLE_TAGS_MAX, UNKNOWN_HANDLES_MAX};
use protocol::message::verify_checkpoint;
use protocol::message::{Checkpoint, Control, HelloA, HelloP, Released, SignedReceipt, Terms};
use protocol::rows::accept_shape;
use protocol::suite::{PROTOCOL_VERSION, Profile};
use protocol::terms::SignedTerms;
use protocol::transcript::receipt::{Receipt, StreamHead};
use protocol::transcript::{BuildFlags, Role, Transcript};

/// Why a check did not pass.
pub(crate) enum Finding {
    /// What it needs is not in the package.
    Absent(&'static str),
    /// The rule is broken.
    Failed {
        /// Where and how.
        why: String,
        /// Who signed what breaks it.
        by: Signers,
    },
}

impl From<String> for Finding {
    /// A failure that accuses nobody.
    fn from(why: String) -> Self {
        Self::Failed { why, by: Signers::NOBODY }
    }
}

pub(crate) type Checked = Result<(), Finding>;

impl Outline {
    /// Who signed, as far as they have introduced themselves.
    pub(crate) fn parties(&self, transcript: &Transcript) -> Parties {
        let opening = &transcript.opening;
        Parties {
            advertiser: self.hello_a.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            provider: self.hello_p.as_ref().map(|(m, _)| PartyId::of(&m.attestation_key)),
            spki_advertiser: opening.spki_advertiser,
            spki_provider: opening.spki_provider,
        }
    }

    /// Both sides said, under their signature, that their program is a release.
    pub(crate) fn check_programs(&self, transcript: &Transcript, limits: &Limits) -> Checked {
        let opening = &transcript.opening;
        let known = opening.protocol == PROTOCOL_VERSION;
        let version = format!("protocol version {} is not known here", opening.protocol);
        ensure(known, &version)?;
        let small = *limits != Limits::STANDARD;
        let signed = &self.evidence;
        let programs = [
            (self.hello_a.as_ref().map(|(hello, _)| hello.program), "advertiser", signed.hello_a),
            (self.hello_p.as_ref().map(|(hello, _)| hello.program), "provider", signed.hello_p),
        ];
        for (program, name, by) in programs {
            let Some(program) = program else { continue };
            // Other bits do not decode.
            let build = BuildFlags::from_bits(program.flags).unwrap_or_default();
            let exchange = format!("the {name}'s program offered a key exchange without ML-KEM");
            require(by, !build.classical_kx, &exchange)?;
            let limits = format!("the {name}'s program had test limits");
            require(by, build.small_limits == small, &limits)?;
        }
        self.hellos().map(drop)
    }

    /// Both sides signed their HELLO for this channel.
    pub(crate) fn check_hellos_signed(&self, transcript: &Transcript) -> Checked {
        let exporter = &transcript.opening.exporter;
        let by_advertiser =
            self.hello_a.as_ref().is_none_or(|(hello, _)| hello.verify(exporter).is_ok());
        ensure(by_advertiser, "the advertiser's signature of its hello")?;
        let by_provider =
            self.hello_p.as_ref().is_none_or(|(hello, _)| hello.verify(exporter).is_ok());
        ensure(by_provider, "the provider's signature of its hello")?;
        self.hellos().map(drop)
    }

    /// Every REFUSE and ABORT is signed by its sender, about streams as they are recorded.
    pub(crate) fn check_last_words(&self) -> Checked {
        for (at, (word, _, by_advertiser)) in self.last_words.iter().enumerate() {
            let streams = match word {
                Control::Refuse(refuse) => refuse.streams(),
                Control::Abort(abort) => abort.streams(),
                _ => &[],
            };
            let sender = if *by_advertiser { Role::Advertiser } else { Role::Provider };
            let own = Signers::only(sender, is_signed(self, at));
            for head in streams {
                self.check_head(head, own)?;
            }
            let sender_is_known = match by_advertiser {
                true => self.hello_a.is_some(),
                false => self.hello_p.is_some(),
            };
            if !sender_is_known {
                return Err(Finding::Absent("its sender has not introduced itself"));
            }
            let name = word.name();
            let signed = is_signed(self, at);
            ensure(signed, &format!("{name} does not have its sender's signature"))?;
        }
        Ok(())
    }

    /// A head that a REFUSE or ABORT lists; frames on their way are in one transcript only.
    ///
    /// Its signer contradicts itself if it signed as many frames under another head.
    fn check_head(&self, head: &StreamHead, by: Signers) -> Checked {
        let (signed, what) = (self.evidence.of_other_root(head), "two heads of one stream");
        require(by, by.and(signed).is_nobody(), what)?;
        let record = StreamId::from_code(head.stream)
            .and_then(|stream| Some((stream, self.record(stream)?)));
        let recorded = record.and_then(|(stream, record)| record.head_at(stream, head.frames));
        let same = recorded.is_none_or(|recorded| recorded == *head);
        ensure(same, "a refusal or abort names other frames than were recorded")
    }

    pub(crate) fn check_parties(
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
        let (by_a, by_p) = (self.evidence.hello_a, self.evidence.hello_p);
        let profile = profile(hello_a).map_err(|why| Finding::Failed { why, by: by_a })?;
        require(by_a, hello_a.suite == profile.suite().code(), "suite and profile do not fit")?;
        let shape = accept_shape(profile, hello_a, limits);
        let fits = |why| format!("row width, sample or padded rows: {why}");
        shape.map_err(|why| Finding::Failed { why: fits(why), by: by_a })?;
        require(by_p, hello_p.protocol == PROTOCOL_VERSION, "protocol version")?;
        let tags = hello_p.table.tag_count;
        require(by_p, tags != 0 && tags <= TABLE_TAGS_MAX, "number of tags out of range")?;
        let whole = tags.is_multiple_of(u64::from(limits.frame_elements));
        require(by_p, whole, "number of tags not padded to whole frames")?;
        // Hellos that do not fit each other are a failure once somebody agreed to both.
        self.terms()?;
        let by = self.evidence.session;
        require(by, parties.advertiser != parties.provider, "one party on both sides")?;
        let spoken = hello_a.protocol_min..=hello_a.protocol_max;
        let offered = spoken.contains(&hello_p.protocol);
        require(by, offered, "a protocol version that was not offered")?;
        let rules = hello_a.rules_digest == hello_p.rules_digest;
        require(by, rules, "normalization rules differ")?;
        require(by, hello_a.ledger_head == hello_p.ledger_head, "ledger heads differ")
    }

    pub(crate) fn check_manifest(&self) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let by = self.evidence.hello_p;
        let (manifest, key) = (&hello_p.manifest, &hello_p.attestation_key);
        require(by, manifest.verify(key).is_ok(), "the manifest's signature")?;
        require(by, hello_p.snapshot.verify(key).is_ok(), "the snapshot's signature")?;
        let body = &manifest.body;
        let provider = PartyId::of(key).0;
        require(by, body.provider == provider, "the manifest names another provider")?;
        let named = hello_p.snapshot.body.provider == provider;
        require(by, named, "the snapshot names another provider")?;
        let bounds = body.is_within_bounds();
        require(by, bounds, "the key lives or serves longer than a key may")?;
        let decoded = Element::decode(&body.public_key);
        decoded.map_err(|why| Finding::Failed { why: why.to_string(), by })?;
        // What fits this session is a failure once somebody agreed to it.
        let terms = &self.terms()?.terms;
        let by = self.evidence.session;
        let partner = PartyId::of(&hello_a.attestation_key).0;
        require(by, body.partner == partner, "the manifest names another partner")?;
        require(by, body.suite == hello_a.suite, "the manifest's key serves another suite")?;
        let evaluations = elements(hello_a)?;
        let enough = evaluations <= body.evaluations_max;
        require(by, enough, "more evaluations than the key allows")?;
        // The provider alone knows both times for certain when it signs: [D-27] is its duty.
        let by = by.and(Signers::of(Role::Provider));
        require(by, body.covers(terms), "the key is not valid for as long as the terms")
    }

    /// Nobody can be accused of an id that is not the session's: it may be of another one.
    pub(crate) fn check_binding(&self) -> Checked {
        let terms = self.terms()?;
        let Some(sid) = self.evidence.sid else {
            return Err("the id in TERMS is not the session's".to_string().into());
        };
        let accepted = self.accept.is_none_or(|accept| accept.sid == sid);
        ensure(accepted, "the id in TERMS_ACCEPT is not the session's")?;
        let closed = self.receipt.as_ref().is_none_or(|message| message.receipt.sid == sid);
        ensure(closed && terms.sid == sid, "the id in the receipt is not the session's")
    }

    pub(crate) fn check_terms_signed(&self) -> Checked {
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

    pub(crate) fn check_terms(&self, limits: &Limits) -> Checked {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = &self.terms()?.terms;
        let by = self.evidence.session;
        terms
            .check(profile(hello_a)?, &hello_p.offer, limits, terms.opened_at)
            .map_err(|why| Finding::Failed { why: format!("{why:?}"), by })?;
        require(by, terms.handles_max <= hello_a.row_slots, "more handles than rows")?;
        let phones = terms.phone_evaluations_max <= elements(hello_a)?;
        require(by, phones, "more telephone numbers than elements")?;
        let left = hello_p.offer.evaluations_left;
        require(by, elements(hello_a)? <= left, "more evaluations than the offer leaves")
    }

    pub(crate) fn check_streams(&self, limits: &Limits) -> Checked {
        let shape = self.shape(limits)?;
        let known = self.streams.iter().all(|(stream, _)| shape.allows(*stream));
        ensure(known, "streams other than the profile's were sent")?;
        for (stream, record) in &self.streams {
            let name = stream.name();
            let full = shape.full_frame(*stream);
            let (last, others) = match record.frames.split_last() {
                Some((last, others)) if record.ended => (Some(last), others),
                _ => (None, record.frames.as_slice()),
            };
            let even = others.iter().all(|(header, _)| shape.is_full(header));
            let within = others.iter().chain(last).all(|(header, _)| header.elements <= full);
            ensure(even && within, &format!("{name} has a frame that is not full"))?;
            let exact = record.frames.iter().all(|(header, _)| shape.has_right_length(header));
            ensure(exact, &format!("{name} has a frame of another length"))?;
            // Only a bag without any digital ID has a frame without an element.
            let empty =
                record.frames.len() > 1 && record.frames.iter().any(|(h, _)| h.elements == 0);
            ensure(!empty, &format!("{name} has an empty frame"))?;
            let head = record.head(*stream);
            let announced = shape.announced(*stream);
            let fits = match announced {
                Announced::Exactly(count) if record.ended => head.elements == count,
                Announced::Exactly(count) => head.elements < count,
                Announced::AtMost(count) => head.elements <= count,
            };
            // Count and root stand in the head; all else in records that anyone can alter.
            let sender = if stream.from_advertiser() { Role::Advertiser } else { Role::Provider };
            let signed = self.evidence.of_head(&head).and(Signers::of(sender));
            let by = match stream {
                // The bound is that of RELEASED, which nobody signs.
                StreamId::Ids => Signers::NOBODY,
                _ if record.ended => signed.and(self.evidence.session),
                _ => Signers::NOBODY,
            };
            require(by, fits, &format!("{name} has another count"))?;
            let announced = *stream != StreamId::Table || head.root == shape.table.root;
            require(by, announced || !record.ended, "the table is not the announced one")?;
        }
        for stream in shape.required() {
            let whole = self.record(*stream).is_some_and(|record| record.ended);
            self.required(whole, || format!("{} has no last frame", stream.name()))?;
        }
        self.check_release_streams()
    }

    /// Handles are answered once: by a refusal, or by RELEASED and, where IDs are due, IDS.
    fn check_release_streams(&self) -> Checked {
        let handles = self.record(StreamId::Handles).is_some();
        let answered = self.released.is_some() || self.refused;
        ensure(handles || !answered, "an answer to handles that were not sent")?;
        self.required(!handles || answered, || "no answer to the handles".to_string())?;
        let (hello_a, _) = self.hellos()?;
        let due = self.released.is_some() && profile(hello_a)? == Profile::DigitalIds;
        let sent = self.record(StreamId::Ids).is_some_and(|record| record.ended);
        ensure(due || self.record(StreamId::Ids).is_none(), "digital IDs that were not due")?;
        self.required(!due || sent, || "IDS has no last frame".to_string())
    }

    /// The streams that this session may have, and their sizes.
    fn shape(&self, limits: &Limits) -> Result<Shape, Finding> {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = &self.terms()?.terms;
        let profile = profile(hello_a)?;
        let width = accept_shape(profile, hello_a, limits).map_err(|why| why.to_string())?;
        Ok(Shape {
            profile,
            table_sent: terms.table_delivery == 1,
            table: hello_p.table,
            elements: elements(hello_a)?,
            row_frame: width.frame_elements(limits),
            frame: limits.frame_elements,
            // One handle names one row at most.
            handles_max: terms.handles_max.min(hello_a.row_slots),
            ids_max: self.released.map_or(0, |released| {
                released.handles_known.saturating_mul(u64::from(terms.ids_per_record_max))
            }),
        })
    }

    pub(crate) fn check_checkpoints(&self) -> Checked {
        let heads = self.heads();
        for (stream, head) in &heads {
            let by = self.evidence.of_two_heads(stream.code());
            require(by, by.is_nobody(), &format!("{}: two heads were signed", stream.name()))?;
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

    pub(crate) fn check_receipt(&self) -> Checked {
        let SignedReceipt { receipt, signature } = self.receipt()?;
        let by_advertiser = receipt.verify(self.key(true)?, signature);
        ensure(by_advertiser.is_ok(), "the advertiser's signature of the receipt")?;
        let heads: Vec<StreamHead> = self.heads().into_iter().map(|(_, head)| head).collect();
        let by = self.evidence.receipt;
        let other = receipt
            .streams
            .iter()
            .fold(Signers::NOBODY, |all, head| all.or(self.evidence.of_other_head(head)));
        require(by.and(other), receipt.streams == heads, "the receipt lists other streams")?;
        self.check_outcome(receipt)?;
        require(by, receipt.report_commitment != [0; 32], "no report commitment")?;
        let opened_at = self.terms()?.terms.opened_at;
        let by = by.and(self.evidence.session);
        require(by, receipt.closed_at >= opened_at, "closed before it was opened")?;
        let acknowledged =
            self.acknowledgement.ok_or(Finding::Absent("the session has no RECEIPT_ACK"))?;
        let by_provider = receipt.verify(self.key(false)?, &acknowledged.signature);
        ensure(by_provider.is_ok(), "the provider's signature of the receipt")
    }

    /// Outcome and counts of the receipt are those of the messages and streams.
    fn check_outcome(&self, receipt: &Receipt) -> Checked {
        let (hello_a, _) = self.hellos()?;
        let withheld = profile(hello_a)?.sends_handles() && self.released.is_none();
        let outcome = if withheld { Receipt::WITHHELD } else { Receipt::COMPLETED };
        ensure(receipt.outcome == outcome, "the outcome is not what happened")?;
        let released = self.released.unwrap_or(Released {
            handles_known: 0,
            handles_unknown: 0,
            ids_suppressed: 0,
        });
        let told = (released.handles_known, released.handles_unknown, released.ids_suppressed);
        let listed = (receipt.handles_known, receipt.handles_unknown, receipt.ids_suppressed);
        ensure(told == listed, "the receipt counts other handles than RELEASED")?;
        // From here on the receipt says the same as RELEASED, and lists the recorded streams.
        let by = self.evidence.receipt;
        let returned = self.stream_elements(StreamId::Ids);
        let same = receipt.ids_returned == returned;
        require(by, same, "the receipt counts other digital IDs")?;
        if self.released.is_some() {
            let sent = self.stream_elements(StreamId::Handles);
            let answered = told.0.saturating_add(u64::from(told.1));
            require(by, answered == sent, "RELEASED counts other handles than were sent")?;
            // [G47]
            let few = told.1 <= UNKNOWN_HANDLES_MAX;
            require(by, few, "more unknown handles than chance explains")?;
            // [G43] One record may have several handles, never the other way round.
            let k_min = u64::from(self.terms()?.terms.k_min);
            let by = by.and(self.evidence.session);
            require(by, told.0 >= k_min, "a release below the least number of matches")?;
        }
        Ok(())
    }

    fn stream_elements(&self, stream: StreamId) -> u64 {
        self.record(stream).map_or(0, |record| record.head(stream).elements)
    }

    pub(crate) fn check_ledger(&self) -> Checked {
        let receipt = &self.receipt()?.receipt;
        let (hello_a, _) = self.hellos()?;
        let terms = self.terms()?;
        let settle = &receipt.ledger;
        let reserve_seq = settle.seq.checked_sub(1);
        let before = reserve_seq.and_then(|seq| seq.checked_sub(1));
        let by = self.evidence.receipt.and(self.evidence.session);
        let no_place = || "the reserve has no place in the chain".to_string();
        let seq = before.ok_or_else(|| Finding::Failed { why: no_place(), by })?;
        let head = LedgerHead { seq, hash: hello_a.ledger_head };
        let empty = head.seq == 0;
        let starts = empty == (head.hash == [0; 32]);
        require(by, starts, "the chain does not start with zeros")?;
        let profile = profile(hello_a)?;
        let handles = self.stream_elements(StreamId::Handles);
        let ids = self.stream_elements(StreamId::Ids);
        let expected =
            LedgerEntry::reserve(&head, &terms.sid, profile, &terms.terms, elements(hello_a)?)
                .and_then(|reserve| reserve.settle(handles, ids, receipt.closed_at))
                .map_err(|why| why.to_string())?;
        // The receipt's own list of streams has to say the same, or they are the holder's.
        let heads = self.heads();
        let listed = receipt.streams.iter().eq(heads.iter().map(|(_, head)| head));
        let by = if listed { by } else { Signers::NOBODY };
        require(by, *settle == expected, "the settle is not the one of this session")
    }

    pub(crate) fn hellos(&self) -> Result<(&HelloA, &HelloP), Finding> {
        match (&self.hello_a, &self.hello_p) {
            (Some((hello_a, _)), Some((hello_p, _))) => Ok((hello_a, hello_p)),
            _ => Err(Finding::Absent("the session has no hellos")),
        }
    }

    pub(crate) fn terms(&self) -> Result<&Terms, Finding> {
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
    pub(crate) fn required(&self, holds: bool, otherwise: impl Fn() -> String) -> Checked {
        match (holds, &self.receipt) {
            (true, _) => Ok(()),
            (false, Some(_)) => Err(otherwise().into()),
            (false, None) => Err(Finding::Absent("the session ended before that")),
        }
    }
}

fn profile(hello: &HelloA) -> Result<Profile, String> {
    Profile::from_code(hello.profile).ok_or_else(|| "unknown profile".to_string())
}

/// Padded elements E of the session.
fn elements(hello: &HelloA) -> Result<u64, String> {
    hello.elements().ok_or_else(|| "number of elements out of range".to_string())
}

fn missing(stream: StreamId, from_sender: bool) -> String {
    format!("{} lacks its {}'s signature", stream.name(), side(from_sender))
}

const fn side(from_sender: bool) -> &'static str {
    if from_sender { "sender" } else { "receiver" }
}

/// A condition whose failure accuses nobody: anyone who holds the package could have made it.
fn ensure(holds: bool, otherwise: &str) -> Checked {
    require(Signers::NOBODY, holds, otherwise)
}

/// A condition whose failure is inside what these parties signed.
pub(crate) fn require(by: Signers, holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(Finding::Failed { why: otherwise.to_string(), by }) }
}
