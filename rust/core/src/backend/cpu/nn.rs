//! The verbs of neural networks on the CPU: views become slices, dtypes become types, the kernels do the rest.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::embedding::OutOfRange;
use super::loss::{Classes, OutOfBounds};
use super::norm::{Affine, Grads, Saved};
use super::optim::AdamState;
use super::{
    Cpu, attention, bags, conv, ctc, embedding, grid, loss, norm, optim, optim_rules, pool, recurrent,
    resample,
};
use crate::backend::View;
use crate::backend::nn::{
    AdamParams, AdamStep, Adaptive, Asked, Attend, Bags, Channels, Chosen, ClassLoss, Conv2d, Conv3d, Ctc,
    Divisor, Fraction, Grid, Groups, Nn, NormGrads, Normed, Pool, Rows, RuleParams, RuleStep, SgdParams,
    SgdStep, Table, TableOptions, Taps, Texts,
};
use crate::dtype::{DType, Element, Float, Real};
use crate::error::{Error, Result};
use crate::parallel;
use crate::{index, per_dtype, per_float, runtime};

/// The elements of a contiguous view.
fn read<T: Element>(v: View<'_>) -> &[T] {
    debug_assert!(v.dtype == T::DTYPE && v.layout.is_contiguous());
    // SAFETY: contiguous, of this type, inside the storage; an empty storage has a well-aligned pointer.
    unsafe { std::slice::from_raw_parts(v.storage.ptr().cast::<T>().add(v.layout.offset), v.layout.numel()) }
}

/// The elements of a contiguous view that an op has made for this call, or is allowed to write.
#[allow(clippy::mut_from_ref)]
fn write<T: Element>(v: View<'_>) -> &mut [T] {
    debug_assert!(v.dtype == T::DTYPE && v.layout.is_contiguous());
    // SAFETY: as in `read`; a verb takes each of its outputs once, and they do not overlap other operands.
    unsafe {
        std::slice::from_raw_parts_mut(v.storage.ptr().cast::<T>().add(v.layout.offset), v.layout.numel())
    }
}

/// Run `$body` with `$T` bound to f32 or f64.
macro_rules! per_real {
    ($name:literal, $dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            other => return Err(Error::NotImplemented { op: $name.into(), dtype: other }),
        }
    };
}

impl ClassLoss<'_> {
    fn of<T: Real>(&self) -> Classes<'_, T> {
        Classes {
            n: self.n,
            classes: self.classes,
            inner: self.inner,
            target: read(self.target),
            weight: self.weight.map(read),
            ignore_index: self.ignore_index,
            reduction: self.reduction,
        }
    }
}

impl From<OutOfBounds> for Error {
    fn from(OutOfBounds(target): OutOfBounds) -> Error {
        index!("Target {target} is out of bounds.")
    }
}

impl From<OutOfRange> for Error {
    fn from(_: OutOfRange) -> Error {
        index!("index out of range in self")
    }
}

impl<'a> Normed<'a> {
    fn saved<T: Real, S: Element>(&self) -> Saved<'a, T, S> {
        Saved {
            x: read(self.x),
            mean: read(self.mean),
            invstd: read(self.invstd),
            weight: self.weight.map(read),
        }
    }

    fn affine<T: Real>(&self, bias: Option<View<'a>>) -> Affine<'a, T> {
        Affine { weight: self.weight.map(read), bias: bias.map(read) }
    }
}

impl<'a> NormGrads<'a> {
    fn of<T: Real>(&self) -> Grads<'a, T> {
        Grads { dx: self.dx.map(write), dweight: self.dweight.map(write), dbias: self.dbias.map(write) }
    }
}

impl Nn for Cpu {
    fn lacks(&self, op: &'static str) -> Result<()> {
        Err(Error::Unsupported { op, device: "cpu" })
    }

    fn conv2d(&self, d: Conv2d, x: View, weight: View, bias: Option<View>, y: View) -> Result<()> {
        per_real!("slow_conv2d_cpu", x.dtype, T => {
            conv::forward::<T>(d, read(x), read(weight), bias.map(read), write(y));
        });
        Ok(())
    }

    fn conv2d_backward_input(&self, d: Conv2d, dy: View, weight: View, dx: View) -> Result<()> {
        per_real!("slow_conv2d_cpu", dy.dtype, T => {
            conv::backward_input::<T>(d, read(dy), read(weight), write(dx));
        });
        Ok(())
    }

