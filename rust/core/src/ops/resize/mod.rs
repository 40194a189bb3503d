//! Images, rows and volumes in another size: (N, C, L), (N, C, H, W), (N, C, D, H, W), by any mode but area.
//!
//! A resize is linear and acts on one axis at a time: `Map` holds the taps of each axis. `apply` and its transpose are
//! each other's derivative, so every order is there.

mod taps;

use std::sync::Arc;

use crate::backend::backend;
use crate::backend::nn::Taps;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::show;
use crate::tensor::Tensor;
use crate::{grads, runtime};

/// Where the numbers between the given ones come from. The last three filter what a smaller size cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Nearest,
    NearestExact,
    Linear,
    Cubic,
    LinearSmooth,
    CubicSmooth,
    Lanczos,
}

struct Map {
    /// Dimension, its taps, and their transpose.
    axes: Vec<(usize, Taps, Taps)>,
    /// `grad_fn` of the resize and of its derivative.
    names: [&'static str; 2],
}

impl Map {
    /// The resize, or with `back` its transpose.
    fn run(self: &Arc<Self>, x: &Tensor, back: bool) -> Result<Tensor> {
        let mut now = None;
        for (dim, taps, transposed) in self.axes.iter().rev() {
            let taps = if back { transposed } else { taps };
            if !taps.is_identity() {
                now = Some(along(&now.map_or_else(|| x.wide(), Ok)?, *dim, taps)?);
            }
        }
        // With no axis to change, the result is still memory of its own.
        let out = match now {
            Some(now) => now.cast_data(x.dtype())?,
            None => x.copied(x.dtype(), Layout::contiguous(x.shape()))?,
        };
        let map = self.clone();
        let name = self.names[usize::from(back)];
        out.record(name, &[x], |_| move |_, g| grads![Some(map.run(g, !back)?)])
    }
}

fn along(x: &Tensor, dim: usize, taps: &Taps) -> Result<Tensor> {
    let mut shape = x.layout().shape.clone();
    shape[dim] = taps.n_out();
    let out = x.wide_out(&shape)?;
    backend(x.device()).resample(taps, shape[dim + 1..].iter().product(), x.raw(), out.raw())?;
    Ok(out)
}

/// What PyTorch says where bytes are wanted and the mode has no such loop, or another type.
fn kernel_name(mode: Mode, dims: usize) -> &'static str {
    match (mode, dims) {
        (Mode::Nearest | Mode::NearestExact, 2) => "upsample_nearest2d_channels_last",
        (Mode::Nearest | Mode::NearestExact, _) => "compute_indices_weights_nearest",
        (Mode::Linear, 2) => "upsample_bilinear2d_channels_last",
        (Mode::Linear, _) => "compute_indices_weights_linear",
        (Mode::Cubic, _) => "compute_indices_weights_cubic",
        _ => "compute_index_ranges_weights",
    }
}

fn names(mode: Mode, dims: usize) -> [&'static str; 2] {
    macro_rules! names {
        ($($pattern:pat => $name:literal),* $(,)?) => {
            match (mode, dims) {
                $($pattern => [concat!("Upsample", $name, "Backward0"), concat!("Upsample", $name, "BackwardBackward0")],)*
            }
        };
    }
    names! {
        (Mode::Nearest, 1) => "Nearest1D",
        (Mode::Nearest, 2) => "Nearest2D",
        (Mode::Nearest, _) => "Nearest3D",
        (Mode::NearestExact, 1) => "NearestExact1D",
        (Mode::NearestExact, 2) => "NearestExact2D",
        (Mode::NearestExact, _) => "NearestExact3D",
        (Mode::Linear, 1) => "Linear1D",
        (Mode::Linear, 2) => "Bilinear2D",
        (Mode::Linear, _) => "Trilinear3D",
        (Mode::Cubic, _) => "Bicubic2D",
        (Mode::LinearSmooth, _) => "Bilinear2DAa",
        (Mode::CubicSmooth, _) => "Bicubic2DAa",
        (Mode::Lanczos, _) => "Lanczos2DAa",
    }
}

