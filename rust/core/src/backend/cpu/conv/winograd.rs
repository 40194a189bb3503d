//! 3 x 3 convolution with stride 1 by minimal filtering, F(M x M, 3 x 3): with M = 2 four outputs of a channel from 16
//! products instead of 36, with M = 4 sixteen from 36 instead of 144 (Lavin and Gray, "Fast Algorithms for Convolutional
//! Neural Networks", arXiv 1509.09308).
//!
//!   Y = A' ((G g G') * (B' d B)) A        d: A x A inputs with A = M + 2, g: the filter, Y: M x M outputs,
//!                                         *: element by element; the matrices are in `points.rs`
//!
//! Summed over the input channels, the products at each of the A x A positions are a matrix product of filters and tiles.
//! The input gradient is the same with the filters turned round and their channels exchanged; the weight gradient is the
//! transpose of it all (`winograd_weight.rs`).
//!
//! TASKS: a band of tiles (rows of tiles of some images side by side) x a part of the output channels
//! LOOP 1: input channels; the padded rows are cut by their place in a tile, so that a vector holds one element of
//!         neighbouring tiles; the transformed tiles are laid out as the matrix product wants them
//! LOOP 2: groups of blocks of output channels, whose sums stay in the second cache
//! LOOP 3: positions, columns of tiles, blocks; a column of tiles stays in the first cache for all blocks of the group
//!
//! Which size is taken is in `fits`, and follows `precision.rs`. F(2 x 2) wins from 24 channels and 48 tiles on (half
//! the time of the direct path at 64 channels), F(4 x 4) over it where the planes are large or the channels many: 0.65
//! to 0.8 of its time from 128 channels of 14 x 14 to 64 of 56 x 56.
//! Errors relative to the largest output, 64 to 512 channels: direct 4e-7 to 9e-7, F(2 x 2) 3e-7 to 9e-7, F(4 x 4) 1e-6
//! to 4e-6. An infinity reaches all outputs of its tiles, as NaN.

use super::bands::{Band, Bands};
use super::lines::copy;
use super::points::{Four, Points, Two};
use super::precision::{Precision, precision};
use super::register::{HasRegisters, Kernel, Register, Scratch};
use super::{Conv2d, batch};
use crate::dtype::DType;
use crate::parallel::{Out, num_threads, tasks};
use std::marker::PhantomData;
use std::ops::Range;

/// Bytes of sums that a group of blocks should not exceed.
const SUMS: usize = 1 << 17;
/// Numbers of the registers that hold a filter of each output channel of a block.
const MOST: usize = 16;

/// Outputs of a tile along each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Two,
    Four,
}

impl Size {
    pub(super) fn tiles(self, d: &Conv2d) -> usize {
        let side = match self {
            Size::Two => 2,
            Size::Four => 4,
        };
        d.n * d.out_h().div_ceil(side) * d.out_w().div_ceil(side)
    }
}

/// The size of tiles that is the quickest path, if any is, among those that are exact enough.
pub(super) fn fits<T: HasRegisters>(d: &Conv2d) -> Option<Size> {
    fits_at::<T>(precision(), d)
}

/// Whether the layer is of the kind that tiles are for, and the precision allows them.
pub(super) fn possible(precision: Precision, d: &Conv2d) -> bool {
    let kernel = [d.kh, d.kw, d.stride[0], d.stride[1], d.dilation[0], d.dilation[1]];
    let kind = kernel == [3, 3, 1, 1, 1, 1] && d.groups == 1 && d.pad[0].max(d.pad[1]) <= 2;
    kind && precision != Precision::Highest
}

/// The same as `fits` at a precision of one's own.
pub(super) fn fits_at<T: HasRegisters>(precision: Precision, d: &Conv2d) -> Option<Size> {
    // Channels from which transforming the tiles pays, and tiles from which transforming the filters does: short rows
    // do not fill the registers on their way into phases, those of a batch fill them elsewhere.
    let (deep, many) = match (batch::fits::<T>(d), d.out_w()) {
        (false, _) => (24, 48),
        (true, 16..) => (32, 256),
        (true, 6..) => (48, 256),
        (true, _) => (256, 64),
    };
    let channels = d.c_in.min(d.c_out);
    if !possible(precision, d) || channels < deep || Size::Two.tiles(d) < many {
        return None;
    }
    // Larger tiles transform filters to more than twice as many numbers, and may reach further past the edges. Whole
    // numbers, which are convolved as f64, would not stay whole.
    let larger = precision == Precision::Medium
        && T::DTYPE == DType::F32
        && Size::Four.tiles(d) >= 96
        && Size::Four.tiles(d) * 3 <= Size::Two.tiles(d)
        && (channels >= 128 || d.out_w() >= 12);
    Some(if larger { Size::Four } else { Size::Two })
}

