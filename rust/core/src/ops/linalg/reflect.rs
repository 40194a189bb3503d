//! Householder reflections: geqrf, products with the orthogonal factor, and QR.

use crate::backend::Factor;
use crate::error::Result;
use crate::shape::show;
use crate::tensor::{Tensor, no_grad};
use crate::{autocast, grads, runtime};

/// `C` under one reflection: `C - tau v (v' C)`.
fn reflected(v: &Tensor, tau: &Tensor, c: &Tensor) -> Result<Tensor> {
    c.sub(&v.mul(tau)?.matmul(&v.mt()?.matmul(c)?)?)
}

impl Tensor {
    /// The vector of reflection `i` as a column, with its leading 1, and its factor as a `(1, 1)` matrix.
    fn reflection(&self, tau: &Tensor, i: usize) -> Result<(Tensor, Tensor)> {
        let column = self.cols_at(i, i + 1)?.tril(-(i as isize) - 1)?;
        let m = column.matrix_size().0;
        let one = Tensor::eye(m, i + 1, self.dtype())?.on(self.device())?.cols_at(i, i + 1)?;
        Ok((column.add(&one)?, tau.narrow(-1, i as isize, 1)?.unsqueeze(-1)?))
    }

    /// `Q @ C` (`Q.T @ C`), where Q is the product of the reflections whose vectors are this tensor's columns.
    fn reflect(&self, tau: &Tensor, c: &Tensor, transpose: bool, name: &'static str) -> Result<Tensor> {
        let k = tau.shape().last().copied().unwrap_or(0);
        let out = c.fresh()?;
        let vectors = self.cols_at(0, k)?;
        Tensor::run_factor(Factor::Reflect { transpose }, &[(&vectors, 2), (tau, 1)], &[(&out, 2)])?;
        out.record(name, &[self, tau, c], |save| {
            let (v, tau, c) = (save.input(0), save.input(1), save.input(2));
            move |ctx, g| {
                let (v, tau, c) = (v.get(ctx)?, tau.get(ctx)?, c.get(ctx)?);
                let order: Vec<usize> = if transpose { (0..k).collect() } else { (0..k).rev().collect() };
                // What each reflection was applied to, then back through them.
                let mut states = vec![c];
                for &i in &order {
                    let (w, t) = v.reflection(&tau, i)?;
                    let last = &states[states.len() - 1];
                    states.push(reflected(&w, &t, last)?);
                }
                let mut g = g.clone();
                let mut columns = vec![None; k];
                let mut factors = vec![None; k];
                for (at, &i) in order.iter().enumerate().rev() {
                    let (w, t) = v.reflection(&tau, i)?;
                    let (gw, yw) = (g.mt()?.matmul(&w)?, states[at].mt()?.matmul(&w)?);
                    let both = g.matmul(&yw)?.add(&states[at].matmul(&gw)?)?;
                    columns[i] = Some(both.mul(&t)?.neg()?.tril(-(i as isize) - 1)?);
                    factors[i] = Some(gw.mul(&yw)?.sum(&[-2], false, None)?.neg()?);
                    g = reflected(&w, &t, &g)?;
                }
                let columns: Vec<Tensor> = columns.into_iter().flatten().collect();
                let factors: Vec<Tensor> = factors.into_iter().flatten().collect();
                if k == 0 {
                    return grads![Some(v.zeros_like()?), Some(tau.zeros_like()?), Some(g)];
                }
                let (m, width) = v.matrix_size();
                let dv = Tensor::cat(&columns, -1)?.padded_to(m, width)?;
                grads![Some(dv), Some(Tensor::cat(&factors, -1)?), Some(g)]
            }
        })
    }

