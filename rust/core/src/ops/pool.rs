//! Pooling over the last two dimensions of (N, C, H, W) or (C, H, W), or the last three of (N, C, D, H, W) or
//! (C, D, H, W): maximum and mean. Files:
//!   windows.rs  -> the arguments and their checks
//!   row.rs      -> pools over one dimension
//!   adaptive.rs -> parts instead of windows
//!   chosen.rs   -> windows at random places, and the way back from a maximum
//!
//! Given the places of its maxima a max pool is linear, as the others are. `Map` is such a linear map: `down` pools,
//! `up` is its transpose, and each is the derivative of the other.

mod adaptive;
mod chosen;
mod row;
#[cfg(test)]
mod tests;
mod windows;

use std::sync::Arc;

use crate::backend::backend;
use crate::backend::nn::{Adaptive, Chosen, Divisor, Pool};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::Dims;
use crate::tensor::Tensor;
use crate::tensor::tape::wants_record;
use crate::{autocast, grads, runtime};

use windows::Op;
pub use windows::Windows;

const MAX_2D: Op = Op { name: "max_pool2d", axes: 2, mean: false };
const MAX_3D: Op = Op { name: "max_pool3d", axes: 3, mean: false };
const AVG_2D: Op = Op { name: "avg_pool2d", axes: 2, mean: true };
const AVG_3D: Op = Op { name: "avg_pool3d", axes: 3, mean: true };

enum Kind {
    Avg(Pool, Divisor),
    Adaptive(Adaptive),
    /// The places of the maxima, int32 or int64.
    Max(Chosen, Tensor),
}

/// A linear map between volumes and what a pool makes of them.
struct Map {
    kind: Kind,
    full: Dims,
    pooled: Dims,
    /// `grad_fn` of the pool and of its derivative.
    names: [&'static str; 2],
}

impl Map {
    fn down(self: &Arc<Self>, x: &Tensor) -> Result<Tensor> {
        let out = match &self.kind {
            // The first pass is made by the pool itself; this one reads at the places it found.
            Kind::Max(d, place) => {
                return x
                    .reshape(&[d.planes, d.plane])?
                    .gather(1, &place.alias(Layout::contiguous(&[d.planes, d.out])).cast_data(DType::I64)?)?
                    .view(&self.pooled);
            }
            Kind::Avg(d, divisor) => {
                // Integers are pooled as float64, which holds the sums, and cut off as an integer division does.
                let wide = if x.dtype() == DType::I64 { x.cast_data(DType::F64)? } else { x.wide()? };
                let out = wide.wide_out(&self.pooled)?;
                backend(x.device()).avg_pool(*d, *divisor, wide.contiguous_data()?.raw(), out.raw())?;
                out
            }
            Kind::Adaptive(d) => {
                let out = x.wide_out(&self.pooled)?;
                backend(x.device()).adaptive_avg_pool(*d, x.wide()?.raw(), out.raw())?;
                out
            }
        };
        let map = self.clone();
        out.cast_data(x.dtype())?.record(self.names[0], &[x], |_| move |_, g| grads![Some(map.up(g)?)])
    }

    fn up(self: &Arc<Self>, g: &Tensor) -> Result<Tensor> {
        let (dy, out) = (g.wide()?, g.wide_out(&self.full)?);
        let on = backend(g.device());
        match &self.kind {
            Kind::Max(d, place) => on.max_pool_backward(*d, place.raw(), dy.raw(), out.raw())?,
            Kind::Avg(d, divisor) => on.avg_pool_backward(*d, *divisor, dy.raw(), out.raw())?,
            Kind::Adaptive(d) => on.adaptive_avg_pool_backward(*d, dy.raw(), out.raw())?,
        }
        let map = self.clone();
        out.cast_data(g.dtype())?.record(self.names[1], &[g], |_| move |_, u| grads![Some(map.down(u)?)])
    }
}

impl Tensor {
    /// The shape of a pool over the last `axes` dimensions.
    fn pooled(&self, axes: usize, out: [usize; 3]) -> Dims {
        let mut shape = Dims::from_slice(&self.shape()[..self.rank() - axes]);
        shape.extend_from_slice(&out[3 - axes..]);
        shape
    }

