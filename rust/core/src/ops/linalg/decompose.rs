//! What factorisations are put together to: pseudo-inverse, matrix exponential.

use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{grads, runtime};

/// Terms of the exponential's series: enough for float64 where the norm is at most 1.
const TERMS: usize = 18;

impl Tensor {
    /// The pseudo-inverse: singular values (eigenvalues if `hermitian`) up to the larger of `atol` and `rtol` times the
    /// largest count as zero. The tolerances have the shape of the batch.
    pub fn pinv(&self, atol: &Tensor, rtol: &Tensor, hermitian: bool) -> Result<Tensor> {
        let fits = self.rank() >= 2 && matches!(self.dtype(), DType::F32 | DType::F64);
        if !fits {
            return Err(runtime!(
                "linalg.pinv({}{{{}}}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types",
                self.dtype().scalar_type(),
                crate::shape::show(self.shape())
            ));
        }
        if self.numel() == 0 {
            let (m, n) = self.matrix_size();
            // A product like the one below, so that autocast treats it alike.
            let side = |shape: &[usize]| self.new_empty(&self.batch_and(shape), self.dtype());
            let empty = side(&[n, m.min(n)])?.matmul(&side(&[m.min(n), m])?)?;
            return self.pinv_record("LinalgPinvBackward0", empty);
        }
        let data = no_grad(|| -> Result<Tensor> {
            let (u, s, vh) = if hermitian {
                let parts = self.eigh("L", true)?;
                (parts[1].clone(), parts[0].clone(), parts[1].mt()?)
            } else {
                let parts = self.svd(false, true)?;
                (parts[0].clone(), parts[1].clone(), parts[2].clone())
            };
            let size = s.abs()?;
            let top = size.amax(&[-1], true)?;
            let column = |t: &Tensor| if t.rank() > 0 { t.unsqueeze(-1) } else { Ok(t.clone()) };
            let least = column(atol)?.maximum(&column(rtol)?.mul(&top)?)?;
            let zero = Tensor::wrapped(Scalar::Float(0.0))?;
            let inverse =
                Tensor::choose(&size.gt(&least)?, &s.reciprocal()?, &zero)?.to_dtype(self.dtype())?;
            vh.mt()?.mul(&inverse.unsqueeze(-2)?)?.matmul(&u.mt()?)?.contiguous()
        })?;
        self.pinv_record("LinalgPinvBackward0", data)
    }

    /// The exponential of a square matrix: scaled down by a power of two, a Taylor series, squared up again.
    pub fn matrix_exp(&self) -> Result<Tensor> {
        let op = "linalg.matrix_exp";
        self.check_matrix(op)?;
        self.check_real(op, true)?;
        self.check_square(op)?;
        let n = self.matrix_size().0;
        let out = no_grad(|| self.matrix_exp_data())?;
        out.record("LinalgMatrixExpBackward0", &[self], |save| {
            let a = save.input(0);
            move |ctx, g| {
                // The upper right block of exp([[A', G], [0, A']]) (Mathias 1996).
                let at = a.get(ctx)?.mt()?;
                let top = Tensor::cat(&[at.clone(), g.clone()], -1)?;
                let low = Tensor::cat(&[at.zeros_like()?, at], -1)?;
                let whole = Tensor::cat(&[top, low], -2)?.matrix_exp()?;
                grads![Some(whole.rows_at(0, n)?.cols_at(n, 2 * n)?)]
            }
        })
    }

    fn matrix_exp_data(&self) -> Result<Tensor> {
        if self.numel() == 0 {
            return self.fresh();
        }
        let n = self.matrix_size().0;
        let half = matches!(self.dtype(), DType::F16 | DType::BF16);
        let x = if half { self.cast_data(DType::F32)? } else { self.clone() };
        let norm = x.abs()?.sum(&[-1], false, None)?.amax(&[-1], false)?.cast_data(DType::F64)?;
        let norms = norm.contiguous_data()?;
        // Without data no matrix is squared: the shape is the same.
        let counts: Vec<f64> = norms
            .known::<f64>()
            .iter()
            .map(|&x| if x.is_finite() && x > 1.0 { x.log2().ceil() } else { 0.0 })
            .collect();
        let most = counts.iter().fold(0.0f64, |a, &b| a.max(b)) as usize;
        let counts = match x.has_data() {
            true => Tensor::from_slice(&counts, norm.shape())?,
            false => norm,
        };
        let counts = counts.unsqueeze(-1)?.unsqueeze(-1)?;
        let scale = counts.neg()?.exp2()?.cast_data(x.dtype())?;
        let scaled = x.mul(&scale)?;
        let eye = Tensor::eye(n, n, x.dtype())?.on(x.device())?;
        // Horner's scheme: I + x (I + x/2 (I + x/3 (...))).
        let mut sum = eye.expand(x.shape())?;
        for i in (1..=TERMS).rev() {
            sum = scaled.matmul(&sum)?.mul_number(1.0 / i as f64)?.add(&eye)?;
        }
        for i in 0..most {
            let more = counts.gt(&Tensor::wrapped(Scalar::Float(i as f64))?)?;
            sum = Tensor::choose(&more, &sum.matmul(&sum)?, &sum)?;
        }
        sum.contiguous_data()?.cast_data(self.dtype())
    }
}
