//! What autograd knows of a tensor: its gradient, the node that made it, and the base it is a view of.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::tape::{Edge, Hook, Node, lock};
use super::{DType, OutputMeta, Result, Tensor, runtime};
use crate::error::Error;
use crate::shape::show;

/// Called with the leaf's metadata after a gradient was added to `.grad`.
pub type LeafHook = Arc<dyn Fn() -> Result<()> + Send + Sync>;

#[derive(Default)]
pub struct Meta {
    requires_grad: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
pub struct State {
    pub grad: Option<Tensor>,
    /// The op that made this tensor; `None` for a leaf.
    pub edge: Option<Edge>,
    /// The node that adds to `grad`. Weak: the graph holds it, not the leaf.
    accumulator: Weak<Node>,
    pub view: Option<View>,
    /// Hooks of a leaf; those of other tensors sit on the node.
    pub hooks: Vec<(u64, Hook)>,
    pub leaf_hooks: Vec<(u64, LeafHook)>,
    pub next_hook: u64,
    pub retains_grad: bool,
}

/// How a view came to be: decides whether it may be written in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    Default,
    /// In `no_grad`, of a base that wants gradients.
    NoGrad,
    /// One of several outputs of `split`, `unbind`, ….
    MultiOutput,
    InCustomFunction,
    /// In inference mode, of a tensor made outside it.
    Inference,
}

/// A differentiable view.
pub struct View {
    pub base: Tensor,
    pub creation: Creation,
    /// The storage's version when `edge` was last right; a write through the base or another view moves it on.
    pub version: u32,
    /// Makes the edge anew from the base's, after such a write.
    pub rebuild: fn(view: &Tensor, base: &Tensor) -> Result<Edge>,
}

impl View {
    /// Why the history of this view cannot be made anew after a write; `written` says what was written.
    pub fn refusal(&self, edge: Option<&Edge>, written: &str) -> Error {
        let output = edge
            .map_or(String::new(), |e| format!("Output {} of {} is a view and {written}", e.nr, e.node.op()));
        let clarify = |mode: &str, other: &str, block: &str| {
            runtime!(
                "A view was created in {mode} mode and {written} modified inplace {other}. Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace either both inside the {block} block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
            )
        };
        match self.creation {
            Creation::MultiOutput => runtime!(
                "{output} modified inplace. This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one."
            ),
            Creation::Inference => clarify("inference", "in normal mode", "inference_mode"),
            Creation::NoGrad => clarify("no_grad", "with grad mode enabled", "no_grad"),
            Creation::InCustomFunction | Creation::Default => runtime!(
                "{output} modified inplace. This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
            ),
        }
    }
}

impl Meta {
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub fn requires_grad(&self) -> bool {
        self.requires_grad.load(Ordering::Relaxed)
    }
}

impl Tensor {
    /// The autograd part, made on first use.
    pub fn meta(&self) -> &Arc<Meta> {
        self.0.meta.get_or_init(Default::default)
    }

    /// The autograd part, if there is one.
    #[inline]
    pub fn meta_opt(&self) -> Option<&Arc<Meta>> {
        self.0.meta.get()
    }

    #[inline]
    pub fn requires_grad(&self) -> bool {
        let Some(meta) = self.0.meta.get() else {
            return false;
        };
        if meta.requires_grad() {
            return true;
        }
        // A view follows its base, which may have come to require gradients after the view was made.
        let base = meta.state().view.as_ref().map(|v| v.base.clone());
        base.is_some_and(|b| self.dtype().is_float() && b.requires_grad())
    }

    pub fn is_leaf(&self) -> bool {
        self.grad_edge().is_ok_and(|e| e.is_none())
    }

