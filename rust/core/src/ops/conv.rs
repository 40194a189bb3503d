//! Convolutions over one dimension (N, C, L) and two (N, C, H, W), the transposed ones, and their derivatives.
//!
//! `sum(y * conv(x, w))` is linear in each of `x`, `w` and `y`. The convolution is its derivative by `y`, the transposed
//! convolution (the gradient of the input) that by `x`, the gradient of the weight that by `w`. So one op,
//! `Conv::part`, does all three, and the derivative of each of them is made of the other two.

use crate::backend::backend;
use crate::backend::nn::Conv2d;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::{Dims, show};
use crate::tensor::{Tensor, grad_enabled};
use crate::{grads, runtime};

/// Who an operand or a result is in `y = conv(x, w)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    X,
    W,
    Y,
}

/// A convolution whose sizes are known; `rank` is the number of spatial dimensions.
#[derive(Debug, Clone, Copy)]
struct Conv {
    d: Conv2d,
    rank: usize,
}

const NAME: &str = "ConvolutionBackward0";
const NAME_BACKWARD: &str = "ConvolutionBackwardBackward0";

/// The type a convolution is computed in; integers are exact in float64 up to 2^53.
fn compute_dtype(dtype: DType) -> Result<DType> {
    match dtype {
        DType::Bool => Err(Error::NotImplemented { op: "slow_conv2d_cpu".into(), dtype }),
        DType::F16 | DType::BF16 => Ok(DType::F32),
        d if d.is_float() => Ok(d),
        _ => Ok(DType::F64),
    }
}

impl Conv {
    fn shape(&self, role: Role) -> Dims {
        let d = &self.d;
        let (a, b, h, w) = match role {
            Role::X => (d.n, d.c_in, d.h, d.w),
            Role::W => (d.c_out, d.c_in / d.groups, d.kh, d.kw),
            Role::Y => (d.n, d.c_out, d.out_h(), d.out_w()),
        };
        if self.rank == 1 { Dims::from_slice(&[a, b, w]) } else { Dims::from_slice(&[a, b, h, w]) }
    }

