//! Convolutions over one to three dimensions, the transposed ones, and their derivatives.
//!
//! `sum(y * conv(x, w))` is linear in each of `x`, `w` and `y`. The convolution is its derivative by `y`, the transposed
//! convolution (the gradient of the input) that by `x`, the gradient of the weight that by `w`. So one op,
//! `Conv::part`, does all three, and the derivative of each of them is made of the other two.

mod plan;

use crate::backend::backend;
pub use crate::backend::cpu::conv::{Precision, precision, set_precision};
use crate::backend::nn::{Conv2d, Conv3d, Depth};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::shape::{Dims, show};
use crate::tensor::{Tensor, grad_enabled};
use crate::{autocast, grads, runtime};

use plan::{Plan, Triple, type_name};

/// Who an operand or a result is in `y = conv(x, w)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    X,
    W,
    Y,
}

/// A convolution whose sizes are known; `rank` is the number of spatial dimensions. Depth is 1 below three of them.
#[derive(Debug, Clone, Copy)]
struct Conv {
    d: Conv2d,
    depth: Depth,
    rank: usize,
}

const NAME: &str = "ConvolutionBackward0";
const NAME_BACKWARD: &str = "ConvolutionBackwardBackward0";

/// The type a convolution is computed in; integers are exact in float64 up to 2^53.
fn compute_dtype(dtype: DType) -> DType {
    match dtype {
        DType::F16 | DType::BF16 => DType::F32,
        d if d.is_float() => d,
        _ => DType::F64,
    }
}

impl Conv {
    fn shape(&self, role: Role) -> Dims {
        let (d, z) = (&self.d, &self.depth);
        let (a, b, sizes) = match role {
            Role::X => (d.n, d.c_in, [z.size, d.h, d.w]),
            Role::W => (d.c_out, d.c_in / d.groups, [z.kernel, d.kh, d.kw]),
            Role::Y => (d.n, d.c_out, [z.out(), d.out_h(), d.out_w()]),
        };
        let mut shape = Dims::from_slice(&[a, b]);
        shape.extend_from_slice(&sizes[3 - self.rank..]);
        shape
    }

    /// The part that is missing, from the two given, without history. `bias` goes with `Role::Y` alone.
    fn data(&self, part: Role, given: [(Role, &Tensor); 2], bias: Option<&Tensor>) -> Result<Tensor> {
        let first = given[0].1;
        check_devices(first.device(), [given[1].1].into_iter().chain(bias).map(Tensor::device))?;
        let dtype = compute_dtype(first.dtype());
        let wide = |t: &Tensor| t.cast_data(dtype)?.contiguous_data();
        let find = |role| given.iter().find(|g| g.0 == role).map(|g| wide(g.1)).transpose();
        let (x, w, y) = (find(Role::X)?, find(Role::W)?, find(Role::Y)?);
        let bias = bias.map(wide).transpose()?;
        let out = first.new_empty(&self.shape(part), dtype)?;
        let on = backend(first.device());
        let (d, solid) = (self.d, (self.rank == 3).then_some(Conv3d { plane: self.d, depth: self.depth }));
        match (x, w, y, solid) {
            (Some(x), Some(w), None, None) => {
                on.conv2d(d, x.raw(), w.raw(), bias.as_ref().map(Tensor::raw), out.raw())?;
            }
            (Some(x), Some(w), None, Some(d)) => {
                on.conv3d(d, x.raw(), w.raw(), bias.as_ref().map(Tensor::raw), out.raw())?;
            }
            (None, Some(w), Some(y), None) => on.conv2d_backward_input(d, y.raw(), w.raw(), out.raw())?,
            (None, Some(w), Some(y), Some(d)) => on.conv3d_backward_input(d, y.raw(), w.raw(), out.raw())?,
            (Some(x), None, Some(y), None) => on.conv2d_backward_weight(d, x.raw(), y.raw(), out.raw())?,
            (Some(x), None, Some(y), Some(d)) => on.conv3d_backward_weight(d, x.raw(), y.raw(), out.raw())?,
            _ => return Err(runtime!("convolution: two of input, weight and output are needed")),
        }
        out.cast_data(first.dtype())
    }

