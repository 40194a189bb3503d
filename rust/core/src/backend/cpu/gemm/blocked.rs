//! The product by blocks: a part of the right operand that fits the caches is packed by all threads, then tiles of the
//! result are claimed by them; each tile packs its rows of the left operand where that pays. Nothing about an element
//! depends on the tile it is in, nor on who computes it.

use super::kernel::{Operands, Target, block};
use super::pack::{Lines, Scratch, pack};
use crate::dtype::Real;
use crate::parallel;
use crate::simd::Vector;

/// Steps of `k` that are packed at once: a sliver of the right operand takes most of the first cache.
const K_BYTES: usize = 1536;
/// Columns that are packed at once.
const COLS: usize = 4096;
/// A left operand of this many bytes is packed although its rows lie along memory: read in place, its rows fall into
/// the same few sets of the first cache, or out of the second.
const A_BYTES: usize = 1 << 20;
/// Rows of a tile: its part of the left operand takes a part of the second cache.
const TILE_ROWS: usize = 144;
const TILE_COLS: usize = 512;
/// Below this many multiplications a product stays on its thread, and tiles are not made smaller than a fraction.
const ALONE: usize = 1 << 18;
/// A result is cut into this many tiles if they do not become too small.
const TILES: usize = 16;

/// One product: `target = base + a * b` with `m` rows, `n` columns and `k` steps.
#[derive(Clone, Copy)]
pub(super) struct Product<E> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: *const E,
    pub a_row: isize,
    pub a_k: isize,
    pub b: *const E,
    pub b_k: isize,
    pub b_col: isize,
    pub target: Target<E>,
}

// SAFETY: plain addresses; what may be read and written behind them is the promise of `product`'s caller.
unsafe impl<E: Send> Send for Product<E> {}
// SAFETY: as above.
unsafe impl<E: Sync> Sync for Product<E> {}

impl<E> Product<E> {
    /// The transposed product: the result is the same matrix, read the other way.
    pub fn transposed(self) -> Self {
        let t = self.target;
        Self {
            m: self.n,
            n: self.m,
            k: self.k,
            a: self.b,
            a_row: self.b_col,
            a_k: self.b_k,
            b: self.a,
            b_k: self.a_k,
            b_col: self.a_row,
            target: Target {
                c_row: t.c_col,
                c_col: t.c_row,
                base_row: t.base_col,
                base_col: t.base_row,
                ..t
            },
        }
    }
}

/// A part of the product that is packed: columns and steps, and where the packed operand is.
struct Part<E> {
    x: Product<E>,
    /// Whether tiles pack their rows of the left operand.
    a_packed: bool,
    /// The right operand; if it was not packed, only its last, incomplete sliver is here.
    b: *const E,
    b_packed: bool,
}

// SAFETY: as for `Product`; the packed operand is only read.
unsafe impl<E: Sync> Sync for Part<E> {}

/// # Safety
/// The operands are readable, the target writable and not touched by anyone else; the base may be the target itself
/// and overlaps it in no other way. The machine has the instructions of `V`, which computes, and `P`, which packs.
pub(super) unsafe fn product<V: Vector, P: Vector<E = V::E>, const MR: usize, const NV: usize>(
    x: Product<V::E>,
) where
    V::E: Real,
{
    let nr = NV * V::N;
    let steps = even_part(x.k, K_BYTES / size_of::<V::E>(), 1);
    let cols = even_part(x.n, COLS, nr);
    // A sliver of the right operand is used once for every block of rows: packing a row-major one pays late.
    let b_packed = x.b_col != 1 || x.m > 8 * MR;
    // Rows of the left operand are used once for every sliver of the right one. What one thread packs is slow to read
    // for another, so each packs for itself.
    let many = x.n > 8 * nr;
    let a_packed =
        if x.a_k == 1 { many && x.m * x.k * size_of::<V::E>() >= A_BYTES } else { many || x.a_row != 1 };
    let room = Scratch::<V::E>::new((if b_packed { cols.next_multiple_of(nr) } else { nr }) * steps + 64);
    for col in (0..x.n).step_by(cols) {
        for step in (0..x.k).step_by(steps) {
            let target = x.target.at(0, col);
            let part = Part {
                x: Product {
                    n: cols.min(x.n - col),
                    k: steps.min(x.k - step),
                    a: x.a.wrapping_offset(step as isize * x.a_k),
                    b: x.b.wrapping_offset(step as isize * x.b_k + col as isize * x.b_col),
                    target: if step > 0 { target.onto_itself() } else { target },
                    ..x
                },
                a_packed,
                b: room.ptr(),
                b_packed,
            };
            // SAFETY: the caller's promise; the room is large enough and outlives the calls.
            unsafe {
                part.pack::<V, P, NV>(room.ptr());
                part.multiply::<V, P, MR, NV>();
            }
        }
    }
}

/// The length of parts of about equal length that `n` is cut into, none longer than `most`: a multiple of `unit`.
fn even_part(n: usize, most: usize, unit: usize) -> usize {
    n.div_ceil(n.div_ceil(most).max(1)).next_multiple_of(unit).max(unit)
}

/// Run `f(0..n)`: by the pool if the work is worth it.
fn spread(alone: bool, n: usize, f: impl Fn(usize) + Sync) {
    if alone { (0..n).for_each(f) } else { parallel::tasks(n, f) }
}

impl<E: Real> Part<E> {
    fn alone(&self) -> bool {
        self.x.m * self.x.n * self.x.k < ALONE
    }

