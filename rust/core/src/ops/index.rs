//! Indexing with Python's brackets: numbers, slices, masks and index tensors, mixed; and assignment through them.
//!
//! Numbers, slices, None and Ellipsis make a view. Masks and index tensors then pick from it: the dimensions they stand
//! for are replaced by the shape they broadcast to, in their place if they are neighbours, in front if not.

use crate::backend::cpu::index::Grid;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::promote::check_fits;
use crate::shape::{Dims, broadcast, show};
use crate::tensor::tape::{grad_enabled, wants_record};
use crate::tensor::{Scalar, Tensor};
use crate::{grads, index, per_dtype, runtime};

/// One entry between the brackets.
#[derive(Clone, Debug)]
pub enum Index {
    At(isize),
    Slice {
        start: Option<isize>,
        end: Option<isize>,
        step: isize,
    },
    NewAxis,
    Ellipsis,
    /// A mask (bool, uint8) or a tensor of indices.
    Tensor(Tensor),
    Bool(bool),
}

/// What brackets come to: a view, and for each of its dimensions an index tensor or none.
struct Parsed {
    view: Tensor,
    picks: Vec<Option<Tensor>>,
}

fn is_index(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::I64 | DType::I32)
}

fn is_mask(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::Bool | DType::U8)
}

impl Tensor {
    /// `x[…]`.
    pub fn get(&self, entries: &[Index]) -> Result<Tensor> {
        if let [Index::At(i)] = entries
            && self.rank() > 0
        {
            return self.at(0, *i);
        }
        let Parsed { view, picks } = self.parse(entries)?;
        if picks.iter().any(Option::is_some) {
            return view.pick(&picks);
        }
        if view.is(self) {
            // `x[:]` and `x[...]` are views of their own.
            return self.view_as_op(self.layout().clone(), "AliasBackward0", |_, g| grads![Some(g.clone())]);
        }
        Ok(view)
    }

    /// `x[…] = value`.
    pub fn set(&self, entries: &[Index], value: &Tensor) -> Result<()> {
        let Parsed { view, picks } = self.parse(entries)?;
        if !picks.iter().any(Option::is_some) {
            if value.is_wrapped() {
                return view.fill_(value.item()?);
            }
            let value = value.without_leading_ones(view.rank())?;
            if value.rank() == 0 && view.rank() > 0 {
                return view.fill_tensor_(&value);
            }
            // What does not fit is said in the words of `expand`.
            value.expand_data(view.shape())?;
            return view.copy_(&value);
        }
        // One mask and one number are a masked_fill, which converts the number.
        let mut chosen = entries.iter().filter_map(|e| match e {
            Index::Tensor(t) => Some(is_mask(t)),
            Index::Bool(_) => Some(true),
            _ => None,
        });
        let one_mask = chosen.next() == Some(true) && chosen.next().is_none();
        let value = if value.is_wrapped() || one_mask && value.numel() == 1 {
            check_fits(value.item()?, self.dtype())?;
            value.to_dtype(self.dtype())?
        } else {
            value.clone()
        };
        view.put_(&picks, &value, false)
    }

    /// A value may have more leading dimensions of size 1 than the place it goes to.
    fn without_leading_ones(&self, rank: usize) -> Result<Tensor> {
        let mut t = self.clone();
        while t.rank() > rank && t.shape()[0] == 1 {
            t = t.select(0, 0)?;
        }
        Ok(t)
    }

