//! The arguments of a pool, checked in PyTorch's order and words.

use crate::backend::nn::{Pool, out_size};
use crate::error::{Error, Result};
use crate::runtime;
use crate::shape::show;
use crate::tensor::Tensor;

/// The arguments of a pool as they are given: one number or one for each axis; no stride stands for that of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    pub kernel: &'a [isize],
    pub stride: &'a [isize],
    pub padding: &'a [isize],
    pub dilation: &'a [isize],
    pub ceil: bool,
}

/// A pool over the last 2 or 3 axes, and its name for messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Op {
    pub name: &'static str,
    pub axes: usize,
    pub mean: bool,
}

impl Op {
    /// A number for each of three axes; those that the pool lacks get `none`.
    fn each(self, what: &str, given: &[isize], none: isize) -> Result<[isize; 3]> {
        let Op { name, axes, mean } = self;
        let mut all = [none; 3];
        if given.len() == 1 || given.len() == axes {
            for (i, n) in all[3 - axes..].iter_mut().enumerate() {
                *n = given[if given.len() == 1 { 0 } else { i }];
            }
            return Ok(all);
        }
        let count = if axes == 2 { "two" } else { "three" };
        let either = if mean && axes == 3 { "" } else { " either" };
        Err(match what {
            "dilation" => {
                runtime!("{name}: dilation must be either a single int, or a tuple of {count} ints")
            }
            "stride" => {
                runtime!("{name}: stride must{either} be omitted, a single int, or a tuple of {count} ints")
            }
            _ => runtime!("{name}: {what} must{either} be a single int, or a tuple of {count} ints"),
        })
    }

    /// `kH: 2 kW: 3`
    fn list(self, prefix: &str, values: [isize; 3]) -> String {
        let axes = ["T", "H", "W"].iter().zip(values).skip(3 - self.axes);
        axes.map(|(axis, n)| format!("{prefix}{axis}: {n}")).collect::<Vec<_>>().join(" ")
    }

    fn check_input(self, x: &Tensor) -> Result<()> {
        let ranked = x.rank() == self.axes + 1 || x.rank() == self.axes + 2;
        match self.axes {
            2 if !ranked && !self.mean => {
                Err(runtime!("non-empty 3D or 4D (batch mode) tensor expected for input"))
            }
            2 if x.rank() < 3 => Err(Error::Dim { dim: -3, rank: x.rank() }),
            3 if !ranked => Err(runtime!("non-empty 4D or 5D (batch mode) tensor expected for input")),
            _ => Ok(()),
        }
    }

    fn check_sizes(self, x: &Tensor) -> Result<()> {
        let axes = self.axes;
        let empty = (x.rank() - axes - 1..x.rank()).find(|&i| x.shape()[i] == 0);
        if axes == 2 {
            if x.rank() > 4 || empty.is_some() {
                return Err(runtime!(
                    "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
                    show(x.shape())
                ));
            }
        } else if let Some(i) = empty {
            let name = if self.mean { "avg_pool3d()" } else { "max_pool3d_with_indices_out_cpu_template()" };
            return Err(runtime!(
                "{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {i} being empty",
                show(x.shape())
            ));
        }
        Ok(())
    }
}

impl Windows<'_> {
    /// The checks of PyTorch, in its order.
    pub(super) fn on(&self, op: Op, x: &Tensor) -> Result<Pool> {
        let kernel = op.each("kernel_size", self.kernel, 1)?;
        let stride = if self.stride.is_empty() { kernel } else { op.each("stride", self.stride, 1)? };
        let padding = op.each("padding", self.padding, 0)?;
        let dilation = op.each("dilation", self.dilation, 1)?;
        op.check_input(x)?;
        let own = 3 - op.axes..3;
        for a in own.clone() {
            let [kernel, stride, pad, dilation] = [kernel[a], stride[a], padding[a], dilation[a]];
            if stride == 0 {
                return Err(runtime!("stride should not be zero"));
            }
            if pad < 0 {
                return Err(runtime!("pad must be non-negative, but got pad: {pad}"));
            }
            if pad > ((kernel - 1) * dilation + 1) / 2 {
                return Err(runtime!(
                    "pad should be at most half of effective kernel size, but got pad={pad}, kernel_size={kernel} and dilation={dilation}"
                ));
            }
        }
        for (what, prefix, values) in
            [("kernel size", "k", kernel), ("stride", "d", stride), ("dilation", "dilation", dilation)]
        {
            if values[own.clone()].iter().any(|&n| n <= 0) {
                let got = op.list(prefix, values);
                return Err(runtime!("{what} should be greater than zero, but got {got}"));
            }
        }
        op.check_sizes(x)?;
        let whole = |v: [isize; 3]| v.map(|n| n as usize);
        let [k, s, pad, dilate] = [kernel, stride, padding, dilation].map(whole);
        let (lead, last) = x.shape().split_at(x.rank() - op.axes);
        let mut size = [1; 3];
        size[own.clone()].copy_from_slice(last);
        let signed = size.map(|n| n as isize);
        if op.mean && op.axes == 3 && (0..3).any(|a| size[a] < k[a]) {
            return Err(runtime!(
                "input image ({}) smaller than kernel size ({})",
                op.list("", signed),
                op.list("k", kernel)
            ));
        }
        let out = [0, 1, 2].map(|a| out_size(size[a], k[a], s[a], pad[a], dilate[a], self.ceil));
        if out.contains(&0) {
            let out = [0, 1, 2].map(|a| missing_size(size[a], k[a], s[a], pad[a], dilate[a], self.ceil));
            let list = |sizes: &[isize]| sizes.iter().map(|n| format!("x{n}")).collect::<String>();
            let (c, size, out) = (lead[lead.len() - 1], list(&signed[own.clone()]), list(&out[own]));
            return Err(runtime!(
                "Given input size: ({c}{size}). Calculated output size: ({c}{out}). Output size is too small"
            ));
        }
        Ok(Pool { planes: lead.iter().product(), size, kernel: k, stride: s, pad, dilation: dilate, out })
    }
}

/// The number of windows as PyTorch counts them where none fits: it may be less than 0.
pub(super) fn missing_size(
    size: usize,
    kernel: usize,
    stride: usize,
    pad: usize,
    dilation: usize,
    ceil: bool,
) -> isize {
    let [size, kernel, stride, pad, dilation] = [size, kernel, stride, pad, dilation].map(|n| n as isize);
    let room = size + 2 * pad - dilation * (kernel - 1) - 1 + if ceil { stride - 1 } else { 0 };
    let n = room.div_euclid(stride) + 1;
    if ceil && (n - 1) * stride >= size + pad { n - 1 } else { n }
}
