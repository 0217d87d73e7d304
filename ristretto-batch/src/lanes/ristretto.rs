//! Strict decoding to Montgomery form, and encoding of doubled points.

use super::edwards::Extended;
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

/// Parts that the encoder needs of a point that it doubles; names as in RFC 9496's sources.
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
    /// Number that has to be inverted: the product of all four.
    pub(crate) all: F::Operand,
}

impl<F: Lanes> Doubling<F> {
    pub(crate) fn blank(zero: F::Operand) -> Self {
        Doubling { e: zero, f: zero, g: zero, h: zero, eg: zero, fh: zero, all: zero }
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
    let (points, good) = affine_points(f, encodings);
    for (decoded, point) in decoded.iter_mut().zip(&points) {
        // v = c·u/(−x) with u = s², x = ±2·s·dx and 1/dx = v·dx; −c/2 is a known constant.
        let half = f.call_product(
            &f.call_product(&point.s, &point.dx_v),
            &f.constant(Constant::INVSQRT_A_MINUS_D),
        );
        *decoded = Decoded { u: f.call_square(&point.s), v: f.negate_if(point.negative, &half) };
    }
    good
}

/// Decodes four operands' worth of encodings to rows of a table; returns the bits of the good
/// ones.
#[inline(always)]
pub(crate) fn decode_rows<F: Kernel>(f: F, encodings: &[Encoded], rows: &mut [F::Row]) -> u32 {
    let (points, good) = affine_points(f, encodings);
    for (rows, point) in rows.chunks_mut(F::LANES).zip(&points) {
        let plus = f.sum(&point.y, &point.x);
        let minus = f.difference(&point.y, &point.x);
        let twist = f.call_product(&point.t, &f.constant(Constant::TWO_D));
        f.scatter([&plus, &minus, &twist], rows);
    }
    good
}

/// Numbers that decoding finds on the way to a point; names as in RFC 9496.
#[derive(Clone, Copy)]
struct Affine<F: Lanes> {
    s: F::Operand,
    /// The square root's part of 1/x, times v.
    dx_v: F::Operand,
    /// The lanes in which x had to be negated.
    negative: u8,
    x: F::Operand,
    y: F::Operand,
    t: F::Operand,
}

#[inline(always)]
fn affine_points<F: Kernel>(f: F, encodings: &[Encoded]) -> (Four<Affine<F>>, u32) {
    let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
    let blank = Affine { s: zero, dx_v: zero, negative: 0, x: zero, y: zero, t: zero };
    let (mut points, mut powers) = ([blank; 4], [zero; 4]);
    for ((point, power), encodings) in
        points.iter_mut().zip(&mut powers).zip(encodings.chunks(F::LANES))
    {
        point.s = f.load(encodings);
        let (_, u2_squared, v) = quartic(f, &f.square(&point.s));
        let w = f.call_product(&v, &u2_squared);
        *power = seventh(f, &w).1;
    }
    f.power_p58(&mut powers);
    let mut good = 0;
    for (i, (point, power)) in points.iter_mut().zip(&powers).enumerate() {
        let ss = f.square(&point.s);
        let (u1, u2_squared, v) = quartic(f, &ss);
        let u2 = f.carry(f.add(f.widen(&one), ss));
        let w = f.call_product(&v, &u2_squared);
        let root = f.call_product(&seventh(f, &w).0, power);
        let check = f.call_product(&w, &f.call_square(&root));
        let squares = f.zeros(&f.difference(&check, &one));
        let flipped = f.zeros(&f.sum(&check, &one));
        let rotated = f.call_product(&root, &f.constant(Constant::SQRT_M1));
        let root = f.select(flipped, &rotated, &root);

        let dx = f.call_product(&root, &u2);
        point.dx_v = f.call_product(&dx, &v);
        let dy = f.call_product(&root, &point.dx_v);
        let x = f.call_product(&f.sum(&point.s, &point.s), &dx);
        point.negative = f.negatives(&x);
        point.x = f.negate_if(point.negative, &x);
        point.y = f.call_product(&u1, &dy);
        point.t = f.call_product(&point.x, &point.y);
        let bad = f.negatives(&point.t) | f.zeros(&point.y);
        good |= u32::from((squares | flipped) & !bad) << (i * F::LANES);
    }
    (points, good & canonical(encodings))
}

/// The doubled point of an Edwards point given by Montgomery X, Y and X + Z, X − Z.
///
/// The Edwards point is (c·X/Y, (X − Z)/(X + Z)).
#[inline(always)]
pub(crate) fn doubling<F: Kernel>(
    f: F,
    x: &F::Operand,
    y: &F::Operand,
    plus: &F::Operand,
    minus: &F::Operand,
) -> Doubling<F> {
    let x = f.call_product(x, &f.constant(Constant::MONTGOMERY_SCALE));
    let (xx, yy) = (f.call_square(&x), f.call_square(y));
    let (pp, mm) = (f.call_square(plus), f.call_square(minus));
    let zz = f.mul_minuend(&yy, &pp);
    let dtt = f.mul(&f.call_product(&xx, &f.constant(Constant::D)), &mm);
    let pm = f.mul(plus, minus);
    let e = f.call_product(&f.call_product(&x, y), &f.carry(f.add(pm, pm)));
    let g = f.carry(f.add(f.mul(&yy, &mm), f.mul(&xx, &pp)));
    let (plus, minus) = (f.carry(f.add(zz, dtt)), f.carry(f.sub(zz, dtt)));
    let (eg, fh) = (f.call_product(&e, &g), f.call_product(&plus, &minus));
    Doubling { e, f: plus, g, h: minus, eg, fh, all: f.call_product(&eg, &fh) }
}

/// The doubled point of an Edwards point in extended coordinates.
#[inline(always)]
pub(crate) fn doubling_of<F: Kernel>(f: F, point: &Extended<F>) -> Doubling<F> {
    let zz = f.square_minuend(&point.z);
    let dtt = f.mul(&f.call_square(&point.t), &f.constant(Constant::D));
    let xy = f.mul(&point.x, &point.y);
    let e = f.carry(f.add(xy, xy));
    let g = f.carry(f.add(f.square(&point.x), f.square(&point.y)));
    let (plus, minus) = (f.carry(f.add(zz, dtt)), f.carry(f.sub(zz, dtt)));
    let (eg, fh) = (f.call_product(&e, &g), f.call_product(&plus, &minus));
    Doubling { e, f: plus, g, h: minus, eg, fh, all: f.call_product(&eg, &fh) }
}

/// Encodes doubled points, given the inverses of their `all`.
#[inline(always)]
pub(crate) fn encode<F: Kernel>(
    f: F,
    double: &Doubling<F>,
    inverse: &F::Operand,
    out: &mut [Encoded],
) {
    let sqrt_m1 = f.constant(Constant::SQRT_M1);
    let z_inverse = f.call_product(&double.eg, inverse);
    let t_inverse = f.call_product(&double.fh, inverse);
    let rotate = f.negatives(&f.call_product(&double.eg, &z_inverse));
    let minus_e = f.difference(&f.constant(Constant::ZERO), &double.e);
    let e = f.select(rotate, &double.g, &double.e);
    let g = f.select(rotate, &minus_e, &double.g);
    let h = f.select(rotate, &f.call_product(&double.f, &sqrt_m1), &double.h);
    let magic = f.select(rotate, &sqrt_m1, &f.constant(Constant::INVSQRT_A_MINUS_D));
    let g = f.negate_if(f.negatives(&f.call_product(&f.call_product(&h, &e), &z_inverse)), &g);
    let s = f.call_product(
        &f.difference(&h, &g),
        &f.call_product(&magic, &f.call_product(&g, &t_inverse)),
    );
    f.store(&f.absolute(&s), out);
}

/// u1 = 1 − s², u2² = (1 + s²)², and v = −d·u1² − u2² of RFC 9496's decoding.
#[inline(always)]
fn quartic<F: Kernel>(f: F, ss: &F::Wide) -> (F::Operand, F::Operand, F::Operand) {
    let one = f.constant(Constant::ONE);
    let u1 = f.carry(f.sub(f.minuend(&one), *ss));
    let u2 = f.carry(f.add(f.widen(&one), *ss));
    let u2_squared = f.square(&u2);
    let scaled = f.mul_minuend(&f.constant(Constant::MINUS_D), &f.call_square(&u1));
    (u1, f.carry(u2_squared), f.carry(f.sub(scaled, u2_squared)))
}

/// The third and the seventh power.
#[inline(always)]
fn seventh<F: Kernel>(f: F, w: &F::Operand) -> (F::Operand, F::Operand) {
    let third = f.call_product(&f.call_square(w), w);
    (third, f.call_product(&f.call_square(&third), w))
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