impl Tensor {
    /// The last dimensions in the sizes `out`. `align` puts the corners of both on each other; a factor, where one is
    /// named, says how far apart outputs lie.
    pub fn upsample(
        &self,
        mode: Mode,
        out: &[isize],
        align: bool,
        factors: &[Option<f64>],
    ) -> Result<Tensor> {
        let dims = out.len();
        if self.rank() != dims + 2 {
            return Err(runtime!(
                "It is expected input_size equals to {}, but got size {}",
                dims + 2,
                self.rank()
            ));
        }
        self.check_sizes(out)?;
        if self.shape()[1..].contains(&0) {
            return Err(runtime!(
                "Non-empty {}D data tensor expected but got a tensor with sizes {}",
                dims + 2,
                show(self.shape())
            ));
        }
        let bytes = self.dtype() == DType::U8;
        let nearest = matches!(mode, Mode::Nearest | Mode::NearestExact);
        if !self.dtype().is_float() && !(bytes && (nearest || dims == 2)) {
            return Err(Error::NotImplemented { op: kernel_name(mode, dims).into(), dtype: self.dtype() });
        }
        let smooth = matches!(mode, Mode::LinearSmooth | Mode::CubicSmooth | Mode::Lanczos);
        if smooth && matches!(self.dtype(), DType::F16 | DType::BF16) {
            let op = "compute_index_ranges_weights";
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        let single = self.dtype() != DType::F64 && (nearest || !bytes);
        let axes = (0..dims).map(|a| {
            let (n_in, n_out) = (self.shape()[a + 2], out[a] as usize);
            let factor = factors.get(a).copied().flatten();
            (a + 2, taps::Axis { n_in, n_out, align, factor, single }.taps(mode))
        });
        if bytes {
            let axes: Vec<_> = axes.collect();
            return self.resized_bytes(&axes, nearest);
        }
        let axes = axes.map(|(dim, taps)| (dim, taps.transposed(), taps)).map(|(d, t, taps)| (d, taps, t));
        Arc::new(Map { axes: axes.collect(), names: names(mode, dims) }).run(self, false)
    }

    /// Bytes are resized with weights of 16 bits, and rounded after each axis, as Pillow does it.
    fn resized_bytes(&self, axes: &[(usize, Taps)], nearest: bool) -> Result<Tensor> {
        let mut now = self.copied(DType::F64, Layout::contiguous(self.shape()))?;
        for (dim, taps) in axes.iter().rev().filter(|(_, taps)| !taps.is_identity()) {
            if nearest {
                now = along(&now, *dim, taps)?;
                continue;
            }
            now = along(&now, *dim, &taps.quantised())?;
            if now.has_data() {
                // SAFETY: `along` has just made it, and nobody else holds it.
                let all = unsafe { now.values_mut::<f64>()? };
                all.iter_mut().for_each(|x| *x = (*x + 0.5).floor().clamp(0.0, 255.0));
            }
        }
        now.cast_data(DType::U8)
    }

    fn check_sizes(&self, out: &[isize]) -> Result<()> {
        let own = &self.shape()[2..];
        if out.iter().all(|&n| n > 0) && !own.contains(&0) {
            return Ok(());
        }
        let names = &["D", "H", "W"][3 - out.len().min(3)..];
        let write = |sizes: &mut dyn Iterator<Item = String>| {
            names.iter().zip(sizes).map(|(name, n)| format!("{name}: {n}")).collect::<Vec<_>>().join(", ")
        };
        Err(runtime!(
            "Input and output sizes should be greater than 0, but got input ({}) {}output ({})",
            write(&mut own.iter().map(usize::to_string)),
            if out.len() == 1 { "and " } else { "" },
            write(&mut out.iter().map(isize::to_string))
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    const MODES: [Mode; 7] = [
        Mode::Nearest,
        Mode::NearestExact,
        Mode::Linear,
        Mode::Cubic,
        Mode::LinearSmooth,
        Mode::CubicSmooth,
        Mode::Lanczos,
    ];

    fn numbers(shape: &[usize]) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| (i * 37 % 23) as f64 / 11.0 - 1.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[test]
    fn derivatives_match_finite_differences() {
        for mode in MODES {
            for size in [[3, 7], [9, 2], [4, 5]] {
                let f = |v: &[Tensor]| v[0].upsample(mode, &size, false, &[]);
                let x = numbers(&[1, 2, 4, 5]);
                let (taped, measured) = check_vjp(f, std::slice::from_ref(&x)).expect("fits");
                assert!((taped - measured).abs() < 1e-6, "{mode:?}: {taped} {measured}");
                let (taped, measured) = check_second(|v| f(v)?.mul(&f(v)?), &[x]).expect("fits");
                assert!((taped - measured).abs() < 1e-6, "{mode:?}, second: {taped} {measured}");
            }
        }
    }

    #[test]
    fn constants_stay_and_corners_meet() {
        let ones = numbers(&[1, 1, 4, 5]).mul_number(0.0).and_then(|x| x.add_number(1.0)).expect("fits");
        let x = numbers(&[1, 1, 4, 5]);
        for mode in MODES {
            let y = ones.upsample(mode, &[7, 3], false, &[None, Some(0.7)]).expect("fits");
            assert!(y.slice::<f64>().iter().all(|v| (v - 1.0).abs() < 1e-9), "{mode:?}");
        }
        for mode in [Mode::Linear, Mode::Cubic] {
            let y = x.upsample(mode, &[7, 9], true, &[]).expect("fits");
            let (x, y) = (x.slice::<f64>(), y.slice::<f64>());
            assert!((x[0] - y[0]).abs() + (x[19] - y[62]).abs() < 1e-9, "{mode:?}");
        }
    }
}
