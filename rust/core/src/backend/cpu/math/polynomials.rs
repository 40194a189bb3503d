//! Orthogonal polynomials of degree n at x, for f64: three-term recurrences; sines and cosines for Chebyshev's of high
//! degree inside [-1, 1].

/// `p(0), p(1)` and then `step(k, p(k), p(k - 1))`.
fn recur(n: i64, first: f64, second: f64, step: impl Fn(f64, f64, f64) -> f64) -> f64 {
    if n < 0 {
        return 0.0;
    }
    let (mut before, mut now) = (first, second);
    if n == 0 {
        return first;
    }
    for k in 1..n {
        (before, now) = (now, step(k as f64, now, before));
        if now.is_nan() {
            break;
        }
    }
    now
}

/// 1, or -1 for odd n.
fn alternate(n: i64) -> f64 {
    if n % 2 == 0 { 1.0 } else { -1.0 }
}

/// Chebyshev's four kinds all double x from step to step and differ in where they begin.
fn chebyshev(n: i64, x: f64, second: f64) -> f64 {
    recur(n, 1.0, second, |_, p, q| 2.0 * x * p - q)
}

pub fn chebyshev_t(x: f64, n: f64) -> f64 {
    let n = n as i64;
    if n > 6 && x.abs() < 1.0 {
        return (n as f64 * x.acos()).cos();
    }
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 { 1.0 } else { alternate(n) };
    }
    chebyshev(n, x, x)
}

pub fn chebyshev_u(x: f64, n: f64) -> f64 {
    let n = n as i64;
    if n >= 0 && x.abs() == 1.0 {
        return (n as f64 + 1.0) * if x > 0.0 { 1.0 } else { alternate(n) };
    }
    if n > 8 && x.abs() < 1.0 {
        let angle = x.acos();
        return ((n as f64 + 1.0) * angle).sin() / angle.sin();
    }
    chebyshev(n, x, 2.0 * x)
}

pub fn chebyshev_v(x: f64, n: f64) -> f64 {
    let n = n as i64;
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 { 1.0 } else { alternate(n) * (2.0 * n as f64 + 1.0) };
    }
    if n > 8 && x.abs() < 1.0 {
        let angle = x.acos();
        return ((n as f64 + 0.5) * angle).cos() / (angle / 2.0).cos();
    }
    chebyshev(n, x, 2.0 * x - 1.0)
}

pub fn chebyshev_w(x: f64, n: f64) -> f64 {
    let n = n as i64;
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 { 2.0 * n as f64 + 1.0 } else { alternate(n) };
    }
    if n > 8 && x.abs() < 1.0 {
        let angle = x.acos();
        return ((n as f64 + 0.5) * angle).sin() / (angle / 2.0).sin();
    }
    chebyshev(n, x, 2.0 * x + 1.0)
}

/// The physicists' polynomials.
pub fn hermite_h(x: f64, n: f64) -> f64 {
    recur(n as i64, 1.0, 2.0 * x, |k, p, q| 2.0 * (x * p - k * q))
}

/// The probabilists' polynomials.
pub fn hermite_he(x: f64, n: f64) -> f64 {
    recur(n as i64, 1.0, x, |k, p, q| x * p - k * q)
}

pub fn laguerre_l(x: f64, n: f64) -> f64 {
    recur(n as i64, 1.0, 1.0 - x, |k, p, q| ((2.0 * k + 1.0 - x) * p - k * q) / (k + 1.0))
}

pub fn legendre_p(x: f64, n: f64) -> f64 {
    let n = n as i64;
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 { 1.0 } else { alternate(n) };
    }
    recur(n, 1.0, x, |k, p, q| ((2.0 * k + 1.0) * x * p - k * q) / (k + 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
        for x in [-1.0, -0.9, -0.3, 0.0, 0.4, 1.0, 1.7] {
            close(chebyshev_t(x, 3.0), 4.0 * x * x * x - 3.0 * x);
            close(chebyshev_u(x, 2.0), 4.0 * x * x - 1.0);
            close(chebyshev_v(x, 2.0), 4.0 * x * x - 2.0 * x - 1.0);
            close(chebyshev_w(x, 2.0), 4.0 * x * x + 2.0 * x - 1.0);
            close(hermite_h(x, 3.0), 8.0 * x * x * x - 12.0 * x);
            close(hermite_he(x, 3.0), x * x * x - 3.0 * x);
            close(laguerre_l(x, 2.0), (x * x - 4.0 * x + 2.0) / 2.0);
            close(legendre_p(x, 2.0), (3.0 * x * x - 1.0) / 2.0);
        }
        // Both ways to a high degree.
        for x in [-0.95, -0.2, 0.6] {
            close(chebyshev_t(x, 12.0), chebyshev(12, x, x));
            close(chebyshev_u(x, 12.0), chebyshev(12, x, 2.0 * x));
            close(chebyshev_v(x, 12.0), chebyshev(12, x, 2.0 * x - 1.0));
            close(chebyshev_w(x, 12.0), chebyshev(12, x, 2.0 * x + 1.0));
        }
        assert_eq!(laguerre_l(0.5, -1.0), 0.0);
    }
}
