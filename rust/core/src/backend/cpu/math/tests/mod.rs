//! Every f32 function against f64 over the whole range of bit patterns, special cases, timings.

mod exact;

use super::*;
use crate::backend::cpu::math;
use crate::simd::vectorize;

/// The distance of y from the exact value in units of the last place of an f32; infinite if it is of another kind.
fn ulps(y: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if exact.is_nan() || rounded.is_infinite() || y.is_infinite() || y.is_nan() {
        let same = y == rounded || (y.is_nan() && exact.is_nan());
        // Just below the largest number either answer is close.
        let edge = y.abs() >= f32::MAX && (exact.abs() / f64::from(f32::MAX) - 1.0).abs() < 1e-7;
        return if same || edge { 0.0 } else { f64::INFINITY };
    }
    if exact == 0.0 {
        return if y == 0.0 && y.is_sign_negative() == exact.is_sign_negative() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    let step = f64::from(f32::from_bits(rounded.abs().to_bits().max(0x80_0000) & 0x7F80_0000))
        * f64::from(f32::EPSILON);
    (f64::from(y) - exact).abs() / step
}

const SPECIAL: [f32; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    0.5,
    -0.5,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-45,
    -1e-45,
];

/// Every 1009th bit pattern and the special values, in blocks.
fn sweep(mut f: impl FnMut(&[f32])) {
    f(&SPECIAL);
    let mut block = Vec::with_capacity(4096);
    for bits in (0..=u32::MAX).step_by(1009) {
        block.push(f32::from_bits(bits));
        if block.len() == 4096 {
            f(&block);
            block.clear();
        }
    }
    f(&block);
}

/// The largest error of a function over the sweep, each block computed by vector code.
fn check(
    name: &str,
    limit: f64,
    f: impl Fn(f32) -> f32,
    exact: impl Fn(f64) -> f64,
    domain: impl Fn(f32) -> bool,
) {
    let (mut worst, mut at) = (0.0, 0.0);
    let mut out = vec![0.0; 4096];
    sweep(|block| {
        vectorize(
            #[inline(always)]
            || {
                for (y, &x) in out.iter_mut().zip(block) {
                    *y = f(x);
                }
            },
        );
        for (&y, &x) in out.iter().zip(block).filter(|(_, x)| domain(**x)) {
            let error = ulps(y, exact(f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
    });
    println!("{name}: {worst:.3} ulp at {at:e}");
    assert!(worst <= limit, "{name}: {worst} ulp at {at:e}: {} for {}", f(at), exact(f64::from(at)));
}

macro_rules! sweeps {
    ($($name:ident: $limit:literal, $exact:expr;)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name), $limit, math::$name::<f32>, $exact, |_| true);
        }
    )*};
}

#[test]
fn exp_below_its_bound_is_exp() {
    sweep(|block| {
        for &x in block.iter().filter(|&&x| x <= 40.0 || x.is_nan()) {
            assert_eq!(exp_below(x).to_bits(), exp(x).to_bits(), "{x}");
        }
    });
}

/// Tests under the functions' names, out of the way of the functions.
mod over_all_numbers {
    use super::*;
    sweeps! {
        exp: 1.2, f64::exp;
        exp2: 0.6, f64::exp2;
        expm1: 0.6, f64::exp_m1;
        ln: 0.9, f64::ln;
        log2: 0.6, f64::log2;
        log10: 0.6, f64::log10;
        log1p: 1.5, f64::ln_1p;
        sqrt: 0.5, f64::sqrt;
        rsqrt: 2.0, |x| 1.0 / x.sqrt();
        sin: 0.6, f64::sin;
        cos: 0.6, f64::cos;
        tan: 0.6, f64::tan;
        asin: 0.6, f64::asin;
        acos: 0.6, f64::acos;
        atan: 0.6, f64::atan;
        sinh: 0.6, f64::sinh;
        cosh: 0.6, f64::cosh;
        tanh: 2.0, f64::tanh;
        asinh: 0.6, libm::asinh;
        acosh: 0.6, double::acosh;
        atanh: 0.6, libm::atanh;
        sigmoid: 2.0, double::sigmoid;
        logit: 0.6, double::logit;
        log_sigmoid: 2.0, double::log_sigmoid;
        silu: 2.0, double::silu;
        mish: 0.6, double::mish;
        gelu: 0.9, double::gelu;
        gelu_tanh: 0.6, double::gelu_tanh;
        erf: 0.6, libm::erf;
        erfc: 0.6, libm::erfc;
        round: 0.5, f64::round_ties_even;
    }
}

#[test]
fn near_angles() {
    let near = |x: f32| is_near(x);
    check("sin_near", 0.6, sin_near, f64::sin, near);
    check("cos_near", 0.6, cos_near, f64::cos, near);
    check("tan_near", 0.6, tan_near, f64::tan, near);
    assert!(all_near(&[]) && all_near(&[-1_048_576.0, 0.0, 3.0]));
    assert!(!all_near(&[0.0, 1_048_577.0]) && !all_near(&[-1e9, 1.0]) && !all_near(&[1.0, f32::NAN]));
}

