//! The checks that read the frames of a session again.

use alloc::vec::Vec;

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Bug, Violation, WireCode};
use protocol::group::{BatchArithmetic, Element};
use protocol::proof::{self, eval_context, split_eval};
use protocol::rows::{RowOrder, RowWidth};
use protocol::suite::SuiteId;
use protocol::table::TableReader;
use protocol::transcript::merkle::{self, Tree};

use crate::distinct::{Sieve, Stop};
use crate::finding::{Checked, Finding, Miss, absent, failed, require};
use crate::outline::{FrameRecord, Outline};
use crate::signers::Signers;
use crate::{FrameSource, FrameUnreadable};

/// The checks that read frames.
pub(crate) struct FrameReplay<'a> {
    outline: &'a Outline,
    frames: &'a mut dyn FrameSource,
    arithmetic: &'a dyn BatchArithmetic,
    elements_per_pass: usize,
    /// Streams whose elements are canonical, and those whose elements are distinct.
    sound: [Vec<StreamId>; 2],
}

impl<'a> FrameReplay<'a> {
    pub(crate) const fn new(
        outline: &'a Outline,
        frames: &'a mut dyn FrameSource,
        arithmetic: &'a dyn BatchArithmetic,
        elements_per_pass: usize,
    ) -> Self {
        Self { outline, frames, arithmetic, elements_per_pass, sound: [Vec::new(), Vec::new()] }
    }

    /// Every stored frame is the recorded one.
    pub(crate) fn check_match(&mut self) -> Checked {
        if self.outline.streams.is_empty() {
            return Err(absent(NO_FRAMES));
        }
        for (stream, record) in &self.outline.streams {
            // Digital IDs are in no package: their leaves alone are recorded.
            if *stream == StreamId::Ids {
                continue;
            }
            for (index, recorded) in (0_u32..).zip(&record.frames) {
                let same = is_same(&self.frame(*stream, index)?, recorded);
                require(Signers::NOBODY, same, at("verify-frame-other", *stream, index))?;
            }
        }
        Ok(())
    }

    /// Every element is canonical and not the identity.
    pub(crate) fn check_canonical(&mut self) -> Checked {
        self.over_elements(CANONICAL, |replay, stream| {
            for (index, count) in (0..replay.frame_count(stream)).zip(1..) {
                let frame = replay.frame(stream, index)?;
                for encoded in elements(&frame)? {
                    if let Err(why) = Element::decode(encoded) {
                        return Err(breach(stream, index, why, replay.signer(stream, count)));
                    }
                }
            }
            Ok(())
        })
    }

    /// All elements of a stream are pairwise distinct.
    pub(crate) fn check_distinct(&mut self) -> Checked {
        self.over_elements(DISTINCT, |replay, stream| {
            let mut tree = Tree::new();
            let mut total = 0_u64;
            for index in 0..replay.frame_count(stream) {
                let frame = replay.frame(stream, index)?;
                tree.push(leaf_of(&frame));
                let elements = u64::from(frame.header.elements);
                total = total.checked_add(elements).ok_or(Bug::invariant())?;
            }
            let mut sieve = Sieve::new(&tree.root(), total, replay.elements_per_pass)?;
            loop {
                match replay.sift(stream, &mut sieve)? {
                    Ok(()) => return Ok(()),
                    Err(Stop::Full) => sieve.divide()?,
                    Err(Stop::Twice) => {
                        let why = Finding::new("verify-element-twice");
                        let why = why.with("stream", stream.name());
                        let by = replay.answerer(stream, replay.frame_count(stream));
                        return Err(failed(by, why));
                    }
                }
            }
        })
    }

    /// Passes all elements of a stream through a sieve, once for each of its parts.
    fn sift(&mut self, stream: StreamId, sieve: &mut Sieve) -> Checked<Result<(), Stop>> {
        for part in 0..sieve.parts() {
            sieve.begin(part);
            for index in 0..self.frame_count(stream) {
                let frame = self.frame(stream, index)?;
                for encoded in elements(&frame)? {
                    if let Err(stop) = sieve.take(encoded) {
                        return Ok(Err(stop));
                    }
                }
            }
            if let Err(stop) = sieve.end() {
                return Ok(Err(stop));
            }
        }
        Ok(Ok(()))
    }

