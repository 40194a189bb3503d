//! Values of images and volumes at the points of a grid, and the grid that an affine map makes.
//! Jaderberg et al., arXiv:1506.02025.
//!
//! The gradient has a kernel; where it is to be differentiated again it is written in ops (`second.rs`).

mod second;

use crate::backend::backend;
use crate::backend::nn::{Edge, Grid, Touch};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::ops::promote::check_devices;
use crate::shape::{Dims, show};
use crate::tensor::{Scalar, Tensor, grad_enabled, no_grad};
use crate::{autocast, grads, runtime};

/// `dx` and `dgrid`, each if wanted.
type Both = [Option<Tensor>; 2];

/// The gradients of images `x` and points `grid` from that of the values, by the kernel.
fn fused(d: Grid, x: &Tensor, grid: &Tensor, g: &Tensor, wanted: [bool; 2]) -> Result<Both> {
    let out = |t: &Tensor, wanted: bool| -> Result<Option<Tensor>> {
        let dtype = crate::ops::wide::wide_dtype(t.dtype());
        wanted.then(|| t.new_zeros(t.shape(), dtype)).transpose()
    };
    let (dx, dgrid) = (out(x, wanted[0])?, out(grid, wanted[1])?);
    let (x, grid, g) = (x.wide()?, grid.wide()?, g.wide()?);
    let (into, to) = (dx.as_ref().map(Tensor::raw), dgrid.as_ref().map(Tensor::raw));
    backend(x.device()).grid_sample_backward(d, x.raw(), grid.raw(), g.raw(), into, to)?;
    Ok([dx, dgrid])
}

impl Tensor {
    /// `out[n, :, p] = self[n, :, grid[n, p]]`: (N, C, H, W) at (N, h, w, 2) gives (N, C, h, w), and volumes likewise.
    /// Mode 0, 1, 2: linear, nearest, cubic; padding 0, 1, 2: zeros, the border, reflections. `align` puts -1 and 1 at
    /// the middles of the outermost pixels instead of their edges.
    pub fn grid_sampler(&self, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
        autocast!("grid_sampler"; x = self, grid = grid => x.grid_sampler(&grid, mode, padding, align));
        let d = self.check_grid(grid, mode, padding, align)?;
        check_devices(self.device(), [grid.device()])?;
        let mut shape = Dims::from_slice(&self.shape()[..2]);
        shape.extend_from_slice(&grid.shape()[1..=d.dims]);
        let out = self.wide_out(&shape)?;
        backend(self.device()).grid_sample(d, self.wide()?.raw(), grid.wide()?.raw(), out.raw())?;
        let name = if d.dims == 2 { "GridSampler2DBackward0" } else { "GridSampler3DBackward0" };
        out.cast_data(self.dtype())?.record(name, &[self, grid], |save| {
            let (x, grid) = (save.input(0), save.input(1));
            move |ctx, g| {
                let (x, grid) = (x.get(ctx)?, grid.get(ctx)?);
                let wanted = [ctx.needs(0), ctx.needs(1)];
                let [dx, dgrid] = if grad_enabled() {
                    second::composed(d, &x, &grid, g, wanted)?
                } else {
                    fused(d, &x, &grid, g, wanted)?
                };
                grads![dx, dgrid]
            }
        })
    }

