//! Random numbers as tensors, bit for bit PyTorch's.
//!
//! The streams are in `crate::random`; here they meet layouts, dtypes and histories. A tensor that is not contiguous is
//! filled in the order of its memory, as PyTorch does.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::random::{self, Generator, IntRange, SharedGenerator, with_generator};
use crate::shape::Dims;
use crate::tensor::Tensor;
use crate::{grads, per_dtype, per_float, runtime};

/// The generator to draw from; none means that of the process.
pub type Source<'a> = Option<&'a SharedGenerator>;

/// A distribution that fills a tensor of one shape in place.
#[derive(Debug, Clone, Copy)]
pub enum Fill {
    Uniform {
        from: f64,
        to: f64,
    },
    Normal {
        mean: f64,
        std: f64,
    },
    LogNormal {
        mean: f64,
        std: f64,
    },
    Cauchy {
        median: f64,
        sigma: f64,
    },
    Exponential {
        lambda: f64,
    },
    Geometric {
        p: f64,
    },
    Bernoulli {
        p: f64,
    },
    /// Every value the dtype has room for.
    Any,
    Integer {
        from: i64,
        to: Option<i64>,
    },
}

impl Fill {
    /// The name of the node in the graph.
    fn node(self) -> &'static str {
        match self {
            Fill::Uniform { .. } => "UniformBackward0",
            Fill::Normal { .. } => "NormalBackward0",
            Fill::LogNormal { .. } => "LogNormalBackward0",
            Fill::Cauchy { .. } => "CauchyBackward0",
            Fill::Exponential { .. } => "ExponentialBackward0",
            Fill::Geometric { .. } => "GeometricBackward0",
            Fill::Bernoulli { .. } => "BernoulliBackward2",
            Fill::Any | Fill::Integer { .. } => "RandomBackward0",
        }
    }

    /// Fill contiguous memory. `whole` says that it is a contiguous tensor's own.
    fn run(self, g: &mut Generator, t: &Tensor, whole: bool) -> Result<()> {
        let dtype = t.dtype();
        let continuous = |name: &str| {
            runtime!(
                "{name} distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
                dtype.scalar_type()
            )
        };
        // SAFETY (of each `values_mut`): the caller holds no slice of this storage while it is filled.
        match self {
            Fill::Uniform { from, to } => per_float!("check_uniform_bounds", dtype, T => {
                // SAFETY: as above.
                random::uniform_::<T>(g, unsafe { t.values_mut()? }, from, to)
            }),
            Fill::Normal { mean, std } => per_float!("normal_kernel_cpu", dtype, T => {
                // SAFETY: as above.
                let out = unsafe { t.values_mut::<T>()? };
                if whole { random::normal_(g, out, mean, std) } else { random::normal_strided_(g, out, mean, std) }
            }),
            Fill::LogNormal { mean, std } => per_float!("log_normal_cpu", dtype, T => {
                // SAFETY: as above.
                random::log_normal_::<T>(g, unsafe { t.values_mut()? }, mean, std)
            }),
            Fill::Cauchy { .. } | Fill::Exponential { .. } if !dtype.is_float() => {
                Err(continuous(if matches!(self, Fill::Cauchy { .. }) { "Cauchy" } else { "Exponential" }))
            }
            Fill::Cauchy { median, sigma } => per_float!("cauchy_cpu", dtype, T => {
                // SAFETY: as above.
                random::cauchy_::<T>(g, unsafe { t.values_mut()? }, median, sigma)
            }),
            Fill::Exponential { lambda } => per_float!("exponential_cpu", dtype, T => {
                // SAFETY: as above.
                random::exponential_::<T>(g, unsafe { t.values_mut()? }, lambda)
            }),
            Fill::Geometric { .. } if dtype == DType::Bool => {
                Err(Error::NotImplemented { op: "geometric_cpu".into(), dtype })
            }
            Fill::Geometric { p } => per_dtype!(dtype, T => {
                // SAFETY: as above.
                random::geometric_::<T>(g, unsafe { t.values_mut()? }, p)
            }),
            Fill::Bernoulli { p } => per_dtype!(dtype, T => {
                // SAFETY: as above.
                random::bernoulli_::<T>(g, unsafe { t.values_mut()? }, p)
            }),
            Fill::Any => per_dtype!(dtype, T => {
                // SAFETY: as above.
                random::random_::<T>(g, unsafe { t.values_mut()? });
                Ok(())
            }),
            Fill::Integer { from, to } => per_dtype!(dtype, T => {
                // SAFETY: as above.
                random::random_from_to_::<T>(g, unsafe { t.values_mut()? }, from, to)
            }),
        }
    }
}

