//! `tensor([[1, 2], [3, 4]])`: nested Python data to a tensor.

use pyo3::exceptions::{PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString};
use tensorrs_core::ops::promote::default_dtype;
use tensorrs_core::tensor::no_grad;
use tensorrs_core::{DType, Scalar, Tensor};

use super::create::Options;
use crate::args::{Arg, Number, type_name};
use crate::border::{PyTensor, raise};

/// A new tensor with a copy of `data`: numbers, nested sequences of them, NumPy arrays, tensors.
#[pyfunction]
#[pyo3(signature = (data, **kwargs))]
pub fn tensor<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let options = Options::fresh("tensor", kwargs)?;
    if data.is_instance_of::<PyTensor>() {
        warn_of_copy(py, "tensorrs.tensor(sourceTensor)")?;
    }
    let t = parse(py, data, options.dtype)?;
    options.finish(py, t)
}

#[pymethods]
impl PyTensor {
    /// A copy of `data` as a tensor of this one's dtype.
    #[pyo3(signature = (data, **kwargs))]
    fn new_tensor<'py>(
        &self,
        py: Python<'py>,
        data: &Bound<'py, PyAny>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (mut options, own) = (Options::parse("new_tensor", kwargs)?, self.tensor(py));
        options.device.get_or_insert(own.device());
        if data.is_instance_of::<PyTensor>() {
            warn_of_copy(py, "tensor.new_tensor(sourceTensor)")?;
        }
        let dtype = options.dtype.unwrap_or(own.dtype());
        let t = parse(py, data, Some(dtype))?;
        options.finish(py, t)
    }
}

fn warn_of_copy(py: Python<'_>, call: &str) -> PyResult<()> {
    let text = format!(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or sourceTensor.detach().clone().requires_grad_(True), rather than {call}."
    );
    py.import("warnings")?
        .call_method1("warn", (text, py.get_type::<pyo3::exceptions::PyUserWarning>(), 2))?;
    Ok(())
}

/// Parse without history or options; the dtype is PyTorch's guess where none is given.
pub fn parse(py: Python<'_>, data: &Bound<'_, PyAny>, dtype: Option<DType>) -> PyResult<Tensor> {
    if let Ok(Arg(t)) = data.extract() {
        return no_grad(|| t.detach().copied(dtype.unwrap_or(t.dtype()), t.layout().preserved()))
            .map_err(raise);
    }
    if data.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err(format!("new(): invalid data type '{}'", type_name(data))));
    }
    if data.hasattr("__array_interface__")? || data.hasattr("__dlpack__")? && !is_sequence(data)? {
        let t = crate::interop::from_array(py, data)?;
        return no_grad(|| t.copied(dtype.unwrap_or(t.dtype()), t.layout().preserved())).map_err(raise);
    }
    let mut found = Found::default();
    measure(data, 0, true, &mut found)?;
    let dtype = dtype.unwrap_or_else(|| found.dtype.unwrap_or_else(default_dtype));
    let mut numbers = Vec::new();
    if !found.shape.contains(&0) {
        fill(data, 0, &found.shape, &mut numbers, dtype)?;
    }
    Tensor::from_scalars(&numbers, &found.shape, dtype).map_err(raise)
}

#[derive(Default)]
struct Found {
    shape: Vec<usize>,
    dtype: Option<DType>,
}

impl Found {
    fn meet(&mut self, dtype: DType) {
        self.dtype = Some(self.dtype.map_or(dtype, |d| d.promote(dtype)));
    }
}

fn is_sequence(ob: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(ob.is_instance_of::<pyo3::types::PyList>()
        || ob.is_instance_of::<pyo3::types::PyTuple>()
        || ob.hasattr("__len__")?
            && ob.hasattr("__getitem__")?
            && !ob.is_instance_of::<PyDict>()
            && !is_number(ob)?)
}

/// Whether something is one number: Python's, NumPy's, or a tensor of no dimension.
fn is_number(ob: &Bound<'_, PyAny>) -> PyResult<bool> {
    if ob.is_instance_of::<PyFloat>() || ob.is_instance_of::<PyInt>() {
        return Ok(true);
    }
    if let Ok(t) = ob.cast::<PyTensor>() {
        return Ok(t.get().tensor(ob.py()).rank() == 0);
    }
    Ok(ob.hasattr("dtype")? && ob.getattr("shape").and_then(|s| s.len()).is_ok_and(|rank| rank == 0))
}

