//! The advertiser's look-up, shuffled order: answers against the table, hits counted by row.
//!
//! The rows are rows of the answers, whose order has nothing to do with that of the input: what
//! comes out says how many rows matched, and one handle for each, never which.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::merge::{Column, Peek, Sorted, be64, merge_tags, spill};
use crate::task::opaque_debug;
use crate::{Outbox, Output, RunChunk, RunContent, RunName};
use protocol::codec::StreamId;
use protocol::error::{Bug, Error, Violation};
use protocol::message::TableDescriptor;
use protocol::rows::Histogram;

/// A count in progress.
pub(crate) struct Tally {
    stage: Stage,
    histogram: Histogram,
    /// Handles given to the driver as [`RunName::MatchedHandles`].
    handles: u64,
    /// Whether the profile has a use for handles.
    keeps_handles: bool,
}

enum Stage {
    /// Merging the tags of the answers with the table. `twice` says that two answers are one
    /// person's: told when everything is read, since the place in either run would say which.
    Tags {
        tags: Sorted<33>,
        column: Column,
        hits: u64,
        last: Option<Zeroizing<[u8; 33]>>,
        twice: bool,
    },
    /// Counting the hits of each row.
    Rows { hits: Sorted<24>, open: Option<OpenCount> },
}

/// A row being counted.
struct OpenCount {
    row: u64,
    hits: usize,
}

/// What a step of the count led to.
pub(crate) enum Counting {
    Continue(Tally),
    Finished(Counted),
}

/// A finished count.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) histogram: Histogram,
    /// Records of [`RunName::MatchedHandles`].
    pub(crate) handles: u64,
}

impl Tally {
    /// Starts the merge, which asks for its first chunk. `rows` real rows sent `outputs` elements.
    pub(crate) fn start(
        descriptor: &TableDescriptor,
        rows: u64,
        outputs: u64,
        keeps_handles: bool,
        out: &mut Outbox,
    ) -> Result<Counting, Error> {
        let tags = Sorted::new(RunName::ResponseTags, outputs);
        Self {
            stage: Stage::Tags {
                tags,
                column: Column::new(descriptor),
                hits: 0,
                last: None,
                twice: false,
            },
            histogram: Histogram::of_rows(rows),
            handles: 0,
            keeps_handles,
        }
        .advance(out)
    }

    /// Takes the next chunk of a run.
    pub(crate) fn take(mut self, chunk: RunChunk, out: &mut Outbox) -> Result<Counting, Error> {
        match (&mut self.stage, chunk.run, chunk.content) {
            (
                Stage::Tags { tags, last, twice, .. },
                RunName::ResponseTags,
                RunContent::Records(records),
            ) => {
                for record in records.as_chunks::<33>().0 {
                    // Whether the table has the tag is not asked: the answer would tell whoever
                    // put an element twice if it matched.
                    *twice |= last.as_ref().is_some_and(|last| same_output(last, record));
                    *last = Some(Zeroizing::new(*record));
                }
                tags.take(records, chunk.last)?;
            }
            (Stage::Tags { column, .. }, RunName::Table, RunContent::Frame(frame)) => {
                column.take(&frame)?;
            }
            (Stage::Rows { hits, .. }, RunName::RowHandles, RunContent::Records(records)) => {
                hits.take(records, chunk.last)?;
            }
            _ => return Err(Bug::misuse().into()),
        }
        self.advance(out)
    }

    fn advance(mut self, out: &mut Outbox) -> Result<Counting, Error> {
        loop {
            match &mut self.stage {
                Stage::Tags { tags, column, hits, twice, .. } => {
                    let hit_twice = || {
                        *twice = true;
                        Ok(())
                    };
                    if !merge_tags(tags, column, RunName::RowHandles, hits, hit_twice, out)? {
                        return Ok(Counting::Continue(self));
                    }
                    // [G18] The canaries passed, and yet one person answers twice.
                    if *twice {
                        let eval = StreamId::Eval.code();
                        return Err(Error::peer(Violation::TagHitTwice, eval, 0));
                    }
                    let hits = Sorted::new(RunName::RowHandles, *hits);
                    self.stage = Stage::Rows { hits, open: None };
                }
                Stage::Rows { .. } => {
                    if !self.count_rows(out)? {
                        return Ok(Counting::Continue(self));
                    }
                    let Self { histogram, handles, .. } = self;
                    return Ok(Counting::Finished(Counted { histogram, handles }));
                }
            }
        }
    }

    /// Counts the hits of each row, and keeps the smallest handle of each.
    fn count_rows(&mut self, out: &mut Outbox) -> Result<bool, Error> {
        let Self { stage, histogram, handles, keeps_handles } = self;
        let Stage::Rows { hits, open } = stage else {
            return Err(Bug::invariant().into());
        };
        let mut kept: Zeroizing<Vec<u8>> = hits.room_for(RunName::MatchedHandles);
        let done = loop {
            let next = match hits.peek() {
                Peek::Record(record) => Some(record),
                Peek::Ended => None,
                Peek::Wanting => {
                    out.push(Output::WantRun(RunName::RowHandles));
                    break false;
                }
            };
            let row = next.map(|record| be64(record, 0));
            match open {
                Some(count) if row == Some(count.row) => count.hits = count.hits.saturating_add(1),
                _ => {
                    if let Some(count) = open.take() {
                        histogram.hit(count.hits).ok_or(Bug::stored_data_changed())?;
                    }
                    let Some((record, row)) = next.zip(row) else { break true };
                    *open = Some(OpenCount { row, hits: 1 });
                    // Records of a row are in the order of their handles: the first is smallest.
                    if *keeps_handles {
                        kept.extend_from_slice(record.get(8..).unwrap_or(&[]));
                        *handles = handles.saturating_add(1);
                    }
                }
            }
            hits.advance();
        };
        spill(RunName::MatchedHandles, kept, out);
        Ok(done)
    }
}

/// Whether two records, tag ‖ row ‖ handle, hold one PRF output.
fn same_output(one: &[u8; 33], other: &[u8; 33]) -> bool {
    one.get(..9) == other.get(..9) && one.get(17..) == other.get(17..)
}

opaque_debug!(Tally, Counted);