impl Tensor {
    /// Fill with random numbers, without history.
    pub fn random_data(&self, fill: Fill, source: Source) -> Result<()> {
        if !self.has_data() {
            // The arguments are checked; there is no memory to fill, and no number is drawn.
            let nothing = Tensor::empty(&[0], self.dtype())?;
            return with_generator(source, |g| fill.run(g, &nothing, true));
        }
        if self.is_contiguous() {
            return with_generator(source, |g| fill.run(g, self, true));
        }
        // The same elements with the dimensions in the order they have in memory.
        let mut order: Vec<usize> = (0..self.rank()).collect();
        order.sort_by_key(|&d| std::cmp::Reverse(self.strides()[d]));
        let pick = |v: &[usize]| -> Dims { order.iter().map(|&d| v[d]).collect() };
        let sorted = self.alias(Layout {
            shape: pick(self.shape()),
            strides: pick(self.strides()),
            offset: self.layout().offset,
        });
        let room = self.new_empty(sorted.shape(), self.dtype())?;
        with_generator(source, |g| fill.run(g, &room, false))?;
        sorted.write(&room)
    }

    /// `uniform_()`, `normal_()` and their kin.
    pub fn random_(&self, fill: Fill, source: Source) -> Result<()> {
        self.check_inplace()?;
        self.random_data(fill, source)?;
        self.overwritten(fill.node())
    }

    /// A new tensor of random numbers.
    pub fn random(shape: &[usize], dtype: DType, fill: Fill, source: Source) -> Result<Tensor> {
        let out = Tensor::empty(shape, dtype)?;
        out.random_data(fill, source)?;
        Ok(out)
    }

    /// The warnings that `randint` gives before it draws.
    pub fn randint_warnings(dtype: DType, from: i64, to: Option<i64>) -> Result<Vec<String>> {
        per_dtype!(dtype, T => IntRange::new::<T>(from, to).map(|r| r.warnings))
    }

    /// The numbers 0 to n - 1 in random order.
    pub fn randperm(n: i64, dtype: DType, source: Source) -> Result<Tensor> {
        random::check_randperm(n, dtype)?;
        let out = Tensor::empty(&[n as usize], dtype)?;
        with_generator(source, |g| {
            per_dtype!(dtype, T => {
                // SAFETY: `out` was just made here.
                random::randperm::<T>(g, unsafe { out.values_mut()? });
            });
            Ok(out)
        })
    }

    /// 1 with the chance that each element of this tensor gives.
    pub fn bernoulli(&self, source: Source) -> Result<Tensor> {
        let out = self.new_empty(self.shape(), self.dtype())?;
        out.bernoulli_from(self, source)?;
        out.record("BernoulliBackward0", &[self], |_| |_, g| crate::grads![Some(g.zeros_like()?)])
    }

    /// `bernoulli_(p)` with a chance per element.
    pub fn bernoulli_(&self, p: &Tensor, source: Source) -> Result<()> {
        self.check_inplace()?;
        let room = self.new_empty(self.shape(), self.dtype())?;
        room.bernoulli_from(&p.detach().expand_data(self.shape())?, source)?;
        self.write(&room)?;
        self.overwritten("BernoulliBackward1")
    }

    fn bernoulli_from(&self, p: &Tensor, source: Source) -> Result<()> {
        let p = p.contiguous_data()?;
        if !self.has_data() {
            return Ok(());
        }
        with_generator(source, |g| {
            per_float!("bernoulli_tensor_cpu_p_", p.dtype(), P => per_dtype!(self.dtype(), T => {
                // SAFETY: this tensor was made by the caller and nobody else holds it.
                random::bernoulli_tensor_::<T, P>(g, unsafe { self.values_mut()? }, p.values()?)
            }))
        })
    }

    /// Indices drawn with the chances in each row.
    pub fn multinomial(&self, samples: i64, replacement: bool, source: Source) -> Result<Tensor> {
        if self.rank() == 0 || self.rank() > 2 {
            return Err(runtime!("prob_dist must be 1 or 2 dim"));
        }
        if !self.dtype().is_float() {
            return Err(runtime!(
                "multinomial only supports floating-point dtypes for input, got: {}",
                self.dtype().scalar_type()
            ));
        }
        let p = self.detach().contiguous_data()?;
        let categories = *self.shape().last().unwrap_or(&0);
        let mut shape = self.layout().shape.clone();
        if let Some(last) = shape.last_mut() {
            *last = samples as usize;
        }
        if !p.has_data() {
            return p.new_empty(&shape, DType::I64);
        }
        let drawn = with_generator(source, |g| {
            per_float!("multinomial", p.dtype(), P => {
                random::multinomial::<P>(g, p.values()?, categories, samples, replacement)
            })
        })?;
        Tensor::from_slice(&drawn, &shape)
    }

