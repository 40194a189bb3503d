//! Folding dimensions into one number each: sum, prod, max, min, any, all, counts, norms, variance.
//!
//! The dimensions of the input are split into kept and folded ones, sorted by stride and merged. Paths:
//!   innermost dimension folded -> `rows`: one output at a time, its elements spread over `LANES` accumulators;
//!                                 outputs of a few elements several at a time
//!   innermost dimension kept   -> `columns`: a tile of neighbouring outputs, whole rows added to it
//!   few outputs, much to fold  -> either of them over blocks of the folded range, then the blocks in order
//! Floats are added in f64, for sums four at a time in their own type before, and rounded once. Blocks, lanes and tiles
//! depend on the shapes alone, so any number of threads gives the same bits. `tests::naive` is the definition.

mod find;
mod folds;
#[cfg(test)]
mod tests;

use std::ops::Range;

use smallvec::SmallVec;

pub(super) use find::find;
pub(super) use folds::{moments, reduce};

use super::pointwise::Ptr;
use crate::backend::View;
use crate::dtype::Element;
use crate::parallel;
use crate::simd::{prefetch, vectorize};

/// Accumulators of one output: enough registers in flight to hide the latency of an addition.
const LANES: usize = 16;
/// How far ahead of a long run its elements are asked for, in bytes: the machine's own prefetching ends with a page.
const AHEAD: usize = 6144;
/// Neighbouring outputs that are worked on together: their accumulators stay in the first cache, and a row of them is
/// long enough to be read at full speed.
const TILE: usize = 2048;
/// Elements that go into the same accumulators before they are put aside, and the least a thread gets.
const BLOCK: usize = 16384;
/// Rows that go into a tile before it is put aside.
const TILE_ROWS: usize = 256;
/// Outputs (or tiles) from which on the folded range is not split further.
const ENOUGH: usize = 32;

/// One way to fold elements of type `T`. `at` is the position of the output, for folds that need to know it.
trait Folder<T: Copy>: Copy + Sync {
    type Acc: Copy + Send + Sync;
    type Out: Element;
    fn start(self, at: usize) -> Self::Acc;
    fn step(self, acc: Self::Acc, x: T) -> Self::Acc;
    /// Four elements at once.
    #[inline(always)]
    fn four(self, acc: Self::Acc, x: [T; 4]) -> Self::Acc {
        self.step(self.step(self.step(self.step(acc, x[0]), x[1]), x[2]), x[3])
    }
    fn merge(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;
    fn finish(self, acc: Self::Acc) -> Self::Out;
}

/// Nested loops over `N` operands, the innermost first; loops that continue each other are one.
pub(super) struct Nest<const N: usize> {
    sizes: SmallVec<[usize; 4]>,
    pub steps: SmallVec<[[usize; N]; 4]>,
}

impl<const N: usize> Nest<N> {
    fn new(dims: impl Iterator<Item = (usize, [usize; N])>) -> Self {
        let mut nest = Nest { sizes: SmallVec::new(), steps: SmallVec::new() };
        for (n, step) in dims {
            let last = nest.sizes.last_mut().zip(nest.steps.last());
            match last {
                Some((len, inner)) if (0..N).all(|i| step[i] == inner[i] * *len) => *len *= n,
                _ => {
                    nest.sizes.push(n);
                    nest.steps.push(step);
                }
            }
        }
        if nest.sizes.is_empty() {
            nest.sizes.push(1);
            nest.steps.push([0; N]);
        }
        nest
    }

