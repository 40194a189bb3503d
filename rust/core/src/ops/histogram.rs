//! How many elements fall between edges: `histc`, `histogram`, `histogramdd`.

use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use crate::{per_float, runtime};

impl Tensor {
    /// How many elements fall into each of `bins` equal intervals from `min` to `max`; of the data if these are equal.
    pub fn histc(&self, bins: i64, min: f64, max: f64) -> Result<Tensor> {
        if bins <= 0 {
            return Err(runtime!("tensorrs.histc(): bins must be > 0"));
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "histogram_cpu".into(), dtype: self.dtype() });
        }
        let x = self.contiguous_data()?;
        if !x.has_data() {
            return x.new_zeros(&[bins as usize], x.dtype());
        }
        let (low, high) = x.bounds("tensorrs.histc()", min, max, 1.0)?;
        let mut counts = vec![0i64; bins as usize];
        per_float!("histogram_cpu", x.dtype(), T => {
            for v in x.values::<T>()? {
                let v = v.to_f64();
                if v >= low && v <= high {
                    let i = ((v - low) * bins as f64 / (high - low)) as usize;
                    counts[i.min(bins as usize - 1)] += 1;
                }
            }
            Ok::<(), Error>(())
        })?;
        Tensor::from_slice(&counts, &[counts.len()])?.cast_data(self.dtype())
    }

    /// The interval of a histogram: as given, or that of the data; never empty.
    fn bounds(&self, name: &str, min: f64, max: f64, margin: f64) -> Result<(f64, f64)> {
        let (mut low, mut high) = (min, max);
        if low == high && self.numel() > 0 {
            (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
            per_float!("histogram_cpu", self.dtype(), T => {
                for v in self.values::<T>()? {
                    let v = v.to_f64();
                    (low, high) = if v.is_nan() { (v, v) } else { (low.min(v), high.max(v)) };
                }
                Ok::<(), Error>(())
            })?;
        }
        if !low.is_finite() || !high.is_finite() {
            return Err(runtime!("{name}: range of [{low}, {high}] is not finite"));
        }
        if low == high {
            (low, high) = (low - margin, high + margin);
        }
        if low > high {
            return Err(runtime!("{name}: max must be larger than min"));
        }
        Ok((low, high))
    }

    /// The edges of `bins` equal intervals over one column of samples, between `range` or over the data.
    pub fn bin_edges(&self, bins: i64, range: Option<(f64, f64)>) -> Result<Tensor> {
        if bins <= 0 {
            return Err(runtime!("tensorrs.histogramdd(): bins must be > 0"));
        }
        let half = matches!(self.dtype(), DType::F16 | DType::BF16);
        if !self.dtype().is_float() || half && range.is_none() {
            return Err(Error::NotImplemented { op: "histogramdd".into(), dtype: self.dtype() });
        }
        let x = self.contiguous_data()?;
        let name = "tensorrs.histogramdd()";
        x.check_data_for("histogram")?;
        let (low, high) = match range {
            Some((low, high)) if low == high => (low - 0.5, high + 0.5),
            Some((low, high)) => x.bounds(name, low, high, 0.5)?,
            None if x.numel() == 0 => (0.0, 1.0),
            None => x.bounds(name, 0.0, 0.0, 0.5)?,
        };
        Tensor::linspace(low.into(), high.into(), bins as usize + 1, Some(self.dtype()))
    }

    /// A histogram of the rows of this matrix over the intervals between `edges`, a vector for each column: how many,
    /// or the sum of their `weight`; as a density if asked for.
    pub fn histogram_nd(&self, edges: &[Tensor], weight: Option<&Tensor>, density: bool) -> Result<Tensor> {
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "histogramdd".into(), dtype: self.dtype() });
        }
        for (d, e) in edges.iter().enumerate() {
            if e.rank() != 1 || e.numel() == 0 {
                return Err(runtime!(
                    "tensorrs.histogramdd(): bins tensor should have one dimension, but got {} dimensions in the bins tensor",
                    e.rank()
                ));
            }
            if e.dtype() != self.dtype() {
                return Err(runtime!(
                    "tensorrs.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and bins for dimension {d} with dtype {}",
                    self.dtype().cpp_name(),
                    e.dtype().cpp_name()
                ));
            }
        }
        let n = self.shape()[0];
        if let Some(w) = weight {
            if w.numel() != n {
                return Err(runtime!(
                    "tensorrs.histogramdd(): if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension"
                ));
            }
            if w.dtype() != self.dtype() {
                return Err(runtime!(
                    "tensorrs.histogramdd(): if weight tensor is provided, input tensor and weight tensor should have the same dtype"
                ));
            }
        }
        if matches!(self.dtype(), DType::F16 | DType::BF16) {
            let wide = |t: &Tensor| t.cast_data(DType::F32);
            let edges: Vec<Tensor> = edges.iter().map(wide).collect::<Result<_>>()?;
            let weight = weight.map(wide).transpose()?;
            return wide(self)?.histogram_nd(&edges, weight.as_ref(), density)?.cast_data(self.dtype());
        }
        let x = self.contiguous_data()?;
        let weight = weight.map(|w| w.reshape(&[n])?.contiguous_data()).transpose()?;
        let edges: Vec<Tensor> = edges.iter().map(Tensor::contiguous_data).collect::<Result<_>>()?;
        let sizes: Vec<usize> = edges.iter().map(|e| e.numel() - 1).collect();
        self.check_data_for("histogramdd")?;
        let out = self.new_zeros(&sizes, self.dtype())?;
        per_float!("histogramdd", self.dtype(), T => {
            let width = edges.len().max(1);
            // SAFETY: `out` was just made here.
            let to = unsafe { out.values_mut::<T>()? };
            'rows: for (r, row) in x.values::<T>()?.chunks(width).enumerate() {
                let mut at = 0;
                for (v, e) in row.iter().zip(&edges) {
                    let e = e.values::<T>()?;
                    let last = e.len() - 1;
                    let v = v.to_f64();
                    if !(v >= e[0].to_f64() && v <= e[last].to_f64()) || last == 0 {
                        continue 'rows;
                    }
                    let i = e.partition_point(|edge| edge.to_f64() <= v) - 1;
                    at = at * last + i.min(last - 1);
                }
                let w = weight.as_ref().map_or(Ok(1.0), |w| w.values::<T>().map(|w| w[r].to_f64()))?;
                to[at] = T::from_f64(to[at].to_f64() + w);
            }
            Ok::<(), Error>(())
        })?;
        if !density {
            return Ok(out);
        }
        let mut out = out.div(&out.sum(&[], false, None)?)?;
        for (d, e) in edges.iter().enumerate() {
            let lengths =
                e.narrow(0, 1, e.numel() as isize - 1)?.sub(&e.narrow(0, 0, e.numel() as isize - 1)?)?;
            let mut shape = vec![1; edges.len()];
            shape[d] = lengths.numel();
            out = out.div(&lengths.reshape(&shape)?)?;
        }
        Ok(out)
    }
}
