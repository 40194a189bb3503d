//! Normal numbers, by Box and Muller's transform (1958).
//!
//! Paths, as in PyTorch:
//!   16 elements or more, contiguous -> blocks of 16 in the type of the tensor, with short polynomials for f32
//!   everything else                 -> one at a time in double; the second of each pair waits for the next call

use std::f64::consts::PI;

use super::uniform::unit_f64;
use super::{Draw, Generator, general};
use crate::dtype::{Element, Float, Real};
use crate::error::{Error, Result};
use crate::simd::vectorize;

/// A contiguous tensor's elements, normal with this mean and standard deviation.
pub fn normal_<T: Float>(g: &mut Generator, out: &mut [T], mean: f64, std: f64) -> Result<()>
where
    T::Acc: Draw,
{
    if out.len() < 16 {
        return normal_strided_(g, out, mean, std);
    }
    check_std(std)?;
    let (mean, std) = (T::Acc::from_f64(mean), T::Acc::from_f64(std));
    let tail = out.len() % 16;
    let whole = out.len() - tail;
    blocks(g, &mut out[..whole], mean, std);
    if tail != 0 {
        // PyTorch fills f32 and f64 with uniform numbers to the end first, and half floats block by block.
        if T::DTYPE == <T::Acc as Element>::DTYPE {
            T::Acc::fill(
                g,
                &mut out[whole..],
                #[inline(always)]
                |u| T::narrow(u),
            );
        }
        let last = out.len() - 16;
        blocks(g, &mut out[last..], mean, std);
    }
    Ok(())
}

/// As `normal_` for a tensor that is not contiguous, its elements in memory order.
pub fn normal_strided_<T: Float>(g: &mut Generator, out: &mut [T], mean: f64, std: f64) -> Result<()> {
    check_std(std)?;
    out.iter_mut().for_each(|y| *y = T::from_f64(g.normal(mean, std)));
    Ok(())
}

fn check_std(std: f64) -> Result<()> {
    if std >= 0.0 {
        return Ok(());
    }
    Err(Error::Runtime(format!("normal expects std >= 0.0, but found std {}", general(std))))
}

impl Generator {
    /// One normal number, in double.
    pub fn normal(&mut self, mean: f64, std: f64) -> f64 {
        let sample = self.next_double.take().unwrap_or_else(|| {
            let u1 = unit_f64(self.random64());
            let u2 = unit_f64(self.random64());
            let r = (-2.0 * (-u2).ln_1p()).sqrt();
            let theta = 2.0 * PI * u1;
            self.next_double = Some(r * theta.sin());
            r * theta.cos()
        });
        sample.mul_add(std, mean)
    }
}

/// Both numbers of a pair, of which `u1` and `u2` are uniform.
#[inline(always)]
pub(super) fn pair_f64(u1: f64, u2: f64, mean: f64, std: f64) -> (f64, f64) {
    let r = (-2.0 * (1.0 - u1).ln()).sqrt();
    let theta = 2.0 * PI * u2;
    ((r * theta.cos()).mul_add(std, mean), (r * theta.sin()).mul_add(std, mean))
}

#[inline(always)]
pub(super) fn pair_f32(u1: f32, u2: f32, mean: f32, std: f32) -> (f32, f32) {
    let r = (-2.0 * ln(1.0 - u1)).sqrt();
    let (sin, cos) = sin_cos((2.0 * PI) as f32 * u2);
    ((r * cos).mul_add(std, mean), (r * sin).mul_add(std, mean))
}

