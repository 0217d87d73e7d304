//! The compiled ladder: no call and no branch in its loop, and as many multiplications as counted.
//!
//! A helper that was not inlined, or a multiplication that the compiler rewrote, gives the right
//! bytes many times too slowly; only the instructions show it.
#![cfg(target_arch = "x86_64")]

mod common;

use std::process::Command;

use common::{Random, engines, multiply, say};
use ristretto_batch::Backend;

#[test]
fn the_ladder_is_straight_code() {
    let program = std::env::current_exe().expect("a test has a path");
    let output = Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(program).output();
    let Ok(output) = output else {
        say("hot_loop: NOT RUN, this machine has no objdump");
        return;
    };
    // Nothing is compiled in that nobody calls.
    let mut random = Random::seeded("the_ladder_is_straight_code");
    let (by, elements) = (random.scalar(), random.elements(1));
    for engine in engines() {
        multiply(engine, &by, &elements);
    }
    let listing = String::from_utf8_lossy(&output.stdout);
    for (backend, module, multiplication, least, most) in LADDERS {
        let body = largest_loop(&listing, module);
        let count = |prefix: &str| body.iter().filter(|line| line.starts_with(prefix)).count();
        let multiplications = count(multiplication);
        say(&format!(
            "hot_loop: {backend}: {} instructions, {multiplications} multiplications",
            body.len()
        ));
        assert_eq!(count("call"), 0, "{backend}: the ladder calls a function");
        assert_eq!(count("j"), 1, "{backend}: the ladder branches inside a step");
        assert!(
            (least..=most).contains(&multiplications),
            "{backend}: {multiplications} multiplications in a step, not {least} to {most}"
        );
    }
}

/// The instructions of the longest loop of the ladder's stage.
fn largest_loop<'a>(listing: &'a str, module: &str) -> Vec<&'a str> {
    let functions = listing.split("\n\n");
    let is_ladder = |function: &&str| {
        let name = function.trim_start().lines().next().unwrap_or_default();
        name.contains(module) && name.contains("half_product") && name.contains("stage")
    };
    let ladder = functions.filter(is_ladder).max_by_key(|function| function.len());
    let ladder = ladder.expect("the ladder is a function of its own");
    let instructions: Vec<(u64, &str)> = ladder.lines().filter_map(instruction).collect();
    let position = |address: u64| instructions.iter().position(|(at, _)| *at == address);
    let loops = instructions.iter().enumerate().filter_map(|(end, (_, text))| {
        let target = text.strip_prefix('j')?.split_whitespace().nth(1)?;
        let start = position(u64::from_str_radix(target, 16).ok()?)?;
        (start < end).then_some((start, end))
    });
    let (start, end) = loops.max_by_key(|(start, end)| end - start).expect("a loop");
    instructions[start..=end].iter().map(|(_, text)| *text).collect()
}

/// Address and text of one line of the listing.
fn instruction(line: &str) -> Option<(u64, &str)> {
    let (address, text) = line.trim_start().split_once(':')?;
    Some((u64::from_str_radix(address, 16).ok()?, text.trim()))
}

/// A step has 5 products, 4 squares and a small product. With fused multiplication that is
/// 5·50 + 4·30 + 8·9 + 2 + 11 and some; in halves 5·81 + 4·45 + 9·9 + 9.
const LADDERS: [(Backend, &str, &str, usize, usize); 2] = [
    (Backend::Avx512Ifma, "ifma", "vpmadd52", 466, 466),
    (Backend::Avx2, "avx2", "vpmul", 675, 720),
];
