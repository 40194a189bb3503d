//! Convolution as one matrix product per group: packed weights times packed columns (im2col) of all images.
//!
//! The columns of the product are the output pixels of all images, one image behind the other, so that planes which are no
//! multiple of a register leave no gaps; its steps are the input channels and taps. Of the columns only the strip that is
//! being multiplied is stored: inputs go from their planes, with stride and padding, straight to where the innermost loop
//! reads them. The weights are packed once for all strips. With few strips, or few output channels, the one or the other
//! is read where it lies. The input gradient of a 1x1 kernel is the same with the weights transposed.
//!
//! TASKS: groups x strips of columns x parts of the output channels
//! LOOP 1: steps: those of a strip stay in L2, and of a sliver (the columns of a block) in L1
//! LOOP 2: ranges of output channels, whose weights stay in L2; LOOP 3: slivers; LOOP 4: blocks of output channels
//!
//! Against a product per image of 1x1 kernels 0.7 to 0.9 of the time (512 channels of 14 x 14, 2048 to 512 of 7 x 7),
//! against the direct path with stride 2 about 0.55 (64 to 128 channels of 56 x 56).

use super::Conv2d;
use super::columns::runs;
use super::grid::Parts;
use super::lines;
use super::register::{HasRegisters, Kernel, Register, Scratch};
use crate::backend::cpu::gemm::{Lines, Operands, Target};
use crate::parallel::{Out, tasks};
use crate::simd::prefetch;
use std::ops::Range;

/// Bytes of the steps of a sliver's column, and of a strip's steps.
const STEPS: usize = 1536;
const STRIP: usize = 1 << 18;
/// Slivers of the shortest strip, if the work has to be cut for the threads.
const FEWEST: usize = 2;
/// Output channels whose weights are multiplied with one sliver after the other.
const TALL: usize = 144;
/// Slivers, or blocks of channels, for which it does not pay to pack what they are multiplied with.
const MANY: usize = 8;
/// Tasks that are enough for the threads to share.
const PIECES: usize = 8;
/// Planes that are asked for ahead.
const AHEAD: usize = 8;

/// Whether this is quicker than the paths that leave the inputs in their planes: kernels that are not larger than their
/// stride (0.7 to 0.9 of the time), and enough channels with any stride (3x3 on 64 to 128 of 56 x 56: 0.75, 256 to 512 of
/// 14 x 14: 0.65), more of them where a `batch` fills the registers.
pub(super) fn fits(d: &Conv2d, batch: bool) -> bool {
    let (from, to) = d.per_group();
    let apart = d.kh <= d.stride[0] && d.kw <= d.stride[1];
    let many = if batch { 64 } else { 32 };
    d.is_product() || apart && to >= 32 || d.stride[1] > 1 && from >= many && to >= 64
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    T::with_register(Run { d: flat(*d), weight, weight_steps: [d.taps(), 1], bias, x, y: Out::new(y) });
}

/// The input gradient of a 1x1 kernel without strides.
pub(super) fn pointwise_backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let d = Conv2d { c_in: d.c_out, c_out: d.c_in, ..*d };
    let steps = [1, d.per_group().1];
    T::with_register(Run { d: flat(d), weight, weight_steps: steps, bias: None, x: dy, y: Out::new(dx) });
}

/// A plane whose pixels are taken as they lie is one row.
fn flat(d: Conv2d) -> Conv2d {
    if d.is_pointwise() { Conv2d { h: 1, w: d.plane(), ..d } } else { d }
}

struct Run<'a, T> {
    d: Conv2d,
    weight: &'a [T],
    /// From one output channel, and from one step, to the next in a group's weights.
    weight_steps: [usize; 2],
    bias: Option<&'a [T]>,
    x: &'a [T],
    y: Out<T>,
}

/// How the work is cut: it depends on the shapes alone.
struct Cut {
    steps: Parts,
    /// Strips of slivers.
    strips: Parts,
    /// Blocks of output channels, and parts of them that are tasks of their own.
    blocks: usize,
    splits: usize,
    /// Whether slivers inside an image are read where they lie: few blocks of channels use them.
    in_place: bool,
}

