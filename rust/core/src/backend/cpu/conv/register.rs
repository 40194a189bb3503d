//! The registers the convolution kernels are written for: which one a number type uses on this machine, and how to
//! turn a block of numbers round. Also the scratch memory of a thread.

use crate::backend::cpu::gemm::{Gemm, Tile};
use crate::dtype::Real;
use crate::simd::{Lanes, Level, level};
use crate::storage::alloc;
use std::ptr::NonNull;

/// A register that can also turn a block of numbers round.
pub trait Register: Tile {
    /// `out[j][i] = x[i][j]` for `N` rows of `N` numbers, which begin `x_step` and `out_step` apart.
    ///
    /// # Safety
    /// Inside `enter`; all the numbers can be read and written.
    #[inline(always)]
    unsafe fn turn(x: *const Self::E, x_step: usize, out: *mut Self::E, out_step: usize) {
        for i in 0..Self::N {
            for j in 0..Self::N {
                // SAFETY: the caller's promise.
                unsafe { *out.add(j * out_step + i) = *x.add(i * x_step + j) };
            }
        }
    }

    /// The same for `N` rows of eight numbers.
    ///
    /// # Safety
    /// Inside `enter`; all the numbers can be read and written.
    #[inline(always)]
    unsafe fn turn_eight(x: *const Self::E, x_step: usize, out: *mut Self::E, out_step: usize) {
        const { assert!(8 % Self::N == 0) };
        for j in (0..8).step_by(Self::N) {
            // SAFETY: the caller's promise, for a part of the block.
            unsafe { Self::turn(x.add(j), x_step, out.add(j * out_step), out_step) };
        }
    }
}

impl Register for Lanes<f32, 4> {}
impl Register for Lanes<f64, 2> {}
#[cfg(target_arch = "aarch64")]
impl Register for std::arch::aarch64::float32x4_t {}
#[cfg(target_arch = "aarch64")]
impl Register for std::arch::aarch64::float64x2_t {}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Register;
    use std::arch::x86_64::*;

    impl Register for __m256d {}
    impl Register for __m512d {}

    impl Register for __m256 {
        #[inline(always)]
        unsafe fn turn(x: *const f32, x_step: usize, out: *mut f32, out_step: usize) {
            // SAFETY: the caller's promise.
            unsafe { turn8(x, x_step, out, out_step) }
        }
    }

    impl Register for __m512 {
        #[inline(always)]
        unsafe fn turn(x: *const f32, x_step: usize, out: *mut f32, out_step: usize) {
            for i in [0, 8] {
                for j in [0, 8] {
                    // SAFETY: the caller's promise, for a quarter of the block.
                    unsafe { turn8(x.add(i * x_step + j), x_step, out.add(j * out_step + i), out_step) };
                }
            }
        }

        #[inline(always)]
        unsafe fn turn_eight(x: *const f32, x_step: usize, out: *mut f32, out_step: usize) {
            for i in [0, 8] {
                // SAFETY: the caller's promise, for half of the block.
                unsafe { turn8(x.add(i * x_step), x_step, out.add(i), out_step) };
            }
        }
    }

    /// Eight rows of eight numbers, in three rounds of exchanges between registers.
    #[inline(always)]
    unsafe fn turn8(x: *const f32, x_step: usize, out: *mut f32, out_step: usize) {
        // SAFETY: AVX2 is enabled, and the caller gives 8 x 8 numbers on both sides.
        unsafe {
            let row = |i: usize| {
                // Halves of rows i and i + 4, so that the last round needs no exchange of halves.
                let low = _mm_loadu_ps(x.add(i % 4 * x_step + i / 4 * 4));
                let high = _mm_loadu_ps(x.add((i % 4 + 4) * x_step + i / 4 * 4));
                _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
            };
            for half in [0, 4] {
                let (a, b, c, d) = (row(half), row(half + 1), row(half + 2), row(half + 3));
                let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
                let (ab2, cd2) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
                _mm256_storeu_ps(out.add(half * out_step), _mm256_shuffle_ps::<0x44>(ab, cd));
                _mm256_storeu_ps(out.add((half + 1) * out_step), _mm256_shuffle_ps::<0xEE>(ab, cd));
                _mm256_storeu_ps(out.add((half + 2) * out_step), _mm256_shuffle_ps::<0x44>(ab2, cd2));
                _mm256_storeu_ps(out.add((half + 3) * out_step), _mm256_shuffle_ps::<0xEE>(ab2, cd2));
            }
        }
    }
}

/// A kernel that is generic over the register. Implemented by a struct of the kernel's arguments.
pub trait Kernel<T> {
    fn run<V: Register<E = T>>(self);
}

/// f32 and f64: the types the machine has registers and a matrix product for.
pub trait HasRegisters: Real + Gemm {
    /// Run a kernel with the best register of this machine.
    fn with_register(kernel: impl Kernel<Self>);
    /// Numbers in that register.
    fn lanes() -> usize;
}

macro_rules! has_registers {
    ($t:ty, $portable:ty, $neon:ident, $avx2:ident, $avx512:ident) => {
        impl HasRegisters for $t {
            fn with_register(kernel: impl Kernel<Self>) {
                match level() {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => kernel.run::<std::arch::x86_64::$avx512>(),
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => kernel.run::<std::arch::x86_64::$avx2>(),
                    #[cfg(target_arch = "aarch64")]
                    Level::Neon => kernel.run::<std::arch::aarch64::$neon>(),
                    _ => kernel.run::<$portable>(),
                }
            }

            fn lanes() -> usize {
                let bytes = match level() {
                    Level::Avx512 => 64,
                    Level::Avx2 => 32,
                    _ => 16,
                };
                bytes / size_of::<$t>()
            }
        }
    };
}
has_registers!(f32, Lanes<f32, 4>, float32x4_t, __m256, __m512);
has_registers!(f64, Lanes<f64, 2>, float64x2_t, __m256d, __m512d);

/// A block of numbers from the allocator that tensors use, to be written before it is read.
pub(super) struct Scratch<T> {
    ptr: NonNull<T>,
    len: usize,
}

impl<T: Real> Scratch<T> {
    pub(super) fn new(len: usize) -> Self {
        let block = alloc::allocate(len * size_of::<T>()).expect("memory for a block of a convolution");
        Scratch { ptr: block.cast(), len }
    }

    #[inline(always)]
    pub(super) fn numbers(&mut self) -> &mut [T] {
        // SAFETY: the block is ours, has room for `len` numbers and is aligned for any type; any bits make an f32 or f64.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len) }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        // SAFETY: allocated with this size, released once.
        unsafe { alloc::release(self.ptr.cast(), self.len * size_of::<T>()) };
    }
}
