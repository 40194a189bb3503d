//! Random permutations (Fisher and Yates).

use super::Generator;
use super::integer::limits;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};

/// Below this length a draw takes 32 bits.
const SHORT: usize = (u32::MAX / 20) as usize;

/// The numbers 0 to n - 1 in random order, n being the length of `out`.
pub fn randperm<T: Element>(g: &mut Generator, out: &mut [T]) {
    let n = out.len();
    if n >= SHORT {
        for i in 0..n {
            let z = (g.random64() % (i as u64 + 1)) as usize;
            out[i] = out[z];
            out[z] = T::from_i64(i as i64);
        }
        return;
    }
    for (i, y) in out.iter_mut().enumerate() {
        *y = T::from_i64(i as i64);
    }
    for i in 0..n.saturating_sub(1) {
        let z = g.random() % (n - i) as u32;
        out.swap(i, i + z as usize);
    }
}

/// Whether `randperm(n, dtype)` can be: the dtype must hold n - 1.
pub fn check_randperm(n: i64, dtype: DType) -> Result<()> {
    let too_long = |most: &str| {
        let name = dtype.scalar_type();
        Err(Error::Runtime(format!("n cannot be greater than {most} for {name} type.")))
    };
    match dtype {
        _ if n < 0 => {
            Err(Error::Runtime(format!("Trying to create tensor with negative dimension {n}: [{n}]")))
        }
        DType::Bool => Err(Error::NotImplemented { op: "randperm".into(), dtype }),
        DType::F16 if n > (1 << 11) + 1 => too_long("2049"),
        DType::F32 if n > (1 << 24) + 1 => too_long("2^24+1"),
        DType::F64 if n > (1 << 53) + 1 => too_long("2^53+1"),
        _ if dtype.is_int() && n - 1 > limits(dtype).1 => Err(Error::Runtime(format!(
            "value cannot be converted to type {}_t without overflow",
            dtype.name()
        ))),
        _ => Ok(()),
    }
}
