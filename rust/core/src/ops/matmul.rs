//! Matrix products of all ranks: mm, bmm, mv, dot, outer, addmm, linear, matmul.

use super::product::{matrix_product, product};
use crate::backend::View;
use crate::backend::cpu::dot;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::shape::{Dims, broadcast, show};
use crate::tensor::{Scalar, Tensor};
use crate::{autocast, grads, runtime};

fn same_dtype(a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype() != b.dtype() {
        return Err(runtime!(
            "expected m1 and m2 to have the same dtype, but got: {} != {}",
            a.dtype().cpp_name(),
            b.dtype().cpp_name()
        ));
    }
    Ok(())
}

impl Tensor {
    /// `base + self @ other` on `(batch, rows, cols)` operands, without history.
    /// `op` is what a refusal names: there are no products of masks, except those that add nothing up.
    fn product(&self, op: &'static str, other: &Tensor, base: Option<&Tensor>) -> Result<Tensor> {
        let shape = [self.shape()[0], self.shape()[1], other.shape()[2]];
        let (a, b) = (self.raw(), other.raw());
        product(op, a, b, base.map(Tensor::raw), Layout::contiguous(&shape), &shape)
    }

    pub(crate) fn mm_data(&self, op: &'static str, other: &Tensor, base: Option<&Tensor>) -> Result<Tensor> {
        let shape = [self.shape()[0], other.shape()[1]];
        matrix_product(op, self.raw(), other.raw(), base.map(Tensor::raw), &shape)
    }

    fn check_mm(&self, op: &str, other: &Tensor) -> Result<()> {
        for (name, t) in [("self", self), ("mat2", other)] {
            if t.rank() != 2 {
                return Err(runtime!("{op}: {name} must be a matrix, got {}-D tensor", t.rank()));
            }
        }
        self.check_inner(op, other)
    }

    fn check_inner(&self, op: &str, other: &Tensor) -> Result<()> {
        let (a, b) = (self.shape(), other.shape());
        if a[1] != b[0] {
            return Err(runtime!(
                "{op}: mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})",
                a[0],
                a[1],
                b[0],
                b[1]
            ));
        }
        Ok(())
    }

