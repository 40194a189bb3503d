//! Which dtype and device operands meet in, and the default dtype that Python floats bring.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::dtype::{Category, DType};
use crate::error::Result;
use crate::storage::Device;
use crate::tensor::{Scalar, Tensor};
use crate::{runtime, type_error};

static DEFAULT: AtomicU8 = AtomicU8::new(DType::F32 as u8);

/// The dtype of new float tensors: `get_default_dtype()`.
pub fn default_dtype() -> DType {
    DType::ALL[DEFAULT.load(Ordering::Relaxed) as usize]
}

pub fn set_default_dtype(dtype: DType) -> Result<()> {
    if !dtype.is_float() {
        return Err(type_error!("only floating-point types are supported as the default type"));
    }
    DEFAULT.store(dtype as u8, Ordering::Relaxed);
    Ok(())
}

/// PyTorch's `result_type`: tensors with dimensions come first, zero-dim tensors next, Python numbers last; a later
/// group only counts where its category (bool, integer, float) is higher.
pub fn result_type(operands: &[&Tensor]) -> DType {
    let mut groups: [Option<DType>; 3] = [None; 3];
    for t in operands {
        let (group, dtype) = match (t.is_wrapped(), t.rank()) {
            (true, _) if t.dtype().is_float() => (2, default_dtype()),
            (true, _) => (2, t.dtype()),
            (false, 0) => (1, t.dtype()),
            (false, _) => (0, t.dtype()),
        };
        groups[group] = Some(groups[group].map_or(dtype, |d| d.promote(dtype)));
    }
    let mut result: Option<DType> = None;
    for group in groups.into_iter().flatten() {
        result = Some(match result {
            Some(r) if r.category() >= group.category() => r,
            Some(r) if group.category() == Category::Bool => r,
            Some(r) => r.promote(group),
            None => group,
        });
    }
    result.unwrap_or_else(default_dtype)
}

/// Where operands meet: zero-dim tensors on the CPU go along with any device, the others must lie on one.
pub(crate) fn common_device(operands: &[&Tensor]) -> Result<Device> {
    let follows = |t: &Tensor| t.device() == Device::Cpu && t.rank() == 0;
    let mut bound = operands.iter().filter(|t| !follows(t)).map(|t| t.device());
    let Some(first) = bound.next() else { return Ok(Device::Cpu) };
    check_devices(first, bound)?;
    Ok(first)
}

/// Refuse operands that lie elsewhere than the first of them.
pub(crate) fn check_devices(first: Device, others: impl IntoIterator<Item = Device>) -> Result<()> {
    match others.into_iter().find(|&other| other != first) {
        None => Ok(()),
        Some(other) => Err(runtime!("Tensor on device {other} is not on the expected device {first}!")),
    }
}

/// Refuse a number that a dtype has no room for.
pub fn check_fits(value: Scalar, dtype: DType) -> Result<()> {
    if value.fits(dtype) {
        return Ok(());
    }
    let name = match dtype {
        DType::U8 => "uint8_t",
        DType::I8 => "int8_t",
        DType::I16 => "int16_t",
        DType::I64 => "int64_t",
        other => other.cpp_name(),
    };
    Err(runtime!("value cannot be converted to type {name} without overflow"))
}

/// The dtype of a function that always gives a float (`exp`, `div`, `mean` of a mask).
pub fn float_type(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { default_dtype() }
}
