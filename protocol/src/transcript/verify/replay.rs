//! The checks that read the frames of a session again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::codec::{RawFrame, StreamId};
use crate::error::Error;
use crate::group::{BatchArithmetic, Element};
use crate::proof;
use crate::session::task::{eval_context, split_eval};
use crate::suite::SuiteId;
use crate::table::TableReader;
use crate::transcript::merkle;
use crate::transcript::verify::outline::Outline;
use crate::transcript::verify::{FrameSource, FrameUnreadable};

/// The checks that read frames.
pub(super) struct FrameReplay<'a> {
    pub(super) outline: &'a Outline,
    pub(super) frames: &'a mut dyn FrameSource,
    pub(super) arithmetic: &'a dyn BatchArithmetic,
    pub(super) elements_per_pass: usize,
}

pub(super) enum Replay {
    Absent,
    Failed(String),
}

impl From<Error> for Replay {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl FrameReplay<'_> {
    pub(super) fn check_match(&mut self) -> Result<(), Replay> {
        for (stream, record) in &self.outline.streams {
            for (index, leaf) in (0_u32..).zip(&record.leaves) {
                let frame = self.frame(*stream, index)?;
                let hash = merkle::leaf_hash(&[&frame.header.encode(), &frame.payload]);
                if hash != *leaf || frame.header.stream != *stream {
                    return Err(failed(*stream, index, "is not the recorded one"));
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_canonical(&mut self) -> Result<(), Replay> {
        for stream in [StreamId::Blind, StreamId::Eval] {
            for index in 0..self.frame_count(stream) {
                let frame = self.frame(stream, index)?;
                for encoded in elements(&frame) {
                    Element::decode(encoded)
                        .map_err(|why| failed(stream, index, &why.to_string()))?;
                }
            }
        }
        Ok(())
    }

    /// Sorts the elements of one range of encodings at a time, so that memory stays bounded.
    pub(super) fn check_distinct(&mut self) -> Result<(), Replay> {
        let total = usize::try_from(self.outline.hello_a.row_slots).unwrap_or(usize::MAX);
        let passes = total.div_ceil(self.elements_per_pass.max(1)).clamp(1, 256);
        for stream in [StreamId::Blind, StreamId::Eval] {
            for pass in 0..passes {
                let mut seen: Vec<[u8; 32]> = Vec::new();
                for index in 0..self.frame_count(stream) {
                    let frame = self.frame(stream, index)?;
                    let in_pass = |encoded: &&[u8; 32]| {
                        usize::from(encoded[0]).wrapping_mul(passes) / 256 == pass
                    };
                    seen.extend(elements(&frame).iter().filter(in_pass));
                }
                seen.sort_unstable();
                if !seen.is_sorted_by(|a, b| a < b) {
                    return Err(Replay::Failed(format!("{} repeats an element", stream.name())));
                }
            }
        }
        Ok(())
    }

    pub(super) fn check_proofs(&mut self) -> Result<(), Replay> {
        let sid = self.outline.terms.sid;
        let public_key = self.outline.hello_p.manifest.body.public_key;
        for index in 0..self.frame_count(StreamId::Eval) {
            let blinded = self.frame(StreamId::Blind, index)?;
            let answer = self.frame(StreamId::Eval, index)?;
            let at = |why: String| failed(StreamId::Eval, index, &why);
            let (evaluated, proof) = split_eval(&answer, blinded.encodings().len())
                .map_err(|why| at(why.to_string()))?;
            let context = eval_context(&sid, index);
            let _evidence = proof::verify(
                self.arithmetic,
                SuiteId::Aligned,
                &public_key,
                &context,
                blinded.encodings(),
                evaluated,
                &proof,
            )
            .map_err(|why| at(why.to_string()))?;
        }
        Ok(())
    }

    pub(super) fn check_table(&mut self) -> Result<(), Replay> {
        if self.outline.terms.terms.table_delivery == 0 {
            return Err(Replay::Absent);
        }
        let mut reader = TableReader::new(&self.outline.hello_p.table);
        for index in 0..self.frame_count(StreamId::Table) {
            reader.read(&self.frame(StreamId::Table, index)?)?;
        }
        match reader.is_complete() {
            true => Ok(()),
            false => Err(Replay::Failed("the table ends early".to_string())),
        }
    }

    fn frame(&mut self, stream: StreamId, index: u32) -> Result<RawFrame, Replay> {
        match self.frames.frame(stream, index) {
            Ok(Some(frame)) => Ok(frame),
            Ok(None) => Err(Replay::Absent),
            Err(FrameUnreadable) => Err(failed(stream, index, "cannot be read")),
        }
    }

    fn frame_count(&self, stream: StreamId) -> u32 {
        self.outline
            .record(stream)
            .map_or(0, |record| u32::try_from(record.leaves.len()).unwrap_or(u32::MAX))
    }
}

/// The elements of a BLIND or aligned EVAL frame, without the proof.
fn elements(frame: &RawFrame) -> &[[u8; 32]] {
    let count = usize::try_from(frame.header.elements).unwrap_or(0);
    let encodings = frame.encodings();
    encodings.get(..count).unwrap_or(encodings)
}

fn failed(stream: StreamId, index: u32, why: &str) -> Replay {
    Replay::Failed(format!("{} frame {index} {why}", stream.name()))
}
