//! Adaptive pools: the parts are chosen so that the result has the size that is asked for.

use std::sync::Arc;

use super::{Kind, Map};
use crate::backend::backend;
use crate::backend::nn::Adaptive;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::show;
use crate::tensor::Tensor;
use crate::tensor::tape::wants_record;
use crate::{autocast, missing, runtime};

/// The size of the axes that a pool over fewer has not.
fn volume(last: &[usize]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - last.len()..].copy_from_slice(last);
    all
}

impl Tensor {
    /// What all adaptive pools refuse, and the parts. `rank` is what is said about a wrong number of dimensions.
    fn check_parts(&self, op: &str, out: &[usize]) -> Result<Adaptive> {
        let axes = out.len();
        let (lead, last) = self.shape().split_at(self.rank() - axes);
        // The channels may be none: only the mean of images takes that.
        let from = if op == "adaptive_avg_pool2d" { lead.len() } else { lead.len() - 1 };
        if let Some(i) = (from..self.rank()).find(|&i| self.shape()[i] == 0) {
            return Err(runtime!(
                "{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {i} being empty",
                show(self.shape())
            ));
        }
        Ok(Adaptive { planes: lead.iter().product(), size: volume(last), out: volume(out) })
    }

    fn check_part_rank(&self, op: &str, axes: usize, colon: &str) -> Result<()> {
        if self.rank() == axes + 1 || self.rank() == axes + 2 {
            return Ok(());
        }
        Err(runtime!(
            "{op}(): Expected {}D or {}D tensor, but got{colon} {}",
            axes + 1,
            axes + 2,
            show(self.shape())
        ))
    }

    fn adaptive_avg_pool(&self, op: &str, axes: usize, size: &[Option<isize>]) -> Result<Tensor> {
        if size.len() != axes {
            return Err(runtime!("{op}: output_size must be {axes}"));
        }
        self.check_part_rank(op, axes, "")?;
        let last = &self.shape()[self.rank() - axes..];
        let out: Vec<isize> = size.iter().zip(last).map(|(n, &own)| n.unwrap_or(own as isize)).collect();
        if out.iter().any(|&n| n < 0) {
            let (front, end) = out.split_at(axes - 1);
            let front = front.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
            // In three dimensions PyTorch leaves out a space.
            let gap = if axes == 2 { " " } else { "" };
            return Err(runtime!(
                "{op}: elements of output_size must be greater than or equal to 0 but received {{{front},{gap}{}}}",
                end[0]
            ));
        }
        let out: Vec<usize> = out.iter().map(|&n| n as usize).collect();
        let d = self.check_parts(op, &out)?;
        let whole = out.iter().all(|&n| n == 1);
        if !self.dtype().is_float() {
            if whole {
                return Err(missing!(
                    "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
                    self.dtype().scalar_type()
                ));
            }
            let op = if axes == 2 { "adaptive_avg_pool2d" } else { "adaptive_avg_pool3d_cpu" };
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let (full, pooled) = (self.layout().shape.clone(), self.pooled(axes, d.out));
        let names = if axes == 2 {
            ["AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool2DBackwardBackward0"]
        } else {
            ["AdaptiveAvgPool3DBackward0", "AdaptiveAvgPool3DBackwardBackward0"]
        };
        let names = if whole { ["MeanBackward1", names[1]] } else { names };
        Arc::new(Map { kind: Kind::Adaptive(d), full, pooled, names }).down(self)
    }

    /// The means of parts that are chosen so that the result is `size` high and wide.
    pub fn adaptive_avg_pool2d(&self, size: &[Option<isize>]) -> Result<Tensor> {
        self.adaptive_avg_pool("adaptive_avg_pool2d", 2, size)
    }

    /// The same over depth, height and width.
    pub fn adaptive_avg_pool3d(&self, size: &[Option<isize>]) -> Result<Tensor> {
        autocast!("adaptive_avg_pool3d"; x = self => x.adaptive_avg_pool3d(size));
        self.adaptive_avg_pool("adaptive_avg_pool3d", 3, size)
    }

    pub(super) fn adaptive_max_pool(
        &self,
        op: &str,
        axes: usize,
        size: &[isize],
    ) -> Result<(Tensor, Tensor)> {
        self.check_part_rank(op, axes, ":")?;
        if size.len() != axes {
            return Err(runtime!("{op}(): internal error: output_size.size() must be {axes}"));
        }
        let out: Vec<usize> = size.iter().map(|&n| n.max(0) as usize).collect();
        let d = self.check_parts(op, &out)?;
        if let Some(bad) = size.iter().find(|&&n| n < 0) {
            let lead = self.shape()[..self.rank() - axes].iter().map(|&n| n as isize);
            let asked: Vec<isize> = lead.chain(size.iter().copied()).collect();
            return Err(runtime!("Trying to create tensor with negative dimension {bad}: {asked:?}"));
        }
        if !self.dtype().is_float() {
            let op = if axes == 2 { "adaptive_max_pool2d" } else { "adaptive_max_pool3d_cpu" };
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let pooled = Layout::contiguous(&self.pooled(axes, d.out));
        let y = Tensor::empty_on(pooled.clone(), self.dtype(), self.device())?;
        let place = Tensor::empty_on(pooled, DType::I64, self.device())?;
        backend(self.device()).adaptive_max_pool(d, self.contiguous_data()?.raw(), y.raw(), place.raw())?;
        if !wants_record(&[self]) {
            return Ok((y, place));
        }
        let names = if axes == 2 {
            ["AdaptiveMaxPool2DBackward0", "AdaptiveMaxPool2DBackwardBackward0"]
        } else {
            ["AdaptiveMaxPool3DBackward0", "AdaptiveMaxPool3DBackwardBackward0"]
        };
        Ok((self.recorded_max(y, d.chosen(), &place, names)?, place))
    }

    /// The largest number of every part of an image, and where in its plane it stands.
    pub fn adaptive_max_pool2d(&self, size: &[isize]) -> Result<(Tensor, Tensor)> {
        self.adaptive_max_pool("adaptive_max_pool2d", 2, size)
    }

    /// The same over depth, height and width.
    pub fn adaptive_max_pool3d(&self, size: &[isize]) -> Result<(Tensor, Tensor)> {
        autocast!("adaptive_max_pool3d"; x = self => x.adaptive_max_pool3d(size));
        self.adaptive_max_pool("adaptive_max_pool3d", 3, size)
    }
}
