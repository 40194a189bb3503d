//! The verbs of neural networks: windows, normalisations, losses on classes, tables, steps of optimisers.
//!
//! Every view is contiguous, but those of attention. Numbers are float32 or float64, all of one dtype, unless a verb says otherwise: the ops
//! widen float16 and bfloat16 before and narrow them after. Indices are int64.

pub use super::cpu::attention::{Asked, Attend};
pub use super::cpu::conv::Conv2d;
pub use super::cpu::conv::depth::{Conv3d, Depth};
pub use super::cpu::ctc::Ctc;
pub use super::cpu::embedding::{Options as TableOptions, Table};
pub use super::cpu::grid::{Edge, Grid, Touch};
pub use super::cpu::loss::Reduction;
pub use super::cpu::norm::{Channels, Groups, Rows};
pub use super::cpu::optim::{AdamParams, SgdParams};
pub use super::cpu::optim_rules::{Now, Rule, RuleParams};
pub use super::cpu::pool::{Adaptive, Chosen, Divisor, Fraction, Pool, out_size};
pub use super::cpu::resample::Taps;

use super::View;
use crate::error::Result;

/// Scores `n x classes x inner` and what is asked of them; the targets are `n x inner`.
#[derive(Clone, Copy)]
pub struct ClassLoss<'a> {
    pub n: usize,
    pub classes: usize,
    pub inner: usize,
    pub target: View<'a>,
    pub weight: Option<View<'a>>,
    pub ignore_index: i64,
    pub reduction: Reduction,
}

/// Texts of a batch for CTC: sample i has `lengths[i]` labels from `starts[i]` on, and a sequence of `times[i]` steps.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    pub labels: &'a [i64],
    pub starts: &'a [usize],
    pub lengths: &'a [i64],
    pub times: &'a [i64],
}

/// Rows of a table that are put together: bag b holds `index[ends[b - 1]..ends[b]]`, the first from `ends[0]` on.
#[derive(Clone, Copy)]
pub struct Bags<'a> {
    pub table: Table,
    pub index: View<'a>,
    /// One more than there are bags.
    pub ends: &'a [usize],
    /// The row that does not count.
    pub padding: Option<i64>,
}

/// What a normalisation keeps for its derivative, and the scale it applied.
#[derive(Clone, Copy)]
pub struct Normed<'a> {
    pub x: View<'a>,
    /// float64 for batch and group norm, the dtype of `x` for layer norm; so is `invstd`, `1 / sqrt(var + eps)`.
    pub mean: View<'a>,
    pub invstd: View<'a>,
    pub weight: Option<View<'a>>,
}

/// Where the gradients of a normalisation go: those that are `None` are left out.
#[derive(Clone, Copy)]
pub struct NormGrads<'a> {
    pub dx: Option<View<'a>>,
    pub dweight: Option<View<'a>>,
    pub dbias: Option<View<'a>>,
}

/// One parameter's part in a step of SGD; any float dtype. `first`: the buffer holds nothing yet.
#[derive(Clone, Copy)]
pub struct SgdStep<'a> {
    pub p: View<'a>,
    pub g: View<'a>,
    pub buf: Option<View<'a>>,
    pub first: bool,
}

/// One parameter's part in a step of Adam; any float dtype. `step` counts from 1.
#[derive(Clone, Copy)]
pub struct AdamStep<'a> {
    pub p: View<'a>,
    pub g: View<'a>,
    pub mean: View<'a>,
    pub square: View<'a>,
    pub max_square: Option<View<'a>>,
    pub step: f64,
}

/// One parameter's part in a step of another elementwise optimiser; any float dtype. `state` as `Rule` names it.
#[derive(Clone)]
pub struct RuleStep<'a> {
    pub p: View<'a>,
    pub g: View<'a>,
    pub state: Vec<View<'a>>,
    pub now: Now,
}

