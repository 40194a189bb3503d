//! Pointwise loops: how a table row becomes machine code, and how it is run over strided operands.
//!
//! A row gives one expression; `loop1!`/`loop2!` make a loop of it for one type, compiled for every instruction set.
//! Paths, first match wins:
//!   all row-major                 -> the loop on the operands themselves, in parallel chunks
//!   one run, unit steps           -> the same, after the walk has found it out
//!   an operand that is one number -> the same, with step 0
//!   anything strided, f16, bf16   -> blocks gathered into (widened) buffers on the stack, then the loop
//! Large results go past the caches (`stream.rs`).

use super::stream;
use crate::backend::{Loop1, Loop2, Params, View};
use crate::dtype::{Element, Float};
use crate::layout::Layout;
use crate::parallel;
use crate::strided::Walk;

/// Elements per gathered block: three f64 buffers fit in the first-level cache.
const BLOCK: usize = 512;

/// A loop over one operand: `loop1!(f32 => f32, |x, p| …)`. The expression may name its type `T`. With
/// `, quick test => …` blocks of elements for which `test` holds are computed by that expression.
#[macro_export]
macro_rules! loop1 {
    ($T:ty => $O:ty, |$x:ident, $p:ident| $e:expr, quick $test:path => $quick:expr) => {{
        /// # Safety
        /// `x` and `o` point to `n` elements each.
        unsafe fn run(n: usize, x: *const $T, o: *mut $O, p: &$crate::backend::Params) {
            let all = $crate::loop1!($T => $O, |$x, $p| $e);
            let quick = $crate::loop1!($T => $O, |$x, $p| $quick);
            // Elements that are tested together.
            const BLOCK: usize = 512;
            for from in (0..n).step_by(BLOCK) {
                let n = (n - from).min(BLOCK);
                // SAFETY: a block of the elements the caller vouches for.
                unsafe {
                    let (x, o) = (x.add(from), o.add(from));
                    let block = std::slice::from_raw_parts(x, n);
                    let passes = $crate::simd::vectorize(
                        #[inline(always)]
                        || $test(block),
                    );
                    if passes { quick(n, x, o, p) } else { all(n, x, o, p) }
                }
            }
        }
        run
    }};
    ($T:ty => $O:ty, |$x:ident, $p:ident| $e:expr) => {{
        /// # Safety
        /// `x` and `o` point to `n` elements each.
        unsafe fn run(n: usize, x: *const $T, o: *mut $O, $p: &$crate::backend::Params) {
            #[allow(dead_code)]
            type T = $T;
            // By value, pointers too: what lies behind a reference would be read again after every store.
            let params = *$p;
            $crate::simd::vectorize(
                #[inline(always)]
                move || {
                    let $p = &params;
                    for i in 0..n {
                        // SAFETY: `i < n`.
                        let $x = unsafe { *x.add(i) };
                        let value = $e;
                        // SAFETY: `i < n`.
                        unsafe { *o.add(i) = value };
                    }
                },
            );
        }
        run
    }};
}

/// A loop over two operands, each stepping by 1 or 0: `loop2!(f32 => bool, |a, b, p| a < b)`. The expression may name
/// its type `T`.
#[macro_export]
macro_rules! loop2 {
    ($T:ty => $O:ty, |$a:ident, $b:ident, $p:ident| $e:expr) => {
        $crate::loop2!(@ $crate::simd::vectorize, $T => $O, |$a, $b, $p| $e)
    };
    (@ $vectorize:path, $T:ty => $O:ty, |$a:ident, $b:ident, $p:ident| $e:expr) => {{
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
            #[allow(dead_code)]
            type T = $T;
            if n == 0 {
                return;
            }
            // By value: what lies behind a reference would be read again after every store.
            let params = *$p;
            $vectorize(
                #[inline(always)]
                move || {
                    let $p = &params;
                    // In each arm `i < n`, and an operand of step 0 is read at its one element.
                    match (a_step, b_step) {
                        // In place: the compiler's vectors are for operands apart, or the same.
                        (1, 1) if size_of::<$T>() == size_of::<$O>() && a.cast::<$O>() == o.cast_const() => {
                            let a = o.cast::<$T>();
                            for i in 0..n {
                                // SAFETY: as above.
                                let ($a, $b) = unsafe { (*a.add(i), *b.add(i)) };
                                let value = $e;
                                // SAFETY: as above.
                                unsafe { *a.add(i).cast() = value };
                            }
                        }
                        (1, 1) => {
                            for i in 0..n {
                                // SAFETY: as above.
                                let ($a, $b) = unsafe { (*a.add(i), *b.add(i)) };
                                let value = $e;
                                // SAFETY: as above.
                                unsafe { *o.add(i) = value };
                            }
                        }
                        (0, _) => {
                            // SAFETY: as above.
                            let $a = unsafe { *a };
                            for i in 0..n {
                                // SAFETY: as above.
                                let $b = unsafe { *b.add(i * b_step) };
                                let value = $e;
                                // SAFETY: as above.
                                unsafe { *o.add(i) = value };
                            }
                        }
                        _ => {
                            // SAFETY: as above.
                            let $b = unsafe { *b };
                            for i in 0..n {
                                // SAFETY: as above.
                                let $a = unsafe { *a.add(i) };
                                let value = $e;
                                // SAFETY: as above.
                                unsafe { *o.add(i) = value };
                            }
                        }
                    }
                },
            );
        }
        run
    }};
}

