//! Random numbers: `Generator`, `rand` and its kin, `normal_` and its kin.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use tensorrs_core::layout::Layout;
use tensorrs_core::ops::random::{Fill, Source};
use tensorrs_core::random::{Generator, SharedGenerator, default_generator as core_default, seed_from_int};
use tensorrs_core::{DType, Device, Tensor};

use super::create::Options;
use crate::args::{Arg, Number, Operand, shape, type_name, varargs};
use crate::border::{PyTensor, call, raise, run_inplace};
use crate::device::{PyDevice, device};

/// A source of random numbers with a state of its own.
#[pyclass(name = "Generator", module = "tensorrs._C", frozen, subclass)]
pub struct PyGenerator(pub SharedGenerator);

impl PyGenerator {
    fn lock(&self) -> MutexGuard<'_, Generator> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// The generator that functions draw from if none is named.
#[pyfunction]
pub fn _default_generator() -> PyGenerator {
    PyGenerator(core_default().clone())
}

#[pymethods]
impl PyGenerator {
    #[new]
    #[pyo3(signature = (device = None))]
    fn new(device: Option<crate::device::DeviceArg>) -> PyGenerator {
        let _ = device;
        PyGenerator(Arc::new(Mutex::new(Generator::default())))
    }

    /// Start the stream of a seed; a negative one counts from 2^64 down.
    fn manual_seed<'py>(slf: &Bound<'py, Self>, seed: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        if !seed.is_instance_of::<pyo3::types::PyInt>() || seed.is_instance_of::<pyo3::types::PyBool>() {
            return Err(PyTypeError::new_err(format!(
                "manual_seed expected a long, but got {}",
                type_name(seed)
            )));
        }
        let wide: i128 =
            seed.extract().map_err(|_| PyValueError::new_err("Overflow when unpacking long long"))?;
        slf.get().lock().manual_seed(seed_from_int(wide).map_err(raise)?);
        Ok(slf.clone())
    }

    /// Seed from the operating system; returns the seed.
    fn seed(&self) -> u64 {
        self.lock().seed()
    }

    /// The seed this generator was last given.
    fn initial_seed(&self) -> u64 {
        self.lock().initial_seed()
    }

    /// The state as a uint8 tensor.
    fn get_state(&self, py: Python<'_>) -> PyResult<Py<PyTensor>> {
        let state = self.lock().state();
        crate::border::run(py, 0, || Tensor::from_slice(&state, &[state.len()]))
    }

    /// Continue from a state that `get_state` gave. RuntimeError for any other tensor.
    fn set_state<'py>(slf: &Bound<'py, Self>, new_state: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Self>> {
        let t = new_state.extract::<Arg>().map_err(|_| {
            PyTypeError::new_err(format!("expected a tensorrs.ByteTensor, but got {}", type_name(new_state)))
        })?;
        if t.0.dtype() != DType::U8 {
            return Err(PyTypeError::new_err("RNG state must be a tensorrs.ByteTensor"));
        }
        let bytes = t.0.contiguous().map_err(raise)?;
        slf.get().lock().set_state(bytes.values::<u8>().map_err(raise)?).map_err(raise)?;
        Ok(slf.clone())
    }

    /// A new generator that continues as this one would.
    fn clone_state(&self) -> PyGenerator {
        PyGenerator(Arc::new(Mutex::new(self.lock().clone())))
    }

    /// The device it draws for: the CPU.
    #[getter]
    fn device(&self) -> PyDevice {
        device(tensorrs_core::Device::Cpu)
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let rebuild = py.import("tensorrs.random")?.getattr("_rebuild_generator")?;
        Ok((rebuild, (slf.get().get_state(py)?, slf.get().initial_seed())).into_pyobject(py)?.into_any())
    }
}

