//! Convolution with the pixels in the vectors: weight gradient.
//!
//! Input and output gradient are laid out on a `Grid`; a weight is then the product of two rows of numbers:
//!
//!   dw[o][column] += sum over f of dy[o][f] * grid[column.channel][offset(column.tap) + f]
//!
//! Four output channels by three columns (pairs of input channel and tap) are summed at once, in vectors along the
//! pixels: seven loads for twelve products. The lanes are added up after every stretch of pixels.
//!
//! LOOP 1: tasks = blocks of input channels x groups x slots of images, over the threads; slots are joined in order
//! LOOP 2: images and bands of rows, laid out once for LOOP 3: groups of output channels that fit L2
//! LOOP 4: four output channels, whose rows stay in L1 over LOOP 5: three columns

use super::Conv2d;
use super::grid::{Correlation, Grid, Parts, zeros};
use super::register::{HasRegisters, Kernel, Register, Scratch};
use super::slots;
use crate::dtype::Real;
use crate::parallel::{Out, tasks};

/// Output channels and columns of a block.
const OUTS: usize = 4;
const COLUMNS: usize = 3;
/// Output channels that are laid out together.
const GROUP: usize = 64;
/// Pixels of a stretch: the rows of a block fit in L1.
const STRETCH: usize = 1024;
/// Numbers of the grids of a task.
const ROOM: usize = 65536;
/// Input channels of a task, so that `dy` is not laid out too often, in columns.
const TASK: usize = 288;
/// Tasks that are enough for the threads to share.
const PIECES: usize = 16;

/// Outputs of an image from which on adding up the lanes is a small part.
const PIXELS: usize = 400;

pub(super) fn fits(d: &Conv2d) -> bool {
    d.out_plane() >= PIXELS
}

pub(super) fn backward_weight<T: HasRegisters>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let (c_in, _) = d.per_group();
    let channels = Parts::new(c_in, (TASK / (d.kh * d.kw)).max(1));
    let count = PIECES.div_ceil(channels.count * d.groups).min(d.n);
    slots::summed(count, dw, |parts| {
        let c = &Correlation::forward(d);
        T::with_register(Run {
            d,
            c,
            channels,
            slots: Parts { n: d.n, count },
            x,
            dy,
            parts: Out::new(parts),
        });
    });
}

struct Run<'a, T> {
    d: &'a Conv2d,
    c: &'a Correlation,
    channels: Parts,
    /// Images of each slot.
    slots: Parts,
    x: &'a [T],
    dy: &'a [T],
    /// The gradients of the slots, one behind the other.
    parts: Out<T>,
}

impl<T: HasRegisters> Kernel<T> for Run<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let (blocks, groups) = (self.channels.count, self.d.groups);
        tasks(self.slots.count * groups * blocks, |task| {
            let (block, task) = (task % blocks, task / blocks);
            let (group, slot) = (task % groups, task / groups);
            // SAFETY: `with_register` chose a register this machine has; each task has weights of its own.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.task::<V>(slot, group, block),
                )
            };
        });
    }
}

impl<T: HasRegisters> Run<'_, T> {
    /// # Safety
    /// Inside `V::enter`; no other call writes the weights of this slot, group and block of input channels.
    #[inline(always)]
    unsafe fn task<V: Register<E = T>>(&self, slot: usize, group: usize, block: usize) {
        let (d, c) = (self.d, self.c);
        let ((c_in, c_out), taps) = (d.per_group(), c.taps.len());
        let channels = self.channels.get(block);
        let columns = channels.len() * taps;
        let rows = self.band(channels.len());
        // Both are as large as for the first band: no other has more rows.
        let whole = Grid::new(c, 0..1, 0..rows);
        let slack = 2 * V::N;
        let pitch = whole.len().next_multiple_of(16) + 16;
        let mut room = zeros::<T>(channels.len() * whole.channel() + slack);
        let mut outs = zeros::<T>(GROUP.min(c_out) * pitch + slack);
        let mut sums: Scratch<T> = zeros(c_out * columns);
        let mut offsets = Vec::with_capacity(columns);
        for image in self.slots.get(slot) {
            for first in (0..c.rows).step_by(rows) {
                let grid = Grid::new(c, 0..1, first..(first + rows).min(c.rows));
                offsets.clear();
                for (i, channel) in channels.clone().enumerate() {
                    let plane = (image * d.groups + group) * c_in + channel;
                    let at = i * grid.channel();
                    let x = &self.x[plane * d.plane()..][..d.plane()];
                    grid.fill(0, x, &mut room.numbers()[at..at + grid.channel()]);
                    offsets.extend(c.taps.iter().map(|t| at + grid.offset(t)));
                }
                for from in (0..c_out).step_by(GROUP) {
                    let n = GROUP.min(c_out - from);
                    for o in 0..n {
                        let plane = (image * d.groups + group) * c_out + from + o;
                        let dy = &self.dy[plane * c.plane()..][..c.plane()];
                        let row = &mut outs.numbers()[o * pitch..(o + 1) * pitch];
                        grid.spread(0, dy, &mut row[..grid.len()]);
                        row[grid.len()..].fill(T::ZERO);
                    }
                    let sums = &mut sums.numbers()[from * columns..(from + n) * columns];
                    let x = Operands { x: room.numbers(), offsets: &offsets, dy: outs.numbers(), pitch };
                    // SAFETY: rows of `dy` are zero behind the last pixel, for as long as a run of vectors may be.
                    unsafe { x.multiply::<V>(n, grid.len(), sums) };
                }
            }
        }
        for (o, sums) in sums.numbers().chunks_exact(columns).enumerate() {
            let at = slot * self.parts.len() / self.slots.count
                + ((group * c_out + o) * c_in + channels.start) * taps;
            // SAFETY: the caller's promise.
            unsafe { self.parts.range(at..at + columns) }.copy_from_slice(sums);
        }
    }

    /// Rows of a band whose grids fit the room.
    fn band(&self, channels: usize) -> usize {
        let mut rows = self.c.rows;
        let outs = GROUP.min(self.d.per_group().1);
        while rows > 1 {
            let grid = Grid::new(self.c, 0..1, 0..rows);
            if channels * grid.channel() + outs * grid.len() <= ROOM {
                break;
            }
            rows = rows.div_ceil(2);
        }
        rows
    }
}

