//! The engine: sends gradients along the tape, highest node id first.
//!
//! Every use of a value was written on the tape after the value itself, so by the time a node is the highest one due,
//! all parts of its gradient have arrived. There is no recursion. Leaves come last, so that a leaf's hooks see the
//! whole gradient once.

pub mod check;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::runtime;
use crate::shape::{expandable, show};
use crate::tensor::tape::{GradMode, Node, anomaly_enabled};
use crate::tensor::{Edge, Meta, OutputMeta, Tensor};

/// Choices of one backward pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Keep what nodes have saved, so that the graph can be walked again.
    pub retain_graph: bool,
    /// Record the backward pass itself.
    pub create_graph: bool,
}

type Buffer = SmallVec<[Option<Tensor>; 1]>;

/// One backward pass under way.
struct Pass {
    options: Options,
    /// Nodes with a gradient waiting, by id.
    due: BTreeMap<u64, (Arc<Node>, Buffer)>,
    /// Leaves with a gradient waiting, in the order they were first reached.
    leaves: Vec<(Arc<Node>, Option<Tensor>)>,
    leaf_at: HashMap<usize, usize>,
    /// If only some inputs are asked for: the nodes on the way to them.
    wanted: Option<HashSet<usize>>,
    /// Where asked-for gradients are taken: node and output number to position in the result.
    captures: HashMap<(usize, usize), Vec<usize>>,
    captured: Vec<Option<Tensor>>,
    /// Whether gradients of leaves are added to `.grad`.
    accumulate: bool,
}

fn key(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node) as usize
}

/// Add the gradients of `roots` to the `.grad` of the leaves, or only of `inputs` if there are any.
pub fn backward(roots: &[(Tensor, Option<Tensor>)], inputs: &[Tensor], options: Options) -> Result<()> {
    if inputs.is_empty() {
        let mut pass = Pass::new(options, true);
        return pass.run(roots);
    }
    let grads = grad_of(roots, inputs, options)?;
    for (input, g) in inputs.iter().zip(grads) {
        if let Some(g) = g {
            add_to_grad(input.meta(), &input.grad_meta(), g, options.create_graph)?;
            run_leaf_hooks(input.meta())?;
        }
    }
    Ok(())
}

/// The gradients of `roots` with respect to `inputs`; `.grad` of no tensor is touched.
pub fn grad_of(
    roots: &[(Tensor, Option<Tensor>)],
    inputs: &[Tensor],
    options: Options,
) -> Result<Vec<Option<Tensor>>> {
    let mut pass = Pass::new(options, false);
    pass.captured = vec![None; inputs.len()];
    let mut targets = HashSet::new();
    for (i, input) in inputs.iter().enumerate() {
        let Some(edge) = input.edge()? else {
            return Err(runtime!("One of the differentiated Tensors does not require grad"));
        };
        targets.insert(key(&edge.node));
        pass.captures.entry((key(&edge.node), edge.nr)).or_default().push(i);
        // The edge must outlive the search below: leaves hold their accumulator weakly.
        pass.leaf_slot_keepalive(edge.node);
    }
    let mut starts = Vec::new();
    for (root, _) in roots {
        starts.extend(root.edge()?.map(|e| e.node));
    }
    pass.wanted = Some(on_the_way(&starts, &targets));
    pass.run(roots)?;
    Ok(pass.captured)
}

/// The nodes from which a target can be reached, by a depth-first walk without recursion.
fn on_the_way(starts: &[Arc<Node>], targets: &HashSet<usize>) -> HashSet<usize> {
    let mut reaches: HashMap<usize, bool> = HashMap::new();
    let mut stack: Vec<(&Arc<Node>, usize)> = Vec::new();
    for start in starts {
        if reaches.contains_key(&key(start)) {
            continue;
        }
        reaches.insert(key(start), targets.contains(&key(start)));
        stack.push((start, 0));
        while let Some((node, at)) = stack.pop() {
            match node.edges.get(at) {
                Some(Some(edge)) => {
                    stack.push((node, at + 1));
                    if let Entry::Vacant(unseen) = reaches.entry(key(&edge.node)) {
                        unseen.insert(targets.contains(&key(&edge.node)));
                        stack.push((&edge.node, 0));
                    }
                }
                Some(None) => stack.push((node, at + 1)),
                None => {
                    let any = node.edges.iter().flatten().any(|e| reaches.get(&key(&e.node)) == Some(&true));
                    if any {
                        reaches.insert(key(node), true);
                    }
                }
            }
        }
    }
    reaches.into_iter().filter_map(|(k, yes)| yes.then_some(k)).collect()
}

impl Pass {
    fn new(options: Options, accumulate: bool) -> Pass {
        Pass {
            options,
            due: BTreeMap::new(),
            leaves: Vec::new(),
            leaf_at: HashMap::new(),
            wanted: None,
            captures: HashMap::new(),
            captured: Vec::new(),
            accumulate,
        }
    }

