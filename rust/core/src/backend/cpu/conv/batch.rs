//! Convolution of a batch, with the images side by side in the vectors: output and input gradient.
//!
//! A block of `L = 2 * V::N` images is turned round into `[channel][row][column][L]`. An output pixel of all of them is
//! then two registers, each tap of it two aligned loads and one broadcast weight per output channel:
//!
//!   acc[R][2] += weight[tap][R] * x[tap][2]      R <= 6 channels: 12 accumulators, 2 + 1 more registers
//!
//! Which taps reach a pixel is found once per row (`Taps`), so that padding and strides cost nothing in the loop. The
//! input gradient is the same loop with another table of taps: input pixel and output pixel change places.
//!
//! LOOP 1: tasks = blocks of images x groups x ranges of output rows, over the threads
//! LOOP 2: rows of the output; LOOP 3: `SEGMENT` pixels of a row, whose inputs stay in L1
//! LOOP 4: blocks of R output channels, whose weights stay in L1 over LOOP 5: the pixels of the segment

use super::Conv2d;
use super::register::{HasRegisters, Kernel, Register, Scratch};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};
use std::ops::Range;

/// Output channels of a tile.
const TALL: usize = 6;
/// Pixels of a row that are worked on together.
const SEGMENT: usize = 8;
/// Tasks that are enough for the threads to share.
const PIECES: usize = 16;

/// Whether the batch fills the registers well enough to pay for turning it round.
pub(super) fn fits<T: HasRegisters>(d: &Conv2d) -> bool {
    let lanes = 2 * T::lanes();
    // More than five eighths of the lanes in use.
    d.n * 8 >= d.n.div_ceil(lanes) * lanes * 5
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (c_in, c_out) = d.per_group();
    let axis = |a: usize, size: usize, kernel: usize, out: usize| {
        Axis::new(out, kernel, d.dilation[a] as isize, 1, |o, k| {
            (o * d.stride[a] + k * d.dilation[a]).checked_sub(d.pad[a]).filter(|&i| i < size)
        })
    };
    let (oh, ow) = (d.out_h(), d.out_w());
    T::with_register(Gather {
        n: d.n,
        groups: d.groups,
        from: Planes { channels: c_in, h: d.h, w: d.w },
        to: Planes { channels: c_out, h: oh, w: ow },
        axes: [axis(0, d.h, d.kh, oh), axis(1, d.w, d.kw, ow)],
        kernel: [d.kh, d.kw],
        weight,
        // Of output channel o, input channel c.
        weight_steps: [d.taps(), d.kh * d.kw],
        bias,
        x,
        y: Out::new(y),
    });
}

pub(super) fn backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let (c_in, c_out) = d.per_group();
    let axis = |a: usize, size: usize, kernel: usize, out: usize| {
        let common = gcd(d.stride[a], d.dilation[a]);
        let steps = (-((d.dilation[a] / common) as isize), d.stride[a] / common);
        // The output that input i meets through tap k, if there is one.
        Axis::new(size, kernel, steps.0, steps.1, |i, k| {
            let from = (i + d.pad[a]).checked_sub(k * d.dilation[a])?;
            (from % d.stride[a] == 0).then_some(from / d.stride[a]).filter(|&o| o < out)
        })
    };
    let (oh, ow) = (d.out_h(), d.out_w());
    T::with_register(Gather {
        n: d.n,
        groups: d.groups,
        from: Planes { channels: c_out, h: oh, w: ow },
        to: Planes { channels: c_in, h: d.h, w: d.w },
        axes: [axis(0, d.h, d.kh, oh), axis(1, d.w, d.kw, ow)],
        kernel: [d.kh, d.kw],
        weight,
        weight_steps: [d.kh * d.kw, d.taps()],
        bias: None,
        x: dy,
        y: Out::new(dx),
    });
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The taps that reach one coordinate: `count` of them from tap `k` on, the first at coordinate `at` of the source.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reach {
    at: usize,
    k: usize,
    count: usize,
}

/// The taps along one axis, for every coordinate of the result.
struct Axis {
    reach: Vec<Reach>,
    /// From one tap to the next: coordinates of the source, and tap numbers.
    step: isize,
    k_step: usize,
}

impl Axis {
    fn new(
        size: usize,
        kernel: usize,
        step: isize,
        k_step: usize,
        source: impl Fn(usize, usize) -> Option<usize>,
    ) -> Self {
        let reach = |o: usize| {
            let mut met = (0..kernel).filter_map(|k| source(o, k).map(|at| (k, at)));
            let Some((k, at)) = met.next() else { return Reach { at: 0, k: 0, count: 0 } };
            Reach { at, k, count: 1 + met.count() }
        };
        Axis { reach: (0..size).map(reach).collect(), step, k_step }
    }
}

