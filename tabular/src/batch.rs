//! Rows in batches: read on one thread, looked at on all of them, handed on in their order.

use std::mem;
use std::sync::Arc;

use csv::StringRecord;

use crate::InputError;
use crate::csv::Record;
use crate::plan::Fields;
use crate::row::Row;
use crate::source::RowSource;

/// Consecutive rows of one file.
pub struct RowBatch {
    /// Rows of an earlier use lie behind those of now, for their room.
    rows: Vec<(u64, StringRecord)>,
    used: usize,
    /// The fields as far as they were known when the last row was read.
    fields: Arc<Fields>,
}

impl RowBatch {
    /// The rows in file order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows
            .iter()
            .take(self.used)
            .map(|(line, record)| Row { record: Record::of(*line, record), fields: &self.fields })
    }

    /// Reads until the batch is full; false once the file has ended. On an error it holds the rows
    /// before it.
    fn fill(&mut self, source: &mut RowSource) -> Result<bool, InputError> {
        self.used = 0;
        let more = self.read(source);
        self.fields = Arc::clone(&source.fields);
        more
    }

    fn read(&mut self, source: &mut RowSource) -> Result<bool, InputError> {
        let mut bytes = 0_usize;
        while self.used < ROWS && bytes < BYTES {
            if !source.advance()? {
                return Ok(false);
            }
            if self.used == self.rows.len() {
                self.rows.push((0, StringRecord::new()));
            }
            if let Some((line, fields)) = self.rows.get_mut(self.used) {
                // The room of a long row is given back.
                if fields.as_slice().len() > ROW_BYTES_KEPT {
                    *fields = StringRecord::new();
                }
                *line = source.swap(fields);
                bytes += fields.as_slice().len();
                self.used += 1;
            }
        }
        Ok(true)
    }
}

/// Reads the rows of a file on this thread while all cores `look` at those already read; this
/// thread is then `given` what they saw, batch by batch in file order.
///
/// Rows before an error of the file are still looked at and given: the first error of all
/// is the one returned. Memory is bounded by [`ROUND`] batches in each of three steps.
///
/// # Errors
///
/// [`InputError`] of the file, made an `E`, or what `given` returns.
pub fn look_ahead<T: Send, E>(
    source: &mut RowSource,
    failed: impl Fn(InputError) -> E,
    look: impl Fn(&RowBatch) -> T + Sync,
    mut given: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut reading = Round::new(source);
    let mut looking = Round::new(source);
    let mut seen: Vec<Option<T>> = Vec::new();
    loop {
        let mut seeing: Vec<Option<T>> = Vec::new();
        seeing.resize_with(looking.used().len(), || None);
        rayon::in_place_scope(|scope| {
            for (batch, slot) in looking.used().iter().zip(&mut seeing) {
                let look = &look;
                scope.spawn(move |_| *slot = Some(look(batch)));
            }
            for one in seen.drain(..).flatten() {
                given(one)?;
            }
            if !looking.ended {
                reading.fill(source);
            }
            Ok::<(), E>(())
        })?;
        seen = seeing;
        if looking.ended {
            seen.into_iter().flatten().try_for_each(&mut given)?;
            return looking.failure.map_or(Ok(()), |failure| Err(failed(failure)));
        }
        mem::swap(&mut reading, &mut looking);
    }
}

/// Batches that are read, and then looked at, together.
struct Round {
    batches: Vec<RowBatch>,
    used: usize,
    /// True if nothing comes after the batches; then `failure` says why, unless the file has ended.
    ended: bool,
    failure: Option<InputError>,
}

impl Round {
    fn new(source: &RowSource) -> Self {
        let empty = || RowBatch { rows: Vec::new(), used: 0, fields: Arc::clone(&source.fields) };
        let batches = std::iter::repeat_with(empty).take(ROUND).collect();
        Self { batches, used: 0, ended: false, failure: None }
    }

    fn fill(&mut self, source: &mut RowSource) {
        self.used = 0;
        for batch in &mut self.batches {
            let more = batch.fill(source);
            self.used += 1;
            self.ended = !matches!(more, Ok(true));
            self.failure = more.err();
            if self.ended {
                break;
            }
        }
    }

    fn used(&self) -> &[RowBatch] {
        self.batches.get(..self.used).unwrap_or_default()
    }
}

/// Rows of a batch, at most.
pub const ROWS: usize = 256;
/// Bytes of a batch; the last row of it may lie above them.
const BYTES: usize = 1 << 16;
/// Room of a row that is kept for the next ones.
const ROW_BYTES_KEPT: usize = 1 << 12;
/// Batches of a round.
const ROUND: usize = 16;
