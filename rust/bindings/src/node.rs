//! Nodes of the graph as Python objects, nodes that run Python (custom Functions), and the switches of the tape.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use smallvec::SmallVec;
use tensorrs_core::tensor::tape::{self, Ctx, Grads, Node, PostHook, PreHook, Save, Saved};
use tensorrs_core::tensor::{Creation, Edge};
use tensorrs_core::{Result, Tensor};

use crate::args::Arg;
use crate::border::{PyTensor, callback_error, raise, wrap};

/// A node of the autograd graph: `Tensor.grad_fn`.
#[pyclass(name = "Node", module = "tensorrs.autograd.graph", frozen, weakref, dict)]
pub struct PyNode(Arc<Node>);

/// The address of the live Python object of a node, so that `y.grad_fn is y.grad_fn`.
struct Slot(AtomicUsize);

/// The Python object of a node: the one that stands for it already, or a new one.
pub fn node_object(py: Python<'_>, node: &Arc<Node>) -> PyResult<Py<PyNode>> {
    let slot = slot(node);
    let known = slot.0.load(Ordering::Relaxed);
    if known != 0 {
        // SAFETY: the slot is cleared before its object is freed, and both happen under the GIL.
        let object = unsafe { Bound::from_borrowed_ptr(py, known as *mut pyo3::ffi::PyObject) };
        return Ok(object.cast_into::<PyNode>()?.unbind());
    }
    let object = Py::new(py, PyNode(node.clone()))?;
    slot.0.store(object.as_ptr() as usize, Ordering::Relaxed);
    Ok(object)
}

fn slot(node: &Arc<Node>) -> &Slot {
    let companion = node.companion.get_or_init(|| Box::new(Slot(AtomicUsize::new(0))));
    companion.downcast_ref().expect("only this file fills the companion")
}

impl Drop for PyNode {
    fn drop(&mut self) {
        slot(&self.0).0.store(0, Ordering::Relaxed);
    }
}

fn grads_to_list<'py>(py: Python<'py>, grads: &[Option<Tensor>]) -> PyResult<Bound<'py, PyTuple>> {
    let objects: Vec<_> =
        grads.iter().map(|g| g.clone().map(|g| wrap(py, g)).transpose()).collect::<PyResult<_>>()?;
    PyTuple::new(py, objects)
}

/// A tensor, a tuple of tensors or Nones, or None, as a hook may return it.
fn grads_from(result: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Option<Tensor>>>> {
    if result.is_none() {
        return Ok(None);
    }
    if let Ok(one) = result.extract::<Arg>() {
        return Ok(Some(vec![Some(one.0)]));
    }
    let all: Vec<Option<Arg>> = result.extract()?;
    Ok(Some(all.into_iter().map(|t| t.map(|t| t.0)).collect()))
}

#[pymethods]
impl PyNode {
    fn name(&self) -> String {
        self.0.name.to_string()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<{} object at {:#x}>", slf.get().0.name, slf.as_ptr() as usize)
    }

    /// Where the gradients go: a tuple of (node, output number).
    #[getter]
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut all: Vec<(Option<Py<PyNode>>, usize)> = Vec::new();
        for edge in &self.0.edges {
            all.push(match edge {
                Some(e) => (Some(node_object(py, &e.node)?), e.nr),
                None => (None, 0),
            });
        }
        PyTuple::new(py, all)
    }

    fn _sequence_nr(&self) -> u64 {
        self.0.id
    }

    /// Call `hook(grad_inputs, grad_outputs)` after the node ran; returns its key.
    fn _register_hook(&self, hook: Py<PyAny>) -> u64 {
        let call: PostHook = Arc::new(move |inputs, outputs| {
            Python::attach(|py| {
                let result = hook.call1(py, (grads_to_list(py, inputs)?, grads_to_list(py, outputs)?))?;
                grads_from(result.bind(py))
            })
            .map_err(callback_error)
        });
        let mut hooks = self.0.hooks_mut();
        let key = hooks.key();
        hooks.post.push((key, call));
        key
    }

    /// Call `hook(grad_outputs)` before the node runs; returns its key.
    fn _register_prehook(&self, hook: Py<PyAny>) -> u64 {
        let call: PreHook = Arc::new(move |outputs| {
            Python::attach(|py| {
                let result = hook.call1(py, (grads_to_list(py, outputs)?,))?;
                grads_from(result.bind(py))
            })
            .map_err(callback_error)
        });
        let mut hooks = self.0.hooks_mut();
        let key = hooks.key();
        hooks.pre.push((key, call));
        key
    }

    fn _remove_hook(&self, key: u64) {
        self.0.hooks_mut().remove(key);
    }
}

/// Put a custom Function on the tape.
///
/// `rule(saved, grads)` is Python and returns one gradient per input; `saved` are the tensors of `to_save` with their
/// history. Outputs in `dirty` are inputs that were written in place; those in `fixed` get no history.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn record_function(
    py: Python<'_>,
    name: String,
    inputs: Vec<Arg>,
    outputs: Vec<Arg>,
    to_save: Vec<Option<Arg>>,
    dirty: Vec<bool>,
    fixed: Vec<bool>,
    rule: Py<PyAny>,
) -> PyResult<Py<PyNode>> {
    let inputs: Vec<Tensor> = inputs.into_iter().map(|t| t.0).collect();
    let outputs: Vec<Tensor> = outputs.into_iter().map(|t| t.0).collect();
    let refs: Vec<&Tensor> = inputs.iter().collect();
    let mut failed = None;
    let node = tape::make_node(name.into(), &refs, &outputs, |save: &mut Save| {
        let saved: Vec<Option<Saved>> = to_save
            .iter()
            .map(|t| t.as_ref().and_then(|t| save.any(&t.0).map_err(|e| failed = Some(e)).ok()))
            .collect();
        Arc::new(move |ctx: &Ctx, grads: &[Option<Tensor>]| call_rule(&rule, &saved, ctx, grads))
    });
    if let Some(e) = failed {
        return Err(raise(e));
    }
    let node = node.map_err(raise)?;
    for (nr, out) in outputs.iter().enumerate() {
        if fixed[nr] || !out.dtype().is_float() {
            continue;
        }
        let edge = Edge { node: node.clone(), nr };
        if dirty[nr] {
            out.written(Some(edge), true).map_err(raise)?;
        } else {
            if let Some(view) = &mut out.meta().state().view {
                view.creation = Creation::InCustomFunction;
            }
            out.set_edge(edge);
        }
    }
    node_object(py, &node)
}

