//! The checks that read the frames of a session again.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::checks::{Checked, Finding};
use crate::outline::Outline;
use crate::signers::Signers;
use crate::{FrameSource, FrameUnreadable};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::Violation;
use protocol::group::{BatchArithmetic, Element};
use protocol::proof;
use protocol::proof::{eval_context, split_eval};
use protocol::rows::{RowOrder, RowWidth};
use protocol::suite::SuiteId;
use protocol::table::TableReader;
use protocol::transcript::Role;
use protocol::transcript::merkle;
use protocol::transcript::merkle::Tree;

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

    pub(crate) fn check_match(&mut self) -> Checked {
        if self.outline.streams.is_empty() {
            return Err(NO_FRAMES);
        }
        for (stream, record) in &self.outline.streams {
            // Digital IDs are in no package: what is recorded of them is their leaves.
            if *stream == StreamId::Ids {
                continue;
            }
            for (index, (header, leaf)) in (0_u32..).zip(&record.frames) {
                let frame = self.frame(*stream, index)?;
                let hash = merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]);
                if hash != *leaf || frame.header != *header {
                    let by = Signers::NOBODY;
                    return Err(failed(*stream, index, "is not the recorded one", by));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn check_canonical(&mut self) -> Checked {
        self.over_elements(CANONICAL, |replay, stream| {
            for index in 0..replay.frame_count(stream) {
                let frame = replay.frame(stream, index)?;
                for encoded in elements(&frame) {
                    if let Err(why) = Element::decode(encoded) {
                        let by = replay.sender(stream);
                        return Err(failed(stream, index, &why.to_string(), by));
                    }
                }
            }
            Ok(())
        })
    }

    /// Sorts the elements of one range of encodings at a time.
    ///
    /// Ranges are equally full as long as encodings are spread like those of honest sessions; who
    /// makes the elements can choose them to lie in one.
    pub(crate) fn check_distinct(&mut self) -> Checked {
        self.over_elements(DISTINCT, |replay, stream| {
            let total = replay.outline.record(stream).map_or(0, |r| r.head(stream).elements);
            let total = usize::try_from(total).unwrap_or(usize::MAX);
            let passes = total.div_ceil(replay.elements_per_pass.max(1)).clamp(1, 1 << 16);
            for pass in 0..passes {
                let mut seen: Vec<[u8; 32]> = Vec::new();
                for index in 0..replay.frame_count(stream) {
                    let frame = replay.frame(stream, index)?;
                    let in_pass = |encoded: &&[u8; 32]| range_of(encoded, passes) == pass;
                    seen.extend(elements(&frame).iter().filter(in_pass));
                }
                seen.sort_unstable();
                // [G13]
                if !seen.is_sorted_by(|a, b| a < b) {
                    let why = format!("{} repeats an element", stream.name());
                    return Err(Finding::Failed { why, by: replay.answerer(stream) });
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
            if let Some(sound) = self.sound.get_mut(rule) {
                sound.push(stream);
            }
        }
        let none = |stream| self.frame_count(stream) == 0;
        if none(StreamId::Blind) || none(StreamId::Eval) { Err(NO_FRAMES) } else { Ok(()) }
    }

    /// What the order asks of the answers: a proof of every frame, or strict order of every row.
    pub(crate) fn check_answers(&mut self) -> Checked {
        if self.frame_count(StreamId::Eval) == 0 {
            return Err(NO_FRAMES);
        }
        let hello = &self.outline.hellos()?.0;
        let width = RowWidth::new(hello.row_width);
        if hello.suite == SuiteId::Aligned.code() {
            return self.check_proofs();
        }
        let width = width.ok_or_else(|| Finding::from("row width".to_string()))?;
        for stream in [StreamId::Blind, StreamId::Eval] {
            let mut order = RowOrder::new(width);
            for index in 0..self.frame_count(stream) {
                let frame = self.frame(stream, index)?;
                if let Err(why) = order.check(frame.encodings()) {
                    let by = self.answerer(stream);
                    return Err(failed(stream, index, &why.to_string(), by));
                }
            }
        }
        Ok(())
    }

    /// Handles are strictly increasing over the whole batch.
    pub(crate) fn check_handles(&mut self) -> Checked {
        if self.outline.streams.is_empty() {
            return Err(NO_FRAMES);
        }
        let mut last: Option<[u8; 16]> = None;
        for index in 0..self.frame_count(StreamId::Handles) {
            let frame = self.frame(StreamId::Handles, index)?;
            let (handles, _) = frame.payload.as_chunks::<16>();
            let after = last.as_ref().is_none_or(|last| handles.first() > Some(last));
            if !after || !handles.is_sorted_by(|a, b| a < b) {
                let by = self.sender(StreamId::Handles);
                return Err(failed(StreamId::Handles, index, "is not in strict order", by));
            }
            last = handles.last().copied();
        }
        Ok(())
    }

    fn check_proofs(&mut self) -> Checked {
        for index in 0..self.frame_count(StreamId::Eval) {
            let blinded = self.frame(StreamId::Blind, index)?;
            let answer = self.frame(StreamId::Eval, index)?;
            if let Err(why) = self.prove(&blinded, &answer, index) {
                let by = self.answerer(StreamId::Eval);
                return Err(match why {
                    Unproved::Absent(what) => what,
                    Unproved::Wrong(why) => failed(StreamId::Eval, index, &why.to_string(), by),
                });
            }
        }
        Ok(())
    }

    fn prove(&self, blinded: &RawFrame, answer: &RawFrame, index: u32) -> Result<(), Unproved> {
        let sid = self.outline.terms()?.sid;
        let public_key = &self.outline.hellos()?.1.manifest.body.public_key;
        let (evaluated, proof) = split_eval(answer, blinded.encodings().len())?;
        let _evidence = proof::verify(
            self.arithmetic,
            SuiteId::Aligned,
            public_key,
            &eval_context(&sid, index),
            blinded.encodings(),
            evaluated,
            &proof,
        )?;
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

    /// Whoever signed exactly the frames that are stored.
    ///
    /// Frames are read again: what the records say of them is not signed, but for the leaves.
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
            let hash = merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]);
            hash == *leaf && frame.header == *header
        });
        if same { by } else { Signers::NOBODY }
    }

    /// Reads the table whether it was sent in this session or an earlier one.
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
                return Err(Finding::Failed { why: why.to_string(), by: self.announcer(count) });
            }
            tree.push(merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]));
        }
        self.outline.required(reader.is_complete(), || "the table ends early".to_string())?;
        match tree.root() == table.root {
            true => Ok(()),
            false => Err("the table has another root".to_string().into()),
        }
    }

    /// The provider, if the stored frames have the root that it signed in its HELLO.
    fn announcer(&mut self, count: u32) -> Signers {
        let Ok((_, hello)) = self.outline.hellos() else {
            return Signers::NOBODY;
        };
        let mut tree = Tree::new();
        for index in 0..count {
            let Ok(Some(frame)) = self.frames.frame(StreamId::Table, index) else { break };
            tree.push(merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]));
        }
        match tree.root() == hello.table.root {
            true => self.outline.evidence.hello_p,
            false => Signers::NOBODY,
        }
    }

    fn frame(&mut self, stream: StreamId, index: u32) -> Result<RawFrame, Finding> {
        match self.frames.frame(stream, index) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(Finding::Absent("frames are not in the package")),
            Err(FrameUnreadable) => Err(failed(stream, index, "cannot be read", Signers::NOBODY)),
        }
    }

    fn frame_count(&self, stream: StreamId) -> u32 {
        self.outline
            .record(stream)
            .map_or(0, |record| u32::try_from(record.frames.len()).unwrap_or(u32::MAX))
    }
}

