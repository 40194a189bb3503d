//! Rows of a table by their numbers, one-hot vectors, and margins that repeat the tensor.

use crate::backend::backend;
use crate::backend::nn::{Table, TableOptions};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::Layout;
use crate::ops::promote::check_devices;
use crate::shape::{Dims, show};
use crate::tensor::{Scalar, Tensor, no_grad};
use crate::{autocast, grads, missing, runtime};

/// A look-up whose arguments are checked; `index` is contiguous and int64.
#[derive(Clone)]
struct Lookup {
    table: Table,
    options: TableOptions,
    index: Tensor,
}

impl Lookup {
    fn out_shape(&self) -> Dims {
        let mut shape = self.index.layout().shape.clone();
        shape.push(self.table.width);
        shape
    }

    /// The gradient of the table from that of the rows.
    fn up(&self, g: &Tensor) -> Result<Tensor> {
        let dweight = g.wide_out(&[self.table.rows, self.table.width])?;
        let on = backend(g.device());
        on.embedding_backward(self.table, self.options, self.index.raw(), g.wide()?.raw(), dweight.raw())?;
        let lookup = self.clone();
        dweight
            .cast_data(g.dtype())?
            .record("EmbeddingDenseBackwardBackward0", &[g], |_| move |_, u| grads![Some(lookup.down(u)?)])
    }

    /// The transpose of `up`: the rows of `u`, scaled as `up` scales.
    fn down(&self, u: &Tensor) -> Result<Tensor> {
        let rows = u.index_select(0, &self.index.alias(Layout::contiguous(&[self.index.numel()])))?;
        let TableOptions { padding_idx, scale_grad_by_freq } = self.options;
        if !u.has_data() {
            return rows.view(&self.out_shape());
        }
        let index = self.index.values::<i64>()?;
        let mut times = vec![0.0f64; if scale_grad_by_freq { self.table.rows } else { 0 }];
        if scale_grad_by_freq {
            index.iter().for_each(|&i| times[i as usize] += 1.0);
        }
        let scale: Vec<f64> = index
            .iter()
            .map(|&i| match padding_idx {
                Some(row) if row as i64 == i => 0.0,
                _ if scale_grad_by_freq => 1.0 / times[i as usize],
                _ => 1.0,
            })
            .collect();
        let scale = Tensor::from_slice(&scale, &[index.len(), 1])?.cast_data(u.dtype())?;
        rows.mul(&scale)?.view(&self.out_shape())
    }
}

impl Tensor {
    /// The gradient of a table from those of the rows that `index` names, as an op that can be differentiated again.
    pub(crate) fn embedding_up(
        table: Table,
        padding_idx: Option<usize>,
        scale_grad_by_freq: bool,
        index: &Tensor,
        rows: &Tensor,
    ) -> Result<Tensor> {
        let options = TableOptions { padding_idx, scale_grad_by_freq };
        Lookup { table, options, index: index.clone() }.up(rows)
    }

    /// Rows of this table: `out[i] = self[index[i]]`. `padding_idx` is the row without a gradient.
    pub fn embedding(
        &self,
        index: &Tensor,
        padding_idx: Option<usize>,
        scale_grad_by_freq: bool,
    ) -> Result<Tensor> {
        let &[rows, width] = self.shape() else {
            return Err(runtime!("'weight' must be 2-D"));
        };
        if !matches!(index.dtype(), DType::I64 | DType::I32) {
            return Err(runtime!(
                "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got tensorrs.{}Tensor instead (while checking arguments for embedding)",
                index.dtype().scalar_type()
            ));
        }
        let lookup = Lookup {
            table: Table { rows, width },
            options: TableOptions { padding_idx, scale_grad_by_freq },
            index: index.cast_data(DType::I64)?.contiguous_data()?.detach_alias(),
        };
        let shape = lookup.out_shape();
        let out = self.new_empty(&shape, self.dtype())?;
        let weight = self.contiguous_data()?;
        check_devices(self.device(), [index.device()])?;
        backend(self.device()).embedding(lookup.table, weight.raw(), lookup.index.raw(), out.raw())?;
        out.record("EmbeddingBackward0", &[self], |save| {
            let index = save.plain(&lookup.index);
            move |ctx, g| {
                index.get(ctx)?;
                grads![Some(lookup.up(g)?)]
            }
        })
    }

    /// 1 at the class each element names, 0 elsewhere: one more dimension, of size `classes` or as many as there are.
    pub fn one_hot(&self, classes: i64) -> Result<Tensor> {
        if self.dtype() != DType::I64 {
            return Err(runtime!("one_hot is only applicable to index tensor of type LongTensor."));
        }
        let index = self.contiguous_data()?;
        if classes == -1 {
            self.check_data_for("one_hot without num_classes")?;
        }
        let (least, most) = index.known::<i64>().iter().fold((0, -1), |(a, b), &i| (i.min(a), i.max(b)));
        if self.numel() == 0 && classes <= 0 {
            return Err(runtime!("Can not infer total number of classes from empty tensor."));
        }
        if least < 0 {
            return Err(runtime!("Class values must be non-negative."));
        }
        let classes = if classes == -1 { most + 1 } else { classes };
        if most >= classes {
            return Err(runtime!("Class values must be smaller than num_classes."));
        }
        let mut shape = self.layout().shape.clone();
        shape.push(classes as usize);
        let out = self.new_zeros(&shape, DType::I64)?;
        if out.has_data() {
            // SAFETY: `out` was just made here.
            let rows = unsafe { out.values_mut::<i64>()? }.chunks_exact_mut(classes as usize);
            rows.zip(index.values::<i64>()?).for_each(|(row, &i)| row[i as usize] = 1);
        }
        Ok(out)
    }

