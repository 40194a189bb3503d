//! The different elements of a tensor, or slices along a dimension: `unique`, `unique_consecutive`.

use std::cmp::Ordering;

use crate::dtype::Element;
use crate::error::Result;
use crate::layout::Layout;
use crate::shape::{Dims, wrap_dim};
use crate::tensor::Tensor;
use crate::{missing, per_dtype, runtime};

/// Unique elements, the number of each input's among them, and how often each was met.
pub type Unique = (Tensor, Tensor, Tensor);

impl Tensor {
    /// The different elements in order, or the different slices along `dim` in lexicographic order.
    pub fn unique(&self, dim: Option<isize>) -> Result<Unique> {
        self.distinct(dim, true)
    }

    /// As `unique`, but only neighbours that are equal become one, and the order stays.
    pub fn unique_consecutive(&self, dim: Option<isize>) -> Result<Unique> {
        self.distinct(dim, false)
    }

    fn distinct(&self, dim: Option<isize>, sorted: bool) -> Result<Unique> {
        let name = match (dim, sorted) {
            (None, true) => ("Unique2Backward0", "_unique2"),
            (None, false) => ("UniqueConsecutiveBackward0", "unique_consecutive"),
            (Some(_), true) => ("UniqueDimBackward0", "unique_dim"),
            (Some(_), false) => ("UniqueDimConsecutiveBackward0", "unique_dim_consecutive"),
        };
        self.check_data_for("unique")?;
        // The slices to compare, as rows: [n, elements of one].
        let flat = self.detach();
        let (rows, d) = match dim {
            None => (flat.reshape(&[self.numel(), 1])?, 0),
            Some(d) => {
                let d = wrap_dim(d, self.rank())?;
                if self.numel() == 0 && self.shape().iter().enumerate().any(|(i, &n)| n == 0 && i != d) {
                    return Err(runtime!(
                        "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
                    ));
                }
                let front =
                    if self.rank() == 0 { flat.reshape(&[1])? } else { flat.movedim(&[d as isize], &[0])? };
                let n = front.shape()[0];
                let width: usize = front.shape()[1..].iter().product();
                (front.reshape(&[n, width])?, d)
            }
        };
        let n = rows.shape()[0];
        let rows = rows.contiguous_data()?;
        let (inverse, first) = if rows.shape()[1] == 1 && sorted {
            let column = rows.reshape(&[n])?;
            let (values, places) = column.sort(0, false, None)?;
            let same = per_dtype!(rows.dtype(), T => neighbours::<T>(values.values()?, 1, None));
            groups(&same, places.values()?)
        } else {
            let width = rows.shape()[1];
            per_dtype!(rows.dtype(), T => {
                let x = rows.values::<T>()?;
                let mut order: Vec<i64> = (0..n as i64).collect();
                if sorted {
                    order.sort_by(|&a, &b| lexicographic(row(x, width, a), row(x, width, b)));
                }
                groups(&neighbours::<T>(x, width, Some(&order)), &order)
            })
        };
        let mut counts = vec![0i64; first.len()];
        inverse.iter().for_each(|&i| counts[i as usize] += 1);
        let picked = match dim {
            None => flat.reshape(&[n])?,
            Some(_) if self.rank() == 0 => flat.reshape(&[1])?,
            Some(_) => flat,
        };
        let first = Tensor::from_slice(&first, &[first.len()])?;
        let out = picked.index_select(d as isize, &first)?;
        let shape: Dims = if dim.is_none() { self.layout().shape.clone() } else { Dims::from_elem(n, 1) };
        let inverse = Tensor::from_slice(&inverse, &[n])?.alias(Layout::contiguous(&shape));
        let counts = Tensor::from_slice(&counts, &[counts.len()])?;
        let out = out.record(name.0, &[self], |_| {
            move |_, _| Err(missing!("the derivative for '{}' is not implemented.", name.1))
        })?;
        Ok((out, inverse, counts))
    }
}

fn row<T>(x: &[T], width: usize, i: i64) -> &[T] {
    &x[i as usize * width..][..width]
}

/// NaN last; the rest as numbers compare.
fn lexicographic<T: Element>(a: &[T], b: &[T]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(&a, &b)| a.is_nan().cmp(&b.is_nan()).then(a.partial_cmp(&b).unwrap_or(Ordering::Equal)))
        .find(|&o| o != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// For each row in order (or as they stand) whether it equals the one before. A NaN equals nothing.
fn neighbours<T: Element>(x: &[T], width: usize, order: Option<&[i64]>) -> Vec<bool> {
    let n = order.map_or_else(|| x.len() / width.max(1), <[i64]>::len);
    let at = |i: usize| row(x, width, order.map_or(i as i64, |o| o[i]));
    (0..n).map(|i| i > 0 && at(i) == at(i - 1)).collect()
}

/// From the order of the rows and which equal their neighbour: the group of each row, and each group's first row.
fn groups(same: &[bool], order: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let (mut inverse, mut first) = (vec![0; same.len()], vec![]);
    for (&same, &row) in same.iter().zip(order) {
        if !same {
            first.push(row);
        }
        inverse[row as usize] = first.len() as i64 - 1;
    }
    (inverse, first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_rows_and_neighbours() {
        let x = Tensor::from_slice(&[3i64, 1, 3, 3, 2, 1], &[6]).expect("small");
        let (out, inverse, counts) = x.unique(None).expect("runs");
        assert_eq!(out.slice::<i64>(), [1, 2, 3]);
        assert_eq!(inverse.slice::<i64>(), [2, 0, 2, 2, 1, 0]);
        assert_eq!(counts.slice::<i64>(), [2, 1, 3]);
        let (out, inverse, counts) = x.unique_consecutive(None).expect("runs");
        assert_eq!(out.slice::<i64>(), [3, 1, 3, 2, 1]);
        assert_eq!(inverse.slice::<i64>(), [0, 1, 2, 2, 3, 4]);
        assert_eq!(counts.slice::<i64>(), [1, 1, 2, 1, 1]);
        let x = x.reshape(&[3, 2]).expect("fits");
        let (out, inverse, _) = x.unique(Some(0)).expect("runs");
        assert_eq!(out.slice::<i64>(), [2, 1, 3, 1, 3, 3]);
        assert_eq!(inverse.slice::<i64>(), [1, 2, 0]);
        assert_eq!(crate::DType::I64, inverse.dtype());
    }
}
