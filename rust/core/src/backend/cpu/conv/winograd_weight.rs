//! The weight gradient of 3 x 3 convolutions with stride 1 by minimal filtering: the transpose of F(2 x 2, 3 x 3) of
//! `winograd.rs`, 16 products instead of 36 for each tile of 2 x 2 outputs and pair of channels.
//!
//!   dW = G' (sum over tiles of (B' d B) * (A dy A')) G        d: 4 x 4 inputs, dy: the gradients of 2 x 2 outputs
//!
//! At each of the 16 positions the sum over the tiles is a matrix product of output and input channels. Larger tiles are
//! not taken: they would lose exactness where the gradient already adds up many tiles.
//!
//! TASKS: slots of bands (rows of tiles of all images) x parts of the input channels; slots are joined in order
//! LOOP 1: bands; rows are turned round so that a vector holds some channels of one pixel, which needs no care for
//!         edges; the transformed tiles are laid out as the matrix product wants them
//! LOOP 2: blocks of input channels; LOOP 3: groups of blocks of output channels, whose sums stay in the first caches
//! LOOP 4: positions, blocks of the group; then 16 sums become 9, which are added to those of the slot

use super::planes::Planes;
use super::points::{Points, Two};
use super::precision::{Precision, precision};
use super::register::{HasRegisters, Kernel, Register, Scratch};
use super::winograd::{Size, possible};
use super::{Conv2d, batch, direct_weight, slots};
use crate::dtype::Real;
use crate::parallel::{Out, num_threads, tasks};
use std::ops::Range;

/// Positions of a tile, and taps of a filter.
const POSITIONS: usize = 16;
const TAPS: usize = 9;
/// Tiles of a band, if rows of them are not longer: what is added up one after the other. With 100 the error is three times
/// that of the direct path, which has more sums; with fewer than this the sums are transformed too often.
const TILES: usize = 40;
/// The same for as many pairs of channels as no cache has room for, on planes so small that the other path is less exact.
const LARGE: usize = 64;
const PAIRS: usize = 1 << 16;
/// Bytes of sums that a group of blocks should not exceed.
const SUMS: usize = 1 << 16;
/// Slots that are enough for the threads to share, and the bytes that all of them may have.
const SLOTS: usize = 8;
const ROOM: usize = 1 << 22;

/// Whether this is the quickest path, among those that are exact enough.
pub(super) fn fits<T: HasRegisters>(d: &Conv2d) -> bool {
    fits_at::<T>(precision(), d)
}

/// The same at a precision of one's own.
pub(super) fn fits_at<T: HasRegisters>(precision: Precision, d: &Conv2d) -> bool {
    let (few, many) = (d.c_in.min(d.c_out), d.c_in.max(d.c_out));
    // Channels from which the products, of which there are fewer, outweigh the transforms: more where the other path,
    // that of a batch, has planes that stay in the caches.
    let deep = match batch::fits::<T>(d) && d.out_w() < 64 {
        true => few >= 32,
        false => few >= 16 && few * many >= 512,
    };
    // Tiles that are worth the transform of the sums, of which there are as many as pairs of channels.
    possible(precision, d) && deep && Size::Two.tiles(d) >= 48.max(many / 8)
}

pub(super) fn backward_weight<T: HasRegisters>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    T::with_register(Filtering { d: *d, cut: Cut::new::<T>(d), x, dy, dw: Out::new(dw) });
}

/// How the rows of tiles of all images are cut into bands, and these into slots.
#[derive(Clone, Copy)]
struct Cut {
    /// Rows and columns of tiles in an image.
    tall: usize,
    wide: usize,
    /// Rows of tiles in all, in a band, and in a slot.
    rows: usize,
    band: usize,
    slot: usize,
}

impl Cut {
    fn new<T>(d: &Conv2d) -> Self {
        let (tall, wide) = (d.out_h().div_ceil(2), d.out_w().div_ceil(2));
        let rows = d.n * tall;
        let large = d.c_in * d.c_out >= PAIRS && !direct_weight::fits(d);
        let most = if large { LARGE } else { TILES }.div_ceil(wide).min(rows);
        // Bands of about equal size.
        let band = rows.div_ceil(rows.div_ceil(most));
        let slots = (ROOM / (d.c_out * d.taps() * size_of::<T>())).clamp(1, SLOTS);
        let slot = rows.div_ceil(band).div_ceil(slots) * band;
        Self { tall, wide, rows, band, slot }
    }
}