    /// `pad`: margins around the last dimensions, pairs (before, after), the last dimension first. `mode` says what is
    /// in them.
    pub fn pad(&self, pads: &[isize], mode: &str, value: Option<Scalar>) -> Result<Tensor> {
        if !pads.len().is_multiple_of(2) {
            return Err(runtime!("Padding length must be divisible by 2"));
        }
        if pads.len() / 2 > self.rank() {
            return Err(runtime!(
                "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of dimension {}",
                pads.len(),
                self.rank()
            ));
        }
        if mode == "constant" {
            return self.pad_constant(pads, value.unwrap_or(Scalar::Int(0)));
        }
        if value.is_some_and(|v| v.to_f64() != 0.0) {
            return Err(runtime!("Padding mode \"{mode}\" doesn't take in value argument"));
        }
        let dims = pads.len() / 2;
        if !matches!((dims, self.rank()), (1, 2 | 3) | (2, 3 | 4) | (3, 4 | 5)) {
            return Err(missing!(
                "Padding size {} is not supported for {}D input tensor.",
                pads.len(),
                self.rank()
            ));
        }
        let mirror: fn(isize, isize) -> isize = match mode {
            "reflect" => |i, n| if i < 0 { -i } else { n - 1 - (n - 1 - i).abs() },
            "replicate" => |i, n| i.clamp(0, n - 1),
            "circular" => |i, n| i.rem_euclid(n),
            other => return Err(missing!("Unrecognised padding mode {other}")),
        };
        let listed = match (mode, dims) {
            ("reflect", 1) => Some("reflection_pad1d"),
            ("reflect", 2) => Some("reflection_pad2d"),
            ("replicate", 1) => Some("replication_pad1d"),
            ("replicate", 2) => Some("replication_pad2d"),
            ("replicate", _) => Some("replication_pad3d"),
            _ => None,
        };
        if let Some(op) = listed {
            autocast!(op; x = self => x.pad(pads, mode, value));
        }
        self.check_pad(pads, mode)?;
        let name = match (mode, dims) {
            ("reflect", 1) => "ReflectionPad1DBackward0",
            ("reflect", 2) => "ReflectionPad2DBackward0",
            ("reflect", _) => "ReflectionPad3DBackward0",
            ("replicate", 1) => "ReplicationPad1DBackward0",
            ("replicate", 2) => "ReplicationPad2DBackward0",
            ("replicate", _) => "ReplicationPad3DBackward0",
            _ => "CopySlices",
        };
        // Where each place along a dimension comes from, dimension by dimension.
        let mut steps: Vec<(isize, Tensor)> = Vec::with_capacity(dims);
        for (i, pair) in pads.chunks(2).enumerate() {
            let dim = self.rank() - 1 - i;
            let n = self.shape()[dim] as isize;
            // A circle closes after what negative padding cuts off; a mirror or an edge stays where it was.
            let cut = if mode == "circular" { [pair[0].min(0), pair[1].min(0)] } else { [0; 2] };
            let n = n + cut[0] + cut[1];
            let places = cut[0] - pair[0]..n + pair[1] - cut[1];
            let from: Vec<i64> = places.map(|i| (mirror(i, n) - cut[0]) as i64).collect();
            steps.push((dim as isize, Tensor::from_slice(&from, &[from.len()])?.on(self.device())?));
        }
        let out =
            no_grad(|| steps.iter().try_fold(self.clone(), |x, (dim, from)| x.index_select(*dim, from)))?;
        let full = self.layout().shape.clone();
        out.record(name, &[self], |_| {
            move |_, g| {
                let back = |g: Tensor, (dim, from): &(isize, Tensor)| {
                    let mut shape = g.layout().shape.clone();
                    shape[*dim as usize] = full[*dim as usize];
                    g.new_zeros(&shape, g.dtype())?.index_add(*dim, from, &g, Scalar::Int(1))
                };
                grads![Some(steps.iter().rev().try_fold(g.clone(), back)?)]
            }
        })
    }

