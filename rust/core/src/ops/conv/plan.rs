//! The checks of a convolution, in PyTorch's order and words, and its sizes.

use super::Conv;
use crate::backend::nn::{Conv2d, Depth};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::runtime;
use crate::shape::show;
use crate::tensor::Tensor;

/// A number for depth, height and width; with fewer dimensions the last ones count.
pub(super) type Triple = [isize; 3];

/// How PyTorch's C++ names a dtype in the messages of convolutions.
pub(super) fn type_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::U8 => "unsigned char",
        DType::I8 => "signed char",
        DType::I16 => "short int",
        DType::I32 => "int",
        DType::I64 => "long int",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::F32 => "float",
        DType::F64 => "double",
    }
}

/// `3 x 3`, as sizes per channel are written.
fn by(sizes: &[isize]) -> String {
    sizes.iter().map(isize::to_string).collect::<Vec<_>>().join(" x ")
}

pub(super) fn ranks(x: &Tensor, weight: &Tensor) -> Error {
    runtime!(
        "Expected {0}-dimensional input for {0}-dimensional weight {1}, but got {2}-dimensional input of size {3} instead",
        weight.rank(),
        show(weight.shape()),
        x.rank(),
        show(x.shape())
    )
}

/// A convolution before its sizes are known to fit.
pub(super) struct Plan {
    pub rank: usize,
    pub stride: Triple,
    pub padding: Triple,
    pub dilation: Triple,
    pub output_padding: Triple,
    pub groups: isize,
    pub transposed: bool,
}

impl Plan {
    /// The checks of PyTorch, in its order.
    pub fn check_numbers(&self) -> Result<()> {
        if self.padding.iter().any(|&n| n < 0) {
            return Err(runtime!("negative padding is not supported"));
        }
        if self.output_padding.iter().any(|&n| n < 0) {
            return Err(runtime!("negative output_padding is not supported"));
        }
        if self.stride.iter().any(|&n| n <= 0) {
            return Err(runtime!("non-positive stride is not supported"));
        }
        if self.dilation.iter().any(|&n| n <= 0) {
            let axes = &self.dilation[3 - self.rank..];
            return Err(match axes.iter().any(|&n| n < 0) {
                true => runtime!("dilation should be greater than zero"),
                false => runtime!("dilation should be greater than zero, but got {}", show(axes)),
            });
        }
        Ok(())
    }

    /// The room added at one end must not be a place that no step reaches.
    pub fn check_output_padding(&self) -> Result<()> {
        let mut axes = 3 - self.rank..3;
        let loose = |a: usize| self.output_padding[a] >= self.stride[a].max(self.dilation[a]);
        if !axes.any(loose) {
            return Ok(());
        }
        // One dimension is told as two.
        let first = (3 - self.rank).min(1);
        let named = |what: &str, of: Triple, alone: isize| {
            let one = |a: usize| {
                let value = if a < 3 - self.rank { alone } else { of[a] };
                format!("{what}_{}: {value}", ["depth", "height", "width"][a])
            };
            (first..3).map(one).collect::<Vec<_>>().join(" ")
        };
        Err(runtime!(
            "output padding must be smaller than either stride or dilation, but got {} {} {}",
            named("output_padding", self.output_padding, 0),
            named("stride", self.stride, 1),
            named("dilation", self.dilation, 1)
        ))
    }

    fn check(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
        self.check_numbers()?;
        let (groups, w) = (self.groups, weight.shape());
        if w.len() != x.rank() {
            return Err(ranks(x, weight));
        }
        if (w[0] as isize) < groups {
            return Err(runtime!(
                "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {} instead",
                show(w)
            ));
        }
        if w[0] as isize % groups != 0 {
            return Err(runtime!(
                "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{}] instead",
                show(w)
            ));
        }
        let turned = if self.transposed { "transposed=1".to_string() } else { format!("groups={groups}") };
        let groups = groups as usize;
        let (c_in, c_out) = if self.transposed { (w[0], w[1] * groups) } else { (w[1] * groups, w[0]) };
        if x.shape()[1] != c_in {
            return Err(runtime!(
                "Given {turned}, weight of size {}, expected input{} to have {c_in} channels, but got {} channels instead",
                show(w),
                show(x.shape()),
                x.shape()[1]
            ));
        }
        if let Some(b) = bias.filter(|b| b.shape() != [c_out]) {
            let given = if self.transposed { "Given transposed=1, weight" } else { "Given weight" };
            return Err(runtime!(
                "{given} of size {}, expected bias to be 1-dimensional with {c_out} elements, but got bias of size {} instead",
                show(w),
                show(b.shape())
            ));
        }
        Ok(())
    }