/// Normal numbers by blocks of 16, `out` being a whole number of them: numbers j and j + 8 of a block are a pair.
fn blocks<T: Float>(g: &mut Generator, out: &mut [T], mean: T::Acc, std: T::Acc)
where
    T::Acc: Draw,
{
    const BLOCKS: usize = 32;
    let zero = [[T::Acc::ZERO; 8]; BLOCKS];
    let (mut uniform, mut first, mut second) = ([T::Acc::ZERO; 16 * BLOCKS], zero, zero);
    for out in out.chunks_mut(16 * BLOCKS) {
        let (n, uniform) = (out.len() / 16, &mut uniform[..out.len()]);
        T::Acc::fill(
            g,
            uniform,
            #[inline(always)]
            |u| u,
        );
        vectorize(
            #[inline(always)]
            || {
                // The halves of the blocks go side by side, so that the one loop that computes is long.
                for ((a, b), u) in first.iter_mut().zip(&mut second).zip(uniform.chunks_exact(16)) {
                    a.copy_from_slice(&u[..8]);
                    b.copy_from_slice(&u[8..]);
                }
                let (a, b) = (first[..n].as_flattened_mut(), second[..n].as_flattened_mut());
                for (a, b) in a.iter_mut().zip(b) {
                    (*a, *b) = T::Acc::normal_pair(*a, *b, mean, std);
                }
                for ((a, b), y) in first.iter().zip(&second).zip(out.chunks_exact_mut(16)) {
                    for (y, &x) in y.iter_mut().zip(a.iter().chain(b)) {
                        *y = T::narrow(x);
                    }
                }
            },
        );
    }
}

/// Natural logarithm of a normal number above 0: Moshier's Cephes `logf`, fused as PyTorch's compiler fuses it.
#[inline(always)]
fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let e = (bits >> 23) as i32 - 126;
    let low = m < std::f32::consts::FRAC_1_SQRT_2;
    let e = if low { e - 1 } else { e } as f32;
    let m = (m - 1.0) + if low { m } else { 0.0 };

    let z = m * m;
    let mut y = 7.037_683_6e-2f32;
    for c in [
        -1.151_461e-1,
        1.167_699_84e-1,
        -1.242_014_1e-1,
        1.424_932_3e-1,
        -1.666_805_8e-1,
        2.000_071_4e-1,
        -2.499_999_4e-1,
        3.333_333e-1,
    ] {
        y = y.mul_add(m, c);
    }
    y = (y * m).mul_add(z, e * -2.121_944_4e-4);
    y = z.mul_add(-0.5, y);
    e.mul_add(0.693_359_4, m + y)
}

/// Sine and cosine of x in [0, 8192): Moshier's Cephes `sinf` and `cosf`, fused as PyTorch's compiler fuses them.
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    // The octant, rounded up to an even number; x becomes what is left, in [-pi/4, pi/4].
    let j = ((x * (4.0 / PI) as f32) as i32 + 1) & !1;
    let y = j as f32;
    let x = y.mul_add(-0.785_156_25, x);
    let x = y.mul_add(-2.418_756_5e-4, x);
    let x = y.mul_add(-3.774_895e-8, x);
    let z = x * x;

    let c = 2.443_315_7e-5f32.mul_add(z, -1.388_731_6e-3).mul_add(z, 4.166_664_6e-2);
    let cos = (c * z).mul_add(z, -(z * 0.5)) + 1.0;
    let s = (-1.951_529_6e-4f32).mul_add(z, 8.332_161e-3).mul_add(z, -1.666_665_5e-1);
    let sin = (s * z).mul_add(x, x);

    let (sin, cos) = if j & 2 == 0 { (sin, cos) } else { (cos, sin) };
    let flip = |v: f32, sign: i32| f32::from_bits(v.to_bits() ^ ((sign as u32) << 29 & 0x8000_0000));
    (flip(sin, j & 4), flip(cos, !(j - 2) & 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_polynomials_are_close_to_the_functions() {
        for i in 1..=4096 {
            let x = i as f32 / 4096.0;
            assert!((f64::from(ln(x)) - f64::from(x).ln()).abs() < 1e-6, "ln {x}");
            let (sin, cos) = sin_cos(x * 6.25);
            let exact = f64::from(x * 6.25);
            assert!((f64::from(sin) - exact.sin()).abs() < 1e-6, "sin {x}");
            assert!((f64::from(cos) - exact.cos()).abs() < 1e-6, "cos {x}");
        }
    }
}
