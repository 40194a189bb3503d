//! Copies in another order: flip, roll, repeat, tile, triangles, diagonals, constant margins.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensorrs_core::Scalar;

use crate::args::{Arg, Dims, Number, named_varargs};
use crate::border::{PyTensor, run, run_inplace};

/// `repeat_interleave(2)` or `repeat_interleave(tensor([1, 0, 2]))`.
#[derive(FromPyObject)]
pub enum Repeats {
    Own(Arg),
    Each(isize),
}

/// As the method; a tensor of repeats alone gives the indices of its elements, each that many times.
#[pyfunction]
#[pyo3(signature = (input, repeats = None, dim = None, *, output_size = None))]
pub fn repeat_interleave(
    py: Python<'_>,
    input: &Bound<'_, PyTensor>,
    repeats: Option<Repeats>,
    dim: Option<isize>,
    output_size: Option<isize>,
) -> PyResult<Py<PyTensor>> {
    match repeats {
        Some(repeats) => input.get().repeat_interleave(py, repeats, dim, output_size),
        None => {
            let x = input.get().tensor(py);
            run(py, x.numel(), || x.repeat_places(output_size))
        }
    }
}

#[pymethods]
impl PyTensor {
    /// A copy with the order along `dims` reversed.
    #[pyo3(signature = (*dims, **named))]
    fn flip(
        &self,
        py: Python<'_>,
        dims: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, dims) = (self.tensor(py), named_varargs("flip", "dims", dims, named)?);
        run(py, x.numel(), || x.flip(&dims))
    }

    /// A copy with the order of the columns (dimension 1) reversed.
    fn fliplr(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || match x.rank() {
            0 | 1 => Err(tensorrs_core::runtime!("Input must be >= 2-d.")),
            _ => x.flip(&[1]),
        })
    }

    /// A copy with the order of the rows (dimension 0) reversed.
    fn flipud(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || match x.rank() {
            0 => Err(tensorrs_core::runtime!("Input must be >= 1-d.")),
            _ => x.flip(&[0]),
        })
    }

    /// A copy with the elements moved by `shifts` along `dims`, round the end; without `dims` in the flattened tensor.
    #[pyo3(signature = (shifts, dims = None))]
    fn roll(&self, py: Python<'_>, shifts: Dims, dims: Option<Dims>) -> PyResult<Py<PyTensor>> {
        let (x, dims) = (self.tensor(py), dims.unwrap_or_default());
        run(py, x.numel(), || x.roll(&shifts.0, &dims.0))
    }

    /// Copies side by side: `repeats[i]` of them along dimension i, new dimensions first.
    #[pyo3(signature = (*repeats, **named))]
    fn repeat(
        &self,
        py: Python<'_>,
        repeats: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, repeats) = (self.tensor(py), named_varargs("repeat", "repeats", repeats, named)?);
        run(py, x.numel(), || x.repeat(&repeats))
    }

    /// As `repeat`, with ones put before a `dims` that is too short.
    #[pyo3(signature = (*dims, **named))]
    fn tile(
        &self,
        py: Python<'_>,
        dims: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, dims) = (self.tensor(py), named_varargs("tile", "dims", dims, named)?);
        run(py, x.numel(), || x.tile(&dims))
    }

    /// The elements on and below the diagonal `diagonal` of each matrix, 0 above.
    #[pyo3(signature = (diagonal = 0))]
    fn tril(&self, py: Python<'_>, diagonal: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.tril(diagonal))
    }

    /// The elements on and above the diagonal `diagonal` of each matrix, 0 below.
    #[pyo3(signature = (diagonal = 0))]
    fn triu(&self, py: Python<'_>, diagonal: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.triu(diagonal))
    }

    /// `tril`, written into this tensor.
    #[pyo3(signature = (diagonal = 0))]
    fn tril_<'py>(slf: &Bound<'py, Self>, diagonal: isize) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.tril(diagonal)))
    }

    /// `triu`, written into this tensor.
    #[pyo3(signature = (diagonal = 0))]
    fn triu_<'py>(slf: &Bound<'py, Self>, diagonal: isize) -> PyResult<Bound<'py, Self>> {
        run_inplace(slf, |x| x.inplace(|x| x.triu(diagonal)))
    }

    /// A vector as a diagonal of a matrix, or the diagonal of a matrix as a vector; `diagonal` counts upwards.
    #[pyo3(signature = (diagonal = 0))]
    fn diag(&self, py: Python<'_>, diagonal: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.diag(diagonal))
    }

    /// The last dimension on the diagonal `offset` of new matrices in `dim1` and `dim2`, 0 elsewhere.
    #[pyo3(signature = (offset = 0, dim1 = -2, dim2 = -1))]
    fn diag_embed(&self, py: Python<'_>, offset: isize, dim1: isize, dim2: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.diag_embed(offset, dim1, dim2))
    }

    /// All elements on the diagonal `offset` of a matrix, 0 elsewhere.
    #[pyo3(signature = (offset = 0))]
    fn diagflat(&self, py: Python<'_>, offset: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.reshape_sizes(&[-1])?.diag(offset))
    }

    /// The sum of the diagonal of a matrix.
    fn trace(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.trace())
    }

    /// Each element (of a dimension, or of the flattened tensor) several times in a row.
    #[pyo3(signature = (repeats, dim = None, *, output_size = None))]
    fn repeat_interleave(
        &self,
        py: Python<'_>,
        repeats: Repeats,
        dim: Option<isize>,
        output_size: Option<isize>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || match &repeats {
            Repeats::Each(n) => x.repeat_interleave(*n, dim, output_size),
            Repeats::Own(n) => x.repeat_interleave_by(&n.0, dim, output_size),
        })
    }
}

/// A margin of one number around the last dimensions: pairs (before, after), the last dimension first.
#[pyfunction]
#[pyo3(signature = (input, pad, value = None))]
pub fn constant_pad_nd(
    py: Python<'_>,
    input: Arg,
    pad: Vec<isize>,
    value: Option<Number>,
) -> PyResult<Py<PyTensor>> {
    let value = value.map_or(Scalar::Int(0), |v| v.0);
    run(py, input.0.numel(), || input.0.pad_constant(&pad, value))
}