    fn parse(&self, entries: &[Index]) -> Result<Parsed> {
        let used: usize = entries
            .iter()
            .map(|e| match e {
                Index::At(_) | Index::Slice { .. } => 1,
                Index::Tensor(t) if is_mask(t) => t.rank(),
                Index::Tensor(_) => 1,
                _ => 0,
            })
            .sum();
        if used > self.rank() {
            if self.rank() == 0 && entries.len() == 1 && matches!(entries[0], Index::At(_)) {
                return Err(index!(
                    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
                ));
            }
            if self.rank() == 0 && matches!(entries.first(), Some(Index::Slice { .. })) {
                return Err(index!("slice() cannot be applied to a 0-dim tensor."));
            }
            return Err(index!("too many indices for tensor of dimension {}", self.rank()));
        }
        let mut view = self.clone();
        let mut picks: Vec<Option<Tensor>> = Vec::new();
        // The first ellipsis takes what is left over, a later one nothing.
        let mut rest = self.rank() - used;
        // Number of dimensions of `view` that are dealt with; `picks` has as many entries.
        for entry in entries {
            let dim = picks.len();
            match entry {
                Index::At(i) => view = view.at(dim, *i)?,
                Index::Slice { start, end, step } => {
                    if *step <= 0 {
                        return Err(crate::value!("step must be greater than zero"));
                    }
                    if (*start, *end, *step) != (None, None, 1) {
                        view = view.slice_dim(dim as isize, *start, *end, *step)?;
                    }
                    picks.push(None);
                }
                Index::NewAxis => {
                    view = view.unsqueeze(dim as isize)?;
                    picks.push(None);
                }
                Index::Ellipsis => {
                    picks.extend(std::iter::repeat_n(None, std::mem::take(&mut rest)));
                }
                Index::Bool(b) => {
                    view = view.unsqueeze(dim as isize)?;
                    picks.push(Some(self.new_zeros(&[usize::from(*b)], DType::I64)?));
                }
                Index::Tensor(t) if is_mask(t) && t.rank() == 0 => {
                    view = view.unsqueeze(dim as isize)?;
                    let on = t.item()?.to_f64() != 0.0;
                    picks.push(Some(Tensor::zeros(&[usize::from(on)], DType::I64)?));
                }
                Index::Tensor(t) if is_mask(t) => {
                    view.check_mask_shape(t, dim)?;
                    picks.extend(t.nonzero_columns()?.into_iter().map(Some));
                }
                Index::Tensor(t) if t.dtype().is_int() && t.rank() == 0 => {
                    view = view.at(dim, t.item()?.to::<i64>() as isize)?;
                }
                Index::Tensor(t) if is_index(t) => picks.push(Some(t.clone())),
                Index::Tensor(_) => {
                    return Err(index!("tensors used as indices must be long, int, byte or bool tensors"));
                }
            }
        }
        picks.resize(view.rank(), None);
        Ok(Parsed { view, picks })
    }

    /// A mask stands for dimensions of its own shape, from `dim` on.
    pub(crate) fn check_mask_shape(&self, mask: &Tensor, dim: usize) -> Result<()> {
        for k in 0..mask.rank() {
            if self.shape().get(dim + k) != Some(&mask.shape()[k]) {
                return Err(index!(
                    "The shape of the mask {} at index {k} does not match the shape of the indexed tensor {} at index {}",
                    show(mask.shape()),
                    show(self.shape()),
                    dim + k
                ));
            }
        }
        Ok(())
    }

    fn at(&self, dim: usize, i: isize) -> Result<Tensor> {
        let n = self.shape()[dim] as isize;
        if !(-n..n).contains(&i) {
            return Err(index!("index {i} is out of bounds for dimension {dim} with size {n}"));
        }
        self.select(dim as isize, i)
    }

    /// The elements that index tensors name, without history.
    fn pick_data(&self, picks: &[Option<Tensor>]) -> Result<Tensor> {
        let (grid, shape) = self.grid(picks)?;
        let out = self.new_empty(&shape, self.dtype())?;
        if grid.numel() > 0 && out.has_data() {
            let whole = self.alias(Layout::contiguous(&[self.layout().extent()]));
            per_dtype!(self.dtype(), T => {
                // SAFETY: `out` was just made here.
                grid.pick::<T>(whole.values()?, unsafe { out.values_mut()? });
            });
        }
        Ok(out)
    }

