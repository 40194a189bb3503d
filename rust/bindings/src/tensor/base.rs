//! What a tensor is: shape, strides, dtype, device, and the constructor of its Python class.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use tensorrs_core::ops::promote::default_dtype;
use tensorrs_core::shape::wrap_dim;
use tensorrs_core::{Device, Tensor};

use crate::args::{Arg, shape, varargs};
use crate::border::{PyTensor, raise, take_pending, wrap_as};
use crate::device::PyDevice;
use crate::types::PyDType;

#[pymethods]
impl PyTensor {
    /// `Tensor()`, `Tensor(2, 3)` (uninitialised), `Tensor([[1, 2]])`: always of the default dtype.
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    fn new<'py>(
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<PyTensor> {
        if let Some(tensor) = take_pending() {
            return Ok(PyTensor::bare(tensor));
        }
        if let Some(kwargs) = kwargs {
            for key in kwargs.keys() {
                if key.extract::<String>()? != "device" {
                    return Err(PyTypeError::new_err(format!(
                        "new() got an unexpected keyword argument {}",
                        key.repr()?
                    )));
                }
            }
        }
        let dtype = default_dtype();
        if args.len() == 1 {
            let only = args.get_item(0)?;
            if let Ok(Arg(t)) = only.extract() {
                if t.dtype() != dtype {
                    return Err(PyTypeError::new_err(format!(
                        "expected {} (got {})",
                        dtype.scalar_type(),
                        t.dtype().scalar_type()
                    )));
                }
                return Ok(PyTensor::bare(t.detach()));
            }
            if !only.is_instance_of::<pyo3::types::PyInt>() && !crate::types::is_size(&only)? {
                return super::literal::parse(py, &only, Some(dtype)).map(PyTensor::bare);
            }
        }
        let size = shape(&varargs(args)?)?;
        Tensor::empty(if args.is_empty() { &[0] } else { &size }, dtype).map(PyTensor::bare).map_err(raise)
    }

