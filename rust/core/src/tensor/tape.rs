//! The tape: nodes, edges, what an op saves for its derivative, and the switches that turn recording off.
//!
//! `Tensor::record` is the only place where a node is made from an op. An edge points to a node and an output number,
//! never to a tensor: it keeps no data alive. What a rule needs of the forward pass it takes through `Save`, and gets
//! back through `Ctx`, with its history, so that a derivative can be differentiated again.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use smallvec::SmallVec;

use super::{Meta, Tensor};
use crate::dtype::DType;
use crate::error::Result;
use crate::runtime;
use crate::shape::Dims;

/// One gradient per input; `None` where there is none.
pub type Grads = SmallVec<[Option<Tensor>; 3]>;
/// The derivative of one op: gradients of the outputs in, gradients of the inputs out.
pub type Rule = Arc<dyn Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync>;
/// Sees a gradient and may replace it.
pub type Hook = Arc<dyn Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync>;
/// Sees all gradients that enter a node and may replace them.
pub type PreHook = Arc<dyn Fn(&[Option<Tensor>]) -> Result<Option<Vec<Option<Tensor>>>> + Send + Sync>;
/// Sees what a node computed (inputs' gradients, outputs' gradients) and may replace the former.
pub type PostHook =
    Arc<dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<Vec<Option<Tensor>>>> + Send + Sync>;

/// Where a gradient goes next.
#[derive(Clone)]
pub struct Edge {
    pub node: Arc<Node>,
    pub nr: usize,
}

impl Edge {
    /// The same output of the same node.
    pub fn is(&self, other: &Edge) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && self.nr == other.nr
    }
}

/// What the engine checks a gradient against before it enters a node.
#[derive(Clone, Debug)]
pub struct OutputMeta {
    pub shape: Dims,
    pub dtype: DType,
}

/// Callbacks of a node: rare, so kept aside.
#[derive(Default, Clone)]
pub struct Hooks {
    next: u64,
    /// By output number: tensor hooks and `retain_grad`, in the order they were registered.
    pub tensor: Vec<(u64, usize, Hook)>,
    pub retain: Vec<(usize, Arc<Meta>)>,
    pub pre: Vec<(u64, PreHook)>,
    pub post: Vec<(u64, PostHook)>,
}

impl Hooks {
    /// A key that `remove` takes.
    pub fn key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub fn remove(&mut self, key: u64) {
        self.tensor.retain(|h| h.0 != key);
        self.pre.retain(|h| h.0 != key);
        self.post.retain(|h| h.0 != key);
    }
}

/// What a node does with a gradient.
pub enum Action {
    /// A leaf of the graph: the gradient is added to its `.grad`.
    Accumulate(Tensor),
    Apply(Rule),
    /// Ran already and let go of what it had saved.
    Released,
}

/// One line of the tape. Ids grow, so creation order is a topological order.
pub struct Node {
    pub id: u64,
    pub name: std::borrow::Cow<'static, str>,
    pub edges: SmallVec<[Option<Edge>; 2]>,
    pub outputs: SmallVec<[OutputMeta; 1]>,
    action: Mutex<Action>,
    /// Whether the rule holds tensors that go away with the first backward pass.
    saves: bool,
    hooks: OnceLock<Box<Mutex<Hooks>>>,
    /// Where the forward call was made, in anomaly mode.
    pub trace: Option<String>,
    /// Room for the bindings: the Python object that stands for this node.
    pub companion: OnceLock<Box<dyn std::any::Any + Send + Sync>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Node {
    fn new(name: std::borrow::Cow<'static, str>, action: Action, saves: bool) -> Node {
        Node {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name,
            edges: SmallVec::new(),
            outputs: SmallVec::new(),
            action: Mutex::new(action),
            saves,
            hooks: OnceLock::new(),
            trace: None,
            companion: OnceLock::new(),
        }
    }

    /// The end of a path: adds to the `.grad` of a leaf. Its id is above all others, so it runs as soon as it is due.
    pub fn accumulate(leaf: &Tensor) -> Node {
        let mut node = Node::new("AccumulateGrad".into(), Action::Accumulate(leaf.clone()), false);
        node.id = u64::MAX;
        node.outputs.push(leaf.output_meta());
        node
    }

    /// A node whose parts are at hand; ops use `Tensor::record`.
    pub fn custom(
        name: std::borrow::Cow<'static, str>,
        edges: SmallVec<[Option<Edge>; 2]>,
        outputs: SmallVec<[OutputMeta; 1]>,
        saves: bool,
        rule: Rule,
    ) -> Node {
        let mut node = Node::new(name, Action::Apply(rule), saves);
        node.edges = edges;
        node.outputs = outputs;
        node.trace = anomaly_trace();
        node
    }

    pub fn hooks(&self) -> Option<MutexGuard<'_, Hooks>> {
        self.hooks.get().map(|h| lock(h))
    }

