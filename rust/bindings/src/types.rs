//! `tensorrs.dtype` and `tensorrs.device`, and the Python class `Size` that shapes are returned as.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use tensorrs_core::DType;

/// An element type, as `tensorrs.float32`. There is one object per type, so `is` compares.
#[pyclass(name = "dtype", module = "tensorrs", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyDType(pub DType);

static DTYPES: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();

/// The one Python object of a dtype.
pub fn dtype(py: Python<'_>, dtype: DType) -> PyResult<Py<PyDType>> {
    let all = DTYPES.get_or_try_init(py, || {
        DType::ALL.iter().map(|&d| Py::new(py, PyDType(d))).collect::<PyResult<_>>()
    })?;
    Ok(all[dtype as usize].clone_ref(py))
}

#[pymethods]
impl PyDType {
    fn __repr__(&self) -> String {
        self.0.to_string()
    }

    /// A dtype pickles as the name of the module's attribute.
    fn __reduce__(&self) -> String {
        self.0.name().to_string()
    }

    /// Whether the dtype is float16, bfloat16, float32 or float64.
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }

    /// False: no dtype here is complex.
    #[getter]
    fn is_complex(&self) -> bool {
        false
    }

    /// Whether the dtype has negative numbers.
    #[getter]
    fn is_signed(&self) -> bool {
        self.0.is_signed()
    }

    /// Bytes per element.
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }

    /// The dtype itself: none is complex.
    fn to_real(slf: Py<Self>) -> Py<Self> {
        slf
    }
}

/// A dtype argument: `dtype=tensorrs.float32`, or Python's `float`, `int`, `bool`.
#[derive(Clone, Copy)]
pub struct DTypeArg(pub DType);

impl<'a, 'py> FromPyObject<'a, 'py> for DTypeArg {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(d) = ob.cast::<PyDType>() {
            return Ok(DTypeArg(d.get().0));
        }
        if let Ok(class) = ob.cast::<PyType>() {
            match class.name()?.to_str()? {
                "float" => return Ok(DTypeArg(DType::F64)),
                "int" => return Ok(DTypeArg(DType::I64)),
                "bool" => return Ok(DTypeArg(DType::Bool)),
                _ => {}
            }
        }
        Err(PyTypeError::new_err(format!("must be tensorrs.dtype, not {}", crate::args::type_name(&ob))))
    }
}

static SIZE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// A shape as `tensorrs.Size`.
pub fn size<'py>(py: Python<'py>, shape: &[usize]) -> PyResult<Bound<'py, PyAny>> {
    let class = SIZE.import(py, "tensorrs._size", "Size")?;
    class.call1((PyTuple::new(py, shape)?,))
}

/// Whether something is a `Size`, which stands for a shape where a list stands for data.
pub fn is_size(ob: &Bound<'_, PyAny>) -> PyResult<bool> {
    ob.is_instance(SIZE.import(ob.py(), "tensorrs._size", "Size")?)
}

/// A named tuple: `tensorrs.return_types.max(values=…, indices=…)`.
pub fn named<'py>(
    py: Python<'py>,
    name: &str,
    parts: Vec<Py<crate::border::PyTensor>>,
) -> PyResult<Bound<'py, PyAny>> {
    static TYPES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let types =
        TYPES.get_or_try_init(py, || py.import("tensorrs.return_types").map(|m| m.into_any().unbind()))?;
    types.bind(py).getattr(name)?.call1((PyTuple::new(py, parts)?,))
}
