//! Differences of neighbours, turns, and norms of slices: `diff`, `rot90`, `renorm`.

use crate::dtype::DType;
use crate::error::Result;
use crate::ops::wide::wide_dtype;
use crate::runtime;
use crate::shape::wrap_dim;
use crate::tensor::{Scalar, Tensor};

impl Tensor {
    /// The `n`-th differences of neighbours along `dim`, with `prepend` and `append` put around first.
    pub fn diff(
        &self,
        n: i64,
        dim: isize,
        prepend: Option<&Tensor>,
        append: Option<&Tensor>,
    ) -> Result<Tensor> {
        if self.rank() == 0 {
            return Err(runtime!("diff expects input to be at least one-dimensional"));
        }
        let d = wrap_dim(dim, self.rank())?;
        for t in prepend.iter().chain(append.iter()) {
            if t.rank() != self.rank() {
                return Err(runtime!("diff expects prepend or append to be the same dimension as input"));
            }
            if (0..self.rank()).any(|i| i != d && t.shape()[i] != self.shape()[i]) {
                return Err(runtime!(
                    "diff expects the shape of tensor to prepend or append to match that of input except along the differencing dimension; input.size({d}) = {}, but got tensor.size({d}) = {}",
                    self.shape()[d],
                    t.shape()[d]
                ));
            }
        }
        if n < 0 {
            return Err(runtime!("order must be non-negative but got {n}"));
        }
        if n == 0 {
            return self.dup();
        }
        let parts: Vec<Tensor> = prepend.into_iter().chain([self]).chain(append).cloned().collect();
        let mut x = if parts.len() == 1 { self.clone() } else { Tensor::cat(&parts, dim)? };
        for _ in 0..n.min(x.shape()[d] as i64) {
            let len = x.shape()[d] as isize - 1;
            let (later, earlier) = (x.narrow(d as isize, 1, len)?, x.narrow(d as isize, 0, len)?);
            x = if x.dtype() == DType::Bool { later.logical_xor(&earlier)? } else { later.sub(&earlier)? };
        }
        Ok(x)
    }

    /// Turned by a quarter `k` times, from the first dimension of `dims` towards the second.
    pub fn rot90(&self, k: i64, dims: &[isize]) -> Result<Tensor> {
        let n = self.rank();
        if dims.len() != 2 {
            return Err(runtime!("expected total rotation dims == 2, but got dims = {}", dims.len()));
        }
        if n < 2 {
            return Err(runtime!("expected total dims >= 2, but got total dims = {n}"));
        }
        let [a, b] = [dims[0], dims[1]];
        if a == b || (a - b).unsigned_abs() == n {
            return Err(runtime!(
                "expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}"
            ));
        }
        for (i, d) in [a, b].into_iter().enumerate() {
            if !(-(n as isize)..n as isize).contains(&d) {
                return Err(runtime!("Rotation dim{i} out of range, dim{i} = {d}"));
            }
        }
        let turned = match k.rem_euclid(4) {
            1 => self.flip(&[b])?.transpose(a, b)?,
            2 => self.flip(&[a, b])?,
            3 => self.flip(&[a])?.transpose(a, b)?,
            _ => self.clone(),
        };
        turned.dup_contiguous()
    }

    /// Slices along `dim` whose `p`-norm is above `most`, scaled down to it.
    pub fn renorm(&self, p: f64, dim: isize, most: f64) -> Result<Tensor> {
        if p <= 0.0 {
            return Err(runtime!("renorm: non-positive-norm not supported"));
        }
        if most < 0.0 {
            return Err(runtime!("renorm: expected maxnorm to be >= 0 but got {most}"));
        }
        if self.rank() < 2 {
            return Err(runtime!(
                "renorm: input needs at least 2 dimensions, got {} dimensions",
                self.rank()
            ));
        }
        let d = wrap_dim(dim, self.rank())?;
        let others: Vec<isize> = (0..self.rank()).filter(|&i| i != d).map(|i| i as isize).collect();
        let x = self.to_dtype(wide_dtype(self.dtype()))?;
        let norm = x.vector_norm(p, &others, true, None)?;
        let limit = Tensor::wrapped(Scalar::Float(most))?;
        let factor = limit.div(&norm.add_number(1e-7)?)?;
        let factor = Tensor::choose(&norm.gt(&limit)?, &factor, &Tensor::wrapped(Scalar::Float(1.0))?)?;
        x.mul(&factor.to_dtype(x.dtype())?)?.to_dtype(self.dtype())
    }

    /// A copy with the elements of the given row-major numbers replaced by (or, to `add`, increased by) `source`.
    pub fn put_at(&self, index: &Tensor, source: &Tensor, add: bool) -> Result<Tensor> {
        if index.dtype() != DType::I64 {
            return Err(runtime!(
                "put_(): Expected a long tensor for index, but got {}",
                index.dtype().scalar_type()
            ));
        }
        if source.dtype() != self.dtype() {
            return Err(runtime!(
                "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
                self.dtype().scalar_type(),
                source.dtype().scalar_type()
            ));
        }
        if index.numel() != source.numel() {
            return Err(crate::index!(
                "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
                source.numel(),
                index.numel()
            ));
        }
        let n = self.numel() as i64;
        if n == 0 && index.numel() > 0 {
            return Err(crate::index!("put_(): Tried to put elements into an empty tensor"));
        }
        if let Some(i) = index.contiguous_data()?.known::<i64>().iter().find(|&&i| i < -n || i >= n) {
            return Err(crate::index!(
                "out of range: tried to access index {i} on a tensor of {n} elements."
            ));
        }
        let picks = [Some(index.reshape_sizes(&[-1])?)];
        let flat = self.reshape_sizes(&[-1])?;
        flat.put(&picks, &source.reshape_sizes(&[-1])?, add)?.reshape(self.shape())
    }
}
