//! `scatter_reduce` and `index_reduce`: elements that meet at one place become their sum, product, mean or extreme.

use crate::backend::cpu::index::scatter;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::index::add;
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::{Ctx, Scalar, Tensor, grad_enabled, no_grad};
use crate::{grads, per_dtype, runtime};

use super::gather::{Meet, multiply};

/// What becomes of the elements that meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduce {
    Sum,
    Prod,
    Mean,
    Max,
    Min,
}

impl Reduce {
    /// By PyTorch's name.
    pub fn parse(name: &str) -> Result<Reduce> {
        Ok(match name {
            "sum" => Reduce::Sum,
            "prod" => Reduce::Prod,
            "mean" => Reduce::Mean,
            "amax" | "max" => Reduce::Max,
            "amin" | "min" => Reduce::Min,
            _ => {
                return Err(runtime!(
                    "reduce argument must be either sum, prod, mean, amax or amin, got {name}"
                ));
            }
        })
    }

    /// What an element meets where its place is to be left out.
    fn identity(self, dtype: DType) -> Scalar {
        match (self, dtype.is_float()) {
            (Reduce::Sum | Reduce::Mean, _) => Scalar::Int(0),
            (Reduce::Prod, _) => Scalar::Int(1),
            (Reduce::Max, true) => Scalar::Float(f64::NEG_INFINITY),
            (Reduce::Min, true) => Scalar::Float(f64::INFINITY),
            (Reduce::Max, false) => Scalar::Int(limits(dtype).0),
            (Reduce::Min, false) => Scalar::Int(limits(dtype).1),
        }
    }
}

/// The least and the greatest integer of a dtype.
fn limits(dtype: DType) -> (i64, i64) {
    let bits = 8 * dtype.size() as u32;
    match (dtype, dtype.is_signed()) {
        (DType::Bool, _) => (0, 1),
        (_, true) => (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)),
        (_, false) => (0, (1 << bits) - 1),
    }
}

/// Of two elements the greater (or smaller) one; NaN wins.
fn extreme<T: Element>(a: T, b: T, greater: bool) -> T {
    let wins = if T::DTYPE.is_float() {
        let (x, y) = (a.to_f64(), b.to_f64());
        !x.is_nan() && (y.is_nan() || if greater { y > x } else { y < x })
    } else if greater {
        b.to_i64() > a.to_i64()
    } else {
        b.to_i64() < a.to_i64()
    };
    if wins { b } else { a }
}

impl Tensor {
    /// A copy where `x[index[i, j], j]` met every `src[i, j]` whose index names it, along `dim`. Without `include_self`
    /// the places that are named start empty.
    pub fn scatter_reduce(
        &self,
        dim: isize,
        index: &Tensor,
        src: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        self.reduce_at("ScatterReduceBackward0", dim, index, src, reduce, include_self)
    }

    /// As `scatter_reduce` with whole slices: slice `index[i]` along `dim` meets slice `i` of `source`.
    pub fn index_reduce(
        &self,
        dim: isize,
        index: &Tensor,
        source: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        if index.rank() > 1 {
            return Err(crate::index!(
                "index_reduce_(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {}",
                index.rank(),
                index.dtype().scalar_type(),
                show(index.shape())
            ));
        }
        let (d, index) = self.index_vector("index_reduce_", dim, index)?;
        if source.dtype() != self.dtype() {
            return Err(runtime!("index_reduce_(): self and source must have the same scalar type"));
        }
        if reduce == Reduce::Sum {
            return Err(runtime!("reduce argument must be either prod, mean, amax or amin, got sum"));
        }
        if source.shape().get(d).copied().unwrap_or(1) != index.numel() {
            return Err(runtime!(
                "index_reduce_(): Number of indices ({}) should be equal to source.size(dim): ({})",
                index.numel(),
                source.shape().get(d).copied().unwrap_or(1)
            ));
        }
        if source.rank() == 0 {
            return self.reduce_at(
                "IndexReduceBackward0",
                dim,
                &index,
                &source.at_least_1d()?,
                reduce,
                include_self,
            );
        }
        let mut shape: Dims = source.shape().iter().map(|_| 1).collect();
        shape[d] = index.numel();
        let index = index.reshape(&shape)?.expand_data(source.shape())?;
        self.reduce_at("IndexReduceBackward0", dim, &index, source, reduce, include_self)
    }

