//! Copies between two orders of memory: what is a row for the output is a column for the input.
//!
//! A block of both goes through a buffer in the first cache: read in lines, turned there in registers, written in
//! lines. Turning `SIDE x SIDE` elements at a time needs AVX2 and elements of 4 or 8 bytes; the edges of a block,
//! other sizes and other machines take them one by one.

use super::pointwise::Ptr;
use crate::parallel;
use crate::simd::{Level, Vector, level, prefetch, vectorize};
use crate::strided::Crossed;

/// Side of a block: its rows are whole cache lines, its buffer fits in the first cache.
const BLOCK: usize = 64;

/// Copy every plane of `planes` from `x` to `out`; `T` is any type of the element's size.
pub(super) fn copy<T: Copy + Send + Sync>(planes: &Crossed, x: Ptr<T>, out: Ptr<T>) {
    let (down, across) = (planes.rows.div_ceil(BLOCK), planes.cols.div_ceil(BLOCK));
    let blocks = down * across;
    let each = (planes.rows * planes.cols).div_ceil(blocks.max(1)).max(1);
    parallel::chunks(planes.rest.runs() * blocks, parallel::GRAIN.div_ceil(each), |r| {
        let (first, last) = (r.start / blocks, (r.end - 1) / blocks);
        let mut plane = first;
        planes.rest.for_runs(first, last + 1, |[o, i]| {
            let from = if plane == first { r.start % blocks } else { 0 };
            let to = if plane == last { (r.end - 1) % blocks + 1 } else { blocks };
            plane += 1;
            for block in from..to {
                let (row, col) = (block / across * BLOCK, block % across * BLOCK);
                let (rows, cols) = (BLOCK.min(planes.rows - row), BLOCK.min(planes.cols - col));
                // SAFETY: the block lies inside the plane, and the plane inside both layouts; every block is written
                // by one thread.
                unsafe {
                    let src = x.at(i + row + col * planes.in_step);
                    let dst = out.at(o + row * planes.out_step + col);
                    turn(src, planes.in_step, dst, planes.out_step, rows, cols);
                }
            }
        });
    });
}

/// `dst[i * ds + j] = src[j * ss + i]` for `i < rows`, `j < cols`, neither above `BLOCK`.
///
/// # Safety
/// All of these places may be read or written.
unsafe fn turn<T: Copy>(src: *const T, ss: usize, dst: *mut T, ds: usize, rows: usize, cols: usize) {
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 {
        use std::arch::x86_64::{__m256, __m256d};
        // SAFETY: the machine has AVX2, and the registers move elements of this size without looking at them.
        unsafe {
            match size_of::<T>() {
                4 => return in_registers::<__m256>(src.cast(), ss, dst.cast(), ds, rows, cols),
                8 => return in_registers::<__m256d>(src.cast(), ss, dst.cast(), ds, rows, cols),
                _ => {}
            }
        }
    }
    vectorize(
        #[inline(always)]
        || {
            for i in 0..rows {
                for j in 0..cols {
                    // SAFETY: the caller's promise.
                    unsafe { *dst.add(i * ds + j) = *src.add(j * ss + i) };
                }
            }
        },
    );
}

/// As `turn`, squares of the register's width at a time.
///
/// # Safety
/// As for `turn`; the machine has the registers.
#[cfg(target_arch = "x86_64")]
unsafe fn in_registers<V: Vector>(
    src: *const V::E,
    ss: usize,
    dst: *mut V::E,
    ds: usize,
    rows: usize,
    cols: usize,
) where
    V::E: Default,
{
    let mut buffer = [[V::E::default(); BLOCK]; BLOCK];
    // SAFETY: the caller's promise; the buffer has room for a block.
    unsafe {
        V::enter(
            #[inline(always)]
            || {
                let (tall, wide) = (rows - rows % V::N, cols - cols % V::N);
                let line = 64 / size_of::<V::E>();
                for j in (0..wide).step_by(V::N) {
                    for i in (0..tall).step_by(V::N) {
                        // The next block most likely lies below this one, and this one's lines are written soon.
                        if i % line == 0 {
                            for k in 0..V::N {
                                prefetch(src.wrapping_add((j + k + BLOCK) * ss + i));
                                prefetch(dst.wrapping_add((j + k) * ds + i));
                            }
                        }
                        let mut square = [V::splat(V::E::default()); 8];
                        let square = &mut square[..V::N];
                        for k in 0..V::N {
                            square[k] = V::load(src.add((j + k) * ss + i));
                        }
                        V::transpose(square);
                        for k in 0..V::N {
                            square[k].store(buffer[i + k].as_mut_ptr().add(j));
                        }
                    }
                    for i in tall..rows {
                        (j..j + V::N).for_each(|j| buffer[i][j] = *src.add(j * ss + i));
                    }
                }
                for j in wide..cols {
                    (0..rows).for_each(|i| buffer[i][j] = *src.add(j * ss + i));
                }
                for (i, line) in buffer[..rows].iter().enumerate() {
                    std::ptr::copy_nonoverlapping(line.as_ptr(), dst.add(i * ds), cols);
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::backend::Backend;
    use crate::backend::cpu::Cpu;
    use crate::backend::cpu::testing::same_for_any_thread_count;
    use crate::dtype::Element;
    use crate::layout::Layout;
    use crate::strided::for_each_offset;
    use crate::tensor::Tensor;

    fn check<T: Element>() {
        for (shape, order) in [
            (&[1usize, 9][..], &[1isize, 0][..]),
            (&[8, 8], &[1, 0]),
            (&[64, 65], &[1, 0]),
            (&[131, 200], &[1, 0]),
            (&[3, 70, 20], &[0, 2, 1]),
            (&[20, 3, 70], &[2, 1, 0]),
            (&[2, 9, 5, 11], &[0, 2, 3, 1]),
            (&[2, 9, 8, 70], &[3, 0, 2, 1]),
        ] {
            let n: usize = shape.iter().product();
            let values: Vec<T> = (0..n).map(|i| T::from_f64((i % 251) as f64)).collect();
            let whole = Tensor::from_slice(&values, shape).expect("small");
            let layout = Layout::contiguous(shape).permute(order).expect("in range");
            let x = whole.alias(layout.clone());
            let got: Vec<T> = same_for_any_thread_count(|| {
                let out = Tensor::empty(&layout.shape, T::DTYPE).expect("small");
                Cpu.copy(x.raw(), out.raw()).expect("there");
                out.slice::<T>().to_vec()
            });
            let mut want = vec![];
            for_each_offset(&layout, |at| want.push(values[at]));
            assert_eq!(got, want, "{shape:?} as {order:?}");
        }
    }

    #[test]
    fn every_order_matches_one_by_one() {
        check::<f32>();
        check::<f64>();
        check::<i16>();
        check::<u8>();
    }
}