    /// `normal(mean, std)` with tensors: `mean + std * randn`. As in PyTorch their gradients are zeros.
    pub fn normal(mean: &Tensor, std: &Tensor, source: Source) -> Result<Tensor> {
        if std.numel() > 0 && std.detach().lowest()? < 0.0 {
            return Err(runtime!("normal expects all elements of std >= 0.0"));
        }
        let shape = crate::shape::broadcast(mean.shape(), std.shape())?;
        let dtype = if mean.is_wrapped() { std.dtype() } else { mean.dtype() };
        let out = if mean.is_wrapped() { std } else { mean }.new_empty(&shape, dtype)?;
        out.random_data(Fill::Normal { mean: 0.0, std: 1.0 }, source)?;
        let (m, s) = (mean.detach(), std.detach());
        let out = out.mul(&s.to_dtype(dtype)?)?.add(&m.to_dtype(dtype)?)?;
        let name = match (mean.is_wrapped(), std.is_wrapped()) {
            (_, true) => "NormalBackward1",
            (true, _) => "NormalBackward2",
            _ => "NormalBackward3",
        };
        out.record(name, &[mean, std], |_| {
            move |ctx, _| grads![ctx.when(0, || m.zeros_like())?, ctx.when(1, || s.zeros_like())?]
        })
    }

    /// The least element; infinity if none is known.
    fn lowest(&self) -> Result<f64> {
        let x = self.contiguous_data()?;
        per_dtype!(x.dtype(), T => {
            Ok(x.known::<T>().iter().map(|v| crate::dtype::Element::to_f64(*v)).fold(f64::INFINITY, f64::min))
        })
    }

    /// Counts of events of which each element of this tensor are expected.
    pub fn poisson(&self, source: Source) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "poisson_cpu".into(), dtype: self.dtype() });
        }
        let mean = self.contiguous_data()?;
        if mean.numel() > 0 && mean.lowest()? < 0.0 {
            return Err(runtime!("invalid Poisson rate, expected rate to be non-negative"));
        }
        let out = self.new_empty(self.shape(), self.dtype())?;
        with_generator(source, |g| {
            per_float!("poisson_cpu", self.dtype(), T => {
                if !out.has_data() {
                    return Ok(());
                }
                // SAFETY: `out` was just made here.
                for (y, mean) in unsafe { out.values_mut::<T>()? }.iter_mut().zip(mean.values::<T>()?) {
                    *y = Element::from_f64(random::poisson(g, mean.to_f64()));
                }
                Ok::<(), Error>(())
            })
        })?;
        out.record("PoissonBackward0", &[self], |_| |_, g| grads![Some(g.zeros_like()?)])
    }

    /// Successes among `self` trials, with the chance `p` each.
    pub fn binomial(&self, p: &Tensor, source: Source) -> Result<Tensor> {
        if self.dtype() != p.dtype() {
            return Err(runtime!(
                "Found dtype {} but expected {}",
                p.dtype().scalar_type(),
                self.dtype().scalar_type()
            ));
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "binomial_cpu".into(), dtype: self.dtype() });
        }
        let shape = crate::shape::broadcast(self.shape(), p.shape())?;
        let lay = |t: &Tensor| t.detach().expand_data(&shape)?.contiguous_data();
        let (count, chance) = (lay(self)?, lay(p)?);
        let out = self.new_empty(&shape, self.dtype())?;
        with_generator(source, |g| {
            per_float!("binomial_cpu", self.dtype(), T => {
                if !out.has_data() {
                    return Ok(());
                }
                let given = count.values::<T>()?.iter().zip(chance.values::<T>()?);
                // SAFETY: `out` was just made here.
                for (y, (n, p)) in unsafe { out.values_mut::<T>()? }.iter_mut().zip(given) {
                    *y = Element::from_f64(random::binomial(g, n.to_f64(), p.to_f64()));
                }
                Ok::<(), Error>(())
            })
        })?;
        out.record("BinomialBackward0", &[self, p], |_| {
            move |_, g| grads![Some(g.zeros_like()?), Some(g.zeros_like()?)]
        })
    }
}
