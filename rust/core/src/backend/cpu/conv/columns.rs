//! The windows of a picture as columns (im2col), and their sum back into the picture (col2im).

use super::Conv2d;
use crate::dtype::Real;
use crate::parallel::rows;
use crate::simd::vectorize;
use std::ops::Range;

/// Numbers that are worth a thread.
const GRAIN: usize = 16384;

/// Call `f(row of the column matrix, column, offset in the planes, number of pixels, step)` for every run of pixels
/// that takes part with one tap, and `edge(row, columns)` for every run whose tap lies in the padding.
#[inline(always)]
pub(super) fn runs(
    d: &Conv2d,
    rows: Range<usize>,
    pixels: Range<usize>,
    mut f: impl FnMut(usize, usize, usize, usize),
    mut edge: impl FnMut(usize, Range<usize>),
) {
    let ow = d.out_w();
    let ([sh, sw], [ph, pw], [dh, dw]) = (d.stride, d.pad, d.dilation);
    for row in rows {
        let (channel, i, j) = (row / (d.kh * d.kw), row / d.kw % d.kh, row % d.kw);
        // The outputs of a row whose tap lies inside the image.
        let first = pw.saturating_sub(j * dw).div_ceil(sw);
        let end = (d.w + pw).saturating_sub(j * dw).div_ceil(sw);
        let mut p = pixels.start;
        while p < pixels.end {
            let (oh, from) = (p / ow, p % ow);
            let to = (from + pixels.end - p).min(ow);
            let column = p - pixels.start;
            let at = |o: usize| column + o - from;
            match (oh * sh + i * dh).checked_sub(ph).filter(|&y| y < d.h) {
                None => edge(row, column..at(to)),
                Some(y) => {
                    let (a, b) = (first.clamp(from, to), end.clamp(from, to).max(first.clamp(from, to)));
                    edge(row, column..at(a));
                    if a < b {
                        f(row, at(a), (channel * d.h + y) * d.w + a * sw + j * dw - pw, b - a);
                    }
                    edge(row, at(b)..at(to));
                }
            }
            p += to - from;
        }
    }
}

/// The columns of some pixels: a row of `width` numbers per channel and tap, of which the first are written.
pub(super) fn columns<T: Real>(
    d: &Conv2d,
    x: &[T],
    channels: usize,
    pixels: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    let step = d.stride[1];
    let out = std::cell::RefCell::new(out);
    runs(
        d,
        0..channels * d.kh * d.kw,
        pixels,
        |row, column, at, n| {
            let out = &mut out.borrow_mut()[row * width + column..][..n];
            if step == 1 {
                out.copy_from_slice(&x[at..at + n]);
            } else {
                out.iter_mut().zip(x[at..].iter().step_by(step)).for_each(|(out, &x)| *out = x);
            }
        },
        |row, range| out.borrow_mut()[row * width..][range].fill(T::ZERO),
    );
}

/// Add columns back to where they came from.
pub(super) fn add_columns<T: Real>(
    d: &Conv2d,
    columns: &[T],
    channels: usize,
    pixels: Range<usize>,
    dx: &mut [T],
) {
    let (len, step) = (pixels.len(), d.stride[1]);
    if step == 2 && d.dilation[1] == 1 {
        return vectorize(
            #[inline(always)]
            || add_pairs(d, columns, channels, pixels, dx),
        );
    }
    let add = |row: usize, column: usize, at: usize, n: usize| {
        let from = &columns[row * len + column..][..n];
        dx[at..].iter_mut().step_by(step).zip(from).for_each(|(dx, &c)| *dx += c);
    };
    runs(d, 0..channels * d.kh * d.kw, pixels, add, |_, _| {});
}

