//! Linear algebra: factorisations, solutions and what is made of them. Derivatives follow Giles (2008), Collected matrix
//! derivative results, and Seeger et al. (2017), arXiv:1710.08717.
//!
//! Matrices are the last two dimensions, all others are a batch.

mod decompose;
mod eigen;
mod lu;
mod reflect;
mod solve;
mod triangle;

use crate::backend::{Factor, backend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::{Dims, broadcast};
use crate::tensor::Tensor;
use crate::{missing, runtime};

/// What a failed factorisation is called, with the number of the first matrix that failed.
fn failed(op: &str, info: &Tensor, text: impl Fn(i32) -> String) -> Result<()> {
    let codes = info.contiguous_data()?;
    let Some((at, &code)) = codes.known::<i32>().iter().enumerate().find(|(_, c)| **c != 0) else {
        return Ok(());
    };
    let element = if info.rank() > 0 { format!("(Batch element {at}): ") } else { String::new() };
    Err(Error::LinAlg(format!("{op}: {element}{}", text(code))))
}

impl Tensor {
    pub(crate) fn mt(&self) -> Result<Tensor> {
        self.transpose(-2, -1)
    }

    /// Rows and columns of each matrix.
    fn matrix_size(&self) -> (usize, usize) {
        let s = self.shape();
        (s[s.len() - 2], s[s.len() - 1])
    }

    /// The shape of the batch, and after it `tail`.
    fn batch_and(&self, tail: &[usize]) -> Dims {
        let s = self.shape();
        s[..s.len() - 2].iter().chain(tail).copied().collect()
    }

    fn check_matrix(&self, op: &str) -> Result<()> {
        if self.rank() < 2 {
            return Err(runtime!("{op}: The input tensor A must have at least 2 dimensions."));
        }
        Ok(())
    }

    fn check_square(&self, op: &str) -> Result<()> {
        self.check_matrix(op)?;
        let (m, n) = self.matrix_size();
        if m != n {
            return Err(runtime!(
                "{op}: A must be batches of square matrices, but they are {m} by {n} matrices"
            ));
        }
        Ok(())
    }

    /// A float, and float32 or float64 unless `low`.
    fn check_real(&self, op: &str, low: bool) -> Result<()> {
        if !self.dtype().is_float() {
            return Err(missing!(
                "{op}: Expected a floating point or complex tensor as input. Got {}",
                self.dtype().scalar_type()
            ));
        }
        if !low && matches!(self.dtype(), DType::F16 | DType::BF16) {
            return Err(missing!(
                "{op}: Low precision dtypes not supported. Got {}",
                self.dtype().scalar_type()
            ));
        }
        Ok(())
    }

    /// A contiguous copy without history.
    fn fresh(&self) -> Result<Tensor> {
        self.copied(self.dtype(), Layout::contiguous(self.shape()))
    }

    /// A contiguous tensor as `(batch, rows, cols)`, where the last `inner` dimensions belong to one matrix.
    fn as_batches(&self, inner: usize) -> Tensor {
        let s = self.shape();
        let (lead, tail) = s.split_at(s.len() - inner);
        let mut shape = Dims::from_slice(&[lead.iter().product()]);
        shape.extend_from_slice(tail);
        self.alias(Layout::contiguous(&shape))
    }

    /// Run a factorisation on operands given with the number of their dimensions that belong to one matrix.
    fn run_factor(how: Factor, ins: &[(&Tensor, usize)], outs: &[(&Tensor, usize)]) -> Result<()> {
        let first = outs[0].0;
        if !matches!(first.dtype(), DType::F32 | DType::F64) {
            return Err(Error::NotImplemented { op: how.name().into(), dtype: first.dtype() });
        }
        let solid = |&(t, inner): &(&Tensor, usize)| Ok(t.contiguous_data()?.as_batches(inner));
        let ins: Vec<Tensor> = ins.iter().map(solid).collect::<Result<_>>()?;
        let outs: Vec<Tensor> = outs.iter().map(|&(t, inner)| t.as_batches(inner)).collect();
        let raw_ins: Vec<_> = ins.iter().map(Tensor::raw).collect();
        let raw_outs: Vec<_> = outs.iter().map(Tensor::raw).collect();
        backend(first.device()).factor(how, &raw_ins, &raw_outs)
    }

    /// Zeros beside this tensor: `tail` after the batch.
    fn beside(&self, tail: &[usize], dtype: DType) -> Result<Tensor> {
        self.new_zeros(&self.batch_and(tail), dtype)
    }

    /// The identity of size `n`, repeated over the batch; the rows beyond `n` are zeros.
    fn eye_beside(&self, rows: usize, cols: usize) -> Result<Tensor> {
        Tensor::eye(rows, cols, self.dtype())?.on(self.device())?.expand_data(&self.batch_and(&[rows, cols]))
    }

    /// With its batch expanded to `batch`.
    fn with_batch(&self, batch: &[usize]) -> Result<Tensor> {
        let (m, n) = self.matrix_size();
        let shape: Dims = batch.iter().copied().chain([m, n]).collect();
        if self.shape() == shape.as_slice() { Ok(self.clone()) } else { self.expand(&shape) }
    }

    /// Both with one batch.
    fn same_batch(&self, other: &Tensor) -> Result<(Tensor, Tensor)> {
        let lead = |t: &Tensor| Dims::from_slice(&t.shape()[..t.rank() - 2]);
        let batch = broadcast(&lead(self), &lead(other))?;
        Ok((self.with_batch(&batch)?, other.with_batch(&batch)?))
    }

    /// Rows `from..to` (all columns).
    fn rows_at(&self, from: usize, to: usize) -> Result<Tensor> {
        self.narrow(-2, from as isize, (to - from) as isize)
    }

    fn cols_at(&self, from: usize, to: usize) -> Result<Tensor> {
        self.narrow(-1, from as isize, (to - from) as isize)
    }

    /// Zeros below and to the right, to `(rows, cols)`.
    fn padded_to(&self, rows: usize, cols: usize) -> Result<Tensor> {
        let (m, n) = self.matrix_size();
        if (m, n) == (rows, cols) {
            return Ok(self.clone());
        }
        self.pad_constant(&[0, (cols - n) as isize, 0, (rows - m) as isize], 0.0.into())
    }

    /// A vector a matrix as its diagonal: `(..., n)` to `(..., n, n)`.
    fn times_eye(&self) -> Result<Tensor> {
        let n = self.shape().last().copied().unwrap_or(1);
        self.unsqueeze(-1)?.mul(&Tensor::eye(n, n, self.dtype())?.on(self.device())?)
    }
}

/// The sum of what is there.
fn plus(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    Ok(match (a, b) {
        (Some(a), Some(b)) => Some(a.add(&b)?),
        (a, b) => a.or(b),
    })
}
