//! `digamma` and `erfinv` for f64, number by number.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

use super::wide::poly;

/// The derivative of `ln |gamma(x)|`.
///
/// Brought to [1, 2] or to 10 and above by `digamma(x + 1) = digamma(x) + 1 / x`, from the negative side by
/// `digamma(1 - x) - digamma(x) = pi / tan(pi x)`.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        return if x == x.trunc() { f64::NAN } else { digamma(1.0 - x) - PI * cot_pi(x) };
    }
    if x >= 10.0 {
        // ln(x) - 1 / (2 x) - sum of B_2k / (2 k x^2k)
        const B: [f64; 8] = [
            0.08333333333333333,
            -0.008333333333333333,
            0.003968253968253968,
            -0.004166666666666667,
            0.007575757575757576,
            -0.021092796092796094,
            0.08333333333333333,
            -0.4432598039215686,
        ];
        let z = 1.0 / (x * x);
        return x.ln() - 0.5 / x - z * poly(z, B);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x > 2.0 {
        x -= 1.0;
        sum += 1.0 / x;
    }
    if x < 1.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    sum + digamma_near_root(x)
}

/// `1 / tan(pi x)`. Whole turns are taken off and quarters turned over before the multiplication rounds them away.
fn cot_pi(x: f64) -> f64 {
    let turn = x - x.round();
    if turn.abs() <= 0.25 { 1.0 / (PI * turn).tan() } else { (PI * (0.5 - turn.abs())).tan().copysign(turn) }
}

/// `digamma` on [1, 2], exact around its root there. NaN stays.
fn digamma_near_root(x: f64) -> f64 {
    // The root in two parts, and digamma(x) / (x - root) as a ratio in x - 1.5.
    const ROOT: f64 = 1.4616321449683622;
    const ROOT_REST: f64 = 9.549995429965697e-17;
    const P: [f64; 7] = [
        0.9510558760318328,
        1.0802592319314082,
        0.420260301527663,
        0.06598762354155317,
        0.0035803061041839706,
        1.9644141479688134e-05,
        -2.2098699616791732e-07,
    ];
    const Q: [f64; 6] = [
        1.0,
        1.5812810699279376,
        0.8933143263952666,
        0.22339351408368593,
        0.024201572971563216,
        0.0008695267854863461,
    ];
    let t = x - 1.5;
    ((x - ROOT) - ROOT_REST) * (poly(t, P) / poly(t, Q))
}

/// The x with `erf(x) = y`.
///
/// Winitzki's closed form is right to three digits; each step of Halley's method triples their number, far out with
/// a slow start.
pub fn erfinv(y: f64) -> f64 {
    let size = y.abs();
    if size == 1.0 {
        return f64::INFINITY.copysign(y);
    }
    if size > 1.0 || y.is_nan() {
        return f64::NAN;
    }
    const A: f64 = 0.147;
    let log = if size < 0.5 { (-size * size).ln_1p() } else { ((1.0 - size) * (1.0 + size)).ln() };
    let half = 2.0 / (PI * A) + 0.5 * log;
    let mut x = ((half * half - log / A).sqrt() - half).max(0.0).sqrt();
    for _ in 0..3 {
        // In the tail 1 - y is exact, erf(x) is not.
        let error = if size < 0.5 { libm::erf(x) - size } else { (1.0 - size) - libm::erfc(x) };
        let step = error / (FRAC_2_SQRT_PI * (-x * x).exp());
        x -= step / (1.0 + x * step);
    }
    x.copysign(y)
}