    fn conv2d_backward_weight(&self, d: Conv2d, x: View, dy: View, dweight: View) -> Result<()> {
        per_real!("slow_conv2d_cpu", dy.dtype, T => {
            conv::backward_weight::<T>(d, read(x), read(dy), write(dweight));
        });
        Ok(())
    }

    fn conv2d_backward_bias(&self, d: Conv2d, dy: View, dbias: View) -> Result<()> {
        per_real!("slow_conv2d_cpu", dy.dtype, T => conv::backward_bias::<T>(d, read(dy), write(dbias)));
        Ok(())
    }

    fn conv3d(&self, d: Conv3d, x: View, weight: View, bias: Option<View>, y: View) -> Result<()> {
        per_real!("slow_conv3d_cpu", x.dtype, T => {
            conv::depth::forward::<T>(d, read(x), read(weight), bias.map(read), write(y));
        });
        Ok(())
    }

    fn conv3d_backward_input(&self, d: Conv3d, dy: View, weight: View, dx: View) -> Result<()> {
        per_real!("slow_conv3d_cpu", dy.dtype, T => {
            conv::depth::backward_input::<T>(d, read(dy), read(weight), write(dx));
        });
        Ok(())
    }

    fn conv3d_backward_weight(&self, d: Conv3d, x: View, dy: View, dweight: View) -> Result<()> {
        per_real!("slow_conv3d_cpu", dy.dtype, T => {
            conv::depth::backward_weight::<T>(d, read(x), read(dy), write(dweight));
        });
        Ok(())
    }

    fn unfold2d(&self, d: Conv2d, x: View, columns: View) -> Result<()> {
        per_real!("im2col_out_cpu", x.dtype, T => conv::columns::unfold::<T>(d, read(x), write(columns)));
        Ok(())
    }

    fn fold2d(&self, d: Conv2d, columns: View, x: View) -> Result<()> {
        per_real!("col2im_out_cpu", x.dtype, T => conv::columns::fold::<T>(d, read(columns), write(x)));
        Ok(())
    }

    fn max_pool(&self, d: Pool, x: View, y: View, place: Option<View>) -> Result<()> {
        per_dtype!(x.dtype, T => pool::max_pool::<T>(d, read(x), write(y), place.map(write)));
        Ok(())
    }

    fn max_pool_backward(&self, d: Chosen, place: View, dy: View, dx: View) -> Result<()> {
        per_real!("max_pool_backward", dy.dtype, T => match place.dtype {
            DType::I32 => pool::max_pool_backward::<T, i32>(d, read(place), read(dy), write(dx)),
            _ => pool::max_pool_backward::<T, i64>(d, read(place), read(dy), write(dx)),
        });
        Ok(())
    }

    fn max_unpool(&self, d: Chosen, size: &[usize], x: View, place: View, y: View) -> Result<()> {
        let named = |pool::OutOfVolume(bad): pool::OutOfVolume| {
            let size = size.iter().map(|n| n.to_string()).collect::<Vec<_>>().join("x");
            runtime!("Found an invalid max index: {bad} (output volumes are of size {size})")
        };
        per_float!("max_unpool", x.dtype, T => {
            pool::max_unpool::<T>(d, read(x), read(place), write(y)).map_err(named)?;
        });
        Ok(())
    }

    fn avg_pool(&self, d: Pool, divisor: Divisor, x: View, y: View) -> Result<()> {
        per_real!("avg_pool", x.dtype, T => pool::avg_pool::<T>(d, divisor, read(x), write(y)));
        Ok(())
    }

    fn avg_pool_backward(&self, d: Pool, divisor: Divisor, dy: View, dx: View) -> Result<()> {
        per_real!("avg_pool", dy.dtype, T => pool::avg_pool_backward::<T>(d, divisor, read(dy), write(dx)));
        Ok(())
    }

    fn adaptive_avg_pool(&self, d: Adaptive, x: View, y: View) -> Result<()> {
        per_real!("adaptive_avg_pool", x.dtype, T => pool::adaptive_avg_pool::<T>(d, read(x), write(y)));
        Ok(())
    }

    fn adaptive_avg_pool_backward(&self, d: Adaptive, dy: View, dx: View) -> Result<()> {
        per_real!("adaptive_avg_pool", dy.dtype, T => {
            pool::adaptive_avg_pool_backward::<T>(d, read(dy), write(dx));
        });
        Ok(())
    }

    fn adaptive_max_pool(&self, d: Adaptive, x: View, y: View, place: View) -> Result<()> {
        per_float!("adaptive_max_pool", x.dtype, T => {
            pool::adaptive_max_pool::<T>(d, read(x), write(y), write(place));
        });
        Ok(())
    }

