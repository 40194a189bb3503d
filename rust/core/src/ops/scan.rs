//! Running folds along a dimension: `cumsum`, `cumprod`, `cummax`, `cummin`, `logcumsumexp`.

use crate::backend::{Scan, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::ops::gather::Meet;
use crate::shape::wrap_dim;
use crate::tensor::{Scalar, Tensor};

impl Tensor {
    /// The sums of the first 1, 2, … elements along `dim`; integers are summed as int64 unless `dtype` says otherwise.
    pub fn cumsum(&self, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        let (x, dim) = self.scan_input(dim, dtype)?;
        x.scan(Scan::Sum, dim, dtype)?.record("CumsumBackward0", &[&x], |_| {
            move |_, g| grads![Some(g.flip(&[dim])?.cumsum(dim, None)?.flip(&[dim])?)]
        })
    }

    /// The products of the first 1, 2, … elements along `dim`; integers as int64 unless `dtype` says otherwise.
    pub fn cumprod(&self, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        let (x, dim) = self.scan_input(dim, dtype)?;
        x.scan(Scan::Prod, dim, dtype)?.record("CumprodBackward0", &[&x], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(cumprod_backward(&x.get(ctx)?, &y.get(ctx)?, g, dim)?)]
        })
    }

    /// The logarithms of the running sums of the exponentials.
    pub fn logcumsumexp(&self, dim: isize) -> Result<Tensor> {
        let d = wrap_dim(dim, self.rank())? as isize;
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "logcumsumexp_out_cpu".into(), dtype: self.dtype() });
        }
        self.scan(Scan::LogSumExp, d, None)?.record("LogcumsumexpBackward0", &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            // The sums run over logarithms of the gradient, of its positive and its negative part apart.
            move |ctx, g| {
                let (x, y) = (x.get(ctx)?, y.get(ctx)?);
                if x.rank() == 0 || x.numel() == 0 {
                    return grads![Some(g.clone())];
                }
                // The least number stands for the logarithm of 0: with -inf second derivatives would be NaN.
                let none = Tensor::wrapped(Scalar::Float(g.dtype().lowest()))?;
                let zero = Tensor::wrapped(Scalar::Int(0))?;
                let part = |wanted: Tensor, g: &Tensor| -> Result<Tensor> {
                    let log = Tensor::choose(&wanted, g, &zero)?.abs()?.log()?;
                    let log = Tensor::choose(&wanted, &log, &none)?.sub(&y)?;
                    log.flip(&[d])?.logcumsumexp(d)?.flip(&[d])?.add(&x)?.exp()
                };
                grads![Some(part(g.gt(&zero)?, g)?.sub(&part(g.lt(&zero)?, g)?)?)]
            }
        })
    }

    /// The largest of the first 1, 2, … elements along `dim`, and where it stands (the last place, if several).
    pub fn cummax(&self, dim: isize) -> Result<(Tensor, Tensor)> {
        self.running(Scan::Max, "CummaxBackward0", dim)
    }

    /// The smallest of the first 1, 2, … elements along `dim`, and where it stands (the last place, if several).
    pub fn cummin(&self, dim: isize) -> Result<(Tensor, Tensor)> {
        self.running(Scan::Min, "CumminBackward0", dim)
    }

    fn running(&self, scan: Scan, grad: &'static str, dim: isize) -> Result<(Tensor, Tensor)> {
        let d = wrap_dim(dim, self.rank())?;
        let x = self.contiguous_data()?;
        let out = x.new_empty(x.shape(), x.dtype())?;
        let places = x.new_empty(x.shape(), DType::I64)?;
        backend(x.device()).scan(scan, x.raw(), d, out.raw(), Some(places.raw()))?;
        self.reordered(grad, d, out, places)
    }

    /// Finish an op whose elements are this tensor's at `places` along `dim`: values with the gradient, and places.
    pub(crate) fn reordered(
        &self,
        grad: &'static str,
        dim: usize,
        values: Tensor,
        places: Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (full, at) = (self.layout().shape.clone(), places.clone());
        let mut outs = Tensor::record_all(vec![values, places], grad, &[self], |save| {
            let at = save.plain(&at);
            move |ctx, g| match &g[0] {
                Some(g) => grads![Some(g.place_along(dim, &at.get(ctx)?, &full)?)],
                None => grads![None],
            }
        })?;
        let places = outs.pop().expect("two went in");
        Ok((outs.pop().expect("two went in"), places))
    }

    /// Zeros of a given shape, with this tensor's elements added at `index` along `dim`.
    pub(crate) fn place_along(&self, dim: usize, index: &Tensor, shape: &[usize]) -> Result<Tensor> {
        let zeros = self.new_zeros(shape, self.dtype())?;
        zeros.scatter(dim as isize, index, self, Meet::Add)
    }

    fn scan_input(&self, dim: isize, dtype: Option<DType>) -> Result<(Tensor, isize)> {
        let dim = wrap_dim(dim, self.rank())? as isize;
        Ok((self.to_dtype(dtype.unwrap_or(self.dtype().sum_type()))?, dim))
    }

    /// The data of a running sum or product of a tensor that has the result's dtype.
    fn scan(&self, scan: Scan, dim: isize, dtype: Option<DType>) -> Result<Tensor> {
        let wide = if self.dtype().is_float() { self.widened()? } else { self.cast_data(DType::I64)? };
        let x = wide.contiguous_data()?;
        let out = x.new_empty(x.shape(), x.dtype())?;
        backend(x.device()).scan(scan, x.raw(), dim as usize, out.raw(), None)?;
        out.cast_data(dtype.unwrap_or(self.dtype()))
    }
}

