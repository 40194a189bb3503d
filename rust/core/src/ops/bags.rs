//! Bags of embeddings: rows of a table, put together without keeping them.
//!
//! The values are one kernel. The gradients go through that of a look-up, which can be differentiated again.

use crate::backend::backend;
use crate::backend::nn::{Bags, Table};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::ops::gather::Meet;
use crate::ops::promote::check_devices;
use crate::shape::show;
use crate::tensor::Tensor;
use crate::{grads, runtime};

/// What becomes of the rows of a bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    Sum,
    Mean,
    Max,
}

/// What `embedding_bag` takes besides the table, the indices and where the bags begin.
#[derive(Clone, Copy, Debug)]
pub struct BagOptions<'a> {
    pub together: Together,
    pub scale_grad_by_freq: bool,
    /// A factor for each index.
    pub factor: Option<&'a Tensor>,
    /// The last offset is where the last bag ends.
    pub include_last_offset: bool,
    pub padding_idx: Option<i64>,
}

/// The indices and the bags, checked.
struct Plan {
    table: Table,
    index: Tensor,
    ends: Vec<usize>,
    padding: Option<i64>,
}

impl Plan {
    fn new(weight: &Tensor, index: &Tensor, offsets: &Tensor, how: &BagOptions) -> Result<Plan> {
        let wrong = |what: &str, number: usize, wanted: &str, t: &Tensor| {
            runtime!(
                "Expected tensor for argument #{number} '{what}' to have one of the following scalar types: {wanted}; but got tensorrs.{}Tensor instead (while checking arguments for embedding_bag)",
                t.dtype().scalar_type()
            )
        };
        check_devices(weight.device(), [index, offsets].into_iter().chain(how.factor).map(Tensor::device))?;
        for (what, t) in [("indices", index), ("offsets", offsets)] {
            if t.rank() != 1 {
                return Err(runtime!(
                    "{what} has to be a 1D Tensor, but got Tensor of dimension {}",
                    t.rank()
                ));
            }
            if !matches!(t.dtype(), DType::I64 | DType::I32) {
                return Err(wrong("indices", 1, "Long, Int", t));
            }
        }
        if !weight.dtype().is_float() {
            return Err(wrong("weight", 1, "Half, BFloat16, Float, Double", weight));
        }
        let &[rows, width] = weight.shape() else {
            return Err(runtime!(
                "weight has to be a 2D Tensor, but got Tensor of dimension {}",
                weight.rank()
            ));
        };
        let table = Table { rows, width };
        if let Some(f) = how.factor {
            if how.together != Together::Sum {
                return Err(runtime!("embedding_bag: per_sample_weights only supported with mode='sum'"));
            }
            if f.dtype() != weight.dtype() {
                return Err(runtime!(
                    "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type tensorrs.{}Tensor does not equal tensorrs.{}Tensor (while checking arguments for embedding_bag)",
                    weight.dtype().scalar_type(),
                    f.dtype().scalar_type()
                ));
            }
            if f.shape() != index.shape() {
                return Err(runtime!(
                    "expected per_sample_weights to have the same shape as indices {}, but got {}",
                    show(index.shape()),
                    show(f.shape())
                ));
            }
        }
        let padding = match how.padding_idx {
            Some(i) if i < -(rows as i64) || i >= rows as i64 => {
                return Err(runtime!(
                    "padding_idx must be within the number of embeddings, -{rows} through {}, but got {i}",
                    rows as i64 - 1
                ));
            }
            Some(i) if i < 0 => Some(i + rows as i64),
            other => other,
        };
        let index = index.cast_data(DType::I64)?.contiguous_data()?.detach_alias();
        let each = index.known::<i64>();
        if let Some((at, i)) = each.iter().enumerate().find(|&(_, &i)| i as u64 >= rows as u64) {
            return Err(runtime!(
                "Index {at} of input takes value {i} which is not in the valid range [0, {rows})"
            ));
        }
        let starts = offsets.cast_data(DType::I64)?.contiguous_data()?;
        // Without data every bag is empty.
        let starts = if starts.has_data() { starts } else { Tensor::zeros(starts.shape(), DType::I64)? };
        let starts = starts.values::<i64>()?;
        if how.include_last_offset && starts.is_empty() {
            return Err(runtime!("include_last_offset: number of offset should be at least 1"));
        }
        if let Some(first) = starts.first().filter(|&&first| first != 0) {
            return Err(runtime!(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {first}"
            ));
        }
        if let Some(last) = starts.last().filter(|&&last| last > index.numel() as i64) {
            return Err(runtime!(
                "offsets[-1] can not be greater than input's length {} but got offsets[-1] of {last}",
                index.numel()
            ));
        }
        if starts.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(runtime!("offsets must not decrease"));
        }
        let mut ends: Vec<usize> = starts.iter().map(|&at| at as usize).collect();
        if !how.include_last_offset {
            ends.push(each.len());
        }
        Ok(Plan { table, index, ends, padding })
    }

    fn bags(&self) -> usize {
        self.ends.len() - 1
    }

    /// The bag of each index.
    fn bag_of(&self) -> Result<Tensor> {
        let n = self.index.numel();
        let mut of = vec![self.bags().saturating_sub(1) as i64; n];
        for bag in 0..self.bags() {
            of[self.ends[bag]..self.ends[bag + 1]].fill(bag as i64);
        }
        Tensor::from_slice(&of, &[n])?.on(self.index.device())
    }

    /// How many rows of each bag count.
    fn sizes(&self) -> Vec<i64> {
        let index = self.index.known::<i64>();
        let counted = |bag: usize| {
            let own = &index[self.ends[bag]..self.ends[bag + 1]];
            own.iter().filter(|&&i| Some(i) != self.padding).count() as i64
        };
        (0..self.bags()).map(counted).collect()
    }

    /// For each index 1, or 1 over the size of its bag; 0 for what is in no bag.
    fn shares(&self, mean: bool, dtype: DType) -> Result<Tensor> {
        let sizes = self.sizes();
        let mut share = vec![0.0; self.index.numel()];
        for bag in 0..self.bags() {
            let own = if mean { 1.0 / sizes[bag].max(1) as f64 } else { 1.0 };
            share[self.ends[bag]..self.ends[bag + 1]].fill(own);
        }
        if self.padding.is_some() {
            let index = self.index.known::<i64>().iter();
            share
                .iter_mut()
                .zip(index)
                .filter(|(_, i)| Some(**i) == self.padding)
                .for_each(|(s, _)| *s = 0.0);
        }
        Tensor::from_slice(&share, &[share.len(), 1])?.cast_data(dtype)?.on(self.index.device())
    }
}