#[derive(Clone, Copy)]
struct Planes {
    channels: usize,
    h: usize,
    w: usize,
}

impl Planes {
    fn size(&self) -> usize {
        self.h * self.w
    }
}

/// Every pixel of `to` is a weighted sum of the pixels of `from` that its taps reach.
struct Gather<'a, T> {
    n: usize,
    groups: usize,
    from: Planes,
    to: Planes,
    axes: [Axis; 2],
    kernel: [usize; 2],
    weight: &'a [T],
    /// In `weight`: from one channel of `to` to the next, and of `from`.
    weight_steps: [usize; 2],
    bias: Option<&'a [T]>,
    x: &'a [T],
    y: Out<T>,
}

impl<T: HasRegisters> Kernel<T> for Gather<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let lanes = 2 * V::N;
        let blocks = self.n.div_ceil(lanes);
        let numbers = (self.from.channels * self.from.size() + self.to.channels * self.to.size()) * lanes;
        // Rows are split where blocks are few, or where a block is far larger than the caches.
        let ranges = PIECES.div_ceil(blocks * self.groups).max(numbers >> 20).clamp(1, self.to.h.div_ceil(2));
        let tall = self.to.h.div_ceil(ranges);
        let ranges = self.to.h.div_ceil(tall);
        let panel = self.to.channels * self.from.channels * self.kernel[0] * self.kernel[1];
        let mut panels = Scratch::new(panel * self.groups);
        self.pack_weights(panels.numbers());
        let panels = &*panels.numbers();
        tasks(blocks * self.groups * ranges, |task| {
            let (block, g, range) = (task / ranges / self.groups, task / ranges % self.groups, task % ranges);
            let rows = range * tall..((range + 1) * tall).min(self.to.h);
            let images = block * lanes..((block + 1) * lanes).min(self.n);
            // SAFETY: `with_register` chose a register this machine has.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.task::<V>(images, g, rows, &panels[g * panel..][..panel]),
                )
            };
        });
    }
}

/// Begin and length of block `i` when `n` channels are cut into blocks of at most `TALL`, as equal as can be.
pub(super) fn cut(n: usize, most: usize, i: usize) -> Range<usize> {
    let blocks = n.div_ceil(most);
    i * n / blocks..(i + 1) * n / blocks
}

