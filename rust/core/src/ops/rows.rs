//! Ops that take an index vector along one dimension: index_select, index_add, index_copy, index_fill.

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::autocast::promote;
use crate::ops::promote::check_fits;
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::{Scalar, Tensor};
use crate::{autocast, grads, index, runtime};

impl Tensor {
    /// Picks along one dimension from an index vector.
    fn along_dim(&self, dim: usize, index: &Tensor) -> Vec<Option<Tensor>> {
        (0..self.rank()).map(|d| (d == dim).then(|| index.clone())).collect()
    }

    pub(crate) fn index_vector(&self, op: &str, dim: isize, index: &Tensor) -> Result<(usize, Tensor)> {
        let d = wrap_dim(dim, self.rank())?;
        let dtype = index.dtype();
        if index.rank() > 1 {
            return Err(match op {
                "index_add" => index!(
                    "index_add_(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {}",
                    index.rank(),
                    dtype.scalar_type(),
                    show(index.shape())
                ),
                "index_copy" => {
                    index!("index_copy_(): Index should have dimension 1 or 0 (got {})", index.rank())
                }
                "index_fill" => runtime!("Index has to be a vector/scalar"),
                _ => index!("{op}(): Index is supposed to be a vector"),
            });
        }
        let either = matches!(dtype, DType::I64 | DType::I32);
        match op {
            "index_copy" if dtype != DType::I64 => {
                let found = dtype.scalar_type();
                return Err(runtime!("index_copy_(): Expected a long tensor for index, but got {found}"));
            }
            "index_fill" if dtype != DType::I64 => {
                return Err(index!("index_fill_(): Expected dtype int64 for index."));
            }
            "index_add" if !either => {
                let found = dtype.scalar_type();
                return Err(runtime!("index_add_(): Expected dtype int32/int64 for index but got: {found}"));
            }
            _ if !either => return Err(runtime!("{op}(): Expected dtype int32 or int64 for index")),
            _ => {}
        }
        let index = index.detach().cast_data(DType::I64)?.contiguous_data()?;
        let index = if index.rank() == 0 {
            index.alias(Layout { offset: index.layout().offset, ..Layout::contiguous(&[1]) })
        } else {
            index
        };
        Ok((d, index))
    }

    /// Refuse an index that is not in `least..n`.
    fn check_range(index: &Tensor, least: i64, n: i64, error: impl Fn(i64) -> crate::Error) -> Result<()> {
        match index.known::<i64>().iter().find(|&&i| i < least || i >= n) {
            Some(&i) => Err(error(i)),
            None => Ok(()),
        }
    }

    fn size_along(&self, d: usize) -> i64 {
        self.shape().get(d).copied().unwrap_or(1) as i64
    }

