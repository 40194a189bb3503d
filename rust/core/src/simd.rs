//! Vector instructions: which ones this machine has, and how a kernel gets compiled for them.
//!
//! `vectorize` runs a closure inside a function that is compiled for the level of this machine. Everything that is
//! inlined into that function is vectorised for the level by the compiler, so the same plain slice loop becomes SSE2,
//! AVX2 or AVX-512 code. The function stays a function: in a large one the compiler gives up looking for vectors. Write `vectorize(#[inline(always)] || ...)` and mark the helpers it calls
//! `#[inline(always)]`: what is not inlined is compiled for the baseline. Go parallel outside, vectorise inside.
//!
//! `Vector` is the thin layer for the few kernels that name their registers, such as the matrix product.

use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// A set of vector instructions. On x86 a later level has everything of an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    Baseline,
    Avx2,
    Avx512,
    Neon,
}

const UNKNOWN: u8 = u8::MAX;
static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

/// The level kernels run at: what the machine has, or the lower one that `TENSORRS_SIMD` asks for.
#[inline(always)]
pub fn level() -> Level {
    match LEVEL.load(Relaxed) {
        0 => Level::Baseline,
        1 => Level::Avx2,
        2 => Level::Avx512,
        3 => Level::Neon,
        _ => first_level(),
    }
}

/// Run at `wanted` from now on, or at the machine's level if it does not have that one. For tests and benchmarks.
pub fn set_level(wanted: Level) -> Level {
    let chosen = if available().contains(&wanted) { wanted } else { detect() };
    LEVEL.store(chosen as u8, Relaxed);
    chosen
}

/// The levels this machine can run, lowest first.
pub fn available() -> &'static [Level] {
    match detect() {
        Level::Baseline => &[Level::Baseline],
        Level::Avx2 => &[Level::Baseline, Level::Avx2],
        Level::Avx512 => &[Level::Baseline, Level::Avx2, Level::Avx512],
        Level::Neon => &[Level::Baseline, Level::Neon],
    }
}

#[cold]
fn first_level() -> Level {
    let wanted = match std::env::var("TENSORRS_SIMD").unwrap_or_default().to_ascii_lowercase().as_str() {
        "baseline" => Level::Baseline,
        "avx2" => Level::Avx2,
        "avx512" => Level::Avx512,
        _ => detect(),
    };
    set_level(wanted)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn detect() -> Level {
    macro_rules! has {
        ($($feature:tt),*) => { $(is_x86_feature_detected!($feature))&&* };
    }
    if !has!("avx2", "fma", "f16c", "bmi1", "bmi2", "lzcnt", "popcnt") {
        Level::Baseline
    } else if has!("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512cd") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(all(target_arch = "aarch64", not(miri)))]
fn detect() -> Level {
    Level::Neon
}

#[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn detect() -> Level {
    Level::Baseline
}

/// Run `f` compiled for the level of this machine. See the head of this file for what has to be inlined.
#[inline(always)]
pub fn vectorize<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    match level() {
        // SAFETY: `level` returns a level only after the machine was seen to have all of its instructions.
        Level::Avx512 => return unsafe { as_avx512(f) },
        // SAFETY: as above.
        Level::Avx2 => return unsafe { as_avx2(f) },
        _ => {}
    }
    // Outside x86 the baseline has the vectors already (NEON is part of aarch64).
    f()
}

