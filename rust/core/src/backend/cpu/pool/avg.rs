//! Average pooling. A window is summed row by row, then divided; the divisor counts padding unless told otherwise.

use super::{Pool, with_stride};
use crate::dtype::Real;
use crate::parallel::rows;
use crate::simd::vectorize;

/// What the sum of a window is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divisor {
    /// The size of the window, padding included, but not what hangs over the padding with `ceil_mode`.
    WithPadding,
    /// The numbers of the image in the window.
    Inside,
    /// This number (`divisor_override`).
    Fixed(f64),
}

impl Divisor {
    /// The divisors of one row of windows.
    #[inline(always)]
    fn row<T: Real>(self, d: &Pool, row: usize, out: &mut [T]) {
        let count = |axis: usize, o: usize| {
            let (begin, pad, size) = (o * d.stride[axis], d.pad[axis], d.size[axis]);
            let end = (begin + d.kernel[axis]).min(size + 2 * pad);
            match self {
                Divisor::Inside => end.min(size + pad).saturating_sub(begin.max(pad)),
                _ => end - begin,
            }
        };
        let area = count(0, row / d.out[1]) * count(1, row % d.out[1]);
        for (o, out) in out.iter_mut().enumerate() {
            *out = match self {
                Divisor::Fixed(n) => T::of(n),
                _ => T::of((area * count(2, o)) as f64),
            };
        }
    }
}

/// The mean of every window. `d.dilation` is 1 along every axis.
pub fn avg_pool<T: Real>(d: Pool, divisor: Divisor, x: &[T], y: &mut [T]) {
    let ow = d.out[2];
    rows(y, d.out_plane(), d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                let mut by = vec![T::ZERO; ow];
                divisor.row(&d, 0, &mut by);
                for (i, y) in block.chunks_exact_mut(d.out_plane()).enumerate() {
                    let x = &x[(first + i) * d.plane()..][..d.plane()];
                    for (row, y) in y.chunks_exact_mut(ow).enumerate() {
                        if d.is_halving() {
                            let (w, at) = (d.size[2], 2 * row * d.size[2]);
                            halving(&x[at..at + w], &x[at + w..at + 2 * w], y);
                        } else {
                            divisor.row(&d, row, &mut by);
                            with_stride!(d.stride[2], windows::<T>(&d, x, row, y));
                        }
                        for (y, &by) in y.iter_mut().zip(&by) {
                            *y = by_or_zero(*y, by);
                        }
                    }
                }
            },
        )
    });
}

/// The sums of one row of 2x2 windows. A function of its own (see `simd`).
#[inline(always)]
fn halving<T: Real>(top: &[T], bottom: &[T], y: &mut [T]) {
    vectorize(
        #[inline(always)]
        || {
            let pairs = top.as_chunks::<2>().0.iter().zip(bottom.as_chunks::<2>().0);
            for (y, (a, b)) in y.iter_mut().zip(pairs) {
                *y = a[0] + a[1] + b[0] + b[1];
            }
        },
    );
}

/// A window without a number of the image is 0, not 0 / 0.
#[inline(always)]
fn by_or_zero<T: Real>(sum: T, by: T) -> T {
    if by == T::ZERO { T::ZERO } else { sum / by }
}

/// The sums of one row of windows.
#[inline(always)]
fn windows<T: Real, const S: usize>(d: &Pool, x: &[T], row: usize, y: &mut [T]) {
    let stride = if S == 0 { d.stride[2] } else { S };
    y.fill(T::ZERO);
    for i in d.rows_of(row) {
        let x = &x[i * d.size[2]..][..d.size[2]];
        for k in 0..d.kernel[2] {
            let (range, first) = d.inside(k);
            if range.is_empty() {
                continue;
            }
            let y = &mut y[range];
            let x = &x[first..][..(y.len() - 1) * stride + 1];
            for (j, y) in y.iter_mut().enumerate() {
                *y += x[j * stride];
            }
        }
    }
}

/// Every number of a window gets `dy` over the divisor of the window, added up where windows overlap.
pub fn avg_pool_backward<T: Real>(d: Pool, divisor: Divisor, dy: &[T], dx: &mut [T]) {
    let (oh, ow) = (d.out_rows(), d.out[2]);
    rows(dx, d.plane(), d.grain(), |first, block| {
        vectorize(
            #[inline(always)]
            || {
                let (mut by, mut g) = (vec![T::ZERO; ow], vec![T::ZERO; ow]);
                if oh > 0 {
                    divisor.row(&d, 0, &mut by);
                }
                let covered = d.is_halving() && (1..3).all(|a| 2 * d.out[a] == d.size[a]);
                for (i, dx) in block.chunks_exact_mut(d.plane()).enumerate() {
                    if !covered {
                        dx.fill(T::ZERO);
                    }
                    for row in 0..oh {
                        if !d.is_halving() {
                            divisor.row(&d, row, &mut by);
                        }
                        let dy = &dy[((first + i) * oh + row) * ow..][..ow];
                        for j in 0..ow {
                            g[j] = by_or_zero(dy[j], by[j]);
                        }
                        if d.is_halving() {
                            let (w, at) = (d.size[2], 2 * row * d.size[2]);
                            let (top, bottom) = dx[at..at + 2 * w].split_at_mut(w);
                            for half in [top, bottom] {
                                doubled(&g, half);
                            }
                        } else {
                            with_stride!(d.stride[2], spread::<T>(&d, &g, row, dx));
                        }
                    }
                }
            },
        )
    });
}

/// Every number twice. A function of its own (see `simd`).
#[inline(always)]
fn doubled<T: Real>(g: &[T], dx: &mut [T]) {
    vectorize(
        #[inline(always)]
        || dx.as_chunks_mut().0.iter_mut().zip(g).for_each(|(dx, &g)| *dx = [g, g]),
    );
}

/// Add `g` of one row of windows to every place of theirs.
#[inline(always)]
fn spread<T: Real, const S: usize>(d: &Pool, g: &[T], row: usize, dx: &mut [T]) {
    let stride = if S == 0 { d.stride[2] } else { S };
    for i in d.rows_of(row) {
        let dx = &mut dx[i * d.size[2]..][..d.size[2]];
        for k in 0..d.kernel[2] {
            let (range, first) = d.inside(k);
            if range.is_empty() {
                continue;
            }
            let g = &g[range];
            let dx = &mut dx[first..][..(g.len() - 1) * stride + 1];
            for (j, &g) in g.iter().enumerate() {
                dx[j * stride] += g;
            }
        }
    }
}
