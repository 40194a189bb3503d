//! The ways to fold: what each starts from, does with an element, and makes of its accumulator.

use super::{Folder, fold};
use crate::backend::cpu::{lacks, pointwise::Ptr};
use crate::backend::{Fold, View};
use crate::dtype::{DType, Element};
use crate::error::Result;

/// See the verb `reduce`.
pub(in crate::backend::cpu) fn reduce(how: Fold, x: View, mask: &[bool], out: View) -> Result<()> {
    macro_rules! floats {
        ($T:ty) => {
            match how {
                Fold::Sum => fold::<$T, _>(Sum { scale: 1.0 }, x, mask, out),
                Fold::Mean => {
                    let n = x.layout.numel() as f64 / out.layout.numel().max(1) as f64;
                    fold::<$T, _>(Sum { scale: n }, x, mask, out)
                }
                Fold::NanSum => fold::<$T, _>(NanSum, x, mask, out),
                Fold::Prod => fold::<$T, _>(Prod, x, mask, out),
                Fold::Norm(1.0) => fold::<$T, _>(Norm1, x, mask, out),
                Fold::Norm(2.0) => fold::<$T, _>(Norm2, x, mask, out),
                Fold::Norm(f64::INFINITY) => fold::<$T, _>(AbsMax, x, mask, out),
                Fold::Norm(f64::NEG_INFINITY) => fold::<$T, _>(AbsMin, x, mask, out),
                Fold::Norm(p) => fold::<$T, _>(NormP(p), x, mask, out),
                _ => common!($T),
            }
        };
    }
    macro_rules! integers {
        ($T:ty) => {
            match how {
                Fold::Sum => fold::<$T, _>(Whole, x, mask, out),
                _ => common!($T),
            }
        };
    }
    macro_rules! common {
        ($T:ty) => {
            match how {
                Fold::Max => fold::<$T, _>(Max, x, mask, out),
                Fold::Min => fold::<$T, _>(Min, x, mask, out),
                Fold::Any => fold::<$T, _>(Truth { all: false }, x, mask, out),
                Fold::All => fold::<$T, _>(Truth { all: true }, x, mask, out),
                Fold::Count => fold::<$T, _>(Count, x, mask, out),
                _ => return Err(lacks("reduce", x.dtype)),
            }
        };
    }
    match x.dtype {
        DType::F32 => floats!(f32),
        DType::F64 => floats!(f64),
        DType::U8 => integers!(u8),
        DType::I32 => integers!(i32),
        DType::I64 if how == Fold::Prod => fold::<i64, _>(WholeProd, x, mask, out),
        DType::I64 => integers!(i64),
        _ => return Err(lacks("reduce", x.dtype)),
    }
    Ok(())
}

/// See the verb `moments`.
pub(in crate::backend::cpu) fn moments(
    x: View,
    mask: &[bool],
    free: f64,
    mean: View,
    var: View,
) -> Result<()> {
    let n = x.layout.numel() as f64 / var.layout.numel().max(1) as f64;
    let (means, shift) = (Ptr::<f64>::of(mean), mean.layout.offset.wrapping_sub(var.layout.offset));
    debug_assert_eq!(mean.layout.strides, var.layout.strides);
    macro_rules! run {
        ($T:ty) => {{
            fold::<$T, _>(Mean(n), x, mask, mean);
            fold::<$T, _>(Spread { means, shift, free: (n - free).max(0.0) }, x, mask, var);
        }};
    }
    match x.dtype {
        DType::F32 => run!(f32),
        DType::F64 => run!(f64),
        _ => return Err(lacks("std_and_var_kernel", x.dtype)),
    }
    Ok(())
}

