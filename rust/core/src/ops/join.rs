//! Several tensors into one: cat, stack.

use smallvec::SmallVec;

use crate::error::Result;
use crate::ops::autocast::promote;
use crate::shape::{Dims, show, wrap_dim};
use crate::tensor::Tensor;
use crate::{autocast, runtime};

/// An empty vector takes part in `cat` with tensors of any shape: an old rule that PyTorch keeps.
fn is_skipped(t: &Tensor) -> bool {
    t.shape() == [0]
}

impl Tensor {
    /// Tensors one after another along a dimension.
    pub fn cat(tensors: &[Tensor], dim: isize) -> Result<Tensor> {
        let refs: Vec<&Tensor> = tensors.iter().collect();
        autocast!((promote(&refs)?): all = tensors => Tensor::cat(&all, dim));
        let Some(first) = refs.iter().find(|t| !is_skipped(t)).or(refs.first()) else {
            return Err(crate::value!("tensorrs.cat(): expected a non-empty list of Tensors"));
        };
        if let Some(i) = refs.iter().position(|t| t.rank() == 0) {
            return Err(runtime!("zero-dimensional tensor (at position {i}) cannot be concatenated"));
        }
        let d = wrap_dim(dim, first.rank())?;
        let mut shape: Dims = first.layout().shape.clone();
        shape[d] = 0;
        for (i, t) in refs.iter().enumerate().filter(|(_, t)| !is_skipped(t)) {
            if t.rank() != first.rank() {
                return Err(runtime!(
                    "Tensors must have same number of dimensions: got {} and {}",
                    first.rank(),
                    t.rank()
                ));
            }
            for k in (0..t.rank()).filter(|&k| k != d) {
                if t.shape()[k] != shape[k] {
                    return Err(runtime!(
                        "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.",
                        shape[k],
                        t.shape()[k]
                    ));
                }
            }
            shape[d] += t.shape()[d];
        }
        let dtype = crate::ops::promote::result_type(&refs);
        let out = first.new_empty(&shape, dtype)?;
        let mut ranges = Vec::with_capacity(refs.len());
        let mut at = 0;
        for t in &refs {
            let n = if is_skipped(t) { 0 } else { t.shape()[d] };
            if n > 0 {
                out.alias(out.layout().slice(d, at, at + n, 1)).write(t)?;
            }
            ranges.push((!is_skipped(t)).then_some((at, n)));
            at += n;
        }
        out.record("CatBackward0", &refs, |_| {
            move |ctx, g| {
                let mut parts = SmallVec::new();
                for (i, range) in ranges.iter().enumerate() {
                    parts.push(match range {
                        Some((at, n)) => ctx.when(i, || g.narrow(d as isize, *at as isize, *n as isize))?,
                        None => ctx.when(i, || g.new_zeros(&[0], g.dtype()))?,
                    });
                }
                Ok(parts)
            }
        })
    }

    /// Tensors of one shape along a new dimension.
    pub fn stack(tensors: &[Tensor], dim: isize) -> Result<Tensor> {
        let refs: Vec<&Tensor> = tensors.iter().collect();
        autocast!((promote(&refs)?): all = tensors => Tensor::stack(&all, dim));
        let Some(first) = tensors.first() else {
            return Err(runtime!("stack expects a non-empty TensorList"));
        };
        for (i, t) in tensors.iter().enumerate() {
            if t.shape() != first.shape() {
                return Err(runtime!(
                    "stack expects each tensor to be equal size, but got {} at entry 0 and {} at entry {i}",
                    show(first.shape()),
                    show(t.shape())
                ));
            }
        }
        let layout = first.layout().unsqueeze(dim)?;
        let d = (if dim < 0 { dim + layout.rank() as isize } else { dim }) as usize;
        let mut shape = layout.shape;
        shape[d] = refs.len();
        let dtype = crate::ops::promote::result_type(&refs);
        let out = first.new_empty(&shape, dtype)?;
        for (i, t) in refs.iter().enumerate() {
            out.alias(out.layout().select(d as isize, i as isize)?).write(t)?;
        }
        out.record("StackBackward0", &refs, |_| {
            move |ctx, g| {
                let mut parts = SmallVec::new();
                for i in 0..ctx.node.edges.len() {
                    parts.push(ctx.when(i, || g.select(d as isize, i as isize))?);
                }
                Ok(parts)
            }
        })
    }
}

impl Tensor {
    /// A number becomes `[[x]]`, a vector one row.
    pub fn at_least_2d(&self) -> Result<Tensor> {
        match self.rank() {
            0 => self.reshape(&[1, 1]),
            1 => self.unsqueeze(0),
            _ => Ok(self.clone()),
        }
    }

    /// As `at_least_2d`, with a last dimension of size 1 for fewer than three.
    pub fn at_least_3d(&self) -> Result<Tensor> {
        match self.rank() {
            0 => self.reshape(&[1, 1, 1]),
            1 => self.unsqueeze(0)?.unsqueeze(-1),
            2 => self.unsqueeze(-1),
            _ => Ok(self.clone()),
        }
    }
}
