//! Bessel functions of orders 0 and 1 and Airy's Ai for f64, by methods that need no tables of coefficients.
//!
//! J, Y: up to 25 Miller's backward recurrence and Neumann's series, above it Hankel's asymptotic one.
//! I: its power series up to 30, above it the asymptotic one; the exponential is left to the caller.
//! K: an integral over a doubly exponentially decaying function, where the trapezoid rule converges exponentially.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

const EULER: f64 = 0.577_215_664_901_532_9;

/// `J0, J1, Y0, Y1` of x > 0.
fn jy(x: f64) -> [f64; 4] {
    if x < 25.0 { near(x) } else { far(x) }
}

/// Miller: any start far above the order gives the J's up to a factor, which `J0 + 2 (J2 + J4 + …) = 1` tells.
fn near(x: f64) -> [f64; 4] {
    let log = (x / 2.0).ln() + EULER;
    if x < 1e-4 {
        let (j0, j1) = (1.0 - x * x / 4.0, x / 2.0 * (1.0 - x * x / 8.0));
        return [j0, j1, FRAC_2_PI * (log * j0 + x * x / 4.0), FRAC_2_PI * (log * j1 - j0 / x - x / 2.0)];
    }
    let top = 2 * ((x + 12.0 * x.cbrt() + 12.0) / 2.0) as usize;
    let mut j = [0.0; 96];
    j[top] = 1e-30;
    for n in (1..=top).rev() {
        j[n - 1] = 2.0 * n as f64 / x * j[n] - j[n + 1];
    }
    let scale = j[0] + 2.0 * (2..=top).step_by(2).map(|n| j[n]).sum::<f64>();
    let (mut even, mut slope) = (0.0, 0.0);
    for k in (1..=top / 2).rev() {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 } / k as f64;
        even += sign * j[2 * k];
        slope += sign * (j[2 * k - 1] - j[2 * k + 1]);
    }
    let (j0, j1) = (j[0] / scale, j[1] / scale);
    let y0 = FRAC_2_PI * (log * j0 - 2.0 * even / scale);
    // Y1 is -Y0', term by term.
    [j0, j1, y0, FRAC_2_PI * (log * j1 - j0 / x + slope / scale)]
}

/// Hankel: `J + iY` is `exp(i chi) (P + iQ)` times `sqrt(2 / (pi x))`.
fn far(x: f64) -> [f64; 4] {
    let (sin, cos) = x.sin_cos();
    let scale = (FRAC_2_PI / x).sqrt();
    let pq = |order: f64| {
        let (mut p, mut q, mut term) = (1.0, 0.0, 1.0f64);
        for k in 1..40 {
            let odd = f64::from(2 * k - 1);
            let next = term * (4.0 * order * order - odd * odd) / (8.0 * f64::from(k) * x);
            if next.abs() >= term.abs() || next.abs() < 1e-18 {
                break;
            }
            term = next;
            match k % 4 {
                0 => p += term,
                1 => q += term,
                2 => p -= term,
                _ => q -= term,
            }
        }
        (p, q)
    };
    let ((p0, q0), (p1, q1)) = (pq(0.0), pq(1.0));
    // chi is x - pi / 4, and x - 3 pi / 4 for order 1.
    let (c0, s0) = ((cos + sin) * FRAC_1_SQRT_2, (sin - cos) * FRAC_1_SQRT_2);
    let (c1, s1) = (s0, -c0);
    [
        scale * (p0 * c0 - q0 * s0),
        scale * (p1 * c1 - q1 * s1),
        scale * (p0 * s0 + q0 * c0),
        scale * (p1 * s1 + q1 * c1),
    ]
}

pub fn j0(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { jy(x.abs())[0] }
}

pub fn j1(x: f64) -> f64 {
    if x == 0.0 { x } else { sign(x) * jy(x.abs())[1] }
}

/// Y0 has no real value below 0.
pub fn y0(x: f64) -> f64 {
    second(x, f64::NEG_INFINITY, |x| jy(x)[2])
}

pub fn y1(x: f64) -> f64 {
    second(x, f64::NEG_INFINITY, |x| jy(x)[3])
}

/// A function of the second kind: its pole at 0, nothing below.
fn second(x: f64, pole: f64, f: impl Fn(f64) -> f64) -> f64 {
    if x == 0.0 {
        pole
    } else if x > 0.0 {
        f(x)
    } else {
        f64::NAN
    }
}

fn sign(x: f64) -> f64 {
    1f64.copysign(x)
}