/// A fold without parameters that depend on the output: name, element, accumulator, result, and the four steps.
macro_rules! folder {
    ($(#[$doc:meta])* $name:pat, [$($bound:tt)*] $ty:ty: $acc:ty => $out:ty,
     $start:expr, |$a:ident, $x:ident| $step:expr, |$p:ident, $q:ident| $merge:expr, |$s:ident, $z:ident| $finish:expr) => {
        $(#[$doc])*
        impl<T: $($bound)*> Folder<T> for $ty {
            type Acc = $acc;
            type Out = $out;
            #[inline(always)]
            fn start(self, _at: usize) -> $acc { $start }
            #[inline(always)]
            fn step(self, $a: $acc, $x: T) -> $acc { let $name = self; $step }
            #[inline(always)]
            fn merge(self, $p: $acc, $q: $acc) -> $acc { $merge }
            #[inline(always)]
            fn finish(self, $z: $acc) -> $out { let $s = self; $finish }
        }
    };
}

/// The sum, divided by `scale`.
#[derive(Clone, Copy)]
struct Sum {
    scale: f64,
}
#[derive(Clone, Copy)]
struct NanSum;
#[derive(Clone, Copy)]
struct Prod;
#[derive(Clone, Copy)]
struct Whole;
#[derive(Clone, Copy)]
struct WholeProd;
#[derive(Clone, Copy)]
struct Count;
/// Whether any element is true; with `all`, whether none is false.
#[derive(Clone, Copy)]
struct Truth {
    all: bool,
}
#[derive(Clone, Copy)]
struct Norm1;
#[derive(Clone, Copy)]
struct Norm2;
#[derive(Clone, Copy)]
struct NormP(f64);
#[derive(Clone, Copy)]
struct AbsMax;
#[derive(Clone, Copy)]
struct AbsMin;

macro_rules! sum {
    ($($T:ty),*) => {$(
        impl Folder<$T> for Sum {
            type Acc = f64;
            type Out = $T;
            #[inline(always)]
            fn start(self, _at: usize) -> f64 {
                0.0
            }
            #[inline(always)]
            fn step(self, a: f64, x: $T) -> f64 {
                a + f64::from(x)
            }
            // Two roundings in the element's type: a quarter of the widening, and far below what a float32 sum loses.
            #[inline(always)]
            fn four(self, a: f64, [p, q, r, s]: [$T; 4]) -> f64 {
                a + f64::from((p + q) + (r + s))
            }
            #[inline(always)]
            fn merge(self, a: f64, b: f64) -> f64 {
                a + b
            }
            #[inline(always)]
            fn finish(self, a: f64) -> $T {
                (a / self.scale) as $T
            }
        }
    )*};
}
sum!(f32, f64);
folder!(_, [Element] NanSum: f64 => T, 0.0, |a, x| { let v = x.to_f64(); a + if v.is_nan() { 0.0 } else { v } },
    |p, q| p + q, |_s, z| T::from_f64(z));
folder!(_, [Element] Prod: f64 => T, 1.0, |a, x| a * x.to_f64(), |p, q| p * q, |_s, z| T::from_f64(z));
folder!(_, [Element] Whole: i64 => i64, 0, |a, x| a.wrapping_add(x.to_i64()), |p, q| p.wrapping_add(q), |_s, z| z);
folder!(_, [Element] WholeProd: i64 => i64, 1, |a, x| a.wrapping_mul(x.to_i64()), |p, q| p.wrapping_mul(q), |_s, z| z);
folder!(_, [Element] Count: i64 => i64, 0, |a, x| a + i64::from(x.truthy()), |p, q| p + q, |_s, z| z);
folder!(Truth { all }, [Element] Truth: bool => bool, false, |a, x| a | (x.truthy() ^ all), |p, q| p | q, |s, z| z ^ s.all);
folder!(_, [Element] Norm1: f64 => T, 0.0, |a, x| a + x.to_f64().abs(), |p, q| p + q, |_s, z| T::from_f64(z));
folder!(_, [Element] Norm2: f64 => T, 0.0, |a, x| { let v = x.to_f64(); a + v * v }, |p, q| p + q, |_s, z| T::from_f64(z.sqrt()));
folder!(NormP(p), [Element] NormP: f64 => T, 0.0, |a, x| a + x.to_f64().abs().powf(p), |p, q| p + q,
    |s, z| T::from_f64(z.powf(1.0 / s.0)));
folder!(_, [Element] AbsMax: f64 => T, 0.0, |a, x| larger(a, x.to_f64().abs()), |p, q| larger(p, q), |_s, z| T::from_f64(z));
folder!(_, [Element] AbsMin: f64 => T, f64::INFINITY, |a, x| smaller(a, x.to_f64().abs()), |p, q| smaller(p, q),
    |_s, z| T::from_f64(z));

/// The larger one; a NaN stays.
#[inline(always)]
fn larger<T: Element>(a: T, x: T) -> T {
    if (x > a) | x.is_nan() { x } else { a }
}

#[inline(always)]
fn smaller<T: Element>(a: T, x: T) -> T {
    if (x < a) | x.is_nan() { x } else { a }
}

/// An element type with a lowest and a highest value.
trait Bounded: Element {
    const LOW: Self;
    const HIGH: Self;
}
macro_rules! bounded {
    ($($t:ty: $low:expr, $high:expr);*) => {$(
        impl Bounded for $t {
            const LOW: Self = $low;
            const HIGH: Self = $high;
        }
    )*};
}
bounded!(f32: f32::NEG_INFINITY, f32::INFINITY; f64: f64::NEG_INFINITY, f64::INFINITY;
    u8: u8::MIN, u8::MAX; i32: i32::MIN, i32::MAX; i64: i64::MIN, i64::MAX);

#[derive(Clone, Copy)]
struct Max;
#[derive(Clone, Copy)]
struct Min;

macro_rules! extreme {
    ($name:ident, $start:ident, $pick:ident) => {
        impl<T: Bounded> Folder<T> for $name {
            type Acc = T;
            type Out = T;
            #[inline(always)]
            fn start(self, _at: usize) -> T {
                T::$start
            }
            #[inline(always)]
            fn step(self, a: T, x: T) -> T {
                $pick(a, x)
            }
            #[inline(always)]
            fn four(self, a: T, [p, q, r, s]: [T; 4]) -> T {
                $pick(a, $pick($pick(p, q), $pick(r, s)))
            }
            #[inline(always)]
            fn merge(self, a: T, b: T) -> T {
                $pick(a, b)
            }
            #[inline(always)]
            fn finish(self, a: T) -> T {
                a
            }
        }
    };
}
extreme!(Max, LOW, larger);
extreme!(Min, HIGH, smaller);

/// The mean as f64, whatever the input.
#[derive(Clone, Copy)]
struct Mean(f64);
folder!(_, [Element] Mean: f64 => f64, 0.0, |a, x| a + x.to_f64(), |p, q| p + q, |s, z| z / s.0);

/// The squared distances from a mean that is known by now, divided by `free`.
#[derive(Clone, Copy)]
struct Spread {
    means: Ptr<f64>,
    /// From an output's position to that of its mean.
    shift: usize,
    free: f64,
}

impl<T: Element> Folder<T> for Spread {
    type Acc = [f64; 2];
    type Out = f64;
    #[inline(always)]
    fn start(self, at: usize) -> [f64; 2] {
        // SAFETY: the means have the layout of the output, up to the offset.
        [unsafe { *self.means.at(at.wrapping_add(self.shift)) }, 0.0]
    }
    #[inline(always)]
    fn step(self, [mean, sum]: [f64; 2], x: T) -> [f64; 2] {
        let d = x.to_f64() - mean;
        [mean, sum + d * d]
    }
    #[inline(always)]
    fn merge(self, [mean, a]: [f64; 2], [_, b]: [f64; 2]) -> [f64; 2] {
        [mean, a + b]
    }
    #[inline(always)]
    fn finish(self, [_, sum]: [f64; 2]) -> f64 {
        sum / self.free
    }
}
