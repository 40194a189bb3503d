//! Places among sorted elements, quantiles, histograms.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use tensorrs_core::ops::quantile::Between;
use tensorrs_core::{DType, Scalar, Tensor};

use crate::args::{Arg, Number, Operand};
use crate::border::{PyTensor, call, raise, run};
use crate::out::to_out;
use crate::tensor::extreme::pair;
use crate::tensor::join::Tensors;

/// `side`, which is `right` said in words.
fn side(right: bool, side: Option<&str>) -> PyResult<bool> {
    match side {
        None => Ok(right),
        Some("right") => Ok(true),
        Some("left") if !right => Ok(false),
        Some("left") => Err(raise(tensorrs_core::runtime!(
            "tensorrs.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        ))),
        Some(other) => Err(raise(tensorrs_core::runtime!(
            "tensorrs.searchsorted(): side can only be 'left' or 'right' but got {other}"
        ))),
    }
}

/// Where each of `input` would be put into the rows of `sorted_sequence`, so that they stay sorted.
#[pyfunction]
#[pyo3(signature = (sorted_sequence, input, *, out_int32 = false, right = false, side = None, sorter = None, out = None))]
#[allow(clippy::too_many_arguments)] // PyTorch's
pub fn searchsorted(
    py: Python<'_>,
    sorted_sequence: Arg,
    input: Operand,
    out_int32: bool,
    right: bool,
    side: Option<&str>,
    sorter: Option<Arg>,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let right = self::side(right, side)?;
    check_index_out(py, out, out_int32)?;
    let result = call(py, input.0.numel(), || {
        sorted_sequence.0.searchsorted(&input.0, out_int32, right, sorter.as_ref().map(|s| &s.0))
    })?;
    to_out(py, result, out)
}

fn check_index_out(py: Python<'_>, out: Option<&Bound<'_, PyTensor>>, int32: bool) -> PyResult<()> {
    let wanted = if int32 { DType::I32 } else { DType::I64 };
    match out {
        Some(out) if out.get().tensor(py).dtype() != wanted => Err(raise(tensorrs_core::runtime!(
            "tensorrs.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on whether out_int32 flag is True, but we got output tensor's dtype {} and out_int32 flag is {}",
            out.get().tensor(py).dtype().scalar_type(),
            if int32 { "True" } else { "False" }
        ))),
        _ => Ok(()),
    }
}

/// The number of the interval between `boundaries` that each of `input` falls into.
#[pyfunction]
#[pyo3(signature = (input, boundaries, *, out_int32 = false, right = false, out = None))]
pub fn bucketize(
    py: Python<'_>,
    input: Operand,
    boundaries: Arg,
    out_int32: bool,
    right: bool,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    if boundaries.0.rank() != 1 {
        return Err(raise(tensorrs_core::runtime!(
            "boundaries tensor must be 1 dimension, but got dim({})",
            boundaries.0.rank()
        )));
    }
    check_index_out(py, out, out_int32)?;
    let result = call(py, input.0.numel(), || boundaries.0.searchsorted(&input.0, out_int32, right, None))?;
    to_out(py, result, out)
}

/// Whether each of `elements` is among `test_elements`.
#[pyfunction]
#[pyo3(signature = (elements, test_elements, *, assume_unique = false, invert = false, out = None))]
pub fn isin(
    py: Python<'_>,
    elements: Operand,
    test_elements: Operand,
    assume_unique: bool,
    invert: bool,
    out: Option<&Bound<'_, PyTensor>>,
) -> PyResult<Py<PyTensor>> {
    let _ = assume_unique; // the same answer
    if elements.0.is_wrapped() && test_elements.0.is_wrapped() {
        return Err(PyTypeError::new_err(
            "isin() received an invalid combination of arguments - one of them must be a Tensor",
        ));
    }
    let result = call(py, elements.0.numel(), || Tensor::isin(&elements.0, &test_elements.0, invert))?;
    to_out(py, result, out)
}

/// The edges of `bins` equal intervals: for `histogram`.
#[pyfunction]
#[pyo3(signature = (x, bins, range = None))]
pub fn bin_edges(py: Python<'_>, x: Arg, bins: i64, range: Option<(f64, f64)>) -> PyResult<Py<PyTensor>> {
    run(py, x.0.numel(), || x.0.bin_edges(bins, range))
}

/// A histogram of rows over intervals: for `histogram`.
#[pyfunction]
#[pyo3(signature = (x, edges, weight = None, density = false))]
pub fn histogram_nd(
    py: Python<'_>,
    x: Arg,
    edges: Tensors,
    weight: Option<Arg>,
    density: bool,
) -> PyResult<Py<PyTensor>> {
    run(py, x.0.numel(), || x.0.histogram_nd(&edges.0, weight.as_ref().map(|w| &w.0), density))
}

macro_rules! quantiles {
    ($($(#[$doc:meta])* $name:ident, $skip_nan:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (q, dim = None, keepdim = false, *, interpolation = "linear"))]
            fn $name(
                &self,
                py: Python<'_>,
                q: Operand,
                dim: Option<isize>,
                keepdim: bool,
                interpolation: &str,
            ) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                let between = Between::parse(interpolation).map_err(raise)?;
                run(py, x.numel(), || x.quantile(&q.0, dim, keepdim, between, $skip_nan))
            })*
        }
    };
}

quantiles! {
    /// The quantiles `q` along `dim`, or of all elements.
    quantile, false;
    /// As `quantile`, without the elements that are NaN.
    nanquantile, true;
}

#[pymethods]
impl PyTensor {
    /// The most frequent element along `dim`, and where it is.
    #[pyo3(signature = (dim = -1, keepdim = false))]
    fn mode<'py>(&self, py: Python<'py>, dim: isize, keepdim: bool) -> PyResult<Bound<'py, PyAny>> {
        let x = self.tensor(py);
        pair(py, "mode", x.numel(), || x.mode(dim, keepdim))
    }

    /// How many elements fall into each of `bins` equal intervals.
    #[pyo3(signature = (bins = 100, min = Number(Scalar::Int(0)), max = Number(Scalar::Int(0))))]
    fn histc(&self, py: Python<'_>, bins: i64, min: Number, max: Number) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.histc(bins, min.0.to_f64(), max.0.to_f64()))
    }

    /// The indices of the elements that are not zero, cut or filled up to `size` rows.
    #[pyo3(signature = (*, size, fill_value = -1))]
    fn nonzero_static(&self, py: Python<'_>, size: i64, fill_value: i64) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.nonzero_static(size, fill_value))
    }
}
