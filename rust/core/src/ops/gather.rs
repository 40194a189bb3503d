//! Ops that take an index tensor shaped like their result: gather, scatter, take.

use crate::backend::cpu::index::{gather, scatter};
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::index::add;
use crate::ops::promote::check_fits;
use crate::shape::{Dims, broadcast, show, wrap_dim};
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
    pub(crate) fn checked_index(&self, op: &str, index: &Tensor, dim: usize, n: usize) -> Result<Tensor> {
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!("{op}(): Expected dtype int32/int64 for index"));
        }
        let index = index.cast_data(DType::I64)?.contiguous_data()?;
        if let Some(i) = index.known::<i64>().iter().find(|&&i| i < 0 || i >= n as i64) {
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
    pub(crate) fn along(
        &self,
        op: &str,
        dim: usize,
        index: &Tensor,
        src: Option<&Tensor>,
    ) -> Result<(Layout, usize)> {
        if index.rank().max(1) != self.rank().max(1) {
            let what = if op == "gather" { "input" } else { "self" };
            return Err(runtime!("Index tensor must have the same number of dimensions as {what} tensor"));
        }
        if let Some(src) = src {
            if src.rank() > index.rank().max(1) {
                return Err(runtime!("Index tensor must have the same number of dimensions as src tensor"));
            }
            for d in 0..index.rank() {
                if d >= src.rank().max(1) {
                    return Err(crate::Error::Dim { dim: d as isize, rank: src.rank() });
                }
                if index.shape()[d] > src.shape().get(d).copied().unwrap_or(1) {
                    return Err(self.too_large(op, dim, index, Some(src), d));
                }
            }
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
            let n = index.shape()[d];
            if d != dim && n > self.shape()[d] {
                return Err(self.too_large(op, dim, index, src, d));
            }
            layout.shape[d] = n;
        }
        layout.strides[dim] = 0;
        Ok((layout, stride))
    }

    /// The index is larger than what it walks along, first at dimension `d`.
    fn too_large(
        &self,
        op: &str,
        dim: usize,
        index: &Tensor,
        src: Option<&Tensor>,
        d: usize,
    ) -> crate::Error {
        let start = match op {
            "gather" => format!("Size does not match at dimension {d} expected index"),
            _ => "Expected index".to_string(),
        };
        let end = src
            .map_or_else(String::new, |s| format!(" and to be no larger size than src {}", show(s.shape())));
        runtime!(
            "{start} {} to be no larger than self {} apart from dimension {dim}{end}",
            show(index.shape()),
            show(self.shape())
        )
    }

    /// `out[i, j] = x[index[i, j], j]`, along `dim`.
    pub fn gather(&self, dim: isize, index: &Tensor) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        if !matches!(index.dtype(), DType::I64 | DType::I32) && index.numel() > 0 {
            return Err(runtime!("gather(): Expected dtype int32/int64 for index"));
        }
        let out = self.new_empty(index.shape(), self.dtype())?;
        if index.numel() > 0 {
            let (layout, stride) = self.along("gather", d, index, None)?;
            let n = self.shape().get(d).copied().unwrap_or(1);
            let checked = self.checked_index("gather", index, d, n)?;
            let whole = self.alias(Layout::contiguous(&[self.layout().extent()]));
            if out.has_data() {
                per_dtype!(self.dtype(), T => {
                    // SAFETY: `out` was just made here.
                    let to = unsafe { out.values_mut()? };
                    gather::<T>(whole.values()?, &layout, stride, checked.values()?, to);
                });
            }
        }
        let (shape, dtype, index) = (self.layout().shape.clone(), self.dtype(), index.clone());
        out.record("GatherBackward0", &[self], |_| {
            move |_, g| grads![Some(g.new_zeros(&shape, dtype)?.scatter(dim, &index, g, Meet::Add)?)]
        })
    }

    /// A copy where `x[index[i, j], j]` was replaced by `value`, along `dim`.
    pub fn scatter_value(&self, dim: isize, index: &Tensor, value: Scalar, meet: Meet) -> Result<Tensor> {
        check_fits(value, self.dtype())?;
        let src = Tensor::full_scalar(value, self.dtype())?.expand_data(index.shape())?;
        let node = if meet == Meet::Replace { "ScatterBackward1" } else { "ScatterBackward3" };
        self.scatter_as(node, dim, index, &src, meet)
    }

    /// A copy where `x[index[i, j], j]` met `src[i, j]`, along `dim`.
    pub fn scatter(&self, dim: isize, index: &Tensor, src: &Tensor, meet: Meet) -> Result<Tensor> {
        let node = match meet {
            Meet::Add => "ScatterAddBackward0",
            Meet::Replace => "ScatterBackward0",
            Meet::Multiply => "ScatterBackward2",
        };
        self.scatter_as(node, dim, index, src, meet)
    }

    fn scatter_as(
        &self,
        name: &'static str,
        dim: isize,
        index: &Tensor,
        src: &Tensor,
        meet: Meet,
    ) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        if src.dtype() != self.dtype() {
            return Err(runtime!("scatter(): Expected self.dtype to be equal to src.dtype"));
        }
        if !matches!(index.dtype(), DType::I64 | DType::I32) && index.numel() > 0 {
            return Err(runtime!("scatter(): Expected dtype int32/int64 for index"));
        }
        let out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        if index.numel() > 0 {
            let given = (!matches!(name, "ScatterBackward1" | "ScatterBackward3")).then_some(src);
            let (layout, stride) = out.along("scatter", d, index, given)?;
            let n = self.shape().get(d).copied().unwrap_or(1);
            let checked = self.checked_index("scatter", index, d, n)?;
            let src = src.cut_to(index.shape())?.contiguous_data()?;
            let whole = out.alias(Layout::contiguous(&[out.numel()]));
            if out.has_data() {
                per_dtype!(self.dtype(), T => {
                    // SAFETY: `out` was just made here.
                    let x = unsafe { whole.values_mut::<T>()? };
                    let (index, src) = (checked.values()?, src.values::<T>()?);
                    match meet {
                        Meet::Replace => scatter(x, &layout, stride, index, src, |a, b| *a = b),
                        Meet::Add => scatter(x, &layout, stride, index, src, |a, b| *a = add(*a, b)),
                        Meet::Multiply => scatter(x, &layout, stride, index, src, |a, b| *a = multiply(*a, b)),
                    }
                });
            }
        }
        if meet == Meet::Multiply {
            return out.record("NotImplemented", &[self, src], |_| {
                |_, _| Err(runtime!("derivative for aten::scatter.reduce is not implemented"))
            });
        }
        let (index, src_shape) = (index.clone(), src.layout().shape.clone());
        out.record(name, &[self, src], |_| {
            move |ctx, g| {
                let dx = ctx.when(0, || match meet {
                    Meet::Add => Ok(g.clone()),
                    _ => g.scatter(dim, &index, &g.new_zeros(index.shape(), g.dtype())?, Meet::Replace),
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
    pub(crate) fn cut_to(&self, shape: &[usize]) -> Result<Tensor> {
        let mut layout = self.layout().clone();
        let fits = |(&s, &n): (&usize, &usize)| s <= n;
        if layout.rank().max(1) != shape.len().max(1) || !shape.iter().zip(&layout.shape).all(fits) {
            return Err(runtime!(
                "Expected index {} to be no larger than src {} in all dimensions",
                show(shape),
                show(self.shape())
            ));
        }
        if layout.rank() != shape.len() {
            // A number as a vector of one, or the other way round.
            layout = Layout { offset: layout.offset, ..Layout::contiguous(shape) };
        }
        layout.shape = Dims::from_slice(shape);
        Ok(self.alias(layout))
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
        if let Some(i) = index.contiguous_data()?.known::<i64>().iter().find(|&&i| i < -n || i >= n) {
            return Err(index!("out of range: tried to access index {i} on a tensor of {n} elements."));
        }
        let picks = [Some(index.detach())];
        let out = crate::tensor::no_grad(|| self.reshape_sizes(&[-1])?.pick(&picks)?.contiguous())?;
        let shape = self.layout().shape.clone();
        out.record("TakeBackward0", &[self], |_| {
            move |_, g| {
                let flat = g.new_zeros(&[n as usize], g.dtype())?;
                grads![Some(flat.put(&picks, g, true)?.reshape(&shape)?)]
            }
        })
    }

    /// As `gather`, with the other dimensions broadcast against each other and indices taken modulo the size;
    /// without `dim` on the flattened tensor.
    pub fn take_along_dim(&self, indices: &Tensor, dim: Option<isize>) -> Result<Tensor> {
        let Some(dim) = dim else {
            return self.reshape_sizes(&[-1])?.gather(0, &indices.reshape_sizes(&[-1])?);
        };
        if self.rank() != indices.rank() {
            return Err(runtime!(
                "tensorrs.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
                self.rank(),
                indices.rank()
            ));
        }
        if indices.dtype() != DType::I64 {
            return Err(runtime!(
                "tensorrs.take_along_dim(): dtype of indices should be Long but got {}",
                indices.dtype().scalar_type()
            ));
        }
        let d = wrap_dim(dim, self.rank())?;
        let (mut a, mut b) = (self.layout().shape.clone(), indices.layout().shape.clone());
        (a[d], b[d]) = (1, 1);
        let mut common = broadcast(&a, &b)?;
        common[d] = self.shape()[d];
        let x = self.expand(&common)?;
        common[d] = indices.shape()[d];
        // Indices wrap around, however far outside they are.
        let size = Tensor::wrapped(Scalar::Int(self.shape()[d].max(1) as i64))?;
        x.gather(dim, &indices.expand(&common)?.remainder(&size)?)
    }
}

pub(crate) fn multiply<T: Element>(a: T, b: T) -> T {
    if T::DTYPE.is_float() {
        T::from_f64(a.to_f64() * b.to_f64())
    } else {
        T::from_i64(a.to_i64().wrapping_mul(b.to_i64()))
    }
}
