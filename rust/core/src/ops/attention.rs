//! Attention: `softmax(q @ k.T * scale + mask) @ v`; float16 and bfloat16 in float32.
//!
//!   no mask but the causal one, no dropout, as many features in values as in keys -> one op (`backend/cpu/attention.rs`)
//!   everything else                                                              -> composed of recorded ops

use crate::autocast;
use crate::backend::backend;
use crate::backend::nn::{Asked, Attend};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::grads;
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::ops::random::Source;
use crate::ops::wide::wide_dtype;
use crate::runtime;
use crate::shape::broadcast;
use crate::tensor::{Scalar, Tensor, grad_enabled};

/// What is asked of `scaled_dot_product_attention` beyond its three tensors.
#[derive(Clone, Copy)]
pub struct Attention<'a> {
    /// True where a query may look, or what is added to the scores.
    pub mask: Option<&'a Tensor>,
    pub dropout: f64,
    pub causal: bool,
    /// `1 / sqrt(features)` unless given.
    pub scale: Option<f64>,
    /// Every head of key and value serves several heads of the query.
    pub grouped: bool,
    pub source: Source<'a>,
}

impl Tensor {
    /// Query (*, l, e), key (*, s, e), value (*, s, v) to (*, l, v). A query that may look nowhere gets zeros.
    pub fn attention(&self, key: &Tensor, value: &Tensor, how: Attention) -> Result<Tensor> {
        autocast!("scaled_dot_product_attention"; q = self, k = key, v = value, mask = how.mask
            => q.attention(&k, &v, Attention { mask: mask.as_ref(), ..how }));
        check(self, key, value, &how)?;
        let dtype = self.dtype();
        let wide = wide_dtype(dtype);
        let widen = |t: &Tensor| if t.dtype() == wide { Ok(t.clone()) } else { t.to_dtype(wide) };
        let (q, mut k, mut v) = (widen(self)?, widen(key)?, widen(value)?);
        if how.grouped {
            k = spread_heads(&q, &k)?;
            v = spread_heads(&q, &v)?;
        }
        let features = self.shape()[self.rank() - 1].max(1);
        let scale = how.scale.unwrap_or_else(|| 1.0 / (features as f64).sqrt());
        if how.mask.is_none() && how.dropout == 0.0 {
            let attend = Attend { scale, causal: how.causal };
            if let Some(out) = fused(&q, &k, &v, attend)? {
                return if wide == dtype { Ok(out) } else { out.to_dtype(dtype) };
            }
        }
        let scores = q.mul_number(scale)?.matmul(&k.transpose(-2, -1)?)?;
        let (scores, nowhere) = masked(scores, &how)?;
        let mut weights = scores.softmax(-1, None)?;
        if let Some(rows) = nowhere {
            weights = weights.masked_fill(&rows, &Tensor::wrapped(Scalar::Int(0))?)?;
        }
        if how.dropout > 0.0 {
            weights = weights.dropout(how.dropout, true, how.source)?;
        }
        let out = weights.matmul(&v)?;
        if wide == dtype { Ok(out) } else { out.to_dtype(dtype) }
    }
}

