//! The checks that read the frames of a session again.

use alloc::vec::Vec;

use protocol::codec::{FrameHeader, RawFrame, StreamId};
use protocol::error::{Bug, Violation, WireCode};
use protocol::group::{BatchArithmetic, Element};
use protocol::proof::{self, eval_context, split_eval};
use protocol::rows::{RowOrder, RowWidth};
use protocol::suite::SuiteId;
use protocol::table::TableReader;
use protocol::transcript::Role;
use protocol::transcript::merkle::{self, Tree};

use crate::finding::{Checked, Finding, Miss, absent, failed, require};
use crate::outline::Outline;
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
            for (index, (header, leaf)) in (0_u32..).zip(&record.frames) {
                let frame = self.frame(*stream, index)?;
                let same = leaf_of(&frame) == *leaf && frame.header == *header;
                require(Signers::NOBODY, same, at("verify-frame-other", *stream, index))?;
            }
        }
        Ok(())
    }

    /// Every element is canonical and not the identity.
    pub(crate) fn check_canonical(&mut self) -> Checked {
        self.over_elements(CANONICAL, |replay, stream| {
            for index in 0..replay.frame_count(stream) {
                let frame = replay.frame(stream, index)?;
                for encoded in elements(&frame)? {
                    if let Err(why) = Element::decode(encoded) {
                        return Err(breach(stream, index, why, replay.sender(stream)));
                    }
                }
            }
            Ok(())
        })
    }

    /// All elements of a stream are pairwise distinct; sorts one range of encodings at a time.
    ///
    /// Ranges are equally full as long as encodings are spread like those of honest sessions; a
    /// party that makes the elements can choose them to lie in one.
    pub(crate) fn check_distinct(&mut self) -> Checked {
        self.over_elements(DISTINCT, |replay, stream| {
            let total = replay.outline.stream_elements(stream);
            let per_pass = u64::try_from(replay.elements_per_pass.max(1));
            let per_pass = per_pass.map_err(|_| Bug::invariant())?;
            let passes = total.div_ceil(per_pass).clamp(1, 1 << 16);
            for pass in 0..passes {
                let mut seen: Vec<[u8; 32]> = Vec::new();
                for index in 0..replay.frame_count(stream) {
                    let frame = replay.frame(stream, index)?;
                    let in_pass = |encoded: &&[u8; 32]| range_of(encoded, passes) == Some(pass);
                    seen.extend(elements(&frame)?.iter().filter(in_pass));
                }
                seen.sort_unstable();
                // [G13]
                if !seen.is_sorted_by(|a, b| a < b) {
                    let why = Finding::new("verify-element-twice").with("stream", stream.name());
                    return Err(failed(replay.answerer(stream), why));
                }
            }
            Ok(())
        })
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
            for index in 0..self.frame_count(stream) {
                let frame = self.frame(stream, index)?;
                if let Err(why) = order.check(frame.encodings()) {
                    return Err(breach(stream, index, why, self.answerer(stream)));
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
        for index in 0..self.frame_count(StreamId::Handles) {
            let frame = self.frame(StreamId::Handles, index)?;
            let (handles, _) = frame.payload.as_chunks::<16>();
            let after = last.as_ref().is_none_or(|last| handles.first() > Some(last));
            if !after || !handles.is_sorted_by(|a, b| a < b) {
                let by = self.sender(StreamId::Handles);
                return Err(failed(by, at("verify-handles-order", StreamId::Handles, index)));
            }
            last = handles.last().copied();
        }
        Ok(())
    }

    fn check_proofs(&mut self) -> Checked {
        let sid = self.outline.terms()?.sid;
        let public_key = &self.outline.hellos()?.1.manifest.body.public_key;
        for index in 0..self.frame_count(StreamId::Eval) {
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
                return Err(breach(StreamId::Eval, index, why, self.answerer(StreamId::Eval)));
            }
        }
        Ok(())
    }

    /// The sender of a stream, if it signed exactly the frames that are stored.
    fn sender(&mut self, stream: StreamId) -> Signers {
        let sender = if stream.from_advertiser() { Role::Advertiser } else { Role::Provider };
        self.signed(stream).and(Signers::of(sender))
    }

    /// The sender of BLIND, or of EVAL if its question was signed by it too and is sound.
    ///
    /// Else an honest answer could be judged by another question, which its asker made afterwards.
    fn answerer(&mut self, stream: StreamId) -> Signers {
        let by = self.sender(stream);
        if stream != StreamId::Eval || by.is_nobody() {
            return by;
        }
        match self.sound.iter().all(|streams| streams.contains(&StreamId::Blind)) {
            true => by.and(self.signed(StreamId::Blind)),
            false => Signers::NOBODY,
        }
    }

    /// Signers of exactly the frames that are stored.
    ///
    /// Frames are read again: the records of them are not signed, but for the leaves.
    fn signed(&mut self, stream: StreamId) -> Signers {
        let Some(record) = self.outline.record(stream) else {
            return Signers::NOBODY;
        };
        let by = self.outline.evidence.of_head(&record.head(stream));
        if by.is_nobody() {
            return by;
        }
        let same = (0_u32..).zip(&record.frames).all(|(index, (header, leaf))| {
            let Ok(Some(frame)) = self.frames.frame(stream, index) else {
                return false;
            };
            leaf_of(&frame) == *leaf && frame.header == *header
        });
        if same { by } else { Signers::NOBODY }
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

/// Number of the range, of `passes` equal ones, that an encoding falls into, by two middle bytes.
///
/// The first byte would not do: it is even in every encoding.
fn range_of(encoded: &[u8; 32], passes: u64) -> Option<u64> {
    let [.., low, high, _, _, _, _, _, _, _, _] = *encoded;
    u64::from(u16::from_be_bytes([high, low])).checked_mul(passes).map(|scaled| scaled >> 16)
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
