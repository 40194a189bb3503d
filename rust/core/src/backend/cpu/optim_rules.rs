//! The elementwise optimisers other than SGD and Adam: their options, what they keep, and the scalars of a step.
//!
//! Scalars are float64 until the step begins; what depends on the count of steps is worked out by
//! `RuleParams::advance`, once a parameter. The elements are the business of `optim_each`.

use super::optim::{Fma, alpha};
use super::optim_each::{
    Adadelta, Adagrad, Adamax, Asgd, Common, Lerp, Moments, NAdam, RAdam, RmsProp, Rprop, run,
};
use crate::dtype::Float;

/// An optimiser with its options. What it keeps of a parameter (slices of its length, then single numbers) stands
/// behind the name.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// square_avg, grad_avg if `centered`, momentum_buffer if `momentum` is not 0; step.
    RmsProp { alpha: f64, eps: f64, momentum: f64, centered: bool },
    /// sum; step.
    Adagrad { lr_decay: f64, eps: f64 },
    /// square_avg, acc_delta; step.
    Adadelta { rho: f64, eps: f64 },
    /// exp_avg, exp_inf; step.
    Adamax { beta1: f64, beta2: f64, eps: f64 },
    /// exp_avg, exp_avg_sq; step, mu_product.
    NAdam { beta1: f64, beta2: f64, eps: f64, momentum_decay: f64 },
    /// exp_avg, exp_avg_sq; step.
    RAdam { beta1: f64, beta2: f64, eps: f64 },
    /// prev, step_size; step.
    Rprop { eta_minus: f64, eta_plus: f64, smallest: f64, largest: f64 },
    /// ax; step, eta, mu.
    Asgd { lambd: f64, alpha: f64, t0: f64 },
}

/// An optimiser and the options that all share. `decoupled`: the weight decay shrinks the parameter instead of
/// being added to its gradient.
#[derive(Debug, Clone, Copy)]
pub struct RuleParams {
    pub rule: Rule,
    pub lr: f64,
    pub weight_decay: f64,
    pub decoupled: bool,
    pub maximize: bool,
}

/// What a step needs to know that depends on the count of steps; its meaning is the rule's own.
pub type Now = [f64; 3];

impl RuleParams {
    /// How many slices and how many single numbers the optimiser keeps.
    pub fn state(&self) -> (usize, usize) {
        match self.rule {
            Rule::RmsProp { momentum, centered, .. } => {
                (1 + usize::from(centered) + usize::from(momentum != 0.0), 1)
            }
            Rule::Adagrad { .. } => (1, 1),
            Rule::NAdam { .. } => (2, 2),
            Rule::Asgd { .. } => (1, 3),
            Rule::Adadelta { .. } | Rule::Adamax { .. } | Rule::RAdam { .. } | Rule::Rprop { .. } => (2, 1),
        }
    }

    /// Bring the single numbers forward by a step; `round` is what storing one does to it.
    pub fn advance(&self, kept: &mut [f64], round: impl Fn(f64) -> f64) -> Now {
        kept[0] = round(kept[0] + 1.0);
        let (t, lr) = (kept[0], self.lr);
        match self.rule {
            Rule::RmsProp { .. } | Rule::Adadelta { .. } | Rule::Rprop { .. } => [lr, 0.0, 0.0],
            Rule::Adagrad { lr_decay, .. } => [lr / (1.0 + (t - 1.0) * lr_decay), 0.0, 0.0],
            Rule::Adamax { beta1, .. } => [lr / (1.0 - beta1.powf(t)), 0.0, 0.0],
            Rule::NAdam { beta1, beta2, momentum_decay, .. } => {
                let mu = |t: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(t * momentum_decay));
                let (here, next) = (mu(t), mu(t + 1.0));
                kept[1] = round(kept[1] * round(here));
                let of_gradient = -lr * (1.0 - here) / (1.0 - kept[1]);
                [of_gradient, -lr * next / (1.0 - kept[1] * next), 1.0 - beta2.powf(t)]
            }
            Rule::RAdam { beta1, beta2, .. } => {
                let correction = 1.0 - beta2.powf(t);
                let longest = 2.0 / (1.0 - beta2) - 1.0;
                let length = longest - 2.0 * t * beta2.powf(t) / correction;
                let rect =
                    (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length);
                [1.0 - beta1.powf(t), correction.sqrt(), if length > 5.0 { rect.sqrt() } else { 0.0 }]
            }
            Rule::Asgd { lambd, alpha, t0 } => {
                let now = [kept[1], kept[2], 0.0];
                kept[1] = round(lr / (1.0 + lambd * lr * t).powf(alpha));
                kept[2] = round(1.0 / (t - t0).max(1.0));
                now
            }
        }
    }
}

