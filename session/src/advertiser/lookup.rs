//! The advertiser's look-up, aligned order: own tags against the table, hits back to rows.
//!
//! Everything is a merge of sorted spills, so memory does not grow with rows. The sorter and the
//! storage are the driver's and are not trusted: each spill is checked to be in order and whole as
//! it comes back, and the table to have the root that both sides signed [I-11]. A spill that has
//! changed there is a defect on this machine, never the peer's fault, and gives no outcome.

use crate::count::Count;
use crate::disclosure::RowCounts;
use crate::merge::{Column, Peek, Sorted, merge_tags};
use crate::spills::{Hit, MatchedRow, OwnTag, Placement, RowHit};
use crate::task::opaque_debug;
use crate::{Outbox, SpillChunk, SpillName};
use protocol::error::{Bug, Error};
use protocol::message::TableDescriptor;
use protocol::suite::Profile;
use protocol::transcript::result::ResultCommitment;

/// A look-up in progress.
pub(crate) struct Lookup {
    stage: Stage,
    /// Records spilled as [`Placement`].
    placements: u64,
    outcome: RowsSoFar,
}

/// The outcome so far.
struct RowsSoFar {
    rows: u64,
    /// Commitment to the rows before the next one.
    result: ResultCommitment,
    next_row: u64,
    matched: u64,
}

enum Stage {
    /// Merging own tags with the table.
    Tags { tags: Sorted<OwnTag>, column: Column, hits: u64 },
    /// Joining hits with the places where their elements stand.
    Places { hits: Sorted<Hit>, places: Sorted<Placement>, placed: bool, row_hits: u64 },
    /// Gathering the kinds of each matched row.
    Rows { hits: Sorted<RowHit>, open: Option<(u64, u16)> },
}

/// Numbers of records that the session has given to the driver.
pub(crate) struct Spilled {
    pub(crate) own_tags: u64,
    pub(crate) placements: u64,
}

/// A finished look-up.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) counts: RowCounts,
    /// Commitment to the outcome, for the case that it is released.
    pub(crate) result: [u8; 32],
}

impl Lookup {
    /// Starts the first merge, which asks for its first chunk.
    pub(crate) fn start(
        descriptor: &TableDescriptor,
        rows: u64,
        spilled: &Spilled,
        result_salt: &[u8; 32],
        out: &mut Outbox,
    ) -> Result<Self, Error> {
        let mut result = ResultCommitment::released(result_salt, Profile::MatchedRows);
        result.update(&rows.to_le_bytes());
        let tags = Sorted::new(spilled.own_tags);
        let mut lookup = Self {
            stage: Stage::Tags { tags, column: Column::new(descriptor), hits: 0 },
            placements: spilled.placements,
            outcome: RowsSoFar { rows, result, next_row: 0, matched: 0 },
        };
        match lookup.advance(out)? {
            // The table, which is never empty, has not been read.
            Some(_) => Err(Bug::invariant().into()),
            None => Ok(lookup),
        }
    }

    /// Takes the next chunk of a spill.
    pub(crate) fn take(
        &mut self,
        chunk: SpillChunk,
        out: &mut Outbox,
    ) -> Result<Option<Found>, Error> {
        match (&mut self.stage, chunk.spill) {
            (Stage::Tags { column, .. }, SpillName::Table) => column.take(&chunk)?,
            (Stage::Tags { tags, .. }, _) => drop(tags.take(chunk)?),
            (Stage::Places { hits, .. }, SpillName::Hits) => drop(hits.take(chunk)?),
            (Stage::Places { places, .. }, _) => drop(places.take(chunk)?),
            (Stage::Rows { hits, .. }, _) => drop(hits.take(chunk)?),
        }
        self.advance(out)
    }