/// Declares verbs whose default body is that the device lacks them.
macro_rules! verbs {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $T:ty),* $(,)?);)*) => {
        /// Part of `Backend`.
        pub trait Nn: Sync {
            /// The answer of a verb the device has no body for: an error, or none where there is nothing to do.
            fn lacks(&self, op: &'static str) -> Result<()>;

            $($(#[$doc])*
            #[allow(clippy::too_many_arguments)]
            fn $name(&self, $($arg: $T),*) -> Result<()> {
                $(let _ = $arg;)*
                self.lacks(stringify!($name))
            })*
        }
    };
}

verbs! {
    /// `y[n, o] = bias[o] + sum over c, i, j of weight[o, c, i, j] * x[n, c, ...]`
    fn conv2d(d: Conv2d, x: View, weight: View, bias: Option<View>, y: View);
    /// Also the transposed convolution.
    fn conv2d_backward_input(d: Conv2d, dy: View, weight: View, dx: View);
    fn conv2d_backward_weight(d: Conv2d, x: View, dy: View, dweight: View);
    fn conv2d_backward_bias(d: Conv2d, dy: View, dbias: View);
    /// The same over three axes.
    fn conv3d(d: Conv3d, x: View, weight: View, bias: Option<View>, y: View);
    fn conv3d_backward_input(d: Conv3d, dy: View, weight: View, dx: View);
    fn conv3d_backward_weight(d: Conv3d, x: View, dy: View, dweight: View);
    /// The windows of (n, c, h, w) as columns (n, c * kh * kw, windows), and the sum of columns back into pictures.
    fn unfold2d(d: Conv2d, x: View, columns: View);
    fn fold2d(d: Conv2d, columns: View, x: View);

    /// The largest number of every window, of any dtype but bool, and where it stands in its plane.
    fn max_pool(d: Pool, x: View, y: View, place: Option<View>);
    /// `dy` goes back to the places it was found at, added up where they repeat.
    fn max_pool_backward(d: Chosen, place: View, dy: View, dx: View);
    /// Numbers of any float dtype go to their places in volumes of `size`, the rest is 0.
    fn max_unpool(d: Chosen, size: &[usize], x: View, place: View, y: View);
    /// The mean of every window.
    fn avg_pool(d: Pool, divisor: Divisor, x: View, y: View);
    fn avg_pool_backward(d: Pool, divisor: Divisor, dy: View, dx: View);
    /// The mean of every part of the volume.
    fn adaptive_avg_pool(d: Adaptive, x: View, y: View);
    fn adaptive_avg_pool_backward(d: Adaptive, dy: View, dx: View);
    /// The largest number of every part or window, of any float dtype, and where it stands in its plane.
    fn adaptive_max_pool(d: Adaptive, x: View, y: View, place: View);
    fn fractional_max_pool(d: Fraction, x: View, shifts: View, y: View, place: View);

    /// Another size along an axis: `x` is seen as `(outer, taps.n_in(), inner)`.
    fn resample(taps: &Taps, inner: usize, x: View, y: View);
    /// Values of `x` at the points of `grid`.
    fn grid_sample(d: Grid, x: View, grid: View, y: View);
    /// Adds to `dx`, which is zero before, and writes `dgrid`.
    fn grid_sample_backward(d: Grid, x: View, grid: View, dy: View, dx: Option<View>, dgrid: Option<View>);

    /// Mean and biased variance of every channel, as float64.
    fn batch_norm_stats(d: Channels, x: View, mean: View, var: View);
    /// `y = (x - mean) * invstd * weight + bias` per channel.
    fn batch_norm(d: Channels, of: Normed, bias: Option<View>, y: View);
    /// With `train` the statistics came from `x` and pass gradients on to it.
    fn batch_norm_backward(d: Channels, of: Normed, dy: View, train: bool, grads: NormGrads);
    /// The same per group of channels; writes the statistics in `of` and reads the rest.
    fn group_norm(d: Groups, of: Normed, bias: Option<View>, eps: f64, y: View);
    fn group_norm_backward(d: Groups, of: Normed, dy: View, grads: NormGrads);
    /// The same per row.
    fn layer_norm(d: Rows, of: Normed, bias: Option<View>, eps: f64, y: View);
    fn layer_norm_backward(d: Rows, of: Normed, dy: View, grads: NormGrads);

    /// `-weight[target] * x[target]`, reduced into `y`; the total weight into `total`, one number.
    fn nll_loss(d: ClassLoss, x: View, y: View, total: View);
    fn nll_loss_backward(d: ClassLoss, dy: View, total: View, dx: View);
    /// `weight[target] * (ln(sum(exp(x))) - x[target])`, reduced into `y`; the logarithms into `lse`, in two
    /// parts: the maximum of each sample, then the logarithms of what is left.
    fn cross_entropy(d: ClassLoss, x: View, lse: View, y: View, total: View);
    fn cross_entropy_backward(d: ClassLoss, x: View, lse: View, dy: View, total: View, dx: View);

    /// Rows of a table of any dtype by their numbers.
    fn embedding(d: Table, weight: View, index: View, out: View);
    fn embedding_backward(d: Table, options: TableOptions, index: View, dy: View, dweight: View);

    /// The sum of each bag's rows, times `factor`, one number for each index; with `mean` divided by their number.
    fn bag_sum(bags: Bags, weight: View, factor: Option<View>, mean: bool, out: View);
    /// The largest number of each bag's rows, column by column, and the row it stands in.
    fn bag_max(bags: Bags, weight: View, out: View, place: View);

    /// `-ln P(text)` of each sample; `alpha`, float64 `n x times x states`, is kept for the gradient.
    fn ctc_loss(d: Ctc, texts: Texts, logp: View, alpha: View, loss: View);
    fn ctc_loss_backward(
        d: Ctc,
        texts: Texts,
        logp: View,
        alpha: View,
        loss: View,
        zero_infinity: bool,
        dloss: View,
        dx: View,
    );

    /// One step of `width` LSTM cells to a row, from the sums in their gates; `acts` (rows, 5 * width) is kept for the
    /// gradient.
    fn lstm_step(width: usize, gates: View, c: View, acts: View, next: View, h: View);
    fn lstm_step_backward(
        width: usize,
        acts: View,
        c: View,
        dnext: Option<View>,
        dh: Option<View>,
        dgates: View,
        dc: View,
    );
    /// The same for GRU; `acts` is (rows, 3 * width).
    fn gru_step(width: usize, x: View, hidden: View, h: View, acts: View, next: View);
    fn gru_step_backward(
        width: usize,
        acts: View,
        hidden: View,
        h: View,
        dnext: View,
        dx: View,
        dhidden: View,
        dh: View,
    );

    /// `softmax(scale * q @ k.T) @ v` on `(batch, heads, length, features)` of any strides; `logs` (batch, heads,
    /// queries), the logarithms of the sums, are kept for the gradient. The rows of `out` and `dout` lie together.
    fn attention(how: Attend, of: Asked, out: View, logs: View);
    fn attention_backward(how: Attend, of: Asked, out: View, logs: View, dout: View, grads: Asked);

    /// One step for all parameters.
    fn sgd(steps: &[SgdStep], params: &SgdParams);
    fn adam(steps: &[AdamStep], params: &AdamParams);
    fn rule(steps: &[RuleStep], params: &RuleParams);
}