    /// `out` was read at the places `place` of `self`: the history of a maximum.
    fn recorded_max(
        &self,
        out: Tensor,
        d: Chosen,
        place: &Tensor,
        names: [&'static str; 2],
    ) -> Result<Tensor> {
        let kind = Kind::Max(d, place.detach_alias());
        let (full, pooled) = (self.layout().shape.clone(), out.layout().shape.clone());
        let map = Arc::new(Map { kind, full, pooled, names });
        out.record(names[0], &[self], |save| {
            // The map holds the places already: this is what the first walk lets go of.
            let kept = save.plain(place);
            move |ctx, g| {
                kept.get(ctx)?;
                grads![Some(map.up(g)?)]
            }
        })
    }

    /// The largest number of every window; its place in its volume too, as int32, if `places`.
    fn max_pool(&self, op: Op, windows: Windows, places: bool) -> Result<(Tensor, Option<Tensor>)> {
        let d = windows.on(op, self)?;
        if self.dtype() == DType::Bool {
            return Err(Error::NotImplemented { op: op.name.into(), dtype: self.dtype() });
        }
        let pooled = Layout::contiguous(&self.pooled(op.axes, d.out));
        let x = self.contiguous_data()?;
        let out = Tensor::empty_on(pooled.clone(), self.dtype(), self.device())?;
        let recorded = wants_record(&[self]);
        let place =
            (places || recorded).then(|| Tensor::empty_on(pooled, DType::I32, self.device())).transpose()?;
        backend(self.device()).max_pool(d, x.raw(), out.raw(), place.as_ref().map(Tensor::raw))?;
        let Some(place) = place else { return Ok((out, None)) };
        if !recorded {
            return Ok((out, Some(place)));
        }
        let names = if op.axes == 2 {
            ["MaxPool2DWithIndicesBackward0", "MaxPool2DWithIndicesBackwardBackward0"]
        } else {
            ["MaxPool3DWithIndicesBackward0", "MaxPool3DWithIndicesBackwardBackward0"]
        };
        Ok((self.recorded_max(out, d.chosen(), &place, names)?, Some(place)))
    }

    fn max_pool_with_indices(&self, op: Op, windows: Windows) -> Result<(Tensor, Tensor)> {
        let (out, place) = self.max_pool(op, windows, true)?;
        let place = place.ok_or_else(|| runtime!("{}: no places were kept", op.name))?;
        Ok((out, place.cast_data(DType::I64)?))
    }

    /// The largest number of every window.
    pub fn max_pool2d(&self, windows: Windows) -> Result<Tensor> {
        Ok(self.max_pool(MAX_2D, windows, false)?.0)
    }

    /// The largest number of every window, and where in its plane it stands, counted row by row.
    pub fn max_pool2d_with_indices(&self, windows: Windows) -> Result<(Tensor, Tensor)> {
        self.max_pool_with_indices(MAX_2D, windows)
    }

    pub fn max_pool3d(&self, windows: Windows) -> Result<Tensor> {
        autocast!("max_pool3d"; x = self => x.max_pool3d(windows));
        Ok(self.max_pool(MAX_3D, windows, false)?.0)
    }

    pub fn max_pool3d_with_indices(&self, windows: Windows) -> Result<(Tensor, Tensor)> {
        self.max_pool_with_indices(MAX_3D, windows)
    }

    fn avg_pool(&self, op: Op, windows: Windows, include_pad: bool, divisor: Option<i64>) -> Result<Tensor> {
        if divisor == Some(0) {
            return Err(runtime!("divisor must be not zero"));
        }
        let d = windows.on(op, self)?;
        let dtype = self.dtype();
        let half = matches!(dtype, DType::F16 | DType::BF16);
        if !(dtype.is_float() || dtype == DType::I64) || half && op.axes == 3 {
            let op = if op.axes == 2 { "avg_pool2d" } else { "avg_pool3d_out_frame" };
            return Err(Error::NotImplemented { op: op.into(), dtype });
        }
        let divisor = match divisor {
            Some(n) => Divisor::Fixed(n as f64),
            None if include_pad => Divisor::WithPadding,
            None => Divisor::Inside,
        };
        let (full, pooled) = (self.layout().shape.clone(), self.pooled(op.axes, d.out));
        let names = if op.axes == 2 {
            ["AvgPool2DBackward0", "AvgPool2DBackwardBackward0"]
        } else {
            ["AvgPool3DBackward0", "AvgPool3DBackwardBackward0"]
        };
        Arc::new(Map { kind: Kind::Avg(d, divisor), full, pooled, names }).down(self)
    }

    /// The mean of every window. The padding counts if `include_pad`; `divisor` stands for the number of elements.
    pub fn avg_pool2d(&self, windows: Windows, include_pad: bool, divisor: Option<i64>) -> Result<Tensor> {
        self.avg_pool(AVG_2D, windows, include_pad, divisor)
    }

    pub fn avg_pool3d(&self, windows: Windows, include_pad: bool, divisor: Option<i64>) -> Result<Tensor> {
        autocast!("avg_pool3d"; x = self => x.avg_pool3d(windows, include_pad, divisor));
        self.avg_pool(AVG_3D, windows, include_pad, divisor)
    }
}
