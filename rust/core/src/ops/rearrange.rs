//! Copies in another order: flip, roll, repeat, tril, triu, diag, pad.

use crate::backend::cpu::rearrange::{copy_signed, triangle};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::shape::{Dims, dim_mask, wrap_dim};
use crate::tensor::{Scalar, Tensor};
use crate::{autocast, grads, index, per_dtype, runtime};

impl Tensor {
    /// The order along some dimensions reversed.
    pub fn flip(&self, dims: &[isize]) -> Result<Tensor> {
        let mut strides: Vec<isize> = self.strides().iter().map(|&s| s as isize).collect();
        let mut start = self.layout().offset;
        if !dims.is_empty() {
            let mask = dim_mask(dims, self.rank())?;
            for d in (0..self.rank()).filter(|&d| mask[d]) {
                start += self.shape()[d].saturating_sub(1) * self.strides()[d];
                strides[d] = -strides[d];
            }
        }
        let out = self.new_empty(self.shape(), self.dtype())?;
        if self.numel() > 0 && out.has_data() {
            let whole = self.alias(Layout::contiguous(&[self.layout().extent()]));
            per_dtype!(self.dtype(), T => {
                // SAFETY: `out` was just made here.
                let to = unsafe { out.values_mut()? };
                copy_signed::<T>(self.shape(), whole.values()?, start, &strides, to);
            });
        }
        let (out, dims) = (out.laid_as(self)?, dims.to_vec());
        out.record("FlipBackward0", &[self], |_| move |_, g| grads![Some(g.flip(&dims)?)])
    }

    /// Elements moved along dimensions, those that fall off the end put in at the start.
    pub fn roll(&self, shifts: &[isize], dims: &[isize]) -> Result<Tensor> {
        if shifts.is_empty() {
            return Err(runtime!("`shifts` required"));
        }
        if dims.is_empty() && shifts.len() == 1 {
            return self.contiguous()?.reshape(&[self.numel()])?.roll(shifts, &[0])?.view(self.shape());
        }
        if dims.len() != shifts.len() {
            return Err(runtime!(
                "shifts and dimensions must align. shifts: {}, dims:{}",
                shifts.len(),
                dims.len()
            ));
        }
        let mut out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        for (&shift, &dim) in shifts.iter().zip(dims) {
            let d = wrap_dim(dim, self.rank())?;
            if self.rank() == 0 {
                return Err(index!("Dimension specified as {dim} but tensor has no dimensions"));
            }
            let n = self.shape()[d] as isize;
            if n > 0 {
                let cut = (n - shift.rem_euclid(n)) % n;
                let layout = out.layout().clone();
                let head = out.alias(layout.slice(d, 0, cut as usize, 1));
                let tail = out.alias(layout.slice(d, cut as usize, n as usize, 1));
                out = Tensor::cat(&[tail, head], d as isize)?;
            }
        }
        let (back, dims): (Vec<isize>, Vec<isize>) = (shifts.iter().map(|s| -s).collect(), dims.to_vec());
        out.record("RollBackward0", &[self], |_| move |_, g| grads![Some(g.roll(&back, &dims)?)])
    }

    /// Copies side by side: `repeats` per dimension, new dimensions in front.
    pub fn repeat(&self, repeats: &[isize]) -> Result<Tensor> {
        if repeats.len() < self.rank() {
            return Err(runtime!(
                "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
            ));
        }
        if let Some(r) = repeats.iter().find(|&&r| r < 0) {
            return Err(runtime!("Trying to create tensor with negative dimension {r}"));
        }
        let lead = repeats.len() - self.rank();
        // Each dimension n becomes (repeats, n): expanded, then copied.
        let (mut from, mut wide, mut shape) = (Dims::new(), Dims::new(), Dims::new());
        for (i, &r) in repeats.iter().enumerate() {
            let n = if i < lead { 1 } else { self.shape()[i - lead] };
            from.extend_from_slice(&[1, n]);
            wide.extend_from_slice(&[r as usize, n]);
            shape.push(r as usize * n);
        }
        let spread = self.contiguous_data()?.alias(Layout::contiguous(&from)).expand_data(&wide)?;
        let spread = if self.is_contiguous() {
            self.alias(Layout { offset: self.layout().offset, ..Layout::contiguous(&from) })
                .expand_data(&wide)?
        } else {
            spread
        };
        let out = spread.copied(self.dtype(), Layout::contiguous(&wide))?.alias(Layout::contiguous(&shape));
        let folded: Vec<isize> = (0..repeats.len() as isize).map(|i| 2 * i).collect();
        let own = self.layout().shape.clone();
        out.record("RepeatBackward0", &[self], |_| {
            move |_, g| {
                let sum = if folded.is_empty() {
                    g.clone()
                } else {
                    g.reshape(&wide)?.sum(&folded, false, None)?
                };
                grads![Some(sum.reshape(&own)?)]
            }
        })
    }

