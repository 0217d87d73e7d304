//! The advertiser's rows, shuffled order: identifiers in, rows of constant width to blind out.
//!
//! Draws the sample if there is one, leaves an identifier to the first row that has it, and gives
//! every other slot to filler. Memory does not grow with rows but for one bit per identifier.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::advertiser::Asking;
use crate::advertiser::intake::Intake;
use crate::count::Count;
use crate::row_task::OpenRow;
use crate::state::Agreed;
use crate::task::{BlindRowsTask, CanaryTask, opaque_debug};
use crate::{Outbox, Output, RowSlot, Task};
use protocol::error::Bug;
use protocol::group::Encoded;
use protocol::rows::RowWidth;
use protocol::seed::{Select, SessionKeys};

/// Turns identifiers into tasks: real rows first, then canary rows.
pub(crate) struct Arranger {
    width: RowWidth,
    /// Rows of a full frame, which is the work of a task.
    frame_rows: u32,
    /// Rows of the committed input.
    rows: u64,
    /// The draw of the sample, if there is one.
    sample: Option<Select>,
    /// Rows asked for: all of them, or the sample.
    to_draw: u64,
    /// Padded rows n̂.
    padded: u64,
    public_key: Encoded,
    keys: SessionKeys,
    intake: Intake,
    /// Identifiers given by the driver and not yet placed.
    waiting: VecDeque<RowSlot>,
    /// Row of the input that is being gathered, and its identifiers so far.
    row: u64,
    open: Vec<RowSlot>,
    /// Drawn rows that are whole.
    ready: Vec<OpenRow>,
    /// Drawn rows so far.
    drawn: u64,
    /// Identifiers that a drawn row has kept.
    kept: Seen,
    /// Row of the list at which the next canary rows begin.
    next_canary: u64,
    /// Tasks out.
    pub(crate) pending: u32,
}

impl Arranger {
    pub(crate) fn new(core: &mut Agreed<Asking>) -> Result<Self, Bug> {
        let Asking { rows, drawn, distinct, .. } = core.own;
        let sample = core.own.sample_stream.take();
        let (width, frame_rows) = (core.width, core.width.frame_rows(core.wire.limits()));
        // A frame's elements at most.
        let slots_max = frame_rows as usize * width.slots();
        Ok(Self {
            width,
            frame_rows,
            rows,
            sample: sample.map(|stream| Select::new(stream, rows, drawn)),
            to_draw: drawn,
            padded: core.padded_rows(),
            public_key: core.own.public_key(),
            keys: core.own.keys.clone(),
            intake: Intake::new(core, slots_max),
            waiting: VecDeque::new(),
            row: 0,
            open: Vec::new(),
            ready: Vec::new(),
            drawn: 0,
            kept: Seen::new(distinct)?,
            next_canary: drawn,
            pending: 0,
        })
    }

    /// Takes identifiers in (row, slot) order.
    pub(crate) fn take(&mut self, slots: Vec<RowSlot>) -> Result<(), Bug> {
        self.intake.begin(slots.len())?;
        for slot in &slots {
            self.intake.admit(slot)?;
            // The input was checked to have no row wider than w.
            if slot.slot >= self.width.get() {
                return Err(Bug::misuse());
            }
        }
        self.waiting.extend(slots);
        Ok(())
    }

    /// Notes that there are no further identifiers.
    pub(crate) const fn end_rows(&mut self) -> Result<(), Bug> {
        self.intake.end()
    }

    /// Starts tasks while fewer than `window` are out, and asks for identifiers when dry.
    pub(crate) fn go_on(&mut self, window: u32, out: &mut Outbox) -> Result<(), Bug> {
        while self.pending < window {
            if self.row < self.rows || !self.ready.is_empty() {
                if !self.fill()? {
                    self.intake.want(out);
                    return Ok(());
                }
                let rows = core::mem::take(&mut self.ready);
                if !rows.is_empty() {
                    let (width, keys) = (self.width, self.keys.clone());
                    self.start(Task::BlindRows(BlindRowsTask { width, rows, keys }), out)?;
                }
                continue;
            }
            // The input may end with identifiers of rows that were not drawn.
            if !self.intake.is_ended() {
                self.intake.want(out);
                return Ok(());
            }
            if self.drawn != self.to_draw || !self.waiting.is_empty() {
                return Err(Bug::misuse());
            }
            let mut left = self.padded;
            left.shrink(self.next_canary)?;
            if left == 0 {
                return Ok(());
            }
            self.start_canaries(left, out)?;
        }
        Ok(())
    }

    /// Tells if every row has been made and its task is done.
    pub(crate) const fn is_done(&self) -> bool {
        self.intake.is_ended() && self.pending == 0 && self.next_canary == self.padded
    }

    fn start_canaries(&mut self, left: u64, out: &mut Outbox) -> Result<(), Bug> {
        let full = self.frame_rows;
        let rows = u32::try_from(left).map_or(full, |left| left.min(full));
        let Self { width, public_key, .. } = *self;
        let (first_row, keys) = (self.next_canary, self.keys.clone());
        self.next_canary.grow(u64::from(rows))?;
        self.start(Task::Canaries(CanaryTask { width, first_row, rows, public_key, keys }), out)
    }

    fn start(&mut self, task: Task, out: &mut Outbox) -> Result<(), Bug> {
        self.pending.grow(1)?;
        out.push(Output::Compute(task));
        Ok(())
    }

    /// Gathers drawn rows for one task; false when identifiers are missing.
    fn fill(&mut self) -> Result<bool, Bug> {
        while self.row < self.rows && self.ready.len() < self.frame_rows as usize {
            while let Some(slot) = self.waiting.pop_front() {
                if slot.row != self.row {
                    self.waiting.push_front(slot);
                    break;
                }
                self.open.push(slot);
            }
            // Further slots of this row may still be to come.
            if self.waiting.is_empty() && !self.intake.is_ended() {
                return Ok(false);
            }
            self.close_row()?;
        }
        Ok(true)
    }

    /// Draws the gathered row or leaves it out; a row without identifiers is drawn like any other.
    fn close_row(&mut self) -> Result<(), Bug> {
        let row = self.row;
        self.row.grow(1)?;
        let drawn = match &mut self.sample {
            Some(sample) => sample.next().ok_or(Bug::invariant())?,
            None => true,
        };
        if !drawn {
            self.open.clear();
            return Ok(());
        }
        let mut slots = alloc::vec![None; self.width.slots()];
        for found in self.open.drain(..) {
            // The first row keeps an identifier; equal elements would be equal on the wire.
            if self.kept.insert(found.element)? {
                let place = slots.get_mut(usize::from(found.slot)).ok_or(Bug::misuse())?;
                *place = Some(found.identifier);
            }
        }
        self.drawn.grow(1)?;
        self.ready.push(OpenRow { row, slots });
        Ok(())
    }
}

/// A set of element numbers, one bit each.
struct Seen {
    words: Vec<u64>,
}

impl Seen {
    fn new(elements: u64) -> Result<Self, Bug> {
        let words = usize::try_from(elements.div_ceil(64)).map_err(|_| Bug::invariant())?;
        Ok(Self { words: alloc::vec![0; words] })
    }

    /// Adds an element; false if it was there.
    fn insert(&mut self, element: u64) -> Result<bool, Bug> {
        let word = usize::try_from(element / 64).ok().and_then(|at| self.words.get_mut(at));
        let word = word.ok_or(Bug::misuse())?;
        let bit = 1_u64 << (element % 64);
        let new = *word & bit == 0;
        *word |= bit;
        Ok(new)
    }
}

opaque_debug!(Arranger);