/// The weights of all groups, where the innermost loop reads them. Those of group `g` and output channel `o` begin at
/// `data + g * group + o * row`, or of packed ones the block's.
struct Weights<T> {
    data: *const T,
    group: usize,
    row: usize,
    /// Of `Operands`.
    a_row: usize,
    a_k: usize,
}

// SAFETY: only read.
unsafe impl<T: Sync> Sync for Weights<T> {}

impl<T: HasRegisters> Kernel<T> for Run<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let cut = self.cut::<V>();
        let mut room;
        let weights = if cut.strips.n > MANY {
            room = Scratch::new(self.d.groups * cut.blocks * V::ROWS * self.d.taps());
            self.pack::<V>(&cut, room.numbers())
        } else {
            let [row, a_k] = self.weight_steps;
            Weights {
                data: self.weight.as_ptr(),
                group: self.weight.len() / self.d.groups,
                row,
                a_row: row,
                a_k,
            }
        };
        tasks(self.d.groups * cut.strips.count * cut.splits, |task| {
            let (split, task) = (task % cut.splits, task / cut.splits);
            let (strip, group) = (task % cut.strips.count, task / cut.strips.count);
            let blocks = Parts { n: cut.blocks, count: cut.splits }.get(split);
            // SAFETY: `with_register` chose a register this machine has; tasks write pixels or channels of their own.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.strip::<V>(&cut, &weights, group, cut.strips.get(strip), blocks),
                )
            };
        });
    }
}

