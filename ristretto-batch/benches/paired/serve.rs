//! Measuring on request, so that binaries of different builds can take turns.
//!
//! curve25519-dalek chooses its backend when it is compiled, so one binary cannot hold two of
//! them. `cargo xtask bench kernel --native` starts one binary of each build and asks them in
//! turns. The first line that is written names the backend of this binary's curve25519-dalek and
//! then our backends. Each line that is read is `SIDE PASS`, where the side is `dalek` or a
//! backend; the answer is the time in microseconds per element, and a digest of what was written,
//! by which the two binaries are compared.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, Write};

use ristretto_batch::Engine;
use sha2::{Digest, Sha512};

use crate::work::{Pass, Work, dalek_backend, now};

/// Answers until the input ends.
pub(crate) fn run(
    work: &Work,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<(), String> {
    let engines: Vec<Engine> =
        Engine::available().into_iter().filter_map(Engine::with_backend).collect();
    let mut first = dalek_backend().to_owned();
    for engine in &engines {
        let _ = write!(first, " {}", engine.backend());
    }
    answer(out, &first)?;
    for line in input.lines() {
        let line = line.map_err(|error| format!("cannot read a request: {error}"))?;
        let asked = line.split_once(' ').and_then(|(side, name)| {
            let pass = Pass::ALL.into_iter().find(|pass| pass.name() == name)?;
            let engine = engines.iter().find(|engine| engine.backend().to_string() == side);
            (engine.is_some() || side == "dalek").then_some((engine, pass))
        });
        let Some((engine, pass)) = asked else {
            return Err(format!("no such request: `{line}`"));
        };
        answer(out, &measured(engine, pass, work))?;
    }
    Ok(())
}

/// One measurement, on a backend or with curve25519-dalek.
fn measured(engine: Option<&Engine>, pass: Pass, work: &Work) -> String {
    let mut written = vec![[0; 32]; pass.written()];
    let started = now();
    match engine {
        Some(engine) => pass.on_engine(engine, work, black_box(&mut written)),
        None => pass.on_dalek(work, black_box(&mut written)),
    }
    let time = now() - started;
    let us = time.as_secs_f64() * 1e6 / pass.elements() as f64;
    let digest = Sha512::digest(written.as_flattened());
    digest[..16].iter().fold(format!("{us:.4} "), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn answer(out: &mut impl Write, line: &str) -> Result<(), String> {
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("cannot answer: {error}"))
}
