//! Bits of integers: and, or, xor, shifts; greatest common divisors. They have no derivative.

use super::{apply, apply_inplace, common, int_row};
use crate::backend::Binary;
use crate::error::Result;
use crate::plain2;
use crate::tensor::Tensor;

static AND: Binary =
    int_row!("bitwise_and_cpu", |a, b, _p| a & b, bool: Some(plain2!(bool => bool, |a, b, _p| a & b)));
static OR: Binary =
    int_row!("bitwise_or_cpu", |a, b, _p| a | b, bool: Some(plain2!(bool => bool, |a, b, _p| a | b)));
static XOR: Binary =
    int_row!("bitwise_xor_cpu", |a, b, _p| a ^ b, bool: Some(plain2!(bool => bool, |a, b, _p| a ^ b)));

// A shift by more bits than there are, or by a negative number, leaves nothing of the number but its sign.
static LEFT: Binary = int_row!("lshift_cpu", |a, b, _p| if (b as i64 as u64) < u64::from(T::BITS) { a << b } else { 0 },
    bool: None);
static RIGHT: Binary = int_row!("rshift_cpu", |a, b, _p| a >> (b as i64 as u64).min(u64::from(T::BITS) - 1),
    bool: None);

#[allow(clippy::unnecessary_cast)]
static GCD: Binary = int_row!("gcd_cpu", |a, b, _p| gcd(a as i64, b as i64) as T, bool: None);
#[allow(clippy::unnecessary_cast)]
static LCM: Binary = int_row!("lcm_cpu", |a, b, _p| {
    let g = gcd(a as i64, b as i64) as T;
    #[allow(unused_comparisons)]
    let size = |n: T| if n < 0 { (0 as T).wrapping_sub(n) } else { n };
    match g {
        0 => g,
        g => size((a / g).wrapping_mul(b)),
    }
}, bool: None);

/// Euclid's algorithm on the sizes.
#[inline(always)]
fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

/// `name, name_, ROW`: both forms of an op on integers.
macro_rules! integer_ops {
    ($($(#[$doc:meta])* $name:ident, $inplace:ident, $row:ident;)*) => {
        impl Tensor {
            $($(#[$doc])*
            pub fn $name(&self, other: &Tensor) -> Result<Tensor> {
                apply(&$row, [0.0; 2], self, other)
            }

            pub fn $inplace(&self, other: &Tensor) -> Result<()> {
                apply_inplace(&$row, [0.0; 2], self, other, common(self, other), |x| x.$name(other))
            })*
        }
    };
}

integer_ops! {
    /// Bits set in both; of truth values, both true.
    bitwise_and, bitwise_and_, AND;
    /// Bits set in one or both.
    bitwise_or, bitwise_or_, OR;
    /// Bits set in one of them only.
    bitwise_xor, bitwise_xor_, XOR;
    /// `x << y`
    bitwise_left_shift, bitwise_left_shift_, LEFT;
    /// `x >> y`, keeping the sign.
    bitwise_right_shift, bitwise_right_shift_, RIGHT;
    /// Greatest common divisor; `gcd(0, 0)` is 0.
    gcd, gcd_, GCD;
    /// Least common multiple.
    lcm, lcm_, LCM;
}
