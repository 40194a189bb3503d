//! Inputs of the benches: numbers without structure, because zeros and ones flatter a kernel.

use tensorrs_core::Tensor;

/// `n` numbers in -1..1, the same every time.
pub fn numbers(n: usize) -> Vec<f32> {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    (0..n)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
        })
        .collect()
}

/// A float32 tensor of such numbers.
///
/// # Panics
/// If there is no memory for it.
pub fn tensor(shape: &[usize]) -> Tensor {
    Tensor::from_slice(&numbers(shape.iter().product()), shape).expect("memory for a bench's input")
}
