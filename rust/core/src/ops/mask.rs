//! Ops that take a mask, and the way from a mask to indices: masked_fill, masked_select, masked_scatter, nonzero.

use crate::backend::backend;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::promote::{check_fits, common_device};
use crate::shape::broadcast;
use crate::tensor::{Scalar, Tensor};
use crate::{grads, index, per_dtype, runtime};

impl Tensor {
    /// What `index_put` writes: one number is converted where a mask alone says which elements get it.
    pub fn put_values(&self, given: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<Tensor> {
        let mut named = given.iter().flatten();
        let by_mask = named.next().is_some_and(|t| t.dtype() == DType::Bool) && named.next().is_none();
        if by_mask && values.numel() == 1 && !accumulate {
            values.to_dtype(self.dtype())
        } else {
            Ok(values.clone())
        }
    }

    fn check_mask(op: &str, mask: &Tensor) -> Result<()> {
        if mask.dtype() != DType::Bool {
            return Err(runtime!(
                "{op} only supports boolean masks, but got mask with dtype {}",
                mask.dtype().cpp_name()
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
        if value.is_wrapped() {
            check_fits(value.item()?, self.dtype())?;
        }
        let shape = broadcast(mask.shape(), self.shape())?;
        let x = self.expand_data(&shape)?;
        let device = common_device(&[self, mask, value])?;
        let out = Tensor::empty_on(Layout::contiguous(&shape), self.dtype(), device)?;
        let filled = value.detach().cast_data(self.dtype())?.expand_data(&shape)?;
        let mask = mask.detach();
        backend(device).choose(mask.expand_data(&shape)?.raw(), filled.raw(), x.raw(), out.raw())?;
        let name = if value.is_wrapped() { "MaskedFillBackward0" } else { "MaskedFillBackward1" };
        out.record(name, &[self, value], |_| {
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
        let shape = broadcast(mask.shape(), self.shape())?;
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
                let full = g.new_zeros(&wide_shape, g.dtype())?.put(&picks, g, false)?;
                grads![Some(full.reshape(&shape)?)]
            }
        })
    }

    /// A copy with the elements of `source`, in order, where the mask is true.
    pub fn masked_scatter(&self, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
        if mask.dtype() != DType::Bool {
            return Err(runtime!(
                "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
                mask.dtype().scalar_type()
            ));
        }
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "masked_scatter: expected self and source to have same dtypes but got {} and {}",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        let shape = broadcast(mask.shape(), self.shape())?;
        let device = common_device(&[self, mask, source])?;
        let (out, n) = if self.has_data() {
            self.scattered(mask, source, &shape)?
        } else {
            (Tensor::empty_on(Layout::contiguous(&shape), self.dtype(), device)?, 0)
        };
        let (mask, source_shape, left) = (mask.detach(), source.layout().shape.clone(), source.numel() - n);
        out.record("MaskedScatterBackward0", &[self, source], |_| {
            move |ctx, g| {
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let dx = ctx.when(0, || g.masked_fill(&mask, &zero))?;
                // The elements of `source` that were not taken have no gradient.
                let ds = ctx.when(1, || {
                    if !g.has_data() {
                        return g.new_empty(&source_shape, g.dtype());
                    }
                    let taken = g.masked_select(&mask)?;
                    Tensor::cat(&[taken, g.new_zeros(&[left], g.dtype())?], 0)?.reshape(&source_shape)
                })?;
                grads![dx, ds]
            }
        })
    }

    /// The result of `masked_scatter`, of this shape, and how many elements of `source` are in it.
    fn scattered(&self, mask: &Tensor, source: &Tensor, shape: &[usize]) -> Result<(Tensor, usize)> {
        let picks: Vec<Option<Tensor>> = mask
            .detach()
            .expand_data(shape)?
            .at_least_1d()?
            .nonzero_columns()?
            .into_iter()
            .map(Some)
            .collect();
        let wide = self.detach().expand_data(shape)?.at_least_1d()?;
        let n = picks.first().and_then(Option::as_ref).map_or(0, Tensor::numel);
        if source.numel() < n {
            return Err(runtime!("Number of elements of source < number of ones in mask"));
        }
        let out = crate::tensor::no_grad(|| {
            let head = source.detach().reshape_sizes(&[-1])?.narrow(0, 0, n as isize)?;
            wide.contiguous()?.put(&picks, &head, false)
        })?;
        Ok((out.alias(Layout::contiguous(shape)), n))
    }

    /// Index tensors as `index_put` takes them, masks turned into indices.
    pub fn picks(&self, given: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let mut out = Vec::with_capacity(self.rank());
        for t in given {
            match t {
                Some(t) if matches!(t.dtype(), DType::Bool | DType::U8) => {
                    self.check_mask_shape(t, out.len())?;
                    out.extend(t.nonzero_columns()?.into_iter().map(Some));
                }
                Some(t) if !matches!(t.dtype(), DType::I64 | DType::I32) => {
                    return Err(index!("tensors used as indices must be long, int, byte or bool tensors"));
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
        let rank = self.rank();
        let out = Tensor::empty(&[rank, count], DType::I64)?;
        // SAFETY: `out` was just made here.
        let columns = unsafe { out.values_mut::<i64>()? };
        for (i, row) in found.chunks(rank.max(1)).enumerate() {
            row.iter().enumerate().for_each(|(d, &at)| columns[d * count + i] = at);
        }
        // One dimension after the other in memory, as PyTorch lays them out.
        Ok(out.alias(out.layout().transpose(0, 1)?))
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
        self.check_data_for("nonzero")?;
        let x = self.contiguous_data()?;
        let (mut found, mut count) = (Vec::new(), 0);
        let shape = self.shape();
        per_dtype!(self.dtype(), T => {
            for (i, v) in x.values::<T>()?.iter().enumerate() {
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
