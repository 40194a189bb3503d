//! Comparisons, logic and questions about single numbers: truth values out, no derivative.

use crate::backend::{Ints, Test, backend};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout;
use crate::ops::binary::{as_number, common};
use crate::ops::promote::common_device;
use crate::shape::broadcast;
use crate::tensor::{Scalar, Tensor};
use crate::{loop2, plain2, runtime};

/// A row of comparisons, the same expression for every dtype.
macro_rules! test_row {
    ($name:literal, |$a:ident, $b:ident| $value:expr) => {
        Test {
            name: $name,
            f32: loop2!(f32 => bool, |$a, $b, _p| $value),
            f64: loop2!(f64 => bool, |$a, $b, _p| $value),
            ints: Ints {
                i8: plain2!(i8 => bool, |$a, $b, _p| $value),
                u8: plain2!(u8 => bool, |$a, $b, _p| $value),
                i16: plain2!(i16 => bool, |$a, $b, _p| $value),
                i32: loop2!(i32 => bool, |$a, $b, _p| $value),
                i64: loop2!(i64 => bool, |$a, $b, _p| $value),
            },
            bool: plain2!(bool => bool, |$a, $b, _p| $value),
        }
    };
}

static EQ: Test = test_row!("eq_cpu", |a, b| a == b);
static NE: Test = test_row!("ne_cpu", |a, b| a != b);
#[allow(clippy::bool_comparison)]
static LT: Test = test_row!("lt_cpu", |a, b| a < b);
#[allow(clippy::bool_comparison)]
static LE: Test = test_row!("le_cpu", |a, b| a <= b);

/// `k(b, a)`; shapes and order of dimensions are still those of `a` with `b`.
fn swapped(k: &Test, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.shape() == b.shape() && a.is_contiguous() && b.is_contiguous() {
        return test(k, b, a);
    }
    let shape = broadcast(a.shape(), b.shape())?;
    let layout = layout::elementwise(&shape, &[a.layout(), b.layout()]);
    let out = test(k, b, a)?;
    if out.strides() == layout.strides.as_slice() { Ok(out) } else { out.copied(DType::Bool, layout) }
}

fn test(k: &Test, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let dtype = common(a, b);
    let alike = a.shape() == b.shape() && a.dtype() == b.dtype() && a.device() == b.device();
    if alike && a.is_contiguous() && b.is_contiguous() {
        let out = a.new_empty(a.shape(), DType::Bool)?;
        backend(out.device()).test(k, a.raw(), b.raw(), out.raw())?;
        return Ok(out);
    }
    let shape = broadcast(a.shape(), b.shape())?;
    let layout = layout::elementwise(&shape, &[a.layout(), b.layout()]);
    let out = Tensor::empty_on(layout, DType::Bool, common_device(&[a, b])?)?;
    let whole = |t: &Tensor| t.cast_data(dtype)?.expand_data(&shape);
    let backend = backend(out.device());
    match (as_number(a), as_number(b)) {
        (_, Some(number)) => backend.test_number(k, whole(a)?.raw(), number, false, out.raw())?,
        (Some(number), _) => backend.test_number(k, whole(b)?.raw(), number, true, out.raw())?,
        _ => backend.test(k, whole(a)?.raw(), whole(b)?.raw(), out.raw())?,
    }
    Ok(out)
}

impl Tensor {
    /// `x == y`, element by element.
    pub fn eq(&self, other: &Tensor) -> Result<Tensor> {
        test(&EQ, self, other)
    }

    /// `x != y`
    pub fn ne(&self, other: &Tensor) -> Result<Tensor> {
        test(&NE, self, other)
    }

    /// `x < y`
    pub fn lt(&self, other: &Tensor) -> Result<Tensor> {
        test(&LT, self, other)
    }

    /// `x <= y`
    pub fn le(&self, other: &Tensor) -> Result<Tensor> {
        test(&LE, self, other)
    }

    /// `x > y`
    pub fn gt(&self, other: &Tensor) -> Result<Tensor> {
        swapped(&LT, self, other)
    }

    /// `x >= y`
    pub fn ge(&self, other: &Tensor) -> Result<Tensor> {
        swapped(&LE, self, other)
    }

    /// Whether shapes and all elements are equal.
    pub fn equal(&self, other: &Tensor) -> Result<bool> {
        self.check_data_for("equal")?;
        if self.shape() != other.shape() {
            return Ok(false);
        }
        Ok(!self.ne(other)?.contiguous_data()?.values::<bool>()?.contains(&true))
    }

    /// Both true; any number but 0 is.
    pub fn logical_and(&self, other: &Tensor) -> Result<Tensor> {
        self.as_bool()?.bitwise_and(&other.as_bool()?)
    }

    /// One or both true.
    pub fn logical_or(&self, other: &Tensor) -> Result<Tensor> {
        self.as_bool()?.bitwise_or(&other.as_bool()?)
    }