impl Tensor {
    /// Rows of this table, put together in bags. Also, as in PyTorch: the bag of each index, the sizes of the bags, and
    /// for `Max` the row of each number.
    pub fn embedding_bag(&self, index: &Tensor, offsets: &Tensor, how: BagOptions) -> Result<Vec<Tensor>> {
        let plan = Plan::new(self, index, offsets, &how)?;
        let shape = [plan.bags(), plan.table.width];
        let out = self.wide_out(&shape)?;
        let (weight, on) = (self.wide()?, backend(self.device()));
        let bags = |plan: &Plan| -> Result<()> {
            let bags =
                Bags { table: plan.table, index: plan.index.raw(), ends: &plan.ends, padding: plan.padding };
            let factor = how.factor.map(Tensor::wide).transpose()?;
            on.bag_sum(
                bags,
                weight.raw(),
                factor.as_ref().map(Tensor::raw),
                how.together == Together::Mean,
                out.raw(),
            )
        };
        if how.together == Together::Max {
            return self.largest_of_bags(plan, &weight, out);
        }
        bags(&plan)?;
        let sizes = Tensor::from_slice(&plan.sizes(), &[plan.bags()])?.on(self.device())?;
        let (bag, share) = (plan.bag_of()?, plan.shares(how.together == Together::Mean, self.dtype())?);
        let shown = if how.together == Together::Mean || plan.padding.is_some() {
            (bag.clone(), sizes.clone())
        } else {
            (self.new_zeros(&[0], DType::I64)?, self.new_zeros(&[plan.bags()], DType::I64)?)
        };
        let inputs: Vec<&Tensor> = [Some(self), how.factor].into_iter().flatten().collect();
        let (table, has_factor) = (plan.table, how.factor.is_some());
        let (padding, scale) = (plan.padding.map(|i| i as usize), how.scale_grad_by_freq);
        let out = out.cast_data(self.dtype())?.record("EmbeddingBagBackward0", &inputs, |save| {
            let (index, bag, share) = (save.plain(&plan.index), save.plain(&bag), save.plain(&share));
            let kept = has_factor.then(|| (save.input(0), save.input(1)));
            move |ctx, g| {
                let (index, share) = (index.get(ctx)?, share.get(ctx)?);
                let g = if g.shape()[0] == 0 {
                    g.new_rows(index.numel())?
                } else {
                    g.index_select(0, &bag.get(ctx)?)?.mul(&share)?
                };
                let Some((weight, factor)) = &kept else {
                    return grads![Some(Tensor::embedding_up(table, padding, scale, &index, &g)?)];
                };
                let (weight, factor) = (weight.get(ctx)?, factor.get(ctx)?);
                let dweight = ctx.when(0, || {
                    let rows = g.mul(&factor.unsqueeze(1)?)?;
                    Tensor::embedding_up(table, padding, scale, &index, &rows)
                })?;
                let dfactor =
                    ctx.when(1, || weight.index_select(0, &index)?.mul(&g)?.sum(&[1], false, None))?;
                grads![dweight, dfactor]
            }
        })?;
        Ok(vec![out, shown.0, shown.1.clone(), shown.1])
    }