    /// The first columns of the product of reflections.
    pub fn householder_product(&self, tau: &Tensor) -> Result<Tensor> {
        autocast!("linalg_householder_product"; a = self, tau = tau => a.householder_product(&tau));
        let op = "tensorrs.linalg.householder_product";
        if self.rank() < 2 {
            return Err(runtime!("{op}: input must have at least 2 dimensions."));
        }
        let (m, n) = self.matrix_size();
        if m < n {
            return Err(runtime!("{op}: input.shape[-2] must be greater than or equal to input.shape[-1]"));
        }
        if tau.shape().last().is_none_or(|&k| k > n) {
            return Err(runtime!("{op}: input.shape[-1] must be greater than or equal to tau.shape[-1]"));
        }
        if tau.rank() + 1 != self.rank() || self.shape()[..self.rank() - 2] != tau.shape()[..tau.rank() - 1] {
            return Err(runtime!(
                "{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {}",
                show(tau.shape())
            ));
        }
        if tau.dtype() != self.dtype() {
            return Err(runtime!(
                "{op}: tau dtype {} does not match input dtype {}",
                tau.dtype().scalar_type(),
                self.dtype().scalar_type()
            ));
        }
        self.reflect(tau, &self.eye_beside(m, n)?, false, "LinalgHouseholderProductBackward0")
    }

    /// `Q @ C`, or with Q transposed, or from the right.
    pub fn ormqr(&self, tau: &Tensor, c: &Tensor, left: bool, transpose: bool) -> Result<Tensor> {
        autocast!("ormqr"; a = self, tau = tau, c = c => a.ormqr(&tau, &c, left, transpose));
        let op = "tensorrs.ormqr";
        if self.rank() < 2 || c.rank() < 2 {
            let which = if self.rank() < 2 { "input" } else { "other" };
            return Err(runtime!("{op}: {which} must have at least 2 dimensions."));
        }
        let rows = if left { c.matrix_size().0 } else { c.matrix_size().1 };
        let side = if left { -2 } else { -1 };
        if tau.shape().last().is_none_or(|&k| k > rows) {
            return Err(runtime!("{op}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"));
        }
        if rows != self.matrix_size().0 {
            return Err(runtime!("{op}: other.shape[{side}] must be equal to input.shape[-2]"));
        }
        if tau.shape().last().is_some_and(|&k| k > self.matrix_size().1) {
            return Err(runtime!("{op}: tau.shape[-1] must be less than or equal to input.shape[-1]"));
        }
        if tau.rank() + 1 != self.rank() {
            return Err(runtime!(
                "{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to {} and input.ndim is equal to {}",
                tau.rank(),
                self.rank()
            ));
        }
        if c.rank() != self.rank() {
            return Err(runtime!(
                "{op}: Expected other to have the same number of dimensions as input, but got other.ndim equal to {} and input.ndim is equal to {}",
                c.rank(),
                self.rank()
            ));
        }
        let batch = &self.shape()[..self.rank() - 2];
        if *batch != tau.shape()[..tau.rank() - 1] {
            return Err(runtime!(
                "{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {}",
                show(&tau.shape()[..tau.rank() - 1])
            ));
        }
        if *batch != c.shape()[..c.rank() - 2] {
            return Err(runtime!(
                "{op}: Expected batch dimensions of other to be equal to input.shape[:-2], but got {}",
                show(&c.shape()[..c.rank() - 2])
            ));
        }
        for (name, t) in [("tau", tau), ("other", c)] {
            if t.dtype() != self.dtype() {
                return Err(runtime!(
                    "{op}: Expected input and {name} to have the same dtype, but input has dtype {} and {name} has dtype {}",
                    self.dtype().scalar_type(),
                    t.dtype().scalar_type()
                ));
            }
        }
        if left {
            return self.reflect(tau, c, transpose, "OrmqrBackward0");
        }
        self.reflect(tau, &c.mt()?, !transpose, "OrmqrBackward0")?.mt()
    }

