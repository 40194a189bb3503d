//! Convolutions as correlations on a grid: planes are laid out so that a tap is a shift.
//!
//! A padded plane is cut into `stride x stride` phases, planes of one width in which the inputs that a tap meets lie
//! next to each other. Output `f`, counted along the rows of that width, then meets a tap at `f + offset`, whatever the
//! stride, the padding and the dilation are. The columns between the rows are computed in vain. Without strides the input
//! gradient is a correlation too, over `dy` and with the kernel turned round.

use super::Conv2d;
use super::lines;
use super::register::Scratch;
use crate::dtype::Real;
use std::ops::Range;

/// A tap of the kernel that takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    /// Its number in the kernel.
    pub k: usize,
    /// Which of the correlation's phases it reads, and how far down and to the right.
    pub phase: usize,
    pub down: usize,
    pub right: usize,
}

/// `out[r][q] = sum over taps of weight[k] * phase[r + down][q + right]` for `r < rows`, `q < cols`.
#[derive(Debug)]
pub(super) struct Correlation {
    pub rows: usize,
    pub cols: usize,
    pub taps: Vec<Tap>,
    /// Size of the source's planes.
    h: usize,
    w: usize,
    /// Row `r` of phase `[a, b]` is row `r * stride[0] + a - origin[0]` of the plane; columns likewise.
    phases: Vec<[usize; 2]>,
    stride: [usize; 2],
    origin: [isize; 2],
}

impl Correlation {
    /// The output of a convolution.
    pub fn forward(d: &Conv2d) -> Self {
        let mut phases: Vec<[usize; 2]> = Vec::new();
        let mut taps = Vec::with_capacity(d.kh * d.kw);
        for k in 0..d.kh * d.kw {
            let (i, j) = (k / d.kw * d.dilation[0], k % d.kw * d.dilation[1]);
            let phase = [i % d.stride[0], j % d.stride[1]];
            let at = phases.iter().position(|p| *p == phase).unwrap_or_else(|| {
                phases.push(phase);
                phases.len() - 1
            });
            taps.push(Tap { k, phase: at, down: i / d.stride[0], right: j / d.stride[1] });
        }
        Self {
            rows: d.out_h(),
            cols: d.out_w(),
            taps,
            h: d.h,
            w: d.w,
            phases,
            stride: d.stride,
            origin: d.pad.map(|p| p as isize),
        }
    }

    /// The input gradient of a convolution without strides.
    pub fn backward_input(d: &Conv2d) -> Self {
        // Tap k of input i meets output i + pad - k * dilation: from the first of them on the taps go up.
        let most = [(d.kh - 1) * d.dilation[0], (d.kw - 1) * d.dilation[1]];
        let tap = |k| Tap {
            k,
            phase: 0,
            down: most[0] - k / d.kw * d.dilation[0],
            right: most[1] - k % d.kw * d.dilation[1],
        };
        Self {
            rows: d.h,
            cols: d.w,
            taps: (0..d.kh * d.kw).map(tap).collect(),
            h: d.out_h(),
            w: d.out_w(),
            phases: vec![[0, 0]],
            stride: [1, 1],
            origin: [0, 1].map(|axis| most[axis] as isize - d.pad[axis] as isize),
        }
    }

    /// Numbers of a plane of the result.
    pub fn plane(&self) -> usize {
        self.rows * self.cols
    }

    /// How far the taps reach down and to the right.
    fn reach(&self) -> [usize; 2] {
        self.taps.iter().fold([0, 0], |[down, right], t| [down.max(t.down), right.max(t.right)])
    }
}

/// A stretch of a tile that is wanted: its lanes, and where they go in the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub lane: usize,
    pub len: usize,
    pub out: usize,
}

/// A tile of the grid: where it begins, and its segments in the grid's list.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    pub at: usize,
    pub segments: Range<usize>,
}

/// Some rows of all of a correlation's phases, for some images: the source of a channel side by side.
pub(super) struct Grid<'a> {
    of: &'a Correlation,
    images: Range<usize>,
    rows: Range<usize>,
    /// Numbers of a row, and rows of an image: what is wanted and what the taps reach.
    pub width: usize,
    height: usize,
}

impl<'a> Grid<'a> {
    pub fn new(of: &'a Correlation, images: Range<usize>, rows: Range<usize>) -> Self {
        let [down, right] = of.reach();
        Self { of, width: of.cols + right, height: rows.len() + down, images, rows }
    }

    /// From one phase to the next.
    fn phase(&self) -> usize {
        self.images.len() * self.height * self.width
    }

