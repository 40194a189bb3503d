//! Products over named dimensions: `einsum`, `tensordot`, and those made of products: `kron`, `cross`, `cov`.
//!
//! Two operands meet in one batched matrix product. Their dimensions are of four kinds: in both and kept (the batch),
//! in both and summed, of the first alone, of the second alone.

use crate::dtype::DType;
use crate::error::Result;
use crate::runtime;
use crate::shape::{Dims, broadcast, show, wrap_dim};
use crate::tensor::{Scalar, Tensor};

/// A dimension's name. Letters come first (`A-Z`, `a-z`), then the dimensions of the ellipsis.
pub type Label = usize;

/// Letters that name dimensions.
const LETTERS: usize = 52;

/// A tensor whose dimensions have names, each another.
#[derive(Clone)]
struct Named {
    t: Tensor,
    labels: Vec<Label>,
}

impl Named {
    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    fn size(&self, label: Label) -> usize {
        self.labels.iter().position(|&l| l == label).map_or(1, |d| self.t.shape()[d])
    }

    /// A label that occurs twice names a diagonal.
    fn new(t: &Tensor, labels: &[Label]) -> Result<Named> {
        let mut named = Named { t: t.clone(), labels: labels.to_vec() };
        let mut i = 0;
        while i < named.labels.len() {
            let label = named.labels[i];
            if let Some(j) = (i + 1..named.labels.len()).find(|&j| named.labels[j] == label) {
                // The diagonal comes last: put it back where its first dimension was.
                named.t = named.t.diagonal(0, i as isize, j as isize)?.movedim(&[-1], &[i as isize])?;
                named.labels.remove(j);
            } else {
                i += 1;
            }
        }
        Ok(named)
    }

    /// Without the dimensions that nobody else needs: summed, in the dtype `into` or that of sums.
    fn sum_but(self, keep: impl Fn(Label) -> bool, into: Option<DType>) -> Result<Named> {
        let dims: Vec<isize> =
            (0..self.labels.len()).filter(|&d| !keep(self.labels[d])).map(|d| d as isize).collect();
        if dims.is_empty() {
            return Ok(self);
        }
        let t = self.t.sum(&dims, false, into)?;
        Ok(Named { t, labels: self.labels.into_iter().filter(|&l| keep(l)).collect() })
    }

    /// Without a dimension of size 1, which stands for any size.
    fn without(self, label: Label) -> Result<Named> {
        let Some(d) = self.labels.iter().position(|&l| l == label) else { return Ok(self) };
        Ok(Named {
            t: self.t.squeeze(Some(&[d as isize]))?,
            labels: self.labels.into_iter().filter(|&l| l != label).collect(),
        })
    }

    /// The dimensions in the order of `groups`, each group merged into one.
    fn merged(&self, groups: [&[Label]; 3]) -> Result<Tensor> {
        let order: Vec<isize> = groups
            .iter()
            .flat_map(|g| g.iter())
            .filter_map(|l| self.labels.iter().position(|m| m == l))
            .map(|d| d as isize)
            .collect();
        let sizes = groups.map(|g| g.iter().map(|&l| self.size(l)).product::<usize>());
        let moved =
            if order.windows(2).all(|w| w[0] < w[1]) { self.t.clone() } else { self.t.permute(&order)? };
        if moved.shape() == sizes { Ok(moved) } else { moved.reshape(&sizes) }
    }

