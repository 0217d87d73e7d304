//! Every backend and curve25519-dalek in turns, for ratios that a busy machine spoils least.
//!
//! `kernel` measures one line after the other; whatever else the machine does meanwhile ends up
//! in the ratio of two lines. Here backend and dalek alternate, A B A B, each pair gives one
//! ratio, and the median of those ratios is what is quoted. Times are processor time of the one
//! thread, where the system tells it, so that waiting for a core counts for neither side.
//!
//! The other side is curve25519-dalek's default build as a careful caller would use it: an
//! `expand_message_xmd` whose first block is hashed once for the run, multiplication by half the
//! scalar, and double-and-encode in batches; for sums, strict decoding and the variable-time
//! multi-scalar multiplication. Both sides start from the same bytes and write bytes, which are
//! compared once, before any timing.
//!
//! `cargo bench -p ristretto-batch --bench paired -- [--json FILE] [--quick]`

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ristretto_batch::{Backend, Encoded, Engine, SecretScalar};
use sha2::{Digest, Sha512};

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    match run(&mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let _ = writeln!(std::io::stderr().lock(), "paired: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything, prints the table as it grows, and writes the file that was asked for.
fn run(out: &mut impl Write) -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    let machine = Machine::here();
    let work = Work::new();
    say(out, &format!("dalek      {DALEK}"));
    say(out, &format!("rustc      {}", machine.rustc));
    say(out, &format!("processor  {} ({})", machine.model, machine.class));
    say(out, &format!("pairs      {} per pass, medians, us per element", options.pairs));
    say(out, "");
    say(
        out,
        &format!(
            "{:<12} {:<18} {:>9} {:>9} {:>7} {:>9}",
            "backend", "pass", "us", "dalek us", "ratio", "of K2"
        ),
    );
    let mut results = Vec::new();
    for engine in Engine::available().into_iter().filter_map(Engine::with_backend) {
        let result = Measured::of(&engine, &work, options.pairs)?;
        for line in result.lines() {
            say(out, &line);
        }
        results.push(result);
    }
    let Some(file) = options.json else {
        return Ok(());
    };
    std::fs::write(&file, json(&results, &machine))
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Writes one line; a closed pipe means the reader has seen enough.
fn say(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

struct Options {
    json: Option<PathBuf>,
    pairs: usize,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { json: None, pairs: PAIRS };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo adds it to every bench.
                "--bench" => {}
                "--quick" => options.pairs = PAIRS_QUICK,
                "--json" => {
                    let file = arguments.next().ok_or("`--json` needs a file")?;
                    options.json = Some(file.into());
                }
                _ => return Err(format!("unknown argument `{argument}`")),
            }
        }
        Ok(options)
    }
}

/// One kind of work, as a session does it.
#[derive(Clone, Copy)]
enum Pass {
    HashMulEncode,
    DecodeMulEncode,
    Msm,
}

