//! Choices by chance: coins and multinomial samples.

use std::cmp::Ordering;

use super::uniform::unit_f64;
use super::{Draw, Generator, exponential_, general};
use crate::dtype::{Element, Float, Real};
use crate::error::{Error, Result};

/// 1 with chance `p`, else 0.
pub fn bernoulli_<T: Element>(g: &mut Generator, out: &mut [T], p: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::Runtime(format!(
            "bernoulli_ expects p to be in [0, 1], but got p={}",
            general(p)
        )));
    }
    // u < p for u a multiple of 2^-53 is a comparison of integers, and p * 2^53 is exact.
    let below = (p * 9_007_199_254_740_992.0).ceil() as u64;
    let (one, zero) = (T::from_i64(1), T::from_i64(0));
    g.engine.fill_u64(
        out,
        #[inline(always)]
        move |w| if w & ((1 << 53) - 1) < below { one } else { zero },
    );
    Ok(())
}

/// 1 with the chance that `p` gives for each element, else 0.
pub fn bernoulli_tensor_<T: Element, P: Float>(g: &mut Generator, out: &mut [T], p: &[P]) -> Result<()>
where
    P::Acc: Draw,
{
    let chance = |p: &P| (P::Acc::ZERO..=P::Acc::ONE).contains(&p.widen());
    // PyTorch stops at the first p that is no chance, having drawn for those before it.
    let valid = p.iter().position(|p| !chance(p));
    let (one, zero) = (T::from_i64(1), T::from_i64(0));
    let mut drawn = [P::Acc::ZERO; 256];
    let end = valid.unwrap_or(out.len());
    for (out, p) in out[..end].chunks_mut(256).zip(p.chunks(256)) {
        let drawn = &mut drawn[..out.len()];
        P::Acc::fill(
            g,
            drawn,
            #[inline(always)]
            |u| u,
        );
        for ((y, u), p) in out.iter_mut().zip(drawn).zip(p) {
            *y = if *u < p.widen() { one } else { zero };
        }
    }
    match valid {
        None => Ok(()),
        Some(_) => Err(Error::Runtime(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If \
             so, please report an enhancement request to PyTorch.)"
                .into(),
        )),
    }
}

/// `samples` indices for each row of `weights` (rows of `categories` numbers), row after row. Equal weights are taken
/// in the order of their indices.
pub fn multinomial<P: Float>(
    g: &mut Generator,
    weights: &[P],
    categories: usize,
    samples: i64,
    replacement: bool,
) -> Result<Vec<i64>>
where
    P::Acc: Draw,
{
    check(weights, categories, samples, replacement)?;
    let samples = samples as usize;
    let rows = weights.chunks_exact(categories);
    let mut out = Vec::with_capacity(rows.len() * samples);
    // One sample is the same thing with replacement and without.
    if replacement && samples > 1 {
        for row in rows {
            with_replacement(g, row, samples, &mut out);
        }
        return Ok(out);
    }
    // The largest of p / q with q ~ Exp(1): the first to arrive of clocks that run at speed p.
    let mut arrival = vec![P::default(); weights.len()];
    exponential_(g, &mut arrival, 1.0)?;
    for (q, p) in arrival.iter_mut().zip(weights) {
        *q = P::narrow(p.widen() / q.widen());
    }
    for row in arrival.chunks_exact(categories) {
        let order = |&a: &usize, &b: &usize| {
            let (x, y) = (row[a], row[b]);
            y.partial_cmp(&x).unwrap_or(Ordering::Equal).then(a.cmp(&b))
        };
        let mut indices: Vec<usize> = (0..categories).collect();
        indices.select_nth_unstable_by(samples - 1, order);
        indices.truncate(samples);
        indices.sort_unstable_by(order);
        out.extend(indices.iter().map(|&i| i as i64));
    }
    Ok(out)
}

fn with_replacement<P: Float>(g: &mut Generator, row: &[P], samples: usize, out: &mut Vec<i64>)
where
    P::Acc: Draw,
{
    let mut sum = P::Acc::ZERO;
    let mut cumulative: Vec<P::Acc> = row
        .iter()
        .map(|p| {
            sum += p.widen();
            sum
        })
        .collect();
    cumulative.iter_mut().for_each(|c| *c /= sum);
    if let Some(last) = cumulative.last_mut() {
        *last = P::Acc::ONE;
    }
    out.extend((0..samples).map(|_| {
        let u = unit_f64(g.random64());
        cumulative.partition_point(|c| c.to_f64() < u) as i64
    }));
}

fn check<P: Float>(weights: &[P], categories: usize, samples: i64, replacement: bool) -> Result<()> {
    let fail = |text: &str| Err(Error::Runtime(text.into()));
    if samples <= 0 {
        return fail("cannot sample n_sample <= 0 samples");
    }
    if !replacement && samples > categories as i64 {
        return fail("cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    }
    if categories > 1 << 24 {
        return fail("number of categories cannot exceed 2^24");
    }
    if !weights.iter().all(|p| (0.0..f64::INFINITY).contains(&p.to_f64())) {
        // Drawing several with replacement, PyTorch names the kind that it meets first; NaN is not `>= 0`.
        let kind = |p: &&P| !(0.0..f64::INFINITY).contains(&p.to_f64());
        return match weights.iter().find(kind).map(|p| p.to_f64()) {
            Some(f64::INFINITY) if replacement && samples > 1 => {
                fail("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
            }
            Some(_) if replacement && samples > 1 => {
                fail("invalid multinomial distribution (encountering probability entry < 0)")
            }
            _ => fail("probability tensor contains either `inf`, `nan` or element < 0"),
        };
    }
    let empty = |row: &[P]| row.iter().all(|p| p.to_f64() == 0.0);
    if categories == 0 || weights.chunks_exact(categories).any(empty) {
        return fail("invalid multinomial distribution (sum of probabilities <= 0)");
    }
    Ok(())
}