#[test]
fn softplus_with_its_parameters() {
    for (beta, threshold) in [(1.0, 20.0), (0.3, 5.0), (-2.0, 20.0)] {
        let exact = |x: f64| double::softplus(x, f64::from(beta), f64::from(threshold));
        // Where beta * x was rounded, the exponential of a large product shows it.
        let domain = |x: f32| beta == 1.0 || x.abs() < 4.0;
        check("softplus", 1.6, |x| softplus(x, beta, threshold), exact, domain);
    }
}

/// Pairs of numbers: special with special, then arbitrary bit patterns, then sizes around 1.
fn pairs(mut f: impl FnMut(f32, f32)) {
    SPECIAL.iter().for_each(|&x| SPECIAL.iter().for_each(|&y| f(x, y)));
    for &x in &[-3.0f32, 3.0, -2.5, 1e-40, 0.3, 16_777_217.0, -33_554_432.0] {
        SPECIAL.iter().for_each(|&y| (f(x, y), f(y, x)).0);
    }
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    for _ in 0..1_000_000 {
        let (a, b) = (next(), next());
        f(f32::from_bits(a), f32::from_bits(b));
        let middle = |bits: u32| f32::from_bits((bits & 0x83FF_FFFF) + 0x3D00_0000);
        f(middle(a), middle(b));
        f(middle(a), middle(b).trunc());
    }
}

macro_rules! pairwise {
    ($($name:ident: $limit:literal, $exact:expr;)*) => {$(
        #[test]
        fn $name() {
            let exact: fn(f64, f64) -> f64 = $exact;
            let (mut worst, mut at) = (0.0, (0.0, 0.0));
            pairs(|x, y| {
                let error = ulps(math::$name(x, y), exact(f64::from(x), f64::from(y)));
                if error > worst {
                    (worst, at) = (error, (x, y));
                }
            });
            println!("{}: {worst:.3} ulp at {at:?}", stringify!($name));
            let (y, want) = (math::$name(at.0, at.1), exact(f64::from(at.0), f64::from(at.1)));
            assert!(worst <= $limit, "{worst} ulp at {at:?}: {y} for {want}");
        }
    )*};
}

mod over_pairs {
    use super::*;
    pairwise! {
        pow: 0.6, f64::powf;
        atan2: 0.6, f64::atan2;
        hypot: 0.6, f64::hypot;
        xlogy: 1.8, double::xlogy;
        fmod: 0.5, |x, y| x % y;
    }
}

#[test]
fn logaddexp_is_exact_in_terms_of_its_operands() {
    pairs(|x, y| {
        let (out, exact) = (logaddexp(x, y), double::logaddexp(f64::from(x), f64::from(y)));
        // Near a result of 0 the operands cancel; there the error is that of the numbers that cancelled.
        assert!(
            ulps(out, exact) <= 0.6 || (f64::from(out) - exact).abs() < 1e-10,
            "{x:e} {y:e}: {out:e} {exact:e}"
        );
    });
}

