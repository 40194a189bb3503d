//! LU: factors, packed and apart, the permutation, and solutions by them.

use super::failed;
use crate::backend::Factor;
use crate::dtype::DType;
use crate::error::Result;
use crate::shape::show;
use crate::tensor::{Tensor, no_grad};
use crate::{grads, runtime};

/// Gradients of `A = P @ L @ U` from those of L, `(m, k)`, and U, `(k, n)`, before P is put back.
fn lu_backward(l: &Tensor, u: &Tensor, gl: Option<&Tensor>, gu: Option<&Tensor>) -> Result<Option<Tensor>> {
    let ((m, k), n) = (l.matrix_size(), u.matrix_size().1);
    let (l1, u1) = (l.rows_at(0, k)?, u.cols_at(0, k)?);
    let below = |t: &Tensor| t.tril(-1);
    // The middle: what a change of the leading square does to both factors, in the basis of the factors.
    let mut low = gl.map(|g| l1.mt()?.matmul(&g.rows_at(0, k)?)).transpose()?;
    let mut high = gu.map(|g| g.cols_at(0, k)?.matmul(&u1.mt()?)).transpose()?;
    let wide = if n > k { gu.map(|g| g.cols_at(k, n)).transpose()? } else { None };
    let tall = if m > k { gl.map(|g| g.rows_at(k, m)).transpose()? } else { None };
    if let Some(g) = &wide {
        low = super::plus(low, Some(g.matmul(&u.cols_at(k, n)?.mt()?)?.neg()?))?;
    }
    if let Some(g) = &tall {
        high = super::plus(high, Some(l.rows_at(k, m)?.mt()?.matmul(g)?.neg()?))?;
    }
    let low = low.map(|t| below(&t)).transpose()?;
    let Some(middle) = super::plus(low, high.map(|t| t.triu(0)).transpose()?)? else { return Ok(None) };
    let left = l1.mt()?;
    let ut = u1.mt()?;
    let first = left.solve_triangular(&middle, true, true, true)?;
    let first = ut.solve_triangular(&first, false, false, false)?;
    let mut out = first;
    if n > k {
        let rest = match wide {
            Some(g) => left.solve_triangular(&g, true, true, true)?,
            None => u.cols_at(k, n)?.zeros_like()?,
        };
        out = Tensor::cat(&[out, rest], -1)?;
    }
    if m > k {
        let rest = match tall {
            Some(g) => ut.solve_triangular(&g, false, false, false)?,
            None => l.rows_at(k, m)?.zeros_like()?,
        };
        out = Tensor::cat(&[out, rest], -2)?;
    }
    Ok(Some(out))
}

impl Tensor {
    /// The lower factor of a packed LU, with its ones.
    fn unpack_lower(&self) -> Result<Tensor> {
        let (m, n) = self.matrix_size();
        let k = m.min(n);
        self.cols_at(0, k)?.tril(-1)?.add(&Tensor::eye(m, k, self.dtype())?.on(self.device())?)
    }

    fn unpack_upper(&self) -> Result<Tensor> {
        let (m, n) = self.matrix_size();
        self.rows_at(0, m.min(n))?.triu(0)
    }

    /// LU, pivots and info, without history.
    pub(super) fn lu_data(&self, pivot: bool) -> Result<[Tensor; 3]> {
        let (m, n) = self.matrix_size();
        let lu = self.fresh()?;
        let pivots = self.beside(&[m.min(n)], DType::I32)?;
        let info = self.beside(&[], DType::I32)?;
        Tensor::run_factor(Factor::Lu { pivot }, &[], &[(&lu, 2), (&pivots, 1), (&info, 0)])?;
        Ok([lu, pivots, info])
    }

    /// This tensor's rows exchanged as `pivots` say, or back; without history.
    pub(super) fn exchanged(&self, pivots: &Tensor, back: bool) -> Result<Tensor> {
        let out = self.fresh()?;
        Tensor::run_factor(Factor::Exchange { back }, &[(pivots, 1)], &[(&out, 2)])?;
        Ok(out)
    }

    /// The permutation P of `A = P @ L @ U` for `m` rows, of this tensor's batch and dtype.
    pub(super) fn permutation(&self, pivots: &Tensor, m: usize) -> Result<Tensor> {
        self.eye_beside(m, m)?.exchanged(pivots, true)
    }

    /// Both factors in one matrix, the row exchanges, and the number of the first zero pivot.
    pub fn lu_factor_ex(&self, op: &str, pivot: bool, check: bool) -> Result<Vec<Tensor>> {
        if self.rank() < 2 {
            return Err(runtime!(
                "{op}: Expected tensor with 2 or more dimensions. Got size: {} instead",
                show(self.shape())
            ));
        }
        let [lu, pivots, info] = self.lu_data(pivot)?;
        if check {
            failed(op, &info, |code| {
                format!(
                    "U[{code},{code}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
                )
            })?;
        }
        let rule_pivots = pivots.clone();
        let m = self.matrix_size().0;
        Tensor::record_all(vec![lu, pivots, info], "LinalgLuFactorExBackward0", &[self], |save| {
            let lu = save.output(0);
            move |ctx, g| {
                let Some(g) = &g[0] else { return grads![None] };
                let lu = lu.get(ctx)?;
                let k = lu.matrix_size().0.min(lu.matrix_size().1);
                let (gl, gu) = (g.cols_at(0, k)?.tril(-1)?, g.rows_at(0, k)?.triu(0)?);
                let da = lu_backward(&lu.unpack_lower()?, &lu.unpack_upper()?, Some(&gl), Some(&gu))?;
                let p = lu.permutation(&rule_pivots, m)?;
                grads![da.map(|d| p.matmul(&d)).transpose()?]
            }
        })
    }