/// As `loop2!`, compiled for the baseline alone: for small types and rare ops, where four copies would not pay.
#[macro_export]
macro_rules! plain2 {
    ($T:ty => $O:ty, |$a:ident, $b:ident, $p:ident| $e:expr) => {
        $crate::loop2!(@ $crate::backend::cpu::plainly, $T => $O, |$a, $b, $p| $e)
    };
}

/// A raw pointer that parallel chunks may share: they read anywhere and write disjoint ranges.
#[derive(Clone, Copy)]
pub(super) struct Ptr<T>(*mut T);

// SAFETY: the chunks that use it touch disjoint outputs; inputs are only read.
unsafe impl<T> Send for Ptr<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Ptr<T> {}

/// In the place of `simd::vectorize` where one version of the code is enough.
#[inline(always)]
pub fn plainly(f: impl FnOnce()) {
    f();
}

impl<T: Element> Ptr<T> {
    /// Element 0 of the storage (not of the view).
    pub fn of(v: View) -> Ptr<T> {
        debug_assert_eq!(v.dtype, T::DTYPE);
        Ptr::sized(v)
    }
}

impl<T: Element> Ptr<T> {
    /// The first element of the view.
    #[inline(always)]
    pub fn first(v: View) -> Ptr<T> {
        // SAFETY: the offset lies inside the storage; of an empty view nothing is read.
        Ptr(unsafe { Ptr::<T>::of(v).0.add(v.layout.offset) })
    }
}