    /// The product with `other`, summed over the dimensions that are not to be kept.
    fn times(self, other: Named, keep: &dyn Fn(Label) -> bool, into: Option<DType>) -> Result<Named> {
        let (mut a, mut b) = (self, other);
        for label in a.labels.clone() {
            if b.has(label) && a.size(label) != b.size(label) {
                if a.size(label) == 1 {
                    a = a.without(label)?;
                } else {
                    b = b.without(label)?;
                }
            }
        }
        let (a, b) =
            (a.clone().sum_but(|l| b.has(l) || keep(l), into)?, b.sum_but(|l| a.has(l) || keep(l), into)?);
        let pick = |x: &Named, wanted: &dyn Fn(Label) -> bool| -> Vec<Label> {
            x.labels.iter().copied().filter(|&l| wanted(l)).collect()
        };
        let batch = pick(&a, &|l| b.has(l) && keep(l));
        let summed = pick(&a, &|l| b.has(l) && !keep(l));
        let of_a = pick(&a, &|l| !b.has(l));
        let of_b = pick(&b, &|l| !a.has(l));
        let shape: Dims = [&batch, &of_a]
            .iter()
            .flat_map(|g| g.iter().map(|&l| a.size(l)))
            .chain(of_b.iter().map(|&l| b.size(l)))
            .collect();
        let (x, y) = (a.merged([&batch, &of_a, &summed])?, b.merged([&batch, &summed, &of_b])?);
        let product = if summed.is_empty() {
            x.mul(&y)?
        } else if batch.is_empty() {
            // One matrix product, without a batch of one.
            x.reshape(&x.shape()[1..])?.mm(&y.reshape(&y.shape()[1..])?)?
        } else {
            x.bmm(&y)?
        };
        Ok(Named { t: product.reshape(&shape)?, labels: [batch, of_a, of_b].concat() })
    }
}

/// The products of tensors with named dimensions, summed over the names that are not in `output`.
fn contract(
    operands: &[Tensor],
    labels: &[Vec<Label>],
    output: &[Label],
    into: Option<DType>,
) -> Result<Tensor> {
    let mut rest = operands
        .iter()
        .zip(labels)
        .map(|(t, labels)| Named::new(t, labels))
        .collect::<Result<std::collections::VecDeque<_>>>()?;
    let Some(mut all) = rest.pop_front() else {
        return Err(runtime!("einsum(): must provide at least one operand"));
    };
    while let Some(next) = rest.pop_front() {
        all = all.times(next, &|l| output.contains(&l) || rest.iter().any(|r| r.has(l)), into)?;
    }
    let all = all.sum_but(|l| output.contains(&l), into)?;
    // A name whose operands all had size 1 there was kept; one that is nowhere is the ellipsis of nothing.
    let order: Vec<isize> =
        output.iter().filter_map(|l| all.labels.iter().position(|m| m == l)).map(|d| d as isize).collect();
    all.t.permute(&order)
}

/// The names in one term of an equation; the ellipsis is None.
fn term(text: &str, what: &str) -> Result<Vec<Option<Label>>> {
    let bytes: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    let (mut out, mut i) = (vec![], 0);
    while i < bytes.len() {
        match bytes[i] {
            b'.' => {
                if !bytes[i..].starts_with(b"...") || out.contains(&None) {
                    return Err(runtime!("einsum(): found '.' for {what} that is not part of any ellipsis"));
                }
                out.push(None);
                i += 2;
            }
            c @ b'A'..=b'Z' => out.push(Some((c - b'A') as usize)),
            c @ b'a'..=b'z' => out.push(Some((c - b'a') as usize + 26)),
            c => {
                return Err(runtime!(
                    "einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z] but got {}",
                    c as char
                ));
            }
        }
        i += 1;
    }
    Ok(out)
}

impl Tensor {
    /// Einstein's sum by an equation: `ij,jk->ik`.
    pub fn einsum(equation: &str, operands: &[Tensor]) -> Result<Tensor> {
        let (left, right) = match equation.split_once("->") {
            Some((left, right)) => (left, Some(term(right, "the output")?)),
            None => (equation, None),
        };
        let terms = left
            .split(',')
            .enumerate()
            .map(|(i, text)| term(text, &format!("operand {i}")))
            .collect::<Result<Vec<_>>>()?;
        Tensor::einsum_by(&terms, right.as_deref(), operands)
    }