    /// The part that is missing, from the two given.
    fn part(self, part: Role, given: [(Role, &Tensor); 2]) -> Result<Tensor> {
        let [(ra, a), (rb, b)] = given;
        self.data(part, given, None)?.record(NAME_BACKWARD, &[a, b], |save| {
            let (kept_a, kept_b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, u| {
                let da = kept_b.as_ref().map(|b| self.part(ra, [(part, u), (rb, &b.get(ctx)?)]));
                let db = kept_a.as_ref().map(|a| self.part(rb, [(part, u), (ra, &a.get(ctx)?)]));
                grads![da.transpose()?, db.transpose()?]
            }
        })
    }

    /// The convolution (`Role::Y` of `input` as x) or the transposed one (`Role::X` of `input` as y).
    fn run(self, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, transposed: bool) -> Result<Tensor> {
        let (part, role) = if transposed { (Role::X, Role::Y) } else { (Role::Y, Role::X) };
        let given = [(role, input), (Role::W, weight)];
        let out = self.data(part, given, bias.filter(|_| !transposed))?;
        if let (Some(b), true) = (bias, transposed) {
            let mut column = Dims::from_elem(1, self.rank + 2);
            column[1] = b.numel();
            out.add_data(&b.contiguous_data()?.alias(Layout::contiguous(&column)))?;
        }
        let inputs = [Some(input), Some(weight), bias];
        let inputs: Vec<&Tensor> = inputs.into_iter().flatten().collect();
        let count = inputs.len();
        out.record(NAME, &inputs, |save| {
            let (x, w) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let dx = w.as_ref().map(|w| self.part(role, [(part, g), (Role::W, &w.get(ctx)?)]));
                let dw = x.as_ref().map(|x| self.part(Role::W, [(part, g), (role, &x.get(ctx)?)]));
                let mut grads: crate::tensor::Grads = smallvec::smallvec![dx.transpose()?, dw.transpose()?];
                if count == 3 {
                    grads.push(ctx.when(2, || self.bias_grad(g, transposed))?);
                }
                Ok(grads)
            }
        })
    }

    fn bias_grad(&self, g: &Tensor, transposed: bool) -> Result<Tensor> {
        if grad_enabled() || transposed || self.rank == 3 || !g.dtype().is_float() {
            let dims: &[isize] = &[0, 2, 3, 4];
            return g.sum(&dims[..=self.rank], false, None);
        }
        let out = g.wide_out(&[self.d.c_out])?;
        backend(g.device()).conv2d_backward_bias(self.d, g.wide()?.raw(), out.raw())?;
        out.cast_data(g.dtype())
    }
}

/// What surrounds the input of a convolution.
#[derive(Clone, Copy, Debug)]
pub enum Padding<'a> {
    Sizes(&'a [isize]),
    /// As much as keeps the size.
    Same,
    Valid,
}

/// The numbers of a convolution as they are given: one, or one per dimension.
#[derive(Clone, Copy, Debug)]
pub struct ConvArgs<'a> {
    pub stride: &'a [isize],
    pub padding: Padding<'a>,
    pub dilation: &'a [isize],
    pub groups: isize,
}

/// One number per spatial dimension, at the end of three.
fn spread(what: &str, given: &[isize], rank: usize) -> Result<Triple> {
    match given {
        [n] => Ok([*n; 3]),
        _ if given.len() == rank && rank <= 3 => {
            let mut out = [given[0]; 3];
            out[3 - rank..].copy_from_slice(given);
            Ok(out)
        }
        _ => Err(runtime!(
            "expected {what} to be a single integer value or a list of {rank} values to match the convolution dimensions, but got {what}={}",
            show(given)
        )),
    }
}

/// The spatial dimensions that a weight has.
fn given_rank(weight: &Tensor) -> Result<usize> {
    weight
        .rank()
        .checked_sub(2)
        .filter(|&n| n > 0)
        .ok_or_else(|| runtime!("weight should have at least three dimensions"))
}

impl Tensor {
    /// With a batch dimension; whether it was added.
    fn batched(&self, op: &str, rank: usize) -> Result<(Tensor, bool)> {
        match self.rank() {
            n if n == rank + 2 => Ok((self.clone(), false)),
            n if n == rank + 1 => Ok((self.unsqueeze(0)?, true)),
            _ => Err(runtime!(
                "Expected {}D (unbatched) or {}D (batched) input to {op}{rank}d, but got input of size: {}",
                rank + 1,
                rank + 2,
                show(self.shape())
            )),
        }
    }

    /// `y[n, o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, ...]` over `rank` dimensions, 1 to 3.
    pub fn conv(
        &self,
        rank: usize,
        weight: &Tensor,
        bias: Option<&Tensor>,
        args: ConvArgs,
    ) -> Result<Tensor> {
        autocast!(["conv1d", "conv2d", "conv3d"][rank - 1]; x = self, w = weight, b = bias => x.conv(rank, &w, b.as_ref(), args));
        let (x, added) = self.batched("conv", rank)?;
        check_bias(self, bias)?;
        let given = given_rank(weight)?;
        if given != rank && matches!(args.padding, Padding::Same) {
            return Err(plan::ranks(&x, weight));
        }
        let stride = spread("stride", args.stride, given)?;
        let (x, padding) = match args.padding {
            Padding::Sizes(sizes) => (x, spread("padding", sizes, given)?),
            Padding::Valid => (x, [0; 3]),
            Padding::Same => {
                if stride != [1; 3] {
                    return Err(runtime!("padding='same' is not supported for strided convolutions"));
                }
                same(&x, weight, spread("dilation", args.dilation, given)?, rank)?
            }
        };
        let dilation = spread("dilation", args.dilation, given)?;
        let plan = Plan {
            rank,
            stride,
            padding,
            dilation,
            output_padding: [0; 3],
            groups: args.groups,
            transposed: false,
        };
        let out = plan.run(&x, weight, bias)?;
        if added { out.squeeze(Some(&[0])) } else { Ok(out) }
    }

