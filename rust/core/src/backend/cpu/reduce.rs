//! Folding dimensions into one number each: sum, prod, max, min, any, all.
//!
//! Every output element has a fixed order of additions that depends on the shape alone, so any number of threads gives
//! the same bits.

use super::pointwise::Ptr;
use crate::backend::{Fold, View};
use crate::dtype::Element;
use crate::error::Result;
use crate::layout::Layout;
use crate::parallel;
use crate::per_dtype;
use crate::shape::Dims;
use crate::strided::{Walk, for_each_offset};

pub(super) fn reduce(fold: Fold, x: View, mask: &[bool], out: View) -> Result<()> {
    per_dtype!(x.dtype, T => per_dtype!(out.dtype, O => fold_all::<T, O>(fold, x, mask, out)));
    Ok(())
}

fn fold_all<T: Element, O: Element>(fold: Fold, x: View, mask: &[bool], out: View) {
    let (mut kept, mut folded) =
        (x.layout.clone(), Layout { shape: Dims::new(), strides: Dims::new(), offset: 0 });
    for d in 0..x.layout.rank() {
        if mask[d] {
            folded.shape.push(x.layout.shape[d]);
            folded.strides.push(x.layout.strides[d]);
            kept.shape[d] = 1;
        }
    }
    let mut places = Vec::with_capacity(folded.numel());
    for_each_offset(&folded, |at| places.push(at));
    let walk = Walk::new([out.layout, &kept]);
    let [os, xs] = walk.run_steps();
    let (o, x) = (Ptr::<O>::of(out), Ptr::<T>::of(x));
    parallel::chunks(walk.runs(), 1, |r| {
        walk.for_runs(r.start, r.end, |at| {
            for i in 0..walk.run_len() {
                // SAFETY: the walk and the folded places stay inside the layouts.
                unsafe {
                    let from = at[1] + i * xs;
                    *o.at(at[0] + i * os) = one::<T, O>(fold, places.iter().map(|&p| *x.at(from + p)));
                }
            }
        });
    });
}

fn one<T: Element, O: Element>(fold: Fold, mut values: impl Iterator<Item = T>) -> O {
    let float = T::DTYPE.is_float() || O::DTYPE.is_float();
    match fold {
        Fold::Sum if float => O::from_f64(values.map(T::to_f64).sum()),
        Fold::Sum => O::from_i64(values.fold(0i64, |a, v| a.wrapping_add(v.to_i64()))),
        Fold::Prod if float => O::from_f64(values.map(T::to_f64).product()),
        Fold::Prod => O::from_i64(values.fold(1i64, |a, v| a.wrapping_mul(v.to_i64()))),
        Fold::Any => O::from_i64(i64::from(values.any(T::truthy))),
        Fold::All => O::from_i64(i64::from(values.all(T::truthy))),
        Fold::Max | Fold::Min => {
            let better = |a: T, b: T| if fold == Fold::Max { b > a } else { b < a };
            let best = values.reduce(|a, b| if a.is_nan() || !(b.is_nan() || better(a, b)) { a } else { b });
            best.map_or_else(O::default, |v| {
                if float { O::from_f64(v.to_f64()) } else { O::from_i64(v.to_i64()) }
            })
        }
    }
}