    fn check_pad(&self, pads: &[isize], mode: &str) -> Result<()> {
        let sizes = |i: usize| self.shape()[self.rank() - 1 - i] as isize;
        let dims = pads.len() / 2;
        if mode == "circular" {
            for (i, pair) in pads.chunks(2).enumerate() {
                let left = sizes(i) + pair[0].min(0) + pair[1].min(0);
                if pair.iter().any(|&p| p > if left > 0 { sizes(i) } else { 0 }) {
                    return Err(runtime!("Padding value causes wrapping around more than once."));
                }
                if sizes(i) + pair[0] + pair[1] < 0 {
                    return Err(runtime!("Negative padding value is resulting in an empty dimension"));
                }
            }
            return Ok(());
        }
        // A batch may be empty, nothing else.
        if self.shape()[usize::from(self.rank() == dims + 2)..].contains(&0) {
            return Err(runtime!(
                "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {}",
                dims + 1,
                dims + 2,
                show(self.shape())
            ));
        }
        let widest = |(i, pair): (usize, &[isize])| {
            (mode == "reflect" && pair.iter().any(|&p| p >= sizes(i))).then(|| (i, pair[0], pair[1]))
        };
        if let Some((i, before, after)) = pads.chunks(2).enumerate().find_map(widest) {
            return Err(runtime!(
                "Argument #{}: Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) at dimension {} of input {}",
                2 * (i + 2),
                self.rank() - 1 - i,
                show(self.shape())
            ));
        }
        let names: &[&str] = match dims {
            1 => &["W"],
            2 => &["H", "W"],
            _ => &["D", "H", "W"],
        };
        let out: Vec<isize> = (0..dims).rev().map(|i| sizes(i) + pads[2 * i] + pads[2 * i + 1]).collect();
        if out.iter().any(|&n| n < 1) {
            let write = |sizes: Vec<isize>, between: &str, after: &str| {
                let parts: Vec<String> = names.iter().zip(sizes).map(|(n, s)| format!("{n}: {s}")).collect();
                parts.join(between) + after
            };
            let input = write((0..dims).rev().map(sizes).collect(), ", ", "");
            return Err(runtime!(
                "Calculated output {} must be >= 1 in every dimension (input {input})",
                write(out, " ", "")
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autograd::check::{check_second, check_vjp};

    fn numbers(shape: &[usize]) -> Tensor {
        let values: Vec<f64> =
            (0..crate::shape::numel(shape)).map(|i| (i * 37 % 23) as f64 / 11.0 - 1.0).collect();
        Tensor::from_slice(&values, shape).expect("small")
    }

    #[track_caller]
    fn check(f: impl Fn(&[Tensor]) -> Result<Tensor> + Copy, x: Tensor, padding: bool) {
        if !padding {
            let (taped, measured) = check_vjp(f, std::slice::from_ref(&x)).expect("fits");
            assert!((taped - measured).abs() < 1e-6, "{taped} {measured}");
        }
        let (taped, measured) = check_second(|v| f(v)?.mul(&f(v)?), &[x]).expect("fits");
        assert!((taped - measured).abs() < 1e-6, "second: {taped} {measured}");
    }

    #[test]
    fn derivatives_of_a_look_up_match_finite_differences() {
        let index = Tensor::from_slice(&[1i64, 3, 1, 0, 1, 3], &[2, 3]).expect("small");
        for (padding, scale) in [(None, false), (Some(1), false)] {
            check(|v| v[0].embedding(&index, padding, scale), numbers(&[4, 3]), padding.is_some());
        }
        let empty = Tensor::from_slice::<i64>(&[], &[0]).expect("small");
        check(|v| v[0].embedding(&empty, None, false), numbers(&[4, 3]), false);
    }

    #[test]
    fn a_row_asked_for_often_gets_the_mean_if_told_so() {
        let index = Tensor::from_slice(&[1i64, 1, 0], &[3]).expect("small");
        let w = numbers(&[2, 1]);
        w.set_requires_grad(true).expect("float");
        let loss = w.embedding(&index, None, true).and_then(|y| y.sum(&[], false, None)).expect("fits");
        crate::autograd::backward(&[(loss, None)], &[], Default::default()).expect("runs");
        assert_eq!(w.grad().expect("set").slice::<f64>(), [1.0, 1.0]);
    }

    #[test]
    fn margins_repeat_the_tensor() {
        let x = Tensor::from_slice(&[1i64, 2, 3, 4], &[1, 4]).expect("small");
        let pad = |mode: &str, pads: &[isize]| x.pad(pads, mode, None).expect("fits").slice::<i64>().to_vec();
        assert_eq!(pad("reflect", &[2, 1]), [3, 2, 1, 2, 3, 4, 3]);
        assert_eq!(pad("replicate", &[2, 1]), [1, 1, 1, 2, 3, 4, 4]);
        assert_eq!(pad("circular", &[2, 1]), [3, 4, 1, 2, 3, 4, 1]);
        assert_eq!(pad("replicate", &[-1, 1]), [2, 3, 4, 4]);
        assert_eq!(pad("circular", &[-1, -1]), [2, 3]);
        check(|v| v[0].pad(&[1, 2, 1, 0], "reflect", None), numbers(&[2, 3, 4]), false);
    }

    #[test]
    fn classes_become_ones() {
        let x = Tensor::from_slice(&[2i64, 0], &[2]).expect("small");
        assert_eq!(x.one_hot(-1).expect("fits").slice::<i64>(), [0, 0, 1, 1, 0, 0]);
        assert!(x.one_hot(2).is_err());
    }
}
