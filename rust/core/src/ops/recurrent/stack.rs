//! Layers of recurrent cells one on another, over padded or packed sequences.

use super::{Cell, State, Weights};
use crate::error::Result;
use crate::ops::random::Source;
use crate::runtime;
use crate::tensor::Tensor;

/// How layers are stacked; `source` draws the dropout between them.
#[derive(Clone, Copy)]
pub struct Stack<'a> {
    pub cell: Cell,
    pub has_biases: bool,
    pub layers: usize,
    pub dropout: f64,
    pub train: bool,
    pub bidirectional: bool,
    pub source: Source<'a>,
}

impl Stack<'_> {
    /// The weights by layer and direction: input, hidden, both biases, the projection; each only where it is there.
    fn weights<'a>(&self, params: &'a [Tensor], projected: bool) -> Result<Vec<Weights<'a>>> {
        let each = 2 + 2 * usize::from(self.has_biases) + usize::from(projected);
        if !params.len().is_multiple_of(each) {
            return Err(runtime!("MatrixRef: ArrayRef size {} not divisible by stride {each}", params.len()));
        }
        if let Some(t) = params.chunks(each).flat_map(|p| &p[..2]).find(|t| t.rank() != 2) {
            return Err(runtime!("Expected weights to be matrices, but got {} dimensions", t.rank()));
        }
        let wanted = self.layers * self.directions();
        if params.len() / each < wanted {
            return Err(runtime!(
                "got an incorrect number of RNN parameters: {} for {wanted} layers and directions",
                params.len()
            ));
        }
        Ok(params
            .chunks(each)
            .map(|p| Weights {
                ih: &p[0],
                hh: &p[1],
                bias_ih: self.has_biases.then(|| &p[2]),
                bias_hh: self.has_biases.then(|| &p[3]),
                proj: projected.then(|| &p[each - 1]),
                turned: None,
            })
            .collect())
    }

    fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Packed rows `x` with `sizes[t]` of them at step `t`; `hx` is the hidden state, and the cell state of an LSTM,
    /// each (layers * directions, batch, features). Gives the rows of the output and the last states.
    pub fn packed(
        &self,
        x: &Tensor,
        sizes: &[usize],
        hx: &[Tensor],
        params: &[Tensor],
    ) -> Result<Vec<Tensor>> {
        if sizes.is_empty() {
            return Err(runtime!("Expected sequence length to be larger than 0 in RNN"));
        }
        self.run(x, Some(sizes), sizes.iter().copied().max().unwrap_or(0), hx, params)
    }

    /// All layers over packed rows, or over (steps, batch, features) where there are no `sizes`.
    fn run(
        &self,
        x: &Tensor,
        sizes: Option<&[usize]>,
        batch: usize,
        hx: &[Tensor],
        params: &[Tensor],
    ) -> Result<Vec<Tensor>> {
        let (h0, c0) = match (self.cell, hx) {
            (Cell::Lstm, [h, c]) => (h, Some(c)),
            (Cell::Lstm, _) => return Err(runtime!("lstm expects two hidden states")),
            (_, [h]) => (h, None),
            _ => return Err(runtime!("a recurrent layer expects one hidden state")),
        };
        if let Some(t) = hx.iter().find(|t| t.rank() != 3) {
            return Err(runtime!("Expected a hidden state of 3 dimensions, but got {}", t.rank()));
        }
        let projected = c0.is_some_and(|c| c.shape()[2] != h0.shape()[2]);
        let weights = self.weights(params, projected)?;
        let (h0s, c0s) = (h0.unbind(0)?, c0.map(|c| c.unbind(0)).transpose()?);
        let count = self.layers * self.directions();
        if h0s.len() < count || c0s.as_ref().is_some_and(|c| c.len() < count) {
            return Err(runtime!(
                "Expected hidden states for {count} layers and directions, got {}",
                h0s.len()
            ));
        }
        if h0.shape()[1] != batch {
            return Err(runtime!(
                "The size of tensor a ({batch}) must match the size of tensor b ({}) at non-singleton dimension 0",
                h0.shape()[1]
            ));
        }
        let mut rows = x.clone();
        let mut last = Vec::new();
        for layer in 0..self.layers {
            let mut outs = Vec::new();
            for direction in 0..self.directions() {
                let at = layer * self.directions() + direction;
                let w = &weights[at];
                let start = State { h: h0s[at].clone(), c: c0s.as_ref().map(|c| c[at].clone()) };
                let gates = self.cell.input_gates(&rows, w)?;
                let parts = match sizes {
                    Some(sizes) => gates.split_sizes(sizes, 0, "SplitWithSizesBackward0")?,
                    None => gates.unbind(0)?,
                };
                let run = if direction == 0 { Cell::forwards } else { Cell::backwards };
                let (out, state) = run(self.cell, &parts, &start, w)?;
                outs.push(if sizes.is_some() { Tensor::cat(&out, 0)? } else { Tensor::stack(&out, 0)? });
                last.push(state);
            }
            rows = if self.bidirectional { Tensor::cat(&outs, -1)? } else { outs.swap_remove(0) };
            if self.train && self.dropout != 0.0 && layer + 1 < self.layers {
                rows = rows.dropout(self.dropout, true, self.source)?;
            }
        }
        let hs: Vec<Tensor> = last.iter().map(|s| s.h.clone()).collect();
        let cs: Vec<Tensor> = last.iter().filter_map(|s| s.c.clone()).collect();
        let mut results = vec![rows, Tensor::stack(&hs, 0)?];
        if !cs.is_empty() {
            results.push(Tensor::stack(&cs, 0)?);
        }
        Ok(results)
    }

    /// Sequences of one length: `x` is (steps, batch, features), or (batch, steps, features) with `batch_first`.
    pub fn padded(
        &self,
        x: &Tensor,
        hx: &[Tensor],
        params: &[Tensor],
        batch_first: bool,
    ) -> Result<Vec<Tensor>> {
        if x.rank() != 3 {
            return Err(runtime!("Expected an input of 3 dimensions, but got {}", x.rank()));
        }
        let x = if batch_first { x.transpose(0, 1)? } else { x.clone() };
        if x.shape()[0] == 0 {
            return Err(runtime!("Expected sequence length to be larger than 0 in RNN"));
        }
        let mut results = self.run(&x, None, x.shape()[1], hx, params)?;
        if batch_first {
            results[0] = results[0].transpose(0, 1)?;
        }
        Ok(results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;

    fn numbers(shape: &[usize], step: usize) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| ((i * step % 23) as f64 - 11.0) / 17.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[test]
    fn derivatives_match_finite_differences() {
        for cell in [Cell::Tanh, Cell::Relu, Cell::Lstm, Cell::Gru] {
            let stack = Stack {
                cell,
                has_biases: true,
                layers: 2,
                dropout: 0.0,
                train: true,
                bidirectional: true,
                source: None,
            };
            let n = cell.gates() * 3;
            let mut inputs = vec![numbers(&[6, 2], 5), numbers(&[4, 3, 3], 7)];
            for features in [2, 2, 6, 6] {
                inputs.extend([
                    numbers(&[n, features], 3),
                    numbers(&[n, 3], 19),
                    numbers(&[n], 11),
                    numbers(&[n], 2),
                ]);
            }
            let f = |v: &[Tensor]| {
                let hx = if cell == Cell::Lstm { vec![v[1].clone(); 2] } else { vec![v[1].clone()] };
                let outs = stack.packed(&v[0], &[3, 2, 1], &hx, &v[2..])?;
                let flat: Result<Vec<Tensor>> = outs.iter().map(|t| t.reshape(&[t.numel()])).collect();
                Tensor::cat(&flat?, 0)
            };
            let (taped, measured) = check_vjp(f, &inputs).expect("fits");
            assert!(
                (taped - measured).abs() < 1e-6 * measured.abs().max(1.0),
                "{cell:?}: {taped} {measured}"
            );
        }
    }
}
