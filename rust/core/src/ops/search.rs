//! Places among sorted elements: `searchsorted`, `isin`; and `nonzero` with a fixed number of rows.

use crate::backend::cpu::search::places;
use crate::dtype::DType;
use crate::error::Result;
use crate::ops::promote::{common_device, result_type};
use crate::shape::show;
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{per_dtype, runtime};

impl Tensor {
    /// Where each of `values` would be put into the rows of this sorted tensor, so that they stay sorted.
    pub fn searchsorted(
        &self,
        values: &Tensor,
        int32: bool,
        right: bool,
        sorter: Option<&Tensor>,
    ) -> Result<Tensor> {
        let name = "tensorrs.searchsorted()";
        let common = if values.is_wrapped() { self.dtype() } else { self.dtype().promote(values.dtype()) };
        if common != self.dtype() {
            return self.to_dtype(common)?.searchsorted(values, int32, right, sorter);
        }
        let values = values.to_dtype(common)?;
        if values.rank() == 0 && self.rank() > 1 {
            return Err(runtime!(
                "{name}: input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim({}) and input value's dim(0) numel(1)",
                self.rank()
            ));
        }
        if self.rank() == 0 {
            return Err(runtime!(
                "{name}: boundaries tensor should have positive dimension, but got 0 dimension"
            ));
        }
        let lead = |t: &Tensor| t.shape()[..t.rank() - 1].to_vec();
        if self.rank() != 1 && (self.rank() != values.rank() || lead(self) != lead(&values)) {
            return Err(runtime!(
                "{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {} and input value tensor {}",
                show(self.shape()),
                show(values.shape())
            ));
        }
        let width = self.shape()[self.rank() - 1];
        if int32 && width > i32::MAX as usize {
            return Err(runtime!(
                "{name}: the size of boundaries' last dimension should be less than 2147483647"
            ));
        }
        if let Some(sorter) = sorter {
            if sorter.shape() != self.shape() {
                return Err(runtime!(
                    "{name}: boundary and sorter must have the same size, but got boundary tensor {}and got sorter tensor {}",
                    show(self.shape()),
                    show(sorter.shape())
                ));
            }
            if sorter.dtype() != DType::I64 {
                return Err(runtime!(
                    "{name}: sorter must be a tensor of long dtype but got dtype {}",
                    sorter.dtype().scalar_type()
                ));
            }
            let sorter = sorter.contiguous_data()?;
            if sorter.known::<i64>().iter().any(|&i| i < 0 || i >= width as i64) {
                return Err(runtime!("{name}: sorter index out of range"));
            }
        }
        let out = self.new_empty(values.shape(), DType::I64)?;
        let (row, values) = (self.contiguous_data()?, values.contiguous_data()?);
        let order = sorter.map(Tensor::contiguous_data).transpose()?;
        let per_row = (self.rank() > 1).then(|| values.shape()[values.rank() - 1].max(1));
        if out.has_data() {
            per_dtype!(row.dtype(), T => {
                let order = order.as_ref().map(Tensor::values::<i64>).transpose()?;
                // SAFETY: `out` was just made here.
                let to = unsafe { out.values_mut()? };
                places::<T>(row.values()?, width, order, values.values()?, per_row, right, to);
            });
        }
        if int32 { out.cast_data(DType::I32) } else { Ok(out) }
    }

    /// Whether each element is among those of `test`.
    pub fn isin(elements: &Tensor, test: &Tensor, invert: bool) -> Result<Tensor> {
        let (dtype, device) = (result_type(&[elements, test]), common_device(&[elements, test])?);
        let (x, test) =
            (elements.detach().to_dtype(dtype)?.on(device)?, test.detach().to_dtype(dtype)?.on(device)?);
        no_grad(|| {
            if test.numel() == 0 {
                return Tensor::full(x.shape(), Scalar::Bool(invert), DType::Bool)?.on(x.device());
            }
            let (sorted, _) = test.reshape(&[test.numel()])?.sort(0, false, None)?;
            let at = sorted.searchsorted(&x, false, false, None)?;
            let at = at.clamp_max(Scalar::Int(test.numel() as i64 - 1))?.reshape_sizes(&[-1])?;
            let found = sorted.index_select(0, &at)?.reshape(x.shape())?;
            if invert { found.ne(&x) } else { found.eq(&x) }
        })
    }

    /// The indices of the elements that are not zero, cut or filled up to `size` rows.
    pub fn nonzero_static(&self, size: i64, fill: i64) -> Result<Tensor> {
        if size < 0 {
            return Err(runtime!("nonzero_static: 'size' must be an non-negative integer"));
        }
        let out = Tensor::full(&[size as usize, self.rank()], Scalar::Int(fill), DType::I64)?;
        if !self.has_data() {
            return out.on(self.device());
        }
        let found = self.nonzero()?;
        let n = found.shape()[0].min(size as usize);
        out.alias(out.layout().slice(0, 0, n, 1)).write(&found.alias(found.layout().slice(0, 0, n, 1)))?;
        Ok(out)
    }
}
