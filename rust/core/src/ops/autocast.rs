//! Autocast: while a region is active, listed ops see their float inputs in another dtype.
//!
//! Products run in the region's half type, ops that lose too much in it run in float32, ops that join tensors run in
//! the widest type among them; the lists are PyTorch's for the CPU. An op asks once, at its head, through `autocast!`:
//! outside of regions that is one test of a thread-local flag. Inside, the inputs are cast (recorded, so gradients come
//! back in the dtype of the original) and the op is called again with autocast off, so that what it is made of is not
//! cast once more. float64 is left alone.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::dtype::DType;
use crate::error::Result;
use crate::runtime;
use crate::storage::Device;
use crate::tensor::{Tensor, grad_enabled};

/// Ops that run in the half type of the region.
const LOWER: &[&str] = &[
    "addbmm",
    "addmm",
    "baddbmm",
    "bmm",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "linalg_vecdot",
    "linear",
    "matmul",
    "mm",
    "prelu",
    "scaled_dot_product_attention",
];

/// Ops that run in float32.
const FLOAT32: &[&str] = &[
    "adaptive_avg_pool3d",
    "adaptive_max_pool3d",
    "avg_pool3d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cdist",
    "cholesky_inverse",
    "cholesky_solve",
    "cosine_embedding_loss",
    "cross_entropy_loss",
    "ctc_loss",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "geqrf",
    "grid_sampler",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "linalg_cholesky_ex",
    "linalg_cond",
    "linalg_eigh",
    "linalg_householder_product",
    "linalg_inv_ex",
    "linalg_lstsq",
    "linalg_matrix_rank",
    "linalg_qr",
    "linalg_solve",
    "linalg_svd",
    "linalg_tensorinv",
    "linalg_tensorsolve",
    "lu_solve",
    "lu_with_info",
    "margin_ranking_loss",
    "max_pool3d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "nll_loss",
    "ormqr",
    "poisson_nll_loss",
    "prod",
    "quantile",
    "reflection_pad1d",
    "reflection_pad2d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "smooth_l1_loss",
    "soft_margin_loss",
    "trace",
    "triangular_solve",
    "triplet_margin_loss",
];

/// Device types that have autocast, and the dtype each begins with. Only the CPU's settings have an effect.
const DEVICES: [(&str, DType); 9] = [
    ("cpu", DType::BF16),
    ("cuda", DType::F16),
    ("hpu", DType::BF16),
    ("ipu", DType::F16),
    ("maia", DType::BF16),
    ("mps", DType::F16),
    ("mtia", DType::F16),
    ("xla", DType::BF16),
    ("xpu", DType::F16),
];
const CPU: usize = 0;

struct State {
    enabled: [bool; DEVICES.len()],
    dtype: [DType; DEVICES.len()],
    caching: bool,
    nesting: i64,
    /// Weights that were cast in this region, by address; the weight is kept so that its address stays its own.
    cache: HashMap<usize, (Tensor, Tensor)>,
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static STATE: RefCell<State> = RefCell::new(State {
        enabled: [false; DEVICES.len()],
        dtype: DEVICES.map(|(_, dtype)| dtype),
        caching: true,
        nesting: 0,
        cache: HashMap::new(),
    });
}

/// Whether ops on the CPU are to cast.
#[inline]
pub fn on() -> bool {
    ON.get()
}

/// The number of a device type that has autocast.
pub fn device(name: &str) -> Option<usize> {
    DEVICES.iter().position(|(known, _)| *known == name)
}

pub fn enabled(device: usize) -> bool {
    STATE.with_borrow(|s| s.enabled[device])
}

pub fn set_enabled(device: usize, on: bool) {
    STATE.with_borrow_mut(|s| s.enabled[device] = on);
    if device == CPU {
        ON.set(on);
    }
}

pub fn dtype(device: usize) -> DType {
    STATE.with_borrow(|s| s.dtype[device])
}

pub fn set_dtype(device: usize, dtype: DType) {
    STATE.with_borrow_mut(|s| s.dtype[device] = dtype);
}

pub fn caching() -> bool {
    STATE.with_borrow(|s| s.caching)
}

pub fn set_caching(on: bool) {
    STATE.with_borrow_mut(|s| s.caching = on);
}

/// Enter or leave a region: how deep this thread is in them.
pub fn nest(by: i64) -> i64 {
    STATE.with_borrow_mut(|s| {
        s.nesting += by;
        s.nesting
    })
}

pub fn clear_cache() {
    // Freed outside of the borrow: the last handle to a tensor may run a destructor that asks for the state.
    drop(STATE.with_borrow_mut(|s| std::mem::take(&mut s.cache)));
}

/// Autocast off on this thread while it lives.
pub struct Pause(bool);

pub fn pause() -> Pause {
    Pause(ON.replace(false))
}

impl Drop for Pause {
    fn drop(&mut self) {
        ON.set(self.0);
    }
}

/// A call of a listed op: what to cast to, with autocast off until the op is done.
pub struct Call {
    to: DType,
    _off: Pause,
}

