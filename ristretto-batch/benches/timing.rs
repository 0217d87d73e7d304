//! Whether running time depends on secrets: Welch's t-test over fixed against random ones.
//!
//! The method of dudect: two classes of calls in random order, one with a fixed secret and one
//! with fresh secrets, both prepared alike and in the same memory before the clock starts; slow
//! outliers, which the machine causes, are cropped at several percentiles, and the largest |t|
//! is what is printed. A |t| beyond about 10 that grows with the number of samples is a leak;
//! one sample is one call on a small run of elements.
//!
//! Two controls, a variable-time multiplication and a comparison that stops early, must be found
//! to leak, or the measurement proves nothing.
//!
//! `cargo bench -p ristretto-batch --bench timing -- [--samples N] [--fail-above T]`

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use ristretto_batch::{Encoded, Engine, SecretScalar};
use sha2::{Digest, Sha512};

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr().lock(), "timing: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures every case and judges at the end, so that one leak does not hide another.
fn run(out: &mut impl Write) -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut random = Random::new();
    let mut faults = Vec::new();
    say(out, &format!("{:<12} {:<30} {:>9}", "backend", "secret, fixed against random", "max |t|"));
    for control in [Control::DoubleAndAdd, Control::EarlyExit] {
        let t = control.measure(options.samples, &mut random);
        say(out, &format!("{:<12} {:<30} {t:>9.1}", "control", control.name()));
        if t < CONTROL_MIN {
            faults.push(format!("control {}: |t| {t:.1}, not found to leak", control.name()));
        }
    }
    for engine in Engine::available().into_iter().filter_map(Engine::with_backend) {
        let backend = engine.backend().to_string();
        for case in CASES {
            let t = case.measure(&engine, options.samples, &mut random);
            say(out, &format!("{backend:<12} {:<30} {t:>9.1}", case.name()));
            if options.fail_above.is_some_and(|limit| t > limit) {
                faults.push(format!("{backend} {}: |t| {t:.1}", case.name()));
            }
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
}

/// Writes one line; a closed pipe means the reader has seen enough.
fn say(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

struct Options {
    samples: usize,
    /// Largest |t| of a case that passes; none passes every case.
    fail_above: Option<f64>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { samples: SAMPLES, fail_above: None };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("`{argument}` needs a number"));
            let wrong = |value: &str| format!("`{argument}` cannot be `{value}`");
            match argument.as_str() {
                // Cargo adds it to every bench.
                "--bench" => {}
                "--samples" => {
                    let value = value()?;
                    let samples = value.parse().ok().filter(|samples| *samples >= SAMPLES_MIN);
                    options.samples = samples.ok_or_else(|| wrong(&value))?;
                }
                "--fail-above" => {
                    let value = value()?;
                    let limit = value.parse().ok().filter(|limit: &f64| *limit > 0.0);
                    options.fail_above = Some(limit.ok_or_else(|| wrong(&value))?);
                }
                _ => return Err(format!("unknown argument `{argument}`")),
            }
        }
        Ok(options)
    }
}

