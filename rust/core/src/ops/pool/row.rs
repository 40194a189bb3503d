//! Pools over the last dimension of (N, C, L) or (C, L): those over an image of one row.

use super::Windows;
use super::windows::missing_size;
use crate::backend::nn::out_size;
use crate::error::{Error, Result};
use crate::runtime;
use crate::shape::show;
use crate::tensor::Tensor;

impl Tensor {
    fn as_row(&self, pool: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        pool(&self.unsqueeze(-2)?)?.squeeze(Some(&[-2]))
    }

    fn check_row_rank(&self, op: &str) -> Result<()> {
        if matches!(self.rank(), 2 | 3) {
            return Ok(());
        }
        Err(runtime!(
            "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for {op})",
            self.rank()
        ))
    }

    /// The largest number of every window.
    pub fn max_pool1d(&self, windows: Windows) -> Result<Tensor> {
        let one = row_windows("max_pool1d", windows)?;
        one.check_max(self)?;
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented { op: "max_pool1d_impl".into(), dtype: self.dtype() });
        }
        self.as_row(|x| x.max_pool2d(one.as_windows()))
    }

    /// The largest number of every window, and where in its row it stands.
    pub fn max_pool1d_with_indices(&self, windows: Windows) -> Result<(Tensor, Tensor)> {
        self.check_row_rank("max_pool1d")?;
        let one = row_windows("max_pool1d_with_indices", windows)?;
        let (out, place) = self.unsqueeze(-2)?.max_pool2d_with_indices(one.as_windows())?;
        Ok((out.squeeze(Some(&[-2]))?, place.squeeze(Some(&[-2]))?))
    }

    /// The mean of every window.
    pub fn avg_pool1d(&self, windows: Windows, include_pad: bool) -> Result<Tensor> {
        self.check_row_rank("avg_pool1d")?;
        let one = row_windows("avg_pool1d", windows)?;
        self.as_row(|x| x.avg_pool2d(one.as_windows(), include_pad, None))
    }

    /// The mean of every part.
    pub fn adaptive_avg_pool1d(&self, size: Option<isize>) -> Result<Tensor> {
        self.check_row_rank("adaptive_avg_pool1d")?;
        self.as_row(|x| x.adaptive_avg_pool2d(&[Some(1), size]))
    }

    /// The largest number of every part, and where in its row it stands.
    pub fn adaptive_max_pool1d(&self, size: &[isize]) -> Result<(Tensor, Tensor)> {
        let op = "adaptive_max_pool1d";
        self.check_row_rank(op)?;
        let &[size] = size else {
            return Err(runtime!(
                "{op}() argument 'output_size' should contain one int (got {})",
                size.len()
            ));
        };
        if let Some(i) = (self.rank() - 2..self.rank()).find(|&i| self.shape()[i] == 0) {
            return Err(runtime!(
                "{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {i} being empty",
                show(self.shape())
            ));
        }
        let (out, place) = self.unsqueeze(-2)?.adaptive_max_pool2d(&[1, size])?;
        Ok((out.squeeze(Some(&[-2]))?, place.squeeze(Some(&[-2]))?))
    }
}

/// The windows of a pool over one dimension, with a height of 1.
struct RowWindows {
    kernel: [isize; 2],
    stride: [isize; 2],
    padding: [isize; 2],
    dilation: [isize; 2],
    ceil: bool,
}

impl RowWindows {
    fn as_windows(&self) -> Windows<'_> {
        let RowWindows { kernel, stride, padding, dilation, ceil } = self;
        Windows { kernel, stride, padding, dilation, ceil: *ceil }
    }
}

impl RowWindows {
    /// What `max_pool1d` refuses, in its words, which are not those of `max_pool2d`.
    fn check_max(&self, x: &Tensor) -> Result<()> {
        if !matches!(x.rank(), 2 | 3) || x.shape()[x.rank() - 2..].contains(&0) {
            return Err(runtime!(
                "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
                show(x.shape())
            ));
        }
        let ([_, kernel], [_, stride], [_, pad], [_, dilation]) =
            (self.kernel, self.stride, self.padding, self.dilation);
        for (what, n) in [("kernel_size", kernel), ("stride", stride)] {
            if n <= 0 {
                return Err(runtime!("max_pool1d() {what} must be greater than zero, but got {n}"));
            }
        }
        if pad < 0 {
            return Err(runtime!("max_pool1d() padding must be non-negative, but got {pad}"));
        }
        if pad > kernel / 2 {
            return Err(runtime!(
                "max_pool1d() padding should be at most half of kernel size, but got padding={pad} and kernel_size={kernel}"
            ));
        }
        if dilation <= 0 {
            return Err(runtime!("max_pool1d() dilation must be greater than zero, but got {dilation}"));
        }
        let whole = [kernel, stride, pad, dilation].map(|n| n as usize);
        let size = x.shape()[x.rank() - 1];
        if out_size(size, whole[0], whole[1], whole[2], whole[3], self.ceil) == 0 {
            let out = missing_size(size, whole[0], whole[1], whole[2], whole[3], self.ceil);
            return Err(runtime!("max_pool1d() Invalid computed output size: {out}"));
        }
        Ok(())
    }
}

fn row_windows(op: &str, w: Windows) -> Result<RowWindows> {
    let one = |what: &str, given: &[isize]| match given {
        [n] => Ok(*n),
        _ => Err(runtime!("{op}() argument '{what}' should contain one int (got {})", given.len())),
    };
    let kernel = one("kernel_size", w.kernel)?;
    let stride = if w.stride.is_empty() { kernel } else { one("stride", w.stride)? };
    let (padding, dilation) = (one("padding", w.padding)?, one("dilation", w.dilation)?);
    Ok(RowWindows {
        kernel: [1, kernel],
        stride: [1, stride],
        padding: [0, padding],
        dilation: [1, dilation],
        ceil: w.ceil,
    })
}
