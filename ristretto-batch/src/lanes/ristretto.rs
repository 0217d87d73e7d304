//! Strict decoding to Montgomery form, and encoding of doubled points.

use super::{Constant, Four, Kernel, Lanes};
use crate::Encoded;

/// An affine Montgomery point in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Decoded<F: Lanes> {
    pub(crate) u: F::Operand,
    pub(crate) v: F::Operand,
}

impl<F: Lanes> Decoded<F> {
    pub(crate) fn blank(zero: F::Operand) -> Self {
        Decoded { u: zero, v: zero }
    }
}

/// What the encoder needs of a point that it doubles; names as in RFC 9496's sources.
///
/// The point is 2·Q with projective Edwards coordinates (E : G, F : H): x = e/f, y = g/h.
#[derive(Clone, Copy)]
pub(crate) struct Doubling<F: Lanes> {
    e: F::Operand,
    f: F::Operand,
    g: F::Operand,
    h: F::Operand,
    eg: F::Operand,
    fh: F::Operand,
    /// What has to be inverted: the product of all four.
    pub(crate) all: F::Operand,
}

impl<F: Lanes> Doubling<F> {
    pub(crate) fn blank(zero: F::Operand) -> Self {
        Doubling {
            e: zero,
            f: zero,
            g: zero,
            h: zero,
            eg: zero,
            fh: zero,
            all: zero,
        }
    }
}

/// Decodes four operands' worth of encodings; returns the bits of the good ones.
///
/// The Montgomery point belongs to (−x, −y), which differs from the decoded point by one of
/// order two, because its u is simply s². Both stand for the same group element.
#[inline(always)]
pub(crate) fn decode<F: Kernel>(
    f: F,
    encodings: &[Encoded],
    decoded: &mut Four<Decoded<F>>,
) -> u32 {
    let one = f.constant(Constant::ONE);
    let mut s = [one; 4];
    for (s, encodings) in s.iter_mut().zip(encodings.chunks(F::LANES)) {
        *s = f.load(encodings);
    }
    let mut roots = s;
    for root in &mut roots {
        let (_, u2_squared, v) = quartic(f, &f.square(root));
        let w = f.product(&v, &u2_squared);
        *root = seventh(f, &w).1;
    }
    f.power_p58(&mut roots);
    let mut good = 0;
    for (i, (decoded, (s, power))) in decoded.iter_mut().zip(s.iter().zip(&roots)).enumerate() {
        let ss = f.square(s);
        let (u1, u2_squared, v) = quartic(f, &ss);
        let u2 = f.carry(f.add(f.widen(&one), ss));
        let w = f.product(&v, &u2_squared);
        let root = f.product(&seventh(f, &w).0, power);
        let check = f.product(&w, &f.squared(&root));
        let squares = f.zeros(&f.difference(&check, &one));
        let flipped = f.zeros(&f.sum(&check, &one));
        let rotated = f.product(&root, &f.constant(Constant::SQRT_M1));
        let root = f.select(flipped, &rotated, &root);

        let dx = f.product(&root, &u2);
        let dx_v = f.product(&dx, &v);
        let dy = f.product(&root, &dx_v);
        let x = f.product(&f.sum(s, s), &dx);
        let negative = f.negatives(&x);
        let y = f.product(&u1, &dy);
        let t = f.product(&f.negate_if(negative, &x), &y);
        let bad = f.negatives(&t) | f.zeros(&y);

        // v = c·u/(−x) with u = s², x = ±2·s·dx and 1/dx = v·dx; −c/2 is a known constant.
        let half = f.product(
            &f.product(s, &dx_v),
            &f.constant(Constant::INVSQRT_A_MINUS_D),
        );
        *decoded = Decoded {
            u: f.carry(ss),
            v: f.negate_if(negative, &half),
        };
        good |= u32::from((squares | flipped) & !bad) << (i * F::LANES);
    }
    good & canonical(encodings)
}