impl<T: HasRegisters> Gather<'_, T> {
    /// `[group][block of channels of to][channel of from][tap][channel in the block]`
    fn pack_weights(&self, panels: &mut [T]) {
        let kernel = self.kernel[0] * self.kernel[1];
        let mut out = panels.iter_mut();
        // A group's weights begin after those of the groups before it, whichever way the channels are counted.
        let group = self.to.channels * self.from.channels * kernel;
        for g in 0..self.groups {
            for block in 0..self.to.channels.div_ceil(TALL) {
                for c in 0..self.from.channels {
                    for k in 0..kernel {
                        for (o, out) in cut(self.to.channels, TALL, block).zip(&mut out) {
                            *out = self.weight
                                [g * group + o * self.weight_steps[0] + c * self.weight_steps[1] + k];
                        }
                    }
                }
            }
        }
    }

    /// Rows `rows` of the result for a block of images and a group.
    #[inline(always)]
    fn task<V: Register<E = T>>(&self, images: Range<usize>, g: usize, rows: Range<usize>, panel: &[T]) {
        let (from, to, lanes) = (self.from, self.to, 2 * V::N);
        // The rows of the source that these rows reach.
        let mut ends: Option<(usize, usize)> = None;
        for r in self.axes[0].reach[rows.clone()].iter().filter(|r| r.count > 0) {
            let last = r.at.wrapping_add_signed((r.count as isize - 1) * self.axes[0].step);
            let (low, high) = ends.unwrap_or((r.at, r.at));
            ends = Some((low.min(r.at.min(last)), high.max(r.at.max(last))));
        }
        let source = ends.map_or(0..0, |(low, high)| low..high + 1);
        let (part, out_part) = (source.len() * from.w, rows.len() * to.w);
        let mut block = Scratch::new((from.channels * part + to.channels * out_part) * lanes);
        let (x, y) = block.numbers().split_at_mut(from.channels * part * lanes);
        // Whole planes lie one after the other; parts of them come channel by channel.
        let (runs, run) = match part == from.size() {
            true => (1, from.channels * part),
            false => (from.channels, part),
        };
        for c in 0..runs {
            let step = self.groups * from.channels * from.size();
            let at = images.start * step + (g * from.channels + c) * from.size() + source.start * from.w;
            let into = &mut x[c * run * lanes..(c + 1) * run * lanes];
            turn_in::<V>(self.x, at, step, images.len(), lanes, run, into);
        }
        let turned = Turned { x, plane: part * lanes, top: source.start };
        self.rows::<V>(turned, g, rows.clone(), panel, y);
        let (runs, run) = match out_part == to.size() {
            true => (1, to.channels * out_part),
            false => (to.channels, out_part),
        };
        for c in 0..runs {
            let step = self.groups * to.channels * to.size();
            let at = images.start * step + (g * to.channels + c) * to.size() + rows.start * to.w;
            turn_out::<V>(&y[c * run * lanes..], lanes, run, &self.y, at, step, images.len());
        }
    }

    /// `y[channel][row][column][lane]` from the rows of the source that were turned in.
    #[inline(always)]
    fn rows<V: Register<E = T>>(
        &self,
        source: Turned<T>,
        g: usize,
        rows: Range<usize>,
        panel: &[T],
        y: &mut [T],
    ) {
        let Turned { x, plane, top } = source;
        let (from, to, lanes) = (self.from, self.to, 2 * V::N);
        let kernel = self.kernel[0] * self.kernel[1];
        let out_plane = rows.len() * to.w * lanes;
        let mut taps = Taps::default();
        for (r, row) in rows.enumerate() {
            taps.find(&self.axes, row, from.w, self.kernel[1], lanes);
            let tall = self.axes[0].reach[row];
            for first in (0..to.w).step_by(SEGMENT) {
                let segment = first..(first + SEGMENT).min(to.w);
                for block in 0..to.channels.div_ceil(TALL) {
                    let channels = cut(to.channels, TALL, block);
                    let w = &panel[channels.start * from.channels * kernel..];
                    let zeros = [T::ZERO; TALL];
                    let bias = match self.bias {
                        Some(b) => &b[g * to.channels + channels.start..][..channels.len()],
                        None => &zeros[..channels.len()],
                    };
                    for column in segment.clone() {
                        let wide = self.axes[1].reach[column];
                        let taps = &taps.list[taps.ranges[column].clone()];
                        let tile = Tile {
                            // Where there is no tap, nothing is read.
                            x: if taps.is_empty() {
                                x
                            } else {
                                &x[((tall.at - top) * from.w + wide.at) * lanes..]
                            },
                            plane,
                            channels: from.channels,
                            taps,
                            w,
                            w_step: kernel * channels.len(),
                            bias,
                            y: &mut y[channels.start * out_plane + (r * to.w + column) * lanes..],
                            y_step: out_plane,
                        };
                        match channels.len() {
                            1 => tile.run::<V, 1>(),
                            2 => tile.run::<V, 2>(),
                            3 => tile.run::<V, 3>(),
                            4 => tile.run::<V, 4>(),
                            5 => tile.run::<V, 5>(),
                            _ => tile.run::<V, 6>(),
                        }
                    }
                }
            }
        }
    }
}

/// Rows of the source from `top` on, images in the lanes; channels are `plane` numbers apart.
struct Turned<'a, T> {
    x: &'a [T],
    plane: usize,
    top: usize,
}

/// The taps of the pixels of one row: for each the offset of its input and the number of its weight.
#[derive(Default)]
struct Taps {
    /// The taps of the row that the lists were made for.
    row: Option<(usize, usize)>,
    list: Vec<[i32; 2]>,
    /// The part of the list that a column uses; columns in the middle share one.
    ranges: Vec<Range<usize>>,
}

impl Taps {
    #[inline(always)]
    fn find(&mut self, axes: &[Axis; 2], row: usize, width: usize, kernel_width: usize, lanes: usize) {
        let [tall, wide] = axes;
        let r = tall.reach[row];
        if self.row.replace((r.k, r.count)) == Some((r.k, r.count)) {
            return;
        }
        self.list.clear();
        self.ranges.clear();
        let mut last = None;
        for c in &wide.reach {
            if last.replace((c.k, c.count)) != Some((c.k, c.count)) {
                let begin = self.list.len();
                for i in 0..r.count {
                    for j in 0..c.count {
                        let offset = (i as isize * tall.step * width as isize + j as isize * wide.step)
                            * lanes as isize;
                        let k = (r.k + i * tall.k_step) * kernel_width + c.k + j * wide.k_step;
                        self.list.push([offset as i32, k as i32]);
                    }
                }
                self.ranges.push(begin..self.list.len());
            } else {
                let same = self.ranges[self.ranges.len() - 1].clone();
                self.ranges.push(same);
            }
        }
    }
}

