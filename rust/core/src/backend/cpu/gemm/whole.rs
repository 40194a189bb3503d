//! Products of integers: wrapping arithmetic, row by row, the inner loop left to the compiler.

use super::{Mat, MatMut};
use crate::dtype::Element;
use crate::parallel::{self, GRAIN};
use crate::simd::vectorize;

/// An integer that wraps around.
pub trait Whole: Element {
    fn mul_add_wrapping(self, b: Self, c: Self) -> Self;
}

macro_rules! whole {
    ($($t:ty)*) => {$(
        impl Whole for $t {
            #[inline(always)]
            fn mul_add_wrapping(self, b: Self, c: Self) -> Self {
                self.wrapping_mul(b).wrapping_add(c)
            }
        }
    )*};
}
whole!(u8 i8 i16 i32 i64);

/// Columns that are summed at once: they stay in the first cache.
const COLS: usize = 512;

/// `c = a * b` for integers.
pub fn matmul_any<T: Whole>(a: Mat<T>, b: Mat<T>, c: MatMut<T>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "shapes of a product do not fit");
    let (n, k) = (b.cols, b.rows);
    // Rows of the right operand are read along memory: copy it if they are not.
    let copied: Vec<T>;
    let (data, step) = if b.col_stride == 1 || n <= 1 {
        (b.data, b.row_stride)
    } else {
        copied = (0..k * n).map(|i| b.get(i / n, i % n)).collect();
        (copied.as_ptr(), n as isize)
    };
    let data = data as usize;
    let place = &c;
    parallel::chunks(c.rows, (GRAIN / (n * k).max(1)).max(1), |rows| {
        vectorize(
            #[inline(always)]
            || {
                let mut sums = [T::default(); COLS];
                for i in rows {
                    for first in (0..n).step_by(COLS) {
                        let sums = &mut sums[..COLS.min(n - first)];
                        sums.fill(T::default());
                        for p in 0..k {
                            let row =
                                (data as *const T).wrapping_offset(p as isize * step).wrapping_add(first);
                            // SAFETY: the columns of row p from `first` on are inside the operand (or its copy).
                            let row = unsafe { std::slice::from_raw_parts(row, sums.len()) };
                            let x = a.get(i, p);
                            sums.iter_mut().zip(row).for_each(|(sum, &y)| *sum = x.mul_add_wrapping(y, *sum));
                        }
                        for (j, &sum) in sums.iter().enumerate() {
                            // SAFETY: this row of the result is ours.
                            unsafe { *place.at(i, first + j) = sum };
                        }
                    }
                }
            },
        );
    });
}