/// `generator=` out of the keywords.
fn take_generator(kwargs: Option<&Bound<'_, PyDict>>) -> PyResult<Option<SharedGenerator>> {
    let Some(kwargs) = kwargs else { return Ok(None) };
    let Some(g) = kwargs.get_item("generator")? else { return Ok(None) };
    kwargs.del_item("generator")?;
    shared(Some(g).filter(|g| !g.is_none()).as_ref())
}

pub fn shared(g: Option<&Bound<'_, PyAny>>) -> PyResult<Option<SharedGenerator>> {
    match g {
        Some(g) if !g.is_none() => {
            let generator = g.cast::<PyGenerator>().map_err(|_| {
                PyTypeError::new_err(format!(
                    "argument 'generator' must be tensorrs.Generator, not {}",
                    type_name(g)
                ))
            })?;
            Ok(Some(generator.get().0.clone()))
        }
        _ => Ok(None),
    }
}

/// Large fills are serial but long: the GIL is released from here on.
const SLOW: usize = 8;

fn make<'py>(
    py: Python<'py>,
    op: &str,
    shape: &[usize],
    fill: Fill,
    default: Option<DType>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let generator = take_generator(kwargs)?;
    let options = Options::fresh(op, kwargs)?;
    let dtype = options.dtype.or(default).unwrap_or_else(|| options.dtype());
    let n: usize = shape.iter().product();
    let t = match options.device {
        // There is nothing to fill, so the generator stays where it is.
        Some(elsewhere) if elsewhere == Device::Meta => {
            call(py, 0, || Tensor::empty_on(Layout::contiguous(shape), dtype, elsewhere))?
        }
        _ => call(py, n * SLOW, || Tensor::random(shape, dtype, fill, generator.as_ref()))?,
    };
    options.finish(py, t)
}

const UNIT: Fill = Fill::Uniform { from: 0.0, to: 1.0 };
const STANDARD: Fill = Fill::Normal { mean: 0.0, std: 1.0 };

/// Sizes from `*size` or `size=`.
fn sizes<'py>(args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Vec<usize>> {
    if let Some(kwargs) = kwargs
        && let Some(size) = kwargs.get_item("size")?
    {
        kwargs.del_item("size")?;
        return shape(&varargs(&PyTuple::new(args.py(), [size])?)?);
    }
    shape(&varargs(args)?)
}

/// Numbers drawn evenly from [0, 1), in the shape `size`, from `generator` or the default stream.
#[pyfunction]
#[pyo3(signature = (*size, **kwargs))]
pub fn rand<'py>(
    py: Python<'py>,
    size: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    make(py, "rand", &sizes(size, kwargs)?, UNIT, None, kwargs)
}

/// Normal numbers with mean 0 and standard deviation 1.
#[pyfunction]
#[pyo3(signature = (*size, **kwargs))]
pub fn randn<'py>(
    py: Python<'py>,
    size: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    make(py, "randn", &sizes(size, kwargs)?, STANDARD, None, kwargs)
}

fn warn_all(py: Python<'_>, warnings: Vec<String>) -> PyResult<()> {
    if warnings.is_empty() {
        return Ok(());
    }
    let module = py.import("warnings")?;
    warnings.into_iter().try_for_each(|text| module.call_method1("warn", (text,)).map(drop))
}