    /// Goes on until exactly one chunk is wanted, or the look-up is finished.
    fn advance(&mut self, out: &mut Outbox) -> Result<Option<Found>, Error> {
        loop {
            let next = match &mut self.stage {
                Stage::Tags { tags, column, hits } => {
                    // [G18] Answers are proved in their order here, so a second element on a tag is
                    // an identifier that our own driver numbered twice.
                    let twice = || Err(Bug::invariant().into());
                    merge_tags(tags, column, hits, twice, out)?.then(|| Stage::Places {
                        hits: Sorted::new(*hits),
                        places: Sorted::new(self.placements),
                        placed: false,
                        row_hits: 0,
                    })
                }
                Stage::Places { hits, places, placed, row_hits } => {
                    merge_places(hits, places, placed, row_hits, out)?
                        .then(|| Stage::Rows { hits: Sorted::new(*row_hits), open: None })
                }
                Stage::Rows { hits, open } => {
                    let done = gather_rows(hits, open, &mut self.outcome, out)?;
                    return Ok(done.then(|| self.outcome.found()));
                }
            };
            match next {
                Some(stage) => self.stage = stage,
                None => return Ok(None),
            }
        }
    }
}

impl RowsSoFar {
    fn close_row(&mut self, row: u64, bits: u16) -> Result<MatchedRow, Error> {
        if row >= self.rows {
            return Err(Bug::stored_data_changed().into());
        }
        self.hash_unmatched_until(row)?;
        self.result.update(&bits.to_le_bytes());
        self.next_row.grow(1)?;
        self.matched.grow(1)?;
        Ok(MatchedRow { row: row.into(), kinds: bits.into() })
    }

    fn hash_unmatched_until(&mut self, row: u64) -> Result<(), Bug> {
        while self.next_row < row {
            self.result.update(&0_u16.to_le_bytes());
            self.next_row.grow(1)?;
        }
        Ok(())
    }

    fn found(&self) -> Found {
        let Self { rows, matched, .. } = *self;
        Found { counts: RowCounts { rows, matched }, result: self.result.clone().finish() }
    }
}

/// Turns (row, kind position) pairs into one bit vector per row; true when all are turned.
fn gather_rows(
    hits: &mut Sorted<RowHit>,
    open: &mut Option<(u64, u16)>,
    outcome: &mut RowsSoFar,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut records = hits.room_for();
    let done = loop {
        let next = match hits.peek_or_want(out) {
            Peek::Record(RowHit { row, kind }) => {
                let bit = 1_u16.checked_shl(u32::from(*kind));
                Some((row.get(), bit.ok_or(Bug::stored_data_changed())?))
            }
            Peek::Ended => None,
            Peek::Wanting => break false,
        };
        match (next, open.take()) {
            (Some((row, bit)), Some((at, bits))) if row == at => {
                *open = Some((at, bits | bit));
                hits.advance();
            }
            (_, Some((at, bits))) => records.push(&outcome.close_row(at, bits)?),
            (Some(next), None) => {
                *open = Some(next);
                hits.advance();
            }
            (None, None) => break true,
        }
    };
    records.spill(out);
    if done {
        outcome.hash_unmatched_until(outcome.rows)?;
    }
    Ok(done)
}

/// Makes each place whose element was hit a hit of its row; true when both spills are exhausted.
///
/// `placed` tells if the foremost hit has met a place: one that meets none was never asked for.
fn merge_places(
    hits: &mut Sorted<Hit>,
    places: &mut Sorted<Placement>,
    placed: &mut bool,
    row_hits: &mut u64,
    out: &mut Outbox,
) -> Result<bool, Error> {
    let mut rows = places.room_for();
    let done = loop {
        let place = match places.peek_or_want(out) {
            Peek::Record(record) => Some(record),
            Peek::Ended => None,
            Peek::Wanting => break false,
        };
        let hit = match hits.peek_or_want(out) {
            Peek::Record(record) => Some(record.element),
            Peek::Ended => None,
            Peek::Wanting => break false,
        };
        match (place, hit) {
            (None, None) => break true,
            (Some(place), Some(hit)) if place.element == hit => {
                rows.push(&place.place);
                row_hits.grow(1)?;
                *placed = true;
                places.advance();
            }
            (Some(place), hit) if hit.is_none_or(|hit| place.element.get() < hit.get()) => {
                places.advance();
            }
            (_, _) => {
                if !*placed {
                    return Err(Bug::stored_data_changed().into());
                }
                *placed = false;
                hits.advance();
            }
        }
    };
    rows.spill(out);
    Ok(done)
}

opaque_debug!(Lookup, Found);
