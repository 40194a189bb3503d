//! Views that rearrange: permute, squeeze, flatten, select, narrow, unfold, diagonal, and their kin.

use smallvec::SmallVec;

use crate::error::Result;
use crate::layout::Layout;
use crate::shape::{Dims, dim_mask, infer_size, show, wrap_dim};
use crate::tensor::{Creation, Tensor};
use crate::{grads, index, runtime};

impl Tensor {
    /// `window` of a zeroed tensor of `shape` set to this one: the derivative of taking such a window.
    /// `window` is laid out on a row-major tensor of that shape.
    pub(crate) fn embed(&self, shape: &[usize], window: Layout) -> Result<Tensor> {
        let out = self.new_zeros(shape, self.dtype())?;
        out.alias(window.clone()).write(self)?;
        out.record("EmbedBackward0", &[self], |_| {
            move |_, g| {
                let g = g.contiguous()?;
                let offset = window.offset + g.layout().offset;
                grads![Some(g.as_strided(Layout { offset, ..window.clone() })?)]
            }
        })
    }

    /// A view that takes some of the elements, each at most once; `take` is applied to any layout of this shape.
    fn window<F>(&self, name: &'static str, take: F) -> Result<Tensor>
    where
        F: Fn(&Layout) -> Result<Layout> + Send + Sync + 'static,
    {
        let out = self.alias(take(self.layout())?);
        out.tie(self, Creation::Default);
        out.record(name, &[self], |_| {
            let shape = self.layout().shape.clone();
            move |_, g| grads![Some(g.embed(&shape, take(&Layout::contiguous(&shape))?)?)]
        })
    }

    /// One index of a dimension, which disappears.
    pub fn select(&self, dim: isize, index: isize) -> Result<Tensor> {
        self.window("SelectBackward0", move |l| l.select(dim, index))
    }

    /// `start..end` of a dimension in steps of `step`, with Python's rules for bounds.
    pub fn slice_dim(
        &self,
        dim: isize,
        start: Option<isize>,
        end: Option<isize>,
        step: isize,
    ) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(index!("slice() cannot be applied to a 0-dim tensor."));
        }
        let d = wrap_dim(dim, self.rank())?;
        if step <= 0 {
            return Err(crate::value!("step must be greater than zero"));
        }
        let n = self.shape()[d] as isize;
        let clamp = |i: isize| (if i < 0 { i + n } else { i }).clamp(0, n);
        let start = clamp(start.unwrap_or(0));
        let end = clamp(end.unwrap_or(n)).max(start);
        self.window("SliceBackward0", move |l| Ok(l.slice(d, start as usize, end as usize, step as usize)))
    }

    /// `length` indices of a dimension from `start`.
    pub fn narrow(&self, dim: isize, start: isize, length: isize) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(runtime!("narrow() cannot be applied to a 0-dim tensor."));
        }
        let d = wrap_dim(dim, self.rank())?;
        let n = self.shape()[d] as isize;
        if length < 0 {
            return Err(runtime!("narrow(): length must be non-negative."));
        }
        if start < -n || start > n {
            return Err(index!(
                "Dimension out of range (expected to be in range of [{}, {n}], but got {start})",
                -n
            ));
        }
        let from = if start < 0 { start + n } else { start };
        if from + length > n {
            return Err(runtime!("start ({from}) + length ({length}) exceeds dimension size ({n})."));
        }
        self.window("SliceBackward0", move |l| Ok(l.slice(d, from as usize, (from + length) as usize, 1)))
    }

    /// The diagonal of two dimensions, moved to the end.
    pub fn diagonal(&self, offset: isize, dim1: isize, dim2: isize) -> Result<Tensor> {
        self.window("DiagonalBackward0", move |l| l.diagonal(offset, dim1, dim2))
    }

    /// Windows of `size` along a dimension, `step` apart, in a new last dimension.
    pub fn unfold(&self, dim: isize, size: isize, step: isize) -> Result<Tensor> {
        if size < 0 {
            return Err(runtime!("size is {size} but must be >= 0"));
        }
        if step <= 0 {
            return Err(runtime!("step is {step} but must be > 0"));
        }
        let take = |l: &Layout| l.unfold(dim, size as usize, step as usize);
        let (layout, whole) = (take(self.layout())?, Layout::contiguous(self.shape()));
        let inner = take(&whole)?;
        self.view_as_op(layout, "UnfoldBackward0", move |_, g| grads![Some(g.unstride(&inner, &whole)?)])
    }

    /// The dimensions in another order.
    pub fn permute(&self, dims: &[isize]) -> Result<Tensor> {
        let layout = self.layout().permute(dims)?;
        let mut back: SmallVec<[isize; 6]> = SmallVec::from_elem(0, dims.len());
        for (i, &d) in dims.iter().enumerate() {
            back[wrap_dim(d, dims.len())?] = i as isize;
        }
        self.view_as_op(layout, "PermuteBackward0", move |_, g| grads![Some(g.permute(&back)?)])
    }

    /// Dimensions `source` moved to the places `destination`; the others keep their order.
    pub fn movedim(&self, source: &[isize], destination: &[isize]) -> Result<Tensor> {
        if source.len() != destination.len() {
            return Err(runtime!(
                "movedim: Invalid source or destination dims: source ({} dims) should contain the same number of dims as destination ({} dims)",
                show(source),
                show(destination)
            ));
        }
        let n = self.rank();
        let wrap = |dims: &[isize], what: &str| -> Result<Vec<usize>> {
            let dims: Vec<usize> = dims.iter().map(|&d| wrap_dim(d, n)).collect::<Result<_>>()?;
            if (1..dims.len()).any(|i| dims[..i].contains(&dims[i])) {
                return Err(runtime!("movedim: repeated dim in `{what}` ({})", show(&dims)));
            }
            Ok(dims)
        };
        let (from, to) = (wrap(source, "source")?, wrap(destination, "destination")?);
        if n == 0 {
            return self.permute(&[]);
        }
        let mut order: Vec<Option<usize>> = vec![None; n];
        for (&f, &t) in from.iter().zip(&to) {
            order[t] = Some(f);
        }
        let mut rest = (0..n).filter(|d| !from.contains(d));
        let order: Vec<isize> =
            order.into_iter().map(|d| d.or_else(|| rest.next()).map_or(0, |d| d as isize)).collect();
        self.permute(&order)
    }

    /// The transpose of a matrix; a vector is its own.
    pub fn t(&self) -> Result<Tensor> {
        if self.rank() > 2 {
            return Err(runtime!("t() expects a tensor with <= 2 dimensions, but self is {}D", self.rank()));
        }
        let layout = if self.rank() == 2 { self.layout().transpose(0, 1)? } else { self.layout().clone() };
        self.view_as_op(layout, "TBackward0", |_, g| grads![Some(g.t()?)])
    }

    /// All dimensions reversed: `Tensor.T`.
    pub fn reversed(&self) -> Result<Tensor> {
        let order: Vec<isize> = (0..self.rank() as isize).rev().collect();
        self.permute(&order)
    }

    /// Insert a dimension of size 1.
    pub fn unsqueeze(&self, dim: isize) -> Result<Tensor> {
        let layout = self.layout().unsqueeze(dim)?;
        let at = if dim < 0 { dim + self.rank() as isize + 1 } else { dim };
        self.view_as_op(layout, "UnsqueezeBackward0", move |_, g| grads![Some(g.squeeze(Some(&[at]))?)])
    }

    /// Remove dimensions of size 1: all, or those of `dims` that have it.
    pub fn squeeze(&self, dims: Option<&[isize]>) -> Result<Tensor> {
        let (mask, name) = match dims {
            None => (SmallVec::from_elem(true, self.rank().max(1)), "SqueezeBackward0"),
            Some([]) => (SmallVec::from_elem(false, self.rank().max(1)), "SqueezeBackward2"),
            Some(dims) => (
                dim_mask(dims, self.rank())?,
                if dims.len() == 1 { "SqueezeBackward1" } else { "SqueezeBackward2" },
            ),
        };
        let layout = self.layout().squeeze(&mask);
        let shape = self.layout().shape.clone();
        self.view_as_op(layout, name, move |_, g| grads![Some(g.reshape(&shape)?)])
    }

    /// Dimensions `start..=end` merged into one.
    pub fn flatten(&self, start: isize, end: isize) -> Result<Tensor> {
        let (a, b) = (wrap_dim(start, self.rank())?, wrap_dim(end, self.rank())?);
        if a > b {
            return Err(runtime!("flatten() has invalid args: start_dim cannot come after end_dim"));
        }
        if self.rank() == 0 {
            return self.reshape(&[1]);
        }
        if a == b {
            return Ok(self.clone());
        }
        let mut shape: Dims = Dims::from_slice(&self.shape()[..a]);
        shape.push(self.shape()[a..=b].iter().product());
        shape.extend_from_slice(&self.shape()[b + 1..]);
        self.reshape(&shape)
    }

    /// One dimension split into several; one of the sizes may be -1.
    pub fn unflatten(&self, dim: isize, sizes: &[isize]) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        if sizes.is_empty() {
            return Err(runtime!("unflatten: sizes must be non-empty"));
        }
        let n = self.shape()[d];
        let inner = infer_size(sizes, n).map_err(|_| {
            let product: isize = sizes.iter().product();
            if sizes.contains(&-1) {
                runtime!("unflatten: Provided sizes {} don't multiply up to the size of dim {d} ({n}) in the input tensor", show(sizes))
            } else {
                let _ = product;
                runtime!("unflatten: Provided sizes {} don't multiply up to the size of dim {d} ({n}) in the input tensor", show(sizes))
            }
        })?;
        let mut shape: Dims = Dims::from_slice(&self.shape()[..d]);
        shape.extend_from_slice(&inner);
        shape.extend_from_slice(&self.shape()[d + 1..]);
        self.view(&shape)
    }

    /// `view` with one size that may be -1.
    pub fn view_sizes(&self, sizes: &[isize]) -> Result<Tensor> {
        self.view(&infer_size(sizes, self.numel())?)
    }

    /// `reshape` with one size that may be -1.
    pub fn reshape_sizes(&self, sizes: &[isize]) -> Result<Tensor> {
        self.reshape(&infer_size(sizes, self.numel())?)
    }

    /// `expand` where -1 keeps a size.
    pub fn expand_sizes(&self, sizes: &[isize]) -> Result<Tensor> {
        if sizes.len() < self.rank() {
            return Err(self.too_few_sizes(sizes));
        }
        let lead = sizes.len() - self.rank();
        let mut shape = Dims::new();
        for (i, &n) in sizes.iter().enumerate().rev() {
            let own = i.checked_sub(lead).map(|i| self.shape()[i]);
            shape.push(match (n, own) {
                (-1, Some(own)) => own,
                (-1, None) => {
                    return Err(runtime!(
                        "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
                    ));
                }
                (n, Some(own)) if own != 1 && n != own as isize => {
                    return Err(runtime!(
                        "The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton dimension {i}.  Target sizes: {}.  Tensor sizes: {}",
                        show(sizes),
                        show(self.shape())
                    ));
                }
                (n, _) if n < 0 => return Err(runtime!("invalid shape dimension {n}")),
                (n, _) => n as usize,
            });
        }
        shape.reverse();
        self.expand(&shape)
    }

    /// Pieces of a dimension of the given lengths, as views.
    pub fn split_sizes(&self, lengths: &[usize], dim: isize, name: &'static str) -> Result<Vec<Tensor>> {
        let d = wrap_dim(dim, self.rank())?;
        if self.rank() == 0 {
            return Err(runtime!("split expects at least a 1-dimensional tensor"));
        }
        let n = self.shape()[d];
        if lengths.iter().sum::<usize>() != n {
            return Err(runtime!(
                "split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), but got split_sizes={}",
                show(lengths)
            ));
        }
        let mut outs = Vec::with_capacity(lengths.len());
        let mut at = 0;
        for &len in lengths {
            let out = self.alias(self.layout().slice(d, at, at + len, 1));
            out.tie(self, Creation::MultiOutput);
            outs.push(out);
            at += len;
        }
        self.record_pieces(outs, name, move |parts| Tensor::cat(parts, d as isize))
    }

    /// Pieces of `size`, the last one shorter.
    pub fn split(&self, size: isize, dim: isize) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(runtime!("split expects at least a 1-dimensional tensor"));
        }
        if size < 0 {
            return Err(runtime!("split expects split_size be non-negative, but got split_size={size}"));
        }
        let (d, size) = (wrap_dim(dim, self.rank())?, size as usize);
        let n = self.shape()[d];
        if size == 0 && n != 0 {
            return Err(runtime!(
                "split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
            ));
        }
        let count = if size == 0 { 1 } else { n.div_ceil(size).max(1) };
        let lengths: Vec<usize> = (0..count).map(|i| size.min(n - i * size)).collect();
        self.split_sizes(&lengths, dim, "SplitBackward0")
    }

    /// At most `chunks` pieces of equal size, the last one shorter.
    pub fn chunk(&self, chunks: isize, dim: isize) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(runtime!("chunk expects at least a 1-dimensional tensor"));
        }
        if chunks <= 0 {
            return Err(runtime!("chunk expects `chunks` to be greater than 0, got: {chunks}"));
        }
        let n = self.shape()[wrap_dim(dim, self.rank())?];
        let size = n.div_ceil(chunks as usize);
        if size == 0 {
            return self.split_sizes(&vec![0; chunks as usize], dim, "SplitWithSizesBackward0");
        }
        self.split(size as isize, dim)
    }

    /// Every index of a dimension, as views without it.
    pub fn unbind(&self, dim: isize) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(index!("Dimension specified as {dim} but tensor has no dimensions"));
        }
        let d = wrap_dim(dim, self.rank())?;
        let mut outs = Vec::with_capacity(self.shape()[d]);
        for i in 0..self.shape()[d] {
            let out = self.alias(self.layout().select(d as isize, i as isize)?);
            out.tie(self, Creation::MultiOutput);
            outs.push(out);
        }
        self.record_pieces(outs, "UnbindBackward0", move |parts| Tensor::stack(parts, d as isize))
    }

    /// Record views that together make up this tensor; `join` puts their gradients together again.
    fn record_pieces(
        &self,
        outs: Vec<Tensor>,
        name: &'static str,
        join: impl Fn(&[Tensor]) -> Result<Tensor> + Send + Sync + 'static,
    ) -> Result<Vec<Tensor>> {
        let shapes: Vec<Dims> = outs.iter().map(|t| t.layout().shape.clone()).collect();
        let (dtype, device) = (self.dtype(), self.device());
        let whole = self.layout().shape.clone();
        Tensor::record_all(outs, name, &[self], |_| {
            move |_, g| {
                let zeros = |shape: &Dims| Tensor::zeros_on(Layout::contiguous(shape), dtype, device);
                if shapes.is_empty() {
                    return grads![Some(zeros(&whole)?)];
                }
                let parts: Vec<Tensor> = g
                    .iter()
                    .zip(&shapes)
                    .map(|(g, shape)| g.clone().map_or_else(|| zeros(shape), Ok))
                    .collect::<Result<_>>()?;
                grads![Some(join(&parts)?)]
            }
        })
    }
}