/// One output pixel of `R` channels and two registers of images.
struct Tile<'a, T> {
    x: &'a [T],
    plane: usize,
    channels: usize,
    taps: &'a [[i32; 2]],
    w: &'a [T],
    w_step: usize,
    bias: &'a [T],
    y: &'a mut [T],
    y_step: usize,
}

impl<T: HasRegisters> Tile<'_, T> {
    #[inline(always)]
    fn run<V: Register<E = T>, const R: usize>(self) {
        assert!(self.bias.len() >= R && self.y.len() >= (R - 1) * self.y_step + 2 * V::N);
        assert!(self.w.len() >= self.channels * self.w_step);
        // SAFETY: inside `V::enter`. Every tap lies inside the planes of `x`: `Axis` lists only taps that meet a pixel,
        // and the rows they reach were turned in. The weights and outputs were checked above.
        unsafe {
            let mut acc: [[V; 2]; R] = std::array::from_fn(|r| [V::splat(self.bias[r]); 2]);
            let (mut x, mut w) = (self.x.as_ptr(), self.w.as_ptr());
            for _ in 0..self.channels {
                for &[offset, k] in self.taps {
                    let x = x.offset(offset as isize);
                    let w = w.add(k as usize * R);
                    let (a, b) = (V::load(x), V::load(x.add(V::N)));
                    for (r, acc) in acc.iter_mut().enumerate() {
                        let w = V::splat(*w.add(r));
                        acc[0] = w.mul_add(a, acc[0]);
                        acc[1] = w.mul_add(b, acc[1]);
                    }
                }
                x = x.wrapping_add(self.plane);
                w = w.wrapping_add(self.w_step);
            }
            let y = self.y.as_mut_ptr();
            for (r, acc) in acc.into_iter().enumerate() {
                acc[0].store(y.add(r * self.y_step));
                acc[1].store(y.add(r * self.y_step + V::N));
            }
        }
    }
}

/// `out[p][i] = x[at + i * step + p]` for `n` images of `len` numbers, in rows of `lanes` (a multiple of `V::N`); the
/// lanes without an image are 0.
#[inline(always)]
pub(super) fn turn_in<V: Register<E: Real>>(
    x: &[V::E],
    at: usize,
    step: usize,
    n: usize,
    lanes: usize,
    len: usize,
    out: &mut [V::E],
) {
    let mut whole = 0;
    if n == lanes && len > 0 {
        assert!(at + (n - 1) * step + len <= x.len() && out.len() >= len * lanes);
        whole = len / V::N * V::N;
        // Two squares of each image at a time, so that a cache line is used up before the next images push it out.
        for pair in (0..whole).step_by(2 * V::N) {
            for i in (0..lanes).step_by(V::N) {
                for p in (pair..whole.min(pair + 2 * V::N)).step_by(V::N) {
                    // SAFETY: inside `V::enter`; inside both slices, as asserted above.
                    unsafe {
                        let x = x.as_ptr().add(at + i * step + p);
                        V::turn(x, step, out.as_mut_ptr().add(p * lanes + i), lanes);
                    }
                }
            }
        }
    }
    for p in whole..len {
        for i in 0..lanes {
            out[p * lanes + i] = if i < n { x[at + i * step + p] } else { V::E::ZERO };
        }
    }
}

/// The reverse of `turn_in`: `y[at + i * step + p] = x[p][i]`. The caller is the only one to write these numbers.
#[inline(always)]
fn turn_out<V: Register<E: Real>>(
    x: &[V::E],
    lanes: usize,
    len: usize,
    y: &Out<V::E>,
    at: usize,
    step: usize,
    n: usize,
) {
    let mut whole = 0;
    if n == lanes && len > 0 {
        assert!(at + (n - 1) * step + len <= y.len() && x.len() >= len * lanes);
        whole = len / V::N * V::N;
        // SAFETY: the images' parts are written by this task alone, and end inside the slice as asserted above.
        let y = unsafe { y.range(at..at + 1) }.as_mut_ptr();
        for pair in (0..whole).step_by(2 * V::N) {
            for i in (0..lanes).step_by(V::N) {
                for p in (pair..whole.min(pair + 2 * V::N)).step_by(V::N) {
                    // SAFETY: inside `V::enter`; inside both slices, as asserted above.
                    unsafe { V::turn(x.as_ptr().add(p * lanes + i), lanes, y.add(i * step + p), step) };
                }
            }
        }
    }
    for i in 0..n {
        // SAFETY: as above.
        let y = unsafe { y.range(at + i * step + whole..at + i * step + len) };
        for (p, y) in (whole..len).zip(y) {
            *y = x[p * lanes + i];
        }
    }
}
