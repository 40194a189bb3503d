//! Products over named dimensions.

use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyEllipsis, PyList, PyString, PyTuple};
use tensorrs_core::Tensor;

use crate::args::{Arg, type_name};
use crate::border::{PyTensor, call, run};
use crate::out::to_out;
use crate::tensor::join::Tensors;

/// `op(a, b)` or `op([a, b])`.
fn tensors(operands: &[Bound<'_, PyAny>]) -> PyResult<Vec<Tensor>> {
    if let [one] = operands
        && (one.is_instance_of::<PyList>() || one.is_instance_of::<PyTuple>())
    {
        return one.extract::<Tensors>().map(|t| t.0);
    }
    operands.iter().map(|t| t.extract::<Arg>().map(|t| t.0)).collect()
}

/// The names of one operand's dimensions, as numbers from 0 to 51, with Ellipsis as None.
fn subscripts(ob: &Bound<'_, PyAny>) -> PyResult<Vec<Option<usize>>> {
    ob.try_iter()?
        .map(|item| {
            let item = item?;
            if item.is_instance_of::<PyEllipsis>() {
                return Ok(None);
            }
            match item.extract::<usize>() {
                Ok(n) if n < 52 => Ok(Some(n)),
                _ => Err(PyValueError::new_err(
                    "subscript in subscript list is not within the valid range [0, 52)",
                )),
            }
        })
        .collect()
}

/// Einstein's sum: products of the operands, summed over the names that the result does not have. The equation is
/// `"ij,jk->ik"`, with `...` for dimensions without a name; or each operand is followed by a list of numbers.
#[pyfunction]
#[pyo3(signature = (*args))]
pub fn einsum(py: Python<'_>, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyTensor>> {
    let all: Vec<Bound<'_, PyAny>> = args.iter().collect();
    let Some(first) = all.first() else {
        return Err(PyValueError::new_err(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list",
        ));
    };
    if all.len() < 2 {
        return Err(PyValueError::new_err(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its subscripts list",
        ));
    }
    if let Ok(equation) = first.cast::<PyString>() {
        let (equation, operands) = (equation.to_string(), tensors(&all[1..])?);
        return run(py, work(&operands), || Tensor::einsum(&equation, &operands));
    }
    let (mut operands, mut terms) = (vec![], vec![]);
    for pair in all[..all.len() / 2 * 2].chunks(2) {
        operands.push(pair[0].extract::<Arg>()?.0);
        terms.push(subscripts(&pair[1])?);
    }
    let output = if all.len() % 2 == 1 { Some(subscripts(&all[all.len() - 1])?) } else { None };
    run(py, work(&operands), || Tensor::einsum_by(&terms, output.as_deref(), &operands))
}

/// What a product costs is at least its operands' size.
fn work(operands: &[Tensor]) -> usize {
    operands.iter().map(Tensor::numel).sum::<usize>() * 8
}

/// Sums of products over the last `dims` dimensions of `a` and the first of `b`, or over two lists of dimensions.
#[pyfunction]
#[pyo3(signature = (a, b, dims = None, out = None))]
pub fn tensordot(
    py: Python<'_>,
    a: Arg,
    b: Arg,
    dims: Option<&Bound<'_, PyAny>>,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let (a, b) = (a.0, b.0);
    let count = |n: isize| -> PyResult<(Vec<isize>, Vec<isize>)> {
        if n < 0 {
            return Err(PyRuntimeError::new_err(format!("tensordot expects dims >= 0, but got dims={n}")));
        }
        if n as usize > a.rank().min(b.rank()) {
            return Err(PyRuntimeError::new_err(format!(
                "tensordot expects dims < ndim_a or ndim_b, but got dims={n}"
            )));
        }
        Ok((((a.rank() as isize - n)..a.rank() as isize).collect(), (0..n).collect()))
    };
    let list = |ob: Bound<'_, PyAny>| -> PyResult<Vec<isize>> {
        if let Ok(t) = ob.extract::<Arg>() {
            return Ok(t
                .0
                .contiguous()
                .map_err(crate::border::raise)?
                .values::<i64>()
                .map_err(crate::border::raise)?
                .iter()
                .map(|&i| i as isize)
                .collect());
        }
        ob.extract::<Vec<isize>>()
    };
    let (da, db) = match dims {
        None => count(2)?,
        Some(dims) => match dims.cast::<PyTensor>() {
            Ok(t) if t.get().tensor(py).numel() == 1 => count(t.call_method0("item")?.extract()?)?,
            Ok(_) => (list(dims.get_item(0)?)?, list(dims.get_item(1)?)?),
            Err(_) if dims.is_instance_of::<PyList>() || dims.is_instance_of::<PyTuple>() => {
                (list(dims.get_item(0)?)?, list(dims.get_item(1)?)?)
            }
            Err(_) => count(dims.extract().map_err(|_| {
                PyRuntimeError::new_err(format!(
                    "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] containing two lists, but got dims={}",
                    type_name(dims)
                ))
            })?)?,
        },
    };
    to_out(py, call(py, (a.numel() + b.numel()) * 8, || a.tensordot(&b, &da, &db))?, out)
}

/// The given matrices on the diagonal of one, zeros elsewhere.
#[pyfunction]
#[pyo3(signature = (*tensors))]
pub fn block_diag(py: Python<'_>, tensors: &Bound<'_, PyTuple>) -> PyResult<Py<PyTensor>> {
    let given: Vec<Bound<'_, PyAny>> = tensors.iter().collect();
    let blocks = given
        .iter()
        .enumerate()
        .map(|(i, t)| {
            t.extract::<Arg>().map(|t| t.0).map_err(|_| {
                PyTypeError::new_err(format!(
                    "expected Tensor as element {i} in argument 0, but got {}",
                    type_name(t)
                ))
            })
        })
        .collect::<PyResult<Vec<Tensor>>>()?;
    run(py, work(&blocks), || Tensor::block_diag(&blocks))
}

#[pymethods]
impl PyTensor {
    /// y[i * p + k, j * q + l] = x[i, j] * other[k, l] for x: (m, n) and other: (p, q); y: (m p, n q).
    /// With other numbers of dimensions the smaller gets leading ones.
    fn kron(&self, py: Python<'_>, other: Arg) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel() * other.0.numel(), || x.kron(&other.0))
    }

    /// The vector product along `dim`, by default the first dimension of size 3.
    #[pyo3(signature = (other, dim = None))]
    fn cross(&self, py: Python<'_>, other: Arg, dim: Option<isize>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.cross(&other.0, dim))
    }

    /// sum (x_i - mean_i)(x_j - mean_j) / (n - correction) of the rows i and j of x (rows, n): (rows, rows).
    /// `fweights` counts columns several times, `aweights` weighs them. RuntimeError for more than two dimensions.
    #[pyo3(signature = (*, correction = 1, fweights = None, aweights = None))]
    fn cov(
        &self,
        py: Python<'_>,
        correction: i64,
        fweights: Option<Arg>,
        aweights: Option<Arg>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || {
            x.cov(correction, fweights.as_ref().map(|w| &w.0), aweights.as_ref().map(|w| &w.0))
        })
    }

    /// cov[i, j] / sqrt(cov[i, i] cov[j, j]) of the rows of x (rows, n): (rows, rows), within [-1, 1].
    fn corrcoef(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.corrcoef())
    }
}
