//! 3 x 3 convolution with stride 1 by minimal filtering, F(2 x 2, 3 x 3): four outputs of a channel from 16 products
//! instead of 36 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", arXiv 1509.09308).
//!
//!   Y = A' ((G g G') * (B' d B)) A        d: 4 x 4 inputs, g: the filter, Y: 2 x 2 outputs, *: element by element
//!
//! Summed over the input channels, the products at each of the 16 positions are a matrix product of filters and tiles.
//! The input gradient is the same with the filters turned round and their channels exchanged.
//!
//! TASKS: a band of tiles (rows of tiles of some images side by side) x a part of the output channels
//! LOOP 1: input channels; the padded rows are split by odd and even, so that a vector holds one element of neighbouring
//!         tiles; the transformed tiles are laid out as the matrix product wants them and stay in the second cache
//! LOOP 2: blocks of output channels; 16 small products into a block that stays in the first cache, turned back at once
//!
//! A direct sum rounds less: the error is up to twice as large. An infinity reaches all four outputs of its tiles, as NaN.

use super::Conv2d;
use super::lines::halve;
use super::register::{HasRegisters, Kernel, Register, Scratch};
use crate::dtype::Real;
use crate::parallel::{Out, tasks};

/// Positions of a transformed tile.
const POSITIONS: usize = 16;
/// Bytes of transformed tiles that a task keeps.
const NEAR: usize = 1 << 18;
/// A layer is cut into this many tasks if it has fewer bands.
const TASKS: usize = 8;
/// Tiles from which transforming the filters pays, and channels from which transforming the tiles does.
const MANY: usize = 256;
const DEEP: usize = 48;

pub(super) fn fits(d: &Conv2d) -> bool {
    let tiles = d.n * d.out_h().div_ceil(2) * d.out_w().div_ceil(2);
    let kernel = [d.kh, d.kw, d.stride[0], d.stride[1], d.dilation[0], d.dilation[1]];
    kernel == [3, 3, 1, 1, 1, 1]
        && d.groups == 1
        && d.pad[0].max(d.pad[1]) <= 2
        && d.c_in.min(d.c_out) >= DEEP
        && tiles >= MANY
}

pub(super) fn forward<T: HasRegisters>(d: &Conv2d, x: &[T], weight: &[T], bias: Option<&[T]>, y: &mut [T]) {
    T::with_register(Filtering { d: *d, x, weight, bias, y: Out::new(y), transposed: false });
}