    /// As `repeat`, with missing repeats taken as 1 in front.
    pub fn tile(&self, repeats: &[isize]) -> Result<Tensor> {
        let mut full = vec![1; self.rank().saturating_sub(repeats.len())];
        full.extend_from_slice(repeats);
        self.repeat(&full)
    }

    /// Each element of a dimension `n` times in a row; without `dim`, of the flattened tensor.
    pub fn repeat_interleave(&self, n: isize, dim: Option<isize>, size: Option<isize>) -> Result<Tensor> {
        let x = if dim.is_some() { self.clone() } else { self.reshape_sizes(&[-1])? };
        let Ok(n) = usize::try_from(n) else {
            return Err(runtime!("Repeats must be non-negative"));
        };
        let d = wrap_dim(dim.unwrap_or(0), x.rank())?;
        if x.rank() == 0 {
            return Err(crate::Error::Dim { dim: 1, rank: 0 });
        }
        let expected = x.shape()[d] * n;
        if let Some(size) = size
            && size != expected as isize
        {
            return Err(runtime!(
                "repeat_interleave: Invalid output_size, expected {expected} but got {size}"
            ));
        }
        let (mut wide, mut shape) = (x.layout().shape.clone(), x.layout().shape.clone());
        wide.insert(d + 1, n);
        shape[d] = expected;
        x.unsqueeze(d as isize + 1)?.expand(&wide)?.dup_contiguous()?.view(&shape)
    }

    /// As `repeat_interleave` with a number of repeats for each element, or one for all.
    pub fn repeat_interleave_by(
        &self,
        repeats: &Tensor,
        dim: Option<isize>,
        size: Option<isize>,
    ) -> Result<Tensor> {
        let x = if dim.is_some() { self.clone() } else { self.reshape_sizes(&[-1])? };
        let dim = dim.unwrap_or(0);
        let n = x.shape().get(wrap_dim(dim, x.rank())?).copied().unwrap_or(1);
        let repeats = match (repeats.rank(), repeats.numel()) {
            (0 | 1, 1) => repeats.detach().reshape(&[1])?.expand(&[n])?,
            (1, many) if many == n => repeats.detach(),
            (1, many) => {
                return Err(runtime!(
                    "repeats must have the same size as input along dim, but got repeats.size(0) = {many} and input.size({dim}) = {n}"
                ));
            }
            _ => return Err(runtime!("repeats must be 0-dim or 1-dim tensor")),
        };
        x.index_select(dim, &repeats.repeat_places(size)?.to_dtype(DType::I64)?)
    }

    /// The number of each element as often as the element says.
    pub fn repeat_places(&self, size: Option<isize>) -> Result<Tensor> {
        if self.rank() != 1 {
            return Err(runtime!("repeat_interleave only accept 1D vector as repeat"));
        }
        if !self.dtype().is_int() {
            let op = "repeat_interleave_cpu".into();
            return Err(crate::Error::NotImplemented { op, dtype: self.dtype() });
        }
        self.check_data_for("repeat_interleave")?;
        let counts = self.cast_data(DType::I64)?.contiguous_data()?;
        let counts = counts.values::<i64>()?;
        if counts.iter().any(|&n| n < 0) {
            return Err(runtime!("repeats can not be negative"));
        }
        let total: i64 = counts.iter().sum();
        if size.is_some_and(|size| size as i64 != total) {
            return Err(runtime!("allocated size does not match required size"));
        }
        let mut places = Vec::with_capacity(total as usize);
        for (i, &n) in counts.iter().enumerate() {
            places.extend(std::iter::repeat_n(i as i64, n as usize));
        }
        Tensor::from_slice(&places, &[places.len()])?.to_dtype(self.dtype())
    }

    /// The sum of the diagonal of a matrix.
    pub fn trace(&self) -> Result<Tensor> {
        autocast!("trace"; x = self => x.trace());
        let &[rows, cols] = self.shape() else {
            return Err(runtime!("trace: expected a matrix, but got tensor with dim {}", self.rank()));
        };
        if self.dtype() == DType::Bool {
            return Err(crate::Error::NotImplemented { op: "trace".into(), dtype: DType::Bool });
        }
        let out = crate::tensor::no_grad(|| self.diagonal(0, 0, 1)?.sum(&[], false, None))?;
        out.record("TraceBackward0", &[self], |_| {
            move |_, g| {
                grads![Some(
                    g.expand(&[rows.min(cols)])?
                        .embed(&[rows, cols], Layout::contiguous(&[rows, cols]).diagonal(0, 0, 1)?,)?
                )]
            }
        })
    }

