//! The weight gradient of a batch, with the images side by side in the vectors.
//!
//! `V::N` images are turned round into `[channel][row][column][image]`, the input with its padding. A tile of output
//! channels and taps then walks over the pixels and keeps one register of partial sums for every pair:
//!
//!   acc[O][K] += dy[O][pixel] * x[tap of K][pixel]     O * K <= 12 accumulators, min(O, K) + 1 more registers
//!
//! Only at the end of a slot of images are the lanes of a register added up.
//!
//! LOOP 1: tasks = slots of images x groups, over the threads; the slots depend on the batch only, and are joined in order
//! LOOP 2: blocks of `V::N` images; LOOP 3: ranges of output rows whose `dy` of one tile stays in L1
//! LOOP 4: output channels; LOOP 5: taps; LOOP 6: the pixels of the range

use super::batch::{cut, turn_in};
use super::register::{HasRegisters, Kernel, Register, Scratch};
use super::{Conv2d, slots};
use crate::parallel::{Out, tasks};
use std::ops::Range;

/// Slots of images: enough for the threads to share, few enough to join cheaply.
const SLOTS: usize = 16;
/// Bytes of `dy` that stay in L1 while all taps pass over them.
const NEAR: usize = 16384;

pub(super) fn fits<T: HasRegisters>(d: &Conv2d) -> bool {
    let lanes = T::lanes();
    // The lanes are in use, and the partial sums of a thread stay in L2.
    d.n * 8 >= d.n.div_ceil(lanes) * lanes * 5 && d.c_out / d.groups * d.taps() * lanes <= 1 << 20
}

pub(super) fn backward_weight<T: HasRegisters>(d: &Conv2d, x: &[T], dy: &[T], dw: &mut [T]) {
    let blocks = d.n.div_ceil(T::lanes());
    let each = blocks.div_ceil(SLOTS);
    let slots = blocks.div_ceil(each);
    slots::summed(slots, dw, |parts| {
        T::with_register(Slots { d: *d, x, dy, each, slots, parts: Out::new(parts) });
    });
}

struct Slots<'a, T> {
    d: Conv2d,
    x: &'a [T],
    dy: &'a [T],
    /// Blocks of images in a slot.
    each: usize,
    slots: usize,
    parts: Out<T>,
}

impl<T: HasRegisters> Kernel<T> for Slots<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let d = &self.d;
        tasks(self.slots * d.groups, |task| {
            let (slot, g) = (task / d.groups, task % d.groups);
            let part = d.per_group().1 * d.taps();
            let at = (slot * d.groups + g) * part;
            // SAFETY: every slot and group is worked on by one thread.
            let part = unsafe { self.parts.range(at..at + part) };
            // SAFETY: `with_register` chose a register this machine has.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.slot::<V>(slot, g, part),
                )
            };
        });
    }
}

