//! Counts by chance: Poisson's and the binomial distribution, by rejection for large means as PyTorch draws them.

use super::Generator;
use super::uniform::unit_f64;

fn unit(g: &mut Generator) -> f64 {
    unit_f64(g.random64())
}

/// Events in a time in which `mean` are expected: Hörmann's transformed rejection from 10 on, Knuth's product below.
pub fn poisson(g: &mut Generator, mean: f64) -> f64 {
    if mean < 0.0 || mean.is_nan() {
        return 0.0;
    }
    if mean == 0.0 {
        return 0.0;
    }
    if mean < 10.0 {
        let (limit, mut count, mut product) = ((-mean).exp(), 0.0, 1.0);
        loop {
            product *= unit(g);
            if product <= limit {
                return count;
            }
            count += 1.0;
        }
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse = 1.1239 + 1.1328 / (b - 3.4);
    let accept = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let u = unit(g) - 0.5;
        let v = unit(g);
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= accept {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let bound = -mean + k * mean.ln() - libm::lgamma(k + 1.0);
        if v.ln() + inverse.ln() - (a / (us * us) + b).ln() <= bound {
            return k;
        }
    }
}

/// Successes in `count` trials of chance `p`.
pub fn binomial(g: &mut Generator, count: f64, p: f64) -> f64 {
    if count <= 0.0 || p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return count;
    }
    if p.is_nan() {
        return f64::NAN;
    }
    // The rarer of the two outcomes is counted.
    let rare = p.min(1.0 - p);
    let found = if count * rare >= 10.0 { rejection(g, count, rare) } else { inversion(g, count, rare) };
    if p <= 0.5 { found } else { count - found }
}

/// By the waiting times between successes.
fn inversion(g: &mut Generator, count: f64, p: f64) -> f64 {
    let rate = (-p).ln_1p();
    let (mut waited, mut found) = (0.0, 0.0);
    loop {
        waited += (unit(g).ln() / rate).ceil();
        if waited > count {
            return found;
        }
        found += 1.0;
    }
}

/// What Stirling's formula leaves out of log k!.
fn stirling_rest(k: f64) -> f64 {
    const TABLE: [f64; 10] = [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.02079067210376509,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ];
    if k <= 9.0 {
        return TABLE[k as usize];
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

/// Hörmann's transformed rejection (BTRS).
fn rejection(g: &mut Generator, count: f64, p: f64) -> f64 {
    let spread = (count * p * (1.0 - p)).sqrt();
    let b = 1.15 + 2.53 * spread;
    let a = -0.0873 + 0.0248 * b + 0.01 * p;
    let c = count * p + 0.5;
    let accept = 0.92 - 4.2 / b;
    let r = p / (1.0 - p);
    let alpha = (2.83 + 5.1 / b) * spread;
    let m = ((count + 1.0) * p).floor();
    loop {
        let u = unit(g) - 0.5;
        let v = unit(g);
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + c).floor();
        if k < 0.0 || k > count {
            continue;
        }
        if us >= 0.07 && v <= accept {
            return k;
        }
        let v = (v * alpha / (a / (us * us) + b)).ln();
        let bound = (m + 0.5) * ((m + 1.0) / (r * (count - m + 1.0))).ln()
            + (count + 1.0) * ((count - m + 1.0) / (count - k + 1.0)).ln()
            + (k + 0.5) * (r * (count - k + 1.0) / (k + 1.0)).ln()
            + stirling_rest(m)
            + stirling_rest(count - m)
            - stirling_rest(k)
            - stirling_rest(count - k);
        if v <= bound {
            return k;
        }
    }
}
