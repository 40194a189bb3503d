//! The layers whose `forward` runs here rather than in Python, where nothing can tell the difference: an object of the
//! very class, with the `forward` that the class came with, which calls the function that it always called.
//!
//! What a row cannot do, an input that is no plain tensor say, it leaves to Python's `forward`, errors included.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyString, PyType};
use tensorrs_core::{Result, Tensor};

use crate::border::{PyTensor, run as run_op};

type Output<'py> = PyResult<Option<Bound<'py, PyAny>>>;
/// What runs a layer: its dictionary, its input, and whether that input is `spare`, see `run`.
type Run = for<'py> fn(&Bound<'py, PyDict>, &Bound<'py, PyAny>, bool) -> Output<'py>;

/// Where the function that a `forward` calls is looked up.
enum Calls {
    Nothing,
    /// `F.name`
    Function(&'static str),
    /// `input.name`
    Method(&'static str),
}

use Calls::{Function, Method, Nothing};

/// The table: a class, what its `forward` calls, and how it runs here.
const TABLE: [(&str, Calls, Run); 9] = [
    ("Identity", Nothing, |_, x, _| Ok(Some(x.clone()))),
    ("Sequential", Nothing, sequential),
    ("Linear", Function("linear"), linear),
    ("ReLU", Function("relu"), relu),
    ("SiLU", Function("silu"), |own, x, _| unless_inplace(own, x, Tensor::silu)),
    ("GELU", Function("gelu"), gelu),
    ("Sigmoid", Method("sigmoid"), |_, x, _| op(x, Tensor::sigmoid)),
    ("Tanh", Method("tanh"), |_, x, _| op(x, Tensor::tanh)),
    ("Flatten", Method("flatten"), flatten),
];

/// A row of the table with its Python objects: the class, its `forward`, and what that calls with where it stands.
struct Layer {
    class: Py<PyType>,
    forward: Py<PyAny>,
    calls: Option<(Py<PyAny>, Py<PyString>, Py<PyAny>)>,
    run: Run,
}

static LAYERS: PyOnceLock<Vec<Layer>> = PyOnceLock::new();

/// Let the layers of the table, found in the dictionary of `nn.modules`, run without Python.
#[pyfunction]
pub fn stock_layers(modules: &Bound<'_, PyDict>, functional: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = functional.py();
    let layer = |(class, calls, run): (&str, Calls, Run)| {
        let class = modules.as_any().get_item(class)?.cast_into::<PyType>()?;
        let (place, name) = match calls {
            Nothing => (None, ""),
            Function(name) => (Some(functional.clone()), name),
            Method(name) => (Some(py.get_type::<PyTensor>().into_any()), name),
        };
        let calls = place.map(|p| {
            PyResult::Ok((p.clone().unbind(), PyString::intern(py, name).unbind(), p.getattr(name)?.unbind()))
        });
        let forward = class.getattr("forward")?.unbind();
        Ok(Layer { class: class.unbind(), forward, calls: calls.transpose()?, run })
    };
    let layers = TABLE.into_iter().map(layer).collect::<PyResult<_>>()?;
    // Modules that are imported a second time run in Python.
    let _ = LAYERS.set(py, layers);
    Ok(())
}

/// The output of a layer without hooks, if it can run here. `own` is the layer's dictionary; an input that is `spare`
/// has no other reference than the caller's, who drops it afterwards.
#[inline]
pub fn run<'py>(
    slf: &Bound<'py, PyAny>,
    own: &Bound<'py, PyDict>,
    input: &Bound<'py, PyAny>,
    spare: bool,
) -> Output<'py> {
    let (py, class) = (slf.py(), slf.get_type_ptr());
    let layers = LAYERS.get(py).map_or(&[][..], Vec::as_slice);
    let Some(layer) = layers.iter().find(|layer| layer.class.as_ptr() == class.cast()) else {
        return Ok(None);
    };
    let forward = intern!(py, "forward");
    if own.contains(forward)? || !slf.get_type().getattr(forward)?.is(&layer.forward) {
        return Ok(None);
    }
    if let Some((place, name, function)) = &layer.calls
        && !place.bind(py).getattr(name)?.is(function)
    {
        return Ok(None);
    }
    (layer.run)(own, input, spare)
}