impl Pass {
    fn name(self) -> &'static str {
        match self {
            Pass::HashMulEncode => "hash_mul_encode",
            Pass::DecodeMulEncode => "decode_mul_encode",
            Pass::Msm => "msm",
        }
    }

    fn elements(self) -> usize {
        match self {
            Pass::HashMulEncode | Pass::DecodeMulEncode => RUN,
            Pass::Msm => SUM,
        }
    }

    /// The work on a backend; a sum goes to the first place.
    fn on_engine(self, engine: &Engine, work: &Work, out: &mut [Encoded]) {
        let work = black_box(work);
        match self {
            Pass::HashMulEncode => engine.hash_multiply(&work.by, DST, &work.inputs, out),
            Pass::DecodeMulEncode => {
                engine.multiply(&work.by, &work.terms[..RUN], out).expect("valid elements");
            }
            Pass::Msm => {
                out[0] = engine.vartime_sum(&work.weights, &work.terms).expect("valid elements");
            }
        }
    }

    /// The same work with curve25519-dalek alone.
    fn on_dalek(self, work: &Work, out: &mut [Encoded]) {
        let work = black_box(work);
        match self {
            Pass::HashMulEncode => {
                let expander = Expander::new();
                encode_doubled(&work.inputs, out, |input| {
                    work.half * RistrettoPoint::from_uniform_bytes(&expander.expand(input))
                });
            }
            Pass::DecodeMulEncode => {
                encode_doubled(&work.terms[..RUN], out, |element| work.half * decode(element));
            }
            Pass::Msm => {
                let weights = work.weights.iter().map(|bytes| Scalar::from_bytes_mod_order(*bytes));
                let points: Vec<RistrettoPoint> = work.terms.iter().map(decode).collect();
                let sum = RistrettoPoint::vartime_multiscalar_mul(weights, &points);
                out[0] = sum.compress().to_bytes();
            }
        }
    }

    /// Alternates both sides and takes medians.
    fn measure(self, engine: &Engine, work: &Work, pairs: usize) -> Result<Figures, String> {
        let mut ours = vec![[0; 32]; RUN];
        let mut theirs = vec![[0xff; 32]; RUN];
        // Fills caches too. Only the first place of a sum is written, on both sides.
        self.on_engine(engine, work, &mut ours);
        self.on_dalek(work, &mut theirs);
        let written = if matches!(self, Pass::Msm) { 1 } else { RUN };
        if ours[..written] != theirs[..written] {
            return Err(format!("{} {}: wrong result", engine.backend(), self.name()));
        }
        let per_element = |time: Duration| time.as_secs_f64() * 1e6 / self.elements() as f64;
        let (mut us, mut dalek_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let started = now();
            self.on_engine(engine, work, black_box(&mut ours));
            let between = now();
            self.on_dalek(work, black_box(&mut theirs));
            let ended = now();
            us.push(per_element(between - started));
            dalek_us.push(per_element(ended - between));
            ratios.push((ended - between).as_secs_f64() / (between - started).as_secs_f64());
        }
        Ok(Figures { us: median(us), dalek_us: median(dalek_us), ratio: median(ratios) })
    }
}

/// Medians of one pass on one backend; times in microseconds per element.
struct Figures {
    us: f64,
    dalek_us: f64,
    /// Median of the ratios of the pairs, not the ratio of the medians.
    ratio: f64,
}

/// All passes of one backend.
struct Measured {
    backend: Backend,
    hash: Figures,
    decode: Figures,
    msm: Figures,
}

impl Measured {
    fn of(engine: &Engine, work: &Work, pairs: usize) -> Result<Self, String> {
        Ok(Measured {
            backend: engine.backend(),
            hash: Pass::HashMulEncode.measure(engine, work, pairs)?,
            decode: Pass::DecodeMulEncode.measure(engine, work, pairs)?,
            msm: Pass::Msm.measure(engine, work, pairs)?,
        })
    }

    /// What one term of a sum costs, in second passes of the same backend.
    fn msm_of_decode(&self) -> f64 {
        self.msm.us / self.decode.us
    }

    /// The lines of the table.
    fn lines(&self) -> [String; 3] {
        let line = |pass: Pass, figures: &Figures, share: &str| {
            format!(
                "{:<12} {:<18} {:>9.3} {:>9.3} {:>7.2} {share:>9}",
                self.backend.to_string(),
                pass.name(),
                figures.us,
                figures.dalek_us,
                figures.ratio
            )
        };
        [
            line(Pass::HashMulEncode, &self.hash, ""),
            line(Pass::DecodeMulEncode, &self.decode, ""),
            line(Pass::Msm, &self.msm, &format!("{:.3}", self.msm_of_decode())),
        ]
    }
}

/// What both sides work on.
struct Work {
    by: SecretScalar,
    /// Half of `by`, for the side that doubles while it encodes.
    half: Scalar,
    inputs: Vec<[u8; 45]>,
    /// Elements of the sum; the second pass takes the first of them.
    terms: Vec<Encoded>,
    weights: Vec<[u8; 32]>,
}

impl Work {
    fn new() -> Self {
        let scalar = Scalar::from_bytes_mod_order([0x5a; 32]);
        let by = SecretScalar::from_canonical_bytes(scalar.to_bytes()).expect("not refused");
        let mut terms = vec![[0; 32]; SUM];
        Engine::detect().hash_multiply(&by, DST, &inputs(SUM), &mut terms);
        let base = Scalar::from_bytes_mod_order([0x77; 32]);
        let powers = core::iter::successors(Some(base), |power| Some(power * base));
        let weights = powers.take(SUM).map(|weight| weight.to_bytes()).collect();
        Work { by, half: scalar.div_by_2(), inputs: inputs(RUN), terms, weights }
    }
}

fn inputs(len: usize) -> Vec<[u8; 45]> {
    (0..len as u64)
        .map(|i| {
            let mut input = [7; 45];
            input[..8].copy_from_slice(&i.to_le_bytes());
            input
        })
        .collect()
}