    /// From one channel to the next: off the multiples of a page, which would share few sets of the cache.
    pub fn channel(&self) -> usize {
        (self.of.phases.len() * self.phase()).next_multiple_of(16) + 16
    }

    /// How far the last output lies behind the first.
    pub fn len(&self) -> usize {
        ((self.images.len() - 1) * self.height + self.rows.len() - 1) * self.width + self.of.cols
    }

    /// Where a tap meets output 0.
    pub fn offset(&self, tap: &Tap) -> usize {
        tap.phase * self.phase() + tap.down * self.width + tap.right
    }

    /// The plane of an image's channel into its place among those of the channel.
    #[inline(always)]
    pub fn fill<T: Real>(&self, image: usize, plane: &[T], channel: &mut [T]) {
        let c = self.of;
        let inside = |i: usize, phase: usize, axis: usize, size: usize| {
            let at = (i * c.stride[axis] + phase) as isize - c.origin[axis];
            usize::try_from(at).ok().filter(|&at| at < size)
        };
        for (nth, &[a, b]) in c.phases.iter().enumerate() {
            // The columns inside the plane, which are the same for all rows.
            let from = (0..self.width).find(|&q| inside(q, b, 1, c.w).is_some()).unwrap_or(self.width);
            let first = inside(from, b, 1, c.w).unwrap_or(c.w);
            let n = (c.w - first).div_ceil(c.stride[1]).min(self.width - from);
            for r in 0..self.height {
                let at = nth * self.phase() + (image * self.height + r) * self.width;
                let row = &mut channel[at..at + self.width];
                let Some(y) = inside(self.rows.start + r, a, 0, c.h).filter(|_| n > 0) else {
                    row.fill(T::ZERO);
                    continue;
                };
                row[..from].fill(T::ZERO);
                row[from + n..].fill(T::ZERO);
                let (row, x) = (&mut row[from..from + n], &plane[y * c.w + first..]);
                match c.stride[1] {
                    1 => lines::copy(&x[..n], row),
                    2 => row.iter_mut().zip(x.iter().step_by(2)).for_each(|(row, &x)| *row = x),
                    s => row.iter_mut().zip(x.iter().step_by(s)).for_each(|(row, &x)| *row = x),
                }
            }
        }
    }

    /// Tiles of `size` outputs that cover the wanted ones; `step` is from image to image in the output.
    pub fn tiles(&self, size: usize, step: usize) -> (Vec<Tile>, Vec<Segment>) {
        let (mut tiles, mut segments): (Vec<Tile>, Vec<Segment>) = (Vec::new(), Vec::new());
        for image in 0..self.images.len() {
            for r in 0..self.rows.len() {
                let begin = (image * self.height + r) * self.width;
                let out = image * step + (self.rows.start + r) * self.of.cols;
                let mut q = 0;
                while q < self.of.cols {
                    if tiles.last().is_none_or(|t| begin + q >= t.at + size) {
                        tiles.push(Tile { at: begin + q, segments: segments.len()..segments.len() });
                    }
                    let Some(tile) = tiles.last_mut() else { unreachable!("just pushed") };
                    let lane = begin + q - tile.at;
                    let len = (size - lane).min(self.of.cols - q);
                    segments.push(Segment { lane, len, out: out + q });
                    tile.segments.end += 1;
                    q += len;
                }
            }
        }
        (tiles, segments)
    }

    /// Outputs at the width of the grid, zero between the rows.
    #[inline(always)]
    pub fn spread<T: Real>(&self, image: usize, dy: &[T], grid: &mut [T]) {
        let n = self.of.cols;
        for r in 0..self.rows.len() {
            let row = &mut grid[(image * self.height + r) * self.width..];
            lines::copy(&dy[(self.rows.start + r) * n..][..n], &mut row[..n]);
            // Of the last row only what is wanted is there.
            let rest = row.len().min(self.width);
            row[n..rest].fill(T::ZERO);
        }
    }
}

/// A block of numbers that are zero: what is never written but read for lanes that nobody wants.
pub(super) fn zeros<T: Real>(len: usize) -> Scratch<T> {
    let mut block = Scratch::new(len);
    block.numbers().fill(T::ZERO);
    block
}

/// `n` in parts that differ by at most one, none longer than `most`: where the `i`-th begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub n: usize,
    pub count: usize,
}

impl Parts {
    pub fn new(n: usize, most: usize) -> Self {
        Self { n, count: n.div_ceil(most.max(1)).max(1) }
    }

    pub fn get(&self, i: usize) -> Range<usize> {
        self.n * i / self.count..self.n * (i + 1) / self.count
    }
}