    /// Einstein's sum by lists of names, None for the ellipsis.
    pub fn einsum_by(
        terms: &[Vec<Option<Label>>],
        output: Option<&[Option<Label>]>,
        operands: &[Tensor],
    ) -> Result<Tensor> {
        if operands.is_empty() {
            return Err(runtime!("einsum(): must provide at least one operand"));
        }
        if terms.len() != operands.len() {
            let fewer = if terms.len() < operands.len() { "more" } else { "fewer" };
            return Err(runtime!("einsum(): {fewer} operands were provided than specified in the equation"));
        }
        // The ellipsis stands for what is left of each operand; of all, for as many as the largest needs.
        let mut hidden = 0;
        for (i, (term, t)) in terms.iter().zip(operands).enumerate() {
            let named = term.iter().flatten().count();
            let has = term.contains(&None);
            if named > t.rank() || !has && named != t.rank() {
                return Err(runtime!(
                    "einsum(): the number of subscripts in the equation ({named}) {} the number of dimensions ({}) for operand {i}{}",
                    if has { "is more than" } else { "does not match" },
                    t.rank(),
                    if has { "" } else { " and no ellipsis was given" }
                ));
            }
            if has {
                hidden = hidden.max(t.rank() - named);
            }
        }
        let spelled: Vec<Vec<Label>> = terms
            .iter()
            .zip(operands)
            .map(|(term, t)| {
                let own = t.rank() - term.iter().flatten().count();
                let ellipsis = (LETTERS + hidden - own)..(LETTERS + hidden);
                term.iter()
                    .flat_map(|l| match l {
                        Some(l) => *l..*l + 1,
                        None => ellipsis.clone(),
                    })
                    .collect()
            })
            .collect();
        check_sizes(&spelled, operands)?;
        let ellipsis: Vec<Label> = (LETTERS..LETTERS + hidden).collect();
        let output: Vec<Label> = match output {
            Some(output) => {
                let mut all: Vec<Label> = vec![];
                for l in output {
                    let Some(l) = l else {
                        all.extend(&ellipsis);
                        continue;
                    };
                    if all.contains(l) {
                        return Err(runtime!(
                            "einsum(): output subscript {} appears more than once in the output",
                            letter(*l)
                        ));
                    }
                    if !spelled.iter().flatten().any(|m| m == l) {
                        return Err(runtime!(
                            "einsum(): output subscript {} does not appear in the equation for any input operand",
                            letter(*l)
                        ));
                    }
                    all.push(*l);
                }
                all
            }
            None => {
                let once = |l: &Label| spelled.iter().flatten().filter(|m| *m == l).count() == 1;
                ellipsis.into_iter().chain((0..LETTERS).filter(once)).collect()
            }
        };
        contract(operands, &spelled, &output, None)
    }

    /// Sums of products over `dims_a` of this tensor and `dims_b` of the other.
    pub fn tensordot(&self, other: &Tensor, dims_a: &[isize], dims_b: &[isize]) -> Result<Tensor> {
        if dims_a.len() != dims_b.len() {
            return Err(runtime!("both dimension lists should have same length"));
        }
        if self.dtype() != other.dtype() {
            return Err(runtime!("both inputs should have same dtype"));
        }
        let mut a: Vec<Label> = (0..self.rank()).collect();
        let mut b: Vec<Label> = (0..other.rank()).map(|d| 1000 + d).collect();
        for (k, (&i, &j)) in dims_a.iter().zip(dims_b).enumerate() {
            let (i, j) = (wrap_dim(i, self.rank())?, wrap_dim(j, other.rank())?);
            if a[i] >= 2000 || b[j] >= 2000 {
                return Err(runtime!(
                    "dim {} appears multiple times in the list of dims",
                    if a[i] >= 2000 { i } else { j }
                ));
            }
            let (n, m) = (self.shape()[i], other.shape()[j]);
            if n != m && n != 1 && m != 1 {
                return Err(runtime!(
                    "contracted dimensions need to match, but first has size {n} in dim {i} and second has size {m} in dim {j}"
                ));
            }
            (a[i], b[j]) = (2000 + k, 2000 + k);
        }
        let output: Vec<Label> = a.iter().chain(&b).copied().filter(|&l| l < 2000).collect();
        // PyTorch sums a full contraction without a matrix product, so autocast has no part in it.
        let _exact = output.is_empty().then(crate::ops::autocast::pause);
        contract(&[self.clone(), other.clone()], &[a, b], &output, Some(self.dtype()))
    }

