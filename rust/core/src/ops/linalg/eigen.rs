//! Eigenvalues of symmetric matrices and singular values.

use super::failed;
use crate::backend::Factor;
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::wrap_dim;
use crate::tensor::tape::wants_record;
use crate::tensor::{Scalar, Tensor};
use crate::{autocast, grads, runtime};

fn skew(x: &Tensor) -> Result<Tensor> {
    x.sub(&x.mt()?)
}

/// `x_j - x_i`, and 1 (or infinity) on the diagonal.
fn gaps(x: &Tensor, diagonal: f64) -> Result<Tensor> {
    let n = x.shape().last().copied().unwrap_or(0);
    let away = x.unsqueeze(-2)?.sub(&x.unsqueeze(-1)?)?;
    let own = Tensor::eye(n, n, DType::Bool)?.on(x.device())?;
    Tensor::choose(&own, &Tensor::full_scalar(Scalar::Float(diagonal), x.dtype())?, &away)
}

impl Tensor {
    /// Eigenvalues in ascending order and eigenvectors of the symmetric matrices given by one triangle; the vectors
    /// are empty unless they are wanted.
    pub fn eigh(&self, uplo: &str, vectors: bool) -> Result<Vec<Tensor>> {
        autocast!("linalg_eigh"; a = self => a.eigh(uplo, vectors));
        let op = "linalg.eigh";
        self.check_square(op)?;
        let upper = match uplo {
            "L" | "l" => false,
            "U" | "u" => true,
            _ => {
                return Err(runtime!("Expected UPLO argument to be 'L' or 'U', but got {uplo}"));
            }
        };
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(crate::Error::NotImplemented { op: "linalg_eigh_cpu".into(), dtype: self.dtype() });
        }
        let n = self.matrix_size().0;
        let keep = vectors || wants_record(&[self]);
        let whole = crate::tensor::no_grad(|| {
            let low = if upper { self.mt()? } else { self.clone() };
            low.tril(0)?.add(&low.tril(-1)?.mt()?)
        })?;
        let v = whole.fresh()?;
        let (w, info) = (self.beside(&[n], self.dtype())?, self.beside(&[], DType::I32)?);
        Tensor::run_factor(Factor::Eigh { vectors: keep }, &[], &[(&v, 2), (&w, 1), (&info, 0)])?;
        failed(op, &info, |code| {
            format!(
                "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated eigenvalues (error code: {code})."
            )
        })?;
        let v = if keep { v } else { self.new_empty(&[0], self.dtype())? };
        Tensor::record_all(vec![w, v], "LinalgEighBackward0", &[self], |save| {
            let (w, v) = (save.output(0), save.output(1));
            move |ctx, g| {
                let v = v.get(ctx)?;
                let vt = v.mt()?;
                let turned = match &g[1] {
                    // Only the skew part is a turn of the vectors; it makes a symmetric gradient.
                    Some(g) => Some(
                        skew(&vt.matmul(g)?)?.mul_number(0.5)?.div(&gaps(&w.get(ctx)?, f64::INFINITY)?)?,
                    ),
                    None => None,
                };
                let own = g[0].as_ref().map(Tensor::times_eye).transpose()?;
                let Some(inner) = super::plus(turned, own)? else { return grads![None] };
                grads![Some(v.matmul(&inner)?.matmul(&vt)?)]
            }
        })
    }

    /// U, S in descending order and Vh of `A = U @ diag(S) @ Vh`; `full` for square U and Vh. Without `vectors` U and
    /// Vh are empty.
    pub fn svd(&self, full: bool, vectors: bool) -> Result<Vec<Tensor>> {
        autocast!("linalg_svd"; a = self => a.svd(full, vectors));
        let op = "linalg.svd";
        self.check_matrix(op)?;
        self.check_real(op, true)?;
        if !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Err(crate::Error::NotImplemented { op: "linalg_svd_cpu".into(), dtype: self.dtype() });
        }
        let (m, n) = self.matrix_size();
        let k = m.min(n);
        let keep = vectors || wants_record(&[self]);
        let (left, right) = if full { (m, n) } else { (k, k) };
        let u = self.beside(&[m, left], self.dtype())?;
        let vh = self.beside(&[right, n], self.dtype())?;
        let (s, info) = (self.beside(&[k], self.dtype())?, self.beside(&[], DType::I32)?);
        let outs = [(&u, 2), (&s, 1), (&vh, 2), (&info, 0)];
        Tensor::run_factor(Factor::Svd { vectors: keep }, &[(self, 2)], &outs)?;
        failed(op, &info, |code| {
            if code > k as i32 {
                "The algorithm failed to converge because the input matrix contained non-finite values."
                    .into()
            } else {
                format!(
                    "The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated singular values (error code: {code})."
                )
            }
        })?;
        let none = || self.new_empty(&[0], self.dtype());
        let (u, vh) = if keep { (u, vh) } else { (none()?, none()?) };
        Tensor::record_all(vec![u, s, vh], "LinalgSvdBackward0", &[self], |save| {
            let (u, s, vh) = (save.output(0), save.output(1), save.output(2));
            move |ctx, g| {
                let (u, s, vh) = (u.get(ctx)?.cols_at(0, k)?, s.get(ctx)?, vh.get(ctx)?.rows_at(0, k)?);
                let gu = g[0].as_ref().map(|g| g.cols_at(0, k)).transpose()?;
                let gv = g[2].as_ref().map(|g| g.rows_at(0, k)?.mt()).transpose()?;
                grads![svd_backward(&u, &s, &vh, gu, g[1].as_ref(), gv)?]
            }
        })
    }

    /// The sum of the singular values of the matrices in two dimensions.
    pub fn nuclear_norm(&self, dims: &[isize], keepdim: bool) -> Result<Tensor> {
        let &[a, b] = dims else {
            return Err(runtime!(
                "linalg.matrix_norm: dim must be a 2-tuple. Got {}",
                crate::shape::show(dims)
            ));
        };
        let (a, b) = (wrap_dim(a, self.rank())?, wrap_dim(b, self.rank())?);
        let values = self.movedim(&[a as isize, b as isize], &[-2, -1])?.svd(false, false)?.swap_remove(1);
        let mut norm = values.sum(&[-1], false, None)?;
        if keepdim {
            for d in [a.min(b), a.max(b)] {
                norm = norm.unsqueeze(d as isize)?;
            }
        }
        Ok(norm)
    }
}

