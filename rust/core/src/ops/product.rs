//! Products of matrices given as layouts on memory: what stands behind every product of tensors.

use crate::backend::{View, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::tensor::Tensor;

/// `base + a @ b` on batches of matrices; the result, laid out as `layout` for this, is a tensor of `shape`.
pub(super) fn product(
    op: &'static str,
    a: View,
    b: View,
    base: Option<View>,
    layout: Layout,
    shape: &[usize],
) -> Result<Tensor> {
    let device = a.storage.device();
    check_devices(device, [Some(b), base].iter().flatten().map(|v| v.storage.device()))?;
    if a.dtype == DType::Bool {
        if layout.numel() * a.layout.shape[2] > 0 {
            return Err(Error::NotImplemented { op: op.into(), dtype: DType::Bool });
        }
        return Tensor::zeros_on(Layout::contiguous(shape), DType::Bool, device);
    }
    let out = Tensor::empty_on(Layout::contiguous(shape), a.dtype, device)?;
    backend(device).matmul(a, b, base, View { layout: &layout, ..out.raw() })?;
    Ok(out)
}

/// `base + a @ b` on matrices, as a tensor of `shape`. Only layouts are changed on the way: every tensor that were made
/// would take as long as a small product.
pub(super) fn matrix_product(
    op: &'static str,
    a: View,
    b: View,
    base: Option<View>,
    shape: &[usize],
) -> Result<Tensor> {
    let (one_a, one_b) = (a.layout.unsqueeze(0)?, b.layout.unsqueeze(0)?);
    let one_base = base.map(|base| base.layout.unsqueeze(0)).transpose()?;
    let layout = Layout::contiguous(&[1, a.layout.shape[0], b.layout.shape[1]]);
    let base = base.zip(one_base.as_ref()).map(|(base, layout)| View { layout, ..base });
    product(op, View { layout: &one_a, ..a }, View { layout: &one_b, ..b }, base, layout, shape)
}
