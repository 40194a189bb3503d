//! The transforms of minimal filtering: what F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3) do to a row or column of a filter, of
//! inputs and of sums. The matrices are those of polynomials interpolated at `A - 1` points and infinity.
//!
//!   F(2 x 2): 0, 1, -1                           F(4 x 4): 0, 1 / sqrt 2, -1 / sqrt 2, sqrt 2, -sqrt 2
//!
//! The usual points of F(4 x 4), 0, +-1, +-2, lose twice as much: their powers grow to 8. These have the product 1, so
//! that the squares are 1/2 and 2 and only one number, 1 / sqrt 2, is not exact.

use super::register::Register;
use crate::dtype::Real;

/// `M` outputs of a filter of three from `A = M + 2` products.
pub(super) trait Points<const M: usize, const A: usize> {
    /// A row or column of filters in `G`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    unsafe fn widen<V: Register>(g: [V; 3]) -> [V; A]
    where
        V::E: Real;

    /// A row or column of inputs in `B`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    unsafe fn narrow<V: Register>(d: [V; A]) -> [V; A]
    where
        V::E: Real;

    /// A row or column of sums in `A`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    unsafe fn sum<V: Register>(m: [V; A]) -> [V; M]
    where
        V::E: Real;
}

pub(super) struct Two;

impl Points<2, 4> for Two {
    #[inline(always)]
    unsafe fn widen<V: Register>([a, b, c]: [V; 3]) -> [V; 4]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe { [a, times(0.5, a.add(b).add(c)), times(0.5, a.sub(b).add(c)), c] }
    }

    #[inline(always)]
    unsafe fn narrow<V: Register>([a, b, c, d]: [V; 4]) -> [V; 4] {
        // SAFETY: the caller's promise.
        unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
    }

    #[inline(always)]
    unsafe fn sum<V: Register>([a, b, c, d]: [V; 4]) -> [V; 2] {
        // SAFETY: the caller's promise.
        unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
    }
}

/// What the weight gradient does to them.
impl Two {
    /// The transpose of `sum`: a row or column of gradients in `A`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    pub(super) unsafe fn spread<V: Register>([a, b]: [V; 2]) -> [V; 4]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe { [a, a.add(b), a.sub(b), V::splat(V::E::ZERO).sub(b)] }
    }

    /// The transpose of `widen`: a row or column of sums in `G'`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    pub(super) unsafe fn gather<V: Register>([a, b, c, d]: [V; 4]) -> [V; 3]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let (zero, half) = (V::splat(V::E::ZERO), V::splat(V::E::of(0.5)));
            let (even, odd) = (half.mul_add(b.add(c), zero), half.mul_add(b.sub(c), zero));
            [a.add(even), odd, even.add(d)]
        }
    }
}

pub(super) struct Four;

/// The smaller point; the larger one is twice as large.
const POINT: f64 = std::f64::consts::FRAC_1_SQRT_2;

impl Points<4, 6> for Four {
    #[inline(always)]
    unsafe fn widen<V: Register>([a, b, c]: [V; 3]) -> [V; 6]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (times(-2.0 / 3.0, plus(0.5, c, a)), times(-2.0 / 3.0 * POINT, b));
            let (even2, odd2) = (times(1.0 / 6.0, plus(2.0, c, a)), times(POINT / 3.0, b));
            [a, even.add(odd), even.sub(odd), even2.add(odd2), even2.sub(odd2), c]
        }
    }

    #[inline(always)]
    unsafe fn narrow<V: Register>([a, b, c, d, e, f]: [V; 6]) -> [V; 6]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd) = (plus(-2.0, c, e), plus(-2.0, b, d));
            let (even2, odd2) = (plus(-0.5, c, e), plus(-0.5, b, d));
            [
                plus(-2.5, c, a.add(e)),
                plus(POINT, odd, even),
                plus(-POINT, odd, even),
                plus(2.0 * POINT, odd2, even2),
                plus(-2.0 * POINT, odd2, even2),
                plus(-2.5, d, b.add(f)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn sum<V: Register>([a, b, c, d, e, f]: [V; 6]) -> [V; 4]
    where
        V::E: Real,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let (even, odd, even2, odd2) = (b.add(c), b.sub(c), d.add(e), d.sub(e));
            let twice = odd2.add(odd2);
            [
                a.add(even).add(even2),
                times(POINT, odd.add(twice)),
                plus(0.5, even, even2.add(even2)),
                plus(POINT, plus(0.5, odd, twice.add(twice)), f),
            ]
        }
    }
}

/// `factor * x + y`
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn plus<V: Register>(factor: f64, x: V, y: V) -> V
where
    V::E: Real,
{
    // SAFETY: the caller's promise.
    unsafe { V::splat(V::E::of(factor)).mul_add(x, y) }
}

/// `factor * x`
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn times<V: Register>(factor: f64, x: V) -> V
where
    V::E: Real,
{
    // SAFETY: the caller's promise.
    unsafe { plus(factor, x, V::splat(V::E::ZERO)) }
}
