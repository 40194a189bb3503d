//! The windows of a picture as columns (`im2col`) and their sum back into a picture (`col2im`).
//!
//! Each is the transpose of the other, and so its derivative.

use crate::backend::backend;
use crate::backend::nn::Conv2d;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::wide::wide_dtype;
use crate::shape::{Dims, show};
use crate::tensor::Tensor;
use crate::{grads, runtime};

/// Height and width of the windows and how they move.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    pub kernel: &'a [isize],
    pub dilation: &'a [isize],
    pub padding: &'a [isize],
    pub stride: &'a [isize],
}

type Pair = [isize; 2];

/// Windows whose numbers are checked.
struct Moves {
    kernel: Pair,
    dilation: Pair,
    padding: Pair,
    stride: Pair,
}

fn pair(what: &str, given: &[isize]) -> Result<Pair> {
    given.try_into().map_err(|_| runtime!("It is expected {what} equals to 2, but got size {}", given.len()))
}

/// `(3, 4)`
fn show_pair(of: Pair) -> String {
    format!("({}, {})", of[0], of[1])
}

impl Blocks<'_> {
    fn check(&self) -> Result<Moves> {
        let moves = Moves {
            kernel: pair("kernel_size", self.kernel)?,
            dilation: pair("dilation", self.dilation)?,
            padding: pair("padding", self.padding)?,
            stride: pair("stride", self.stride)?,
        };
        let greater = |what: &str, names: &str, of: Pair| match of {
            [h, w] if h <= 0 || w <= 0 => Err(runtime!(
                "{what} should be greater than zero, but got {names}_height: {h} {names}_width: {w}"
            )),
            _ => Ok(()),
        };
        greater("kernel size", "kernel", moves.kernel)?;
        greater("dilation", "dilation", moves.dilation)?;
        if let [h, w] = moves.padding
            && (h < 0 || w < 0)
        {
            return Err(runtime!("padding should be non-negative, but got pad_height: {h} pad_width: {w}"));
        }
        greater("stride", "stride", moves.stride)?;
        Ok(moves)
    }
}

impl Moves {
    /// How many windows there are along each axis of a picture, at most 0 where none fits.
    fn windows(&self, size: Pair) -> Pair {
        [0, 1].map(|a| {
            let room = size[a] + 2 * self.padding[a] - self.dilation[a] * (self.kernel[a] - 1) - 1;
            room.div_euclid(self.stride[a]) + 1
        })
    }

    fn conv(&self, n: usize, c_in: usize, size: Pair) -> Conv2d {
        let whole = |v: Pair| v.map(|n| n as usize);
        let ([h, w], [kh, kw]) = (whole(size), whole(self.kernel));
        let (stride, pad, dilation) = (whole(self.stride), whole(self.padding), whole(self.dilation));
        Conv2d { n, c_in, c_out: 1, groups: 1, h, w, kh, kw, stride, pad, dilation }
    }
}

/// The map between pictures and columns of a size.
#[derive(Clone, Copy)]
struct Map {
    d: Conv2d,
    batched: bool,
}

impl Map {
    /// The type it runs in: bool is moved as numbers.
    fn dtype(op: &'static str, dtype: DType) -> Result<DType> {
        match dtype {
            DType::Bool => Ok(DType::F32),
            d if d.is_float() => Ok(wide_dtype(d)),
            _ => Err(Error::NotImplemented { op: op.into(), dtype }),
        }
    }

    fn out(&self, sizes: &[usize], dtype: DType, like: &Tensor) -> Result<Tensor> {
        let mut shape = Dims::new();
        if self.batched {
            shape.push(self.d.n);
        }
        shape.extend_from_slice(sizes);
        like.new_empty(&shape, dtype)
    }

    fn unfold(self, x: &Tensor) -> Result<Tensor> {
        let (d, dtype) = (self.d, Map::dtype("im2col_out_cpu", x.dtype())?);
        let out = self.out(&[d.c_in * d.kh * d.kw, d.out_h() * d.out_w()], dtype, x)?;
        backend(x.device()).unfold2d(d, x.cast_data(dtype)?.contiguous_data()?.raw(), out.raw())?;
        let out = out.cast_data(x.dtype())?;
        out.record("Im2ColBackward0", &[x], |_| move |_, g| grads![Some(self.fold(g)?)])
    }

