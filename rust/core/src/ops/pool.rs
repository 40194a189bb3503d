//! Pooling over the two last dimensions of (N, C, H, W) or (C, H, W): maximum, mean, adaptive mean; and over the last one
//! of (N, C, L) or (C, L).
//!
//! Given the places of its maxima a max pool is linear, as the others are. `Map` is such a linear map: `down` pools,
//! `up` is its transpose, and each is the derivative of the other.

use std::sync::Arc;

use crate::backend::backend;
use crate::backend::nn::{Adaptive2d, Divisor, Pool2d, out_size};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::{Dims, show};
use crate::tensor::Tensor;
use crate::tensor::tape::wants_record;
use crate::{grads, missing, runtime};

/// The arguments of a pool as they are given: one number or two; no stride stands for that of the kernel.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    pub kernel: &'a [isize],
    pub stride: &'a [isize],
    pub padding: &'a [isize],
    pub dilation: &'a [isize],
    pub ceil: bool,
}

/// A number for each of two axes.
fn pair(op: &str, what: &str, given: &[isize]) -> Result<[isize; 2]> {
    match given {
        [n] => Ok([*n, *n]),
        [a, b] => Ok([*a, *b]),
        _ if what == "dilation" => {
            Err(runtime!("{op}: dilation must be either a single int, or a tuple of two ints"))
        }
        _ if what == "stride" => {
            Err(runtime!("{op}: stride must either be omitted, a single int, or a tuple of two ints"))
        }
        _ => Err(runtime!("{op}: {what} must either be a single int, or a tuple of two ints")),
    }
}

impl Windows<'_> {
    /// The checks of PyTorch, in its order.
    fn on(&self, op: &str, x: &Tensor) -> Result<Pool2d> {
        let kernel = pair(op, "kernel_size", self.kernel)?;
        let stride = if self.stride.is_empty() { kernel } else { pair(op, "stride", self.stride)? };
        let padding = pair(op, "padding", self.padding)?;
        let dilation = pair(op, "dilation", self.dilation)?;
        let ranked = matches!(x.rank(), 3 | 4);
        if op == "max_pool2d" && !ranked {
            return Err(runtime!("non-empty 3D or 4D (batch mode) tensor expected for input"));
        }
        if x.rank() < 3 {
            return Err(Error::Dim { dim: -3, rank: x.rank() });
        }
        let (lead, size) = x.shape().split_at(x.rank() - 2);
        let mut out = [0; 2];
        for a in 0..2 {
            if stride[a] == 0 {
                return Err(runtime!("stride should not be zero"));
            }
            if padding[a] < 0 {
                return Err(runtime!("pad must be non-negative, but got pad: {}", padding[a]));
            }
            if padding[a] > ((kernel[a] - 1) * dilation[a] + 1) / 2 {
                return Err(runtime!(
                    "pad should be at most half of effective kernel size, but got pad={}, kernel_size={} and dilation={}",
                    padding[a],
                    kernel[a],
                    dilation[a]
                ));
            }
        }
        let [kh, kw] = kernel;
        if kh <= 0 || kw <= 0 {
            return Err(runtime!("kernel size should be greater than zero, but got kH: {kh} kW: {kw}"));
        }
        let [dh, dw] = stride;
        if dh <= 0 || dw <= 0 {
            return Err(runtime!("stride should be greater than zero, but got dH: {dh} dW: {dw}"));
        }
        let [lh, lw] = dilation;
        if lh <= 0 || lw <= 0 {
            return Err(runtime!(
                "dilation should be greater than zero, but got dilationH: {lh} dilationW: {lw}"
            ));
        }
        if !ranked || x.shape()[x.rank() - 3..].contains(&0) {
            return Err(runtime!(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{}",
                show(x.shape())
            ));
        }
        let whole = |v: [isize; 2]| v.map(|n| n as usize);
        let (kernel, stride, pad, dilation) = (whole(kernel), whole(stride), whole(padding), whole(dilation));
        for a in 0..2 {
            out[a] = out_size(size[a], kernel[a], stride[a], pad[a], dilation[a], self.ceil);
        }
        if out.contains(&0) {
            let c = lead[lead.len() - 1];
            let out =
                [0, 1].map(|a| missing_size(size[a], kernel[a], stride[a], pad[a], dilation[a], self.ceil));
            return Err(runtime!(
                "Given input size: ({c}x{}x{}). Calculated output size: ({c}x{}x{}). Output size is too small",
                size[0],
                size[1],
                out[0],
                out[1]
            ));
        }
        Ok(Pool2d {
            planes: lead.iter().product(),
            size: [size[0], size[1]],
            kernel,
            stride,
            pad,
            dilation,
            out,
        })
    }
}