/// The doubled point of an Edwards point given by Montgomery X, Y and X + Z, X − Z.
///
/// The Edwards point is (c·X/Y, (X − Z)/(X + Z)).
#[inline(always)]
pub(crate) fn doubling<F: Lanes>(
    f: F,
    x: &F::Operand,
    y: &F::Operand,
    plus: &F::Operand,
    minus: &F::Operand,
) -> Doubling<F> {
    let x = f.product(x, &f.constant(Constant::MONTGOMERY_SCALE));
    let (xx, yy) = (f.squared(&x), f.squared(y));
    let (pp, mm) = (f.squared(plus), f.squared(minus));
    let zz = f.mul_minuend(&yy, &pp);
    let dtt = f.mul(&f.product(&xx, &f.constant(Constant::D)), &mm);
    let pm = f.mul(plus, minus);
    let e = f.product(&f.product(&x, y), &f.carry(f.add(pm, pm)));
    let g = f.carry(f.add(f.mul(&yy, &mm), f.mul(&xx, &pp)));
    let (plus, minus) = (f.carry(f.add(zz, dtt)), f.carry(f.sub(zz, dtt)));
    let (eg, fh) = (f.product(&e, &g), f.product(&plus, &minus));
    Doubling {
        e,
        f: plus,
        g,
        h: minus,
        eg,
        fh,
        all: f.product(&eg, &fh),
    }
}

/// Encodes doubled points, given the inverses of their `all`.
#[inline(always)]
pub(crate) fn encode<F: Lanes>(
    f: F,
    double: &Doubling<F>,
    inverse: &F::Operand,
    out: &mut [Encoded],
) {
    let sqrt_m1 = f.constant(Constant::SQRT_M1);
    let z_inverse = f.product(&double.eg, inverse);
    let t_inverse = f.product(&double.fh, inverse);
    let rotate = f.negatives(&f.product(&double.eg, &z_inverse));
    let minus_e = f.difference(&f.constant(Constant::ZERO), &double.e);
    let e = f.select(rotate, &double.g, &double.e);
    let g = f.select(rotate, &minus_e, &double.g);
    let h = f.select(rotate, &f.product(&double.f, &sqrt_m1), &double.h);
    let magic = f.select(rotate, &sqrt_m1, &f.constant(Constant::INVSQRT_A_MINUS_D));
    let g = f.negate_if(f.negatives(&f.product(&f.product(&h, &e), &z_inverse)), &g);
    let s = f.product(
        &f.difference(&h, &g),
        &f.product(&magic, &f.product(&g, &t_inverse)),
    );
    f.store(&f.absolute(&s), out);
}

/// u1 = 1 − s², u2² = (1 + s²)², and v = −d·u1² − u2² of RFC 9496's decoding.
#[inline(always)]
fn quartic<F: Lanes>(f: F, ss: &F::Wide) -> (F::Operand, F::Operand, F::Operand) {
    let one = f.constant(Constant::ONE);
    let u1 = f.carry(f.sub(f.minuend(&one), *ss));
    let u2 = f.carry(f.add(f.widen(&one), *ss));
    let u2_squared = f.square(&u2);
    let scaled = f.mul_minuend(&f.constant(Constant::MINUS_D), &f.squared(&u1));
    (u1, f.carry(u2_squared), f.carry(f.sub(scaled, u2_squared)))
}

/// The third and the seventh power.
#[inline(always)]
fn seventh<F: Lanes>(f: F, w: &F::Operand) -> (F::Operand, F::Operand) {
    let third = f.product(&f.squared(w), w);
    (third, f.product(&f.squared(&third), w))
}

/// Bits of the encodings below p and even; no branch depends on one.
fn canonical(encodings: &[Encoded]) -> u32 {
    let mut good = 0;
    for (i, encoding) in encodings.iter().enumerate() {
        let word =
            |at: usize| u64::from_le_bytes(core::array::from_fn(|byte| encoding[8 * at + byte]));
        let mut borrow = 0;
        for (at, p) in P.into_iter().enumerate() {
            let (difference, first) = word(at).overflowing_sub(p);
            let (_, second) = difference.overflowing_sub(borrow);
            borrow = u64::from(first | second);
        }
        good |= u32::from(borrow == 1 && encoding[0] & 1 == 0) << i;
    }
    good
}

const P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];