#[test]
fn special_values_are_those_of_pytorch() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    fn same<T: Real>(y: T, want: f64) {
        let y = y.to_f64();
        assert!(y.to_bits() == want.to_bits() || (y.is_nan() && want.is_nan()), "{y} for {want}");
    }
    fn all<T: Real>() {
        let t = T::of;
        let one =
            |f: fn(T) -> T, cases: &[(f64, f64)]| cases.iter().for_each(|&(x, want)| same(f(t(x)), want));
        one(digamma, &[(INF, INF), (-INF, NAN), (NAN, NAN), (0.0, -INF), (-0.0, INF), (-1.0, NAN)]);
        one(lgamma, &[(INF, INF), (-INF, INF), (NAN, NAN), (0.0, INF), (-3.0, INF), (1.0, 0.0), (2.0, 0.0)]);
        one(erfinv, &[(1.0, INF), (-1.0, -INF), (2.0, NAN), (0.0, 0.0), (-0.0, -0.0), (NAN, NAN)]);
        for f in [gelu::<T>, gelu_tanh, silu, mish] {
            one(f, &[(INF, INF), (-INF, NAN), (NAN, NAN), (0.0, 0.0), (-0.0, -0.0)]);
        }
        one(sinc, &[(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (NAN, NAN)]);
        one(
            round,
            &[(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0), (-1.5, -2.0), (-INF, -INF), (NAN, NAN)],
        );
        one(logit, &[(0.0, -INF), (1.0, INF), (0.5, 0.0), (-0.1, NAN), (1.1, NAN)]);
        let two = |f: fn(T, T) -> T, cases: &[(f64, f64, f64)]| {
            cases.iter().for_each(|&(x, y, want)| same(f(t(x), t(y)), want));
        };
        two(
            logaddexp,
            &[(INF, INF, INF), (-INF, -INF, -INF), (INF, -INF, INF), (NAN, 1.0, NAN), (0.0, NAN, NAN)],
        );
        two(xlogy, &[(0.0, 0.0, 0.0), (0.0, NAN, NAN), (0.0, INF, 0.0), (-0.0, -1.0, 0.0), (1.0, 0.0, -INF)]);
        two(
            fmod,
            &[
                (7.0, 2.0, 1.0),
                (-7.0, 2.0, -1.0),
                (7.0, -2.0, 1.0),
                (-0.0, 3.0, -0.0),
                (5.0, INF, 5.0),
                (1.0, 0.0, NAN),
            ],
        );
        two(
            remainder,
            &[(7.0, -2.0, -1.0), (-7.0, 2.0, 1.0), (-7.0, -2.0, -1.0), (-0.0, 3.0, -0.0), (5.0, -INF, -INF)],
        );
        two(remainder, &[(-5.0, INF, INF), (INF, 3.0, NAN), (1.0, 0.0, NAN), (3.0, NAN, NAN)]);
        two(
            floor_divide,
            &[(7.0, 2.0, 3.0), (-7.0, 2.0, -4.0), (7.0, -2.0, -4.0), (-7.0, -2.0, 3.0), (-0.0, 3.0, -0.0)],
        );
        two(
            floor_divide,
            &[(INF, 3.0, NAN), (5.0, -INF, -1.0), (-5.0, INF, -1.0), (1.0, 0.0, INF), (-1.0, 0.0, -INF)],
        );
        two(floor_divide, &[(0.0, 0.0, NAN), (3.0, NAN, NAN), (0.5, 3.0, 0.0), (-1e-3, -3.0, 0.0)]);
        two(
            nextafter,
            &[(-0.0, 0.0, 0.0), (0.0, -0.0, -0.0), (1.0, 1.0, 1.0), (NAN, 0.0, NAN), (1.0, NAN, NAN)],
        );
        two(hypot, &[(INF, NAN, INF), (NAN, -INF, INF), (NAN, 1.0, NAN), (3.0, 4.0, 5.0)]);
        two(copysign, &[(3.0, -0.0, -3.0), (-3.0, 1.0, 3.0)]);
    }
    all::<f32>();
    all::<f64>();
}

#[test]
fn nextafter_walks_one_step() {
    for x in [1.0f32, -1.0, 1e-45, -1e-45, f32::MAX, 0.75, f32::MIN_POSITIVE] {
        assert_eq!(nextafter(x, f32::INFINITY).to_bits(), x.next_up().to_bits());
        assert_eq!(nextafter(x, f32::NEG_INFINITY).to_bits(), x.next_down().to_bits());
        assert_eq!(nextafter(f64::from(x), -9.0), f64::from(x).next_down());
    }
    assert_eq!(nextafter(0.0f32, 1.0), 1e-45);
    assert_eq!(nextafter(0.0f64, -1.0), -5e-324);
    assert_eq!(nextafter(f32::INFINITY, 0.0), f32::MAX);
}

/// `cargo test --release math::tests::timing -- --ignored --nocapture`
#[test]
#[ignore = "prints nanoseconds per number, asserts nothing"]
fn timing() {
    let n = 1 << 16;
    let x: Vec<f32> = (0..n).map(|i| (i as f32 / n as f32 - 0.5) * 8.0).collect();
    let mut y = vec![0.0f32; n];
    macro_rules! time {
        ($($f:expr;)*) => {$(
            let mut best = f64::INFINITY;
            for _ in 0..30 {
                let start = std::time::Instant::now();
                vectorize(#[inline(always)] || {
                    for (y, &x) in y.iter_mut().zip(&x) {
                        *y = ($f)(x);
                    }
                });
                best = best.min(start.elapsed().as_secs_f64());
                std::hint::black_box(&mut y);
            }
            println!("{:>40} {:.3} ns", stringify!($f), best / n as f64 * 1e9);
        )*};
    }
    time! {
        exp; sigmoid; tanh; silu; mish; gelu; gelu_tanh; |x| softplus(x, 1.0, 20.0); exp2; expm1;
        |x: f32| ln(x.abs()); |x: f32| log2(x.abs()); log1p; sin; sin_near; cos; cos_near; tan; tan_near;
        asin; acos; atan; sinh; cosh; asinh; acosh; atanh; erf; erfc; sqrt; rsqrt; round;
        |x: f32| pow(x.abs(), 2.5); |x| pow(x, 3.0); |x| atan2(x, 0.3); |x| hypot(x, 1.0); |x| logaddexp(x, 0.0);
        erfinv; lgamma; digamma; |x| fmod(x, 0.3); |x| remainder(x, 0.3); |x| floor_divide(x, 0.3);
    }
}