    /// The transposed convolution: the gradient of `conv` by its input, as a function.
    pub fn conv_transpose(
        &self,
        rank: usize,
        weight: &Tensor,
        bias: Option<&Tensor>,
        args: ConvArgs,
        output_padding: &[isize],
    ) -> Result<Tensor> {
        autocast!(["conv_transpose1d", "conv_transpose2d", "conv_transpose3d"][rank - 1]; x = self, w = weight, b = bias
            => x.conv_transpose(rank, &w, b.as_ref(), args, output_padding));
        let (x, added) = self.batched("conv_transpose", rank)?;
        let given = given_rank(weight)?;
        let Padding::Sizes(padding) = args.padding else {
            return Err(runtime!("conv_transpose{rank}d: the padding must be numbers"));
        };
        let mut plan = Plan {
            rank,
            stride: spread("stride", args.stride, given)?,
            padding: spread("padding", padding, given)?,
            dilation: spread("dilation", args.dilation, given)?,
            output_padding: spread("output_padding", output_padding, given)?,
            groups: args.groups,
            transposed: true,
        };
        plan.check_numbers()?;
        if x.numel() > 0 {
            plan.check_output_padding()?;
        }
        // Room for a whole step more is what one more element, 0, would make.
        let axes = 3 - rank..3;
        let more: Vec<isize> =
            axes.clone().rev().flat_map(|a| [0, plan.output_padding[a] / plan.stride[a]]).collect();
        let x = if more.iter().any(|&n| n > 0) {
            axes.for_each(|a| plan.output_padding[a] %= plan.stride[a]);
            x.pad_constant(&more, 0i64.into())?
        } else {
            x
        };
        let out = plan.run(&x, weight, bias)?;
        if added { out.squeeze(Some(&[0])) } else { Ok(out) }
    }

    /// Either of the two, over as many dimensions as the weight has. The input has a batch dimension.
    pub fn convolution(
        &self,
        weight: &Tensor,
        bias: Option<&Tensor>,
        args: ConvArgs,
        transposed: bool,
        output_padding: &[isize],
    ) -> Result<Tensor> {
        // PyTorch casts for the functions with a number of dimensions in their name alone.
        let _exact = crate::ops::autocast::pause();
        let rank = given_rank(weight)?;
        if self.rank() != weight.rank() || rank > 3 {
            return Err(plan::ranks(self, weight));
        }
        if transposed {
            return self.conv_transpose(rank, weight, bias, args, output_padding);
        }
        self.conv(rank, weight, bias, args)
    }

    /// A convolution over time of (time, batch, channels) with weight (width, channels, out) and `pad` on both ends.
    pub fn conv_tbc(&self, weight: &Tensor, bias: &Tensor, pad: isize) -> Result<Tensor> {
        autocast!("conv_tbc"; x = self, w = weight, b = bias => x.conv_tbc(&w, &b, pad));
        if self.rank() != 3 {
            return Err(runtime!("Input must have 3 dims: time, batch, in_channel"));
        }
        if weight.rank() != 3 {
            return Err(runtime!("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."));
        }
        if bias.rank() != 1 {
            return Err(runtime!("Bias must be 1-D"));
        }
        if self.shape()[2] != weight.shape()[1] {
            return Err(runtime!("Input dim 2 (input channels) is not == dim 1 in the weight tensor"));
        }
        if weight.shape()[2] != bias.shape()[0] {
            return Err(runtime!("Bias size must equal dim 2 in the weight tensor (output channels)."));
        }
        let length = self.shape()[0] as isize - weight.shape()[0] as isize + 1 + 2 * pad;
        if length < 0 {
            return Err(runtime!(
                "Trying to create tensor with negative dimension {length}: [{length}, {}, {}]",
                self.shape()[1],
                weight.shape()[2]
            ));
        }
        let args = ConvArgs { stride: &[1], padding: Padding::Sizes(&[pad]), dilation: &[1], groups: 1 };
        let (x, w) = (self.permute(&[1, 2, 0])?, weight.permute(&[2, 1, 0])?);
        x.conv(1, &w, Some(bias), args)?.permute(&[2, 0, 1])
    }
}

fn check_bias(x: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    match bias.filter(|b| b.dtype() != x.dtype()) {
        Some(b) => Err(runtime!(
            "Input type ({}) and bias type ({}) should be the same",
            type_name(x.dtype()),
            type_name(b.dtype())
        )),
        None => Ok(()),
    }
}

/// The padding that keeps the size. Where one end needs more than the other, the input gets the rest as zeros.
fn same(x: &Tensor, weight: &Tensor, dilation: Triple, rank: usize) -> Result<(Tensor, Triple)> {
    let kernel = &weight.shape()[2..];
    let (mut padding, mut rest) = ([0; 3], Vec::new());
    for a in (0..rank.min(kernel.len())).rev() {
        let axis = a + 3 - rank;
        let total = dilation[axis] * (kernel[a] as isize - 1);
        padding[axis] = (total / 2).max(0);
        rest.extend([0, (total % 2).max(0)]);
    }
    let x = if rest.iter().any(|&n| n != 0) { x.pad_constant(&rest, 0i64.into())? } else { x.clone() };
    Ok((x, padding))
}

#[cfg(test)]
mod tests;
