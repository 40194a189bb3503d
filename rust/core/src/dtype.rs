//! Element types: the `DType` enum, the Rust types behind it, and PyTorch's promotion table.
//!
//! `Element` is what every kernel needs of a type, `Float` what arithmetic on real numbers needs.
//! The macros `per_dtype!`, `per_number!` and `per_float!` are the only places that match a `DType` to a Rust type.

use half::{bf16, f16};

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DType {
    Bool,
    U8,
    I8,
    I16,
    I32,
    I64,
    F16,
    BF16,
    F32,
    F64,
}

/// The rank of a dtype in promotion: a higher category wins over any dtype of a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    Bool,
    Int,
    Float,
}

impl DType {
    pub const ALL: [DType; 10] = [
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
        DType::F16,
        DType::BF16,
        DType::F32,
        DType::F64,
    ];

    /// Bytes per element.
    #[inline]
    pub const fn size(self) -> usize {
        match self {
            DType::Bool | DType::U8 | DType::I8 => 1,
            DType::I16 | DType::F16 | DType::BF16 => 2,
            DType::I32 | DType::F32 => 4,
            DType::I64 | DType::F64 => 8,
        }
    }

    /// The name Python sees: `float32`, `int64`, `bool`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "uint8",
            DType::I8 => "int8",
            DType::I16 => "int16",
            DType::I32 => "int32",
            DType::I64 => "int64",
            DType::F16 => "float16",
            DType::BF16 => "bfloat16",
            DType::F32 => "float32",
            DType::F64 => "float64",
        }
    }

    /// The name PyTorch's error messages use: `Float`, `Long`, `Bool`.
    pub const fn scalar_type(self) -> &'static str {
        match self {
            DType::Bool => "Bool",
            DType::U8 => "Byte",
            DType::I8 => "Char",
            DType::I16 => "Short",
            DType::I32 => "Int",
            DType::I64 => "Long",
            DType::F16 => "Half",
            DType::BF16 => "BFloat16",
            DType::F32 => "Float",
            DType::F64 => "Double",
        }
    }

    /// How C++ spells it, which some of PyTorch's messages show.
    pub const fn cpp_name(self) -> &'static str {
        match self {
            DType::Bool => "bool",
            DType::U8 => "unsigned char",
            DType::I8 => "signed char",
            DType::I16 => "short int",
            DType::I32 => "int",
            DType::I64 => "long int",
            DType::F16 => "c10::Half",
            DType::BF16 => "c10::BFloat16",
            DType::F32 => "float",
            DType::F64 => "double",
        }
    }

    /// The least finite number of a floating point type; of others that of float64.
    pub const fn lowest(self) -> f64 {
        match self {
            DType::F16 => f16::MIN.to_f64_const(),
            DType::BF16 => bf16::MIN.to_f64_const(),
            DType::F32 => f32::MIN as f64,
            _ => f64::MIN,
        }
    }

    #[inline]
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F16 | DType::BF16 | DType::F32 | DType::F64)
    }

    /// An integer type that is not bool.
    #[inline]
    pub const fn is_int(self) -> bool {
        !self.is_float() && !matches!(self, DType::Bool)
    }

    pub const fn is_signed(self) -> bool {
        !matches!(self, DType::Bool | DType::U8)
    }

    pub const fn category(self) -> Category {
        match self {
            DType::Bool => Category::Bool,
            DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64 => Category::Int,
            _ => Category::Float,
        }
    }

    /// The dtype both operands are computed in: PyTorch's `promote_types`.
    pub fn promote(self, other: DType) -> DType {
        use DType::*;
        let (low, high) = if self <= other { (self, other) } else { (other, self) };
        match (low, high) {
            (F16, BF16) => F32,
            (U8, I8) => I16,
            _ => high,
        }
    }

    /// Whether a result of this dtype may be written into a tensor of `target`: PyTorch's `can_cast`.
    pub fn can_cast(self, target: DType) -> bool {
        self.category() <= target.category()
    }

    /// The type sums of this dtype are returned in: integers and bool widen to int64.
    pub const fn sum_type(self) -> DType {
        if self.is_float() { self } else { DType::I64 }
    }
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "tensorrs.{}", self.name())
    }
}

/// A Rust type that can be an element of a tensor. `bool` is stored as one byte, 0 or 1.
pub trait Element: Copy + Default + PartialEq + PartialOrd + Send + Sync + std::fmt::Debug + 'static {
    const DTYPE: DType;
    fn to_f64(self) -> f64;
    fn to_i64(self) -> i64;
    fn from_f64(x: f64) -> Self;
    fn from_i64(x: i64) -> Self;
    fn is_nan(self) -> bool;
    /// Not zero; NaN is true.
    fn truthy(self) -> bool;
}

/// A real number: f32 and f64 compute natively, f16 and bf16 through f32 (`Acc`).
pub trait Float: Element {
    /// The type sums and transcendental functions are computed in.
    type Acc: Real;
    fn widen(self) -> Self::Acc;
    fn narrow(x: Self::Acc) -> Self;
}

/// f32 or f64: a float the machine adds and multiplies.
pub trait Real:
    Float<Acc = Self>
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::ops::DivAssign
    + std::iter::Sum
{
    const ZERO: Self;
    const ONE: Self;
    const INFINITY: Self;
    const NEG_INFINITY: Self;
    fn of(x: f64) -> Self;
    fn exp(self) -> Self;
    fn ln(self) -> Self;
    fn sqrt(self) -> Self;
    fn abs(self) -> Self;
    fn max_num(self, other: Self) -> Self;
}