    /// One true, the other not.
    pub fn logical_xor(&self, other: &Tensor) -> Result<Tensor> {
        self.as_bool()?.bitwise_xor(&other.as_bool()?)
    }

    pub fn logical_not(&self) -> Result<Tensor> {
        test(&EQ, self, &Tensor::wrapped(Scalar::Int(0))?)
    }

    pub fn logical_not_(&self) -> Result<()> {
        self.inplace(|x| x.logical_not())
    }

    fn as_bool(&self) -> Result<Tensor> {
        self.cast_data(DType::Bool)
    }

    pub fn isnan(&self) -> Result<Tensor> {
        self.float_question(false, |x| test(&NE, x, x))
    }

    pub fn isinf(&self) -> Result<Tensor> {
        self.float_question(false, |x| test(&EQ, &x.detach_data().abs()?, &number(f64::INFINITY)?))
    }

    /// Neither infinite nor NaN.
    pub fn isfinite(&self) -> Result<Tensor> {
        self.float_question(true, |x| test(&LT, &x.detach_data().abs()?, &number(f64::INFINITY)?))
    }

    pub fn isposinf(&self) -> Result<Tensor> {
        self.float_question(false, |x| test(&EQ, x, &number(f64::INFINITY)?))
    }

    pub fn isneginf(&self) -> Result<Tensor> {
        self.float_question(false, |x| test(&EQ, x, &number(f64::NEG_INFINITY)?))
    }

    /// Whether the sign is minus; of -0 it is.
    pub fn signbit(&self) -> Result<Tensor> {
        let zero = Tensor::wrapped(Scalar::Int(0))?;
        if !self.dtype().is_float() {
            return test(&LT, self, &zero);
        }
        let one = Tensor::full_scalar(Scalar::Float(1.0), self.dtype())?;
        test(&LT, &one.copysign(&self.detach_data())?, &zero)
    }

    /// All true: there are no other numbers here.
    pub fn isreal(&self) -> Result<Tensor> {
        self.answer(true)
    }

    /// A question that has one answer for all integers.
    fn float_question(&self, ints: bool, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
        if self.dtype().is_float() { f(self) } else { self.answer(ints) }
    }

    fn answer(&self, answer: bool) -> Result<Tensor> {
        Tensor::full_on(self.layout().preserved(), Scalar::Bool(answer), DType::Bool, self.device())
    }

    /// Whether `|x - y| <= atol + rtol * |y|`, element by element; equal infinities are close.
    pub fn isclose(&self, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<Tensor> {
        if self.dtype() != other.dtype() {
            return Err(runtime!(
                "{} did not match {}",
                self.dtype().scalar_type(),
                other.dtype().scalar_type()
            ));
        }
        for (name, value) in [("rtol", rtol), ("atol", atol)] {
            if value < 0.0 {
                return Err(runtime!("{name} must be greater than or equal to zero, but got {value}"));
            }
        }
        let (x, y) = (self.detach_data(), other.detach_data());
        let mut close = x.eq(&y)?;
        if equal_nan && x.dtype().is_float() {
            close = close.logical_or(&x.isnan()?.logical_and(&y.isnan()?)?)?;
        }
        if rtol == 0.0 && atol == 0.0 {
            return Ok(close);
        }
        if !x.dtype().is_float() {
            // Differences of integers are measured as floats.
            let dtype = crate::ops::promote::default_dtype();
            return close.logical_or(&near(&x.cast_data(dtype)?, &y.cast_data(dtype)?, rtol, atol)?);
        }
        close.logical_or(&near(&x, &y, rtol, atol)?)
    }

    /// Whether all elements are close.
    pub fn allclose(&self, other: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result<bool> {
        let close = self.isclose(other, rtol, atol, equal_nan)?;
        Ok(close.all(None, false)?.item()?.to())
    }
}

fn near(x: &Tensor, y: &Tensor, rtol: f64, atol: f64) -> Result<Tensor> {
    let allowed = y.mul_number(rtol)?.abs()?.add_number(atol)?;
    let actual = x.sub(y)?.abs()?;
    actual.isfinite()?.logical_and(&actual.le(&allowed)?)
}

/// The in-place forms write 0 and 1 in the tensor's own dtype.
macro_rules! inplace_tests {
    ($($name:ident, $inplace:ident;)*) => {
        impl Tensor {
            $(pub fn $inplace(&self, other: &Tensor) -> Result<()> {
                self.check_overlap(&[other])?;
                self.inplace(|x| x.$name(other))
            })*
        }
    };
}

inplace_tests! {
    eq, eq_; ne, ne_; lt, lt_; le, le_; gt, gt_; ge, ge_;
    logical_and, logical_and_; logical_or, logical_or_; logical_xor, logical_xor_;
}

/// A wrapped number.
fn number(x: f64) -> Result<Tensor> {
    Tensor::wrapped(Scalar::Float(x))
}
