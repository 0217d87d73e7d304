//! Frames of arithmetic of shuffled order, by whole rows.

use alloc::sync::Arc;
use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::advertiser::canary::CanaryRows;
use crate::spills::{NamedMatch, ResponseTag, Spilling};
use crate::task::{bad_element, opaque_debug};
use ::disclosure::noise::Noise;
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};
use protocol::group::{BatchArithmetic, Encoded, SecretScalar};
use protocol::identifier::{Identifier, PrfInput};
use protocol::oprf::{PrfKey, PrfOutput};
use protocol::rows::RowWidth;
use protocol::seed::{KeyDerivation, SessionKeys};
use protocol::suite::{Order, Shuffled};

/// A real row before blinding: the identifier of each slot, `None` for filler.
pub(crate) struct OpenRow {
    pub(crate) row: u64,
    pub(crate) slots: Vec<Option<Identifier>>,
}

/// Blinding of real rows; made by the advertiser's session.
pub struct BlindRowsTask {
    pub(crate) width: RowWidth,
    pub(crate) rows: Vec<OpenRow>,
    pub(crate) keys: SessionKeys,
}

/// Whole rows of encodings, sorted inside each row.
///
/// Their order is secret: the committed one, or the provider's permutation.
pub(crate) struct RowsDone {
    pub(crate) encodings: Zeroizing<Vec<Encoded>>,
}

impl BlindRowsTask {
    pub(crate) fn elements(&self) -> usize {
        self.rows.len() * self.width.slots()
    }

    /// Fills every row to w slots and blinds all of them by the one blind of the session [M-42].
    pub(crate) fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<RowsDone, Error> {
        // A filler is a hashed point: its logarithm is unknown to us too, so that we cannot
        // recognise our own row by it.
        let mut fillers = Vec::with_capacity(self.elements());
        fillers.extend(
            self.slots().filter(|(.., real)| real.is_none()).map(|(row, slot, _)| (row, slot)),
        );
        let dummies = self.keys.row_dummies(arithmetic, fillers.iter().copied());
        let (mut inputs, mut dummies) = (Vec::with_capacity(self.elements()), dummies.iter());
        for (.., real) in self.slots() {
            inputs.push(match real {
                Some(identifier) => PrfInput::of(identifier),
                None => dummies.next().ok_or(Bug::invariant())?.clone(),
            });
        }
        let blind = self.keys.session_blind()?;
        let mut encodings = Zeroizing::new(alloc::vec![[0; 32]; inputs.len()]);
        let dst = Shuffled::SUITE.hash_to_group();
        arithmetic.hash_multiply(&blind, dst, &inputs, &mut encodings);
        self.width.sort_inside(&mut encodings);
        Ok(RowsDone { encodings })
    }

    /// Every slot of every row: the row, the slot, and the identifier in it, `None` for filler.
    fn slots(&self) -> impl Iterator<Item = (u64, u8, Option<&Identifier>)> {
        self.rows.iter().flat_map(|OpenRow { row, slots }| {
            (0..self.width.get()).map(move |slot| {
                (*row, slot, slots.get(usize::from(slot)).and_then(Option::as_ref))
            })
        })
    }
}

/// Making of canary rows; made by the advertiser's session.
pub struct CanaryTask {
    pub(crate) width: RowWidth,
    /// Row of the unsorted list at which these begin.
    pub(crate) first_row: u64,
    pub(crate) rows: u32,
    pub(crate) public_key: Encoded,
    pub(crate) keys: SessionKeys,
}

impl CanaryTask {
    pub(crate) fn elements(&self) -> usize {
        self.rows as usize * self.width.slots()
    }

    pub(crate) fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<CanaryRows, Error> {
        let Self { width, first_row, rows, public_key, keys } = self;
        Ok(CanaryRows::make(&keys, &public_key, width, first_row, rows, arithmetic)?)
    }
}

