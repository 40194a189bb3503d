//! Writing into a tensor that has, or gets, a history.
//!
//! `x.op_(…)` is the out-of-place op, a write of its result into `x`'s memory, and a change of `x`'s history to the
//! result's. If `x` is a view, its base's history becomes a `CopySlices` node: the written window from the new op, the
//! rest from the old base.

use std::sync::Arc;

use smallvec::smallvec;

use crate::error::{Error, Result};
use crate::grads;
use crate::layout::Layout;
use crate::ops::promote::check_fits;
use crate::runtime;
use crate::shape::{Dims, broadcast, show};
use crate::tensor::tape::{Ctx, grad_enabled, inference_enabled};
use crate::tensor::{Creation, Edge, Node, Scalar, Tensor, no_grad};

impl Tensor {
    /// Refuse what PyTorch refuses to write in place.
    pub fn check_inplace(&self) -> Result<()> {
        self.check_history()?;
        if self.layout().overlaps_itself() {
            return Err(runtime!(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation."
            ));
        }
        Ok(())
    }

    /// As `check_inplace`, for writes of one number to all elements, which may overlap.
    pub fn check_history(&self) -> Result<()> {
        if self.is_inference() && !inference_enabled() {
            return Err(runtime!(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
            ));
        }
        if grad_enabled() && self.requires_grad() { self.check_new_history() } else { Ok(()) }
    }

    /// Refuse to give this tensor another history, as a recorded write does.
    fn check_new_history(&self) -> Result<()> {
        let view = self.meta_opt().and_then(|m| {
            let state = m.state();
            state
                .view
                .as_ref()
                .map(|v| (v.base.clone(), v.creation, v.refusal(state.edge.as_ref(), "is being")))
        });
        if let Some((base, creation, refusal)) = view {
            if creation != Creation::Default {
                return Err(refusal);
            }
            if self.requires_grad() && base.is_leaf() {
                return Err(runtime!(
                    "a view of a leaf Variable that requires grad is being used in an in-place operation."
                ));
            }
        }
        if self.requires_grad() && self.is_leaf() {
            return Err(runtime!(
                "a leaf Variable that requires grad is being used in an in-place operation."
            ));
        }
        Ok(())
    }

    /// Refuse operands that share a part of the memory to be written, but not all of it in the same order. Where a
    /// window has gaps, PyTorch does not look, and what is read then is what was there before.
    pub fn check_overlap(&self, operands: &[&Tensor]) -> Result<()> {
        self.refuse_shared(operands, true)
    }

    /// Refuse operands that share any of the memory to be written.
    pub fn check_apart(&self, operands: &[&Tensor]) -> Result<()> {
        self.refuse_shared(operands, false)
    }

    fn refuse_shared(&self, operands: &[&Tensor], may_be_same: bool) -> Result<()> {
        let (a, size) = (self.layout(), self.dtype().size());
        for t in operands.iter().filter(|t| t.storage().same(self.storage())) {
            if t.is(self) && may_be_same {
                continue;
            }
            let b = t.layout();
            if a.numel() == 0 || b.numel() == 0 || !a.is_dense() || !b.is_dense() {
                continue;
            }
            let bytes = |l: &Layout, size: usize| (l.offset * size, (l.offset + l.numel()) * size);
            let (a_from, a_to) = bytes(a, size);
            let (b_from, b_to) = bytes(b, t.dtype().size());
            let same = (a_from, a_to) == (b_from, b_to) && a.strides == b.strides;
            if !(same && may_be_same) && a_from < b_to && b_from < a_to {
                return Err(runtime!(
                    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation."
                ));
            }
        }
        Ok(())
    }

    /// Replace the elements by `op(self)`: the in-place form of any op. Autocast leaves these forms alone.
    pub fn inplace(&self, op: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
        self.check_inplace()?;
        let _exact = crate::ops::autocast::pause();
        // What the op saves of its input must survive the write, so a recorded op sees a copy with the same history.
        let copy = || -> Result<Tensor> { Ok(no_grad(|| self.dup())?.with_edge(self.edge()?)) };
        let recording = grad_enabled() && self.requires_grad();
        let mut result = if recording { op(&copy()?)? } else { op(self)? };
        if !recording && result.requires_grad() {
            // Another operand brought the history.
            result = op(&copy()?)?;
        }
        self.assign(&result)
    }

    /// Take over the elements and the history of `result`.
    pub fn assign(&self, result: &Tensor) -> Result<()> {
        if !result.dtype().can_cast(self.dtype()) {
            return Err(Error::Cast { from: result.dtype(), to: self.dtype() });
        }
        if result.shape() != self.shape() {
            return Err(runtime!(
                "output with shape {} doesn't match the broadcast shape {}",
                show(self.shape()),
                show(result.shape())
            ));
        }
        let result = result.to_dtype(self.dtype())?;
        let recorded = grad_enabled() && (result.requires_grad() || self.requires_grad());
        if recorded {
            self.check_new_history()?;
        }
        if !result.is(self) {
            self.write(&result)?;
        }
        let edge = if recorded { result.edge()? } else { None };
        self.written(edge, recorded)
    }

