//! The CPU backend: turns a verb into the loop for the operands' dtypes.

pub mod attention;
pub mod bags;
pub mod conv;
mod copy;
pub mod ctc;
pub mod dot;
pub mod embedding;
pub mod gemm;
pub mod grid;
pub mod index;
mod lanes;
mod linalg;
pub mod loss;
pub mod math;
mod matmul;
mod nn;
pub mod norm;
pub mod optim;
mod optim_each;
pub mod optim_rules;
mod pointwise;
pub mod pool;
pub mod rearrange;
mod recurrent;
mod reduce;
pub mod resample;
mod scan;
pub mod search;
pub mod softmax;
mod sort;
mod stream;
mod summed;
#[cfg(test)]
pub(crate) mod testing;
mod transpose;

use half::{bf16, f16};

use super::{Backend, Binary, Factor, Fold, Kth, Number, Params, Scan, Soft, Test, Unary, View};
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::per_dtype;

pub use pointwise::plainly;

pub struct Cpu;

fn lacks(name: &'static str, dtype: DType) -> Error {
    Error::NotImplemented { op: name.into(), dtype }
}

/// Run a loop table by dtype: `$native` on the machine types, `$half` on the two half-precision ones.
macro_rules! run_loops {
    ($k:expr, $dtype:expr, $native:ident($($arg:expr),*), $half:ident) => {{
        let (k, dtype) = ($k, $dtype);
        let missing = || lacks(k.name, dtype);
        match dtype {
            DType::F32 => pointwise::$native::<f32, f32>(k.f32.ok_or_else(missing)?, $($arg),*),
            DType::F64 => pointwise::$native::<f64, f64>(k.f64.ok_or_else(missing)?, $($arg),*),
            DType::F16 => $half!(f16, k.f32.ok_or_else(missing)?),
            DType::BF16 => $half!(bf16, k.f32.ok_or_else(missing)?),
            DType::I8 => pointwise::$native::<i8, i8>(k.ints.as_ref().ok_or_else(missing)?.i8, $($arg),*),
            DType::U8 => pointwise::$native::<u8, u8>(k.ints.as_ref().ok_or_else(missing)?.u8, $($arg),*),
            DType::I16 => pointwise::$native::<i16, i16>(k.ints.as_ref().ok_or_else(missing)?.i16, $($arg),*),
            DType::I32 => pointwise::$native::<i32, i32>(k.ints.as_ref().ok_or_else(missing)?.i32, $($arg),*),
            DType::I64 => pointwise::$native::<i64, i64>(k.ints.as_ref().ok_or_else(missing)?.i64, $($arg),*),
            DType::Bool => pointwise::$native::<bool, bool>(k.bool.ok_or_else(missing)?, $($arg),*),
        }
    }};
}

/// Run `$body` for float32 or float64, the types most kernels are made for.
macro_rules! per_real {
    ($name:literal, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DType::F32 => {
                type $T = f32;
                $body;
                Ok(())
            }
            DType::F64 => {
                type $T = f64;
                $body;
                Ok(())
            }
            other => Err(lacks($name, other)),
        }
    };
}

/// As `run_loops` for a comparison, which every dtype has.
macro_rules! run_tests {
    ($k:expr, $dtype:expr, $native:ident($($arg:expr),*), $half:ident) => {
        match $dtype {
            DType::F32 => pointwise::$native::<f32, bool>($k.f32, $($arg),*),
            DType::F64 => pointwise::$native::<f64, bool>($k.f64, $($arg),*),
            DType::F16 => $half!(f16),
            DType::BF16 => $half!(bf16),
            DType::I8 => pointwise::$native::<i8, bool>($k.ints.i8, $($arg),*),
            DType::U8 => pointwise::$native::<u8, bool>($k.ints.u8, $($arg),*),
            DType::I16 => pointwise::$native::<i16, bool>($k.ints.i16, $($arg),*),
            DType::I32 => pointwise::$native::<i32, bool>($k.ints.i32, $($arg),*),
            DType::I64 => pointwise::$native::<i64, bool>($k.ints.i64, $($arg),*),
            DType::Bool => pointwise::$native::<bool, bool>($k.bool, $($arg),*),
        }
    };
}

impl Number {
    #[inline]
    fn to<T: Element>(self) -> T {
        match self {
            Number::Int(i) => T::from_i64(i),
            Number::Float(x) => T::from_f64(x),
        }
    }
}

impl Backend for Cpu {
    fn factor(&self, how: Factor, ins: &[View], outs: &[View]) -> Result<()> {
        linalg::factor(how, ins, outs)
    }

