//! Rules for one element, an optimiser each, and the loop that applies a rule to slices.
//!
//! As in `optim`, every operation of PyTorch's loop over single tensors is rounded to `T` where that loop rounds, and
//! elements are independent: a caller may cut the slices anywhere.
//!
//! Paths, first match wins:
//!   x86-64 with AVX2 and FMA, or aarch64 -> fused multiply-adds, as PyTorch's kernels there
//!   everything else                      -> separate multiply and add

#[cfg(target_arch = "x86_64")]
use super::optim::has_fma;
use super::optim::{Decay, Fma, madd};
use super::optim_rules::RuleParams;
use crate::dtype::{Float, Real};

/// What happens before the rule sees the element.
pub struct Common<R> {
    decay: Decay<R>,
    shrink: R,
}

impl<R: Fma> Common<R> {
    pub fn new<T: Float<Acc = R>>(params: &RuleParams) -> Self {
        let decay = params.weight_decay;
        let (shrink, rate) = if params.decoupled { (1.0 - params.lr * decay, 0.0) } else { (1.0, decay) };
        Common { decay: Decay::new::<T>(rate, params.maximize), shrink: R::of(shrink) }
    }
}

/// The new element and state from the old ones; `N` is how many numbers are kept of an element.
pub trait Each<T: Float<Acc: Fma>, const N: usize> {
    fn each<const FMA: bool>(&self, p: T, g: T, state: [T; N]) -> (T, [T; N]);
}

pub fn run<T: Float<Acc: Fma>, E: Each<T, N>, const N: usize>(
    p: &mut [T],
    g: &[T],
    state: &mut [&mut [T]],
    common: &Common<T::Acc>,
    rule: &E,
) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: `has_fma` found the features that `run_avx2` is compiled for.
        return unsafe { run_avx2(p, g, state, common, rule) };
    }
    run_loop::<T, E, N, { cfg!(target_arch = "aarch64") }>(p, g, state, common, rule);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<T: Float<Acc: Fma>, E: Each<T, N>, const N: usize>(
    p: &mut [T],
    g: &[T],
    state: &mut [&mut [T]],
    common: &Common<T::Acc>,
    rule: &E,
) {
    run_loop::<T, E, N, true>(p, g, state, common, rule);
}

/// Elements that go through the rule together: they are copied to the stack, where the compiler sees that no two of
/// the slices overlap.
const BLOCK: usize = 64;

#[inline(always)]
fn run_loop<T: Float<Acc: Fma>, E: Each<T, N>, const N: usize, const FMA: bool>(
    p: &mut [T],
    g: &[T],
    state: &mut [&mut [T]],
    common: &Common<T::Acc>,
    rule: &E,
) {
    let n = p.len();
    assert!(
        g.len() == n && state.len() == N && state.iter().all(|s| s.len() == n),
        "a step of an optimiser: state and parameter differ in length"
    );
    let mut from = 0;
    while from < n {
        let len = BLOCK.min(n - from);
        let here = from..from + len;
        let (mut ps, mut gs, mut ss) =
            ([T::default(); BLOCK], [T::default(); BLOCK], [[T::default(); BLOCK]; N]);
        ps[..len].copy_from_slice(&p[here.clone()]);
        gs[..len].copy_from_slice(&g[here.clone()]);
        for (s, whole) in ss.iter_mut().zip(state.iter()) {
            s[..len].copy_from_slice(&whole[here.clone()]);
        }
        for i in 0..BLOCK {
            let old = T::narrow(ps[i].widen() * common.shrink);
            let gradient = common.decay.gradient::<T, FMA>(gs[i], old);
            let (new, kept) = rule.each::<FMA>(old, gradient, std::array::from_fn(|k| ss[k][i]));
            ps[i] = new;
            for (s, kept) in ss.iter_mut().zip(kept) {
                s[i] = kept;
            }
        }
        p[here.clone()].copy_from_slice(&ps[..len]);
        for (s, whole) in ss.iter().zip(state.iter_mut()) {
            whole[here.clone()].copy_from_slice(&s[..len]);
        }
        from += len;
    }
}

/// `lerp` with a fixed weight; it starts from the nearer end.
pub struct Lerp<R> {
    weight: R,
    near: bool,
}

