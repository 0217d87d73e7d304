//! The advertiser's padded sequence, aligned order: rows in, frames to blind out.
//!
//! Real elements and padding are spread by a committed draw. Constant memory: rows are asked for
//! when a frame may be started, and at most a window of frames is unanswered.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::count::Count;
use crate::spills::{Placement, RowHit, Spilling};
use crate::task::{BlindSlot, BlindTask, BlindedFrame};
use crate::{Outbox, Output, RowSlot, Task};
use protocol::error::{Bug, Error};
use protocol::identifier::Identifier;
use protocol::limits::Limits;
use protocol::seed::{Select, SessionKeys};

/// Input and derivations of the padded sequence of a session.
pub(crate) struct Plan {
    /// Padded elements E.
    pub(crate) elements: u64,
    /// Real elements among them.
    pub(crate) distinct: u64,
    /// Rows of the input.
    pub(crate) rows: u64,
    /// Normalization rules of the terms.
    pub(crate) ruleset: u8,
    /// Kinds of the terms, in their order.
    pub(crate) kinds: Vec<u8>,
    /// Derivations of the session.
    pub(crate) keys: SessionKeys,
}

/// Turns rows into frames of the padded sequence: `Select` says which positions are real.
#[derive(Debug)]
pub(crate) struct Blinder {
    select: Select,
    /// Draw of the next position, real or not, that is not yet filled.
    drawn: Option<bool>,
    position: u64,
    elements: u64,
    distinct: u64,
    next_element: u64,
    frame_elements: u32,
    pub(crate) last_frame: u32,
    next_frame: u32,
    slots: Vec<BlindSlot>,
    first: u64,
    /// Distinct identifiers given by the driver and not yet placed.
    waiting: VecDeque<(u64, Identifier)>,
    rows_wanted: bool,
    pub(crate) rows_ended: bool,
    ruleset: u8,
    kinds: Vec<u8>,
    rows: u64,
    last_place: Option<(u64, u8)>,
    /// Records spilled as [`Placement`].
    pub(crate) placements: u64,
    pub(crate) ready: BTreeMap<u32, BlindedFrame>,
    pub(crate) next_to_send: u32,
    keys: SessionKeys,
}

impl Blinder {
    pub(crate) fn new(plan: Plan, limits: &Limits) -> Result<Self, Error> {
        let frames = limits.frames(plan.elements).ok_or(Bug::invariant())?;
        Ok(Self {
            select: Select::new(plan.keys.padding_stream(), plan.elements, plan.distinct),
            drawn: None,
            position: 0,
            elements: plan.elements,
            distinct: plan.distinct,
            next_element: 0,
            frame_elements: limits.frame_elements,
            last_frame: frames.checked_sub(1).ok_or(Bug::invariant())?,
            next_frame: 0,
            slots: Vec::with_capacity(limits.frame_elements as usize),
            first: 0,
            waiting: VecDeque::with_capacity(limits.frame_elements as usize),
            rows_wanted: false,
            rows_ended: false,
            ruleset: plan.ruleset,
            kinds: plan.kinds,
            rows: plan.rows,
            last_place: None,
            placements: 0,
            ready: BTreeMap::new(),
            next_to_send: 0,
            keys: plan.keys,
        })
    }

    /// Takes identifiers in (row, slot) order; repeated ones only leave their place.
    pub(crate) fn take(&mut self, rows: Vec<RowSlot>, out: &mut Outbox) -> Result<(), Error> {
        if !self.rows_wanted || rows.len() > self.frame_elements as usize {
            return Err(Bug::misuse().into());
        }
        self.rows_wanted = false;
        let mut places = Spilling::with_room(rows.len());
        for entry in rows {
            let place = (entry.row, entry.slot);
            let kind = self.kinds.iter().position(|kind| *kind == entry.identifier.kind.code());
            let kind = kind.and_then(|at| u8::try_from(at).ok()).ok_or(Bug::misuse())?;
            let in_order = self.last_place.is_none_or(|last| last < place);
            // Identifiers of two rulesets never meet: the terms name the one of this session.
            let ours = entry.identifier.ruleset.code() == self.ruleset;
            if !in_order || !ours || entry.row >= self.rows || entry.element > self.next_element {
                return Err(Bug::misuse().into());
            }
            self.last_place = Some(place);
            self.placements.grow(1)?;
            let place = RowHit { row: entry.row.into(), kind };
            places.push(&Placement { element: entry.element.into(), place });
            if entry.element == self.next_element {
                self.next_element.grow(1)?;
                self.waiting.push_back((entry.element, entry.identifier));
            }
        }
        places.spill(out);
        Ok(())
    }

    /// Builds frames while fewer than `window` are unanswered, and asks for rows when dry.
    pub(crate) fn go_on(&mut self, open: u32, window: u32, out: &mut Outbox) -> Result<(), Error> {
        loop {
            // Repeated identifiers after the last distinct one still have to leave their place.
            if self.position == self.elements {
                self.want_rows(out);
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
                if self.rows_ended {
                    return Err(Bug::misuse().into());
                }
                self.want_rows(out);
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

    pub(crate) fn end_rows(&mut self) -> Result<(), Bug> {
        // The input is the committed one, or the driver is wrong.
        if !self.rows_wanted || self.next_element != self.distinct {
            return Err(Bug::misuse());
        }
        self.rows_ended = true;
        Ok(())
    }

    fn want_rows(&mut self, out: &mut Outbox) {
        if !self.rows_ended && !self.rows_wanted {
            self.rows_wanted = true;
            out.push(Output::WantRows { identifiers_max: self.frame_elements as usize });
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
