//! Arithmetic of one frame: owned, pure, runnable anywhere and in any order.
//!
//! Opaque frames are opened in a task: strict decode and multiplication are one pass of the
//! batch engine, so no path reads an undecoded element.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroizing;

use crate::advertiser::canary::CanaryRows;
pub use crate::row_task::{
    BlindRowsTask, CanaryTask, EvaluateRowsTask, NoiseRowsTask, UnblindTask,
};
use crate::row_task::{RowsDone, UnblindedRows};
use crate::spills::{Hit, OwnTag, Spilling};
use protocol::codec::{RawFrame, StreamId};
use protocol::error::{Bug, Error};
use protocol::group::{BadElement, BatchArithmetic, Encoded, SecretScalar};
use protocol::identifier::{Identifier, PrfInput};
use protocol::oprf::{MatchTag, PrfKey};
use protocol::proof::{self, EvaluationVerified, eval_context, split_eval};
use protocol::seed::SessionKeys;
use protocol::suite::{Aligned, Order, SuiteId};

/// Work on one frame.
pub enum Task {
    /// Blinds a frame of the advertiser, aligned order.
    Blind(BlindTask),
    /// Evaluates and proves a frame, aligned order.
    Evaluate(EvaluateTask),
    /// Verifies, unblinds and finalizes a frame, aligned order.
    Finalize(FinalizeTask),
    /// Fills and blinds rows of the advertiser, shuffled order.
    BlindRows(BlindRowsTask),
    /// Makes canary rows and their answers, shuffled order.
    Canaries(CanaryTask),
    /// Evaluates a frame of rows, shuffled order.
    EvaluateRows(EvaluateRowsTask),
    /// Makes and evaluates noise rows, shuffled order.
    NoiseRows(NoiseRowsTask),
    /// Unblinds answers that are no canaries, shuffled order.
    Unblind(UnblindTask),
}

impl Task {
    /// Does the work. A breach by the peer that it finds is inside the result.
    #[must_use]
    pub fn run(self, arithmetic: &dyn BatchArithmetic) -> Computed {
        Computed(match self {
            Self::Blind(task) => task.run(arithmetic).map(Done::Blinded),
            Self::Evaluate(task) => task.run(arithmetic).map(Done::Evaluated),
            Self::Finalize(task) => task.run(arithmetic).map(Done::Finalized),
            Self::BlindRows(task) => task.run(arithmetic).map(Done::RowsBlinded),
            Self::Canaries(task) => task.run(arithmetic).map(Done::Canaries),
            Self::EvaluateRows(task) => task.run(arithmetic).map(Done::RowsEvaluated),
            Self::NoiseRows(task) => task.run(arithmetic).map(Done::NoiseRows),
            Self::Unblind(task) => task.run(arithmetic).map(Done::Unblinded),
        })
    }

    /// Elements the task works on, for progress.
    #[must_use]
    pub fn elements(&self) -> usize {
        match self {
            Self::Blind(task) => task.slots.len(),
            Self::Evaluate(task) => task.blinded.encodings().len(),
            Self::Finalize(task) => task.blinded.blinded.len(),
            Self::BlindRows(task) => task.elements(),
            Self::Canaries(task) => task.elements(),
            Self::EvaluateRows(task) => task.elements(),
            Self::NoiseRows(task) => task.elements(),
            Self::Unblind(task) => task.elements(),
        }
    }

    /// Name of the work, for progress.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Blind(_) | Self::BlindRows(_) => "blind",
            Self::Canaries(_) => "canaries",
            Self::Evaluate(_) | Self::EvaluateRows(_) => "evaluate",
            Self::NoiseRows(_) => "noise",
            Self::Finalize(_) | Self::Unblind(_) => "finalize",
        }
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {} elements)", self.name(), self.elements())
    }
}

/// The result of a task, to be handed back to its session.
pub struct Computed(pub(crate) Result<Done, Error>);

impl fmt::Debug for Computed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(_) => f.write_str("Computed(..)"),
            Err(error) => write!(f, "Computed({error})"),
        }
    }
}

