//! Uniform whole numbers in a tensor of any dtype.

use super::Generator;
use super::uniform::largest;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};

/// From this many values on a draw takes 64 bits.
const WIDE: u64 = 1 << 28;

/// `random_()`: from 0 to the largest integer of the dtype; for floats to the largest up to which all integers exist.
pub fn random_<T: Element>(g: &mut Generator, out: &mut [T]) {
    let count: u64 = match T::DTYPE {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        DType::I64 => 1 << 63,
        float => (1 << digits(float)) + 1,
    };
    if matches!(T::DTYPE, DType::I64 | DType::F64) {
        g.engine.fill_u64(out, |w| T::from_i64((w % count) as i64));
    } else {
        g.engine.fill_u32(out, |w| T::from_i64((u64::from(w) % count) as i64));
    }
}

/// `random_(from, to)` and `randint(from, to)`: `from <= x < to`, or up to the largest number of the dtype.
pub fn random_from_to_<T: Element>(
    g: &mut Generator,
    out: &mut [T],
    from: i64,
    to: Option<i64>,
) -> Result<()> {
    IntRange::new::<T>(from, to)?.fill(g, out)
}

/// The values `random_(from, to)` may give, after the checks of the arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntRange {
    base: i64,
    /// How many values; `None` for all 2^64.
    count: Option<u64>,
    /// What PyTorch warns about: a float type that lacks some integers of the range.
    pub warnings: Vec<String>,
}

impl IntRange {
    pub fn new<T: Element>(from: i64, to: Option<i64>) -> Result<Self> {
        let float = T::DTYPE.is_float();
        // Both ends of a float range move inside it, to numbers that the type has.
        let (from, last) = match to {
            Some(to) => {
                if from >= to {
                    return Err(Error::Runtime(format!(
                        "random_ expects 'from' to be less than 'to', but got from={from} >= to={to}"
                    )));
                }
                let (low, high) = if float { (round_up::<T>(from), round_down::<T>(to)) } else { (from, to) };
                if low >= high {
                    return Err(Error::Runtime(format!(
                        "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got \
                         from={low} >= to={high}"
                    )));
                }
                (low, high - 1)
            }
            None if from == i64::MIN => {
                return Ok(Self { base: 0, count: None, warnings: Vec::new() });
            }
            None if float => {
                let (low, last) = (round_up::<T>(from), 1 << digits(T::DTYPE));
                if low >= last {
                    return Err(Error::Runtime(format!(
                        "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, \
                         but got from={low} > to_inc={last}"
                    )));
                }
                (low, last)
            }
            None => (from, limits(T::DTYPE).1),
        };
        let mut warnings = Vec::new();
        for (what, x) in [("from", from), ("to - 1", last)] {
            warnings.extend(check(T::DTYPE, what, x)?);
        }
        let count = (last as u64).wrapping_sub(from as u64).wrapping_add(1);
        Ok(Self { base: from, count: Some(count), warnings })
    }

    pub fn fill<T: Element>(&self, g: &mut Generator, out: &mut [T]) -> Result<()> {
        let base = self.base;
        match self.count {
            _ if out.is_empty() => {}
            None => match T::DTYPE {
                DType::I64 | DType::F64 | DType::F32 | DType::BF16 => {
                    g.engine.fill_u64(out, |w| T::from_i64(w as i64));
                }
                dtype @ (DType::F16 | DType::Bool) => {
                    let op = "random_full_64_bits_range_kernel_cpu".into();
                    return Err(Error::NotImplemented { op, dtype });
                }
                _ => {
                    return Err(Error::Runtime(
                        "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
                            .into(),
                    ));
                }
            },
            Some(count) if count >= WIDE => {
                g.engine.fill_u64(out, |w| T::from_i64(((w % count) as i64).wrapping_add(base)));
            }
            Some(count) => {
                // w % count by two multiplications (Lemire, Kaser and Kurz, 2019): exact for 32-bit numbers.
                let inverse = (u64::MAX / count).wrapping_add(1);
                g.engine.fill_u32(
                    out,
                    #[inline(always)]
                    |w| {
                        let fraction = inverse.wrapping_mul(u64::from(w));
                        let rest = (u128::from(fraction) * u128::from(count)) >> 64;
                        T::from_i64((rest as i64).wrapping_add(base))
                    },
                );
            }
        }
        Ok(())
    }
}

/// Bits in the mantissa of a float type, the hidden one included.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        _ => 53,
    }
}

/// Smallest and largest value of an integer type.
pub(super) fn limits(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        DType::U8 => (0, 255),
        DType::I8 => (-128, 127),
        DType::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        DType::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Whether the dtype holds `x`; a warning where it holds it but not all integers up to it.
fn check(dtype: DType, what: &str, x: i64) -> Result<Option<String>> {
    let (inside, name) = if dtype.is_float() {
        let (max, name) = largest(dtype);
        ((-max..=max).contains(&(x as f64)), name)
    } else {
        let name = match dtype {
            DType::Bool => "bool",
            DType::U8 => "unsigned char",
            DType::I8 => "signed char",
            DType::I16 => "short int",
            DType::I32 => "int",
            _ => "long int",
        };
        let (min, max) = limits(dtype);
        ((min..=max).contains(&x), name)
    };
    if !inside {
        return Err(Error::Runtime(format!("{what} is out of bounds for {name}")));
    }
    let bits = digits(dtype);
    let sparse = dtype.is_float() && x.unsigned_abs() > 1 << bits;
    Ok(sparse.then(|| {
        format!(
            "{what} is out of bounds [-(2^{bits}), 2^{bits}]. Due to precision limitations {name} can support discrete \
             uniform distribution only within this range. This warning will become an error in version 1.7 release, \
             please fix the code in advance"
        )
    }))
}

/// The distance of neighbouring floats around `x`, where it is more than 1.
fn spacing(x: i64, dtype: DType) -> i64 {
    1 << (x.unsigned_abs().ilog2() + 1 - digits(dtype))
}

fn round_up<T: Element>(from: i64) -> i64 {
    let next = T::from_i64(from + 1).to_i64();
    if next < from { next + spacing(from + 1, T::DTYPE) } else { from }
}

fn round_down<T: Element>(to: i64) -> i64 {
    let before = T::from_i64(to - 1).to_i64();
    if before >= to { before - spacing(to - 1, T::DTYPE) } else { to }
}