/// Whole numbers from `low` (0 if left out) below `high`.
#[pyfunction]
#[pyo3(signature = (*bounds, **kwargs))]
pub fn randint<'py>(
    py: Python<'py>,
    bounds: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let mut given: Vec<Bound<'py, PyAny>> = bounds.iter().collect();
    let mut named = [None, None, None];
    if let Some(kwargs) = kwargs {
        for (slot, key) in named.iter_mut().zip(["low", "high", "size"]) {
            *slot = kwargs.get_item(key)?;
            if slot.is_some() {
                kwargs.del_item(key)?;
            }
        }
    }
    let [low, high, size] = named;
    let missing = |what: &str| {
        PyTypeError::new_err(format!("randint() missing 1 required positional argument: '{what}'"))
    };
    let size = match size {
        Some(size) => size,
        None => given.pop().ok_or_else(|| missing("size"))?,
    };
    let mut given = given.into_iter();
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (Some(low), high),
        (None, Some(high)) => (given.next(), high),
        (low, None) => {
            let first = given.next().ok_or_else(|| missing("high"))?;
            match given.next() {
                Some(second) => (Some(first), second),
                None => (low, first),
            }
        }
    };
    let whole = |b: Bound<'py, PyAny>| b.extract::<Number>().map(|n| n.0.to::<i64>());
    let from = low.map(whole).transpose()?.unwrap_or(0);
    let to = whole(high)?;
    let shape = shape(&varargs(&PyTuple::new(py, [size])?)?)?;
    let dtype = kwargs
        .map(|k| k.get_item("dtype"))
        .transpose()?
        .flatten()
        .map(|d| d.extract::<Option<crate::types::DTypeArg>>());
    let dtype = dtype.transpose()?.flatten().map_or(DType::I64, |d| d.0);
    warn_all(py, Tensor::randint_warnings(dtype, from, Some(to)).map_err(raise)?)?;
    make(py, "randint", &shape, Fill::Integer { from, to: Some(to) }, Some(DType::I64), kwargs)
}

/// 0, ..., n - 1 in random order, int64, each order as likely as any other.
#[pyfunction]
#[pyo3(signature = (n, **kwargs))]
pub fn randperm<'py>(py: Python<'py>, n: i64, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Py<PyTensor>> {
    let generator = take_generator(kwargs)?;
    let options = Options::fresh("randperm", kwargs)?;
    let dtype = options.dtype.unwrap_or(DType::I64);
    let t = call(py, n.max(0) as usize * SLOW, || Tensor::randperm(n, dtype, generator.as_ref()))?;
    options.finish(py, t)
}

macro_rules! like {
    ($($(#[$doc:meta])* $name:ident, $fill:expr;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        #[pyo3(signature = (input, **kwargs))]
        pub fn $name<'py>(py: Python<'py>, input: Arg, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Py<PyTensor>> {
            let generator = take_generator(kwargs)?;
            let options = Options::parse(stringify!($name), kwargs)?;
            let dtype = options.dtype.unwrap_or(input.0.dtype());
            let t = call(py, input.0.numel() * SLOW, || {
                let out = Tensor::empty_on(input.0.layout().preserved(), dtype, input.0.device())?;
                out.random_data($fill, generator.as_ref())?;
                Ok(out)
            })?;
            options.finish(py, t)
        }
    )*};
}

like! {
    /// Numbers drawn evenly from [0, 1), in the shape and dtype of `input` unless others are given.
    rand_like, UNIT;
    /// Numbers of the standard normal distribution, in the shape and dtype of `input` unless others are given.
    randn_like, STANDARD;
}

/// Whole numbers from `low` below `high`, shaped like `input`.
#[pyfunction]
#[pyo3(signature = (input, low = None, high = None, **kwargs))]
pub fn randint_like<'py>(
    py: Python<'py>,
    input: Arg,
    low: Option<i64>,
    high: Option<i64>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let (from, to) = match (low, high) {
        (low, Some(high)) => (low.unwrap_or(0), high),
        (Some(high), None) => (0, high),
        (None, None) => {
            return Err(PyTypeError::new_err(
                "randint_like() missing 1 required positional argument: 'high'",
            ));
        }
    };
    make(
        py,
        "randint_like",
        input.0.shape(),
        Fill::Integer { from, to: Some(to) },
        Some(input.0.dtype()),
        kwargs,
    )
}