    /// Sizes per axis, 1 for those that are missing.
    fn sizes(&self, t: &Tensor) -> Triple {
        let mut sizes = [1; 3];
        for (to, &size) in sizes[3 - self.rank..].iter_mut().zip(&t.shape()[2..]) {
            *to = size as isize;
        }
        sizes
    }

    fn conv(&self, x: &Tensor, weight: &Tensor) -> Result<Conv> {
        let (size, kernel) = (self.sizes(x), self.sizes(weight));
        let first = 3 - self.rank;
        let axes = [0, 1, 2];
        let at = |v: Triple, a: usize, alone: isize| if a < first { alone } else { v[a] };
        let pad = axes.map(|a| at(self.padding, a, 0));
        let stride = axes.map(|a| at(self.stride, a, 1));
        let dilation = axes.map(|a| at(self.dilation, a, 1));
        let groups = self.groups as usize;
        let span = axes.map(|a| dilation[a] * (kernel[a] - 1) + 1);
        let size = if self.transposed {
            let out = axes
                .map(|a| (size[a] - 1) * stride[a] - 2 * pad[a] + span[a] + at(self.output_padding, a, 0));
            if out[first..].iter().any(|&n| n <= 0) || kernel[first..].contains(&0) {
                return Err(runtime!(
                    "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
                    by(&size[first..]),
                    by(&out[first..])
                ));
            }
            out
        } else {
            let padded = axes.map(|a| size[a] + 2 * pad[a]);
            if (first..3).any(|a| padded[a] < span[a] || kernel[a] == 0 || size[a] == 0) {
                let spans: Vec<isize> =
                    (first..3).map(|a| if kernel[a] == 0 { 0 } else { span[a] }).collect();
                return Err(runtime!(
                    "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
                    by(&padded[first..]),
                    by(&spans)
                ));
            }
            size
        };
        let (c_in, c_out) = (weight.shape()[1] * groups, weight.shape()[0]);
        let whole = |v: Triple| v.map(|n| n as usize);
        let ([z, h, w], [kz, kh, kw]) = (whole(size), whole(kernel));
        let ([sz, sh, sw], [pz, ph, pw], [dz, dh, dw]) = (whole(stride), whole(pad), whole(dilation));
        let (stride, pad, dilation) = ([sh, sw], [ph, pw], [dh, dw]);
        let n = x.shape()[0];
        Ok(Conv {
            d: Conv2d { n, c_in, c_out, groups, h, w, kh, kw, stride, pad, dilation },
            depth: Depth { size: z, kernel: kz, stride: sz, pad: pz, dilation: dz },
            rank: self.rank,
        })
    }

    /// The complaint about two dtypes. PyTorch words it by the library it would have called.
    fn mixed(&self, x: &Tensor, weight: &Tensor) -> Error {
        let (a, b) = (x.dtype().scalar_type(), weight.dtype().scalar_type());
        let wide = self.rank == 3 || weight.shape()[2..].iter().all(|&k| k > 3);
        if x.dtype() == DType::F32 && (self.groups > 1 || x.shape()[0] > 1 || wide || x.numel() > 20480) {
            return runtime!(
                "Input type (tensorrs.{a}Tensor) and weight type (tensorrs.{b}Tensor) should be the same or input should be a MKLDNN tensor and weight is a dense tensor"
            );
        }
        runtime!("expected scalar type {a} but found {b}")
    }

    /// PyTorch has no loops for these dtypes; the complaint names the one it would have run.
    fn check_dtype(&self, dtype: DType) -> Result<()> {
        if dtype.is_float() || dtype == DType::I64 {
            return Ok(());
        }
        let dilated = self.dilation[3 - self.rank..].iter().any(|&n| n > 1);
        let op = match (self.transposed, self.rank) {
            (true, 3) => "slow_conv_transpose3d_out_cpu",
            (true, _) => "slow_conv_transpose2d_out_cpu",
            _ if dilated => "slow_conv_dilated<>",
            _ if dtype != DType::Bool => return Ok(()),
            (_, 3) => "compute_columns3d",
            _ => "slow_conv2d_cpu",
        };
        Err(Error::NotImplemented { op: op.into(), dtype })
    }

    pub fn run(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        if self.groups <= 0 {
            return Err(runtime!("non-positive groups is not supported"));
        }
        self.check(x, weight, bias)?;
        let conv = self.conv(x, weight)?;
        if weight.dtype() != x.dtype() {
            return Err(self.mixed(x, weight));
        }
        self.check_dtype(x.dtype())?;
        conv.run(x, weight, bias, self.transposed)
    }
}
