//! Connectionist temporal classification: the chance that a sequence of distributions spells a text, and its slope.
//!
//! Graves et al., ICML 2006. A text of L labels is walked through as 2 L + 1 states, blanks before, between and after
//! the labels; `alpha[t][s]` is the logarithm of the chance of all ways that end in state s at time t, `beta[t][s]` of
//! those that go on from it. One thread takes a sample. `tests::naive` adds up every way there is.

use crate::dtype::Real;
use crate::parallel::{Out, chunks};

/// The sizes of a batch: `times x n x classes` log-probabilities.
#[derive(Debug, Clone, Copy)]
pub struct Ctc {
    pub times: usize,
    pub n: usize,
    pub classes: usize,
    pub blank: usize,
    /// States there is room for in `alpha`, which is `n x times x states`.
    pub states: usize,
}

/// One sample: its labels, how long its sequence is, and where it stands in the batch.
struct Sample<'a, T> {
    d: Ctc,
    logp: &'a [T],
    at: usize,
    labels: &'a [i64],
    times: usize,
}

impl<T: Real> Sample<'_, T> {
    fn states(&self) -> usize {
        2 * self.labels.len() + 1
    }

    /// The class of a state: every other one is a blank.
    fn class(&self, state: usize) -> usize {
        if state.is_multiple_of(2) { self.d.blank } else { self.labels[state / 2] as usize }
    }

    /// Whether a way may step over the blank before this state.
    fn skips(&self, state: usize) -> bool {
        state >= 3 && !state.is_multiple_of(2) && self.labels[state / 2] != self.labels[state / 2 - 1]
    }

    fn logp(&self, time: usize, class: usize) -> f64 {
        self.logp[(time * self.d.n + self.at) * self.d.classes + class].to_f64()
    }

    /// The logarithm of the chance of the labels.
    fn forward(&self, alpha: &mut [f64]) -> f64 {
        let (states, width) = (self.states(), self.d.states);
        if self.times == 0 {
            return if self.labels.is_empty() { 0.0 } else { f64::NEG_INFINITY };
        }
        alpha[..width].fill(f64::NEG_INFINITY);
        for state in 0..states.min(2) {
            alpha[state] = self.logp(0, self.class(state));
        }
        for time in 1..self.times {
            let (before, now) = alpha[(time - 1) * width..(time + 1) * width].split_at_mut(width);
            for state in 0..states {
                let one = if state > 0 { before[state - 1] } else { f64::NEG_INFINITY };
                let two = if self.skips(state) { before[state - 2] } else { f64::NEG_INFINITY };
                now[state] = log_sum([before[state], one, two]) + self.logp(time, self.class(state));
            }
        }
        let last = &alpha[(self.times - 1) * width..];
        let one = if states > 1 { last[states - 2] } else { f64::NEG_INFINITY };
        log_sum([last[states - 1], one, f64::NEG_INFINITY])
    }

    /// The gradient of the scores that a log-softmax made the log-probabilities of: `exp(logp) - occupancy`.
    fn backward(&self, alpha: &[f64], total: f64, scale: f64, write: impl Fn(usize, usize, f64)) {
        let (states, width) = (self.states(), self.d.states);
        let mut beta = vec![f64::NEG_INFINITY; states];
        let mut after = beta.clone();
        let mut share = vec![f64::NEG_INFINITY; self.d.classes];
        for time in (0..self.times).rev() {
            std::mem::swap(&mut beta, &mut after);
            for state in 0..states {
                let ahead = if time + 1 == self.times {
                    if state + 2 >= states { 0.0 } else { f64::NEG_INFINITY }
                } else {
                    let one = if state + 1 < states { after[state + 1] } else { f64::NEG_INFINITY };
                    let jump = state + 2 < states && self.skips(state + 2);
                    let two = if jump { after[state + 2] } else { f64::NEG_INFINITY };
                    log_sum([after[state], one, two])
                };
                beta[state] = ahead + self.logp(time, self.class(state));
            }
            share.fill(f64::NEG_INFINITY);
            for state in 0..states {
                let class = self.class(state);
                let both = alpha[time * width + state] + beta[state];
                share[class] = log_sum([share[class], both, f64::NEG_INFINITY]);
            }
            for (class, share) in share.iter().enumerate() {
                let p = self.logp(time, class);
                write(time, class, (p.exp() - (share - total - p).exp()) * scale);
            }
        }
    }
}

/// `ln(exp(a) + exp(b) + exp(c))`
#[inline]
fn log_sum(x: [f64; 3]) -> f64 {
    let most = x[0].max(x[1]).max(x[2]);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + x.iter().map(|v| (v - most).exp()).sum::<f64>().ln()
}