    fn reduce_at(
        &self,
        name: &'static str,
        dim: isize,
        index: &Tensor,
        src: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())?;
        if src.dtype() != self.dtype() {
            return Err(runtime!("scatter(): Expected self.dtype to be equal to src.dtype"));
        }
        if !matches!(index.dtype(), DType::I64 | DType::I32) && index.numel() > 0 {
            return Err(runtime!("scatter(): Expected dtype int32/int64 for index"));
        }
        let out = no_grad(|| self.reduce_data(d, index, src, reduce, include_self))?;
        let index = index.detach();
        out.record(name, &[self, src], |save| {
            let kept = (reduce != Reduce::Sum && reduce != Reduce::Mean)
                .then(|| (save.input(0), save.input(1), save.output(0)));
            let src_shape = src.layout().shape.clone();
            move |ctx, g| {
                let dim = d as isize;
                let whole = |t: Tensor| t.unread(&src_shape);
                let cleared = |t: Tensor| match include_self {
                    true => Ok(t),
                    false => t.scatter_value(dim, &index, Scalar::Int(0), Meet::Replace),
                };
                let Some((x, s, y)) = &kept else {
                    let g = match reduce {
                        Reduce::Mean => g.div(&g.meetings(dim, &index, include_self)?)?,
                        _ => g.clone(),
                    };
                    let ds = ctx.when(1, || whole(g.gather(dim, &index)?))?;
                    return grads![ctx.when(0, || cleared(g.clone()))?, ds];
                };
                let (x, s, y) = (x.get(ctx)?, s.get(ctx)?, y.get(ctx)?);
                let s = s.window_of(index.shape())?;
                let (dx, ds) = match reduce {
                    Reduce::Prod => x.product_gradients(ctx, dim, &index, &s, &y, g, include_self)?,
                    _ => {
                        // Equal extremes share the gradient, with `x` too where it had no part, as in PyTorch.
                        let mine = x.eq(&y)?.to_dtype(g.dtype())?;
                        let theirs = s.eq(&y.gather(dim, &index)?)?.to_dtype(g.dtype())?;
                        let share = g.div(&mine.scatter(dim, &index, &theirs, Meet::Add)?.detach())?;
                        (Some(mine.mul(&share)?), Some(theirs.mul(&share.gather(dim, &index)?)?))
                    }
                };
                grads![dx.map(cleared).transpose()?, ds.map(whole).transpose()?]
            }
        })
    }

    /// A gradient of the leading part of each dimension as one of the whole; the rest was not read.
    fn unread(self, shape: &Dims) -> Result<Tensor> {
        if self.shape() == shape.as_slice() {
            return Ok(self);
        }
        if self.rank() != shape.len() {
            return self.reshape(shape);
        }
        let mut window = Layout::contiguous(shape);
        window.shape = self.layout().shape.clone();
        self.embed(shape, window)
    }

    /// The leading part of each dimension, with history.
    fn window_of(&self, shape: &[usize]) -> Result<Tensor> {
        if self.rank() != shape.len() {
            return self.reshape(shape);
        }
        let mut out = self.clone();
        for (d, &n) in shape.iter().enumerate() {
            if out.shape()[d] != n {
                out = out.narrow(d as isize, 0, n as isize)?;
            }
        }
        Ok(out)
    }

    /// How many elements met at each place, at least 1.
    fn meetings(&self, dim: isize, index: &Tensor, include_self: bool) -> Result<Tensor> {
        let start =
            Tensor::full(self.shape(), Scalar::Int(include_self.into()), self.dtype())?.on(self.device())?;
        let ones = Tensor::ones(index.shape(), self.dtype())?.on(self.device())?;
        start.scatter(dim, index, &ones, Meet::Add)?.clamp_min(Scalar::Int(1))
    }

    /// The gradients of the products that elements met in: of the places, and of the elements of `src`.
    ///
    /// Where one of the elements of `src` is zero, the product of the others is made anew; of two and more zeros each
    /// has the gradient 0, which has itself no derivative here.
    #[allow(clippy::too_many_arguments)]
    fn product_gradients(
        &self,
        ctx: &Ctx<'_>,
        dim: isize,
        index: &Tensor,
        src: &Tensor,
        product: &Tensor,
        g: &Tensor,
        include_self: bool,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        const NAME: &str = "ScatterReduceBackward0";
        let (zero, one) = (Tensor::wrapped(Scalar::Int(0))?, Tensor::wrapped(Scalar::Int(1))?);
        let own =
            ctx.when(0, || self.ones_like()?.reduce_at(NAME, dim, index, src, Reduce::Prod, true)?.mul(g))?;
        let theirs = ctx.when(1, || {
            let is_zero = src.eq(&zero)?;
            let zeros = self.new_zeros(self.shape(), DType::I64)?
                .scatter(dim, index, &is_zero.to_dtype(DType::I64)?, Meet::Add)?
                .gather(dim, index)?;
            let single = is_zero.logical_and(&zeros.eq(&one)?)?;
            let others = self.reduce_at(
                NAME,
                dim,
                index,
                &src.masked_fill(&single, &one)?,
                Reduce::Prod,
                include_self,
            )?;
            let by_division = g.mul(product)?.gather(dim, index)?.div(&src.masked_fill(&is_zero, &one)?)?;
            let found = Tensor::choose(&single, &g.mul(&others)?.gather(dim, index)?, &by_division)?;
            if grad_enabled() && zeros.has_data() && zeros.gt(&one)?.any(None, false)?.item()?.to::<bool>() {
                return found.detach_data().record("DelayedError", &[&found], |_| {
                    move |_, _| {
                        Err(runtime!(
                            "scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self"
                        ))
                    }
                });
            }
            Ok(found)
        })?;
        Ok((own, theirs))
    }

    fn reduce_data(
        &self,
        d: usize,
        index: &Tensor,
        src: &Tensor,
        reduce: Reduce,
        include_self: bool,
    ) -> Result<Tensor> {
        let dtype = self.dtype();
        let work = if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype };
        let out = self.copied(work, Layout::contiguous(self.shape()))?;
        if index.numel() == 0 {
            return out.cast_data(dtype);
        }
        let (layout, stride) = out.along("scatter", d, index, Some(src))?;
        let n = self.shape().get(d).copied().unwrap_or(1);
        let checked = self.checked_index("scatter", index, d, n)?;
        if !out.has_data() {
            return out.cast_data(dtype);
        }
        let src = src.detach().cut_to(index.shape())?.cast_data(work)?.contiguous_data()?;
        let whole = out.alias(Layout::contiguous(&[out.numel()]));
        let identity = reduce.identity(work);
        per_dtype!(work, T => {
            // SAFETY: `out` was just made here.
            let x = unsafe { whole.values_mut::<T>()? };
            let (index, src) = (checked.values()?, src.values::<T>()?);
            if !include_self {
                let empty = identity.to::<T>();
                scatter(x, &layout, stride, index, src, |a, _| *a = empty);
            }
            match reduce {
                Reduce::Sum | Reduce::Mean => scatter(x, &layout, stride, index, src, |a, b| *a = add(*a, b)),
                Reduce::Prod => scatter(x, &layout, stride, index, src, |a, b| *a = multiply(*a, b)),
                Reduce::Max => scatter(x, &layout, stride, index, src, |a, b| *a = extreme(*a, b, true)),
                Reduce::Min => scatter(x, &layout, stride, index, src, |a, b| *a = extreme(*a, b, false)),
            }
        });
        if reduce == Reduce::Mean {
            let number = out.meetings(d as isize, index, include_self)?;
            let mean = match work.is_float() {
                true => out.div(&number)?,
                false => out.floor_divide(&number)?,
            };
            return mean.cast_data(dtype);
        }
        out.cast_data(dtype)
    }
}