    fn fractional_max_pool(&self, d: Fraction, x: View, shifts: View, y: View, place: View) -> Result<()> {
        per_float!("fractional_max_pool", x.dtype, T => {
            pool::fractional_max_pool::<T>(d, read(x), read(shifts), write(y), write(place));
        });
        Ok(())
    }

    fn resample(&self, taps: &Taps, inner: usize, x: View, y: View) -> Result<()> {
        per_real!("resample", x.dtype, T => resample::resample::<T>(taps, inner, read(x), write(y)));
        Ok(())
    }

    fn grid_sample(&self, d: Grid, x: View, grid: View, y: View) -> Result<()> {
        per_real!("grid_sampler_2d_cpu_kernel_impl", x.dtype, T => {
            grid::forward::<T>(d, read(x), read(grid), write(y));
        });
        Ok(())
    }

    fn grid_sample_backward(
        &self,
        d: Grid,
        x: View,
        grid: View,
        dy: View,
        dx: Option<View>,
        dgrid: Option<View>,
    ) -> Result<()> {
        per_real!("grid_sampler_2d_backward_cpu_kernel_impl", x.dtype, T => {
            grid::backward::<T>(d, read(x), read(grid), read(dy), dx.map(write), dgrid.map(write));
        });
        Ok(())
    }

    fn batch_norm_stats(&self, d: Channels, x: View, mean: View, var: View) -> Result<()> {
        per_real!("batch_norm", x.dtype, T => norm::batch_norm_stats::<T>(d, read(x), write(mean), write(var)));
        Ok(())
    }

    fn batch_norm(&self, d: Channels, of: Normed, bias: Option<View>, y: View) -> Result<()> {
        per_real!("batch_norm", y.dtype, T => {
            norm::batch_norm::<T>(d, read(of.x), read(of.mean), read(of.invstd), of.affine(bias), write(y));
        });
        Ok(())
    }

    fn batch_norm_backward(
        &self,
        d: Channels,
        of: Normed,
        dy: View,
        train: bool,
        grads: NormGrads,
    ) -> Result<()> {
        per_real!("batch_norm", dy.dtype, T => {
            norm::batch_norm_backward::<T>(d, of.saved(), read(dy), train, grads.of());
        });
        Ok(())
    }

    fn group_norm(&self, d: Groups, of: Normed, bias: Option<View>, eps: f64, y: View) -> Result<()> {
        per_real!("GroupNormKernelImpl", y.dtype, T => {
            let (mean, invstd) = (write(of.mean), write(of.invstd));
            norm::group_norm::<T>(d, read(of.x), of.affine(bias), eps, write(y), mean, invstd);
        });
        Ok(())
    }

    fn group_norm_backward(&self, d: Groups, of: Normed, dy: View, grads: NormGrads) -> Result<()> {
        per_real!("GroupNormBackwardKernelImpl", dy.dtype, T => {
            norm::group_norm_backward::<T>(d, of.saved(), read(dy), grads.of());
        });
        Ok(())
    }

    fn layer_norm(&self, d: Rows, of: Normed, bias: Option<View>, eps: f64, y: View) -> Result<()> {
        per_real!("LayerNormKernelImpl", y.dtype, T => {
            let (mean, rstd) = (write(of.mean), write(of.invstd));
            norm::layer_norm::<T>(d, read(of.x), of.affine(bias), eps, write(y), mean, rstd);
        });
        Ok(())
    }

    fn layer_norm_backward(&self, d: Rows, of: Normed, dy: View, grads: NormGrads) -> Result<()> {
        per_real!("LayerNormKernelImpl", dy.dtype, T => {
            norm::layer_norm_backward::<T>(d, of.saved(), read(dy), grads.of());
        });
        Ok(())
    }

    fn nll_loss(&self, d: ClassLoss, x: View, y: View, total: View) -> Result<()> {
        per_real!("nll_loss_out_frame", x.dtype, T => {
            write(total)[0] = loss::nll::<T>(d.of(), read(x), write(y))?;
        });
        Ok(())
    }

    fn nll_loss_backward(&self, d: ClassLoss, dy: View, total: View, dx: View) -> Result<()> {
        per_real!("nll_loss_backward_out_frame", dy.dtype, T => {
            loss::nll_backward::<T>(d.of(), read(dy), read(total)[0], write(dx))?;
        });
        Ok(())
    }

