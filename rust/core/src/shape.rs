//! Arithmetic on shapes: broadcasting, dimension numbers, window counts. Pure functions of numbers.

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::runtime;

/// A shape or strides; six dimensions fit without an allocation.
pub type Dims = SmallVec<[usize; 6]>;

/// The number of elements.
#[inline]
pub fn numel(shape: &[usize]) -> usize {
    shape.iter().product()
}

/// Row-major strides. A dimension of size 0 counts as 1, as in PyTorch.
#[inline]
pub fn contiguous_strides(shape: &[usize]) -> Dims {
    let mut strides: Dims = SmallVec::from_elem(1, shape.len());
    for i in (1..shape.len()).rev() {
        strides[i - 1] = strides[i] * shape[i].max(1);
    }
    strides
}

/// A dimension number that may be negative. A zero-dim tensor accepts 0 and -1.
#[inline]
pub fn wrap_dim(dim: isize, rank: usize) -> Result<usize> {
    let span = rank.max(1) as isize;
    if !(-span..span).contains(&dim) {
        return Err(Error::Dim { dim, rank });
    }
    Ok((if dim < 0 { dim + span } else { dim }) as usize)
}

/// Several dimension numbers as a mask; a repeated one is an error. No dims means all of them.
pub fn dim_mask(dims: &[isize], rank: usize) -> Result<SmallVec<[bool; 8]>> {
    let mut mask = SmallVec::from_elem(dims.is_empty(), rank.max(1));
    for &d in dims {
        let d = wrap_dim(d, rank)?;
        if mask[d] {
            return Err(runtime!("dim {d} appears multiple times in the list of dims"));
        }
        mask[d] = true;
    }
    Ok(mask)
}

/// The shape two operands are broadcast to.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Dims> {
    let rank = a.len().max(b.len());
    let mut out: Dims = SmallVec::from_elem(1, rank);
    // From the last dimension on, which is the one that PyTorch complains about first.
    for i in (0..rank).rev() {
        let x = if i + a.len() >= rank { a[i + a.len() - rank] } else { 1 };
        let y = if i + b.len() >= rank { b[i + b.len() - rank] } else { 1 };
        out[i] = match (x, y) {
            (x, y) if x == y => x,
            (1, y) => y,
            (x, 1) => x,
            (x, y) => {
                return Err(Error::Broadcast { lhs: x, rhs: y, dim: i });
            }
        };
    }
    Ok(out)
}

/// Whether `from` broadcasts to exactly `to`.
pub fn expandable(from: &[usize], to: &[usize]) -> bool {
    from.len() <= to.len() && from.iter().rev().zip(to.iter().rev()).all(|(&f, &t)| f == t || f == 1)
}

/// The shape after reducing the masked dimensions.
pub fn reduced(shape: &[usize], mask: &[bool], keepdim: bool) -> Dims {
    let mut out = Dims::new();
    for (i, &n) in shape.iter().enumerate() {
        match (mask[i], keepdim) {
            (false, _) => out.push(n),
            (true, true) => out.push(1),
            (true, false) => {}
        }
    }
    out
}

/// Replace a single -1 by what the number of elements leaves for it: the argument of `view` and `reshape`.
pub fn infer_size(shape: &[isize], numel: usize) -> Result<Dims> {
    let mut hole = None;
    let mut known = 1usize;
    for (i, &n) in shape.iter().enumerate() {
        match n {
            -1 if hole.is_some() => return Err(runtime!("only one dimension can be inferred")),
            -1 => hole = Some(i),
            n if n < 0 => {
                return Err(runtime!("invalid shape dimension {n} at index {i} of shape {}", show(shape)));
            }
            n => known = known.saturating_mul(n as usize),
        }
    }
    let mut out: Dims = shape.iter().map(|&n| n.max(0) as usize).collect();
    let fits = match hole {
        Some(i) if known > 0 && numel.is_multiple_of(known) => {
            out[i] = numel / known;
            true
        }
        Some(_) if known == 0 && numel == 0 => {
            return Err(runtime!(
                "cannot reshape tensor of 0 elements into shape {} because the unspecified dimension size -1 can be any value and is ambiguous",
                show(shape)
            ));
        }
        Some(_) => false,
        None => known == numel,
    };
    if fits { Ok(out) } else { Err(runtime!("shape '{}' is invalid for input of size {numel}", show(shape))) }
}

/// `[2, 3]`: how PyTorch writes a shape in its messages.
pub fn show<T: std::fmt::Display>(shape: &[T]) -> String {
    let parts: Vec<String> = shape.iter().map(T::to_string).collect();
    format!("[{}]", parts.join(", "))
}

/// How many windows fit along one axis; `None` if not even one does.
pub fn window_count(size: usize, kernel: usize, stride: usize, pad: usize, dilation: usize) -> Option<usize> {
    let span = dilation * (kernel.checked_sub(1)?) + 1;
    Some((size + 2 * pad).checked_sub(span)? / stride + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn minus_one_is_inferred() {
        assert_eq!(infer_size(&[-1, 3], 12).expect("fits").as_slice(), [4, 3]);
        assert!(infer_size(&[-1, 5], 12).is_err());
        assert!(infer_size(&[-1, 0], 0).is_err());
        assert_eq!(infer_size(&[0, 3], 0).expect("fits").as_slice(), [0, 3]);
    }

    proptest! {
        #[test]
        fn broadcasting_is_symmetric_and_both_operands_expand(
            pairs in proptest::collection::vec((1usize..4, prop::bool::ANY, prop::bool::ANY), 0..5), cut in 0usize..5) {
            let a: Vec<usize> = pairs.iter().map(|&(n, one, _)| if one { 1 } else { n }).collect();
            let b: Vec<usize> = pairs.iter().map(|&(n, _, one)| if one { 1 } else { n }).skip(cut.min(pairs.len())).collect();
            let ab = broadcast(&a, &b).expect("made to fit");
            prop_assert_eq!(&ab, &broadcast(&b, &a).expect("made to fit"));
            prop_assert!(expandable(&a, &ab) && expandable(&b, &ab));
        }

        #[test]
        fn windows_fit(size in 0usize..30, kernel in 1usize..6, stride in 1usize..4, pad in 0usize..3, dilation in 1usize..3) {
            let span = dilation * (kernel - 1) + 1;
            let naive = (0..size + 2 * pad).step_by(stride).filter(|at| at + span <= size + 2 * pad).count();
            prop_assert_eq!(window_count(size, kernel, stride, pad, dilation).unwrap_or(0), naive);
        }
    }
}
