//! The gates of LSTM and GRU cells: all of a step between two matrix products, in one pass per row, and back.

use crate::backend::cpu::math;
use crate::dtype::Real;
use crate::parallel::{Out, chunks};
use crate::simd::vectorize;

/// Gates of a piece of rows: about 10 microseconds.
const GRAIN: usize = 8192;

/// `f(row)` for all rows of cells, `width` to a row, compiled for the machine's vectors: `f` has to be `inline(always)`,
/// and to index slices of which the compiler sees that they are `width` long.
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

/// `N` gates of a row, each `width` long.
#[inline(always)]
fn parts<T, const N: usize>(row: &mut [T], width: usize) -> [&mut [T]; N] {
    let mut rest = row;
    std::array::from_fn(
        #[inline(always)]
        |_| {
            let (part, others) = std::mem::take(&mut rest).split_at_mut(width);
            rest = others;
            part
        },
    )
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
    each_row(
        c.len(),
        width,
        #[inline(always)]
        |row| {
            let at = row * width;
            let gate = |k: usize| &gates[4 * at + k * width..][..width];
            let (c, sums) = (&c[at..][..width], [gate(0), gate(1), gate(2), gate(3)]);
            // SAFETY: rows are given out once.
            let (acts, next, h) = unsafe {
                (acts.range(5 * at..5 * (at + width)), next.range(at..at + width), h.range(at..at + width))
            };
            let (next, h) = (&mut next[..width], &mut h[..width]);
            let [input, forget, fresh, output, bent] = parts(acts, width);
            fill(input, |j| math::sigmoid(sums[0][j]));
            fill(forget, |j| math::sigmoid(sums[1][j]));
            fill(fresh, |j| math::tanh(sums[2][j]));
            fill(output, |j| math::sigmoid(sums[3][j]));
            fill(next, |j| forget[j] * c[j] + input[j] * fresh[j]);
            fill(bent, |j| math::tanh(next[j]));
            fill(h, |j| output[j] * bent[j]);
        },
    );
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
    each_row(
        c.len(),
        width,
        #[inline(always)]
        |row| {
            let at = row * width;
            let [dnext, dh] = [grads.next, grads.h].map(|g| g.map_or(&zeros[..width], |g| &g[at..][..width]));
            let (acts, c) = (&acts[5 * at..][..5 * width], &c[at..][..width]);
            // SAFETY: rows are given out once.
            let (dgates, dc) = unsafe { (dgates.range(4 * at..4 * (at + width)), dc.range(at..at + width)) };
            let part = |k: usize| &acts[k * width..][..width];
            let (input, forget, fresh, output, bent) = (part(0), part(1), part(2), part(3), part(4));
            let ([di, df, dn, d_o], dc) = (parts(dgates, width), &mut dc[..width]);
            // All that reaches the next cell state, for a moment in the place of its gradient.
            fill(dc, |j| dnext[j] + dh[j] * output[j] * (T::ONE - bent[j] * bent[j]));
            fill(di, |j| dc[j] * fresh[j] * bend(input[j]));
            fill(df, |j| dc[j] * c[j] * bend(forget[j]));
            fill(dn, |j| dc[j] * input[j] * (T::ONE - fresh[j] * fresh[j]));
            fill(d_o, |j| dh[j] * bent[j] * bend(output[j]));
            for (dc, &forget) in dc.iter_mut().zip(forget) {
                *dc *= forget;
            }
        },
    );
}

/// Gates are rows of reset, keep and new, `3 * width`, from the input and from the hidden state; `acts` keeps their
/// activations.
///
///   new = tanh(x + reset * hidden)      next = new + keep * (h - new)
pub fn gru<'a, T: Real>(width: usize, x: &'a [T], hidden: &'a [T], h: &[T], acts: &mut [T], next: &mut [T]) {
    let (acts, next) = (Out::new(acts), Out::new(next));
    each_row(
        h.len(),
        width,
        #[inline(always)]
        |row| {
            let at = row * width;
            let gate = |t: &'a [T], k: usize| &t[3 * at + k * width..][..width];
            let xs = [gate(x, 0), gate(x, 1), gate(x, 2)];
            let hs = [gate(hidden, 0), gate(hidden, 1), gate(hidden, 2)];
            let h = &h[at..][..width];
            // SAFETY: rows are given out once.
            let (acts, next) = unsafe { (acts.range(3 * at..3 * (at + width)), next.range(at..at + width)) };
            let ([reset, keep, new], next) = (parts(acts, width), &mut next[..width]);
            fill(reset, |j| math::sigmoid(xs[0][j] + hs[0][j]));
            fill(keep, |j| math::sigmoid(xs[1][j] + hs[1][j]));
            fill(new, |j| math::tanh(xs[2][j] + reset[j] * hs[2][j]));
            fill(next, |j| new[j] + keep[j] * (h[j] - new[j]));
        },
    );
}

/// Where the gradients of a GRU's step go.
pub struct GruGrads<'a, T> {
    pub x: &'a mut [T],
    pub hidden: &'a mut [T],
    pub h: &'a mut [T],
}

pub fn gru_backward<T: Real>(width: usize, acts: &[T], hidden: &[T], h: &[T], dnext: &[T], out: GruGrads<T>) {
    let (dx, dhidden, dh) = (Out::new(out.x), Out::new(out.hidden), Out::new(out.h));
    each_row(
        h.len(),
        width,
        #[inline(always)]
        |row| {
            let at = row * width;
            let (acts, hidden) = (&acts[3 * at..][..3 * width], &hidden[3 * at + 2 * width..][..width]);
            let (h, dnext) = (&h[at..][..width], &dnext[at..][..width]);
            // SAFETY: rows are given out once.
            let (dx, dhidden, dh) = unsafe {
                let gates = 3 * at..3 * (at + width);
                (dx.range(gates.clone()), dhidden.range(gates), dh.range(at..at + width))
            };
            let part = |k: usize| &acts[k * width..][..width];
            let (reset, keep, new) = (part(0), part(1), part(2));
            let ([dr, dk, dn], dh) = (parts(dx, width), &mut dh[..width]);
            fill(dn, |j| dnext[j] * (T::ONE - keep[j]) * (T::ONE - new[j] * new[j]));
            fill(dk, |j| dnext[j] * (h[j] - new[j]) * bend(keep[j]));
            fill(dr, |j| dn[j] * hidden[j] * bend(reset[j]));
            let [hr, hk, hn] = parts(dhidden, width);
            hr.copy_from_slice(dr);
            hk.copy_from_slice(dk);
            fill(hn, |j| dn[j] * reset[j]);
            fill(dh, |j| dnext[j] * keep[j]);
        },
    );
}