impl<R: Fma> Lerp<R> {
    pub fn new(weight: f64) -> Self {
        let near = weight.abs() < 0.5;
        Lerp { weight: if near { R::of(weight) } else { R::of(weight) - R::ONE }, near }
    }

    #[inline(always)]
    fn at<T: Float<Acc = R>, const FMA: bool>(&self, from: T, to: T) -> T {
        let (from, to) = (from.widen(), to.widen());
        T::narrow(madd::<_, FMA>(self.weight, to - from, if self.near { from } else { to }))
    }
}

/// keep * average + rest * x * x, rounded between the two.
#[inline(always)]
fn square_average<T: Float<Acc: Fma>, const FMA: bool>(v: T, x: T, keep: T::Acc, rest: T::Acc) -> T {
    let kept = T::narrow(v.widen() * keep).widen();
    T::narrow(madd::<_, FMA>(rest * x.widen(), x.widen(), kept))
}

/// p + value * a / b, as `addcdiv` rounds it.
#[inline(always)]
fn add_quotient<T: Float<Acc: Fma>>(p: T, a: T, b: T, value: T::Acc) -> T {
    T::narrow(p.widen() + value * a.widen() / b.widen())
}

/// √v + eps.
#[inline(always)]
fn root_plus<T: Float<Acc: Fma>>(v: T, eps: T::Acc) -> T {
    T::narrow(T::narrow(v.widen().sqrt()).widen() + eps)
}

/// The running averages of the gradient and its square, as Adam has them.
pub struct Moments<R> {
    lerp: Lerp<R>,
    beta2: R,
    rest2: R,
}

impl<R: Fma> Moments<R> {
    pub fn new(beta1: f64, beta2: f64) -> Self {
        Moments { lerp: Lerp::new(1.0 - beta1), beta2: R::of(beta2), rest2: R::of(1.0 - beta2) }
    }

    #[inline(always)]
    fn at<T: Float<Acc = R>, const FMA: bool>(&self, [m, v]: [T; 2], g: T) -> [T; 2] {
        [self.lerp.at::<T, FMA>(m, g), square_average::<T, FMA>(v, g, self.beta2, self.rest2)]
    }
}

pub struct RmsProp<R> {
    pub keep: R,
    pub rest: R,
    pub eps: R,
    pub momentum: R,
    pub lerp: Lerp<R>,
    pub centered: bool,
    pub moving: bool,
    pub rate: R,
    pub step: R,
}

impl<T: Float<Acc: Fma>, const N: usize> Each<T, N> for RmsProp<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, mut state: [T; N]) -> (T, [T; N]) {
        state[0] = square_average::<T, FMA>(state[0], g, self.keep, self.rest);
        let mut second = state[0];
        if N > 1 && self.centered {
            state[1] = self.lerp.at::<T, FMA>(state[1], g);
            let mean = state[1].widen();
            second = T::narrow(madd::<_, FMA>(-mean, mean, second.widen()));
        }
        let scale = root_plus(second, self.eps);
        if !self.moving {
            return (add_quotient(p, g, scale, self.rate), state);
        }
        let kept = T::narrow(state[N - 1].widen() * self.momentum);
        state[N - 1] = add_quotient(kept, g, scale, T::Acc::ONE);
        (T::narrow(madd::<_, FMA>(state[N - 1].widen(), self.step, p.widen())), state)
    }
}

pub struct Adagrad<R> {
    pub rate: R,
    pub eps: R,
}

impl<T: Float<Acc: Fma>> Each<T, 1> for Adagrad<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, [sum]: [T; 1]) -> (T, [T; 1]) {
        let sum = T::narrow(madd::<_, FMA>(g.widen(), g.widen(), sum.widen()));
        (add_quotient(p, g, root_plus(sum, self.eps), self.rate), [sum])
    }
}

pub struct Adadelta<R> {
    pub rho: R,
    pub rest: R,
    pub eps: R,
    pub step: R,
}

impl<T: Float<Acc: Fma>> Each<T, 2> for Adadelta<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, [square, moved]: [T; 2]) -> (T, [T; 2]) {
        let square = square_average::<T, FMA>(square, g, self.rho, self.rest);
        let root = |v: T| T::narrow(T::narrow(v.widen() + self.eps).widen().sqrt()).widen();
        let ratio = T::narrow(root(moved) / root(square));
        let delta = T::narrow(ratio.widen() * g.widen());
        let moved = square_average::<T, FMA>(moved, delta, self.rho, self.rest);
        (T::narrow(madd::<_, FMA>(delta.widen(), self.step, p.widen())), [square, moved])
    }
}

