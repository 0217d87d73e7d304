//! The advertiser's look-up, aligned order: own tags against the table, hits back to rows.
//!
//! Everything is a merge of sorted runs, so memory does not grow with rows. The sorter is the
//! driver's and is not trusted: each run is checked to be in order as it comes back [I-11].

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::disclosure::RowCounts;
use crate::error::{Bug, Error, Violation};
use crate::message::TableDescriptor;
use crate::oprf::MatchTag;
use crate::session::{Outbox, Output, RunChunk, RunContent, RunName};
use crate::suite::{LabelledHash, Profile, h};
use crate::table::TableReader;

/// A look-up in progress.
#[derive(Debug)]
pub(super) struct Lookup {
    stage: Stage,
    rows: u64,
    /// Hash of the outcome so far, and the next row it covers.
    result: LabelledHash,
    next_row: u64,
    matched: u64,
}

#[derive(Debug)]
enum Stage {
    /// Merging own tags with the table.
    Tags { table: TableReader, tags: Sorted<17>, column: Column },
    /// Joining hits with the places where their elements stand.
    Places { hits: Sorted<8>, places: Sorted<17> },
    /// Gathering the kinds of each matched row.
    Rows { hits: Sorted<9>, open: Option<(u64, u16)> },
}

/// What a step of the look-up led to.
pub(super) enum Progress {
    Continue(Lookup),
    Finished(Found),
}

/// A finished look-up.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) counts: RowCounts,
    /// `H("result"; salt ‖ profile ‖ outcome ‖ rows ‖ bits…)`, for an outcome that is released.
    pub(super) result_commitment: [u8; 32],
}

impl Lookup {
    /// Starts the first merge, which asks for its first chunk.
    pub(super) fn start(
        descriptor: &TableDescriptor,
        rows: u64,
        result_salt: &[u8; 32],
        out: &mut Outbox,
    ) -> Result<Progress, Error> {
        let mut result = LabelledHash::new(h::RESULT);
        result.update(result_salt);
        result.update(&Profile::MatchedRows.code().to_le_bytes());
        result.update(&[1]);
        result.update(&rows.to_le_bytes());
        Self {
            stage: Stage::Tags {
                table: TableReader::new(descriptor),
                tags: Sorted::new(RunName::OwnTags),
                column: Column::default(),
            },
            rows,
            result,
            next_row: 0,
            matched: 0,
        }
        .advance(out)
    }

    /// Takes the next chunk of a run.
    pub(super) fn take(mut self, chunk: RunChunk, out: &mut Outbox) -> Result<Progress, Error> {
        match &mut self.stage {
            Stage::Tags { table, tags, column } => match (chunk.run, chunk.content) {
                (RunName::OwnTags, RunContent::Records(records)) => {
                    tags.take(&records, chunk.last)?;
                }
                (RunName::Table, RunContent::Frame(frame)) => {
                    column.tags.extend(table.read(&frame)?);
                    column.ended = table.is_complete();
                }
                _ => return Err(Bug::ApiMisuse.into()),
            },
            Stage::Places { hits, places } => match (chunk.run, chunk.content) {
                (RunName::Hits, RunContent::Records(records)) => hits.take(&records, chunk.last)?,
                (RunName::Placements, RunContent::Records(records)) => {
                    places.take(&records, chunk.last)?;
                }
                _ => return Err(Bug::ApiMisuse.into()),
            },
            Stage::Rows { hits, .. } => match (chunk.run, chunk.content) {
                (RunName::RowHits, RunContent::Records(records)) => {
                    hits.take(&records, chunk.last)?;
                }
                _ => return Err(Bug::ApiMisuse.into()),
            },
        }
        self.advance(out)
    }