    pub fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    /// Hand out the iterations `from..to` as pieces of the innermost loop: `f(offsets, length)`.
    #[inline(always)]
    pub fn pieces(&self, from: usize, to: usize, mut f: impl FnMut([usize; N], usize)) {
        if from >= to {
            return;
        }
        if self.sizes.len() == 1 {
            return f(self.steps[0].map(|s| s * from), to - from);
        }
        let mut index: SmallVec<[usize; 4]> = SmallVec::new();
        let (mut at, mut rest) = ([0; N], from);
        for (&n, step) in self.sizes.iter().zip(&self.steps) {
            let i = rest % n;
            rest /= n;
            for k in 0..N {
                at[k] += i * step[k];
            }
            index.push(i);
        }
        let mut left = to - from;
        loop {
            let run = (self.sizes[0] - index[0]).min(left);
            f(at, run);
            left -= run;
            if left == 0 {
                return;
            }
            for k in 0..N {
                at[k] -= index[0] * self.steps[0][k];
            }
            index[0] = 0;
            for d in 1..index.len() {
                index[d] += 1;
                for k in 0..N {
                    at[k] += self.steps[d][k];
                }
                if index[d] < self.sizes[d] {
                    break;
                }
                for k in 0..N {
                    at[k] -= self.steps[d][k] * self.sizes[d];
                }
                index[d] = 0;
            }
        }
    }
}

/// What is to be folded: loops over the outputs (output step, input step) and over the elements of one output.
pub(super) struct Plan {
    pub kept: Nest<2>,
    folded: Nest<1>,
    /// The first element of the output and of the input.
    pub start: [usize; 2],
    /// The innermost dimension is a kept one and wide enough for tiles.
    columns: bool,
}

impl Plan {
    pub fn new(x: View, mask: &[bool], out: View) -> Plan {
        let l = x.layout;
        let mut order: SmallVec<[usize; 6]> = (0..l.rank()).filter(|&d| l.shape[d] != 1).collect();
        // A broadcast dimension repeats the same memory: it goes outermost.
        order.sort_by_key(|&d| (l.strides[d] == 0, l.strides[d], std::cmp::Reverse(d)));
        let dims = |folded: bool| order.iter().copied().filter(move |&d| mask[d] == folded);
        let kept = Nest::new(dims(false).map(|d| (l.shape[d], [out.layout.strides[d], l.strides[d]])));
        let folded = Nest::new(dims(true).map(|d| (l.shape[d], [l.strides[d]])));
        let inner = order.first().is_some_and(|&d| !mask[d] && l.strides[d] == 1);
        let columns = inner && kept.sizes[0] >= 8 && kept.steps[0] == [1, 1] && folded.len() > 0;
        Plan { kept, folded, start: [out.layout.offset, l.offset], columns }
    }
}

/// Fold the masked dimensions of `x` into `out`.
fn fold<T: Element, F: Folder<T>>(f: F, x: View, mask: &[bool], out: View) {
    let plan = Plan::new(x, mask, out);
    let (x, out) = (Ptr::<T>::of(x), Ptr::<F::Out>::of(out));
    if plan.kept.len() == 0 {
        return;
    }
    if plan.columns {
        columns(f, &plan, x, out);
    } else {
        rows(f, &plan, x, out);
    }
}

// One output at a time ------------------------------------------------------------------------------------------------

/// Where the accumulators of `lines` go.
enum To<O, A> {
    Out(Ptr<O>),
    Part(*mut A),
}

fn rows<T: Element, F: Folder<T>>(f: F, plan: &Plan, x: Ptr<T>, out: Ptr<F::Out>) {
    let (outputs, n) = (plan.kept.len(), plan.folded.len());
    let [os, xs] = plan.kept.steps[0];
    let blocks = if outputs >= ENOUGH { 1 } else { n.div_ceil(BLOCK).clamp(1, 64) };
    if blocks == 1 {
        return parallel::chunks(outputs, BLOCK.div_ceil(n.max(1)), |r| {
            plan.kept.pieces(
                r.start,
                r.end,
                #[inline(always)]
                |[o, from], len| {
                    let at = [plan.start[0] + o, plan.start[1] + from];
                    lines(f, plan, x, at, len, 0..n, To::Out(out));
                },
            );
        });
    }
    let step = n.div_ceil(blocks);
    let mut places = Vec::with_capacity(outputs);
    plan.kept.pieces(
        0,
        outputs,
        #[inline(always)]
        |[o, from], len| {
            places.extend((0..len).map(|i| [plan.start[0] + o + i * os, plan.start[1] + from + i * xs]));
        },
    );
    let mut parts: Vec<F::Acc> =
        places.iter().flat_map(|at| std::iter::repeat_n(f.start(at[0]), blocks)).collect();
    parallel::rows(&mut parts, 1, 1, |first, parts| {
        for (i, part) in parts.iter_mut().enumerate() {
            let from = (first + i) % blocks * step;
            let range = from.min(n)..(from + step).min(n);
            lines(f, plan, x, places[(first + i) / blocks], 1, range, To::Part(part));
        }
    });
    for (parts, at) in parts.chunks(blocks).zip(&places) {
        let acc = parts[1..].iter().fold(parts[0], |a, &b| f.merge(a, b));
        // SAFETY: inside the output's layout, and the threads are done.
        unsafe { *out.at(at[0]) = f.finish(acc) };
    }
}

/// Fold the elements `range` of `len` outputs in a row, the first at `at` (output, input).
fn lines<T: Element, F: Folder<T>>(
    f: F,
    plan: &Plan,
    x: Ptr<T>,
    at: [usize; 2],
    len: usize,
    range: Range<usize>,
    to: To<F::Out, F::Acc>,
) {
    let [os, xs] = plan.kept.steps[0];
    if let To::Out(out) = to
        && range.end < LANES
        && plan.folded.sizes.len() == 1
    {
        return short(f, plan, x, at, len, out);
    }
    vectorize(
        #[inline(always)]
        || {
            for i in 0..len {
                let (o, from) = (at[0] + i * os, at[1] + i * xs);
                let acc = one(f, &plan.folded, x, from, o, range.clone());
                match to {
                    // SAFETY: the plan's loops stay inside the layouts, and each thread has outputs of its own.
                    To::Out(out) => unsafe { *out.at(o) = f.finish(acc) },
                    // SAFETY: the caller gives each chunk a part of its own.
                    To::Part(part) => unsafe { *part = acc },
                }
            }
        },
    );
}

/// As `lines` for outputs of a few elements each: eight of them side by side, so that their chains of steps overlap.
fn short<T: Element, F: Folder<T>>(
    f: F,
    plan: &Plan,
    x: Ptr<T>,
    at: [usize; 2],
    len: usize,
    out: Ptr<F::Out>,
) {
    const WIDE: usize = 8;
    let ([os, xs], n, step) = (plan.kept.steps[0], plan.folded.len(), plan.folded.steps[0][0]);
    vectorize(
        #[inline(always)]
        || {
            let whole = len - len % WIDE;
            for i in (0..whole).step_by(WIDE) {
                let mut acc: [F::Acc; WIDE] = std::array::from_fn(|j| f.start(at[0] + (i + j) * os));
                for k in 0..n {
                    for j in 0..WIDE {
                        // SAFETY: the plan's loops stay inside the input's layout.
                        acc[j] = f.step(acc[j], unsafe { *x.at(at[1] + (i + j) * xs + k * step) });
                    }
                }
                for j in 0..WIDE {
                    // SAFETY: inside the output, and each thread has outputs of its own.
                    unsafe { *out.at(at[0] + (i + j) * os) = f.finish(acc[j]) };
                }
            }
            for i in whole..len {
                let o = at[0] + i * os;
                let acc = one(f, &plan.folded, x, at[1] + i * xs, o, 0..n);
                // SAFETY: as above.
                unsafe { *out.at(o) = f.finish(acc) };
            }
        },
    );
}

/// Fold a range of the elements of the output at `o`, whose first one lies at `from`.
#[inline(always)]
fn one<T: Element, F: Folder<T>>(
    f: F,
    folded: &Nest<1>,
    x: Ptr<T>,
    from: usize,
    o: usize,
    range: Range<usize>,
) -> F::Acc {
    let step = folded.steps[0][0];
    let mut total = f.start(o);
    if range.len() < LANES {
        folded.pieces(
            range.start,
            range.end,
            #[inline(always)]
            |[at], n| {
                for i in 0..n {
                    // SAFETY: the loops of the plan stay inside the input's layout.
                    total = f.step(total, unsafe { *x.at(from + at + i * step) });
                }
            },
        );
        return total;
    }
    for a in range.clone().step_by(BLOCK) {
        let mut lanes = [f.start(o); LANES];
        folded.pieces(
            a,
            range.end.min(a + BLOCK),
            #[inline(always)]
            |[at], n| {
                if step == 1 {
                    // SAFETY: as above.
                    let x = unsafe { std::slice::from_raw_parts(x.at(from + at).cast_const(), n) };
                    run(f, &mut lanes, x);
                } else {
                    for i in 0..n {
                        // SAFETY: as above.
                        let x = unsafe { *x.at(from + at + i * step) };
                        lanes[i % LANES] = f.step(lanes[i % LANES], x);
                    }
                }
            },
        );
        let mut width = LANES / 2;
        while width > 0 {
            for j in 0..width {
                lanes[j] = f.merge(lanes[j], lanes[j + width]);
            }
            width /= 2;
        }
        total = f.merge(total, lanes[0]);
    }
    total
}

/// Fold neighbours into the lanes. A function of its own, small enough for the compiler to see the vectors in it.
#[inline(always)]
fn run<T: Element, F: Folder<T>>(f: F, lanes: &mut [F::Acc; LANES], x: &[T]) {
    vectorize(
        #[inline(always)]
        || {
            let mut acc = *lanes;
            // Behind a shorter run there need not be another one.
            let ahead = if size_of_val(x) >= 4096 { AHEAD } else { 0 };
            let (fours, x) = x.as_chunks::<{ 4 * LANES }>();
            for x in fours {
                for j in (0..4 * LANES * size_of::<T>()).step_by(64) {
                    prefetch(x.as_ptr().cast::<u8>().wrapping_add(ahead + j));
                }
                for j in 0..LANES {
                    acc[j] = f.four(acc[j], [x[j], x[j + LANES], x[j + 2 * LANES], x[j + 3 * LANES]]);
                }
            }
            let (whole, rest) = x.as_chunks::<LANES>();
            for x in whole {
                for j in 0..LANES {
                    acc[j] = f.step(acc[j], x[j]);
                }
            }
            *lanes = acc;
            // Not into `acc`: an array that is indexed by a variable somewhere does not live in registers anywhere.
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane = f.step(*lane, x);
            }
        },
    );
}