    fn check_grid(&self, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Grid> {
        let dims = self.rank().saturating_sub(2);
        if grid.rank() == 0 || self.rank() < 2 {
            return Err(runtime!(
                "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions"
            ));
        }
        if self.shape()[0] != grid.shape()[0] {
            return Err(runtime!(
                "grid_sampler(): expected grid and input to have same batch size, but got input with sizes {} and grid with sizes {}",
                show(self.shape()),
                show(grid.shape())
            ));
        }
        if grid.shape()[grid.rank() - 1] != dims {
            return Err(runtime!(
                "grid_sampler(): expected grid to have size {dims} in last dimension, but got grid with sizes {}",
                show(grid.shape())
            ));
        }
        if let Some(i) = self.shape()[2..].iter().position(|&n| n == 0) {
            return Err(runtime!(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {} with dimension {} being empty",
                show(self.shape()),
                i + 2
            ));
        }
        if !matches!(dims, 2 | 3) || grid.rank() != self.rank() {
            return Err(runtime!(
                "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {} and grid with sizes {}",
                show(self.shape()),
                show(grid.shape())
            ));
        }
        if !self.dtype().is_float() {
            let op = if dims == 2 { "grid_sampler_2d_cpu_kernel_impl" } else { "grid_sampler3d_cpu" };
            return Err(Error::NotImplemented { op: op.into(), dtype: self.dtype() });
        }
        if self.dtype() != grid.dtype() {
            return Err(runtime!(
                "expected scalar type {} but found {}",
                self.dtype().scalar_type(),
                grid.dtype().scalar_type()
            ));
        }
        let mut size = [1; 3];
        size[3 - dims..].copy_from_slice(&self.shape()[2..]);
        Ok(Grid {
            n: self.shape()[0],
            channels: self.shape()[1],
            size,
            dims,
            points: grid.shape()[1..=dims].iter().product(),
            touch: match mode {
                0 => Touch::Linear,
                1 => Touch::Nearest,
                _ => Touch::Cubic,
            },
            edge: match padding {
                0 => Edge::Zeros,
                1 => Edge::Border,
                _ => Edge::Reflection,
            },
            align,
        })
    }

    /// The points to which affine maps, (N, 2, 3) or (N, 3, 4), take those of an image of the shape `size`, (N, C, H, W)
    /// or (N, C, D, H, W): a grid for `grid_sampler`.
    pub fn affine_grid_generator(&self, size: &[isize], align: bool) -> Result<Tensor> {
        let &[n, _, ref image @ ..] = size else {
            return Err(runtime!("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."));
        };
        let dims = image.len();
        if !matches!(dims, 2 | 3) {
            return Err(runtime!("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."));
        }
        if self.rank() != 3 {
            return Err(Error::Dim { dim: 2, rank: self.rank() });
        }
        if self.shape()[0] as isize != n || self.shape()[2] != dims + 1 {
            return Err(runtime!(
                "Expected size for first two dimensions of batch2 tensor to be: [{n}, {}] but got: [{}, {}].",
                dims + 1,
                self.shape()[0],
                self.shape()[2]
            ));
        }
        if image.iter().any(|&n| n < 0) {
            return Err(runtime!("linspace: number of steps must be non-negative"));
        }
        let image: Vec<usize> = image.iter().map(|&n| n as usize).collect();
        let base = base_grid(&image, align, self.dtype())?.on(self.device())?;
        let mut shape = Dims::from_slice(&self.shape()[..1]);
        shape.extend_from_slice(&image);
        shape.push(self.shape()[1]);
        let out = no_grad(|| base.matmul(&self.transpose(1, 2)?)?.view(&shape))?;
        out.record("AffineGridGeneratorBackward0", &[self], |_| {
            move |_, g| {
                let rows = [g.shape()[0], base.shape()[0], g.shape()[g.rank() - 1]];
                grads![Some(g.reshape(&rows)?.transpose(1, 2)?.matmul(&base)?)]
            }
        })
    }
}

/// The points of an image from -1 to 1, innermost coordinate first, and a 1: (points, dims + 1).
fn base_grid(image: &[usize], align: bool, dtype: DType) -> Result<Tensor> {
    let dims = image.len();
    let points: usize = image.iter().product();
    let along = |n: usize, i: usize| match n {
        0 | 1 => 0.0,
        _ if align => 2.0 * i as f64 / (n - 1) as f64 - 1.0,
        _ => (2.0 * i as f64 + 1.0) / n as f64 - 1.0,
    };
    let mut base = Vec::with_capacity(points * (dims + 1));
    for p in 0..points {
        let mut rest = p;
        for &n in image.iter().rev() {
            base.push(along(n, rest % n));
            rest /= n;
        }
        base.push(1.0);
    }
    Tensor::from_slice(&base, &[points, dims + 1])?.cast_data(dtype)
}

/// A 0-dim tensor of the dtype of `like`.
fn number(value: f64, like: &Tensor) -> Result<Tensor> {
    Tensor::full_scalar(Scalar::Float(value), like.dtype())?.on(like.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    fn numbers(shape: &[usize], by: i64) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape) as i64).map(|i| (i * by % 23) as f64 / 11.3 - 0.97).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[test]
    fn derivatives_match_finite_differences_and_the_kernel_the_ops() {
        let flat = (numbers(&[2, 2, 4, 5], 37), numbers(&[2, 3, 2, 2], 31).mul_number(1.3).expect("fits"));
        let deep = (numbers(&[1, 2, 3, 4, 3], 37), numbers(&[1, 2, 1, 2, 3], 31));
        for mode in 0..3 {
            for padding in 0..3 {
                for (x, grid) in [&flat, &deep] {
                    let align = padding == 1;
                    let f = |v: &[Tensor]| v[0].grid_sampler(&v[1], mode, padding, align);
                    let xs = [x.clone(), grid.clone()];
                    let (taped, measured) = check_vjp(f, &xs).expect("fits");
                    assert!((taped - measured).abs() < 1e-5, "{mode} {padding}: {taped} {measured}");
                    let (taped, measured) = check_second(f, &xs).expect("fits");
                    assert!((taped - measured).abs() < 1e-5, "{mode} {padding}, second: {taped} {measured}");
                    let d = x.check_grid(grid, mode, padding, align).expect("fits");
                    let g = f(&xs).expect("fits");
                    let one = fused(d, x, grid, &g, [true; 2]).expect("fits");
                    let two = second::composed(d, x, grid, &g, [true; 2]).expect("fits");
                    for (a, b) in one.iter().flatten().zip(two.iter().flatten()) {
                        let (a, b) = (a.slice::<f64>(), b.contiguous_data().expect("small"));
                        assert!(a.iter().zip(b.slice::<f64>()).all(|(a, b)| (a - b).abs() < 1e-9));
                    }
                }
            }
        }
    }

    #[test]
    fn the_identity_makes_a_grid_that_changes_nothing() {
        let theta = Tensor::from_slice(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0], &[1, 2, 3]).expect("small");
        let x = numbers(&[1, 2, 3, 4], 37);
        for align in [false, true] {
            let grid = theta.affine_grid_generator(&[1, 2, 3, 4], align).expect("fits");
            let y = x.grid_sampler(&grid, 0, 0, align).expect("fits");
            assert!(y.slice::<f64>().iter().zip(x.slice::<f64>()).all(|(a, b)| (a - b).abs() < 1e-9));
        }
        let (taped, measured) = check_second(
            |v| v[0].affine_grid_generator(&[1, 1, 2, 3], false)?.mul(&v[0].sum(&[], false, None)?),
            &[theta],
        )
        .expect("fits");
        assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
    }
}
