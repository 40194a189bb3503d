//! Sign and size: `neg`, `abs`, `sign`, `positive`; `bitwise_not`.

use super::{fused_grad, number_unary, run, run_inplace};
use crate::backend::{Binary, Ints, Unary};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::loop1;
use crate::missing;
use crate::ops::binary::float_row;
use crate::tensor::Tensor;

const NONE: [f64; 2] = [0.0; 2];

static NEG: Unary = number_unary!("neg_cpu", |x, _p| float: -x, int: x.wrapping_neg());
#[allow(unused_comparisons)]
static ABS: Unary =
    number_unary!("abs_cpu", |x, _p| float: x.abs(), int: if x < 0 { (0 as T).wrapping_sub(x) } else { x });
#[allow(unused_comparisons)]
static SIGN: Unary = Unary {
    bool: Some(loop1!(bool => bool, |x, _p| x)),
    ..number_unary!("sign_cpu", |x, _p| float: (x > 0.0) as i8 as T - (x < 0.0) as i8 as T,
        int: (x > 0) as T - (0 as T).wrapping_add((x < 0) as T))
};
static NOT: Unary = Unary {
    name: "bitwise_not_cpu",
    f32: None,
    f64: None,
    ints: Some(Ints {
        i8: loop1!(i8 => i8, |x, _p| !x),
        u8: loop1!(u8 => u8, |x, _p| !x),
        i16: loop1!(i16 => i16, |x, _p| !x),
        i32: loop1!(i32 => i32, |x, _p| !x),
        i64: loop1!(i64 => i64, |x, _p| !x),
    }),
    bool: Some(loop1!(bool => bool, |x, _p| !x)),
};
static ABS_GRAD: Binary = float_row!("abs_backward", |x, g, _p| if x > 0.0 {
    g
} else if x < 0.0 {
    -g
} else {
    0.0 * g
});

impl Tensor {
    /// `-x`
    pub fn neg(&self) -> Result<Tensor> {
        check_neg(self)?;
        run(&NEG, NONE, self)?.record("NegBackward0", &[self], |_| |_, g| grads![Some(g.neg()?)])
    }

    pub fn neg_(&self) -> Result<()> {
        check_neg(self)?;
        run_inplace(&NEG, NONE, self, self.dtype(), |x| x.neg())
    }

    /// `|x|`; the derivative at 0 is 0.
    pub fn abs(&self) -> Result<Tensor> {
        run(&ABS, NONE, self)?.record("AbsBackward0", &[self], |save| {
            let x = save.input(0);
            move |ctx, g| {
                let x = x.get(ctx)?;
                match fused_grad(ctx, Some(&ABS_GRAD), NONE, &x, g)? {
                    Some(dx) => grads![Some(dx)],
                    None => grads![Some(g.mul(&x.sign()?)?)],
                }
            }
        })
    }

    pub fn abs_(&self) -> Result<()> {
        run_inplace(&ABS, NONE, self, self.dtype(), |x| x.abs())
    }

    /// 1, 0 or -1.
    pub fn sign(&self) -> Result<Tensor> {
        self.signs("SignBackward0")
    }

    pub fn sign_(&self) -> Result<()> {
        run_inplace(&SIGN, NONE, self, self.dtype(), |x| x.sign())
    }

    /// `sign`, which for real numbers it is.
    pub fn sgn(&self) -> Result<Tensor> {
        self.signs("SgnBackward0")
    }

    fn signs(&self, name: &'static str) -> Result<Tensor> {
        run(&SIGN, NONE, self)?.record(name, &[self], |_| |_, g| grads![Some(g.zeros_like()?)])
    }

    /// The tensor itself: `+x`.
    pub fn positive(&self) -> Result<Tensor> {
        if self.dtype() == DType::Bool {
            return Err(missing!("The `+` operator, on a bool tensor is not supported."));
        }
        Ok(self.clone())
    }

    /// All bits the other way; of truth values, the opposite.
    pub fn bitwise_not(&self) -> Result<Tensor> {
        if self.dtype().is_float() {
            return Err(Error::NotImplemented { op: NOT.name.into(), dtype: self.dtype() });
        }
        run(&NOT, NONE, self)
    }

    pub fn bitwise_not_(&self) -> Result<()> {
        self.inplace(|x| x.bitwise_not())
    }
}

fn check_neg(x: &Tensor) -> Result<()> {
    if x.dtype() == DType::Bool {
        return Err(missing!(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        ));
    }
    Ok(())
}
