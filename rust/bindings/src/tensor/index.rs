//! Brackets: `x[…]` and `x[…] = y`.

use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyInt, PyList, PySlice, PyTuple};
use tensorrs_core::ops::index::Index;

use crate::args::{Operand, type_name};
use crate::border::{PyTensor, run, run_inplace};

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

fn entry(ob: &Bound<'_, PyAny>) -> PyResult<Index> {
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
        let (start, end) = (bound(&s.getattr("start")?)?, bound(&s.getattr("stop")?)?);
        return Ok(Index::Slice { start, end, step: bound(&s.getattr("step")?)?.unwrap_or(1) });
    }
    if ob.is_none() {
        return Ok(Index::NewAxis);
    }
    if ob.is_instance_of::<PyEllipsis>() {
        return Ok(Index::Ellipsis);
    }
    if ob.is_instance_of::<PyList>() || ob.is_instance_of::<PyTuple>() || ob.hasattr("__array_interface__")? {
        let t = super::literal::parse(ob.py(), ob, None)?;
        let t = if t.numel() == 0 {
            t.to_dtype(tensorrs_core::DType::I64).map_err(crate::border::raise)?
        } else {
            t
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

/// A list that holds slices, tensors or sequences is read as a tuple, as old NumPy did.
fn entries(key: &Bound<'_, PyAny>) -> PyResult<Vec<Index>> {
    if let Ok(tuple) = key.cast::<PyTuple>() {
        return tuple.iter().map(|item| entry(&item)).collect();
    }
    Ok(vec![entry(key)?])
}

#[pymethods]
impl PyTensor {
    fn __getitem__(&self, py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Py<PyTensor>> {
        let (x, key) = (self.tensor(py), entries(key)?);
        run(py, 0, || x.get(&key))
    }

    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = entries(key)?;
        let value = value.extract::<Operand>().map_err(|_| {
            PyTypeError::new_err(format!("can't assign a {} to a tensorrs.{}", type_name(value), "Tensor"))
        })?;
        run_inplace(slf, |x| x.set(&key, &value.0)).map(drop)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let _ = key;
        Err(PyTypeError::new_err("Tensor does not support deleting items"))
    }
}