    /// The part that is missing, from the two given, without history. `bias` goes with `Role::Y` alone.
    fn data(&self, part: Role, given: [(Role, &Tensor); 2], bias: Option<&Tensor>) -> Result<Tensor> {
        let first = given[0].1;
        let dtype = compute_dtype(first.dtype())?;
        let wide = |t: &Tensor| t.cast_data(dtype)?.contiguous_data();
        let find = |role| given.iter().find(|g| g.0 == role).map(|g| wide(g.1)).transpose();
        let (x, w, y) = (find(Role::X)?, find(Role::W)?, find(Role::Y)?);
        let bias = bias.map(wide).transpose()?;
        let out = Tensor::empty_on(Layout::contiguous(&self.shape(part)), dtype, first.device())?;
        let on = backend(first.device());
        match (x, w, y) {
            (Some(x), Some(w), None) => {
                on.conv2d(self.d, x.raw(), w.raw(), bias.as_ref().map(Tensor::raw), out.raw())?;
            }
            (None, Some(w), Some(y)) => on.conv2d_backward_input(self.d, y.raw(), w.raw(), out.raw())?,
            (Some(x), None, Some(y)) => on.conv2d_backward_weight(self.d, x.raw(), y.raw(), out.raw())?,
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
        if grad_enabled() || transposed || !g.dtype().is_float() {
            let dims: &[isize] = if self.rank == 1 { &[0, 2] } else { &[0, 2, 3] };
            return g.sum(dims, false, None);
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

/// One number per spatial dimension; with one dimension the first belongs to the axis of height 1.
fn spread(what: &str, given: &[isize], rank: usize) -> Result<[isize; 2]> {
    match (given, rank) {
        ([n], _) => Ok([*n, *n]),
        ([a, b], 2) => Ok([*a, *b]),
        _ => Err(runtime!(
            "expected {what} to be a single integer value or a list of {rank} values to match the convolution dimensions, but got {what}={}",
            show(given)
        )),
    }
}

/// How PyTorch's C++ names a dtype in the messages of convolutions.
fn type_name(dtype: DType) -> &'static str {
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

/// A convolution before its sizes are known to fit.
struct Plan {
    rank: usize,
    stride: [isize; 2],
    padding: [isize; 2],
    dilation: [isize; 2],
    output_padding: [isize; 2],
    groups: isize,
    transposed: bool,
}

impl Plan {
    /// The checks of PyTorch, in its order.
    fn check_numbers(&self) -> Result<()> {
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
            return Err(runtime!(
                "dilation should be greater than zero, but got {}",
                show(&self.dilation[2 - self.rank..])
            ));
        }
        Ok(())
    }

    fn check(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
        self.check_numbers()?;
        let (groups, w) = (self.groups, weight.shape());
        if w.len() != x.rank() {
            return Err(runtime!(
                "Expected {0}-dimensional input for {0}-dimensional weight {1}, but got {2}-dimensional input of size {3} instead",
                w.len(),
                show(w),
                x.rank(),
                show(x.shape())
            ));
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

    /// Sizes per axis, 1 for the missing height of one dimension.
    fn sizes(&self, t: &Tensor) -> [isize; 2] {
        match t.shape()[2..] {
            [l] => [1, l as isize],
            [h, w] => [h as isize, w as isize],
            _ => [1, 1],
        }
    }

    fn conv(&self, x: &Tensor, weight: &Tensor) -> Result<Conv> {
        let (size, kernel) = (self.sizes(x), self.sizes(weight));
        let first = 2 - self.rank;
        let at = |v: [isize; 2], a: usize, alone: isize| if a < first { alone } else { v[a] };
        let pad = [0, 1].map(|a| at(self.padding, a, 0));
        let stride = [0, 1].map(|a| at(self.stride, a, 1));
        let dilation = [0, 1].map(|a| at(self.dilation, a, 1));
        let groups = self.groups as usize;
        let span = [0, 1].map(|a| dilation[a] * (kernel[a] - 1) + 1);
        let (c_in, c_out, size) = if self.transposed {
            let out = [0, 1]
                .map(|a| (size[a] - 1) * stride[a] - 2 * pad[a] + span[a] + at(self.output_padding, a, 0));
            if out[first..].iter().any(|&n| n <= 0) || kernel[first..].contains(&0) {
                return Err(runtime!(
                    "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
                    by(&size[first..]),
                    by(&out[first..])
                ));
            }
            (weight.shape()[1] * groups, weight.shape()[0], out)
        } else {
            let padded = [0, 1].map(|a| size[a] + 2 * pad[a]);
            if (first..2).any(|a| padded[a] < span[a] || kernel[a] == 0 || size[a] == 0) {
                let spans: Vec<isize> =
                    (first..2).map(|a| if kernel[a] == 0 { 0 } else { span[a] }).collect();
                return Err(runtime!(
                    "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
                    by(&padded[first..]),
                    by(&spans)
                ));
            }
            (weight.shape()[1] * groups, weight.shape()[0], size)
        };
        let whole = |v: [isize; 2]| v.map(|n| n as usize);
        let ([h, w], [kh, kw]) = (whole(size), whole(kernel));
        let (stride, pad, dilation) = (whole(stride), whole(pad), whole(dilation));
        let n = x.shape()[0];
        let d = Conv2d { n, c_in, c_out, groups, h, w, kh, kw, stride, pad, dilation };
        Ok(Conv { d, rank: self.rank })
    }

    /// The complaint about two dtypes. PyTorch words it by the library it would have called.
    fn mixed(&self, x: &Tensor, weight: &Tensor) -> Error {
        let (a, b) = (x.dtype().scalar_type(), weight.dtype().scalar_type());
        let wide = weight.shape()[2..].iter().all(|&k| k > 3);
        if x.dtype() == DType::F32 && (self.groups > 1 || x.shape()[0] > 1 || wide || x.numel() > 20480) {
            return runtime!(
                "Input type (tensorrs.{a}Tensor) and weight type (tensorrs.{b}Tensor) should be the same or input should be a MKLDNN tensor and weight is a dense tensor"
            );
        }
        runtime!("expected scalar type {a} but found {b}")
    }

    fn run(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        if self.groups <= 0 {
            return Err(runtime!("non-positive groups is not supported"));
        }
        self.check(x, weight, bias)?;
        let conv = self.conv(x, weight)?;
        if weight.dtype() != x.dtype() {
            return Err(self.mixed(x, weight));
        }
        conv.run(x, weight, bias, self.transposed)
    }
}

impl Tensor {
    /// With a batch dimension; whether it was added.
    fn batched(&self, op: &str, rank: usize) -> Result<(Tensor, bool)> {
        match self.rank() {
            n if n == rank + 2 => Ok((self.clone(), false)),
            n if n == rank + 1 => Ok((self.unsqueeze(0)?, true)),
            _ => Err(runtime!(
                "Expected {}D (unbatched) or {}D (batched) input to {op}, but got input of size: {}",
                rank + 1,
                rank + 2,
                show(self.shape())
            )),
        }
    }

    /// `y[n, o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, ...]` over `rank` dimensions, 1 or 2.
    pub fn conv(
        &self,
        rank: usize,
        weight: &Tensor,
        bias: Option<&Tensor>,
        args: ConvArgs,
    ) -> Result<Tensor> {
        let (x, added) = self.batched(if rank == 1 { "conv1d" } else { "conv2d" }, rank)?;
        check_bias(self, bias)?;
        if weight.rank() < 3 {
            return Err(runtime!("weight should have at least three dimensions"));
        }
        let given = weight.rank() - 2;
        let stride = spread("stride", args.stride, given)?;
        let (x, padding) = match args.padding {
            Padding::Sizes(sizes) => (x, spread("padding", sizes, given)?),
            Padding::Valid => (x, [0, 0]),
            Padding::Same => {
                if stride != [1, 1] {
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
            output_padding: [0, 0],
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
        let (x, added) =
            self.batched(if rank == 1 { "conv_transpose1d" } else { "conv_transpose2d" }, rank)?;
        if weight.rank() < 3 {
            return Err(runtime!("weight should have at least three dimensions"));
        }
        let given = weight.rank() - 2;
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
        let axes = 2 - rank..2;
        let loose = |a: usize| plan.output_padding[a] >= plan.stride[a].max(plan.dilation[a]);
        if x.numel() > 0 && axes.clone().any(loose) {
            let tall = |of: [isize; 2], alone: isize| if rank == 1 { [alone, of[1]] } else { of };
            let [ph, pw] = tall(plan.output_padding, 0);
            let ([sh, sw], [dh, dw]) = (tall(plan.stride, 1), tall(plan.dilation, 1));
            return Err(runtime!(
                "output padding must be smaller than either stride or dilation, but got output_padding_height: {ph} output_padding_width: {pw} stride_height: {sh} stride_width: {sw} dilation_height: {dh} dilation_width: {dw}"
            ));
        }
        // Room for a whole step more is what one more element, 0, would make.
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
fn same(x: &Tensor, weight: &Tensor, dilation: [isize; 2], rank: usize) -> Result<(Tensor, [isize; 2])> {
    let kernel = &weight.shape()[2..];
    let (mut padding, mut rest) = ([0; 2], Vec::new());
    for a in (0..rank.min(kernel.len())).rev() {
        let axis = a + 2 - rank;
        let total = dilation[axis] * (kernel[a] as isize - 1);
        padding[axis] = (total / 2).max(0);
        rest.extend([0, (total % 2).max(0)]);
    }
    let x = if rest.iter().any(|&n| n != 0) { x.pad_constant(&rest, 0i64.into())? } else { x.clone() };
    Ok((x, padding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    fn numbers(shape: &[usize], seed: usize) -> Tensor {
        let values: Vec<f64> = (0..crate::shape::numel(shape))
            .map(|i| ((i * 37 + seed * 11) % 23) as f64 / 11.0 - 1.0)
            .collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    const PLAIN: ConvArgs =
        ConvArgs { stride: &[1], padding: Padding::Sizes(&[0]), dilation: &[1], groups: 1 };

    #[track_caller]
    fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, xs: &[Tensor]) {
        let (taped, measured) = check_vjp(f, xs).expect("fits");
        assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "{taped} {measured}");
        let (taped, measured) = check_second(f, xs).expect("fits");
        assert!((taped - measured).abs() < 1e-5 * measured.abs().max(1.0), "second: {taped} {measured}");
    }

    #[test]
    fn derivatives_of_convolutions_match_finite_differences() {
        let strided = ConvArgs { stride: &[2, 1], padding: Padding::Sizes(&[1, 2]), ..PLAIN };
        let grouped = ConvArgs { groups: 2, dilation: &[2], ..PLAIN };
        for args in [PLAIN, strided, ConvArgs { padding: Padding::Same, ..PLAIN }] {
            let xs = [numbers(&[2, 3, 6, 5], 1), numbers(&[4, 3, 3, 2], 2), numbers(&[4], 3)];
            check(|v| v[0].conv(2, &v[1], Some(&v[2]), args), &xs);
        }
        let xs = [numbers(&[2, 4, 7, 6], 1), numbers(&[6, 2, 3, 2], 2)];
        check(|v| v[0].conv(2, &v[1], None, grouped), &xs);
        let xs = [numbers(&[2, 3, 7], 1), numbers(&[4, 3, 3], 2), numbers(&[4], 3)];
        let row = ConvArgs { stride: &[2], padding: Padding::Sizes(&[1]), ..PLAIN };
        check(|v| v[0].conv(1, &v[1], Some(&v[2]), row), &xs);
        let xs = [numbers(&[3, 6, 5], 1), numbers(&[4, 3, 2, 2], 2)];
        check(|v| v[0].conv(2, &v[1], None, PLAIN), &xs);
    }

    #[test]
    fn derivatives_of_transposed_convolutions_match_finite_differences() {
        let xs = [numbers(&[2, 3, 4, 3], 1), numbers(&[3, 2, 3, 2], 2), numbers(&[2], 3)];
        let args = ConvArgs { stride: &[2], padding: Padding::Sizes(&[1, 0]), ..PLAIN };
        check(|v| v[0].conv_transpose(2, &v[1], Some(&v[2]), args, &[1, 0]), &xs);
        // More room than a step, which the spread of the kernel allows.
        let far = ConvArgs { dilation: &[3], padding: Padding::Sizes(&[1]), ..PLAIN };
        check(|v| v[0].conv_transpose(2, &v[1], Some(&v[2]), far, &[2, 1]), &xs);
        assert_eq!(xs[0].conv_transpose(2, &xs[1], None, far, &[2, 1]).expect("fits").shape(), [2, 2, 10, 5]);
        let xs = [numbers(&[4, 5], 1), numbers(&[4, 3, 2], 2), numbers(&[6], 3)];
        check(|v| v[0].conv_transpose(1, &v[1], Some(&v[2]), ConvArgs { groups: 2, ..PLAIN }, &[0]), &xs);
    }

    #[test]
    fn an_empty_batch_gives_an_empty_result_and_zero_gradients() {
        let (x, w) = (numbers(&[0, 3, 6, 5], 1), numbers(&[4, 3, 3, 3], 2));
        w.set_requires_grad(true).expect("float");
        let y = x.conv(2, &w, None, PLAIN).expect("fits");
        assert_eq!(y.shape(), [0, 4, 4, 3]);
        let loss = y.sum(&[], false, None).expect("fits");
        crate::autograd::backward(&[(loss, None)], &[], Default::default()).expect("runs");
        assert!(w.grad().expect("set").slice::<f64>().iter().all(|&g| g == 0.0));
    }

    #[test]
    fn integers_are_convolved_exactly() {
        let x = Tensor::from_slice(&[1i64, 2, 3, 4], &[1, 1, 4]).expect("small");
        let w = Tensor::from_slice(&[10i64, 1], &[1, 1, 2]).expect("small");
        assert_eq!(x.conv(1, &w, None, PLAIN).expect("fits").slice::<i64>(), [12, 23, 34]);
    }
}
