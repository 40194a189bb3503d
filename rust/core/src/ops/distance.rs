//! Distances of all pairs of rows, of two sets (`cdist`) or of one (`pdist`).
//!
//! Values come from the tensor operations of the formula, without history; the rules compute the differences anew, so
//! that nothing as large as all of them is kept for backward.

use crate::error::Result;
use crate::grads;
use crate::shape::dim_mask;
use crate::tensor::{Scalar, Tensor, no_grad};

use super::reduce::Spread;
use super::stats::norm_backward;

impl Tensor {
    /// The `p`-norm of the difference of each row of this tensor `(*, P, M)` and each of `other` `(*, R, M)`.
    pub fn cdist(&self, other: &Tensor, p: f64) -> Result<Tensor> {
        let out = no_grad(|| differences(self, other)?.vector_norm(finite(self, p), &[-1], false, None))?;
        out.record("CdistBackward0", &[self, other], |save| {
            let (a, b, y) = (save.input(0), save.input(1), save.output(0));
            move |ctx, g| {
                let away = differences(&a.get(ctx)?, &b.get(ctx)?)?;
                let part = slope(&away, &y.get(ctx)?, g, p)?;
                let db = ctx.when(1, || part.sum(&[-3], false, None)?.neg())?;
                grads![ctx.when(0, || part.sum(&[-2], false, None))?, db]
            }
        })
    }

    /// The same for p = 2 by one product of matrices, `|a|^2 - 2 a b + |b|^2`: quick, and less exact for rows that are
    /// close.
    pub fn euclidean_distances(&self, other: &Tensor) -> Result<Tensor> {
        let out = no_grad(|| {
            let square = |t: &Tensor| t.square()?.sum(&[-1], true, None);
            let (a, b) = (square(self)?, square(other)?);
            let left = Tensor::cat(&[self.mul_number(-2.0)?, a.clone(), a.ones_like()?], -1)?;
            let right = Tensor::cat(&[other.clone(), b.ones_like()?, b], -1)?;
            left.matmul(&right.transpose(-2, -1)?)?.clamp_min(Scalar::Int(0))?.sqrt()
        })?;
        let out = out.record("EuclideanDistBackward0", &[self, other], |save| {
            let (a, b, y) = (save.input(0), save.input(1), save.output(0));
            move |ctx, g| {
                let (a, b, y) = (a.get(ctx)?, b.get(ctx)?, y.get(ctx)?);
                let zero = Tensor::wrapped(Scalar::Int(0))?;
                let ratio = g.div(&y)?.masked_fill(&y.eq(&zero)?, &zero)?;
                let da = ctx.when(0, || a.mul(&ratio.sum(&[-1], true, None)?)?.sub(&ratio.matmul(&b)?))?;
                let db = ctx.when(1, || {
                    let total = ratio.sum(&[-2], false, None)?.unsqueeze(-1)?;
                    b.mul(&total)?.sub(&ratio.transpose(-2, -1)?.matmul(&a)?)
                })?;
                grads![da, db]
            }
        })?;
        out.view(out.shape())
    }

    /// The `p`-norms of the differences of all pairs of rows of this matrix, the first with the others first.
    pub fn pdist(&self, p: f64) -> Result<Tensor> {
        let n = self.shape()[0] as i64;
        let pair = |later: bool| -> Vec<i64> {
            (0..n).flat_map(|i| (i + 1..n).map(move |j| if later { j } else { i })).collect()
        };
        let (first, second) = (pair(false), pair(true));
        let pairs = first.len();
        let (first, second) = (
            Tensor::from_slice(&first, &[pairs])?.on(self.device())?,
            Tensor::from_slice(&second, &[pairs])?.on(self.device())?,
        );
        let away = {
            let (first, second) = (first.clone(), second.clone());
            move |x: &Tensor| x.index_select(0, &first)?.sub(&x.index_select(0, &second)?)
        };
        let out = no_grad(|| away(self)?.vector_norm(finite(self, p), &[-1], false, None))?;
        out.record("PdistBackward0", &[self], |save| {
            let (x, y) = (save.input(0), save.output(0));
            move |ctx, g| {
                let x = x.get(ctx)?;
                let part = slope(&away(&x)?, &y.get(ctx)?, g, p)?;
                let one = Scalar::Int(1);
                let dx = x.detach().zeros_like()?.index_add(0, &first, &part, one)?;
                grads![Some(dx.index_add(0, &second, &part.neg()?, one)?)]
            }
        })
    }
}

/// The order to measure with: of no numbers at all there is no greatest, and every other norm is 0.
fn finite(x: &Tensor, p: f64) -> f64 {
    if p.is_infinite() && x.shape().last() == Some(&0) { 2.0 } else { p }
}

/// Every row of `a` minus every row of `b`.
fn differences(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.unsqueeze(-2)?.sub(&b.unsqueeze(-3)?)
}

/// What the differences along the last dimension get of the gradient of their norm; where that is 0, nothing.
fn slope(away: &Tensor, y: &Tensor, g: &Tensor, p: f64) -> Result<Tensor> {
    if p.is_infinite() {
        // Of several greatest, each has the whole gradient.
        let greatest = away.detach().abs()?.eq(&y.detach().unsqueeze(-1)?)?;
        return away.sgn()?.mul(&greatest)?.mul(&g.unsqueeze(-1)?);
    }
    let spread = Spread::new(away, &dim_mask(&[-1], away.rank())?);
    norm_backward(away, y, g, p, &spread)?.map_or_else(|| away.zeros_like(), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;

    fn rows(n: usize, m: usize, step: usize) -> Tensor {
        let values: Vec<f64> = (0..n * m).map(|i| ((i * step) % 13) as f64 / 5.0 - 1.0).collect();
        Tensor::from_slice(&values, &[n, m]).expect("small")
    }

    #[test]
    fn derivatives_match_finite_differences() {
        for p in [1.5, 2.0, 3.0, f64::INFINITY] {
            let both = [rows(3, 2, 7), rows(4, 2, 5)];
            for by_product in [false, true].into_iter().take(if p == 2.0 { 2 } else { 1 }) {
                let (taped, measured) = check_vjp(
                    |v| if by_product { v[0].euclidean_distances(&v[1]) } else { v[0].cdist(&v[1], p) },
                    &both,
                )
                .expect("runs");
                assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "{p}: {taped} {measured}");
            }
            if p.is_infinite() {
                continue; // Several of these differences are greatest.
            }
            let (taped, measured) = check_vjp(|v| v[0].pdist(p), &[rows(4, 3, 8)]).expect("runs");
            assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "{p}: {taped} {measured}");
        }
    }
}
