//! The partial inverse of max pooling: every number goes to the place it was found at, the rest is 0.

use super::Chosen;
use crate::dtype::Element;
use crate::parallel::rows;
use std::sync::atomic::{AtomicI64, Ordering};

/// A place that is none of the volume's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfVolume(pub i64);

/// `y[place] = x` in every plane; where places repeat, the last number stays.
pub fn max_unpool<T: Element>(d: Chosen, x: &[T], place: &[i64], y: &mut [T]) -> Result<(), OutOfVolume> {
    // No volume is this large.
    const FINE: i64 = i64::MAX;
    let size = d.plane as i64;
    if d.plane == 0 {
        return place.first().map_or(Ok(()), |&bad| Err(OutOfVolume(bad)));
    }
    let wrong = AtomicI64::new(FINE);
    rows(y, d.plane, d.grain(), |first, block| {
        for (i, y) in block.chunks_exact_mut(d.plane).enumerate() {
            y.fill(T::default());
            let at = (first + i) * d.out;
            for (&place, &x) in place[at..at + d.out].iter().zip(&x[at..at + d.out]) {
                if !(0..size).contains(&place) {
                    // The least wrong place is named, whatever thread met it.
                    wrong.fetch_min(place.min(FINE - 1), Ordering::Relaxed);
                } else {
                    y[place as usize] = x;
                }
            }
        }
    });
    match wrong.into_inner() {
        FINE => Ok(()),
        bad => Err(OutOfVolume(bad)),
    }
}
