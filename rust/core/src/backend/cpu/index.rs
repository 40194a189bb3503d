//! Moving elements by index: picking blocks from places, putting them there, walking an index tensor along a dimension.
//!
//! Callers have checked every index. Picks run in parallel; puts run in order, so that of two values for one place the
//! last one stays and sums have one order.

use crate::layout::Layout;
use crate::parallel;
use crate::strided::{Walk, for_each_offset};

/// Where the elements of an advanced index lie: every combination of a `before`, a `place` and an `after` offset.
pub struct Grid {
    pub before: Vec<usize>,
    pub places: Vec<usize>,
    pub after: Vec<usize>,
    /// `after` is `0, 1, 2, …`: blocks are copied whole.
    dense: bool,
}

fn offsets(layout: &Layout) -> Vec<usize> {
    let mut out = Vec::with_capacity(layout.numel());
    for_each_offset(layout, |at| out.push(at));
    out
}

impl Grid {
    /// `before` and `after` are the layouts of the dimensions around the indexed ones; only one carries the offset.
    pub fn new(before: &Layout, places: Vec<usize>, after: &Layout) -> Grid {
        let after = offsets(after);
        let dense = after.iter().enumerate().all(|(i, &at)| at == i);
        Grid { before: offsets(before), places, after, dense }
    }

    pub fn numel(&self) -> usize {
        self.before.len() * self.places.len() * self.after.len()
    }

    /// Copy the grid's elements to `out`, row-major.
    pub fn pick<T: Copy + Send + Sync>(&self, x: &[T], out: &mut [T]) {
        let width = self.after.len();
        if out.is_empty() {
            return;
        }
        parallel::rows(out, width, (parallel::GRAIN / width).max(1), |first, block| {
            for (r, row) in block.chunks_mut(width).enumerate() {
                let at = self.before[(first + r) / self.places.len()]
                    + self.places[(first + r) % self.places.len()];
                if self.dense {
                    row.copy_from_slice(&x[at..at + width]);
                } else {
                    row.iter_mut().zip(&self.after).for_each(|(v, &a)| *v = x[at + a]);
                }
            }
        });
    }

    /// Meet each of the grid's elements with one of `values`, row-major and in order.
    pub fn put<T: Copy>(&self, x: &mut [T], values: &[T], mut meet: impl FnMut(&mut T, T)) {
        let width = self.after.len().max(1);
        for (r, row) in values.chunks(width).enumerate() {
            let at = self.before[r / self.places.len()] + self.places[r % self.places.len()];
            for (&a, &v) in self.after.iter().zip(row) {
                meet(&mut x[at + a], v);
            }
        }
    }
}

/// `out[i, j, k] = x[i, index[i, j, k], k]` along one dimension. `x` is laid out over the index's shape with step 0 in
/// the dimension, whose own stride is `stride`.
pub fn gather<T: Copy>(x: &[T], layout: &Layout, stride: usize, index: &[i64], out: &mut [T]) {
    let shape = Layout::contiguous(&layout.shape);
    let walk = Walk::new([&shape, layout]);
    let [_, step] = walk.run_steps();
    walk.for_runs(0, walk.runs(), |[at, base]| {
        for i in 0..walk.run_len() {
            out[at + i] = x[base + i * step + index[at + i] as usize * stride];
        }
    });
}

/// The other way: meet `x[i, index[i, j, k], k]` with `src[i, j, k]`, in order.
pub fn scatter<T: Copy>(
    x: &mut [T],
    layout: &Layout,
    stride: usize,
    index: &[i64],
    src: &[T],
    mut meet: impl FnMut(&mut T, T),
) {
    let shape = Layout::contiguous(&layout.shape);
    let walk = Walk::new([&shape, layout]);
    let [_, step] = walk.run_steps();
    walk.for_runs(0, walk.runs(), |[at, base]| {
        for i in 0..walk.run_len() {
            meet(&mut x[base + i * step + index[at + i] as usize * stride], src[at + i]);
        }
    });
}
