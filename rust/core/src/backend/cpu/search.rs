//! Places in sorted rows, by halving: where an element belongs, and into which bin it falls.

use crate::dtype::Element;
use crate::parallel;

/// How many elements of the sorted `row` come before `x`: those below it, or also those equal to it if `right`. NaN
/// comes after all. `order`, if there is one, says where the sorted row's elements are.
pub fn place<T: Element>(row: &[T], order: Option<&[i64]>, x: T, right: bool) -> usize {
    let before = |a: T| {
        if T::DTYPE.is_float() {
            let (a, x) = (a.to_f64(), x.to_f64());
            // Nothing is above a NaN.
            let above = if right { a > x } else { a >= x };
            !above
        } else if right {
            a.to_i64() <= x.to_i64()
        } else {
            a.to_i64() < x.to_i64()
        }
    };
    let (mut low, mut high) = (0, row.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let at = order.map_or(middle, |order| order[middle] as usize);
        if before(row[at]) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The place of each of `values`, row by row; with one row of `width` sorted elements for all, or one for each row of
/// `per_row` values.
pub fn places<T: Element>(
    sorted: &[T],
    width: usize,
    order: Option<&[i64]>,
    values: &[T],
    per_row: Option<usize>,
    right: bool,
    out: &mut [i64],
) {
    parallel::rows(out, 1, parallel::GRAIN / 16, |from, block| {
        for (i, out) in block.iter_mut().enumerate() {
            let row = per_row.map_or(0, |n| (from + i) / n) * width;
            let row = row..row + width;
            let order = order.map(|o| &o[row.clone()]);
            *out = place(&sorted[row], order, values[from + i], right) as i64;
        }
    });
}

/// The most frequent element of a sorted row (the least of several), as the index of its last occurrence.
pub fn most_frequent<T: Element>(row: &[T]) -> usize {
    let same = |a: T, b: T| match T::DTYPE.is_float() {
        true => a.to_f64() == b.to_f64(),
        false => a.to_i64() == b.to_i64(),
    };
    let (mut best, mut longest, mut start) = (0, 0, 0);
    for i in 0..row.len() {
        if i > 0 && !same(row[i], row[i - 1]) {
            start = i;
        }
        if i + 1 - start > longest {
            (best, longest) = (i, i + 1 - start);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_the_number_of_elements_before() {
        let row = [1.0f32, 2.0, 2.0, 5.0];
        for x in [0.0, 1.0, 1.5, 2.0, 5.0, 6.0, f32::NAN] {
            let below = row.iter().filter(|&&a| a < x || x.is_nan()).count();
            let at_most = row.iter().filter(|&&a| a <= x || x.is_nan()).count();
            assert_eq!(place(&row, None, x, false), below);
            assert_eq!(place(&row, None, x, true), at_most);
        }
        let shuffled = [5.0f32, 2.0, 1.0, 2.0];
        assert_eq!(place(&shuffled, Some(&[2, 1, 3, 0]), 2.0, false), 1);
    }

    #[test]
    fn the_least_of_the_most_frequent_elements() {
        assert_eq!(most_frequent(&[1i64, 2, 2, 3, 3]), 2);
        assert_eq!(most_frequent(&[1i64, 1, 2]), 1);
        assert_eq!(most_frequent(&[7i64]), 0);
    }
}