pub(super) fn backward_input<T: HasRegisters>(d: &Conv2d, dy: &[T], weight: &[T], dx: &mut [T]) {
    let turned = Conv2d {
        c_in: d.c_out,
        c_out: d.c_in,
        h: d.out_h(),
        w: d.out_w(),
        pad: [2 - d.pad[0], 2 - d.pad[1]],
        ..*d
    };
    T::with_register(Filtering { d: turned, x: dy, weight, bias: None, y: Out::new(dx), transposed: true });
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

/// How the tiles are cut into bands. In a band tile (image, row, column) has number `(row * images + image) * wide +
/// column`; there is a column more than tiles, so that the right half of the last tile has a place.
#[derive(Clone, Copy)]
struct Bands {
    /// Rows and columns of tiles in an image.
    tall: usize,
    wide: usize,
    /// Images and rows of tiles in a band.
    images: usize,
    rows: usize,
    /// Numbers of a band, a multiple of the columns of a block.
    lanes: usize,
    /// Bands of an image, and bands in all.
    across: usize,
    count: usize,
}

impl Bands {
    /// The cut with the fewest numbers that are no tiles, among those whose transformed tiles stay near.
    fn new(d: &Conv2d, columns: usize, bytes: usize) -> Self {
        let (tall, wide) = (d.out_h().div_ceil(2), d.out_w().div_ceil(2) + 1);
        let most = (NEAR / (POSITIONS * d.c_in * bytes)).next_multiple_of(columns).max(2 * columns).max(wide);
        let cut = |images: usize, rows: usize| {
            let lanes = (images * rows * wide - 1).next_multiple_of(columns);
            let across = tall.div_ceil(rows);
            Self { tall, wide, images, rows, lanes, across, count: across * d.n.div_ceil(images) }
        };
        let images = 1..=d.n.min(most / wide).max(1);
        let cuts = images.flat_map(|m| (1..=tall.min(most / (m * wide)).max(1)).map(move |r| (m, r)));
        let cuts = cuts.map(|(m, r)| cut(m, r));
        cuts.min_by_key(|c| (c.count * c.lanes, c.count)).unwrap_or_else(|| cut(1, 1))
    }

    /// From one row of tiles to the next.
    fn row(&self) -> usize {
        self.images * self.wide
    }

    /// From one position of the transformed tiles to the next: not a power of two, or all would share a set of the cache.
    fn position(&self, channels: usize) -> usize {
        channels * self.lanes + 16
    }

    /// Numbers of one phase of the inputs of a band, with room for the last register.
    fn phase(&self) -> usize {
        (self.rows + 1) * self.row() + self.lanes
    }
}

/// One band: the images and the rows of tiles it really has.
struct Band {
    image: usize,
    images: usize,
    row: usize,
    rows: usize,
}

impl<T: HasRegisters> Kernel<T> for Filtering<'_, T> {
    fn run<V: Register<E = T>>(self) {
        let d = &self.d;
        let bands = Bands::new(d, V::COLS, size_of::<T>());
        let blocks = d.c_out.div_ceil(V::ROWS);
        let filter = POSITIONS * d.c_in * V::ROWS;
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
        let parts = TASKS.div_ceil(bands.count).min(blocks);
        tasks(bands.count * parts, |task| {
            let (at, part) = (task / parts, task % parts);
            let (image, row) = (at / bands.across * bands.images, at % bands.across * bands.rows);
            let band = Band {
                image,
                images: bands.images.min(d.n - image),
                row,
                rows: bands.rows.min(bands.tall - row),
            };
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

impl<T: HasRegisters> Filtering<'_, T> {
    /// `G g G'` for a block of output channels: `to[position][input channel][output channel]`.
    #[inline(always)]
    fn transform_filters<V: Register<E = T>>(&self, block: usize, to: &mut [T]) {
        let (c_in, c_out) = (self.d.c_in, self.d.c_out);
        for c in 0..c_in {
            for r in 0..V::ROWS {
                let o = block * V::ROWS + r;
                let mut g = [[T::ZERO; 3]; 3];
                if o < c_out {
                    let at = if self.transposed { c * c_out + o } else { o * c_in + c } * 9;
                    for (k, &w) in self.weight[at..at + 9].iter().enumerate() {
                        let k = if self.transposed { 8 - k } else { k };
                        g[k / 3][k % 3] = w;
                    }
                }
                let [a, b, c_row] = g;
                let columns: [[T; 4]; 3] = std::array::from_fn(
                    #[inline(always)]
                    |j| widen([a[j], b[j], c_row[j]]),
                );
                for i in 0..4 {
                    let row = widen([columns[0][i], columns[1][i], columns[2][i]]);
                    for (j, &u) in row.iter().enumerate() {
                        to[((i * 4 + j) * c_in + c) * V::ROWS + r] = u;
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
        blocks: std::ops::Range<usize>,
        filters: &[T],
    ) {
        let (d, lanes) = (&self.d, bands.lanes);
        let mut room = Scratch::new(4 * bands.phase());
        let mut tiles = Scratch::new(POSITIONS * bands.position(d.c_in));
        let mut sums = Scratch::new(POSITIONS * V::ROWS * lanes);
        let mut outputs = Scratch::new(4 * lanes);
        room.numbers().fill(T::ZERO);
        for c in 0..d.c_in {
            self.split(bands, band, c, room.numbers());
            // SAFETY: the caller's promise; the rooms have the sizes that are asked for.
            unsafe { transform_tiles::<V>(bands, d.c_in, c, room.numbers(), tiles.numbers()) };
        }
        let filter = POSITIONS * d.c_in * V::ROWS;
        for block in blocks {
            let filters = &filters[block * filter..(block + 1) * filter];
            for position in 0..POSITIONS {
                for col in (0..lanes).step_by(V::COLS) {
                    let a = &filters[position * d.c_in * V::ROWS..];
                    let b = &tiles.numbers()[position * bands.position(d.c_in) + col * d.c_in..]
                        [..d.c_in * V::COLS];
                    let c = &mut sums.numbers()[position * V::ROWS * lanes + col..];
                    // SAFETY: the caller's promise; the rows of `c` are `lanes` apart and all inside.
                    unsafe { V::multiply(d.c_in, a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), lanes) };
                }
            }
            for r in 0..V::ROWS.min(d.c_out - block * V::ROWS) {
                let o = block * V::ROWS + r;
                let bias = self.bias.map_or(T::ZERO, |b| b[o]);
                // SAFETY: the caller's promise.
                unsafe {
                    let sums = &sums.numbers()[r * lanes..];
                    transform_outputs::<V>(lanes, sums, V::ROWS * lanes, bias, outputs.numbers());
                    self.write(bands, band, o, outputs.numbers());
                }
            }
        }
    }

    /// The inputs of a band in one channel: even and odd rows by even and odd columns, four phases.
    #[inline(always)]
    fn split(&self, bands: &Bands, band: &Band, c: usize, phases: &mut [T]) {
        let d = &self.d;
        for image in 0..band.images {
            let plane = &self.x[((band.image + image) * d.c_in + c) * d.plane()..][..d.plane()];
            for row in 0..=band.rows {
                for odd in 0..2 {
                    let y = (2 * (band.row + row) + odd).wrapping_sub(d.pad[0]);
                    let at = 2 * odd * bands.phase() + row * bands.row() + image * bands.wide;
                    let (even, uneven) = phases[at..].split_at_mut(bands.phase());
                    let (even, uneven) = (&mut even[..bands.wide], &mut uneven[..bands.wide]);
                    even.fill(T::ZERO);
                    uneven.fill(T::ZERO);
                    if y < d.h {
                        halve(&plane[y * d.w..(y + 1) * d.w], d.pad[1], even, uneven);
                    }
                }
            }
        }
    }

    /// The outputs of a band in one channel, from the four phases of the tiles.
    ///
    /// # Safety
    /// Nobody else has these outputs.
    #[inline(always)]
    unsafe fn write(&self, bands: &Bands, band: &Band, o: usize, outputs: &[T]) {
        let d = &self.d;
        let (out_h, out_w) = (d.out_h(), d.out_w());
        for image in 0..band.images {
            for row in 0..band.rows {
                let at = row * bands.row() + image * bands.wide;
                for odd in 0..2.min(out_h - 2 * (band.row + row)) {
                    let even = &outputs[2 * odd * bands.lanes + at..][..out_w.div_ceil(2)];
                    let uneven = &outputs[(2 * odd + 1) * bands.lanes + at..][..out_w / 2];
                    let y = ((band.image + image) * d.c_out + o) * out_h + 2 * (band.row + row) + odd;
                    // SAFETY: the caller's promise.
                    let y = unsafe { self.y.range(y * out_w..(y + 1) * out_w) };
                    let n = out_w / 2;
                    for i in 0..n {
                        (y[2 * i], y[2 * i + 1]) = (even[i], uneven[i]);
                    }
                    if out_w % 2 == 1 {
                        y[out_w - 1] = even[out_w / 2];
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
unsafe fn transform_tiles<V: Register>(
    bands: &Bands,
    channels: usize,
    c: usize,
    phases: &[V::E],
    tiles: &mut [V::E],
) {
    assert!(phases.len() >= 4 * bands.phase() && tiles.len() >= POSITIONS * bands.position(channels));
    for q in (0..bands.lanes).step_by(V::N) {
        // SAFETY: the last register of a phase begins a row and a column after the last number of the band.
        unsafe {
            let d: [[V; 4]; 4] = std::array::from_fn(
                #[inline(always)]
                |i| {
                    std::array::from_fn(
                        #[inline(always)]
                        |j| {
                            let phase = (i % 2 * 2 + j % 2) * bands.phase();
                            V::load(phases.as_ptr().add(phase + i / 2 * bands.row() + j / 2 + q))
                        },
                    )
                },
            );
            let t: [[V; 4]; 4] = std::array::from_fn(
                #[inline(always)]
                |j| narrow([d[0][j], d[1][j], d[2][j], d[3][j]]),
            );
            let to = tiles.as_mut_ptr().add((q / V::COLS * channels + c) * V::COLS + q % V::COLS);
            for i in 0..4 {
                for (j, v) in narrow([t[0][i], t[1][i], t[2][i], t[3][i]]).into_iter().enumerate() {
                    v.store(to.add((i * 4 + j) * bands.position(channels)));
                }
            }
        }
    }
}

/// A row or column of a filter in `G`.
#[inline(always)]
fn widen<T: Real>([a, b, c]: [T; 3]) -> [T; 4] {
    let half = T::of(0.5);
    [a, half * (a + b + c), half * (a - b + c), c]
}

/// A row or column of inputs in `B`.
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn narrow<V: Register>([a, b, c, d]: [V; 4]) -> [V; 4] {
    // SAFETY: the caller's promise.
    unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
}

/// `A' m A + bias` for one output channel of a band: `outputs[phase][tile]`, where position `p` of `sums` begins at
/// `p * pitch`.
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn transform_outputs<V: Register>(
    lanes: usize,
    sums: &[V::E],
    pitch: usize,
    bias: V::E,
    outputs: &mut [V::E],
) {
    assert!(sums.len() >= (POSITIONS - 1) * pitch + lanes && outputs.len() >= 4 * lanes);
    for q in (0..lanes).step_by(V::N) {
        // SAFETY: `lanes` is a multiple of the register, and the sizes were just checked.
        unsafe {
            let at = |p: usize| V::load(sums.as_ptr().add(p * pitch + q));
            let rows: [[V; 2]; 4] = std::array::from_fn(
                #[inline(always)]
                |j| sum([at(j), at(4 + j), at(8 + j), at(12 + j)]),
            );
            for i in 0..2 {
                let y = sum([rows[0][i], rows[1][i], rows[2][i], rows[3][i]]);
                for (j, y) in y.into_iter().enumerate() {
                    y.add(V::splat(bias)).store(outputs.as_mut_ptr().add((2 * i + j) * lanes + q));
                }
            }
        }
    }
}

/// A row or column of sums in `A`.
///
/// # Safety
/// Inside `V::enter`.
#[inline(always)]
unsafe fn sum<V: Register>([a, b, c, d]: [V; 4]) -> [V; 2] {
    // SAFETY: the caller's promise.
    unsafe { [a.add(b).add(c), b.sub(c).sub(d)] }
}