    fn leaf_slot_keepalive(&mut self, node: Arc<Node>) {
        if node.is_accumulate() && !self.leaf_at.contains_key(&key(&node)) {
            self.leaf_at.insert(key(&node), self.leaves.len());
            self.leaves.push((node, None));
        }
    }

    fn run(&mut self, roots: &[(Tensor, Option<Tensor>)]) -> Result<()> {
        let _mode = GradMode::set(self.options.create_graph);
        for (root, g) in roots {
            let g = match g {
                Some(g) => check_root_grad(root, g)?,
                None => first_gradient(root)?,
            };
            let Some(edge) = root.edge()? else {
                return Err(runtime!(
                    "element 0 of tensors does not require grad and does not have a grad_fn"
                ));
            };
            self.send(&edge, g)?;
        }
        // Highest id first: every use of a value was written on the tape after the value itself.
        while let Some((_, (node, buffer))) = self.due.pop_last() {
            self.step(&node, buffer)?;
        }
        for (node, g) in std::mem::take(&mut self.leaves) {
            if let (Some(leaf), Some(g)) = (node.leaf(), g) {
                self.finish_leaf(&node, leaf.meta(), g)?;
            }
        }
        Ok(())
    }

    /// The only place where gradients are summed.
    fn send(&mut self, edge: &Edge, g: Tensor) -> Result<()> {
        let node = &edge.node;
        if self.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&key(node))) {
            return Ok(());
        }
        if node.is_accumulate() {
            let at = *self.leaf_at.entry(key(node)).or_insert_with(|| {
                self.leaves.push((node.clone(), None));
                self.leaves.len() - 1
            });
            let slot = &mut self.leaves[at].1;
            *slot = Some(sum(slot.take(), g, self.options.create_graph)?);
            return Ok(());
        }
        let (_, buffer) = self
            .due
            .entry(node.id)
            .or_insert_with(|| (node.clone(), SmallVec::from_elem(None, node.outputs.len())));
        let slot = &mut buffer[edge.nr];
        *slot = Some(sum(slot.take(), g, self.options.create_graph)?);
        Ok(())
    }

    fn step(&mut self, node: &Arc<Node>, mut buffer: Buffer) -> Result<()> {
        pre_hooks(node, &mut buffer)?;
        if !self.captures.is_empty() {
            for (nr, g) in buffer.iter().enumerate() {
                for &at in self.captures.get(&(key(node), nr)).into_iter().flatten() {
                    self.captured[at] = g.clone();
                }
            }
            let leads = |e: &Edge| self.wanted.as_ref().is_none_or(|w| w.contains(&key(&e.node)));
            if !node.edges.iter().flatten().any(leads) {
                return Ok(());
            }
        }
        let mut grads = node.run(&buffer, self.options.retain_graph).inspect_err(|_| blame(node))?;
        if grads.len() != node.edges.len() {
            return Err(runtime!(
                "Function {} returned an incorrect number of gradients (expected {}, got {})",
                node.name,
                node.edges.len(),
                grads.len()
            ));
        }
        post_hooks(node, &mut grads, &buffer)?;
        drop(buffer);
        for (i, (edge, g)) in node.edges.iter().zip(grads).enumerate() {
            let (Some(edge), Some(g)) = (edge, g) else {
                continue;
            };
            let g = fit(g, &edge.node.outputs[edge.nr], node, i)?;
            if anomaly_enabled() && has_nan(&g)? {
                blame(node);
                return Err(runtime!("Function '{}' returned nan values in its {i}th output.", node.name));
            }
            self.send(edge, g)?;
        }
        Ok(())
    }

    fn finish_leaf(&mut self, node: &Arc<Node>, leaf: &Arc<Meta>, g: Tensor) -> Result<()> {
        let mut buffer: Buffer = SmallVec::new();
        buffer.push(Some(g));
        let hooks: Vec<_> = leaf.state().hooks.iter().map(|(_, h)| h.clone()).collect();
        for hook in hooks {
            if let Some(g) = &buffer[0]
                && let Some(new) = hook(g)?
            {
                buffer[0] = Some(new);
            }
        }
        pre_hooks(node, &mut buffer)?;
        let Some(g) = buffer[0].take() else {
            return Ok(());
        };
        for &at in self.captures.get(&(key(node), 0)).into_iter().flatten() {
            self.captured[at] = Some(g.clone());
        }
        if self.accumulate {
            add_to_grad(leaf, &node.outputs[0], g, self.options.create_graph)?;
            post_hooks(node, &mut SmallVec::new(), &[])?;
            run_leaf_hooks(leaf)?;
        }
        Ok(())
    }
}

/// The gradient a pass starts with where the user gave none: one, for a single element.
fn first_gradient(root: &Tensor) -> Result<Tensor> {
    if root.numel() != 1 {
        return Err(runtime!("grad can be implicitly created only for scalar outputs"));
    }
    root.ones_like()
}

