//! Walking several layouts of one shape in step: dimensions that lie together are merged, the innermost run is handed
//! out as one piece. A kernel sees base offsets, a length and one step per operand.

use smallvec::SmallVec;

use crate::layout::Layout;

/// The merged loops over `N` operands of the same shape. Dimension 0 is the innermost.
#[derive(Debug, Clone)]
pub struct Walk<const N: usize> {
    sizes: SmallVec<[usize; 6]>,
    steps: SmallVec<[[usize; N]; 6]>,
    start: [usize; N],
}

impl<const N: usize> Walk<N> {
    /// The operands must have the same shape; broadcast ones are expanded (stride 0) before.
    /// The order of the walk follows operand 0, so that the output is written front to back.
    pub fn new(operands: [&Layout; N]) -> Self {
        let first = operands[0];
        let rank = first.rank();
        debug_assert!(operands.iter().all(|l| l.shape == first.shape), "walk over different shapes");
        let mut order: SmallVec<[usize; 6]> = (0..rank).filter(|&d| first.shape[d] != 1).collect();
        if !first.is_contiguous() {
            order.sort_by_key(|&d| std::cmp::Reverse(first.strides[d]));
        }
        let mut walk =
            Walk { sizes: SmallVec::new(), steps: SmallVec::new(), start: operands.map(|l| l.offset) };
        for &d in order.iter().rev() {
            let step = operands.map(|l| l.strides[d]);
            let merges = walk
                .sizes
                .last()
                .zip(walk.steps.last())
                .is_some_and(|(&n, inner)| (0..N).all(|i| step[i] == inner[i] * n));
            if merges && let Some(n) = walk.sizes.last_mut() {
                *n *= first.shape[d];
            } else {
                walk.sizes.push(first.shape[d]);
                walk.steps.push(step);
            }
        }
        if walk.sizes.is_empty() {
            walk.sizes.push(1);
            walk.steps.push([1; N]);
        }
        if first.numel() == 0 {
            walk.sizes.fill(0);
        }
        walk
    }

    /// Length of one run.
    #[inline]
    pub fn run_len(&self) -> usize {
        self.sizes[0]
    }

    /// Step of each operand inside a run.
    #[inline]
    pub fn run_steps(&self) -> [usize; N] {
        self.steps[0]
    }

    /// How many runs there are.
    #[inline]
    pub fn runs(&self) -> usize {
        self.sizes[1..].iter().product::<usize>() * usize::from(self.sizes[0] > 0)
    }

    /// Hand `f` the starting offsets of runs `from..to`, in order.
    pub fn for_runs(&self, from: usize, to: usize, mut f: impl FnMut([usize; N])) {
        if from >= to {
            return;
        }
        let mut at = self.start;
        let mut index: SmallVec<[usize; 6]> = SmallVec::new();
        let mut rest = from;
        for (&n, step) in self.sizes[1..].iter().zip(&self.steps[1..]) {
            let i = rest % n;
            rest /= n;
            (0..N).for_each(|k| at[k] += i * step[k]);
            index.push(i);
        }
        for run in from..to {
            f(at);
            if run + 1 == to {
                break;
            }
            for d in 0..index.len() {
                index[d] += 1;
                (0..N).for_each(|k| at[k] += self.steps[d + 1][k]);
                if index[d] < self.sizes[d + 1] {
                    break;
                }
                (0..N).for_each(|k| at[k] -= self.steps[d + 1][k] * self.sizes[d + 1]);
                index[d] = 0;
            }
        }
    }
}

/// Planes whose rows are neighbours in operand 0 and whose columns are neighbours in operand 1.
#[derive(Debug, Clone)]
pub struct Crossed {
    pub rows: usize,
    pub cols: usize,
    /// From row to row in operand 0.
    pub out_step: usize,
    /// From column to column in operand 1.
    pub in_step: usize,
    /// The first elements of the planes.
    pub rest: Walk<2>,
}

impl Walk<2> {
    /// The walk as one over planes, if there are such planes and they are at least 8 elements high and wide.
    pub fn crossed(&self) -> Option<Crossed> {
        let [out, in_step] = self.steps[0];
        let d = (1..self.sizes.len()).find(|&d| self.steps[d][1] == 1)?;
        let (rows, cols, out_step) = (self.sizes[d], self.sizes[0], self.steps[d][0]);
        if out != 1 || in_step <= 1 || rows < 8 || cols < 8 {
            return None;
        }
        let mut rest = self.clone();
        rest.sizes.remove(d);
        rest.steps.remove(d);
        (rest.sizes[0], rest.steps[0]) = (1, [1, 1]);
        Some(Crossed { rows, cols, out_step, in_step, rest })
    }
}

/// Visit the offset of every element of one layout in row-major order, whatever its strides.
pub fn for_each_offset(layout: &Layout, mut f: impl FnMut(usize)) {
    let rank = layout.rank();
    let n = layout.numel();
    let mut index: SmallVec<[usize; 6]> = SmallVec::from_elem(0, rank);
    let mut at = layout.offset;
    for _ in 0..n {
        f(at);
        for d in (0..rank).rev() {
            index[d] += 1;
            at += layout.strides[d];
            if index[d] < layout.shape[d] {
                break;
            }
            at -= layout.strides[d] * layout.shape[d];
            index[d] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contiguous_operands_are_one_run() {
        let l = Layout::contiguous(&[2, 3, 4]);
        let w = Walk::new([&l, &l]);
        assert_eq!((w.run_len(), w.runs(), w.run_steps()), (24, 1, [1, 1]));
    }

    #[test]
    fn a_transposed_operand_is_walked_in_the_order_of_the_first() {
        let a = Layout::contiguous(&[3, 2]);
        let b = Layout::contiguous(&[2, 3]).transpose(0, 1).expect("in range");
        let w = Walk::new([&a, &b]);
        let mut pairs = vec![];
        w.for_runs(0, w.runs(), |at| {
            for i in 0..w.run_len() {
                pairs.push((at[0] + i * w.run_steps()[0], at[1] + i * w.run_steps()[1]));
            }
        });
        assert_eq!(pairs, [(0, 0), (1, 3), (2, 1), (3, 4), (4, 2), (5, 5)]);
        let mut tail = vec![];
        w.for_runs(1, 3, |at| tail.push(at));
        assert_eq!(tail, [[2, 1], [4, 2]]);
    }

    #[test]
    fn empty_and_scalar_layouts() {
        let empty = Layout::contiguous(&[2, 0, 3]);
        assert_eq!(Walk::new([&empty]).runs(), 0);
        let scalar = Layout::contiguous(&[]);
        let w = Walk::new([&scalar]);
        assert_eq!((w.runs(), w.run_len()), (1, 1));
        let mut seen = 0;
        for_each_offset(&scalar, |_| seen += 1);
        for_each_offset(&empty, |_| seen += 1);
        assert_eq!(seen, 1);
    }
}
