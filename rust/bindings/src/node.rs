//! Nodes of the graph as Python objects, nodes that run Python (custom Functions), and the switches of the tape.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use pyo3::exceptions::{PyAttributeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use smallvec::SmallVec;
use tensorrs_core::tensor::tape::{self, Ctx, Grads, Node, PostHook, PreHook, Save, Saved};
use tensorrs_core::tensor::{Creation, Edge};
use tensorrs_core::{Result, Tensor};

use crate::args::Arg;
use crate::border::{PyTensor, callback_error, raise, wrap};

/// A node of the autograd graph: `Tensor.grad_fn`. The context of a custom Function is one too, from before there is a
/// node until after it is gone.
#[pyclass(name = "Node", module = "tensorrs.autograd.graph", frozen, weakref, dict, subclass)]
pub struct PyNode(OnceLock<Link>);

enum Link {
    Strong(Arc<Node>),
    /// The node holds the context, so the context must not hold the node.
    Weak(Weak<Node>),
}

/// What a node knows of its Python side.
enum Companion {
    /// The address of the live object that stands for the node, or 0, so that `y.grad_fn is y.grad_fn`.
    Slot(AtomicUsize),
    /// The context of a custom Function, and what it saved.
    Context(Py<PyNode>, Weak<Vec<Option<Saved>>>),
}

thread_local! {
    /// The node that the next `Node.__new__` on this thread is to stand for.
    static PENDING: RefCell<Option<Arc<Node>>> = const { RefCell::new(None) };
}

/// The Python object of a node: the one that stands for it already, or a new one of the class with the node's name.
pub fn node_object(py: Python<'_>, node: &Arc<Node>) -> PyResult<Py<PyNode>> {
    let slot = match companion(node) {
        Companion::Context(context, _) => return Ok(context.clone_ref(py)),
        Companion::Slot(slot) => slot,
    };
    let known = slot.load(Ordering::Relaxed);
    if known != 0 {
        // SAFETY: the slot is cleared before its object is freed, and both happen under the GIL.
        let object = unsafe { Bound::from_borrowed_ptr(py, known as *mut pyo3::ffi::PyObject) };
        return Ok(object.cast_into::<PyNode>()?.unbind());
    }
    let class = node_class(py, &node.name)?;
    PENDING.with(|p| *p.borrow_mut() = Some(node.clone()));
    let object = class.call0();
    PENDING.with(|p| p.borrow_mut().take());
    let object = object?.cast_into::<PyNode>()?;
    slot.store(object.as_ptr() as usize, Ordering::Relaxed);
    Ok(object.unbind())
}

/// `AddBackward0` and its kin are classes, made when the first node of that name is looked at.
fn node_class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    if let Some(class) = classes.get_item(name)? {
        return Ok(class);
    }
    let body = PyDict::new(py);
    body.set_item("__module__", "tensorrs.autograd.graph")?;
    body.set_item("__slots__", PyTuple::empty(py))?;
    let class = py.get_type::<PyType>().call1((name, (py.get_type::<PyNode>(),), body))?;
    classes.set_item(name, &class)?;
    Ok(class)
}

fn companion(node: &Arc<Node>) -> &Companion {
    let companion = node.companion.get_or_init(|| Box::new(Companion::Slot(AtomicUsize::new(0))));
    companion.downcast_ref().expect("only this file fills the companion")
}

impl PyNode {
    fn node(&self) -> PyResult<Arc<Node>> {
        let node = match self.0.get() {
            Some(Link::Strong(node)) => Some(node.clone()),
            Some(Link::Weak(node)) => node.upgrade(),
            None => None,
        };
        node.ok_or_else(|| {
            raise(tensorrs_core::runtime!(
                "Attribute is invalid for this instance of _C._FunctionBase. Accessing this attribute directly on an instance of autograd.Function is a legacy access pattern that is no longer supported. For examples on how to use new-style autograd functions, see https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function "
            ))
        })
    }
}