    /// Goes on until exactly one chunk is wanted, or the look-up is finished.
    fn advance(mut self, out: &mut Outbox) -> Result<Progress, Error> {
        loop {
            let done = match &mut self.stage {
                Stage::Tags { tags, column, .. } => merge_tags(tags, column, out)?,
                Stage::Places { hits, places } => merge_places(hits, places, out)?,
                Stage::Rows { .. } => self.gather_rows(out)?,
            };
            if !done {
                return Ok(Progress::Continue(self));
            }
            self.stage = match self.stage {
                Stage::Tags { .. } => Stage::Places {
                    hits: Sorted::new(RunName::Hits),
                    places: Sorted::new(RunName::Placements),
                },
                Stage::Places { .. } => {
                    Stage::Rows { hits: Sorted::new(RunName::RowHits), open: None }
                }
                Stage::Rows { .. } => {
                    return Ok(Progress::Finished(Found {
                        counts: RowCounts { rows: self.rows, matched: self.matched },
                        result_commitment: self.result.finalize(),
                    }));
                }
            };
        }
    }

    /// Turns (row, kind position) pairs into one bit vector per row.
    fn gather_rows(&mut self, out: &mut Outbox) -> Result<bool, Error> {
        let mut records = Vec::new();
        loop {
            let Stage::Rows { hits, open } = &mut self.stage else {
                return Err(Bug::InternalInvariant.into());
            };
            let next = match hits.peek() {
                Peek::Record(record) => {
                    let (row, kind) = (be64(record, 0), record.get(8).copied().unwrap_or(0));
                    let bit = 1_u16.checked_shl(u32::from(kind)).ok_or(Bug::InternalInvariant)?;
                    Some((row, bit))
                }
                Peek::Ended => None,
                Peek::Wanting => {
                    spill(RunName::MatchedRows, records, out);
                    out.push(Output::WantRun(RunName::RowHits));
                    return Ok(false);
                }
            };
            match (next, *open) {
                (Some((row, bit)), Some((at, bits))) if row == at => {
                    *open = Some((at, bits | bit));
                    hits.advance();
                }
                (next, Some((at, bits))) => {
                    *open = None;
                    self.close_row(at, bits, &mut records)?;
                    if next.is_none() {
                        break;
                    }
                }
                (Some(next), None) => {
                    *open = Some(next);
                    hits.advance();
                }
                (None, None) => break,
            }
        }
        spill(RunName::MatchedRows, records, out);
        self.hash_unmatched_until(self.rows);
        Ok(true)
    }

    fn close_row(&mut self, row: u64, bits: u16, records: &mut Vec<u8>) -> Result<(), Error> {
        if row >= self.rows {
            return Err(Bug::InternalInvariant.into());
        }
        self.hash_unmatched_until(row);
        self.result.update(&bits.to_le_bytes());
        self.next_row = row.saturating_add(1);
        self.matched = self.matched.saturating_add(1);
        records.extend_from_slice(&row.to_be_bytes());
        records.extend_from_slice(&bits.to_be_bytes());
        Ok(())
    }

    fn hash_unmatched_until(&mut self, row: u64) {
        while self.next_row < row {
            self.result.update(&0_u16.to_le_bytes());
            self.next_row = self.next_row.saturating_add(1);
        }
    }
}

/// Own tags that stand in the table become hits; true when both sides are exhausted.
fn merge_tags(tags: &mut Sorted<17>, column: &mut Column, out: &mut Outbox) -> Result<bool, Error> {
    let mut hits = Vec::new();
    let done = loop {
        let Some(table_tag) = column.tags.front() else {
            if column.ended {
                // The rest of our tags match nothing, but each chunk still has to be taken.
                match tags.drain() {
                    Drained::Ended => break true,
                    Drained::Wanting => {
                        out.push(Output::WantRun(RunName::OwnTags));
                        break false;
                    }
                }
            }
            out.push(Output::WantRun(RunName::Table));
            break false;
        };
        match tags.peek() {
            Peek::Record(record) => {
                let own: &[u8] = record.get(..MatchTag::LEN).unwrap_or(&[]);
                match own.cmp(&table_tag.0) {
                    core::cmp::Ordering::Less => tags.advance(),
                    core::cmp::Ordering::Greater => {
                        column.last_hit = false;
                        column.tags.pop_front();
                    }
                    core::cmp::Ordering::Equal => {
                        // [G18] Two elements on one tag; the index on the wire stays 0.
                        if column.last_hit {
                            return Err(Error::peer(Violation::TagHitTwice, 0, 0));
                        }
                        column.last_hit = true;
                        hits.extend_from_slice(record.get(MatchTag::LEN..).unwrap_or(&[]));
                        tags.advance();
                    }
                }
            }
            Peek::Ended => {
                column.last_hit = false;
                column.tags.pop_front();
            }
            Peek::Wanting => {
                out.push(Output::WantRun(RunName::OwnTags));
                break false;
            }
        }
    };
    spill(RunName::Hits, hits, out);
    Ok(done)
}

