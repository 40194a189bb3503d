//! Every path against the triple loop: shapes, strides, bases, levels, threads.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::simd::{available, level, set_level};

/// Numbers between -1 and 1 that all four float types hold exactly, so that only the sums round.
fn numbers<T: Float>(n: usize, seed: usize) -> Vec<T> {
    (0..n).map(|i| T::from_f64((((i + seed) * 2_654_435_761) % 257) as f64 / 128.0 - 1.0)).collect()
}

/// How a matrix lies in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    Rows,
    Cols,
    /// Neither rows nor columns are next to each other.
    Spread,
}

const LIES: [Lie; 3] = [Lie::Rows, Lie::Cols, Lie::Spread];

impl Lie {
    fn strides(self, rows: usize, cols: usize) -> (usize, usize) {
        match self {
            Lie::Rows => (cols.max(1), 1),
            Lie::Cols => (1, rows.max(1)),
            Lie::Spread => (cols.max(1) * 3 + 5, 2),
        }
    }

    fn len(self, rows: usize, cols: usize) -> usize {
        let (r, c) = self.strides(rows, cols);
        rows * r + cols * c
    }
}

struct Case<T> {
    shape: [usize; 3],
    lies: [Lie; 3],
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
}

impl<T: Gemm> Case<T> {
    fn new(shape: [usize; 3], lies: [Lie; 3]) -> Self {
        let [m, n, k] = shape;
        Self {
            shape,
            lies,
            a: numbers(lies[0].len(m, k), 1),
            b: numbers(lies[1].len(k, n), 77),
            c: numbers(lies[2].len(m, n), 1234),
        }
    }

    fn operands(&self) -> (Mat<'_, T>, Mat<'_, T>) {
        let [m, n, k] = self.shape;
        let ((ar, ac), (br, bc)) = (self.lies[0].strides(m, k), self.lies[1].strides(k, n));
        (Mat::new(&self.a, m, k, ar, ac), Mat::new(&self.b, k, n, br, bc))
    }

    /// The result of `f`, as all of the memory of `c`.
    fn run(&self, f: impl FnOnce(Mat<T>, Mat<T>, MatMut<T>)) -> Vec<T> {
        let [m, n, _] = self.shape;
        let (r, c) = self.lies[2].strides(m, n);
        let mut out = self.c.clone();
        let (a, b) = self.operands();
        f(a, b, MatMut::new(&mut out, m, n, r, c));
        out
    }

    /// Compare with the triple loop in f64; what lies between the elements of `c` must be untouched.
    fn check(&self, got: &[T], base: impl Fn(usize, usize) -> f64, tolerance: f64) {
        let [m, n, k] = self.shape;
        let (a, b) = self.operands();
        let (r, c) = self.lies[2].strides(m, n);
        let mut rest = self.c.clone();
        for i in 0..m {
            for j in 0..n {
                let sum: f64 = (0..k).map(|p| a.get(i, p).to_f64() * b.get(p, j).to_f64()).sum();
                let (want, got) = (sum + base(i, j), got[i * r + j * c].to_f64());
                let bound = tolerance * (1.0 + want.abs() + (k as f64).sqrt());
                assert!(
                    (want - got).abs() <= bound,
                    "{:?} {:?} ({i}, {j}): {got} is not {want}",
                    self.shape,
                    self.lies
                );
                rest[i * r + j * c] = T::from_f64(f64::NAN);
            }
        }
        for (i, x) in rest.iter().enumerate() {
            assert!(x.is_nan() || got[i] == *x, "element {i} is not part of the result but was written");
        }
    }

    /// Plain, accumulated and with a bias.
    fn check_all(&self, tolerance: f64) {
        let [m, n, _] = self.shape;
        self.check(&self.run(|a, b, c| gemm(a, b, c, false)), |_, _| 0.0, tolerance);
        let (r, c) = self.lies[2].strides(m, n);
        let onto = |i: usize, j: usize| self.c[i * r + j * c].to_f64();
        self.check(&self.run(|a, b, c| gemm(a, b, c, true)), onto, tolerance);
        let bias = numbers::<T>(n, 5);
        self.check(&self.run(|a, b, c| gemm_bias(a, b, &bias, c)), |_, j| bias[j].to_f64(), tolerance);
    }
}

