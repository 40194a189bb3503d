//! Views: other shapes and strides on the same storage, each with the derivative that undoes it.

use std::sync::Arc;

use smallvec::smallvec;

use crate::error::Result;
use crate::grads;
use crate::layout::Layout;
use crate::runtime;
use crate::shape::show;
use crate::tensor::tape::{Ctx, grad_enabled, inference_enabled};
use crate::tensor::{Creation, Edge, Grads, Node, Tensor};

impl Tensor {
    /// A view with a history: shares memory, and a write through it is seen, and differentiated, by its base.
    pub(crate) fn view_as_op<F>(&self, layout: Layout, name: &'static str, rule: F) -> Result<Tensor>
    where
        F: Fn(&Ctx, &Tensor) -> Result<Grads> + Send + Sync + 'static,
    {
        let out = self.alias(layout);
        out.tie(self, Creation::Default);
        out.record(name, &[self], |_| rule)
    }

    /// Note that this is a view of `base`, and whether it may be written in place.
    pub(crate) fn tie(&self, base: &Tensor, creation: Creation) {
        let creation = match creation {
            _ if inference_enabled() && base.is_inference() => return,
            _ if inference_enabled() => Creation::Inference,
            _ if !grad_enabled() => Creation::NoGrad,
            recorded => recorded,
        };
        self.set_view(base, creation, rebuild);
    }

    /// Broadcast without history.
    pub(crate) fn expand_data(&self, shape: &[usize]) -> Result<Tensor> {
        if self.shape() == shape {
            return Ok(self.clone());
        }
        let layout = self.layout().expand(shape).ok_or_else(|| self.not_expandable(shape))?;
        Ok(self.alias(layout))
    }

    /// Why this does not broadcast to a shape.
    fn not_expandable(&self, shape: &[usize]) -> crate::Error {
        let Some(lead) = shape.len().checked_sub(self.rank()) else {
            return self.too_few_sizes(shape);
        };
        let clash = (lead..shape.len())
            .rev()
            .find(|&i| !matches!(self.shape()[i - lead], n if n == 1 || n == shape[i]));
        let i = clash.unwrap_or(lead);
        runtime!(
            "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension {i}.  Target sizes: {}.  Tensor sizes: {}",
            shape.get(i).copied().unwrap_or(1),
            self.shape().get(i - lead).copied().unwrap_or(1),
            show(shape),
            show(self.shape())
        )
    }

    /// `sizes` name fewer dimensions than there are.
    pub(crate) fn too_few_sizes<N: std::fmt::Display>(&self, sizes: &[N]) -> crate::Error {
        runtime!(
            "expand(tensorrs.{}Tensor{{{}}}, size={}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
            self.dtype().scalar_type(),
            show(self.shape()),
            show(sizes),
            sizes.len(),
            self.rank()
        )
    }

    /// Repeat dimensions of size 1 without copying.
    pub fn expand(&self, shape: &[usize]) -> Result<Tensor> {
        let out = self.expand_data(shape)?;
        let from = self.layout().shape.clone();
        self.view_as_op(out.layout().clone(), "ExpandBackward0", move |_, g| grads![Some(g.sum_to(&from)?)])
    }

    /// The same elements in another shape; an error if that needs a copy.
    pub fn view(&self, shape: &[usize]) -> Result<Tensor> {
        let layout = self.layout().view(shape).ok_or_else(|| {
            runtime!(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."
            )
        })?;
        self.in_layout(layout)
    }

    /// `view` once its strides are known.
    fn in_layout(&self, layout: Layout) -> Result<Tensor> {
        let out = self.alias(layout);
        out.tie(self, Creation::Default);
        out.record("ViewBackward0", &[self], |_| {
            let from = self.layout().shape.clone();
            move |_, g| grads![Some(g.reshape(&from)?)]
        })
    }

    /// A view if strides allow it, a copy otherwise.
    pub fn reshape(&self, shape: &[usize]) -> Result<Tensor> {
        match self.layout().view(shape) {
            Some(layout) => self.in_layout(layout),
            None => {
                let out = self.contiguous_data()?.alias(Layout::contiguous(shape));
                let from = self.layout().shape.clone();
                out.record("UnsafeViewBackward0", &[self], |_| move |_, g| grads![Some(g.reshape(&from)?)])
            }
        }
    }

    /// The same bytes as elements of another dtype; the last dimension shrinks or grows if their sizes differ.
    pub fn view_dtype(&self, dtype: crate::dtype::DType) -> Result<Tensor> {
        let (old, new) = (self.dtype().size(), dtype.size());
        let mut layout = self.layout().clone();
        if old != new {
            let Some(last) = layout.shape.len().checked_sub(1) else {
                return Err(runtime!(
                    "self.dim() cannot be 0 to view {} as {} (different element sizes)",
                    self.dtype().scalar_type(),
                    dtype.scalar_type()
                ));
            };
            if layout.strides[last] != 1 {
                return Err(runtime!(
                    "self.stride(-1) must be 1 to view {} as {} (different element sizes), but got {}",
                    self.dtype().scalar_type(),
                    dtype.scalar_type(),
                    layout.strides[last]
                ));
            }
            let resize = |n: usize| -> Result<usize> {
                if !(n * old).is_multiple_of(new) {
                    return Err(runtime!(
                        "self.size(-1) must be divisible by {} to view {} as {} (different element sizes), but got {n}",
                        new / old,
                        self.dtype().scalar_type(),
                        dtype.scalar_type()
                    ));
                }
                Ok(n * old / new)
            };
            layout.shape[last] = resize(layout.shape[last])?;
            layout.offset = resize(layout.offset)?;
            for s in &mut layout.strides[..last] {
                *s = resize(*s)?;
            }
        }
        Ok(Tensor::new(self.storage().clone(), layout, dtype))
    }

    /// Two dimensions exchanged.
    pub fn transpose(&self, a: isize, b: isize) -> Result<Tensor> {
        let layout = self.layout().transpose(a, b)?;
        self.view_as_op(layout, "TransposeBackward0", move |_, g| grads![Some(g.transpose(a, b)?)])
    }

    /// Any shape and strides on the same storage. The gradient of an element that several indices name is their sum.
    pub fn as_strided(&self, layout: Layout) -> Result<Tensor> {
        let bytes = layout.extent() * self.dtype().size();
        if layout.numel() > 0 && bytes > self.storage().len() {
            return Err(runtime!(
                "setStorage: sizes {}, strides {}, storage offset {}, and itemsize {} requiring a storage size of {bytes} are out of bounds for storage of size {}",
                show(&layout.shape),
                show(&layout.strides),
                layout.offset,
                self.dtype().size(),
                self.storage().len()
            ));
        }
        let (window, whole) = (layout.clone(), self.layout().clone());
        self.view_as_op(layout, "AsStridedBackward0", move |_, g| grads![Some(g.unstride(&window, &whole)?)])
    }

    /// The derivative of `as_strided`: add each element of the window's gradient at its place in a zeroed whole.
    pub(crate) fn unstride(&self, window: &Layout, whole: &Layout) -> Result<Tensor> {
        let out = self.new_zeros(&[window.extent().max(whole.extent())], self.dtype())?;
        let g = self.contiguous_data()?;
        crate::per_float!("as_strided_backward", self.dtype(), T => if out.has_data() {
            // SAFETY: `out` was just made here.
            let (to, from) = (unsafe { out.values_mut::<T>()? }, g.values::<T>()?);
            let mut i = 0;
            crate::strided::for_each_offset(window, |at| {
                to[at] = <T as crate::dtype::Float>::narrow(
                    <T as crate::dtype::Float>::widen(to[at]) + <T as crate::dtype::Float>::widen(from[i]));
                i += 1;
            });
        });
        let (window, whole_layout) = (window.clone(), whole.clone());
        let picked = out.alias(whole_layout).contiguous_data()?;
        let whole = whole.clone();
        picked.record("AsStridedBackwardBackward0", &[self], |_| {
            // The window's elements of a gradient laid out as the whole was.
            move |_, gg| {
                let base = gg.restride(&whole)?;
                grads![Some(base.as_strided(window.clone())?)]
            }
        })
    }

    /// The elements at the places `whole` gives them, in a fresh storage; places that it does not name hold zeros.
    pub(crate) fn restride(&self, whole: &Layout) -> Result<Tensor> {
        let room = self.new_zeros(&[whole.extent()], self.dtype())?;
        room.alias(whole.clone()).write(self)?;
        let shape = self.layout().shape.clone();
        let whole_layout = whole.clone();
        room.alias(whole.clone()).record("AsStridedScatterBackward0", &[self], |_| {
            move |_, g| {
                let g = if g.layout() == &whole_layout { g.clone() } else { g.reshape(&shape)? };
                grads![Some(g)]
            }
        })
    }

    /// The same data without history, sharing memory and version: `detach()`.
    pub fn detach(&self) -> Tensor {
        self.alias(self.layout().clone())
    }

    /// As `detach`, and writes to it are not seen by autograd: `Tensor.data`.
    pub fn detach_data(&self) -> Tensor {
        Tensor::new(self.storage().unversioned(), self.layout().clone(), self.dtype())
    }
}

/// A view's edge made anew after its base was written: a window on the base's history.
fn rebuild(view: &Tensor, base: &Tensor) -> Result<Edge> {
    let (window, whole) = (view.layout().clone(), base.layout().clone());
    let rule = move |_: &Ctx, g: &[Option<Tensor>]| match &g[0] {
        Some(g) => grads![Some(g.unstride(&window, &whole)?)],
        None => grads![None],
    };
    let output = view.grad_meta();
    let node = Node::custom(
        "AsStridedBackward0".into(),
        smallvec![base.edge()?],
        smallvec![output],
        false,
        Arc::new(rule),
    );
    Ok(Edge { node: Arc::new(node), nr: 0 })
}