    /// The elements that index tensors name, one per dimension or none.
    pub fn pick(&self, picks: &[Option<Tensor>]) -> Result<Tensor> {
        let out = self.pick_data(picks)?.copied_as(self, picks)?;
        let (shape, dtype) = (self.layout().shape.clone(), self.dtype());
        let picks = picks.to_vec();
        out.record("IndexBackward0", &[self], |_| {
            move |_, g| grads![Some(g.new_zeros(&shape, dtype)?.put(&picks, g, true)?)]
        })
    }

    /// What was picked, with the order of dimensions in memory that PyTorch gives it: the operands' own.
    fn copied_as(self, from: &Tensor, picks: &[Option<Tensor>]) -> Result<Tensor> {
        let chosen = || picks.iter().flatten();
        if self.rank() < 2 || from.is_contiguous() && chosen().all(Tensor::is_contiguous) {
            return Ok(self);
        }
        let rank = chosen().map(Tensor::rank).max().unwrap_or(0);
        let used: Vec<usize> =
            (0..from.rank()).filter(|&d| picks.get(d).is_some_and(Option::is_some)).collect();
        let neighbours = used.windows(2).all(|w| w[1] == w[0] + 1);
        let cut = if neighbours { used.first().copied().unwrap_or(0) } else { 0 };
        let others: Dims = (0..from.rank()).filter(|d| !used.contains(d)).collect();
        let lead = others.iter().filter(|&&d| d < cut).count();
        let mut source = Layout { shape: Dims::from_slice(self.shape()), ..empty_layout(0) };
        source.strides = (0..self.rank()).map(|_| 0).collect();
        for (i, &d) in others.iter().enumerate() {
            source.strides[if i < lead { i } else { i + rank }] = from.strides()[d];
        }
        let mut operands = vec![source];
        for t in chosen() {
            let mut l = Layout { shape: Dims::from_slice(self.shape()), ..empty_layout(0) };
            l.strides = (0..self.rank()).map(|_| 0).collect();
            for k in 0..t.rank() {
                let at = lead + rank - t.rank() + k;
                l.strides[at] = if t.shape()[k] == 1 { 0 } else { t.strides()[k] };
            }
            operands.push(l);
        }
        let layout = crate::layout::elementwise(self.shape(), &operands.iter().collect::<Vec<_>>());
        if layout.strides == self.layout().strides { Ok(self) } else { self.copied(self.dtype(), layout) }
    }