/// Normal numbers; mean and standard deviation are numbers (with a size) or tensors.
#[pyfunction]
#[pyo3(signature = (mean = None, std = None, size = None, **kwargs))]
pub fn normal<'py>(
    py: Python<'py>,
    mean: Option<Operand>,
    std: Option<Operand>,
    size: Option<&Bound<'py, PyAny>>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Py<PyTensor>> {
    let number = |n: f64| Tensor::wrapped(n.into()).map_err(raise);
    let mean = mean.map_or_else(|| number(0.0), |m| Ok(m.0))?;
    let std = std.map_or_else(|| number(1.0), |s| Ok(s.0))?;
    if let Some(size) = size {
        let shape = shape(&varargs(&PyTuple::new(py, [size])?)?)?;
        let (mean, std) = (mean.item().map_err(raise)?.to_f64(), std.item().map_err(raise)?.to_f64());
        if std < 0.0 {
            return Err(raise(tensorrs_core::runtime!("normal expects std >= 0.0, but found std {std}")));
        }
        return make(py, "normal", &shape, Fill::Normal { mean, std }, None, kwargs);
    }
    if mean.is_wrapped() && std.is_wrapped() {
        return Err(PyTypeError::new_err("normal() missing 1 required positional arguments: \"size\""));
    }
    let generator = take_generator(kwargs)?;
    let options = Options::parse("normal", kwargs)?;
    let t = call(py, 0, || Tensor::normal(&mean, &std, generator.as_ref()))?;
    options.finish(py, t)
}