/// Each place whose element was hit becomes a hit of its row; true when hits are exhausted.
fn merge_places(
    hits: &mut Sorted<8>,
    places: &mut Sorted<17>,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut rows = Vec::new();
    let done = loop {
        let place = match places.peek() {
            Peek::Record(record) => *record,
            Peek::Ended => match hits.drain() {
                Drained::Ended => break true,
                Drained::Wanting => {
                    out.push(Output::WantRun(RunName::Hits));
                    break false;
                }
            },
            Peek::Wanting => {
                out.push(Output::WantRun(RunName::Placements));
                break false;
            }
        };
        match hits.peek() {
            Peek::Record(hit) => match be64(&place, 0).cmp(&be64(hit, 0)) {
                core::cmp::Ordering::Less => places.advance(),
                core::cmp::Ordering::Greater => hits.advance(),
                core::cmp::Ordering::Equal => {
                    rows.extend_from_slice(place.get(8..).unwrap_or(&[]));
                    places.advance();
                }
            },
            Peek::Ended => places.advance(),
            Peek::Wanting => {
                out.push(Output::WantRun(RunName::Hits));
                break false;
            }
        }
    };
    spill(RunName::RowHits, rows, out);
    Ok(done)
}

fn spill(run: RunName, records: Vec<u8>, out: &mut Outbox) {
    if !records.is_empty() {
        out.push(Output::Spill { run, records });
    }
}

fn be64(record: &[u8], at: usize) -> u64 {
    record
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Tags of the table that have come back, and whether the first was hit.
#[derive(Debug, Default)]
struct Column {
    tags: VecDeque<MatchTag>,
    ended: bool,
    last_hit: bool,
}

/// A sorted run of records coming back chunk by chunk.
#[derive(Debug)]
struct Sorted<const LEN: usize> {
    records: VecDeque<[u8; LEN]>,
    last: Option<[u8; LEN]>,
    ended: bool,
}

enum Peek<'a, const LEN: usize> {
    Record(&'a [u8; LEN]),
    Wanting,
    Ended,
}

enum Drained {
    Wanting,
    Ended,
}

impl<const LEN: usize> Sorted<LEN> {
    fn new(run: RunName) -> Self {
        debug_assert_eq!(run.record_len(), Some(LEN));
        Self { records: VecDeque::new(), last: None, ended: false }
    }

    fn take(&mut self, bytes: &[u8], last: bool) -> Result<(), Bug> {
        let (records, rest) = bytes.as_chunks::<LEN>();
        if !rest.is_empty() || self.ended {
            return Err(Bug::ApiMisuse);
        }
        for record in records {
            // An out-of-order run is a defect of the sorter, which must not become a wrong result.
            if self.last.is_some_and(|last| last > *record) {
                return Err(Bug::InternalInvariant);
            }
            self.last = Some(*record);
            self.records.push_back(*record);
        }
        self.ended = last;
        Ok(())
    }

    fn peek(&self) -> Peek<'_, LEN> {
        match self.records.front() {
            Some(record) => Peek::Record(record),
            None if self.ended => Peek::Ended,
            None => Peek::Wanting,
        }
    }

    fn advance(&mut self) {
        self.records.pop_front();
    }

    fn drain(&mut self) -> Drained {
        self.records.clear();
        if self.ended { Drained::Ended } else { Drained::Wanting }
    }
}
