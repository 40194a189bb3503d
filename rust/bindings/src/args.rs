//! Arguments parsed by their type: one newtype per way PyTorch writes a thing.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyDict, PyFloat, PyInt, PyList, PyTuple};
use smallvec::{SmallVec, smallvec};
use tensorrs_core::{DType, Scalar, Tensor};

use crate::border::{PyTensor, raise};

/// A Python number.
#[derive(Clone, Copy)]
pub struct Number(pub Scalar);

impl<'a, 'py> FromPyObject<'a, 'py> for Number {
    type Error = PyErr;

    #[inline]
    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Some(n) = exact_number(&ob)? {
            return Ok(Number(n));
        }
        if let Ok(t) = ob.cast::<PyTensor>() {
            return t.get().tensor(ob.py()).item().map(Number).map_err(raise);
        }
        // NumPy's scalars, Fraction, Decimal: whatever says how it converts.
        if ob.hasattr("__index__")? {
            return Ok(Number(Scalar::Int(ob.call_method0("__index__")?.extract()?)));
        }
        if ob.hasattr("__float__")? && !ob.is_instance_of::<pyo3::types::PyString>() {
            return Ok(Number(Scalar::Float(ob.call_method0("__float__")?.extract()?)));
        }
        Err(PyTypeError::new_err(format!("must be Number, not {}", type_name(&ob))))
    }
}

#[inline]
fn exact_number(ob: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if let Ok(x) = ob.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(x.value())));
    }
    if let Ok(b) = ob.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(b.is_true())));
    }
    if ob.is_instance_of::<PyInt>() {
        return Ok(Some(Scalar::Int(
            ob.extract().map_err(|_| pyo3::exceptions::PyOverflowError::new_err("int too big to convert"))?,
        )));
    }
    Ok(None)
}

pub fn type_name(ob: &Bound<'_, PyAny>) -> String {
    ob.get_type().name().map_or_else(|_| "object".to_string(), |n| n.to_string())
}

/// A tensor, or a number that stands for one.
pub struct Operand(pub Tensor);

impl<'a, 'py> FromPyObject<'a, 'py> for Operand {
    type Error = PyErr;

    #[inline]
    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(t) = ob.cast::<PyTensor>() {
            return Ok(Operand(t.get().tensor(ob.py())));
        }
        match exact_number(&ob)? {
            Some(n) => Tensor::wrapped(n).map(Operand).map_err(raise),
            None => {
                let n = Number::extract(ob).map_err(|_| {
                    PyTypeError::new_err(format!("must be Tensor or Number, not {}", type_name(&ob)))
                })?;
                Tensor::wrapped(n.0).map(Operand).map_err(raise)
            }
        }
    }
}

/// As `Operand`, for an element: a complex number is one if it is real.
pub struct Filling(pub Tensor);

impl<'a, 'py> FromPyObject<'a, 'py> for Filling {
    type Error = PyErr;

    #[inline]
    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match ob.cast::<PyComplex>() {
            Ok(z) if z.imag() == 0.0 => Tensor::wrapped(Scalar::Float(z.real())).map(Filling).map_err(raise),
            Ok(_) => Err(PyRuntimeError::new_err("value cannot be converted to type float without overflow")),
            Err(_) => Operand::extract(ob).map(|x| Filling(x.0)),
        }
    }
}

/// A tensor and nothing else.
pub struct Arg(pub Tensor);

impl<'a, 'py> FromPyObject<'a, 'py> for Arg {
    type Error = PyErr;

    #[inline]
    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match ob.cast::<PyTensor>() {
            Ok(t) => Ok(Arg(t.get().tensor(ob.py()))),
            Err(_) => Err(PyTypeError::new_err(format!("must be Tensor, not {}", type_name(&ob)))),
        }
    }
}

/// One integer, where a zero-dim integer tensor is welcome too.
#[inline]
fn integer(ob: &Bound<'_, PyAny>) -> PyResult<isize> {
    if ob.is_exact_instance_of::<PyInt>() {
        return ob.extract();
    }
    if let Ok(t) = ob.cast::<PyTensor>() {
        return match t.get().tensor(ob.py()).item().map_err(raise)? {
            Scalar::Float(_) => Err(PyTypeError::new_err(
                "only integer tensors of a single element can be converted to an index",
            )),
            n => Ok(n.to::<i64>() as isize),
        };
    }
    if ob.is_instance_of::<PyFloat>() {
        return Err(PyTypeError::new_err(format!(
            "must be tuple of ints, but found element of type {}",
            type_name(ob)
        )));
    }
    ob.extract()
}

