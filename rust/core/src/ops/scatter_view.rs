//! Copies with a part replaced, where the in-place way is to write to a view: `select_scatter` and its kin.

use crate::error::Result;
use crate::layout::Layout;
use crate::shape::{show, wrap_dim};
use crate::tensor::{Tensor, no_grad};
use crate::{grads, runtime};

impl Tensor {
    /// A copy where the part that `take` gives was replaced by `src`.
    fn scatter_view(
        &self,
        name: &'static str,
        part: &str,
        src: &Tensor,
        take: impl Fn(&Tensor) -> Result<Tensor> + Clone + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let out = self.copied(self.dtype(), Layout::contiguous(self.shape()))?;
        let window = no_grad(|| take(&out))?;
        if window.shape() != src.shape() {
            return Err(runtime!(
                "expected src to have a size equal to the slice of self. src size = {}, {part} size = {}",
                show(src.shape()),
                show(window.shape())
            ));
        }
        window.write(src)?;
        // The view was needed for the write alone.
        let out = out.alias(Layout::contiguous(self.shape()));
        let shape = src.layout().shape.clone();
        let part = part.to_string();
        out.record(name, &[self, src], |_| {
            move |ctx, g| {
                let nothing = || g.new_zeros(&shape, g.dtype());
                let dx = ctx.when(0, || g.scatter_view(name, &part, &nothing()?, take.clone()))?;
                grads![dx, ctx.when(1, || take(g))?]
            }
        })
    }

    /// A copy with index `index` of dimension `dim` replaced by `src`.
    pub fn select_scatter(&self, src: &Tensor, dim: isize, index: isize) -> Result<Tensor> {
        self.scatter_view("SelectScatterBackward0", "slice", src, move |t| t.select(dim, index))
    }

    /// A copy with `start..end` of dimension `dim`, in steps of `step`, replaced by `src`.
    pub fn slice_scatter(
        &self,
        src: &Tensor,
        dim: isize,
        start: Option<isize>,
        end: Option<isize>,
        step: isize,
    ) -> Result<Tensor> {
        wrap_dim(dim, self.rank())?;
        self.scatter_view("SliceScatterBackward0", "slice", src, move |t| t.slice_dim(dim, start, end, step))
    }

    /// A copy with a diagonal replaced by `src`.
    pub fn diagonal_scatter(&self, src: &Tensor, offset: isize, dim1: isize, dim2: isize) -> Result<Tensor> {
        self.scatter_view("DiagonalScatterBackward0", "slice", src, move |t| t.diagonal(offset, dim1, dim2))
    }

    /// A copy with the elements of a strided window on its row-major memory replaced by `src`. As in PyTorch the
    /// gradient of the tensor itself is that of the window, though these elements were replaced.
    pub fn as_strided_scatter(&self, src: &Tensor, window: Layout) -> Result<Tensor> {
        let take = move |t: &Tensor| {
            let t = t.contiguous()?;
            t.as_strided(Layout { offset: window.offset + t.layout().offset, ..window.clone() })
        };
        let out = no_grad(|| self.scatter_view("AsStridedScatterBackward0", "slice", src, take.clone()))?;
        let shape = self.layout().shape.clone();
        out.record("AsStridedScatterBackward0", &[self, src], |_| {
            move |ctx, g| {
                let part = take(g)?;
                let dx = ctx.when(0, || {
                    let nothing = g.new_zeros(&shape, g.dtype())?;
                    nothing.scatter_view("AsStridedScatterBackward0", "slice", &part, take.clone())
                })?;
                grads![dx, Some(part)]
            }
        })
    }
}
