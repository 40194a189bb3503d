//! Tails of the normal distribution and Hurwitz' zeta function, for f64.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI, SQRT_2};

use super::special::erfinv;

/// `exp(x^2) * erfc(x)`: from 2 on its continued fraction, from the end.
pub fn erfcx(x: f64) -> f64 {
    if x < -26.7 {
        return f64::INFINITY;
    }
    if x < 2.0 {
        return (x * x).exp() * libm::erfc(x);
    }
    if x > 1e8 {
        return 1.0 / (x * PI.sqrt());
    }
    let terms = (20.0 + 400.0 / (x * x)) as u32;
    let fraction = (1..=terms).rev().fold(x, |f, k| x + f64::from(k) / 2.0 / f);
    1.0 / (fraction * PI.sqrt())
}

/// The logarithm of the normal distribution's cumulative function.
pub fn log_ndtr(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    if x < -1.0 { (erfcx(-t) / 2.0).ln() - t * t } else { (-libm::erfc(t) / 2.0).ln_1p() }
}

/// The inverse of the normal distribution's cumulative function: in the middle by that of erf, in the tails by Newton's
/// method on the logarithms.
pub fn ndtri(p: f64) -> f64 {
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.85 {
        return -ndtri(1.0 - p);
    }
    if p > 0.15 {
        return SQRT_2 * erfinv(2.0 * p - 1.0);
    }
    let log = p.ln();
    let mut x = -(-2.0 * log).sqrt();
    for _ in 0..60 {
        // The slope of log_ndtr is the density over the tail, sqrt(2 / pi) / erfcx.
        let step = (log_ndtr(x) - log) * erfcx(-x * FRAC_1_SQRT_2) / FRAC_2_PI.sqrt();
        x -= step;
        if step.abs() < 1e-15 * x.abs() {
            break;
        }
    }
    x
}

/// `sum (q + k)^-s` over k from 0 on: the first terms, and Euler and Maclaurin's formula for the rest.
pub fn zeta(s: f64, q: f64) -> f64 {
    if s == 1.0 {
        return f64::INFINITY;
    }
    if s.is_nan() || q.is_nan() || s < 1.0 {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if s != s.floor() {
            return f64::NAN;
        }
    }
    series(s, q)
}

/// As `zeta`, for arguments it has a value for.
pub fn series(s: f64, q: f64) -> f64 {
    const TERMS: usize = 12;
    /// Bernoulli's numbers B_2k / (2k)!
    const B: [f64; 8] = [
        1.0 / 12.0,
        -1.0 / 720.0,
        1.0 / 30240.0,
        -1.0 / 1209600.0,
        1.0 / 47900160.0,
        -691.0 / 1307674368000.0,
        1.0 / 74724249600.0,
        -3617.0 / 10670622842880000.0,
    ];
    let mut sum = 0.0;
    let mut at = q;
    // Far below 0 there is no end of terms; a million are enough to be wrong by less than one in a million.
    for _ in 0..1_000_000 {
        if at >= TERMS as f64 {
            break;
        }
        sum += at.powf(-s);
        at += 1.0;
    }
    sum += at.powf(1.0 - s) / (s - 1.0) + 0.5 * at.powf(-s);
    let mut factor = s * at.powf(-s - 1.0);
    for (k, b) in B.iter().enumerate() {
        sum += b * factor;
        let k = 2.0 * k as f64 + 1.0;
        factor *= (s + k) * (s + k + 1.0) / (at * at);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
        close(zeta(2.0, 1.0), PI * PI / 6.0);
        close(zeta(4.0, 0.5), 15.0 * PI.powi(4) / 90.0);
        for p in [1e-300, 1e-10, 0.01, 0.149, 0.151, 0.3, 0.5, 0.84, 0.86, 0.999] {
            let (back, log) = (log_ndtr(ndtri(p)), p.ln());
            assert!((back - log).abs() <= 1e-12 * log.abs(), "{back} {log}");
        }
        assert!(ndtri(1.5).is_nan() && ndtri(0.0) == f64::NEG_INFINITY);
        close(log_ndtr(-40.0), -804.608_442_013_754_6);
    }

    /// Below and above 2 are two formulas for one smooth function.
    #[test]
    fn erfcx_meets() {
        let (below, at, above) = (erfcx(2.0 - 1e-4), erfcx(2.0), erfcx(2.0 + 1e-4));
        assert!((below + above - 2.0 * at).abs() < 1e-8 * at);
        assert!((below - above - 2e-4 * (2.0 / PI.sqrt() - 4.0 * at)).abs() < 1e-8);
    }
}