    pub fn hooks_mut(&self) -> MutexGuard<'_, Hooks> {
        lock(self.hooks.get_or_init(Default::default))
    }

    /// The leaf that an `AccumulateGrad` node adds to.
    pub fn leaf(&self) -> Option<Tensor> {
        match &*lock(&self.action) {
            Action::Accumulate(leaf) => Some(leaf.clone()),
            _ => None,
        }
    }

    /// The leaf has other data now: `x.data = y`.
    pub(super) fn set_leaf(&self, leaf: &Tensor) {
        let old = std::mem::replace(&mut *lock(&self.action), Action::Accumulate(leaf.clone()));
        drop(old);
    }

    /// Run the rule. Unless the graph is kept, saved tensors are freed when it returns.
    pub fn run(self: &Arc<Self>, grads: &[Option<Tensor>], keep: bool) -> Result<Grads> {
        // The rule is shared while it runs: no lock is held when it calls other ops or Python.
        let rule = match &*lock(&self.action) {
            Action::Apply(rule) => rule.clone(),
            _ => {
                return Err(already_freed());
            }
        };
        let result = rule(&Ctx { node: self }, grads)?;
        if self.saves && !keep {
            let released = std::mem::replace(&mut *lock(&self.action), Action::Released);
            drop(released);
        }
        Ok(result)
    }

    /// The op whose derivative this is, as messages call it: `Split` of `SplitBackward0`.
    pub fn op(&self) -> &str {
        self.name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches("Backward")
    }

    pub fn is_accumulate(&self) -> bool {
        self.id == u64::MAX
    }
}

/// What a node leaves behind to be freed.
type Parts = (SmallVec<[Option<Edge>; 2]>, Action);

thread_local! {
    /// Nodes whose parts are still to be freed by the outermost `drop` on this thread.
    static DYING: RefCell<Option<Vec<Parts>>> = const { RefCell::new(None) };
}

impl Drop for Node {
    /// A long chain must not be freed by recursion: the first node to go frees, in a loop, what the others leave to it.
    fn drop(&mut self) {
        if self.edges.is_empty() && !self.saves {
            return;
        }
        let action =
            std::mem::replace(self.action.get_mut().unwrap_or_else(|e| e.into_inner()), Action::Released);
        let mut parts = Some((std::mem::take(&mut self.edges), action));
        let outermost = DYING.try_with(|dying| match &mut *dying.borrow_mut() {
            Some(queue) => {
                queue.extend(parts.take());
                false
            }
            none => {
                *none = Some(Vec::new());
                true
            }
        });
        if outermost != Ok(true) {
            return;
        }
        while let Some(part) = parts.take() {
            drop(part);
            parts = DYING.with(|dying| dying.borrow_mut().as_mut().and_then(Vec::pop));
        }
        DYING.with(|dying| *dying.borrow_mut() = None);
    }
}

/// A poisoned lock means that a panic passed by; the data behind it is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// A tensor of the forward pass, held for the derivative. An input is held as it is: its history is older than the node.
/// An output is held without history, which would be the node itself and keep it alive for ever.
pub struct Saved {
    data: Tensor,
    version: u32,
    from: Origin,
}

#[derive(Clone, Copy)]
enum Origin {
    Input(usize),
    Output(usize),
    /// Holds its own history.
    Elsewhere,
    Nowhere,
}

impl Saved {
    /// The tensor with its history. Fails if it was written in place since it was saved.
    pub fn get(&self, ctx: &Ctx) -> Result<Tensor> {
        let found = self.data.storage().version();
        if found != self.version {
            return Err(self.stale(ctx, found));
        }
        match self.from {
            Origin::Input(i) => {
                let edge = &ctx.node.edges[i];
                let as_saved = match (self.data.edge()?, edge) {
                    (Some(now), Some(then)) => now.is(then),
                    (now, then) => now.is_none() && then.is_none(),
                };
                Ok(if as_saved { self.data.clone() } else { self.data.with_edge(edge.clone()) })
            }
            Origin::Output(nr) => Ok(self.data.with_edge(Some(Edge { node: ctx.node.clone(), nr }))),
            Origin::Elsewhere | Origin::Nowhere => Ok(self.data.clone()),
        }
    }

