//! The handle: shared storage, a layout on it, a dtype, and what autograd knows of it.
//!
//! A `Tensor` is one pointer. Clones are the same tensor, as two Python names of one object are. The autograd part
//! (`Meta`) is made when it is first needed, so a tensor without gradients costs two small allocations.

pub mod display;
mod meta;
pub mod tape;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

pub use meta::{Creation, Meta, State, View};
pub use tape::{Ctx, Edge, GradMode, Grads, Node, OutputMeta, Save, Saved, grad_enabled, no_grad};

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::Dims;
use crate::storage::{Device, Storage};
use crate::{missing, runtime};

#[derive(Clone)]
pub struct Tensor(Arc<Inner>);

struct Inner {
    storage: Storage,
    layout: Layout,
    dtype: DType,
    /// Stands for a Python number: takes part in promotion by its category only.
    wrapped: bool,
    /// Made in inference mode.
    inference: bool,
    meta: OnceLock<Arc<Meta>>,
    /// Room for the bindings: the address of the Python object that stands for this tensor, or 0.
    slot: AtomicUsize,
}

impl Inner {
    fn bare(storage: Storage, layout: Layout, dtype: DType, wrapped: bool, inference: bool) -> Tensor {
        let (meta, slot) = (OnceLock::new(), AtomicUsize::new(0));
        Tensor(Arc::new(Inner { storage, layout, dtype, wrapped, inference, meta, slot }))
    }
}

impl Tensor {
    /// A tensor over existing storage, without history.
    #[inline]
    pub fn new(storage: Storage, layout: Layout, dtype: DType) -> Tensor {
        debug_assert!(
            layout.numel() == 0 || layout.extent() * dtype.size() <= storage.len(),
            "layout {layout:?} of {dtype} reaches past {storage:?}"
        );
        Inner::bare(storage, layout, dtype, false, tape::inference_enabled())
    }

    /// Uninitialised, row-major, on the CPU.
    pub fn empty(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Self::empty_on(Layout::contiguous(shape), dtype, Device::Cpu)
    }

    /// Uninitialised, with a dense layout of its own.
    pub fn empty_on(layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
        let bytes = checked_bytes(&layout, dtype)?;
        Ok(Tensor::new(Storage::empty(bytes, device)?, layout, dtype))
    }

    pub fn zeros(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Self::zeros_on(Layout::contiguous(shape), dtype, Device::Cpu)
    }

    pub fn zeros_on(layout: Layout, dtype: DType, device: Device) -> Result<Tensor> {
        let bytes = checked_bytes(&layout, dtype)?;
        Ok(Tensor::new(Storage::zeroed(bytes, device)?, layout, dtype))
    }

    /// A row-major copy of a slice.
    pub fn from_slice<T: Element>(data: &[T], shape: &[usize]) -> Result<Tensor> {
        let out = Tensor::empty(shape, T::DTYPE)?;
        assert_eq!(data.len(), out.numel(), "from_slice: {} elements for shape {shape:?}", data.len());
        // SAFETY: the storage was made for exactly this many elements and nobody else holds it.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), out.ptr::<T>(), data.len()) };
        Ok(out)
    }

    /// A zero-dim tensor that stands for a Python number.
    pub fn wrapped(value: Scalar) -> Result<Tensor> {
        let dtype = value.dtype();
        let storage = Storage::empty(dtype.size(), Device::Cpu)?;
        crate::per_dtype!(dtype, T => {
            // SAFETY: the storage was just made with room for this one element.
            unsafe { storage.ptr().cast::<T>().write(value.to()) }
        });
        Ok(Inner::bare(storage, Layout::contiguous(&[]), dtype, true, tape::inference_enabled()))
    }

    /// A zero-dim tensor of a given dtype.
    pub fn full_scalar(value: Scalar, dtype: DType) -> Result<Tensor> {
        crate::per_dtype!(dtype, T => Tensor::from_slice::<T>(&[value.to()], &[]))
    }