    /// Runs a check over BLIND and EVAL; a stream without a frame leaves it not made.
    fn over_elements(
        &mut self,
        rule: usize,
        check: impl Fn(&mut Self, StreamId) -> Checked,
    ) -> Checked {
        for stream in [StreamId::Blind, StreamId::Eval] {
            check(self, stream)?;
            self.sound.get_mut(rule).ok_or(Bug::invariant())?.push(stream);
        }
        let none = |stream| self.frame_count(stream) == 0;
        match none(StreamId::Blind) || none(StreamId::Eval) {
            true => Err(absent(NO_FRAMES)),
            false => Ok(()),
        }
    }

    /// Every answer has the evidence of its order: a proof of each frame, or strict order of rows.
    pub(crate) fn check_answers(&mut self) -> Checked {
        if self.frame_count(StreamId::Eval) == 0 {
            return Err(absent(NO_FRAMES));
        }
        let hello = &self.outline.hellos()?.0;
        if hello.suite == SuiteId::Aligned.code() {
            return self.check_proofs();
        }
        let width = RowWidth::new(hello.row_width).ok_or(Finding::new("verify-row-width"))?;
        for stream in [StreamId::Blind, StreamId::Eval] {
            let mut order = RowOrder::new(width);
            for (index, count) in (0..self.frame_count(stream)).zip(1..) {
                let frame = self.frame(stream, index)?;
                if let Err(why) = order.check(frame.encodings()) {
                    return Err(breach(stream, index, why, self.answerer(stream, count)));
                }
            }
        }
        Ok(())
    }

    /// Handles are strictly increasing over the whole batch.
    pub(crate) fn check_handles(&mut self) -> Checked {
        if self.outline.streams.is_empty() {
            return Err(absent(NO_FRAMES));
        }
        let mut last: Option<[u8; 16]> = None;
        for (index, count) in (0..self.frame_count(StreamId::Handles)).zip(1..) {
            let frame = self.frame(StreamId::Handles, index)?;
            let (handles, _) = frame.payload.as_chunks::<16>();
            let after = last.as_ref().is_none_or(|last| handles.first() > Some(last));
            if !after || !handles.is_sorted_by(|a, b| a < b) {
                let by = self.signer(StreamId::Handles, count);
                return Err(failed(by, at("verify-handles-order", StreamId::Handles, index)));
            }
            last = handles.last().copied();
        }
        Ok(())
    }

    fn check_proofs(&mut self) -> Checked {
        let sid = self.outline.terms()?.sid;
        let public_key = &self.outline.hellos()?.1.manifest.body.public_key;
        for (index, count) in (0..self.frame_count(StreamId::Eval)).zip(1..) {
            let blinded = self.frame(StreamId::Blind, index)?;
            let answer = self.frame(StreamId::Eval, index)?;
            let blinded = blinded.encodings();
            let proved = split_eval(&answer, blinded.len()).and_then(|(evaluated, proof)| {
                let context = eval_context(&sid, index);
                proof::verify(
                    self.arithmetic,
                    SuiteId::Aligned,
                    public_key,
                    &context,
                    blinded,
                    evaluated,
                    &proof,
                )
            });
            if let Err(why) = proved {
                let by = self.answerer(StreamId::Eval, count);
                return Err(breach(StreamId::Eval, index, why, by));
            }
        }
        Ok(())
    }

    /// The sender of a stream, if it signed its first so many frames as they are stored.
    fn signer(&mut self, stream: StreamId, count: u32) -> Signers {
        let by = self.outline.evidence.of_frames(stream, count);
        match !by.is_nobody() && self.is_recorded(stream, count) {
            true => by,
            false => Signers::NOBODY,
        }
    }

    /// The sender of BLIND, or of EVAL if the question that it signed with its answer is sound.
    fn answerer(&mut self, stream: StreamId, count: u32) -> Signers {
        let by = self.signer(stream, count);
        if stream != StreamId::Eval || by.is_nobody() {
            return by;
        }
        // Its signature holds for BLIND as it is recorded, which has to be what was judged.
        let sound = self.sound.iter().all(|streams| streams.contains(&StreamId::Blind));
        let asked = self.frame_count(StreamId::Blind);
        if sound && self.is_recorded(StreamId::Blind, asked) { by } else { Signers::NOBODY }
    }

