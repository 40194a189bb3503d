//! Operands as the kernels of neural networks take them: contiguous, float16 and bfloat16 as float32.

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::tensor::Tensor;

/// The type a float is computed in.
pub(crate) fn wide_dtype(dtype: DType) -> DType {
    if matches!(dtype, DType::F16 | DType::BF16) { DType::F32 } else { dtype }
}

impl Tensor {
    /// Contiguous and in the type kernels compute in, without history.
    pub(crate) fn wide(&self) -> Result<Tensor> {
        let dtype = wide_dtype(self.dtype());
        if dtype == self.dtype() {
            self.contiguous_data()
        } else {
            self.copied(dtype, Layout::contiguous(self.shape()))
        }
    }

    /// An uninitialised output for a kernel, in the type it computes in.
    pub(crate) fn wide_out(&self, shape: &[usize]) -> Result<Tensor> {
        Tensor::empty_on(Layout::contiguous(shape), wide_dtype(self.dtype()), self.device())
    }
}
