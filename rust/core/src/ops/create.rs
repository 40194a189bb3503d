//! Tensors from numbers: `full`, `arange`, `linspace`, `eye`.

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::storage::Device;
use crate::tensor::{Scalar, Tensor};

impl Tensor {
    pub fn full(shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
        Self::full_on(Layout::contiguous(shape), value, dtype, Device::Cpu)
    }

    pub fn full_on(layout: Layout, value: Scalar, dtype: DType, device: Device) -> Result<Tensor> {
        if matches!(value, Scalar::Int(0) | Scalar::Bool(false)) {
            return Tensor::zeros_on(layout, dtype, device);
        }
        let out = Tensor::empty_on(layout, dtype, device)?;
        out.fill_data(value)?;
        Ok(out)
    }

    pub fn ones(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Self::full(shape, Scalar::Int(1), dtype)
    }

    /// A new tensor with this one's order of dimensions in memory.
    pub fn empty_like(&self) -> Result<Tensor> {
        Tensor::empty_on(self.layout().preserved(), self.dtype(), self.device())
    }

    pub fn zeros_like(&self) -> Result<Tensor> {
        Tensor::zeros_on(self.layout().preserved(), self.dtype(), self.device())
    }

    pub fn ones_like(&self) -> Result<Tensor> {
        Tensor::full_on(self.layout().preserved(), Scalar::Int(1), self.dtype(), self.device())
    }
}