/// One operation and which of its secrets varies.
#[derive(Clone, Copy)]
enum Case {
    MultiplyScalar,
    MultiplyElements,
    HashMultiplyScalar,
    HashMultiplyInputs,
    MultiplyEachScalars,
    MultiplyEachElements,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::MultiplyScalar => "multiply, scalar",
            Case::MultiplyElements => "multiply, elements",
            Case::HashMultiplyScalar => "hash_multiply, scalar",
            Case::HashMultiplyInputs => "hash_multiply, inputs",
            Case::MultiplyEachScalars => "multiply_each, scalars",
            Case::MultiplyEachElements => "multiply_each, elements",
        }
    }

    /// Prepares a call of one class. Random values are drawn and copied in both, and dropped in
    /// one, so that caches do not tell the classes apart.
    fn prepare(self, call: &mut Call, fixed: &Call, vary: bool, random: &mut Random) {
        match self {
            Case::MultiplyScalar | Case::HashMultiplyScalar | Case::MultiplyEachScalars => {
                let fresh = random.scalars();
                call.scalars.clone_from_slice(if vary { &fresh } else { &fixed.scalars });
            }
            Case::MultiplyElements | Case::MultiplyEachElements => {
                let fresh = random.elements();
                call.elements.copy_from_slice(if vary { &fresh } else { &fixed.elements });
            }
            Case::HashMultiplyInputs => {
                let fresh = random.inputs();
                call.inputs.copy_from_slice(if vary { &fresh } else { &fixed.inputs });
            }
        }
    }

    fn run(self, engine: &Engine, call: &Call, out: &mut [Encoded]) {
        let by = &call.scalars[0];
        match self {
            Case::MultiplyScalar | Case::MultiplyElements => {
                engine.multiply(by, &call.elements, out).expect("valid elements");
            }
            Case::HashMultiplyScalar | Case::HashMultiplyInputs => {
                engine.hash_multiply(by, DST, &call.inputs, out);
            }
            Case::MultiplyEachScalars | Case::MultiplyEachElements => {
                engine.multiply_each(&call.scalars, &call.elements, out).expect("valid elements");
            }
        }
    }

    fn measure(self, engine: &Engine, samples: usize, random: &mut Random) -> f64 {
        // Half of the fixed scalar, which the backends multiply by, has two ones; the fixed
        // elements are all the same.
        let fixed = Call {
            scalars: vec![scalar(Scalar::from(6u8)); RUN],
            elements: vec![random.elements()[0]; RUN],
            inputs: vec![[0; 45]; RUN],
        };
        let mut call = fixed.clone();
        let mut out = vec![[0; 32]; RUN];
        let prepare = |call: &mut Call, vary, random: &mut Random| {
            self.prepare(call, &fixed, vary, random);
        };
        largest_t(samples, random, &mut call, prepare, |call| {
            self.run(engine, black_box(call), black_box(&mut out));
        })
    }
}

/// The arguments of one call.
#[derive(Clone)]
struct Call {
    scalars: Vec<SecretScalar>,
    elements: Vec<Encoded>,
    inputs: Vec<[u8; 45]>,
}

/// Code that is known to leak.
#[derive(Clone, Copy)]
enum Control {
    DoubleAndAdd,
    EarlyExit,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Control::DoubleAndAdd => "double and add, scalar",
            Control::EarlyExit => "early exit, compared bytes",
        }
    }

    fn measure(self, samples: usize, random: &mut Random) -> f64 {
        match self {
            Control::DoubleAndAdd => {
                let point = RistrettoPoint::mul_base(&Scalar::from(7u8));
                let fixed = Scalar::from(3u8);
                let prepare = |scalar: &mut Scalar, vary, random: &mut Random| {
                    let fresh = random.scalar();
                    *scalar = if vary { fresh } else { fixed };
                };
                largest_t(samples, random, &mut fixed.clone(), prepare, |scalar| {
                    black_box(double_and_add(black_box(scalar), &point));
                })
            }
            Control::EarlyExit => {
                let secret = [0x5a; COMPARED];
                // The fixed guess is right to its end, a random one wrong at its start.
                let prepare = |guess: &mut [u8; COMPARED], vary, random: &mut Random| {
                    let fresh = random.block();
                    *guess = secret;
                    if vary {
                        guess[..64].copy_from_slice(&fresh);
                    }
                };
                largest_t(samples, random, &mut secret.clone(), prepare, |guess| {
                    black_box(equal_early_exit(black_box(guess), &secret));
                })
            }
        }
    }
}

/// A multiplication as textbooks write it: its running time is the length of the scalar and the
/// number of its ones.
fn double_and_add(scalar: &Scalar, point: &RistrettoPoint) -> RistrettoPoint {
    let bit = |at: usize| (scalar.as_bytes()[at / 8] >> (at % 8)) & 1 == 1;
    let mut product = RistrettoPoint::identity();
    for at in (0..256).rev().skip_while(|at| !bit(*at)) {
        product += product;
        if bit(at) {
            product += point;
        }
    }
    product
}

/// A comparison that stops at the first difference.
fn equal_early_exit(left: &[u8], right: &[u8]) -> bool {
    for (left, right) in left.iter().zip(right) {
        if black_box(*left) != *right {
            return false;
        }
    }
    true
}

