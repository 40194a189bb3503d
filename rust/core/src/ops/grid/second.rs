//! The gradients of a grid sample in differentiable ops. Within its pixel a point's weights are polynomials of how far
//! it is past its tap, `t = rate * point + rest`; where the taps lie does not change.

use super::{Both, number};
use crate::backend::nn::{Grid, Touch};
use crate::error::Result;
use crate::ops::gather::Meet;
use crate::tensor::Tensor;

/// Along one axis, as tensors (N, points): the taps' weights and their derivatives by the coordinate.
struct Weights {
    weight: Vec<Tensor>,
    slope: Vec<Tensor>,
}

/// `c[0] + c[1] t + ...`
fn polynomial(c: &[f64], t: &Tensor) -> Result<Tensor> {
    let Some((&last, lower)) = c.split_last() else { return number(0.0, t) };
    lower.iter().rev().try_fold(number(last, t)?, |sum, &c| sum.mul(t)?.add_number(c))
}

/// Coefficients of the taps' weights in `t`, lowest first.
fn coefficients(touch: Touch) -> &'static [&'static [f64]] {
    match touch {
        Touch::Nearest => &[&[1.0]],
        Touch::Linear => &[&[1.0, -1.0], &[0.0, 1.0]],
        Touch::Cubic => &[
            &[0.0, -0.75, 1.5, -0.75],
            &[1.0, 0.0, -2.25, 1.25],
            &[0.0, 0.75, 1.5, -1.25],
            &[0.0, 0.0, -0.75, 0.75],
        ],
    }
}

fn weights(touch: Touch, t: &Tensor, rate: &Tensor) -> Result<Weights> {
    let mut out = Weights { weight: vec![], slope: vec![] };
    for c in coefficients(touch) {
        let slope: Vec<f64> = c.iter().enumerate().skip(1).map(|(i, c)| i as f64 * c).collect();
        out.weight.push(polynomial(c, t)?.expand(t.shape())?);
        out.slope.push(polynomial(&slope, t)?.mul(rate)?);
    }
    Ok(out)
}

/// What the positions of the points say, which no derivative moves.
struct Places {
    /// By coordinate: (N, points) numbers.
    rate: Vec<Tensor>,
    rest: Vec<Tensor>,
    /// By combination of taps: the place in the plane, and 0 where it is outside, else 1.
    at: Vec<Tensor>,
    inside: Vec<Tensor>,
}

impl Places {
    fn of(d: &Grid, grid: &Tensor) -> Result<Places> {
        let given = grid.cast_data(crate::DType::F64)?.contiguous_data()?;
        let per = coefficients(d.touch).len();
        let (count, taps) = (d.n * d.points, per.pow(d.dims as u32));
        let mut rate = vec![Vec::with_capacity(count); d.dims];
        let mut rest = rate.clone();
        let mut at = vec![Vec::with_capacity(count); taps];
        let mut inside = vec![Vec::with_capacity(count); taps];
        // Without data any point will do.
        let given = if given.has_data() { given } else { Tensor::zeros(given.shape(), crate::DType::F64)? };
        for point in given.values::<f64>()?.chunks_exact(d.dims) {
            let axes = d.axes(point);
            for (c, &coordinate) in point.iter().enumerate() {
                let axis = axes[2 - c];
                rate[c].push(axis.rate);
                rest[c].push(axis.past - axis.rate * coordinate);
            }
            for tap in 0..taps {
                // Digits of the number of a tap: the innermost coordinate changes fastest.
                let mut place = Some((0usize, 1usize));
                for c in 0..d.dims {
                    let k = axes[2 - c].at[tap / per.pow(c as u32) % per];
                    place = place
                        .filter(|_| k >= 0)
                        .map(|(sum, step)| (sum + k as usize * step, step * d.size[2 - c]));
                }
                at[tap].push(place.map_or(0, |(sum, _)| sum as i64));
                inside[tap].push(f64::from(u8::from(place.is_some())));
            }
        }
        let shape = [d.n, d.points];
        let real = |all: Vec<Vec<f64>>| -> Result<Vec<Tensor>> {
            all.iter()
                .map(|v| Tensor::from_slice(v, &shape)?.cast_data(grid.dtype())?.on(grid.device()))
                .collect()
        };
        let at = at.iter().map(|v| Tensor::from_slice(v, &[d.n, 1, d.points])?.on(grid.device()));
        let at = at.collect::<Result<_>>()?;
        Ok(Places { rate: real(rate)?, rest: real(rest)?, at, inside: real(inside)? })
    }
}

/// `dx` and `dgrid` with histories.
pub(super) fn composed(d: Grid, x: &Tensor, grid: &Tensor, g: &Tensor, wanted: [bool; 2]) -> Result<Both> {
    let places = Places::of(&d, grid)?;
    let (n, c, p) = (d.n, d.channels, d.points);
    let points = grid.reshape(&[n, p, d.dims])?;
    let each = |a: usize| -> Result<Weights> {
        let t = points.select(2, a as isize)?.mul(&places.rate[a])?.add(&places.rest[a])?;
        weights(d.touch, &t, &places.rate[a])
    };
    let axes: Vec<Weights> = (0..d.dims).map(each).collect::<Result<_>>()?;
    let (image, g) = (x.reshape(&[n, c, d.plane()])?, g.reshape(&[n, c, p])?);
    let per = coefficients(d.touch).len();
    let mut dx = wanted[0].then(|| x.new_zeros(&[n, c, d.plane()], x.dtype())).transpose()?;
    let mut dgrid: Vec<Tensor> =
        (0..d.dims).map(|_| grid.new_zeros(&[n, p], grid.dtype())).collect::<Result<_>>()?;
    for (tap, (at, inside)) in places.at.iter().zip(&places.inside).enumerate() {
        let digit = |a: usize| tap / per.pow(a as u32) % per;
        // The product of the weights, with the slope in place of the weight of `sloped`.
        let product = |sloped: Option<usize>| {
            axes.iter().enumerate().try_fold(inside.clone(), |product, (a, w)| {
                product.mul(if sloped == Some(a) { &w.slope[digit(a)] } else { &w.weight[digit(a)] })
            })
        };
        let at = at.expand(&[n, c, p])?;
        if let Some(dx) = &mut dx {
            let part = g.mul(&product(None)?.unsqueeze(1)?)?;
            *dx = dx.scatter(2, &at, &part, Meet::Add)?;
        }
        if wanted[1] {
            let value = g.mul(&image.gather(2, &at)?)?.sum(&[1], false, None)?;
            for (a, sum) in dgrid.iter_mut().enumerate() {
                *sum = sum.add(&value.mul(&product(Some(a))?)?)?;
            }
        }
    }
    let dx = dx.map(|dx| dx.reshape(x.shape())).transpose()?;
    let dgrid = wanted[1].then(|| Tensor::stack(&dgrid, -1)?.reshape(grid.shape())).transpose()?;
    Ok([dx, dgrid])
}
