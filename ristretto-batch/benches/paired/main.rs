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
//! Where the port bound of a pass is known, its cycles are printed too, by an estimate of the
//! clock.
//!
//! `cargo bench -p ristretto-batch --bench paired -- [--json FILE] [--quick] [--serve]`

mod cycles;
mod serve;
mod work;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use ristretto_batch::{Backend, Engine};

use cycles::Cycles;
use work::{Pass, Work, dalek_backend, now};

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
    let work = Work::new();
    if options.serve {
        return serve::run(&work, &mut std::io::stdin().lock(), out);
    }
    let machine = Machine::here();
    say(out, &format!("dalek      {DALEK}, backend {}", dalek_backend()));
    say(out, &format!("rustc      {}", machine.rustc));
    say(out, &format!("processor  {} ({})", machine.model, machine.class));
    say(out, &format!("pairs      {} per pass, medians, us per element", options.pairs));
    say(out, "");
    say(
        out,
        &format!(
            "{:<12} {:<18} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
            "backend", "pass", "us", "dalek us", "ratio", "of K2", "cycles", "of bound"
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
    /// Measure what standard input asks for, one line after the other.
    serve: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Options { json: None, pairs: PAIRS, serve: false };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // Cargo adds it to every bench.
                "--bench" => {}
                "--quick" => options.pairs = PAIRS_QUICK,
                "--serve" => options.serve = true,
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

/// Medians of one pass on one backend; times in microseconds per element.
struct Figures {
    us: f64,
    dalek_us: f64,
    /// Median of the ratios of the pairs, not the ratio of the medians.
    ratio: f64,
    /// Where the fewest possible were counted.
    cycles: Option<Cycles>,
}

impl Figures {
    /// Alternates both sides and takes medians.
    fn of(pass: Pass, engine: &Engine, work: &Work, pairs: usize) -> Result<Self, String> {
        let mut ours = vec![[0; 32]; pass.written()];
        let mut theirs = vec![[0xff; 32]; pass.written()];
        // Fills caches too.
        pass.on_engine(engine, work, &mut ours);
        pass.on_dalek(work, &mut theirs);
        if ours != theirs {
            return Err(format!("{} {}: wrong result", engine.backend(), pass.name()));
        }
        let per_element = |time: Duration| time.as_secs_f64() * 1e6 / pass.elements() as f64;
        let (mut us, mut dalek_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..pairs {
            let started = now();
            pass.on_engine(engine, work, black_box(&mut ours));
            let between = now();
            pass.on_dalek(work, black_box(&mut theirs));
            let ended = now();
            us.push(per_element(between - started));
            dalek_us.push(per_element(ended - between));
            ratios.push((ended - between).as_secs_f64() / (between - started).as_secs_f64());
        }
        Ok(Figures {
            us: median(us),
            dalek_us: median(dalek_us),
            ratio: median(ratios),
            cycles: Cycles::of(pass, engine, work, pairs),
        })
    }
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
            hash: Figures::of(Pass::HashMulEncode, engine, work, pairs)?,
            decode: Figures::of(Pass::DecodeMulEncode, engine, work, pairs)?,
            msm: Figures::of(Pass::Msm, engine, work, pairs)?,
        })
    }

    /// What one term of a sum costs, in second passes of the same backend.
    fn msm_of_decode(&self) -> f64 {
        self.msm.us / self.decode.us
    }

    /// The lines of the table.
    fn lines(&self) -> [String; 3] {
        let line = |pass: Pass, figures: &Figures, share: &str| {
            let cycles = figures.cycles.as_ref();
            let cycles = cycles.map(|one| format!("{:>9.0} {:>9.2}", one.fewest, one.of_bound()));
            let line = format!(
                "{:<12} {:<18} {:>9.3} {:>9.3} {:>7.2} {share:>9} {}",
                self.backend.to_string(),
                pass.name(),
                figures.us,
                figures.dalek_us,
                figures.ratio,
                cycles.unwrap_or_default()
            );
            line.trim_end().to_owned()
        };
        [
            line(Pass::HashMulEncode, &self.hash, ""),
            line(Pass::DecodeMulEncode, &self.decode, ""),
            line(Pass::Msm, &self.msm, &format!("{:.3}", self.msm_of_decode())),
        ]
    }
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
        let cycles = figures.cycles.as_ref().map(|cycles| {
            format!(
                ", \"cycles\": {:.0}, \"cycles_median\": {:.0}, \"bound\": {:.0}, \
                 \"of_bound\": {:.4}",
                cycles.fewest,
                cycles.median,
                cycles.bound,
                cycles.of_bound()
            )
        });
        let cycles = cycles.unwrap_or_default();
        format!(
            "      \"{}\": {{\"us\": {:.4}, \"dalek_us\": {:.4}, \"ratio\": {:.4}{more}{cycles}}}",
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
        "{{\n  \"backends\": {{\n{}\n  }},\n  \"dalek\": {},\n  \"dalek_backend\": {},\n  \
         \"rustc\": {},\n  \"cpu\": {{\"model\": {}, \"class\": {}}}\n}}\n",
        backends.join(",\n"),
        quoted(DALEK),
        quoted(dalek_backend()),
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

const PAIRS: usize = 11;

const PAIRS_QUICK: usize = 3;

const DALEK: &str = "5.0.0 default build";
