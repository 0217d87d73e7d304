//! Identifiers of the committed input, as the driver gives them.

use alloc::vec::Vec;

use crate::advertiser::Asking;
use crate::count::Count;
use crate::state::Agreed;
use crate::{Outbox, Output, RowSlot};
use protocol::error::Bug;

/// Checks identifiers as they come: they are the committed ones, or the driver is wrong.
#[derive(Debug)]
pub(crate) struct Intake {
    rows: u64,
    distinct: u64,
    ruleset: u8,
    kinds: Vec<u8>,
    /// Most identifiers to give at once.
    most: usize,
    next_element: u64,
    last_place: Option<(u64, u8)>,
    wanted: bool,
    ended: bool,
}

/// Facts about an identifier that was admitted.
pub(crate) struct Admitted {
    /// Position of its kind in the terms.
    pub(crate) kind: u8,
    /// True if no place before has the identifier.
    pub(crate) is_first: bool,
}

impl Intake {
    /// Expects the input of a session, at most `most` identifiers at once.
    pub(crate) fn new(core: &Agreed<Asking>, most: usize) -> Self {
        let terms = core.terms.terms();
        Self {
            rows: core.own.rows,
            distinct: core.own.distinct,
            ruleset: terms.ruleset,
            kinds: terms.kinds.clone(),
            most,
            next_element: 0,
            last_place: None,
            wanted: false,
            ended: false,
        }
    }

    /// Begins a batch of so many identifiers that were asked for.
    pub(crate) fn begin(&mut self, identifiers: usize) -> Result<(), Bug> {
        if !self.wanted || identifiers > self.most {
            return Err(Bug::misuse());
        }
        self.wanted = false;
        Ok(())
    }

    /// Admits the next identifier, in (row, slot) order.
    pub(crate) fn admit(&mut self, next: &RowSlot) -> Result<Admitted, Bug> {
        let (place, code) = ((next.row, next.slot), next.identifier.kind.code());
        let kind = self.kinds.iter().position(|kind| *kind == code);
        let kind = kind.and_then(|at| u8::try_from(at).ok()).ok_or(Bug::misuse())?;
        let in_order = self.last_place.is_none_or(|last| last < place);
        // Identifiers of two rulesets never meet: the terms name the one of this session.
        let agreed = next.identifier.ruleset.code() == self.ruleset;
        if !in_order || !agreed || next.row >= self.rows || next.element > self.next_element {
            return Err(Bug::misuse());
        }
        self.last_place = Some(place);
        let is_first = next.element == self.next_element;
        self.next_element.grow(u64::from(is_first))?;
        Ok(Admitted { kind, is_first })
    }

    /// Notes that there are no further identifiers.
    pub(crate) const fn end(&mut self) -> Result<(), Bug> {
        if !self.wanted || self.next_element != self.distinct {
            return Err(Bug::misuse());
        }
        self.ended = true;
        Ok(())
    }

    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Asks for identifiers, unless they are on their way or at their end.
    pub(crate) fn want(&mut self, out: &mut Outbox) {
        if !self.ended && !self.wanted {
            self.wanted = true;
            out.push(Output::WantRows { identifiers_max: self.most });
        }
    }
}