    fn fold(self, columns: &Tensor) -> Result<Tensor> {
        let (d, dtype) = (self.d, Map::dtype("col2im_out_cpu", columns.dtype())?);
        let out = self.out(&[d.c_in, d.h, d.w], dtype, columns)?;
        backend(columns.device()).fold2d(d, columns.cast_data(dtype)?.contiguous_data()?.raw(), out.raw())?;
        let out = out.cast_data(columns.dtype())?;
        out.record("Col2ImBackward0", &[columns], |_| move |_, g| grads![Some(self.unfold(g)?)])
    }
}

impl Tensor {
    /// (n, c, h, w) or (c, h, w) becomes (n, c * kh * kw, windows): every window a column.
    pub fn im2col(&self, blocks: Blocks) -> Result<Tensor> {
        let moves = blocks.check()?;
        let fits = matches!(self.rank(), 3 | 4) && !self.shape()[self.rank() - 3..].contains(&0);
        if self.rank() < 3 {
            return Err(Error::Dim { dim: 2, rank: self.rank() });
        }
        if !fits {
            return Err(runtime!(
                "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {}",
                show(self.shape())
            ));
        }
        let batched = self.rank() == 4;
        let &[c, h, w] = &self.shape()[self.rank() - 3..] else { unreachable!("three are taken") };
        let size = [h as isize, w as isize];
        let windows = moves.windows(size);
        if windows.iter().any(|&n| n < 1) {
            return Err(runtime!(
                "Given input with spatial size {}, kernel_size={}, dilation={}, padding={}, calculated shape of the array of sliding blocks as {}, but its components must be at least one.",
                show_pair(size),
                show_pair(moves.kernel),
                show_pair(moves.dilation),
                show_pair(moves.padding),
                show_pair(windows)
            ));
        }
        let n = if batched { self.shape()[0] } else { 1 };
        Map { d: moves.conv(n, c, size), batched }.unfold(self)
    }

    /// (n, c * kh * kw, windows) becomes (n, c, h, w): every pixel the sum of the windows' elements that lie on it.
    pub fn col2im(&self, output_size: &[isize], blocks: Blocks) -> Result<Tensor> {
        let size = pair("output_size", output_size)?;
        let moves = blocks.check()?;
        let lead = self.rank().saturating_sub(2);
        if !matches!(self.rank(), 2 | 3) || self.shape()[lead..].contains(&0) {
            return Err(runtime!(
                "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {}",
                show(self.shape())
            ));
        }
        let &[rows, columns] = &self.shape()[lead..] else { unreachable!("two are taken") };
        let taps = (moves.kernel[0] * moves.kernel[1]) as usize;
        if !rows.is_multiple_of(taps) {
            return Err(runtime!(
                "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={rows} and kernel_size={}.",
                show_pair(moves.kernel)
            ));
        }
        let [a, b] = moves.windows(size);
        if a.checked_mul(b) != Some(columns as isize) {
            return Err(runtime!(
                "Given output_size={}, kernel_size={}, dilation={}, padding={}, stride={}, expected size of input's dimension 2 to match the calculated number of sliding blocks {a} * {b} = {}, but got input.size(2)={columns}.",
                show_pair(size),
                show_pair(moves.kernel),
                show_pair(moves.dilation),
                show_pair(moves.padding),
                show_pair(moves.stride),
                a.saturating_mul(b)
            ));
        }
        if a < 1 || b < 1 {
            return Err(runtime!(
                "Given output_size={}, kernel_size={}, dilation={}, padding={}, stride={}, calculated shape of the array of sliding blocks as ({a}, {b}), but its components must be at least one.",
                show_pair(size),
                show_pair(moves.kernel),
                show_pair(moves.dilation),
                show_pair(moves.padding),
                show_pair(moves.stride)
            ));
        }
        if size.iter().any(|&n| n < 1) {
            return Err(runtime!(
                "Expected output_size to be greater than zero, but got {}",
                show_pair(size)
            ));
        }
        let batched = self.rank() == 3;
        let n = if batched { self.shape()[0] } else { 1 };
        Map { d: moves.conv(n, rows / taps, size), batched }.fold(self)
    }
}
