//! Orders along a dimension: `sort`, `topk`, `kthvalue`, `median`. Stable, and NaN counts as the largest number.

mod unique;

use crate::backend::{Kth, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::layout::Layout;
use crate::ops::extreme::evenly;
use crate::shape::{dim_mask, reduced, wrap_dim};
use crate::tensor::{Scalar, Tensor};
use crate::{missing, runtime};

impl Tensor {
    /// The elements along `dim` in order, and where they were. `stable` only tells two names of the derivative apart.
    pub fn sort(&self, dim: isize, descending: bool, stable: Option<bool>) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        let n = self.shape().get(dim).copied().unwrap_or(1);
        let (values, places) = self.order(dim, n, descending)?;
        let (values, places) = (values.laid_as(self)?, places.laid_as(self)?);
        self.reordered(if stable.is_some() { "SortBackward1" } else { "SortBackward0" }, dim, values, places)
    }

    /// The places of the elements along `dim` in order.
    pub fn argsort(&self, dim: isize, descending: bool) -> Result<Tensor> {
        self.detach().sort(dim, descending, None).map(|(_, places)| places)
    }

    /// The `k` largest (or smallest) elements along `dim`, in order, and where they are.
    pub fn topk(&self, k: isize, dim: isize, largest: bool) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        let n = self.shape().get(dim).copied().unwrap_or(1);
        if k < 0 || k as usize > n {
            return Err(runtime!("selected index k out of range"));
        }
        if self.dtype() == DType::Bool {
            return Err(missing!("topk does not support bool dtypes on CPU"));
        }
        let (values, places) = self.order(dim, k as usize, largest)?;
        self.reordered("TopkBackward0", dim, values, places)
    }

    /// The first `k` elements in order, without history.
    fn order(&self, dim: usize, k: usize, descending: bool) -> Result<(Tensor, Tensor)> {
        let mut shape = self.layout().shape.clone();
        if let Some(n) = shape.get_mut(dim) {
            *n = k;
        } else if k == 0 {
            // A zero-dim tensor has one element; PyTorch gives it even if none is asked for.
            return self.order(dim, 1, descending);
        }
        let values = self.new_empty(&shape, self.dtype())?;
        let places = self.new_empty(&shape, DType::I64)?;
        backend(self.device()).order(self.raw(), dim, descending, values.raw(), places.raw())?;
        Ok((values, places))
    }

    /// The `k`-th smallest element along `dim`, counted from 1, and where it is.
    pub fn kthvalue(&self, k: isize, dim: isize, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        self.check_extreme("kthvalue", &dim_mask(&[dim as isize], self.rank())?, false)?;
        let n = self.shape().get(dim).copied().unwrap_or(1);
        if k < 1 || k as usize > n {
            return Err(runtime!("kthvalue(): selected number k out of range for dimension {dim}"));
        }
        self.kth("kthvalue_cpu", "KthvalueBackward0", dim, keepdim, Kth::Nth(k as usize - 1))
    }

    /// The median along `dim` (the lower one of two), and where it is. NaN if there is one, unless `skip_nan`.
    pub fn median_dim(&self, dim: isize, keepdim: bool, skip_nan: bool) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        self.check_extreme(
            if skip_nan { "nanmedian" } else { "median" },
            &dim_mask(&[dim as isize], self.rank())?,
            false,
        )?;
        match skip_nan {
            true => self.kth("median_cpu", "NanmedianBackward1", dim, keepdim, Kth::NanMedian),
            false => self.kth("median_cpu", "MedianBackward1", dim, keepdim, Kth::Median),
        }
    }

    fn kth(
        &self,
        op: &'static str,
        grad: &'static str,
        dim: usize,
        keepdim: bool,
        which: Kth,
    ) -> Result<(Tensor, Tensor)> {
        if self.dtype() == DType::Bool {
            return Err(Error::NotImplemented { op: op.into(), dtype: DType::Bool });
        }
        let shape =
            Layout::contiguous(&reduced(self.shape(), &dim_mask(&[dim as isize], self.rank())?, true));
        let values = Tensor::empty_on(shape.clone(), self.dtype(), self.device())?;
        let places = Tensor::empty_on(shape, DType::I64, self.device())?;
        backend(self.device()).kth(self.raw(), dim, which, values.raw(), places.raw())?;
        self.selected(grad, dim, keepdim, values, places)
    }

    /// The median of all elements; NaN if there is one, unless `skip_nan`.
    pub fn median_all(&self, skip_nan: bool) -> Result<Tensor> {
        let out = if self.numel() == 0 {
            Tensor::full_scalar(Scalar::Float(f64::NAN), self.dtype())?
        } else {
            let flat = self.detach().reshape(&[self.numel()])?;
            flat.median_dim(0, false, skip_nan)?.0
        };
        out.record(if skip_nan { "NanmedianBackward0" } else { "MedianBackward0" }, &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(evenly(&x.get(ctx)?, &y.get(ctx)?, g)?)]
        })
    }
}
