//! `tensorrs.exp(x, out=y)`: the functions of the module that are methods of their first argument, and `out=`.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tensorrs_core::Tensor;
use tensorrs_core::tensor::grad_enabled;

use crate::args::{Operand, type_name};
use crate::border::{PyTensor, raise, wrap};

/// A method of Tensor as a function: the tensor may be named `input`, and the result may go to `out`.
#[pyclass(name = "Function", module = "tensorrs._C", frozen, dict)]
pub struct Function {
    name: Py<PyString>,
    method: Py<PyAny>,
    /// Whether a number may stand in the tensor's place: `pow(2, x)`.
    takes_number: bool,
}

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (name, method, takes_number = false))]
    fn new(name: Py<PyString>, method: Py<PyAny>, takes_number: bool) -> Function {
        Function { name, method, takes_number }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if args.is_empty() || kwargs.is_some() {
            return self.call_with_keywords(py, args, kwargs);
        }
        if !args.get_borrowed_item(0)?.is_instance_of::<PyTensor>() {
            let args = self.with_tensor_first(py, args.clone())?;
            return self.method.bind(py).call1(args);
        }
        self.method.bind(py).call1(args)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<built-in function {}>", self.name.bind(py))
    }

    #[getter]
    fn __name__(&self, py: Python<'_>) -> Py<PyString> {
        self.name.clone_ref(py)
    }

    #[getter]
    fn __doc__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.method.getattr(py, intern!(py, "__doc__"))
    }

    /// A function pickles as the name of the module's attribute.
    fn __reduce__(&self, py: Python<'_>) -> Py<PyString> {
        self.name.clone_ref(py)
    }
}

impl Function {
    fn call_with_keywords<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let name = self.name.bind(py);
        let missing =
            || PyTypeError::new_err(format!("{name}() missing 1 required positional arguments: \"input\""));
        let Some(kwargs) = kwargs else { return Err(missing()) };
        let kwargs = kwargs.copy()?;
        let mut args = args.clone();
        if args.is_empty() {
            let input = match kwargs.get_item(intern!(py, "input"))? {
                Some(input) => {
                    kwargs.del_item(intern!(py, "input"))?;
                    input
                }
                None => return Err(missing()),
            };
            args = PyTuple::new(py, [input])?;
        }
        let args = self.with_tensor_first(py, args)?;
        let out = kwargs.get_item(intern!(py, "out"))?;
        if out.is_some() {
            kwargs.del_item(intern!(py, "out"))?;
        }
        let Some(out) = out.filter(|o| !o.is_none()) else {
            return self.method.bind(py).call(args, Some(&kwargs));
        };
        refuse_gradients(name, &args, &out)?;
        let result = self.method.bind(py).call(args, Some(&kwargs))?;
        into_out(name, &result, &out)
    }

    fn with_tensor_first<'py>(
        &self,
        py: Python<'py>,
        args: Bound<'py, PyTuple>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let first = args.get_item(0)?;
        if first.is_instance_of::<PyTensor>() {
            return Ok(args);
        }
        if self.takes_number
            && let Ok(Operand(t)) = first.extract()
        {
            let rest: Vec<_> = args.iter().skip(1).collect();
            let mut all = vec![wrap(py, t)?.into_bound(py).into_any()];
            all.extend(rest);
            return PyTuple::new(py, all);
        }
        Err(PyTypeError::new_err(format!(
            "{}(): argument 'input' (position 1) must be Tensor, not {}",
            self.name.bind(py),
            type_name(&first)
        )))
    }
}

fn refuse_gradients(
    name: &Bound<'_, PyString>,
    args: &Bound<'_, PyTuple>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let wants =
        |ob: &Bound<'_, PyAny>| ob.cast::<PyTensor>().is_ok_and(|t| t.get().tensor(ob.py()).requires_grad());
    if grad_enabled() && (wants(out) || args.iter().any(|a| wants(&a))) {
        return Err(raise(tensorrs_core::runtime!(
            "{name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )));
    }
    Ok(())
}

fn into_out<'py>(
    name: &Bound<'py, PyString>,
    result: &Bound<'py, PyAny>,
    out: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    if let Ok(out) = out.cast::<PyTensor>() {
        let result = result.cast::<PyTensor>()?;
        store(out, &result.get().tensor(result.py()))?;
        return Ok(out.clone().into_any());
    }
    let (outs, results) = (out.try_iter()?, result.try_iter()?);
    for (o, r) in outs.zip(results) {
        let (o, r) = (o?, r?);
        let o = o.cast::<PyTensor>().map_err(|_| {
            PyTypeError::new_err(format!(
                "{name}(): argument 'out' must be tuple of Tensors, not {}",
                type_name(&o)
            ))
        })?;
        store(o, &r.cast::<PyTensor>()?.get().tensor(r.py()))?;
    }
    Ok(out.clone())
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