    /// The given matrices (vectors are rows) on the diagonal of one, zeros elsewhere.
    pub fn block_diag(blocks: &[Tensor]) -> Result<Tensor> {
        let dtype = crate::ops::promote::result_type(&blocks.iter().collect::<Vec<_>>());
        let mut rows = Vec::with_capacity(blocks.len());
        let matrices = blocks
            .iter()
            .enumerate()
            .map(|(i, t)| match t.rank() {
                0..=2 => t.at_least_2d()?.to_dtype(dtype),
                _ => Err(runtime!(
                    "tensorrs.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions",
                    t.rank()
                )),
            })
            .collect::<Result<Vec<Tensor>>>()?;
        let width: usize = matrices.iter().map(|m| m.shape()[1]).sum();
        let mut left = 0;
        for m in &matrices {
            let right = width - left - m.shape()[1];
            rows.push(m.pad_constant(&[left as isize, right as isize], Scalar::Int(0))?);
            left += m.shape()[1];
        }
        if rows.is_empty() { Tensor::zeros(&[1, 0], dtype) } else { Tensor::cat(&rows, 0) }
    }

    /// Kronecker's product.
    pub fn kron(&self, other: &Tensor) -> Result<Tensor> {
        let rank = self.rank().max(other.rank());
        let size = |t: &Tensor, d: usize| (d + t.rank()).checked_sub(rank).map_or(1, |d| t.shape()[d]);
        let (mut a, mut b, mut out) = (vec![], vec![], vec![]);
        for d in 0..rank {
            let (n, m) = (size(self, d), size(other, d));
            a.extend([n, 1]);
            b.extend([1, m]);
            out.push(n * m);
        }
        self.reshape(&a)?.mul(&other.reshape(&b)?)?.reshape(&out)
    }

    /// The vector product of vectors of three along `dim`; without it along the first dimension of size 3.
    pub fn cross(&self, other: &Tensor, dim: Option<isize>) -> Result<Tensor> {
        if self.rank() != other.rank() {
            return Err(runtime!("linalg.cross: inputs must have the same number of dimensions."));
        }
        let shape = broadcast(self.shape(), other.shape())?;
        let d = match dim {
            Some(d) => wrap_dim(d, shape.len())?,
            None => shape
                .iter()
                .position(|&n| n == 3)
                .ok_or_else(|| runtime!("no dimension of size 3 in input"))?,
        };
        let size = |t: &Tensor| t.shape().get(d).copied().unwrap_or(1);
        if size(self) != 3 || size(other) != 3 {
            return Err(runtime!(
                "linalg.cross: inputs dimension {} must have length 3. Got {} and {}",
                dim.unwrap_or(d as isize),
                size(self),
                size(other)
            ));
        }
        if self.dtype() != other.dtype() {
            return Err(runtime!(
                "expected scalar type {} but found {}",
                self.dtype().scalar_type(),
                other.dtype().scalar_type()
            ));
        }
        let (a, b) = (self.expand(&shape)?, other.expand(&shape)?);
        let turned = |t: &Tensor, by: isize| t.roll(&[by], &[d as isize]);
        turned(&a, -1)?.mul(&turned(&b, -2)?)?.sub(&turned(&a, -2)?.mul(&turned(&b, -1)?)?)
    }

