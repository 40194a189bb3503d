//! The sum of a pointwise function of two numbers: what a row's loop makes stays in L1 and is added up there.
//!
//! Pieces of `PIECE` elements are summed apart, a block of them in the element type, the blocks and pieces in order in f64.

use super::lanes::{LANES, add_up, join};
use crate::backend::{Loop2, Params};
use crate::dtype::Real;
use crate::parallel::{GRAIN, rows};

/// Elements of one sum.
const PIECE: usize = 16384;
/// Elements that the loop makes at a time.
const BLOCK: usize = 512;

/// The sum of `k(a, b)` over slices of one length.
pub fn summed<T: Real>(k: Loop2<T, T>, p: &Params, a: &[T], b: &[T]) -> f64 {
    assert_eq!(a.len(), b.len(), "operands of one shape");
    let mut parts = vec![0.0; a.len().div_ceil(PIECE)];
    rows(&mut parts, 1, GRAIN / PIECE, |first, parts| {
        let all = a.chunks(PIECE).zip(b.chunks(PIECE)).skip(first);
        let mut block = [T::ZERO; BLOCK];
        for (part, (a, b)) in parts.iter_mut().zip(all) {
            let mut total = [0.0; LANES];
            for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
                let block = &mut block[..a.len()];
                // SAFETY: three slices of one length.
                unsafe { k(a.len(), a.as_ptr(), 1, b.as_ptr(), 1, block.as_mut_ptr(), p) };
                let mut lanes = [T::ZERO; LANES];
                add_up(block, &mut lanes);
                for (total, lane) in total.iter_mut().zip(lanes) {
                    *total += lane.to_f64();
                }
            }
            *part = join(&total);
        }
    });
    parts.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::{numbers, same_for_any_thread_count};
    use crate::loop2;

    #[test]
    fn equals_the_naive_sum() {
        let k = loop2!(f32 => f32, |x, t, p| (x - t) * p[0] as T);
        for n in [0, 1, 511, 5000, 16384, 100_001] {
            let (a, b) = (numbers::<f32>(n, 1), numbers::<f32>(n, 2));
            let naive: f64 = a.iter().zip(&b).map(|(a, b)| 3.0 * f64::from(a - b)).sum();
            let sum = same_for_any_thread_count(|| summed(k, &[3.0, 0.0], &a, &b));
            assert!((sum - naive).abs() <= 1e-6 * n as f64, "{n}: {sum}, not {naive}");
        }
    }
}