    fn cross_entropy(&self, d: ClassLoss, x: View, lse: View, y: View, total: View) -> Result<()> {
        per_real!("log_softmax_lastdim_kernel_impl", x.dtype, T => {
            write(total)[0] = loss::cross_entropy::<T>(d.of(), read(x), write(lse), write(y))?;
        });
        Ok(())
    }

    fn cross_entropy_backward(
        &self,
        d: ClassLoss,
        x: View,
        lse: View,
        dy: View,
        total: View,
        dx: View,
    ) -> Result<()> {
        per_real!("nll_loss_backward_out_frame", dy.dtype, T => {
            loss::cross_entropy_backward::<T>(d.of(), read(x), read(lse), read(dy), read(total)[0], write(dx))?;
        });
        Ok(())
    }

    fn embedding(&self, d: Table, weight: View, index: View, out: View) -> Result<()> {
        per_dtype!(weight.dtype, T => embedding::embedding::<T>(d, read(weight), read(index), write(out))?);
        Ok(())
    }

    fn embedding_backward(
        &self,
        d: Table,
        options: TableOptions,
        index: View,
        dy: View,
        dweight: View,
    ) -> Result<()> {
        per_real!("embedding_backward", dy.dtype, T => {
            embedding::embedding_backward::<T>(d, options, read(index), read(dy), write(dweight))?;
        });
        Ok(())
    }

    fn bag_sum(&self, bags: Bags, weight: View, factor: Option<View>, mean: bool, out: View) -> Result<()> {
        per_real!("embedding_bag", weight.dtype, T => {
            let factor = factor.map(read::<T>);
            bags::sum::<T>(bags.table, read(bags.index), bags.ends, bags.padding, read(weight), factor, mean, write(out))?;
        });
        Ok(())
    }

    fn bag_max(&self, bags: Bags, weight: View, out: View, place: View) -> Result<()> {
        per_real!("embedding_bag", weight.dtype, T => {
            bags::max::<T>(bags.table, read(bags.index), bags.ends, bags.padding, read(weight), write(out), write(place))?;
        });
        Ok(())
    }

    fn ctc_loss(&self, d: Ctc, texts: Texts, logp: View, alpha: View, loss: View) -> Result<()> {
        let labels = |i: usize| &texts.labels[texts.starts[i]..][..texts.lengths[i] as usize];
        per_real!("ctc_loss_cpu", logp.dtype, T => {
            ctc::ctc::<T>(d, read(logp), &labels, texts.times, write(alpha), write(loss));
        });
        Ok(())
    }

    fn ctc_loss_backward(
        &self,
        d: Ctc,
        texts: Texts,
        logp: View,
        alpha: View,
        loss: View,
        zero_infinity: bool,
        dloss: View,
        dx: View,
    ) -> Result<()> {
        let labels = |i: usize| &texts.labels[texts.starts[i]..][..texts.lengths[i] as usize];
        per_real!("ctc_loss_backward_cpu", logp.dtype, T => {
            let (logp, alpha, loss) = (read(logp), read(alpha), read(loss));
            ctc::ctc_backward::<T>(
                d, logp, &labels, texts.times, alpha, loss, zero_infinity, read(dloss), write(dx),
            );
        });
        Ok(())
    }

    fn attention(&self, how: Attend, of: Asked, out: View, logs: View) -> Result<()> {
        per_real!("scaled_dot_product_attention", out.dtype, T => {
            attention::forward::<T>(how, of, out, write(logs));
        });
        Ok(())
    }

    fn attention_backward(
        &self,
        how: Attend,
        of: Asked,
        out: View,
        logs: View,
        dout: View,
        grads: Asked,
    ) -> Result<()> {
        per_real!("scaled_dot_product_attention_backward", out.dtype, T => {
            attention::backward::<T>(how, of, out, read(logs), dout, grads);
        });
        Ok(())
    }

    fn lstm_step(&self, width: usize, gates: View, c: View, acts: View, next: View, h: View) -> Result<()> {
        per_real!("lstm", gates.dtype, T => {
            recurrent::lstm::<T>(width, read(gates), read(c), write(acts), write(next), write(h));
        });
        Ok(())
    }

    fn lstm_step_backward(
        &self,
        width: usize,
        acts: View,
        c: View,
        dnext: Option<View>,
        dh: Option<View>,
        dgates: View,
        dc: View,
    ) -> Result<()> {
        per_real!("lstm", acts.dtype, T => {
            let grads = recurrent::LstmGrads { next: dnext.map(read), h: dh.map(read) };
            recurrent::lstm_backward::<T>(width, read(acts), read(c), grads, write(dgates), write(dc));
        });
        Ok(())
    }