// A tile of outputs at a time -----------------------------------------------------------------------------------------

fn columns<T: Element, F: Folder<T>>(f: F, plan: &Plan, x: Ptr<T>, out: Ptr<F::Out>) {
    let (width, n) = (plan.kept.sizes[0], plan.folded.len());
    let (tiles, stride) = (width.div_ceil(TILE), TILE.min(width));
    let outer = plan.kept.len() / width;
    let blocks = if outer * tiles >= ENOUGH { 1 } else { n.div_ceil(64).clamp(1, ENOUGH) };
    let step = n.div_ceil(blocks);
    // The tile `i`: the output's and the input's first element, and the number of outputs.
    let tile = |i: usize| {
        let (first, mut found) = (i % tiles * TILE, [0; 2]);
        plan.kept.pieces(
            i / tiles * width + first,
            i / tiles * width + first + 1,
            #[inline(always)]
            |at, _| found = at,
        );
        [plan.start[0] + found[0], plan.start[1] + found[1], TILE.min(width - first)]
    };
    if blocks == 1 {
        return parallel::chunks(outer * tiles, BLOCK.div_ceil(n * stride), |r| {
            let mut acc = vec![f.start(plan.start[0]); stride];
            let mut scratch = acc.clone();
            for i in r {
                let [o, from, w] = tile(i);
                strip(f, &plan.folded, x, [o, from], 0..n, &mut acc[..w], &mut scratch);
                for (j, &acc) in acc[..w].iter().enumerate() {
                    // SAFETY: inside the output; every tile has outputs of its own.
                    unsafe { *out.at(o + j) = f.finish(acc) };
                }
            }
        });
    }
    let mut parts = vec![f.start(plan.start[0]); outer * tiles * blocks * stride];
    parallel::rows(&mut parts, stride, BLOCK.div_ceil(step * stride), |first, parts| {
        let mut scratch = vec![f.start(plan.start[0]); stride];
        for (i, part) in parts.chunks_exact_mut(stride).enumerate() {
            let [o, from, w] = tile((first + i) / blocks);
            let at = (first + i) % blocks * step;
            strip(f, &plan.folded, x, [o, from], at.min(n)..(at + step).min(n), &mut part[..w], &mut scratch);
        }
    });
    for (i, parts) in parts.chunks_exact_mut(stride * blocks).enumerate() {
        let [o, _, w] = tile(i);
        let (first, rest) = parts.split_at_mut(stride);
        vectorize(
            #[inline(always)]
            || {
                // A block after the other: down the columns every number would be in the same set of the cache.
                for part in rest.chunks_exact(stride) {
                    for (acc, &part) in first.iter_mut().zip(part) {
                        *acc = f.merge(*acc, part);
                    }
                }
                for (j, &acc) in first[..w].iter().enumerate() {
                    // SAFETY: inside the output's layout, and the threads are done.
                    unsafe { *out.at(o + j) = f.finish(acc) };
                }
            },
        );
    }
}

