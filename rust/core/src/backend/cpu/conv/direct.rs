//! Convolution with the pixels in the vectors: output and input gradient.
//!
//! Channels are laid out as a `Grid`, so that a step of the inner loop is two loads at an offset from a table and one
//! broadcast weight per output channel: the loop of a matrix product, whose right operand is never built.
//!
//!   acc[R][2] += weight[channel, tap][R] * grid[channel][offset(tap) + f][2]
//!
//! LOOP 1: tasks = blocks of images x groups x bands of rows (x parts of the output channels), over the threads
//! LOOP 2: blocks of input channels, laid out once, so that they stay in L2
//! LOOP 3: groups of output channels, whose weights stay in L2
//! LOOP 4: tiles of pixels, whose inputs stay in L1 over LOOP 5: the blocks of R output channels

use super::Conv2d;
use super::grid::{Correlation, Grid, Parts, Segment, zeros};
use super::register::{HasRegisters, Kernel, Register};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};
use std::ops::Range;

/// Products of an output that are added up in registers: the inputs of a tile and the weights of a block fit in L1.
const STEPS: usize = 576;
/// Numbers of the grid of a block of input channels, and of the weights of a group of output channels.
const GRID: usize = 49152;
const WEIGHTS: usize = 32768;
/// Tasks that are enough for the threads to share.
const PIECES: usize = 8;
/// Steps below which filling the registers and emptying them takes too long.
const FEWEST: usize = 27;

/// Whether the tiles are filled well enough by the registers of this machine, for `steps` products of an output. `batch`
/// says if that path is open, which has no edges, but turns the images round.
fn fills<T: HasRegisters>(d: &Conv2d, steps: usize, batch: bool) -> bool {
    let c = Correlation::forward(d);
    // Some rows show it.
    let (size, rows) = (2 * T::lanes(), c.rows.min(16));
    let tiles = Grid::new(&c, 0..1, 0..rows).tiles(size, 0).0.len();
    let percent = if batch { 90 } else { 80 };
    steps >= FEWEST && rows * c.cols * 100 >= tiles * size * percent
}

/// Whether this is the quickest path.
pub(super) fn fits<T: HasRegisters>(d: &Conv2d, batch: bool) -> bool {
    fills::<T>(d, d.taps(), batch)
}

/// As `fits` for the input gradient, which is a correlation only without strides.
pub(super) fn fits_input<T: HasRegisters>(d: &Conv2d, batch: bool) -> bool {
    d.stride == [1, 1] && fills::<T>(d, d.c_out / d.groups * d.kh * d.kw, batch)
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    let (from, to) = d.per_group();
    T::with_register(Run {
        n: d.n,
        groups: d.groups,
        from,
        to,
        c: &Correlation::forward(d),
        plane: d.plane(),
        weight,
        weight_steps: [d.taps(), d.kh * d.kw],
        bias,
        x,
        y: Out::new(y),
    });
}

pub(super) fn backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let (to, from) = d.per_group();
    T::with_register(Run {
        n: d.n,
        groups: d.groups,
        from,
        to,
        c: &Correlation::backward_input(d),
        plane: d.out_plane(),
        weight,
        weight_steps: [d.kh * d.kw, d.taps()],
        bias: None,
        x: dy,
        y: Out::new(dx),
    });
}

/// One correlation of all channels. `from` and `to` are those of a group.
struct Run<'a, T> {
    n: usize,
    groups: usize,
    from: usize,
    to: usize,
    c: &'a Correlation,
    /// Numbers of a plane of `x`.
    plane: usize,
    weight: &'a [T],
    /// From one channel of the result, and of `x`, to the next in a group's weights.
    weight_steps: [usize; 2],
    bias: Option<&'a [T]>,
    x: &'a [T],
    y: Out<T>,
}

/// How the work is cut: it depends on the shapes alone.
struct Cut {
    /// Images of a block, rows of a band.
    images: usize,
    rows: usize,
    channels: Parts,
    /// Blocks of output channels; they are as high as the registers allow, and of about equal height.
    blocks: Parts,
    /// Parts of the output channels that are tasks of their own.
    splits: usize,
}