/// # Safety
/// The machine has the instructions.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt")]
unsafe fn as_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// # Safety
/// The machine has the instructions.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx2,fma,f16c,bmi1,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512cd")]
unsafe fn as_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Ask for the memory at `p` to be in the first cache soon. Any address will do: nothing is read.
#[inline(always)]
pub fn prefetch<T>(p: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint, which never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(p.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = p;
}

/// A vector register of `N` numbers.
///
/// # Safety
/// Every method must run inside a function that enables the instructions of the register (`vectorize` at its level);
/// `load` and `store` touch `N` elements at a pointer of any alignment.
pub unsafe trait Vector: Copy {
    type E: Copy;
    const N: usize;
    /// Run `f` compiled for the instructions of the register.
    /// # Safety
    /// The machine has them.
    unsafe fn enter<R>(f: impl FnOnce() -> R) -> R;
    /// # Safety
    /// See the trait.
    unsafe fn splat(x: Self::E) -> Self;
    /// # Safety
    /// See the trait.
    unsafe fn load(p: *const Self::E) -> Self;
    /// # Safety
    /// See the trait.
    unsafe fn store(self, p: *mut Self::E);
    /// # Safety
    /// See the trait.
    unsafe fn add(self, other: Self) -> Self;
    /// # Safety
    /// See the trait.
    unsafe fn sub(self, other: Self) -> Self;
    /// Swap rows and columns of `N` registers.
    /// # Safety
    /// See the trait; `x` has `N` registers.
    unsafe fn transpose(x: &mut [Self]);
    /// `self * b + c`, rounded once where the machine can.
    /// # Safety
    /// See the trait.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
}

macro_rules! vector {
    ($enter:ident, $register:ty : $n:literal $e:ty, $splat:ident, $load:ident, $store:ident, $add:ident,
     $sub:ident, $fma:ident, $transpose:path) => {
        // SAFETY: the intrinsics touch exactly `N` elements and allow any alignment.
        unsafe impl Vector for $register {
            type E = $e;
            const N: usize = $n;
            #[inline(always)]
            unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
                // SAFETY: the caller's promise.
                unsafe { $enter(f) }
            }
            #[inline(always)]
            unsafe fn splat(x: $e) -> Self {
                // SAFETY: the caller enables the instructions.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(p: *const $e) -> Self {
                // SAFETY: the caller gives `N` readable elements.
                unsafe { $load(p) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $e) {
                // SAFETY: the caller gives `N` writable elements.
                unsafe { $store(p, self) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                // SAFETY: the caller enables the instructions.
                unsafe { $add(self, other) }
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                // SAFETY: the caller enables the instructions.
                unsafe { $sub(self, other) }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                // SAFETY: the caller enables the instructions.
                unsafe { $fma(self, b, c) }
            }
            #[inline(always)]
            unsafe fn transpose(x: &mut [Self]) {
                // SAFETY: the caller's promise.
                unsafe { $transpose(x) }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Vector, as_avx2, as_avx512};
    use std::arch::x86_64::*;

    /// Pairs, then quads, then halves.
    #[inline(always)]
    unsafe fn transpose8(x: &mut [__m256]) {
        // SAFETY: the caller enables AVX2.
        unsafe {
            let t: [__m256; 8] = std::array::from_fn(|i| {
                let (a, b) = (x[i / 2 * 2], x[i / 2 * 2 + 1]);
                if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
            });
            let q: [__m256; 8] = std::array::from_fn(|i| {
                let (a, b) = (t[i / 4 * 4 + i % 4 / 2], t[i / 4 * 4 + i % 4 / 2 + 2]);
                if i % 2 == 0 { _mm256_shuffle_ps::<0x44>(a, b) } else { _mm256_shuffle_ps::<0xee>(a, b) }
            });
            for i in 0..4 {
                x[i] = _mm256_permute2f128_ps::<0x20>(q[i], q[i + 4]);
                x[i + 4] = _mm256_permute2f128_ps::<0x31>(q[i], q[i + 4]);
            }
        }
    }

    /// Pairs, then halves.
    #[inline(always)]
    unsafe fn transpose4(x: &mut [__m256d]) {
        // SAFETY: the caller enables AVX2.
        unsafe {
            let t: [__m256d; 4] = std::array::from_fn(|i| {
                let (a, b) = (x[i / 2 * 2], x[i / 2 * 2 + 1]);
                if i % 2 == 0 { _mm256_unpacklo_pd(a, b) } else { _mm256_unpackhi_pd(a, b) }
            });
            for i in 0..2 {
                x[i] = _mm256_permute2f128_pd::<0x20>(t[i], t[i + 2]);
                x[i + 2] = _mm256_permute2f128_pd::<0x31>(t[i], t[i + 2]);
            }
        }
    }

    vector!(as_avx2, __m256: 8 f32, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_fmadd_ps, transpose8);
    vector!(as_avx2, __m256d: 4 f64, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_add_pd, _mm256_sub_pd, _mm256_fmadd_pd, transpose4);
    vector!(as_avx512, __m512: 16 f32, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_fmadd_ps, super::transpose_lanes);
    vector!(as_avx512, __m512d: 8 f64, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_add_pd, _mm512_sub_pd, _mm512_fmadd_pd, super::transpose_lanes);
}

#[cfg(target_arch = "aarch64")]
#[allow(unused_unsafe)] // part of the baseline there, so some of them are safe to call
mod neon {
    use super::Vector;
    use std::arch::aarch64::*;

    #[inline(always)]
    unsafe fn as_is<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
    #[inline(always)]
    unsafe fn fma_f32(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: part of the baseline.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn fma_f64(a: float64x2_t, b: float64x2_t, c: float64x2_t) -> float64x2_t {
        // SAFETY: part of the baseline.
        unsafe { vfmaq_f64(c, a, b) }
    }
    vector!(as_is, float32x4_t: 4 f32, vdupq_n_f32, vld1q_f32, vst1q_f32, vaddq_f32, vsubq_f32, fma_f32, super::transpose_lanes);
    vector!(as_is, float64x2_t: 2 f64, vdupq_n_f64, vld1q_f64, vst1q_f64, vaddq_f64, vsubq_f64, fma_f64, super::transpose_lanes);
}

/// Through memory, for registers without a shuffle of their own here.
#[inline(always)]
unsafe fn transpose_lanes<V: Vector>(x: &mut [V])
where
    V::E: Default,
{
    let mut lanes = [[V::E::default(); 16]; 16];
    // SAFETY: a row has room for the largest register.
    unsafe {
        for (row, v) in lanes.iter_mut().zip(&*x) {
            v.store(row.as_mut_ptr());
        }
        for (j, v) in x.iter_mut().enumerate() {
            let mut column = [V::E::default(); 16];
            (0..V::N).for_each(|i| column[i] = lanes[i][j]);
            *v = V::load(column.as_ptr());
        }
    }
}

/// The portable register: an array the compiler keeps in whatever vectors the baseline has.
#[derive(Clone, Copy)]
pub struct Lanes<T, const N: usize>([T; N]);

macro_rules! lanes {
    ($e:ty, $n:expr) => {
        // SAFETY: plain reads and writes of `N` unaligned elements, no special instructions.
        unsafe impl Vector for Lanes<$e, $n> {
            type E = $e;
            const N: usize = $n;
            #[inline(always)]
            unsafe fn enter<R>(f: impl FnOnce() -> R) -> R {
                f()
            }
            #[inline(always)]
            unsafe fn splat(x: $e) -> Self {
                Self([x; $n])
            }
            #[inline(always)]
            unsafe fn load(p: *const $e) -> Self {
                // SAFETY: the caller gives `N` readable elements.
                Self(unsafe { p.cast::<[$e; $n]>().read_unaligned() })
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $e) {
                // SAFETY: the caller gives `N` writable elements.
                unsafe { p.cast::<[$e; $n]>().write_unaligned(self.0) }
            }
            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
            }
            #[inline(always)]
            unsafe fn sub(self, other: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * b.0[i] + c.0[i]))
            }
            #[inline(always)]
            unsafe fn transpose(x: &mut [Self]) {
                let rows: [Self; $n] = std::array::from_fn(|i| x[i]);
                for (j, column) in x.iter_mut().enumerate() {
                    *column = Self(std::array::from_fn(|i| rows[i].0[j]));
                }
            }
        }
    };
}
lanes!(f32, 4);
lanes!(f64, 2);

#[cfg(test)]
mod tests {
    use super::*;

    fn check_transpose<V: Vector>()
    where
        V::E: From<u16> + PartialEq + std::fmt::Debug,
    {
        // SAFETY: called for registers the machine has; every row has `N` elements.
        unsafe {
            let rows: Vec<V::E> = (0..V::N * V::N).map(|i| V::E::from(i as u16)).collect();
            let mut x: Vec<V> = (0..V::N).map(|i| V::load(rows[i * V::N..].as_ptr())).collect();
            V::enter(
                #[inline(always)]
                || V::transpose(&mut x),
            );
            for (j, column) in x.iter().enumerate() {
                let mut got = rows.clone();
                column.store(got.as_mut_ptr());
                (0..V::N).for_each(|i| assert_eq!(got[i], rows[i * V::N + j]));
            }
        }
    }

    #[test]
    fn registers_are_transposed() {
        check_transpose::<Lanes<f32, 4>>();
        check_transpose::<Lanes<f64, 2>>();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
            if detect() >= Level::Avx2 {
                check_transpose::<__m256>();
                check_transpose::<__m256d>();
            }
            if detect() >= Level::Avx512 {
                check_transpose::<__m512>();
                check_transpose::<__m512d>();
            }
        }
        #[cfg(target_arch = "aarch64")]
        {
            use std::arch::aarch64::{float32x4_t, float64x2_t};
            check_transpose::<float32x4_t>();
            check_transpose::<float64x2_t>();
        }
    }

    #[test]
    fn every_level_computes_the_same_bits() {
        let x: Vec<f32> = (0..1003).map(|i| (i as f32 * 0.37).sin()).collect();
        let mut want: Option<Vec<u32>> = None;
        for &level in available() {
            assert_eq!(set_level(level), level);
            let mut y = vec![1.0f32; x.len()];
            let sum: f32 = vectorize(
                #[inline(always)]
                || {
                    y.iter_mut().zip(&x).for_each(|(y, x)| *y = *y * 0.5 + x * x);
                    y.iter().sum()
                },
            );
            y.push(sum);
            let bits: Vec<u32> = y.iter().map(|v| v.to_bits()).collect();
            assert_eq!(want.get_or_insert_with(|| bits.clone()), &bits, "{level:?}");
        }
        set_level(detect());
    }

    #[test]
    fn a_level_the_machine_lacks_is_not_taken() {
        let other = if cfg!(target_arch = "aarch64") { Level::Avx512 } else { Level::Neon };
        assert_eq!(set_level(other), detect());
    }
}