/// Fold rows `range` of a tile of outputs into `total`; `at` is its first element (output, input). `acc` is room for
/// as many accumulators.
fn strip<T: Element, F: Folder<T>>(
    f: F,
    folded: &Nest<1>,
    x: Ptr<T>,
    [o, from]: [usize; 2],
    range: Range<usize>,
    total: &mut [F::Acc],
    acc: &mut [F::Acc],
) {
    let (step, w) = (folded.steps[0][0], total.len());
    for j in 0..w {
        total[j] = f.start(o + j);
    }
    let acc = &mut acc[..w];
    vectorize(
        #[inline(always)]
        || {
            for a in range.clone().step_by(TILE_ROWS) {
                for j in 0..w {
                    acc[j] = f.start(o + j);
                }
                folded.pieces(
                    a,
                    range.end.min(a + TILE_ROWS),
                    #[inline(always)]
                    |[at], n| {
                        // SAFETY: the loops of the plan stay inside the input's layout.
                        let row = |i: usize| unsafe {
                            std::slice::from_raw_parts(x.at(from + at + i * step).cast_const(), w)
                        };
                        // Four rows at a time: the accumulators are read and written once for them.
                        let whole = n - n % 4;
                        for i in (0..whole).step_by(4) {
                            let (p, q, r, s) = (row(i), row(i + 1), row(i + 2), row(i + 3));
                            // The next four: rows may be too short for the machine to see where they lead.
                            for next in [p, q, r, s] {
                                for j in (0..w).step_by(64 / size_of::<T>()) {
                                    prefetch(next.as_ptr().wrapping_add(4 * step + j));
                                }
                            }
                            for (j, acc) in acc.iter_mut().enumerate() {
                                *acc = f.four(*acc, [p[j], q[j], r[j], s[j]]);
                            }
                        }
                        for i in whole..n {
                            for (acc, &x) in acc.iter_mut().zip(row(i)) {
                                *acc = f.step(*acc, x);
                            }
                        }
                    },
                );
                for j in 0..w {
                    total[j] = f.merge(total[j], acc[j]);
                }
            }
        },
    );
}
