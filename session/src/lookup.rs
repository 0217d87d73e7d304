//! The advertiser's look-up, aligned order: own tags against the table, hits back to rows.
//!
//! Everything is a merge of sorted runs, so memory does not grow with rows. The sorter and the
//! storage are the driver's and are not trusted: each run is checked to be in order and whole as
//! it comes back, and the table to have the root that both sides signed [I-11]. What has changed
//! there is a defect on this machine, never the peer's fault, and gives no outcome.

use alloc::vec::Vec;

use crate::disclosure::RowCounts;
use crate::merge::{Column, Peek, Sorted, be64, merge_tags, spill};
use crate::task::opaque_debug;
use crate::{Outbox, Output, RunChunk, RunContent, RunName};
use protocol::error::{Bug, Error};
use protocol::message::TableDescriptor;
use protocol::suite::Profile;
use protocol::transcript::result::ResultCommitment;

/// A look-up in progress.
pub(crate) struct Lookup {
    stage: Stage,
    rows: u64,
    /// Records spilled as [`RunName::Placements`].
    placements: u64,
    /// Hash of the outcome so far, and the next row it covers.
    result: ResultCommitment,
    next_row: u64,
    matched: u64,
}

enum Stage {
    /// Merging own tags with the table.
    Tags { tags: Sorted<17>, column: Column, hits: u64 },
    /// Joining hits with the places where their elements stand.
    Places { hits: Sorted<8>, places: Sorted<17>, placed: bool, row_hits: u64 },
    /// Gathering the kinds of each matched row.
    Rows { hits: Sorted<9>, open: Option<(u64, u16)> },
}

/// How many records of each run the session has given to the driver.
pub(crate) struct Spilled {
    pub(crate) own_tags: u64,
    pub(crate) placements: u64,
}

/// What a step of the look-up led to.
pub(crate) enum Progress {
    Continue(Lookup),
    Finished(Found),
}

/// A finished look-up.
pub(crate) struct Found {
    pub(crate) counts: RowCounts,
    /// `H("result"; salt ‖ profile ‖ outcome ‖ rows ‖ bits…)`, for an outcome that is released.
    pub(crate) result_commitment: [u8; 32],
}

impl Lookup {
    /// Starts the first merge, which asks for its first chunk.
    pub(crate) fn start(
        descriptor: &TableDescriptor,
        rows: u64,
        spilled: &Spilled,
        result_salt: &[u8; 32],
        out: &mut Outbox,
    ) -> Result<Progress, Error> {
        let mut result = ResultCommitment::released(result_salt, Profile::MatchedRows);
        result.update(&rows.to_le_bytes());
        Self {
            stage: Stage::Tags {
                tags: Sorted::new(RunName::OwnTags, spilled.own_tags),
                column: Column::new(descriptor),
                hits: 0,
            },
            rows,
            placements: spilled.placements,
            result,
            next_row: 0,
            matched: 0,
        }
        .advance(out)
    }

    /// Takes the next chunk of a run.
    pub(crate) fn take(mut self, chunk: RunChunk, out: &mut Outbox) -> Result<Progress, Error> {
        match &mut self.stage {
            Stage::Tags { tags, column, .. } => match (chunk.run, chunk.content) {
                (RunName::OwnTags, RunContent::Records(records)) => {
                    tags.take(records, chunk.last)?;
                }
                (RunName::Table, RunContent::Frame(frame)) => column.take(&frame)?,
                _ => return Err(Bug::misuse().into()),
            },
            Stage::Places { hits, places, .. } => match (chunk.run, chunk.content) {
                (RunName::Hits, RunContent::Records(records)) => hits.take(records, chunk.last)?,
                (RunName::Placements, RunContent::Records(records)) => {
                    places.take(records, chunk.last)?;
                }
                _ => return Err(Bug::misuse().into()),
            },
            Stage::Rows { hits, .. } => match (chunk.run, chunk.content) {
                (RunName::RowHits, RunContent::Records(records)) => {
                    hits.take(records, chunk.last)?;
                }
                _ => return Err(Bug::misuse().into()),
            },
        }
        self.advance(out)
    }