impl Tensor {
    /// `sections` pieces of nearly equal size, the longer ones first.
    pub fn tensor_split(&self, sections: isize, dim: isize) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(runtime!(
                "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
            ));
        }
        if sections <= 0 {
            return Err(runtime!("number of sections must be larger than 0, got {sections}"));
        }
        let n = self.shape()[wrap_dim(dim, self.rank())?] as isize;
        (0..sections)
            .scan(0, |at, i| {
                let len = n / sections + isize::from(i < n % sections);
                *at += len;
                Some(self.narrow(dim, *at - len, len))
            })
            .collect()
    }

    /// The dimension that `hsplit` (of at least 1), `vsplit` (2) or `dsplit` (3) cut.
    fn split_dim(&self, op: &str, at_least: usize) -> Result<isize> {
        if self.rank() < at_least {
            return Err(runtime!(
                "tensorrs.{op} requires a tensor with at least {at_least} dimension, but got a tensor with {} dimensions!",
                self.rank()
            ));
        }
        Ok(match op {
            "hsplit" => isize::from(self.rank() > 1),
            "vsplit" => 0,
            _ => 2,
        })
    }

    /// Equal pieces along the dimension of `op`: `hsplit`, `vsplit`, `dsplit`.
    pub fn split_equal(&self, op: &str, at_least: usize, sections: isize) -> Result<Vec<Tensor>> {
        let dim = self.split_dim(op, at_least)?;
        let n = self.shape()[dim as usize] as isize;
        if sections == 0 || n % sections != 0 {
            return Err(runtime!(
                "tensorrs.{op} attempted to split along dimension {dim}, but the size of the dimension {n} is not divisible by the split_size {sections}!"
            ));
        }
        self.tensor_split(sections, dim)
    }

    /// Pieces between indices along the dimension of `op`.
    pub fn split_equal_at(&self, op: &str, at_least: usize, cuts: &[isize]) -> Result<Vec<Tensor>> {
        self.tensor_split_at(cuts, self.split_dim(op, at_least)?)
    }

    /// Pieces between the given indices.
    pub fn tensor_split_at(&self, cuts: &[isize], dim: isize) -> Result<Vec<Tensor>> {
        if self.rank() == 0 {
            return Err(runtime!(
                "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
            ));
        }
        let mut out = Vec::with_capacity(cuts.len() + 1);
        let mut from = 0;
        for &cut in cuts {
            out.push(self.slice_dim(dim, Some(from), Some(cut), 1)?);
            from = cut;
        }
        out.push(self.slice_dim(dim, Some(from), None, 1)?);
        Ok(out)
    }
}
