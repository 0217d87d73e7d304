//! The backend that the environment names, in a build with the feature `force-backend`.

mod common;

use std::process::Command;

use common::{Random, expected};
use ristretto_batch::{Engine, SecretScalar};

/// The choice is made from the environment of the process, so each backend gets one of its own.
#[test]
fn every_backend_can_be_forced_and_no_other_name() {
    for backend in Engine::available() {
        assert!(ends_well(&backend.to_string()), "{backend}");
    }
    for name in ["", "avx512", "no-such-backend"] {
        assert!(!ends_well(name), "{name}");
    }
}

/// Alone, this test says that the engine without a name multiplies right.
#[test]
fn the_engine_in_use_is_the_one_that_was_forced() {
    let engine = Engine::detect();
    if let Ok(name) = std::env::var("RISTRETTO_BATCH_BACKEND") {
        assert_eq!(engine.backend().to_string(), name);
    }
    let mut random = Random::seeded("the_engine_in_use_is_the_one_that_was_forced");
    let (by, elements) = (random.scalar(), random.elements(600));
    let products = common::multiply(engine, &by, &elements);
    for (product, element) in products.iter().zip(&elements) {
        assert_eq!(*product, expected(&by, element));
    }
    let each: Vec<SecretScalar> = elements.iter().map(|_| random.secret()).collect();
    let inputs: Vec<[u8; 45]> = elements.iter().map(|_| random.bytes()).collect();
    let (mut out, mut portable) = (vec![[0; 32]; 600], vec![[0; 32]; 600]);
    engine.hash_multiply_each(&each, b"forced", &inputs, &mut out);
    Engine::portable().hash_multiply_each(&each, b"forced", &inputs, &mut portable);
    assert!(out == portable);
}

/// Runs the other test with this backend forced.
fn ends_well(name: &str) -> bool {
    let program = std::env::current_exe().expect("a test has a path");
    let child = Command::new(program)
        .args(["--exact", "the_engine_in_use_is_the_one_that_was_forced"])
        .env("RISTRETTO_BATCH_BACKEND", name)
        .output()
        .expect("the test starts again");
    child.status.success()
}
