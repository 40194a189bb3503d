//! Linear systems: solve, inverse, determinant, least squares' pseudo-inverse, indefinite systems.

use super::failed;
use crate::backend::Factor;
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::{broadcast, show};
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{autocast, grads, runtime};

impl Tensor {
    /// Whether `b` holds vectors, one a matrix, rather than matrices.
    fn takes_vector(&self, b: &Tensor) -> bool {
        b.rank() == 1 || (self.rank() == b.rank() + 1 && self.shape()[..self.rank() - 1] == *b.shape())
    }

    /// X of `A @ X = B` (or `X @ A = B`), and the number of the zero pivot if A is singular.
    pub fn solve_ex(&self, b: &Tensor, left: bool, check: bool) -> Result<Vec<Tensor>> {
        let op = "linalg.solve";
        self.check_real(op, false)?;
        self.check_square(op)?;
        if self.dtype() != b.dtype() {
            return Err(runtime!(
                "{op}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
                self.dtype().scalar_type(),
                b.dtype().scalar_type()
            ));
        }
        let vector = self.takes_vector(b);
        if vector && !left {
            return Err(runtime!(
                "{op}: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
            ));
        }
        let n = self.matrix_size().0;
        let wide = if vector { b.unsqueeze(-1)? } else { b.clone() };
        wide.check_matrix(op)?;
        let (rows, cols) = wide.matrix_size();
        if n != if left { rows } else { cols } {
            return Err(runtime!(
                "{op}: Incompatible shapes of A and B for the equation {} ({n}x{n} and {rows}x{cols})",
                if left { "AX = B" } else { "XA = B" }
            ));
        }
        let (a, wide) = self.same_batch(&wide)?;
        let [lu, pivots, info] = self.lu_data(true)?;
        if check {
            failed("tensorrs.linalg.solve", &info, |_| {
                "The solver failed because the input matrix is singular.".into()
            })?;
        }
        let lu = lu.expand_data(a.shape())?;
        let pivots = pivots.expand_data(&a.batch_and(&[n]))?;
        let x = no_grad(|| {
            if left {
                return lu.lu_solve_data(&pivots, &wide, false);
            }
            lu.lu_solve_data(&pivots, &wide.mt()?, true)?.mt()?.contiguous()
        })?;
        let x = x.record("LinalgSolveExBackward0", &[&a, &wide], |save| {
            let (a, x) = (save.input(0), save.output(0));
            move |ctx, g| {
                let (at, xt) = (a.get(ctx)?.mt()?, x.get(ctx)?.mt()?);
                let db = at.solve_ex(g, left, false)?.swap_remove(0);
                let da = ctx.when(0, || (if left { db.matmul(&xt)? } else { xt.matmul(&db)? }).neg())?;
                grads![da, Some(db)]
            }
        })?;
        Ok(vec![if vector { x.squeeze(Some(&[-1]))? } else { x }, info])
    }

    /// The inverse, and the number of the zero pivot if there is none.
    pub fn inv_ex(&self, check: bool) -> Result<Vec<Tensor>> {
        autocast!("linalg_inv_ex"; a = self => a.inv_ex(check));
        let op = "linalg.inv";
        self.check_matrix(op)?;
        self.check_real(op, false)?;
        self.check_square(op)?;
        let n = self.matrix_size().0;
        let [lu, pivots, info] = self.lu_data(true)?;
        if check {
            failed(op, &info, |code| {
                format!(
                    "The diagonal element {code} is zero, the inversion could not be completed because the input matrix is singular."
                )
            })?;
        }
        let x = lu.lu_solve_data(&pivots, &self.eye_beside(n, n)?, false)?;
        let x = x.record("LinalgInvExBackward0", &[self], |save| {
            let x = save.output(0);
            move |ctx, g| {
                let t = x.get(ctx)?.mt()?;
                grads![Some(t.matmul(g)?.matmul(&t)?.neg()?)]
            }
        })?;
        Ok(vec![x, info])
    }

    /// Signs of the determinants and logarithms of their sizes, or the determinants, from LU; without history.
    fn lu_diagonal(&self) -> Result<(Tensor, Tensor)> {
        no_grad(|| {
            let [lu, pivots, _] = self.lu_data(true)?;
            let n = self.matrix_size().0;
            let own = Tensor::arange(
                Scalar::Int(1),
                Scalar::Int(n as i64 + 1),
                Scalar::Int(1),
                Some(DType::I32),
                false,
            )?
            .on(self.device())?;
            let swaps = pivots.ne(&own)?.sum(&[-1], false, Some(DType::I64))?;
            let odd = swaps.remainder(&Tensor::wrapped(Scalar::Int(2))?)?.to_dtype(self.dtype())?;
            Ok((lu.diagonal(0, -2, -1)?.contiguous()?, odd.mul_number(-2.0)?.add_number(1.0)?))
        })
    }