fn decode(element: &Encoded) -> RistrettoPoint {
    CompressedRistretto(*element).decompress().expect("valid elements")
}

/// Writes twice what `half` makes of each item, encoded in batches.
fn encode_doubled<T>(items: &[T], out: &mut [Encoded], half: impl Fn(&T) -> RistrettoPoint) {
    let mut halves = Vec::with_capacity(CHUNK);
    for (items, out) in items.chunks(CHUNK).zip(out.chunks_mut(CHUNK)) {
        halves.clear();
        halves.extend(items.iter().map(&half));
        for (slot, encoding) in
            out.iter_mut().zip(RistrettoPoint::double_and_compress_batch(&halves))
        {
            *slot = encoding.to_bytes();
        }
    }
}

/// `expand_message_xmd` of RFC 9380 over SHA-512 to 64 bytes, under [`DST`].
struct Expander {
    /// After the block of zeros, which every message starts with.
    padded: Sha512,
}

impl Expander {
    fn new() -> Self {
        Expander { padded: Sha512::new().chain_update([0u8; 128]) }
    }

    fn expand(&self, message: &[u8]) -> [u8; 64] {
        let tag_len = [DST.len() as u8];
        let first = self.padded.clone();
        let first = first.chain_update(message).chain_update([0, 64, 0]);
        let first = first.chain_update(DST).chain_update(tag_len).finalize();
        let only = Sha512::new().chain_update(first).chain_update([1]);
        only.chain_update(DST).chain_update(tag_len).finalize().into()
    }
}

/// Processor time that this thread has used.
#[cfg(unix)]
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.try_into().expect("no thread has used negative time")
}

/// Wall time, where the system tells no processor time.
#[cfg(not(unix))]
fn now() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// The middle value; of an even number, the upper one of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Where and with what the figures were taken.
struct Machine {
    rustc: String,
    model: String,
    /// The widest arithmetic that the processor offers to us.
    class: &'static str,
}

impl Machine {
    fn here() -> Self {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let version = Command::new(rustc).arg("--version").output().ok();
        let version = version.filter(|output| output.status.success());
        let rustc = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.trim() == "model name")
            .map(|(_, name)| name.trim().to_owned());
        let class = match Engine::available().first() {
            Some(Backend::Avx512Ifma) => "AVX-512 IFMA",
            Some(Backend::Avx2) => "AVX2",
            _ => "neither AVX-512 IFMA nor AVX2",
        };
        let unknown = || "unknown".to_owned();
        Machine {
            rustc: rustc.unwrap_or_else(unknown),
            model: model.unwrap_or_else(unknown),
            class,
        }
    }
}

/// The results for machines.
fn json(results: &[Measured], machine: &Machine) -> String {
    let figures = |pass: Pass, figures: &Figures, more: &str| {
        format!(
            "      \"{}\": {{\"us\": {:.4}, \"dalek_us\": {:.4}, \"ratio\": {:.4}{more}}}",
            pass.name(),
            figures.us,
            figures.dalek_us,
            figures.ratio
        )
    };
    let backends: Vec<String> = results
        .iter()
        .map(|result| {
            let share = format!(", \"of_decode_mul_encode\": {:.4}", result.msm_of_decode());
            let passes = [
                figures(Pass::HashMulEncode, &result.hash, ""),
                figures(Pass::DecodeMulEncode, &result.decode, ""),
                figures(Pass::Msm, &result.msm, &share),
            ];
            format!("    \"{}\": {{\n{}\n    }}", result.backend, passes.join(",\n"))
        })
        .collect();
    format!(
        "{{\n  \"backends\": {{\n{}\n  }},\n  \"dalek\": {},\n  \"rustc\": {},\n  \
         \"cpu\": {{\"model\": {}, \"class\": {}}}\n}}\n",
        backends.join(",\n"),
        quoted(DALEK),
        quoted(&machine.rustc),
        quoted(&machine.model),
        quoted(machine.class)
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

const RUN: usize = 4_096;

/// One frame of the largest size that a proof covers.
const SUM: usize = 32_768;

/// Elements that the other side encodes at once.
const CHUNK: usize = 512;

const PAIRS: usize = 11;

const PAIRS_QUICK: usize = 3;

const DST: &[u8; 47] = b"kernel-v01-ristretto255_XMD:SHA-512_R255MAP_RO_";

const DALEK: &str = "5.0.0 default build";