/// Which of `passes` equal ranges an encoding falls into, by two bytes in its middle.
///
/// The first byte would not do: it is even in every encoding.
fn range_of(encoded: &[u8; 32], passes: usize) -> usize {
    let [.., low, high, _, _, _, _, _, _, _, _] = *encoded;
    usize::from(u16::from_be_bytes([high, low])).saturating_mul(passes) >> 16
}

/// The elements of a BLIND or aligned EVAL frame, without the proof.
fn elements(frame: &RawFrame) -> &[[u8; 32]] {
    let count = usize::try_from(frame.header.elements).unwrap_or(0);
    let encodings = frame.encodings();
    encodings.get(..count).unwrap_or(encodings)
}

fn failed(stream: StreamId, index: u32, why: &str, by: Signers) -> Finding {
    Finding::Failed { why: format!("{} frame {index} {why}", stream.name()), by }
}

/// Why an answer is not proved.
enum Unproved {
    Absent(Finding),
    Wrong(Violation),
}

impl From<Finding> for Unproved {
    fn from(what: Finding) -> Self {
        Self::Absent(what)
    }
}

impl From<Violation> for Unproved {
    fn from(why: Violation) -> Self {
        Self::Wrong(why)
    }
}

/// Places of [`FrameReplay::sound`].
const CANONICAL: usize = 0;
const DISTINCT: usize = 1;

const NO_FRAMES: Finding = Finding::Absent("the stream has no frames");