/// An op on a plain tensor.
#[inline]
fn op<'py>(x: &Bound<'py, PyAny>, f: impl FnOnce(&Tensor) -> Result<Tensor> + Send) -> Output<'py> {
    let Ok(x) = x.cast_exact::<PyTensor>() else { return Ok(None) };
    let (py, x) = (x.py(), x.get().tensor(x.py()));
    Ok(Some(run_op(py, x.numel(), || f(&x))?.into_bound(py).into_any()))
}

fn unless_inplace<'py>(
    own: &Bound<'py, PyDict>,
    x: &Bound<'py, PyAny>,
    f: fn(&Tensor) -> Result<Tensor>,
) -> Output<'py> {
    match own.get_item(intern!(x.py(), "inplace"))? {
        Some(inplace) if inplace.cast::<PyBool>().is_ok_and(|on| !on.is_true()) => op(x, f),
        _ => Ok(None),
    }
}

/// In the memory of a spare input: what comes before a ReLU rarely needs its result again.
fn relu<'py>(own: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, spare: bool) -> Output<'py> {
    // The object and `op` have a handle each.
    let over: fn(&Tensor) -> Result<Tensor> = |x| x.relu_of_temporary(2);
    unless_inplace(own, x, if spare { over } else { Tensor::relu })
}

fn gelu<'py>(own: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, _spare: bool) -> Output<'py> {
    let kind = own.get_item(intern!(x.py(), "approximate"))?;
    let Some(Ok(kind)) = kind.as_ref().map(|k| k.extract::<std::borrow::Cow<'_, str>>()) else {
        return Ok(None);
    };
    op(x, |x| x.gelu(&kind))
}

fn flatten<'py>(own: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, _spare: bool) -> Output<'py> {
    let dim = |name| PyResult::Ok(own.get_item(name)?.and_then(|d| d.extract::<isize>().ok()));
    let (start, end) = (dim(intern!(x.py(), "start_dim"))?, dim(intern!(x.py(), "end_dim"))?);
    let (Some(start), Some(end)) = (start, end) else { return Ok(None) };
    op(x, |x| x.flatten(start, end))
}

/// What an attribute of a layer holds: a plain one, or a parameter.
fn attribute<'py>(
    own: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    if let Some(plain) = own.get_item(name)? {
        return Ok(Some(plain));
    }
    let parameters = own.get_item(intern!(own.py(), "_parameters"))?;
    parameters.map_or(Ok(None), |p| p.cast_exact::<PyDict>().map_or(Ok(None), |p| p.get_item(name)))
}

fn linear<'py>(own: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, _spare: bool) -> Output<'py> {
    let py = x.py();
    let tensor = |t: &Bound<'py, PyAny>| t.cast::<PyTensor>().ok().map(|t| t.get().tensor(py));
    let weight = attribute(own, intern!(py, "weight"))?;
    let bias = attribute(own, intern!(py, "bias"))?;
    let (Some(weight), Some(bias)) = (weight.as_ref().and_then(tensor), bias) else { return Ok(None) };
    let bias = match tensor(&bias) {
        None if !bias.is_none() => return Ok(None),
        bias => bias,
    };
    let Ok(x) = x.cast_exact::<PyTensor>() else { return Ok(None) };
    let y = crate::tensor::matmul::linear_of(py, &x.get().tensor(py), &weight, bias.as_ref())?;
    Ok(Some(y.into_bound(py).into_any()))
}

fn sequential<'py>(own: &Bound<'py, PyDict>, x: &Bound<'py, PyAny>, _spare: bool) -> Output<'py> {
    let modules = own.get_item(intern!(x.py(), "_modules"))?;
    let Some(Ok(modules)) = modules.as_ref().map(|m| m.cast_exact::<PyDict>()) else { return Ok(None) };
    let mut x = x.clone();
    for module in modules.values() {
        // The caller, or a layer that keeps or passes on its input, has another reference.
        // SAFETY: a live object, and the GIL is held.
        let spare = unsafe { pyo3::ffi::Py_REFCNT(x.as_ptr()) } == 1;
        x = super::call_child(&module, &x, spare)?;
    }
    Ok(Some(x))
}
