//! The functions for f32, a file per family.

mod erf;
mod exp;
mod log;
mod trig;

pub use erf::{erf, erfc, gelu, gelu_tanh};
pub use exp::{cosh, exp, exp_below, exp2, expm1, mish, sigmoid, silu, sinh, tanh};
pub use log::{
    acosh, asinh, atanh, hypot, ln, log_sigmoid, log1p, log2, log10, logaddexp, logit, pow, softplus,
};
pub use trig::{acos, all_near, asin, atan, atan2, cos, cos_near, is_near, sin, sin_near, tan, tan_near};

super::both!(f32, u32);

// Rare, long and full of cases: computed as f64, one number at a time.

#[inline(always)]
pub fn erfinv(x: f32) -> f32 {
    super::special::erfinv(x.into()) as f32
}

#[inline(always)]
pub fn lgamma(x: f32) -> f32 {
    super::double::lgamma(x.into()) as f32
}

#[inline(always)]
pub fn digamma(x: f32) -> f32 {
    super::special::digamma(x.into()) as f32
}
