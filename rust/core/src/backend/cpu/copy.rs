//! Loops that move elements without computing: a choice between two, conversion, copies.

use super::pointwise::{Ptr, pieces};
use super::{stream, transpose};
use crate::backend::View;
use crate::dtype::Element;
use crate::simd::vectorize;
use crate::strided::Walk;

/// `out = if cond { a } else { b }`; only the size of an element matters, so three integer types serve all ten dtypes.
pub(super) fn choose<T: Copy + Send + Sync>(cond: View, a: View, b: View, out: View) {
    let walk = Walk::new([out.layout, cond.layout, a.layout, b.layout]);
    let [os, cs, sa, sb] = walk.run_steps();
    let far = out.layout.is_contiguous() && stream::is_far::<T>(out.layout.numel(), walk.run_len());
    let o = Ptr::<T>::sized(out);
    let (a, b) = (Ptr::<T>::sized(a), Ptr::<T>::sized(b));
    let c = Ptr::<bool>::of(cond);
    pieces(&walk, |n, at| {
        // SAFETY: the walk stays inside the layouts; `T` has the size of the dtype.
        unsafe {
            let (op, cp) = (o.at(at[0]), c.at(at[1]));
            let (ap, bp) = (a.at(at[2]), b.at(at[3]));
            if os == 1 && cs == 1 && sa <= 1 && sb <= 1 {
                return stream::results(n, op, far, |at, n, o| {
                    let (c, a, b) = (cp.add(at), ap.add(at * sa), bp.add(at * sb));
                    choose_run(n, c, a, sa, b, sb, o);
                });
            }
            for i in 0..n {
                *op.add(i * os) = if *cp.add(i * cs) { *ap.add(i * sa) } else { *bp.add(i * sb) };
            }
        }
    });
}

/// A run of `choose`, in vector code: both operands are read, the condition picks.
///
/// # Safety
/// `c` and `o` point to `n` elements, `a` and `b` to `n`, or to one if their step is 0.
unsafe fn choose_run<T: Copy>(
    n: usize,
    c: *const bool,
    a: *const T,
    sa: usize,
    b: *const T,
    sb: usize,
    o: *mut T,
) {
    if n == 0 {
        return;
    }
    vectorize(
        #[inline(always)]
        move || {
            // SAFETY: in each arm `i < n`, and an operand of step 0 is read at its one element.
            unsafe {
                let pick = |i: usize, a: T, b: T| *o.add(i) = if *c.add(i) { a } else { b };
                match (sa, sb) {
                    (1, 1) => (0..n).for_each(|i| pick(i, *a.add(i), *b.add(i))),
                    (1, _) => {
                        let b = *b;
                        (0..n).for_each(|i| pick(i, *a.add(i), b));
                    }
                    (_, 1) => {
                        let a = *a;
                        (0..n).for_each(|i| pick(i, a, *b.add(i)));
                    }
                    _ => {
                        let (a, b) = (*a, *b);
                        (0..n).for_each(|i| pick(i, a, b));
                    }
                }
            }
        },
    );
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
    if let Some(planes) = walk.crossed() {
        return transpose::copy(&planes, x, o);
    }
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
