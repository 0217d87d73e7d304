//! Every backend against curve25519-dalek's default build, in one process.
//!
//! K1 is hash to group, multiply, encode; K2 is decode, multiply, encode; the sum is the
//! multi-scalar part of an evaluation proof. The `dalek-plain` lines use curve25519-dalek one
//! element at a time; the portable backend is its best batch helper, and what ratios are quoted
//! against.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use ristretto_batch::{Encoded, Engine, SecretScalar};

fn hash_mul_encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("K1 hash_mul_encode");
    group.throughput(Throughput::Elements(RUN as u64)).sample_size(10);
    let (by, inputs) = (secret(), inputs(RUN));
    let mut out = vec![[0; 32]; RUN];
    for engine in engines() {
        group.bench_function(BenchmarkId::from_parameter(engine.backend()), |bencher| {
            bencher.iter(|| engine.hash_multiply(&by, DST, black_box(&inputs), &mut out));
        });
    }
    group.finish();
}

fn decode_mul_encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("K2 decode_mul_encode");
    group.throughput(Throughput::Elements(RUN as u64)).sample_size(10);
    let (by, elements) = (secret(), elements(RUN));
    let mut out = vec![[0; 32]; RUN];
    for engine in engines() {
        group.bench_function(BenchmarkId::from_parameter(engine.backend()), |bencher| {
            bencher.iter(|| engine.multiply(&by, black_box(&elements), &mut out));
        });
    }
    let scalar = Scalar::from_bytes_mod_order(*by.expose_bytes());
    group.bench_function("dalek-plain", |bencher| {
        bencher.iter(|| {
            for (out, element) in out.iter_mut().zip(&elements) {
                let point = CompressedRistretto(*element).decompress().expect("valid");
                *out = (scalar * point).compress().to_bytes();
            }
        });
    });
    group.finish();
}

fn sums(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("K6 vartime_sum");
    group.throughput(Throughput::Elements(SUM as u64)).sample_size(10);
    let (weights, elements) = (weights(SUM), elements(SUM));
    for engine in engines() {
        group.bench_function(BenchmarkId::from_parameter(engine.backend()), |bencher| {
            bencher.iter(|| engine.vartime_sum(&weights, black_box(&elements)));
        });
    }
    let scalars: Vec<Scalar> =
        weights.iter().map(|weight| Scalar::from_bytes_mod_order(*weight)).collect();
    let points: Vec<RistrettoPoint> = elements
        .iter()
        .map(|element| CompressedRistretto(*element).decompress().expect("valid"))
        .collect();
    group.bench_function("dalek-plain, points decoded", |bencher| {
        bencher.iter(|| RistrettoPoint::vartime_multiscalar_mul(&scalars, &points));
    });
    group.finish();
}

fn engines() -> Vec<Engine> {
    Engine::available().into_iter().filter_map(Engine::with_backend).collect()
}

fn secret() -> SecretScalar {
    let scalar = Scalar::from_bytes_mod_order([0x5a; 32]);
    SecretScalar::from_canonical_bytes(scalar.to_bytes()).expect("not a refused scalar")
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

fn elements(len: usize) -> Vec<Encoded> {
    let mut elements = vec![[0; 32]; len];
    Engine::detect().hash_multiply(&secret(), DST, &inputs(len), &mut elements);
    elements
}

fn weights(len: usize) -> Vec<[u8; 32]> {
    let base = Scalar::from_bytes_mod_order([0x77; 32]);
    let powers = core::iter::successors(Some(base), |power| Some(power * base));
    powers.take(len).map(|weight| weight.to_bytes()).collect()
}

criterion_group!(kernel, hash_mul_encode, decode_mul_encode, sums);
criterion_main!(kernel);

const RUN: usize = 4_096;

/// One frame of the largest size that a proof covers.
const SUM: usize = 32_768;

const DST: &[u8] = b"ristretto-batch-bench-v1-ristretto255_XMD:SHA-512_R255MAP_RO_";