/// The number of windows as PyTorch counts them where none fits: it may be less than 0.
fn missing_size(size: usize, kernel: usize, stride: usize, pad: usize, dilation: usize, ceil: bool) -> isize {
    let [size, kernel, stride, pad, dilation] = [size, kernel, stride, pad, dilation].map(|n| n as isize);
    let room = size + 2 * pad - dilation * (kernel - 1) - 1 + if ceil { stride - 1 } else { 0 };
    let n = room.div_euclid(stride) + 1;
    if ceil && (n - 1) * stride >= size + pad { n - 1 } else { n }
}

enum Kind {
    Avg(Pool2d, Divisor),
    Adaptive(Adaptive2d),
    /// The places of the maxima.
    Max(Pool2d, Tensor),
}

/// A linear map between images and what a pool makes of them.
struct Map {
    kind: Kind,
    full: Dims,
    pooled: Dims,
    /// `grad_fn` of the pool and of its derivative.
    names: [&'static str; 2],
}

impl Map {
    fn down(self: &Arc<Self>, x: &Tensor) -> Result<Tensor> {
        let out = match &self.kind {
            // The first pass is made by `max_pool2d`; this one reads at the places it found.
            Kind::Max(d, place) => {
                let plane = d.size[0] * d.size[1];
                let per = d.out[0] * d.out[1];
                return x
                    .reshape(&[d.planes, plane])?
                    .gather(1, &place.alias(Layout::contiguous(&[d.planes, per])))?
                    .view(&self.pooled);
            }
            Kind::Avg(d, divisor) => {
                // Integers are pooled as float64, which holds the sums, and cut off as an integer division does.
                let wide = if x.dtype() == DType::I64 { x.cast_data(DType::F64)? } else { x.wide()? };
                let out = wide.wide_out(&self.pooled)?;
                backend(x.device()).avg_pool2d(*d, *divisor, wide.contiguous_data()?.raw(), out.raw())?;
                out
            }
            Kind::Adaptive(d) => {
                let out = x.wide_out(&self.pooled)?;
                backend(x.device()).adaptive_avg_pool2d(*d, x.wide()?.raw(), out.raw())?;
                out
            }
        };
        let map = self.clone();
        out.cast_data(x.dtype())?.record(self.names[0], &[x], |_| move |_, g| grads![Some(map.up(g)?)])
    }

    fn up(self: &Arc<Self>, g: &Tensor) -> Result<Tensor> {
        let (dy, out) = (g.wide()?, g.wide_out(&self.full)?);
        let on = backend(g.device());
        match &self.kind {
            Kind::Max(d, place) => on.max_pool2d_backward(*d, place.raw(), dy.raw(), out.raw())?,
            Kind::Avg(d, divisor) => on.avg_pool2d_backward(*d, *divisor, dy.raw(), out.raw())?,
            Kind::Adaptive(d) => on.adaptive_avg_pool2d_backward(*d, dy.raw(), out.raw())?,
        }
        let map = self.clone();
        out.cast_data(g.dtype())?.record(self.names[1], &[g], |_| move |_, u| grads![Some(map.down(u)?)])
    }
}

impl Tensor {
    /// The shape with the two last sizes replaced.
    fn resized_plane(&self, out: [usize; 2]) -> Dims {
        let mut shape = Dims::from_slice(&self.shape()[..self.rank() - 2]);
        shape.extend_from_slice(&out);
        shape
    }