impl Tensor {
    /// Whether a product may be divided by its factors; of unknown ones it may.
    pub(crate) fn has_no_zero(&self) -> Result<bool> {
        Ok(!self.has_data() || self.all(None, false)?.item()?.to())
    }
}

/// `dx[k] = sum over i >= k of g[i] * y[i] / x[k]`; where a zero forbids that, each product without its `k`-th factor
/// is made anew.
fn cumprod_backward(x: &Tensor, y: &Tensor, g: &Tensor, dim: isize) -> Result<Tensor> {
    if x.numel() == 0 || x.rank() == 0 {
        return Ok(g.clone());
    }
    let tail = |t: &Tensor| t.flip(&[dim])?.cumsum(dim, None)?.flip(&[dim]);
    if x.has_no_zero()? {
        return tail(&g.mul(y)?)?.div(x);
    }
    let n = x.shape()[dim as usize] as isize;
    let one = x.narrow(dim, 0, 1)?.detach().ones_like()?;
    let mut parts = Vec::with_capacity(n as usize);
    for k in 0..n {
        let before = x.narrow(dim, 0, k)?.prod(Some(dim), true, None)?;
        let after = Tensor::cat(&[one.clone(), x.narrow(dim, k + 1, n - k - 1)?], dim)?.cumprod(dim, None)?;
        parts.push(g.narrow(dim, k, n - k)?.mul(&after)?.sum(&[dim], true, None)?.mul(&before)?);
    }
    Tensor::cat(&parts, dim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;

    #[test]
    fn derivatives_match_finite_differences() {
        let values: Vec<f64> = (0..24).map(|i| ((i * 7) % 11) as f64 / 4.0 - 1.1).collect();
        let mut zeros = values.clone();
        (zeros[3], zeros[7], zeros[10]) = (0.0, 0.0, 0.0);
        let ops: [fn(&Tensor) -> Result<Tensor>; 4] = [
            |x| x.cumsum(1, None),
            |x| x.cumprod(1, None),
            |x| x.logcumsumexp(1),
            |x| x.cummax(1).map(|(v, _)| v),
        ];
        for (i, op) in ops.iter().enumerate() {
            // Equal maxima have no slope that differences could measure, so the last op gets no zeros.
            for v in [&values, &zeros].into_iter().take(if i == 3 { 1 } else { 2 }) {
                let x = Tensor::from_slice(v, &[2, 3, 4]).expect("small");
                let (taped, measured) = check_vjp(|v| op(&v[0]), &[x]).expect("runs");
                assert!((taped - measured).abs() < 1e-6 * measured.abs().max(1.0), "{i}: {taped} {measured}");
            }
        }
    }
}