fn call_rule(
    rule: &Py<PyAny>,
    saved: &[Option<Saved>],
    ctx: &Ctx,
    grads: &[Option<Tensor>],
) -> Result<Grads> {
    let mut tensors = Vec::with_capacity(saved.len());
    for s in saved {
        tensors.push(s.as_ref().map(|s| s.get(ctx)).transpose()?);
    }
    Python::attach(|py| -> PyResult<Grads> {
        let result = rule.call1(py, (grads_to_list(py, &tensors)?, grads_to_list(py, grads)?))?;
        let parts: Vec<Option<Arg>> = result.extract(py)?;
        Ok(parts.into_iter().map(|t| t.map(|t| t.0)).collect::<SmallVec<_>>())
    })
    .map_err(callback_error)
}

#[pyfunction]
pub fn is_grad_enabled() -> bool {
    tape::grad_enabled()
}

#[pyfunction]
pub fn _set_grad_enabled(on: bool) {
    tape::set_grad_enabled(on);
}

#[pyfunction]
pub fn is_inference_mode_enabled() -> bool {
    tape::inference_enabled()
}

#[pyfunction]
pub fn _set_inference_mode(on: bool) {
    tape::set_inference(on);
}

#[pyfunction]
pub fn is_anomaly_enabled() -> bool {
    tape::anomaly_enabled()
}

/// Anomaly mode: remember where each op was called, and look for NaN in the backward pass.
#[pyfunction]
pub fn _set_anomaly(on: bool) {
    tape::TRACER.get_or_init(|| || Python::attach(|py| stack_text(py).unwrap_or_default()));
    tensorrs_core::autograd::REPORTER
        .get_or_init(|| |name, trace| Python::attach(|py| report(py, name, trace)));
    tape::set_anomaly(on);
}

fn stack_text(py: Python<'_>) -> PyResult<String> {
    let lines = py.import("traceback")?.call_method0("format_stack")?;
    Ok(lines.cast::<PyList>()?.iter().map(|l| l.to_string()).collect())
}

fn report(py: Python<'_>, name: &str, trace: &str) {
    let text = format!(
        "Error detected in {name}. Traceback of forward call that caused the error:\n{trace} (Triggered internally in the autograd engine.)"
    );
    let warned = py.import("warnings").and_then(|w| w.call_method1("warn", (text,)));
    if let Err(e) = warned {
        e.write_unraisable(py, None);
    }
}

/// `AccumulateGrad.variable`: the leaf whose gradient this node adds up.
#[pyfunction]
pub fn same_tensor(a: &Bound<'_, PyTensor>, b: &Bound<'_, PyTensor>) -> bool {
    a.get().tensor(a.py()).is(&b.get().tensor(b.py()))
}
