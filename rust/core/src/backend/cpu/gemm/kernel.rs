//! The innermost loop: a block of `R` rows and `NV` registers of columns of the product, held in registers.

#![allow(clippy::needless_range_loop)] // indices with constant bounds: every register keeps its name

use crate::dtype::Real;
use crate::simd::Vector;

/// Where a block of the result goes: `c = base + a * b`, element by element. A null `base` is zero.
#[derive(Clone, Copy)]
pub struct Target<E> {
    pub c: *mut E,
    pub c_row: isize,
    pub c_col: isize,
    pub base: *const E,
    pub base_row: isize,
    pub base_col: isize,
}

impl<E> Target<E> {
    /// The block that starts at this row and column.
    #[inline(always)]
    pub fn at(self, row: usize, col: usize) -> Self {
        let (row, col) = (row as isize, col as isize);
        let base = self.base.wrapping_offset(row * self.base_row + col * self.base_col);
        Self {
            c: self.c.wrapping_offset(row * self.c_row + col * self.c_col),
            base: if self.base.is_null() { self.base } else { base },
            ..self
        }
    }

    /// The same block with what `c` holds as the base.
    #[inline(always)]
    pub fn onto_itself(self) -> Self {
        Self { base: self.c, base_row: self.c_row, base_col: self.c_col, ..self }
    }
}

/// The operands of a block: element (i, p) of `a` is at `a + i * a_row + p * a_k`, element (p, j) of `b` at
/// `b + p * b_k + j`.
#[derive(Clone, Copy)]
pub struct Operands<E> {
    pub k: usize,
    pub a: *const E,
    pub a_row: isize,
    pub a_k: isize,
    pub b: *const E,
    pub b_k: isize,
}

/// `rows` (up to `MR`) rows and `cols` columns of the product. `b` is read in whole registers, whatever `cols` is.
///
/// # Safety
/// The operands have `rows` rows, `NV` registers of columns and `k` steps; the target has `rows` rows and `cols`
/// columns that nobody else touches. The instructions of `V` are enabled.
#[inline(always)]
pub(super) unsafe fn block<V: Vector, const MR: usize, const NV: usize>(
    x: Operands<V::E>,
    rows: usize,
    cols: usize,
    target: Target<V::E>,
) where
    V::E: Real,
{
    macro_rules! by_rows {
        ($($r:literal)*) => {
            match rows {
                // SAFETY: the caller's promise.
                $($r if $r <= MR => unsafe { rows_of::<V, { $r }, NV>(x, cols, target) },)*
                _ => {}
            }
        };
    }
    by_rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

/// # Safety
/// As for `block`, with `R` rows.
#[inline(always)]
unsafe fn rows_of<V: Vector, const R: usize, const NV: usize>(
    x: Operands<V::E>,
    cols: usize,
    target: Target<V::E>,
) where
    V::E: Real,
{
    // SAFETY: the caller's promise, for both: constant distances give the loop over packed rows shorter addresses.
    let acc = unsafe {
        match x.a_row {
            1 => accumulate::<V, R, NV>(Operands { a_row: 1, ..x }),
            _ => accumulate::<V, R, NV>(x),
        }
    };
    let whole =
        cols == NV * V::N && target.c_col == 1 && (target.base.is_null() || matches!(target.base_col, 0 | 1));
    // SAFETY: the caller's promise; registers are stored whole only when all their columns are wanted.
    unsafe { if whole { store_whole(acc, target) } else { store_part(acc, cols, target) } }
}

/// A whole block of packed operands.
///
/// # Safety
/// As for `block`, with `MR` rows and `NV` registers of columns.
#[inline(always)]
pub(super) unsafe fn packed<V: Vector, const MR: usize, const NV: usize>(
    x: Operands<V::E>,
    c: *mut V::E,
    c_row: isize,
) where
    V::E: Real,
{
    let target = Target { c, c_row, c_col: 1, base: std::ptr::null(), base_row: 0, base_col: 0 };
    // SAFETY: the caller's promise.
    unsafe { store_whole(accumulate::<V, MR, NV>(Operands { a_row: 1, ..x }), target) }
}

/// # Safety
/// As for `block`, with `R` rows.
#[inline(always)]
unsafe fn accumulate<V: Vector, const R: usize, const NV: usize>(x: Operands<V::E>) -> [[V; NV]; R]
where
    V::E: Real,
{
    // SAFETY: the pointers stay inside the operands; the caller enables the instructions.
    unsafe {
        let mut acc = [[V::splat(V::E::ZERO); NV]; R];
        let row: [*const V::E; R] = std::array::from_fn(|i| x.a.wrapping_offset(i as isize * x.a_row));
        let (mut b, mut at) = (x.b, 0isize);
        for _ in 0..x.k {
            let bs: [V; NV] = std::array::from_fn(|j| V::load(b.wrapping_add(j * V::N)));
            for i in 0..R {
                let a = V::splat(*row[i].wrapping_offset(at));
                for j in 0..NV {
                    acc[i][j] = a.mul_add(bs[j], acc[i][j]);
                }
            }
            b = b.wrapping_offset(x.b_k);
            at = at.wrapping_add(x.a_k);
        }
        acc
    }
}

/// # Safety
/// As for `block`; the columns of `c` are next to each other and all wanted, those of `base` too, or all the same.
#[inline(always)]
unsafe fn store_whole<V: Vector, const R: usize, const NV: usize>(acc: [[V; NV]; R], target: Target<V::E>) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in 0..R {
            let c = target.c.wrapping_offset(i as isize * target.c_row);
            let base = target.base.wrapping_offset(i as isize * target.base_row);
            for j in 0..NV {
                let mut sum = acc[i][j];
                if !target.base.is_null() {
                    let base = match target.base_col {
                        0 => V::splat(*base),
                        _ => V::load(base.wrapping_add(j * V::N)),
                    };
                    sum = base.add(sum);
                }
                sum.store(c.wrapping_add(j * V::N));
            }
        }
    }
}

/// # Safety
/// As for `block`.
#[inline(always)]
unsafe fn store_part<V: Vector, const R: usize, const NV: usize>(
    acc: [[V; NV]; R],
    cols: usize,
    target: Target<V::E>,
) where
    V::E: Real,
{
    // The most columns any block has: 4 registers of 16 numbers.
    let mut row = [V::E::ZERO; 64];
    const { assert!(NV * V::N <= 64) };
    for (i, registers) in acc.iter().enumerate() {
        for (j, v) in registers.iter().enumerate() {
            // SAFETY: `row` has room for all registers.
            unsafe { v.store(row.as_mut_ptr().add(j * V::N)) };
        }
        let t = target.at(i, 0);
        for (j, &sum) in row[..cols].iter().enumerate() {
            let t = t.at(0, j);
            // SAFETY: the element is inside the target, and inside the base if there is one.
            unsafe { *t.c = if t.base.is_null() { sum } else { *t.base + sum } };
        }
    }
}
