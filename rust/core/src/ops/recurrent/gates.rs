//! What is left of a step of LSTM or GRU cells once the hidden state has been multiplied: one op for all gates.
//!
//! The derivative runs the fused kernel, or, where it is to be differentiated itself, the same formulas as ops. Other
//! dtypes than float32 and float64 go by single ops.

use crate::backend::backend;
use crate::dtype::DType;
use crate::error::Result;
use crate::grads;
use crate::tensor::{Tensor, grad_enabled};

fn fusible(tensors: &[&Tensor]) -> bool {
    let (dtype, device) = (tensors[0].dtype(), tensors[0].device());
    let alike = |t: &&Tensor| t.dtype() == dtype && t.device() == device;
    matches!(dtype, DType::F32 | DType::F64) && tensors.iter().all(alike)
}

/// A result of `n` columns, to be written.
fn fresh(like: &Tensor, rows: usize, n: usize) -> Result<Tensor> {
    like.new_empty(&[rows, n], like.dtype())
}

/// `y * (1 - y)`
fn bend(y: &Tensor) -> Result<Tensor> {
    y.sub(&y.mul(y)?)
}

/// `g * (1 - y * y)`
fn flatten(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    g.sub(&g.mul(&y.mul(y)?)?)
}

/// The activations of an LSTM's gates: input, forget, fresh, output.
fn lstm_gates(gates: &Tensor) -> Result<[Tensor; 4]> {
    let parts = gates.chunk(4, 1)?;
    Ok([parts[0].sigmoid()?, parts[1].sigmoid()?, parts[2].tanh()?, parts[3].sigmoid()?])
}

fn lstm_in_steps(gates: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
    let [input, forget, fresh, output] = lstm_gates(gates)?;
    let next = forget.mul(c)?.addcmul(&input, &fresh, 1.0.into())?;
    Ok((output.mul(&next.tanh()?)?, next))
}

/// Hidden and cell state after a step, from the sums in the gates (rows, 4 * width) and the cell state before.
pub(super) fn lstm(gates: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
    let (rows, width) = (gates.shape()[0], gates.shape()[1] / 4);
    if !fusible(&[gates, c]) || c.shape() != [rows, width] {
        return lstm_in_steps(gates, c);
    }
    let empty = |n| fresh(gates, rows, n);
    let (acts, next, h) = (empty(5 * width)?, empty(width)?, empty(width)?);
    let (sums, before) = (gates.contiguous_data()?, c.contiguous_data()?);
    backend(gates.device()).lstm_step(width, sums.raw(), before.raw(), acts.raw(), next.raw(), h.raw())?;
    let outs = Tensor::record_all(vec![h, next], "ThnnFusedLstmCellBackward0", &[gates, c], |save| {
        let (gates, c, acts) = (save.input(0), save.input(1), save.plain(&acts));
        move |ctx, grads| {
            let (dh, dnext) = (grads[0].as_ref(), grads[1].as_ref());
            let c = c.get(ctx)?;
            if grad_enabled() {
                let [dgates, dc] = lstm_slopes(&gates.get(ctx)?, &c, dh, dnext)?;
                return grads![Some(dgates), Some(dc)];
            }
            let acts = acts.get(ctx)?;
            let (c, dh) = (c.contiguous_data()?, dh.map(Tensor::contiguous_data).transpose()?);
            let dnext = dnext.map(Tensor::contiguous_data).transpose()?;
            let empty = |n| fresh(&acts, rows, n);
            let (dgates, dc) = (empty(4 * width)?, empty(width)?);
            let (dnext, dh) = (dnext.as_ref().map(Tensor::raw), dh.as_ref().map(Tensor::raw));
            backend(acts.device()).lstm_step_backward(
                width,
                acts.raw(),
                c.raw(),
                dnext,
                dh,
                dgates.raw(),
                dc.raw(),
            )?;
            grads![Some(dgates), Some(dc)]
        }
    })?;
    let [h, next] = <[Tensor; 2]>::try_from(outs).expect("as many as were recorded");
    Ok((h, next))
}

fn lstm_slopes(
    gates: &Tensor,
    c: &Tensor,
    dh: Option<&Tensor>,
    dnext: Option<&Tensor>,
) -> Result<[Tensor; 2]> {
    let [input, forget, fresh, output] = lstm_gates(gates)?;
    let bent = forget.mul(c)?.add(&input.mul(&fresh)?)?.tanh()?;
    let zeros = || c.detach().zeros_like();
    let dh = dh.cloned().map_or_else(zeros, Ok)?;
    let along = flatten(&dh.mul(&output)?, &bent)?;
    let along = dnext.map_or_else(|| Ok(along.clone()), |d| d.add(&along))?;
    let parts = [
        along.mul(&fresh)?.mul(&bend(&input)?)?,
        along.mul(c)?.mul(&bend(&forget)?)?,
        flatten(&along.mul(&input)?, &fresh)?,
        dh.mul(&bent)?.mul(&bend(&output)?)?,
    ];
    Ok([Tensor::cat(&parts, 1)?, along.mul(&forget)?])
}

/// The activations of a GRU's gates: reset, keep, new; and the hidden state's part in the last.
fn gru_gates(x: &Tensor, hidden: &Tensor) -> Result<[Tensor; 4]> {
    let (xs, hs) = (x.chunk(3, 1)?, hidden.chunk(3, 1)?);
    let reset = xs[0].add(&hs[0])?.sigmoid()?;
    let keep = xs[1].add(&hs[1])?.sigmoid()?;
    let new = xs[2].addcmul(&hs[2], &reset, 1.0.into())?.tanh()?;
    Ok([reset, keep, new, hs[2].clone()])
}

