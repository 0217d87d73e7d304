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

impl<F: Lanes> Extended<F> {
    #[inline(always)]
    pub(crate) fn identity(f: F) -> Self {
        let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
        Extended { x: zero, y: one, z: one, t: zero }
    }
}

/// An affine point (y + x, y − x, 2d·xy), ready to be added.
#[derive(Clone, Copy)]
pub(crate) struct Niels<F: Lanes> {
    pub(crate) plus: F::Operand,
    pub(crate) minus: F::Operand,
    pub(crate) twist: F::Operand,
}

/// A point whose last products are not carried; additions come first where it goes next.
#[derive(Clone, Copy)]
pub(crate) struct Uncarried<F: Lanes> {
    x: F::Wide,
    /// Has room for a subtraction.
    y: F::Wide,
    /// Has room for a subtraction.
    z: F::Wide,
    t: F::Wide,
}

impl<F: Lanes> Uncarried<F> {
    #[inline(always)]
    pub(crate) fn identity(f: F) -> Self {
        let (zero, one) = (f.constant(Constant::ZERO), f.constant(Constant::ONE));
        let (zero, one) = (f.widen(&zero), f.minuend(&one));
        Uncarried { x: zero, y: one, z: one, t: zero }
    }

    #[inline(always)]
    pub(crate) fn carried(&self, f: F) -> Extended<F> {
        Extended { x: f.carry(self.x), y: f.carry(self.y), z: f.carry(self.z), t: f.carry(self.t) }
    }
}

/// The sum of any two points.
#[inline(always)]
pub(crate) fn add_points<F: Lanes>(f: F, a: &Extended<F>, b: &Extended<F>) -> Extended<F> {
    let minus = f.mul(&f.difference(&a.y, &a.x), &f.difference(&b.y, &b.x));
    let plus = f.mul_minuend(&f.sum(&a.y, &a.x), &f.sum(&b.y, &b.x));
    let twist = f.mul(&f.product(&a.t, &f.constant(Constant::TWO_D)), &b.t);
    let double = f.mul_minuend(&a.z, &f.sum(&b.z, &b.z));
    joined(f, plus, minus, double, twist, 0).carried(f)
}

/// Adds an affine point, or subtracts it in the lanes of `negative`.
#[inline(always)]
pub(crate) fn add_niels<F: Lanes>(
    f: F,
    a: &Uncarried<F>,
    b: &Niels<F>,
    negative: u8,
) -> Uncarried<F> {
    let b_minus = f.select(negative, &b.plus, &b.minus);
    let b_plus = f.select(negative, &b.minus, &b.plus);
    let minus = f.mul(&f.carry(f.sub(a.y, a.x)), &b_minus);
    let plus = f.mul_minuend(&f.carry(f.add(a.y, a.x)), &b_plus);
    let twist = f.mul(&f.carry(a.t), &b.twist);
    joined(f, plus, minus, f.add(a.z, a.z), twist, negative)
}

/// Twice a point.
#[inline(always)]
pub(crate) fn double_point<F: Lanes>(f: F, a: &Extended<F>) -> Extended<F> {
    let xx = f.square_minuend(&a.x);
    let yy = f.square(&a.y);
    let zz = f.square(&a.z);
    let both = f.add(xx, yy);
    let e = f.carry(f.sub(both, f.square(&f.sum(&a.x, &a.y))));
    let h = f.carry(both);
    let apart = f.sub(xx, yy);
    let g = f.carry(apart);
    let f_ = f.carry(f.add(f.add(zz, zz), apart));
    Extended {
        x: f.product(&e, &f_),
        y: f.product(&g, &h),
        z: f.product(&f_, &g),
        t: f.product(&e, &h),
    }
}

/// The common end of both additions; the sign of `twist` is flipped in the lanes of `negative`.
#[inline(always)]
fn joined<F: Lanes>(
    f: F,
    plus: F::Wide,
    minus: F::Wide,
    double: F::Wide,
    twist: F::Wide,
    negative: u8,
) -> Uncarried<F> {
    let e = f.carry(f.sub(plus, minus));
    let h = f.carry(f.add(plus, minus));
    let (above, below) = (f.carry(f.add(double, twist)), f.carry(f.sub(double, twist)));
    let g = f.select(negative, &below, &above);
    let f_ = f.select(negative, &above, &below);
    Uncarried {
        x: f.mul(&e, &f_),
        y: f.mul_minuend(&g, &h),
        z: f.mul_minuend(&f_, &g),
        t: f.mul(&e, &h),
    }
}