    #[inline]
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.0.layout.shape
    }

    #[inline]
    pub fn strides(&self) -> &[usize] {
        &self.0.layout.strides
    }

    #[inline]
    pub fn rank(&self) -> usize {
        self.0.layout.rank()
    }

    #[inline]
    pub fn numel(&self) -> usize {
        self.0.layout.numel()
    }

    #[inline]
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    #[inline]
    pub fn device(&self) -> Device {
        self.0.storage.device()
    }

    #[inline]
    pub fn is_wrapped(&self) -> bool {
        self.0.wrapped
    }

    #[inline]
    pub fn is_inference(&self) -> bool {
        self.0.inference
    }

    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.0.layout.is_contiguous()
    }

    /// The same tensor, not merely the same memory.
    #[inline]
    pub fn is(&self, other: &Tensor) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// An address that is the tensor's identity while a handle to it lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// First element of the view, as raw memory.
    #[inline]
    pub fn ptr<T: Element>(&self) -> *mut T {
        debug_assert_eq!(T::DTYPE, self.dtype());
        // SAFETY: the offset lies inside the storage (checked when the view was made); of an empty tensor nothing is read.
        unsafe { self.0.storage.ptr().cast::<T>().add(self.0.layout.offset) }
    }

    /// The elements of a contiguous tensor; an error on the meta device.
    #[inline]
    pub fn values<T: Element>(&self) -> Result<&[T]> {
        self.check_data()?;
        self.check_whole(T::DTYPE);
        // SAFETY: contiguous, inside the storage, of type T; bytes of a bool tensor are 0 or 1.
        Ok(unsafe { std::slice::from_raw_parts(self.ptr::<T>(), self.numel()) })
    }

    /// The same where they are only checked: none on the meta device, where such checks are left out.
    #[inline]
    pub fn known<T: Element>(&self) -> &[T] {
        self.values().unwrap_or(&[])
    }

    /// As `values`, of a tensor that an op has just made and nobody else holds.
    ///
    /// # Safety
    /// No other slice of this storage may be alive.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub unsafe fn values_mut<T: Element>(&self) -> Result<&mut [T]> {
        self.check_data()?;
        self.check_whole(T::DTYPE);
        // SAFETY: as in `values`, and the caller vouches that no other slice is alive.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.ptr::<T>(), self.numel()) })
    }

    #[inline]
    fn check_whole(&self, dtype: DType) {
        assert!(
            self.dtype() == dtype && self.is_contiguous(),
            "{dtype} values of {} {:?}",
            self.dtype(),
            self.layout()
        );
    }

    /// For tests: `values` of a tensor that is known to have some.
    #[cfg(test)]
    pub fn slice<T: Element>(&self) -> &[T] {
        self.values().expect("on the CPU")
    }

    /// Whether there is memory behind the shape: an op on the meta device has nothing to compute.
    #[inline]
    pub fn has_data(&self) -> bool {
        self.storage().has_data()
    }

    /// Refuse a meta tensor where numbers are needed.
    #[inline]
    pub fn check_data(&self) -> Result<()> {
        if self.has_data() { Ok(()) } else { Err(missing!("Cannot copy out of meta tensor; no data!")) }
    }

    /// The same for an op whose result has a shape, or is a Python value, that depends on the numbers.
    pub(crate) fn check_data_for(&self, op: &'static str) -> Result<()> {
        if self.has_data() { Ok(()) } else { Err(Error::Unsupported { op, device: "meta" }) }
    }

    /// One element, as a number.
    pub fn element(&self, index: &[usize]) -> Result<Scalar> {
        self.check_data()?;
        let at: usize = index.iter().zip(self.strides()).map(|(i, s)| i * s).sum();
        Ok(crate::per_dtype!(self.dtype(), T => {
            // SAFETY: an index inside the shape stays inside the storage.
            Scalar::from_element(unsafe { *self.ptr::<T>().add(at) })
        }))
    }

    /// The only element: `Tensor.item()`.
    pub fn item(&self) -> Result<Scalar> {
        if self.numel() != 1 {
            return Err(runtime!("a Tensor with {} elements cannot be converted to Scalar", self.numel()));
        }
        if !self.has_data() {
            return Err(runtime!("Tensor.item() cannot be called on meta tensors"));
        }
        self.element(&Dims::from_elem(0, self.rank()))
    }

    /// Another layout on the same storage, without history: the raw material of views.
    pub fn alias(&self, layout: Layout) -> Tensor {
        Inner::bare(self.storage().clone(), layout, self.dtype(), false, self.is_inference())
    }

    /// The same data without history and without a view's ties: what is saved for a derivative.
    pub fn detach_alias(&self) -> Tensor {
        let Inner { storage, layout, dtype, wrapped, inference, .. } = &*self.0;
        Inner::bare(storage.clone(), layout.clone(), *dtype, *wrapped, *inference)
    }

    /// Whether this is the only handle to the tensor and to its memory, which may then be reused.
    pub fn is_sole(&self) -> bool {
        self.has_handles(1)
    }

    /// Whether there are `n` handles to the tensor and no other tensor on its memory.
    fn has_handles(&self, n: usize) -> bool {
        Arc::strong_count(&self.0) == n && self.storage().is_unique()
    }

    /// A tensor for the result of an op by elements, on the same memory, if only the caller's `n` handles lead to it.
    pub(crate) fn reuse(&self, n: usize) -> Option<Tensor> {
        (self.has_handles(n) && self.layout().is_dense()).then(|| self.alias(self.layout().clone()))
    }

    /// The Python object that stands for this tensor, or 0; kept by the bindings, under the GIL.
    #[inline]
    pub fn slot(&self) -> usize {
        self.0.slot.load(Ordering::Relaxed)
    }

    #[inline]
    pub fn set_slot(&self, object: usize) {
        self.0.slot.store(object, Ordering::Relaxed);
    }

    pub(crate) fn output_meta(&self) -> OutputMeta {
        OutputMeta { shape: self.layout().shape.clone(), dtype: self.dtype() }
    }
}

