//! One step of SGD, Adam and AdamW over slices: every element is read once and written once.
//!
//! Each line of a loop is one operation of PyTorch's loop over single tensors, in its order, rounded to `T` where
//! that loop rounds: float32 and float64 agree with it to the last bits, float16 and bfloat16 too. Scalars are
//! float64 until they meet an element. Elements are independent, so a caller may cut the slices anywhere.
//!
//! Paths, first match wins:
//!   x86-64 with AVX2 and FMA, or aarch64 -> fused multiply-adds, as PyTorch's kernels there
//!   everything else                      -> separate multiply and add

use crate::dtype::{Float, Real};

/// What a step of SGD needs to know besides its slices.
#[derive(Debug, Clone, Copy)]
pub struct SgdParams {
    pub lr: f64,
    pub momentum: f64,
    pub dampening: f64,
    pub weight_decay: f64,
    pub nesterov: bool,
    pub maximize: bool,
}

/// What a step of Adam needs to know besides its slices. `decoupled` is AdamW.
#[derive(Debug, Clone, Copy)]
pub struct AdamParams {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub maximize: bool,
    pub decoupled: bool,
}

/// The running averages of Adam, as long as the parameter. `max_square` is there for AMSGrad only.
#[derive(Debug)]
pub struct AdamState<'a, T> {
    pub mean: &'a mut [T],
    pub square: &'a mut [T],
    pub max_square: Option<&'a mut [T]>,
}

/// p -= lr * (momentum-filtered gradient). `first`: the buffer holds nothing yet and takes the gradient as it is.
///
/// `buf` is `None` exactly when `momentum` is zero.
pub fn sgd<T: Float<Acc: Fma>>(p: &mut [T], g: &[T], buf: Option<&mut [T]>, first: bool, params: &SgdParams) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: `has_fma` found the features that `sgd_avx2` is compiled for.
        return unsafe { sgd_avx2(p, g, buf, first, params) };
    }
    sgd_loop::<T, { cfg!(target_arch = "aarch64") }>(p, g, buf, first, params);
}

/// p -= lr * m̂ / (√v̂ + eps), m and v the running averages of g and g², the hats their bias corrections.
///
/// `step` counts from 1.
pub fn adam<T: Float<Acc: Fma>>(
    p: &mut [T],
    g: &[T],
    state: AdamState<'_, T>,
    step: f64,
    params: &AdamParams,
) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: `has_fma` found the features that `adam_avx2` is compiled for.
        return unsafe { adam_avx2(p, g, state, step, params) };
    }
    adam_loop::<T, { cfg!(target_arch = "aarch64") }>(p, g, state, step, params);
}

/// f32 or f64 with a multiply-add that rounds once.
pub trait Fma: Real {
    /// self * b + c.
    fn fma(self, b: Self, c: Self) -> Self;
}

