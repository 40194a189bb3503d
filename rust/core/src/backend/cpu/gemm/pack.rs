//! Copies operands into slivers: `W` rows of the left matrix (or columns of the right one) interleaved, so that the
//! innermost loop reads one step of `k` after the other. The last sliver is filled up with zeros.

use crate::dtype::Real;
use crate::storage::alloc;
use std::ptr::NonNull;

/// Memory for the length of one product.
pub(super) struct Scratch<E> {
    ptr: NonNull<u8>,
    bytes: usize,
    kind: std::marker::PhantomData<E>,
}

impl<E> Scratch<E> {
    pub fn new(len: usize) -> Self {
        let bytes = len * size_of::<E>();
        let ptr = alloc::allocate(bytes).expect("memory for the packed operands of a matrix product");
        Self { ptr, bytes, kind: std::marker::PhantomData }
    }

    pub fn ptr(&self) -> *mut E {
        self.ptr.as_ptr().cast()
    }
}

impl<E> Drop for Scratch<E> {
    fn drop(&mut self) {
        // SAFETY: allocated with this size, released once.
        unsafe { alloc::release(self.ptr, self.bytes) };
    }
}

/// `lines` vectors of length `k`: element p of line i is at `data + i * line + p * step`.
#[derive(Clone, Copy)]
pub(super) struct Lines<E> {
    pub data: *const E,
    pub lines: usize,
    pub line: isize,
    pub step: isize,
    pub k: usize,
}

/// How many lines and steps are transposed at once.
const T: usize = 8;

/// Fill sliver after sliver: step p of line i goes to `out[i / W][p * W + i % W]`.
///
/// # Safety
/// The lines are readable, and `out` has room for `ceil(lines / W)` slivers of `k * W` elements and `T` more.
#[inline(always)]
pub(super) unsafe fn pack<E: Real, const W: usize>(x: Lines<E>, out: *mut E) {
    let mut done = 0;
    while done < x.lines {
        let first = x.data.wrapping_offset(done as isize * x.line);
        let n = (x.lines - done).min(W);
        // SAFETY: the caller's promise, one sliver further each time.
        unsafe { sliver::<E, W>(Lines { data: first, lines: n, ..x }, out.add(done * x.k)) };
        done += W;
    }
}

/// # Safety
/// As for `pack`, for at most `W` lines.
#[inline(always)]
unsafe fn sliver<E: Real, const W: usize>(x: Lines<E>, out: *mut E) {
    // SAFETY: all reads are inside the lines, all writes inside `k * W` elements.
    unsafe {
        if x.lines == W && x.line == 1 {
            for p in 0..x.k {
                let from = x.data.wrapping_offset(p as isize * x.step);
                out.add(p * W).cast::<[E; W]>().write_unaligned(from.cast::<[E; W]>().read_unaligned());
            }
            return;
        }
        let whole = if x.lines == W && x.step == 1 && W.is_multiple_of(T) { x.k / T * T } else { 0 };
        for p in (0..whole).step_by(T) {
            for i in (0..W).step_by(T) {
                transpose::<E, W>(
                    x.data.wrapping_offset(i as isize * x.line + p as isize),
                    x.line,
                    out.add(p * W + i),
                );
            }
        }
        for i in 0..W {
            let from = x.data.wrapping_offset(i as isize * x.line);
            for p in whole..x.k {
                let value = if i < x.lines { *from.wrapping_offset(p as isize * x.step) } else { E::ZERO };
                *out.add(p * W + i) = value;
            }
        }
    }
}

/// `T` steps of `T` lines: read along the lines, written along the steps, `W` elements apart.
///
/// # Safety
/// The reads and writes are inside what the caller owns.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // a column is read
unsafe fn transpose<E: Real, const W: usize>(from: *const E, line: isize, out: *mut E) {
    // Plain arrays: the compiler keeps them in registers and shuffles.
    // SAFETY: the caller's promise.
    unsafe {
        let x: [[E; T]; T] = std::array::from_fn(|i| {
            from.wrapping_offset(i as isize * line).cast::<[E; T]>().read_unaligned()
        });
        for p in 0..T {
            let y: [E; T] = std::array::from_fn(|i| x[i][p]);
            out.add(p * W).cast::<[E; T]>().write_unaligned(y);
        }
    }
}
