//! Tensors, kernels and the autograd tape of tensorrs. A file may use its own floor and the floors below it.

// A kernel has one text for all its dtypes: `x < 0` is no mistake where one of them is unsigned.
#![allow(clippy::absurd_extreme_comparisons)]

// floor 0: arithmetic about tensors, no data
pub mod dtype;
pub mod error;
pub mod layout;
pub mod shape;
pub mod strided;
// floor 1: memory and machine
#[cfg(all(any(target_os = "linux", target_vendor = "apple"), not(miri)))]
mod fork;
pub mod parallel;
pub mod random;
pub mod simd;
pub mod storage;
// floor 2: kernels
pub mod backend;
// floor 3: the handle and the tape
pub mod tensor;
// floor 4: ops, each with its derivative
pub mod ops;
// floor 5: the engine
pub mod autograd;

pub use dtype::DType;
pub use error::{Error, Result};
pub use storage::Device;
pub use tensor::{Scalar, Tensor};
