//! Copies and conversions: `clone`, `contiguous`, `to(dtype)`; and `write`, the raw assignment under all in-place ops.

use crate::backend::{View, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
use crate::ops::promote::check_fits;
use crate::tensor::{Scalar, Tensor};

impl Tensor {
    /// What a backend sees of this tensor.
    #[inline]
    pub fn raw(&self) -> View<'_> {
        View { storage: self.storage(), layout: self.layout(), dtype: self.dtype() }
    }

    /// Overwrite the elements, broadcasting and converting; no history, no version. `self` and `source` may overlap.
    pub fn write(&self, source: &Tensor) -> Result<()> {
        let source = source.expand_data(self.shape())?;
        let overlap = source.storage().same(self.storage()) && source.layout() != self.layout();
        let source =
            if overlap { source.copied(source.dtype(), Layout::contiguous(source.shape()))? } else { source };
        if self.has_data() {
            source.check_data()?;
        }
        backend(self.device()).copy(source.raw(), self.raw())
    }

    /// Set every element, no history, no version.
    pub fn fill_data(&self, value: Scalar) -> Result<()> {
        // PyTorch sets the one element of a half type by way of float: a number too large becomes infinite.
        if self.numel() != 1 || !matches!(self.dtype(), DType::F16 | DType::BF16) {
            check_fits(value, self.dtype())?;
        }
        self.write(&Tensor::full_scalar(value, self.dtype())?)
    }

    /// A copy with the given dtype and dense layout, without history.
    pub fn copied(&self, dtype: DType, layout: Layout) -> Result<Tensor> {
        let out = Tensor::empty_on(layout, dtype, self.device())?;
        backend(self.device()).copy(self.raw(), out.raw())?;
        Ok(out)
    }

    /// Converted without history; the tensor itself if it has the dtype.
    pub(crate) fn cast_data(&self, dtype: DType) -> Result<Tensor> {
        if dtype == self.dtype() { Ok(self.clone()) } else { self.copied(dtype, self.layout().preserved()) }
    }

    /// Contiguous without history; the tensor itself if it is so.
    pub(crate) fn contiguous_data(&self) -> Result<Tensor> {
        if self.is_contiguous() {
            Ok(self.clone())
        } else {
            self.copied(self.dtype(), Layout::contiguous(self.shape()))
        }
    }

    /// This fresh result with the order of dimensions in memory that `like` has.
    pub(crate) fn laid_as(self, like: &Tensor) -> Result<Tensor> {
        if like.is_contiguous() {
            return Ok(self);
        }
        let layout = like.layout().preserved();
        if layout.strides == self.layout().strides { Ok(self) } else { self.copied(self.dtype(), layout) }
    }

    /// A copy that keeps the order of dimensions in memory.
    pub fn dup(&self) -> Result<Tensor> {
        let out = self.copied(self.dtype(), self.layout().preserved())?;
        out.record("CloneBackward0", &[self], |_| |_, g| grads![Some(g.clone())])
    }

    /// A row-major copy.
    pub fn dup_contiguous(&self) -> Result<Tensor> {
        let out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        out.record("CloneBackward0", &[self], |_| |_, g| grads![Some(g.clone())])
    }

    /// Another shape over the same elements in memory order: on the same storage if it is large enough, with the old
    /// elements copied into a larger one otherwise. No history.
    pub fn resized(&self, shape: &[usize]) -> Result<Tensor> {
        let layout = Layout { offset: self.layout().offset, ..Layout::contiguous(shape) };
        if layout.extent() * self.dtype().size() <= self.storage().len() {
            return Ok(self.alias(layout));
        }
        let room = self.new_zeros(&[layout.extent()], self.dtype())?;
        let held = self.storage().len() / self.dtype().size();
        let old = self.alias(Layout::contiguous(&[held]));
        room.alias(Layout::contiguous(&[held])).write(&old)?;
        Ok(room.alias(layout))
    }

    /// Row-major; the tensor itself if it already is.
    pub fn contiguous(&self) -> Result<Tensor> {
        if self.is_contiguous() {
            return Ok(self.clone());
        }
        let out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        out.record("CloneBackward0", &[self], |_| |_, g| grads![Some(g.clone())])
    }

    /// In another dtype; the tensor itself if it has it.
    pub fn to_dtype(&self, dtype: DType) -> Result<Tensor> {
        if dtype == self.dtype() {
            return Ok(self.clone());
        }
        let from = self.dtype();
        let out = self.cast_data(dtype)?;
        out.record("ToCopyBackward0", &[self], |_| move |_, g| grads![Some(g.to_dtype(from)?)])
    }
}