/// The shape along first elements, and the dtype over all.
/// `first` is true on the way along first elements.
fn measure(ob: &Bound<'_, PyAny>, depth: usize, first: bool, found: &mut Found) -> PyResult<()> {
    if ob.is_instance_of::<PyFloat>() {
        found.meet(default_dtype());
    } else if ob.is_instance_of::<PyBool>() {
        found.meet(DType::Bool);
    } else if ob.is_instance_of::<PyInt>() {
        found.meet(DType::I64);
    } else if ob.is_instance_of::<PyString>() && first {
        // A string is a sequence of strings, without end.
        return Err(PyValueError::new_err(format!("too many dimensions '{}'", type_name(ob))));
    } else if ob.is_instance_of::<PyString>() {
        // PyTorch follows first elements down, and the first letter of a text is a text again.
        return Err(match depth > 0 && found.shape.len() == depth && ob.len()? > 0 {
            true => PyValueError::new_err("too many dimensions 'str'"),
            false => PyTypeError::new_err(format!("new(): invalid data type '{}'", type_name(ob))),
        });
    } else if is_number(ob)? {
        found.meet(number_dtype(ob)?);
    } else if is_sequence(ob)? {
        let n = ob.len()?;
        if depth > 64 {
            return Err(PyValueError::new_err("too many dimensions"));
        }
        if first {
            found.shape.push(n);
        }
        for i in 0..n {
            measure(&ob.get_item(i)?, depth + 1, first && i == 0, found)?;
        }
    } else if ob.hasattr("__index__")? {
        found.meet(DType::I64);
    } else if ob.hasattr("__float__")? {
        found.meet(default_dtype());
    } else {
        return Err(PyRuntimeError::new_err(format!("Could not infer dtype of {}", type_name(ob))));
    }
    Ok(())
}

fn number_dtype(ob: &Bound<'_, PyAny>) -> PyResult<DType> {
    if let Ok(t) = ob.cast::<PyTensor>() {
        return Ok(t.get().tensor(ob.py()).dtype());
    }
    let name: String = ob.getattr("dtype")?.getattr("name")?.extract()?;
    DType::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| {
        PyTypeError::new_err(format!("can't convert a NumPy scalar of type {name} to a tensor"))
    })
}

/// Visit the numbers row by row; a row of another length than the first is an error.
fn fill(
    ob: &Bound<'_, PyAny>,
    depth: usize,
    shape: &[usize],
    out: &mut Vec<Scalar>,
    dtype: DType,
) -> PyResult<()> {
    if depth == shape.len() {
        if !is_number(ob)? && is_sequence(ob)? {
            let name = type_name(ob);
            return Err(PyTypeError::new_err(match dtype.is_float() {
                true => format!("must be real number, not {name}"),
                false => format!("'{name}' object cannot be interpreted as an integer"),
            }));
        }
        let n = match ob.extract::<Number>() {
            Ok(n) => n.0,
            Err(e) if !e.is_instance_of::<PyOverflowError>(ob.py()) => return Err(e),
            Err(_) if dtype.is_float() => Scalar::Float(ob.extract()?),
            Err(_) => return Err(PyValueError::new_err("Overflow when unpacking long long")),
        };
        if !dtype.is_float() && !n.fits(dtype) {
            let name = dtype.name();
            let text = format!("value cannot be converted to type {name} without overflow");
            return Err(PyRuntimeError::new_err(text));
        }
        out.push(n);
        return Ok(());
    }
    if is_number(ob)? || !is_sequence(ob)? {
        return Err(PyTypeError::new_err("not a sequence"));
    }
    let n = ob.len()?;
    if n != shape[depth] {
        return Err(PyValueError::new_err(format!(
            "expected sequence of length {} at dim {depth} (got {n})",
            shape[depth]
        )));
    }
    (0..n).try_for_each(|i| fill(&ob.get_item(i)?, depth + 1, shape, out, dtype))
}