    /// The product of two matrices.
    pub fn mm(&self, other: &Tensor) -> Result<Tensor> {
        autocast!("mm"; a = self, b = other => a.mm(&b));
        self.check_mm("mm", other)?;
        same_dtype(self, other)?;
        self.mm_data("addmm_impl_cpu_", other, None)?.record("MmBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = b.as_ref().map(|b| g.mm(&b.get(ctx)?.t()?)).transpose()?;
                let db = a.as_ref().map(|a| a.get(ctx)?.t()?.mm(g)).transpose()?;
                grads![da, db]
            }
        })
    }

    /// The products of two batches of matrices.
    pub fn bmm(&self, other: &Tensor) -> Result<Tensor> {
        autocast!("bmm"; a = self, b = other => a.bmm(&b));
        self.check_bmm(other)?;
        self.product("bmm", other, None)?.record("BmmBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = b.as_ref().map(|b| g.bmm(&b.get(ctx)?.transpose(1, 2)?)).transpose()?;
                let db = a.as_ref().map(|a| a.get(ctx)?.transpose(1, 2)?.bmm(g)).transpose()?;
                grads![da, db]
            }
        })
    }

    fn check_bmm(&self, other: &Tensor) -> Result<()> {
        if self.rank() != 3 {
            return Err(runtime!("batch1 must be a 3D tensor"));
        }
        if other.rank() != 3 {
            return Err(runtime!("batch2 must be a 3D tensor"));
        }
        let (a, b) = (self.shape(), other.shape());
        if a[0] != b[0] || a[2] != b[1] {
            return Err(runtime!(
                "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
                a[0],
                a[2],
                b[0],
                b[1]
            ));
        }
        if self.dtype() != other.dtype() {
            return Err(runtime!(
                "expected scalar type {} but found {}",
                self.dtype().scalar_type(),
                other.dtype().scalar_type()
            ));
        }
        Ok(())
    }

    /// A matrix times a vector.
    pub fn mv(&self, vec: &Tensor) -> Result<Tensor> {
        self.check_mv(vec, None)?;
        let column = vec.alias(vec.layout().unsqueeze(1)?);
        let out = self.mm_data("addmv_impl_cpu", &column, None)?;
        let out = out.alias(Layout::contiguous(&[self.shape()[0]]));
        out.record("MvBackward0", &[self, vec], |save| {
            let (a, v) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = v.as_ref().map(|v| g.outer(&v.get(ctx)?)).transpose()?;
                let dv = a.as_ref().map(|a| a.get(ctx)?.t()?.mv(g)).transpose()?;
                grads![da, dv]
            }
        })
    }

    /// What `mv` asks for, and `addmv` with the vector it adds to.
    fn check_mv(&self, vec: &Tensor, onto: Option<&Tensor>) -> Result<()> {
        let onto_rank = onto.map_or(1, Tensor::rank);
        if self.rank() != 2 || vec.rank() != 1 || onto_rank > 1 {
            return Err(runtime!(
                "vector + matrix @ vector expected, got {onto_rank}, {}, {}",
                self.rank(),
                vec.rank()
            ));
        }
        let n = onto.map_or(self.shape()[0], Tensor::numel);
        if self.shape()[1] != vec.shape()[0] || n != self.shape()[0] && n != 1 {
            return Err(runtime!(
                "size mismatch, got input ({n}), mat ({}x{}), vec ({})",
                self.shape()[0],
                self.shape()[1],
                vec.shape()[0]
            ));
        }
        let first = onto.unwrap_or(vec).dtype();
        if self.dtype() != vec.dtype() || first != vec.dtype() {
            return Err(runtime!(
                "addmv input tensors must have the same dtype, but got {}, {}, and {}",
                first.scalar_type(),
                self.dtype().scalar_type(),
                vec.dtype().scalar_type()
            ));
        }
        Ok(())
    }

    /// The inner product of two vectors.
    pub fn dot(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() != 1 || other.rank() != 1 {
            return Err(runtime!(
                "1D tensors expected, but got {}D and {}D tensors",
                self.rank(),
                other.rank()
            ));
        }
        if self.dtype() != other.dtype() {
            return Err(runtime!(
                "dot : expected both vectors to have same dtype, but found {} and {}",
                self.dtype().scalar_type(),
                other.dtype().scalar_type()
            ));
        }
        if self.numel() != other.numel() {
            return Err(runtime!(
                "inconsistent tensor size, expected tensor {} and src {} to have the same number of elements, but got {} and {} elements respectively",
                show(self.shape()),
                show(other.shape()),
                self.numel(),
                other.numel()
            ));
        }
        if self.dtype() == DType::Bool {
            return Err(Error::NotImplemented { op: "dot".into(), dtype: DType::Bool });
        }
        let out = match self.short_dot(other)? {
            Some(out) => out,
            None => {
                let row = self.alias(self.layout().unsqueeze(0)?);
                let column = other.alias(other.layout().unsqueeze(1)?);
                row.mm_data("dot", &column, None)?.alias(Layout::contiguous(&[]))
            }
        };
        out.record("DotBackward0", &[self, other], |save| {
            let (a, b) = (save.input_for(0, 1), save.input_for(1, 0));
            move |ctx, g| {
                let da = b.as_ref().map(|b| g.mul(&b.get(ctx)?)).transpose()?;
                let db = a.as_ref().map(|a| g.mul(&a.get(ctx)?)).transpose()?;
                grads![da, db]
            }
        })
    }

    /// The data of a product of two short float vectors.
    fn short_dot(&self, other: &Tensor) -> Result<Option<Tensor>> {
        let wide = matches!(self.dtype(), DType::F32 | DType::F64);
        if !wide || self.numel() > dot::SHORT || !self.has_data() {
            return Ok(None);
        }
        let (a, b) = (self.contiguous_data()?, other.contiguous_data()?);
        Ok(Some(match self.dtype() {
            DType::F32 => Tensor::from_slice(&[dot::dot::<f32, 4>(a.values()?, b.values()?)], &[])?,
            _ => Tensor::from_slice(&[dot::dot::<f64, 2>(a.values()?, b.values()?)], &[])?,
        }))
    }

    /// Every product of an element of one vector with one of the other.
    pub fn outer(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() != 1 || other.rank() != 1 {
            let (which, rank) = if self.rank() != 1 { ("self", self.rank()) } else { ("vec2", other.rank()) };
            return Err(runtime!("outer: Expected 1-D argument {which}, but got {rank}-D"));
        }
        self.unsqueeze(1)?.mul(other)
    }

    /// The sum of products over the last dimension of both.
    pub fn inner(&self, other: &Tensor) -> Result<Tensor> {
        if self.rank() == 0 || other.rank() == 0 {
            return self.mul(other);
        }
        let (Some((&k, a)), Some((&k2, b))) = (self.shape().split_last(), other.shape().split_last()) else {
            return self.mul(other);
        };
        if k != k2 {
            return Err(runtime!(
                "inner() the last dimension must match on both input tensors but got shapes {} and {}",
                show(self.shape()),
                show(other.shape())
            ));
        }
        if self.dtype() != other.dtype() {
            return Err(runtime!("both inputs should have same dtype"));
        }
        if a.is_empty() && b.is_empty() {
            return self.dot(other);
        }
        let shape: Dims = a.iter().chain(b).copied().collect();
        let (rows, cols) = (a.iter().product(), b.iter().product());
        self.reshape(&[rows, k])?.mm(&other.reshape(&[cols, k])?.t()?)?.reshape(&shape)
    }

    /// `beta * self + alpha * outer(a, b)`.
    pub fn addr(&self, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
        for (name, by) in [("beta", beta), ("alpha", alpha)] {
            let whole = [self, a, b].iter().all(|t| !t.dtype().is_float());
            if whole && matches!(by, Scalar::Float(_)) {
                return Err(runtime!(
                    "For integral input tensors, argument {name} must not be a floating point number."
                ));
            }
        }
        // Masks have no sums and no multiples but 0.
        let mask = self.dtype() == DType::Bool && a.dtype() == DType::Bool && b.dtype() == DType::Bool;
        let scaled = |t: Tensor, by: Scalar| match by.to_f64() {
            1.0 => Ok(t),
            x if mask => t.mul(&Tensor::wrapped(Scalar::Bool(x != 0.0))?),
            _ => t.mul(&Tensor::wrapped(by)?),
        };
        let full = scaled(a.outer(b)?, alpha)?;
        self.expand_data(full.shape())?;
        if beta.to_f64() == 0.0 { Ok(full) } else { full.add(&scaled(self.clone(), beta)?) }
    }

    /// `beta * self + alpha * (a @ b)`, `self` broadcast to the product's shape.
    pub fn addmm(&self, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
        autocast!("addmm"; x = self, a = a, b = b => x.addmm(&a, &b, beta, alpha));
        a.check_mm("addmm", b)?;
        self.add_product("AddmmBackward0", a, b, beta, alpha, Tensor::mm)
    }

    /// As `addmm` for a batch.
    pub fn baddbmm(&self, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
        autocast!("baddbmm"; x = self, a = a, b = b => x.baddbmm(&a, &b, beta, alpha));
        a.check_bmm(b)?;
        self.add_product("BaddbmmBackward0", a, b, beta, alpha, Tensor::bmm)
    }

    /// As `addmm` for a matrix and a vector.
    pub fn addmv(&self, a: &Tensor, v: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
        a.check_mv(v, Some(self))?;
        self.add_product("AddmvBackward0", a, v, beta, alpha, Tensor::mv)
    }

    fn add_product(
        &self,
        name: &'static str,
        a: &Tensor,
        b: &Tensor,
        beta: Scalar,
        alpha: Scalar,
        product: fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if self.dtype() != b.dtype() {
            return Err(runtime!(
                "self and mat2 must have the same dtype, but got {} and {}",
                self.dtype().scalar_type(),
                b.dtype().scalar_type()
            ));
        }
        // Integers are scaled by whole numbers.
        let mut shape = Dims::from_slice(&a.shape()[..a.rank() - 1]);
        if b.rank() > 1 {
            shape.extend(b.shape().last().copied());
        }
        self.expand_data(&shape)?;
        let whole = |by: Scalar| if self.dtype().is_float() { by } else { Scalar::Int(by.to()) };
        let (beta, alpha) = (whole(beta), whole(alpha));
        let scaled =
            |t: Tensor, by: Scalar| if by.to_f64() == 1.0 { Ok(t) } else { t.mul(&Tensor::wrapped(by)?) };
        let out = crate::tensor::no_grad(|| {
            if matches!(self.dtype(), DType::F16 | DType::BF16) {
                // Rounded once, at the end.
                let [base, a, b] = [self, a, b].map(|t| t.cast_data(DType::F32));
                let (base, full) = (base?, scaled(product(&a?, &b?)?, alpha)?);
                let sum = match beta.to_f64() {
                    0.0 => full,
                    1.0 => full.add(&base.expand_data(full.shape())?)?,
                    // PyTorch's loop adds `beta * self` in one rounding, as f64 does here.
                    _ => {
                        let factor = Tensor::wrapped(Scalar::Float(f64::from(beta.to_f64() as f32)))?;
                        let base = base.cast_data(DType::F64)?.mul(&factor)?;
                        base.add(&full.cast_data(DType::F64)?)?.cast_data(DType::F32)?
                    }
                };
                return sum.cast_data(self.dtype());
            }
            let full = product(a, b)?;
            let base = self.expand_data(full.shape())?;
            if self.dtype() == DType::Bool {
                // A product that adds nothing up: for vectors the base alone, for matrices a sum that is refused.
                return match full.rank() {
                    _ if beta.to_f64() == 0.0 => Ok(full),
                    1 => base.dup(),
                    _ if full.numel() == 0 => Ok(full),
                    _ => Err(Error::Cast { from: DType::I64, to: DType::Bool }),
                };
            }
            let full = scaled(full, alpha)?;
            // A beta of 0 drops the first operand, NaN and infinity included.
            if beta.to_f64() == 0.0 { Ok(full) } else { full.add(&scaled(self.clone(), beta)?) }
        })?;
        out.record(name, &[self, a, b], |save| {
            let (kept_a, kept_b) = (save.input_for(1, 2), save.input_for(2, 1));
            move |ctx, g| {
                let ds = ctx.when(0, || scaled(g.clone(), beta))?;
                let flip = |t: Tensor| if t.rank() == 1 { Ok(t) } else { t.transpose(-2, -1) };
                let da = kept_b.as_ref().map(|b| {
                    let b = b.get(ctx)?;
                    scaled(if b.rank() == 1 { g.outer(&b)? } else { product(g, &flip(b)?)? }, alpha)
                });
                let db = kept_a.as_ref().map(|a| scaled(product(&flip(a.get(ctx)?)?, g)?, alpha));
                grads![ds, da.transpose()?, db.transpose()?]
            }
        })
    }

    /// `self @ weight.T + bias` over the last dimension.
    pub fn linear(&self, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        autocast!("linear"; x = self, w = weight, b = bias => x.linear(&w, b.as_ref()));
        // Integers are added to afterwards: their products start from nothing.
        let known = bias.is_none_or(|b| b.rank() == 1 && self.dtype().is_float());
        let plain = self.rank() >= 1 && weight.rank() == 2 && known;
        if self.rank() == 0 || weight.rank() == 0 {
            return Err(runtime!(
                "both arguments to linear need to be at least 1D, but they are {}D and {}D",
                self.rank(),
                weight.rank()
            ));
        }
        if weight.rank() > 2 {
            return Err(runtime!(
                "t() expects a tensor with <= 2 dimensions, but self is {}D",
                weight.rank()
            ));
        }
        if weight.rank() == 1 && self.rank() < 3 && bias.is_some_and(|b| b.rank() > 0) {
            return Err(runtime!("addmm: mat2 must be a matrix, got 1-D tensor"));
        }
        if !plain {
            let wt = if weight.rank() == 2 { weight.t()? } else { weight.clone() };
            let y = self.matmul(&wt)?;
            return bias.map_or(Ok(y.clone()), |b| y.add(b));
        }
        let (&[out_features, in_features], Some((&last, lead))) = (weight.shape(), self.shape().split_last())
        else {
            return Err(runtime!("linear: weight must be a matrix"));
        };
        let rows: usize = lead.iter().product();
        if last != in_features {
            let op = if bias.is_some() { "addmm" } else { "mm" };
            return Err(runtime!(
                "{op}: mat1 and mat2 shapes cannot be multiplied ({rows}x{last} and {in_features}x{out_features})"
            ));
        }
        if let Some(b) = bias {
            for (what, one) in [("self", b), ("mat1", self)] {
                if one.dtype() != weight.dtype() {
                    return Err(runtime!(
                        "{what} and mat2 must have the same dtype, but got {} and {}",
                        one.dtype().scalar_type(),
                        weight.dtype().scalar_type()
                    ));
                }
            }
            if b.numel() != out_features && b.numel() != 1 {
                return Err(runtime!(
                    "The expanded size of the tensor ({out_features}) must match the existing size ({}) at non-singleton dimension 1.  Target sizes: [{rows}, {out_features}].  Tensor sizes: {}",
                    b.numel(),
                    show(b.shape())
                ));
            }
        }
        same_dtype(self, weight)?;
        let copied;
        let x = match self.layout().view(&[rows, last]) {
            Some(layout) => (self, layout),
            None => {
                copied = self.contiguous_data()?;
                (&copied, Layout::contiguous(&[rows, last]))
            }
        };
        let x = View { layout: &x.1, ..x.0.raw() };
        let wt = View { layout: &weight.layout().transpose(0, 1)?, ..weight.raw() };
        let rows_of_bias = bias.map(|b| b.layout().expand(&[rows, out_features]));
        let base = match (bias, &rows_of_bias) {
            (Some(b), Some(Some(layout))) => Some(View { layout, ..b.raw() }),
            (Some(b), _) => return b.expand_data(&[rows, out_features]),
            _ => None,
        };
        let mut shape = Dims::from_slice(lead);
        shape.push(out_features);
        let out = matrix_product("addmm_impl_cpu_", x, wt, base, &shape)?;
        let name = match (bias, self.rank()) {
            (Some(_), 2) => "AddmmBackward0",
            (None, 2) => "MmBackward0",
            (_, 1) => "SqueezeBackward1",
            (Some(_), _) => "ViewBackward0",
            (None, _) => "UnsafeViewBackward0",
        };
        let none;
        let third = match bias {
            Some(b) => b,
            None => {
                none = self.new_empty(&[0], self.dtype())?;
                &none
            }
        };
        out.record(name, &[self, weight, third], |save| {
            let (x, w) = (save.input_for(0, 1), save.input_for(1, 0));
            let x_shape = self.layout().shape.clone();
            move |ctx, g| {
                let g2 = g.reshape(&[rows, out_features])?;
                let dx = w.as_ref().map(|w| g2.mm(&w.get(ctx)?)?.view(&x_shape)).transpose()?;
                let dw = x
                    .as_ref()
                    .map(|x| g2.t()?.mm(&x.get(ctx)?.reshape(&[rows, in_features])?))
                    .transpose()?;
                let db = ctx.when(2, || g2.sum(&[0], false, None))?;
                grads![dx, dw, db]
            }
        })
    }

    /// The matrix product with NumPy's rules: vectors are rows or columns, leading dimensions are batches that
    /// broadcast.
    pub fn matmul(&self, other: &Tensor) -> Result<Tensor> {
        autocast!("matmul"; a = self, b = other => a.matmul(&b));
        match (self.rank(), other.rank()) {
            (0, _) | (_, 0) => Err(runtime!(
                "both arguments to matmul need to be at least 1D, but they are {}D and {}D",
                self.rank(),
                other.rank()
            )),
            (1, 1) => self.dot(other),
            (2, 1) => self.mv(other),
            (1, 2) => self.unsqueeze(0)?.mm(other)?.squeeze(Some(&[0])),
            (2, 2) => self.mm(other),
            // One matrix for a whole batch is one large product.
            (a, b) if a >= 3 && b <= 2 => self.matmul_folded(other),
            _ => self.matmul_batched(other),
        }
    }

    fn matmul_folded(&self, other: &Tensor) -> Result<Tensor> {
        let Some((&k, lead)) = self.shape().split_last() else { return self.mm(other) };
        let rows = lead.iter().product();
        let flat = self.reshape(&[rows, k])?;
        let mut shape = Dims::from_slice(lead);
        if other.rank() == 1 {
            return flat.mv(other)?.reshape(&shape);
        }
        shape.push(other.shape()[1]);
        flat.mm(other)?.reshape(&shape)
    }

    fn matmul_batched(&self, other: &Tensor) -> Result<Tensor> {
        let a = if self.rank() == 1 { self.unsqueeze(0)? } else { self.clone() };
        let b = if other.rank() == 1 { other.unsqueeze(1)? } else { other.clone() };
        let (ra, rb) = (a.rank(), b.rank());
        let (m, k, k2, n) = (a.shape()[ra - 2], a.shape()[ra - 1], b.shape()[rb - 2], b.shape()[rb - 1]);
        let batch = broadcast(&a.shape()[..ra - 2], &b.shape()[..rb - 2])?;
        let size: usize = batch.iter().product();
        if k != k2 {
            return Err(runtime!(
                "Expected size for first two dimensions of batch2 tensor to be: [{size}, {k}] but got: [{size}, {k2}]."
            ));
        }
        let full = |t: &Tensor, rows: usize, cols: usize| -> Result<Tensor> {
            let mut shape = batch.clone();
            shape.extend_from_slice(&[rows, cols]);
            t.expand(&shape)?.reshape(&[size, rows, cols])
        };
        let mut shape = batch.clone();
        if self.rank() > 1 {
            shape.push(m);
        }
        if other.rank() > 1 {
            shape.push(n);
        }
        full(&a, m, k)?.bmm(&full(&b, k, n)?)?.reshape(&shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::check_vjp;

    fn numbers(shape: &[usize]) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| ((i * 37 % 23) as f64 - 11.0) / 7.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[test]
    fn every_pair_of_ranks_matches_finite_differences() {
        let shapes: [(&[usize], &[usize]); 9] = [
            (&[3], &[3]),
            (&[2, 3], &[3]),
            (&[3], &[3, 2]),
            (&[2, 3], &[3, 4]),
            (&[2, 2, 3], &[3, 4]),
            (&[2, 2, 3], &[3]),
            (&[2, 3], &[2, 3, 4]),
            (&[3], &[2, 3, 4]),
            (&[2, 1, 2, 3], &[3, 3, 2]),
        ];
        for (a, b) in shapes {
            let (taped, measured) =
                check_vjp(|x| x[0].matmul(&x[1]), &[numbers(a), numbers(b)]).expect("fits");
            assert!((taped - measured).abs() < 1e-6, "{a:?} {b:?}: {taped} {measured}");
        }
    }

    #[test]
    fn linear_and_addmm_match_finite_differences() {
        let (x, w, b) = (numbers(&[2, 2, 3]), numbers(&[4, 3]), numbers(&[4]));
        let (taped, measured) = check_vjp(|v| v[0].linear(&v[1], Some(&v[2])), &[x, w, b]).expect("fits");
        assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
        let (c, a, b) = (numbers(&[4]), numbers(&[2, 3]), numbers(&[3, 4]));
        let f = |v: &[Tensor]| v[0].addmm(&v[1], &v[2], 0.5.into(), 2.0.into());
        let (taped, measured) = check_vjp(f, &[c, a, b]).expect("fits");
        assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
    }
}
