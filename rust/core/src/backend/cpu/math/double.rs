//! The functions for f64: the standard library's, `libm`'s where it has none, and what is made of both.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

pub use super::special::{digamma, erfinv};

super::both!(f64, u64);

macro_rules! from_std {
    ($($name:ident = $method:ident($($arg:ident),*);)*) => {
        $(#[inline(always)] pub fn $name(x: f64 $(, $arg: f64)*) -> f64 { x.$method($($arg),*) })*
    };
}

from_std! {
    exp = exp();
    exp_below = exp();
    exp2 = exp2();
    expm1 = exp_m1();
    ln = ln();
    log2 = log2();
    log10 = log10();
    log1p = ln_1p();
    sin = sin();
    cos = cos();
    tan = tan();
    asin = asin();
    acos = acos();
    atan = atan();
    sinh = sinh();
    cosh = cosh();
    tanh = tanh();
    pow = powf(y);
    atan2 = atan2(x);
    hypot = hypot(y);
}

#[inline(always)]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

#[inline(always)]
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

// The three below: the standard library's lose digits near 0 or overflow in between.

#[inline(always)]
pub fn asinh(x: f64) -> f64 {
    libm::asinh(x)
}

#[inline(always)]
pub fn acosh(x: f64) -> f64 {
    if x < 1.0 { f64::NAN } else { libm::acosh(x) }
}

#[inline(always)]
pub fn atanh(x: f64) -> f64 {
    libm::atanh(x)
}

#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

#[inline(always)]
pub fn logit(x: f64) -> f64 {
    (x / (1.0 - x)).ln()
}

#[inline(always)]
pub fn log_sigmoid(x: f64) -> f64 {
    (if x < 0.0 { x } else { 0.0 }) - (-x.abs()).exp().ln_1p()
}

#[inline(always)]
pub fn silu(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    (if x < 0.0 { x * e } else { x }) / (1.0 + e)
}

#[inline(always)]
pub fn mish(x: f64) -> f64 {
    let e = x.min(50.0).exp();
    let n = e * (e + 2.0);
    x * (n / (n + 2.0))
}

#[inline(always)]
pub fn gelu(x: f64) -> f64 {
    x * (0.5 * libm::erfc(-x * FRAC_1_SQRT_2))
}

#[inline(always)]
pub fn gelu_tanh(x: f64) -> f64 {
    let u = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044715 * (x * x * x));
    x * sigmoid(2.0 * u)
}

#[inline(always)]
pub fn softplus(x: f64, beta: f64, threshold: f64) -> f64 {
    let scaled = x * beta;
    if scaled > threshold { x } else { scaled.exp().ln_1p() / beta }
}

#[inline(always)]
pub fn logaddexp(x: f64, y: f64) -> f64 {
    let gap = if x == y { 0.0 } else { x - y };
    (if x > y { x } else { y }) + (-gap.abs()).exp().ln_1p()
}
