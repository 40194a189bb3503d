//! Rows of the planes of some channels, turned round for the weight gradient by minimal filtering (`winograd_weight.rs`)
//! so that a vector holds the channels of one pixel.

use super::lines::copy;
use super::register::{HasRegisters, Register};

/// Planes whose rows are turned round, and how: the input or the gradient of the output.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a, T> {
    pub(super) x: &'a [T],
    pub(super) channels: usize,
    pub(super) h: usize,
    pub(super) w: usize,
    pub(super) pad: [usize; 2],
    /// Channels of a block, and numbers of the registers that hold them.
    pub(super) block: usize,
    pub(super) wide: usize,
    /// Numbers of a padded row.
    pub(super) line: usize,
}

impl<T: HasRegisters> Planes<'_, T> {
    /// Row `y` of the padded planes of a block, turned round: `to[column][channel]`. The lines are zeros but for what is
    /// written here; channels that are none hold what was there before, and nobody looks at what becomes of them.
    ///
    /// # Safety
    /// Inside `V::enter`.
    #[inline(always)]
    pub(super) unsafe fn turn<V: Register<E = T>>(
        &self,
        image: usize,
        block: usize,
        y: usize,
        lines: &mut [T],
        to: &mut [T],
    ) {
        let y = y.wrapping_sub(self.pad[0]);
        if y >= self.h {
            return to.fill(T::ZERO);
        }
        assert!(lines.len() >= self.wide * self.line && to.len() >= self.wide * self.line);
        let here = self.block.min(self.channels - block * self.block);
        for i in 0..here {
            let plane = image * self.channels + block * self.block + i;
            let row = &self.x[(plane * self.h + y) * self.w..][..self.w];
            copy(row, &mut lines[i * self.line + self.pad[1]..][..self.w]);
        }
        for q in (0..self.line).step_by(8) {
            for r in (0..self.wide).step_by(V::N) {
                // SAFETY: the caller's promise; the sizes were just checked.
                unsafe {
                    let from = lines.as_ptr().add(r * self.line + q);
                    V::turn_eight(from, self.line, to.as_mut_ptr().add(q * self.wide + r), self.wide);
                }
            }
        }
    }
}
