//! Brackets: `x[…]` and `x[…] = y`.

use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PyList, PySequence, PySlice, PyString, PyTuple};
use tensorrs_core::DType;
use tensorrs_core::ops::index::Index;

use crate::args::{Operand, type_name};
use crate::border::{PyTensor, raise, run, run_inplace};

/// A bound of a slice: an int, None, or something with `__index__`.
fn bound(ob: &Bound<'_, PyAny>) -> PyResult<Option<isize>> {
    if ob.is_none() {
        return Ok(None);
    }
    // A bound beyond the machine's integers means "to the end".
    match ob.call_method0("__index__")?.extract::<isize>() {
        Ok(i) => Ok(Some(i)),
        Err(_) => Ok(Some(if ob.lt(0)? { isize::MIN / 4 } else { isize::MAX / 4 })),
    }
}

/// The bounds of a slice, each an int, None or something with `__index__`.
fn slice(s: &Bound<'_, PySlice>) -> PyResult<Index> {
    let [start, end, step] = ["start", "stop", "step"].map(|name| {
        let value = s.getattr(name)?;
        if !value.is_none() && !value.hasattr("__index__")? {
            return Err(PyTypeError::new_err(
                "slice indices must be integers or None or have an __index__ method",
            ));
        }
        bound(&value)
    });
    let step = step?.unwrap_or(1);
    if step == 0 {
        return Err(PyValueError::new_err("slice step cannot be zero"));
    }
    Ok(Index::Slice { start: start?, end: end?, step })
}

#[inline]
fn entry(ob: &Bound<'_, PyAny>) -> PyResult<Index> {
    if ob.is_exact_instance_of::<PyInt>() {
        return Ok(Index::At(ob.extract()?));
    }
    if let Ok(t) = ob.cast::<PyTensor>() {
        return Ok(Index::Tensor(t.get().tensor(ob.py())));
    }
    if let Ok(b) = ob.cast::<PyBool>() {
        return Ok(Index::Bool(b.is_true()));
    }
    if ob.is_instance_of::<PyInt>() {
        return Ok(Index::At(ob.extract()?));
    }
    if let Ok(s) = ob.cast::<PySlice>() {
        return slice(s);
    }
    if ob.is_none() {
        return Ok(Index::NewAxis);
    }
    if ob.is_instance_of::<PyEllipsis>() {
        return Ok(Index::Ellipsis);
    }
    if ob.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!("new(): invalid data type '{}'", type_name(ob))));
    }
    let array = ob.hasattr("__array_interface__")?;
    if array || is_sequence(ob) {
        let t = super::literal::parse(ob.py(), ob, None)?;
        // Data that is no mask stands for places, whatever type Python gave it.
        let t = match t.dtype() {
            DType::Bool | DType::U8 if t.numel() > 0 => t,
            dtype if array && dtype.is_float() && t.numel() > 0 => t,
            _ => t.to_dtype(DType::I64).map_err(raise)?,
        };
        return Ok(Index::Tensor(t));
    }
    if ob.hasattr("__index__")? {
        return Ok(Index::At(ob.call_method0("__index__")?.extract()?));
    }
    Err(PyIndexError::new_err(format!(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})",
        type_name(ob)
    )))
}

fn is_sequence(ob: &Bound<'_, PyAny>) -> bool {
    ob.is_instance_of::<PyList>()
        || ob.is_instance_of::<PyTuple>()
        || ob.cast::<PySequence>().is_ok() && !ob.is_instance_of::<PyTensor>()
}

/// A short list that holds slices, tensors or sequences is read as a tuple, as old NumPy did.
fn entries(key: &Bound<'_, PyAny>) -> PyResult<Vec<Index>> {
    if let Ok(tuple) = key.cast::<PyTuple>() {
        return tuple.iter().map(|item| entry(&item)).collect();
    }
    if let Ok(list) = key.cast::<PyList>() {
        let compound = |item: Bound<'_, PyAny>| {
            item.is_none()
                || item.is_instance_of::<PyTensor>()
                || item.is_instance_of::<PySlice>()
                || item.is_instance_of::<PyEllipsis>()
                || is_sequence(&item)
        };
        if list.len() < 32 && list.iter().any(compound) {
            return list.iter().map(|item| entry(&item)).collect();
        }
    }
    Ok(vec![entry(key)?])
}

#[pymethods]
impl PyTensor {
    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if key.is_exact_instance_of::<PyInt>() {
            let at = [Index::At(key.extract()?)];
            return run(py, 0, || x.get(&at));
        }
        let key = entries(key)?;
        run(py, 0, || x.get(&key))
    }

    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = entries(key)?;
        let value = value.extract::<Operand>().map_err(|_| {
            let dtype = slf.get().tensor(slf.py()).dtype().scalar_type();
            PyTypeError::new_err(format!("can't assign a {} to a tensorrs.{dtype}Tensor", type_name(value)))
        })?;
        run_inplace(slf, |x| x.set(&key, &value.0)).map(drop)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = key;
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }
}