const SHAPES: [[usize; 3]; 26] = [
    [1, 1, 1],
    [4, 4, 4],
    [3, 5, 7],
    [8, 8, 8],
    [1, 1, 1000],
    [1, 37, 70],
    [1, 300, 129],
    [41, 1, 65],
    [300, 1, 130],
    [2, 50, 40],
    [4, 130, 33],
    [130, 3, 50],
    [5, 16, 300],
    [6, 16, 17],
    [7, 17, 33],
    [13, 31, 5],
    [14, 32, 64],
    [15, 33, 65],
    [29, 65, 11],
    [48, 48, 48],
    [64, 10, 100],
    [65, 130, 257],
    [150, 40, 300],
    [33, 200, 520],
    [97, 101, 103],
    [160, 530, 20],
];

fn at_every_level(f: impl Fn()) {
    // The level is one for the whole program: another test may lower it meanwhile, which changes no result checked.
    let before = level();
    for &l in available() {
        set_level(l);
        f();
    }
    set_level(before);
}

#[test]
fn floats_agree_with_the_triple_loop() {
    at_every_level(|| {
        for shape in SHAPES {
            for a in LIES {
                for b in LIES {
                    Case::<f32>::new(shape, [a, b, Lie::Rows]).check_all(1e-6);
                }
            }
            Case::<f64>::new(shape, [Lie::Rows, Lie::Cols, Lie::Rows]).check_all(1e-14);
            Case::<f64>::new(shape, [Lie::Spread, Lie::Rows, Lie::Cols]).check_all(1e-14);
        }
    });
}

#[test]
fn results_of_any_strides() {
    for shape in [[4, 4, 4], [1, 300, 129], [300, 1, 130], [130, 3, 50], [15, 33, 65], [97, 101, 103]] {
        for lie in LIES {
            Case::<f32>::new(shape, [Lie::Rows, Lie::Rows, lie]).check_all(1e-6);
            Case::<f32>::new(shape, [Lie::Cols, Lie::Cols, lie]).check_all(1e-6);
        }
    }
}

#[test]
fn halves_are_rounded_once() {
    for shape in [[4, 4, 4], [3, 5, 7], [1, 37, 70], [15, 33, 65], [65, 130, 257]] {
        for lies in [[Lie::Rows; 3], [Lie::Cols, Lie::Spread, Lie::Rows], [Lie::Spread, Lie::Cols, Lie::Cols]]
        {
            Case::<::half::f16>::new(shape, lies).check_all(6e-4);
            Case::<::half::bf16>::new(shape, lies).check_all(5e-3);
        }
    }
}

#[test]
fn large_products_are_cut_into_parts() {
    // Over several parts of k, of rows and of columns.
    Case::<f32>::new([3100, 40, 600], [Lie::Rows, Lie::Rows, Lie::Rows]).check_all(1e-6);
    Case::<f32>::new([40, 4200, 300], [Lie::Rows, Lie::Cols, Lie::Rows]).check_all(1e-6);
}

#[test]
fn no_steps_give_zero_or_the_base() {
    for shape in [[3, 4, 0], [100, 100, 0], [1, 500, 0]] {
        Case::<f32>::new(shape, [Lie::Rows; 3]).check_all(0.0);
        Case::<::half::f16>::new(shape, [Lie::Rows; 3]).check_all(0.0);
    }
    for shape in [[0, 4, 5], [4, 0, 5], [0, 0, 0]] {
        Case::<f64>::new(shape, [Lie::Rows; 3]).check_all(0.0);
        Case::<::half::bf16>::new(shape, [Lie::Rows; 3]).check_all(0.0);
    }
}