impl<T: HasRegisters> Slots<'_, T> {
    /// The weight gradient of one group over the images of one slot.
    #[inline(always)]
    fn slot<V: Register<E = T>>(&self, slot: usize, g: usize, part: &mut [T]) {
        let d = &self.d;
        let ((c_in, c_out), plane, out_plane) = (d.per_group(), d.plane(), d.out_plane());
        let padded = Padded { h: d.h + 2 * d.pad[0], w: d.w + 2 * d.pad[1] };
        let offsets: Vec<usize> = (0..d.taps())
            .map(|k| {
                let (c, i, j) = (k / (d.kh * d.kw), k / d.kw % d.kh, k % d.kw);
                ((c * padded.h + i * d.dilation[0]) * padded.w + j * d.dilation[1]) * V::N
            })
            .collect();
        let sizes =
            [c_in * plane, c_in * padded.h * padded.w, c_out * out_plane, part.len()].map(|n| n * V::N);
        let is_padded = d.pad != [0, 0];
        let flat = if is_padded { sizes[0] } else { 0 };
        let mut block = Scratch::new(flat + sizes[1] + sizes[2] + sizes[3]);
        let (x_flat, block) = block.numbers().split_at_mut(flat);
        let (x, block) = block.split_at_mut(sizes[1]);
        let (dy, sums) = block.split_at_mut(sizes[2]);
        sums.fill(T::ZERO);
        if is_padded {
            x.fill(T::ZERO);
        }
        let blocks = slot * self.each..((slot + 1) * self.each).min(d.n.div_ceil(V::N));
        for first in blocks.map(|b| b * V::N) {
            let n = V::N.min(d.n - first);
            let step = d.c_in * plane;
            let into = if is_padded { &mut *x_flat } else { &mut *x };
            turn_in::<V>(self.x, first * step + g * c_in * plane, step, n, V::N, c_in * plane, into);
            if is_padded {
                let width = d.w * V::N;
                for (i, row) in x_flat.chunks_exact(width).enumerate() {
                    let at = (i / d.h * padded.h + i % d.h + d.pad[0]) * padded.w + d.pad[1];
                    x[at * V::N..][..width].copy_from_slice(row);
                }
            }
            let step = d.c_out * out_plane;
            turn_in::<V>(self.dy, first * step + g * c_out * out_plane, step, n, V::N, c_out * out_plane, dy);
            self.images::<V>(x, dy, padded, &offsets, sums);
        }
        for (part, sums) in part.iter_mut().zip(sums.chunks_exact(V::N)) {
            *part = sums.iter().copied().sum();
        }
    }

    /// Add what one block of images gives to `sums[output channel][tap][lane]`.
    #[inline(always)]
    fn images<V: Register<E = T>>(
        &self,
        x: &[T],
        dy: &[T],
        padded: Padded,
        offsets: &[usize],
        sums: &mut [T],
    ) {
        let d = &self.d;
        let (c_out, taps, oh, ow) = (d.per_group().1, d.taps(), d.out_h(), d.out_w());
        let most =
            [1, 2, 3, 4].into_iter().rev().min_by_key(|&m| c_out.div_ceil(m) * m + 2 * (4 - m)).unwrap_or(4);
        let tall = (NEAR / (most * ow * V::N * size_of::<T>())).clamp(1, oh);
        for top in (0..oh).step_by(tall) {
            let rows = top..(top + tall).min(oh);
            for channels in (0..c_out.div_ceil(most)).map(|b| cut(c_out, most, b)) {
                let wide = match channels.len() {
                    4 => 3,
                    3 => 4,
                    2 => 5,
                    _ => 8,
                };
                for taps_of in (0..taps.div_ceil(wide)).map(|b| cut(taps, wide, b)) {
                    let mut walk = Walk {
                        x: &x[top * d.stride[0] * padded.w * V::N..],
                        x_row: d.stride[0] * padded.w * V::N,
                        x_step: d.stride[1] * V::N,
                        offsets: &offsets[taps_of.clone()],
                        dy: &dy[(channels.start * oh + top) * ow * V::N..],
                        dy_plane: oh * ow * V::N,
                        rows: rows.clone(),
                        columns: ow,
                        sums: &mut sums[(channels.start * taps + taps_of.start) * V::N..],
                        sums_row: taps * V::N,
                    };
                    walk.dispatch::<V>(channels.len(), taps_of.len());
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Padded {
    h: usize,
    w: usize,
}

/// A tile of output channels and taps over the pixels of some rows.
struct Walk<'a, T> {
    x: &'a [T],
    x_row: usize,
    x_step: usize,
    offsets: &'a [usize],
    dy: &'a [T],
    dy_plane: usize,
    rows: Range<usize>,
    columns: usize,
    sums: &'a mut [T],
    sums_row: usize,
}

impl<T: HasRegisters> Walk<'_, T> {
    #[inline(always)]
    fn dispatch<V: Register<E = T>>(&mut self, channels: usize, taps: usize) {
        macro_rules! tiles {
            ($($o:literal x [$($k:literal)*]),*) => {
                match (channels, taps) {
                    $($(($o, $k) => self.run::<V, $o, $k>(),)*)*
                    _ => unreachable!("no tile of {channels} x {taps}"),
                }
            };
        }
        tiles!(4 x [1 2 3], 3 x [1 2 3 4], 2 x [1 2 3 4 5], 1 x [1 2 3 4 5 6 7 8]);
    }

    #[inline(always)]
    fn run<V: Register<E = T>, const O: usize, const K: usize>(&mut self) {
        let (rows, n) = (self.rows.len(), V::N);
        assert!(self.offsets.len() == K);
        let farthest = self.offsets.iter().max().map_or(0, |&o| o);
        assert!(self.x.len() >= farthest + (rows - 1) * self.x_row + (self.columns - 1) * self.x_step + n);
        assert!(self.dy.len() >= (O - 1) * self.dy_plane + rows * self.columns * n);
        assert!(self.sums.len() >= (O - 1) * self.sums_row + K * n);
        // SAFETY: inside `V::enter`; the farthest numbers of the three slices were checked above.
        unsafe {
            let sums = self.sums.as_mut_ptr();
            let mut acc: [[V; K]; O] = std::array::from_fn(|o| {
                std::array::from_fn(|k| V::load(sums.add(o * self.sums_row + k * n)))
            });
            let mut dy = self.dy.as_ptr();
            for row in 0..rows {
                let x = self.x.as_ptr().add(row * self.x_row);
                let taps: [*const T; K] = std::array::from_fn(|k| x.add(self.offsets[k]));
                for column in 0..self.columns {
                    // The smaller side is held in registers, the other passes by in one: 16 of them are enough.
                    if K < O {
                        let mut held = [acc[0][0]; K];
                        for (held, tap) in held.iter_mut().zip(taps) {
                            *held = V::load(tap.add(column * self.x_step));
                        }
                        for (o, acc) in acc.iter_mut().enumerate() {
                            let g = V::load(dy.add(o * self.dy_plane));
                            for (acc, x) in acc.iter_mut().zip(held) {
                                *acc = g.mul_add(x, *acc);
                            }
                        }
                    } else {
                        let mut held = [acc[0][0]; O];
                        for (o, held) in held.iter_mut().enumerate() {
                            *held = V::load(dy.add(o * self.dy_plane));
                        }
                        for (k, tap) in taps.into_iter().enumerate() {
                            let x = V::load(tap.add(column * self.x_step));
                            for (acc, g) in acc.iter_mut().zip(held) {
                                acc[k] = g.mul_add(x, acc[k]);
                            }
                        }
                    }
                    dy = dy.add(n);
                }
            }
            for (o, acc) in acc.into_iter().enumerate() {
                for (k, acc) in acc.into_iter().enumerate() {
                    acc.store(sums.add(o * self.sums_row + k * n));
                }
            }
        }
    }
}
