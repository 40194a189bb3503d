//! Where a tensor's elements lie in its storage: shape, strides, offset; and every view as arithmetic on them.

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::runtime;
use crate::shape::{Dims, contiguous_strides, expandable, numel, show, wrap_dim};

/// Element `[i, j, …]` lies at `offset + i * strides[0] + j * strides[1] + …`, counted in elements.
#[derive(Debug, PartialEq, Eq)]
pub struct Layout {
    pub shape: Dims,
    pub strides: Dims,
    pub offset: usize,
}

impl Clone for Layout {
    /// Copies of memory: what is derived goes element by element.
    #[inline]
    fn clone(&self) -> Layout {
        let (shape, strides) = (Dims::from_slice(&self.shape), Dims::from_slice(&self.strides));
        Layout { shape, strides, offset: self.offset }
    }
}

impl Layout {
    /// Row-major, from the start of a storage.
    #[inline]
    pub fn contiguous(shape: &[usize]) -> Layout {
        Layout { shape: Dims::from_slice(shape), strides: contiguous_strides(shape), offset: 0 }
    }

    #[inline]
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    #[inline]
    pub fn numel(&self) -> usize {
        numel(&self.shape)
    }

    /// Row-major without gaps; dimensions of size 1 may have any stride.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for (&n, &s) in self.shape.iter().zip(&self.strides).rev() {
            if n != 1 {
                if s != expected {
                    return self.numel() == 0;
                }
                expected *= n;
            }
        }
        true
    }

    /// How many elements of the storage are reachable, from element 0 of it: `offset` + the span of the view.
    pub fn extent(&self) -> usize {
        if self.numel() == 0 {
            return self.offset;
        }
        self.offset + 1 + self.shape.iter().zip(&self.strides).map(|(&n, &s)| (n - 1) * s).sum::<usize>()
    }

    /// The dimensions from the largest stride to the smallest.
    fn stride_order(&self) -> SmallVec<[usize; 6]> {
        let mut order: SmallVec<[usize; 6]> = (0..self.rank()).collect();
        order.sort_by_key(|&d| std::cmp::Reverse((self.strides[d], self.shape[d])));
        order
    }

    /// Every element at its own place and no place left out: a permutation of a row-major layout.
    pub fn is_dense(&self) -> bool {
        if self.is_contiguous() {
            return true;
        }
        let mut expected = 1;
        for &d in self.stride_order().iter().rev() {
            if self.shape[d] != 1 {
                if self.strides[d] != expected {
                    return false;
                }
                expected *= self.shape[d];
            }
        }
        true
    }

    /// Whether two indices may name the same element, as in an expanded tensor. Strided windows count as overlapping
    /// when they do: `unfold(0, 3, 1)`.
    pub fn overlaps_itself(&self) -> bool {
        if self.numel() <= 1 {
            return false;
        }
        let mut reach = 0;
        for &d in self.stride_order().iter().rev() {
            if self.shape[d] > 1 {
                if self.strides[d] <= reach {
                    return true;
                }
                reach += (self.shape[d] - 1) * self.strides[d];
            }
        }
        false
    }

    /// A fresh dense layout for a result shaped like this one, with the same order of the dimensions in memory
    /// (`torch.preserve_format`).
    pub fn preserved(&self) -> Layout {
        if self.is_contiguous() {
            return Layout::contiguous(&self.shape);
        }
        if !self.is_dense() {
            return elementwise(&self.shape, &[self]);
        }
        Layout { shape: self.shape.clone(), strides: self.strides.clone(), offset: 0 }
    }

    pub fn transpose(&self, a: isize, b: isize) -> Result<Layout> {
        let (a, b) = (wrap_dim(a, self.rank())?, wrap_dim(b, self.rank())?);
        let mut out = self.clone();
        if self.rank() > 0 {
            out.shape.swap(a, b);
            out.strides.swap(a, b);
        }
        Ok(out)
    }

    pub fn permute(&self, dims: &[isize]) -> Result<Layout> {
        if dims.len() != self.rank() {
            return Err(runtime!(
                "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {} is not equal to len(dims) = {}",
                self.rank(),
                dims.len()
            ));
        }
        let mut seen: SmallVec<[bool; 8]> = SmallVec::from_elem(false, self.rank());
        let mut out = Layout { shape: Dims::new(), strides: Dims::new(), offset: self.offset };
        for &d in dims {
            let d = wrap_dim(d, self.rank())?;
            if std::mem::replace(&mut seen[d], true) {
                return Err(runtime!("permute(): duplicate dims are not allowed."));
            }
            out.shape.push(self.shape[d]);
            out.strides.push(self.strides[d]);
        }
        Ok(out)
    }

    /// One index of a dimension, which disappears.
    pub fn select(&self, dim: isize, index: isize) -> Result<Layout> {
        if self.rank() == 0 {
            return Err(crate::index!("select() cannot be applied to a 0-dim tensor."));
        }
        let dim = wrap_dim(dim, self.rank())?;
        let n = self.shape[dim] as isize;
        if !(-n..n).contains(&index) {
            return Err(crate::index!(
                "select(): index {index} out of range for tensor of size {} at dimension {dim}",
                show(&self.shape)
            ));
        }
        let mut out = self.clone();
        out.offset += (if index < 0 { index + n } else { index }) as usize * self.strides[dim];
        out.shape.remove(dim);
        out.strides.remove(dim);
        Ok(out)
    }

    /// `start..end` of a dimension in steps of `step`; the bounds are already clamped.
    pub fn slice(&self, dim: usize, start: usize, end: usize, step: usize) -> Layout {
        let mut out = self.clone();
        out.offset += start * self.strides[dim];
        out.shape[dim] = end.saturating_sub(start).div_ceil(step);
        out.strides[dim] *= step;
        out
    }

    /// Insert a dimension of size 1.
    pub fn unsqueeze(&self, dim: isize) -> Result<Layout> {
        let span = self.rank() as isize + 1;
        if !(-span..span).contains(&dim) {
            return Err(Error::Dim { dim, rank: self.rank() + 1 });
        }
        let dim = (if dim < 0 { dim + span } else { dim }) as usize;
        let mut out = self.clone();
        let stride = if dim < self.rank() { self.shape[dim] * self.strides[dim] } else { 1 };
        out.shape.insert(dim, 1);
        out.strides.insert(dim, stride);
        Ok(out)
    }

    /// Remove the masked dimensions that have size 1.
    pub fn squeeze(&self, mask: &[bool]) -> Layout {
        let mut out = Layout { shape: Dims::new(), strides: Dims::new(), offset: self.offset };
        for (d, &masked) in mask.iter().enumerate().take(self.rank()) {
            if self.shape[d] != 1 || !masked {
                out.shape.push(self.shape[d]);
                out.strides.push(self.strides[d]);
            }
        }
        out
    }

    /// Repeat dimensions of size 1 without copying: stride 0. The caller gives the full shape.
    pub fn expand(&self, shape: &[usize]) -> Option<Layout> {
        if !expandable(&self.shape, shape) {
            return None;
        }
        let lead = shape.len() - self.rank();
        let strides = (0..shape.len())
            .map(|i| {
                if i < lead || (self.shape[i - lead] == 1 && shape[i] != 1) {
                    0
                } else {
                    self.strides[i - lead]
                }
            })
            .collect();
        Some(Layout { shape: Dims::from_slice(shape), strides, offset: self.offset })
    }

    /// The same elements in another shape, if strides can say so; the rule of `Tensor.view`.
    pub fn view(&self, shape: &[usize]) -> Option<Layout> {
        if self.is_contiguous() {
            return Some(Layout { offset: self.offset, ..Layout::contiguous(shape) });
        }
        let mut strides: Dims = SmallVec::from_elem(0, shape.len());
        let mut at = shape.len();
        // Walk runs of old dimensions that are contiguous among themselves, from the last, and fill new ones from each.
        let (mut run, mut base) = (1usize, *self.strides.last()?);
        for d in (0..self.rank()).rev() {
            run *= self.shape[d];
            let ends = d == 0 || (self.shape[d - 1] != 1 && self.strides[d - 1] != run * base);
            if !ends {
                continue;
            }
            let mut filled = 1usize;
            while at > 0 && (filled < run || shape[at - 1] == 1) {
                strides[at - 1] = filled * base;
                filled *= shape[at - 1];
                at -= 1;
            }
            if filled != run {
                return None;
            }
            if d > 0 {
                run = 1;
                base = self.strides[d - 1];
            }
        }
        (at == 0).then(|| Layout { shape: Dims::from_slice(shape), strides, offset: self.offset })
    }

    /// The diagonal of two dimensions, moved to the end.
    pub fn diagonal(&self, offset: isize, dim1: isize, dim2: isize) -> Result<Layout> {
        let (a, b) = (wrap_dim(dim1, self.rank())?, wrap_dim(dim2, self.rank())?);
        if a == b {
            return Err(runtime!("diagonal dimensions cannot be identical {dim1}, {dim2}"));
        }
        let (n, m) = (self.shape[a] as isize, self.shape[b] as isize);
        let size = if offset >= 0 { n.min(m - offset) } else { (n + offset).min(m) }.max(0) as usize;
        let mut out = self.clone();
        if size > 0 {
            out.offset += offset.unsigned_abs() * if offset >= 0 { self.strides[b] } else { self.strides[a] };
        }
        for d in [a.max(b), a.min(b)] {
            out.shape.remove(d);
            out.strides.remove(d);
        }
        out.shape.push(size);
        out.strides.push(self.strides[a] + self.strides[b]);
        Ok(out)
    }

    /// Windows of `size` along a dimension, `step` apart; the window becomes the last dimension.
    pub fn unfold(&self, dim: isize, size: usize, step: usize) -> Result<Layout> {
        let dim = wrap_dim(dim, self.rank())?;
        let (n, stride) = if self.rank() == 0 { (1, 1) } else { (self.shape[dim], self.strides[dim]) };
        if size > n {
            return Err(runtime!("maximum size for tensor at dimension {dim} is {n} but size is {size}"));
        }
        if step == 0 {
            return Err(runtime!("step is 0 but must be > 0"));
        }
        let mut out = self.clone();
        if self.rank() > 0 {
            out.shape[dim] = (n - size) / step + 1;
            out.strides[dim] = stride * step;
        }
        out.shape.push(size);
        out.strides.push(stride);
        Ok(out)
    }
}

