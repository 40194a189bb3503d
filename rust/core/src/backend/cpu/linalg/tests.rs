//! Every factorisation is multiplied back by plain loops.

use super::*;
use crate::backend::cpu::testing::{close, numbers};

fn times(a: &[f64], b: &[f64], (m, k, n): (usize, usize, usize)) -> Vec<f64> {
    let mut out = vec![0.0; m * n];
    for i in 0..m {
        for j in 0..n {
            out[i * n + j] = (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum();
        }
    }
    out
}

fn flipped(a: &[f64], m: usize, n: usize) -> Vec<f64> {
    (0..n).flat_map(|j| (0..m).map(move |i| a[i * n + j])).collect()
}

fn symmetric(n: usize) -> Vec<f64> {
    let a: Vec<f64> = numbers(n * n, 3);
    let t = flipped(&a, n, n);
    a.iter().zip(&t).map(|(x, y)| x + y).collect()
}

const SIZES: [(usize, usize); 7] = [(1, 1), (2, 2), (5, 3), (3, 5), (9, 9), (20, 13), (13, 20)];

#[test]
fn lu_multiplies_back() {
    for (m, n) in SIZES {
        let a: Vec<f64> = numbers(m * n, 1);
        let k = m.min(n);
        let (mut f, mut pivots) = (a.clone(), vec![0; k]);
        assert_eq!(lu::lu(&mut f, m, n, true, &mut pivots), 0);
        let mut l = vec![0.0; m * k];
        let mut u = vec![0.0; k * n];
        for i in 0..m {
            for j in 0..n {
                if j < i && j < k {
                    l[i * k + j] = f[i * n + j];
                } else if i < k {
                    u[i * n + j] = f[i * n + j];
                }
            }
            if i < k {
                l[i * k + i] = 1.0;
            }
        }
        let mut back = times(&l, &u, (m, k, n));
        lu::exchange(&pivots, &mut back, n, true);
        close(&back, &a, 1e-10, "product");
    }
}

#[test]
fn cholesky_and_triangles_multiply_back() {
    for n in [1, 2, 9, 21] {
        let a: Vec<f64> = numbers(n * n, 2);
        let mut spd = times(&a, &flipped(&a, n, n), (n, n, n));
        (0..n).for_each(|i| spd[i * n + i] += 1.0);
        let mut l = spd.clone();
        assert_eq!(lu::cholesky(&mut l, n), 0);
        close(&times(&l, &flipped(&l, n, n), (n, n, n)), &spd, 1e-10, "product");
        for k in [1, 3] {
            let b: Vec<f64> = numbers(n * k, 4);
            let mut x = b.clone();
            lu::triangular(&l, &mut x, (n, k), false, false);
            close(&times(&l, &x, (n, n, k)), &b, 1e-9, "product");
        }
    }
    assert_eq!(lu::cholesky(&mut [1.0, 2.0, 2.0, 1.0], 2), 2);
}

#[test]
fn qr_multiplies_back() {
    for (m, n) in SIZES {
        let a: Vec<f64> = numbers(m * n, 5);
        let k = m.min(n);
        let (mut f, mut tau) = (a.clone(), vec![0.0; k]);
        reflect::qr(&mut f, m, n, &mut tau);
        let mut r = f.clone();
        for i in 0..m {
            r[i * n..i * n + i.min(n)].fill(0.0);
        }
        let v: Vec<f64> = (0..m).flat_map(|i| f[i * n..i * n + k].to_vec()).collect();
        reflect::reflect(&v, &tau, &mut r, m, n, false);
        close(&r, &a, 1e-10, "product");
    }
}

#[test]
fn eigenvectors_multiply_back() {
    for n in [1, 2, 3, 8, 30] {
        let a = symmetric(n);
        let (mut v, mut w) = (a.clone(), vec![0.0; n]);
        assert_eq!(eigen::eigh(&mut v, n, &mut w, true), 0);
        assert!(w.is_sorted());
        let scaled: Vec<f64> = v.iter().enumerate().map(|(i, x)| x * w[i % n]).collect();
        close(&times(&scaled, &flipped(&v, n, n), (n, n, n)), &a, 1e-9, "product");
    }
}

#[test]
fn singular_vectors_multiply_back_and_are_orthonormal() {
    for (m, n) in SIZES {
        // The second has rank 1, the third is zero.
        for kind in 0..3 {
            let a: Vec<f64> = (0..m * n)
                .map(|i| match kind {
                    0 => ((i * 37 % 23) as f64 - 11.0) / 7.0,
                    1 => (i / n + 1) as f64 * (i % n + 2) as f64,
                    _ => 0.0,
                })
                .collect();
            let k = m.min(n);
            for full in [false, true] {
                let (left, right) = if full { (m, n) } else { (k, k) };
                let (f, info) = svd::svd(&a, svd::Sizes { rows: m, cols: n, left, right });
                assert_eq!(info, 0, "{m} {n} {kind}");
                let mut s = vec![0.0; left * right];
                (0..k).for_each(|i| s[i * right + i] = f.values[i]);
                let back = times(&times(&f.u, &s, (m, left, right)), &f.vh, (m, right, n));
                close(&back, &a, 1e-9, "product");
                let eye = |n: usize| -> Vec<f64> {
                    (0..n * n).map(|i| f64::from(u8::from(i / n == i % n))).collect()
                };
                close(&times(&flipped(&f.u, m, left), &f.u, (left, m, left)), &eye(left), 1e-10, "product");
                close(
                    &times(&f.vh, &flipped(&f.vh, right, n), (right, n, right)),
                    &eye(right),
                    1e-10,
                    "product",
                );
            }
        }
    }
}

#[test]
fn ldl_solves() {
    for n in [1, 2, 3, 8, 25] {
        let a = symmetric(n);
        let (mut f, mut pivots) = (a.clone(), vec![0; n]);
        assert_eq!(ldl::ldl(&mut f, n, &mut pivots), 0);
        let b: Vec<f64> = numbers(n * 2, 7);
        let mut x = b.clone();
        ldl::solve(&f, &pivots, &mut x, n, 2);
        close(&times(&a, &x, (n, n, 2)), &b, 1e-8, "product");
    }
}
