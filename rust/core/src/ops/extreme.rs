//! Largest and smallest: `amax`, `max`, `argmax`, `aminmax` and their mirror images.
//!
//! `amax` and `max()` share a gradient among equal elements, `max(dim)` gives it to the one whose index it returns.

use crate::backend::{Fold, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
use crate::ops::gather::Meet;
use crate::ops::reduce::Spread;
use crate::shape::{dim_mask, reduced, wrap_dim};
use crate::tensor::Tensor;
use crate::{index, missing, runtime};

impl Tensor {
    /// Refuse to look for an element where there is none. `whole` says that no dim was given.
    pub(crate) fn check_extreme(&self, name: &str, mask: &[bool], whole: bool) -> Result<()> {
        if self.numel() > 0 {
            return Ok(());
        }
        if whole {
            return Err(runtime!(
                "{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            ));
        }
        match (0..self.rank()).find(|&d| mask[d] && self.shape()[d] == 0) {
            Some(d) => Err(index!("{name}(): Expected reduction dim {d} to have non-zero size.")),
            None => Ok(()),
        }
    }

    /// The largest element along `dim`, and where it first stands.
    pub fn max_dim(&self, dim: isize, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim(Fold::Max, "max", "MaxBackward0", dim, keepdim)
    }

    /// The smallest element along `dim`, and where it first stands.
    pub fn min_dim(&self, dim: isize, keepdim: bool) -> Result<(Tensor, Tensor)> {
        self.extreme_dim(Fold::Min, "min", "MinBackward0", dim, keepdim)
    }

    fn extreme_dim(
        &self,
        fold: Fold,
        name: &str,
        grad: &'static str,
        dim: isize,
        keepdim: bool,
    ) -> Result<(Tensor, Tensor)> {
        let dim = wrap_dim(dim, self.rank())?;
        let mask = dim_mask(&[dim as isize], self.rank())?;
        self.check_extreme(name, &mask, false)?;
        let values = self.fold(fold, &mask, true, self.dtype())?;
        let indices = self.first_place(dim, &values)?;
        self.selected(grad, dim, keepdim, values, indices)
    }

    /// The index along `dim` at which the element in `values` (of size 1 there) first stands.
    pub(crate) fn first_place(&self, dim: usize, values: &Tensor) -> Result<Tensor> {
        let indices = Tensor::empty_on(Layout::contiguous(values.shape()), DType::I64, self.device())?;
        let (x, values) = (self.widened()?, values.widened()?);
        backend(self.device()).find(x.raw(), dim, values.raw(), indices.raw())?;
        Ok(indices)
    }

    /// Finish an op that picks one element along `dim`: its value, which has the gradient, and its index.
    pub(crate) fn selected(
        &self,
        grad: &'static str,
        dim: usize,
        keepdim: bool,
        values: Tensor,
        indices: Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let mask = dim_mask(&[dim as isize], self.rank())?;
        let (place, spread) = (indices.clone(), Spread::new(self, &mask));
        let outs = vec![values.unkept(&mask, keepdim)?, indices.unkept(&mask, keepdim)?];
        let mut outs = Tensor::record_all(outs, grad, &[self], |save| {
            let place = save.plain(&place);
            move |ctx, g| match &g[0] {
                Some(g) => grads![Some(spread.keep(g)?.place_along(dim, &place.get(ctx)?, &spread.full)?)],
                None => grads![None],
            }
        })?;
        let indices = outs.pop().expect("two went in");
        Ok((outs.pop().expect("two went in"), indices))
    }

    /// Zeros of a given shape, with this tensor's elements added at `index` along `dim`.
    pub(crate) fn place_along(&self, dim: usize, index: &Tensor, shape: &[usize]) -> Result<Tensor> {
        let zeros = Tensor::zeros_on(Layout::contiguous(shape), self.dtype(), self.device())?;
        zeros.scatter(dim as isize, index, self, Meet::Add)
    }

    /// Where the largest element stands: along `dim`, or in the flattened tensor.
    pub fn argmax(&self, dim: Option<isize>, keepdim: bool) -> Result<Tensor> {
        self.arg(Fold::Max, "argmax", dim, keepdim)
    }

    /// Where the smallest element stands: along `dim`, or in the flattened tensor.
    pub fn argmin(&self, dim: Option<isize>, keepdim: bool) -> Result<Tensor> {
        self.arg(Fold::Min, "argmin", dim, keepdim)
    }

    fn arg(&self, fold: Fold, name: &str, dim: Option<isize>, keepdim: bool) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(missing!("{name}(): does not support bool input"));
        }
        let Some(dim) = dim else {
            if self.numel() == 0 {
                return Err(index!(
                    "{name}(): Expected reduction dim to be specified for input.numel() == 0."
                ));
            }
            let flat = self.contiguous_data()?;
            let flat = flat.alias(Layout { offset: flat.layout().offset, ..Layout::contiguous(&[self.numel()]) });
            let found = flat.first_place(0, &flat.fold(fold, &[true], true, self.dtype())?)?;
            let mask = dim_mask(&[], self.rank())?;
            return Ok(found.alias(Layout::contiguous(&reduced(self.shape(), &mask, keepdim))));
        };
        let dim = wrap_dim(dim, self.rank())?;
        let mask = dim_mask(&[dim as isize], self.rank())?;
        self.check_extreme(name, &mask, false)?;
        self.first_place(dim, &self.fold(fold, &mask, true, self.dtype())?)?.unkept(&mask, keepdim)
    }
}