/// Minus the logarithm of the chance of each text; `labels(i)` are those of sample i, `times[i]` its length.
pub fn ctc<'a, T: Real>(
    d: Ctc,
    logp: &[T],
    labels: &(impl Fn(usize) -> &'a [i64] + Sync),
    times: &[i64],
    alpha: &mut [f64],
    loss: &mut [T],
) {
    let (alpha, loss, room) = (Out::new(alpha), Out::new(loss), d.times * d.states);
    chunks(d.n, 1, |range| {
        for at in range {
            let sample = Sample { d, logp, at, labels: labels(at), times: times[at] as usize };
            // SAFETY: every sample has its own parts.
            let (alpha, loss) = unsafe { (alpha.range(at * room..(at + 1) * room), loss.range(at..at + 1)) };
            loss[0] = T::of(-sample.forward(alpha));
        }
    });
}

/// The gradient that belongs to it, for losses that came from `ctc`; 0 where a sequence has ended.
#[allow(clippy::too_many_arguments)]
pub fn ctc_backward<'a, T: Real>(
    d: Ctc,
    logp: &[T],
    labels: &(impl Fn(usize) -> &'a [i64] + Sync),
    times: &[i64],
    alpha: &[f64],
    loss: &[T],
    zero_infinity: bool,
    dloss: &[T],
    dx: &mut [T],
) {
    let (room, dx) = (d.times * d.states, Out::new(dx));
    chunks(d.n, 1, |range| {
        for at in range {
            let total = -loss[at].to_f64();
            let ended = if zero_infinity && total == f64::NEG_INFINITY { 0 } else { times[at] as usize };
            let place = |time: usize, class: usize| (time * d.n + at) * d.classes + class;
            let write = |time: usize, class: usize, value: f64| {
                let at = place(time, class);
                // SAFETY: every sample has its own elements.
                let one = unsafe { dx.range(at..at + 1) };
                one[0] = T::of(value);
            };
            let sample = Sample { d, logp, at, labels: labels(at), times: ended };
            sample.backward(&alpha[at * room..(at + 1) * room], total, dloss[at].to_f64(), write);
            for time in ended..d.times {
                (0..d.classes).for_each(|class| write(time, class, 0.0));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::cpu::testing::numbers;

    /// The sum over all sequences of classes that collapse to the labels.
    fn naive(d: Ctc, logp: &[f64], at: usize, labels: &[i64], times: usize) -> f64 {
        let mut total = 0.0;
        for code in 0..d.classes.pow(times as u32) {
            let way: Vec<usize> = (0..times).map(|t| code / d.classes.pow(t as u32) % d.classes).collect();
            let mut text: Vec<i64> = Vec::new();
            for (t, &class) in way.iter().enumerate() {
                if class != d.blank && (t == 0 || way[t - 1] != class) {
                    text.push(class as i64);
                }
            }
            if text == labels {
                let each = way.iter().enumerate();
                total += each.map(|(t, &c)| logp[(t * d.n + at) * d.classes + c]).sum::<f64>().exp();
            }
        }
        -total.ln()
    }

    #[test]
    fn equals_the_sum_over_all_ways() {
        let d = Ctc { times: 5, n: 3, classes: 3, blank: 0, states: 7 };
        let scores: Vec<f64> = numbers(d.times * d.n * d.classes, 3);
        let logp: Vec<f64> = scores
            .chunks(d.classes)
            .flat_map(|row| {
                let total = row.iter().map(|x| x.exp()).sum::<f64>().ln();
                row.iter().map(move |x| x - total)
            })
            .collect();
        let texts: [&[i64]; 3] = [&[1, 1, 2], &[2], &[]];
        let (times, labels) = ([5, 4, 3], |i: usize| texts[i]);
        let (mut alpha, mut loss) = (vec![0.0; 3 * 5 * 7], vec![0.0; 3]);
        ctc(d, &logp, &labels, &times, &mut alpha, &mut loss);
        let mut dx = vec![1.0; logp.len()];
        ctc_backward(d, &logp, &labels, &times, &alpha, &loss, false, &[1.0, 2.0, 3.0], &mut dx);
        for i in 0..3 {
            let time = times[i] as usize;
            assert!((loss[i] - naive(d, &logp, i, texts[i], time)).abs() < 1e-9);
            for t in 0..d.times {
                for c in 0..d.classes {
                    let at = (t * d.n + i) * d.classes + c;
                    let mut moved = logp.clone();
                    moved[at] += 1e-5;
                    let slope = (naive(d, &moved, i, texts[i], time) - loss[i]) / 1e-5;
                    let want = if t < time { (i + 1) as f64 * (logp[at].exp() + slope) } else { 0.0 };
                    assert!((dx[at] - want).abs() < 1e-4, "{i} {t} {c}: {} {want}", dx[at]);
                }
            }
        }
    }
}
