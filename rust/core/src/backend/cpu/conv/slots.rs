//! Sums that several threads make parts of: each part in a slot of its own, and the slots added in order.

use super::register::Scratch;
use crate::dtype::Real;
use crate::parallel::{Out, chunks};

/// `out` = the sum of `count` slots as long as it is, which `fill` writes one behind the other. How many there are must
/// depend on the shapes alone.
pub(super) fn summed<T: Real>(count: usize, out: &mut [T], fill: impl FnOnce(&mut [T])) {
    if count == 1 {
        return fill(out);
    }
    let mut slots = Scratch::new(count * out.len());
    fill(slots.numbers());
    join(slots.numbers(), out);
}

/// The slots are added in pairs of neighbours, so that the error stays small.
fn join<T: Real>(slots: &mut [T], out: &mut [T]) {
    let size = out.len();
    let (slots, out) = (Out::new(slots), Out::new(out));
    let count = slots.len() / size;
    chunks(size, 8192, |range| {
        let len = range.len();
        // SAFETY: ranges do not overlap, nor do the slots.
        let slot = |i: usize| unsafe { slots.range(i * size + range.start..i * size + range.end) };
        let mut apart = 1;
        while apart < count {
            for i in (0..count - apart).step_by(2 * apart) {
                slot(i).iter_mut().zip(slot(i + apart)).for_each(|(a, b)| *a += *b);
            }
            apart *= 2;
        }
        // SAFETY: as above.
        unsafe { out.range(range.start..range.start + len) }.copy_from_slice(slot(0));
    });
}
