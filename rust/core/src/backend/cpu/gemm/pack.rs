//! Copies operands into slivers: `W` rows of the left matrix (or columns of the right one) interleaved, so that the
//! innermost loop reads one step of `k` after the other. The last sliver is filled up with zeros.

use crate::dtype::Real;
use crate::simd::{Vector, prefetch};
use crate::storage::alloc;
use std::ptr::NonNull;

/// Slivers that are filled side by side.
const SIDE: usize = 8;
/// Steps that are asked for ahead: the machine's own prefetching does not cross the pages between two rows.
const AHEAD: isize = 8;

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
pub struct Lines<E> {
    pub data: *const E,
    pub lines: usize,
    pub line: isize,
    pub step: isize,
    pub k: usize,
}

/// Fill sliver after sliver: step p of line i goes to `out[i / W][p * W + i % W]`.
///
/// # Safety
/// The lines are readable, and `out` has room for `ceil(lines / W)` slivers of `k * W` elements. The instructions of
/// `V` are enabled.
#[inline(always)]
pub(super) unsafe fn pack<V: Vector, const W: usize>(x: Lines<V::E>, out: *mut V::E)
where
    V::E: Real,
{
    let mut done = 0;
    if x.line == 1 {
        // Wide pieces of a step's lines: rows of a large matrix come from memory in order.
        while x.lines - done >= W {
            let count = ((x.lines - done) / W).min(SIDE);
            for p in 0..x.k {
                let from = x.data.wrapping_offset(p as isize * x.step).wrapping_add(done);
                for i in 0..count {
                    prefetch(from.wrapping_offset(AHEAD * x.step).wrapping_add(i * W));
                    // SAFETY: whole slivers of lines that are there.
                    unsafe {
                        let from = from.add(i * W).cast::<[V::E; W]>();
                        out.add((done + i * W) * x.k + p * W)
                            .cast::<[V::E; W]>()
                            .write_unaligned(from.read_unaligned());
                    }
                }
            }
            done += count * W;
        }
    }
    while done < x.lines {
        let first = x.data.wrapping_offset(done as isize * x.line);
        let n = (x.lines - done).min(W);
        // SAFETY: the caller's promise, one sliver further each time.
        unsafe { sliver::<V, W>(Lines { data: first, lines: n, ..x }, out.add(done * x.k)) };
        done += W;
    }
}

/// # Safety
/// As for `pack`, for at most `W` lines.
#[inline(always)]
unsafe fn sliver<V: Vector, const W: usize>(x: Lines<V::E>, out: *mut V::E)
where
    V::E: Real,
{
    // SAFETY: all reads are inside the lines, all writes inside `k * W` elements.
    unsafe {
        let whole = if x.lines == W && x.step == 1 { transposed::<V, W>(x, out) } else { 0 };
        for i in 0..W {
            let from = x.data.wrapping_offset(i as isize * x.line);
            for p in whole..x.k {
                let value = if i < x.lines { *from.wrapping_offset(p as isize * x.step) } else { V::E::ZERO };
                *out.add(p * W + i) = value;
            }
        }
    }
}

/// As many steps as fit, `N` steps of `N` lines at once: read along the lines, transposed in registers, written along
/// the steps. Returns how many steps were done.
///
/// # Safety
/// As for `pack`, for `W` lines whose steps are next to each other.
#[inline(always)]
unsafe fn transposed<V: Vector, const W: usize>(x: Lines<V::E>, out: *mut V::E) -> usize
where
    V::E: Real,
{
    // Registers that do not fill W reach into the next step: it is written later, so a step must follow.
    let spare = usize::from(!W.is_multiple_of(V::N));
    let whole = x.k.saturating_sub(spare) / V::N * V::N;
    for p in (0..whole).step_by(V::N) {
        // The last lines first, for the same reason.
        for group in (0..W.div_ceil(V::N)).rev() {
            let first = group * V::N;
            // SAFETY: the caller's promise; lines past the last are not read, writes end before `k * W`.
            unsafe {
                // The most numbers a register has.
                let mut block = [V::splat(V::E::ZERO); 16];
                let block = &mut block[..V::N];
                for (i, row) in block.iter_mut().enumerate().take(W - first) {
                    *row = V::load(x.data.wrapping_offset((first + i) as isize * x.line + p as isize));
                }
                V::transpose(block);
                for (i, row) in block.iter().enumerate() {
                    row.store(out.add((p + i) * W + first));
                }
            }
        }
    }
    whole
}
