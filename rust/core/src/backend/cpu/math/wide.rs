//! f64 kernels exact to about 34 bits: what an f32 result needs before its one rounding.
//!
//! Straight-line code over the range of f32 arguments; special values are the callers' matter, but NaN stays NaN except
//! in `ln` and `log2`. Polynomials are minimax fits of the function named beside them, the constant term fixed where it is 1.

pub const LN_2: f64 = std::f64::consts::LN_2;
/// Adding this rounds to a whole number, which then stands in the low bits. For sizes below 2^51.
const SHIFT: f64 = 6_755_399_441_055_744.0;

/// `c[0] + c[1] x + c[2] x^2 + ...`
///
/// Even and odd powers apart: two short chains of additions keep the machine busier than one long one.
#[inline(always)]
pub fn poly<const N: usize>(x: f64, c: [f64; N]) -> f64 {
    let z = x * x;
    let (mut top, mut below) = (c[N - 1], c[N - 2]);
    let mut i = N - 2;
    while i >= 2 {
        top = top * z + c[i - 1];
        below = below * z + c[i - 2];
        i -= 2;
    }
    if i == 1 { (top * x + below) * x + c[0] } else { top * x + below }
}

/// x within bounds; NaN stays.
#[inline(always)]
pub fn clamp(x: f64, low: f64, high: f64) -> f64 {
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

/// `2^r - 1` for `|r| <= 1/2`.
#[inline(always)]
fn power_less_one(r: f64) -> f64 {
    // (2^r - 1) / r
    const C: [f64; 7] = [
        0.6931471807045628,
        0.24022651066597966,
        0.0555041036590499,
        0.009618038127814681,
        0.0013333935118535944,
        0.0001546675745491499,
        1.5196143109660136e-05,
    ];
    r * poly(r, C)
}

/// `x * 2^n` where n is the whole number that was rounded by adding `SHIFT`.
#[inline(always)]
fn scale(x: f64, shifted: f64) -> f64 {
    f64::from_bits(x.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// `2^x`, `|x| <= 1000`; whole powers are exact.
#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    let shifted = x + SHIFT;
    scale(1.0 + power_less_one(x - (shifted - SHIFT)), shifted)
}

/// `e^x`, `|x| <= 700`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    exp2(x * std::f64::consts::LOG2_E)
}

/// `e^x - 1`, `|x| <= 700`.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let x = x * std::f64::consts::LOG2_E;
    let shifted = x + SHIFT;
    let power = scale(1.0, shifted);
    power_less_one(x - (shifted - SHIFT)) * power + (power - 1.0)
}

/// Exponent and logarithm of the mantissa: `ln(x) = e * ln(2) + m`, for a positive normal x.
#[inline(always)]
fn ln_parts(x: f64) -> (f64, f64) {
    // Bits of sqrt(1/2): the mantissa is brought to [sqrt(1/2), sqrt(2)).
    const HALF: u64 = 0x3FE6_A09E_667F_3BCD;
    const ONE: u64 = 0x3FF0_0000_0000_0000;
    // The biased exponent, put into the low bits of 2^52.
    let biased = x.to_bits().wrapping_sub(HALF).wrapping_add(ONE) >> 52;
    let e = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits(x.to_bits().wrapping_sub(biased << 52).wrapping_add(ONE));
    // (ln(m) / s - 2) / s^2 of s^2, where m = (1 + s) / (1 - s)
    const C: [f64; 5] = [
        0.66666666675801,
        0.39999995622243645,
        0.28572109078674934,
        0.22176193323396828,
        0.19584068513813163,
    ];
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    (e, s * (2.0 + z * poly(z, C)))
}

/// `ln(x)` for a positive normal x.
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let (e, m) = ln_parts(x);
    e * LN_2 + m
}

/// `log2(x)` for a positive normal x; powers of two are exact.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    let (e, m) = ln_parts(x);
    e + m * std::f64::consts::LOG2_E
}

/// `ln(1 + x)` for a finite `x > -1`.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What the addition lost counts only where u is small.
    let lost = x - (u - 1.0);
    ln(u) + if x >= 1.0 { 0.0 } else { lost }
}

/// The angle of the point `(x, y)` for finite x and y of at least 0.
#[inline(always)]
pub fn angle(y: f64, x: f64) -> f64 {
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};
    // (atan(t) / t - 1) / t^2 of t^2, for t up to tan(pi / 8)
    const C: [f64; 6] = [
        -0.3333333251443301,
        0.19999905173958626,
        -0.1428204175255332,
        0.11045089947351246,
        -0.08478387740897435,
        0.047482396961300466,
    ];
    let steep = y > x;
    let (low, high) = if steep { (x, y) } else { (y, x) };
    let middle = low > 0.414_213_562_373_095 * high;
    let (base, top, bottom) = if middle { (FRAC_PI_4, low - high, low + high) } else { (0.0, low, high) };
    let t = if high == 0.0 { 0.0 } else { top / bottom };
    let z = t * t;
    let a = base + t * (1.0 + z * poly(z, C));
    if steep { FRAC_PI_2 - a } else { a }
}