    /// P, L and U of `A = P @ L @ U`; without exchanges P is empty.
    pub fn lu(&self, pivot: bool) -> Result<Vec<Tensor>> {
        if self.rank() < 2 {
            return Err(runtime!(
                "linalg.lu: Expected tensor with 2 or more dimensions. Got size: {} instead",
                show(self.shape())
            ));
        }
        let m = self.matrix_size().0;
        let (p, l, u) = no_grad(|| -> Result<_> {
            let [lu, pivots, _] = self.lu_data(pivot)?;
            let p = if pivot { self.permutation(&pivots, m)? } else { self.new_empty(&[0], self.dtype())? };
            Ok((p, lu.unpack_lower()?, lu.unpack_upper()?))
        })?;
        let kept = p.clone();
        let outs = Tensor::record_all(vec![l, u], "LinalgLuBackward0", &[self], |save| {
            let (l, u) = (save.output(0), save.output(1));
            move |ctx, g| {
                let da = lu_backward(&l.get(ctx)?, &u.get(ctx)?, g[0].as_ref(), g[1].as_ref())?;
                let back = |d: Tensor| if pivot { kept.matmul(&d) } else { Ok(d) };
                grads![da.map(back).transpose()?]
            }
        })?;
        Ok(std::iter::once(p).chain(outs).collect())
    }

    /// P, L and U out of a packed LU and its row exchanges; what is not wanted is empty.
    pub fn lu_unpack(&self, pivots: &Tensor, data: bool, permutation: bool) -> Result<Vec<Tensor>> {
        if permutation && pivots.dtype() != DType::I32 {
            return Err(runtime!(
                "tensorrs.lu_unpack: LU_pivots is expected to be a contiguous tensor of tensorrs.int32 dtype.\nNote: this function is intended to be used with the output produced by tensorrs.linalg.lu_factor"
            ));
        }
        let (m, n) = self.matrix_size();
        let none = || self.new_empty(&[0], self.dtype());
        let p = if permutation { self.permutation(pivots, m)? } else { none()? };
        if !data {
            return Ok(vec![p, none()?, none()?]);
        }
        let outs = no_grad(|| Ok::<_, crate::Error>(vec![self.unpack_lower()?, self.unpack_upper()?]))?;
        let outs = Tensor::record_all(outs, "LuUnpackBackward0", &[self], |_| {
            move |_, g| {
                let low = g[0].as_ref().map(|g| g.tril(-1)?.padded_to(m, n)).transpose()?;
                let high = g[1].as_ref().map(|g| g.triu(0)?.padded_to(m, n)).transpose()?;
                grads![super::plus(low, high)?]
            }
        })?;
        Ok(std::iter::once(p).chain(outs).collect())
    }

    /// `A @ X = B` by the packed LU of A, without history; `adjoint` for `A.T`.
    pub(super) fn lu_solve_data(&self, pivots: &Tensor, b: &Tensor, adjoint: bool) -> Result<Tensor> {
        no_grad(|| {
            if adjoint {
                let t = self.mt()?;
                let y = t.solve_triangular(b, false, true, false)?;
                return t.solve_triangular(&y, true, true, true)?.exchanged(pivots, true);
            }
            let y = self.solve_triangular(&b.exchanged(pivots, false)?, false, true, true)?;
            self.solve_triangular(&y, true, true, false)
        })
    }

    /// X of `A @ X = B` (`X @ A = B` unless `left`; `A.T` in A's place if `adjoint`), where this is the packed LU of A.
    pub fn lu_solve(&self, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Result<Tensor> {
        let op = "linalg.lu_solve";
        self.check_real("tensorrs.linalg.lu_solve", true)?;
        self.check_square("tensorrs.linalg.lu_solve")?;
        b.check_matrix(op)?;
        if pivots.dtype() != DType::I32 {
            return Err(runtime!(
                "{op}: pivots should be a Tensor of scalar type tensorrs.int32. Got {}",
                pivots.dtype().scalar_type()
            ));
        }
        if self.dtype() != b.dtype() {
            return Err(runtime!(
                "{op}: Expected LU and B to have the same dtype, but found LU of type {} and B of type {} instead",
                self.dtype().scalar_type(),
                b.dtype().scalar_type()
            ));
        }
        if !left {
            return self.lu_solve(pivots, &b.mt()?, true, !adjoint)?.mt();
        }
        let n = self.matrix_size().0;
        if b.matrix_size().0 != n {
            return Err(runtime!(
                "{op}: Incompatible shapes of A and B for the equation AX = B ({n}x{n} and {}x{})",
                b.matrix_size().0,
                b.matrix_size().1
            ));
        }
        let (lu, b) = self.same_batch(b)?;
        let pivots = pivots.expand_data(&lu.batch_and(&[n]))?;
        let x = lu.lu_solve_data(&pivots, &b, adjoint)?;
        x.record("LinalgLuSolveBackward0", &[&lu, &b], |save| {
            let (lu, x) = (save.input(0), save.output(0));
            move |ctx, g| {
                let (lu, x) = (lu.get(ctx)?, x.get(ctx)?);
                let db = lu.lu_solve(&pivots, g, true, !adjoint)?;
                let dlu = ctx.when(0, || {
                    let da = if adjoint { x.matmul(&db.mt()?)? } else { db.matmul(&x.mt()?)? };
                    let back = lu.permutation(&pivots, n)?.mt()?.matmul(&da)?.neg()?;
                    let gl = back.matmul(&lu.unpack_upper()?.mt()?)?;
                    let gu = lu.unpack_lower()?.mt()?.matmul(&back)?;
                    gl.tril(-1)?.add(&gu.triu(0)?)
                })?;
                grads![dlu, Some(db)]
            }
        })
    }
}