macro_rules! number {
    ($($t:ty, $dtype:ident, $truth:expr, $nan:expr);* $(;)?) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn to_i64(self) -> i64 { self as i64 }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                if matches!(DType::$dtype, DType::I32) { wrap_i32(x) as $t } else { wrap_i64(x) as $t }
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self { x as $t }
            #[inline(always)]
            fn is_nan(self) -> bool { let f: fn($t) -> bool = $nan; f(self) }
            #[inline(always)]
            fn truthy(self) -> bool { let f: fn($t) -> bool = $truth; f(self) }
        }
    )*};
}

/// A float cast to an integer goes through i64, as the x86 instruction that PyTorch compiles to does: 300.0 becomes
/// 44 as uint8, not 255. Outside i64 the result is the smallest i64, the value that instruction gives.
#[inline(always)]
fn wrap_i64(x: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&x) { x as i64 } else { i64::MIN }
}

/// For i32 there is such an instruction of its own.
#[inline(always)]
fn wrap_i32(x: f64) -> i32 {
    if x > -2_147_483_649.0 && x < 2_147_483_648.0 { x as i32 } else { i32::MIN }
}

number! {
    u8, U8, |x| x != 0, |_| false;
    i8, I8, |x| x != 0, |_| false;
    i16, I16, |x| x != 0, |_| false;
    i32, I32, |x| x != 0, |_| false;
    i64, I64, |x| x != 0, |_| false;
}

macro_rules! machine_float {
    ($t:ty, $dtype:ident) => {
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                wrap_i64(f64::from(self))
            }
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                <$t>::is_nan(self)
            }
            #[inline(always)]
            fn truthy(self) -> bool {
                self != 0.0
            }
        }
        impl Float for $t {
            type Acc = $t;
            #[inline(always)]
            fn widen(self) -> $t {
                self
            }
            #[inline(always)]
            fn narrow(x: $t) -> Self {
                x
            }
        }
        impl Real for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const INFINITY: Self = <$t>::INFINITY;
            const NEG_INFINITY: Self = <$t>::NEG_INFINITY;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn exp(self) -> Self {
                <$t>::exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                <$t>::ln(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                <$t>::abs(self)
            }
            #[inline(always)]
            fn max_num(self, other: Self) -> Self {
                if self > other { self } else { other }
            }
        }
    };
}
machine_float!(f32, F32);
machine_float!(f64, F64);

macro_rules! half_float {
    ($t:ty, $dtype:ident) => {
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            #[inline(always)]
            fn to_f64(self) -> f64 {
                self.to_f64()
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                wrap_i64(self.to_f64())
            }
            // Rounded twice, through f32, as PyTorch does.
            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                <$t>::from_f32(x as f32)
            }
            #[inline(always)]
            fn from_i64(x: i64) -> Self {
                <$t>::from_f32(x as f32)
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            #[inline(always)]
            fn truthy(self) -> bool {
                self.to_f32() != 0.0
            }
        }
        impl Float for $t {
            type Acc = f32;
            #[inline(always)]
            fn widen(self) -> f32 {
                self.to_f32()
            }
            #[inline(always)]
            fn narrow(x: f32) -> Self {
                <$t>::from_f32(x)
            }
        }
    };
}
half_float!(f16, F16);
half_float!(bf16, BF16);

impl Element for bool {
    const DTYPE: DType = DType::Bool;
    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(u8::from(self))
    }
    #[inline(always)]
    fn to_i64(self) -> i64 {
        i64::from(self)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn from_i64(x: i64) -> Self {
        x != 0
    }
    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
    #[inline(always)]
    fn truthy(self) -> bool {
        self
    }
}

/// Run `$body` with `$T` bound to the Rust type of a dtype.
#[macro_export]
macro_rules! per_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::Bool => {
                type $T = bool;
                $body
            }
            $crate::dtype::DType::U8 => {
                type $T = u8;
                $body
            }
            $crate::dtype::DType::I8 => {
                type $T = i8;
                $body
            }
            $crate::dtype::DType::I16 => {
                type $T = i16;
                $body
            }
            $crate::dtype::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::dtype::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::dtype::DType::F16 => {
                type $T = ::half::f16;
                $body
            }
            $crate::dtype::DType::BF16 => {
                type $T = ::half::bf16;
                $body
            }
            $crate::dtype::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::DType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

/// As `per_dtype!` for the four float types; anything else is the error `"$op" not implemented for 'Long'`.
#[macro_export]
macro_rules! per_float {
    ($op:expr, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::F16 => {
                type $T = ::half::f16;
                $body
            }
            $crate::dtype::DType::BF16 => {
                type $T = ::half::bf16;
                $body
            }
            $crate::dtype::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::dtype::DType::F64 => {
                type $T = f64;
                $body
            }
            other => return Err($crate::error::Error::NotImplemented { op: $op.into(), dtype: other }),
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promotion_is_symmetric_and_never_narrows() {
        for a in DType::ALL {
            for b in DType::ALL {
                let p = a.promote(b);
                assert_eq!(p, b.promote(a));
                assert!(p.category() >= a.category().max(b.category()), "{a} {b} -> {p}");
            }
        }
        assert_eq!(DType::U8.promote(DType::I8), DType::I16);
        assert_eq!(DType::F16.promote(DType::BF16), DType::F32);
        assert_eq!(DType::I64.promote(DType::F16), DType::F16);
    }

    #[test]
    fn floats_become_integers_as_the_machine_does_it() {
        assert_eq!(<u8 as Element>::from_f64(300.0), 44);
        assert_eq!(<i64 as Element>::from_f64(f64::NAN), i64::MIN);
        assert_eq!(<i32 as Element>::from_f64(-1.9), -1);
    }
}