    /// Covariances of the rows: variables in rows, observations in columns, counted `frequency` times and weighed.
    pub fn cov(
        &self,
        correction: i64,
        frequency: Option<&Tensor>,
        weights: Option<&Tensor>,
    ) -> Result<Tensor> {
        if self.rank() > 2 {
            return Err(runtime!(
                "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
                self.rank()
            ));
        }
        if self.dtype() == DType::Bool {
            return Err(runtime!("cov(): bool dtype is not supported for input"));
        }
        let x = if self.rank() < 2 { self.reshape(&[1, self.numel()])? } else { self.clone() };
        let n = x.shape()[1];
        let check = |name: &str, w: &Tensor, whole: bool| -> Result<()> {
            if w.rank() > 1 {
                return Err(runtime!(
                    "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions",
                    w.rank()
                ));
            }
            if whole == w.dtype().is_float() || w.dtype() == DType::Bool {
                return Err(runtime!(
                    "cov(): expected {name} to have {} dtype but got {name} with {} dtype",
                    if whole { "integral" } else { "floating point" },
                    w.dtype().scalar_type()
                ));
            }
            if w.numel() != n {
                return Err(runtime!(
                    "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {n}",
                    w.numel()
                ));
            }
            if n > 0 && w.detach().min_all()?.item()?.to_f64() < 0.0 {
                return Err(runtime!("cov(): {name} cannot be negative"));
            }
            Ok(())
        };
        if let Some(f) = frequency {
            check("fweights", f, true)?;
        }
        if let Some(a) = weights {
            check("aweights", a, false)?;
        }
        let w = match (frequency, weights) {
            (Some(f), Some(a)) => Some(f.mul(a)?),
            (Some(w), None) | (None, Some(w)) => Some(w.clone()),
            (None, None) => None,
        };
        let w = w.map(|w| w.reshape(&[n])).transpose()?;
        let mut total = Tensor::wrapped(Scalar::Int(n as i64))?;
        if let Some(w) = &w {
            total = w.sum(&[], false, None)?;
            if n > 0 && total.item()?.to_f64() == 0.0 {
                return Err(runtime!("cov(): weights sum to zero, can't be normalized"));
            }
        }
        let average = match &w {
            Some(w) => x.mul(w)?.sum(&[1], true, None)?.div(&total)?,
            None => x.sum(&[1], true, None)?.div(&total)?,
        };
        let free = match (&w, weights, correction) {
            (Some(w), Some(a), c) if c != 0 => {
                let loss = w.mul(a)?.sum(&[], false, None)?.div(&total)?;
                total.sub(&loss.mul(&Tensor::wrapped(Scalar::Int(c))?)?)?
            }
            (_, _, c) => total.sub(&Tensor::wrapped(Scalar::Int(c))?)?,
        };
        let free = free.clamp_min(Scalar::Int(0))?;
        let centred = x.sub(&average)?;
        let weighed = match &w {
            Some(w) => centred.mul(w)?,
            None => centred.clone(),
        };
        let free = if free.is_wrapped() || n == 0 { free } else { free.to_dtype(centred.dtype())? };
        centred.mm(&weighed.to_dtype(centred.dtype())?.t()?)?.div(&free)?.squeeze(None)
    }

    /// Correlation coefficients of the rows.
    pub fn corrcoef(&self) -> Result<Tensor> {
        if self.rank() > 2 {
            return Err(runtime!(
                "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
                self.rank()
            ));
        }
        let c = self.cov(1, None, None)?;
        if c.rank() == 0 {
            return c.div(&c);
        }
        let spread = c.diagonal(0, 0, 1)?.sqrt()?;
        let c = c.div(&spread.unsqueeze(1)?)?.div(&spread.unsqueeze(0)?)?;
        c.clamp(Some(Scalar::Int(-1)), Some(Scalar::Int(1)))
    }
}

fn letter(l: Label) -> char {
    if l < 26 { (b'A' + l as u8) as char } else { (b'a' + (l - 26) as u8) as char }
}

/// Dimensions of one name have one size, or 1.
fn check_sizes(labels: &[Vec<Label>], operands: &[Tensor]) -> Result<()> {
    let mut sizes = std::collections::HashMap::new();
    for (i, (labels, t)) in labels.iter().zip(operands).enumerate() {
        let mut own = std::collections::HashMap::new();
        for (d, &l) in labels.iter().enumerate() {
            let n = t.shape()[d];
            if *own.entry(l).or_insert(n) != n {
                return Err(runtime!(
                    "einsum(): subscript {} is repeated for operand {i} but the sizes don't match, {n} != {}",
                    letter(l.min(LETTERS - 1)),
                    own[&l]
                ));
            }
            let known = sizes.entry(l).or_insert(n);
            if *known != n && *known != 1 && n != 1 {
                return Err(runtime!(
                    "einsum(): subscript {} has size {n} for operand {i} which does not broadcast with previously seen size {known}; shapes: {}",
                    letter(l.min(LETTERS - 1)),
                    operands.iter().map(|t| show(t.shape())).collect::<Vec<_>>().join(", ")
                ));
            }
            if *known == 1 {
                *known = n;
            }
        }
    }
    Ok(())
}
