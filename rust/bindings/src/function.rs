//! `tensorrs.exp(x)`: the functions of the module that are methods of their first argument.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use tensorrs_core::ops::autocast;

use crate::args::{Operand, type_name};
use crate::border::{PyTensor, wrap};
use crate::out;

// A method of Tensor as a function: the tensor may be named `input`, and the result may go to `out`.
// No doc comment and no signature: they would hide the getter of `__doc__`, which gives the method's.
#[pyclass(name = "Function", module = "tensorrs._C", frozen, dict)]
pub struct Function {
    name: Py<PyString>,
    method: Py<PyAny>,
    /// Whether a number may stand in the tensor's place: `add(2, x)`.
    takes_number: bool,
    /// Whether one of the two must then be a tensor: `add(2, 3)` is one, `pow(2, 3)` is refused.
    needs_tensor: bool,
}

#[pymethods]
impl Function {
    #[new]
    #[pyo3(signature = (name, method, takes_number = false, needs_tensor = false), text_signature = None)]
    fn new(name: Py<PyString>, method: Py<PyAny>, takes_number: bool, needs_tensor: bool) -> Function {
        Function { name, method, takes_number, needs_tensor }
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
            let args = self.with_tensor_first(py, args.clone(), None)?;
            return self.method.bind(py).call1(args).map_err(|e| self.named(py, e, None));
        }
        self.method.bind(py).call1(args).map_err(|e| self.named(py, e, None))
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
    /// An argument of the wrong type, with the names of the function and of the argument, and its place.
    #[cold]
    fn named(&self, py: Python<'_>, error: PyErr, kwargs: Option<&Bound<'_, PyDict>>) -> PyErr {
        self.try_named(py, &error, kwargs).ok().flatten().unwrap_or(error)
    }

    fn try_named(
        &self,
        py: Python<'_>,
        error: &PyErr,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Option<PyErr>> {
        let value = error.value(py);
        let text = value.str()?.to_string();
        if !error.is_instance_of::<PyTypeError>(py) || !text.starts_with("must be ") {
            return Ok(None);
        }
        // Which argument it was stands in a note.
        let Some(notes) = value.getattr_opt(intern!(py, "__notes__"))? else { return Ok(None) };
        let note: String = notes.get_item(0)?.extract()?;
        let Some(argument) = note.strip_prefix("while processing '").and_then(|n| n.strip_suffix('\''))
        else {
            return Ok(None);
        };
        let given_by_name = kwargs.is_some_and(|k| k.contains(argument).unwrap_or(false));
        let signature: Option<String> = self.method.getattr(py, "__text_signature__")?.extract(py)?;
        let place = signature.filter(|_| !given_by_name).and_then(|s| {
            s.trim_matches(['(', ')']).split(", ").position(|a| a.split('=').next() == Some(argument))
        });
        let place = place.map_or_else(String::new, |n| format!(" (position {})", n + 1));
        Ok(Some(PyTypeError::new_err(format!(
            "{}(): argument '{argument}'{place} {text}",
            self.name.bind(py)
        ))))
    }

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
        let args = self.with_tensor_first(py, args, Some(&kwargs))?;
        let out = kwargs.get_item(intern!(py, "out"))?;
        if out.is_some() {
            kwargs.del_item(intern!(py, "out"))?;
        }
        let Some(out) = out.filter(|o| !o.is_none()) else {
            return self
                .method
                .bind(py)
                .call(args, Some(&kwargs))
                .map_err(|e| self.named(py, e, Some(&kwargs)));
        };
        out::refuse_gradients(name, &args, &out)?;
        let _exact = autocast::pause();
        let result = self.method.bind(py).call(&args, Some(&kwargs))?;
        out::fill(name, &args, &result, &out)
    }

    fn with_tensor_first<'py>(
        &self,
        py: Python<'py>,
        args: Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let first = args.get_item(0)?;
        if first.is_instance_of::<PyTensor>() {
            return Ok(args);
        }
        if self.takes_number
            && let Ok(Operand(t)) = first.extract()
        {
            let rest: Vec<_> = args.iter().skip(1).collect();
            let named = || kwargs.into_iter().flat_map(|k| k.values());
            if self.needs_tensor
                && !rest.iter().cloned().chain(named()).any(|a| a.is_instance_of::<PyTensor>())
            {
                let got: Vec<String> = args.iter().map(|a| type_name(&a)).collect();
                return Err(PyTypeError::new_err(format!(
                    "{}() received an invalid combination of arguments - got ({}), but one of them must be a Tensor",
                    self.name.bind(py),
                    got.join(", ")
                )));
            }
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