/// Opaque `Debug` for what holds secrets or whole frames.
macro_rules! opaque_debug {
    ($($name:ident),+) => { $(
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+ };
}
pub(crate) use opaque_debug;
opaque_debug!(BlindSlot, BlindTask, BlindedFrame, EvaluateTask, EvaluatedFrame, FinalizeTask);

pub(crate) enum Done {
    Blinded(BlindedFrame),
    Evaluated(EvaluatedFrame),
    Finalized(FinalizedFrame),
    RowsBlinded(RowsDone),
    Canaries(CanaryRows),
    RowsEvaluated(RowsDone),
    NoiseRows(RowsDone),
    Unblinded(UnblindedRows),
}

/// Position of the padded sequence.
pub(crate) enum BlindSlot {
    Real { element: u64, identifier: Identifier },
    Padding,
}

/// Blinding of one frame; made by the advertiser's session.
pub struct BlindTask {
    pub(crate) frame: u32,
    /// Position of the first slot in the padded sequence.
    pub(crate) first: u64,
    pub(crate) slots: Vec<BlindSlot>,
    pub(crate) keys: SessionKeys,
}

/// A frame that was blinded, with what is needed to finalize its answer.
pub(crate) struct BlindedFrame {
    pub(crate) frame: u32,
    pub(crate) blinded: Vec<Encoded>,
    /// Places of the real slots in the frame, and the element of each.
    pub(crate) reals: Vec<RealSlot>,
    pub(crate) blinds: Vec<SecretScalar>,
}

pub(crate) struct RealSlot {
    pub(crate) at: usize,
    pub(crate) element: u64,
    pub(crate) input: PrfInput,
}

impl BlindTask {
    fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<BlindedFrame, Error> {
        let count = self.slots.len();
        // With room from the start: a vector that grows leaves its secrets behind unwiped.
        let (mut reals, mut inputs) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut paddings = Vec::with_capacity(count);
        for (at, slot) in self.slots.iter().enumerate() {
            match slot {
                BlindSlot::Real { element, identifier } => {
                    let input = PrfInput::of(identifier);
                    inputs.push(input.clone());
                    reals.push(RealSlot { at, element: *element, input });
                }
                BlindSlot::Padding => paddings.push(at),
            }
        }
        // Positions of a frame, whose last one is checked here.
        self.first.checked_add(count as u64).ok_or(Bug::invariant())?;
        let position = |at: usize| self.first + at as u64;
        let elements = reals.iter().map(|real: &RealSlot| (position(real.at), &real.input));
        let blinds = self.keys.element_blinds(arithmetic, elements)?;
        // w_j·G is uniform, as a blinded element is: the provider cannot tell them apart.
        let canaries = self.keys.canaries(arithmetic, paddings.iter().map(|at| position(*at)))?;
        let mut encoded = alloc::vec![[0; 32]; inputs.len()];
        let dst = Aligned::SUITE.hash_to_group();
        arithmetic.hash_multiply_each(&blinds, dst, &inputs, &mut encoded);
        let mut padding = alloc::vec![[0; 32]; canaries.len()];
        arithmetic.multiply_base_each(&canaries, &mut padding);
        let mut blinded = alloc::vec![[0; 32]; count];
        let reals_at = reals.iter().map(|real| real.at).zip(encoded);
        for (at, encoding) in reals_at.chain(paddings.into_iter().zip(padding)) {
            if let Some(slot) = blinded.get_mut(at) {
                *slot = encoding;
            }
        }
        Ok(BlindedFrame { frame: self.frame, blinded, reals, blinds })
    }
}

/// Evaluation and proof of one frame; made by the provider's session.
pub struct EvaluateTask {
    pub(crate) blinded: RawFrame,
    pub(crate) key: Arc<PrfKey<Aligned>>,
    pub(crate) sid: [u8; 32],
}

pub(crate) struct EvaluatedFrame {
    pub(crate) frame: u32,
    pub(crate) last: bool,
    pub(crate) elements: u32,
    /// Evaluated elements, then the frame proof.
    pub(crate) payload: Vec<u8>,
}

impl EvaluateTask {
    fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<EvaluatedFrame, Error> {
        let header = self.blinded.header;
        let blinded = self.blinded.encodings();
        let mut evaluated = alloc::vec![[0; 32]; blinded.len()];
        self.key
            .evaluate_each(arithmetic, blinded, &mut evaluated)
            .map_err(|bad| bad_element(&bad, StreamId::Blind, header.index))?;
        let context = eval_context(&self.sid, header.index);
        let proof = proof::prove(arithmetic, &self.key, &context, blinded, &evaluated)?;
        let mut payload = evaluated.as_flattened().to_vec();
        payload.extend_from_slice(&proof.encode());
        Ok(EvaluatedFrame {
            frame: header.index,
            last: header.is_last(),
            elements: header.elements,
            payload,
        })
    }
}

/// Check and finalization of one frame; made by the advertiser's session.
pub struct FinalizeTask {
    pub(crate) blinded: BlindedFrame,
    pub(crate) evaluated: RawFrame,
    pub(crate) public_key: Encoded,
    pub(crate) sid: [u8; 32],
}

pub(crate) struct FinalizedFrame {
    pub(crate) evidence: EvaluationVerified,
    /// Tags of the real elements.
    pub(crate) tags: Spilling<OwnTag>,
}

impl FinalizeTask {
    fn run(self, arithmetic: &dyn BatchArithmetic) -> Result<FinalizedFrame, Error> {
        let frame = self.evaluated.header.index;
        let fail = |violation| Error::peer(violation, StreamId::Eval.code(), frame);
        let elements = self.blinded.blinded.len();
        let (evaluated, proof) = split_eval(&self.evaluated, elements).map_err(fail)?;
        let context = eval_context(&self.sid, frame);
        let evidence = proof::verify(
            arithmetic,
            SuiteId::Aligned,
            &self.public_key,
            &context,
            &self.blinded.blinded,
            evaluated,
            &proof,
        )
        .map_err(fail)?;
        let reals = &self.blinded.reals;
        let answers: Vec<Encoded> =
            reals.iter().filter_map(|real| evaluated.get(real.at).copied()).collect();
        let inverses = SecretScalar::invert_all(&self.blinded.blinds);
        let mut unblinded = Zeroizing::new(alloc::vec![[0; 32]; answers.len()]);
        arithmetic
            .multiply_each(&inverses, &answers, &mut unblinded)
            .map_err(|bad| bad_element(&bad, StreamId::Eval, frame))?;
        let mut tags = Spilling::with_room(reals.len());
        let pairs = reals.iter().zip(unblinded.iter());
        let pairs = pairs.map(|(real, unblinded)| (real.element, &real.input, unblinded));
        MatchTag::finalize_each(arithmetic, pairs, |element, tag| {
            tags.push(&OwnTag { tag: tag.0, hit: Hit { element: element.into() } });
        });
        Ok(FinalizedFrame { evidence, tags })
    }
}

pub(crate) fn bad_element(bad: &BadElement, stream: StreamId, frame: u32) -> Error {
    Error::peer(bad.violation, stream.code(), frame)
}
