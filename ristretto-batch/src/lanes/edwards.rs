//! Points of the twisted Edwards curve in extended coordinates, and their complete addition.

use super::{Constant, Lanes};

/// (X : Y : Z : T) with x = X/Z, y = Y/Z, xy = T/Z in each lane.
#[derive(Clone, Copy)]
pub(crate) struct Extended<F: Lanes> {
    pub(crate) x: F::Operand,
    pub(crate) y: F::Operand,
    pub(crate) z: F::Operand,
    pub(crate) t: F::Operand,
}

/// The sum of any two points.
#[inline(always)]
pub(crate) fn add<F: Lanes>(f: F, a: &Extended<F>, b: &Extended<F>) -> Extended<F> {
    let minus = f.mul(&f.difference(&a.y, &a.x), &f.difference(&b.y, &b.x));
    let plus = f.mul_minuend(&f.sum(&a.y, &a.x), &f.sum(&b.y, &b.x));
    let twist = f.mul(&f.product(&a.t, &f.constant(Constant::TWO_D)), &b.t);
    let double = f.mul_minuend(&a.z, &f.sum(&b.z, &b.z));
    let e = f.carry(f.sub(plus, minus));
    let h = f.carry(f.add(plus, minus));
    let g = f.carry(f.add(double, twist));
    let f_ = f.carry(f.sub(double, twist));
    Extended {
        x: f.product(&e, &f_),
        y: f.product(&g, &h),
        z: f.product(&f_, &g),
        t: f.product(&e, &h),
    }
}
