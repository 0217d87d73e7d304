//! The checks of the bulk streams by their records: counts, frames, and signed heads.

use disclosure::noise::Noise;
use protocol::codec::StreamId;
use protocol::error::Bug;
use protocol::limits::Limits;
use protocol::message::{Checkpoint, verify_checkpoint};
use protocol::suite::Profile;
use protocol::transcript::receipt::StreamHead;

use crate::evidence::sender;
use crate::finding::{Checked, Finding, ensure, require};
use crate::opening::{elements, profile, shape};
use crate::outline::{Outline, StreamRecord};
use crate::shape::{Announced, Shape};
use crate::signers::Signers;

impl Outline {
    /// Every stream of the profile is whole, with the announced counts.
    pub(crate) fn check_streams(&self, limits: &Limits) -> Checked {
        let shape = self.shape(limits)?;
        let known = self.streams.iter().all(|(stream, _)| shape.allows(*stream));
        ensure(known, "verify-streams-other")?;
        for (stream, record) in &self.streams {
            check_frames(&shape, *stream, record)?;
            self.check_count(&shape, *stream, record)?;
        }
        for stream in shape.required() {
            let whole = self.record(*stream).is_some_and(|record| record.ended);
            self.required(whole, || of(*stream, "verify-stream-open"))?;
        }
        self.check_release_streams()
    }

    /// Number of elements and root are those that were announced.
    fn check_count(&self, shape: &Shape, stream: StreamId, record: &StreamRecord) -> Checked {
        let head = record.head(stream);
        let fits = match shape.announced(stream) {
            Announced::Exactly(count) if record.ended => head.elements == count,
            Announced::Exactly(count) => head.elements < count,
            Announced::AtMost(count) => head.elements <= count,
        };
        // Count and root stand in the head; all else in records that anyone can alter.
        let signed = self.evidence.of_head(&head).and(Signers::of(sender(stream)));
        let by = match record.ended {
            true => signed.and(self.evidence.session),
            false => Signers::NOBODY,
        };
        require(by, fits, of(stream, "verify-count"))?;
        let announced = stream != StreamId::Table || head.root == shape.table.root;
        require(by, announced || !record.ended, "verify-table-other")
    }

    /// Handles are answered once: by a refusal, or by RELEASED and, where IDs are due, IDS.
    fn check_release_streams(&self) -> Checked {
        let handles = self.record(StreamId::Handles).is_some();
        let answered = self.released.is_some() || self.refused;
        ensure(handles || !answered, "verify-answer-unasked")?;
        self.required(!handles || answered, || "verify-handles-unanswered")?;
        let (hello_a, _) = self.hellos()?;
        let due = self.released.is_some() && profile(hello_a)? == Profile::DigitalIds;
        let sent = self.record(StreamId::Ids).is_some_and(|record| record.ended);
        ensure(due || self.record(StreamId::Ids).is_none(), "verify-ids-not-due")?;
        self.required(!due || sent, || of(StreamId::Ids, "verify-stream-open"))
    }

    /// The streams that this session may have, and their sizes.
    fn shape(&self, limits: &Limits) -> Checked<Shape> {
        let (hello_a, hello_p) = self.hellos()?;
        let terms = &self.terms()?.terms;
        let profile = profile(hello_a)?;
        let width = shape(profile, hello_a, limits)?;
        let noise = Noise::of_terms(terms).map_or(0, |noise| noise.rows(width));
        let elements = elements(hello_a)?;
        let answers = noise.checked_mul(width.get().into()).ok_or(Bug::invariant())?;
        let answers = answers.checked_add(elements).ok_or(Bug::invariant())?;
        // Nothing tells noise rows from the others. More handles than rows fail T0-07.
        let handles_max = terms.handles_cap(noise, width).unwrap_or(u64::MAX);
        Ok(Shape {
            profile,
            table_sent: terms.table_delivery == 1,
            table: hello_p.table,
            elements,
            answers,
            row_frame: width.frame_elements(limits),
            frame: limits.frame_elements,
            handles_max,
            // Classes are released whole, whichever of their members were asked about.
            ids_max: terms.handles_max.saturating_mul(u64::from(terms.ids_per_record_max)),
        })
    }

