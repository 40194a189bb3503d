//! Activation functions: relu and its kin, elu and its kin, gelu, silu, softplus, ….
//!
//! Each is a row of values, a row of slopes that runs when the backward pass is not recorded, and the same slope
//! written in tensors for when it is.

mod curved;
mod gated;
mod straight;
#[cfg(test)]
mod tests;

use crate::backend::{Binary, Params};
use crate::error::Result;
use crate::ops::unary::fused_grad;
use crate::tensor::{Ctx, Scalar, Tensor};

/// The gradient: the fused row if nobody differentiates it again, else `composed`.
fn slope(
    ctx: &Ctx,
    k: &'static Binary,
    p: Params,
    saved: &Tensor,
    g: &Tensor,
    composed: impl FnOnce() -> Result<Tensor>,
) -> Result<Tensor> {
    match fused_grad(ctx, Some(k), p, saved, g)? {
        Some(dx) => Ok(dx),
        None => composed(),
    }
}

/// A number as an operand.
fn number(c: f64) -> Result<Tensor> {
    Tensor::wrapped(Scalar::Float(c))
}
