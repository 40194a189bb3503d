//! The error function and the activations made of it, through f64.

use crate::backend::cpu::math::wide;

#[inline(always)]
pub fn erf(x: f32) -> f32 {
    wide::erf(wide::clamp(x.into(), -3.93, 3.93)) as f32
}

#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    // Smaller than f32 has numbers for from 10.1 on.
    let a = wide::clamp(f64::from(x.abs()), 0.0, 10.3);
    let tail = wide::exp(-a * a) * wide::erfcx(a);
    (if x < 0.0 { 2.0 - tail } else { tail }) as f32
}

#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    // x P(Z <= x) = max(x, 0) - |x| P(Z > |x|), where the last part is exact for both signs.
    let a = x.abs();
    let tail = wide::normal_tail(f64::from(if a > 14.6 { 14.6 } else { a })) as f32;
    let y = ((if x > 0.0 { x } else { 0.0 }) - tail).copysign(x);
    // Zero times infinity, as in PyTorch.
    if x == f32::NEG_INFINITY { f32::NAN } else { y }
}

#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    // (1 + tanh(u)) / 2 = 1 / (1 + e^(-2 u))
    const SCALE: f64 = -2.0 * std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    let wide = f64::from(x);
    let u = SCALE * (wide + 0.044715 * (wide * wide * wide));
    let share = 1.0 / (1.0 + wide::exp(wide::clamp(u, -200.0, 200.0)));
    let share = if u < 200.0 { share } else { 0.0 };
    (wide * share) as f32
}
