//! Gradients: `requires_grad`, `backward`, hooks, `detach`, and what a tensor tells about its history.

use std::sync::Arc;

use pyo3::prelude::*;
use tensorrs_core::Tensor;
use tensorrs_core::autograd::{self, Options};
use tensorrs_core::tensor::tape::Hook;

use crate::args::Arg;
use crate::border::{PyTensor, callback_error, raise, wrap};
use crate::node::{PyNode, node_object};

/// Turn a Python callable into a hook: it gets the gradient and returns a new one or None.
fn hook_of(f: Py<PyAny>) -> Hook {
    Arc::new(move |g: &Tensor| {
        Python::attach(|py| {
            let result = f.call1(py, (wrap(py, g.clone())?,))?;
            if result.is_none(py) { Ok(None) } else { result.extract::<Arg>(py).map(|t| Some(t.0)) }
        })
        .map_err(callback_error)
    })
}

#[pymethods]
impl PyTensor {
    /// Whether gradients are computed for this tensor.
    #[getter]
    fn requires_grad(&self, py: Python<'_>) -> bool {
        self.tensor(py).requires_grad()
    }

    #[setter]
    fn set_requires_grad(&self, py: Python<'_>, on: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(on) = on.extract::<bool>() else {
            return Err(raise(tensorrs_core::runtime!("requires_grad must be a bool")));
        };
        if on && !self.tensor(py).dtype().is_float() {
            return Err(raise(tensorrs_core::runtime!(
                "only Tensors of floating point and complex dtype can require gradients"
            )));
        }
        self.tensor(py).set_requires_grad(on).map_err(raise)
    }

    /// Change whether gradients are computed, in place; returns the tensor.
    #[pyo3(signature = (requires_grad = true))]
    fn requires_grad_<'py>(slf: &Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        slf.get().tensor(slf.py()).set_requires_grad(requires_grad).map_err(raise)?;
        Ok(slf.clone())
    }

    /// Whether no op made this tensor, or none that is differentiated.
    #[getter]
    fn is_leaf(&self, py: Python<'_>) -> bool {
        self.tensor(py).is_leaf()
    }

    /// The gradient that `backward` has added up, or None.
    #[getter]
    fn grad(&self, py: Python<'_>) -> PyResult<Option<Py<PyTensor>>> {
        let t = self.tensor(py);
        if t.requires_grad() && !t.is_leaf() && !t.meta().state().retains_grad && t.grad().is_none() {
            let text = "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor instead.";
            crate::interop::warn(py, text)?;
        }
        t.grad().map(|g| wrap(py, g)).transpose()
    }

    #[setter]
    fn set_grad(&self, py: Python<'_>, grad: &Bound<'_, PyAny>) -> PyResult<()> {
        let new = match grad.extract::<Option<Arg>>() {
            Ok(new) => new.map(|g| g.0),
            Err(_) => {
                return Err(pyo3::exceptions::PyTypeError::new_err(format!(
                    "assigned grad expected to be a Tensor or None but got grad of type {}",
                    grad.get_type().name()?
                )));
            }
        };
        self.tensor(py).set_grad(new).map_err(raise)
    }

    #[deleter]
    fn delete_grad(&self, py: Python<'_>) -> PyResult<()> {
        self.tensor(py).set_grad(None).map_err(raise)
    }

    /// The node of the graph that made this tensor, or None for a leaf.
    #[getter]
    fn grad_fn(&self, py: Python<'_>) -> PyResult<Option<Py<PyNode>>> {
        match self.tensor(py).grad_edge().map_err(raise)? {
            Some(edge) => node_object(py, &edge.node).map(Some),
            None => Ok(None),
        }
    }

    /// Which output of its node this tensor is.
    #[getter]
    fn output_nr(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.tensor(py).grad_edge().map_err(raise)?.map_or(0, |e| e.nr))
    }

    /// How often the memory was written in place.
    #[getter]
    fn _version(&self, py: Python<'_>) -> PyResult<u32> {
        let t = self.tensor(py);
        if t.is_inference() {
            return Err(raise(tensorrs_core::runtime!("Inference tensors do not track version counter.")));
        }
        Ok(t.storage().version())
    }

    /// The tensor this one is a view of, or None.
    #[getter]
    fn _base(&self, py: Python<'_>) -> PyResult<Option<Py<PyTensor>>> {
        self.tensor(py).base().map(|b| wrap(py, b)).transpose()
    }

    fn _is_view(&self, py: Python<'_>) -> bool {
        self.tensor(py).base().is_some()
    }

    /// Whether the tensor was made in inference mode.
    fn is_inference(&self, py: Python<'_>) -> bool {
        self.tensor(py).is_inference()
    }

    /// The same data without history, sharing memory.
    fn detach(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        wrap(py, self.tensor(py).detach())
    }

    /// Cut the tensor off its history, in place.
    fn detach_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().tensor(slf.py()).clear_edge().map_err(raise)?;
        Ok(slf.clone())
    }

    /// The tensor's elements without its history; assigning replaces them and keeps the identity.
    #[getter]
    fn data(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        wrap(py, self.tensor(py).detach_data())
    }

    #[setter]
    fn set_data(slf: &Bound<'_, Self>, data: Arg) -> PyResult<()> {
        let old = slf.get().tensor(slf.py());
        if old.requires_grad() && !data.0.dtype().is_float() {
            return Err(raise(tensorrs_core::runtime!(
                "data set to a tensor that requires gradients must be floating point or complex dtype"
            )));
        }
        PyTensor::set(slf, old.with_data(&data.0));
        Ok(())
    }

    /// Keep the gradient of this tensor in `.grad` although it is not a leaf.
    fn retain_grad(&self, py: Python<'_>) -> PyResult<()> {
        let t = self.tensor(py);
        if !t.requires_grad() {
            return Err(raise(tensorrs_core::runtime!(
                "can't retain_grad on Tensor that has requires_grad=False"
            )));
        }
        if let Some(edge) = t.grad_edge().map_err(raise)? {
            let mut state = t.meta().state();
            if !std::mem::replace(&mut state.retains_grad, true) {
                edge.node.hooks_mut().retain.push((edge.nr, t.meta().clone()));
            }
        }
        Ok(())
    }

    /// Whether `retain_grad` was asked of a tensor that is no leaf.
    #[getter]
    fn retains_grad(&self, py: Python<'_>) -> bool {
        self.tensor(py).meta_opt().is_some_and(|m| m.state().retains_grad)
    }

    /// Register `hook(grad) -> Tensor or None`; returns its key. `register_hook` wraps it in a handle.
    fn _register_hook(&self, py: Python<'_>, hook: Py<PyAny>) -> PyResult<u64> {
        let t = self.tensor(py);
        if !t.requires_grad() {
            return Err(raise(tensorrs_core::runtime!(
                "cannot register a hook on a tensor that doesn't require gradient"
            )));
        }
        if let Some(edge) = t.grad_edge().map_err(raise)? {
            let mut hooks = edge.node.hooks_mut();
            let key = hooks.key();
            hooks.tensor.push((key, edge.nr, hook_of(hook)));
            return Ok(key);
        }
        let mut state = t.meta().state();
        state.next_hook += 1;
        let key = state.next_hook;
        state.hooks.push((key, hook_of(hook)));
        Ok(key)
    }

    /// Register `hook(tensor)`, called after a gradient was added to `.grad` of this leaf; returns its key.
    fn _register_post_accumulate_grad_hook(slf: &Bound<'_, Self>, hook: Py<PyAny>) -> PyResult<u64> {
        let t = slf.get().tensor(slf.py());
        if !t.requires_grad() {
            return Err(raise(tensorrs_core::runtime!(
                "cannot register a hook on a tensor that doesn't require gradient"
            )));
        }
        if !t.is_leaf() {
            return Err(raise(tensorrs_core::runtime!(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )));
        }
        let weak = pyo3::types::PyWeakrefReference::new(slf.as_any())?.unbind();
        let mut state = t.meta().state();
        state.next_hook += 1;
        let key = state.next_hook;
        let call = move || {
            Python::attach(|py| match weak.call0(py)? {
                tensor if tensor.is_none(py) => Ok(()),
                tensor => hook.call1(py, (tensor,)).map(drop),
            })
            .map_err(callback_error)
        };
        state.leaf_hooks.push((key, Arc::new(call)));
        Ok(key)
    }

    fn _remove_hook(&self, py: Python<'_>, key: u64) -> PyResult<()> {
        let t = self.tensor(py);
        if let Some(meta) = t.meta_opt() {
            let mut state = meta.state();
            state.hooks.retain(|h| h.0 != key);
            state.leaf_hooks.retain(|h| h.0 != key);
        }
        if let Some(edge) = t.grad_edge().map_err(raise)?
            && let Some(mut hooks) = edge.node.hooks()
        {
            hooks.remove(key);
        }
        Ok(())
    }
}