/// Begin a call of an op that is in one of the lists.
pub fn call(op: &str) -> Call {
    let lower = LOWER.contains(&op);
    debug_assert!(lower || FLOAT32.contains(&op), "autocast has no rule for {op}");
    Call { to: if lower { dtype(CPU) } else { DType::F32 }, _off: pause() }
}

/// Begin a call of an op that wants its tensors in one dtype: float32 if one of them has it, else the region's.
pub fn promote(tensors: &[&Tensor]) -> Result<Call> {
    let half = dtype(CPU);
    let mut to = half;
    for t in tensors.iter().filter(|t| is_eligible(t)) {
        to = match t.dtype() {
            DType::F32 => DType::F32,
            other if other == half => to,
            _ if to == DType::F32 => to,
            _ => return Err(runtime!("Unexpected floating ScalarType in at::autocast::prioritize")),
        };
    }
    Ok(Call { to, _off: pause() })
}

fn is_eligible(t: &Tensor) -> bool {
    t.dtype().is_float() && t.dtype() != DType::F64 && t.device() == Device::Cpu
}

impl Call {
    fn one(&self, t: &Tensor) -> Result<Tensor> {
        if !is_eligible(t) || t.dtype() == self.to {
            return Ok(t.clone());
        }
        let keep = self.to != DType::F32
            && t.dtype() == DType::F32
            && t.requires_grad()
            && t.is_leaf()
            && t.base().is_none()
            && grad_enabled()
            && caching();
        if !keep {
            return t.to_dtype(self.to);
        }
        if let Some(known) = STATE.with_borrow(|s| s.cache.get(&t.address()).map(|(_, cast)| cast.clone())) {
            return Ok(known);
        }
        let cast = t.to_dtype(self.to)?;
        STATE.with_borrow_mut(|s| s.cache.insert(t.address(), (t.clone(), cast.clone())));
        Ok(cast)
    }
}

/// What an op may take: a tensor, perhaps a tensor, several.
pub trait Cast {
    type Out;
    fn cast(self, call: &Call) -> Result<Self::Out>;
}

impl Cast for &Tensor {
    type Out = Tensor;
    fn cast(self, call: &Call) -> Result<Tensor> {
        call.one(self)
    }
}

impl Cast for Option<&Tensor> {
    type Out = Option<Tensor>;
    fn cast(self, call: &Call) -> Result<Option<Tensor>> {
        self.map(|t| call.one(t)).transpose()
    }
}

impl Cast for &[Tensor] {
    type Out = Vec<Tensor>;
    fn cast(self, call: &Call) -> Result<Vec<Tensor>> {
        self.iter().map(|t| call.one(t)).collect()
    }
}

/// `autocast!("mm": a = self, b = other => a.mm(&b))` at the head of `mm`: inside a region, the same call on the cast
/// inputs. The op must be in one of the lists; `(promote(..)?)` in the name's place is for those that join tensors.
#[macro_export]
macro_rules! autocast {
    (($call:expr): $($name:ident = $tensor:expr),+ => $again:expr) => {
        if $crate::ops::autocast::on() {
            let call = $call;
            $(let $name = $crate::ops::autocast::Cast::cast($tensor, &call)?;)+
            return $again;
        }
    };
    ($op:expr; $($name:ident = $tensor:expr),+ => $again:expr) => {
        $crate::autocast!(($crate::ops::autocast::call($op)): $($name = $tensor),+ => $again)
    };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn region<R>(dtype: DType, f: impl FnOnce() -> R) -> R {
        set_dtype(CPU, dtype);
        set_enabled(CPU, true);
        nest(1);
        let out = f();
        nest(-1);
        clear_cache();
        set_enabled(CPU, false);
        set_dtype(CPU, DType::BF16);
        out
    }

    fn matrix() -> Tensor {
        Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2]).unwrap()
    }

    #[test]
    fn products_are_lowered_once_and_gradients_come_back_wide() {
        let (x, w) = (matrix(), matrix());
        w.set_requires_grad(true).unwrap();
        let y = region(DType::F16, || {
            let y = x.mm(&w).unwrap();
            assert_eq!(STATE.with_borrow(|s| s.cache.len()), 1);
            assert_eq!(y.mm(&w).unwrap().dtype(), DType::F16);
            assert_eq!(STATE.with_borrow(|s| s.cache.len()), 1);
            assert_eq!(y.prod(None, false, None).unwrap().dtype(), DType::F32);
            assert!(on());
            y
        });
        assert_eq!(y.dtype(), DType::F16);
        assert_eq!(x.mm(&w).unwrap().dtype(), DType::F32);
        let g = Tensor::from_slice(&[half::f16::ONE; 4], &[2, 2]).unwrap();
        crate::autograd::backward(&[(y, Some(g))], &[], Default::default()).unwrap();
        let grad = w.grad().unwrap();
        assert_eq!((grad.dtype(), grad.slice::<f32>()), (DType::F32, &[4.0f32, 4.0, 6.0, 6.0][..]));
    }

    #[test]
    fn a_refused_op_leaves_autocast_on() {
        region(DType::BF16, || {
            assert!(matrix().mm(&Tensor::zeros(&[3, 3], DType::F32).unwrap()).is_err());
            assert!(on());
        });
        assert!(!on());
    }
}