fn svd_backward(
    u: &Tensor,
    s: &Tensor,
    vh: &Tensor,
    gu: Option<Tensor>,
    gs: Option<&Tensor>,
    gv: Option<Tensor>,
) -> Result<Option<Tensor>> {
    let (m, n, k) = (u.matrix_size().0, vh.matrix_size().1, vh.matrix_size().0);
    let own = gs.map(Tensor::times_eye).transpose()?;
    if gu.is_none() && gv.is_none() {
        return own.map(|d| u.matmul(&d)?.matmul(vh)).transpose();
    }
    let (v, ut) = (vh.mt()?, u.mt()?);
    let (row, column) = (s.unsqueeze(-2)?, s.unsqueeze(-1)?);
    let gap = gaps(&s.mul(s)?, 1.0)?;
    let left = gu.as_ref().map(|g| skew(&ut.matmul(g)?)?.div(&gap)?.mul(&row)).transpose()?;
    let right = gv.as_ref().map(|g| skew(&vh.matmul(g)?)?.div(&gap)?.mul(&column)).transpose()?;
    let Some(inner) = super::plus(super::plus(left, right)?, own)? else { return Ok(None) };
    let mut out = u.matmul(&inner)?.matmul(vh)?;
    // Parts of the gradients outside of the spaces that the reduced factors span.
    if let (Some(g), true) = (&gu, m > k) {
        let scaled = g.div(&row)?;
        let beyond = scaled.sub(&u.matmul(&ut.matmul(&scaled)?)?)?;
        out = out.add(&beyond.matmul(vh)?)?;
    }
    if let (Some(g), true) = (&gv, n > k) {
        let scaled = g.div(&row)?.mt()?;
        let beyond = scaled.sub(&scaled.matmul(&v)?.matmul(vh)?)?;
        out = out.add(&u.matmul(&beyond)?)?;
    }
    Ok(Some(out))
}