/// Roots and their gradients, as the engine takes them.
type Roots = Vec<(Tensor, Option<Tensor>)>;

fn roots(tensors: Vec<Arg>, grads: Vec<Option<Arg>>) -> Roots {
    tensors.into_iter().zip(grads).map(|(t, g)| (t.0, g.map(|g| g.0))).collect()
}

/// The engine: add gradients to the `.grad` of leaves, or of `inputs`.
#[pyfunction]
pub fn run_backward(
    py: Python<'_>,
    tensors: Vec<Arg>,
    grads: Vec<Option<Arg>>,
    retain_graph: bool,
    create_graph: bool,
    inputs: Vec<Arg>,
) -> PyResult<()> {
    let inputs: Vec<Tensor> = inputs.into_iter().map(|t| t.0).collect();
    let roots = roots(tensors, grads);
    let options = Options { retain_graph, create_graph };
    py.detach(|| autograd::backward(&roots, &inputs, options)).map_err(raise)
}

/// The engine: the gradients with respect to `inputs`, None where there is none.
#[pyfunction]
pub fn run_grad(
    py: Python<'_>,
    tensors: Vec<Arg>,
    grads: Vec<Option<Arg>>,
    retain_graph: bool,
    create_graph: bool,
    inputs: Vec<Arg>,
) -> PyResult<Vec<Option<Py<PyTensor>>>> {
    let inputs: Vec<Tensor> = inputs.into_iter().map(|t| t.0).collect();
    let roots = roots(tensors, grads);
    let options = Options { retain_graph, create_graph };
    let grads = py.detach(|| autograd::grad_of(&roots, &inputs, options)).map_err(raise)?;
    grads.into_iter().map(|g| g.map(|g| wrap(py, g)).transpose()).collect()
}