fn gru_in_steps(x: &Tensor, hidden: &Tensor, h: &Tensor) -> Result<Tensor> {
    let [_, keep, new, _] = gru_gates(x, hidden)?;
    h.sub(&new)?.mul(&keep)?.add(&new)
}

/// The hidden state after a step, from the parts of input and hidden state in the gates (rows, 3 * width).
pub(super) fn gru(x: &Tensor, hidden: &Tensor, h: &Tensor) -> Result<Tensor> {
    let same = x.shape() == hidden.shape() && h.shape() == [x.shape()[0], x.shape()[1] / 3];
    if !fusible(&[x, hidden, h]) || !same {
        return gru_in_steps(x, hidden, h);
    }
    let (rows, width) = (h.shape()[0], h.shape()[1]);
    let empty = |n| fresh(x, rows, n);
    let (acts, next) = (empty(3 * width)?, empty(width)?);
    let (from, by, before) = (x.contiguous_data()?, hidden.contiguous_data()?, h.contiguous_data()?);
    backend(x.device()).gru_step(width, from.raw(), by.raw(), before.raw(), acts.raw(), next.raw())?;
    next.record("ThnnFusedGruCellBackward0", &[x, hidden, h], |save| {
        let (x, hidden, h, acts) = (save.input(0), save.input(1), save.input(2), save.plain(&acts));
        move |ctx, g| {
            let (hidden, h) = (hidden.get(ctx)?, h.get(ctx)?);
            if grad_enabled() {
                let [reset, keep, new, part] = gru_gates(&x.get(ctx)?, &hidden)?;
                let dn = flatten(&g.sub(&g.mul(&keep)?)?, &new)?;
                let dk = g.mul(&h.sub(&new)?)?.mul(&bend(&keep)?)?;
                let dr = dn.mul(&part)?.mul(&bend(&reset)?)?;
                let dhidden = Tensor::cat(&[dr.clone(), dk.clone(), dn.mul(&reset)?], 1)?;
                return grads![Some(Tensor::cat(&[dr, dk, dn], 1)?), Some(dhidden), Some(g.mul(&keep)?)];
            }
            let (acts, g) = (acts.get(ctx)?, g.contiguous_data()?);
            let (hidden, h) = (hidden.contiguous_data()?, h.contiguous_data()?);
            let empty = |n| fresh(&acts, rows, n);
            let (dx, dhidden, dh) = (empty(3 * width)?, empty(3 * width)?, empty(width)?);
            backend(acts.device()).gru_step_backward(
                width,
                acts.raw(),
                hidden.raw(),
                h.raw(),
                g.raw(),
                dx.raw(),
                dhidden.raw(),
                dh.raw(),
            )?;
            grads![Some(dx), Some(dhidden), Some(dh)]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};
    use crate::backend::cpu::testing::numbers;

    const ROWS: usize = 3;
    const WIDTH: usize = 5;

    fn inputs<T: crate::dtype::Element>(gates: &[usize]) -> Vec<Tensor> {
        let columns = gates.iter().map(|n| n * WIDTH);
        columns
            .enumerate()
            .map(|(i, n)| {
                Tensor::from_slice(&numbers::<T>(ROWS * n, i as u64 + 1), &[ROWS, n]).expect("small")
            })
            .collect()
    }

    fn joined((h, next): (Tensor, Tensor)) -> Result<Tensor> {
        Tensor::cat(&[h, next], 1)
    }

    /// The largest difference of the results.
    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        let distance = a.sub(b).and_then(|d| d.abs()?.max_all()?.item());
        distance.expect("same shapes").to_f64()
    }

    #[test]
    fn fused_steps_equal_single_ops() {
        let (x, y) = (inputs::<f64>(&[4, 1]), inputs::<f64>(&[3, 3, 1]));
        let lstm_pair = (lstm(&x[0], &x[1]), lstm_in_steps(&x[0], &x[1]));
        let (a, b) = (lstm_pair.0.and_then(joined), lstm_pair.1.and_then(joined));
        assert!(apart(&a.expect("fits"), &b.expect("fits")) < 1e-15);
        let (a, b) = (gru(&y[0], &y[1], &y[2]), gru_in_steps(&y[0], &y[1], &y[2]));
        assert!(apart(&a.expect("fits"), &b.expect("fits")) < 1e-15);
        let x = inputs::<f32>(&[4, 1]);
        let (a, b) = (lstm(&x[0], &x[1]), lstm_in_steps(&x[0], &x[1]));
        assert!(apart(&a.and_then(joined).expect("fits"), &b.and_then(joined).expect("fits")) < 3e-7);
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let near = |(taped, measured): (f64, f64)| (taped - measured).abs() < 1e-6 * measured.abs().max(1.0);
        let step = |v: &[Tensor]| lstm(&v[0], &v[1]).and_then(joined);
        let x = inputs::<f64>(&[4, 1]);
        assert!(near(check_vjp(step, &x).expect("fits")) && near(check_second(step, &x).expect("fits")));
        // One of the two results alone.
        assert!(near(check_vjp(|v| Ok(lstm(&v[0], &v[1])?.0), &x).expect("fits")));
        assert!(near(check_second(|v| Ok(lstm(&v[0], &v[1])?.1), &x).expect("fits")));
        let step = |v: &[Tensor]| gru(&v[0], &v[1], &v[2]);
        let x = inputs::<f64>(&[3, 3, 1]);
        assert!(near(check_vjp(step, &x).expect("fits")) && near(check_second(step, &x).expect("fits")));
    }
}