struct Filtering<'a, T> {
    d: Conv2d,
    cut: Cut,
    x: &'a [T],
    dy: &'a [T],
    dw: Out<T>,
}

impl<T: HasRegisters> Kernel<T> for Filtering<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let d = &self.d;
        let (blocks, outs) = (d.c_in.div_ceil(V::COLS), d.c_out.div_ceil(V::ROWS));
        let block = outs * TAPS * V::ROWS * V::COLS;
        let mut sums = Scratch::new(blocks * block);
        let count = self.cut.rows.div_ceil(self.cut.slot);
        // No sum depends on the parts. Each transforms all gradients for itself, so one thread does without.
        let wanted = if num_threads() > 1 { 2 * num_threads() } else { 1 };
        let parts = wanted.div_ceil(count).min(blocks);
        slots::summed(count, sums.numbers(), |all| {
            let all = Out::new(all);
            tasks(count * parts, |task| {
                let (slot, part) = (task / parts, task % parts);
                let part = blocks * part / parts..blocks * (part + 1) / parts;
                let at = slot * blocks * block;
                // SAFETY: one task per slot and part; `with_register` chose a register this machine has.
                unsafe {
                    let to = all.range(at + part.start * block..at + part.end * block);
                    V::enter(
                        #[inline(always)]
                        || self.part::<V>(slot, part, to),
                    );
                }
            });
        });
        let sums = &*sums.numbers();
        tasks(outs, |o| {
            // SAFETY: one task per block of output channels.
            unsafe { self.write::<V>(o, sums) }
        });
    }
}