fn checked_bytes(layout: &Layout, dtype: DType) -> Result<usize> {
    layout
        .shape
        .iter()
        .try_fold(dtype.size(), |bytes, &n| bytes.checked_mul(n))
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .ok_or_else(|| {
            runtime!("Storage size calculation overflowed with sizes={}", crate::shape::show(&layout.shape))
        })
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tensor({}, {})", crate::shape::show(self.shape()), self.dtype())
    }
}

/// A number as Python has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
}

impl Scalar {
    /// The dtype a Python number brings into promotion, before the default dtype is asked.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::I64,
            Scalar::Float(_) => DType::F64,
        }
    }

    pub fn to<T: Element>(self) -> T {
        match self {
            Scalar::Bool(b) => T::from_i64(i64::from(b)),
            Scalar::Int(i) => T::from_i64(i),
            Scalar::Float(x) => T::from_f64(x),
        }
    }

    pub fn to_f64(self) -> f64 {
        self.to()
    }

    /// Whether a dtype has room for the number, by PyTorch's rule: unsigned ones take negative integers that fit
    /// without their sign, floats take what is not finite.
    pub fn fits(self, dtype: DType) -> bool {
        let x = self.to_f64();
        let (low, high) = match dtype {
            DType::Bool | DType::F64 => return true,
            DType::F32 => return !x.is_finite() || x.abs() <= f64::from(f32::MAX),
            DType::F16 => return !x.is_finite() || x.abs() <= f64::from(half::f16::MAX),
            DType::BF16 => return !x.is_finite() || x.abs() <= f64::from(half::bf16::MAX),
            DType::U8 if matches!(self, Scalar::Float(_)) => (0.0, 255.0),
            DType::U8 => (-255.0, 255.0),
            DType::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
            DType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
            DType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
            DType::I64 => (i64::MIN as f64, i64::MAX as f64),
        };
        low <= x && x <= high
    }

    pub fn from_element<T: Element>(x: T) -> Scalar {
        match T::DTYPE {
            DType::Bool => Scalar::Bool(x.truthy()),
            d if d.is_float() => Scalar::Float(x.to_f64()),
            _ => Scalar::Int(x.to_i64()),
        }
    }
}

impl From<f64> for Scalar {
    fn from(x: f64) -> Scalar {
        Scalar::Float(x)
    }
}

impl From<i64> for Scalar {
    fn from(x: i64) -> Scalar {
        Scalar::Int(x)
    }
}
