//! Functions of single numbers, for loops over slices: within 2 units in the last place, right for infinities, NaN,
//! denormals and -0.
//!
//! For f32 everything is straight-line arithmetic and selects, so a loop that calls one of these inside
//! `simd::vectorize` becomes vector code (`single`, most of it on the f64 kernels of `wide`); the exceptions say so.
//! For f64 they are the standard library's or `libm`'s scalar functions (`double`).
//! No `mul_add`: it would be a call in a build without FMA, and every machine gives the same bits without it.
//!
//! Use: `math::exp(x)` for f32, f64 and a generic `T: Real`.

pub mod bessel;
mod double;
pub mod polynomials;
mod single;
mod special;
pub mod tails;
#[cfg(test)]
mod tests;
mod wide;

pub use single::{all_near, cos_near, is_near, sin_near, tan_near};

use crate::dtype::{DType, Real};

/// A function for both types: `T` is one of them, and which is known when the call is compiled. The conversions between
/// `T` and the type it is are no instructions.
macro_rules! math {
    ($($(#[$doc:meta])* $name:ident($x:ident $(, $arg:ident)*);)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub fn $name<T: Real>($x: T $(, $arg: T)*) -> T {
            if T::DTYPE == DType::F32 {
                T::from_f64(single::$name($x.to_f64() as f32 $(, $arg.to_f64() as f32)*).into())
            } else {
                T::from_f64(double::$name($x.to_f64() $(, $arg.to_f64())*))
            }
        }
    )*};
}

math! {
    /// e to the power of x.
    exp(x);
    /// The same for x up to 40, in three quarters of the time.
    exp_below(x);
    /// 2 to the power of x.
    exp2(x);
    /// `exp(x) - 1`, exact near 0.
    expm1(x);
    /// Natural logarithm.
    ln(x);
    /// Logarithm to base 2.
    log2(x);
    /// Logarithm to base 10.
    log10(x);
    /// `ln(1 + x)`, exact near 0.
    log1p(x);
    /// Square root.
    sqrt(x);
    /// `1 / sqrt(x)`
    rsqrt(x);
    /// Sine of any finite x. Where `all_near` holds, `sin_near` is four times as fast.
    sin(x);
    /// Cosine of any finite x. Where `all_near` holds, `cos_near` is four times as fast.
    cos(x);
    /// Tangent of any finite x. Where `all_near` holds, `tan_near` is four times as fast.
    tan(x);
    /// `sin(pi * x) / (pi * x)`, 1 at 0; the product is rounded as PyTorch rounds it.
    sinc(x);
    asin(x);
    acos(x);
    atan(x);
    sinh(x);
    cosh(x);
    tanh(x);
    asinh(x);
    acosh(x);
    atanh(x);
    /// `1 / (1 + exp(-x))`
    sigmoid(x);
    /// `ln(x / (1 - x))`
    logit(x);
    /// `ln(sigmoid(x))`
    log_sigmoid(x);
    /// `x * sigmoid(x)`
    silu(x);
    /// `x * tanh(ln(1 + exp(x)))`
    mish(x);
    /// `x * P(Z <= x)` for a standard normal Z.
    gelu(x);
    /// The approximation of `gelu` by a hyperbolic tangent.
    gelu_tanh(x);
    /// `ln(1 + exp(beta * x)) / beta`; x itself where `beta * x > threshold`.
    softplus(x, beta, threshold);
    /// Error function.
    erf(x);
    /// `1 - erf(x)`, exact in the tail.
    erfc(x);
    /// The inverse of `erf`. Scalar.
    erfinv(x);
    /// `ln |gamma(x)|`. Scalar.
    lgamma(x);
    /// The derivative of `lgamma`. Scalar.
    digamma(x);
    /// The nearest whole number, halves to the even one.
    round(x);
    /// x to the power of y, with C's rules for the special cases.
    pow(x, y);
    /// The angle of the point `(x, y)`.
    atan2(y, x);
    /// `sqrt(x^2 + y^2)` without overflow on the way.
    hypot(x, y);
    /// `ln(exp(x) + exp(y))`
    logaddexp(x, y);
    /// `x * ln(y)`, 0 where x is 0 and y is not NaN.
    xlogy(x, y);
    /// The remainder with the sign of x, as C's `fmod`. Scalar.
    fmod(x, y);
    /// The remainder with the sign of y, as Python's `%`. Scalar.
    remainder(x, y);
    /// `floor(x / y)` as Python's `//` computes it, from the remainder. Scalar.
    floor_divide(x, y);
    /// The next number after x in the direction of y.
    nextafter(x, y);
    /// The size of x with the sign of y.
    copysign(x, y);
}

/// What is written the same way for both types.
macro_rules! both {
    ($t:ident, $bits:ident) => {
        #[inline(always)]
        pub fn sqrt(x: $t) -> $t {
            x.sqrt()
        }

        #[inline(always)]
        pub fn rsqrt(x: $t) -> $t {
            1.0 / x.sqrt()
        }

        #[inline(always)]
        pub fn sinc(x: $t) -> $t {
            let angle = std::$t::consts::PI * x;
            let y = sin(angle) / angle;
            if x == 0.0 { 1.0 } else { y }
        }

        #[inline(always)]
        pub fn xlogy(x: $t, y: $t) -> $t {
            let z = x * ln(y);
            if x == 0.0 && !y.is_nan() { 0.0 } else { z }
        }

        /// By adding a number so large that only whole numbers are left; no call in a build without SSE4.1.
        #[inline(always)]
        pub fn round(x: $t) -> $t {
            const WHOLE: $t = 1.0 / $t::EPSILON;
            let size = x.abs();
            let whole = (size + WHOLE) - WHOLE;
            (if size < WHOLE { whole } else { size }).copysign(x)
        }

        #[inline(always)]
        pub fn fmod(x: $t, y: $t) -> $t {
            x % y
        }

        #[inline(always)]
        pub fn remainder(x: $t, y: $t) -> $t {
            let r = x % y;
            if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r }
        }

        #[inline(always)]
        pub fn floor_divide(x: $t, y: $t) -> $t {
            if y == 0.0 {
                return x / y;
            }
            let r = x % y;
            let mut quotient = (x - r) / y;
            if r != 0.0 && (r < 0.0) != (y < 0.0) {
                quotient -= 1.0;
            }
            if quotient == 0.0 {
                return (0.0 as $t).copysign(x / y);
            }
            // The division above was rounded; the quotient is the whole number closest to it.
            let floor = quotient.floor();
            if quotient - floor > 0.5 { floor + 1.0 } else { floor }
        }

        #[inline(always)]
        pub fn nextafter(x: $t, y: $t) -> $t {
            let bits = x.to_bits();
            // Away from zero the pattern grows by one; from zero itself comes the smallest denormal of y's sign.
            let outward = (y > x) == (x > 0.0);
            let next = $t::from_bits(if outward { bits.wrapping_add(1) } else { bits.wrapping_sub(1) });
            let next = if x == 0.0 { $t::from_bits(1).copysign(y) } else { next };
            let next = if x == y { y } else { next };
            if x.is_nan() || y.is_nan() { x + y } else { next }
        }

        #[inline(always)]
        pub fn copysign(x: $t, y: $t) -> $t {
            x.copysign(y)
        }
    };
}
use both;