/// `exp(x^2) * erfc(x)` for x from 0 to 10.3.
#[inline(always)]
pub fn erfcx(x: f64) -> f64 {
    // erfcx(x) * (x + 3) of q = (x - 3) / (x + 3)
    const C: [f64; 10] = [
        1.0740069078331902,
        -0.8833944877847237,
        0.5902282925272223,
        -0.3104659705257268,
        0.1195291682258422,
        -0.02684006257318902,
        -0.001227027240865898,
        0.0030805867096217183,
        -0.00048202051830699796,
        -0.00032473845453789575,
    ];
    let t = 1.0 / (x + 3.0);
    t * poly(1.0 - 6.0 * t, C)
}

/// `x * P(Z > x)` for a standard normal Z and x from 0 to 14.6.
#[inline(always)]
pub fn normal_tail(x: f64) -> f64 {
    // exp(x^2 / 2) * P(Z > x) / t of t = 1 / (x + 3.5)
    const C: [f64; 10] = [
        0.3989875046100971,
        1.3925187195525566,
        4.6247479183295255,
        10.106671535908628,
        67.96166909325969,
        -244.25590624363403,
        1696.2840168420591,
        -5637.238979539522,
        8150.519905638871,
        -4450.832812670406,
    ];
    let t = 1.0 / (x + 3.5);
    exp2(-0.5 * std::f64::consts::LOG2_E * (x * x)) * ((x * t) * poly(t, C))
}

/// `erf(x)` for `|x| <= 3.93`, beyond which it is 1 in f32.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    const P: [f64; 7] = [
        1.1283791692033587,
        0.18514559153945004,
        0.054254950250427474,
        0.003840270047314282,
        0.00037718701816326117,
        4.620634026211989e-06,
        -1.2860820410823573e-08,
    ];
    const Q: [f64; 6] = [
        1.0,
        0.49741441612197473,
        0.1138865153052117,
        0.015434863862225603,
        0.001302430713882232,
        6.250628549472132e-05,
    ];
    let z = x * x;
    x * poly(z, P) / poly(z, Q)
}

/// What is left of an angle after its quarter turns, in radians, and the quarter turns, modulo 4.
#[derive(Clone, Copy)]
pub struct Turned {
    r: f64,
    quarters: u64,
}

/// For `|x| <= 2^20`, x an f32.
#[inline(always)]
pub fn turn_near(x: f64) -> Turned {
    // pi/2 in two parts; the first has 30 bits, so that its product with a count of quarters is exact.
    const HIGH: f64 = 1.570796325802803;
    const LOW: f64 = 9.920935796805404e-10;
    let shifted = x * std::f64::consts::FRAC_2_PI + SHIFT;
    let n = shifted - SHIFT;
    Turned { r: (x - n * HIGH) - n * LOW, quarters: shifted.to_bits() }
}

/// For any finite f32.
#[inline(always)]
pub fn turn(x: f64) -> Turned {
    // 1/(2 pi) in parts of 29 bits, so that their products with an f32 are exact, whole turns can be taken off each,
    // and quarters off the sum before a part follows that the sum could not hold.
    const PARTS: [f64; 5] = [
        0.15915494272485375,
        3.6704158115630214e-10,
        5.690025167992954e-19,
        1.4703036846932608e-27,
        2.5867171752090537e-36,
    ];
    const REST: f64 = 9.458140970740169e-46;
    let (mut s, mut quarters) = (0.0, 0.0);
    let mut i = 0;
    while i < PARTS.len() {
        let p = x * PARTS[i];
        s += p - p.round_ties_even();
        let n = (4.0 * s + SHIFT) - SHIFT;
        s -= 0.25 * n;
        quarters += n;
        i += 1;
    }
    s += x * REST;
    Turned { r: s * std::f64::consts::TAU, quarters: (quarters + SHIFT).to_bits() }
}

/// Sine and cosine of `|r| <= pi/4`.
#[inline(always)]
fn sin_cos_poly(r: f64) -> (f64, f64) {
    // (sin(r) / r - 1) / r^2 and (cos(r) - 1 + r^2 / 2) / r^4, of r^2
    const S: [f64; 4] =
        [-0.1666666664152309, 0.008333329373802344, -0.00019839330915598962, 2.718273829026934e-06];
    const C: [f64; 3] = [0.041666646804629774, -0.001388736437913167, 2.4438080303849954e-05];
    let z = r * r;
    (r * (1.0 + z * poly(z, S)), 1.0 + z * (-0.5 + z * poly(z, C)))
}

impl Turned {
    #[inline(always)]
    pub fn sin(self) -> f64 {
        let (s, c) = sin_cos_poly(self.r);
        let y = if self.quarters & 1 == 0 { s } else { c };
        f64::from_bits(y.to_bits() ^ ((self.quarters & 2) << 62))
    }

    #[inline(always)]
    pub fn cos(self) -> f64 {
        Turned { quarters: self.quarters.wrapping_add(1), ..self }.sin()
    }

    #[inline(always)]
    pub fn tan(self) -> f64 {
        let (s, c) = sin_cos_poly(self.r);
        if self.quarters & 1 == 0 { s / c } else { -(c / s) }
    }
}