    /// The sender of every frame signed it, with its stream so far and the question it answers.
    pub(crate) fn check_frames_signed(&self) -> Checked {
        self.required(!self.streams.is_empty(), || "verify-no-stream")?;
        match self.evidence.frames.unsigned {
            None => Ok(()),
            Some((stream, index)) => {
                Err(of(stream, "verify-frame-unsigned").with_number("frame", index).into())
            }
        }
    }

    /// Sender and receiver of every stream signed its head, once.
    pub(crate) fn check_checkpoints(&self) -> Checked {
        let heads = self.heads();
        for (stream, head) in &heads {
            let by = self.evidence.of_two_heads(stream.code());
            require(by, by.is_nobody(), of(*stream, "verify-two-heads"))?;
            for from_sender in [true, false] {
                let mut signed = self.signed(*stream, from_sender);
                if let Some(checkpoint) = signed.next() {
                    self.check_checkpoint(checkpoint, from_sender, *stream, head)?;
                }
                ensure(signed.next().is_none(), "verify-signed-twice")?;
            }
        }
        let sent = |code| heads.iter().any(|(stream, _)| stream.code() == code);
        let about_sent = self.checkpoints.iter().all(|(c, _)| sent(c.stream));
        // Without a receipt its frames may have been on their way.
        ensure(about_sent || self.receipt.is_none(), "verify-checkpoint-unsent")?;
        self.required(about_sent, || "verify-checkpoint-unsent")?;
        for (stream, _) in &heads {
            for from_sender in [true, false] {
                let signed = self.signed(*stream, from_sender).next().is_some();
                self.required(signed, || missing(*stream, from_sender))?;
            }
        }
        self.required(!heads.is_empty(), || "verify-no-stream")
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
        // One that overtook its frames says nothing about a stream that never ended.
        if self.record(stream).is_some_and(|record| record.ended) {
            let same = (checkpoint.frames, checkpoint.elements, checkpoint.root)
                == (head.frames, head.elements, head.root);
            let other = of(stream, "verify-other-head").with("side", side(from_sender));
            let head = checkpoint.head();
            let by = self.evidence.of_head(&head).and(self.evidence.of_other(self, &head, true));
            require(by, same, other)?;
        }
        let key = self.key(stream.from_advertiser() == from_sender)?;
        let signed = verify_checkpoint(checkpoint, key, &self.terms()?.sid);
        ensure(signed.is_ok(), missing(stream, from_sender))
    }

    pub(crate) fn stream_elements(&self, stream: StreamId) -> u64 {
        self.record(stream).map_or(0, |record| record.head(stream).elements)
    }
}

/// Every frame but the last is full, none is empty, and all have the length of their order.
fn check_frames(shape: &Shape, stream: StreamId, record: &StreamRecord) -> Checked {
    let full = shape.full_frame(stream);
    let (last, others) = match record.frames.split_last() {
        Some((last, others)) if record.ended => (Some(last), others),
        _ => (None, record.frames.as_slice()),
    };
    let even = others.iter().all(|frame| shape.is_full(&frame.header));
    let within = others.iter().chain(last).all(|frame| frame.header.elements <= full);
    ensure(even && within, of(stream, "verify-frame-not-full"))?;
    let exact = record.frames.iter().all(|frame| shape.has_right_length(&frame.header));
    ensure(exact, of(stream, "verify-frame-length"))?;
    // Only a bag without any digital ID has a frame without an element.
    let empty =
        record.frames.len() > 1 && record.frames.iter().any(|frame| frame.header.elements == 0);
    ensure(!empty, of(stream, "verify-frame-empty"))
}

fn of(stream: StreamId, id: &'static str) -> Finding {
    Finding::new(id).with("stream", stream.name())
}

fn missing(stream: StreamId, from_sender: bool) -> Finding {
    of(stream, "verify-head-unsigned").with("side", side(from_sender))
}

const fn side(from_sender: bool) -> &'static str {
    if from_sender { "sender" } else { "receiver" }
}
