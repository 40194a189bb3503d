//! Views that rearrange dimensions, and views of parts.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::view::reshape_inplace;
use crate::args::{Dims, Start, named_varargs, type_name};
use crate::border::{PyTensor, raise, run, run_all};

fn tuple<'py>(py: Python<'py>, parts: Vec<Py<PyTensor>>) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, parts)
}

/// `split(2)` or `split([1, 3])`.
#[derive(FromPyObject)]
enum Pieces {
    Size(isize),
    Sizes(Vec<isize>),
}

/// `tensor_split(3)` or `tensor_split([1, 4])`.
#[derive(FromPyObject)]
enum Cuts {
    Sections(isize),
    At(Vec<isize>),
}

/// NumPy's names for cuts along one dimension, into equal parts or at indices.
macro_rules! numpy_splits {
    ($($(#[$doc:meta])* $name:ident, $at_least:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $($(#[$doc])*
            #[pyo3(signature = (*split_size_or_sections, sections = None, indices = None))]
            fn $name<'py>(
                &self,
                py: Python<'py>,
                split_size_or_sections: &Bound<'py, PyTuple>,
                sections: Option<isize>,
                indices: Option<Vec<isize>>,
            ) -> PyResult<Bound<'py, PyTuple>> {
                let x = self.tensor(py);
                let op = stringify!($name);
                let given = split_size_or_sections;
                let one = if given.len() == 1 { given.get_item(0)? } else { given.as_any().clone() };
                let cuts = match (sections, indices) {
                    (Some(n), None) => Cuts::Sections(n),
                    (None, Some(cuts)) => Cuts::At(cuts),
                    _ => one.extract().map_err(|_| {
                        PyTypeError::new_err(format!(
                            "{op}() received an invalid combination of arguments - got (Tensor, {}), but expected one of:\n * (Tensor input, int sections)\n * (Tensor input, tuple of ints indices)\n",
                            type_name(&one)
                        ))
                    })?,
                };
                let parts = match cuts {
                    Cuts::Sections(n) => run_all(py, 0, || x.split_equal(op, $at_least, n))?,
                    Cuts::At(cuts) => run_all(py, 0, || x.split_equal_at(op, $at_least, &cuts))?,
                };
                tuple(py, parts)
            })*
        }
    };
}

numpy_splits! {
    /// `tensor_split` along dimension 1, or 0 of a vector. RuntimeError for parts of unequal size.
    hsplit, 1;
    /// `tensor_split` along dimension 0, of two dimensions or more. RuntimeError for parts of unequal size.
    vsplit, 2;
    /// `tensor_split` along dimension 2, of three dimensions or more. RuntimeError for parts of unequal size.
    dsplit, 3;
}

