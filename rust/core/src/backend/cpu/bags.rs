//! Bags of rows of a table, put together: their sum, mean or largest numbers. One thread takes a bag.
//!
//! Bag b holds `index[ends[b]..ends[b + 1]]`; the row `padding` is left out. A bag of nothing is all zeros.

use super::embedding::{OutOfRange, Table};
use crate::dtype::Real;
use crate::parallel::{Out, chunks};

/// Elements a thread should take at a time.
const GRAIN: usize = 16384;

fn check(table: Table, index: &[i64]) -> Result<(), OutOfRange> {
    match index.iter().find(|&&i| i as u64 >= table.rows as u64) {
        Some(&i) => Err(OutOfRange(i)),
        None => Ok(()),
    }
}

/// Run `f(bag, its output)` for all bags.
fn per_bag<T: Send>(width: usize, ends: &[usize], out: &mut [T], f: impl Fn(usize, &mut [T]) + Sync) {
    let bags = ends.len() - 1;
    let each = (ends[bags] - ends[0]).div_ceil(bags.max(1)).max(1) * width.max(1);
    let out = Out::new(out);
    chunks(bags, GRAIN.div_ceil(each), |range| {
        for bag in range {
            // SAFETY: every bag has its own row.
            f(bag, unsafe { out.range(bag * width..(bag + 1) * width) });
        }
    });
}

/// `out[b] = sum of factor[i] * weight[index[i]]` over the bag, divided by the number of rows if `mean`.
#[allow(clippy::too_many_arguments)]
pub fn sum<T: Real>(
    table: Table,
    index: &[i64],
    ends: &[usize],
    padding: Option<i64>,
    weight: &[T],
    factor: Option<&[T]>,
    mean: bool,
    out: &mut [T],
) -> Result<(), OutOfRange> {
    check(table, index)?;
    let width = table.width;
    per_bag(width, ends, out, |bag, out| {
        out.fill(T::ZERO);
        let mut count = 0;
        for at in (ends[bag]..ends[bag + 1]).filter(|&at| Some(index[at]) != padding) {
            let row = &weight[index[at] as usize * width..][..width];
            count += 1;
            match factor {
                None => out.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x),
                Some(factor) => {
                    let factor = factor[at];
                    out.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x * factor);
                }
            }
        }
        if mean && count > 0 {
            let count = T::of(f64::from(count));
            out.iter_mut().for_each(|sum| *sum /= count);
        }
    });
    Ok(())
}

/// `out[b][j] = max of weight[index[i]][j]` over the bag, and in `place` the row of the first such number.
pub fn max<T: Real>(
    table: Table,
    index: &[i64],
    ends: &[usize],
    padding: Option<i64>,
    weight: &[T],
    out: &mut [T],
    place: &mut [i64],
) -> Result<(), OutOfRange> {
    check(table, index)?;
    let width = table.width;
    let place = Out::new(place);
    per_bag(width, ends, out, |bag, out| {
        // SAFETY: every bag has its own row.
        let place = unsafe { place.range(bag * width..(bag + 1) * width) };
        out.fill(T::ZERO);
        place.fill(0);
        let mut first = true;
        for at in (ends[bag]..ends[bag + 1]).filter(|&at| Some(index[at]) != padding) {
            let row = &weight[index[at] as usize * width..][..width];
            for ((most, place), &x) in out.iter_mut().zip(&mut *place).zip(row) {
                if first || x > *most {
                    (*most, *place) = (x, index[at]);
                }
            }
            first = false;
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{close, numbers, same_for_any_thread_count};

    #[test]
    fn equals_the_naive_twin() {
        for (rows, width, n) in [(5, 3, 7), (50, 64, 3000), (3, 0, 2)] {
            let table = Table { rows, width };
            let index: Vec<i64> = (0..n as i64).map(|k| k * k % 101 * 37 % rows as i64).collect();
            let ends = [0, 0, n / 2, n / 2 + 1, n];
            let (weight, factor) = (numbers::<f64>(rows * width, 1), numbers::<f64>(n, 2));
            let (sums, most) = same_for_any_thread_count(|| {
                let (mut sums, mut most) = (vec![1.0; 4 * width], vec![1.0; 4 * width]);
                let mut place = vec![0; 4 * width];
                sum(table, &index, &ends, Some(1), &weight, Some(&factor), true, &mut sums).expect("rows");
                max(table, &index, &ends, Some(1), &weight, &mut most, &mut place).expect("rows");
                (sums, most)
            });
            let (mut want_sums, mut want_most) = (vec![0.0; 4 * width], vec![0.0; 4 * width]);
            for bag in 0..4 {
                for j in 0..width {
                    let kept: Vec<usize> = (ends[bag]..ends[bag + 1]).filter(|&k| index[k] != 1).collect();
                    let at = |k: usize| weight[index[k] as usize * width + j];
                    if !kept.is_empty() {
                        let total = kept.iter().map(|&k| at(k) * factor[k]).sum::<f64>();
                        want_sums[bag * width + j] = total / kept.len() as f64;
                        want_most[bag * width + j] = kept.iter().map(|&k| at(k)).fold(f64::MIN, f64::max);
                    }
                }
            }
            close(&sums, &want_sums, 1e-11, "sums");
            close(&most, &want_most, 0.0, "largest");
        }
    }
}
