//! Exponentials and what is made of one: `exp`, `tanh`, `sigmoid`, `silu` in f32 throughout, the rest through f64.

use crate::backend::cpu::math::wide;

/// Polynomial in f32, as `wide::poly`.
#[inline(always)]
pub(super) fn poly<const N: usize>(x: f32, c: [f32; N]) -> f32 {
    let mut y = c[N - 1];
    let mut i = N - 1;
    while i > 0 {
        i -= 1;
        y = y * x + c[i];
    }
    y
}

/// Adding this rounds to a whole number, which then stands in the low bits. For sizes below 2^22.
const SHIFT: f32 = 12_582_912.0;
/// The exponent field of 1.
const BIAS: i32 = 127;

/// 2^-64, which a result that may be a denormal is multiplied with last: what comes before stays in range.
const LOWER: f32 = 1.0 / 18_446_744_073_709_551_616.0;

/// `e^r - 1` and `n + shift - SHIFT` with `x = n ln(2) + r`; shift is `SHIFT` and a small whole number.
#[inline(always)]
fn exp_parts(x: f32, shift: f32) -> (f32, i32) {
    // ln(2) in two parts; n has at most 8 bits, so its product with the first is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // (e^r - 1 - r) / r^2
    const C: [f32; 5] = [0.499_999_93, 0.166_665_2, 0.041_668_39, 0.008_368_711, 0.001_381_46];
    let shifted = x * std::f32::consts::LOG2_E + shift;
    let n = shifted - shift;
    let r = (x - n * HIGH) - n * LOW;
    (r + r * r * poly(r, C), shifted.to_bits() as i32)
}

/// The float with this exponent field; the bits of `SHIFT` above it fall off.
#[inline(always)]
fn power(field: i32) -> f32 {
    f32::from_bits((field as u32) << 23)
}

#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let (w, n) = exp_parts(x, SHIFT);
    // In two steps, because 2^n alone leaves the range at both ends.
    let n = n.wrapping_sub(SHIFT.to_bits() as i32);
    let half = n >> 1;
    (1.0 + w) * power(half.wrapping_add(BIAS)) * power(n.wrapping_sub(half).wrapping_add(BIAS))
}

#[inline(always)]
pub fn exp_below(x: f32) -> f32 {
    let x = if x < -104.0 { -104.0 } else { x };
    let (w, n) = exp_parts(x, SHIFT + (BIAS + 64) as f32);
    (1.0 + w) * power(n) * LOWER
}

#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    wide::exp2(wide::clamp(x.into(), -200.0, 200.0)) as f32
}

#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    (wide::expm1(wide::clamp(x.into(), -100.0, 100.0)) as f32).copysign(x)
}

#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    let e = wide::expm1(wide::clamp(f64::from(x.abs()), 0.0, 100.0));
    ((0.5 * (e + e / (e + 1.0))) as f32).copysign(x)
}

#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    let e = wide::exp(wide::clamp(f64::from(x.abs()), 0.0, 100.0));
    (0.5 * (e + 1.0 / e)) as f32
}

#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    // (tanh(x) / x - 1) / x^2 of x^2
    const C: [f32; 5] = [-0.333_332_78, 0.133_313_28, -0.053_729_195, 0.020_601_902, -0.005_660_683_4];
    let a = x.abs();
    let z = a * a;
    let near = a + a * (z * poly(z, C));
    // 1 for every a from 9.1 on.
    let (w, n) = exp_parts(2.0 * if a > 10.0 { 10.0 } else { a }, SHIFT + BIAS as f32);
    let far = 1.0 - 2.0 / ((1.0 + w) * power(n) + 1.0);
    (if a < 0.625 { near } else { far }).copysign(x)
}

/// `(1 + e^-x) * LOWER`
#[inline(always)]
fn logistic(x: f32) -> f32 {
    let high = if x > 40.0 { 40.0 } else { x };
    let (w, n) = exp_parts(-high, SHIFT + (BIAS - 64) as f32);
    let power = power(n);
    // The larger of the two leading parts comes last, so that only one rounding counts.
    let (small, large) = if power < LOWER { (power, LOWER) } else { (LOWER, power) };
    let sum = large + (small + power * w);
    if x < -120.0 { f32::INFINITY } else { sum }
}

#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    (1.0 / logistic(x)) * LOWER
}

#[inline(always)]
pub fn silu(x: f32) -> f32 {
    let y = (x / logistic(x)) * LOWER;
    // Also where the quotient would leave the range.
    if x > 40.0 { x } else { y }
}

#[inline(always)]
pub fn mish(x: f32) -> f32 {
    // tanh(ln(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2)
    let e = wide::exp(wide::clamp(x.into(), -200.0, 30.0));
    let n = e * (e + 2.0);
    // Far out the share is nothing, which makes minus infinity NaN, as it is in PyTorch.
    let share = if x > -150.0 { n / (n + 2.0) } else { 0.0 };
    (f64::from(x) * share) as f32
}
