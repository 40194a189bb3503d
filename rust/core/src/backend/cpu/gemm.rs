//! Matrix products of any strides: `c = a * b`, onto `c` or onto a bias, alone or in a batch.
//!
//! Paths: up to four rows or columns are streamed (`thin`), a few elements are plain loops here, all else goes by
//! blocks (`blocked`) whose inner loop is in `kernel`. float16 and bfloat16 go through float32 (`half`), integers have
//! `matmul_any`. The bits of a result depend on its shape, its strides and the vector level, not on the threads.

use crate::dtype::{Float, Real};
use crate::parallel;
use crate::simd::{self, Level, Vector};
use blocked::Product;
pub use kernel::{Operands, Target};
pub use pack::Lines;
use std::marker::PhantomData;

mod blocked;
mod half;
mod kernel;
mod pack;
mod thin;
mod whole;

pub use whole::{Whole, matmul_any};

/// A matrix to read. Strides are in elements; 0 repeats a row or a column.
#[derive(Clone, Copy)]
pub struct Mat<'a, T> {
    data: *const T,
    rows: usize,
    cols: usize,
    row_stride: isize,
    col_stride: isize,
    life: PhantomData<&'a [T]>,
}

/// A matrix to write.
pub struct MatMut<'a, T> {
    data: *mut T,
    rows: usize,
    cols: usize,
    row_stride: isize,
    col_stride: isize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: a borrowed slice, only read.
unsafe impl<T: Sync> Send for Mat<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Mat<'_, T> {}
// SAFETY: a mutably borrowed slice.
unsafe impl<T: Send> Send for MatMut<'_, T> {}
// SAFETY: nothing can be reached through a shared reference without `unsafe`.
unsafe impl<T: Send> Sync for MatMut<'_, T> {}

impl<'a, T: Copy> Mat<'a, T> {
    /// The matrix whose element (i, j) is `data[i * row_stride + j * col_stride]`.
    pub fn new(data: &'a [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row_stride, col_stride), "a matrix reaches past its data");
        // SAFETY: just checked.
        unsafe { Self::from_ptr(data.as_ptr(), rows, cols, row_stride as isize, col_stride as isize) }
    }

    /// # Safety
    /// Every element is readable, and nobody writes to it, for `'a`.
    #[inline(always)]
    pub unsafe fn from_ptr(
        data: *const T,
        rows: usize,
        cols: usize,
        row_stride: isize,
        col_stride: isize,
    ) -> Self {
        Self { data, rows, cols, row_stride, col_stride, life: PhantomData }
    }

    /// The matrix whose columns all are `data`.
    pub fn columns_of(data: &'a [T], cols: usize) -> Self {
        // SAFETY: a row for each element.
        unsafe { Self::from_ptr(data.as_ptr(), data.len(), cols, 1, 0) }
    }

    /// The transposed matrix.
    #[inline(always)]
    pub fn t(self) -> Self {
        let Self { rows, cols, row_stride, col_stride, .. } = self;
        Self { rows: cols, cols: rows, row_stride: col_stride, col_stride: row_stride, ..self }
    }

    #[inline(always)]
    fn get(&self, i: usize, j: usize) -> T {
        debug_assert!(i < self.rows && j < self.cols);
        // SAFETY: callers stay inside the matrix, and it is readable.
        unsafe { *self.data.wrapping_offset(i as isize * self.row_stride + j as isize * self.col_stride) }
    }
}

impl<'a, T> MatMut<'a, T> {
    /// As `Mat::new`; no two elements may share a place.
    pub fn new(data: &'a mut [T], rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> Self {
        assert!(fits(data.len(), rows, cols, row_stride, col_stride), "a matrix reaches past its data");
        let apart = (rows <= 1 || row_stride > 0) && (cols <= 1 || col_stride > 0);
        let nested = row_stride >= cols * col_stride || col_stride >= rows * row_stride;
        assert!(rows <= 1 || cols <= 1 && apart || apart && nested, "elements of a result share a place");
        // SAFETY: just checked.
        unsafe { Self::from_ptr(data.as_mut_ptr(), rows, cols, row_stride as isize, col_stride as isize) }
    }

    /// # Safety
    /// Every element is ours alone to read and write for `'a`, and no two share a place.
    #[inline(always)]
    pub unsafe fn from_ptr(
        data: *mut T,
        rows: usize,
        cols: usize,
        row_stride: isize,
        col_stride: isize,
    ) -> Self {
        Self { data, rows, cols, row_stride, col_stride, life: PhantomData }
    }

    pub fn cols(&self) -> usize {
        self.cols
    }