macro_rules! fills {
    ($($(#[$doc:meta])* $name:ident ($($arg:ident: $ty:ty = $default:expr),*) $fill:expr;)*) => {
        #[pymethods]
        impl PyTensor {
            $(
                $(#[$doc])*
                #[pyo3(signature = ($($arg = $default,)* *, generator = None))]
                fn $name<'py>(slf: &Bound<'py, Self>, $($arg: $ty,)* generator: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, Self>> {
                    let generator = shared(generator)?;
                    run_inplace(slf, |x| x.random_($fill, generator.as_ref()))
                }
            )*
        }
    };
}

fills! {
    /// Filled with numbers drawn evenly from [from, to).
    uniform_(from: f64 = 0.0, to: f64 = 1.0) Fill::Uniform { from, to };
    /// Filled with numbers of a normal distribution. RuntimeError for a negative `std`.
    normal_(mean: f64 = 0.0, std: f64 = 1.0) Fill::Normal { mean, std };
    /// Filled with e^z, z normal with `mean` and `std`. RuntimeError unless `std` > 0.
    log_normal_(mean: f64 = 1.0, std: f64 = 2.0) Fill::LogNormal { mean, std };
    /// Filled with numbers of the density sigma / (pi ((x - median)^2 + sigma^2)). RuntimeError unless `sigma` > 0.
    cauchy_(median: f64 = 0.0, sigma: f64 = 1.0) Fill::Cauchy { median, sigma };
    /// Filled with numbers of the density lambd e^(-lambd x), x >= 0. RuntimeError unless `lambd` > 0.
    exponential_(lambd: f64 = 1.0) Fill::Exponential { lambda: lambd };
}

#[pymethods]
impl PyTensor {
    /// Filled with P(k) = (1 - p)^(k-1) p, k = 1, 2, ... ValueError unless 0 < p < 1.
    #[pyo3(signature = (p, *, generator = None))]
    fn geometric_<'py>(
        slf: &Bound<'py, Self>,
        p: f64,
        generator: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let generator = shared(generator)?;
        run_inplace(slf, |x| x.random_(Fill::Geometric { p }, generator.as_ref()))
    }

    /// Whole numbers: all the dtype has, or from `from` (0) below `to`.
    /// `random_(to)` is from 0, `random_(from, None)` goes on to the last number.
    #[pyo3(signature = (*bounds, to = None, generator = None, **kwargs))]
    fn random_<'py>(
        slf: &Bound<'py, Self>,
        bounds: Vec<Option<i64>>,
        to: Option<i64>,
        generator: Option<&Bound<'py, PyAny>>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Self>> {
        let generator = shared(generator)?;
        // `from` is a word of Python's and comes by name in a dict only.
        let mut named = None;
        for (key, value) in kwargs.into_iter().flatten() {
            if key.extract::<String>()? != "from" || !bounds.is_empty() {
                let text = format!("random_() got an unexpected keyword argument '{key}'");
                return Err(PyTypeError::new_err(text));
            }
            named = Some(value.extract()?);
        }
        let fill = match (bounds.as_slice(), named, to) {
            ([], None, None) => Fill::Any,
            ([], from, to) => Fill::Integer { from: from.unwrap_or(0), to },
            ([Some(to)], None, None) => Fill::Integer { from: 0, to: Some(*to) },
            ([Some(from)], None, to) => Fill::Integer { from: *from, to },
            ([Some(from), to], None, None) => Fill::Integer { from: *from, to: *to },
            _ => return Err(PyTypeError::new_err("random_(): expected (), (to) or (from, to)")),
        };
        if let Fill::Integer { from, to } = fill {
            let dtype = slf.get().tensor(slf.py()).dtype();
            warn_all(slf.py(), Tensor::randint_warnings(dtype, from, to).map_err(raise)?)?;
        }
        run_inplace(slf, |x| x.random_(fill, generator.as_ref()))
    }

    /// 1 with chance `p`, a number or a tensor of chances.
    #[pyo3(signature = (p = None, *, generator = None))]
    fn bernoulli_<'py>(
        slf: &Bound<'py, Self>,
        p: Option<Operand>,
        generator: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, Self>> {
        let generator = shared(generator)?;
        let source: Source = generator.as_ref();
        match p {
            Some(p) if !p.0.is_wrapped() => run_inplace(slf, |x| x.bernoulli_(&p.0, source)),
            p => {
                let p = p.map_or(Ok(0.5), |p| p.0.item().map(|n| n.to_f64())).map_err(raise)?;
                run_inplace(slf, |x| x.random_(Fill::Bernoulli { p }, source))
            }
        }
    }

    /// 1 with the chance that each element gives, or with chance `p`.
    #[pyo3(signature = (p = None, *, generator = None))]
    fn bernoulli(
        &self,
        py: Python<'_>,
        p: Option<f64>,
        generator: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, generator) = (self.tensor(py), shared(generator)?);
        crate::border::run(py, x.numel() * SLOW, || match p {
            None => x.bernoulli(generator.as_ref()),
            Some(p) => {
                let out = x.detach().empty_like()?;
                out.random_data(Fill::Bernoulli { p }, generator.as_ref())?;
                Ok(out)
            }
        })
    }

    /// Indices (..., num_samples), int64, drawn with chances proportional to the numbers of each row (..., n).
    /// RuntimeError for negative or no chances, or too few of them without `replacement`.
    #[pyo3(signature = (num_samples, replacement = false, *, generator = None))]
    fn multinomial(
        &self,
        py: Python<'_>,
        num_samples: i64,
        replacement: bool,
        generator: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyTensor>> {
        let (x, generator) = (self.tensor(py), shared(generator)?);
        crate::border::run(py, x.numel() * SLOW, || {
            x.multinomial(num_samples, replacement, generator.as_ref())
        })
    }
}

/// Counts of events of which each element of `input` are expected.
#[pyfunction]
#[pyo3(signature = (input, generator = None))]
pub fn poisson(py: Python<'_>, input: Arg, generator: Option<&Bound<'_, PyAny>>) -> PyResult<Py<PyTensor>> {
    let generator = shared(generator)?;
    crate::border::run(py, input.0.numel() * SLOW, || input.0.poisson(generator.as_ref()))
}

/// Successes among `count` trials with the chance `prob` each.
#[pyfunction]
#[pyo3(signature = (count, prob, generator = None))]
pub fn binomial(
    py: Python<'_>,
    count: Arg,
    prob: Arg,
    generator: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyTensor>> {
    let generator = shared(generator)?;
    crate::border::run(py, count.0.numel() * SLOW, || count.0.binomial(&prob.0, generator.as_ref()))
}