impl<T: HasRegisters> Kernel<T> for Run<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let cut = self.cut::<V>();
        let packed = self.packed(&cut);
        let (blocks, bands) = (self.n.div_ceil(cut.images), self.c.rows.div_ceil(cut.rows));
        tasks(blocks * self.groups * bands * cut.splits, |task| {
            let (split, task) = (task % cut.splits, task / cut.splits);
            let (band, task) = (task % bands, task / bands);
            let (group, block) = (task % self.groups, task / self.groups);
            let images = block * cut.images..((block + 1) * cut.images).min(self.n);
            let rows = band * cut.rows..((band + 1) * cut.rows).min(self.c.rows);
            let part = Parts { n: cut.blocks.count, count: cut.splits }.get(split);
            // SAFETY: `with_register` chose a register this machine has; tasks write to pixels or channels of their own.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.block::<V>(&cut, &packed, group, images, rows, part),
                )
            };
        });
    }
}

impl<T: HasRegisters> Run<'_, T> {
    fn cut<V: Register<E = T>>(&self) -> Cut {
        let c = self.c;
        let channels = Parts::new(self.from, (STEPS / c.taps.len().max(1)).max(1));
        let blocks = Parts::new(self.to, V::ROWS);
        let most = self.from.div_ceil(channels.count);
        let size = |images: usize, rows: usize| most * Grid::new(c, 0..images, 0..rows).channel();
        // A band that fits; of small planes several images, as long as the tasks are enough.
        let mut rows = c.rows;
        while rows > 1 && size(1, rows) > GRID {
            rows = rows.div_ceil(2);
        }
        let mut images = 1;
        if rows == c.rows {
            while size(2 * images, rows) <= GRID && self.n * self.groups >= 2 * PIECES * images {
                images *= 2;
            }
        }
        let pieces = self.n.div_ceil(images) * self.groups * c.rows.div_ceil(rows);
        let splits = PIECES.div_ceil(pieces).min(blocks.count);
        Cut { images, rows, channels, blocks, splits }
    }

    /// The weights in the order of the inner loop: blocks of output channels, input channels, taps, the block's channels.
    fn packed(&self, cut: &Cut) -> Vec<T> {
        let taps = &self.c.taps;
        let mut packed = vec![T::ZERO; self.groups * self.to * self.from * taps.len()];
        let [to_step, from_step] = self.weight_steps;
        let out = Out::new(&mut packed);
        let count = cut.blocks.count;
        tasks(self.groups * count, |task| {
            let (group, block) = (task / count, cut.blocks.get(task % count));
            let size = self.from * taps.len();
            let begin = (group * self.to + block.start) * size;
            // SAFETY: the blocks are apart.
            let out = unsafe { out.range(begin..begin + block.len() * size) };
            let group = group * (self.weight.len() / self.groups);
            for (i, o) in block.clone().enumerate() {
                for from in 0..self.from {
                    let w = &self.weight[group + o * to_step + from * from_step..];
                    let out = &mut out[from * taps.len() * block.len() + i..];
                    for (tap, out) in taps.iter().zip(out.iter_mut().step_by(block.len())) {
                        *out = w[tap.k];
                    }
                }
            }
        });
        packed
    }

    /// # Safety
    /// Inside `V::enter`; no other call writes these rows of these channels.
    #[inline(always)]
    unsafe fn block<V: Register<E = T>>(
        &self,
        cut: &Cut,
        packed: &[T],
        group: usize,
        images: Range<usize>,
        rows: Range<usize>,
        part: Range<usize>,
    ) {
        let (c, taps) = (self.c, self.c.taps.len());
        let size = 2 * V::N;
        let grid = Grid::new(c, 0..images.len(), rows);
        let (tiles, segments) = grid.tiles(size, self.groups * self.to * c.plane());
        let most = self.from.div_ceil(cut.channels.count);
        let mut room = zeros::<T>(most * grid.channel() + size);
        let offsets: Vec<usize> = (0..most)
            .flat_map(|i| c.taps.iter().map(move |t| (i, t)))
            .map(|(i, t)| i * grid.channel() + grid.offset(t))
            .collect();
        for i in 0..cut.channels.count {
            let channels = cut.channels.get(i);
            for (nth, channel) in channels.clone().enumerate() {
                let room = &mut room.numbers()[nth * grid.channel()..][..grid.channel()];
                for (at, image) in images.clone().enumerate() {
                    let plane = (image * self.groups + group) * self.from + channel;
                    grid.fill(at, &self.x[plane * self.plane..][..self.plane], room);
                }
            }
            let steps = channels.len() * taps;
            let offsets = &offsets[..steps];
            let of = |b: usize| {
                let outs = cut.blocks.get(part.start + b);
                let row = group * self.to + outs.start;
                let at = row * self.from * taps + channels.start * taps * outs.len();
                (outs.len(), row, &packed[at..at + steps * outs.len()])
            };
            let blocks: Vec<_> = (0..part.len()).map(of).collect();
            let heights = (WEIGHTS / (steps * V::ROWS).max(1)).max(1);
            for blocks in blocks.chunks(heights) {
                for tile in &tiles {
                    // SAFETY: the tile ends less than a tile behind the last output, and the room reaches as far.
                    let x = unsafe { room.numbers().as_ptr().add(tile.at) };
                    let segments = &segments[tile.segments.clone()];
                    for &(height, row, w) in blocks {
                        let at = (images.start * self.groups * self.to + row) * c.plane();
                        let target = Target {
                            y: self.y.ptr().wrapping_add(at),
                            plane: c.plane(),
                            onto: i > 0,
                            bias: self.bias.map(|b| &b[row..row + height]),
                            segments,
                        };
                        // SAFETY: the offsets stay in the room; the segments of a tile lie in the planes of its images.
                        unsafe { tall::<V>(height, x, offsets, w, target) };
                    }
                }
            }
        }
    }
}

