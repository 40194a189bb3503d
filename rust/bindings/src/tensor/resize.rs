//! Images in other sizes and at other points: functions, not methods.

use pyo3::prelude::*;
use tensorrs_core::ops::resize::Mode;

use crate::args::{Arg, Dims};
use crate::border::{PyTensor, raise, run};

/// The last dimensions of (N, C, ...) in the sizes `output_size`. `scale_factors`, where they are not None, say how far
/// apart the outputs lie; `align_corners` says so otherwise.
#[pyfunction]
#[pyo3(signature = (input, mode, output_size, align_corners, scale_factors))]
pub fn upsample(
    py: Python<'_>,
    input: Arg,
    mode: &str,
    output_size: Dims,
    align_corners: bool,
    scale_factors: Vec<Option<f64>>,
) -> PyResult<Py<PyTensor>> {
    let mode = match mode {
        "nearest" => Mode::Nearest,
        "nearest-exact" => Mode::NearestExact,
        "linear" => Mode::Linear,
        "cubic" => Mode::Cubic,
        "linear smooth" => Mode::LinearSmooth,
        "cubic smooth" => Mode::CubicSmooth,
        "lanczos smooth" => Mode::Lanczos,
        other => return Err(raise(tensorrs_core::value!("upsample: no mode {other}"))),
    };
    let out = output_size.0.iter().map(|&n| n.max(0) as usize).product::<usize>();
    let lead: usize = input.0.shape().iter().take(2).product();
    let work = input.0.numel().max(lead.saturating_mul(out));
    run(py, work, || input.0.upsample(mode, &output_size.0, align_corners, &scale_factors))
}

fn sampled(
    py: Python<'_>,
    input: Arg,
    grid: Arg,
    mode: i64,
    padding: i64,
    align: bool,
) -> PyResult<Py<PyTensor>> {
    let work = grid.0.numel().saturating_mul(input.0.shape().get(1).copied().unwrap_or(1));
    run(py, work, || input.0.grid_sampler(&grid.0, mode, padding, align))
}

macro_rules! samplers {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[pyfunction]
        pub fn $name(
            py: Python<'_>,
            input: Arg,
            grid: Arg,
            interpolation_mode: i64,
            padding_mode: i64,
            align_corners: bool,
        ) -> PyResult<Py<PyTensor>> {
            sampled(py, input, grid, interpolation_mode, padding_mode, align_corners)
        }
    )*};
}

samplers! {
    /// The values of images (N, C, H, W) or volumes (N, C, D, H, W) at the points of a grid, (N, h, w, 2) or
    /// (N, d, h, w, 3). Mode 0, 1, 2: linear, nearest, cubic. Padding 0, 1, 2: zeros, border, reflection.
    grid_sampler;
    /// As `grid_sampler`, of images.
    grid_sampler_2d;
    /// As `grid_sampler`, of volumes.
    grid_sampler_3d;
}

/// The points to which the affine maps `theta`, (N, 2, 3) or (N, 3, 4), take those of images of the shape `size`.
#[pyfunction]
pub fn affine_grid_generator(
    py: Python<'_>,
    theta: Arg,
    size: Dims,
    align_corners: bool,
) -> PyResult<Py<PyTensor>> {
    let work = size.0.iter().map(|&n| n.max(0) as usize).product();
    run(py, work, || theta.0.affine_grid_generator(&size.0, align_corners))
}

/// Channels become pixels: (*, C r r, H, W) to (*, C, H r, W r). Shi et al., arXiv:1609.05158.
#[pyfunction]
pub fn pixel_shuffle(py: Python<'_>, input: Arg, upscale_factor: isize) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.pixel_shuffle(upscale_factor))
}

/// Pixels become channels: (*, C, H r, W r) to (*, C r r, H, W).
#[pyfunction]
pub fn pixel_unshuffle(py: Python<'_>, input: Arg, downscale_factor: isize) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.pixel_unshuffle(downscale_factor))
}

/// The channels of (N, C, *), in `groups` of C / groups, dealt out: one of each group after the other.
/// Zhang et al., arXiv:1707.01083.
#[pyfunction]
pub fn channel_shuffle(py: Python<'_>, input: Arg, groups: isize) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.channel_shuffle(groups))
}

/// As `channel_shuffle`.
#[pyfunction]
pub fn native_channel_shuffle(py: Python<'_>, input: Arg, groups: isize) -> PyResult<Py<PyTensor>> {
    run(py, input.0.numel(), || input.0.channel_shuffle(groups))
}