pub struct Adamax<R> {
    pub lerp: Lerp<R>,
    pub beta2: R,
    pub eps: R,
    pub rate: R,
}

impl<T: Float<Acc: Fma>> Each<T, 2> for Adamax<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, [mean, top]: [T; 2]) -> (T, [T; 2]) {
        let mean = self.lerp.at::<T, FMA>(mean, g);
        let kept = T::narrow(top.widen() * self.beta2);
        let size = T::narrow(g.widen().abs() + self.eps);
        // NaN in either operand stays, as in `maximum`.
        let top = if kept > size || kept.is_nan() { kept } else { size };
        (add_quotient(p, mean, top, self.rate), [mean, top])
    }
}

pub struct NAdam<R> {
    pub moments: Moments<R>,
    pub eps: R,
    pub of_gradient: R,
    pub of_mean: R,
    pub correction: R,
}

impl<T: Float<Acc: Fma>> Each<T, 2> for NAdam<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, state: [T; 2]) -> (T, [T; 2]) {
        let [m, v] = self.moments.at::<T, FMA>(state, g);
        let scale = root_plus(T::narrow(v.widen() / self.correction), self.eps);
        let p = add_quotient(p, g, scale, self.of_gradient);
        (add_quotient(p, m, scale, self.of_mean), [m, v])
    }
}

pub struct RAdam<R> {
    pub moments: Moments<R>,
    pub eps: R,
    pub lr: R,
    pub correction1: R,
    pub root2: R,
    pub rect: R,
    pub rectified: bool,
}

impl<T: Float<Acc: Fma>> Each<T, 2> for RAdam<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, state: [T; 2]) -> (T, [T; 2]) {
        let [m, v] = self.moments.at::<T, FMA>(state, g);
        let mut move_by = T::narrow(T::narrow(m.widen() / self.correction1).widen() * self.lr);
        if self.rectified {
            let inverse = T::narrow(T::Acc::ONE / root_plus(v, self.eps).widen());
            let adaptive = T::narrow(inverse.widen() * self.root2);
            move_by = T::narrow(T::narrow(move_by.widen() * adaptive.widen()).widen() * self.rect);
        }
        (T::narrow(p.widen() - move_by.widen()), [m, v])
    }
}

pub struct Rprop<R> {
    pub minus: R,
    pub plus: R,
    pub smallest: R,
    pub largest: R,
}

impl<T: Float<Acc: Fma>> Each<T, 2> for Rprop<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, [before, size]: [T; 2]) -> (T, [T; 2]) {
        let (zero, one) = (T::Acc::ZERO, T::Acc::ONE);
        let agree = T::narrow(g.widen() * before.widen()).widen();
        let turned = agree < zero;
        // NaN is neither: the size of the step becomes NaN too.
        let factor = if agree > zero {
            self.plus
        } else if turned {
            self.minus
        } else {
            one + agree
        };
        let size = T::narrow(size.widen() * T::narrow(factor).widen()).widen();
        let low = if size < self.smallest { self.smallest } else { size };
        let size = T::narrow(if low > self.largest { self.largest } else { low });
        let g = if turned { zero } else { g.widen() };
        let sign = if g > zero {
            one
        } else if g < zero {
            -one
        } else {
            g
        };
        (T::narrow(madd::<_, FMA>(-sign, size.widen(), p.widen())), [T::narrow(g), size])
    }
}

pub struct Asgd<R> {
    pub shrink: R,
    pub step: R,
    pub mu: R,
    pub copies: bool,
}

impl<T: Float<Acc: Fma>> Each<T, 1> for Asgd<T::Acc> {
    #[inline(always)]
    fn each<const FMA: bool>(&self, p: T, g: T, [average]: [T; 1]) -> (T, [T; 1]) {
        let p = T::narrow(p.widen() * self.shrink);
        let p = T::narrow(madd::<_, FMA>(g.widen(), self.step, p.widen()));
        let gap = T::narrow(p.widen() - average.widen());
        let part = T::narrow(gap.widen() * self.mu);
        let mixed = T::narrow(average.widen() + part.widen());
        (p, [if self.copies { p } else { mixed }])
    }
}
