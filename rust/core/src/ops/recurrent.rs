//! Recurrent layers: plain (tanh or relu), LSTM and GRU, stacked, in one or both directions, and single cells.
//!
//! A layer multiplies the rows of all steps with its input weights at once; what is left for a step is one product
//! with the hidden state and one op for the gates (`gates.rs`). Everything is recorded, so the derivatives are those of
//! the parts.

mod gates;
mod stack;

pub use stack::Stack;

use crate::error::Result;
use crate::runtime;
use crate::tensor::Tensor;
use crate::{autocast, grads, layout::Layout};

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
    /// The numbers of `hh` transposed in memory, made where many steps multiply with them: a product would turn them
    /// each time.
    pub turned: Option<&'a Tensor>,
}

impl Weights<'_> {
    /// What is worth turning for this many steps.
    fn turned_for(&self, steps: usize) -> Result<Option<Tensor>> {
        let flipped = || self.hh.alias(self.hh.layout().transpose(0, 1)?).contiguous_data();
        (steps > 2).then(flipped).transpose()
    }
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
    /// `turned` are the numbers of `weight.T` row by row, if the caller has them.
    fn add_hidden(&self, h: &Tensor, weight: &Tensor, turned: Option<&Tensor>) -> Result<Tensor> {
        autocast!("addmm"; x = self, h = h, w = weight => x.add_hidden(&h, &w, None));
        let (rows, cols) = (h.shape()[0], weight.shape()[0]);
        if h.shape()[1] != weight.shape()[1] || self.shape() != [rows, cols] {
            return Err(runtime!(
                "mat1 and mat2 shapes cannot be multiplied ({rows}x{} and {}x{cols})",
                h.shape()[1],
                weight.shape()[1]
            ));
        }
        let flipped = match turned {
            Some(turned) => turned.clone(),
            None => weight.alias(weight.layout().transpose(0, 1)?),
        };
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
    fn input_gates(self, x: &Tensor, w: &Weights) -> Result<Tensor> {
        match (self, w.bias_ih, w.bias_hh) {
            (Cell::Gru, b, _) | (_, b, None) => x.linear(w.ih, b),
            (_, None, b) => x.linear(w.ih, b),
            (_, Some(a), Some(b)) => x.linear(w.ih, Some(&a.add(b)?)),
        }
    }

    /// One step: the state after it from the input's part `x` in the gates and the state before.
    fn step(self, x: &Tensor, state: &State, w: &Weights) -> Result<State> {
        let h = &state.h;
        match (self, &state.c) {
            (Cell::Tanh, _) => Ok(State { h: x.add_hidden(h, w.hh, w.turned)?.tanh()?, c: None }),
            (Cell::Relu, _) => Ok(State { h: x.add_hidden(h, w.hh, w.turned)?.relu()?, c: None }),
            (Cell::Gru, _) => {
                let hidden = h.linear(w.hh, w.bias_hh)?;
                Ok(State { h: gates::gru(x, &hidden, h)?, c: None })
            }
            (Cell::Lstm, None) => Err(runtime!("lstm expects two hidden states")),
            (Cell::Lstm, Some(c)) => {
                let (h, c) = gates::lstm(&x.add_hidden(h, w.hh, w.turned)?, c)?;
                let h = w.proj.map_or(Ok(h.clone()), |p| h.linear(p, None))?;
                Ok(State { h, c: Some(c) })
            }
        }
    }

    /// All steps forwards: the output of each, and the last state of every sequence. Sequences are sorted by
    /// length, so that those that end leave from the bottom.
    fn forwards(self, parts: &[Tensor], start: &State, w: &Weights) -> Result<(Vec<Tensor>, State)> {
        let turned = w.turned_for(parts.len())?;
        let w = &Weights { turned: turned.as_ref(), ..*w };
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
        Ok((outs, State::cat(&ended)?))
    }

    /// All steps backwards: sequences join as time goes back to where they end.
    fn backwards(self, parts: &[Tensor], start: &State, w: &Weights) -> Result<(Vec<Tensor>, State)> {
        let turned = w.turned_for(parts.len())?;
        let w = &Weights { turned: turned.as_ref(), ..*w };
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
        Ok((outs, state))
    }

    /// One step of a single cell from the input itself: the new hidden state and cell state.
    pub fn apply(self, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<Vec<Tensor>> {
        check_cell(x, h, &w, 0)?;
        if let Some(c) = c {
            check_cell(x, c, &w, 1)?;
        }
        let state = State { h: h.clone(), c: c.cloned() };
        let state = self.step(&self.input_gates(x, &w)?, &state, &w)?;
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
