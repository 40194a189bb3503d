//! Views that rearrange dimensions, and views of parts.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::view::reshape_inplace;
use crate::args::{Dims, Start, named_varargs};
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
    ($($name:ident, $at_least:literal;)*) => {
        #[pymethods]
        impl PyTensor {
            $(#[pyo3(signature = (*indices_or_sections))]
            fn $name<'py>(
                &self,
                py: Python<'py>,
                indices_or_sections: &Bound<'py, PyTuple>,
            ) -> PyResult<Bound<'py, PyTuple>> {
                let x = self.tensor(py);
                let op = stringify!($name);
                let one = if indices_or_sections.len() == 1 { Some(indices_or_sections.get_item(0)?) } else { None };
                let parts = match one.map_or_else(|| indices_or_sections.extract(), |one| one.extract())? {
                    Cuts::Sections(n) => run_all(py, 0, || x.split_equal(op, $at_least, n))?,
                    Cuts::At(cuts) => run_all(py, 0, || x.split_equal_at(op, $at_least, &cuts))?,
                };
                tuple(py, parts)
            })*
        }
    };
}

numpy_splits! { hsplit, 1; vsplit, 2; dsplit, 3; }

#[pymethods]
impl PyTensor {
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

    fn movedim(&self, py: Python<'_>, source: Dims, destination: Dims) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.movedim(&source.0, &destination.0))
    }

    fn moveaxis(&self, py: Python<'_>, source: Dims, destination: Dims) -> PyResult<Py<PyTensor>> {
        self.movedim(py, source, destination)
    }

    fn unsqueeze(&self, py: Python<'_>, dim: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unsqueeze(dim))
    }

    fn unsqueeze_<'py>(slf: &Bound<'py, Self>, dim: isize) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.unsqueeze(dim))
    }

    #[pyo3(signature = (dim = None))]
    fn squeeze(&self, py: Python<'_>, dim: Option<Dims>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.squeeze(dim.as_ref().map(|d| d.0.as_slice())))
    }

    #[pyo3(signature = (dim = None))]
    fn squeeze_<'py>(slf: &Bound<'py, Self>, dim: Option<Dims>) -> PyResult<Bound<'py, Self>> {
        reshape_inplace(slf, |x| x.squeeze(dim.as_ref().map(|d| d.0.as_slice())))
    }

    #[pyo3(signature = (start_dim = 0, end_dim = -1))]
    fn flatten(&self, py: Python<'_>, start_dim: isize, end_dim: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.flatten(start_dim, end_dim))
    }

    fn unflatten(&self, py: Python<'_>, dim: isize, sizes: Dims) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unflatten(dim, &sizes.0))
    }

    fn ravel(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.contiguous()?.view_sizes(&[-1]))
    }

    fn select(&self, py: Python<'_>, dim: isize, index: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.select(dim, index))
    }

    fn narrow(&self, py: Python<'_>, dim: isize, start: Start, length: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.narrow(dim, start.0, length))
    }

    #[pyo3(signature = (offset = 0, dim1 = 0, dim2 = 1))]
    fn diagonal(&self, py: Python<'_>, offset: isize, dim1: isize, dim2: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.diagonal(offset, dim1, dim2))
    }

    fn unfold(&self, py: Python<'_>, dimension: isize, size: isize, step: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, 0, || x.unfold(dimension, size, step))
    }

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

    #[pyo3(signature = (split_sizes, dim = 0))]
    fn split_with_sizes<'py>(
        &self,
        py: Python<'py>,
        split_sizes: Vec<isize>,
        dim: isize,
    ) -> PyResult<Bound<'py, PyTuple>> {
        self.split(py, Pieces::Sizes(split_sizes), dim)
    }

    #[pyo3(signature = (chunks, dim = 0))]
    fn chunk<'py>(&self, py: Python<'py>, chunks: isize, dim: isize) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        tuple(py, run_all(py, 0, || x.chunk(chunks, dim))?)
    }

    #[pyo3(signature = (dim = 0))]
    fn unbind<'py>(&self, py: Python<'py>, dim: isize) -> PyResult<Bound<'py, PyTuple>> {
        let x = self.tensor(py);
        tuple(py, run_all(py, 0, || x.unbind(dim))?)
    }

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