    /// Pack the right operand, or what is left of it after the last whole sliver.
    ///
    /// # Safety
    /// See `product`; the room has the size of the operand rounded up to slivers.
    unsafe fn pack<V: Vector<E = E>, P: Vector<E = E>, const NV: usize>(&self, room: *mut E) {
        let (x, nr) = (self.x, NV * V::N);
        let first = if self.b_packed { 0 } else { x.n / nr * nr };
        // Slivers of about 8000 elements a task; wider pieces of long rows.
        let wide = if x.b_col == 1 { (x.n / nr / TILES).min(8) } else { 1 };
        let grain = (8192 / (x.k * nr).max(1)).max(wide).max(1);
        let tasks = (x.n - first).div_ceil(nr).div_ceil(grain);
        let room = room as usize;
        spread(self.alone() || tasks <= 1, tasks, |task| {
            let (x, at) = (&self.x, task * grain * nr);
            let data = x.b.wrapping_offset((first + at) as isize * x.b_col);
            let n = (x.n - first - at).min(grain * nr);
            let lines = Lines { data, lines: n, line: x.b_col, step: x.b_k, k: x.k };
            // SAFETY: the machine has the instructions; each task reads and fills slivers of its own.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || pack_by::<P>(lines, nr, (room as *mut E).add(at * x.k)),
                )
            };
        });
    }

    /// # Safety
    /// See `product`; the right operand is packed.
    unsafe fn multiply<V: Vector<E = E>, P: Vector<E = E>, const MR: usize, const NV: usize>(&self) {
        let (x, nr) = (self.x, NV * V::N);
        let (tile_rows, tile_cols) = tile_size(&x, MR, nr);
        let across = x.n.div_ceil(tile_cols);
        spread(self.alone(), across * x.m.div_ceil(tile_rows), |tile| {
            let (row, col) = (tile / across * tile_rows, tile % across * tile_cols);
            let (rows, cols) = (row..(row + tile_rows).min(x.m), col..(col + tile_cols).min(x.n));
            // SAFETY: the machine has the instructions, and tiles do not overlap.
            unsafe {
                V::enter(
                    #[inline(always)]
                    || self.tile::<V, P, MR, NV>(rows, cols),
                )
            };
        });
    }

    /// # Safety
    /// See `product`; `rows` starts at a multiple of `MR` and `cols` at one of the columns of a block.
    #[inline(always)]
    unsafe fn tile<V: Vector<E = E>, P: Vector<E = E>, const MR: usize, const NV: usize>(
        &self,
        rows: std::ops::Range<usize>,
        cols: std::ops::Range<usize>,
    ) {
        let (x, nr) = (self.x, NV * V::N);
        let packed = self.a_packed.then(|| Scratch::<E>::new(rows.len().next_multiple_of(MR) * x.k + 64));
        // Not in the closure: what is compiled for the registers has to be inlined here.
        if let Some(room) = &packed {
            let data = x.a.wrapping_offset(rows.start as isize * x.a_row);
            let lines = Lines { data, lines: rows.len(), line: x.a_row, step: x.a_k, k: x.k };
            // SAFETY: the caller's promise; the room is large enough.
            unsafe { pack::<P, MR>(lines, room.ptr()) };
        }
        for col in cols.clone().step_by(nr) {
            let (b, b_k) = if self.b_packed {
                (self.b.wrapping_add(col * x.k), nr as isize)
            } else if col + nr <= x.n {
                (x.b.wrapping_add(col), x.b_k)
            } else {
                (self.b, nr as isize)
            };
            for row in rows.clone().step_by(MR) {
                let (a, a_row, a_k) = match &packed {
                    Some(room) => {
                        (room.ptr().cast_const().wrapping_add((row - rows.start) * x.k), 1, MR as isize)
                    }
                    None => (x.a.wrapping_offset(row as isize * x.a_row), x.a_row, x.a_k),
                };
                let operands = Operands { k: x.k, a, a_row, a_k, b, b_k };
                // SAFETY: the caller's promise; the block lies in the tile.
                unsafe {
                    block::<V, MR, NV>(
                        operands,
                        MR.min(rows.end - row),
                        nr.min(cols.end - col),
                        x.target.at(row, col),
                    );
                }
            }
        }
    }
}

/// Rows and columns of a tile: smaller ones if there would be too few tiles for the threads.
fn tile_size<E>(x: &Product<E>, mr: usize, nr: usize) -> (usize, usize) {
    let mut rows = even_part(x.m, TILE_ROWS, mr);
    let mut cols = even_part(x.n, TILE_COLS, nr);
    while x.m.div_ceil(rows) * x.n.div_ceil(cols) < TILES && rows * cols * x.k > ALONE {
        if cols >= 4 * nr && cols >= rows {
            cols = (cols / 2).next_multiple_of(nr);
        } else if rows >= 2 * mr {
            rows = (rows / 2).next_multiple_of(mr);
        } else {
            break;
        }
    }
    (rows, cols)
}

/// `pack` with the columns of a block, whose number the type system does not know.
///
/// # Safety
/// See `pack`.
#[inline(always)]
unsafe fn pack_by<P: Vector>(lines: Lines<P::E>, nr: usize, out: *mut P::E)
where
    P::E: Real,
{
    // SAFETY: the caller's promise.
    unsafe {
        match nr {
            4 => pack::<P, 4>(lines, out),
            8 => pack::<P, 8>(lines, out),
            16 => pack::<P, 16>(lines, out),
            32 => pack::<P, 32>(lines, out),
            _ => unreachable!("no block has {nr} columns"),
        }
    }
}