    /// No gradients of `n` rows, of this one's width.
    fn new_rows(&self, n: usize) -> Result<Tensor> {
        self.new_zeros(&[n, self.shape()[1]], self.dtype())
    }

    fn largest_of_bags(&self, plan: Plan, weight: &Tensor, out: Tensor) -> Result<Vec<Tensor>> {
        let shape = [plan.bags(), plan.table.width];
        let place = self.new_empty(&shape, DType::I64)?;
        let bags =
            Bags { table: plan.table, index: plan.index.raw(), ends: &plan.ends, padding: plan.padding };
        backend(self.device()).bag_max(bags, weight.raw(), out.raw(), place.raw())?;
        let sizes = Tensor::from_slice(&plan.sizes(), &[plan.bags()])?.on(self.device())?;
        let filled: Vec<f64> = plan.sizes().iter().map(|&n| f64::from(u8::from(n > 0))).collect();
        let filled =
            Tensor::from_slice(&filled, &[filled.len(), 1])?.cast_data(self.dtype())?.on(self.device())?;
        let bag = plan.bag_of()?;
        let full = [plan.table.rows, plan.table.width];
        let out = out.cast_data(self.dtype())?.record("EmbeddingBagBackward0", &[self], |save| {
            let (place, filled) = (save.plain(&place), save.plain(&filled));
            move |ctx, g| {
                let g = g.mul(&filled.get(ctx)?)?;
                grads![Some(g.new_zeros(&full, g.dtype())?.scatter(0, &place.get(ctx)?, &g, Meet::Add)?)]
            }
        })?;
        Ok(vec![out, bag, sizes, place.alias(Layout::contiguous(&shape))])
    }
}

impl Together {
    /// PyTorch's numbers.
    pub fn from_number(mode: i64) -> Result<Together> {
        match mode {
            0 => Ok(Together::Sum),
            1 => Ok(Together::Mean),
            2 => Ok(Together::Max),
            _ => Err(Error::Runtime(format!("embedding_bag: mode has to be 0, 1 or 2, but got {mode}"))),
        }
    }
}