impl Fma for f32 {
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

impl Fma for f64 {
    #[inline(always)]
    fn fma(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) fn has_fma() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn sgd_avx2<T: Float<Acc: Fma>>(
    p: &mut [T],
    g: &[T],
    buf: Option<&mut [T]>,
    first: bool,
    params: &SgdParams,
) {
    sgd_loop::<T, true>(p, g, buf, first, params);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn adam_avx2<T: Float<Acc: Fma>>(
    p: &mut [T],
    g: &[T],
    state: AdamState<'_, T>,
    step: f64,
    params: &AdamParams,
) {
    adam_loop::<T, true>(p, g, state, step, params);
}

/// a * b + c. Without `FMA` the product is rounded: a library call per element would cost far more than the bit.
#[inline(always)]
pub(super) fn madd<R: Fma, const FMA: bool>(a: R, b: R, c: R) -> R {
    if FMA { a.fma(b, c) } else { a * b + c }
}

#[inline(always)]
fn sgd_loop<T: Float<Acc: Fma>, const FMA: bool>(
    p: &mut [T],
    g: &[T],
    buf: Option<&mut [T]>,
    first: bool,
    params: &SgdParams,
) {
    assert_eq!(p.len(), g.len(), "sgd: gradient and parameter differ in length");
    let (lr, keep, ahead) =
        (alpha::<T>(-params.lr), alpha::<T>(1.0 - params.dampening), alpha::<T>(params.momentum));
    let momentum = T::Acc::of(params.momentum);
    let decay = Decay::new::<T>(params.weight_decay, params.maximize);
    let Some(buf) = buf else {
        for (p, &g) in p.iter_mut().zip(g) {
            let g = decay.gradient::<T, FMA>(g, *p);
            *p = T::narrow(madd::<_, FMA>(g.widen(), lr, p.widen()));
        }
        return;
    };
    assert_eq!(p.len(), buf.len(), "sgd: momentum buffer and parameter differ in length");
    for ((p, &g), buf) in p.iter_mut().zip(g).zip(buf) {
        let g = decay.gradient::<T, FMA>(g, *p);
        let kept = T::narrow(buf.widen() * momentum);
        let mixed = T::narrow(madd::<_, FMA>(g.widen(), keep, kept.widen()));
        *buf = if first { g } else { mixed };
        let leap = T::narrow(madd::<_, FMA>(buf.widen(), ahead, g.widen()));
        let g = if params.nesterov { leap } else { *buf };
        *p = T::narrow(madd::<_, FMA>(g.widen(), lr, p.widen()));
    }
}

/// The `alpha` of `add`: PyTorch rounds it to the tensor's type, unlike the factors of `mul`, `lerp` and `addcmul`.
#[inline(always)]
pub(super) fn alpha<T: Float>(x: f64) -> T::Acc {
    T::from_f64(x).widen()
}

/// Turns the gradient of the objective into the gradient to descend along.
pub(super) struct Decay<R> {
    rate: R,
    on: bool,
    maximize: bool,
}

impl<R: Fma> Decay<R> {
    #[inline(always)]
    pub(super) fn new<T: Float<Acc = R>>(rate: f64, maximize: bool) -> Self {
        Decay { rate: alpha::<T>(rate), on: rate != 0.0, maximize }
    }

    #[inline(always)]
    pub(super) fn gradient<T: Float<Acc = R>, const FMA: bool>(&self, g: T, p: T) -> T {
        let g = if self.maximize { -g.widen() } else { g.widen() };
        // Not a multiplication by zero: an infinite parameter would turn it into NaN.
        T::narrow(if self.on { madd::<_, FMA>(p.widen(), self.rate, g) } else { g })
    }
}

#[inline(always)]
fn adam_loop<T: Float<Acc: Fma>, const FMA: bool>(
    p: &mut [T],
    g: &[T],
    state: AdamState<'_, T>,
    step: f64,
    params: &AdamParams,
) {
    let n = p.len();
    let AdamState { mean, square, max_square } = state;
    assert!(
        g.len() == n && mean.len() == n && square.len() == n,
        "adam: state and parameter differ in length"
    );
    let adam = Adam::<T::Acc, FMA>::new::<T>(step, params);
    match max_square {
        None => {
            for (((p, &g), m), v) in p.iter_mut().zip(g).zip(mean).zip(square) {
                adam.average(p, g, m, v);
                adam.descend(p, *m, *v);
            }
        }
        Some(largest) => {
            assert_eq!(largest.len(), n, "adam: state and parameter differ in length");
            for ((((p, &g), m), v), top) in p.iter_mut().zip(g).zip(mean).zip(square).zip(largest) {
                adam.average(p, g, m, v);
                // NaN in either operand stays, as in `maximum`.
                *top = if *top > *v || top.is_nan() { *top } else { *v };
                adam.descend(p, *m, *top);
            }
        }
    }
}

/// The scalars of one step of Adam, ready for the elements.
struct Adam<R, const FMA: bool> {
    decay: Decay<R>,
    shrink: R,
    weight: R,
    near: bool,
    beta2: R,
    rest2: R,
    root_correction: R,
    eps: R,
    step_size: R,
}

impl<R: Fma, const FMA: bool> Adam<R, FMA> {
    #[inline(always)]
    fn new<T: Float<Acc = R>>(step: f64, params: &AdamParams) -> Self {
        let AdamParams { lr, beta1, beta2, weight_decay, .. } = *params;
        let (shrink, rate) =
            if params.decoupled { (1.0 - lr * weight_decay, 0.0) } else { (1.0, weight_decay) };
        let weight = 1.0 - beta1;
        let near = weight.abs() < 0.5;
        Adam {
            decay: Decay::new::<T>(rate, params.maximize),
            shrink: R::of(shrink),
            // `lerp` starts from the nearer end.
            weight: if near { R::of(weight) } else { R::of(weight) - R::ONE },
            near,
            beta2: R::of(beta2),
            rest2: R::of(1.0 - beta2),
            root_correction: R::of((1.0 - beta2.powf(step)).powf(0.5)),
            eps: R::of(params.eps),
            step_size: R::of(-(lr / (1.0 - beta1.powf(step)))),
        }
    }

    /// Decay the weight and move both averages towards the gradient.
    #[inline(always)]
    fn average<T: Float<Acc = R>>(&self, p: &mut T, g: T, m: &mut T, v: &mut T) {
        *p = T::narrow(p.widen() * self.shrink);
        let g = self.decay.gradient::<T, FMA>(g, *p).widen();
        let from = m.widen();
        *m = T::narrow(madd::<_, FMA>(self.weight, g - from, if self.near { from } else { g }));
        let kept = T::narrow(v.widen() * self.beta2).widen();
        *v = T::narrow(madd::<_, FMA>(self.rest2 * g, g, kept));
    }

    #[inline(always)]
    fn descend<T: Float<Acc = R>>(&self, p: &mut T, m: T, v: T) {
        let root = T::narrow(v.widen().sqrt());
        let corrected = T::narrow(root.widen() / self.root_correction);
        let denominator = T::narrow(corrected.widen() + self.eps);
        *p = T::narrow(p.widen() + self.step_size * m.widen() / denominator.widen());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};

    /// Numbers of both signs that repeat late; a small generator, so that the test needs no crate.
    fn numbers<T: Float>(n: usize, seed: u64) -> Vec<T> {
        let mut state = seed;
        (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                T::from_f64((state >> 40) as f64 / (1u64 << 23) as f64 - 1.0)
            })
            .collect()
    }

    /// Close to the last bits of `T`, counted at the size of the numbers that were added.
    fn assert_close<T: Float>(got: &[T], want: &[f64], what: &str) {
        let bit = match std::mem::size_of::<T>() {
            8 => 1e-15,
            4 => 5e-7,
            _ if T::from_f64(65536.0).to_f64().is_finite() => 3e-2,
            _ => 1e-2,
        };
        for (i, (g, w)) in got.iter().zip(want).enumerate() {
            assert!((g.to_f64() - w).abs() <= bit * w.abs().max(1.0), "{what}[{i}]: {g:?}, want {w}");
        }
    }

    fn wide<T: Float>(x: &[T]) -> Vec<f64> {
        x.iter().map(|x| x.to_f64()).collect()
    }

    /// The formula of PyTorch's documentation for SGD, in float64.
    fn naive_sgd(p: &mut [f64], g: &[f64], buf: &mut [f64], first: bool, h: &SgdParams) {
        for i in 0..p.len() {
            let mut d = if h.maximize { -g[i] } else { g[i] } + h.weight_decay * p[i];
            if h.momentum != 0.0 {
                buf[i] = if first { d } else { h.momentum * buf[i] + (1.0 - h.dampening) * d };
                d = if h.nesterov { d + h.momentum * buf[i] } else { buf[i] };
            }
            p[i] -= h.lr * d;
        }
    }

    /// The formula of PyTorch's documentation for Adam and AdamW, in float64; state: averages of g, g², their maximum.
    fn naive_adam(
        p: &mut [f64],
        g: &[f64],
        state: &mut [Vec<f64>; 3],
        amsgrad: bool,
        t: f64,
        h: &AdamParams,
    ) {
        let [m, v, top] = state;
        for i in 0..p.len() {
            let mut d = if h.maximize { -g[i] } else { g[i] };
            if h.decoupled {
                p[i] -= h.lr * h.weight_decay * p[i];
            } else {
                d += h.weight_decay * p[i];
            }
            m[i] = h.beta1 * m[i] + (1.0 - h.beta1) * d;
            v[i] = h.beta2 * v[i] + (1.0 - h.beta2) * d * d;
            top[i] = top[i].max(v[i]);
            let second = if amsgrad { top[i] } else { v[i] } / (1.0 - h.beta2.powf(t));
            p[i] -= h.lr * m[i] / (1.0 - h.beta1.powf(t)) / (second.sqrt() + h.eps);
        }
    }

    fn sgd_follows<T: Float<Acc: Fma>>(n: usize) {
        let plain = SgdParams {
            lr: 0.1,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        };
        for h in [
            plain,
            SgdParams { weight_decay: 0.1, maximize: true, ..plain },
            SgdParams { momentum: 0.9, dampening: 0.1, ..plain },
            SgdParams { momentum: 0.8, weight_decay: 0.01, nesterov: true, ..plain },
        ] {
            let mut p = numbers::<T>(n, 1);
            let mut buf = vec![T::from_f64(f64::NAN); n];
            let (mut want, mut want_buf) = (wide(&p), vec![0.0; n]);
            for t in 0..4 {
                let g = numbers::<T>(n, 2 + t);
                sgd(&mut p, &g, (h.momentum != 0.0).then_some(&mut buf[..]), t == 0, &h);
                naive_sgd(&mut want, &wide(&g), &mut want_buf, t == 0, &h);
            }
            assert_close(&p, &want, &format!("{h:?}"));
        }
    }

    fn adam_follows<T: Float<Acc: Fma>>(n: usize) {
        let plain = AdamParams {
            lr: 0.01,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-3,
            weight_decay: 0.0,
            maximize: false,
            decoupled: false,
        };
        for (h, amsgrad) in [
            (plain, false),
            (AdamParams { weight_decay: 0.1, maximize: true, ..plain }, true),
            (AdamParams { weight_decay: 0.1, decoupled: true, ..plain }, false),
            (AdamParams { beta1: 0.3, decoupled: true, ..plain }, true),
        ] {
            let mut p = numbers::<T>(n, 7);
            let [mut mean, mut square, mut top] = [const { Vec::new() }; 3].map(|mut v: Vec<T>| {
                v.resize(n, T::default());
                v
            });
            let mut want = wide(&p);
            let mut state = [vec![0.0; n], vec![0.0; n], vec![0.0; n]];
            for t in 1..=4 {
                let g = numbers::<T>(n, 8 + t);
                let mine = AdamState {
                    mean: &mut mean,
                    square: &mut square,
                    max_square: amsgrad.then_some(&mut top[..]),
                };
                adam(&mut p, &g, mine, t as f64, &h);
                naive_adam(&mut want, &wide(&g), &mut state, amsgrad, t as f64, &h);
            }
            assert_close(&p, &want, &format!("{h:?}"));
        }
    }

    #[test]
    fn sgd_is_its_formula() {
        for n in [0, 1, 7, 64, 133] {
            sgd_follows::<f64>(n);
            sgd_follows::<f32>(n);
            sgd_follows::<f16>(n);
            sgd_follows::<bf16>(n);
        }
    }

    #[test]
    fn adam_is_its_formula() {
        for n in [0, 1, 7, 64, 133] {
            adam_follows::<f64>(n);
            adam_follows::<f32>(n);
            adam_follows::<f16>(n);
            adam_follows::<bf16>(n);
        }
    }

    #[test]
    fn cutting_the_slices_changes_no_bit() {
        let h = AdamParams {
            lr: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
            maximize: false,
            decoupled: true,
        };
        let run = |cut: usize| {
            let (mut p, g) = (numbers::<f32>(101, 3), numbers::<f32>(101, 4));
            let (mut m, mut v) = (vec![0.0; 101], vec![0.0; 101]);
            for ((p, g), (m, v)) in
                p.chunks_mut(cut).zip(g.chunks(cut)).zip(m.chunks_mut(cut).zip(v.chunks_mut(cut)))
            {
                adam(p, g, AdamState { mean: m, square: v, max_square: None }, 1.0, &h);
            }
            p
        };
        assert_eq!(run(101), run(13));
    }

    #[test]
    fn no_decay_leaves_an_infinite_weight_alone() {
        let h = SgdParams {
            lr: 0.1,
            momentum: 0.0,
            dampening: 0.0,
            weight_decay: 0.0,
            nesterov: false,
            maximize: false,
        };
        let mut p = [f32::INFINITY];
        sgd(&mut p, &[1.0], None, true, &h);
        assert_eq!(p, [f32::INFINITY]);
    }
}
