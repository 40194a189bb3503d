//! The one error type. A variant that carries fields is one that several ops raise; the five plain variants carry a
//! finished text and are named after the Python exception they become.

use crate::dtype::DType;

pub type Result<T> = std::result::Result<T, Error>;

/// What a user can do wrong, by the exception PyTorch raises for it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    #[error(
        "The size of tensor a ({lhs}) must match the size of tensor b ({rhs}) at non-singleton dimension {dim}"
    )]
    Broadcast { lhs: usize, rhs: usize, dim: usize },
    #[error("Dimension out of range (expected to be in range of [{}, {}], but got {dim})", -(*.rank as isize).max(1), (*.rank as isize).max(1) - 1)]
    Dim { dim: isize, rank: usize },
    #[error("\"{op}\" not implemented for '{}'", .dtype.scalar_type())]
    NotImplemented { op: std::borrow::Cow<'static, str>, dtype: DType },
    #[error("{op}: not available on {device}")]
    Unsupported { op: &'static str, device: &'static str },
    #[error("result type {} can't be cast to the desired output type {}", .from.scalar_type(), .to.scalar_type())]
    Cast { from: DType, to: DType },
    #[error("{op}: could not allocate {bytes} bytes")]
    Memory { op: &'static str, bytes: usize },
    /// RuntimeError
    #[error("{0}")]
    Runtime(String),
    /// LinAlgError: a matrix that cannot be factored
    #[error("{0}")]
    LinAlg(String),
    /// ValueError
    #[error("{0}")]
    Value(String),
    /// IndexError
    #[error("{0}")]
    Index(String),
    /// TypeError
    #[error("{0}")]
    Type(String),
    /// NotImplementedError
    #[error("{0}")]
    Missing(String),
    /// An exception a Python callback raised (a hook, a custom Function); the bindings keep the exception itself.
    #[error("{0}")]
    Callback(String),
}

/// `runtime!("text {}", x)`: an `Error::Runtime` with a formatted text; likewise `value!`, `index!`, `type_error!`,
/// `missing!`.
#[macro_export]
macro_rules! runtime {
    ($($arg:tt)*) => { $crate::error::Error::Runtime(format!($($arg)*)) };
}
#[macro_export]
macro_rules! value {
    ($($arg:tt)*) => { $crate::error::Error::Value(format!($($arg)*)) };
}
#[macro_export]
macro_rules! index {
    ($($arg:tt)*) => { $crate::error::Error::Index(format!($($arg)*)) };
}
#[macro_export]
macro_rules! type_error {
    ($($arg:tt)*) => { $crate::error::Error::Type(format!($($arg)*)) };
}
#[macro_export]
macro_rules! missing {
    ($($arg:tt)*) => { $crate::error::Error::Missing(format!($($arg)*)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_as_pytorchs() {
        let e = Error::Dim { dim: 5, rank: 2 };
        assert_eq!(e.to_string(), "Dimension out of range (expected to be in range of [-2, 1], but got 5)");
        let e = Error::Dim { dim: 1, rank: 0 };
        assert_eq!(e.to_string(), "Dimension out of range (expected to be in range of [-1, 0], but got 1)");
        let e = Error::Cast { from: DType::F32, to: DType::I64 };
        assert_eq!(e.to_string(), "result type Float can't be cast to the desired output type Long");
        let e = Error::NotImplemented { op: "exp_cpu".into(), dtype: DType::Bool };
        assert_eq!(e.to_string(), "\"exp_cpu\" not implemented for 'Bool'");
    }
}