impl<T: HasRegisters> Run<'_, T> {
    fn cut<V: Register<E = T>>(&self) -> Cut {
        let d = &self.d;
        let steps = Parts::new(d.taps(), STEPS / size_of::<T>());
        let blocks = d.per_group().1.div_ceil(V::ROWS);
        let slivers = (d.n * d.out_plane()).div_ceil(V::COLS);
        let most = STRIP / (d.taps().div_ceil(steps.count) * V::COLS * size_of::<T>());
        let least = slivers.div_ceil(most.max(FEWEST));
        // As many as there are threads would have to wait for the last.
        let count = least.max((PIECES.div_ceil(d.groups)).min(slivers / FEWEST)).max(1);
        let splits = PIECES.div_ceil(count * d.groups).min(blocks);
        let in_place = d.is_pointwise() && blocks <= MANY;
        Cut { steps, strips: Parts { n: slivers, count }, blocks, splits, in_place }
    }

    /// The weights block by block.
    fn pack<V: Register<E = T>>(&self, cut: &Cut, room: &mut [T]) -> Weights<T> {
        let (taps, to) = (self.d.taps(), self.d.per_group().1);
        let [to_step, from_step] = self.weight_steps;
        let weights = Weights {
            data: room.as_ptr(),
            group: cut.blocks * V::ROWS * taps,
            row: taps,
            a_row: 1,
            a_k: V::ROWS,
        };
        let parts = Parts { n: cut.blocks, count: PIECES.min(cut.blocks) };
        let out = Out::new(room);
        tasks(self.d.groups * parts.count, |task| {
            let (group, blocks) = (task / parts.count, parts.get(task % parts.count));
            let rows = blocks.start * V::ROWS..(blocks.end * V::ROWS).min(to);
            let from = &self.weight[group * (self.weight.len() / self.d.groups) + rows.start * to_step..];
            let lines = Lines {
                data: from.as_ptr(),
                lines: rows.len(),
                line: to_step as isize,
                step: from_step as isize,
                k: taps,
            };
            let at = group * weights.group + rows.start * taps;
            // SAFETY: the rows are those of the weight, the blocks in `out` apart; `with_register` chose a register this
            // machine has.
            unsafe {
                let out = out.range(at..at + blocks.len() * V::ROWS * taps);
                V::enter(
                    #[inline(always)]
                    || V::pack(lines, out.as_mut_ptr()),
                )
            };
        });
        weights
    }

    /// # Safety
    /// Inside `V::enter`; no other call writes these columns of these channels.
    #[inline(always)]
    unsafe fn strip<V: Register<E = T>>(
        &self,
        cut: &Cut,
        weights: &Weights<T>,
        group: usize,
        slivers: Range<usize>,
        blocks: Range<usize>,
    ) {
        let (d, (from, to), plane) = (&self.d, self.d.per_group(), self.d.out_plane());
        let columns = slivers.start * V::COLS..(slivers.end * V::COLS).min(d.n * plane);
        let most = d.taps().div_ceil(cut.steps.count);
        let mut room = Scratch::new(slivers.len() * pitch::<V>(most));
        for nth in 0..cut.steps.count {
            let steps = cut.steps.get(nth);
            self.fill::<V>(cut, group, &columns, &steps, room.numbers());
            for first in blocks.clone().step_by(TALL / V::ROWS) {
                for column in columns.clone().step_by(V::COLS) {
                    let (image, pixel) = (column / plane, column % plane);
                    let cols = V::COLS.min(columns.end - column);
                    let (b, b_k) = if cut.in_place && cols == V::COLS && pixel + cols <= plane {
                        let channel = image * d.c_in + group * from + steps.start;
                        (self.x[channel * plane + pixel..].as_ptr(), plane)
                    } else {
                        let at = (column - columns.start) / V::COLS * pitch::<V>(steps.len());
                        (room.numbers()[at..].as_ptr(), V::COLS)
                    };
                    for block in first..(first + TALL / V::ROWS).min(blocks.end) {
                        let row = block * V::ROWS;
                        let a = group * weights.group + row * weights.row + steps.start * weights.a_k;
                        let x = Operands {
                            k: steps.len(),
                            a: weights.data.wrapping_add(a),
                            a_row: weights.a_row as isize,
                            a_k: weights.a_k as isize,
                            b,
                            b_k: b_k as isize,
                        };
                        let channel = group * to + row;
                        let target = Target {
                            c: self.y.ptr().wrapping_add((image * d.c_out + channel) * plane + pixel),
                            c_row: plane as isize,
                            c_col: 1,
                            base: self.bias.map_or(std::ptr::null(), |bias| bias[channel..].as_ptr()),
                            base_row: 1,
                            base_col: 0,
                        };
                        let target = if nth > 0 { target.onto_itself() } else { target };
                        let rows = V::ROWS.min(to - row);
                        // SAFETY: weights and columns are there, packed or in place; the target is as the caller promises.
                        unsafe {
                            if pixel + cols <= plane {
                                V::block(x, rows, cols, target);
                            } else {
                                self.across::<V>(x, rows, cols, pixel, target);
                            }
                        }
                    }
                }
            }
        }
    }

    /// A block whose columns lie in several images, from `pixel` of the target's on.
    ///
    /// # Safety
    /// As for `V::block`.
    #[inline(always)]
    unsafe fn across<V: Register<E = T>>(
        &self,
        x: Operands<T>,
        rows: usize,
        cols: usize,
        pixel: usize,
        target: Target<T>,
    ) {
        let plane = self.d.out_plane();
        // The most numbers a block has.
        let mut sums = [T::ZERO; 14 * 32];
        let to = Target {
            c: sums.as_mut_ptr(),
            c_row: V::COLS as isize,
            c_col: 1,
            base: std::ptr::null(),
            ..target
        };
        // SAFETY: the caller's promise; the next image's planes of the channels are `c_out` planes further.
        unsafe {
            V::block(x, rows, V::COLS, to);
            for j in 0..cols {
                let skipped = (pixel + j) / plane * (self.d.c_out - 1) * plane;
                for (i, row) in sums.chunks_exact(V::COLS).enumerate().take(rows) {
                    let t = target.at(i, skipped + j);
                    *t.c = if t.base.is_null() { row[j] } else { *t.base + row[j] };
                }
            }
        }
    }

    /// Slivers with some steps of some columns. What a step of them is made of is the same for all channels.
    #[inline(always)]
    fn fill<V: Register<E = T>>(
        &self,
        cut: &Cut,
        group: usize,
        columns: &Range<usize>,
        steps: &Range<usize>,
        room: &mut [T],
    ) {
        let (d, taps) = (&self.d, self.d.kh * self.d.kw);
        let x = &self.x[group * d.per_group().0 * d.plane()..];
        let mut pieces = Vec::new();
        for tap in 0..taps {
            pieces.clear();
            self.pieces::<V>(tap, columns, pitch::<V>(steps.len()), &mut pieces);
            if cut.in_place {
                pieces.retain(|piece| piece.from.is_none() || piece.len < V::COLS);
            }
            // The first step from `steps.start` on with this tap.
            let first = steps.start + (tap + taps - steps.start % taps) % taps;
            for step in (first..steps.end).step_by(taps) {
                let x = &x[step / taps * d.plane()..];
                let room = &mut room[(step - steps.start) * V::COLS..];
                for piece in &pieces {
                    let room = &mut room[piece.to..];
                    match piece.from {
                        Some(from) if d.stride[1] == 1 => {
                            prefetch(x.as_ptr().wrapping_add(from + AHEAD * d.plane()));
                            // A length that is known is copied by registers.
                            match piece.len == V::COLS {
                                true => room[..V::COLS].copy_from_slice(&x[from..from + V::COLS]),
                                false => lines::copy(&x[from..from + piece.len], &mut room[..piece.len]),
                            }
                        }
                        Some(from) if d.stride[1] == 2 => {
                            prefetch(x.as_ptr().wrapping_add(from + AHEAD * d.plane()));
                            lines::every_second(&x[from..], &mut room[..piece.len]);
                        }
                        Some(from) => {
                            let x = x[from..].iter().step_by(d.stride[1]);
                            room[..piece.len].iter_mut().zip(x).for_each(|(to, &x)| *to = x);
                        }
                        None => room[..piece.len].fill(T::ZERO),
                    }
                }
            }
        }
    }

    /// What a step with tap `tap` is made of, from the planes of channel 0.
    #[inline(always)]
    fn pieces<V: Register<E = T>>(
        &self,
        tap: usize,
        columns: &Range<usize>,
        pitch: usize,
        out: &mut Vec<Piece>,
    ) {
        let (d, plane) = (&self.d, self.d.out_plane());
        let out = std::cell::RefCell::new(out);
        // From a column on, cut where a sliver ends.
        let cut = |mut column: usize, mut n: usize, from: Option<usize>| {
            let first = column;
            while n > 0 {
                let lane = column % V::COLS;
                let len = n.min(V::COLS - lane);
                let from = from.map(|from| from + (column - first) * d.stride[1]);
                out.borrow_mut().push(Piece { from, to: column / V::COLS * pitch + lane, len });
                (column, n) = (column + len, n - len);
            }
        };
        let mut column = columns.start;
        while column < columns.end {
            let (image, pixel) = (column / plane, column % plane);
            let len = (plane - pixel).min(columns.end - column);
            let (first, x) = (column - columns.start, image * d.c_in * d.plane());
            runs(
                d,
                tap..tap + 1,
                pixel..pixel + len,
                |_, column, at, n| cut(first + column, n, Some(x + at)),
                |_, edge| cut(first + edge.start, edge.len(), None),
            );
            column += len;
        }
        // Lanes without a column.
        let n = columns.len();
        cut(n, n.next_multiple_of(V::COLS) - n, None);
    }
}

/// Neighbouring columns of one sliver: where they come from, if they are not padding, and where they go.
struct Piece {
    from: Option<usize>,
    to: usize,
    len: usize,
}

/// From one sliver with `steps` steps to the next: an odd number of lines, or all would begin in one set of the cache.
fn pitch<V: Register>(steps: usize) -> usize {
    (steps | 1) * V::COLS
}
