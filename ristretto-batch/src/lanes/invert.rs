//! Long powers: square roots and inverses, and inversion of a batch for the price of one.

use super::{Constant, Four, Kernel, Lanes};

/// Raises four operands to the power (p − 5)/8 = 2^252 − 3, their chains interleaved.
#[inline(always)]
pub(crate) fn power_p58<F: Kernel>(f: F, values: &mut Four<F::Operand>) {
    let (to_250, _) = power_to_250(f, values);
    *values = products(f, &squared_times(f, &to_250, 2), values);
}

/// The inverse in every lane, by the power p − 2 = 2^255 − 21; zero stays zero.
#[inline(always)]
pub(crate) fn inverse<F: Kernel>(f: F, value: &F::Operand) -> F::Operand {
    let ([to_250], [eleven]) = power_to_250(f, &[*value]);
    let [power] = squared_times(f, &[to_250], 5);
    f.call_product(&power, &eleven)
}

/// Inverts every operand in place, lane by lane; zeros stay zero.
#[inline(always)]
pub(crate) fn invert_batch<F: Kernel>(
    f: F,
    values: &mut [F::Operand],
    prefixes: &mut [F::Operand],
) {
    let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
    let mut product = one;
    for (value, prefix) in values.iter().zip(prefixes.iter_mut()) {
        *prefix = product;
        // A zero would turn every inverse of its lane to zero.
        let factor = f.select(f.zeros(value), &one, value);
        product = f.product(&product, &factor);
    }
    let mut rest = inverse(f, &product);
    for (value, prefix) in values.iter_mut().zip(prefixes.iter()).rev() {
        let zeros = f.zeros(value);
        let factor = f.select(zeros, &one, value);
        *value = f.select(zeros, &zero, &f.product(&rest, prefix));
        rest = f.product(&rest, &factor);
    }
}

/// Squares each value `times` times, all in turns.
#[inline(always)]
pub(crate) fn square_times<F: Lanes>(f: F, values: &mut [F::Operand], times: u32) {
    if let Ok(four) = <&mut Four<F::Operand>>::try_from(&mut *values) {
        for _ in 0..times {
            for value in &mut *four {
                *value = f.squared(value);
            }
        }
    } else {
        for value in values {
            for _ in 0..times {
                *value = f.squared(value);
            }
        }
    }
}

/// The powers 2^250 − 1 and 11, the common part of both chains.
#[inline(always)]
fn power_to_250<F: Kernel, const N: usize>(
    f: F,
    x: &[F::Operand; N],
) -> ([F::Operand; N], [F::Operand; N]) {
    let two = squared_times(f, x, 1);
    let nine = products(f, &squared_times(f, &two, 2), x);
    let eleven = products(f, &nine, &two);
    let to_5 = products(f, &squared_times(f, &eleven, 1), &nine);
    let to_10 = products(f, &squared_times(f, &to_5, 5), &to_5);
    let to_20 = products(f, &squared_times(f, &to_10, 10), &to_10);
    let to_40 = products(f, &squared_times(f, &to_20, 20), &to_20);
    let to_50 = products(f, &squared_times(f, &to_40, 10), &to_10);
    let to_100 = products(f, &squared_times(f, &to_50, 50), &to_50);
    let to_200 = products(f, &squared_times(f, &to_100, 100), &to_100);
    let to_250 = products(f, &squared_times(f, &to_200, 50), &to_50);
    (to_250, eleven)
}

#[inline(always)]
fn squared_times<F: Kernel, const N: usize>(
    f: F,
    x: &[F::Operand; N],
    times: u32,
) -> [F::Operand; N] {
    let mut power = *x;
    f.square_times(&mut power, times);
    power
}

#[inline(always)]
fn products<F: Kernel, const N: usize>(
    f: F,
    a: &[F::Operand; N],
    b: &[F::Operand; N],
) -> [F::Operand; N] {
    let mut products = *a;
    for (a, b) in products.iter_mut().zip(b) {
        *a = f.call_product(a, b);
    }
    products
}
