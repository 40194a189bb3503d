//! Sums over slices that stay in vector registers, in an order that depends on the length alone.
//!
//! Element `i` goes to lane `i % LANES`; the lanes are joined as a tree. How it is written decides whether the compiler
//! makes vectors of it: slices are cut into arrays first (no bounds check, no index that varies), and the lanes go out
//! through memory to a function of their own, because a tree beside the loop has it take the loop apart into numbers.

use crate::dtype::Real;
use crate::simd::{prefetch, vectorize};

pub(super) const LANES: usize = 16;
/// Runs of `LANES` elements that are added in their own type before they join the rest in f64.
pub(super) const RUNS: usize = 32;

/// Ask for the numbers `ahead` of those of `x`, which come next: the machine's own prefetching ends with a page.
#[inline(always)]
pub(super) fn ask_ahead<T>(x: &[T], ahead: usize) {
    for at in (0..x.len()).step_by(LANES) {
        prefetch(x.as_ptr().wrapping_add(ahead + at));
    }
}

/// The lanes as one number.
#[inline(never)]
pub(super) fn join<T: Real>(lanes: &[T; LANES]) -> T {
    let x: [T; 8] = std::array::from_fn(|j| lanes[j] + lanes[j + 8]);
    let x: [T; 4] = std::array::from_fn(|j| x[j] + x[j + 4]);
    (x[0] + x[2]) + (x[1] + x[3])
}

/// Add `x` to the lanes.
#[inline(always)]
pub(super) fn add_up<T: Real>(x: &[T], lanes: &mut [T; LANES]) {
    vectorize(
        #[inline(always)]
        || {
            let (xs, rest) = x.as_chunks::<LANES>();
            let mut acc = *lanes;
            for x in xs {
                for j in 0..LANES {
                    acc[j] += x[j];
                }
            }
            *lanes = acc;
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += x;
            }
        },
    );
}

/// The sums of `f(x, y)` over both slices, which have one length: runs in the element type, several of them in f64.
#[inline(always)]
pub(super) fn sums<T: Real, const K: usize>(x: &[T], y: &[T], f: impl Fn(T, T) -> [T; K]) -> [f64; K] {
    let y = &y[..x.len()];
    if x.len() <= LANES * RUNS {
        let mut lanes = [[T::ZERO; LANES]; K];
        run(x, y, &mut lanes, &f);
        return std::array::from_fn(|k| join(&lanes[k]).to_f64());
    }
    let mut lanes = [[0.0; LANES]; K];
    for (x, y) in x.chunks(LANES * RUNS).zip(y.chunks(LANES * RUNS)) {
        let mut some = [[T::ZERO; LANES]; K];
        run(x, y, &mut some, &f);
        for k in 0..K {
            for j in 0..LANES {
                lanes[k][j] += some[k][j].to_f64();
            }
        }
    }
    std::array::from_fn(|k| join(&lanes[k]))
}

/// A run of at most `LANES * RUNS` elements, onto lanes that are zero.
#[inline(always)]
fn run<T: Real, const K: usize>(x: &[T], y: &[T], lanes: &mut [[T; LANES]; K], f: impl Fn(T, T) -> [T; K]) {
    vectorize(
        #[inline(always)]
        || {
            let ((xs, x), (ys, y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
            let mut acc = [[T::ZERO; LANES]; K];
            for (x, y) in xs.iter().zip(ys) {
                for j in 0..LANES {
                    let terms = f(x[j], y[j]);
                    for k in 0..K {
                        acc[k][j] += terms[k];
                    }
                }
            }
            *lanes = acc;
            for (j, (&x, &y)) in x.iter().zip(y).enumerate() {
                let terms = f(x, y);
                for k in 0..K {
                    lanes[k][j] += terms[k];
                }
            }
        },
    );
}