#[test]
fn threads_do_not_change_bits() {
    let before = parallel::num_threads();
    for shape in [[200, 300, 400], [513, 1000, 70], [1, 5000, 300], [2000, 1, 700], [64, 64, 2000]] {
        for b in [Lie::Rows, Lie::Cols] {
            let case = Case::<f32>::new(shape, [Lie::Rows, b, Lie::Rows]);
            let bits = |threads| {
                parallel::set_num_threads(threads);
                case.run(|a, b, c| gemm(a, b, c, true)).iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            let (first, level_then) = (bits(1), level());
            for threads in [2, 3] {
                // Only a level that stayed the same promises the same bits.
                assert!(bits(threads) == first || level() != level_then, "{shape:?} {b:?} {threads}");
            }
        }
    }
    parallel::set_num_threads(before);
}

#[test]
fn batches_are_the_single_products() {
    for (batch, [m, n, k]) in
        [(0, [2, 2, 2]), (1, [5, 6, 7]), (37, [9, 17, 33]), (300, [4, 4, 4]), (3, [170, 170, 170])]
    {
        let a = numbers::<f32>(batch * m * k, 3);
        let b = numbers::<f32>(batch * k * n, 4);
        let mut want = vec![1.0f32; batch * m * n];
        let of = |i: usize| {
            (
                Mat::new(&a[i * m * k..(i + 1) * m * k], m, k, k, 1),
                Mat::new(&b[i * k * n..(i + 1) * k * n], k, n, n, 1),
            )
        };
        let mut got = want.clone();
        for (i, c) in want.chunks_mut(m * n).enumerate() {
            gemm(of(i).0, of(i).1, MatMut::new(c, m, n, n, 1), true);
        }
        let out = parallel::Out::new(&mut got);
        gemm_batch(batch, true, |i| {
            // SAFETY: each product has elements of its own.
            let c = unsafe { out.range(i * m * n..(i + 1) * m * n) };
            (of(i).0, of(i).1, MatMut::new(c, m, n, n, 1))
        });
        let near = |(x, y): (&f32, &f32)| (x - y).abs() <= 1e-4;
        assert!(want.iter().zip(&got).all(near), "{batch} {m} {n} {k}");
    }
}

#[test]
fn integers_wrap_around() {
    fn check<T: Whole>(m: usize, n: usize, k: usize) {
        let numbers = |n: usize, seed: i64| -> Vec<T> {
            (0..n as i64).map(|i| T::from_i64((i + seed).wrapping_mul(0x5851_f42d_4c95_7f2d) >> 7)).collect()
        };
        let (a, b) = (numbers(m * k, 1), numbers(k * n, 9));
        for b_stride in [(n, 1), (1, k)] {
            let (a, b) = (Mat::new(&a, m, k, k, 1), Mat::new(&b, k, n, b_stride.0, b_stride.1));
            let mut c = vec![T::default(); m * n];
            matmul_any(a, b, MatMut::new(&mut c, m, n, n, 1));
            for (at, &got) in c.iter().enumerate() {
                let one = |p| a.get(at / n, p).to_i64().wrapping_mul(b.get(p, at % n).to_i64());
                let want = (0..k).fold(0i64, |sum, p| sum.wrapping_add(one(p)));
                assert_eq!(got, T::from_i64(want), "{m} {n} {k}");
            }
        }
    }
    for (m, n, k) in [(1, 1, 1), (3, 4, 5), (20, 600, 30), (50, 3, 0), (0, 3, 3)] {
        check::<i64>(m, n, k);
        check::<i32>(m, n, k);
        check::<u8>(m, n, k);
        check::<i8>(m, n, k);
        check::<i16>(m, n, k);
    }
}

#[test]
fn nan_and_infinity_travel() {
    for n in [2, 20, 200] {
        let mut a = vec![0.0f32; n * n];
        a[n + 1] = f32::NAN;
        a[0] = f32::INFINITY;
        let b = vec![1.0f32; n * n];
        let mut c = vec![0.0f32; n * n];
        gemm(Mat::new(&a, n, n, n, 1), Mat::new(&b, n, n, n, 1), MatMut::new(&mut c, n, n, n, 1), false);
        assert!(c[..n].iter().all(|x| *x == f32::INFINITY) && c[n..2 * n].iter().all(|x| x.is_nan()));
        assert!(c[2 * n..].iter().all(|x| *x == 0.0));
    }
}
