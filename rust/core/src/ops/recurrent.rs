//! Recurrent layers: plain (tanh or relu), LSTM and GRU, stacked, in one or both directions, and single cells.
//!
//! All sequences run as packed ones: the rows of all time steps one after another, and how many rows each step has.
//! A layer multiplies the rows of all steps with its input weights at once; what is left for a step is one product
//! with the hidden state and the gates. Everything is recorded, so the derivatives are those of the parts.

use crate::error::Result;
use crate::ops::random::Source;
use crate::runtime;
use crate::tensor::Tensor;
use crate::{grads, layout::Layout};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    Tanh,
    Relu,
    Lstm,
    Gru,
}

/// The weights of one direction of one layer. `proj` maps an LSTM's output to fewer features.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    pub ih: &'a Tensor,
    pub hh: &'a Tensor,
    pub bias_ih: Option<&'a Tensor>,
    pub bias_hh: Option<&'a Tensor>,
    pub proj: Option<&'a Tensor>,
}

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

/// Hidden state, and the cell state of an LSTM.
#[derive(Clone)]
struct State {
    h: Tensor,
    c: Option<Tensor>,
}

impl State {
    fn each(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<State> {
        Ok(State { h: f(&self.h)?, c: self.c.as_ref().map(f).transpose()? })
    }

    fn rows(&self) -> usize {
        self.h.shape()[0]
    }

    /// Rows `from..to`.
    fn part(&self, from: usize, to: usize) -> Result<State> {
        if (from, to) == (0, self.rows()) {
            return Ok(self.clone());
        }
        self.each(|t| t.narrow(0, from as isize, (to - from) as isize))
    }

    fn cat(parts: &[State]) -> Result<State> {
        if let [only] = parts {
            return Ok(only.clone());
        }
        let h: Vec<Tensor> = parts.iter().map(|s| s.h.clone()).collect();
        let c: Option<Vec<Tensor>> = parts.iter().map(|s| s.c.clone()).collect();
        Ok(State { h: Tensor::cat(&h, 0)?, c: c.map(|c| Tensor::cat(&c, 0)).transpose()? })
    }
}

impl Tensor {
    /// `self + h @ weight.T` for matrices, in one product.
    fn add_hidden(&self, h: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (rows, cols) = (h.shape()[0], weight.shape()[0]);
        if h.shape()[1] != weight.shape()[1] || self.shape() != [rows, cols] {
            return Err(runtime!(
                "mat1 and mat2 shapes cannot be multiplied ({rows}x{} and {}x{cols})",
                h.shape()[1],
                weight.shape()[1]
            ));
        }
        let flipped = weight.alias(weight.layout().transpose(0, 1)?);
        let out = h.mm_data("addmm_impl_cpu_", &flipped, Some(self))?;
        out.alias(Layout::contiguous(&[rows, cols])).record("AddmmBackward0", &[self, h, weight], |save| {
            let (h, w) = (save.input_for(1, 2), save.input_for(2, 1));
            move |ctx, g| {
                let dh = w.as_ref().map(|w| g.mm(&w.get(ctx)?)).transpose()?;
                let dw = h.as_ref().map(|h| g.t()?.mm(&h.get(ctx)?)).transpose()?;
                grads![Some(g.clone()), dh, dw]
            }
        })
    }
}

impl Cell {
    /// How many gates the rows of the weights hold.
    pub fn gates(self) -> usize {
        match self {
            Cell::Tanh | Cell::Relu => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }

    /// The input's part in the gates, for all rows at once. Where nothing comes between the two biases they are added
    /// here together.
    fn from_input(self, x: &Tensor, w: &Weights) -> Result<Tensor> {
        match (self, w.bias_ih, w.bias_hh) {
            (Cell::Gru, b, _) | (_, b, None) => x.linear(w.ih, b),
            (_, None, b) => x.linear(w.ih, b),
            (_, Some(a), Some(b)) => x.linear(w.ih, Some(&a.add(b)?)),
        }
    }

    /// One step: the state after it from the input's part in the gates and the state before.
    fn step(self, gates: &Tensor, state: &State, w: &Weights) -> Result<State> {
        let h = &state.h;
        match (self, &state.c) {
            (Cell::Tanh, _) => Ok(State { h: gates.add_hidden(h, w.hh)?.tanh()?, c: None }),
            (Cell::Relu, _) => Ok(State { h: gates.add_hidden(h, w.hh)?.relu()?, c: None }),
            (Cell::Gru, _) => {
                let hidden = h.linear(w.hh, w.bias_hh)?;
                let (xs, hs) = (gates.chunk(3, 1)?, hidden.chunk(3, 1)?);
                let reset = xs[0].add(&hs[0])?.sigmoid()?;
                let keep = xs[1].add(&hs[1])?.sigmoid()?;
                let new = xs[2].addcmul(&hs[2], &reset, 1.0.into())?.tanh()?;
                Ok(State { h: new.addcmul(&h.sub(&new)?, &keep, 1.0.into())?, c: None })
            }
            (Cell::Lstm, None) => Err(runtime!("lstm expects two hidden states")),
            (Cell::Lstm, Some(c)) => {
                let parts = gates.add_hidden(h, w.hh)?.chunk(4, 1)?;
                let (input, forget) = (parts[0].sigmoid()?, parts[1].sigmoid()?);
                let (fresh, output) = (parts[2].tanh()?, parts[3].sigmoid()?);
                let c = forget.mul(c)?.addcmul(&input, &fresh, 1.0.into())?;
                let h = output.mul(&c.tanh()?)?;
                let h = w.proj.map_or(Ok(h.clone()), |p| h.linear(p, None))?;
                Ok(State { h, c: Some(c) })
            }
        }
    }

    /// All steps forwards: the rows of the output, and the last state of every sequence. Sequences are sorted by
    /// length, so that those that end leave from the bottom.
    fn forwards(self, parts: &[Tensor], start: &State, w: &Weights) -> Result<(Tensor, State)> {
        let mut outs = Vec::with_capacity(parts.len());
        let mut ended = Vec::new();
        let mut state = start.part(0, parts[0].shape()[0])?;
        for gates in parts {
            let rows = gates.shape()[0];
            if rows < state.rows() {
                ended.push(state.part(rows, state.rows())?);
                state = state.part(0, rows)?;
            }
            state = self.step(gates, &state, w)?;
            outs.push(state.h.clone());
        }
        ended.push(state);
        ended.reverse();
        Ok((Tensor::cat(&outs, 0)?, State::cat(&ended)?))
    }

    /// All steps backwards: sequences join as time goes back to where they end.
    fn backwards(self, parts: &[Tensor], start: &State, w: &Weights) -> Result<(Tensor, State)> {
        let mut outs = Vec::with_capacity(parts.len());
        let mut state = start.part(0, 0)?;
        for gates in parts.iter().rev() {
            let (rows, known) = (gates.shape()[0], state.rows());
            if known == 0 {
                state = start.part(0, rows)?;
            } else if rows > known {
                state = State::cat(&[state, start.part(known, rows)?])?;
            }
            state = self.step(gates, &state, w)?;
            outs.push(state.h.clone());
        }
        outs.reverse();
        Ok((Tensor::cat(&outs, 0)?, state))
    }

    /// One step of a single cell from the input itself: the new hidden state and cell state.
    pub fn apply(self, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<Vec<Tensor>> {
        check_cell(x, h, &w, 0)?;
        if let Some(c) = c {
            check_cell(x, c, &w, 1)?;
        }
        let state = State { h: h.clone(), c: c.cloned() };
        let state = self.step(&self.from_input(x, &w)?, &state, &w)?;
        Ok([Some(state.h), state.c].into_iter().flatten().collect())
    }
}

fn check_cell(x: &Tensor, h: &Tensor, w: &Weights, number: usize) -> Result<()> {
    if x.rank() != 2 {
        return Err(runtime!("Expected 2D input (batch x feature), but got {}D input", x.rank()));
    }
    if h.rank() != 2 {
        return Err(runtime!("Expected 2D hidden{number} (batch x feature), but got {}D input", h.rank()));
    }
    if w.ih.rank() != 2 || w.hh.rank() != 2 {
        return Err(runtime!("Expected 2D weights, but got {}D and {}D", w.ih.rank(), w.hh.rank()));
    }
    let (features, hidden) = (w.ih.shape()[1], w.hh.shape()[1]);
    if x.shape()[1] != features {
        return Err(runtime!("input has inconsistent input_size: got {} expected {features}", x.shape()[1]));
    }
    if x.shape()[0] != h.shape()[0] {
        return Err(runtime!(
            "Input batch size {} doesn't match hidden{number} batch size {}",
            x.shape()[0],
            h.shape()[0]
        ));
    }
    if h.shape()[1] != hidden {
        return Err(runtime!(
            "hidden{number} has inconsistent hidden_size: got {}, expected {hidden}",
            h.shape()[1]
        ));
    }
    Ok(())
}

impl Stack<'_> {
    /// The weights by layer and direction: input, hidden, both biases, the projection; each only where it is there.
    fn weights<'a>(&self, params: &'a [Tensor], projected: bool) -> Result<Vec<Weights<'a>>> {
        let each = 2 + 2 * usize::from(self.has_biases) + usize::from(projected);
        if !params.len().is_multiple_of(each) {
            return Err(runtime!("MatrixRef: ArrayRef size {} not divisible by stride {each}", params.len()));
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
        let batch = sizes.iter().copied().max().unwrap_or(0);
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
                let gates = self.cell.from_input(&rows, w)?;
                let parts = gates.split_sizes(sizes, 0, "SplitWithSizesBackward0")?;
                let run = if direction == 0 { Cell::forwards } else { Cell::backwards };
                let (out, state) = run(self.cell, &parts, &start, w)?;
                outs.push(out);
                last.push(state);
            }
            rows = if self.bidirectional { Tensor::cat(&outs, 1)? } else { outs.swap_remove(0) };
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
        let (steps, batch, features) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        let flat = x.reshape(&[steps * batch, features])?;
        let mut results = self.packed(&flat, &vec![batch; steps], hx, params)?;
        let width = results[0].shape()[1];
        results[0] = results[0].view(&[steps, batch, width])?;
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