    /// The given indices of one dimension.
    pub fn index_select(&self, dim: isize, index: &Tensor) -> Result<Tensor> {
        let (d, index) = self.index_vector("index_select", dim, index)?;
        if self.rank() == 0 && index.numel() != 1 {
            let n = index.numel();
            return Err(runtime!("index_select(): Index to scalar can have only 1 value, got {n} value(s)"));
        }
        Self::check_range(&index, 0, self.size_along(d), |_| index!("index out of range in self"))?;
        let x = if self.rank() == 0 { self.unsqueeze(0)? } else { self.clone() };
        let picks = x.along_dim(d, &index);
        let out = crate::tensor::no_grad(|| x.pick(&picks))?;
        let out = if self.rank() == 0 { out.alias(Layout::contiguous(&[])) } else { out };
        let (shape, dtype) = (self.layout().shape.clone(), self.dtype());
        out.record("IndexSelectBackward0", &[self], |_| {
            move |_, g| grads![Some(g.new_zeros(&shape, dtype)?.index_add(dim, &index, g, Scalar::Int(1))?)]
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
        let n = source.shape().get(d).copied().unwrap_or(1);
        if n != index.numel() && source.rank() > d {
            return Err(runtime!(
                "index_add_(): Number of indices ({}) should be equal to source.size(dim): ({n}), for dim: {d}",
                index.numel()
            ));
        }
        let but =
            |t: &Tensor| t.shape().iter().enumerate().filter(|&(i, _)| i != d).map(|(_, &n)| n).collect();
        let (a, b): (Dims, Dims) = (but(self), but(source));
        if self.rank() != source.rank() || a != b {
            return Err(runtime!(
                "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {} source.shape = {}",
                show(self.shape()),
                show(source.shape())
            ));
        }
        if self.numel() > 0 {
            Self::check_range(&index, 0, self.size_along(d), |i| match self.rank() {
                0 | 1 => index!("index out of range in self"),
                _ => runtime!("index {i} is out of bounds for dimension 0 with size {}", self.size_along(d)),
            })?;
        }
        self.index_meet("IndexAddBackward0", d, index, source, Some(alpha))
    }

    /// A copy with the given indices of one dimension replaced by `source`.
    pub fn index_copy(&self, dim: isize, index: &Tensor, source: &Tensor) -> Result<Tensor> {
        autocast!((promote(&[self, source])?): x = self, source = source => x.index_copy(dim, index, &source));
        let (d, index) = self.index_vector("index_copy", dim, index)?;
        self.check_copy_source(d, &index, source)?;
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        let n = self.size_along(d);
        Self::check_range(&index, 0, n, |i| {
            index!("index_copy_(): index {i} is out of bounds for dimension {d} with size {n}")
        })?;
        self.index_meet("IndexCopyBackward0", d, index, source, None)
    }

    fn check_copy_source(&self, d: usize, index: &Tensor, source: &Tensor) -> Result<()> {
        if source.rank() == 0 && index.numel() != 1 {
            let n = index.numel();
            return Err(index!(
                "index_copy_(): When source is scalar, index should have one element (got {n})"
            ));
        }
        if source.rank() != self.rank() && source.rank() != 0 && self.rank() != 0 {
            return Err(index!(
                "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
                source.rank(),
                self.rank()
            ));
        }
        let but =
            |t: &Tensor| t.shape().iter().enumerate().filter(|&(i, _)| i != d).map(|(_, &n)| n).collect();
        let (to, from): (Dims, Dims) = (but(self), but(source));
        if to != from {
            let line = |dims: &Dims| dims.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
            return Err(runtime!(
                "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension {d} and source slice shape: {} at dimension 0.",
                line(&to),
                line(&from)
            ));
        }
        let n = source.shape().get(d).copied().unwrap_or(1);
        if n != index.numel() {
            return Err(index!(
                "index_copy_(): Number of indices ({}) should be equal to source.size(dim) ({n})",
                index.numel()
            ));
        }
        Ok(())
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
        let picks = x.along_dim(d, &index);
        // The factor in the tensor's own dtype: a fraction does not make integers floats.
        let dtype = self.dtype();
        let factor = alpha.map(|a| Tensor::full_scalar(a, dtype)).transpose()?;
        let scale = |t: &Tensor| match &factor {
            Some(factor) if alpha.is_some_and(|a| a.to_f64() != 1.0) => t.mul(factor),
            _ => Ok(t.clone()),
        };
        let out = crate::tensor::no_grad(|| {
            let src = scale(&source.reshape(&expected)?)?;
            if x.numel() == 0 {
                return x.dup_contiguous();
            }
            x.contiguous()?.put(&picks, &src, alpha.is_some())
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
        let n = self.size_along(d);
        Self::check_range(&index, -n, n, |i| {
            index!("index {i} is out of bounds for dimension {d} with size {n}")
        })?;
        if value.is_wrapped() {
            check_fits(value.item()?, self.dtype())?;
        }
        let x = if self.rank() == 0 { self.unsqueeze(0)? } else { self.clone() };
        let picks = x.along_dim(d, &index);
        let out = crate::tensor::no_grad(|| x.put(&picks, &value.to_dtype(self.dtype())?, false))?;
        let out = if self.rank() == 0 { out.alias(Layout::contiguous(&[])) } else { out };
        let shape = self.layout().shape.clone();
        let name = if value.is_wrapped() { "IndexFillBackward0" } else { "IndexFillBackward1" };
        out.record(name, &[self, value], |_| {
            // An element named twice is one element still.
            let mut places: Vec<i64> = index.known::<i64>().iter().map(|&i| i.rem_euclid(n)).collect();
            places.sort_unstable();
            places.dedup();
            move |ctx, g| {
                let wide = if shape.is_empty() { g.unsqueeze(0)? } else { g.clone() };
                let zero = Tensor::full_scalar(Scalar::Int(0), g.dtype())?;
                let dx = ctx.when(0, || wide.put(&picks, &zero, false)?.reshape(&shape))?;
                let filled = || {
                    let once =
                        wide.along_dim(d, &Tensor::from_slice(&places, &[places.len()])?.on(g.device())?);
                    wide.pick(&once)?.sum(&[], false, None)
                };
                grads![dx, ctx.when(1, filled)?]
            }
        })
    }
}