/// Where a tile goes: planes of the output, the first from `y` on.
struct Target<'a, T> {
    y: *mut T,
    plane: usize,
    /// Whether the sums go onto what is there; else they start with the bias, or with nothing.
    onto: bool,
    bias: Option<&'a [T]>,
    segments: &'a [Segment],
}

/// # Safety
/// As for `tile`.
#[inline(always)]
unsafe fn tall<V: Register>(rows: usize, x: *const V::E, offsets: &[usize], w: &[V::E], target: Target<V::E>)
where
    V::E: Real,
{
    macro_rules! by_rows {
        ($($r:literal)*) => {
            match rows {
                // SAFETY: the caller's promise.
                $($r if $r <= V::ROWS => unsafe { tile::<V, { $r }>(x, offsets, w, target) },)*
                _ => unreachable!("blocks are no higher than the registers allow"),
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// Inside `V::enter`; two registers can be read at every offset from `x`, and the target's pixels are ours to write.
#[inline(always)]
unsafe fn tile<V: Register, const R: usize>(
    x: *const V::E,
    offsets: &[usize],
    w: &[V::E],
    target: Target<V::E>,
) where
    V::E: Real,
{
    assert_eq!(w.len(), offsets.len() * R);
    // SAFETY: the caller's promise; `w` has `R` numbers for each offset.
    unsafe {
        let mut acc = [[V::splat(V::E::ZERO); 2]; R];
        let mut w = w.as_ptr();
        for &offset in offsets {
            let x = x.add(offset);
            let (low, high) = (V::load(x), V::load(x.add(V::N)));
            for i in 0..R {
                let w = V::splat(*w.add(i));
                acc[i][0] = w.mul_add(low, acc[i][0]);
                acc[i][1] = w.mul_add(high, acc[i][1]);
            }
            w = w.add(R);
        }
        let size = 2 * V::N;
        let start: [V; R] = std::array::from_fn(
            #[inline(always)]
            |i| match target.bias {
                Some(bias) if !target.onto => V::splat(bias[i]),
                _ => V::splat(V::E::ZERO),
            },
        );
        if target.segments[0].len == size {
            for i in 0..R {
                let y = target.y.add(i * target.plane + target.segments[0].out);
                let (mut low, mut high) = (start[i], start[i]);
                if target.onto {
                    (low, high) = (V::load(y), V::load(y.add(V::N)));
                }
                low.add(acc[i][0]).store(y);
                high.add(acc[i][1]).store(y.add(V::N));
            }
            return;
        }
        for i in 0..R {
            // The most numbers two registers have.
            let mut row = [V::E::ZERO; 32];
            start[i].add(acc[i][0]).store(row.as_mut_ptr());
            start[i].add(acc[i][1]).store(row.as_mut_ptr().add(V::N));
            for s in target.segments {
                let y = target.y.add(i * target.plane + s.out);
                for (j, &sum) in row[s.lane..s.lane + s.len].iter().enumerate() {
                    let y = y.add(j);
                    *y = if target.onto { *y + sum } else { sum };
                }
            }
        }
    }
}