/// The same with a stride of 2: what two neighbouring taps add is woven into one run of pixels.
#[inline(always)]
fn add_pairs<T: Real>(d: &Conv2d, columns: &[T], channels: usize, pixels: Range<usize>, dx: &mut [T]) {
    let (ow, w, len) = (d.out_w(), d.w, pixels.len());
    for row in (0..channels * d.kh).flat_map(|row| (0..d.kw).step_by(2).map(move |j| row * d.kw + j)) {
        let (channel, i, j) = (row / (d.kh * d.kw), row / d.kw % d.kh, row % d.kw);
        let one = &columns[row * len..][..len];
        let other = if j + 1 < d.kw { &columns[(row + 1) * len..][..len] } else { &[] };
        // The outputs whose pair lies inside the image: pixel `2 * o + j - pad` and the next.
        let first = d.pad[1].saturating_sub(j).div_ceil(2);
        let end = ((w + d.pad[1]).saturating_sub(j) / 2).max(first);
        let mut p = pixels.start;
        while p < pixels.end {
            let (oh, from) = (p / ow, p % ow);
            let to = (from + pixels.end - p).min(ow);
            let at = p - pixels.start;
            p += to - from;
            let Some(y) = (oh * d.stride[0] + i * d.dilation[0]).checked_sub(d.pad[0]).filter(|&y| y < d.h)
            else {
                continue;
            };
            let dx = &mut dx[(channel * d.h + y) * w..][..w];
            let (a, b) = (first.clamp(from, to), end.clamp(from, to));
            if a < b {
                let x = &mut dx[2 * a + j - d.pad[1]..][..2 * (b - a)];
                let one = &one[at + a - from..][..b - a];
                if other.is_empty() {
                    x.chunks_exact_mut(2).zip(one).for_each(|(x, &one)| x[0] += one);
                } else {
                    let other = &other[at + a - from..][..b - a];
                    for ((x, &one), &other) in x.chunks_exact_mut(2).zip(one).zip(other) {
                        (x[0], x[1]) = (x[0] + one, x[1] + other);
                    }
                }
            }
            // Half a pair on either side.
            if (from + 1..=to).contains(&first) && 2 * first + j == d.pad[1] + 1 && !other.is_empty() {
                dx[0] += other[at + first - 1 - from];
            }
            if (from..to).contains(&end) && 2 * end + j + 1 == w + d.pad[1] {
                dx[w - 1] += one[at + end - from];
            }
        }
    }
}

/// (n, c, h, w) becomes (n, c * kh * kw, windows); the channels out of `d` do not matter.
pub fn unfold<T: Real>(d: Conv2d, x: &[T], out: &mut [T]) {
    let (plane, windows) = (d.plane(), d.out_plane());
    let width = d.kh * d.kw * windows;
    rows(out, width, GRAIN.div_ceil(width.max(1)), |first, block| {
        for (i, out) in block.chunks_exact_mut(width).enumerate() {
            columns(&d, &x[(first + i) * plane..][..plane], 1, 0..windows, windows, out);
        }
    });
}

/// The transpose of `unfold`: each pixel is the sum of the windows' elements that lie on it.
pub fn fold<T: Real>(d: Conv2d, columns: &[T], out: &mut [T]) {
    let (plane, windows) = (d.plane(), d.out_plane());
    let width = d.kh * d.kw * windows;
    rows(out, plane, GRAIN.div_ceil(width.max(1)), |first, block| {
        for (i, out) in block.chunks_exact_mut(plane).enumerate() {
            out.fill(T::ZERO);
            add_columns(&d, &columns[(first + i) * width..][..width], 1, 0..windows, out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{numbers, same_for_any_thread_count};

    #[test]
    fn columns_equal_the_naive_twin_and_fold_is_the_transpose() {
        for (stride, pad, dilation) in
            [([1, 1], [0, 0], [1, 1]), ([2, 3], [1, 2], [2, 1]), ([3, 1], [2, 0], [1, 2])]
        {
            let d = Conv2d {
                n: 2,
                c_in: 3,
                c_out: 1,
                groups: 1,
                h: 7,
                w: 8,
                kh: 2,
                kw: 3,
                stride,
                pad,
                dilation,
            };
            let (oh, ow) = (d.out_h(), d.out_w());
            let x = numbers::<f64>(2 * 3 * 56, 1);
            let u = numbers::<f64>(2 * 18 * oh * ow, 2);
            let (mut want, mut folded) = (vec![0.0; u.len()], vec![0.0; x.len()]);
            for (at, want) in want.iter_mut().enumerate() {
                let (row, o) = (at / (oh * ow), at % (oh * ow));
                let (plane, i, j) = (row / 6, row / 3 % 2, row % 3);
                let y = (o / ow * stride[0] + i * dilation[0]).wrapping_sub(pad[0]);
                let z = (o % ow * stride[1] + j * dilation[1]).wrapping_sub(pad[1]);
                if y < 7 && z < 8 {
                    *want = x[plane * 56 + y * 8 + z];
                    folded[plane * 56 + y * 8 + z] += u[at];
                }
            }
            let [got, back] = same_for_any_thread_count(|| {
                let [mut got, mut back] = [vec![9.0; u.len()], vec![9.0; x.len()]];
                unfold(d, &x, &mut got);
                fold(d, &u, &mut back);
                [got, back]
            });
            assert_eq!(got, want);
            back.iter().zip(&folded).for_each(|(a, b)| assert!((a - b).abs() < 1e-12));
        }
    }
}