/// The layout of an elementwise result: the operands' common order of dimensions in memory, without gaps.
///
/// PyTorch's rule: dimensions are sorted by the operands' strides, the first operand that can tell two dimensions apart
/// decides, and a tie leaves row-major order.
pub fn elementwise(shape: &[usize], operands: &[&Layout]) -> Layout {
    let plain = |l: &Layout| l.shape.as_slice() != shape || l.is_contiguous();
    if shape.len() < 2 || operands.iter().all(|l| plain(l)) {
        return Layout::contiguous(shape);
    }
    let same = |l: &&&Layout| l.shape.as_slice() == shape;
    if let Some(first) = operands.iter().find(same)
        && operands.iter().filter(same).all(|l| l.strides == first.strides)
        && operands.iter().all(|l| l.shape.as_slice() == shape || l.numel() == 1)
        && first.is_dense()
    {
        return Layout { shape: Dims::from_slice(shape), strides: first.strides.clone(), offset: 0 };
    }
    let stride = |l: &Layout, d: usize| {
        let lead = shape.len() - l.rank();
        if d < lead || l.shape[d - lead] == 1 { 0 } else { l.strides[d - lead] }
    };
    // Positive: `inner` belongs outside `outer`. Zero: no operand can tell.
    let compare = |inner: usize, outer: usize| -> i32 {
        for l in operands {
            let (a, b) = (stride(l, inner), stride(l, outer));
            if a == 0 || b == 0 {
                continue;
            }
            if a != b {
                return if a < b { -1 } else { 1 };
            }
            if shape[inner] > shape[outer] {
                return 1;
            }
        }
        0
    };
    // Insertion sort from the fastest dimension; comparisons that decide nothing are skipped over, not treated as equal.
    let mut order: SmallVec<[usize; 6]> = (0..shape.len()).rev().collect();
    for i in 1..order.len() {
        let mut at = i;
        for j in (0..i).rev() {
            match compare(order[j], order[at]) {
                1 => {
                    order.swap(j, at);
                    at = j;
                }
                -1 => break,
                _ => {}
            }
        }
    }
    let mut strides: Dims = SmallVec::from_elem(1, shape.len());
    let mut next = 1;
    for &d in &order {
        strides[d] = next;
        next *= shape[d].max(1);
    }
    Layout { shape: Dims::from_slice(shape), strides, offset: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every element's place, row-major: the definition of a layout.
    fn places(l: &Layout) -> Vec<usize> {
        let mut out = vec![l.offset];
        for d in 0..l.rank() {
            out = out.iter().flat_map(|&at| (0..l.shape[d]).map(move |i| at + i * l.strides[d])).collect();
        }
        out
    }

    fn layouts() -> impl Strategy<Value = Layout> {
        (proptest::collection::vec(1usize..5, 1..5), any::<u64>()).prop_map(|(shape, seed)| {
            let mut l = Layout::contiguous(&shape);
            let n = l.rank() as isize;
            l = l.transpose(seed as isize % n, (seed >> 8) as isize % n).expect("in range");
            let d = (seed >> 16) as usize % l.rank();
            let end = l.shape[d];
            l.slice(d, 0, end, 1 + (seed >> 24) as usize % 2)
        })
    }

    proptest! {
        #[test]
        fn a_view_names_the_same_elements_in_order(l in layouts(), pick in any::<usize>()) {
            let n = l.numel();
            let divisors: Vec<usize> = (1..=n).filter(|d| n % d == 0).collect();
            let d = divisors[pick % divisors.len()];
            if let Some(v) = l.view(&[d, n / d]) {
                prop_assert_eq!(places(&v), places(&l));
            }
            prop_assert_eq!(l.view(&[n]).is_some_and(|v| v.is_contiguous() || n == 1), l.is_contiguous());
        }

        #[test]
        fn dense_means_a_permutation_of_all_places(l in layouts()) {
            let mut p = places(&l);
            p.sort_unstable();
            let dense = p.iter().enumerate().all(|(i, &at)| at == i + l.offset);
            prop_assert_eq!(l.is_dense(), dense);
            prop_assert!(!l.overlaps_itself());
        }
    }

    #[test]
    fn results_keep_the_order_of_their_operands() {
        let t = Layout::contiguous(&[2, 3]).transpose(0, 1).expect("in range");
        assert_eq!(elementwise(&[3, 2], &[&t]).strides.as_slice(), [1, 3]);
        assert_eq!(elementwise(&[3, 2], &[&t, &Layout::contiguous(&[3, 2])]).strides.as_slice(), [1, 3]);
        assert_eq!(elementwise(&[3, 2], &[&Layout::contiguous(&[3, 2]), &t]).strides.as_slice(), [2, 1]);
        assert_eq!(elementwise(&[3, 2], &[&Layout::contiguous(&[2]), &t]).strides.as_slice(), [1, 3]);
    }
}