fn check_root_grad(root: &Tensor, g: &Tensor) -> Result<Tensor> {
    if g.shape() != root.shape() {
        return Err(runtime!(
            "Mismatch in shape: grad_output[0] has a shape of tensorrs.Size({}) and output[0] has a shape of tensorrs.Size({}).",
            show(g.shape()),
            show(root.shape())
        ));
    }
    g.to_dtype(root.dtype())
}

/// Old gradient plus new one; in the old one's memory where nobody else can see it.
fn sum(old: Option<Tensor>, g: Tensor, recorded: bool) -> Result<Tensor> {
    let Some(old) = old else { return Ok(g) };
    if !recorded && old.is_sole() && old.layout().is_dense() && old.dtype() == g.dtype() {
        old.add_data(&g)?;
        return Ok(old);
    }
    old.add(&g)
}

/// A gradient in the shape and dtype its receiver expects: broadcast dimensions are summed.
fn fit(g: Tensor, meta: &OutputMeta, from: &Arc<Node>, i: usize) -> Result<Tensor> {
    let g = if g.shape() == meta.shape.as_slice() {
        g
    } else if expandable(&meta.shape, g.shape()) {
        g.sum_to(&meta.shape)?
    } else {
        return Err(runtime!(
            "Function {} returned an invalid gradient at index {i} - got {} but expected shape compatible with {}",
            from.name,
            show(g.shape()),
            show(&meta.shape)
        ));
    };
    g.to_dtype(meta.dtype)
}

/// Add to `.grad`: in place, so that whoever holds it sees the sum; or recorded, if the pass is.
fn add_to_grad(leaf: &Arc<Meta>, meta: &OutputMeta, g: Tensor, recorded: bool) -> Result<()> {
    let old = leaf.state().grad.clone();
    let new = match old {
        Some(old) if recorded => old.add(&g)?,
        Some(old) if !old.layout().overlaps_itself() => {
            old.add_data(&g)?;
            old.storage().bump();
            return Ok(());
        }
        Some(old) => old.add(&g)?,
        None if recorded => g.dup()?,
        // A gradient that nobody else holds becomes `.grad` itself.
        None if g.is_sole() && g.layout().is_dense() && g.shape() == meta.shape.as_slice() => {
            g.detach_alias()
        }
        None => g.copied(g.dtype(), g.layout().preserved())?,
    };
    leaf.state().grad = Some(new);
    Ok(())
}

fn run_leaf_hooks(leaf: &Arc<Meta>) -> Result<()> {
    let hooks: Vec<_> = leaf.state().leaf_hooks.iter().map(|(_, h)| h.clone()).collect();
    hooks.iter().try_for_each(|hook| hook())
}

/// Hooks on the gradients that enter a node: tensor hooks, then `retain_grad`, then the node's own.
fn pre_hooks(node: &Arc<Node>, buffer: &mut Buffer) -> Result<()> {
    let Some(hooks) = node.hooks().map(|h| h.clone()) else {
        return Ok(());
    };
    for (_, nr, hook) in &hooks.tensor {
        if let Some(g) = &buffer[*nr]
            && let Some(new) = hook(g)?
        {
            buffer[*nr] = Some(new);
        }
    }
    for (nr, meta) in &hooks.retain {
        if let Some(g) = &buffer[*nr] {
            let old = meta.state().grad.clone();
            let new = match old {
                Some(old) => old.add(g)?,
                None => g.clone(),
            };
            meta.state().grad = Some(new);
        }
    }
    for (_, hook) in &hooks.pre {
        if let Some(new) = hook(buffer)? {
            *buffer = new.into();
        }
    }
    Ok(())
}

fn post_hooks(node: &Arc<Node>, grads: &mut crate::tensor::Grads, outputs: &[Option<Tensor>]) -> Result<()> {
    let Some(hooks) = node.hooks().map(|h| h.clone()) else {
        return Ok(());
    };
    for (_, hook) in &hooks.post {
        if let Some(new) = hook(grads, outputs)? {
            *grads = new.into();
        }
    }
    Ok(())
}

fn has_nan(g: &Tensor) -> Result<bool> {
    let g = g.contiguous_data()?;
    crate::per_float!("anomaly mode", g.dtype(), T => Ok(g.known::<T>().iter().any(|x| crate::dtype::Element::is_nan(*x))))
}

/// In anomaly mode: show where the failing node was made.
fn blame(node: &Arc<Node>) {
    if let Some(trace) = &node.trace
        && let Some(report) = REPORTER.get()
    {
        report(&node.name, trace);
    }
}

/// Shows a warning with the forward call's stack; the bindings set it.
pub static REPORTER: std::sync::OnceLock<fn(&str, &str)> = std::sync::OnceLock::new();

/// For callers that need the error of an empty pass.
pub fn no_inputs() -> Error {
    runtime!("`inputs` argument to `backward()` cannot be empty.")
}
