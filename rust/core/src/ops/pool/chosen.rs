//! Windows at random places, and numbers put back where a pool found them.

use crate::backend::backend;
use crate::backend::nn::{Chosen, Fraction};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::{Dims, numel, show};
use crate::tensor::Tensor;
use crate::tensor::tape::wants_record;
use crate::{autocast, grads, runtime};

/// One number for all of `N` axes or one for each.
fn each<const N: usize>(op: &str, what: &str, given: &[isize]) -> Result<[isize; N]> {
    match given {
        [n] => Ok([*n; N]),
        _ => given.try_into().map_err(|_| {
            let count = if N == 2 { "" } else { "three " };
            runtime!("{op}: {what} must either be a single Int or tuple of {count}Ints")
        }),
    }
}

/// The last axes of three; the others are 1.
fn volume<const N: usize>(last: [usize; N]) -> [usize; 3] {
    let mut all = [1; 3];
    all[3 - N..].copy_from_slice(&last);
    all
}

impl Tensor {
    /// The checks of PyTorch, in its order.
    fn fraction<const N: usize>(
        &self,
        op: &str,
        kernel: &[isize],
        size: &[isize],
        shifts: &Tensor,
    ) -> Result<Fraction> {
        let kernel: [isize; N] = each(op, "kernel_size", kernel)?;
        let out: [isize; N] = each(op, "output_size", size)?;
        let long = if N == 2 { op.to_string() } else { format!("{op}_out") };
        if kernel.iter().any(|&k| k <= 0) {
            let list = kernel.map(|k| k.to_string()).join("x");
            return Err(runtime!("{op}(): kernel size should be greater than zero, but got {list}"));
        }
        if self.rank() != N + 1 && self.rank() != N + 2 {
            let (low, high) = (N + 1, N + 2);
            return Err(runtime!(
                "{long}(): Expected {low}D or {high}D tensor, but got: {}",
                show(self.shape())
            ));
        }
        if let Some(i) = (self.rank() - N - 1..self.rank()).find(|&i| self.shape()[i] == 0) {
            return Err(runtime!(
                "{long}(): Expected input to have non-zero size for non-batch dimensions, but got{} with dimension {i} being empty.",
                show(self.shape())
            ));
        }
        let (lead, last) = self.shape().split_at(self.rank() - N);
        let names = if N == 2 { &["height", "width"][..] } else { &["time", "height", "width"] };
        for (a, name) in names.iter().enumerate() {
            // In three dimensions PyTorch asks for one place more.
            let room = last[a] as isize - if N == 2 { 0 } else { 1 };
            if out[a] + kernel[a] - 1 > room {
                let (k, n) = (kernel[a], last[a]);
                return Err(runtime!("{long}(): pool {name} {k} too large relative to input {name} {n}"));
            }
        }
        if let Some(bad) = out.iter().find(|&&n| n < 0) {
            let lead = lead.iter().map(|&n| n as isize);
            let asked: Vec<isize> = lead.chain(out).collect();
            return Err(runtime!("Trying to create tensor with negative dimension {bad}: {asked:?}"));
        }
        if shifts.dtype() != self.dtype() {
            return Err(runtime!("Expect _random_samples to have the same dtype as input"));
        }
        let &[batch, channels, axes] = shifts.shape() else {
            return Err(runtime!("Expect _random_samples to have 3 dimensions, got {}", shifts.rank()));
        };
        if batch < numel(&lead[..lead.len() - 1]) {
            return Err(runtime!("Expect _random_samples.size(0) no less then input batch size."));
        }
        if channels != lead[lead.len() - 1] {
            return Err(runtime!("Expect _random_samples.size(1) equals to input channel size."));
        }
        if axes != N {
            return Err(runtime!("Expect _random_samples.size(2) equals to {N}; got {axes}."));
        }
        if !self.dtype().is_float() {
            let op = format!("{op}_out_frame");
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let mut own = [0; N];
        own.copy_from_slice(last);
        Ok(Fraction {
            planes: numel(lead),
            size: volume(own),
            kernel: volume(kernel.map(|n| n as usize)),
            out: volume(out.map(|n| n as usize)),
            axes: N,
            // In two dimensions the first number is that of the width. An axis of size 1 does not look at its number.
            order: if N == 2 { [0, 1, 0] } else { [0, 1, 2] },
        })
    }

    fn fractional_max_pool(
        &self,
        d: Fraction,
        shifts: &Tensor,
        names: [&'static str; 2],
    ) -> Result<(Tensor, Tensor)> {
        let pooled = Layout::contiguous(&self.pooled(d.axes, d.out));
        let y = Tensor::empty_on(pooled.clone(), self.dtype(), self.device())?;
        let place = Tensor::empty_on(pooled, DType::I64, self.device())?;
        let (x, shifts) = (self.contiguous_data()?, shifts.contiguous_data()?);
        backend(self.device()).fractional_max_pool(d, x.raw(), shifts.raw(), y.raw(), place.raw())?;
        if !wants_record(&[self]) {
            return Ok((y, place));
        }
        Ok((self.recorded_max(y, d.chosen(), &place, names)?, place))
    }

    /// The largest number of windows that begin at places drawn with `shifts`, (N, C, 2) numbers of [0, 1), and where in
    /// its plane it stands.
    pub fn fractional_max_pool2d(
        &self,
        kernel: &[isize],
        size: &[isize],
        shifts: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        autocast!("fractional_max_pool2d"; x = self, shifts = shifts => x.fractional_max_pool2d(kernel, size, &shifts));
        let d = self.fraction::<2>("fractional_max_pool2d", kernel, size, shifts)?;
        let names = ["FractionalMaxPool2DBackward0", "FractionalMaxPool2DBackwardBackward0"];
        self.fractional_max_pool(d, shifts, names)
    }

    /// The same over depth, height and width, with three shifts a channel.
    pub fn fractional_max_pool3d(
        &self,
        kernel: &[isize],
        size: &[isize],
        shifts: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        autocast!("fractional_max_pool3d"; x = self, shifts = shifts => x.fractional_max_pool3d(kernel, size, &shifts));
        let d = self.fraction::<3>("fractional_max_pool3d", kernel, size, shifts)?;
        let names = ["FractionalMaxPool3DBackward0", "FractionalMaxPool3DBackwardBackward0"];
        self.fractional_max_pool(d, shifts, names)
    }

    fn max_unpool(&self, axes: usize, place: &Tensor, size: &[isize], name: &'static str) -> Result<Tensor> {
        if place.dtype() != DType::I64 {
            return Err(runtime!(
                "elements in indices should be type int64 but got: {}",
                place.dtype().scalar_type()
            ));
        }
        if size.len() != axes {
            let list = if axes == 2 {
                "two elements (height, width)"
            } else {
                "three elements (depth, height, width)"
            };
            return Err(runtime!(
                "There should be exactly {list} in output_size, but got {} elements.",
                size.len()
            ));
        }
        if self.rank() != axes + 1 && self.rank() != axes + 2 {
            return Err(runtime!(
                "Input to max_unpooling{axes}d should be a {}d or {}d Tensor, but got a tensor with {} dimensions.",
                axes + 1,
                axes + 2,
                self.rank()
            ));
        }
        if self.shape() != place.shape() {
            return Err(runtime!(
                "Expected shape of indices to be same as that of the input tensor ({}) but got indices tensor with shape: {}",
                show(self.shape()),
                show(place.shape())
            ));
        }
        let from = self.rank() - axes;
        if let Some(i) = (from - 1..self.rank()).find(|&i| self.shape()[i] == 0) {
            return Err(runtime!(
                "max_unpooling{axes}d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {} with dimension {i} being empty",
                show(self.shape())
            ));
        }
        if size.iter().any(|&n| n < 0) {
            return Err(runtime!(
                "max_unpooling{axes}d(): output_size must contain non-negative spatial dimensions, but got output_size={size:?}"
            ));
        }
        if !self.dtype().is_float() {
            return Err(Error::NotImplemented {
                op: format!("max_unpool{axes}d").into(),
                dtype: self.dtype(),
            });
        }
        let size: Vec<usize> = size.iter().map(|&n| n as usize).collect();
        let (lead, last) = self.shape().split_at(from);
        let mut full = Dims::from_slice(lead);
        full.extend_from_slice(&size);
        let d = Chosen { planes: numel(lead), plane: numel(&size), out: numel(last) };
        let out = self.new_empty(&full, self.dtype())?;
        let place = place.contiguous_data()?;
        backend(self.device()).max_unpool(d, &size, self.contiguous_data()?.raw(), place.raw(), out.raw())?;
        let pooled = self.layout().shape.clone();
        out.record(name, &[self], |save| {
            let place = save.plain(&place);
            move |ctx, g| {
                let flat = place.get(ctx)?.alias(Layout::contiguous(&[d.planes, d.out]));
                grads![Some(g.reshape(&[d.planes, d.plane])?.gather(1, &flat)?.view(&pooled)?)]
            }
        })
    }

    /// Numbers at the places that a max pool found them at in images of `size`; 0 elsewhere.
    pub fn max_unpool2d(&self, place: &Tensor, size: &[isize]) -> Result<Tensor> {
        autocast!("max_unpool2d"; x = self => x.max_unpool2d(place, size));
        self.max_unpool(2, place, size, "MaxUnpool2DBackward0")
    }

    /// The same in volumes. The places say all: `stride` and `padding` are only checked.
    pub fn max_unpool3d(
        &self,
        place: &Tensor,
        size: &[isize],
        stride: &[isize],
        padding: &[isize],
    ) -> Result<Tensor> {
        autocast!("max_unpool3d"; x = self => x.max_unpool3d(place, size, stride, padding));
        for (what, given) in [("stride", stride), ("padding", padding)] {
            if size.len() == 3 && given.len() != 3 {
                return Err(runtime!(
                    "There should be exactly three elements (depth, height, width) in {what}, but got: {} elements.",
                    given.len()
                ));
            }
        }
        if stride.iter().any(|&n| n <= 0) && size.len() == 3 {
            return Err(runtime!("strides should be greater than zero, but got stride: {stride:?}"));
        }
        self.max_unpool(3, place, size, "MaxUnpool3DBackward0")
    }
}