impl Drop for PyNode {
    fn drop(&mut self) {
        if let Some(Link::Strong(node)) = self.0.get()
            && let Companion::Slot(slot) = companion(node)
        {
            slot.store(0, Ordering::Relaxed);
        }
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
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(
        cls: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<PyNode> {
        if let Some(node) = PENDING.with(|p| p.borrow_mut().take()) {
            return Ok(PyNode(OnceLock::from(Link::Strong(node))));
        }
        if cls.is(cls.py().get_type::<PyNode>()) {
            return Err(PyTypeError::new_err("Can't instantiate abstract class Node"));
        }
        Ok(PyNode(OnceLock::new()))
    }

    /// The name of the rule, such as "MulBackward0".
    fn name(&self) -> PyResult<String> {
        Ok(self.node()?.name.to_string())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let class = slf.get_type();
        let name = match slf.get().0.get() {
            Some(Link::Strong(node)) => node.name.to_string(),
            _ => format!("{}.{}", class.module()?, class.qualname()?),
        };
        Ok(format!("<{name} object at {:#x}>", slf.as_ptr() as usize))
    }

    /// The leaf whose gradient an `AccumulateGrad` node adds up.
    #[getter]
    fn variable(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let node = self.node()?;
        match node.leaf() {
            Some(leaf) => wrap(py, leaf),
            None => {
                Err(PyAttributeError::new_err(format!("'{}' object has no attribute 'variable'", node.name)))
            }
        }
    }

    /// What a custom Function saved, with its history; None while there is no node yet.
    fn _saved(&self, py: Python<'_>) -> PyResult<Option<Py<PyTuple>>> {
        if self.0.get().is_none() {
            return Ok(None);
        }
        let node = self.node()?;
        let Companion::Context(_, saved) = companion(&node) else { return Ok(None) };
        let saved = saved.upgrade().ok_or_else(|| raise(tape::already_freed()))?;
        let ctx = Ctx { node: &node };
        let tensors: Vec<_> = saved
            .iter()
            .map(|s| s.as_ref().map(|s| s.get(&ctx)).transpose().map_err(raise))
            .collect::<PyResult<_>>()?;
        Ok(Some(grads_to_list(py, &tensors)?.unbind()))
    }

    /// What the gradients of the outputs must look like: a tuple of (shape, dtype).
    #[getter]
    fn _input_metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let node = self.node()?;
        let all: Vec<_> = node
            .outputs
            .iter()
            .map(|o| Ok((crate::types::size(py, &o.shape)?, crate::types::dtype(py, o.dtype)?)))
            .collect::<PyResult<_>>()?;
        PyTuple::new(py, all)
    }

    /// Where the gradients go: a tuple of (node, output number).
    #[getter]
    fn next_functions<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let mut all: Vec<(Option<Py<PyNode>>, usize)> = Vec::new();
        for edge in &self.node()?.edges {
            all.push(match edge {
                Some(e) => (Some(node_object(py, &e.node)?), e.nr),
                None => (None, 0),
            });
        }
        PyTuple::new(py, all)
    }

    fn _sequence_nr(&self) -> PyResult<u64> {
        Ok(self.node()?.id)
    }

    /// Call `hook(grad_inputs, grad_outputs)` after the node ran; returns its key.
    fn _register_hook(&self, hook: Py<PyAny>) -> PyResult<u64> {
        let call: PostHook = Arc::new(move |inputs, outputs| {
            Python::attach(|py| {
                let result = hook.call1(py, (grads_to_list(py, inputs)?, grads_to_list(py, outputs)?))?;
                grads_from(result.bind(py))
            })
            .map_err(callback_error)
        });
        let node = self.node()?;
        let mut hooks = node.hooks_mut();
        let key = hooks.key();
        hooks.post.push((key, call));
        Ok(key)
    }

    /// Call `hook(grad_outputs)` before the node runs; returns its key.
    fn _register_prehook(&self, hook: Py<PyAny>) -> PyResult<u64> {
        let call: PreHook = Arc::new(move |outputs| {
            Python::attach(|py| {
                let result = hook.call1(py, (grads_to_list(py, outputs)?,))?;
                grads_from(result.bind(py))
            })
            .map_err(callback_error)
        });
        let node = self.node()?;
        let mut hooks = node.hooks_mut();
        let key = hooks.key();
        hooks.pre.push((key, call));
        Ok(key)
    }

