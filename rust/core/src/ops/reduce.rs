//! Reductions: sums, products, extremes, means.

use crate::backend::{Fold, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
use crate::shape::{dim_mask, reduced};
use crate::tensor::Tensor;

impl Tensor {
    /// Fold the masked dimensions, without history; the result keeps them with size 1 if `keepdim`.
    pub(crate) fn fold(&self, fold: Fold, mask: &[bool], keepdim: bool, dtype: DType) -> Result<Tensor> {
        let half = matches!(self.dtype(), DType::F16 | DType::BF16);
        let x = if half { self.cast_data(DType::F32)? } else { self.clone() };
        let shape = Layout::contiguous(&reduced(x.shape(), mask, true));
        let kept = Tensor::empty_on(shape, fold.out_dtype(x.dtype()), x.device())?;
        backend(x.device()).reduce(fold, x.raw(), mask, kept.raw())?;
        let kept = kept.cast_data(dtype)?;
        Ok(if keepdim { kept } else { kept.alias(Layout::contiguous(&reduced(x.shape(), mask, false))) })
    }

    /// Sum over `dims` (all if empty); integers are summed as int64 unless `dtype` says otherwise.
    pub fn sum(&self, dims: &[isize], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        let x = match dtype {
            Some(d) => self.to_dtype(d)?,
            None => self.clone(),
        };
        let out = x.fold(Fold::Sum, &mask, keepdim, dtype.unwrap_or(x.dtype().sum_type()))?;
        let name = if dims.is_empty() { "SumBackward0" } else { "SumBackward1" };
        let (full, kept) = (x.layout().shape.clone(), reduced(x.shape(), &mask, true));
        out.record(name, &[&x], |_| move |_, g| grads![Some(g.view(&kept)?.expand(&full)?)])
    }

    /// Sum a broadcast gradient back to the shape it was broadcast from.
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
}
