//! What a device must be able to do: a short list of verbs over views. A backend knows no Tensor, no gradient, no
//! Python. Shapes and dtypes were checked by the op, outputs are allocated by it; a verb only fills them.

pub mod cpu;
pub mod nn;

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::storage::{Device, Storage};

/// A storage seen through a layout.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub storage: &'a Storage,
    pub layout: &'a Layout,
    pub dtype: DType,
}

/// The numbers of a pointwise op: a slope, a bound, an alpha.
pub type Params = [f64; 2];

/// One loop of a pointwise function of one number: length, input, output, parameters.
pub type Loop1<T, O> = unsafe fn(usize, *const T, *mut O, &Params);
/// One loop of a pointwise function of two numbers; an operand steps by 1 or, if it is one number for all, by 0.
pub type Loop2<T, O> = unsafe fn(usize, *const T, usize, *const T, usize, *mut O, &Params);

/// Loops for the machine's integer types.
pub struct Ints<L8, LU8, L16, L32, L64> {
    pub i8: L8,
    pub u8: LU8,
    pub i16: L16,
    pub i32: L32,
    pub i64: L64,
}
pub type Ints1 = Ints<Loop1<i8, i8>, Loop1<u8, u8>, Loop1<i16, i16>, Loop1<i32, i32>, Loop1<i64, i64>>;
pub type Ints2 = Ints<Loop2<i8, i8>, Loop2<u8, u8>, Loop2<i16, i16>, Loop2<i32, i32>, Loop2<i64, i64>>;
pub type IntTests =
    Ints<Loop2<i8, bool>, Loop2<u8, bool>, Loop2<i16, bool>, Loop2<i32, bool>, Loop2<i64, bool>>;

/// A number that stands for a whole operand.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    Int(i64),
    Float(f64),
}

/// A pointwise function of one number, as plain data. `name` is the kernel's name in PyTorch's messages. float16 and bfloat16 run the f32 loop on widened blocks.
pub struct Unary {
    pub name: &'static str,
    pub f32: Option<Loop1<f32, f32>>,
    pub f64: Option<Loop1<f64, f64>>,
    pub ints: Option<Ints1>,
    pub bool: Option<Loop1<bool, bool>>,
}

/// A pointwise function of two numbers of one dtype.
pub struct Binary {
    pub name: &'static str,
    /// Whether a number meets half-precision elements unrounded, as PyTorch has it for + - * /.
    pub wide_number: bool,
    pub f32: Option<Loop2<f32, f32>>,
    pub f64: Option<Loop2<f64, f64>>,
    pub ints: Option<Ints2>,
    pub bool: Option<Loop2<bool, bool>>,
}

/// A comparison: two numbers of one dtype, a truth value out.
pub struct Test {
    pub name: &'static str,
    pub f32: Loop2<f32, bool>,
    pub f64: Loop2<f64, bool>,
    pub ints: IntTests,
    pub bool: Loop2<bool, bool>,
}

/// A way to fold many numbers into one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fold {
    Sum,
    /// The sum over the number of elements; floats only.
    Mean,
    /// The sum of what is not NaN; floats only.
    NanSum,
    Prod,
    /// The largest; NaN if there is one.
    Max,
    Min,
    /// Truth values out.
    Any,
    All,
    /// How many are not zero, int64 out.
    Count,
    /// The p-norm, p not 0; floats only. Of order infinity it is the largest magnitude.
    Norm(f64),
}

impl Fold {
    /// The dtype `reduce` gives for elements of this one: sums and products of integers are int64.
    pub fn out_dtype(self, dtype: DType) -> DType {
        match self {
            Fold::Any | Fold::All => DType::Bool,
            Fold::Count => DType::I64,
            Fold::Max | Fold::Min => dtype,
            _ => dtype.sum_type(),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Fold::Sum => "sum",
            Fold::Mean => "mean",
            Fold::NanSum => "nansum",
            Fold::Prod => "prod",
            Fold::Max => "amax",
            Fold::Min => "amin",
            Fold::Any => "any",
            Fold::All => "all",
            Fold::Count => "count_nonzero",
            Fold::Norm(_) => "linalg_vector_norm",
        }
    }
}

/// Softmax, or its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Soft {
    Plain,
    Log,
}

/// A running fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    Sum,
    Prod,
    LogSumExp,
    Max,
    Min,
}

impl Scan {
    pub fn name(self) -> &'static str {
        match self {
            Scan::Sum => "cumsum",
            Scan::Prod => "cumprod",
            Scan::LogSumExp => "logcumsumexp",
            Scan::Max => "cummax",
            Scan::Min => "cummin",
        }
    }
}

/// One element of a sorted order, counted from 0; the median is the lower one of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kth {
    Nth(usize),
    /// NaN if there is one.
    Median,
    /// Of what is not NaN.
    NanMedian,
}

/// A dense factorisation, or a product or solution with factors. Operands are contiguous batches of matrices,
/// `(batch, rows, cols)`; the first output holds a copy of the matrix (or of the right-hand side) and is overwritten.
/// `info` (int32, one a matrix) is 0 where all went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// -> LU, pivots, info
    Lu { pivot: bool },
    /// pivots -> B with its rows exchanged as they say, or back
    Exchange { back: bool },
    /// -> L, info
    Cholesky,
    /// A -> X of `A @ X = B`
    Triangular { upper: bool, unit: bool },
    /// -> R above the reflections' vectors, tau
    Qr,
    /// vectors, tau -> `Q @ C` or `Q.T @ C`
    Reflect { transpose: bool },
    /// -> LD, pivots, info
    Ldl,
    /// LD, pivots -> X
    LdlSolve,
    /// -> eigenvectors, eigenvalues, info; without `vectors` the first is left in disorder
    Eigh { vectors: bool },
    /// A -> U, S, Vh, info; without `vectors` only S
    Svd { vectors: bool },
}