    fn stale(&self, ctx: &Ctx, found: u32) -> crate::error::Error {
        let whose = match self.from {
            Origin::Output(nr) => format!(", which is output {nr} of {},", ctx.node.op()),
            Origin::Input(i) => match &ctx.node.edges[i] {
                Some(e) if !e.node.is_accumulate() => {
                    format!(", which is output {} of {},", e.nr, e.node.op())
                }
                _ => String::new(),
            },
            Origin::Elsewhere | Origin::Nowhere => String::new(),
        };
        runtime!(
            "one of the variables needed for gradient computation has been modified by an inplace operation: [tensorrs.{}Tensor {}]{whose} is at version {found}; expected version {} instead. Hint: {}",
            self.data.dtype().scalar_type(),
            crate::shape::show(self.data.shape()),
            self.version,
            if ctx.node.trace.is_some() {
                "the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in there or anywhere later. Good luck!"
            } else {
                "enable anomaly detection to find the operation that failed to compute its gradient, with tensorrs.autograd.set_detect_anomaly(True)."
            }
        )
    }
}

/// Given to an op's `record` closure: takes what the derivative will read.
pub struct Save<'a> {
    inputs: &'a [&'a Tensor],
    outputs: &'a [Tensor],
    any: bool,
    /// Whether a tensor of inference mode, which counts no versions, was to be saved.
    inference: bool,
}

impl Save<'_> {
    /// Whether input `i` wants a gradient: save only what a wanted gradient reads.
    pub fn needs(&self, i: usize) -> bool {
        self.inputs[i].requires_grad()
    }

    pub fn input(&mut self, i: usize) -> Saved {
        self.keep(self.inputs[i].clone(), Origin::Input(i))
    }

    /// Save input `i` only if input `j` wants a gradient.
    pub fn input_for(&mut self, i: usize, j: usize) -> Option<Saved> {
        self.needs(j).then(|| self.input(i))
    }

    pub fn output(&mut self, nr: usize) -> Saved {
        let t = self.outputs[nr].detach_alias();
        self.keep(t, Origin::Output(nr))
    }

    /// Any tensor: an input, an output, or one from elsewhere, which keeps the history it has.
    pub fn any(&mut self, t: &Tensor) -> Result<Saved> {
        if let Some(nr) = self.outputs.iter().position(|o| o.is(t)) {
            return Ok(self.output(nr));
        }
        if let Some(i) = self.inputs.iter().position(|x| x.is(t)) {
            return Ok(self.input(i));
        }
        Ok(self.keep(t.clone(), Origin::Elsewhere))
    }

    /// A tensor without history: indices, masks, statistics.
    pub fn plain(&mut self, t: &Tensor) -> Saved {
        self.keep(t.detach_alias(), Origin::Nowhere)
    }

    fn keep(&mut self, data: Tensor, from: Origin) -> Saved {
        self.any = true;
        self.inference |= data.is_inference();
        let version = data.storage().version();
        Saved { data, version, from }
    }
}

/// For a second walk through a graph that was not kept.
pub fn already_freed() -> crate::error::Error {
    runtime!(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward."
    )
}

/// Given to a rule while it runs.
pub struct Ctx<'a> {
    pub node: &'a Arc<Node>,
}

impl Ctx<'_> {
    /// Whether the gradient of input `i` leads anywhere.
    #[inline]
    pub fn needs(&self, i: usize) -> bool {
        self.node.edges[i].is_some()
    }

    /// A tensor for what a rule makes of the gradient `g` element by element, on the memory of `g`, if nobody else holds
    /// that gradient or looks at it afterwards.
    pub fn reuse(&self, g: &Tensor) -> Option<Tensor> {
        let looked_at = self.node.hooks().is_some_and(|hooks| !hooks.post.is_empty());
        if looked_at { None } else { g.reuse(1) }
    }

    /// The gradient of input `i`, computed only if it is wanted.
    #[inline]
    pub fn when(&self, i: usize, f: impl FnOnce() -> Result<Tensor>) -> Result<Option<Tensor>> {
        if self.needs(i) { f().map(Some) } else { Ok(None) }
    }
}

/// `grads![a, b]`: what a rule returns.
#[macro_export]
macro_rules! grads {
    ($($g:expr),* $(,)?) => { { let mut out = $crate::tensor::Grads::new(); $(out.push($g);)* Ok(out) } };
}