/// Rows of `dy`, `pitch` apart, and the columns: places in `x`.
#[derive(Clone, Copy)]
struct Operands<'a, T> {
    x: &'a [T],
    offsets: &'a [usize],
    dy: &'a [T],
    pitch: usize,
}

impl<T: Real> Operands<'_, T> {
    /// `sums[o][column] += dy[o] * x[column]` for `outs` rows over `n` pixels.
    ///
    /// # Safety
    /// Inside `V::enter`. Two registers behind the `n`-th number of any operand can be read; those of `dy` are zero.
    #[inline(always)]
    unsafe fn multiply<V: Register<E = T>>(self, outs: usize, n: usize, sums: &mut [T]) {
        let columns = self.offsets.len();
        for begin in (0..n).step_by(STRETCH) {
            let end = n.min(begin + STRETCH);
            for o in (0..outs).step_by(OUTS) {
                for j in (0..columns).step_by(COLUMNS) {
                    let (rows, cols) = (OUTS.min(outs - o), COLUMNS.min(columns - j));
                    let at = o * columns + j;
                    macro_rules! by_size {
                        ($($r:literal $k:literal),*) => {
                            match (rows, cols) {
                                // SAFETY: the caller's promise.
                                $(($r, $k) => unsafe { self.dots::<V, $r, $k>(o, j, begin..end, &mut sums[at..]) },)*
                                _ => unreachable!("blocks are no larger"),
                            }
                        };
                    }
                    by_size!(4 3, 4 2, 4 1, 3 3, 3 2, 3 1, 2 3, 2 2, 2 1, 1 3, 1 2, 1 1);
                }
            }
        }
    }

    /// # Safety
    /// As for `multiply`.
    #[inline(always)]
    unsafe fn dots<V: Register<E = T>, const R: usize, const K: usize>(
        self,
        o: usize,
        column: usize,
        pixels: std::ops::Range<usize>,
        sums: &mut [T],
    ) {
        let columns = self.offsets.len();
        // The most registers a block has, and some that stay zero to fill a square.
        let mut all = [[V::E::ZERO; 16]; 16];
        // SAFETY: the caller's promise.
        unsafe {
            let mut acc = [[V::splat(T::ZERO); K]; R];
            let dy: [*const T; R] = std::array::from_fn(
                #[inline(always)]
                |i| self.dy.as_ptr().add((o + i) * self.pitch),
            );
            let x: [*const T; K] = std::array::from_fn(
                #[inline(always)]
                |k| self.x.as_ptr().add(self.offsets[column + k]),
            );
            for f in pixels.step_by(V::N) {
                let xs: [V; K] = std::array::from_fn(
                    #[inline(always)]
                    |k| V::load(x[k].add(f)),
                );
                for i in 0..R {
                    let dy = V::load(dy[i].add(f));
                    for k in 0..K {
                        acc[i][k] = dy.mul_add(xs[k], acc[i][k]);
                    }
                }
            }
            for i in 0..R {
                for k in 0..K {
                    acc[i][k].store(all[i * K + k].as_mut_ptr());
                }
            }
        }
        for i in 0..R {
            for k in 0..K {
                let mut lanes = all[i * K + k];
                let mut n = V::N;
                while n > 1 {
                    n /= 2;
                    for lane in 0..n {
                        lanes[lane] += lanes[lane + n];
                    }
                }
                let sum = &mut sums[i * columns + k];
                *sum += lanes[0];
            }
        }
    }
}
