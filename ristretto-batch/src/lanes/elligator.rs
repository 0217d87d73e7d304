//! The one-way map of RFC 9496: two Elligator maps and their sum, left in projective form.

use super::edwards::Extended;
use super::{Constant, Decoded, Kernel, LANES_MAX, Lanes};

/// A mapped point in each lane whose Montgomery coordinates still lack a division.
#[derive(Clone, Copy)]
pub(crate) struct Mapped<F: Lanes> {
    u: F::Operand,
    v: F::Operand,
    /// Number by which both have to be divided; zero only at points that nobody can find.
    pub(crate) denominator: F::Operand,
}

impl<F: Lanes> Mapped<F> {
    pub(crate) fn blank(zero: F::Operand) -> Self {
        Mapped { u: zero, v: zero, denominator: zero }
    }
}

/// Maps two operands' worth of uniform bytes.
#[inline(always)]
pub(crate) fn map<F: Kernel>(f: F, uniform: &[[u8; 64]], mapped: &mut [Mapped<F>]) {
    let mut halves = [[0u8; 32]; LANES_MAX];
    let mut inputs = [f.constant(Constant::ZERO); 4];
    for (i, input) in inputs.iter_mut().enumerate() {
        let uniform = &uniform[i / 2 * F::LANES..];
        for (half, bytes) in halves.iter_mut().zip(&uniform[..F::LANES]) {
            half.copy_from_slice(&bytes[i % 2 * 32..i % 2 * 32 + 32]);
        }
        *input = f.load(&halves[..F::LANES]);
    }
    let mut powers = inputs;
    for power in &mut powers {
        let ratio = ratio(f, power);
        let cube = f.call_product(&f.call_square(&ratio.below), &ratio.below);
        let seventh = f.call_product(&f.call_square(&cube), &ratio.below);
        *power = f.call_product(&ratio.above, &seventh);
    }
    f.power_p58(&mut powers);
    for (mapped, i) in mapped.iter_mut().zip([0, 2]) {
        let first = elligator(f, &inputs[i], &powers[i]);
        let second = elligator(f, &inputs[i + 1], &powers[i + 1]);
        *mapped = montgomery(f, &f.add_points(&first, &second));
    }
}

/// Divides, given the inverse of the denominator.
#[inline(always)]
pub(crate) fn affine<F: Kernel>(f: F, mapped: &Mapped<F>, inverse: &F::Operand) -> Decoded<F> {
    Decoded { u: f.call_product(&mapped.u, inverse), v: f.call_product(&mapped.v, inverse) }
}

/// The fraction whose root the map takes, and r = i·t², by the names of RFC 9496.
struct Ratio<F: Lanes> {
    r: F::Operand,
    above: F::Operand,
    below: F::Operand,
}

#[inline(always)]
fn ratio<F: Kernel>(f: F, input: &F::Operand) -> Ratio<F> {
    let one = f.constant(Constant::ONE);
    let d = f.constant(Constant::D);
    let r = f.call_product(&f.call_square(input), &f.constant(Constant::SQRT_M1));
    let above = f.call_product(&f.sum(&r, &one), &f.constant(Constant::ONE_MINUS_D_SQ));
    // (−1 − d·r)·(r + d), with −d known.
    let left = f.carry(f.sub(f.mul_minuend(&r, &f.constant(Constant::MINUS_D)), f.widen(&one)));
    Ratio { r, above, below: f.call_product(&left, &f.sum(&r, &d)) }
}

/// One map, given (above · below^7)^((p − 5)/8).
#[inline(always)]
fn elligator<F: Kernel>(f: F, input: &F::Operand, power: &F::Operand) -> Extended<F> {
    let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
    let sqrt_m1 = f.constant(Constant::SQRT_M1);
    let Ratio { r, above, below } = ratio(f, input);
    let cube = f.call_product(&f.call_square(&below), &below);
    let root = f.call_product(&f.call_product(&above, &cube), power);
    let check = f.call_product(&below, &f.call_square(&root));
    let correct = f.zeros(&f.difference(&check, &above));
    let flipped = f.zeros(&f.sum(&check, &above));
    let flipped_i = f.zeros(&f.carry(f.add(f.widen(&check), f.mul(&above, &sqrt_m1))));
    let square = correct | flipped;
    let root = f.select(flipped | flipped_i, &f.call_product(&root, &sqrt_m1), &root);
    let root = f.absolute(&root);

    let other = f.absolute(&f.call_product(&root, input));
    let s = f.select(square, &root, &f.difference(&zero, &other));
    let minus_one = f.difference(&zero, &one);
    let c = f.select(square, &minus_one, &r);
    let scaled = f.call_product(&f.difference(&r, &one), &f.constant(Constant::D_MINUS_ONE_SQ));
    let n = f.carry(f.sub(f.mul_minuend(&c, &scaled), f.widen(&below)));

    let ss = f.square(&s);
    let x = f.call_product(&f.sum(&s, &s), &below);
    let z = f.call_product(&n, &f.constant(Constant::SQRT_AD_MINUS_ONE));
    let y = f.carry(f.sub(f.minuend(&one), ss));
    let t = f.carry(f.add(f.widen(&one), ss));
    Extended {
        x: f.call_product(&x, &t),
        y: f.call_product(&y, &z),
        z: f.call_product(&z, &t),
        t: f.call_product(&x, &y),
    }
}

/// u = (Z + Y)/(Z − Y) and v = c·u/x over the common denominator (Z − Y)·X.
#[inline(always)]
fn montgomery<F: Kernel>(f: F, point: &Extended<F>) -> Mapped<F> {
    let above = f.sum(&point.z, &point.y);
    let below = f.difference(&point.z, &point.y);
    let scaled = f.call_product(&point.z, &f.constant(Constant::MONTGOMERY_SCALE));
    Mapped {
        u: f.call_product(&above, &point.x),
        v: f.call_product(&above, &scaled),
        denominator: f.call_product(&below, &point.x),
    }
}
