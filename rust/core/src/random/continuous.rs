//! Distributions that are a function of one uniform or one normal number, all computed in double.

use std::f64::consts::PI;

use super::{Draw, Generator, general};
use crate::dtype::{Element, Float};
use crate::error::{Error, Result};

/// `exp` of a normal number.
pub fn log_normal_<T: Float>(g: &mut Generator, out: &mut [T], mean: f64, std: f64) -> Result<()> {
    positive("log_normal_", "std", std)?;
    out.iter_mut().for_each(|y| *y = T::from_f64(g.normal(mean, std).exp()));
    Ok(())
}

/// Density `1 / (pi sigma (1 + ((x - median) / sigma)^2))`.
pub fn cauchy_<T: Float>(g: &mut Generator, out: &mut [T], median: f64, sigma: f64) -> Result<()> {
    positive("cauchy_", "sigma", sigma)?;
    f64::fill(g, out, |u| T::from_f64(sigma.mul_add((PI * (u - 0.5)).tan(), median)));
    Ok(())
}

/// Density `lambda exp(-lambda x)`.
pub fn exponential_<T: Float>(g: &mut Generator, out: &mut [T], lambda: f64) -> Result<()> {
    positive("exponential_", "lambda", lambda)?;
    f64::fill(g, out, |u| T::from_f64(-1.0 / lambda * (-u).ln_1p()));
    Ok(())
}

/// Trials up to the first success, each with chance p.
pub fn geometric_<T: Element>(g: &mut Generator, out: &mut [T], p: f64) -> Result<()> {
    if !(0.0 < p && p < 1.0) {
        return Err(Error::Runtime(format!(
            "geometric_ expects p to be in (0, 1), but got p={}",
            general(p)
        )));
    }
    f64::fill(g, out, |u| T::from_f64((u.ln() / (-p).ln_1p()).ceil()));
    Ok(())
}

fn positive(op: &str, name: &str, x: f64) -> Result<()> {
    if x > 0.0 {
        return Ok(());
    }
    let x = general(x);
    Err(Error::Runtime(format!("{op} expects {name} > 0.0, but found {name}={x}")))
}
