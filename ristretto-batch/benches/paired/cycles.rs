//! How far a pass is from what the ports of the processor allow, in cycles.
//!
//! An estimate: no counter of the processor is read. Before and after each call, a chain of
//! additions that depend on each other tells the clock, which code with registers of 512 bits
//! lowers for longer than the chain lasts. Whatever else a machine does only adds cycles, so the
//! calls are short, those during which the clock changed or a chain was interrupted are dropped,
//! and the distance is taken at the first decile of the rest; the median stands beside it. A
//! neighbour on the same core takes ports away without slowing the chain, and so counts against
//! the pass.

use std::hint::black_box;

use ristretto_batch::{Backend, Engine};

use crate::work::{CHUNK, Pass, Work, now};

/// Cycles of the processor per element.
pub(crate) struct Cycles {
    /// At the first decile.
    pub(crate) fewest: f64,
    pub(crate) median: f64,
    /// What two busy ports need.
    pub(crate) bound: f64,
}

impl Cycles {
    /// Measures a pass whose bound is known; nothing if the clock was never steady.
    pub(crate) fn of(pass: Pass, engine: &Engine, work: &Work, pairs: usize) -> Option<Self> {
        let bound = port_bound(pass, engine.backend())?;
        let mut out = vec![[0; 32]; CHUNK];
        let mut cycles = Vec::new();
        for _ in 0..pairs * CALLS {
            let before = clock();
            let started = now();
            pass.on_engine(engine, work, black_box(&mut out));
            let time = now() - started;
            let after = clock();
            if (before - after).abs() < STEADY * after {
                cycles.push(time.as_secs_f64() * (before + after) / 2.0 / CHUNK as f64);
            }
        }
        cycles.sort_by(f64::total_cmp);
        let fewest = *cycles.get(cycles.len() / 10)?;
        let median = *cycles.get(cycles.len() / 2)?;
        Some(Cycles { fewest, median, bound })
    }

    /// The share of the bound that is reached.
    pub(crate) fn of_bound(&self) -> f64 {
        self.bound / self.fewest
    }
}

/// Cycles of one element if both ports that calculate with 512 bits are busy in each of them:
/// the instructions that need one of the two, divided by two ports and eight lanes.
fn port_bound(pass: Pass, backend: Backend) -> Option<f64> {
    match (backend, pass) {
        (Backend::Avx512Ifma, Pass::HashMulEncode) => Some(14_200.0),
        (Backend::Avx512Ifma, Pass::DecodeMulEncode) => Some(12_600.0),
        _ => None,
    }
}

/// Cycles per second at this moment.
fn clock() -> f64 {
    let started = now();
    black_box(dependent_cycles());
    CHAIN as f64 / (now() - started).as_secs_f64()
}

/// Takes [`CHAIN`] cycles: as many additions and exclusive ors, each of which needs the one before
/// and takes one cycle on every processor whose bound is known here.
///
/// The operands are unknown to the compiler, which would fold a chain of constants, and stand in
/// registers, because some processors add a constant in no time.
#[inline(never)]
fn dependent_cycles() -> u64 {
    let (mut value, add, flip) = (black_box(1u64), black_box(3u64), black_box(5u64));
    for _ in 0..CHAIN / 16 {
        for _ in 0..8 {
            value = value.wrapping_add(add) ^ flip;
        }
    }
    value
}

/// Some 60 microseconds: shorter than a processor keeps the clock of what ran before, and long
/// against the call that reads the time.
const CHAIN: u64 = 160_000;

/// Calls of a chunk for each pair of the ratios.
const CALLS: usize = 40;

/// The largest change of the clock during a call that counts, as a share.
const STEADY: f64 = 0.01;