    /// Goes on until exactly one chunk is wanted, or the look-up is finished.
    fn advance(mut self, out: &mut Outbox) -> Result<Progress, Error> {
        loop {
            let done = match &mut self.stage {
                // [G18] Answers are proved in their order here, so a second element on a tag is an
                // identifier that our own driver numbered twice.
                Stage::Tags { tags, column, hits } => {
                    let twice = || Err(Bug::invariant().into());
                    merge_tags(tags, column, RunName::Hits, hits, twice, out)?
                }
                Stage::Places { hits, places, placed, row_hits } => {
                    merge_places(hits, places, placed, row_hits, out)?
                }
                Stage::Rows { .. } => self.gather_rows(out)?,
            };
            if !done {
                return Ok(Progress::Continue(self));
            }
            self.stage = match self.stage {
                Stage::Tags { hits, .. } => Stage::Places {
                    hits: Sorted::new(RunName::Hits, hits),
                    places: Sorted::new(RunName::Placements, self.placements),
                    placed: false,
                    row_hits: 0,
                },
                Stage::Places { row_hits, .. } => {
                    Stage::Rows { hits: Sorted::new(RunName::RowHits, row_hits), open: None }
                }
                Stage::Rows { .. } => {
                    return Ok(Progress::Finished(Found {
                        counts: RowCounts { rows: self.rows, matched: self.matched },
                        result_commitment: self.result.finish(),
                    }));
                }
            };
        }
    }

    /// Turns (row, kind position) pairs into one bit vector per row.
    fn gather_rows(&mut self, out: &mut Outbox) -> Result<bool, Error> {
        let mut records = match &self.stage {
            Stage::Rows { hits, .. } => hits.room_for(RunName::MatchedRows),
            _ => return Err(Bug::invariant().into()),
        };
        loop {
            let Stage::Rows { hits, open } = &mut self.stage else {
                return Err(Bug::invariant().into());
            };
            let next = match hits.peek() {
                Peek::Record(record) => {
                    let (row, kind) = (be64(record, 0), record.get(8).copied().unwrap_or(0));
                    let bit =
                        1_u16.checked_shl(u32::from(kind)).ok_or(Bug::stored_data_changed())?;
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
            return Err(Bug::stored_data_changed().into());
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

/// Each place whose element was hit becomes a hit of its row; true when both are exhausted.
///
/// `placed` says whether the foremost hit has met a place: one that meets none was never asked for.
fn merge_places(
    hits: &mut Sorted<8>,
    places: &mut Sorted<17>,
    placed: &mut bool,
    row_hits: &mut u64,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut rows = places.room_for(RunName::RowHits);
    let done = loop {
        let place = match places.peek() {
            Peek::Record(record) => Some(record),
            Peek::Ended => None,
            Peek::Wanting => {
                out.push(Output::WantRun(RunName::Placements));
                break false;
            }
        };
        let hit = match hits.peek() {
            Peek::Record(record) => Some(be64(record, 0)),
            Peek::Ended => None,
            Peek::Wanting => {
                out.push(Output::WantRun(RunName::Hits));
                break false;
            }
        };
        match (place, hit) {
            (None, None) => break true,
            (Some(place), Some(hit)) if be64(place, 0) == hit => {
                rows.extend_from_slice(place.get(8..).unwrap_or(&[]));
                *row_hits = row_hits.saturating_add(1);
                *placed = true;
                places.advance();
            }
            (Some(place), hit) if hit.is_none_or(|hit| be64(place, 0) < hit) => places.advance(),
            (_, _) => {
                if !*placed {
                    return Err(Bug::stored_data_changed().into());
                }
                *placed = false;
                hits.advance();
            }
        }
    };
    spill(RunName::RowHits, rows, out);
    Ok(done)
}

opaque_debug!(Lookup, Found);