impl<T: HasRegisters> Filtering<'_, T> {
    fn inputs<V: Register<E = T>>(&self) -> Planes<'_, T> {
        let d = &self.d;
        let line = (2 * self.cut.wide + 2).next_multiple_of(8);
        Planes {
            x: self.x,
            channels: d.c_in,
            h: d.h,
            w: d.w,
            pad: d.pad,
            block: V::COLS,
            wide: V::COLS,
            line,
        }
    }

    fn gradients<V: Register<E = T>>(&self) -> Planes<'_, T> {
        let d = &self.d;
        Planes {
            x: self.dy,
            channels: d.c_out,
            h: d.out_h(),
            w: d.out_w(),
            pad: [0, 0],
            block: V::ROWS,
            wide: V::ROWS.next_multiple_of(V::N),
            line: (2 * self.cut.wide).next_multiple_of(8),
        }
    }

    /// The sums of a slot for some blocks of input channels: `to[block][block of outputs][tap][output][input]`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    unsafe fn part<V: Register<E = T>>(&self, slot: usize, blocks: Range<usize>, to: &mut [T]) {
        let (cut, square, outs) = (self.cut, V::ROWS * V::COLS, self.d.c_out.div_ceil(V::ROWS));
        let (inputs, gradients) = (self.inputs::<V>(), self.gradients::<V>());
        let most = cut.band * cut.wide;
        // Not a power of two from one position to the next, or all would share a set of the cache; and room for the last
        // register of gradients.
        let pitch = |channels: usize| channels * most + 16;
        let (x_pitch, dy_pitch) = (pitch(blocks.len() * V::COLS), pitch(outs * V::ROWS));
        let group = (SUMS / (POSITIONS * square * size_of::<T>())).clamp(1, outs);
        let mut tiles = Scratch::new(POSITIONS * x_pitch);
        let mut grads = Scratch::new(POSITIONS * dy_pitch);
        let mut sums = Scratch::new(group * POSITIONS * square);
        let mut lines = Scratch::new((inputs.line * inputs.wide).max(gradients.line * gradients.wide));
        let mut turned =
            Scratch::new((4 * inputs.line * inputs.wide).max(2 * gradients.line * gradients.wide));
        let end = cut.rows.min((slot + 1) * cut.slot);
        for first in (slot * cut.slot..end).step_by(cut.band) {
            let rows = first..end.min(first + cut.band);
            let count = rows.len() * cut.wide;
            // SAFETY: the caller's promise; the rooms have the sizes that are asked for.
            unsafe {
                lines.numbers().fill(T::ZERO);
                for (i, block) in blocks.clone().enumerate() {
                    let to = &mut tiles.numbers()[i * count * V::COLS..];
                    self.transform_inputs::<V>(
                        &inputs,
                        block,
                        rows.clone(),
                        [lines.numbers(), turned.numbers()],
                        x_pitch,
                        to,
                    );
                }
                lines.numbers().fill(T::ZERO);
                for block in 0..outs {
                    let to = &mut grads.numbers()[block * count * V::ROWS..];
                    self.transform_gradients::<V>(
                        &gradients,
                        block,
                        rows.clone(),
                        [lines.numbers(), turned.numbers()],
                        dy_pitch,
                        to,
                    );
                }
            }
            let (tiles, grads, sums) = (&*tiles.numbers(), &*grads.numbers(), sums.numbers());
            for i in 0..blocks.len() {
                for from in (0..outs).step_by(group) {
                    let here = group.min(outs - from);
                    for position in 0..POSITIONS {
                        let b = &tiles[position * x_pitch + i * count * V::COLS..][..count * V::COLS];
                        for o in 0..here {
                            let a = &grads[position * dy_pitch + (from + o) * count * V::ROWS..]
                                [..count * V::ROWS];
                            let c = &mut sums[(o * POSITIONS + position) * square..][..square];
                            // SAFETY: the caller's promise; the operands and the result have these sizes.
                            unsafe { V::multiply(count, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), V::COLS) };
                        }
                    }
                    for o in 0..here {
                        let sums = &sums[o * POSITIONS * square..][..POSITIONS * square];
                        let to = &mut to[(i * outs + from + o) * TAPS * square..][..TAPS * square];
                        // SAFETY: the caller's promise.
                        unsafe { transform_sums::<V>(sums, first != slot * cut.slot, to) };
                    }
                }
            }
        }
    }

    /// `B' d B` for rows of tiles in a block of input channels: `to[position][tile][channel]`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    unsafe fn transform_inputs<V: Register<E = T>>(
        &self,
        planes: &Planes<T>,
        block: usize,
        rows: Range<usize>,
        [lines, turned]: [&mut [T]; 2],
        pitch: usize,
        to: &mut [T],
    ) {
        let (tall, wide, line) = (self.cut.tall, self.cut.wide, planes.line * planes.wide);
        assert!(turned.len() >= 4 * line && planes.line >= 2 * wide + 2);
        assert!(to.len() >= (POSITIONS - 1) * pitch + rows.len() * wide * planes.block);
        let mut to = to.as_mut_ptr();
        for (number, at) in rows.enumerate() {
            let (image, row) = (at / tall, at % tall);
            // The row of tiles before this one has turned half of its rows.
            for i in if number > 0 && row > 0 { 2..4 } else { 0..4 } {
                let y = 2 * row + i;
                // SAFETY: the caller's promise.
                unsafe { planes.turn::<V>(image, block, y, lines, &mut turned[y % 4 * line..][..line]) };
            }
            let from = turned.as_ptr();
            for tile in 0..wide {
                for r in (0..planes.wide).step_by(V::N) {
                    // SAFETY: the caller's promise; the sizes were just checked.
                    unsafe {
                        let zero = V::splat(T::ZERO);
                        let mut t = [[zero; 4]; 4];
                        for j in 0..4 {
                            let mut d = [zero; 4];
                            for i in 0..4 {
                                let row = from.add((2 * row + i) % 4 * line);
                                d[i] = V::load(row.add((2 * tile + j) * planes.wide + r));
                            }
                            t[j] = Two::narrow(d);
                        }
                        for i in 0..4 {
                            let row = Two::narrow([t[0][i], t[1][i], t[2][i], t[3][i]]);
                            for j in 0..4 {
                                row[j].store(to.add((4 * i + j) * pitch + r));
                            }
                        }
                    }
                }
                // SAFETY: still inside, or just behind.
                to = unsafe { to.add(planes.block) };
            }
        }
    }

    /// `A dy A'` for rows of tiles in a block of output channels: `to[position][tile][channel]`. What a register writes
    /// too much belongs to the next tile or block, which comes later.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    unsafe fn transform_gradients<V: Register<E = T>>(
        &self,
        planes: &Planes<T>,
        block: usize,
        rows: Range<usize>,
        [lines, turned]: [&mut [T]; 2],
        pitch: usize,
        to: &mut [T],
    ) {
        let (tall, wide, line) = (self.cut.tall, self.cut.wide, planes.line * planes.wide);
        assert!(turned.len() >= 2 * line && planes.line >= 2 * wide);
        assert!(
            to.len()
                >= (POSITIONS - 1) * pitch + rows.len() * wide * planes.block + planes.wide - planes.block
        );
        let mut to = to.as_mut_ptr();
        for at in rows {
            let (image, row) = (at / tall, at % tall);
            for i in 0..2 {
                // SAFETY: the caller's promise.
                unsafe {
                    planes.turn::<V>(image, block, 2 * row + i, lines, &mut turned[i * line..][..line])
                };
            }
            let from = turned.as_ptr();
            for tile in 0..wide {
                for r in (0..planes.wide).step_by(V::N) {
                    // SAFETY: the caller's promise; the sizes were just checked.
                    unsafe {
                        let at = from.add(2 * tile * planes.wide + r);
                        let [a, b] = [at, at.add(planes.wide)].map(
                            #[inline(always)]
                            |at| Two::spread::<V>([V::load(at), V::load(at.add(line))]),
                        );
                        for i in 0..4 {
                            let row = Two::spread::<V>([a[i], b[i]]);
                            for j in 0..4 {
                                row[j].store(to.add((4 * i + j) * pitch + r));
                            }
                        }
                    }
                }
                // SAFETY: still inside, or just behind.
                to = unsafe { to.add(planes.block) };
            }
        }
    }

    /// The weights of a block of output channels, from the sums of all.
    ///
    /// # Safety
    /// Nobody else has these weights.
    unsafe fn write<V: Register<E = T>>(&self, block: usize, sums: &[T]) {
        let (c_in, c_out, square) = (self.d.c_in, self.d.c_out, V::ROWS * V::COLS);
        let outs = c_out.div_ceil(V::ROWS);
        for o in block * V::ROWS..c_out.min((block + 1) * V::ROWS) {
            // SAFETY: the caller's promise.
            let dw = unsafe { self.dw.range(o * c_in * TAPS..(o + 1) * c_in * TAPS) };
            for (i, dw) in dw.chunks_mut(V::COLS * TAPS).enumerate() {
                let sums = &sums[((i * outs + block) * TAPS * V::ROWS + o % V::ROWS) * V::COLS..];
                for k in 0..TAPS {
                    let tap = &sums[k * square..][..V::COLS];
                    dw.chunks_exact_mut(TAPS).zip(tap).for_each(|(dw, &sum)| dw[k] = sum);
                }
            }
        }
    }
}

/// `G' m G` for a block of sums: `to[tap]` from `sums[position]`, added to what is there or not.
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn transform_sums<V: Register>(sums: &[V::E], add: bool, to: &mut [V::E])
where
    V::E: Real,
{
    let square = V::ROWS * V::COLS;
    assert!(sums.len() >= POSITIONS * square && to.len() >= TAPS * square);
    for q in (0..square).step_by(V::N) {
        // SAFETY: the caller's promise; the sizes were just checked.
        unsafe {
            let zero = V::splat(V::E::ZERO);
            let mut t = [[zero; 3]; 4];
            for j in 0..4 {
                let mut m = [zero; 4];
                for i in 0..4 {
                    m[i] = V::load(sums.as_ptr().add((4 * i + j) * square + q));
                }
                t[j] = Two::gather(m);
            }
            for i in 0..3 {
                let row = Two::gather([t[0][i], t[1][i], t[2][i], t[3][i]]);
                for j in 0..3 {
                    let to = to.as_mut_ptr().add((3 * i + j) * square + q);
                    let sum = if add { row[j].add(V::load(to)) } else { row[j] };
                    sum.store(to);
                }
            }
        }
    }
}