impl<T> Ptr<T> {
    /// As `of`, where `T` only has the size of the elements.
    pub fn sized(v: View) -> Ptr<T> {
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
pub(super) fn pieces<const N: usize>(walk: &Walk<N>, f: impl Fn(usize, [usize; N]) + Sync) {
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

/// How many elements there are if every operand is row-major: then one loop does it, without a walk.
#[inline(always)]
fn flat<const N: usize>(operands: [&Layout; N]) -> Option<usize> {
    operands.iter().all(|l| l.is_contiguous()).then(|| operands[0].numel())
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

/// The `n` operands of a loop that writes to `o`: where they lie, or a copy in `buffer` if that is where `o` is. The
/// compiler's vector code is only entered when inputs and output lie apart.
///
/// # Safety
/// `x` points to `n <= BLOCK` elements.
#[inline(always)]
unsafe fn apart<T: Element, O>(n: usize, x: *const T, o: *const O, buffer: &mut [T; BLOCK]) -> *const T {
    if x.cast::<O>() != o {
        return x;
    }
    // SAFETY: the caller vouches for `n` elements, and the buffer has as many.
    unsafe { std::ptr::copy_nonoverlapping(x, buffer.as_mut_ptr(), n) };
    buffer.as_ptr()
}

/// Ranges of at most `BLOCK` elements that make up `n`.
#[inline(always)]
fn blocks(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).step_by(BLOCK).map(move |from| (from, BLOCK.min(n - from)))
}

pub(super) fn unary<T: Element, O: Element>(k: Loop1<T, O>, p: &Params, x: View, out: View) {
    if let Some(n) = flat([out.layout, x.layout]) {
        let (o, x) = (Ptr::<O>::first(out), Ptr::<T>::first(x));
        let far = stream::is_far::<O>(n, n);
        // SAFETY: both have `n` elements one after the other.
        return parallel::chunks(n, parallel::GRAIN, |r| unsafe {
            let (o, x) = (o.at(r.start), x.at(r.start));
            if x.cast() != o {
                return stream::results(r.len(), o, far, |at, n, o| k(n, x.add(at), o, p));
            }
            let mut buffer = [T::default(); BLOCK];
            for (from, m) in blocks(r.len()) {
                k(m, apart(m, x.add(from), o.add(from), &mut buffer), o.add(from), p);
            }
        });
    }
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
    if let Some(n) = flat([out.layout, a.layout, b.layout]) {
        let (o, a, b) = (Ptr::<O>::first(out), Ptr::<T>::first(a), Ptr::<T>::first(b));
        let far = stream::is_far::<O>(n, n);
        // SAFETY: all have `n` elements one after the other.
        return parallel::chunks(n, parallel::GRAIN, |r| unsafe {
            let (o, a, b) = (o.at(r.start), a.at(r.start), b.at(r.start));
            if a.cast() != o && b.cast() != o {
                return stream::results(r.len(), o, far, |at, n, o| k(n, a.add(at), 1, b.add(at), 1, o, p));
            }
            // The loop knows an output in the place of its first operand.
            let mut buffer = [T::default(); BLOCK];
            for (from, m) in blocks(r.len()) {
                let o = o.add(from);
                k(m, a.add(from), 1, apart(m, b.add(from), o, &mut buffer), 1, o, p);
            }
        });
    }
    let walk = Walk::new([out.layout, a.layout, b.layout]);
    let [os, sa, sb] = walk.run_steps();
    let far = out.layout.is_contiguous() && stream::is_far::<O>(out.layout.numel(), walk.run_len());
    let (o, a, b) = (Ptr::<O>::of(out), Ptr::<T>::of(a), Ptr::<T>::of(b));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside the layouts, which lie inside their storages.
        unsafe {
            let (op, ap, bp) = (o.at(at[0]), a.at(at[1]), b.at(at[2]));
            if os == 1 && sa <= 1 && sb <= 1 {
                let far = far && ap.cast() != op && bp.cast() != op;
                return stream::results(n, op, far, |at, n, o| {
                    k(n, ap.add(at * sa), sa, bp.add(at * sb), sb, o, p)
                });
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

/// `k(x, number)`, or `k(number, x)` if `left`.
pub(super) fn number<T: Element, O: Element>(
    k: Loop2<T, O>,
    p: &Params,
    x: View,
    number: T,
    left: bool,
    out: View,
) {
    let run = |n: usize, x: *const T, o: *mut O| {
        // SAFETY: the callers below pass `n` elements; the number is one, at step 0.
        unsafe { if left { k(n, &number, 0, x, 1, o, p) } else { k(n, x, 1, &number, 0, o, p) } }
    };
    let in_place = |n: usize, x: *const T, o: *mut O| {
        let mut buffer = [T::default(); BLOCK];
        for (from, m) in blocks(n) {
            // SAFETY: as above.
            unsafe { run(m, apart(m, x.add(from), o.add(from), &mut buffer), o.add(from)) };
        }
    };
    if let Some(n) = flat([out.layout, x.layout]) {
        let (o, x) = (Ptr::<O>::first(out), Ptr::<T>::first(x));
        let far = stream::is_far::<O>(n, n);
        // SAFETY: both have `n` elements one after the other.
        return parallel::chunks(n, parallel::GRAIN, |r| unsafe {
            let (x, o) = (x.at(r.start), o.at(r.start));
            if x.cast() == o {
                in_place(r.len(), x, o)
            } else {
                stream::results(r.len(), o, far, |at, n, o| run(n, x.add(at), o))
            }
        });
    }
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<O>::of(out), Ptr::<T>::of(x));
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside the layouts, which lie inside their storages.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            if os == 1 && xs == 1 {
                return run(n, xp, op);
            }
            let (mut xb, mut ob) = ([T::default(); BLOCK], [O::default(); BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, xp.add(from * xs), xs, &mut xb, |v| v);
                run(m, xb.as_ptr(), ob.as_mut_ptr());
                (0..m).for_each(|i| *op.add((from + i) * os) = ob[i]);
            }
        }
    });
}

/// As `number` for a half-precision type; the number keeps the digits of an f32.
#[allow(clippy::too_many_arguments)]
pub(super) fn number_half<T: Float<Acc = f32>, M: Element, O: Element>(
    k: Loop2<f32, M>,
    p: &Params,
    x: View,
    number: f32,
    left: bool,
    out: View,
    narrow: impl Fn(M) -> O + Sync,
) {
    let walk = Walk::new([out.layout, x.layout]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<O>::of(out), Ptr::<T>::of(x));
    pieces(&walk, |n, at| {
        // SAFETY: as in `number`.
        unsafe {
            let (op, xp) = (o.at(at[0]), x.at(at[1]));
            let (mut xb, mut ob) = ([0f32; BLOCK], [M::default(); BLOCK]);
            for from in (0..n).step_by(BLOCK) {
                let m = BLOCK.min(n - from);
                gather(m, xp.add(from * xs), xs, &mut xb, T::widen);
                let (xp, ob) = (xb.as_ptr(), ob.as_mut_ptr());
                if left {
                    k(m, &number, 0, xp, 1, ob, p)
                } else {
                    k(m, xp, 1, &number, 0, ob, p)
                }
                (0..m).for_each(|i| *op.add((from + i) * os) = narrow(*ob.add(i)));
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
