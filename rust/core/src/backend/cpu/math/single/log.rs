//! Logarithms, powers and what is made of them: `ln`, `log1p` and `log_sigmoid` in f32 throughout, the rest through f64.

use super::exp::{exp_below, poly};
use crate::backend::cpu::math::wide::{self, clamp};

const INFINITY: f64 = f64::INFINITY;

/// Give a logarithm that is right for finite positive x its values elsewhere.
#[inline(always)]
fn log(x: f64, log: f64) -> f64 {
    let y = if x > 0.0 { log } else { f64::NAN };
    let y = if x == 0.0 { -INFINITY } else { y };
    if x == INFINITY { x } else { y }
}

#[inline(always)]
pub fn ln(x: f32) -> f32 {
    // ln(2) in two parts; an exponent has at most 8 bits, so its product with the first is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // (ln(1 + t) - t + t^2 / 2) / t^3: even and odd powers in two chains, which the processor runs side by side.
    const EVEN: [f32; 4] = [0.333_333_3, 0.200_012_27, 0.142_017_6, 0.127_615_63];
    const ODD: [f32; 4] = [-0.250_008_2, -0.166_233_57, -0.131_601_9, -0.076_344_6];
    const ROOT_HALF: i32 = 0x3F35_04F3;
    // A denormal has the exponent of a normal number once it is that large.
    const UP: f32 = 8_388_608.0;
    let small = x < f32::MIN_POSITIVE;
    let bits = (if small { x * UP } else { x }).to_bits() as i32;
    // x = 2^n (1 + t) with 1 + t from sqrt(1/2) to sqrt(2)
    let n = bits.wrapping_sub(ROOT_HALF) >> 23;
    let t = f32::from_bits(bits.wrapping_sub(n << 23) as u32) - 1.0;
    let n = n as f32 - if small { 23.0 } else { 0.0 };
    let z = t * t;
    let y = (t * (z * (poly(z, EVEN) + t * poly(z, ODD))) + n * LOW) - 0.5 * z;
    let y = (t + y) + n * HIGH;
    let y = if x > 0.0 { y } else { f32::NAN };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x == f32::INFINITY { x } else { y }
}

#[inline(always)]
pub fn log2(x: f32) -> f32 {
    let x = f64::from(x);
    log(x, wide::log2(x)) as f32
}

#[inline(always)]
pub fn log10(x: f32) -> f32 {
    let x = f64::from(x);
    log(x, wide::ln(x) * std::f64::consts::LOG10_E) as f32
}

#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    // What the rounding of u has lost, by the slope of the logarithm there.
    let y = ln(u);
    let lost = (x - (u - 1.0)) / u;
    (if u > 0.0 && u < f32::INFINITY { y + lost } else { y }).copysign(x)
}

#[inline(always)]
pub fn logit(x: f32) -> f32 {
    let x = f64::from(x);
    let odds = x / (1.0 - x);
    log(odds, wide::ln(odds)) as f32
}

#[inline(always)]
pub fn log_sigmoid(x: f32) -> f32 {
    // (ln(1 + e) / s - 2) / s^2 of s^2 up to 1/9, where s = e / (2 + e)
    const C: [f32; 4] = [0.666_664_2, 0.400_215_27, 0.280_018_06, 0.280_119_9];
    let e = exp_below(-x.abs());
    let s = e / (2.0 + e);
    let z = s * s;
    // e is exact beside the rest, 2 s = e - s e would not be.
    let log = e - s * (e - z * poly(z, C));
    (if x < 0.0 { x } else { 0.0 }) - log
}

#[inline(always)]
pub fn softplus(x: f32, beta: f32, threshold: f32) -> f32 {
    let scaled = x * beta;
    let y = wide::log1p(wide::exp(clamp(scaled.into(), -200.0, 200.0)));
    let y = (y / f64::from(beta)) as f32;
    if scaled > threshold { x } else { y }
}

#[inline(always)]
pub fn logaddexp(x: f32, y: f32) -> f32 {
    let (x, y) = (f64::from(x), f64::from(y));
    let high = if x > y { x } else { y };
    // Equal infinities have no difference.
    let gap = if x == y { 0.0 } else { x - y };
    (high + wide::log1p(wide::exp(clamp(-gap.abs(), -200.0, 0.0)))) as f32
}

#[inline(always)]
pub fn asinh(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let y = wide::log1p(a + a * (a / (1.0 + (a * a + 1.0).sqrt())));
    ((if a < INFINITY { y } else { a }) as f32).copysign(x)
}

#[inline(always)]
pub fn acosh(x: f32) -> f32 {
    let x = f64::from(x);
    let t = x - 1.0;
    let y = wide::log1p(t + (t * (t + 2.0)).sqrt());
    let y = if x >= 1.0 { y } else { f64::NAN };
    (if x == INFINITY { x } else { y }) as f32
}

#[inline(always)]
pub fn atanh(x: f32) -> f32 {
    let a = f64::from(x.abs());
    let y = 0.5 * wide::log1p(2.0 * a / (1.0 - a));
    let y = if a < 1.0 { y } else { f64::NAN };
    ((if a == 1.0 { INFINITY } else { y }) as f32).copysign(x)
}

#[inline(always)]
pub fn hypot(x: f32, y: f32) -> f32 {
    let (a, b) = (f64::from(x), f64::from(y));
    let size = (a * a + b * b).sqrt() as f32;
    // An infinite side wins over NaN.
    if x.abs() == f32::INFINITY || y.abs() == f32::INFINITY { f32::INFINITY } else { size }
}

/// `2^(y log2 |x|)` with the sign and the exceptions of C's `pow`.
#[inline(always)]
pub fn pow(x: f32, y: f32) -> f32 {
    // Whole numbers, and even ones from twice that on, are all that is left of f32 here.
    const WHOLE: f32 = 16_777_216.0;
    let a = f64::from(x.abs());
    let log = if a == 0.0 { -INFINITY } else { wide::log2(a) };
    // Also NaN.
    let log = if a < INFINITY { log } else { a };
    let size = wide::exp2(clamp(f64::from(y) * log, -300.0, 300.0)) as f32;

    let (h, half) = (y.abs(), 0.5 * y.abs());
    let whole = h >= WHOLE || super::round(h) == h;
    let odd = whole && h < WHOLE && super::round(half) != half;
    let signed = if odd { size.copysign(x) } else { size };
    // A power of a negative number is real only for whole exponents; infinity and zero have no sign to speak of.
    let z = if x < 0.0 && x > f32::NEG_INFINITY && !whole { f32::NAN } else { signed };
    // 1 to any power is 1, and so is -1 to an infinite one.
    let z = if x == 1.0 || (x == -1.0 && h == f32::INFINITY) { 1.0 } else { z };
    if y == 0.0 { 1.0 } else { z }
}