/// Times calls of both classes in random order and gives the largest |t| over all croppings.
fn largest_t<Input>(
    samples: usize,
    random: &mut Random,
    input: &mut Input,
    prepare: impl Fn(&mut Input, bool, &mut Random),
    mut call: impl FnMut(&Input),
) -> f64 {
    let mut times: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    // The first calls only fill caches.
    for sample in 0..samples + WARM {
        let vary = random.block()[0] & 1 == 1;
        prepare(input, vary, random);
        let started = Instant::now();
        call(input);
        let time = started.elapsed().as_nanos() as f64;
        if sample >= WARM {
            times[usize::from(vary)].push(time);
        }
    }
    let mut sorted: Vec<f64> = times.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    CROPPINGS
        .iter()
        .map(|share| {
            let last = (sorted.len() as f64 * share) as usize;
            let limit = sorted[last.min(sorted.len() - 1)];
            let [fixed, varied] = &times;
            welch(&Moments::up_to(limit, fixed), &Moments::up_to(limit, varied)).abs()
        })
        .fold(0.0, f64::max)
}

/// Count, mean and variance of the times that a cropping leaves.
struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn up_to(limit: f64, times: &[f64]) -> Self {
        let kept = || times.iter().copied().filter(|time| *time <= limit);
        let count = kept().count() as f64;
        let mean = kept().sum::<f64>() / count;
        let squares: f64 = kept().map(|time| (time - mean) * (time - mean)).sum();
        Moments { count, mean, variance: squares / (count - 1.0) }
    }
}

/// Welch's t; 0 where a class has too few samples left to say anything.
fn welch(left: &Moments, right: &Moments) -> f64 {
    if left.count < KEPT_MIN || right.count < KEPT_MIN {
        return 0.0;
    }
    let error = left.variance / left.count + right.variance / right.count;
    if error == 0.0 { 0.0 } else { (left.mean - right.mean) / error.sqrt() }
}

/// Repeatable bytes: SHA-512 of a counter.
struct Random {
    counter: u64,
}

impl Random {
    fn new() -> Self {
        Random { counter: 0 }
    }

    fn block(&mut self) -> [u8; 64] {
        self.counter += 1;
        Sha512::digest(self.counter.to_le_bytes()).into()
    }

    fn scalar(&mut self) -> Scalar {
        Scalar::from_bytes_mod_order_wide(&self.block())
    }

    fn scalars(&mut self) -> Vec<SecretScalar> {
        (0..RUN).map(|_| scalar(self.scalar())).collect()
    }

    fn elements(&mut self) -> Vec<Encoded> {
        let points: Vec<RistrettoPoint> =
            (0..RUN).map(|_| RistrettoPoint::mul_base(&self.scalar())).collect();
        let encodings = RistrettoPoint::double_and_compress_batch(&points);
        encodings.iter().map(|encoding| encoding.to_bytes()).collect()
    }

    fn inputs(&mut self) -> Vec<[u8; 45]> {
        (0..RUN)
            .map(|_| {
                let mut input = [0; 45];
                input.copy_from_slice(&self.block()[..45]);
                input
            })
            .collect()
    }
}

fn scalar(scalar: Scalar) -> SecretScalar {
    SecretScalar::from_canonical_bytes(scalar.to_bytes()).expect("not a refused scalar")
}

/// Elements of one call: the smallest run that fills every lane of every backend.
const RUN: usize = 32;

const SAMPLES: usize = 4_000;

const SAMPLES_MIN: usize = 200;

const WARM: usize = 50;

/// Fewest samples of a class that a cropping may leave.
const KEPT_MIN: f64 = 50.0;

/// Shares of all samples, the fastest, that the test looks at in turn.
const CROPPINGS: [f64; 8] = [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0];

/// What a control must reach.
const CONTROL_MIN: f64 = 50.0;

/// Bytes of the comparison, enough for a clock that counts in tens of nanoseconds.
const COMPARED: usize = 1_024;

const CASES: [Case; 6] = [
    Case::MultiplyScalar,
    Case::MultiplyElements,
    Case::HashMultiplyScalar,
    Case::HashMultiplyInputs,
    Case::MultiplyEachScalars,
    Case::MultiplyEachElements,
];

const DST: &[u8] = b"timing-v01-ristretto255_XMD:SHA-512_R255MAP_RO_";