impl Factor {
    /// As PyTorch calls the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Factor::Lu { .. } => "lu_cpu",
            Factor::Exchange { .. } => "unpack_pivots",
            Factor::Cholesky => "cholesky_cpu",
            Factor::Triangular { .. } => "triangular_solve_cpu",
            Factor::Qr => "geqrf_cpu",
            Factor::Reflect { .. } => "orgqr_cpu",
            Factor::Ldl | Factor::LdlSolve => "ldl_factor_kernel_cpu",
            Factor::Eigh { .. } => "linalg_eigh_cpu",
            Factor::Svd { .. } => "linalg_svd_cpu",
        }
    }
}

/// The verbs; one without a body of its own is what the device `lacks`. `out` is always allocated by the caller, with a
/// layout that no two indices share.
pub trait Backend: nn::Nn {
    /// Copy with conversion of the dtype; shapes are equal.
    fn copy(&self, _x: View, _out: View) -> Result<()> {
        self.lacks("copy")
    }
    fn unary(&self, k: &Unary, _p: &Params, _x: View, _out: View) -> Result<()> {
        self.lacks(k.name)
    }
    /// Operands are expanded to the shape of `out`.
    fn binary(&self, k: &Binary, _p: &Params, _a: View, _b: View, _out: View) -> Result<()> {
        self.lacks(k.name)
    }
    /// The sum of what `binary` would give, over `count`, as the one element of `out`; operands of one shape, contiguous,
    /// float32 or float64.
    fn binary_sum(&self, k: &Binary, _p: &Params, _a: View, _b: View, _count: f64, _out: View) -> Result<()> {
        self.lacks(k.name)
    }
    /// As `binary` where one operand, the left one if `left`, is the same number everywhere.
    fn binary_number(
        &self,
        k: &Binary,
        _p: &Params,
        _x: View,
        _number: Number,
        _left: bool,
        _out: View,
    ) -> Result<()> {
        self.lacks(k.name)
    }
    fn test(&self, k: &Test, _a: View, _b: View, _out: View) -> Result<()> {
        self.lacks(k.name)
    }
    fn test_number(&self, k: &Test, _x: View, _number: Number, _left: bool, _out: View) -> Result<()> {
        self.lacks(k.name)
    }
    /// `out = if cond { a } else { b }`, element by element.
    fn choose(&self, _cond: View, _a: View, _b: View, _out: View) -> Result<()> {
        self.lacks("where")
    }
    /// Fold the dimensions of `x` whose mask is set; `out` has them with size 1 and the dtype `Fold::out_dtype`.
    /// Of bool, uint8, int32, int64, float32 or float64; other dtypes are widened before, integers of a product to int64,
    /// and a norm of order 0 is asked for as `Count`.
    fn reduce(&self, fold: Fold, _x: View, _mask: &[bool], _out: View) -> Result<()> {
        self.lacks(fold.name())
    }
    /// Mean and variance of float32 or float64 over the masked dimensions, both as float64 of the same strides; the
    /// sum of squares is divided by the number of elements less `free`.
    fn moments(&self, _x: View, _mask: &[bool], _free: f64, _mean: View, _var: View) -> Result<()> {
        self.lacks("var")
    }
    /// Where along `dim` the number in `values` first stands, as int64; `values` and `out` have size 1 there and the
    /// same strides.
    fn find(&self, _x: View, _dim: usize, _values: View, _out: View) -> Result<()> {
        self.lacks("argmax")
    }
    /// Fold along `dim`, keeping every step; contiguous, one dtype. Sums and products of int64, float32 or float64;
    /// extremes of any dtype, with their indices in `places`.
    fn scan(&self, scan: Scan, _x: View, _dim: usize, _out: View, _places: Option<View>) -> Result<()> {
        self.lacks(scan.name())
    }
    /// The first elements in order along `dim`, as many as `values` has, and their indices (int64, same strides).
    /// Stable; NaN counts as the largest.
    fn order(&self, _x: View, _dim: usize, _descending: bool, _values: View, _places: View) -> Result<()> {
        self.lacks("sort")
    }
    /// One element of that order and its index, which have size 1 along `dim`.
    fn kth(&self, _x: View, _dim: usize, _which: Kth, _values: View, _places: View) -> Result<()> {
        self.lacks("kthvalue")
    }
    /// Softmax along `dim`; float32 or float64, contiguous, as is `out`.
    fn softmax(&self, _kind: Soft, _x: View, _dim: usize, _out: View) -> Result<()> {
        self.lacks("softmax")
    }
    /// The gradient of its input from that of its result `y`.
    fn softmax_backward(&self, _kind: Soft, _y: View, _dy: View, _dim: usize, _dx: View) -> Result<()> {
        self.lacks("softmax_backward")
    }
    /// `out = base + a @ b` on batches of matrices: `(batch, rows, cols)`, any strides.
    fn matmul(&self, _a: View, _b: View, _base: Option<View>, _out: View) -> Result<()> {
        self.lacks("matmul")
    }
    /// See `Factor`; float32 or float64.
    fn factor(&self, how: Factor, _ins: &[View], _outs: &[View]) -> Result<()> {
        self.lacks(how.name())
    }
}

/// Shapes without data: every verb succeeds and does nothing.
struct Meta;

impl nn::Nn for Meta {
    fn lacks(&self, _op: &'static str) -> Result<()> {
        Ok(())
    }
}

impl Backend for Meta {}

/// The one `match` on devices in the project.
pub fn backend(device: Device) -> &'static dyn Backend {
    match device {
        Device::Cpu => &cpu::Cpu,
        Device::Meta => &Meta,
    }
}