    /// The determinant.
    pub fn det(&self) -> Result<Tensor> {
        self.check_matrix("linalg.det")?;
        self.check_real("linalg.det", true)?;
        self.check_square("linalg.det")?;
        if self.numel() == 0 && !matches!(self.dtype(), DType::F32 | DType::F64) {
            return Tensor::ones(&self.batch_and(&[]), self.dtype())?.on(self.device());
        }
        let (d, sign) = self.lu_diagonal()?;
        let det = no_grad(|| d.prod(Some(-1), false, None)?.mul(&sign))?;
        det.record("LinalgDetBackward0", &[self], |save| {
            let (a, det) = (save.input(0), save.output(0));
            move |ctx, g| {
                let (a, det) = (a.get(ctx)?, det.get(ctx)?);
                // A matrix without inverse gives zeros, as in PyTorch.
                let n = a.matrix_size().0;
                let zero = Tensor::wrapped(Scalar::Float(0.0))?;
                let gone = det.detach().eq(&zero)?.unsqueeze(-1)?.unsqueeze(-1)?;
                let safe = Tensor::choose(&gone, &Tensor::eye(n, n, a.dtype())?.on(a.device())?, &a)?;
                let inverse = safe.inv_ex(false)?.swap_remove(0).mt()?;
                grads![Some(g.mul(&det)?.unsqueeze(-1)?.unsqueeze(-1)?.mul(&inverse)?)]
            }
        })
    }

    /// The sign of the determinant and the logarithm of its size.
    pub fn slogdet(&self) -> Result<Vec<Tensor>> {
        let op = "linalg.slogdet";
        self.check_matrix(op)?;
        self.check_real(op, false)?;
        self.check_square(op)?;
        let (d, parity) = self.lu_diagonal()?;
        let (sign, size) = no_grad(|| -> Result<_> {
            Ok((
                d.sgn()?.prod(Some(-1), false, None)?.mul(&parity)?,
                d.abs()?.log()?.sum(&[-1], false, None)?,
            ))
        })?;
        Tensor::record_all(vec![sign, size], "LinalgSlogdetBackward0", &[self], |save| {
            let a = save.input(0);
            move |ctx, g| {
                let a = a.get(ctx)?;
                let Some(g) = &g[1] else { return grads![Some(a.zeros_like()?)] };
                let inverse = a.inv_ex(false)?.swap_remove(0).mt()?;
                grads![Some(g.unsqueeze(-1)?.unsqueeze(-1)?.mul(&inverse)?)]
            }
        })
    }

    /// The pseudo-inverse given by its data, with the derivative of Golub and Pereyra (1973).
    pub(super) fn pinv_record(&self, name: &'static str, data: Tensor) -> Result<Tensor> {
        data.record(name, &[self], |save| {
            let (a, p) = (save.input(0), save.output(0));
            move |ctx, g| grads![Some(pinv_backward(&a.get(ctx)?, &p.get(ctx)?, g)?)]
        })
    }

