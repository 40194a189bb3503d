//! Sums, means, products, truth over dimensions, counts.
//!
//! No dims means all of them. What PyTorch computes in a wider type (half-precision sums, means) is widened once, and
//! rounded once at the end.

use crate::backend::{Fold, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
use crate::shape::{dim_mask, expandable, reduced, show, wrap_dim};
use crate::tensor::{Scalar, Tensor, grad_enabled};
use crate::{autocast, missing, runtime};

/// The shape a reduction came from, and that of its result with the folded dimensions kept: what a gradient needs to
/// be spread out again.
#[derive(Clone)]
pub(crate) struct Spread {
    pub full: crate::shape::Dims,
    pub kept: crate::shape::Dims,
}

impl Spread {
    pub fn new(x: &Tensor, mask: &[bool]) -> Spread {
        Spread { full: x.layout().shape.clone(), kept: reduced(x.shape(), mask, true) }
    }

    /// With the folded dimensions as size 1.
    pub fn keep(&self, g: &Tensor) -> Result<Tensor> {
        if g.shape() == self.kept.as_slice() { Ok(g.clone()) } else { g.view(&self.kept) }
    }

    /// Repeated over the folded dimensions.
    pub fn expand(&self, g: &Tensor) -> Result<Tensor> {
        self.keep(g)?.expand(&self.full)
    }

    /// How many elements went into one.
    pub fn count(&self) -> usize {
        self.full.iter().zip(&self.kept).filter(|(_, k)| **k == 1).map(|(n, _)| n).product()
    }
}

impl Tensor {
    /// Fold the masked dimensions, without history; the result keeps them with size 1 if `keepdim`.
    pub(crate) fn fold(&self, fold: Fold, mask: &[bool], keepdim: bool, dtype: DType) -> Result<Tensor> {
        let fold = if fold == Fold::Norm(0.0) { Fold::Count } else { fold };
        let whole = fold == Fold::Prod && !self.dtype().is_float();
        let x = if whole { self.cast_data(DType::I64)? } else { self.widened()? };
        let kept = Layout::contiguous(&reduced(x.shape(), mask, true));
        let kept = Tensor::empty_on(kept, fold.out_dtype(x.dtype()), x.device())?;
        backend(x.device()).reduce(fold, x.raw(), mask, kept.raw())?;
        kept.cast_data(dtype)?.unkept(mask, keepdim)
    }

    /// Without history, in the nearest dtype that the reductions' kernels know: halves as float32, short integers as
    /// int32.
    pub(crate) fn widened(&self) -> Result<Tensor> {
        match self.dtype() {
            DType::F16 | DType::BF16 => self.cast_data(DType::F32),
            DType::I8 | DType::I16 => self.cast_data(DType::I32),
            _ => Ok(self.clone()),
        }
    }

    /// A fresh result that has the masked dimensions with size 1, with or without them.
    pub(crate) fn unkept(&self, mask: &[bool], keepdim: bool) -> Result<Tensor> {
        let shape = reduced(self.shape(), mask, keepdim);
        Ok(if keepdim { self.clone() } else { self.alias(Layout::contiguous(&shape)) })
    }

    /// A Python number divides this tensor.
    pub(crate) fn over(&self, n: usize) -> Result<Tensor> {
        self.div(&Tensor::wrapped(Scalar::Int(n as i64))?)
    }

    /// Sum over `dims` (all if empty); integers are summed as int64 unless `dtype` says otherwise.
    pub fn sum(&self, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        let x = match dtype {
            Some(d) => self.to_dtype(d)?,
            None => self.clone(),
        };
        let out = x.fold(Fold::Sum, &mask, keepdim, dtype.unwrap_or(x.dtype().sum_type()))?;
        let whole = dims.is_empty() && !keepdim;
        let spread = Spread::new(&x, &mask);
        out.record(if whole { "SumBackward0" } else { "SumBackward1" }, &[&x], |_| {
            move |_, g| grads![Some(spread.expand(g)?)]
        })
    }

    /// Sum back over the dimensions a gradient was broadcast along.
    pub fn sum_to(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let lead = self.rank() - shape.len();
        let dims: Vec<isize> = (0..self.rank())
            .filter(|&d| d < lead || (shape[d - lead] == 1 && self.shape()[d] != 1))
            .map(|d| d as isize)
            .collect();
        let summed = if dims.is_empty() { self.clone() } else { self.sum(&dims, true, None)? };
        summed.view(shape)
    }

    /// `sum_to`, after a look at whether the shape fits.
    pub fn sum_to_size(&self, shape: &[usize]) -> Result<Tensor> {
        if !expandable(shape, self.shape()) {
            return Err(runtime!(
                "size {{{}}} is not expandable to size {{{}}}.",
                show(shape),
                show(self.shape())
            ));
        }
        if shape.is_empty() {
            return self.sum(&[], false, None);
        }
        self.sum_to(shape)
    }

    /// The sum of what is not NaN.
    pub fn nansum(&self, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return self.sum(dims, keepdim, dtype);
        }
        let mask = dim_mask(dims, self.rank())?;
        let out = self.fold(Fold::NanSum, &mask, keepdim, dtype.unwrap_or(self.dtype()))?;
        let spread = Spread::new(self, &mask);
        out.record("NansumBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| grads![Some(spread.expand(g)?.mul(&x.get(ctx)?.isnan()?.logical_not()?)?)]
        })
    }

    /// The arithmetic mean; of floats alone, or as `dtype`.
    pub fn mean(&self, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        let found = dtype.unwrap_or(self.dtype());
        if !found.is_float() {
            return Err(missing!(
                "mean(): could not infer output dtype. {} dtype must be either a floating point or complex dtype. Got: {}",
                if dtype.is_some() { "Optional" } else { "Input" },
                found.scalar_type()
            ));
        }
        let mask = dim_mask(dims, self.rank())?;
        let x = self.to_dtype(found)?;
        let out = x.fold(Fold::Mean, &mask, keepdim, found)?;
        let whole = dims.is_empty() && !keepdim;
        let spread = Spread::new(&x, &mask);
        out.record(if whole { "MeanBackward0" } else { "MeanBackward1" }, &[&x], |_| {
            move |_, g| {
                // Of nothing: divided after it is spread out, so that no number is divided by zero.
                if spread.count() == 0 {
                    return grads![Some(spread.expand(g)?.over(0)?)];
                }
                grads![Some(spread.expand(&g.over(spread.count())?)?)]
            }
        })
    }

    /// The mean of what is not NaN.
    pub fn nanmean(&self, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(missing!(
                "nanmean(): expected input to have floating point or complex dtype but got {}",
                self.dtype().scalar_type()
            ));
        }
        let counted = self.detach().isnan()?.logical_not()?.sum(dims, keepdim, None)?;
        self.nansum(dims, keepdim, dtype)?.div(&counted)
    }

    /// The product over one dimension or all; integers are multiplied as int64 unless `dtype` says otherwise.
    pub fn prod(&self, dim: Option<isize>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        autocast!("prod"; x = self => x.prod(dim, keepdim, dtype));
        let mask = dim_mask(dim.as_slice(), self.rank())?;
        let x = match dtype {
            Some(d) => self.to_dtype(d)?,
            None => self.clone(),
        };
        let out = x.fold(Fold::Prod, &mask, keepdim, dtype.unwrap_or(x.dtype().sum_type()))?;
        let spread = Spread::new(&x, &mask);
        out.record(if dim.is_some() { "ProdBackward1" } else { "ProdBackward0" }, &[&x], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| {
                let (x, g) = (x.get(ctx)?, spread.keep(g)?);
                if !grad_enabled() && x.has_no_zero()? {
                    return grads![Some(g.mul(&spread.keep(&y.get(ctx)?)?)?.div(&x)?)];
                }
                grads![Some(g.mul(&x.others_product(dim)?)?)]
            }
        })
    }

    /// For each element the product of the others along `dim` (of all others, if None): a derivative that zeros do
    /// not spoil.
    fn others_product(&self, dim: Option<isize>) -> Result<Tensor> {
        let (x, d) = match dim {
            Some(d) if self.rank() > 0 => (self.clone(), wrap_dim(d, self.rank())?),
            _ => (self.reshape(&[self.numel()])?, 0),
        };
        let (n, d) = (x.shape()[d], d as isize);
        if x.numel() == 0 {
            return self.zeros_like();
        }
        let before = |x: &Tensor| -> Result<Tensor> {
            let one = x.narrow(d, 0, 1)?.detach().ones_like()?;
            Tensor::cat(&[one, x.narrow(d, 0, n as isize - 1)?], d)?.cumprod(d, None)
        };
        before(&x)?.mul(&before(&x.flip(&[d])?)?.flip(&[d])?)?.reshape(self.shape())
    }

    /// Whether any element is not zero: over all dimensions (None), or those given (none of them, if empty).
    pub fn any(&self, dims: Option<&[isize]>, keepdim: bool) -> Result<Tensor> {
        self.truth(Fold::Any, dims, keepdim)
    }

    /// Whether every element is not zero; see `any` for the dimensions.
    pub fn all(&self, dims: Option<&[isize]>, keepdim: bool) -> Result<Tensor> {
        self.truth(Fold::All, dims, keepdim)
    }

    fn truth(&self, fold: Fold, dims: Option<&[isize]>, keepdim: bool) -> Result<Tensor> {
        let mut mask = dim_mask(dims.unwrap_or_default(), self.rank())?;
        if dims.is_some_and(<[isize]>::is_empty) {
            mask.fill(false);
        }
        let dtype = if self.dtype() == DType::U8 { DType::U8 } else { DType::Bool };
        self.fold(fold, &mask, keepdim, dtype)
    }

    /// How many elements are not zero, over `dims` (all if empty).
    pub fn count_nonzero(&self, dims: &[isize]) -> Result<Tensor> {
        self.fold(Fold::Count, &dim_mask(dims, self.rank())?, false, DType::I64)
    }
}
