//! Tensors from numbers: `full`, `arange`, `linspace`, `eye`, and the `*_like` forms.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::promote::{check_fits, default_dtype};
use crate::parallel;
use crate::storage::Device;
use crate::tensor::{Scalar, Tensor};
use crate::{per_dtype, runtime};

impl Tensor {
    pub fn full(shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
        Self::full_on(Layout::contiguous(shape), value, dtype, Device::Cpu)
    }

    pub fn full_on(layout: Layout, value: Scalar, dtype: DType, device: Device) -> Result<Tensor> {
        if matches!(value, Scalar::Int(0) | Scalar::Bool(false)) {
            return Tensor::zeros_on(layout, dtype, device);
        }
        let out = Tensor::empty_on(layout, dtype, device)?;
        out.fill_data(value)?;
        Ok(out)
    }

    pub fn ones(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Self::full(shape, Scalar::Int(1), dtype)
    }

    /// Uninitialised, row-major, on this tensor's device.
    #[inline]
    pub fn new_empty(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::empty_on(Layout::contiguous(shape), dtype, self.device())
    }

    pub fn new_zeros(&self, shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::zeros_on(Layout::contiguous(shape), dtype, self.device())
    }

    /// The same elements on another device: how constants, which are made on the CPU, meet a meta tensor.
    pub fn on(self, device: Device) -> Result<Tensor> {
        if device == self.device() {
            return Ok(self);
        }
        self.check_data()?;
        Tensor::empty_on(self.layout().preserved(), self.dtype(), device)
    }

    /// A new tensor with this one's order of dimensions in memory.
    pub fn empty_like(&self) -> Result<Tensor> {
        Tensor::empty_on(self.layout().preserved(), self.dtype(), self.device())
    }

    pub fn zeros_like(&self) -> Result<Tensor> {
        Tensor::zeros_on(self.layout().preserved(), self.dtype(), self.device())
    }

    pub fn ones_like(&self) -> Result<Tensor> {
        Tensor::full_on(self.layout().preserved(), Scalar::Int(1), self.dtype(), self.device())
    }

    /// `start, start + step, …` below `end` (or `end` included, for the legacy `range`).
    pub fn arange(
        start: Scalar,
        end: Scalar,
        step: Scalar,
        dtype: Option<DType>,
        inclusive: bool,
    ) -> Result<Tensor> {
        let whole = [start, end, step].iter().all(|s| !matches!(s, Scalar::Float(_)));
        let dtype = dtype.unwrap_or(if inclusive || !whole { default_dtype() } else { DType::I64 });
        if dtype == DType::Bool {
            let op = if inclusive { "range_cpu" } else { "arange_cpu" };
            return Err(Error::NotImplemented { op: op.into(), dtype });
        }
        let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
        if s == 0.0 {
            return Err(runtime!("step must be nonzero"));
        }
        if !a.is_finite() || !b.is_finite() {
            return Err(runtime!("unsupported range: {a} -> {b}"));
        }
        if (s > 0.0 && a > b) || (s < 0.0 && a < b) {
            return Err(runtime!("upper bound and lower bound inconsistent with step sign"));
        }
        let n = if inclusive {
            ((b - a) / s).floor() as usize + 1
        } else if whole {
            let (a, b, s) = (start.to::<i64>() as i128, end.to::<i64>() as i128, step.to::<i64>() as i128);
            ((b - a + s - s.signum()) / s) as usize
        } else {
            ((b - a) / s).ceil() as usize
        };
        if n.checked_mul(dtype.size()).is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(runtime!("invalid size, possible overflow?"));
        }
        let (a, s) = (start, step);
        Tensor::generate(n, dtype, |i| match dtype.is_float() {
            true => Scalar::Float(a.to_f64() + i as f64 * s.to_f64()),
            false => Scalar::Int(a.to::<i64>().wrapping_add((i as i64).wrapping_mul(s.to::<i64>()))),
        })
    }

    /// `steps` numbers from `start` to `end`, both included.
    pub fn linspace(start: Scalar, end: Scalar, steps: usize, dtype: Option<DType>) -> Result<Tensor> {
        let dtype = dtype.unwrap_or_else(default_dtype);
        if dtype == DType::Bool {
            return Err(Error::NotImplemented { op: "linspace_cpu".into(), dtype });
        }
        if dtype == DType::F32 {
            return linspace_as(start.to::<f32>(), end.to::<f32>(), steps, dtype, |x| x.into());
        }
        if dtype.is_float() {
            return linspace_as(start.to_f64(), end.to_f64(), steps, dtype, |x| x);
        }
        // The ends are made whole first.
        check_fits(start, dtype)?;
        check_fits(end, dtype)?;
        let whole = |x: Scalar| x.to::<i64>() as f64;
        linspace_as(whole(start), whole(end), steps, dtype, |x| x)
    }

    /// Ones on the diagonal of an `n` by `m` matrix.
    pub fn eye(n: usize, m: usize, dtype: DType) -> Result<Tensor> {
        let out = Tensor::zeros(&[n, m], dtype)?;
        let diagonal = out.alias(out.layout().diagonal(0, 0, 1)?);
        diagonal.fill_data(Scalar::Int(1))?;
        Ok(out)
    }

    /// Numbers as Python has them, row-major, converted to one dtype.
    pub fn from_scalars(numbers: &[Scalar], shape: &[usize], dtype: DType) -> Result<Tensor> {
        assert_eq!(numbers.len(), crate::shape::numel(shape), "from_scalars: shape {shape:?}");
        Tensor::generate(numbers.len(), dtype, |i| numbers[i]).map(|t| t.alias(Layout::contiguous(shape)))
    }

    /// Element `i` is `f(i)`.
    fn generate(n: usize, dtype: DType, f: impl Fn(usize) -> Scalar + Sync) -> Result<Tensor> {
        let out = Tensor::empty(&[n], dtype)?;
        per_dtype!(dtype, T => {
            // SAFETY: `out` was just made here.
            let data = unsafe { out.values_mut::<T>()? };
            parallel::rows(data, 1, parallel::GRAIN, |from, block| {
                for (i, v) in block.iter_mut().enumerate() {
                    *v = f(from + i).to::<T>();
                }
            });
        });
        Ok(out)
    }
}

/// From both ends to the middle, in the type `S`, so that first and last are exact and the numbers symmetric.
fn linspace_as<S>(
    start: S,
    end: S,
    steps: usize,
    dtype: DType,
    widen: impl Fn(S) -> f64 + Sync,
) -> Result<Tensor>
where
    S: Element + std::ops::Sub<Output = S> + std::ops::Mul<Output = S> + std::ops::Add<Output = S>,
    S: std::ops::Div<Output = S>,
{
    let of = |i: usize| S::from_f64(i as f64);
    let step = if steps > 1 { (end - start) / of(steps - 1) } else { S::default() };
    Tensor::generate(steps, dtype, |i| {
        let x =
            if i < steps / 2 || steps == 1 { start + step * of(i) } else { end - step * of(steps - 1 - i) };
        Scalar::Float(widen(x))
    })
}