    #[inline(always)]
    fn at(&self, i: usize, j: usize) -> *mut T {
        self.data.wrapping_offset(i as isize * self.row_stride + j as isize * self.col_stride)
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_stride: usize, col_stride: usize) -> bool {
    rows == 0 || cols == 0 || (rows - 1) * row_stride + (cols - 1) * col_stride < len
}

/// An element type with a matrix product: the four floats.
pub trait Gemm: Float {
    /// # Safety
    /// The product's operands are readable, its target is ours alone; a base is the target itself or apart from it.
    #[doc(hidden)]
    #[allow(private_interfaces)]
    unsafe fn product(x: Product<Self>);
}

/// `c = a * b`, or `c += a * b`. With no columns in `a` the product is zero.
#[inline]
pub fn gemm<T: Gemm>(a: Mat<T>, b: Mat<T>, c: MatMut<T>, accumulate: bool) {
    let target = Target {
        c: c.data,
        c_row: c.row_stride,
        c_col: c.col_stride,
        base: std::ptr::null(),
        base_row: 0,
        base_col: 0,
    };
    run(a, b, c, if accumulate { target.onto_itself() } else { target });
}

/// `c = base + a * b`. A base with a row stride of 0 is a bias: one row, added to every row.
#[inline]
pub fn gemm_onto<T: Gemm>(a: Mat<T>, b: Mat<T>, base: Mat<T>, c: MatMut<T>) {
    assert!(base.rows == c.rows && base.cols == c.cols, "the base of a product does not have its shape");
    let target = Target {
        c: c.data,
        c_row: c.row_stride,
        c_col: c.col_stride,
        base: base.data,
        base_row: base.row_stride,
        base_col: base.col_stride,
    };
    run(a, b, c, target);
}

/// `c = a * b + bias` with `bias` added to every row.
#[inline]
pub fn gemm_bias<T: Gemm>(a: Mat<T>, b: Mat<T>, bias: &[T], c: MatMut<T>) {
    assert_eq!(bias.len(), c.cols, "the bias of a product does not have the length of a row");
    // SAFETY: the slice has as many elements as a row, and every row is the same.
    let base = unsafe { Mat::from_ptr(bias.as_ptr(), c.rows, c.cols, 0, 1) };
    gemm_onto(a, b, base, c);
}

/// `batch` products of the same shape; `of(i)` gives the operands and the result of one. Small ones are shared out
/// among the threads, large ones are done one after the other by all threads.
pub fn gemm_batch<'a, T: Gemm>(
    batch: usize,
    accumulate: bool,
    of: impl Fn(usize) -> (Mat<'a, T>, Mat<'a, T>, MatMut<'a, T>) + Sync,
) {
    /// Multiplications of a product that all threads do together, and of a piece of a batch.
    const LARGE: usize = 1 << 22;
    const PIECE: usize = 1 << 17;
    if batch == 0 {
        return;
    }
    let (a, b, c) = of(0);
    let work = a.rows * a.cols * b.cols;
    if work >= LARGE {
        gemm(a, b, c, accumulate);
        for i in 1..batch {
            let (a, b, c) = of(i);
            gemm(a, b, c, accumulate);
        }
        return;
    }
    parallel::chunks(batch, (PIECE / work.max(1)).max(1), |range| {
        for i in range {
            let (a, b, c) = of(i);
            gemm(a, b, c, accumulate);
        }
    });
}

#[inline]
fn run<T: Gemm>(a: Mat<T>, b: Mat<T>, c: MatMut<T>, target: Target<T>) {
    assert!(a.cols == b.rows && a.rows == c.rows && b.cols == c.cols, "shapes of a product do not fit");
    let x = Product {
        m: a.rows,
        n: b.cols,
        k: a.cols,
        a: a.data,
        a_row: a.row_stride,
        a_k: a.col_stride,
        b: b.data,
        b_k: b.row_stride,
        b_col: b.col_stride,
        target,
    };
    if x.m > 0 && x.n > 0 {
        // SAFETY: the matrices are readable and `c` is ours; the borrow of `c` keeps it apart from `a` and `b`.
        unsafe { T::product(x) };
    }
}

/// A register with the block of a product that it is best used for, for kernels that lay their operands out themselves.
pub trait Tile: Vector {
    /// Rows and columns of the block.
    const ROWS: usize;
    const COLS: usize;
    /// `c[i * c_row + j] = sum over p < k of a[p * ROWS + i] * b[p * COLS + j]`.
    ///
    /// # Safety
    /// Inside `enter`; the operands are readable, the block of `c` is ours to write.
    unsafe fn multiply(k: usize, a: *const Self::E, b: *const Self::E, c: *mut Self::E, c_row: usize);
    /// `rows` rows and `cols` columns of a block; `b` is read in whole registers, whatever `cols` is.
    ///
    /// # Safety
    /// Inside `enter`; the operands are readable, and so much of the target is ours to write.
    unsafe fn block(x: Operands<Self::E>, rows: usize, cols: usize, target: Target<Self::E>);
    /// Rows laid out for `multiply`, `ROWS` side by side: element p of row i goes to
    /// `out[(i / ROWS * k + p) * ROWS + i % ROWS]`. The last are filled up with zeros.
    ///
    /// # Safety
    /// Inside `enter`; the rows are readable, and `out` has room for a multiple of `ROWS` of them.
    unsafe fn pack(x: Lines<Self::E>, out: *mut Self::E);
}

macro_rules! tile {
    ($($v:ty: $rows:literal $registers:literal $by:ty)*) => {$(
        impl Tile for $v {
            const ROWS: usize = $rows;
            const COLS: usize = $registers * Self::N;
            #[inline(always)]
            unsafe fn multiply(k: usize, a: *const Self::E, b: *const Self::E, c: *mut Self::E, c_row: usize) {
                let operands = Operands { k, a, a_row: 1, a_k: $rows, b, b_k: Self::COLS as isize };
                // SAFETY: the caller's promise.
                unsafe { kernel::packed::<Self, $rows, $registers>(operands, c, c_row as isize) }
            }
            #[inline(always)]
            unsafe fn block(x: Operands<Self::E>, rows: usize, cols: usize, target: Target<Self::E>) {
                // SAFETY: the caller's promise.
                unsafe { kernel::block::<Self, $rows, $registers>(x, rows, cols, target) }
            }
            #[inline(always)]
            unsafe fn pack(x: Lines<Self::E>, out: *mut Self::E) {
                // SAFETY: the caller's promise; a machine with these registers has the packing ones.
                unsafe { pack::pack::<$by, $rows>(x, out) }
            }
        }
    )*};
}
#[cfg(target_arch = "x86_64")]
tile!(__m512: 14 2 __m256  __m512d: 14 2 __m256d  __m256: 6 2 __m256  __m256d: 6 2 __m256d);
#[cfg(target_arch = "aarch64")]
tile!(float32x4_t: 6 4 float32x4_t  float64x2_t: 6 4 float64x2_t);
tile!(simd::Lanes<f32, 4>: 4 2 simd::Lanes<f32, 4>  simd::Lanes<f64, 2>: 4 2 simd::Lanes<f64, 2>);

macro_rules! real {
    ($t:ty, $avx512:ty, $avx2:ty, $neon:ty, $lanes:literal) => {
        impl Gemm for $t {
            #[allow(private_interfaces)]
            #[inline]
            unsafe fn product(x: Product<Self>) {
                // SAFETY: the caller's promise; `level` returns what the machine has.
                unsafe {
                    match simd::level() {
                        #[cfg(target_arch = "x86_64")]
                        Level::Avx512 => by_shape::<$avx512, $avx2, 14, 2>(x),
                        #[cfg(target_arch = "x86_64")]
                        Level::Avx2 => by_shape::<$avx2, $avx2, 6, 2>(x),
                        #[cfg(target_arch = "aarch64")]
                        Level::Neon => by_shape::<$neon, $neon, 6, 4>(x),
                        _ => by_shape::<simd::Lanes<$t, $lanes>, simd::Lanes<$t, $lanes>, 4, 2>(x),
                    }
                }
            }
        }
    };
}
#[cfg(target_arch = "aarch64")]
use std::arch::aarch64::{float32x4_t, float64x2_t};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
real!(f32, __m512, __m256, float32x4_t, 4);
real!(f64, __m512d, __m256d, float64x2_t, 2);

macro_rules! through_f32 {
    ($($t:ident)*) => {$(
        impl Gemm for ::half::$t {
            #[allow(private_interfaces)]
            unsafe fn product(x: Product<Self>) {
                // SAFETY: the caller's promise.
                unsafe { half::product(x, f32::product) }
            }
        }
    )*};
}
through_f32!(f16 bf16);

/// # Safety
/// As for `Gemm::product`; the machine has the instructions of `V` and `P`.
unsafe fn by_shape<V: Vector, P: Vector<E = V::E>, const MR: usize, const NV: usize>(mut x: Product<V::E>)
where
    V::E: Real,
{
    let t = &x.target;
    // Results are written along memory; and if that is free, few columns become few rows.
    if (t.c_col != 1 && t.c_row == 1)
        || (x.n == 1 && x.m > 1)
        || (x.n <= thin::ROWS && x.m > x.n && t.c_row == 1)
    {
        x = x.transposed();
    }
    // SAFETY: the caller's promise.
    unsafe {
        if x.m * x.n * x.k <= 512 && x.k <= 32 {
            plain(x);
        } else if !thin::product::<V>(x) {
            blocked::product::<V, P, MR, NV>(x);
        }
    }
}

/// The definition, for a few elements.
///
/// # Safety
/// As for `Gemm::product`.
unsafe fn plain<E: Real>(x: Product<E>) {
    for i in 0..x.m {
        for j in 0..x.n {
            let a = x.a.wrapping_offset(i as isize * x.a_row);
            let b = x.b.wrapping_offset(j as isize * x.b_col);
            let t = x.target.at(i, j);
            // SAFETY: all reads and writes are elements of the matrices.
            unsafe {
                let mut sum = E::ZERO;
                for p in 0..x.k as isize {
                    sum += *a.wrapping_offset(p * x.a_k) * *b.wrapping_offset(p * x.b_k);
                }
                *t.c = if t.base.is_null() { sum } else { *t.base + sum };
            }
        }
    }
}

#[cfg(test)]
mod tests;