    /// A tensor of a subclass that shares `data`'s memory; its history starts here.
    #[staticmethod]
    #[pyo3(signature = (cls, data, require_grad = false))]
    fn _make_subclass<'py>(
        cls: &Bound<'py, PyType>,
        data: Arg,
        require_grad: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        if require_grad && !data.0.dtype().is_float() {
            return Err(pyo3::exceptions::PyRuntimeError::new_err(
                "Only Tensors of floating point and complex dtype can require gradients",
            ));
        }
        let tensor = data.0.detach();
        tensor.set_requires_grad(require_grad).map_err(raise)?;
        wrap_as(cls, tensor)
    }

    /// The tensor itself as a subclass: same history.
    fn as_subclass<'py>(&self, cls: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
        let t = self.tensor(cls.py());
        wrap_as(cls, t.with_edge(t.edge().map_err(raise)?))
    }

    /// The sizes of the dimensions.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::types::size(py, self.tensor(py).shape())
    }

    /// The shape, or the size of one dimension.
    #[pyo3(signature = (dim = None))]
    fn size<'py>(&self, py: Python<'py>, dim: Option<isize>) -> PyResult<Bound<'py, PyAny>> {
        let t = self.tensor(py);
        match dim {
            None => crate::types::size(py, t.shape()),
            Some(_) if t.rank() == 0 => Err(raise(tensorrs_core::index!(
                "Dimension specified as {} but tensor has no dimensions",
                dim.unwrap_or(0)
            ))),
            Some(d) => {
                let d = wrap_dim(d, t.rank()).map_err(raise)?;
                Ok(t.shape()[d].into_pyobject(py)?.into_any())
            }
        }
    }

    /// The strides in elements, or that of one dimension.
    #[pyo3(signature = (dim = None))]
    fn stride<'py>(&self, py: Python<'py>, dim: Option<isize>) -> PyResult<Bound<'py, PyAny>> {
        let t = self.tensor(py);
        match dim {
            None => Ok(PyTuple::new(py, t.strides())?.into_any()),
            Some(d) => {
                let d = wrap_dim(d, t.rank()).map_err(raise)?;
                Ok(t.strides()[d].into_pyobject(py)?.into_any())
            }
        }
    }

    /// Where the first element lies in the storage, counted in elements.
    fn storage_offset(&self, py: Python<'_>) -> usize {
        self.tensor(py).layout().offset
    }

    /// The number of dimensions.
    #[getter]
    fn ndim(&self, py: Python<'_>) -> usize {
        self.tensor(py).rank()
    }

    /// The number of dimensions.
    fn dim(&self, py: Python<'_>) -> usize {
        self.tensor(py).rank()
    }

    /// Another name of `dim`.
    fn ndimension(&self, py: Python<'_>) -> usize {
        self.tensor(py).rank()
    }

    /// The number of elements.
    fn numel(&self, py: Python<'_>) -> usize {
        self.tensor(py).numel()
    }

    /// Another name of `numel`.
    fn nelement(&self, py: Python<'_>) -> usize {
        self.tensor(py).numel()
    }

    /// The type of the elements.
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        crate::types::dtype(py, self.tensor(py).dtype())
    }

    /// Where the memory is.
    #[getter]
    fn device(&self, py: Python<'_>) -> PyDevice {
        crate::device::device(self.tensor(py).device())
    }

    /// How the elements lie in memory: always `tensorrs.strided`.
    #[getter]
    fn layout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static STRIDED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let strided = STRIDED.get_or_try_init(py, || {
            Ok::<_, PyErr>(py.import("tensorrs._types")?.getattr("strided")?.unbind())
        })?;
        Ok(strided.bind(py).clone())
    }

    /// Bytes per element.
    fn element_size(&self, py: Python<'_>) -> usize {
        self.tensor(py).dtype().size()
    }

    /// Bytes of one element.
    #[getter]
    fn itemsize(&self, py: Python<'_>) -> usize {
        self.tensor(py).dtype().size()
    }

    /// Bytes of all elements.
    #[getter]
    fn nbytes(&self, py: Python<'_>) -> usize {
        let t = self.tensor(py);
        t.numel() * t.dtype().size()
    }

    /// Whether the elements lie in memory row by row without gaps, or as `memory_format` asks.
    #[pyo3(signature = (memory_format = None))]
    fn is_contiguous(&self, py: Python<'_>, memory_format: Option<Bound<'_, PyAny>>) -> bool {
        let _ = memory_format;
        self.tensor(py).is_contiguous()
    }

    /// Whether the dtype is float16, bfloat16, float32 or float64.
    fn is_floating_point(&self, py: Python<'_>) -> bool {
        self.tensor(py).dtype().is_float()
    }

    /// False: no dtype here is complex.
    fn is_complex(&self) -> bool {
        false
    }

    /// Whether the dtype has negative numbers.
    fn is_signed(&self, py: Python<'_>) -> bool {
        self.tensor(py).dtype().is_signed()
    }

    /// Whether the memory is a GPU's: False.
    #[getter]
    fn is_cuda(&self) -> bool {
        false
    }

    /// Whether the memory is the CPU's.
    #[getter]
    fn is_cpu(&self, py: Python<'_>) -> bool {
        self.tensor(py).device() == Device::Cpu
    }

    /// Whether there is no memory, only a shape and a dtype.
    #[getter]
    fn is_meta(&self, py: Python<'_>) -> bool {
        self.tensor(py).device() == Device::Meta
    }

    /// False: every element is stored.
    #[getter]
    fn is_sparse(&self) -> bool {
        false
    }

    /// False: elements are stored as they are.
    #[getter]
    fn is_quantized(&self) -> bool {
        false
    }

    /// The address of the first element; 0 if there is none in memory.
    fn data_ptr(&self, py: Python<'_>) -> usize {
        let t = self.tensor(py);
        if t.numel() == 0 || !t.has_data() {
            return 0;
        }
        t.storage().ptr() as usize + t.layout().offset * t.dtype().size()
    }

    /// The address and size in bytes of the memory behind the tensor.
    fn _storage(&self, py: Python<'_>) -> (usize, usize) {
        let t = self.tensor(py);
        let address = if t.has_data() { t.storage().ptr() as usize } else { 0 };
        (address, t.storage().len())
    }

    /// Whether both names are of one tensor object with the same memory and shape.
    fn is_set_to(&self, py: Python<'_>, tensor: Arg) -> bool {
        let t = self.tensor(py);
        t.storage().same(tensor.0.storage()) && t.layout() == tensor.0.layout()
    }

    /// Whether two tensors have the same shape.
    fn is_same_size(&self, py: Python<'_>, other: Arg) -> bool {
        self.tensor(py).shape() == other.0.shape()
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.tensor(py).shape().first().copied().ok_or_else(|| PyTypeError::new_err("len() of a 0-d tensor"))
    }

    /// `id(self)`: equal tensors are different keys.
    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr() as usize
    }
}