    fn copy(&self, x: View, out: View) -> Result<()> {
        if x.dtype == out.dtype {
            match x.dtype.size() {
                1 => copy::copy_same::<u8>(x, out),
                2 => copy::copy_same::<u16>(x, out),
                4 => copy::copy_same::<u32>(x, out),
                _ => copy::copy_same::<u64>(x, out),
            }
            return Ok(());
        }
        per_dtype!(x.dtype, T => per_dtype!(out.dtype, O => copy::convert::<T, O>(x, out, convert::<T, O>)));
        Ok(())
    }

    fn unary(&self, k: &Unary, p: &Params, x: View, out: View) -> Result<()> {
        macro_rules! half {
            ($T:ty, $k:expr) => {
                pointwise::unary_half::<$T>($k, p, x, out)
            };
        }
        run_loops!(k, x.dtype, unary(p, x, out), half);
        Ok(())
    }

    fn binary(&self, k: &Binary, p: &Params, a: View, b: View, out: View) -> Result<()> {
        macro_rules! half {
            ($T:ty, $k:expr) => {
                pointwise::binary_half::<$T, f32, $T>($k, p, a, b, out, <$T>::from_f32)
            };
        }
        run_loops!(k, a.dtype, binary(p, a, b, out), half);
        Ok(())
    }

    fn binary_sum(&self, k: &Binary, p: &Params, a: View, b: View, count: f64, out: View) -> Result<()> {
        macro_rules! run {
            ($T:ty, $k:expr) => {{
                let k = $k.ok_or_else(|| lacks(k.name, a.dtype))?;
                let sum = summed::summed::<$T>(k, p, elements(a), elements(b));
                // SAFETY: the op has just made `out`.
                unsafe { elements_mut::<$T>(out)[0] = (sum / count) as $T };
            }};
        }
        match a.dtype {
            DType::F32 => run!(f32, k.f32),
            DType::F64 => run!(f64, k.f64),
            other => return Err(lacks(k.name, other)),
        }
        Ok(())
    }

    fn binary_number(
        &self,
        k: &Binary,
        p: &Params,
        x: View,
        number: Number,
        left: bool,
        out: View,
    ) -> Result<()> {
        macro_rules! half {
            ($T:ty, $k:expr) => {{
                let n = if k.wide_number { number.to::<f32>() } else { number.to::<$T>().to_f32() };
                pointwise::number_half::<$T, f32, $T>($k, p, x, n, left, out, <$T>::from_f32)
            }};
        }
        run_loops!(k, x.dtype, number(p, x, number.to(), left, out), half);
        Ok(())
    }

    fn test(&self, k: &Test, a: View, b: View, out: View) -> Result<()> {
        let p = &[0.0; 2];
        macro_rules! half {
            ($T:ty) => {
                pointwise::binary_half::<$T, bool, bool>(k.f32, p, a, b, out, |v| v)
            };
        }
        run_tests!(k, a.dtype, binary(p, a, b, out), half);
        Ok(())
    }

    fn test_number(&self, k: &Test, x: View, number: Number, left: bool, out: View) -> Result<()> {
        let p = &[0.0; 2];
        macro_rules! half {
            ($T:ty) => {{
                let n = number.to::<$T>().to_f32();
                pointwise::number_half::<$T, bool, bool>(k.f32, p, x, n, left, out, |v| v)
            }};
        }
        run_tests!(k, x.dtype, number(p, x, number.to(), left, out), half);
        Ok(())
    }

    fn choose(&self, cond: View, a: View, b: View, out: View) -> Result<()> {
        match out.dtype.size() {
            1 => copy::choose::<u8>(cond, a, b, out),
            2 => copy::choose::<u16>(cond, a, b, out),
            4 => copy::choose::<u32>(cond, a, b, out),
            _ => copy::choose::<u64>(cond, a, b, out),
        }
        Ok(())
    }

    fn matmul(&self, a: View, b: View, base: Option<View>, out: View) -> Result<()> {
        matmul::matmul(a, b, base, out)
    }

    fn reduce(&self, fold: Fold, x: View, mask: &[bool], out: View) -> Result<()> {
        let extreme = matches!(fold, Fold::Max | Fold::Min);
        let (x, out) = (bytes(x), if extreme { bytes(out) } else { out });
        reduce::reduce(fold, x, mask, out)
    }

    fn moments(&self, x: View, mask: &[bool], free: f64, mean: View, var: View) -> Result<()> {
        reduce::moments(x, mask, free, mean, var)
    }

