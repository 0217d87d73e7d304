//! The advertiser's look-up, shuffled order: answers against the table, hits counted by row.
//!
//! The rows are rows of the answers, whose order has nothing to do with that of the input: the
//! count says how many rows matched, and names one handle for each, never which row it is.

use crate::count::Count;
use crate::merge::{Column, Peek, Sorted, merge_tags};
use crate::spills::{NamedMatch, ResponseTag, RowHandle};
use crate::task::opaque_debug;
use crate::{Outbox, SpillChunk, SpillName};
use protocol::codec::StreamId;
use protocol::error::{Bug, Error, Violation};
use protocol::message::TableDescriptor;
use protocol::rows::Histogram;

/// A count in progress.
pub(crate) struct Tally {
    stage: Stage,
    histogram: Histogram,
    /// Handles given to the driver as [`NamedMatch`].
    handles: u64,
    /// Handles that are kept of a row, at most.
    handles_of_row: usize,
}

enum Stage {
    /// Merging the tags of the answers with the table. `twice` says that two answers have one
    /// output: told when everything is read, since the place in the spill would say which.
    Tags { tags: Sorted<ResponseTag>, column: Column, hits: u64, twice: bool },
    /// Counting the hits of each row.
    Rows { hits: Sorted<RowHandle>, open: Option<OpenCount> },
}

/// A row being counted.
struct OpenCount {
    row: u64,
    hits: usize,
}

/// A finished count.
#[derive(Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) histogram: Histogram,
    /// Records of [`NamedMatch`].
    pub(crate) handles: u64,
}

impl Tally {
    /// Starts the merge, which asks for its first chunk. `rows` real rows sent `outputs` elements.
    pub(crate) fn start(
        descriptor: &TableDescriptor,
        rows: u64,
        outputs: u64,
        handles_of_row: usize,
        out: &mut Outbox,
    ) -> Result<Self, Error> {
        let (tags, column) = (Sorted::new(outputs), Column::new(descriptor));
        let stage = Stage::Tags { tags, column, hits: 0, twice: false };
        let histogram = Histogram::of_rows(rows);
        let mut tally = Self { stage, histogram, handles: 0, handles_of_row };
        match tally.advance(out)? {
            // The table, which is never empty, has not been read.
            Some(_) => Err(Bug::invariant().into()),
            None => Ok(tally),
        }
    }

    /// Takes the next chunk of a spill.
    pub(crate) fn take(
        &mut self,
        chunk: SpillChunk,
        out: &mut Outbox,
    ) -> Result<Option<Counted>, Error> {
        match (&mut self.stage, chunk.spill) {
            (Stage::Tags { column, .. }, SpillName::Table) => column.take(&chunk)?,
            (Stage::Tags { tags, twice, .. }, _) => {
                // The table is not asked if it has the tag: the answer would tell whoever put an
                // element twice if it matched. Nor do two outputs of one tag count as twice:
                // whoever can make them would have the abort for an answer [M-48].
                let first = chunk.records::<ResponseTag>()?.first();
                let met = tags.last().zip(first);
                *twice |= met.is_some_and(|(last, first)| last.is_output_of(first));
                let mut last = None;
                for record in tags.take(chunk)? {
                    *twice |= last.is_some_and(|last| record.is_output_of(last));
                    last = Some(record);
                }
            }
            (Stage::Rows { hits, .. }, _) => drop(hits.take(chunk)?),
        }
        self.advance(out)
    }

    fn advance(&mut self, out: &mut Outbox) -> Result<Option<Counted>, Error> {
        if let Stage::Tags { tags, column, hits, twice, .. } = &mut self.stage {
            if !merge_tags(tags, column, hits, || Ok(()), out)? {
                return Ok(None);
            }
            // [G18] The canaries passed, and yet one person answers twice.
            if *twice {
                return Err(Error::peer(Violation::TagHitTwice, StreamId::Eval.code(), 0));
            }
            self.stage = Stage::Rows { hits: Sorted::new(*hits), open: None };
        }
        let done = self.count_rows(out)?;
        let Self { histogram, handles, .. } = *self;
        Ok(done.then_some(Counted { histogram, handles }))
    }

    /// Counts the hits of each row, and keeps the smallest handle of each; true at the end.
    fn count_rows(&mut self, out: &mut Outbox) -> Result<bool, Error> {
        let Self { stage, histogram, handles, handles_of_row } = self;
        let Stage::Rows { hits, open } = stage else {
            return Err(Bug::invariant().into());
        };
        let mut kept = hits.room_for::<NamedMatch>();
        let done = loop {
            let next = match hits.peek_or_want(out) {
                Peek::Record(record) => Some(record),
                Peek::Ended => None,
                Peek::Wanting => break false,
            };
            let row = next.map(|next| next.row.get());
            if let Some(count) = open.take_if(|count| row != Some(count.row)) {
                histogram.hit(count.hits).ok_or(Bug::stored_data_changed())?;
            }
            let Some(next) = next else { break true };
            let count = open.get_or_insert(OpenCount { row: next.row.get(), hits: 0 });
            count.hits.grow(1)?;
            // Records of a row are in the order of their handles: the first is smallest.
            if count.hits <= *handles_of_row {
                kept.push(&next.handle);
                handles.grow(1)?;
            }
            hits.advance();
        };
        kept.spill(out);
        Ok(done)
    }
}

impl ResponseTag {
    /// Tells if both records hold one PRF output.
    fn is_output_of(&self, other: &Self) -> bool {
        self.tag == other.tag && self.handle.handle == other.handle.handle
    }
}

opaque_debug!(Tally, Counted);