    /// True if the first so many stored frames of a stream are the recorded ones.
    fn is_recorded(&mut self, stream: StreamId, count: u32) -> bool {
        let Some(record) = self.outline.record(stream) else {
            return false;
        };
        (0..count).zip(&record.frames).all(|(index, recorded)| {
            let stored = self.frames.frame(stream, index);
            stored.is_ok_and(|stored| stored.is_some_and(|stored| is_same(&stored, recorded)))
        })
    }

    /// The table is in strict order under its root, sent in this session or an earlier one.
    pub(crate) fn check_table(&mut self) -> Checked {
        let table = self.outline.hellos()?.1.table;
        let sent = self.outline.terms()?.terms.table_delivery == 1;
        let count = match sent {
            true => self.frame_count(StreamId::Table),
            // A count above the limit has failed already, and no package holds as many frames.
            false => u32::MAX,
        };
        let mut reader = TableReader::new(&table);
        let mut tree = Tree::new();
        for index in 0..count {
            if reader.is_complete() {
                break;
            }
            let frame = self.frame(StreamId::Table, index)?;
            if let Err(why) = reader.read(&frame) {
                let why = at("verify-frame-breach", StreamId::Table, index).because(why.wire().0);
                return Err(failed(self.announcer(count), why));
            }
            tree.push(leaf_of(&frame));
        }
        self.outline.required(reader.is_complete(), || "verify-table-short")?;
        require(Signers::NOBODY, tree.root() == table.root, "verify-table-root")
    }

    /// The provider, if the stored frames have the root that it signed in its HELLO.
    fn announcer(&mut self, count: u32) -> Signers {
        let Ok((_, hello)) = self.outline.hellos() else {
            return Signers::NOBODY;
        };
        let mut tree = Tree::new();
        for index in 0..count {
            let Ok(Some(frame)) = self.frames.frame(StreamId::Table, index) else { break };
            tree.push(leaf_of(&frame));
        }
        match tree.root() == hello.table.root {
            true => self.outline.evidence.hello_p,
            false => Signers::NOBODY,
        }
    }

    fn frame(&mut self, stream: StreamId, index: u32) -> Checked<RawFrame> {
        match self.frames.frame(stream, index) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(absent("verify-frames-absent")),
            Err(FrameUnreadable) => Err(at("verify-frame-unreadable", stream, index).into()),
        }
    }

    fn frame_count(&self, stream: StreamId) -> u32 {
        self.outline.record(stream).map_or(0, |record| record.count)
    }
}

/// The elements of a BLIND or aligned EVAL frame, without the proof.
fn elements(frame: &RawFrame) -> Result<&[[u8; 32]], Finding> {
    let FrameHeader { stream, elements, index, .. } = frame.header;
    let count = usize::try_from(elements).ok();
    let run = count.and_then(|count| frame.encodings().get(..count));
    run.ok_or_else(|| at("verify-frame-unreadable", stream, index))
}

fn leaf_of(frame: &RawFrame) -> merkle::Hash {
    merkle::leaf_hash(&[&frame.header.encode(), &frame.payload])
}

/// True for a stored frame that is the recorded one.
fn is_same(stored: &RawFrame, recorded: &FrameRecord) -> bool {
    leaf_of(stored) == recorded.leaf && stored.header == recorded.header
}

/// A frame that breaks a rule of the protocol.
fn breach(stream: StreamId, index: u32, why: Violation, by: Signers) -> Miss {
    failed(by, at("verify-frame-breach", stream, index).because(WireCode::Violation(why)))
}

fn at(id: &'static str, stream: StreamId, index: u32) -> Finding {
    Finding::new(id).with("stream", stream.name()).with_number("frame", index)
}

/// Places of [`FrameReplay::sound`].
const CANONICAL: usize = 0;
const DISTINCT: usize = 1;

const NO_FRAMES: &str = "verify-no-frames";