    /// R over the reflections' vectors, and their factors.
    pub fn geqrf(&self) -> Result<Vec<Tensor>> {
        autocast!("geqrf"; a = self => a.geqrf());
        if self.rank() < 2 {
            return Err(runtime!("tensorrs.geqrf: input must have at least 2 dimensions."));
        }
        let (m, n) = self.matrix_size();
        let (a, tau) = (self.fresh()?, self.beside(&[m.min(n)], self.dtype())?);
        Tensor::run_factor(Factor::Qr, &[], &[(&a, 2), (&tau, 1)])?;
        Tensor::record_all(vec![a, tau], "GeqrfBackward0", &[self], |_| {
            |_, _| Err(runtime!("derivative for aten::geqrf is not implemented"))
        })
    }

    /// Q and R; `mode` is "reduced", "complete" or "r" (without Q).
    pub fn qr(&self, mode: &str) -> Result<Vec<Tensor>> {
        autocast!("linalg_qr"; a = self => a.qr(mode));
        self.check_matrix("linalg.qr")?;
        self.check_real("linalg.qr", true)?;
        if !matches!(mode, "reduced" | "complete" | "r") {
            return Err(runtime!(
                "qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
            ));
        }
        let (m, n) = self.matrix_size();
        let k = if mode == "complete" { m } else { m.min(n) };
        let (q, r) = no_grad(|| -> Result<_> {
            let parts = self.geqrf()?;
            let r = parts[0].rows_at(0, k.min(m))?.triu(0)?;
            if mode == "r" {
                return Ok((self.new_empty(&[0], self.dtype())?, r));
            }
            let eye = self.eye_beside(m, k)?;
            Ok((parts[0].reflect(&parts[1], &eye, false, "")?, r))
        })?;
        let (mode_r, complete) = (mode == "r", mode == "complete");
        Tensor::record_all(vec![q, r], "LinalgQrBackward0", &[self], |save| {
            let (q, r) = (save.output(0), save.output(1));
            move |ctx, g| {
                if mode_r {
                    return Err(runtime!(
                        "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are going to require gradients through linalg.qr."
                    ));
                }
                if complete && m > n {
                    return Err(runtime!(
                        "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
                    ));
                }
                let (q, r) = (q.get(ctx)?, r.get(ctx)?);
                grads![qr_backward(&q, &r, g[0].as_ref(), g[1].as_ref(), n)?]
            }
        })
    }
}

/// Seeger et al. for as many rows as columns or more; Roberts and Roberts (2020), arXiv:2009.10071, for fewer.
fn qr_backward(
    q: &Tensor,
    r: &Tensor,
    gq: Option<&Tensor>,
    gr: Option<&Tensor>,
    n: usize,
) -> Result<Option<Tensor>> {
    let k = r.matrix_size().0;
    if n > k {
        let (r1, r2) = (r.cols_at(0, k)?, r.cols_at(k, n)?);
        let (g1, g2) = match gr {
            Some(g) => (Some(g.cols_at(0, k)?), Some(g.cols_at(k, n)?)),
            None => (None, None),
        };
        // The other columns are Q @ r2: what reaches them reaches Q too.
        let through = g2.as_ref().map(|g| q.matmul(&r2)?.matmul(&g.mt()?)).transpose()?;
        let gq = super::plus(gq.cloned(), through)?;
        let first = qr_backward(q, &r1, gq.as_ref(), g1.as_ref(), k)?;
        let Some(first) = first else { return Ok(None) };
        let rest = match g2 {
            Some(g) => q.matmul(&g)?,
            None => q.matmul(&r2)?.zeros_like()?,
        };
        return Ok(Some(Tensor::cat(&[first, rest], -1)?));
    }
    let from_r = gr.map(|g| r.matmul(&g.mt()?)).transpose()?;
    let from_q = gq.map(|g| g.mt()?.matmul(q)?.neg()).transpose()?;
    let Some(m) = super::plus(from_r, from_q)? else { return Ok(None) };
    let symmetric = m.tril(0)?.add(&m.tril(-1)?.mt()?)?;
    let inner = q.matmul(&symmetric)?;
    let inner = match gq {
        Some(g) => g.add(&inner)?,
        None => inner,
    };
    Ok(Some(r.mt()?.solve_triangular(&inner, false, false, false)?))
}