/// One op for all of it, if there are heads of the same sizes.
fn fused(q: &Tensor, k: &Tensor, v: &Tensor, how: Attend) -> Result<Option<Tensor>> {
    if q.rank() == 3 && k.rank() == 3 && v.rank() == 3 {
        let [q, k, v] = [q.unsqueeze(0)?, k.unsqueeze(0)?, v.unsqueeze(0)?];
        return fused(&q, &k, &v, how)?.map(|y| y.squeeze(Some(&[0]))).transpose();
    }
    let fits = q.rank() == 4
        && k.shape() == v.shape()
        && k.rank() == 4
        && q.shape()[..2] == k.shape()[..2]
        && q.shape()[3] == k.shape()[3];
    if !fits || q.numel() == 0 || k.numel() == 0 {
        return Ok(None);
    }
    let shape = q.shape();
    let fresh = |layout| Tensor::empty_on(layout, q.dtype(), q.device());
    // Heads that lie inside the positions of the query do so in the result.
    let layout = if q.strides()[1] < q.strides()[2] {
        Layout::contiguous(&[shape[0], shape[2], shape[1], shape[3]]).transpose(1, 2)?
    } else {
        Layout::contiguous(shape)
    };
    let (out, logs) = (fresh(layout)?, fresh(Layout::contiguous(&shape[..3]))?);
    let of = Asked { q: q.raw(), k: k.raw(), v: v.raw() };
    backend(q.device()).attention(how, of, out.raw(), logs.raw())?;
    let out = out.record("ScaledDotProductFlashAttentionForCpuBackward0", &[q, k, v], |save| {
        let (q, k, v) = (save.input(0), save.input(1), save.input(2));
        let (out, logs) = (save.output(0), save.plain(&logs));
        move |ctx, g| {
            let (q, k, v) = (q.get(ctx)?, k.get(ctx)?, v.get(ctx)?);
            if grad_enabled() {
                let [dq, dk, dv] = slopes(&q, &k, &v, how, g)?;
                return grads![Some(dq), Some(dk), Some(dv)];
            }
            let (out, logs) = (out.get(ctx)?, logs.get(ctx)?);
            let g = if g.strides()[3] == 1 { g.clone() } else { g.contiguous_data()? };
            let like = |x: &Tensor| x.new_empty(x.shape(), x.dtype());
            let (dq, dk, dv) = (like(&q)?, like(&k)?, like(&v)?);
            let of = Asked { q: q.raw(), k: k.raw(), v: v.raw() };
            let to = Asked { q: dq.raw(), k: dk.raw(), v: dv.raw() };
            backend(q.device()).attention_backward(how, of, out.raw(), logs.raw(), g.raw(), to)?;
            grads![Some(dq), Some(dk), Some(dv)]
        }
    })?;
    Ok(Some(out))
}

/// The gradients as ops, where they are to be differentiated themselves.
fn slopes(q: &Tensor, k: &Tensor, v: &Tensor, how: Attend, g: &Tensor) -> Result<[Tensor; 3]> {
    let scores = q.mul_number(how.scale)?.matmul(&k.transpose(-2, -1)?)?;
    let weights = if how.causal { hide_later(scores)? } else { scores }.softmax(-1, None)?;
    let dweights = g.matmul(&v.transpose(-2, -1)?)?;
    let mean = weights.mul(&dweights)?.sum(&[-1], true, None)?;
    let dscores = weights.mul(&dweights.sub(&mean)?)?.mul_number(how.scale)?;
    let over = |x: &Tensor, y: &Tensor| x.transpose(-2, -1)?.matmul(y);
    Ok([dscores.matmul(k)?, over(&dscores, q)?, over(&weights, g)?])
}

/// The scores with nothing left of those of keys that come after the query.
fn hide_later(scores: Tensor) -> Result<Tensor> {
    let rank = scores.rank();
    let seen = Tensor::ones(&[scores.shape()[rank - 2], scores.shape()[rank - 1]], DType::Bool)?
        .tril(0)?
        .on(scores.device())?;
    scores.masked_fill(&seen.logical_not()?, &Tensor::wrapped(Scalar::Float(f64::NEG_INFINITY))?)
}

fn check(q: &Tensor, k: &Tensor, v: &Tensor, how: &Attention) -> Result<()> {
    check_devices(q.device(), [k.device(), v.device()])?;
    let (dtype, cpp) = (q.dtype(), |t: &Tensor| t.dtype().cpp_name());
    if k.dtype() != dtype || v.dtype() != dtype {
        return Err(runtime!(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} instead.",
            cpp(q),
            cpp(k),
            cpp(v)
        ));
    }
    if q.rank() < 2 || k.rank() < 2 || v.rank() < 2 {
        return Err(runtime!(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and value.dim: {} instead.",
            q.rank(),
            k.rank(),
            v.rank()
        ));
    }
    if let Some(mask) = how.mask {
        let known = mask.dtype() == DType::Bool || mask.dtype() == DType::F32 || mask.dtype() == dtype;
        if !known {
            return Err(runtime!(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.",
                cpp(mask),
                cpp(q)
            ));
        }
        if how.causal {
            return Err(runtime!(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True"
            ));
        }
    }
    if !dtype.is_float() {
        return Err(Error::Runtime(format!("expected scalar type Float but found {}", dtype.scalar_type())));
    }
    if !(0.0..=1.0).contains(&how.dropout) {
        return Err(runtime!("dropout probability has to be between 0 and 1, but got {}", how.dropout));
    }
    Ok(())
}

