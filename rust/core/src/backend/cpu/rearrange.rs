//! Copies in another order: reversed dimensions, triangles.

use crate::parallel;

/// Copy into row-major order from any signed strides. `start` is the place of the first element in `src`.
pub fn copy_signed<T: Copy + Send + Sync>(
    shape: &[usize],
    src: &[T],
    start: usize,
    strides: &[isize],
    dst: &mut [T],
) {
    let Some((&width, outer)) = shape.split_last() else {
        dst[0] = src[start];
        return;
    };
    let step = strides[outer.len()];
    if dst.is_empty() {
        return;
    }
    let grain = (parallel::GRAIN / width).max(1);
    parallel::rows(dst, width, grain, |first, block| {
        for (r, row) in block.chunks_mut(width).enumerate() {
            let (mut rest, mut at) = (first + r, start as isize);
            for (d, &n) in outer.iter().enumerate().rev() {
                at += (rest % n) as isize * strides[d];
                rest /= n;
            }
            for (i, v) in row.iter_mut().enumerate() {
                *v = src[(at + i as isize * step) as usize];
            }
        }
    });
}

/// Keep the elements of each `rows` by `cols` matrix on one side of a diagonal; the others become `T::default()`.
pub fn triangle<T: Copy + Default + Send + Sync>(
    src: &[T],
    dst: &mut [T],
    rows: usize,
    cols: usize,
    k: isize,
    upper: bool,
) {
    if dst.is_empty() {
        return;
    }
    let grain = (parallel::GRAIN / cols).max(1);
    parallel::rows(dst, cols, grain, |first, block| {
        for (r, row) in block.chunks_mut(cols).enumerate() {
            let line = first + r;
            let from = &src[line * cols..][..cols];
            // The first column on the upper side of the diagonal in this row.
            let cut = ((line % rows) as isize + k + isize::from(!upper)).clamp(0, cols as isize) as usize;
            let (low, high) = row.split_at_mut(cut);
            if upper {
                low.fill(T::default());
                high.copy_from_slice(&from[cut..]);
            } else {
                low.copy_from_slice(&from[..cut]);
                high.fill(T::default());
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn triangles_match_their_definition() {
        let (rows, cols) = (4, 3);
        let src: Vec<u32> = (1..=24).collect();
        for k in -5..6 {
            for upper in [false, true] {
                let mut dst = vec![0; 24];
                triangle(&src, &mut dst, rows, cols, k, upper);
                for (i, &v) in dst.iter().enumerate() {
                    let (r, c) = ((i / cols % rows) as isize, (i % cols) as isize);
                    let kept = if upper { c - r >= k } else { c - r <= k };
                    assert_eq!(v, if kept { src[i] } else { 0 }, "k={k} upper={upper} at {r},{c}");
                }
            }
        }
    }

    #[test]
    fn reversed_copies() {
        let src = [1u8, 2, 3, 4, 5, 6];
        let mut dst = [0; 6];
        copy_signed(&[2, 3], &src, 5, &[-3, -1], &mut dst);
        assert_eq!(dst, [6, 5, 4, 3, 2, 1]);
    }
}
