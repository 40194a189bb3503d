//! Pointwise loops: how a table row becomes machine code, and how it is run over strided operands.
//!
//! A row gives one expression; `loop1!`/`loop2!` make a loop of it for one type, compiled for every instruction set.
//! Paths, first match wins:
//!   one run, unit steps          -> the loop on the operands themselves, in parallel chunks
//!   an operand that is one number -> the same, with step 0
//!   anything strided, f16, bf16   -> blocks gathered into (widened) buffers on the stack, then the loop

use crate::backend::{Loop1, Loop2, Params, View};
use crate::dtype::{Element, Float};
use crate::parallel;
use crate::strided::Walk;

/// Elements per gathered block: three f64 buffers fit in the first-level cache.
const BLOCK: usize = 512;

/// A loop over one operand: `loop1!(f32 => f32, |x, p| …)`.
#[macro_export]
macro_rules! loop1 {
    ($T:ty => $O:ty, |$x:ident, $p:ident| $e:expr) => {{
        /// # Safety
        /// `x` and `o` point to `n` elements each.
        unsafe fn run(n: usize, x: *const $T, o: *mut $O, $p: &$crate::backend::Params) {
            $crate::simd::vectorize(|| {
                for i in 0..n {
                    // SAFETY: `i < n`.
                    let $x = unsafe { *x.add(i) };
                    // SAFETY: `i < n`.
                    unsafe { *o.add(i) = $e };
                }
            });
        }
        run
    }};
}

/// A loop over two operands, each stepping by 1 or 0: `loop2!(f32 => bool, |a, b, p| a < b)`.
#[macro_export]
macro_rules! loop2 {
    ($T:ty => $O:ty, |$a:ident, $b:ident, $p:ident| $e:expr) => {{
        /// # Safety
        /// `a`, `b` point to `n` elements (one, if their step is 0), `o` to `n`.
        unsafe fn run(
            n: usize,
            a: *const $T,
            a_step: usize,
            b: *const $T,
            b_step: usize,
            o: *mut $O,
            $p: &$crate::backend::Params,
        ) {
            if n == 0 {
                return;
            }
            $crate::simd::vectorize(|| {
                // SAFETY: in each arm `i < n`, and an operand of step 0 is read at its one element.
                unsafe {
                    match (a_step, b_step) {
                        (1, 1) => {
                            for i in 0..n {
                                let ($a, $b) = (*a.add(i), *b.add(i));
                                *o.add(i) = $e;
                            }
                        }
                        (0, _) => {
                            let $a = *a;
                            for i in 0..n {
                                let $b = *b.add(i * b_step);
                                *o.add(i) = $e;
                            }
                        }
                        _ => {
                            let $b = *b;
                            for i in 0..n {
                                let $a = *a.add(i * a_step);
                                *o.add(i) = $e;
                            }
                        }
                    }
                }
            });
        }
        run
    }};
}

/// A raw pointer that parallel chunks may share: they read anywhere and write disjoint ranges.
#[derive(Clone, Copy)]
pub(super) struct Ptr<T>(*mut T);

// SAFETY: the chunks that use it touch disjoint outputs; inputs are only read.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ptr<T> {}

impl<T: Element> Ptr<T> {
    /// Element 0 of the storage (not of the view).
    pub fn of(v: View) -> Ptr<T> {
        debug_assert_eq!(v.dtype, T::DTYPE);
        Ptr::sized(v)
    }
}

impl<T> Ptr<T> {
    /// As `of`, where `T` only has the size of the elements.
    fn sized(v: View) -> Ptr<T> {
        debug_assert_eq!(v.dtype.size(), size_of::<T>());
        Ptr(v.storage.ptr().cast())
    }

    /// # Safety
    /// `at` must lie inside the storage.
    #[inline(always)]
    pub unsafe fn at(self, at: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(at) }
    }
}

/// Run `f(from, to, offsets)` over all pieces of a walk, in parallel: whole runs, or parts of a run if there are few.
fn pieces<const N: usize>(walk: &Walk<N>, f: impl Fn(usize, [usize; N]) + Sync) {
    let (runs, len, steps) = (walk.runs(), walk.run_len(), walk.run_steps());
    if runs == 1 {
        return walk.for_runs(0, 1, |at| {
            parallel::chunks(len, parallel::GRAIN, |r| {
                f(r.len(), std::array::from_fn(|i| at[i] + r.start * steps[i]));
            });
        });
    }
    let grain = (parallel::GRAIN / len.max(1)).max(1);
    parallel::chunks(runs, grain, |r| walk.for_runs(r.start, r.end, |at| f(len, at)));
}

/// Copy `n` strided elements into a buffer.
#[inline(always)]
unsafe fn gather<T: Element, U>(
    n: usize,
    src: *const T,
    step: usize,
    dst: &mut [U; BLOCK],
    f: impl Fn(T) -> U,
) {
    for (i, d) in dst[..n].iter_mut().enumerate() {
        // SAFETY: the caller vouches for `n` elements at this step.
        *d = f(unsafe { *src.add(i * step) });
    }
}

pub(super) fn unary<T: Element, O: Element>(k: Loop1<T, O>, p: &Params, x: View, out: View) {
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<O>::of(out), Ptr::<T>::of(x));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside both layouts, which lie inside their storages.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            if os == 1 && xs == 1 {
                return k(n, xp, op, p);
            }
            let (mut xb, mut ob) = ([T::default(); BLOCK], [O::default(); BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, xp.add(from * xs), xs, &mut xb, |v| v);
                k(m, xb.as_ptr(), ob.as_mut_ptr(), p);
                (0..m).for_each(|i| *op.add((from + i) * os) = ob[i]);
            }
        }
    });
}

