//! Largest and smallest: `amax`, `max`, `argmax`, `aminmax` and their mirror images.
//!
//! `amax` and `max()` share a gradient among equal elements, `max(dim)` gives it to the one whose index it returns.

use crate::backend::{Fold, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
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

    /// The largest element over `dims` (all if empty).
    pub fn amax(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.extreme(Fold::Max, "AmaxBackward0", dims, keepdim)
    }

    /// The smallest element over `dims` (all if empty).
    pub fn amin(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        self.extreme(Fold::Min, "AminBackward0", dims, keepdim)
    }

    fn extreme(&self, fold: Fold, grad: &'static str, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        let mask = dim_mask(dims, self.rank())?;
        self.check_extreme(fold.name(), &mask, dims.is_empty())?;
        let out = self.fold(fold, &mask, keepdim, self.dtype())?;
        let spread = Spread::new(self, &mask);
        out.record(grad, &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(shared(&x.get(ctx)?, &y.get(ctx)?, g, &spread)?)]
        })
    }

    /// The largest element of all.
    pub fn max_all(&self) -> Result<Tensor> {
        self.extreme_all(Fold::Max, "max", "MaxBackward1")
    }

    /// The smallest element of all.
    pub fn min_all(&self) -> Result<Tensor> {
        self.extreme_all(Fold::Min, "min", "MinBackward1")
    }

    fn extreme_all(&self, fold: Fold, name: &str, grad: &'static str) -> Result<Tensor> {
        let mask = dim_mask(&[], self.rank())?;
        self.check_extreme(name, &mask, true)?;
        self.fold(fold, &mask, false, self.dtype())?.record(grad, &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(evenly(&x.get(ctx)?, &y.get(ctx)?, g)?)]
        })
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
        let indices = self.new_empty(values.shape(), DType::I64)?;
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
            let flat =
                flat.alias(Layout { offset: flat.layout().offset, ..Layout::contiguous(&[self.numel()]) });
            let found = flat.first_place(0, &flat.fold(fold, &[true], true, self.dtype())?)?;
            let mask = dim_mask(&[], self.rank())?;
            return Ok(found.alias(Layout::contiguous(&reduced(self.shape(), &mask, keepdim))));
        };
        let dim = wrap_dim(dim, self.rank())?;
        let mask = dim_mask(&[dim as isize], self.rank())?;
        self.check_extreme(name, &mask, false)?;
        self.first_place(dim, &self.fold(fold, &mask, true, self.dtype())?)?.unkept(&mask, keepdim)
    }

    /// The smallest and the largest element, along `dim` or of all.
    pub fn aminmax(&self, dim: Option<isize>, keepdim: bool) -> Result<(Tensor, Tensor)> {
        let mask = dim_mask(dim.as_slice(), self.rank())?;
        if self.numel() == 0 {
            match dim {
                None => {
                    return Err(runtime!(
                        "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
                    ));
                }
                Some(d) if self.shape().get(wrap_dim(d, self.rank())?) == Some(&0) => {
                    return Err(index!(
                        "aminmax: Expected reduction dim {} to have non-zero size.",
                        wrap_dim(d, self.rank())?
                    ));
                }
                Some(_) => {}
            }
        }
        let low = self.fold(Fold::Min, &mask, keepdim, self.dtype())?;
        let high = self.fold(Fold::Max, &mask, keepdim, self.dtype())?;
        let spread = Spread::new(self, &mask);
        let mut outs = Tensor::record_all(vec![low, high], "AminmaxBackward0", &[self], |save| {
            let (x, ends) = (save.input(0), [save.output(0), save.output(1)]);
            move |ctx, g| {
                let mut sum: Option<Tensor> = None;
                for (end, g) in ends.iter().zip(g) {
                    let Some(g) = g else { continue };
                    let part = shared(&x.get(ctx)?, &end.get(ctx)?, g, &spread)?;
                    sum = Some(match sum {
                        Some(s) => s.add(&part)?,
                        None => part,
                    });
                }
                grads![sum]
            }
        })?;
        let high = outs.pop().expect("two went in");
        Ok((outs.pop().expect("two went in"), high))
    }
}

/// The gradient of an extreme, shared equally among the elements that equal it.
fn shared(x: &Tensor, y: &Tensor, g: &Tensor, spread: &Spread) -> Result<Tensor> {
    let hit = x.detach().eq(&spread.keep(&y.detach())?)?;
    let dims: Vec<isize> = (0..x.rank()).filter(|&d| spread.kept[d] == 1).map(|d| d as isize).collect();
    spread.keep(g)?.mul(&hit)?.div(&hit.sum(&dims, true, None)?)
}

/// As `shared` for a fold of all elements; a NaN's gradient is shared among all NaNs.
pub(crate) fn evenly(x: &Tensor, y: &Tensor, g: &Tensor) -> Result<Tensor> {
    let x = x.detach();
    let hit = if y.has_data() && y.item()?.to_f64().is_nan() { x.isnan()? } else { x.eq(&y.detach())? };
    g.div(&hit.sum(&[], false, None)?)?.mul(&hit)
}
