//! Circular functions and their inverses, through f64.

use crate::backend::cpu::math::wide::{self, angle, turn, turn_near};

const NEAR: f32 = 1_048_576.0;

/// Whether `sin_near`, `cos_near` and `tan_near` may be used: `|x| <= 2^20`.
#[inline(always)]
pub fn is_near(x: f32) -> bool {
    x.abs() <= NEAR
}

/// Whether all of them are near: for a loop that then runs the near function, at a quarter of the cost.
#[inline(always)]
pub fn all_near(x: &[f32]) -> bool {
    // The order of sizes is that of bit patterns without the sign; NaN counts as far.
    x.iter().fold(0, |most, x| most.max(x.abs().to_bits())) <= NEAR.to_bits()
}

/// Sine of a near x.
#[inline(always)]
pub fn sin_near(x: f32) -> f32 {
    turn_near(x.into()).sin() as f32
}

/// Cosine of a near x.
#[inline(always)]
pub fn cos_near(x: f32) -> f32 {
    turn_near(x.into()).cos() as f32
}

/// Tangent of a near x.
#[inline(always)]
pub fn tan_near(x: f32) -> f32 {
    turn_near(x.into()).tan() as f32
}

#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let y = turn(x.into()).sin() as f32;
    // Keeps the sign of zero.
    if x == 0.0 { x } else { y }
}

#[inline(always)]
pub fn cos(x: f32) -> f32 {
    turn(x.into()).cos() as f32
}

#[inline(always)]
pub fn tan(x: f32) -> f32 {
    let y = turn(x.into()).tan() as f32;
    if x == 0.0 { x } else { y }
}

#[inline(always)]
pub fn asin(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let y = angle(a, ((1.0 - a) * (1.0 + a)).sqrt());
    ((if a <= 1.0 { y } else { f64::NAN }) as f32).copysign(x)
}

#[inline(always)]
pub fn acos(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let y = angle(((1.0 - a) * (1.0 + a)).sqrt(), a);
    let y = if x < 0.0 { std::f64::consts::PI - y } else { y };
    (if a <= 1.0 { y } else { f64::NAN }) as f32
}

#[inline(always)]
pub fn atan(x: f32) -> f32 {
    let a = wide::clamp(f64::from(x.abs()), 0.0, 1e30);
    (angle(a, 1.0) as f32).copysign(x)
}

#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    let (mut a, mut b) = (f64::from(y.abs()), f64::from(x.abs()));
    // Two infinite sides make an angle of pi/4, as two ones do.
    let both = a == f64::INFINITY && b == f64::INFINITY;
    a = if both { 1.0 } else { a };
    b = if both { 1.0 } else { b };
    let angle = angle(a, b);
    let angle = if x.is_sign_negative() { std::f64::consts::PI - angle } else { angle };
    let nan = y.is_nan() || x.is_nan();
    ((if nan { f64::NAN } else { angle }) as f32).copysign(y)
}