    /// `requires_grad_()`: only a leaf's flag can be changed.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if on && !self.dtype().is_float() {
            return Err(runtime!("only Tensors of floating point dtype can require gradients"));
        }
        if !self.is_leaf() {
            if on {
                return Ok(());
            }
            return Err(runtime!(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            ));
        }
        if on && self.is_inference() && !super::tape::inference_enabled() {
            return Err(runtime!(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
            ));
        }
        if on || self.meta_opt().is_some() {
            self.meta().requires_grad.store(on, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The op that made this tensor, brought up to date if it is a view whose base was written since.
    pub fn grad_edge(&self) -> Result<Option<Edge>> {
        let Some(meta) = self.0.meta.get() else {
            return Ok(None);
        };
        let (base, rebuild) = {
            let state = meta.state();
            match &state.view {
                Some(v) if v.version != self.storage().version() => (v.base.clone(), v.rebuild),
                _ => return Ok(state.edge.clone()),
            }
        };
        if !base.requires_grad() || !self.dtype().is_float() {
            return Ok(meta.state().edge.clone());
        }
        {
            let state = meta.state();
            if let Some(v) = &state.view
                && v.creation != Creation::Default
            {
                return Err(v.refusal(state.edge.as_ref(), "its base or another view of its base has been"));
            }
        }
        let edge = rebuild(self, &base)?;
        let mut state = meta.state();
        state.edge = Some(edge.clone());
        if let Some(v) = &mut state.view {
            v.version = self.storage().version();
        }
        drop(state);
        meta.requires_grad.store(true, Ordering::Relaxed);
        Ok(Some(edge))
    }

    /// Where this tensor's gradient goes: its node, the accumulator of a leaf, or nowhere.
    pub fn edge(&self) -> Result<Option<Edge>> {
        if !self.requires_grad() {
            return Ok(None);
        }
        if let Some(edge) = self.grad_edge()? {
            return Ok(Some(edge));
        }
        let mut state = self.meta().state();
        let node = state.accumulator.upgrade().unwrap_or_else(|| {
            let node = Arc::new(Node::accumulate(self));
            state.accumulator = Arc::downgrade(&node);
            node
        });
        Ok(Some(Edge { node, nr: 0 }))
    }

    /// Make this tensor the result of a node.
    pub fn set_edge(&self, edge: Edge) {
        let meta = self.meta();
        let mut state = meta.state();
        state.edge = Some(edge);
        if let Some(view) = &mut state.view {
            view.version = self.storage().version();
        }
        drop(state);
        meta.requires_grad.store(true, Ordering::Relaxed);
    }

    /// Forget the history: `detach_()`.
    pub fn clear_edge(&self) -> Result<()> {
        let Some(meta) = self.0.meta.get() else {
            return Ok(());
        };
        let mut state = meta.state();
        if state.view.is_some() {
            return Err(runtime!(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence detach_() cannot be called on these gradients. To fix this error, please refer to the Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
            ));
        }
        state.edge = None;
        drop(state);
        meta.requires_grad.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The same data with the given history.
    pub fn with_edge(&self, edge: Option<Edge>) -> Tensor {
        let t = self.detach_alias();
        if let Some(edge) = edge {
            t.set_edge(edge);
        }
        t
    }

    /// Note that this tensor is a view of `base` (or of the base of `base`).
    pub fn set_view(&self, base: &Tensor, creation: Creation, rebuild: fn(&Tensor, &Tensor) -> Result<Edge>) {
        let (base, inherited) =
            match base.meta_opt().and_then(|m| m.state().view.as_ref().map(|v| (v.base.clone(), v.creation)))
            {
                Some((root, c)) => (root, c),
                None => (base.clone(), Creation::Default),
            };
        let creation = if creation == Creation::Default { inherited } else { creation };
        let version = self.storage().version();
        self.meta().state().view = Some(View { base, creation, version, rebuild });
    }

    /// The tensor this one is a view of: `Tensor._base`.
    pub fn base(&self) -> Option<Tensor> {
        self.meta_opt()?.state().view.as_ref().map(|v| v.base.clone())
    }

    pub fn grad(&self) -> Option<Tensor> {
        self.meta_opt()?.state().grad.clone()
    }

    pub fn set_grad(&self, grad: Option<Tensor>) -> Result<()> {
        let old = match (&grad, self.meta_opt()) {
            (None, None) => return Ok(()),
            (None, Some(meta)) => std::mem::take(&mut meta.state().grad),
            (Some(g), _) => {
                self.check_grad(g)?;
                self.meta().state().grad.replace(g.clone())
            }
        };
        drop(old);
        Ok(())
    }

    fn check_grad(&self, g: &Tensor) -> Result<()> {
        if g.is(self) {
            return Err(runtime!("can't assign Variable as its own grad"));
        }
        if g.dtype() != self.dtype() {
            return Err(runtime!(
                "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match.",
                type_name(g.dtype()),
                self.dtype().scalar_type()
            ));
        }
        if g.shape() != self.shape() {
            return Err(runtime!(
                "attempting to assign a gradient of size '{}' to a tensor of size '{}'. Please ensure that the gradient and the tensor are the same size",
                show(g.shape()),
                show(self.shape())
            ));
        }
        Ok(())
    }

    /// The data of `other` under the autograd identity of `self`: what `x.data = y` makes of `x`.
    pub fn with_data(&self, other: &Tensor) -> Tensor {
        let t = other.detach_alias();
        let meta = self.meta();
        t.0.meta.set(meta.clone()).unwrap_or_else(|_| unreachable!("detach_alias makes no meta"));
        let mut state = meta.state();
        if let Some(node) = state.accumulator.upgrade() {
            if self.shape() == t.shape() && self.dtype() == t.dtype() {
                node.set_leaf(&t);
            } else {
                // Gradients of another kind need another node; graphs made before keep the old one.
                state.accumulator = Weak::new();
            }
        }
        drop(state);
        t
    }

    /// What the engine compares gradients of this tensor with.
    pub fn grad_meta(&self) -> OutputMeta {
        self.output_meta()
    }
}

/// How C++ calls the type of an element, in the one message that says it.
fn type_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::I8 => "signed char",
        DType::U8 => "unsigned char",
        DType::I16 => "short int",
        DType::I32 => "int",
        DType::I64 => "long int",
        DType::Bool => "bool",
    }
}