pub(super) fn forward<T: HasRegisters>(
    size: Size,
    d: &Conv2d,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    y: &mut [T],
) {
    Filtering { d: *d, x, weight, bias, y: Out::new(y), transposed: false }.start(size);
}

pub(super) fn backward_input<T: HasRegisters>(size: Size, d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let turned = Conv2d {
        c_in: d.c_out,
        c_out: d.c_in,
        h: d.out_h(),
        w: d.out_w(),
        pad: [2 - d.pad[0], 2 - d.pad[1]],
        ..*d
    };
    Filtering { d: turned, x: dy, weight, bias: None, y: Out::new(dx), transposed: true }.start(size);
}

struct Filtering<'a, T> {
    d: Conv2d,
    x: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    y: Out<T>,
    /// Whether the filters are those of the convolution that goes the other way.
    transposed: bool,
}

impl<T: HasRegisters> Filtering<'_, T> {
    fn start(self, size: Size) {
        match size {
            Size::Two => T::with_register(Tiled::<'_, T, Two, 2, 4> { layer: self, points: PhantomData }),
            Size::Four => T::with_register(Tiled::<'_, T, Four, 4, 6> { layer: self, points: PhantomData }),
        }
    }
}

/// A layer, and the size of its tiles: `M` outputs from `A` inputs along each axis.
struct Tiled<'a, T, P, const M: usize, const A: usize> {
    layer: Filtering<'a, T>,
    points: PhantomData<P>,
}

impl<T, P, const M: usize, const A: usize> Kernel<T> for Tiled<'_, T, P, M, A>
where
    T: HasRegisters,
    P: Points<M, A> + Sync,
{
    fn run<V: Register<E = T>>(self) {
        let d = &self.layer.d;
        let bands = Bands::new(d, M, V::COLS, A * A * d.c_in * size_of::<T>());
        let blocks = d.c_out.div_ceil(V::ROWS);
        let filter = A * A * Self::filter::<V>(d.c_in);
        let mut filters = Scratch::new(blocks * filter);
        let out = Out::new(filters.numbers());
        tasks(blocks, |block| {
            // SAFETY: one task per block; `with_register` chose a register this machine has.
            unsafe {
                let to = out.range(block * filter..(block + 1) * filter);
                V::enter(
                    #[inline(always)]
                    || self.transform_filters::<V>(block, to),
                );
            }
        });
        let filters = &*filters.numbers();
        // No sum depends on the cut. Each part transforms the tiles of its band for itself, so one thread does without.
        let wanted = if num_threads() > 1 { 2 * num_threads() } else { 1 };
        let parts = wanted.div_ceil(bands.count).min(blocks);
        tasks(bands.count * parts, |task| {
            let (at, part) = (task / parts, task % parts);
            let band = bands.at(d.n, at);
            let range = blocks * part / parts..blocks * (part + 1) / parts;
            // SAFETY: a task alone writes the outputs of its band and channels.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.band::<V>(&bands, &band, range, filters),
                );
            }
        });
    }
}

