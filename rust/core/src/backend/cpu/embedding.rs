//! Rows of a table by their numbers, and the gradient of the table.
//!
//! Forward copies rows. Backward adds the gradients of equal numbers in the order they came in:
//!   few numbers  -> one pass, in order
//!   many numbers -> sorted by row first (a stable counting sort), then every row is summed by one thread
//! Both add in the same order, so they give the same bits. `tests` holds the one-line twins.

use crate::dtype::{Element, Real};
use crate::parallel::{Out, chunks, rows};

/// The number of a row that the table does not have; PyTorch says `index out of range in self`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange(pub i64);

/// A table of `rows` vectors of `width` numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub rows: usize,
    pub width: usize,
}

/// How the gradient of a table is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// The row that gets no gradient.
    pub padding_idx: Option<usize>,
    /// Divide a row's gradient by the number of times the row was asked for.
    pub scale_grad_by_freq: bool,
}

/// Elements a thread should take at a time.
const GRAIN: usize = 16384;

fn check(table: Table, index: &[i64]) -> Result<(), OutOfRange> {
    match index.iter().find(|&&i| i as u64 >= table.rows as u64) {
        Some(&i) => Err(OutOfRange(i)),
        None => Ok(()),
    }
}

/// `out[i] = weight[index[i]]`
pub fn embedding<T: Element>(
    table: Table,
    weight: &[T],
    index: &[i64],
    out: &mut [T],
) -> Result<(), OutOfRange> {
    check(table, index)?;
    let width = table.width;
    rows(out, width, GRAIN.div_ceil(width.max(1)), |first, block| {
        for (out, &i) in block.chunks_exact_mut(width).zip(&index[first..]) {
            out.copy_from_slice(&weight[i as usize * width..][..width]);
        }
    });
    Ok(())
}

/// `dweight[index[i]] += dy[i]`, the other rows 0.
pub fn embedding_backward<T: Real>(
    table: Table,
    options: Options,
    index: &[i64],
    dy: &[T],
    dweight: &mut [T],
) -> Result<(), OutOfRange> {
    check(table, index)?;
    let width = table.width;
    // Most rows of a large table get nothing else.
    rows(dweight, 1, GRAIN, |_, block| block.fill(T::ZERO));
    let counts = (options.scale_grad_by_freq).then(|| {
        let mut counts = vec![0u32; table.rows];
        index.iter().for_each(|&i| counts[i as usize] += 1);
        counts
    });
    let add = |row: usize, k: usize, sum: &mut [T]| {
        if options.padding_idx == Some(row) {
            return;
        }
        let dy = &dy[k * width..][..width];
        match &counts {
            None => sum.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy),
            Some(counts) => {
                let scale = T::ONE / T::of(f64::from(counts[row]));
                sum.iter_mut().zip(dy).for_each(|(sum, &dy)| *sum += dy * scale);
            }
        }
    };
    if index.len() * width < 2 * GRAIN {
        for (k, &i) in index.iter().enumerate() {
            let row = i as usize;
            add(row, k, &mut dweight[row * width..][..width]);
        }
        return Ok(());
    }
    let order = sorted(table.rows, index);
    let dweight = Out::new(dweight);
    // A piece begins at the first row that begins inside it, so that no row is shared.
    let first_of = |k: usize| k == 0 || index[order[k]] != index[order[k - 1]];
    chunks(order.len(), GRAIN.div_ceil(width.max(1)), |range| {
        let (mut k, end) = (range.start, range.end);
        while k < order.len() && !first_of(k) {
            k += 1;
        }
        while k < order.len() && (k < end || !first_of(k)) {
            let row = index[order[k]] as usize;
            // SAFETY: all entries of a row are in one piece, which one thread works on.
            let sum = unsafe { dweight.range(row * width..(row + 1) * width) };
            add(row, order[k], sum);
            k += 1;
        }
    });
    Ok(())
}

/// The positions of `index`, ordered by the row they name; equal rows keep their order.
fn sorted(rows: usize, index: &[i64]) -> Vec<usize> {
    let mut next = vec![0; rows + 1];
    index.iter().for_each(|&i| next[i as usize + 1] += 1);
    (0..rows).for_each(|row| next[row + 1] += next[row]);
    let mut order = vec![0; index.len()];
    for (k, &i) in index.iter().enumerate() {
        order[next[i as usize]] = k;
        next[i as usize] += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

    const CASES: [(usize, usize, usize); 7] =
        [(5, 3, 0), (1, 1, 4), (10, 0, 3), (7, 4, 20), (50, 64, 3000), (3, 100, 2000), (5000, 33, 1500)];

    fn indices(rows: usize, n: usize) -> Vec<i64> {
        (0..n as i64).map(|k| k * k % 101 * 37 % rows as i64).collect()
    }

    fn compare<T: Real>(tolerance: f64) {
        for (rows, width, n) in CASES {
            let table = Table { rows, width };
            let index = indices(rows, n);
            let (weight, dy) = (numbers::<T>(rows * width, 1), numbers::<T>(n * width, 2));
            let options = [(None, false), (Some(0), false), (Some(rows - 1), true), (None, true)];
            for (padding_idx, scale_grad_by_freq) in options {
                let options = Options { padding_idx, scale_grad_by_freq };
                let (y, dw) = same_for_any_thread_count(|| {
                    let (mut y, mut dw) = (vec![T::ZERO; n * width], vec![T::ONE; rows * width]);
                    embedding(table, &weight, &index, &mut y).expect("rows of the table");
                    embedding_backward(table, options, &index, &dy, &mut dw).expect("rows of the table");
                    (y, dw)
                });
                let mut want = vec![0.0; rows * width];
                for k in 0..n {
                    let row = index[k] as usize;
                    let times = index.iter().filter(|&&i| i == index[k]).count() as f64;
                    for j in 0..width {
                        assert_eq!(y[k * width + j], weight[row * width + j]);
                        if padding_idx != Some(row) {
                            want[row * width + j] +=
                                dy[k * width + j].to_f64() / if scale_grad_by_freq { times } else { 1.0 };
                        }
                    }
                }
                close(&dw, &want, tolerance, &format!("{table:?} {options:?}"));
            }
        }
    }

    #[test]
    fn equals_the_naive_twin() {
        compare::<f32>(1e-4);
        compare::<f64>(1e-11);
    }

    #[test]
    fn a_row_that_is_missing_is_named() {
        let table = Table { rows: 3, width: 2 };
        for bad in [3, -1, i64::MIN] {
            assert_eq!(embedding(table, &[0.0f32; 6], &[0, bad], &mut [0.0; 4]), Err(OutOfRange(bad)));
            let result = embedding_backward(table, Options::default(), &[bad], &[0.0f32; 2], &mut [0.0; 6]);
            assert_eq!(result, Err(OutOfRange(bad)));
        }
    }
}
