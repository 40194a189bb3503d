//! Pointwise functions of one tensor.

use pyo3::prelude::*;

use crate::border::{PyTensor, run};

macro_rules! unary {
    ($($name:ident),* $(,)?) => {
        #[pymethods]
        impl PyTensor {
            $(fn $name(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
                let x = self.tensor(py);
                run(py, x.numel(), || x.$name())
            })*
        }
    };
}

unary!(exp, neg);
