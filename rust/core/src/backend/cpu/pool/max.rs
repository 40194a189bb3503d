//! Max pooling. The place of a maximum is its number within the plane, row by row, as PyTorch counts. Of equal numbers
//! the first wins; a NaN wins over any number, and the last NaN over the others.

use super::{Chosen, Pool, with_stride};
use crate::dtype::{Element, Real};
use crate::parallel::{Out, chunks, rows};
use crate::simd::vectorize;

/// The largest number of every window in `y`, and its place in the plane in `place` where one is given.
pub fn max_pool<T: Element>(d: Pool, x: &[T], y: &mut [T], place: Option<&mut [i64]>) {
    if y.is_empty() {
        return;
    }
    let (y, place) = (Out::new(y), place.map(Out::new));
    let (oh, ow) = (d.out_rows(), d.out[2]);
    chunks(d.planes, d.grain(), |planes| {
        vectorize(
            #[inline(always)]
            || {
                let mut which = vec![0i32; ow];
                for plane in planes {
                    let x = &x[plane * d.plane()..][..d.plane()];
                    for row in 0..oh {
                        let at = (plane * oh + row) * ow;
                        // SAFETY: every plane is worked on by one thread.
                        let y = unsafe { y.range(at..at + ow) };
                        if d.is_halving() {
                            let (w, at) = (d.size[2], 2 * row * d.size[2]);
                            halving(&x[at..at + w], &x[at + w..at + 2 * w], at as i32, y, &mut which);
                        } else {
                            with_stride!(d.stride[2], windows::<T>(&d, x, row, y, &mut which));
                        }
                        if let Some(place) = &place {
                            // SAFETY: as above.
                            let place = unsafe { place.range(at..at + ow) };
                            for (p, &w) in place.iter_mut().zip(&which) {
                                *p = i64::from(w);
                            }
                        }
                    }
                }
            },
        )
    });
}

/// Take `v` at `place` if it beats what is there.
#[inline(always)]
fn take<T: Element>(best: T, which: i32, v: T, place: i32) -> (T, i32) {
    // `v != v` is true for NaN.
    #[allow(clippy::eq_op)]
    let wins = (v > best) | (v != v);
    (if wins { v } else { best }, if wins { place } else { which })
}

/// One row of outputs from two rows of inputs; `at` is the place of the first.
#[inline(always)]
fn halving<T: Element>(top: &[T], bottom: &[T], at: i32, y: &mut [T], which: &mut [i32]) {
    let w = top.len() as i32;
    let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
    for (j, ((y, which), (a, b))) in y.iter_mut().zip(which).zip(pairs).enumerate() {
        let place = at + 2 * j as i32;
        let best = (a[0], place);
        let best = take(best.0, best.1, a[1], place + 1);
        let best = take(best.0, best.1, b[0], place + w);
        (*y, *which) = take(best.0, best.1, b[1], place + w + 1);
    }
}

/// One row of outputs, place by place of the window. `S` is the stride along the row, or 0 for any other.
#[inline(always)]
fn windows<T: Element, const S: usize>(d: &Pool, x: &[T], row: usize, y: &mut [T], which: &mut [i32]) {
    const NOTHING: i32 = -1;
    let stride = if S == 0 { d.stride[2] } else { S };
    y.fill(T::from_f64(f64::NEG_INFINITY));
    which.fill(NOTHING);
    for i in d.rows_of(row) {
        let x = &x[i * d.size[2]..][..d.size[2]];
        for k in 0..d.kernel[2] {
            let (range, first) = d.inside(k);
            if range.is_empty() {
                continue;
            }
            let place = (i * d.size[2] + first) as i32;
            let x = &x[first..];
            let (y, which) = (&mut y[range.clone()], &mut which[range]);
            // Checked once here instead of at every step.
            let x = &x[..(y.len() - 1) * stride + 1];
            for (j, (y, which)) in y.iter_mut().zip(which).enumerate() {
                let v = x[j * stride];
                let best = if *which == NOTHING { v } else { *y };
                let here = place + (j * stride) as i32;
                let from = if *which == NOTHING { here } else { *which };
                (*y, *which) = take(best, from, v, here);
            }
        }
    }
}

/// `dx` gets `dy` of every window at the place of its maximum, added up where windows share it; 0 elsewhere.
pub fn max_pool_backward<T: Real>(d: Chosen, place: &[i64], dy: &[T], dx: &mut [T]) {
    let out = d.out;
    rows(dx, d.plane, d.grain(), |first, block| {
        for (i, dx) in block.chunks_exact_mut(d.plane).enumerate() {
            let at = (first + i) * out;
            dx.fill(T::ZERO);
            for (&place, &dy) in place[at..at + out].iter().zip(&dy[at..at + out]) {
                // A window that lies in the padding altogether has no place.
                if let Some(dx) = dx.get_mut(place as usize) {
                    *dx += dy;
                }
            }
        }
    });
}
