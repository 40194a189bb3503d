//! Solving by a triangle, and Cholesky: factor, solution and inverse by it.

use super::failed;
use crate::backend::Factor;
use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::Tensor;
use crate::{autocast, grads, runtime};

impl Tensor {
    /// X of `A @ X = B` (or `X @ A = B`), where one triangle of A is read, with ones on its diagonal if `unit`.
    pub fn solve_triangular(&self, b: &Tensor, upper: bool, left: bool, unit: bool) -> Result<Tensor> {
        let op = "linalg.solve_triangular";
        self.check_square(op)?;
        b.check_matrix(op)?;
        let b = &b.to_dtype(self.dtype())?;
        let (n, (rows, cols)) = (self.matrix_size().0, b.matrix_size());
        if n != if left { rows } else { cols } {
            return Err(runtime!(
                "{op}: Incompatible shapes of A and B for the equation {} ({n}x{n} and {rows}x{cols})",
                if left { "AX = B" } else { "XA = B" }
            ));
        }
        if !left {
            // X A = B is A' X' = B'.
            return self.mt()?.solve_triangular(&b.mt()?, !upper, true, unit)?.mt();
        }
        let (a, b) = self.same_batch(b)?;
        let x = b.fresh()?;
        Tensor::run_factor(Factor::Triangular { upper, unit }, &[(&a, 2)], &[(&x, 2)])?;
        x.record("LinalgSolveTriangularBackward0", &[&a, &b], |save| {
            let (a, x) = (save.input(0), save.output(0));
            move |ctx, g| {
                let db = a.get(ctx)?.mt()?.solve_triangular(g, !upper, true, unit)?;
                let da = ctx.when(0, || {
                    let full = db.matmul(&x.get(ctx)?.mt()?)?.neg()?;
                    let k = isize::from(unit);
                    if upper { full.triu(k) } else { full.tril(-k) }
                })?;
                grads![da, Some(db)]
            }
        })
    }

    /// The lower factor of `A = L @ L.T` (or `U = L.T`), and the order of the minor that is not positive.
    pub fn cholesky_ex(&self, upper: bool, check: bool) -> Result<Vec<Tensor>> {
        autocast!("linalg_cholesky_ex"; a = self => a.cholesky_ex(upper, check));
        let op = "linalg.cholesky";
        self.check_square(if check { op } else { "linalg.cholesky_ex" })?;
        self.check_real(op, true)?;
        let n = self.matrix_size().0;
        let flip = move |t: &Tensor| if upper { t.mt() } else { Ok(t.clone()) };
        let l = flip(&self.detach_data())?.fresh()?;
        let info = self.beside(&[], DType::I32)?;
        Tensor::run_factor(Factor::Cholesky, &[], &[(&l, 2), (&info, 0)])?;
        if check {
            failed(op, &info, |code| {
                format!(
                    "The factorization could not be completed because the input is not positive-definite (the leading minor of order {code} is not positive-definite)."
                )
            })?;
        }
        let out = flip(&l.detach_data())?.contiguous_data()?;
        let out = out.record("LinalgCholeskyExBackward0", &[self], |save| {
            let l = save.output(0);
            move |ctx, g| {
                let (l, g) = (flip(&l.get(ctx)?)?, flip(g)?);
                // L^-T Phi(L' gL) L^-1, made symmetric; Phi halves the diagonal of the lower triangle.
                let phi = l.mt()?.matmul(&g.tril(0)?)?.tril(0)?;
                let phi = phi.sub(&phi.diagonal(0, -2, -1)?.times_eye()?.mul_number(0.5)?)?;
                let lt = l.mt()?;
                let half = lt.solve_triangular(&phi, true, true, false)?;
                let full = l.solve_triangular(&half, false, false, false)?;
                grads![Some(full.add(&full.mt()?)?.mul_number(0.5)?)]
            }
        })?;
        debug_assert_eq!(out.matrix_size(), (n, n));
        Ok(vec![out, info])
    }

    /// X of `A @ X = self`, where `factor` is the Cholesky factor of A.
    pub fn cholesky_solve(&self, factor: &Tensor, upper: bool) -> Result<Tensor> {
        autocast!("cholesky_solve"; b = self, factor = factor => b.cholesky_solve(&factor, upper));
        for t in [self, factor] {
            if t.rank() < 2 {
                let which = if std::ptr::eq(t, self) { "b" } else { "u" };
                return Err(runtime!(
                    "{which} should have at least 2 dimensions, but has {} dimensions instead",
                    t.rank()
                ));
            }
        }
        factor.check_square("cholesky_solve")?;
        let (b, l) = self.same_batch(factor)?;
        if b.matrix_size().0 != l.matrix_size().0 {
            return Err(runtime!(
                "Incompatible matrix sizes for cholesky_solve: each A matrix is {0} by {0} but each b matrix is {1} by {2}",
                l.matrix_size().0,
                b.matrix_size().0,
                b.matrix_size().1
            ));
        }
        let x = crate::tensor::no_grad(|| {
            let low = if upper { l.mt()? } else { l.clone() };
            let y = low.solve_triangular(&b, false, true, false)?;
            low.mt()?.solve_triangular(&y, true, true, false)
        })?;
        x.record("CholeskySolveBackward0", &[&b, &l], |save| {
            let (l, x) = (save.input(1), save.output(0));
            move |ctx, g| {
                let (l, x) = (l.get(ctx)?, x.get(ctx)?);
                let db = g.cholesky_solve(&l, upper)?;
                let dl = ctx.when(1, || {
                    let one = db.matmul(&x.mt()?)?;
                    let sum = one.add(&one.mt()?)?;
                    (if upper { l.matmul(&sum)? } else { sum.matmul(&l)? }).neg()
                })?;
                grads![Some(db), dl]
            }
        })
    }

    /// The inverse of the matrix of which this is the Cholesky factor.
    pub fn cholesky_inverse(&self, upper: bool) -> Result<Tensor> {
        autocast!("cholesky_inverse"; a = self => a.cholesky_inverse(upper));
        self.check_square("cholesky_inverse")?;
        let n = self.matrix_size().0;
        let x = crate::tensor::no_grad(|| self.eye_beside(n, n)?.cholesky_solve(self, upper))?;
        x.record("CholeskyInverseBackward0", &[self], |save| {
            let (l, x) = (save.input(0), save.output(0));
            move |ctx, g| {
                let (l, x) = (l.get(ctx)?, x.get(ctx)?);
                let sum = x.matmul(&g.add(&g.mt()?)?)?.matmul(&x)?;
                grads![Some((if upper { l.matmul(&sum)? } else { sum.matmul(&l)? }).neg()?)]
            }
        })
    }
}