/// Heads, the third dimension from the end, repeated until there are as many as the query has.
fn spread_heads(q: &Tensor, t: &Tensor) -> Result<Tensor> {
    if q.rank() < 3 || t.rank() < 3 {
        return Err(runtime!("enable_gqa needs a dimension of heads, the third from the end"));
    }
    let (wanted, heads) = (q.shape()[q.rank() - 3], t.shape()[t.rank() - 3]);
    if heads == 0 || wanted % heads != 0 {
        return Err(runtime!("Number of heads in key and value must divide the number of heads in query"));
    }
    if wanted == heads {
        Ok(t.clone())
    } else {
        t.repeat_interleave((wanted / heads) as isize, Some(-3), None)
    }
}

/// The scores with their mask, and the rows of which nothing is left, if there are any: those are set to zero, so that
/// no NaN gets into the derivatives.
fn masked(scores: Tensor, how: &Attention) -> Result<(Tensor, Option<Tensor>)> {
    if how.causal {
        return Ok((hide_later(scores)?, None));
    }
    let never = Tensor::wrapped(Scalar::Float(f64::NEG_INFINITY))?;
    let Some(mask) = how.mask else { return Ok((scores, None)) };
    let hidden = match mask.dtype() {
        DType::Bool => mask.logical_not()?,
        dtype => mask.detach().eq(&Tensor::full_scalar(Scalar::Float(f64::NEG_INFINITY), dtype)?)?,
    };
    let whole = broadcast(hidden.shape(), scores.shape())?;
    if whole.as_slice() != scores.shape() {
        return Err(runtime!(
            "The expanded size of the tensor must match the scores: a mask of {} for scores of {}",
            crate::shape::show(mask.shape()),
            crate::shape::show(scores.shape())
        ));
    }
    let rows = match mask.rank() {
        0 => hidden.clone(),
        _ => hidden.all(Some(&[-1]), true)?,
    };
    let scores = match mask.dtype() {
        DType::Bool => scores.masked_fill(&hidden, &never)?,
        _ => scores.add(mask)?,
    };
    if rows.has_data() && !rows.any(None, false)?.item()?.to::<bool>() {
        return Ok((scores, None));
    }
    Ok((scores.masked_fill(&rows, &Tensor::wrapped(Scalar::Int(0))?)?, Some(rows)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;

    fn numbers(shape: &[usize], step: usize) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| ((i * step % 23) as f64 - 11.0) / 7.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let mask = Tensor::from_slice(&[true, false, false, false, true, true], &[2, 3]).expect("small");
        for (mask, causal) in [(None, false), (None, true), (Some(&mask), false)] {
            let how = Attention { mask, dropout: 0.0, causal, scale: None, grouped: true, source: None };
            let inputs = [numbers(&[4, 2, 3], 5), numbers(&[2, 3, 3], 7), numbers(&[2, 3, 2], 9)];
            let (taped, measured) = check_vjp(|v| v[0].attention(&v[1], &v[2], how), &inputs).expect("fits");
            assert!((taped - measured).abs() < 1e-6 * measured.abs().max(1.0), "{taped} {measured}");
        }
    }

    #[test]
    fn a_query_that_sees_nothing_gets_zeros() {
        let mask =
            Tensor::from_slice(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 0.0, 1.0], &[2, 2]).expect("small");
        let how = Attention {
            mask: Some(&mask),
            dropout: 0.0,
            causal: false,
            scale: None,
            grouped: false,
            source: None,
        };
        let x = numbers(&[2, 2], 5);
        let y = x.attention(&x, &x, how).expect("fits");
        assert_eq!(&y.slice::<f64>()[..2], [0.0, 0.0]);
        assert!(y.slice::<f64>()[2..].iter().all(|v| v.is_finite() && *v != 0.0));
    }
}
