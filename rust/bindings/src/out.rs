//! `out=`: the tensor, or the tuple of tensors, that a function's result goes to.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use tensorrs_core::tensor::grad_enabled;
use tensorrs_core::{DType, Error, Tensor, runtime, value};

use crate::args::type_name;
use crate::border::{PyTensor, raise, wrap};

/// Functions whose `out` has the dtype of the result exactly. Elsewhere any dtype of its category is converted to.
const EXACT: &str = " abs addmm addmv all amax amin aminmax any argmax argmin baddbmm bmm ceil clamp cummax cummin diag \
    dot floor gather index_add index_copy index_select inner kthvalue log_softmax logcumsumexp masked_select matmul max \
    median min mm mode msort multinomial mv nan_to_num nanmedian neg nonzero norm renorm round scatter scatter_add sign \
    softmax sort take take_along_dim topk tril triu trunc where ";
/// Functions that sum or multiply straight into the dtype of `out`, whatever it is.
const FREE: &str = " cumprod cumsum prod sum ";
/// Functions that read their input while they write `out`.
const APART: &str = " aminmax gather index_select kthvalue masked_select max median min mode nanmedian take \
    take_along_dim topk ";

fn among(names: &str, name: &str) -> bool {
    names.split_ascii_whitespace().any(|n| n == name)
}

pub fn refuse_gradients(
    name: &Bound<'_, PyString>,
    args: &Bound<'_, PyTuple>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let wants =
        |ob: &Bound<'_, PyAny>| ob.cast::<PyTensor>().is_ok_and(|t| t.get().tensor(ob.py()).requires_grad());
    if grad_enabled() && (wants(out) || args.iter().any(|a| wants(&a))) {
        return Err(raise(runtime!(
            "{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )));
    }
    Ok(())
}

/// Put the result of the function `name` into `out`, as far as PyTorch's function does.
pub fn fill<'py>(
    name: &Bound<'py, PyString>,
    args: &Bound<'py, PyTuple>,
    result: &Bound<'py, PyAny>,
    out: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let op = name.to_str()?;
    if let Ok(one) = out.cast::<PyTensor>() {
        put(op, args, one, &result.cast::<PyTensor>()?.get().tensor(result.py()))?;
        return Ok(out.clone());
    }
    if op == "aminmax"
        && let Ok((a, b)) = out.extract::<(Bound<'_, PyTensor>, Bound<'_, PyTensor>)>()
        && a.get().tensor(a.py()).check_apart(&[&b.get().tensor(b.py())]).is_err()
    {
        return Err(raise(value!("aminmax(): the `min` and `max` out= tensors must not overlap.")));
    }
    for (o, r) in out.try_iter()?.zip(result.try_iter()?) {
        let (o, r) = (o?, r?);
        let o = o.cast::<PyTensor>().map_err(|_| {
            PyTypeError::new_err(format!(
                "{name}(): argument 'out' must be tuple of Tensors, not {}",
                type_name(&o)
            ))
        })?;
        put(op, args, o, &r.cast::<PyTensor>()?.get().tensor(r.py()))?;
    }
    Ok(out.clone())
}

/// Refuse an `out` of another dtype than the result's.
pub fn check_exact(op: &str, out: &Tensor, result: &Tensor) -> PyResult<()> {
    let (found, wanted) = (out.dtype(), result.dtype());
    // Truth may go to bytes.
    if found == wanted || (wanted == DType::Bool && found == DType::U8) {
        return Ok(());
    }
    if among(" amax amin ", op) {
        return Err(raise(runtime!(
            "Expected the dtype for input and out to match, but got {} for input's dtype and {} for out's dtype.",
            wanted.scalar_type(),
            found.scalar_type()
        )));
    }
    if op == "multinomial" {
        return Err(raise(runtime!("multinomial expects Long tensor out, got: {}", found.scalar_type())));
    }
    Err(raise(runtime!(
        "{op}(): Expected out tensor to have dtype {}, but got {} instead",
        wanted.cpp_name(),
        found.cpp_name()
    )))
}

fn put(op: &str, args: &Bound<'_, PyTuple>, out: &Bound<'_, PyTensor>, result: &Tensor) -> PyResult<()> {
    let old = out.get().tensor(out.py());
    if among(EXACT, op) {
        check_exact(op, &old, result)?;
    }
    if among(APART, op) {
        let read: Vec<Tensor> =
            args.iter().filter_map(|a| Some(a.cast::<PyTensor>().ok()?.get().tensor(a.py()))).collect();
        old.check_apart(&read.iter().collect::<Vec<_>>()).map_err(raise)?;
    }
    if among(FREE, op) {
        if old.dtype() == DType::Bool && op.starts_with("cum") {
            return Err(raise(Error::NotImplemented {
                op: format!("{op}_out_cpu").into(),
                dtype: DType::Bool,
            }));
        }
        return store(out, &result.to_dtype(old.dtype()).map_err(raise)?);
    }
    store(out, result)
}

/// Put a result into `out`: converted if the category allows it, resized if the shape differs.
pub fn store(out: &Bound<'_, PyTensor>, result: &Tensor) -> PyResult<()> {
    let old = out.get().tensor(out.py());
    if !result.dtype().can_cast(old.dtype()) {
        return Err(raise(tensorrs_core::Error::Cast { from: result.dtype(), to: old.dtype() }));
    }
    if old.shape() == result.shape() {
        old.write(result).map_err(raise)?;
        old.storage().bump();
        return Ok(());
    }
    if old.numel() != 0 {
        let text = format!(
            "An output with one or more elements was resized since it had shape {}, which does not match the required output shape {}. This behavior is deprecated, and in a future PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
            tensorrs_core::shape::show(old.shape()),
            tensorrs_core::shape::show(result.shape())
        );
        let warnings = out.py().import("warnings")?;
        warnings.call_method1("warn", (text,))?;
    }
    let fresh = result.copied(old.dtype(), result.layout().preserved()).map_err(raise)?;
    PyTensor::set(out, old.with_data(&fresh));
    Ok(())
}

/// Give a result to `out=`, if there is one.
pub fn to_out(py: Python<'_>, result: Tensor, out: Option<&Bound<'_, PyTensor>>) -> PyResult<Py<PyTensor>> {
    match out {
        Some(out) => {
            store(out, &result)?;
            Ok(out.clone().unbind())
        }
        None => wrap(py, result),
    }
}