impl<T, P, const M: usize, const A: usize> Tiled<'_, T, P, M, A>
where
    T: HasRegisters,
    P: Points<M, A>,
{
    /// From one position of the transformed filters of a block to the next, with room for the last register.
    fn filter<V: Register<E = T>>(c_in: usize) -> usize {
        c_in * V::ROWS + MOST
    }

    /// `G g G'` for a block of output channels: `to[position][input channel][output channel]`. What a register writes
    /// too much belongs to the next input channel, which comes later.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    unsafe fn transform_filters<V: Register<E = T>>(&self, block: usize, to: &mut [T]) {
        let (c_in, c_out) = (self.layer.d.c_in, self.layer.d.c_out);
        let here = V::ROWS.min(c_out - block * V::ROWS);
        let mut taps = [[T::ZERO; MOST]; 9];
        let pitch = Self::filter::<V>(c_in);
        const { assert!(V::ROWS.next_multiple_of(V::N) <= MOST) };
        assert!(to.len() >= A * A * pitch);
        for c in 0..c_in {
            for r in 0..here {
                let o = block * V::ROWS + r;
                if self.layer.transposed {
                    let g = &self.layer.weight[(c * c_out + o) * 9..][..9];
                    (0..9).for_each(|k| taps[8 - k][r] = g[k]);
                } else {
                    let g = &self.layer.weight[(o * c_in + c) * 9..][..9];
                    (0..9).for_each(|k| taps[k][r] = g[k]);
                }
            }
            for r in (0..V::ROWS).step_by(V::N) {
                // SAFETY: the caller's promise; rows of taps have room for all registers.
                unsafe {
                    let mut t = [[V::splat(T::ZERO); A]; 3];
                    for j in 0..3 {
                        let g = [0, 1, 2].map(
                            #[inline(always)]
                            |i| V::load(taps[3 * i + j].as_ptr().add(r)),
                        );
                        t[j] = P::widen(g);
                    }
                    for i in 0..A {
                        let u = P::widen([t[0][i], t[1][i], t[2][i]]);
                        for j in 0..A {
                            u[j].store(to.as_mut_ptr().add((i * A + j) * pitch + c * V::ROWS + r));
                        }
                    }
                }
            }
        }
    }

    /// All outputs of a band in the output channels of `blocks`.
    ///
    /// # Safety
    /// Inside `V::enter`; nobody else has these outputs.
    #[inline(always)]
    unsafe fn band<V: Register<E = T>>(
        &self,
        bands: &Bands,
        band: &Band,
        blocks: Range<usize>,
        filters: &[T],
    ) {
        let (d, lanes) = (&self.layer.d, bands.lanes);
        let group = (SUMS / (A * A * V::ROWS * lanes * size_of::<T>())).clamp(1, blocks.len());
        let mut room = Scratch::new(M * 8 * bands.phase());
        let mut lines = Scratch::new(M * bands.line::<M>(V::N));
        let mut nothing = Scratch::new(bands.line::<M>(V::N));
        let mut tiles = Scratch::new(A * A * bands.pitch(d.c_in));
        let mut sums = Scratch::new(A * A * bands.pitch(group * V::ROWS));
        let mut outputs = Scratch::new(M * M * lanes);
        room.numbers().fill(T::ZERO);
        lines.numbers().fill(T::ZERO);
        nothing.numbers().fill(T::ZERO);
        for c in 0..d.c_in {
            // SAFETY: the caller's promise; the rooms have the sizes that are asked for.
            unsafe {
                self.split::<V>(bands, band, c, [lines.numbers(), nothing.numbers()], room.numbers());
                self.transform_tiles::<V>(bands, c, room.numbers(), tiles.numbers());
            }
        }
        let (tiles, pitch) = (&*tiles.numbers(), bands.pitch(group * V::ROWS));
        for first in blocks.clone().step_by(group) {
            let group = first..blocks.end.min(first + group);
            for position in 0..A * A {
                for col in (0..lanes).step_by(V::COLS) {
                    let b = &tiles[position * bands.pitch(d.c_in) + col * d.c_in..][..d.c_in * V::COLS];
                    for block in group.clone() {
                        let a = &filters[(block * A * A + position) * Self::filter::<V>(d.c_in)..];
                        let at = position * pitch + (block - first) * V::ROWS * lanes + col;
                        let c = &mut sums.numbers()[at..];
                        // SAFETY: the caller's promise; the rows of `c` are `lanes` apart and all inside.
                        unsafe { V::multiply(d.c_in, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), lanes) };
                    }
                }
            }
            for o in group.start * V::ROWS..d.c_out.min(group.end * V::ROWS) {
                let bias = self.layer.bias.map_or(T::ZERO, |b| b[o]);
                let sums = &sums.numbers()[(o - first * V::ROWS) * lanes..];
                // SAFETY: the caller's promise.
                unsafe {
                    Self::transform_outputs::<V>(lanes, sums, pitch, bias, outputs.numbers());
                    self.write(bands, band, o, outputs.numbers());
                }
            }
        }
    }

    /// The inputs of a band in one channel: `M` phases of rows, by the row's place in a tile, each with eight phases of
    /// columns, of which `A` are used: a tile has columns that its neighbour has too. The lines are zeros but for what is
    /// written here.
    ///
    /// # Safety
    /// Inside `V::enter`; the rooms have the sizes of the band.
    #[inline(always)]
    unsafe fn split<V: Register<E = T>>(
        &self,
        bands: &Bands,
        band: &Band,
        c: usize,
        [lines, nothing]: [&mut [T]; 2],
        phases: &mut [T],
    ) {
        let d = &self.layer.d;
        let length = bands.line::<M>(V::N);
        assert!(
            lines.len() >= M * length && nothing.len() >= length && phases.len() >= M * 8 * bands.phase()
        );
        // The last two rows are looked at by the last row of tiles alone. What a register writes too much belongs to
        // the next tiles, which come later.
        for row in 0..=band.rows {
            for image in 0..band.images {
                let plane = &self.layer.x[((band.image + image) * d.c_in + c) * d.plane()..][..d.plane()];
                let y = |i: usize| (M * (band.row + row) + i).wrapping_sub(d.pad[0]);
                let rows = if row < band.rows { M } else { 2 };
                // All rows first: a register that is loaded just after two stores that made it waits for both.
                for i in (0..rows).filter(|&i| y(i) < d.h) {
                    copy(&plane[y(i) * d.w..][..d.w], &mut lines[i * length + d.pad[1]..][..d.w]);
                }
                for i in 0..rows {
                    let from = if y(i) < d.h { lines[i * length..].as_ptr() } else { nothing.as_ptr() };
                    let at = i * 8 * bands.phase() + row * bands.row() + image * bands.wide;
                    for q in (0..bands.wide).step_by(V::N) {
                        // SAFETY: a line has eight numbers after the first of its last tile, a phase has a register more
                        // than tiles.
                        unsafe {
                            let to = phases.as_mut_ptr().add(at + q);
                            V::turn_eight(from.add(M * q), M, to, bands.phase());
                        }
                    }
                }
            }
        }
    }

    /// `B' d B` for the tiles of a band in one channel, into blocks of columns: `tiles[position][block][channel][column]`.
    ///
    /// # Safety
    /// Inside `V::enter`; `phases` and `tiles` have the sizes of the band.
    #[inline(always)]
    unsafe fn transform_tiles<V: Register<E = T>>(
        &self,
        bands: &Bands,
        c: usize,
        phases: &[T],
        tiles: &mut [T],
    ) {
        let channels = self.layer.d.c_in;
        assert!(
            phases.len() >= M * 8 * bands.phase()
                && tiles.len() >= A * A * bands.pitch(channels)
                && c < channels
        );
        for q in (0..bands.lanes).step_by(V::N) {
            // SAFETY: the last register of a phase begins a row after the last number of the band.
            unsafe {
                let zero = V::splat(T::ZERO);
                let mut t = [[zero; A]; A];
                for j in 0..A {
                    let mut d = [zero; A];
                    for i in 0..A {
                        let at = (i % M * 8 + j) * bands.phase() + i / M * bands.row() + q;
                        d[i] = V::load(phases.as_ptr().add(at));
                    }
                    t[j] = P::narrow(d);
                }
                let to = tiles.as_mut_ptr().add((q / V::COLS * channels + c) * V::COLS + q % V::COLS);
                for i in 0..A {
                    let mut row = [zero; A];
                    for j in 0..A {
                        row[j] = t[j][i];
                    }
                    let row = P::narrow(row);
                    for j in 0..A {
                        row[j].store(to.add((i * A + j) * bands.pitch(channels)));
                    }
                }
            }
        }
    }

    /// `A' m A + bias` for one output channel of a band: `outputs[row of a tile][tile][column]`, where position `p` of
    /// `sums` begins at `p * pitch`.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    unsafe fn transform_outputs<V: Register<E = T>>(
        lanes: usize,
        sums: &[T],
        pitch: usize,
        bias: T,
        outputs: &mut [T],
    ) {
        assert!(sums.len() >= (A * A - 1) * pitch + lanes && outputs.len() >= M * M * lanes);
        for q in (0..lanes).step_by(V::N) {
            // SAFETY: `lanes` is a multiple of the register, and the sizes were just checked.
            unsafe {
                let (zero, bias) = (V::splat(T::ZERO), V::splat(bias));
                let mut t = [[zero; M]; A];
                for j in 0..A {
                    let mut m = [zero; A];
                    for i in 0..A {
                        m[i] = V::load(sums.as_ptr().add((i * A + j) * pitch + q));
                    }
                    t[j] = P::sum(m);
                }
                for i in 0..M {
                    let mut row = [zero; A];
                    for j in 0..A {
                        row[j] = t[j][i];
                    }
                    let row = P::sum(row);
                    let mut turned = [[T::ZERO; MOST]; M];
                    for j in 0..M {
                        row[j].add(bias).store(turned[j].as_mut_ptr());
                    }
                    let to = &mut outputs[(i * lanes + q) * M..][..M * V::N];
                    for t in 0..V::N {
                        for j in 0..M {
                            to[t * M + j] = turned[j][t];
                        }
                    }
                }
            }
        }
    }

    /// The outputs of a band in one channel, from the rows of its tiles.
    ///
    /// # Safety
    /// Nobody else has these outputs.
    #[inline(always)]
    unsafe fn write(&self, bands: &Bands, band: &Band, o: usize, outputs: &[T]) {
        let d = &self.layer.d;
        let (out_h, out_w) = (d.out_h(), d.out_w());
        for image in 0..band.images {
            for row in 0..(M * band.rows).min(out_h - M * band.row) {
                let at = row % M * bands.lanes + row / M * bands.row() + image * bands.wide;
                let y = ((band.image + image) * d.c_out + o) * out_h + M * band.row + row;
                // SAFETY: the caller's promise.
                let y = unsafe { self.layer.y.range(y * out_w..(y + 1) * out_w) };
                copy(&outputs[M * at..][..out_w], y);
            }
        }
    }
}