#[pymethods]
impl PyTensor {
    /// A view with the dimensions in the order `dims`. RuntimeError unless each is named once.
    #[pyo3(signature = (*dims, **named))]
    fn permute(
        &self,
        py: Python<'_>,
        dims: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, dims) = (self.tensor(py), named_varargs("permute", "dims", dims, named)?);
        run(py, 0, || x.permute(&dims))
    }

    /// A view with the dimensions `source` moved to `destination`, the others in their order.
    fn movedim(&self, py: Python<'_>, source: Dims, destination: Dims) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.movedim(&source.0, &destination.0))
    }

    /// Another name of `movedim`.
    fn moveaxis(&self, py: Python<'_>, source: Dims, destination: Dims) -> PyResult<Py<PyTensor>> {
        self.movedim(py, source, destination)
    }

    /// A view with a dimension of size 1 at `dim`. IndexError for a `dim` out of range.
    fn unsqueeze(&self, py: Python<'_>, dim: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unsqueeze(dim))
    }

    /// `unsqueeze`, written into this tensor.
    fn unsqueeze_<'py>(slf: &Bound<'py, Self>, dim: isize) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.unsqueeze(dim))
    }

    /// A view without the dimensions of size 1: all of them, or those of `dim`.
    #[pyo3(signature = (dim = None))]
    fn squeeze(&self, py: Python<'_>, dim: Option<Dims>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.squeeze(dim.as_ref().map(|d| d.0.as_slice())))
    }

    /// `squeeze`, written into this tensor.
    #[pyo3(signature = (dim = None))]
    fn squeeze_<'py>(slf: &Bound<'py, Self>, dim: Option<Dims>) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.squeeze(dim.as_ref().map(|d| d.0.as_slice())))
    }

    /// The dimensions from `start_dim` to `end_dim` as one; a view where strides allow, otherwise a copy.
    #[pyo3(signature = (start_dim = 0, end_dim = -1))]
    fn flatten(&self, py: Python<'_>, start_dim: isize, end_dim: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.flatten(start_dim, end_dim))
    }

    /// The dimension `dim` as several of the `sizes`; one of them may be -1. RuntimeError unless they multiply to it.
    fn unflatten(&self, py: Python<'_>, dim: isize, sizes: Dims) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unflatten(dim, &sizes.0))
    }

    /// All dimensions as one; a view where strides allow, otherwise a copy.
    fn ravel(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.contiguous()?.view_sizes(&[-1]))
    }

    /// A view of the slice `index` of `dim`, without that dimension. IndexError for an index out of range.
    fn select(&self, py: Python<'_>, dim: isize, index: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.select(dim, index))
    }

    /// A view of `length` slices of `dim` from `start` on. RuntimeError where they leave the tensor.
    fn narrow(&self, py: Python<'_>, dim: isize, start: Start, length: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.narrow(dim, start.0, length))
    }

    /// A view of the elements (i, i + offset) of `dim1` and `dim2`, as the last dimension.
    #[pyo3(signature = (offset = 0, dim1 = 0, dim2 = 1))]
    fn diagonal(&self, py: Python<'_>, offset: isize, dim1: isize, dim2: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.diagonal(offset, dim1, dim2))
    }

    /// A view of the windows of `size` along `dimension`, `step` apart; the windows' elements are the last dimension.
    fn unfold(&self, py: Python<'_>, dimension: isize, size: isize, step: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unfold(dimension, size, step))
    }

    /// Views of `split_size` slices along `dim`, the last may be smaller; a list of sizes cuts by it.
    #[pyo3(signature = (split_size, dim = 0))]
    fn split<'py>(&self, py: Python<'py>, split_size: Pieces, dim: isize) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        let parts = match split_size {
            Pieces::Size(n) => run_all(py, 0, || x.split(n, dim))?,
            Pieces::Sizes(sizes) => {
                if sizes.iter().any(|&n| n < 0) {
                    return Err(raise(tensorrs_core::runtime!(
                        "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={}",
                        tensorrs_core::shape::show(&sizes)
                    )));
                }
                let sizes: Vec<usize> = sizes.into_iter().map(|n| n as usize).collect();
                run_all(py, 0, || x.split_sizes(&sizes, dim, "SplitWithSizesBackward0"))?
            }
        };
        tuple(py, parts)
    }

    /// Views of `split_sizes` slices along `dim`. RuntimeError unless they add up to its size.
    #[pyo3(signature = (split_sizes, dim = 0))]
    fn split_with_sizes<'py>(
        &self,
        py: Python<'py>,
        split_sizes: Vec<isize>,
        dim: isize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        self.split(py, Pieces::Sizes(split_sizes), dim)
    }

    /// At most `chunks` views of equal size along `dim`, the last may be smaller.
    #[pyo3(signature = (chunks, dim = 0))]
    fn chunk<'py>(&self, py: Python<'py>, chunks: isize, dim: isize) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        tuple(py, run_all(py, 0, || x.chunk(chunks, dim))?)
    }

    /// The slices along `dim`, as views without that dimension.
    #[pyo3(signature = (dim = 0))]
    fn unbind<'py>(&self, py: Python<'py>, dim: isize) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        tuple(py, run_all(py, 0, || x.unbind(dim))?)
    }

    /// Views along `dim`: `indices_or_sections` parts whose sizes differ by one at most, or cuts before indices.
    #[pyo3(signature = (indices_or_sections, dim = 0))]
    fn tensor_split<'py>(
        &self,
        py: Python<'py>,
        indices_or_sections: Cuts,
        dim: isize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        tuple(
            py,
            match indices_or_sections {
                Cuts::Sections(n) => run_all(py, 0, || x.tensor_split(n, dim))?,
                Cuts::At(cuts) => run_all(py, 0, || x.tensor_split_at(&cuts, dim))?,
            },
        )
    }
}
