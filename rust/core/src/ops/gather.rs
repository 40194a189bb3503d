//! Ops that take an index tensor along one dimension, or a mask: gather, scatter, index_select, index_add, masked_fill,
//! masked_select, take, nonzero.

use crate::backend::backend;
use crate::backend::cpu::index::{gather, scatter};
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::index::add;
use crate::shape::{broadcast, show, wrap_dim};
use crate::tensor::{Scalar, Tensor};
use crate::{grads, index, per_dtype, runtime};

/// How `scatter` meets what is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meet {
    Replace,
    Add,
    Multiply,
}

impl Tensor {
    /// Indices as a contiguous int64 tensor, each inside `0..n`.
    fn checked_index(&self, op: &str, index: &Tensor, dim: usize, n: usize) -> Result<Tensor> {
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!("{op}(): Expected dtype int32/int64 for index"));
        }
        let index = index.cast_data(DType::I64)?.contiguous_data()?;
        if let Some(i) = index.slice::<i64>().iter().find(|&&i| i < 0 || i >= n as i64) {
            return Err(match op {
                "gather" | "scatter" => {
                    runtime!("index {i} is out of bounds for dimension {dim} with size {n}")
                }
                _ => index!("index out of range in self"),
            });
        }
        Ok(index)
    }

    /// This tensor laid out over an index's shape, with step 0 along `dim`; and the stride of `dim`.
    fn along(&self, op: &str, dim: usize, index: &Tensor, whole_dim: bool) -> Result<(Layout, usize)> {
        if index.rank().max(1) != self.rank().max(1) {
            return Err(runtime!("Index tensor must have the same number of dimensions as input tensor"));
        }
        let mut layout = self.layout().clone();
        if self.rank() == 0 {
            layout = Layout {
                shape: index.layout().shape.clone(),
                strides: index.layout().shape.iter().map(|_| 0).collect(),
                offset: layout.offset,
            };
            return Ok((layout, 1));
        }
        if index.rank() == 0 {
            layout.shape[0] = 1;
        }
        let stride = layout.strides[dim];
        for d in 0..index.rank() {
            if (d != dim || whole_dim) && index.shape()[d] > self.shape()[d] {
                return Err(runtime!(
                    "Size does not match at dimension {d} expected index {} to be no larger than self {} apart from dimension {dim}",
                    show(index.shape()),
                    show(self.shape())
                ));
            }
            layout.shape[d] = index.shape()[d];
        }
        let _ = op;
        layout.strides[dim] = 0;
        Ok((layout, stride))
    }

    /// `out[i, j] = x[index[i, j], j]`, along `dim`.
    pub fn gather(&self, dim: isize, index: &Tensor) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!("gather(): Expected dtype int32/int64 for index"));
        }
        let out = Tensor::empty(index.shape(), self.dtype())?;
        if index.numel() > 0 {
            let (layout, stride) = self.along("gather", d, index, false)?;
            let n = self.shape().get(d).copied().unwrap_or(1);
            let checked = self.checked_index("gather", index, d, n)?;
            let whole = self.alias(Layout::contiguous(&[self.layout().extent()]));
            per_dtype!(self.dtype(), T => {
                // SAFETY: `out` was just made here.
                gather::<T>(whole.slice(), &layout, stride, checked.slice(), unsafe { out.slice_mut() });
            });
        }
        let (shape, dtype, index) = (self.layout().shape.clone(), self.dtype(), index.clone());
        out.record("GatherBackward0", &[self], |_| {
            move |_, g| grads![Some(Tensor::zeros(&shape, dtype)?.scatter(dim, &index, g, Meet::Add)?)]
        })
    }

    /// A copy where `x[index[i, j], j]` met `src[i, j]`, along `dim`.
    pub fn scatter(&self, dim: isize, index: &Tensor, src: &Tensor, meet: Meet) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        let op = if meet == Meet::Add { "scatter_add" } else { "scatter" };
        if src.dtype() != self.dtype() {
            return Err(runtime!("{op}(): Expected self.dtype to be equal to src.dtype"));
        }
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!("{op}(): Expected dtype int32/int64 for index"));
        }
        let out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        if index.numel() > 0 {
            let (layout, stride) = out.along(op, d, index, false)?;
            let n = self.shape().get(d).copied().unwrap_or(1);
            let checked = self.checked_index("scatter", index, d, n)?;
            let src = src.cut_to(index.shape())?.contiguous_data()?;
            let whole = out.alias(Layout::contiguous(&[out.numel()]));
            per_dtype!(self.dtype(), T => {
                // SAFETY: `out` was just made here.
                let x = unsafe { whole.slice_mut::<T>() };
                let (index, src) = (checked.slice(), src.slice::<T>());
                match meet {
                    Meet::Replace => scatter(x, &layout, stride, index, src, |a, b| *a = b),
                    Meet::Add => scatter(x, &layout, stride, index, src, |a, b| *a = add(*a, b)),
                    Meet::Multiply => scatter(x, &layout, stride, index, src, |a, b| *a = multiply(*a, b)),
                }
            });
        }
        if meet == Meet::Multiply {
            return out.record("ScatterBackward2", &[self, src], |_| {
                |_, _| {
                    Err(crate::Error::NotImplemented {
                        op: "the derivative of scatter with reduce='multiply'".into(),
                        dtype: DType::F32,
                    })
                }
            });
        }
        let (index, src_shape) = (index.clone(), src.layout().shape.clone());
        let name = if meet == Meet::Add { "ScatterAddBackward0" } else { "ScatterBackward0" };
        out.record(name, &[self, src], |_| {
            move |ctx, g| {
                let dx = ctx.when(0, || match meet {
                    Meet::Add => Ok(g.clone()),
                    _ => g.scatter(dim, &index, &Tensor::zeros(index.shape(), g.dtype())?, Meet::Replace),
                })?;
                let ds = ctx.when(1, || {
                    let g = g.gather(dim, &index)?;
                    if g.shape() == src_shape.as_slice() {
                        return Ok(g);
                    }
                    // The part of `src` behind the index was not read.
                    let mut window = Layout::contiguous(&src_shape);
                    window.shape = g.layout().shape.clone();
                    g.embed(&src_shape, window)
                })?;
                grads![dx, ds]
            }
        })
    }

    /// The leading part of each dimension.
    fn cut_to(&self, shape: &[usize]) -> Result<Tensor> {
        let mut layout = self.layout().clone();
        if layout.rank() != shape.len() || shape.iter().zip(&layout.shape).any(|(s, n)| s > n) {
            return Err(runtime!(
                "Expected index {} to be no larger than src {} in all dimensions",
                show(shape),
                show(self.shape())
            ));
        }
        layout.shape.copy_from_slice(shape);
        Ok(self.alias(layout))
    }

    /// Picks along one dimension from an index vector.
    fn along_dim(&self, dim: usize, index: &Tensor) -> Vec<Option<Tensor>> {
        (0..self.rank()).map(|d| (d == dim).then(|| index.clone())).collect()
    }

    fn index_vector(&self, op: &str, dim: isize, index: &Tensor) -> Result<(usize, Tensor)> {
        let d = wrap_dim(dim, self.rank())?;
        if index.rank() > 1 {
            return Err(index!("{op}(): Index is supposed to be a vector"));
        }
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!("{op}(): Expected dtype int32 or int64 for index"));
        }
        let n = self.shape().get(d).copied().unwrap_or(1) as i64;
        let index = index.detach().cast_data(DType::I64)?.contiguous_data()?;
        let index = if index.rank() == 0 {
            index.alias(Layout { offset: index.layout().offset, ..Layout::contiguous(&[1]) })
        } else {
            index
        };
        let below = if op == "index_select" { 0 } else { -n };
        if index.slice::<i64>().iter().any(|&i| i < below || i >= n) {
            return Err(index!("index out of range in self"));
        }
        Ok((d, index))
    }

    /// The given indices of one dimension.
    pub fn index_select(&self, dim: isize, index: &Tensor) -> Result<Tensor> {
        let (d, index) = self.index_vector("index_select", dim, index)?;
        let x = if self.rank() == 0 { self.unsqueeze(0)? } else { self.clone() };
        let picks = x.along_dim(d, &index);
        let out = crate::tensor::no_grad(|| x.pick(&picks))?;
        let out = if self.rank() == 0 { out.alias(Layout::contiguous(&[])) } else { out };
        let (shape, dtype) = (self.layout().shape.clone(), self.dtype());
        out.record("IndexSelectBackward0", &[self], |_| {
            move |_, g| {
                grads![Some(Tensor::zeros(&shape, dtype)?.index_add(dim, &index, g, Scalar::Int(1))?)]
            }
        })
    }

    /// A copy with `alpha * source` added at the given indices of one dimension.
    pub fn index_add(&self, dim: isize, index: &Tensor, source: &Tensor, alpha: Scalar) -> Result<Tensor> {
        let (d, index) = self.index_vector("index_add", dim, index)?;
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "index_add_(): self ({}) and source ({}) must have the same scalar type",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        self.index_meet("IndexAddBackward0", d, index, source, Some(alpha))
    }

    /// A copy with the given indices of one dimension replaced by `source`.
    pub fn index_copy(&self, dim: isize, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        let (d, index) = self.index_vector("index_copy", dim, index)?;
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        self.index_meet("IndexCopyBackward0", d, index, source, None)
    }

    /// `index_add` (with alpha) and `index_copy` (without).
    fn index_meet(
        &self,
        name: &'static str,
        d: usize,
        index: Tensor,
        source: &Tensor,
        alpha: Option<Scalar>,
    ) -> Result<Tensor> {
        let x = if self.rank() == 0 { self.unsqueeze(0)? } else { self.clone() };
        let mut expected = x.layout().shape.clone();
        expected[d] = index.numel();
        let flat = source.numel() == crate::shape::numel(&expected) && source.rank() <= 1 && self.rank() <= 1;
        if source.shape() != expected.as_slice() && !flat {
            return Err(runtime!(
                "{}: source and destination must have the same shape outside dimension {d}: source {}, destination {}, index {}",
                if alpha.is_some() { "index_add_()" } else { "index_copy_()" },
                show(source.shape()),
                show(self.shape()),
                show(index.shape())
            ));
        }
        let picks = x.along_dim(d, &index);
        let scale = |t: &Tensor| match alpha {
            Some(a) if a.to_f64() != 1.0 => t.mul(&Tensor::wrapped(a)?),
            _ => Ok(t.clone()),
        };
        let out = crate::tensor::no_grad(|| {
            let src = scale(&source.reshape(&expected)?)?;
            x.put(&picks, &src, alpha.is_some())
        })?;
        let out = if self.rank() == 0 { out.alias(Layout::contiguous(&[])) } else { out };
        let (shape, source_shape) = (self.layout().shape.clone(), source.layout().shape.clone());
        let copies = alpha.is_none();
        out.record(name, &[self, source], |_| {
            move |ctx, g| {
                let wide = |g: &Tensor| if shape.is_empty() { g.unsqueeze(0) } else { Ok(g.clone()) };
                let dx = ctx.when(0, || {
                    if !copies {
                        return Ok(g.clone());
                    }
                    let zero = Tensor::full_scalar(Scalar::Int(0), g.dtype())?;
                    wide(g)?.put(&picks, &zero, false)?.reshape(&shape)
                })?;
                let ds = ctx.when(1, || {
                    let part = wide(g)?.pick(&picks)?;
                    let part = match alpha {
                        Some(a) if a.to_f64() != 1.0 => part.mul(&Tensor::wrapped(a)?)?,
                        _ => part,
                    };
                    part.reshape(&source_shape)
                })?;
                grads![dx, ds]
            }
        })
    }

    /// A copy with the given indices of one dimension set to one value (a zero-dim tensor).
    pub fn index_fill(&self, dim: isize, index: &Tensor, value: &Tensor) -> Result<Tensor> {
        if value.rank() != 0 {
            return Err(runtime!(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                value.rank()
            ));
        }
        let (d, index) = self.index_vector("index_fill", dim, index)?;
        let x = if self.rank() == 0 { self.unsqueeze(0)? } else { self.clone() };
        let picks = x.along_dim(d, &index);
        let out = crate::tensor::no_grad(|| x.put(&picks, &value.to_dtype(self.dtype())?, false))?;
        let out = if self.rank() == 0 { out.alias(Layout::contiguous(&[])) } else { out };
        let shape = self.layout().shape.clone();
        out.record("IndexFillBackward0", &[self, value], |_| {
            move |ctx, g| {
                let wide = if shape.is_empty() { g.unsqueeze(0)? } else { g.clone() };
                let zero = Tensor::full_scalar(Scalar::Int(0), g.dtype())?;
                let dx = ctx.when(0, || wide.put(&picks, &zero, false)?.reshape(&shape))?;
                grads![dx, ctx.when(1, || wide.pick(&picks)?.sum(&[], false, None))?]
            }
        })
    }

    fn check_mask(op: &str, mask: &Tensor) -> Result<()> {
        if mask.dtype() != DType::Bool {
            return Err(runtime!(
                "{op} only supports boolean masks, but got mask with dtype {}",
                mask.dtype().name()
            ));
        }
        Ok(())
    }

    /// A copy with `value` (a zero-dim tensor) where the mask is true.
    pub fn masked_fill(&self, mask: &Tensor, value: &Tensor) -> Result<Tensor> {
        Self::check_mask("masked_fill_", mask)?;
        if value.rank() != 0 {
            return Err(runtime!(
                "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
                value.rank()
            ));
        }
        if !value.dtype().can_cast(self.dtype()) && !value.is_wrapped() {
            return Err(runtime!(
                "value cannot be converted to type {} without overflow",
                self.dtype().name()
            ));
        }
        let shape = broadcast(self.shape(), mask.shape())?;
        let x = self.expand_data(&shape)?;
        let out = Tensor::empty_on(x.layout().preserved(), self.dtype(), self.device())?;
        let filled = value.detach().cast_data(self.dtype())?.expand_data(&shape)?;
        let mask = mask.detach();
        backend(self.device()).choose(mask.expand_data(&shape)?.raw(), filled.raw(), x.raw(), out.raw())?;
        out.record("MaskedFillBackward0", &[self, value], |_| {
            move |ctx, g| {
                let zero = Tensor::full_scalar(Scalar::Int(0), g.dtype())?;
                let dx = ctx.when(0, || g.masked_fill(&mask, &zero))?;
                let dv = ctx.when(1, || g.mul(&mask.to_dtype(g.dtype())?)?.sum(&[], false, None))?;
                grads![dx, dv]
            }
        })
    }

    /// The elements where the mask is true, as a vector.
    pub fn masked_select(&self, mask: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(runtime!("masked_select: expected BoolTensor for mask"));
        }
        let shape = broadcast(self.shape(), mask.shape())?;
        let picks: Vec<Option<Tensor>> = mask
            .detach()
            .expand_data(&shape)?
            .at_least_1d()?
            .nonzero_columns()?
            .into_iter()
            .map(Some)
            .collect();
        let wide = crate::tensor::no_grad(|| self.expand(&shape)?.at_least_1d())?;
        let out = crate::tensor::no_grad(|| wide.pick(&picks))?;
        let wide_shape = wide.layout().shape.clone();
        out.record("MaskedSelectBackward0", &[self], |_| {
            move |_, g| {
                let full = Tensor::zeros(&wide_shape, g.dtype())?.put(&picks, g, false)?;
                grads![Some(full.reshape(&shape)?)]
            }
        })
    }

    /// A copy with the elements of `source`, in order, where the mask is true.
    pub fn masked_scatter(&self, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(runtime!(
                "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
                mask.dtype().name()
            ));
        }
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "masked_scatter: expected self and source to have same dtypes but got {} and {}",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        let shape = broadcast(self.shape(), mask.shape())?;
        let picks: Vec<Option<Tensor>> = mask
            .detach()
            .expand_data(&shape)?
            .at_least_1d()?
            .nonzero_columns()?
            .into_iter()
            .map(Some)
            .collect();
        let wide = self.expand(&shape)?.at_least_1d()?;
        let n = picks.first().and_then(Option::as_ref).map_or(0, Tensor::numel);
        if source.numel() < n {
            return Err(runtime!("Number of elements of source < number of ones in mask"));
        }
        let head = source.reshape_sizes(&[-1])?.narrow(0, 0, n as isize)?;
        wide.put(&picks, &head, false)?.reshape(&shape)
    }

    /// At least one dimension: a number becomes a vector of one.
    pub fn at_least_1d(&self) -> Result<Tensor> {
        if self.rank() == 0 { self.reshape(&[1]) } else { Ok(self.clone()) }
    }

    /// Elements by their row-major number.
    pub fn take(&self, index: &Tensor) -> Result<Tensor> {
        if index.dtype() != DType::I64 {
            return Err(runtime!(
                "take(): Expected a long tensor for index, but got {}",
                index.dtype().scalar_type()
            ));
        }
        if self.numel() == 0 && index.numel() != 0 {
            return Err(index!("take(): tried to take from an empty tensor"));
        }
        let n = self.numel() as i64;
        if let Some(i) = index.contiguous_data()?.slice::<i64>().iter().find(|&&i| i < -n || i >= n) {
            return Err(index!("out of range: tried to access index {i} on a tensor of {n} elements."));
        }
        let flat = self.reshape_sizes(&[-1])?;
        flat.pick(&[Some(index.detach())])
    }

    /// As `gather`, with the other dimensions broadcast against each other; without `dim` on the flattened tensor.
    pub fn take_along_dim(&self, indices: &Tensor, dim: Option<isize>) -> Result<Tensor> {
        let Some(dim) = dim else {
            return self.reshape_sizes(&[-1])?.gather(0, &indices.reshape_sizes(&[-1])?);
        };
        if self.rank() != indices.rank() {
            return Err(runtime!(
                "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
                self.rank(),
                indices.rank()
            ));
        }
        let d = wrap_dim(dim, self.rank())?;
        let (mut a, mut b) = (self.layout().shape.clone(), indices.layout().shape.clone());
        (a[d], b[d]) = (1, 1);
        let mut common = broadcast(&a, &b)?;
        common[d] = self.shape()[d];
        let x = self.expand(&common)?;
        common[d] = indices.shape()[d];
        x.gather(dim, &indices.expand(&common)?)
    }

    /// Index tensors as `index_put` takes them, masks turned into indices.
    pub fn picks(&self, given: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let mut out = Vec::with_capacity(self.rank());
        for t in given {
            match t {
                Some(t) if matches!(t.dtype(), DType::Bool | DType::U8) => {
                    out.extend(t.nonzero_columns()?.into_iter().map(Some));
                }
                other => out.push(other.clone()),
            }
        }
        if out.len() > self.rank() {
            return Err(index!(
                "too many indices for tensor of dimension {} (got {})",
                self.rank(),
                out.len()
            ));
        }
        out.resize(self.rank(), None);
        Ok(out)
    }

    /// The indices of the elements that are not zero: one row each.
    pub fn nonzero(&self) -> Result<Tensor> {
        let (found, count) = self.nonzero_list()?;
        let out = Tensor::empty(&[count, self.rank()], DType::I64)?;
        // SAFETY: `out` was just made here.
        unsafe { out.slice_mut::<i64>() }.copy_from_slice(&found);
        Ok(out)
    }

    /// As `nonzero`, one vector per dimension.
    pub fn nonzero_columns(&self) -> Result<Vec<Tensor>> {
        let (found, _) = self.nonzero_list()?;
        let rank = self.rank();
        (0..rank)
            .map(|d| {
                let column: Vec<i64> = found.iter().skip(d).step_by(rank).copied().collect();
                Tensor::from_slice(&column, &[column.len()])
            })
            .collect()
    }

    fn nonzero_list(&self) -> Result<(Vec<i64>, usize)> {
        let x = self.contiguous_data()?;
        let (mut found, mut count) = (Vec::new(), 0);
        let shape = self.shape();
        per_dtype!(self.dtype(), T => {
            for (i, v) in x.slice::<T>().iter().enumerate() {
                if v.truthy() {
                    count += 1;
                    let from = found.len();
                    found.resize(from + shape.len(), 0);
                    let mut rest = i;
                    for (d, &n) in shape.iter().enumerate().rev() {
                        found[from + d] = (rest % n) as i64;
                        rest /= n;
                    }
                }
            }
        });
        Ok((found, count))
    }
}

fn multiply<T: Element>(a: T, b: T) -> T {
    if T::DTYPE.is_float() {
        T::from_f64(a.to_f64() * b.to_f64())
    } else {
        T::from_i64(a.to_i64().wrapping_mul(b.to_i64()))
    }
}