    fn _remove_hook(&self, key: u64) -> PyResult<()> {
        self.node()?.hooks_mut().remove(key);
        Ok(())
    }
}

/// Put a custom Function on the tape, with `ctx` as its node's object.
///
/// `rule(grads)` is Python and returns one gradient per input; `ctx.saved_tensors` are those of `to_save`, with their
/// history. Outputs in `dirty` are inputs that were written in place; those in `fixed` get no history.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn record_function(
    ctx: Bound<'_, PyNode>,
    name: String,
    inputs: Vec<Arg>,
    outputs: Vec<Arg>,
    to_save: Vec<Option<Arg>>,
    dirty: Vec<bool>,
    fixed: Vec<bool>,
    rule: Py<PyAny>,
) -> PyResult<()> {
    let inputs: Vec<Tensor> = inputs.into_iter().map(|t| t.0).collect();
    let outputs: Vec<Tensor> = outputs.into_iter().map(|t| t.0).collect();
    let refs: Vec<&Tensor> = inputs.iter().collect();
    let (mut failed, mut kept) = (None, Weak::new());
    let node = tape::make_node(name.into(), &refs, &outputs, |save: &mut Save| {
        let mut saved: Vec<Option<Saved>> = Vec::with_capacity(to_save.len());
        for t in &to_save {
            saved.push(t.as_ref().and_then(|t| save.any(&t.0).map_err(|e| failed = Some(e)).ok()));
        }
        let saved = Arc::new(saved);
        kept = Arc::downgrade(&saved);
        Arc::new(move |_: &Ctx, grads: &[Option<Tensor>]| call_rule(&rule, &saved, grads))
    });
    if let Some(e) = failed {
        return Err(raise(e));
    }
    let node = node.map_err(raise)?;
    let linked = ctx.get().0.set(Link::Weak(Arc::downgrade(&node)));
    if linked.is_err() {
        return Err(raise(tensorrs_core::runtime!("record_function: this context has a node already")));
    }
    let companion = Box::new(Companion::Context(ctx.clone().unbind(), kept));
    node.companion.set(companion).unwrap_or_else(|_| unreachable!("the node was just made"));
    let several = outputs.len() > 1;
    for (nr, out) in outputs.iter().enumerate() {
        if fixed[nr] || !out.dtype().is_float() {
            continue;
        }
        let edge = Edge { node: node.clone(), nr };
        if dirty[nr] {
            out.written(Some(edge), true).map_err(raise)?;
        } else {
            if let Some(view) = &mut out.meta().state().view {
                view.creation = if several { Creation::MultiOutput } else { Creation::InCustomFunction };
            }
            out.set_edge(edge);
        }
    }
    Ok(())
}

/// `saved` is there to be freed with the rule; Python reads it through the context.
fn call_rule(rule: &Py<PyAny>, _saved: &Arc<Vec<Option<Saved>>>, grads: &[Option<Tensor>]) -> Result<Grads> {
    Python::attach(|py| -> PyResult<Grads> {
        let result = rule.call1(py, (grads_to_list(py, grads)?,))?;
        let parts: Vec<Option<Arg>> = result.extract(py)?;
        Ok(parts.into_iter().map(|t| t.map(|t| t.0)).collect::<SmallVec<_>>())
    })
    .map_err(callback_error)
}

/// Whether operations are recorded for gradients.
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    tape::grad_enabled()
}

#[pyfunction]
pub fn _set_grad_enabled(on: bool) {
    tape::set_grad_enabled(on);
}

/// Whether inference mode is on.
#[pyfunction]
pub fn is_inference_mode_enabled() -> bool {
    tape::inference_enabled()
}

#[pyfunction]
pub fn _set_inference_mode(on: bool) {
    tape::set_inference(on);
}

/// Whether `autograd.detect_anomaly` or `set_detect_anomaly` is on.
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
