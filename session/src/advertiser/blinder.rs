//! The advertiser's padded sequence, aligned order: rows in, frames to blind out.
//!
//! Real elements and padding are spread by a committed draw. Constant memory: rows are asked for
//! when a frame may be started, and at most a window of frames is unanswered.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::advertiser::Asking;
use crate::advertiser::intake::{Admitted, Intake};
use crate::count::Count;
use crate::spills::{Placement, RowHit, Spilling};
use crate::state::Agreed;
use crate::task::{BlindSlot, BlindTask, BlindedFrame};
use crate::{Outbox, Output, RowSlot, Task};
use protocol::error::Bug;
use protocol::identifier::Identifier;
use protocol::seed::{Select, SessionKeys};

/// Turns rows into frames of the padded sequence: `Select` says which positions are real.
#[derive(Debug)]
pub(crate) struct Blinder {
    select: Select,
    /// Draw of the next position, real or not, that is not yet filled.
    drawn: Option<bool>,
    position: u64,
    elements: u64,
    frame_elements: u32,
    pub(crate) last_frame: u32,
    next_frame: u32,
    slots: Vec<BlindSlot>,
    first: u64,
    /// Distinct identifiers given by the driver and not yet placed.
    waiting: VecDeque<(u64, Identifier)>,
    intake: Intake,
    /// Records spilled as [`Placement`].
    pub(crate) placements: u64,
    pub(crate) ready: BTreeMap<u32, BlindedFrame>,
    pub(crate) next_to_send: u32,
    keys: SessionKeys,
}

impl Blinder {
    pub(crate) fn new(core: &Agreed<Asking>) -> Result<Self, Bug> {
        let (limits, Asking { keys, distinct, .. }) = (core.wire.limits(), &core.own);
        let frames = limits.frames(core.elements).ok_or(Bug::invariant())?;
        let frame = limits.frame_elements as usize;
        Ok(Self {
            select: Select::new(keys.padding_stream(), core.elements, *distinct),
            drawn: None,
            position: 0,
            elements: core.elements,
            frame_elements: limits.frame_elements,
            last_frame: frames.checked_sub(1).ok_or(Bug::invariant())?,
            next_frame: 0,
            slots: Vec::with_capacity(frame),
            first: 0,
            waiting: VecDeque::with_capacity(frame),
            intake: Intake::new(core, frame),
            placements: 0,
            ready: BTreeMap::new(),
            next_to_send: 0,
            keys: keys.clone(),
        })
    }

    /// Takes identifiers in (row, slot) order; repeated ones only leave their place.
    pub(crate) fn take(&mut self, rows: Vec<RowSlot>, out: &mut Outbox) -> Result<(), Bug> {
        self.intake.begin(rows.len())?;
        let mut places = Spilling::with_room(rows.len());
        for entry in rows {
            let Admitted { kind, is_first } = self.intake.admit(&entry)?;
            let place = RowHit { row: entry.row.into(), kind };
            places.push(&Placement { element: entry.element.into(), place });
            if is_first {
                self.waiting.push_back((entry.element, entry.identifier));
            }
        }
        self.placements.grow(places.count())?;
        places.spill(out);
        Ok(())
    }

    /// Notes that there are no further identifiers.
    pub(crate) const fn end_rows(&mut self) -> Result<(), Bug> {
        self.intake.end()
    }

    /// Tells if all identifiers were given.
    pub(crate) const fn is_fed(&self) -> bool {
        self.intake.is_ended()
    }

    /// Builds frames while fewer than `window` are unanswered, and asks for rows when dry.
    pub(crate) fn go_on(&mut self, open: u32, window: u32, out: &mut Outbox) -> Result<(), Bug> {
        loop {
            // Repeated identifiers after the last distinct one still have to leave their place.
            if self.position == self.elements {
                self.intake.want(out);
                return Ok(());
            }
            let mut unanswered = self.next_frame;
            unanswered.shrink(self.next_to_send)?;
            unanswered.grow(open)?;
            if unanswered >= window {
                return Ok(());
            }
            if !self.fill()? {
                // Fewer distinct identifiers than committed: the driver's input changed.
                if self.is_fed() {
                    return Err(Bug::misuse());
                }
                self.intake.want(out);
                return Ok(());
            }
            // With room from the start: a vector that grows leaves its secrets behind unwiped.
            let room = Vec::with_capacity(self.frame_elements as usize);
            let slots = core::mem::replace(&mut self.slots, room);
            let frame = self.next_frame;
            self.next_frame.grow(1)?;
            let task = BlindTask { frame, first: self.first, slots, keys: self.keys.clone() };
            self.first = self.position;
            out.push(Output::Compute(Task::Blind(task)));
        }
    }

    /// Fills the frame being built; false when identifiers are missing.
    fn fill(&mut self) -> Result<bool, Bug> {
        while self.slots.len() < self.frame_elements as usize {
            let real = match self.drawn.take() {
                Some(real) => real,
                None => self.select.next().ok_or(Bug::invariant())?,
            };
            if real {
                let Some((element, identifier)) = self.waiting.pop_front() else {
                    self.drawn = Some(true);
                    return Ok(false);
                };
                self.slots.push(BlindSlot::Real { element, identifier });
            } else {
                self.slots.push(BlindSlot::Padding);
            }
            self.position.grow(1)?;
        }
        Ok(true)
    }
}
