//! Elements that meet at one place, parts replaced in a copy, differences, turns.

use pyo3::prelude::*;
use tensorrs_core::layout::Layout;
use tensorrs_core::ops::scatter_reduce::Reduce;
use tensorrs_core::runtime;

use smallvec::smallvec;

use crate::args::{Arg, Dims, Number, shape};
use crate::border::{PyTensor, raise, run, run_inplace};

/// A method and its in-place twin: the arguments, then what is made of the tensor `x`.
macro_rules! with_inplace {
    ($($(#[$doc:meta])* $name:ident / $inplace:ident [$($sig:tt)*] ($($arg:ident: $ty:ty),*) |$x:ident| $body:expr;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = ($($sig)*))]
                fn $name(&self, py: Python<'_>, $($arg: $ty),*) -> PyResult<Py<PyTensor>> {
                    let $x = &self.tensor(py);
                    run(py, $x.numel(), || $body)
                }

                #[doc = concat!("`", stringify!($name), "`, written into this tensor.")]
                #[pyo3(signature = ($($sig)*))]
                fn $inplace<'py>(slf: &Bound<'py, Self>, $($arg: $ty),*) -> PyResult<Bound<'py, Self>> {
                    run_inplace(slf, |x| x.inplace(|$x| $body))
                }
            )*
        }
    };
}

with_inplace! {
    /// Each element of `src` meets the one whose index along `dim` is in `index`.
    scatter_reduce / scatter_reduce_ [dim, index, src, reduce, *, include_self = true]
        (dim: isize, index: Arg, src: Arg, reduce: &str, include_self: bool)
        |x| x.scatter_reduce(dim, &index.0, &src.0, Reduce::parse(reduce)?, include_self);
    /// Each slice of `source` meets the one whose index along `dim` is in `index`.
    index_reduce / index_reduce_ [dim, index, source, reduce, *, include_self = true]
        (dim: isize, index: Arg, source: Arg, reduce: &str, include_self: bool)
        |x| x.index_reduce(dim, &index.0, &source.0, Reduce::parse(reduce)?, include_self);
    /// Elements of the given row-major numbers replaced by, or increased by, those of `source`.
    put / put_ [index, source, accumulate = false] (index: Arg, source: Arg, accumulate: bool)
        |x| x.put_at(&index.0, &source.0, accumulate);
    /// Slices along `dim` whose norm is above `maxnorm`, scaled down to it.
    renorm / renorm_ [p, dim, maxnorm] (p: Number, dim: isize, maxnorm: Number)
        |x| x.renorm(p.0.to_f64(), dim, maxnorm.0.to_f64());
}

#[pymethods]
impl PyTensor {
    /// A copy with one index of a dimension replaced.
    fn select_scatter(&self, py: Python<'_>, src: Arg, dim: isize, index: isize) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.select_scatter(&src.0, dim, index))
    }

    /// A copy with y[start:end:step] = src along `dim`. RuntimeError unless `src` has the slice's shape.
    #[pyo3(signature = (src, dim = 0, start = None, end = None, step = 1))]
    fn slice_scatter(
        &self,
        py: Python<'_>,
        src: Arg,
        dim: isize,
        start: Option<isize>,
        end: Option<isize>,
        step: isize,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.slice_scatter(&src.0, dim, start, end, step))
    }

    /// A copy with its `diagonal(offset, dim1, dim2)` replaced by `src`. RuntimeError unless the shapes are equal.
    #[pyo3(signature = (src, offset = 0, dim1 = 0, dim2 = 1))]
    fn diagonal_scatter(
        &self,
        py: Python<'_>,
        src: Arg,
        offset: isize,
        dim1: isize,
        dim2: isize,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.diagonal_scatter(&src.0, offset, dim1, dim2))
    }

    /// A copy with its `as_strided(size, stride, storage_offset)` replaced by `src`.
    #[pyo3(signature = (src, size, stride, storage_offset = None))]
    fn as_strided_scatter(
        &self,
        py: Python<'_>,
        src: Arg,
        size: Dims,
        stride: Dims,
        storage_offset: Option<isize>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        if size.0.len() != stride.0.len() {
            return Err(raise(tensorrs_core::runtime!("mismatch in length of strides and shape")));
        }
        let window = Layout {
            shape: shape(&size.0)?.into(),
            strides: shape(&stride.0)?.into(),
            offset: storage_offset.unwrap_or(0).max(0) as usize,
        };
        run(py, x.numel(), || x.as_strided_scatter(&src.0, window))
    }

    /// The `n`-th differences of neighbours along `dim`.
    #[pyo3(signature = (n = 1, dim = -1, prepend = None, append = None))]
    fn diff(
        &self,
        py: Python<'_>,
        n: i64,
        dim: isize,
        prepend: Option<Arg>,
        append: Option<Arg>,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.diff(n, dim, prepend.as_ref().map(|t| &t.0), append.as_ref().map(|t| &t.0)))
    }

    /// Turned by a quarter `k` times in the plane of two dimensions.
    #[pyo3(signature = (k = 1, dims = Dims(smallvec![0, 1])))]
    fn rot90(&self, py: Python<'_>, k: i64, dims: Dims) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        run(py, x.numel(), || x.rot90(k, &dims.0))
    }

    /// A copy of `length` slices of `dim` from `start` on: `narrow`, copied.
    fn narrow_copy(
        &self,
        py: Python<'_>,
        dim: isize,
        start: crate::args::Start,
        length: isize,
    ) -> PyResult<Py<PyTensor>> {
        let x = self.tensor(py);
        let rank = x.rank() as isize;
        if rank > 0 && dim >= rank {
            return Err(raise(runtime!("Expected dim < {rank} to be true, but got dim = {dim}")));
        }
        if length < 0 && rank > 0 && dim >= -rank {
            return Err(raise(runtime!(
                "start ({}) + length ({length}) exceeds dimension size ({}).",
                start.0,
                x.shape()[dim.rem_euclid(rank) as usize]
            )));
        }
        run(py, x.numel(), || x.narrow(dim, start.0, length)?.dup_contiguous())
    }
}