/// Evaluation of the rows of one frame; made by the provider's session.
pub struct EvaluateRowsTask {
    pub(crate) blinded: RawFrame,
    pub(crate) width: RowWidth,
    pub(crate) key: Arc<PrfKey<Shuffled>>,
}

impl EvaluateRowsTask {
    pub(crate) fn elements(&self) -> usize {
        self.blinded.encodings().len()
    }

    pub(crate) fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<RowsDone, Error> {
        let blinded = self.blinded.encodings();
        let mut encodings = Zeroizing::new(alloc::vec![[0; 32]; blinded.len()]);
        self.key
            .evaluate_each(arithmetic, blinded, &mut encodings)
            .map_err(|bad| bad_element(&bad, StreamId::Blind, self.blinded.header.index))?;
        self.width.sort_inside(&mut encodings);
        Ok(RowsDone { encodings })
    }
}

/// Making of noise rows, which are evaluated like any row; made by the provider's session.
pub struct NoiseRowsTask {
    pub(crate) noise: Noise,
    pub(crate) width: RowWidth,
    pub(crate) first_row: u64,
    pub(crate) rows: u32,
    /// K_a, which the advertiser committed to.
    pub(crate) blind: Encoded,
    pub(crate) key: Arc<PrfKey<Shuffled>>,
    pub(crate) derivation: KeyDerivation,
}

impl NoiseRowsTask {
    pub(crate) fn elements(&self) -> usize {
        self.rows as usize * self.width.slots()
    }

    pub(crate) fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<RowsDone, Error> {
        let Self { noise, width, first_row, rows, blind, derivation, .. } = &self;
        let rows = first_row.checked_add((*rows).into()).map(|end| *first_row..end);
        let rows = rows.ok_or(Bug::invariant())?;
        let asked = noise.asked(*width, rows, blind, derivation, arithmetic)?;
        let mut encodings = Zeroizing::new(alloc::vec![[0; 32]; asked.len()]);
        let evaluated = self.key.evaluate_each(arithmetic, &asked, &mut encodings);
        evaluated.map_err(|_| Bug::invariant())?;
        self.width.sort_inside(&mut encodings);
        Ok(RowsDone { encodings })
    }
}

/// Unblinding of answers that are no canaries; made by the advertiser's session.
pub struct UnblindTask {
    /// Frame of EVAL they came in.
    pub(crate) frame: u32,
    pub(crate) width: RowWidth,
    /// Number of the first row among the answers that are no canaries.
    pub(crate) first_row: u64,
    pub(crate) answers: Vec<Encoded>,
    pub(crate) public_key: Encoded,
    pub(crate) keys: SessionKeys,
}

/// PRF outputs of one frame of answers.
pub(crate) struct UnblindedRows {
    pub(crate) outputs: Spilling<ResponseTag>,
}

impl UnblindTask {
    pub(crate) fn elements(&self) -> usize {
        self.answers.len()
    }

    pub(crate) fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<UnblindedRows, Error> {
        let inverse: SecretScalar = self.keys.session_blind()?.invert();
        let mut unblinded = Zeroizing::new(alloc::vec![[0; 32]; self.answers.len()]);
        arithmetic
            .multiply(&inverse, &self.answers, &mut unblinded)
            .map_err(|bad| bad_element(&bad, StreamId::Eval, self.frame))?;
        let rows = (self.first_row..).zip(unblinded.chunks(self.width.slots()));
        let elements =
            rows.flat_map(|(row, elements)| elements.iter().map(move |element| (row, element)));
        let mut outputs = Spilling::with_room(self.answers.len());
        PrfOutput::of_each_unblinded(arithmetic, &self.public_key, elements, |row, output| {
            let handle = NamedMatch { handle: *output.handle().expose_bytes() };
            outputs.push(&ResponseTag { tag: output.tag().0, handle, row: row.into() });
        });
        Ok(UnblindedRows { outputs })
    }
}

opaque_debug!(BlindRowsTask, CanaryTask, EvaluateRowsTask, NoiseRowsTask, UnblindTask);