    fn scan(&self, how: Scan, x: View, dim: usize, out: View, places: Option<View>) -> Result<()> {
        let axis = softmax::Axis::of(&x.layout.shape, dim);
        if let (Scan::Max | Scan::Min, Some(places)) = (how, places) {
            per_dtype!(x.dtype, T => {
                // SAFETY: the op has just made the outputs.
                let (out, places) = unsafe { (elements_mut::<T>(out), elements_mut::<i64>(places)) };
                scan::extremes(axis, elements::<T>(x), how == Scan::Max, out, places);
            });
            return Ok(());
        }
        if x.dtype == DType::I64 {
            // SAFETY: the op has just made `out`.
            let (x, out) = (elements::<i64>(x), unsafe { elements_mut::<i64>(out) });
            match how {
                Scan::Sum => scan::integers(axis, x, out, i64::wrapping_add),
                Scan::Prod => scan::integers(axis, x, out, i64::wrapping_mul),
                _ => return Err(lacks(how.name(), DType::I64)),
            }
            return Ok(());
        }
        per_real!("scan", x.dtype, T => {
            // SAFETY: the op has just made `out`.
            let (x, out) = (elements::<T>(x), unsafe { elements_mut::<T>(out) });
            match how {
                Scan::Sum => scan::floats(axis, x, out, |a, x| a + x),
                Scan::Prod => scan::floats(axis, x, out, |a, x| a * x),
                _ => scan::floats(axis, x, out, scan::log_add_exp),
            }
        })
    }

    fn order(&self, x: View, dim: usize, descending: bool, values: View, places: View) -> Result<()> {
        per_dtype!(x.dtype, T => sort::order::<T>(x, dim, descending, values, places));
        Ok(())
    }

    fn kth(&self, x: View, dim: usize, which: Kth, values: View, places: View) -> Result<()> {
        per_dtype!(x.dtype, T => sort::kth::<T>(x, dim, which, values, places));
        Ok(())
    }

    fn softmax(&self, kind: Soft, x: View, dim: usize, out: View) -> Result<()> {
        let axis = softmax::Axis::of(&x.layout.shape, dim);
        per_real!("softmax_cpu", x.dtype, T => {
            // SAFETY: the op has just made `out`.
            let (x, y) = (elements::<T>(x), unsafe { elements_mut::<T>(out) });
            match kind {
                Soft::Plain => softmax::softmax(axis, x, y),
                Soft::Log => softmax::log_softmax(axis, x, y),
            }
        })
    }

    fn softmax_backward(&self, kind: Soft, y: View, dy: View, dim: usize, dx: View) -> Result<()> {
        let axis = softmax::Axis::of(&y.layout.shape, dim);
        per_real!("softmax_backward_cpu", y.dtype, T => {
            // SAFETY: the op has just made `dx`.
            let (y, dy, dx) = (elements::<T>(y), elements::<T>(dy), unsafe { elements_mut::<T>(dx) });
            match kind {
                Soft::Plain => softmax::softmax_backward(axis, y, dy, dx),
                Soft::Log => softmax::log_softmax_backward(axis, y, dy, dx),
            }
        })
    }

    fn find(&self, x: View, dim: usize, values: View, out: View) -> Result<()> {
        let (x, values) = (bytes(x), bytes(values));
        match x.dtype {
            DType::F32 => reduce::find::<f32>(x, dim, values, out),
            DType::F64 => reduce::find::<f64>(x, dim, values, out),
            DType::U8 => reduce::find::<u8>(x, dim, values, out),
            DType::I32 => reduce::find::<i32>(x, dim, values, out),
            DType::I64 => reduce::find::<i64>(x, dim, values, out),
            other => return Err(lacks("argmax_cpu", other)),
        }
        Ok(())
    }
}

/// The elements of a contiguous view.
fn elements<T: Element>(v: View<'_>) -> &[T] {
    debug_assert!(v.dtype == T::DTYPE && v.layout.is_contiguous());
    // SAFETY: contiguous, inside the storage, of type T.
    unsafe { std::slice::from_raw_parts(v.storage.ptr().cast::<T>().add(v.layout.offset), v.layout.numel()) }
}

/// # Safety
/// No other slice of the view's storage may be alive.
#[allow(clippy::mut_from_ref)]
unsafe fn elements_mut<T: Element>(v: View<'_>) -> &mut [T] {
    debug_assert!(v.dtype == T::DTYPE && v.layout.is_contiguous());
    // SAFETY: contiguous, inside the storage, of type T, and nobody else's, as the caller says.
    unsafe {
        std::slice::from_raw_parts_mut(v.storage.ptr().cast::<T>().add(v.layout.offset), v.layout.numel())
    }
}

/// Truth values as the bytes 0 and 1 that they are.
fn bytes(v: View<'_>) -> View<'_> {
    View { dtype: if v.dtype == DType::Bool { DType::U8 } else { v.dtype }, ..v }
}

/// One element from one dtype to another, as PyTorch's `to` does it.
#[inline(always)]
fn convert<T: Element, O: Element>(x: T) -> O {
    if O::DTYPE == DType::Bool {
        O::from_i64(i64::from(x.truthy()))
    } else if T::DTYPE.is_float() {
        O::from_f64(x.to_f64())
    } else {
        O::from_i64(x.to_i64())
    }
}
