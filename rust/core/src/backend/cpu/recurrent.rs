//! The gates of LSTM and GRU cells: all of a step between two matrix products, in one pass per row, and back.

use crate::backend::cpu::math;
use crate::dtype::Real;
use crate::parallel::{Out, chunks};
use crate::simd::vectorize;

/// Gates of a piece of rows: about 10 microseconds.
const GRAIN: usize = 8192;

/// `f(row)` for all rows of cells, `width` to a row, compiled for the machine's vectors.
fn each_row(cells: usize, width: usize, f: impl Fn(usize) + Sync) {
    chunks(cells / width.max(1), (GRAIN / (4 * width).max(1)).max(1), |rows| {
        for row in rows {
            vectorize(
                #[inline(always)]
                || f(row),
            );
        }
    });
}

/// `to[j] = f(j)`
#[inline(always)]
fn fill<T: Real>(to: &mut [T], f: impl Fn(usize) -> T) {
    for (j, to) in to.iter_mut().enumerate() {
        *to = f(j);
    }
}

/// `y * (1 - y)`, the slope of a sigmoid that gave `y`.
#[inline(always)]
fn bend<T: Real>(y: T) -> T {
    y * (T::ONE - y)
}

/// Gates are rows of input, forget, fresh and output, `4 * width`; `acts` keeps their activations and the hyperbolic
/// tangent of the next cell state, `5 * width`.
///
///   next = sigmoid(forget) * c + sigmoid(input) * tanh(fresh)      h = sigmoid(output) * tanh(next)
pub fn lstm<T: Real>(width: usize, gates: &[T], c: &[T], acts: &mut [T], next: &mut [T], h: &mut [T]) {
    let (acts, next, h) = (Out::new(acts), Out::new(next), Out::new(h));
    each_row(c.len(), width, |row| {
        let at = row * width;
        let (gates, c) = (&gates[4 * at..][..4 * width], &c[at..][..width]);
        // SAFETY: rows are given out once.
        let (acts, next, h) = unsafe {
            (acts.range(5 * at..5 * (at + width)), next.range(at..at + width), h.range(at..at + width))
        };
        let (input, acts) = acts.split_at_mut(width);
        let (forget, acts) = acts.split_at_mut(width);
        let (fresh, acts) = acts.split_at_mut(width);
        let (output, bent) = acts.split_at_mut(width);
        fill(input, |j| math::sigmoid(gates[j]));
        fill(forget, |j| math::sigmoid(gates[width..][j]));
        fill(fresh, |j| math::tanh(gates[2 * width..][j]));
        fill(output, |j| math::sigmoid(gates[3 * width..][j]));
        fill(next, |j| forget[j] * c[j] + input[j] * fresh[j]);
        fill(bent, |j| math::tanh(next[j]));
        fill(h, |j| output[j] * bent[j]);
    });
}

/// What comes back through `next` and `h`, each only where it was used.
#[derive(Clone, Copy)]
pub struct LstmGrads<'a, T> {
    pub next: Option<&'a [T]>,
    pub h: Option<&'a [T]>,
}

pub fn lstm_backward<T: Real>(
    width: usize,
    acts: &[T],
    c: &[T],
    grads: LstmGrads<T>,
    dgates: &mut [T],
    dc: &mut [T],
) {
    let (dgates, dc) = (Out::new(dgates), Out::new(dc));
    let zeros = vec![T::ZERO; width];
    each_row(c.len(), width, |row| {
        let at = row * width;
        let [dnext, dh] = [grads.next, grads.h].map(|g| g.map_or(&zeros[..], |g| &g[at..at + width]));
        let (acts, c) = (&acts[5 * at..][..5 * width], &c[at..][..width]);
        // SAFETY: rows are given out once.
        let (dgates, dc) = unsafe { (dgates.range(4 * at..4 * (at + width)), dc.range(at..at + width)) };
        let part = |k: usize| &acts[k * width..][..width];
        let (input, forget, fresh, output, bent) = (part(0), part(1), part(2), part(3), part(4));
        let (di, dgates) = dgates.split_at_mut(width);
        let (df, dgates) = dgates.split_at_mut(width);
        let (dn, d_o) = dgates.split_at_mut(width);
        // All that reaches the next cell state, for a moment in the place of its gradient.
        fill(dc, |j| dnext[j] + dh[j] * output[j] * (T::ONE - bent[j] * bent[j]));
        fill(di, |j| dc[j] * fresh[j] * bend(input[j]));
        fill(df, |j| dc[j] * c[j] * bend(forget[j]));
        fill(dn, |j| dc[j] * input[j] * (T::ONE - fresh[j] * fresh[j]));
        fill(d_o, |j| dh[j] * bent[j] * bend(output[j]));
        for (dc, &forget) in dc.iter_mut().zip(forget) {
            *dc *= forget;
        }
    });
}

