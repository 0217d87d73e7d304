//! The advertiser's rows, shuffled order: identifiers in, rows of constant width to blind out.
//!
//! Draws the sample if there is one, leaves an identifier to the first row that has it, and gives
//! every other slot to filler. Memory does not grow with rows but for one bit per identifier.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::count::Count;
use crate::row_task::OpenRow;
use crate::task::{BlindRowsTask, CanaryTask, opaque_debug};
use crate::{Outbox, Output, RowSlot, Task};
use protocol::error::{Bug, Error};
use protocol::rows::RowWidth;
use protocol::seed::{Select, SessionKeys};

/// Input, sizes and derivations of the rows of a session.
pub(crate) struct RowPlan {
    pub(crate) width: RowWidth,
    /// Rows of the committed input.
    pub(crate) rows: u64,
    /// Rows asked for: all of them, or the sample.
    pub(crate) drawn: u64,
    /// Padded rows n̂.
    pub(crate) padded: u64,
    /// Distinct identifiers of the input.
    pub(crate) distinct: u64,
    /// The draw of the sample, if there is one.
    pub(crate) sample: Option<Select>,
    /// Normalization rules of the terms.
    pub(crate) ruleset: u8,
    /// Kinds of the terms.
    pub(crate) kinds: Vec<u8>,
    pub(crate) public_key: [u8; 32],
    /// Derivations of the session.
    pub(crate) keys: SessionKeys,
    /// Rows of a full frame, which is what a task works on.
    pub(crate) frame_rows: u32,
}

/// Turns identifiers into tasks: real rows first, then canary rows.
pub(crate) struct Arranger {
    plan: RowPlan,
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
    next_element: u64,
    last_place: Option<(u64, u8)>,
    rows_wanted: bool,
    rows_ended: bool,
    /// Row of the list at which the next canary rows begin.
    next_canary: u64,
    /// Tasks out.
    pub(crate) pending: u32,
}

impl Arranger {
    pub(crate) fn new(plan: RowPlan) -> Result<Self, Bug> {
        let kept = Seen::new(plan.distinct)?;
        let next_canary = plan.drawn;
        Ok(Self {
            plan,
            waiting: VecDeque::new(),
            row: 0,
            open: Vec::new(),
            ready: Vec::new(),
            drawn: 0,
            kept,
            next_element: 0,
            last_place: None,
            rows_wanted: false,
            rows_ended: false,
            next_canary,
            pending: 0,
        })
    }

    /// Takes identifiers in (row, slot) order.
    pub(crate) fn take(&mut self, slots: Vec<RowSlot>) -> Result<(), Bug> {
        if !self.rows_wanted || slots.len() > self.slots_max() {
            return Err(Bug::misuse());
        }
        self.rows_wanted = false;
        for slot in &slots {
            let place = (slot.row, slot.slot);
            let in_order = self.last_place.is_none_or(|last| last < place);
            let agreed = slot.identifier.ruleset.code() == self.plan.ruleset
                && self.plan.kinds.contains(&slot.identifier.kind.code());
            // The input was checked to have no row wider than w.
            let fits = slot.row < self.plan.rows && slot.slot < self.plan.width.get();
            if !in_order || !agreed || !fits || slot.element > self.next_element {
                return Err(Bug::misuse());
            }
            self.last_place = Some(place);
            if slot.element == self.next_element {
                self.next_element.grow(1)?;
            }
        }
        self.waiting.extend(slots);
        Ok(())
    }

    /// There are no further identifiers; they were the committed ones, or the driver is wrong.
    pub(crate) fn end_rows(&mut self) -> Result<(), Bug> {
        if !self.rows_wanted || self.next_element != self.plan.distinct {
            return Err(Bug::misuse());
        }
        self.rows_ended = true;
        Ok(())
    }

    /// Starts tasks while fewer than `window` are out, and asks for identifiers when dry.
    pub(crate) fn go_on(&mut self, window: u32, out: &mut Outbox) -> Result<(), Error> {
        while self.pending < window {
            if self.row < self.plan.rows || !self.ready.is_empty() {
                if !self.fill()? {
                    self.want_rows(out);
                    return Ok(());
                }
                let rows = core::mem::take(&mut self.ready);
                if !rows.is_empty() {
                    let (width, keys) = (self.plan.width, self.plan.keys.clone());
                    self.start(Task::BlindRows(BlindRowsTask { width, rows, keys }), out)?;
                }
                continue;
            }
            // The input may end with identifiers of rows that were not drawn.
            if !self.rows_ended {
                self.want_rows(out);
                return Ok(());
            }
            if self.drawn != self.plan.drawn || !self.waiting.is_empty() {
                return Err(Bug::misuse().into());
            }
            let mut left = self.plan.padded;
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
        self.rows_ended && self.pending == 0 && self.next_canary == self.plan.padded
    }

    fn start_canaries(&mut self, left: u64, out: &mut Outbox) -> Result<(), Bug> {
        let full = self.plan.frame_rows;
        let rows = u32::try_from(left).map_or(full, |left| left.min(full));
        let RowPlan { width, public_key, ref keys, .. } = self.plan;
        let (first_row, keys) = (self.next_canary, keys.clone());
        self.next_canary.grow(u64::from(rows))?;
        self.start(Task::Canaries(CanaryTask { width, first_row, rows, public_key, keys }), out)
    }

    fn start(&mut self, task: Task, out: &mut Outbox) -> Result<(), Bug> {
        self.pending.grow(1)?;
        out.push(Output::Compute(task));
        Ok(())
    }

    fn want_rows(&mut self, out: &mut Outbox) {
        if !self.rows_ended && !self.rows_wanted {
            self.rows_wanted = true;
            out.push(Output::WantRows { identifiers_max: self.slots_max() });
        }
    }

    fn slots_max(&self) -> usize {
        // A frame's elements at most.
        self.plan.frame_rows as usize * self.plan.width.slots()
    }

    /// Gathers drawn rows for one task; false when identifiers are missing.
    fn fill(&mut self) -> Result<bool, Bug> {
        while self.row < self.plan.rows && self.ready.len() < self.plan.frame_rows as usize {
            while let Some(slot) = self.waiting.pop_front() {
                if slot.row != self.row {
                    self.waiting.push_front(slot);
                    break;
                }
                self.open.push(slot);
            }
            // Further slots of this row may still be to come.
            if self.waiting.is_empty() && !self.rows_ended {
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
        let drawn = match &mut self.plan.sample {
            Some(sample) => sample.next().ok_or(Bug::invariant())?,
            None => true,
        };
        if !drawn {
            self.open.clear();
            return Ok(());
        }
        let mut slots = alloc::vec![None; self.plan.width.slots()];
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