    /// The lower triangle of each matrix, up to diagonal `k`.
    pub fn tril(&self, k: isize) -> Result<Tensor> {
        let out = self.triangle(k, false, "tril")?;
        out.record("TrilBackward0", &[self], |_| move |_, g| grads![Some(g.tril(k)?)])
    }

    /// The upper triangle of each matrix, from diagonal `k`.
    pub fn triu(&self, k: isize) -> Result<Tensor> {
        let out = self.triangle(k, true, "triu")?;
        out.record("TriuBackward0", &[self], |_| move |_, g| grads![Some(g.triu(k)?)])
    }

    fn triangle(&self, k: isize, upper: bool, op: &str) -> Result<Tensor> {
        let &[.., rows, cols] = self.shape() else {
            return Err(runtime!("{op}: input tensor must have at least 2 dimensions"));
        };
        let x = self.contiguous_data()?;
        let out = self.new_empty(self.shape(), self.dtype())?;
        if out.has_data() {
            per_dtype!(self.dtype(), T => {
                // SAFETY: `out` was just made here.
                triangle::<T>(x.values()?, unsafe { out.values_mut()? }, rows, cols, k, upper);
            });
        }
        Ok(out)
    }

    /// A vector on a diagonal of a square matrix; of a matrix, a diagonal.
    pub fn diag(&self, k: isize) -> Result<Tensor> {
        match self.rank() {
            1 => self.diag_embed(k, 0, 1),
            2 => {
                let view = self.diagonal(k, 0, 1)?;
                view.dup()
            }
            n => Err(runtime!("diag(): Supports 1D or 2D tensors. Got {n}D")),
        }
    }

    /// The last dimension on a diagonal of two new dimensions, zeros elsewhere.
    pub fn diag_embed(&self, offset: isize, dim1: isize, dim2: isize) -> Result<Tensor> {
        let rank = self.rank() + 1;
        let (a, b) = (wrap_dim(dim1, rank)?, wrap_dim(dim2, rank)?);
        if a == b {
            return Err(runtime!("diagonal dimensions cannot be identical {dim1}, {dim2}"));
        }
        let Some((&last, rest)) = self.shape().split_last() else {
            return Err(runtime!("diag_embed: input must have at least one dimension"));
        };
        let n = last + offset.unsigned_abs();
        let mut rest = rest.iter().copied();
        let shape: Dims =
            (0..rank).map(|d| if d == a || d == b { n } else { rest.next().unwrap_or(1) }).collect();
        let window = Layout::contiguous(&shape).diagonal(offset, a as isize, b as isize)?;
        self.embed(&shape, window)
    }

    /// A margin of `value` around the last dimensions: pairs (before, after), the last dimension first. Negative
    /// margins cut off.
    pub fn pad_constant(&self, pads: &[isize], value: Scalar) -> Result<Tensor> {
        if !pads.len().is_multiple_of(2) {
            return Err(runtime!("Length of pad must be even but instead it equals {}", pads.len()));
        }
        if pads.len() / 2 > self.rank() {
            return Err(runtime!(
                "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the input has {} dimensions.",
                pads.len(),
                self.rank()
            ));
        }
        let mut inner = self.layout().clone();
        let mut shape = self.layout().shape.clone();
        let mut ranges = Vec::new();
        for (i, pair) in pads.chunks(2).enumerate() {
            let d = self.rank() - 1 - i;
            let n = self.shape()[d] as isize;
            let size = n + pair[0] + pair[1];
            if size < 0 {
                return Err(runtime!(
                    "The input size {n}, plus negative padding {} and {} resulted in a negative output size, which is invalid. Check dimension {d} of your input.",
                    pair[0],
                    pair[1]
                ));
            }
            let (from, to) = ((-pair[0]).max(0), n + pair[1].min(0));
            inner = inner.slice(d, from as usize, to.max(from) as usize, 1);
            shape[d] = size as usize;
            ranges.push((d, pair[0].max(0) as usize, (to - from).max(0) as usize));
        }
        let out = Tensor::full_on(Layout::contiguous(&shape), value, self.dtype(), self.device())?;
        let mut window = out.layout().clone();
        for (d, from, len) in ranges {
            window = window.slice(d, from, from + len, 1);
        }
        if window.shape == inner.shape && window.numel() > 0 {
            out.alias(window).write(&self.alias(inner))?;
        }
        let back: Vec<isize> = pads.iter().map(|p| -p).collect();
        out.record("ConstantPadNdBackward0", &[self], |_| {
            move |_, g| grads![Some(g.pad_constant(&back, Scalar::Int(0))?)]
        })
    }
}