    fn gru_step(&self, width: usize, x: View, hidden: View, h: View, acts: View, next: View) -> Result<()> {
        per_real!("gru", x.dtype, T => {
            recurrent::gru::<T>(width, read(x), read(hidden), read(h), write(acts), write(next));
        });
        Ok(())
    }

    fn gru_step_backward(
        &self,
        width: usize,
        acts: View,
        hidden: View,
        h: View,
        dnext: View,
        dx: View,
        dhidden: View,
        dh: View,
    ) -> Result<()> {
        per_real!("gru", acts.dtype, T => {
            let out = recurrent::GruGrads { x: write(dx), hidden: write(dhidden), h: write(dh) };
            recurrent::gru_backward::<T>(width, read(acts), read(hidden), read(h), read(dnext), out);
        });
        Ok(())
    }

    fn sgd(&self, steps: &[SgdStep], params: &SgdParams) -> Result<()> {
        each_piece(
            steps,
            |s| s.p,
            |s, r| {
                per_float!("sgd", s.p.dtype, T => {
                    // SAFETY: every piece of a parameter is worked on by one thread.
                    let (p, buf) = unsafe { (part::<T>(s.p, &r), s.buf.map(|b| part::<T>(b, &r))) };
                    optim::sgd::<T>(p, &read(s.g)[r], buf, s.first, params);
                });
                Ok(())
            },
        )
    }

    fn adam(&self, steps: &[AdamStep], params: &AdamParams) -> Result<()> {
        each_piece(
            steps,
            |s| s.p,
            |s, r| {
                per_float!("adam", s.p.dtype, T => {
                    // SAFETY: every piece of a parameter is worked on by one thread.
                    let (p, state) = unsafe {
                        let max_square = s.max_square.map(|v| part(v, &r));
                        (part::<T>(s.p, &r), AdamState { mean: part(s.mean, &r), square: part(s.square, &r), max_square })
                    };
                    optim::adam::<T>(p, &read(s.g)[r], state, s.step, params);
                });
                Ok(())
            },
        )
    }

    fn rule(&self, steps: &[RuleStep], params: &RuleParams) -> Result<()> {
        each_piece(
            steps,
            |s| s.p,
            |s, r| {
                per_float!("optimizer step", s.p.dtype, T => {
                    // SAFETY: every piece of a parameter is worked on by one thread.
                    let p = unsafe { part::<T>(s.p, &r) };
                    // SAFETY: as above.
                    let mut state: Vec<&mut [T]> = s.state.iter().map(|v| unsafe { part(*v, &r) }).collect();
                    optim_rules::step::<T>(p, &read(s.g)[r], &mut state, s.now, params);
                });
                Ok(())
            },
        )
    }
}

/// Elements of a parameter that one thread takes at a time.
const PIECE: usize = 16384;

/// Cut all parameters into pieces and hand them out to the threads. The first error comes back.
fn each_piece<'a, S: Sync>(
    steps: &[S],
    size: impl Fn(&S) -> View<'a>,
    f: impl Fn(&S, Range<usize>) -> Result<()> + Sync,
) -> Result<()> {
    let mut pieces = Vec::new();
    for (i, step) in steps.iter().enumerate() {
        let n = size(step).layout.numel();
        pieces.extend((0..n).step_by(PIECE).map(|from| (i, from..(from + PIECE).min(n))));
    }
    let failed = Mutex::new(None);
    let run = |(i, range): &(usize, Range<usize>)| {
        if let Err(e) = f(&steps[*i], range.clone()) {
            failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
        }
    };
    // Several small parameters are worth a thread together.
    let total: usize = pieces.iter().map(|(_, r)| r.len()).sum();
    let share = pieces.len().div_ceil(total.div_ceil(PIECE).max(1));
    parallel::tasks(pieces.len().div_ceil(share.max(1)), |k| {
        pieces.iter().skip(k * share).take(share).for_each(run);
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Elements `r` of a contiguous view that may be written.
///
/// # Safety
/// Ranges of one view that are alive at the same time do not overlap.
#[allow(clippy::mut_from_ref)]
unsafe fn part<'a, T: Float>(v: View<'a>, r: &Range<usize>) -> &'a mut [T] {
    debug_assert!(v.dtype == T::DTYPE && v.layout.is_contiguous() && r.end <= v.layout.numel());
    // SAFETY: inside the view, which is contiguous and of this type; the caller vouches for the rest.
    unsafe {
        let first = v.storage.ptr().cast::<T>().add(v.layout.offset + r.start);
        std::slice::from_raw_parts_mut(first, r.len())
    }
}