/// One step over slices: the parameter, its gradient and the state named at `Rule`.
pub fn step<T: Float<Acc: Fma>>(p: &mut [T], g: &[T], state: &mut [&mut [T]], now: Now, params: &RuleParams) {
    let common = Common::new::<T>(params);
    match params.rule {
        Rule::RmsProp { alpha: keep, eps, momentum, centered } => {
            let rule = RmsProp {
                keep: of(keep),
                rest: of(1.0 - keep),
                eps: of(eps),
                momentum: of(momentum),
                lerp: Lerp::new(1.0 - keep),
                centered,
                moving: momentum != 0.0,
                rate: of(-now[0]),
                step: alpha::<T>(-now[0]),
            };
            match state.len() {
                1 => run::<T, _, 1>(p, g, state, &common, &rule),
                2 => run::<T, _, 2>(p, g, state, &common, &rule),
                _ => run::<T, _, 3>(p, g, state, &common, &rule),
            }
        }
        Rule::Adagrad { eps, .. } => {
            run::<T, _, 1>(p, g, state, &common, &Adagrad { rate: of(-now[0]), eps: of(eps) });
        }
        Rule::Adadelta { rho, eps } => {
            let rule =
                Adadelta { rho: of(rho), rest: of(1.0 - rho), eps: of(eps), step: alpha::<T>(-now[0]) };
            run::<T, _, 2>(p, g, state, &common, &rule);
        }
        Rule::Adamax { beta1, beta2, eps } => {
            let rule =
                Adamax { lerp: Lerp::new(1.0 - beta1), beta2: of(beta2), eps: of(eps), rate: of(-now[0]) };
            run::<T, _, 2>(p, g, state, &common, &rule);
        }
        Rule::NAdam { beta1, beta2, eps, .. } => {
            let rule = NAdam {
                moments: Moments::new(beta1, beta2),
                eps: of(eps),
                of_gradient: of(now[0]),
                of_mean: of(now[1]),
                correction: of(now[2]),
            };
            run::<T, _, 2>(p, g, state, &common, &rule);
        }
        Rule::RAdam { beta1, beta2, eps } => {
            let rule = RAdam {
                moments: Moments::new(beta1, beta2),
                eps: of(eps),
                lr: of(params.lr),
                correction1: of(now[0]),
                root2: of(now[1]),
                rect: of(now[2]),
                rectified: now[2] != 0.0,
            };
            run::<T, _, 2>(p, g, state, &common, &rule);
        }
        Rule::Rprop { eta_minus, eta_plus, smallest, largest } => {
            let rule = Rprop {
                minus: of(eta_minus),
                plus: of(eta_plus),
                smallest: of(smallest),
                largest: of(largest),
            };
            run::<T, _, 2>(p, g, state, &common, &rule);
        }
        Rule::Asgd { lambd, .. } => {
            let rule = Asgd {
                shrink: of(1.0 - lambd * now[0]),
                step: alpha::<T>(-now[0]),
                mu: of(now[1]),
                copies: now[1] == 1.0,
            };
            run::<T, _, 1>(p, g, state, &common, &rule);
        }
    }
}

fn of<R: Fma>(x: f64) -> R {
    R::of(x)
}