/// As `unary` for a half-precision type: the f32 loop on widened blocks.
pub(super) fn unary_half<T: Float<Acc = f32>>(k: Loop1<f32, f32>, p: &Params, x: View, out: View) {
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<T>::of(out), Ptr::<T>::of(x));
    pieces(&walk, |n, at| {
        // SAFETY: as in `unary`.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            let (mut xb, mut ob) = ([0f32; BLOCK], [0f32; BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, xp.add(from * xs), xs, &mut xb, T::widen);
                k(m, xb.as_ptr(), ob.as_mut_ptr(), p);
                (0..m).for_each(|i| *op.add((from + i) * os) = T::narrow(ob[i]));
            }
        }
    });
}

pub(super) fn binary<T: Element, O: Element>(k: Loop2<T, O>, p: &Params, a: View, b: View, out: View) {
    let walk = Walk::new([out.layout, a.layout, b.layout]);
    let [os, sa, sb] = walk.run_steps();
    let (o, a, b) = (Ptr::<O>::of(out), Ptr::<T>::of(a), Ptr::<T>::of(b));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside the layouts, which lie inside their storages.
        unsafe {
            let (op, ap, bp) = (o.at(at[0]), a.at(at[1]), b.at(at[2]));
            if os == 1 && sa <= 1 && sb <= 1 {
                return k(n, ap, sa, bp, sb, op, p);
            }
            let (mut ab, mut bb, mut ob) =
                ([T::default(); BLOCK], [T::default(); BLOCK], [O::default(); BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, ap.add(from * sa), sa, &mut ab, |v| v);
                gather(m, bp.add(from * sb), sb, &mut bb, |v| v);
                k(m, ab.as_ptr(), 1, bb.as_ptr(), 1, ob.as_mut_ptr(), p);
                (0..m).for_each(|i| *op.add((from + i) * os) = ob[i]);
            }
        }
    });
}

/// As `binary` for a half-precision type; the result is narrowed again, or a truth value.
pub(super) fn binary_half<T: Float<Acc = f32>, M: Element, O: Element>(
    k: Loop2<f32, M>,
    p: &Params,
    a: View,
    b: View,
    out: View,
    narrow: impl Fn(M) -> O + Sync,
) {
    let walk = Walk::new([out.layout, a.layout, b.layout]);
    let [os, sa, sb] = walk.run_steps();
    let (o, a, b) = (Ptr::<O>::of(out), Ptr::<T>::of(a), Ptr::<T>::of(b));
    pieces(&walk, |n, at| {
        // SAFETY: as in `binary`.
        unsafe {
            let (op, ap, bp) = (o.at(at[0]), a.at(at[1]), b.at(at[2]));
            let (mut ab, mut bb, mut ob) = ([0f32; BLOCK], [0f32; BLOCK], [M::default(); BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, ap.add(from * sa), sa, &mut ab, T::widen);
                gather(m, bp.add(from * sb), sb, &mut bb, T::widen);
                k(m, ab.as_ptr(), 1, bb.as_ptr(), 1, ob.as_mut_ptr(), p);
                (0..m).for_each(|i| *op.add((from + i) * os) = narrow(ob[i]));
            }
        }
    });
}

/// `out = if cond { a } else { b }`; only the size of an element matters, so three integer types serve all ten dtypes.
pub(super) fn choose<T: Copy + Send + Sync>(cond: View, a: View, b: View, out: View) {
    let walk = Walk::new([out.layout, cond.layout, a.layout, b.layout]);
    let [os, cs, sa, sb] = walk.run_steps();
    let o = Ptr::<T>::sized(out);
    let (a, b) = (Ptr::<T>::sized(a), Ptr::<T>::sized(b));
    let c = Ptr::<bool>::of(cond);
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside the layouts; `T` has the size of the dtype.
        unsafe {
            let (op, cp) = (o.at(at[0]), c.at(at[1]));
            let (ap, bp) = (a.at(at[2]), b.at(at[3]));
            for i in 0..n {
                *op.add(i * os) = if *cp.add(i * cs) { *ap.add(i * sa) } else { *bp.add(i * sb) };
            }
        }
    });
}

/// Copy with conversion, element by element through any strides. One version of the code: a hundred pairs of dtypes
/// would fill the library otherwise, and the loop waits for memory.
pub(super) fn convert<T: Element, O: Element>(x: View, out: View, f: impl Fn(T) -> O + Sync) {
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<O>::of(out), Ptr::<T>::of(x));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside both layouts.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            if os == 1 && xs == 1 {
                (0..n).for_each(|i| *op.add(i) = f(*xp.add(i)));
            } else {
                (0..n).for_each(|i| *op.add(i * os) = f(*xp.add(i * xs)));
            }
        }
    });
}

/// Copy without conversion: `T` is any type of the element's size.
pub(super) fn copy_same<T: Copy + Send + Sync>(x: View, out: View) {
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<T>::sized(out), Ptr::<T>::sized(x));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside both layouts; `copy` allows them to overlap.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            if os == 1 && xs == 1 {
                std::ptr::copy(xp, op, n);
            } else {
                (0..n).for_each(|i| *op.add(i * os) = *xp.add(i * xs));
            }
        }
    });
}