impl Tensor {
    /// Write an op with one output on the tape, if a gradient may be asked for later. `rule` is called only then.
    #[inline]
    pub fn record<F>(
        self,
        name: &'static str,
        inputs: &[&Tensor],
        rule: impl FnOnce(&mut Save) -> F,
    ) -> Result<Tensor>
    where
        F: Fn(&Ctx, &Tensor) -> Result<Grads> + Send + Sync + 'static,
    {
        if !wants_record(inputs) || !self.dtype().is_float() {
            return Ok(self);
        }
        record_slow(name, inputs, std::slice::from_ref(&self), |save| {
            let one = rule(save);
            Arc::new(move |ctx: &Ctx, grads: &[Option<Tensor>]| match &grads[0] {
                Some(g) => one(ctx, g),
                None => Ok(SmallVec::from_elem(None, ctx.node.edges.len())),
            })
        })?;
        Ok(self)
    }

    /// As `record`, for several outputs; the rule sees `None` for outputs nobody used.
    pub fn record_all<F>(
        outs: Vec<Tensor>,
        name: &'static str,
        inputs: &[&Tensor],
        rule: impl FnOnce(&mut Save) -> F,
    ) -> Result<Vec<Tensor>>
    where
        F: Fn(&Ctx, &[Option<Tensor>]) -> Result<Grads> + Send + Sync + 'static,
    {
        if !wants_record(inputs) {
            return Ok(outs);
        }
        record_slow(name, inputs, &outs, |save| Arc::new(rule(save)))?;
        Ok(outs)
    }
}

/// Whether an op on these inputs goes on the tape.
#[inline]
pub fn wants_record(inputs: &[&Tensor]) -> bool {
    inputs.iter().any(|t| t.requires_grad()) && grad_enabled()
}

fn record_slow(
    name: &'static str,
    inputs: &[&Tensor],
    outs: &[Tensor],
    rule: impl FnOnce(&mut Save) -> Rule,
) -> Result<()> {
    let node = make_node(name.into(), inputs, outs, rule)?;
    for (nr, out) in outs.iter().enumerate() {
        if out.dtype().is_float() {
            out.set_edge(Edge { node: node.clone(), nr });
        }
    }
    Ok(())
}

/// A node from its inputs to its outputs, which the caller ties to it; `Tensor::record` does it for ops.
pub fn make_node(
    name: std::borrow::Cow<'static, str>,
    inputs: &[&Tensor],
    outs: &[Tensor],
    rule: impl FnOnce(&mut Save) -> Rule,
) -> Result<Arc<Node>> {
    let mut edges = SmallVec::new();
    for t in inputs {
        edges.push(t.edge()?);
    }
    let outputs = outs.iter().map(Tensor::output_meta).collect();
    let mut save = Save { inputs, outputs: outs, any: false, inference: false };
    let rule = rule(&mut save);
    if save.inference {
        return Err(runtime!(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in autograd, or use `tensorrs.no_grad()` instead of `tensorrs.inference_mode()`."
        ));
    }
    let any = save.any;
    Ok(Arc::new(Node::custom(name, edges, outputs, any, rule)))
}

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static INFERENCE: Cell<bool> = const { Cell::new(false) };
    static ANOMALY: Cell<bool> = const { Cell::new(false) };
}

/// Asked for the text of the caller's stack in anomaly mode; the bindings set it.
pub static TRACER: OnceLock<fn() -> String> = OnceLock::new();

fn anomaly_trace() -> Option<String> {
    ANOMALY.get().then(|| TRACER.get().map_or_else(String::new, |trace| trace()))
}

pub fn anomaly_enabled() -> bool {
    ANOMALY.get()
}

pub fn set_anomaly(on: bool) {
    ANOMALY.set(on);
}

#[inline]
pub fn grad_enabled() -> bool {
    GRAD.get()
}

pub fn set_grad_enabled(on: bool) {
    GRAD.set(on);
}

#[inline]
pub fn inference_enabled() -> bool {
    INFERENCE.get()
}

pub fn set_inference(on: bool) {
    INFERENCE.set(on);
}

/// Puts the grad switch back when it goes out of scope, after a panic too.
pub struct GradMode(bool);

impl GradMode {
    pub fn set(on: bool) -> GradMode {
        GradMode(GRAD.replace(on))
    }
}

impl Drop for GradMode {
    fn drop(&mut self) {
        GRAD.set(self.0);
    }
}

/// Run `f` without recording.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    let _mode = GradMode::set(false);
    f()
}