    /// The largest number of every window; its place in its plane too if `places`.
    fn max_pool(&self, windows: Windows, places: bool) -> Result<(Tensor, Option<Tensor>)> {
        let d = windows.on("max_pool2d", self)?;
        let pooled = self.resized_plane(d.out);
        let x = self.contiguous_data()?;
        let out = Tensor::empty_on(Layout::contiguous(&pooled), self.dtype(), self.device())?;
        let recorded = wants_record(&[self]);
        let place = (places || recorded)
            .then(|| Tensor::empty_on(Layout::contiguous(&pooled), DType::I64, self.device()))
            .transpose()?;
        backend(self.device()).max_pool2d(d, x.raw(), out.raw(), place.as_ref().map(Tensor::raw))?;
        let Some(place) = place else { return Ok((out, None)) };
        if !recorded {
            return Ok((out, Some(place)));
        }
        let names = ["MaxPool2DWithIndicesBackward0", "MaxPool2DWithIndicesBackwardBackward0"];
        let kind = Kind::Max(d, place.detach_alias());
        let map = Arc::new(Map { kind, full: self.layout().shape.clone(), pooled, names });
        let out = out.record(names[0], &[self], |_| move |_, g| grads![Some(map.up(g)?)])?;
        Ok((out, Some(place)))
    }

    /// The largest number of every window.
    pub fn max_pool2d(&self, windows: Windows) -> Result<Tensor> {
        Ok(self.max_pool(windows, false)?.0)
    }

    /// The largest number of every window, and where in its plane it stands, counted row by row.
    pub fn max_pool2d_with_indices(&self, windows: Windows) -> Result<(Tensor, Tensor)> {
        let (out, place) = self.max_pool(windows, true)?;
        place.map(|place| (out, place)).ok_or_else(|| runtime!("max_pool2d: no places were kept"))
    }

    /// The mean of every window. The padding counts if `include_pad`; `divisor` stands for the number of elements.
    pub fn avg_pool2d(&self, windows: Windows, include_pad: bool, divisor: Option<i64>) -> Result<Tensor> {
        if divisor == Some(0) {
            return Err(runtime!("divisor must be not zero"));
        }
        let d = windows.on("avg_pool2d", self)?;
        let divisor = match divisor {
            Some(n) => Divisor::Fixed(n as f64),
            None if include_pad => Divisor::WithPadding,
            None => Divisor::Inside,
        };
        let (full, pooled) = (self.layout().shape.clone(), self.resized_plane(d.out));
        let names = ["AvgPool2DBackward0", "AvgPool2DBackwardBackward0"];
        Arc::new(Map { kind: Kind::Avg(d, divisor), full, pooled, names }).down(self)
    }

    /// The means of windows that are chosen so that the result is `size` high and wide.
    pub fn adaptive_avg_pool2d(&self, size: &[Option<isize>]) -> Result<Tensor> {
        let op = "adaptive_avg_pool2d";
        let &[h, w] = size else {
            return Err(runtime!("{op}: output_size must be 2"));
        };
        if !matches!(self.rank(), 3 | 4) {
            return Err(runtime!("{op}(): Expected 3D or 4D tensor, but got {}", show(self.shape())));
        }
        let (lead, plane) = self.shape().split_at(self.rank() - 2);
        let out = [h.unwrap_or(plane[0] as isize), w.unwrap_or(plane[1] as isize)];
        if out.iter().any(|&n| n < 0) {
            return Err(runtime!(
                "{op}: elements of output_size must be greater than or equal to 0 but received {{{}, {}}}",
                out[0],
                out[1]
            ));
        }
        if let Some(i) = plane.iter().position(|&n| n == 0) {
            return Err(runtime!(
                "{op}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {} being empty",
                show(self.shape()),
                lead.len() + i
            ));
        }
        let out = out.map(|n| n as usize);
        if out == [1, 1] && !self.dtype().is_float() {
            return Err(missing!(
                "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
                self.dtype().scalar_type()
            ));
        }
        let d = Adaptive2d { planes: lead.iter().product(), size: [plane[0], plane[1]], out };
        let (full, pooled) = (self.layout().shape.clone(), self.resized_plane(out));
        let first = if out == [1, 1] { "MeanBackward1" } else { "AdaptiveAvgPool2DBackward0" };
        let names = [first, "AdaptiveAvgPool2DBackwardBackward0"];
        Arc::new(Map { kind: Kind::Adaptive(d), full, pooled, names }).down(self)
    }