    /// A copy in which the elements that index tensors name are replaced by `values`, or have them added.
    pub fn put(&self, picks: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<Tensor> {
        check_same_dtype(self, values)?;
        let out = self.copied(self.dtype(), self.layout().preserved())?;
        out.put_data(picks, values, accumulate)?;
        let picks = picks.to_vec();
        out.record("IndexPutBackward0", &[self, values], |_| {
            move |ctx, g| {
                let zero = || Tensor::full_scalar(Scalar::Int(0), g.dtype());
                let dx =
                    ctx.when(0, || if accumulate { Ok(g.clone()) } else { g.put(&picks, &zero()?, false) })?;
                grads![dx, ctx.when(1, || g.pick(&picks))?]
            }
        })
    }

    /// As `put`, in place.
    pub fn put_(&self, picks: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
        check_same_dtype(self, values)?;
        if grad_enabled() && wants_record(&[self, values]) {
            return self.inplace(|x| x.put(picks, values, accumulate));
        }
        self.check_history()?;
        self.check_overlap(&[values])?;
        let values = if values.storage().same(self.storage()) {
            values.copied(values.dtype(), values.layout().preserved())?
        } else {
            values.clone()
        };
        self.put_data(picks, &values, accumulate)?;
        self.written(None, false)
    }

    fn put_data(&self, picks: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result<()> {
        let (grid, shape) = self.grid(picks)?;
        let values = values.without_leading_ones(shape.len())?;
        if !crate::shape::expandable(values.shape(), &shape) {
            return Err(runtime!(
                "shape mismatch: value tensor of shape {} cannot be broadcast to indexing result of shape {}",
                show(values.shape()),
                show(&shape)
            ));
        }
        let values = values.expand_data(&shape)?.contiguous_data()?;
        if grid.numel() == 0 || !self.has_data() {
            return Ok(());
        }
        let whole = self.alias(Layout::contiguous(&[self.layout().extent()]));
        per_dtype!(self.dtype(), T => {
            // SAFETY: `values` is other memory; the caller holds no slice of this storage.
            let (x, v) = (unsafe { whole.values_mut::<T>()? }, values.values::<T>()?);
            if accumulate { grid.put(x, v, |a, b| *a = add(*a, b)) } else { grid.put(x, v, |a, b| *a = b) }
        });
        Ok(())
    }

    /// The places that index tensors name, and the shape they form.
    fn grid(&self, picks: &[Option<Tensor>]) -> Result<(Grid, Dims)> {
        let used: Vec<usize> =
            (0..self.rank()).filter(|&d| picks.get(d).is_some_and(Option::is_some)).collect();
        let chosen: Vec<&Tensor> = used.iter().filter_map(|&d| picks[d].as_ref()).collect();
        let mut common = Dims::new();
        for t in &chosen {
            common = broadcast(&common, t.shape()).map_err(|_| {
                let shapes: Vec<String> = chosen.iter().map(|t| show(t.shape())).collect();
                index!(
                    "shape mismatch: indexing tensors could not be broadcast together with shapes {}",
                    shapes.join(", ")
                )
            })?;
        }
        let mut places = vec![0usize; crate::shape::numel(&common)];
        for (&d, t) in used.iter().zip(&chosen) {
            let (n, stride) = (self.shape()[d] as i64, self.strides()[d]);
            let t = t.cast_data(DType::I64)?.expand_data(&common)?.contiguous_data()?;
            // Without data the places stay at 0: nobody goes there.
            let known = if self.has_data() { t.values::<i64>()? } else { t.known() };
            for (place, &i) in places.iter_mut().zip(known) {
                if !(-n..n).contains(&i) && (n == 0 || self.numel() > 0) {
                    return Err(match n {
                        0 => index!("index is out of bounds for dimension with size 0"),
                        _ => index!("index {i} is out of bounds for dimension 0 with size {n}"),
                    });
                }
                *place = place.wrapping_add(((if i < 0 { i + n } else { i }) as usize).wrapping_mul(stride));
            }
        }
        let neighbours = used.windows(2).all(|w| w[1] == w[0] + 1);
        let cut = if neighbours { used.first().copied().unwrap_or(0) } else { 0 };
        let (mut before, mut after) = (empty_layout(self.layout().offset), empty_layout(0));
        for d in (0..self.rank()).filter(|d| !used.contains(d)) {
            let side = if d < cut { &mut before } else { &mut after };
            side.shape.push(self.shape()[d]);
            side.strides.push(self.strides()[d]);
        }
        let mut shape = before.shape.clone();
        shape.extend_from_slice(&common);
        shape.extend_from_slice(&after.shape);
        Ok((Grid::new(&before, places, &after), shape))
    }
}

fn check_same_dtype(x: &Tensor, values: &Tensor) -> Result<()> {
    if values.dtype() == x.dtype() {
        return Ok(());
    }
    Err(runtime!(
        "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
        x.dtype().scalar_type(),
        values.dtype().scalar_type()
    ))
}

fn empty_layout(offset: usize) -> Layout {
    Layout { shape: Dims::new(), strides: Dims::new(), offset }
}

/// Sum in the element's own arithmetic: integers wrap, bool is or.
#[inline(always)]
pub(crate) fn add<T: Element>(a: T, b: T) -> T {
    match T::DTYPE {
        DType::F64 | DType::F32 | DType::F16 | DType::BF16 => T::from_f64(a.to_f64() + b.to_f64()),
        DType::Bool => T::from_i64(a.to_i64() | b.to_i64()),
        _ => T::from_i64(a.to_i64().wrapping_add(b.to_i64())),
    }
}