    /// After a write: move the version on and give tensor and base their new history.
    pub fn written(&self, edge: Option<Edge>, recorded: bool) -> Result<()> {
        if !recorded {
            self.storage().bump();
            return Ok(());
        }
        let Some(base) = self.base() else {
            self.storage().bump();
            match edge {
                Some(edge) => self.set_edge(edge),
                None => self.meta().state().edge = None,
            }
            return Ok(());
        };
        let node = copy_slices(self, &base, edge)?;
        self.storage().bump();
        base.set_edge(Edge { node, nr: 0 });
        // The view's own edge is made anew when it is asked for: its version is now behind.
        Ok(())
    }

    /// `copy_`: take the elements of `source`, broadcast and converted.
    pub fn copy_(&self, source: &Tensor) -> Result<()> {
        self.check_inplace()?;
        if broadcast(self.shape(), source.shape())?.as_slice() != self.shape() {
            return Err(runtime!(
                "output with shape {} doesn't match the broadcast shape {}",
                show(self.shape()),
                show(&broadcast(self.shape(), source.shape())?)
            ));
        }
        self.check_overlap(&[source])?;
        let recorded =
            grad_enabled() && (source.requires_grad() || self.requires_grad()) && self.dtype().is_float();
        if recorded {
            self.check_new_history()?;
        }
        self.write(source)?;
        if !recorded {
            return self.written(None, false);
        }
        let dtype = source.dtype();
        let copied = self.detach_alias().record("CopyBackwards", &[self, source], |_| {
            move |ctx: &Ctx, g: &Tensor| {
                let ds = ctx.when(1, || g.to_dtype(dtype))?;
                let dx = ctx.when(0, || g.zeros_like())?;
                grads![dx, ds]
            }
        })?;
        self.written(copied.edge()?, true)
    }

    /// `fill_` with a number; the gradient of the old elements is zero.
    pub fn fill_(&self, value: Scalar) -> Result<()> {
        self.check_history()?;
        self.fill_data(value)?;
        self.overwritten("FillBackward2")
    }

    /// `zero_`: as `fill_(0)`, under a name of its own in the graph.
    pub fn zero_(&self) -> Result<()> {
        self.check_history()?;
        self.fill_data(Scalar::Int(0))?;
        self.overwritten("ZeroBackward0")
    }

    /// `fill_` with a zero-dim tensor, which gets the sum of the gradient.
    pub fn fill_tensor_(&self, value: &Tensor) -> Result<()> {
        if value.rank() != 0 {
            return Err(runtime!(
                "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.",
                value.rank()
            ));
        }
        self.check_history()?;
        let recorded =
            grad_enabled() && (self.requires_grad() || value.requires_grad()) && self.dtype().is_float();
        if recorded {
            self.check_new_history()?;
        }
        self.write(value)?;
        if !recorded {
            return self.written(None, false);
        }
        let old = self.with_edge(self.edge()?);
        let filled = self.detach_alias().record("FillBackward3", &[&old, value], |_| {
            |ctx: &Ctx, g: &Tensor| {
                grads![ctx.when(0, || g.zeros_like())?, ctx.when(1, || g.sum(&[], false, None))?]
            }
        })?;
        self.written(filled.edge()?, true)
    }

    /// One number on the main diagonal; with `wrap` in a tall matrix on those below it too, a row apart.
    pub fn fill_diagonal_(&self, value: Scalar, wrap: bool) -> Result<()> {
        if self.rank() < 2 {
            return Err(runtime!("dimensions must larger than 1"));
        }
        let shape = self.shape();
        if self.rank() > 2 && shape.iter().any(|&n| n != shape[0]) {
            return Err(runtime!("all dimensions of input must be of equal length"));
        }
        check_fits(value, self.dtype())?;
        let n = shape.iter().copied().min().unwrap_or(0);
        let step: usize = self.strides().iter().sum();
        let line = |offset: usize, n: usize| {
            let layout = Layout { shape: Dims::from_slice(&[n]), strides: Dims::from_slice(&[step]), offset };
            self.as_strided(layout)?.fill_(value)
        };
        let start = self.layout().offset;
        line(start, n)?;
        if wrap && self.rank() == 2 && n > 0 {
            let (rows, cols) = (shape[0], shape[1]);
            for from in (cols + 1..rows).step_by(cols + 1) {
                line(start + from * self.strides()[0], cols.min(rows - from))?;
            }
        }
        Ok(())
    }

    /// After every element was written anew: the gradient of the old ones is zero.
    pub(crate) fn overwritten(&self, node: &'static str) -> Result<()> {
        if !(grad_enabled() && self.requires_grad()) {
            return self.written(None, false);
        }
        let old = self.with_edge(self.edge()?);
        let new = self.detach_alias().record(node, &[&old], |_| |_, g| grads![Some(g.zeros_like()?)])?;
        self.written(new.edge()?, true)
    }
}

/// The history of a base one of whose views was written: the window's gradient goes through the new op, the rest
/// through the old history.
fn copy_slices(view: &Tensor, base: &Tensor, edge: Option<Edge>) -> Result<Arc<Node>> {
    let (window, whole) = (view.layout().clone(), base.layout().clone());
    let rule = move |_: &Ctx, g: &[Option<Tensor>]| {
        let Some(g) = &g[0] else {
            return grads![None, None];
        };
        let laid = g.restride(&whole)?;
        let inner = laid.as_strided(window.clone())?;
        let outer = laid.sub(&inner.unstride(&window, &whole)?)?;
        grads![Some(outer), Some(inner)]
    };
    let edges = smallvec![base.edge()?, edge];
    let node = Node::custom("CopySlices".into(), edges, smallvec![base.grad_meta()], false, Arc::new(rule));
    Ok(Arc::new(node))
}