/// A few numbers: most shapes have no more dimensions than fit without a place on the heap.
pub type Ints = SmallVec<[isize; 6]>;

fn integers(ob: &Bound<'_, PyAny>) -> PyResult<Ints> {
    if let Ok(tuple) = ob.cast::<PyTuple>() {
        return tuple.iter_borrowed().map(|item| integer(&item)).collect();
    }
    if let Ok(list) = ob.cast::<PyList>() {
        return list.iter().map(|item| integer(&item)).collect();
    }
    integer(ob).map(|n| smallvec![n])
}

/// One dimension or several: `dim=1`, `dim=(0, 1)`; also sizes where -1 has a meaning.
#[derive(Clone, Debug, Default)]
pub struct Dims(pub Ints);

impl<'a, 'py> FromPyObject<'a, 'py> for Dims {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        integers(&ob).map(Dims)
    }
}

/// `*sizes`: `view(2, 3)`, `view((2, 3))`, `view(torch.Size([2, 3]))`.
pub fn varargs(args: &Bound<'_, PyTuple>) -> PyResult<Ints> {
    if args.len() == 1 {
        return integers(&*args.get_borrowed_item(0)?);
    }
    args.iter_borrowed().map(|item| integer(&item)).collect()
}

/// Where `narrow` starts: an integer, or a tensor of one.
pub struct Start(pub isize);

impl<'a, 'py> FromPyObject<'a, 'py> for Start {
    type Error = PyErr;

    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(t) = ob.cast::<PyTensor>() {
            let t = t.get().tensor(ob.py());
            if t.rank() != 0 || t.dtype() == DType::Bool || t.dtype().is_float() {
                return Err(raise(tensorrs_core::runtime!("start must be an 0-dim integral Tensor.")));
            }
        }
        integer(&ob).map(Start)
    }
}

/// `*dims` that may also be named: `permute(1, 0)`, `permute((1, 0))`, `permute(dims=(1, 0))`. Other names are refused in
/// PyTorch's words.
pub fn named_varargs(
    op: &str,
    name: &str,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Ints> {
    let mut named = None;
    for (key, value) in kwargs.into_iter().flatten() {
        if !key.eq(name)? {
            return Err(PyTypeError::new_err(format!("{op}() got an unexpected keyword argument '{key}'")));
        }
        named = Some(value);
    }
    varargs_or_named(op, name, args, named.as_ref())
}

/// As `named_varargs`, for a method that is called so often that it does without a dictionary.
pub fn varargs_or_named(
    op: &str,
    name: &str,
    args: &Bound<'_, PyTuple>,
    named: Option<&Bound<'_, PyAny>>,
) -> PyResult<Ints> {
    match named {
        None if args.is_empty() => {
            Err(PyTypeError::new_err(format!("{op}() missing 1 required positional arguments: \"{name}\"")))
        }
        None => varargs(args),
        Some(_) if !args.is_empty() => {
            Err(PyTypeError::new_err(format!("{op}() got multiple values for argument '{name}'")))
        }
        Some(v) if v.is_instance_of::<PyTuple>() || v.is_instance_of::<PyList>() => integers(v),
        Some(v) => Err(PyTypeError::new_err(format!(
            "{op}(): argument '{name}' must be tuple of ints, not {}",
            type_name(v)
        ))),
    }
}

/// A shape whose numbers are all known: `zeros(2, 3)`.
pub fn shape(sizes: &[isize]) -> PyResult<Vec<usize>> {
    sizes
        .iter()
        .map(|&n| {
            usize::try_from(n).map_err(|_| {
                pyo3::exceptions::PyRuntimeError::new_err(format!(
                    "Trying to create tensor with negative dimension {n}: {}",
                    tensorrs_core::shape::show(sizes)
                ))
            })
        })
        .collect()
}