    /// The least-squares solution `pinv(A) @ B`, and the squared lengths of what is left of B's columns if `residuals`.
    pub fn lstsq_solution(&self, b: &Tensor, pinv: &Tensor, residuals: bool) -> Result<Vec<Tensor>> {
        let pinv = pinv.detach();
        let (x, left) = no_grad(|| -> Result<_> {
            let x = pinv.matmul(b)?;
            let left = if residuals {
                let rest = self.matmul(&x)?.sub(b)?;
                rest.mul(&rest)?.sum(&[-2], false, None)?
            } else {
                self.new_empty(&[0], self.dtype())?
            };
            Ok((x, left))
        })?;
        Tensor::record_all(vec![x, left], "LinalgLstsqBackward0", &[self, b], |save| {
            let (a, b) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (a, b) = (a.get(ctx)?, b.get(ctx)?);
                // With the history of A, for second derivatives.
                let p = a.pinv_record("LinalgPinvBackward0", pinv.detach_alias())?;
                let x = p.matmul(&b)?;
                let rest = match &g[1] {
                    Some(g) if residuals => {
                        Some(a.matmul(&x)?.sub(&b)?.mul(&g.unsqueeze(-2)?)?.mul_number(2.0)?)
                    }
                    _ => None,
                };
                // The residual's gradient reaches A and B both directly and through the solution.
                let gx = match (&g[0], &rest) {
                    (Some(g), Some(r)) => Some(g.add(&a.mt()?.matmul(r)?)?),
                    (Some(g), None) => Some(g.clone()),
                    (None, Some(r)) => Some(a.mt()?.matmul(r)?),
                    (None, None) => None,
                };
                let db = gx.as_ref().map(|g| p.mt()?.matmul(g)).transpose()?;
                let db = super::plus(db, rest.as_ref().map(Tensor::neg).transpose()?)?;
                let da = gx.as_ref().map(|g| pinv_backward(&a, &p, &g.matmul(&b.mt()?)?)).transpose()?;
                let da = super::plus(da, rest.as_ref().map(|r| r.matmul(&x.mt()?)).transpose()?)?;
                grads![da, db]
            }
        })
    }

    /// The Bunch-Kaufman factors of a symmetric matrix, its exchanges, and the number of the first zero block.
    pub fn ldl_factor_ex(&self, op: &str, check: bool) -> Result<Vec<Tensor>> {
        self.check_square(op)?;
        self.check_real(op, true)?;
        let n = self.matrix_size().0;
        let ld = self.fresh()?;
        let (pivots, info) = (self.beside(&[n], DType::I32)?, self.beside(&[], DType::I32)?);
        Tensor::run_factor(Factor::Ldl, &[], &[(&ld, 2), (&pivots, 1), (&info, 0)])?;
        if check {
            failed("tensorrs.linalg.ldl_factor_ex", &info, |code| {
                format!(
                    "The factorization could not be completed because the {code}-th diagonal block is zero."
                )
            })?;
        }
        let ld = ld.record("NotImplemented", &[self], |_| {
            |_, _| Err(runtime!("derivative for aten::linalg_ldl_factor_ex is not implemented"))
        })?;
        Ok(vec![ld, pivots, info])
    }

    /// X of `A @ X = B` by the Bunch-Kaufman factors of A.
    pub fn ldl_solve(&self, pivots: &Tensor, b: &Tensor) -> Result<Tensor> {
        let op = "tensorrs.linalg.ldl_solve";
        self.check_square(op)?;
        self.check_real(op, true)?;
        b.check_matrix(op)?;
        if b.matrix_size().0 != self.matrix_size().0
            || self.dtype() != b.dtype()
            || pivots.dtype() != DType::I32
        {
            return Err(runtime!(
                "{op}: Expected LD, int32 pivots and B of one dtype and height, but got {}, {} and {}",
                show(self.shape()),
                pivots.dtype().scalar_type(),
                show(b.shape())
            ));
        }
        let (ld, b) = self.same_batch(b)?;
        let n = ld.matrix_size().0;
        let pivots = pivots.expand_data(&ld.batch_and(&[n]))?;
        let x = b.fresh()?;
        Tensor::run_factor(Factor::LdlSolve, &[(&ld, 2), (&pivots, 1)], &[(&x, 2)])?;
        x.record("NotImplemented", &[&ld, &b], |_| {
            |_, _| Err(runtime!("derivative for aten::linalg_ldl_solve is not implemented"))
        })
    }

    /// `beta * self +` the sum of all `a[i] @ b[i]` times `alpha`.
    pub fn addbmm(&self, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
        autocast!("addbmm"; x = self, a = a, b = b => x.addbmm(&a, &b, beta, alpha));
        if a.rank() != 3 || b.rank() != 3 {
            let which = if a.rank() != 3 { "batch1" } else { "batch2" };
            return Err(runtime!("{which} must be a 3D tensor"));
        }
        let (s, t) = (a.shape(), b.shape());
        if s[0] != t[0] || s[2] != t[1] {
            return Err(runtime!(
                "batch1 and batch2 must have same number of batches and fitting sizes, got {} and {}",
                show(s),
                show(t)
            ));
        }
        broadcast(self.shape(), &[s[1], t[2]])?;
        // One product of the matrices side by side.
        let (k, m, n) = (s[0] * s[2], s[1], t[2]);
        let row = a.transpose(0, 1)?.reshape(&[m, k])?;
        self.addmm(&row, &b.reshape(&[k, n])?, beta, alpha)
    }
}

fn pinv_backward(a: &Tensor, p: &Tensor, g: &Tensor) -> Result<Tensor> {
    let (pt, gt) = (p.mt()?, g.mt()?);
    let first = pt.matmul(g)?.matmul(&pt)?.neg()?;
    let ppt_g = gt.matmul(p)?.matmul(&pt)?;
    let second = ppt_g.sub(&a.matmul(&p.matmul(&ppt_g)?)?)?;
    let ptp_g = pt.matmul(&p.matmul(&gt)?)?;
    let third = ptp_g.sub(&ptp_g.matmul(p)?.matmul(a)?)?;
    first.add(&second)?.add(&third)
}