    /// A pool over the last dimension: that over an image of one row.
    fn as_row(&self, pool: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        pool(&self.unsqueeze(-2)?)?.squeeze(Some(&[-2]))
    }

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
        if !matches!(self.rank(), 2 | 3) {
            return Err(runtime!(
                "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for max_pool1d)",
                self.rank()
            ));
        }
        let one = row_windows("max_pool1d_with_indices", windows)?;
        let (out, place) = self.unsqueeze(-2)?.max_pool2d_with_indices(one.as_windows())?;
        Ok((out.squeeze(Some(&[-2]))?, place.squeeze(Some(&[-2]))?))
    }

    pub fn avg_pool1d(&self, windows: Windows, include_pad: bool) -> Result<Tensor> {
        if !matches!(self.rank(), 2 | 3) {
            return Err(runtime!(
                "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for avg_pool1d)",
                self.rank()
            ));
        }
        let one = row_windows("avg_pool1d", windows)?;
        self.as_row(|x| x.avg_pool2d(one.as_windows(), include_pad, None))
    }

    pub fn adaptive_avg_pool1d(&self, size: Option<isize>) -> Result<Tensor> {
        if !matches!(self.rank(), 2 | 3) {
            return Err(runtime!(
                "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for adaptive_avg_pool1d)",
                self.rank()
            ));
        }
        self.as_row(|x| x.adaptive_avg_pool2d(&[Some(1), size]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    fn numbers(shape: &[usize]) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| ((i * 7919 % 1009) as f64 - 500.0) / 250.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    const PLAIN: Windows = Windows { kernel: &[2], stride: &[], padding: &[0], dilation: &[1], ceil: false };

    #[track_caller]
    fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, x: &Tensor) {
        let (taped, measured) = check_vjp(f, std::slice::from_ref(x)).expect("fits");
        assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
        // A pool is linear where no maximum changes, so its square has the interesting second derivative.
        let (taped, measured) = check_second(|v| f(v)?.mul(&f(v)?), std::slice::from_ref(x)).expect("fits");
        assert!((taped - measured).abs() < 1e-5, "second: {taped} {measured}");
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let windows = [
            PLAIN,
            Windows { kernel: &[3, 2], stride: &[2, 1], padding: &[1, 1], ..PLAIN },
            Windows { kernel: &[3], stride: &[2], padding: &[1], ceil: true, ..PLAIN },
        ];
        for x in [numbers(&[2, 2, 6, 7]), numbers(&[2, 5, 4]), numbers(&[0, 2, 4, 4])] {
            for w in windows {
                check(|v| v[0].max_pool2d(w), &x);
                check(|v| v[0].avg_pool2d(w, true, None), &x);
                check(|v| v[0].avg_pool2d(w, false, None), &x);
                check(|v| v[0].avg_pool2d(w, true, Some(3)), &x);
            }
            check(|v| v[0].max_pool2d(Windows { dilation: &[2], ..PLAIN }), &x);
            check(|v| v[0].adaptive_avg_pool2d(&[Some(2), None]), &x);
            check(|v| v[0].adaptive_avg_pool2d(&[Some(1), Some(1)]), &x);
        }
        let x = numbers(&[2, 3, 7]);
        check(|v| v[0].max_pool1d(PLAIN), &x);
        check(|v| v[0].avg_pool1d(PLAIN, true), &x);
        check(|v| v[0].adaptive_avg_pool1d(Some(3)), &x);
    }

    #[test]
    fn half_types_give_the_rounded_result_of_f32() {
        let x = numbers(&[1, 2, 4, 4]).cast_data(DType::F16).expect("small");
        let wide = x.cast_data(DType::F32).expect("small").avg_pool2d(PLAIN, true, None).expect("fits");
        let half = x.avg_pool2d(PLAIN, true, None).expect("fits");
        assert_eq!(half.dtype(), DType::F16);
        assert_eq!(
            half.slice::<half::f16>(),
            wide.cast_data(DType::F16).expect("small").slice::<half::f16>()
        );
    }
}