/// Gates are rows of reset, keep and new, `3 * width`, from the input and from the hidden state; `acts` keeps their
/// activations.
///
///   new = tanh(x + reset * hidden)      next = new + keep * (h - new)
pub fn gru<T: Real>(width: usize, x: &[T], hidden: &[T], h: &[T], acts: &mut [T], next: &mut [T]) {
    let (acts, next) = (Out::new(acts), Out::new(next));
    each_row(h.len(), width, |row| {
        let at = row * width;
        let (x, hidden) = (&x[3 * at..][..3 * width], &hidden[3 * at..][..3 * width]);
        let h = &h[at..][..width];
        // SAFETY: rows are given out once.
        let (acts, next) = unsafe { (acts.range(3 * at..3 * (at + width)), next.range(at..at + width)) };
        let (reset, acts) = acts.split_at_mut(width);
        let (keep, new) = acts.split_at_mut(width);
        fill(reset, |j| math::sigmoid(x[j] + hidden[j]));
        fill(keep, |j| math::sigmoid(x[width..][j] + hidden[width..][j]));
        fill(new, |j| math::tanh(x[2 * width..][j] + reset[j] * hidden[2 * width..][j]));
        fill(next, |j| new[j] + keep[j] * (h[j] - new[j]));
    });
}

/// Where the gradients of a GRU's step go.
pub struct GruGrads<'a, T> {
    pub x: &'a mut [T],
    pub hidden: &'a mut [T],
    pub h: &'a mut [T],
}

pub fn gru_backward<T: Real>(width: usize, acts: &[T], hidden: &[T], h: &[T], dnext: &[T], out: GruGrads<T>) {
    let (dx, dhidden, dh) = (Out::new(out.x), Out::new(out.hidden), Out::new(out.h));
    each_row(h.len(), width, |row| {
        let at = row * width;
        let (acts, hidden) = (&acts[3 * at..][..3 * width], &hidden[3 * at..][..3 * width]);
        let (h, dnext) = (&h[at..][..width], &dnext[at..][..width]);
        // SAFETY: rows are given out once.
        let (dx, dhidden, dh) = unsafe {
            let gates = 3 * at..3 * (at + width);
            (dx.range(gates.clone()), dhidden.range(gates), dh.range(at..at + width))
        };
        let part = |k: usize| &acts[k * width..][..width];
        let (reset, keep, new) = (part(0), part(1), part(2));
        let (dr, dx) = dx.split_at_mut(width);
        let (dk, dn) = dx.split_at_mut(width);
        fill(dn, |j| dnext[j] * (T::ONE - keep[j]) * (T::ONE - new[j] * new[j]));
        fill(dk, |j| dnext[j] * (h[j] - new[j]) * bend(keep[j]));
        fill(dr, |j| dn[j] * hidden[2 * width..][j] * bend(reset[j]));
        dhidden[..width].copy_from_slice(dr);
        dhidden[width..2 * width].copy_from_slice(dk);
        fill(&mut dhidden[2 * width..], |j| dn[j] * reset[j]);
        fill(dh, |j| dnext[j] * keep[j]);
    });
}