/// `I(x) * exp(-|x|)` of order 0 or 1.
pub fn scaled_i(order: f64, x: f64) -> f64 {
    let size = x.abs();
    let sign = if order == 1.0 { sign(x) } else { 1.0 };
    if size.is_infinite() {
        return sign * 0.0;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    if size < 30.0 {
        let q = size * size / 4.0;
        for k in 1..200 {
            let k = f64::from(k);
            term *= q / (k * (k + order));
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return sign * sum * (-size).exp() * if order == 1.0 { size / 2.0 } else { 1.0 };
    }
    for k in 1..40 {
        let k = f64::from(k);
        let odd = 2.0 * k - 1.0;
        term *= (odd * odd - 4.0 * order * order) / (8.0 * k * size);
        sum += term;
        if term.abs() < sum * 1e-17 {
            break;
        }
    }
    sign * sum / (2.0 * PI * size).sqrt()
}

/// `I(x)`; infinities give NaN, as in PyTorch.
pub fn i(order: f64, x: f64) -> f64 {
    if x.is_infinite() {
        return f64::NAN;
    }
    // exp in two halves, which do not overflow before the result does.
    let half = (x.abs() / 2.0).exp();
    scaled_i(order, x) * half * half
}

/// `K(x) * exp(x)` of any order: the integral of `exp(-x (cosh t - 1)) cosh(order t)` over t > 0.
pub fn scaled_k(order: f64, x: f64) -> f64 {
    second(x, f64::INFINITY, |x| {
        if x.is_infinite() {
            return 0.0;
        }
        let step = (0.7 / x.sqrt()).min(0.2);
        let mut sum = 0.5;
        for n in 1..100_000 {
            let t = step * f64::from(n);
            // cosh t - 1 without cancellation
            let half = (t / 2.0).sinh();
            let term = (-2.0 * x * half * half).exp() * (order * t).cosh();
            sum += term;
            if term < sum * 1e-18 {
                break;
            }
        }
        sum * step
    })
}

pub fn k(order: f64, x: f64) -> f64 {
    if x == 0.0 { f64::INFINITY } else { scaled_k(order, x) * (-x).exp() }
}

/// `sin(x) / x`
pub fn spherical_j0(x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x.abs() < 1e-4 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}

/// Airy's function of the first kind.
pub fn airy_ai(x: f64) -> f64 {
    if x.is_infinite() || x.is_nan() {
        return f64::NAN;
    }
    let size = x.abs();
    let zeta = 2.0 / 3.0 * size * size.sqrt();
    if x > 1.0 {
        return (x / 3.0).sqrt() / PI * k(1.0 / 3.0, zeta);
    }
    if x > -7.0 {
        return airy_series(x);
    }
    // exp(i (zeta - pi / 4)) times the asymptotic series of K's coefficients.
    let (mut p, mut q, mut term) = (1.0, 0.0, 1.0f64);
    for n in 1..40 {
        let m = f64::from(n);
        let next = term * (6.0 * m - 5.0) * (6.0 * m - 1.0) / (72.0 * m * zeta);
        if next.abs() >= term.abs() || next.abs() < 1e-18 {
            break;
        }
        term = next;
        match n % 4 {
            0 => p += term,
            1 => q += term,
            2 => p -= term,
            _ => q -= term,
        }
    }
    let (sin, cos) = zeta.sin_cos();
    let (c, s) = ((cos + sin) * FRAC_1_SQRT_2, (sin - cos) * FRAC_1_SQRT_2);
    (p * c + q * s) / (PI.sqrt() * size.sqrt().sqrt())
}

/// Maclaurin: of `f'' = x f` each term gives the third after it.
fn airy_series(x: f64) -> f64 {
    const AT: f64 = 0.355_028_053_887_817_2;
    const SLOPE: f64 = -0.258_819_403_792_806_8;
    let (mut a, mut b) = (AT, SLOPE * x);
    let mut sum = a + b;
    let cube = x * x * x;
    for n in 1..60 {
        let n = 3.0 * f64::from(n);
        a *= cube / (n * (n - 1.0));
        b *= cube / (n * (n + 1.0));
        sum += a + b;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 2e-14 * b.abs().max(0.1), "{a} {b}");
    }

    /// Bessel's integrals, by the midpoint rule: plain and slow.
    fn j_twin(order: f64, x: f64) -> f64 {
        let n = 400;
        (0..n)
            .map(|k| PI * (f64::from(k) + 0.5) / f64::from(n))
            .map(|t| (order * t - x * t.sin()).cos())
            .sum::<f64>()
            / f64::from(n)
    }

    fn i_twin(order: f64, x: f64) -> f64 {
        let n = 400;
        (0..n)
            .map(|k| PI * (f64::from(k) + 0.5) / f64::from(n))
            .map(|t| (x * t.cos() - x.abs()).exp() * (order * t).cos())
            .sum::<f64>()
            / f64::from(n)
    }

    #[test]
    fn integrals() {
        for x in [1e-5, 0.3, 1.0, 2.5, 7.0, 24.9, 25.1, 80.0] {
            close(j0(x), j_twin(0.0, x));
            close(j1(-x), -j_twin(1.0, x));
            close(scaled_i(0.0, x), i_twin(0.0, x));
            close(scaled_i(1.0, -x), i_twin(1.0, -x));
        }
    }

    #[test]
    fn wronskians() {
        for x in [1e-5, 0.01, 0.7, 2.0, 9.0, 24.9, 25.1, 300.0] {
            close(x * (j1(x) * y0(x) - j0(x) * y1(x)) * PI / 2.0, 1.0);
            let cross = scaled_i(0.0, x) * scaled_k(1.0, x) + scaled_i(1.0, x) * scaled_k(0.0, x);
            close(x * cross, 1.0);
        }
    }

    /// The branches of Ai meet, and `Ai'' = x Ai`.
    #[test]
    fn airy() {
        close(airy_ai(0.0), 0.355_028_053_887_817_2);
        close(airy_ai(3.0), 0.006_591_139_357_460_7);
        for at in [1.0, -7.0] {
            let h = 1e-3;
            let curve = (airy_ai(at + h) - 2.0 * airy_ai(at) + airy_ai(at - h)) / (h * h);
            assert!((curve - at * airy_ai(at)).abs() < 1e-5, "{curve}");
        }
    }
}
