//! Where along a dimension a known value first stands: the indices of `max(dim)`, `argmax`, `median(dim)`.
//!
//! Paths: the dimension is contiguous -> a search that stops, of a long one in blocks on all threads;
//! its neighbours are -> a tile of them at a time, from the last row to the first; else one by one.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{BLOCK, Plan};
use crate::backend::View;
use crate::backend::cpu::pointwise::Ptr;
use crate::dtype::Element;
use crate::parallel;
use crate::simd::vectorize;

/// Elements that are compared before the search looks whether it can stop.
const LANES: usize = 64;
/// Neighbouring outputs that are worked on together.
const TILE: usize = 512;

/// Equal, or both NaN.
#[inline(always)]
fn same<T: Element>(x: T, v: T) -> bool {
    (x == v) | (x.is_nan() & v.is_nan())
}

/// `out` (int64) = the first index along `dim` at which `x` equals `values`, 0 if there is none.
pub(in crate::backend::cpu) fn find<T: Element>(x: View, dim: usize, values: View, out: View) {
    let mut mask: smallvec::SmallVec<[bool; 8]> = smallvec::SmallVec::from_elem(false, x.layout.rank());
    let (n, step) = if x.layout.rank() == 0 { (1, 1) } else { (x.layout.shape[dim], x.layout.strides[dim]) };
    if let Some(m) = mask.get_mut(dim) {
        *m = true;
    }
    let plan = Plan::new(x, &mask, out);
    let outputs = plan.kept.len();
    if outputs == 0 || n == 0 {
        return;
    }
    // Values and indices have one layout, up to the offset.
    debug_assert_eq!(values.layout.strides, out.layout.strides);
    let shift = values.layout.offset.wrapping_sub(out.layout.offset);
    let (x, values, out) = (Ptr::<T>::of(x), Ptr::<T>::of(values), Ptr::<i64>::of(out));
    let [os, xs] = plan.kept.steps[0];
    if plan.columns && u32::try_from(n).is_ok() {
        return tiles(&plan, n, step, x, values, shift, out);
    }
    parallel::chunks(outputs, BLOCK.div_ceil(n), |r| {
        plan.kept.pieces(
            r.start,
            r.end,
            #[inline(always)]
            |[o, from], len| {
                for i in 0..len {
                    let (o, from) = (plan.start[0] + o + i * os, plan.start[1] + from + i * xs);
                    // SAFETY: the plan's loops stay inside the layouts; chunks have outputs of their own.
                    unsafe {
                        let v = *values.at(o.wrapping_add(shift));
                        let found = if step == 1 {
                            search(std::slice::from_raw_parts(x.at(from).cast_const(), n), v)
                        } else {
                            (0..n).find(|&k| same(*x.at(from + k * step), v))
                        };
                        *out.at(o) = found.unwrap_or(0) as i64;
                    }
                }
            },
        );
    });
}

/// The first place of `v`.
fn search<T: Element>(x: &[T], v: T) -> Option<usize> {
    if x.len() <= 2 * BLOCK {
        return vectorize(
            #[inline(always)]
            || first(x, v),
        );
    }
    let best = AtomicUsize::new(usize::MAX);
    parallel::tasks(x.len().div_ceil(BLOCK), |i| {
        let at = i * BLOCK;
        if best.load(Relaxed) < at {
            return;
        }
        let part = &x[at..x.len().min(at + BLOCK)];
        let found = vectorize(
            #[inline(always)]
            || first(part, v),
        );
        if let Some(k) = found {
            best.fetch_min(at + k, Relaxed);
        }
    });
    Some(best.into_inner()).filter(|&k| k != usize::MAX)
}

#[inline(always)]
fn first<T: Element>(x: &[T], v: T) -> Option<usize> {
    for (i, part) in x.chunks(LANES).enumerate() {
        let hit = part.iter().fold(false, |hit, &x| hit | same(x, v));
        if hit {
            return part.iter().position(|&x| same(x, v)).map(|k| i * LANES + k);
        }
    }
    None
}

/// All outputs whose neighbours in memory are outputs too, a tile at a time.
fn tiles<T: Element>(
    plan: &Plan,
    n: usize,
    step: usize,
    x: Ptr<T>,
    values: Ptr<T>,
    shift: usize,
    out: Ptr<i64>,
) {
    let width = plan.kept.sizes[0];
    let across = width.div_ceil(TILE);
    let outer = plan.kept.len() / width;
    parallel::chunks(outer * across, BLOCK.div_ceil(n * TILE.min(width)), |r| {
        vectorize(
            #[inline(always)]
            || {
                for i in r {
                    let at = i / across * width + i % across * TILE;
                    let w = TILE.min(width - i % across * TILE);
                    let mut base = [0; 2];
                    plan.kept.pieces(
                        at,
                        at + 1,
                        #[inline(always)]
                        |found, _| base = found,
                    );
                    let (o, from) = (plan.start[0] + base[0], plan.start[1] + base[1]);
                    let mut index = [0u32; TILE];
                    // SAFETY: rows of the tile stay inside the layouts; every tile has outputs of its own.
                    unsafe {
                        let v = std::slice::from_raw_parts(values.at(o.wrapping_add(shift)).cast_const(), w);
                        for k in (0..n).rev() {
                            let row = std::slice::from_raw_parts(x.at(from + k * step).cast_const(), w);
                            for j in 0..w {
                                index[j] = if same(row[j], v[j]) { k as u32 } else { index[j] };
                            }
                        }
                        for j in 0..w {
                            *out.at(o + j) = i64::from(index[j]);
                        }
                    }
                }
            },
        )
    });
}
