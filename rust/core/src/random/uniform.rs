//! Uniform real numbers, and `Draw`: how a float type makes one from random bits.

use super::{Generator, general};
use crate::dtype::{DType, Element, Float, Real};
use crate::error::{Error, Result};

/// f32 or f64: a type in which draws are computed. Half floats use f32.
pub trait Draw: Real {
    /// `out[i] = f(u)` with u uniform in [0, 1).
    fn fill<T>(g: &mut Generator, out: &mut [T], f: impl Fn(Self) -> T);
    /// `self * b + c`, rounded once.
    fn fused(self, b: Self, c: Self) -> Self;
    /// Two normal numbers from two uniform ones (Box-Muller).
    fn normal_pair(u1: Self, u2: Self, mean: Self, std: Self) -> (Self, Self);
}

/// The low 24 of 32 bits: every float of [0, 1) with this spacing is hit.
#[inline(always)]
pub(super) fn unit_f32(bits: u32) -> f32 {
    // Through i32, which vectors convert in one instruction.
    (bits & 0xff_ffff) as i32 as f32 * (1.0 / 16_777_216.0)
}

/// The low 53 of 64 bits.
#[inline(always)]
pub(super) fn unit_f64(bits: u64) -> f64 {
    (bits & ((1 << 53) - 1)) as i64 as f64 * (1.0 / 9_007_199_254_740_992.0)
}

impl Draw for f32 {
    fn fill<T>(g: &mut Generator, out: &mut [T], f: impl Fn(f32) -> T) {
        g.engine.fill_u32(
            out,
            #[inline(always)]
            |w| f(unit_f32(w)),
        );
    }
    #[inline(always)]
    fn fused(self, b: f32, c: f32) -> f32 {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn normal_pair(u1: f32, u2: f32, mean: f32, std: f32) -> (f32, f32) {
        super::normal::pair_f32(u1, u2, mean, std)
    }
}

impl Draw for f64 {
    fn fill<T>(g: &mut Generator, out: &mut [T], f: impl Fn(f64) -> T) {
        g.engine.fill_u64(
            out,
            #[inline(always)]
            |w| f(unit_f64(w)),
        );
    }
    #[inline(always)]
    fn fused(self, b: f64, c: f64) -> f64 {
        self.mul_add(b, c)
    }
    #[inline(always)]
    fn normal_pair(u1: f64, u2: f64, mean: f64, std: f64) -> (f64, f64) {
        super::normal::pair_f64(u1, u2, mean, std)
    }
}

/// `out` uniform in [from, to).
pub fn uniform_<T: Float>(g: &mut Generator, out: &mut [T], from: f64, to: f64) -> Result<()>
where
    T::Acc: Draw,
{
    check_bounds(T::DTYPE, from, to)?;
    let (low, high) = (T::Acc::from_f64(from), T::Acc::from_f64(to));
    let (first, end) = (T::from_f64(from), T::from_f64(to));
    let width = high - low;
    T::Acc::fill(
        g,
        out,
        #[inline(always)]
        |u| {
            let x = T::narrow(u.fused(width, low));
            // Rounding may reach the end, which does not belong to the range.
            if x == end { first } else { x }
        },
    );
    Ok(())
}

/// The largest finite number of a float type, and C++'s name of the type.
pub(super) fn largest(dtype: DType) -> (f64, &'static str) {
    match dtype {
        DType::F16 => (65504.0, "c10::Half"),
        DType::BF16 => (f64::from(f32::from_bits(0x7f7f_0000)), "c10::BFloat16"),
        DType::F32 => (f64::from(f32::MAX), "float"),
        _ => (f64::MAX, "double"),
    }
}

fn check_bounds(dtype: DType, from: f64, to: f64) -> Result<()> {
    let (max, name) = largest(dtype);
    for (what, x) in [("from", from), ("to", to)] {
        if !(-max..=max).contains(&x) {
            return Err(Error::Runtime(format!("{what} is out of bounds for {name}")));
        }
    }
    let (a, b) = (general(from), general(to));
    if from > to {
        return Err(Error::Runtime(format!(
            "uniform_ expects to return a [from, to) range, but found from={a} > to={b}"
        )));
    }
    if to - from > max {
        return Err(Error::Runtime(format!(
            "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={b} and from={a} which result in \
             to-from to exceed the limit",
            dtype.scalar_type()
        )));
    }
    Ok(())
}
